"""Exchanges, which leave a local minimum: partitions that differ from a given one in a cell or two."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .cell_distortion import Floats
from .partition_batch import Ints, PartitionBatch, joined, normalised

Change = tuple[Ints, Floats | float]  # a group of each row, and the number of cells added to it


def exchanges(parts: PartitionBatch, parameter: Floats, most: Ints) -> PartitionBatch:
    """List the partitions one exchange away: one cell of a group merged, split, added, removed or resized.

    A quarter of a group is also added or removed. Only partitions of at least one cell and at most ``most`` are listed.
    """
    moved = joined(_moves(parts))
    number = moved.counts.sum(axis=1)
    moved = moved.take((number > 0) & (number <= most[moved.owner]))
    return normalised(moved._replace(parameter=parameter[moved.owner]))


def _moves(parts: PartitionBatch) -> Iterator[PartitionBatch]:
    """Yield the rows after each kind of exchange, for every group at once; sizes need not sum to 1."""
    present = parts.counts > 0
    rows, i = np.nonzero(present)
    size, count = parts.sizes[rows, i], parts.counts[rows, i]
    yield _changed(parts, rows, [(i, -1.0)], [(size / 2, 2.0)])
    yield _changed(parts, rows, [(i, -1.0)], [(0.8 * size, 1.0), (0.2 * size, 1.0)])
    yield _changed(parts, rows, [(i, 1.0)])
    yield _changed(parts, rows, [(i, -1.0)])
    large = count >= 8
    quarter = np.floor(count[large] / 4)
    yield _changed(parts, rows[large], [(i[large], quarter)])
    yield _changed(parts, rows[large], [(i[large], -quarter)])
    several = count > 1
    rows, i, size = rows[several], i[several], size[several]
    yield _changed(parts, rows, [(i, -2.0)], [(2.0 * size, 1.0)])
    yield _changed(parts, rows, [(i, -1.0)], [(1.5 * size, 1.0)])
    yield _changed(parts, rows, [(i, -1.0)], [(0.6 * size, 1.0)])
    rows, i, j = np.nonzero(present[:, :, None] & present[:, None, :] & ~np.eye(present.shape[1], dtype=bool))
    yield _changed(parts, rows, [(i, -1.0), (j, 1.0)])
    rows, i, j = rows[i < j], i[i < j], j[i < j]
    both = parts.sizes[rows, i] + parts.sizes[rows, j]
    yield _changed(parts, rows, [(i, -1.0), (j, -1.0)], [(both, 1.0)])


def _changed(
    parts: PartitionBatch, rows: Ints, changes: list[Change], new: list[tuple[Floats, float]] | None = None
) -> PartitionBatch:
    """Change counts of some rows, which may be listed several times, and append ``new`` groups of a size and count."""
    sizes, counts, every = parts.sizes[rows], parts.counts[rows], np.arange(rows.size)
    for group, more in changes:
        counts[every, group] += more
    for size, count in new or ():
        sizes = np.column_stack([sizes, size])
        counts = np.column_stack([counts, np.full(rows.size, count)])
    return PartitionBatch(sizes, counts, parts.owner[rows], parts.parameter[rows])

"""Batches of partitions: each row has groups of equal cells, by their size and number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .cell_distortion import Floats

Ints = NDArray[np.intp]


class PartitionBatch(NamedTuple):
    """A batch of partitions, one per row: the size and the number of cells of each group of equal cells.

    ``counts`` is 0 where a row has fewer groups. ``owner`` is the index of the problem that a row is a candidate for,
    ``parameter`` that problem's distortion or, where the Lagrangian is minimised, its λ.
    """

    sizes: Floats
    counts: Floats
    owner: Ints
    parameter: Floats

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> PartitionBatch:
        """Select rows, and drop columns that none of them uses."""
        counts = self.counts[rows]
        used = counts.any(axis=0) | (np.arange(counts.shape[1]) == 0)
        return PartitionBatch(self.sizes[rows][:, used], counts[:, used], self.owner[rows], self.parameter[rows])

    def copy(self) -> PartitionBatch:
        """Make contiguous copies of the arrays."""
        return PartitionBatch(self.sizes.copy(), self.counts.copy(), self.owner.copy(), self.parameter.copy())


Group = tuple[float, float]  # size, count


def build(rows: Sequence[tuple[int, Sequence[Group]]], parameter: Floats) -> PartitionBatch:
    """Make partitions from lists of (size, count) pairs, each with its owner; sizes are scaled to sum to 1."""
    width = max((len(groups) for _, groups in rows), default=1)
    padded = [[*groups, *[(1.0, 0.0)] * (width - len(groups))] for _, groups in rows]
    table = np.array(padded, dtype=np.float64).reshape(len(rows), width, 2)
    owner = np.array([owner for owner, _ in rows], dtype=np.intp)
    return normalised(PartitionBatch(table[..., 0], table[..., 1], owner, parameter[owner]))


def normalised(parts: PartitionBatch) -> PartitionBatch:
    """Scale the sizes to sum to 1, and set those of absent groups to 1."""
    total = (parts.counts * parts.sizes).sum(axis=1, keepdims=True)
    sizes = np.where(parts.counts > 0, parts.sizes / np.where(total > 0, total, 1.0), 1.0)
    return parts._replace(sizes=sizes)


def joined(batches: Iterable[PartitionBatch]) -> PartitionBatch:
    """Join all rows of all batches."""
    every = list(batches)
    width = max(batch.sizes.shape[1] for batch in every)
    sizes = [np.pad(b.sizes, ((0, 0), (0, width - b.sizes.shape[1])), constant_values=1.0) for b in every]
    counts = [np.pad(b.counts, ((0, 0), (0, width - b.counts.shape[1]))) for b in every]
    owner = np.concatenate([b.owner for b in every])
    return PartitionBatch(
        np.concatenate(sizes), np.concatenate(counts), owner, np.concatenate([b.parameter for b in every])
    )


def grouped(parts: PartitionBatch, tolerance: float = 1e-6) -> PartitionBatch:
    """Sort groups by decreasing size and merge those within a relative ``tolerance``."""
    key = np.where(parts.counts > 0, parts.sizes, -1.0)
    order = np.argsort(-key, axis=1, kind="stable")
    sizes, counts = (np.take_along_axis(a, order, axis=1) for a in (key, parts.counts))
    opens = np.ones(sizes.shape, dtype=bool)
    opens[:, 1:] = sizes[:, 1:] < sizes[:, :-1] * (1 - tolerance)
    column = np.cumsum(opens, axis=1) - 1
    merged, mass = np.zeros_like(counts), np.zeros_like(counts)
    rows = np.arange(sizes.shape[0])[:, None]
    np.add.at(merged, (rows, column), counts)
    np.add.at(mass, (rows, column), counts * np.maximum(sizes, 0.0))
    mean = np.where(merged > 0, mass / np.where(merged > 0, merged, 1.0), 1.0)
    return normalised(parts._replace(sizes=mean, counts=merged))


def entropy(parts: PartitionBatch) -> Floats:
    """Compute the entropy of every row, nats."""
    total: Floats = -(parts.counts * parts.sizes * np.log(parts.sizes)).sum(axis=1)
    return total


def best_rows(parts: PartitionBatch, values: Floats, keep: int) -> Ints:
    """Find the rows of the ``keep`` lowest values of each owner; values within 1e-9 of the next lower one are left out.

    Otherwise starts that end in the same partition would crowd out the second best.
    """
    order = np.lexsort((values, parts.owner))
    owner, value = parts.owner[order], values[order]
    new_owner = np.ones(order.size, dtype=bool)
    new_owner[1:] = owner[1:] != owner[:-1]
    distinct = new_owner.copy()
    distinct[1:] |= value[1:] > value[:-1] + 1e-9
    order, new_owner = order[distinct], new_owner[distinct]
    starts = np.flatnonzero(new_owner)
    rank = np.arange(order.size) - np.repeat(starts, np.diff(np.append(starts, order.size)))
    rows: Ints = order[rank < keep]
    return rows

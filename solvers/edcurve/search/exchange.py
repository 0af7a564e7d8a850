"""Exchanges, the ways out of a local minimum: partitions that differ from a given one in a cell or two."""

from __future__ import annotations

from collections.abc import Iterator

from .cell_distortion import Floats
from .partition_batch import Group, Ints, PartitionBatch, build


def exchanges(parts: PartitionBatch, given: Floats, most: Ints) -> PartitionBatch:
    """List the partitions one exchange away: one cell of a group merged, split, added, removed or resized.

    A quarter of a group is also added or removed. Only partitions of at most ``most`` cells are listed.
    """
    rows: list[tuple[int, list[Group]]] = []
    for owner, sizes, counts in zip(parts.owner.tolist(), parts.sizes, parts.counts, strict=True):
        groups = [(s, m) for s, m in zip(sizes.tolist(), counts.tolist(), strict=True) if m > 0]
        rows += [(owner, moved) for moved in _moves(groups) if sum(m for _, m in moved) <= most[owner]]
    return build(rows, given)


def _moves(groups: list[Group]) -> Iterator[list[Group]]:
    """Yield the groups after each exchange; sizes need not sum to 1, as `build` scales them."""
    for i, (size, count) in enumerate(groups):
        yield _changed(groups, {i: -1}, [(size / 2, 2.0)])
        yield _changed(groups, {i: -1}, [(0.8 * size, 1.0), (0.2 * size, 1.0)])
        for more in {1, max(1, int(count / 4))}:
            yield _changed(groups, {i: more}, [])
            yield _changed(groups, {i: -more}, [])
        if count > 1:
            yield _changed(groups, {i: -2}, [(2 * size, 1.0)])
            yield _changed(groups, {i: -1}, [(1.5 * size, 1.0)])
            yield _changed(groups, {i: -1}, [(0.6 * size, 1.0)])
        for j, (other, _) in enumerate(groups):
            if j > i:
                yield _changed(groups, {i: -1, j: -1}, [(size + other, 1.0)])
            if j != i:
                yield _changed(groups, {i: -1, j: 1}, [])


def _changed(groups: list[Group], change: dict[int, float], new: list[Group]) -> list[Group]:
    """Change some counts of ``groups`` and append ``new`` groups; if no cell is left, return ``groups``."""
    kept = [(s, m + change.get(i, 0)) for i, (s, m) in enumerate(groups)]
    return [group for group in kept if group[1] > 0] + new or groups

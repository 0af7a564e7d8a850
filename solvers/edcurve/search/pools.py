"""The problems of a search and their pools of candidate partitions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .cell_distortion import Cells, Floats
from .partition_batch import Ints, Partitions, best_rows, build, entropy, joined


class Task(NamedTuple):
    """What to minimise and how hard to try: one entry of ``targets``, ``fewest`` and ``most`` per problem."""

    cells: Cells
    targets: Floats
    fewest: Ints
    most: Ints
    lmbda: float | None
    starts: int
    structured: bool


class Pool(NamedTuple):
    """Candidate partitions and their costs."""

    parts: Partitions
    cost: Floats

    def best(self, keep: int) -> Pool:
        """Keep the ``keep`` best of each owner, owners in order."""
        rows = best_rows(self.parts, self.cost, keep)
        return Pool(self.parts.take(rows), self.cost[rows])


def price(task: Task, sizes: Floats) -> Floats:
    """Compute h(p), plus λ d(p) if λ is given."""
    logs = np.log(np.where(sizes > 0, sizes, 1.0))
    total: Floats = -sizes * logs + (task.lmbda or 0.0) * task.cells.tabulated(sizes).value
    return total


def equal_cells(task: Task, owners: Ints) -> Pool:
    """Take the fewest equal cells that meet the distortion: always feasible."""
    rows = [(owner, [(1.0, float(task.fewest[owner]))]) for owner in owners.tolist()]
    parts = build(rows, task.targets)
    return Pool(parts, cost_of(task, parts))


def cost_of(task: Task, parts: Partitions) -> Floats:
    """Compute what is minimised, of every row."""
    if task.lmbda is None:
        return entropy(parts)
    cost: Floats = (parts.counts * price(task, parts.sizes)).sum(axis=1)
    return cost


def merged(pools: list[Pool]) -> Pool:
    """Join pools."""
    return Pool(joined([pool.parts for pool in pools]), np.concatenate([pool.cost for pool in pools]))

"""The task of a search, its problems, and the pools of candidate partitions for them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .cell_distortion import Floats, TabulatedDistortion
from .partition_batch import Ints, PartitionBatch, best_rows, build, entropy, joined


class SearchTask(NamedTuple):
    """What to minimise and how hard to try: one entry of ``targets``, ``fewest`` and ``most`` per problem.

    With ``lmbda`` given, the Lagrangian is minimised and ``targets`` are not used.
    """

    d: TabulatedDistortion
    targets: Floats
    fewest: Ints
    most: Ints
    lmbda: float | None
    starts: int
    structured: bool


class CandidatePool(NamedTuple):
    """Candidate partitions of several problems, and their costs."""

    parts: PartitionBatch
    cost: Floats

    def best(self, keep: int) -> CandidatePool:
        """Keep the ``keep`` best of each owner, owners in order."""
        rows = best_rows(self.parts, self.cost, keep)
        return CandidatePool(self.parts.take(rows), self.cost[rows])


def price(task: SearchTask, sizes: Floats) -> Floats:
    """Compute what a cell adds to the cost: h(p), plus λ d(p) if λ is given."""
    logs = np.log(np.where(sizes > 0, sizes, 1.0))
    total: Floats = -sizes * logs + (task.lmbda or 0.0) * task.d.tabulated(sizes).value
    return total


def equal_cells(task: SearchTask, owners: Ints) -> CandidatePool:
    """Take the fewest equal cells that meet the distortion: always feasible."""
    rows = [(owner, [(1.0, float(task.fewest[owner]))]) for owner in owners.tolist()]
    parts = build(rows, task.targets)
    return CandidatePool(parts, cost_of(task, parts))


def cost_of(task: SearchTask, parts: PartitionBatch) -> Floats:
    """Compute the cost of every row: its entropy or, if λ is given, its Lagrangian."""
    if task.lmbda is None:
        return entropy(parts)
    cost: Floats = (parts.counts * price(task, parts.sizes)).sum(axis=1)
    return cost


def merged(pools: list[CandidatePool]) -> CandidatePool:
    """Join pools."""
    return CandidatePool(joined([pool.parts for pool in pools]), np.concatenate([pool.cost for pool in pools]))

"""The task of a search, its problems, and pools of candidate partitions for them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .cell_distortion import Floats, TabulatedDistortion
from .partition_batch import Ints, PartitionBatch, best_rows, build, entropy, joined


class SearchTask(NamedTuple):
    """What to minimise and with how much effort: one entry of ``parameter``, ``fewest`` and ``most`` per problem.

    ``parameter`` is a distortion where the entropy is minimised, and λ where the Lagrangian is.
    """

    d: TabulatedDistortion
    parameter: Floats
    fewest: Ints
    most: Ints
    lagrangian: bool
    starts: int
    structured: bool


class CandidatePool(NamedTuple):
    """Candidate partitions of several problems, and their costs."""

    parts: PartitionBatch
    cost: Floats

    def best(self, keep: int) -> CandidatePool:
        """Keep the ``keep`` best rows of each owner, sorted by owner."""
        rows = best_rows(self.parts, self.cost, keep)
        return CandidatePool(self.parts.take(rows), self.cost[rows])


def price(task: SearchTask, sizes: Floats, lmbda: Floats) -> Floats:
    """Compute a cell's contribution to the Lagrangian: h(p) + λ d(p)."""
    logs = np.log(np.where(sizes > 0, sizes, 1.0))
    total: Floats = -sizes * logs + lmbda * task.d.tabulated(sizes).value
    return total


def equal_cells(task: SearchTask, owners: Ints) -> CandidatePool:
    """Take the fewest equal cells that meet the distortion: always feasible."""
    rows = [(owner, [(1.0, float(task.fewest[owner]))]) for owner in owners.tolist()]
    parts = build(rows, task.parameter)
    return CandidatePool(parts, cost_of(task, parts))


def cost_of(task: SearchTask, parts: PartitionBatch) -> Floats:
    """Compute the cost of every row: its entropy or its Lagrangian."""
    if not task.lagrangian:
        return entropy(parts)
    cost: Floats = (parts.counts * price(task, parts.sizes, parts.parameter[:, None])).sum(axis=1)
    return cost


def merged(pools: list[CandidatePool]) -> CandidatePool:
    """Join pools."""
    return CandidatePool(joined([pool.parts for pool in pools]), np.concatenate([pool.cost for pool in pools]))

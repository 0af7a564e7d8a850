"""The search from many starts: descent, exchanges, and warm starts between neighbouring problems."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .cell_distortion import Floats
from .exchange import exchanges
from .initial_partitions import random_starts, structured_starts, tempered
from .partition_batch import Group, Ints, PartitionBatch, build, grouped
from .polish import PolishedPartitions, polished
from .pools import CandidatePool, SearchTask, cost_of, equal_cells, merged, price
from .size_multiples import ParetoFront, knapsack
from .sqp import SQPProblem, descend

GRID = 48
"""Some structured starts are on the Pareto front of partitions into multiples of 1/GRID."""
GRID_CELLS = 20
"""Problems that need more cells than this get no starts from the front: the grid is too coarse for them."""


def solve(
    task: SearchTask, seed: int, progress: Callable[[int, int], None] | None = None, chunk: int = 16
) -> PolishedPartitions:
    """Find the best partition for each problem; neighbouring problems should be similar.

    Problems are searched ``chunk`` at a time, each chunk with random numbers of its own.
    """
    problem = SQPProblem(task.d.tabulated, task.lagrangian)
    front = _front(task)
    number = task.parameter.size
    pools, ends = [], []
    for first in range(0, number, chunk):
        owners = np.arange(first, min(first + chunk, number))
        best, starts = _searched(task, problem, owners, np.random.default_rng([seed, first]), front)
        pools.append(best)
        ends.append(starts)
        if progress is not None:
            progress(int(owners[-1]) + 1, number)
    best = merged(pools)
    if number > 1:
        best = _exchanged(task, problem, _shared(task, problem, best))
    return polished(task, best, merged(ends))


def _searched(
    task: SearchTask, problem: SQPProblem, owners: Ints, rng: np.random.Generator, front: ParetoFront | None
) -> tuple[CandidatePool, CandidatePool]:
    """Find the two best partitions of each problem in ``owners``, and the end point of every start."""
    ends = merged([_descended(task, problem, batch) for batch in _batches(task, owners, rng, front)])
    # exchanges may lead lower from the second best partition than from the best
    return _exchanged(task, problem, merged([ends, equal_cells(task, owners)]).best(2)), ends


def _batches(
    task: SearchTask, owners: Ints, rng: np.random.Generator, front: ParetoFront | None
) -> list[PartitionBatch]:
    """Make the starts, in batches of similar width, because rows are padded to the widest of a batch."""
    few = np.minimum(task.most, task.fewest + 6)
    batches = [random_starts(rng, owners, task.starts, np.minimum(task.fewest, few), few, task.parameter)]
    if task.structured:
        ladder = np.minimum(task.most, 16 * task.fewest + 48)
        batches += [structured_starts(owners, task.fewest, ladder, task.parameter)]
        batches += [_grid_starts(task, owners, front)]
    batches = [batch.take(batch.counts.sum(axis=1) <= task.most[batch.owner]) for batch in batches]
    return [batch for batch in batches if batch.owner.size]


def _front(task: SearchTask) -> ParetoFront | None:
    if task.lagrangian or not task.structured or task.fewest.min() > GRID_CELLS:
        return None
    return ParetoFront(task.d.tabulated(np.arange(GRID + 1) / GRID).value)


def _grid_starts(task: SearchTask, owners: Ints, front: ParetoFront | None) -> PartitionBatch:
    rows: list[tuple[int, list[Group]]] = []
    if task.lagrangian:
        grids = {owner: _knapsack_grid(int(task.fewest[owner])) for owner in owners.tolist()}
        rows = [(owner, knapsack(price(task, grid, task.parameter[owner]))) for owner, grid in grids.items()]
    elif front is not None:
        coarse = owners[task.fewest[owners] <= GRID_CELLS].tolist()
        rows = [(owner, groups) for owner in coarse for groups in front.near(task.parameter[owner])]
    return build(rows, task.parameter)


def _knapsack_grid(cells: int) -> Floats:
    """List multiples of 1/N, about 32 per equal cell; N is from 256 to 2048."""
    number = min(max(32 * cells, 256), 2048)
    return np.arange(number + 1) / number


def _descended(task: SearchTask, problem: SQPProblem, parts: PartitionBatch) -> CandidatePool:
    """Descend from each row that can be brought to its distortion."""
    if not task.lagrangian:
        parts = tempered(task.d, parts)
    ends = descend(problem, parts)
    # a descent that ended at another distortion gave no feasible partition
    feasible = np.abs(ends.excess) <= 1e-8 * parts.parameter
    kept = grouped(ends.parts.take(feasible))
    return CandidatePool(kept, cost_of(task, kept))


def _exchanged(task: SearchTask, problem: SQPProblem, best: CandidatePool, rounds: int = 12) -> CandidatePool:
    """Exchange cells and descend again, until nothing improves."""
    open_rows = np.arange(best.cost.size)
    for _ in range(rounds):
        moved = exchanges(best.parts.take(open_rows), task.parameter, task.most)
        if moved.owner.size == 0:
            break
        better = merged([best, _descended(task, problem, moved)]).best(2)
        open_rows = _new_rows(better, best)
        best = better
    return best


def _new_rows(new: CandidatePool, old: CandidatePool) -> Ints:
    """Find the rows of owners whose lowest cost fell by more than 1e-9; exchanges continue from these."""
    before, after = _lowest(old), _lowest(new)
    return np.flatnonzero((after < before - 1e-9)[new.parts.owner])


def _lowest(pool: CandidatePool) -> Floats:
    lowest = np.full(pool.parts.owner.max() + 1, np.inf)
    np.minimum.at(lowest, pool.parts.owner, pool.cost)
    return lowest


def _shared(task: SearchTask, problem: SQPProblem, best: CandidatePool, rounds: int = 4) -> CandidatePool:
    """Restart each problem from the solutions of its neighbours at offsets ±1, ±2, ±4, …, a few times."""
    for _ in range(rounds):
        pools = [_descended(task, problem, _shifted(task, best.parts, offset)) for offset in _offsets(task)]
        better = merged([best, *pools]).best(2)
        improved = _new_rows(better, best).size
        best = better
        if not improved:
            break
    return best


def _offsets(task: SearchTask) -> list[int]:
    powers = [2**i for i in range(12) if 2**i < task.parameter.size]
    return [sign * power for power in powers for sign in (1, -1)]


def _shifted(task: SearchTask, parts: PartitionBatch, offset: int) -> PartitionBatch:
    owner = parts.owner + offset
    inside = (owner >= 0) & (owner < task.parameter.size)
    inside &= parts.counts.sum(axis=1) <= task.most[np.clip(owner, 0, task.parameter.size - 1)]
    owner = owner[inside]
    return parts.take(inside)._replace(owner=owner, parameter=task.parameter[owner])

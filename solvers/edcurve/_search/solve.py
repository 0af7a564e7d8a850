"""The search itself: starts, descent, exchanges, warm starts between neighbours, polish."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from edcurve._search.cells import Cells, Floats
from edcurve._search.descent import Bools, Problem, State, curvature, descend, is_convex, measured, retracted
from edcurve._search.exchange import exchanges
from edcurve._search.grids import Front, knapsack
from edcurve._search.partitions import Group, Ints, Partitions, best_rows, build, entropy, grouped, joined, normalised
from edcurve._search.sizing import rounding
from edcurve._search.starts import random_starts, structured_starts, tempered

grid = 48
"""Structured starts come from a Pareto front of sizes k/grid too, up to ``grid_cells`` cells."""
grid_cells = 20


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


class Found(NamedTuple):
    """The best partition of each problem, how good it is as a stationary point, and how many starts agree."""

    parts: Partitions
    lmbda: Floats
    residual: Floats
    convex: Bools
    starts: Ints
    agreeing: Ints


def solve(task: Task, seed: int, progress: Callable[[int, int], None] | None = None, chunk: int = 16) -> Found:
    """Find the best partition for each problem; neighbouring problems should be similar."""
    problem = Problem(task.cells.tabulated, task.lmbda)
    front = _front(task)
    number = task.targets.size
    pools, ends = [], []
    for first in range(0, number, chunk):
        owners = np.arange(first, min(first + chunk, number))
        best, starts = _searched(task, problem, owners, np.random.default_rng([seed, first]), front)
        pools.append(best)
        ends.append(starts)
        if progress is not None:
            progress(int(owners[-1]) + 1, number)
    best = _merged(pools)
    if number > 1:
        best = _exchanged(task, problem, _shared(task, problem, best))
    return _polished(task, best, _merged(ends))


def _searched(
    task: Task, problem: Problem, owners: Ints, rng: np.random.Generator, front: Front | None
) -> tuple[Pool, Pool]:
    """Find the two best partitions of some problems, and where every start ended."""
    ends = _merged([_descended(task, problem, batch) for batch in _batches(task, owners, rng, front)])
    return _exchanged(task, problem, _merged([ends, _equal(task, owners)]).best(2)), ends


def _batches(task: Task, owners: Ints, rng: np.random.Generator, front: Front | None) -> list[Partitions]:
    """Draw up the starts, in batches of similar width."""
    few = np.minimum(task.most, task.fewest + 6)
    batches = [random_starts(rng, owners, task.starts, np.minimum(task.fewest, few), few, task.targets)]
    if task.structured:
        ladder = np.minimum(task.most, 16 * task.fewest + 48)
        batches += [structured_starts(owners, task.fewest, ladder, task.targets)]
        batches += [_grid_starts(task, owners, front)]
    batches = [batch.take(batch.counts.sum(axis=1) <= task.most[batch.owner]) for batch in batches]
    return [batch for batch in batches if batch.owner.size]


def _front(task: Task) -> Front | None:
    if task.lmbda is not None or not task.structured or task.fewest.min() > grid_cells:
        return None
    return Front(task.cells.tabulated(np.arange(grid + 1) / grid).value)


def _grid_starts(task: Task, owners: Ints, front: Front | None) -> Partitions:
    rows: list[tuple[int, list[Group]]] = []
    if task.lmbda is not None:
        rows = [(0, knapsack(_price(task, _knapsack_grid(int(task.fewest[0])))))]
    elif front is not None:
        coarse = owners[task.fewest[owners] <= grid_cells].tolist()
        rows = [(owner, groups) for owner in coarse for groups in front.near(task.targets[owner])]
    return build(rows, task.targets)


def _knapsack_grid(cells: int) -> Floats:
    """Multiples of 1/N, about 32 of them to an equal cell; from 256 to 2048 in all."""
    number = min(max(32 * cells, 256), 2048)
    return np.arange(number + 1) / number


def _price(task: Task, sizes: Floats) -> Floats:
    logs = np.log(np.where(sizes > 0, sizes, 1.0))
    price: Floats = -sizes * logs + (task.lmbda or 0.0) * task.cells.tabulated(sizes).value
    return price


def _equal(task: Task, owners: Ints) -> Pool:
    """Take the fewest equal cells that meet the distortion: always feasible."""
    rows = [(owner, [(1.0, float(task.fewest[owner]))]) for owner in owners.tolist()]
    parts = build(rows, task.targets)
    return Pool(parts, _cost(task, parts))


def _cost(task: Task, parts: Partitions) -> Floats:
    if task.lmbda is None:
        return entropy(parts)
    cost: Floats = (parts.counts * _price(task, parts.sizes)).sum(axis=1)
    return cost


def _descended(task: Task, problem: Problem, parts: Partitions) -> Pool:
    """Descend from each row that can be brought to its distortion."""
    if task.lmbda is None:
        parts = tempered(problem.evaluate, parts)
    ends = descend(problem, parts)
    feasible = np.abs(ends.excess) <= 1e-8 * parts.target
    kept = grouped(ends.parts.take(feasible))
    return Pool(kept, _cost(task, kept))


def _merged(pools: list[Pool]) -> Pool:
    return Pool(joined([pool.parts for pool in pools]), np.concatenate([pool.cost for pool in pools]))


def _exchanged(task: Task, problem: Problem, best: Pool, rounds: int = 12) -> Pool:
    """Exchange cells and descend again, until nothing improves."""
    open_rows = np.arange(best.cost.size)
    for _ in range(rounds):
        moved = exchanges(best.parts.take(open_rows), task.targets, task.most)
        if moved.owner.size == 0:
            break
        better = _merged([best, _descended(task, problem, moved)]).best(2)
        open_rows = _new_rows(better, best)
        best = better
    return best


def _new_rows(new: Pool, old: Pool) -> Ints:
    """Find the rows of the owners whose lowest cost fell by more than 1e-9."""
    before, after = _lowest(old), _lowest(new)
    return np.flatnonzero((after < before - 1e-9)[new.parts.owner])


def _lowest(pool: Pool) -> Floats:
    lowest = np.full(pool.parts.owner.max() + 1, np.inf)
    np.minimum.at(lowest, pool.parts.owner, pool.cost)
    return lowest


def _shared(task: Task, problem: Problem, best: Pool, rounds: int = 4) -> Pool:
    """Start each problem from the solutions of its neighbours 1, 2, 4, … away on both sides, a few times."""
    for _ in range(rounds):
        pools = [_descended(task, problem, _shifted(task, best.parts, offset)) for offset in _offsets(task)]
        better = _merged([best, *pools]).best(2)
        improved = _new_rows(better, best).size
        best = better
        if not improved:
            break
    return best


def _offsets(task: Task) -> list[int]:
    powers = [2**i for i in range(12) if 2**i < task.targets.size]
    return [sign * power for power in powers for sign in (1, -1)]


def _shifted(task: Task, parts: Partitions, offset: int) -> Partitions:
    owner = parts.owner + offset
    inside = (owner >= 0) & (owner < task.targets.size)
    inside &= parts.counts.sum(axis=1) <= task.most[np.clip(owner, 0, task.targets.size - 1)]
    owner = owner[inside]
    return parts.take(inside)._replace(owner=owner, target=task.targets[owner])


def _polished(task: Task, best: Pool, starts: Pool) -> Found:
    """Descend on the caller's own d from the best rows, step to the safe side and keep the best."""
    problem = Problem(task.cells.exact, task.lmbda, drop=0.0, tolerance=2e-15)
    ends = descend(problem, best.best(3).parts, 40)
    above = ends.parts.take(ends.excess > rounding * ends.parts.target)
    extended = descend(problem, _with_speck(task, joined([above, _just_too_few(task)])), 60).parts
    equal = _equal(task, np.arange(task.targets.size)).parts
    parts = _safe(problem, joined([ends.parts, extended, equal]))
    state = measured(problem, parts, np.zeros(parts.owner.size))
    cost = np.where(state.excess <= rounding * parts.target, _cost(task, parts), np.inf)
    rows = best_rows(parts, cost, 1)
    lmbda, convex = _second_order(task, state)
    total, agreeing = _agreement(starts, cost[rows])
    return Found(parts.take(rows), lmbda[rows], state.residual[rows], convex[rows], total, agreeing)


def _just_too_few(task: Task) -> Partitions:
    """Take equal cells, one fewer than meet the distortion, where they miss it by less than 1e-6 of it."""
    rows = [(owner, [(1.0, count - 1.0)]) for owner, count in enumerate(task.fewest.tolist()) if count > 1]
    parts = build(rows, task.targets)
    total = (parts.counts * task.cells.tabulated(parts.sizes).value).sum(axis=1)
    return parts.take((total < parts.target * (1 + 1e-6)) & (task.lmbda is None))


def _with_speck(task: Task, parts: Partitions) -> Partitions:
    """Add a tiny cell, for distortions just below what the other cells alone can reach."""
    parts = parts.take(parts.counts.sum(axis=1) < task.most[parts.owner])
    column = np.ones((parts.owner.size, 1))
    return normalised(
        parts._replace(sizes=np.hstack([parts.sizes, 1e-9 * column]), counts=np.hstack([parts.counts, column]))
    )


def _second_order(task: Task, state: State) -> tuple[Floats, Bools]:
    """Find the multipliers and whether each row is a minimum; equal cells that just meet D are if d″ > 0."""
    parts, jet, fixed = state.parts, state.jet, task.lmbda is not None
    convex = is_convex(parts, jet, curvature(parts, jet, state.lmbda), parts.counts, fixed)
    pinned = ((parts.counts > 0).sum(axis=1) == 1) & (not fixed)
    tight = np.abs(state.excess) <= 1e-12 * parts.target
    present = parts.counts > 0
    bend = np.where(present, jet.bend, np.inf).min(axis=1)
    return np.where(pinned, np.nan, state.lmbda), np.where(pinned, tight & (bend > 0), convex)


def _safe(problem: Problem, parts: Partitions) -> Partitions:
    """Aim below the target by what rounding leaves above it."""
    aim = parts.target
    for _ in range(3):
        excess = (parts.counts * problem.evaluate(parts.sizes).value).sum(axis=1) - parts.target
        high = excess > 0
        aim = np.where(high, aim - 2 * excess, aim)
        moved = retracted(problem, parts._replace(target=aim))
        parts = parts._replace(sizes=np.where(high[:, None], moved.sizes, parts.sizes))
    return parts


def _agreement(starts: Pool, cost: Floats) -> tuple[Ints, Ints]:
    owner = starts.parts.owner
    near = starts.cost <= cost[owner] + 1e-8 * (1 + np.abs(cost[owner]))
    return np.bincount(owner, minlength=cost.size), np.bincount(owner[near], minlength=cost.size)

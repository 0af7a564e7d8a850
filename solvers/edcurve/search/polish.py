"""The end of a search: its best partitions made exact on the caller's own d, and judged."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .cell_counts import rounding
from .cell_distortion import Floats
from .partition_batch import Ints, Partitions, best_rows, build, joined, normalised
from .pools import Pool, Task, equal_cells
from .sqp import Bools, Problem, State, curvature, descend, is_convex, measured, merit, retracted


class Found(NamedTuple):
    """The best partition of each problem, how good it is as a stationary point, and how many starts agree."""

    parts: Partitions
    lmbda: Floats
    residual: Floats
    convex: Bools
    starts: Ints
    agreeing: Ints


def polished(task: Task, best: Pool, starts: Pool) -> Found:
    """Descend on the caller's own d from the best rows, step to the safe side and keep the best."""
    problem = Problem(task.cells.exact, task.lmbda, drop=0.0, tolerance=2e-15)
    equal = equal_cells(task, np.arange(task.targets.size)).parts
    ends = _safe(problem, joined([descend(problem, best.best(3).parts, 40).parts, equal]))
    short = ends.take(~_feasible(measured(problem, ends)))
    specked = _with_speck(task, joined([short, _just_too_few(task)]))
    parts = joined([ends, _safe(problem, descend(problem, specked, 60).parts)])
    return _chosen(task, problem, parts, starts)


def _feasible(state: State) -> Bools:
    feasible: Bools = state.excess <= rounding * state.parts.target
    return feasible


def _chosen(task: Task, problem: Problem, parts: Partitions, starts: Pool) -> Found:
    """Keep each owner's best feasible row, of those equal to 1e-14 the first."""
    state = measured(problem, parts)
    cost = np.where(_feasible(state), merit(problem, state, 0.0), np.inf)
    rows = best_rows(parts, np.asarray(np.round(cost, 14), dtype=np.float64), 1)
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
    for _ in range(8):
        excess = (parts.counts * problem.evaluate(parts.sizes).value).sum(axis=1) - parts.target
        high = excess > rounding / 8 * parts.target
        if not high.any():
            break
        aim = np.where(high, aim - 2 * excess, aim)
        moved = retracted(problem, parts._replace(target=aim))
        parts = parts._replace(sizes=np.where(high[:, None], moved.sizes, parts.sizes))
    return parts


def _agreement(starts: Pool, cost: Floats) -> tuple[Ints, Ints]:
    owner = starts.parts.owner
    near = starts.cost <= cost[owner] + 1e-8 * (1 + np.abs(cost[owner]))
    return np.bincount(owner, minlength=cost.size), np.bincount(owner[near], minlength=cost.size)

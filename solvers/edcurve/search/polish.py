"""The last stage of a search: the best partitions are polished on the caller's own d, and assessed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .cell_counts import ROUNDING
from .cell_distortion import Floats
from .partition_batch import Ints, PartitionBatch, best_rows, build, joined, normalised
from .pools import CandidatePool, SearchTask, equal_cells
from .sqp import SQPProblem, descend, evaluated, minima, retracted
from .sqp_steps import Bools, SQPState


class PolishedPartitions(NamedTuple):
    """The best partition of each problem, its residual of stationarity, and the number of starts that agree."""

    parts: PartitionBatch
    lmbda: Floats
    residual: Floats
    convex: Bools
    starts: Ints
    agreeing: Ints


def polished(task: SearchTask, best: CandidatePool, starts: CandidatePool) -> PolishedPartitions:
    """Descend on the caller's own d from the best rows, remove any rounding excess over D, and keep the best."""
    problem = SQPProblem(task.d.exact, task.lagrangian, drop=0.0, tolerance=2e-15)
    # equal cells are always feasible, so every problem has a result
    equal = equal_cells(task, np.arange(task.parameter.size)).parts
    ends = _safe(problem, joined([descend(problem, best.best(3).parts, 40).parts, equal]))
    # some distortions are reached only with a tiny cell, which descents have dropped
    short = ends.take(~_feasible(evaluated(problem, ends)))
    specked = _with_speck(task, joined([short, _just_too_few(task)]))
    parts = joined([ends, _safe(problem, descend(problem, specked, 60).parts)])
    return _chosen(task, problem, parts, starts)


def _feasible(state: SQPState) -> Bools:
    feasible: Bools = state.excess <= ROUNDING * state.parts.parameter
    return feasible


def _chosen(task: SearchTask, problem: SQPProblem, parts: PartitionBatch, starts: CandidatePool) -> PolishedPartitions:
    """Keep each owner's best feasible row; among rows equal to 1e-14 the first, as rounding would choose otherwise."""
    state = evaluated(problem, parts)
    cost = np.where(_feasible(state), _cost(task, state), np.inf)
    rows = best_rows(parts, np.asarray(np.round(cost, 14), dtype=np.float64), 1)
    lmbda, convex = _second_order(problem, state)
    total, agreeing = _agreement(starts, cost[rows])
    return PolishedPartitions(parts.take(rows), lmbda[rows], state.residual[rows], convex[rows], total, agreeing)


def _just_too_few(task: SearchTask) -> PartitionBatch:
    """Take one equal cell fewer than meet the distortion, where these exceed it by less than 1e-6 of it."""
    rows = [(owner, [(1.0, count - 1.0)]) for owner, count in enumerate(task.fewest.tolist()) if count > 1]
    parts = build(rows, task.parameter)
    total = (parts.counts * task.d.tabulated(parts.sizes).value).sum(axis=1)
    return parts.take((total < parts.parameter * (1 + 1e-6)) & (not task.lagrangian))


def _with_speck(task: SearchTask, parts: PartitionBatch) -> PartitionBatch:
    """Add a tiny cell, for distortions just below what the other cells reach alone."""
    parts = parts.take(parts.counts.sum(axis=1) < task.most[parts.owner])
    column = np.ones((parts.owner.size, 1))
    return normalised(
        parts._replace(sizes=np.hstack([parts.sizes, 1e-9 * column]), counts=np.hstack([parts.counts, column]))
    )


def _cost(task: SearchTask, state: SQPState) -> Floats:
    """Compute the objective with the caller's own d."""
    sizes, counts, parameter = state.parts.sizes, state.parts.counts, state.parts.parameter
    added = parameter[:, None] * state.jet.value if task.lagrangian else 0.0
    total: Floats = (counts * (added - sizes * np.log(sizes))).sum(axis=1)
    return total


def _second_order(problem: SQPProblem, state: SQPState) -> tuple[Floats, Bools]:
    """Find the multipliers, and tell whether each row is a minimum.

    Equal cells have no multiplier. Where they just meet D and d″ > 0, any change of sizes would exceed D.
    """
    parts, jet = state.parts, state.jet
    pinned = ((parts.counts > 0).sum(axis=1) == 1) & (not problem.lagrangian)
    tight = np.abs(state.excess) <= 1e-12 * parts.parameter
    present = parts.counts > 0
    least = np.where(present, jet.curvature, np.inf).min(axis=1)
    return np.where(pinned, np.nan, state.lmbda), np.where(pinned, tight & (least > 0), minima(problem, state))


def _safe(problem: SQPProblem, parts: PartitionBatch) -> PartitionBatch:
    """Lower the target of each row by twice its rounding excess, until the evaluated Σ d is at most D."""
    if problem.lagrangian:
        return parts
    aim = parts.parameter
    for _ in range(8):
        excess = (parts.counts * problem.evaluate(parts.sizes).value).sum(axis=1) - parts.parameter
        high = excess > ROUNDING / 8 * parts.parameter
        if not high.any():
            break
        aim = np.where(high, aim - 2 * excess, aim)
        moved = retracted(problem, parts._replace(parameter=aim))
        parts = parts._replace(sizes=np.where(high[:, None], moved.sizes, parts.sizes))
    return parts


def _agreement(starts: CandidatePool, cost: Floats) -> tuple[Ints, Ints]:
    """Count the starts of each owner, and those that ended within 1e-8 of its cost."""
    owner = starts.parts.owner
    near = starts.cost <= cost[owner] + 1e-8 * (1 + np.abs(cost[owner]))
    return np.bincount(owner, minlength=cost.size), np.bincount(owner[near], minlength=cost.size)

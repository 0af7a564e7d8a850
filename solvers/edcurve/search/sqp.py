"""Sequential quadratic programming: descent to stationary partitions, from many at once.

Minimise Σ h(pᵢ), h(p) = −p ln p, subject to Σ pᵢ = 1 and Σ d(pᵢ) = D; or, with λ given, minimise
Σ h(pᵢ) + λ d(pᵢ) subject to Σ pᵢ = 1. The Hessian of the Lagrangian is diagonal, so a step costs one 2×2 system.
The step is Newton's where the second-order conditions hold; elsewhere it takes |Hessian| in place of the Hessian. A
retraction onto the constraints follows. A step that does not lower the merit is damped.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edcurve.kernels import compiling

from . import sqp_steps
from .cell_distortion import Evaluate, Floats, Jet
from .partition_batch import PartitionBatch, normalised
from .sqp_steps import Bools, SQPState

STUCK = 1e7
"""Damping above which a descent ends: no longer step has helped."""


class SQPResult(NamedTuple):
    """End points of the descents from the rows of a batch; the residual is that of the stationarity conditions."""

    parts: PartitionBatch
    lmbda: Floats
    excess: Floats
    residual: Floats


class SQPProblem(NamedTuple):
    """What is minimised: the entropy at the distortion of each row, or the Lagrangian at its λ.

    Cells smaller than ``drop`` are emptied. A row is done once its error is below ``tolerance``.
    """

    evaluate: Evaluate
    lagrangian: bool = False
    drop: float = 1e-9
    tolerance: float = 1e-12


class _Steps(NamedTuple):
    """The functions of `sqp_steps`, compiled."""

    judge: Any
    step: Any
    retract: Any
    accept: Any
    second_order: Any


@cache
def _compiled() -> _Steps:
    reals, table, flag = compiling.REALS, compiling.TABLE, compiling.FLAG
    parts = compiling.record(PartitionBatch, (table, table, compiling.INTEGERS, reals))
    jet = compiling.record(Jet, (table, table, table))
    state = compiling.record(SQPState, (parts, jet, reals, reals, reals, reals))
    return _Steps(
        compiling.kernel_of(sqp_steps.judge, state, flag),
        compiling.kernel_of(sqp_steps.step, state, flag, compiling.REAL, parts, reals),
        compiling.kernel_of(sqp_steps.retract, parts, jet),
        compiling.kernel_of(sqp_steps.accept, state, state, reals, flag),
        compiling.kernel_of(sqp_steps.second_order, state, flag, compiling.FLAGS),
    )


def descend(problem: SQPProblem, parts: PartitionBatch, rounds: int = 60) -> SQPResult:
    """Descend from every row; converged rows are set aside only every fifth round, as this copies the others."""
    state = evaluated(problem, normalised(parts))
    live = np.arange(parts.owner.size)
    for _ in range(0, rounds, 5):
        live = live[~_done(problem, state)[live]]
        if live.size == 0:
            break
        part = _rows(state, live)
        for _ in range(5):
            _advance(problem, part)
        _write(state, live, part)
    return SQPResult(state.parts, state.lmbda, state.excess, state.residual)


def _done(problem: SQPProblem, state: SQPState) -> Bools:
    error = state.residual + np.abs(state.excess) / state.parts.parameter
    done: Bools = (error < problem.tolerance) | (state.damping > STUCK)
    return done


def _rows(state: SQPState, rows: NDArray[np.intp]) -> SQPState:
    sizes, counts, owner, parameter = state.parts
    parts = PartitionBatch(sizes[rows], counts[rows], owner[rows], parameter[rows])
    jet = Jet(*(field[rows] for field in state.jet))
    return SQPState(parts, jet, *(field[rows] for field in state[2:]))


def _write(state: SQPState, rows: NDArray[np.intp], part: SQPState) -> None:
    for whole, piece in zip((*state.parts, *state.jet, *state[2:]), (*part.parts, *part.jet, *part[2:]), strict=True):
        whole[rows] = piece


def evaluated(problem: SQPProblem, parts: PartitionBatch) -> SQPState:
    """Evaluate a copy of ``parts``: d, the multipliers, and the residual of each row."""
    return _judged(problem, parts.copy())


def _judged(problem: SQPProblem, parts: PartitionBatch) -> SQPState:
    number = parts.owner.size
    state = SQPState(parts, problem.evaluate(parts.sizes), *(np.zeros(number) for _ in range(4)))
    _compiled().judge(state, problem.lagrangian)
    return state


def _advance(problem: SQPProblem, state: SQPState) -> None:
    """Try one step, and take it where it lowers the merit; elsewhere only the damping changes."""
    parts = state.parts
    moved = parts._replace(sizes=np.empty_like(parts.sizes), counts=np.empty_like(parts.counts))
    price = np.empty_like(parts.parameter)
    _compiled().step(state, problem.lagrangian, problem.drop, moved, price)
    _retract(problem, moved)
    _compiled().accept(state, _judged(problem, moved), price, problem.lagrangian)


def retracted(problem: SQPProblem, parts: PartitionBatch) -> PartitionBatch:
    """Correct Σ d = target by two Newton steps, each cell moving in proportion to its size."""
    moved = parts.copy()
    _retract(problem, moved)
    return moved


def _retract(problem: SQPProblem, parts: PartitionBatch) -> None:
    if not problem.lagrangian:
        for _ in range(2):
            _compiled().retract(parts, problem.evaluate(parts.sizes))


def minima(problem: SQPProblem, state: SQPState) -> Bools:
    """Tell which rows satisfy the second-order condition for a minimum."""
    convex = np.empty(state.parts.owner.size, dtype=bool)
    _compiled().second_order(state, problem.lagrangian, convex)
    return convex

"""Sequential quadratic programming: descent to stationary partitions, from many at once.

Minimise Σ h(pᵢ), h(p) = −p ln p, subject to Σ pᵢ = 1 and Σ d(pᵢ) = D; or, with λ given, minimise
Σ h(pᵢ) + λ d(pᵢ) subject to Σ pᵢ = 1. The Hessian of the Lagrangian is diagonal, so a step costs one 2×2 system.
The step is Newton's where the second-order conditions hold; elsewhere it takes |Hessian| in place of the Hessian. A
retraction to the constraints follows. A step that does not lower the merit is damped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .cell_distortion import Evaluate, Floats, Jet
from .partition_batch import PartitionBatch, normalised

Bools = NDArray[np.bool_]

TINY = 1e-100
"""Takes the place of a divisor that is 0; its square is still above 0."""
STUCK = 1e7
"""Damping above which a descent ends: no longer step has helped."""


class SQPResult(NamedTuple):
    """Where the descents from the rows of a batch ended; the residual says how far from stationary that is."""

    parts: PartitionBatch
    lmbda: Floats
    excess: Floats
    residual: Floats


class SQPProblem(NamedTuple):
    """What is minimised: the entropy at each row's distortion, or the Lagrangian of a given ``lmbda``.

    Cells smaller than ``drop`` are emptied. A row is done once its error is below ``tolerance``.
    """

    evaluate: Evaluate
    lmbda: float | None = None
    drop: float = 1e-9
    tolerance: float = 1e-12


class SQPState(NamedTuple):
    """A batch during descent: d there, multipliers, Σ d − target, residuals, and damping of the next step."""

    parts: PartitionBatch
    jet: Jet
    lmbda: Floats
    excess: Floats
    residual: Floats
    damping: Floats


def descend(problem: SQPProblem, parts: PartitionBatch, rounds: int = 60) -> SQPResult:
    """Descend from every row; those that are done are set aside every fifth round, as this copies the others."""
    state = evaluated(problem, _copied(normalised(parts), np.arange(parts.owner.size)))
    live = np.arange(parts.owner.size)
    for _ in range(0, rounds, 5):
        live = live[~_done(problem, state)[live]]
        if live.size == 0:
            break
        part = _rows(state, live)
        for _ in range(5):
            part = _advance(problem, part)
        state = _write(state, live, part)
    return SQPResult(state.parts, state.lmbda, state.excess, state.residual)


def _done(problem: SQPProblem, state: SQPState) -> Bools:
    done: Bools = (_error(state) < problem.tolerance) | (state.damping > STUCK)
    return done


def _error(state: SQPState) -> Floats:
    error: Floats = state.residual + np.abs(state.excess) / state.parts.target
    return error


def _rows(state: SQPState, rows: NDArray[np.intp]) -> SQPState:
    parts = _copied(state.parts, rows)
    jet = Jet(*(field[rows] for field in state.jet))
    return SQPState(parts, jet, *(field[rows] for field in state[2:]))


def _copied(parts: PartitionBatch, rows: NDArray[np.intp]) -> PartitionBatch:
    return PartitionBatch(parts.sizes[rows], parts.counts[rows], parts.owner[rows], parts.target[rows])


def _write(state: SQPState, rows: NDArray[np.intp], part: SQPState) -> SQPState:
    for whole, piece in zip((*state.parts, *state.jet, *state[2:]), (*part.parts, *part.jet, *part[2:]), strict=True):
        whole[rows] = piece
    return state


def evaluated(problem: SQPProblem, parts: PartitionBatch) -> SQPState:
    """Evaluate ``parts``: d, the multipliers by least squares, and how far from stationary these leave each row."""
    jet = problem.evaluate(parts.sizes)
    excess = (parts.counts * jet.value).sum(axis=1) - parts.target
    gradient = _gradient(parts, jet, problem.lmbda)
    zero = np.zeros_like(excess)
    mu, lmbda = multipliers(parts.counts * parts.sizes, jet.slope, gradient, zero, zero, problem.lmbda)
    rest = gradient + lmbda[:, None] * jet.slope * (problem.lmbda is None) - mu[:, None]
    worst = np.where(parts.counts > 0, np.abs(rest), 0.0).max(axis=1) / (1.0 + np.abs(mu))
    if problem.lmbda is not None:
        excess, lmbda = zero, np.full_like(zero, problem.lmbda)
    return SQPState(parts, jet, lmbda, excess, worst, np.zeros_like(worst))


def _gradient(parts: PartitionBatch, jet: Jet, lmbda: float | None) -> Floats:
    gradient: Floats = -1.0 - np.log(parts.sizes) + (0.0 if lmbda is None else lmbda * jet.slope)
    return gradient


def multipliers(
    weight: Floats, slope: Floats, gradient: Floats, mass: Floats, excess: Floats, fixed: float | None
) -> tuple[Floats, Floats]:
    """Solve for (μ, λ) with which the step −M (gradient + λ slope − μ) cancels ``mass`` and ``excess``.

    ``weight`` is count · M. With a fixed λ, or where all slopes are equal, only the mass is cancelled and λ is 0.
    """
    total, first = weight.sum(axis=1), (weight * gradient).sum(axis=1) - mass
    total = np.where(total == 0, TINY, total)
    mean = (weight * slope).sum(axis=1) / total
    off = slope - mean[:, None]
    spread = (weight * off * off).sum(axis=1)
    scale = (np.abs(weight) * slope * slope).sum(axis=1)
    # slopes that differ by rounding alone determine no λ
    free = (np.abs(spread) > 1e-24 * scale) & (fixed is None)
    second = (weight * off * gradient).sum(axis=1) - (excess - mean * mass)
    lmbda = np.where(free, -second / np.where(free, spread, 1.0), 0.0)
    return first / total + lmbda * mean, lmbda


def hessian_of(parts: PartitionBatch, jet: Jet, lmbda: Floats) -> Floats:
    """Compute the diagonal of the Hessian: h″ + λ d″ of every group."""
    hessian: Floats = -1.0 / parts.sizes + np.maximum(lmbda, 0.0)[:, None] * jet.curvature
    return hessian


def is_convex(parts: PartitionBatch, jet: Jet, hessian: Floats, weight: Floats, single: bool) -> Bools:
    """Tell whether a diagonal Hessian is positive definite along the constraints.

    It is if and only if it has as many negative entries as A H⁻¹ Aᵀ has negative eigenvalues, A being the
    constraint gradients (Haynsworth). ``weight`` counts each entry, ``single`` says that Σ pᵢ = 1 is alone.
    """
    present = weight > 0
    inverse = np.where(present, parts.counts / np.where(hessian == 0, TINY, hessian), 0.0)
    total, first = inverse.sum(axis=1), (inverse * jet.slope).sum(axis=1)
    second = (inverse * jet.slope**2).sum(axis=1)
    negative = (weight * (present & (hessian < 0))).sum(axis=1)
    if single:
        return np.asarray(negative == (total < 0))
    determinant = total * second - first**2
    eigenvalues = np.where(determinant < 0, 1, np.where(total < 0, 2, 0))
    return np.asarray(negative == eigenvalues)


def _advance(problem: SQPProblem, state: SQPState) -> SQPState:
    """Try one step, and take it where it lowers the merit; elsewhere only the damping changes."""
    trial, lmbda = _trial(problem, state)
    new = evaluated(problem, trial)
    gain = merit(problem, state, lmbda) - merit(problem, new, lmbda)
    # near a minimum the merit falls by no more than its rounding; there a smaller error decides
    good = (gain > 1e-14) | ((gain > -1e-13) & (_error(new) < _error(state)))
    # a step that succeeds is damped 8 times less, down to none; one that fails 8 times more
    damping = np.where(good, np.where(state.damping < 1e-2, 0.0, state.damping / 8), 1e-2 + state.damping * 8)
    return _choose(good, new, state)._replace(damping=damping)


def _choose(good: Bools, new: SQPState, old: SQPState) -> SQPState:
    def pick(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(good if a.ndim == 1 else good[:, None], a, b)

    parts = old.parts._replace(
        sizes=pick(new.parts.sizes, old.parts.sizes), counts=pick(new.parts.counts, old.parts.counts)
    )
    jet = Jet(*(pick(a, b) for a, b in zip(new.jet, old.jet, strict=True)))
    return SQPState(parts, jet, *(pick(a, b) for a, b in zip(new[2:], old[2:], strict=True)))


def merit(problem: SQPProblem, state: SQPState, lmbda: Floats | float) -> Floats:
    """Sum what is minimised and a penalty of 2 ``lmbda`` on the excess distortion.

    The penalty weighs more than the multiplier, so minima of the merit meet the constraint (an exact penalty).
    """
    sizes, counts = state.parts.sizes, state.parts.counts
    cost = -sizes * np.log(sizes)
    if problem.lmbda is not None:
        cost = cost + problem.lmbda * state.jet.value
    total: Floats = (counts * cost).sum(axis=1) + 2 * np.abs(lmbda * state.excess)
    return total


def _trial(problem: SQPProblem, state: SQPState) -> tuple[PartitionBatch, Floats]:
    parts, jet = state.parts, state.jet
    metric = _metric(problem, state)
    gradient = _gradient(parts, jet, problem.lmbda)
    zero = np.zeros_like(state.excess)
    mu, lmbda = multipliers(parts.counts / metric, jet.slope, gradient, zero, state.excess, problem.lmbda)
    step = -(gradient + lmbda[:, None] * jet.slope - mu[:, None]) / metric
    step = np.where(parts.counts > 0, step, 0.0) * _length(parts, step)[:, None]
    moved = _without_small_cells(parts._replace(sizes=parts.sizes + step), problem.drop)
    # a multiplier of 0 is one that was not determined: the last one serves the merit
    return retracted(problem, moved), np.where(lmbda == 0, state.lmbda, lmbda)


def _metric(problem: SQPProblem, state: SQPState) -> Floats:
    """Take the Hessian where undamped and positive definite along the constraints, else |Hessian| + damping / size."""
    parts, jet = state.parts, state.jet
    hessian = hessian_of(parts, jet, state.lmbda)
    present = (parts.counts > 0).astype(np.float64)
    newton = is_convex(parts, jet, hessian, present, problem.lmbda is not None) & (state.damping == 0)
    # h″ is −1/p: a fraction of it keeps steps bounded where λ d″ cancels it
    floor = np.maximum(np.abs(hessian), 0.05 / parts.sizes) + state.damping[:, None] / parts.sizes
    return np.where(newton[:, None] & (np.abs(hessian) * parts.sizes > 1e-9), hessian, floor)


def _length(parts: PartitionBatch, step: Floats) -> Floats:
    """Find the fraction of the step that shrinks no cell by more than 80 % and adds at most thrice its size to any."""
    relative = np.where(parts.counts > 0, step / parts.sizes, 0.0)
    shrink, grow = -relative.min(axis=1), relative.max(axis=1)
    length: Floats = 1.0 / np.maximum(1.0, np.maximum(shrink / 0.8, grow / 3.0))
    return length


def _without_small_cells(parts: PartitionBatch, drop: float) -> PartitionBatch:
    counts = np.where(parts.sizes < drop, 0.0, parts.counts)
    return normalised(parts._replace(counts=counts))


def retracted(problem: SQPProblem, parts: PartitionBatch) -> PartitionBatch:
    """Correct Σ d = target by two Newton steps, each cell moving in proportion to its size."""
    if problem.lmbda is not None:
        return parts
    zero, gradient = np.zeros(parts.owner.size), np.zeros_like(parts.sizes)
    for _ in range(2):
        jet = problem.evaluate(parts.sizes)
        excess = (parts.counts * jet.value).sum(axis=1) - parts.target
        mu, lmbda = multipliers(parts.counts * parts.sizes, jet.slope, gradient, zero, excess, None)
        # in a step no cell shrinks below half or grows beyond twice its size
        relative = np.clip(mu[:, None] - lmbda[:, None] * jet.slope, -0.5, 1.0)
        parts = normalised(parts._replace(sizes=parts.sizes * (1.0 + relative)))
    return parts

"""Descent to a stationary partition, for many partitions at once.

Minimise Σ h(pᵢ), h(p) = −p ln p, subject to Σ pᵢ = 1 and Σ d(pᵢ) = D; or, with λ given, minimise
Σ h(pᵢ) + λ d(pᵢ) subject to Σ pᵢ = 1. Sequential quadratic programming: the Hessian of the Lagrangian is
diagonal, so a step costs one 2×2 system. It is Newton's where the second-order conditions hold and |Hessian|
elsewhere, followed by a retraction to the constraints; a step that does not lower the merit is damped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .cell_distortion import Evaluate, Floats, Jet
from .partition_batch import Partitions, normalised

Bools = NDArray[np.bool_]

tiny = 1e-100
"""Stands in for a divisor that happens to be 0; its square still is not."""
stuck = 1e7
"""A descent ends where no step helps that is damped by less than this."""


class Descent(NamedTuple):
    """Where the rows of a batch have got to: the residual is that of stationarity."""

    parts: Partitions
    lmbda: Floats
    excess: Floats
    residual: Floats


class Problem(NamedTuple):
    """What is minimised, at each row's distortion or at a fixed ``lmbda``; when a cell counts as empty."""

    evaluate: Evaluate
    lmbda: float | None = None
    drop: float = 1e-9
    tolerance: float = 1e-12


class State(NamedTuple):
    """Rows on their way: d there, multiplier, Σ d − target, stationarity residual, damping of the next step."""

    parts: Partitions
    jet: Jet
    lmbda: Floats
    excess: Floats
    residual: Floats
    damping: Floats


def descend(problem: Problem, parts: Partitions, rounds: int = 60) -> Descent:
    """Descend from every row; rows that are done stop costing anything every fifth round."""
    state = _open(problem, parts)
    live = np.arange(parts.owner.size)
    for _ in range(0, rounds, 5):
        live = live[~_done(problem, state)[live]]
        if live.size == 0:
            break
        part = _rows(state, live)
        for _ in range(5):
            part = _advance(problem, part)
        state = _write(state, live, part)
    return Descent(state.parts, state.lmbda, state.excess, state.residual)


def _done(problem: Problem, state: State) -> Bools:
    done: Bools = (_error(state) < problem.tolerance) | (state.damping > stuck)
    return done


def _error(state: State) -> Floats:
    error: Floats = state.residual + np.abs(state.excess) / state.parts.target
    return error


def _rows(state: State, rows: NDArray[np.intp]) -> State:
    parts = _at(state.parts, rows)
    jet = Jet(*(field[rows] for field in state.jet))
    return State(parts, jet, *(field[rows] for field in state[2:]))


def _at(parts: Partitions, rows: NDArray[np.intp]) -> Partitions:
    return Partitions(parts.sizes[rows], parts.counts[rows], parts.owner[rows], parts.target[rows])


def _write(state: State, rows: NDArray[np.intp], part: State) -> State:
    for whole, piece in zip((*state.parts, *state.jet, *state[2:]), (*part.parts, *part.jet, *part[2:]), strict=True):
        whole[rows] = piece
    return state


def _open(problem: Problem, parts: Partitions) -> State:
    copied = _at(normalised(parts), np.arange(parts.owner.size))
    return measured(problem, copied)


def measured(problem: Problem, parts: Partitions) -> State:
    """Evaluate ``parts``: multipliers by least squares, and how far from stationary that leaves it."""
    jet = problem.evaluate(parts.sizes)
    excess = (parts.counts * jet.value).sum(axis=1) - parts.target
    gradient = _gradient(parts, jet, problem.lmbda)
    zero = np.zeros_like(excess)
    mu, lmbda = multipliers(parts.counts * parts.sizes, jet.slope, gradient, zero, zero, problem.lmbda)
    rest = gradient + lmbda[:, None] * jet.slope * (problem.lmbda is None) - mu[:, None]
    worst = np.where(parts.counts > 0, np.abs(rest), 0.0).max(axis=1) / (1.0 + np.abs(mu))
    if problem.lmbda is not None:
        excess, lmbda = zero, np.full_like(zero, problem.lmbda)
    return State(parts, jet, lmbda, excess, worst, np.zeros_like(worst))


def _gradient(parts: Partitions, jet: Jet, lmbda: float | None) -> Floats:
    gradient: Floats = -1.0 - np.log(parts.sizes) + (0.0 if lmbda is None else lmbda * jet.slope)
    return gradient


def multipliers(
    weight: Floats, slope: Floats, gradient: Floats, mass: Floats, excess: Floats, fixed: float | None
) -> tuple[Floats, Floats]:
    """Solve for (μ, λ) with which the step −M (gradient + λ slope − μ) cancels ``mass`` and ``excess``.

    ``weight`` is count · M. With a fixed λ, or where all slopes are equal, only the mass is cancelled and
    0 comes back for λ.
    """
    total, first = weight.sum(axis=1), (weight * gradient).sum(axis=1) - mass
    total = np.where(total == 0, tiny, total)
    mean = (weight * slope).sum(axis=1) / total
    off = slope - mean[:, None]
    spread = (weight * off * off).sum(axis=1)
    scale = (np.abs(weight) * slope * slope).sum(axis=1)
    free = (np.abs(spread) > 1e-24 * scale) & (fixed is None)
    second = (weight * off * gradient).sum(axis=1) - (excess - mean * mass)
    lmbda = np.where(free, -second / np.where(free, spread, 1.0), 0.0)
    return first / total + lmbda * mean, lmbda


def curvature(parts: Partitions, jet: Jet, lmbda: Floats) -> Floats:
    """Compute h″ + λ d″ of every group."""
    bend: Floats = -1.0 / parts.sizes + np.maximum(lmbda, 0.0)[:, None] * jet.bend
    return bend


def is_convex(parts: Partitions, jet: Jet, bend: Floats, weight: Floats, single: bool) -> Bools:
    """Tell whether the Hessian ``bend`` is positive definite along the constraints.

    It is if and only if it has as many negative entries as A H⁻¹ Aᵀ has negative eigenvalues, A being the
    constraint gradients (Haynsworth). ``weight`` counts each entry, ``single`` says that Σ pᵢ = 1 is alone.
    """
    present = weight > 0
    inverse = np.where(present, parts.counts / np.where(bend == 0, tiny, bend), 0.0)
    total, first = inverse.sum(axis=1), (inverse * jet.slope).sum(axis=1)
    second = (inverse * jet.slope**2).sum(axis=1)
    negative = (weight * (present & (bend < 0))).sum(axis=1)
    if single:
        return np.asarray(negative == (total < 0))
    determinant = total * second - first**2
    eigenvalues = np.where(determinant < 0, 1, np.where(total < 0, 2, 0))
    return np.asarray(negative == eigenvalues)


def _advance(problem: Problem, state: State) -> State:
    """Try one step, taken where it lowers the merit; where it does not, only the damping changes."""
    trial, lmbda = _trial(problem, state)
    new = measured(problem, trial)
    gain = merit(problem, state, lmbda) - merit(problem, new, lmbda)
    good = (gain > 1e-14) | ((gain > -1e-13) & (_error(new) < _error(state)))
    damping = np.where(good, np.where(state.damping < 1e-2, 0.0, state.damping / 8), 1e-2 + state.damping * 8)
    return _choose(good, new, state)._replace(damping=damping)


def _choose(good: Bools, new: State, old: State) -> State:
    def pick(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(good if a.ndim == 1 else good[:, None], a, b)

    parts = old.parts._replace(
        sizes=pick(new.parts.sizes, old.parts.sizes), counts=pick(new.parts.counts, old.parts.counts)
    )
    jet = Jet(*(pick(a, b) for a, b in zip(new.jet, old.jet, strict=True)))
    return State(parts, jet, *(pick(a, b) for a, b in zip(new[2:], old[2:], strict=True)))


def merit(problem: Problem, state: State, lmbda: Floats | float) -> Floats:
    """Sum what is minimised, and twice what the excess distortion costs at ``lmbda``."""
    sizes, counts = state.parts.sizes, state.parts.counts
    cost = -sizes * np.log(sizes)
    if problem.lmbda is not None:
        cost = cost + problem.lmbda * state.jet.value
    total: Floats = (counts * cost).sum(axis=1) + 2 * np.abs(lmbda * state.excess)
    return total


def _trial(problem: Problem, state: State) -> tuple[Partitions, Floats]:
    parts, jet = state.parts, state.jet
    metric = _metric(problem, state)
    gradient = _gradient(parts, jet, problem.lmbda)
    zero = np.zeros_like(state.excess)
    mu, lmbda = multipliers(parts.counts / metric, jet.slope, gradient, zero, state.excess, problem.lmbda)
    step = -(gradient + lmbda[:, None] * jet.slope - mu[:, None]) / metric
    step = np.where(parts.counts > 0, step, 0.0) * _length(parts, step)[:, None]
    moved = _emptied(parts._replace(sizes=parts.sizes + step), problem.drop)
    return retracted(problem, moved), np.where(lmbda == 0, state.lmbda, lmbda)


def _metric(problem: Problem, state: State) -> Floats:
    """Take the Hessian where it is convex along the constraints and undamped, else |Hessian| + damping / size."""
    parts, jet = state.parts, state.jet
    bend = curvature(parts, jet, state.lmbda)
    present = (parts.counts > 0).astype(np.float64)
    newton = is_convex(parts, jet, bend, present, problem.lmbda is not None) & (state.damping == 0)
    floor = np.maximum(np.abs(bend), 0.05 / parts.sizes) + state.damping[:, None] / parts.sizes
    return np.where(newton[:, None] & (np.abs(bend) * parts.sizes > 1e-9), bend, floor)


def _length(parts: Partitions, step: Floats) -> Floats:
    """Find the part of the step that shrinks no cell by more than 80 %, nor grows any more than threefold."""
    relative = np.where(parts.counts > 0, step / parts.sizes, 0.0)
    shrink, grow = -relative.min(axis=1), relative.max(axis=1)
    length: Floats = 1.0 / np.maximum(1.0, np.maximum(shrink / 0.8, grow / 3.0))
    return length


def _emptied(parts: Partitions, drop: float) -> Partitions:
    counts = np.where(parts.sizes < drop, 0.0, parts.counts)
    return normalised(parts._replace(counts=counts))


def retracted(problem: Problem, parts: Partitions) -> Partitions:
    """Correct Σ d = target by two Newton steps, each cell moving in proportion to its size."""
    if problem.lmbda is not None:
        return parts
    zero, gradient = np.zeros(parts.owner.size), np.zeros_like(parts.sizes)
    for _ in range(2):
        jet = problem.evaluate(parts.sizes)
        excess = (parts.counts * jet.value).sum(axis=1) - parts.target
        mu, lmbda = multipliers(parts.counts * parts.sizes, jet.slope, gradient, zero, excess, None)
        relative = np.clip(mu[:, None] - lmbda[:, None] * jet.slope, -0.5, 1.0)
        parts = normalised(parts._replace(sizes=parts.sizes * (1.0 + relative)))
    return parts

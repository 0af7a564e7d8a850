"""Steps of the quadratic programming, row by row.

These functions are compiled, because a row has few numbers: numpy would spend most of its time on calls. Results are
written into the caller's arrays.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .cell_distortion import Floats, Jet
from .partition_batch import PartitionBatch

Bools = NDArray[np.bool_]

TINY = 1e-100
"""Replaces a divisor of 0; its square is still above 0."""


class SQPState(NamedTuple):
    """A batch during descent: its d, multipliers, Σ d − target, residuals, and damping of the next step."""

    parts: PartitionBatch
    jet: Jet
    lmbda: Floats
    excess: Floats
    residual: Floats
    damping: Floats


def judge(state: SQPState, lagrangian: bool) -> None:
    """Find the multipliers by least squares, and the residual of stationarity that remains in each row."""
    sizes, counts, slope = state.parts.sizes, state.parts.counts, state.jet.slope
    gradient, weight = np.empty(sizes.shape[1]), np.empty(sizes.shape[1])
    for i in range(sizes.shape[0]):
        parameter = state.parts.parameter[i]
        total = 0.0
        for j in range(sizes.shape[1]):
            weight[j] = counts[i, j] * sizes[i, j]
            total += counts[i, j] * state.jet.value[i, j]
        _gradient(gradient, sizes[i], slope[i], parameter if lagrangian else 0.0)
        mu, lmbda = _multipliers(weight, slope[i], gradient, 0.0, lagrangian)
        worst = 0.0
        for j in range(sizes.shape[1]):
            if counts[i, j] > 0.0:
                worst = max(worst, abs(gradient[j] + lmbda * slope[i, j] - mu))
        state.residual[i] = worst / (1.0 + abs(mu))
        state.excess[i] = 0.0 if lagrangian else total - parameter
        state.lmbda[i] = parameter if lagrangian else lmbda


def step(state: SQPState, lagrangian: bool, drop: float, moved: PartitionBatch, price: Floats) -> None:
    """Take one step from every row, to sizes and counts ``moved`` that need not meet D.

    ``price`` is the multiplier that the merit of the step is judged with.
    """
    sizes, counts, slope = state.parts.sizes, state.parts.counts, state.jet.slope
    width = sizes.shape[1]
    gradient, weight, metric = np.empty(width), np.empty(width), np.empty(width)
    for i in range(sizes.shape[0]):
        _metric(metric, state, i, lagrangian)
        for j in range(width):
            weight[j] = counts[i, j] / metric[j]
        _gradient(gradient, sizes[i], slope[i], state.parts.parameter[i] if lagrangian else 0.0)
        mu, lmbda = _multipliers(weight, slope[i], gradient, state.excess[i], lagrangian)
        # no cell shrinks by more than 80 % or grows by more than three times its size
        length = 1.0
        for j in range(width):
            metric[j] = -(gradient[j] + lmbda * slope[i, j] - mu) / metric[j] if counts[i, j] > 0.0 else 0.0
            relative = metric[j] / sizes[i, j]
            length = max(length, max(-relative / 0.8, relative / 3.0))
        for j in range(width):
            size = sizes[i, j] + metric[j] / length
            moved.counts[i, j] = 0.0 if size < drop else counts[i, j]
            moved.sizes[i, j] = size
        _normalise(moved.sizes[i], moved.counts[i])
        # a multiplier of 0 was not determined: the merit uses the previous one
        price[i] = state.lmbda[i] if lmbda == 0.0 else lmbda


def retract(parts: PartitionBatch, jet: Jet) -> None:
    """Correct Σ d = target by a Newton step, each cell moving in proportion to its size."""
    sizes, counts = parts.sizes, parts.counts
    nothing, weight = np.zeros(sizes.shape[1]), np.empty(sizes.shape[1])
    for i in range(sizes.shape[0]):
        excess = -parts.parameter[i]
        for j in range(sizes.shape[1]):
            weight[j] = counts[i, j] * sizes[i, j]
            excess += counts[i, j] * jet.value[i, j]
        mu, lmbda = _multipliers(weight, jet.slope[i], nothing, excess, False)
        for j in range(sizes.shape[1]):
            # no cell shrinks below half or grows above twice its size in one step
            sizes[i, j] *= 1.0 + min(max(mu - lmbda * jet.slope[i, j], -0.5), 1.0)
        _normalise(sizes[i], counts[i])


def accept(state: SQPState, new: SQPState, price: Floats, lagrangian: bool) -> None:
    """Take the new rows where they lower the merit; elsewhere only the damping changes."""
    for i in range(price.size):
        gain = _merit(state, i, price[i], lagrangian) - _merit(new, i, price[i], lagrangian)
        # near a minimum the merit changes by no more than its rounding: the smaller error decides
        if gain > 1e-14 or (gain > -1e-13 and _error(new, i) < _error(state, i)):
            for j in range(state.parts.sizes.shape[1]):
                state.parts.sizes[i, j], state.parts.counts[i, j] = new.parts.sizes[i, j], new.parts.counts[i, j]
                state.jet.value[i, j], state.jet.slope[i, j] = new.jet.value[i, j], new.jet.slope[i, j]
                state.jet.curvature[i, j] = new.jet.curvature[i, j]
            state.lmbda[i], state.excess[i], state.residual[i] = new.lmbda[i], new.excess[i], new.residual[i]
            # after success the damping falls 8 times, eventually to 0; after failure it grows 8 times
            state.damping[i] = 0.0 if state.damping[i] < 1e-2 else state.damping[i] / 8
        else:
            state.damping[i] = 1e-2 + state.damping[i] * 8


def second_order(state: SQPState, lagrangian: bool, convex: Bools) -> None:
    """Tell whether each row is a minimum: whether its Hessian is positive definite along the constraints."""
    hessian = np.empty(state.parts.sizes.shape[1])
    for i in range(convex.size):
        _hessian(hessian, state, i)
        convex[i] = _is_convex(hessian, state.parts.counts[i], state.jet.slope[i], True, lagrangian)


def _gradient(gradient: Floats, sizes: Floats, slope: Floats, lmbda: float) -> None:
    for j in range(sizes.size):
        gradient[j] = lmbda * slope[j] - 1.0 - math.log(sizes[j])


def _multipliers(
    weight: Floats, slope: Floats, gradient: Floats, excess: float, lagrangian: bool
) -> tuple[float, float]:
    """Solve for (μ, λ) with which the step −M (gradient + λ slope − μ) keeps the mass and cancels ``excess``.

    ``weight`` is count · M. With a fixed λ, or where all slopes are equal, only the mass is kept and λ is 0.
    """
    total = first = mean = 0.0
    for j in range(weight.size):
        total += weight[j]
        first += weight[j] * gradient[j]
        mean += weight[j] * slope[j]
    total = TINY if total == 0.0 else total
    if lagrangian:
        return first / total, 0.0
    mean /= total
    spread = scale = second = 0.0
    for j in range(weight.size):
        off = slope[j] - mean
        spread += weight[j] * off * off
        scale += abs(weight[j]) * slope[j] * slope[j]
        second += weight[j] * off * gradient[j]
    # slopes that differ by rounding alone determine no λ
    lmbda = (excess - second) / spread if abs(spread) > 1e-24 * scale else 0.0
    return first / total + lmbda * mean, lmbda


def _hessian(hessian: Floats, state: SQPState, i: int) -> None:
    """Compute the diagonal of the Hessian: h″ + λ d″ of every group."""
    lmbda = max(state.lmbda[i], 0.0)
    for j in range(hessian.size):
        hessian[j] = lmbda * state.jet.curvature[i, j] - 1.0 / state.parts.sizes[i, j]


def _metric(metric: Floats, state: SQPState, i: int, lagrangian: bool) -> None:
    """Take the Hessian where undamped and positive definite along the constraints, else |Hessian| + damping / size."""
    sizes, damping = state.parts.sizes, state.damping[i]
    _hessian(metric, state, i)
    newton = damping == 0.0 and _is_convex(metric, state.parts.counts[i], state.jet.slope[i], False, lagrangian)
    for j in range(metric.size):
        # a fraction of |h″| = 1/p keeps steps bounded where λ d″ cancels h″
        if not (newton and abs(metric[j]) * sizes[i, j] > 1e-9):
            metric[j] = max(abs(metric[j]), 0.05 / sizes[i, j]) + damping / sizes[i, j]


def _is_convex(hessian: Floats, counts: Floats, slope: Floats, by_cell: bool, lagrangian: bool) -> bool:
    """Tell whether a diagonal Hessian is positive definite along the constraints.

    It is if and only if it has as many negative entries as A H⁻¹ Aᵀ has negative eigenvalues, A being the
    constraint gradients (Haynsworth). An entry is a cell or a group; with a fixed λ, Σ pᵢ = 1 is the only constraint.
    """
    total = first = second = negative = 0.0
    for j in range(hessian.size):
        if counts[j] > 0.0:
            inverse = counts[j] / (TINY if hessian[j] == 0.0 else hessian[j])
            total += inverse
            first += inverse * slope[j]
            second += inverse * slope[j] * slope[j]
            if hessian[j] < 0.0:
                negative += counts[j] if by_cell else 1.0
    if lagrangian:
        return negative == (1.0 if total < 0.0 else 0.0)
    if total * second - first * first < 0.0:
        return negative == 1.0
    return negative == (2.0 if total < 0.0 else 0.0)


def _merit(state: SQPState, i: int, price: float, lagrangian: bool) -> float:
    """Sum what is minimised and a penalty of twice the price on the excess distortion.

    The penalty weighs more than the multiplier, so minima of the merit meet the constraint (an exact penalty).
    """
    lmbda = state.parts.parameter[i] if lagrangian else 0.0
    total: float = 2.0 * abs(price * state.excess[i])
    for j in range(state.parts.sizes.shape[1]):
        if state.parts.counts[i, j] > 0.0:
            size = state.parts.sizes[i, j]
            total += state.parts.counts[i, j] * (lmbda * state.jet.value[i, j] - size * math.log(size))
    return total


def _error(state: SQPState, i: int) -> float:
    error: float = state.residual[i] + abs(state.excess[i]) / state.parts.parameter[i]
    return error


def _normalise(sizes: Floats, counts: Floats) -> None:
    """Scale the sizes to sum to 1, and set those of absent groups to 1."""
    total = 0.0
    for j in range(sizes.size):
        total += counts[j] * sizes[j]
    for j in range(sizes.size):
        sizes[j] = sizes[j] / total if counts[j] > 0.0 else 1.0

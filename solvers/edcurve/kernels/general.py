"""Any cell distortion, given as a Python function and so always interpreted."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from . import biuniform

LEAST = 1e-290  # d(p) or p below which they are close to subnormal numbers
FURTHEST = -700.0  # ln p below which p is
SMALL = 1e-60  # d(p) below which a 0 nearby is an underflow, not a difference of nearly equal numbers


class Parameters(NamedTuple):
    """Parameters of a source of this family.

    Attributes
    ----------
    maximum, rest : float
        D_max, and 0: D_max is known only as a double.
    cell : callable
        d(p) at one p.
    closed : bool
        Whether the manifold is a loop.
    """

    maximum: float
    rest: float
    cell: Callable[[float], float]
    closed: bool


def mean(parameters: Parameters, p: float) -> float:
    """d(p)/p."""
    return float(parameters.cell(p)) / p


def mean_at(parameters: Parameters, nats: float) -> float:
    """d(p)/p at p = exp(−nats)."""
    if not _lost(parameters, -nats):
        return mean(parameters, math.exp(-nats))
    smallest, log_mean, power = _smallest_cells(parameters)
    return math.exp(log_mean - power * (nats + smallest)) if power > 0.0 and nats < math.inf else 0.0


def deficit(parameters: Parameters, odd: float) -> float:
    """D_max − d(1−ε) − d(ε); without cancellation for closed sources, by stationarity."""
    if parameters.closed:
        return float(odd * (parameters.maximum - mean(parameters, odd)) / (1.0 - odd))
    return float(parameters.maximum - (1.0 - odd) * mean(parameters, 1.0 - odd) - odd * mean(parameters, odd))


def size(parameters: Parameters, D: float) -> float:
    """Size p at which d(p)/p = D; unlike `rate`, it may underflow to 0."""
    return math.exp(_log_size(parameters, D))


def _log_size(parameters: Parameters, D: float) -> float:
    """ln p, bracketed by fourfold steps from p = 1."""
    high = 0.0
    low = -1.0
    while low > FURTHEST and mean(parameters, math.exp(low)) >= D:
        high, low = low, max(FURTHEST, 4.0 * low)
    log_p = biuniform.root(_size_gap, 0.0, parameters, math.log(D), 0.0, low, high)
    if log_p > FURTHEST and not _lost(parameters, log_p):
        return log_p
    smallest, log_mean, power = _smallest_cells(parameters)
    return min(0.0, smallest + (math.log(D) - log_mean) / power) if power > 0.0 else log_p


def _lost(parameters: Parameters, log_p: float) -> bool:
    """Whether d(p) may have lost digits because it, or an intermediate number, is nearly 0."""
    p = math.exp(log_p)
    if p < LEAST:
        return True
    value = parameters.cell(p)
    return value < LEAST or (value < SMALL and parameters.cell(1e-4 * p) <= 0.0)


def _smallest_cells(parameters: Parameters) -> tuple[float, float, float]:
    """ln p and ln d(p)/p of about the smallest cell for which d has full precision, and the local exponent of d(p)/p.

    Smaller cells are assumed to follow that power law, as δ does near 0.
    """
    low, high = FURTHEST, 0.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        if _lost(parameters, middle):
            low = middle
        else:
            high = middle
    if high > -1.0:
        return high, 0.0, 0.0
    wide = 0.75 * high if high > -80.0 else high + 60.0
    log_mean, log_wide = math.log(mean(parameters, math.exp(high))), math.log(mean(parameters, math.exp(wide)))
    return high, log_mean, (log_wide - log_mean) / (wide - high)


def _size_gap(first: float, parameters: Parameters, log_D: float, third: float, log_p: float) -> float:
    """Difference of ln d(p)/p and ln D, nearly linear in ln p, with the arguments that `biuniform.root` passes."""
    value = mean(parameters, math.exp(log_p))
    return (math.log(value) if value > 0.0 else -745.0) - log_D


def rate(parameters: Parameters, D: float) -> float:
    """−ln size."""
    p = size(parameters, D)
    return -math.log(p) if p > LEAST else -_log_size(parameters, D)


def split(parameters: Parameters, D: float) -> tuple[float, float]:
    """(K, ε) at distortion D."""
    return biuniform.split(mean, deficit, size, parameters, D)

"""Many harmonics, d(p) = p Σ c_k (1 − sinc²(πkp)): f(p) = d(p)/p from a table of polynomials on [0, ½].

Above ½ stationarity gives f, from p d(p) − (1 − p) d(1 − p) = (2p − 1) D_max. The cost of a point does not depend on
the number of harmonics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from . import biuniform

DEGREE = 11
TERMS = 12  # of the power series


LINEAR: tuple[str, ...] = ()  # `Spectrum` rounds the scaled energies, and computes the fields from these


class Parameters(NamedTuple):
    """Parameters of a source of this family.

    Attributes
    ----------
    maximum, rest : float
        D_max rounded to double, and its rounding error.
    intervals : float
        Intervals of the table per unit of p, an integer.
    small : float
        p below which a power series is used, because the polynomials would cancel.
    scale : float
        (2πn)² for n harmonics; the series is in scale · p².
    bend : float
        Σ k²c_k, by which d(p)/p ≤ Σ c_k π²k²p²/3.
    series : ndarray, shape (12,)
        Absolute coefficients of the series, from the highest.
    polynomials : ndarray, shape (6 intervals,)
        Coefficients of consecutive polynomials in t ∈ [−1, 1], from the highest.
    """

    maximum: float
    rest: float
    intervals: float
    small: float
    scale: float
    bend: float
    series: Sequence[float]
    polynomials: Sequence[float]


def mean(parameters: Parameters, p: float) -> float:
    """d(p)/p."""
    if p <= 0.5:
        return _lower(parameters, p)
    q = 1.0 - p
    return (q * q * _lower(parameters, q) + (1.0 - 2.0 * q) * parameters.maximum) / (p * p)


def _lower(parameters: Parameters, p: float) -> float:
    """The mean d(p)/p of small cells, p ≤ ½."""
    if p < parameters.small:
        Z = parameters.scale * p * p
        value = parameters.series[0]
        for j in range(1, TERMS):
            value = parameters.series[j] - Z * value
        return Z * value
    position = p * parameters.intervals
    interval = math.floor(position)
    # the last interval ends at ½
    if position >= 0.5 * parameters.intervals:
        interval = interval - 1
    # Horner's scheme for the polynomial of this interval
    first = (DEGREE + 1) * int(interval)
    t = 2.0 * (position - interval) - 1.0
    value = parameters.polynomials[first]
    for j in range(first + 1, first + DEGREE + 1):
        value = parameters.polynomials[j] + t * value
    return value


def mean_at(parameters: Parameters, nats: float) -> float:
    """d(p)/p at p = exp(−nats)."""
    return mean(parameters, math.exp(-nats))


def deficit(parameters: Parameters, odd: float) -> float:
    """D_max − d(1−ε) − d(ε) = ε (D_max − d(ε)/ε)/(1−ε), by stationarity."""
    return odd * (parameters.maximum - mean(parameters, odd)) / (1.0 - odd)


def size(parameters: Parameters, D: float) -> float:
    """Size p at which d(p)/p = D, bracketed from below by d(p)/p ≤ Σ c_k π²k²p²/3."""
    low = 0.5 * (math.log(3.0 * D) - math.log(parameters.bend)) - math.log(math.pi)
    if low >= 0.0:
        return 1.0
    # d(p)/p is at most its leading term, so the root is above: increase ln p until it is bracketed
    step, high = 1e-3, low
    while high < 0.0 and mean(parameters, math.exp(high)) < D:
        high = min(0.0, low + step)
        step *= 4.0
    return math.exp(biuniform.root(_size_gap, 0.0, parameters, math.log(D), 0.0, low - 1e-9, high))


def _size_gap(first: float, parameters: Parameters, log_D: float, third: float, log_p: float) -> float:
    """Difference of ln d(p)/p and ln D, nearly linear in ln p, with the arguments that `biuniform.root` passes."""
    value = mean(parameters, math.exp(log_p))
    return (math.log(value) if value > 0.0 else -1000.0) - log_D


def rate(parameters: Parameters, D: float) -> float:
    """−ln size."""
    return -math.log(size(parameters, D))


def split(parameters: Parameters, D: float) -> tuple[float, float]:
    """(K, ε) at distortion D."""
    return biuniform.split(mean, deficit, size, parameters, D)


FAST, fast = 1.0, split

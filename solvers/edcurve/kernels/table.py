"""Many harmonics, d(p) = p Σ c_k (1 − sinc²(πkp)): f(p) = d(p)/p from a table of polynomials on [0, ½].

Above ½ stationarity gives f, from
p d(p) − (1 − p) d(1 − p) = (2p − 1) D_max. One point costs the same for any number of harmonics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from . import biuniform

DEGREE = 11
TERMS = 12  # of the power series


LINEAR: tuple[str, ...] = ()  # the energies, and what is made of them, are rounded by `Spectrum` itself


class Parameters(NamedTuple):
    """What tells sources of this family apart.

    Attributes
    ----------
    maximum, rest : float
        D_max rounded to double, and what rounding left of it.
    intervals : float
        Intervals of the table per unit of p, a whole number.
    small : float
        p below which a power series serves: the polynomials would cancel there.
    scale : float
        (2πn)² for n harmonics; the series is in scale · p².
    bend : float
        Σ k²c_k, by which d(p)/p ≤ Σ c_k π²k²p²/3.
    series : ndarray, shape (12,)
        Coefficients of that series, signs aside, from the highest.
    polynomials : ndarray, shape (6 intervals,)
        Coefficients of one polynomial after the other in t ∈ [−1, 1], from the highest.
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
    at = p * parameters.intervals
    interval = math.floor(at)
    # the last interval ends at ½
    if at >= 0.5 * parameters.intervals:
        interval = interval - 1
    # Horner's scheme: one polynomial of the table has the point, whatever the number of harmonics
    first = (DEGREE + 1) * int(interval)
    t = 2.0 * (at - interval) - 1.0
    value = parameters.polynomials[first]
    for j in range(first + 1, first + DEGREE + 1):
        value = parameters.polynomials[j] + t * value
    return value


def mean_at(parameters: Parameters, nats: float) -> float:
    """d(p)/p at p = exp(−nats)."""
    return mean(parameters, math.exp(-nats))


def deficit(parameters: Parameters, odd: float) -> float:
    """D_max − d(1−ε) − d(ε), which stationarity makes ε (D_max − d(ε)/ε)/(1−ε)."""
    return odd * (parameters.maximum - mean(parameters, odd)) / (1.0 - odd)


def size(parameters: Parameters, D: float) -> float:
    """Size p at which d(p)/p = D, sought from where d(p)/p ≤ Σ c_k π²k²p²/3 allows it."""
    low = 0.5 * (math.log(3.0 * D) - math.log(parameters.bend)) - math.log(math.pi)
    if low >= 0.0:
        return 1.0
    # d(p)/p is at most its leading term, so the zero is above: steps upwards in ln p until it is bracketed
    step, high = 1e-3, low
    while high < 0.0 and mean(parameters, math.exp(high)) < D:
        high = min(0.0, low + step)
        step *= 4.0
    return math.exp(biuniform.root(_size_gap, 0.0, parameters, math.log(D), 0.0, low - 1e-9, high))


def _size_gap(first: float, parameters: Parameters, log_D: float, third: float, log_p: float) -> float:
    """Difference of ln d(p)/p and ln D, about linear in ln p; in the order of arguments of `biuniform.root`."""
    value = mean(parameters, math.exp(log_p))
    return (math.log(value) if value > 0.0 else -1000.0) - log_D


def rate(parameters: Parameters, D: float) -> float:
    """−ln size."""
    return -math.log(size(parameters, D))


def split(parameters: Parameters, D: float) -> tuple[float, float]:
    """(K, ε) at distortion D."""
    return biuniform.split(mean, deficit, size, parameters, D)


FAST, fast = 1.0, split

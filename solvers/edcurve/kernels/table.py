"""d(p) = p Σ c_k (1 − sinc²(πkp)) for many harmonics: f(p) = d(p)/p from a table of polynomials on [0, ½].

c = (D_max, its rounding error, intervals per unit of p, p below which a power series serves, (2πn)², Σ k²c_k,
coefficients of that series from the highest, coefficients of the polynomials). Above ½ stationarity gives f, from
p d(p) − (1 − p) d(1 − p) = (2p − 1) D_max. One point costs the same for any number of harmonics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from . import biuniform

DEGREE = 11
TERMS = 12  # of the power series
HEAD = 6  # numbers before the series
POLYNOMIALS = HEAD + TERMS


def mean(c: Sequence[float], p: float) -> float:
    """d(p)/p."""
    if p <= 0.5:
        return _lower(c, p)
    q = 1.0 - p
    return (q * q * _lower(c, q) + (1.0 - 2.0 * q) * c[0]) / (p * p)


def _lower(c: Sequence[float], p: float) -> float:
    """F on [0, ½]."""
    if p < c[3]:
        Z = c[4] * p * p
        value = c[HEAD]
        for j in range(HEAD + 1, POLYNOMIALS):
            value = c[j] - Z * value
        return Z * value
    at = p * c[2]
    interval = math.floor(at)
    # the last interval ends at ½
    if at >= 0.5 * c[2]:
        interval = interval - 1
    first = POLYNOMIALS + (DEGREE + 1) * int(interval)
    t = 2.0 * (at - interval) - 1.0
    value = c[first]
    for j in range(first + 1, first + DEGREE + 1):
        value = c[j] + t * value
    return value


def mean_at(c: Sequence[float], nats: float) -> float:
    """d(p)/p at p = exp(−nats)."""
    return mean(c, math.exp(-nats))


def deficit(c: Sequence[float], odd: float) -> float:
    """D_max − d(1−ε) − d(ε), which stationarity makes ε (D_max − d(ε)/ε)/(1−ε)."""
    return odd * (c[0] - mean(c, odd)) / (1.0 - odd)


def size(c: Sequence[float], D: float) -> float:
    """P with d(p)/p = D, from d(p)/p ≤ Σ c_k π²k² p²/3."""
    low = 0.5 * (math.log(3.0 * D) - math.log(c[5])) - math.log(math.pi)
    if low >= 0.0:
        return 1.0
    step, high = 1e-3, low
    while high < 0.0 and mean(c, math.exp(high)) < D:
        high = min(0.0, low + step)
        step *= 4.0
    return math.exp(biuniform.root(_size_gap, 0.0, c, math.log(D), 0.0, low - 1e-9, high))


def _size_gap(first: float, c: Sequence[float], log_D: float, third: float, log_p: float) -> float:
    value = mean(c, math.exp(log_p))
    return (math.log(value) if value > 0.0 else -1000.0) - log_D


def rate(c: Sequence[float], D: float) -> float:
    """−ln size."""
    return -math.log(size(c, D))


def split(c: Sequence[float], D: float) -> tuple[float, float]:
    """(K, ε) at distortion D."""
    return biuniform.split(mean, deficit, size, c, D)


FAST, fast = 1.0, split

"""d(p) of pulses and triangles: f(p) = d(p)/p is a₁p + a₂p² + a₃p³ up to m and b₀ + b₁/p + b₂/p² from there to ½.

c = (D_max, its rounding error, m, a₁, a₂, a₃, b₀, b₁, b₂). Above ½ stationarity gives f, from
p d(p) − (1 − p) d(1 − p) = (2p − 1) D_max.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from . import biuniform


def mean(c: Sequence[float], p: float) -> float:
    """d(p)/p."""
    if p <= 0.5:
        return _lower(c, p)
    q = 1.0 - p
    return (q * q * _lower(c, q) + (1.0 - 2.0 * q) * c[0]) / (p * p)


def _lower(c: Sequence[float], p: float) -> float:
    """F on [0, ½]."""
    if p <= c[2]:
        return p * (c[3] + p * (c[4] + p * c[5]))
    return c[6] + (c[7] + c[8] / p) / p


def mean_at(c: Sequence[float], nats: float) -> float:
    """d(p)/p at p = exp(−nats)."""
    return mean(c, math.exp(-nats))


def deficit(c: Sequence[float], odd: float) -> float:
    """D_max − d(1−ε) − d(ε), which stationarity makes ε (D_max − d(ε)/ε)/(1−ε)."""
    return odd * ((c[0] - mean(c, odd)) + c[1]) / (1.0 - odd)


def size(c: Sequence[float], D: float) -> float:
    """P with d(p)/p = D, bracketed by fourfold steps from p = 1."""
    return math.exp(-rate(c, D))


def rate(c: Sequence[float], D: float) -> float:
    """−ln size."""
    high = 0.0
    low = -1.0
    while mean(c, math.exp(low)) >= D:
        high, low = low, 4.0 * low
        if low < -700.0:
            return math.inf
    return -biuniform.root(_size_gap, 0.0, c, math.log(D), 0.0, low, high)


def _size_gap(first: float, c: Sequence[float], log_D: float, third: float, log_p: float) -> float:
    value = mean(c, math.exp(log_p))
    return (math.log(value) if value > 0.0 else -745.0) - log_D


def split(c: Sequence[float], D: float) -> tuple[float, float]:
    """(K, ε) at distortion D."""
    return biuniform.split(mean, deficit, size, c, D)


FAST, fast = 1.0, split

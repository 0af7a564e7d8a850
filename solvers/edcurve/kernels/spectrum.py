"""d(p) = p Σ c_k (1 − sinc²(πkp)) for a given spectrum; c = (D_max, its rounding error, c_1, c_2, …)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from . import biuniform
from .circle import unit_mean


def mean(c: Sequence[float], p: float) -> float:
    """d(p)/p."""
    result = 0.0
    for k in range(1, len(c) - 1):
        if c[k + 1] > 0.0:
            result += c[k + 1] * unit_mean(k * p)
    return result


def mean_at(c: Sequence[float], nats: float) -> float:
    """d(p)/p at p = exp(−nats)."""
    return mean(c, math.exp(-nats))


def deficit(c: Sequence[float], odd: float) -> float:
    """D_max − d(1−ε) − d(ε), which stationarity makes ε (D_max − d(ε)/ε)/(1−ε)."""
    result = 0.0
    for k in range(1, len(c) - 1):
        y = math.pi * k * odd
        sinc = math.sin(y) / y if y > 0.0 else 1.0
        result += c[k + 1] * sinc * sinc
    return odd * result / (1.0 - odd)


def size(c: Sequence[float], D: float) -> float:
    """P with d(p)/p = D, from d(p)/p ≤ Σ c_k π²k² p²/3."""
    bend = 0.0
    for k in range(1, len(c) - 1):
        bend += c[k + 1] * k * k
    low = 0.5 * (math.log(3.0 * D) - math.log(bend)) - math.log(math.pi)
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

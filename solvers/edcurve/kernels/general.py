"""Any cell distortion given as a Python function, interpreted; c = (D_max, 0, d, closed)."""

from __future__ import annotations

import math
from typing import Any

from . import biuniform


def mean(c: Any, p: float) -> float:
    """d(p)/p."""
    return float(c[2](p)) / p


def mean_at(c: Any, nats: float) -> float:
    """d(p)/p at p = exp(−nats)."""
    p = math.exp(-nats)
    return mean(c, p) if p > 0.0 else 0.0


def deficit(c: Any, odd: float) -> float:
    """D_max − d(1−ε) − d(ε); without cancellation where stationarity on a closed source allows it."""
    if c[3]:
        return float(odd * (c[0] - mean(c, odd)) / (1.0 - odd))
    return float(c[0] - (1.0 - odd) * mean(c, 1.0 - odd) - odd * mean(c, odd))


def size(c: Any, D: float) -> float:
    """P with d(p)/p = D, bracketed by fourfold steps from p = 1."""
    high = 0.0
    low = -1.0
    while mean(c, math.exp(low)) >= D:
        high, low = low, 4.0 * low
        if low < -700.0:
            return 0.0
    return math.exp(biuniform.root(_size_gap, 0.0, c, math.log(D), 0.0, low, high))


def _size_gap(first: float, c: Any, log_D: float, third: float, log_p: float) -> float:
    value = mean(c, math.exp(log_p))
    return (math.log(value) if value > 0.0 else -745.0) - log_D


def rate(c: Any, D: float) -> float:
    """−ln size."""
    p = size(c, D)
    return -math.log(p) if p > 0.0 else math.inf


def split(c: Any, D: float) -> tuple[float, float]:
    """(K, ε) at distortion D."""
    return biuniform.split(mean, deficit, size, c, D)

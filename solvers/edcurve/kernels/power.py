"""d(p) = D_max p^{a+1}, the open power laws; c = (D_max, its rounding error, a)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from . import biuniform


def mean(c: Sequence[float], p: float) -> float:
    """d(p)/p."""
    return float(c[0] * p ** c[2])


def mean_at(c: Sequence[float], nats: float) -> float:
    """d(p)/p at p = exp(−nats)."""
    return c[0] * math.exp(-c[2] * nats)


def rate(c: Sequence[float], D: float) -> float:
    """−ln size = ln(D_max/D)/a."""
    below = ((c[0] - D) + c[1]) / c[0]
    if below < 0.5:
        return -math.log1p(-below) / c[2]
    return (math.log(c[0]) - math.log(D)) / c[2]


def size(c: Sequence[float], D: float) -> float:
    """(D/D_max)^{1/a}; it may underflow to 0, `rate` does not."""
    return math.exp(-rate(c, D))


def deficit(c: Sequence[float], odd: float) -> float:
    """D_max − d(1−ε) − d(ε)."""
    return float(c[0] * (-math.expm1((c[2] + 1.0) * math.log1p(-odd)) - odd * odd ** c[2]))


def split(c: Sequence[float], D: float) -> tuple[float, float]:
    """(K, ε) at distortion D."""
    return biuniform.split(mean, deficit, size, c, D)


FAST, fast = 1.0, split

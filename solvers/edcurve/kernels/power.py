"""Power laws d(p) = D_max p^{a+1}, of open sources."""

from __future__ import annotations

import math
from typing import NamedTuple

from . import biuniform
from .biuniform import whole

LINEAR: tuple[str, ...] = ()


class Parameters(NamedTuple):
    """Parameters of a source of this family.

    Attributes
    ----------
    maximum, rest : float
        D_max rounded to double, and its rounding error.
    exponent : float
        a, above 0 and at most 2.
    """

    maximum: float
    rest: float
    exponent: float


def mean(parameters: Parameters, p: float) -> float:
    """d(p)/p."""
    return float(parameters.maximum * p**parameters.exponent)


def mean_at(parameters: Parameters, nats: float) -> float:
    """d(p)/p at p = exp(−nats)."""
    return parameters.maximum * math.exp(-parameters.exponent * nats)


def rate(parameters: Parameters, D: float) -> float:
    """−ln size = ln(D_max/D)/a."""
    # near D_max the logarithm of D/D_max would cancel
    below = ((parameters.maximum - D) + parameters.rest) / parameters.maximum
    if below < 0.5:
        return -math.log1p(-below) / parameters.exponent
    return (math.log(parameters.maximum) - math.log(D)) / parameters.exponent


def size(parameters: Parameters, D: float) -> float:
    """(D/D_max)^{1/a}; unlike `rate`, it may underflow to 0."""
    return math.exp(-rate(parameters, D))


def deficit(parameters: Parameters, odd: float) -> float:
    """D_max − d(1−ε) − d(ε), as a sum over the cells of positive terms, so that a small exponent does not cancel."""
    return float(
        -parameters.maximum
        * (
            (1.0 - odd) * math.expm1(parameters.exponent * math.log1p(-odd))
            + odd * math.expm1(parameters.exponent * math.log(odd))
        )
    )


def split(parameters: Parameters, D: float) -> tuple[float, float]:
    """(K, ε) at distortion D."""
    below = ((parameters.maximum - D) + parameters.rest) / parameters.maximum
    if below > 0.5 or below <= _share_lost(parameters, 1.0, 0.5):
        return biuniform.split(mean, deficit, size, parameters, D)
    # several cells near D_max, so the exponent is small: as in `biuniform.split`, but with 1 − D/D_max
    count = whole(size(parameters, D))
    if count == 0.0:
        return 0.0, 0.0
    count = max(count, 2.0)
    even = 1.0 / (count + 1.0)
    return count, max(0.0, even - biuniform.root(_further, 0.0, parameters, count, below, 0.0, even))


def _share_lost(parameters: Parameters, count: float, odd: float) -> float:
    """1 − D/D_max of K cells and a smaller one, as a sum of terms of one sign."""
    lost = (odd - 1.0) * math.expm1(parameters.exponent * math.log((1.0 - odd) / count))
    return lost - odd * math.expm1(parameters.exponent * math.log(odd)) if odd > 0.0 else lost


def _further(first: float, parameters: Parameters, count: float, below: float, y: float) -> float:
    """√(D(y) − D_{K+1}) − √(D − D_{K+1}) as shares of D_max, with the arguments that `biuniform.root` passes."""
    even = 1.0 / (count + 1.0)
    base = -math.expm1(-parameters.exponent * math.log(count + 1.0))
    reached = base - _share_lost(parameters, count, max(0.0, even - y))
    return math.sqrt(max(0.0, reached)) - math.sqrt(max(0.0, base - below))


FAST, fast = 1.0, split

"""Cubic cell distortions d(p) = (a p² + b p³)/12: the ramp (2, −1), the sawbridge (2, 0), the uniform scalar (0, 1).

Everything has a closed form except one cubic equation, y²(α − βy) = Q, for y = 1/(K+1) − ε.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .biuniform import whole

LINEAR = ("square", "cube")


class Parameters(NamedTuple):
    """Parameters of a source of this family.

    Attributes
    ----------
    maximum, rest : float
        D_max rounded to double, and its rounding error.
    square, cube : float
        a and b.
    """

    maximum: float
    rest: float
    square: float
    cube: float


def mean(parameters: Parameters, p: float) -> float:
    """d(p)/p."""
    return p * (parameters.square + parameters.cube * p) / 12.0


def mean_at(parameters: Parameters, nats: float) -> float:
    """d(p)/p at p = exp(−nats)."""
    return mean(parameters, math.exp(-nats))


def size(parameters: Parameters, D: float) -> float:
    """Size p at which d(p)/p = D, the root of a p + b p² = 12 D."""
    if parameters.cube == 0.0:
        return 12.0 * D / parameters.square
    if parameters.square == 0.0:
        return math.sqrt(12.0 * D / parameters.cube)
    # b < 0: the discriminant a² + 48 b D vanishes at D_max, so it is taken from D_max − D
    edge = parameters.square + 2.0 * parameters.cube
    below = (parameters.maximum - D) + parameters.rest
    return 24.0 * D / (parameters.square + math.sqrt(edge * edge - 48.0 * parameters.cube * below))


def rate(parameters: Parameters, D: float) -> float:
    """−ln size, from 1 − size where that is small."""
    p = size(parameters, D)
    if p < 0.5:
        return -math.log(p)
    return -math.log1p(
        -12.0 * ((parameters.maximum - D) + parameters.rest) / (parameters.square + parameters.cube * (1.0 + p))
    )


def split(parameters: Parameters, D: float) -> tuple[float, float]:
    """(K, ε) at distortion D; without branches, so that compilers vectorise it."""
    a, b = parameters.square, parameters.cube
    p = size(parameters, D)
    count = whole(p)
    several = max(2.0, count)
    product = 1.0 / (several * (several + 1.0))
    next_equal, equal = product * several, product * (several + 1.0)
    spare = max(0.0, 1.0 - several * p)
    # α, β, Q of y²(α − βy) = Q, from 12(D − D_{K+1}) expanded about equal cells
    linear = a + equal * (a + 3.0 * b)
    cubic = b * (1.0 - equal * equal)
    target = max(0.0, (p - spare) * next_equal * (a + b * (p + next_equal)))
    scale = 1.0 / linear
    y = math.sqrt(target * scale)
    t = cubic * y * scale
    y *= 1.0 + t * (0.5 + t * (0.625 + t * (1.0 + t * 1.8046875)))
    # the series has a relative error of 3.5 t⁵ < 1/100, which each Newton step squares
    y -= (y * y * (linear - cubic * y) - target) / (y * (2.0 * linear - 3.0 * cubic * y) + 1e-300)
    y -= (y * y * (linear - cubic * y) - target) / (y * (2.0 * linear - 3.0 * cubic * y) + 1e-300)
    y -= (y * y * (linear - cubic * y) - target) / (y * (2.0 * linear - 3.0 * cubic * y) + 1e-300)
    odd = min(next_equal, max(0.0, next_equal - y))
    # K = 1: ε(1−ε) is proportional to D_max − D
    product = min(0.25, 12.0 * ((parameters.maximum - D) + parameters.rest) / (2.0 * a + 3.0 * b))
    second = product / (0.5 + math.sqrt(0.25 - product))
    return count, second if count == 1.0 else odd


FAST, fast = 1.0, split

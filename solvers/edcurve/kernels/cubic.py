"""d(p) = (a p² + b p³)/12: the ramp (2, −1), the sawbridge (2, 0), the uniform scalar (0, 1).

c = (D_max, its rounding error, a, b). All in closed form but for one cubic, y²(α − βy) = Q, for the distance
y = 1/(K+1) − ε of the odd cell from the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .biuniform import whole


def mean(c: Sequence[float], p: float) -> float:
    """d(p)/p."""
    return p * (c[2] + c[3] * p) / 12.0


def mean_at(c: Sequence[float], nats: float) -> float:
    """d(p)/p at p = exp(−nats)."""
    return mean(c, math.exp(-nats))


def size(c: Sequence[float], D: float) -> float:
    """Root p of a p + b p² = 12 D."""
    if c[3] == 0.0:
        return 12.0 * D / c[2]
    if c[2] == 0.0:
        return math.sqrt(12.0 * D / c[3])
    # b < 0: the discriminant a² + 48 b D vanishes at D_max, so it is taken from D_max − D
    edge = c[2] + 2.0 * c[3]
    below = (c[0] - D) + c[1]
    return 24.0 * D / (c[2] + math.sqrt(edge * edge - 48.0 * c[3] * below))


def rate(c: Sequence[float], D: float) -> float:
    """−ln size, from 1 − size where that is small."""
    p = size(c, D)
    if p < 0.5:
        return -math.log(p)
    return -math.log1p(-12.0 * ((c[0] - D) + c[1]) / (c[2] + c[3] * (1.0 + p)))


def split(c: Sequence[float], D: float) -> tuple[float, float]:
    """(K, ε) at distortion D; without branches, so that compilers vectorise it."""
    a, b = c[2], c[3]
    p = size(c, D)
    count = whole(p)
    several = max(2.0, count)
    both = 1.0 / (several * (several + 1.0))
    even, each = both * several, both * (several + 1.0)
    spare = max(0.0, 1.0 - several * p)
    # α, β, Q of y²(α − βy) = Q, from 12(D − D_{K+1}) expanded about equal cells
    linear = a + each * (a + 3.0 * b)
    cubic = b * (1.0 - each * each)
    target = max(0.0, (p - spare) * even * (a + b * (p + even)))
    scale = 1.0 / linear
    y = math.sqrt(target * scale)
    bend = cubic * y * scale
    y *= 1.0 + bend * (0.5 + bend * (0.625 + bend * (1.0 + bend * 1.8046875)))
    # the series leaves a relative error of 3.5 bend⁵ < 1/100, which each Newton step squares
    y -= (y * y * (linear - cubic * y) - target) / (y * (2.0 * linear - 3.0 * cubic * y) + 1e-300)
    y -= (y * y * (linear - cubic * y) - target) / (y * (2.0 * linear - 3.0 * cubic * y) + 1e-300)
    y -= (y * y * (linear - cubic * y) - target) / (y * (2.0 * linear - 3.0 * cubic * y) + 1e-300)
    odd = min(even, max(0.0, even - y))
    # K = 1: ε(1−ε) is proportional to D_max − D
    product = min(0.25, 12.0 * ((c[0] - D) + c[1]) / (2.0 * a + 3.0 * b))
    second = product / (0.5 + math.sqrt(0.25 - product))
    return count, second if count == 1.0 else odd


FAST, fast = 1.0, split

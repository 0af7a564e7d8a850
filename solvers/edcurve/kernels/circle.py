"""One harmonic, d(p) = A p (1 − sinc²(πp)): the circle (A = 1), the sinusoid (A = ½).

1 − sinc² cancels for small p, so below πp = 1.05 its power series is used: Σ (−1)^{n+1} 2 Zⁿ/(2n+2)!, Z = (2πp)².
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .biuniform import whole

LINEAR = ("energy",)


class Parameters(NamedTuple):
    """Parameters of a source of this family.

    Attributes
    ----------
    maximum, rest : float
        D_max rounded to double, and its rounding error.
    energy : float
        A, which is D_max up to rounding.
    """

    maximum: float
    rest: float
    energy: float


SQUARE = math.pi * math.pi
TURN = 4.0 * SQUARE
# d(p)/p at p = 1/2, above which K = 1
HALF = 1.0 - 4.0 / SQUARE
# d(p)/p at p = 1/3, up to which every cell is small enough for the series
FAST = 1.0 - 27.0 / (4.0 * SQUARE)
TINY = 1e-300
# coefficients of the reverted series (πp)² = e + R2 e² + …, e = 3D
R2, R3, R4, R5 = 2.0 / 15.0, 41.0 / 1575.0, 4.0 / 675.0, 40031.0 / 27286875.0
R6, R7, R8 = 2037898.0 / 5320940625.0, 5268457.0 / 50790796875.0, 4111782056.0 / 142468185234375.0
# absolute coefficients of the series of 1 − sinc²
A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12 = (2.0 / math.factorial(2 * n + 2) for n in range(1, 13))


def mean(parameters: Parameters, p: float) -> float:
    """d(p)/p."""
    return parameters.energy * unit_mean(p)


def mean_at(parameters: Parameters, nats: float) -> float:
    """d(p)/p at p = exp(−nats)."""
    return mean(parameters, math.exp(-nats))


def unit_mean(p: float) -> float:
    """1 − sinc²(πp) to full relative precision."""
    return _value_and_slope(p)[0]


def _value_and_slope(p: float) -> tuple[float, float]:
    """φ = 1 − sinc²(πp) and p φ′(p)."""
    y = math.pi * p
    if y < 1.05:
        return _series(TURN * p * p)
    sinc = math.sin(y) / y
    return 1.0 - sinc * sinc, 2.0 * sinc * (sinc - math.cos(y))


def _series(Z: float) -> tuple[float, float]:
    """φ and p φ′ = 2Z dφ/dZ, to double precision for πp < 1.05."""
    value = A6 - Z * (A7 - Z * (A8 - Z * (A9 - Z * (A10 - Z * (A11 - Z * A12)))))
    value = A1 - Z * (A2 - Z * (A3 - Z * (A4 - Z * (A5 - Z * value))))
    slope = 9.0 * A9 - Z * (10.0 * A10 - Z * (11.0 * A11 - Z * (12.0 * A12)))
    slope = 6.0 * A6 - Z * (7.0 * A7 - Z * (8.0 * A8 - Z * slope))
    slope = A1 - Z * (2.0 * A2 - Z * (3.0 * A3 - Z * (4.0 * A4 - Z * (5.0 * A5 - Z * slope))))
    return Z * value, 2.0 * Z * slope


def size(parameters: Parameters, D: float) -> float:
    """Size p at which A(1 − sinc²(πp)) = D."""
    if D / parameters.energy > HALF:
        return _size_near_one(math.sqrt(max(0.0, _below(parameters, D))))
    return _unit_size(D / parameters.energy)


def _below(parameters: Parameters, D: float) -> float:
    """1 − D/D_max, with the rounding error of D_max, which dominates near D_max."""
    return ((parameters.maximum - D) + parameters.rest) / parameters.energy


def _unit_size(D: float) -> float:
    """`size` for A = 1 and p ≤ ½."""
    if D <= FAST:
        return _small_size(D)
    p = _small_size(D)
    # for larger cells the series lacks its last digits, which Newton steps restore
    for _ in range(3):
        value, slope = _value_and_slope(p)
        p -= p * (value - D) / slope
    return p


def _small_size(D: float) -> float:
    """Size by the reverted series of φ, then two Newton steps; without branches."""
    e = 3.0 * D
    z = R5 + e * (R6 + e * (R7 + e * R8))
    p = math.sqrt(e * (1.0 + e * (R2 + e * (R3 + e * (R4 + e * z))))) / math.pi
    for _ in range(2):
        value, slope = _series(TURN * p * p)
        p -= p * (value - D) / slope
    return p


def _size_near_one(sinc: float) -> float:
    """Size p ≥ ½ from sinc(πp), because 1 − D would lose the digits of sinc²."""
    y = math.pi
    for _ in range(8):
        y -= (math.sin(y) - sinc * y) / (math.cos(y) - sinc)
    return y / math.pi


def rate(parameters: Parameters, D: float) -> float:
    """−ln size."""
    return -math.log(size(parameters, D))


def split(parameters: Parameters, D: float) -> tuple[float, float]:
    """(K, ε) at distortion D."""
    if FAST * parameters.maximum >= D:
        return fast(parameters, D)
    below = _below(parameters, D)
    D = D / parameters.energy
    if D >= HALF:
        return 1.0, _second(below)
    # K = 2: cells may be too large for the series of `fast`
    even = 1.0 / 3.0
    y = _cubic_start(2.0, even, _unit_size(D))
    for _ in range(5):
        odd = max(0.0, even - y)
        value, slope = _value_and_slope(0.5 * (1.0 - odd))
        value_odd, slope_odd = _value_and_slope(odd)
        residual = (1.0 - odd) * value + odd * value_odd - D
        gain = (value + slope) - (value_odd + slope_odd)
        y = min(even, 1.25 * y, max(0.75 * y, y - residual / (gain + TINY)))
    return 2.0, max(0.0, even - y)


def fast(parameters: Parameters, D: float) -> tuple[float, float]:
    """`split` where every cell is small enough for the series; without branches, so that compilers vectorise it."""
    D = D / parameters.energy
    p = _small_size(D)
    count = whole(p)
    several = max(3.0, count)
    even = 1.0 / (several + 1.0)
    y = _cubic_start(several, even, p)
    for _ in range(4):
        odd = max(0.0, even - y)
        equal = (1.0 - odd) / several
        value, slope = _series(TURN * equal * equal)
        value_odd, slope_odd = _series(TURN * odd * odd)
        residual = (1.0 - odd) * value + odd * value_odd - D
        gain = (value + slope) - (value_odd + slope_odd)
        y = min(even, 1.25 * y, max(0.75 * y, y - residual / (gain + TINY)))
    return (0.0 if count == 0.0 else several), max(0.0, even - y)


def _cubic_start(count: float, even: float, p: float) -> float:
    """Root y of y²(α − βy) = Q, as if d(p) ∝ p³; y = 1/(K+1) − ε.

    It is within 11 % of the circle's for K = 2 and closer for more cells. Newton steps from it are limited to 25 %,
    because they are arbitrary where y is so small that rounding dominates the residual.
    """
    linear, cubic = 3.0 / count, 1.0 - 1.0 / (count * count)
    spare = max(0.0, 1.0 - count * p)
    y = math.sqrt(max(0.0, (p - spare) * even * (p + even)) / linear)
    t = cubic * y / linear
    return min(even, y * (1.0 + t * (0.5 + t * (0.625 + t * (1.0 + t * 1.8046875)))))


def _second(below: float) -> float:
    """ε for K = 1, from sin²(πε) = π² (1−D) ε(1−ε)."""
    if below <= 0.0:
        return 0.0
    if below < 0.27:
        return _small_second(below)
    # ε = ½ − √v: the equation is flat in ε at equal cells, but not in v
    v = (1.0 - 0.25 * SQUARE * below) / (SQUARE * (1.0 - below))
    for _ in range(6):
        u = math.sqrt(max(v, 0.0))
        sinc = math.sin(2.0 * math.pi * u) / (2.0 * math.pi * u) if u > 0.0 else 1.0
        cosine = math.cos(math.pi * u)
        v -= (cosine * cosine - SQUARE * below * (0.25 - v)) / (SQUARE * (below - sinc))
    return 0.5 - math.sqrt(max(v, 0.0))


def _small_second(below: float) -> float:
    """ε well below ½, by Newton's method in ε; to full relative precision near D_max."""
    odd = below / (1.0 + below)
    for _ in range(6):
        y = math.pi * odd
        sinc = math.sin(y) / y
        value = odd * sinc * sinc - below * (1.0 - odd)
        odd -= value / (sinc * (2.0 * math.cos(y) - sinc) + below)
    return odd

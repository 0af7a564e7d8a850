"""Optimal partitions to full precision at any D, where double precision does not suffice: the `split` of some laws."""

from __future__ import annotations

import math
from fractions import Fraction

from edcurve.kernels import circle as one_harmonic
from edcurve.kernels.law import Law

# counts above which the circle's K and ε need more than double precision
MANY = 1000
PI_SQUARED = Fraction(986960440108935861883449099987615113531369940724, 10**47)


def cubic(law: Law, D: float) -> tuple[int, float]:
    """K and ε of the ramp, the sawbridge and the uniform scalar, exact for the double D."""
    a, b = (round(Fraction(x) / law.scale) for x in (law.parameters.square, law.parameters.cube))
    return _cubic(a, b, *(Fraction(D) / law.scale).as_integer_ratio())


def _cubic(a: int, b: int, top: int, bottom: int) -> tuple[int, float]:
    """K and ε for 12 d(p) = a p² + b p³, D = top/bottom: K from integers, ε from exact D_K − D and D − D_{K+1}."""
    top *= 12
    count = (a * bottom + math.isqrt(bottom * (a * a * bottom + 4 * b * top))) // (2 * top)
    if count == 1:
        product = ((a + b) * bottom - top) / ((2 * a + 3 * b) * bottom)
        return 1, product / (0.5 + math.sqrt(0.25 - product))
    more = count + 1
    high = (bottom * (a * count + b) - top * count**2) / (bottom * count**2)
    low = (top * more**2 - bottom * (a * more + b)) / (bottom * more**2)
    return count, _odd(float(a), float(b), float(count), high, low) if high > 0.0 else 0.0


def circle(law: Law, D: float) -> tuple[int, float]:
    """K and ε of the circle and its multiples, exact for the double D above 1000 cells."""
    count, odd = one_harmonic.split(law.parameters, D)
    if 0.0 < count <= MANY:
        return int(count), odd
    return _circle(Fraction(D) / (Fraction(law.parameters.maximum) + Fraction(law.parameters.rest)))


def _circle(D: Fraction) -> tuple[int, float]:
    """K and ε for many cells of the circle: x = 1/p, d(p) = pD, in rationals; d(p) ∝ p³ up to a small remainder."""
    e = 3.0 * float(D)
    series = e * (one_harmonic.R2 + e * (one_harmonic.R3 + e * one_harmonic.R4))
    square = PI_SQUARED / (3 * D * (1 + Fraction(series)))
    count = math.isqrt(square.numerator // square.denominator)
    more = count + 1
    high, low = float((square - count**2) / (square * count**2)), float((more**2 - square) / (square * more**2))
    p, odd = math.sqrt(1 / square), 0.0  # from the inverse, because the square may overflow a double
    for _ in range(3):
        shift = (1.0 - odd) * _remainder((1.0 - odd) / count) + odd * _remainder(odd) - _remainder(p)
        odd = _odd(0.0, 1.0, float(count), max(0.0, high + shift), max(0.0, low - shift))
    return count, odd


def _remainder(p: float) -> float:
    """The terms of 1 − sinc²(πp) after the first, in units of the first term at p = 1."""
    square = one_harmonic.TURN * p * p
    return -p * p * square * (one_harmonic.A2 - square * one_harmonic.A3) / one_harmonic.A1


def _odd(a: float, b: float, count: float, high: float, low: float) -> float:
    """ε from 12(D − D_{K+1}) = y²(α − βy), or, nearer 0, from 12(D_K − D) = Aε − Bε² + Cε³."""
    equal, next_equal = 1.0 / count, 1.0 / (count + 1.0)
    first, second = a * (1.0 + equal) + 3.0 * b * equal, b * (1.0 - equal * equal)
    y = math.sqrt(low / first)
    for _ in range(6):
        y -= (y * y * (first - second * y) - low) / (y * (2.0 * first - 3.0 * second * y) + one_harmonic.TINY)
    if y < 0.5 * next_equal:
        return next_equal - y
    first, third = equal * (2.0 * a + 3.0 * b * equal), -second
    second = a * (1.0 + equal) + 3.0 * b * equal * equal
    odd = max(0.0, next_equal - y)
    for _ in range(3):
        value = odd * (first - odd * (second - odd * third))
        odd -= (value - high) / (first - odd * (2.0 * second - 3.0 * odd * third))
    return odd

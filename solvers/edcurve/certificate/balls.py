"""Balls, exact numbers and doubles: conversions that are exact or rounded outward."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from flint import arb, ctx, fmpq

LARGEST = 1.7976931348623157e308


def ball(value: Fraction | float) -> arb:
    """Smallest ball of the working precision around an exact number: a double, an integer or a fraction."""
    if isinstance(value, Fraction):
        return arb(fmpq(value.numerator, value.denominator))
    return arb(value)


def span(low: Fraction | float, high: Fraction | float) -> arb:
    """Ball that contains all numbers from `low` to `high`."""
    return ball(low).union(ball(high))


def below(x: arb) -> float:
    """A double close to the lower end of `x`, proved to be at most every number in it; −inf if none is proved."""
    guess = min(float(x.lower()), LARGEST)
    while guess > -math.inf and not arb(guess) <= x:
        guess = math.nextafter(guess, -math.inf)
    return guess if guess == guess else -math.inf


def above(x: arb) -> float:
    """A double close to the upper end of `x`, proved to be at least every number in it."""
    return -below(-x)


def fraction(x: arb) -> Fraction:
    """Midpoint of `x`, exactly."""
    mantissa, exponent = x.mid().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def sign(x: arb) -> int:
    """Sign of every number in `x`: 1 or −1; 0 for exactly 0, and if it is not proved."""
    return int(x > 0) - int(x < 0)


def bisect(f: Callable[[arb], arb], low: arb, high: arb, enough: Callable[[arb, arb], bool]) -> tuple[arb, arb]:
    """Narrow [low, high] around the sign change of the decreasing f, as long as signs can be proved.

    The ends are exact; the sign at an end that has moved is proved: f(low) > 0, f(high) < 0.
    """
    while not enough(low, high):
        middle = ((low + high) / 2).mid()
        side = sign(f(middle))
        if side != 0:
            low, high = (middle, high) if side > 0 else (low, middle)
            continue
        # the sign in the middle cannot be proved: a last step to the quarters whose signs can
        before, after = ((low + middle) / 2).mid(), ((middle + high) / 2).mid()
        if not (f(before) > 0 and f(after) < 0):
            break
        low, high = before, after
    return low, high


def bits(x: arb) -> int:
    """Number of bits before the point of the largest number in |x|, negative below ½."""
    top = x.abs_upper()
    if top.is_zero():
        return -ctx.prec
    mantissa, exponent = top.man_exp()
    return int(mantissa).bit_length() + int(exponent)

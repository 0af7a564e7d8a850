"""Elementary functions in float32 that LLVM can vectorise, to within 2 units in the last place; NaN stays NaN.

Range reductions and polynomials as in Cephes (S. L. Moshier, expf.c and logf.c).
"""

from __future__ import annotations

import numpy as np

from .compiling import Real, inner
from .vectors import ONE

HALF, TWO = np.float32(0.5), np.float32(2.0)
LOG2E = np.float32(1.4426950408889634)
# ln 2 in two parts, the first with few digits, so that its product with a small integer is exact
LN2, LN2_REST = np.float32(0.693359375), np.float32(-2.12194440e-4)
ROUND = np.float32(1.5 * 2.0**23)  # adding it leaves the nearest integer in the last bits
LEAST = np.float32(-87.0)  # e^x is a normal number from here
ROOT_HALF = np.int32(0x3F3504F3)  # √½, as bits
MANTISSA, EXPONENT = np.int32(0x007FFFFF), np.int32(23)
BIAS = np.int32(127)
E2, E3, E4 = np.float32(1.0 / 2.0), np.float32(1.0 / 6.0), np.float32(1.0 / 24.0)
E5, E6, E7 = np.float32(1.0 / 120.0), np.float32(1.0 / 720.0), np.float32(1.0 / 5040.0)
L3, L4, L5 = np.float32(3.3333331174e-1), np.float32(-2.4999993993e-1), np.float32(2.0000714765e-1)
L6, L7, L8 = np.float32(-1.6668057665e-1), np.float32(1.4249322787e-1), np.float32(-1.2420140846e-1)
L9, L10, L11 = np.float32(1.1676998740e-1), np.float32(-1.1514610310e-1), np.float32(7.0376836292e-2)


@inner
def exp_parts(x: Real) -> tuple[Real, Real]:
    """(p, s) with e^x = s(1 + p), s a power of two, for x ≤ 0; below −87, x is taken as −87."""
    x = LEAST if x < LEAST else x  # a comparison with NaN is false, so NaN is kept
    # e^x = 2^n e^r, n the integer next to x/ln 2, so |r| ≤ ln 2/2, and a Taylor series of seven terms for e^r − 1
    shifted = x * LOG2E + ROUND
    n = shifted - ROUND
    r = (x - n * LN2) - n * LN2_REST
    p = r + r * r * (E2 + r * (E3 + r * (E4 + r * (E5 + r * (E6 + r * E7)))))
    # 2^n by its bits: the last bits of `shifted` are n, and move to the exponent
    scale = np.int32((np.float32(shifted).view(np.int32) + BIAS) << EXPONENT).view(np.float32)
    return p, scale


@inner
def exp(x: Real) -> Real:
    """Exponential for x ≤ 0."""
    p, scale = exp_parts(x)
    return scale + scale * p


@inner
def expm1(x: Real) -> Real:
    """Exponential less one for x ≤ 0."""
    p, scale = exp_parts(x)
    return scale * p + (scale - ONE)


@inner
def tanh(x: Real) -> Real:
    """Hyperbolic tangent."""
    # by −expm1(−2|x|), which keeps its digits near 0 and does not overflow far out
    size = abs(x)
    less = expm1(-TWO * size)
    return np.copysign(-less / (TWO + less), x)


@inner
def log_with(x: Real, correction: Real) -> Real:
    """Logarithm of normal x > 0, plus a small correction."""
    # x = 2^n (1 + f) with 1 + f from √½ to √2, so that logarithms near 0 depend on f alone, and lose no digits
    bits = np.int32(np.float32(x).view(np.int32) - ROOT_HALF)
    n = bits >> EXPONENT
    f = np.int32((bits & MANTISSA) + ROOT_HALF).view(np.float32) - ONE
    e = np.float32(np.int32(n))
    tail = L6 + f * (L7 + f * (L8 + f * (L9 + f * (L10 + f * L11))))
    cubic = f * f * f * (L3 + f * (L4 + f * (L5 + f * tail)))
    return (f + (cubic - HALF * f * f + (e * LN2_REST + correction))) + e * LN2


@inner
def log(x: Real) -> Real:
    """Logarithm of normal x > 0."""
    return log_with(x, np.float32(0.0) * x)


@inner
def log1p(x: Real) -> Real:
    """Logarithm of 1 + x for x > −1."""
    # a first-order term corrects the rounding error of u
    u = ONE + x
    return log_with(u, (x - (u - ONE)) / u)


@inner
def atanh(x: Real) -> Real:
    """Inverse hyperbolic tangent for |x| < 1."""
    size = abs(x)
    return np.copysign(HALF * log1p(TWO * size / (ONE - size)), x)

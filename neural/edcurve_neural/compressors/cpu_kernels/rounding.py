"""Soft rounding and its conditional mean with their derivatives, for 0 < α ≤ 4 as in training.

There the formulas of `functional.soft_round` and `functional.soft_round_conditional_mean` need no limit cases.
"""

from __future__ import annotations

import math

import numpy as np

from .compiling import Real, Vector, inner
from .functions import HALF, TWO, atanh, tanh
from .vectors import ONE


@inner
def soft_round(y: Vector, alpha: Real, value: Vector, in_y: Vector, in_alpha: Vector) -> None:
    """Soft rounding s_α(y), and its derivatives in y and α, into the last three vectors."""
    half = np.float32(math.tanh(0.5 * alpha))
    scale = HALF / half
    decrease = (ONE - half * half) * scale * scale  # minus the derivative of the scale in α
    for i in range(y.size):
        middle = np.floor(y[i]) + HALF
        r = y[i] - middle
        steep = tanh(alpha * r)
        slope = (ONE - steep * steep) * scale
        value[i] = middle + steep * scale
        in_y[i] = alpha * slope
        in_alpha[i] = r * slope - steep * decrease


@inner
def conditional_mean(z: Vector, alpha: Real, value: Vector, in_y: Vector, in_alpha: Vector) -> None:
    """Conditional mean r_α(z) given the noisy soft rounding z, and its derivatives in z and α."""
    half = np.float32(math.tanh(0.5 * alpha))
    double, increase, inverse = TWO * half, ONE - half * half, ONE / alpha  # `increase` is the derivative of `double`
    for i in range(z.size):
        below = np.floor(z[i] - HALF)
        r = z[i] - below - ONE
        inside = double * r  # at most tanh(α/2) < 1 in size
        steep = atanh(inside) * inverse
        slope = inverse / (ONE - inside * inside)
        value[i] = below + ONE + steep
        in_y[i] = double * slope
        in_alpha[i] = r * slope * increase - steep * inverse

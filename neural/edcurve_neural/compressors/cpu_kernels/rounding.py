"""Soft rounding and its conditional mean with their derivatives: `functional.soft_round` where 0 < α < ∞."""

from __future__ import annotations

import math

import numpy as np

from .compiling import Real, Vector, inner
from .functions import HALF, ONE, TWO, atanh, tanh


@inner
def soft_round(y: Vector, alpha: Real, value: Vector, in_y: Vector, in_alpha: Vector) -> None:
    """s_α(y) and its derivatives in y and α, into the last three; all are vectors."""
    half = np.float32(math.tanh(0.5 * alpha))
    scale = HALF / half
    bend = (ONE - half * half) * scale * scale
    for i in range(y.size):
        middle = np.floor(y[i]) + HALF
        r = y[i] - middle
        steep = tanh(alpha * r)
        slope = (ONE - steep * steep) * scale
        value[i] = middle + steep * scale
        in_y[i] = alpha * slope
        in_alpha[i] = r * slope - steep * bend


@inner
def conditional_mean(z: Vector, alpha: Real, value: Vector, in_y: Vector, in_alpha: Vector) -> None:
    """r_α(z) and its derivatives in z and α."""
    half = np.float32(math.tanh(0.5 * alpha))
    double, bend, inverse = TWO * half, ONE - half * half, ONE / alpha
    for i in range(z.size):
        below = np.floor(z[i] - HALF)
        r = z[i] - below - ONE
        inside = double * r
        steep = atanh(inside) * inverse
        slope = inverse / (ONE - inside * inside)
        value[i] = below + ONE + steep
        in_y[i] = double * slope
        in_alpha[i] = r * slope * bend - steep * inverse

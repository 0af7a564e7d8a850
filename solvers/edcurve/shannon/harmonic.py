"""R(D) of a single harmonic in closed form: D = c(1 − A²), R = κA − ln I₀(κ), A = I₁(κ)/I₀(κ)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]

LARGE = 40.0  # κ above which the asymptotic series of 1 − A has full precision
TINY = 1e-100  # 1 − A below which it equals 1/2κ


def rate(distortion: Array, energy: float, rest: float) -> Array:
    """Compute R(D) in nats for 0 < D < energy; `rest` is the rounding error of the energy.

    R = sup over κ of κA − ln I₀(κ) with A = √(1 − D/c) fixed, so an error of κ enters only in second order.
    """
    share = ((energy - distortion) + rest) / energy  # near D_max the rounding error dominates
    mean = np.sqrt(share)
    short = (distortion / energy) / (1.0 + mean)
    kappa = concentration(mean, np.maximum(short, TINY))
    # ln I₀ = κ + ln(e^{−κ}I₀), and κA − κ = −κ(1 − A), which does not cancel
    tiny = 0.5 * (np.log(2.0 * np.pi) - 1.0 + np.log(energy) - np.log(distortion))  # κ = energy/D, which may overflow
    large = -kappa * short - np.log(special.i0e(np.minimum(kappa, 1e15)))
    large = np.where(kappa < 1e15, large, -kappa * short + 0.5 * np.log(2.0 * np.pi * kappa))
    small = kappa * mean - np.log1p(_i0m1(np.minimum(kappa, 1.0)))
    return np.where(short < TINY, tiny, np.where(kappa > 1.0, large, small))


def concentration(mean: Array, short: Array) -> Array:
    """Solve I₁/I₀ = `mean` = 1 − `short` for the concentration κ, to a relative error of about 1e-9 or less.

    Newton's method is used for κ up to `LARGE`; above, the asymptotic series is solved by iteration.
    """
    kappa = mean * (2.0 - mean**2) / np.maximum((1.0 + mean) * short, 1e-300)
    below = np.minimum(kappa, 2.0 * LARGE)
    for _ in range(8):
        ratio = special.i1e(below) / special.i0e(below)
        slope = 1.0 - ratio**2 - ratio / np.maximum(below, 1e-300)
        gap = np.where(mean < 0.5, mean - ratio, (1.0 - ratio) - short)
        below = np.maximum(below + gap / np.where(below > 1e-3, slope, 0.5), 0.5 * below)
    above = 0.5 / np.maximum(short, 1e-300)
    for _ in range(12):
        z = 1.0 / np.maximum(above, LARGE)
        above = 0.5 / short * (1.0 + z * (0.25 + z * (0.25 + z * (25.0 / 64.0 + z * (13.0 / 16.0)))))
    return np.where(short * 2.0 * LARGE < 1.0, above, below)


def _i0m1(kappa: Array) -> Array:
    """Sum the series of I₀(κ) − 1 for κ ≤ 1."""
    quarter, term, total = 0.25 * kappa**2, np.ones_like(kappa), np.zeros_like(kappa)
    for k in range(1, 14):
        term = term * quarter / (k * k)
        total = total + term
    return total

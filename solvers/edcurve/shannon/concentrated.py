"""R(D) of spheres, rotations and tori, from densities ∝ exp(κ⟨x, y⟩) about a direction y (von Mises–Fisher).

With u = ⟨x, y⟩ (|⟨q, y⟩| for rotations), Z(κ) = E exp(κu) and A = Z′/Z, the channel of concentration κ has
D = 1 − A² and R = κA − ln Z. Integrals over u = tanh t are sums over equally spaced t, in the log domain: for any
dimension, without Bessel functions, with errors that decrease exponentially in the number of points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edcurve.sources import Rotations, Surface, Torus

from . import harmonic

Array = NDArray[np.float64]

POINTS = 400
DROP = 45.0  # nats below the greatest integrand at which the sum ends
STEPS = 60  # of bisections
NEWTON = 40  # most steps; a few suffice
NEAR = 0.01  # nats below which κA − ln Z would cancel


@dataclass(frozen=True)
class Channel:
    """Properties of the densities of several concentrations κ.

    Attributes
    ----------
    mean, short : ndarray
        A, and 1 − A without cancellation.
    variance : ndarray
        A′, the variance of u.
    rate : ndarray
        κA − ln Z, nats: a mean of terms ≥ 0, accurate also near 0.
    """

    mean: Array
    short: Array
    variance: Array
    rate: Array

    @property
    def distortion(self) -> Array:
        """1 − A²."""
        return self.short * (1.0 + self.mean)


def rate(source: Surface, distortion: Array) -> Array:
    """R(D) in nats for 0 < D < D_max."""
    if isinstance(source, Torus):
        scale = source.max_distortion / float(np.square(source.radii).sum())
        return _of_torus(np.square(source.radii), distortion / scale)
    folded, ambient = isinstance(source, Rotations), source.coordinates
    maximum = float(channel(np.zeros(1), ambient, folded).distortion[0])
    share = distortion / source.max_distortion
    odds = np.log(share) - np.log1p(-share)

    def gap(kappa: Array) -> tuple[Array, Array]:
        trial = channel(kappa, ambient, folded)
        D = trial.distortion
        remainder = trial.mean**2 if not folded else np.maximum(maximum - D, 1e-300)
        slope = -2.0 * kappa * trial.mean * trial.variance * (1.0 / D + 1.0 / remainder)
        return np.log(D) - np.log(remainder) - odds, slope

    return channel(_solved(gap, (ambient - 1) / share), ambient, folded).rate


def _solved(gap: Callable[[Array], tuple[Array, Array]], kappa: Array) -> Array:
    """Zeros κ of functions that decrease nearly linearly in ln κ, by Newton's method from a guess."""
    for _ in range(NEWTON):
        value, slope = gap(kappa)
        step = np.clip(-value / slope, -3.0, 3.0)
        kappa = kappa * np.exp(step)
        if np.abs(step).max() < 1e-8:
            break
    return kappa


def _of_torus(energies: Array, distortion: Array) -> Array:
    """Both circles at the same slope κ/(2 r² A(κ)); the smaller one is not coded if its least slope 1/r² is larger."""
    small, large = np.sort(energies)
    # the distortion of the smaller circle, by bisection: as it grows, its slope falls and that of the other rises
    low, high = np.maximum(distortion - large, 0.0), np.minimum(distortion, small)
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        steeper = _slope(middle, small) > _slope(distortion - middle, large)
        low, high = np.where(steeper, middle, low), np.where(steeper, high, middle)
    coded = np.where(high < small, harmonic.rate(np.minimum(high, small * (1.0 - 2e-16)), small, 0.0), 0.0)
    other = distortion - high
    return coded + np.where(other < large, harmonic.rate(np.minimum(other, large * (1.0 - 2e-16)), large, 0.0), 0.0)


def _slope(distortion: Array, energy: float) -> Array:
    """−dR/dD of a circle."""
    mean = np.sqrt(np.maximum(1.0 - distortion / energy, 1e-16))
    short = (distortion / energy) / (1.0 + mean)
    return harmonic.concentration(mean, np.maximum(short, harmonic.TINY)) / (2.0 * energy * mean)


def channel(kappa: Array, ambient: int, folded: bool = False) -> Channel:
    """The channels of these concentrations κ ≥ 0 on the unit sphere of R^ambient; `folded` replaces u by |u|."""
    kappa = np.asarray(kappa, dtype=np.float64)[:, None]
    t, step = _grid(kappa, ambient, folded)
    short, log_weight = _coordinate(t, ambient, folded)
    # ln of the integrals of e^{κ(u − 1)} and of 1: their common constant cancels
    base_t, base_step = _grid(np.zeros((1, 1)), ambient, folded)
    whole = _log_sum(_coordinate(base_t, ambient, folded)[1]) + np.log(base_step[:, 0])
    log_Z = _log_sum(log_weight - kappa * short) + np.log(step[:, 0]) - whole  # minus κ
    density = np.exp(log_weight - kappa * short + np.log(step) - whole - log_Z[:, None])
    mean_short = (density * short).sum(axis=1)
    u = 1.0 - short
    mean = (density * u).sum(axis=1)
    variance = (density * (u - mean[:, None]) ** 2).sum(axis=1)
    # near R = 0, where κA − ln Z cancels, E_q[g] = E_q[g − 1 + e^{−g}] for g = ln q/p: no term is negative
    rate = -kappa[:, 0] * mean_short - log_Z
    g = np.where(rate[:, None] < NEAR, -kappa * short - log_Z[:, None], 0.0)
    return Channel(mean, mean_short, variance, np.where(rate < NEAR, (density * _gain(g)).sum(axis=1), rate))


def _gain(g: Array) -> Array:
    """g − 1 + e^{−g}, without cancellation at small g."""
    near = np.abs(g) < 0.1
    x = np.where(near, g, 0.0)
    total = np.zeros_like(x)
    for k in range(12, 1, -1):
        total = (1.0 - total) * x / k if k > 2 else (1.0 - total) * x * x / 2.0
    with np.errstate(over="ignore"):
        return np.where(near, total, np.where(near, 0.0, g) + np.expm1(-np.where(near, 0.0, g)))


def _coordinate(t: Array, ambient: int, folded: bool) -> tuple[Array, Array]:
    """1 − u at points t, and ln of the density of t up to a constant."""
    y = np.logaddexp(0.0, t) if folded else t
    short = 2.0 / (np.exp(np.minimum(2.0 * y, 700.0)) + 1.0)
    log_sech = -np.abs(y) - np.log1p(np.exp(-2.0 * np.abs(y)))
    return short, (ambient - 1) * log_sech - (np.logaddexp(0.0, -t) if folded else 0.0)


def _grid(kappa: Array, ambient: int, folded: bool) -> tuple[Array, Array]:
    """Equally spaced points t for each κ over the range of significant integrand, and their spacing."""

    def height(t: Array) -> Array:
        short, log_weight = _coordinate(t, ambient, folded)
        return log_weight - kappa * short

    coarse = np.linspace(-60.0, 60.0, 961)[None, :]
    values = height(coarse)
    top = values.argmax(axis=1)
    coarse_peak = coarse[0, top][:, None]
    # the maximum between the neighbours of the grid's best point, by trisection
    low, high = coarse_peak - 0.25, coarse_peak + 0.25
    for _ in range(STEPS):
        a, b = low + (high - low) / 3.0, high - (high - low) / 3.0
        rises = height(a) < height(b)
        low, high = np.where(rises, a, low), np.where(rises, high, b)
    peak = 0.5 * (low + high)
    level = height(peak) - DROP
    ends = []
    for far in (-120.0, 120.0):
        inside, outside = peak, np.full_like(peak, far)
        for _ in range(STEPS):
            middle = 0.5 * (inside + outside)
            above = height(middle) > level
            inside, outside = np.where(above, middle, inside), np.where(above, outside, middle)
        ends.append(outside)
    step = (ends[1] - ends[0]) / (POINTS - 1)
    return ends[0] + step * np.arange(POINTS), step


def _log_sum(values: Array) -> Array:
    top = values.max(axis=1)
    return np.asarray(top + np.log(np.exp(values - top[:, None]).sum(axis=1)))

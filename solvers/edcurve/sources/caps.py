"""Caps of spheres: mean squared distance of their points from their mean, by incomplete beta functions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SERIES = 0.05  # sin² of the angle up to which a power series of `TERMS` terms has full precision
TERMS = 12
TINY = 1e-9  # the same, up to which the leading terms give the angle


def spread(p: Array, dim: int) -> Array:
    """Mean squared distance of the points of a cap of probability p ≤ ½ from their mean: 1 − ‖mean‖².

    With a = dim/2 and the angle θ of the cap, p = ½ I_s(a, ½) for s = sin²θ, and the mean has the length
    m = s^a/(2a B(a, ½) p). So 1/m is F(s) = Σ_k a/(a + k) (½)_k/k! s^k, and 1 − m = (F − 1)/F does not cancel.

    Parameters
    ----------
    p : ndarray
        Probabilities, 0 < p ≤ ½.
    dim : int
        Dimension of the sphere, at least 1.

    Returns
    -------
    ndarray
        1 − m², of relative error below 1e-12.
    """
    from scipy import special

    a = 0.5 * dim
    whole = 2.0 * a * special.beta(a, 0.5) * p  # s^a F(s)
    least = whole ** (1.0 / a)  # s if F were 1
    wide = p > 0.25
    # cos² of the angle keeps its digits where sin² is near 1
    cos2 = special.betaincinv(0.5, a, np.where(wide, 1.0 - 2.0 * p, 0.5))
    s = np.where(wide, 1.0 - cos2, special.betaincinv(a, 0.5, 2.0 * p))
    with np.errstate(divide="ignore", invalid="ignore"):  # a Newton step restores the digits that the inverse lost
        step = (special.betainc(a, 0.5, s) - 2.0 * p) * special.beta(a, 0.5) * np.sqrt(1.0 - s) / s**a
    s = np.where(wide | (s < SERIES), s, s * (1.0 - step))
    s = np.where(least < TINY, least * (1.0 + _above_one(np.minimum(least, TINY), a)) ** (-1.0 / a), s)
    above = _above_one(np.minimum(s, SERIES), a)
    power = np.where(wide, np.exp(a * np.log1p(-cos2)), s**a)
    with np.errstate(divide="ignore", invalid="ignore"):  # powers that underflow, where the series is used
        short = np.where(s < SERIES, above / (1.0 + above), 1.0 - power / whole)
    return np.asarray(short * (2.0 - short))


def _above_one(s: Array, a: float) -> Array:
    """F(s) − 1 by its power series."""
    term, total = np.ones_like(s), np.zeros_like(s)
    for k in range(1, TERMS + 1):
        term = term * s * ((k - 0.5) / k)
        total = total + term * (a / (a + k))
    return total


def log_spread(nats: Array, dim: int) -> Array:
    """`spread` of caps of probability e^−nats, which may underflow.

    ln p = a ln s + ln F(s) − ln(2a B(a, ½)), whose derivative in ln s is a/(F(s) √(1 − s)). Newton's method starts
    from F = 1, above the solution of this convex function.

    Parameters
    ----------
    nats : ndarray
        −ln p ≥ ln 2.
    dim : int
        Dimension of the sphere.

    Returns
    -------
    ndarray
        1 − m², of relative error below 1e-11.
    """
    a = 0.5 * dim
    direct = nats < FEW_NATS
    p = np.exp(-np.where(direct, nats, FEW_NATS))
    t = _log_square(np.where(direct, FEW_NATS, nats), a)
    above = _power_series(np.exp(t), a)
    short = above / (1.0 + above)
    return np.asarray(np.where(direct, spread(p, dim), short * (2.0 - short)))


def log_square(nats: float, dim: int) -> float:
    """ln sin² of the angle of a cap of probability e^−nats ≤ ½, to about 1e-9."""
    from scipy import special

    a, p = 0.5 * dim, math.exp(-nats)
    if p > 0.25:
        return math.log1p(-float(special.betaincinv(0.5, a, max(0.0, 1.0 - 2.0 * p))))
    if nats < FEW_NATS:
        return math.log(float(special.betaincinv(a, 0.5, 2.0 * p)))
    return float(_log_square(np.array(nats), a))


def _log_square(nats: Array, a: float) -> Array:
    """The same where the cap is so small that Newton's steps begin near it."""
    from scipy import special

    aim = special.betaln(a, 0.5) + np.log(2.0 * a) - nats
    t = np.minimum(aim / a, -1e-300)
    for _ in range(STEPS):
        s = np.exp(t)
        above = _power_series(s, a)
        t = t - (a * t + np.log1p(above) - aim) * (1.0 + above) * np.sqrt(1.0 - s) / a
    return np.asarray(t)


FEW_NATS = 600.0  # up to which p is far from underflow
STEPS = 8


def _power_series(s: Array, a: float) -> Array:
    """F(s) − 1 by its power series, summed until it converges."""
    term, total, k = np.ones_like(s), np.zeros_like(s), 0
    while (term > 1e-17 * total).any():
        k += 1
        term = term * s * ((k - 0.5) / k)
        total = total + term * (a / (a + k))
    return total

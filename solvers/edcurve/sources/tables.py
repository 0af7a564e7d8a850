"""Sums over many harmonics, tabulated once by FFT as piecewise polynomials of constant cost per point.

The tables hold f(p) = Σ c_k F(kp) on [0, ½] for F(x) = 1 − sinc²(πx) (d(p)/p of a spectrum) or its companion
F(x) = 1 − 2 sinc(2πx) + sinc²(πx) (d′). Both cancel to the order of x², so the harmonics are divided into bands: where
a band is small, a power series has full relative precision; elsewhere a cosine or sine transform does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edcurve import progress
from edcurve.kernels.table import DEGREE, TERMS

Array = NDArray[np.float64]

PER_HARMONIC = 4  # intervals of the table per unit of p and harmonic
BAND = 8  # ratio of the highest and the lowest harmonic of a band
MANY = 2**15  # number of harmonics from which a table may take more than two seconds
SMALL = 1.05 / math.pi  # kp up to which the series is used
# 1 − sinc²(πx) = Σ (−1)^{j+1} A_j (2πx)^{2j}
SERIES = np.array([2.0 / math.factorial(2 * j + 2) for j in range(1, TERMS + 1)])


class PolynomialTable(NamedTuple):
    """Polynomials for f on [0, ½].

    Attributes
    ----------
    intervals : int
        Intervals per unit of p, even.
    small : float
        p below which the power series is used.
    scale : float
        (2πn)².
    series : ndarray, shape (12,)
        Absolute coefficients of the series in scale · p², from the highest.
    polynomials : ndarray, shape (intervals / 2, 12)
        Coefficients in t ∈ [−1, 1] on each interval, from the highest.
    """

    intervals: int
    small: float
    scale: float
    series: Array
    polynomials: Array

    def at(self, p: Array) -> Array:
        """Evaluate at sizes p in [0, ½]."""
        at = p * self.intervals
        index = np.clip(np.floor(at).astype(np.int64), 0, len(self.polynomials) - 1)
        t = 2.0 * (at - index) - 1.0
        rows = self.polynomials[index]
        value = rows[..., 0]
        for j in range(1, DEGREE + 1):
            value = rows[..., j] + t * value
        return np.where(p < self.small, power_series(self.series, self.scale * p * p), value)


def power_series(series: Array, Z: Array) -> Array:
    """Z (a_1 − Z (a_2 − …)), coefficients from the highest."""
    value = np.full_like(Z, series[0])
    for coefficient in series[1:].tolist():
        value = coefficient - Z * value
    return np.asarray(Z * value)


def mean_table(energies: Array) -> PolynomialTable:
    """Table of d(p)/p = Σ c_k (1 − sinc²(πkp))."""
    return _build(energies, SERIES, derivative=False)


def slope_table(energies: Array) -> PolynomialTable:
    """Table of d′(p) = Σ c_k (1 − 2 sinc(2πkp) + sinc²(πkp))."""
    return _build(energies, SERIES * (2.0 * np.arange(1, TERMS + 1) + 1.0), derivative=True)


def delta_on_grid(energies: Array, intervals: int) -> Array:
    """δ(u) = Σ 2c_k (1 − cos 2πku) at the ``intervals + 1`` points from 0 to ½."""
    return np.asarray(2.0 * _cosines(energies, 1, intervals))


def _build(energies: Array, series: Array, *, derivative: bool) -> PolynomialTable:
    from scipy.fft import next_fast_len

    n = energies.size
    intervals = 2 * next_fast_len(math.ceil(0.5 * PER_HARMONIC * n), real=True)
    nodes = DEGREE * intervals // 2
    p = np.arange(nodes + 1) / (2.0 * nodes)
    values = np.zeros(nodes + 1)
    first = 1
    silent: AbstractContextManager[Callable[[int, int], None]] = nullcontext(lambda done, total: None)
    with progress.bar("summing harmonics", None) if n > MANY else silent as update:
        while first <= n:
            last = min(n, BAND * first - 1)
            values += _band(energies[first - 1 : last], first, p, series, derivative=derivative)
            first = last + 1
            update(last, n)
    k = np.arange(1, n + 1) / n
    moments = np.array([np.sum(energies * k ** (2 * j)) for j in range(1, TERMS + 1)])
    windows = np.lib.stride_tricks.sliding_window_view(values, DEGREE + 1)[::DEGREE]
    t = np.linspace(-1.0, 1.0, DEGREE + 1)
    polynomials = windows @ np.linalg.inv(np.vander(t)).T
    scale = (2.0 * math.pi * n) ** 2
    return PolynomialTable(
        intervals, SMALL / n, scale, (series * moments)[::-1].copy(), np.ascontiguousarray(polynomials)
    )


def _band(energies: Array, first: int, p: Array, series: Array, *, derivative: bool) -> Array:
    """Sum over the harmonics first, first + 1, … at the points p, equally spaced from 0 to ½."""
    k = np.arange(first, first + energies.size)
    last = int(k[-1])
    small = int(np.searchsorted(p, SMALL / last))
    values = np.empty_like(p)
    moments = np.array([np.sum(energies * (k / last) ** (2 * j)) for j in range(1, TERMS + 1)])
    values[:small] = power_series((series * moments)[::-1], (2.0 * math.pi * last * p[:small]) ** 2)
    if small < p.size:
        large = p[small:]
        bulge = _cosines(energies / (2.0 * math.pi**2 * k * k), first, p.size - 1)[small:] / large**2
        if derivative:
            swing = _sines(energies / (math.pi * k), first, p.size - 1)[small:] / large
            values[small:] = energies.sum() - swing + bulge
        else:
            values[small:] = energies.sum() - bulge
    return values


def _cosines(weights: Array, first: int, intervals: int) -> Array:
    """Σ_k w_k (1 − cos 2πkp) at p = 0, …, ½."""
    from scipy.fft import dct

    padded = np.zeros(intervals + 1)
    np.add.at(padded, _folded(first, weights.size, intervals), 0.5 * weights)
    # the transform counts its ends once and all others twice
    padded[[0, -1]] *= 2.0
    sums = dct(padded, type=1, overwrite_x=True)
    return np.asarray(weights.sum() - sums)


def _sines(weights: Array, first: int, intervals: int) -> Array:
    """Σ_k w_k sin 2πkp at p = 0, …, ½, where no k exceeds the number of intervals."""
    from scipy.fft import dst

    padded = np.zeros(intervals - 1)
    padded[first - 1 : first - 1 + weights.size] = 0.5 * weights
    return np.concatenate([[0.0], dst(padded, type=1, overwrite_x=True), [0.0]])


def _folded(first: int, count: int, intervals: int) -> NDArray[np.int64]:
    """Indices of harmonics on the grid, where higher ones are aliased."""
    k = np.arange(first, first + count) % (2 * intervals)
    return np.minimum(k, 2 * intervals - k)

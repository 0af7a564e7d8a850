"""Straight parts of the dual bound and vertices of the hull: from the source's law, or computed numerically."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edcurve.kernels.law import scaled_chords
from edcurve.sources import Source, digits, units
from edcurve.sources.protocol import kept

Array = NDArray[np.float64]
SMALLEST = 1e-300  # cells below this size are taken to follow a power law, as δ does near 0
FINE = 1e-5  # size down to which the grid is fine; smaller sizes, down to `SMALLEST`, serve narrow pulses
LEAST = 1e-280  # share of D_max below which distortions are too close to underflow
MOST = 4096  # larger counts are all taken to be vertices of the hull, unless the dual bound is straight there
CELLS_OF_NUMBERS = 690.0  # logarithm of the largest number of cells that fits into a double


def chords(source: Source) -> tuple[float, ...]:
    """Straight parts of the dual bound, four numbers each: left D, right D, bound at the right, slope."""
    if source.law.chords is not None:
        return source.law.chords
    return kept(source, "_chords", lambda: _computed_chords(source))


def _computed_chords(source: Source) -> tuple[float, ...]:
    plain, size = units.normal(source)
    return scaled_chords(dual_chords(plain), size)


def vertices(source: Source) -> tuple[float, ...]:
    """Counts K at vertices of the convex hull of E(D), from 1 to the one after the last gap."""
    if source.law.vertices is not None:
        return source.law.vertices
    return kept(source, "_vertices", lambda: hull_vertices(units.normal(source)[0]))


def dual_chords(source: units.Scalable) -> tuple[float, ...]:
    """Chords of the lower convex envelope of the curve (d(p)/p, −ln p): left D, right D, bound at right, slope.

    The envelope is found on a grid of sizes; each chord is then refined until it touches the curve.
    """
    p = np.unique(np.concatenate([np.geomspace(FINE, 1.0, 4000), np.linspace(0.01, 1.0, 2000)]))
    p = np.concatenate([np.geomspace(SMALLEST, FINE, 6000, endpoint=False), p])[::-1]
    with np.errstate(all="ignore"):  # a user's function may fail at sizes whose square underflows
        d = source.cell_distortion(p)
        x, y = d / p, -np.log(p)
    x[0] = source.max_distortion
    # use the curve only where it falls and d is accurate: values rounded to 0 would pull the envelope down
    falls = np.append(True, x[1:] < np.minimum.accumulate(x)[:-1])
    exact = (d > LEAST * source.max_distortion) & (x > digits.accurate_above(source))
    p, x, y = (values[(falls & exact) | (p > FINE)] for values in (p, x, y))
    vertices = len(p) - 1 - lower_hull(x[::-1], y[::-1])
    chords: list[float] = []
    with np.errstate(divide="ignore", invalid="ignore"):  # a d that cancels has equal values at other sizes
        for left, right in pairwise(vertices.tolist()):
            if left - right > 2:
                chords += _chord(source, p, left, right)
    return tuple(chords)


def _chord(source: units.Scalable, p: Array, left: int, right: int) -> list[float]:
    """The chord that touches the curve near p[left] and near p[right] (or ends at p = 1)."""

    def point(size: float) -> tuple[float, float]:
        return float(source.cell_distortion(np.array([size]))[0]) / size, -float(np.log(size))

    ends = [p[left], p[right]]
    x, y = zip(*map(point, ends), strict=True)
    xs, ys = list(x), list(y)
    for _ in range(40):
        before = list(ends)
        for here, there, index in ((0, 1, left), (1, 0, right)):
            if index in (0, len(p) - 1):
                continue
            low, high = p[min(index + 2, len(p) - 1)], p[max(index - 2, 0)]
            ends[here] = _least(partial(_steepness, point, xs[there], ys[there], 1.0 - 2.0 * here), low, high)
            xs[here], ys[here] = point(ends[here])
        if np.allclose(before, ends, rtol=1e-9, atol=0.0):
            break
    if right == 0:
        xs[1], ys[1] = source.max_distortion, 0.0
    return [xs[0], xs[1], ys[1], (ys[0] - ys[1]) / (xs[1] - xs[0])]


def _steepness(point: Callable[[float], tuple[float, float]], x: float, y: float, sign: float, size: float) -> float:
    here = point(size)
    return sign * (here[1] - y) / (x - here[0])


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import minimize_scalar

    result = minimize_scalar(function, bounds=(low, high), method="bounded", options={"xatol": 1e-10 * high})
    return float(result.x)


def hull_vertices(source: Source) -> tuple[float, ...]:
    """The counts K at vertices of the lower hull of (K d(1/K), ln K), from 1 to the one after the last gap."""
    counts = np.concatenate([np.arange(1.0, MOST + 1.0), _more_counts(source)])
    x, y = counts * source.cell_distortion(1.0 / counts), np.log(counts)
    # where δ is not monotone, more cells may be no better: two for a loop traversed twice
    better = np.append(True, x[1:] < (1.0 - 1e-12) * np.minimum.accumulate(x)[:-1])
    counts, x, y = counts[better][::-1], x[better][::-1], y[better][::-1]
    kept = counts[lower_hull(x, y)][::-1]
    skips = np.flatnonzero(np.diff(kept) > 1.0)
    return tuple(kept[: skips[-1] + 2].tolist()) if skips.size else (1.0,)


def _more_counts(source: Source) -> Array:
    """Counts above `MOST`, up to the last where the dual bound has a straight part; usually none."""
    law = source.law
    rates = [float(law.model.rate(law.parameters, D)) for D in chords(source)[0::4] if D > 0.0]  # 0 where d cancels
    most = max(rates, default=0.0)
    if not math.log(MOST) < most < CELLS_OF_NUMBERS:
        return np.empty(0)
    near = np.floor(math.exp(most)) + np.arange(-1.0, 3.0)
    return np.unique(np.append(np.round(np.geomspace(MOST + 1.0, math.exp(most), 500)), near))


def lower_hull(x: Array, y: Array) -> NDArray[np.intp]:
    """Indices of the lower convex hull of points with increasing x (Andrew's monotone chain)."""
    vertices: list[int] = []
    for i in range(len(x)):
        while len(vertices) > 1 and _turns_right(x, y, vertices[-2], vertices[-1], i):
            vertices.pop()
        vertices.append(i)
    return np.array(vertices, dtype=np.intp)


def _turns_right(x: Array, y: Array, i: int, j: int, k: int) -> bool:
    return bool((y[j] - y[i]) * (x[k] - x[i]) >= (y[k] - y[i]) * (x[j] - x[i]))

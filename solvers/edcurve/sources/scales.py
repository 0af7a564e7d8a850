"""(★) at every scale: whether d′ is convex in ln p, from the smallest cells up to a third.

For triples of sizes up to ⅓ the condition p₁ + p₂ + p₃ ≤ 1 always holds, so that (★) means that g(x) = d′(eˣ) is
convex. The mean slope of d between p and cp, (d(cp) − d(p))/(cp − p), is an average of g over [ln p, ln cp] with
weights that do not depend on p: it is convex in ln p if g is, without any error of differences. If neighbouring
triples of a grid of means are convex, all are. So a few values of d per size suffice, for cells of any size.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[[Array], Array]  # of an array of sizes

LEAST = 1e-300  # smallest size; codes below 690 nats have no smaller cells
LEAST_VALUE = 1e-290  # share of d(1) below which intermediate values of d may underflow
LEAST_NUMBER = 1e-300  # below it d loses digits
STEP = 0.1  # of the grid of ln p
WIDTHS = np.array([1e-3, 3e-3, 1e-2, 3e-2])  # of narrow triples, by turns
CANCELLED = 1e-10  # d(p)/p as a share of d(1), up to which it may consist of rounding errors
RESOLUTION = 1e-5  # a triple counts if the error of its value is below this


def worst_scale(d: Function, rounding: Callable[[Function, Array], Array]) -> Array:
    """Least value minus its error, this error, and ln p of the three sizes, in the order of `triples.worst_triple`.

    Parameters
    ----------
    d : callable
        d(p) for arrays of cell sizes.
    rounding : callable
        Estimate of the rounding errors of a function at an array of sizes.

    Returns
    -------
    ndarray, shape (5,)
        For the worst triple whose value exceeds its error; infinite if there is none.
    """
    x = np.arange(math.log(0.3), math.log(LEAST), -STEP)[::-1]
    near = WIDTHS[np.arange(x.size) % WIDTHS.size]
    sizes = np.exp(x + near * np.arange(4)[:, None])
    values = _tried(d, sizes.ravel()).reshape(sizes.shape)
    largest = float(_tried(d, np.ones(1))[0])
    errors = np.maximum(2.0**-50 * np.abs(values), max(LEAST_VALUE * largest, LEAST_NUMBER))
    errors = np.maximum(errors, _noise(d, rounding, sizes, values, largest))
    rows, stride = [_worst(sizes, values, errors, near)], 1
    while 3 * stride < x.size:
        parts = [slice(i * stride, x.size - (3 - i) * stride) for i in range(4)]
        p, d_of_p, error = (np.stack([table[0, part] for part in parts]) for table in (sizes, values, errors))
        rows.append(_worst(p, d_of_p, error, STEP * stride))
        stride *= 4
    return min(rows, key=lambda row: float(row[0]))


def _tried(d: Function, p: Array) -> Array:
    """Values of d, NaN where it cannot be evaluated: a user's function may divide by the square of a tiny size."""
    values, order = np.full(p.shape, np.nan), np.argsort(p, kind="stable")
    for start in range(0, p.size, 512):
        piece = order[start : start + 512]
        with contextlib.suppress(ArithmeticError):
            values[piece] = d(p[piece])
    return values


def _noise(
    d: Function, rounding: Callable[[Function, Array], Array], sizes: Array, values: Array, largest: float
) -> Array:
    """Bounds on the rounding errors of the values, from differences over short steps and from falls of d(p)/p."""
    coarse = sizes[0, ::10]
    estimate = rounding(lambda p: _tried(d, p.ravel()).reshape(p.shape), coarse)
    estimate = np.nan_to_num(estimate, nan=0.0, posinf=0.0)
    # the median of three sizes, as one of them may be at a kink
    padded = np.pad(estimate, 1, mode="edge")
    estimate = np.median(np.lib.stride_tricks.sliding_window_view(padded, 3), axis=1)
    smooth = np.interp(np.log(sizes), np.log(coarse), estimate)
    # where only differences of nearly equal numbers remain, d(p)/p is a staircase that may fall, or 0
    mean = (np.nan_to_num(values, nan=0.0) / sizes).ravel(order="F")
    drop = np.maximum(mean[:-1] - mean[1:], 0.0)
    drop = np.where(mean[:-1] <= 0.0, np.maximum(drop, mean[1:]), drop)
    drop = np.append(np.where((drop > 2.0**-48 * mean[1:]) & (mean[1:] < CANCELLED * largest), drop, 0.0), 0.0)
    last = drop[np.flatnonzero(drop)[-1]] if drop.any() else 0.0
    fallen = np.maximum(np.maximum.accumulate(drop[::-1])[::-1], last).reshape(sizes.shape, order="F")
    return np.asarray(10.0 * np.maximum(smooth, sizes * fallen))


def _worst(sizes: Array, values: Array, errors: Array, width: Array | float) -> Array:
    """Value minus error, error and ln p of the worst column of four neighbouring sizes, a factor exp(width) apart."""
    gaps = sizes[1:] - sizes[:-1]
    slopes, noise = (values[1:] - values[:-1]) / gaps, (errors[1:] + errors[:-1]) / gaps
    m12, m23 = slopes[1] - slopes[0], slopes[2] - slopes[1]
    spread = -np.expm1(-2.0 * width)
    scale = (np.abs(m12) + np.abs(m23)) * spread
    value, error = (m23 - m12) / scale, (noise[0] + 2.0 * noise[1] + noise[2]) / scale
    counts = error <= RESOLUTION
    rank = np.where(counts, value - error, np.where(value + error < 0.0, value + error, np.inf))
    worst = np.argmin(rank)
    if rank[worst] == np.inf:
        return np.full(5, np.inf)
    middles = 0.5 * (np.log(sizes[:-1, worst]) + np.log(sizes[1:, worst]))
    return np.array([value[worst] - error[worst], error[worst], *middles])

"""The search behind `condition.check_star`, for the triple of cell sizes that is worst for (★).

Triples are rows of logarithms x₁ < x₂ < x₃ of sizes with p₁ + p₂ + p₃ ≤ 1; g(x) = d′(eˣ).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .scales import worst_scale

Array = NDArray[np.float64]
Function = Callable[[Array], Array]  # of an array of sizes
Slope = Callable[[Array], Array]  # of an array of x: x, g(x) and a bound on the error of g(x), stacked

least_size = 1e-6  # below it `scales` examines neighbouring sizes, which suffice there
resolution = 1e-3  # a triple counts if the error of its value is below this times (1 − p₁/p₃)²
# Extrapolation takes the step that changed least, sometimes by chance. Among some ten thousand nearly equal triples one
# may then be off by ten times the estimate, and (★) seem violated where it barely holds, as for the ramp near ⅓.
CAUTION = 10
near = np.array([1e-3, 3e-3, 1e-2, 3e-2])  # x₂ − x₁ or x₃ − x₂ of sizes that almost coincide
gaps = np.concatenate([near, np.arange(0.06, 3, 0.06), np.geomspace(3, -math.log(least_size), 20)])
middles = np.geomspace(0.01, 0.9, 130)
sizes = np.log(np.concatenate([np.geomspace(least_size, 0.0097, 60), middles, 1 - np.geomspace(0.08, 2e-6, 12)]))
moves = np.array(list(itertools.product((0.0, -1.0, 1.0), repeat=3)))  # the first is no move


def worst_triple(d: Function, derivative: Function | None) -> tuple[float, float, Array, float]:
    """Least value minus its error, this error, the sizes there, and the size from which errors hide nothing.

    The value is (m₂₃ − m₁₂) / ((|m₁₂| + |m₂₃|) (1 − p₁/p₃)), m the first divided differences of g. It and its
    sizes are NaN if errors hide all.
    """
    with np.errstate(all="ignore"):
        slope, seen = slope_of(d, derivative)
        scored = np.concatenate([_interior(slope, seen), _listed(slope, seen)])
        scored = scored[np.argsort(scored[:, 0])]
        scored = np.concatenate([scored[:1], _refined(slope, seen, scored), [worst_scale(d, rounding)]])
    low, error, *x = scored[np.argmin(scored[:, 0])]
    if low == np.inf:
        low, x = np.nan, [np.nan] * 3
    return float(low), float(error), np.exp(x), seen


def evaluate(function: Function, p: Array) -> Array:
    """``function(p)`` in pieces, as it may need a row of many terms for each entry."""
    pieces = np.split(p.flatten(), range(4096, p.size, 4096))
    with np.errstate(all="ignore"):
        return np.concatenate([function(piece) for piece in pieces]).reshape(p.shape)


def rounding(function: Function, p: Array) -> Array:
    """Estimate the rounding error at each p from seventh differences (Moré & Wild, SISC 33, 2011).

    They span sizes over which p² changes by more than 1e-16: functions that cancel are staircases at smaller scales,
    whose flat steps would show no noise.
    """
    steps = np.minimum(3e-3, 1e-9 / p**2) * np.arange(12)[:, None]
    noise = np.diff(evaluate(function, p * (1 - steps)), 7, axis=0)
    unit = np.maximum(np.max(np.abs(noise), axis=0), np.finfo(np.float64).tiny)  # squares may not leave the range
    return np.asarray(unit * np.sqrt(np.mean((noise / unit) ** 2, axis=0) / math.comb(14, 7)))


def differentiate(d: Function, p: Array) -> tuple[Array, Array]:
    """d′ and its error: differences extrapolated to step 0 (Ridders, Adv. Eng. Softw. 4, 1982).

    The step and order that changed least are taken, so that p near a kink gets short steps and noise gets long ones.
    Differences are central up to p = 0.8, and backward above, because d ends at 1.
    """
    central = p <= 0.8
    steps = 0.25 * p * 3.0 ** -np.arange(10)[:, None]
    upper, lower = np.where(central, p + steps, p), p - steps
    table = (evaluate(d, upper) - evaluate(d, lower)) / (upper - lower)
    ratio, best, error = np.where(central, 9.0, 3.0), table[-1], np.full(p.shape, np.inf)
    for order in range(1, len(steps)):
        better = table[1:] + (table[1:] - table[:-1]) / (ratio**order - 1)
        change = np.fmax(np.abs(better - table[1:]), np.abs(better - table[:-1]))
        for row, moved in zip(better, change, strict=True):
            best, error = np.where(moved < error, row, best), np.fmin(moved, error)
        table = better
    return best, error


def slope_of(d: Function, derivative: Function | None) -> tuple[Slope, float]:
    """Return g with its error, and the least size from which errors are small compared with differences of g."""
    p = np.exp(sizes)
    noise = 10 * differentiate(d, p)[1] if derivative is None else 4 * rounding(derivative, p)
    slope = partial(_slope, d, derivative, _spread(noise) * (CAUTION if derivative is None else 1))
    rise = _spread(np.abs(slope(sizes)[1] - slope(sizes - 0.25)[1]))
    hidden = ~(_spread(noise) < 0.01 * resolution * rise)
    return slope, float(np.max(p[hidden], initial=least_size))


def _spread(values: Array) -> Array:
    """Take the largest of each value and its three neighbours on either side."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, 3, mode="edge"), 7)
    return np.asarray(np.max(windows, axis=1))


def _slope(d: Function, derivative: Function | None, noise: Array, x: Array) -> Array:
    p = np.exp(x.ravel())
    g, error = differentiate(d, p) if derivative is None else (evaluate(derivative, p), 0.0)
    error = np.maximum(np.interp(x.ravel(), sizes, noise), np.maximum(error, 2**-51 * np.abs(g)))
    return np.stack([x, g.reshape(x.shape), error.reshape(x.shape)])


def _scores(lower: Array, middle: Array, upper: Array, *, seen: float) -> tuple[Array, Array]:
    """Value minus error, and error; infinite where the triple is invalid or the error too large."""
    (x1, g1, n1), (x2, g2, n2), (x3, g3, n3) = lower, middle, upper
    m12, m23 = (g2 - g1) / (x2 - x1), (g3 - g2) / (x3 - x2)
    spread = -np.expm1(x1 - x3)
    scale = (np.abs(m12) + np.abs(m23)) * spread
    error = 4 * ((n1 + n2) / (x2 - x1) + (n2 + n3) / (x3 - x2)) / scale
    possible = (np.exp(x1) + np.exp(x2) + np.exp(x3) <= 1 + 1e-12) & (x1 >= math.log(seen) - 0.05)
    counts = possible & (error <= resolution * spread**2)
    return np.where(counts, (m23 - m12) / scale - error, np.inf), error


def _interior(slope: Slope, seen: float) -> Array:
    """For each middle size on the grid the worst triple of the grid, including sizes that almost coincide."""
    mid, below, above = slope(sizes), slope(sizes[:, None] - near), slope(sizes[sizes < -0.1, None] + near)
    rows = []
    for j in range(np.searchsorted(sizes, math.log(0.5))):
        lower = np.concatenate([mid[:, :j], below[:, j]], axis=1)
        upper = np.concatenate([above[:, j], mid[:, j + 1 :]], axis=1)
        low, error = _scores(lower[:, :, None], mid[:, j, None, None], upper[:, None, :], seen=seen)
        i, k = np.unravel_index(np.argmin(low), low.shape)
        rows.append([low[i, k], error[i, k], lower[0, i], sizes[j], upper[0, k]])
    return np.array(rows)


def _listed(slope: Slope, seen: float) -> Array:
    """Scores of triples on the face p₁ + p₂ + p₃ = 1, and of narrow ones at a fine grid of sizes up to 1/3."""
    a, b = (grid[np.add.outer(gaps, gaps) < gaps[-1]] for grid in np.meshgrid(gaps, gaps))
    third = np.log(np.linspace(0, 1 / 3, 1501)[1:, None])
    narrow = [third + h * np.array([-1, 0, 1]) - h**2 for h in near[::2]]  # − h²: the sum stays below 1
    x = np.concatenate([_placed(np.column_stack([0 * a, a, b])), *narrow])
    return np.column_stack([*_scores(*np.moveaxis(slope(x), -1, 0), seen=seen), x])


def _placed(coordinates: Array) -> Array:
    """Triples of log(p₁ + p₂ + p₃), x₂ − x₁ and x₃ − x₂."""
    total, a, b = np.moveaxis(coordinates, -1, 0)
    x = np.stack([0 * a, a, a + b], axis=-1)
    return np.asarray(x + (total - np.log(np.sum(np.exp(x), axis=-1)))[..., None])


def _refined(slope: Slope, seen: float, scored: Array, count: int = 6) -> Array:
    """Compass search in the coordinates of `_placed` from the worst few distinct triples of ``scored``."""
    x = _distinct(scored, count)
    current = np.column_stack([np.log(np.sum(np.exp(x), axis=1)), np.diff(x, axis=1)])
    step, rows = np.full(len(x), 0.1), np.arange(len(x))
    for _ in range(30):
        trial = current[:, None] + step[:, None, None] * moves
        trial = np.concatenate([np.minimum(trial[..., :1], 0), np.maximum(trial[..., 1:], near[0])], axis=-1)
        x = _placed(trial)
        low, error = _scores(*np.moveaxis(slope(x), -1, 0), seen=seen)
        pick = np.argmin(low, axis=1)
        current, step = trial[rows, pick], np.where(pick == 0, step / 2.5, step)
    return np.column_stack([low[rows, pick], error[rows, pick], x[rows, pick]])


def _distinct(scored: Array, count: int) -> Array:
    chosen = [scored[0, 2:]]
    for x in scored[np.isfinite(scored[:, 0]), 2:]:
        if len(chosen) < count and all(np.max(np.abs(x - other)) > 0.2 for other in chosen):
            chosen.append(x)
    return np.array(chosen)

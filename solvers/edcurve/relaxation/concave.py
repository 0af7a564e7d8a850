"""The convex–concave procedure for min Σ h(pᵢ) over n cells with Σ pᵢ = 1 and Σ d(pᵢ) ≤ D, for all starts at once.

The concave entropy is replaced by its tangent at the current cells p′. The distortion is split as
σp²/2 + (d(p) − σp²/2) with σ ≥ d″ on the allowed sizes, so that the second part is concave too and gets its tangent:

    d(p) ≤ d(p′) + d′(p′)(p − p′) + ½σ(p − p′)².

For the ramp with σ = d″(0) the split is p²/6 − p³/12. Cells that satisfy the convex constraint satisfy the true one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .solving import ROUNDING, Array, CellDistortion, cvxpy, self_information, solve

STEPS = 300
SETTLED = 1e-11  # nats by which a step must lower the entropy for a start to continue
UNSURE = 1e-7  # error of the solver in nats: a start also settles at an increase of at most this
EMPTY = 1e-10  # smaller cells are emptied, and remain empty
SHRINK = 0.05  # fraction to which a cell may shrink in a step, as d″ may be unbounded at 0
LONGER = np.array([1.0, 2.0, 4.0, 8.0, 16.0])  # multiples of a step to try, because tangents make steps short
MARGIN = 1.02  # factor on the estimate of sup d″


class LocalSolution(NamedTuple):
    """Cells of a local minimum, including empty ones, and whether the procedure settled there."""

    cells: Array
    settled: bool


def search(d: CellDistortion, D: float, shape: tuple[int, int], rng: np.random.Generator) -> LocalSolution:
    """Find the best solution from `shape[0]` starts with `shape[1]` cells, which suffice to reach D."""
    if float(d(np.ones(1))[0]) <= D:
        return LocalSolution(np.ones(1), True)
    cells, settled = descend(d, D, _random_cells(d, D, shape, rng))
    best = int(np.argmin(self_information(cells).sum(axis=1)))
    return LocalSolution(cells[best], bool(settled[best]))


def _random_cells(d: CellDistortion, D: float, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    concentration = np.exp(rng.uniform(np.log(0.3), np.log(10.0), shape[0]))
    drawn = np.array([rng.dirichlet(np.full(shape[1], value)) for value in concentration])
    return restore(d, D, np.maximum(drawn, 1e-6))


def descend(d: CellDistortion, D: float, cells: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Run the procedure from the feasible rows of `cells`, which remain feasible; also return which rows settled."""
    program = _ConvexStep(d, D, (cells.shape[0], cells.shape[1]))
    active = np.ones(len(cells), dtype=bool)
    settled = ~active
    for _ in range(STEPS):
        new, change = _lengthen(d, D, cells, program.step(cells, active))
        settled |= active & (change >= -SETTLED) & (change <= UNSURE)
        cells = np.where((active & (change < 0.0))[:, None], new, cells)
        active &= change < -SETTLED
        if not active.any():
            break
    return cells, settled


def _lengthen(d: CellDistortion, D: float, cells: Array, new: Array) -> tuple[Array, Array]:
    """Find the best feasible multiple of each step, and its change of entropy: inf if no multiple is feasible."""
    candidates = np.maximum(cells + LONGER[:, None, None] * (new - cells), np.minimum(new, SHRINK * cells))
    candidates = restore(d, D, candidates.reshape(-1, cells.shape[1]))
    entropy = self_information(candidates).sum(axis=1)
    entropy[distortion_of(d, candidates) > D * (1.0 + ROUNDING)] = np.inf
    best = np.argmin(entropy.reshape(LONGER.size, -1), axis=0)
    chosen = best * len(cells) + np.arange(len(cells))
    return candidates[chosen], entropy[chosen] - self_information(cells).sum(axis=1)


def distortion_of(d: CellDistortion, cells: Array) -> Array:
    """Compute the distortion Σ d(pᵢ) of each row."""
    return np.asarray(d(cells).sum(axis=1))


def restore(d: CellDistortion, D: float, cells: Array) -> Array:
    """Move nonempty cells towards equal ones, just far enough that Σ d ≤ D.

    This corrects solvers, which meet constraints only to a tolerance. Rows where equal cells do not reach D are not
    moved.
    """
    limit = D * (1.0 + ROUNDING)
    filled = cells > EMPTY
    cells = np.where(filled, cells, 0.0)
    cells = cells / cells.sum(axis=1, keepdims=True)
    equal = filled / filled.sum(axis=1, keepdims=True)
    move = (distortion_of(d, cells) > limit) & (distortion_of(d, equal) <= limit)
    low, high = np.zeros((len(cells), 1)), move[:, None].astype(float)
    for _ in range(60):  # down to the spacing of floats; `high` always meets D
        middle = 0.5 * (low + high)
        met = distortion_of(d, (1.0 - middle) * cells + middle * equal)[:, None] <= limit
        low, high = np.where(met, low, middle), np.where(met, middle, high)
    return np.asarray((1.0 - high) * cells + high * equal)


class _ConvexStep:
    """The convex program of a step, compiled once: everything that changes between steps is a parameter."""

    def __init__(self, d: CellDistortion, D: float, shape: tuple[int, int]) -> None:
        cp = cvxpy()
        self._d, self._D = d, D
        self._curvature = _CurvatureBound(d, D)
        self._cells = cp.Variable(shape)
        self._rate, self._slope, self._root, self._centre, self._low, self._high = (
            cp.Parameter(shape) for _ in range(6)
        )
        self._limit = cp.Parameter(shape[0])
        square = cp.square(cp.multiply(self._root, self._cells) - self._centre)
        distortion = cp.sum(square + cp.multiply(self._slope, self._cells), axis=1)
        limits = [distortion <= self._limit, cp.sum(self._cells, axis=1) == 1.0]
        bounds = [self._low <= self._cells, self._cells <= self._high]
        self._problem = cp.Problem(cp.Minimize(cp.sum(cp.multiply(self._rate, self._cells))), limits + bounds)

    def step(self, cells: Array, active: NDArray[np.bool_]) -> Array:
        """Solve the program at `cells`, with distortions in units of D; inactive rows have no cost."""
        weight = active[:, None].astype(float)
        low = SHRINK * cells
        slope = weight * derivative(self._d, cells) / self._D
        root = weight * np.sqrt(0.5 * self._curvature.above(low) / self._D)
        unspent = 1.0 - distortion_of(self._d, cells) / self._D
        self._low.value, self._high.value = low, np.where(cells > 0.0, self._curvature.largest, 0.0)
        self._rate.value = -weight * np.log(np.maximum(cells, EMPTY))
        self._slope.value, self._root.value, self._centre.value = slope, root, root * cells
        self._limit.value = np.where(active, unspent + (slope * cells).sum(axis=1), 1.0)
        solve(self._problem, "CLARABEL", accepted=("optimal", "optimal_inaccurate"))
        return np.asarray(np.maximum(self._cells.value, 0.0))


def derivative(d: CellDistortion, p: Array) -> Array:
    """Differentiate d by five points, one-sided where p is near 1; relative error about 1e-12 where d is smooth."""
    size = np.maximum(p, EMPTY)[..., None]
    step = 1e-3 * size
    central = size + 2.0 * step <= 1.0
    points = np.where(central, np.arange(-2.0, 3.0), np.arange(-4.0, 1.0))
    weights = np.where(central, [1.0, -8.0, 0.0, 8.0, -1.0], [3.0, -16.0, 36.0, -48.0, 25.0]) / 12.0
    return np.asarray((weights * d(size + points * step)).sum(axis=-1) / step[..., 0])


class _CurvatureBound:
    """Upper bound on d″ over [p, largest], by second differences; `largest` is the size of a cell of distortion D."""

    def __init__(self, d: CellDistortion, D: float) -> None:
        x = np.exp(np.linspace(np.log(SHRINK * EMPTY), 0.0, 4001))
        values = np.asarray(d(x))
        self.largest = float(x[np.flatnonzero(values >= D)[0]])
        second = 2.0 * np.diff(np.diff(values) / np.diff(x)) / (x[2:] - x[:-2])
        second[x[:-2] > self.largest] = 0.0
        self._ends = x[2:]
        self._sup = MARGIN * np.maximum.accumulate(np.maximum(second, 0.0)[::-1])[::-1]

    def above(self, p: Array) -> Array:
        """Bound d″ on [p, largest] from above; 0 where d is concave there."""
        return np.asarray(self._sup[np.minimum(np.searchsorted(self._ends, p), self._ends.size - 1)])

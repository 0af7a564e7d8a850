"""Linear programs over measures on cell sizes, where m(p) is the mass in cells of size p.

With φ(p) = d(p)/p the entropy is Σ m(p)(−ln p) and the distortion Σ m(p) φ(p). The number m(p)/p of cells of a size
need not be an integer, so these programs bound those over partitions from below.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .solving import EXACT, TINIEST, Array, CellDistortion, attained, cvxpy, mean_distortion, solve

COLUMNS = 2048  # sizes at which reduced costs are computed, equally spaced in ln p
SLOTS = 16  # further columns of the sweep, for local minima between those sizes
ROUNDS = 40  # most rounds of column generation
COST = 1e3  # factor on costs, which effectively divides the solver's tolerance on reduced costs
LARGEST = 1e12  # largest φ/D of the initial columns
NEGATIVE = 1e-12  # reduced costs below −NEGATIVE require another column


class MeasureSolution(NamedTuple):
    """Optimal measure and multipliers, in nats; `floor` is min over p of −ln p + λφ(p), which is μ."""

    sizes: Array
    weights: Array
    value: float
    lmbda: float
    floor: float
    status: str


def least_entropy(d: CellDistortion, D: float, size: float = 1.0) -> MeasureSolution:
    """Minimise Σ m(−ln p) subject to Σ m = 1 and Σ m φ(p) ≤ D, by column generation.

    Columns are added at the local minima of −ln p + λφ(p), until none of them has a negative reduced cost.
    Distortions are in units of `size`.
    """
    alone = attained(d, D, size)
    sizes, more, status = np.array([alone]), _first_columns(d, D, alone), "iteration_limit"
    for _ in range(ROUNDS):
        sizes = np.union1d(sizes, more)
        weights, lmbda = _master(d, D, sizes)
        value = float(weights @ -np.log(sizes)) + 0.0
        minima, costs = valleys(d, lmbda, _between(math.log(alone) - lmbda * D))
        priced = costs - lmbda * D - value
        more = minima[priced < 0.0]
        if priced.min() >= -NEGATIVE * max(1.0, value):
            status = "optimal"
            break
    used = weights > 0.0
    floor = min(float(costs.min()), float(_cost(d, lmbda, sizes).min()))
    return MeasureSolution(sizes[used], weights[used], value, lmbda, floor, status)


def _first_columns(d: CellDistortion, D: float, size: float) -> Array:
    """List the first columns: a coarse grid, and sizes close to that with φ(p) = D.

    Sizes whose φ/D the solver would refuse are left out.
    """
    steps = 10.0 ** -np.arange(1.0, 7.0)
    ladder = size * np.concatenate([1.0 - steps, 1.0 + steps])
    columns = np.concatenate([ladder[ladder < 1.0], np.exp(np.linspace(math.log(size), 0.0, 32))])
    return columns[mean_distortion(d, columns) <= LARGEST * D]


def _between(lowest: float) -> Array:
    """List the sizes to price, from exp(`lowest`) on: below it −ln p alone exceeds the cost of a known size."""
    return np.exp(np.linspace(max(lowest - 1e-3, math.log(TINIEST)), 0.0, COLUMNS))


def _master(d: CellDistortion, D: float, sizes: Array) -> tuple[Array, float]:
    """Solve the program restricted to these sizes, and return the weights and λ."""
    cp = cvxpy()
    phi = mean_distortion(d, sizes)
    scale = min(D, abs(float(phi.max()) - D)) or D
    m = cp.Variable(sizes.size, nonneg=True)
    limit = ((phi - D) / scale) @ m <= 0.0
    problem = cp.Problem(cp.Minimize((-COST * np.log(sizes)) @ m), [limit, cp.sum(m) == 1.0])
    solve(problem, "HIGHS", **EXACT)
    weights = np.maximum(m.value, 0.0)
    return weights / weights.sum(), max(0.0, float(limit.dual_value)) / (COST * scale)


def valleys(d: CellDistortion, lmbda: float, grid: Array) -> tuple[Array, Array]:
    """Find the local minima over p of −ln p + λφ(p), and their values: on the grid, then refined 8-fold 8 times."""

    def cost(x: Array) -> Array:
        return _cost(d, lmbda, np.minimum(np.exp(x), 1.0))

    x = np.log(grid)
    values = np.pad(cost(x), 1, constant_values=np.inf)
    lowest = np.flatnonzero((values[1:-1] <= values[:-2]) & (values[1:-1] <= values[2:]))
    low, high = x[np.maximum(lowest - 1, 0)], x[np.minimum(lowest + 1, x.size - 1)]
    rows = np.arange(lowest.size)
    for _ in range(8):
        inner = low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, 17)
        best = np.argmin(cost(inner), axis=1)
        low, high = inner[rows, np.maximum(best - 1, 0)], inner[rows, np.minimum(best + 1, 16)]
    minima = inner[rows, best]
    return np.minimum(np.exp(minima), 1.0), cost(minima)


def _cost(d: CellDistortion, lmbda: float, p: Array) -> Array:
    return np.asarray(lmbda * mean_distortion(d, p) - np.log(p))


class SweepPoint(NamedTuple):
    """Optimal measure at one λ: its value, entropy and distortion, in nats, and its largest size."""

    value: float
    entropy: float
    distortion: float
    size: float


def sweep(d: CellDistortion, multipliers: Array, size: float = 1.0) -> Iterator[SweepPoint]:
    """Minimise Σ m(−ln p + λφ(p)) subject to Σ m = 1 at each λ: one program, compiled once.

    Costs are its parameter. The columns are sizes whose range contains all that can be optimal at λ, and the local
    minima between them. Costs far above the least are capped, which does not affect the solution. Distortions are in
    units of `size`.
    """
    cp = cvxpy()
    m = cp.Variable(COLUMNS + SLOTS, nonneg=True)
    cost = cp.Parameter(COLUMNS + SLOTS)
    problem = cp.Problem(cp.Minimize(cost @ m), [cp.sum(m) == 1.0])
    for lmbda in multipliers:
        sizes = _columns(d, float(lmbda), size)
        values = _cost(d, float(lmbda), sizes)
        cost.value = COST * np.minimum(values, values.min() + 100.0)
        solve(problem, "HIGHS", warm_start=True, **EXACT)
        yield _point(d, float(lmbda), sizes, m.value)


def _columns(d: CellDistortion, lmbda: float, size: float) -> Array:
    # −ln p alone exceeds the least cost over these sizes wherever p is too small to be optimal
    halves = 2.0 ** np.arange(0.0, math.log2(TINIEST), -1.0)
    grid = _between(-float(_cost(d, lmbda, halves).min()))
    minima, costs = valleys(d, lmbda, grid)
    best = minima[np.argsort(costs)[:SLOTS]]
    if best[0] <= 2.0 * TINIEST:
        nats = lmbda / size
        raise ValueError(f"lmbda must be smaller, got {nats:.6g} nats: its cells would be smaller than {TINIEST}")
    return np.concatenate([grid, np.resize(best, SLOTS)])


def _point(d: CellDistortion, lmbda: float, sizes: Array, m: Array) -> SweepPoint:
    weights = np.maximum(m, 0.0) / np.maximum(m, 0.0).sum()
    entropy = float(weights @ -np.log(sizes)) + 0.0
    distortion = float(weights @ mean_distortion(d, sizes))
    return SweepPoint(entropy + lmbda * distortion, entropy, distortion, float(sizes[weights > 0.0].max()))

"""Mixed-integer programs over the number of cells of each size: a feasible partition, and a bound on all partitions."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .solving import EXACT, ROUNDING, Array, CellDistortion, cvxpy, self_information, solve

Counts = NDArray[np.int64]

FEASIBLE = 1e-9  # tolerance of HiGHS on Σ d ≤ D, relative to D, and on integrality
INNER = 15  # sizes within an interval at which the error of its chord is taken
MARGIN = 1.1  # factor on that error


class GridPartition(NamedTuple):
    """A partition into multiples of 1/N, the solver's lower bound in nats on all such partitions, and its status."""

    sizes: Array
    counts: Counts
    bound: float
    status: str


def on_grid(d: CellDistortion, D: float, grid: int, time_limit: float) -> GridPartition:
    """Minimise the entropy of nⱼ cells of size j/N subject to Σ j nⱼ = N, exactly, and Σ nⱼ d(j/N) ≤ D.

    The solver meets D to a tolerance. A partition that exceeds D within it is replaced by the best one for a D smaller
    by twice the tolerance; the bound remains that for D.
    """
    allowed = np.arange(1, grid + 1)
    allowed = allowed[d(allowed / grid) <= D]
    counts, bound, status = _on_grid(d, D, grid, allowed, 1.0, time_limit)
    if distortion_of(d, allowed / grid, counts) > D * (1.0 + ROUNDING):
        counts, _, status = _on_grid(d, D, grid, allowed, 1.0 - 2.0 * FEASIBLE, time_limit)
    if distortion_of(d, allowed / grid, counts) > D * (1.0 + ROUNDING):
        raise RuntimeError(f"HIGHS ended with status {status!r} and a partition beyond D by more than its tolerance")
    used = np.flatnonzero(counts)[::-1]
    return GridPartition(allowed[used] / grid, counts[used], bound, status)


def distortion_of(d: CellDistortion, sizes: Array, counts: Counts) -> float:
    """Sum the distortion Σ n d(p) of a partition, rounded once."""
    return math.fsum(counts * d(sizes))


def _on_grid(
    d: CellDistortion, D: float, grid: int, allowed: Counts, share: float, time_limit: float
) -> tuple[Counts, float, str]:
    cp = cvxpy()
    sizes = allowed / grid
    n = cp.Variable(allowed.size, integer=True)
    whole, limit = allowed @ n == grid, (d(sizes) / D) @ n <= share
    problem = cp.Problem(cp.Minimize(self_information(sizes) @ n), [n >= 0, whole, limit])
    status, bound = _branch_and_bound(problem, time_limit)
    counts = np.rint(n.value).astype(np.int64)
    if allowed @ counts != grid or counts.min() < 0:
        raise RuntimeError(f"HIGHS ended with status {status!r} and no partition: allow it more time or a smaller grid")
    return counts, bound, status


def below_all(d: CellDistortion, D: float, grid: int, time_limit: float) -> float:
    """Bound the entropy of every partition with Σ d ≤ D from below, in nats, for any sizes.

    Cells are counted by the interval [j/N, (j + 1)/N] of their size: nⱼ cells with a total mass of j nⱼ/N + eⱼ,
    0 ≤ eⱼ ≤ nⱼ/N. The entropy is concave, hence at least its chord. The distortion is at least its chord minus the
    chord's error cⱼ. In the first interval it is at least 0, and only the mass counts. Everything is linear in n and e.
    """
    cp = cvxpy()
    start, rate, penalty, slope = _chords(d, D, grid)
    index = np.arange(start.size)
    n, e = cp.Variable(index.size, integer=True), cp.Variable(index.size, nonneg=True)
    mass, limit = index @ n + cp.sum(e) == grid, penalty @ n + slope @ e <= 1.0
    most = np.floor(grid / np.maximum(index, 1))
    objective = cp.Minimize(self_information(start) @ n + rate @ e)
    return _branch_and_bound(cp.Problem(objective, [e <= n, n <= most, mass, limit]), time_limit)[1]


def _chords(d: CellDistortion, D: float, grid: int) -> tuple[Array, Array, Array, Array]:
    """Return the intervals' left ends, the rise of h over each, d/D at the left minus the chord's error, its rise."""
    ends = np.arange(grid + 1) / grid
    start = ends[:-1][d(ends[:-1]) <= D]
    low, high = d(start), d(ends[1 : start.size + 1])
    part = np.arange(1, INNER + 1) / (INNER + 1)
    error = np.outer(1.0 - part, low) + np.outer(part, high) - d(start + part[:, None] / grid)
    penalty = (low - MARGIN * np.maximum(error.max(axis=0), 0.0)) / D
    rise = (high - low) / D
    penalty[0] = rise[0] = 0.0
    return start, np.diff(self_information(ends))[: start.size], penalty, rise


def _branch_and_bound(problem: Any, time_limit: float) -> tuple[str, float]:
    """Solve a program, and return the status and the solver's proved lower bound."""
    options = {**EXACT, "mip_feasibility_tolerance": FEASIBLE, "primal_feasibility_tolerance": FEASIBLE}
    options |= {"mip_rel_gap": 0.0, "mip_abs_gap": 1e-9, "time_limit": time_limit}
    status = solve(problem, "HIGHS", accepted=("optimal", "user_limit"), **options)
    return status, max(0.0, float(problem.solver_stats.extra_stats.mip_dual_bound))

"""The open problem: F(j) = min over i < j of F(i) + h(p) + λ SSE of the cell i, …, j − 1, where h(p) = −p ln p.

The points are cut into blocks of `BLOCK`. The cell from i to j is what lies between i and the end of i's block,
merged with what lies between there and j: two sets whose mass, mean and squared error were found by adding point
after point (Welford), all relative to the last point of the block. So every term is positive, and nothing is lost
to differences of sums over the whole curve.

Most blocks need not be looked into. Let q, m and s be mass, mean and squared error from the end e of a block to j.
For a start i in it, of mass w_i, mean μ_i and squared error σ_i from i to e,

    SSE(i, j) = s + σ_i + w_i q/(w_i + q) ‖μ_i − m‖²  ≥  s + σ_i + w_i t,    t = q/(q + W) · min ‖μ_i − m‖²,

with W the mass of the block; h is concave, hence above its chord z ↦ h₀ + κ(z − z₀) over the masses that occur; so

    F(i) + cost(i, j)  ≥  λs + h₀ + κ(q − z₀) + min over i of [F(i) + λσ_i + w_i (λt + κ)].

The minimum is a concave function of one number, λt + κ, found once for each block as the lower convex hull of the
points (w_i, F(i) + λσ_i). A block whose bound exceeds what is already attained is passed over: for a smooth curve
the bound is off by the square of the block's length, and few blocks are left. No property of the curve is assumed.

A block is dropped for good once F(i) + λ SSE(i, j) + h(mass from i on) > F(j) + h(mass from j on) for all its i:
since h(p + q) − h(q) falls with q, a cell from j on is then better, whatever its end.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import BLOCK, EPOCH, advance, bounds, cost_of_mass, describe, distance, hull, offset, suffixes

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


def solve(
    x: Array,
    w: Array,
    lmbda: float,
    slack: float,
    prune: int,
    whole: int,
    hint: Ints,
    value: Array,
    start: Ints,
    state: Ints,
) -> None:
    """F(j) into `value`, the start of the last cell into `start`; at ties the fewest cells, then the first start.

    `slack` is the relative error allowed for when a bound is compared; `hint` has starts to try first (or −1).
    Without `whole` the single cell is left out, so that there are at least two.
    Into `state` go the points done; where its second entry is set to 1, the work is given up.
    """
    n, dim = x.shape
    blocks = (n + BLOCK - 1) // BLOCK
    mass, mean, error = np.empty(n), np.empty((n, dim)), np.empty(n)
    suffixes(x, w, mass, mean, error)
    rest = np.zeros(n + 1)
    for k in range(n - 1, -1, -1):
        rest[k] = rest[k + 1] + w[k]
    centre, radius = np.empty((blocks, dim)), np.empty(blocks)
    hull_mass, hull_value, hull_slope = np.empty(n), np.empty(n), np.empty(n)
    size, at, least = np.empty(blocks, np.int64), np.empty(blocks, np.int64), np.empty(blocks)
    # from the end of each block to each point of the epoch
    q, m, s = np.zeros((blocks, EPOCH)), np.zeros((blocks, EPOCH, dim)), np.zeros((blocks, EPOCH))
    bound = np.zeros((blocks, EPOCH))
    alive, active, number = np.zeros(blocks, np.int64), np.empty(blocks, np.int64), 0
    cells, low, local = np.zeros(n + 1, np.int64), np.empty(n + 1), np.empty(dim)
    value[0], start[0] = 0.0, -1
    for j in range(1, n + 1):
        if j == n and whole == 0:
            value[0] = math.inf
        k = j - 1
        first, t = k - k % BLOCK, k % EPOCH
        low[k] = value[k] if k == first else min(low[k - 1], value[k])
        if t == 0:
            state[0] = k
            if state[1] == 1:
                return
            if k == first and k > 0:
                b = k // BLOCK - 1
                describe(b, x, w, lmbda, mass, mean, error, rest, value, centre, radius, least, size, at)
                hull(b, lmbda, mass, error, value, hull_mass, hull_value, hull_slope, size)
                alive[b], active[number], number = 1, b, number + 1
            for a in range(number):
                b = active[a]
                advance(b, k, x, w, lmbda, mass, q, m, s)
                bounds(
                    b, k, n, lmbda, mass, q, m, s, centre, radius, hull_mass, hull_value, hull_slope, size, at, bound
                )
        best, best_start, best_cells = math.inf, -1, 0
        for guess in range(2):
            i = hint[j] if guess == 1 else start[k]
            if 0 <= i < first and alive[i // BLOCK] == 1:
                b = i // BLOCK
                found = merged(i, lmbda, mass, mean, error, value, q[b, t], m[b, t], s[b, t], best)
                if better(found, cells[i] + 1, i, best, best_cells, best_start):
                    best, best_start, best_cells = found, i, cells[i] + 1
        # the block that j is in: point after point, backwards
        p, sse = 0.0, 0.0
        for c in range(dim):
            local[c] = 0.0
        for i in range(k, first - 1, -1):
            total = p + w[i]
            share = w[i] / total
            sse += p * share * offset(x[i], x[k], local)
            for c in range(dim):
                local[c] += ((x[i, c] - x[k, c]) - local[c]) * share
            p = total
            if value[i] + lmbda * sse <= best:
                found = value[i] + lmbda * sse + cost_of_mass(p)
                if better(found, cells[i] + 1, i, best, best_cells, best_start):
                    best, best_start, best_cells = found, i, cells[i] + 1
            if prune == 1 and low[i] + lmbda * sse > best + slack * (1.0 + best):
                break
        for a in range(number):
            b = active[a]
            if prune == 1 and bound[b, t] > best + slack * (1.0 + best):
                continue
            for i in range(b * BLOCK, (b + 1) * BLOCK):
                found = merged(i, lmbda, mass, mean, error, value, q[b, t], m[b, t], s[b, t], best)
                if better(found, cells[i] + 1, i, best, best_cells, best_start):
                    best, best_start, best_cells = found, i, cells[i] + 1
        value[j], start[j], cells[j] = best, best_start, best_cells
        if prune == 1 and t == EPOCH - 1:
            limit = best + cost_of_mass(rest[j])
            limit += slack * (1.0 + limit)
            kept = 0
            for a in range(number):
                b = active[a]
                if least[b] + lmbda * s[b, t] > limit:
                    alive[b] = 0
                else:
                    active[kept] = b
                    kept += 1
            number = kept
    state[0] = n


def better(found: float, cells: int, start: int, best: float, best_cells: int, best_start: int) -> bool:
    """Whether a candidate is lower, or as low with fewer cells, or with as many and an earlier start."""
    if found != best:
        return found < best
    return cells < best_cells or (cells == best_cells and start < best_start)


def merged(
    i: int, lmbda: float, mass: Array, mean: Array, error: Array, value: Array, q: float, m: Any, s: float, best: float
) -> float:
    """F(i) + h + λ SSE of the cell that starts at i, or infinity where that is seen to exceed `best`."""
    p = mass[i] + q
    found = value[i] + lmbda * (error[i] + s + mass[i] * (q / p) * distance(mean[i], m))
    return found + cost_of_mass(p) if found <= best else math.inf

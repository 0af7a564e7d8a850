"""The open problem: F(j) = min over i < j of F(i) + h(p) + λ SSE of the cell i, …, j − 1, where h(p) = −p ln p.

The points are cut into blocks of `BLOCK`. The cell from i to j is what lies between i and the end of i's block,
merged with what lies between there and j: two sets whose mass, mean and squared error were found by adding point
after point (Welford), all relative to the last point of the block. So every term is positive, and no accuracy is lost
to differences of sums over the whole curve.

Most blocks can be skipped. Let q, m and s be mass, mean and squared error from the end e of a block to j.
For a start i in it, of mass w_i, mean μ_i and squared error σ_i from i to e,

    SSE(i, j) = s + σ_i + w_i q/(w_i + q) ‖μ_i − m‖²  ≥  s + σ_i + w_i t,    t = q/(q + W) · min ‖μ_i − m‖²,

with W the mass of the block; h is concave, hence above its chord z ↦ h₀ + κ(z − z₀) over the masses that occur; so

    F(i) + cost(i, j)  ≥  λs + h₀ + κ(q − z₀) + min over i of [F(i) + λσ_i + w_i (λt + κ)].

The minimum is a concave function of one number, λt + κ, found once for each block as the lower convex hull of the
points (w_i, F(i) + λσ_i). A block whose bound exceeds the best value so far is skipped. For a smooth curve the error
of the bound is of the order of the square of the block's length, so few blocks remain. The curve may be any.

A block is dropped permanently once F(i) + λ SSE(i, j) + h(mass from i on) > F(j) + h(mass from j on) for all its i:
since h(p + q) − h(q) falls with q, a cell from j on is then better, whatever its end.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import (
    BLOCK,
    EPOCH,
    Advances,
    Balls,
    Hulls,
    Suffixes,
    advance,
    bounds,
    cell_entropy,
    distance,
    enclose,
    hull,
    least_beyond,
    offset,
    suffixes,
)

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
    """Put F(j) into `value`, the start of the last cell into `start`; at ties the fewest cells, then the first start.

    `slack` is the relative tolerance in comparisons with bounds; `hint` has starts to try first (or −1).
    Without `whole` the single cell is excluded, so that there are at least two.
    The kernel puts the number of points done into ``state[0]``, and returns early once ``state[1]`` is 1.
    """
    n, dim = x.shape
    blocks = (n + BLOCK - 1) // BLOCK
    suffix = Suffixes(np.empty(n), np.empty((n, dim)), np.empty(n))
    suffixes(x, w, suffix)
    mass_beyond = np.zeros(n + 1)  # mass from each point to the last
    for k in range(n - 1, -1, -1):
        mass_beyond[k] = mass_beyond[k + 1] + w[k]
    balls = Balls(np.empty((blocks, dim)), np.empty(blocks))
    hulls = Hulls(np.empty(n), np.empty(n), np.empty(n), np.empty(blocks, np.int64), np.empty(blocks, np.int64))
    ahead = Advances(np.zeros((blocks, EPOCH)), np.zeros((blocks, EPOCH, dim)), np.zeros((blocks, EPOCH)))
    bound, least = np.zeros((blocks, EPOCH)), np.empty(blocks)
    # active[:number] are the blocks, in order, that may still contain the start of a best cell
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
                enclose(b, suffix, balls)
                least[b] = least_beyond(b, lmbda, suffix, mass_beyond, value)
                hull(b, lmbda, suffix, value, hulls)
                alive[b], active[number], number = 1, b, number + 1
            for a in range(number):
                b = active[a]
                advance(b, k, x, w, ahead)
                bounds(b, min(EPOCH, n - k), lmbda, suffix, ahead, balls, hulls, bound)
        best, best_start, best_cells = math.inf, -1, 0
        # likely starts first: the lower the best value is early on, the more blocks are skipped
        for guess in range(2):
            i = hint[j] if guess == 1 else start[k]
            if 0 <= i < first and alive[i // BLOCK] == 1:
                b = i // BLOCK
                total = merged(i, lmbda, suffix, value, ahead.mass[b, t], ahead.mean[b, t], ahead.error[b, t], best)
                if better(total, cells[i] + 1, i, best, best_cells, best_start):
                    best, best_start, best_cells = total, i, cells[i] + 1
        # the block that contains j: point by point, backwards
        p, sse = 0.0, 0.0
        for c in range(dim):
            local[c] = 0.0
        for i in range(k, first - 1, -1):
            grown = p + w[i]
            share = w[i] / grown
            sse += p * share * offset(x[i], x[k], local)
            for c in range(dim):
                local[c] += ((x[i, c] - x[k, c]) - local[c]) * share
            p = grown
            if value[i] + lmbda * sse <= best:  # otherwise the logarithm is not needed
                total = value[i] + lmbda * sse + cell_entropy(p)
                if better(total, cells[i] + 1, i, best, best_cells, best_start):
                    best, best_start, best_cells = total, i, cells[i] + 1
            # at earlier starts of the block F is at least low[i], and the squared error no smaller than here
            if prune == 1 and low[i] + lmbda * sse > best + slack * (1.0 + best):
                break
        for a in range(number):
            b = active[a]
            if prune == 1 and bound[b, t] > best + slack * (1.0 + best):
                continue
            for i in range(b * BLOCK, (b + 1) * BLOCK):
                total = merged(i, lmbda, suffix, value, ahead.mass[b, t], ahead.mean[b, t], ahead.error[b, t], best)
                if better(total, cells[i] + 1, i, best, best_cells, best_start):
                    best, best_start, best_cells = total, i, cells[i] + 1
        value[j], start[j], cells[j] = best, best_start, best_cells
        # once per epoch, drop blocks where no later cell needs to start: see the last paragraph of the module
        if prune == 1 and t == EPOCH - 1:
            limit = best + cell_entropy(mass_beyond[j])
            limit += slack * (1.0 + limit)
            kept = 0
            for a in range(number):
                b = active[a]
                if least[b] + lmbda * ahead.error[b, t] > limit:
                    alive[b] = 0
                else:
                    active[kept] = b
                    kept += 1
            number = kept
    state[0] = n


def better(value: float, cells: int, start: int, best: float, best_cells: int, best_start: int) -> bool:
    """Whether a candidate is lower, or as low with fewer cells, or with as many and an earlier start.

    The order is total, so the result depends neither on hints nor on the order in which candidates are tried.
    """
    if value != best:
        return value < best
    return cells < best_cells or (cells == best_cells and start < best_start)


def merged(i: int, lmbda: float, suffix: Suffixes, value: Array, q: float, m: Any, s: float, best: float) -> float:
    """F(i) + h + λ SSE of the cell that starts at i, or infinity if it exceeds `best` without h.

    The points beyond the block of i have mass q, mean m and squared error s.
    """
    p = suffix.mass[i] + q
    total = value[i] + lmbda * (suffix.error[i] + s + suffix.mass[i] * (q / p) * distance(suffix.mean[i], m))
    return total + cell_entropy(p) if total <= best else math.inf

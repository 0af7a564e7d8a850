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

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK = 64
EPOCH = 16  # points by which the statistics of all blocks are advanced at once; divides BLOCK


def cost_of_mass(p: float) -> float:
    """h(p) = −p ln p, for 0 ≤ p ≤ 1 up to rounding."""
    return -p * math.log(p) if 0.0 < p < 1.0 else 0.0


def distance(a: Any, b: Any) -> float:
    """‖a − b‖², in four sums that can be taken side by side."""
    dim = a.size
    full = dim - dim % 4
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    for c in range(0, full, 4):
        s0 += (a[c] - b[c]) ** 2
        s1 += (a[c + 1] - b[c + 1]) ** 2
        s2 += (a[c + 2] - b[c + 2]) ** 2
        s3 += (a[c + 3] - b[c + 3]) ** 2
    for c in range(full, dim):
        s0 += (a[c] - b[c]) ** 2
    return (s0 + s1) + (s2 + s3)


def offset(a: Any, origin: Any, b: Any) -> float:
    """‖(a − origin) − b‖² likewise."""
    dim = a.size
    full = dim - dim % 4
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    for c in range(0, full, 4):
        s0 += ((a[c] - origin[c]) - b[c]) ** 2
        s1 += ((a[c + 1] - origin[c + 1]) - b[c + 1]) ** 2
        s2 += ((a[c + 2] - origin[c + 2]) - b[c + 2]) ** 2
        s3 += ((a[c + 3] - origin[c + 3]) - b[c + 3]) ** 2
    for c in range(full, dim):
        s0 += ((a[c] - origin[c]) - b[c]) ** 2
    return (s0 + s1) + (s2 + s3)


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


def suffixes(x: Array, w: Array, mass: Array, mean: Array, error: Array) -> None:
    """Mass, mean (less the block's last point) and squared error from every point to the end of its block."""
    n, dim = x.shape
    for i in range(n - 1, -1, -1):
        last = min(i - i % BLOCK + BLOCK, n) - 1
        if i == last:
            mass[i], error[i] = w[i], 0.0
            for c in range(dim):
                mean[i, c] = 0.0
            continue
        mass[i] = mass[i + 1] + w[i]
        share = w[i] / mass[i]
        error[i] = error[i + 1] + mass[i + 1] * share * offset(x[i], x[last], mean[i + 1])
        for c in range(dim):
            mean[i, c] = mean[i + 1, c] + ((x[i, c] - x[last, c]) - mean[i + 1, c]) * share


def describe(
    b: int,
    x: Array,
    w: Array,
    lmbda: float,
    mass: Array,
    mean: Array,
    error: Array,
    rest: Array,
    value: Array,
    centre: Array,
    radius: Array,
    least: Array,
    size: Ints,
    at: Ints,
) -> None:
    """A ball that holds the means of block b, and the least of what its starts cost from the block's end on."""
    begin, end, dim = b * BLOCK, (b + 1) * BLOCK, x.shape[1]
    at[b] = 0
    for c in range(dim):
        smallest, largest = mean[begin, c], mean[begin, c]
        for i in range(begin + 1, end):
            smallest, largest = min(smallest, mean[i, c]), max(largest, mean[i, c])
        centre[b, c] = 0.5 * (smallest + largest)
    furthest, least[b] = 0.0, math.inf
    for i in range(begin, end):
        furthest = max(furthest, distance(mean[i], centre[b]))
        least[b] = min(least[b], value[i] + lmbda * error[i] + cost_of_mass(rest[i]))
    radius[b] = math.sqrt(furthest) * (1.0 + 1e-12)


def hull(
    b: int,
    lmbda: float,
    mass: Array,
    error: Array,
    value: Array,
    hull_mass: Array,
    hull_value: Array,
    hull_slope: Array,
    size: Ints,
) -> None:
    """Lower convex hull of the points (w_i, F(i) + λσ_i) of block b, by rising mass, and the slopes to the next."""
    begin, top = b * BLOCK, b * BLOCK - 1
    for i in range(begin + BLOCK - 1, begin - 1, -1):
        p, height, slope = mass[i], value[i] + lmbda * error[i], 0.0
        while top >= begin:
            if p <= hull_mass[top]:  # of no mass beside what follows it
                height = min(height, hull_value[top])
                p = hull_mass[top]
                top -= 1
                continue
            slope = (height - hull_value[top]) / (p - hull_mass[top])
            if top == begin or hull_slope[top - 1] < slope:
                break
            top -= 1
        if top >= begin:
            hull_slope[top] = slope
        top += 1
        hull_mass[top], hull_value[top] = p, height
    size[b] = top + 1 - begin


def advance(b: int, k: int, x: Array, w: Array, lmbda: float, mass: Array, q: Array, m: Any, s: Array) -> None:
    """Statistics from the end of block b to each point of the epoch that begins at point k."""
    last, dim = (b + 1) * BLOCK - 1, x.shape[1]
    before = EPOCH - 1  # where the last epoch ended; all zero for a new block
    for t in range(min(EPOCH, x.shape[0] - k)):
        total = q[b, before] + w[k + t]
        share = w[k + t] / total
        s[b, t] = s[b, before] + q[b, before] * share * offset(x[k + t], x[last], m[b, before])
        for c in range(dim):
            m[b, t, c] = m[b, before, c] + ((x[k + t, c] - x[last, c]) - m[b, before, c]) * share
        q[b, t] = total
        before = t


def bounds(
    b: int,
    k: int,
    n: int,
    lmbda: float,
    mass: Array,
    q: Array,
    m: Any,
    s: Array,
    centre: Array,
    radius: Array,
    hull_mass: Array,
    hull_value: Array,
    hull_slope: Array,
    size: Ints,
    at: Ints,
    bound: Array,
) -> None:
    """Lower bounds on F(i) + cost over the starts of block b, for each point of the epoch."""
    begin, count = b * BLOCK, min(EPOCH, n - k)
    whole = mass[begin]
    lowest, highest = q[b, 0] + mass[begin + BLOCK - 1], q[b, count - 1] + whole
    chord = cost_of_mass(lowest)
    kappa = (cost_of_mass(highest) - chord) / (highest - lowest) if highest > lowest else 0.0
    v = begin + at[b]
    for t in range(count):
        apart = max(math.sqrt(distance(centre[b], m[b, t])) - radius[b], 0.0)
        u = lmbda * (apart * apart * (q[b, t] / (q[b, t] + whole))) + kappa
        # the vertex where the slopes pass −u
        while v > begin and hull_slope[v - 1] + u > 0.0:
            v -= 1
        while v < begin + size[b] - 1 and hull_slope[v] + u < 0.0:
            v += 1
        bound[b, t] = lmbda * s[b, t] + chord + kappa * (q[b, t] - lowest) + hull_value[v] + hull_mass[v] * u
    at[b] = v - begin

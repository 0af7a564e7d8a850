"""Blocks of starts: their statistics, and lower bounds on what cells that start in them cost (see `forward`)."""

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

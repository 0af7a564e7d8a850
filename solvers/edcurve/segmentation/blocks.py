"""Blocks of starts: kernels for their statistics, and for lower bounds on the costs of cells that start in them.

`forward` derives the bounds.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK = 64
EPOCH = 16  # number of points by which the statistics of all blocks are advanced at once; divides BLOCK


class Suffixes(NamedTuple):
    """The points from each point to the end of its block: their mass, mean and squared error.

    Means are relative to the last point of the block.
    """

    mass: Array  # shape (points,)
    mean: Array  # shape (points, dim)
    error: Array  # shape (points,)


class Advances(NamedTuple):
    """The points from the end of each block to each point of the epoch: their mass, mean and squared error.

    Means are relative to the last point of the block.
    """

    mass: Array  # shape (blocks, EPOCH)
    mean: Any  # shape (blocks, EPOCH, dim)
    error: Array  # shape (blocks, EPOCH)


class Balls(NamedTuple):
    """A ball that contains all means of a block's suffixes, relative to the last point of the block."""

    centre: Array  # shape (blocks, dim)
    radius: Array  # shape (blocks,)


class Hulls(NamedTuple):
    """Lower convex hulls of the points (w_i, F(i) + λσ_i), one for each block, by rising mass.

    The vertices of block b are stored from ``b * BLOCK`` on; ``slope`` is that of the edge to the next vertex.
    """

    mass: Array  # shape (points,)
    value: Array  # shape (points,)
    slope: Array  # shape (points,)
    size: Ints  # shape (blocks,): number of vertices
    vertex: Ints  # shape (blocks,): the vertex of the last minimum


def cell_entropy(p: float) -> float:
    """Entropy h(p) = −p ln p of a cell of mass p, for 0 ≤ p ≤ 1 up to rounding."""
    return -p * math.log(p) if 0.0 < p < 1.0 else 0.0


def distance(a: Any, b: Any) -> float:
    """Squared distance ‖a − b‖², in four sums that a processor can compute in parallel."""
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
    """Squared distance ‖(a − origin) − b‖², in four sums; the inner difference is exact for nearby points."""
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


def suffixes(x: Array, w: Array, suffix: Suffixes) -> None:
    """Compute the statistics from every point to the end of its block, point by point from the end (Welford)."""
    mass, mean, error = suffix
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


def enclose(b: int, suffix: Suffixes, balls: Balls) -> None:
    """Find a ball that contains the means of block b, centred at the middle of their bounding box."""
    mean, centre = suffix.mean, balls.centre
    begin, end, dim = b * BLOCK, (b + 1) * BLOCK, mean.shape[1]
    for c in range(dim):
        smallest, largest = mean[begin, c], mean[begin, c]
        for i in range(begin + 1, end):
            smallest, largest = min(smallest, mean[i, c]), max(largest, mean[i, c])
        centre[b, c] = 0.5 * (smallest + largest)
    furthest = 0.0
    for i in range(begin, end):
        furthest = max(furthest, distance(mean[i], centre[b]))
    # rounded up, so that the ball contains the means despite the rounding of their distances
    balls.radius[b] = math.sqrt(furthest) * (1.0 + 1e-12)


def least_beyond(b: int, lmbda: float, suffix: Suffixes, mass_beyond: Array, value: Array) -> float:
    """Least F(i) + λσ_i + h(mass from i to the last point) over the starts i of block b; `forward` drops it by this."""
    least = math.inf
    for i in range(b * BLOCK, (b + 1) * BLOCK):
        least = min(least, value[i] + lmbda * suffix.error[i] + cell_entropy(mass_beyond[i]))
    return least


def hull(b: int, lmbda: float, suffix: Suffixes, value: Array, hulls: Hulls) -> None:
    """Find the lower convex hull of the points (w_i, F(i) + λσ_i) of block b, in one pass by rising mass."""
    hull_mass, hull_value, hull_slope = hulls.mass, hulls.value, hulls.slope
    begin, top = b * BLOCK, b * BLOCK - 1
    # the mass to the end of the block rises from the last start to the first
    for i in range(begin + BLOCK - 1, begin - 1, -1):
        p, height, slope = suffix.mass[i], value[i] + lmbda * suffix.error[i], 0.0
        while top >= begin:
            if p <= hull_mass[top]:  # the point's own mass is lost to rounding: keep the lower of two equal masses
                height = min(height, hull_value[top])
                p = hull_mass[top]
                top -= 1
                continue
            slope = (height - hull_value[top]) / (p - hull_mass[top])
            if top == begin or hull_slope[top - 1] < slope:
                break
            top -= 1  # the vertex lies on or above the new edge
        if top >= begin:
            hull_slope[top] = slope
        top += 1
        hull_mass[top], hull_value[top] = p, height
    hulls.size[b], hulls.vertex[b] = top + 1 - begin, 0


def advance(b: int, k: int, x: Array, w: Array, ahead: Advances) -> None:
    """Compute the statistics from the end of block b to each point of the epoch that begins at point k (Welford)."""
    mass, mean, error = ahead
    last, dim = (b + 1) * BLOCK - 1, x.shape[1]
    before = EPOCH - 1  # the end of the last epoch; all zero for a new block
    for t in range(min(EPOCH, x.shape[0] - k)):
        total = mass[b, before] + w[k + t]
        share = w[k + t] / total
        error[b, t] = error[b, before] + mass[b, before] * share * offset(x[k + t], x[last], mean[b, before])
        for c in range(dim):
            mean[b, t, c] = mean[b, before, c] + ((x[k + t, c] - x[last, c]) - mean[b, before, c]) * share
        mass[b, t] = total
        before = t


def bounds(
    b: int, count: int, lmbda: float, suffix: Suffixes, ahead: Advances, balls: Balls, hulls: Hulls, bound: Array
) -> None:
    """Bound F(i) + cost from below over all starts i of block b, for each of the `count` points of the epoch."""
    hull_mass, hull_value, hull_slope = hulls.mass, hulls.value, hulls.slope
    q, s, begin = ahead.mass, ahead.error, b * BLOCK
    whole = suffix.mass[begin]
    # h lies above its chord over all masses that cells from this block to this epoch can have
    lowest, highest = q[b, 0] + suffix.mass[begin + BLOCK - 1], q[b, count - 1] + whole
    chord = cell_entropy(lowest)
    kappa = (cell_entropy(highest) - chord) / (highest - lowest) if highest > lowest else 0.0
    v = begin + hulls.vertex[b]
    for t in range(count):
        apart = max(math.sqrt(distance(balls.centre[b], ahead.mean[b, t])) - balls.radius[b], 0.0)
        u = lmbda * (apart * apart * (q[b, t] / (q[b, t] + whole))) + kappa
        # w u + height is least at the vertex where the slopes cross −u, which moves little from point to point
        while v > begin and hull_slope[v - 1] + u > 0.0:
            v -= 1
        while v < begin + hulls.size[b] - 1 and hull_slope[v] + u < 0.0:
            v += 1
        bound[b, t] = lmbda * s[b, t] + chord + kappa * (q[b, t] - lowest) + hull_value[v] + hull_mass[v] * u
    hulls.vertex[b] = v - begin

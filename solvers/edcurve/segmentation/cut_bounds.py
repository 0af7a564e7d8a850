"""Kernels for closed curves of many points: which cells can be optimal, and how much boundaries between cuts can gain.

`closed_with_gap` derives the bounds.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

LN2 = math.log(2.0)


def reaches(
    mass: Array, moment: Array, weight: Array, centre: Array, radius: Array, lmbda: float, fine: int, reach: Ints
) -> None:
    """For each group of points, find the last group in which an optimal cell that starts in it can end.

    A cell is not optimal if two cells in its place cost less: λ pq/(p + q) ‖m − m′‖² > (p + q) ln 2 for some split
    into masses p and q with means m and m′. Only the split into halves is tried. `mass` and `moment` are cumulative
    sums over two turns of the groups. With `fine`, groups are single points and the end is the first point after the
    cell. Otherwise a cell may contain any part of its first and last group, and the test allows for the shift of the
    means that this can cause.
    """
    groups, dim = centre.shape
    rounding = 4e-15 * groups * math.sqrt(dim)  # error of sums over two turns of points in [−2, 2]
    for first in range(groups):
        begin = first if fine == 1 else first + 1
        split, reach[first] = begin + 1, begin + 1
        for last in range(begin + 2, first + groups + (0 if fine == 1 else 1)):
            while split + 1 < last and mass[split] - mass[begin] < mass[last] - mass[split]:
                split += 1
            p, q = mass[split] - mass[begin], mass[last] - mass[split]
            apart, before, after, total = 0.0, 0.0, 0.0, p + q + 2.0 * rounding
            for c in range(dim):
                left, right = (moment[split, c] - moment[begin, c]) / p, (moment[last, c] - moment[split, c]) / q
                apart += (left - right) ** 2
                if fine == 0:
                    before += (left - centre[first, c]) ** 2
                    after += (right - centre[last % groups, c]) ** 2
            # from here on every quantity is rounded in favour of keeping the cell
            apart = math.sqrt(apart) - rounding / p - rounding / q
            if fine == 0:
                extra = weight[first], weight[last % groups]
                apart -= extra[0] / (p + extra[0]) * (math.sqrt(before) + radius[first])
                apart -= extra[1] / (q + extra[1]) * (math.sqrt(after) + radius[last % groups])
                total += extra[0] + extra[1]
            gain = lmbda * ((p - rounding) * (q - rounding) / total) * apart * apart
            # only a certain gain excludes the cell; NaN, from a mass that rounds to 0, does not
            if not (apart > 0.0 and min(p, q) > rounding and gain > total * LN2 * (1.0 + 1e-9)):
                reach[first] = last


def between(x: Array, w: Array, reach: Ints, lmbda: float, single: float, low: int, high: int, out: Array) -> None:
    """Bound the gain from boundaries strictly between cuts `low` and `high`: see `closed_with_gap`.

    ``out[0]`` is E, and ``out[1]`` the least value of two cells of which one lies between the cuts. `single` is the
    value of one cell. `reach` has the last cut at which a cell from each point can end. Points have mean 0; low < N.
    """
    out[0] = lmbda * excess(x, w, reach, low, high)
    out[1] = inner(x, w, lmbda, single, low, high)


def inner(x: Array, w: Array, lmbda: float, single: float, low: int, high: int) -> float:
    """Find the least value of two cells, one of them strictly between two cuts.

    Compared with one cell they save λ p/(1 − p) ‖m‖², with p and m the mass and mean of the cell between the cuts.
    """
    n, dim = x.shape
    moment, least = np.empty(dim), math.inf
    for first in range(low + 1, high - 1):
        p = 0.0
        for c in range(dim):
            moment[c] = 0.0
        for k in range(first, high - 1):
            square = 0.0
            p += w[k % n]
            for c in range(dim):
                moment[c] += w[k % n] * x[k % n, c]
                square += moment[c] ** 2
            value = single - lmbda * (square / (p * (1.0 - p)))
            if value < least:  # the entropy is at least 0: otherwise the logarithms are not needed
                least = min(least, value - p * math.log(p) - (1.0 - p) * math.log1p(-p))
    return least


def excess(x: Array, w: Array, reach: Ints, low: int, high: int) -> float:
    """Upper bound on E/λ of `closed_with_gap`: the reduction of SSE by boundaries strictly between two cuts."""
    n, dim = x.shape
    centre, mean, whole = np.empty(dim), np.empty(dim), np.zeros(dim)
    for c in range(dim):
        smallest, largest = x[low % n, c], x[low % n, c]
        for k in range(low + 1, high):
            smallest, largest = min(smallest, x[k % n, c]), max(largest, x[k % n, c])
        centre[c] = 0.5 * (smallest + largest)
    total, ball, furthest = 0.0, 0.0, low + 1
    for k in range(low, high):
        square = 0.0
        for c in range(dim):
            whole[c] += w[k % n] * (x[k % n, c] - centre[c])
            square += (x[k % n, c] - centre[c]) ** 2
        total += w[k % n]
        ball = max(ball, square)
        furthest = max(furthest, reach[k % n] + (k - k % n))
    # one boundary: w₁w₂/W ‖μ₁ − μ₂‖ at each position, which is ‖Σ w(x − c) − w₁/W times the whole sum‖
    p, single = 0.0, 0.0
    for c in range(dim):
        mean[c] = 0.0
    for k in range(low, high - 1):
        p += w[k % n]
        square = 0.0
        for c in range(dim):
            mean[c] += w[k % n] * (x[k % n, c] - centre[c])
            square += (mean[c] - p / total * whole[c]) ** 2
        single = max(single, square)
    moved = math.sqrt(single)
    if high - low > 2:  # room for several boundaries: w₁ ‖μ₁ − μ₂‖ is at most W/2 times the ball's diameter
        moved = max(moved, total * math.sqrt(ball))
    # largest distance from the centre of the means of cells that end, then of cells that begin, between the cuts
    left, p = ball, 0.0
    for c in range(dim):
        mean[c] = 0.0
    for k in range(low - 1, high - n - 1, -1):
        i = k % n
        p += w[i]
        square = 0.0
        for c in range(dim):
            mean[c] += w[i] / p * ((x[i, c] - centre[c]) - mean[c])
            square += mean[c] ** 2
        if reach[i] + (k - i) > low:
            left = max(left, square)
    right, p = ball, 0.0
    for c in range(dim):
        mean[c] = 0.0
    for k in range(high, min(furthest, low + n)):
        i = k % n
        p += w[i]
        square = 0.0
        for c in range(dim):
            mean[c] += w[i] / p * ((x[i, c] - centre[c]) - mean[c])
            square += mean[c] ** 2
        right = max(right, square)
    return 2.0 * moved * (math.sqrt(left) + math.sqrt(right)) * (1.0 + 1e-9)

"""Kernels for the least squared error of j points in k cells: F(k, j) = min over i of F(k − 1, i) + SSE(i, j).

*Sorted scalars.* SSE satisfies the quadrangle inequality, so the best i is nondecreasing in j: that of the middle j
halves the ranges of the others, and a layer takes O(n log n). Each SSE combines the tabulated statistics of two sets,
to the left and to the right of the middle of the smallest block of 2^(l+1) points that contains both ends. So every
term is positive, and no accuracy is lost to differences of sums over all points.

*Any curve.* The cell that ends at j is extended point by point (Welford), for all k at once.

No cell, and no prefix, of the best partition exceeds the squared error of another partition into as many cells: this
is the limit. Cells are extended no further than that, and prefixes that exceed it are skipped.

*A closed curve.* The squared errors of all arcs are in a table (see `arc_table`), and the recursion is run from each
cut of a stretch that no cell can cover.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import offset

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
DEPTH = 64  # halvings of a range of indices


def statistics(x: Array, w: Array, mass: Any, mean: Any, error: Any) -> None:
    """Tabulate, at level l, the points between each and the middle of its block of 2^(l+1); means relative to it."""
    levels, n = mass.shape
    for level in range(levels):
        half = 1 << level
        for begin in range(0, n, 2 * half):
            middle = begin + half
            if middle >= n:
                mass[level, begin:n], mean[level, begin:n], error[level, begin:n] = 0.0, 0.0, 0.0
                continue
            for side in range(2):
                p, m, s = 0.0, 0.0, 0.0
                for step in range(half):
                    i = middle + step if side == 1 else middle - 1 - step
                    if i >= n:
                        break
                    grown = p + w[i]
                    share = w[i] / grown
                    deviation = (x[i] - x[middle]) - m
                    s += p * share * deviation * deviation
                    m += deviation * share
                    p = grown
                    mass[level, i], mean[level, i], error[level, i] = p, m, s


def layer(mass: Any, mean: Any, error: Any, cells: int, limit: float, before: Array, value: Array, start: Any) -> None:
    """Put F(cells, j) into `value` and the start of the last cell into `start`, given F(cells − 1, j) in `before`."""
    n = value.size - 1
    stack, top = np.empty((DEPTH, 4), np.int64), 0
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = cells, n, cells - 1, n - 1
    value[:] = math.inf
    while top >= 0:
        low, high, left, right = stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3]
        top -= 1
        if low > high:
            continue
        j = (low + high) // 2
        best, origin = least(mass, mean, error, before, j - 1, left, min(right, j - 1))
        value[j], start[j] = best, origin
        if best > limit:  # the values for larger j are larger
            high, right = j, origin
        stack[top + 1, 0], stack[top + 1, 1], stack[top + 1, 2], stack[top + 1, 3] = low, j - 1, left, origin
        stack[top + 2, 0], stack[top + 2, 1], stack[top + 2, 2], stack[top + 2, 3] = j + 1, high, origin, right
        top += 2


def least(mass: Any, mean: Any, error: Any, before: Array, last: int, left: int, right: int) -> tuple[float, int]:
    """Least of before(i) + SSE of the points i, …, last over i from `left` to `right` ≤ last, and the first such i."""
    best, origin = math.inf, left
    for level in range(mass.shape[0] - 1, -1, -1):
        if (last >> level) & 1 == 0:
            continue
        begin = (last >> (level + 1)) << (level + 1)
        q, m, s = mass[level, last], mean[level, last], error[level, last]
        for i in range(max(left, begin), min(right, begin + (1 << level) - 1) + 1):
            p = mass[level, i]
            deviation = mean[level, i] - m
            total = before[i] + (error[level, i] + s + p * (q / (p + q)) * deviation * deviation)
            if total < best:
                best, origin = total, i
    if right == last and before[last] < best:
        best, origin = before[last], last
    return best, origin


def grow(x: Any, w: Array, limit: float, begin: int, end: int, value: Any, start: Any, fewest: Ints) -> None:
    """Put F(k, j) into row j of `value`, and the start of the last cell into `start`, for j from `begin` to `end` − 1.

    `fewest` holds, for each i, the least k with F(k, i) ≤ limit.
    """
    dim, cells = x.shape[1], value.shape[1] - 1
    local = np.empty(dim)
    for j in range(begin, end):
        value[j, :], start[j, :] = math.inf, -1
        p, sse, last = 0.0, 0.0, j - 1
        for c in range(dim):
            local[c] = 0.0
        for i in range(last, -1, -1):
            grown = p + w[i]
            share = w[i] / grown
            sse += p * share * offset(x[i], x[last], local)
            for c in range(dim):
                local[c] += ((x[i, c] - x[last, c]) - local[c]) * share
            p = grown
            if sse > limit:
                break
            for k in range(fewest[i] + 1, min(cells, i + 1) + 1):
                total = value[i, k - 1] + sse
                if total < value[j, k]:
                    value[j, k], start[j, k] = total, i
        fewest[j] = cells + 1
        for k in range(min(cells, j), 0, -1):
            if value[j, k] <= limit:
                fewest[j] = k


def closed(table: Any, longest: Ints, limit: float, cut: int, value: Any) -> None:
    """Put the least squared error of the first j points from a cut, in k cells, into row k of `value`.

    Cells from point i have at most ``longest[i]`` points.
    """
    n, cells = longest.size, value.shape[0] - 1
    value[:, :] = math.inf
    value[0, 0] = 0.0
    for k in range(1, cells + 1):
        for i in range(k - 1, n):
            before = value[k - 1, i]
            if before > limit:
                continue
            a = (cut + i) % n
            count = min(longest[a], n - i)
            unwrapped = min(count, n - a)
            row, to = table[a], value[k]
            for t in range(unwrapped):
                total = before + row[a + t]
                to[i + 1 + t] = total if total < to[i + 1 + t] else to[i + 1 + t]
            for t in range(unwrapped, count):
                total = before + row[a + t - n]
                to[i + 1 + t] = total if total < to[i + 1 + t] else to[i + 1 + t]

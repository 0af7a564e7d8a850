"""Kernels for dynamic programming on a closed curve: least-cost paths of arcs, whose squared errors are in a table.

`arc_table` computes the table. A path leads from cut to cut; cut k is just before point k modulo the number of points.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .blocks import cell_entropy

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

LN2 = math.log(2.0)


def longest(table: Array, w: Array, lmbda: float, slack: float, most: Ints) -> None:
    """For each point, find the most points of a cell that starts there, in an optimal partition of at least two cells.

    A cell is not optimal if its halves cost less: λ (SSE − SSE′ − SSE″) > (p + q) ln 2 for the mass p + q of the two.
    For h(p) + h(q) − h(p + q) is (p + q) times the entropy of two events, which is at most ln 2.
    """
    n = w.size
    for i in range(n):
        most[i], split, half, mass = 1, i + 1, w[i], w[i]
        for k in range(2, n):
            e = (i + k - 1) % n
            mass += w[e]
            # the split nearest to half of the mass only moves forward as the cell grows
            while split + 1 < i + k and 2.0 * half < mass:
                half += w[split % n]
                split += 1
            whole = table[i, e]
            # minus a bound on the rounding of the three entries
            gain = whole - table[i, (split - 1) % n] - table[split % n, e] - slack * whole
            if not lmbda * gain > mass * (LN2 * (1.0 + 1e-9)):
                most[i] = k


def entropies(w: Array, entropy: Array) -> int:
    """Compute h of cells of 1, 2, … points and return 1 if all points have the same weight; otherwise return 0.

    Equal weights need one logarithm per number of points instead of one per arc.
    """
    p = 0.0
    for k in range(w.size):
        if w[k] != w[0]:
            return 0
        p += w[k]
        entropy[k] = cell_entropy(p)
    return 1


def costs(
    table: Array, w: Array, lmbda: float, i: int, count: int, equal_weights: int, entropy: Array, row: Array
) -> None:
    """Compute the costs of the cells of 1, 2, … points from point i."""
    n, p = w.size, 0.0
    if equal_weights == 1:
        # two loops, up to the last point and after it, so that neither needs a modulus
        within = min(count, n - i)
        for k in range(within):
            row[k] = lmbda * table[i, i + k] + entropy[k]
        for k in range(within, count):
            row[k] = lmbda * table[i, i + k - n] + entropy[k]
        return
    for k in range(count):
        e = i + k - n if i + k >= n else i + k
        p += w[e]
        row[k] = lmbda * table[i, e] + cell_entropy(p)


def spread(table: Array, w: Array, lmbda: float, most: Ints, base: int, value: Array) -> None:
    """Find the least cost of a path to each cut from `base` on, in place: ``value`` holds the initial costs on entry.

    They are infinite at cuts where no path may start. Each row is a problem with its own initial costs; solved
    together, the rows share the costs of the cells.
    """
    n, lanes, span = w.size, value.shape[0], value.shape[1] - 1
    row, entropy = np.empty(n), np.empty(n)
    equal_weights = entropies(w, entropy)
    for k in range(span):
        i = (base + k) % n
        count = min(most[i], span - k)
        least = math.inf
        for lane in range(lanes):
            least = min(least, value[lane, k])
        if least == math.inf:  # no path reaches this cut
            continue
        costs(table, w, lmbda, i, count, equal_weights, entropy, row)
        for lane in range(lanes):
            before = value[lane, k]
            if before < math.inf:
                for t in range(count):
                    through, old = before + row[t], value[lane, k + 1 + t]
                    value[lane, k + 1 + t] = through if through < old else old


def trace(table: Array, w: Array, lmbda: float, most: Ints, cut: int, value: Array, start: Ints) -> None:
    """Find the least costs of paths from one cut for one turn, and the start of the last cell of each.

    At ties the path of fewest cells is taken, and among these the one whose last cell starts first.
    """
    n = w.size
    row, entropy, cells = np.empty(n), np.empty(n), np.zeros(n + 1, np.int64)
    equal_weights = entropies(w, entropy)
    for k in range(n + 1):
        value[k], start[k] = math.inf, -1
    value[0] = 0.0
    for k in range(n):
        count = min(most[(cut + k) % n], n - k)
        costs(table, w, lmbda, (cut + k) % n, count, equal_weights, entropy, row)
        for t in range(count):
            through, j = value[k] + row[t], k + 1 + t
            if through < value[j] or (through == value[j] and cells[k] + 1 < cells[j]):
                value[j], start[j], cells[j] = through, k, cells[k] + 1

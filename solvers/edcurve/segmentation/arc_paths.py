"""Dynamic programming around a loop with the squared errors of all arcs in a table (see `arc_table`): kernels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .blocks import cost_of_mass

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

LN2 = math.log(2.0)


def longest(table: Array, w: Array, lmbda: float, slack: float, most: Ints) -> None:
    """For each point, the most points of a cell from it that can be optimal among partitions of two cells or more.

    A cell is not optimal if its halves cost less: λ (SSE − SSE′ − SSE″) > (p + q) ln 2 for the mass p + q of the two.
    """
    n = w.size
    for i in range(n):
        most[i], split, half, mass = 1, i + 1, w[i], w[i]
        for k in range(2, n):
            e = (i + k - 1) % n
            mass += w[e]
            while split + 1 < i + k and 2.0 * half < mass:
                half += w[split % n]
                split += 1
            whole = table[i, e]
            gain = whole - table[i, (split - 1) % n] - table[split % n, e] - slack * whole
            if not lmbda * gain > mass * (LN2 * (1.0 + 1e-9)):
                most[i] = k


def entropies(w: Array, entropy: Array) -> int:
    """Entropies of cells of 1, 2, … points where all have the same weight; else 0 is returned."""
    p = 0.0
    for k in range(w.size):
        if w[k] != w[0]:
            return 0
        p += w[k]
        entropy[k] = cost_of_mass(p)
    return 1


def costs(table: Array, w: Array, lmbda: float, i: int, count: int, alike: int, entropy: Array, row: Array) -> None:
    """Costs of the cells of 1, 2, … points from point i."""
    n, p = w.size, 0.0
    if alike == 1:
        within = min(count, n - i)
        for k in range(within):
            row[k] = lmbda * table[i, i + k] + entropy[k]
        for k in range(within, count):
            row[k] = lmbda * table[i, i + k - n] + entropy[k]
        return
    for k in range(count):
        e = i + k - n if i + k >= n else i + k
        p += w[e]
        row[k] = lmbda * table[i, e] + cost_of_mass(p)


def spread(table: Array, w: Array, lmbda: float, most: Ints, base: int, value: Array) -> None:
    """Least costs of paths from cut to cut, from `base` on: `value` has those at which paths start, or infinity.

    One row for each problem, which differ in where paths may start and in what it costs.
    """
    n, lanes, span = w.size, value.shape[0], value.shape[1] - 1
    row, entropy = np.empty(n), np.empty(n)
    alike = entropies(w, entropy)
    for k in range(span):
        i = (base + k) % n
        count = min(most[i], span - k)
        least = math.inf
        for lane in range(lanes):
            least = min(least, value[lane, k])
        if least == math.inf:
            continue
        costs(table, w, lmbda, i, count, alike, entropy, row)
        for lane in range(lanes):
            before = value[lane, k]
            if before < math.inf:
                for t in range(count):
                    found, old = before + row[t], value[lane, k + 1 + t]
                    value[lane, k + 1 + t] = found if found < old else old


def trace(table: Array, w: Array, lmbda: float, most: Ints, cut: int, value: Array, start: Ints) -> None:
    """The same from one cut once around, with the start of the last cell: of fewest cells, then the first, at ties."""
    n = w.size
    row, entropy, cells = np.empty(n), np.empty(n), np.zeros(n + 1, np.int64)
    alike = entropies(w, entropy)
    for k in range(n + 1):
        value[k], start[k] = math.inf, -1
    value[0] = 0.0
    for k in range(n):
        count = min(most[(cut + k) % n], n - k)
        costs(table, w, lmbda, (cut + k) % n, count, alike, entropy, row)
        for t in range(count):
            found, j = value[k] + row[t], k + 1 + t
            if found < value[j] or (found == value[j] and cells[k] + 1 < cells[j]):
                value[j], start[j], cells[j] = found, k, cells[k] + 1

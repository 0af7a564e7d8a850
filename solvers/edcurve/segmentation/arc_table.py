"""Kernels for the table of all arcs of a loop and their squared errors.

Entry (i, e) is for the arc from point i to point e, both included, which passes the last point where e < i. With
Q(i, e) = Σ w_a ‖x_a − x_i‖² over the other points a of the arc, and W its mass,

    SSE(i, e) = SSE(i + 1, e) + (Q(i, e) − SSE(i + 1, e)) w_i/W,

because W SSE is the sum of w_a w_b ‖x_a − x_b‖² over pairs. The difference is harmless, as Q w_i/W ≤ SSE(i, e).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TILE = 128  # points: a tile's part of the table fits into the L2 cache
DEPTH = 32  # coordinates: this many of a tile's points fit into the L1 cache


def distances(x: Array, turned: Any, table: Array, row: int) -> None:
    """Squared distances ‖x_i − x_e‖² = ‖x_e − x_i‖² of the `TILE` points i from `row` on to all points e from `row` on.

    `turned` is x transposed, so that the innermost loops run over contiguous memory.
    """
    n, dim = x.shape
    below = min(row + TILE, n)
    for left in range(row, n, TILE):
        right = min(left + TILE, n)
        for i in range(row, below):
            for e in range(left, right):
                table[i, e] = 0.0
        for first in range(0, dim, DEPTH):
            last = min(first + DEPTH, dim)
            full = last - (last - first) % 4
            for i in range(row, below):
                for c in range(first, full, 4):
                    a0, a1, a2, a3 = x[i, c], x[i, c + 1], x[i, c + 2], x[i, c + 3]
                    for e in range(left, right):
                        d0, d1 = turned[c, e] - a0, turned[c + 1, e] - a1
                        d2, d3 = turned[c + 2, e] - a2, turned[c + 3, e] - a3
                        table[i, e] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3)
                for c in range(full, last):
                    for e in range(left, right):
                        table[i, e] += (turned[c, e] - x[i, c]) ** 2
        for i in range(row, below):
            for e in range(left, right):
                table[e, i] = table[i, e]


def errors(w: Array, table: Array) -> None:
    """Turn squared distances into squared errors, in place: first of arcs that do not pass the last point, then others.

    An arc from i extends that from i + 1, so points are taken backwards. Arcs that pass the last point need those from
    the first point, which the first pass computes.
    """
    n = w.size
    # Q(i, e), summed along the arc
    for i in range(n):
        q = 0.0
        for e in range(i + 1, n):
            q += w[e] * table[i, e]
            table[i, e] = q
        for e in range(i):
            q += w[e] * table[i, e]
            table[i, e] = q
        table[i, i] = 0.0
    mass = np.zeros(n)  # of the arc from i to each e
    for wrapping in range(2):
        for i in range(n - 1, -1, -1):
            begin, end, after = (0, i, (i + 1) % n) if wrapping == 1 else (i + 1, n, i + 1)
            for e in range(begin, end):
                mass[e] += w[i]
                table[i, e] = table[after, e] + (table[i, e] - table[after, e]) * (w[i] / mass[e])
            if wrapping == 0:
                mass[i] = w[i]

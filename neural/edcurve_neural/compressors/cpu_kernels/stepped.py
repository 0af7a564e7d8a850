"""Linear functions of lines that drop by one at a sample, by prefix sums, as in `signals.stepped`.

A line is x_i = line_i + shift − 1(i ≥ drop). Its product with weights w is Σ w·line + shift·Σ w, less the sum of the
weights from the drop on, which prefix sums give. So a realization costs a lookup, not a product with its samples.

Rows are processed four at a time. An addition of a prefix sum waits for the one before; four sums side by side wait
together. If the number of rows is not a multiple of four, the last one is computed repeatedly, to the same result.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .compiling import Doubles, Real, Table, Vector, inner
from .vectors import ZERO, Matrix, fill

FOUR = 4


class Lines(NamedTuple):
    """Realizations of a batch: samples of their common line, the sample at which each drops, and the shift of each."""

    line: Doubles
    drops: Table
    shift: Vector


@inner
def project(rows: Matrix, n: int, lines: Lines, biased: bool, prefix: Vector, out: Vector) -> None:
    """Products of n rows with all realizations, one row of `out` for each; a bias may follow the weights of a row.

    `prefix` is memory for the prefix sums of four rows.
    """
    line, batch, stride = lines.line, lines.drops.size, rows.stride
    dim = line.size
    for u in range(0, n, FOUR):
        r0, r1, r2, r3 = u, min(u + 1, n - 1), min(u + 2, n - 1), min(u + 3, n - 1)
        w0, w1, w2, w3 = (
            rows.values[r0 * stride :],
            rows.values[r1 * stride :],
            rows.values[r2 * stride :],
            rows.values[r3 * stride :],
        )
        # sums over a thousand samples run in float64
        s0 = s1 = s2 = s3 = 0.0  # of weights
        d0 = d1 = d2 = d3 = 0.0  # of their products with a line that has dropped everywhere
        for i in range(dim):
            prefix[0, i], prefix[1, i], prefix[2, i], prefix[3, i] = s0, s1, s2, s3
            x = line[i] - 1.0
            s0 += w0[i]
            s1 += w1[i]
            s2 += w2[i]
            s3 += w3[i]
            d0 += w0[i] * x
            d1 += w1[i] * x
            d2 += w2[i] * x
            d3 += w3[i] * x
        prefix[0, dim], prefix[1, dim], prefix[2, dim], prefix[3, dim] = s0, s1, s2, s3
        if biased:
            d0, d1, d2, d3 = d0 + w0[dim], d1 + w1[dim], d2 + w2[dim], d3 + w3[dim]
        _look_up(prefix[0], lines, s0, d0, out[r0 * batch :])
        _look_up(prefix[1], lines, s1, d1, out[r1 * batch :])
        _look_up(prefix[2], lines, s2, d2, out[r2 * batch :])
        _look_up(prefix[3], lines, s3, d3, out[r3 * batch :])


@inner
def _look_up(prefix: Vector, lines: Lines, slope: float, level: float, out: Vector) -> None:
    """Products of a row with all realizations: `level` has all samples dropped, those before the drop are added."""
    scale, start = np.float32(slope), np.float32(level)
    for b in range(lines.drops.size):
        out[b] = prefix[lines.drops[b]] + (lines.shift[b] * scale + start)


@inner
def adjoint(grads: Vector, n: int, lines: Lines, biased: bool, scale: Real, steps: Vector, out: Matrix) -> None:
    """Write `scale` · Σ grad · x over the batch to rows of `out`, from n rows of gradients; biased, Σ grad after each.

    A realization subtracts its gradient from all samples from the drop on. So gradients are added to `steps` at
    the drop, for four interleaved rows, and then summed along the samples.
    """
    line, batch, stride = lines.line, lines.drops.size, out.stride
    dim = line.size
    for u in range(0, n, FOUR):
        r0, r1, r2, r3 = u, min(u + 1, n - 1), min(u + 2, n - 1), min(u + 3, n - 1)
        g0, g1, g2, g3 = grads[r0 * batch :], grads[r1 * batch :], grads[r2 * batch :], grads[r3 * batch :]
        fill(steps, ZERO)
        # sums s of the gradients, and d of their products with the shifts
        s0 = s1 = s2 = s3 = 0.0
        d0 = d1 = d2 = d3 = 0.0
        for b in range(batch):
            at, x = 4 * lines.drops[b], lines.shift[b]
            steps[at] += g0[b]
            steps[at + 1] += g1[b]
            steps[at + 2] += g2[b]
            steps[at + 3] += g3[b]
            s0 += g0[b]
            s1 += g1[b]
            s2 += g2[b]
            s3 += g3[b]
            d0 += g0[b] * x
            d1 += g1[b] * x
            d2 += g2[b] * x
            d3 += g3[b] * x
        o0, o1, o2, o3 = (
            out.values[r0 * stride :],
            out.values[r1 * stride :],
            out.values[r2 * stride :],
            out.values[r3 * stride :],
        )
        f0 = f1 = f2 = f3 = 0.0  # gradients of the lines that have dropped
        for i in range(dim):
            x = line[i]
            f0 += steps[4 * i]
            f1 += steps[4 * i + 1]
            f2 += steps[4 * i + 2]
            f3 += steps[4 * i + 3]
            o0[i] = scale * (d0 + x * s0 - f0)
            o1[i] = scale * (d1 + x * s1 - f1)
            o2[i] = scale * (d2 + x * s2 - f2)
            o3[i] = scale * (d3 + x * s3 - f3)
        if biased:
            o0[dim], o1[dim], o2[dim], o3[dim] = s0, s1, s2, s3

"""Linear functions of lines that drop by one at a sample, by prefix sums, as in `signals.Stepped`.

Rows are taken four at a time, so that four sums run at once. `k` are the samples at which the lines drop, `shift` what
they are raised by.
"""

from __future__ import annotations

import numpy as np

from .compiling import Doubles, Real, Table, Vector, inner
from .vectors import ZERO, fill

FOUR = 4


@inner
def project(
    rows: Vector,
    stride: int,
    n: int,
    dim: int,
    line: Doubles,
    biased: bool,
    k: Table,
    shift: Vector,
    prefix: Vector,
    out: Vector,
) -> None:
    """Rows · x for all phases, into rows of `out`; biases may follow each row."""
    batch = k.size
    for u in range(0, n, FOUR):
        r0, r1, r2, r3 = u, min(u + 1, n - 1), min(u + 2, n - 1), min(u + 3, n - 1)
        w0, w1, w2, w3 = rows[r0 * stride :], rows[r1 * stride :], rows[r2 * stride :], rows[r3 * stride :]
        s0 = s1 = s2 = s3 = 0.0
        d0 = d1 = d2 = d3 = 0.0
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
        _gather(prefix[0], k, shift, s0, d0, out[r0 * batch :])
        _gather(prefix[1], k, shift, s1, d1, out[r1 * batch :])
        _gather(prefix[2], k, shift, s2, d2, out[r2 * batch :])
        _gather(prefix[3], k, shift, s3, d3, out[r3 * batch :])


@inner
def _gather(prefix: Vector, k: Table, shift: Vector, slope: float, level: float, out: Vector) -> None:
    scale, start = np.float32(slope), np.float32(level)
    for b in range(k.size):
        out[b] = prefix[k[b]] + (shift[b] * scale + start)


@inner
def adjoint(
    grads: Vector,
    n: int,
    dim: int,
    line: Doubles,
    biased: bool,
    k: Table,
    shift: Vector,
    scale: Real,
    steps: Vector,
    out: Vector,
    stride: int,
) -> None:
    """Write `scale` · Σ grad · x(v) to rows of `out`, from rows of gradients; and Σ grad after each if biased."""
    batch = k.size
    for u in range(0, n, FOUR):
        r0, r1, r2, r3 = u, min(u + 1, n - 1), min(u + 2, n - 1), min(u + 3, n - 1)
        g0, g1, g2, g3 = grads[r0 * batch :], grads[r1 * batch :], grads[r2 * batch :], grads[r3 * batch :]
        fill(steps, ZERO)
        s0 = s1 = s2 = s3 = 0.0
        d0 = d1 = d2 = d3 = 0.0
        for b in range(batch):
            at, x = 4 * k[b], shift[b]
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
        o0, o1, o2, o3 = out[r0 * stride :], out[r1 * stride :], out[r2 * stride :], out[r3 * stride :]
        f0 = f1 = f2 = f3 = 0.0
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

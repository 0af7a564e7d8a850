"""Multilayer perceptrons of leaky-ReLU units, on a chunk of the batch.

A table has a row for each layer: where its map starts in the parameters of a model, fan in, fan out, whether the map is
(fan in + 1, fan out) instead of (fan out, fan in + 1), the row of the units it takes and of those it makes. Units are
rows of `stride` samples, of which the first `c` are in use, and a row of ones after each layer's.
"""

from __future__ import annotations

import numpy as np

from .blas import times, times_transposed, transposed_times
from .compiling import Real, Table, Vector, inner

SLOPE = np.float32(0.2)
ZERO, ONE = np.float32(0.0), np.float32(1.0)


@inner
def forward(theta: Vector, layer: Table, units: Vector, stride: int, c: int) -> None:
    """Units of a layer, still straight."""
    start, fan_in, fan_out, below, above = layer[0], layer[1], layer[2], layer[4], layer[5]
    weights, out = theta[start:], units[above * stride :]
    if layer[3]:
        transposed_times(weights, fan_out, units[below * stride :], stride, out, stride, fan_out, c, fan_in + 1)
    else:
        times(weights, fan_in + 1, units[below * stride :], stride, out, stride, fan_out, c, fan_in + 1)


@inner
def bend(row: Vector) -> None:
    """Leaky ReLU in place."""
    for i in range(row.size):
        row[i] = row[i] if row[i] > ZERO else SLOPE * row[i]


@inner
def unbend(grad: Vector, units: Vector) -> None:
    """Multiply by the derivative of leaky ReLU, which its result tells as well as its argument."""
    for i in range(grad.size):
        grad[i] = grad[i] if units[i] > ZERO else SLOPE * grad[i]


@inner
def backward(
    theta: Vector,
    layer: Table,
    units: Vector,
    stride: int,
    c: int,
    grad: Vector,
    into: Vector,
    target: Vector,
    keep: Real,
) -> None:
    """Gradients of the map from that in the units it makes, plus `keep` times what is there; and in those it takes."""
    start, fan_in, fan_out, below = layer[0], layer[1], layer[2], layer[4]
    taken = units[below * stride :]
    weights, found = theta[start:], target[start:]
    if layer[3]:
        times_transposed(taken, stride, grad, stride, found, fan_out, fan_in + 1, fan_out, c, keep)
        times(weights, fan_out, grad, stride, into, stride, fan_in, c, fan_out)
    else:
        times_transposed(grad, stride, taken, stride, found, fan_in + 1, fan_out, fan_in + 1, c, keep)
        transposed_times(weights, fan_in + 1, grad, stride, into, stride, fan_in, c, fan_out)

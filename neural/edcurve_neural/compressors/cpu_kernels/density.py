"""The density of the noisy latents and the gradient of its logarithm: `functional.noisy_log_prob`.

A table has a row for each layer: where its matrices, biases and factors start in the parameters of a model (−1 for no
factors), its fan in and its fan out. Units are rows of points, `stride` apart: those of the upper ends of the unit
intervals, then those of the lower ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .compiling import Real, Table, Vector, inner
from .functions import ONE, exp, expm1, log, log1p, tanh
from .vectors import copy, dot, fill, part, total

TINY = np.float32(1e-30)
ZERO = np.float32(0.0)


@inner
def prepare(theta: Vector, table: Table, latent: int, maps: Vector, sums: Vector) -> None:
    """Matrices after softplus, biases and factors after tanh, layer by layer; clears the sums of their gradients."""
    at = 0
    for layer in range(table.shape[0]):
        fan_in, fan_out = table[layer, 3], table[layer, 4]
        start = table[layer, 0] + latent * fan_out * fan_in
        for i in range(fan_out * fan_in):
            x = np.float64(theta[start + i])
            maps[at + i] = max(x, 0.0) + math.log1p(math.exp(-abs(x)))
        at += fan_out * fan_in
        for i in range(fan_out):
            maps[at + i] = theta[table[layer, 1] + latent * fan_out + i]
            if table[layer, 2] >= 0:
                maps[at + fan_out + i] = math.tanh(theta[table[layer, 2] + latent * fan_out + i])
        at += 2 * fan_out
    for i in range(at):
        sums[i] = ZERO


@inner
def finish(theta: Vector, table: Table, latent: int, maps: Vector, sums: Vector, gradient: Vector) -> None:
    """Write the gradients in the parameters from those in matrices, biases and factors."""
    at = 0
    for layer in range(table.shape[0]):
        fan_in, fan_out = table[layer, 3], table[layer, 4]
        start = table[layer, 0] + latent * fan_out * fan_in
        for i in range(fan_out * fan_in):
            gradient[start + i] = sums[at + i] / (1.0 + math.exp(-np.float64(theta[start + i])))
        at += fan_out * fan_in
        for i in range(fan_out):
            gradient[table[layer, 1] + latent * fan_out + i] = sums[at + i]
            if table[layer, 2] >= 0:
                factor = maps[at + fan_out + i]
                gradient[table[layer, 2] + latent * fan_out + i] = sums[at + fan_out + i] * (ONE - factor * factor)
        at += 2 * fan_out


@inner
def log_prob(
    y: Vector, table: Table, maps: Vector, units: Vector, stride: int, scale: Real, sums: Vector, in_y: Vector
) -> Real:
    """Sum of log(F(y + ½) − F(y − ½)) over a vector; `scale` times the derivative goes to `in_y`, adds to the sums."""
    n = y.size
    for i in range(n):
        units[i] = y[i] + np.float32(0.5)
        units[n + i] = y[i] - np.float32(0.5)
    points = 2 * n
    at: Any = np.int64(0)  # and not the literal 0, for which more would be compiled
    below: Any = np.int64(0)
    above = below + 1
    for layer in range(table.shape[0]):
        fan_in, fan_out = table[layer, 3], table[layer, 4]
        for j in range(fan_out):
            row = part(units, (above + j) * stride, points)
            _affine(
                part(maps, at + j * fan_in, fan_in),
                maps[at + fan_in * fan_out + j],
                units[below * stride :],
                stride,
                row,
            )
            if table[layer, 2] >= 0:
                bend = part(units, (above + fan_out + j) * stride, points)
                _bend(row, maps[at + fan_in * fan_out + fan_out + j], bend)
        at += (fan_in + 2) * fan_out
        below, above = above, above + 2 * fan_out
    value = _log_difference(part(units, below * stride, n), part(units, below * stride + n, n), scale, in_y)
    _backward(table, maps, units, stride, points, at, below, above, sums)
    for i in range(n):
        in_y[i] = units[i] + units[n + i]
    return value


@inner
def _backward(
    table: Table,
    maps: Vector,
    units: Vector,
    stride: int,
    points: int,
    at: int,
    above: int,
    spare: int,
    sums: Vector,
) -> None:
    """From the gradient in the logits to that in the points, which replaces them; activations are overwritten."""
    for layer in range(table.shape[0] - 1, -1, -1):
        fan_in, fan_out = table[layer, 3], table[layer, 4]
        at -= (fan_in + 2) * fan_out
        below = above - 2 * fan_in if layer > 0 else 0
        for j in range(fan_out):
            grad = part(units, (above + j) * stride, points)
            if table[layer, 2] >= 0:
                bend, factor = (
                    part(units, (above + fan_out + j) * stride, points),
                    maps[at + fan_in * fan_out + fan_out + j],
                )
                sums[at + fan_in * fan_out + fan_out + j] += dot(grad, bend)
                for i in range(points):
                    grad[i] *= ONE + factor - factor * bend[i] * bend[i]
            sums[at + fan_in * fan_out + j] += total(grad)
            for k in range(fan_in):
                sums[at + j * fan_in + k] += dot(grad, part(units, (below + k) * stride, points))
        for k in range(fan_in):
            row = part(units, (spare + k) * stride, points)
            fill(row, ZERO)
            for j in range(fan_out):
                weight, grad = maps[at + j * fan_in + k], part(units, (above + j) * stride, points)
                for i in range(points):
                    row[i] += weight * grad[i]
        for k in range(fan_in):
            copy(units[(spare + k) * stride :], units[(below + k) * stride :], points)
        above = below


@inner
def _affine(weights: Vector, bias: Real, units: Vector, stride: int, out: Vector) -> None:
    fill(out, bias)
    for k in range(weights.size):
        weight, row = weights[k], units[k * stride :]
        for i in range(out.size):
            out[i] += weight * row[i]


@inner
def _bend(row: Vector, factor: Real, bend: Vector) -> None:
    """Add a tanh x in place, and keep the tanh."""
    for i in range(row.size):
        bend[i] = tanh(row[i])
        row[i] += factor * bend[i]


@inner
def _log_difference(upper: Vector, lower: Vector, scale: Real, value: Vector) -> Real:
    """Sum of log(σ(a) − σ(b)), as `functional.log_difference`; `value` is for its terms.

    a and b are replaced by `scale` times the gradient.
    """
    for i in range(upper.size):
        a, b = upper[i], lower[i]
        gap = a - b
        gap = TINY if gap < TINY else gap
        less = expm1(-gap)
        small_a, small_b = exp(-abs(a)), exp(-abs(b))
        tails = min(a, ZERO) - max(b, ZERO) - log1p(small_a) - log1p(small_b)
        steep = -(ONE + less) / less if gap > TINY else ZERO
        upper[i] = scale * ((small_a if a >= ZERO else ONE) / (ONE + small_a) + steep)
        lower[i] = -scale * ((ONE if b >= ZERO else small_b) / (ONE + small_b) + steep)
        value[i] = tails + log(-less)
    return total(value)

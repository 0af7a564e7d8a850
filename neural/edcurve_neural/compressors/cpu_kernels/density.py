"""The density of the noisy latents, and the gradient of its logarithm: `functional.noisy_log_prob`.

A cumulative distribution function is a small network of one latent, increasing by construction. Its values are needed
at both ends of the unit interval about each latent. Units are rows of points: all upper ends, then all lower ones.
After the `fan_out` rows of a layer come as many with the tanh of its map's outputs, for the backward pass.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .compiling import Real, Table, Vector, inner
from .functions import exp, expm1, log, log1p, tanh
from .vectors import ONE, ZERO, Matrix, copy, dot, fill, part, row, rows_from, total

TINY = np.float32(1e-30)


class DensityLayer(NamedTuple):
    """A row of the table of layers.

    Offsets of its matrices, biases and factors, of all latents, among the parameters of a model (−1 for no factors),
    fan in and fan out.
    """

    matrix: int
    bias: int
    factor: int
    fan_in: int
    fan_out: int


class Maps(NamedTuple):
    """Matrices after softplus, biases and factors after tanh, layer by layer; and sums of the gradients in these."""

    values: Vector
    sums: Vector


@inner
def layer_of(table: Table, i: int) -> DensityLayer:
    """Row `i` of the table."""
    return DensityLayer(table[i, 0], table[i, 1], table[i, 2], table[i, 3], table[i, 4])


@inner
def prepare(theta: Vector, table: Table, latent: int, maps: Maps) -> None:
    """Fill the maps of a latent from the parameters of a model, and clear their sums."""
    at = 0
    for i in range(table.shape[0]):
        layer = layer_of(table, i)
        fan_in, fan_out = layer.fan_in, layer.fan_out
        start = layer.matrix + latent * fan_out * fan_in
        for j in range(fan_out * fan_in):
            x = np.float64(theta[start + j])
            maps.values[at + j] = max(x, 0.0) + math.log1p(math.exp(-abs(x)))
        at += fan_out * fan_in
        for j in range(fan_out):
            maps.values[at + j] = theta[layer.bias + latent * fan_out + j]
            if layer.factor >= 0:
                maps.values[at + fan_out + j] = math.tanh(theta[layer.factor + latent * fan_out + j])
        at += 2 * fan_out
    for j in range(at):
        maps.sums[j] = ZERO


@inner
def finish(theta: Vector, table: Table, latent: int, maps: Maps, gradient: Vector) -> None:
    """Write the gradients in the parameters from those in matrices, biases and factors."""
    at = 0
    for i in range(table.shape[0]):
        layer = layer_of(table, i)
        fan_in, fan_out = layer.fan_in, layer.fan_out
        start = layer.matrix + latent * fan_out * fan_in
        for j in range(fan_out * fan_in):
            # the derivative of softplus is the sigmoid
            gradient[start + j] = maps.sums[at + j] / (1.0 + math.exp(-np.float64(theta[start + j])))
        at += fan_out * fan_in
        for j in range(fan_out):
            gradient[layer.bias + latent * fan_out + j] = maps.sums[at + j]
            if layer.factor >= 0:
                factor = maps.values[at + fan_out + j]
                slope = maps.sums[at + fan_out + j] * (ONE - factor * factor)
                gradient[layer.factor + latent * fan_out + j] = slope
        at += 2 * fan_out


@inner
def log_prob(y: Vector, table: Table, maps: Maps, units: Matrix, scale: Real, in_y: Vector) -> Real:
    """Sum of log(F(y + ½) − F(y − ½)) over a vector; `scale` times the gradient goes to `in_y` and to the sums."""
    n = y.size
    for i in range(n):
        units.values[i] = y[i] + np.float32(0.5)
        units.values[n + i] = y[i] - np.float32(0.5)
    # `below` and `above` are the first rows of a layer's inputs and outputs, `at` is the offset of its maps
    at: Any = np.int64(0)  # not the literal 0, for which numba would compile another version
    below: Any = np.int64(0)
    above = below + 1
    for i in range(table.shape[0]):
        layer = layer_of(table, i)
        fan_in, fan_out = layer.fan_in, layer.fan_out
        biases = at + fan_in * fan_out
        for j in range(fan_out):
            unit = row(units, above + j, 2 * n)
            _affine(part(maps.values, at + j * fan_in, fan_in), maps.values[biases + j], rows_from(units, below), unit)
            if layer.factor >= 0:
                _add_tanh(unit, maps.values[biases + fan_out + j], row(units, above + fan_out + j, 2 * n))
        at += (fan_in + 2) * fan_out
        below, above = above, above + 2 * fan_out
    logits = row(units, below, 2 * n)
    value = _log_difference(part(logits, 0, n), part(logits, n, n), scale, in_y)
    _backward(table, maps, units, 2 * n, at, below, above)
    for i in range(n):
        in_y[i] = units.values[i] + units.values[n + i]
    return value


@inner
def _backward(table: Table, maps: Maps, units: Matrix, points: int, at: int, above: int, spare: int) -> None:
    """Backpropagate from the logits to the points, whose gradient replaces them; activations are overwritten.

    The gradient in the logits is in row `above`, the maps end at `at`, and rows from `spare` on are free.
    """
    for i in range(table.shape[0] - 1, -1, -1):
        layer = layer_of(table, i)
        fan_in, fan_out = layer.fan_in, layer.fan_out
        at -= (fan_in + 2) * fan_out
        biases = at + fan_in * fan_out
        below = above - 2 * fan_in if i > 0 else 0
        for j in range(fan_out):
            grad = row(units, above + j, points)
            if layer.factor >= 0:
                tanhs, factor = row(units, above + fan_out + j, points), maps.values[biases + fan_out + j]
                maps.sums[biases + fan_out + j] += dot(grad, tanhs)
                for p in range(points):
                    # derivative of x + a tanh x: 1 + a(1 − tanh²)
                    grad[p] *= ONE + factor - factor * tanhs[p] * tanhs[p]
            maps.sums[biases + j] += total(grad)
            for k in range(fan_in):
                maps.sums[at + j * fan_in + k] += dot(grad, row(units, below + k, points))
        for k in range(fan_in):
            into = row(units, spare + k, points)
            fill(into, ZERO)
            for j in range(fan_out):
                weight, grad = maps.values[at + j * fan_in + k], row(units, above + j, points)
                for p in range(points):
                    into[p] += weight * grad[p]
        for k in range(fan_in):
            copy(row(units, spare + k, points), row(units, below + k, points), points)
        above = below


@inner
def _affine(weights: Vector, bias: Real, units: Matrix, out: Vector) -> None:
    fill(out, bias)
    for k in range(weights.size):
        weight, unit = weights[k], row(units, k, out.size)
        for i in range(out.size):
            out[i] += weight * unit[i]


@inner
def _add_tanh(unit: Vector, factor: Real, tanhs: Vector) -> None:
    """Add a tanh x in place, and keep the tanh."""
    for i in range(unit.size):
        tanhs[i] = tanh(unit[i])
        unit[i] += factor * tanhs[i]


@inner
def _log_difference(upper: Vector, lower: Vector, scale: Real, value: Vector) -> Real:
    """Sum of log(σ(a) − σ(b)), as `functional.log_difference`; `value` gets its terms.

    a and b are replaced by `scale` times the gradient.
    """
    for i in range(upper.size):
        a, b = upper[i], lower[i]
        gap = a - b
        gap = TINY if gap < TINY else gap
        less = expm1(-gap)
        # exponentials of nonpositive numbers do not overflow: σ(a) = 1/(1 + e^−|a|), or e^−|a| times that if a < 0
        small_a, small_b = exp(-abs(a)), exp(-abs(b))
        tails = min(a, ZERO) - max(b, ZERO) - log1p(small_a) - log1p(small_b)
        # e^−gap/(1 − e^−gap), and no gradient where the gap was clamped
        steep = -(ONE + less) / less if gap > TINY else ZERO
        upper[i] = scale * ((small_a if a >= ZERO else ONE) / (ONE + small_a) + steep)
        lower[i] = -scale * ((ONE if b >= ZERO else small_b) / (ONE + small_b) + steep)
        value[i] = tails + log(-less)
    return total(value)

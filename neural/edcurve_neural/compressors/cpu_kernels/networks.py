"""Multilayer perceptrons of leaky-ReLU units, on a chunk of the batch.

Units are rows of samples, of which the first `size` are in use. A row of ones follows the rows of each layer, so
that a product with an affine map includes its biases, and the gradient of the map is one product too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .blas import times, times_transposed, transposed_times
from .compiling import Real, Table, Vector, inner
from .vectors import ZERO, Matrix, rows_from

SLOPE = np.float32(0.2)


class Parameters(NamedTuple):
    """Parameters of one model, and where to write the gradient in them."""

    values: Vector
    gradient: Vector


class Chunk(NamedTuple):
    """A part of the batch: its first sample, its number of samples, and the factor of earlier gradients.

    `beta` is 0 in the first chunk, which overwrites these, and 1 in the others, which add to them.
    """

    start: int
    size: int
    beta: Real


class NetworkLayer(NamedTuple):
    """A row of the table of layers.

    Offset of the map among the parameters, its fan in and fan out, whether it is stored as (fan in + 1, fan out)
    instead of (fan out, fan in + 1), and the first rows of its inputs and its outputs. Synthesis layers are flipped, so
    that the samples of a realization are the last axis of both the first and the last layer.
    """

    start: int
    fan_in: int
    fan_out: int
    flipped: int
    below: int
    above: int


@inner
def layer_of(table: Table, i: int) -> NetworkLayer:
    """Row `i` of the table."""
    return NetworkLayer(table[i, 0], table[i, 1], table[i, 2], table[i, 3], table[i, 4], table[i, 5])


@inner
def forward(values: Vector, layer: NetworkLayer, units: Matrix, size: int) -> None:
    """Units of a layer before their leaky ReLU."""
    weights, below, above = values[layer.start :], rows_from(units, layer.below), rows_from(units, layer.above)
    if layer.flipped:
        transposed_times(Matrix(weights, layer.fan_out), below, above, layer.fan_out, size, layer.fan_in + 1)
    else:
        times(Matrix(weights, layer.fan_in + 1), below, above, layer.fan_out, size, layer.fan_in + 1)


@inner
def block(units: Matrix, first: int, count: int) -> Vector:
    """Whole rows as one vector, with their unused numbers, which are never read."""
    return units.values[first * units.stride : (first + count) * units.stride]


@inner
def leaky_relu(units: Vector) -> None:
    """Leaky ReLU in place."""
    for i in range(units.size):
        units[i] = units[i] if units[i] > ZERO else SLOPE * units[i]


@inner
def leaky_relu_backward(grad: Vector, units: Vector) -> None:
    """Multiply by the derivative of leaky ReLU, given its result."""
    # a result has the sign of its argument; where it is NaN, the gradient is scaled
    for i in range(grad.size):
        grad[i] = grad[i] if units[i] > ZERO else SLOPE * grad[i]


@inner
def backward(
    parameters: Parameters, layer: NetworkLayer, units: Matrix, chunk: Chunk, grad: Matrix, into: Matrix
) -> None:
    """From the gradient in a layer's outputs to that in its map and, in `into`, to that in its inputs."""
    fan_in, fan_out, size = layer.fan_in, layer.fan_out, chunk.size
    weights, target = parameters.values[layer.start :], parameters.gradient[layer.start :]
    inputs = rows_from(units, layer.below)
    # the ones after the inputs make the biases a row, or a column, of the same product
    if layer.flipped:
        times_transposed(inputs, grad, Matrix(target, fan_out), fan_in + 1, fan_out, size, chunk.beta)
        times(Matrix(weights, fan_out), grad, into, fan_in, size, fan_out)
    else:
        times_transposed(grad, inputs, Matrix(target, fan_in + 1), fan_out, fan_in + 1, size, chunk.beta)
        transposed_times(Matrix(weights, fan_in + 1), grad, into, fan_in, size, fan_out)

"""Loss and gradient of a batch for each model: `objective.cost` and its derivative.

Models are processed one after the other, so that no result depends on other models, and the batch chunk by chunk, so
that intermediate results stay in a cache from the forward to the backward pass. Nothing is allocated.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from edcurve.kernels.compiling import record

from . import density as densities
from .blas import add_times, gram, mirror, times, times_transposed
from .compiling import Doubles, Real, Table, Vector, inner, kernel, reduction
from .networks import Chunk, Parameters, backward, block, forward, layer_of, leaky_relu, leaky_relu_backward
from .rounding import conditional_mean, soft_round
from .stepped import Lines, adjoint, project
from .vectors import ONE, ZERO, Matrix, copy, dot, part, row, rows_from

TWO, QUARTER = np.float32(2.0), np.float32(0.25)


class Batch(NamedTuple):
    """The draws of a step for all models, and the weights of errors.

    Attributes
    ----------
    x : (models, dim, batch)
        Coordinates of realizations. Of a stepped source (models, 1, batch): the shift of its line.
    drops : (models, batch)
        Samples at which the line drops; empty for other sources.
    energy : (models,)
        Sums of ‖x‖² over the batch; 0 for other sources.
    noise : (models, latents, batch)
    alpha, weight : (models,)
        α of soft rounding; λ times the factor that makes the distortion of a sum of squared errors.
    learned : bool
        Whether α is 4 sigmoid of a parameter.
    """

    x: Vector
    drops: Table
    energy: Vector
    noise: Vector
    alpha: Vector
    weight: Vector
    learned: bool


class Plan(NamedTuple):
    """Constants of all steps.

    Attributes
    ----------
    stepped, twice : bool
        Whether the source is a line that drops; `twice` as for `objective.cost`.
    line : (dim,)
        Samples of the line; empty for other sources.
    layers : (layers, 6)
        Of analysis and synthesis, as many each: rows of `networks.NetworkLayer`.
    density : (layers, 5)
        Rows of `density.DensityLayer`.
    grad, other : int
        First rows, among the units, for gradients in a layer's units; they take turns.
    sharpness : int
        Offset of α's parameter among those of a model.
    chunk : int
        Most samples of a chunk: the distance between rows of units.
    """

    stepped: bool
    twice: bool
    line: Doubles
    layers: Table
    density: Table
    grad: int
    other: int
    sharpness: int
    chunk: int


class Workspace(NamedTuple):
    """Memory to compute in.

    Attributes
    ----------
    units : rows of a chunk
        Of the networks; see `networks`.
    latents : rows of a chunk, `LATENT_ROWS` for each latent
        Intermediate results of rounding, `ROUND_Y` and so on.
    points : rows of two chunks
        Units of the density; see `density`.
    maps, sums : (latents, parameters of a latent's density)
        See `density.Maps`.
    first : rows of the batch
        Products of the first layer with realizations, and then the gradient in them.
    last : rows of the batch
        Products of the last layer with realizations, and then its inputs.
    square, outer : (rows of the last layer,) squared
        Gram matrices AAᵀ of the last layer, and hhᵀ of its inputs, summed over the batch.
    prefix, steps : (4, dim + 1), (4 (dim + 1),)
        See `stepped`.
    """

    units: Vector
    latents: Vector
    points: Vector
    maps: Vector
    sums: Vector
    first: Vector
    last: Vector
    square: Vector
    outer: Vector
    prefix: Vector
    steps: Vector


class Totals(NamedTuple):
    """Results, (models,): sums over the batch of log-densities in nats, and of squared errors."""

    nats: Doubles
    errors: Doubles


class _Model(NamedTuple):
    """One model and its batch."""

    parameters: Parameters
    x: Vector
    noise: Vector
    alpha: Real
    strength: Real  # derivative of the loss in a squared error, times 2


# rows for each latent: derivatives of s_α in y and α, of r_α in z and α; the second r_α of `twice` and its derivatives;
# s_α(y) + u; the gradient of the rate in the point at which the density is evaluated
LATENT_ROWS = 9
ROUND_Y, ROUND_ALPHA, MEAN_Z, MEAN_ALPHA, AGAIN, AGAIN_Z, AGAIN_ALPHA, NOISY, RATE = range(LATENT_ROWS)


@inner
def _analyse(model: _Model, plan: Plan, work: Workspace, chunk: Chunk) -> None:
    """Latents of a chunk."""
    units, depth, samples = Matrix(work.units, plan.chunk), plan.layers.shape[0] // 2, model.noise.shape[1]
    for i in range(depth):
        layer = layer_of(plan.layers, i)
        if i > 0 or not plan.stepped:
            if i == 0:
                for j in range(model.x.shape[0]):
                    copy(model.x[j, chunk.start :], row(units, layer.below + j, chunk.size), chunk.size)
            forward(model.parameters.values, layer, units, chunk.size)
        else:  # already projected, for the whole batch
            for j in range(layer.fan_out):
                copy(work.first[j * samples + chunk.start :], row(units, layer.above + j, chunk.size), chunk.size)
        if i + 1 < depth:
            leaky_relu(block(units, layer.above, layer.fan_out))


@inner
def _latents(model: _Model, plan: Plan, work: Workspace, chunk: Chunk) -> float:
    """From latents to the inputs of the synthesis; returns the sum of log-densities in nats."""
    units, points = Matrix(work.units, plan.chunk), Matrix(work.points, 2 * plan.chunk)
    depth, size, nats = plan.layers.shape[0] // 2, chunk.size, 0.0
    above, below = plan.layers[depth - 1, 5], plan.layers[depth, 4]
    # the rate is a mean over the batch, in bits
    scale = np.float32(-1.0 / (np.log(2.0) * model.noise.shape[1]))
    for i in range(model.noise.shape[0]):
        own = Matrix(work.latents[LATENT_ROWS * i * plan.chunk :], plan.chunk)
        z = row(own, NOISY, size)
        soft_round(row(units, above + i, size), model.alpha, z, row(own, ROUND_Y, size), row(own, ROUND_ALPHA, size))
        for b in range(size):
            z[b] += model.noise[i, chunk.start + b]
        # written to the rows from which the first layer of the synthesis reads
        point = row(units, below + i, size)
        conditional_mean(z, model.alpha, point, row(own, MEAN_Z, size), row(own, MEAN_ALPHA, size))
        if plan.twice:
            again = row(own, AGAIN, size)
            conditional_mean(point, model.alpha, again, row(own, AGAIN_Z, size), row(own, AGAIN_ALPHA, size))
            point = again
        maps = densities.Maps(work.maps[i], work.sums[i])
        nats += densities.log_prob(point, plan.density, maps, points, scale, row(own, RATE, size))
    return nats


@inner
def _reconstruct(model: _Model, plan: Plan, work: Workspace, chunk: Chunk) -> float:
    """Sum of squared errors; writes the gradients of the synthesis, and that in its inputs to the rows of `grad`.

    Realizations of many samples are not formed: ‖x − Aᵀh‖² = ‖x‖² − 2(Ax)·h + h·(AAᵀ)h, for the rows A of the last
    layer and its inputs h. Its derivative in h is 2(AAᵀh − Ax). With the Gram matrix a realization costs
    one product with a 101×101 matrix, not two with a 101×1024 matrix.
    """
    units, size, samples = Matrix(work.units, plan.chunk), chunk.size, model.noise.shape[1]
    depth = plan.layers.shape[0] // 2
    for i in range(depth, 2 * depth - 1):
        layer = layer_of(plan.layers, i)
        forward(model.parameters.values, layer, units, size)
        leaky_relu(block(units, layer.above, layer.fan_out))
    last = layer_of(plan.layers, 2 * depth - 1)
    grad, into = rows_from(units, plan.grad), rows_from(units, plan.other)
    error = 0.0  # of a stepped source without ‖x‖², which `evaluate` adds
    if plan.stepped:
        rows, hidden = last.fan_in + 1, rows_from(units, last.below)
        gram(hidden, Matrix(work.outer, rows), rows, size, chunk.beta)
        times(Matrix(work.square, rows), hidden, grad, rows, size, rows)
        for j in range(rows):
            projected = part(work.last, j * samples + chunk.start, size)
            error += _gram_error(row(grad, j, size), row(hidden, j, size), projected, model.strength)
    else:
        forward(model.parameters.values, last, units, size)
        output = rows_from(units, last.above)
        for j in range(last.fan_out):
            error += _squared_error(row(output, j, size), model.x[j, chunk.start : chunk.start + size], model.strength)
        backward(model.parameters, last, units, chunk, output, grad)
    for i in range(2 * depth - 2, depth - 1, -1):
        layer = layer_of(plan.layers, i)
        leaky_relu_backward(block(grad, 0, layer.fan_out), block(units, layer.above, layer.fan_out))
        backward(model.parameters, layer, units, chunk, grad, into)
        grad, into = into, grad
    # the two buffers take turns, so the last gradient may be in either
    copy(grad.values, block(units, plan.grad, plan.layers[depth, 1]), plan.layers[depth, 1] * plan.chunk)
    return error


@reduction
def _gram_error(product: Vector, hidden: Vector, projected: Vector, strength: Real) -> Real:
    """Part of ‖x − Aᵀh‖² − ‖x‖² = h·(AAᵀh − 2Ax) for a row of AAᵀh, which becomes the gradient in h.

    h replaces Ax, for the gradient in A, which is computed for the whole batch.
    """
    error = ZERO
    for b in range(product.size):
        difference = product[b] - projected[b]
        error += hidden[b] * (difference - projected[b])
        projected[b] = hidden[b]
        product[b] = strength * difference
    return error


@reduction
def _squared_error(output: Vector, x: Vector, strength: Real) -> Real:
    """Squared error of a coordinate, which becomes its gradient."""
    error = ZERO
    for b in range(output.size):
        difference = output[b] - x[b]
        error += difference * difference
        output[b] = strength * difference
    return error


@inner
def _rounding(plan: Plan, work: Workspace, chunk: Chunk, latents: int) -> float:
    """From the gradient in the inputs of the synthesis to that in the latents, in place; returns that in α.

    The gradient of the rate is added in the point at which the density is evaluated.
    """
    units, size, in_alpha = Matrix(work.units, plan.chunk), chunk.size, 0.0
    for i in range(latents):
        own, grad = Matrix(work.latents[LATENT_ROWS * i * plan.chunk :], plan.chunk), row(units, plan.grad + i, size)
        rate = row(own, RATE, size)
        # backward through the second r_α, if there is one; then through r_α, the noise, and s_α
        if plan.twice:
            in_alpha += dot(rate, row(own, AGAIN_ALPHA, size))
            in_at = row(own, AGAIN_Z, size)
            for b in range(size):
                rate[b] *= in_at[b]
        in_z = row(own, MEAN_Z, size)
        for b in range(size):
            grad[b] += rate[b]
        in_alpha += dot(grad, row(own, MEAN_ALPHA, size))
        for b in range(size):
            grad[b] *= in_z[b]
        in_alpha += dot(grad, row(own, ROUND_ALPHA, size))
        in_y = row(own, ROUND_Y, size)
        for b in range(size):
            grad[b] *= in_y[b]
    return in_alpha


@inner
def _analysis_backward(model: _Model, plan: Plan, work: Workspace, chunk: Chunk) -> None:
    """Gradients of the analysis from that in the latents; for a stepped source, that in the first layer's outputs."""
    units, size, samples = Matrix(work.units, plan.chunk), chunk.size, model.noise.shape[1]
    grad, into = rows_from(units, plan.grad), rows_from(units, plan.other)
    for i in range(plan.layers.shape[0] // 2 - 1, 0, -1):
        layer = layer_of(plan.layers, i)
        backward(model.parameters, layer, units, chunk, grad, into)
        grad, into = into, grad
        leaky_relu_backward(block(grad, 0, layer.fan_in), block(units, layer.below, layer.fan_in))
    first = layer_of(plan.layers, 0)
    if plan.stepped:
        for j in range(first.fan_out):
            copy(row(grad, j, size), work.first[j * samples + chunk.start :], size)
    else:
        target = Matrix(model.parameters.gradient[first.start :], first.fan_in + 1)
        times_transposed(grad, rows_from(units, first.below), target, first.fan_out, first.fan_in + 1, size, chunk.beta)


VECTOR, MATRIX, CUBE = "float32[::1]", "float32[:, ::1]", "float32[:, :, ::1]"
DOUBLES, TABLE, INTEGER, FLAG = "float64[::1]", "int64[:, ::1]", "int64", "boolean"


@kernel(
    record(Parameters, [MATRIX, MATRIX]),
    record(Batch, [CUBE, TABLE, VECTOR, CUBE, VECTOR, VECTOR, FLAG]),
    record(Plan, [FLAG, FLAG, DOUBLES, TABLE, TABLE, INTEGER, INTEGER, INTEGER, INTEGER]),
    record(Workspace, [*[VECTOR] * 3, MATRIX, MATRIX, *[VECTOR] * 4, MATRIX, VECTOR]),
    record(Totals, [DOUBLES, DOUBLES]),
)
def evaluate(parameters: Parameters, batch: Batch, plan: Plan, work: Workspace, totals: Totals) -> None:
    """Cost and gradient of every model, one after the other, chunk by chunk of the batch."""
    latents, samples = batch.noise.shape[1], batch.noise.shape[2]
    depth = plan.layers.shape[0] // 2
    first, last = layer_of(plan.layers, 0), layer_of(plan.layers, 2 * depth - 1)
    dim, rows = plan.line.size, last.fan_in + 1
    square, outer = Matrix(work.square, rows), Matrix(work.outer, rows)
    for m in range(parameters.values.shape[0]):
        theta, target = parameters.values[m], parameters.gradient[m]
        strength = TWO * batch.weight[m]
        model = _Model(Parameters(theta, target), batch.x[m], batch.noise[m], batch.alpha[m], strength)
        lines = Lines(plan.line, batch.drops[m], batch.x[m, 0])
        decoder = Matrix(theta[last.start :], dim)
        for i in range(latents):
            densities.prepare(theta, plan.density, i, densities.Maps(work.maps[i], work.sums[i]))
        if plan.stepped:
            # products with realizations, and the Gram matrix of the last layer, are computed for the whole batch
            encoder = Matrix(theta[first.start :], dim + 1)
            project(encoder, first.fan_out, lines, plan.stepped, work.prefix, work.first)
            project(decoder, rows, lines, not plan.stepped, work.prefix, work.last)
            gram(decoder, square, rows, dim, ZERO)
            mirror(square, rows)
        # sums over the chunks run in float64
        nats, error, in_alpha = 0.0, np.float64(batch.energy[m]), 0.0
        for start in range(0, samples, plan.chunk):
            chunk = Chunk(start, min(plan.chunk, samples - start), ZERO if start == 0 else ONE)
            _analyse(model, plan, work, chunk)
            nats += _latents(model, plan, work, chunk)
            error += _reconstruct(model, plan, work, chunk)
            in_alpha += _rounding(plan, work, chunk, latents)
            _analysis_backward(model, plan, work, chunk)
        if plan.stepped:
            # `first` and `last` now hold the gradient in products, and inputs, instead of products
            mirror(outer, rows)
            inputs = Matrix(target[first.start :], dim + 1)
            adjoint(work.first, first.fan_out, lines, plan.stepped, ONE, work.steps, inputs)
            # gradient in the last layer A: 2 Σ (hhᵀA − hxᵀ), weighted
            outputs = Matrix(target[last.start :], dim)
            adjoint(work.last, rows, lines, not plan.stepped, -strength, work.steps, outputs)
            add_times(outer, decoder, outputs, rows, dim, rows, strength)
        for i in range(latents):
            densities.finish(theta, plan.density, i, densities.Maps(work.maps[i], work.sums[i]), target)
        # the derivative of 4 sigmoid is α(1 − α/4)
        slope = in_alpha * batch.alpha[m] * (ONE - QUARTER * batch.alpha[m])
        target[plan.sharpness] = slope if batch.learned else ZERO
        totals.nats[m], totals.errors[m] = nats, error

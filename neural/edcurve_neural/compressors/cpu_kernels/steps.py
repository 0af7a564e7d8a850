"""Loss and gradient of a batch for each model, chunk by chunk: `objective.cost` and its derivative.

All that a chunk of the batch makes stays in a cache. Rows of `units` are the units of the networks, as `networks` has
them; of `latents`, what rounding makes of them; of `points`, those of the density.
"""

from __future__ import annotations

import numpy as np

from . import density as densities
from .blas import add_times, gram, mirror, times, times_transposed
from .compiling import Doubles, Real, Table, Vector, inner, kernel, reduction
from .networks import ONE, ZERO, backward, bend, forward, unbend
from .rounding import conditional_mean, soft_round
from .stepped import adjoint, project
from .vectors import copy, dot, part

TWO, QUARTER = np.float32(2.0), np.float32(0.25)
LATENT_ROWS = 9  # see `_latents`
VECTOR, MATRIX, CUBE, TABLE = "float32[::1]", "float32[:, ::1]", "float32[:, :, ::1]", "int64[:, ::1]"
ARGUMENTS = (
    *(MATRIX, MATRIX, CUBE, TABLE, VECTOR, CUBE, VECTOR, VECTOR),
    *("boolean", "boolean", "boolean", "float64[::1]"),
    *(TABLE, TABLE, "int64[::1]", "int64"),
    *(VECTOR, VECTOR, VECTOR, MATRIX, MATRIX, VECTOR, VECTOR, VECTOR, VECTOR, MATRIX, VECTOR),
    *("float64[::1]", "float64[::1]"),
)


@inner
def _analyse(
    theta: Vector,
    layers: Table,
    units: Vector,
    chunk: int,
    c: int,
    stepped: bool,
    x: Vector,
    first: Vector,
    start: int,
    batch: int,
) -> None:
    """Latents of a chunk."""
    for i in range(layers.shape[0]):
        layer = layers[i]
        if i > 0 or not stepped:
            if i == 0:
                for j in range(x.shape[0]):
                    copy(x[j, start:], units[(layer[4] + j) * chunk :], c)
            forward(theta, layer, units, chunk, c)
        else:
            for j in range(layer[2]):
                copy(first[j * batch + start :], units[(layer[5] + j) * chunk :], c)
        if i + 1 < layers.shape[0]:
            bend(units[layer[5] * chunk : (layer[5] + layer[2]) * chunk])


@inner
def _latents(
    noise: Vector,
    start: int,
    c: int,
    alpha: Real,
    twice: bool,
    layers: Table,
    density: Table,
    units: Vector,
    latents: Vector,
    points: Vector,
    chunk: int,
    maps: Vector,
    sums: Vector,
) -> float:
    """From latents to what the synthesis takes, and the sum of nats.

    Rows of each latent: derivatives of s_α in y and α, of r_α in z and α; where the density is evaluated and its
    derivatives; s_α(y) + u; the gradient of the rate where the density is evaluated.
    """
    depth, spent = layers.shape[0] // 2, 0.0
    scale = np.float32(-1.0 / (np.log(2.0) * noise.shape[1]))
    for i in range(noise.shape[0]):
        own = latents[LATENT_ROWS * i * chunk :]
        y = part(units, (layers[depth - 1, 5] + i) * chunk, c)
        z = part(own, 7 * chunk, c)
        soft_round(y, alpha, z, part(own, 0, c), part(own, chunk, c))
        for b in range(c):
            z[b] += noise[i, start + b]
        at = part(units, (layers[depth, 4] + i) * chunk, c)
        conditional_mean(z, alpha, at, part(own, 2 * chunk, c), part(own, 3 * chunk, c))
        if twice:
            again = part(own, 4 * chunk, c)
            conditional_mean(at, alpha, again, part(own, 5 * chunk, c), part(own, 6 * chunk, c))
            at = again
        spent += densities.log_prob(at, density, maps[i], points, 2 * chunk, scale, sums[i], part(own, 8 * chunk, c))
    return spent


@inner
def _reconstruct(
    theta: Vector,
    target: Vector,
    layers: Table,
    units: Vector,
    chunk: int,
    c: int,
    stepped: bool,
    x: Vector,
    last: Vector,
    start: int,
    batch: int,
    square: Vector,
    outer: Vector,
    strength: Real,
    keep: Real,
    places: Table,
) -> float:
    """Sum of squared errors; writes the gradients of the synthesis, and that in the latents to the first of places."""
    for i in range(layers.shape[0] - 1):
        layer = layers[i]
        forward(theta, layer, units, chunk, c)
        bend(units[layer[5] * chunk : (layer[5] + layer[2]) * chunk])
    end = layers[layers.shape[0] - 1]
    grad, into = units[places[0] * chunk :], units[places[1] * chunk :]
    hidden, error = units[end[4] * chunk :], 0.0
    if stepped:
        rows = end[1] + 1
        gram(hidden, chunk, outer, rows, rows, c, keep)
        times(square, rows, hidden, chunk, grad, chunk, rows, c, rows)
        for j in range(rows):
            error += _gap(
                part(grad, j * chunk, c), part(hidden, j * chunk, c), part(last, j * batch + start, c), strength
            )
    else:
        forward(theta, end, units, chunk, c)
        miss = units[end[5] * chunk :]
        for j in range(end[2]):
            error += _miss(part(miss, j * chunk, c), x[j, start : start + c], strength)
        backward(theta, end, units, chunk, c, miss, grad, target, keep)
    for i in range(layers.shape[0] - 2, -1, -1):
        layer = layers[i]
        unbend(grad[: layer[2] * chunk], units[layer[5] * chunk : (layer[5] + layer[2]) * chunk])
        backward(theta, layer, units, chunk, c, grad, into, target, keep)
        grad, into = into, grad
    copy(grad, units[places[0] * chunk :], layers[0, 1] * chunk)
    return error


@reduction
def _gap(product: Vector, hidden: Vector, projected: Vector, strength: Real) -> Real:
    """Part of ‖x − Aᵀh‖² − ‖x‖² = h·(AAᵀh − 2Ax) for a row of AAᵀh, which becomes the gradient in h; h replaces Ax."""
    error = ZERO
    for b in range(product.size):
        gap = product[b] - projected[b]
        error += hidden[b] * (gap - projected[b])
        projected[b] = hidden[b]
        product[b] = strength * gap
    return error


@reduction
def _miss(made: Vector, x: Vector, strength: Real) -> Real:
    """Squared error of a coordinate, which becomes its gradient."""
    error = ZERO
    for b in range(made.size):
        miss = made[b] - x[b]
        error += miss * miss
        made[b] = strength * miss
    return error


@inner
def _rounding(c: int, twice: bool, units: Vector, latents: Vector, places: Table, chunk: int, count: int) -> float:
    """From the gradient in what the synthesis takes to that in the latents, in place; returns that in α."""
    found = 0.0
    for i in range(count):
        own, grad = latents[LATENT_ROWS * i * chunk :], part(units, (places[0] + i) * chunk, c)
        rate = part(own, 8 * chunk, c)
        if twice:
            found += dot(rate, part(own, 6 * chunk, c))
            in_at = part(own, 5 * chunk, c)
            for b in range(c):
                rate[b] *= in_at[b]
        in_z = part(own, 2 * chunk, c)
        for b in range(c):
            grad[b] += rate[b]
        found += dot(grad, part(own, 3 * chunk, c))
        for b in range(c):
            grad[b] *= in_z[b]
        found += dot(grad, part(own, chunk, c))
        in_y = part(own, 0, c)
        for b in range(c):
            grad[b] *= in_y[b]
    return found


@inner
def _adapt(
    theta: Vector,
    target: Vector,
    layers: Table,
    units: Vector,
    chunk: int,
    c: int,
    stepped: bool,
    first: Vector,
    start: int,
    batch: int,
    keep: Real,
    places: Table,
) -> None:
    """Gradients of the analysis from that in the latents."""
    grad, into = units[places[0] * chunk :], units[places[1] * chunk :]
    for i in range(layers.shape[0] - 1, 0, -1):
        layer = layers[i]
        backward(theta, layer, units, chunk, c, grad, into, target, keep)
        grad, into = into, grad
        unbend(grad[: layer[1] * chunk], units[layer[4] * chunk : (layer[4] + layer[1]) * chunk])
    top = layers[0]
    if stepped:
        for j in range(top[2]):
            copy(grad[j * chunk :], first[j * batch + start :], c)
    else:
        taken = units[top[4] * chunk :]
        times_transposed(grad, chunk, taken, chunk, target[top[0] :], top[1] + 1, top[2], top[1] + 1, c, keep)


@kernel(*ARGUMENTS)
def evaluate(
    flat: Vector,  # parameters, (models, parameters of a model)
    gradient: Vector,  # where to write their gradient
    x: Vector,  # (models, 2, batch): coordinates; or (models, 1, batch): what the line is raised by
    drops: Table,  # (models, batch): the samples at which the line drops
    energy: Vector,  # (models,): sums of ‖x‖²
    noise: Vector,  # (models, latents, batch)
    alpha: Vector,
    weight: Vector,  # of the squared error, (models,)
    stepped: bool,  # or circle
    twice: bool,
    learned: bool,
    line: Doubles,
    layers: Table,  # of analysis and synthesis, as in `networks`
    density: Table,  # as in `density`
    places: Table,  # of the gradients in units, and of α in the parameters
    chunk: int,
    units: Vector,
    latents: Vector,
    points: Vector,
    maps: Vector,
    sums: Vector,
    first: Vector,  # (units, batch) of the first layer: its product with x, then the gradient in it
    last: Vector,  # (units, batch): the product of the last layer with x, then what that layer takes
    square: Vector,
    outer: Vector,
    prefix: Vector,
    steps: Vector,
    nats: Doubles,  # results: sums over the batch
    errors: Doubles,
) -> None:
    """Cost and gradient of every model, one after the other, chunk by chunk of the batch."""
    batch = noise.shape[2]
    depth = layers.shape[0] // 2
    top, end = layers[0], layers[2 * depth - 1]
    dim, width, rows = line.size, top[2], end[1] + 1
    for m in range(flat.shape[0]):
        theta, target, drop, shift = flat[m], gradient[m], drops[m], x[m, 0]
        strength = TWO * weight[m]
        for i in range(noise.shape[1]):
            densities.prepare(theta, density, i, maps[i], sums[i])
        if stepped:
            a = theta[end[0] :]
            project(theta[top[0] :], dim + 1, width, dim, line, stepped, drop, shift, prefix, first)
            project(a, dim, rows, dim, line, not stepped, drop, shift, prefix, last)
            gram(a, dim, square, rows, rows, dim, ZERO)
            mirror(square, rows)
        spent, error, in_alpha = 0.0, np.float64(energy[m]), 0.0
        for start in range(0, batch, chunk):
            c = min(chunk, batch - start)
            keep = ZERO if start == 0 else ONE
            _analyse(theta, layers[:depth], units, chunk, c, stepped, x[m], first, start, batch)
            spent += _latents(
                noise[m], start, c, alpha[m], twice, layers, density, units, latents, points, chunk, maps, sums
            )
            error += _reconstruct(
                theta,
                target,
                layers[depth:],
                units,
                chunk,
                c,
                stepped,
                x[m],
                last,
                start,
                batch,
                square,
                outer,
                strength,
                keep,
                places,
            )
            in_alpha += _rounding(c, twice, units, latents, places, chunk, noise.shape[1])
            _adapt(theta, target, layers[:depth], units, chunk, c, stepped, first, start, batch, keep, places)
        if stepped:
            mirror(outer, rows)
            adjoint(first, width, dim, line, stepped, drop, shift, ONE, steps, target[top[0] :], dim + 1)
            adjoint(last, rows, dim, line, not stepped, drop, shift, -strength, steps, target[end[0] :], dim)
            add_times(outer, rows, theta[end[0] :], dim, target[end[0] :], dim, rows, dim, rows, strength)
        for i in range(noise.shape[1]):
            densities.finish(theta, density, i, maps[i], sums[i], target)
        target[places[2]] = in_alpha * alpha[m] * (ONE - QUARTER * alpha[m]) if learned else ZERO
        nats[m], errors[m] = spent, error

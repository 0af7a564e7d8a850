"""A small network of latent and place as the synthesis of a circular latent, fitted by Levenberg–Marquardt.

For samples on a line it is f(θ, t) = a · tanh(W (2ψ − 1, 2t − 1, 1)) + b · (2ψ − 1, 2t − 1, 1). Here ψ, the warped
latent, is θ plus a Fourier series of θ. A realization that jumps at a place that moves with θ is an edge in the plane
of θ and t. The warp makes it straight, and one steep unit follows it.

The network is fitted to the means of cells. At first cells are few and wide, and so are edges. Units start on edges of
these means. Then the number of cells doubles until it is K, and with it the steepness of steep units. Pairs of a cell
and a place are drawn more often near edges, with importance weights.

Places in a plane or in space, such as pixels, have coordinates p. There the inputs are all products of
(1, cos 2πψ, sin 2πψ) and (1, p), so that one unit can follow an edge that rotates with the latent. An affine flow of
the places is fitted to the change of means along the latent; units start on edges that this flow transports.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
UNITS, HARMONICS = 64, 32
PLANE_UNITS = 192  # for places in a plane or in space
FINE_CELLS = 64  # least number of cells for the estimate of a flow
ON_EDGES = 40  # units that start on an edge
STARTS = 6  # random starts, of which the best is kept
FIRST_CELLS = 16  # number of cells of the first fit
PAIRS = 12_000  # of a cell and a place, drawn for a fit
FRESH = 4  # iterations with the same pairs
ITERATIONS = (20, 20, 45)  # for each start, each number of cells in between, and the last one
TRIES = 6  # dampings tried in an iteration
DAMPING, LEAST_DAMPING = 1e-3, 1e-9
RIDGE = 1e-11  # in the solution for the last layer, relative to the trace
PHASES = 16  # of a turn, at which transported edges are computed
FEW = 6  # least numbers of cells and of samples for edges


@dataclass(frozen=True)
class Means:
    """Mean realizations (cells, dim) of equal cells, their latents in turns and their probabilities (cells,).

    Places of the samples have shape (dim, d), from −1 to 1; by default samples are at equal steps of a line.
    """

    means: Array
    latent: Array
    probability: Array
    places: Array | None = None

    @cached_property
    def coordinates(self) -> Array:
        """The places, shape (dim, d)."""
        dim = self.means.shape[1]
        return 2.0 * (np.arange(dim) / dim)[:, None] - 1.0 if self.places is None else self.places

    @cached_property
    def waves(self) -> Array:
        """Fourier functions of the latents, shape (cells, 2·harmonics)."""
        return _waves(self.latent)

    @cached_property
    def sampling(self) -> tuple[Array, Array]:
        """Sampling probabilities of pairs of a cell and a place, half uniform and half near edges, and prefix sums.

        In a plane and in space they are all uniform.
        """
        uniform = np.repeat(self.probability / self.means.shape[1], self.means.shape[1])
        if self.coordinates.shape[1] > 1:
            return uniform, np.cumsum(uniform)
        jump = np.abs(np.diff(self.means, axis=1, append=self.means[:, :1]))
        jump = np.maximum(jump, np.roll(jump, 1, axis=1))
        jump = np.square(np.maximum(jump, np.maximum(np.roll(jump, 1, axis=0), np.roll(jump, -1, axis=0)))).ravel()
        probability = 0.5 * uniform + 0.5 * jump / max(jump.sum(), 1e-300)
        return probability, np.cumsum(probability)


@dataclass
class Parameters:
    """Parameters of the network: W (units, inputs), the warp (2·harmonics,), a (units,) and b (inputs,)."""

    first: Array
    warp: Array
    last: Array
    direct: Array

    def flat(self) -> Array:
        """All of them in a row."""
        return np.concatenate([self.first.ravel(), self.warp, self.last, self.direct])

    def moved(self, step: Array) -> Parameters:
        """The parameters after a step."""
        sizes = [self.first.size, self.warp.size, self.last.size]
        first, warp, last, direct = np.split(self.flat() + step, np.cumsum(sizes))
        return Parameters(first.reshape(self.first.shape), warp, last, direct)


def size(places: int) -> tuple[int, int]:
    """Numbers of units and of inputs, for places with this number of coordinates."""
    return (UNITS, 3) if places == 1 else (PLANE_UNITS, 3 * (places + 1))


def parameters(places: int) -> int:
    """Number of parameters of the network."""
    units, inputs = size(places)
    return 2 * HARMONICS + units * (inputs + 1) + inputs


def values(net: Parameters, waves: Array, latent: Array, places: Array) -> Array:
    """The network at pairs of a latent, with its Fourier functions, and a place, shapes (n, …), (n,) and (n, d)."""
    x = _inputs(net, waves, latent, places)
    return np.asarray(np.tanh(x @ net.first.T) @ net.last + x @ net.direct)


def iterations(stages: int) -> int:
    """Number of iterations of a fit with `stages` numbers of cells, for places on a line."""
    return STARTS * ITERATIONS[0] + max(stages - 2, 0) * ITERATIONS[1] + ITERATIONS[2]


def plane_iterations(pairs: int) -> int:
    """Number of iterations of a fit to so many pairs of a cell and a place in a plane or in space.

    The more of them are not drawn at a time, the more draws it takes: as the square root of their number.
    """
    return math.ceil(ITERATIONS[2] * math.sqrt(max(1.0, pairs / PAIRS)))


def fit(
    tables: list[Means], cells: list[int], generator: np.random.Generator, advance: Callable[[], None] = lambda: None
) -> Parameters:
    """The network for the means of the last of several numbers of cells, each fitted after the one before.

    For places in a plane or in space, the first of them only determines the start.

    Parameters
    ----------
    tables : list of Means
        Means for each number of cells.
    cells : list of int
        Numbers of cells, ascending.
    generator : Generator
        For random starts and pairs.
    advance : callable, optional
        Called before each iteration; an exception that it raises ends the fit.
    """
    if tables[0].coordinates.shape[1] > 1:
        net = _solved(_transported_start(tables[0], generator), tables[-1])
        count = plane_iterations(tables[-1].means.size)
        return _solved(_improved(net, tables[-1], count, generator, advance), tables[-1])
    starts = [
        _improved(_random_start(tables[0], cells[0], generator), tables[0], ITERATIONS[0], generator, advance)
        for _ in range(STARTS)
    ]
    net = min(starts, key=lambda start: _mean_squared_error(start, tables[0]))
    for i, (coarse, fine) in enumerate(pairwise(cells), start=1):
        steep = np.hypot(net.first[:, 0], net.first[:, 1]) > coarse / 4.0
        net.first[steep] *= fine / coarse
        net = _improved(net, tables[i], ITERATIONS[2 if fine == cells[-1] else 1], generator, advance)
    return _solved(net if len(cells) > 1 else _improved(net, tables[0], ITERATIONS[2], generator, advance), tables[-1])


def _random_start(table: Means, cells: int, generator: np.random.Generator) -> Parameters:
    """Units in random directions, some of them on edges; the last layer is 0."""
    angle, gain = generator.uniform(0.0, 2.0 * np.pi, UNITS), np.exp(generator.uniform(0.5, 2.5, UNITS))
    across = [gain * np.cos(angle), gain * np.sin(angle), gain * generator.uniform(-1.2, 1.2, UNITS)]
    net = Parameters(np.stack(across, axis=1), np.zeros(2 * HARMONICS), np.zeros(UNITS), np.zeros(3))
    order = np.argsort(table.latent)
    means, latent, dim = table.means[order], table.latent[order], table.means.shape[1]
    step = max(1, dim // (2 * cells))
    if len(means) < FEW or dim < max(FEW, 2 * step + 1):
        return net
    slope = np.zeros((2, *means.shape))
    slope[0, 1:-1] = (means[2:] - means[:-2]) / (2.0 * (latent[2:] - latent[:-2]))[:, None]
    slope[1, :, step:-step] = (means[:, 2 * step :] - means[:, : -2 * step]) * (dim / (4.0 * step))
    strength = np.square(slope).sum(0)
    strength[[0, -1]], strength[:, :step], strength[:, -step:] = 0.0, 0.0, 0.0
    if not strength.any():
        return net
    chosen = generator.choice(strength.size, ON_EDGES, p=(strength / strength.sum()).ravel())
    row, column = np.unravel_index(chosen, strength.shape)
    normal = slope[:, row, column] / np.sqrt(strength[row, column])
    gains = cells * generator.uniform(0.5, 1.5, ON_EDGES)
    net.first[:ON_EDGES, :2] = (gains * normal).T
    net.first[:ON_EDGES, 2] = -gains * (normal * np.stack([2.0 * latent[row] - 1.0, 2.0 * column / dim - 1.0])).sum(0)
    return net


def _transported_start(table: Means, generator: np.random.Generator) -> Parameters:
    """Units on edges in random directions, transported by a flow of the places; the last layer is 0."""
    units, inputs = size(table.coordinates.shape[1])
    places, dim = table.coordinates, table.coordinates.shape[1]
    back = np.zeros((dim + 1, dim + 1))
    back[1:] = -_flow(table)
    turns = np.arange(PHASES) / PHASES
    with np.errstate(over="ignore", invalid="ignore"):
        transported = np.stack([expm(share * back) for share in turns])
    if not (np.isfinite(transported).all() and np.abs(transported).max() < PHASES):  # the flow does not return
        transported = np.broadcast_to(np.eye(dim + 1), transported.shape)
    spacing = np.asarray(cKDTree(places).query(places, 2)[0])[:, 1]
    gains = 2.0 / np.median(spacing) * generator.uniform(size=units) ** (1.0 / dim)
    direction = generator.standard_normal((units, dim))
    direction *= (gains / np.linalg.norm(direction, axis=1))[:, None]
    edges = np.einsum("ud,qdm->uqm", direction, transported[:, 1:])
    wave = np.stack([np.ones(PHASES), np.cos(2.0 * np.pi * turns), np.sin(2.0 * np.pi * turns)], axis=1)
    first = np.einsum("wq,uqm->uwm", np.linalg.pinv(wave), edges).reshape(units, inputs)
    first[:, 0] += gains * generator.uniform(-1.0, 1.0, units)
    return Parameters(first, np.zeros(2 * HARMONICS), np.zeros(units), np.zeros(inputs))


def _flow(table: Means) -> Array:
    """The affine flow b + A p of the places, as (b, A) of shape (d, d + 1), that best fits the change of means."""
    places, order = table.coordinates, np.argsort(table.latent)
    means, latent, dim = table.means[order], table.latent[order], table.coordinates.shape[1]
    near = cKDTree(places).query(places, min(4 * dim + 1, len(places)))[1]
    offsets = places[near] - places[:, None]
    slopes = np.linalg.pinv(np.concatenate([np.ones_like(offsets[..., :1]), offsets], axis=2))[:, 1:]
    affine = np.concatenate([np.ones((len(places), 1)), places], axis=1)
    square, product = np.zeros((dim * (dim + 1),) * 2), np.zeros(dim * (dim + 1))
    for i in range(len(means)):
        after, before = (i + 1) % len(means), i - 1
        step = (latent[after] - latent[before]) % 1.0 or 1.0
        gradient = np.einsum("jdn,jn->jd", slopes, means[i, near])
        rows = (gradient[:, :, None] * affine[:, None]).reshape(len(places), -1)
        square += rows.T @ rows
        product -= rows.T @ ((means[after] - means[before]) / step)
    flow: Array = np.linalg.lstsq(square, product, rcond=1e-12)[0]
    return flow.reshape(dim, dim + 1)


def _improved(
    net: Parameters, table: Means, iterations: int, generator: np.random.Generator, advance: Callable[[], None]
) -> Parameters:
    """The network after Levenberg–Marquardt iterations, with new pairs every few iterations."""
    damping, dim, stuck = DAMPING, table.means.shape[1], False
    for i in range(iterations):
        advance()
        if i % FRESH == 0:
            chosen, weight = _pairs(table, generator)
            pairs = table.waves[chosen // dim], table.latent[chosen // dim], table.coordinates[chosen % dim]
            target = table.means.ravel()[chosen]
        output, jacobian = _with_jacobian(net, *pairs)
        jacobian *= np.sqrt(weight)[:, None]
        square, gradient = jacobian.T @ jacobian, jacobian.T @ (np.sqrt(weight) * (target - output))
        error = float(weight @ np.square(target - output))
        diagonal = np.diag(square) + 1e-12 * np.trace(square)
        for _ in range(TRIES):
            step = np.linalg.solve(square + np.diag(damping * diagonal + 1e-300), gradient)
            candidate = net.moved(step.astype(np.float64))
            if float(weight @ np.square(target - values(candidate, *pairs))) < error:
                net, damping, stuck = candidate, max(damping / 4.0, LEAST_DAMPING), False
                break
            damping *= 5.0
        else:
            # other pairs may need less damping; after two failures in a row it keeps rising
            damping, stuck = damping if stuck else 10.0 * DAMPING, True
    return net


def _pairs(table: Means, generator: np.random.Generator) -> tuple[NDArray[np.intp], Array]:
    """Indices of drawn pairs of a cell and a place, and their importance weights; all pairs if these are few."""
    size, dim = table.means.size, table.means.shape[1]
    if size <= PAIRS:
        return np.arange(size), np.repeat(table.probability / dim, dim)
    sampling, cumulative = table.sampling
    quantiles = (np.arange(PAIRS) + generator.random(PAIRS)) / PAIRS * cumulative[-1]
    chosen = np.searchsorted(cumulative, quantiles).clip(max=size - 1)
    return chosen, table.probability[chosen // dim] / dim / sampling[chosen] * (cumulative[-1] / PAIRS)


def _solved(net: Parameters, table: Means) -> Parameters:
    """The network with the least-squares last layer for all pairs, if its error is smaller."""
    units, inputs = net.first.shape
    square, gradient = np.zeros((units + inputs, units + inputs)), np.zeros(units + inputs)
    for row, x in _rows(net, table):
        features = np.concatenate([np.tanh(x @ net.first.T), x], axis=1)
        square += table.probability[row] * (features.T @ features)
        gradient += table.probability[row] * (table.means[row] @ features)
    layer = np.linalg.solve(square + RIDGE * np.trace(square) * np.eye(len(square)), gradient)
    solved = Parameters(net.first, net.warp, layer[:units], layer[units:])
    return min((net, solved), key=lambda candidate: _mean_squared_error(candidate, table))


def _mean_squared_error(net: Parameters, table: Means) -> float:
    """Mean squared error over all pairs."""
    error = 0.0
    for row, x in _rows(net, table):
        output = np.tanh(x @ net.first.T) @ net.last + x @ net.direct
        error += table.probability[row] * float(np.square(output - table.means[row]).mean())
    return error


def _rows(net: Parameters, table: Means) -> Iterator[tuple[int, Array]]:
    """The cells, each with the inputs of the network at all places."""
    for row, latent in enumerate(table.latent):
        yield row, _inputs(net, table.waves[row], np.full(len(table.coordinates), latent), table.coordinates)


def _with_jacobian(net: Parameters, waves: Array, latent: Array, places: Array) -> tuple[Array, Array]:
    """The network at pairs, as for `values`, and its Jacobian in the parameters, shape (n, parameters)."""
    x = _inputs(net, waves, latent, places)
    units = np.tanh(x @ net.first.T)
    inner = (1.0 - units**2) * net.last
    if places.shape[1] == 1:
        latent_derivative = 2.0 * (inner @ net.first[:, 0] + net.direct[0])
    else:
        angle = 2.0 * np.pi * (latent + waves @ net.warp)
        wave_derivatives = np.stack([np.zeros_like(angle), -np.sin(angle), np.cos(angle)], axis=1)
        input_derivatives = 2.0 * np.pi * _products(wave_derivatives, places)
        latent_derivative = (inner * (input_derivatives @ net.first.T)).sum(axis=1) + input_derivatives @ net.direct
    count, starts = net.first.size, np.cumsum([net.first.size, net.warp.size, net.last.size])
    jacobian = np.empty((len(x), starts[-1] + net.direct.size))  # filled in place: it may have 24 million numbers
    np.multiply(inner[:, :, None], x[:, None, :], out=jacobian[:, :count].reshape(len(x), *net.first.shape))
    for part, start in zip((latent_derivative[:, None] * waves, units, x), starts, strict=True):
        jacobian[:, start : start + part.shape[1]] = part
    return units @ net.last + x @ net.direct, jacobian


def _waves(latent: Array) -> Array:
    angle = 2.0 * np.pi * latent[:, None] * np.arange(1, HARMONICS + 1)
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=1)


def _inputs(net: Parameters, waves: Array, latent: Array, places: Array) -> Array:
    warped = latent + waves @ net.warp
    if places.shape[1] == 1:
        return np.stack([2.0 * warped - 1.0, places[:, 0], np.ones_like(warped)], axis=1)
    angle = 2.0 * np.pi * warped
    return _products(np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], axis=1), places)


def _products(waves: Array, places: Array) -> Array:
    """All products of three functions of the latent and (1, coordinates), shape (n, 3·(d + 1))."""
    affine = np.concatenate([np.ones((len(places), 1)), places], axis=1)
    products: Array = waves[:, :, None] * affine[:, None, :]
    return products.reshape(len(places), -1)

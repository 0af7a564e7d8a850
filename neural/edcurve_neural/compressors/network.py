"""A small network of latent and place as the synthesis of a circular latent, fitted by Levenberg–Marquardt.

For samples on a line it is f(θ, t) = a · tanh(W (2ψ − 1, 2t − 1, 1)) + b · (2ψ − 1, 2t − 1, 1). Here ψ, the warped
latent, is θ plus a Fourier series of θ. A realization that jumps at a place that moves with θ is an edge in the plane
of θ and t. The warp makes it straight, and one steep unit follows it.

The fit is to the means of cells. At first these are few and wide, so that edges are wide too. Units start on edges of
these means. Then the number of cells doubles until it is K, and with it the steepness of steep units. Pairs of a cell
and a place are drawn more often near edges, and weighted accordingly.

Places in a plane or in space are pixels, say, and have coordinates p. There the inputs are all products of
(1, cos 2πψ, sin 2πψ) and (1, p), so that one unit can follow an edge that turns with the latent. Means of cells change
along an affine flow of the places, as far as one explains them; units start on edges that this flow carries round.
"""

from __future__ import annotations

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
PLANE_UNITS = 192  # where places are in a plane or in space
FINE_CELLS = 64  # at least, for the means from which a flow is estimated
ON_EDGES = 40  # units that start on an edge
STARTS = 6  # of which the best is kept
FIRST_CELLS = 16  # of the means that are fitted first
PAIRS = 12_000  # of a cell and a place in each fit
FRESH = 4  # iterations with the same pairs
ITERATIONS = (20, 20, 45)  # of a start, for each number of cells, and at the end
TRIES = 6  # of the damping in an iteration
DAMPING, LEAST_DAMPING = 1e-3, 1e-9
RIDGE = 1e-11  # of the last layer that is solved for, relative to the trace
PHASES = 16  # of a turn, at which carried edges are taken
FEW = 6  # cells, or samples, with fewer of which there are no edges


@dataclass(frozen=True)
class Means:
    """Mean realizations (cells, dim) of equal cells, their latents in turns and their probabilities (cells,).

    Places of the samples have shape (dim, d), from −1 to 1; without them, samples are at equal steps of a line.
    """

    means: Array
    latent: Array
    probability: Array
    places: Array | None = None

    @cached_property
    def where(self) -> Array:
        """The places, shape (dim, d)."""
        dim = self.means.shape[1]
        return 2.0 * (np.arange(dim) / dim)[:, None] - 1.0 if self.places is None else self.places

    @cached_property
    def waves(self) -> Array:
        """Fourier functions of the latents, shape (cells, 2·harmonics)."""
        return _waves(self.latent)

    @cached_property
    def drawn(self) -> tuple[Array, Array]:
        """How often each pair of a cell and a place is to be drawn, half of it near edges, and prefix sums of that.

        In a plane all pairs are drawn equally often.
        """
        uniform = np.repeat(self.probability / self.means.shape[1], self.means.shape[1])
        if self.where.shape[1] > 1:
            return uniform, np.cumsum(uniform)
        jump = np.abs(np.diff(self.means, axis=1, append=self.means[:, :1]))
        jump = np.maximum(jump, np.roll(jump, 1, axis=1))
        jump = np.square(np.maximum(jump, np.maximum(np.roll(jump, 1, axis=0), np.roll(jump, -1, axis=0)))).ravel()
        drawn = 0.5 * uniform + 0.5 * jump / max(jump.sum(), 1e-300)
        return drawn, np.cumsum(drawn)


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
    """Numbers of units and of inputs, for so many coordinates of a place."""
    return (UNITS, 3) if places == 1 else (PLANE_UNITS, 3 * (places + 1))


def parameters(places: int) -> int:
    """Number of parameters of the network."""
    units, inputs = size(places)
    return 2 * HARMONICS + units * (inputs + 1) + inputs


def values(net: Parameters, waves: Array, latent: Array, where: Array) -> Array:
    """The network at pairs of a latent, with its Fourier functions, and a place, shapes (n, …), (n,) and (n, d)."""
    x = _inputs(net, waves, latent, where)
    return np.asarray(np.tanh(x @ net.first.T) @ net.last + x @ net.direct)


def iterations(stages: int, places: int = 1) -> int:
    """Number of iterations of a fit to so many numbers of cells, for so many coordinates of a place."""
    if places > 1:
        return ITERATIONS[2]
    return STARTS * ITERATIONS[0] + max(stages - 2, 0) * ITERATIONS[1] + ITERATIONS[2]


def fitted(
    tables: list[Means], cells: list[int], generator: np.random.Generator, made: Callable[[], None] = lambda: None
) -> Parameters:
    """The network for the means of the last of several numbers of cells, each fitted after the one before.

    For places in a plane the first of them only says how units start.

    Parameters
    ----------
    tables : list of Means
        Means for each number of cells.
    cells : list of int
        Numbers of cells, ascending.
    generator : Generator
        Of starts and pairs.
    made : callable, optional
        Called before each iteration; an exception that it raises ends the fit.
    """
    if tables[0].where.shape[1] > 1:
        net = _solved(_carried(tables[0], generator), tables[-1])
        return _solved(_improved(net, tables[-1], ITERATIONS[2], generator, made), tables[-1])
    starts = [
        _improved(_start(tables[0], cells[0], generator), tables[0], ITERATIONS[0], generator, made)
        for _ in range(STARTS)
    ]
    net = min(starts, key=lambda one: _missed(one, tables[0]))
    for i, (before, now) in enumerate(pairwise(cells), start=1):
        steep = np.hypot(net.first[:, 0], net.first[:, 1]) > before / 4.0
        net.first[steep] *= now / before
        net = _improved(net, tables[i], ITERATIONS[2 if now == cells[-1] else 1], generator, made)
    return _solved(net if len(cells) > 1 else _improved(net, tables[0], ITERATIONS[2], generator, made), tables[-1])


def _start(table: Means, cells: int, generator: np.random.Generator) -> Parameters:
    """Units in random directions, of which some are moved onto edges; no output yet."""
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


def _carried(table: Means, generator: np.random.Generator) -> Parameters:
    """Units on edges in random directions, which a flow of the places carries round; no output yet."""
    units, inputs = size(table.where.shape[1])
    where, dim = table.where, table.where.shape[1]
    back = np.zeros((dim + 1, dim + 1))
    back[1:] = -_flow(table)
    turn = np.arange(PHASES) / PHASES
    with np.errstate(over="ignore", invalid="ignore"):
        carried = np.stack([expm(share * back) for share in turn])
    if not (np.isfinite(carried).all() and np.abs(carried).max() < PHASES):  # no flow that goes round
        carried = np.broadcast_to(np.eye(dim + 1), carried.shape)
    gaps = np.asarray(cKDTree(where).query(where, 2)[0])[:, 1]
    gains = 2.0 / np.median(gaps) * generator.uniform(size=units) ** (1.0 / dim)
    direction = generator.standard_normal((units, dim))
    direction *= (gains / np.linalg.norm(direction, axis=1))[:, None]
    edges = np.einsum("ud,qdm->uqm", direction, carried[:, 1:])
    wave = np.stack([np.ones(PHASES), np.cos(2.0 * np.pi * turn), np.sin(2.0 * np.pi * turn)], axis=1)
    first = np.einsum("wq,uqm->uwm", np.linalg.pinv(wave), edges).reshape(units, inputs)
    first[:, 0] += gains * generator.uniform(-1.0, 1.0, units)
    return Parameters(first, np.zeros(2 * HARMONICS), np.zeros(units), np.zeros(inputs))


def _flow(table: Means) -> Array:
    """The affine flow b + A p of the places, in (b, A) of shape (d, d + 1), that explains most of how means change."""
    where, order = table.where, np.argsort(table.latent)
    means, latent, dim = table.means[order], table.latent[order], table.where.shape[1]
    near = cKDTree(where).query(where, min(4 * dim + 1, len(where)))[1]
    offsets = where[near] - where[:, None]
    slopes = np.linalg.pinv(np.concatenate([np.ones_like(offsets[..., :1]), offsets], axis=2))[:, 1:]
    affine = np.concatenate([np.ones((len(where), 1)), where], axis=1)
    square, product = np.zeros((dim * (dim + 1),) * 2), np.zeros(dim * (dim + 1))
    for i in range(len(means)):
        after, before = (i + 1) % len(means), i - 1
        step = (latent[after] - latent[before]) % 1.0 or 1.0
        gradient = np.einsum("jdn,jn->jd", slopes, means[i, near])
        rows = (gradient[:, :, None] * affine[:, None]).reshape(len(where), -1)
        square += rows.T @ rows
        product -= rows.T @ ((means[after] - means[before]) / step)
    flow: Array = np.linalg.lstsq(square, product, rcond=1e-12)[0]
    return flow.reshape(dim, dim + 1)


def _improved(
    net: Parameters, table: Means, iterations: int, generator: np.random.Generator, made: Callable[[], None]
) -> Parameters:
    """Levenberg–Marquardt on pairs that are drawn anew every few iterations."""
    damping, dim, stuck = DAMPING, table.means.shape[1], False
    for i in range(iterations):
        made()
        if i % FRESH == 0:
            chosen, weight = _pairs(table, generator)
            pairs = table.waves[chosen // dim], table.latent[chosen // dim], table.where[chosen % dim]
            target = table.means.ravel()[chosen]
        output, jacobian = _differentiated(net, *pairs)
        jacobian *= np.sqrt(weight)[:, None]
        square, gradient = jacobian.T @ jacobian, jacobian.T @ (np.sqrt(weight) * (target - output))
        missed = float(weight @ np.square(target - output))
        diagonal = np.diag(square) + 1e-12 * np.trace(square)
        for _ in range(TRIES):
            step = np.linalg.solve(square + np.diag(damping * diagonal + 1e-300), gradient)
            tried = net.moved(step.astype(np.float64))
            if float(weight @ np.square(target - values(tried, *pairs))) < missed:
                net, damping, stuck = tried, max(damping / 4.0, LEAST_DAMPING), False
                break
            damping *= 5.0
        else:
            # other pairs may do with less damping; where no step succeeds twice running, it goes on rising
            damping, stuck = damping if stuck else 10.0 * DAMPING, True
    return net


def _pairs(table: Means, generator: np.random.Generator) -> tuple[NDArray[np.intp], Array]:
    """Numbers of pairs of a cell and a place, and their weights: half uniform, half near edges; all if they are few."""
    size, dim = table.means.size, table.means.shape[1]
    if size <= PAIRS:
        return np.arange(size), np.repeat(table.probability / dim, dim)
    drawn, total = table.drawn
    at = (np.arange(PAIRS) + generator.random(PAIRS)) / PAIRS * total[-1]
    chosen = np.searchsorted(total, at).clip(max=size - 1)
    return chosen, table.probability[chosen // dim] / dim / drawn[chosen] * (total[-1] / PAIRS)


def _solved(net: Parameters, table: Means) -> Parameters:
    """The network with the last layer that is best for all pairs, if that is better."""
    units, inputs = net.first.shape
    square, gradient = np.zeros((units + inputs, units + inputs)), np.zeros(units + inputs)
    for row, x in _rows(net, table):
        features = np.concatenate([np.tanh(x @ net.first.T), x], axis=1)
        square += table.probability[row] * (features.T @ features)
        gradient += table.probability[row] * (table.means[row] @ features)
    layer = np.linalg.solve(square + RIDGE * np.trace(square) * np.eye(len(square)), gradient)
    better = Parameters(net.first, net.warp, layer[:units], layer[units:])
    return min((net, better), key=lambda one: _missed(one, table))


def _missed(net: Parameters, table: Means) -> float:
    """Mean squared error over all pairs."""
    missed = 0.0
    for row, x in _rows(net, table):
        output = np.tanh(x @ net.first.T) @ net.last + x @ net.direct
        missed += table.probability[row] * float(np.square(output - table.means[row]).mean())
    return missed


def _rows(net: Parameters, table: Means) -> Iterator[tuple[int, Array]]:
    """Each cell, and the inputs of the network there at all places."""
    for row, latent in enumerate(table.latent):
        yield row, _inputs(net, table.waves[row], np.full(len(table.where), latent), table.where)


def _differentiated(net: Parameters, waves: Array, latent: Array, where: Array) -> tuple[Array, Array]:
    """The network at pairs, as of `values`, and its derivatives in all parameters, shape (n, parameters)."""
    x = _inputs(net, waves, latent, where)
    units = np.tanh(x @ net.first.T)
    inner = (1.0 - units**2) * net.last
    if where.shape[1] == 1:
        in_latent = 2.0 * (inner @ net.first[:, 0] + net.direct[0])
    else:
        angle = 2.0 * np.pi * (latent + waves @ net.warp)
        turning = np.stack([np.zeros_like(angle), -np.sin(angle), np.cos(angle)], axis=1)
        moved = 2.0 * np.pi * _products(turning, where)
        in_latent = (inner * (moved @ net.first.T)).sum(axis=1) + moved @ net.direct
    count, starts = net.first.size, np.cumsum([net.first.size, net.warp.size, net.last.size])
    jacobian = np.empty((len(x), starts[-1] + net.direct.size))  # filled in place: it may have 24 million numbers
    np.multiply(inner[:, :, None], x[:, None, :], out=jacobian[:, :count].reshape(len(x), *net.first.shape))
    for part, start in zip((in_latent[:, None] * waves, units, x), starts, strict=True):
        jacobian[:, start : start + part.shape[1]] = part
    return units @ net.last + x @ net.direct, jacobian


def _waves(latent: Array) -> Array:
    angle = 2.0 * np.pi * latent[:, None] * np.arange(1, HARMONICS + 1)
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=1)


def _inputs(net: Parameters, waves: Array, latent: Array, where: Array) -> Array:
    warped = latent + waves @ net.warp
    if where.shape[1] == 1:
        return np.stack([2.0 * warped - 1.0, where[:, 0], np.ones_like(warped)], axis=1)
    angle = 2.0 * np.pi * warped
    return _products(np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], axis=1), where)


def _products(waves: Array, where: Array) -> Array:
    """All products of three functions of the latent and (1, coordinates), shape (n, 3·(d + 1))."""
    affine = np.concatenate([np.ones((len(where), 1)), where], axis=1)
    products: Array = waves[:, :, None] * affine[:, None, :]
    return products.reshape(len(where), -1)

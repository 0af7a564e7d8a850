"""A small network of (latent, t) as the synthesis of a circular latent, fitted by Levenberg–Marquardt.

It is f(θ, t) = a · tanh(W (2ψ − 1, 2t − 1, 1)) + b · (2ψ − 1, 2t − 1, 1). Here ψ, the warped latent, is θ plus a
Fourier series of θ. A realization that jumps at a place that moves with θ is an edge in the plane of θ and t. The warp
makes it straight, and one steep unit follows it.

The fit is to the means of cells. At first these are few and wide, so that edges are wide too. Units start on edges of
these means. Then the number of cells doubles until it is K, and with it the steepness of steep units. Pairs of a cell
and a place are drawn more often near edges, and weighted accordingly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
UNITS, HARMONICS = 64, 32
PARAMETERS = 2 * HARMONICS + 4 * UNITS + 3
ON_EDGES = 40  # units that start on an edge
STARTS = 6  # of which the best is kept
FIRST_CELLS = 16  # of the means that are fitted first
PAIRS = 12_000  # of a cell and a place in each fit
FRESH = 4  # iterations with the same pairs
ITERATIONS = (20, 20, 45)  # of a start, for each number of cells, and at the end
TRIES = 6  # of the damping in an iteration
DAMPING, LEAST_DAMPING = 1e-3, 1e-9
RIDGE = 1e-11  # of the last layer that is solved for, relative to the trace
FEW = 6  # cells, or samples, with fewer of which there are no edges


@dataclass(frozen=True)
class Means:
    """Mean realizations (cells, dim) of equal cells, their latents in turns and their probabilities (cells,)."""

    means: Array
    latent: Array
    probability: Array

    @cached_property
    def waves(self) -> Array:
        """Fourier functions of the latents, shape (cells, 2·harmonics)."""
        return _waves(self.latent)

    @cached_property
    def drawn(self) -> tuple[Array, Array]:
        """How often each pair of a cell and a place is to be drawn, half of it near edges, and prefix sums of that."""
        jump = np.abs(np.diff(self.means, axis=1, append=self.means[:, :1]))
        jump = np.maximum(jump, np.roll(jump, 1, axis=1))
        jump = np.square(np.maximum(jump, np.maximum(np.roll(jump, 1, axis=0), np.roll(jump, -1, axis=0)))).ravel()
        uniform = np.repeat(self.probability / self.means.shape[1], self.means.shape[1])
        drawn = 0.5 * uniform + 0.5 * jump / max(jump.sum(), 1e-300)
        return drawn, np.cumsum(drawn)


@dataclass
class Parameters:
    """Parameters of the network: W (units, 3), the warp (2·harmonics,), a (units,) and b (3,)."""

    first: Array
    warp: Array
    last: Array
    direct: Array

    def flat(self) -> Array:
        """All of them in a row."""
        return np.concatenate([self.first.ravel(), self.warp, self.last, self.direct])

    def moved(self, step: Array) -> Parameters:
        """The parameters after a step."""
        first, warp, last, direct = np.split(self.flat() + step, np.cumsum([3 * UNITS, 2 * HARMONICS, UNITS]))
        return Parameters(first.reshape(UNITS, 3), warp, last, direct)


def values(net: Parameters, waves: Array, latent: Array, t: Array) -> Array:
    """The network at pairs of a latent, with its Fourier functions, and a place, shapes (n, …), (n,) and (n,)."""
    x = _inputs(net, waves, latent, t)
    return np.asarray(np.tanh(x @ net.first.T) @ net.last + x @ net.direct)


def iterations(stages: int) -> int:
    """Number of iterations of a fit to so many numbers of cells."""
    return STARTS * ITERATIONS[0] + max(stages - 2, 0) * ITERATIONS[1] + ITERATIONS[2]


def fitted(
    tables: list[Means], cells: list[int], generator: np.random.Generator, made: Callable[[], None] = lambda: None
) -> Parameters:
    """The network for the means of the last of several numbers of cells, each fitted after the one before.

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


def _improved(
    net: Parameters, table: Means, iterations: int, generator: np.random.Generator, made: Callable[[], None]
) -> Parameters:
    """Levenberg–Marquardt on pairs that are drawn anew every few iterations."""
    damping, dim, stuck = DAMPING, table.means.shape[1], False
    for i in range(iterations):
        made()
        if i % FRESH == 0:
            chosen, weight = _pairs(table, generator)
            pairs = table.waves[chosen // dim], table.latent[chosen // dim], (chosen % dim) / dim
            target = table.means.ravel()[chosen]
        found, jacobian = _differentiated(net, *pairs)
        jacobian *= np.sqrt(weight)[:, None]
        square, gradient = jacobian.T @ jacobian, jacobian.T @ (np.sqrt(weight) * (target - found))
        missed = float(weight @ np.square(target - found))
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
    square, gradient = np.zeros((UNITS + 3, UNITS + 3)), np.zeros(UNITS + 3)
    for row, x in _rows(net, table):
        features = np.concatenate([np.tanh(x @ net.first.T), x], axis=1)
        square += table.probability[row] * (features.T @ features)
        gradient += table.probability[row] * (table.means[row] @ features)
    layer = np.linalg.solve(square + RIDGE * np.trace(square) * np.eye(len(square)), gradient)
    better = Parameters(net.first, net.warp, layer[:UNITS], layer[UNITS:])
    return min((net, better), key=lambda one: _missed(one, table))


def _missed(net: Parameters, table: Means) -> float:
    """Mean squared error over all pairs."""
    missed = 0.0
    for row, x in _rows(net, table):
        found = np.tanh(x @ net.first.T) @ net.last + x @ net.direct
        missed += table.probability[row] * float(np.square(found - table.means[row]).mean())
    return missed


def _rows(net: Parameters, table: Means) -> Iterator[tuple[int, Array]]:
    """Each cell, and the inputs of the network there at all places."""
    dim = table.means.shape[1]
    t = np.arange(dim) / dim
    for row, latent in enumerate(table.latent):
        yield row, _inputs(net, table.waves[row], np.full(dim, latent), t)


def _differentiated(net: Parameters, waves: Array, latent: Array, t: Array) -> tuple[Array, Array]:
    """The network at pairs, as of `values`, and its derivatives in all parameters, shape (n, parameters)."""
    x = _inputs(net, waves, latent, t)
    units = np.tanh(x @ net.first.T)
    inner = (1.0 - units**2) * net.last
    in_first = (inner[:, :, None] * x[:, None, :]).reshape(len(t), -1)
    in_warp = 2.0 * (inner @ net.first[:, 0] + net.direct[0])[:, None] * waves
    return units @ net.last + x @ net.direct, np.concatenate([in_first, in_warp, units, x], axis=1)


def _waves(latent: Array) -> Array:
    angle = 2.0 * np.pi * latent[:, None] * np.arange(1, HARMONICS + 1)
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=1)


def _inputs(net: Parameters, waves: Array, latent: Array, t: Array) -> Array:
    return np.stack([2.0 * (latent + waves @ net.warp) - 1.0, 2.0 * t - 1.0, np.ones_like(t)], axis=1)

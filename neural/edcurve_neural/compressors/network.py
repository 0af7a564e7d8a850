"""A small network of (latent, t) as the synthesis of a circular latent, fitted by Levenberg–Marquardt.

It is f(θ, t) = a · tanh(W (2ψ − 1, 2t − 1, 1)) + b · (2ψ − 1, 2t − 1, 1). Here ψ, the warped latent, is θ plus a
Fourier series of θ. A realization that jumps at a place that moves with θ is an edge in the plane of θ and t. The warp
makes it straight, and one steep unit follows it.

The fit is to the means of cells. At first these are few and wide, so that edges are wide too. Units start on edges of
these means. Then the number of cells doubles until it is K, and with it the steepness of steep units. Pairs of a cell
and a place are drawn more often near edges, and weighted accordingly.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

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


class Means(NamedTuple):
    """Mean realizations (cells, dim) of equal cells, their latents in turns and their probabilities (cells,)."""

    means: Array
    latent: Array
    probability: Array


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


def values(net: Parameters, latent: Array, t: Array) -> Array:
    """The network at pairs of a latent and a place, shapes (n,)."""
    x = _inputs(net, _waves(latent), latent, t)
    return np.asarray(np.tanh(x @ net.first.T) @ net.last + x @ net.direct)


def fitted(tables: list[Means], cells: list[int], generator: np.random.Generator) -> Parameters:
    """The network for the means of the last of several numbers of cells, each fitted after the one before.

    Parameters
    ----------
    tables : list of Means
        Means for each number of cells.
    cells : list of int
        Numbers of cells, ascending.
    generator : Generator
        Of starts and pairs.
    """
    starts = [
        _improved(_start(tables[0], cells[0], generator), tables[0], ITERATIONS[0], generator) for _ in range(STARTS)
    ]
    net = min(starts, key=lambda one: _missed(one, tables[0]))
    for i, (before, now) in enumerate(pairwise(cells), start=1):
        steep = np.hypot(net.first[:, 0], net.first[:, 1]) > before / 4.0
        net.first[steep] *= now / before
        net = _improved(net, tables[i], ITERATIONS[2 if now == cells[-1] else 1], generator)
    return _solved(net if len(cells) > 1 else _improved(net, tables[0], ITERATIONS[2], generator), tables[-1])


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


def _improved(net: Parameters, table: Means, iterations: int, generator: np.random.Generator) -> Parameters:
    """Levenberg–Marquardt on pairs that are drawn anew every few iterations."""
    damping = DAMPING
    for i in range(iterations):
        if i % FRESH == 0:
            latent, t, target, weight = _pairs(table, generator)
        found, jacobian = _differentiated(net, latent, t)
        rows = jacobian * np.sqrt(weight)[:, None]
        square, gradient = rows.T @ rows, rows.T @ (np.sqrt(weight) * (target - found))
        missed = float(weight @ np.square(target - found))
        diagonal = np.diag(square) + 1e-12 * np.trace(square)
        for _ in range(TRIES):
            step = np.linalg.solve(square + np.diag(damping * diagonal + 1e-300), gradient)
            tried = net.moved(step.astype(np.float64))
            if float(weight @ np.square(target - values(tried, latent, t))) < missed:
                net, damping = tried, max(damping / 4.0, LEAST_DAMPING)
                break
            damping *= 5.0
        else:
            damping = 10.0 * DAMPING
    return net


def _pairs(table: Means, generator: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """Latents, places, means there and weights of pairs: half uniform, half near edges; all if they are few."""
    means, dim = table.means, table.means.shape[1]
    uniform = np.broadcast_to(table.probability[:, None] / dim, means.shape).ravel()
    chosen, weight = np.arange(means.size), uniform
    if means.size > PAIRS:
        jump = np.abs(np.diff(means, axis=1, append=means[:, :1]))
        jump = np.maximum(jump, np.roll(jump, 1, axis=1))
        jump = np.square(np.maximum(jump, np.maximum(np.roll(jump, 1, axis=0), np.roll(jump, -1, axis=0)))).ravel()
        drawn = 0.5 * uniform + 0.5 * jump / max(jump.sum(), 1e-300)
        total = np.cumsum(drawn)
        at = (np.arange(PAIRS) + generator.random(PAIRS)) / PAIRS * total[-1]
        chosen = np.searchsorted(total, at).clip(max=means.size - 1)
        weight = uniform[chosen] / drawn[chosen] * (total[-1] / PAIRS)
    return table.latent[chosen // dim], (chosen % dim) / dim, means.ravel()[chosen], weight


def _solved(net: Parameters, table: Means) -> Parameters:
    """The network with the last layer that is best for all pairs, if that is better."""
    dim, square, gradient = table.means.shape[1], np.zeros((UNITS + 3, UNITS + 3)), np.zeros(UNITS + 3)
    for row, latent in enumerate(table.latent):
        at = np.full(dim, latent)
        x = _inputs(net, _waves(at[:1]), at, np.arange(dim) / dim)
        features = np.concatenate([np.tanh(x @ net.first.T), x], axis=1)
        square += table.probability[row] * (features.T @ features)
        gradient += table.probability[row] * (table.means[row] @ features)
    layer = np.linalg.solve(square + RIDGE * np.trace(square) * np.eye(len(square)), gradient)
    better = Parameters(net.first, net.warp, layer[:UNITS], layer[UNITS:])
    return min((net, better), key=lambda one: _missed(one, table))


def _missed(net: Parameters, table: Means) -> float:
    dim = table.means.shape[1]
    found = values(net, np.repeat(table.latent, dim), np.tile(np.arange(dim) / dim, len(table.latent)))
    return float(table.probability @ np.square(found.reshape(-1, dim) - table.means).mean(axis=1))


def _differentiated(net: Parameters, latent: Array, t: Array) -> tuple[Array, Array]:
    """The network at pairs, and its derivatives in all parameters, shape (n, parameters)."""
    waves = _waves(latent)
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

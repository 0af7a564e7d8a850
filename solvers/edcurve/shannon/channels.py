"""Test channels from the phase of an open source to reproductions that are centroids of phases.

The phase is resolved to a cell of [0, 1], and a reproduction is the centroid y of a density over cells. The mean of
‖γ(v) − y‖² over a cell is then exact, from second differences of u d(u).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, special

from edcurve.linear import is_scalar
from edcurve.sources import Source

from .phase_grids import Array, cell_means


@dataclass(frozen=True, eq=False)
class PhaseCells:
    """Equal cells of the phase in [0, 1].

    `means` has the means of δ over two cells, by their distance, and `symbol` is its Fourier transform. `scalar` tells
    whether reproductions are real numbers, as for a source on the line.
    """

    count: int
    scalar: bool
    means: Array
    length: int
    symbol: Array

    @staticmethod
    def of(source: Source, count: int) -> PhaseCells:
        """Make the cells of a source."""
        means = cell_means(source, 1.0 / count, count)
        length = int(fft.next_fast_len(2 * count, real=True))
        kernel = np.zeros(length)
        # δ is even: negative distances are at the end of the cyclic kernel
        kernel[:count] = means
        kernel[1 - count :] = means[:0:-1]
        scalar = is_scalar(source)
        return PhaseCells(count, scalar, means, length, fft.rfft(kernel).real)

    def distances(self, densities: Array) -> Array:
        """Compute the mean of ‖γ(v) − y‖² over each cell (columns) for the centroid y of each density (rows)."""
        product = fft.rfft(densities, self.length, axis=1) * self.symbol
        convolved = fft.irfft(product, self.length, axis=1)[:, : self.count]
        return np.asarray(convolved - 0.5 * np.einsum("ij,ij->i", densities, convolved)[:, None])

    def posterior(self, distances: Array, log_weight: Array, lmbda: float) -> tuple[Array, Array]:
        """Make densities ∝ α exp(−λ‖γ(v) − y‖²) over cells, from ln α, and ln of the integral S(y)."""
        exponent = log_weight - lmbda * distances
        top = exponent.max(axis=1, keepdims=True)
        density = np.exp(exponent - top)
        total = density.sum(axis=1, keepdims=True)
        return np.asarray(density / total), np.asarray(np.log(total[:, 0] / self.count) + top[:, 0])

    def spread(self, count: int) -> Array:
        """Compute distances from γ(u) to each cell, for ``count`` uniformly spaced phases u."""
        phases = ((np.arange(count) + 0.5) * self.count / count).astype(int)
        return np.asarray(self.means[np.abs(np.arange(self.count) - phases[:, None])])

    def variation(self, densities: Array, lmbda: float) -> Array:
        """Estimate the contribution of the variation of exp(−λ‖γ(v) − y‖²) within cells to ln S(y)."""
        change = np.gradient(self.distances(densities), axis=1)
        half = 0.5 * lmbda * np.abs(change)
        return np.asarray(np.log1p(np.einsum("ij,ij->i", densities, half**2 * (1.0 + 0.05 * half**2) / 6.0)))


@dataclass(frozen=True, eq=False)
class PhaseChannel:
    """A test channel for a λ, its rate in nats and distortion, and the dual value: a lower bound on rate + λD.

    `densities` (rows) are the posteriors of the phase given each reproduction. Each represents itself and its mirror
    image, and `weights` are the probabilities of these pairs.
    """

    lmbda: float
    rate: float
    distortion: float
    dual: float
    cells: PhaseCells
    densities: Array
    weights: Array

    @property
    def own_distortions(self) -> Array:
        """Distortion of each reproduction at the centroid of its own posterior."""
        distances = self.cells.distances(self.densities)
        return np.asarray(np.einsum("ij,ij->i", self.densities, distances))

    @property
    def gap(self) -> float:
        """Upper bound on the channel's distance from the least rate + λD."""
        return self.rate + self.lmbda * self.distortion - self.dual


def highest(cells: PhaseCells, log_weight: Array, lmbda: float, starts: Array) -> tuple[Array, Array, float]:
    """Climb to local maxima of S(y) = ∫ α exp(−λ‖γ(v) − y‖²) dv.

    Returns their densities, ln S there, and an upper estimate of the largest. Each start takes six steps, because the
    one that leads to the largest may be among the worst after the first step. It continues while five times the gain of
    its last step could make it the largest. The few highest continue until they converge. For scalar reproductions,
    which are scanned, none continues.
    """
    densities, values, gains = _climb(cells, log_weight, lmbda, starts)
    for _ in range(0 if cells.scalar else CYCLES):
        active = values + 5.0 * gains > values.max() + CLOSE
        active[np.argsort(-values)[:FEW]] = True
        active &= gains > STILL
        if not active.any():
            break
        densities[active], values[active], gains[active] = _climb(cells, log_weight, lmbda, densities[active])
    return densities, values, float((values + 5.0 * gains).max())


def _climb(cells: PhaseCells, log_weight: Array, lmbda: float, densities: Array) -> tuple[Array, Array, Array]:
    """Take six steps y ← centroid of the posterior, which raise S; return densities, ln S, and the last gain.

    One step starts from an extrapolation of two steps, where that is better (Varadhan and Roland 2008).
    """

    def step(before: Array) -> tuple[Array, Array]:
        return cells.posterior(cells.distances(before), log_weight, lmbda)

    densities, _ = step(densities)
    first, _ = step(densities)
    second, values = step(first)
    change = first - densities
    curvature = (second - first) - change
    size = np.sqrt((change**2).sum(axis=1) / np.maximum((curvature**2).sum(axis=1), 1e-300))
    # a step of length 1 leads to `second`; the length ‖r‖/‖v‖ is that of their third scheme
    size = np.clip(size, 1.0, 30.0)[:, None]
    third, reached = step(step(densities + 2.0 * size * change + size**2 * curvature)[0])
    densities, before = step(np.where((reached >= values)[:, None], third, second))
    densities, after = step(densities)
    return densities, after, after - before


CYCLES = 12  # most cycles of six steps
FEW = 6  # number of the highest, which always continue
STILL = 2e-7  # gain of the last step, in nats, at which a climb has converged
CLOSE = 2e-5  # nats by which a climb must promise to exceed the largest value to continue


def scanned(log_weight: Array, step: float, lmbda: float) -> float:
    """Bound ln S(y) from above over all real y, for α constant on cells of size `step`, by a scan of their interval.

    Outside it S is smaller. Between adjacent points S exceeds the larger of their values by at most distance²/8 times
    a bound on |S″|. The bound is that of exp(−λx²), 2λ, times ∫α.
    """
    count, top = log_weight.size, float(log_weight.max())
    weight, root = np.exp(log_weight - top), np.sqrt(lmbda)
    edges = np.arange(-count, count + 1) - np.arange(SCANNED)[:, None] / SCANNED
    kernels = np.diff(special.erf(root * step * edges), axis=1) * (0.5 * np.sqrt(np.pi) / root)
    length = int(fft.next_fast_len(2 * count, real=True))
    # the sum of weights times kernel values `index` to `index + count`, for each index, is at count − 1 + index
    product = fft.rfft(kernels, length, axis=1) * fft.rfft(weight[::-1], length)
    largest = float(fft.irfft(product, length, axis=1)[:, count - 1 : 2 * count].max())
    between = 2.0 * lmbda * float(weight.sum()) * step * (step / SCANNED) ** 2 / 8.0
    return top + float(np.log(largest + between))


SCANNED = 32  # points per cell

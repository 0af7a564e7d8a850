"""Codes of rotations and of spheres in higher dimensions, by Lloyd iterations on points, and measured on others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edcurve import progress
from edcurve.sources import Surface

from . import orders

Array = NDArray[np.float64]

COUNTS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)  # initial numbers of cells
HIGHEST = 16  # dimension
TRAINED, FOR_EACH = 16_000, 250  # least number of points of the iterations, in total and per cell
MEASURED = 2**17  # points on which a code is measured
TRIES, FEW = 3, 16  # starts for each number of cells up to FEW; one start for more cells
STEPS, ENOUGH = 60, 1e-5  # most iterations; least improvement of H + λD, in nats, for another
CLEARLY = 1e-3  # relative difference of distortions that is not one of measurement
SURE = 3.0  # standard errors that are added to measured values
SEED = 2022
BLOCK = 2**15  # points measured at once
IN_CACHE = 2**16  # points × cells compared at once: in the cache this is four times as fast


@dataclass(frozen=True, eq=False)
class SampledCells:
    """Cells {x : ⟨x, cᵢ⟩ − bᵢ is greatest}, with |⟨x, cᵢ⟩| − bᵢ if x and −x are equivalent."""

    centres: Array
    offsets: Array
    paired: bool

    def nearest(self, x: Array) -> NDArray[np.intp]:
        """Index of the cell of each point."""
        cell, rows = np.empty(len(x), np.intp), max(1, IN_CACHE // len(self.offsets))
        for start in range(0, len(x), rows):
            along = x[start : start + rows] @ self.centres.T
            if self.paired:
                np.abs(along, out=along)
            along -= self.offsets
            np.argmax(along, axis=1, out=cell[start : start + rows])
        return cell

    def means(self) -> Array:
        """Reproductions of the cells: means of the points of the iterations."""
        return self.centres


class Sampled(NamedTuple):
    """A code of the unscaled source: entropy in nats and distortion are upper ends of their measured intervals."""

    entropy: float
    distortion: float
    lmbda: float
    cells: SampledCells


def codes(source: Surface, paired: bool) -> list[Sampled]:
    """Codes of up to about 128 cells of an unscaled source, including one cell."""
    rng = np.random.default_rng(SEED)
    width, whole = source.coordinates, source.max_distortion
    measured = _points(rng, MEASURED, width)
    centre = np.zeros((1, width))
    centre[0, 0] = math.sqrt(1.0 - whole)
    result = [Sampled(0.0, whole, 0.0, SampledCells(centre, np.zeros(1), paired))]
    if not paired:
        result.append(_hemispheres(source))
    result += _by_order(source, paired, measured)
    with progress.bar("searching codes", len(COUNTS)) as update:
        for done, count in enumerate(COUNTS, start=1):
            lmbda = _multiplier(source, count)
            x = _points(rng, max(TRAINED, FOR_EACH * count), width)
            starts = [rng.choice(x, count, replace=False) for _ in range(TRIES if count <= FEW else 1)]
            ends = [_iterate(x, start, lmbda, paired) for start in starts]
            _, centres, p = min(ends, key=lambda end: end[0])
            result.append(_measured(measured, SampledCells(centres, _offsets(centres, p, lmbda), paired), p, lmbda))
            update(done, len(COUNTS))
    return result


def _by_order(source: Surface, paired: bool, measured: Array) -> list[Sampled]:
    """Codes of `orders` that have less distortion than all of them with fewer cells; some beat those of the search."""
    x = _points(np.random.default_rng(SEED + 1), MEASURED, source.coordinates)
    magnitudes = np.sort(np.abs(x), axis=1)[:, ::-1].mean(axis=0)
    result, least = [], source.max_distortion if paired else _hemispheres(source).distortion
    for count, groups, signs in sorted(
        (orders.cells(*one, paired), *one) for one in orders.candidates(len(magnitudes))
    ):
        if 1 < count <= COUNTS[-1] and (len(groups) == 1 or signs in (0, groups[-1])):
            centres = orders.codewords(groups, signs, paired, magnitudes.tolist())
            distortion = 1.0 - float(centres[0] @ centres[0])
            if distortion < least * (1.0 - CLEARLY):
                least, cells = distortion, SampledCells(centres, np.zeros(count), paired)
                result.append(_measured(measured, cells, np.full(count, 1.0 / count), _multiplier(source, count)))
    return result


def _points(rng: np.random.Generator, count: int, width: int) -> Array:
    """Uniform points of the unit sphere."""
    x = rng.normal(size=(count, width))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def _hemispheres(source: Surface) -> Sampled:
    distortion = 2.0 * float(source.cell_distortion(0.5))
    centres = np.zeros((2, source.coordinates))
    centres[:, 0] = np.array([1.0, -1.0]) * math.sqrt(1.0 - distortion)
    return Sampled(math.log(2.0), distortion, 0.0, SampledCells(centres, np.zeros(2), False))


def _multiplier(source: Surface, count: int) -> float:
    """The λ at which ln K + λ K d(1/K) is stationary."""
    more, less = (k * float(source.cell_distortion(1.0 / k)) for k in (count * 1.05, count / 1.05))
    return 2.0 * math.log(1.05) / (less - more)


def _offsets(centres: Array, p: Array, lmbda: float) -> Array:
    return np.asarray(0.5 * (np.einsum("ij,ij->i", centres, centres) - np.log(p) / lmbda))


def _iterate(x: Array, centres: Array, lmbda: float, paired: bool) -> tuple[float, Array, Array]:
    """H + λD, means and probabilities, as in `lloyd.iterate`; of x and −x, the one on the side of the mean counts."""
    p, value = np.full(len(centres), 1.0 / len(centres)), math.inf
    for _ in range(STEPS):
        cell = SampledCells(centres, _offsets(centres, p, lmbda), paired).nearest(x)
        turned = np.where(np.einsum("ij,ij->i", x, centres[cell]) < 0.0, -1.0, 1.0)[:, None] * x if paired else x
        counts = np.bincount(cell, minlength=len(p))
        sums = np.stack([np.bincount(cell, axis, minlength=len(p)) for axis in turned.T], axis=1)
        used = counts > 0
        p, centres = counts[used] / len(x), sums[used] / counts[used, None]
        before, value = value, float(-p @ np.log(p) - lmbda * (p @ np.einsum("ij,ij->i", centres, centres)))
        if not value < before - ENOUGH:
            break
    return value, centres, p


def _measured(x: Array, cells: SampledCells, p: Array, lmbda: float) -> Sampled:
    """Mean code length and squared error of points outside the iterations, plus `SURE` standard errors.

    The code lengths −ln p use the shares in the iterations, so that their mean is at least the entropy.
    """
    lengths, errors = [], []
    for start in range(0, len(x), BLOCK):
        block = x[start : start + BLOCK]
        cell = cells.nearest(block)
        along = np.einsum("ij,ij->i", block, cells.centres[cell])
        along = np.abs(along) if cells.paired else along
        lengths.append(-np.log(p[cell]))
        errors.append(1.0 - 2.0 * along + np.einsum("ij,ij->i", cells.centres, cells.centres)[cell])
    columns = [np.concatenate(parts) for parts in (lengths, errors)]
    entropy, distortion = (float(values.mean() + SURE * values.std() / math.sqrt(len(x))) for values in columns)
    return Sampled(entropy, distortion, lmbda, cells)

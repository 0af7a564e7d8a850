"""Codes of weighted points, by entropy-constrained Lloyd iterations from many starts, measured exactly.

Codes of few points are optimal, because all partitions are compared.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edcurve import progress
from edcurve.sources import SampledSurface
from edcurve.sources.protocol import kept
from edcurve.sources.sampled_surface import Samples

from . import exhaustive, lloyd

Array = NDArray[np.float64]

# likely best numbers of cells for the λ of the search
COUNTS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256)
FULL, FEW = 24, 16  # least average number of points in a cell, and number of cells that are always allowed
FOR_EACH, LEAST = 64, 4096  # points per cell of the sample for trying starts, and its least size
TRIES = ((8, 24), (32, 12), (256, 4))  # numbers of cells up to which there are so many starts
MORE = (1.0, 1.4)  # initial numbers of cells, over the likely best
VARIED = 24  # trials of one cell more or less from the best code
BETWEEN = 2  # further λ between neighbouring ones, for which their codes are iterated
SEED = 2022


@dataclass(frozen=True, eq=False)
class WeightedCells:
    """Cells {x : ⟨x, cᵢ⟩ − bᵢ is greatest}, with the means of their points."""

    centres: Array
    offsets: Array
    words: Array

    def nearest(self, x: Array) -> NDArray[np.intp]:
        """Index of the cell of each point."""
        return np.asarray(np.argmax(x @ self.centres.T - self.offsets, axis=1))

    def means(self) -> Array:
        """Means of the cells."""
        return self.words


Candidate = tuple[float, Array, Array]  # H + λD in nats, means, probabilities


class Weighted(NamedTuple):
    """A code of points: entropy in nats, distortion, the λ for which it was optimised, and its cells."""

    entropy: float
    distortion: float
    lmbda: float
    cells: WeightedCells


def codes(source: SampledSurface) -> list[Weighted]:
    """Codes of up to about 256 cells of the unscaled samples, including one cell, by increasing λ."""
    samples, rng = source.samples, np.random.default_rng(SEED)
    if samples.few:
        return _best(samples)
    x, weight = samples.points, samples.weights
    mean = weight @ x
    result = [_measured(x, weight, mean[None], np.ones(1), 0.0)]
    multipliers = {count: _multiplier(source, count) for count in COUNTS if count <= most_cells(len(x))}
    counts = [count for count, lmbda in multipliers.items() if lmbda < math.inf]  # cells of more than one point
    with progress.bar(f"searching codes of {samples.name}", len(counts)) as update:
        for done, count in enumerate(counts, start=1):
            lmbda = multipliers[count]
            subset, mass = _subset(x, weight, max(LEAST, FOR_EACH * count), rng)
            tries = next(number for most, number in TRIES if count <= most)
            starts = [_start(subset, mass, math.ceil(MORE[k % 2] * count), rng) for k in range(tries)]
            ends = (lloyd.iterate(subset, start, lmbda, None, mass) for start in starts)
            best = _varied(subset, mass, min(ends, key=lambda end: end[0]), lmbda, rng)
            _, centres, p = lloyd.iterate(x, best[1], lmbda, best[2], weight)
            result.append(_measured(x, weight, centres, p, lmbda))
            update(done, len(counts))
        for before, after in itertools.pairwise([one.lmbda for one in result[1:]]):
            between = np.geomspace(before, after, BETWEEN + 2)[1:-1].tolist() if after > before else []
            result += [at_multiplier(source, result, lmbda) for lmbda in between]
    return sorted(result, key=lambda one: one.lmbda)


def known(source: SampledSurface) -> list[Weighted]:
    """The codes of `codes`, searched once for all multiples of the source."""
    return kept(source.samples, "codes", lambda: codes(source))


def most_cells(points: int) -> float:
    """Largest number of cells of codes of so many points."""
    return max(points / FULL, min(points, FEW))


def best_partitions(samples: Samples) -> list[exhaustive.Optimal]:
    """The vertices of the convex hull of E(D) of a few samples, with cells of the points."""
    return kept(samples, "partitions", lambda: _partitions(samples))


def _partitions(samples: Samples) -> list[exhaustive.Optimal]:
    points, index = np.unique(samples.points, axis=0, return_inverse=True)
    mass = np.bincount(index.ravel(), samples.weights).astype(np.float64)
    optimal = exhaustive.Partitions(points, mass).hull(f"comparing partitions of {samples.name}")
    return [one._replace(label=one.label[index.ravel()]) for one in optimal]


def _best(samples: Samples) -> list[Weighted]:
    """The codes of `best_partitions`, each with a λ at which it is the best."""
    x, weight, result = samples.points, samples.weights, []
    vertices = best_partitions(samples)
    ends = [(b.entropy - a.entropy) / (a.distortion - b.distortion) for a, b in itertools.pairwise(vertices)]
    chosen = [0.0, *(math.sqrt(a * b) for a, b in itertools.pairwise(ends)), 2.0 * ends[-1]]
    for one, lmbda in zip(vertices, chosen, strict=True):
        p = np.bincount(one.label, weight).astype(np.float64)
        means = np.stack([np.bincount(one.label, weight * axis) for axis in x.T], axis=1) / p[:, None]
        result.append(_measured(x, weight, means, p, lmbda))
    result[-1] = result[-1]._replace(lmbda=math.inf)
    return result


def restored(table: Mapping[str, Array]) -> list[Weighted]:
    """The codes in a table of `edcurve.optimum.klein_table`."""
    ends, dim = np.cumsum(table["counts"])[:-1], (table["cells"].shape[1] - 1) // 2
    rows = np.split(table["cells"], ends)
    about = zip(
        (table["entropy"] + 0.0).tolist(), table["distortion"].tolist(), table["multiplier"].tolist(), strict=True
    )
    return [
        Weighted(*one, WeightedCells(row[:, :dim], row[:, dim], row[:, dim + 1 :]))
        for one, row in zip(about, rows, strict=True)
    ]


def at_multiplier(source: SampledSurface, known: list[Weighted], lmbda: float) -> Weighted:
    """The best of these codes, iterated at another λ; in units of the unscaled samples."""
    samples = source.samples
    x, weight = samples.points, samples.weights
    order = sorted(known, key=lambda one: one.entropy + lmbda * one.distortion)
    moved = [order[0]]
    for one in order[:2]:
        if len(one.cells.words) > 1 and lmbda > 0.0 and not samples.few:
            sizes = np.bincount(one.cells.nearest(x), weight, len(one.cells.words)).astype(np.float64)
            _, centres, p = lloyd.iterate(x, one.cells.words, lmbda, sizes, weight)
            moved.append(_measured(x, weight, centres, p, lmbda))
    return min(moved, key=lambda one: one.entropy + lmbda * one.distortion)


def _multiplier(source: SampledSurface, count: int) -> float:
    """The λ at which ln K + λ K d(1/K) is stationary."""
    table = source.samples.balls
    lower, upper = (k * float(table(np.array([1.0 / k]))[0]) for k in (count * 1.1, count / 1.1))
    return 2.0 * math.log(1.1) / (upper - lower) if lower < upper else math.inf


def _subset(x: Array, weight: Array, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """A sample of equally weighted points, drawn by weight; all points if they are no more than ``count``."""
    if len(x) <= count:
        return x, weight
    return x[rng.choice(len(x), count, replace=False, p=weight)], np.full(count, 1.0 / count)


def _varied(x: Array, weight: Array, best: Candidate, lmbda: float, rng: np.random.Generator) -> Candidate:
    """Improve a code by trials of one cell more or less."""
    for trial in range(VARIED):
        _, centres, p = best
        if trial % 3 == 2 and len(p) > 1:
            without = np.arange(len(p)) != rng.integers(len(p))
            centres, p = centres[without], p[without] / p[without].sum()
        else:
            centres = np.concatenate([centres, x[rng.choice(len(x), 1, p=weight)]])
            p = np.append(p, p.mean()) / (1.0 + p.mean())
        candidate = lloyd.iterate(x, centres, lmbda, p, weight)
        best = candidate if candidate[0] < best[0] else best
    return best


def _start(x: Array, weight: Array, count: int, rng: np.random.Generator) -> Array:
    most = int(np.count_nonzero(weight))
    return x[rng.choice(len(x), min(count, most), replace=False, p=weight)]


def _measured(x: Array, weight: Array, centres: Array, p: Array, lmbda: float) -> Weighted:
    """Measure a code on all points, decoded to the means of their cells."""
    weighted = 0.0 if lmbda == 0.0 else np.log(p) / lmbda
    offsets = 0.5 * (np.einsum("ij,ij->i", centres, centres) - weighted)
    cell = np.argmax(x @ centres.T - offsets, axis=1)
    used, cell = np.unique(cell, return_inverse=True)
    share = np.bincount(cell, weight)
    words = np.stack([np.bincount(cell, axis * weight) for axis in x.T], axis=1) / share[:, None]
    cells = WeightedCells(centres[used], offsets[used], words)
    distortion = float(weight @ np.sum((x - words[cell]) ** 2, axis=1))
    return Weighted(max(0.0, -float(share @ np.log(share))), distortion, lmbda, cells)

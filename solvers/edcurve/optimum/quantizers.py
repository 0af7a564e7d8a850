"""The optimal quantizer as an object: it maps phases or realizations to indices, and indices to centroids."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation
from edcurve.codes import SurfaceCode
from edcurve.kernels import biuniform
from edcurve.sources import BOUND, SampledRamp, Source, Surface, resolve
from edcurve.sources.ramp import Composition

from . import enclosed
from .bounds import best_partition
from .partitions import GroupedPartition, ListedPartition, Partition, partition

Array = NDArray[np.float64]
LISTED = 10**7


@dataclass(frozen=True)
class Quantizer:
    """Cells [0, size), [size, 2·size), … of the phase, the odd one last, or consecutive cells of any sizes.

    Attributes
    ----------
    source : Source
        The quantized source.
    partition : Partition, ListedPartition or GroupedPartition
        Sizes of the cells, listed or in groups of equal ones where they are not biuniform. An odd cell is left out if
        it is too small to contain a phase below 1.
    entropy : float
        Entropy of the index, in units of `base`.
    distortion : float
        Mean squared error with the centroids as reconstructions. For measured points with a defect it is the mean over
        all positions of the partition, from which this one differs by at most the source's `truncation`.
    """

    source: Source
    partition: Partition | ListedPartition | GroupedPartition
    entropy: float
    distortion: float

    @property
    def status(self) -> str:
        """Status of the source's E(D): whether this quantizer attains it, or is the best known ("upper bound")."""
        return self.source.status

    @property
    def cells(self) -> int:
        """Number of cells, the odd one included."""
        odd = self.partition.odd > 0.0 if isinstance(self.partition, Partition) else False
        return int(self.partition.count) + int(odd)

    def encode(self, x: ArrayLike) -> Any:
        """Index of the cell.

        Parameters
        ----------
        x : float or array_like
            Phases in [0, 1] if a number or one-dimensional; otherwise realizations along the last axis, as `decode`
            returns them (the ramp, the sinusoid, the sawbridge and waveforms sampled at t = i/T for any T; measured
            points, which are replaced by the nearest point of the curve). Pass a single realization as ``x[None]``.

        Returns
        -------
        int or ndarray of int64
            Indices from 0 to ``cells − 1``, of the shape of the phases.
        """
        array = validation.as_array("x", x, "x must be phases or realizations, got {what}")
        phase = validation.nonnegative("x", array if array.ndim < 2 else self.source.phase(array))
        if np.any(phase > 1.0):
            raise ValueError(f"x must be phases between 0 and 1, got {phase.max()}")
        index = np.clip(self.partition.locate(phase), 0, self.cells - 1)
        if self.source.closed:
            index = np.where(phase == 1.0, 0, index)
        return index if array.ndim else int(index)

    def decode(self, index: ArrayLike, samples: int = 1024) -> Any:
        """Centroids E[X | cell].

        Parameters
        ----------
        index : int or array_like of int
            Indices of cells.
        samples : int
            For sources that are functions on [0, 1]: the number T of points t = i/T.

        Returns
        -------
        ndarray
            Shape of `index`, with an axis for the coordinates of X appended (none for the uniform scalar).
        """
        cells = validation.integers("index", index, "index must be of integers")
        if cells.size and not (cells.min() >= 0 and cells.max() < self.cells):
            raise ValueError(f"index must be between 0 and {self.cells - 1}, got {cells.min()} to {cells.max()}")
        start, size = self.partition.intervals(cells)
        return self.source.centroid(start, size, validation.positive_int("samples", samples))

    @property
    def centroids(self) -> Any:
        """Centroids of all cells in order, functions at 1024 points; ValueError above 10⁷ numbers."""
        width = self.decode(np.array([0])).size
        if self.cells * width > LISTED:
            raise ValueError(f"centroids lists at most {LISTED:.0e} numbers, this quantizer has {self.cells} cells")
        return self.decode(np.arange(self.cells))


def quantizer(source: Source | str, distortion: float, *, base: float = 2) -> Quantizer | SurfaceCode:
    """The quantizer that attains E(D), or the best known one.

    Where E(D) is not known exactly, its entropy is that of `upper_bound` for this distortion alone. For
    `Ramp(samples=T)` it minimises H + λD for the least λ at which the minimiser has at most this distortion.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    distortion : float
        D > 0.
    base : float
        Base of the logarithm of its entropy, above 1.

    Returns
    -------
    Quantizer or SurfaceCode
        With `encode`, `decode`, `centroids`, `entropy` and `distortion`.

    Raises
    ------
    ValueError, TypeError
        If D ≤ 0 or NaN, and above 2⁵² cells, whose indices double precision cannot distinguish.
    """
    resolved = resolve(source, stationary=False, surfaces=True)
    unit = validation.log_base(base)
    D = validation.real("distortion", distortion)
    if isinstance(resolved, Surface):
        return enclosed.code(resolved, D, base)
    if isinstance(resolved, SampledRamp):
        return _sampled(resolved, D, unit)
    if resolved.status == BOUND and 0.0 < D < resolved.max_distortion:
        best = best_partition(resolved, D)
        if isinstance(best, Partition):
            return _biuniform(resolved, best, D, unit)
        return _grouped(resolved, best, unit) if isinstance(best, GroupedPartition) else _listed(resolved, best, unit)
    return _biuniform(resolved, partition(resolved, D), D, unit)


def _biuniform(source: Source, cells: Partition, distortion: float, unit: float) -> Quantizer:
    if 1.0 - cells.odd == 1.0:
        cells = Partition(cells.count, 1.0 / cells.count, 0.0)
    if cells.count > 2**52:
        raise ValueError(f"distortion must leave at most 2**52 cells, got {distortion!r} with {cells.count}")
    sizes = np.array([cells.size, cells.odd])
    equal, odd = source.cell_distortion(sizes).tolist()
    nats = biuniform.entropy(float(cells.count), cells.odd)
    return Quantizer(source, cells, nats / unit, cells.count * equal + odd)


def _listed(source: Source, cells: ListedPartition, unit: float) -> Quantizer:
    nats = -math.fsum(cells.sizes * np.log(cells.sizes))
    return Quantizer(source, cells, nats / unit, math.fsum(source.cell_distortion(cells.sizes)))


def _grouped(source: Source, cells: GroupedPartition, unit: float) -> Quantizer:
    nats = -math.fsum(cells.sizes * cells.counts * np.log(cells.sizes))
    return Quantizer(source, cells, nats / unit, math.fsum(source.cell_distortion(cells.sizes) * cells.counts))


def _sampled(source: SampledRamp, distortion: float, unit: float) -> Quantizer:
    """The least λ whose optimum has at most this distortion, by bisection down to neighbouring optima."""
    if not distortion > 0.0:
        raise ValueError(f"distortion must be above 0 for a finite partition, got {distortion!r}")
    best = source.best(0.0)
    low, high = 0.0, 1.0 / source.max_distortion
    while (best := source.best(high))[2] > distortion:
        low, high = high, 4.0 * high
        if high * source.max_distortion > 1e300 or best[0].split * source.samples > 2**52:
            raise ValueError(f"distortion must leave at most 2**52 cells, got {distortion!r}")
    if source.max_distortion <= distortion:
        best = source.best(0.0)
    else:
        while high - low > 1e-9 * high:
            middle = 0.5 * (low + high)
            candidate = source.best(middle)
            low, high, best = (low, middle, candidate) if candidate[2] <= distortion else (middle, high, best)
    composition, nats, reached = best
    return Quantizer(source, _composed(composition, source.samples), nats / unit, reached)


def _composed(composition: Composition, samples: int) -> Partition | ListedPartition:
    steps = composition.steps
    if steps[0] == steps[-1]:
        count = len(steps) * composition.split
        return Partition(count, 1.0 / count, 0.0)
    return ListedPartition(steps / samples, (np.cumsum(steps) - steps) / samples)

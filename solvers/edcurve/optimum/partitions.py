"""The optimal partition: the number of equal cells, and the size of the odd one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation
from edcurve.equality import ComparedByValue
from edcurve.sources import Source, units

from .exact import exactly

Array = NDArray[np.float64]
LISTED = 10**7


@dataclass(frozen=True, eq=False)
class ListedPartition(ComparedByValue):
    """Any partition of the phase into intervals, as a list of cells.

    Attributes
    ----------
    sizes : ndarray, shape (count,)
        Sizes of the cells in the order of the phase; they sum to 1.
    starts : ndarray, shape (count,)
        Phases at which they begin.
    """

    sizes: Array
    starts: Array

    @staticmethod
    def of(sizes: Array) -> ListedPartition:
        """Make consecutive cells of these sizes."""
        return ListedPartition(sizes, np.concatenate([[0.0], np.cumsum(sizes)[:-1]]))

    @property
    def count(self) -> int:
        """Number of cells."""
        return int(self.sizes.size)

    def cells(self) -> Array:
        """All cell sizes."""
        return self.sizes

    def locate(self, phase: Array) -> NDArray[np.int64]:
        """Index of the cell of each phase in [0, 1]."""
        return np.searchsorted(self.starts, phase, side="right") - 1

    def intervals(self, index: NDArray[Any]) -> tuple[Array, Array]:
        """Starts of cells, and their sizes."""
        return self.starts[index], self.sizes[index]


@dataclass(frozen=True, eq=False)
class GroupedPartition(ComparedByValue):
    """Consecutive groups of equal cells, possibly more cells than can be listed.

    Attributes
    ----------
    sizes, counts : ndarray, shape (groups,)
        Size of the cells of each group, and their number.
    """

    sizes: Array
    counts: NDArray[np.int64]

    @staticmethod
    def of(sizes: Array, counts: Array) -> GroupedPartition:
        """Make the nonempty groups; ValueError above 2⁵² cells, whose indices double precision cannot distinguish."""
        used = counts > 0.0
        if counts.sum() > 2**52:
            raise ValueError(f"distortion must leave at most 2**52 cells, got one with {counts.sum():.6g}")
        return GroupedPartition(sizes[used], counts[used].astype(np.int64))

    @property
    def count(self) -> int:
        """Number of cells."""
        return int(self.counts.sum())

    def cells(self) -> Array:
        """All cell sizes; ValueError above 10⁷ cells."""
        if self.count > LISTED:
            raise ValueError(f"cells() lists at most {LISTED:.0e} cells, this partition has {self.count}")
        return np.repeat(self.sizes, self.counts)

    @property
    def _begin(self) -> tuple[Array, NDArray[np.int64]]:
        """Start of each group, and index of its first cell."""
        return _before(self.sizes * self.counts), _before(self.counts)

    def locate(self, phase: Array) -> NDArray[np.int64]:
        """Index of the cell of each phase in [0, 1]."""
        start, first = self._begin
        group = np.searchsorted(start, phase, side="right") - 1
        index = ((phase - start[group]) / self.sizes[group]).astype(np.int64)
        return np.asarray(first[group] + np.minimum(index, self.counts[group] - 1))

    def intervals(self, index: NDArray[Any]) -> tuple[Array, Array]:
        """Starts of cells, and their sizes."""
        start, first = self._begin
        group = np.searchsorted(first, index, side="right") - 1
        return start[group] + (index - first[group]) * self.sizes[group], self.sizes[group]


def _before(amounts: NDArray[Any]) -> NDArray[Any]:
    """Sums of all earlier amounts, for each."""
    return np.asarray(np.cumsum(amounts) - amounts)


@dataclass(frozen=True)
class Partition:
    """The optimal partition: `count` cells of size `size` and, if `odd` > 0, one more of size `odd`.

    Attributes
    ----------
    count : int or ndarray of int
        K.
    size : float or ndarray
        (1 − ε)/K, in turns or as a probability.
    odd : float or ndarray
        ε, between 0 and 1/(K + 1). Where it is nearly as large as the others, D depends on it only weakly: the last
        digit of D changes it by up to 1e-8.
    """

    count: Any
    size: Any
    odd: Any

    def cells(self) -> Array:
        """All cell sizes, the odd one last; ValueError above 10⁷ cells."""
        if np.ndim(self.count) != 0:
            raise ValueError("cells() lists one partition; ask for the partition of a single distortion")
        if self.count > LISTED:
            raise ValueError(f"cells() lists at most {LISTED:.0e} cells, this partition has {self.count}")
        equal = np.full(int(self.count), self.size)
        return np.append(equal, self.odd) if self.odd > 0.0 else equal

    def locate(self, phase: Array) -> NDArray[np.int64]:
        """Index of the cell of each phase in [0, 1], the odd cell last."""
        last = int(self.count) - 1
        index = np.minimum(phase / self.size, last).astype(np.int64)
        return np.where(phase < 1.0 - self.odd, index, last + 1) if self.odd > 0.0 else index

    def intervals(self, index: NDArray[Any]) -> tuple[Array, Array]:
        """Starts of cells, and their sizes."""
        odd = (index == self.count) & (self.odd > 0.0)
        return index * self.size, np.where(odd, self.odd, self.size)


def partition(source: Source | str, distortion: ArrayLike) -> Partition:
    """The partition that attains E(D).

    The sizes sum to 1 and their distortions to D, to a few units in the last place. For the ramp, the sawbridge, the
    uniform scalar and, above 1000 cells, the circle and the sinusoid, K is exact for the double D. So is ε down to
    D/D_max = 1e-150, below which differences of distortions are too small for doubles. For other sources, either
    neighbouring K may be returned within a few units in the last place of D_K = K d(1/K). Above 2⁵⁰ cells ε is
    negligible and returned as 0.

    Parameters
    ----------
    source : Source or str
        As for `entropy_distortion`.
    distortion : float or array_like
        D > 0. From D_max on the partition has one cell.

    Returns
    -------
    Partition
        Fields of the shape of `distortion`; `count` has Python integers if one exceeds 64 bits.

    Raises
    ------
    ValueError, TypeError
        As for `entropy_distortion`, and for D = 0, where the number of cells is infinite.
    """
    exact = exactly(source)
    values = validation.nonnegative("distortion", distortion)
    if not np.all(values > 0.0):
        raise ValueError("distortion must be above 0 for a finite partition, got 0.0")
    pairs = [_split(exact, D) for D in values.ravel().tolist()]
    if values.ndim == 0:
        count, odd = pairs[0]
        return Partition(count, (1.0 - odd) / count, odd)
    dtype = object if any(count >= 2**63 for count, _ in pairs) else np.int64
    counts = np.array([count for count, _ in pairs], dtype=dtype).reshape(values.shape)
    odds = np.array([odd for _, odd in pairs], dtype=np.float64).reshape(values.shape)
    return Partition(counts, (1.0 - odds) / counts.astype(np.float64), odds)


def _split(source: Source, D: float) -> tuple[int, float]:
    """K and ε at one D."""
    if source.max_distortion <= D:
        return 1, 0.0
    plain, size = units.normal(source)
    level = units.divided(D, size)
    model, parameters = plain.law.model, plain.law.parameters
    nats = model.rate(parameters, level)
    if nats > 709.0:
        raise ValueError(f"distortion must be larger for a countable partition, got {D!r} ({nats:.4g} nats)")
    if source.law.split is not None:
        return source.law.split(source.law, D)
    count, odd = model.split(parameters, level)
    return (int(count), odd) if count > 0.0 else (int(math.exp(nats)), 0.0)

"""The best codes of a few weighted points, over all their partitions.

The probability of a set of points and its squared error about its mean determine its cost as a cell. The least cost of
a partition of a set is the minimum, over its subsets with the first point, of the cost of the subset plus the least
cost of a partition of its complement: 3ⁿ/2 sums.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edcurve import progress
from edcurve.kernels import compiling

Array = NDArray[np.float64]

TIED = 1e-13  # relative difference of H + λD up to which partitions count as equally good


class Optimal(NamedTuple):
    """A partition of least H + λD for some λ: cells of the points, entropy in nats, distortion."""

    label: NDArray[np.intp]
    entropy: float
    distortion: float


class Partitions:
    """All partitions of at most 16 points: 0.05 seconds for each λ.

    Parameters
    ----------
    x : ndarray, shape (n, dim)
        Distinct points.
    weight : ndarray, shape (n,)
        Their probabilities, above 0.
    """

    def __init__(self, x: Array, weight: Array) -> None:
        mass, mean, error = np.zeros(1), np.zeros((1, x.shape[1])), np.zeros(1)
        for point, w in zip(x, weight.tolist(), strict=True):
            total, step = mass + w, point - mean
            error = np.append(error, error + mass * w / total * np.sum(step * step, axis=1))
            mean = np.concatenate([mean, mean + step * (w / total)[:, None]])
            mass = np.append(mass, total)
        self._entropy = -mass * np.log(np.where(mass > 0.0, mass, 1.0))
        self._error, self._points = error, len(x)

    def best(self, lmbda: float) -> tuple[float, NDArray[np.intp]]:
        """The least H + λD in nats over all partitions, and the cells of the points in a minimiser."""
        cost = self._entropy + lmbda * self._error
        value, cell = np.zeros(cost.shape), np.zeros(len(cost), dtype=np.int64)
        run = compiling.kernel_of(partition, *[compiling.REALS] * 2, compiling.INTEGERS)
        run(cost, value, cell)
        label, remainder, points = np.zeros(self._points, dtype=np.intp), len(cost) - 1, np.arange(self._points)
        while remainder > 0:
            inside = int(cell[remainder])
            label[(inside >> points) & 1 == 1] = label.max() + 1
            remainder ^= inside
        return float(value[-1]), label - 1

    def hull(self, title: str) -> list[Optimal]:
        """The partitions that are best for some λ, from one cell to one cell per point.

        Two neighbours are equally good at one λ. If no partition is better there, none is between them.
        """
        whole = np.zeros(self._points, dtype=np.intp)
        ends = [self._of(whole), self._of(np.arange(self._points))]
        done, open_ends = ends[:1], ends[1:]
        with progress.bar(title, None) as update:
            for step in itertools.count(1):
                if not open_ends:
                    break
                update(step, 0)
                (_, H0, D0), (_, H1, D1) = done[-1], open_ends[-1]
                lmbda = (H1 - H0) / (D0 - D1)
                value, label = self.best(lmbda)
                if value < (H0 + lmbda * D0) * (1.0 - TIED):
                    open_ends.append(self._of(label))
                else:
                    done.append(open_ends.pop())
        return done

    def _of(self, label: NDArray[np.intp]) -> Optimal:
        sets = np.bincount(label, 1 << np.arange(self._points)).astype(np.intp)
        return Optimal(label, math.fsum(self._entropy[sets]), math.fsum(self._error[sets]))


def partition(cost: Array, value: Array, cell: NDArray[np.int64]) -> None:
    """For each set, a bit mask of points, find the least cost of a partition, and its cell with the first point."""
    for whole in range(1, value.size):
        first = whole & -whole
        remainder = whole ^ first
        subset, least, best = remainder, np.inf, whole
        while True:
            total = cost[subset | first] + value[remainder ^ subset]
            if total < least:
                least, best = total, subset | first
            if subset == 0:
                break
            subset = (subset - 1) & remainder
        value[whole], cell[whole] = least, best

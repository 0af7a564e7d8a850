"""The best codes of a few weighted points, over all their partitions.

Every set of points has its probability and squared error about its mean, hence what it costs as a cell. The least cost
of a partition of a set is that of one of its subsets with the first point, and of a partition of the rest: 3ⁿ/2 sums.
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

TIED = 1e-13  # of H + λD: what is not less by so much is as good


class Optimal(NamedTuple):
    """A partition of the least H + λD for some λ: cells of the points, entropy in nats, distortion."""

    label: NDArray[np.intp]
    entropy: float
    distortion: float


class Partitions:
    """All partitions of points, of which there are at most 16: 0.05 seconds for each λ.

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
            more, apart = mass + w, point - mean
            error = np.append(error, error + mass * w / more * np.sum(apart * apart, axis=1))
            mean = np.concatenate([mean, mean + apart * (w / more)[:, None]])
            mass = np.append(mass, more)
        self._entropy = -mass * np.log(np.where(mass > 0.0, mass, 1.0))
        self._error, self._points = error, len(x)

    def best(self, lmbda: float) -> tuple[float, NDArray[np.intp]]:
        """The least H + λD in nats of all partitions, and the cells of the points in one of these."""
        cost = self._entropy + lmbda * self._error
        value, cell = np.zeros(cost.shape), np.zeros(len(cost), dtype=np.int64)
        run = compiling.kernel_of(partition, *[compiling.REALS] * 2, compiling.INTEGERS)
        run(cost, value, cell)
        label, rest, points = np.zeros(self._points, dtype=np.intp), len(cost) - 1, np.arange(self._points)
        while rest > 0:
            inside = int(cell[rest])
            label[(inside >> points) & 1 == 1] = label.max() + 1
            rest ^= inside
        return float(value[-1]), label - 1

    def hull(self, title: str) -> list[Optimal]:
        """The partitions that are best for some λ, from one cell to one for each point.

        Two neighbours are equally good at one λ. If nothing is better there, none is between them.
        """
        whole = np.zeros(self._points, dtype=np.intp)
        ends = [self._of(whole), self._of(np.arange(self._points))]
        done, left = ends[:1], ends[1:]
        with progress.bar(title, None) as update:
            for step in itertools.count(1):
                if not left:
                    break
                update(step, 0)
                (_, H0, D0), (_, H1, D1) = done[-1], left[-1]
                lmbda = (H1 - H0) / (D0 - D1)
                value, label = self.best(lmbda)
                if value < (H0 + lmbda * D0) * (1.0 - TIED):
                    left.append(self._of(label))
                else:
                    done.append(left.pop())
        return done

    def _of(self, label: NDArray[np.intp]) -> Optimal:
        sets = np.bincount(label, 1 << np.arange(self._points)).astype(np.intp)
        return Optimal(label, math.fsum(self._entropy[sets]), math.fsum(self._error[sets]))


def partition(cost: Array, value: Array, cell: NDArray[np.int64]) -> None:
    """For each set, whose bits stand for points: the least cost of a partition, and its cell with the first point."""
    for whole in range(1, value.size):
        first = whole & -whole
        rest = whole ^ first
        others, least, best = rest, np.inf, whole
        while True:
            total = cost[others | first] + value[rest ^ others]
            if total < least:
                least, best = total, others | first
            if others == 0:
                break
            others = (others - 1) & rest
        value[whole], cell[whole] = least, best

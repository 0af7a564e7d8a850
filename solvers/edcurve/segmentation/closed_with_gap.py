"""The algorithm for closed curves of many points: the open problem from enough cuts, with a bound on what others gain.

It serves more points than `closed_exact` has a table for. The gap that remains is certified, and 0 where every cut that
an optimal partition could have was tried.

*Window.* A single cell is compared by itself; the rest is about two cells or more. The best such partition P* has a
boundary in every stretch of cuts that no cell of it can cover. The shortest such stretch is found from
`cut_bounds.reaches`; only cuts in it need to be tried.

*Between cuts.* Let V(r) be the open optimum from cut r, and let P* of value V* have a boundary s strictly between the
tried cuts r₁ < r₂, its only one there: cells A before and B after. D, the points between r₁ and r₂, has
the parts D₁ (before s, mass w₁, mean μ₁) and D₂ (w₂, μ₂); W = w₁ + w₂, α = w₂/W. Moving s to r₁ or to r₂ gives
partitions that were tried, so αV(r₁) + (1 − α)V(r₂) − V* is at most the mean of the two changes. In it the entropies
contribute at most 0, h being concave. As to squared errors, SSE(S) ≤ Σ_S w‖x − c‖² for any c:
with m_A, the mean of A, in place of those of A without D₁ and of A with D₂, and m_B likewise, what remains is

    λ (w₁w₂/W) 2(m_B − m_A)·(μ₂ − μ₁)  ≤  2λ (w₁w₂/W) ‖m_A − m_B‖ ‖μ₁ − μ₂‖  =: E,   V* ≥ min(V(r₁), V(r₂)) − E.

If P* has several boundaries between, s₁ < s₂ < …, the same with s₂ in place of r₂ says V* ≥ αV(r₁) + (1 − α)V* − E,
for P* less s₁ is a partition too (of two cells or more, unless P* has two, one of which is between s₁ and s₂: those
are compared one by one); hence V* ≥ V(r₁) − E/α, and E/α = 2λ w₁ ‖m_A − m_C‖ ‖μ₁ − μ₂‖ with w₁ the mass
between r₁ and s₁; likewise from the other end, and one of these masses is at most W/2. Both bounds are of second
order in the distance of the cuts, so few cuts suffice for a close one, and where V is larger none is left out.
A rough curve has large ‖μ₁ − μ₂‖; there it is better to add r₁ or r₂, whichever is nearer, to the boundaries of P*.
SSE falls, and of a cell of mass p at most ω = W/2 is split off: V* ≥ min(V(r₁), V(r₂)) − h(ω) − h(p − ω) + h(p),
where p is the largest mass of a cell.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edcurve.kernels import compiling, threads

from . import cut_bounds, open_curve
from .blocks import cell_entropy
from .prepared_curve import PartitionWithBound

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

WORK = 4_000_000  # points × cuts
FEWEST = 16  # number of cuts tried for any number of points
GROUPS = 4096  # most groups of points from which the longest cells are found
BATCH = 8  # number of stretches halved at once; fixed, so that results do not depend on the number of threads


def most_cuts(points: int) -> int:
    """Return the largest number of cuts that may be tried."""
    return min(points, max(FEWEST, WORK // points))


def minimise(x: Array, w: Array, lmbda: float, update: Callable[[int], None]) -> PartitionWithBound:
    """Find the best partition of a loop; `update` gets the number of cuts tried."""
    if w.size == 1:
        return PartitionWithBound(np.zeros(1, np.int64), None)
    centred = x - (w[:, None] * x).sum(axis=0)
    reach = _reach(centred, w, lmbda)
    search = _CutSearch(x, centred, w, lmbda, reach, update)
    begin, end = window(reach)
    budget = most_cuts(x.shape[0])
    first = np.unique(np.linspace(begin, end, min(end - begin + 1, max(FEWEST, budget // 8))).astype(np.int64))
    search.try_cuts(first.tolist())
    search.improve()
    lower = search.bound(first.tolist(), budget)
    search.improve()
    return PartitionWithBound(search.partition, lower)


class _CutSearch:
    """Search over cuts: the values of the cuts tried so far, and the best partition."""

    def __init__(
        self, x: Array, centred: Array, w: Array, lmbda: float, reach: Ints, update: Callable[[int], None]
    ) -> None:
        self.x, self.centred, self.w, self.lmbda, self.reach, self.update = x, centred, w, lmbda, reach, update
        self.values: dict[int, float] = {}
        self.single = lmbda * float((w * (centred * centred).sum(axis=1)).sum())
        self.value, self.partition = self.single, np.zeros(1, np.int64)
        self.slack = open_curve.slack(x)
        # cumulative mass over two turns, so that any cell's is a difference; the largest mass of an optimal cell
        self.mass = np.concatenate([[0.0], np.cumsum(np.concatenate([w, w]))])
        self.heaviest = float((self.mass[reach] - self.mass[:-1][: w.size]).max())
        real, integer = compiling.REAL, compiling.INTEGER
        types = compiling.TABLE, compiling.REALS, compiling.INTEGERS, real, real, integer, integer
        self.between = compiling.kernel_of(cut_bounds.between, *types, compiling.REALS)

    def try_cuts(self, cuts: list[int]) -> None:
        """Solve the open problem from each of these cuts."""
        for cut, (value, parts) in zip(cuts, threads.in_threads(self._open, cuts), strict=True):
            self.values[cut] = value
            if (value, parts.size) < (self.value, self.partition.size):
                self.value, self.partition = value, parts
            self.update(len(self.values))

    def _open(self, cut: int) -> tuple[float, Ints]:
        n = self.w.size
        at = cut % n
        x, w = np.concatenate([self.x[at:], self.x[:at]]), np.concatenate([self.w[at:], self.w[:at]])
        value, start = open_curve.minimise(x, w, self.lmbda, whole=False)
        return value, np.sort((open_curve.boundaries(start) + at) % n)

    def improve(self) -> None:
        """Solve the open problem again from the middle boundary of the best partition, as long as the value improves.

        A partition has a boundary at the cut of its open problem. From another of its boundaries, that one can move.
        """
        gained = True
        while gained and self.partition.size > 1:
            before = self.value
            value, parts = self._open(int(self.partition[self.partition.size // 2]))
            gained = value < before * (1.0 - 1e-12)
            if gained:
                self.value, self.partition = value, parts

    def bound(self, cuts: list[int], budget: int) -> float | None:
        """Halve the stretches between cuts, lowest bounds first; return the least remaining bound, if any."""
        queue: list[tuple[float, int, int]] = []
        self._push(queue, list(pairwise(cuts)))
        while queue and len(self.values) < budget:
            lowest = [heapq.heappop(queue) for _ in range(min(BATCH, len(queue)))]
            lowest = [part for part in lowest if self._may_improve(part[0])]
            middles = [(low + high) // 2 for _, low, high in lowest]
            self.try_cuts(middles)
            halves = [(low, middle) for (_, low, _), middle in zip(lowest, middles, strict=True)]
            halves += [(middle, high) for (_, _, high), middle in zip(lowest, middles, strict=True)]
            self._push(queue, halves)
        return min((bound for bound, _, _ in queue if self._may_improve(bound)), default=None)

    def _may_improve(self, bound: float) -> bool:
        return bound <= self.value

    def _rounding(self) -> float:
        return self.slack * (1.0 + self.value)

    def _push(self, queue: list[tuple[float, int, int]], stretches: list[tuple[int, int]]) -> None:
        wide = [(low, high) for low, high in stretches if high - low > 1]
        for (low, high), bound in zip(wide, threads.in_threads(self._bound, wide), strict=True):
            if self._may_improve(bound):
                heapq.heappush(queue, (bound, low, high))

    def _bound(self, stretch: tuple[int, int]) -> float:
        """Bound the value of any partition with a boundary strictly between two cuts from below."""
        low, high = stretch
        turn, gains = low - low % self.w.size, np.empty(2)
        self.between(self.centred, self.w, self.reach, self.lmbda, self.single, low - turn, high - turn, gains)
        nearest = min(self.values[low], self.values[high])
        half = 0.5 * float(self.mass[high - turn] - self.mass[low - turn])
        # both bounds hold, that of moving boundaries to the cuts and that of adding a cut, so their maximum does
        moved, added = min(nearest - float(gains[0]), float(gains[1])), nearest - self._split(half)
        return max(max(moved, added) - self._rounding(), 0.0)

    def _split(self, part: float) -> float:
        """Bound the entropy added by splitting off a part of a cell."""
        p = max(self.heaviest, 2.0 * part)
        return cell_entropy(part) + cell_entropy(p - part) - cell_entropy(p)


def window(reach: Ints) -> tuple[int, int]:
    """Find the first and last cut of the shortest stretch that no cell covers.

    Cells from point i end at ``reach[i]`` at the latest. So the stretch contains a boundary of the best partition.
    """
    n = reach.size
    twice = np.concatenate([reach, reach + n])
    ends = np.maximum.accumulate(twice)[n - 1 : 2 * n - 1]  # of the cells that start before a = n, …, 2n − 1
    begins = np.arange(n, 2 * n)
    best = int(np.argmin(ends - begins))
    begin = int(begins[best])
    return begin - n, min(max(int(ends[best]), begin), begin + n - 1) - n


def _reach(x: Array, w: Array, lmbda: float) -> Ints:
    """For each point, find the last cut at which an optimal cell from it can end; the mean of the points is 0.

    Above `GROUPS` points, it is found for groups of points, because the kernel's time is quadratic in their number.
    """
    n = w.size
    length = -(-n // GROUPS)
    starts = np.arange(0, n, length)
    weight = np.add.reduceat(w, starts)
    moments = np.add.reduceat(w[:, None] * x, starts, axis=0)
    centre = moments / weight[:, None]
    member = np.repeat(np.arange(starts.size), np.diff(np.append(starts, n)))
    radius = np.sqrt(np.maximum.reduceat(((x - centre[member]) ** 2).sum(axis=1), starts)) * (1.0 + 1e-9)
    mass = np.concatenate([[0.0], np.cumsum(np.concatenate([weight, weight]))])
    moment = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(np.concatenate([moments, moments]), axis=0)])
    reach = np.empty(starts.size, np.int64)
    reals, table = compiling.REALS, compiling.TABLE
    types = reals, table, reals, table, reals, compiling.REAL, compiling.INTEGER, compiling.INTEGERS
    fine = length == 1
    compiling.kernel_of(cut_bounds.reaches, *types)(mass, moment, weight, centre, radius, lmbda, int(fine), reach)
    if fine:
        return reach
    ends = np.append(np.concatenate([starts, starts + n]), 2 * n)
    return np.asarray(np.minimum((ends[reach + 1] - 1)[member], np.arange(n) + n - 1))

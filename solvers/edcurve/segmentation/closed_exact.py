"""The exact algorithm for closed curves of few points: branch and bound on where a boundary is.

The squared errors of all arcs are in a table (see `arc_table`). A stretch of cuts that no optimal cell covers holds a
boundary s of the best partition. For any function φ on it,

    V* = φ(s) + (cost once around, from s to s) − φ(s)  ≥  min over s, s′ of φ(s) + c(s, s′) − φ(s′),

with c(s, s′) the least cost from s to s′ after one turn: one dynamic programme, started everywhere at once. With φ(s)
the least cost to s after one turn from the middle r of the stretch, little is lost, and often nothing. If the bound is
below the best value found, what is on either side of r is looked into by itself [Appleton and Sun 2003, with φ = 0].

B. Appleton and C. Sun, "Circular shortest paths by branch and bound", Pattern Recognition 36 (2003), 2513–2520.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edcurve.kernels import compiling, threads

from . import arc_paths, arc_table, closed_with_gap, open_curve

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_POINTS = 2048  # for which the table takes 32 MiB
ROUNDING = 256.0 * open_curve.EPSILON  # of sums of costs, relative to 1 + the value
# both are fixed, so that the result does not depend on the number of threads
BATCH = 8  # number of stretches halved at once
LANES = 4  # number of them that one thread halves together

Stretch = tuple[int, int]  # first and last cut


def arc_errors(x: Array, w: Array) -> Array:
    """Compute the squared errors of all arcs of a loop: from point i to point e, both included, at (i, e)."""
    n = w.size
    table, turned = np.empty((n, n)), np.ascontiguousarray(x.T)
    tables = compiling.TABLE, compiling.TABLE, compiling.TABLE
    run = compiling.kernel_of(arc_table.distances, *tables, compiling.INTEGER)
    for _ in threads.in_threads(lambda row: run(x, turned, table, row), range(0, n, arc_table.TILE)):
        pass
    compiling.kernel_of(arc_table.errors, compiling.REALS, compiling.TABLE)(w, table)
    return table


def minimise(table: Array, w: Array, lmbda: float, update: Callable[[int], None]) -> Ints:
    """Find the best partition of a loop; `update` gets the number of cuts tried."""
    if w.size == 1:
        return np.zeros(1, np.int64)
    search = _BranchAndBound(table, w, lmbda)
    search.run(update)
    return search.partition()


class _BranchAndBound:
    """Search for the best cut: the values of the cuts tried so far, and the least of them."""

    def __init__(self, table: Array, w: Array, lmbda: float) -> None:
        self.problem, self.size, self.most = (table, w, lmbda), w.size, np.empty(w.size, np.int64)
        real, integers, types = compiling.REAL, compiling.INTEGERS, (compiling.TABLE, compiling.REALS, compiling.REAL)
        slack = 4.0 * open_curve.EPSILON * (w.size + 64)
        compiling.kernel_of(arc_paths.longest, *types, real, integers)(*self.problem, slack, self.most)
        self.types = *types, integers, compiling.INTEGER
        self.spread = compiling.kernel_of(arc_paths.spread, *self.types, compiling.TABLE)
        self.single = self.value = lmbda * float(table[0, -1])
        self.values: dict[int, float] = {}

    def run(self, update: Callable[[int], None]) -> None:
        """Halve stretches, lowest bounds first, until no bound is below the best value."""
        queue: list[tuple[float, Stretch]] = [(0.0, closed_with_gap.window(np.arange(self.size) + self.most))]
        while queue:
            # adjacent stretches go to one thread, whose cost grows with the range of its cuts
            lowest = sorted(heapq.heappop(queue)[1] for _ in range(min(BATCH, len(queue))))
            pieces = [lowest[k : k + LANES] for k in range(0, len(lowest), LANES)]
            for halves in threads.in_threads(self._halve, pieces):
                queue += halves
            self.value = min(self.single, *self.values.values())
            queue = [part for part in queue if part[0] < self.value - ROUNDING * (1.0 + self.value)]
            heapq.heapify(queue)
            update(len(self.values))

    def _halve(self, stretches: list[Stretch]) -> list[tuple[float, Stretch]]:
        """Try the middle of each stretch, and return the stretches on either side of it, with the bound for both."""
        n, base, end = self.size, stretches[0][0], max(high for _, high in stretches)
        middles = [(low + high) // 2 for low, high in stretches]
        value = np.full((len(stretches), end - base + n + 1), np.inf)
        value[range(len(stretches)), np.array(middles) - base] = 0.0
        self.spread(*self.problem, self.most, base, value)
        self.values.update((middle, float(row[middle - base + n])) for middle, row in zip(middles, value, strict=True))
        # φ: the least cost to each cut of the stretch, after one turn from the middle
        phi = np.full_like(value, np.inf)
        ranges = [slice(low - base, high - base + 1) for low, high in stretches]
        for lane, cuts in enumerate(ranges):
            if cuts.stop - cuts.start > 1:  # otherwise both sides are empty
                phi[lane, cuts] = value[lane, n:][cuts]
        onward = phi.copy()
        self.spread(*self.problem, self.most, base, onward)
        halves = []
        for lane, ((low, high), cuts) in enumerate(zip(stretches, ranges, strict=True)):
            parts = [part for part in ((low, middles[lane] - 1), (middles[lane] + 1, high)) if part[0] <= part[1]]
            if parts:
                bound = float((onward[lane, n:][cuts] - phi[lane, cuts]).min())
                halves += [(bound, part) for part in parts]
        return halves

    def partition(self) -> Ints:
        """Return the best partition; at ties, the one with the fewest cells."""
        if self.value == self.single:
            return np.zeros(1, np.int64)
        cuts = sorted(cut for cut, value in self.values.items() if value == self.value)
        return min((self._trace(cut % self.size) for cut in cuts), key=len)

    def _trace(self, cut: int) -> Ints:
        value, start = np.empty(self.size + 1), np.empty(self.size + 1, np.int64)
        run = compiling.kernel_of(arc_paths.trace, *self.types, compiling.REALS, compiling.INTEGERS)
        run(*self.problem, self.most, cut, value, start)
        return np.sort((open_curve.boundaries(start) + cut) % self.size)

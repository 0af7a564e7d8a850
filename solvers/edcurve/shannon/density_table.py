"""R(D) of a closed source: a table of densities q on the circle, and the lower convex envelope of (D(q), KL(q‖unif)).

Averaging a test channel over shifts of the phase shows that reproductions that are shifts of each other lose nothing.
So one density q matters for each λ: that of the phase given a reproduction. A table of the best densities over D, on
coarse grids, gives the global picture. Each requested D is then solved on a fine grid.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.optimize import minimize_scalar

from edcurve.optimum.envelopes import lower_hull
from edcurve.sources import Source

from . import initial_densities
from .alternating import GibbsDensity, descend
from .phase_grids import Array, DistanceProfile, PhaseGrid
from .refining import LOSS, MOST_CELLS, CoarseDensity, PhaseGrids, cell_loss, resampled

# 1 − D/D_max at the first distortions of the table; each later distortion is RATIO times the previous one
TOP = (1e-4, 1e-3, 1e-2, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
RATIO = 0.8
SEARCHED = 1e-3  # D/D_max below which no new shapes are tried: there is one narrow peak
COARSE_LOSS = 5e-4  # largest loss from the cells of a coarse grid, in nats
POINT_LOSS = 1e-5  # the same where the loss is corrected
NEAR = 2e-7  # nats by which an entry may seem better than a solution because its grid is coarse
RIVALS = 3  # number of entries that seem better and are refined
TARGET = 9e-7  # nats between the bounds
AROUND = 2e-5  # relative error of λ where R is nearly straight
WIDTH = 8e-7  # nats between the bounds above which smaller cells are used


@dataclass(frozen=True, eq=False)
class Chord:
    """Straight part of R(D), between the points (D, R) of two densities for the same λ; the right one may be D_max."""

    left: tuple[float, float]
    right: tuple[float, float]
    lmbda: float
    dual: float

    def bounds(self, distortion: float) -> tuple[float, float]:
        """Compute the lower and upper bound at a distortion between the ends."""
        share = (distortion - self.left[0]) / (self.right[0] - self.left[0])
        return self.dual - self.lmbda * distortion, (1.0 - share) * self.left[1] + share * self.right[1]


@dataclass(eq=False)
class DensityTable:
    """Best densities of a source by decreasing distortion; the table grows as smaller distortions are requested."""

    source: Source
    grids: PhaseGrids
    entries: list[CoarseDensity] = field(default_factory=list)
    chords: list[Chord] = field(default_factory=list)
    answers: dict[float, tuple[float, float]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @staticmethod
    def of(source: Source) -> DensityTable:
        """Make the table of a source, without entries."""
        return DensityTable(source, PhaseGrids(source, DistanceProfile.of(source)))

    def level(self, index: int) -> float:
        """Distortion of an entry."""
        if index < len(TOP):
            return self.source.max_distortion * (1.0 - TOP[index])
        return self.source.max_distortion * (1.0 - TOP[-1]) * RATIO ** (index - len(TOP) + 1)

    def prepare(self, distortion: float, update: Callable[[int, int], None]) -> None:
        """Extend the table below a distortion, and far enough to include all levels at which shapes are tried."""
        target = min(distortion, SEARCHED * self.source.max_distortion)
        before = len(self.entries)
        while len(self.entries) < 3 or self.level(len(self.entries) - 2) > target:
            self.extend()
            update(0, 0)
        if len(self.entries) > before:
            self.find_chords()
            self.answers.clear()

    def answer(self, distortion: Array, update: Callable[[int, int], None]) -> Array:
        """Compute lower and upper bounds on R(D) in nats at increasing distortions."""
        with self.lock:
            self.prepare(float(distortion[0]), update)
            result = []
            for i, D in enumerate(distortion.tolist()):
                result.append(self.bounds(D))
                update(i + 1, 0)
        return np.array(result).T

    def extend(self) -> None:
        """Add the entry of the next smaller distortion: the best density from descents from several starts."""
        index = len(self.entries)
        D = self.level(index)
        grid = self.grids.coarse(D)
        ends = [descend(grid, *start, distortion=D) for start in self._starts(grid, D, index)]
        best = min((state for state in ends if state is not None), key=lambda state: state.rate)
        self.entries.append(self._pointed(self._resolved(CoarseDensity(grid, best))))
        self._improve_upwards(index)

    def _resolved(self, entry: CoarseDensity) -> CoarseDensity:
        """Solve again on finer grids while the grid is too coarse for the density."""
        while cell_loss(entry.grid, entry.state) > COARSE_LOSS and entry.grid.cells < MOST_CELLS:
            half = entry.grid.cells // 2
            grid = self.grids.grid(0.5 * entry.grid.step, 2 * half, entry.grid.whole, entry.grid.far)
            start = resampled(entry.state.density, entry.grid, grid)
            state = descend(grid, start, entry.state.lmbda, distortion=entry.state.distortion)
            if state is None:
                break
            entry = CoarseDensity(grid, state)
        return entry

    def _starts(self, grid: PhaseGrid, D: float, index: int) -> list[tuple[Array, float]]:
        """List initial densities with their λ: the previous entry, and shapes, unless the peak is narrow."""
        result = []
        if index > 0:
            before = self.entries[index - 1]
            result.append((resampled(before.state.density, before.grid, grid), before.state.lmbda))
        if index == 0 or self.source.max_distortion * SEARCHED < D or not grid.whole:
            for shape in initial_densities.shapes(grid, index, monotone=self.source.monotone):
                start = initial_densities.at_distortion(grid, shape, D)
                if start is not None:
                    result.append(start)
        return result

    def _improve_upwards(self, index: int) -> None:
        """Continue a new density to larger distortions while it is better than the entries there."""
        for i in range(index - 1, -1, -1):
            after, entry = self.entries[i + 1], self.entries[i]
            start = resampled(after.state.density, after.grid, entry.grid)
            state = descend(entry.grid, start, entry.state.lmbda, distortion=entry.state.distortion)
            if state is None or state.rate >= entry.state.rate - 1e-9:
                break
            self.entries[i] = self._pointed(CoarseDensity(entry.grid, state))

    def _pointed(self, entry: CoarseDensity, *, fixed: bool = False) -> CoarseDensity:
        """Add the point (D, KL) to an entry, from a grid fine enough to correct its remaining loss."""
        grid, state = self.grids.fine(entry, None if fixed else entry.state.distortion, POINT_LOSS)
        return CoarseDensity(entry.grid, entry.state, (state.distortion, state.rate - cell_loss(grid, state)))

    def find_chords(self) -> None:
        """Find the chords of the entries' lower convex envelope that pass over entries, and make them tangent."""
        points = [*(entry.point for entry in self.entries[::-1]), (self.source.max_distortion, 0.0)]
        x, y = np.array(points).T
        corners = lower_hull(x, y).tolist()
        for left, right in pairwise(corners):
            if right - left == 1 or _sag(x, y, left, right) < 1e-9:
                continue
            if any(chord.left[0] <= x[left + 1] <= chord.right[0] for chord in self.chords):
                continue
            last = len(self.entries) - 1
            ends = [self.entries[last - i] if i <= last else None for i in (left, right)]
            chord = self._tangent(ends, (y[left] - y[right]) / (x[right] - x[left]))
            if chord is not None:
                self.chords.append(chord)

    def _tangent(self, ends: list[CoarseDensity | None], lmbda: float) -> Chord | None:
        """Move both ends to their best densities at the chord's slope, until the slope converges; None is D_max."""
        for _ in range(40):
            ends = [None if end is None else self._at(end, lmbda) for end in ends]
            (a, ra), (b, rb) = (self._point(end) for end in ends)
            if b - a < 1e-6 * b:  # the sag was rounding error
                return None
            before, lmbda = lmbda, (ra - rb) / (b - a)
            if abs(lmbda - before) < 1e-9 * lmbda:
                break
        refined = [None if end is None else self.grids.fine(end, None) for end in ends]
        duals, points = [], []
        for one in refined:
            if one is None:
                duals.append(lmbda * self.source.max_distortion)
                points.append((self.source.max_distortion, 0.0))
            else:
                grid, state = one
                duals.append(state.value - self.grids.allowance(grid, state) - max(0.0, state.lmbda - lmbda) * 1e-9)
                points.append((state.distortion, state.rate))
        return Chord(points[0], points[1], ends[0].state.lmbda if ends[0] else lmbda, min(duals))

    def _at(self, end: CoarseDensity, lmbda: float) -> CoarseDensity:
        state = descend(end.grid, end.state.density, lmbda, distortion=None)
        return end if state is None else self._pointed(CoarseDensity(end.grid, state), fixed=True)

    def _point(self, end: CoarseDensity | None) -> tuple[float, float]:
        return (self.source.max_distortion, 0.0) if end is None else end.point

    def bounds(self, D: float) -> tuple[float, float]:
        """Compute, once, the lower and upper bound on R(D) in nats at a distortion within the table."""
        if D not in self.answers:
            self.answers[D] = self._bounds(D)
        return self.answers[D]

    def _bounds(self, D: float) -> tuple[float, float]:
        for chord in self.chords:
            if chord.left[0] <= D <= chord.right[0]:
                return chord.bounds(D)
        below = next(entry for entry in self.entries if entry.state.distortion <= D) if self.level(0) > D else None
        entry = below or self.entries[0]
        start = entry.state.density
        if below is None:  # closer to D_max than all entries: mix the first one with the uniform density
            shrink = math.sqrt((self.source.max_distortion - D) / (self.source.max_distortion - self.level(0)))
            start = shrink * start + (1.0 - shrink) * entry.grid.sizes * entry.grid.step
        state = descend(entry.grid, start, entry.state.lmbda, distortion=D)
        assert state is not None
        solved = CoarseDensity(entry.grid, state)
        lower, upper = self._certified(solved, D, LOSS)
        if upper - lower > WIDTH:  # the error of λ from a coarse grid matters where R is nearly straight
            finer = self._certified(solved, D, LOSS / 30.0)
            lower, upper = max(lower, finer[0]), min(upper, finer[1])
        if upper - lower > TARGET:
            lower = max(lower, self._best_tangent(solved, D))
        return min(lower, upper), upper

    def _best_tangent(self, solved: CoarseDensity, D: float) -> float:
        """Compute the lower bound at the best λ near a density's: where R is nearly straight, 1e-6 of λ matters."""
        lmbda = solved.state.lmbda
        bracket = (lmbda * (1.0 - AROUND), lmbda * (1.0 + 0.1 * AROUND))

        def above(x: float) -> float:
            return x * D - self._dual(solved, x)

        least = minimize_scalar(above, bounds=bracket, method="bounded", options={"xatol": 1e-8 * lmbda, "maxiter": 14})
        return max(0.0, -float(least.fun))

    def _dual(self, solved: CoarseDensity, lmbda: float) -> float:
        """Find the least KL + λD minus allowances: from a density, from the best entries at this λ, and at D_max."""
        points = np.array([rate + lmbda * D for D, rate in (entry.point for entry in self.entries)])
        value = lmbda * self.source.max_distortion
        for start in (solved, *(self.entries[i] for i in np.argsort(points)[:RIVALS].tolist())):
            state = descend(start.grid, start.state.density, lmbda, distortion=None)
            if state is not None:
                grid, fine = self.grids.fine(CoarseDensity(start.grid, state), None, LOSS)
                value = min(value, fine.value - self.grids.allowance(grid, fine))
        return value

    def _certified(self, solved: CoarseDensity, D: float, loss: float) -> tuple[float, float]:
        """Compute both bounds at D from a density on cells that cost at most `loss` nats."""
        grid, state = self.grids.fine(solved, D, loss)
        dual = min(state.value - self.grids.allowance(grid, state), self._rivals(state, loss))
        return max(0.0, dual - state.lmbda * D), state.rate

    def _rivals(self, state: GibbsDensity, loss: float) -> float:
        """Find the least dual value at the λ of a density: at D_max, and from competing entries."""
        value = state.lmbda * self.source.max_distortion
        duals = np.array([rate + state.lmbda * D for D, rate in (entry.point for entry in self.entries)])
        for i in np.argsort(duals)[:RIVALS].tolist():
            if duals[i] < state.value - NEAR:
                start = descend(self.entries[i].grid, self.entries[i].state.density, state.lmbda, distortion=None)
                if start is None:
                    continue
                grid, rival = self.grids.fine(CoarseDensity(self.entries[i].grid, start), None, loss)
                value = min(value, rival.value - self.grids.allowance(grid, rival))
        return value


def _sag(x: Array, y: Array, left: int, right: int) -> float:
    """Largest height of points above the chord from one point to another."""
    inner = slice(left + 1, right)
    share = (x[inner] - x[left]) / (x[right] - x[left])
    return float(np.max(y[inner] - (1.0 - share) * y[left] - share * y[right]))

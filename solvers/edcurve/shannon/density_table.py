"""R(D) of a closed source: the lower convex envelope of (D(q), KL(q‖unif)) over densities q on the circle.

Averaging a test channel over shifts of the phase shows that nothing is lost by reproductions that are shifts of each
other, so that for each λ one density q matters: that of the phase given a reproduction. A table of the best
densities on coarse grids, over D, has the global picture; each D asked for is then solved on a fine grid.
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
from .alternating import State, descend
from .phase_grids import Array, Grid, Profile
from .refining import LOSS, MOST_CELLS, Entry, Grids, cell_loss, resampled

# 1 − D/D_max at the first distortions of the table; RATIO is that of further ones
TOP = (1e-4, 1e-3, 1e-2, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
RATIO = 0.8
SEARCHED = 1e-3  # D/D_max below which no new shapes are tried: there is one narrow peak
COARSE_LOSS = 5e-4  # nats that cells of a coarse grid may cost
POINT_LOSS = 1e-5  # the same where it is corrected for
NEAR = 2e-7  # nats by which an entry may seem better than what was found, its grid being coarse
RIVALS = 3  # how many of these are followed
TARGET = 9e-7  # nats between the bounds
AROUND = 2e-5  # of λ, by which it may be wrong where R is all but straight
WIDTH = 8e-7  # nats between the bounds above which they are computed again with smaller cells


@dataclass(frozen=True, eq=False)
class Chord:
    """Straight part of R(D): two densities (or none, at D_max) for the same λ."""

    left: tuple[float, float]
    right: tuple[float, float]
    lmbda: float
    dual: float

    def bounds(self, distortion: float) -> tuple[float, float]:
        """Lower and upper bound at a distortion between the ends."""
        share = (distortion - self.left[0]) / (self.right[0] - self.left[0])
        return self.dual - self.lmbda * distortion, (1.0 - share) * self.left[1] + share * self.right[1]


@dataclass(eq=False)
class Table:
    """What is known of one source; grows downwards as smaller distortions are asked for."""

    source: Source
    grids: Grids
    entries: list[Entry] = field(default_factory=list)
    chords: list[Chord] = field(default_factory=list)
    answers: dict[float, tuple[float, float]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @staticmethod
    def of(source: Source) -> Table:
        """Table without entries."""
        return Table(source, Grids(source, Profile.of(source)))

    def level(self, index: int) -> float:
        """Distortion of an entry."""
        if index < len(TOP):
            return self.source.max_distortion * (1.0 - TOP[index])
        return self.source.max_distortion * (1.0 - TOP[-1]) * RATIO ** (index - len(TOP) + 1)

    def prepare(self, distortion: float, update: Callable[[int, int], None]) -> None:
        """Let the table go below a distortion, and far enough that all shapes have been tried."""
        wanted = min(distortion, SEARCHED * self.source.max_distortion)
        before = len(self.entries)
        while len(self.entries) < 3 or self.level(len(self.entries) - 2) > wanted:
            self.extend()
            update(0, 0)
        if len(self.entries) > before:
            self.find_chords()
            self.answers.clear()

    def answer(self, distortion: Array, update: Callable[[int, int], None]) -> Array:
        """Lower and upper bounds on R(D) in nats at increasing distortions."""
        with self.lock:
            self.prepare(float(distortion[0]), update)
            result = []
            for i, D in enumerate(distortion.tolist()):
                result.append(self.bounds(D))
                update(i + 1, 0)
        return np.array(result).T

    def extend(self) -> None:
        """Add an entry."""
        index = len(self.entries)
        D = self.level(index)
        grid = self.grids.coarse(D)
        found = [descend(grid, *start, distortion=D) for start in self._starts(grid, D, index)]
        best = min((state for state in found if state is not None), key=lambda state: state.rate)
        self.entries.append(self._pointed(self._resolved(Entry(grid, best))))
        self._improve_upwards(index)

    def _resolved(self, entry: Entry) -> Entry:
        """The same on a finer grid, where that of its distortion is too coarse for it."""
        while cell_loss(entry.grid, entry.state) > COARSE_LOSS and entry.grid.cells < MOST_CELLS:
            half = entry.grid.cells // 2
            grid = self.grids.grid(0.5 * entry.grid.step, 2 * half, entry.grid.whole)
            start = resampled(entry.state.density, entry.grid, grid)
            state = descend(grid, start, entry.state.lmbda, distortion=entry.state.distortion)
            if state is None:
                break
            entry = Entry(grid, state)
        return entry

    def _starts(self, grid: Grid, D: float, index: int) -> list[tuple[Array, float]]:
        result = []
        if index > 0:
            before = self.entries[index - 1]
            result.append((resampled(before.state.density, before.grid, grid), before.state.lmbda))
        if index == 0 or self.source.max_distortion * SEARCHED < D or not grid.whole:
            for shape in initial_densities.shapes(grid, index):
                start = initial_densities.at_distortion(grid, shape, D)
                if start is not None:
                    result.append(start)
        return result

    def _improve_upwards(self, index: int) -> None:
        """Follow the new density to larger distortions, as long as it is better there."""
        for i in range(index - 1, -1, -1):
            after, entry = self.entries[i + 1], self.entries[i]
            start = resampled(after.state.density, after.grid, entry.grid)
            state = descend(entry.grid, start, entry.state.lmbda, distortion=entry.state.distortion)
            if state is None or state.rate >= entry.state.rate - 1e-9:
                break
            self.entries[i] = self._pointed(Entry(entry.grid, state))

    def _pointed(self, entry: Entry, *, fixed: bool = False) -> Entry:
        """The same with its point, from a grid fine enough that what remains can be corrected for."""
        grid, state = self.grids.fine(entry, None if fixed else entry.state.distortion, POINT_LOSS)
        return Entry(entry.grid, entry.state, (state.distortion, state.rate - cell_loss(grid, state)))

    def find_chords(self) -> None:
        """Chords of the lower convex envelope of the entries that pass over others, moved until they are tangent."""
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

    def _tangent(self, ends: list[Entry | None], lmbda: float) -> Chord | None:
        for _ in range(40):
            ends = [None if end is None else self._at(end, lmbda) for end in ends]
            (a, ra), (b, rb) = (self._point(end) for end in ends)
            if b - a < 1e-6 * b:  # the sag was one of rounding
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

    def _at(self, end: Entry, lmbda: float) -> Entry:
        state = descend(end.grid, end.state.density, lmbda, distortion=None)
        return end if state is None else self._pointed(Entry(end.grid, state), fixed=True)

    def _point(self, end: Entry | None) -> tuple[float, float]:
        return (self.source.max_distortion, 0.0) if end is None else end.point

    def bounds(self, D: float) -> tuple[float, float]:
        """Lower and upper bound on R(D) in nats, at a distortion that the table reaches."""
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
        if below is None:
            shrink = math.sqrt((self.source.max_distortion - D) / (self.source.max_distortion - self.level(0)))
            start = shrink * start + (1.0 - shrink) / start.size
        state = descend(entry.grid, start, entry.state.lmbda, distortion=D)
        assert state is not None
        solved = Entry(entry.grid, state)
        lower, upper = self._certified(solved, D, LOSS)
        if upper - lower > WIDTH:  # λ is as far off as the grid is coarse; where R is nearly straight that is felt
            again = self._certified(solved, D, LOSS / 30.0)
            lower, upper = max(lower, again[0]), min(upper, again[1])
        if upper - lower > TARGET:
            lower = max(lower, self._best_tangent(solved, D))
        return min(lower, upper), upper

    def _best_tangent(self, solved: Entry, D: float) -> float:
        """Lower bound at the best λ near that of a density: where R is all but straight, 1e-6 of λ matters."""
        lmbda = solved.state.lmbda
        around = (lmbda * (1.0 - AROUND), lmbda * (1.0 + 0.1 * AROUND))

        def above(x: float) -> float:
            return x * D - self._dual(solved, x)

        found = minimize_scalar(above, bounds=around, method="bounded", options={"xatol": 1e-8 * lmbda, "maxiter": 14})
        return max(0.0, -float(found.fun))

    def _dual(self, solved: Entry, lmbda: float) -> float:
        """Least KL + λD from a density, from the entries that are best at that λ and at D_max, less the allowances."""
        points = np.array([rate + lmbda * D for D, rate in (entry.point for entry in self.entries)])
        value = lmbda * self.source.max_distortion
        for start in (solved, *(self.entries[i] for i in np.argsort(points)[:RIVALS].tolist())):
            state = descend(start.grid, start.state.density, lmbda, distortion=None)
            if state is not None:
                grid, fine = self.grids.fine(Entry(start.grid, state), None, LOSS)
                value = min(value, fine.value - self.grids.allowance(grid, fine))
        return value

    def _certified(self, solved: Entry, D: float, loss: float) -> tuple[float, float]:
        grid, state = self.grids.fine(solved, D, loss)
        dual = min(state.value - self.grids.allowance(grid, state), self._rivals(state, loss))
        return max(0.0, dual - state.lmbda * D), state.rate

    def _rivals(self, state: State, loss: float) -> float:
        """Least dual value known at the λ of a state: at D_max and from the densities of entries that come near."""
        value = state.lmbda * self.source.max_distortion
        duals = np.array([rate + state.lmbda * D for D, rate in (entry.point for entry in self.entries)])
        for i in np.argsort(duals)[:RIVALS].tolist():
            if duals[i] < state.value - NEAR:
                start = descend(self.entries[i].grid, self.entries[i].state.density, state.lmbda, distortion=None)
                if start is None:
                    continue
                grid, rival = self.grids.fine(Entry(self.entries[i].grid, start), None, loss)
                value = min(value, rival.value - self.grids.allowance(grid, rival))
        return value


def _sag(x: Array, y: Array, left: int, right: int) -> float:
    inner = slice(left + 1, right)
    share = (x[inner] - x[left]) / (x[right] - x[left])
    return float(np.max(y[inner] - (1.0 - share) * y[left] - share * y[right]))

"""Grids for the densities of one closed source: coarse ones for the search, fine ones for the bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from edcurve.kernels import waves
from edcurve.sources import Source

from .alternating import GibbsDensity, descend
from .phase_grids import Array, DistanceProfile, PhaseGrid, whole_circle, window

REACH = 100.0  # δ/D above which a density is taken as 0: the end of a window
PER_CORE = 8.0  # coarse cells within the distance at which δ is D
LOSS = 5e-7  # largest loss from the cells of a fine grid, in nats
RELATIVE_LOSS = 5e-7  # the same as a fraction of the rate, if that is less
MOST_CELLS = 2**19
MOST_GRIDS = 200  # kept in memory
NEAR = 5.0  # half-width of a window, in distances from which δ is constant


@dataclass(eq=False)
class CoarseDensity:
    """The best density so far at a distortion, on a coarse grid; `point` is (D, KL), corrected for the grid's loss."""

    grid: PhaseGrid
    state: GibbsDensity
    point: tuple[float, float] = (math.nan, math.nan)


@dataclass(eq=False)
class PhaseGrids:
    """The grids of a source, each made once."""

    source: Source
    profile: DistanceProfile
    made: dict[tuple[float, int, bool], PhaseGrid] = field(default_factory=dict)

    @cached_property
    def constant(self) -> tuple[float, float] | None:
        """Distance from which δ is constant, and that constant, if treating the rest of the circle as one cell pays."""
        law = self.source.law
        if law.model is not waves or 4.0 * NEAR * law.parameters.edge > 1.0:
            return None
        return law.parameters.edge, 2.0 * law.parameters.b0

    def least(self, distortion: float) -> float:
        """Find the least distortion, at or above this one, for which the grids are fine enough."""
        while self.profile.reach(REACH * distortion) > 0.2 and self.profile.core(distortion) < PER_CORE / MOST_CELLS:
            distortion *= 1.25
        return distortion

    def coarse(self, D: float) -> PhaseGrid:
        """Choose the grid with a few cells within the width of a density of distortion D."""
        step = self.profile.core(D) / PER_CORE
        reach = self.profile.reach(REACH * D)
        if reach > 0.2:
            if self.constant is not None:
                edge, far = self.constant
                return self.grid(step, math.ceil(NEAR * edge / step), True, far)
            cells = min(MOST_CELLS, max(256, 2 ** math.ceil(-math.log2(step))))
            return self.grid(1.0 / cells, cells // 2, True)
        # rounded down to a power of √2, so that there are few distinct steps
        step = 2.0 ** (math.floor(2.0 * math.log2(step)) / 2.0)
        half = min(MOST_CELLS // 2, math.ceil(reach / step))
        return self.grid(step, half, False)

    def grid(self, step: float, half: int, whole: bool, far: float | None = None) -> PhaseGrid:
        """Make a grid, or return a cached one."""
        key = (step, half, whole)
        if key not in self.made:
            if len(self.made) > MOST_GRIDS:
                self.made.clear()
            equal = whole and far is None
            self.made[key] = whole_circle(self.source, 2 * half) if equal else window(self.source, step, half, far)
        return self.made[key]

    def fine(self, entry: CoarseDensity, D: float | None, loss: float = LOSS) -> tuple[PhaseGrid, GibbsDensity]:
        """Solve again on cells small enough to cost at most `loss` nats, within a sufficient window."""
        coarse, state = entry.grid, entry.state
        equal = coarse.whole and coarse.far is None
        half = coarse.cells // 2
        if not coarse.whole:
            needed = math.sqrt(state.lmbda * state.centre) + math.sqrt(21.0 + state.value)
            half = min(half, math.ceil(self.profile.reach(needed**2 / state.lmbda) / coarse.step))
        loss = min(loss, RELATIVE_LOSS * state.rate)
        # the loss falls as the square of the cells' size
        split = math.sqrt(max(1.0, cell_loss(coarse, state) / loss))
        split = min(split, MOST_CELLS / (2.0 * half))
        # windows need an odd number of parts, so that the middle cell remains in the middle
        parts = 2 * math.ceil(0.5 * (split - 1.0)) + 1
        if equal:
            parts = 2 ** math.ceil(math.log2(split)) if split > 1.0 else 1
        middle = coarse.cells // 2
        kept = state.density if equal else state.density[middle - half : middle + half + 1]
        if parts == 1 and half == middle:
            return coarse, state
        start = np.append(np.repeat(kept / parts, parts), state.density[coarse.cells :])
        start /= start.sum()
        if equal:
            grid = self.grid(coarse.step / parts, half * parts, True)
            start = np.roll(start, -(parts // 2)) if parts > 1 else start
            start = 0.5 * (start + np.roll(start[::-1], 1))
        else:
            grid = self.grid(coarse.step / parts, half * parts + parts // 2, coarse.whole, coarse.far)
        finer = descend(grid, start, state.lmbda, distortion=D, tolerance=1e-9)
        return (grid, finer) if finer is not None else (coarse, state)

    def allowance(self, grid: PhaseGrid, state: GibbsDensity) -> float:
        """Estimate the largest difference of the dual value below that on the grid.

        Distances vary within cells, the circle extends beyond a window, and the descent ends before its limit.
        """
        outside = -math.inf
        if not grid.whole:
            least = self.profile.least_beyond((grid.cells // 2) * grid.step)
            gap = max(0.0, math.sqrt(least) - math.sqrt(max(state.centre, 0.0)))
            outside = state.value - state.lmbda * gap**2
        rest = math.log1p(math.exp(min(outside, 50.0)))
        return 1.25 * cell_loss(grid, state) + rest + 2.0 * state.residual + 1e-13 * (1.0 + state.rate)


def cell_loss(grid: PhaseGrid, state: GibbsDensity) -> float:
    """Gain of finer cells in nats: ln of the mean within cells of exp(−λ(f − its mean)), for linear distances f."""
    change = np.empty_like(state.distances)
    change[1:-1] = 0.5 * (state.distances[2:] - state.distances[:-2])
    change[0], change[-1] = change[1], change[-2]
    half = 0.5 * state.lmbda * np.abs(change)
    return math.log1p(float(state.density @ (half**2 * (1.0 + 0.05 * half**2) / 6.0)))


def resampled(density: Array, old: PhaseGrid, new: PhaseGrid) -> Array:
    """Transfer a density to another grid; mass outside the grid is dropped."""
    edges = (np.arange(old.cells + 1) - old.cells // 2 - 0.5) * old.step
    total = np.concatenate([[0.0], np.cumsum(density[: old.cells])])
    if old.far is not None:
        edges = np.concatenate([[-0.5], edges, [0.5]])
        total = np.concatenate([[0.0], 0.5 * density[-1] + total, [1.0]])
    wanted = (np.arange(new.cells + 1) - new.cells // 2 - 0.5) * new.step
    mass = np.diff(np.interp(wanted, edges, total))
    if new.far is not None:
        mass = np.append(mass, max(0.0, 1.0 - mass.sum()))
    return np.asarray(mass / mass.sum())

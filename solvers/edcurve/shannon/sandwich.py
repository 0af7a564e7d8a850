"""R(D) of an open source between chords of channels and tangents from their dual values, at adaptive λ."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from edcurve.linear import largest_eigenvalue, power_exponent
from edcurve.optimum.envelopes import lower_hull
from edcurve.sources import Source

from .channels import PhaseCells, PhaseChannel
from .long_intervals import LEAST_EXPONENT, Line, LongInterval, core_multiplier, extended, worthwhile
from .mixture import fit
from .phase_grids import Array, DistanceProfile

FIRST = (1.004, 1.02, 1.08, 1.2, 1.4)  # ratios of the next λ to that of the first channel
STEP = 1.35  # largest ratio of successive λ after those
AHEAD = 1.03  # smallest ratio of successive λ, and factor on the λ that the previous λD predicts for a distortion
GAP = 1.5e-4  # nats between a channel and its dual value at which fitting ends
WIDTH = 9e-4  # nats between chord and tangents above which another λ is tried
RELATIVE = 0.02  # the same, as a fraction of the rate
FLOOR = 5e-6  # nats, about the loss from cells at D_max
TRIES = 8  # most λ inserted for one distortion
EVEN = 64  # number of initial reproductions where no channel is near
FEWEST_CELLS, MOST_CELLS = 512, 4096
LOSS = 1.2e-4  # loss from cells, in nats, above which they are halved
PER_CORE = 6.5  # fewest cells within the distance at which δ is D


@dataclass(eq=False)
class Sandwich:
    """Channels of a source by increasing λ, which bound R(D); the first has one reproduction."""

    source: Source
    channels: list[PhaseChannel] = field(default_factory=list)
    grids: dict[int, PhaseCells] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @cached_property
    def exponent(self) -> float | None:
        """The exponent a if δ(u) = uᵃ and small distortions follow from larger ones, otherwise None."""
        exponent = power_exponent(self.source)
        return exponent if exponent is not None and exponent >= LEAST_EXPONENT else None

    @cached_property
    def core(self) -> PhaseChannel | None:
        """The channel whose ends the channels of all smaller distortions share, for power laws."""
        return None if self.exponent is None else self._evenly(core_multiplier(self.exponent), 0.25)

    @cached_property
    def long(self) -> LongInterval | None:
        """Bounds at small distortions, for power laws."""
        if self.exponent is None or self.core is None:
            return None
        return extended(self.source, self.exponent, self.core)

    @property
    def known(self) -> LongInterval | None:
        """`long` if it has been computed, otherwise None."""
        return vars(self).get("long")

    @property
    def least(self) -> float:
        """Find the least distortion for which `MOST_CELLS` suffice."""
        if self.exponent is not None:
            return 0.0
        profile = DistanceProfile.of(self.source)
        i = int(np.searchsorted(profile.distance, PER_CORE / MOST_CELLS))
        return float(profile.delta[: i + 1].max())

    def answer(self, distortion: Array, update: Callable[[int, int], None]) -> Array:
        """Compute lower and upper bounds on R(D) in nats at increasing distortions."""
        result = np.empty((2, distortion.size))
        with self.lock:
            small = 0
            if self.exponent is not None and distortion[0] < worthwhile(self.exponent) and self.long is not None:
                small = int(np.searchsorted(distortion, self.long.largest, "right"))
                if small:
                    result[:, :small] = self.long.bounds(distortion[:small])
            for i in range(small, distortion.size):
                if i == small:
                    self._reach(float(distortion[i]), update)
                result[:, i] = self._bounds(float(distortion[i]), update)
                update(i + 1, 0)
        return result

    @property
    def lines(self) -> list[PhaseChannel | Line]:
        """All channels and lines, by increasing λ."""
        return self.channels + ([] if self.known is None else [self.known.line])

    def _reach(self, distortion: float, update: Callable[[int, int], None]) -> None:
        """Add channels of increasing λ until one has at most this distortion."""
        if not self.channels:
            cells = self._cells(FEWEST_CELLS)
            # the mean alone is optimal, to second order, up to λ = 1/(2 σ₁²) for the largest eigenvalue σ₁²
            lmbda = 0.999 * 0.5 / largest_eigenvalue(self.source)
            whole = np.full((1, cells.count), 1.0 / cells.count)
            self.channels.append(fit(cells, lmbda, whole, np.ones(1), tolerance=GAP))
        first = self.channels[0].lmbda
        while self.lines[-1].distortion > distortion or len(self.channels) <= len(FIRST):
            last = self.channels[-1]
            steps = [first * step for step in FIRST[len(self.channels) - 1 :]]
            # λD changes slowly, so this avoids channels of much smaller distortion, which have many reproductions
            enough = AHEAD * last.distortion / distortion
            lmbda = steps[0] if steps else min(STEP, max(enough, AHEAD)) * last.lmbda
            self.channels.append(self._next(last, lmbda))
            update(0, 0)
        if self.known is not None and self.core is not None and self.core.lmbda > self.channels[-1].lmbda:
            self.channels.append(self.core)

    def _cells(self, count: int) -> PhaseCells:
        if count not in self.grids:
            self.grids[count] = PhaseCells.of(self.source, count)
        return self.grids[count]

    def _next(self, start: PhaseChannel, lmbda: float) -> PhaseChannel:
        """Fit the channel for a λ, starting from another."""
        cells, densities = start.cells, start.densities
        while cells.count > FEWEST_CELLS and 5.0 * self._loss(cells, densities, start.weights, lmbda) < LOSS:
            cells = self._cells(cells.count // 2)
            densities = densities.reshape(len(densities), -1, 2).sum(axis=2)
        return self._fitted(cells, densities, start.weights, lmbda)

    @staticmethod
    def _loss(cells: PhaseCells, densities: Array, weights: Array, lmbda: float) -> float:
        """Estimate a channel's loss from the cells, in nats."""
        change = np.gradient(cells.distances(densities), axis=1) * lmbda
        return float(weights @ np.einsum("ij,ij->i", densities, change**2)) / 24.0

    def _evenly(self, lmbda: float, share: float = 1.0) -> PhaseChannel:
        """Fit the channel for a λ, starting from reproductions at uniformly spaced phases, to a share of `GAP`."""
        cells = self._cells(FEWEST_CELLS)
        densities, _ = cells.posterior(cells.spread(EVEN), np.zeros(cells.count), lmbda)
        return self._fitted(cells, densities, np.full(EVEN, 1.0 / EVEN), lmbda, share)

    def _fitted(
        self, cells: PhaseCells, densities: Array, weights: Array, lmbda: float, share: float = 1.0
    ) -> PhaseChannel:
        """Fit the channel for a λ, from densities of phases, on smaller cells if theirs cost too much."""
        fine, halved = cells, densities
        while fine.count < MOST_CELLS and self._loss(fine, halved, weights, lmbda) > share * LOSS:
            fine = self._cells(2 * fine.count)
            halved = 0.5 * np.repeat(halved, 2, axis=1)
        if fine is not cells:  # most rounds can run on larger cells
            parts = fine.count // cells.count
            coarse = fit(cells, lmbda, densities, weights, tolerance=share * GAP)
            halved, weights = np.repeat(coarse.densities / parts, parts, axis=1), coarse.weights
        return fit(fine, lmbda, halved, weights, tolerance=share * GAP)

    def _bounds(self, D: float, update: Callable[[int, int], None]) -> tuple[float, float]:
        for _ in range(TRIES):
            lower, upper = self._between(D)
            if upper - lower <= max(FLOOR, min(WIDTH, RELATIVE * upper)):
                break
            self._insert(D)
            update(0, 0)
        return self._between(D)

    def _between(self, D: float) -> tuple[float, float]:
        """Bound R(D) by the tangents from below, and from above by the chords or a diluted channel."""
        x = np.array([self.source.max_distortion] + [line.distortion for line in self.lines])
        y = np.array([0.0] + [line.rate for line in self.lines])
        order = np.lexsort((y, x))
        order = order[np.append(True, np.diff(x[order]) > 0.0)]
        corners = order[lower_hull(x[order], y[order])]
        upper = float(np.interp(D, x[corners], y[corners]))
        nearest = next((channel for channel in self.channels if channel.distortion <= D), None)
        if nearest is not None:
            upper = min(upper, diluted(nearest, D, self.source.max_distortion))
        lower = max(line.dual - line.lmbda * D for line in self.lines)
        return min(max(lower, 0.0), upper), upper

    def _insert(self, D: float) -> None:
        """Insert a channel for a λ near that of the distortion, starting from the nearest λ."""
        lines = self.lines
        i = max(1, next((i for i, line in enumerate(lines) if line.distortion <= D), len(lines) - 1))
        a, b = lines[i - 1], lines[i]
        whole = math.log(b.lmbda / a.lmbda)
        share = math.log(a.distortion / D) / max(math.log(a.distortion / b.distortion), 1e-12)
        # where D is proportional to 1/λ, chords and tangents of neighbours are at most λD ln²(their ratio)/4 apart
        apart = math.sqrt(4.0 * (WIDTH - 2.0 * GAP) / (b.lmbda * b.distortion))
        if (1.0 - share) * whole < apart:  # distortions increase, so this channel may serve the next ones too
            share = 1.0 - 1.0 / max(2, math.ceil(whole / apart))
        else:
            share = min(0.85, max(0.15, share))
        lmbda = a.lmbda * math.exp(share * whole)
        start = min(self.channels[i - 1 : i + 1], key=lambda channel: abs(math.log(channel.lmbda / lmbda)))
        near = lmbda < STEP * start.lmbda
        self.channels.insert(i, self._next(start, lmbda) if near else self._evenly(lmbda))


def diluted(channel: PhaseChannel, distortion: float, maximum: float) -> float:
    """Rate of a channel mixed with an independent one, so that its distortion rises to ``distortion``.

    With a share s of the channel, the distance of the centroids from the mean is multiplied by s:
    D_max − D_s = s² (D_max − D). Near D_max this bound is better than a chord that ends there.
    """
    own = float(channel.weights @ channel.own_distortions)
    share = math.sqrt((maximum - distortion) / (maximum - own))
    if share > 1.0:
        return math.inf
    excess = share * (channel.densities * channel.cells.count - 1.0)
    return float(channel.weights @ ((1.0 + excess) * np.log1p(excess)).mean(axis=1))

"""R(D) of an open power law at small distortions: two ends, solved once, and between them the best density of phases.

δ(u) = uᵃ has no unit of length. So λ matters only through the ratio of the interval's length to the width of the
posteriors, λ^{1/a}. Far from both ends the best channel is that of a closed source: reproductions that are shifts of
each other, with equal weights. The effect of an end does not depend on the distance to the other end. So the channel
for one λ, the core, gives those for all larger ones: its left part, a uniform comb of shifts, and its right part.

Lengths are in units of the core's interval, and r ≥ 2 is the length of the whole. The core passes smoothly into the
comb between `FROM` and `TO`; phases up to 1 belong to the end, and later ones to the comb.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edcurve.sources import Source

from .alternating import descend
from .channels import PhaseChannel, highest, scanned
from .mixture import reweighted
from .phase_grids import Array, DistanceProfile, window
from .refining import PhaseGrids

CORE = 12.0  # λ of the core times ‖γ(0) − γ(¼)‖², which determines the width of posteriors
LONGER = 20.0  # increase of `CORE` per unit of a below ½, where tails are longer
WIDE = 4  # width of the best density far from the ends, in core intervals
LEAST_EXPONENT = 0.4  # below it tails are too long for equal cells
FROM, TO = 0.35, 0.8  # phases between which the core passes into the comb
STARTS = 64  # phases at which the search for violations of the dual constraint starts


class Line(NamedTuple):
    """A point (D, R) that a channel attains, and the dual value at its λ: a lower bound on rate + λD."""

    lmbda: float
    rate: float
    distortion: float
    dual: float


@dataclass(frozen=True)
class LongInterval:
    """Sums over the two ends and the comb, which give the bounds at every r ≥ 2.

    With Q(v) = Σ_m w_m exp(−λ‖γ(v) − y_m‖²), where the weights sum to about 1 per unit of length:

    Attributes
    ----------
    exponent, lmbda : float
        a, and λ of the core.
    rate, distortion : float
        −ln Q and the distortion far from the ends.
    end_rate, end_distortion, end_weight : float
        Contribution of one end to the integrals of −ln Q and of the distortion, and to the sum of the weights.
    leak : float
        Excess of the channel's rate over that, in the same units, because Q beyond an end has only the comb's weights.
    excess : float
        Greatest ln S(y) over reproductions, S(y) = ∫ exp(−λ‖γ(v) − y‖²)/Q(v) dv.
    """

    exponent: float
    lmbda: float
    rate: float
    distortion: float
    end_rate: float
    end_distortion: float
    end_weight: float
    leak: float
    excess: float

    @property
    def largest(self) -> float:
        """Largest distortion at which the bounds hold: that of r = 2."""
        return float((self.distortion + self.end_distortion) * 0.5**self.exponent)

    @property
    def line(self) -> Line:
        """The bounds at r = 2."""
        lower, upper = self.bounds(np.array([self.largest]))[:, 0].tolist()
        lmbda = self.lmbda * 2.0**self.exponent
        return Line(lmbda, upper, self.largest, lower + lmbda * self.largest)

    def bounds(self, distortion: Array) -> Array:
        """Compute lower and upper bounds on R(D) in nats at distortions up to `largest`.

        For the r of this distortion the channel's rate is at most ln(r Σ w/r) − (1/r) ∫ ln Q − λD. And 1/Q, divided by
        the greatest S, is feasible for the dual problem.
        """
        log_length = np.full(distortion.shape, np.log(2.0))
        for _ in range(100):
            own = self.distortion + 2.0 * self.end_distortion * np.exp(-log_length)
            before, log_length = log_length, (np.log(own) - np.log(distortion)) / self.exponent
            if np.abs(log_length - before).max() < 1e-15 * np.abs(log_length).max():
                break
        part = 2.0 * np.exp(-log_length)  # share of the ends in the whole
        own = self.distortion + part * self.end_distortion
        common = log_length + self.rate + part * self.end_rate - self.lmbda * own
        upper = common + part * self.leak + np.log1p(part * self.end_weight)
        return np.stack([np.minimum(common - self.excess, upper), upper])


def core_multiplier(exponent: float) -> float:
    """λ of the core."""
    return float((CORE + LONGER * max(0.0, 0.5 - exponent)) * 4.0**exponent)


def worthwhile(exponent: float) -> float:
    """Distortion below which solving the ends saves time; it is at least `largest`.

    Without ends `largest` would be slightly larger, as λD = 1/a then. Ends with long tails take long.
    """
    return float((1.0 if exponent <= 0.5 else 2.5) * 0.5**exponent / (exponent * core_multiplier(exponent)))


def extended(source: Source, exponent: float, core: PhaseChannel) -> LongInterval:
    """Join the ends of the core's channel to a comb."""
    cells, lmbda, count = core.cells, core.lmbda, core.cells.count
    # the best density far from the ends, at a larger λ, which makes it proportionally narrower
    grid, scale = window(source, 1.0 / (WIDE * count), WIDE * count // 2 - 1), float(WIDE**exponent)
    start = np.exp(-scale * lmbda * np.abs(grid.phases) ** exponent)
    shape = descend(grid, start / start.sum(), scale * lmbda, distortion=None)
    assert shape is not None
    around = scale * shape.distances
    kernel = np.exp(-lmbda * around)
    total = float(kernel.sum()) / count
    own = float(kernel @ around) / (count * total)
    # the core's reproductions and their mirror images, faded out
    phases = core.densities @ (np.arange(count) + 0.5) / count
    distances = cells.distances(core.densities)
    likelihood = np.exp(-lmbda * distances)
    # the last step of the fit moved the reproductions, so the best weights have changed
    best = reweighted(0.5 * (likelihood + likelihood[:, ::-1]), core.weights)
    weights = 0.5 * np.tile(best, 2) * (1.0 - _faded(np.concatenate([phases, 1.0 - phases])))
    distances = np.concatenate([distances, distances[:, ::-1]])
    likelihood = weights[:, None] * np.exp(-lmbda * distances)
    # the comb: a reproduction in each cell, faded in; those beyond 1, up to the other end, have tails that reach back
    comb = _faded((np.arange(int((2.0 - TO) * count)) + 0.5) / count) / count
    half = kernel.size // 2
    near = slice(half, half + count)
    sums = likelihood.sum(axis=0) + np.convolve(comb, kernel)[near]
    distortions = (likelihood * distances).sum(axis=0) + np.convolve(comb, kernel * around)[near]
    if cells.scalar:
        # beyond these cells Q is constant, as on an infinite interval
        log_weight = -np.log(np.append(sums, np.full(count, total)))
        excess = max(scanned(log_weight, 1.0 / count, lmbda), 0.5 * math.log(math.pi / lmbda) - math.log(total))
    else:
        excess = _searched(core, -np.log(sums))
        excess = max(excess, PhaseGrids(source, DistanceProfile.of(source)).allowance(grid, shape))
    return LongInterval(
        exponent,
        lmbda,
        -math.log(total),
        own,
        math.log(total) - float(np.mean(np.log(sums))),
        float(np.mean(distortions / sums)) - own,
        float(weights.sum() + comb[:count].sum()) - 1.0,
        _leak(lmbda, kernel[half:], around[half:], count),
        excess,
    )


def _leak(lmbda: float, kernel: Array, around: Array, count: int) -> float:
    """Sum the loss in R beyond an end, where only reproductions within the distance to `TO` are used."""
    twice = np.append(1.0, np.full(kernel.size - 1, 2.0)) * kernel
    total, distortion = np.cumsum(twice), np.cumsum(twice * around)
    rate = np.log(total[-1] / total) + lmbda * (distortion[-1] / total[-1] - distortion / total)
    return float(rate[int((1.0 - TO) * count) :].sum()) / count


def _searched(core: PhaseChannel, log_weight: Array) -> float:
    """Find the greatest ln S near an end by ascents from phases and from the core's reproductions."""
    cells, lmbda = core.cells, core.lmbda
    starts, _ = cells.posterior(cells.spread(STARTS), log_weight, lmbda)
    peaks, _, top = highest(cells, log_weight, lmbda, np.concatenate([starts, core.densities]))
    return top + 1.25 * float(cells.variation(peaks, lmbda).max())


def _faded(phase: Array) -> Array:
    """Share of the comb at a phase: 0 up to `FROM`, 1 from `TO` on, with two continuous derivatives."""
    x = np.clip((phase - FROM) / (TO - FROM), 0.0, 1.0)
    return np.asarray(x**3 * (10.0 - 15.0 * x + 6.0 * x**2))

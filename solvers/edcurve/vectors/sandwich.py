"""R(D) of weighted vectors between chords of channels and tangents from their dual values, at adaptive λ."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from edcurve.optimum.envelopes import lower_hull

from .boxes import greatest
from .channels import TOLERANCE, Channel, Vectors, fit
from .errors import Array

WIDTH = 10.0  # gap between chord and tangents above which another λ is tried, over the tolerance of channels
RELATIVE = 0.01  # the same, as a fraction of the rate
FLOOR = 1e-6  # nats below which the gap never calls for another λ
TRIES = 40  # most λ for one distortion
FIRST = 64  # about the number of reproductions of the first channel


@dataclass(eq=False)
class Sandwich:
    """Channels by increasing λ, between two ends: rate 0 at D_max, and that of nearest reproductions at the least D.

    Attributes
    ----------
    vectors : Vectors
        The source.
    channels : list of Channel
        The channels fitted so far.
    searched : bool
        Whether a lower bound rests on a search for the greatest excess.
    """

    vectors: Vectors
    channels: list[Channel] = field(default_factory=list)
    proved: dict[float, float | None] = field(default_factory=dict)
    searched: bool = False

    def __post_init__(self) -> None:
        x, weight, candidates = self.vectors.x, self.vectors.weight, self.vectors.error.candidates
        if candidates is None:
            self.most = float(weight @ np.square(x - weight @ x).sum(axis=1))
            self.least, self.top = 0.0, -float(weight @ np.log(weight))
            return
        costs = self.vectors.error.distances(x, candidates)
        self.most = float((weight @ costs).min())
        self.least = float(weight @ costs.min(axis=1))
        share = np.bincount(costs.argmin(axis=1), weight)
        self.top = -float(np.sum(share * np.log(np.where(share > 0.0, share, 1.0))))

    def answer(self, distortion: Array, update: Callable[[int, int], None]) -> Array:
        """Compute lower and upper bounds on R(D) in nats at distortions between the ends."""
        result = []
        for i, D in enumerate(distortion.tolist()):
            result.append(self._bounds(D, partial(update, i, 0)))
            update(i + 1, 0)
        return np.array(result).reshape(-1, 2).T

    def dual(self, lmbda: float, tell: Callable[[], None]) -> float:
        """Bound rate + λD from below, for all channels."""
        return self._dual(self._fitted(lmbda, tell), prove=True)

    def _bounds(self, D: float, tell: Callable[[], None]) -> tuple[float, float]:
        for _ in range(TRIES):
            upper = self._upper(D)
            lower = self._lower(D, prove=False)
            if upper - lower <= max(FLOOR, min(WIDTH * self.vectors.tolerance, RELATIVE * upper)):
                break
            lmbda = self._steepness(D)
            if any(math.isclose(lmbda, channel.lmbda, rel_tol=1e-9) for channel in self.channels):
                break
            self._fitted(lmbda, tell)
        return min(max(self._lower(D, prove=True), 0.0), upper), upper

    def _hull(self) -> tuple[Array, Array]:
        D = np.array([self.least, *(channel.distortion for channel in self.channels[::-1]), self.most])
        R = np.array([self.top, *(channel.rate for channel in self.channels[::-1]), 0.0])
        order = np.lexsort((R, D))
        order = order[np.append(True, np.diff(D[order]) > 0.0)]
        kept = order[lower_hull(D[order], R[order])]
        return D[kept], R[kept]

    def _upper(self, D: float) -> float:
        return float(np.interp(D, *self._hull()))

    def _steepness(self, D: float) -> float:
        """Slope of the chord above D: the λ whose tangent is furthest below the chord."""
        x, y = self._hull()
        i = min(max(int(np.searchsorted(x, D)), 1), len(x) - 1)
        return float((y[i - 1] - y[i]) / (x[i] - x[i - 1]))

    def _lower(self, D: float, *, prove: bool) -> float:
        bounds = [(self._dual(channel, prove=False) - channel.lmbda * D, channel) for channel in self.channels]
        if not bounds:
            return 0.0
        best, channel = max(bounds, key=lambda pair: pair[0])
        return self._dual(channel, prove=True) - channel.lmbda * D if prove and best > 0.0 else best

    def _dual(self, channel: Channel, *, prove: bool) -> float:
        excess = channel.excess
        if prove and self.vectors.error.candidates is None:
            if channel.lmbda not in self.proved:
                target = excess + TOLERANCE
                self.proved[channel.lmbda] = greatest(self.vectors, channel.log_mass, channel.lmbda, target)
            bound = self.proved[channel.lmbda]
            self.searched |= bound is None
            excess = excess if bound is None else bound
        return channel.value - excess

    def _fitted(self, lmbda: float, tell: Callable[[], None]) -> Channel:
        """Fit the channel of a λ, starting from the nearest, and insert it."""
        index = sum(channel.lmbda < lmbda for channel in self.channels)
        near = self.channels[max(0, index - 1) : index + 1]
        if near:
            start = min(near, key=lambda channel: abs(math.log(channel.lmbda / lmbda)))
            y, q = start.y, start.q
        else:
            table = self.vectors.x if self.vectors.error.candidates is None else self.vectors.error.candidates
            y = table[:: 1 + (len(table) - 1) // FIRST]
            q = np.full(len(y), 1.0 / len(y))
        channel = fit(self.vectors, lmbda, y, q, tell)
        self.channels.insert(index, channel)
        return channel

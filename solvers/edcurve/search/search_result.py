"""The result of a search, made from the polished partitions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edcurve.equality import ComparedByValue

from .cell_distortion import Floats, TabulatedDistortion
from .polish import PolishedPartitions


@dataclass(frozen=True, eq=False)
class SearchResult(ComparedByValue):
    """The best partition that a search found.

    Attributes
    ----------
    sizes : ndarray, shape (cells,)
        Cell sizes, positive and decreasing; their sum is 1 up to rounding.
    entropy : float
        Σ −pᵢ ln pᵢ, nats.
    distortion : float
        Σ d(pᵢ).
    lmbda : float
        The λ for which the Lagrangian Σ −pᵢ ln pᵢ + λ Σ d(pᵢ) is stationary here: the argument, or −dE/dD. It is
        NaN for equal cells where the distortion leaves no freedom, and 0 for one cell.
    residual : float
        Largest deviation of −ln pᵢ + λ d′(pᵢ) from its mean μ, over 1 + abs(μ): 0 at a stationary partition.
    is_minimum : bool
        Whether the second-order condition holds: the Hessian of the Lagrangian is positive definite on the
        directions that keep the constraints.
    starts, agreeing : int
        Number of starts that reached the distortion, and number of those whose descent alone ended within
        1e-8 (relative to 1 + E) of the result. A small ``agreeing`` indicates many local minima.
    """

    sizes: NDArray[np.float64]
    entropy: float
    distortion: float
    lmbda: float
    residual: float
    is_minimum: bool
    starts: int
    agreeing: int

    @property
    def value(self) -> float:
        """Entropy + λ · distortion."""
        return self.entropy + self.lmbda * self.distortion


def one_cell(distortion: float) -> SearchResult:
    """Make the result for the partition into one cell."""
    return SearchResult(np.ones(1), 0.0, distortion, 0.0, 0.0, True, 0, 0)


def results_of(d: TabulatedDistortion, polished: PolishedPartitions) -> list[SearchResult]:
    """Make a result of each problem's best partition."""
    parts = polished.parts
    groups = [np.repeat(s, m.astype(int)) for s, m in zip(parts.sizes, parts.counts, strict=True)]
    ordered = [np.sort(sizes)[::-1] for sizes in groups]
    scores = [(_entropy(sizes), math.fsum(d.distortion(sizes))) for sizes in ordered]
    rest = zip(polished.lmbda.tolist(), polished.residual.tolist(), polished.convex.tolist(), strict=True)
    tallies = zip(polished.starts.tolist(), polished.agreeing.tolist(), strict=True)
    every = zip(ordered, scores, rest, tallies, strict=True)
    return [SearchResult(sizes, *score, *quality, *tally) for sizes, score, quality, tally in every]


def _entropy(sizes: Floats) -> float:
    """Sum the entropy of decreasing sizes; near 1, −ln of the first is computed from the sum of the others."""
    first = -math.log1p(-math.fsum(sizes[1:])) if sizes[0] > 0.5 else -math.log(sizes[0])
    return math.fsum([sizes[0] * first, *(-sizes[1:] * np.log(sizes[1:]))])


def nonincreasing(results: list[SearchResult]) -> list[SearchResult]:
    """Replace a result by that of the next smaller distortion, also feasible, where its entropy is lower."""
    for i in range(1, len(results)):
        if results[i].entropy > results[i - 1].entropy:
            results[i] = replace(results[i - 1], starts=results[i].starts, agreeing=0)
    return results

"""Lower and upper bounds on E(D), in nats, and their proofs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from flint import arb, ctx

from edcurve.optimum import envelopes
from edcurve.sources import Source

from .balls import above, below
from .biuniform import bracket
from .dual import dual_bound
from .feasible import FeasiblePartition, inside
from .models import BallSpectrum, Model

SEARCHED = 5.0  # nats up to which partitions that are not biuniform are searched
PRECISION = 160


@dataclass(frozen=True)
class Enclosure:
    """Proof that E(D), in nats, is between `low` and `high`; see `Certificate` for the other fields."""

    low: arb
    high: arb
    method: str
    precision: int
    count: int | None = None
    odd: tuple[float, float] | None = None
    cells: tuple[float, ...] | None = None
    lmbda: float | None = None


def exact(model: Model, D: Fraction | float, reason: str) -> Enclosure:
    """E(D) as the entropy of a biuniform partition."""
    ends = bracket(model, D)
    lower, upper = ends.lower, ends.upper
    how = (
        "two of them, proved to be on either side of D" if upper else "so many cells that one more makes no difference"
    )
    odd = (below(lower.odd), above(upper.odd)) if lower and upper and lower.count == upper.count else None
    method = f"E(D) is the entropy of a biuniform partition ({reason}); {how}"
    return Enclosure(ends.low, ends.high, method, ends.precision, upper.count if upper else None, odd)


def between(source: Source, model: BallSpectrum, D: float) -> Enclosure:
    """E(D) between the dual bound, its minimum proved, and the best known partition, its distortion proved."""
    with ctx.workprec(PRECISION):
        lmbda = _multiplier(source, model, D)
        low = dual_bound(model, D, lmbda)
        biuniform = bracket(model, D)
        better = _searched(source, model, D)
    above_it = "a biuniform partition"
    high, count, cells = biuniform.high, biuniform.upper.count if biuniform.upper else None, None
    if better and better.entropy < biuniform.high:
        above_it = f"a partition into {len(better.sizes) + bool(better.extra)} cells"
        high, count, cells = better.entropy, None, better.sizes
    method = f"dual bound below, minimum over cell sizes proved; {above_it} above, proved to have distortion at most D"
    return Enclosure(low, high, method, PRECISION, count, None, cells, lmbda)


def _multiplier(source: Source, model: BallSpectrum, D: float) -> float:
    """Slope of the dual bound at D: of its straight part, or λ = 1/(d′ − d/p) where d(p)/p = D."""
    lines = envelopes.chords(source)
    for left, right, slope in zip(lines[::4], lines[1::4], lines[3::4], strict=True):
        if left <= D <= right:
            return slope
    p = model.log_size(arb(D)).exp()
    return float(1 / (model.slope(p) - model.mean(p)))


def _searched(source: Source, model: BallSpectrum, D: float) -> FeasiblePartition | None:
    few = float((-model.log_size(arb(D))).upper()) < SEARCHED
    if not few:
        return None
    from edcurve import search  # with scipy, which only this needs

    return inside(model, D, search.minimise_entropy(source.cell_distortion, D).sizes.tolist())

"""E(D) where biuniform partitions are optimal: two of them, with distortions on either side of D, enclose it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from flint import arb, ctx

from .balls import ball, bisect, bits, sign
from .models import Model

RESOLUTION = 100  # bits of the small cell, relative to its largest possible size
COUNTABLE = 128  # ln K above which ln K and ln(K + 1) round to the same double
PRECISIONS = tuple(320 << i for i in range(7))


@dataclass(frozen=True)
class Biuniform:
    """K cells of size (1 − ε)/K and one of size ε, 0 ≤ ε ≤ 1/(K + 1); ε is the midpoint of a ball, exactly."""

    count: int
    odd: arb

    def entropy(self) -> arb:
        """Entropy in nats: increasing in (K, ε)."""
        equal = 1 - self.odd
        whole = equal * arb(self.count).log() - equal * (-self.odd).log1p()
        return whole if self.odd.is_zero() else whole - self.odd * self.odd.log()

    def distortion(self, model: Model) -> arb:
        """K d((1 − ε)/K) + d(ε): decreasing in (K, ε), because δ is nondecreasing."""
        equal = self.count * model.distortion((1 - self.odd) / self.count)
        return equal if self.odd.is_zero() else equal + model.distortion(self.odd)


@dataclass(frozen=True)
class Bracket:
    """Two partitions and their entropies in nats: the distortion of `lower` is proved ≥ D, that of `upper` ≤ D.

    If there are too many cells to count, the entropies are bounds without partitions.
    """

    low: arb
    high: arb
    lower: Biuniform | None
    upper: Biuniform | None
    precision: int


def bracket(model: Model, D: Fraction | float) -> Bracket:
    """Enclose the entropy of the biuniform partition of distortion D, 0 < D < D_max.

    K and ε are guessed and narrowed by bisection. Only the final distortions matter: those of the two returned
    partitions are proved, in balls, to be on either side of D. By monotonicity so are their entropies.
    """
    for precision in PRECISIONS:
        with ctx.workprec(precision):
            size = model.log_size(ball(D))
            if size < -COUNTABLE:
                return _countless(size, precision)
            digits = bits((-size).exp())
        with ctx.workprec(precision + 4 * digits):
            pair = _neighbours(model, ball(D))
            if pair is not None:
                lower, upper = pair
                return Bracket(lower.entropy(), upper.entropy(), lower, upper, ctx.prec)
    raise ArithmeticError(f"distortion {D!r} could not be told from those of its neighbours at {PRECISIONS[-1]} bits")


def _countless(size: arb, precision: int) -> Bracket:
    """Bracket of a tiny D: with d(p)/p = D and K = ⌊1/p⌋ the entropy is in [ln K, ln(K + 1)], within 2p of −ln p."""
    slack = 2 * arb(-COUNTABLE).exp()
    return Bracket(-size - slack, -size + slack, None, None, precision)


def _neighbours(model: Model, D: arb) -> tuple[Biuniform, Biuniform] | None:
    """Biuniform partitions on either side of D and close to it; None if the precision does not suffice."""
    count = _count(model, D)
    top = arb(1) / (count + 1)
    first, step = arb(top.lower()), arb(2) ** -RESOLUTION
    low, high = bisect(
        lambda odd: Biuniform(count, odd).distortion(model) - D,
        arb(0),
        first,
        lambda low, high: high - low <= step * (high if count == 1 else first),
    )
    lower, upper = Biuniform(count, low), Biuniform(count, high)
    if not lower.distortion(model) >= D and count > 1:
        lower = Biuniform(count - 1, arb((arb(1) / count * (1 - step)).lower()))
    if not upper.distortion(model) <= D:
        upper = Biuniform(count + 1, arb((step / (count + 2)).lower()))
    return (lower, upper) if lower.distortion(model) >= D and upper.distortion(model) <= D else None


def _count(model: Model, D: arb) -> int:
    """K with D_K ≥ D ≥ D_{K+1}, as far as the precision can decide."""

    def side(count: int) -> int:
        return sign(Biuniform(count, arb(0)).distortion(model) - D)

    count = max(1, int((-model.log_size(D)).exp().mid().floor().unique_fmpz() or 1))
    if side(count) < 0:
        return count - 1
    return count + 1 if side(count + 1) > 0 else count

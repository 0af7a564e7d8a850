"""Condition (★) over all triples of cell sizes, by interval branch and bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from flint import arb, ctx

from .balls import ball
from .means import Means
from .shape import Range, Slopes

NARROWEST = 2.0**-36  # width of boxes that are left undecided
PRECISION = 64  # bits

Box = tuple[Range, Range, Range]


@dataclass(frozen=True)
class Star:
    """Answer of a verification of (★).

    Attributes
    ----------
    holds : bool or None
        True if proved, False if a counterexample was proved, None if it was left undecided.
    witness : tuple of float or None
        Sizes p₁ < p₂ < p₃ of the counterexample, exactly these doubles; their sum is at most 1.
    boxes : int
        Number of boxes examined.
    method : str
        What was proved.
    """

    holds: bool | None
    witness: tuple[float, float, float] | None
    boxes: int
    method: str


def verify_star(model: Slopes, boxes: int) -> Star:
    """Prove (★) for all p₁ < p₂ < p₃ with sum at most 1, or find a triple that violates it.

    With m(p, q) the mean of w over [ln p, ln q], (★) is m(p₂, p₃) > m(p₁, p₂).
    """
    with ctx.workprec(PRECISION):
        return _verify(model, boxes)


def _verify(model: Slopes, limit: int) -> Star:
    means = Means(model)
    rising = means.shape.rises_to
    stack, done, left = [(Range(0.0, 0.5), Range(0.0, 0.5), Range(0.0, 1.0))], 0, False
    while stack and done < limit:
        box = _clipped(stack.pop())
        done += 1
        if box is None or box[2].high <= rising or _proved(means, box):
            continue
        triple = _violation(model, box)
        if triple is not None:
            return Star(False, triple, done, f"violated at {triple}, proved in ball arithmetic")
        widest = _widest(box)
        if box[widest].high - box[widest].low < NARROWEST:
            left = True
        else:
            stack += _halves(box, widest)
    if stack or left:
        return Star(None, None, done, f"undecided after {done} boxes")
    return Star(True, None, done, f"proved on {done} boxes that cover all triples")


def _clipped(box: Box) -> Box | None:
    """A box around the part with p₁ ≤ p₂ ≤ p₃ and p₁ + p₂ + p₃ ≤ 1; its ends are exact multiples of 2⁻⁵⁰.

    None if there is no such part.
    """
    p, q, r = box
    p = Range(p.low, min(p.high, q.high, 1.0 - q.low - r.low))
    q = Range(max(q.low, p.low), min(q.high, r.high, 1.0 - p.low - r.low))
    r = Range(max(r.low, q.low), min(r.high, 1.0 - p.low - q.low))
    return (p, q, r) if p.low <= p.high and q.low <= q.high and r.low <= r.high else None


def _proved(means: Means, box: Box) -> bool:
    """Whether m(p₂, p₃) > m(p₁, p₂) is proved on the whole box."""
    p, q, r = box
    return means.mean(p, q).high < means.mean(q, r).low if q.low else _proved_near_zero(means, q, r)


def _proved_near_zero(means: Means, q: Range, r: Range) -> bool:
    """(★) for small p₂: m(p₁, p₂) ≤ w(p₂) ≤ C p₂^α, while m(p₂, p₃) ≥ (d′(p₃) − d′(p₂)) / ln(1/p₂).

    C p^α ln(1/p) rises up to p = e^{−1/α}.
    """
    edge, factor, power = means.model.small
    if not (q.high <= edge < r.low and arb(q.high) < (-1 / ball(power)).exp()):
        return False
    most = ball(factor) * ball(q.high) ** ball(power) * -means.log_at(q.high)
    return bool(most < means.slopes(r) - means.slope_at(q.high))


def _violation(model: Slopes, box: Box) -> tuple[float, float, float] | None:
    """The midpoint or the lowest corner of the box, if (★) is proved to fail there."""
    for a, b, c in (tuple((side.low + side.high) / 2 for side in box), tuple(side.low for side in box)):
        if 0.0 < a < b < c and Fraction(a) + Fraction(b) + Fraction(c) <= 1 and margin(model, a, b, c) < 0:
            return a, b, c
    return None


def margin(model: Slopes, a: float, b: float, c: float) -> arb:
    """m(b, c) − m(a, b)."""
    low, middle, high = (model.slope(arb(p)) for p in (a, b, c))
    return (high - middle) / (arb(c) / b).log() - (middle - low) / (arb(b) / a).log()


def _widest(box: Box) -> int:
    """The size to divide, by its effect on the means: a small p₁ has little effect, p₂ acts through ln p₃/p₂."""
    p, q, r = box
    wide = (r.high - r.low) / r.high
    if q.low == 0.0:
        return 1 if q.high > 2.0**-6 or wide < 2.0**-6 else 2
    spread = math.log(q.high / q.low) / (1.0 + math.log(max(r.low / q.high, 1.0)))
    scores = [(p.high - p.low) / q.high, spread, 2.0 * wide]
    return scores.index(max(scores))


def _halves(box: Box, side: int) -> list[Box]:
    low, high = box[side]
    middle = (low + high) / 2
    parts = (Range(low, middle), Range(middle, high))
    return [(*box[:side], part, *box[side + 1 :]) for part in parts]  # type: ignore[misc]  # mypy cannot tell that three remain

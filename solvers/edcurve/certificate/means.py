"""Means of w over intervals of ln p, for ends in boxes: the two sides of (★)."""

from __future__ import annotations

import math
from functools import cache

from flint import arb

from .balls import above, below
from .shape import Range, Shape, Slopes


class Means:
    """The mean m(p, q) = (d′(q) − d′(p)) / ln(q/p) of w over [ln p, ln q], enclosed for p < q in intervals.

    ∂m/∂p has the sign of m − w(p), ∂m/∂q that of w(q) − m.
    """

    def __init__(self, model: Slopes) -> None:
        self.model, self.shape = model, Shape(model)
        self.slope_at, self.log_at = cache(self._slope_at), cache(self._log_at)
        self.values, self.mean = cache(self.shape.values), cache(self._mean)

    def _slope_at(self, p: float) -> arb:
        return self.model.slope(arb(p))

    def _log_at(self, p: float) -> arb:
        return arb(p).log()

    def slopes(self, p: Range) -> arb:
        """Ball around d′ on an interval that does not begin at 0; by monotony if w has one sign."""
        if p.low == p.high:
            return self.slope_at(p.low)
        bend = self.values(p.low, p.high)
        if bend.low >= 0.0 or bend.high <= 0.0:
            return self.slope_at(p.low).union(self.slope_at(p.high))
        run = self.log_at(p.high) - self.log_at(p.low)
        return self.slope_at(p.low) + arb(0, above(run * max(-bend.low, bend.high)))

    def quotient(self, p: Range, q: Range) -> Range:
        """Range of m from its definition, for p.high < q.low."""
        if p.low == 0.0:
            top = above(self.slopes(q) / (self.log_at(q.low) - self.log_at(p.high)))
            return Range(-math.inf, max(top, 0.0))
        mean = (self.slopes(q) - self.slopes(p)) / (self._logs(q) - self._logs(p))
        return Range(below(mean), above(mean))

    def _logs(self, p: Range) -> arb:
        return self.log_at(p.low).union(self.log_at(p.high)) if p.low < p.high else self.log_at(p.low)

    def _mean(self, p: Range, q: Range) -> Range:
        """Range of m: the intersection of three bounds, each of which is the narrowest for some boxes.

        m lies in the range of w between p and q; it is the quotient that defines it; and where the signs of its
        derivatives are proved, it is largest and smallest at ends of the intervals.
        """
        mean = self.values(min(p.low, q.low), max(p.high, q.high))
        if p.high < q.low:
            mean = _both(mean, self.quotient(p, q))
        first, second = self._growth(p, q, mean)
        top = self._point(_end(p, first), _end(q, second))
        bottom = self._point(_end(p, -first), _end(q, -second))
        return _both(mean, Range(bottom.low, top.high))

    def _growth(self, p: Range, q: Range, mean: Range) -> tuple[int, int]:
        """Signs of ∂m/∂p and ∂m/∂q on the box, 0 where neither sign is proved."""
        sign = self.shape.sign(p.low, q.high)
        if sign:
            return sign, sign
        at_p, at_q = self.values(*p), self.values(*q)
        first = (mean.low >= at_p.high) - (mean.high <= at_p.low)
        second = (at_q.low >= mean.high) - (at_q.high <= mean.low)
        return first or self._lowest_first(p, q), second

    def _lowest_first(self, p: Range, q: Range) -> int:
        """1 if w rises on p and is nowhere lower until q.high than at p.high."""
        top = self.shape.at(p.high).high
        others = [self.shape.at(q.high), *(piece.values for piece in self.shape.inside(p.high, q.high))]
        return int(self.shape.sign(*p) == 1 and all(other.low >= top for other in others))

    def _point(self, p: Range, q: Range) -> Range:
        """Range of m if the intervals may overlap, including p above q, because m is symmetric."""
        if p.high < q.low:
            return self.quotient(p, q)
        return self.values(min(p.low, q.low), max(p.high, q.high))


def _both(a: Range, b: Range) -> Range:
    return Range(max(a.low, b.low), min(a.high, b.high))


def _end(box: Range, direction: int) -> Range:
    """The end at which a rising (1) or falling (−1) function is largest; the whole box if neither is proved."""
    return {0: box, 1: Range(box.high, box.high), -1: Range(box.low, box.low)}[direction]

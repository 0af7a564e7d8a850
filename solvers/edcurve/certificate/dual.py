"""The dual bound with its minimum over p ∈ (0, 1] proved: interval branch and bound."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from flint import arb

from .balls import below, span
from .models import BallSpectrum

NEWTON = 8  # steps
SLACK = 2.0**-60  # relative distance of a box's bound from the least value below which the box is not divided further
BOXES = 100_000


@dataclass
class _Objective:
    """φ(t) = −t + λ x(eᵗ) at t = ln p, x(p) = d(p)/p, and its derivatives λ(d′ − x) − 1 and λ(w − d′ + x)."""

    model: BallSpectrum
    lmbda: arb
    least: arb = field(default_factory=arb.pos_inf)

    def value(self, p: arb) -> arb:
        return -p.log() + self.lmbda * self.model.mean(p)

    def rise(self, p: arb) -> arb:
        return self.lmbda * (self.model.slope(p) - self.model.mean(p)) - 1

    def curvature(self, p: arb) -> arb:
        return self.lmbda * (self.model.bend(p) - self.model.slope(p) + self.model.mean(p))

    def near(self, p: float) -> arb:
        """The value at p; boxes are compared with the least such value."""
        result = self.value(arb(p))
        self.least = self.least.min(arb(result.upper()))
        return result


def dual_bound(model: BallSpectrum, D: float, lmbda: float) -> arb:
    """Lower end of inf over 0 < p ≤ 1 of −ln p + λ(d(p)/p − D), for λ > 0 and d(p)/p nondecreasing.

    For an attained value φ, sizes p < e^{−φ} have larger values. Boxes cover the other sizes; each is bounded by the
    monotonicity of d(p)/p, by the sign of the derivative or by convexity, or divided.
    """
    goal = _Objective(model, arb(lmbda))
    goal.near(1.0)
    goal.near(float(model.log_size(arb(D)).exp()))
    low = below((-goal.least).exp())
    bound, boxes, done = goal.least, [(low, 1.0)], 0
    while boxes:
        done += 1
        if done > BOXES:
            raise ArithmeticError(f"the dual bound at {D!r} was not proved within {BOXES} boxes")
        a, b = boxes.pop()
        value = _bounded(goal, a, b)
        if value is None:
            middle = math.sqrt(a) * math.sqrt(b)
            goal.near(middle)
            boxes += [(a, middle), (middle, b)]
        else:
            bound = bound.min(value)
    return bound - goal.lmbda * arb(D)


def _bounded(goal: _Objective, a: float, b: float) -> arb | None:
    """Lower bound of the objective on [a, b], or None if the box must be divided."""
    simple = goal.lmbda * goal.model.mean(arb(a)) - arb(b).log()
    if simple >= goal.least:
        return simple
    box = span(a, b)
    rise = goal.rise(box)
    if rise > 0 or rise < 0:
        return goal.near(a if rise > 0 else b)
    width = (arb(b) / arb(a)).log()
    if goal.curvature(box) > 0:
        p = _stationary(goal, a, b)
        rise = goal.rise(arb(p))
        return goal.near(p) + (rise * (arb(a) / p).log()).min(rise * (arb(b) / p).log())
    middle = math.sqrt(a) * math.sqrt(b)
    centred = goal.near(middle) - arb(rise.abs_upper()) * width
    return centred if centred >= goal.least - SLACK * (1 + goal.least) else None


def _stationary(goal: _Objective, a: float, b: float) -> float:
    """A point of [a, b] near a zero of the derivative, if any, by Newton steps in doubles; it needs no proof."""
    p = math.sqrt(a) * math.sqrt(b)
    for _ in range(NEWTON):
        at = arb(p)
        step = float(goal.rise(at) / goal.curvature(at))
        p = min(max(p * math.exp(-step), a), b)
    return p

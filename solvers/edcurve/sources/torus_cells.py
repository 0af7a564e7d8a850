"""The best cells of a torus: discs while they are small, then strips around the larger circle."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .piecewise import polynomials

Array = NDArray[np.float64]

NODES = 160  # of the quadrature; doubling them changes d by a relative 1e-14
WIDEST = 0.95  # largest disc, relative to the one whose edge meets itself: strips are better before that
STEP = 0.02
DEGREE = 64  # of the polynomials for measure and distortion as functions of that relative size


class Cell(NamedTuple):
    """Measure of a cell, and the means of 1 − cos θ over it."""

    measure: Any
    first: Any
    second: Any


def mean_distortion(p: Array, ratio: float) -> Array:
    """d(p)/p for p ≤ ½ of the torus with radii `ratio` ≤ 1 and 1, the least over all cells."""
    strips = _strip(p) + ratio * ratio
    until, table = discs(ratio)
    return np.asarray(np.where(p < until, table(np.minimum(p, until)) * p, strips))


def _strip(p: Array) -> Array:
    """d(p)/p of the unit circle."""
    mean = np.sinc(p)
    return np.asarray((1.0 - mean) * (1.0 + mean))


@lru_cache(maxsize=16)
def discs(ratio: float, nodes: int = NODES) -> tuple[float, Any]:
    """The measure up to which discs are best, and a table of d(p)/p² for them.

    A best cell is {w₁r₁ cos θ₁ + w₂r₂ cos θ₂ ≥ t} with weights proportional to its own means, rₖ E[cos θₖ]. With
    aₖ = rₖ² E[cos θₖ] it is {Σ aₖ (1 − cos θₖ) ≤ 2 a₁ x}, x < 1 for a disc. Both sides of x ↦ (p, d(p)/p) are smooth.
    """
    from scipy.optimize import brentq

    last, share = 0.0, 1.0
    while last < WIDEST:  # until strips are better, or slightly further
        last += STEP
        share = _consistent(last, ratio, share, nodes)
        if last > 0.4 and _gain(disc(last, ratio * ratio * share, nodes), ratio) > 0.0:
            break
    # Chebyshev nodes, x increasing; the search for each weight starts from the previous one
    x = 0.5 * last * (1.0 - np.cos(math.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1)))
    cells, share = [], 1.0
    for extent in x.tolist():
        share = _consistent(extent, ratio, share, nodes)
        cells.append(disc(extent, ratio * ratio * share, nodes))
    fit = np.polynomial.Chebyshev.fit
    p = fit(x, [cell.measure for cell in cells] / x, DEGREE, domain=[0.0, last])
    d = fit(x, [_distortion(cell, ratio) for cell in cells] / x, DEGREE, domain=[0.0, last])

    def gain(extent: float) -> float:
        return _gain_of(float(extent * p(extent)), float(extent * d(extent)), ratio)

    switch = brentq(gain, 0.4, last, xtol=1e-15)
    until = float(switch * p(switch))
    slope = (p * np.polynomial.Polynomial([0.0, 1.0]).convert(kind=np.polynomial.Chebyshev, domain=p.domain)).deriv()

    def over_measure(measure: Array) -> Array:
        extent = measure / p(0.0)
        for _ in range(60):
            step = (extent * p(extent) - measure) / slope(extent)
            extent = np.clip(extent - step, 0.0, last)
            if np.abs(step).max() < 1e-15:
                break
        return np.asarray(d(extent) / p(extent))

    return until, polynomials(over_measure, 0.0, until)


def _gain(cell: Cell, ratio: float) -> float:
    """Excess of the mean distortion of a cell over that of a strip."""
    return _gain_of(cell.measure, _distortion(cell, ratio), ratio)


def _gain_of(measure: float, distortion: float, ratio: float) -> float:
    return float(distortion - _strip(np.array(measure)) - ratio * ratio)


def _consistent(x: float, ratio: float, before: float, nodes: int) -> float:
    """a₁/a₂, in units of ratio², consistent with the disc's own means: at most `before`, that of a smaller disc."""
    from scipy.optimize import brentq

    def gap(share: float) -> float:
        cell = disc(x, ratio * ratio * share, nodes)
        return float(share - (1.0 - cell.first) / (1.0 - cell.second))

    if gap(before) < 1e-14:
        return before
    below = 1e-3
    while gap(before - below) > 0.0:
        below *= 2.0
    return float(brentq(gap, before - below, before, xtol=1e-15, rtol=1e-14))


def disc(x: float, weight: float, nodes: int) -> Cell:
    """The cell weight (1 − cos θ₁) + (1 − cos θ₂) ≤ 2 x weight, 0 < x < 1, by double exponential quadrature over θ₁."""
    share, complement, dx = _rule(nodes)
    edge = 2.0 * math.asin(math.sqrt(x))
    first = edge * share
    # 1 − cos θ₂ = 2 weight (sin²(edge/2) − sin²(θ₁/2)), as a product
    height = weight * np.sin(0.5 * (edge + first)) * np.sin(0.5 * edge * complement)
    second = 2.0 * np.arcsin(np.sqrt(height))
    step = edge * dx / math.pi**2
    measure = float(step @ second)
    over_first = float(step @ (second * 2.0 * np.sin(0.5 * first) ** 2))
    return Cell(measure, over_first / measure, float(step @ _angle_less_sine(second)) / measure)


def _distortion(cell: Cell, ratio: float) -> float:
    """Mean squared distance from the mean: Σ rₖ²(1 − E[cos θₖ]²)."""
    return float(ratio * ratio * cell.first * (2.0 - cell.first) + cell.second * (2.0 - cell.second))


@lru_cache(maxsize=4)
def _rule(nodes: int) -> tuple[Array, Array, Array]:
    """Nodes on (0, 1), their complements to 1, and weights."""
    t = np.linspace(-3.2, 3.2, nodes)
    u = 0.5 * math.pi * np.sinh(t)
    weights = (t[1] - t[0]) * 0.25 * math.pi * np.cosh(t) / np.cosh(u) ** 2
    return 1.0 / (1.0 + np.exp(-2.0 * u)), 1.0 / (1.0 + np.exp(2.0 * u)), weights


def _angle_less_sine(angle: Array) -> Array:
    """θ − sin θ, without cancellation for small θ."""
    term, total = angle.copy(), np.zeros_like(angle)
    for k in range(1, 9):
        term = -term * angle * angle / (2 * k * (2 * k + 1))
        total = total - term
    return np.where(angle < 1.0, total, angle - np.sin(angle))

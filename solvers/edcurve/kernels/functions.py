"""E(D), its bounds, its inverse and the Lagrangian at one point, for any model; natural logarithms.

`lines` holds the straight parts of the dual bound, four numbers each: (left D, right D, bound at the right,
slope). `vertices` are the first counts on the hull, from 1; beyond the last of them every count is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from . import biuniform

Function = Callable[..., Any]


def entropy(mean: Function, rate: Function, split: Function, c: Any, extra: Any, D: float) -> float:
    """E(D)."""
    count, odd = split(c, inside(c, D))
    return entropy_of(rate, c, D, count, odd)


def inside(c: Any, D: float) -> float:
    """D where 0 < D < D_max, else some distortion that `split` can take."""
    return D if 0.0 < D < c[0] else 0.5 * c[0]


def entropy_of(rate: Function, c: Any, D: float, count: float, odd: float) -> float:
    """E(D), given the optimal partition."""
    if D <= 0.0:
        return math.inf
    if c[0] <= D:
        return 0.0
    if count == 0.0:
        return float(rate(c, D))
    return biuniform.entropy(count, odd)


def lower(mean: Function, rate: Function, split: Function, c: Any, lines: Sequence[float], D: float) -> float:
    """The dual bound: −ln size, or the chord where that is not convex."""
    if D <= 0.0:
        return math.inf
    if c[0] <= D:
        return 0.0
    for i in range(0, len(lines), 4):
        if lines[i] <= D <= lines[i + 1]:
            right = lines[i + 1] - D if lines[i + 1] < c[0] else (c[0] - D) + c[1]
            return lines[i + 2] + lines[i + 3] * right
    return float(rate(c, D))


def hull(mean: Function, rate: Function, split: Function, c: Any, vertices: Sequence[float], D: float) -> float:
    """Lower convex hull of the points (K d(1/K), ln K)."""
    if D <= 0.0:
        return math.inf
    if c[0] <= D:
        return 0.0
    nats = float(rate(c, D))
    if nats >= math.log(biuniform.MOST_CELLS):
        return nats
    few = max(1.0, float(math.floor(math.exp(nats))))
    many = few + 1.0
    for i in range(len(vertices) - 1):
        if few < vertices[i + 1]:
            few, many = vertices[i], vertices[i + 1]
            break
    low = mean(c, 1.0 / many)
    if few == 1.0:
        return float(math.log(many) * ((c[0] - D) + c[1]) / (c[0] - low))
    high = mean(c, 1.0 / few)
    if high <= low:
        return nats
    share = min(1.0, max(0.0, (high - D) / (high - low)))
    return float(math.log(few) + share * math.log1p((many - few) / few))


def distortion(mean: Function, mean_at: Function, split: Function, c: Any, extra: Any, nats: float) -> float:
    """The inverse of E: the least distortion at that entropy."""
    if nats <= 0.0:
        return float(c[0])
    count, odd = biuniform.from_entropy(nats)
    if count == 0.0:
        return float(mean_at(c, nats))
    return biuniform.total(mean, c, count, odd)


def cell(mean: Function, rate: Function, split: Function, c: Any, extra: Any, p: float) -> float:
    """d(p)."""
    return float(p * mean(c, p)) if p > 0.0 else 0.0


def uniform(mean: Function, rate: Function, split: Function, c: Any, extra: Any, count: float) -> float:
    """K d(1/K)."""
    return float(mean(c, 1.0 / count))


def log_count(mean: Function, rate: Function, split: Function, c: Any, extra: Any, count: float) -> float:
    """Logarithm of K."""
    return math.log(count)


def cells(mean: Function, rate: Function, split: Function, c: Any, vertices: Sequence[float], lmbda: float) -> float:
    """The K that minimises ln K + λ K d(1/K); 0 where it exceeds `MOST_CELLS`."""
    for i in range(len(vertices) - 1):
        if lmbda <= _switch(mean, c, vertices[i], vertices[i + 1]):
            return vertices[i]
    few = vertices[len(vertices) - 1]
    at_few = _next(mean, c, few)
    return few if lmbda <= at_few else _more(mean, c, lmbda, few, at_few)


def _switch(mean: Function, c: Any, few: float, many: float) -> float:
    """The λ at which many cells begin to beat few."""
    gap = mean(c, 1.0 / few) - mean(c, 1.0 / many)
    return math.log1p((many - few) / few) / gap if gap > 0.0 else math.inf


def _next(mean: Function, c: Any, few: float) -> float:
    """The λ at which one more cell is better; from further apart where a difference of one cell has no digits."""
    margin = float(math.floor(1e-5 * few)) if few > 1e7 else 0.0
    return _switch(mean, c, few - margin, few + 1.0 + margin)


def _more(mean: Function, c: Any, lmbda: float, low: float, at_low: float) -> float:
    """Least K > low whose switch upwards is at λ or above: a bracket, and a power law through its ends."""
    high = 2.0 * low + 1.0
    at_high = _next(mean, c, high)
    while at_high < lmbda:
        power = math.log(high / low) / max(math.log(at_high / at_low), 0.1)
        low, at_low = high, at_high
        guess = 1.001 * high * math.exp(min(14.0, power * math.log(lmbda / at_high)))
        high = math.floor(min(guess, 2.0 * biuniform.MOST_CELLS)) + 1.0  # compiled, it may be an integer of 64 bits
        if high >= biuniform.MOST_CELLS:
            return 0.0
        at_high = _next(mean, c, high)
    for attempt in range(200):
        if high - low <= 1.0:
            break
        middle = 0.5 * (low + high)
        if attempt < 8:
            share = math.log(lmbda / at_low) / math.log(at_high / at_low) if at_high < math.inf else 0.5
            # just below the estimate and just above it in turn, so that the bracket closes from both sides
            middle = low * (high / low) ** share + (1.0 if attempt % 2 else 0.0)
        middle = min(high - 1.0, max(low + 1.0, float(math.floor(middle))))
        at_middle = _next(mean, c, middle)
        if at_middle < lmbda:
            low, at_low = middle, at_middle
        else:
            high, at_high = middle, at_middle
    return high

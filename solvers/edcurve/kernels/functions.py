"""E(D), its bounds, its inverse and the Lagrangian at one point, for any model; natural logarithms.

Each takes the model (a module, see the package), the source's parameters, further numbers that some functions need, and
the point. `chords` are the straight parts of the dual bound, four numbers each: (left D, right D, bound at the right,
slope). `vertices` are the first counts on the hull, from 1; every count after the last of them is a vertex too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from . import biuniform


def entropy(model: ModuleType, parameters: Any, extra: Any, D: float) -> float:
    """E(D)."""
    count, odd = model.split(parameters, inside(parameters, D))
    return entropy_of(model, parameters, D, count, odd)


def inside(parameters: Any, D: float) -> float:
    """D where 0 < D < D_max, otherwise a valid argument for `split`."""
    return D if 0.0 < D < parameters.maximum else 0.5 * parameters.maximum


def entropy_of(model: ModuleType, parameters: Any, D: float, count: float, odd: float) -> float:
    """E(D), given the optimal partition."""
    if D <= 0.0:
        return math.inf
    if parameters.maximum <= D:
        return 0.0
    if count == 0.0:
        return float(model.rate(parameters, D))
    return biuniform.entropy(count, odd)


def lower(model: ModuleType, parameters: Any, chords: Sequence[float], D: float) -> float:
    """The dual bound: −ln size, or a chord where that is not convex."""
    if D <= 0.0:
        return math.inf
    if parameters.maximum <= D:
        return 0.0
    for i in range(0, len(chords), 4):
        left, right = chords[i], chords[i + 1]
        if left <= D <= right:
            # the last chord ends at D_max, near which the remainder of D_max matters
            below = right - D if right < parameters.maximum else (parameters.maximum - D) + parameters.rest
            return chords[i + 2] + chords[i + 3] * below
    return float(model.rate(parameters, D))


def hull(model: ModuleType, parameters: Any, vertices: Sequence[float], D: float) -> float:
    """Lower convex hull of the points (K d(1/K), ln K)."""
    if D <= 0.0:
        return math.inf
    if parameters.maximum <= D:
        return 0.0
    nats = float(model.rate(parameters, D))
    if nats >= math.log(biuniform.MOST_CELLS):
        return nats
    # the point is between the two vertices whose counts enclose exp(nats), 1/p of the dual bound
    few = max(1.0, float(math.floor(math.exp(nats))))
    many = few + 1.0
    for i in range(len(vertices) - 1):
        if few < vertices[i + 1]:
            few, many = vertices[i], vertices[i + 1]
            break
    low = model.mean(parameters, 1.0 / many)
    if few == 1.0:
        return float(math.log(many) * ((parameters.maximum - D) + parameters.rest) / (parameters.maximum - low))
    high = model.mean(parameters, 1.0 / few)
    if high <= low:
        return nats
    share = min(1.0, max(0.0, (high - D) / (high - low)))
    return float(math.log(few) + share * math.log1p((many - few) / few))


def distortion(model: ModuleType, parameters: Any, extra: Any, nats: float) -> float:
    """The inverse of E: the least distortion at an entropy."""
    if nats <= 0.0:
        return float(parameters.maximum)
    count, odd = biuniform.from_entropy(nats)
    if count == 0.0:
        return float(model.mean_at(parameters, nats))
    return biuniform.total(model.mean, parameters, count, odd)


def cell(model: ModuleType, parameters: Any, extra: Any, p: float) -> float:
    """d(p)."""
    return float(p * model.mean(parameters, p)) if p > 0.0 else 0.0


def uniform(model: ModuleType, parameters: Any, extra: Any, count: float) -> float:
    """K d(1/K)."""
    return float(model.mean(parameters, 1.0 / count))


def cells(model: ModuleType, parameters: Any, vertices: Sequence[float], lmbda: float) -> float:
    """The K that minimises ln K + λ K d(1/K); 0 where it exceeds `MOST_CELLS`."""
    for i in range(len(vertices) - 1):
        if lmbda <= _switch(model, parameters, vertices[i], vertices[i + 1]):
            return vertices[i]
    few = vertices[len(vertices) - 1]
    # from the last vertex on every count is optimal for some λ, so the switching λ increase with the count
    at_few = _next(model, parameters, few)
    return few if lmbda <= at_few else _more(model, parameters, lmbda, few, at_few)


def beyond(model: ModuleType, parameters: Any, vertices: Sequence[float], count: float) -> float:
    """The λ above which more cells than `count`, a vertex of the hull, are better."""
    for i in range(len(vertices) - 1):
        if vertices[i] == count:
            return _switch(model, parameters, count, vertices[i + 1])
    return _next(model, parameters, count)


def _switch(model: ModuleType, parameters: Any, few: float, many: float) -> float:
    """The λ above which `many` cells are better than `few`."""
    gap = model.mean(parameters, 1.0 / few) - model.mean(parameters, 1.0 / many)
    return math.log1p((many - few) / few) / gap if gap > 0.0 else math.inf


def _next(model: ModuleType, parameters: Any, few: float) -> float:
    """The λ above which one more cell is better; from counts further apart where a difference of one would cancel."""
    margin = float(math.floor(1e-5 * few)) if few > 1e7 else 0.0
    return _switch(model, parameters, few - margin, few + 1.0 + margin)


def _more(model: ModuleType, parameters: Any, lmbda: float, low: float, at_low: float) -> float:
    """Least K > low whose upward switch is at λ or above, by bracketing and a power law through the bracket's ends."""
    high = 2.0 * low + 1.0
    at_high = _next(model, parameters, high)
    while at_high < lmbda:
        # extrapolated by the power law through the ends, slightly too far so that the bracket closes
        power = math.log(high / low) / max(math.log(at_high / at_low), 0.1)
        low, at_low = high, at_high
        guess = 1.001 * high * math.exp(min(14.0, power * math.log(lmbda / at_high)))
        high = math.floor(min(guess, 2.0 * biuniform.MOST_CELLS)) + 1.0  # when compiled, floor may be a 64-bit integer
        if high >= biuniform.MOST_CELLS:
            return 0.0
        at_high = _next(model, parameters, high)
    for attempt in range(200):
        if high - low <= 1.0:
            break
        middle = 0.5 * (low + high)
        if attempt < 8:
            share = math.log(lmbda / at_low) / math.log(at_high / at_low) if at_high < math.inf else 0.5
            # alternately just below and just above the estimate, so that the bracket closes from both sides
            middle = low * (high / low) ** share + (1.0 if attempt % 2 else 0.0)
        middle = min(high - 1.0, max(low + 1.0, float(math.floor(middle))))
        at_middle = _next(model, parameters, middle)
        if at_middle < lmbda:
            low, at_low = middle, at_middle
        else:
            high, at_high = middle, at_middle
    return high

"""Partitions into K cells of one size and one smaller cell, for any cell distortion."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

# Above this number of cells ln K, ln x and E agree to double precision, and K + 1 is still exact.
MOST_CELLS = 2.0**50


def entropy(count: float, odd: float) -> float:
    """−(1−ε) ln((1−ε)/K) − ε ln ε."""
    if odd <= 0.0:
        return math.log(count)
    if count == 1.0:
        return -(1.0 - odd) * math.log1p(-odd) - odd * math.log(odd)
    equal = 1.0 - odd
    return equal * math.log(count / equal) - odd * math.log(odd)


def whole(size: float) -> float:
    """⌊1/size⌋ with K·size ≤ 1 as doubles, at least 1; 0 where it exceeds `MOST_CELLS`."""
    # a size may have underflowed to 0
    count = float(math.floor(min(1.0 / max(size, 1e-300), MOST_CELLS)))
    # 1/size may have been rounded up to an integer
    count = count - 1.0 if count * size > 1.0 else count
    return 0.0 if count >= MOST_CELLS - 1.0 else max(1.0, count)


def from_entropy(nats: float) -> tuple[float, float]:
    """(K, ε) of the biuniform partition of an entropy; K = 0 where it exceeds `MOST_CELLS`."""
    if nats >= math.log(MOST_CELLS):
        return 0.0, 0.0
    count = float(math.floor(math.exp(nats)))
    if math.log(count) > nats:
        count -= 1.0
    elif math.log(count + 1.0) <= nats:
        count += 1.0
    excess = nats - math.log(count)
    # negligible, and 1/excess would overflow below
    if excess <= 1e-290:
        return count, 0.0
    return count, _odd_from_entropy(count, excess)


def _odd_from_entropy(count: float, excess: float) -> float:
    """Solve H(K, ε) − ln K = excess: bracketed Newton in ln ε, where the left side is nearly linear."""
    low, high = 0.0, 1.0 / (count + 1.0)
    odd = min(excess / (1.0 + math.log1p(1.0 / excess)), 0.5 * high)
    log_count = math.log(count)
    for _ in range(60):
        log_odd = math.log(odd)
        log_rest = math.log1p(-odd)
        residual = -(1.0 - odd) * log_rest - odd * (log_odd + log_count) - excess
        if residual > 0.0:
            high = odd
        else:
            low = odd
        slope = log_rest - log_count - log_odd
        # the slope is 0 at equal cells, where the step must leave the bracket
        step = residual / slope if slope > 0.0 else 2.0 * odd
        new = odd - step
        if not low < new < high:
            new = 0.5 * (low + high)
        if abs(new - odd) <= 1e-16 * odd:
            return new
        odd = new
    return odd


def total(mean: Callable[..., float], parameters: Any, count: float, odd: float) -> float:
    """Distortion of K cells of size (1−ε)/K and one of size ε, from mean(parameters, p) = d(p)/p."""
    if odd <= 0.0:
        return mean(parameters, 1.0 / count)
    return (1.0 - odd) * mean(parameters, (1.0 - odd) / count) + odd * mean(parameters, odd)


def split(
    mean: Callable[..., float], deficit: Callable[..., float], size: Callable[..., float], parameters: Any, D: float
) -> tuple[float, float]:
    """(K, ε) at distortion D by root finding; deficit(parameters, ε) is D_max minus the distortion of (1−ε, ε)."""
    below, most = (parameters.maximum - D) + parameters.rest, deficit(parameters, 0.5)
    if below <= most:
        return 1.0, root(_second, deficit, parameters, most, below, 0.0, 0.5)
    # K equal cells have distortion d(p)/p at p = 1/K, which increases with p: K = ⌊1/p⌋ for the p at which it is D
    p = size(parameters, D)
    count = whole(p) if p > 0.0 else 0.0
    if count == 0.0:
        return 0.0, 0.0
    count = max(count, 2.0)
    even = 1.0 / (count + 1.0)
    return count, max(0.0, even - root(_further, mean, parameters, count, D, 0.0, even))


def _second(deficit: Callable[..., float], parameters: Any, most: float, below: float, odd: float) -> float:
    """√(D(ε) − D_2) − √(D − D_2): nearly linear in ε near ½, and free of cancellation near 0."""
    reached = deficit(parameters, odd) if odd > 0.0 else 0.0
    return (below - reached) / (math.sqrt(max(0.0, most - reached)) + math.sqrt(max(0.0, most - below)) + 1e-300)


def _further(mean: Callable[..., float], parameters: Any, count: float, D: float, y: float) -> float:
    """√(D(y) − D_{K+1}) − √(D − D_{K+1}): nearly linear in y = 1/(K+1) − ε."""
    even = 1.0 / (count + 1.0)
    base = mean(parameters, even)
    reached = total(mean, parameters, count, max(0.0, even - y))
    return math.sqrt(max(0.0, reached - base)) - math.sqrt(max(0.0, D - base))


def root(
    function: Callable[..., float], first: Any, parameters: Any, second: float, third: float, low: float, high: float
) -> float:
    """Zero of function(first, parameters, second, third, ·) where it changes sign on [low, high].

    T. R. Chandrupatla, "A new hybrid quadratic/bisection algorithm for finding the zero of a nonlinear function without
    using derivatives", Advances in Engineering Software 28 (1997), 145–149.
    """
    a, b = high, low
    fa, fb = function(first, parameters, second, third, a), function(first, parameters, second, third, b)
    if fa == 0.0 or (fa * fb > 0.0 and abs(fa) <= abs(fb)):
        return a
    if fb == 0.0 or fa * fb > 0.0:
        return b
    best, share = a, 0.5
    for _ in range(200):
        x = a + share * (b - a)
        fx = function(first, parameters, second, third, x)
        if (fx > 0.0) == (fa > 0.0):
            c, fc = a, fa
        else:
            c, fc = b, fb
            b, fb = a, fa
        # now a is the newest point, [a, b] brackets the zero, and c is the point dropped last
        a, fa = x, fx
        best = a if abs(fa) < abs(fb) else b
        width = abs(b - a)
        tolerance = 1.5e-16 * abs(best) + 1e-300
        if fa == 0.0 or width <= 2.0 * tolerance:
            return best
        # inverse quadratic interpolation where it is reliable, otherwise bisection
        share = 0.5
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        if phi * phi < xi and (1.0 - phi) * (1.0 - phi) < 1.0 - xi:
            share = fa / (fb - fa) * fc / (fb - fc)
            share += (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        # no nearer to an end than the tolerance, or the opposite end would never move
        share = min(1.0 - tolerance / width, max(tolerance / width, share))
    return best

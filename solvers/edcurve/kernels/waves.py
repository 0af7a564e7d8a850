"""Pulses and triangles: f(p) = d(p)/p is a₁p + a₂p² + a₃p³ up to m and b₀ + b₁/p + b₂/p² from there to ½.

Above ½ stationarity gives f, from p d(p) − (1 − p) d(1 − p) = (2p − 1) D_max.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from . import biuniform

LEAST = 1e-290  # share of D_max below which cells are so small that one term of f suffices
FURTHEST = 700.0  # −ln p above which p is close to subnormal numbers
LINEAR = ("a1", "a2", "a3", "b0", "b1", "b2")


class Parameters(NamedTuple):
    """Parameters of a source of this family.

    Attributes
    ----------
    maximum, rest : float
        D_max rounded to double, and its rounding error.
    edge : float
        m, above 0 and at most ½.
    a1, a2, a3, b0, b1, b2 : float
        Coefficients of f below m and above.
    """

    maximum: float
    rest: float
    edge: float
    a1: float
    a2: float
    a3: float
    b0: float
    b1: float
    b2: float


def mean(parameters: Parameters, p: float) -> float:
    """d(p)/p."""
    if p <= 0.5:
        return _lower(parameters, p)
    q = 1.0 - p
    return (q * q * _lower(parameters, q) + (1.0 - 2.0 * q) * parameters.maximum) / (p * p)


def _lower(parameters: Parameters, p: float) -> float:
    """The mean d(p)/p of small cells, p ≤ ½."""
    if p <= parameters.edge:
        return p * (parameters.a1 + p * (parameters.a2 + p * parameters.a3))
    return parameters.b0 + (parameters.b1 + parameters.b2 / p) / p


def mean_at(parameters: Parameters, nats: float) -> float:
    """d(p)/p at p = exp(−nats)."""
    if nats <= FURTHEST:
        return mean(parameters, math.exp(-nats))
    if parameters.a1 > 0.0:
        return math.exp(math.log(parameters.a1) - nats)
    return math.exp(math.log(parameters.a2) - 2.0 * nats)


def deficit(parameters: Parameters, odd: float) -> float:
    """D_max − d(1−ε) − d(ε) = ε (D_max − d(ε)/ε)/(1−ε), by stationarity."""
    return odd * ((parameters.maximum - mean(parameters, odd)) + parameters.rest) / (1.0 - odd)


def size(parameters: Parameters, D: float) -> float:
    """Size p at which d(p)/p = D; unlike `rate`, it may underflow to 0."""
    return math.exp(-rate(parameters, D))


def rate(parameters: Parameters, D: float) -> float:
    """−ln size, bracketed by fourfold steps from p = 1."""
    if parameters.a1 > 0.0:
        nats = math.log(parameters.a1) - math.log(D)
    else:
        nats = 0.5 * (math.log(parameters.a2) - math.log(D))
    if nats > FURTHEST or LEAST * parameters.maximum > D:
        return nats
    high = 0.0
    low = -1.0
    while mean(parameters, math.exp(low)) >= D:
        high, low = low, max(4.0 * low, -FURTHEST - 5.0)
    return -biuniform.root(_size_gap, 0.0, parameters, math.log(D), 0.0, low, high)


def _size_gap(first: float, parameters: Parameters, log_D: float, third: float, log_p: float) -> float:
    """Difference of ln d(p)/p and ln D, nearly linear in ln p, with the arguments that `biuniform.root` passes."""
    value = mean(parameters, math.exp(log_p))
    return (math.log(value) if value > 0.0 else -745.0) - log_D


def split(parameters: Parameters, D: float) -> tuple[float, float]:
    """(K, ε) at distortion D."""
    return biuniform.split(mean, deficit, size, parameters, D)


FAST, fast = 1.0, split

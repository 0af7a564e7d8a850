"""Any cell distortion, given as a Python function and so always interpreted."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from . import biuniform


class Parameters(NamedTuple):
    """What tells sources of this family apart.

    Attributes
    ----------
    maximum, rest : float
        D_max, and 0: nothing is known beyond the double that was given.
    cell : callable
        d(p) at one p.
    closed : bool
        Whether the manifold is a loop.
    """

    maximum: float
    rest: float
    cell: Callable[[float], float]
    closed: bool


def mean(parameters: Parameters, p: float) -> float:
    """d(p)/p."""
    return float(parameters.cell(p)) / p


def mean_at(parameters: Parameters, nats: float) -> float:
    """d(p)/p at p = exp(−nats)."""
    p = math.exp(-nats)
    return mean(parameters, p) if p > 0.0 else 0.0


def deficit(parameters: Parameters, odd: float) -> float:
    """D_max − d(1−ε) − d(ε); without cancellation where stationarity on a closed source allows it."""
    if parameters.closed:
        return float(odd * (parameters.maximum - mean(parameters, odd)) / (1.0 - odd))
    return float(parameters.maximum - (1.0 - odd) * mean(parameters, 1.0 - odd) - odd * mean(parameters, odd))


def size(parameters: Parameters, D: float) -> float:
    """Size p at which d(p)/p = D, bracketed by fourfold steps from p = 1."""
    high = 0.0
    low = -1.0
    while mean(parameters, math.exp(low)) >= D:
        high, low = low, 4.0 * low
        if low < -700.0:
            return 0.0
    return math.exp(biuniform.root(_size_gap, 0.0, parameters, math.log(D), 0.0, low, high))


def _size_gap(first: float, parameters: Parameters, log_D: float, third: float, log_p: float) -> float:
    """Difference of ln d(p)/p and ln D, about linear in ln p; in the order of arguments of `biuniform.root`."""
    value = mean(parameters, math.exp(log_p))
    return (math.log(value) if value > 0.0 else -745.0) - log_D


def rate(parameters: Parameters, D: float) -> float:
    """−ln size."""
    p = size(parameters, D)
    return -math.log(p) if p > 0.0 else math.inf


def split(parameters: Parameters, D: float) -> tuple[float, float]:
    """(K, ε) at distortion D."""
    return biuniform.split(mean, deficit, size, parameters, D)

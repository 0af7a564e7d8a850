"""A few harmonics, d(p) = p Σ c_k (1 − sinc²(πkp)): sums term by term."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from . import biuniform
from .circle import unit_mean

LINEAR: tuple[str, ...] = ()  # `Spectrum` rounds the scaled energies, and computes the fields from these


class Parameters(NamedTuple):
    """Parameters of a source of this family.

    Attributes
    ----------
    maximum, rest : float
        D_max rounded to double, and its rounding error.
    energies : sequence of float
        c_1, c_2, …; an array in compiled loops.
    """

    maximum: float
    rest: float
    energies: Sequence[float]


def mean(parameters: Parameters, p: float) -> float:
    """d(p)/p."""
    result = 0.0
    for k in range(1, len(parameters.energies) + 1):
        if parameters.energies[k - 1] > 0.0:
            result += parameters.energies[k - 1] * unit_mean(k * p)
    return result


def mean_at(parameters: Parameters, nats: float) -> float:
    """d(p)/p at p = exp(−nats)."""
    return mean(parameters, math.exp(-nats))


def deficit(parameters: Parameters, odd: float) -> float:
    """D_max − d(1−ε) − d(ε) = ε (D_max − d(ε)/ε)/(1−ε), by stationarity."""
    result = 0.0
    for k in range(1, len(parameters.energies) + 1):
        y = math.pi * k * odd
        sinc = math.sin(y) / y if y > 0.0 else 1.0
        result += parameters.energies[k - 1] * sinc * sinc
    return odd * result / (1.0 - odd)


def size(parameters: Parameters, D: float) -> float:
    """Size p at which d(p)/p = D, bracketed from below by d(p)/p ≤ Σ c_k π²k²p²/3."""
    bend = 0.0
    for k in range(1, len(parameters.energies) + 1):
        bend += parameters.energies[k - 1] * k * k
    low = 0.5 * (math.log(3.0 * D) - math.log(bend)) - math.log(math.pi)
    if low >= 0.0:
        return 1.0
    # d(p)/p is at most its leading term, so the root is above: increase ln p until it is bracketed
    step, high = 1e-3, low
    while high < 0.0 and mean(parameters, math.exp(high)) < D:
        high = min(0.0, low + step)
        step *= 4.0
    return math.exp(biuniform.root(_size_gap, 0.0, parameters, math.log(D), 0.0, low - 1e-9, high))


def _size_gap(first: float, parameters: Parameters, log_D: float, third: float, log_p: float) -> float:
    """Difference of ln d(p)/p and ln D, nearly linear in ln p, with the arguments that `biuniform.root` passes."""
    value = mean(parameters, math.exp(log_p))
    return (math.log(value) if value > 0.0 else -1000.0) - log_D


def rate(parameters: Parameters, D: float) -> float:
    """−ln size."""
    return -math.log(size(parameters, D))


def split(parameters: Parameters, D: float) -> tuple[float, float]:
    """(K, ε) at distortion D."""
    return biuniform.split(mean, deficit, size, parameters, D)


FAST, fast = 1.0, split

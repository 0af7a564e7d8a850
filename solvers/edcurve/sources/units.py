"""A unit of distortion near D_max: E(D) of aX is E(D/a²), but products of distortions may overflow or underflow."""

from __future__ import annotations

import math
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from .protocol import Solvable, kept

NEAR = 10  # binary orders of magnitude of D_max within which the unit is 1
TINY = 2.0**-1022  # distortions below it, in this unit, would lose digits


class Scalable(Solvable, Protocol):
    """A source that has multiples, of its own type."""

    def _multiple(self, factor: float) -> Self: ...

    def _unscaled(self) -> Any: ...


AnySource = TypeVar("AnySource", bound=Scalable)


def unit(distortion: float) -> float:
    """A power of 4, by which division is exact, near a distortion above 0; 1 if the distortion is near 1."""
    exponent = math.frexp(distortion)[1]
    return 1.0 if abs(exponent) <= NEAR else math.ldexp(1.0, 2 * (exponent // 2))


def normal(source: AnySource) -> tuple[AnySource, float]:
    """The source scaled so that D_max is near 1, and the factor that restores its distortions."""
    size = unit(source.max_distortion)
    if size == 1.0:
        return source, size
    # cached, because it may have tables
    return kept(source, "_normal", lambda: (source._multiple(1.0 / math.sqrt(size)), size))


def unscaled(source: AnySource) -> tuple[AnySource, float]:
    """The source that a scaled one is a multiple of, and the factor for distortions; those of `normal` if unknown.

    Values computed for it once serve all its multiples.
    """
    plain = source._unscaled()
    return normal(source) if plain is None else (plain, float(source.law.scale))


def divided(distortion: Any, size: float) -> Any:
    """Distortions in this unit, infinite if far above D_max; ValueError for those that would underflow."""
    if size == 1.0:
        return distortion
    small = np.less(0.0, distortion) & np.less(distortion, TINY * size)
    if small.any():
        value = np.asarray(distortion)[small].min()
        raise ValueError(
            f"distortion must be 0 or at least {TINY * size:.3g}, {TINY:.2g} of about D_max, got {value!s}"
        )
    with np.errstate(over="ignore"):
        return distortion / size

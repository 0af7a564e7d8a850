"""A unit of distortion near that of a source: E(D) of aX is E(D/a²), but products of distortions leave the range."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .base import Source

NEAR = 10  # binary orders of magnitude within which the unit is 1
TINY = 2.0**-1022  # distortions below it, in the unit, would lose digits


def unit(distortion: float) -> float:
    """A power of 4, by which numbers are divided exactly, near a distortion above 0; 1 where that is near 1."""
    exponent = math.frexp(distortion)[1]
    return 1.0 if abs(exponent) <= NEAR else math.ldexp(1.0, 2 * (exponent // 2))


def normal(source: Source) -> tuple[Source, float]:
    """The source scaled so that D_max is near 1, and what its distortions are to be multiplied by."""
    kept: tuple[Source, float] | None = vars(source).get("_normal")
    if kept is not None:
        return kept
    size = unit(source.max_distortion)
    if size == 1.0:
        return source, size
    # kept with the source, for it may have tables, and which of them are equal is for a user's class to say
    made = source._multiple(1.0 / math.sqrt(size)), size
    vars(source)["_normal"] = made
    return made


def divided(distortion: Any, size: float) -> Any:
    """Distortions in that unit, infinite if far above D_max; ValueError for those too far below it to be numbers."""
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

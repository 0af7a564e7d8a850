"""A kernel function of a source at one distortion or an array of them, in the unit of the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike

from edcurve import validation
from edcurve.kernels import loops
from edcurve.sources import Source, digits, units

Extra = Callable[[Source], tuple[float, ...]]


def evaluate(function: Any, source: Source, distortion: ArrayLike, unit: float, extra: Extra = lambda _: ()) -> Any:
    """A kernel function at one distortion or an array of them, in units of `unit` nats; `extra` adds its arguments."""
    digits.check(source, distortion)
    plain, size = units.normal(source)
    law, more = plain.law, extra(plain)
    return validation.elementwise(
        "distortion",
        distortion,
        lambda D: loops.point(function, law, more, units.divided(D, size)) / unit,
        lambda D: loops.evaluate(function, law, more, units.divided(D, size)) / unit,
    )

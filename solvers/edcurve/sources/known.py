"""Sources whose cell distortion the kernels know, and those for which biuniform cells are a theorem."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, ClassVar, Self

import numpy as np

from edcurve.kernels import functions, loops
from edcurve.optimum import envelopes

from . import condition
from .base import PROVED, Array, Source, amplitude


class Known(Source):
    """A source whose cell distortion the kernels know; d needs no validation."""

    _linear: ClassVar[slice] = slice(None)  # which of the parameters are proportional to the distortion

    def __init__(self, name: str, maximum: Fraction, parameters: Sequence[float], *, closed: bool) -> None:
        self._name = name
        self._closed = closed
        self._parameters = tuple(parameters)
        self._set_maximum(maximum)

    def _set_maximum(self, maximum: Fraction) -> None:
        self._maximum = maximum
        self._max_distortion = float(maximum)
        rounding = float(maximum - Fraction(self._max_distortion))
        self._c = (self._max_distortion, rounding, *self._parameters)

    def scaled(self, a: float) -> Self:
        """Source of aX: distortions times a²; exact, as for X itself. See `Source.scaled`."""
        return self._multiple(amplitude(a, self._max_distortion))

    def _multiple(self, factor: float) -> Self:
        other = copy.copy(self)
        vars(other).pop("_normal", None)
        other._rescale(factor)
        return other

    def _rescale(self, factor: float) -> None:
        self._name = f"{factor:g} × {self._name}"
        self._amplitude *= factor
        exact = Fraction(factor) ** 2
        self._scale *= exact
        parameters = list(self._parameters)
        parameters[self._linear] = [float(Fraction(x) * exact) for x in parameters[self._linear]]
        self._parameters = tuple(parameters)
        self._set_maximum(self._maximum * exact)
        lines = vars(self).get("_lines", vars(type(self)).get("_lines"))
        if lines is not None:
            self._lines = envelopes.scaled_lines(lines, float(exact))

    def _vectorised(self, p: Array) -> Array:
        return loops.evaluate(functions.cell, self._model, self._c, (), p)

    def _reflected(self, slope: Callable[[Array], Array], p: Array) -> Array:
        """d′ of a closed source on [0, 1] from d′ on [0, ½]."""
        q = np.where(p > 0.5, 1.0 - p, p)
        below = slope(q)
        # stationarity: (p d(p))′ + (q d(q))′ = 2 D_max at q = 1 − p
        above = (2.0 * self._max_distortion - q * below - self._cells(q) - self._cells(p)) / np.maximum(p, 0.5)
        return np.where(p > 0.5, above, below)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (self._c, self._amplitude) == (other._c, other._amplitude)

    def __hash__(self) -> int:
        return hash((type(self), self._c, self._amplitude))


class Proved(Known):
    """One for which it is a theorem that biuniform partitions are optimal."""

    @property
    def condition(self) -> condition.Condition:
        """That (★) holds is a theorem here."""
        return condition.Condition(True, math.nan, (math.nan, math.nan, math.nan), "proved: (★) holds on all sizes")

    @property
    def monotone(self) -> bool:
        """True: δ does not decrease."""
        return True

    @property
    def status(self) -> str:
        """What E(D) of this source is: "exact (proved)"."""
        return PROVED


def padded(values: Any, count: int) -> Array:
    """The first ``count`` values, with zeros where there are fewer."""
    result = np.zeros(count)
    used = np.asarray(values, dtype=np.float64)[:count]
    result[: used.size] = used
    return result

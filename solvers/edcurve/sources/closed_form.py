"""Sources of the families in `edcurve.kernels`, and those for which biuniform cells are proved optimal."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from types import ModuleType
from typing import Any, Self

import numpy as np

from edcurve.kernels import functions, loops
from edcurve.kernels.law import Law, scaled_chords

from . import condition, protocol
from .base import PROVED, Array, Source, amplitude


class ClosedForm(Source):
    """A source whose cell distortion belongs to a family in `edcurve.kernels`; d needs no validation.

    Parameters
    ----------
    name : str
        Used in messages, tables and plots.
    model : ModuleType
        The family.
    maximum : Fraction
        D_max, exactly.
    closed : bool
        Whether the manifold is a loop.
    parameters : mapping
        The other fields of the family's `Parameters`.
    **in_advance
        Further fields of its `Law`: `chords`, `vertices` and `split`.
    """

    def __init__(
        self,
        name: str,
        model: ModuleType,
        maximum: Fraction,
        *,
        closed: bool,
        parameters: Mapping[str, Any],
        **in_advance: Any,
    ) -> None:
        self._name = name
        self._closed = closed
        self._maximum = maximum
        self._max_distortion, rest = rounded(maximum)
        self.law = Law(model, model.Parameters(self._max_distortion, rest, **parameters), **in_advance)

    def scaled(self, a: float) -> Self:
        """Source of aX: distortions times a²; exact, as for X itself. See `Source.scaled`."""
        return self._multiple(amplitude(a, self._max_distortion))

    def _multiple(self, factor: float) -> Self:
        other = copy.copy(self)
        protocol.forget(other, "_normal")
        other._rescale(factor)
        return other

    def _rescale(self, factor: float) -> None:
        exact = Fraction(factor) ** 2
        self._name = f"{factor:g} × {self._name}"
        self._amplitude *= factor
        self._maximum *= exact
        self._max_distortion, rest = rounded(self._maximum)
        law = self.law
        linear = {name: float(Fraction(getattr(law.parameters, name)) * exact) for name in law.model.LINEAR}
        self.law = replace(
            law,
            parameters=law.parameters._replace(maximum=self._max_distortion, rest=rest, **linear),
            chords=None if law.chords is None else scaled_chords(law.chords, float(exact)),
            scale=law.scale * exact,
        )
        if "_chords" in vars(self):  # computed by a solver
            vars(self)["_chords"] = scaled_chords(vars(self)["_chords"], float(exact))

    def _vectorised(self, p: Array) -> Array:
        return loops.evaluate(functions.cell, self.law, (), p)

    def _reflected(self, slope: Callable[[Array], Array], p: Array) -> Array:
        """d′ of a closed source on [0, 1] from d′ on [0, ½]."""
        q = np.where(p > 0.5, 1.0 - p, p)
        below = slope(q)
        # stationarity: (p d(p))′ + (q d(q))′ = 2 D_max at q = 1 − p
        above = (2.0 * self._max_distortion - q * below - self._cells(q) - self._cells(p)) / np.maximum(p, 0.5)
        return np.where(p > 0.5, above, below)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (
            (self.law.parameters, self._amplitude) == (other.law.parameters, other._amplitude)
        )

    def __hash__(self) -> int:
        return hash((type(self), self.law.parameters, self._amplitude))


class ProvedSource(ClosedForm):
    """A source whose biuniform partitions are proved optimal."""

    def _unscaled(self) -> ProvedSource | None:
        # all are constructed without arguments, except the power laws
        return None if self.law.scale == 1 else type(self)()  # type: ignore[call-arg]  # subclasses take none

    @property
    def condition(self) -> condition.Condition:
        """(★) is proved for this source."""
        return condition.Condition(True, math.nan, (math.nan, math.nan, math.nan), "proved: (★) holds on all sizes")

    @property
    def monotone(self) -> bool:
        """True: δ is nondecreasing."""
        return True

    @property
    def status(self) -> str:
        """Status of E(D): "exact (proved)"."""
        return PROVED


def padded(values: Any, count: int) -> Array:
    """The first ``count`` values, with zeros where there are fewer."""
    result = np.zeros(count)
    used = np.asarray(values, dtype=np.float64)[:count]
    result[: used.size] = used
    return result


def rounded(exact: Fraction) -> tuple[float, float]:
    """The nearest double, and the rounding error."""
    near = float(exact)
    return near, float(exact - Fraction(near))

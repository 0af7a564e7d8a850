"""The law of a source: the functions that compute its cell distortion, their parameters, and known closed forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Law:
    """The numerical description of a source for the solvers.

    Attributes
    ----------
    model : ModuleType
        The family: a module of `edcurve.kernels` whose functions take the parameters.
    parameters : NamedTuple
        The `Parameters` of that module, which include D_max and its rounding error.
    chords : tuple of float, optional
        Straight parts of the dual bound if known in closed form, four numbers each: left D, right D, bound at the
        right, slope. None if they have to be computed.
    vertices : tuple of float, optional
        Counts K at vertices of the convex hull of E(D), from 1 to the one after the last gap, if known.
    scale : Fraction
        Exact factor from distortions of the unscaled source.
    split : callable, optional
        ``split(law, D)``: count K and odd size ε of the optimal partition to full precision at any D, by rational
        arithmetic, for the families that have it. Other families use the model's `split`.
    concave : bool
        Whether E is proved concave between the distortions of K and K + 1 equal cells, for all K.
    stationary : bool
        Whether the distortion of a cell depends on its size alone. Most solvers refuse other sources.
    """

    model: ModuleType
    parameters: Any
    chords: tuple[float, ...] | None = None
    vertices: tuple[float, ...] | None = None
    scale: Fraction = Fraction(1)
    split: Callable[[Law, float], tuple[int, float]] | None = None
    concave: bool = False
    stationary: bool = True

    @cached_property
    def terms(self) -> int:
        """Number of scalars among the parameters: roughly the number of operations per evaluation."""
        return sum(len(value) if isinstance(value, Sequence | np.ndarray) else 1 for value in self.parameters)

    @cached_property
    def arrays(self) -> Any:
        """The parameters for compiled loops, with sequences as read-only arrays."""
        return type(self.parameters)(
            *(_read_only(value) if isinstance(value, Sequence | np.ndarray) else value for value in self.parameters)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickling: modules cannot be pickled, so the model is stored by name."""
        fields = self.chords, self.vertices, self.scale, self.split, self.concave, self.stationary
        return _restored, (self.model.__name__, self.parameters, *fields)


def scaled_chords(chords: tuple[float, ...], factor: float) -> tuple[float, ...]:
    """The chords of a source whose distortions are multiplied by ``factor``."""
    factors = (factor, factor, 1.0, 1.0 / factor)
    return tuple(value * factors[i % 4] for i, value in enumerate(chords))


def _restored(model: str, *fields: Any) -> Law:
    return Law(import_module(model), *fields)


def _read_only(values: Any) -> Any:
    array = np.asarray(values, dtype=np.float64).view()
    array.setflags(write=False)
    return array

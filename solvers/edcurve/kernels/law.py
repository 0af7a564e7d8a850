"""The law of a source: which functions compute its cell distortion, from which numbers, and what else is known."""

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
    """What a source owes the solvers, as far as it is numbers.

    Attributes
    ----------
    model : ModuleType
        The family: a module of `edcurve.kernels` whose functions take the parameters.
    parameters : NamedTuple
        The `Parameters` of that module, among them D_max and what rounding left of it.
    chords : tuple of float, optional
        Straight parts of the dual bound where they are known in closed form, four numbers each: left D, right D,
        bound at the right, slope. None where they have to be found.
    vertices : tuple of float, optional
        Counts on the convex hull of E(D), from 1 to the last before which one is skipped, where they are known.
    scale : Fraction
        What distortions of the unscaled source are multiplied by, exactly.
    split : callable, optional
        ``split(law, D)``: count K and odd size ε of the optimal partition to full precision at any D, by rational
        arithmetic, for the families that offer it. The model's own `split` is for the others.
    concave : bool
        Whether it is a theorem that E is concave between the distortions of K and K + 1 equal cells, for all K.
    stationary : bool
        Whether the distortion of a cell depends on its size alone. Most solvers refuse a source for which it does not.
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
        """Numbers among the parameters: about how many operations one evaluation takes."""
        return sum(len(value) if isinstance(value, Sequence | np.ndarray) else 1 for value in self.parameters)

    @cached_property
    def arrays(self) -> Any:
        """The parameters as compiled loops take them, sequences as read-only arrays."""
        return type(self.parameters)(
            *(_read_only(value) if isinstance(value, Sequence | np.ndarray) else value for value in self.parameters)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickles: modules have none, so the model goes by its name."""
        rest = self.chords, self.vertices, self.scale, self.split, self.concave, self.stationary
        return _restored, (self.model.__name__, self.parameters, *rest)


def scaled_chords(chords: tuple[float, ...], factor: float) -> tuple[float, ...]:
    """The same chords at distortions times the factor."""
    by = (factor, factor, 1.0, 1.0 / factor)
    return tuple(value * by[i % 4] for i, value in enumerate(chords))


def _restored(model: str, *fields: Any) -> Law:
    return Law(import_module(model), *fields)


def _read_only(values: Any) -> Any:
    array = np.asarray(values, dtype=np.float64).view()
    array.setflags(write=False)
    return array

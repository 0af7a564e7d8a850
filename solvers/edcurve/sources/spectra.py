"""Closed sources given by the energies of their harmonics, few or many."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cached_property, partial
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation
from edcurve.kernels import spectrum, table

from . import condition, orbits, tables
from .base import LEAST, TOLERATED, Array, in_range
from .base import MOST as MOST_DISTORTION
from .closed_form import ClosedForm, padded, rounded

SUMMED = 16  # number of harmonics up to which d(p) is summed term by term
MOST = 2**18  # most harmonics: their table has 50 MB and takes some seconds


class Spectrum(ClosedForm):
    """A closed manifold given by the energies of its harmonics; see `Source.from_spectrum`.

    Its realizations, in some coordinates, are (√c_k cos 2πkV, √c_k sin 2πkV) for the harmonics that have energy.
    """

    def __init__(self, c: ArrayLike, *, name: str = "spectrum") -> None:
        energies = validation.nonnegative("c", c, finite=True, rounded=True)
        if energies.ndim != 1 or not energies.any():
            raise ValueError(f"c must be a sequence of energies, not all 0, got an array of shape {energies.shape}")
        self._energies = energies[: int(np.flatnonzero(energies)[-1]) + 1].copy()
        self._energies.setflags(write=False)
        if self._energies.size > MOST:
            raise ValueError(f"c must have at most {MOST} energies, got {self._energies.size}")
        try:
            maximum = _total(self._energies)
        except OverflowError:
            raise ValueError(f"c must have a finite sum, got energies up to {energies.max()}") from None
        if not in_range(float(maximum)):
            raise ValueError(f"c must have a sum from {LEAST:g} to {MOST_DISTORTION:g}, got {float(maximum)!r}")
        model: ModuleType = spectrum
        parameters: dict[str, Any] = {"energies": tuple(self._energies.tolist())}
        if np.count_nonzero(self._energies) > SUMMED:
            model, parameters = table, _tabled(self._energies)
        super().__init__(str(name), model, maximum, closed=True, parameters=parameters)

    @property
    def _many(self) -> bool:
        return self.law.model is table

    def _rescale(self, factor: float) -> None:
        super()._rescale(factor)
        # an independent source of scale 1, from the rounded energies
        exact = Fraction(factor) ** 2
        self._energies = np.array([float(Fraction(energy) * exact) for energy in self._energies.tolist()])
        self._energies.setflags(write=False)
        vars(self).pop("_fingerprint", None)
        self._maximum = _total(self._energies)
        self._max_distortion, rest = rounded(self._maximum)
        parameters = self.law.parameters._replace(maximum=self._max_distortion, rest=rest)
        if self._many:
            linear = {name: getattr(parameters, name) * factor**2 for name in ("bend", "series", "polynomials")}
            parameters = parameters._replace(**linear)
        else:
            parameters = parameters._replace(energies=tuple(self._energies.tolist()))
        self.law = replace(self.law, parameters=parameters, scale=Fraction(1))

    @property
    def energies(self) -> Array:
        """Energies c_1, …, c_n of the harmonics."""
        return self._energies.copy()

    def _harmonics(self, count: int) -> Array:
        return padded(self._energies, count)

    @cached_property
    def _fingerprint(self) -> bytes:
        return hashlib.sha256(b"".join(part.tobytes() for part in self._realized())).digest()

    def _realized(self) -> tuple[NDArray[Any], ...]:
        """The arrays that determine its realizations, by which sources are compared."""
        return self._energies, np.sign([self._amplitude])

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._fingerprint == other._fingerprint

    def __hash__(self) -> int:
        return hash((type(self), self._fingerprint))

    @cached_property
    def condition(self) -> condition.Condition:
        """Outcome of the numerical check of (★), with the exact derivative of d."""
        slope = self._derivative
        if self._many:
            slope = partial(self._reflected, tables.slope_table(self._energies).at)
        outcome = condition.check_star(self._vectorised, derivative=slope)
        return condition.tolerated(outcome, self._left_open)

    @cached_property
    def monotone(self) -> bool:
        """Whether δ is nondecreasing on [0, ½], up to the truncation."""
        # eight points per period of the highest harmonic
        intervals = max(4096, 4 * self._energies.size)
        return condition.rises(
            tables.delta_on_grid(self._energies, intervals), slack=4.0 * self._left_open * self._max_distortion
        )

    @property
    def _left_open(self) -> float:
        """The tolerance due to truncation, as a share of D_max; limited, so that a large truncation excuses little."""
        return min(self._interpolation / self._max_distortion, TOLERATED)

    @property
    def _interpolation(self) -> float:
        """The part of the truncation that is an error of d."""
        return self.truncation

    def _derivative(self, p: Array) -> Array:
        """d′(p) = Σ c_k (1 − 2 sinc(2πkp) + sinc²(πkp))."""
        return self._sum(p, lambda kp: 1.0 - 2.0 * np.sinc(2.0 * kp) + np.sinc(kp) ** 2)

    def _sum(self, x: Array, term: Callable[[Array], Array]) -> Array:
        flat = np.ravel(np.asarray(x, dtype=float))
        result = np.zeros_like(flat)
        for k in np.flatnonzero(self._energies).tolist():
            result += self._energies[k] * term((k + 1) * flat)
        return result.reshape(np.shape(x))

    @property
    def _used(self) -> NDArray[np.intp]:
        return np.flatnonzero(self._energies)

    def phase(self, x: NDArray[Any]) -> Array:
        """Phase in turns of realizations along the last axis."""
        points = self._checked(x, 2 * self._used.size)
        used, roots = self._used, np.sqrt(self._energies[self._used])
        scores = np.zeros((*points.shape[:-1], self._energies.size), dtype=np.complex128)
        pairs = points.reshape(*points.shape[:-1], used.size, 2)
        # ⟨x, γ(v)⟩ = Σ √c_k Re (x_k e^{−2πikv})
        scores[..., used] = roots * (pairs[..., 0] + 1j * pairs[..., 1])
        return orbits.nearest(scores)

    def centroid(self, start: NDArray[Any], size: NDArray[Any], samples: int = 1024) -> Array:
        """Mean realization E[X | cell] of cells of phases [start, start + size)."""
        used = self._used
        turns = (start + 0.5 * size)[..., None] * (used + 1.0)
        radius = np.sqrt(self._energies[used]) * np.sinc(size[..., None] * (used + 1.0))
        pairs = np.stack([radius * np.cos(2.0 * np.pi * turns), radius * np.sin(2.0 * np.pi * turns)], axis=-1)
        return np.asarray(np.sign(self._amplitude) * pairs.reshape(*pairs.shape[:-2], 2 * used.size))


def _tabled(energies: Array) -> dict[str, Any]:
    """The kernel's parameters for a table of these energies."""
    table = tables.mean_table(energies)
    bend = float(np.sum(energies * np.arange(1.0, energies.size + 1.0) ** 2))
    polynomials = table.polynomials.ravel()
    return {
        "intervals": float(table.intervals),
        "small": float(table.small),
        "scale": float(table.scale),
        "bend": bend,
        "series": table.series,
        "polynomials": polynomials,
    }


def _total(energies: Array) -> Fraction:
    """Sum in twice double precision."""
    maximum = math.fsum(energies)
    return Fraction(maximum) + Fraction(math.fsum([*energies.tolist(), -maximum]))

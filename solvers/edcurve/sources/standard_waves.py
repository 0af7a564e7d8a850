"""Cyclic shifts of standard waveforms of amplitude 1: pulse, square wave, triangle, band-limited edge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edcurve import validation
from edcurve.kernels import waves

from . import condition
from .base import Array
from .closed_form import ClosedForm
from .realizations import times, turns
from .spectra import MOST
from .waveforms import Waveform


class _Wave(ClosedForm):
    """Cyclic shifts t ↦ g(t + V) of a wave that is even about a centre; d is that of the kernel `waves`.

    `coefficients` are its a₁, a₂, a₃, b₀, b₁, b₂.
    """

    _centre: float

    def __init__(self, name: str, maximum: Fraction, edge: float, coefficients: Sequence[float]) -> None:
        parameters = {"edge": edge, **dict(zip(waves.LINEAR, coefficients, strict=True))}
        super().__init__(name, waves, maximum, closed=True, parameters=parameters)

    @cached_property
    def condition(self) -> condition.Condition:
        """Outcome of the numerical check of (★), with the exact derivative of d."""
        return condition.check_star(self._vectorised, derivative=lambda p: self._reflected(self._slope, p))

    @property
    def monotone(self) -> bool:
        """True: δ is nondecreasing on [0, ½]."""
        return True

    def _slope(self, p: Array) -> Array:
        """d′ on [0, ½]."""
        wave = self.law.parameters
        inner = p * (2.0 * wave.a1 + p * (3.0 * wave.a2 + 4.0 * p * wave.a3))
        return np.asarray(np.where(p <= wave.edge, inner, wave.b0 - wave.b2 / np.maximum(p, wave.edge) ** 2))

    def phase(self, x: NDArray[Any]) -> Array:
        """Phase of the first harmonic of realizations sampled at t = i/T along the last axis."""
        values = self._checked(x)
        if values.ndim == 0 or values.shape[-1] < 3:
            raise ValueError(f"x must have at least 3 samples along the last axis, got shape {values.shape}")
        wave = np.exp(-2j * math.pi * times(values.shape[-1]))
        # of g itself rather than its samples, where each jump may be late by up to a step
        return turns(np.angle(values @ wave) + 2.0 * math.pi * self._centre)

    def centroid(self, start: NDArray[Any], size: NDArray[Any], samples: int = 1024) -> Array:
        """Mean realization E[X | cell] of cells of phases [start, start + size), at t = i/T."""
        t, a, p = times(samples), start[..., None], size[..., None]
        return np.asarray(self._amplitude * (self._integral(t + a + p) - self._integral(t + a)) / p)

    def _integral(self, t: Array) -> Array:
        """Integral of g from 0 to t."""
        raise NotImplementedError


class Pulse(_Wave):
    """Cyclic shifts of a pulse: 1 on [0, w), 0 on [w, 1); δ(u) = 2 min(u, w, 1−w), D_max = w(1 − w).

    Parameters
    ----------
    width : float
        w, above 0 and below 1.
    """

    def __init__(self, width: float) -> None:
        self._width = validation.real("width", width)
        if not 0.0 < self._width < 1.0:
            raise ValueError(f"width must be above 0 and below 1, got {width!r}")
        self._centre = 0.5 * self._width
        exact = Fraction(self._width)
        edge = min(exact, 1 - exact)
        high = [float(x) for x in (edge, -(edge**2), edge**3 / 3)]
        name = f"pulse:{self._width:g}"
        super().__init__(
            name if float(name[6:]) == self._width else f"pulse:{self._width!r}",
            exact * (1 - exact),
            float(edge),
            (1.0 / 3.0, 0.0, 0.0, *high),
        )

    def _harmonics(self, count: int) -> Array:
        k = np.arange(1, count + 1)
        return np.asarray(float(self.law.scale) * 2.0 * (np.sin(math.pi * k * self._width) / (math.pi * k)) ** 2)

    def _integral(self, t: Array) -> Array:
        whole = np.floor(t)
        return np.asarray(whole * self._width + np.minimum(t - whole, self._width))


class Square(_Wave):
    """Cyclic shifts of the square wave: 1 on [0, ½), −1 on [½, 1); δ(u) = 8u on [0, ½], D_max = 1."""

    _centre = 0.25

    def __init__(self) -> None:
        super().__init__("square", Fraction(1), 0.5, (4.0 / 3.0, 0.0, 0.0, 2.0, -1.0, 1.0 / 6.0))

    def _harmonics(self, count: int) -> Array:
        k = np.arange(1, count + 1)
        return np.asarray(float(self.law.scale) * np.where(k % 2 == 1, 8.0 / (math.pi * k) ** 2, 0.0))

    def _integral(self, t: Array) -> Array:
        return np.asarray(0.5 - np.abs(np.mod(t, 1.0) - 0.5))


class Triangle(_Wave):
    """Cyclic shifts of the triangle wave between −1 and 1; δ(u) = 16u² − 64u³/3 on [0, ½], D_max = 1/3."""

    _centre = 0.5

    def __init__(self) -> None:
        super().__init__("triangle", Fraction(1, 3), 0.5, (0.0, 4.0 / 3.0, -16.0 / 15.0, 0.0, 0.0, 0.0))

    def _harmonics(self, count: int) -> Array:
        k = np.arange(1, count + 1)
        return np.asarray(float(self.law.scale) * np.where(k % 2 == 1, 32.0 / (math.pi * k) ** 4, 0.0))

    def _integral(self, t: Array) -> Array:
        x = np.mod(t, 1.0) - 0.5
        # of 1 − 4|x| from −½ to x, 0 over a period
        return np.asarray(x - 2.0 * x * np.abs(x))


class Edge(Waveform):
    """Cyclic shifts of a band-limited edge: the square wave's harmonics 1, 3, … up to a highest.

    Parameters
    ----------
    harmonics : int
        The highest harmonic that is kept.
    """

    def __init__(self, harmonics: int) -> None:
        highest = validation.positive_int("harmonics", harmonics)
        if highest > MOST:
            raise ValueError(f"harmonics must be at most {MOST}, got {harmonics!r}")
        k = np.arange(1, highest + 1)
        modes = np.where(k % 2 == 1, -4j / (math.pi * k), 0.0)
        self._set_modes(modes, name=f"edge:{highest}")

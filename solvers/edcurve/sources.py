"""The built-in sources on a one-parameter manifold: everything about one is its cell distortion d(p)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property, lru_cache
from types import ModuleType
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from . import _realizations, _validation, condition
from ._kernels import circle, cubic, functions, loops, power, spectrum
from ._source import BOUND, PROVED, Array, Source

__all__ = [
    "BOUND",
    "BUILT_IN",
    "Circle",
    "PowerLaw",
    "Ramp",
    "Sawbridge",
    "Sinusoid",
    "Source",
    "Spectrum",
    "UniformScalar",
    "resolve",
]


class _Known(Source):
    """A source whose cell distortion the kernels know; d needs no validation."""

    def __init__(self, name: str, maximum: Fraction, parameters: Sequence[float], *, closed: bool) -> None:
        self._name = name
        self._closed = closed
        self._max_distortion = float(maximum)
        rounding = float(maximum - Fraction(self._max_distortion))
        self._c = (self._max_distortion, rounding, *parameters)

    def _vectorised(self, p: Array) -> Array:
        return loops.evaluate(functions.cell, self._model, self._c, (), p)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._c == other._c

    def __hash__(self) -> int:
        return hash((type(self), self._c))


class _Proved(_Known):
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


class Ramp(_Proved):
    """The ramp (1): J_t = (t + V mod 1) − ½ on [0, 1); d(p) = p²(2 − p)/12, D_max = 1/12."""

    _model: ClassVar[ModuleType] = cubic
    # chord of the dual bound from (d(p)/p, −ln p) at p = 0.284668137040838… to (D_max, 0); Theorem 4
    _lines = (0.04069169381961461, 1.0 / 12.0, 0.0, 29.464889787409536)
    _vertices = (1.0, 4.0)
    _realizations = (_realizations.ramp_phase, _realizations.ramp_centroid)

    def __init__(self) -> None:
        super().__init__("ramp", Fraction(1, 12), (2.0, -1.0), closed=True)


class Circle(_Proved):
    """The unit circle (40) in R², angle uniform; d(p) = p(1 − sinc²(πp)), D_max = 1."""

    _model: ClassVar[ModuleType] = circle
    # as for the ramp, from p = 0.373634892372606…; Theorem 6
    _lines = (0.38271778907215688, 1.0, 0.0, 1.5948559095961832)
    _vertices = (1.0, 3.0)
    _realizations = (_realizations.circle_phase, _realizations.circle_centroid)

    def __init__(self) -> None:
        super().__init__("circle", Fraction(1), (1.0,), closed=True)


class Sinusoid(_Proved):
    """sin 2π(t + V) on [0, 1]: half the circle's distortions; D_max = ½."""

    _model: ClassVar[ModuleType] = circle
    _lines = (0.5 * 0.38271778907215688, 0.5, 0.0, 2.0 * 1.5948559095961832)
    _vertices = (1.0, 3.0)
    _realizations = (_realizations.sinusoid_phase, _realizations.sinusoid_centroid)

    def __init__(self) -> None:
        super().__init__("sinusoid", Fraction(1, 2), (0.5,), closed=True)


class Sawbridge(_Proved):
    """t − 1(t ≥ V) on [0, 1] (Wagner and Ballé, arXiv 2011.05065); d(p) = p²/6, D_max = 1/6."""

    _model: ClassVar[ModuleType] = cubic
    _lines = ()
    _vertices = (1.0,)
    _realizations = (_realizations.sawbridge_phase, _realizations.sawbridge_centroid)

    def __init__(self) -> None:
        super().__init__("sawbridge", Fraction(1, 6), (2.0, 0.0), closed=False)


class UniformScalar(_Proved):
    """A uniform variable on [0, 1] (György and Linder 2000); d(p) = p³/12, D_max = 1/12."""

    _model: ClassVar[ModuleType] = cubic
    _lines = ()
    _vertices = (1.0,)
    _realizations = (_realizations.uniform_phase, _realizations.uniform_centroid)

    def __init__(self) -> None:
        super().__init__("uniform", Fraction(1, 12), (0.0, 1.0), closed=False)


class PowerLaw(_Proved):
    """Open manifold with δ(u) = uᵃ: d(p) = p^{a+1}/((a+1)(a+2)).

    Parameters
    ----------
    a : float
        Exponent, 0 < a ≤ 2 (1 is the sawbridge's, 2 the uniform scalar's).
    """

    _model: ClassVar[ModuleType] = power
    _lines = ()
    _vertices = (1.0,)

    def __init__(self, a: float) -> None:
        exponent = _validation.real("a", a)
        if not 0.0 < exponent <= 2.0:
            raise ValueError(f"a must be above 0 and at most 2, got {a!r}")
        exact = Fraction(exponent)
        maximum = 1 / ((exact + 1) * (exact + 2))
        super().__init__(f"power:{exponent:g}", maximum, (exponent,), closed=False)
        if float(self.name[len("power:") :]) != exponent:
            self._name = f"power:{exponent!r}"

    def __repr__(self) -> str:
        return f"PowerLaw({self._c[2]!r})"


class Spectrum(_Known):
    """A closed manifold given by the energies of its harmonics; see `Source.from_spectrum`."""

    _model: ClassVar[ModuleType] = spectrum

    def __init__(self, c: ArrayLike, *, name: str = "spectrum") -> None:
        energies = _validation.nonnegative("c", c, finite=True)
        if energies.ndim != 1 or not energies.any():
            raise ValueError(f"c must be a sequence of energies, not all 0, got an array of shape {energies.shape}")
        used = energies[: int(np.flatnonzero(energies)[-1]) + 1]
        try:
            maximum = math.fsum(used)
        except OverflowError:
            raise ValueError(f"c must have a finite sum, got energies up to {used.max()}") from None
        super().__init__(str(name), Fraction(maximum), used.tolist(), closed=True)
        self._c = (maximum, math.fsum([*used.tolist(), -maximum]), *used.tolist())

    @property
    def energies(self) -> Array:
        """Energies c_1, …, c_n of the harmonics."""
        return np.array(self._c[2:])

    @cached_property
    def condition(self) -> condition.Condition:
        """Outcome of the numerical check of (★), with the exact derivative of d."""
        return condition.check_star(self._vectorised, derivative=self._derivative)

    @cached_property
    def monotone(self) -> bool:
        """Whether δ, known exactly, does not decrease on [0, ½]."""
        # eight points to each period of the highest harmonic
        intervals = max(4096, 4 * self.energies.size)
        return condition.monotone_delta(self._vectorised, closed=True, delta=self._delta, intervals=intervals)

    def _derivative(self, p: Array) -> Array:
        """d′(p) = Σ c_k (1 − 2 sinc(2πkp) + sinc²(πkp))."""
        return self._sum(p, lambda kp: 1.0 - 2.0 * np.sinc(2.0 * kp) + np.sinc(kp) ** 2)

    def _delta(self, u: Array) -> Array:
        return self._sum(u, lambda ku: 4.0 * np.sin(np.pi * ku) ** 2)

    def _sum(self, x: Array, term: Callable[[Array], Array]) -> Array:
        flat = np.ravel(np.asarray(x, dtype=float))
        result = np.zeros_like(flat)
        energies = self.energies
        for k in np.flatnonzero(energies).tolist():
            result += energies[k] * term((k + 1) * flat)
        return result.reshape(np.shape(x))


BUILT_IN: dict[str, Callable[[], Source]] = {
    "ramp": Ramp,
    "circle": Circle,
    "sinusoid": Sinusoid,
    "sawbridge": Sawbridge,
    "uniform": UniformScalar,
}


def resolve(source: object) -> Source:
    """``source`` itself if it is a `Source`, or the built-in one of that name ("power:a" for a power law)."""
    if isinstance(source, Source):
        return source
    if not isinstance(source, str):
        raise TypeError(f"source must be a Source or a name, got {source!r}")
    if source in BUILT_IN or source.startswith("power:"):
        return _named(source)
    names = ", ".join([*BUILT_IN, "power:a"])
    raise ValueError(f"source must be a Source or one of {names}, got {source!r}")


@lru_cache(maxsize=256)
def _named(name: str) -> Source:
    if name in BUILT_IN:
        return BUILT_IN[name]()
    try:
        return PowerLaw(float(name.removeprefix("power:")))
    except ValueError:
        raise ValueError(f"source must be power:a with 0 < a ≤ 2, such as power:1.5, got {name!r}") from None

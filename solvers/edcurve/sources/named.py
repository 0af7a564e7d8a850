"""The built-in sources on a one-parameter manifold: everything about one is its cell distortion d(p)."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from fractions import Fraction
from functools import lru_cache
from types import ModuleType
from typing import ClassVar, NamedTuple

from edcurve import validation
from edcurve.kernels import circle, cubic, power

from . import realizations
from .base import BOUND, CHECKED, PROVED, Array, Source
from .known import Proved, padded
from .measured import SampledCurve, SampledLoop
from .ramp import Ramp, SampledRamp
from .spectra import Spectrum
from .standard_waves import Edge, Pulse, Square, Triangle
from .units import normal
from .waveforms import Waveform

__all__ = [
    "BOUND",
    "BUILT_IN",
    "CHECKED",
    "PROVED",
    "Circle",
    "Edge",
    "PowerLaw",
    "Pulse",
    "Ramp",
    "SampledCurve",
    "SampledLoop",
    "SampledRamp",
    "Sawbridge",
    "Sinusoid",
    "Source",
    "Spectrum",
    "Square",
    "Triangle",
    "UniformScalar",
    "Waveform",
    "normal",
    "resolve",
]


class Circle(Proved):
    """The unit circle (40) in R², angle uniform; d(p) = p(1 − sinc²(πp)), D_max = 1."""

    _model: ClassVar[ModuleType] = circle
    # as for the ramp, from p = 0.373634892372606…; Theorem 6
    _lines = (0.38271778907215688, 1.0, 0.0, 1.5948559095961832)
    _vertices = (1.0, 3.0)
    _realizations = (realizations.circle_phase, realizations.circle_centroid)

    def __init__(self) -> None:
        super().__init__("circle", Fraction(1), (1.0,), closed=True)

    def _harmonics(self, count: int) -> Array:
        return padded([self.max_distortion], count)


class Sinusoid(Proved):
    """sin 2π(t + V) on [0, 1]: half the circle's distortions; D_max = ½."""

    _model: ClassVar[ModuleType] = circle
    _lines = (0.5 * 0.38271778907215688, 0.5, 0.0, 2.0 * 1.5948559095961832)
    _vertices = (1.0, 3.0)
    _realizations = (realizations.sinusoid_phase, realizations.sinusoid_centroid)

    def __init__(self) -> None:
        super().__init__("sinusoid", Fraction(1, 2), (0.5,), closed=True)

    def _harmonics(self, count: int) -> Array:
        return padded([self.max_distortion], count)


class Sawbridge(Proved):
    """t − 1(t ≥ V) on [0, 1] (Wagner and Ballé, arXiv 2011.05065); d(p) = p²/6, D_max = 1/6."""

    _model: ClassVar[ModuleType] = cubic
    _lines = ()
    _vertices = (1.0,)
    _realizations = (realizations.sawbridge_phase, realizations.sawbridge_centroid)

    def __init__(self) -> None:
        super().__init__("sawbridge", Fraction(1, 6), (2.0, 0.0), closed=False)


class UniformScalar(Proved):
    """A uniform variable on [0, 1] (György and Linder 2000); d(p) = p³/12, D_max = 1/12."""

    _model: ClassVar[ModuleType] = cubic
    _lines = ()
    _vertices = (1.0,)
    _realizations = (realizations.uniform_phase, realizations.uniform_centroid)

    def __init__(self) -> None:
        super().__init__("uniform", Fraction(1, 12), (0.0, 1.0), closed=False)


class PowerLaw(Proved):
    """Open manifold with δ(u) = uᵃ: d(p) = p^{a+1}/((a+1)(a+2)).

    Parameters
    ----------
    a : float
        Exponent, 0 < a ≤ 2 (1 is the sawbridge's, 2 the uniform scalar's).
    """

    _model: ClassVar[ModuleType] = power
    _linear: ClassVar[slice] = slice(0, 0)
    _lines = ()
    _vertices = (1.0,)

    def __init__(self, a: float) -> None:
        exponent = validation.real("a", a)
        if not 0.0 < exponent <= 2.0:
            raise ValueError(f"a must be above 0 and at most 2, got {a!r}")
        exact = Fraction(exponent)
        maximum = 1 / ((exact + 1) * (exact + 2))
        super().__init__(f"power:{exponent:g}", maximum, (exponent,), closed=False)
        if float(self.name[len("power:") :]) != exponent:
            self._name = f"power:{exponent!r}"

    def __repr__(self) -> str:
        return f"PowerLaw({self._c[2]!r})" if self._scale == 1 else super().__repr__()


BUILT_IN: dict[str, Callable[[], Source]] = {
    "ramp": Ramp,
    "circle": Circle,
    "sinusoid": Sinusoid,
    "sawbridge": Sawbridge,
    "uniform": UniformScalar,
    "square": Square,
    "triangle": Triangle,
}


class Family(NamedTuple):
    """Built-in sources with a parameter, called "name:parameter"."""

    form: str
    make: Callable[[str], Source]
    allowed: str


FAMILIES = {
    "power": Family("power:a", lambda text: PowerLaw(float(text)), "0 < a ≤ 2, such as power:1.5"),
    "pulse": Family("pulse:w", lambda text: Pulse(float(text)), "0 < w < 1, such as pulse:0.2"),
    "edge": Family("edge:n", lambda text: Edge(int(text)), "a highest harmonic n ≥ 1, such as edge:15"),
    "ramp": Family("ramp:T", lambda text: Ramp(int(text)), f"2 to {SampledRamp.MOST} samples, such as ramp:1024"),
}


def resolve(source: object, *, stationary: bool = True) -> Source:
    """``source`` itself if it is a `Source`, or the built-in one of that name ("power:a" for a power law).

    One without a δ that depends on the distance alone is refused unless `stationary` is False.
    """
    if not isinstance(source, Source | str):
        raise TypeError(f"source must be a Source or a name, got {source!r}")
    known = _named(source) if isinstance(source, str) else source
    if stationary and not known._stationary:
        raise ValueError(
            f"source must be stationary for this, got {known.name!r}, whose cells have no distortion that depends "
            "on their size alone; lagrangian, quantizer and excess with lmbda take it"
        )
    return known


def _nearest(name: str) -> str:
    """The source that may be meant, as a question; "" where none is near."""
    kind, colon, parameter = name.strip().lower().partition(":")
    near = get_close_matches(kind[:100], [*BUILT_IN, *FAMILIES], n=1)
    if not near:
        return ""
    meant = near[0]
    if colon and meant in FAMILIES:
        meant = f"{meant}:{parameter}"
    elif meant not in BUILT_IN:
        meant = FAMILIES[meant].form
    return f"; did you mean {meant!r}?"


@lru_cache(maxsize=256)
def _named(name: str) -> Source:
    if name in BUILT_IN:
        return BUILT_IN[name]()
    kind, colon, parameter = name.partition(":")
    if not colon or kind not in FAMILIES:
        names = ", ".join([*BUILT_IN, *(family.form for family in FAMILIES.values())])
        raise ValueError(f"source must be a Source or one of {names}, got {name!r}{_nearest(name)}")
    family = FAMILIES[kind]
    try:
        return family.make(parameter)
    except ValueError:
        raise ValueError(f"source must be {family.form} with {family.allowed}, got {name!r}") from None

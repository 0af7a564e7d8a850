"""Sources in closed form with proved optimal partitions: circle, sinusoid, sawbridge, uniform scalar, power laws."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from edcurve import validation
from edcurve.kernels import circle, cubic, power

from . import exact_splits, realizations
from .base import Array
from .closed_form import ProvedSource, padded


class Circle(ProvedSource):
    """The unit circle (40) in R², angle uniform; d(p) = p(1 − sinc²(πp)), D_max = 1."""

    _realizations = (realizations.circle_phase, realizations.circle_centroid)

    def __init__(self) -> None:
        # chord of the dual bound as for the ramp, from p = 0.373634892372606…; Theorem 6
        chords = (0.38271778907215688, 1.0, 0.0, 1.5948559095961832)
        in_advance = {"chords": chords, "vertices": (1.0, 3.0), "split": exact_splits.circle}
        super().__init__("circle", circle, Fraction(1), closed=True, parameters={"energy": 1.0}, **in_advance)

    def _harmonics(self, count: int) -> Array:
        return padded([self.max_distortion], count)


class Sinusoid(ProvedSource):
    """sin 2π(t + V) on [0, 1]: half the circle's distortions; D_max = ½."""

    _realizations = (realizations.sinusoid_phase, realizations.sinusoid_centroid)

    def __init__(self) -> None:
        chords = (0.5 * 0.38271778907215688, 0.5, 0.0, 2.0 * 1.5948559095961832)
        in_advance = {"chords": chords, "vertices": (1.0, 3.0), "split": exact_splits.circle}
        super().__init__("sinusoid", circle, Fraction(1, 2), closed=True, parameters={"energy": 0.5}, **in_advance)

    def _harmonics(self, count: int) -> Array:
        return padded([self.max_distortion], count)


class Sawbridge(ProvedSource):
    """t − 1(t ≥ V) on [0, 1] (Wagner and Ballé, arXiv 2011.05065); d(p) = p²/6, D_max = 1/6."""

    _realizations = (realizations.sawbridge_phase, realizations.sawbridge_centroid)

    def __init__(self) -> None:
        parameters = {"square": 2.0, "cube": 0.0}
        in_advance = {"chords": (), "vertices": (1.0,), "split": exact_splits.cubic, "concave": True}
        super().__init__("sawbridge", cubic, Fraction(1, 6), closed=False, parameters=parameters, **in_advance)


class UniformScalar(ProvedSource):
    """A uniform variable on [0, 1] (György and Linder 2000); d(p) = p³/12, D_max = 1/12."""

    _realizations = (realizations.uniform_phase, realizations.uniform_centroid)

    def __init__(self) -> None:
        parameters = {"square": 0.0, "cube": 1.0}
        in_advance = {"chords": (), "vertices": (1.0,), "split": exact_splits.cubic, "concave": True}
        super().__init__("uniform", cubic, Fraction(1, 12), closed=False, parameters=parameters, **in_advance)


class PowerLaw(ProvedSource):
    """Open manifold with δ(u) = uᵃ: d(p) = p^{a+1}/((a+1)(a+2)).

    Parameters
    ----------
    a : float
        Exponent, 0 < a ≤ 2 (1 for the sawbridge, 2 for the uniform scalar). For small a the distortions of K and K + 1
        equal cells differ by about a/K of D_max, so the hull has a relative error of about 1e-15/a. E(D) has full
        precision.
    """

    def __init__(self, a: float) -> None:
        exponent = validation.real("a", a)
        if not 0.0 < exponent <= 2.0:
            raise ValueError(f"a must be above 0 and at most 2, got {a!r}")
        exact = Fraction(exponent)
        maximum = 1 / ((exact + 1) * (exact + 2))
        in_advance: dict[str, Any] = {"chords": (), "vertices": (1.0,), "concave": True}
        name, parameters = f"power:{exponent:g}", {"exponent": exponent}
        super().__init__(name, power, maximum, closed=False, parameters=parameters, **in_advance)
        if float(self.name[len("power:") :]) != exponent:
            self._name = f"power:{exponent!r}"

    def __repr__(self) -> str:
        return f"PowerLaw({self.law.parameters.exponent!r})" if self.law.scale == 1 else super().__repr__()

    def _unscaled(self) -> ProvedSource | None:
        return None if self.law.scale == 1 else PowerLaw(self.law.parameters.exponent)

"""Sources on a one-parameter manifold: everything about one is its cell distortion d(p)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property, lru_cache
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _envelopes, _realizations, _validation, condition
from ._kernels import circle, cubic, functions, general, loops, power, spectrum

Array = NDArray[np.float64]

PROVED = "exact (proved)"
CHECKED = "exact (checked numerically)"
BOUND = "upper bound"


class Source:
    """A source X = γ(V), V uniform on [0, 1), given by the distortion of its cells.

    Build one from a function, or subclass it and override `cell_distortion` (set what that needs before calling
    ``super().__init__``). The function is checked when the source is made; whether biuniform partitions are optimal
    (condition (★) of the documentation) is checked when it first matters.

    Parameters
    ----------
    cell_distortion : callable
        d(p): array of cell sizes in (0, 1] to array of their contributions to the mean squared error,
        ``p · E[‖X − E[X | cell]‖² | cell]``. Omitted by subclasses that override the method.
    max_distortion : float
        D_max = d(1), the variance of the source.
    closed : bool
        Whether γ(0) = γ(1), so that cells may wrap around.
    name : str
        Used in messages, tables and plots.

    Raises
    ------
    ValueError
        If d is not the cell distortion of any source; the message names the size and the value.
    """

    _model: ClassVar[ModuleType] = general
    # phase(x) and centroid(start, size, samples)
    _realizations: ClassVar[tuple[Callable[[Array], Array], Callable[[Array, Array, int], Array]] | None] = None

    def __init__(
        self,
        cell_distortion: Callable[[Array], ArrayLike] | None = None,
        *,
        max_distortion: float,
        closed: bool,
        name: str = "custom",
    ) -> None:
        self._name = str(name)
        self._closed = bool(closed)
        self._max_distortion = _validation.real("max_distortion", max_distortion)
        overridden = type(self).cell_distortion is not Source.cell_distortion
        if not (callable(cell_distortion) or (cell_distortion is None and overridden)):
            raise TypeError(
                f"cell_distortion must be a function of the cell size p, or a method of a subclass, "
                f"got {cell_distortion!r}"
            )
        self._given = cell_distortion
        condition.validate(self._vectorised, self._max_distortion, closed=self._closed, name=self._name)
        self._c: tuple[Any, ...] = (self._max_distortion, 0.0, self._one_cell, self._closed)

    @property
    def name(self) -> str:
        """Name in messages, tables and plots; built-in sources can be passed by it."""
        return self._name

    @property
    def closed(self) -> bool:
        """Whether the manifold is a loop."""
        return self._closed

    @property
    def max_distortion(self) -> float:
        """D_max = d(1): the distortion at zero entropy, rounded to double."""
        return self._max_distortion

    def cell_distortion(self, p: ArrayLike) -> Any:
        """Contribution d(p) of a cell of size p to the distortion.

        Parameters
        ----------
        p : float or array_like
            Cell sizes in [0, 1].

        Returns
        -------
        float or ndarray
            d(p), of the shape of `p`.
        """
        return _validation.elementwise("p", p, lambda x: self._cells(np.array([x])).item(), self._cells)

    def _cells(self, p: Array) -> Array:
        if p.size and p.max() > 1.0:
            raise ValueError(f"p must be at most 1, got {p.max()}")
        result = np.zeros_like(p)
        inner = p > 0.0
        result[inner] = self._vectorised(p[inner])
        return result

    def _vectorised(self, p: Array) -> Any:
        if self._given is not None:
            return self._given(p)
        return self.cell_distortion(p)

    def _one_cell(self, p: float) -> float:
        return float(np.asarray(self._vectorised(np.array([p])))[0])

    @cached_property
    def condition(self) -> condition.Condition:
        """Outcome of the numerical check of (★), by which biuniform partitions are optimal."""
        return condition.check_star(self._vectorised)

    @cached_property
    def monotone(self) -> bool:
        """Whether δ(u) = ‖γ(v) − γ(v+u)‖² does not decrease in the distance, so that intervals are the best cells."""
        return condition.monotone_delta(self._vectorised, closed=self._closed)

    @cached_property
    def _lines(self) -> tuple[float, ...]:
        return _envelopes.dual_lines(self)

    @cached_property
    def _vertices(self) -> tuple[float, ...]:
        return _envelopes.hull_vertices(self)

    @property
    def status(self) -> str:
        """What E(D) of this source is: "exact (proved)", "exact (checked numerically)" or "upper bound"."""
        return CHECKED if self.monotone and self.condition.holds else BOUND

    def phase(self, x: NDArray[Any]) -> Array:
        """Phase in turns of realizations along the last axis; ValueError where only phases are known."""
        if self._realizations is None:
            raise ValueError(f"x must be phases (a number or one-dimensional): {self.name!r} has no known realizations")
        given = np.asarray(x)
        if given.dtype.kind not in "iuf":
            raise TypeError(f"x must be real numbers, got an array of dtype {given.dtype}")
        if not np.isfinite(given).all():
            raise ValueError(f"x must be finite, got {given[~np.isfinite(given)][0]}")
        return self._realizations[0](given.astype(np.float64))

    def centroid(self, start: NDArray[Any], size: NDArray[Any], samples: int = 1024) -> Array:
        """Mean realization E[X | cell] of cells of phases [start, start + size)."""
        if self._realizations is None:
            raise ValueError(f"source must be one whose realizations are known, got {self.name!r}")
        return self._realizations[1](start, size, samples)

    def __repr__(self) -> str:
        return f"<edcurve source {self._name!r}, D_max = {self._max_distortion:.6g}>"

    @staticmethod
    def from_spectrum(c: ArrayLike, *, name: str = "spectrum") -> Spectrum:
        """Source of a closed manifold with δ(u) = Σ_k 2c_k(1 − cos 2πku).

        Parameters
        ----------
        c : array_like, shape (n,)
            Energies c_1, …, c_n ≥ 0 of the harmonics 1, …, n; not all zero.
        name : str
            Used in messages, tables and plots.

        Returns
        -------
        Spectrum
            Source with d(p) = p Σ_k c_k (1 − sinc²(πkp)).
        """
        return Spectrum(c, name=name)


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

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._c == other._c

    def __hash__(self) -> int:
        return hash((type(self), self._c))


class Ramp(_Known):
    """The ramp (1): J_t = (t + V mod 1) − ½ on [0, 1); d(p) = p²(2 − p)/12, D_max = 1/12."""

    _model: ClassVar[ModuleType] = cubic
    # chord of the dual bound from (d(p)/p, −ln p) at p = 0.284668137040838… to (D_max, 0); Theorem 4
    _lines = (0.04069169381961461, 1.0 / 12.0, 0.0, 29.464889787409536)
    _vertices = (1.0, 4.0)
    _realizations = (_realizations.ramp_phase, _realizations.ramp_centroid)

    def __init__(self) -> None:
        super().__init__("ramp", Fraction(1, 12), (2.0, -1.0), closed=True)


class Circle(_Known):
    """The unit circle (40) in R², angle uniform; d(p) = p(1 − sinc²(πp)), D_max = 1."""

    _model: ClassVar[ModuleType] = circle
    # as for the ramp, from p = 0.373634892372606…; Theorem 6
    _lines = (0.38271778907215688, 1.0, 0.0, 1.5948559095961832)
    _vertices = (1.0, 3.0)
    _realizations = (_realizations.circle_phase, _realizations.circle_centroid)

    def __init__(self) -> None:
        super().__init__("circle", Fraction(1), (1.0,), closed=True)


class Sinusoid(_Known):
    """sin 2π(t + V) on [0, 1]: half the circle's distortions; D_max = ½."""

    _model: ClassVar[ModuleType] = circle
    _lines = (0.5 * 0.38271778907215688, 0.5, 0.0, 2.0 * 1.5948559095961832)
    _vertices = (1.0, 3.0)
    _realizations = (_realizations.sinusoid_phase, _realizations.sinusoid_centroid)

    def __init__(self) -> None:
        super().__init__("sinusoid", Fraction(1, 2), (0.5,), closed=True)


class Sawbridge(_Known):
    """t − 1(t ≥ V) on [0, 1] (Wagner and Ballé, arXiv 2011.05065); d(p) = p²/6, D_max = 1/6."""

    _model: ClassVar[ModuleType] = cubic
    _lines = ()
    _vertices = (1.0,)
    _realizations = (_realizations.sawbridge_phase, _realizations.sawbridge_centroid)

    def __init__(self) -> None:
        super().__init__("sawbridge", Fraction(1, 6), (2.0, 0.0), closed=False)


class UniformScalar(_Known):
    """A uniform variable on [0, 1] (György and Linder 2000); d(p) = p³/12, D_max = 1/12."""

    _model: ClassVar[ModuleType] = cubic
    _lines = ()
    _vertices = (1.0,)
    _realizations = (_realizations.uniform_phase, _realizations.uniform_centroid)

    def __init__(self) -> None:
        super().__init__("uniform", Fraction(1, 12), (0.0, 1.0), closed=False)


class PowerLaw(_Known):
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

    @property
    def status(self) -> str:
        """As for any source: (★) is checked numerically."""
        return Source.status.fget(self)  # type: ignore[attr-defined, no-any-return]

    @cached_property
    def condition(self) -> condition.Condition:
        """Outcome of the numerical check of (★), with the exact derivative of d."""
        return condition.check_star(self._vectorised, derivative=self._derivative)

    @cached_property
    def monotone(self) -> bool:
        """Whether δ, known exactly, does not decrease on [0, ½]."""
        return condition.monotone_delta(self._vectorised, closed=True, delta=self._delta)

    def _derivative(self, p: Array) -> Array:
        """d′(p) = Σ c_k (1 − 2 sinc(2πkp) + sinc²(πkp))."""
        return self._sum(p, lambda kp: 1.0 - 2.0 * np.sinc(2.0 * kp) + np.sinc(kp) ** 2)

    def _delta(self, u: Array) -> Array:
        return self._sum(u, lambda ku: 4.0 * np.sin(np.pi * ku) ** 2)

    def _sum(self, x: Array, term: Callable[[Array], Array]) -> Array:
        flat = np.ravel(np.asarray(x, dtype=float))
        result = np.zeros_like(flat)
        for k, energy in enumerate(self._c[2:], start=1):
            result += energy * term(k * flat)
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
        exponent = float(name.removeprefix("power:"))
    except ValueError:
        raise ValueError(f"source must be power:a with 0 < a ≤ 2, such as power:1.5, got {name!r}") from None
    return PowerLaw(exponent)

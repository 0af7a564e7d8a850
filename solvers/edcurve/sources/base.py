"""`Source`: what every source is, built in or brought by a user."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from fractions import Fraction
from functools import cached_property, partial
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation
from edcurve.kernels import general
from edcurve.kernels.law import Law

from . import condition, protocol

Array = NDArray[np.float64]

PROVED = "exact (proved)"
CHECKED = "exact (checked numerically)"
BOUND = "upper bound"
ENCLOSED = "enclosed"  # between bounds, of sources of several parameters
SEARCHED = "enclosed by a search"  # where the lower bound takes the best cells that a search found to be the best
BETWEEN = (ENCLOSED, SEARCHED)
KNOWN = 0.1  # truncation, as a share of D_max, up to which E(D) counts as known
TOLERATED = 0.05  # and up to which it excuses a failure of (★), or a δ that falls
LEAST, MOST = 1e-302, 1e302  # D_max, that distortions a good deal smaller and λ a good deal larger are numbers too


class FewPoints(NamedTuple):
    """Points given, few enough for all of them to be looked at, and what their partitions into runs may save.

    Attributes
    ----------
    points : ndarray, shape (N, dim)
        The points.
    off : float
        The distortion of a partition into runs is no more than this below Σ d(p) of the sizes of its cells.
    """

    points: Array
    off: float


class FromSpectrum(Protocol):
    """What `Source.from_spectrum` takes; it returns a `Spectrum`."""

    def __call__(self, c: ArrayLike, *, name: str = ...) -> Source:
        """Make the source."""


class FromWaveform(Protocol):
    """What `Source.from_waveform` takes; it returns a `Waveform`."""

    def __call__(self, g: Callable[[Array], ArrayLike] | ArrayLike, *, harmonics: int = ..., name: str = ...) -> Source:
        """Make the source."""


class FromSamples(Protocol):
    """What `Source.from_samples` takes; it returns a `SampledLoop` or `SampledCurve`."""

    def __call__(self, x: ArrayLike, *, closed: bool = ..., tolerance: float = ..., name: str = ...) -> Source:
        """Make the source."""


class FromSurface(Protocol):
    """What `Source.from_surface` takes; it returns a `SampledSurface`."""

    def __call__(
        self,
        x: ArrayLike,
        *,
        ends: tuple[str, str] | None = ...,
        weights: ArrayLike | None = ...,
        name: str = ...,
    ) -> Source:
        """Make the source."""


class Source:
    """A source X = γ(V), V uniform on [0, 1), given by the distortion of its cells.

    Build one from a function, or subclass it and override `cell_distortion` (set the attributes that it uses before
    calling ``super().__init__``). The function is checked when the source is made. Whether biuniform partitions are
    optimal (condition (★) of the documentation) is checked when it first matters.

    Results are as accurate as d. Write d without cancellation at small p: p(1 − sinc²(πp)), as it stands, has half its
    digits left at p = 1e-4. Otherwise a UserWarning says below which distortion digits are lost. Near D_max the
    rounding of `max_distortion` shows: the relative error of E(D) is about 1e-16 D_max/(D_max − D).

    Parameters
    ----------
    cell_distortion : callable
        d(p): array of cell sizes in (0, 1] to array of their contributions to the mean squared error,
        ``p · E[‖X − E[X | cell]‖² | cell]``. Omitted by subclasses that override the method.
    max_distortion : float
        D_max = d(1), the variance of the source: from 1e-302 to 1e302.
    closed : bool
        Whether γ(0) = γ(1), so that cells may wrap around.
    name : str
        Used in messages, tables and plots.

    Raises
    ------
    ValueError
        If D_max is out of range, or d not the cell distortion of any source; the message names the value.
    """

    # phase(x) and centroid(start, size, samples)
    _realizations: ClassVar[tuple[Callable[[Array], Array], Callable[[Array, Array, int], Array]] | None] = None
    _amplitude: float = 1.0  # realizations are those of the unscaled source times this

    law: Law  # what solvers take: see `protocol`

    # given to the class by `constructors`, since what they return are its subclasses
    from_spectrum: ClassVar[FromSpectrum]
    from_waveform: ClassVar[FromWaveform]
    from_samples: ClassVar[FromSamples]
    from_surface: ClassVar[FromSurface]

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
        self._max_distortion = validation.real("max_distortion", max_distortion)
        if 0.0 < self._max_distortion < math.inf and not in_range(self._max_distortion):
            raise ValueError(f"max_distortion must be from {LEAST:g} to {MOST:g}, got {max_distortion!r}")
        overridden = type(self).cell_distortion is not Source.cell_distortion
        if not (callable(cell_distortion) or (cell_distortion is None and overridden)):
            raise TypeError(
                f"cell_distortion must be a function of the cell size p, or a method of a subclass, "
                f"got {cell_distortion!r}"
            )
        self._given = cell_distortion
        condition.validate(self._vectorised, self._max_distortion, closed=self._closed, name=self._name)
        self._set_law()

    def _set_law(self, scale: Fraction = Fraction(1)) -> None:
        parameters = general.Parameters(self._max_distortion, 0.0, self._one_cell, self._closed)
        self.law = Law(general, parameters, scale=scale)

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

    @property
    def truncation(self) -> float:
        """By how much the distortion of any partition may differ from what is given; 0 where that is exact.

        So E(D) is between what is given for the larger and the smaller distortion. See `from_waveform` and
        `from_samples`, which say what it is for their sources.
        """
        return 0.0

    @property
    def position(self) -> float:
        """By how much the distortion of a cell may differ from that of its size because of where it is.

        It is a part of `truncation`, of measured data that are not quite stationary; else 0.
        """
        return 0.0

    def position_below(self, p: Array) -> Array:
        """By how much the mean squared error of the best cell of size p may be below d(p)/p because of where it is.

        At most `position`, of measured data that are not quite stationary; else 0.
        """
        return np.zeros(p.shape)

    @property
    def few_points(self) -> FewPoints | None:
        """The measured points along a curve, and what runs of them may save; None if there are many, or none."""
        return None

    @property
    def within_steps(self) -> float:
        """Mean squared error within a step between measured points, which runs of points do not have; else 0."""
        return 0.0

    @property
    def defect(self) -> float:
        """How far measured data are from having ‖γ(v) − γ(v+u)‖² depend on u alone: 0 for exact sources.

        Root mean square deviation over all pairs of samples, as a share of the mean.
        """
        return 0.0

    def scaled(self, a: float) -> Self:
        """Source of aX: realizations times a, squared errors times a².

        Parameters
        ----------
        a : float
            Factor, finite and not 0, and such that D_max stays from 1e-302 to 1e302.

        Returns
        -------
        Source
            Of the same type, with E(D) = E_X(D/a²) exactly.

        Raises
        ------
        ValueError, TypeError
            For a factor that is not allowed.
        """
        return self._multiple(amplitude(a, self._max_distortion))

    def _multiple(self, factor: float) -> Self:
        other = copy.copy(self)
        other._name = f"{factor:g} × {self._name}"
        other._amplitude = self._amplitude * factor
        ratio = factor * factor
        other._given = partial(_times, ratio, self._vectorised)
        if type(self).cell_distortion is not Source.cell_distortion:
            # an attribute, so that it comes before the method of the subclass
            other.cell_distortion = partial(Source.cell_distortion, other)  # type: ignore[method-assign]  # else unscaled
        other._max_distortion = ratio * self._max_distortion
        other._set_law(self.law.scale * Fraction(factor) ** 2)
        protocol.forget(other, "_accurate_above", "_chords", "_fingerprint", "_normal")
        return other

    def _unscaled(self) -> Source | None:
        """The source that this is a multiple of, where it can be made again."""
        return None

    def harmonics(self, count: int) -> Array:
        """Energies c_1, …, c_count of the harmonics of a closed source: δ(u) = Σ_k 2c_k(1 − cos 2πku).

        The eigenvalues of its covariance are c_k/2, twice each.

        Parameters
        ----------
        count : int
            How many.

        Returns
        -------
        ndarray, shape (count,)
            Exact where the source's spectrum is known. From d alone, by a cosine transform of p d(p): to about 1e-7 of
            each, and to the rounding error of d times 20 k².

        Raises
        ------
        ValueError
            For an open source, which has no harmonics.
        """
        number = validation.positive_int("count", count)
        if not self._closed:
            raise ValueError(f"source must be closed to have harmonics, got {self.name!r}")
        return self._harmonics(number)

    def _harmonics(self, count: int) -> Array:
        from scipy.fft import dct

        intervals = max(1024, 32 * count)
        p = np.arange(1, intervals + 1) / (2.0 * intervals)
        # p² D_max − p d(p) = Σ c_k (1 − cos 2πkp)/(2π²k²)
        bulge = np.concatenate([[0.0], p * (p * self._max_distortion - self._cells(p))])
        amplitudes = -dct(bulge, type=1)[1 : count + 1] / intervals
        return np.maximum(2.0 * math.pi**2 * np.arange(1, count + 1) ** 2 * amplitudes, 0.0)

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
        return validation.elementwise("p", p, lambda x: self._cells(np.array([x])).item(), self._cells)

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

    @property
    def status(self) -> str:
        """What E(D) of this source is: "exact (proved)", "exact (checked numerically)" or "upper bound"."""
        if self.truncation > KNOWN * self._max_distortion:
            return BOUND
        return CHECKED if self.monotone and self.condition.holds else BOUND

    @property
    def reason(self) -> str:
        """Why `status` is what it is."""
        if not self.law.stationary:
            return "‖γ(v) − γ(v+u)‖² does not depend on u alone"
        if self.truncation > KNOWN * self._max_distortion:
            return f"its distortions are known only to {self.truncation:.2g}, D_max being {self._max_distortion:.2g}"
        if not self.monotone:
            return "its δ is not monotone, so that intervals need not be the best cells"
        return f"condition (★): {self.condition.method}"

    def phase(self, x: NDArray[Any]) -> Array:
        """Phase in turns of realizations along the last axis; ValueError where only phases are known."""
        if self._realizations is None:
            raise ValueError(f"x must be phases (a number or one-dimensional): {self.name!r} has no known realizations")
        return self._realizations[0](self._checked(x))

    def _checked(self, x: NDArray[Any], width: int | None = None) -> Array:
        """Realizations of the unscaled source, finite and of `width` numbers each."""
        given = validation.as_array("x", x, "x must be real numbers, got {what}")
        if given.dtype.kind not in "iuf":
            raise TypeError(f"x must be real numbers, got an array of dtype {given.dtype}")
        if not np.isfinite(given).all():
            raise ValueError(f"x must be finite, got {given[~np.isfinite(given)][0]}")
        if width is not None and (given.ndim == 0 or given.shape[-1] != width):
            raise ValueError(f"x must have {width} coordinates along the last axis, got shape {given.shape}")
        return given.astype(np.float64) / self._amplitude

    def centroid(self, start: NDArray[Any], size: NDArray[Any], samples: int = 1024) -> Array:
        """Mean realization E[X | cell] of cells of phases [start, start + size)."""
        if self._realizations is None:
            raise ValueError(f"source must be one whose realizations are known, got {self.name!r}")
        return np.asarray(self._amplitude * self._realizations[1](start, size, samples))

    def __repr__(self) -> str:
        return f"<edcurve source {self._name!r}, D_max = {self._max_distortion:.6g}>"


def amplitude(a: float, max_distortion: float) -> float:
    """``a`` as a factor for realizations: finite and not 0, and such that D_max stays in range."""
    value = validation.real("a", a)
    if value == 0.0 or not 0.0 < value * value < math.inf:
        raise ValueError(f"a must be finite and not 0, its square too, got {a!r}")
    scaled = value * value * max_distortion
    if not in_range(scaled):
        raise ValueError(f"a must leave D_max from {LEAST:g} to {MOST:g}, got {a!r}, which makes it {scaled:.3g}")
    return value


def in_range(max_distortion: float) -> bool:
    """Whether sources may have that D_max."""
    return LEAST <= max_distortion <= MOST


def _times(factor: float, function: Callable[[Array], Any], p: Array) -> Any:
    return factor * function(p)

"""`Source`: the base of every source, built in or defined by a user."""

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
ENCLOSED = "enclosed"  # between bounds, for sources of several parameters
SEARCHED = "enclosed by a search"  # if the lower bound assumes that a search found the best cells
BETWEEN = (ENCLOSED, SEARCHED)
KNOWN = 0.1  # truncation, as a share of D_max, up to which E(D) counts as known
TOLERATED = 0.05  # the same, up to which it excuses a failure of (★), or a δ that falls
LEAST, MOST = 1e-302, 1e302  # D_max: leaves room for much smaller distortions and much larger λ


class FewPoints(NamedTuple):
    """The measured points, if few enough to examine them all, and how much their partitions into runs may save.

    Attributes
    ----------
    points : ndarray, shape (N, dim)
        The points.
    off : float
        The distortion of a partition into runs is at least Σ d(p) over its cell sizes, minus this.
    """

    points: Array
    off: float


class FromSpectrum(Protocol):
    """The signature of `Source.from_spectrum`, which returns a `Spectrum`."""

    def __call__(self, c: ArrayLike, *, name: str = ...) -> Source:
        """Make the source."""


class FromWaveform(Protocol):
    """The signature of `Source.from_waveform`, which returns a `Waveform`."""

    def __call__(self, g: Callable[[Array], ArrayLike] | ArrayLike, *, harmonics: int = ..., name: str = ...) -> Source:
        """Make the source."""


class FromSamples(Protocol):
    """The signature of `Source.from_samples`, which returns a `SampledLoop` or `SampledCurve`."""

    def __call__(self, x: ArrayLike, *, closed: bool = ..., tolerance: float = ..., name: str = ...) -> Source:
        """Make the source."""


class FromSurface(Protocol):
    """The signature of `Source.from_surface`, which returns a `SampledSurface`."""

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
    optimal (condition (★) of the documentation) is checked when first needed.

    Results are as accurate as d. Write d without cancellation at small p: a literal p(1 − sinc²(πp)) loses half its
    digits at p = 1e-4. Otherwise a UserWarning tells below which distortion digits are lost. Near D_max the rounding of
    `max_distortion` matters: the relative error of E(D) is about 1e-16 D_max/(D_max − D).

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
        If D_max is out of range, or d is not the cell distortion of any source; the message names the value.
    """

    # phase(x) and centroid(start, size, samples)
    _realizations: ClassVar[tuple[Callable[[Array], Array], Callable[[Array, Array, int], Array]] | None] = None
    _amplitude: float = 1.0  # realizations are those of the unscaled source times this

    law: Law  # for the solvers: see `protocol`

    # set by `constructors`, because they return subclasses of this class
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
        self._function = cell_distortion
        condition.validate(self._vectorised, self._max_distortion, closed=self._closed, name=self._name)
        self._set_law()

    def _set_law(self, scale: Fraction = Fraction(1)) -> None:
        parameters = general.Parameters(self._max_distortion, 0.0, self._one_cell, self._closed)
        self.law = Law(general, parameters, scale=scale)

    @property
    def name(self) -> str:
        """Name in messages, tables and plots; functions accept the names of built-in sources."""
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
        """Bound on the error of the distortion of any partition; 0 for exact sources.

        So E(D) lies between the values computed at D plus and D minus this. `from_waveform` and `from_samples` tell
        what it is for their sources.
        """
        return 0.0

    @property
    def position(self) -> float:
        """Largest deviation of a cell's mean squared error from the mean over all positions of the cell.

        It is a part of `truncation`, for measured data that are not quite stationary; otherwise 0.
        """
        return 0.0

    def position_below(self, p: Array) -> Array:
        """Largest amount by which the mean squared error of a cell of size p is below d(p)/p, over its positions.

        At most `position`, for measured data that are not quite stationary; otherwise 0.
        """
        return np.zeros(p.shape)

    @property
    def few_points(self) -> FewPoints | None:
        """The measured points along a curve, and how much runs of them may save; None if many, or not measured."""
        return None

    @property
    def within_steps(self) -> float:
        """Mean squared error within a step between measured points, which runs of points lack; otherwise 0."""
        return 0.0

    @property
    def defect(self) -> float:
        """Deviation of measured data from a ‖γ(v) − γ(v+u)‖² that depends on u alone: 0 for exact sources.

        Root mean square deviation over all pairs of samples, as a share of the mean.
        """
        return 0.0

    def scaled(self, a: float) -> Self:
        """Source of aX: realizations times a, squared errors times a².

        Parameters
        ----------
        a : float
            Factor, finite and not 0, such that D_max stays within 1e-302 and 1e302.

        Returns
        -------
        Source
            A source of the same type, with E(D) = E_X(D/a²) exactly.

        Raises
        ------
        ValueError, TypeError
            For an invalid factor.
        """
        return self._multiple(amplitude(a, self._max_distortion))

    def _multiple(self, factor: float) -> Self:
        other = copy.copy(self)
        other._name = f"{factor:g} × {self._name}"
        other._amplitude = self._amplitude * factor
        ratio = factor * factor
        made, function = 1.0, self._vectorised
        if isinstance(self._function, partial) and self._function.func is _times:
            # one multiple of the first function, as values in between may underflow
            made, function = self._function.args
        other._function = partial(_times, made * ratio, function)
        if type(self).cell_distortion is not Source.cell_distortion:
            # an attribute, so that it comes before the method of the subclass
            other.cell_distortion = partial(Source.cell_distortion, other)  # type: ignore[method-assign]  # else unscaled
        other._max_distortion = ratio * self._max_distortion
        other._set_law(self.law.scale * Fraction(factor) ** 2)
        protocol.forget(other, "_accurate_above", "_chords", "_fingerprint", "_normal")
        return other

    def _unscaled(self) -> Source | None:
        """The source that this is a multiple of, if it can be constructed again."""
        return None

    def harmonics(self, count: int) -> Array:
        """Energies c_1, …, c_count of the harmonics of a closed source: δ(u) = Σ_k 2c_k(1 − cos 2πku).

        The eigenvalues of its covariance are c_k/2, twice each.

        Parameters
        ----------
        count : int
            Their number.

        Returns
        -------
        ndarray, shape (count,)
            Exact where the source's spectrum is known. Otherwise from a cosine transform of p d(p): the relative error
            of each is about 1e-7, plus the rounding error of d times 20 k².

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
        if self._function is not None:
            return self._function(p)
        return self.cell_distortion(p)

    def _one_cell(self, p: float) -> float:
        return float(np.asarray(self._vectorised(np.array([p])))[0])

    @cached_property
    def condition(self) -> condition.Condition:
        """Outcome of the numerical check of (★), which implies that biuniform partitions are optimal."""
        return condition.check_star(self._vectorised)

    @cached_property
    def monotone(self) -> bool:
        """Whether δ(u) = ‖γ(v) − γ(v+u)‖² is nondecreasing in the distance, so that intervals are the best cells."""
        return condition.monotone_delta(self._vectorised, closed=self._closed)

    @property
    def status(self) -> str:
        """Status of E(D) of this source: "exact (proved)", "exact (checked numerically)" or "upper bound"."""
        if self.truncation > KNOWN * self._max_distortion:
            return BOUND
        return CHECKED if self.monotone and self.condition.holds else BOUND

    @property
    def reason(self) -> str:
        """The reason for `status`."""
        if not self.law.stationary:
            return "‖γ(v) − γ(v+u)‖² does not depend on u alone"
        if self.truncation > KNOWN * self._max_distortion:
            return f"its distortions are known only to {self.truncation:.2g}, D_max being {self._max_distortion:.2g}"
        if not self.monotone:
            return "its δ is not monotone, so that intervals need not be the best cells"
        return f"condition (★): {self.condition.method}"

    def phase(self, x: NDArray[Any]) -> Array:
        """Phase in turns of realizations along the last axis; ValueError if realizations are not known."""
        if self._realizations is None:
            raise ValueError(f"x must be phases (a number or one-dimensional): {self.name!r} has no known realizations")
        return self._realizations[0](self._checked(x))

    def _checked(self, x: NDArray[Any], width: int | None = None) -> Array:
        """Realizations of the unscaled source, checked to be finite and of `width` coordinates each."""
        array = validation.as_array("x", x, "x must be real numbers, got {what}")
        if array.dtype.kind not in "iuf":
            raise TypeError(f"x must be real numbers, got an array of dtype {array.dtype}")
        if not np.isfinite(array).all():
            raise ValueError(f"x must be finite, got {array[~np.isfinite(array)][0]}")
        if width is not None and (array.ndim == 0 or array.shape[-1] != width):
            raise ValueError(f"x must have {width} coordinates along the last axis, got shape {array.shape}")
        return array.astype(np.float64) / self._amplitude

    def centroid(self, start: NDArray[Any], size: NDArray[Any], samples: int = 1024) -> Array:
        """Mean realization E[X | cell] of cells of phases [start, start + size)."""
        if self._realizations is None:
            raise ValueError(f"source must be one whose realizations are known, got {self.name!r}")
        return np.asarray(self._amplitude * self._realizations[1](start, size, samples))

    def __repr__(self) -> str:
        return f"<edcurve source {self._name!r}, D_max = {self._max_distortion:.6g}>"


def amplitude(a: float, max_distortion: float) -> float:
    """``a`` as a factor for realizations: finite and not 0, such that D_max stays in range."""
    value = validation.real("a", a)
    if value == 0.0 or not 0.0 < value * value < math.inf:
        raise ValueError(f"a must be finite and not 0, its square too, got {a!r}")
    scaled = value * value * max_distortion
    if not in_range(scaled):
        raise ValueError(f"a must leave D_max from {LEAST:g} to {MOST:g}, got {a!r}, which makes it {scaled:.3g}")
    return value


def in_range(max_distortion: float) -> bool:
    """Whether a source may have this D_max."""
    return LEAST <= max_distortion <= MOST


def _times(factor: float, function: Callable[[Array], Any], p: Array) -> Any:
    return factor * function(p)

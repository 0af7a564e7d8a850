"""Sources of several parameters, for which E(D) is enclosed: spheres, rotations, tori.

The least distortion d(p) of a cell of probability p is known, but cells that attain it do not tile the source. So the
least entropy over all sizes with this d is a lower bound on E(D), and codes are upper bounds.
"""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from edcurve import validation
from edcurve.kernels import cubic, general
from edcurve.kernels.law import Law

from . import caps, condition, exact_splits, torus_cells
from .base import BOUND, ENCLOSED, PROVED, Array, Source, amplitude
from .closed_form import ProvedSource
from .piecewise import polynomials
from .proved import Circle

HIGHEST = 1000  # largest dimension of a sphere: d has an error below 1e-12 up to it
TABULATED = 16  # dimension up to which d of caps is tabulated
SMALLEST = 1e-290  # smallest cell in a table
FLATTEST = 0.01  # least ratio of the radii of a torus


class Cells(Source):
    """The problem over cell sizes alone, min Σ h(pᵢ) for Σ d(pᵢ) ≤ D, of a source that its best cells do not tile.

    It is solved as for a curve with the same d(p): by (★) if that was checked, otherwise by the dual bound.
    """

    def __init__(self, cell_distortion: Any, *, max_distortion: float, closed: bool, name: str, star: bool) -> None:
        super().__init__(cell_distortion, max_distortion=max_distortion, closed=closed, name=name)
        self._star = star

    @cached_property
    def condition(self) -> condition.Condition:
        """Outcome of the check of (★), if d may satisfy it."""
        if self._star:
            return condition.check_star(self._vectorised)
        return condition.Condition(False, math.nan, (math.nan, math.nan, math.nan), "fails, or was not examined")

    @property
    def monotone(self) -> bool:
        """True: d is the least over cells of any shape."""
        return True


class SphereCells(ProvedSource):
    """Cells of the sphere in R³, d(p) = p²(2 − p): 12 times the ramp's, so that the ramp's theorem applies."""

    def __init__(self) -> None:
        # chord and vertices of the ramp
        chords = (12.0 * 0.04069169381961461, 1.0, 0.0, 29.464889787409536 / 12.0)
        in_advance = {"chords": chords, "vertices": (1.0, 4.0), "split": exact_splits.cubic}
        parameters = {"square": 24.0, "cube": -12.0}
        super().__init__("sphere", cubic, Fraction(1), closed=True, parameters=parameters, **in_advance)


class Surface(Source):
    """A source of several parameters.

    Its `status` is "enclosed": E(D) lies between `lower_bound` and `upper_bound`.

    Attributes
    ----------
    relaxed : Source
        The problem over cell sizes alone, with the same d(p): its optimum is a lower bound.
    """

    def __init__(self, name: str, max_distortion: float, parameters: tuple[Any, ...]) -> None:
        self._name = name
        self._closed = False
        self._function = None
        self._max_distortion = max_distortion
        self._parameters = parameters
        self._set_surface_law()

    def _set_surface_law(self) -> None:
        parameters = general.Parameters(self._max_distortion, 0.0, self._one_cell, False)
        self.law = Law(general, parameters, scale=Fraction(self._amplitude) ** 2, stationary=False)

    @property
    @abstractmethod
    def coordinates(self) -> int:
        """Number of coordinates of a realization."""

    @abstractmethod
    def _cell_sizes(self) -> Source:
        """The problem over cell sizes of the unscaled source."""

    @abstractmethod
    def _realized(self, numbers: Array) -> Array:
        """Realizations of the unscaled source, from numbers in [0, 1)."""

    @cached_property
    def relaxed(self) -> Source:
        """The problem over cell sizes alone with the same d(p), which gives the lower bound."""
        plain = self._cell_sizes()
        if self._amplitude == 1.0:
            return plain
        multiple = plain._multiple(self._amplitude)
        multiple._name = self._name
        return multiple

    def scaled(self, a: float) -> Self:
        """Source of aX: realizations times a, squared errors times a². See `Source.scaled`."""
        return self._multiple(amplitude(a, self._max_distortion))

    def _multiple(self, factor: float) -> Self:
        other = copy.copy(self)
        other._name = f"{factor:g} × {self._name}"
        other._amplitude = self._amplitude * factor
        other._max_distortion = factor * factor * self._max_distortion
        vars(other).pop("relaxed", None)
        other._set_surface_law()
        return other

    def _vectorised(self, p: Array) -> Any:
        return self.relaxed._vectorised(p)

    @property
    def condition(self) -> condition.Condition:
        """Outcome of the check of (★) for the problem over cell sizes."""
        return self.relaxed.condition

    @property
    def monotone(self) -> bool:
        """False: a surface has no distance of two phases."""
        return False

    @property
    def status(self) -> str:
        """Status of E(D): "enclosed"."""
        return ENCLOSED

    @property
    def bound(self) -> str:
        """Kind of `lower_bound`: the least entropy over cell sizes, if its minimiser is known, or the dual bound."""
        state = self.relaxed.status
        if state == BOUND:
            return "dual bound"
        return f"least entropy over cell sizes, {'proved' if state == PROVED else 'checked numerically'}"

    @property
    def reason(self) -> str:
        """The reason for the status."""
        return f"its best cells do not tile it; lower bound: {self.bound}"

    @property
    def exact_from(self) -> float:
        """Distortion from which two cells attain the lower bound, so that it equals E(D): D_max if there are none."""
        return self._max_distortion

    def realizations(self, numbers: ArrayLike) -> Array:
        """Points of the source, distributed like X if the numbers are uniform and independent.

        Parameters
        ----------
        numbers : array_like, shape (…, dim)
            Numbers in [0, 1), one per dimension of the source. Equal volumes have equal probabilities.

        Returns
        -------
        ndarray, shape (…, coordinates)

        Raises
        ------
        ValueError, TypeError
            For a wrong number of coordinates, and for numbers outside [0, 1).
        """
        array = validation.nonnegative("numbers", numbers)
        width = self._numbers
        if array.ndim == 0 or array.shape[-1] != width:
            raise ValueError(f"numbers must have {width} along the last axis, got shape {array.shape}")
        if (array >= 1.0).any():
            raise ValueError(f"numbers must be below 1, got {array[array >= 1.0][0]}")
        return np.asarray(self._amplitude * self._realized(array))

    @property
    @abstractmethod
    def _numbers(self) -> int:
        """Dimension of the source."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (
            (self._parameters, self._amplitude) == (other._parameters, other._amplitude)
        )

    def __hash__(self) -> int:
        return hash((type(self), self._parameters, self._amplitude))

    def __getstate__(self) -> dict[str, Any]:
        """For pickling: values that can be computed again are left out."""
        return {name: value for name, value in vars(self).items() if name not in ("relaxed", "law")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the values that `__getstate__` left out."""
        vars(self).update(state)
        self._set_surface_law()


class Sphere(Surface):
    """The unit sphere of R^{dim+1}, X uniform on it; d(p) is that of a cap, D_max = 1.

    In R³ d(p) = p²(2 − p), so that E(D) is at least the ramp's E(D/12). Up to 1 bit both are equal: two complementary
    caps tile the sphere. In higher dimensions biuniform sizes need not have the least entropy, and the lower bound is
    the dual bound.

    Parameters
    ----------
    dim : int
        Dimension, 1 to 1000: 2 is the surface of a ball. `Sphere(1)` is `Circle()`.
    """

    def __new__(cls, dim: int = 2) -> Any:
        """Make a `Circle` in one dimension."""
        return Circle() if validation.positive_int("dim", dim) == 1 else object.__new__(cls)

    def __init__(self, dim: int = 2) -> None:
        if dim > HIGHEST:
            raise ValueError(f"dim must be at most {HIGHEST}, got {dim!r}")
        self._dim = int(dim)
        super().__init__("sphere" if dim == 2 else f"sphere:{dim}", 1.0, (self._dim,))

    def __getnewargs__(self) -> tuple[int]:
        return (self._dim,)

    @property
    def dim(self) -> int:
        """Dimension of the sphere."""
        return self._dim

    @property
    def coordinates(self) -> int:
        """Number of coordinates of a realization: dim + 1."""
        return self._dim + 1

    @property
    def _numbers(self) -> int:
        return self._dim

    @property
    def exact_from(self) -> float:
        """Distortion from which E(D) is the lower bound: in R³ 2 d(½) = ¾ D_max, where two caps attain it."""
        return (0.75 if self._dim == 2 else 1.0) * self._max_distortion

    def _cell_sizes(self) -> Source:
        if self._dim == 2:
            return SphereCells()
        return Cells(_ReflectedCaps(self._dim), max_distortion=1.0, closed=True, name=self._name, star=False)

    def _realized(self, numbers: Array) -> Array:
        return _on_sphere(numbers)


class Rotations(Surface):
    """Rotations of space as uniform unit quaternions q, where −q is the same rotation.

    The squared error is that of the nearer of q and −q. A cell is a pair of opposite caps of the sphere in R⁴, so that
    d(p) is twice that of a cap of probability p/2; D_max = 1 − (4/3π)².
    """

    def __init__(self) -> None:
        super().__init__("rotations", 1.0 - (4.0 / (3.0 * math.pi)) ** 2, ())

    @property
    def coordinates(self) -> int:
        """Number of coordinates of a quaternion: 4."""
        return 4

    @property
    def _numbers(self) -> int:
        return 3

    def _cell_sizes(self) -> Source:
        plain = 1.0 - (4.0 / (3.0 * math.pi)) ** 2
        return Cells(_PairsOfCaps(), max_distortion=plain, closed=False, name="rotations", star=True)

    def _realized(self, numbers: Array) -> Array:
        return _on_sphere(numbers)


class Torus(Surface):
    """(r₁e^{iθ₁}, r₂e^{iθ₂}), two independent uniform angles; D_max = r₁² + r₂².

    d(p) = p (r₁² + r₂² − max over w of (mean of w₁r₁ cos θ₁ + w₂r₂ cos θ₂ over its p largest values)²). The best cell
    is a disc for small p, a strip around the larger circle for large p, and the complement of one above ½. The discs'
    integrals come from a quadrature with an error of 1e-13 of d(p).

    Parameters
    ----------
    radii : tuple of float
        r₁ and r₂, above 0, none more than 100 times the other.
    """

    def __init__(self, radii: Sequence[float] = (1.0, 1.0)) -> None:
        try:
            first, second = (validation.real("radii", radius) for radius in radii)
        except (TypeError, ValueError):
            raise ValueError(f"radii must be two numbers above 0, got {radii!r}") from None
        low, high = sorted((first, second))
        if not (low > 0.0 and high < math.inf and low >= FLATTEST * high):
            raise ValueError(f"radii must be above 0, none more than {1 / FLATTEST:.0f} times the other, got {radii!r}")
        self._radii = (first, second)
        name = "torus" if self._radii == (1.0, 1.0) else f"torus:{_plain(first)},{_plain(second)}"
        super().__init__(name, first * first + second * second, self._radii)

    @property
    def radii(self) -> tuple[float, float]:
        """r₁ and r₂ of the unscaled source."""
        return self._radii

    @property
    def coordinates(self) -> int:
        """Number of coordinates of a realization: two for each angle."""
        return 4

    @property
    def _numbers(self) -> int:
        return 2

    def _cell_sizes(self) -> Source:
        low, high = sorted(self._radii)
        maximum = low * low + high * high
        return Cells(
            _TorusCells(low / high, high * high, maximum),
            max_distortion=maximum,
            closed=True,
            name=self._name,
            star=False,
        )

    def _realized(self, numbers: Array) -> Array:
        angle = 2.0 * math.pi * numbers
        pairs = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * np.array(self._radii)[:, None]
        return np.asarray(pairs.reshape(*numbers.shape[:-1], 4))


class _ReflectedCaps:
    """d(p) of caps of a sphere; above ½ from the complement, whose mean times its size has the same length."""

    def __init__(self, dim: int) -> None:
        self._dim = dim

    @cached_property
    def _table(self) -> Any:
        return _cap_table(self._dim)

    def __call__(self, p: Array) -> Array:
        q = np.minimum(p, 1.0 - p)
        small = np.where(q > 0.0, q, 1.0)
        mean = self._mean(np.minimum(np.where(q > 0.0, q, 0.5), 0.5))
        above = 1.0 - (q / p) ** 2 * (1.0 - mean)
        return np.asarray(np.where(p > 0.5, p * above, np.where(q > 0.0, small * mean, 0.0)))

    def _mean(self, p: Array) -> Array:
        """d(p)/p for p ≤ ½."""
        if self._dim > TABULATED:
            return caps.spread(p, self._dim)
        y = p ** (2.0 / self._dim)
        return np.asarray(y * self._table(np.minimum(y, self._table.x[-1])))


class _PairsOfCaps:
    """d(p) = 2 d(p/2) of the sphere in R⁴."""

    def __init__(self) -> None:
        self._caps = _ReflectedCaps(3)

    def __call__(self, p: Array) -> Array:
        return 2.0 * self._caps(0.5 * p)


class _TorusCells:
    """d(p) of a torus, from the larger radius and the ratio of both; above ½ from the complement."""

    def __init__(self, ratio: float, square: float, maximum: float) -> None:
        self._ratio, self._square, self._maximum = ratio, square, maximum

    def __call__(self, p: Array) -> Array:
        q = np.minimum(p, 1.0 - p)
        inner = np.where(q > 0.0, q, 0.5)
        d = np.where(q > 0.0, q * self._square * torus_cells.mean_distortion(inner, self._ratio), 0.0)
        above = (q * d + (p - q) * self._maximum) / p
        return np.asarray(np.where(p > 0.5, above, d))


@lru_cache(maxsize=16)
def _cap_table(dim: int) -> Any:
    """Table of d(p)/(p y) over y = p^{2/dim}, which is smooth."""
    power = 0.5 * dim
    return polynomials(lambda y: caps.spread(y**power, dim) / y, SMALLEST ** (1.0 / power), 0.5 ** (1.0 / power))


def _on_sphere(numbers: Array) -> Array:
    """Points of the unit sphere: each coordinate in turn has a beta distribution given the previous ones."""
    from scipy import special

    radius = np.ones(numbers.shape[:-1])
    coordinates = []
    for k in range(numbers.shape[-1], 1, -1):
        share = special.betaincinv(0.5 * k, 0.5 * k, numbers[..., numbers.shape[-1] - k])
        coordinates.append(radius * (2.0 * share - 1.0))
        radius = radius * 2.0 * np.sqrt(share * (1.0 - share))
    angle = 2.0 * math.pi * numbers[..., -1]
    return np.stack([*coordinates, radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


def _plain(radius: float) -> str:
    return f"{radius:g}" if float(f"{radius:g}") == radius else repr(radius)

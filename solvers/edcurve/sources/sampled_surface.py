"""Surfaces given by measured vectors on a grid of two parameters."""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from edcurve import validation

from . import balls, condition, parameter_grids
from .base import ENCLOSED, SEARCHED, Array, Source
from .surfaces import Surface
from .waveforms import finite_samples

LEAST = 4  # rows and columns
MOST = 2**17  # samples
LARGEST = 2**24  # numbers
FEW = 16  # most distinct points for which all partitions are compared


class Samples:
    """Points of a surface with their probabilities, and values computed from them once for all multiples of a source.

    Attributes
    ----------
    x : ndarray, shape (I, J, dim)
    weight : ndarray, shape (I, J)
        Sums to 1.
    sides : tuple of Side
    name : str
    """

    def __init__(self, x: Array, weight: Array, sides: tuple[Any, Any], name: str) -> None:
        self.x, self.weight, self.sides, self.name = x, weight, sides, name

    @property
    def points(self) -> Array:
        """The points of positive weight, shape (N, dim)."""
        return np.asarray(self.x.reshape(-1, self.x.shape[2])[self.weight.ravel() > 0.0])

    @property
    def weights(self) -> Array:
        """Probabilities of the points, shape (N,)."""
        return np.asarray(self.weight[self.weight > 0.0])

    @cached_property
    def variance(self) -> float:
        """D_max."""
        points, weights = self.points, self.weights
        return float(weights @ np.sum((points - weights @ points) ** 2, axis=1))

    @cached_property
    def truncation(self) -> float:
        """Mean variance of the surface between neighbouring samples."""
        return parameter_grids.boxes(self.x, self.weight, self.sides)

    @cached_property
    def few(self) -> bool:
        """Whether all partitions of the points are compared."""
        return len(np.unique(self.points, axis=0)) <= FEW

    @cached_property
    def balls(self) -> balls.Balls:
        """d(p)."""
        return balls.least_distortions(self.points, self.weights, self.name)

    @cached_property
    def hash(self) -> bytes:
        """Hash of samples, weights and ends."""
        text = repr((self.x.shape, self.sides)).encode()
        return hashlib.sha256(text + self.x.tobytes() + self.weight.tobytes()).digest()


class BallCells(Source):
    """The problem over cell sizes of weighted points, min Σ h(pᵢ) for Σ d(pᵢ) ≤ D, with d(p) tabulated for balls."""

    def __init__(self, table: balls.Balls, max_distortion: float, name: str) -> None:
        self._name, self._closed, self._function = name, False, table
        self._max_distortion, self._table = max_distortion, table
        self._set_tabulated_law()

    def _set_tabulated_law(self) -> None:
        self._set_law(Fraction(self._amplitude) ** 2)
        self._accurate_above = 0.0  # interpolation loses no digits

    def _multiple(self, factor: float) -> Self:
        other = super()._multiple(factor)
        other._set_tabulated_law()
        return other

    def below(self) -> tuple[Array, Array]:
        """Points (x, y) below the curve (d(p)/p, −ln p), x increasing: d(p)/p ≥ x between two p of the table."""
        x, y = self._table.below()
        return x * float(self.law.scale), y

    @property
    def condition(self) -> condition.Condition:
        """(★) is not examined: the dual bound is used."""
        return condition.Condition(False, math.nan, (math.nan, math.nan, math.nan), "not examined")

    @property
    def monotone(self) -> bool:
        """True: d is the least over cells of any shape."""
        return True


class SampledSurface(Surface):
    """Samples of a surface on a grid of two parameters; see `Source.from_surface`."""

    def __init__(self, x: ArrayLike, *, ends: Any = None, weights: ArrayLike | None = None, name: str) -> None:
        samples = _checked(x, ends, weights, str(name))
        self._samples = samples
        super().__init__(samples.name, samples.variance, (type(self).__name__, samples.hash))

    @property
    def samples(self) -> Samples:
        """The points with their probabilities, of the unscaled source."""
        return self._samples

    @property
    def points(self) -> Array:
        """The samples of positive weight, shape (N, dim)."""
        return self._amplitude * self.samples.points

    @property
    def weights(self) -> Array:
        """Probabilities of the points, shape (N,)."""
        return self.samples.weights

    @property
    def ends(self) -> tuple[str, str]:
        """Kind of each parameter: "closed", "twisted" or "open"."""
        first, second = self.samples.sides
        return first.kind, second.kind

    @property
    def truncation(self) -> float:
        """Mean variance of the surface between neighbouring samples: see `Source.from_surface`."""
        return self.samples.truncation * self._amplitude**2

    @property
    def status(self) -> str:
        """Status of E(D): "enclosed by a search", or "enclosed" for few samples."""
        return ENCLOSED if self.samples.few else SEARCHED

    @property
    def bound(self) -> str:
        """Kind of `lower_bound`."""
        if self.samples.few:
            return "the best partitions of the samples"
        return "prices of points, if no cell is cheaper than those that a search found"

    @property
    def coordinates(self) -> int:
        """Number of coordinates of a realization."""
        return int(self.samples.x.shape[2])

    @property
    def _numbers(self) -> int:
        return 2

    def _cell_sizes(self) -> Source:
        return BallCells(self.samples.balls, self.samples.variance, self.samples.name)

    def _realized(self, numbers: Array) -> Array:
        samples = self.samples
        rows, columns = parameter_grids.places(numbers, samples.weight, samples.sides)
        return parameter_grids.between(samples.x, rows, columns, samples.sides)


def _checked(x: ArrayLike, ends: Any, weights: ArrayLike | None, name: str) -> Samples:
    values = validation._as_float64("x", x)
    if values.ndim != 3 or min(values.shape[:2]) < LEAST or values.shape[2] < 1:
        raise ValueError(
            f"x must be of shape (I, J, dim) with I and J at least {LEAST}, got shape {values.shape}"
            f"{_remedy(values.shape)}"
        )
    if values.shape[0] * values.shape[1] > MOST or values.size > LARGEST:
        raise ValueError(
            f"x must have at most {MOST} samples and {LARGEST} numbers, got shape {values.shape}: take every second"
        )
    finite_samples("x", values.reshape(-1, values.shape[2]), _indices(values.shape))
    if not np.ptp(values, axis=(0, 1)).any():
        raise ValueError("x must not be the same point throughout")
    values = values.copy()
    sides = parameter_grids.settled(values, ends)
    weight = parameter_grids.shares(values.shape[:2], sides) if weights is None else _weights(weights, values.shape[:2])
    samples = Samples(values, weight, sides, name)
    if not np.ptp(samples.points, axis=0).any():
        raise ValueError("weights must be above 0 at more than one point")
    return samples


def _remedy(shape: tuple[int, ...]) -> str:
    if len(shape) == 2:
        return ": Source.from_samples takes points along a curve; numbers on a grid are x[:, :, None]"
    return ""


def _indices(shape: tuple[int, ...]) -> Any:
    """The indices of each number, for messages."""
    rows, columns, dim = shape
    text = np.array([f"[{i}, {j}]" for i in range(rows) for j in range(columns)], dtype=object)
    return np.broadcast_to(text[:, None], (rows * columns, dim))


def _weights(given: ArrayLike, shape: tuple[int, int]) -> Array:
    weight = validation.nonnegative("weights", given, finite=True)
    if weight.shape != shape:
        raise ValueError(f"weights must be of shape {shape}, one for each sample, got {weight.shape}")
    largest = float(weight.max())
    if largest == 0.0:
        raise ValueError("weights must not all be 0")
    scaled = weight / largest
    return np.asarray(scaled / scaled.sum())

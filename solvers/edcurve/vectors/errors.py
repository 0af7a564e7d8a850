"""Errors between vectors, their allowed reproductions, and the best reproduction of a cell."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from edcurve import validation
from edcurve.equality import ComparedByValue
from edcurve.segmentation import arguments

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_CANDIDATES = 2**14  # most reproductions from combining the values of all coordinates


@dataclass(frozen=True, eq=False)
class Error(ComparedByValue):
    """An error ρ(x, y), and the allowed reproductions y.

    Attributes
    ----------
    name : str
        "squared", "absolute", "hamming" or, for the caller's own error, "custom".
    distances : callable
        Maps vectors (n, dim) and reproductions (m, dim) to their errors (n, m).
    candidates : ndarray, shape (m, dim), or None
        The allowed reproductions; None for all vectors.
    """

    name: str
    distances: Callable[[Array, Array], Array]
    candidates: Array | None

    def about(self, x: Array, weight: Array) -> tuple[Array, Error, Array]:
        """Vectors and error relative to the mean, and the mean: far from 0, squared errors would lose digits."""
        if self.name != "squared":
            return x, self, np.zeros(x.shape[1])
        origin = weight @ x / weight.sum()
        candidates = None if self.candidates is None else self.candidates - origin
        return x - origin, Error(self.name, self.distances, candidates), origin

    def centres(self, x: Array, weight: Array, label: Ints, count: int) -> Array:
        """The best reproduction of each cell of weighted vectors."""
        if self.candidates is not None:
            cost = np.zeros((count, len(self.candidates)))
            np.add.at(cost, label, weight[:, None] * self.distances(x, self.candidates))
            return np.asarray(self.candidates[cost.argmin(axis=1)])
        if self.name == "squared":
            members = sparse.csr_array((weight, (label, np.arange(len(x)))), shape=(count, len(x)))
            return np.asarray(members @ x) / np.bincount(label, weight, count)[:, None]
        order = np.argsort(label, kind="stable")
        ends = np.cumsum(np.bincount(label, minlength=count))[:-1]
        best = _median if self.name == "absolute" else _mode
        cells = zip(np.split(x[order], ends), np.split(weight[order], ends), strict=True)
        return np.array([[best(column, mass) for column in cell.T] for cell, mass in cells])


def _median(values: Array, weight: Array) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])


def _mode(values: Array, weight: Array) -> float:
    distinct, label = np.unique(values, return_inverse=True)
    return float(distinct[np.bincount(label, weight).argmax()])


def squared(x: Array, y: Array) -> Array:
    """Sums of squared differences."""
    squares = np.sum(x**2, axis=1)[:, None] + np.sum(y**2, axis=1)
    return np.asarray(np.maximum(squares - 2.0 * (x @ y.T), 0.0))


def absolute(x: Array, y: Array) -> Array:
    """Sums of absolute differences."""
    return np.asarray(sum((np.abs(a[:, None] - b) for a, b in zip(x.T, y.T, strict=True)), np.zeros((len(x), len(y)))))


def hamming(x: Array, y: Array) -> Array:
    """Number of coordinates that differ."""
    return np.asarray(sum((a[:, None] != b for a, b in zip(x.T, y.T, strict=True)), np.zeros((len(x), len(y)))))


BUILT_IN = {"squared": squared, "absolute": absolute, "hamming": hamming}


def resolve(error: Any, reproductions: ArrayLike | None, dim: int) -> Error:
    """The error of a name or function, with the allowed reproductions."""
    if not callable(error) and (not isinstance(error, str) or error not in BUILT_IN):
        raise ValueError(f"error must be 'squared', 'absolute', 'hamming' or a function of two arrays, got {error!r}")
    if callable(error) and reproductions is None:
        raise ValueError("reproductions must be given where error is a function: the vectors that may be used")
    candidates = None if reproductions is None else _table("reproductions", reproductions, dim)
    if callable(error):
        return Error("custom", _checked(error), candidates)
    return Error(error, BUILT_IN[error], candidates)


def restricted(error: Error, x: Array) -> Error:
    """The error restricted to finitely many reproductions, if a finite set is as good as all vectors.

    For absolute errors the function g of the dual constraint is convex in each coordinate of y between two values of
    the vectors; for Hamming errors it is greatest at such values. So only values that occur matter.
    """
    if error.candidates is not None or error.name == "squared":
        return error
    values = [np.unique(column) for column in x.T]
    count = math.prod(map(len, values))
    if count > MOST_CANDIDATES:
        raise ValueError(
            f"reproductions must be given for error {error.name!r} where the values of all coordinates have more than "
            f"{MOST_CANDIDATES} combinations, got {count}"
        )
    grid = np.stack([part.ravel() for part in np.meshgrid(*values, indexing="ij")], axis=1)
    return Error(error.name, error.distances, grid)


def points(values: ArrayLike, weights: ArrayLike | None) -> tuple[Array, Array, bool]:
    """Check weighted points: those of positive weight as a table, their weights, and whether they were scalars."""
    table, scalar = arguments.points(values)
    weight = arguments.weights(weights, len(table))
    kept = weight > 0.0
    # sums round otherwise along other strides, and what is searched for may turn on that
    return np.ascontiguousarray(table[kept]), np.ascontiguousarray(weight[kept]), scalar


def _table(name: str, value: ArrayLike, dim: int) -> Array:
    array = validation.as_array(name, value, f"{name} must be an array of numbers, got {{what}}")
    if array.ndim == 1 and dim == 1:
        array = array[:, None]
    if array.dtype.kind not in "iuf" or array.ndim != 2 or array.shape[1] != dim or not len(array):
        raise ValueError(f"{name} must be numbers of shape (m, {dim}), got {array.dtype} of shape {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")
    return np.unique(array.astype(np.float64), axis=0)


def _checked(error: Callable[[Array, Array], Any]) -> Callable[[Array, Array], Array]:
    def distances(x: Array, y: Array) -> Array:
        result = validation.nonnegative("error", error(x, y), finite=True)
        if result.shape != (len(x), len(y)):
            raise ValueError(f"error must return shape ({len(x)}, {len(y)}), got {result.shape}")
        return result

    return distances

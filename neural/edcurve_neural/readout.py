"""The best linear last layer for given cells: weighted least squares of their means on the inputs of that layer.

It splits a decoder's loss into that of its last layer and that of the layers before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
RESOLVED = 1e-7  # of the largest singular value: smaller ones are the rounding of float32
AT_ONCE = 2**22  # most numbers in the features of a block of cells at all places


class Readout(Protocol):
    """A fit of the best reconstructions of cells by some class of decoders, block by block."""

    def add(self, block: slice, means: Array) -> None:
        """Add the means of a block of cells, shape (cells, dim)."""

    def residual(self) -> float:
        """Least Σ p ‖mean − reconstruction‖² over the cells, summed over the coordinates."""


class Table:
    """A separate reconstruction for each cell, with residual 0."""

    def add(self, block: slice, means: Array) -> None:
        """Means are not needed."""

    def residual(self) -> float:
        """Always 0."""
        return 0.0


class Linear:
    """Reconstructions that are linear functions of features of the cell.

    Parameters
    ----------
    features : ndarray, shape (cells, m)
        Inputs of the last layer, with a constant one for its biases.
    probability : ndarray, shape (cells,)
        Weights of the cells.
    resolved : float
        Singular values below this share of the largest are treated as 0.
    """

    def __init__(self, features: Array, probability: Array, *, resolved: float = RESOLVED) -> None:
        self._root = np.sqrt(probability)
        left, values, right = np.linalg.svd(self._root[:, None] * features, full_matrices=False)
        kept = values > resolved * values.max(initial=0.0)
        self._left, self._back = left[:, kept], right[kept].T / values[kept]
        self._fit: Array | float = 0.0
        self._energy = 0.0

    def add(self, block: slice, means: Array) -> None:
        """Add the means of a block of cells, shape (cells, dim)."""
        scaled = self._root[block, None] * means
        self._fit = self._fit + self._left[block].T @ scaled
        self._energy += float(np.square(scaled).sum())

    def residual(self) -> float:
        """Least Σ p ‖mean − reconstruction‖² over the cells."""
        return max(self._energy - float(np.square(self._fit).sum()), 0.0)

    def coefficients(self) -> Array:
        """The last layer that attains it, shape (m, dim)."""
        return np.asarray(self._back @ self._fit)


class Placed:
    """Reconstructions whose coordinates are one linear function of features of the cell and the coordinate's place.

    Parameters
    ----------
    features : callable
        Maps a block of cells to the inputs of the last layer, shape (cells, dim, m).
    count : int
        Number m of features.
    probability : ndarray, shape (cells,)
        Weights of the cells.
    """

    def __init__(self, features: Callable[[slice], Array], count: int, probability: Array) -> None:
        self._features, self._root, self._width = features, np.sqrt(probability), count + 1
        self._triangle = np.zeros(
            (0, self._width)
        )  # R of the QR factorisation of all rows so far, with targets in the last column

    def add(self, block: slice, means: Array) -> None:
        """Add the means of a block of cells, shape (cells, dim)."""
        size = max(1, AT_ONCE // (means.shape[1] * self._width))
        for start in range(block.start, block.stop, size):
            part = slice(start, min(start + size, block.stop))
            targets = means[start - block.start : part.stop - block.start, :, None]
            rows = self._root[part, None, None] * np.concatenate([self._features(part), targets], axis=2)
            stacked = np.concatenate([self._triangle, rows.reshape(-1, self._width)])
            self._triangle = np.asarray(np.linalg.qr(stacked, mode="r"))

    def residual(self) -> float:
        """Least Σ p ‖mean − reconstruction‖² over the cells."""
        target = self._triangle[:, -1]
        left, values, _ = np.linalg.svd(self._triangle[:, :-1], full_matrices=False)
        fit = left[:, values > RESOLVED * values.max(initial=0.0)].T @ target
        return max(float(target @ target - fit @ fit), 0.0)

"""Squared errors of unit vectors: from a quantiser's reconstructions, or from the means of its cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve.validation import as_array

Array = NDArray[np.float64]
TOLERANCE = 1e-5  # of norms; half-precision vectors have to be normalised again in double precision
LARGEST = 1e70  # largest decoded number, for which variances of squared errors are finite
TURNS = 4  # iterations of signs from the mean of their cell, and the mean from the signs


def squared_errors(vectors: Any, decoded: ArrayLike | None, symbols: NDArray[Any], opposite: bool) -> Array:
    """‖x − x̂‖² of unit vectors.

    Parameters
    ----------
    vectors : array_like, shape (n, dim)
        Rows of norm 1.
    decoded : array_like, shape (n, dim), or None
        Reconstructions x̂, of any norm. By default the means of the cells, which minimise the error.
    symbols : ndarray, shape (n,) or (n, m)
        Checked indices.
    opposite : bool
        Whether x and −x are equivalent, so that the nearer of the two counts.
    """
    x = _rows("unit_vectors", vectors)
    norms = np.sqrt(np.einsum("ij,ij->i", x, x))
    wrong = np.flatnonzero(~(np.abs(norms - 1.0) <= TOLERANCE))
    if wrong.size:
        raise ValueError(
            f"unit_vectors must have rows of norm 1, to within {TOLERANCE:g}, got norm {norms[wrong[0]]:.6g} in row "
            f"{wrong[0]}; divide each row by its norm, in double precision"
        )
    if len(x) != len(symbols):
        raise ValueError(f"unit_vectors must have one row per index, {len(symbols)}, got shape {x.shape}")
    if decoded is None:
        return _from_means(x, symbols, opposite)
    y = _rows("decoded", decoded)
    if y.shape != x.shape:
        raise ValueError(f"decoded must be of the shape of unit_vectors, {x.shape}, got shape {y.shape}")
    if not np.isfinite(y).all():
        raise ValueError(f"decoded must be finite, got {y[~np.isfinite(y)][0]}")
    if not np.abs(y).max(initial=0.0) <= LARGEST:
        raise ValueError(f"decoded must be at most {LARGEST:g} in size, got {y.flat[np.abs(y).argmax()]:g}")
    signs = np.where(np.einsum("ij,ij->i", x, y) < 0.0, -1.0, 1.0) if opposite else np.ones(len(x))
    return np.asarray(np.square(signs[:, None] * x - y).sum(axis=1))


def _rows(name: str, value: Any) -> Array:
    wanted = f"{name} must be real numbers, shape (n, dim)"
    array = as_array(name, value, f"{wanted}, got {{what}}")
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{wanted}, got an array of dtype {array.dtype}")
    if array.ndim != 2 or array.shape[1] < 2:
        raise ValueError(f"{wanted} with dim at least 2, got shape {array.shape}")
    return np.asarray(array, dtype=np.float64)


def _from_means(x: Array, symbols: NDArray[Any], opposite: bool) -> Array:
    """Errors from the means of the cells, divided by (n − 1)/n for n samples, as the mean is fitted to them."""
    rows = symbols.reshape(len(symbols), -1)
    first, cell, counts = np.unique(rows, axis=0, return_index=True, return_inverse=True, return_counts=True)[1:]
    cell = cell.reshape(-1)  # some releases of NumPy return an additional axis
    if (alone := int((counts == 1).sum())) and len(x) > 1:
        raise ValueError(
            f"decoded must be given where a cell has a single sample, as {alone} of {counts.size} have: its error "
            "about its own mean is 0"
        )
    if opposite:
        means = x[first]
        for _ in range(TURNS):
            x = np.where(np.einsum("ij,ij->i", x, means[cell]) < 0.0, -1.0, 1.0)[:, None] * x
            means = _means(x, cell, counts)
    errors = np.square(x - _means(x, cell, counts)[cell]).sum(axis=1)
    return np.asarray(errors * (counts / np.maximum(counts - 1, 1))[cell])


def _means(x: Array, cell: NDArray[np.intp], counts: NDArray[np.intp]) -> Array:
    sums = np.stack([np.bincount(cell, axis, minlength=counts.size) for axis in x.T], axis=1)
    return np.asarray(sums / counts[:, None])

"""Bounds for codes of unit vectors in many dimensions, where probabilities of cells underflow."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation
from edcurve.sources import caps

Array = NDArray[np.float64]

MOST = 4096  # dimensions
POINTS = 4096  # of the grid in the search for the tangent point


def unit_vector_bound(n: int, bits: ArrayLike, *, coded: bool = False) -> Any:
    """Lower bound on the mean squared error of codes for uniform unit vectors of Rⁿ, at a number of bits.

    At a fixed rate, with K = 2^bits codewords, D ≥ K d(1/K): the variance within a cap of probability 1/K. Cells of
    unequal sizes have no less, as d lies above its tangent at 1/K; this was checked numerically from 1 bit on. With
    entropy-coded indices of mean length `bits`, D is at least the dual bound. It agrees with the fixed-rate bound down
    to some rate, and below that is the straight line to D = 1 at 0 bits.

    Parameters
    ----------
    n : int
        Dimension, 2 to 4096.
    bits : float or array_like
        Bits per vector, at least 1; with `coded` at least 0. For b bits per coordinate pass n · b.
    coded : bool
        Whether indices are entropy coded, with `bits` their mean length.

    Returns
    -------
    float or ndarray
        E‖x − x̂‖², summed over the coordinates, of the shape of `bits`.

    Raises
    ------
    ValueError, TypeError
        For arguments that are not allowed, named in the message.

    Examples
    --------
    >>> import edcurve as ed
    >>> round(ed.unit_vector_bound(128, 128 * 4.0), 5), 4.0**-4
    (0.00388, 0.00390625)
    """
    if not 2 <= validation.positive_int("n", n) <= MOST:
        raise ValueError(f"n must be from 2 to {MOST}, got {n!r}")
    rate = validation.nonnegative("bits", bits, finite=True)
    if not coded and (rate < 1.0).any():
        raise ValueError(f"bits must be at least 1 for a fixed rate, got {rate[rate < 1.0].flat[0]}")
    nats = rate * math.log(2.0)
    D = caps.log_spread(np.maximum(nats, math.log(2.0)), n - 1)
    if coded:
        end, most = _tangent(n - 1)
        D = np.where(nats < end, 1.0 - nats * (most / end), D)
    return D if rate.ndim else float(D)


@lru_cache(maxsize=64)
def _tangent(dim: int) -> tuple[float, float]:
    """Point where the line from D = 1 at 0 nats touches the curve of caps: its nats, and its 1 − D.

    It maximises (1 − D)/nats, at caps of at most ½: a larger cap has a mean proportional to that of its complement.
    """
    from scipy.optimize import minimize_scalar

    def slope(nats: Any) -> Any:
        return (caps.log_spread(np.asarray(nats), dim) - 1.0) / nats

    grid = np.geomspace(math.log(2.0), 4.0 * dim + 4.0, POINTS)
    i = int(np.clip(np.argmin(slope(grid)), 1, POINTS - 2))
    end = float(minimize_scalar(slope, bounds=(grid[i - 1], grid[i + 1]), method="bounded", options={"xatol": 1e-12}).x)
    return end, float(-slope(end) * end)

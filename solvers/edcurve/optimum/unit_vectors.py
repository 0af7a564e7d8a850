"""Bounds for codes of unit vectors with many numbers, where probabilities of cells are too small for a float."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation
from edcurve.sources import caps

Array = NDArray[np.float64]

MOST = 4096  # numbers of a vector
POINTS = 4096  # of the grid on which the tangent point is sought


def unit_vector_bound(n: int, bits: ArrayLike, *, coded: bool = False) -> Any:
    """Least mean squared error that codes of uniform unit vectors of Rⁿ can have at a number of bits.

    At a fixed rate, with K = 2^bits codewords, D ≥ K d(1/K): the mean squared error within a cap of probability 1/K,
    from its mean. Cells of unequal sizes have no less, as d lies above its tangent at 1/K; from 1 bit on that was
    checked numerically. With entropy-coded indices of mean length `bits`, D is at least the dual bound: the same down
    to some rate, and below it the straight line from there to D = 1 at 0 bits.

    Parameters
    ----------
    n : int
        Numbers in a vector, 2 to 4096.
    bits : float or array_like
        Bits a vector, from 1 on; with `coded` from 0 on. For b bits a number give n · b.
    coded : bool
        Whether indices are entropy coded, and `bits` is their mean length.

    Returns
    -------
    float or ndarray
        E‖x − x̂‖², summed over the numbers, of the shape of `bits`.

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
    """Where the line from D = 1 at 0 nats touches the curve of caps, in nats, and how much less D is there.

    It is the greatest (1 − D)/nats, which is at caps of at most ½: larger ones have the mean of their complement.
    """
    from scipy.optimize import minimize_scalar

    def slope(nats: Any) -> Any:
        return (caps.log_spread(np.asarray(nats), dim) - 1.0) / nats

    grid = np.geomspace(math.log(2.0), 4.0 * dim + 4.0, POINTS)
    i = int(np.clip(np.argmin(slope(grid)), 1, POINTS - 2))
    end = float(minimize_scalar(slope, bounds=(grid[i - 1], grid[i + 1]), method="bounded", options={"xatol": 1e-12}).x)
    return end, float(-slope(end) * end)

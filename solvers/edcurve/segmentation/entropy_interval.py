"""Bounds on the least entropy of partitions of points into runs, at any distortion: from the least H + λD."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from . import segment_unwarned

Array = NDArray[np.float64]

FIRST = 0.1  # λ D_max in nats of the first λ, at which one cell is best
RATIO = 1.3  # of successive λ; leaves about 0.01 nats between the hull and the bound
AT_ONCE = 8  # number of λ that share a table of squared errors
MOST = 10  # number of batches, which take λ D_max up to 10⁸ nats


def entropy_interval(points: Array, distortion: Array, *, closed: bool, base: float) -> tuple[Array, Array]:
    """Bound the least entropy of partitions of equally likely points into runs of consecutive points.

    Let L(λ) be the least H + λD, from dynamic programming. Then H ≥ L(λ) − λD at every λ. The maximum over λ is the
    lower convex hull of all attainable (D, H), up to the spacing of λ. The minimising partitions give the upper bound.

    Parameters
    ----------
    points : ndarray, shape (N, dim)
        Points in order, not all the same.
    distortion : ndarray, shape (n,)
        Distortions D ≥ 0.
    closed : bool
        Whether the first point follows the last.
    base : float
        Base of the logarithm.

    Returns
    -------
    low, high : ndarray, shape (n,)
        Every partition with at most this distortion has an entropy of at least low, and one has high.
    """
    x = points - points.mean(axis=0)
    unit = math.sqrt(float(np.mean(np.sum(x**2, axis=1))))  # a distance near the size of the curve
    x, D = x / unit, distortion / unit**2
    low, high = np.zeros(D.shape), np.full(D.shape, math.log(len(x)) / math.log(base))
    for batch in range(MOST):
        lmbda: Array = FIRST / math.log(base) * RATIO ** (AT_ONCE * batch + np.arange(AT_ONCE, dtype=np.float64))
        best, _ = segment_unwarned(x, ("lmbda", lmbda), weights=None, closed=closed, base=base)
        least = best.value - best.gap
        low = np.maximum(low, np.max(least - np.multiply.outer(D, lmbda), axis=-1))
        attained = np.where(best.distortion <= D[:, None], best.entropy, np.inf)
        high = np.minimum(high, np.min(attained, axis=-1))
        if best.distortion[-1] <= D.min():  # the tangents of larger λ touch further to the left
            break
    return low, high

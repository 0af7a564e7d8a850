"""Whether scalar points look unsorted: cells are runs of consecutive points, so their order means something.

For points in random order the mean squared difference of points k apart is twice the variance, whatever their
distribution and k [von Neumann 1941]. For a curve, a random walk or a slow signal with weaker noise it is far less at
k = 1. For a fast oscillation it differs at k = 1 or k = 2. Such an order is doubted only if sorting pays.

J. von Neumann, "Distribution of the ratio of the mean square successive difference to the variance", Ann. Math.
Statist. 12 (1941), 367–395.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FEWEST = 64  # points, whose ratios are within 0.5 of 2 in 95 % of random orders
LARGEST_DEVIATION = 0.5
PAYS = 0.9  # share of the value that sorted points must stay below
MOST_CELLS = 4096  # equally wide ones, by which the value of sorted points is bounded


def doubt(points: Array, weights: Array, lmbda: Array, value: Array, unit: float) -> str | None:
    """Doubt the order of scalar points of an open curve, if it looks random and sorting pays; None if not.

    `value` has the optimum for each λ of `lmbda`, in units of `unit` nats.
    """
    if points.size < FEWEST or lmbda.size == 0:
        return None
    # so that squares neither overflow nor vanish; entropy + λD stays the same with λ in the same units
    exponent = int(np.frexp(np.abs(points).max())[1])
    x, w = np.ldexp(points, -exponent), weights / weights.max()
    w = w / w.sum()
    if not looks_random(x, w):
        return None
    with np.errstate(over="ignore"):
        bound = sorted_bound(x, w, np.ldexp(lmbda * unit, 2 * exponent)) / unit
    share = np.divide(bound, value, out=np.ones_like(bound), where=value > 0.0)
    best = int(np.argmin(share))
    if not share[best] < PAYS:
        return None
    return (
        f"points are in an order that looks random, and segment cuts points in the order given: value "
        f"{value[best]:.4g} at lmbda = {lmbda[best]:g}, where sorted points need at most {bound[best]:.4g}. "
        f"Unless their order has a meaning, sort the points, and their weights with them"
    )


def looks_random(x: Array, w: Array) -> bool:
    """Whether neighbours, and points two apart, differ by as much as points drawn at random."""
    variance = float((w * (x - (w * x).sum()) ** 2).sum())
    if not variance > 0.0:
        return False
    for k in (1, 2):
        difference = float((0.5 * (w[k:] + w[:-k]) * (x[k:] - x[:-k]) ** 2).sum())
        if not abs(difference / variance - 2.0) <= LARGEST_DEVIATION:
            return False
    return True


def sorted_bound(x: Array, w: Array, lmbda: Array) -> Array:
    """Bound the optimum of the points, sorted, from above: the best of 1, 2, 4, … equally wide cells, in nats."""
    low, width = float(x.min()), float(np.ptp(x))
    least, count = np.full(lmbda.size, np.inf), 1
    while count <= min(x.size, MOST_CELLS):
        cell = np.minimum(((x - low) / width * count).astype(np.int64), count - 1)
        mass = np.bincount(cell, weights=w, minlength=count)
        kept = mass[mass > 0.0]
        mean = np.bincount(cell, weights=w * x, minlength=count) / np.where(mass > 0.0, mass, 1.0)
        distortion = float((w * (x - mean[cell]) ** 2).sum())
        least = np.minimum(least, -(kept * np.log(kept)).sum() + lmbda * distortion)
        count *= 2
    return least

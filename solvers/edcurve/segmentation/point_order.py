"""Tests whether scalar points look unsorted: cells are runs of consecutive points, so the order of points matters.

For points in random order the mean squared difference of points k apart is twice the variance, whatever their
distribution and k [von Neumann 1941]. For a curve, a random walk or a slow signal with weaker noise it is far less at
k = 1. For a fast oscillation it differs at k = 1 or k = 2. A warning is given only if sorting lowers the value.

J. von Neumann, "Distribution of the ratio of the mean square successive difference to the variance", Ann. Math.
Statist. 12 (1941), 367–395.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FEWEST = 64  # points: their ratios are within 0.5 of 2 in 95 % of random orders
LARGEST_DEVIATION = 0.5
PAYS = 0.9  # largest ratio of the sorted points' value to the value for which a warning is given
MOST_CELLS = 4096  # most equally wide cells, which bound the value of sorted points


def doubt(points: Array, weights: Array, lmbda: Array, value: Array, unit: float) -> str | None:
    """Warn of the order of scalar points of an open curve if it looks random and sorting helps; otherwise None.

    `value` has the optimum for each λ of `lmbda`, in units of `unit` nats.
    """
    if points.size < FEWEST or lmbda.size == 0:
        return None
    x, w, exponent = _scaled(points, weights)
    if not looks_random(x, w):
        return None
    with np.errstate(over="ignore"):
        bound = sorted_bound(x, w, np.ldexp(lmbda * unit, 2 * exponent)) / unit
    share = np.divide(bound, value, out=np.ones_like(bound), where=value > 0.0)
    best = int(np.argmin(share))
    if not share[best] < PAYS:
        return None
    return _sentence(f"value {value[best]:.4g} at lmbda = {lmbda[best]:g}", bound[best])


def doubt_cells(points: Array, weights: Array, cells: Array, distortion: Array) -> str | None:
    """The warning of `doubt` for partitions into prescribed numbers of cells, from their distortions."""
    if points.size < FEWEST or cells.size == 0:
        return None
    x, w, exponent = _scaled(points, weights)
    if not looks_random(x, w):
        return None
    bound = np.ldexp([equally_wide(x, w, min(int(count), MOST_CELLS))[1] for count in cells.tolist()], 2 * exponent)
    share = np.divide(bound, distortion, out=np.ones_like(bound), where=distortion > 0.0)
    best = int(np.argmin(share))
    if not share[best] < PAYS:
        return None
    return _sentence(f"distortion {distortion[best]:.4g} with cells = {cells[best]:g}", bound[best])


def _scaled(points: Array, weights: Array) -> tuple[Array, Array, int]:
    """Points so that squares neither overflow nor vanish, weights that sum to 1, and the exponent that was taken out.

    Entropy + λD stays the same with λ in the same units.
    """
    exponent = int(np.frexp(np.abs(points).max())[1])
    w = weights / weights.max()
    return np.ldexp(points, -exponent), w / w.sum(), exponent


def _sentence(what: str, bound: float) -> str:
    return (
        f"points are in an order that looks random, and segment cuts points in the order given: {what}, where sorted "
        f"points need at most {bound:.4g}. Unless their order has a meaning, sort the points, and their weights with "
        "them"
    )


def looks_random(x: Array, w: Array) -> bool:
    """Whether adjacent points, and points two apart, differ by as much as points in random order."""
    variance = float((w * (x - (w * x).sum()) ** 2).sum())
    if not variance > 0.0:
        return False
    for k in (1, 2):
        difference = float((0.5 * (w[k:] + w[:-k]) * (x[k:] - x[:-k]) ** 2).sum())
        if not abs(difference / variance - 2.0) <= LARGEST_DEVIATION:
            return False
    return True


def sorted_bound(x: Array, w: Array, lmbda: Array) -> Array:
    """Upper bound in nats on the optimum of the sorted points: the best of 1, 2, 4, … equally wide cells."""
    least, count = np.full(lmbda.size, np.inf), 1
    while count <= min(x.size, MOST_CELLS):
        entropy, distortion = equally_wide(x, w, count)
        least = np.minimum(least, entropy + lmbda * distortion)
        count *= 2
    return least


def equally_wide(x: Array, w: Array, count: int) -> tuple[float, float]:
    """Entropy in nats and distortion of the points in ``count`` equally wide cells."""
    low, width = float(x.min()), float(np.ptp(x))
    cell = np.minimum(((x - low) / width * count).astype(np.int64), count - 1)
    mass = np.bincount(cell, weights=w, minlength=count)
    kept = mass[mass > 0.0]
    mean = np.bincount(cell, weights=w * x, minlength=count) / np.where(mass > 0.0, mass, 1.0)
    return -float((kept * np.log(kept)).sum()), float((w * (x - mean[cell]) ** 2).sum())

"""A curve prepared for the kernels, and measures of its partitions: entropy, distortion and cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

LEFT = 1e-11  # largest share of a step from point to point that may lie in directions left out
DIRECTIONS, MOST_SPANNED = 32, 256  # directions found at a time, and in all


class PreparedCurve(NamedTuple):
    """Points of positive mass, neighbours distinct, coordinates in [−1, 1].

    Points that coincide with their neighbours are one point here: the Lagrangian is concave in how much of their
    mass goes to either side of a boundary between them, so that no boundary there is better than both at the ends.
    """

    x: Array
    weight: Array
    first: Ints  # index of each among the points given
    exponent: int  # coordinates are to be multiplied by 2 to this power


class PartitionWithBound(NamedTuple):
    """A partition, and the least value in nats that another may have; None where this one is optimal."""

    boundaries: Ints
    lower: float | None


class MeasuredPartition(NamedTuple):
    """Entropy of a partition in nats, its distortion in the units given, and its cells."""

    entropy: float
    distortion: float
    centroids: Array
    probabilities: Array


def prepared(points: Array, weights: Array) -> PreparedCurve:
    """Prepare a table of points with their weights, not all zero."""
    weight = weights / weights.max()
    weight /= weight.sum()
    kept = np.flatnonzero(weight > 0.0)
    x = points[kept]
    new = np.append(True, (x[1:] != x[:-1]).any(axis=1))
    starts = np.flatnonzero(new)
    exponent = int(np.frexp(np.abs(x).max(initial=0.0))[1])
    x = np.ldexp(x[starts], -exponent)
    return PreparedCurve(np.ascontiguousarray(x), np.add.reduceat(weight[kept], starts), kept[starts], exponent)


def rotated(x: Array) -> Array:
    """Rotate the points so that they need fewer coordinates; distances stay the same up to rounding.

    Points get coordinates along the directions that they span, if those are few, and else at most as many as points.
    """
    few = _spanned(x)
    if few is not None or x.shape[1] <= x.shape[0]:
        return x if few is None else few
    upper = np.asarray(np.linalg.qr((x - x[0]).T, mode="r"))
    return np.ascontiguousarray(upper.T)


def _spanned(x: Array) -> Array | None:
    """Find coordinates along the directions that the points span; None if these are not few.

    Random combinations of what is left of the points give directions, until every step from point to point has lost
    at most `LEFT` of itself. The squared error of a cell of m points of weight w is at least w/4 times the sum of its
    squared steps, and at most w m²/4 times that: it loses at most LEFT² m² of itself, 4e-16 at m = 2000.
    """
    most = min(min(x.shape) // 2, MOST_SPANNED)
    if most < DIRECTIONS:
        return None
    origin = x - x[0]
    rest, basis, rng = origin.copy(), np.empty((x.shape[1], 0)), np.random.default_rng(0)
    limit = LEFT * _steps(x)
    while basis.shape[1] + DIRECTIONS <= most:
        block = rest.T @ rng.normal(size=(x.shape[0], DIRECTIONS))
        for _ in range(2):  # once leaves what rounding has made of directions of no length
            block, _ = np.linalg.qr(block - basis @ (basis.T @ block))
        rest -= (rest @ block) @ block.T
        basis = np.concatenate([basis, block], axis=1)
        if (_steps(rest) <= limit).all():
            return np.ascontiguousarray(origin @ basis)
    return None


def _steps(x: Array) -> Array:
    return np.asarray(np.sqrt((np.diff(x, axis=0) ** 2).sum(axis=1)))


def measure(curve: PreparedCurve, boundaries: Ints) -> MeasuredPartition:
    """Measure a partition; points before the first boundary belong to the last cell."""
    turn = int(boundaries[0])
    x, w = np.roll(curve.x, -turn, axis=0), np.roll(curve.weight, -turn)
    starts = boundaries - turn
    counts = np.diff(np.append(starts, w.size))
    mass = np.add.reduceat(w, starts)
    origin = x[starts]
    x = x - np.repeat(origin, counts, axis=0)
    mean = np.add.reduceat(w[:, None] * x, starts, axis=0) / mass[:, None]
    x -= np.repeat(mean, counts, axis=0)
    distortion = float((w * (x * x).sum(axis=1)).sum())
    p = mass / mass.sum()
    return MeasuredPartition(
        float(-(p * np.log(p)).sum()) + 0.0,
        float(np.ldexp(distortion, 2 * curve.exponent)),
        np.ldexp(origin + mean, curve.exponent),
        p,
    )

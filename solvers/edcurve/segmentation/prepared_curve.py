"""A curve prepared for the kernels, and measures of its partitions: entropy, distortion and cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

LEFT = 1e-11  # largest share of a step between points that may lie in the directions left out
DIRECTIONS, MOST_SPANNED = 32, 256  # directions added at a time, and in total


class PreparedCurve(NamedTuple):
    """Points of positive mass, neighbours distinct, coordinates in [−1, 1].

    Neighbours that coincide are one point here. The Lagrangian is concave in the share of their mass on either side of
    a boundary between them, so that no boundary there is better than both at their ends.
    """

    x: Array
    weight: Array
    first: Ints  # index of each among the original points
    exponent: int  # original coordinates are these times 2 to this power


class PartitionWithBound(NamedTuple):
    """A partition, and a lower bound in nats on the value of any other; None where this one is optimal."""

    boundaries: Ints
    lower: float | None


class MeasuredPartition(NamedTuple):
    """Entropy of a partition in nats, its distortion in the original units, and its cells."""

    entropy: float
    distortion: float
    centroids: Array
    probabilities: Array


def prepared(points: Array, weights: Array) -> PreparedCurve:
    """Prepare a table of points with weights that are not all zero."""
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

    Points get coordinates along the directions that they span, if few, and otherwise at most one per point.
    """
    few = _spanned(x)
    if few is not None or x.shape[1] <= x.shape[0]:
        return x if few is None else few
    upper = np.asarray(np.linalg.qr((x - x[0]).T, mode="r"))
    return np.ascontiguousarray(upper.T)


def _spanned(x: Array) -> Array | None:
    """Find coordinates along the directions that the points span; None if there are many such directions.

    Random combinations of the residual points give directions, until the residual of every step between points is at
    most `LEFT` of the step. The squared error of a cell of m points of weight w is at least w/4 times the sum of its
    squared steps, and at most w m²/4 times that: its relative error is at most LEFT² m², 4e-16 at m = 2000.
    """
    most = min(min(x.shape) // 2, MOST_SPANNED)
    if most < DIRECTIONS:
        return None
    origin = x - x[0]
    residual, basis, rng = origin.copy(), np.empty((x.shape[1], 0)), np.random.default_rng(0)
    limit = LEFT * _steps(x)
    while basis.shape[1] + DIRECTIONS <= most:
        block = residual.T @ rng.normal(size=(x.shape[0], DIRECTIONS))
        for _ in range(2):  # the second pass removes rounding errors of directions of almost no length
            block, _ = np.linalg.qr(block - basis @ (basis.T @ block))
        residual -= (residual @ block) @ block.T
        basis = np.concatenate([basis, block], axis=1)
        if (_steps(residual) <= limit).all():
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

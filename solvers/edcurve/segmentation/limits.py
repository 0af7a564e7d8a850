"""The best partition under a limit on the entropy or on the distortion: on the hull, and between its vertices.

Partitions of least H + λD are the vertices of the lower convex hull of all (D, H). The two vertices on either side of
the limit are found by chords between the nearest ones so far: the slope λ of a chord gives a vertex below it, or shows
that there is none. The hull is a lower bound for every partition within the limit. A partition above the hull may be
better than the vertex within the limit: `moves` searches for one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .moves import Moves
from .prepared_curve import PartitionWithBound, PreparedCurve, measure

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDING = 1e-12  # tolerance of a limit, relative to it or in nats
MOST_CELLS = 256  # with more, the vertices are close together, and moving boundaries is slow


class Limited(NamedTuple):
    """A partition within a limit, λ of the hull at the limit, and the gap to the hull; in nats, points in [−1, 1]."""

    boundaries: Ints
    lmbda: float
    gap: float  # λ times the distortion above the hull, or the entropy above it


class _Vertex(NamedTuple):
    boundaries: Ints
    entropy: float
    distortion: float


def best(
    curve: PreparedCurve, x: Array, solve: Callable[[float], PartitionWithBound], most: float, *, of_entropy: bool
) -> Limited:
    """Find the partition of least distortion with an entropy of at most `most` nats, or with both interchanged.

    `solve` minimises H + λD; distortions, including the limit, are those of points in [−1, 1].
    """
    few, many = _vertex(curve, np.zeros(1, np.int64)), _vertex(curve, np.arange(curve.weight.size))
    if not few.distortion > many.distortion:  # a single point, or all others of negligible weight
        return Limited(few.boundaries, 0.0, 0.0)

    def within(vertex: _Vertex) -> bool:
        if of_entropy:
            return vertex.entropy <= most + ROUNDING * (1.0 + most)
        return vertex.distortion <= most * (1.0 + ROUNDING)

    while True:
        lmbda = (many.entropy - few.entropy) / (few.distortion - many.distortion)
        part, lower = solve(lmbda)
        vertex, chord = _vertex(curve, part), few.entropy + lmbda * few.distortion
        value = vertex.entropy + lmbda * vertex.distortion
        between = few.entropy < vertex.entropy < many.entropy and many.distortion < vertex.distortion < few.distortion
        if value >= chord - ROUNDING * (1.0 + chord) or not between:
            break
        few, many = (vertex, many) if within(vertex) == of_entropy else (few, vertex)
    bound = min(chord, value if lower is None else lower)
    # for a limit beyond the range both are within it, and the one with the least objective is better
    better, worse = (many, few) if of_entropy else (few, many)
    inside = better if within(better) else worse
    if max(few.boundaries.size, many.boundaries.size) <= MOST_CELLS and within(few) != within(many):
        scaled = most if of_entropy else lmbda * most
        moved = Moves(x, curve.weight, lmbda, scaled, of_entropy).best(few.boundaries, many.boundaries)
        if moved is not None and within(vertex := _vertex(curve, moved)):
            improves = vertex.distortion < inside.distortion if of_entropy else vertex.entropy < inside.entropy
            inside = vertex if improves else inside
    if of_entropy:
        gap = min(most + lmbda * inside.distortion - bound, lmbda * inside.distortion)
    else:
        gap = min(inside.entropy + lmbda * most - bound, inside.entropy)
    return Limited(inside.boundaries, lmbda, gap if gap > 16.0 * ROUNDING * (1.0 + bound) else 0.0)


def _vertex(curve: PreparedCurve, boundaries: Ints) -> _Vertex:
    cells = measure(curve, boundaries)
    return _Vertex(boundaries, cells.entropy, float(np.ldexp(cells.distortion, -2 * curve.exponent)))

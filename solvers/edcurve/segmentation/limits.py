"""The best partition under a limit on the entropy or on the distortion: on the hull, and between its corners.

Partitions of least H + λD are the corners of the lower convex hull of all (D, H). The two corners on either side of the
limit are found by the slope of the chord between the best known on either side: the λ of the chord gives a corner below
it, or shows that there is none. The hull bounds what any partition within the limit has. A partition may be better than
the corner within it, though above the hull. It is looked for by `moves`.
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

ROUNDING = 1e-12  # by which a limit may be exceeded, relative to it or in nats
MOST_CELLS = 256  # with more the corners are close together, and moving boundaries takes long


class Limited(NamedTuple):
    """A partition within a limit; in nats and for points in [−1, 1], λ of the hull there, and what the hull leaves."""

    boundaries: Ints
    lmbda: float
    gap: float  # λ times the distortion above that of the hull, or the entropy above it


class _Corner(NamedTuple):
    boundaries: Ints
    entropy: float
    distortion: float


def best(
    curve: PreparedCurve, x: Array, solve: Callable[[float], PartitionWithBound], most: float, *, of_entropy: bool
) -> Limited:
    """Find the partition of least distortion with at most that entropy in nats, or the other way round.

    `solve` minimises H + λD; distortions, the limit too, are those of points in [−1, 1].
    """
    few, many = _corner(curve, np.zeros(1, np.int64)), _corner(curve, np.arange(curve.weight.size))
    if not few.distortion > many.distortion:  # a single point, or others of next to no weight
        return Limited(few.boundaries, 0.0, 0.0)

    def within(corner: _Corner) -> bool:
        if of_entropy:
            return corner.entropy <= most + ROUNDING * (1.0 + most)
        return corner.distortion <= most * (1.0 + ROUNDING)

    while True:
        lmbda = (many.entropy - few.entropy) / (few.distortion - many.distortion)
        part, lower = solve(lmbda)
        corner, chord = _corner(curve, part), few.entropy + lmbda * few.distortion
        value = corner.entropy + lmbda * corner.distortion
        between = few.entropy < corner.entropy < many.entropy and many.distortion < corner.distortion < few.distortion
        if value >= chord - ROUNDING * (1.0 + chord) or not between:
            break
        few, many = (corner, many) if within(corner) == of_entropy else (few, corner)
    bound = min(chord, value if lower is None else lower)
    # beyond either end of the range both are within, and the one that is the least is the better
    better, other = (many, few) if of_entropy else (few, many)
    inside = better if within(better) else other
    if max(few.boundaries.size, many.boundaries.size) <= MOST_CELLS and within(few) != within(many):
        scaled = most if of_entropy else lmbda * most
        moved = Moves(x, curve.weight, lmbda, scaled, of_entropy).best(few.boundaries, many.boundaries)
        if moved is not None and within(corner := _corner(curve, moved)):
            lower_one = corner.distortion < inside.distortion if of_entropy else corner.entropy < inside.entropy
            inside = corner if lower_one else inside
    if of_entropy:
        gap = min(most + lmbda * inside.distortion - bound, lmbda * inside.distortion)
    else:
        gap = min(inside.entropy + lmbda * most - bound, inside.entropy)
    return Limited(inside.boundaries, lmbda, gap if gap > 16.0 * ROUNDING * (1.0 + bound) else 0.0)


def _corner(curve: PreparedCurve, boundaries: Ints) -> _Corner:
    cells = measure(curve, boundaries)
    return _Corner(boundaries, cells.entropy, float(np.ldexp(cells.distortion, -2 * curve.exponent)))

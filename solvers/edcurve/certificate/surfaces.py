"""Enclosures of E(D) of spheres and rotations: a lower bound over cells of any shape, a code above.

The least distortion of a cell of probability p is that of a ball, d(p): a cap of a sphere. Its dual bound is an infimum
over caps, which a search over their angle in ball arithmetic bounds from below: −ln p falls and d(p)/p rises with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from flint import arb, ctx, fmpq
from numpy.typing import NDArray

from edcurve import codes
from edcurve.codes import spherical
from edcurve.codes.code import SphereCells
from edcurve.sources import Rotations, Sphere, Surface, Torus

from .balls import above, ball, below
from .enclosure import PRECISION, Enclosure, exact
from .models import BallRamp

Array = NDArray[np.float64]

CLOSE = 1e-7  # nats by which the bound that is proved may be below the infimum
BOXES = 200_000
SAME = 1e-7  # distance of corners that are one
TRIED = 40  # codes whose distortion is proved


class Code(NamedTuple):
    """Entropy in nats and distortion of a code of the unscaled source, enclosed, and what it is."""

    entropy: arb
    distortion: arb
    what: str


def maximum(source: Surface) -> Fraction | float:
    """D_max exactly, or of rotations, where it is irrational, a double that is proved to be no less."""
    scale = source.law.scale
    if isinstance(source, Torus):
        return scale * sum((Fraction(radius) ** 2 for radius in source.radii), Fraction(0))
    if isinstance(source, Rotations):
        with ctx.workprec(PRECISION):
            return above(ball(scale) * (1 - (4 / (3 * arb.pi())) ** 2))
    return scale


def enclosed(source: Surface, distortion: float) -> Enclosure:
    """E(D) of a surface between two bounds that are proved, 0 < D < D_max."""
    D = Fraction(distortion) / source.law.scale
    if isinstance(source, Sphere) and source.dim == 2:
        return _of_sphere(source, D)
    if isinstance(source, Torus):
        raise ValueError(
            f"source must be a sphere or rotations among surfaces to be certified, got {source.name!r}: nothing is "
            "proved about tori"
        )
    with ctx.workprec(PRECISION):
        lmbda = _multiplier(source, float(D))
        low = (_least(_Caps(source), lmbda) - arb(lmbda) * ball(D)).max(arb(0))
        high, what = _orthants(source, D)
    method = f"dual bound below, its infimum over caps proved to {CLOSE:g} nats; {what} above"
    return Enclosure(low, high, method, PRECISION, lmbda=lmbda / float(source.law.scale))


def _of_sphere(source: Surface, D: Fraction) -> Enclosure:
    """The least entropy over sizes of caps, by the ramp's theorem, and a code with cells between great circles."""
    ramp = exact(BallRamp(), D / 12, "(★) holds by an inequality between means")
    if Fraction(3, 4) <= D:
        method = f"two caps tile the sphere and attain the least entropy over cell sizes: {ramp.method}"
        return Enclosure(ramp.low, ramp.high, method, ramp.precision, ramp.count, ramp.odd)
    with ctx.workprec(PRECISION):
        best: Code | None = None
        for code in _codes_of_sphere(source, float(D)):
            if code.distortion <= ball(D):
                best = code
                break
    what = "no code is known" if best is None else f"{best.what}, its distortion proved to be at most D,"
    method = f"least entropy over cell sizes below, by the ramp's theorem; {what} above"
    return Enclosure(ramp.low, arb.pos_inf() if best is None else best.entropy, method, PRECISION)


def _codes_of_sphere(source: Surface, D: float) -> Iterator[Code]:
    """Codes by increasing entropy from the first one that may be good enough."""
    two = Code(arb(2).log(), arb(fmpq(3, 4)), "two caps")
    for count, cells in codes.candidates(source, D, TRIED):
        code = two if count == 2 else polygons(cells)
        if code is not None:
            yield code


def polygons(cells: SphereCells) -> Code | None:
    """A code whose cells are polygons of great circles with the corners of given cells; None where that is not proved.

    Each side must belong to two cells, in opposite directions, so that together they are a closed surface. All polygons
    are convex and run counterclockwise. So every point in none of their sides is in the same number of them, which is
    the sum of their areas over 4π: if that is 1, they tile the sphere.
    """
    corners, loops = _corners(cells)
    sides = [(loop[i - 1], loop[i]) for loop in loops for i in range(len(loop))]
    if not sides or len(set(sides)) != len(sides) or {(b, a) for a, b in sides} != set(sides):
        return None
    points = [_unit([arb(one) for one in corner]) for corner in corners.tolist()]
    entropy, length, whole = arb(0), arb(0), arb(0)
    for loop in loops:
        found = _measured([points[i] for i in loop])
        if found is None:
            return None
        area, moment = found
        whole += area
        p = area / (4 * arb.pi())
        entropy -= p * p.log()
        length += _dot(moment, moment) / (4 * arb.pi() * area)
    if not abs(whole - 4 * arb.pi()) < 1:
        return None
    return Code(entropy, 1 - length, f"a code of {len(loops)} spherical polygons")


def _corners(cells: SphereCells) -> tuple[Array, list[list[int]]]:
    """Corners of the cells, shape (n, 3), and for each cell the indices of its own, counterclockwise."""
    ends = spherical.corners(cells.centres, cells.offsets)
    if any(len(one) < 3 for one in ends):
        return np.zeros((0, 3)), []
    corners: list[Array] = []
    loops: list[list[int]] = []
    for own in ends:
        loop = []
        for point in own:
            apart = [float(np.abs(point - other).max()) for other in corners]
            if not apart or min(apart) > SAME:
                corners.append(point)
                loop.append(len(corners) - 1)
            else:
                loop.append(int(np.argmin(apart)))
        loops.append([one for i, one in enumerate(loop) if one != loop[i - 1]])
    return np.array(corners), loops


Vector = list[arb]


def _measured(loop: list[Vector]) -> tuple[arb, Vector] | None:
    """Area and ∫ x = ½ Σ (length of a side) · (its normal) of a convex polygon; None unless it is proved to be one."""
    count = len(loop)
    area, moment = arb(0), [arb(0)] * 3
    for i, here in enumerate(loop):
        there = loop[(i + 1) % count]
        normal = _cross(here, there)
        # on the left of each side lie all other corners
        if count < 3 or not all(_dot(normal, loop[(i + k) % count]) > 0 for k in range(2, count)):
            return None
        length = _dot(normal, normal).sqrt()
        angle = arb.atan2(length, _dot(here, there))
        moment = [m + angle / (2 * length) * n for m, n in zip(moment, normal, strict=True)]
        if 0 < i < count - 1:
            side = 1 + _dot(loop[0], here) + _dot(here, there) + _dot(there, loop[0])
            area += 2 * arb.atan2(_dot(loop[0], normal), side)
    return area, moment


def _dot(u: Vector, v: Vector) -> arb:
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]


def _cross(u: Vector, v: Vector) -> Vector:
    return [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]


def _unit(u: Vector) -> Vector:
    length = _dot(u, u).sqrt()
    return [one / length for one in u]


class _Caps:
    """Caps of a sphere of `dim` dimensions up to an angle, by s = sin²θ up to a right angle and 2 − s beyond.

    Of rotations they are pairs of caps up to a right angle.
    """

    def __init__(self, source: Surface) -> None:
        self.pairs = isinstance(source, Rotations)
        dim = source.coordinates - 1
        self.half = arb(dim) / 2
        self.beta = (self.half.gamma() * arb(0.5).gamma()) / (self.half + arb(0.5)).gamma()
        self.last = 1.0 if self.pairs else 2.0

    def measure(self, x: float) -> arb:
        """Probability, which rises with x."""
        s = arb(x) if x <= 1.0 else 2 - arb(x)
        half = s.beta_lower(self.half, arb(0.5), regularized=True) / 2
        p = half if x <= 1.0 else 1 - half
        return 2 * p if self.pairs else p

    def spread(self, x: float) -> arb:
        """d(p)/p = 1 − m², which rises with x."""
        s = arb(x) if x <= 1.0 else 2 - arb(x)
        p = self.measure(x) / 2 if self.pairs else self.measure(x)
        return 1 - (s**self.half / (2 * self.half * self.beta * p)) ** 2


def _least(caps: _Caps, lmbda: float) -> arb:
    """A number that −ln p + λ d(p)/p exceeds for every cap, at most CLOSE below the infimum."""
    weight = arb(lmbda)
    # −ln p alone is as large as the value of the whole below this
    worst = above(weight * caps.spread(caps.last))
    first = caps.last
    while below(-caps.measure(first).log()) < worst:
        first *= 0.5
    value = {x: (-caps.measure(x).log(), weight * caps.spread(x)) for x in (first, caps.last)}
    least = min(above(a + b) for a, b in value.values())
    boxes, bound = [(first, caps.last)], math.inf
    for _ in range(BOXES):
        if not boxes:
            return arb(min(bound, least))
        low, high = boxes.pop()
        here = below(value[high][0] + value[low][1])
        if here >= least - CLOSE:
            bound = min(bound, here)
            continue
        middle = math.sqrt(low * high) if high < 1.0 else 0.5 * (low + high)
        value[middle] = -caps.measure(middle).log(), weight * caps.spread(middle)
        least = min(least, above(value[middle][0] + value[middle][1]))
        boxes += [(low, middle), (middle, high)]
    raise ArithmeticError(f"the dual bound at λ = {lmbda!r} was not proved within {BOXES} boxes")


def _multiplier(source: Surface, D: float) -> float:
    """About the λ at which the dual bound at D is the largest, found in double precision."""
    from scipy import optimize

    p = np.geomspace(1e-12, 1.0, 20_001)
    plain = source.scaled(1.0 / math.sqrt(float(source.law.scale))) if source.law.scale != 1 else source
    mean, nats = plain.cell_distortion(p) / p, -np.log(p)
    found = optimize.minimize_scalar(
        lambda t: -float((nats + math.exp(t) * (mean - D)).min()), bounds=(-3.0, 25.0), method="bounded"
    )
    return float(math.exp(found.x))


def _orthants(source: Surface, D: Fraction) -> tuple[arb, str]:
    """The fewest signs of coordinates that tell enough: 2^k cells alike, D = 1 − k E|x₁|²."""
    if isinstance(source, Rotations):
        return arb.pos_inf(), "no code is enclosed"
    half = arb(source.coordinates) / 2
    mean = half.gamma() / (half + arb(0.5)).gamma() / arb.pi().sqrt()
    for k in range(1, source.coordinates + 1):
        if 1 - k * mean * mean <= ball(D):
            return k * arb(2).log(), f"a code of 2^{k} cells, by the signs of {k} coordinates,"
    return arb.pos_inf(), "no code is enclosed"

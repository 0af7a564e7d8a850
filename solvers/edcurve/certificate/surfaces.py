"""Enclosures of E(D) of spheres, rotations and tori: a lower bound over cells of any shape, a code as upper bound."""

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
from edcurve.kernels import functions
from edcurve.optimum import envelopes
from edcurve.optimum.evaluation import evaluate
from edcurve.sources import Rotations, Sphere, Surface, Torus

from . import means_of_cells, orders, tiles
from .balls import above, ball
from .enclosure import PRECISION, Enclosure, exact
from .models import BallRamp

Array = NDArray[np.float64]

CLOSE = 1e-7  # nats (for a large bound, a share of it) by which the proved value may be below the dual bound
STEP = 1e-5  # relative step in D of the difference quotient for the slope of the dual bound
TINIEST = 1e-280  # share of D_max below which the bound is that of this share
TINIEST_OF_TORI = 1e-40  # the same for tori, which need many boxes at smaller D
SAME = 1e-7  # distance below which corners are merged
TRIED = 40  # most codes whose distortion is computed rigorously


class Code(NamedTuple):
    """Enclosed entropy in nats and distortion of a code of the unscaled source, and its description."""

    entropy: arb
    distortion: arb
    what: str


def maximum(source: Surface) -> Fraction | float:
    """D_max exactly, or for rotations, where it is irrational, a double that is proved to be at least D_max."""
    scale = source.law.scale
    if isinstance(source, Torus):
        return scale * sum((Fraction(radius) ** 2 for radius in source.radii), Fraction(0))
    if isinstance(source, Rotations):
        with ctx.workprec(PRECISION):
            return above(ball(scale) * (1 - (4 / (3 * arb.pi())) ** 2))
    return scale


def enclosed(source: Surface, distortion: float) -> Enclosure:
    """E(D) of a surface between two proved bounds, 0 < D < D_max."""
    D = Fraction(distortion) / source.law.scale
    if isinstance(source, Sphere) and source.dim == 2:
        return _of_sphere(source, D)
    precision = PRECISION + 4 * max(0, -math.frexp(float(D))[1])
    with ctx.workprec(precision):
        low, lmbda = _dual(source, distortion)
        if isinstance(source, Torus):
            high, what = tiles.of_torus(source, distortion, float(low))
        else:
            high, what = orders.best(source.coordinates, ball(D), pairs=isinstance(source, Rotations))
    method = f"dual bound below, proved for cells of any shape; {what} above"
    return Enclosure(low, high, method, precision, lmbda=lmbda)


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
    """Candidate codes by increasing entropy."""
    two = Code(arb(2).log(), arb(fmpq(3, 4)), "two caps")
    for count, cells in codes.candidates(source, D, TRIED):
        code = two if count == 2 else polygons(cells)
        if code is not None:
            yield code


def polygons(cells: SphereCells) -> Code | None:
    """A code of great-circle polygons with the corners of given cells; None if it is not proved to be one.

    Each side must belong to two cells, in opposite directions, so that the polygons form a closed surface. All polygons
    are convex and counterclockwise. So every point off their sides lies in the same number of polygons, which is the
    sum of their areas over 4π: if that is 1, they tile the sphere.
    """
    corners, loops = _corners(cells)
    sides = [(loop[i - 1], loop[i]) for loop in loops for i in range(len(loop))]
    if not sides or len(set(sides)) != len(sides) or {(b, a) for a, b in sides} != set(sides):
        return None
    points = [_unit([arb(one) for one in corner]) for corner in corners.tolist()]
    entropy, length, whole = arb(0), arb(0), arb(0)
    for loop in loops:
        integrals = _measured([points[i] for i in loop])
        if integrals is None:
            return None
        area, moment = integrals
        whole += area
        p = area / (4 * arb.pi())
        entropy -= p * p.log()
        length += _dot(moment, moment) / (4 * arb.pi() * area)
    if not abs(whole - 4 * arb.pi()) < 1:
        return None
    return Code(entropy, 1 - length, f"a code of {len(loops)} spherical polygons")


def _corners(cells: SphereCells) -> tuple[Array, list[list[int]]]:
    """Corners of the cells, shape (n, 3), and for each cell the indices of its corners, counterclockwise."""
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


def _dual(source: Surface, distortion: float) -> tuple[arb, float]:
    """A lower bound on E(D) that is proved, and its λ."""
    relaxed, maximum = source.relaxed, source.max_distortion
    # a bound on E there is one at all smaller D
    at = max(distortion, maximum * (TINIEST_OF_TORI if isinstance(source, Torus) else TINIEST))

    def bound(x: float) -> float:
        return float(evaluate(functions.lower, relaxed, x, 1.0, envelopes.chords))

    low, high = at * (1.0 - STEP), min(at * (1.0 + STEP), maximum)
    lmbda = max(0.0, (bound(low) - bound(high)) / (high - low))
    least = bound(at) + lmbda * at
    cells, weight = means_of_cells.cells_of(source), arb(lmbda) * ball(source.law.scale)
    for slack in (CLOSE, 100.0 * CLOSE):
        proved = least - slack * max(1.0, 1e-3 * least)
        if means_of_cells.exceeds(cells, weight, proved):
            return (arb(proved) - arb(lmbda) * arb(at)).max(arb(0)), lmbda
    raise ArithmeticError(f"the dual bound at λ = {lmbda!r} was not proved within {means_of_cells.BOXES} boxes")

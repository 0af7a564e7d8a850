"""Codes of a torus with enclosed entropy and distortion: cells of lattices, and pairs of arcs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from flint import arb

from edcurve import codes
from edcurve.codes import lattices
from edcurve.kernels import functions
from edcurve.sources import Circle, Torus

from .balls import ball, fraction
from .biuniform import bracket
from .models import BallSpectrum

ROUNDING = 1e-12  # relative excess over D that a lattice may have
FEW = 65  # all smaller numbers of arcs are tried
TRIED = 4  # most products whose distortion is computed rigorously

Pair = tuple[Fraction, Fraction]


def of_torus(source: Torus, distortion: float, least: float) -> tuple[arb, str]:
    """Entropy in nats of the best code whose distortion is proved to be at most D, and its description."""
    D = ball(Fraction(distortion) / source.law.scale)
    squares = Fraction(source.radii[0]) ** 2, Fraction(source.radii[1]) ** 2
    best = _product(D, squares)
    for lattice in _lattices(float(D.mid()), least, squares):
        if not arb(lattice.count).log() < best[0]:
            break
        code = of_lattice(lattice, squares, D)
        if code is not None:
            return code, f"a lattice of {lattice.count} cells, its distortion proved to be at most D,"
    return best


def _lattices(D: float, least: float, squares: Pair) -> Iterator[lattices.Lattice]:
    """Lattices whose distortion is about D or less, by increasing number of cells."""
    if least < math.log(codes.MOST):
        for count in range(max(1, math.ceil(math.exp(least) - 1e-9)), codes.MOST + 1):
            lattice = lattices.best(count, (float(squares[0]), float(squares[1])))
            if lattice.distortion <= D * (1.0 + ROUNDING):
                yield lattice


def of_lattice(lattice: lattices.Lattice, squares: Pair, D: arb) -> arb | None:
    """Entropy in nats of the cells of a lattice, if their distortion is proved to be at most D.

    If it exceeds D by a rounding error, a tiny triangle at a corner of one cell becomes an additional cell.
    """
    corners = hexagon(lattice)
    p = arb(1) / lattice.count
    moment = moments(corners)
    whole = sum(map(ball, squares), arb(0))
    distortion = whole - _squared(moment, squares) / p**2
    if distortion <= D:
        return arb(lattice.count).log()
    if not distortion <= D * (1 + arb(ROUNDING)):
        return None
    corner = corners[0]
    for exponent in range(24, 8, -2):
        share = Fraction(1, 2**exponent)
        ends = [
            (corner[0] + share * (to[0] - corner[0]), corner[1] + share * (to[1] - corner[1]))
            for to in (corners[1], corners[-1])
        ]
        part = moments([corner, *ends])
        tau = ball(_area([corner, *ends]))
        remainder = p - tau
        others = [a - b for a, b in zip(moment, part, strict=True)]
        gain = _squared(part, squares) / tau + _squared(others, squares) / remainder - _squared(moment, squares) / p
        if distortion - gain <= D:
            return (1 - p) * arb(lattice.count).log() - tau * tau.log() - remainder * remainder.log()
    return None


def hexagon(lattice: lattices.Lattice) -> list[Pair]:
    """The rational corners of the Voronoi cell of 0, counterclockwise.

    For a basis a, b whose angles with each other and with −a − b are obtuse or right, the cell is a hexagon. Each
    corner is as far from 0 as from two neighbours among ±a, ±b, ±(a + b).
    """
    weights = Fraction(lattice.weights[0]), Fraction(lattice.weights[1])

    def product(u: Pair, v: Pair) -> Fraction:
        return weights[0] * u[0] * v[0] + weights[1] * u[1] * v[1]

    a = Fraction(1, lattice.columns), Fraction(lattice.shift, lattice.count)
    b = Fraction(0), Fraction(lattice.columns, lattice.count)
    while True:  # Lagrange's reduction
        if product(b, b) < product(a, a):
            a, b = b, a
        steps = round(product(a, b) / product(a, a))
        if steps == 0:
            break
        b = b[0] - steps * a[0], b[1] - steps * a[1]
    if product(a, b) > 0:
        b = -b[0], -b[1]
    if a[0] * b[1] < a[1] * b[0]:
        a, b = b, a
    c = a[0] + b[0], a[1] + b[1]
    neighbours = [a, c, b, (-a[0], -a[1]), (-c[0], -c[1]), (-b[0], -b[1])]
    corners = []
    for u, v in zip(neighbours, neighbours[1:] + neighbours[:1], strict=True):
        cross = 2 * weights[0] * weights[1] * (u[0] * v[1] - u[1] * v[0])
        uu, vv = product(u, u), product(v, v)
        corners.append((weights[1] * (v[1] * uu - u[1] * vv) / cross, weights[0] * (u[0] * vv - v[0] * uu) / cross))
    # a rectangle has two pairs of equal corners
    return [one for one, before in zip(corners, corners[-1:] + corners[:-1], strict=True) if one != before]


def _area(corners: list[Pair]) -> Fraction:
    sides = zip(corners, corners[1:] + corners[:1], strict=True)
    return sum((a[0] * b[1] - a[1] * b[0] for a, b in sides), Fraction(0)) / 2


def moments(corners: list[Pair]) -> list[arb]:
    """Integrals of cos 2πx, sin 2πx, cos 2πy, sin 2πy over a polygon (Green)."""
    total = [arb(0)] * 4
    for here, there in zip(corners, corners[1:] + corners[:1], strict=True):
        for axis, sign in ((0, 1), (1, -1)):
            middle, step = ball(here[axis] + there[axis]), ball(there[axis] - here[axis])
            width = sign * step.sinc_pi() * ball(there[1 - axis] - here[1 - axis]) / (2 * arb.pi())
            total[2 * axis] += middle.sin_pi() * width
            total[2 * axis + 1] -= middle.cos_pi() * width
    return total


def _squared(moment: list[arb], squares: Pair) -> arb:
    """Squared length of the integral of X."""
    return sum((ball(r) * (u * u + v * v) for r, u, v in zip(squares, moment[::2], moment[1::2], strict=True)), arb(0))


def _product(D: arb, squares: Pair) -> tuple[arb, str]:
    """The best product of arcs: equal cells of one circle, and the optimum of the other at the remaining distortion."""
    best, description = arb.pos_inf(), ""
    for count, axis in _counts(float(D.mid()), (float(squares[0]), float(squares[1])))[:TRIED]:
        used = ball(squares[axis]) * (1 - (arb(1) / count).sinc_pi() ** 2)
        remaining = (D - used) / ball(squares[1 - axis])
        if remaining > 0:
            other = fraction(arb(remaining.lower()))
            entropy = arb(count).log() + (bracket(BallSpectrum([1]), other).high if other < 1 else 0)
            if entropy < best:
                best = entropy
                arcs = "one arc" if count == 1 else f"{count} equal arcs"
                description = (
                    f"{arcs} of one circle times the best arcs of the other, their distortion proved to be at most D,"
                )
    return best, description


def _counts(D: float, squares: tuple[float, float]) -> list[tuple[int, int]]:
    """Numbers of equal arcs of one circle, with the index of the circle, by increasing estimated entropy."""
    law = Circle().law
    estimates = []
    for axis in (0, 1):
        half = 0.5 * D / squares[axis]  # with many cells, the circles have equal distortions
        middle = 1.0 / float(law.model.size(law.parameters, half)) if half < 1.0 else 1.0
        for count in {*range(1, FEW), *(max(1, math.floor(middle) + k) for k in (-1, 0, 1, 2))}:
            rest = (D - squares[axis] * (1.0 - np.sinc(1.0 / count) ** 2)) / squares[1 - axis]
            if rest > 0.0:
                high = float(functions.entropy(law.model, law.parameters, None, rest)) if rest < 1.0 else 0.0
                estimates.append((math.log(count) + high, count, axis))
    return [(count, axis) for _, count, axis in sorted(estimates)]

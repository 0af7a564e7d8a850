"""The dual bound of a surface in ball arithmetic: −ln p + λ d(p)/p for cells of any shape.

Let Y be the product of a point with a unit vector, and M(p) the mean of Y over its p largest values. The mean of a cell
of probability p is at most as long as the greatest M(p) over all directions. Two facts bound M from above:

- p M ≤ p t + E(Y − t)⁺ for every t. So M is at most t + q E(Y − t)⁺, with q = 1/p.
- p M is convex and homogeneous in the direction. On a torus, where Y = w₁r₁ cos θ₁ + w₂r₂ cos θ₂ with w ≥ 0, that
  bounds it between two w. On a sphere all directions are equivalent.

Thus M² is at most a convex function of q, so the bound on ln q + λ(E‖X‖² − M²) between two q is least at one of them.
Boxes of arcs of w and intervals of q cover all cells.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
from flint import acb, arb, ctx
from numpy.typing import NDArray

from edcurve.sources import Rotations, Surface, Torus, caps

from .balls import ball

Array = NDArray[np.float64]

BOXES = 20_000
ACCURATE = 2.0**-44  # relative error of integrals
DIGITS = 96  # working precision of their integrands, in bits
NODES = 32  # of the quadrature for approximate thresholds
HALF = math.log(2.0)


class Box(NamedTuple):
    """Weights w = (1 − u², 2u)/(1 + u²) for u from `first` to `last`, and ln q from `low` to `high`."""

    first: Fraction
    last: Fraction
    low: float
    high: float


class Cells(Protocol):
    """The cells of an unscaled source with the longest mean in each direction."""

    square: arb  # E‖X‖²
    arc: tuple[Fraction, Fraction]  # interval of u that covers all directions

    def line(self, u: Fraction, nats: float) -> tuple[arb, arb]:
        """A threshold t that Y exceeds with a probability of about e^−nats, and E(Y − t)⁺."""


def cells_of(source: Surface) -> Cells:
    """The `Cells` of a source."""
    return TorusCells(source) if isinstance(source, Torus) else Caps(source)


def exceeds(cells: Cells, lmbda: arb, least: float) -> bool:
    """Whether ln q + λ(E‖X‖² − M²) is proved to be at least this number of nats for every q."""
    line = lru_cache(maxsize=4096)(cells.line)  # adjacent arcs share an end
    last = least * (1.0 + 1e-15) + 1e-15
    boxes = [Box(*cells.arc, 0.0, last)]  # above `last`, ln q alone suffices
    if not arb(last) >= arb(least):
        return False
    for _ in range(BOXES):
        if not boxes:
            return True
        first, last_u, low, high = box = boxes.pop()
        nats = 0.5 * (low + high)
        (t, G), (s, H) = line(first, nats), line(last_u, nats)
        for x in (low, high):
            q = arb(x).exp()
            start, end = t + G * q, s + H * q
            most = _longest(start, end, first, last_u)
            if not arb(x) + lmbda * (cells.square - most) >= least:
                turned = most - start.max(end) ** 2
                # approximate loss, at an end of the interval, of the tangent at its middle
                tangent = cells.square * arb.pi() / q * (high - low) ** 2 / 4
                boxes += _halves(box, bool(turned > tangent))
                break
    return False


def _halves(box: Box, turned: bool) -> list[Box]:
    """The halves of a box: of its arc if `turned`, else of its interval."""
    first, last, low, high = box
    if turned:
        middle = (first + last) / 2
        return [Box(first, middle, low, high), Box(middle, last, low, high)]
    between = 0.5 * (low + high)
    return [Box(first, last, low, between), Box(first, last, between, high)]


def _weights(u: Fraction) -> tuple[Fraction, Fraction]:
    return (1 - u * u) / (1 + u * u), 2 * u / (1 + u * u)


def _longest(start: arb, end: arb, first: Fraction, last: Fraction) -> arb:
    """An upper bound on (α·start + β·end)² over α w + β w′ of length 1, α, β ≥ 0."""
    if first == last:
        return start**2
    (a, b), (c, d) = _weights(first), _weights(last)
    cosine, sine = ball(a * c + b * d), ball(a * d - b * c)
    if end <= cosine * start or start <= cosine * end:
        return start.max(end) ** 2
    # squared length of the vector whose inner products with w and w′ are these
    return start**2 + ((end - cosine * start) / sine) ** 2


class Caps:
    """Caps of a sphere; for rotations pairs of opposite caps, where Y is the absolute value of a coordinate."""

    def __init__(self, source: Surface) -> None:
        self.square = arb(1)
        self.arc = Fraction(0), Fraction(0)
        self.pairs = isinstance(source, Rotations)
        self.dim = source.coordinates - 1
        self.half = arb(self.dim) / 2
        self.beta = self.half.gamma() * arb(0.5).gamma() / (self.half + arb(0.5)).gamma()

    def line(self, u: Fraction, nats: float) -> tuple[arb, arb]:
        """See `Cells`."""
        if self.pairs:
            t, G = self._cap(nats + HALF)
            return t, 2 * G
        if nats >= HALF:
            return self._cap(nats)
        other = -math.expm1(-nats)
        t, G = self._cap(-math.log(max(other, 1e-300)))
        return -t, G + t  # Y and −Y have the same distribution

    def _cap(self, nats: float) -> tuple[arb, arb]:
        """Cosine of the angle of a cap of at most half the sphere, and E(Y − t)⁺."""
        s = arb(min(0.0, caps.log_square(nats, self.dim))).exp()
        t = (1 - s).max(arb(0)).sqrt()
        measure = s.beta_lower(self.half, arb(0.5), regularized=True) / 2
        return t, s**self.half / (2 * self.half * self.beta) - t * measure


class TorusCells:
    """Cells of a torus in which Y = w₁r₁ cos θ₁ + w₂r₂ cos θ₂ exceeds a threshold."""

    def __init__(self, source: Torus) -> None:
        self.radii = Fraction(source.radii[0]), Fraction(source.radii[1])
        self.square = ball(self.radii[0] ** 2 + self.radii[1] ** 2)
        self.arc = Fraction(0), Fraction(1)

    def line(self, u: Fraction, nats: float) -> tuple[arb, arb]:
        """See `Cells`."""
        a, b = (r * w for r, w in zip(self.radii, _weights(u), strict=True))
        small, large = sorted((float(a), float(b)))
        top = ball(a + b)
        if nats >= HALF:
            depth = arb(_log_depth(nats, small, large)).exp()
        else:
            other = -math.log(max(-math.expm1(-nats), 1e-300))
            depth = 2 * top - arb(_log_depth(other, small, large)).exp()
        return top - depth, excess(a, b, depth)


def excess(one: Fraction, two: Fraction, depth: arb) -> arb:
    """E(Y − t)⁺ of Y = a cos θ₁ + b cos θ₂ for the threshold t = a + b − depth, a, b ≥ 0."""
    a, b = map(ball, sorted((one, two)))
    t = a + b - depth
    if t < 0:
        return excess(one, two, 2 * (a + b) - depth) - t  # Y and −Y have the same distribution
    if not depth < 2 * a:
        return _of_strip(a, b, t)
    with ctx.workprec(DIGITS):
        return _of_disc(a, b, depth)


def _of_disc(a: arb, b: arb, depth: arb) -> arb:
    """∫ (y − t)⁺ f(y) dy, where the density of Y is f(y) = K(m)/(π²√(ab)) with m = ((a + b)² − y²)/4ab."""
    top, product = a + b, 4 * a * b

    def integrand(v: acb, analytic: bool) -> acb:
        y = depth * v
        m = y * (2 * top - y) / product
        if analytic and not (m.real < 1 or m.imag > 0 or m.imag < 0):
            return acb("nan")
        return (1 - v) * m.elliptic_k()

    whole = acb.integral(integrand, 0, 1, rel_tol=arb(ACCURATE))
    return depth**2 * whole.real / (arb.pi() ** 2 * (a * b).sqrt())


def _of_strip(a: arb, b: arb, t: arb) -> arb:
    """The mean over θ₁ of the mean over θ₂: b (√(1 − x²) − x arccos x)/π at x = (t − a cos θ₁)/b, |x| ≤ 1."""

    def integrand(turn: acb, analytic: bool) -> acb:
        x = (t - a * turn.cos_pi()) / b
        return (1 - x * x).sqrt(analytic=analytic) - x * x.acos()

    return b * acb.integral(integrand, 0, 1, rel_tol=arb(ACCURATE)).real / arb.pi()


def _log_depth(nats: float, small: float, large: float) -> float:
    """Approximate ln of the depth below max Y that Y exceeds with probability e^−nats ≤ ½."""
    from scipy.optimize import brentq

    u, weights = _rule()

    def error(logarithm: float) -> float:
        depth = math.exp(logarithm)
        edge = min(1.0, depth / (2.0 * small)) if small > 0.0 else 1.0
        square = edge * u * u
        inner = np.arcsin(np.sqrt(np.clip((depth - 2.0 * small * square) / (2.0 * large), 0.0, 1.0)))
        measure = float(weights @ (inner * math.sqrt(edge) / np.sqrt(np.maximum(1.0 - square, 1e-30))))
        return math.log(measure) + nats

    top = math.log(2.0 * (small + large))
    low = top - min(2.0 * nats + 10.0, 700.0)
    return float(brentq(error, low, top, xtol=1e-5)) if error(low) < 0.0 else low


@lru_cache(maxsize=1)
def _rule() -> tuple[Array, Array]:
    """Sines of Gauss–Legendre angles in (0, π/2), and the weights of (2/π)² ∫ cos θ · dθ."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    angle = 0.25 * math.pi * (nodes + 1.0)
    return np.sin(angle), weights * np.cos(angle) / math.pi

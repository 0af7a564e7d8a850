"""Cell distortions in ball arithmetic: d(p), and the logarithm of the size p at which d(p)/p = D."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from flint import arb, ctx

from .balls import above, ball, bisect, bits


class Model(Protocol):
    """The functions that a certificate needs of a source whose δ is nondecreasing in the distance."""

    @property
    def maximum(self) -> Fraction:
        """D_max, exactly."""

    def distortion(self, p: arb) -> arb:
        """d(p) for sizes p in (0, 1]."""

    def log_size(self, D: arb) -> arb:
        """Logarithm of the size p with d(p)/p = D, for 0 < D < D_max."""


@dataclass(frozen=True)
class BallRamp:
    """The ramp: d(p) = p²(2 − p)/12."""

    maximum: Fraction = Fraction(1, 12)

    def distortion(self, p: arb) -> arb:
        """d(p)."""
        return p * p * (2 - p) / 12

    def log_size(self, D: arb) -> arb:
        """Logarithm of the size p, from 1 − p = √(1 − 12D)."""
        return (12 * D / (1 + (1 - 12 * D).sqrt())).log()


@dataclass(frozen=True)
class BallPowerLaw:
    """A power law: d(p) = D_max p^{a+1} with D_max = 1/((a + 1)(a + 2))."""

    exponent: Fraction

    @property
    def maximum(self) -> Fraction:
        """D_max."""
        return 1 / ((self.exponent + 1) * (self.exponent + 2))

    def distortion(self, p: arb) -> arb:
        """d(p)."""
        return p ** ball(self.exponent + 1) * ball(self.maximum)

    def log_size(self, D: arb) -> arb:
        """Logarithm of the size p, from p^a = D/D_max."""
        return (D / ball(self.maximum)).log() / ball(self.exponent)


class BallSpectrum:
    """A finite spectrum: d(p) = p Σ c_k (1 − sinc²(πkp)), with exactly these numbers c_k.

    With δ(u) = Σ 2c_k (1 − cos 2πku), d′(p) = ∫₀¹ s δ(ps) ds and w = p d″ = δ − 2d′. For small p all of them
    cancel to the order of p², which a higher working precision compensates.
    """

    def __init__(self, energies: Iterable[Fraction | float]) -> None:
        self.energies = {k: Fraction(c) for k, c in enumerate(energies, start=1) if c}
        self._balls: dict[int, list[tuple[int, arb]]] = {}  # the energies, by working precision
        self.maximum = sum(self.energies.values(), Fraction(0))
        self.curvature = sum((c * k * k for k, c in self.energies.items()), Fraction(0))

    @property
    def small(self) -> tuple[float, float, float]:
        """η, C, α with 0 < w ≤ C p^α and w′ > 0 on (0, η].

        w = p ∫₀¹ s² δ′(ps) ds and p w′ = p ∫₀¹ s² [δ′(u) + u δ″(u)] ds at u = ps. Each harmonic has
        δ′(u) = 4πk c_k sin x ≤ 8π²k² c_k u at x = 2πku, and δ′ + u δ″ = 4πk c_k (sin x + x cos x) > 0 for x ≤ π/2.
        """
        return 0.25 / 2.0 ** (max(self.energies) - 1).bit_length(), above(2 * arb.pi() ** 2 * ball(self.curvature)), 2.0

    def distortion(self, p: arb) -> arb:
        """d(p)."""
        return p * self.mean(p)

    def mean(self, p: arb) -> arb:
        """d(p)/p."""
        return self._sum(p, lambda k: 1 - (k * p).sinc_pi() ** 2)

    def slope(self, p: arb) -> arb:
        """d′(p) = Σ c_k (1 − 2 sinc(2πkp) + sinc²(πkp))."""
        return self._sum(p, lambda k: 1 - 2 * (2 * k * p).sinc_pi() + (k * p).sinc_pi() ** 2)

    def delta(self, u: arb) -> arb:
        """δ(u)."""
        return self._sum(u, lambda k: 4 * (k * u).sin_pi() ** 2)

    def bend(self, p: arb) -> arb:
        """w(p) = p d″(p)."""
        return self.delta(p) - 2 * self.slope(p)

    def turn(self, p: arb) -> arb:
        """Return p w′(p) = p δ′(p) − 2w(p)."""
        rise = self._sum(p, lambda k: 4 * arb.pi() * k * (2 * k * p).sin_pi())
        return p * rise - 2 * self.bend(p)

    def log_size(self, D: arb) -> arb:
        """Logarithm of the size p, by bisection.

        The lower end is the p with (π²/3) Σ k²c_k p² = D, where d(p)/p < D since 1 − sinc² y ≤ y²/3.
        """
        least = ((3 * D / ball(self.curvature)).sqrt() / arb.pi()).log()
        width = arb(2) ** (64 - ctx.prec)
        low, high = bisect(
            lambda t: D - self.mean(t.exp()), arb(least.lower()), arb(0), lambda low, high: high - low < width
        )
        return low.union(high)

    def _sum(self, p: arb, term: Callable[[int], arb]) -> arb:
        # for small p the terms cancel to the order of p²
        with ctx.workprec(ctx.prec + max(0, -2 * bits(p))):
            if ctx.prec not in self._balls:
                self._balls[ctx.prec] = [(k, ball(energy)) for k, energy in self.energies.items()]
            total = arb(0)
            for k, energy in self._balls[ctx.prec]:
                total += energy * term(k)
        return total

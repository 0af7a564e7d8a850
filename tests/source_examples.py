"""The built-in sources by class, and δ of each from the design's table."""

import math
from fractions import Fraction

import edcurve as ed
import numpy as np
import oracle
from mpmath import mp, mpf

FUNCTIONS = {
    ed.entropy_distortion: oracle.entropy,
    ed.lower_bound: oracle.dual,
    ed.convex_hull: oracle.hull,
}

# δ(u) of the design's table, whether the manifold is closed, and D_max
TABLE = {
    "ramp": (lambda u: u * (1 - u), True, Fraction(1, 12)),
    "circle": (lambda u: 2 - 2 * mp.cos(2 * mp.pi * u), True, Fraction(1)),
    "sinusoid": (lambda u: 1 - mp.cos(2 * mp.pi * u), True, Fraction(1, 2)),
    "sawbridge": (lambda u: u, False, Fraction(1, 6)),
    "uniform": (lambda u: u**2, False, Fraction(1, 12)),
    "power:0.25": (lambda u: mp.sqrt(mp.sqrt(u)), False, Fraction(16, 45)),
    "power:1.5": (lambda u: mp.sqrt(u) * u, False, Fraction(4, 35)),
}

CLASSES = {
    "ramp": ed.Ramp(),
    "circle": ed.Circle(),
    "sinusoid": ed.Sinusoid(),
    "sawbridge": ed.Sawbridge(),
    "uniform": ed.UniformScalar(),
    "power:0.25": ed.PowerLaw(0.25),
    "power:1.5": ed.PowerLaw(1.5),
}

SIZES = (1e-9, 1e-4, 0.01, 0.2, 1 / 3, 0.334, 0.5, 0.75, 0.99, 1.0)


def ratios(low, high, size=60, seed=3):
    return 10 ** np.random.default_rng(seed).uniform(math.log10(low), math.log10(high), size)


def near_one(size=60, seed=4):
    return 1 - 10 ** np.random.default_rng(seed).uniform(-5, -0.1, size)


def mean_quadrature(delta, p):
    """d(p) = (1/p) ∫₀ᵖ (p − u) δ(u) du in 30 digits, scaled so that the integral is not small at small p."""
    with mp.workdps(30):
        p = mpf(p)
        scale = delta(p / 3)
        return float(p * scale * mp.quad(lambda s: (1 - s) * delta(p * s) / scale, [0, 0.5, 1]))


def exact_cell_distortion(c):
    """p ↦ p Σ c_k (1 − sinc²(πkp)) in the working precision."""

    def d(p):
        if not p:
            return mpf(0)
        with mp.extraprec(max(0, -2 * mp.mag(p))):
            sincs = [mp.sinpi(k * p) / (mp.pi * k * p) for k in range(1, len(c) + 1)]
            return p * sum(mpf(float(ck)) * (1 - sinc**2) for ck, sinc in zip(c, sincs, strict=True))

    return d

"""E is concave between K and K + 1 equal cells: the inequality of docs/theorem.md in 50 digits, and the status."""

import math
from fractions import Fraction

import edcurve as ed
import numpy as np
import pytest
from edcurve.sources import CHECKED, PROVED, resolve
from mpmath import mp, mpf


def power(a):
    """d′ and w of δ(u) = uᵃ."""
    return lambda p: p**a / (a + 2), lambda p: a * p**a / (a + 2)


SLOPES = {
    "ramp": (lambda p: p / 3 - p**2 / 4, lambda p: p * (2 - 3 * p) / 6),
    **{f"power:{a}": power(mpf(a)) for a in (0.01, 1, 1.7, 2)},
}


def excess(name, K, odd):
    """m(ε, p) − (1 − ε) w(ε) − ε w(p), whose sign is that of the change of −1/E′ with ε."""
    slope, w = SLOPES[name]
    p = (1 - odd) / K
    return (slope(p) - slope(odd)) / mp.log(p / odd) - (1 - odd) * w(odd) - odd * w(p)


@pytest.mark.parametrize("name", SLOPES)
def test_the_inequality_at_random_partitions(name):
    rng = np.random.default_rng(5)
    with mp.workdps(50):
        for K in [1, 1, 1, 2, 2, 3, 7, 100, 10**6] * 20:
            share = mpf(1) - mpf(10) ** -rng.uniform(0, 6) if rng.random() < 0.5 else mpf(10) ** -rng.uniform(0, 30)
            assert excess(name, K, share / (K + 1)) > 0


@pytest.mark.parametrize("name", SLOPES)
def test_the_inequality_is_that_the_slope_flattens(name):
    """By the derivative of m(ε, p(ε)) itself."""
    slope, _ = SLOPES[name]
    with mp.workdps(50):
        for K, odd in ((1, mpf("0.2")), (2, mpf("0.01")), (9, mpf("0.07"))):

            def mean(e, K=K):
                p = (1 - e) / K
                return (slope(p) - slope(e)) / mp.log(p / e)

            p = (1 - odd) / K
            by_formula = excess(name, K, odd) / (odd * (1 - odd) * mp.log(p / odd))
            assert mp.almosteq(mp.diff(mean, odd), by_formula, rel_eps=mpf(10) ** -20)


def test_the_steps_for_the_ramp():
    """In rational arithmetic, where only φ = (r − 1)/ln r need not be rational."""

    def h(e, r, phi):
        return phi * (2 - Fraction(3, 2) * e * (r + 1)) - 2 - e * (2 * r - 5) + 3 * e**2 * (r**2 - 1)

    for r in (Fraction(11, 10), Fraction(2), Fraction(7, 3), Fraction(50)):
        for phi in (Fraction(1), Fraction(13, 7)):
            assert h(1 / (1 + r), r, phi) == phi / 2 - r / (1 + r)
            e = 1 / (1 + 2 * r)
            assert h(e, r, phi) == (phi * (5 * r + 1) * (1 + 2 * r) / 2 - 9 * r**2) / (1 + 2 * r) ** 2
        least = 2 * r / (r + 1)
        slope = -Fraction(3, 2) * least * (r + 1) - (2 * r - 5) + 6 * (r**2 - 1) / (1 + 2 * r)
        assert slope == -(4 * r - 1) * (r - 1) / (1 + 2 * r)
        derivative = (10 + 6 / r**2 + 2 / r**3) / 18 - 1 / r
        assert derivative == (r - 1) ** 2 * (5 * r + 1) / (9 * r**3)


@pytest.mark.parametrize("name", ["ramp", "sawbridge", "uniform", "power:0.3", "circle", "sinusoid", "square"])
def test_the_status_says_what_is_proved(name):
    proved = name not in ("circle", "sinusoid", "square")
    for source in (resolve(name), resolve(name).scaled(3.0)):
        assert ed.lagrangian(source, 30.0).status == (PROVED if proved else CHECKED)
        assert ed.lagrangian(source, [3.0, 30.0]).status == (PROVED if proved else CHECKED)


def test_a_d_that_cancels_is_warned_of():
    def d(p):
        return p * (1 - (np.sin(np.pi * p) / (np.pi * p)) ** 2)

    source = ed.Source(d, max_distortion=1.0, closed=True)
    for lmbda in (1e16, 1e30):
        with pytest.warns(UserWarning, match="loses more than half its digits"):
            ed.lagrangian(source, lmbda)
        with pytest.warns(UserWarning, match="loses more than half its digits"):
            ed.lagrangian(source, [1.0, lmbda])


def test_a_cell_distortion_that_is_0_where_it_cancels():
    """(1 − cos x)/x² is 0 from x = 1e-8 on; d is p³/2 up to rounding."""
    source = ed.Source(
        lambda p: (1 - np.cos(1e-3 * p)) * p * 1e6, max_distortion=(1 - math.cos(1e-3)) * 1e6, closed=False
    )
    result = ed.lagrangian(source, 10.0)
    assert (result.cells, result.uniform) == (3, True)
    assert result.value == pytest.approx(math.log2(3) + 10 / 18, rel=1e-7)


class ByValue(ed.Source):
    """A source compared by value, and so without a hash."""

    def __eq__(self, other):
        return isinstance(other, ByValue)


def test_sources_without_a_hash():
    pulse = ed.Pulse(0.01)
    source = ByValue(pulse.cell_distortion, max_distortion=pulse.max_distortion, closed=True)
    with pytest.raises(TypeError, match="unhashable"):
        hash(source)
    for multiple, D in ((source, 0.005), (source.scaled(2.0), 0.02)):
        assert ed.convex_hull(multiple, D) == pytest.approx(ed.convex_hull(pulse, 0.005), rel=1e-9)
        assert ed.upper_bound(multiple, D) == pytest.approx(ed.upper_bound(pulse, 0.005), rel=1e-9)
        assert ed.lagrangian(multiple, 1e3 * 0.005 / D).cells == ed.lagrangian(pulse, 1e3).cells


@pytest.mark.parametrize("name", ["ramp", "circle", "sinusoid", "sawbridge", "uniform", "square"])
def test_partitions_at_the_smallest_distortions(name):
    for D in (1e-306, 1e-309, 5e-324):
        nats = ed.entropy_distortion(name, D, base=np.e)
        if nats > 709:
            with pytest.raises(ValueError, match="distortion must be larger for a countable partition"):
                ed.partition(name, D)
        else:
            assert float(mp.log(ed.partition(name, D).count)) == pytest.approx(nats, rel=1e-12)

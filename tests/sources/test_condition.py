"""Which callables are cell distortions, when intervals are the best cells, and when (★) holds."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from edcurve.sources.condition import check_star, monotone_delta, validate
from hypothesis import given, settings
from hypothesis import strategies as st

mp.mp.dps = 30


def ramp(p):
    return p**2 * (2 - p) / 12


def ramp_slope(p):
    return p * (4 - 3 * p) / 12


def circle(p):
    return p * (1 - np.sinc(p) ** 2)


def naive_circle(p):
    return p * (1 - (np.sin(np.pi * p) / (np.pi * p)) ** 2)


def squared_first_circle(p):  # 0/0 for p below 1e-162
    return p * (1 - np.sin(np.pi * p) ** 2 / (np.pi * p) ** 2)


def subtracting_circle(p):
    return p - np.sin(np.pi * p) ** 2 / (np.pi**2 * p)


@np.vectorize
def scalar_ramp(p):
    return 0.0 if p == 0 else math.exp(2 * math.log(p)) * (2 - p) / 12


def power(a):
    return lambda p: p ** (a + 1) / ((a + 1) * (a + 2)), lambda p: p**a / (a + 2)


def spectrum(c):
    """Return d, d′ and δ of a closed source."""
    c = np.asarray(c, dtype=float)
    k = np.arange(1, len(c) + 1)

    def d(p):
        return p * ((1 - np.sinc(np.multiply.outer(p, k)) ** 2) @ c)

    def derivative(p):
        kp = np.multiply.outer(p, k)
        return (1 - 2 * np.sinc(2 * kp) + np.sinc(kp) ** 2) @ c

    def delta(u):
        return (1 - np.cos(2 * np.pi * np.multiply.outer(u, k))) @ (2 * c)

    return d, derivative, delta


def truncated_ramp(n):
    return 1 / (2 * np.pi**2 * np.arange(1, n + 1) ** 2)


def exact_d(c, p):
    sinc = [mp.sin(mp.pi * k * p) / (mp.pi * k * p) for k in range(1, len(c) + 1)]
    return p * sum(mp.mpf(float(ck)) * (1 - s**2) for ck, s in zip(c, sinc, strict=True))


def exact_slope(c, p):
    total = mp.mpf(0)
    for k, ck in enumerate(c, start=1):
        x = mp.pi * k * p
        total += mp.mpf(float(ck)) * (1 - mp.sin(2 * x) / x + (mp.sin(x) / x) ** 2)
    return total


def exact_second_difference(c, sizes):
    """Second divided difference of d′ as a function of ln p."""
    sizes = [mp.mpf(float(p)) for p in sizes]
    x1, x2, x3 = (mp.log(p) for p in sizes)
    g1, g2, g3 = (exact_slope(c, p) for p in sizes)
    return ((g3 - g2) / (x3 - x2) - (g2 - g1) / (x2 - x1)) / (x3 - x1)


def exact_rise_of_w(c, p):
    """p w′(p) = p δ′(p) − 2 w(p), w = δ − 2d′: the limit of (★) for three equal sizes."""
    p = mp.mpf(p)
    turns = [(2 * mp.pi * k, mp.mpf(ck)) for k, ck in enumerate(c, start=1)]
    delta = sum(2 * ck * (1 - mp.cos(k * p)) for k, ck in turns)
    steep = sum(2 * ck * k * mp.sin(k * p) for k, ck in turns)
    return p * steep - 2 * (delta - 2 * exact_slope(c, p))


def three_sizes(rng):
    """Sizes from every regime: face or interior, spread over decades or almost equal."""
    x = rng.normal(scale=rng.choice([0.01, 0.3, 3.0]), size=3)
    return np.sort(np.exp(x) / np.sum(np.exp(x))) * rng.choice([1.0, 1.0, rng.uniform(0.01, 1)])


BUILT_IN = {
    "ramp": (ramp, 1 / 12, True),
    "scalar ramp": (scalar_ramp, 1 / 12, True),
    "circle": (circle, 1.0, True),
    "naive circle": (naive_circle, 1.0, True),
    "squared first": (squared_first_circle, 1.0, True),
    "subtracting circle": (subtracting_circle, 1.0, True),
    "sinusoid": (lambda p: circle(p) / 2, 0.5, True),
    "sawbridge": (lambda p: p**2 / 6, 1 / 6, False),
    "uniform": (lambda p: p**3 / 12, 1 / 12, False),
    **{f"power {a}": (power(a)[0], 1 / ((a + 1) * (a + 2)), False) for a in (0.01, 0.1, 0.5, 1.0, 1.5, 2.0)},
}


# ---- validate


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_cell_distortions_pass_in_any_units(name, scale):
    d, largest, closed = BUILT_IN[name]
    validate(lambda p: scale * d(p), scale * largest, closed=closed, name=name)
    with pytest.raises(ValueError, match=r"be max_distortion"):
        validate(lambda p: scale * d(p), scale * largest * (1 + 1e-8), closed=closed, name=name)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(1e-3, 1))
def test_every_spectrum_is_a_closed_source(rest, last):
    c = [*rest, last]
    validate(spectrum(c)[0], math.fsum(c), closed=True, name="spectrum")


def test_spectra_with_many_harmonics_pass():
    for c in (truncated_ramp(1000), 2.0 ** -np.arange(1, 60), [0, 1], [0, 0, 0, 1]):
        validate(spectrum(c)[0], math.fsum(c), closed=True, name="spectrum")


def test_integrated_and_tabulated_d_pass():
    table = np.linspace(0, 1, 20001)
    validate(lambda p: np.interp(p, table, table**2 / 6), 1 / 6, closed=False, name="table")
    validate(lambda p: ramp(p) * (1 + 1e-10 * np.sin(1e3 * p)), 1 / 12, closed=True, name="inexact")


def test_closed_identity():
    p = Fraction(3, 11)
    assert (1 - p) * ramp(1 - p) - p * ramp(p) == (1 - 2 * p) / 12
    for c in ([1.0], [0.3, 0.0, 0.7]):
        u = mp.mpf("0.3")
        left = (1 - u) * exact_d(c, 1 - u) - u * exact_d(c, u)
        assert mp.almosteq(left, (1 - 2 * u) * sum(mp.mpf(ck) for ck in c), rel_eps=mp.mpf(10) ** -25)


REJECTED = [
    (lambda p: np.where(p > 0.5, np.nan, p**2), 1.0, False, r"is nan at p = 0\.5\d+; it must be finite"),
    (lambda p: np.where(p < 1, p**2, np.inf), 1.0, False, r"is inf at p = 1\.0; it must be finite"),
    (lambda p: p**2 - 1e-3, 0.999, False, r"is -0\.001 at p = .*not be negative"),
    (lambda p: -(p**2), 1.0, False, r"is -.* at p = .*not be negative"),
    (lambda p: p**2, 2.0, False, r"is 1\.0 at p = 1\.0; it must be max_distortion = 2\.0"),
    (lambda p: p**2 + (1e-3 if p.size == 1 else 0), 1.0, False, r"is 0\.001 at p = 0\.0; it must tend to 0"),
    (
        lambda p: np.where(p > 0, p**2, np.inf) * (p > 1e-100) / (p > 1e-100),
        1.0,
        False,
        r"is nan at p = 1e-150; it must tend",
    ),
    (lambda p: 4 * p * (1 - p) + p**2, 1.0, False, r"is .* at p = .*greater than at smaller p"),
    (
        lambda p: np.where(p < 0.5, p**2, np.maximum(p**2, 0.5)),
        1.0,
        False,
        r"is .* at p = .*greater than at smaller p",
    ),
    (lambda p: p, 1.0, False, r"is .* at p = 9\.5\d+e-07; it must be below p \* max_distortion"),
    (lambda p: p**2 + 0.3 * p * np.sin(2 * np.pi * p), 1.0, False, r"is .* at p = .*merging cells"),
    (np.sqrt, 1.0, False, r".*(p \* max_distortion|merging)"),
    (lambda p: p**2 / 6, 1 / 6, True, r".* at p = .*\(2 p - 1\) max_distortion, as closed=True"),
    (lambda p: p**2 * (3 - p) / 2, 1.0, True, r".*as closed=True"),
]


@pytest.mark.parametrize(("d", "largest", "closed", "message"), REJECTED)
def test_impossible_values_are_refused(d, largest, closed, message):
    with pytest.raises(ValueError, match=r"cell_distortion of mine " + message):
        validate(d, largest, closed=closed, name="mine")


def scalar_only(p):
    return p**2 if p < 0.5 else p**2 + 0


NOT_FUNCTIONS = [
    (3.0, "must be a function of the cell size, got 3.0"),
    (lambda p: math.sin(p) ** 2, "numpy.vectorize"),
    (scalar_only, "numpy.vectorize"),
    (lambda p: 0.5, "numpy.vectorize"),
    (lambda p: np.outer(p, p), "numpy.vectorize"),
    (lambda p: p**2 + 0j, "real arrays.*complex128"),
    (lambda p: p > 0.5, "real arrays.*bool"),
    (lambda p: None, "real arrays"),
]


@pytest.mark.parametrize(("d", "message"), NOT_FUNCTIONS)
def test_what_is_not_a_vectorised_real_function_is_refused(d, message):
    with pytest.raises(TypeError, match=rf"cell_distortion .*{message}"):
        validate(d, 1.0, closed=False, name="mine")


@pytest.mark.parametrize("largest", [0.0, -1.0, math.inf, math.nan])
def test_max_distortion_must_be_positive_and_finite(largest):
    with pytest.raises(ValueError, match="max_distortion"):
        validate(ramp, largest, closed=True, name="ramp")


@pytest.mark.parametrize("largest", ["1", None, 1j, [1.0]])
def test_max_distortion_must_be_a_number(largest):
    with pytest.raises(TypeError, match="max_distortion"):
        validate(ramp, largest, closed=True, name="ramp")


# ---- monotone δ


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_sources_have_monotone_delta(name):
    d, _, closed = BUILT_IN[name]
    assert monotone_delta(d, closed=closed)


def test_open_and_closed_ask_for_different_ranges():
    assert not monotone_delta(circle, closed=False)
    assert not monotone_delta(circle, closed=False, delta=spectrum([1.0])[2])


@pytest.mark.parametrize("second", [0.0, 0.2, 0.2499, 0.2501, 0.26, 1.0, 100.0])
def test_second_harmonic_breaks_monotony_beyond_a_quarter(second):
    """δ′ is 4π sin 2πu (1 + 4c cos 2πu), so it is negative near ½ if c > ¼."""
    d, _, delta = spectrum([1.0, second])
    assert monotone_delta(d, closed=True) == (second < 0.25)
    assert monotone_delta(d, closed=True, delta=delta) == (second < 0.25)


@pytest.mark.parametrize("n", [1, 2, 5, 50, 1000])
def test_truncated_ramps_have_monotone_delta(n):
    """δ′ is a positive sum Σ sin(kx)/k (Fejér, Jackson, Gronwall)."""
    d, _, delta = spectrum(truncated_ramp(n))
    assert monotone_delta(d, closed=True, delta=delta)
    assert monotone_delta(d, closed=True)


def test_numerical_delta_agrees_with_exact_delta():
    rng, seen = np.random.default_rng(20), []
    for _ in range(60):
        d, _, delta = spectrum(rng.exponential(size=6) * rng.uniform(0.1, 0.6) ** np.arange(6))
        seen.append(monotone_delta(d, closed=True, delta=delta))
        assert monotone_delta(d, closed=True) == seen[-1]
    assert 10 < sum(seen) < 50


def test_step_in_delta_may_go_up_not_down():
    """δ jumps at ½ by s: u d(u) gains s (u − ½)²/2."""
    for step in (1.0, -1.0):
        assert monotone_delta(lambda p, s=step: p**2 / 6 + s * np.maximum(p - 0.5, 0) ** 2 / (2 * p), closed=False) == (
            step > 0
        )


# ---- (★)


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name != "power 0.01"])
def test_star_holds_for_built_in_sources(name):
    result = check_star(BUILT_IN[name][0])
    assert result.holds
    assert result.margin > 0
    assert result.method.startswith("holds; search over triples of sizes from ")
    assert result.method.endswith("by differences of d")


@pytest.mark.parametrize("a", [0.01, 0.1, 0.5, 1.0, 1.5, 2.0])
def test_margin_of_power_laws(a):
    """p w′/(4w) is a/4 at every p, and the value grows with the spread of the sizes."""
    d, derivative = power(a)
    exact = check_star(d, derivative=derivative)
    assert exact.holds
    assert exact.margin == pytest.approx(a / 4, rel=5e-3)
    assert check_star(d).margin == pytest.approx(a / 4, rel=2e-2)


def test_margins_of_circle_and_ramp_are_at_one_third():
    w = 2 - 2 * mp.cos(2 * mp.pi / 3) - 2 * exact_slope([1.0], mp.mpf(1) / 3)
    limit = float(exact_rise_of_w([1.0], mp.mpf(1) / 3) / (4 * w))
    exact = check_star(circle, derivative=spectrum([1.0])[1])
    assert exact.margin == pytest.approx(limit, rel=2e-3)
    assert check_star(naive_circle).margin == pytest.approx(limit, rel=1e-2)
    border = check_star(ramp, derivative=ramp_slope)
    assert border.holds
    assert 0 < border.margin < 1e-6  # the limit is 0, at (⅓, ⅓, ⅓), which (★) excludes
    assert border.witness == pytest.approx([1 / 3] * 3, rel=3e-3)


def test_result_is_frozen_and_has_plain_types():
    result = check_star(ramp)
    assert (type(result.holds), type(result.margin)) == (bool, float)
    assert [type(p) for p in result.witness] == [float] * 3
    with pytest.raises(AttributeError):
        result.holds = False


@pytest.mark.parametrize("ratio", [0.02, 0.1, 0.15, 0.175, 0.2, 0.25, 0.35, 0.5, 0.7, 0.9])
def test_geometric_spectra(ratio):
    c = ratio ** np.arange(1, 13)
    for result in (check_star(spectrum(c)[0]), check_star(spectrum(c)[0], derivative=spectrum(c)[1])):
        assert result.holds == (ratio < 0.178)
        if not result.holds:
            assert exact_second_difference(c, result.witness) < 0
            assert math.fsum(result.witness) <= 1 + 1e-12


def test_critical_ratio_of_geometric_spectra():
    """The first failure is at p₁ = p₂ = p₃ = ⅓, where w′ = 0: r = 0.177884662429…"""
    critical = float(mp.findroot(lambda r: exact_rise_of_w([r**k for k in range(40)], mp.mpf(1) / 3), (0.17, 0.18)))
    assert critical == pytest.approx(0.17788466242952, rel=1e-12)
    for factor, holds in ((1 - 1e-5, True), (1 + 1e-5, False)):
        assert (
            check_star(
                spectrum((critical * factor) ** np.arange(40))[0],
                derivative=spectrum((critical * factor) ** np.arange(40))[1],
            ).holds
            is holds
        )


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 50, 1000])
def test_truncated_ramps_violate_star(n):
    """δ is monotone for each n, and (★) fails for all but the circle: the ramp itself is a border case."""
    c = truncated_ramp(n)
    result = check_star(spectrum(c)[0], derivative=spectrum(c)[1])
    assert result.holds == (n == 1)
    assert result.margin > -0.4 / n
    assert (exact_second_difference(c, result.witness) < 0) == (n > 1)


def test_verdict_on_random_spectra_agrees_with_fresh_triples_in_30_digits():
    rng, held = np.random.default_rng(7), 0
    for _ in range(40):
        c = rng.exponential(size=5) * rng.uniform(0.03, 0.5) ** np.arange(5)
        result = check_star(spectrum(c)[0], derivative=spectrum(c)[1])
        held += result.holds
        if result.holds:
            assert all(exact_second_difference(c, three_sizes(rng)) > 0 for _ in range(40))
        else:
            assert exact_second_difference(c, result.witness) < 0
    assert 8 < held < 32


def moved(c, sizes, step):
    """Sizes on the curve of constant sum and distortion, with the first changed by ``step``."""
    p1, p2, p3 = (mp.mpf(p) for p in sizes)
    total, distortion = p1 + p2 + p3, sum(exact_d(c, p) for p in (p1, p2, p3))
    first = p1 + step

    def excess(second):
        return exact_d(c, first) + exact_d(c, second) + exact_d(c, total - first - second) - distortion

    v1, v2, _ = direction(c, (p1, p2, p3))
    second = mp.findroot(excess, p2 + step * v2 / v1)
    return first, second, total - first - second


def direction(c, sizes):
    s1, s2, s3 = (exact_slope(c, p) for p in sizes)
    return s3 - s2, s1 - s3, s2 - s1


def entropy(sizes):
    return -sum(p * mp.log(p) for p in sizes)


@pytest.mark.parametrize("ratio", [0.1, 0.5])
def test_entropy_along_the_curve_of_constant_distortion(ratio):
    """If (★) holds, shrinking the least cell lowers the entropy; at a violation, growing it does."""
    c = ratio ** np.arange(1, 16)
    result = check_star(spectrum(c)[0], derivative=spectrum(c)[1])
    sizes = (mp.mpf("0.1"), mp.mpf("0.3"), mp.mpf("0.6")) if result.holds else result.witness
    assert direction(c, [mp.mpf(p) for p in sizes])[0] > 0
    assert sizes[0] < sizes[1] < sizes[2]
    change = entropy(moved(c, sizes, mp.mpf("1e-6"))) - entropy(moved(c, sizes, mp.mpf("-1e-6")))
    assert (change > 0) == result.holds == (ratio == 0.1)


def test_one_large_cell_beats_the_biuniform_partition_where_star_fails():
    c = 2.0 ** -np.arange(1, 50)
    large = (mp.mpf("0.744"), mp.mpf("0.128"), mp.mpf("0.128"))
    distortion = sum(exact_d(c, p) for p in large)
    odd = mp.findroot(lambda e: 2 * exact_d(c, (1 - e) / 2) + exact_d(c, e) - distortion, (0.1, 0.2), solver="anderson")
    assert float(distortion) == pytest.approx(0.7552236, abs=1e-7)
    assert float(entropy(large)) == pytest.approx(0.746277, abs=1e-6)
    assert float(entropy([odd, (1 - odd) / 2, (1 - odd) / 2])) == pytest.approx(0.807795, abs=1e-6)
    d, derivative, delta = spectrum(c)
    assert monotone_delta(d, closed=True, delta=delta)
    result = check_star(d, derivative=derivative)
    assert not result.holds
    assert result.margin < -0.3
    assert result.method.startswith("violated; ")


def test_border_is_not_established():
    """With w constant every value is 0."""

    def d(p):
        return p * np.log(p)

    for result in (check_star(d), check_star(d, derivative=lambda p: 1 + np.log(p))):
        assert not result.holds
        assert -1e-4 < result.margin <= 0
        assert result.method.startswith("not established: within its numerical error of 0")


@pytest.mark.parametrize("kink", [0.02, 0.3, 0.5])
@pytest.mark.parametrize("exact", [False, True])
def test_kinks_in_the_slope(kink, exact):
    """δ steps up, or down: w does too."""
    for step, holds in ((2.0, True), (-0.5, kink == 0.5)):

        def d(p, s=step):
            return p**2 / 2 + s * np.maximum(p - kink, 0) ** 2 / 2

        def derivative(p, s=step):
            return p + s * np.maximum(p - kink, 0)

        result = check_star(d, derivative=derivative if exact else None)
        assert result.holds == holds
        if not holds:
            assert result.witness[0] < kink < result.witness[2]


def noise(p):
    """Reproducible noise, without structure at any spacing of differences."""
    return np.sin(1e4 * np.sin(1e15 * p))


@pytest.mark.parametrize("level", [1e-8, 1e-10])
def test_too_noisy_to_tell(level):
    result = check_star(lambda p: p**2 + level * noise(p))
    assert not result.holds
    assert result.method.startswith("not established: rounding errors of d hide the condition for sizes up to ")


def test_noise_at_small_sizes_is_excluded_and_reported():
    quiet, noisy = check_star(lambda p: p**2), check_star(lambda p: p**2 + 1e-15 * noise(p))
    assert quiet.holds
    assert noisy.holds
    assert "sizes from 1.0e-06 to 1," in quiet.method
    assert "sizes from 1.0e-06 to 1," not in noisy.method
    assert noisy.witness[0] > 1e-5


@pytest.mark.parametrize("nothing", [lambda p: 0 * p, lambda p: np.full(p.shape, np.nan)])
def test_nothing_to_tell(nothing):
    for result in (check_star(nothing), check_star(nothing, derivative=nothing)):
        assert not result.holds
        assert math.isnan(result.margin)
        assert result.method.startswith("not established")


def test_verdict_does_not_depend_on_units():
    d, derivative, _ = spectrum([1.0, 0.05, 0.01])
    plain = check_star(d, derivative=derivative)
    for scale in (2.0**-300, 2.0**300):
        assert check_star(lambda p, s=scale: s * d(p), derivative=lambda p, s=scale: s * derivative(p)) == plain
        assert monotone_delta(lambda p, s=scale: s * d(p), closed=True)


def test_arrays_passed_to_the_function_are_its_own():
    def destroys(p):
        value = p**2 / 6
        p[...] = np.nan
        return value

    validate(destroys, 1 / 6, closed=False, name="destroys")
    assert monotone_delta(destroys, closed=False)
    assert check_star(destroys) == check_star(lambda p: p**2 / 6)


def test_the_unit_of_a_source_on_the_border_does_not_matter():
    """(★) of the ramp holds with equality at three sizes of ⅓; rounding depends on the unit."""
    for exponent in (-1.4, -0.7, -0.24, -0.18, 1.04, *np.arange(-2, 2, 0.25)):
        unit = 10.0 ** (2 * exponent)
        outcome = check_star(lambda p, unit=unit: unit * p * p * (2 - p) / 12)
        assert outcome.holds, (exponent, outcome)

"""Spectra of many harmonics, summed once into tables: against direct sums over all of them."""

import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import edcurve as ed
import numpy as np
import pytest
from edcurve.kernels import functions, loops, spectrum, table
from edcurve.sources.spectra import MOST, SUMMED
from edcurve.sources.tables import delta_on_grid, slope_table
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp
from scipy.optimize import brentq

universal = settings(deadline=None, derandomize=True, max_examples=60)
few = settings(deadline=None, derandomize=True, max_examples=15)

NATS = {"base": math.e}
MANY = 100_000
K = np.arange(1.0, MANY + 1)
PRIME = 99_991  # harmonics; none of its multiples has only small factors


def sparse(size):
    rng = np.random.default_rng(1)
    c = np.zeros(size)
    c[rng.choice(size, size // 1000, replace=False)] = rng.exponential(size=size // 1000)
    c[-1] = 1.0
    return c


SPECTRA = {
    "flat": np.ones(MANY),
    "1/k²": K**-2,
    "1/k⁴": K**-4,
    "k": K,
    "2⁻ᵏ": 2.0 ** -K[:1000],
    "sparse": sparse(MANY),
    "prime": sparse(PRIME),
    "lowest and highest": np.where((K < 2) | (K > MANY - 20), 1.0, 0.0),
    "17 octaves": np.where(np.log2(K) % 1 == 0, K**-1.5, 0.0),
    "random": np.random.default_rng(2).exponential(size=MANY) ** 4,
}
FACTORS = np.array([(-1) ** (j + 1) * 2.0 / math.factorial(2 * j + 2) for j in range(1, 13)])


def unit_mean(x):
    """1 − sinc²(πx): its series Σ (−1)^{j+1} 2 (2πx)^{2j}/(2j + 2)! below ½, where the difference cancels."""
    z = (2 * np.pi * np.minimum(x, 0.5)) ** 2
    return np.where(x < 0.5, z * np.polyval(FACTORS[::-1], z), 1 - np.sinc(x) ** 2)


def unit_slope(x):
    """1 − 2 sinc(2πx) + sinc²(πx), by the derivative of the series times x."""
    z = (2 * np.pi * np.minimum(x, 0.5)) ** 2
    odd = 2 * np.arange(1, 13) + 1
    return np.where(x < 0.5, z * np.polyval((odd * FACTORS)[::-1], z), 1 - 2 * np.sinc(2 * x) + np.sinc(x) ** 2)


def direct(c, p, term=unit_mean):
    """Σ c_k term(kp), one number for each p."""
    used = np.flatnonzero(c)
    return np.array([np.sum(c[used] * term((used + 1.0) * x)) for x in np.ravel(p)])


@cache
def made(name):
    return ed.Source.from_spectrum(SPECTRA[name], name=name)


def sizes(n):
    """Sizes from 1e-12 to 1: ½, 1 and ends of intervals with neighbours, and the end of the series."""
    rng = np.random.default_rng(3)
    table = made("flat").law.parameters
    intervals = table.intervals
    ends = rng.integers(1, int(intervals) // 2, 6) / intervals
    marked = np.concatenate([[0.5, 1.0, table.small, 1 / n, 1 / 3, 0.75, 1 - 1e-9, 1 - 1 / n], ends])
    near = np.concatenate([marked, np.nextafter(marked, 0), np.nextafter(marked, 1)])
    return np.unique(np.concatenate([np.geomspace(1e-12, 1, 25), near[near <= 1], rng.uniform(0, 1, 8)]))


# --- d and what is made of it ---------------------------------------------------------------------------------------


def test_direct_sums_against_40_digits():
    """Against 40 digits: the tests below rely on it."""
    with mp.workdps(40):
        for x in (1e-9, 0.01, 0.3, 0.4999, 0.5, 0.51, 1.5, 7.25, 12345.678):
            y, z = mp.mpf(x) * mp.pi, 2 * mp.mpf(x) * mp.pi
            assert unit_mean(x) == pytest.approx(float(1 - (mp.sin(y) / y) ** 2), rel=1e-14, abs=0)
            slope = 1 - 2 * mp.sin(z) / z + (mp.sin(y) / y) ** 2
            assert unit_slope(x) == pytest.approx(float(slope), rel=1e-13, abs=0)


@pytest.mark.parametrize("name", SPECTRA)
def test_cell_distortion_against_direct_sums(name):
    """To 1e-11: the largest error seen is 1e-12, the accuracy of a transform of 10⁵ terms at the start of a band."""
    source, c = made(name), SPECTRA[name]
    assert source.law.model is table
    p = sizes(c.size)
    assert source.cell_distortion(p) == pytest.approx(p * direct(c, p), rel=1e-11, abs=0)
    assert source.cell_distortion([0.0, 1.0]).tolist() == [0.0, source.max_distortion]
    assert source.max_distortion == math.fsum(c)


@pytest.mark.parametrize("name", ["flat", "1/k²", "sparse", "17 octaves", "k"])
def test_derivative_against_direct_sums(name):
    """To 1e-10 of d′ on [0, ½], from a separate table."""
    c = SPECTRA[name][:20_011]
    p = sizes(c.size)
    p = p[p <= 0.5][::2]
    assert slope_table(c).at(p) == pytest.approx(direct(c, p, unit_slope), rel=1e-10, abs=0)
    above = np.array([0.5000001, 0.6, 0.75, 0.99, 1.0])
    reflected = ed.Source.from_spectrum(c)._reflected(slope_table(c).at, above)
    assert reflected == pytest.approx(direct(c, above, unit_slope), rel=1e-10, abs=0)


@pytest.mark.parametrize("name", ["1/k²", "sparse", "prime"])
@pytest.mark.parametrize("intervals", [1000, 4096, 30_000])
def test_delta_on_a_grid(name, intervals):
    """Also with aliasing of harmonics beyond the grid's last."""
    c = SPECTRA[name]
    actual = delta_on_grid(c, intervals)
    at = np.array([0, 1, 7, intervals // 3, intervals // 2, intervals - 1, intervals])
    k = np.arange(1, c.size + 1)
    want = [2 * np.sum(c * (1 - np.cos(np.pi * ((k * i) % (2 * intervals)) / intervals))) for i in at.tolist()]
    assert actual[at] == pytest.approx(want, rel=1e-11, abs=1e-11 * c.sum())


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("odd", [1e-9, 1e-6, 1e-4, 0.01, 0.3, 0.499])
def test_deficit_of_one_cell_and_an_odd_one(name, odd):
    """D_max − d(1−ε) − d(ε) = ε Σ c_k sinc²(πkε)/(1 − ε), to the rounding of D_max."""
    c = SPECTRA[name]
    used = np.flatnonzero(c)
    rest = np.sum(c[used] * np.sinc((used + 1.0) * odd) ** 2)
    result = table.deficit(made(name).law.parameters, odd) * (1 - odd) / odd
    assert result == pytest.approx(rest, rel=1e-11, abs=1e-12 * c.sum())


@pytest.mark.parametrize("name", ["1/k²", "1/k⁴", "2⁻ᵏ", "17 octaves"])
def test_size_is_the_inverse_of_mean(name):
    source = made(name)
    for p in (1e-9, 1e-6, 1e-5, 3.34e-6, 1e-3, 0.1, 0.4999, 0.5, 0.7):
        x = float(direct(SPECTRA[name], p)[0])
        assert table.size(source.law.parameters, x) == pytest.approx(p, rel=1e-10, abs=0)


# --- sources for which all functions have an answer -----------------------------------------------------------------


@cache
def ramp_wave():
    """65536 harmonics, for which (★) holds to the truncation."""
    return ed.Source.from_waveform(lambda t: t)


def decay():
    """40 harmonics c_k = 0.1ᵏ: (★) holds."""
    return ed.Source.from_spectrum(0.1 ** np.arange(1, 41))


def optimum(c, D):
    """Biuniform entropy in nats by bisection on direct sums."""

    def level(count):
        return float(direct(c, 1 / count)[0])

    count = 1
    while level(count + 1) > D:
        count += 1

    def total(odd):
        return float(((1 - odd) * direct(c, (1 - odd) / count) + odd * direct(c, odd))[0]) - D

    odd = brentq(total, 1e-300, 1 / (count + 1), xtol=1e-300, rtol=1e-15)
    return -(1 - odd) * math.log((1 - odd) / count) - odd * math.log(odd)


@pytest.mark.parametrize("ratio", [1 - 1e-5, 0.999, 0.9, 0.6, 0.5, 0.2, 0.05, 0.01])
@pytest.mark.parametrize("make", [ramp_wave, decay])
def test_entropy_distortion_against_direct_sums(make, ratio):
    """Near D_max the rounding of D_max adds 1e-16/(1 − D/D_max)."""
    source = make()
    D = ratio * source.max_distortion
    want = optimum(source.energies, D)
    assert ed.entropy_distortion(source, D, **NATS) == pytest.approx(want, rel=1e-10 + 1e-15 / (1 - ratio), abs=0)
    assert ed.upper_bound(source, D, **NATS) == ed.entropy_distortion(source, D, **NATS)
    assert ed.distortion_entropy(source, want, **NATS) == pytest.approx(D, rel=1e-10, abs=0)
    part = ed.partition(source, D)
    reached = part.count * source.cell_distortion(part.size) + source.cell_distortion(part.odd)
    assert reached == pytest.approx(D, rel=1e-12, abs=0)


@pytest.mark.parametrize("make", [ramp_wave, decay, lambda: made("1/k²")])
def test_lower_bound_against_direct_sums(make):
    """Left of the tangent point −ln p at d(p)/p = D."""
    source = make()
    for p in (1e-9, 1e-6, 1e-4, 0.01, 0.1, 0.2):
        D = float(direct(source.energies, p)[0])
        assert ed.lower_bound(source, D, **NATS) == pytest.approx(-math.log(p), rel=1e-10, abs=0)
    inner = source.max_distortion * np.linspace(0.01, 0.999, 40)
    assert (ed.lower_bound(source, inner) <= ed.upper_bound(source, inner[::8]).max() + 30).all()
    straight = ed.lower_bound(source, source.max_distortion * np.array([0.8, 0.9, 1.0]), **NATS)
    assert straight[0] == pytest.approx(2 * straight[1], rel=1e-9, abs=0)


@pytest.mark.parametrize("make", [ramp_wave, decay])
@pytest.mark.parametrize("lmbda", [0.0, 0.5, 3.0, 20.0, 100.0, 3000.0])
def test_lagrangian_against_direct_sums(make, lmbda):
    source = make()
    lmbda = lmbda / source.max_distortion
    result = ed.lagrangian(source, lmbda, **NATS)
    counts = np.unique(np.maximum(1.0, np.concatenate([np.arange(20), result.cells + np.arange(-9.0, 10)])))
    values = np.log(counts) + lmbda * direct(source.energies, 1 / counts)
    assert result.value == pytest.approx(values.min(), rel=1e-11, abs=0)
    assert result.cells == counts[values.argmin()]


def test_hull_and_curve_of_a_table():
    """The hull goes through the points (K d(1/K), log K) on it, and is nowhere above E."""
    source = decay()
    curve = ed.curve(source, num=40)
    assert curve.status == "exact (checked numerically)"
    for column in (curve.lower, curve.hull, curve.entropy):
        assert (np.diff(column) <= 0).all()
    assert (curve.lower <= curve.hull).all()
    assert (curve.hull <= curve.entropy).all()
    at = direct(source.energies, 1 / np.arange(4.0, 9))
    assert ed.convex_hull(source, at) == pytest.approx(np.log2(np.arange(4, 9)), rel=1e-10, abs=0)
    assert ed.entropy_distortion(source, at) == pytest.approx(np.log2(np.arange(4, 9)), rel=1e-6, abs=0)


# --- from sums to tables --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [1, 3, 1000])
def test_sixteen_harmonics_and_seventeen(gap):
    """The sum and the table agree."""
    rng = np.random.default_rng(4)
    c = np.zeros(17 * gap)
    c[gap - 1 :: gap] = rng.exponential(size=17)
    assert ed.Source.from_spectrum(c).law.model is table
    c[gap - 1] = 0.0
    less = ed.Source.from_spectrum(c)
    assert less.law.model is spectrum
    c[gap - 1] = 1e-300
    more = ed.Source.from_spectrum(c)
    assert more.law.model is table
    assert np.count_nonzero(less.energies) == SUMMED
    p = sizes(c.size)
    assert more.cell_distortion(p) == pytest.approx(less.cell_distortion(p), rel=1e-11, abs=0)
    assert more.monotone == less.monotone
    assert more.condition.holds == less.condition.holds


@universal
@given(
    st.lists(st.floats(1e-6, 1e6), min_size=17, max_size=60),
    st.floats(1e-12, 1),
    st.sampled_from([1.0, 1e-150, 1e150]),
)
def test_tables_agree_with_sums(c, p, unit):
    source = ed.Source.from_spectrum(np.array(c) * unit)
    assert source.law.model is table
    want = spectrum.mean(spectrum.Parameters(0.0, 0.0, source.energies.tolist()), p) * p
    assert source.cell_distortion(p) == pytest.approx(want, rel=1e-11, abs=0)


@universal
@given(st.integers(1, 40), st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=3), st.floats(1e-9, 1))
def test_a_spectrum_of_multiples(step, c, p):
    """Only harmonics n, 2n, …: p ↦ np where it is at most 1."""
    spread = np.zeros(step * len(c))
    spread[step - 1 :: step] = c
    source, base = ed.Source.from_spectrum(spread), ed.Source.from_spectrum(c)
    size = p / step
    want = base.cell_distortion(p) / step
    assert source.cell_distortion(size) == pytest.approx(want, rel=1e-12, abs=0)


def test_one_harmonic_however_high():
    source = ed.Source.from_spectrum([0.0] * (MANY - 1) + [3.0])
    p = np.array([1e-12, 1e-9, 1e-6, 1e-5, 0.123, 0.5, np.nextafter(0.5, 0), np.nextafter(0.5, 1), 0.9, 1.0])
    assert source.cell_distortion(p) == pytest.approx(3 * p * unit_mean(MANY * p), rel=1e-12, abs=0)
    assert source.status == "upper bound"
    assert not source.monotone


def test_one_harmonic_is_the_circle():
    source, circle = ed.Source.from_spectrum([1.0]), ed.Circle()
    D = np.concatenate([10.0 ** np.arange(-9, 0), np.linspace(0.05, 0.9999, 60)])
    close = {"rel": 1e-11, "abs": 0}
    for function in (ed.entropy_distortion, ed.upper_bound, ed.lower_bound, ed.convex_hull):
        assert function(source, D) == pytest.approx(function(circle, D), **close)
    assert ed.distortion_entropy(source, D * 9) == pytest.approx(ed.distortion_entropy(circle, D * 9), **close)
    p = np.geomspace(1e-12, 1, 50)
    assert source.cell_distortion(p) == pytest.approx(circle.cell_distortion(p), rel=1e-14, abs=0)
    actual, expected = (ed.lagrangian(x, np.geomspace(0.1, 1e6, 40)) for x in (source, circle))
    assert actual.cells.tolist() == expected.cells.tolist()
    assert actual.value == pytest.approx(expected.value, **close)
    assert ed.harmonics(source, 3) if hasattr(ed, "harmonics") else source.harmonics(3).tolist() == [1, 0, 0]
    for D in (0.9, 0.3, 0.01):
        actual, expected = ed.quantizer(source, D), ed.quantizer(circle, D)
        assert actual.cells == expected.cells
        assert actual.centroids == pytest.approx(expected.centroids, rel=1e-9, abs=1e-12)
        v = np.random.default_rng(5).uniform(0, 1, 200)
        points = np.stack([np.cos(2 * np.pi * v), np.sin(2 * np.pi * v)], axis=-1)
        assert np.array_equal(actual.encode(points), expected.encode(points))
    actual, expected = ed.curve(source, num=30), ed.curve(circle, num=30)
    for column in ("distortion", "entropy", "lower", "hull"):
        assert getattr(actual, column)[:-1] == pytest.approx(getattr(expected, column)[:-1], rel=1e-9, abs=0)
    assert actual.status == "exact (checked numerically)"


# --- compiled, pickled, threaded ------------------------------------------------------------------------------------


def test_compiled_and_interpreted_agree():
    """To the rounding of the compiler's own logarithm."""
    source = made("1/k²")
    D = source.max_distortion * np.geomspace(1e-9, 0.999, 23)
    law = source.law
    for function in (functions.entropy, functions.lower, functions.distortion):
        x = D if function is not functions.distortion else np.linspace(0.1, 20, 23)
        compiled = loops.evaluate(function, law, (), x)
        interpreted = [function(law.model, law.parameters, (), value) for value in x.tolist()]
        assert compiled == pytest.approx(interpreted, rel=1e-13, abs=0)
    p = sizes(MANY)
    assert source.cell_distortion(p) == pytest.approx(
        [x * table.mean(law.parameters, x) for x in p.tolist()], rel=1e-15
    )


def test_arrays_threads_and_scalars_agree():
    source = made("1/k²")
    D = source.max_distortion * np.random.default_rng(6).uniform(0.001, 0.999, (2, 20_000))
    want = ed.lower_bound(source, D)
    assert np.array_equal(ed.lower_bound(source, np.asfortranarray(D)), want)
    assert np.array_equal(ed.lower_bound(source, D[:, ::-7]), want[:, ::-7])
    with ThreadPoolExecutor(8) as pool:
        for actual in pool.map(lambda _: ed.lower_bound(source, D), range(8)):
            assert np.array_equal(actual, want)
    for i in range(0, 20_000, 4000):
        assert ed.lower_bound(source, float(D[0, i])) == pytest.approx(want[0, i], rel=1e-14, abs=0)


def test_pickles_equality_and_hashes():
    c = SPECTRA["sparse"][:5000]
    source = ed.Source.from_spectrum(c, name="sparse")
    same = ed.Source.from_spectrum(c.tolist(), name="other")
    assert source == same
    assert hash(source) == hash(same)
    assert source != ed.Source.from_spectrum(c * (1 + 2**-52))
    assert source == ed.Source.from_spectrum([*c, 0.0, 0.0])
    copy = pickle.loads(pickle.dumps(source))
    assert copy == source
    assert hash(copy) == hash(source)
    assert copy.name == "sparse"
    p = sizes(5000)
    assert np.array_equal(copy.cell_distortion(p), source.cell_distortion(p))


def test_scaled_spectra():
    """A table is scaled, not recomputed: exactly, by powers of two."""
    source = made("1/k²")
    p = sizes(MANY)
    for a in (2.0, -3.0, 1e-9):
        scaled = source.scaled(a)
        assert scaled.max_distortion == pytest.approx(a * a * source.max_distortion, rel=1e-15)
        assert scaled.cell_distortion(p) == pytest.approx(a * a * source.cell_distortion(p), rel=1e-14, abs=0)
        assert ed.lower_bound(scaled, a * a * 0.3) == pytest.approx(ed.lower_bound(source, 0.3), rel=1e-12, abs=0)
    assert np.array_equal(source.scaled(2.0).scaled(0.5).cell_distortion(p), source.cell_distortion(p))
    assert source.scaled(2.0).scaled(0.5) == source
    assert source.scaled(2.0) == ed.Source.from_spectrum(4 * SPECTRA["1/k²"])
    assert source.scaled(-1.0) != source
    assert source.cell_distortion(0.3) == pytest.approx(0.3 * direct(SPECTRA["1/k²"], 0.3)[0], rel=1e-11)


# --- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("c", "error", "message"),
    [
        ([], ValueError, "c must be a sequence of energies, not all 0"),
        ([0.0, 0.0], ValueError, "c must be a sequence of energies, not all 0"),
        (1.0, ValueError, r"c must be a sequence of energies, not all 0, got an array of shape \(\)"),
        ([[1.0]], ValueError, r"got an array of shape \(1, 1\)"),
        ([1.0, -1e-9], ValueError, "c must be at least 0 and finite, got -1e-09 at index 1"),
        ([1.0, math.nan], ValueError, "c must be at least 0 and finite, got nan at index 1"),
        ([1.0, math.inf], ValueError, "c must be at least 0 and finite, got inf at index 1"),
        ([1e308, 1e308], ValueError, r"c must have a finite sum, got energies up to 1e\+308"),
        ([1j], TypeError, "c must be a real number"),
        (["1"], TypeError, "c must be a real number"),
        (None, TypeError, "c must be a real number"),
        (np.ma.masked_array([1.0, 2.0], mask=[0, 1]), TypeError, "masked"),
    ],
)
def test_what_is_no_spectrum(c, error, message):
    with pytest.raises(error, match=message):
        ed.Source.from_spectrum(c)


def test_the_limit_on_energies():
    with pytest.raises(ValueError, match=f"c must have at most {MOST} energies, got {MOST + 1}"):
        ed.Source.from_spectrum(np.ones(MOST + 1))
    # trailing zeros do not count
    assert ed.Source.from_spectrum(np.eye(1, MOST + 1)[0]) == ed.Source.from_spectrum([1.0])


def test_the_callers_spectrum_is_neither_kept_nor_changed():
    c = np.ones(30)
    source = ed.Source.from_spectrum(c)
    before = source.cell_distortion(0.3)
    c[:] = 7.0
    assert source.cell_distortion(0.3) == before
    source.energies[0] = 9.0
    assert source.energies.tolist() == [1.0] * 30


@few
@given(st.integers(17, 200), st.integers(0, 2**32 - 1))
def test_realizations_of_a_table(size, seed):
    """Encoding a realization is encoding its phase, and coordinates have the energies as their variances."""
    c = np.random.default_rng(seed).exponential(size=size)
    source = ed.Source.from_spectrum(c)
    v = np.random.default_rng(seed + 1).uniform(0, 1, 20)
    k = np.arange(1, size + 1)
    turns = 2 * np.pi * np.outer(v, k)
    points = np.stack([np.cos(turns), np.sin(turns)], axis=-1) * np.sqrt(c)[:, None]
    result = source.phase(points.reshape(20, -1))
    assert np.abs((result - v + 0.5) % 1 - 0.5).max() < 1e-9

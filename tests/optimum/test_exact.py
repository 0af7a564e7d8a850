"""The public functions against 50-digit arithmetic: relative error at most 1e-12 at every built-in source."""

import json
import math
from pathlib import Path

import edcurve as ed
import numpy as np
import oracle
import pytest
from mpmath import mp, mpf

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "values.json").read_text())
REFERENCE_SOURCES = ("ramp", "circle", "sawbridge", "uniform")
SOURCES = (*REFERENCE_SOURCES, "sinusoid", "power:0.05", "power:0.3", "power:1.5", "power:2.0")
LEVELS = (*range(2, 13), 100, 12345, 10**7, 10**9)

# The package's contract. A double carries 1e-16, a logarithm of up to 50 nats or a power 1/a = 20 takes a
# digit or two, the rest is margin. The expected value is for the double D, so rounding D does not count.
RTOL = 1e-12

FUNCTIONS = {
    "entropy_distortion": oracle.entropy,
    "lower_bound": oracle.dual,
    "convex_hull": oracle.hull,
}
NATS = {"base": math.e}


def tiny(rng, size):
    return 10 ** rng.uniform(math.log10(3e-21), -3, size)


def middle(rng, size):
    return rng.uniform(1e-3, 0.9, size)


def near_one(rng, size):
    return 1 - 10 ** rng.uniform(-5, math.log10(0.5), size)


def distortions(source, ratios, seed=20220517, size=40):
    return float(oracle.max_distortion(source)) * ratios(np.random.default_rng(seed), size)


def around(source, K):
    """Return the double nearest to D_K between its two neighbours."""
    D = float(oracle.level(source, K))
    return np.array([np.nextafter(D, 0), D, np.nextafter(D, np.inf)])


def log_uniform(low, high, size, seed=97):
    return np.exp(np.random.default_rng(seed).uniform(math.log(low), math.log(high), size))


def assert_accurate(source, at, got, want, rtol=RTOL):
    """Compare an array with mpmath values in relative error and name the worst point."""
    assert isinstance(got, np.ndarray)
    assert got.dtype == np.float64
    assert got.shape == at.shape == (len(want),)
    assert got.size > 0
    assert np.isfinite(got).all()
    errors = [float(abs((mpf(float(g)) - w) / w)) for g, w in zip(got, want, strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= rtol, (
        f"{source} at {float(at[worst])!r}: got {float(got[worst])!r}, want {mp.nstr(want[worst], 20)}, "
        f"relative error {errors[worst]:.2e} ({sum(e > rtol for e in errors)} of {len(errors)} exceed {rtol})"
    )


@pytest.mark.parametrize("ratios", [tiny, middle, near_one], ids=lambda ratios: ratios.__name__)
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_random_distortions(name, source, ratios):
    D = distortions(source, ratios)
    got = getattr(ed, name)(source, D, **NATS)
    assert_accurate(source, D, got, [FUNCTIONS[name](source, x) for x in D])


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_at_levels(name, source):
    """At float(D_K) and one ulp either side the count of cells changes; on the left E has slope −∞."""
    D = np.concatenate([around(source, K) for K in LEVELS])
    got = getattr(ed, name)(source, D, **NATS)
    assert_accurate(source, D, got, [FUNCTIONS[name](source, x) for x in D])


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_at_max_distortion(name, source):
    """Within ulps of D_max, where E is about 1e-15, D counts as given to four ulps; above D_max E is 0.

    The relative contract ends at D/D_max = 1 − 1e-5; four ulps allow for a product or two in D_max − D.
    """
    for x in around(source, 1):
        got = getattr(ed, name)(source, float(x), **NATS)
        low, high = (float(FUNCTIONS[name](source, x + ulps * np.spacing(x))) for ulps in (4, -4))
        assert low <= got <= high, f"{source} at {float(x)!r}: got {got!r}, allowed [{low!r}, {high!r}]"
    above = [float(oracle.max_distortion(source)) * factor for factor in (1 + 1e-15, 2.0, 1e300)]
    assert np.array_equal(getattr(ed, name)(source, np.array(above), **NATS), np.zeros(3))


@pytest.mark.parametrize("source", REFERENCE_SOURCES)
@pytest.mark.parametrize(("name", "key"), [("entropy_distortion", "entropy"), ("lower_bound", "dual")])
def test_reference_values(name, key, source):
    rows = REFERENCE[source]
    D = np.array([row["distortion"] for row in rows])
    assert_accurate(source, D, getattr(ed, name)(source, D, **NATS), [mpf(row[key]) for row in rows])


@pytest.mark.parametrize("source", REFERENCE_SOURCES)
def test_reference_hull_vertices(source):
    """The hull passes through (D_K, log K) at its vertices; K = 1, entropy 0, is test_at_max_distortion's."""
    rows = REFERENCE[f"{source}_hull"][1:]
    D = np.array([float(row["distortion"]) for row in rows])
    got = ed.convex_hull(source, D, **NATS)
    # the double nearest to D_K instead of D_K moves the hull by |slope| D 1e-16 ~ 1e-16
    assert_accurate(source, D, got, [mpf(row["entropy"]) for row in rows])


@pytest.mark.parametrize(("source", "missing"), [("ramp", [2, 3]), ("circle", [2]), ("sinusoid", [2])])
def test_levels_above_the_hull(source, missing):
    """K = 2, 3 are no vertices of the ramp's hull, nor is K = 2 of the circle's: log K is above the chord.

    By 0.077 and 0.0033 nats for the ramp and 0.04 for the circle, so that 1e-3 tells.
    """
    K = np.array(missing)
    D = np.array([float(oracle.level(source, k)) for k in missing])
    got = ed.convex_hull(source, D, **NATS)
    first, last = 1, missing[-1] + 1
    slope = mp.log(last) / (oracle.level(source, first) - oracle.level(source, last))
    assert_accurate(source, D, got, [slope * (oracle.level(source, first) - x) for x in D])
    assert (got < np.log(K) - 1e-3).all()


@pytest.mark.parametrize("source", SOURCES)
def test_partition(source):
    """The cells fill the unit interval and meet the distortion, and their number is right."""
    d = oracle.cell_distortion(source)
    ratios = np.concatenate([log_uniform(1e-12, 1e-3, 12), log_uniform(1e-3, 1 - 1e-5, 12)])
    for D in float(oracle.max_distortion(source)) * ratios:
        partition = ed.partition(source, float(D))
        count, size, odd = int(partition.count), mpf(partition.size), mpf(partition.odd)
        want, _ = oracle.partition(source, D)
        # count K and K + 1 meet at a level; a double D tells them apart while K ≪ 1e16
        assert count == want if want < 10**9 else abs(count - want) <= RTOL * want
        assert 0 <= odd <= size * (1 + 1e-15)
        assert abs(count * size + odd - 1) <= RTOL
        assert abs(count * d(size) + d(odd) - mpf(D)) <= RTOL * mpf(D)


@pytest.mark.parametrize("source", SOURCES)
def test_distortion_entropy(source):
    """The inverse at log-uniform entropies, and at the doubles nearest to log K."""
    H = np.concatenate([log_uniform(1e-4, 48, 40), np.log(LEVELS)])
    got = ed.distortion_entropy(source, H, **NATS)
    assert_accurate(source, H, got, [oracle.distortion(source, h) for h in H])


@pytest.mark.parametrize("source", SOURCES)
def test_round_trip(source):
    """E(D ± 1e-12 D) brackets H at D = D(H): a round trip at the accuracy of D, in which E is steep."""
    H = log_uniform(1e-4, 23, 40, seed=98)  # 23 nats: D/D_max ≥ 1e-20 even where D ~ exp(−2H)
    D = ed.distortion_entropy(source, H, **NATS)
    more, less = (ed.entropy_distortion(source, D * factor, **NATS) for factor in (1 - RTOL, 1 + RTOL))
    assert D.shape == H.shape
    assert (less * (1 - RTOL) <= H).all()
    assert (more * (1 + RTOL) >= H).all()
    assert (less < more).all()


@pytest.mark.parametrize("base", [2, 10])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_base(name, source, base):
    """Entropies scale by 1/log(base); the tolerance is the contract's, one rounding being 1e-16."""
    D = distortions(source, tiny, size=10)
    got = getattr(ed, name)(source, D, base=base)
    assert_accurate(source, D, got, [FUNCTIONS[name](source, x) / mp.log(base) for x in D])


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_default_base_is_two(name, source):
    D = distortions(source, middle, size=10)
    assert np.array_equal(getattr(ed, name)(source, D), getattr(ed, name)(source, D, base=2))


@pytest.mark.parametrize("base", [2, 10])
@pytest.mark.parametrize("source", SOURCES)
def test_base_of_the_inverse(source, base):
    """An entropy of H in the base is H log(base) nats; rounding that product moves log D by 1e-14 at most."""
    H = log_uniform(1e-4, 23, 10, seed=99)
    got = ed.distortion_entropy(source, H / math.log(base), base=base)
    assert_accurate(source, H, got, [oracle.distortion(source, h) for h in H])


def one_cell_and_an_odd_one(energy, D):
    """E(D) and ε in 50 digits for a circle of any energy, where two cells suffice."""
    d = oracle.cell_distortion("circle")
    below = 1 - mpf(D) / energy
    odd = oracle._root(lambda e: 1 - d(1 - e) - d(e) - below, mpf(0), mpf(0.5), below * mpf("1e-30"))
    return -(1 - odd) * mp.log(1 - odd) - odd * mp.log(odd), odd


AMPLITUDES = (0.07084229783774196, 3.0, 1e-3, 0.7, 12345.678, 1e-80)


@pytest.mark.parametrize("factor", AMPLITUDES)
@pytest.mark.parametrize("name", ["circle", "sinusoid"])
def test_scaled_circles_near_the_largest_distortion(name, factor):
    """D_max of aX is not a double: its rounding error may be as large as D_max − D."""
    source = getattr(ed, name.capitalize())().scaled(factor)
    with mp.workdps(50):
        energy = mpf(factor) ** 2 / (1 if name == "circle" else 2)
        shares = 1 - np.array([1e-14, 3e-12, 1.00108e-5, 0.003, 0.1, 0.4])
        reported = [0.0025092904606265564] if (name, factor) == ("sinusoid", AMPLITUDES[0]) else []
        for D in [float(energy) * share for share in shares] + reported:
            want, odd = one_cell_and_an_odd_one(energy, D)
            assert ed.entropy_distortion(source, D, **NATS) == pytest.approx(float(want), rel=1e-14, abs=0)
            assert ed.partition(source, D).odd == pytest.approx(float(odd), rel=1e-14, abs=0)
            hull = mp.log(3) * (energy - D) / (energy * (mp.sinpi(mpf(1) / 3) * 3 / mp.pi) ** 2)
            assert ed.convex_hull(source, D, **NATS) == pytest.approx(float(hull), rel=1e-13, abs=0)


def test_a_scaled_circle_is_within_its_certificate():
    source, D = ed.Sinusoid().scaled(AMPLITUDES[0]), 0.0025092904606265564
    certificate = ed.certify(source, D, base=math.e)
    assert certificate.lower <= ed.entropy_distortion(source, D, **NATS) <= certificate.upper


@pytest.mark.parametrize("factor", AMPLITUDES)
def test_many_cells_of_scaled_circles(factor):
    """K and ε of the double D exactly: those of the leading term 1 − sinc² ≈ (πp)²/3 − 2(πp)⁴/45."""
    source = ed.Circle().scaled(factor)
    with mp.workdps(80):
        for K, odd in ((10**7, 0.3), (10**9, 0.5), (10**12, 0.7)):
            D = float(mp.pi**2 / 3 / (mpf(K) + odd) ** 2 * mpf(factor) ** 2)

            def mean(p):
                return (mp.pi * p) ** 2 / 3 - 2 * (mp.pi * p) ** 4 / 45

            level = mpf(D) / mpf(factor) ** 2
            count = int(1 / mp.sqrt(3 * level * (1 + 2 * level / 5)) * mp.pi)
            result = ed.partition(source, D)
            assert result.count == count
            e = mpf(result.odd)
            reached = (1 - e) * mean((1 - e) / count) + e * mean(e)
            assert reached == pytest.approx(level, rel=4e-16 / count, abs=0) or result.count == K


@pytest.mark.parametrize("a", [1e-12, 1e-6, 1e-3, 0.02])
def test_small_exponents(a):
    """E(D) to full precision, and the hull within 1e-15/a, as `PowerLaw` says."""
    source = f"power:{a!r}"
    most = float(oracle.max_distortion(source))
    D = most * np.exp(-a * np.array([1e-12, 1e-6, 0.01, 0.3, 0.69, 0.7, 0.8, 1.5, 3.0, 4.3, 7.7]))
    D = D[most > D]
    got = ed.entropy_distortion(source, D, **NATS)
    assert_accurate(source, D, got, [oracle.entropy(source, x) for x in D.tolist()], rtol=1e-14)
    if a >= 1e-6:
        hull = ed.convex_hull(source, D[3:8], **NATS)
        assert_accurate(source, D[3:8], hull, [oracle.hull(source, x) for x in D[3:8].tolist()], rtol=1e-14 + 1e-15 / a)


# leading terms of d(p)/p at small p, from the definition of each source: coefficient and power
FIRST_TERMS = {
    "square": (ed.Square(), 4 / 3, 1),
    "triangle": (ed.Triangle(), 4 / 3, 2),
    "scaled square": (ed.Square().scaled(1e-20), 4e-40 / 3, 1),
    "p² by a function": (ed.Source(lambda p: p * p / 6, max_distortion=1 / 6, closed=False), 1 / 6, 1),
    "p³ by a function": (ed.Source(lambda p: p**3 / 12, max_distortion=1 / 12, closed=False), 1 / 12, 2),
    "p¹·⁰⁰¹ by a function": (ed.Source(lambda p: p**1.001, max_distortion=1.0, closed=False), 1.0, 1.001 - 1.0),
    "p⁵ on the way": (ed.Source(lambda p: p**5 / (12 * p * p), max_distortion=1 / 12, closed=False), 1 / 12, 2),
}


@pytest.mark.filterwarnings("ignore:cell_distortion")
@pytest.mark.parametrize("source", FIRST_TERMS)
@pytest.mark.parametrize("function", [ed.entropy_distortion, ed.upper_bound, ed.lower_bound, ed.convex_hull])
def test_distortions_down_to_the_least_number(function, source):
    """With so many cells, E is −ln p where a pᵇ = D."""
    law, first, power = FIRST_TERMS[source]
    least = 1e-300 if source == "scaled square" else 5e-324
    for D in (1e-90, 1e-100, 1e-112, 1e-150, 1e-200, 1e-250, 1e-290, 1e-300, least):
        with mp.workdps(50):
            want = float((mp.log(first) - mp.log(D)) / power)
        # E(p^1.001) changes by 1000 where ln D changes by 1
        assert function(law, D, **NATS) == pytest.approx(want, rel=1e-13, abs=0), D


@pytest.mark.filterwarnings("ignore:cell_distortion")
@pytest.mark.parametrize("source", FIRST_TERMS)
def test_entropies_of_cells_smaller_than_any_number(source):
    law, first, power = FIRST_TERMS[source]
    for nats in (100.0, 300.0, 690.0, 705.0, 760.0, 5000.0):
        want = math.exp(math.log(first) - power * nats)
        if want > 1e-300 or want == 0.0:
            assert ed.distortion_entropy(law, nats, **NATS) == pytest.approx(want, rel=1e-11, abs=0), nats


@pytest.mark.parametrize("exponent", [1e-6, 1e-12])
@pytest.mark.parametrize("share", [0.999, 0.9, 1e-100])
def test_exponents_so_small_that_no_cell_has_a_size(exponent, share):
    """There E is ln(D_max/D)/a to double precision, because the number of cells is huge."""
    source = ed.PowerLaw(exponent)
    distortion = share * source.max_distortion
    with mp.workdps(50):
        a = mpf(exponent)
        expected = float(mp.log(1 / ((a + 1) * (a + 2)) / mpf(distortion)) / a)
    for function in (ed.entropy_distortion, ed.upper_bound, ed.lower_bound, ed.convex_hull):
        assert function(source, distortion, **NATS) == pytest.approx(expected, rel=1e-13)
        assert function(source, np.full(3, distortion), **NATS) == pytest.approx(expected, rel=1e-13)

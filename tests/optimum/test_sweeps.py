"""The Lagrangian over λ and the convex hull of E(D): against brute force, 60 digits and each other."""

import math
from itertools import pairwise

import edcurve as ed
import numpy as np
import oracle
import pytest
from edcurve.optimum import sweeps
from edcurve.optimum.envelopes import vertices
from edcurve.sources import resolve
from mpmath import mp, mpf
from scipy.optimize import minimize_scalar

NAMES = ("ramp", "circle", "sinusoid", "sawbridge", "uniform", "power:0.3", "power:1.4")
EXPONENT = {"ramp": 1, "circle": 2, "sinusoid": 2, "sawbridge": 1, "uniform": 2, "power:0.3": 0.3, "power:1.4": 1.4}
NATS = {"base": math.e}
FIELDS = ("lmbda", "cells", "entropy", "distortion", "value", "uniform")


def multipliers(source, cells):
    """λ in nats at which about K cells are best: K^a/(a D_max) if d(p) ~ p^(a+1) D_max."""
    a = EXPONENT[source]
    return np.asarray(cells, dtype=float) ** a / (a * resolve(source).max_distortion)


def uniform_values(source, lmbda, most):
    K = np.arange(1.0, most + 1)
    return np.log(K) + lmbda * K * source.cell_distortion(1 / K)


def least(source, lmbda):
    """Return the least ln K + λ D_K in 60 digits: over the first 16 counts, and the single minimum beyond."""

    def value(K):
        return mp.log(K) + mpf(lmbda) * oracle.level(source, K)

    with mp.workdps(oracle.DIGITS):
        low, high = 16, 2**52
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if value(middle) <= value(middle + 1) else (middle, high)
        return min(value(K) for K in {*range(1, 17), low, high})


def steepness(source, few, many):
    with mp.workdps(oracle.DIGITS):
        return (mp.log(many) - mp.log(few)) / (oracle.level(source, few) - oracle.level(source, many))


def knapsack(d, lmbda, grid):
    """Least Σ −p ln p + λ d(p) over all partitions into multiples of 1/grid: dynamic programming."""
    p = np.arange(1, grid + 1) / grid
    cost, best = -p * np.log(p) + lmbda * d(p), np.zeros(grid + 1)
    for n in range(1, grid + 1):
        best[n] = (cost[:n] + best[n - 1 :: -1]).min()
    return best[grid]


# --- the Lagrangian of the built-in sources -------------------------------------------------------------------------


@pytest.mark.parametrize("source", NAMES)
def test_lagrangian_against_all_counts(source):
    rng = np.random.default_rng(8)
    lmbda = multipliers(source, np.concatenate([10 ** rng.uniform(-1, 4.5, 80), rng.uniform(0.2, 12, 80)]))
    got = ed.lagrangian(source, lmbda, **NATS)
    values = [uniform_values(resolve(source), x, 100_000) for x in lmbda]
    assert got.cells.tolist() == [1 + int(np.argmin(y)) for y in values]
    assert got.value == pytest.approx([y.min() for y in values], rel=1e-14, abs=0)
    assert got.cells.min() == 1
    assert 10_000 < got.cells.max() < 100_000


@pytest.mark.parametrize("source", NAMES)
def test_lagrangian_against_60_digits(source):
    """Up to 5e14 cells; 2**50 are allowed. The value is flat at its minimum, and so more accurate than the count."""
    cells = 10 ** np.random.default_rng(9).uniform(-0.5, 14.7, 40)
    lmbda = multipliers(source, cells)
    got = ed.lagrangian(source, lmbda, **NATS)
    assert got.value == pytest.approx([float(least(source, x)) for x in lmbda], rel=1e-12, abs=0)
    own = [oracle.level(source, int(K)) for K in got.cells]
    assert got.distortion == pytest.approx([float(D) for D in own], rel=1e-14, abs=0)
    assert got.entropy == pytest.approx(np.log(got.cells), rel=1e-15, abs=0)
    assert got.value == pytest.approx(got.entropy + lmbda * got.distortion, rel=1e-15, abs=0)
    assert got.uniform.all()


@pytest.mark.parametrize("source", NAMES)
def test_multipliers_at_hull_breakpoints(source):
    """There both neighbours are optimal; an ulp further only one is, with the same value."""
    vertices = [*oracle.vertices(source)[:12], 1000, 1001]
    for few, many in pairwise(vertices):
        if many - few > 100:
            continue
        lmbda = float(steepness(source, few, many))
        got = ed.lagrangian(source, lmbda, **NATS)
        assert got.cells in (few, many)
        assert got.value == pytest.approx(float(least(source, lmbda)), rel=2e-15, abs=0)
        # in λ the double is 1e-16 off, and a difference of ln K at K = 1000 is good to 1e-12
        below, above = (ed.lagrangian(source, lmbda * factor, **NATS) for factor in (1 - 1e-12, 1 + 1e-12))
        assert (below.cells, above.cells) == (few, many)
        assert below.value == pytest.approx(got.value, rel=3e-12, abs=0)


@pytest.mark.parametrize(
    "count", [10**5, 10**6, 10**7 - 300, 10**7 + 1, 10**7 + 60, 10**7 + 900, 10**8, 10**10, 10**14]
)
@pytest.mark.parametrize("source", NAMES)
def test_multipliers_at_large_counts(source, count):
    """Ties of K and K + 1. D_K − D_{K+1} has a relative error of K²/1e16, which must not affect the value."""
    lmbda = steepness(source, count, count + 1)
    got = ed.lagrangian(source, float(lmbda), **NATS)
    want = mp.log(count) + mpf(float(lmbda)) * oracle.level(source, count)
    assert got.value == pytest.approx(float(want), rel=1e-13, abs=0)
    assert abs(got.cells - count) <= 1 + 1e-8 * count


def test_published_multipliers_of_the_ramp():
    """λ in bits: 48 is just above the ramp's first hull slope; K = 5 takes over at 49.847."""
    four = ed.lagrangian("ramp", 48)
    assert (four.cells, four.entropy, four.value) == (4, 2.0, 3.75)
    assert four.distortion == pytest.approx(7 / 192, rel=1e-15, abs=0)
    switch = float(steepness("ramp", 4, 5) / mp.log(2))
    assert switch == pytest.approx(49.847, abs=5e-4)
    assert ed.lagrangian("ramp", [42.666, 42.667, 49.8468, 49.8472]).cells.tolist() == [1, 4, 4, 5]
    assert [ed.lagrangian("ramp", switch * f).cells for f in (1 - 1e-14, 1 + 1e-14)] == [4, 5]
    many = ed.lagrangian("ramp", 4096)
    assert many.value == pytest.approx(10.3274, abs=5e-5)
    assert many.distortion == pytest.approx(0.00035273, abs=5e-9)


@pytest.mark.parametrize(("source", "many", "slope"), [("ramp", 4, 29.57428), ("circle", 3, 1.60635)])
def test_first_edge_of_the_hull(source, many, slope):
    assert float(steepness(source, 1, many)) == pytest.approx(slope, abs=5e-6)
    assert ed.lagrangian(source, [slope - 1e-5, slope + 1e-5], **NATS).cells.tolist() == [1, many]
    largest = resolve(source).max_distortion
    assert ed.convex_hull(source, 0.9 * largest, **NATS) == pytest.approx(0.1 * largest * slope, rel=1e-5, abs=0)


@pytest.mark.parametrize("source", NAMES)
def test_small_multipliers(source):
    """At λ = 0 distortion is free: one cell."""
    largest = resolve(source).max_distortion
    for lmbda in (0, 0.0, 5e-324, 1e-300, 0.01):
        got = ed.lagrangian(source, lmbda)
        assert (got.cells, got.entropy, got.distortion, got.value) == (1, 0.0, largest, lmbda * largest)
        assert math.copysign(1, got.entropy) == 1


@pytest.mark.parametrize("source", ["ramp", "circle", "sinusoid", "sawbridge", "uniform"])
def test_a_large_multiplier(source):
    got = ed.lagrangian(source, 1e12)
    want = least(source, 1e12 * math.log(2)) / mp.log(2)
    assert got.value == pytest.approx(float(want), rel=1e-12, abs=0)
    assert got.cells > 10**5


@pytest.mark.parametrize("lmbda", [1e40, 1e100, 1e300, 1.7e308, [1.0, 1e40], [1.0, 1e300]])
@pytest.mark.parametrize("source", ["ramp", "circle", "power:0.3"])
def test_too_large_multipliers_are_refused(source, lmbda):
    with pytest.raises(ValueError, match=r"lmbda must be such that the optimum has at most 2\*\*50 cells"):
        ed.lagrangian(source, lmbda)


@pytest.mark.parametrize("base", [2, 10, 1.5])
@pytest.mark.parametrize("source", NAMES)
def test_base_of_the_lagrangian(source, base):
    """λ is in units of the base, so that the partition at λ in bits is that at λ ln 2 in nats."""
    lmbda = multipliers(source, [0.3, 3.3, 33.3, 333.3])
    got, nats = ed.lagrangian(source, lmbda, base=base), ed.lagrangian(source, lmbda * math.log(base), **NATS)
    assert got.lmbda.tolist() == lmbda.tolist()
    assert got.cells.tolist() == nats.cells.tolist()
    assert got.distortion.tolist() == nats.distortion.tolist()
    assert got.entropy == pytest.approx(nats.entropy / math.log(base), rel=1e-15, abs=0)
    assert got.value == pytest.approx(nats.value / math.log(base), rel=1e-15, abs=0)


@pytest.mark.parametrize(
    "lmbda", [48, 48.0, np.float32(48), np.int64(48), np.array(48.0)], ids=lambda x: type(x).__name__
)
def test_one_multiplier_gives_plain_numbers(lmbda):
    got = ed.lagrangian("ramp", lmbda)
    assert [type(getattr(got, name)) for name in FIELDS] == [float, int, float, float, float, bool]
    assert got == ed.lagrangian("ramp", 48.0)


@pytest.mark.parametrize("shape", [(1,), (0,), (2, 3), (3, 0, 2), (1, 1, 1)])
def test_shapes(shape):
    lmbda = np.linspace(1, 200, math.prod(shape)).reshape(shape)
    got = ed.lagrangian("ramp", lmbda)
    assert [getattr(got, name).shape for name in FIELDS] == [shape] * 6
    assert [getattr(got, name).dtype.kind for name in FIELDS] == ["f", "i", "f", "f", "f", "b"]
    strided = ed.lagrangian("ramp", np.asfortranarray(lmbda)[::-1])
    assert np.array_equal(strided.cells, got.cells[::-1])


@pytest.mark.parametrize("base", [2, math.e])
@pytest.mark.parametrize("source", NAMES)
def test_an_array_is_its_scalars(source, base):
    """To the last bit, at every count to 20,000 for the sawbridge, where λ = 6K is optimal at K cells."""
    lmbda = 6 * np.arange(1.0, 20_001) if source == "sawbridge" else multipliers(source, np.geomspace(0.3, 1e9, 500))
    got = ed.lagrangian(source, lmbda, base=base)
    single = [ed.lagrangian(source, x, base=base) for x in lmbda.tolist()]
    for name in FIELDS:
        assert getattr(got, name).tolist() == [getattr(scalar, name) for scalar in single]
    if source == "sawbridge" and base == math.e:
        assert got.cells.tolist() == list(range(1, 20_001))


@pytest.mark.parametrize(
    ("lmbda", "error", "message"),
    [
        (-1.0, ValueError, "lmbda must be at least 0 and finite, got -1.0"),
        ([1, -2], ValueError, "lmbda must be at least 0 and finite, got -2.0 at index 1"),
        (math.nan, ValueError, "lmbda must be at least 0 and finite, got nan"),
        (math.inf, ValueError, "lmbda must be at least 0 and finite, got inf"),
        ("48", TypeError, "lmbda must be a real number"),
        (None, TypeError, "lmbda must be a real number"),
        (True, TypeError, "lmbda must be a real number"),
        ([1j], TypeError, "lmbda must be a real number"),
    ],
)
def test_what_is_no_multiplier(lmbda, error, message):
    with pytest.raises(error, match=message):
        ed.lagrangian("ramp", lmbda)


# --- the hull of the built-in sources -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "gap", "at"), [("sawbridge", 0.109, None), ("ramp", 0.157, 0.0725), ("circle", 0.231, 0.846)]
)
def test_largest_distance_from_the_hull(source, gap, at):
    """In bits: E(D) minus its hull, which training on H + λD cannot reach."""
    D = np.linspace(0.01, 1, 40_001) * resolve(source).max_distortion
    distance = ed.entropy_distortion(source, D) - ed.convex_hull(source, D)
    assert distance.max() == pytest.approx(gap, abs=5e-4)
    assert at is None or D[distance.argmax()] == pytest.approx(at, rel=2e-3, abs=0)


@pytest.mark.parametrize("source", NAMES)
def test_hull_is_the_dual_of_the_lagrangian(source):
    """hull(D) = sup over λ of L(λ) − λD: attained at the slopes of the hull, exceeded at none."""
    vertices = [K for K in oracle.vertices(source) if K <= 30]
    slopes = [float(steepness(source, few, many)) for few, many in pairwise(vertices)]
    lmbda = np.concatenate([slopes, multipliers(source, np.geomspace(0.05, 1000, 400))])
    value = ed.lagrangian(source, lmbda, **NATS).value
    low, high = float(oracle.level(source, vertices[-1])), resolve(source).max_distortion
    D = np.random.default_rng(10).uniform(low, high, 300)
    bounds = value[:, None] - lmbda[:, None] * D
    hull = ed.convex_hull(source, D, **NATS)
    # the difference of two numbers up to λ D_max, each rounded
    assert (bounds <= hull + 1e-15 * (1 + lmbda[:, None] * high)).all()
    assert bounds[: len(slopes)].max(axis=0) == pytest.approx(hull, abs=4e-15 * (1 + slopes[-1] * high))


@pytest.mark.parametrize("source", NAMES)
def test_lagrangian_is_a_supporting_line_of_the_hull(source):
    """L(λ) = min over D of hull(D) + λD, attained at its own distortion."""
    lmbda = multipliers(source, np.geomspace(0.5, 1e5, 60))
    got = ed.lagrangian(source, lmbda, **NATS)
    assert ed.convex_hull(source, got.distortion, **NATS) == pytest.approx(got.entropy, rel=1e-13, abs=0)
    D = resolve(source).max_distortion * np.geomspace(1e-6, 1, 500)
    lines = ed.convex_hull(source, D, **NATS) + lmbda[:, None] * D
    assert (lines >= got.value[:, None] * (1 - 1e-14)).all()


# --- whether uniform partitions suffice -----------------------------------------------------------------------------


def monomial(a):
    """d(p) = p^(a+1): (★) holds for all a > 0, and δ rises, though no source has a > 2."""
    return ed.Source(lambda p: p ** (a + 1), max_distortion=1.0, closed=False, name=f"p^{a + 1}")


def two_cells(a, lmbda):
    """The least Lagrangian of two cells of any sizes, and the smaller size."""

    def value(p):
        return -p * math.log(p) - (1 - p) * math.log1p(-p) + lmbda * (p ** (a + 1) + (1 - p) ** (a + 1))

    minimum = minimize_scalar(value, bounds=(1e-9, 0.5), method="bounded", options={"xatol": 1e-12})
    return minimum.fun, minimum.x


@pytest.mark.parametrize("source", NAMES)
def test_uniform_partitions_suffice_for_the_built_in_sources(source):
    assert sweeps.uniform_suffices(resolve(source))


@pytest.mark.parametrize("a", [0.1, 1.0, 2.0, 2.5, 2.95, 3.05, 4.0, 9.0])
def test_uniform_partitions_suffice_for_monomials_up_to_the_fourth(a):
    """E is concave between D_2 and D_1 if w′ > w″/3 in ln p at p = ½; with w ~ p^a that is a < 3."""
    source = monomial(a)
    assert source.status == "exact (checked numerically)"
    concave = sweeps._concave(source)
    assert concave[0] == (a < 3)
    assert concave[5:].all()
    assert sweeps.uniform_suffices(source) == (a < 3)


@pytest.mark.parametrize(("a", "gain"), [(4.0, 0.0018), (9.0, 0.13)])
def test_unequal_cells_where_uniform_partitions_do_not_suffice(a, gain):
    source = monomial(a)
    tie = math.log(2) / (1 - 2.0**-a)  # one cell and two equal ones have the same Lagrangian
    for lmbda in (tie, 1.01 * tie):
        want, small = two_cells(a, lmbda)
        assert want < uniform_values(source, lmbda, 100).min() - gain
        got = ed.lagrangian(source, lmbda, **NATS)
        assert (got.cells, got.uniform) == (2, False)
        assert got.value == pytest.approx(want, rel=1e-12, abs=0)
        # the entropy of the cells at their distortion is E there, which is known exactly
        assert got.entropy == pytest.approx(ed.entropy_distortion(source, got.distortion, **NATS), rel=1e-9, abs=0)
        assert got.distortion == pytest.approx(source.cell_distortion([small, 1 - small]).sum(), rel=1e-6, abs=0)
    array = ed.lagrangian(source, [0.1, tie, 1e4], **NATS)
    assert array.uniform.tolist() == [True, False, True]
    assert array.cells[:2].tolist() == [1, 2]
    assert array.value[1] == ed.lagrangian(source, tie, **NATS).value


@pytest.mark.parametrize("source", ["ramp", "circle"])
def test_the_search_agrees_with_the_closed_form(source, monkeypatch):
    """If E is declared not concave, searches for the Lagrangian and the hull give the same results."""
    reference = resolve(source)
    doubted = ed.Source(reference.cell_distortion, max_distortion=reference.max_distortion, closed=True, name="doubted")
    monkeypatch.setattr(sweeps, "_concave", lambda source: np.zeros(3, dtype=bool))
    ran = []
    search = sweeps._minimum
    monkeypatch.setattr(sweeps, "_minimum", lambda source, lmbda: ran.append(lmbda) or search(source, lmbda))
    assert not sweeps.uniform_suffices(doubted)
    lmbda = multipliers(source, [0.2, 1.9, 3.1, 8.7, 44.0])
    got, want = ed.lagrangian(doubted, lmbda, **NATS), ed.lagrangian(source, lmbda, **NATS)
    assert ran == lmbda.tolist()
    assert got.cells.tolist() == want.cells.tolist()
    assert got.uniform.all()
    assert got.value == pytest.approx(want.value, rel=1e-12, abs=0)


# --- where (★) fails ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def halves():
    """δ rises, (★) fails; at some D one large cell is best, though at no λ."""
    return ed.Source.from_spectrum(2.0 ** -np.arange(1, 51), name="halves")


@pytest.fixture(scope="module")
def third():
    """δ does not rise, and at some λ two large cells and a small one are best."""
    return ed.Source.from_spectrum([3.8, 0.0, 1.7, 0.0, 0.0, 0.4], name="third")


@pytest.fixture(scope="module")
def comb():
    """δ does not rise, and between 4 and 5 cells the hull has vertices of unequal cells."""
    return ed.Source.from_spectrum([1.0, 0.1, 0.1, 0.1, 0.1, 0.1], name="comb")


def random_partitions(number, seed):
    rng = np.random.default_rng(seed)
    for _ in range(number):
        sizes = rng.dirichlet(np.full(rng.integers(2, 15), rng.choice([0.3, 1.0, 10.0, 300.0])))
        yield sizes[sizes > 1e-12]


@pytest.mark.parametrize("source", ["halves", "third"])
def test_lagrangian_is_below_every_random_partition(source, request):
    source = request.getfixturevalue(source)
    lmbda = np.geomspace(1, 30, 9) / source.max_distortion
    value = ed.lagrangian(source, lmbda, **NATS).value
    for sizes in random_partitions(500, 12):
        H, D = -math.fsum(sizes * np.log(sizes)), math.fsum(source.cell_distortion(sizes))
        assert (value <= (H + lmbda * D) * (1 + 1e-14)).all()


@pytest.mark.parametrize("source", ["halves", "third"])
def test_lagrangian_against_dynamic_programming(source, request):
    """All partitions into multiples of 1/1200; the best is near one of these, with an error of second order."""
    source = request.getfixturevalue(source)
    lmbda = np.geomspace(1, 12, 9) / source.max_distortion
    value = ed.lagrangian(source, lmbda, **NATS).value
    grid = np.array([knapsack(source.cell_distortion, x, 1200) for x in lmbda])
    assert (value <= grid * (1 + 1e-14)).all()
    assert (value >= grid - 1e-4).all()


def test_unequal_cells_are_best_without_a_monotone_delta(third):
    lmbda = 2.5 / third.max_distortion
    got = ed.lagrangian(third, lmbda, **NATS)
    assert (got.cells, got.uniform) == (3, False)
    assert got.value < uniform_values(third, lmbda, 200).min() - 0.015
    grid = knapsack(third.cell_distortion, lmbda, 1200)
    assert grid - 1e-5 <= got.value <= grid


def test_equal_cells_are_best_at_every_multiplier_for_halves(halves):
    """But not at every distortion; dynamic programming confirms that the search missed nothing."""
    lmbda = np.geomspace(1, 30, 9)
    got = ed.lagrangian(halves, lmbda, **NATS)
    assert got.uniform.all()
    assert got.value == pytest.approx([uniform_values(halves, x, 1000).min() for x in lmbda], rel=1e-14, abs=0)


def test_hull_with_vertices_of_unequal_cells(comb):
    """Between the lower bound of dynamic programming at a few λ and uniform partitions."""
    lmbda = np.array([2.8, 3.3, 3.48, 3.52, 3.6, 4.4]) / comb.max_distortion
    value = np.array([knapsack(comb.cell_distortion, x, 600) for x in lmbda])
    D = np.linspace(0.3, 1.4, 200)
    hull = ed.convex_hull(comb, D, **NATS)
    assert (hull >= (value[:, None] - lmbda[:, None] * D).max(axis=0) - 1e-4).all()
    K = np.arange(1.0, 50)
    ends = (K * comb.cell_distortion(1 / K))[::-1]
    uniform = np.interp(D, ends, np.log(K)[::-1])
    assert (hull <= uniform + 1e-12).all()
    assert (hull < uniform - 1e-4).any()
    assert (np.diff(hull, 2) >= -1e-14).all()
    own = ed.lagrangian(comb, lmbda[2], **NATS)
    assert not own.uniform
    assert ed.convex_hull(comb, own.distortion, **NATS) == pytest.approx(own.entropy, abs=2e-7)


def test_hull_by_search(halves):
    D = np.unique(np.concatenate([np.geomspace(1e-9, 1e-2, 100), np.linspace(1e-2, 1, 400)]))
    hull, lower = ed.convex_hull(halves, D, **NATS), ed.lower_bound(halves, D, **NATS)
    slopes = np.diff(hull) / np.diff(D)
    # differences of the hull, which is up to ln(1e9) and accurate to 1e-15, over steps of D
    assert (np.diff(slopes) >= -1e-13 * hull[1:-1] / np.minimum(np.diff(D)[1:], np.diff(D)[:-1])).all()
    assert (lower <= hull * (1 + 1e-13)).all()
    some = D[::25]
    assert (ed.convex_hull(halves, some, **NATS) <= ed.upper_bound(halves, some, **NATS) * (1 + 1e-12)).all()
    assert [ed.convex_hull(halves, x, **NATS) for x in some.tolist()] == hull[::25].tolist()
    assert ed.convex_hull(halves, [0, 1, 2]).tolist() == [math.inf, 0, 0]
    assert ed.convex_hull(halves, 0.7552236, **NATS) < ed.upper_bound(halves, 0.7552236, **NATS) - 0.1
    K = np.arange(6.0, 64)
    assert ed.convex_hull(halves, K * halves.cell_distortion(1 / K), **NATS) == pytest.approx(
        np.log(K), rel=1e-9, abs=0
    )


def test_lagrangian_and_hull_of_a_loop_run_through_twice():
    """Harmonic 2 alone: two cells are no better than one, which must not end the list of vertices."""
    source = ed.Source.from_spectrum([0.0, 1.0])
    assert vertices(source) == (1.0, 7.0)
    for lmbda in (0.5, 5.0, 1e3, 1e5, 1e7):
        got = ed.lagrangian(source, lmbda, **NATS)
        assert got.value == pytest.approx(uniform_values(source, lmbda, 100_000).min(), rel=1e-14, abs=0)


@pytest.mark.parametrize("harmonic", [2, 3, 4])
def test_vertices_of_a_loop_run_through_several_times(harmonic):
    source = ed.Source.from_spectrum([0.0] * (harmonic - 1) + [1.0])
    few = vertices(source)[1]
    assert few > harmonic
    assert few * source.cell_distortion(1 / few) < 0.9


@pytest.mark.parametrize("source", ["ramp", "circle", "uniform", "sawbridge", "power:1.5", ed.Circle().scaled(1e-3)])
def test_multipliers_invert_the_lagrangian(source):
    """Just inside of both ends this number of cells is best, just outside it is not."""
    counts = np.array([1, 2, 3, 4, 5, 7, 100, 10**5])
    low, high = ed.multipliers(source, counts)
    for count, start, end in zip(counts.tolist(), low.tolist(), high.tolist(), strict=True):
        if math.isnan(start):
            assert math.isnan(end)
            assert not (ed.lagrangian(source, np.geomspace(1e-3, 1e6, 2000)).cells == count).any()
            continue
        inside, outside = 0.001 * (end - start), 0.001 * (end - start)
        assert (ed.lagrangian(source, [start + inside, end - inside]).cells == count).all()
        assert ed.lagrangian(source, end + outside).cells > count
        assert count == 1 or ed.lagrangian(source, start - outside).cells < count


def test_multipliers_of_the_paper():
    """The first slope of the ramp's hull and where five cells begin, in bits; that of the circle in nats."""
    assert ed.multipliers("ramp", 4) == pytest.approx((42.667, 49.847), abs=1e-3)
    assert ed.multipliers("circle", 1, base=math.e) == (0.0, pytest.approx(1.60635, abs=1e-5))
    assert all(math.isnan(end) for count in (2, 3) for end in ed.multipliers("ramp", count))
    assert ed.multipliers("circle", [[3], [4]])[0].shape == (2, 1)


@pytest.mark.parametrize(
    ("source", "cells", "words"),
    [
        ("ramp", 0, "cells must be integers from 1 to 2\\*\\*50, got 0"),
        ("ramp", 1.5, "cells must be integers from 1 to 2\\*\\*50, got 1.5"),
        ("pulse:0.2", 3, "source must be one whose best partitions are of equal cells, got 'pulse:0.2'"),
        ("ramp:64", 3, "source must be one whose best partitions are of equal cells, got 'ramp:64'"),
    ],
)
def test_invalid_multipliers(source, cells, words):
    with pytest.raises(ValueError, match=words):
        ed.multipliers(source, cells)

"""Properties of every built-in source at every distortion, on reproducible draws."""

import math

import edcurve as ed
import numpy as np
import oracle
import pytest
from edcurve.sources import resolve
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

universal = settings(deadline=None, derandomize=True, max_examples=150)

NAMES = ("ramp", "circle", "sinusoid", "sawbridge", "uniform", "power:0.3", "power:1.4")
FUNCTIONS = (ed.entropy_distortion, ed.upper_bound, ed.convex_hull, ed.lower_bound)
NATS = {"base": math.e}
ULP = 2.0**-52

# Every function is a logarithm or a sum of few positive terms, good to 3e-15 where the power law has a = 0.05
# (1/a = 20 times the rounding of log D) and to 5e-16 elsewhere.
SLACK = 2e-14

# δ(u) ~ u^exponent near 0, so that K cells reach a distortion of about D_max K^−exponent
EXPONENT = {"ramp": 1.0, "circle": 2.0, "sinusoid": 2.0, "sawbridge": 1.0, "uniform": 2.0}

powers = st.floats(0.05, 2).map(lambda a: f"power:{a!r}")
sources = st.one_of(st.sampled_from(NAMES), powers)
# exponents with numbers of cells in range: D/D_max = 1e-21 takes 1e210 cells at a = 0.1
countable = st.one_of(st.sampled_from(NAMES), st.floats(0.1, 2).map(lambda a: f"power:{a!r}"))
ratios = st.one_of(
    st.floats(-21, 0).map(lambda x: 10.0**x),
    st.floats(1e-3, 1),
    st.floats(-5, -0.3).map(lambda x: 1 - 10.0**x),
)
seeds = st.integers(0, 2**32 - 1)


def exponent(source):
    return EXPONENT[source] if source in EXPONENT else float(source.removeprefix("power:"))


@st.composite
def points(draw, sources=sources):
    """Draw a source and a distortion: any, or that of K equal cells within an ulp."""
    source = draw(sources)
    largest = float(oracle.max_distortion(source))
    if draw(st.booleans()):
        return source, draw(ratios) * largest
    D = float(oracle.level(source, draw(st.integers(1, 10**6))))
    return source, float(draw(st.sampled_from([D, np.nextafter(D, 0), np.nextafter(D, math.inf)])))


def levels(source, K):
    """Return the doubles next to D_K: five for each K."""
    D = K * resolve(source).cell_distortion(1 / K)
    below, above = np.nextafter(D, 0), np.nextafter(D, np.inf)
    return np.stack([np.nextafter(below, 0), below, D, above, np.nextafter(above, np.inf)])


def entropy_of(sizes):
    """Σ −p ln p, each term ≥ 0."""
    return math.fsum(-p * math.log(p) for p in sizes if p > 0)


# --- order, monotony, convexity -------------------------------------------------------------------------------------


@universal
@given(points())
def test_bounds_are_in_order(point):
    source, D = point
    exact, upper, hull, lower = (function(source, D, **NATS) for function in FUNCTIONS)
    assert 0 <= lower <= hull * (1 + SLACK)
    assert hull <= exact * (1 + SLACK)
    assert upper == exact


@pytest.mark.parametrize("source", NAMES)
def test_bounds_are_in_order_next_to_every_level(source):
    """At equal cells the root for the odd cell is double: each K to 5000 and some up to 1e12."""
    K = np.unique(np.concatenate([np.arange(2.0, 5001), np.floor(np.geomspace(5001, 1e12, 2000))]))
    D = levels(source, K)
    exact, upper, hull, lower = (function(source, D, **NATS) for function in FUNCTIONS)
    assert (lower <= hull * (1 + SLACK)).all()
    assert (hull <= exact * (1 + SLACK)).all()
    assert np.array_equal(upper, exact)
    # within two ulps of D_K the odd cell, if any, holds 1e-15 of the mass
    assert np.abs(exact - np.log(K)).max(axis=0) == pytest.approx(np.zeros(K.size), abs=2e-13)


@universal
@given(sources, st.integers(2, 10**6))
def test_dual_bound_touches_at_every_level_left_of_the_tangent(source, K):
    """There d(1/K)/(1/K) = D_K: the dual bound is ln K, and so is E."""
    tangent = oracle.tangent_size(source) if not source.startswith("power:") else 1
    D = float(oracle.level(source, K))
    exact, lower = ed.entropy_distortion(source, D, **NATS), ed.lower_bound(source, D, **NATS)
    assert exact == pytest.approx(math.log(K), rel=1e-13, abs=0)
    if tangent * K >= 1:
        assert lower == pytest.approx(exact, rel=1e-13, abs=0)
    else:
        assert lower < exact - 1e-3


@universal
@given(points(), ratios)
def test_nothing_increases_with_distortion(point, shrink):
    source, D = point
    for less in (D * shrink, np.nextafter(D, 0)):
        assume(less > 0)
        for function in FUNCTIONS:
            assert function(source, float(less), **NATS) >= function(source, D, **NATS) * (1 - SLACK)


@universal
@given(sources, st.lists(ratios, min_size=3, max_size=3, unique=True))
def test_hull_and_dual_bound_are_convex(source, three):
    largest = resolve(source).max_distortion
    a, b, c = sorted(largest * ratio for ratio in three)
    assume(a < b < c < largest)  # at the double nearest to D_max the value is 0, as if that were D_max
    share = (c - b) / (c - a)
    for function in (ed.convex_hull, ed.lower_bound):
        left, middle, right = (function(source, D, **NATS) for D in (a, b, c))
        assert middle <= (share * left + (1 - share) * right) * (1 + SLACK)


@pytest.mark.parametrize("source", NAMES)
def test_entropy_distortion_is_not_convex(source):
    """Left of each D_K it is vertical, right of it it has finite slope."""
    D = float(oracle.level(source, 3))
    exact = ed.entropy_distortion(source, np.array([0.999 * D, D, 1.001 * D]), **NATS)
    assert exact[1] < (exact[0] + exact[2]) / 2
    assert (exact[0] - exact[1]) > 2 * (exact[1] - exact[2]) > 0


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("source", NAMES)
def test_ends(function, source):
    """At 0 infinite, at D_max and above exactly 0."""
    largest = resolve(source).max_distortion
    got = function(source, np.array([0.0, -0.0, largest, np.nextafter(largest, 1), 1e300, np.inf]))
    assert np.array_equal(got, [np.inf, np.inf, 0, 0, 0, 0])
    assert function(source, np.nextafter(largest, 0)) > 0
    assert math.isfinite(function(source, 5e-324))


# --- partitions -----------------------------------------------------------------------------------------------------


@universal
@given(points(countable))
def test_partition_is_feasible_and_attains_the_entropy(point):
    source, D = point
    d, partition = oracle.cell_distortion(source), ed.partition(source, D)
    with mp.workdps(oracle.DIGITS):
        K, size, odd = mpf(partition.count), mpf(partition.size), mpf(partition.odd)
        # measured: 1 ulp and 5 ulps; above 2**50 cells K itself comes from exp(nats), with 1/a times its error
        assert abs(K * size + odd - 1) <= 2 * ULP
        if partition.count < 2**50:
            assert abs(K * d(size) + d(odd) - D) <= 8 * ULP * D
        elif oracle.max_distortion(source) > D:
            assert abs(K * d(size) + d(odd) - D) <= 1e-13 * D
        assert 0 <= odd <= size * (1 + 2 * ULP)
        assert odd <= (1 + 2 * ULP) / (K + 1)
        entropy = -K * size * mp.log(size) - (odd * mp.log(odd) if odd else 0)
        exact = ed.entropy_distortion(source, D, **NATS)
        # 1 − ε is rounded by 1e-16, which is the error of −ln(1 − ε), however small ε is
        assert abs(entropy - exact) <= 4 * ULP * (1 + exact)


@universal
@given(points(countable), st.integers(1, 40))
def test_cells_add_up(point, most):
    source, D = point
    partition = ed.partition(source, max(D, float(oracle.level(source, most))))
    cells = partition.cells()
    assert cells.shape == (partition.count + (partition.odd > 0),)
    assert (cells > 0).all()
    assert (np.diff(cells) <= 2 * ULP).all()
    assert math.fsum(cells) == pytest.approx(1, abs=2 * ULP)


@universal
@given(sources, seeds, st.integers(2, 12), st.sampled_from([0.2, 1.0, 5.0, 100.0]), st.floats(0, 20))
def test_no_random_partition_is_better(source, seed, cells, concentration, scale):
    """Neither at its own distortion nor at any λ. The slack covers rounding of the partition's H and D."""
    sizes = np.random.default_rng(seed).dirichlet(np.full(cells, concentration))
    sizes = sizes[sizes > 1e-300]
    D, H = math.fsum(resolve(source).cell_distortion(sizes)), entropy_of(sizes)
    assert ed.entropy_distortion(source, D * (1 + 1e-14), **NATS) <= H * (1 + 1e-12) + 1e-15
    # λ at which about exp(scale) cells are best
    lmbda = math.exp(scale * exponent(source)) / (exponent(source) * resolve(source).max_distortion)
    assert ed.lagrangian(source, lmbda, **NATS).value <= (H + lmbda * D) * (1 + 1e-14)


@universal
@given(sources, st.integers(1, 30), st.floats(1e-6, 1), seeds, st.floats(1e-6, 1e-2))
def test_no_partition_next_to_the_best_is_better(source, K, share, seed, change):
    """The best partition, with cells resized at random by up to a hundredth."""
    odd = share / (K + 1)
    cells = np.append(np.full(K, (1 - odd) / K), odd)
    cells *= 1 + change * np.random.default_rng(seed).uniform(-1, 1, K + 1)
    cells /= math.fsum(cells)
    D = math.fsum(resolve(source).cell_distortion(cells))
    assert ed.entropy_distortion(source, D * (1 + 1e-14), **NATS) <= entropy_of(cells) * (1 + 1e-12) + 1e-15


# --- the inverse ----------------------------------------------------------------------------------------------------


@universal
@given(points())
def test_inverse_of_entropy_distortion(point):
    """D(E(D)) = D: E is never flat, so the only error is the rounding of E, times dlnD/dE ≤ 2."""
    source, D = point
    largest = resolve(source).max_distortion
    restored = ed.distortion_entropy(source, ed.entropy_distortion(source, D, **NATS), **NATS)
    assert restored == pytest.approx(min(D, largest), rel=1e-13, abs=0)


@universal
@given(sources, st.floats(-4, 1).map(lambda x: 4.0 * 10.0**x))
def test_entropy_distortion_of_inverse(source, H):
    """E(D(H)) = H, but left of each D_K E is vertical: H lies between E at D just above and just below."""
    D = ed.distortion_entropy(source, H, **NATS)
    assert ed.entropy_distortion(source, D * (1 + 1e-13), **NATS) <= H * (1 + 1e-13)
    assert ed.entropy_distortion(source, D * (1 - 1e-13), **NATS) >= H * (1 - 1e-13)


@pytest.mark.parametrize("source", NAMES)
def test_ends_of_the_inverse(source):
    largest = resolve(source).max_distortion
    assert ed.distortion_entropy(source, 0) == largest
    assert ed.distortion_entropy(source, math.inf) == 0
    assert 0 < ed.distortion_entropy(source, 5e-324) <= largest
    with pytest.raises(ValueError, match="entropy must be at least 0"):
        ed.distortion_entropy(source, -1e-300)


# --- units, types, shapes -------------------------------------------------------------------------------------------


@universal
@given(points(), st.one_of(st.sampled_from([2, 10, 256]), st.floats(1.0001, 1e9)))
def test_change_of_base(point, base):
    source, D = point
    for function in FUNCTIONS:
        assert function(source, D, base=base) == function(source, D, **NATS) / math.log(base)
    H = ed.entropy_distortion(source, D, base=base)
    assert ed.distortion_entropy(source, H, base=base) == ed.distortion_entropy(source, H * math.log(base), **NATS)


@universal
@given(sources, st.lists(ratios, min_size=1, max_size=12))
def test_an_array_is_its_scalars(source, several):
    D = resolve(source).max_distortion * np.array(several)
    for function in (*FUNCTIONS, ed.distortion_entropy):
        got = function(source, D)
        assert (got.dtype, got.shape) == (np.float64, D.shape)
        one_by_one = [function(source, float(x)) for x in D]
        assert {type(y) for y in one_by_one} == {float}
        assert np.array_equal(got, one_by_one)


@pytest.mark.parametrize("function", [*FUNCTIONS, ed.distortion_entropy])
@pytest.mark.parametrize("source", NAMES)
def test_a_compiled_array_is_its_scalars(function, source):
    """Repeated points, too many to interpret: the same bits, in any shape and order."""
    rng = np.random.default_rng(11)
    D = resolve(source).max_distortion * np.concatenate([10 ** rng.uniform(-21, 0, 4000), rng.uniform(0, 1.1, 1000)])
    if function is ed.distortion_entropy:
        D = np.concatenate([10 ** rng.uniform(-4, 1.7, 4000), np.log2(np.arange(1, 1001))])
    got = function(source, np.tile(D, 12))
    assert np.array_equal(got, 12 * [function(source, x) for x in D.tolist()])
    got = got[: D.size]
    assert np.array_equal(function(source, D[::-1].reshape(5, -1, order="F")), got[::-1].reshape(5, -1, order="F"))
    assert np.array_equal(function(source, D[::3]), got[::3])


@universal
@given(countable, st.lists(ratios, min_size=1, max_size=6))
def test_an_array_of_partitions_is_its_partitions(source, several):
    D = resolve(source).max_distortion * np.array(several)
    together, single = ed.partition(source, D), [ed.partition(source, float(x)) for x in D]
    for name in ("count", "size", "odd"):
        assert getattr(together, name).shape == D.shape
        assert getattr(together, name).tolist() == [getattr(partition, name) for partition in single]
    assert {type(partition.count) for partition in single} == {int}


@universal
@given(sources, ratios)
def test_single_precision_is_taken_as_given(source, ratio):
    D = np.float32(ratio * resolve(source).max_distortion)
    assume(D > 0)
    for function in (*FUNCTIONS, ed.distortion_entropy):
        want = function(source, float(D))
        assert type(function(source, D)) is float
        assert function(source, D) == want
        got = function(source, np.array([D, D]))
        assert got.dtype == np.float64
        assert np.array_equal(got, [want, want])


@pytest.mark.parametrize("function", [*FUNCTIONS, ed.distortion_entropy])
def test_integers_and_shapes(function):
    assert type(function("circle", 1)) is float
    assert function("circle", [[1], [2]]).shape == (2, 1)
    assert function("circle", []).shape == (0,)
    assert function("circle", np.zeros((3, 0))).shape == (3, 0)
    assert function("circle", np.array(0.5)).shape == ()
    frozen = np.array([0.3, 0.1])
    frozen.setflags(write=False)
    assert np.array_equal(function("circle", frozen), [function("circle", 0.3), function("circle", 0.1)])


# --- sources that are one another -----------------------------------------------------------------------------------


@universal
@given(points(st.just("sinusoid")), st.floats(0, 60))
def test_sinusoid_is_the_circle_at_twice_the_distortion(point, H):
    """To the last bit: its D_max is ½, and halving is exact."""
    _, D = point
    for function in FUNCTIONS:
        assert function("sinusoid", D) == function("circle", 2 * D)
    assert ed.partition("sinusoid", D) == ed.partition("circle", 2 * D)
    assert 2 * ed.distortion_entropy("sinusoid", H) == ed.distortion_entropy("circle", H)
    sinusoid, circle = ed.lagrangian("sinusoid", 2 / D), ed.lagrangian("circle", 1 / D)
    assert (sinusoid.cells, sinusoid.entropy, sinusoid.value) == (circle.cells, circle.entropy, circle.value)


@universal
@given(st.sampled_from([("power:1", "sawbridge"), ("power:2", "uniform")]), ratios, st.floats(1e-4, 60))
def test_power_laws_are_the_sawbridge_and_the_uniform_scalar(pair, ratio, H):
    """Another code path: measured 1.4e-15."""
    D = ratio * resolve(pair[1]).max_distortion
    for function in FUNCTIONS:
        power_law, exact = (function(source, D) for source in pair)
        assert power_law == pytest.approx(exact, rel=1e-14, abs=0)
    power_law, exact = (ed.distortion_entropy(source, H) for source in pair)
    assert power_law == pytest.approx(exact, rel=1e-14, abs=0)

"""Built-in sources, sources from a function, from a subclass and from a spectrum, and what is no source."""

import copy
import math
import pickle
from fractions import Fraction

import edcurve as ed
import numpy as np
import oracle
import pytest
from edcurve.search import minimise_entropy
from edcurve.sources import resolve
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from scipy.optimize import brentq

universal = settings(deadline=None, derandomize=True, max_examples=100)

NATS = {"base": math.e}
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

PAIR = [0.2, 1.0]  # δ falls again beyond u = ¼
HALVES = 2.0 ** -np.arange(1, 51)  # δ rises, and (★) fails
TENTHS = 0.1 ** np.arange(1, 6)  # (★) holds


def ramp(p):
    return p**2 * (2 - p) / 12


def circle(p):
    """Cancels: of d a relative error of 1e-16/p² is left."""
    return p * (1 - np.sinc(p) ** 2)


def careful_circle(p):
    """The same by its series where p < 0.1: only arrays will do."""
    d = np.empty_like(p)
    small = p < 0.1
    z = (2 * np.pi * p[small]) ** 2
    terms = [2 * (-1) ** (n + 1) * z**n / math.factorial(2 * n + 2) for n in range(1, 9)]
    d[small] = p[small] * sum(reversed(terms))
    d[~small] = circle(p[~small])
    return d


def ratios(low, high, size=60, seed=3):
    return 10 ** np.random.default_rng(seed).uniform(math.log10(low), math.log10(high), size)


def near_one(size=60, seed=4):
    return 1 - 10 ** np.random.default_rng(seed).uniform(-5, -0.1, size)


def mean_quadrature(delta, p):
    """d(p) = (1/p) ∫₀ᵖ (p − u) δ(u) du in 30 digits, scaled so that a small p is no small integral."""
    with mp.workdps(30):
        p = mpf(p)
        scale = delta(p / 3)
        return float(p * scale * mp.quad(lambda s: (1 - s) * delta(p * s) / scale, [0, 0.5, 1]))


# --- built-in sources -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLE)
def test_cell_distortion_against_quadrature_of_delta(name):
    """Closed forms, or for the circle a series: a few roundings."""
    delta, _, _ = TABLE[name]
    want = [mean_quadrature(delta, p) for p in SIZES]
    assert CLASSES[name].cell_distortion(SIZES) == pytest.approx(want, rel=1e-14, abs=0)
    assert resolve(name).cell_distortion(0.2) == pytest.approx(want[3], rel=1e-14, abs=0)


@pytest.mark.parametrize("name", TABLE)
def test_name_closed_and_max_distortion(name):
    _, closed, largest = TABLE[name]
    for source in (CLASSES[name], resolve(name)):
        assert (source.name, source.closed) == (name, closed)
        assert source.max_distortion == float(largest)
        assert source.cell_distortion(1.0) == pytest.approx(float(largest), rel=2e-16, abs=0)


@pytest.mark.parametrize("name", TABLE)
def test_built_in_sources_are_proved(name):
    source = resolve(name)
    assert source.status == "exact (proved)"
    assert source.monotone is True
    assert source.condition.holds
    assert source.condition.method.startswith("proved")


@pytest.mark.parametrize("name", TABLE)
def test_a_name_is_its_source(name):
    for function in FUNCTIONS:
        assert function(name, 0.03) == function(CLASSES[name], 0.03)
    assert resolve(CLASSES[name]) is CLASSES[name]
    assert resolve(np.str_(name)) == CLASSES[name]


@pytest.mark.parametrize("name", ["power:", "power:x", "power:1.5.0", "power:0x1", "power"])
def test_power_laws_need_a_number(name):
    with pytest.raises(ValueError, match=r"source must be .*power:"):
        ed.entropy_distortion(name, 0.01)


@pytest.mark.parametrize(
    "name", ["power:3", "power:0", "power:-0.0", "power:-1", "power:inf", "power:2.0000000000000004", "power:nan"]
)
def test_power_laws_need_an_exponent_up_to_two(name):
    with pytest.raises(ValueError, match=f"source must be power:a with 0 < a ≤ 2, such as power:1.5, got '{name}'"):
        ed.entropy_distortion(name, 0.01)


def test_exponents_up_to_two():
    for a, message in ((3.0, "a must be above 0 and at most 2, got 3.0"), (math.nan, "a must not be NaN")):
        with pytest.raises(ValueError, match=message):
            ed.PowerLaw(a)


@pytest.mark.parametrize("name", ["Ramp", "ramp ", "", "cube", "POWER:1"])
def test_unknown_names_are_answered_by_the_known_ones(name):
    with pytest.raises(ValueError, match=r"ramp, circle, .*, power:a, pulse:w, .*, got '"):
        ed.lower_bound(name, 0.01)


@pytest.mark.parametrize("thing", [3, None, b"ramp", ["ramp"], ed.Ramp, 1.5])
def test_what_is_neither_a_source_nor_a_name(thing):
    with pytest.raises(TypeError, match="source must be a Source or a name, got "):
        ed.convex_hull(thing, 0.01)


@pytest.mark.parametrize("a", ["1", None, True, 1j, [1.0]])
def test_exponents_are_numbers(a):
    with pytest.raises(TypeError, match="a must be a real number"):
        ed.PowerLaw(a)


@universal
@given(st.floats(0, 2, exclude_min=True))
def test_the_name_of_a_power_law_gives_it_back(a):
    source = ed.PowerLaw(a)
    assert resolve(source.name) == source
    assert source.max_distortion == float(1 / ((Fraction(a) + 1) * (Fraction(a) + 2)))


@pytest.mark.parametrize("name", ["ramp", "circle", "power:1.5"])
def test_sizes_of_cells(name):
    source = resolve(name)
    assert source.cell_distortion(0) == 0
    assert source.cell_distortion([[0, 1]]).tolist() == [[0, source.max_distortion]]
    assert type(source.cell_distortion(np.float32(0.5))) is float
    assert source.cell_distortion([]).shape == (0,)
    assert source.cell_distortion(5e-324) >= 0
    for outside in (1.0000000000000002, 2, [0.5, 1.5], math.inf):
        with pytest.raises(ValueError, match="p must be at most 1, got "):
            source.cell_distortion(outside)
    for outside in (-1e-300, math.nan, [0.5, -1]):
        with pytest.raises(ValueError, match="p must be at least 0, got "):
            source.cell_distortion(outside)


# --- equality, copies -----------------------------------------------------------------------------------------------


def test_equality_is_by_kind_and_parameters():
    assert ed.Ramp() == ed.Ramp()
    assert ed.PowerLaw(0.5) == ed.PowerLaw(0.5) != ed.PowerLaw(0.25)
    assert ed.PowerLaw(1) != ed.Sawbridge()
    assert ed.UniformScalar() != ed.Ramp() != "ramp"
    assert ed.Source.from_spectrum([1, 2]) == ed.Source.from_spectrum([1, 2], name="other")
    assert ed.Source.from_spectrum([1, 2]) != ed.Source.from_spectrum([2, 1])
    assert ed.Source.from_spectrum([0.5]) != ed.Sinusoid()
    assert len({ed.Ramp(), ed.Ramp(), ed.Circle(), ed.PowerLaw(1), ed.PowerLaw(1.0)}) == 3
    one, other = (ed.Source(ramp, max_distortion=1 / 12, closed=True) for _ in range(2))
    assert one == one
    assert one != other


@pytest.mark.parametrize(
    "source",
    [
        *CLASSES.values(),
        ed.Source.from_spectrum(TENTHS, name="tenths"),
        ed.Source(ramp, max_distortion=1 / 12, closed=True, name="mine"),
    ],
    ids=lambda source: source.name,
)
@pytest.mark.parametrize("duplicate", [lambda s: pickle.loads(pickle.dumps(s)), copy.deepcopy])
def test_copies_and_pickles(source, duplicate):
    again = duplicate(source)
    assert (again.name, again.closed, again.max_distortion) == (source.name, source.closed, source.max_distortion)
    assert ed.entropy_distortion(again, 0.01) == ed.entropy_distortion(source, 0.01)
    assert ed.lagrangian(again, 100.0) == ed.lagrangian(source, 100.0)
    if source.name != "mine":
        assert again == source
        assert hash(again) == hash(source)


def test_repr():
    assert repr(ed.Ramp()) == "<edcurve source 'ramp', D_max = 0.0833333>"
    assert repr(ed.PowerLaw(0.1)) == "PowerLaw(0.1)"
    assert repr(ed.Source.from_spectrum([3, 1], name="mine")) == "<edcurve source 'mine', D_max = 4>"


# --- from a function ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "d"),
    [
        ("ramp", ramp),
        ("circle", careful_circle),
        ("sawbridge", lambda p: p**2 / 6),
        ("uniform", lambda p: p**3 / 12),
        ("power:0.25", lambda p: p**1.25 * 16 / 45),
    ],
)
def test_a_function_gives_what_the_built_in_source_does(name, d):
    """As exact as d; near D_max rounding D_max to a double, where it is none, costs 1e-16/1e-5."""
    largest = resolve(name).max_distortion
    source = ed.Source(d, max_distortion=largest, closed=TABLE[name][1], name="mine")
    assert source.status == "exact (checked numerically)"
    assert source.condition.method.startswith("holds")
    for ratio, rel in ((ratios(1e-21, 0.9), 1e-13), (near_one(), 1e-13 if largest == 1 else 2e-11)):
        D = ratio * largest
        for function in FUNCTIONS:
            assert function(source, D) == pytest.approx(function(name, D), rel=rel, abs=0)
        assert ed.upper_bound(source, D).tolist() == ed.entropy_distortion(source, D).tolist()
    H = ratios(1e-3, 40)
    assert ed.distortion_entropy(source, H) == pytest.approx(ed.distortion_entropy(name, H), rel=1e-13, abs=0)
    lmbda = ratios(1, 20) / largest
    one, other = ed.lagrangian(source, lmbda), ed.lagrangian(name, lmbda)
    assert one.cells.tolist() == other.cells.tolist()
    assert one.value == pytest.approx(other.value, rel=1e-14, abs=0)


def test_a_function_that_cancels_gives_what_is_left_of_it():
    """p (1 − sinc²) has lost all digits where p² < 1e-16; the answers are as good as d, no better."""
    source = ed.Source(circle, max_distortion=1.0, closed=True)
    assert source.status == "exact (checked numerically)"
    for low, high, rel in ((1e-2, 0.9, 5e-14), (1e-4, 1e-2, 5e-12), (1e-6, 1e-4, 5e-10)):
        D = ratios(low, high)
        for function in FUNCTIONS:
            assert function(source, D) == pytest.approx(function("circle", D), rel=rel, abs=0)


def test_next_to_levels_of_a_function():
    source = ed.Source(ramp, max_distortion=1 / 12, closed=True)
    K = np.arange(2.0, 200)
    D = K * ramp(1 / K)
    for near in (np.nextafter(D, 0), D, np.nextafter(D, 1)):
        assert ed.entropy_distortion(source, near, **NATS) == pytest.approx(np.log(K), rel=1e-13, abs=0)
        assert (ed.lower_bound(source, near, **NATS) <= np.log(K) * (1 + 1e-13)).all()


class Shifted(ed.Source):
    """A subclass with a parameter, which maps arrays only."""

    def __init__(self, scale):
        self.scale = scale
        super().__init__(max_distortion=scale, closed=True, name=f"circle of radius² {scale}")

    def cell_distortion(self, p):
        return self.scale * careful_circle(p)


def test_a_subclass():
    source = Shifted(4.0)
    assert source.status == "exact (checked numerically)"
    assert repr(source) == "<edcurve source 'circle of radius² 4.0', D_max = 4>"
    D = ratios(1e-12, 0.99)
    for function in FUNCTIONS:
        assert function(source, 4 * D) == pytest.approx(function("circle", D), rel=1e-12, abs=0)
        assert function(source, 1.2) == pytest.approx(function("circle", 0.3), rel=1e-12, abs=0)
    assert ed.partition(source, 1.2).count == 3
    assert pickle.loads(pickle.dumps(source)).scale == 4.0


def test_a_subclass_without_a_cell_distortion():
    class Empty(ed.Source):
        pass

    for make in (Empty, ed.Source):
        with pytest.raises(TypeError, match="cell_distortion must be a function of the cell size p, or a method"):
            make(max_distortion=1.0, closed=True)


@pytest.mark.parametrize(
    ("d", "largest", "error", "message"),
    [
        (3.0, 1.0, TypeError, r"cell_distortion must be a function .*got 3\.0"),
        ("ramp", 1.0, TypeError, r"cell_distortion must be a function .*got 'ramp'"),
        (lambda p: math.sin(p) ** 2, 1.0, TypeError, r"numpy\.vectorize"),
        (lambda p: 0.5, 1.0, TypeError, r"real arrays of the same shape"),
        (lambda p: p[1:], 1.0, TypeError, r"real arrays of the same shape"),
        (lambda p: p**2 + 0j, 1.0, TypeError, r"complex128"),
        (lambda p: np.where(p > 0.5, np.nan, p**2), 1.0, ValueError, r"of mine is nan at p = 0\.5"),
        (lambda p: p**2, 0.5, ValueError, r"of mine is 1\.0 at p = 1\.0; it must be max_distortion = 0\.5"),
        (lambda p: p**2, 1 + 1e-8, ValueError, r"it must be max_distortion"),
        (lambda p: -(p**2), 1.0, ValueError, r"of mine is -.* at p = .*not be negative"),
        (lambda p: p * (1.5 - p) * 2, 1.0, ValueError, r"of mine is .* at p = "),
        (lambda p: p**2 + 0.1, 1.1, ValueError, r"of mine is 0\.1 at p = 0\.0; it must tend to 0"),
        (lambda p: p, 1.0, ValueError, r"below p \* max_distortion"),
        (lambda p: p**2, 0.0, ValueError, r"max_distortion of mine must be finite and above 0, got 0\.0"),
        (lambda p: p**2, -1.0, ValueError, r"max_distortion of mine must be finite and above 0"),
        (lambda p: p**2, math.inf, ValueError, r"max_distortion of mine must be finite and above 0"),
        (lambda p: p**2, math.nan, ValueError, r"max_distortion must not be NaN"),
        (lambda p: p**2, "1", TypeError, r"max_distortion must be a real number"),
        (lambda p: p**2, None, TypeError, r"max_distortion must be a real number"),
    ],
)
def test_what_is_no_cell_distortion(d, largest, error, message):
    with pytest.raises(error, match=message):
        ed.Source(d, max_distortion=largest, closed=False, name="mine")


def test_an_open_source_is_not_closed():
    """Stationarity on a loop ties d(1 − p) to d(p); on an interval it does not."""
    assert ed.Source(lambda p: p**2 / 6, max_distortion=1 / 6, closed=False).status == "exact (checked numerically)"
    with pytest.raises(ValueError, match="as closed=True"):
        ed.Source(lambda p: p**2 / 6, max_distortion=1 / 6, closed=True)
    # nor does δ of the circle rise beyond ½: open, it is another source
    assert ed.Source(careful_circle, max_distortion=1.0, closed=False).status == "upper bound"


# --- from a spectrum ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("energy", "name"), [(1.0, "circle"), (0.5, "sinusoid")])
def test_one_harmonic_is_the_circle(energy, name):
    """The contract is 1e-10; another root finder on the same series is measured at 1e-15."""
    source = ed.Source.from_spectrum([energy])
    assert source.max_distortion == energy
    assert source.status == "exact (checked numerically)"
    assert source.cell_distortion(SIZES).tolist() == resolve(name).cell_distortion(SIZES).tolist()
    D = energy * np.concatenate([ratios(1e-21, 1, 300), near_one(100), [1 - 1e-5]])
    for function in (*FUNCTIONS, ed.upper_bound):
        assert function(source, D) == pytest.approx(function(name, D), rel=1e-13, abs=0)
    H = ratios(1e-4, 48, 100)
    assert ed.distortion_entropy(source, H) == pytest.approx(ed.distortion_entropy(name, H), rel=1e-12, abs=0)
    lmbda = ratios(0.1, 1e12, 100)
    assert ed.lagrangian(source, lmbda).value == pytest.approx(ed.lagrangian(name, lmbda).value, rel=1e-14, abs=0)


@pytest.mark.parametrize("name", ["circle", "sinusoid"])
def test_one_harmonic_next_to_levels(name):
    energy = resolve(name).max_distortion
    source = ed.Source.from_spectrum([energy])
    K = np.arange(2.0, 1500)
    D = K * source.cell_distortion(1 / K)
    for near in (np.nextafter(D, 0), D, np.nextafter(D, 1)):
        assert ed.entropy_distortion(source, near, **NATS) == pytest.approx(np.log(K), rel=1e-13, abs=0)


def exact_cell_distortion(c):
    """p ↦ p Σ c_k (1 − sinc²(πkp)) in the working precision."""

    def d(p):
        if not p:
            return mpf(0)
        with mp.extraprec(max(0, -2 * mp.mag(p))):
            sincs = [mp.sinpi(k * p) / (mp.pi * k * p) for k in range(1, len(c) + 1)]
            return p * sum(mpf(float(ck)) * (1 - sinc**2) for ck, sinc in zip(c, sincs, strict=True))

    return d


@pytest.mark.parametrize(
    "c", [TENTHS, [1.0, 0.0, 0.02], [0.7, 1e-9, 0.0, 0.0, 0.001]], ids=["tenths", "third", "fifth"]
)
def test_spectra_against_50_digits(c, monkeypatch):
    """The oracle, with another d: D/D_max from 1e-21 to 1 − 1e-5, and at and around levels."""
    source, name = ed.Source.from_spectrum(c), f"spectrum {list(c)}"
    monkeypatch.setattr(oracle, "cell_distortion", {name: exact_cell_distortion(c)}.__getitem__)
    assert source.status == "exact (checked numerically)"
    with mp.workdps(oracle.DIGITS):
        assert source.max_distortion == float(oracle.max_distortion(name))
    D = source.max_distortion * np.concatenate([ratios(1e-21, 0.5, 12), near_one(8), [1e-21, 1 - 1e-5]])
    levels = [float(oracle.level(name, K)) for K in (2, 3, 4, 7, 50, 1001)]
    D = np.concatenate([D, levels, np.nextafter(levels, 0), np.nextafter(levels, 2)])
    for function, exact in FUNCTIONS.items():
        want = [float(exact(name, x)) for x in D]
        assert function(source, D, **NATS) == pytest.approx(want, rel=1e-12, abs=0)
    H = np.array([0.01, 0.5, math.log(3), 2.0, 20.0])
    want = [float(oracle.distortion(name, h)) for h in H]
    assert ed.distortion_entropy(source, H, **NATS) == pytest.approx(want, rel=1e-12, abs=0)


@universal
@given(st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 1)), min_size=0, max_size=5), st.floats(1e-3, 1))
def test_cell_distortion_of_a_spectrum(rest, last):
    c = [*rest, last]
    source = ed.Source.from_spectrum(c)
    with mp.workdps(30):
        want = [float(exact_cell_distortion(c)(mpf(p))) for p in SIZES]
    assert source.cell_distortion(SIZES) == pytest.approx(want, rel=1e-14, abs=0)
    assert source.max_distortion == math.fsum(c)
    assert source.energies.tolist() == c


def test_cell_distortion_of_a_spectrum_against_quadrature_of_delta():
    source = ed.Source.from_spectrum(PAIR)

    def delta(u):
        return sum(2 * mpf(c) * (1 - mp.cos(2 * mp.pi * k * u)) for k, c in enumerate(PAIR, start=1))

    assert source.cell_distortion(SIZES) == pytest.approx([mean_quadrature(delta, p) for p in SIZES], rel=1e-14, abs=0)


def test_trailing_zeros_of_a_spectrum():
    padded, plain = ed.Source.from_spectrum([1, 0.5, 0, 0]), ed.Source.from_spectrum([1, 0.5])
    assert padded == plain
    assert padded.energies.tolist() == [1, 0.5]


def test_units_of_a_spectrum():
    """E(s D) of s c is E(D) of c."""
    D = ratios(1e-12, 1)
    for scale in (3.0, 1e-100, 1e100):
        source = ed.Source.from_spectrum(scale * TENTHS)
        plain = ed.Source.from_spectrum(TENTHS)
        at = D * plain.max_distortion
        for function in FUNCTIONS:
            assert function(source, scale * at) == pytest.approx(function(plain, at), rel=1e-13, abs=1e-14)


def test_energies_cannot_be_changed():
    c = np.array([1.0, 0.01])
    source = ed.Source.from_spectrum(c)
    before = ed.entropy_distortion(source, 0.3)
    c[:] = source.energies[:] = 5.0
    assert source.energies.tolist() == [1.0, 0.01]
    assert ed.entropy_distortion(source, 0.3) == before


@pytest.mark.parametrize(
    ("c", "error", "message"),
    [
        ([], ValueError, "not all 0, got an array of shape"),
        ([0.0, 0.0], ValueError, "not all 0"),
        (1.0, ValueError, r"a sequence of energies, .*shape \(\)"),
        ([[1.0]], ValueError, r"shape \(1, 1\)"),
        ([1.0, -1e-300], ValueError, "c must be at least 0 and finite, got -1e-300 at index 1"),
        ([math.nan], ValueError, "c must be at least 0 and finite, got nan"),
        ([math.inf], ValueError, "c must be at least 0 and finite, got inf"),
        ([1e308, 1e308], ValueError, "c must have a finite sum"),
        ("circle", TypeError, "c must be a real number or an array of them, got 'circle'"),
        (["1"], TypeError, "c must be a real number or an array of them"),
        ([True], TypeError, "c must be a real number or an array of them"),
        ([1j], TypeError, "c must be a real number or an array of them"),
        (None, TypeError, "c must be a real number or an array of them"),
    ],
)
def test_what_is_no_spectrum(c, error, message):
    with pytest.raises(error, match=message):
        ed.Source.from_spectrum(c)


# --- where biuniform partitions are not optimal ---------------------------------------------------------------------


def biuniform(source, D):
    """Entropy in nats of K equal cells and a smaller one at distortion D."""
    K = next(K for K in range(1, 1000) if (K + 1) * source.cell_distortion(1 / (K + 1)) < D)

    def excess(odd):
        return K * source.cell_distortion((1 - odd) / K) + source.cell_distortion(odd) - D

    odd = brentq(excess, 0, 1 / (K + 1), xtol=1e-15)
    return -(1 - odd) * math.log((1 - odd) / K) - odd * math.log(odd)


@pytest.fixture(scope="module")
def halves():
    return ed.Source.from_spectrum(HALVES, name="halves")


@pytest.mark.parametrize(
    "refused", [ed.entropy_distortion, ed.distortion_entropy, ed.partition], ids=lambda f: f.__name__
)
def test_exact_answers_are_refused_where_the_condition_fails(refused, halves):
    assert halves.monotone
    assert not halves.condition.holds
    assert halves.status == "upper bound"
    with pytest.raises(ValueError, match=r"'halves' \(condition .* violated; .*\); upper_bound returns the best"):
        refused(halves, 0.5)
    with pytest.raises(ValueError, match=r"its δ is not monotone.*upper_bound"):
        refused(ed.Source.from_spectrum(PAIR), 0.5)


def test_one_large_cell_beats_the_biuniform_partition(halves):
    """The values of the theorem's page, to their last digit."""
    got = ed.upper_bound(halves, 0.7552236, **NATS)
    assert got == pytest.approx(0.746277, abs=1e-6)
    assert biuniform(halves, 0.7552236) == pytest.approx(0.807795, abs=1e-6)
    large = np.array([0.744, 0.128, 0.128])
    own = math.fsum(halves.cell_distortion(large))
    assert own == pytest.approx(0.7552236, abs=1e-7)
    # the search may still improve on three digits
    assert ed.upper_bound(halves, own, **NATS) <= -math.fsum(large * np.log(large)) + 1e-12


def test_dual_bound_where_the_condition_fails(halves, monkeypatch):
    """δ rises, and the dual bound asks for no more; it ends in a chord from p = 0.17."""
    monkeypatch.setattr(oracle, "cell_distortion", {"halves": exact_cell_distortion(HALVES)}.__getitem__)
    D = np.concatenate([ratios(1e-21, 0.9, 12), near_one(12)])
    want = [float(oracle.dual("halves", x)) for x in D]
    assert ed.lower_bound(halves, D, **NATS) == pytest.approx(want, rel=1e-12, abs=0)
    assert float(oracle.tangent_size("halves")) == pytest.approx(0.17046664951321916, rel=1e-15, abs=0)


def test_upper_bound_by_search(halves):
    D = np.linspace(0.1, 0.98, 23)
    upper, lower = ed.upper_bound(halves, D, **NATS), ed.lower_bound(halves, D, **NATS)
    best = np.array([biuniform(halves, x) for x in D.tolist()])
    assert (lower <= upper).all()
    assert (upper <= best * (1 + 1e-12)).all()
    assert (upper < best - 0.01).sum() >= 5
    assert (np.diff(upper) < 0).all()
    assert np.array_equal(ed.upper_bound(halves, D), upper / math.log(2))
    assert np.array_equal(ed.upper_bound(halves, D[::-1].reshape(1, -1))[0], upper[::-1] / math.log(2))


def test_ends_of_the_upper_bound_by_search(halves):
    largest = halves.max_distortion
    assert ed.upper_bound(halves, [0, largest, 2.0, math.inf]).tolist() == [math.inf, 0, 0, 0]
    assert 0 < ed.upper_bound(halves, largest * (1 - 1e-9)) < 1e-6
    # beyond 2000 cells only the biuniform partition is tried: feasible, so not below the dual bound, and near it
    D = np.array([1e-6, 1e-9, 1e-15])
    upper, lower = ed.upper_bound(halves, D), ed.lower_bound(halves, D)
    assert (lower <= upper).all()
    assert (upper <= lower * (1 + 1e-4)).all()


@pytest.fixture(scope="module")
def pair():
    return ed.Source.from_spectrum(PAIR, name="pair")


def test_no_lower_bound_without_a_monotone_delta(pair):
    assert not pair.monotone
    assert pair.status == "upper bound"
    with pytest.raises(ValueError, match=r"δ that is monotone .*got 'pair'"):
        ed.lower_bound(pair, 0.5)


def test_upper_bound_without_a_monotone_delta(pair):
    """Achieved by a partition; never worse than equal cells; at most 1e-9 above a search with other starts."""
    D = np.linspace(0.05, 1.19, 9)
    upper = ed.upper_bound(pair, D, **NATS)
    K = np.arange(1.0, 200)
    equal = K * pair.cell_distortion(1 / K)
    assert (np.diff(upper) < 0).all()
    for x, nats in zip(D.tolist(), upper.tolist(), strict=True):
        assert nats <= np.log(K[equal <= x].min()) + 1e-12
        found = minimise_entropy(pair.cell_distortion, x, seed=1)
        sizes = found.sizes
        assert math.fsum(sizes) == pytest.approx(1, abs=1e-12)
        assert math.fsum(pair.cell_distortion(sizes)) <= x * (1 + 1e-12)
        assert nats <= -math.fsum(sizes * np.log(sizes)) + 1e-9
        assert nats >= found.entropy - 1e-3


def test_upper_bound_at_equal_cells_without_a_monotone_delta(pair):
    K = np.arange(2.0, 30)
    assert (ed.upper_bound(pair, K * pair.cell_distortion(1 / K), **NATS) <= np.log(K) + 1e-12).all()


@pytest.mark.parametrize("harmonic", [8191, 8192, 8193])
def test_a_high_harmonic_is_not_mistaken_for_a_low_one(harmonic):
    energies = np.zeros(harmonic)
    energies[0], energies[-1] = 1.0, 0.01
    source = ed.Source.from_spectrum(energies)
    assert not source.monotone
    with pytest.raises(ValueError, match="monotone"):
        ed.lower_bound(source, 0.0061479)


def test_a_cancelling_cell_distortion_warns_where_its_digits_are_lost():
    naive = ed.Source(lambda p: p * (1 - np.sinc(p) ** 2), max_distortion=1.0, closed=True, name="naive")
    np.testing.assert_allclose(ed.entropy_distortion(naive, 1e-5), ed.entropy_distortion("circle", 1e-5), rtol=1e-9)
    with pytest.warns(UserWarning, match="loses more than half its digits to cancellation below distortion"):
        ed.entropy_distortion(naive, np.array([0.1, 1e-12]))
    careful = ed.Source(lambda p: p**2 * (2 - p) / 12, max_distortion=1 / 12, closed=True)
    assert careful._accurate_above == 0.0

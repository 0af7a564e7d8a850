"""Sources from a function, a subclass and a spectrum: results and errors."""

import copy
import math
import pickle

import edcurve as ed
import numpy as np
import oracle
import pytest
from edcurve.sources import digits, resolve
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from source_examples import CLASSES, FUNCTIONS, SIZES, TABLE, exact_cell_distortion, mean_quadrature, near_one, ratios

universal = settings(deadline=None, derandomize=True, max_examples=100)

NATS = {"base": math.e}
PAIR = [0.2, 1.0]  # δ falls again beyond u = ¼
HALVES = 2.0 ** -np.arange(1, 51)  # δ rises, and (★) fails
TENTHS = 0.1 ** np.arange(1, 6)  # (★) holds


def ramp(p):
    return p**2 * (2 - p) / 12


def circle(p):
    """d with cancellation: its relative error is 1e-16/p²."""
    return p * (1 - np.sinc(p) ** 2)


def careful_circle(p):
    """The same by its series where p < 0.1; it accepts only arrays."""
    d = np.empty_like(p)
    small = p < 0.1
    z = (2 * np.pi * p[small]) ** 2
    terms = [2 * (-1) ** (n + 1) * z**n / math.factorial(2 * n + 2) for n in range(1, 9)]
    d[small] = p[small] * sum(reversed(terms))
    d[~small] = circle(p[~small])
    return d


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


def test_equality_is_by_kind_and_parameters():
    assert ed.Ramp() == ed.Ramp()
    assert ed.PowerLaw(0.5) == ed.PowerLaw(0.5) != ed.PowerLaw(0.25)
    assert ed.PowerLaw(1) != ed.Sawbridge()
    assert ed.UniformScalar() != ed.Ramp() != "ramp"
    assert ed.Source.from_spectrum([1, 2]) == ed.Source.from_spectrum([1, 2], name="other")
    assert ed.Source.from_spectrum([1, 2]) != ed.Source.from_spectrum([2, 1])
    assert ed.Source.from_spectrum([0.5]) != ed.Sinusoid()
    assert len({ed.Ramp(), ed.Ramp(), ed.Circle(), ed.PowerLaw(1), ed.PowerLaw(1.0)}) == 3
    source, same = (ed.Source(ramp, max_distortion=1 / 12, closed=True) for _ in range(2))
    assert source == source
    assert source != same


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
    copied = duplicate(source)
    assert (copied.name, copied.closed, copied.max_distortion) == (source.name, source.closed, source.max_distortion)
    assert ed.entropy_distortion(copied, 0.01) == ed.entropy_distortion(source, 0.01)
    assert ed.lagrangian(copied, 100.0) == ed.lagrangian(source, 100.0)
    if source.name != "mine":
        assert copied == source
        assert hash(copied) == hash(source)


def test_repr():
    assert repr(ed.Ramp()) == "<edcurve source 'ramp', D_max = 0.0833333>"
    assert repr(ed.PowerLaw(0.1)) == "PowerLaw(0.1)"
    assert repr(ed.Source.from_spectrum([3, 1], name="mine")) == "<edcurve source 'mine', D_max = 4>"


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
def test_a_function_agrees_with_the_built_in_source(name, d):
    """As accurate as d; near D_max, rounding D_max to a double costs 1e-16/1e-5."""
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
    actual, expected = ed.lagrangian(source, lmbda), ed.lagrangian(name, lmbda)
    assert actual.cells.tolist() == expected.cells.tolist()
    assert actual.value == pytest.approx(expected.value, rel=1e-14, abs=0)


def test_accuracy_of_a_function_that_cancels():
    """p (1 − sinc²) has lost all digits where p² < 1e-16; results are as accurate as d."""
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
def test_invalid_cell_distortions(d, largest, error, message):
    with pytest.raises(error, match=message):
        ed.Source(d, max_distortion=largest, closed=False, name="mine")


def test_an_open_source_is_not_closed():
    """Stationarity relates d(1 − p) to d(p) on a loop, but not on an interval."""
    assert ed.Source(lambda p: p**2 / 6, max_distortion=1 / 6, closed=False).status == "exact (checked numerically)"
    with pytest.raises(ValueError, match="as closed=True"):
        ed.Source(lambda p: p**2 / 6, max_distortion=1 / 6, closed=True)
    # δ of the circle does not rise beyond ½ either: as an open curve it is another source
    assert ed.Source(careful_circle, max_distortion=1.0, closed=False).status == "upper bound"


@pytest.mark.parametrize(("energy", "name"), [(1.0, "circle"), (0.5, "sinusoid")])
def test_one_harmonic_is_the_circle(energy, name):
    """The guaranteed accuracy is 1e-10; another root finder on the same series differs by 1e-15."""
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
        ([1.0, -1e-10], ValueError, "c must be at least 0 and finite, got -1e-10 at index 1"),
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


def test_a_cancelling_cell_distortion_warns_where_its_digits_are_lost():
    naive = ed.Source(lambda p: p * (1 - np.sinc(p) ** 2), max_distortion=1.0, closed=True, name="naive")
    np.testing.assert_allclose(ed.entropy_distortion(naive, 1e-5), ed.entropy_distortion("circle", 1e-5), rtol=1e-9)
    with pytest.warns(UserWarning, match="loses more than half its digits to cancellation below distortion"):
        ed.entropy_distortion(naive, np.array([0.1, 1e-12]))
    careful = ed.Source(lambda p: p**2 * (2 - p) / 12, max_distortion=1 / 12, closed=True)
    assert digits.accurate_above(careful) == 0.0

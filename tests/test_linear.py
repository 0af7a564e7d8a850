"""Reverse water-filling and the rank floor: against bisection over long lists of eigenvalues, and R(D)."""

import math

import edcurve as ed
import numpy as np
import pytest
from edcurve.linear import eigenvalues, gaussian_bound, largest_eigenvalue, rank_floor
from edcurve.sources import resolve
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp

NATS = {"base": math.e}
universal = settings(deadline=None, derandomize=True, max_examples=60)
K = np.arange(1.0, 200_001.0)
LONG = {"ramp": np.repeat(0.25 / (math.pi * K) ** 2, 2), "sawbridge": 1 / (math.pi * K) ** 2}


def bisected(values, D, rest=0.0):
    """Water-filling over a list by bisection for the level; `rest` is the sum of the eigenvalues left out."""
    low, high = 0.0, values.max()
    while low < (level := 0.5 * (low + high)) < high:  # until no double lies between them
        low, high = (level, high) if np.minimum(values, level).sum() + rest < D else (low, level)
    return 0.5 * np.log(np.maximum(values / high, 1.0)).sum()


@pytest.mark.parametrize("source", LONG)
@pytest.mark.parametrize("share", [1e-4, 1e-3, 0.01, 0.123, 0.5, 0.61, 0.9, 0.9999])
def test_infinitely_many_eigenvalues_against_bisection(source, share):
    maximum, values = resolve(source).max_distortion, LONG[source]
    expected = bisected(values, share * maximum, maximum - math.fsum(values))
    assert gaussian_bound(source, share * maximum, **NATS) == pytest.approx(expected, rel=1e-9, abs=0)


@universal
@given(
    st.lists(st.floats(0.0, 10.0).map(lambda c: round(c, 3)), min_size=1, max_size=9).filter(any),
    st.floats(0.001, 0.999),
)
def test_finitely_many_eigenvalues_against_bisection(energies, share):
    source = ed.Source.from_spectrum(energies)
    D = share * source.max_distortion
    values = np.repeat(0.5 * np.array([c for c in energies if c > 0.0]), 2)
    assert gaussian_bound(source, D, **NATS) == pytest.approx(bisected(values, D), rel=1e-9, abs=1e-12)


def test_two_equal_eigenvalues_and_one():
    D = np.array([0.01, 0.3, 0.7])
    assert gaussian_bound("circle", D, **NATS) == pytest.approx(np.log(1 / D), rel=1e-13, abs=0)
    assert gaussian_bound("sinusoid", D / 2, **NATS) == pytest.approx(np.log(1 / D), rel=1e-13, abs=0)
    assert gaussian_bound("uniform", D / 12, **NATS) == pytest.approx(0.5 * np.log(1 / D), rel=1e-13, abs=0)
    assert gaussian_bound("power:2", D / 12, **NATS) == pytest.approx(0.5 * np.log(1 / D), rel=1e-13, abs=0)
    assert gaussian_bound("power:1", D / 6) == pytest.approx(gaussian_bound("sawbridge", D / 6), rel=1e-13, abs=0)


def test_rank_floor_values():
    assert rank_floor("ramp", 100) == pytest.approx(0.0010031, abs=5e-8)
    assert rank_floor("ramp", 100) == pytest.approx(1 / 12 - math.fsum(LONG["ramp"][:100]), rel=1e-11, abs=0)
    assert rank_floor("sawbridge", 7) == pytest.approx(1 / 6 - math.fsum(LONG["sawbridge"][:7]), rel=1e-12, abs=0)
    assert rank_floor("ramp", [0, 1, 2]) == pytest.approx(
        [1 / 12, 1 / 12 - 0.25 / math.pi**2, 1 / 12 - 0.5 / math.pi**2], rel=1e-14, abs=0
    )
    assert rank_floor("circle", [0, 1, 2, 50]).tolist() == [1.0, 0.5, 0.0, 0.0]
    assert rank_floor("sinusoid", np.array([[0, 1, 2]])).tolist() == [[0.5, 0.25, 0.0]]
    assert rank_floor("uniform", [0, 1]) == pytest.approx([1 / 12, 0.0], rel=1e-15, abs=0)
    assert rank_floor(ed.Source.from_spectrum([0.3, 1.0]), [1, 2, 3]) == pytest.approx([0.8, 0.3, 0.15], rel=1e-14)


def test_rank_floor_is_the_residual_of_the_best_projection():
    """The residual of the first principal components of sampled ramps."""
    t = (np.arange(400) + 0.5) / 400
    ramps = (t + np.arange(400)[:, None] / 400) % 1.0 - 0.5
    values = np.linalg.eigvalsh(np.cov(ramps.T, bias=True))[::-1] / 400
    for width in (0, 1, 3, 10):
        # a ramp sampled at 400 points is another source, by about 1/400² of each eigenvalue's k²
        assert rank_floor("ramp", width) == pytest.approx(values[width:].sum(), rel=5e-3)


def test_width_of_the_decoder_bounds_the_distortion_of_a_quantiser():
    """100 dimensions of the ramp cannot reach the optimal distortion at λ = 4096 bits."""
    assert rank_floor("ramp", 100) > 2 * ed.lagrangian("ramp", 4096.0).distortion


def test_eigenvalues_from_the_cell_distortion_alone():
    bridge = ed.Source(lambda p: p**2 / 6, max_distortion=1 / 6, closed=False)
    values = eigenvalues(bridge).values
    k = np.arange(1, values.size + 1)
    # averaging over 2048 cells takes (πk/2048)²/12 off the eigenvalue of frequency k
    assert values * (math.pi * k) ** 2 == pytest.approx(1 - (math.pi * k / 2048) ** 2 / 12, rel=1e-4, abs=0)
    D = np.array([0.16, 0.05, 0.005])
    assert gaussian_bound(bridge, D) == pytest.approx(gaussian_bound("sawbridge", D), rel=3e-4, abs=0)
    assert rank_floor(bridge, [0, 1, 10]) == pytest.approx(rank_floor("sawbridge", [0, 1, 10]), rel=1e-4, abs=0)
    loop = ed.Source(lambda p: p**2 * (2 - p) / 12, max_distortion=1 / 12, closed=True)
    D = np.array([0.08, 0.01, 0.002])
    assert gaussian_bound(loop, D) == pytest.approx(gaussian_bound("ramp", D), rel=1e-4, abs=0)
    with pytest.raises(ValueError, match=r"distortion must be 0 or at least .* for 'custom'"):
        gaussian_bound(bridge, 1e-5)
    with pytest.raises(ValueError, match="width must be at most"):
        rank_floor(bridge, 10_000)


def energies_of_pulses(width, count=2_000_000):
    k = np.arange(1.0, count + 1.0)
    return 2.0 * (np.sin(math.pi * (k * width % 1.0)) / (math.pi * k)) ** 2


@pytest.mark.parametrize("name", ["square", "pulse:0.5", "triangle"])
def test_spectra_of_odd_harmonics_against_zeta_functions(name):
    """Sums of 1/(2m + 1)² or of fourth powers, m ≥ n, in 50 digits: even harmonics are absent."""
    scale, power = {"square": (4, 2), "pulse:0.5": (1, 2), "triangle": (16, 4)}[name]
    with mp.workdps(50):
        for pairs in (0, 1, 57, 2000) if name == "triangle" else (0, 1, 57, 2000, 4000, 60_000):
            tail = 2 * scale * mp.zeta(power, pairs + mp.mpf(1) / 2) / (2 * mp.pi) ** power
            assert rank_floor(name, 2 * pairs) == pytest.approx(float(tail), rel=1e-9 if power == 2 else 1e-5, abs=0)


@pytest.mark.parametrize("width", [0.5, 0.25, 0.37, 1 / 3 + 1e-5, 0.001, 1e-5, 1e-7])
def test_spectra_with_zeros_against_long_lists(width):
    """Two million harmonics of pulses, sorted: between zeros the spectrum is as large as before."""
    pulse = ed.Pulse(width)
    values = np.repeat(0.5 * np.sort(energies_of_pulses(width))[::-1], 2)
    counts = np.array([0, 1, 2, 9, 500, 8000, 8192, 20_000])
    floors = [pulse.max_distortion - math.fsum(values[:count]) for count in counts]
    assert rank_floor(pulse, counts) == pytest.approx(floors, rel=1e-9, abs=0)
    remainder = pulse.max_distortion - math.fsum(values)
    for D in (0.9 * pulse.max_distortion, 0.3 * pulse.max_distortion, 3e-5):
        if eigenvalues(pulse).least > D:
            with pytest.raises(ValueError, match="distortion must be 0 or at least"):
                gaussian_bound(pulse, D)
        elif pulse.max_distortion > D:
            expected = bisected(values, D, remainder)
            assert gaussian_bound(pulse, D, **NATS) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("width", [0.5, 0.25, 0.37, 0.02])
def test_spectra_with_zeros_from_the_cell_distortion(width):
    """Eigenvalues not known to be among the largest are refused, and the others are right."""
    pulse = ed.Pulse(width)
    source = ed.Source(pulse.cell_distortion, max_distortion=pulse.max_distortion, closed=True)
    values = np.repeat(0.5 * np.sort(energies_of_pulses(width))[::-1], 2)
    number = int(eigenvalues(source).number)
    assert 2000 < number < 8000
    assert eigenvalues(source).values == pytest.approx(values[:number], rel=2e-3, abs=0)
    floor = pulse.max_distortion - math.fsum(values[:number])
    assert rank_floor(source, number) == pytest.approx(floor, rel=1e-3, abs=0)
    with pytest.raises(ValueError, match=f"width must be at most {number} "):
        rank_floor(source, 8000)
    D = 1.01 * eigenvalues(source).least
    expected = bisected(values, D, pulse.max_distortion - math.fsum(values))
    assert gaussian_bound(source, D, **NATS) == pytest.approx(expected, rel=1e-3, abs=0)


def test_decreasing_and_convex():
    for source in ("ramp", "circle", "sawbridge", "uniform", "power:1.5"):
        D = np.linspace(0.002, 0.999, 300) * resolve(source).max_distortion
        slopes = np.diff(gaussian_bound(source, D)) / np.diff(D)
        assert (slopes < 0).all()
        assert (np.diff(slopes) > -1e-9 * -slopes[1:]).all()


def test_scaling_and_base():
    twice = ed.Source.from_spectrum([0.6, 2.0])
    once = ed.Source.from_spectrum([0.3, 1.0])
    D = np.array([0.1, 0.5, 1.2])
    assert gaussian_bound(twice, 2 * D) == pytest.approx(gaussian_bound(once, D), rel=1e-13, abs=0)
    assert gaussian_bound(once, D, **NATS) == pytest.approx(math.log(2) * gaussian_bound(once, D), rel=1e-15, abs=0)
    assert rank_floor(twice, [0, 1, 2, 3]) == pytest.approx(2 * rank_floor(once, [0, 1, 2, 3]), rel=1e-15, abs=0)


def test_shapes_and_limits():
    assert isinstance(gaussian_bound("ramp", 0.01), float)
    assert isinstance(rank_floor("ramp", 3), float)
    assert gaussian_bound("ramp", np.array(0.01)).shape == ()
    assert gaussian_bound("ramp", np.zeros((0, 2))).shape == (0, 2)
    assert rank_floor("ramp", np.zeros((0, 2), dtype=int)).shape == (0, 2)
    assert gaussian_bound("ramp", [0.0, 1 / 12, 1.0]).tolist() == [math.inf, 0.0, 0.0]
    grid = np.array([[0.01, 0.02], [0.03, 0.04]])
    assert gaussian_bound("ramp", grid)[1, 0] == gaussian_bound("ramp", 0.03)
    assert gaussian_bound("ramp", 1e-21, **NATS) == pytest.approx(2 / (math.pi**2 * 1e-21), rel=1e-6)


@pytest.mark.parametrize("width", [-1, [-1, 2]])
def test_negative_width(width):
    with pytest.raises(ValueError, match="width must be at least 0"):
        rank_floor("ramp", width)


@pytest.mark.parametrize("width", [1.5, [1.5], "3", True])
def test_width_that_is_not_an_integer(width):
    with pytest.raises(TypeError, match="width must be an integer"):
        rank_floor("ramp", width)


def test_errors():
    with pytest.raises(ValueError, match="distortion must be at least 0"):
        gaussian_bound("ramp", -1.0)
    with pytest.raises(ValueError, match="source must be a Source or one of"):
        rank_floor("line", 3)


def test_water_filling_of_given_eigenvalues():
    D = np.array([0.0, 1e-9, 0.01, 0.5, 0.99, 1.0, 2.0])
    np.testing.assert_allclose(ed.water_filling([0.5, 0.0, 0.5], D), ed.gaussian_bound("circle", D), rtol=1e-13)
    assert ed.water_filling([3.0, 1.0], 2.0, base=math.e) == pytest.approx(0.5 * math.log(3.0))
    for wrong, message in (([], "not all 0"), ([[1.0]], "a sequence of variances"), ([-1.0], "at least 0")):
        with pytest.raises(ValueError, match=message):
            ed.water_filling(wrong, 0.1)


def test_bounds_are_left_out_of_a_curve_where_they_are_not_known():
    curve = ed.curve("power:0.35", [1e-4, 0.2, 0.25, 0.3], shannon=True)
    assert np.isnan(curve.shannon).tolist() == [True, False, False, False]
    assert (curve.shannon[1:] <= curve.lower[1:]).all()
    curve = ed.curve("sawbridge", [1e-4, 0.05, 0.1, 0.17], shannon=True, gaussian=True)
    assert (curve.shannon <= curve.lower).all()
    assert np.isfinite(curve.gaussian).all()
    assert np.isnan(ed.curve("power:0.5", [1e-3, 0.2], gaussian=True).gaussian).tolist() == [True, False]


@pytest.mark.parametrize("factor", [3.0, -1e-3])
@pytest.mark.parametrize(
    "name", ["ramp", "circle", "sinusoid", "sawbridge", "uniform", "triangle", "power:1", "power:1.5"]
)
def test_scaled_sources(name, factor):
    source = resolve(name)
    scaled, D = source.scaled(factor), source.max_distortion * np.array([0.05, 0.4, 0.9, 1.0])
    np.testing.assert_allclose(ed.gaussian_bound(scaled, factor**2 * D), ed.gaussian_bound(source, D), rtol=1e-9)
    floors = ed.rank_floor(source, np.arange(6)) * factor**2
    np.testing.assert_allclose(ed.rank_floor(scaled, np.arange(6)), floors, rtol=1e-9, atol=1e-14 * floors[0])


@pytest.mark.parametrize("source", ["power:0.3", "power:1.9", "sawbridge", "uniform"])
def test_the_largest_eigenvalue_alone(source):
    source = resolve(source)
    assert largest_eigenvalue(source) == pytest.approx(
        math.exp(eigenvalues(source).logs(np.array([1.0]))[0]), rel=1e-13
    )

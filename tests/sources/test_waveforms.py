"""Cyclic shifts of waveforms: by samples, in closed form, scaled, with bounds on the error of sampling."""

import copy
import io
import math
import pickle

import edcurve as ed
import matplotlib.figure
import numpy as np
import pytest
from edcurve.sources import resolve
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

universal = settings(deadline=None, derandomize=True, max_examples=60)

NATS = {"base": math.e}
WAVES = {
    "pulse:0.2": (lambda t: np.where(np.mod(t, 1) < 0.2, 1.0, 0.0), lambda u: 2 * min(u, 0.2)),
    "pulse:0.7": (lambda t: np.where(np.mod(t, 1) < 0.7, 1.0, 0.0), lambda u: 2 * min(u, 0.3)),
    "pulse:0.013": (lambda t: np.where(np.mod(t, 1) < 0.013, 1.0, 0.0), lambda u: 2 * min(u, 0.013)),
    "square": (lambda t: np.where(np.mod(t, 1) < 0.5, 1.0, -1.0), lambda u: 8 * u),
    "triangle": (lambda t: 1 - 4 * np.abs(np.mod(t, 1) - 0.5), lambda u: 16 * u**2 - 64 * u**3 / 3),
}
P = np.unique(np.concatenate([np.geomspace(1e-6, 1, 200), np.linspace(0.005, 1, 200)]))
SIZES = np.unique(np.concatenate([np.geomspace(1e-12, 1, 25), [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.987]]))
SIZES = np.unique(np.concatenate([SIZES, np.nextafter(SIZES, 0), np.nextafter(SIZES[:-1], 1)]))


def differences(source, mean):
    """Largest difference from d(p)/p: the distortion of a partition is a mean of them, so it differs by no more."""
    return np.abs(source.cell_distortion(P) / P - mean(P)).max()


def mean_of(name):
    return lambda p: resolve(name).cell_distortion(p) / p


def realizations(name, phases, samples=1000):
    return WAVES[name][0](np.arange(samples) / samples + np.asarray(phases)[..., None])


# --- standard waves -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WAVES)
def test_cell_distortion_against_integrals_of_delta(name):
    source, delta = resolve(name), WAVES[name][1]
    for p in (1e-6, 0.01, 0.15, 0.2, 0.29, 0.45, 0.5, 0.51, 0.7, 0.75, 0.9, 1.0):
        marks = [x for x in (0.013, 0.2, 0.3, 0.5, 0.7, 0.8, 0.987) if x < p]
        value, _ = quad(
            lambda u, p=p: (p - u) * delta(min(u, 1 - u)), 0, p, points=marks or None, epsabs=0, epsrel=1e-12
        )
        assert source.cell_distortion(p) == pytest.approx(value / p, rel=1e-11, abs=0)


@pytest.mark.parametrize("name", WAVES)
def test_cell_distortion_against_the_spectrum(name):
    """Σ c_k (1 − sinc²(πkp)) of 200 000 harmonics; the others have at most the energy missing from D_max."""
    source = resolve(name)
    c = source.harmonics(200_000)
    missing = source.max_distortion - c.sum()
    assert -1e-15 <= missing < 1e-5 * source.max_distortion * 10
    k = np.flatnonzero(c) + 1.0
    for p in (0.001, 0.1, 0.2, 0.35, 0.5, 0.77, 1.0):
        low = np.sum(c[c > 0] * (1 - np.sinc(k * p) ** 2))
        assert -1e-14 <= source.cell_distortion(p) / p - low <= missing + 1e-14


@pytest.mark.parametrize("name", WAVES)
def test_harmonics_against_integrals(name):
    source, g = resolve(name), WAVES[name][0]
    t = (np.arange(2**18) + 0.5) / 2**18
    for k in (1, 2, 3, 5, 10):
        mode = 2 * np.mean(g(t) * np.exp(-2j * np.pi * k * t))
        assert source.harmonics(12)[k - 1] == pytest.approx(0.5 * abs(mode) ** 2, rel=2e-3, abs=1e-9)
    assert source.harmonics(1).shape == (1,)


@pytest.mark.parametrize("name", WAVES)
def test_the_maximum_and_the_ends(name):
    source = resolve(name)
    assert source.max_distortion == pytest.approx(realizations(name, 0.0, 10**6).var(), rel=1e-5)
    assert source.cell_distortion([0.0, 1.0]).tolist() == [0.0, source.max_distortion]
    d = source.cell_distortion(SIZES)
    assert (np.diff(d) >= -1e-15 * source.max_distortion).all()
    assert (np.diff(d / SIZES) >= -1e-15 * source.max_distortion).all()
    assert source.closed
    assert source.monotone
    assert source.truncation == source.defect == 0.0


@universal
@given(st.floats(1e-9, 1, exclude_max=True), st.floats(1e-9, 1))
def test_pulses_of_any_width(width, p):
    """A pulse and its complement cost the same; stationarity relates d(p) to d(1 − p); the name restores the source."""
    source = ed.Pulse(width)
    assert resolve(source.name) == source
    value = source.cell_distortion(p)
    assert value == pytest.approx(ed.Pulse(1 - width).cell_distortion(p), rel=1e-6, abs=1e-17)
    assert 0 <= value <= source.max_distortion * p * (1 + 1e-12)
    complement = (1 - p) * source.cell_distortion(1 - p)
    assert p * value - complement == pytest.approx((2 * p - 1) * source.max_distortion, rel=1e-9, abs=1e-15)
    assert value <= p * p / 3 * (1 + 1e-12)  # δ ≤ 2u


@pytest.mark.parametrize("width", [0, 1, -0.1, 1.5, math.nan, math.inf])
def test_widths_that_are_none(width):
    with pytest.raises(ValueError, match=r"width must"):
        ed.Pulse(width)
    with pytest.raises(ValueError, match=r"source must be pulse:w with 0 < w < 1, such as pulse:0\.2"):
        resolve(f"pulse:{width}")


@pytest.mark.parametrize("ratio", [1 - 1e-9, 0.999, 0.7, 0.3, 0.01, 1e-6, 1e-15])
@pytest.mark.parametrize("name", WAVES)
def test_bounds_of_waves(name, ratio):
    """The dual bound is −ln p at d(p)/p = D or a chord below; the stated partition is the upper bound."""
    source = resolve(name)
    D = ratio * source.max_distortion
    lower, upper = ed.lower_bound(source, D, **NATS), ed.upper_bound(source, D, **NATS)
    # the hull of pulses takes a long search
    hull = upper if "pulse" in name else ed.convex_hull(source, D, **NATS)
    assert 0 <= lower <= hull * (1 + 1e-9)
    assert hull <= upper * (1 + 1e-9)
    low, high = 1e-20, 1.0
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if source.cell_distortion(middle) / middle < D else (low, middle)
    assert lower <= -math.log(low) + 1e-9
    if ratio < 1e-3:
        assert lower == pytest.approx(-math.log(low), rel=1e-10)


# --- realizations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*WAVES, "edge:15"])
@pytest.mark.parametrize("a", [1.0, -2.5])
def test_centroids_against_means_of_shifts(name, a):
    source = resolve(name).scaled(a)
    if name == "edge:15":
        k = np.arange(1, 16, 2)
        t = np.arange(100) / 100
        start, size = np.array([0.0, 0.3, 0.83, 0.1]), np.array([0.1, 0.05, 0.4, 0.9])
        shifts = start[:, None] + size[:, None] * (np.arange(2000) + 0.5) / 2000
        x = np.sin(2 * np.pi * k * (t[:, None] + shifts[..., None, None])) @ (4 / (np.pi * k))
    else:
        start, size = np.array([0.0, 0.3, 0.83, 0.1]), np.array([0.1, 0.05, 0.4, 0.9])
        x = realizations(name, start[:, None] + size[:, None] * (np.arange(2000) + 0.5) / 2000, 100)
    assert source.centroid(start, size, 100) == pytest.approx(a * x.mean(axis=1), abs=2e-3 * abs(a))


@pytest.mark.parametrize("name", WAVES)
@pytest.mark.parametrize("samples", [64, 100, 1000, 1024])
def test_phases_of_sampled_waves(name, samples):
    """To half a step, without bias: a jump appears at the next sample, so the samples of g itself lag."""
    samples = samples if 0.013 * samples > 1 else 2 * samples
    phases = np.random.default_rng(11).uniform(0, 1, 4000)
    error = (resolve(name).phase(realizations(name, phases, samples)) - phases + 0.5) % 1 - 0.5
    assert np.abs(error).max() <= 0.5001 / samples
    assert abs(error.mean()) < 0.02 / samples


@pytest.mark.parametrize("ratio", [0.9, 0.4, 0.1, 0.02])
@pytest.mark.parametrize("name", [*WAVES, "edge:15", "edge:1"])
def test_encoding_what_was_decoded(name, ratio):
    quantizer = ed.quantizer(name, ratio * resolve(name).max_distortion)
    index = np.arange(quantizer.cells)
    for samples in (1024, 999):
        assert quantizer.encode(quantizer.decode(index, samples)).tolist() == index.tolist()


@pytest.mark.parametrize(("width", "samples"), [(0.99, 64), (0.995, 128), (0.004, 64)])
def test_pulses_that_samples_miss(width, samples):
    """All samples of the pulse itself may be 1, but those of its centroids are not."""
    quantizer = ed.quantizer(ed.Pulse(width), 0.9 * ed.Pulse(width).max_distortion)
    result = quantizer.encode(quantizer.decode(np.arange(quantizer.cells), 1024))
    assert result.tolist() == list(range(quantizer.cells))
    phases = ed.Pulse(width).phase(ed.Pulse(width).centroid(np.array([0.1, 0.7]), np.array([0.2, 0.2]), samples))
    assert phases == pytest.approx([0.2, 0.8], abs=0.6 / samples)


@pytest.mark.parametrize("ratio", [0.8, 0.3, 0.1])
@pytest.mark.parametrize("name", ["pulse:0.2", "pulse:0.7", "square", "triangle", "edge:15"])
def test_quantizers_on_data(name, ratio):
    """On realizations with random phases: the stated entropy and distortion, also where E(D) is only bounded."""
    source = resolve(name)
    D = ratio * source.max_distortion
    quantizer = ed.quantizer(source, D)
    assert quantizer.entropy == pytest.approx(ed.upper_bound(source, D), rel=1e-9)
    assert quantizer.distortion <= D * (1 + 1e-9)
    phases = np.random.default_rng(12).uniform(0, 1, 20_000)
    if name == "edge:15":
        k = np.arange(1, 16, 2)
        x = np.sin(2 * np.pi * k * (np.arange(256) / 256 + phases[:, None])[..., None]) @ (4 / (np.pi * k))
    else:
        x = realizations(name, phases, 256)
    index = quantizer.encode(x)
    assert (index == quantizer.encode(phases)).mean() > 1 - 0.5 * quantizer.cells / 256 - 1e-9
    share = np.bincount(index, minlength=quantizer.cells) / phases.size
    assert -np.sum(share * np.log2(np.maximum(share, 1e-300))) == pytest.approx(quantizer.entropy, abs=0.02)
    squared = np.mean((x - quantizer.decode(index, 256)) ** 2)
    assert squared == pytest.approx(quantizer.distortion, rel=0.02, abs=2e-3 * source.max_distortion)


def test_invalid_realizations_of_waveforms():
    for source in (ed.Square(), ed.Source.from_waveform(lambda t: t, harmonics=64)):
        with pytest.raises(ValueError, match=r"x must have at least 3 samples along the last axis, got shape \(4, 2\)"):
            source.phase(np.zeros((4, 2)))
        with pytest.raises(ValueError, match="x must be finite, got nan"):
            source.phase(np.full((1, 8), np.nan))
        with pytest.raises(TypeError, match="x must be real numbers"):
            source.phase(np.zeros((1, 8), dtype=complex))


# --- edges ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("highest", [1, 2, 15, 16, 99])
def test_edges_are_the_first_harmonics_of_the_square_wave(highest):
    source = ed.Edge(highest)
    want = ed.Square().harmonics(highest)
    assert source.harmonics(highest) == pytest.approx(want, rel=1e-14, abs=0)
    assert source.harmonics(highest + 5)[highest:].tolist() == [0.0] * 5
    same = ed.Source.from_spectrum(want)
    assert source.cell_distortion(SIZES) == pytest.approx(same.cell_distortion(SIZES), rel=3e-12, abs=0)
    assert source.truncation == 0.0
    assert resolve(f"edge:{highest}") == source
    samples = ed.quantizer(source, 2 * source.max_distortion).source.centroid(np.array([0.0]), np.array([1e-9]), 256)
    k = np.arange(1, highest + 1, 2)
    assert samples[0] == pytest.approx(
        np.sin(2 * np.pi * np.outer(np.arange(256) / 256, k)) @ (4 / np.pi / k), abs=1e-6
    )


def test_edges_tend_to_the_square_wave():
    """From below, by the energy left out."""
    source = ed.Edge(9999)
    missing = 1 - source.max_distortion
    assert missing == pytest.approx(4 / (np.pi**2 * 10_000), rel=1e-3)
    gap = ed.Square().cell_distortion(P) / P - source.cell_distortion(P) / P
    assert gap.min() >= -1e-11
    assert gap.max() <= missing + 1e-11


@pytest.mark.parametrize(("n", "error"), [(0, ValueError), (-1, ValueError), (2**18 + 1, ValueError), (1.5, TypeError)])
def test_edges_that_are_none(n, error):
    with pytest.raises(error, match="harmonics must be"):
        ed.Edge(n)


# --- from_waveform: truncation is a bound ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["square", "triangle", "pulse:0.7"])
@pytest.mark.parametrize("count", [4, 5, 6, 7, 8, 9, 10, 12])
@pytest.mark.parametrize("repeated", [1, 3])
def test_truncation_of_few_samples(name, count, repeated):
    """For any offset: with 4 or 6 samples a period the third harmonic may be missing, so nothing is exact."""
    offsets = np.concatenate([[0.0, 0.25, 0.5], np.random.default_rng(count).random(9)]) / count
    for offset in offsets.tolist():
        samples = np.tile(WAVES[name][0](np.arange(count) / count + offset), repeated)
        source = ed.Source.from_waveform(samples)
        once = ed.Source.from_waveform(samples[:count])
        # repeated waveforms shift several times as fast: compare one period
        assert differences(once, mean_of(name)) <= once.truncation
        assert source.truncation >= (0.99 if count in (4, 6) else 0.0) * once.truncation
        if count in (4, 6):
            assert source.status == once.status == "upper bound"


@pytest.mark.parametrize("count", range(4, 17))
@pytest.mark.parametrize("offset", [0.0, 0.5, 0.3])
def test_truncation_of_few_samples_of_peaks(count, offset):
    """A peak between two samples: each unresolved harmonic reduces one of the last octave."""
    k = np.arange(1, 400)
    p = np.linspace(0.02, 1, 50)
    least = 1 if count == 4 else count // 4 + 1
    for width in np.geomspace(0.3, 3.0, 15):
        for shape in (np.exp(-((width * k / count) ** 2)), np.exp(-width * k / count), 1 / (1 + (width * k) ** 2)):
            falls = np.diff((k * shape)[least - 1 :]) <= 0
            if not falls.all():
                continue  # then not like 1/k
            turns = np.outer(np.arange(count) - offset, k) / count
            source = ed.Source.from_waveform(np.cos(2 * np.pi * turns) @ shape)
            want = (1 - np.sinc(np.outer(p, k)) ** 2) @ (0.5 * shape**2)
            assert np.abs(source.cell_distortion(p) / p - want).max() <= source.truncation + 1e-12


LENGTHS = (16, 63, 64, 100, 1001, 4096)


@pytest.mark.parametrize("name", [*WAVES, "ramp"])
@pytest.mark.parametrize("count", LENGTHS)
@pytest.mark.parametrize("offset", [0.0, 0.37])
def test_samples_of_waves_whose_distortion_is_known(name, count, offset):
    """Jumps on and off the grid, odd lengths: no distortion differs by more than `.truncation`."""
    t = (np.arange(count) + offset) / count
    g = t % 1 if name == "ramp" else WAVES[name][0](t)
    if np.ptp(g) == 0:
        with pytest.raises(ValueError, match="g must not be constant"):
            ed.Source.from_waveform(g)
        return
    source = ed.Source.from_waveform(g)
    assert differences(source, mean_of(name)) <= source.truncation
    if count > 4000 and name != "pulse:0.013":
        assert source.truncation < (3e-6 if name == "triangle" else 0.02) * source.max_distortion


@pytest.mark.parametrize("name", [*WAVES, "ramp"])
def test_functions_whose_distortion_is_known(name):
    source = ed.Source.from_waveform((lambda t: t) if name == "ramp" else WAVES[name][0], harmonics=4096)
    assert differences(source, mean_of(name)) <= source.truncation
    assert source.truncation < (2e-2 if name == "pulse:0.013" else 3e-3) * source.max_distortion
    assert source.energies.size <= 4096


def bernoulli(order, x):
    return [x - 0.5, x**2 - x + 1 / 6, x**3 - 1.5 * x**2 + 0.5 * x][order - 1]


def bernoulli_modes(order, at, k):
    """Of B(t − at): Re Σ m_k e^{2πikt}."""
    return -2 * math.factorial(order) / (2j * np.pi * k) ** order * np.exp(-2j * np.pi * k * at)


@settings(universal, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([32, 33, 100, 256]), st.integers(1, 4), st.booleans())
def test_truncation_of_random_waveforms(seed, count, singular, aligned):
    """Jumps, kinks and bends of random sizes at random places, plus sinusoids: spectra in closed form."""
    rng = np.random.default_rng(seed)
    k, t = np.arange(1, 20_001), np.arange(count) / count
    g, modes = np.zeros(count), np.zeros(k.size, dtype=complex)
    for _ in range(singular):
        order, at, size = int(rng.integers(1, 4)), rng.random(), rng.standard_normal()
        at = round(at * count) / count if aligned else at
        g += size * bernoulli(order, np.mod(t - at + 1e-15, 1))
        modes += size * bernoulli_modes(order, at, k)
    for _ in range(2):
        harmonic, size, turn = int(rng.integers(1, 4)), rng.standard_normal(), rng.random()
        g += size * np.cos(2 * np.pi * (harmonic * t - turn))
        modes[harmonic - 1] += size * np.exp(-2j * np.pi * turn)
    source = ed.Source.from_waveform(g)
    p = np.geomspace(1e-3, 1, 40)
    want = np.array([np.sum(0.5 * np.abs(modes) ** 2 * (1 - np.sinc(k * x) ** 2)) for x in p.tolist()])
    assert np.abs(source.cell_distortion(p) / p - want).max() <= source.truncation


@universal
@given(st.integers(8, 200), st.integers(0, 2**32 - 1))
def test_sums_of_sinusoids_are_exact(count, seed):
    """Below half the number of samples; only the last octave could contain aliases."""
    rng = np.random.default_rng(seed)
    highest = (count - 1) // 2
    amplitudes = rng.standard_normal(highest) * (rng.random(highest) < 0.5)
    amplitudes[0] = 1.0
    k = np.arange(1, highest + 1)
    t = np.arange(count) / count
    g = np.cos(2 * np.pi * (np.outer(t, k) - rng.random(highest))) @ amplitudes
    source = ed.Source.from_waveform(g + 5.0)
    assert source.harmonics(highest) == pytest.approx(0.5 * amplitudes**2, rel=1e-9, abs=1e-13 * np.sum(amplitudes**2))
    if not amplitudes[count // 2 // 2 - 1 :].any():
        assert source.truncation < 1e-11 * source.max_distortion


def test_a_smooth_bump_is_exact():
    """exp(3 cos 2πt): |m_k| = 2 I_k(3)."""
    from scipy.special import iv

    for count in (64, 101, 4096):
        source = ed.Source.from_waveform(np.exp(3 * np.cos(2 * np.pi * np.arange(count) / count)))
        assert source.harmonics(12) == pytest.approx(2 * iv(np.arange(1, 13), 3) ** 2, rel=1e-9, abs=1e-19)
        assert source.truncation < 1e-11 * source.max_distortion
    function = ed.Source.from_waveform(lambda t: np.exp(3 * np.cos(2 * np.pi * t)), harmonics=64)
    assert function.cell_distortion(P) == pytest.approx(source.cell_distortion(P), rel=3e-12, abs=0)


@pytest.mark.parametrize("make", [lambda: lambda t: t, lambda: np.arange(4096) / 4096])
def test_the_ramp_by_its_waveform(make):
    """E of the ramp lies between E at D ± `.truncation`."""
    source = ed.Source.from_waveform(make())
    assert source.status == "exact (checked numerically)"
    assert differences(source, lambda p: p * (2 - p) / 12) <= source.truncation < 0.02 * source.max_distortion
    D = np.linspace(2 * source.truncation, 1 / 12, 100)
    exact = ed.entropy_distortion("ramp", D)
    assert (ed.entropy_distortion(source, D + source.truncation) <= exact).all()
    assert (exact <= ed.entropy_distortion(source, D - source.truncation)).all()
    assert ed.entropy_distortion(source, 0.01) == pytest.approx(ed.entropy_distortion("ramp", 0.01), rel=3e-3)


@pytest.mark.parametrize("count", [16, 64, 256, 1001])
def test_few_samples_make_no_bound_exact(count):
    """E(D) of the pulse is only bounded: it has 0.75 of what (★) needs, and few samples do not hide that."""
    t = np.arange(count) / count
    assert ed.Pulse(0.2).status == ed.Source.from_waveform(WAVES["pulse:0.2"][0](t)).status == "upper bound"
    ramp = ed.Source.from_waveform(t)
    precise = ramp.truncation <= 0.1 * ramp.max_distortion
    assert precise == (count > 256)
    assert ramp.status == ("exact (checked numerically)" if precise else "upper bound")
    assert ("known only to" in ramp.reason) != precise


def test_shifts_and_means_do_not_matter():
    g = np.random.default_rng(13).standard_normal(50).cumsum()
    source = ed.Source.from_waveform(g)
    for same in (np.roll(g, 17), g[::-1], g + 100.0, -g):
        other = ed.Source.from_waveform(same)
        assert other.cell_distortion(SIZES) == pytest.approx(source.cell_distortion(SIZES), rel=1e-9, abs=0)
        assert other.truncation == pytest.approx(source.truncation, rel=1e-9)
        assert other != source


@pytest.mark.parametrize("name", ["square", "pulse:0.2"])
def test_quantizers_of_waveforms_on_data(name):
    g = WAVES[name][0]
    source = ed.Source.from_waveform(g, harmonics=512)
    quantizer = ed.quantizer(source, 0.2 * source.max_distortion)
    phases = np.random.default_rng(14).uniform(0, 1, 5000)
    x = realizations(name, phases, 500)
    index = quantizer.encode(x)
    assert (index == quantizer.encode(phases)).mean() > 0.95
    squared = np.mean((x - quantizer.decode(index, 500)) ** 2)
    assert squared == pytest.approx(quantizer.distortion, abs=source.truncation + 0.03 * quantizer.distortion)
    assert quantizer.encode(quantizer.decode(np.arange(quantizer.cells), 300)).tolist() == list(range(quantizer.cells))


@pytest.mark.parametrize(
    ("g", "error", "message"),
    [
        (lambda t: np.ones_like(t), ValueError, "g must not be constant"),
        (np.ones(9), ValueError, "g must not be constant"),
        ([1.0, 2.0, 3.0], ValueError, "4 to 524288 samples"),
        (np.ones((4, 4)), ValueError, r"got an array of shape \(4, 4\)"),
        ([1, 2, math.nan, 3], ValueError, "g must be finite, got nan at 2"),
        ([1, 2, -math.inf, 3], ValueError, "g must be finite, got -inf at 2"),
        ([1, 2, 1e200, 3], ValueError, r"g must be at most 1e\+140 in size, got 1e\+200 at 2"),
        (lambda t: np.where(t == 0.5, np.nan, t), ValueError, r"g must be finite, got nan at 0\.5"),
        (lambda t: t[:3], TypeError, "g must map arrays of t to finite real arrays of the same shape"),
        (lambda t: 1.0, TypeError, "g must map arrays"),
        (lambda t: t * 1j, TypeError, "complex128"),
        (lambda t: 1.0 if t < 0.5 else 0.0, TypeError, r"it raised: .*use numpy functions or numpy\.vectorize"),
        (np.ones(4) * 1j, TypeError, "g must be a real number or an array of them"),
        ("ramp", TypeError, "g must be"),
        (None, TypeError, "g must be"),
    ],
)
def test_invalid_waveforms(g, error, message):
    with pytest.raises(error, match=message):
        ed.Source.from_waveform(g, harmonics=64)


@pytest.mark.parametrize(
    ("n", "error"), [(0, ValueError), (2**18 + 1, ValueError), (8.0, TypeError), (True, TypeError)]
)
def test_numbers_of_harmonics(n, error):
    with pytest.raises(error, match="harmonics must be"):
        ed.Source.from_waveform(lambda t: t, harmonics=n)


# --- δ that falls again ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        ed.Source.from_spectrum([0, 1]),
        ed.Source.from_waveform(lambda t: np.cos(2 * np.pi * t) + 2 * np.sin(4 * np.pi * t), harmonics=8),
    ],
)
def test_only_an_upper_bound(source):
    assert source.status == "upper bound"
    assert not source.monotone
    for function in (ed.entropy_distortion, ed.partition):
        with pytest.raises(ValueError, match="upper_bound"):
            function(source, 0.1)
    with pytest.raises(ValueError, match="monotone"):
        ed.lower_bound(source, 0.1)


def test_curves_of_an_upper_bound():
    curve = ed.curve(ed.Source.from_spectrum([0, 1]), num=3)
    assert curve.status == "upper bound"
    assert np.isnan(curve.lower).all()
    assert (curve.hull <= curve.upper).all()
    frame = curve.to_pandas()
    assert set(frame["status"]) == {"upper bound"}
    rows = curve.to_csv().splitlines()
    assert all(row.endswith("upper bound") for row in rows[1:])
    assert all(row.split(",")[3] == "nan" for row in rows[1:])
    restored = pickle.loads(pickle.dumps(curve))
    assert restored == curve
    ax = matplotlib.figure.Figure().add_subplot()
    labels = [text.get_text() for text in curve.plot(ax).get_legend().get_texts()]
    assert any("upper bound" in label for label in labels)
    assert not any("lower" in label for label in labels)
    ax.figure.savefig(io.BytesIO(), format="png")


# --- scaled ---------------------------------------------------------------------------------------------------------


class Mine(ed.Source):
    """A sawbridge given by a method."""

    def __init__(self):
        super().__init__(max_distortion=1 / 6, closed=False, name="mine")

    def cell_distortion(self, p):
        return np.asarray(p) ** 2 / 6


def given_function(p):
    return p**2 / 6


SOURCES = {
    "ramp": ed.Ramp(),
    "circle": ed.Circle(),
    "sinusoid": ed.Sinusoid(),
    "sawbridge": ed.Sawbridge(),
    "uniform": ed.UniformScalar(),
    "power": ed.PowerLaw(0.7),
    "triangle": ed.Triangle(),
    "spectrum": ed.Source.from_spectrum([1, 0.1]),
    "table": ed.Source.from_spectrum(0.1 ** np.arange(1.0, 40)),
    "waveform": ed.Source.from_waveform(lambda t: t, harmonics=1024),
    "function": ed.Source(given_function, max_distortion=1 / 6, closed=False),
    "subclass": Mine(),
    "open samples": ed.Source.from_samples(np.linspace(0, 1, 300), closed=False),
    "loop": ed.Source.from_samples(
        np.stack([3 + np.cos(np.arange(64) * np.pi / 32), 4 + np.sin(np.arange(64) * np.pi / 32)], axis=1)
    ),
}


@pytest.mark.parametrize("a", [2.0, -0.5, 3.7, 1e-6])
@pytest.mark.parametrize("name", SOURCES)
def test_every_function_of_a_scaled_source(name, a):
    source, scaled = SOURCES[name], SOURCES[name].scaled(a)
    square = a * a
    close = {"rel": 1e-9, "abs": 1e-12}
    assert type(scaled) is type(source)
    assert scaled.status == source.status
    assert scaled.max_distortion == pytest.approx(square * source.max_distortion, rel=4e-16)
    assert scaled.truncation == pytest.approx(square * source.truncation, rel=1e-14)
    p = np.array([0.0, 1e-3, 0.2, 0.5, 0.9, 1.0])
    assert scaled.cell_distortion(p) == pytest.approx(square * source.cell_distortion(p), rel=1e-12, abs=0)
    assert type(scaled.cell_distortion(0.5)) is type(source.cell_distortion(0.5)) or name == "subclass"
    D = source.max_distortion * np.array([0.9, 0.3, 0.0123])
    for function in (ed.entropy_distortion, ed.upper_bound, ed.lower_bound, ed.convex_hull):
        assert function(scaled, square * D) == pytest.approx(function(source, D), **close)
    assert ed.distortion_entropy(scaled, 2.3) == pytest.approx(square * ed.distortion_entropy(source, 2.3), rel=1e-10)
    lmbda = np.array([1.0, 7.0, 60.0]) / source.max_distortion
    actual, expected = ed.lagrangian(scaled, lmbda / square), ed.lagrangian(source, lmbda)
    assert actual.value == pytest.approx(expected.value, **close)
    assert actual.cells.tolist() == expected.cells.tolist()
    actual, expected = ed.partition(scaled, square * D), ed.partition(source, D)
    assert actual.count.tolist() == expected.count.tolist()
    assert actual.odd == pytest.approx(expected.odd, rel=1e-6, abs=1e-12)
    actual, expected = (ed.quantizer(s, x * D[1]) for s, x in ((scaled, square), (source, 1.0)))
    assert actual.distortion == pytest.approx(square * expected.distortion, rel=1e-9)
    assert actual.cells == expected.cells
    if name not in ("function", "subclass", "power"):
        assert actual.centroids == pytest.approx(a * expected.centroids, rel=1e-7, abs=1e-9 * abs(a))
        if name != "uniform":
            assert actual.encode(actual.centroids).tolist() == list(range(actual.cells))
    curve, want = ed.curve(scaled, num=6), ed.curve(source, num=6)
    assert curve.cells.tolist() == want.cells.tolist()
    assert curve.cells_distortion == pytest.approx(square * want.cells_distortion, rel=1e-9)


@pytest.mark.parametrize("name", SOURCES)
def test_scaled_twice_and_back(name):
    """Powers of two are exact; the original is unchanged."""
    source = SOURCES[name]
    before = source.cell_distortion(0.3)
    scaled = source.scaled(4.0).scaled(-0.5)
    assert scaled.cell_distortion(0.3) == 4 * before
    assert scaled.max_distortion == 4 * source.max_distortion
    back = scaled.scaled(-0.5)
    assert back.cell_distortion(0.3) == before == source.cell_distortion(0.3)
    assert back.max_distortion == source.max_distortion
    if name not in ("function", "subclass", "open samples"):
        assert back == source
        assert scaled != source
        assert source.scaled(-1) != source
    for copied in (pickle.loads(pickle.dumps(scaled)), copy.deepcopy(scaled)):
        assert copied.cell_distortion(0.3) == scaled.cell_distortion(0.3)
        assert copied.name == scaled.name == f"-0.5 × 4 × {source.name}"


@pytest.mark.parametrize(
    ("a", "error"),
    [
        (0, ValueError),
        (-0.0, ValueError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        (-math.inf, ValueError),
        (1e200, ValueError),
        (1e-200, ValueError),
        ("2", TypeError),
        (None, TypeError),
        (2j, TypeError),
        (True, TypeError),
        (np.array([1.0, 2.0]), TypeError),
    ],
)
@pytest.mark.parametrize("name", ["ramp", "subclass", "loop", "table"])
def test_invalid_factors(name, a, error):
    with pytest.raises(error, match=r"^a must"):
        SOURCES[name].scaled(a)

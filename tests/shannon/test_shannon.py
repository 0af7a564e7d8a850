"""Shannon's R(D): closed forms, 50-digit values, enclosures, an independent Blahut–Arimoto run, E(D) above it."""

import json
import math
from pathlib import Path

import edcurve as ed
import numpy as np
import pytest
from edcurve.linear import gaussian_bound
from edcurve.shannon import (
    RateDistortion,
    alternating,
    channels,
    concentrated,
    density_table,
    initial_densities,
    long_intervals,
    mixture,
    phase_grids,
    rate_distortion,
    rate_distortion_bounds,
    sandwich,
)
from edcurve.sources import resolve
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

NATS = {"base": math.e}
universal = settings(deadline=None, derandomize=True, max_examples=20)
reference = json.loads((Path(__file__).parents[1] / "reference" / "values.json").read_text())["circle_rate_distortion"]

SPECTRA = {
    "halves": 2.0 ** -np.arange(1, 51),
    "twentieth": [1.0, 0.05],
    "third": [0.3, 1.0],
    "odd": [1.0, 0.0, 1.0],
    "jump": [1.0, 0.8],  # D jumps from 1.8 to 1.38 as λ grows
    "twelve": np.random.default_rng(1).exponential(size=12),  # another jump, between 6.94 and 4.62
    "doubled": [0.0, 1.0, 0.0, 0.4],
    "inverse squares": 1.0 / np.arange(1, 301) ** 2,
}
CLOSED = {"ramp": ed.Ramp(), **{name: ed.Source.from_spectrum(c, name=name) for name, c in SPECTRA.items()}}
OPEN = ("sawbridge", "uniform", "power:0.4", "power:0.5", "power:1.5")


def shares(least, count=40, most=0.999):
    """D/D_max, dense at both ends."""
    return np.unique(np.concatenate([np.geomspace(least, 0.5, count // 2), np.linspace(0.5, most, count // 2 + 1)]))


def convex(x, y, slack):
    """Whether values, up to `slack`, can be those of a convex function."""
    middle = y[1:-1] * (x[2:] - x[:-2]) - y[:-2] * (x[2:] - x[1:-1]) - y[2:] * (x[1:-1] - x[:-2])
    return (middle <= slack * (x[2:] - x[:-2])).all()


# --- one harmonic: closed form --------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", reference, ids=lambda row: row["kappa"])
def test_circle_reference_values(row):
    D, expected = float(row["distortion"]), float(row["rate_nats"])
    # D rounded to double moves R by λ ulp(D)
    assert rate_distortion("circle", D, **NATS) == pytest.approx(expected, rel=1e-12, abs=0)
    assert rate_distortion("sinusoid", D / 2, **NATS) == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize("D", [0.002, 0.012, 0.013, 0.1, 0.7, 0.7502, 0.81, 0.999, 1 - 1e-9])
def test_circle_in_fifty_digits(D):
    with mp.workdps(60):
        A = mp.sqrt(1 - mpf(D))
        kappa = mp.findroot(lambda k: mp.besseli(1, k) / mp.besseli(0, k) - A, 2 * A / D)
        expected = float(kappa * A - mp.log(mp.besseli(0, kappa)))
    assert rate_distortion("circle", D, **NATS) == pytest.approx(expected, rel=1e-13, abs=0)


@pytest.mark.parametrize("D", [1e-21, 1e-15, 1e-9, 1e-6])
def test_circle_at_small_distortions(D):
    """κ = 1/D + 1/4 + O(D) makes R = ½ ln(2π/D) − ½ + O(D)."""
    assert rate_distortion("circle", D, **NATS) == pytest.approx(
        0.5 * math.log(2 * math.pi / D) - 0.5, rel=1e-14, abs=2 * D
    )


@pytest.mark.parametrize("D", [5e-324, 1e-310, 2.2e-308, 1e-307, 1.9e-100, 2.1e-100])
def test_circle_at_the_smallest_distortions(D):
    """The same where D/2 or 1/D underflows or overflows; the Gaussian's two components have D/2 each."""
    for scale in (1e-150, 1.0, 1e150):
        if D * scale**2 in (0.0, math.inf):
            continue
        circle, log = ed.Circle().scaled(scale), math.log(D * scale**2) - 2.0 * math.log(scale)
        shannon = 0.5 * (math.log(2 * math.pi) - log - 1.0)
        assert rate_distortion(circle, D * scale**2, **NATS) == pytest.approx(shannon, rel=1e-14, abs=0)
        assert ed.gaussian_bound(circle, D * scale**2, **NATS) == pytest.approx(-log, rel=1e-14, abs=0)


def test_circle_near_the_greatest_distortion():
    eps = np.array([2.0**-20, 2.0**-40, 2.0**-50])
    assert rate_distortion("circle", 1 - eps, **NATS) == pytest.approx(eps + eps**2 / 4, rel=1e-12, abs=0)


def test_a_loop_run_through_several_times_is_that_loop():
    """MV mod 1 is uniform if V is, and V carries no more information: one harmonic M is the circle."""
    D = np.array([1e-12, 0.01, 0.5, 0.99])
    for times in (2, 5):
        source = ed.Source.from_spectrum([0.0] * (times - 1) + [1.0])
        assert rate_distortion(source, D).tolist() == rate_distortion("circle", D).tolist()
    once = rate_distortion(ed.Source.from_spectrum([1.0, 0.4]), 1.4 * D[1:])
    assert rate_distortion(CLOSED["doubled"], 1.4 * D[1:]).tolist() == once.tolist()


# --- closed sources -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLOSED)
def test_enclosure_of_closed_sources(name):
    source = CLOSED[name]
    D = shares(1e-4) * source.max_distortion
    bounds = rate_distortion_bounds(source, D, **NATS)
    assert (bounds.lower <= bounds.upper).all()
    assert (bounds.upper - bounds.lower <= 1e-6).all()
    assert (np.diff(bounds.upper) < 0).all()
    assert convex(D, bounds.upper, 1e-6)
    assert (bounds.upper <= gaussian_bound(source, D, **NATS) * (1 + 1e-6)).all()


@pytest.mark.parametrize("share", [1e-9, 1e-7, 1e-5])
@pytest.mark.parametrize("name", ["ramp", "halves", "third"])
def test_enclosure_at_small_distortions(name, share):
    source = CLOSED[name]
    bounds = rate_distortion_bounds(source, share * source.max_distortion, **NATS)
    assert 0 <= bounds.upper - bounds.lower <= 1e-6


@pytest.mark.parametrize("name", ["halves", "third", "twentieth"])
def test_smooth_loops_meet_the_shannon_lower_bound(name):
    """As D → 0 the phase is Gaussian: R → −½ ln(2πe σ²) with D = σ² · Σ 4π²k²c_k."""
    source = CLOSED[name]
    k = np.arange(1, source.energies.size + 1)
    D = 1e-7 * source.max_distortion
    variance = D / (4 * np.pi**2 * k**2 @ source.energies)
    expected = -0.5 * math.log(2 * math.pi * math.e * variance)
    # the correction is of the order of σ² times the highest frequency squared
    assert rate_distortion(source, D, **NATS) == pytest.approx(expected, abs=2e-5)


def test_general_solver_on_the_circle():
    """For a circle given only by d, the single harmonic is not known."""
    circle = resolve("circle")
    source = ed.Source(circle.cell_distortion, max_distortion=1.0, closed=True)
    D = np.array([1e-4, 0.01, 0.2, 0.5, 0.9, 0.99, 1 - 1e-5])
    exact = rate_distortion("circle", D, **NATS)
    bounds = rate_distortion_bounds(source, D, **NATS)
    assert (bounds.lower <= exact).all()
    assert (exact <= bounds.upper).all()
    assert bounds.upper == pytest.approx(exact, rel=1e-6, abs=0)


@pytest.mark.parametrize("name", ["ramp", "twentieth"])
def test_near_the_greatest_distortion(name):
    """R ≈ (D_max − D)/c_1 if the first harmonic is by far the strongest."""
    source = CLOSED[name]
    eps = np.array([1e-5, 1e-7])
    expected = eps * source.max_distortion / source.harmonics(1)[0]
    assert rate_distortion(source, (1 - eps) * source.max_distortion, **NATS) == pytest.approx(
        expected, rel=1e-5, abs=0
    )


def test_first_order_transition():
    """For c = (1, 0.8), R is straight from D_max on, less steep than 1/c_1 of the first harmonic."""
    source = CLOSED["jump"]
    D = np.linspace(1.4, 1.79, 20)
    R = rate_distortion(source, D, **NATS)
    slopes = R / (1.8 - D)
    assert np.ptp(slopes) < 1e-6
    assert slopes[0] < 0.95
    assert rate_distortion(source, 1.2, **NATS) > slopes[0] * 0.6 + 1e-3


def blahut_arimoto(squared, lmbda, rounds=1500):
    """Rate and distortion of a finite source with uniform letters and a fixed alphabet."""
    kernel = np.exp(-lmbda * squared)
    w = np.full(squared.shape[1], 1 / squared.shape[1])
    for _ in range(rounds):
        w = w * (kernel / (kernel @ w)[:, None]).mean(axis=0)
    used = w > 1e-12
    Q = kernel[:, used] * w[used] / (kernel[:, used] @ w[used])[:, None]
    D = (Q * squared[:, used]).sum(axis=1).mean()
    return (Q * np.log(np.maximum(Q, 1e-300) / Q.mean(axis=0))).sum(axis=1).mean(), D


@pytest.mark.parametrize(
    ("energies", "lmbda"), [([1.0], 2.0), ([1.0], 8.0), ([1.0, 0.05], 3.0), ([0.6, 0.0, 0.02], 4.0), ([1.0, 0.3], 6.0)]
)
def test_independent_blahut_arimoto(energies, lmbda):
    """On 60 phases, with (γ(v) A_1, γ(v) A_2, …) for a range of A as alphabet: the best of these is near R(D)."""
    source = ed.Source.from_spectrum(energies)
    orders = np.flatnonzero(energies) + 1
    phases = np.arange(60) / 60
    radius = np.sqrt(np.array(energies)[orders - 1])
    gamma = radius * np.exp(2j * np.pi * np.outer(phases, orders))
    spread = np.linspace(0.03, 0.24, 8)  # of the posterior: A_k = exp(−2π²k²σ²)
    shrunk = np.exp(-2 * (np.pi * np.outer(spread, orders)) ** 2)
    alphabet = (gamma[:, None, :] * shrunk).reshape(-1, orders.size)
    squared = (np.abs(gamma[:, None, :] - alphabet) ** 2).sum(axis=2)
    rate, D = blahut_arimoto(squared, lmbda)
    expected = rate_distortion(source, D, **NATS)
    # the alphabet is not optimal, and 60 phases are slightly easier than all
    assert rate == pytest.approx(expected, abs=3e-3)
    assert rate >= expected - 1e-4


def test_independent_blahut_arimoto_on_the_ramp():
    """Sampled at 128 points, with centroids of arcs of several lengths as the alphabet."""
    n, lmbda = 128, 60.0
    t = np.arange(n) / n
    ramps = (t[None, :] + t[:, None]) % 1.0 - 0.5
    alphabet = []
    for length in (3, 6, 10, 14, 18, 24, 32):
        weights = np.maximum(0.0, 1 - np.abs(np.arange(-length, length + 1)) / (length + 1))
        weights /= weights.sum()
        near = sum(w * np.roll(ramps, s, axis=0) for w, s in zip(weights, range(-length, length + 1), strict=True))
        alphabet.append(near)
    alphabet = np.concatenate(alphabet)
    squared = ((ramps**2).mean(1)[:, None] + (alphabet**2).mean(1)[None, :]) - 2 * ramps @ alphabet.T / n
    rate, D = blahut_arimoto(np.maximum(squared, 0.0), lmbda, 400)
    expected = rate_distortion("ramp", D, **NATS)
    assert expected - 0.01 <= rate <= expected + 0.05  # triangles for the best shape, 128 points for all


def test_descent_lowers_the_rate_and_keeps_the_distortion():
    source = CLOSED["ramp"]
    grid = phase_grids.whole_circle(source, 256)
    D = 0.3 * source.max_distortion
    for shape in initial_densities.shapes(grid, 3):
        start = initial_densities.at_distortion(grid, shape, D)
        if start is None:
            continue
        state = alternating.descend(grid, *start, distortion=D)
        assert state is not None
        entropy = float(start[0] @ np.log(np.maximum(start[0], 1e-300) * grid.cells))
        assert state.rate <= entropy + 1e-12
        assert initial_densities.distortion_of(grid, state.density) <= D * (1 + 1e-12)
        assert float(state.density @ np.log(state.density * grid.cells)) == pytest.approx(state.rate, rel=1e-9)


@universal
@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=5), st.floats(0.2, 3.0), st.integers(0, 2**32 - 1))
def test_phases_of_the_exponent_do_not_help(energies, lmbda, seed):
    """Σ a_k cos(2πkv + φ_k): the integral of its exponential is greatest with all φ_k = 0."""
    rng = np.random.default_rng(seed)
    k, v = np.arange(1, len(energies) + 1), np.arange(512) / 512
    phases = rng.uniform(0, 2 * np.pi, k.size)
    turned, straight = (
        np.exp(lmbda * np.cos(2 * np.pi * np.outer(v, k) + phi) @ np.array(energies)).mean() for phi in (phases, 0.0)
    )
    assert turned <= straight * (1 + 1e-12)


@universal
@given(st.sampled_from(["twentieth", "third", "jump", "twelve"]), st.integers(0, 2**32 - 1))
def test_no_density_is_below(name, seed):
    """(D(q), KL(q)) of random densities lies on or above R."""
    rng = np.random.default_rng(seed)
    source, v = CLOSED[name], np.arange(256) / 256
    a = rng.normal(size=4) * rng.exponential()
    q = np.exp(np.cos(2 * np.pi * (np.outer(v, np.arange(1, 5)) + rng.uniform(size=4))) @ a)
    q /= q.sum()
    energies = source.energies
    D = float(energies @ (1 - np.abs(np.fft.rfft(q))[1 : energies.size + 1] ** 2))
    if source.max_distortion * 1e-3 < D:
        assert rate_distortion_bounds(source, D, **NATS).lower <= q @ np.log(q * 256) + 1e-12


@pytest.mark.parametrize("width", [1e-3, 1e-9])
def test_narrow_pulses(width):
    source = ed.Pulse(width)
    D = shares(1e-4, 10) * source.max_distortion
    bounds = rate_distortion_bounds(source, D, **NATS)
    assert (bounds.lower <= bounds.upper).all()
    assert (bounds.upper - bounds.lower <= 1e-6).all()
    assert convex(D / source.max_distortion, bounds.upper, 1e-6)
    # δ = 2|u| over the range of the density, which is logistic of scale D/2
    small = source.max_distortion * 0.02 > D
    assert small.sum() > 1
    np.testing.assert_allclose(bounds.upper[small], np.log(2 / D[small]) - 2, rtol=0, atol=1e-6)


def test_pulses_on_the_whole_circle():
    """Bounds from equal cells on the whole circle overlap those with one cell for the remainder."""
    source = ed.Pulse(0.04)
    plain = density_table.DensityTable.of(source)
    plain.grids.constant = None
    D = np.array([0.03, 0.2, 0.5, 0.8, 0.97]) * source.max_distortion
    lower, upper = plain.answer(D, lambda done, total: None)
    bounds = rate_distortion_bounds(source, D, **NATS)
    assert (lower <= bounds.upper).all()
    assert (bounds.lower <= upper).all()
    np.testing.assert_allclose(upper, bounds.upper, rtol=0, atol=1e-6)


# --- open sources ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPEN)
def test_enclosure_of_open_sources(name):
    maximum = resolve(name).max_distortion
    D = np.unique(np.concatenate([shares(1e-4, 20), [1e-300, 1e-9, 0.995]])) * maximum
    bounds = rate_distortion_bounds(name, D, **NATS)
    assert (bounds.lower <= bounds.upper).all()
    assert (bounds.upper - bounds.lower <= 1e-3).all()
    assert (np.diff(bounds.upper) < 0).all()
    assert convex(D, bounds.upper, 1e-3)


def test_uniform_scalar_between_the_shannon_lower_bound_and_the_gaussian():
    D = np.array([6e-3, 0.01, 0.03, 0.1, 0.3, 0.9]) / 12
    bounds = rate_distortion_bounds("uniform", D, **NATS)
    shannon = -0.5 * np.log(2 * math.pi * math.e * D)
    assert (bounds.upper >= shannon).all()
    assert (bounds.upper <= gaussian_bound("uniform", D, **NATS) + 1e-5).all()
    # it is approached as D → 0, more slowly because of the two ends
    excess = bounds.upper - shannon
    assert excess[0] < 0.04
    assert (np.diff(excess) > 0).all()


def test_uniform_scalar_against_blahut_arimoto_on_the_line():
    """400 values of the source, 201 reproductions on the same line."""
    x, y = (np.arange(400) + 0.5) / 400, np.arange(201) / 200
    rate, D = blahut_arimoto((x[:, None] - y) ** 2, 80.0, 2000)
    bounds = rate_distortion_bounds("uniform", D, **NATS)
    assert bounds.lower - 1e-4 <= rate <= bounds.upper + 1e-3


@universal
@given(st.integers(0, 2**32 - 1), st.floats(1.0, 300.0))
def test_scan_of_the_line_bounds_the_dual_constraint(seed, lmbda):
    """Against integrals over 100 points to a cell, at 601 reproductions, some outside [0, 1]."""
    log_weight = np.random.default_rng(seed).normal(size=32)
    v, y = (np.arange(3200) + 0.5) / 3200, np.linspace(-0.1, 1.1, 601)
    values = (np.repeat(np.exp(log_weight), 100) * np.exp(-lmbda * (v - y[:, None]) ** 2)).mean(axis=1)
    bound = channels.scanned(log_weight, 1 / 32, lmbda)
    assert math.log(values.max()) <= bound + 1e-4
    assert bound <= math.log(values.max()) + 1e-2


def test_two_reproductions_of_the_uniform_scalar():
    """At λ just above 6 a pair of reproductions is best; its channel is symmetric, and a search finds no third."""
    cells = channels.PhaseCells.of(resolve("uniform"), 256)
    start = np.full((1, 256), 1 / 256) * (1 + 0.1 * np.linspace(-1, 1, 256))
    channel = mixture.fit(cells, 9.0, start, np.ones(1), tolerance=1e-5)
    assert channel.gap < 1e-4
    phases = channel.densities @ (np.arange(256) + 0.5) / 256
    distances = np.abs(phases - 0.5)
    assert np.ptp(distances) < 0.02
    # the remaining E X²: variance 1/12 less that of the reproductions
    assert channel.distortion == pytest.approx(1 / 12 - channel.weights @ distances**2, rel=1e-3)


def watched_searches(monkeypatch):
    """Cells and logarithms of α of the last search for each λ."""
    used, search = {}, mixture.highest

    def watched(cells, log_weight, lmbda, starts):
        used[lmbda] = cells, log_weight
        return search(cells, log_weight, lmbda, starts)

    monkeypatch.setattr(mixture, "highest", watched)
    return used


def assert_dual(channel, cells, log_weight, phases):
    """Plain ascents from many phases find no larger violation of the dual constraint."""
    densities = np.exp(log_weight - channel.lmbda * cells.spread(2 * phases)[:phases])
    densities /= densities.sum(axis=1, keepdims=True)
    for _ in range(40):
        densities, values = cells.posterior(cells.distances(densities), log_weight, channel.lmbda)
    assert channel.gap < 3e-4
    assert log_weight.mean() - values.max() >= channel.dual - 3e-6


@pytest.mark.parametrize(("name", "lmbda"), [("power:0.4", 17.8), ("power:0.5", 19.45)])
def test_dual_values_of_channels_against_a_search_from_many_more_phases(name, lmbda, monkeypatch):
    used = watched_searches(monkeypatch)
    channel = sandwich.Sandwich(resolve(name))._evenly(lmbda)
    assert_dual(channel, *used[lmbda], 300)


def test_dual_values_of_channels_that_a_curve_needs(monkeypatch):
    """At the largest of these λ the best start is in the worse half after a step."""
    used, table = watched_searches(monkeypatch), sandwich.Sandwich(resolve("power:0.42"))
    table.answer(np.array([0.8 * table.source.max_distortion]), lambda *_: None)
    channels = [channel for channel in table.channels if channel is not table.core]
    assert len(channels) > 6
    for channel in channels:
        assert_dual(channel, *used[channel.lmbda], 100)


@pytest.mark.parametrize("name", ["sawbridge", "uniform", "power:0.4", "power:1.5"])
def test_long_intervals_against_channels_fitted_for_them(name):
    """An extended channel of a smaller λ has the rate and dual value of one fitted for its own λ."""
    table = sandwich.Sandwich(resolve(name))
    direct = table._evenly(1.05 * table.long.line.lmbda, 0.5)
    lower, upper = table.long.bounds(np.array([direct.distortion]))[:, 0]
    assert lower <= direct.rate
    assert direct.dual - direct.lmbda * direct.distortion <= upper
    assert upper == pytest.approx(direct.rate, abs=3e-4)


@pytest.mark.parametrize("name", ["power:0.5", "sawbridge"])
def test_ends_are_solved_for_the_distortions_that_need_them(name):
    table = sandwich.Sandwich(resolve(name))
    D = np.array([0.5 * table.source.max_distortion])
    alone = table.answer(D, lambda *_: None)
    assert table.known is None
    table.answer(0.1 * D, lambda *_: None)
    assert table.known is table.long
    assert table.long.largest < long_intervals.worthwhile(table.exponent)
    after = table.answer(D, lambda *_: None)
    assert max(alone[0, 0], after[0, 0]) <= min(alone[1, 0], after[1, 0])


def test_uniform_scalar_at_a_small_distortion_against_blahut_arimoto():
    """1200 values of the source, 401 reproductions, D/D_max = 0.007."""
    x, y = (np.arange(1200) + 0.5) / 1200, np.arange(401) / 400
    rate, D = blahut_arimoto((x[:, None] - y) ** 2, 800.0, 500)
    bounds = rate_distortion_bounds("uniform", D, **NATS)
    assert bounds.lower - 1e-4 <= rate <= bounds.upper + 1e-3


@pytest.mark.parametrize("share", [1e-2, 1e-4, 1e-9])
def test_small_distortions_of_the_sawbridge(share):
    """Without ends, by the logistic density of scale D: ln(1/D) − 2 is a lower bound on R, and its limit."""
    D = share / 6
    bounds = rate_distortion_bounds("sawbridge", D, **NATS)
    assert bounds.upper >= -math.log(D) - 2
    assert bounds.lower >= -math.log(D) - 2 - 5e-4
    assert bounds.upper == pytest.approx(-math.log(D) - 2 + 1.122 * D, abs=1e-4)


@pytest.mark.parametrize(("name", "scale"), [("uniform", 12), ("power:2", 12), ("sawbridge", 6), ("power:1", 6)])
def test_the_smallest_distortions_of_open_sources(name, scale):
    """To D = 5e-324; differences of R are those of −ln D, or of half of it for the scalar."""
    D = np.array([5e-324, 1e-300, 1e-30, 1e-20]) / scale
    D[0] = 5e-324
    R = rate_distortion(name, D, **NATS)
    share = 0.5 if scale == 12 else 1.0
    assert np.diff(R) == pytest.approx(-share * np.diff(np.log(D)), rel=0, abs=1e-9)


def test_distortions_beyond_the_cells():
    with pytest.raises(ValueError, match="distortion must be 0 or at least"):
        rate_distortion("power:0.35", 0.01)
    with pytest.raises(ValueError, match=r"at least D_max = 0\.432"):
        rate_distortion("power:0.1", 0.4)
    with pytest.raises(ValueError, match="distortion must be 0 or at least"):
        rate_distortion("ramp", [0.01, 1e-12])


# --- all --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ramp", "circle", "sinusoid", "sawbridge", "uniform", "power:0.5", "power:1.5"])
def test_below_the_dual_bound_and_the_entropy(name):
    D = shares(1e-5, 24, 0.99) * resolve(name).max_distortion
    R = rate_distortion(name, D)
    dual, E = ed.lower_bound(name, D), ed.entropy_distortion(name, D)
    assert (dual >= R).all()
    assert (dual <= E * (1 + 1e-12)).all()


@pytest.mark.parametrize("name", ["halves", "twentieth", "inverse squares"])
def test_below_the_dual_bound_of_monotone_spectra(name):
    D = shares(1e-3, 24) * CLOSED[name].max_distortion
    assert (rate_distortion(CLOSED[name], D) <= ed.lower_bound(CLOSED[name], D)).all()


def test_scaling_and_base():
    D = np.array([0.01, 0.3, 0.9])
    once, twice = ed.Source.from_spectrum([1.0, 0.05]), ed.Source.from_spectrum([2.0, 0.1])
    assert rate_distortion(twice, 2.1 * D, **NATS) == pytest.approx(rate_distortion(once, 1.05 * D, **NATS), abs=1e-6)
    assert rate_distortion("ramp", D / 12, **NATS) == pytest.approx(math.log(2) * rate_distortion("ramp", D / 12))
    assert rate_distortion("sinusoid", D / 2).tolist() == rate_distortion("circle", D).tolist()


def test_shapes_and_limits():
    assert isinstance(rate_distortion("ramp", 0.01), float)
    assert rate_distortion("ramp", np.array(0.01)).shape == ()
    assert rate_distortion("uniform", np.zeros((0, 2))).shape == (0, 2)
    for name in ("ramp", "circle", "uniform"):
        assert rate_distortion(name, [0.0, 1.0, 2.0]).tolist() == [math.inf, 0.0, 0.0]
    grid = np.array([[0.02, 0.01], [0.01, 0.04]])
    R = rate_distortion("ramp", grid)
    assert R[0, 1] == R[1, 0] == rate_distortion("ramp", 0.01)
    bounds = rate_distortion_bounds("ramp", grid)
    assert isinstance(bounds, RateDistortion)
    assert (bounds.source, bounds.base, bounds.lower.shape) == ("ramp", 2.0, (2, 2))
    assert bounds.distortion is not grid
    assert "rigorous" in bounds.method
    assert rate_distortion_bounds("circle", 0.3).method == "one harmonic: closed form"
    assert "all reproductions" in rate_distortion_bounds("uniform", 0.05).method
    assert "a search over reproductions" in rate_distortion_bounds("sawbridge", 0.1).method


@pytest.mark.parametrize("bad", [-1.0, math.nan, [0.1, -0.1]])
def test_invalid_distortions(bad):
    with pytest.raises(ValueError, match="distortion must be at least 0"):
        rate_distortion("ramp", bad)


def test_other_errors():
    with pytest.raises(TypeError, match="distortion must be a real number"):
        rate_distortion("ramp", "0.1")
    with pytest.raises(ValueError, match="base must be"):
        rate_distortion("ramp", 0.1, base=1)
    with pytest.raises(ValueError, match="source must be a Source or one of"):
        rate_distortion("line", 0.1)
    with pytest.raises(TypeError, match="source must be a Source or a name"):
        rate_distortion(3, 0.1)


@pytest.mark.parametrize("factor", [3.0, -1e-3])
@pytest.mark.parametrize("name", ["ramp", "circle", "sawbridge", "triangle", "uniform"])
def test_scaled_sources_have_the_same_curve(name, factor):
    source = resolve(name)
    scaled, D = source.scaled(factor), source.max_distortion * np.array([0.5, 0.9])
    bounds, plain = ed.rate_distortion_bounds(scaled, factor**2 * D), ed.rate_distortion_bounds(source, D)
    np.testing.assert_allclose(bounds.upper, plain.upper, rtol=1e-6)
    assert bounds.method == plain.method
    assert (bounds.upper <= ed.lower_bound(scaled, factor**2 * D) + 1e-9).all()


def test_lower_bounds_are_not_negative():
    source = ed.Source.from_spectrum([1.0, 0.8])
    D = 1.8 * (1.0 - np.array([1e-12, 1e-9, 1e-6]))
    assert (ed.rate_distortion_bounds(source, D).lower >= 0.0).all()


def test_enclosure_where_the_curve_is_all_but_straight():
    """c_k = 1/k: R(D) is D_max − D to 1e-5 nats over half of its range, so λ must be as accurate."""
    source = ed.Source.from_spectrum(1.0 / np.arange(1, 101))
    D = source.max_distortion * np.array([0.6, 0.77, 0.85, 0.97])
    bounds = ed.rate_distortion_bounds(source, D, **NATS)
    assert (bounds.upper - bounds.lower <= 1e-6).all()
    np.testing.assert_allclose(bounds.upper, source.max_distortion - D, rtol=0, atol=2e-5)


@pytest.mark.parametrize("factor", [0.07084229783774196, 3.0, 0.7])
def test_scaled_circles_near_the_largest_distortion(factor):
    """R = sup over κ of κA − ln I₀(κ), A² = 1 − D/a², in 50 digits: a² is not a double."""
    with mp.workdps(50):
        energy = mpf(factor) ** 2
        for share in (1e-12, 1e-9, 1.00108e-5, 0.01):
            D = float(energy) * (1 - share)
            mean = mp.sqrt(1 - D / energy)
            kappa = mp.findroot(lambda k, mean=mean: mp.besseli(1, k) / mp.besseli(0, k) - mean, 2 * mean)
            want = float(kappa * mean - mp.log(mp.besseli(0, kappa)))
            result = ed.rate_distortion(ed.Circle().scaled(factor), D, base=math.e)
            assert result == pytest.approx(want, rel=1e-13, abs=0)


@pytest.mark.parametrize("ambient", [2, 3, 8, 65])
def test_channels_on_spheres_against_bessel_functions(ambient):
    """A = I_{n/2}/I_{n/2−1}(κ) and Z = Γ(n/2) (2/κ)^{n/2−1} I_{n/2−1}(κ), to 30 digits."""
    kappa = [1e-4, 0.1, 1.0, 30.0, 1e4]
    result = concentrated.channel(np.array(kappa), ambient)
    with mp.workdps(40):
        half = mpf(ambient) / 2
        for i, k in enumerate(map(mpf, kappa)):
            A = mp.besseli(half, k) / mp.besseli(half - 1, k)
            Z = mp.gamma(half) * (2 / k) ** (half - 1) * mp.besseli(half - 1, k)
            assert result.mean[i] == pytest.approx(float(A), rel=1e-10)
            assert result.distortion[i] == pytest.approx(float(1 - A * A), rel=1e-12)
            assert result.rate[i] == pytest.approx(float(k * A - mp.log(Z)), rel=1e-8)


def test_rate_distortion_on_surfaces():
    D = np.array([1e-12, 1e-3, 0.1, 0.5, 0.9, 1.0 - 1e-6])
    circle = ed.rate_distortion("circle", D)
    assert ed.rate_distortion("torus", 2.0 * D) == pytest.approx(2.0 * circle, rel=1e-10)
    # the circle of radius 0.01 is not coded at large D
    thin = ed.rate_distortion(ed.Torus((0.01, 1.0)), 0.1 + 0.0001)
    assert thin == pytest.approx(ed.rate_distortion("circle", 0.1), rel=1e-12)
    # 4 bits a coordinate in R¹²⁸, and D computed by other code
    assert ed.rate_distortion("sphere:127", 0.00376) == pytest.approx(512.0, rel=2e-3)
    bounds = ed.rate_distortion_bounds("sphere", 0.1)
    assert bounds.lower == bounds.upper == ed.rate_distortion("sphere", 0.1)
    with pytest.raises(ValueError, match="distortion must be 0 or at least 1e-40"):
        ed.rate_distortion("sphere", 1e-41)


def test_rate_distortion_of_rotations_against_sums():
    """The parametric form, by a midpoint rule over the angle of a rotation."""
    angle = (np.arange(200_000) + 0.5) / 200_000 * math.pi / 2  # density ∝ sin², u = cos
    weight, u = np.sin(angle) ** 2 / np.sum(np.sin(angle) ** 2), np.cos(angle)
    for kappa in (0.5, 3.0, 40.0):
        tilted = weight * np.exp(kappa * (u - 1.0))
        Z = tilted.sum()
        A = (tilted * u).sum() / Z
        rate = kappa * (A - 1.0) - math.log(Z)
        assert ed.rate_distortion("rotations", 1.0 - A * A, base=math.e) == pytest.approx(rate, rel=1e-7)

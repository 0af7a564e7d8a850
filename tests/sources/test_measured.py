"""Curves given by measured points: loops and open curves, deviation from stationarity, truncation."""

import math
import pickle

import edcurve as ed
import numpy as np
import pytest
from edcurve.sources import measured
from hypothesis import given, settings
from hypothesis import strategies as st

universal = settings(deadline=None, derandomize=True, max_examples=40)

P = np.geomspace(1e-4, 1, 150)


def circle(count, turns=1):
    v = 2 * np.pi * turns * np.arange(count) / count
    return np.stack([np.cos(v), np.sin(v)], axis=1)


def ramp(count, coordinates):
    """The ramp at `coordinates` times, scaled so that the sum of squares is the mean."""
    t, v = np.arange(coordinates) / coordinates, np.arange(count)[:, None] / count
    return ((t + v) % 1 - 0.5) / math.sqrt(coordinates)


def sawbridge(count, coordinates):
    t, v = (np.arange(coordinates) + 0.5) / coordinates, np.linspace(0, 1, count)[:, None]
    return (t - (t >= v)) / math.sqrt(coordinates)


def helix(count):
    v = np.linspace(0, 1, count)
    return np.stack([np.cos(2 * v), np.sin(2 * v), v], axis=1)


def mean_by_quadrature(delta, p):
    """d(p)/p = ∫₀¹ (1 − s) δ(ps) ds."""
    node, weight = np.polynomial.legendre.leggauss(24)
    s = 0.5 * (node + 1)
    return 0.5 * np.sum(weight * (1 - s) * delta(p * s))


def gap(source, mean):
    return np.abs(source.cell_distortion(P) / P - np.array([mean(p) for p in P.tolist()])).max()


# --- loops ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [5, 7, 64, 4096])
def test_points_on_a_circle(count):
    source, known = ed.Source.from_samples(circle(count)), ed.Circle()
    assert source.closed
    assert source.truncation < 1e-13
    assert source.defect < 1e-14
    assert source.status == "exact (checked numerically)"
    assert source.cell_distortion(P) == pytest.approx(known.cell_distortion(P), rel=1e-12, abs=0)
    D = np.array([0.9, 0.3, 0.01, 1e-6])
    for function in (ed.entropy_distortion, ed.lower_bound, ed.convex_hull):
        assert function(source, D) == pytest.approx(function(known, D), rel=1e-10, abs=0)
    assert ed.lagrangian(source, 100.0).value == pytest.approx(ed.lagrangian(known, 100.0).value, rel=1e-12)
    mine, exact = ed.quantizer(source, 0.2), ed.quantizer(known, 0.2)
    assert mine.centroids == pytest.approx(exact.centroids, abs=1e-12)
    v = np.random.default_rng(1).uniform(0, 1, 300)
    x = np.stack([np.cos(2 * np.pi * v), np.sin(2 * np.pi * v)], axis=1)
    assert source.phase(3 * x) == pytest.approx(v, abs=1e-7)
    assert np.array_equal(mine.encode(x), exact.encode(x))


@pytest.mark.parametrize("count", [4, 6])
@pytest.mark.parametrize("turns", [1, 3])
def test_too_few_points(count, turns):
    """The points may be of a circle or of other loops: nothing is exact."""
    source = ed.Source.from_samples(np.tile(circle(count), (turns, 1)))
    assert source.truncation > 0.5 * source.max_distortion
    assert source.status == "upper bound"
    assert source.reason.startswith("its distortions are known only to ")


@pytest.mark.parametrize("coordinates", [64, 1024, 4096])
def test_points_on_the_ramp(coordinates):
    """4096 phases; with fewer coordinates, the number of jumps between two phases is right only on average.

    E of the ramp lies between E at D ± `.truncation`.
    """
    source = ed.Source.from_samples(ramp(4096, coordinates))
    assert source.defect < {64: 0.03, 1024: 2e-3, 4096: 1e-12}[coordinates]
    most = {64: 0.06, 1024: 0.02, 4096: 0.0131}[coordinates]
    assert gap(source, lambda p: p * (2 - p) / 12) <= source.truncation < most * source.max_distortion
    assert source.status == "exact (checked numerically)"
    D = np.linspace(2 * source.truncation, 1 / 12, 50)
    exact = ed.entropy_distortion("ramp", D)
    assert (ed.entropy_distortion(source, D + source.truncation) <= exact).all()
    assert (exact <= ed.entropy_distortion(source, D - source.truncation)).all()


@universal
@given(st.integers(12, 80), st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_orbits_of_any_spectrum(count, seed, highest):
    """Harmonic k in its own plane: c_k is the square of its radius; rotated, moved and padded with coordinates."""
    rng = np.random.default_rng(seed)
    radii = rng.uniform(0.1, 2, highest)
    v = 2 * np.pi * np.outer(np.arange(count) / count, np.arange(1, highest + 1))
    points = np.concatenate([radii * np.cos(v), radii * np.sin(v)], axis=1)
    turn = np.linalg.qr(rng.standard_normal((2 * highest + 1, 2 * highest + 1)))[0]
    moved = points @ turn[: 2 * highest] + rng.standard_normal(2 * highest + 1)
    for x in (points, moved):
        source = ed.Source.from_samples(x)
        assert source.defect < 1e-12
        assert source.harmonics(highest) == pytest.approx(radii**2, rel=1e-10)
        want = ed.Source.from_spectrum(radii**2)
        assert source.cell_distortion(P) == pytest.approx(want.cell_distortion(P), rel=1e-9, abs=0)
    start, size = rng.uniform(0, 1, 5), rng.uniform(0.01, 0.5, 5)
    phases = start[:, None] + size[:, None] * (np.arange(2000) + 0.5) / 2000
    v = 2 * np.pi * phases[..., None] * np.arange(1, highest + 1)
    means = np.concatenate([radii * np.cos(v), radii * np.sin(v)], axis=2).mean(axis=1)
    assert ed.Source.from_samples(points).centroid(start, size) == pytest.approx(means, abs=1e-5)
    middle = (start + size / 2) % 1
    v = 2 * np.pi * np.outer(middle, np.arange(1, highest + 1))
    on_curve = np.concatenate([radii * np.cos(v), radii * np.sin(v)], axis=1)
    actual = ed.Source.from_samples(points).phase(on_curve)
    assert np.abs((actual - middle + 0.5) % 1 - 0.5).max() < 1e-7


@pytest.mark.parametrize("offset", [0.0, 1.0, 1e3, 1e6])
def test_the_position_of_a_loop_does_not_matter(offset):
    """Up to the rounding of the points: 1e-16 of the offset, squared or times the radius."""
    source = ed.Source.from_samples(circle(500) + offset * np.array([1.0, -2.0]))
    assert source.cell_distortion(P) == pytest.approx(ed.Circle().cell_distortion(P), rel=1e-8 if offset else 1e-12)
    assert source.truncation < 1e-13 * max(1.0, offset) * 10
    quantizer = ed.quantizer(source, 0.2)
    assert quantizer.encode(quantizer.centroids).tolist() == list(range(quantizer.cells))
    assert quantizer.centroids.mean(axis=0) == pytest.approx(offset * np.array([1.0, -2.0]), abs=0.2)


@pytest.mark.parametrize("noise", [1e-6, 1e-3, 0.01])
def test_noise(noise):
    """Energy dim·σ² is spread over all harmonics; the circle's E is within the resulting interval."""
    points = circle(2048) + noise * np.random.default_rng(2).standard_normal((2048, 2))
    source = ed.Source.from_samples(points)
    assert 0.5 * noise < source.defect < 4 * noise
    assert source.max_distortion == pytest.approx(1, abs=5 * noise / math.sqrt(2048) + 3 * noise**2)
    assert gap(source, lambda p: ed.Circle().cell_distortion(p) / p) <= source.truncation + 2 * noise**2
    assert noise**2 / 2 < source.truncation < noise
    D = 0.2
    low, high = (ed.entropy_distortion("circle", D + x * (source.truncation + 2 * noise**2)) for x in (1, -1))
    assert low <= ed.upper_bound(source, D) <= high


def test_quantizers_of_loops_on_data():
    """At the points and between them, entropy and distortion are as stated."""
    rng = np.random.default_rng(3)
    k, radii = np.arange(1, 4), np.array([1.0, 0.3, 0.1])
    v = 2 * np.pi * np.outer(np.arange(64) / 64, k)
    quantizer = ed.quantizer(
        ed.Source.from_samples(np.concatenate([radii * np.cos(v), radii * np.sin(v)], axis=1)), 0.05
    )
    phases = rng.uniform(0, 1, 20_000)
    v = 2 * np.pi * np.outer(phases, k)
    x = np.concatenate([radii * np.cos(v), radii * np.sin(v)], axis=1)
    index = quantizer.encode(x)
    assert np.array_equal(index, quantizer.encode(phases))
    share = np.bincount(index, minlength=quantizer.cells) / phases.size
    assert -np.sum(share * np.log2(share)) == pytest.approx(quantizer.entropy, abs=0.01)
    assert np.mean(np.sum((x - quantizer.decode(index)) ** 2, axis=1)) == pytest.approx(quantizer.distortion, rel=0.02)


# --- loops that are not stationary ----------------------------------------------------------------------------------


def test_an_ellipse_is_refused():
    points = circle(256) * [1.0, 0.5]
    with pytest.raises(ValueError, match=r"x must be stationary: .* by 0\.5\d* of its mean, .*edcurve\.segment"):
        ed.Source.from_samples(points)
    with pytest.raises(ValueError, match=r"and tolerance is 0\.4"):
        ed.Source.from_samples(points, tolerance=0.4)
    source = ed.Source.from_samples(points, tolerance=0.6)
    assert 0.4 < source.defect < 0.6
    # the mean squared distance over the phase is that of a circle with the same energy
    assert source.cell_distortion(P) == pytest.approx(0.625 * ed.Circle().cell_distortion(P), rel=1e-12)
    assert ed.curve(source, [source.max_distortion]).defect == source.defect
    assert ed.segment(points, 4.0, closed=True).entropy > 0


@pytest.mark.parametrize("axis", [0.99, 0.9, 0.5])
def test_defect_of_ellipses(axis):
    """‖γ(v) − γ(v+u)‖² = 2 sin²(πu)(1 + b² − (1 − b²) cos 2π(2v + u)): its deviation and mean in closed form."""
    deviation = math.sqrt(0.5 * 3 / 8) * 2 * (1 - axis**2)
    want = deviation / (2 * 0.5 * (1 + axis**2))
    source = ed.Source.from_samples(circle(512) * [1.0, axis], tolerance=2.0)
    assert source.defect == pytest.approx(want, rel=0.01)


# 2049 and 6145 are multiples of 3 and 5, but not of the least stride to 2048 points; 3001 and 65537 are primes
MANY_POINTS = (2049, 2050, 3001, 5000, 6145, 65537)


@pytest.mark.parametrize("count", MANY_POINTS)
@pytest.mark.parametrize("turns", [(1,), (1, 300), (2, 3, 5, 7, 11, 13)])
def test_stationary_loops_of_any_number_of_points(count, turns):
    source = ed.Source.from_samples(np.concatenate([circle(count, k) for k in turns], axis=1), tolerance=1e-12)
    assert source.defect < 1e-13
    assert source.truncation < 1e-12
    assert source.max_distortion == pytest.approx(len(turns), rel=1e-12)


@pytest.mark.parametrize("count", MANY_POINTS)
def test_defect_of_ellipses_of_any_number_of_points(count):
    """The closed form above; the worst runs are long, so 2048 points and more have the same defect."""
    axis = 0.6
    outcome = measured.stationarity(circle(count) * [1.0, axis], closed=True)
    want = math.sqrt(0.5 * 3 / 8) * 2 * (1 - axis**2) / (1 + axis**2)
    assert outcome.defect == pytest.approx(want, rel=0.01)
    few = measured.stationarity(circle(2048) * [1.0, axis], closed=True)
    assert outcome[:2] == pytest.approx(few[:2], rel=1e-3)


@pytest.mark.parametrize("count", [2049, 3001])
def test_a_broken_seam_by_brute_force(count):
    """Nine tenths of a circle, closed by a jump: over all pairs of points."""
    v = 1.8 * np.pi * np.arange(count) / count
    points = np.stack([np.cos(v), np.sin(v)], axis=1)
    square = total = 0.0
    for lag in range(1, count):
        distances = np.sum((points - np.roll(points, lag, axis=0)) ** 2, axis=1)
        square, total = square + np.sum((distances - distances.mean()) ** 2), total + distances.sum()
    want = math.sqrt(square / (count * (count - 1))) / (total / (count * (count - 1)))
    assert want > 0.1
    assert measured.stationarity(points, closed=True).defect == pytest.approx(want, rel=0.01)
    with pytest.raises(ValueError, match="x must be stationary"):
        ed.Source.from_samples(points, closed=True)


def test_positions_of_cells_of_two_laps_by_brute_force(monkeypatch):
    """Every third of 13 points, as for all pairs of at most 10: 0, 3, 6, 9, 12, 2, 5, 8, 11, 1."""
    monkeypatch.setattr(measured, "ALL_PAIRS", 10)
    points = np.random.default_rng(6).standard_normal((13, 2)).cumsum(axis=0)
    walk = [0, 3, 6, 9, 12, 2, 5, 8, 11, 1]
    # distances at each number of steps, from each of the first lap's five points
    lags = {j: [np.sum((points[i] - points[(i + 3 * j) % 13]) ** 2) for i in walk[:5]] for j in range(1, 5)}
    every = np.concatenate([np.array(pairs) - np.mean(pairs) for pairs in lags.values()])
    worst = 0.0
    for size in range(2, 6):
        errors = [points[walk[a : a + size]].var(axis=0).sum() for a in range(11 - size)]
        mean = sum((size - j) * np.mean(lags[j]) for j in range(1, size)) / size**2
        worst = max(worst, np.max(np.abs(np.array(errors) - mean)))
    outcome = measured.stationarity(points, closed=True)
    assert outcome.position == pytest.approx(worst, rel=1e-10)
    assert outcome.defect == pytest.approx(np.sqrt(np.mean(every**2)) / np.mean(list(lags.values())), rel=1e-10)


def test_tolerances():
    points = circle(100) * [1.0, 0.999]
    source = ed.Source.from_samples(points)
    assert ed.Source.from_samples(points, tolerance=source.defect).defect == source.defect
    assert ed.Source.from_samples(circle(64), tolerance=math.inf).defect < 1e-14
    with pytest.raises(ValueError, match="tolerance is 0"):
        ed.Source.from_samples(points, tolerance=0)
    for bad, error in ((-1e-9, ValueError), (math.nan, ValueError), ("1", TypeError), (None, TypeError)):
        with pytest.raises(error, match="tolerance must"):
            ed.Source.from_samples(points, tolerance=bad)


def test_the_size_of_points_does_not_change_their_defect():
    """Not even if fourth powers of distances overflow or underflow."""
    want = ed.Source.from_samples(circle(64) * [1, 0.99]).defect
    for unit in (1e-120, 1e-80, 1e80, 1e120):
        source = ed.Source.from_samples(circle(64) * [1, 0.99] * unit)
        assert source.defect == pytest.approx(want, rel=1e-12)
        assert source.max_distortion == pytest.approx(unit**2 * (1 + 0.99**2) / 2, rel=1e-12)
        with pytest.raises(ValueError, match="stationary"):
            ed.Source.from_samples(circle(64) * [1, 0.5] * unit)


# --- open curves ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [4, 5, 20, 101, 4096])
def test_points_on_a_line_are_the_uniform_scalar(count):
    source = ed.Source.from_samples(np.linspace(0, 1, count), closed=False)
    assert not source.closed
    assert source.defect < 1e-12
    assert gap(source, lambda p: p * p / 12) <= source.truncation + 1e-15
    assert source.truncation <= 0.3 / (count - 1) ** 2 + 1e-15
    assert source.max_distortion == pytest.approx(1 / 12, abs=source.truncation + 1e-15)
    if count > 100:
        assert source.status == "exact (checked numerically)"
        D = np.array([0.08, 0.03, 0.01, 0.002])
        assert ed.entropy_distortion(source, D) == pytest.approx(ed.entropy_distortion("uniform", D), abs=2e-3)


@pytest.mark.parametrize(("count", "coordinates"), [(1001, 1000), (501, 1000), (101, 2000)])
def test_points_on_the_sawbridge(count, coordinates):
    source = ed.Source.from_samples(sawbridge(count, coordinates), closed=False)
    assert source.defect < 0.05
    assert gap(source, lambda p: p / 6) <= source.truncation + 2e-3 / 6
    assert source.max_distortion == pytest.approx(1 / 6, rel=2e-3)
    D = np.array([0.15, 0.05, 0.01])
    assert ed.upper_bound(source, D) == pytest.approx(ed.entropy_distortion("sawbridge", D), rel=2e-2)


@pytest.mark.parametrize("count", [8, 30, 300])
def test_points_on_a_helix(count):
    """δ(u) = 2 − 2 cos 2u + u² = 4 sin² u + u²."""
    source = ed.Source.from_samples(helix(count), closed=False)
    assert source.defect < 1e-12
    assert source.monotone
    result = gap(source, lambda p: mean_by_quadrature(lambda u: 4 * np.sin(u) ** 2 + u * u, p))
    assert result <= source.truncation + 1e-14
    assert source.truncation < 2 / count**2


def test_quantizers_of_open_curves_on_data():
    quantizer = ed.quantizer(ed.Source.from_samples(helix(400), closed=False), 0.02)
    phases = np.random.default_rng(4).uniform(0, 1, 20_000)
    x = np.stack([np.cos(2 * phases), np.sin(2 * phases), phases], axis=1)
    index = quantizer.encode(x)
    assert (index == quantizer.encode(phases)).mean() > 0.999
    share = np.bincount(index, minlength=quantizer.cells) / phases.size
    assert -np.sum(share * np.log2(share)) == pytest.approx(quantizer.entropy, abs=0.01)
    assert np.mean(np.sum((x - quantizer.decode(index)) ** 2, axis=1)) == pytest.approx(quantizer.distortion, rel=0.02)
    assert quantizer.encode(quantizer.centroids).tolist() == list(range(quantizer.cells))
    assert quantizer.encode(np.array([0.0, 1.0])).tolist() == [0, quantizer.cells - 1]
    assert quantizer.encode(helix(400)[[0, -1]]).tolist() == [0, quantizer.cells - 1]


def test_open_curves_that_are_not_stationary_are_refused():
    """The speed of v² varies, and for a path there and back δ does not depend on the distance alone."""
    v = np.linspace(0, 1, 200)
    for points in (v**2, np.abs(v - 0.5)):
        with pytest.raises(ValueError, match=r"x must be stationary: .*edcurve\.segment"):
            ed.Source.from_samples(points, closed=False)
    with pytest.raises(ValueError, match="x must be stationary"):
        ed.Source.from_samples(v, closed=True)


def test_moved_open_curves():
    source, moved = (ed.Source.from_samples(helix(100) + x, closed=False) for x in (0.0, 1e4))
    assert moved.cell_distortion(P) == pytest.approx(source.cell_distortion(P), rel=1e-7, abs=0)
    quantizer = ed.quantizer(moved, 0.02)
    assert quantizer.encode(quantizer.centroids).tolist() == list(range(quantizer.cells))


# --- as sources -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("closed", [True, False])
def test_pickles_and_copies_of_the_data(closed):
    points = circle(50) if closed else helix(50)
    source = ed.Source.from_samples(points, closed=closed, name="measured")
    restored = pickle.loads(pickle.dumps(source))
    before, centroid = source.cell_distortion(P), source.centroid(np.array([0.1]), np.array([0.2]))
    points[:] = 7.0
    for either in (source, restored):
        assert np.array_equal(either.cell_distortion(P), before)
        assert np.array_equal(either.centroid(np.array([0.1]), np.array([0.2])), centroid)
        assert (either.name, either.defect, either.truncation) == ("measured", source.defect, source.truncation)
    if closed:
        assert restored == source
        assert source != ed.Source.from_samples(circle(50) + 1)


def test_strides_and_types():
    points = np.round(100 * np.concatenate([circle(60), circle(60, 2)], axis=1))
    want = ed.Source.from_samples(points)
    for same in (
        np.asfortranarray(points),
        np.repeat(points, 2, axis=1)[:, ::2],
        points.astype(np.int16),
        points.astype(np.float32),
        points.tolist(),
    ):
        source = ed.Source.from_samples(same)
        assert source.cell_distortion(P) == pytest.approx(want.cell_distortion(P), rel=1e-13, abs=0)
    assert ed.Source.from_samples(points[:, :2]) != want


@pytest.mark.parametrize("closed", [True, False])
def test_shapes_of_realizations(closed):
    source = ed.Source.from_samples(circle(50) if closed else helix(50), closed=closed)
    dim = 2 if closed else 3
    quantizer = ed.quantizer(source, 0.1)
    assert quantizer.encode(np.zeros((0, dim))).shape == (0,)
    assert quantizer.encode(np.ones((3, 4, dim))).shape == (3, 4)
    assert quantizer.decode([[0, 1]]).shape == (1, 2, dim)
    with pytest.raises(ValueError, match=rf"x must have {dim} coordinates along the last axis, got shape \(4, 5\)"):
        quantizer.encode(np.zeros((4, 5)))
    with pytest.raises(ValueError, match="x must be finite, got nan"):
        quantizer.encode(np.full((1, dim), np.nan))


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([[1.0, 2.0], [3.0]], ValueError, "x must be a rectangular array"),
        (np.full((10, 2), np.nan), ValueError, "x must be finite, got nan at 0"),
        ([0.0, 1.0, 2.0, math.inf], ValueError, "x must be finite, got inf at 3"),
        ([0.0, 1.0, 2.0, -1e150], ValueError, r"x must be at most 1e\+140 in size, got -1e\+150 at 3"),
        (circle(10) + 0j, TypeError, "got an array of dtype complex128"),
        (circle(10).astype(object) * (1 + 0j), TypeError, "got an array of dtype object"),
        (circle(10) > 0, TypeError, "got an array of dtype bool"),
        ([["a"]], TypeError, "got an array of dtype <U1"),
        (np.ma.masked_array(circle(10), mask=circle(10) > 0.9), TypeError, "masked"),
        (circle(3), ValueError, r"with at least 4 points, got shape \(3, 2\)"),
        (np.zeros((4, 4, 4)), ValueError, r"x must be of shape \(N, dim\) or \(N,\) .*, got shape \(4, 4, 4\)"),
        (np.zeros((8, 0)), ValueError, r"got shape \(8, 0\)"),
        ([], ValueError, r"got shape \(0,\)"),
        (1.0, ValueError, r"got shape \(\)"),
        (None, TypeError, "x must be"),
        (np.full((9, 3), 7.0), ValueError, "x must not be the same point throughout"),
        (np.broadcast_to(np.float64(1), (2**22, 100)), ValueError, "at most 524288 points and 268435456 numbers"),
        (np.broadcast_to(np.float64(1), (4, 2**27)), ValueError, "at most 524288 points and 268435456 numbers"),
    ],
)
def test_what_is_no_curve(x, error, message, closed):
    with pytest.raises(error, match=message):
        ed.Source.from_samples(x, closed=closed)


# --- loops that are not stationary ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("harmonic", "radius"), [(2, 0.2), (3, 0.3)])
def test_partitions_that_exploit_a_defect_stay_within_the_truncation(harmonic, radius):
    """d(p) is a mean over positions; `segment` finds the best ones, and `.truncation` bounds their advantage."""
    t = 2 * np.pi * np.arange(600) / 600
    loop = np.stack([np.cos(t), np.sin(t), radius * np.cos(harmonic * t)], axis=1)
    source = ed.Source.from_samples(loop)
    assert 0.01 < source.defect < 0.05
    for lmbda in (3.0, 4.0, 10.0, 40.0):
        best = ed.segment(loop, lmbda, closed=True)
        assert ed.entropy_distortion(source, best.distortion + source.truncation) <= best.entropy + 1e-6
        assert ed.lower_bound(source, best.distortion + source.truncation) <= best.entropy + 1e-6
    best = ed.segment(loop, 4.0, closed=True)
    assert ed.entropy_distortion(source, best.distortion) > best.entropy
    assert ed.rank_floor(source, 3) == pytest.approx(0.0, abs=1e-12)
    assert ed.rank_floor(source, 2) == pytest.approx(0.5 * radius**2)


def test_positions_of_cells_by_brute_force():
    rng = np.random.default_rng(5)
    for closed in (True, False):
        points = rng.standard_normal((9, 2)).cumsum(axis=0)
        result = measured.stationarity(points, closed=closed).position
        worst = 0.0
        for size in range(2, 10):
            starts = range(9) if closed else range(10 - size)
            errors = [points[np.arange(a, a + size) % 9].var(axis=0).sum() for a in starts]
            lags = range(1, size)
            pairs = {j: range(9) if closed else range(9 - j) for j in lags}
            means = {j: np.mean([np.sum((points[i] - points[(i + j) % 9]) ** 2) for i in pairs[j]]) for j in lags}
            mean = sum((size - j) * means[j] for j in lags) / size**2
            worst = max(worst, np.max(np.abs(np.array(errors) - mean)))
        assert result == pytest.approx(worst, rel=1e-10)


def test_a_loop_that_repeats_its_first_point_is_refused():
    t = np.linspace(0, 2 * np.pi, 201)
    with pytest.raises(ValueError, match="x must not repeat its first point at the end of a loop"):
        ed.Source.from_samples(np.stack([np.cos(t), np.sin(t)], axis=1))


def test_open_curves_are_equal_by_their_points():
    v = np.linspace(0, 1, 50)
    one, same = ed.Source.from_samples(v, closed=False), ed.Source.from_samples(v, closed=False)
    assert one == same == pickle.loads(pickle.dumps(one))
    assert hash(one) == hash(same)
    assert one != one.scaled(2) == same.scaled(2)


def test_closed_is_a_flag():
    with pytest.raises(TypeError, match="closed must be True or False, got 'no'"):
        ed.Source.from_samples(np.arange(9.0), closed="no")


# --- between the samples of an open curve -----------------------------------------------------------------------------


def error_on_chords(points, start, end, samples=200):
    """Length times mean squared error of an interval of phases, for points on the chords, by midpoints."""
    v = (start + (end - start) * (np.arange(samples) + 0.5) / samples) * (len(points) - 1)
    left = np.minimum(v.astype(int), len(points) - 2)
    share = (v - left)[:, None]
    x = (1 - share) * points[left] + share * points[left + 1]
    return (end - start) * np.mean(np.sum((x - x.mean(axis=0)) ** 2, axis=1))


def largest_difference(source, points, rng):
    """Largest difference between distortions of 12 equal and random partitions and those of points on chords."""
    worst = 0.0
    for cells in (1, 2, 3, 4, 7, 10):
        for inner in (np.arange(1, cells) / cells, np.sort(rng.random(cells - 1))):
            edges = np.concatenate([[0.0], inner, [1.0]])
            total = source.cell_distortion(np.diff(edges)).sum()
            worst = max(worst, abs(total - sum(map(error_on_chords, [points] * cells, edges[:-1], edges[1:]))))
    return worst


@pytest.mark.parametrize("count", [5, 8, 20, 49, 200])
def test_truncation_of_walks(count):
    """400 independent coordinates: δ is about linear at the samples, and smaller between them, on the chords."""
    rng = np.random.default_rng(count)
    for _ in range(4):
        walk = np.cumsum(rng.normal(size=(count, 400)), axis=0)
        source = ed.Source.from_samples(walk, closed=False, tolerance=math.inf)
        assert (
            largest_difference(source, walk, rng) <= source.truncation <= max(2.5 / count, 0.09) * source.max_distortion
        )


@pytest.mark.parametrize("count", [5, 9, 33])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncation_of_arcs(count, share):
    """The chords and the arc itself, with d(p)/p = 1 − sinc²(p·share/2), are within it."""
    angle = 2 * np.pi * share
    v = np.linspace(0, angle, count)
    points = np.stack([np.cos(v), np.sin(v)], axis=1)
    source = ed.Source.from_samples(points, closed=False)
    assert largest_difference(source, points, np.random.default_rng(0)) <= source.truncation
    assert gap(source, lambda p: 1 - np.sinc(angle * p / (2 * np.pi)) ** 2) <= source.truncation

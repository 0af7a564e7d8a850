"""Curves of points that are not quite stationary: bounds on the entropy of their best intervals."""

import edcurve as ed
import numpy as np
import pytest
from command_output import refused, run

TURN = 2 * np.pi * np.arange(256) / 256
CIRCLE = np.stack([np.cos(TURN), np.sin(TURN)], axis=1)
ELLIPSE = CIRCLE * [1.0, 0.9]


@pytest.fixture(scope="module")
def source():
    return ed.Source.from_samples(ELLIPSE, tolerance=0.1)


def test_the_best_intervals_are_above_low(source):
    """By dynamic programming over the points, without means over positions."""
    best = ed.segment(ELLIPSE, [4.0, 16.0], closed=True)
    curve = ed.curve(source, best.distortion[::-1])
    assert np.all(curve.low <= best.entropy[::-1] + 1e-9)
    assert np.all(curve.low >= 0.0)
    assert np.all(curve.low <= curve.high)


LOOPS = {
    "ellipse": ELLIPSE,
    "noisy": CIRCLE + 0.05 * np.random.default_rng(0).normal(size=CIRCLE.shape),
    "eight": np.stack([np.sin(TURN), np.sin(2 * TURN)], axis=1),
}


@pytest.mark.parametrize("name", LOOPS)
def test_low_is_near_the_best_intervals(name):
    """For loops of any shape, also one that crosses itself, at coarse and fine distortions."""
    points = LOOPS[name]
    source = ed.Source.from_samples(points, tolerance=1.0)
    best = ed.segment(points, np.geomspace(2.0, 400.0, 8) / source.max_distortion, closed=True)
    curve = ed.curve(source.scaled(3.0), 9.0 * best.distortion[::-1])
    low, high = curve.low[::-1], curve.high[::-1]
    assert np.all((low <= best.entropy + 1e-9) & (low >= best.entropy - 0.02))
    assert np.all((high >= low) & (high - low < 0.6))
    (zero,) = ed.curve(source, [source.max_distortion]).high
    assert zero == 0.0


def test_low_of_a_curve_with_ends():
    """An arc of an ellipse, which has the best cells where it is flat."""
    arc = ELLIPSE[:150] * [1.0, 0.7]
    source = ed.Source.from_samples(arc, tolerance=1.0, closed=False)
    best = ed.segment(arc, np.geomspace(2.0, 400.0, 8) / source.max_distortion, closed=False)
    gaps = best.entropy - ed.curve(source, best.distortion[::-1]).low[::-1]
    assert np.all((gaps >= -1e-9) & (gaps < 0.02))


def partitions(points, *, closed):
    """Distortion and entropy in bits of all partitions of points into runs, D increasing."""
    count, rows = len(points), []
    for mask in range(1, 2**count) if closed else range(1, 2**count, 2):
        starts = np.flatnonzero(mask >> np.arange(count) & 1)
        runs = np.split(np.roll(points, -starts[0], axis=0), np.diff(starts).cumsum())
        share = np.array([len(run) for run in runs]) / count
        squares = sum(np.sum((run - run.mean(axis=0)) ** 2) for run in runs) / count
        rows.append((squares, float(-share @ np.log2(share))))
    return np.array(sorted(rows)).T


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("kind", ["ellipse", "noisy", "random"])
def test_no_partition_of_few_points_is_below_low(kind, closed):
    """By brute force. Runs of few points have less squared error than a smooth curve between them."""
    random = np.random.default_rng(7)
    turn = (2 * np.pi if closed else 4.0) * np.arange(8) / 8
    points = np.stack([np.cos(turn), 0.85 * np.sin(turn)], axis=1)
    if kind != "ellipse":
        points = random.normal(size=points.shape) * (1.0 if kind == "random" else 0.1) + points * (kind == "noisy")
    D, H = partitions(points, closed=closed)
    best = np.minimum.accumulate(H)
    corners = np.flatnonzero(np.diff(best, prepend=np.inf))[::2]
    source = ed.Source.from_samples(points, closed=closed, tolerance=9.0)
    assert source.defect > 0.05
    curve = ed.curve(source, D[corners])
    assert np.all(curve.low <= best[corners] + 1e-9)
    assert np.all(curve.low <= curve.high)


def test_many_points_have_low_by_their_positions():
    """Beyond 2048 points not all runs are considered: `low` is smaller, but near the best intervals of an ellipse."""
    turn = 2 * np.pi * np.arange(4096) / 4096
    points = np.stack([np.cos(turn), 0.9 * np.sin(turn)], axis=1)
    source = ed.Source.from_samples(points, tolerance=0.1)
    assert source.few_points is None
    D = np.array([0.02, 0.2, 0.4])
    few = ed.curve(ed.Source.from_samples(points[::8], tolerance=0.1), D).low
    assert np.all(np.abs(ed.curve(source, D).low - few) < 0.2)


def test_single_points_of_many_are_not_below_low():
    """As single cells or in pairs, they have less squared error than steps of the curve between them."""
    turn = 2 * np.pi * np.arange(2100) / 2100
    points = np.stack([np.cos(turn), 0.94 * np.sin(turn)], axis=1)
    source = ed.Source.from_samples(points, tolerance=0.1)
    assert source.few_points is None
    pairs = np.mean(np.sum((points[::2] - points[1::2]) ** 2, axis=1)) / 4
    low = ed.curve(source, np.array([1e-12 * source.max_distortion, pairs])).low
    assert low[0] <= np.log2(2100) + 1e-9
    assert low[1] <= np.log2(1050) + 1e-9
    assert np.all(low > np.log2(1050) - 1.0)


def test_two_cells_of_noise_may_have_more_distortion_than_one():
    """For unordered points, the mean of 2 d(½) over positions exceeds D_max: the hull ends at D_max."""
    points = np.random.default_rng(1).normal(size=10)
    source = ed.Source.from_samples(points, closed=False, tolerance=9.0)
    assert 2 * source.cell_distortion(0.5) > source.max_distortion
    D = np.linspace(0.1, 1.2, 12) * source.max_distortion
    hull = ed.convex_hull(source, D)
    assert np.all(np.diff(hull, 2)[:8] >= -1e-6)
    assert np.all(hull <= ed.upper_bound(source, D) + 1e-6)
    assert np.all(hull[source.max_distortion < D] == 0.0)


def test_a_rotation_of_the_cells_attains_high(source):
    """The code that is best on average, at every offset on the loop: one offset meets the requested distortion."""
    for D in (0.1, 0.3, 0.5):
        (high,) = ed.curve(source, [D]).high
        cells = ed.partition(source, D)
        ends = np.rint(256 * np.cumsum([*[cells.size] * cells.count, cells.odd])).astype(int)
        sizes = np.diff(ends, prepend=0)
        share = sizes[sizes > 0] / 256
        assert -share @ np.log2(share) == pytest.approx(high, abs=0.03)  # cells of whole points
        least = min(squares(np.roll(ELLIPSE, -start, axis=0), ends) for start in range(0, 256, 4))
        assert least <= D * 1.01


def squares(points, ends):
    parts = (part for part in np.split(points, ends[:-1]) if len(part))
    return sum(np.sum((part - part.mean(axis=0)) ** 2) for part in parts) / len(points)


def test_stationary_points_need_no_interval():
    assert ed.curve(ed.Source.from_samples(CIRCLE), [0.2]).low is None


def test_curves_with_intervals_are_kept(tmp_path, source):
    curve = ed.curve(source, num=8)
    curve.save(tmp_path / "curve.json")
    assert ed.Curve.load(tmp_path / "curve.json") == curve
    assert [*curve.to_pandas().columns][-3:] == ["low", "high", "status"]


def test_a_refusal_names_the_remedy(tmp_path):
    """The sufficient tolerance, the accuracy of distortions with it, and the command that needs none."""
    noisy = CIRCLE + 0.05 * np.random.default_rng(0).normal(size=CIRCLE.shape)
    for points, name in ((ELLIPSE, "ellipse"), (noisy, "noisy")):
        with pytest.raises(ValueError, match=r"; tolerance=\S+ takes") as refusal:
            ed.Source.from_samples(points)
        needed = float(str(refusal.value).split("tolerance=")[1].split()[0])
        source = ed.Source.from_samples(points, tolerance=needed)
        assert f"may be off by {source.truncation:.2g} (" in str(refusal.value)
        path = str(tmp_path / f"{name}.npy")
        np.save(path, points)
        message = refused("curve", path)
        assert f"; --tolerance {needed:g} takes its mean" in message
        assert f"`edcurve segment {path} --lmbda λ` prints the optimal partition" in message
        output = run("curve", path, "--tolerance", needed, "--num", 4).stdout
        assert output.splitlines()[-5].split()[-2:] == ["low", "high"]

"""Curves of points that are not quite stationary: between which entropies their best intervals are."""

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
    """By dynamic programming over the points, which knows nothing of means over positions."""
    best = ed.segment(ELLIPSE, [4.0, 16.0], closed=True)
    curve = ed.curve(source, best.distortion[::-1])
    assert np.all(curve.low <= best.entropy[::-1] + 1e-9)
    assert np.all(curve.low >= 0.0)
    assert np.all(curve.low <= curve.high)


LOOPS = {
    "ellipse": (ELLIPSE, 0.15),
    "noisy": (CIRCLE + 0.05 * np.random.default_rng(0).normal(size=CIRCLE.shape), 2.6),
    "eight": (np.stack([np.sin(TURN), np.sin(2 * TURN)], axis=1), 1.8),
}


@pytest.mark.parametrize("name", LOOPS)
def test_low_is_near_the_best_intervals(name):
    """Of loops of any shape, at coarse and fine distortions; also of one that crosses itself."""
    points, near = LOOPS[name]
    source = ed.Source.from_samples(points, tolerance=1.0)
    best = ed.segment(points, np.geomspace(2.0, 400.0, 8) / source.max_distortion, closed=True)
    low = ed.curve(source.scaled(3.0), 9.0 * best.distortion[::-1]).low[::-1]
    assert np.all(low <= best.entropy + 1e-9)
    assert np.all(low >= best.entropy - near)


def test_low_of_a_curve_with_ends():
    """An arc of an ellipse, whose cells are best where it is flat."""
    arc = ELLIPSE[:150] * [1.0, 0.7]
    source = ed.Source.from_samples(arc, tolerance=1.0, closed=False)
    best = ed.segment(arc, np.geomspace(2.0, 400.0, 8) / source.max_distortion, closed=False)
    gaps = best.entropy - ed.curve(source, best.distortion[::-1]).low[::-1]
    assert np.all((gaps >= -1e-9) & (gaps < 0.7))


def test_a_rotation_of_the_cells_attains_high(source):
    """The code that is best on the mean, laid at every point of the loop: one has no more than the distortion asked."""
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


def test_a_refusal_says_what_would_do(tmp_path):
    """The tolerance that is enough, how accurate distortions then are, and the command that needs none."""
    noisy = CIRCLE + 0.05 * np.random.default_rng(0).normal(size=CIRCLE.shape)
    for points, name in ((ELLIPSE, "ellipse"), (noisy, "noisy")):
        with pytest.raises(ValueError, match=r"; tolerance=\S+ takes") as refusal:
            ed.Source.from_samples(points)
        needed = float(str(refusal.value).split("tolerance=")[1].split()[0])
        made = ed.Source.from_samples(points, tolerance=needed)
        assert f"may be off by {made.truncation:.2g} (" in str(refusal.value)
        path = str(tmp_path / f"{name}.npy")
        np.save(path, points)
        said = refused("curve", path)
        assert f"; --tolerance {needed:g} takes its mean" in said
        assert f"`edcurve segment {path} --lmbda λ` prints the optimal partition" in said
        shown = run("curve", path, "--tolerance", needed, "--num", 4).stdout
        assert shown.splitlines()[-5].split()[-2:] == ["low", "high"]

"""Whether points are taken for a loop or an open curve, and doubtful cases."""

import edcurve as ed
import numpy as np
import pytest
from edcurve.sources import ends

RNG = np.random.default_rng(0)


def turn(count, *, of=1.0, axis=1.0, noise=0.0, dim=2):
    """Points at equal steps along a share of an ellipse, with noise in each of `dim` coordinates."""
    v = 2 * np.pi * of * np.arange(count) / count
    points = np.zeros((count, dim))
    points[:, 0], points[:, 1] = np.cos(v), axis * np.sin(v)
    return points + noise * RNG.normal(size=points.shape)


def pulses(count, width):
    """All shifts of a pulse: if it is narrow, neighbours are as far apart as any two points."""
    return np.stack([np.roll(np.arange(count) < width, i) for i in range(count)]).astype(float)


def walk(count, dim):
    return np.cumsum(RNG.normal(size=(count, dim)), axis=0)


def share(curves):
    return np.mean([ends.settled(points, None).closed for points in curves])


@pytest.mark.parametrize("count", [4, 5, 7, 16, 257, 5000])
def test_loops(count):
    for points in (turn(count), turn(count)[:, ::-1] * 1e140, turn(count) * 1e-140 + 0.0, turn(count) + 1e6):
        assert ends.settled(points, None) == (True, None)
    if count > 7:
        for axis in (0.9, 0.5, 0.1):
            assert ends.settled(turn(count, axis=axis), None) == (True, None)


def test_loops_whose_neighbours_are_as_far_apart_as_any_two():
    for width in (1, 2, 20):
        assert ends.settled(pulses(64, width), None) == (True, None)


def test_a_loop_whose_jump_passes_few_samples():
    t, v = np.arange(16) / 16, np.arange(500)[:, None] / 500
    for points in (
        (t + v) % 1.0,
        ((t + v) % 1.0 < 0.5) * 1.0,
    ):  # the ramp and the square wave, which is constant between jumps
        assert ends.settled(points, None) == (True, None)


def test_loops_with_noise():
    # In two coordinates noise alone makes the last step longer than 1.5 of the 90 % quantile at 0.6 %.
    for dim, noise in ((2, 0.01), (2, 0.2), (10, 0.05), (100, 0.05)):
        assert share(turn(256, noise=noise, dim=dim) for _ in range(200)) >= 0.97


def test_arcs_and_lines():
    for count in (16, 64, 512):
        for of in (0.1, 0.5, 0.8):
            assert ends.settled(turn(count, of=of), None) == (False, None)
            assert share(turn(count, of=of, noise=0.02) for _ in range(50)) == 0
    assert ends.settled(np.linspace([0, 0, 0], [1, 2, 3], 9), None) == (False, None)


def test_walks_and_noise():
    for count, dim in ((100, 3), (1000, 2), (10, 400), (49, 400)):
        assert share(walk(count, dim) for _ in range(200)) <= 0.05
    for count, dim in ((10, 2), (200, 3)):
        assert share(RNG.normal(size=(count, dim)) for _ in range(200)) <= 0.05


def test_a_step_between_two_levels_is_not_a_loop():
    points = np.repeat([[0.0, 0.0], [5.0, 1.0]], 100, axis=0) + 0.1 * RNG.normal(size=(200, 2))
    assert not ends.settled(points, None).closed


def test_numbers_have_ends():
    for points in (np.sort(RNG.normal(size=300)), np.sin(np.linspace(0, 6.28, 300)), RNG.normal(size=300)):
        assert ends.settled(points[:, None], None) == (False, None)
    line = ed.Source.from_samples(np.linspace(0, 1, 65))
    assert not line.closed
    assert line == ed.Source.from_samples(np.linspace(0, 1, 65), closed=False)


@pytest.mark.parametrize("points", [np.ones((9, 2)), np.zeros((3, 2)), np.eye(3)])
def test_ambiguous_points_are_open(points):
    assert ends.settled(np.asarray(points, dtype=float), None) == (False, None)


def test_ends_that_nearly_meet_are_doubted():
    nearly = turn(1000, of=0.99)
    for call in (lambda: ed.segment(nearly, 4.0), lambda: ed.Source.from_samples(nearly)):
        with pytest.warns(
            UserWarning, match=r"^the last point is near the first, but .* for an end: closed=True is for loops$"
        ):
            assert not call().closed
    for closed in (True, False):
        assert ed.segment(nearly, 4.0, closed=closed).closed == closed
        assert ed.Source.from_samples(nearly, closed=closed, tolerance=1.0).closed == closed


def test_a_last_point_that_repeats_the_first():
    closed_twice = np.concatenate([turn(64), turn(1)])
    with pytest.warns(UserWarning, match="^the last point repeats the first, which counts twice so: leave it out"):
        assert ed.segment(closed_twice, 4.0).closed
    with pytest.raises(ValueError, match=r"^x must not repeat its first point"):
        ed.Source.from_samples(closed_twice)


def test_the_guess_matches_the_option():
    loop, arc = turn(200), turn(200, of=0.5)
    assert ed.segment(loop, [4.0, 32.0]) == ed.segment(loop, [4.0, 32.0], closed=True)
    assert ed.segment(arc, [4.0, 32.0]) == ed.segment(arc, [4.0, 32.0], closed=False)
    assert ed.Source.from_samples(loop) == ed.Source.from_samples(loop, closed=True)
    assert ed.Source.from_samples(arc) == ed.Source.from_samples(arc, closed=False)


@pytest.mark.parametrize("closed", [0, 1, "yes", np.float64(1.0)])
def test_what_closed_may_be(closed):
    for call in (ed.segment, lambda x, _, **named: ed.Source.from_samples(x, **named)):
        with pytest.raises(TypeError, match=r"^closed must be True or False, got "):
            call(turn(9), 4.0, closed=closed)

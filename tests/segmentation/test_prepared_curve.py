"""Points are rotated to fewer coordinates if nothing is lost."""

import numpy as np
import pytest
from edcurve.segmentation import prepared_curve, segment


def test_more_coordinates_than_points():
    rng = np.random.default_rng(13)
    x, turn = rng.normal(size=(30, 30)), np.linalg.qr(rng.normal(size=(400, 30)))[0]
    wide = x @ turn.T
    assert prepared_curve.rotated(wide).shape == (30, 30)
    for lmbda in (0.002, 0.02):
        a, b = segment(x, lmbda, closed=True), segment(wide, lmbda, closed=True)
        assert b.value == pytest.approx(a.value, rel=1e-12, abs=0)
        assert b.centroids == pytest.approx(a.centroids @ turn.T, rel=0, abs=1e-12)


def test_points_that_span_few_dimensions():
    rng = np.random.default_rng(22)
    few = rng.normal(size=(200, 40)) * np.geomspace(1, 1e-4, 40)
    wide = 1e3 + few @ np.linalg.qr(rng.normal(size=(500, 40)))[0].T
    rotated = prepared_curve.rotated(wide)
    assert rotated.shape == (200, 64)
    pairs = [((x[:, None] - x) ** 2).sum(axis=2) for x in (rotated, few)]
    # coordinates near 1e3 / sqrt(500) have errors of 1e-13
    assert (np.abs(pairs[0] - pairs[1]) <= 1e-12 * (1 + pairs[1])).all()


def test_points_that_span_all_dimensions():
    """Noise in every direction, and small steps on a large curve: nothing may be lost."""
    rng = np.random.default_rng(23)
    noise = rng.normal(size=(200, 150))
    assert prepared_curve.rotated(noise) is noise
    steps = np.repeat(rng.normal(size=(2, 150)), 100, axis=0)
    steps += 1e-9 * rng.normal(size=(200, 150))
    assert prepared_curve.rotated(steps) is steps
    assert prepared_curve.rotated(noise.T[:, :150]).shape == (150, 150)

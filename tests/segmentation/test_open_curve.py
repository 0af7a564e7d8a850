"""Open curves: against all partitions, and a plain dynamic programme."""

import math

import numpy as np
import pytest
from contiguous import (
    CURVES,
    NATS,
    SETTINGS,
    brownian,
    brute_force,
    check,
    cost_table,
    problems,
)
from edcurve.segmentation import open_curve, segment
from hypothesis import given


@given(problems())
@SETTINGS
def test_open_against_all_partitions(problem):
    x, w, lmbda = problem
    result = segment(x, lmbda, weights=w, closed=False, **NATS)
    table, scale = cost_table(x, w / w.sum(), lmbda), 1e-13 * (1 + lmbda * 1e-2)
    assert result.value == pytest.approx(brute_force(table, closed=False), rel=1e-12, abs=scale)
    assert result.gap == 0.0
    assert result.boundaries[0] == 0
    check(result, table, w, lmbda, scale)
    for cell, centroid in enumerate(result.centroids):
        own = result.labels == cell
        mean = (w[own, None] * x[own]).sum(axis=0) / w[own].sum()
        assert centroid == pytest.approx(mean, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("lmbda", [0.3, 2.0, 20.0, 500.0, 1e5])
def test_bounds_exclude_no_optimal_cell(curve, lmbda):
    """All starts of cells are the same with and without bounds; several blocks, the last not full."""
    x = CURVES[curve](700)
    w = np.random.default_rng(6).dirichlet(np.full(700, 2.0))
    value, start = open_curve.minimise(x, w, lmbda)
    plain, every = open_curve.minimise(x, w, lmbda, prune=False)
    assert value == plain
    assert start.tolist() == every.tolist()
    hint = np.random.default_rng(7).integers(-1, np.arange(1, 702))
    assert open_curve.minimise(x, w, lmbda, hint=hint)[1].tolist() == every.tolist()


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 128, 129, 200])
def test_any_number_of_points(n):
    """Around the length of a block, against a plain dynamic programme."""
    rng = np.random.default_rng(n)
    x, w = np.cumsum(rng.normal(size=(n, 3)), axis=0), rng.dirichlet(np.ones(n))
    for lmbda in (0.01, 0.3, 10.0):
        table = cost_table(x, w, lmbda)
        least = np.zeros(n + 1)
        for j in range(1, n + 1):
            least[j] = (least[:j] + table[np.arange(j), j - np.arange(j)]).min()
        result = segment(x, lmbda, weights=w, closed=False, **NATS)
        assert result.value == pytest.approx(least[n], rel=1e-13, abs=1e-14)


def test_cells_of_few_points_are_accurate():
    """λ at which pairs and triples are optimal: their squared errors are 1e-11 of the curve's, accurate to 1e-12."""
    n, rng = 3000, np.random.default_rng(10)
    x = np.linspace(0, 1, n)[:, None] + 1e-5 * rng.normal(size=(n, 1))
    lmbda = 6e6
    result = segment(x, lmbda, closed=False, **NATS)
    assert 1.5 < n / result.cells < 4
    cost = [[np.inf] * 10 for _ in range(n + 1)]
    for j in range(1, n + 1):
        for length in range(1, min(9, j) + 1):
            part = [float(v) for v in x[j - length : j, 0] - x[j - length, 0]]
            mean = math.fsum(part) / length
            error = math.fsum((v - mean) ** 2 for v in part) / n
            cost[j][length] = -length / n * math.log(length / n) + lmbda * error
    least = [0.0] * (n + 1)
    for j in range(1, n + 1):
        least[j] = min(least[j - length] + cost[j][length] for length in range(1, min(9, j) + 1))
    assert result.value == pytest.approx(least[n], rel=1e-13, abs=0)


def test_the_value_is_concave_in_the_multiplier():
    """It is a minimum of lines whose slopes are distortions."""
    lmbda = np.geomspace(0.1, 1e4, 60)
    result = segment(brownian(500), lmbda)
    assert (result.value[:, None] <= result.entropy + lmbda[:, None] * result.distortion + 1e-12).all()
    assert (np.diff(result.distortion) <= 1e-15).all()
    assert (np.diff(result.cells) >= 0).any()

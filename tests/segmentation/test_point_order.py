"""Scalar points in random order: a warning that names sorting, and none for curves."""

import inspect
import math
import warnings

import numpy as np
import pytest
from contiguous import brownian, noisy
from edcurve.segmentation import point_order, segment

RNG = np.random.default_rng(1)
T = np.arange(1000)
RANDOM = {
    "gaussian": RNG.normal(size=1000),
    "cauchy": RNG.standard_cauchy(1000),
    "uniform": RNG.random(1000),
    "far from 0": 1e6 + RNG.normal(size=1000),
    "integers": RNG.integers(0, 9, 1000),
    "two values": RNG.integers(0, 2, 1000),
    "few": RNG.normal(size=100),
    "huge": 1e149 * RNG.normal(size=1000),
    "tiny": 1e-139 * RNG.normal(size=1000),
}
CURVES = {
    "sorted": np.sort(RNG.normal(size=1000)),
    "sine": np.sin(T / 50),
    "four points a period": np.sin(T * math.pi / 2 + 0.3),
    "three points a period": np.sin(T * 2.1),
    "noisy sine": np.sin(T / 100) + 0.5 * RNG.normal(size=1000),
    "walk": np.cumsum(RNG.normal(size=1000)),
    "two-dimensional walk's first coordinate": brownian(1000)[:, 0],
    "square wave": np.sign(np.sin(0.6 * T)),
    "autoregressive": np.convolve(RNG.normal(size=1100), 0.7 ** np.arange(100), mode="valid")[:1000],
    "steps": np.repeat(RNG.normal(size=100), 10),
    "constant": np.full(1000, 3.0),
    "too few to tell": RNG.normal(size=63),
}


def spread_squared(x):
    return float((np.asarray(x, dtype=float) - np.mean(x)).std() ** 2) or 1.0


@pytest.mark.parametrize("x", RANDOM.values(), ids=RANDOM)
def test_random_order_is_doubted(x):
    lmbda = 30.0 / spread_squared(x)
    line = inspect.currentframe().f_lineno + 2
    with pytest.warns(UserWarning, match="points are in an order that looks random.* sort the points") as caught:
        result = segment(x, lmbda)
    assert [(warning.filename, warning.lineno) for warning in caught] == [(__file__, line)]
    message = str(caught[0].message)
    best = segment(np.sort(x), lmbda)
    assert f"value {result.value:.4g} at lmbda = {lmbda:g}" in message
    bound = float(message.partition("at most ")[2].partition(". Unless")[0])
    assert best.value * (1 - 1e-3) <= bound < 0.9 * result.value


@pytest.mark.parametrize("x", CURVES.values(), ids=CURVES)
def test_curves_are_not_doubted(x):
    """Warnings are errors."""
    segment(x, np.array([1.0, 30.0, 1000.0]) / spread_squared(x))


def test_no_warning_if_sorting_does_not_help():
    x = RANDOM["gaussian"]
    segment(x, 0.01)  # one cell, sorted or not
    segment(x, [])
    segment(x, 30.0, closed=True)
    segment(noisy(300), 30.0)
    segment(x[:, None] * [1.0, 2.0], 30.0)


def test_one_warning_for_several_multipliers_and_a_column():
    x = RANDOM["gaussian"]
    for points in (x, x[:, None]):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            segment(points, [0.01, 3.0, 100.0], weights=RNG.random(1000))
        assert len(caught) == 1


def test_random_order_in_64_points_or_more():
    """Frequencies: rarely missed from 250 points on; noise as large as a slow signal is not mistaken for it."""
    rng = np.random.default_rng(2)
    share = [
        np.mean([point_order.looks_random(rng.normal(size=n), np.full(n, 1 / n)) for _ in range(300)])
        for n in (64, 250)
    ]
    assert share[0] > 0.8
    assert share[1] > 0.99
    weights = rng.dirichlet(np.full(2000, 0.5))
    assert point_order.looks_random(rng.normal(size=2000), weights)
    assert not point_order.looks_random(np.sin(np.arange(2000) / 90) * math.sqrt(2) + rng.normal(size=2000), weights)


def test_bound_of_sorted_points_is_a_bound():
    rng = np.random.default_rng(3)
    for _ in range(10):
        x, w = rng.normal(size=200), rng.dirichlet(np.ones(200))
        order, lmbda = np.argsort(x), np.array([0.1, 3.0, 100.0, 1e4])
        least = segment(x[order], lmbda, weights=w[order], base=math.e).value
        bound = point_order.sorted_bound(x, w, lmbda)
        assert (bound >= least * (1 - 1e-12)).all()
        assert (bound <= 1.5 * least).all()

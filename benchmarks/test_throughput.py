"""One million points, side by side with a parallel numba loop that takes one logarithm for each point."""

import math

import edcurve as ed
import numba
import numpy as np
import pytest

POINTS = 10**6


@numba.njit(parallel=True)
def logarithms(x, out):
    for i in numba.prange(x.size):
        out[i] = math.log(x[i])


@pytest.fixture(scope="module")
def shares():
    """D/D_max, log-uniform in [1e-10, 1)."""
    return 10.0 ** np.random.default_rng(0).uniform(-10.0, 0.0, POINTS)


@pytest.mark.benchmark(group="a million points", warmup=True, min_rounds=20)
def test_log_loop(benchmark, shares):
    benchmark(logarithms, shares, np.empty_like(shares))


@pytest.mark.benchmark(group="a million points", warmup=True, min_rounds=20)
@pytest.mark.parametrize("source", ["ramp", "circle", "sinusoid", "sawbridge", "uniform"])
def test_entropy(benchmark, shares, source):
    D = (
        shares
        * {"ramp": ed.Ramp, "circle": ed.Circle, "sinusoid": ed.Sinusoid, "sawbridge": ed.Sawbridge}.get(
            source, ed.UniformScalar
        )().max_distortion
    )
    assert np.isfinite(benchmark(ed.entropy_distortion, source, D)).all()


@pytest.mark.benchmark(group="a million points", warmup=True, min_rounds=20)
@pytest.mark.parametrize("function", [ed.lower_bound, ed.convex_hull], ids=lambda f: f.__name__)
def test_bounds(benchmark, shares, function):
    assert np.isfinite(benchmark(function, "ramp", shares / 12.0)).all()


@pytest.mark.benchmark(group="one point")
@pytest.mark.parametrize("source", ["ramp", "circle", "power:1.5"])
@pytest.mark.parametrize(
    "function",
    [ed.entropy_distortion, ed.lower_bound, ed.convex_hull, ed.distortion_entropy, ed.partition, ed.lagrangian],
    ids=lambda f: f.__name__,
)
def test_scalar(benchmark, function, source):
    benchmark(function, source, 0.0123)

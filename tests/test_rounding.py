"""Sums that cancel: values that are negative by rounding become 0, other negative values are refused."""

import edcurve as ed
import numpy as np
import pytest
from edcurve.validation import nonnegative

EPS = 2.0**-52


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_rule(dtype):
    """From −n·eps·max on, with eps of the given floats."""
    eps = float(np.finfo(dtype).eps)
    limit = np.array([-3 * 4.0 * eps, 4.0, 1.0], dtype=dtype)
    assert nonnegative("x", limit, rounded=True).tolist() == [0.0, 4.0, 1.0]
    beyond = np.array([-3.1 * 4.0 * eps, 4.0, 1.0], dtype=dtype)
    with pytest.raises(ValueError, match=r"^x must be at least 0, got -.* at index 0$"):
        nonnegative("x", beyond, rounded=True)
    with pytest.raises(ValueError, match=r"^x must be at least 0, got -"):
        nonnegative("x", limit)


@pytest.mark.parametrize("values", [[-1e-300], [-1e-300, 0.0], [np.inf, -1e-17], [np.nan, -1e-17], [-1e-18, -1.0]])
def test_arrays_without_a_largest_number(values):
    with pytest.raises(ValueError, match=r"^x must be at least 0, got"):
        nonnegative("x", values, rounded=True)


def test_the_given_array_is_not_changed():
    array = np.array([1.0, -1e-17])
    assert nonnegative("x", array, rounded=True).tolist() == [1.0, 0.0]
    assert array.tolist() == [1.0, -1e-17]


def test_water_filling():
    assert ed.water_filling([1.0, -1e-17], [0.5]) == ed.water_filling([1.0], [0.5]) == [0.5]
    with pytest.raises(ValueError, match="eigenvalues must be at least 0 and finite, got -1e-15 at index 1"):
        ed.water_filling([1.0, -1e-15], [0.5])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_water_filling_of_a_covariance_without_full_rank(dtype):
    """Five vectors in 40 dimensions have four positive eigenvalues."""
    x = np.random.default_rng(0).normal(size=(5, 40)).astype(dtype)
    x -= x.mean(axis=0)
    values = np.linalg.eigvalsh(x.T @ x / 5)
    assert values.min() < 0
    four = np.linalg.svd(x.astype(np.float64), compute_uv=False)[:4] ** 2 / 5
    assert ed.water_filling(values, 10.0) == pytest.approx(
        ed.water_filling(four, 10.0), rel=1e3 * float(np.finfo(dtype).eps)
    )


def test_measure():
    got = ed.measure([1, 1, 2, 2], [0.1, 0.1, -1e-18, 0.1])
    assert got == ed.measure([1, 1, 2, 2], [0.1, 0.1, 0.0, 0.1])
    with pytest.raises(ValueError, match=r"squared_error must be at least 0 and finite, got -0\.001 at index 1"):
        ed.measure([1, 2, 2], [0.1, -1e-3, 0.1])


def test_measure_of_expanded_squares():
    """‖x‖² − 2x·c + ‖c‖² of points on codewords."""
    rng = np.random.default_rng(1)
    codewords = rng.normal(size=(4, 3))
    index = rng.integers(4, size=400)
    x = codewords[index] + np.where(np.arange(400) % 2 == 0, 1.0, 1e-9)[:, None]
    expanded = (x**2).sum(axis=1) - 2 * (x * codewords[index]).sum(axis=1) + (codewords[index] ** 2).sum(axis=1)
    assert expanded.min() < 0
    assert ed.measure(index, expanded).distortion == pytest.approx(1.5, rel=1e-12)


def test_segment():
    points = np.arange(6.0)
    got = ed.segment(points, 1.0, weights=[1, 1, -1e-17, 1, 1, 1])
    want = ed.segment(points, 1.0, weights=[1, 1, 0, 1, 1, 1])
    assert (got.value, got.boundaries.tolist()) == (want.value, want.boundaries.tolist())
    with pytest.raises(ValueError, match="weights must be at least 0 and finite, got -1e-12 at index 2"):
        ed.segment(points, 1.0, weights=[1, 1, -1e-12, 1, 1, 1])


def test_spectrum():
    got = ed.Source.from_spectrum([1.0, -1e-17, 0.25, -2e-17])
    assert got == ed.Source.from_spectrum([1.0, 0.0, 0.25])
    with pytest.raises(ValueError, match="c must be at least 0 and finite, got -1e-06 at index 1"):
        ed.Source.from_spectrum([1.0, -1e-6])

"""Segmentation against optima in closed form: the built-in sources, and published scalar quantisers."""

import itertools
import math

import numpy as np
import pytest
from contiguous import (
    NATS,
    circle,
)
from edcurve import lagrangian
from edcurve.segmentation import segment
from scipy.optimize import minimize
from scipy.special import ndtr


@pytest.mark.parametrize("lmbda", [0.7, 1.9, 8.0, 40.0])
def test_circle_on_a_grid(lmbda):
    """For any N: never below the continuous circle, and above it by less than about N⁻²."""
    want = lagrangian("circle", lmbda, **NATS).value
    for n in (100, 397):
        phi = np.sinc(1 / n) ** 2
        result = segment(circle(n), lmbda * phi, closed=True, **NATS)
        assert -1e-12 <= result.value + lmbda * (1 - phi) - want <= 2 * lmbda / n**2


@pytest.mark.parametrize("lmbda", [1.0, 20.0, 300.0, 5e4])
def test_uniform_scalar_on_a_grid(lmbda):
    """Points in the middle of bins, which have a distortion of 1/(12N²)."""
    want = lagrangian("uniform", lmbda, **NATS)
    n = 120 * want.cells
    result = segment((np.arange(n) + 0.5) / n, lmbda, **NATS)
    assert result.value + lmbda / (12 * n**2) == pytest.approx(want.value, rel=1e-12, abs=0)
    assert result.boundaries.tolist() == list(range(0, n, 120))
    assert result.centroids == pytest.approx((np.arange(result.cells) + 0.5) / result.cells, rel=1e-12, abs=0)
    off = segment((np.arange(n + 7) + 0.5) / (n + 7), lmbda, **NATS).value + lmbda / (12 * (n + 7) ** 2)
    assert -1e-12 <= off - want.value <= 2 * lmbda / n**2


@pytest.mark.parametrize("lmbda", [2.0, 30.0, 77.0, 150.0])
def test_sawbridge_as_vectors(lmbda):
    """‖x_i − x_j‖² = |i − j|/N; a cell of the continuous curve has 1/(6N²) more than its points."""
    n = 240
    x = np.tri(n) / math.sqrt(n)
    result, want = segment(x, lmbda, **NATS), lagrangian("sawbridge", lmbda, **NATS)
    value = result.value + lmbda * result.cells / (6 * n**2)
    assert -1e-12 <= value - want.value <= 2 * lmbda / n**2
    if n % want.cells == 0:
        assert value == pytest.approx(want.value, rel=1e-12, abs=0)


@pytest.mark.parametrize("lmbda", [10.0, 48 * math.log(2), 80.0])
def test_ramp_as_vectors(lmbda):
    """‖x_i − x_j‖² = u(1 − u) at u = |i − j|/N; between points it is lower by 1/(6N²), within them 1/(3N) higher."""
    n = 120
    steps = (np.arange(n) + np.arange(n)[:, None]) % n
    result, want = segment(steps / n**1.5, lmbda, closed=True, **NATS), lagrangian("ramp", lmbda, **NATS)
    value = result.value + lmbda * (2 * result.cells - 1) / (12 * n**2)
    assert n % want.cells == 0
    assert result.cells == want.cells
    assert value == pytest.approx(want.value, rel=1e-12, abs=0)


def binned(edges, cdf, first, second):
    """Masses and means of the bins between edges (the outer ones unbounded), and the squared error within bins."""
    edges = np.concatenate([[-np.inf], edges, [np.inf]])
    mass, moment, square = (np.diff(function(edges)) for function in (cdf, first, second))
    assert (mass > 0).all()
    mean = moment / mass
    return mean, mass, math.fsum(square - moment * mean)


def laplace(x):
    """Integrals of the density e^{−|x|}/2, of x and of x² times it, up to x."""
    y, sign = np.abs(x), np.sign(x)
    tail = 0.5 * np.exp(-y)
    with np.errstate(invalid="ignore"):
        first, second = (
            np.where(np.isinf(y), 0.0, tail * (y + 1)),
            np.where(np.isinf(y), 0.0, tail * (y**2 + 2 * y + 2)),
        )
    return np.where(sign > 0, 1 - tail, tail), -first, np.where(sign > 0, 2 - second, second)


def sullivan(lmbda):
    """Least H + λD over quantisers of the Laplacian with a middle cell [−t, t] and steps s beyond, in closed form.

    G. J. Sullivan, "Efficient scalar quantization of exponential and Laplacian random variables", IEEE Trans. Inf.
    Theory 42 (1996): what entropy-constrained scalar quantisers of this density look like.
    """

    def value(parameters):
        t, s = np.exp(np.clip(parameters, -20, 4))
        outer, q = math.exp(-t), math.exp(-s)
        middle = -math.expm1(-t)
        H = -middle * math.log(middle) - outer * (math.log(0.5 * outer) + math.log1p(-q) - s * q / (1 - q))
        D = 2 - outer * (t * t + 2 * t + 2) + outer * (1 - s * s * q / (1 - q) ** 2)
        return H + lmbda * D

    starts = itertools.product([-2.0, -0.5, 0.5], [-1.5, 0.0, 1.0])
    options = {"xatol": 1e-10, "fatol": 1e-15, "maxiter": 4000}
    return min(minimize(value, start, method="Nelder-Mead", options=options).fun for start in starts)


@pytest.mark.parametrize("lmbda", [0.4, 0.8, 2.0, 6.0, 30.0])
def test_laplacian_against_sullivan(lmbda):
    """With the error within bins, no partition of bins is better; edges off by half a bin cost second order."""
    edges = np.linspace(-24, 24, 4801)
    x, w, own = binned(edges, *(lambda x, i=i: laplace(x)[i] for i in range(3)))
    result, want = segment(x, lmbda, weights=w, **NATS), sullivan(lmbda)
    assert -1e-10 <= result.value + lmbda * own - want <= 5e-5


def normal(x):
    density = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    return ndtr(x), -density, ndtr(x) - np.where(np.isinf(x), 0.0, x) * density


def lloyd(lmbda, cells, steps=3000):
    """H + λD of a quantiser of the normal density with mutually optimal thresholds and centroids."""
    c, p = np.linspace(-3, 3, cells) if cells > 1 else np.zeros(1), np.full(cells, 1 / cells)
    for _ in range(steps):
        t = 0.5 * (c[1:] + c[:-1]) + np.diff(-np.log(p)) / (2 * lmbda * np.diff(c))
        if (np.diff(t) <= 0).any():
            return math.inf
        edges = np.concatenate([[-np.inf], t, [np.inf]])
        F, first, second = normal(edges)
        p, moment = np.diff(F), np.diff(first)
        if p.min() < 1e-14:
            return math.inf
        new = moment / p
        done, c = np.abs(new - c).max() < 1e-13, new
        if done:
            break
    return math.fsum(-p * np.log(p)) + lmbda * math.fsum(np.diff(second) - p * c**2)


@pytest.mark.parametrize("lmbda", [0.6, 1.0, 3.0, 10.0])
def test_gaussian_against_lloyd(lmbda):
    edges = np.linspace(-7, 7, 3501)
    x, w, own = binned(edges, *(lambda x, i=i: normal(x)[i] for i in range(3)))
    result = segment(x, lmbda, weights=w, **NATS)
    want = min(lloyd(lmbda, cells) for cells in range(1, result.cells + 3))
    assert result.value + lmbda * own == pytest.approx(want, abs=3e-5, rel=0)
    # the last cells of the infinite family have 1e-8 or less in probability
    assert result.value + lmbda * own >= want - 1e-6


def test_gaussian_at_high_rate():
    """There D = 2^{2(h − H)}/12 (Gish and Pierce 1968): 1.53 dB or a quarter of a bit off the rate-distortion bound."""
    x = np.linspace(-6, 6, 24_001)
    result = segment(x, 2e3, weights=np.exp(-0.5 * x**2))
    assert result.entropy - 0.5 * math.log2(1 / result.distortion) == pytest.approx(0.2546, abs=1e-3)

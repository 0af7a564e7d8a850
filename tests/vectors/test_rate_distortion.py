"""R(D) of weighted vectors: closed forms, cvxpy, brute force over reproductions, the circle, and arguments."""

import math

import edcurve as ed
import numpy as np
import pytest
from edcurve.vectors import boxes, channels, errors, rate_distortion
from hypothesis import given, settings
from hypothesis import strategies as st

WIDTH = 1.01e-3 / math.log(2)  # largest difference of the bounds, bits


def entropy(p):
    return -sum(q * math.log2(q) for q in (p, 1 - p))


def enclosed(found, truth, slack=0.0, width=WIDTH):
    """Check that the bounds enclose the truth, up to rounding, and are close."""
    assert np.all(found.lower <= np.asarray(truth) + 1e-9)
    assert np.all(np.asarray(truth) - slack - 1e-9 <= found.upper)
    assert np.all(found.upper - found.lower <= width + slack)


@pytest.mark.parametrize("p", [0.5, 0.2])
def test_binary_source(p):
    """R(D) = h(p) − h(D) for D < min(p, 1 − p)."""
    D = np.array([1e-4, 0.01, 0.1, 0.19])
    bounds = ed.empirical_rate_distortion([0, 1], D, weights=[p, 1 - p], error="hamming")
    enclosed(bounds, [entropy(p) - entropy(distortion) for distortion in D], width=2e-6)
    assert "each of which was tried (rigorous" in bounds.method


def test_uniform_symbols():
    """R(D) = log m − h(D) − D log(m − 1)."""
    D = np.array([0.02, 0.3, 0.6, 0.75])
    bounds = ed.empirical_rate_distortion(np.repeat(np.arange(5), 3), D, error="hamming")
    enclosed(bounds, [math.log2(5) - entropy(distortion) - 2 * distortion for distortion in D], width=2e-6)


def test_pairs_of_symbols_cost_twice_as_much():
    """Hamming errors of independent coordinates add: R₂(D) = 2 R₁(D/2)."""
    pairs = [[a, b] for a in range(3) for b in range(3)]
    bounds = ed.empirical_rate_distortion(pairs, 0.4, error="hamming", base=math.e)
    nats = 2 * (math.log(3) - math.log(2) * (entropy(0.2) + 0.2))
    assert bounds.lower <= nats <= bounds.upper <= bounds.lower + 2e-6


def test_sampled_circle():
    """64 points of the circle have its R(D), if D is far above their spacing."""
    turn = 2 * np.pi * np.arange(64) / 64
    D = np.array([0.2, 0.5, 0.9])
    bounds = ed.empirical_rate_distortion(np.stack([np.cos(turn), np.sin(turn)], axis=1), D)
    enclosed(bounds, ed.rate_distortion("circle", D), slack=1e-6)
    assert "branch and bound" in bounds.method
    embedded = np.zeros((64, 50))
    embedded[:, 7], embedded[:, 30] = 3 + np.cos(turn), np.sin(turn)
    rotated = ed.empirical_rate_distortion(
        embedded @ np.linalg.qr(np.random.default_rng(0).normal(size=(50, 50)))[0], D
    )
    assert "branch and bound" in rotated.method  # of the plane that the points span
    enclosed(rotated, ed.rate_distortion("circle", D), slack=1e-6)


def test_numbers_equally_spaced():
    """R(D) of the uniform source, in bits, from `rate_distortion_bounds`, whose channels are densities of the phase."""
    x = (np.arange(100) + 0.5) / 100
    bounds = ed.empirical_rate_distortion(x, np.array([0.03, 0.06]))
    enclosed(bounds, [0.6391, 0.2228], slack=1e-3)


def test_gaussian_samples_at_low_rate():
    """Quantiles of the Gaussian, of variance s²: R(D) ≤ log₂(s²/D)/2, and close to it near D_max."""
    from scipy.special import ndtri

    x = ndtri((np.arange(300) + 0.5) / 300)
    D = x.var() * np.array([0.7, 0.9])
    bounds = ed.empirical_rate_distortion(x, D)
    gaussian = 0.5 * np.log2(x.var() / D)
    assert np.all(bounds.lower <= gaussian)
    assert bounds.upper == pytest.approx(gaussian, abs=0.01)


@pytest.mark.parametrize("error", ["squared", "absolute", "hamming", lambda x, y: np.abs(x - y.T) ** 1.5])
def test_against_cvxpy(error):
    """Blahut and Arimoto's problem as a cone program, for 6 weighted numbers and 4 reproductions."""
    cp = pytest.importorskip("cvxpy")
    generator = np.random.default_rng(2)
    x, w, y = np.arange(6.0), generator.dirichlet(np.ones(6)), np.array([0.0, 1.5, 3.0, 5.0])
    y = np.array([0.0, 1.0, 3.0, 5.0]) if error == "hamming" else y
    rule = errors.resolve(error, y, 1)
    rho = rule.distances(x[:, None], y[:, None])
    low, high = float(w @ rho.min(axis=1)), float((w @ rho).min())
    D = low + np.array([0.15, 0.6]) * (high - low)
    for distortion in D:
        joint = cp.Variable((6, 4), nonneg=True)
        marginal = cp.sum(joint, axis=0)
        information = sum(cp.sum(cp.rel_entr(joint[i], w[i] * marginal)) for i in range(6))
        constraints = [cp.sum(joint, axis=1) == w, cp.sum(cp.multiply(joint, rho)) <= distortion]
        problem = cp.Problem(cp.Minimize(information), constraints)
        problem.solve(solver=cp.CLARABEL)
        bounds = ed.empirical_rate_distortion(x, distortion, weights=w, error=error, reproductions=y, base=math.e)
        assert bounds.lower - 1e-6 <= problem.value <= bounds.upper + 1e-6
        assert bounds.upper - bounds.lower <= 2e-6
    assert "over the reproductions given" in bounds.method


def test_moving_reproductions_against_cvxpy():
    """The cone program with 81 reproductions on a line has slightly more rate than the optimum over the line."""
    cp = pytest.importorskip("cvxpy")
    x, w, y = np.array([0.0, 0.3, 1.0, 2.5]), np.array([0.4, 0.3, 0.2, 0.1]), np.linspace(0, 2.5, 81)
    rho = np.square(x[:, None] - y)
    joint = cp.Variable((4, 81), nonneg=True)
    marginal = cp.sum(joint, axis=0)
    information = sum(cp.sum(cp.rel_entr(joint[i], w[i] * marginal)) for i in range(4))
    constraints = [cp.sum(joint, axis=1) == w, cp.sum(cp.multiply(joint, rho)) <= 0.1]
    problem = cp.Problem(cp.Minimize(information), constraints)
    problem.solve(solver=cp.CLARABEL)
    bounds = ed.empirical_rate_distortion(x, 0.1, weights=w, base=math.e)
    assert bounds.lower - 1e-6 <= problem.value
    # a spacing of 1/32 costs at most λ/64² of distortion times λ, with λ = 1/(2D) about 5
    assert problem.value <= bounds.upper + 5 * (1 / 64) ** 2


def test_absolute_errors_need_no_other_values():
    """A fine grid of reproductions is not better than the values that occur."""
    x = np.array([0.0, 1.0, 1.7, 4.0])
    fine = np.unique(np.concatenate([x, np.linspace(-1, 5, 121)]))
    D = np.array([0.1, 0.5])
    bounds = ed.empirical_rate_distortion(x, D, error="absolute")
    finer = ed.empirical_rate_distortion(x, D, error="absolute", reproductions=fine)
    assert np.all(np.maximum(bounds.lower, finer.lower) <= np.minimum(bounds.upper, finer.upper) + 1e-9)


def test_boxes_bound_the_greatest_value(monkeypatch):
    """Against a dense grid; a target below the greatest value is refused, one just above is proved."""
    generator = np.random.default_rng(5)
    for dim in (1, 2, 3):
        x = generator.normal(size=(20, dim))
        vectors = channels.Vectors(x, np.full(20, 0.05), errors.resolve("squared", None, dim))
        mass, lmbda = np.log(generator.dirichlet(np.ones(20))), 3.0
        axes = [np.linspace(-3, 3, {1: 2001, 2: 101, 3: 31}[dim])] * dim
        grid = np.stack([part.ravel() for part in np.meshgrid(*axes)], axis=1)
        best = grid[np.argsort(-vectors.log_excess(mass, lmbda, grid))[:20]]
        top = vectors.log_excess(mass, lmbda, channels.climbed(vectors, mass, lmbda, best, 500)).max()
        assert boxes.greatest(vectors, mass, lmbda, top + 1e-3) == top + 1e-3
        with monkeypatch.context() as patch:
            patch.setattr(boxes, "MOST_TERMS", 10**6)
            assert boxes.greatest(vectors, mass, lmbda, top - 1e-3) is None


@settings(deadline=None, derandomize=True, max_examples=5)
@given(st.integers(1, 3), st.integers(2, 9), st.integers(0, 10**6), st.floats(0.05, 0.95))
def test_any_vectors(dim, n, seed, share):
    """Bounds are in order and close, and below the entropy and all codes of these vectors."""
    generator = np.random.default_rng(seed)
    x, w = generator.normal(size=(n, dim)), generator.dirichlet(np.ones(n))
    most = float(w @ np.square(x - w @ x).sum(axis=1))
    bounds = ed.empirical_rate_distortion(x, share * most, weights=w, base=math.e)
    assert 0.0 <= bounds.lower <= bounds.upper <= -float(w @ np.log(w)) + 1e-12
    assert bounds.upper - bounds.lower <= 1.2e-3
    for lmbda in (0.5, 5.0, 50.0):
        code = ed.ecvq(x, lmbda, weights=w, base=math.e)
        below = ed.empirical_rate_distortion(x, code.distortion, weights=w, base=math.e).lower
        assert below <= code.entropy + 1e-9


def test_high_dimension_is_searched_and_says_so():
    x = np.random.default_rng(0).normal(size=(60, 20))
    bounds = ed.empirical_rate_distortion(x, 8.0)
    assert "a bound if no greater excess exists" in bounds.method
    assert bounds.lower <= bounds.upper <= bounds.lower + WIDTH
    # a Gaussian of the same covariance has more
    assert bounds.lower < ed.water_filling(np.linalg.eigvalsh(np.cov(x.T, bias=True)), 8.0)
    assert bounds.upper < math.log2(60)


def test_ends():
    x = [[0.0, 0.0], [3.0, 4.0], [3.0, 4.0], [0.0, 1.0]]
    bounds = ed.empirical_rate_distortion(x, np.array([0.0, 5.0, 1e9]), weights=[1, 1, 1, 0])
    assert bounds.lower[0] == bounds.upper[0] == pytest.approx(entropy(1 / 3))
    assert bounds.lower[1] == pytest.approx(bounds.upper[1], abs=WIDTH)
    assert bounds.upper[2] == bounds.lower[2] == 0.0
    assert ed.empirical_rate_distortion([7.0, 7.0], 0.0).upper == 0.0
    far = ed.empirical_rate_distortion([0.0, 1.0], [0.1, 0.3, 0.5], reproductions=[0.25, 0.75], error="absolute")
    assert far.lower[0] == far.upper[0] == math.inf
    assert 0.0 < far.lower[1] <= far.upper[1]
    assert far.upper[2] == 0.0


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_units_do_not_matter(scale):
    x = np.random.default_rng(1).normal(size=(12, 2))
    want = ed.empirical_rate_distortion(x, 0.7)
    got = ed.empirical_rate_distortion(scale * x + 0.0, 0.7 * scale**2)
    assert (got.lower, got.upper) == pytest.approx((want.lower, want.upper), abs=1e-6)


def test_shapes_and_results():
    scalar = ed.empirical_rate_distortion([0, 1], 0.25)
    assert isinstance(scalar.lower, float)
    assert scalar.source == "2 points"
    two = ed.empirical_rate_distortion([0, 1], np.array([[0.25, 0.1]]))
    assert two.lower.shape == (1, 2)
    assert two.lower[0, 0] == 0.0


ERRORS = [
    (([0, 1], -1), {}, ValueError, "distortion must be at least 0, got -1"),
    (([0, math.nan], 1), {}, ValueError, "points must be finite"),
    (([0, 1], 1), {"weights": [1]}, ValueError, r"weights must be of shape \(2,\)"),
    (([0, 1], 1), {"error": "mse"}, ValueError, "error must be 'squared', 'absolute', 'hamming' or a function"),
    (([0, 1], 1), {"error": lambda x, y: x - y.T}, ValueError, "reproductions must be given where error is a function"),
    (([0, 1], 0.1), {"error": lambda x, y: x - y.T, "reproductions": [0, 1]}, ValueError, "error must be at least 0"),
    (
        ([0, 1], 0.1),
        {"error": lambda x, y: x, "reproductions": [0, 1]},
        ValueError,
        r"error must return shape \(2, 2\)",
    ),
    (([0, 1], 1), {"reproductions": [[0, 1]]}, ValueError, r"reproductions must be numbers of shape \(m, 1\)"),
    (([0, 1], 1), {"reproductions": [math.inf]}, ValueError, "reproductions must be finite, got inf"),
    ((np.eye(15), 1), {"error": "hamming"}, ValueError, "have more than 16384 combinations, got 32768"),
    ((np.arange(6000), 1), {"error": "absolute"}, ValueError, "at most 33554432, got 6000 times 6000: take some"),
    ((np.arange(2**14 + 1), 1), {}, ValueError, "points must be at most 16384 distinct ones, got 16385"),
]


@pytest.mark.parametrize(("arguments", "options", "kind", "message"), ERRORS)
def test_errors(arguments, options, kind, message):
    with pytest.raises(kind, match=message):
        ed.empirical_rate_distortion(*arguments, **options)


def test_names_of_methods():
    assert len({rate_distortion.SEARCHED, rate_distortion.BOXES, rate_distortion.FINITE}) == 3

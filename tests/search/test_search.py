"""The general search against reference values, exhaustive searches and the conditions of optimality."""

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from edcurve.search import (
    SearchResult,
    minimise_entropy,
    minimise_entropy_many,
    minimise_lagrangian,
    minimise_lagrangian_many,
)
from edcurve.search.cell_distortion import TabulatedDistortion
from edcurve.search.size_multiples import ParetoFront, knapsack

reference = json.loads((Path(__file__).parents[1] / "reference" / "values.json").read_text())


def spectrum(c):
    """d and d′ of the closed source with energies c₁, c₂, … scaled to Σ c = 1."""
    c = np.asarray(c, dtype=float) / np.sum(c)
    k = np.arange(1, c.size + 1)

    def d(p):
        return p * ((1 - np.sinc(np.multiply.outer(p, k)) ** 2) @ c)

    def derivative(p):
        return (1 - 2 * np.sinc(np.multiply.outer(p, 2 * k)) + np.sinc(np.multiply.outer(p, k)) ** 2) @ c

    return d, derivative


def geometric(r, harmonics=60):
    return spectrum(float(r) ** np.arange(1, harmonics + 1))


built_in = {
    "ramp": (lambda p: p * p * (2 - p) / 12, lambda p: p * (4 - 3 * p) / 12),
    "circle": spectrum([1.0]),
    "sawbridge": (lambda p: p * p / 6, lambda p: p / 3),
    "uniform": (lambda p: p**3 / 12, lambda p: p**2 / 4),
}
small = [
    (name, float(row["distortion"]), float(row["entropy"]))
    for name in built_in
    for row in reference[name]
    if int(row["cells"]) <= 12
]


def entropy(sizes):
    return -math.fsum(sizes * np.log(sizes))


def biuniform(d, distortion, most=400):
    """Least entropy of K cells of one size and one smaller cell, by bisection for every K."""
    best = math.inf
    for count in range(1, most):
        low, high = 0.0, 1 / (count + 1)
        total = [count * d(np.array([(1 - e) / count]))[0] + d(np.array([e]))[0] for e in (low, high)]
        if total[0] <= distortion:
            return min(best, math.log(count))
        if total[1] > distortion:
            continue
        for _ in range(80):
            middle = (low + high) / 2
            above = count * d(np.array([(1 - middle) / count]))[0] + d(np.array([middle]))[0] > distortion
            low, high = (middle, high) if above else (low, middle)
        best = min(best, entropy(np.array([(1 - high) / count] * count + [high])))
    return best


def every_partition(units):
    """All partitions of an integer, as lists of decreasing parts."""

    def parts(rest, largest):
        if rest == 0:
            yield []
        for first in range(min(rest, largest), 0, -1):
            for others in parts(rest - first, first):
                yield [first, *others]

    return list(parts(units, units))


def three_cells(d, distortion, points=401):
    """Least entropy of cells a ≥ b ≥ c: for each c/b the a with Σ d = D, by bisection (Σ d rises with a)."""
    ratio = np.linspace(0, 1, points)
    low, high = 1 / (2 + ratio), np.ones(points)

    def cells(a):
        return np.stack([a, (1 - a) / (1 + ratio), ratio * (1 - a) / (1 + ratio)])

    reached = d(cells(low)).sum(axis=0) <= distortion
    for _ in range(50):
        middle = (low + high) / 2
        below = d(cells(middle)).sum(axis=0) < distortion
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    sizes = cells(low)[:, reached]
    return (-sizes * np.log(np.maximum(sizes, 1e-300))).sum(axis=0).min()


def check_feasible(result: SearchResult, d, distortion):
    assert (result.sizes > 0).all()
    assert (np.diff(result.sizes) <= 0).all()
    assert math.fsum(result.sizes) == pytest.approx(1, abs=1e-14)
    assert result.distortion == pytest.approx(math.fsum(d(result.sizes)), rel=1e-14)
    assert result.distortion <= distortion * (1 + 1e-14)
    assert result.entropy == pytest.approx(entropy(result.sizes), rel=1e-11, abs=1e-14)


def check_stationary(result: SearchResult, derivative, tolerance=1e-9):
    """−ln pᵢ + λ d′(pᵢ) is the same for all cells."""
    slopes = -np.log(result.sizes) + result.lmbda * derivative(result.sizes)
    assert np.ptp(slopes) <= tolerance * (1 + abs(slopes).max())


def least_curvature(result: SearchResult, derivative, constraints):
    """Least eigenvalue of the Lagrangian's Hessian, in relative changes of size, along the constraints."""
    p = result.sizes
    if p.size <= constraints:
        return math.inf
    step = 1e-5 * np.minimum(p, 1 - p)
    bend = (derivative(p + step) - derivative(p - step)) / (2 * step)
    gradients = np.stack([np.ones_like(p), derivative(p)][:constraints]) * p
    tangent = np.linalg.svd(gradients)[2][constraints:]
    hessian = tangent * (p * p * (-1 / p + result.lmbda * bend)) @ tangent.T
    return np.linalg.eigvalsh(hessian).min()


@pytest.mark.parametrize("structured", [True, False])
def test_finds_one_large_cell_and_two_equal_ones(structured):
    d, derivative = spectrum(0.5 ** np.arange(1, 61))
    result = minimise_entropy(d, 0.7552236, derivative=derivative, structured=structured)
    assert result.sizes == pytest.approx([0.744, 0.128, 0.128], abs=1e-6)
    assert result.entropy == pytest.approx(0.746277, abs=1e-6)
    assert result.residual <= 1e-12
    assert result.is_minimum
    assert 1 <= result.agreeing <= result.starts
    check_feasible(result, d, 0.7552236)
    check_stationary(result, derivative)
    assert biuniform(d, 0.7552236) == pytest.approx(0.807795, abs=1e-6)


@pytest.mark.parametrize("structured", [True, False])
@pytest.mark.parametrize(("name", "distortion", "expected"), small)
def test_reaches_the_reference_entropy(name, distortion, expected, structured):
    d, derivative = built_in[name]
    result = minimise_entropy(d, distortion, derivative=derivative, structured=structured, starts=32)
    assert -1e-12 <= result.entropy - expected <= 1e-9
    check_feasible(result, d, distortion)


@pytest.mark.parametrize(("name", "cells"), [("ramp", 66), ("sawbridge", 199), ("uniform", 577), ("ramp", 9999)])
def test_reaches_the_reference_entropy_with_many_cells(name, cells):
    row = next(row for row in reference[name] if int(row["cells"]) == cells)
    result = minimise_entropy(built_in[name][0], float(row["distortion"]))
    assert result.entropy == pytest.approx(float(row["entropy"]), abs=1e-11)


@pytest.mark.parametrize("r", [0.2, 0.5, 0.8])
def test_three_cells_against_an_exhaustive_scan(r):
    d, _ = geometric(r)
    distortions = np.linspace(3 * d(np.array([1 / 3]))[0] + 0.01, 0.98, 12)
    for result, distortion in zip(minimise_entropy_many(d, distortions, max_cells=3), distortions, strict=True):
        assert result.sizes.size <= 3
        two_or_three = min(three_cells(d, distortion), biuniform(d, distortion, most=3))
        assert -1e-5 <= result.entropy - two_or_three <= 1e-12


@pytest.mark.parametrize("r", [0.2, 0.5, 0.8])
def test_no_partition_into_thirtieths_is_better(r):
    d, derivative = geometric(r)
    sizes = [np.array(parts) / 30 for parts in every_partition(30)]
    distortion = np.array([d(p).sum() for p in sizes])
    order = np.argsort(distortion)
    least = np.minimum.accumulate(np.array([entropy(p) for p in sizes])[order])
    levels = np.linspace(0.3, 0.97, 30)
    best = least[np.searchsorted(distortion[order], levels, side="right") - 1]
    entropies = np.array([result.entropy for result in minimise_entropy_many(d, levels, derivative=derivative)])
    assert (entropies <= best + 1e-12).all()


def test_front_is_the_front_of_all_partitions():
    d, _ = geometric(0.5)
    front = ParetoFront(d(np.arange(13) / 12))
    sizes = [np.array(parts) / 12 for parts in every_partition(12)]
    every = sorted((d(p).sum(), entropy(p)) for p in sizes)
    expected = [every[0]]
    for pair in every[1:]:
        if pair[1] < expected[-1][1] - 1e-11:
            expected.append(pair)
    assert np.transpose(expected) == pytest.approx(np.stack([front.distortion, front.entropy]), abs=1e-12)
    for index, pair in enumerate(expected):
        p = np.array(front.partition(index)) / 12
        assert (d(p).sum(), entropy(p)) == pytest.approx(pair, abs=1e-12)


def test_random_starts_alone_find_what_all_starts_find():
    for r in (0.2, 0.5, 0.8):
        d, derivative = geometric(r)
        for distortion in (0.45, 0.7, 0.9):
            every = minimise_entropy(d, distortion, derivative=derivative)
            random = minimise_entropy(d, distortion, derivative=derivative, structured=False, seed=7)
            assert random.entropy == pytest.approx(every.entropy, abs=1e-12)


spectra = {
    "second harmonic": ([1, 0.25], 0.003),
    "third harmonic": ([1, 0, 1 / 3], 0.008),
    "first and third, δ not monotone": ([1, 0, 0.4], 0.015),
    "first and second, δ not monotone": ([1, 0.4], 0.02),
    "slow decay": (np.arange(1, 21) ** -1.5, 0.008),
}


@pytest.mark.parametrize(("c", "gain"), spectra.values(), ids=spectra)
def test_other_violations_beat_biuniform_and_are_minima(c, gain):
    d, derivative = spectrum(c)
    distortions = np.linspace(0.2, 0.97, 30)
    results = minimise_entropy_many(d, distortions, derivative=derivative)
    gains = [biuniform(d, x) - result.entropy for result, x in zip(results, distortions, strict=True)]
    assert min(gains) >= -1e-12
    assert max(gains) >= gain
    for result, distortion in zip(results, distortions, strict=True):
        check_feasible(result, d, distortion)
        check_stationary(result, derivative)
        assert result.is_minimum
        assert least_curvature(result, derivative, 2) > 0


def test_a_distortion_of_no_manifold():
    def d(p):
        return p / (1 + np.exp((0.3 - p) / 0.02)) - 0.0 * p

    distortions = np.linspace(0.05, 0.95, 30)
    results = minimise_entropy_many(d, distortions)
    gains = [biuniform(d, x) - result.entropy for result, x in zip(results, distortions, strict=True)]
    assert min(gains) >= -1e-12
    assert max(gains) > 0.5
    assert max(result.residual for result in results) < 1e-8


def test_one_large_and_many_equal_cells():
    d, derivative = geometric(0.95, 240)
    result = minimise_entropy(d, 0.6, derivative=derivative)
    assert result.sizes.size == 59
    assert np.ptp(result.sizes[1:]) < 1e-12
    for equal in (57, 58, 59):
        low, high = 1 / (equal + 1), 1.0
        for _ in range(80):
            large = (low + high) / 2
            equal_sizes = np.array([(1 - large) / equal])
            below = d(np.array([large]))[0] + equal * d(equal_sizes)[0] < 0.6
            low, high = (large, high) if below else (low, large)
        entropy_below = entropy(np.array([low] + [(1 - low) / equal] * equal))
        assert result.entropy <= entropy_below + 1e-12
        assert (entropy_below == pytest.approx(result.entropy, abs=1e-12)) == (equal == 58)
    assert biuniform(d, 0.6) - result.entropy > 0.7


def test_entropy_does_not_increase_with_distortion_and_order_is_kept():
    d, _ = geometric(0.7)
    distortions = np.linspace(0.05, 1.2, 24)
    rising = minimise_entropy_many(d, distortions)
    assert all(a.entropy >= b.entropy for a, b in pairwise(rising))
    shuffled = np.random.default_rng(5).permutation(24)
    reordered = minimise_entropy_many(d, distortions[shuffled])
    assert [result.entropy for result in reordered] == [rising[i].entropy for i in shuffled]


def test_same_seed_same_result_and_any_seed_the_same_minimum():
    d, _ = geometric(0.6)
    first, second, other = (minimise_entropy(d, 0.5, seed=seed, structured=False) for seed in (3, 3, 4))
    assert np.array_equal(first.sizes, second.sizes)
    assert first.agreeing == second.agreeing
    assert other.entropy == pytest.approx(first.entropy, abs=1e-12)


def test_many_is_as_good_as_one_by_one():
    d, _ = geometric(0.6)
    distortions = np.linspace(0.3, 0.9, 6)
    for result, distortion in zip(minimise_entropy_many(d, distortions), distortions, strict=True):
        assert result.is_minimum
        assert result.entropy == pytest.approx(minimise_entropy(d, distortion).entropy, abs=1e-12)


def test_differences_replace_the_derivative():
    d, derivative = geometric(0.5)
    analytic, differenced = minimise_entropy(d, 0.6, derivative=derivative), minimise_entropy(d, 0.6)
    assert differenced.entropy == pytest.approx(analytic.entropy, abs=1e-13)
    check_stationary(differenced, derivative)
    sizes = np.geomspace(1e-4, 0.999, 50)
    assert TabulatedDistortion(d, None, 0.1).exact(sizes).slope == pytest.approx(derivative(sizes), rel=1e-9)
    assert TabulatedDistortion(d, None, 0.1).tabulated(sizes).value == pytest.approx(d(sizes), rel=1e-6)


@pytest.mark.parametrize("name", built_in)
@pytest.mark.parametrize("lmbda", [0.3, 2.0, 20.0, 48 * math.log(2), 500.0])
def test_lagrangian_of_the_built_in_sources_is_that_of_equal_cells(name, lmbda):
    d, derivative = built_in[name]
    count = np.arange(1.0, 400)
    equal = (np.log(count) + lmbda * count * d(1 / count)).min()
    for structured in (True, False):
        result = minimise_lagrangian(d, lmbda, derivative=derivative, structured=structured)
        assert result.value == pytest.approx(equal, rel=1e-13)
        assert np.ptp(result.sizes) < 1e-9
        assert result.lmbda == lmbda
        assert result.is_minimum


@pytest.mark.parametrize("c", [[1, 0, 1 / 3], [1, 0, 0.4], [1, 0.4], 0.5 ** np.arange(1, 61)])
def test_lagrangian_is_below_the_grid_optimum_and_every_constrained_minimum(c):
    d, derivative = spectrum(c)
    nodes = np.arange(257) / 256
    constrained = minimise_entropy_many(d, np.linspace(0.2, 0.95, 20))
    for lmbda in (1.0, 1.8, 2.15, 2.4, 4.0):
        result = minimise_lagrangian(d, lmbda, derivative=derivative)
        random = minimise_lagrangian(d, lmbda, derivative=derivative, structured=False)
        groups = knapsack(-nodes * np.log(np.maximum(nodes, 1e-300)) + lmbda * d(nodes))
        grid = math.fsum(count * (-size * math.log(size) + lmbda * d(np.array([size]))[0]) for size, count in groups)
        assert grid - 1e-2 <= result.value <= grid + 1e-12
        assert random.value == pytest.approx(result.value, abs=1e-12)
        assert all(result.value <= minimum.entropy + lmbda * minimum.distortion + 1e-12 for minimum in constrained)
        check_stationary(result, derivative)
        assert least_curvature(result, derivative, 1) > 0


def test_many_lagrangians_are_those_of_single_searches():
    d, derivative = spectrum([1, 0, 1 / 3])
    lmbdas = [2.15, 0.0, 40.0, 1.0, 4.0]
    together = minimise_lagrangian_many(d, lmbdas, derivative=derivative)
    for result, lmbda in zip(together, lmbdas, strict=True):
        alone = minimise_lagrangian(d, lmbda, derivative=derivative)
        assert result.value == pytest.approx(alone.value, abs=1e-13)
        assert result.lmbda == lmbda
        assert result.value == pytest.approx(result.entropy + lmbda * math.fsum(d(result.sizes)), abs=1e-13)
    assert minimise_lagrangian_many(d, []) == []
    with pytest.raises(ValueError, match="one-dimensional"):
        minimise_lagrangian_many(d, [[1.0]])


def test_a_hull_vertex_that_is_not_equal_cells():
    """With c₃ = c₁/3, δ is still monotone, yet two large and one small cell minimise the Lagrangian."""
    d, derivative = spectrum([1, 0, 1 / 3])
    lmbda, count = 2.15, np.arange(1.0, 50)
    result = minimise_lagrangian(d, lmbda, derivative=derivative)
    assert result.sizes == pytest.approx([0.382, 0.382, 0.236], abs=1e-3)
    assert result.value < (np.log(count) + lmbda * count * d(1 / count)).min() - 1e-3


def test_knapsack_is_the_best_of_all_partitions():
    cost = np.concatenate([[0.0], np.random.default_rng(2).uniform(0.1, 1, 14) * np.arange(1, 15)])
    best = min(cost[parts].sum() for parts in every_partition(14))
    groups = knapsack(cost)
    assert sum(count * cost[round(size * 14)] for size, count in groups) == pytest.approx(best)
    assert sum(count * size for size, count in groups) == pytest.approx(1)


@pytest.mark.parametrize("missing", [1e-13, 1e-11, 1e-9, 1e-7])
@pytest.mark.parametrize("structured", [True, False])
def test_just_below_the_distortion_of_equal_cells(missing, structured):
    d, distortion = built_in["sawbridge"][0], (1 - missing) / 30
    result = minimise_entropy(d, distortion, structured=structured)
    assert result.entropy == pytest.approx(biuniform(d, distortion), abs=1e-13)
    assert result.sizes.size == 6


def test_equal_cells_exactly_at_their_distortion():
    result = minimise_entropy(lambda p: p * p / 6, 1 / 30)
    assert result.sizes == pytest.approx(np.full(5, 0.2), abs=1e-15)
    assert result.is_minimum
    assert math.isnan(result.lmbda)


@pytest.mark.parametrize("fraction", [1 - 1e-13, 1 - 1e-10, 1 - 1e-6])
def test_near_the_largest_distortion_the_entropy_is_small(fraction):
    result = minimise_entropy(lambda p: p * p / 6, fraction / 6)
    lost = 1 - fraction
    odd = lost / (1 + math.sqrt(1 - 2 * lost))
    expected = -odd * math.log(odd) - (1 - odd) * math.log1p(-odd)
    assert result.entropy == pytest.approx(expected, rel=4e-16 / lost)


def test_one_cell_is_enough():
    d = built_in["ramp"][0]
    assert minimise_entropy(d, math.nextafter(1 / 12, 0)).entropy < 1e-14
    for result in (minimise_entropy(d, 1 / 12), minimise_entropy(d, math.inf), minimise_lagrangian(d, 0)):
        assert result.sizes.tolist() == [1.0]
        assert (result.entropy, result.distortion) == (0.0, 1 / 12)
    assert minimise_entropy_many(d, []) == []


def test_progress_counts_the_distortions():
    seen = []
    minimise_entropy_many(
        built_in["ramp"][0], np.linspace(0.02, 0.1, 20), progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1][0] == seen[-1][1]
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_few_calls_of_a_slow_distortion():
    sizes = []

    def d(p):
        assert p.ndim == 1
        assert ((p > 0) & (p <= 1)).all()
        sizes.append(p.size)
        return p * p / 6

    minimise_entropy(d, 0.04)
    assert len(sizes) < 100
    assert sum(sizes) < 5000


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan])
def test_refuses_a_distortion_that_is_not_positive(bad):
    with pytest.raises(ValueError, match="distortion"):
        minimise_entropy(built_in["ramp"][0], bad)


@pytest.mark.parametrize("bad", [-1.0, math.inf, math.nan, 1e9])
def test_refuses_a_bad_multiplier(bad):
    with pytest.raises(ValueError, match="lmbda"):
        minimise_lagrangian(built_in["ramp"][0], bad)


@pytest.mark.parametrize(
    ("d", "message"),
    [
        (lambda p: p.sum(), "one value for each"),
        (lambda p: np.where(p < 0.5, np.nan, p), "finite"),
        (lambda p: 0 * p, "above 0"),
    ],
)
def test_refuses_a_bad_cell_distortion(d, message):
    with pytest.raises(ValueError, match=message):
        minimise_entropy(d, 0.1)


def test_refuses_unreachable_targets():
    d = built_in["ramp"][0]
    with pytest.raises(ValueError, match="more than 3 equal cells"):
        minimise_entropy(d, 0.01, max_cells=3)
    with pytest.raises(ValueError, match="more than 100000 equal cells"):
        minimise_entropy(d, 1e-9)
    with pytest.raises(ValueError, match="one-dimensional"):
        minimise_entropy_many(d, [[0.01]])
    with pytest.raises(ValueError, match="starts"):
        minimise_entropy(d, 0.05, starts=0, structured=False)
    with pytest.raises(TypeError, match="distortion"):
        minimise_entropy(d, "0.05")

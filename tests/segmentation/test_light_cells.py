"""Cells of tiny weight: in exact arithmetic no union of neighbours costs less, and the value is the least."""

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from contiguous import brownian, circle, directly, lopsided
from edcurve.segmentation import light_cells, segment
from edcurve.segmentation.prepared_curve import prepared
from hypothesis import given, settings
from hypothesis import strategies as st


def cells_of(result, closed):
    """The points of each cell, in order."""
    n, first = result.size, result.boundaries.tolist()
    ends = [*first[1:], first[0] + n if closed else n]
    return [[k % n for k in range(a, b)] for a, b in zip(first, ends, strict=True)]


def exact_sums(x, w, cells):
    """Mass and mean of each cell, as fractions."""
    total = sum(map(Fraction, w.tolist()))
    weight = [Fraction(value) / total for value in w.tolist()]
    rows = [[Fraction(value) for value in row] for row in x.reshape(len(x), -1).tolist()]
    sums = []
    for cell in cells:
        mass = sum(weight[k] for k in cell)
        columns = zip(*(rows[k] for k in cell), strict=True)
        sums.append((mass, [sum(weight[k] * v for k, v in zip(cell, c, strict=True)) / mass for c in columns]))
    return sums


def real(value):
    return mpmath.mpf(value.numerator) / value.denominator


def losses(x, w, lmbda, result, closed=False):
    """Extra cost of uniting each two neighbours, in bits, relative to their mass, to 50 digits.

    The squared errors are exact. Logarithms are those of exact masses.
    """
    sums = exact_sums(x, w, cells_of(result, closed))
    pairs = list(itertools.pairwise(sums))
    if closed and len(sums) > 2:
        pairs.append((sums[-1], sums[0]))
    with mpmath.workdps(50):
        result = []
        for (p, left), (q, right) in pairs:
            a = p / (p + q)
            error = Fraction(lmbda) * a * (1 - a) * sum((u - v) ** 2 for u, v in zip(left, right, strict=True))
            entropy = -sum(real(part) * mpmath.log(real(part), 2) for part in (a, 1 - a))
            result.append(real(error) - entropy)
        return result


def assert_no_union_is_as_good(x, w, lmbda, result, closed=False):
    assert all(loss > 0 for loss in losses(x, w, lmbda, result, closed))


def gaussian(n, end, begin=None):
    g = np.arange(n) - (n - 1) / 2
    g *= end / g[-1]
    return (g, np.exp(-g * g / 2)) if begin is None else (g[g >= begin], np.exp(-(g[g >= begin] ** 2) / 2))


def unrepaired(*arguments, **named):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(light_cells, "repaired", lambda curve, x, lmbda, boundaries, closed: boundaries)
        return segment(*arguments, **named)


def mirrored(result):
    """First points of the cells of the partition seen from the other end."""
    return result.size - np.append(result.boundaries[1:], result.size)[::-1]


def test_tails_of_a_fine_grid():
    """1169 cells, 1142 of them right of 0, where differences below the rounding of the total decide."""
    g = np.linspace(-8, 8, 100_001)
    w = np.exp(-g * g / 2)
    result = segment(g, 100.0, weights=w)
    assert result.cells == 53
    assert result.value <= 4.533505064435408  # the run of the 1169 cells
    # the lattice of cells may be shifted by a point at no cost above the rounding of the value
    assert np.abs(mirrored(result) - result.boundaries).max() <= 1
    assert result.probabilities == pytest.approx(result.probabilities[::-1], rel=1e-2, abs=0)
    assert_no_union_is_as_good(g, w, 100.0, result)


def test_tails_of_a_symmetric_grid():
    g, w = gaussian(100_000, 8)
    result = segment(g, 100.0, weights=w)
    assert result.cells == 53
    assert mirrored(result).tolist() == result.boundaries.tolist()


@pytest.mark.parametrize("lmbda", [0.5, 3.0, 30.0, 1000.0, 1e5])
@pytest.mark.parametrize("place", ["both", "right", "left", "middle", "beyond"])
def test_tiny_weights_anywhere(place, lmbda):
    g, w = gaussian(3001, 8)
    if place in ("right", "left"):
        g, w = gaussian(5001, 12, begin=-1.0)
    if place == "left":
        g, w = -g[::-1], w[::-1]
    if place == "middle":
        w = np.exp(g * g / 2 - 32)
    if place == "beyond":  # weights down to 1e-290
        g, w = gaussian(3001, 36)
    result, before = segment(g, lmbda, weights=w), unrepaired(g, lmbda, weights=w)
    assert result.value <= before.value * (1 + 4e-16)
    assert_no_union_is_as_good(g, w, lmbda, result)


@pytest.mark.parametrize("lmbda", [30.0, 3000.0])
@pytest.mark.parametrize("scale", [1e-4, 1e-17, 1e-200])
def test_a_run_of_light_cells_is_cut_as_it_is_alone(lmbda, scale):
    """At any scale and with any cut, the costs of its cells depend only on the run."""
    x, w = (
        np.sort(np.random.default_rng(3).normal(size=(300, 1)), axis=0),
        np.random.default_rng(4).dirichlet(np.ones(300)),
    )
    want = [0, *(1 + segment(x, lmbda, weights=w).boundaries), 301]
    points, weights = np.concatenate([[[-20.0]], x, [[20.0]]]), np.concatenate([[1.0], scale * w, [1.0]])
    for starts in ([0, 1, 301], range(302), [0, 1, 2, 77, 301]):
        result = light_cells.solved_again(points, weights / weights.sum(), lmbda * math.log(2), np.array(starts))
        assert result.tolist() == want


@pytest.mark.parametrize("lmbda", [1.0, 40.0, 2000.0])
@pytest.mark.parametrize("solve", [segment, directly])
def test_loops(solve, lmbda):
    """Tiny weights opposite the heaviest; the light part starts anywhere, also across the end of the points."""
    n = 300
    for kappa in (30.0, 300.0):
        for shift in (0, 77, 150):
            w = np.roll(np.exp(kappa * (np.cos(2 * math.pi * np.arange(n) / n) - 1)), shift)
            x = lopsided(n)
            named = {"closed": True} if solve is segment else {}
            result = solve(x, lmbda, weights=w, **named)
            assert_no_union_is_as_good(x, w, lmbda, result, closed=True)
            assert result.value <= unrepaired(x, lmbda, weights=w, closed=True).value * (1 + 1e-12)


def test_ties_go_to_fewer_cells():
    """Two equal masses at distance 1 cost 1 bit per mass more as two cells, and λ/4 less."""
    assert segment([0.0, 1.0], 4.0).cells == 1
    assert segment([0.0, 1.0], 4.0 * (1 + 1e-13)).cells == 2
    for scale in (1.0, 1e-20, 1e-200):
        curve = prepared(np.array([[-1.0], [0.0], [1.0], [2.0]]), np.array([1.0, scale, scale, 1.0]))
        for lmbda, edges in ((4.0, [0, 1, 3]), (4.0 * (1 + 1e-13), [0, 1, 2, 3])):
            nats = np.ldexp(lmbda * math.log(2), 2 * curve.exponent)
            doubtful = light_cells.mergeable(curve.x, curve.weight, nats, np.arange(4), closed=False)
            assert (2 in doubtful) == (edges == [0, 1, 3])
    for n in (2, 3, 50, 1000):
        x, w = np.arange(float(n)), np.ones(n)
        for lmbda in (4.0, 1.0):
            assert_no_union_is_as_good(x, w, lmbda, segment(x, lmbda))
            if n > 2:
                assert_no_union_is_as_good(x, w, lmbda, segment(x, lmbda, closed=True), closed=True)


def test_points_without_weight_change_nothing():
    g, w = gaussian(2001, 10)
    result = segment(g, 50.0, weights=w)
    rng = np.random.default_rng(5)
    kept = np.sort(rng.choice(5000, 2001, replace=False))
    x, weights = rng.normal(size=5000), np.zeros(5000)
    x[kept], weights[kept] = g, w
    spread = segment(x, 50.0, weights=weights)
    assert spread.value == result.value
    assert spread.boundaries[1:].tolist() == kept[result.boundaries[1:]].tolist()
    assert_no_union_is_as_good(x, weights, 50.0, spread)


@pytest.mark.parametrize("closed", [False, True])
def test_partitions_that_no_union_improves_stay_the_same(closed):
    for x in (brownian(300), circle(300), brownian(200, dim=1)):
        for lmbda in (0.5, 7.0, 300.0):
            result, before = (solve(x, lmbda, closed=closed) for solve in (segment, unrepaired))
            assert result.boundaries.tolist() == before.boundaries.tolist()
            assert result.value == before.value


@st.composite
def uneven(draw):
    n, dim = draw(st.integers(3, 9)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-2, 3, size=(n, dim)) * 1.0 if draw(st.booleans()) else rng.normal(size=(n, dim))
    w = 10.0 ** -rng.uniform(0, draw(st.sampled_from([1, 20, 40, 290])), n)
    if draw(st.booleans()):
        w = 2.0 ** -rng.integers(0, 2, n) * draw(st.sampled_from([1.0, 1e-30])) ** rng.integers(0, 2, n)
    w[rng.random(n) < draw(st.sampled_from([0.0, 0.3]))] = 0.0
    w[rng.integers(n)] = 1.0
    return x, w, draw(st.sampled_from([0.1, 1.0, 4.0, 8.0, 100.0, 1e6]))


def least_exactly(x, w, lmbda, closed):
    """The least value over all partitions, in bits, to 50 digits."""
    n, total, costs = len(w), sum(map(Fraction, w.tolist())), {}
    weight = [Fraction(value) / total for value in w.tolist()]
    rows = [[Fraction(value) for value in row] for row in x.tolist()]
    for first, length in itertools.product(range(n), range(1, n + 1)):
        cell = [(first + k) % n for k in range(length)]
        p = sum(weight[k] for k in cell)
        error = Fraction(0)
        for column in zip(*(rows[k] for k in cell), strict=True) if p else ():
            mean = sum(weight[k] * v for k, v in zip(cell, column, strict=True)) / p
            error += sum(weight[k] * (v - mean) ** 2 for k, v in zip(cell, column, strict=True))
        entropy = -real(p) * mpmath.log(real(p), 2) if p else 0
        costs[first, length] = entropy + real(Fraction(lmbda) * error)
    least = mpmath.inf
    for turn in range(n if closed else 1):
        value = [mpmath.mpf(0)]
        for j in range(1, n + 1):
            value.append(min(value[i] + costs[(turn + i) % n, j - i] for i in range(j)))
        least = min(least, value[n])
    return least


@given(uneven(), st.booleans())
@settings(deadline=None, max_examples=150, derandomize=True)
def test_against_all_partitions_in_exact_arithmetic(problem, closed):
    x, w, lmbda = problem
    result = segment(x, lmbda, weights=w, closed=closed)
    assert_no_union_is_as_good(x, w, lmbda, result, closed)
    with mpmath.workdps(50):
        least = float(least_exactly(x, w, lmbda, closed))
    assert result.value == pytest.approx(least, rel=1e-13, abs=1e-15)

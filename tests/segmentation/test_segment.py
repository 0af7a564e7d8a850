"""The best contiguous partition: against brute force, closed forms, published quantisers and itself."""

import itertools
import math
import threading

import numpy as np
import pytest
from edcurve import lagrangian
from edcurve.segmentation import Segmentation, closed_exact, closed_with_gap, open_curve, prepared_curve, segment
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import ndtr

NATS = {"base": math.e}
SETTINGS = settings(deadline=None, max_examples=60, derandomize=True)


def cost_table(x, w, lmbda):
    """Cost in nats of the cell of `length` points from `first`, going round: one row for each first point."""
    n = len(x)
    table = np.full((n, n + 1), np.inf)
    for length in range(1, n + 1):
        index = (np.arange(n)[:, None] + np.arange(length)) % n
        p = w[index].sum(axis=1)
        safe = np.where(p > 0, p, 1.0)
        mean = (w[index][..., None] * x[index]).sum(axis=1) / safe[:, None]
        error = (w[index] * ((x[index] - mean[:, None]) ** 2).sum(axis=2)).sum(axis=1)
        table[:, length] = -p * np.log(safe) + lmbda * error
    return table


def value_of(table, boundaries):
    n, ends = len(table), [*boundaries[1:], boundaries[0]]
    return math.fsum(table[a, (b - a - 1) % n + 1] for a, b in zip(boundaries, ends, strict=True))


def brute_force(table, closed):
    """The least value over all partitions, listed."""
    n = len(table)
    choices = itertools.product([False, True], repeat=n if closed else n - 1)
    cuts = (np.flatnonzero(chosen if closed else (True, *chosen)).tolist() for chosen in choices)
    return min(value_of(table, part) for part in cuts if part)


def all_cuts(table):
    """The same for a loop, by a plain dynamic programme from every cut."""
    n, best = len(table), math.inf
    for cut in range(n):
        least = np.zeros(n + 1)
        for j in range(1, n + 1):
            i = np.arange(j)
            least[j] = (least[:j] + table[(cut + i) % n, j - i]).min()
        best = min(best, least[n])
    return best


def circle(n):
    angle = 2 * math.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def lopsided(n):
    angle = 2 * math.pi * np.arange(n) / n
    return np.stack([np.cos(angle) + 0.3 * np.sin(2 * angle), 0.6 * np.sin(angle) + 0.2 * np.cos(3 * angle)], axis=1)


def arc(n):
    angle = np.linspace(0, 4, n)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def brownian(n, dim=2, seed=3):
    return np.cumsum(np.random.default_rng(seed).normal(size=(n, dim)), axis=0) / math.sqrt(n)


def noisy(n, seed=4):
    return circle(n) + 0.15 * np.random.default_rng(seed).normal(size=(n, 2))


CURVES = {"arc": arc, "circle": circle, "lopsided": lopsided, "brownian": brownian, "noisy": noisy}


def directly(*arguments, **named):
    """`segment` of a loop of any length without a table of its arcs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(closed_exact, "MOST_POINTS", 0)
        return segment(*arguments, closed=True, **named)


def from_table(*arguments, **named):
    return segment(*arguments, closed=True, **named)


def same(a, b):
    return all(np.array_equal(np.asarray(getattr(a, name)), np.asarray(getattr(b, name))) for name in FIELDS)


FIELDS = ("lmbda", "entropy", "distortion", "value", "gap", "boundaries", "centroids", "probabilities")


# --- brute force ----------------------------------------------------------------------------------------------------


@st.composite
def problems(draw, least=1, most=12):
    n, dim = draw(st.integers(least, most)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.normal(size=(n, dim)) if draw(st.booleans()) else rng.integers(-1, 2, size=(n, dim)).astype(float)
    if draw(st.booleans()):
        x = np.cumsum(x, axis=0)
    w = rng.dirichlet(np.full(n, draw(st.sampled_from([0.2, 1.0, 50.0]))))
    w[rng.random(n) < draw(st.sampled_from([0.0, 0.4]))] = 0.0
    if not w.any():
        w[rng.integers(n)] = 1.0
    return x, w, draw(st.sampled_from([0.0, 1e-3, 0.1, 0.7, 2.0, 5.0, 30.0, 1e3, 1e7]))


def check(found, table, w, lmbda, scale):
    """The fields describe the partition, whose value is as computed from the table."""
    assert np.diff(found.boundaries).min(initial=1) >= 1
    label = found.labels
    assert label.shape == w.shape
    probabilities = np.bincount(label, weights=w, minlength=found.cells)
    assert (found.probabilities > 0).all()
    assert found.probabilities == pytest.approx(probabilities / w.sum(), rel=1e-13, abs=0)
    assert found.probabilities.sum() == pytest.approx(1, rel=1e-14, abs=0)
    assert found.value == found.entropy + lmbda * found.distortion
    assert value_of(table, found.boundaries.tolist()) == pytest.approx(found.value, rel=1e-12, abs=scale)


@given(problems())
@SETTINGS
def test_open_against_all_partitions(problem):
    x, w, lmbda = problem
    found = segment(x, lmbda, weights=w, **NATS)
    table, scale = cost_table(x, w / w.sum(), lmbda), 1e-13 * (1 + lmbda * 1e-2)
    assert found.value == pytest.approx(brute_force(table, closed=False), rel=1e-12, abs=scale)
    assert found.gap == 0.0
    assert found.boundaries[0] == 0
    check(found, table, w, lmbda, scale)
    for cell, centroid in enumerate(found.centroids):
        own = found.labels == cell
        mean = (w[own, None] * x[own]).sum(axis=0) / w[own].sum()
        assert centroid == pytest.approx(mean, rel=1e-12, abs=1e-13)


@given(problems(least=3, most=11))
@SETTINGS
def test_closed_against_all_partitions(problem):
    x, w, lmbda = problem
    table, scale = cost_table(x, w / w.sum(), lmbda), 1e-13 * (1 + lmbda * 1e-2)
    least = brute_force(table, closed=True)
    for solve in (from_table, directly):
        found = solve(x, lmbda, weights=w, **NATS)
        assert found.value == pytest.approx(least, rel=1e-12, abs=scale)
        assert found.gap == 0.0
        check(found, table, w, lmbda, scale)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("lmbda", [0.3, 2.0, 20.0, 500.0, 1e5])
def test_bounds_leave_out_nothing_that_matters(curve, lmbda):
    """Every start of every cell the same, with and without them; several blocks, the last not full."""
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
        found = segment(x, lmbda, weights=w, **NATS)
        assert found.value == pytest.approx(least[n], rel=1e-13, abs=1e-14)


# --- loops ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("curve", ["circle", "lopsided", "noisy"])
@pytest.mark.parametrize("lmbda", [0.5, 1.7, 6.0, 60.0])
def test_closed_against_every_cut(curve, lmbda, monkeypatch):
    """Also without a table, and where the cells that are allowed are only known to the nearest group of points."""
    x, w = CURVES[curve](60), np.random.default_rng(8).dirichlet(np.full(60, 3.0))
    least = all_cuts(cost_table(x, w, lmbda))
    for groups, solve in ((4096, from_table), (4096, directly), (9, directly)):
        monkeypatch.setattr(closed_with_gap, "GROUPS", groups)
        found = solve(x, lmbda, weights=w, **NATS)
        assert found.gap == 0.0
        assert found.value == pytest.approx(least, rel=1e-12, abs=0)


@pytest.mark.parametrize("curve", ["walk", "outliers", "rough", "symmetric"])
def test_table_against_every_cut(curve):
    """Where the best two, two and a half or three cells to a turn compete, cuts tie, or points are all over."""
    rng = np.random.default_rng(20)
    for n in (7, 24, 45, 46):
        for lmbda in 10 ** rng.uniform(-0.3, 2, 5):
            x = circle(n)
            if curve == "outliers":
                x[rng.integers(n, size=4)] += 3.0
            if curve in ("rough", "walk"):
                x = rng.normal(size=(n, 3))
            if curve == "walk":
                x = np.cumsum(x - x.mean(axis=0), axis=0) / math.sqrt(n)
            w = np.full(n, 1 / n) if curve == "symmetric" else rng.dirichlet(np.full(n, 0.8))
            found = segment(x, lmbda, weights=w, closed=True, **NATS)
            assert found.gap == 0.0
            assert found.value == pytest.approx(all_cuts(cost_table(x, w, lmbda)), rel=1e-12, abs=0)


@pytest.mark.parametrize(("n", "dim"), [(3, 1), (2, 5), (20, 35), (140, 6), (129, 1)])
@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_table_of_arcs(n, dim, offset):
    """Against the sum over pairs at higher precision; several tiles, the last not full, and coordinates far from 0."""
    rng = np.random.default_rng(n)
    x = np.round(np.cumsum(rng.normal(size=(n, dim)), axis=0) * 2**20) / 2**20 + offset
    w = rng.dirichlet(np.full(n, 0.1)) + 1e-300
    found = closed_exact.arc_errors(x, w)
    y = x.astype(np.longdouble) - offset
    apart, pairs = ((y[:, None] - y) ** 2).sum(axis=2), np.outer(*[w.astype(np.longdouble)] * 2)
    for length in {1, min(n, 3), n // 2, n - 1, n}:
        index = (np.arange(n)[:, None] + np.arange(length)) % n
        within = index[:, :, None], index[:, None, :]
        want = (pairs[within] * apart[within]).sum(axis=(1, 2)) / (2 * w.astype(np.longdouble)[index].sum(axis=1))
        got = found[np.arange(n), (np.arange(n) + length - 1) % n]
        assert got == pytest.approx(want.astype(float), rel=1e-13, abs=0)


@pytest.mark.parametrize("dim", [1, 2, 3, 40, 100])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_table_or_not_is_the_same(dim, offset):
    rng = np.random.default_rng(dim)
    waves = np.exp(2j * math.pi * np.outer(np.arange(260), np.arange(1, 30)) / 260)
    amplitude = rng.normal(size=(29, dim)) + 1j * rng.normal(size=(29, dim))
    x = np.round((waves @ (amplitude / np.arange(1, 30)[:, None])).real / math.sqrt(dim) * 2**24) / 2**24 + offset
    w = rng.dirichlet(np.full(260, 2.0)) * (rng.random(260) > 0.2)
    for lmbda in (0.0, 1.0, 3.0, 30.0, 1000.0):
        found, want = (solve(x, lmbda, weights=w) for solve in (from_table, directly))
        assert found.value == pytest.approx(want.value, rel=1e-12, abs=0)
        assert found.gap == want.gap == 0.0
        assert found.boundaries.tolist() == want.boundaries.tolist()


def test_shortest_and_longest_loops_in_a_table():
    assert segment([0.0, 1.0, 5.0], 1.0, closed=True).boundaries.tolist() == [0, 2]
    assert segment([0.0, 1.0, 5.0], 1e3, closed=True).boundaries.tolist() == [0, 1, 2]
    assert segment([2.0, 2.0, 2.0], 1e3, closed=True).boundaries.tolist() == [0]
    assert segment([2.0, 3.0, 3.0], 1e3, closed=True).boundaries.tolist() == [0, 1]
    v = np.arange(2048) / 2048
    x = np.cos(2 * math.pi * v) + 0.3 * np.sin(4 * math.pi * v) + 0.1 * np.random.default_rng(21).normal(size=2048)
    found, want = (solve(x, 1e3) for solve in (from_table, directly))
    assert found.gap == 0.0
    assert want.value - want.gap - 1e-12 <= found.value <= want.value + 1e-12


@pytest.mark.parametrize("curve", ["circle", "lopsided", "noisy", "outliers", "rough"])
@pytest.mark.parametrize("cuts", [2, 4, 9])
def test_gap_holds_the_optimum(curve, cuts, monkeypatch):
    """Stopped after a few cuts, the optimum is between value − gap and value."""
    monkeypatch.setattr(closed_with_gap, "WORK", 0)
    monkeypatch.setattr(closed_with_gap, "FEWEST", cuts)
    rng = np.random.default_rng(cuts)
    for lmbda in 10 ** rng.uniform(-0.3, 2, 6):
        x = rng.normal(size=(45, 2)) if curve == "rough" else CURVES.get(curve, circle)(45)
        if curve == "outliers":
            x[rng.integers(45, size=4)] += 3.0
        w = rng.dirichlet(np.full(45, 0.8))
        found = directly(x, lmbda, weights=w, **NATS)
        least = all_cuts(cost_table(x, w, lmbda))
        assert found.value - found.gap - 1e-12 <= least <= found.value + 1e-12


def test_gap_where_the_optimum_is_known(monkeypatch):
    """Cells that divide the circle equally are optimal on the grid if they are on the continuous circle.

    With each point spread over its arc, D becomes 1 − (1 − D)φ, φ = sinc²(1/N), and any partition of the grid is one
    of the circle; so H + λφD ≥ L(λ) − λ(1 − φ), which K equal cells attain where K is optimal at λ and divides N.
    """
    monkeypatch.setattr(closed_with_gap, "WORK", 500_000)
    n = 2520
    phi = np.sinc(1 / n) ** 2
    for lmbda in (1.7, 2.5, 10.0):
        want = lagrangian("circle", lmbda, **NATS)
        assert n % want.cells == 0
        found = segment(circle(n), lmbda * phi, closed=True, **NATS)
        least = want.value - lmbda * (1 - phi)
        assert found.value - found.gap <= least + 1e-12
        assert found.value == pytest.approx(least, rel=1e-12, abs=0)
        assert 0 < found.gap < 1e-3
        assert found.cells == want.cells


def test_stretch_of_cuts_that_no_cell_covers():
    rng = np.random.default_rng(9)
    for _ in range(200):
        n = int(rng.integers(3, 12))
        reach = np.arange(n) + rng.integers(1, n, size=n)
        begin, end = closed_with_gap.window(reach)
        assert end - begin < n
        uncovered = []
        for i in range(n):
            inside = {k % n for k in range(i + 1, int(reach[i]))}
            uncovered.append(not {k % n for k in range(begin, end + 1)} <= inside)
        assert all(uncovered)


@pytest.mark.parametrize("seed", range(4))
def test_turning_a_loop_turns_the_partition(seed):
    rng = np.random.default_rng(seed)
    x, w = lopsided(150) + 0.01 * rng.normal(size=(150, 2)), rng.dirichlet(np.full(150, 5.0))
    shift = int(rng.integers(1, 150))
    found = segment(x, 20.0, weights=w, closed=True)
    turned = segment(np.roll(x, shift, axis=0), 20.0, weights=np.roll(w, shift), closed=True)
    assert turned.value == pytest.approx(found.value, rel=1e-13, abs=0)
    assert turned.boundaries.tolist() == sorted(((found.boundaries + shift) % 150).tolist())
    assert segment(x, 20.0, weights=w).value >= found.value * (1 - 1e-14)


# --- the built-in sources -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lmbda", [0.7, 1.9, 8.0, 40.0])
def test_circle_on_a_grid(lmbda):
    """As above for any N: never below the continuous circle, and above it by less than N⁻² or so."""
    want = lagrangian("circle", lmbda, **NATS).value
    for n in (100, 397):
        phi = np.sinc(1 / n) ** 2
        found = segment(circle(n), lmbda * phi, closed=True, **NATS)
        assert -1e-12 <= found.value + lmbda * (1 - phi) - want <= 2 * lmbda / n**2


@pytest.mark.parametrize("lmbda", [1.0, 20.0, 300.0, 5e4])
def test_uniform_scalar_on_a_grid(lmbda):
    """Points in the middle of bins, whose own distortion is 1/(12N²)."""
    want = lagrangian("uniform", lmbda, **NATS)
    n = 120 * want.cells
    found = segment((np.arange(n) + 0.5) / n, lmbda, **NATS)
    assert found.value + lmbda / (12 * n**2) == pytest.approx(want.value, rel=1e-12, abs=0)
    assert found.boundaries.tolist() == list(range(0, n, 120))
    assert found.centroids == pytest.approx((np.arange(found.cells) + 0.5) / found.cells, rel=1e-12, abs=0)
    off = segment((np.arange(n + 7) + 0.5) / (n + 7), lmbda, **NATS).value + lmbda / (12 * (n + 7) ** 2)
    assert -1e-12 <= off - want.value <= 2 * lmbda / n**2


@pytest.mark.parametrize("lmbda", [2.0, 30.0, 77.0, 150.0])
def test_sawbridge_as_vectors(lmbda):
    """‖x_i − x_j‖² = |i − j|/N; a cell of the continuous curve has 1/(6N²) more than its points."""
    n = 240
    x = np.tri(n) / math.sqrt(n)
    found, want = segment(x, lmbda, **NATS), lagrangian("sawbridge", lmbda, **NATS)
    value = found.value + lmbda * found.cells / (6 * n**2)
    assert -1e-12 <= value - want.value <= 2 * lmbda / n**2
    if n % want.cells == 0:
        assert value == pytest.approx(want.value, rel=1e-12, abs=0)


@pytest.mark.parametrize("lmbda", [10.0, 48 * math.log(2), 80.0])
def test_ramp_as_vectors(lmbda):
    """‖x_i − x_j‖² = u(1 − u) at u = |i − j|/N; between points that is lower by 1/(6N²), within them 1/(3N) more."""
    n = 120
    steps = (np.arange(n) + np.arange(n)[:, None]) % n
    found, want = segment(steps / n**1.5, lmbda, closed=True, **NATS), lagrangian("ramp", lmbda, **NATS)
    value = found.value + lmbda * (2 * found.cells - 1) / (12 * n**2)
    assert n % want.cells == 0
    assert found.cells == want.cells
    assert value == pytest.approx(want.value, rel=1e-12, abs=0)


# --- scalar quantisation --------------------------------------------------------------------------------------------


def binned(edges, cdf, first, second):
    """Masses and means of the bins between edges (the outer ones endless), and their own squared error."""
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
    """Its bins' own error added, no partition of bins is better; edges are off by half a bin, at second order."""
    edges = np.linspace(-24, 24, 4801)
    x, w, own = binned(edges, *(lambda x, i=i: laplace(x)[i] for i in range(3)))
    found, want = segment(x, lmbda, weights=w, **NATS), sullivan(lmbda)
    assert -1e-10 <= found.value + lmbda * own - want <= 5e-5


def normal(x):
    density = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    return ndtr(x), -density, ndtr(x) - np.where(np.isinf(x), 0.0, x) * density


def lloyd(lmbda, cells, steps=3000):
    """H + λD of a quantiser of the normal density in which thresholds and centroids are each the best for the other."""
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
    found = segment(x, lmbda, weights=w, **NATS)
    want = min(lloyd(lmbda, cells) for cells in range(1, found.cells + 3))
    assert found.value + lmbda * own == pytest.approx(want, abs=3e-5, rel=0)
    # the last cells of the infinite family have 1e-8 or less to them
    assert found.value + lmbda * own >= want - 1e-6


def test_gaussian_at_high_rate():
    """There D = 2^{2(h − H)}/12 (Gish and Pierce 1968): 1.53 dB or a quarter of a bit off the rate-distortion bound."""
    x = np.linspace(-6, 6, 24_001)
    found = segment(x, 2e3, weights=np.exp(-0.5 * x**2))
    assert found.entropy - 0.5 * math.log2(1 / found.distortion) == pytest.approx(0.2546, abs=1e-3)


# --- accuracy and invariance ----------------------------------------------------------------------------------------


def test_cells_of_few_points_are_accurate():
    """λ at which pairs and triples pay: their squared errors are 1e-11 of the curve's, and right to 1e-12 of that."""
    n, rng = 3000, np.random.default_rng(10)
    x = np.linspace(0, 1, n)[:, None] + 1e-5 * rng.normal(size=(n, 1))
    lmbda = 6e6
    found = segment(x, lmbda, **NATS)
    assert 1.5 < n / found.cells < 4
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
    assert found.value == pytest.approx(least[n], rel=1e-13, abs=0)


@pytest.mark.parametrize("closed", [False, True])
def test_translation_rotation_and_reversal(closed):
    rng = np.random.default_rng(11)
    x, w = lopsided(300) + 0.02 * rng.normal(size=(300, 2)), rng.dirichlet(np.full(300, 4.0))
    turn, _ = np.linalg.qr(rng.normal(size=(5, 2)))
    for lmbda in (2.0, 40.0):
        found = segment(x, lmbda, weights=w, closed=closed)
        # coordinates near 1e6 are given to 1e-10
        far = segment(x + 1e6, lmbda, weights=w, closed=closed)
        assert far.value == pytest.approx(found.value, rel=1e-8, abs=0)
        assert far.boundaries.tolist() == found.boundaries.tolist()
        turned = segment(x @ turn.T, lmbda, weights=w, closed=closed)
        assert turned.value == pytest.approx(found.value, rel=1e-13, abs=0)
        assert turned.boundaries.tolist() == found.boundaries.tolist()
        back = segment(x[::-1], lmbda, weights=w[::-1], closed=closed)
        assert back.value == pytest.approx(found.value, rel=1e-13, abs=0)
        ends = (300 - found.boundaries) % 300
        assert back.boundaries.tolist() == sorted(ends.tolist())
        scaled = segment(x * 2.0**-300, lmbda * 2.0**600, weights=w * 1e-200, closed=closed)
        assert scaled.value == pytest.approx(found.value, rel=1e-13, abs=0)


@pytest.mark.parametrize("closed", [False, True])
def test_a_point_given_twice_with_half_the_weight(closed):
    """No boundary between the two is better than both on either side: the value is the same."""
    rng = np.random.default_rng(12)
    x, w = brownian(80), rng.dirichlet(np.ones(80))
    twice, halves = np.repeat(x, 2, axis=0), np.repeat(w / 2, 2)
    for lmbda in (1.0, 10.0, 300.0):
        found, split = (segment(a, lmbda, weights=b, closed=closed) for a, b in ((x, w), (twice, halves)))
        assert split.value == pytest.approx(found.value, rel=1e-14, abs=0)
        assert split.boundaries.tolist() == (2 * found.boundaries).tolist()


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
    found = prepared_curve.rotated(wide)
    assert found.shape == (200, 64)
    pairs = [((x[:, None] - x) ** 2).sum(axis=2) for x in (found, few)]
    # coordinates near 1e3 / sqrt(500) or so are given to 1e-13
    assert (np.abs(pairs[0] - pairs[1]) <= 1e-12 * (1 + pairs[1])).all()


def test_points_that_do_not():
    """Noise in every direction, and steps that are small beside the whole: neither may lose anything."""
    rng = np.random.default_rng(23)
    noise = rng.normal(size=(200, 150))
    assert prepared_curve.rotated(noise) is noise
    steps = np.repeat(rng.normal(size=(2, 150)), 100, axis=0)
    steps += 1e-9 * rng.normal(size=(200, 150))
    assert prepared_curve.rotated(steps) is steps
    assert prepared_curve.rotated(noise.T[:, :150]).shape == (150, 150)


def test_the_value_is_concave_in_the_multiplier():
    """A minimum of lines, whose slope is the distortion."""
    lmbda = np.geomspace(0.1, 1e4, 60)
    found = segment(brownian(500), lmbda)
    assert (found.value[:, None] <= found.entropy + lmbda[:, None] * found.distortion + 1e-12).all()
    assert (np.diff(found.distortion) <= 1e-15).all()
    assert (np.diff(found.cells) >= 0).any()


# --- arguments and results ------------------------------------------------------------------------------------------


def test_what_comes_back():
    found = segment([0.0, 0.1, 5.0, 5.1], 10.0)
    assert (found.lmbda, found.base, found.cells, found.closed, found.size) == (10.0, 2, 2, False, 4)
    assert found.boundaries.tolist() == [0, 2]
    assert found.labels.tolist() == [0, 0, 1, 1]
    assert found.centroids == pytest.approx([0.05, 5.05], rel=1e-15, abs=0)
    assert found.probabilities.tolist() == [0.5, 0.5]
    assert found.entropy == 1.0
    assert found.distortion == pytest.approx(0.0025, rel=1e-13, abs=0)
    assert found.value == found.entropy + 10 * found.distortion
    assert all(type(getattr(found, name)) is float for name in ("lmbda", "entropy", "distortion", "value", "gap"))
    assert repr(found) == "<Segmentation of 4 points, open: λ = 10, 2 cells, value 1.025, gap 0>"
    wrapped = segment([0.0, 5.0, 5.1, 0.1], 10.0, closed=True)
    assert wrapped.boundaries.tolist() == [1, 3]
    assert wrapped.labels.tolist() == [1, 0, 0, 1]
    assert segment([0.0, 1.0, 2.0], 0.0, closed=True).boundaries.tolist() == [0]
    one = segment([[1.0, 2.0]], 3.0)
    assert (one.cells, one.value, one.entropy, one.centroids.tolist()) == (1, 0.0, 0.0, [[1.0, 2.0]])
    with pytest.raises(AttributeError):
        found.gap = 1.0


def test_points_of_no_weight():
    x, w = [9.0, 0.0, 7.0, 1.0, -3.0, 8.0], [0, 1, 0, 1, 0, 0]
    found = segment(x, 100.0, weights=w)
    assert found.boundaries.tolist() == [0, 3]
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.centroids.tolist() == [0.0, 1.0]
    loop_ = segment(x, 100.0, weights=w, closed=True)
    assert loop_.boundaries.tolist() == [1, 3]
    assert loop_.labels.tolist() == [1, 0, 0, 1, 1, 1]
    tiny = segment(x, 100.0, weights=[0, 1e-320, 0, 1.0, 0, 1e308])
    assert tiny.boundaries.tolist() == [0, 5]
    assert tiny.value == pytest.approx(1e-308 * math.log2(1e308), rel=1e-10, abs=0)


@pytest.mark.parametrize("closed", [False, True])
def test_array_of_multipliers_equals_scalars(closed):
    lmbda = np.array([30.0, 0.5, 2.0, 30.0, 0.0, 400.0])
    x = noisy(200)
    found = segment(x, lmbda, closed=closed)
    assert isinstance(found.boundaries, tuple)
    for i, one in enumerate(lmbda):
        single = segment(x, float(one), closed=closed)
        for name in ("lmbda", "entropy", "distortion", "value", "gap", "cells"):
            assert getattr(found, name)[i] == getattr(single, name)
        for name in ("boundaries", "centroids", "probabilities", "labels"):
            assert np.array_equal(getattr(found, name)[i], getattr(single, name))
    frame = found.to_pandas()
    assert list(frame) == ["lmbda", "cells", "entropy", "distortion", "value", "gap"]
    assert frame["lmbda"].tolist() == lmbda.tolist()
    assert frame.attrs == {"base": 2}
    assert len(segment(x, 1.0).to_pandas()) == 1
    assert repr(found).endswith(": 6 λ>")
    none = segment(x, [], closed=closed)
    assert (none.value.shape, none.boundaries, len(none.to_pandas())) == ((0,), (), 0)


def test_base_and_multiplier_go_together():
    x = brownian(150)
    bits, nats = segment(x, 10.0), segment(x, 10.0 * math.log(2), **NATS)
    assert bits.boundaries.tolist() == nats.boundaries.tolist()
    assert bits.value == pytest.approx(nats.value / math.log(2), rel=1e-14, abs=0)


def test_strides_types_and_the_callers_arrays():
    x, w = brownian(300, dim=3), np.random.default_rng(14).random(300)
    want = segment(x, 50.0, weights=w)
    wide = np.zeros((600, 6))
    wide[::2, ::2] = x
    weights = np.zeros(900)
    weights[::3] = w
    strided = segment(wide[::2, ::2], 50.0, weights=weights[::3])
    assert same(strided, want)
    assert same(segment(np.asfortranarray(x), np.float64(50), weights=w.tolist()), want)
    assert same(segment(x[::-1][::-1], np.array(50.0), weights=w), want)
    frozen, fixed = x.copy(), w.copy()
    frozen.flags.writeable = fixed.flags.writeable = False
    assert same(segment(frozen, 50, weights=fixed), want)
    assert np.array_equal(frozen, x)
    assert np.array_equal(fixed, w)
    whole = np.array([3, 1, 4, 1, 5, 9, 2, 6])
    assert same(segment(whole, 1.0), segment(whole.astype(float), 1.0))


@pytest.mark.parametrize("closed", [False, True])
def test_any_number_of_threads(closed, monkeypatch):
    x, lmbda = noisy(400), np.geomspace(0.5, 100, 5)
    monkeypatch.setattr(open_curve, "ALONE", 0)
    found = []
    for cores in (1, 2, 5):
        monkeypatch.setattr("edcurve.kernels.threads.cores", lambda cores=cores: cores)
        found.append(segment(x, lmbda, closed=closed))
    results = [None] * 3
    threads = [
        threading.Thread(target=lambda i=i: results.__setitem__(i, segment(x, lmbda, closed=closed))) for i in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in (*found[1:], *results):
        assert isinstance(other, Segmentation)
        assert other.to_pandas().equals(found[0].to_pandas())
        assert all(map(np.array_equal, other.boundaries, found[0].boundaries))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([], 1.0), ValueError, r"points must be of shape \(N,\) or \(N, dim\), with N and dim at least 1, got \(0,\)"),
        ((np.zeros((3, 0)), 1.0), ValueError, r"points must be of shape"),
        ((5.0, 1.0), ValueError, r"points must be of shape .* got \(\)"),
        ((np.zeros((2, 2, 2)), 1.0), ValueError, r"points must be of shape .* got \(2, 2, 2\)"),
        (([[1, 2], [3]], 1.0), ValueError, "points must be a rectangular array"),
        (([1, math.nan], 1.0), ValueError, "points must be finite and at most 1e.150 in size, got nan at index 1"),
        (([[1, 2], [3, -math.inf]], 1.0), ValueError, r"points must be finite .* got -inf at index \(1, 1\)"),
        (([1e151], 1.0), ValueError, "points must be finite and at most 1e.150 in size, got 1e.151 at index 0"),
        (([1j, 2], 1.0), TypeError, "points must be a real number or an array of them, got an array of dtype complex"),
        ((["a"], 1.0), TypeError, "points must be a real number or an array of them"),
        ((np.broadcast_to(0.0, 10**7 + 1), 1.0), ValueError, "points must be at most 10000000 and 100000000 numbers"),
        (
            (np.broadcast_to(0.0, (10**4, 10**5)), 1.0),
            ValueError,
            r"points must be at most .* got shape \(10000, 100000",
        ),
        (([1, 2], -1.0), ValueError, "lmbda must be at least 0 and finite, got -1.0"),
        (([1, 2], math.nan), ValueError, "lmbda must be at least 0 and finite, got nan"),
        (([1, 2], [1, math.inf]), ValueError, "lmbda must be at least 0 and finite, got inf at index 1"),
        (([1, 2], [[1.0]]), ValueError, r"lmbda must be a number or one-dimensional, got shape \(1, 1\)"),
        (
            ([1e100, 2], 1e200),
            ValueError,
            "lmbda must be at most 1e300 over the squared size of the points, got 1e.200",
        ),
        (([1, 2], "48"), TypeError, "lmbda must be a real number"),
    ],
)
def test_what_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        segment(*arguments)


@pytest.mark.parametrize(
    ("named", "error", "message"),
    [
        ({"weights": [1, 2]}, ValueError, r"weights must be of shape \(3,\), one for each point, got \(2,\)"),
        ({"weights": 1.0}, ValueError, r"weights must be of shape \(3,\), one for each point, got \(\)"),
        ({"weights": [1, -2, 3]}, ValueError, "weights must be at least 0 and finite, got -2.0 at index 1"),
        ({"weights": [1, math.nan, 3]}, ValueError, "weights must be at least 0 and finite, got nan at index 1"),
        ({"weights": [0, 0, 0]}, ValueError, "weights must not all be 0"),
        ({"weights": [1j, 0, 0]}, TypeError, "weights must be a real number"),
        ({"closed": 1}, TypeError, "closed must be True or False, got 1"),
        ({"base": 1}, ValueError, "base must be a finite number above 1"),
        ({"base": "2"}, TypeError, "base must be a number above 1"),
    ],
)
def test_what_is_refused_by_name(named, error, message):
    with pytest.raises(error, match=message):
        segment([1.0, 2.0, 3.0], 1.0, **named)


def test_a_loop_has_three_points():
    with pytest.raises(ValueError, match="points must be at least 3 if closed is True, got 2"):
        segment([1.0, 2.0], 1.0, closed=True)

"""Loops: against all partitions and every cut, with and without a table of arcs, and the gap of limited work."""

import math

import numpy as np
import pytest
from contiguous import (
    CURVES,
    NATS,
    SETTINGS,
    all_cuts,
    brute_force,
    check,
    circle,
    cost_table,
    directly,
    from_table,
    lopsided,
    problems,
)
from edcurve import lagrangian
from edcurve.segmentation import closed_exact, closed_with_gap, segment
from hypothesis import given


@given(problems(least=3, most=11))
@SETTINGS
def test_closed_against_all_partitions(problem):
    x, w, lmbda = problem
    table, scale = cost_table(x, w / w.sum(), lmbda), 1e-13 * (1 + lmbda * 1e-2)
    least = brute_force(table, closed=True)
    for solve in (from_table, directly):
        result = solve(x, lmbda, weights=w, **NATS)
        assert result.value == pytest.approx(least, rel=1e-12, abs=scale)
        assert result.gap == 0.0
        check(result, table, w, lmbda, scale)


@pytest.mark.parametrize("curve", ["circle", "lopsided", "noisy"])
@pytest.mark.parametrize("lmbda", [0.5, 1.7, 6.0, 60.0])
def test_closed_against_every_cut(curve, lmbda, monkeypatch):
    """Also without a table, and with allowed cells known only to the nearest group of points."""
    x, w = CURVES[curve](60), np.random.default_rng(8).dirichlet(np.full(60, 3.0))
    least = all_cuts(cost_table(x, w, lmbda))
    for groups, solve in ((4096, from_table), (4096, directly), (9, directly)):
        monkeypatch.setattr(closed_with_gap, "GROUPS", groups)
        result = solve(x, lmbda, weights=w, **NATS)
        assert result.gap == 0.0
        assert result.value == pytest.approx(least, rel=1e-12, abs=0)


@pytest.mark.parametrize("curve", ["walk", "outliers", "rough", "symmetric"])
def test_table_against_every_cut(curve):
    """Close competition of two, two and a half or three cells a turn, ties of cuts, and scattered points."""
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
            result = segment(x, lmbda, weights=w, closed=True, **NATS)
            assert result.gap == 0.0
            assert result.value == pytest.approx(all_cuts(cost_table(x, w, lmbda)), rel=1e-12, abs=0)


@pytest.mark.parametrize(("n", "dim"), [(3, 1), (2, 5), (20, 35), (140, 6), (129, 1)])
@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_table_of_arcs(n, dim, offset):
    """Against the sum over pairs at higher precision; several tiles, the last not full, and coordinates far from 0."""
    rng = np.random.default_rng(n)
    x = np.round(np.cumsum(rng.normal(size=(n, dim)), axis=0) * 2**20) / 2**20 + offset
    w = rng.dirichlet(np.full(n, 0.1)) + 1e-300
    errors = closed_exact.arc_errors(x, w)
    y = x.astype(np.longdouble) - offset
    apart, pairs = ((y[:, None] - y) ** 2).sum(axis=2), np.outer(*[w.astype(np.longdouble)] * 2)
    for length in {1, min(n, 3), n // 2, n - 1, n}:
        index = (np.arange(n)[:, None] + np.arange(length)) % n
        within = index[:, :, None], index[:, None, :]
        want = (pairs[within] * apart[within]).sum(axis=(1, 2)) / (2 * w.astype(np.longdouble)[index].sum(axis=1))
        got = errors[np.arange(n), (np.arange(n) + length - 1) % n]
        assert got == pytest.approx(want.astype(float), rel=1e-13, abs=0)


@pytest.mark.parametrize("dim", [1, 2, 3, 40, 100])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_results_are_the_same_without_a_table(dim, offset):
    rng = np.random.default_rng(dim)
    waves = np.exp(2j * math.pi * np.outer(np.arange(260), np.arange(1, 30)) / 260)
    amplitude = rng.normal(size=(29, dim)) + 1j * rng.normal(size=(29, dim))
    x = np.round((waves @ (amplitude / np.arange(1, 30)[:, None])).real / math.sqrt(dim) * 2**24) / 2**24 + offset
    w = rng.dirichlet(np.full(260, 2.0)) * (rng.random(260) > 0.2)
    for lmbda in (0.0, 1.0, 3.0, 30.0, 1000.0):
        result, want = (solve(x, lmbda, weights=w) for solve in (from_table, directly))
        assert result.value == pytest.approx(want.value, rel=1e-12, abs=0)
        assert result.gap == want.gap == 0.0
        assert result.boundaries.tolist() == want.boundaries.tolist()


def test_shortest_and_longest_loops_in_a_table():
    assert segment([0.0, 1.0, 5.0], 1.0, closed=True).boundaries.tolist() == [0, 2]
    assert segment([0.0, 1.0, 5.0], 1e3, closed=True).boundaries.tolist() == [0, 1, 2]
    assert segment([2.0, 2.0, 2.0], 1e3, closed=True).boundaries.tolist() == [0]
    assert segment([2.0, 3.0, 3.0], 1e3, closed=True).boundaries.tolist() == [0, 1]
    v = np.arange(2048) / 2048
    x = np.cos(2 * math.pi * v) + 0.3 * np.sin(4 * math.pi * v) + 0.1 * np.random.default_rng(21).normal(size=2048)
    result, want = (solve(x, 1e3) for solve in (from_table, directly))
    assert result.gap == 0.0
    assert want.value - want.gap - 1e-12 <= result.value <= want.value + 1e-12


@pytest.mark.parametrize("curve", ["circle", "lopsided", "noisy", "outliers", "rough"])
@pytest.mark.parametrize("cuts", [2, 4, 9])
def test_gap_holds_the_optimum(curve, cuts, monkeypatch):
    """After a few cuts, the optimum is between value − gap and value."""
    monkeypatch.setattr(closed_with_gap, "WORK", 0)
    monkeypatch.setattr(closed_with_gap, "FEWEST", cuts)
    rng = np.random.default_rng(cuts)
    for lmbda in 10 ** rng.uniform(-0.3, 2, 6):
        x = rng.normal(size=(45, 2)) if curve == "rough" else CURVES.get(curve, circle)(45)
        if curve == "outliers":
            x[rng.integers(45, size=4)] += 3.0
        w = rng.dirichlet(np.full(45, 0.8))
        result = directly(x, lmbda, weights=w, **NATS)
        least = all_cuts(cost_table(x, w, lmbda))
        assert result.value - result.gap - 1e-12 <= least <= result.value + 1e-12


def test_gap_where_the_optimum_is_known(monkeypatch):
    """Cells that divide the circle equally are optimal on the grid if they are so on the continuous circle.

    With each point spread over its arc, D becomes 1 − (1 − D)φ, φ = sinc²(1/N), and any partition of the grid is one
    of the circle; so H + λφD ≥ L(λ) − λ(1 − φ), which K equal cells attain where K is optimal at λ and divides N.
    """
    monkeypatch.setattr(closed_with_gap, "WORK", 500_000)
    n = 2520
    phi = np.sinc(1 / n) ** 2
    for lmbda in (1.7, 2.5, 10.0):
        want = lagrangian("circle", lmbda, **NATS)
        assert n % want.cells == 0
        result = segment(circle(n), lmbda * phi, closed=True, **NATS)
        least = want.value - lmbda * (1 - phi)
        assert result.value - result.gap <= least + 1e-12
        assert result.value == pytest.approx(least, rel=1e-12, abs=0)
        assert 0 < result.gap < 1e-3
        assert result.cells == want.cells


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
    result = segment(x, 20.0, weights=w, closed=True)
    shifted = segment(np.roll(x, shift, axis=0), 20.0, weights=np.roll(w, shift), closed=True)
    assert shifted.value == pytest.approx(result.value, rel=1e-13, abs=0)
    assert shifted.boundaries.tolist() == sorted(((result.boundaries + shift) % 150).tolist())
    assert segment(x, 20.0, weights=w).value >= result.value * (1 - 1e-14)

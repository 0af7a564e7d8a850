"""The relaxations against the core, closed forms and exhaustive search; optimality by its conditions."""

import ast
import math
import sys
from itertools import pairwise
from pathlib import Path

import cvxpy
import edcurve as ed
import numpy as np
import pytest
from edcurve import relaxation
from edcurve.relaxation import concave, measures
from edcurve.sources import resolve

geometric = ed.Source.from_spectrum(0.5 ** np.arange(1, 61), name="geometric")  # violates (★)
names = ["ramp", "circle", "sinusoid", "sawbridge", "uniform", "power:0.5", "power:1.5"]
shares = [1e-21, 1e-10, 1e-6, 1e-3, 0.02, 0.3, 0.5, 0.75, 0.9, 0.9999]  # D/D_max
few_cells = [0.1, 0.3, 0.5, 0.75522, 0.9999]


def of(name, share):
    source = resolve(name)
    return source, share * source.max_distortion


def total(source, count):
    """Distortion of `count` equal cells."""
    return count * source.cell_distortion(1.0 / count)


# the linear program over measures


@pytest.mark.parametrize("share", shares)
@pytest.mark.parametrize("name", [*names, geometric], ids=str)
def test_measure_lp_is_the_dual_bound(name, share):
    source, D = of(name, share)
    result = relaxation.measure_lp(source, D)
    # the least of HiGHS's tolerances is 1e-10; D_max rounded to double costs 1e-12 at 0.9999 D_max
    assert result.value == pytest.approx(ed.lower_bound(source, D), rel=1e-10, abs=0)
    assert result.status == "optimal"
    assert abs(result.gap) <= 1e-11


@pytest.mark.parametrize("share", shares)
@pytest.mark.parametrize("name", [*names, geometric], ids=str)
def test_measure_lp_meets_the_conditions_of_optimality(name, share):
    source, D = of(name, share)
    result = relaxation.measure_lp(source, D)
    p = np.union1d(np.geomspace(1e-8 * result.sizes.min(), 1.0, 5000), np.linspace(1e-3, 1.0, 1000))
    reduced = -p * np.log2(p) - result.mu * p + result.lmbda * source.cell_distortion(p)
    assert (reduced >= -1e-11 * p).all()  # dual feasible
    distortion = result.weights @ (source.cell_distortion(result.sizes) / result.sizes)
    assert result.weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert result.weights.min() > 0
    assert distortion <= D * (1 + 1e-10)  # primal feasible
    assert result.lmbda * (D - distortion) == pytest.approx(0.0, abs=1e-9)  # complementary
    at = result.sizes
    reduced = -np.log2(at) - result.mu + result.lmbda * source.cell_distortion(at) / at
    assert np.abs(reduced[result.weights > 1e-9]).max() <= 1e-10
    assert result.sizes.size <= 2


@pytest.mark.parametrize("count", [4, 5, 16, 1000])
@pytest.mark.parametrize("name", ["ramp", "circle", "uniform"])
def test_measure_lp_meets_e_at_equal_cells(name, count):
    source = resolve(name)
    result = relaxation.measure_lp(source, total(source, count))
    assert result.value == pytest.approx(math.log2(count), rel=1e-10)


def test_measure_lp_has_the_closed_form_of_theorem_4():
    for D in (1e-9, 1e-4, 0.01, 0.04):
        assert relaxation.measure_lp("ramp", D).value == pytest.approx(-math.log2(1 - math.sqrt(1 - 12 * D)), rel=1e-7)
    p = 0.284668137040838
    slope = -math.log2(p) / (1 / 12 - p * (2 - p) / 12)
    result = relaxation.measure_lp("ramp", 0.07)
    assert result.value == pytest.approx(slope * (1 / 12 - 0.07), rel=1e-10)
    assert result.lmbda == pytest.approx(slope, rel=1e-8)
    assert result.sizes == pytest.approx([p, 1.0], rel=1e-6)  # an envelope is flat in the size that attains it


@pytest.mark.parametrize("share", [1e-3, 0.2, 0.5, 0.7552236, 0.9])
def test_measure_lp_is_below_partitions_where_the_condition_fails(share):
    assert relaxation.measure_lp(geometric, share).value <= ed.upper_bound(geometric, share) + 1e-12


def test_measure_lp_is_zero_above_d_max():
    for D in (1 / 12, 0.1, 1e300):
        result = relaxation.measure_lp("ramp", D)
        assert (result.value, result.lmbda, result.mu) == (0.0, 0.0, 0.0)
        assert result.sizes.tolist() == result.weights.tolist() == [1.0]


def test_measure_lp_in_other_units():
    bits, nats = (relaxation.measure_lp("circle", 0.2, base=base) for base in (2, math.e))
    for field in ("value", "lmbda", "mu"):
        assert getattr(nats, field) == pytest.approx(getattr(bits, field) * math.log(2), rel=1e-12)


def test_measure_lp_is_as_accurate_as_the_function():
    """1 − sinc² cancels: at D = 1e-8, d(p)/p has errors of 1e-8, and so has the bound, whose slope λD is about 1."""
    rough = ed.Source(lambda p: p * (1 - np.sinc(p) ** 2), max_distortion=1.0, closed=True, name="rough")
    result = relaxation.measure_lp(rough, 1e-8)
    assert result.value == pytest.approx(ed.lower_bound("circle", 1e-8), abs=1e-7)
    assert abs(result.gap) <= 1e-8


def test_measure_lp_stopped_early_says_so(monkeypatch):
    monkeypatch.setattr(measures, "ROUNDS", 1)
    result = relaxation.measure_lp("ramp", 0.07)
    assert result.status == "iteration_limit"
    exact = ed.lower_bound("ramp", 0.07)
    assert result.value - result.gap <= exact <= result.value
    assert result.gap > 1e-9


# integer programs


@pytest.mark.parametrize("share", few_cells)
@pytest.mark.parametrize("name", ["ramp", "circle", "sawbridge", "uniform", "power:1.5", geometric], ids=str)
def test_integer_program_encloses_e(name, share):
    source, D = of(name, share)
    result = relaxation.integer_program(source, D, grid=60)
    exact = ed.upper_bound(source, D)
    # HiGHS accepts a violation of 1e-9 D, which is worth λD·1e-9 bits, and more just left of a D_K
    assert result.lower - 1e-7 <= exact <= result.entropy * (1 + 1e-9)
    assert result.entropy - exact <= result.error + 1e-7
    assert exact - result.lower <= 0.05
    assert result.error == pytest.approx(result.entropy - result.lower, abs=1e-15)
    assert result.status == "optimal"
    assert abs(result.gap) <= 1e-7


@pytest.mark.parametrize("share", few_cells)
def test_integer_program_returns_a_partition(share):
    source, D = of("circle", share)
    result = relaxation.integer_program(source, D, grid=60, base=math.e)
    parts = result.sizes * 60
    assert parts == pytest.approx(np.rint(parts), abs=1e-12)
    assert result.counts @ np.rint(parts).astype(int) == 60
    cells = np.repeat(result.sizes, result.counts)
    assert result.distortion == pytest.approx(source.cell_distortion(cells).sum(), rel=1e-14)
    assert result.distortion <= D * (1 + 2e-15)
    assert result.entropy == pytest.approx(-(cells * np.log(cells)).sum(), rel=1e-14)


def partitions(n, most):
    """All partitions of the integer n into parts of at most `most`."""
    if n == 0:
        yield []
    for first in range(min(n, most), 0, -1):
        for rest in partitions(n - first, first):
            yield [first, *rest]


@pytest.mark.parametrize("name", ["ramp", geometric], ids=str)
def test_integer_program_against_all_partitions_of_twenty_four(name):
    source = resolve(name)
    p = np.arange(1, 25) / 24
    d, h = source.cell_distortion(p), -p * np.log2(p)
    all_of_them = [np.array(parts) - 1 for parts in partitions(24, 24)]
    points = np.array([(d[parts].sum(), h[parts].sum()) for parts in all_of_them])
    for share in (0.15, 0.4, 0.7552236, 0.95):
        D = share * source.max_distortion
        result = relaxation.integer_program(source, D, grid=24)
        best = points[points[:, 0] <= D, 1].min()
        assert result.entropy == pytest.approx(best, rel=1e-12)
        assert result.bound == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("name", ["ramp", "circle", "sawbridge", "uniform"])
def test_integer_program_finds_equal_cells_exactly(name):
    source = resolve(name)
    for count in (2, 5, 12):
        result = relaxation.integer_program(source, total(source, count), grid=60)
        assert result.entropy == pytest.approx(math.log2(count), rel=1e-12)
        assert result.counts.sum() == count


def test_integer_program_does_not_use_the_tolerance_of_the_solver():
    """Four equal cells exceed D by 1e-10 of it, which HiGHS may let pass."""
    D = total(resolve("ramp"), 4) * (1 - 1e-10)
    result = relaxation.integer_program("ramp", D)
    assert result.distortion <= D
    assert result.entropy > 2.0 + 1e-9
    assert result.lower <= ed.entropy_distortion("ramp", D) <= result.entropy


def test_integer_program_shows_that_biuniform_cells_are_not_best():
    biuniform = 0.807795 / math.log(2)  # for c_k = 2^−k at this distortion
    result = relaxation.integer_program(geometric, 0.7552236)
    assert result.entropy < biuniform - 0.05
    assert result.lower == pytest.approx(0.746277 / math.log(2), abs=5e-4)


def test_integer_bound_converges_with_the_square_of_the_spacing():
    exact = ed.entropy_distortion("circle", 0.3)
    errors = [exact - relaxation.integer_program("circle", 0.3, grid=grid).lower for grid in (30, 60, 120)]
    assert all(error > 0 for error in errors)
    assert errors[2] < 1e-3
    assert errors[0] / errors[2] > 4


def test_integer_program_is_one_cell_above_d_max():
    result = relaxation.integer_program("ramp", 0.1)
    assert (result.entropy, result.bound, result.lower) == (0.0, 0.0, 0.0)
    assert (result.sizes.tolist(), result.counts.tolist()) == ([1.0], [1])


# the convex–concave procedure


@pytest.mark.parametrize(
    ("name", "share"),
    [
        *[(name, share) for name in ("ramp", "circle", "sawbridge", "uniform", "power:1.5") for share in few_cells],
        *[("power:0.5", share) for share in few_cells[1:]],  # 0.1 takes a hundred cells, and ten seconds
    ],
)
def test_convex_concave_finds_e(name, share):
    source, D = of(name, share)
    result = relaxation.convex_concave(source, D)
    exact = ed.entropy_distortion(source, D)
    # feasible to rounding, so above E but for D·2e-15, which is 2e-11 of D_max − D at 0.9999 D_max
    assert result.entropy >= exact * (1 - 1e-10)
    assert result.entropy <= exact + 1e-7
    assert result.status == "converged"


def test_convex_concave_is_below_biuniform_cells_where_the_condition_fails():
    result = relaxation.convex_concave(geometric, 0.7552236, base=math.e)
    assert result.cells == pytest.approx([0.744, 0.128, 0.128], abs=5e-4)
    assert result.entropy == pytest.approx(0.746277, abs=1e-6)
    assert result.entropy == pytest.approx(ed.upper_bound(geometric, 0.7552236, base=math.e), abs=1e-8)


@pytest.mark.parametrize("name", ["ramp", "circle", "power:0.5"])
def test_convex_concave_returns_a_partition(name):
    source, D = of(name, 0.4)
    result = relaxation.convex_concave(source, D, cells=14, starts=4)
    assert math.fsum(result.cells) == pytest.approx(1.0, abs=1e-15)
    assert result.cells.min() > 0
    assert result.cells.size < 14  # the others are empty
    assert (np.diff(result.cells) <= 0).all()
    assert math.fsum(source.cell_distortion(result.cells)) == result.distortion <= D * (1 + 3e-15)
    assert result.entropy == pytest.approx(-(result.cells * np.log2(result.cells)).sum(), rel=1e-14)


@pytest.mark.parametrize("spare", [0, 1])
@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("name", ["ramp", "circle"])
def test_convex_concave_with_only_equal_cells_feasible(name, count, spare):
    D = total(resolve(name), count)
    result = relaxation.convex_concave(name, D, cells=count + spare, starts=4)
    assert result.entropy == pytest.approx(math.log2(count), abs=1e-8)
    assert result.cells.size == count


def test_convex_concave_just_left_of_equal_cells():
    """E has slope −∞ there: a cell of 1e-7 is needed."""
    D = total(resolve("ramp"), 4) * (1 - 1e-6)
    result = relaxation.convex_concave("ramp", D, starts=4)
    assert result.entropy == pytest.approx(ed.entropy_distortion("ramp", D), abs=1e-8)
    assert result.cells.size == 5


def test_convex_concave_is_reproducible():
    one, same = (relaxation.convex_concave("circle", 0.4, starts=2, seed=3) for _ in range(2))
    assert one.entropy == same.entropy
    assert np.array_equal(one.cells, same.cells)


def test_convex_concave_is_one_cell_above_d_max():
    result = relaxation.convex_concave("ramp", 0.1)
    assert (result.entropy, result.cells.tolist(), result.status) == (0.0, [1.0], "converged")


def test_convex_concave_stopped_early_says_so(monkeypatch):
    monkeypatch.setattr(concave, "STEPS", 2)
    result = relaxation.convex_concave("ramp", 0.02, starts=2)
    assert result.status == "stopped"
    assert result.distortion <= 0.02 * (1 + 3e-15)
    assert result.entropy >= ed.entropy_distortion("ramp", 0.02)


def test_convex_concave_majorises_the_distortion():
    source = resolve("circle")
    curvature = concave._CurvatureBound(source.cell_distortion, 0.9)
    at, p = np.meshgrid(np.linspace(0.01, 0.9, 40), np.linspace(0.0, 0.9, 91))
    p = np.maximum(p, concave.SHRINK * at)
    tangent = source.cell_distortion(at) + concave.derivative(source.cell_distortion, at) * (p - at)
    bound = tangent + 0.5 * curvature.above(concave.SHRINK * at) * (p - at) ** 2
    assert (source.cell_distortion(p) <= bound + 1e-13).all()


@pytest.mark.parametrize("p", [1e-6, 0.1, 0.5, 0.9985, 1.0])
def test_derivative(p):
    exact = {"ramp": p * (4 - 3 * p) / 12, "uniform": p * p / 4, "power:0.5": math.sqrt(p) / 2.5}
    for name, value in exact.items():
        result = concave.derivative(resolve(name).cell_distortion, np.array([p]))
        assert result[0] == pytest.approx(value, rel=1e-9)


def test_convex_concave_compiles_one_program(monkeypatch):
    programs = counted(monkeypatch)
    relaxation.convex_concave("circle", 0.3, starts=3)
    assert len(programs) == 1
    assert programs[0].is_dcp(dpp=True)


# the sweep over λ


def counted(monkeypatch):
    programs = []

    class Counted(cvxpy.Problem):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            programs.append(self)

    monkeypatch.setattr(cvxpy, "Problem", Counted)
    return programs


def test_sweep_has_the_closed_form_of_the_sawbridge():
    """−ln p + λp/6 is least at p = 6/λ."""
    lmbda = np.concatenate([[0.0, 1.0, 6.0], np.geomspace(6.5, 1e9, 20)])
    result = relaxation.sweep("sawbridge", lmbda, base=math.e)
    p = np.minimum(1.0, 6.0 / np.maximum(lmbda, 1.0))
    assert result.value == pytest.approx(-np.log(p) + lmbda * p / 6, rel=1e-12, abs=1e-12)
    assert result.size == pytest.approx(p, rel=1e-6)  # the minimum is flat
    assert result.entropy == pytest.approx(-np.log(p), abs=1e-6)
    assert result.distortion == pytest.approx(p / 6, rel=1e-6)
    assert result.value == pytest.approx(result.entropy + lmbda * result.distortion, rel=1e-14)


def test_sweep_has_the_closed_form_of_the_uniform_scalar():
    """−ln p + λp²/12 is least at p = (6/λ)^½."""
    lmbda = np.geomspace(1.0, 1e9, 20)
    result = relaxation.sweep("uniform", lmbda, base=math.e)
    p = np.minimum(1.0, np.sqrt(6.0 / lmbda))
    assert result.value == pytest.approx(-np.log(p) + lmbda * p**2 / 12, rel=1e-12)
    assert result.size == pytest.approx(p, rel=1e-6)


@pytest.mark.parametrize("name", names)
def test_sweep_is_below_the_lagrangian(name):
    source = resolve(name)
    lmbda = np.concatenate([[0.0], np.geomspace(0.1, 1e5, 15)]) / source.max_distortion
    gap = ed.lagrangian(source, lmbda).value - relaxation.sweep(source, lmbda).value
    assert (gap >= -1e-12).all()
    assert gap.max() <= 0.1


def test_sweep_is_below_the_lagrangian_where_the_condition_fails():
    lmbda = np.array([0.5, 2.0, 3.7, 6.0])
    gap = ed.lagrangian(geometric, lmbda).value - relaxation.sweep(geometric, lmbda).value
    assert (gap >= -1e-12).all()


@pytest.mark.parametrize("count", [4, 5, 17, 1000])
def test_sweep_meets_the_lagrangian_at_equal_cells(count):
    """λφ′(p) = 1/p at p = 1/K: λ = 6K²/(K − 1) for the ramp, 6K for the sawbridge, 6K² for the uniform scalar."""
    for name, lmbda in (("ramp", 6 * count**2 / (count - 1)), ("sawbridge", 6 * count), ("uniform", 6 * count**2)):
        result = relaxation.sweep(name, lmbda, base=math.e)
        assert result.value == pytest.approx(ed.lagrangian(name, lmbda, base=math.e).value, rel=1e-13)
        assert result.size == pytest.approx(1 / count, rel=1e-6)


@pytest.mark.parametrize("name", ["ramp", "circle", geometric], ids=str)
def test_sweep_agrees_with_the_measure_lp(name):
    """At the λ of the linear program it is μ, and its concave conjugate is the program's value."""
    source, D = of(name, 0.2)
    program = relaxation.measure_lp(source, D)
    result = relaxation.sweep(source, program.lmbda)
    assert result.value == pytest.approx(program.mu, rel=1e-12)
    around = program.lmbda * np.linspace(0.8, 1.25, 9)
    assert (relaxation.sweep(source, around).value - around * D <= program.value + 1e-12).all()


def test_sweep_keeps_shapes_and_does_not_depend_on_order():
    lmbda = np.array([[300.0, 3.0, 0.0], [30.0, 3e4, 70.0]])
    original = lmbda.copy()
    result = relaxation.sweep("ramp", lmbda)
    assert np.array_equal(lmbda, original)
    for field in ("lmbda", "value", "entropy", "distortion", "size"):
        assert getattr(result, field).shape == (2, 3)
    single = np.array([relaxation.sweep("ramp", value).value for value in lmbda.ravel().tolist()])
    assert result.value.ravel() == pytest.approx(single, rel=1e-14)
    assert isinstance(relaxation.sweep("ramp", 3.0).value, float)
    assert relaxation.sweep("ramp", np.zeros((0, 2))).value.shape == (0, 2)


def test_sweep_is_one_program(monkeypatch):
    programs = counted(monkeypatch)
    relaxation.sweep("circle", np.geomspace(1.0, 100.0, 5))
    assert len(programs) == 1
    assert programs[0].is_dcp(dpp=True)


# all of them


def test_answers_are_in_order():
    """Measures, all partitions, E, and the returned partitions: each bounds the next."""
    for name, share in (("ramp", 0.45), ("circle", 0.6), (geometric, 0.6)):
        source, D = of(name, share)
        integer, local = relaxation.integer_program(source, D, grid=80), relaxation.convex_concave(source, D, starts=8)
        exact = ed.upper_bound(source, D)
        order = [relaxation.measure_lp(source, D).value, integer.lower, exact, integer.entropy]
        assert all(low <= high + 1e-7 for low, high in pairwise(order))
        assert local.entropy == pytest.approx(exact, abs=1e-7)
        assert local.entropy <= integer.entropy + 1e-7


bad_distortion = [
    (0.0, ValueError, "distortion must be above 0 and finite, got 0.0"),
    (-1, ValueError, "distortion must be above 0 and finite, got -1"),
    (math.inf, ValueError, "distortion must be above 0 and finite, got inf"),
    (math.nan, ValueError, "distortion must not be NaN"),
    ("0.1", TypeError, "distortion must be a real number"),
    (np.array([0.1, 0.2]), TypeError, "distortion must be a real number"),
]


@pytest.mark.parametrize("function", [relaxation.measure_lp, relaxation.integer_program, relaxation.convex_concave])
def test_bad_arguments_of_all(function):
    for value, error, message in bad_distortion:
        with pytest.raises(error, match=message):
            function("ramp", value)
    with pytest.raises(ValueError, match=r"source must be a Source or one of ramp, .*, got 'rump'"):
        function("rump", 0.1)
    with pytest.raises(TypeError, match="source must be a Source or a name, got 3"):
        function(3, 0.1)
    with pytest.raises(ValueError, match="base must be a finite number above 1"):
        function("ramp", 0.1, base=1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"grid": 0}, ValueError, "grid must be at least 1, got 0"),
        ({"grid": 60.0}, TypeError, "grid must be an integer"),
        ({"grid": 16}, ValueError, "grid must be at least 17 to reach a distortion of 0.01, got 16"),
        ({"time_limit": 0.0}, ValueError, "time_limit must be above 0 and finite, got 0.0"),
        ({"time_limit": "1"}, TypeError, "time_limit must be a real number"),
    ],
)
def test_bad_arguments_of_integer_program(options, error, message):
    with pytest.raises(error, match=message):
        relaxation.integer_program("ramp", 0.01, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"cells": 16}, ValueError, "cells must be from 17 to 200 for a distortion of 0.01, got 16"),
        ({"cells": 201}, ValueError, "cells must be from 17 to 200 for a distortion of 0.01, got 201"),
        ({"cells": 17.0}, TypeError, "cells must be an integer"),
        ({"starts": 0}, ValueError, "starts must be at least 1, got 0"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
    ],
)
def test_bad_arguments_of_convex_concave(options, error, message):
    with pytest.raises(error, match=message):
        relaxation.convex_concave("ramp", 0.01, **options)
    with pytest.raises(ValueError, match="distortion must be one that 200 equal cells reach, got 1e-06"):
        relaxation.convex_concave("ramp", 1e-6)


def test_bad_arguments_of_sweep():
    for value in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="lmbda must be at least 0 and finite"):
            relaxation.sweep("ramp", [1.0, value])
    with pytest.raises(TypeError, match="lmbda must be a real number or an array of them"):
        relaxation.sweep("ramp", "1")


def test_cells_too_small_for_doubles():
    with pytest.raises(ValueError, match="distortion must be larger, got 1e-40"):
        relaxation.measure_lp("power:0.1", 1e-40)
    with pytest.raises(ValueError, match=r"lmbda must be smaller, got 6.93147e\+14 nats"):
        relaxation.sweep("power:0.1", 1e15)


def test_a_solver_that_fails_is_named(monkeypatch):
    def fails(self, *arguments, **options):
        raise cvxpy.error.SolverError("numerical trouble")

    monkeypatch.setattr(cvxpy.Problem, "solve", fails)
    for function, solver in (("measure_lp", "HIGHS"), ("integer_program", "HIGHS"), ("convex_concave", "CLARABEL")):
        with pytest.raises(RuntimeError, match=f"{solver} failed: numerical trouble"):
            getattr(relaxation, function)("ramp", 0.02)
    with pytest.raises(RuntimeError, match="HIGHS failed"):
        relaxation.sweep("ramp", 1.0)


def test_an_unaccepted_status_is_named(monkeypatch):
    monkeypatch.setattr(cvxpy.Problem, "solve", lambda self, **options: None)
    monkeypatch.setattr(cvxpy.Problem, "status", "infeasible")
    with pytest.raises(RuntimeError, match="HIGHS ended with status 'infeasible', not 'optimal'"):
        relaxation.measure_lp("ramp", 0.02)


def test_no_partition_in_time():
    with pytest.raises(RuntimeError, match="HIGHS ended with status 'user_limit' and no partition"):
        relaxation.integer_program("ramp", 0.02, grid=240, time_limit=1e-9)


def test_without_cvxpy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    with pytest.raises(ImportError, match=r"pip install 'edcurve\[relaxation\]'"):
        relaxation.measure_lp("ramp", 0.02)


def test_no_code_is_shared_with_the_core():
    """Relaxations import only sources, validation of arguments, and equality of results from the package."""
    imported = set()
    for file in Path(relaxation.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.level == 1, ast.unparse(node)
            elif isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "edcurve":
                imported |= {node.module} if "." in node.module else {f"edcurve.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                assert "edcurve" not in ast.unparse(node)
    assert imported == {"edcurve.equality", "edcurve.sources", "edcurve.validation"}

"""The peers of the benchmark solve the problem that they are timed on; none is below E(D)."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import oracle
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from peers import bisection, scaling, scip_peer, scipy_peers
from peers.contenders import QUICK, contenders
from peers.problem import CELL_DISTORTIONS, Answer, Problem, best_feasible, entropy_of, judge
from peers.timing import fastest

SOURCES = sorted(CELL_DISTORTIONS)


def optimum(problem):
    """Return the optimal sizes, with an empty cell to make up the number."""
    K, odd = oracle.partition(problem.source, problem.distortion)
    return np.array([float((1 - odd) / K)] * K + [float(odd), 0.0])


@pytest.mark.parametrize("source", SOURCES)
def test_cell_distortion_against_the_oracle(source):
    sizes = np.array([0.03, 0.2, 0.7, 1.0])
    wanted = [float(oracle.cell_distortion(source)(p)) for p in sizes]
    # 1 − sinc² cancels three digits at 0.03
    np.testing.assert_allclose(CELL_DISTORTIONS[source].value(sizes), wanted, rtol=1e-12)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("function", "derivative"), [("value", "slope"), ("slope", "curvature")])
def test_derivatives_against_differences(source, function, derivative):
    d, sizes, step = CELL_DISTORTIONS[source], np.array([0.05, 0.2, 0.7]), 1e-5
    rise = getattr(d, function)(sizes + step) - getattr(d, function)(sizes - step)
    # the differences have errors of step² and 1e-16/step
    np.testing.assert_allclose(getattr(d, derivative)(sizes), rise / (2 * step), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("source", SOURCES)
def test_bisection_against_the_oracle(source):
    share = np.append(10.0 ** np.random.default_rng(5).uniform(-6, -0.01, 30), [0.3, 0.9])
    D = float(oracle.max_distortion(source)) * share
    wanted = [float(oracle.entropy(source, x)) for x in D.tolist()]
    np.testing.assert_allclose(bisection.entropy_distortion(source, D), wanted, rtol=1e-9)


def test_bisection_takes_one_number():
    assert bisection.entropy_distortion("ramp", 0.01).shape == ()


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("equal", [3, 4, 5])
def test_slsqp_finds_the_optimum_and_nothing_below(source, equal):
    problem = Problem(source, equal)
    verdict = judge(problem, scipy_peers.slsqp(problem, starts=4, seed=1), 1e-9)
    assert verdict["relative_error"] < 1e-6
    assert not verdict["below_optimum"]


@pytest.mark.parametrize("source", SOURCES)
def test_trust_constr_finds_the_optimum_and_nothing_below(source):
    problem = Problem(source, 3)
    verdict = judge(problem, scipy_peers.trust_constr(problem, starts=3, seed=1), 1e-9)
    assert verdict["relative_error"] < 1e-6
    assert not verdict["below_optimum"]


@pytest.mark.parametrize("name", ["core, one point", "core, array", "bisection, array", "edcurve.search"])
@pytest.mark.parametrize("source", SOURCES)
def test_contenders_answer_the_same_question(source, name):
    contender = next(c for c in contenders(QUICK) if c.name == name)
    problem = Problem(source, 4)
    verdict = judge(problem, contender.solve(problem), contender.tolerance)
    assert verdict["relative_error"] < contender.tolerance
    assert not verdict["below_optimum"]


@pytest.mark.parametrize("source", SOURCES)
def test_optimum_is_judged_exact(source):
    problem = Problem(source, 4)
    sizes = optimum(problem)
    verdict = judge(problem, Answer(entropy_of(sizes), sizes), 1e-9)
    assert verdict["relative_error"] < 1e-12  # from rounding the odd size, and from making the sizes feasible
    assert not verdict["below_optimum"]


def test_excess_distortion_is_repaired_and_is_no_better_optimum():
    problem = Problem("ramp", 4)
    sizes = optimum(Problem("ramp", 3))
    verdict = judge(problem, Answer(entropy_of(sizes), sizes), 1e-9)
    assert verdict["violation"] > 0.1
    assert not verdict["below_optimum"]
    assert entropy_of(sizes) < problem.entropy < best_feasible(problem, np.append(sizes, 0.01))


def test_contradictions_are_detected():
    problem = Problem("circle", 3)
    assert judge(problem, Answer(problem.entropy * 0.999), 1e-9)["below_optimum"]
    assert not judge(problem, Answer(problem.entropy * 0.999), 1e-2)["below_optimum"]
    assert judge(problem, Answer(2.0, bound=problem.entropy * 1.001), 1e-6)["bound_above_optimum"]
    assert not judge(problem, Answer(2.0, bound=problem.entropy), 1e-6)["bound_above_optimum"]


@pytest.mark.parametrize("source", SOURCES)
def test_feasible_partition_stays_and_starts_are_feasible(source):
    problem = Problem(source, 5)
    p = problem.start(np.random.default_rng(2))
    assert p.size == problem.cells
    assert p.sum() == pytest.approx(1.0, rel=1e-15)
    assert problem.total(p) <= problem.distortion
    np.testing.assert_allclose(problem.feasible(p), p, rtol=1e-13)  # a sum of 1 + 2e-16 may be scaled again


def test_too_few_cells_cannot_be_made_feasible():
    assert np.isnan(Problem("ramp", 5).feasible(np.full(4, 0.25))).all()


@pytest.mark.parametrize("source", SOURCES)
def test_powers_are_the_cell_distortion(source):
    sizes = np.array([0.1, 0.4, 0.7])
    terms = scip_peer._powers(source, 0.7, 1e-12)
    total = sum(c * sizes**k for k, c in terms)
    np.testing.assert_allclose(total, CELL_DISTORTIONS[source].value(sizes), rtol=1e-9)


def test_a_crashed_process_is_a_status():
    assert scip_peer._answer("", "free(): invalid pointer", -6).status == "crashed (exit -6)"
    assert scip_peer._answer("", "ModuleNotFoundError: No module named 'pyscipopt'", 1).status == "not installed"
    result = {"sizes": None, "status": "timelimit", "bound": 0.5, "seconds": 3.0, "nodes": 7, "primal": math.inf}
    answer = scip_peer._answer("a line of the solver\n" + json.dumps(result), "", 0)
    assert (answer.status, answer.bound) == ("timelimit, no solution", 0.5)


def test_rows_of_the_scaling_table_carry_their_error():
    row = scaling._row("distortion", "ramp", "core", np.array([1e-9, 1e-9]), QUICK)
    assert row["points"] == 2
    assert row["relative_error"] < 1e-12


def test_fastest_returns_the_result():
    assert fastest(lambda: 7, patience=0.01)[0] == 7

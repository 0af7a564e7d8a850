"""SciPy's constrained optimisers on the sizes, from many random starts, with exact derivatives."""

import warnings
from collections.abc import Callable

import numpy as np
from scipy import optimize

from .problem import Answer, Floats, Problem, best_feasible, entropy_of

SMALLEST = 1e-12  # −p ln p has no derivative at 0


def _gradient(p: Floats) -> Floats:
    return -np.log(p) - 1.0


def slsqp(problem: Problem, starts: int, seed: int) -> Answer:
    """Sequential least squares quadratic programming."""
    constraints = [
        {"type": "eq", "fun": lambda p: p.sum() - 1.0, "jac": np.ones_like},
        {
            "type": "ineq",
            "fun": lambda p: 1.0 - problem.total(p) / problem.distortion,
            "jac": lambda p: -problem.d.slope(p) / problem.distortion,
        },
    ]
    options = {"ftol": 1e-13, "maxiter": 300}

    def descend(start: Floats) -> Floats:
        keywords = {"jac": _gradient, "bounds": optimize.Bounds(SMALLEST, 1.0), "constraints": constraints}
        with warnings.catch_warnings():
            # SciPy before 1.16 warns of rounding errors of a step
            warnings.filterwarnings("ignore", "Values in x were outside bounds", RuntimeWarning)
            return optimize.minimize(entropy_of, start, method="SLSQP", options=options, **keywords).x

    return _best(problem, descend, starts, seed)


def trust_constr(problem: Problem, starts: int, seed: int) -> Answer:
    """Trust-region interior point method."""
    D = problem.distortion
    constraints = [
        optimize.LinearConstraint(np.ones((1, problem.cells)), 1.0, 1.0),
        optimize.NonlinearConstraint(
            lambda p: problem.total(p) / D,
            -np.inf,
            1.0,
            jac=lambda p: problem.d.slope(p)[None, :] / D,
            hess=lambda p, v: np.diag(v[0] * problem.d.curvature(p)) / D,
        ),
    ]
    options = {"gtol": 1e-15, "xtol": 1e-14, "barrier_tol": 1e-12, "maxiter": 500}

    def descend(start: Floats) -> Floats:
        return optimize.minimize(
            entropy_of,
            start,
            jac=_gradient,
            hess=lambda p: np.diag(-1.0 / p),
            method="trust-constr",
            bounds=optimize.Bounds(SMALLEST, 1.0, keep_feasible=True),
            constraints=constraints,
            options=options,
        ).x

    return _best(problem, descend, starts, seed)


def _best(problem: Problem, descend: Callable[[Floats], Floats], starts: int, seed: int) -> Answer:
    """The start whose result, made feasible, has the least entropy."""
    rng = np.random.default_rng(seed)
    ends = [np.clip(descend(np.maximum(problem.start(rng), SMALLEST)), SMALLEST, 1.0) for _ in range(starts)]
    values = np.array([best_feasible(problem, p) for p in ends])
    if np.isnan(values).all():
        return Answer(np.nan, status="no start ended feasible")
    agreeing = int((values <= np.nanmin(values) * (1.0 + 1e-6)).sum())
    best = ends[int(np.nanargmin(values))]
    return Answer(entropy_of(best), best, f"best of {starts}, {agreeing} agree")

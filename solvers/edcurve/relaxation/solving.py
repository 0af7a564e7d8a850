"""Solving a program with cvxpy, and functions of cell sizes that all programs share."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CellDistortion = Callable[[Array], Any]

# absolute tolerances of HiGHS on scaled rows and reduced costs: the smallest that it accepts
EXACT: dict[str, Any] = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
ROUNDING = 2e-15  # a partition meets D if its distortion, as evaluated, is at most D (1 + ROUNDING)
TINIEST = 1e-100  # smallest cell: d(p), up to cubic in p, would underflow below it


def cvxpy() -> Any:
    """Import cvxpy, an optional dependency, when a program is first made: this takes a second or two."""
    try:
        return importlib.import_module("cvxpy")
    except ModuleNotFoundError as error:
        if error.name != "cvxpy":
            raise
        raise ImportError("edcurve.relaxation needs cvxpy: pip install 'edcurve[relaxation]'") from error


def solve(problem: Any, solver: str, *, accepted: tuple[str, ...] = ("optimal",), **options: Any) -> str:
    """Solve a program and return its status; a RuntimeError names the solver and a status that is not accepted.

    cvxpy also warns of a status such as "user_limit". This warning is suppressed, as the caller gets the status.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Solution may be inaccurate", category=UserWarning)
        try:
            problem.solve(solver=solver, **options)
        except cvxpy().error.SolverError as error:
            raise RuntimeError(f"{solver} failed: {error}") from error
    if problem.status not in accepted:
        raise RuntimeError(f"{solver} ended with status {problem.status!r}, not {' or '.join(map(repr, accepted))}")
    return str(problem.status)


def mean_distortion(d: CellDistortion, p: Array) -> Array:
    """Mean squared error φ(p) = d(p)/p within a cell of size p."""
    return np.asarray(d(p) / p)


def self_information(p: Array) -> Array:
    """Entropy h(p) = −p ln p of a cell, and 0 at 0."""
    return np.asarray(-p * np.log(np.where(p > 0.0, p, 1.0)))


def attained(d: CellDistortion, D: float, size: float = 1.0) -> float:
    """Find a size p with φ(p) ≤ D: φ(p) = D to rounding, unless p = 1. `size` is the unit of D, for the message."""

    def met(p: float) -> bool:
        return float(mean_distortion(d, np.array([p]))[0]) <= D

    low, high = 1.0, 1.0
    while not met(low):
        low, high = 0.5 * low, low
        if low < TINIEST:
            raise ValueError(f"distortion must be larger, got {D * size!r}: its cells would be smaller than {TINIEST}")
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if met(middle) else (low, middle)
    return low

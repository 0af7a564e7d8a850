"""SCIP: the same problem to global optimality, or to the gap at its time limit."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import brentq

from .problem import Answer, Problem

PATIENCE = 15.0  # seconds beyond the limit for start, presolve and the end of a node
SERIES = 1e-11  # relative error of the power series of the circle


def scip(problem: Problem, limit: float) -> Answer:
    """Run the model in a process; a crash is a status."""
    largest = brentq(
        lambda p: problem.total(np.array([p])) - problem.distortion, 1e-6, 1.0
    )  # a single cell of this size has distortion D
    terms = _powers(problem.source, largest, SERIES * problem.distortion)
    K = problem.equal
    powers = [(k, c * K / problem.distortion / float(K) ** k) for k, c in terms]
    task = {"powers": powers, "scale": K, "cells": problem.cells, "largest": largest, "limit": limit}
    command = [sys.executable, str(Path(__file__).with_name("scip_model.py"))]
    try:
        ended = subprocess.run(
            command, input=json.dumps(task), capture_output=True, text=True, timeout=limit + PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return Answer(math.nan, status="killed: did not heed its time limit")
    return _answer(ended.stdout, ended.stderr, ended.returncode)


def _answer(output: str, errors: str, code: int) -> Answer:
    if "No module named 'pyscipopt'" in errors:
        return Answer(math.nan, status="not installed")
    try:
        answer = json.loads(output.splitlines()[-1])
    except (IndexError, ValueError):
        return Answer(math.nan, status=f"crashed (exit {code})")
    if answer["sizes"] is None:
        return Answer(math.nan, None, f"{answer['status']}, no solution", answer["bound"], answer["seconds"])
    sizes = np.array(answer["sizes"])
    status = f"{answer['status']}, {answer['nodes']} nodes"
    return Answer(answer["primal"], sizes, status, answer["bound"], answer["seconds"])


def _powers(source: str, largest: float, error: float) -> list[tuple[int, float]]:
    """(k, c) with d(p) = Σ c p^k, for the circle to `error` at sizes up to `largest`.

    SCIP bounds powers well and quotients of sines badly: with the latter it stopped at 4 cells.
    """
    if source != "circle":
        return {
            "ramp": [(2, 1.0 / 6.0), (3, -1.0 / 12.0)],
            "sawbridge": [(2, 1.0 / 6.0)],
            "uniform": [(3, 1.0 / 12.0)],
        }[source]
    terms = []
    for n in range(1, 60):
        c = -((-1) ** n) * 2.0 * (2.0 * math.pi) ** (2 * n) / math.factorial(2 * n + 2)
        if abs(c) * largest ** (2 * n + 1) < error:
            return terms
        terms.append((2 * n + 1, c))
    raise ArithmeticError(f"the series of the circle does not reach {error:.1e}")

"""Warnings point at the line of the caller."""

import ast
import importlib.util
import inspect
import warnings
from pathlib import Path

import edcurve as ed
import numpy as np
import pytest


@pytest.fixture(scope="module")
def naive():
    """A source whose d cancels for small p."""
    return ed.Source(lambda p: p * (1 - np.sinc(p) ** 2), max_distortion=1.0, closed=True, name="naive")


CALLS = {
    "entropy_distortion": lambda source: ed.entropy_distortion(source, 1e-12),
    "an array": lambda source: ed.entropy_distortion(source, np.array([0.1, 1e-12])),
    "upper_bound": lambda source: ed.upper_bound(source, 1e-12),
    "excess": lambda source: ed.excess(source, 1e-12, 30.0),
    "curve": lambda source: ed.curve(source, [1e-12, 0.1]),
    "plot_gap": lambda source: ed.plot_gap(source, (1e-12, 30.0)),
    "report": lambda source: ed.report(source, (1e-12, 30.0), shannon=False),
    "measure": lambda _: ed.measure([1, 2, 3], [0.1, 0.2, 0.3]),
    "segment": lambda _: ed.segment(np.random.default_rng(0).random(200), 1000.0),
}


@pytest.mark.usefixtures("plt")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_warnings_point_at_the_line_of_the_caller(naive, call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(naive)
    assert caught
    for warning in caught:
        assert warning.filename == __file__
        assert warning.lineno == inspect.getsourcelines(call)[1]


@pytest.mark.parametrize("package", ["edcurve", "edcurve_neural"])
def test_every_warning_goes_through_the_function_that_finds_the_caller(package):
    """No other module of the package calls `warnings.warn`."""
    (folder,) = importlib.util.find_spec(package).submodule_search_locations
    files = sorted(Path(folder).rglob("*.py"))
    assert files
    result = [
        (path.name, node.lineno)
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("warnings.warn", "warnings.warn_explicit")
    ]
    assert [name for name, _ in result] == (["validation.py"] if package == "edcurve" else [])

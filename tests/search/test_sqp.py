"""Descents: the compiled steps do what the same functions do interpreted, and reach stationary partitions."""

import numpy as np
import pytest
from edcurve.search import sqp, sqp_steps
from edcurve.search.cell_distortion import TabulatedDistortion
from edcurve.search.partition_batch import build


def ramp(p):
    return p * p * (2 - p) / 12


def descents(lagrangian):
    table = TabulatedDistortion(ramp, None, 0.1)
    rows = [[(0.5, 1.0), (0.2, 2.0), (0.1, 1.0)], [(0.3, 3.0), (0.02, 5.0)], [(0.9, 1.0), (0.1, 1.0)]]
    start = np.array([30.0, 60.0, 5.0] if lagrangian else [0.045, 0.02, 0.07])
    problem = sqp.SQPProblem(table.tabulated, lagrangian)
    return sqp.descend(problem, build(list(enumerate(rows)), start))


@pytest.mark.parametrize("lagrangian", [False, True])
def test_interpreted_and_compiled(lagrangian, monkeypatch):
    compiled = descents(lagrangian)
    monkeypatch.setattr(sqp, "_compiled", lambda: sqp_steps)
    interpreted = descents(lagrangian)
    for fast, slow in zip((*compiled.parts, *compiled[1:]), (*interpreted.parts, *interpreted[1:]), strict=True):
        assert fast == pytest.approx(slow, rel=1e-9, abs=1e-11)
    assert (compiled.residual < 1e-9).all()
    if not lagrangian:
        total = (compiled.parts.counts * ramp(compiled.parts.sizes)).sum(axis=1)
        assert total == pytest.approx(compiled.parts.parameter, rel=1e-6)

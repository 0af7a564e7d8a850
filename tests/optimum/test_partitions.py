"""The optimal partition against 60-digit arithmetic: K exactly, ε to 1e-12, however many cells there are."""

import json
from pathlib import Path

import edcurve as ed
import numpy as np
import oracle
import pytest

VALUES = json.loads((Path(__file__).parents[1] / "reference" / "values.json").read_text())
ROWS = [(source, row) for source in ("ramp", "circle", "sawbridge", "uniform") for row in VALUES[source]]


@pytest.mark.parametrize(("source", "row"), ROWS)
def test_reference_cells(source, row):
    best = ed.partition(source, row["distortion"])
    assert best.count == int(row["cells"])
    # ε and D_K − D are computed exactly before rounding, so even ε ~ 1e-18 keeps its digits
    np.testing.assert_allclose(best.odd, float(row["odd"]), rtol=1e-12)


@pytest.mark.parametrize("source", ["ramp", "circle", "sinusoid", "sawbridge", "uniform"])
def test_random_distortions(source):
    most = float(oracle.max_distortion(source))
    for D in (10.0 ** np.random.default_rng(11).uniform(-21, -0.01, 60) * most).tolist():
        count, odd = oracle.partition(source, D)
        best = ed.partition(source, D)
        assert best.count == count
        # between 2 and 1000 cells the circle is solved in double precision: ε is then good to 1e-16 K relative to 1/K
        np.testing.assert_allclose(best.odd, float(odd), rtol=1e-12, atol=1e-15 * min(1.0, 1000.0 / count))


@pytest.mark.parametrize("source", ["ramp", "circle", "sinusoid", "sawbridge", "uniform"])
@pytest.mark.parametrize("cells", [1001, 12345, 10**7, 10**9])
def test_one_ulp_around_equal_cells(source, cells):
    level = float(oracle.level(source, cells))
    for D in (np.nextafter(level, 0), level, np.nextafter(level, 1)):
        count, odd = oracle.partition(source, float(D))
        best = ed.partition(source, float(D))
        assert best.count == count
        # next to D_K the circle's ε is a difference of two small numbers, with 1e-4 of the error, already below 1e-13/K
        np.testing.assert_allclose(best.odd, float(odd), rtol=1e-6, atol=1e-16 / cells)


def test_arrays_and_many_cells():
    D = np.array([[0.01, 0.02], [1e-21, 0.5]])
    best = ed.partition("ramp", D)
    assert best.count.shape == best.size.shape == best.odd.shape == (2, 2)
    assert best.count[1, 0] == ed.partition("ramp", 1e-21).count > 2**63
    assert best.count[1, 1] == 1
    assert ed.partition("ramp", D[0]).count.dtype == np.int64


def test_cells():
    best = ed.partition("ramp", 0.01)
    cells = best.cells()
    assert cells.size == best.count + 1
    np.testing.assert_allclose(cells.sum(), 1.0, rtol=1e-15)
    np.testing.assert_allclose(ed.Ramp().cell_distortion(cells).sum(), 0.01, rtol=1e-14)
    assert ed.partition("circle", 2.0).cells().tolist() == [1.0]
    with pytest.raises(ValueError, match="at most 1e\\+07 cells"):
        ed.partition("ramp", 1e-12).cells()
    with pytest.raises(ValueError, match="single distortion"):
        ed.partition("ramp", [0.01, 0.02]).cells()


@pytest.mark.parametrize("D", [0.0, -1.0, float("nan"), [0.1, 0.0]])
def test_distortions_without_a_partition(D):
    with pytest.raises(ValueError, match="distortion must be"):
        ed.partition("ramp", D)

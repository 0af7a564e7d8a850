"""The scoreboard of published points: its shipped results, its formulas and its errors."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

FOLDER = Path(__file__).parents[2] / "benchmarks"
SPEC = importlib.util.spec_from_file_location("scoreboard", FOLDER / "scoreboard/run.py")
scoreboard = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(scoreboard)
POINTS = pd.read_csv(FOLDER / "scoreboard/points.csv", dtype=str, keep_default_na=False)


def test_the_shipped_results_are_those_of_the_points():
    shipped = pd.read_csv(FOLDER / "results/scoreboard.csv", dtype=dict.fromkeys(POINTS, str), keep_default_na=False)
    scores = scoreboard.score(POINTS)
    assert list(shipped.columns) == list(scores.columns)
    assert (shipped[list(POINTS)] == POINTS).all(axis=None)
    for name in ("low", "excess", "high", "excess_over_bound_for_any_code"):
        shipped[name] = pd.to_numeric(shipped[name])
        np.testing.assert_allclose(shipped[name], scores[name], atol=2e-6)
    assert (scores["low"] <= scores["excess"]).all()
    assert (scores["excess"] <= scores["high"]).all()


@pytest.mark.parametrize("cells", [2, 3, 16, 127])
def test_equal_cells_of_the_annulus(cells):
    inner, area = scoreboard.INNER, (1.0 - scoreboard.INNER**2) / 2.0
    centroid = quad(lambda r: r * r / area, inner, 1.0)[0] * np.sinc(1.0 / cells)
    distortion = quad(lambda r: r**3 / area, inner, 1.0)[0] - centroid**2
    assert scoreboard.phase_code_of_annulus(np.array([distortion])) == pytest.approx(np.log2(cells), rel=1e-9)
    # few cells lie above the hull, which the bound for any code is close to
    bound = scoreboard.any_code_of_annulus(np.array([distortion]))[0]
    assert np.log2(cells) - (0.06 if cells > 3 else 0.4) < bound < np.log2(cells) + 1e-9


def test_a_point_of_a_gaussian_vector():
    row = {"source": "gaussian", "dimension": "2", "codec": "x", "mse": "0.25", "psnr": "", "rate": "1.2"}
    score = scoreboard.score(pd.DataFrame([row])).iloc[0]
    assert score["excess"] == pytest.approx(0.2)
    assert score["low"] == pytest.approx(1.15 + 0.5 * np.log2(0.245), abs=1e-6)
    assert score["high"] == pytest.approx(1.25 + 0.5 * np.log2(0.255), abs=1e-6)


def test_invalid_points_are_refused():
    row = {"source": "banana", "dimension": "2", "codec": "x", "mse": "0.25", "psnr": "", "rate": "1.2"}
    with pytest.raises(ValueError, match="source must be one of annulus, gaussian, got banana"):
        scoreboard.score(pd.DataFrame([row]))
    with pytest.raises(ValueError, match="line 2: give psnr or mse"):
        scoreboard.score(pd.DataFrame([row | {"source": "gaussian", "psnr": "6.0"}]))

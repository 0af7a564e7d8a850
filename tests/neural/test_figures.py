"""Figures of trained compressors, from the index that `edcurve runs` writes."""

import edcurve_neural.figures as drawing
import numpy as np
import pandas as pd
import pytest


def table(**changed):
    rows = []
    for source in ("circle", "ramp", "sawbridge"):
        for latent, batch, lmbda in ((1, 128, 4.0), (1, 1024, 4.0), (1, 1024, 64.0), (2, 1024, 64.0)):
            parts = {"entropy_model": 0.1 * latent, "decoder": 0.02, "partition": 0.5}
            row = {"source": source, "lmbda": lmbda, "latent_dim": latent, "batch_size": batch, "seed": 0, "steps": 100}
            row |= {
                "status": "finished",
                "rate": 2.0,
                "entropy": 1.9,
                "distortion": 0.05,
                "excess": sum(parts.values()),
            }
            rows.append(row | parts | changed)
    return pd.DataFrame(rows)


def test_every_source_has_its_figure(tmp_path):
    written = drawing.draw(table(), tmp_path / "deep" / "out")
    assert [path.name for path in written] == ["figure_1.png", "figure_3.png", "figure_6.png", "figure_5.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)


def test_a_figure_shows_its_points_and_its_schedule():
    runs = table()
    ax = drawing.trade_off(runs[runs["source"] == "circle"], "circle").axes[0]
    lines = {line.get_label(): line for line in ax.lines}
    assert lines["latent 1, batch 1024"].get_xydata().tolist() == [[0.05, 2.0], [0.05, 2.0]]
    assert "100 steps, shortened from 200,000; 1 seed" in ax.get_title()
    assert "shortened" not in drawing.schedule(table(steps=200_000))
    bars = drawing.decompositions(runs).axes
    assert len(bars) == 6
    heights = [patch.get_height() for patch in bars[0].patches]
    assert np.sum(heights) == pytest.approx(2 * 0.62)


def test_runs_are_read_from_a_table(tmp_path):
    table().to_csv(tmp_path / "runs.csv", index=False)
    assert len(drawing.read_runs(tmp_path / "runs.csv")) == 12
    table().drop(columns="decoder").to_csv(tmp_path / "less.csv", index=False)
    with pytest.raises(ValueError, match=r"less\.csv: expected the columns of .* none called decoder"):
        drawing.read_runs(tmp_path / "less.csv")
    table(status="diverged").to_csv(tmp_path / "none.csv", index=False)
    with pytest.raises(ValueError, match=r"none\.csv: no run has finished"):
        drawing.read_runs(tmp_path / "none.csv")

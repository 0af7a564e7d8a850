"""Corners found in review: hard starts, what was interrupted, stores of older releases, weights that are no weights."""

import hashlib
import io
import json
from dataclasses import replace

import edcurve_neural as edn
import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from edcurve.cli import main
from edcurve_neural import files
from edcurve_neural.compressors import begin, restored
from edcurve_neural.compressors.train_circular import DENSE, loop_of_components
from edcurve_neural.figures import tradeoffs
from edcurve_neural.training import progress

SMALL = edn.Config("circle", 8.0, hidden=(4,), batch_size=4, steps=6, compressor="circular")


@pytest.mark.parametrize("dim", [3, DENSE + 1])
def test_components_of_a_single_realization(dim):
    """Nothing varies, so that there is no first direction; with many coordinates too."""
    rows = loop_of_components(np.full((5, dim), 0.25), 8.0)
    np.testing.assert_array_equal(rows, np.zeros((2, dim + 1)))
    x = np.zeros((3, dim))
    x[2] = 1.0
    assert np.linalg.matrix_rank(loop_of_components(x - x[2:], 8.0)[:, :-1]) == 1


def test_the_bar_counts_what_was_made_before(tmp_path, monkeypatch):
    """A sweep that goes on from step 4 of 6 ends with a full bar."""
    program, kept = begin([SMALL]), edn.Store(tmp_path)
    for _ in range(4):
        program.step()
    kept.save_checkpoint(program)
    bars, made = [], progress._bar
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr(progress, "_bar", lambda: bars.append(made()) or bars[-1])
    edn.sweep([SMALL], store=tmp_path, points=64)
    (task,) = bars[0].tasks
    assert (task.completed, task.total) == (6, 6)


def older(folder, config):
    """A store as written before configurations had a compressor and a start."""
    kept, run = edn.Store(folder), edn.train(config, progress=False)
    kept.save(run, 64)
    record, weights = (folder / "runs" / f"{config.key}{kind}" for kind in (".json", ".safetensors"))
    fields = {name: value for name, value in config.to_dict().items() if name not in ("compressor", "start")}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    files.write_json(folder / "runs" / f"{key}.json", {**files.read_json(record), "config": fields})
    files.write_tensors(folder / "runs" / f"{key}.safetensors", files.read_tensors(weights)[0], fields)
    record.unlink()
    weights.unlink()
    return key


def test_stores_of_older_releases(tmp_path):
    """They are listed; what needs weights says whose they are, and not that they should be deleted."""
    key = older(tmp_path, replace(SMALL, compressor="ntc"))
    found = CliRunner().invoke(main, ["runs", str(tmp_path), "--json"])
    assert [row["key"] for row in json.loads(found.stdout)] == [key]
    coded = ["encode", str(tmp_path), key, "--phases", "9", "--out", str(tmp_path / "x.edc")]
    drawn = ["figures", "--runs", str(tmp_path), "--out", str(tmp_path / "figures")]
    for command in (coded, drawn):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 2, result.output
        assert "a release of edcurve whose configurations had no compressor, start" in result.output
        assert "delete" not in result.output


def test_starts_are_series_of_their_own():
    """Runs that differ in the start of the analysis are not averaged in a figure."""
    row = {"source": "circle", "lmbda": 8.0, "latent_dim": 1, "batch_size": 4, "seed": 0, "steps": 6, "rate": 2.0}
    row |= {"entropy": 2.0, "distortion": 0.2, "compressor": "circular", "train_size": np.nan, "rank_floor": np.nan}
    row |= {"learning_rate": 1e-3, "hidden": "[4]", "likelihood": "derived"}
    runs = pd.DataFrame([{**row, "start": "data"}, {**row, "start": "random", "distortion": 0.9}])
    labels = [line.get_label() for line in tradeoffs.trade_off(runs, "circle").axes[0].lines]
    assert {"batch 4, start data", "batch 4, start random"} <= set(labels)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("partition", lambda t: t + 0.5),
        ("partition", lambda t: t + torch.tensor([0.0, 3.0], dtype=torch.float64)),
        ("density", lambda t: -t),
        ("density", lambda t: 2.0 * t),
        ("density", lambda t: t * torch.nan),
    ],
)
def test_invalid_densities_and_cells(name, change):
    state = begin([SMALL]).compressor(0).state()
    restored(SMALL, state)
    with pytest.raises(ValueError, match=r"invalid (cells|density): "):
        restored(SMALL, {**state, name: change(state[name])})


@pytest.mark.parametrize("change", [lambda p: -p, lambda p: 0.5 * p, lambda p: p * torch.nan])
def test_invalid_probabilities(change):
    config = replace(SMALL, compressor="circular-table", train_size=50)
    state = begin([config]).compressor(0).state()
    restored(config, state)
    with pytest.raises(ValueError, match="invalid probabilities: "):
        restored(config, {**state, "probabilities": change(state["probabilities"])})

"""Figures of trained compressors: what is drawn, from stores, from tables and from the results shipped."""

import json
import math
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import edcurve
import edcurve_neural as edn
import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from edcurve.cli import main
from edcurve_neural import figures
from edcurve_neural.figures import codewords, phases, stochastic, style, summary, tables, tradeoffs

SHIPPED = figures.load()
PAGE = Path(__file__).parents[3] / "docs/neural.md"
PARTS = {"entropy_model": 0.1, "decoder": 0.02, "partition": 0.5}


def table(**changed):
    rows = []
    for source in ("circle", "ramp", "sawbridge"):
        for latent, batch, lmbda in ((1, 128, 4.0), (1, 1024, 4.0), (1, 1024, 64.0), (2, 1024, 64.0)):
            row = {"source": source, "lmbda": lmbda, "latent_dim": latent, "batch_size": batch, "seed": 0, "steps": 100}
            row |= {"key": f"{len(rows):016x}", "status": "finished", "rate": 2.0, "entropy": 1.9, "distortion": 0.05}
            row |= {"noisy_rate": 1.8, "noisy_distortion": 0.06}
            rows.append(row | PARTS | {"excess": sum(PARTS.values())} | changed)
    return pd.DataFrame(rows)


def read(frame, path):
    frame.to_csv(path, index=False)
    return figures.read_runs(path)


@pytest.fixture
def runs(tmp_path):
    return read(table(), tmp_path / "runs.csv")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures") / "store"
    configs = edn.grid("circle", latent_dim=[1, 2], lmbda=[4.0, 8.0, 512.0], steps=3, batch_size=16)
    configs += edn.grid("ramp", lmbda=[48.0, 4096.0], steps=3, batch_size=16, samples=2048)
    history = dict.fromkeys(("step", "loss", "rate", "distortion"), np.ones(1))
    for config in configs:  # as initialised: what is drawn does not depend on training
        model = edn.NTC(config.source, config.latent_dim, samples=config.samples or 2, seeds=[config.seed])
        edn.Store(folder).save(edn.Run(config, model, "finished", None, history, 0.0), points=64)
    return folder


def test_what_is_drawn_of_a_table(runs, tmp_path):
    written = [path.name for path in figures.draw(figures.Trained(runs, None, None), tmp_path / "deep" / "out")]
    assert written == [f"figure_{i}.png" for i in (1, 3, 5, 6, 7)] + ["runs.csv", "figures.json"]
    assert all((tmp_path / "deep/out" / name).read_bytes().startswith(b"\x89PNG") for name in written[:5])
    assert sorted(path.name for path in (tmp_path / "deep/out").iterdir()) == sorted(written)
    again = figures.read_runs(tmp_path / "deep/out/runs.csv")
    pd.testing.assert_frame_equal(again, runs)
    said = json.loads((tmp_path / "deep/out/figures.json").read_text(encoding="utf-8"))
    assert list(said["figures"]) == written[:5]
    assert said["schedule"] == "100 steps, shortened from 200,000; 1 seed"


def test_points_are_means_over_seeds(tmp_path):
    two = pd.concat([table(), table(seed=1, rate=3.0, distortion=0.07), table(train_size=8.0, rate=9.0)])
    runs = read(two, tmp_path / "runs.csv")
    ax, other = tradeoffs.trade_off(runs, "circle").axes
    lines = {line.get_label(): line for line in ax.lines}
    assert lines["batch 1024"].get_xydata() == pytest.approx(np.array([[0.06, 2.5]] * 2))
    assert lines["batch 1024: entropy of the indices"].get_ydata() == pytest.approx([1.9, 1.9])
    D, E = lines["E(D), exact (proved)"].get_data()
    assert pytest.approx(edcurve.entropy_distortion("circle", D)) == E
    assert (ax.get_title(), other.get_title()) == ("latent dimension 1", "latent dimension 2")


def test_series_that_differ_are_told_apart(tmp_path):
    longer = table(steps=400)
    mixed = read(pd.concat([table(), table(seed=1), longer, table(compressor="other")]), tmp_path / "a.csv")
    figure = tradeoffs.trade_off(mixed, "ramp")
    assert [ax.get_title() for ax in figure.axes] == [
        "latent dimension 1", "latent dimension 2", "latent dimension 1, other", "latent dimension 2, other",
    ]  # fmt: skip
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert "batch 1024, 400 steps" in labels
    assert "100 steps (400 where labelled), shortened from 200,000; 2 seeds" in figure.get_suptitle()
    assert set(tables.usual(mixed)["steps"]) == {100}
    assert set(tables.usual(mixed)["compressor"]) == {"ntc"}


@pytest.mark.parametrize(("steps", "short"), [(199_999, True), (200_000, False)])
def test_a_shortened_schedule_says_so(tmp_path, steps, short):
    assert ("shortened" in style.schedule(read(table(steps=steps), tmp_path / "runs.csv"))) == short


def test_the_parts_of_the_gap_are_stacked(runs):
    axes = tradeoffs.decompositions(runs).axes
    assert [ax.get_title() for ax in axes[:2]] == ["circle, latent 1, batch 1024", "circle, latent 2, batch 1024"]
    bars = np.array([[patch.get_y(), patch.get_height()] for patch in axes[0].patches])
    assert bars == pytest.approx(np.array([[0.0, 0.1]] * 2 + [[0.1, 0.02]] * 2 + [[0.12, 0.5]] * 2))
    optimum = 2.0 + 64 * 0.05 - 0.62
    assert axes[1].texts[0].get_text() == f"{100 * 0.62 / optimum:.2g} %"


def test_the_effect_of_a_training_set(tmp_path):
    fixed = pd.concat([table(), table(train_size=8, excess=0.7), table(train_size=8, excess=0.9, seed=1)])
    runs = read(fixed, tmp_path / "runs.csv")
    wide = summary.by_training_set(runs).loc[("ramp", 1, 64.0, 1024)]
    wide, seen = wide["percent"], wide["trained_percent"]
    assert wide["fresh"] == pytest.approx(100 * 0.62 / (5.2 - 0.62))
    assert wide[8.0] == pytest.approx(50 * 0.7 / (5.2 - 0.7) + 50 * 0.9 / (5.2 - 0.9))
    assert seen["fresh"] == pytest.approx(100 * (1.8 + 64 * 0.06) / (5.2 - 0.62) - 100)
    batches, sets = stochastic.stochasticity(runs).axes
    assert [label.get_text() for label in sets.get_xticklabels()] == ["8", "fresh phases"]
    lines = {line.get_label(): line.get_ydata() for line in sets.lines}
    assert lines["ramp, latent 1, λ = 64"] == pytest.approx([wide[8.0], wide["fresh"]])
    assert [label.get_text() for label in batches.get_xticklabels()] == ["128", "1024"]
    assert "ramp, latent 1, λ = 4" in {line.get_label() for line in batches.lines}  # where there are two batch sizes


def test_runs_are_read_from_a_table(tmp_path):
    assert len(read(table(), tmp_path / "runs.csv")) == 12
    with pytest.raises(ValueError, match=r"less\.csv: expected the columns of .* none called decoder"):
        read(table().drop(columns="decoder"), tmp_path / "less.csv")
    with pytest.raises(ValueError, match=r"none\.csv: no run has finished"):
        read(table(status="diverged"), tmp_path / "none.csv")
    with pytest.raises(ValueError, match=r"is not a store of trained compressors: it has no folder named runs"):
        figures.load(tmp_path)
    assert not (tmp_path / "runs").exists()
    edn.Store(tmp_path / "empty")
    with pytest.raises(ValueError, match=r"empty: no run has finished"):
        figures.load(tmp_path / "empty")
    assert figures.load(tmp_path / "runs.csv").codewords is None


def circle_points(v):
    return np.stack([np.cos(2 * np.pi * v), np.sin(2 * np.pi * v)], axis=1)


def ramp_points(v):
    return (np.arange(2048) / 2048 + v[:, None]) % 1.0 - 0.5


@pytest.mark.parametrize(("source", "points"), [("circle", circle_points), ("ramp", ramp_points)])
def test_codewords_of_a_store(store, source, points):
    runs = figures.read_runs(store)
    found = codewords.codewords(store, runs, points=32)
    shown = runs[runs["key"].isin(found["key"]) & (runs["source"] == source)]
    assert sorted(shown["lmbda"]) == ([4, 4, 512, 512] if source == "circle" else [48, 4096])
    v = (np.arange(32) + 0.5) / 32
    for row in shown.to_dict("records"):
        one = found[found["key"] == row["key"]].dropna(axis="columns")
        config = edn.Config(source, row["lmbda"], row["latent_dim"], steps=3, batch_size=16,
                            samples=None if source == "circle" else 2048)  # fmt: skip
        model = edn.Store(store).load(config).model
        x = torch.from_numpy(points(v)).float()[None]
        with torch.no_grad():
            y = model.analysis(x)[0].numpy()
            decoded, whole = model(x)[0].numpy(), model.synthesis(model.analysis(x))[0].numpy()
        assert one["phase"].to_numpy() == pytest.approx(v, rel=1e-4)
        for i in range(row["latent_dim"]):
            assert one[f"latent_{i}"].to_numpy() == pytest.approx(y[:, i], rel=1e-4, abs=1e-6)
            assert one[f"codeword_{i}"].tolist() == np.floor(y[:, i] + 0.5).tolist()
        if source == "ramp":
            at = {"signal": points(v), "reconstruction": decoded, "unquantised": whole}
            for name, values in at.items():
                assert one[name].to_numpy() == pytest.approx(values[:, 480], rel=1e-4, abs=1e-5)


def test_figures_of_a_store(store, tmp_path):
    result = CliRunner().invoke(main, ["figures", "--runs", str(store), "--out", str(tmp_path)])
    assert result.exit_code == 0
    assert "left out" not in result.output
    assert {f"figure_{i}.png" for i in (1, 2, 3, 4, 5)} < {path.name for path in tmp_path.iterdir()}
    trained = figures.load(store)
    assert len(phases.ramp(trained.runs, trained.codewords).axes) == 4
    ax = phases.circle(trained.runs, trained.codewords).axes[3]
    assert ax.get_title().startswith("(d) λ = 512, latent 2: excess ")
    names = [line.get_label() for line in ax.lines]
    assert names == ["codeword 1", "latent 1, before rounding", "codeword 2", "latent 2, before rounding"]
    x, y = ax.lines[3].get_data()
    key = trained.runs.query("source == 'circle' and latent_dim == 2 and lmbda == 512")["key"].iloc[0]
    words = trained.codewords[trained.codewords["key"] == key]
    assert np.all(np.diff(x) > 0)
    assert y == pytest.approx(np.interp(x % (2 * math.pi), 2 * math.pi * words["phase"], words["latent_1"]), abs=1e-3)


def test_a_table_may_have_columns_of_its_own(tmp_path):
    wide = pd.concat([table(), pd.DataFrame(0.5, table().index, [f"x{i}" for i in range(500)])], axis=1)
    wide.to_csv(tmp_path / "runs.csv", index=False)
    read = figures.read_runs(tmp_path / "runs.csv")
    assert read["excess"].tolist() == table()["excess"].tolist()
    assert (read["x499"] == 0.5).all()


def test_a_table_has_no_codewords(tmp_path):
    table().query("source == 'ramp'").to_csv(tmp_path / "runs.csv", index=False)
    result = CliRunner().invoke(main, ["figures", "--runs", str(tmp_path / "runs.csv"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0
    left_out = "figure_2 and figure_4 are left out: they need a store that has runs of the ramp or the circle\n"
    assert left_out in result.output
    assert not (tmp_path / "out/figure_2.png").exists()


def test_codewords_of_a_longer_schedule_too():
    shown = SHIPPED.runs[SHIPPED.runs["key"].isin(codewords.chosen(SHIPPED.runs))]
    assert set(shown["key"]) == set(SHIPPED.codewords["key"])
    assert sorted(shown.query("latent_dim == 2")["steps"]) == [10_000, 10_000, 100_000, 100_000]
    titles = [ax.get_title() for ax in phases.circle(SHIPPED.runs, SHIPPED.codewords).axes]
    assert titles[2].startswith("(c) λ = 4, latent 2: excess")
    assert titles[5].startswith("(f) λ = 512, latent 2, batch 128, 100,000 steps: excess")


WITHOUT_TORCH = """
import sys
sys.modules |= {"torch": None, "safetensors": None, "constriction": None}
from edcurve.cli import main
main()
"""


def without_torch(*args):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_TORCH, *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_shipped_results_are_drawn_without_torch(tmp_path):
    result = without_torch("figures", "--out", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert {f"figure_{i}.png" for i in range(1, 8)} < {path.name for path in tmp_path.iterdir()}


def test_a_store_needs_torch(store, tmp_path):
    result = without_torch("figures", "--runs", store, "--out", tmp_path / "out")
    assert result.returncode == 2
    assert "--runs with a store needs the extra neural: pip install 'edcurve[neural]'" in result.stderr
    assert not (tmp_path / "out").exists()


def test_shipped_numbers_agree_with_the_optimum():
    runs = SHIPPED.runs
    assert runs["key"].is_unique
    for (source, lmbda), group in runs.groupby(["source", "lmbda"]):
        assert group["optimum"].to_numpy() == pytest.approx(float(edcurve.lagrangian(source, lmbda).value), abs=1e-9)
        assert group[list(PARTS)].sum(axis=1).to_numpy() == pytest.approx(group["excess"].to_numpy(), abs=1e-6)
    assert set(SHIPPED.codewords["key"]) < set(runs["key"])
    for i in range(2):
        latent, word = (SHIPPED.codewords[f"{name}_{i}"].dropna() for name in ("latent", "codeword"))
        assert np.abs(latent - word).max() <= 0.5 + 1e-3
    assert sum(file.stat().st_size for file in Path(str(files("edcurve_neural") / "data")).iterdir()) < 2_000_000
    assert {"commands", "seeds", "schedule", "machine", "versions"} <= set(SHIPPED.provenance)


def test_shipped_results_show_what_the_paper_says():
    best = summary.best(SHIPPED.runs)["percent"]
    assert best["circle", 4.0] < 2.0
    assert best["ramp", 48.0] < 2.0
    assert all(
        best["circle", lmbda] < 2.0 for lmbda in (8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
    )  # the longer schedule
    parts = summary.parts(SHIPPED.runs).reset_index("batch_size", drop=True)
    excess = parts["excess"]
    assert excess["circle", 2, 512.0] < excess["circle", 1, 512.0]
    assert parts["partition"]["circle", 1, 512.0] > 0.95 * excess["circle", 1, 512.0]  # the circle fails in the encoder
    assert parts["decoder"]["ramp", 1, 4096.0] > 0.6 * excess["ramp", 1, 4096.0]  # and the ramp in the decoder
    by_batch = summary.by_batch(SHIPPED.runs)[[64, 256, 1024]]
    for key in (
        ("circle", 1, 64.0),
        ("circle", 1, 512.0),
        ("ramp", 1, 1024.0),
        ("ramp", 1, 4096.0),
        ("ramp", 10, 4096.0),
    ):
        assert np.all(np.diff(by_batch.loc[key]) < 0)  # the gap grows as the batch shrinks
    sets = summary.by_training_set(SHIPPED.runs).loc[("circle", 1, 512.0, 256)]
    assert sets["percent"][128.0] > 2.0 * sets["percent"]["fresh"]
    assert sets["trained_percent"][128.0] < 0.5 * sets["trained_percent"]["fresh"]  # and training does not see it


@pytest.mark.parametrize("name", ["parts", "best", "by_batch", "by_training_set"])
def test_the_documentation_has_the_tables_of_the_results_shipped(name):
    frame = getattr(summary, name)(SHIPPED.runs)
    shown = figures.markdown(frame.add_prefix("batch ") if name == "by_batch" else frame)
    assert f"<!-- table: {name} -->\n\n{shown}\n<!-- end -->" in PAGE.read_text(encoding="utf-8")


def test_the_documentation_has_the_numbers_of_the_results_shipped():
    page, runs = PAGE.read_text(encoding="utf-8"), SHIPPED.runs
    floor = runs.loc[runs["source"] == "ramp", "rank_floor"].unique()
    optimum = float(edcurve.lagrangian("ramp", 4096.0).value)
    least = float(edcurve.entropy_distortion("ramp", floor.item())) + 4096.0 * floor.item() - optimum
    assert f"The rank floor alone explains {least:.3g} bits" in page
    redundant = summary.parts(runs)["entropy_model"]["circle", 2, 512.0, 1024]
    assert f"pays the full price for each: {redundant:.2g} bits" in " ".join(page.split())


def test_tables_in_markdown():
    frame = pd.DataFrame({"steps": [10], "a_b": [138.2], "c": [0.02]}).set_index("steps").assign(d=[1e-6], e=[math.nan])
    assert figures.markdown(frame) == (
        "| steps | a b | c | d | e |\n| --- | --- | --- | --- | --- |\n| 10 | 138 | 0.0200 | 1.0e-06 |  |\n"
    )


def test_starts_are_series_of_their_own():
    """Runs that differ in the start of the analysis are not averaged in a figure."""
    row = {"source": "circle", "lmbda": 8.0, "latent_dim": 1, "batch_size": 4, "seed": 0, "steps": 6, "rate": 2.0}
    row |= {"entropy": 2.0, "distortion": 0.2, "compressor": "circular", "train_size": np.nan, "rank_floor": np.nan}
    row |= {"learning_rate": 1e-3, "hidden": "[4]", "likelihood": "derived"}
    runs = pd.DataFrame([{**row, "start": "data"}, {**row, "start": "random", "distortion": 0.9}])
    labels = [line.get_label() for line in tradeoffs.trade_off(runs, "circle").axes[0].lines]
    assert {"batch 4, start data", "batch 4, start random"} <= set(labels)

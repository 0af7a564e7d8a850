"""Figures of trained compressors, from stores, from tables and from shipped results."""

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
    for config in configs:  # initial weights suffice: the figures do not depend on training
        model = edn.NTC(config.source, config.latent_dim, samples=config.samples or 2, seeds=[config.seed])
        edn.Store(folder).save(edn.Run(config, model, "finished", None, history, 0.0), points=64)
    return folder


def test_figures_of_a_table(runs, tmp_path):
    written = [path.name for path in figures.draw(figures.Trained(runs, None, None), tmp_path / "deep" / "out")]
    assert written == [f"figure_{i}.png" for i in (1, 3, 5, 6, 7)] + ["runs.csv", "figures.json"]
    assert all((tmp_path / "deep/out" / name).read_bytes().startswith(b"\x89PNG") for name in written[:5])
    assert sorted(path.name for path in (tmp_path / "deep/out").iterdir()) == sorted(written)
    reread = figures.read_runs(tmp_path / "deep/out/runs.csv")
    pd.testing.assert_frame_equal(reread, runs)
    provenance = json.loads((tmp_path / "deep/out/figures.json").read_text(encoding="utf-8"))
    assert list(provenance["figures"]) == written[:5]
    assert provenance["schedule"] == "100 steps (200,000 in the authors' code); 1 seed"


def test_lines_are_means_over_seeds_and_markers_are_runs(tmp_path):
    two = pd.concat([table(), table(seed=1, rate=3.0, distortion=0.07), table(train_size=8.0, rate=9.0)])
    runs = read(two, tmp_path / "runs.csv")
    figure = tradeoffs.trade_off(runs, "circle")
    ax, right, below, _ = figure.axes
    lines = {line.get_label(): line for line in ax.lines}
    line = lines["batch 1024"]
    assert line.get_xydata() == pytest.approx(np.array([[0.06, 2.5]] * 2))
    markers = ax.lines[ax.lines.index(line) + 1]
    assert sorted(map(tuple, markers.get_xydata())) == [(0.05, 2.0)] * 2 + [(0.07, 3.0)] * 2
    assert lines["entropy of the indices, largest batch"].get_ydata() == pytest.approx([1.9, 1.9])
    D, E = lines["E(D), exact (proved)"].get_data()
    assert pytest.approx(edcurve.entropy_distortion("circle", D)) == E
    assert (ax.get_title(), right.get_title()) == ("one latent", "two latents")
    assert sorted(below.lines[3].get_xdata()) == [
        4,
        4,
        64,
        64,
    ]  # after batch 128: line and markers, and the line of 1024
    assert below.lines[3].get_ydata() == pytest.approx([sum(PARTS.values())] * 4)
    assert below.get_yscale() == "log"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "E(D), exact (proved)", "its convex hull", "dual lower bound", "batch 128", "batch 1024",
        "entropy of the indices, largest batch", "1 % of the optimum",
    ]  # fmt: skip
    assert all(ax.get_legend() is None for ax in figure.axes)  # it would hide data


def test_a_batch_size_looks_the_same_in_every_panel_and_figure():
    styles = {size: style.of_batch(size) for size in (16, 32, 64, 128, 256, 512, 1024, 2048)}
    assert len({tuple(one["color"]) for one in styles.values()}) == 8
    assert len({styles[size]["marker"] for size in (32, 64, 128, 256, 512, 1024, 2048)}) == 7
    figures_of = (tradeoffs.trade_off(SHIPPED.runs, "ramp"), tradeoffs.trade_off(SHIPPED.runs, "circle"),
                  stochastic.stochasticity(SHIPPED.runs))  # fmt: skip
    looks = {}
    for ax in (ax for figure in figures_of for ax in figure.axes):
        for line in ax.lines:
            if (label := str(line.get_label())).startswith("batch "):
                looks.setdefault(label.split()[1].rstrip(","), set()).add((tuple(line.get_color()), line.get_marker()))
    assert {"64", "256", "1024"} <= looks.keys()
    assert all(
        result == {(tuple(styles[int(size)]["color"]), styles[int(size)]["marker"])} for size, result in looks.items()
    )


def test_series_that_differ_are_told_apart(tmp_path):
    longer = table(steps=400)
    mixed = read(pd.concat([table(), table(seed=1), longer, table(compressor="other")]), tmp_path / "a.csv")
    figure = tradeoffs.trade_off(mixed, "ramp")
    assert [ax.get_title() for ax in figure.axes[:4]] == [
        "one latent", "two latents", "one latent, other", "two latents, other",
    ]  # fmt: skip
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert "batch 1024, 400 steps" in labels
    assert "100 steps (400 where labelled; 200,000 in the authors' code); 1 to 2 seeds" in figure.get_suptitle()
    assert set(tables.usual(mixed)["steps"]) == {100}
    assert set(tables.usual(mixed)["compressor"]) == {"ntc"}


@pytest.mark.parametrize(("steps", "short"), [(199_999, True), (200_000, False)])
def test_a_shorter_schedule_than_the_authors_says_so(tmp_path, steps, short):
    assert ("200,000 in the authors' code" in style.schedule(read(table(steps=steps), tmp_path / "runs.csv"))) == short


def test_schedules_are_usual_for_a_source(tmp_path):
    longer = pd.concat([table(steps=400), table(steps=400, seed=1)]).query("source != 'sawbridge'")
    runs = read(pd.concat([longer, table().query("source == 'sawbridge'")]), tmp_path / "runs.csv")
    assert dict(tables.usual(runs).groupby("source")["steps"].first()) == {"circle": 400, "ramp": 400, "sawbridge": 100}
    assert style.schedule(runs) == "400 steps (100 where labelled; 200,000 in the authors' code); 1 to 2 seeds"
    titles = [ax.get_title() for ax in tradeoffs.decompositions(runs).axes]
    assert "circle, one latent, batch 1024" in titles
    assert "sawbridge, one latent, batch 1024, 100 steps" in titles


def test_the_parts_of_the_gap(runs):
    axes = tradeoffs.decompositions(runs).axes
    assert [ax.get_title() for ax in axes[:2]] == ["circle, one latent, batch 1024", "circle, two latents, batch 1024"]
    lines = {line.get_label(): line.get_ydata() for line in axes[0].lines}
    assert lines["together"] == pytest.approx([0.62] * 2)
    assert {
        name: lines[label] == pytest.approx([PARTS[name]] * 2) for name, (label, _) in style.PARTS.items()
    } == dict.fromkeys(PARTS, True)
    optimum = 2.0 + 64 * 0.05 - 0.62
    assert axes[1].texts[0].get_text() == f"{100 * 0.62 / optimum:.0f} %"


def test_parts_have_the_colours_of_the_report():
    from edcurve.reporting import plots

    assert {name: colour for name, (_, colour) in style.PARTS.items()} == {
        name: colour for name, _, colour in plots.PARTS
    }


def test_the_effect_of_longer_training(tmp_path):
    longer = table(steps=1000, excess=0.31, decoder=0.01).query("lmbda == 4")
    changed = summary.by_steps(read(pd.concat([table(), table(seed=1, excess=0.66), longer]), tmp_path / "runs.csv"))
    assert set(changed.index.get_level_values("lmbda")) == {4.0}
    assert changed.loc["ramp", 1, 4.0, 1024].to_dict() == pytest.approx(
        {"excess, 100 steps": 0.64, "excess, 1000 steps": 0.31, "decoder, 100 steps": 0.02, "decoder, 1000 steps": 0.01}
    )


def test_the_effect_of_a_training_set(tmp_path):
    fixed = pd.concat([table(), table(train_size=8, excess=0.7), table(train_size=8, excess=0.9, seed=1)])
    runs = read(fixed, tmp_path / "runs.csv")
    wide = summary.by_training_set(runs).loc[("ramp", 1, 64.0, 1024)]
    wide, trained = wide["percent"], wide["trained_percent"]
    assert wide["fresh"] == pytest.approx(100 * 0.62 / (5.2 - 0.62))
    assert wide[8.0] == pytest.approx(50 * 0.7 / (5.2 - 0.7) + 50 * 0.9 / (5.2 - 0.9))
    assert trained["fresh"] == pytest.approx(100 * (1.8 + 64 * 0.06) / (5.2 - 0.62) - 100)
    axes = stochastic.stochasticity(runs).axes
    assert [ax.get_title() for ax in axes] == [
        "circle, λ = 4", "circle, λ = 64", "ramp, λ = 4", "ramp, λ = 64", "sawbridge, λ = 4", "sawbridge, λ = 64",
    ]  # fmt: skip
    batches, sets = axes[-2:]
    assert [label.get_text() for label in sets.get_xticklabels()] == ["8", "fresh"]
    lines = {line.get_label(): line.get_ydata() for line in axes[3].lines}
    assert lines["one latent"] == pytest.approx([wide[8.0], wide["fresh"]])
    assert lines["one latent, as training saw it"] == pytest.approx([trained[8.0], trained["fresh"]])
    assert [label.get_text() for label in batches.get_xticklabels()] == ["128", "1024"]


def test_runs_are_read_from_a_table(tmp_path):
    assert len(read(table(), tmp_path / "runs.csv")) == 12
    with pytest.raises(ValueError, match=r"less\.csv: expected the columns of .* none called decoder"):
        read(table().drop(columns="decoder"), tmp_path / "less.csv")
    with pytest.raises(ValueError, match=r"none\.csv: no run has finished"):
        read(table(status="diverged"), tmp_path / "none.csv")
    with pytest.raises(ValueError, match=r"is not a store of trained compressors: it has no folder named runs"):
        figures.load(tmp_path)
    assert not (tmp_path / "runs").exists()
    edn.Store(tmp_path / "empty").make()
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
    result = codewords.codewords(store, runs, points=32)
    chosen = runs[runs["key"].isin(result["key"]) & (runs["source"] == source)]
    assert sorted(chosen["lmbda"]) == ([4, 4, 512, 512] if source == "circle" else [48, 4096])
    v = (np.arange(32) + 0.5) / 32
    for row in chosen.to_dict("records"):
        group = result[result["key"] == row["key"]].dropna(axis="columns")
        config = edn.Config(source, row["lmbda"], row["latent_dim"], steps=3, batch_size=16,
                            samples=None if source == "circle" else 2048)  # fmt: skip
        model = edn.Store(store).load(config).model
        x = torch.from_numpy(points(v)).float()[None]
        with torch.no_grad():
            y = model.analysis(x)[0].numpy()
            decoded, whole = model(x)[0].numpy(), model.synthesis(model.analysis(x))[0].numpy()
        assert group["phase"].to_numpy() == pytest.approx(v, rel=1e-4)
        for i in range(row["latent_dim"]):
            assert group[f"latent_{i}"].to_numpy() == pytest.approx(y[:, i], rel=1e-4, abs=1e-6)
            assert group[f"codeword_{i}"].tolist() == np.floor(y[:, i] + 0.5).tolist()
        if source == "ramp":
            at = {"signal": points(v), "reconstruction": decoded, "unquantised": whole}
            for name, values in at.items():
                assert group[name].to_numpy() == pytest.approx(values[:, 480], rel=1e-4, abs=1e-5)


def test_figures_of_a_store(store, tmp_path):
    result = CliRunner().invoke(main, ["figures", "--runs", str(store), "--out", str(tmp_path)])
    assert result.exit_code == 0
    assert "left out" not in result.output
    assert {f"figure_{i}.png" for i in (1, 2, 3, 4, 5)} < {path.name for path in tmp_path.iterdir()}
    trained = figures.load(store)
    assert len(phases.ramp(trained.runs, trained.codewords).axes) == 4
    ax = phases.circle(trained.runs, trained.codewords).axes[3]
    assert ax.get_title().startswith("(d) λ = 512, two latents\n")
    names = [line.get_label() for line in ax.lines]
    assert names == [
        f"{which} latent, {how}" for which in ("first", "second") for how in ("without rounding", "rounded")
    ]
    x, y = ax.lines[2].get_data()
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


def test_codewords_are_those_of_the_longest_schedule_and_the_largest_batch():
    chosen = SHIPPED.runs[SHIPPED.runs["key"].isin(codewords.chosen(SHIPPED.runs))]
    assert set(chosen["key"]) == set(SHIPPED.codewords["key"])
    assert set(chosen["steps"]) == {100_000}
    assert set(chosen["batch_size"]) == {1024}
    assert {(run.source, run.latent_dim, run.lmbda) for run in chosen.itertuples()} == {
        ("ramp", 1, 48), ("ramp", 1, 4096), ("circle", 1, 4), ("circle", 1, 512), ("circle", 2, 4), ("circle", 2, 512),
    }  # fmt: skip
    run = chosen.query("latent_dim == 2 and lmbda == 512").iloc[0]
    title = phases.circle(SHIPPED.runs, SHIPPED.codewords).axes[3].get_title()
    assert title == f"(d) λ = 512, two latents\n{run['excess']:#.2g} bits ({run['percent']:.2g} %) over the optimum"


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
    assert best["ramp", 48.0] < 0.01
    assert best["circle", 4.0] < 0.01
    assert all(best["circle", lmbda] < 1.5 for lmbda in (8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0))
    parts = summary.parts(SHIPPED.runs).reset_index("batch_size", drop=True)
    excess = parts["excess"]
    assert excess["circle", 2, 512.0] < 0.05 * excess["circle", 1, 512.0]
    assert parts["partition"]["circle", 1, 512.0] > 0.95 * excess["circle", 1, 512.0]  # the circle fails in the encoder
    assert parts["decoder"]["ramp", 1, 4096.0] > 0.5 * excess["ramp", 1, 4096.0]  # and the ramp in the decoder
    by_batch = summary.by_batch(SHIPPED.runs)[[64, 256, 1024]]
    steep = [("circle", 1, 2.0**i) for i in range(2, 10)] + [("ramp", 1, 2.0**i) for i in range(8, 13)]
    assert all(np.all(np.diff(by_batch.loc[key].dropna()) < 0) for key in steep)  # the gap grows as the batch shrinks
    sets = summary.by_training_set(SHIPPED.runs).loc[("circle", 1, 512.0, 256)]
    assert sets["percent"][128.0] > 2.0 * sets["percent"]["fresh"]
    assert sets["trained_percent"][128.0] < 0.5 * sets["trained_percent"]["fresh"]  # and training does not see it


def test_figures_at_scale():
    """Figures 1 to 7 use 100 000 steps; only the comparison uses fewer."""
    runs = SHIPPED.runs
    assert set(tables.usual(runs)["steps"]) == {100_000}
    assert set(summary.over_batches(runs)["steps"]) == {100_000}
    assert set(summary.over_training_sets(runs)["steps"]) == {100_000}
    shorter = runs[runs["steps"] < 100_000]
    assert set(shorter["key"]) < set(summary.over_steps(runs)["key"])


@pytest.mark.parametrize("name", ["parts", "finer", "best", "by_batch", "by_steps", "by_training_set"])
def test_the_documentation_has_the_tables_of_the_results_shipped(name):
    frame = getattr(summary, name)(SHIPPED.runs)
    table = figures.markdown(frame.add_prefix("batch ") if name == "by_batch" else frame)
    assert f"<!-- table: {name} -->\n\n{table}\n<!-- end -->" in PAGE.read_text(encoding="utf-8")


def test_the_documentation_has_the_numbers_of_the_results_shipped():
    page, runs = PAGE.read_text(encoding="utf-8"), SHIPPED.runs
    floor = runs.loc[runs["source"] == "ramp", "rank_floor"].unique()
    optimum = float(edcurve.lagrangian("ramp", 4096.0).value)
    least = float(edcurve.entropy_distortion("ramp", floor.item())) + 4096.0 * floor.item() - optimum
    assert f"The rank floor alone explains {least:.3g} bits" in page
    page = " ".join(page.split())
    large = runs[(runs["batch_size"] == 1024) & (runs["steps"] == 100_000)].set_index(["source", "latent_dim", "lmbda"])
    bits, percent = large["excess"].sort_index(), large["percent"].sort_index()
    low, high = sorted(bits["circle", 1, 512.0])
    assert f"two seeds end {low:.1f} and {high:.1f} bits above it" in page
    low, high = sorted(bits["circle", 2, 512.0])
    assert f"about {bits['circle', 2, 4.0].mean():.4f} bit at λ = 4, and {low:.2f} to {high:.2f} bit at λ = 512" in page
    assert f"at most {percent['circle', 2].max():.1f} % of the optimum at any λ" in page
    low, high = sorted(bits["circle", 1, 4.0])
    assert f"the excess is {low:.2f} to {high:.2f} bit" in page
    changed = summary.by_steps(runs).loc["ramp", 1, 4096.0, 1024]
    assert f"seemed to lose {changed['decoder, 10000 steps']:.1f} bits at λ = 4096" in page
    assert f"It loses {changed['decoder, 100000 steps']:.1f}." in page
    changed = summary.by_steps(runs)
    few = changed["excess, 100000 steps"] <= 0.4 * changed["excess, 10000 steps"]
    assert f"cut {few.sum()} of these {len(few)} excesses to two fifths or less" in page


def test_tables_in_markdown():
    frame = pd.DataFrame({"steps": [10], "a_b": [138.2], "c": [0.02]}).set_index("steps").assign(d=[1e-6], e=[math.nan])
    assert figures.markdown(frame) == (
        "| steps | a b | c | d | e |\n| --- | --- | --- | --- | --- |\n| 10 | 138 | 0.0200 | 1.0e-06 |  |\n"
    )


def test_starts_are_series_of_their_own():
    """Runs that differ in the start of the analysis are not averaged in a figure."""
    row = {"source": "circle", "lmbda": 8.0, "latent_dim": 1, "batch_size": 4, "seed": 0, "steps": 6, "rate": 2.0}
    row |= {"entropy": 2.0, "distortion": 0.2, "compressor": "circular", "train_size": np.nan, "rank_floor": np.nan}
    row |= {"learning_rate": 1e-3, "hidden": "[4]", "likelihood": "derived", "excess": 0.1, "optimum": 3.5}
    row |= {"last_layer": "trained"}
    runs = pd.DataFrame([{**row, "start": "data"}, {**row, "start": "random", "distortion": 0.9}])
    labels = [line.get_label() for line in tradeoffs.trade_off(runs, "circle").axes[0].lines]
    assert {"batch 4, start data", "batch 4, start random"} <= set(labels)


def test_tables_with_zeros_and_negative_excesses_are_drawn(tmp_path):
    """On logarithmic axes these are drawn at the edge; warnings are errors."""
    worst = {"lmbda": 0.0, "distortion": 0.0, "rate": 1.0, "entropy": 0.0, "excess": -1.0, "partition": -1.0}
    runs = pd.concat([table(**worst), table(**worst, batch_size=2**40), table(**worst, train_size=8.0)])
    written = list(figures.draw(figures.Trained(read(runs, tmp_path / "runs.csv"), None, None), tmp_path))
    assert [path.name for path in written[:5]] == [f"figure_{i}.png" for i in (1, 3, 5, 6, 7)]

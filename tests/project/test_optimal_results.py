"""The shipped results of compressors that reach the optimum: claims, and the page that shows them."""

import json
import sys
from pathlib import Path

import edcurve
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/results"
TABLE = pd.read_csv(RESULTS / "optimal_compressors.csv")
NAMED = [
    "source", "lmbda", "seed", "compressor", "kind", "rate", "entropy", "distortion", "excess_percent",
    "excess_sampled_percent",
]  # fmt: skip
WANTED = {("ramp", lmbda) for lmbda in (48, 256)} | {("circle", lmbda) for lmbda in (4, 32, 128, 512)}


def test_columns_and_rows():
    assert list(TABLE.columns)[: len(NAMED)] == NAMED
    assert set(TABLE["kind"]) == {"baseline", "learned"}
    for _, group in TABLE.groupby("compressor"):
        cases = set(zip(group["source"], group["lmbda"], strict=True))
        assert cases == {case for case in WANTED if case[0] in set(group["source"])}
        assert (group.groupby(["source", "lmbda"])["seed"].nunique() == 3).all()


@pytest.mark.parametrize(("source", "paper_at_least"), [("ramp", 5.0), ("circle", 25.0)])
def test_one_learned_compressor_is_within_a_percent_at_every_lmbda(source, paper_at_least):
    learned = TABLE[(TABLE["source"] == source) & (TABLE["kind"] == "learned")]
    assert learned.groupby("compressor")["excess_percent"].max().min() <= 1.0
    paper = TABLE[(TABLE["source"] == source) & TABLE["compressor"].str.startswith("ntc (")]
    assert paper.groupby("compressor")["excess_percent"].max().min() > paper_at_least


def test_excesses_follow_from_rate_and_distortion():
    for row in TABLE.itertuples(index=False):
        loss = row.rate + row.lmbda * row.distortion
        best = edcurve.lagrangian(row.source, row.lmbda).value
        sampled = best
        if row.source == "ramp":
            sampled = edcurve.lagrangian(edcurve.Ramp(samples=int(row.samples)), row.lmbda).value
            assert sampled >= (1.0 - 1e-3) * best  # the sampled ramp is close to the continuous one
        assert row.excess_percent == pytest.approx(100 * (loss / best - 1), abs=1e-6)
        assert row.excess_sampled_percent == pytest.approx(100 * (loss / sampled - 1), abs=1e-6)
        assert row.excess_sampled_percent >= -1e-3
        assert row.rate >= row.entropy - 1e-9
        parts = row.entropy_model + row.decoder + row.partition
        assert parts == pytest.approx(loss - best, abs=1e-6)


def test_the_small_network_is_within_a_percent_at_every_lmbda():
    table = pd.read_csv(RESULTS / "small_network.csv")
    cases = table.groupby(["source", "lmbda"])
    assert len(cases) == 15
    assert (cases["seed"].nunique() == cases["seed"].count()).all()
    for row in table.itertuples(index=False):
        loss = row.rate + row.lmbda * row.distortion
        best = float(edcurve.lagrangian(row.source, row.lmbda).value)
        if row.source == "ramp":
            sampled = float(edcurve.lagrangian(edcurve.Ramp(samples=int(row.samples)), row.lmbda).value)
            assert (1.0 - 1e-3) * best <= sampled <= best
            best = sampled
        assert -0.05 < 100 * (loss / best - 1) < 1.0
        assert row.excess_sampled_percent == pytest.approx(100 * (loss / best - 1), abs=1e-6)
    assert (table["numbers"] == 323).all()
    assert (table["seconds"] < 600).all()


def test_more_steps_of_small_batches_beat_fewer_of_large_ones_in_the_same_time():
    table = pd.read_csv(RESULTS / "batch_size.csv")
    fresh = table[table["train_size"] == 0].groupby(["batch_size", "steps"])
    assert (fresh["seed"].nunique() == 5).all()
    percent, seconds = fresh["percent"], fresh["seconds"].mean()
    assert percent.min()[64, 10_000] > percent.max()[256, 10_000] > percent.max()[1024, 10_000]
    assert percent.max()[64, 105_000] < percent.min()[1024, 10_000]
    assert seconds[64, 105_000] < 1.3 * seconds[1024, 10_000]
    parts = table[["dependence", "marginals", "readout", "features", "partition"]].sum(axis=1)
    best = float(edcurve.lagrangian("circle", 512.0).value)
    assert parts.to_numpy() == pytest.approx(table["percent"].to_numpy() * best / 100.0, abs=1e-6)


def test_parts_of_other_tables_add_up():
    """Tables of embeddings and widths, in five parts over the continuous optimum; joint training gains nothing."""
    for name in ("fourier", "widths"):
        table = pd.read_csv(RESULTS / f"{name}.csv")
        parts = table[["dependence", "marginals", "readout", "features", "partition"]].sum(axis=1)
        best = [float(edcurve.lagrangian(row.source, row.lmbda).value) for row in table.itertuples(index=False)]
        loss = table["rate"] + table["lmbda"] * table["distortion"]
        assert parts.to_numpy() == pytest.approx((loss - best).to_numpy(), abs=1e-6)
    assert (table["rank"] + table["shape"]).to_numpy() == pytest.approx(table["features"].to_numpy(), abs=1e-12)
    joint = pd.read_csv(RESULTS / "joint.csv")
    for _, part in joint.groupby(["source", "lmbda", "seed"]):
        staged = part["compressor"] == "staged"
        assert part[staged]["excess_sampled_percent"].max() < part[~staged]["excess_sampled_percent"].min()


def test_schedules_are_of_the_paper_or_less():
    trained = TABLE[TABLE["steps"].notna()]
    assert (trained["steps"] <= 10_000).all()
    assert (trained["steps"] * trained["batch_size"] <= 10_000 * 1024).all()
    assert json.loads((RESULTS / "optimal_compressors.json").read_text(encoding="utf-8"))["command"].startswith(
        "python"
    )


def test_the_page_shows_these_results(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks/neural")
    import page

    for where, tables in ((page.PAGE, page.tables()), (page.NEURAL, page.batches())):
        text = where.read_text(encoding="utf-8")
        assert page.filled(text, tables) == text
    for name in page.PICTURES:
        assert (page.IMAGES / name).read_bytes() == (page.RESULTS / name).read_bytes()
    del sys.modules["page"], sys.modules["batch_size"], sys.modules["shared"]

"""The shipped results of compressors that reach the optimum: what they promise, and the page that shows them."""

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
WANTED = {("ramp", lmbda) for lmbda in (48, 256, 1024, 4096)} | {("circle", lmbda) for lmbda in (4, 32, 128, 512)}


def test_columns_and_rows():
    assert list(TABLE.columns)[: len(NAMED)] == NAMED
    assert set(TABLE["kind"]) == {"baseline", "learned"}
    for _, group in TABLE.groupby("compressor"):
        cases = set(zip(group["source"], group["lmbda"], strict=True))
        assert cases == {case for case in WANTED if case[0] in set(group["source"])}
        assert (group.groupby(["source", "lmbda"])["seed"].nunique() == 3).all()


@pytest.mark.parametrize("source", ["ramp", "circle"])
def test_one_learned_compressor_is_within_a_percent_at_every_lmbda(source):
    learned = TABLE[(TABLE["source"] == source) & (TABLE["kind"] == "learned")]
    assert learned.groupby("compressor")["excess_percent"].max().min() <= 1.0
    paper = TABLE[(TABLE["source"] == source) & TABLE["compressor"].str.startswith("ntc (")]
    assert paper.groupby("compressor")["excess_percent"].max().min() > 25.0


def test_excesses_follow_from_rate_and_distortion():
    for row in TABLE.itertuples(index=False):
        loss = row.rate + row.lmbda * row.distortion
        best = edcurve.lagrangian(row.source, row.lmbda).value
        sampled = edcurve.lagrangian(edcurve.Ramp(samples=1024), row.lmbda).value if row.source == "ramp" else best
        assert row.excess_percent == pytest.approx(100 * (loss / best - 1), abs=1e-6)
        assert row.excess_sampled_percent == pytest.approx(100 * (loss / sampled - 1), abs=1e-6)
        assert row.excess_sampled_percent >= -1e-3
        assert row.rate >= row.entropy - 1e-9
        parts = row.entropy_model + row.decoder + row.partition
        assert parts == pytest.approx(loss - best, abs=1e-6)


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

    text = page.PAGE.read_text(encoding="utf-8")
    assert page.filled(text, page.tables()) == text
    for name in page.PICTURES:
        assert (page.IMAGES / name).read_bytes() == (page.RESULTS / name).read_bytes()
    del sys.modules["page"]

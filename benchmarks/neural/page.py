"""The tables and pictures of docs/topology.md, and the table of batch sizes of docs/neural.md, from the results.

python benchmarks/neural/page.py
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
from batch_size import interval, summary

ROOT = Path(__file__).parents[2]
RESULTS, PAGE, IMAGES = ROOT / "benchmarks/results", ROOT / "docs/topology.md", ROOT / "docs/images/topology"
NEURAL = ROOT / "docs/neural.md"
PICTURES = ("optimal_compressors.png", "ablation.png", "fold.png")
SOURCES = ("ramp", "circle")
PARTS = {
    "entropy_model": "entropy model",
    "readout": "readout",
    "features": "features",
    "rank": "of it rank",
    "partition": "partition",
    "excess_percent": "percent",
}


def tables() -> dict[str, str]:
    """Tables of the page by name, as Markdown."""
    runs, ablation = (pd.read_csv(RESULTS / name) for name in ("optimal_compressors.csv", "ablation.csv"))
    about = json.loads((RESULTS / "optimal_compressors.json").read_text(encoding="utf-8"))
    is_book = runs["compressor"].str.contains("table|ecvq")
    networks, books = (worst_of_sources(part) for part in (runs[~is_book], runs[is_book]))
    schedules = pd.DataFrame(
        [{"compressor": n, "steps": s, "batch": about["batch_size"][n]} for n, s in about["steps"].items()]
    )
    parts = over_sampled(ablation)[["source", "compressor", *PARTS]].rename(columns=PARTS)
    found = {"worst": networks, "codebooks": books, "schedules": markdown(schedules), "ablation": markdown(parts)}
    others = {"small network": small_network, "widths": widths, "joint": joint, "fourier": fourier}
    files = {name: pd.read_csv(RESULTS / f"{name.replace(' ', '_')}.csv") for name in others}
    return {**found, **{name: markdown(others[name](table)) for name, table in files.items()}}


def over_seeds(runs: pd.DataFrame, by: list[str], columns: list[str]) -> pd.DataFrame:
    """A row for each group, in the order of the file: means of the columns with 95 % intervals over the seeds."""
    rows = []
    for key, part in runs.groupby(by, sort=False):
        means = (interval(part[name]) for name in columns)
        shown = {name: f"{_text(mean)} ± {_text(half)}" for name, (mean, half) in zip(columns, means, strict=True)}
        rows.append({**dict(zip(by, key, strict=True)), "seeds": len(part), "cells": _cells(part["cells"]), **shown})
    return pd.DataFrame(rows)


def _cells(counts: pd.Series[int]) -> str:
    least, most = counts.min(), counts.max()
    return str(least) if least == most else f"{least} to {most}"


def widths(runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each width of the hidden layers: the parts of the excess, in bits."""
    return over_seeds(runs, ["width"], ["readout", "features", "rank", "shape", "partition"])


def joint(runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each compressor: excess in percent, trained in stages, and after joint training at each rate."""
    kinds = [f"{rate:g}" if rate > 0.0 else "in stages" for rate in runs["learning_rate"]]
    runs = runs.assign(kind=kinds, lmbda=runs["lmbda"].map("{:g}".format))
    names = ["source", "lmbda", "seed"]
    block = runs.pivot_table(index=names, columns="kind", values="excess_sampled_percent", sort=False)
    return block.reset_index().rename(columns={"lmbda": "λ"})


def fourier(runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each embedding: excess in percent and the parts of it that are the decoder's and the encoder's."""
    names = {"source": "source", "lmbda": "λ", "input_octaves": "input", "latent_octaves": "latent"}
    runs = runs.sort_values(["source", "lmbda"], kind="stable")
    runs = runs.assign(lmbda=runs["lmbda"].map("{:g}".format)).rename(columns=names)
    runs = runs.rename(columns={"excess_sampled_percent": "percent"})
    return over_seeds(runs, list(names.values()), ["percent", "readout", "features", "partition"])


def small_network(runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each source and λ: the excess over the seeds, and what is stored."""
    rows = []
    for (source, lmbda), part in runs.groupby(["source", "lmbda"], sort=False):
        percent = part["excess_sampled_percent"]
        samples = part["samples"].iloc[0]
        about = {"source": source, "λ": f"{lmbda:g}", "samples": "" if pd.isna(samples) else f"{samples:.0f}"}
        excess = {"seeds": len(part), "mean": float(percent.mean()), "worst": float(percent.max())}
        stored = {"cells": _cells(part["cells"]), "table": f"{part['table'].max():,}"}
        rows.append({**about, **excess, **stored, "seconds": f"{part['seconds'].max():.0f}"})
    return pd.DataFrame(rows)


def batches() -> dict[str, str]:
    """The table of docs/neural.md."""
    return {"batch size": markdown(summary(pd.read_csv(RESULTS / "batch_size.csv")))}


def over_sampled(runs: pd.DataFrame) -> pd.DataFrame:
    """Excess and partition over the optimum of the ramp as sampled, which is what networks see."""
    loss = runs["rate"] + runs["lmbda"] * runs["distortion"]
    continuous, sampled = (loss / (1.0 + runs[f"excess{name}_percent"] / 100.0) for name in ("", "_sampled"))
    partition = runs["partition"] + continuous - sampled
    return runs.assign(partition=partition, excess_percent=runs["excess_sampled_percent"])


def worst_of_sources(runs: pd.DataFrame) -> str:
    """A table for each source: what a network sees is the ramp as sampled, which is another source."""
    return "\n\n".join(f"**{source}**\n\n" + worst_of(runs[runs["source"] == source]) for source in SOURCES)


def worst_of(runs: pd.DataFrame, column: str = "excess_sampled_percent") -> str:
    """The worst of the seeds for each compressor and λ, and for codebooks the numbers that they store at the last λ."""
    # sorted, then back in the order of the file: pandas before 2.3 puts values elsewhere if told not to sort
    block = runs.pivot_table(index="compressor", columns="lmbda", values=column, aggfunc="max")
    block = block.loc[runs["compressor"].drop_duplicates()]
    block = block.rename(columns=lambda value: f"λ = {value:g}").rename_axis("compressor")
    if runs["compressor"].str.contains("table|ecvq").all():
        last = runs[runs["lmbda"] == runs["lmbda"].max()]
        stored = last.groupby("compressor")["cells"].max() * (
            last["samples"].fillna(2.0).iloc[0] + 1
        )  # codeword, length
        block["numbers stored"] = [f"{int(stored[name]):,}" for name in block.index]
    return markdown(block.reset_index())


def markdown(frame: pd.DataFrame) -> str:
    """A table with three digits."""
    lines = [
        list(frame.columns),
        ["---"] * len(frame.columns),
        *([_text(v) for v in row] for row in frame.astype(object).values.tolist()),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) >= 0.005 else "0.00" if abs(value) < 5e-5 else f"{value:.1g}"
    return str(value)


def filled(page: str, texts: dict[str, str]) -> str:
    """The page with these texts of tables between its marks."""
    for name, text in texts.items():
        mark = rf"(<!-- table: {name} -->\n).*?(<!-- end -->)"
        page, count = re.subn(mark, lambda match, text=text: f"{match[1]}\n{text}\n\n{match[2]}", page, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"the page has {count} tables called {name}")
    return page


def main() -> None:
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), tables()), encoding="utf-8")
    NEURAL.write_text(filled(NEURAL.read_text(encoding="utf-8"), batches()), encoding="utf-8")
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name in PICTURES:
        shutil.copy(RESULTS / name, IMAGES / name)


if __name__ == "__main__":
    main()

"""Tables of trained compressors: means over the seeds."""

from __future__ import annotations

import math

import pandas as pd

from .tables import FINE, usual

INDEX = ["source", "latent_dim", "lmbda"]
ROUNDING = 1e-8  # bits; smaller parts are rounding errors
SHOWN = ["rate", "entropy", "distortion", "excess", "entropy_model", "decoder", "partition", "percent"]


def over_batches(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs with fresh phases whose group has several batch sizes."""
    fresh = usual(runs)
    return fresh[fresh.groupby(INDEX)["batch_size"].transform("nunique") > 1]


def over_training_sets(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs with fixed training sets, and runs with fresh phases that are otherwise the same."""
    same = [*INDEX, "batch_size", "steps", "learning_rate", "hidden", "likelihood", "last_layer"]
    ntc = runs[runs["compressor"] == "ntc"]
    return ntc[ntc.groupby(same)["train_size"].transform("count") > 0]


def over_steps(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs with fresh phases that differ only in the number of steps and the seed."""
    same = [*INDEX, "batch_size", "learning_rate", "hidden", "likelihood", "last_layer"]
    fresh = runs[(runs["compressor"] == "ntc") & runs["train_size"].isna()]
    return fresh[fresh.groupby(same)["steps"].transform("nunique") > 1]


def by_steps(runs: pd.DataFrame) -> pd.DataFrame:
    """Excess in bits, and the decoder's part of it, for each number of steps: means over the seeds."""
    means = over_steps(runs).groupby([*INDEX, "batch_size", "steps"])[["excess", "decoder"]].mean()
    means = pd.DataFrame(means.unstack())
    return means.set_axis([", ".join(map(str, pair)) + " steps" for pair in means.columns.to_list()], axis="columns")


def by_batch(runs: pd.DataFrame) -> pd.DataFrame:
    """Excess in percent of the optimum: a row for each source, latent dimension and λ, a column for each batch size."""
    return over_batches(runs).pivot_table(index=INDEX, columns="batch_size", values="percent")


def by_training_set(runs: pd.DataFrame) -> pd.DataFrame:
    """Excess in percent of the optimum by the size of a training set, over the whole source and in training."""
    selected = over_training_sets(runs)
    sizes = selected["train_size"].fillna(math.inf)
    means = selected.assign(train_size=sizes).groupby([*INDEX, "batch_size", "train_size"])[
        ["percent", "trained_percent"]
    ]
    return means.mean().rename(index={math.inf: "fresh"}, level="train_size")


def parts(runs: pd.DataFrame) -> pd.DataFrame:
    """Rate, entropy, distortion, and the excess with its parts in bits, at the largest batch size of each source."""
    selected = usual(runs)
    largest = selected[selected["batch_size"] == selected.groupby(INDEX)["batch_size"].transform("max")]
    return largest.groupby([*INDEX, "batch_size"])[SHOWN].mean()


def finer(runs: pd.DataFrame) -> pd.DataFrame:
    """The five parts of the excess, in bits, for each run of the paper's compressors that has them."""
    split = runs[(runs["compressor"] == "ntc") & runs[list(FINE)].notna().all(axis=1)]
    index = [*INDEX, "batch_size", "steps", "seed"]
    table = split.set_index(index).sort_index()[["cells", *FINE, "partition", "excess"]]
    return table.where(table.abs() >= ROUNDING, 0.0)


def best(runs: pd.DataFrame) -> pd.DataFrame:
    """The run of the paper's compressors with fresh phases that is nearest to the optimum, for each source and λ."""
    ntc = runs[(runs["compressor"] == "ntc") & runs["train_size"].isna()]
    first = ntc.sort_values("excess").drop_duplicates(["source", "lmbda"]).sort_values(["source", "lmbda"])
    return first.set_index(["source", "lmbda"])[["latent_dim", "batch_size", "steps", "seed", "excess", "percent"]]


def markdown(frame: pd.DataFrame, digits: int = 3) -> str:
    """A table in Markdown, with numbers to `digits` digits."""
    flat = frame.reset_index()
    names = [_text(name, digits) for name in flat.columns]
    rows = [[_text(value, digits) for value in row] for row in flat.astype(object).itertuples(index=False)]
    lines = [names, ["---"] * len(names), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _text(value: object, digits: int) -> str:
    if not isinstance(value, float):
        return str(value).replace("_", " ")
    if value.is_integer() and abs(value) < 1e6:
        return str(int(value))
    if math.isnan(value):
        return ""
    return f"{value:.1e}" if abs(value) < 1e-4 else f"{value:#.{digits}g}".rstrip(".")

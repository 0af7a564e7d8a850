"""Tables of runs, read from a store or a CSV and checked."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from edcurve.io.files import read_text
from edcurve.io.text import shortened

NEEDED = (
    "key", "source", "lmbda", "latent_dim", "batch_size", "seed", "steps", "status", "rate", "entropy", "distortion",
    "excess", "entropy_model", "decoder", "partition",
)  # fmt: skip
# columns that tables of older versions lack, and their default values
DEFAULTS: dict[str, Any] = {"compressor": "ntc", "train_size": np.nan, "learning_rate": 1e-3, "hidden": "[100, 100]"}
DEFAULTS |= {
    "rank_floor": np.nan,
    "noisy_rate": np.nan,
    "noisy_distortion": np.nan,
    "samples": np.nan,
    "likelihood": "derived",
    "start": "data",
    "last_layer": "trained",
}
FINE = ("dependence", "marginals", "readout", "features")
DEFAULTS |= dict.fromkeys(("cells", *FINE), np.nan)
TEXTS = ("key", "source", "status", "compressor", "hidden", "likelihood", "start", "last_layer")
COUNTS = ("latent_dim", "batch_size", "steps")
LARGEST = 2.0**64


def read_runs(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Finished runs of a store, or of the CSV that ``edcurve runs DIR --csv`` writes.

    Returns
    -------
    pandas.DataFrame
        One row for each run. Further columns are `optimum`, the least H + λD in bits; `percent`, the excess in percent
        of it; and `trained_percent`, the same in the last steps of training, on its phases and with soft rounding.

    Raises
    ------
    ValueError
        If a column is missing, no run has finished, or the folder is not a store.
    """
    where = Path(path)
    if where.is_dir():
        if not (where / "runs").is_dir():
            raise ValueError(f"{where} is not a store of trained compressors: it has no folder named runs")
        from edcurve_neural.store import Store

        rows = Store(where).rows()
        frame = pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(NEEDED))
    else:
        try:
            text = io.StringIO(read_text(where, "utf-8-sig"))
            frame = pd.read_csv(text, low_memory=False)
        except (ValueError, RecursionError) as error:  # from pandas, or for text that is not UTF-8
            raise ValueError(f"{where}: not a CSV file in UTF-8: {shortened(error)}") from None
    return finished_runs(frame, str(where))


def finished_runs(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Finished runs of a table, with all columns of `read_runs`; ValueError names `where`, the origin of the table."""
    missing = [name for name in NEEDED if name not in frame]
    if missing:
        raise ValueError(f"{where}: expected the columns of `edcurve runs --csv`, got none called {', '.join(missing)}")
    finished = frame[frame["status"] == "finished"].reset_index(drop=True)
    if finished.empty:
        raise ValueError(f"{where}: no run has finished")
    # a new table from its columns, because replacing thousands of columns one by one is slow
    columns = {str(name): finished[name] for name in finished}
    for name in (*NEEDED, *DEFAULTS):
        value = DEFAULTS.get(name)
        if name not in columns:
            columns[name] = pd.Series(value, finished.index)
        elif name in TEXTS:
            column = columns[name].astype(object)
            columns[name] = (column if value is None else column.fillna(value)).astype(str)
        else:
            column = _numbers(columns[name], where)
            columns[name] = column if value is None else column.fillna(value)
    finished = pd.DataFrame(columns)
    finished["optimum"] = finished["rate"] + finished["lmbda"] * finished["distortion"] - finished["excess"]
    noisy_loss = finished["noisy_rate"] + finished["lmbda"] * finished["noisy_distortion"]
    percent, trained = (
        100.0 * finished["excess"] / finished["optimum"],
        100.0 * (noisy_loss / finished["optimum"] - 1.0),
    )
    return finished.assign(percent=percent, trained_percent=trained)


def _numbers(column: pd.Series[Any], where: str) -> pd.Series[Any]:
    """A column as numbers; a ValueError names the column and the value. Only columns with a default may have gaps."""
    name = str(column.name)
    # by way of text, because pandas fails to convert an integer that is too large for a float
    numbers = pd.to_numeric(column.astype(str) if column.dtype == object else column, errors="coerce")
    least = 1.0 if name in COUNTS else 0.0 if name in ("lmbda", "distortion", "rate", "entropy") else -np.inf
    bad = (numbers.isna() & (column.notna() if name in DEFAULTS else True)) | ~(numbers.fillna(1.0).abs() <= LARGEST)
    bad |= numbers < least
    if bad.any():
        raise ValueError(f"{where}: column {name} must be of numbers, got {str(column[bad].iloc[0])[:60]!r}")
    return numbers


def usual(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs of the paper's compressors with the commonest schedule of their source, and fresh phases in each step."""
    selected = runs[(runs["compressor"] == "ntc") & runs["train_size"].isna()]
    for name in ("steps", "learning_rate", "hidden", "likelihood", "last_layer"):
        if len(selected):
            selected = selected[
                selected[name] == selected.groupby("source")[name].transform(lambda values: values.mode().iloc[-1])
            ]
    return selected

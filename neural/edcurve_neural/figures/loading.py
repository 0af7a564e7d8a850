"""`load`: trained compressors to draw, with the codewords of some."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from .tables import finished_runs, read_runs

SHIPPED = ("runs.csv", "codewords.csv", "provenance.json")


class Trained(NamedTuple):
    """Trained compressors to draw.

    Attributes
    ----------
    runs : pandas.DataFrame
        Finished runs, as `read_runs` returns them.
    codewords : pandas.DataFrame or None
        Codewords of some of them against the phase, as `codewords.codewords` returns them.
    provenance : dict or None
        Commands and settings of the training, if known.
    """

    runs: pd.DataFrame
    codewords: pd.DataFrame | None
    provenance: dict[str, Any] | None


def load(path: str | os.PathLike[str] | None = None) -> Trained:
    """Trained compressors of a store, of the CSV of ``edcurve runs DIR --csv``, or those shipped with the package.

    Parameters
    ----------
    path : path, optional
        A store or a CSV; a CSV has no codewords. By default the shipped results.

    Raises
    ------
    ValueError
        If there is no finished run, a column is missing, or the folder is not a store.
    ImportError
        For a store, if PyTorch is not installed.
    """
    if path is None:
        runs, codewords, provenance = (files("edcurve_neural").joinpath("data", name) for name in SHIPPED)
        with runs.open(encoding="utf-8") as runs_file, codewords.open(encoding="utf-8") as codewords_file:
            return Trained(
                finished_runs(pd.read_csv(runs_file), "the results shipped"),
                pd.read_csv(codewords_file),
                json.loads(provenance.read_text(encoding="utf-8")),
            )
    table = read_runs(path)
    if not Path(path).is_dir():
        return Trained(table, None, None)
    from .codewords import codewords as of_store  # late, because it needs PyTorch

    return Trained(table, of_store(path, table), None)

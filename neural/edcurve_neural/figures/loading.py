"""`load`: trained compressors to draw, with the codewords of some of them."""

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
        How they were made, if known.
    """

    runs: pd.DataFrame
    codewords: pd.DataFrame | None
    provenance: dict[str, Any] | None


def load(path: str | os.PathLike[str] | None = None) -> Trained:
    """Trained compressors of a store, of the CSV of ``edcurve runs DIR --csv``, or those shipped with the package.

    Parameters
    ----------
    path : path, optional
        A store or a CSV; a CSV has no codewords. By default the results that are shipped.

    Raises
    ------
    ValueError
        If there is no finished run, a column is missing, or the folder is no store.
    ImportError
        For a store, if PyTorch is not installed.
    """
    if path is None:
        runs, codewords, provenance = (files("edcurve_neural").joinpath("data", name) for name in SHIPPED)
        with runs.open(encoding="utf-8") as table, codewords.open(encoding="utf-8") as words:
            return Trained(
                finished_runs(pd.read_csv(table), "the results shipped"),
                pd.read_csv(words),
                json.loads(provenance.read_text(encoding="utf-8")),
            )
    runs_there = read_runs(path)
    if not Path(path).is_dir():
        return Trained(runs_there, None, None)
    from .codewords import codewords as of_store  # late: it needs PyTorch

    return Trained(runs_there, of_store(path, runs_there), None)

"""Codewords and reconstructions of trained compressors against the phase: the content of Figures 2 and 4."""

from __future__ import annotations

import dataclasses
import os
from typing import cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from edcurve_neural.compressors.ntc import NTC
from edcurve_neural.config import Config
from edcurve_neural.evaluation import grid
from edcurve_neural.store import Store
from edcurve_neural.store.records import configuration

LATENT_DIMS = {"ramp": (1,), "circle": (1, 2)}
INDEX, OF = 240, 1024  # the sample of the paper's Figure 2
DIGITS = 5


def codewords(store: str | os.PathLike[str], runs: pd.DataFrame, *, points: int = 512) -> pd.DataFrame | None:
    """Latents, codewords and reconstructions on a grid of phases.

    The runs are those of the ramp with one latent dimension and of the circle with one and two, at the least and the
    greatest λ. Of several runs, the one with the longest schedule is chosen, then the one with the largest batch and
    the first seed.

    Parameters
    ----------
    store : path
        Folder of the trained compressors.
    runs : pandas.DataFrame
        Its runs, as `read_runs` returns them.
    points : int
        The phases are (j + ½)/points.

    Returns
    -------
    pandas.DataFrame or None
        One row for each run and phase: `key` of the run, `phase`, `latent_0`, … (analysis), `codeword_0`, … (rounded).
        For the ramp also, at t = 240/1024, `signal`, `reconstruction` and `unquantised`, the synthesis of the latent
        without rounding. None if the store has no such runs.

    Raises
    ------
    DamagedFileError
        If weights were altered.
    ValueError
        If another release wrote the weights, whose configurations had other fields.
    """
    kept = Store(store)
    rows = {row["key"]: row for row in kept.rows()}
    names = [field.name for field in dataclasses.fields(Config)]
    tables = []
    for key in chosen(runs):
        fields = {name: rows[key][name] for name in names if name in rows[key]}
        config = configuration(kept.path / "runs" / f"{key}.json", fields)
        model = cast(NTC, kept.load(config).model)  # `chosen` selects no other kind
        table = of_model(model, points)
        table.insert(0, "key", key)
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else None


def chosen(runs: pd.DataFrame) -> list[str]:
    """Keys of the runs to show."""
    pairs = [(source, dim) for source, dims in LATENT_DIMS.items() for dim in dims]
    fresh = runs[(runs["compressor"] == "ntc") & runs["train_size"].isna()]
    first = fresh.sort_values(["steps", "batch_size", "seed"], ascending=[False, False, True])
    keys: list[str] = []
    for source, dim in pairs:
        group = first[(first["source"] == source) & (first["latent_dim"] == dim)]
        ends = group[group["lmbda"].isin([group["lmbda"].min(), group["lmbda"].max()])]
        keys += ends.drop_duplicates("lmbda").sort_values("lmbda")["key"].tolist()
    return keys


@torch.no_grad()
def of_model(model: NTC, points: int) -> pd.DataFrame:
    """Latents, codewords and reconstructions of one model on a grid of phases."""
    v = grid(points)
    x = model.signal.sample(v.unsqueeze(0)).to(model.flat)
    y, k = model.analysis(x), model.encode(x)
    columns = {"phase": v.unsqueeze(1), "latent": y[0], "codeword": k[0]}
    if model.signal.samples is not None:
        sample = INDEX * model.signal.dim // OF
        signals = {"signal": x, "reconstruction": model.decode(k), "unquantised": model.synthesis(y)}
        columns |= {name: values[0, :, sample : sample + 1] for name, values in signals.items()}
    return pd.DataFrame(
        {
            f"{name}_{i}" if name in ("latent", "codeword") else name: _rounded(column)
            for name, values in columns.items()
            for i, column in enumerate(values.T)
        }
    )


def _rounded(values: torch.Tensor) -> NDArray[np.generic]:
    """Values rounded to the digits that a figure shows; integers are unchanged."""
    array: NDArray[np.generic] = values.cpu().numpy()
    if array.dtype.kind == "i":
        return array
    return np.array([float(f"{value:.{DIGITS}g}") for value in array])

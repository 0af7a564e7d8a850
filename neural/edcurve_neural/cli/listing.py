"""Rows of compressors as a table for people and as a CSV."""

from __future__ import annotations

import csv
import dataclasses
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edcurve_neural.config import Config

FIRST = ("source", "compressor", "lmbda", "latent_dim", "batch_size", "seed")
CONFIGURED = tuple(field.name for field in dataclasses.fields(Config))
FIELDS = (*FIRST, *(name for name in CONFIGURED if name not in FIRST), "points_of", "optimum", "status")
ATTAINED = ("rate", "entropy", "distortion", "distortion_centroid")
SPLIT = ("entropy_model", "dependence", "marginals", "decoder", "readout", "features")
PARTS = ("excess", "excess_sampled", *SPLIT, "partition", "left_open")
DIGITS = 4  # of evaluated numbers
MIXED = object()  # marks values that differ between rows
LEAST = 1e-8  # bits; smaller parts are rounding errors

Row = dict[str, Any]


def table(rows: Sequence[Row], width: int) -> list[str]:
    """Lines of a table: first the values common to all rows, then parts one below the other that fit the width."""
    common = {name: text(_shared(name, rows)) for name in FIELDS if _shared(name, rows) is not MIXED}
    shared = [f"{name} {value}" for name, value in common.items() if value != "-"]
    lines = textwrap.wrap("; ".join(shared), width, break_long_words=False, break_on_hyphens=False)
    columns = {name: _column(name, [row.get(name) for row in rows]) for name in (*FIELDS, *ATTAINED, *PARTS)}
    varied = [name for name in FIELDS if name not in common]
    keys = _beginnings([row.get("key") for row in rows])
    if any(keys):
        columns["key"], varied = _column("key", keys), ["key", *varied]

    def fits(names: list[str]) -> bool:
        return sum(len(columns[name][0]) + 2 for name in [*varied, *names]) - 2 <= width

    groups = [ATTAINED, [name for name in PARTS if any(name in row for row in rows)]]
    for names in _parts(groups, fits):
        together = zip(*(columns[name] for name in [*varied, *names]), strict=True)
        lines += ["", *("  ".join(cells) for cells in together)]
    return lines


def _beginnings(keys: Sequence[str | None]) -> list[str | None]:
    """The shortest beginnings that tell the keys apart: other commands accept these."""
    full = [key for key in keys if key]
    size = next((n for n in range(6, 64) if len({key[:n] for key in full}) == len(set(full))), 64)
    return [key[:size] if key else None for key in keys]


def _shared(name: str, rows: Sequence[Row]) -> Any:
    """The value that all rows have, or MIXED; rows without samples are ignored among rows with samples."""
    values = [row.get(name) for row in rows if name != "samples" or row.get(name) is not None] or [None]
    return values[0] if all(value == values[0] for value in values) else MIXED


def _parts(groups: Sequence[Sequence[str]], fits: Any) -> list[list[str]]:
    """Names for side-by-side columns that fit; groups are split only if necessary."""
    parts: list[list[str]] = [[]]
    for group in groups:
        if not fits([*parts[-1], *group]):
            parts.append([])
        for name in group:
            if not fits([*parts[-1], name]):
                parts.append([])
            parts[-1].append(name)
    return [part for part in parts if part]


def _column(name: str, values: list[Any]) -> list[str]:
    """The cells of a column, of one width: two lines of its name, then its values."""
    first, _, last = name.rpartition("_")
    if name in PARTS:
        values = [0.0 if value is not None and abs(value) < LEAST else value for value in values]
    cells = [first, last, *(text(value, None if name in FIELDS else DIGITS) for value in values)]
    width = max(map(len, cells))
    return [f"{cell:>{width}}" for cell in cells]


def text(value: Any, digits: int | None = None) -> str:
    """A value as text for people; "-" for None, the stored form of infinite numbers and NaN."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, float):
        return f"{value + 0.0:.{digits or 10}g}" if math.isfinite(value) else "-"
    return str(value)


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write rows with a header line, numbers exact; a field that a row lacks is empty."""
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["key", *FIELDS, *ATTAINED, *PARTS]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

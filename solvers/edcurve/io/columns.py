"""Columns of measured points: their names, and the storage of their cells."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .text import number

REQUIRED = ("distortion", "entropy")
INTERVALS = ("distortion_low", "distortion_high", "entropy_low", "entropy_high")
FINER = ("entropy_marginals", "distortion_readout")
OPTIONAL = ("lmbda", "rate", "distortion_centroid", *FINER, "samples", *INTERVALS)
# alternative names of columns, in lower case, as in published tables of codecs
SPELT = {"lambda": "lmbda", "λ": "lmbda", "bits per pixel": "bpp"}
SPELT |= dict.fromkeys(("psnr-rgb", "psnr_rgb", "psnr (db)", "psnr [db]", "psnr_db", "psnr-db"), "psnr")
SPELT |= dict.fromkeys(("bitrate (bpp)", "bit rate (bpp)", "bit-rate (bpp)", "rate (bpp)", "bpp [bit]"), "bpp")
SHOWN = {"lmbda": "λ", "psnr": "PSNR"}
# columns from which D and H can be computed if the dimension of a realization is known
MEASURES = {"distortion": ("mse", "sse", "psnr"), "entropy": ("bits", "nats", "bpp", "bpd")}
CONVERTED = (*MEASURES["distortion"], *MEASURES["entropy"])
ENDS = ("low", "high")  # of an interval: columns psnr_low and psnr_high, and so on
CONVERTED_ENDS = tuple(f"{measure}_{end}" for measure in CONVERTED for end in ENDS)
# columns that identify the compressor of a row: those of `edcurve runs --csv`, and common names of hand-made tables
NAMING = ("label", "name", "codec", "compressor", "latent_dim", "batch_size", "seed")
SETTINGS = ("setting", "quality", "qp")  # columns that identify the point of a codec
VARIED = ("steps", "train_size")  # columns that do so too if their values differ
CODECS = ("method", "model")  # alternative names of the column codec
CODEC = "codec"  # rows of equal value are points of one codec; without it, rows whose labels differ only in the seed
NUMBERS = frozenset((*REQUIRED, *OPTIONAL, *CONVERTED, *CONVERTED_ENDS))
READ = frozenset((*NUMBERS, *NAMING, *SETTINGS, *VARIED, "source", "status"))  # stored columns of a CSV
MOST_SHARED = 2**16  # most distinct texts that are stored once
LONGEST = 60  # characters of a cell in a label, or of a value in a message


class Numbers(Sequence[Any]):
    """A column of text, stored in eight bytes per cell for numbers and empty cells."""

    def __init__(self) -> None:
        self.values, self.others = array("d"), dict[int, str]()

    def extend(self, cells: Sequence[str]) -> None:
        """Add cells: all at once if they are numbers, otherwise one by one."""
        try:
            values = array("d", map(float, cells))
        except ValueError:
            values = array("d")
        if values and min(values) >= 0.0 and sum(values) < math.inf and "_" not in "".join(cells):
            self.values.extend(values)
        else:
            for cell in cells:
                self._append(cell)

    def _append(self, cell: str) -> None:
        try:
            value = number(cell) if cell.strip() else math.nan
        except ValueError:
            value = math.inf
        if not (value >= 0.0 and value < math.inf) and cell.strip():
            self.others[len(self.values)] = cell
        self.values.append(value)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, i: Any) -> Any:
        value = self.others.get(i, self.values[i])
        return "" if value != value else value


class Texts(list[str]):
    """A column of text that stores equal cells once."""

    def __init__(self) -> None:
        super().__init__()
        self._distinct: dict[str, str] = {}

    def extend(self, cells: Iterable[str]) -> None:
        """Add cells."""
        super().extend(shared(self._distinct, cell) for cell in cells)


def shared(distinct: dict[str, str], text: str) -> str:
    """The stored text equal to this one; new texts are stored up to a limit, as a table of them takes more memory."""
    return distinct.setdefault(text, text) if len(distinct) < MOST_SHARED else distinct.get(text, text)


class Columns(dict[str, Any]):
    """Columns by standard names; `own_names` has the user's names for messages."""

    def __init__(self, columns: Mapping[str, Any], own_names: Mapping[str, str] | None = None) -> None:
        super().__init__(columns)
        self.own_names = own_names or {}

    @classmethod
    def named(cls, columns: Mapping[str, Any], where: str) -> Columns:
        """The columns, under their standard names."""
        names = meant_names(list(columns), where)
        return cls(
            dict(zip(names, columns.values(), strict=True)), dict(zip(names, map(str.strip, columns), strict=True))
        )

    def called(self, name: str) -> str:
        """The user's name of a column."""
        return self.own_names.get(name, name)


def meant_names(names: Sequence[str], where: str) -> list[str]:
    """Standard names of columns, regardless of case; see `SPELT` and `CODECS`."""
    stripped = [name.strip() for name in names]
    small = [SPELT.get(name.casefold(), name.casefold()) for name in stripped]
    for name in NUMBERS.intersection(small):
        if len(own := [one for one, other in zip(stripped, small, strict=True) if other == name]) > 1:
            if len(set(own)) == 1:
                raise ValueError(f"{where}: more than one column is called {own[0]}")
            raise ValueError(f"{where}: expected one column of {SHOWN.get(name, name)}, got {' and '.join(own)}")
    if CODEC not in small and len(other := [i for i, name in enumerate(small) if name in CODECS]) == 1:
        small[other[0]] = CODEC
    words = {*NAMING, *SETTINGS, *VARIED}
    return [
        one if one in NUMBERS or (one in words and small.count(one) == 1) else name
        for one, name in zip(small, stripped, strict=True)
    ]


def counted(number: int, thing: str) -> str:
    """A number with its noun: "1 row", "2 rows"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def shown(value: Any) -> str:
    """A value for a message, truncated if long."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def is_empty(value: Any) -> bool:
    """Whether a cell is empty."""
    return value is None or (isinstance(value, str) and not value.strip())


def is_blank(value: Any) -> bool:
    """Whether a cell is empty or NaN."""
    return bool(value != value) or is_empty(value)

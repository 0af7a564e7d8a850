"""Columns of measured points: what they may be called, and how their cells are kept."""

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
# other names of columns, in small letters; the published tables of codecs have as many
SPELT = {"lambda": "lmbda", "λ": "lmbda", "bits per pixel": "bpp"}
SPELT |= dict.fromkeys(("psnr-rgb", "psnr_rgb", "psnr (db)", "psnr [db]", "psnr_db", "psnr-db"), "psnr")
SPELT |= dict.fromkeys(("bitrate (bpp)", "bit rate (bpp)", "bit-rate (bpp)", "rate (bpp)", "bpp [bit]"), "bpp")
SHOWN = {"lmbda": "λ", "psnr": "PSNR"}
# what D and H can be computed from, if it is known how many numbers a realization has
MEASURES = {"distortion": ("mse", "sse", "psnr"), "entropy": ("bits", "nats", "bpp", "bpd")}
CONVERTED = (*MEASURES["distortion"], *MEASURES["entropy"])
ENDS = ("low", "high")  # of an interval: columns psnr_low and psnr_high, and so on
CONVERTED_ENDS = tuple(f"{measure}_{end}" for measure in CONVERTED for end in ENDS)
# columns that say which compressor a row is: those of `edcurve runs --csv`, and names that people give by hand
NAMING = ("label", "name", "codec", "compressor", "latent_dim", "batch_size", "seed")
SETTINGS = ("setting", "quality", "qp")  # columns that say which point of a codec a row is
VARIED = ("steps", "train_size")  # columns that say so too where they differ
CODECS = ("method", "model")  # what a column codec may be called
CODEC = "codec"  # its rows are points of one codec; without it those are, whose labels differ in the seed alone
NUMBERS = frozenset((*REQUIRED, *OPTIONAL, *CONVERTED, *CONVERTED_ENDS))
READ = frozenset((*NUMBERS, *NAMING, *SETTINGS, *VARIED, "source", "status"))  # columns of a CSV, others are not kept
MOST_SHARED = 2**16  # different texts of which equal ones are looked for
LONGEST = 60  # characters of a cell of a label, or of a value in a message


class Numbers(Sequence[Any]):
    """A column of text, kept as eight bytes a cell where cells are numbers or empty."""

    def __init__(self) -> None:
        self.values, self.others = array("d"), dict[int, str]()

    def extend(self, cells: Sequence[str]) -> None:
        """Add cells: all at once where they are numbers, else one by one."""
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
    """A column of text, equal cells kept once."""

    def __init__(self) -> None:
        super().__init__()
        self._distinct: dict[str, str] = {}

    def extend(self, cells: Iterable[str]) -> None:
        """Add cells."""
        super().extend(shared(self._distinct, cell) for cell in cells)


def shared(distinct: dict[str, str], text: str) -> str:
    """The same text, of those kept if it is among them, which are not many: a table of them takes more than texts."""
    return distinct.setdefault(text, text) if len(distinct) < MOST_SHARED else distinct.get(text, text)


class Columns(dict[str, Any]):
    """Columns by what they are called here; `given` has what the user called them, for messages."""

    def __init__(self, columns: Mapping[str, Any], given: Mapping[str, str] | None = None) -> None:
        super().__init__(columns)
        self.given = given or {}

    @classmethod
    def named(cls, columns: Mapping[str, Any], where: str) -> Columns:
        """The columns, under the names that they have here."""
        here = meant_names(list(columns), where)
        return cls(
            dict(zip(here, columns.values(), strict=True)), dict(zip(here, map(str.strip, columns), strict=True))
        )

    def called(self, name: str) -> str:
        """What the user called a column."""
        return self.given.get(name, name)


def meant_names(names: Sequence[str], where: str) -> list[str]:
    """Names of columns as they are called here, whatever their capitals; see `SPELT` and `CODECS`."""
    stripped = [name.strip() for name in names]
    small = [SPELT.get(name.casefold(), name.casefold()) for name in stripped]
    for name in NUMBERS.intersection(small):
        if len(given := [one for one, other in zip(stripped, small, strict=True) if other == name]) > 1:
            if len(set(given)) == 1:
                raise ValueError(f"{where}: more than one column is called {given[0]}")
            raise ValueError(f"{where}: expected one column of {SHOWN.get(name, name)}, got {' and '.join(given)}")
    if CODEC not in small and len(other := [i for i, name in enumerate(small) if name in CODECS]) == 1:
        small[other[0]] = CODEC
    words = {*NAMING, *SETTINGS, *VARIED}
    return [
        one if one in NUMBERS or (one in words and small.count(one) == 1) else name
        for one, name in zip(small, stripped, strict=True)
    ]


def counted(number: int, thing: str) -> str:
    """A number of things in words: "1 row", "2 rows"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def shown(value: Any) -> str:
    """A value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def is_empty(value: Any) -> bool:
    """Whether a cell has nothing in it."""
    return value is None or (isinstance(value, str) and not value.strip())


def is_blank(value: Any) -> bool:
    """Whether a cell has nothing in it, or NaN."""
    return bool(value != value) or is_empty(value)

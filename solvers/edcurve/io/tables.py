"""Measured points: distortion and entropy of compressors in bits, from a file, a data frame or an array."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import os
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edcurve.units import Units
from edcurve.validation import as_array, warn

from . import files
from .arrays import SEPARATORS
from .text import number, printable, shortened

Array = NDArray[np.float64]
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
MEANT = {"d": "distortion", "h": "entropy"}  # names of columns that a message tells people to rename
# columns that say which compressor a row is: those of `edcurve runs --csv`, and names that people give by hand
NAMING = ("label", "name", "codec", "compressor", "latent_dim", "batch_size", "seed")
SETTINGS = ("setting", "quality", "qp")  # columns that say which point of a codec a row is
VARIED = ("steps", "train_size")  # columns that say so too where they differ
CODECS = ("method", "model")  # what a column codec may be called
CODEC = "codec"  # its rows are points of one codec; without it those are, whose labels differ in the seed alone
NUMBERS = frozenset((*REQUIRED, *OPTIONAL, *CONVERTED, *CONVERTED_ENDS))
READ = frozenset((*NUMBERS, *NAMING, *SETTINGS, *VARIED, "source", "status"))  # columns of a CSV, others are not kept
MOST_ROWS = 2**22  # each takes some 60 bytes until its excess is printed, however short it is in a file
MOST_OTHERS = 2**16  # cells of columns of numbers that hold other text, such as those of other sources
BLOCK = 2**12  # rows that are read at a time
MOST_SHARED = 2**16  # different texts of which equal ones are looked for
LONGEST = 60  # characters of a cell of a label, or of a value in a message
MANY = 20  # names in a message
MOST_CODECS = 20  # that are told apart


@dataclass(frozen=True)
class Points:
    """Measured points of one source, each of one compressor.

    Attributes
    ----------
    distortion, entropy : ndarray, shape (n,)
        D and H, in bits.
    lmbda, rate, distortion_centroid, samples : ndarray, shape (n,)
        λ in bits per unit distortion; rate in bits under the compressor's own entropy model; distortion if its cells
        were decoded to their centroids; number of points at which it sees the source. NaN where not given.
    entropy_marginals, distortion_readout : ndarray, shape (n,)
        Sum of the entropies of the latents one by one; distortion with the best last layer of its decoder. NaN where
        not given.
    distortion_low, distortion_high, entropy_low, entropy_high : ndarray, shape (n,)
        Ends of confidence intervals; NaN where not given.
    labels : tuple of str, length n
        Names of the compressors, or "".
    codecs : tuple of str, length n
        What each is a point of: the column codec, or else the label without the seed.
    curves : tuple of str, length n
        What is one curve of points: the column codec, or else the label without the setting.
    columns : tuple of str
        The columns that D and H are from.
    left_out, blank : int
        Rows of other sources or without a result, and how many of them lack one though no status says so.
    """

    distortion: Array
    entropy: Array
    lmbda: Array
    rate: Array
    distortion_centroid: Array
    entropy_marginals: Array
    distortion_readout: Array
    samples: Array
    distortion_low: Array
    distortion_high: Array
    entropy_low: Array
    entropy_high: Array
    labels: tuple[str, ...]
    codecs: tuple[str, ...]
    curves: tuple[str, ...]
    columns: tuple[str, str] = REQUIRED
    left_out: int = 0
    blank: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def has_intervals(self) -> bool:
        """Whether any point has an end of an interval."""
        return bool(self.known_ends().any())

    def known_ends(self) -> NDArray[np.bool_]:
        """Whether each point has an end of an interval."""
        ends = np.array([getattr(self, name) for name in INTERVALS])
        return np.asarray(~np.isnan(ends).all(axis=0))

    def ends(self, end: str) -> tuple[Array, Array]:
        """D and H at the "low" or at the "high" ends of their intervals; what has no interval is taken to be exact."""
        columns = ((getattr(self, name), getattr(self, f"{name}_{end}")) for name in REQUIRED)
        distortion, entropy = (np.where(np.isnan(ends), values, ends) for values, ends in columns)
        return distortion, entropy

    def by_curve(self) -> dict[str, list[int]]:
        """Rows of each curve of points: of each codec if it was named, else of each label, settings aside."""
        return _grouped(self.curves)

    def by_codec(self) -> dict[str, list[int]]:
        """Rows of each codec, in their order; all rows under "" where there are more than `MOST_CODECS` of them."""
        rows = _grouped(self.codecs)
        return rows if len(rows) <= MOST_CODECS else {"": list(range(len(self)))}


def _grouped(names: Sequence[str]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        rows.setdefault(name, []).append(i)
    return rows


def read(
    points: Any,
    source: str | None = None,
    *,
    units: Units | None = None,
    columns: Sequence[str] | None = None,
    measures: Sequence[str] = (),
) -> Points:
    """Measured points, checked.

    Parameters
    ----------
    points : path, mapping of columns (a pandas.DataFrame is one), array_like of shape (n, 2) or (2,), or Points
        A CSV with a header line or columns by name: distortion, entropy and perhaps lmbda (or lambda, or λ), rate,
        distortion_centroid, and columns that say which compressor it is; a JSON with lists by name in "results", as
        CompressAI writes it; several such paths; or pairs (distortion, entropy). Names may be in capital letters.
        Where cells are separated by semicolons or tabs, numbers may have decimal commas. Rows without D or H are left
        out.
    source : str, optional
        Where there is a column of that name, the source whose rows are meant.
    units : Units, optional
        With it, mse, sse or psnr may take the place of distortion, and bits, nats, bpp or bpd that of entropy; the ends
        of intervals then are psnr_low, psnr_high and so on. lmbda is the weight in its loss.
    columns : sequence of str, optional
        Names of the columns of a CSV that has no header line, or in place of those in it.
    measures : sequence of str
        Columns to be taken even where there is a column distortion or entropy.

    Returns
    -------
    Points

    Raises
    ------
    ValueError, TypeError
        That name the row, the column and the value.
    """
    if isinstance(points, Points):
        return points
    taken = units, tuple(measures)
    if isinstance(points, list | tuple) and points and all(isinstance(one, str | os.PathLike) for one in points):
        return _together([read(one, source, units=units, columns=columns, measures=measures) for one in points], points)
    if isinstance(points, str | os.PathLike):
        is_json = os.fspath(points).lower().endswith(".json")
        named, lines = (_read_json(points), None) if is_json else read_csv(points, columns)
        return _from_columns(named, lines, os.fspath(points), source, *taken)
    if isinstance(points, Mapping) or hasattr(points, "columns"):
        names = points.columns if hasattr(points, "columns") else points
        table = {str(name): _listed(str(name), points[name]) for name in names}
        return _from_columns(_named(table, "points"), None, "points", source, *taken)
    wanted = "points must be a path, a table with columns distortion and entropy, or pairs of them"
    try:
        pairs = as_array("points", points, f"{wanted}, got {{what}}").astype(np.float64)
    except ValueError:
        raise TypeError(f"{wanted}, got {points!r}") from None
    except TypeError as error:
        raise TypeError(str(error) if str(error).startswith(wanted) else f"{wanted}, got {points!r}") from None
    if pairs.shape == (2,):
        pairs = pairs[None]
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"points must be pairs (distortion, entropy), of shape (n, 2), got shape {pairs.shape}")
    return _from_columns(_Columns(zip(REQUIRED, pairs.T.tolist(), strict=True)), None, "points", source)


def read_said(points: Any, source: str, units: Units | None) -> Points:
    """Measured points as `read` has them, with a warning of rows that lack D or H."""
    table = read(points, source, units=units)
    if table.blank and table is not points:
        warn(omitted(table))
    return table


def _together(parts: Sequence[Points], paths: Sequence[Any]) -> Points:
    """Points of several files; those of a file that names no compressor are called like the file."""
    stems = [Path(path).stem for path in paths]

    def names(kind: str) -> tuple[str, ...]:
        pairs = zip(parts, stems, strict=True)
        return tuple(one or ("" if any(part.labels) else stem) for part, stem in pairs for one in getattr(part, kind))

    same = len({part.columns for part in parts}) == 1
    return Points(
        **{name: _end_to_end([getattr(part, name) for part in parts]) for name in (*REQUIRED, *OPTIONAL)},
        labels=names("labels"),
        codecs=names("codecs"),
        curves=names("curves"),
        columns=parts[0].columns if same else REQUIRED,
        left_out=sum(part.left_out for part in parts),
        blank=sum(part.blank for part in parts),
    )


def _end_to_end(columns: Sequence[Array]) -> Array:
    """One column of several; what is not given takes no memory."""
    if all(np.isnan(column).all() for column in columns):
        return np.broadcast_to(np.nan, sum(map(len, columns)))
    return np.concatenate(columns)


class _Numbers(Sequence[Any]):
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


class _Columns(dict[str, Any]):
    """Columns by what they are called here."""

    given: Mapping[str, str] = {}  # what the user called them, for messages


class _Texts(list[str]):
    """A column of text, equal cells kept once."""

    def __init__(self) -> None:
        super().__init__()
        self._distinct: dict[str, str] = {}

    def extend(self, cells: Iterable[str]) -> None:
        super().extend(_shared(self._distinct, cell) for cell in cells)


def _shared(distinct: dict[str, str], text: str) -> str:
    """The same text, of those kept if it is among them, which are not many: a table of them takes more than texts."""
    return distinct.setdefault(text, text) if len(distinct) < MOST_SHARED else distinct.get(text, text)


def read_csv(path: str | os.PathLike[str], names: Sequence[str] | None = None) -> tuple[_Columns, Sequence[int]]:
    """The columns of a CSV, and for each row the line that it ends in.

    The columns have the names given, or else those in the first line. Of columns that nothing reads, no cells are kept.
    """
    where, lines = os.fspath(path), array("q")
    try:
        with files.reading(path, files.LARGEST, streams=True) as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            first = text.readline()
            separator = _separator(first)
            reader = csv.reader(itertools.chain([first], text), delimiter=separator)
            head = list(next(reader, ()) if names is None else names)
            meant = _meant(head, where)
            given = _given(meant, head)
            columns: dict[str, Any] = {name: _Numbers() if name in NUMBERS else _Texts() for name in meant}
            kept = [(i, columns[name]) for name, i in {name: i for i, name in enumerate(meant)}.items() if name in READ]
            block: list[list[str]] = []
            for cells in reader:
                if not cells or (reader.line_num == 1 and _is_header(cells, meant)):
                    continue
                if len(cells) != len(head):
                    _check_length(cells, meant, head, kept, f"{where}, line {reader.line_num}", separator)
                block.append([cells[i] if i < len(cells) else "" for i, _ in kept])
                lines.append(reader.line_num)
                if len(lines) > MOST_ROWS:
                    raise ValueError(f"{where}: expected at most {MOST_ROWS} rows, got more: split the file")
                if len(block) == BLOCK:
                    _keep(block, kept, separator, where)
                    block.clear()
            _keep(block, kept, separator, where)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{where}: not a CSV file in UTF-8: {error}") from None
    table = _Columns({name: column if name in READ else range(len(lines)) for name, column in columns.items()})
    table.given = given
    return table, lines


def _given(meant: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    return {here: name.strip() for here, name in zip(meant, names, strict=True)}


def _check_length(
    cells: Sequence[str],
    names: Sequence[str],
    given: Sequence[str],
    kept: Sequence[tuple[int, Any]],
    where: str,
    separator: str,
) -> None:
    """ValueError for a row with more cells than there are names, or without one of D and H."""
    if any(map(str.strip, cells[len(names) :])):
        wanted = f"expected {counted(len(names), 'cell')}, as many as names"
        raise ValueError(f"{where}: {wanted}, got {len(cells)}: {_shown(separator.join(cells))}")
    if lacking := [given[i].strip() for i, _ in kept if i >= len(cells) and names[i] in (*REQUIRED, *CONVERTED)]:
        wanted = f"{lacking[0]} must be a finite number, at least 0"
        raise ValueError(f"{where}: {wanted}, got {counted(len(cells), 'cell')} alone")


def _keep(rows: Sequence[Sequence[str]], kept: Sequence[tuple[int, Any]], separator: str, where: str) -> None:
    """Add rows to the columns that are kept; ValueError where too much in columns of numbers is none."""
    for cells, (_, column) in zip(zip(*rows, strict=True), kept, strict=False):  # there may be no rows
        column.extend(cells if separator == "," else [_pointed(cell, column) for cell in cells])
    if sum(len(column.others) for _, column in kept if isinstance(column, _Numbers)) > MOST_OTHERS:
        raise ValueError(f"{where}: expected numbers, got more than {MOST_OTHERS} cells of other text")


def _separator(line: str) -> str:
    """What separates cells, by the first line: a comma, unless there are semicolons or tabs, and no known name."""
    named = {name.strip().casefold() for name in line.split(",")}
    others = [one for one in SEPARATORS if one in line]
    return others[0] if others and not named & (READ | SPELT.keys()) else ","


def _pointed(cell: str, column: Any) -> str:
    """A number with a decimal point for its decimal comma; other cells as they are."""
    return cell.replace(",", ".") if isinstance(column, _Numbers) and cell.count(",") == 1 and "." not in cell else cell


def _is_header(cells: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a first line under given names has names of its own: text in all columns of numbers."""
    found = [cell for cell, name in zip(cells, names, strict=False) if name in NUMBERS]
    return bool(found) and not any(_is_number(cell) or not cell.strip() for cell in found)


def _is_number(cell: str) -> bool:
    try:
        number(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _meant(names: Sequence[str], where: str) -> list[str]:
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


def _read_json(path: str | os.PathLike[str]) -> _Columns:
    """The columns of results as CompressAI writes them: a name, and lists by name in "results"."""
    where = os.fspath(path)
    try:
        content = json.loads(files.read_text(path, "utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: not a JSON file in UTF-8: {shortened(error)}") from None
    results = content.get("results") if isinstance(content, dict) else None
    if not isinstance(results, dict):
        raise ValueError(f'{where}: expected an object with "results", lists of numbers by name')
    named = _named(results, where)
    columns = {name: one if isinstance(one, list) else [one] for name, one in named.items() if name in NUMBERS}
    count = max(map(len, columns.values()), default=0)
    table = _Columns({**columns, "name": [content.get("name", "")] * count})
    table.given = named.given
    return table


def _named(columns: Mapping[str, Any], where: str) -> _Columns:
    """The columns, under the names that they have here."""
    meant = _meant(list(columns), where)
    table = _Columns(zip(meant, columns.values(), strict=True))
    table.given = _given(meant, columns)
    return table


def _listed(name: str, column: Any) -> list[Any]:
    if isinstance(column, str) or not isinstance(column, Iterable):
        raise ValueError(f"points: column {name} must be a column of values, got {column!r}")
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    if hasattr(column, "isna"):  # what pandas has for missing values is not a number, nor comparable
        values = [None if missing else value for value, missing in zip(values, column.isna().tolist(), strict=True)]
    return values


def _from_columns(
    columns: _Columns,
    lines: Sequence[int] | None,
    where: str,
    source: str | None,
    units: Units | None = None,
    measures: tuple[str, ...] = (),
) -> Points:
    taken = {name: _measure(columns, name, measures) for name in REQUIRED}
    if units is None and (other := [name for name, column in taken.items() if column not in (name, None)]):
        raise ValueError(
            f"{where}: to turn column {_called(columns, str(taken[other[0]]))} into {other[0]}, say how many numbers a "
            "realization has: give units (--dim)"
        )
    if missing := [name for name, column in taken.items() if column is None]:
        names = ", ".join(_shown(_called(columns, name)) for name in list(columns)[:MANY]) or "none"
        wanted = " and ".join(
            REQUIRED if units is None else [f"{name} (or {', '.join(other)})" for name, other in MEASURES.items()]
        )
        raise ValueError(f"{where}: expected columns {wanted}, got no {missing[0]} among {names}{_remedy(columns)}")
    named = {name: str(column) for name, column in taken.items()} | {name: name for name in OPTIONAL}
    named |= {end: _end(end, taken) for end in INTERVALS}
    count = len(columns[named["distortion"]])
    if uneven := [name for name, column in columns.items() if len(column) != count]:
        raise ValueError(f"{where}: columns must be as long as each other, got {uneven[0]} and {named['distortion']}")
    kept: Sequence[int] = range(count)
    if source is not None and "source" in columns:
        kept = array("q", (i for i in kept if _is_of(columns["source"][i], source)))
    ours = len(kept)
    if any(_may_lack(columns[named[name]]) for name in REQUIRED):
        # a run that has failed, or has not ended, has no result; elsewhere NaN is a mistake
        lacks = _is_blank if "status" in columns else _is_empty
        both = [columns[named[name]] for name in REQUIRED]
        kept = array("q", (i for i in kept if not any(lacks(column[i]) for column in both)))
    if not kept:
        whose = f" of the source {source!r}" if source is not None and "source" in columns else ""
        filled = " with distortion and entropy" if ours else ""
        raise ValueError(
            f"{where}: expected at least one row{whose}{filled} below the header line, got none of {count}"
        )

    def at(i: int) -> str:
        return f"{where}, {'row' if lines is None else 'line'} {i if lines is None else lines[i]}"

    numbers = {
        name: _column(columns[column], _called(columns, column), kept, at, name in OPTIONAL)
        if column in columns
        else np.broadcast_to(np.nan, len(kept))  # takes no memory
        for name, column in named.items()
    }
    if units is not None:
        numbers = _converted(numbers, units, named)
    differing = [name for name in VARIED if len({str(columns[name][i]) for i in kept if name in columns}) > 1]
    has_codec = CODEC in columns
    several = (CODEC,) if has_codec else (*NAMING[:-1], *differing)
    listed = ((*NAMING, *SETTINGS, *differing), several, several if has_codec else (*NAMING, *differing))
    present = [tuple(name for name in names if name in columns) for names in listed]
    made = {names: _labels(columns, kept, names) for names in dict.fromkeys(present)}
    labels, codecs, curves = (made[names] for names in present)
    return Points(
        **numbers,
        labels=labels,
        codecs=codecs,
        curves=curves,
        columns=(named["distortion"], named["entropy"]),
        left_out=count - len(kept),
        blank=0 if "status" in columns else ours - len(kept),
    )


def _called(columns: _Columns, name: str) -> str:
    """What the user called a column."""
    return columns.given.get(name, name)


def _measure(columns: Mapping[str, Sequence[Any]], name: str, measures: tuple[str, ...]) -> str | None:
    """The column that gives distortion or entropy: one of `measures`, else itself, else what it can be from."""
    first = [other for other in MEASURES[name] if other in measures]
    for column in first or (name, *MEASURES[name]):
        if column in columns:
            return column
    return None


def _end(name: str, taken: dict[str, str | None]) -> str:
    """The column of an end of an interval, by that of the numbers themselves; the most D is the least PSNR."""
    quantity, end = name.split("_")
    column = taken[quantity]
    if column == "psnr":
        end = ENDS[1 - ENDS.index(end)]
    return f"{column}_{end}"


def _converted(numbers: dict[str, Array], units: Units, named: dict[str, str]) -> dict[str, Array]:
    """D, H and λ of the source, of numbers in the units of a program."""
    for name, convert in (("distortion", units.distortion), ("entropy", units.entropy)):
        for one in (name, *(f"{name}_{end}" for end in ENDS)) if named[name] != name else ():
            given, numbers[one] = ~np.isnan(numbers[one]), numbers[one].copy()
            numbers[one][given] = convert(**{named[name]: numbers[one][given]})
    numbers["lmbda"] = numbers["lmbda"].copy()
    given = ~np.isnan(numbers["lmbda"])
    numbers["lmbda"][given] = units.lmbda(numbers["lmbda"][given])
    return numbers


def _remedy(columns: _Columns) -> str:
    """What to do about names that are nearly right, or others."""
    meant = {name: MEANT.get(name.lower(), name.lower()) for name in columns if name not in REQUIRED}
    if len(columns) == 1 and not columns.keys() & READ and len(next(iter(columns)).split()) > 1:
        return ": separate cells by commas, semicolons or tabs, not by blanks"
    lacking = {*REQUIRED} - {*columns}
    wrong = [f"{_shown(name)} to {right}" for name, right in meant.items() if right in lacking]
    return f": rename {' and '.join(wrong)}" if wrong else ": rename columns, or name all of them (--columns)"


def counted(number: int, thing: str) -> str:
    """A number of things in words: "1 row", "2 rows"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def omitted(points: Points) -> str:
    """How many rows were left out, in a sentence."""
    verb = "is" if points.left_out == 1 else "are"
    what = "without D or H" if points.blank == points.left_out else "of other sources or without a result"
    return f"{counted(points.left_out, 'row')} {what} {verb} left out"


def _is_of(whose: Any, source: str) -> bool:
    return _is_blank(whose) or str(whose).strip() == source


def _may_lack(column: Sequence[Any]) -> bool:
    """Whether a cell may be empty; quickly where all are numbers."""
    return not isinstance(column, _Numbers) or bool(np.isnan(np.frombuffer(column.values)).any())


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_blank(value: Any) -> bool:
    return bool(value != value) or _is_empty(value)


def _column(
    column: Sequence[Any], name: str, kept: Sequence[int], at: Callable[[int], str], may_be_blank: bool
) -> Array:
    """The numbers of the rows kept; ValueError says at which row there is none."""
    if isinstance(column, _Numbers) and not column.others:
        values = np.frombuffer(column.values)
        if len(kept) < len(column):
            values = values[np.asarray(kept)]
        if may_be_blank or not np.isnan(values).any():
            return values
    return np.fromiter((_number(column[i], name, at, i, may_be_blank) for i in kept), np.float64, len(kept))


def _number(value: Any, name: str, at: Callable[[int], str], i: int, may_be_blank: bool) -> float:
    if may_be_blank and _is_blank(value):
        return math.nan
    try:
        given = number(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):
        given = math.nan
    if not (math.isfinite(given) and given >= 0.0):
        raise ValueError(f"{at(i)}: {name} must be a finite number, at least 0, got {_shown(value)}")
    return given


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _labels(columns: Mapping[str, Sequence[Any]], kept: Sequence[int], names: Sequence[str]) -> tuple[str, ...]:
    """The label of each row that is kept, of those columns; equal ones are kept once."""
    if not names:
        return ("",) * len(kept)
    distinct: dict[str, str] = {}
    return tuple(_shared(distinct, _label(columns, i, names)) for i in kept)


def _label(columns: Mapping[str, Sequence[Any]], i: int, names: Sequence[str]) -> str:
    parts = []
    for name in names:
        if not _is_blank(value := columns[name][i]):
            whole = isinstance(value, float) and value.is_integer()  # pandas makes floats of integers with gaps
            text = printable(str(int(value) if whole else value).strip()[:LONGEST])
            parts.append(text if name in (*NAMING[:4], SETTINGS[0]) else f"{name} {text}")
    return ", ".join(parts)

"""Measured points: distortion and entropy of compressors in bits, from a file, a data frame or an array."""

from __future__ import annotations

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
from .columns import (
    CODEC,
    ENDS,
    INTERVALS,
    LONGEST,
    MEASURES,
    NAMING,
    NUMBERS,
    OPTIONAL,
    READ,
    REQUIRED,
    SETTINGS,
    VARIED,
    Columns,
    Numbers,
    counted,
    is_blank,
    is_empty,
    shared,
    shown,
)
from .delimited import read_csv
from .text import number, printable, shortened

Array = NDArray[np.float64]
MEANT = {"d": "distortion", "h": "entropy"}  # names of columns that a message suggests to rename
MANY = 20  # most names in a message
MOST_CODECS = 20  # most codecs that are distinguished


@dataclass(frozen=True)
class Points:
    """Measured points of one source, one for each compressor.

    Attributes
    ----------
    distortion, entropy : ndarray, shape (n,)
        D and H, in bits.
    lmbda, rate, distortion_centroid, samples : ndarray, shape (n,)
        λ in bits per unit distortion; rate in bits under the compressor's own entropy model; distortion with its cells
        decoded to their centroids; number of points at which it samples the source. NaN where missing.
    entropy_marginals, distortion_readout : ndarray, shape (n,)
        Sum of the marginal entropies of the latents; distortion with the best last layer of its decoder. NaN where
        missing.
    distortion_low, distortion_high, entropy_low, entropy_high : ndarray, shape (n,)
        Ends of confidence intervals; NaN where missing.
    labels : tuple of str, length n
        Names of the compressors, or "".
    codecs : tuple of str, length n
        The codec of each point: from the column codec, or else the label without the seed.
    curves : tuple of str, length n
        The curve of each point: from the column codec, or else the label without the setting.
    columns : tuple of str
        The columns of D and H.
    left_out, blank : int
        Number of rows of other sources or without a result, and of those without a result in a table without a status.
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
        has_end = np.zeros(len(self), dtype=bool)
        for name in INTERVALS:
            has_end |= ~np.isnan(getattr(self, name))
        return has_end

    def ends(self, end: str) -> tuple[Array, Array]:
        """D and H at the "low" or at the "high" ends of their intervals; values without an interval count as exact."""
        columns = ((getattr(self, name), getattr(self, f"{name}_{end}")) for name in REQUIRED)
        distortion, entropy = (
            values if (exact := np.isnan(ends)).all() else np.where(exact, values, ends) for values, ends in columns
        )
        return distortion, entropy

    def by_curve(self) -> dict[str, list[int]]:
        """Rows of each curve of points: of each codec if named, else of each label without its settings."""
        return _grouped(self.curves)

    def by_codec(self) -> dict[str, list[int]]:
        """Rows of each codec, in order; all rows under "" if there are more than `MOST_CODECS` codecs."""
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
    """Read and check measured points.

    Parameters
    ----------
    points : path, mapping of columns (a pandas.DataFrame is one), array_like of shape (n, 2) or (2,), or Points
        A CSV with a header line, or columns by name: distortion, entropy and optionally lmbda (or lambda, or λ), rate,
        distortion_centroid, and columns that identify the compressor; a JSON with lists by name in "results", as
        CompressAI writes it; several such paths; or pairs (distortion, entropy). Names may be in capital letters.
        If cells are separated by semicolons or tabs, numbers may have decimal commas. Rows without D or H are left
        out.
    source : str, optional
        Name of the source, which selects the rows of a table with a column source.
    units : Units, optional
        With it, mse, sse or psnr may replace distortion, and bits, nats, bpp or bpd may replace entropy; the ends of
        intervals are then psnr_low, psnr_high and so on. lmbda is the weight in its loss.
    columns : sequence of str, optional
        Names of the columns of a CSV without a header line, or in place of those in it.
    measures : sequence of str
        Columns with precedence over the columns distortion and entropy.

    Returns
    -------
    Points

    Raises
    ------
    ValueError, TypeError
        For invalid values; messages name the row, the column and the value.
    """
    if isinstance(points, Points):
        return points
    conversion = units, tuple(measures)
    if isinstance(points, list | tuple) and points and all(isinstance(one, str | os.PathLike) for one in points):
        return _together([read(one, source, units=units, columns=columns, measures=measures) for one in points], points)
    if isinstance(points, str | os.PathLike):
        is_json = os.fspath(points).lower().endswith(".json")
        named, lines = (_read_json(points), None) if is_json else read_csv(points, columns)
        return _from_columns(named, lines, os.fspath(points), source, *conversion)
    if isinstance(points, Mapping) or hasattr(points, "columns"):
        names = points.columns if hasattr(points, "columns") else points
        table = {str(name): _listed(str(name), points[name]) for name in names}
        return _from_columns(Columns.named(table, "points"), None, "points", source, *conversion)
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
    return _from_columns(Columns(dict(zip(REQUIRED, pairs.T.tolist(), strict=True))), None, "points", source)


def read_said(points: Any, source: str, units: Units | None) -> Points:
    """Read measured points like `read`, with a warning about rows without D or H."""
    table = read(points, source, units=units)
    if table.blank and table is not points:
        warn(omitted(table))
    return table


def _together(parts: Sequence[Points], paths: Sequence[Any]) -> Points:
    """Points of several files; those of a file that names no compressor get the file's name."""
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
    """Concatenate columns; entirely missing ones take no memory."""
    if all(np.isnan(column).all() for column in columns):
        return np.broadcast_to(np.nan, sum(map(len, columns)))
    return np.concatenate(columns)


def _read_json(path: str | os.PathLike[str]) -> Columns:
    """The columns of a result of CompressAI: a name, and lists by name in "results"."""
    where = os.fspath(path)
    try:
        content = json.loads(files.read_text(path, "utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: not a JSON file in UTF-8: {shortened(error)}") from None
    results = content.get("results") if isinstance(content, dict) else None
    if not isinstance(results, dict):
        raise ValueError(f'{where}: expected an object with "results", lists of numbers by name')
    named = Columns.named(results, where)
    columns = {name: one if isinstance(one, list) else [one] for name, one in named.items() if name in NUMBERS}
    count = max(map(len, columns.values()), default=0)
    return Columns({**columns, "name": [content.get("name", "")] * count}, named.own_names)


def _listed(name: str, column: Any) -> list[Any]:
    if isinstance(column, str) or not isinstance(column, Iterable):
        raise ValueError(f"points: column {name} must be a column of values, got {column!r}")
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    if hasattr(column, "isna"):  # missing values of pandas are neither numbers nor comparable
        values = [None if missing else value for value, missing in zip(values, column.isna().tolist(), strict=True)]
    return values


def _from_columns(
    columns: Columns,
    lines: Sequence[int] | None,
    where: str,
    source: str | None,
    units: Units | None = None,
    measures: tuple[str, ...] = (),
) -> Points:
    measured = {name: _measure(columns, name, measures) for name in REQUIRED}
    if units is None and (other := [name for name, column in measured.items() if column not in (name, None)]):
        raise ValueError(
            f"{where}: to turn column {columns.called(str(measured[other[0]]))} into {other[0]}, say how many numbers "
            "a realization has: give units (--dim)"
        )
    if missing := [name for name, column in measured.items() if column is None]:
        names = ", ".join(shown(columns.called(name)) for name in list(columns)[:MANY]) or "none"
        wanted = " and ".join(
            REQUIRED if units is None else [f"{name} (or {', '.join(other)})" for name, other in MEASURES.items()]
        )
        raise ValueError(f"{where}: expected columns {wanted}, got no {missing[0]} among {names}{_remedy(columns)}")
    named = {name: str(column) for name, column in measured.items()} | {name: name for name in OPTIONAL}
    named |= {end: _end(end, measured) for end in INTERVALS}
    count = len(columns[named["distortion"]])
    if uneven := [name for name, column in columns.items() if len(column) != count]:
        raise ValueError(f"{where}: columns must be as long as each other, got {uneven[0]} and {named['distortion']}")
    kept: Sequence[int] = range(count)
    if source is not None and "source" in columns:
        kept = array("q", (i for i in kept if _is_of(columns["source"][i], source)))
    of_source = len(kept)
    if any(_may_lack(columns[named[name]]) for name in REQUIRED):
        # a failed or unfinished run has no result; in tables without a status NaN is a mistake
        lacks = is_blank if "status" in columns else is_empty
        required = [columns[named[name]] for name in REQUIRED]
        kept = array("q", (i for i in kept if not any(lacks(column[i]) for column in required)))
    if not kept:
        whose = f" of the source {source!r}" if source is not None and "source" in columns else ""
        filled = " with distortion and entropy" if of_source else ""
        raise ValueError(
            f"{where}: expected at least one row{whose}{filled} below the header line, got none of {count}"
        )

    def at(i: int) -> str:
        return f"{where}, {'row' if lines is None else 'line'} {i if lines is None else lines[i]}"

    numbers = {
        name: _column(columns[column], columns.called(column), kept, at, name in OPTIONAL)
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
    labels_of = {names: _labels(columns, kept, names) for names in dict.fromkeys(present)}
    labels, codecs, curves = (labels_of[names] for names in present)
    return Points(
        **numbers,
        labels=labels,
        codecs=codecs,
        curves=curves,
        columns=(named["distortion"], named["entropy"]),
        left_out=count - len(kept),
        blank=0 if "status" in columns else of_source - len(kept),
    )


def _measure(columns: Mapping[str, Sequence[Any]], name: str, measures: tuple[str, ...]) -> str | None:
    """The column for distortion or entropy: one of `measures`, else the column itself, else one that is convertible."""
    first = [other for other in MEASURES[name] if other in measures]
    for column in first or (name, *MEASURES[name]):
        if column in columns:
            return column
    return None


def _end(name: str, measured: dict[str, str | None]) -> str:
    """The column of an end of an interval, from the column of the values; the largest D is the smallest PSNR."""
    quantity, end = name.split("_")
    column = measured[quantity]
    if column == "psnr":
        end = ENDS[1 - ENDS.index(end)]
    return f"{column}_{end}"


def _converted(numbers: dict[str, Array], units: Units, named: dict[str, str]) -> dict[str, Array]:
    """D, H and λ of the source, from numbers in other units."""
    for name, convert in (("distortion", units.distortion), ("entropy", units.entropy)):
        for one in (name, *(f"{name}_{end}" for end in ENDS)) if named[name] != name else ():
            present, numbers[one] = ~np.isnan(numbers[one]), numbers[one].copy()
            numbers[one][present] = convert(**{named[name]: numbers[one][present]})
    numbers["lmbda"] = numbers["lmbda"].copy()
    present = ~np.isnan(numbers["lmbda"])
    numbers["lmbda"][present] = units.lmbda(numbers["lmbda"][present])
    return numbers


def _remedy(columns: Columns) -> str:
    """A remedy for names that are nearly right, or for others."""
    meant = {name: MEANT.get(name.lower(), name.lower()) for name in columns if name not in REQUIRED}
    if len(columns) == 1 and not columns.keys() & READ and len(next(iter(columns)).split()) > 1:
        return ": separate cells by commas, semicolons or tabs, not by blanks"
    lacking = {*REQUIRED} - {*columns}
    wrong = [f"{shown(name)} to {right}" for name, right in meant.items() if right in lacking]
    return f": rename {' and '.join(wrong)}" if wrong else ": rename columns, or name all of them (--columns)"


def omitted(points: Points) -> str:
    """A sentence with the number of rows left out."""
    verb = "is" if points.left_out == 1 else "are"
    reason = "without D or H" if points.blank == points.left_out else "of other sources or without a result"
    return f"{counted(points.left_out, 'row')} {reason} {verb} left out"


def _is_of(whose: Any, source: str) -> bool:
    return is_blank(whose) or str(whose).strip() == source


def _may_lack(column: Sequence[Any]) -> bool:
    """Whether a cell may be empty; fast if all are numbers."""
    return not isinstance(column, Numbers) or bool(np.isnan(np.frombuffer(column.values)).any())


def _column(
    column: Sequence[Any], name: str, kept: Sequence[int], at: Callable[[int], str], may_be_blank: bool
) -> Array:
    """The numbers of the kept rows; ValueError names the row of another value."""
    if isinstance(column, Numbers) and not column.others:
        values = np.frombuffer(column.values)
        if len(kept) < len(column):
            values = values[np.asarray(kept)]
        if may_be_blank or not np.isnan(values).any():
            return values
    return np.fromiter((_number(column[i], name, at, i, may_be_blank) for i in kept), np.float64, len(kept))


def _number(value: Any, name: str, at: Callable[[int], str], i: int, may_be_blank: bool) -> float:
    if may_be_blank and is_blank(value):
        return math.nan
    try:
        parsed = number(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):
        parsed = math.nan
    if not (math.isfinite(parsed) and parsed >= 0.0):
        raise ValueError(f"{at(i)}: {name} must be a finite number, at least 0, got {shown(value)}")
    return parsed


def _labels(columns: Mapping[str, Sequence[Any]], kept: Sequence[int], names: Sequence[str]) -> tuple[str, ...]:
    """The label of each kept row, from these columns; equal labels are stored once."""
    if not names:
        return ("",) * len(kept)
    distinct: dict[str, str] = {}
    return tuple(shared(distinct, _label(columns, i, names)) for i in kept)


def _label(columns: Mapping[str, Sequence[Any]], i: int, names: Sequence[str]) -> str:
    parts = []
    settings = [name for name in names if name in SETTINGS]
    plain = (*NAMING[:4], SETTINGS[0], *settings) if len(settings) == 1 else (*NAMING[:4], SETTINGS[0])
    for name in names:
        if not is_blank(value := columns[name][i]):
            whole = isinstance(value, float) and value.is_integer()  # pandas makes floats of integers with gaps
            text = printable(str(int(value) if whole else value).strip()[:LONGEST])
            parts.append(text if name in plain else f"{name} {text}")
    return ", ".join(parts)

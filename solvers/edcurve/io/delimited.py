"""Reading of a CSV of measured points, block by block."""

from __future__ import annotations

import csv
import io
import itertools
import os
from array import array
from collections.abc import Sequence
from typing import Any

from . import files
from .arrays import SEPARATORS
from .columns import CONVERTED, NUMBERS, READ, REQUIRED, SPELT, Columns, Numbers, Texts, counted, meant_names, shown
from .text import number

MOST_ROWS = 2**22  # each takes some 40 bytes until its excess is printed, even if it is short in the file
MOST_OTHERS = 2**16  # most cells with other text in columns of numbers, such as in rows of other sources
BLOCK = 2**12  # rows read at a time


def read_csv(path: str | os.PathLike[str], names: Sequence[str] | None = None) -> tuple[Columns, Sequence[int]]:
    """The columns of a CSV, and the number of the last line of each row.

    The columns have the names of the argument, or else those in the first line. Cells of unused columns are not stored.
    """
    where, lines = os.fspath(path), array("I")
    try:
        with files.reading(path, files.LARGEST, streams=True) as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            first = text.readline()
            separator = _separator(first)
            reader = csv.reader(itertools.chain([first], text), delimiter=separator)
            head = list(next(reader, ()) if names is None else names)
            meant = meant_names(head, where)
            columns: dict[str, Any] = {name: Numbers() if name in NUMBERS else Texts() for name in meant}
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
    table = {name: column if name in READ else range(len(lines)) for name, column in columns.items()}
    return Columns(table, dict(zip(meant, map(str.strip, head), strict=True))), lines


def _check_length(
    cells: Sequence[str],
    names: Sequence[str],
    given: Sequence[str],
    kept: Sequence[tuple[int, Any]],
    where: str,
    separator: str,
) -> None:
    """ValueError for a row with more cells than names, or without D or H."""
    if any(map(str.strip, cells[len(names) :])):
        wanted = f"expected {counted(len(names), 'cell')}, as many as names"
        raise ValueError(f"{where}: {wanted}, got {len(cells)}: {shown(separator.join(cells))}")
    if lacking := [given[i].strip() for i, _ in kept if i >= len(cells) and names[i] in (*REQUIRED, *CONVERTED)]:
        wanted = f"{lacking[0]} must be a finite number, at least 0"
        raise ValueError(f"{where}: {wanted}, got {counted(len(cells), 'cell')} alone")


def _keep(rows: Sequence[Sequence[str]], kept: Sequence[tuple[int, Any]], separator: str, where: str) -> None:
    """Add rows to the stored columns; ValueError if columns of numbers contain too much other text."""
    for cells, (_, column) in zip(zip(*rows, strict=True), kept, strict=False):  # there may be no rows
        column.extend(cells if separator == "," else [_pointed(cell, column) for cell in cells])
    if sum(len(column.others) for _, column in kept if isinstance(column, Numbers)) > MOST_OTHERS:
        raise ValueError(f"{where}: expected numbers, got more than {MOST_OTHERS} cells of other text")


def _separator(line: str) -> str:
    """The separator of cells, from the first line: a comma, unless there are semicolons or tabs and no known name."""
    names = {name.strip().casefold() for name in line.split(",")}
    present = [separator for separator in SEPARATORS if separator in line]
    return present[0] if present and not names & (READ | SPELT.keys()) else ","


def _pointed(cell: str, column: Any) -> str:
    """A number with its decimal comma replaced by a point; other cells unchanged."""
    return cell.replace(",", ".") if isinstance(column, Numbers) and cell.count(",") == 1 and "." not in cell else cell


def _is_header(cells: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a first line has names although names are given: text in all columns of numbers."""
    numbers = [cell for cell, name in zip(cells, names, strict=False) if name in NUMBERS]
    return bool(numbers) and not any(_is_number(cell) or not cell.strip() for cell in numbers)


def _is_number(cell: str) -> bool:
    try:
        number(cell.replace(",", "."))
    except ValueError:
        return False
    return True

"""Reading points of curves from .npy, .npz and .csv files: only numbers are read, and no code is executed."""

from __future__ import annotations

import csv
import io
import math
import os
import warnings
import zipfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from . import files
from .text import number, printable, shortened

Array = NDArray[np.float64]
SUFFIXES = (".npy", ".npz", ".csv")
LARGEST = 2**28  # numbers
LARGEST_DEFLATED = 2**25  # numbers of a compressed array, as a small file may expand to any amount of zeros
LARGEST_FILE = 2**32  # bytes
LARGEST_TEXT = 2**28  # bytes of CSV
LONGEST_HEADER = 10_000  # bytes, numpy's own limit
SEPARATORS = (";", "\t")  # in tables whose numbers may have decimal commas


def is_data(path: str) -> bool:
    """Whether an argument names a file of points rather than a source."""
    return Path(path).suffix.lower() in SUFFIXES


def read_points(path: str | os.PathLike[str], *, key: str | None = None) -> NDArray[Any]:
    """The array in a file, one point per row; ValueError that names the file if it has no such array.

    Parameters
    ----------
    path : path
        A .npy, a .npz (of one array, or with its `key`) or a .csv (with or without a header line). Numbers in a .csv
        are separated by commas, or by semicolons or tabs, in which case they may have decimal commas.
    key : str, optional
        Name of the array in a .npz.

    Returns
    -------
    ndarray
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{os.fspath(path)}: expected a file that ends in {', '.join(SUFFIXES)}")
    if key is not None and suffix != ".npz":
        raise ValueError(f"{os.fspath(path)}: key names an array of a .npz file, got {key!r}")
    with files.reading(path, LARGEST_TEXT if suffix == ".csv" else LARGEST_FILE) as file:
        try:
            if suffix == ".csv":
                return _read_csv(file)
            values = _read_npy(file) if suffix == ".npy" else _read_npz(file, key)
        except MemoryError:
            raise
        except Exception as error:  # numpy, zipfile and the decompressors raise many kinds for damaged files
            raise ValueError(f"{os.fspath(path)}: {shortened(error)}") from None
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{os.fspath(path)}: expected real numbers, got an array of dtype {values.dtype}")
    return values


def _read_npy(file: BinaryIO) -> NDArray[Any]:
    _check_header(file, os.fstat(file.fileno()).st_size, LARGEST)
    file.seek(0)
    return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _read_npz(file: BinaryIO, key: str | None) -> NDArray[Any]:
    with zipfile.ZipFile(file) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        wanted = names[0] if key is None and len(names) == 1 else key
        if wanted not in names:
            listed = ", ".join(map(printable, names)) or "none: the archive is empty"
            raise ValueError(f"key must be one of {listed}, got {key!r}")
        inside = archive.infolist()[names.index(wanted)]
        most = LARGEST if inside.compress_type == zipfile.ZIP_STORED else LARGEST_DEFLATED
        with archive.open(inside) as member:
            _check_header(member, inside.file_size, most)
        with archive.open(inside) as member:
            return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


def _check_header(file: IO[bytes], size: int, most: int) -> None:
    """ValueError if the header declares more numbers than allowed, or than the file has: numpy would allocate them."""
    version = np.lib.format.read_magic(file)
    length = int.from_bytes(file.read(2 if version == (1, 0) else 4), "little")
    if length > LONGEST_HEADER:  # numpy would read it first
        raise ValueError(f"expected a header of at most {LONGEST_HEADER} bytes, got {length}")
    file.seek(8)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if any(length < 0 for length in shape):
        raise ValueError(f"expected lengths of at least 0, got shape {shape}")
    if dtype.hasobject:
        raise ValueError(
            "expected numbers, got Python objects, which may run code when they are read: save x.astype(float)"
        )
    numbers = math.prod(shape)
    if numbers > most:
        remedy = "" if most == LARGEST else ": larger arrays are read if they are not compressed, as by numpy.savez"
        raise ValueError(f"expected at most {most} numbers, got {numbers}{remedy}")
    if numbers * dtype.itemsize > size:
        raise ValueError(f"expected {numbers} numbers of {dtype.itemsize} bytes, got a file of {size} bytes")


def _read_csv(file: BinaryIO) -> Array:
    try:
        names, before = _before_rows(file)
        try:
            table = _quickly(file, before)
        except ValueError:  # the slow parser names the wrong line
            table = _row_by_row(file)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"not a CSV file in UTF-8: {error}") from None
    if table.size and names and np.array_equal(table[:, 0], np.arange(len(table))):
        raise ValueError(
            "the first column has no name and is 0, 1, 2, …: this is an index that pandas writes, which is no "
            "coordinate; write the file by to_csv(path, index=False)"
        )
    if any(map(_is_number, names)):
        raise ValueError(f"line 1: expected numbers, got {','.join(names)[:60]!r}")
    if not table.size:
        raise ValueError("expected rows of numbers, got none")
    return table


@contextmanager
def _text(file: BinaryIO) -> Iterator[Iterator[str]]:
    """The file's lines from its start, with cells separated by commas."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        first = text.readline()
        lines = chain([first] if first else [], text)
        separator = ";" if ";" in first else "\t" if "\t" in first and "," not in first else ","
        # with another separator, a comma is a decimal comma
        yield lines if separator == "," else (line.replace(",", ".").replace(separator, ",") for line in lines)
    finally:
        text.detach()  # keeps the file open


def _before_rows(file: BinaryIO) -> tuple[list[str], int]:
    """Names of columns if the first of them is empty, and the number of lines before the first row."""
    with _text(file) as text:
        reader, names, before = csv.reader(text), list[str](), 0
        for cells in reader:
            if reader.line_num == 1 and _has_unnamed(cells):
                names = cells
            elif cells and _add_row(array("d"), 0, cells, reader.line_num):
                break
            before = reader.line_num
    return names, before


def _quickly(file: BinaryIO, before: int) -> Array:
    """The table by numpy's fast parser; ValueError for values that it rejects or that are not finite."""
    with _text(file) as text, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "loadtxt: input contained no data")  # the caller raises an error
        table = np.loadtxt(text, delimiter=",", comments=None, quotechar='"', skiprows=before, ndmin=2)
    if not np.isfinite(table).all():
        raise ValueError("infinite, perhaps for a cell that is too long")
    return table


def _row_by_row(file: BinaryIO) -> Array:
    with _text(file) as text:
        reader, numbers, width = csv.reader(text), array("d"), 0
        for cells in reader:
            if cells and not (reader.line_num == 1 and _has_unnamed(cells)):
                width = _add_row(numbers, width, cells, reader.line_num)
    return np.array(numbers).reshape(-1, max(1, width))


def _has_unnamed(cells: list[str]) -> bool:
    """Whether the first of several names in the first line is empty, as pandas writes it for an index."""
    return len(cells) > 1 and cells[0].strip() in ("", "Unnamed: 0")


def _add_row(numbers: array[float], width: int, cells: list[str], line: int) -> int:
    """Add the numbers of a line, and return their count."""
    try:
        values = list(map(number, cells))
    except ValueError:
        if line == 1 and not any(map(_is_number, cells)):
            return width  # the names of the columns
        blanks = len(cells) == 1 and len(cells[0].split()) > 1 and all(map(_is_number, cells[0].split()))
        remedy = " separated by commas, semicolons or tabs, not by blanks" if blanks else ""
        raise ValueError(f"line {line}: expected numbers{remedy}, got {','.join(cells)[:60]!r}") from None
    if width and len(values) != width:
        raise ValueError(f"line {line}: expected {width} numbers as above, got {len(values)}")
    numbers.extend(values)
    return len(values)


def _is_number(cell: str) -> bool:
    try:
        number(cell)
    except ValueError:
        return False
    return True

"""Reading points of curves from .npy, .npz and .csv files: only numbers are read, and nothing is executed."""

from __future__ import annotations

import csv
import math
import os
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SUFFIXES = (".npy", ".npz", ".csv")
LARGEST = 2**28  # numbers
LARGEST_TEXT = 2**31  # bytes of CSV
LONGEST_HEADER = 10_000  # bytes, numpy's own limit
LONGEST = 300  # characters of a message
SEPARATORS = {";": "semicolons", "\t": "tabs"}  # of tables that have no commas


def is_data(path: str) -> bool:
    """Whether an argument names a file of points rather than a source."""
    return Path(path).suffix.lower() in SUFFIXES


def read_points(path: str | os.PathLike[str], *, key: str | None = None) -> NDArray[Any]:
    """The array in a file, one point a row; ValueError that names the file if there is no such array in it.

    Parameters
    ----------
    path : path
        A .npy, a .npz (of one array, or with its `key`) or a .csv (commas, a header line or none).
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
    if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
        raise ValueError(f"{os.fspath(path)}: expected a regular file, not a device or a pipe")
    try:
        if suffix == ".csv":
            return _read_csv(path)
        values = _read_npy(path) if suffix == ".npy" else _read_npz(path, key)
    except MemoryError:
        raise
    except Exception as error:  # of a damaged file numpy, zipfile and the decompressors raise a dozen kinds
        if isinstance(error, OSError) and error.filename is not None:
            raise  # it could not be opened
        raise ValueError(f"{os.fspath(path)}: {shortened(error)}") from None
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{os.fspath(path)}: expected real numbers, got an array of dtype {values.dtype}")
    return values


def shortened(error: Exception) -> str:
    """Message of an exception, cut: some messages of numpy have a whole header in them."""
    text = str(error)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _read_npy(path: str | os.PathLike[str]) -> NDArray[Any]:
    with Path(path).open("rb") as file:
        _check_header(file, Path(path).stat().st_size)
        file.seek(0)
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _read_npz(path: str | os.PathLike[str], key: str | None) -> NDArray[Any]:
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        wanted = names[0] if key is None and len(names) == 1 else key
        if wanted not in names:
            raise ValueError(f"key must be one of {', '.join(names) or 'none: the archive is empty'}, got {key!r}")
        inside = archive.namelist()[names.index(wanted)]
        with archive.open(inside) as member:
            _check_header(member, archive.getinfo(inside).file_size)
        with archive.open(inside) as member:
            return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


def _check_header(file: IO[bytes], size: int) -> None:
    """ValueError if the header of an array promises more than the file has, or too much: numpy would allocate it."""
    version = np.lib.format.read_magic(file)
    length = int.from_bytes(file.read(2 if version == (1, 0) else 4), "little")
    if length > LONGEST_HEADER:  # numpy would read all of it first
        raise ValueError(f"expected a header of at most {LONGEST_HEADER} bytes, got {length}")
    file.seek(8)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if any(length < 0 for length in shape):
        raise ValueError(f"expected lengths of at least 0, got shape {shape}")
    numbers = math.prod(shape)
    if numbers > LARGEST:
        raise ValueError(f"expected at most {LARGEST} numbers, got {numbers}")
    if numbers * dtype.itemsize > size and not dtype.hasobject:
        raise ValueError(f"expected {numbers} numbers of {dtype.itemsize} bytes, got a file of {size} bytes")


def _read_csv(path: str | os.PathLike[str]) -> Array:
    size = Path(path).stat().st_size
    if size > LARGEST_TEXT:
        raise ValueError(f"expected at most {LARGEST_TEXT} bytes of text, got {size}")
    rows: list[list[float]] = []
    names: list[str] = []
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        try:
            for cells in reader:
                if reader.line_num == 1 and _has_unnamed(cells):
                    names = cells
                elif cells:
                    _add_row(rows, cells, reader.line_num)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"not a CSV file in UTF-8: {error}") from None
    table = np.array(rows)
    if rows and names and np.array_equal(table[:, 0], np.arange(len(table))):
        raise ValueError(
            "the first column has no name and is 0, 1, 2, …: this is an index that pandas writes, which is no "
            "coordinate; write the file by to_csv(path, index=False)"
        )
    if any(map(_is_number, names)):
        raise ValueError(f"line 1: expected numbers, got {','.join(names)[:60]!r}")
    if not rows:
        raise ValueError("expected rows of numbers, got none")
    return table


def _has_unnamed(cells: list[str]) -> bool:
    """Whether a first line leaves the first of several columns without a name, as pandas does for its index."""
    return len(cells) > 1 and cells[0].strip() in ("", "Unnamed: 0")


def _add_row(rows: list[list[float]], cells: list[str], line: int) -> None:
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        if line == 1 and not any(map(_is_number, cells)):
            return  # the names of the columns
        separators = next((shown for separator, shown in SEPARATORS.items() if separator in "".join(cells)), "")
        hint = f", separated by {separators}: expected commas" if separators else ""
        raise ValueError(f"line {line}: expected numbers, got {','.join(cells)[:60]!r}{hint}") from None
    if rows and len(values) != len(rows[0]):
        raise ValueError(f"line {line}: expected {len(rows[0])} numbers as above, got {len(values)}")
    rows.append(values)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True

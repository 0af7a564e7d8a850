"""Tables of measured points, read in blocks with little memory."""

import tracemalloc

import numpy as np
import pytest
from edcurve.io import columns, delimited, tables

ROWS = 2 * delimited.BLOCK + 5


def written(path, rows, head="distortion,entropy"):
    path.write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    return path


@pytest.mark.parametrize("label", ["", ",codec {kind}", ",run {i}"])
def test_a_table_takes_at_most_ten_times_its_bytes(tmp_path, label):
    names = "distortion,entropy" + (",label" if label else "")
    rows = (f"0.{i:06d},{i % 7}.{i:06d}" + label.format(i=i, kind=i % 5) for i in range(6 * ROWS))
    path = written(tmp_path / "points.csv", rows, names)
    tracemalloc.start()
    try:
        points = tables.read(path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 10 * path.stat().st_size
    assert points.distortion.tolist() == [float(f"0.{i:06d}") for i in range(6 * ROWS)]
    want = {i: label.format(i=i, kind=i % 5)[1:] for i in (0, 1, ROWS, 6 * ROWS - 1)}
    assert {i: points.labels[i] for i in want} == want


@pytest.mark.parametrize("cell", ["1_0", "x", "nan", "inf", "-1", "1e999", ""])
@pytest.mark.parametrize("row", [0, delimited.BLOCK - 1, delimited.BLOCK, ROWS - 1])
def test_a_bad_cell_is_named_by_its_line_in_any_block(tmp_path, cell, row):
    rows = [f"{cell if i == row else 0.5},1" for i in range(ROWS)]
    rows[0] += "\n"  # an empty line is counted
    path = written(tmp_path / "points.csv", rows)
    if cell:
        line = row + 2 + (row > 0)
        with pytest.raises(ValueError, match=rf"points\.csv, line {line}: distortion must be a finite number.*{cell}"):
            tables.read(path)
    else:
        assert (len(tables.read(path)), tables.read(path).blank) == (ROWS - 1, 1)


def test_labels_beyond_those_that_are_shared(tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "MOST_SHARED", 2)
    names = ["a", "b", "c", "a", "c", "b", "d"]
    points = tables.read(
        written(tmp_path / "points.csv", (f"1,2,{name}" for name in names), "distortion,entropy,label")
    )
    assert points.labels == points.codecs == points.curves == tuple(names)


def test_columns_missing_in_all_files_take_no_memory(tmp_path):
    paths = [
        written(tmp_path / "a.csv", ["1,2", "3,4"]),
        written(tmp_path / "b.csv", ["5,6,7"], "distortion,entropy,rate"),
    ]
    points = tables.read(paths)
    assert points.lmbda.strides == (0,)
    assert np.array_equal(points.rate, [np.nan, np.nan, 7.0], equal_nan=True)
    assert points.distortion.tolist() == [1.0, 3.0, 5.0]

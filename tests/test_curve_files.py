"""Curves as tables, data frames and files: all numbers are preserved, and damaged files are refused."""

import csv
import dataclasses
import io
import json
import math

import edcurve as ed
import numpy as np
import pandas as pd
import pytest
from bits import same_bits
from example_curves import ARRAYS, COLUMNS, NAMES, identical

POINTS = [(0.2, 2.4), (0.05, 3.9), (0.6, 1.0)]


@pytest.mark.parametrize("options", [{}, {"base": math.e, "gaussian": True, "width": 3}])
def test_a_curve_goes_through_a_frame(options):
    curve = ed.curve("circle", **options)
    assert ed.Curve.from_pandas(curve.to_pandas()) == curve


def test_rows_of_a_frame_are_a_curve(tmp_path):
    curve = ed.curve("circle", num=32)
    frame = curve.to_pandas()
    few = ed.Curve.from_pandas(frame[frame["entropy"] < 2.0].reset_index(drop=True))
    assert few.distortion.tolist() == curve.distortion[curve.entropy < 2.0].tolist()
    assert few.source == "circle"
    curve.to_csv(tmp_path / "curve.csv")
    read = ed.Curve.from_pandas(pd.read_csv(tmp_path / "curve.csv"), source="mine", base=2)
    assert (read.source, read.base, read.cells.size) == ("mine", 2, 0)
    # pandas before 3 may read a number with an error in the last place
    assert read.entropy == pytest.approx(curve.entropy, rel=3e-16, abs=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="hull"), "frame must have a column hull, got distortion, entropy"),
        (lambda f: f[::-1], "sorted by distortion"),
        (lambda f: f[:0], r"one status, and at least one row, got \[\]"),
        (lambda f: f.assign(status=["a", *f["status"][1:]]), "one status"),
        (lambda f: f.assign(lower="x"), "column lower must be of numbers"),
        (lambda f: pd.DataFrame(f.to_dict()), "source must be given"),
    ],
)
def test_frames_that_are_not_a_curve_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        ed.Curve.from_pandas(change(ed.curve("circle", num=8).to_pandas()))


def test_columns_of_a_frame_are_arrays_to_the_api():
    frame = pd.DataFrame(POINTS, columns=["distortion", "entropy"], index=[5, 7, 9])
    excess = ed.excess("circle", frame["distortion"], frame["entropy"])
    assert excess.tolist() == [ed.excess("circle", *point) for point in POINTS]


def test_csv_text_is_the_csv_file(drawn, tmp_path):
    text = drawn.to_csv()
    assert drawn.to_csv(tmp_path / "a.csv") is None
    assert drawn.to_csv(str(tmp_path / "b.csv")) is None
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes() == text.encode()


@pytest.mark.parametrize("name", ["ramp", "circle", "power:0.3"])
def test_csv_gives_every_number_back(name):
    curve = ed.curve(name, [0.0, 5e-324, 1e-300, 1e-9, 0.1, 2.0, math.inf])
    curve = dataclasses.replace(curve, lower=[math.nan, *curve.lower[1:]])
    rows = list(csv.reader(io.StringIO(curve.to_csv())))
    assert rows[0] == [*COLUMNS, "status"]
    for i, column in enumerate(COLUMNS):
        np.testing.assert_array_equal([float(row[i]) for row in rows[1:]], getattr(curve, column))
    assert {row[-1] for row in rows[1:]} == {"exact (proved)"}


def test_csv_quotes_what_needs_it(drawn):
    odd = dataclasses.replace(drawn, status='a "b", c\nd')
    rows = list(csv.DictReader(io.StringIO(odd.to_csv())))
    assert {row["status"] for row in rows} == {odd.status}
    assert len(rows) == 5


def test_pandas(drawn):
    frame = drawn.to_pandas()
    assert [*frame.columns] == [*COLUMNS, "status"]
    cells = {"cells": drawn.cells.tolist(), "cells_distortion": drawn.cells_distortion.tolist()}
    assert frame.attrs == {"source": drawn.source, "base": drawn.base, "truncation": 0.0, "defect": 0.0, **cells}
    assert {str(frame[name].dtype) for name in COLUMNS} == {"float64"}
    for name in COLUMNS:
        assert same_bits(frame[name], getattr(drawn, name))
    assert set(frame["status"]) == {drawn.status}
    original = drawn.entropy.copy()
    frame["entropy"] += 1  # a user's table
    frame.loc[0, "distortion"] = 3.0
    assert same_bits(drawn.entropy, original)
    assert drawn.distortion[0] == 0.0


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_save_and_load_with_any_name(drawn, tmp_path, name):
    curve = dataclasses.replace(drawn, source=name)
    curve.save(tmp_path / "a.json")
    assert identical(ed.Curve.load(tmp_path / "a.json"), curve)
    assert ed.Curve.load(tmp_path / "a.json") == curve


@pytest.mark.parametrize("base", [2, math.e, 1 + 1e-9, 1e300])
@pytest.mark.parametrize("name", ["ramp", "circle"])
def test_save_and_load_are_exact(tmp_path, name, base):
    curve = ed.curve(name, [0.0, 5e-324, 1e-310, 1e-20, 0.1, 1 / 3, 9.0, math.inf], base=base)
    curve = dataclasses.replace(
        curve, lower=[*curve.lower[:3], math.nan, *curve.lower[4:]], hull=[-0.0, *curve.hull[1:]]
    )
    curve.save(tmp_path / "a.json")
    loaded = ed.Curve.load(str(tmp_path / "a.json"))
    assert identical(loaded, curve)
    assert loaded.cells.dtype == np.int64
    assert not any(getattr(loaded, column).flags.writeable for column in ARRAYS)
    json.loads((tmp_path / "a.json").read_text(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    loaded.save(tmp_path / "b.json")
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "a.json").read_bytes()


def test_save_and_load_of_an_upper_bound_and_of_no_cells(violating, tmp_path):
    unbounded = dataclasses.replace(violating, defect=math.inf, truncation=math.nan, width=2, floor=math.inf)
    for curve in (violating, unbounded, ed.curve("ramp", [0.05])):
        curve.save(tmp_path / "a.json")
        loaded = ed.Curve.load(tmp_path / "a.json")
        assert identical(loaded, curve)
        assert loaded == curve


DAMAGE = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "binary": lambda text: b"\x89PNG\r\n\xff\xfe\0",
    "not JSON": lambda text: "distortion,entropy\n1,2\n",
    "list": lambda text: "[1, 2]",
    "number": lambda text: "3",
    "null": lambda text: "null",
    "nested": lambda text: "[" * 100_000,
    "no format": lambda text: without(text, "format"),
    "other format": lambda text: changed(text, format="edcurve curve 2"),
    "no base": lambda text: without(text, "base"),
    "no hull": lambda text: without(text, "hull"),
    "one more": lambda text: changed(text, colour="red"),
    "base of text": lambda text: changed(text, base="two"),
    "base of 1": lambda text: changed(text, base=1),
    "base of null": lambda text: changed(text, base=None),
    "source of a number": lambda text: changed(text, source=3),
    "status of null": lambda text: changed(text, status=None),
    "status of half a character": lambda text: changed(text, status="\ud800"),
    "short column": lambda text: changed(text, hull=[1.0]),
    "column of a number": lambda text: changed(text, hull=1.0),
    "column of null": lambda text: changed(text, hull=None),
    "column of text": lambda text: changed(text, hull="abc"),
    "columns of numbers": lambda text: changed(text, **dict.fromkeys(COLUMNS, 1.0)),
    "column of words": lambda text: changed(text, hull=["a"] * 5),
    "column of lists": lambda text: changed(text, hull=[[1.0]] * 5),
    "column of huge integers": lambda text: changed(text, hull=[10**400] * 5),
    "cells of infinity": lambda text: changed(text, cells=[math.inf]),
    "cells of nan": lambda text: changed(text, cells=["nan"]),
    "cells too many": lambda text: changed(text, cells=[1, 2, 3, 4, 5, 6]),
}


def changed(text, **fields):
    return json.dumps({**json.loads(text), **fields})


def without(text, name):
    content = json.loads(text)
    del content[name]
    return json.dumps(content)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_files_that_are_not_curves(drawn, tmp_path, damage):
    path = tmp_path / "damaged.json"
    text = damage(drawn.to_json())
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=r"path must be a file that Curve\.save wrote, got .*damaged\.json"):
        ed.Curve.load(path)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.json"):
        ed.Curve.load(tmp_path / "missing.json")
    with pytest.raises(OSError, match=tmp_path.name):
        ed.Curve.load(tmp_path)

"""Curves as data: what they hold, their tables, files and figures."""

import csv
import dataclasses
import io
import json
import math
import os
import platform
import stat
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import edcurve as ed
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from edcurve import drawing
from edcurve.curves import spread
from edcurve.io import files
from edcurve.reporting import figures

mpl.use("Agg")

COLUMNS = ("distortion", "entropy", "upper", "lower", "hull")
ARRAYS = (*COLUMNS, "cells", "cells_distortion")
NAMES = ("α – “β”", 'say "hi"\\n', "it's, a; comma", "two\nlines <&>%s{0}", "$x_1", "a$\\no$ _^{", "日本", "", "é$\\é")
BUILT_IN = ("ramp", "circle", "sinusoid", "sawbridge", "uniform", "power:0.3", "power:1.5")
ONE_HARMONIC = ed.Source.from_spectrum([1.0])
# (★) is violated here: at D = 0.7552236 the optimum is (0.744, 0.128, 0.128)
GEOMETRIC = ed.Source.from_spectrum(2.0 ** -np.arange(1, 30), name="2^-k")


@pytest.fixture(scope="module")
def violating():
    return ed.curve(GEOMETRIC, [0.9, GEOMETRIC.max_distortion, 0.7552236], base=math.e)


@pytest.fixture
def drawn():
    """A curve with infinity, whose name is no trouble for a program but might be for a careless one."""
    return dataclasses.replace(ed.curve("ramp", [0.0, 1e-9, 0.01, 0.05, 0.2], base=math.e), source=NAMES[-1])


def same_bits(a, b):
    a, b = (np.asarray(x, dtype=float).view(np.uint64) for x in (a, b))
    return np.array_equal(a, b)


def identical(a, b):
    """Whether two curves agree in every bit, without asking the curves."""
    plain = ("source", "base", "status")
    return all(getattr(a, name) == getattr(b, name) for name in plain) and all(
        same_bits(getattr(a, name), getattr(b, name)) for name in ARRAYS
    )


# --- what a curve holds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_curve_is_the_functions_of_the_api(name):
    curve = ed.curve(name, num=64)
    D = curve.distortion
    assert (curve.source, curve.base, curve.status, curve.unit) == (name, 2.0, "exact (proved)", "bits")
    assert same_bits(curve.entropy, ed.entropy_distortion(name, D))
    assert same_bits(curve.upper, curve.entropy)
    # to a few units in the last place, by which a bound is moved where rounding put it above what it bounds
    for column, function in (("hull", ed.convex_hull), ("lower", ed.lower_bound)):
        np.testing.assert_allclose(getattr(curve, column), function(name, D), rtol=1e-14, atol=0)


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_default_range(name):
    most = ed.distortion_entropy(name, 0.0)
    curve = ed.curve(name)
    assert [len(getattr(curve, column)) for column in COLUMNS] == [256] * 5
    assert (curve.distortion[0], curve.distortion[-1]) == (1e-3 * most, most)
    assert curve.entropy[-1] == 0.0
    assert np.all(np.diff(curve.distortion) > 0)
    # half of them equally spaced and half geometrically, so that no step is longer than either has; 1e-9 for rounding
    assert np.diff(curve.distortion).max() <= 0.999 * most / 128 * (1 + 1e-9)
    assert np.diff(np.log(curve.distortion)).max() <= math.log(1000) / 128 * (1 + 1e-9)


@pytest.mark.parametrize("num", [2, 3, 4, 5, 17, 256])
@pytest.mark.parametrize(("low", "high"), [(1e-3, 1.0), (1e-300, 2.0), (1.0, np.nextafter(1, 2)), (5e-324, 1e-323)])
def test_spread(num, low, high):
    D = spread(low, high, num)
    assert len(D) == num
    assert (D[0], D[-1]) == (low, high)
    assert np.all(np.diff(D) >= 0)


@pytest.mark.parametrize("num", [2, 3, np.int64(5), np.uint8(7)])
def test_the_number_of_distortions(num):
    curve = ed.curve("ramp", num=num)
    assert len(curve.distortion) == num
    assert same_bits(curve.distortion, spread(1e-3 / 12, 1 / 12, int(num)))


@pytest.mark.parametrize("name", [*BUILT_IN, ONE_HARMONIC], ids=str)
@pytest.mark.parametrize("base", [2, math.e, 1.01])
def test_the_bounds_are_in_order(name, base):
    known = ONE_HARMONIC if name is ONE_HARMONIC else None
    most = ONE_HARMONIC.max_distortion if known else ed.distortion_entropy(name, 0.0)
    rng = np.random.default_rng(7)
    # D_K of many K with both neighbours, where the bounds touch, and all scales
    at = [ed.distortion_entropy(name, math.log(k), base=math.e) for k in [*range(1, 70), 1000]]
    D = np.concatenate([at, np.nextafter(at, 0), np.nextafter(at, 9), most * 10 ** rng.uniform(-15, 0, 400), [0, 9]])
    curve = ed.curve(name, D, base=base)
    assert np.all(curve.lower <= curve.hull)
    assert np.all(curve.hull <= curve.entropy)
    assert np.all(curve.entropy <= curve.upper)
    assert np.all(curve.lower >= 0)
    # E falls, but for what rounding D_K does where the slope is infinite: a few units in the last place
    assert np.all(np.diff(curve.entropy[1:]) <= 4e-15 * curve.entropy[1:-1])


def test_distortions_are_sorted_and_kept():
    given = [0.05, 0.0, 0.01, math.inf, 0.01, 1e-30]
    curve = ed.curve("circle", given)
    assert curve.distortion.tolist() == sorted(given)
    assert same_bits(curve.entropy, ed.entropy_distortion("circle", sorted(given)))
    assert (curve.entropy[0], curve.lower[0], curve.hull[0], curve.upper[0]) == (math.inf,) * 4
    assert curve.entropy[-1] == 0.0


@pytest.mark.parametrize(
    "given", [0.01, np.float32(0.25), np.array(0.01), Fraction(1, 100), (0.01,), pd.Series([0.01])]
)
def test_what_distortions_may_be(given):
    D = np.atleast_1d(np.asarray(given, dtype=float))
    assert same_bits(ed.curve("ramp", given).distortion, D)


def test_the_entropy_of_equal_cells_is_marked():
    curve = ed.curve("ramp", base=2)
    K = curve.cells
    assert K.dtype == np.int64
    assert K.tolist() == list(range(1, 65))
    np.testing.assert_allclose(curve.cells_distortion, (2 / K - 1 / K**2) / 12, rtol=1e-15)
    assert curve.cells_distortion[0] == 1 / 12
    # every D_K in the range, and no other
    part = ed.curve("ramp", [0.01, 0.05])
    assert np.all((part.cells_distortion >= 0.01) & (part.cells_distortion <= 0.05))
    assert part.cells.tolist() == [k for k in range(1, 65) if 0.01 <= (2 / k - 1 / k**2) / 12 <= 0.05]
    assert ed.curve("ramp", [0.05]).cells.tolist() == []


def test_status_of_what_is_checked_numerically():
    curve = ed.curve(ONE_HARMONIC, num=9)
    assert curve.status == ONE_HARMONIC.status == "exact (checked numerically)"
    # the same source as the circle, by other formulas
    np.testing.assert_allclose(curve.entropy, ed.entropy_distortion("circle", curve.distortion), rtol=1e-10, atol=1e-15)
    assert curve.source == "spectrum"


def test_status_where_biuniform_is_not_optimal(violating):
    assert violating.status == "upper bound"
    assert violating.source == "2^-k"
    assert violating.unit == "nats"
    # the biuniform partition costs 0.807795
    assert violating.entropy[0] == pytest.approx(0.746277, abs=2e-6)
    assert np.all(violating.lower <= violating.hull)
    assert np.all(violating.hull <= violating.entropy)
    assert same_bits(violating.upper, violating.entropy)
    assert violating.entropy[-1] == 0.0


@pytest.mark.parametrize(
    ("base", "unit"), [(2, "bits"), (math.e, "nats"), (10, "hartleys"), (3, "units of log base 3")]
)
def test_units(base, unit):
    curve = ed.curve("ramp", [0.01], base=base)
    assert (curve.base, curve.unit, type(curve.base)) == (float(base), unit, float)
    assert curve.entropy[0] == ed.entropy_distortion("ramp", 0.01, base=base)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"distortion": []}, ValueError, "distortion must be one-dimensional and not empty"),
        ({"distortion": [[0.1, 0.2]]}, ValueError, r"distortion must be one-dimensional .* \(1, 2\)"),
        ({"distortion": [0.1, -0.1]}, ValueError, "distortion must be at least 0, got -0.1 at index 1"),
        ({"distortion": [math.nan]}, ValueError, "distortion must be at least 0, got nan"),
        ({"distortion": "0.1"}, TypeError, "distortion must be a real number"),
        ({"distortion": [0.1 + 0j]}, TypeError, "distortion must be a real number"),
        ({"distortion": [[0.1], [0.1, 0.2]]}, ValueError, "distortion must be a rectangular array"),
        ({"distortion": 10**400}, ValueError, "distortion must be at most 1.8e308"),
        ({"num": 1}, ValueError, "num must be at least 2, got 1"),
        ({"num": 0}, ValueError, "num must be at least 2, got 0"),
        ({"num": 3.0}, TypeError, "num must be an integer"),
        ({"num": True}, TypeError, "num must be an integer"),
        ({"base": 1}, ValueError, "base must be a finite number above 1"),
        ({"base": math.nan}, ValueError, "base must be a finite number above 1"),
        ({"base": 10**400}, ValueError, "base must be at most 1.8e308"),
        ({"base": "2"}, TypeError, "base must be a number"),
        ({"source": "cube"}, ValueError, "source must be .*'cube'"),
        ({"source": None}, TypeError, "source must be .*None"),
    ],
)
def test_wrong_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        ed.curve(**{"source": "ramp", **arguments})


# --- immutable ----------------------------------------------------------------------------------------------------


def test_a_curve_cannot_be_changed(drawn):
    for field in dataclasses.fields(drawn):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(drawn, field.name, getattr(drawn, field.name))
    for name in ARRAYS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(drawn, name)[0] = 1
    with pytest.raises(TypeError, match="unhashable"):
        hash(drawn)


def test_a_curve_shares_nothing_with_what_it_was_made_of():
    D = np.array([0.01, 0.02, 0.05])
    curve = ed.curve("ramp", D)
    D[:] = 7.0
    assert curve.distortion.tolist() == [0.01, 0.02, 0.05]
    columns = {name: np.array([1.0, 2.0]) for name in COLUMNS}
    made = ed.Curve("mine", 2.0, **columns, status="upper bound", cells=np.array([1]), cells_distortion=np.array([2.0]))
    for values in columns.values():
        values += 1
    assert all(getattr(made, name).tolist() == [1.0, 2.0] for name in COLUMNS)
    assert not np.shares_memory(curve.upper, curve.entropy)


def test_equality_is_of_all_fields_with_nan_equal_to_itself(drawn):
    other = dataclasses.replace(drawn, lower=np.full(5, np.nan))
    assert other == dataclasses.replace(other)
    assert other != drawn
    assert drawn == dataclasses.replace(drawn)
    changes = {"source": "x", "base": 2.0, "status": "upper bound", "cells": drawn.cells + 1}
    changes |= {name: getattr(drawn, name) * 1.0000001 + 1e-9 for name in (*COLUMNS, "cells_distortion")}
    for name, value in changes.items():
        assert dataclasses.replace(drawn, **{name: value}) != drawn, name
    assert drawn != "drawn"


# --- tables -------------------------------------------------------------------------------------------------------


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
    kept = drawn.entropy.copy()
    frame["entropy"] += 1  # a table of one's own
    frame.loc[0, "distortion"] = 3.0
    assert same_bits(drawn.entropy, kept)
    assert drawn.distortion[0] == 0.0


# --- files --------------------------------------------------------------------------------------------------------


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
    other = ed.Curve.load(str(tmp_path / "a.json"))
    assert identical(other, curve)
    assert other.cells.dtype == np.int64
    assert not any(getattr(other, column).flags.writeable for column in ARRAYS)
    json.loads((tmp_path / "a.json").read_text(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    other.save(tmp_path / "b.json")
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
def test_files_that_are_no_curves(drawn, tmp_path, damage):
    path = tmp_path / "damaged.json"
    text = damage(drawn.to_json())
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=r"path must be a file that Curve\.save wrote, got .*damaged\.json"):
        ed.Curve.load(path)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.json"):
        ed.Curve.load(tmp_path / "missing.json")
    with pytest.raises(OSError, match=tmp_path.name):
        ed.Curve.load(tmp_path)


def writers(curve):
    return {"to_csv": curve.to_csv, "save": curve.save, "plot": lambda path: drawing.save(curve, path)}


@pytest.mark.parametrize("writer", ["to_csv", "save", "plot"])
def test_a_path_that_cannot_be_written_is_named_and_nothing_is_left(drawn, tmp_path, writer):
    write = writers(drawn)[writer]
    (tmp_path / "file.png").write_text("kept")
    (tmp_path / "folder.png").mkdir()
    for path in ("missing/a.png", "file.png/a.png", "folder.png", "n" * 300 + ".png"):
        with pytest.raises(OSError, match=Path(path).name[-10:]) as caught:
            write(tmp_path / path)
        assert caught.value.filename == str(tmp_path / path)
    assert contents(tmp_path) == {"file.png": "kept", "folder.png": None}


def contents(folder):
    return {path.name: None if path.is_dir() else path.read_text() for path in folder.iterdir()}


class TornError(Exception):
    """What a test raises in the middle of a write."""


@pytest.mark.parametrize("interruption", [TornError, KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("writer", ["to_csv", "save"])
def test_an_interrupted_write_keeps_the_old_file(drawn, tmp_path, monkeypatch, writer, interruption):
    (tmp_path / "a.txt").write_text("old")
    whole = Path.write_text

    def torn(path, text, **options):
        whole(path, text[: len(text) // 2], **options)
        raise interruption

    monkeypatch.setattr(Path, "write_text", torn)
    for path in (tmp_path / "a.txt", tmp_path / "new.txt"):
        with pytest.raises(interruption if isinstance(interruption, type) else OSError):
            writers(drawn)[writer](path)
    monkeypatch.undo()
    assert contents(tmp_path) == {"a.txt": "old"}


def test_a_failed_replacement_keeps_the_old_file(drawn, tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("old")

    def failing(path, target):
        assert path.read_text() == drawn.to_csv()  # all of it is there before the name is taken
        raise PermissionError(13, "Permission denied", str(target))

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(PermissionError, match=r"a\.txt"):
        drawn.to_csv(tmp_path / "a.txt")
    monkeypatch.undo()
    assert contents(tmp_path) == {"a.txt": "old"}


posix = pytest.mark.skipif(os.name != "posix", reason="what only POSIX systems have")


@posix
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_files_are_as_readable_as_the_user_wants_them(drawn, tmp_path, mask):
    old = os.umask(mask)
    try:
        drawn.to_csv(tmp_path / "a.csv")
        assert os.umask(mask) == mask
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o666 & ~mask


@posix
def test_a_link_is_followed(drawn, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real/a.csv")
    (tmp_path / "dangling.csv").symlink_to("real/b.csv")
    for name in ("link.csv", "dangling.csv"):
        drawn.to_csv(tmp_path / name)
        assert (tmp_path / name).is_symlink()
    assert contents(tmp_path / "real") == {"a.csv": drawn.to_csv(), "b.csv": drawn.to_csv()}


@posix
def test_a_pipe_is_written_to_and_not_replaced(drawn, tmp_path):
    pipe, received = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_text()), daemon=True)
    reader.start()
    drawn.to_csv(pipe)
    reader.join(30)
    assert received == [drawn.to_csv()]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_many_threads_may_write_one_file(drawn, tmp_path):
    workers = [threading.Thread(target=drawn.to_csv, args=(tmp_path / "a.csv",)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert contents(tmp_path) == {"a.csv": drawn.to_csv()}


def test_the_temporary_file_has_the_suffix_and_the_folder_of_the_target(tmp_path):
    with files.replacing(tmp_path / "a.tar.gz") as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".gz")
        assert temporary.name.startswith(".")
        temporary.write_text("new")
        assert not (tmp_path / "a.tar.gz").exists()
    assert contents(tmp_path) == {"a.tar.gz": "new"}


# --- plots --------------------------------------------------------------------------------------------------------


@pytest.fixture
def plt():
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []
    yield plt
    plt.close("all")


def texts(ax):
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    return legend, ax.get_xlabel(), ax.get_ylabel(), ax.get_title()


@pytest.mark.parametrize(("base", "unit"), [(2, "bits"), (math.e, "nats"), (10, "hartleys")])
def test_a_plot_says_what_it_shows(plt, base, unit):
    curve = ed.curve("ramp", num=40, base=base)
    ax = curve.plot()
    assert plt.get_fignums() == [ax.figure.number]
    legend, x, y, title = texts(ax)
    assert "Distortion" in x
    assert unit in y
    assert "ramp" in title
    assert [label for label in legend if curve.status in label] == [f"E(D), {curve.status}"]
    for words in ("upper bound", "lower bound", "hull", "equal cells"):
        assert sum(words in label for label in legend) == 1, words
    assert ax.get_xlim()[0] == ax.get_ylim()[0] == 0.0
    ax.figure.canvas.draw()


def line(ax, words):
    (found,) = [line for line in ax.get_lines() if words in line.get_label()]
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


def test_a_plot_shows_the_numbers_of_the_curve(plt):
    curve = ed.curve("circle", num=40)
    _, ax = plt.subplots()
    assert curve.plot(ax) is ax
    assert len(plt.get_fignums()) == 1
    for words, values in (("hull", curve.hull), ("lower", curve.lower)):
        x, y = line(ax, words)
        assert same_bits(x, curve.distortion)
        assert same_bits(y, values)
    x, y = line(ax, "E(D)")
    assert np.all(np.diff(x) >= 0)
    np.testing.assert_allclose(y, ed.entropy_distortion("circle", x), rtol=1e-12, atol=1e-12)
    assert set(curve.distortion) <= set(x)
    x, y = line(ax, "equal cells")
    np.testing.assert_allclose(y, np.log2(curve.cells[: len(y)]), rtol=1e-15)
    ax.figure.canvas.draw()


def test_a_plot_of_an_upper_bound_says_so_and_shows_no_more(plt, violating):
    ax = violating.plot()
    legend, *_ = texts(ax)
    assert not any("E(D)" in label for label in legend)
    assert sum("upper bound" in label for label in legend) == 1
    x, y = line(ax, "upper bound")
    # D_2 has a better partition than two equal cells, so that (D_2, ln 2) is not on the curve
    assert same_bits(x, violating.distortion)
    assert same_bits(y, violating.upper)
    assert np.all(np.diff(y) <= 0)


def test_a_plot_without_a_lower_bound_has_no_line_for_it(plt, drawn):
    ax = dataclasses.replace(drawn, lower=np.full(5, np.nan)).plot()
    legend, *_ = texts(ax)
    assert not any("lower" in label for label in legend)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "日本"], ids=ascii)
def test_a_name_is_printed_as_it_is(drawn, tmp_path, name):
    # letters that the font lacks are for matplotlib to warn of
    drawing.save(dataclasses.replace(drawn, source=name), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size > 10_000


@pytest.mark.parametrize(
    "D", [[0.0], [1.0], [0.01], [0.0, 1.0], [0.05, 0.05], [1e-300, 1e-3], [0.05, math.inf]], ids=str
)
def test_curves_of_few_points_can_be_drawn(plt, D):
    ax = ed.curve("ramp", D).plot()
    ax.figure.canvas.draw()
    assert all(np.isfinite(ax.get_xlim()))
    assert all(np.isfinite(ax.get_ylim()))


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg", ".PNG", ".Pdf"])
def test_saving_a_plot_twice_gives_the_same_bytes(drawn, tmp_path, suffix, monkeypatch):
    drawing.save(drawn, tmp_path / f"a{suffix}")
    # matplotlib would take the date from here
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    drawing.save(drawn, tmp_path / f"b{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    assert len([*tmp_path.iterdir()]) == 2


def test_saving_a_plot_leaves_no_trace_in_pyplot(plt, drawn, tmp_path):
    before = dict(mpl.rcParams)
    own = plt.figure()
    drawing.save(drawn, tmp_path / "a.png")
    assert plt.get_fignums() == [own.number]
    assert plt.gcf() is own
    assert not own.axes
    assert dict(mpl.rcParams) == before


def test_saving_a_plot_needs_neither_pyplot_nor_a_display(tmp_path):
    code = (
        "import sys, edcurve as ed\n"
        "from edcurve import drawing\n"
        "drawing.save(ed.curve('ramp', num=5), 'a.png')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    gone = {"DISPLAY", "WAYLAND_DISPLAY"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
        env={**{name: value for name, value in os.environ.items() if name not in gone}, "MPLBACKEND": "TkAgg"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("name", ["a", "a.txt", "a.", ".png", "a.png.zip", "a.pgf"])
def test_formats_that_do_not_exist(drawn, tmp_path, name):
    with pytest.raises(ValueError, match=r"path must end in one of .*png.*, got "):
        drawing.save(drawn, tmp_path / name)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("interruption", [TornError, KeyboardInterrupt])
def test_an_interrupted_plot_keeps_the_old_file(drawn, tmp_path, monkeypatch, interruption):
    (tmp_path / "a.png").write_text("old")

    def torn(path, content):
        path.write_text("half")
        raise interruption

    monkeypatch.setattr(Path, "write_bytes", torn)
    for name in ("a.png", "b.png"):
        with pytest.raises(interruption):
            drawing.save(drawn, tmp_path / name)
    assert contents(tmp_path) == {"a.png": "old"}


# --- the figures of the paper -------------------------------------------------------------------------------------


def test_figures_are_the_same_twice_and_say_how_they_were_made(tmp_path):
    first, second = tmp_path / "first" / "figures", tmp_path / "second"
    written = figures.write_figures(first, command=["edcurve", "figures", "--out", "first/my figures"])
    figures.write_figures(second, command=["edcurve", "figures", "--out", "first/my figures"])
    assert sorted(written) == sorted(first.iterdir())
    assert sorted(path.name for path in written) == sorted(path.name for path in second.iterdir())
    for path in written:
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name
    said = json.loads((first / "provenance.json").read_text(encoding="utf-8"))
    assert said["command"] == "edcurve figures --out 'first/my figures'"
    assert (said["edcurve"], said["python"]) == (ed.__version__, platform.python_version())
    assert platform.machine() in said["machine"]
    assert (said["base"], said["figures"].keys()) == (2, {"ramp", "circle"})
    for name in said["figures"]:
        with (first / f"{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == said["points"]
        assert {row["status"] for row in rows} == {"exact (proved)"}
        D, E = ([float(row[column]) for row in rows] for column in ("distortion", "entropy"))
        assert same_bits(E, ed.entropy_distortion(name, D))
        assert (first / f"{name}.png").read_bytes().startswith(b"\x89PNG\r\n")
        assert (first / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_figures_with_a_wrong_base_make_no_folder(tmp_path):
    with pytest.raises(ValueError, match="base must be"):
        figures.write_figures(tmp_path / "figures", base=1)
    assert not [*tmp_path.iterdir()]


def test_figures_replace_what_was_there_and_leave_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "NUM", 8)
    (tmp_path / "ramp.csv").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    figures.write_figures(str(tmp_path), base=math.e)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "ramp.csv").read_text() == ed.curve("ramp", num=8, base=math.e).to_csv()
    assert json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))["base"] == math.e


def test_repr_is_short():
    assert repr(ed.curve("circle", num=5)) == ("<Curve of 'circle', exact (proved): 5 distortions, 0.001 to 1; bits>")


# --- what is shown on request ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full():
    return ed.curve("ramp", num=12, shannon=True, gaussian=True, width=100)


def test_columns_on_request(full):
    np.testing.assert_array_equal(full.shannon, ed.rate_distortion("ramp", full.distortion))
    np.testing.assert_array_equal(full.gaussian, ed.gaussian_bound("ramp", full.distortion))
    assert full.floor == ed.rank_floor("ramp", 100) == pytest.approx(0.0010031, rel=1e-4)
    assert [*full.to_pandas().columns] == [*COLUMNS, "shannon", "gaussian", "status"]
    assert full.to_csv().splitlines()[0] == ",".join([*COLUMNS, "shannon", "gaussian", "status"])
    assert (full.shannon <= full.lower + 1e-9).all()
    plain = ed.curve("ramp", num=12)
    assert (plain.shannon, plain.gaussian, plain.width, plain.floor) == (None, None, None, None)
    assert plain != full


def test_columns_on_request_are_saved(full, tmp_path):
    full.save(tmp_path / "full.json")
    loaded = ed.Curve.load(tmp_path / "full.json")
    assert loaded == full
    assert not loaded.shannon.flags.writeable
    text = (tmp_path / "full.json").read_text(encoding="utf-8")
    for old, new in (('"width": 100', '"width": "wide"'), ('"truncation": 0.0', '"truncation": "none"')):
        assert old in text
        (tmp_path / "bad.json").write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(ValueError, match=r"path must be a file that Curve\.save wrote"):
            ed.Curve.load(tmp_path / "bad.json")


def test_columns_on_request_are_drawn(full, plt):
    labels = [line.get_label() for line in full.plot().lines]
    assert {"Shannon's R(D)", "KLT (Gaussian R(D))", "rank floor, width 100: D ≥ 0.001"} < set(labels)
    plt.close("all")


def test_truncation_and_defect_go_with_a_curve(plt):
    phases = np.arange(512)[:, None] / 512
    source = ed.Source.from_samples(np.mod(np.arange(64) / 64 + phases, 1.0) / 8.0)
    curve = ed.curve(source, num=4)
    assert (curve.truncation, curve.defect) == (source.truncation, source.defect)
    assert curve.to_pandas().attrs["truncation"] == source.truncation > 0.0
    assert f"known to {source.truncation:.1g}" in curve.plot().get_xlabel()
    plt.close("all")

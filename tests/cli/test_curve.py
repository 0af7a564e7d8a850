"""The command `curve`: what it prints, and the files it writes."""

import csv
import math
import os
import stat
import xml.etree.ElementTree as ET
from pathlib import Path

import edcurve as ed
import numpy as np
import pytest
from command_output import names_in, strict, table
from edcurve import drawing
from edcurve.cli import main
from edcurve.io import files


def test_curve_in_json_is_the_file_that_save_writes(output, tmp_path):
    out = output("curve", "ramp", "--json", "--num", "33", "--dmin", "1e-5", "--dmax", "0.05", "--base", "e")
    strict(out)
    (tmp_path / "printed.json").write_text(out)
    loaded = ed.Curve.load(tmp_path / "printed.json")
    assert (loaded.distortion[0], loaded.distortion[-1], len(loaded.distortion)) == (1e-5, 0.05, 33)
    assert loaded == ed.curve("ramp", loaded.distortion, base=math.e)


def test_curve_of_the_defaults_is_that_of_the_api(output, tmp_path):
    (tmp_path / "printed.json").write_text(output("curve", "circle", "--json"))
    assert ed.Curve.load(tmp_path / "printed.json") == ed.curve("circle")


@pytest.mark.parametrize("arguments", [["ramp"], ["power:0.05"], ["circle", "--dmin", "1e-300", "--base", "1.0001"]])
def test_curve_fits_on_a_screen(output, arguments):
    lines = output("curve", *arguments).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24
    assert "exact (proved)" in lines[0]
    columns = table("\n".join(lines[1:-1]))
    assert [*columns] == ["distortion", "entropy", "lower", "hull"]
    assert len(columns["entropy"]) == 16
    assert "16 of 256" in lines[-1]


def test_curve_shows_both_ends_and_no_more_than_there_is(output):
    for num in (2, 15, 16, 17, 300):
        shown = table("\n".join(output("curve", "ramp", "--num", num).splitlines()[1 : min(num, 16) + 2]))
        assert len(shown["distortion"]) == min(num, 16)
        np.testing.assert_allclose([shown["distortion"][0], shown["distortion"][-1]], [1 / 12000, 1 / 12], rtol=5e-11)


def test_csv_holds_every_number_exactly(cli):
    assert cli("curve", "circle", "--csv", "out.csv", "--num", "50") == (0, "", "wrote out.csv\n")
    curve = ed.curve("circle", num=50)
    assert Path("out.csv").read_bytes().decode() == curve.to_csv()
    with Path("out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name in ("distortion", "entropy", "upper", "lower", "hull"):
        assert [float(row[name]) for row in rows] == getattr(curve, name).tolist()
    assert {row["status"] for row in rows} == {"exact (proved)"}


def test_plot_and_csv_and_json_in_one_call(cli):
    code, out, err = cli("curve", "ramp", "--num", "9", "--plot", "a.PNG", "--csv", "a.csv", "--json")
    assert (code, err) == (0, "wrote a.PNG\nwrote a.csv\n")
    assert len(strict(out)["distortion"]) == 9
    assert Path("a.PNG").read_bytes().startswith(b"\x89PNG\r\n")
    assert names_in(".") == ["a.PNG", "a.csv"]


def test_plot_in_a_vector_format(cli):
    assert cli("curve", "ramp", "--num", "9", "--plot", "a.svg")[0] == 0
    assert ET.parse("a.svg").getroot().tag.endswith("svg")
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        assert stat.S_IMODE(Path("a.svg").stat().st_mode) == 0o666 & ~mask


def test_a_curve_of_a_file_equals_that_of_its_source(cli, loop):
    code, out, _ = cli("curve", "loop.npy", "--num", "16", "--gaussian", "--shannon", "--width", "1", "--json")
    assert code == 0
    content, circle = strict(out), ed.curve("circle", num=16, gaussian=True, shannon=True, width=1)
    assert content["source"] == "loop"
    for name in ("entropy", "lower", "hull", "shannon", "gaussian"):
        np.testing.assert_allclose(content[name], getattr(circle, name), rtol=1e-9, atol=1e-12, err_msg=name)
    assert (content["width"], content["floor"]) == (1, pytest.approx(0.5))
    text = cli("curve", "loop.npy", "--num", "16", "--gaussian", "--width", "1")[1]
    assert "rank floor of width 1: distortion at least 0.5" in text
    assert max(map(len, text.splitlines())) <= 80


def test_options_of_files_are_refused_for_sources(refused, loop):
    refused(["curve", "ramp", "--open"], "--open, --closed, --waveform, --key and --ends are for files", "'ramp'")
    refused(["curve", "ramp:64"], "source must be stationary")
    refused(["curve", "loop.npy", "--open", "--waveform"], "--open and --waveform exclude each other")
    refused(["curve", "loop.npy", "--waveform"], "loop.npy: g must be a function, or one-dimensional")
    refused(["curve", "loop.npy", "--key", "x"], "key names an array of a .npz file")
    refused(["curve", "circle", "--width", "-1"], "width must be at least 0")


@pytest.mark.parametrize("num", ["0", "1", "-3"])
def test_too_few_points(refused, num):
    refused(["curve", "ramp", "--num", num, "--csv", "a.csv"], "num must be at least 2", f"got {num}")


@pytest.mark.parametrize("num", ["1.5", "abc", "", "1e3", "nan"])
def test_a_count_must_be_an_integer(refused, num):
    refused(["curve", "ramp", "--num", num], "--num", repr(num))


@pytest.mark.parametrize("num", ["1000000000000000", "9" * 40])
def test_more_points_than_memory_holds(refused, num):
    refused(["curve", "ramp", "--num", num])


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        ("0", None, "0 and 0.0833333"),
        ("0.1", None, "0.1 and 0.0833333"),
        ("0.05", "0.05", "0.05 and 0.05"),
        ("0.06", "0.05", "0.06 and 0.05"),
        (None, "0", "8.33333e-05 and 0"),
        (None, "inf", "8.33333e-05 and inf"),
        (None, "1e-9", "8.33333e-05 and 1e-09"),
    ],
)
def test_ranges_that_are_empty(refused, low, high, shown):
    ends = [*(["--dmin", low] if low else []), *(["--dmax", high] if high else [])]
    refused(["curve", "ramp", *ends, "--csv", "a.csv", "--plot", "a.png"], "--dmin", "--dmax", f"got {shown}")


@pytest.mark.parametrize("option", ["--csv", "--plot"])
@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("missing/out.png", "missing/out.png: No such file or directory"),
        ("folder.png", "folder.png: Is a directory"),
        ("file/out.png", "file/out.png: Not a directory"),
        ("n" * 300 + ".png", "n.png: File name too long"),
    ],
)
def test_paths_that_cannot_be_written(refused, option, path, why):
    Path("folder.png").mkdir()
    Path("file").write_text("kept")
    refused(["curve", "ramp", "--num", "3", option, path], why)


@pytest.mark.parametrize("option", ["--csv", "--plot"])
def test_folders_without_permission(refused, option, monkeypatch):
    # simulated, because permissions do not apply to every user
    def forbidden(target):
        raise PermissionError(13, "Permission denied", str(target))

    monkeypatch.setattr(files, "_made", forbidden)
    message = refused(["curve", "ramp", "--num", "3", option, "out.png"])
    assert message == "Error: out.png: Permission denied"


@pytest.mark.parametrize("path", ["a.txt", "a", "a.pgf", ".png", "a.png.gz"])
def test_formats_that_plots_do_not_have(refused, path):
    # the writable table is not written either: a failing command should leave nothing
    refused(["curve", "ramp", "--num", "3", "--csv", "a.csv", "--plot", path], "--plot must end in", "png", repr(path))


def test_an_interrupted_plot_keeps_the_previous_file(cli, monkeypatch):
    Path("a.png").write_text("old")

    def broken(path, _):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", broken)
    code, out, err = cli("curve", "ramp", "--num", "3", "--plot", "a.png")
    assert (code, out) == (2, "")
    assert err.endswith("Error: a.png: No space left on device\n")
    assert names_in(".") == ["a.png"]
    assert Path("a.png").read_text() == "old"


def test_plotting_formats_are_those_of_the_help():
    (help_text,) = [option.help for option in main.commands["curve"].params if "--plot" in option.opts]
    curve = ed.curve("ramp", num=2)
    named = [word.strip(",") for word in help_text.split() if word.startswith(".")]
    assert len(named) >= 3
    for suffix in named:
        with pytest.raises(FileNotFoundError):  # not ValueError: the format is fine, only the folder is missing
            drawing.save(curve, f"missing/a{suffix}")


def test_files_are_written_all_or_none(cli, tmp_path):
    code, out, err = cli("curve", "ramp", "--plot", "fine.png", "--csv", "missing/x.csv")
    assert (code, out) == (2, "")
    assert "missing/x.csv: No such file or directory" in err
    assert list(tmp_path.iterdir()) == []

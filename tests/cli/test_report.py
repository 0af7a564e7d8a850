"""The command `report`."""

import edcurve as ed
import numpy as np
import pytest
from click.testing import CliRunner
from edcurve.cli import main
from report_content import RUNS, figures, tables


def test_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my runs.csv").write_text(RUNS, encoding="utf-8")
    arguments = ["report", "circle", "--points", "my runs.csv", "--out", "r.html"]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.output) == (0, "wrote r.html\n")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    rows = dict(tables(text)[-1])
    assert rows["command"] == "edcurve report circle --points 'my runs.csv' --out r.html"
    assert {"edcurve", "python", "numpy", "scipy", "numba", "plotly", "system"} <= rows.keys()
    assert rows["numpy"] == np.__version__


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("distortion,entropy\n0.1,1\n0.2,x\n", "p.csv, line 3: entropy must be a finite number, at least 0, got 'x'"),
        ("a,b\n1,2\n", "p.csv: expected columns distortion and entropy, got no distortion among 'a', 'b'"),
        ("", "got no distortion among none"),
        ("distortion,entropy\n", "at least one row"),
        ("distortion,distortion,entropy\n1,1,1\n", "more than one column is called distortion"),
        ("distortion,entropy\n0.1\n", "line 2: entropy must be"),
        (b"\xff\xfe\x00", "p.csv: not a CSV file in UTF-8"),
    ],
)
def test_command_refuses(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "r.html").write_text("what was there")
    result = CliRunner().invoke(main, ["report", "circle", "--points", "p.csv", "--out", "r.html"])
    assert result.exit_code == 2
    assert words in result.output
    assert result.output.count("Error: ") == 1
    assert (tmp_path / "r.html").read_text() == "what was there"


def test_the_picture_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs.csv").write_text(RUNS, encoding="utf-8")
    for options in ((), ("--linear",), ("--log", "--base", "e")):
        result = CliRunner().invoke(main, ["gap", "circle", "--points", "runs.csv", "--out", "gap.svg", *options])
        assert (result.exit_code, result.output) == (0, "wrote gap.svg\n")
    assert (tmp_path / "gap.svg").read_text(encoding="utf-8").startswith("<?xml")
    for command, out, words in (
        ("gap", "g.html", "--out must end in one of"),
        ("report", "r.pdf", "out must end in .html"),
    ):
        result = CliRunner().invoke(main, [command, "circle", "--points", "runs.csv", "--out", out])
        assert (result.exit_code, words in result.output) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gap.svg", "runs.csv"]


def test_command_takes_a_file_of_points(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    phase = 2 * np.pi * np.arange(64) / 64
    np.save("my loop.npy", np.stack([np.cos(phase), np.sin(phase)], axis=1))
    result = CliRunner().invoke(main, ["report", "my loop.npy", "--out", "r.html", "--tolerance", "0.01"])
    assert (result.exit_code, result.output) == (0, "wrote r.html\n")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<title>my loop: entropy-distortion report</title>" in text
    assert dict(tables(text)[-1])["command"] == "edcurve report 'my loop.npy' --tolerance 0.01 --out r.html"
    curve = figures(text)["curve"]["data"][0]
    D = curve["x"][100]
    assert curve["y"][100] == pytest.approx(ed.entropy_distortion("circle", D), rel=1e-9)  # which it is


@pytest.mark.parametrize("source", ["cirle", "ramp:64"])
def test_command_refuses_other_sources(tmp_path, source):
    result = CliRunner().invoke(main, ["report", source, "--out", str(tmp_path / "r.html")])
    assert result.exit_code == 2
    assert "Error: source must be" in result.output
    assert list(tmp_path.iterdir()) == []

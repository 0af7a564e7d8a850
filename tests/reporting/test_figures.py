"""The figures of the paper's curves."""

import csv
import json
import math
import platform

import edcurve as ed
import pytest
from bits import same_bits
from edcurve.reporting import figures


def test_figures_are_the_same_twice_and_say_how_they_were_made(tmp_path):
    first, second = tmp_path / "first" / "figures", tmp_path / "second"
    written = figures.write_figures(first, command=["edcurve", "figures", "--out", "first/my figures"])
    figures.write_figures(second, command=["edcurve", "figures", "--out", "first/my figures"])
    assert sorted(written) == sorted(first.iterdir())
    assert sorted(path.name for path in written) == sorted(path.name for path in second.iterdir())
    for path in written:
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name
    provenance = json.loads((first / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["command"] == "edcurve figures --out 'first/my figures'"
    assert (provenance["edcurve"], provenance["python"]) == (ed.__version__, platform.python_version())
    assert platform.machine() in provenance["machine"]
    assert (provenance["base"], provenance["figures"].keys()) == (2, {"ramp", "circle"})
    for name in provenance["figures"]:
        with (first / f"{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == provenance["points"]
        assert {row["status"] for row in rows} == {"exact (proved)"}
        D, E = ([float(row[column]) for row in rows] for column in ("distortion", "entropy"))
        assert same_bits(E, ed.entropy_distortion(name, D))
        assert (first / f"{name}.png").read_bytes().startswith(b"\x89PNG\r\n")
        assert (first / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_figures_with_a_wrong_base_make_no_folder(tmp_path):
    with pytest.raises(ValueError, match="base must be"):
        figures.write_figures(tmp_path / "figures", base=1)
    assert not [*tmp_path.iterdir()]


def test_figures_replace_their_files_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "NUM", 8)
    (tmp_path / "ramp.csv").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    figures.write_figures(str(tmp_path), base=math.e)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "ramp.csv").read_text() == ed.curve("ramp", num=8, base=math.e).to_csv()
    assert json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))["base"] == math.e

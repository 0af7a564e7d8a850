"""Everyday comfort: gaps drawn, notebooks, data frames, shells, versions, and warnings at the caller's line."""

import ast
import dataclasses
import importlib.util
import inspect
import math
import os
import shutil
import subprocess
import sys
import sysconfig
import warnings
import xml.etree.ElementTree as ET
from importlib import metadata
from pathlib import Path

import click
import edcurve as ed
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from edcurve import certificate, plotting, versions
from edcurve.cli import common, main
from edcurve.sources import BUILT_IN, FAMILIES, resolve

mpl.use("Agg")

SCRIPT = Path(sysconfig.get_path("scripts"), "edcurve")
HOSTILE = '</td></div><script>x="&amp;"</script>'
POINTS = [(0.2, 2.4), (0.05, 3.9), (0.6, 1.0)]


@pytest.fixture(autouse=True)
def _closed():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


# --- plot_gap -----------------------------------------------------------------------------------------------------


def line(ax, label):
    (found,) = [one for one in ax.get_lines() if one.get_label() == label]
    return np.array(found.get_xydata())


@pytest.mark.parametrize(("base", "unit"), [(2, "bits"), (math.e, "nats")])
def test_gaps_are_drawn_and_written(base, unit):
    ax = ed.plot_gap("circle", POINTS, base=base)
    assert line(ax, "measured").tolist() == [list(point) for point in POINTS]
    (stems,) = [one for one in ax.collections if one.get_label() == "gap"]
    for segment, (D, H) in zip(stems.get_segments(), POINTS, strict=True):
        (x0, low), (x1, high) = segment
        assert (x0, x1, high) == (D, D, H)
        assert low == pytest.approx(ed.entropy_distortion("circle", D, base=base), rel=1e-12)
    texts = {one.xy: one.get_text() for one in ax.texts}
    for D, H in POINTS:
        assert texts[D, H] == f"{ed.excess('circle', D, H, base=base):+.3g} {unit}".replace("-", "−")
    assert {"gap", "measured"} <= {text.get_text() for text in ax.get_legend().get_texts()}


def test_gaps_of_a_frame_a_file_and_into_axes(tmp_path):
    import matplotlib.pyplot as plt

    frame = pd.DataFrame(POINTS, columns=["distortion", "entropy"])
    frame.to_csv(tmp_path / "points.csv")
    _, ax = plt.subplots()
    assert ed.plot_gap("circle", frame, ax=ax) is ax
    assert np.array_equal(line(ax, "measured"), line(ed.plot_gap("circle", tmp_path / "points.csv"), "measured"))


def test_gaps_at_the_ends_and_of_many():
    ax = ed.plot_gap("ramp", [(0.0, 5.0), (1e-7, 20.0), (0.5, 0.3)])
    assert ax.get_ylim()[1] >= 20.0
    assert len(next(one for one in ax.collections if one.get_label() == "gap").get_segments()) == 2  # E(0) is infinite
    many = np.stack([np.linspace(0.01, 0.08, 40), np.full(40, 5.0)], axis=1)
    written = [one for one in ed.plot_gap("ramp", many).texts if one.get_text().endswith("bits")]
    assert len(written) == plotting.ANNOTATED


def test_gaps_are_refused():
    with pytest.raises(ValueError, match=r"row 0: entropy must be a finite number, at least 0, got -1\.0"):
        ed.plot_gap("ramp", (0.01, -1.0))
    with pytest.raises(ValueError, match="source must be"):
        ed.plot_gap("rump", (0.01, 1.0))


# --- notebooks ----------------------------------------------------------------------------------------------------


def markup(text):
    """The HTML as a tree: it is well-formed, whatever is in it."""
    return ET.fromstring(text.replace("<br>", "<br/>"))


def rows(tree):
    return [["".join(cell.itertext()) for cell in row] for row in tree.iter("tr")]


@pytest.mark.parametrize("base", [2, math.e])
def test_a_notebook_shows_a_curve(base):
    curve = ed.curve("ramp", base=base, gaussian=True)
    tree = markup(curve._repr_html_())
    head, *body = rows(tree)
    assert head == ["distortion", "entropy", "lower", "hull", "gaussian"]
    assert len(body) == 8
    for row in body:
        D = float(row[0].replace("−", "-"))
        assert float(row[1]) == pytest.approx(ed.entropy_distortion("ramp", D, base=base), rel=1e-3, abs=1e-5)
    assert [float(cell.replace("−", "-")) for cell in body[-1]] == [pytest.approx(1 / 12, rel=1e-5), 0, 0, 0, 0]
    lines = list(tree.iter("{http://www.w3.org/2000/svg}polyline"))
    assert len(lines) == 3
    places = np.array([[float(x) for x in pair.split(",")] for pair in lines[0].get("points").split()])
    assert (np.diff(places[:, 0]) >= 0).all()
    assert (np.diff(places[:, 1]) >= 0).all()  # entropy falls, and down is more
    assert "exact (proved)" in "".join(tree.itertext())
    assert len(curve._repr_html_()) < 20_000


def test_a_notebook_shows_hostile_names_infinity_and_bounds():
    odd = dataclasses.replace(ed.curve("ramp", [0.0, 1e-9, 0.01, 0.2]), source=HOSTILE, status="upper bound")
    odd = dataclasses.replace(odd, lower=np.full(4, np.nan))
    tree = markup(odd._repr_html_())
    assert list(tree.iter("script")) == []
    assert HOSTILE in "".join(tree.itertext())
    assert "solid best partition known" in "".join(tree.itertext())
    assert rows(tree)[1] == ["0", "∞", "–", "∞"]
    certified = dataclasses.replace(ed.certify("ramp", 0.01), source=HOSTILE, method=HOSTILE)
    tree = markup(certified._repr_html_())
    assert list(tree.iter("script")) == []
    assert dict(rows(tree))["proved"] == HOSTILE


def test_a_notebook_shows_a_certificate_exactly():
    found = ed.certify("circle", 0.1)
    shown = dict(rows(markup(found._repr_html_())))
    assert (float(shown["lower"]), float(shown["upper"]), float(shown["distortion"])) == (found.lower, found.upper, 0.1)
    assert shown["proved"] == found.method
    assert isinstance(found, certificate.Certificate)


# --- data frames --------------------------------------------------------------------------------------------------


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
    # pandas before 3 may read a number off in the last place
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
def test_frames_that_are_no_curve_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        ed.Curve.from_pandas(change(ed.curve("circle", num=8).to_pandas()))


def test_columns_of_a_frame_are_arrays_to_the_api():
    frame = pd.DataFrame(POINTS, columns=["distortion", "entropy"], index=[5, 7, 9])
    found = ed.excess("circle", frame["distortion"], frame["entropy"])
    assert found.tolist() == [ed.excess("circle", *point) for point in POINTS]


# --- shells -------------------------------------------------------------------------------------------------------


def completed(*words):
    """What bash is offered after these words, the last of which is incomplete."""
    asked = {
        "COMP_WORDS": " ".join(["edcurve", *words]),
        "COMP_CWORD": str(len(words)),
        "_EDCURVE_COMPLETE": "bash_complete",
    }
    result = CliRunner().invoke(main, prog_name="edcurve", env=asked)
    assert result.exit_code == 0, result.output
    return [tuple(row.split(",", 1)) for row in result.output.split()]


def test_commands_and_sources_are_completed():
    assert [name for _, name in completed("")] == main.list_commands(click.Context(main))
    assert completed("en") == [("plain", "encode"), ("plain", "entropy")]
    assert completed("entropy", "s") == [("plain", "sinusoid"), ("plain", "sawbridge"), ("plain", "square")]
    assert ("plain", "--points") in completed("report", "ramp", "--")
    assert completed("curve", "ram") == [("plain", "ramp")]  # a file beside it would be all that bash offers
    for text in ("loop", "./ramp", "ramp."):
        assert completed("curve", text) == [("file", text)]


def test_names_with_a_colon_are_completed():
    """Bash cuts words at colons, and puts what it is given after the last."""
    assert completed("entropy", "pow") == [("plain", "power:1.5")]
    assert completed("entropy", "power", ":") == [("plain", "1.5")]
    assert completed("entropy", "edge", ":", "1") == [("plain", "15")]
    assert completed("certify", "ramp", ":") == []
    assert completed("curve", "edge", ":", "15", "--nu") == [("plain", "--num")]


@pytest.mark.parametrize("command", ["certify", "distortion", "entropy", "excess", "lagrangian", "partition", "report"])
def test_every_command_that_takes_a_source_completes_it(command):
    assert ("plain", "circle") in completed(command, "")


@pytest.mark.torch
def test_commands_of_the_neural_part_are_completed(tmp_path):
    assert completed("train", "ci") == [("plain", "circle")]
    assert completed("train", "loop") == [("file", "loop")]
    assert completed("sweep", "s") == [("plain", "sinusoid"), ("plain", "sawbridge")]
    assert completed("baseline", "ra") == [("plain", "ramp")]
    assert completed("baseline", "ramp", "--kind", "ecvq,k") == [("plain", "ecvq,klt")]
    assert ("plain", "circular-table") in completed("train", "circle", "--compressor", "circ")
    (tmp_path / "runs").mkdir()
    for name in ("abc", "abd", "b"):
        (tmp_path / "runs" / f"{name}.json").touch()
    assert completed("encode", str(tmp_path), "ab") == [("plain", "abc"), ("plain", "abd")]
    assert completed("encode", "nowhere", "ab") == []


def test_what_is_offered_is_what_there_is():
    assert set(BUILT_IN) <= set(common.OFFERED)
    assert {name.partition(":")[0] for name in common.OFFERED} == {*BUILT_IN, *FAMILIES}
    for name in common.OFFERED:
        assert resolve(name).name == name


def test_completion_without_the_neural_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "edcurve_neural.cli.training", None)
    assert completed("train", "") == []


def test_completion_imports_nothing_numerical():
    asked = {"COMP_WORDS": "edcurve entropy ", "COMP_CWORD": "2", "_EDCURVE_COMPLETE": "bash_complete"}
    code = "import sys, atexit; atexit.register(lambda: print(sorted({'numpy', 'numba', 'pandas'} & {*sys.modules})))"
    code += "; from edcurve.cli import main; main(prog_name='edcurve')"
    result = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[0] == "plain,ramp"
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_for_shells(shell):
    result = CliRunner().invoke(main, prog_name="edcurve", env={"_EDCURVE_COMPLETE": f"{shell}_source"})
    assert result.exit_code == 0
    assert f"_EDCURVE_COMPLETE={shell}_complete" in result.output


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [("entropy ci", "circle"), ("curve ci", "circle"), ("report c", "circle"), ("curve power :", "1.5")],
)
def test_bash_completes(typed, offered):
    script = (
        'eval "$(_EDCURVE_COMPLETE=bash_source edcurve)"; complete -p edcurve;'
        f"COMP_WORDS=(edcurve {typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _edcurve_completion edcurve;"
        'echo "${COMPREPLY[@]}"'
    )
    path = {**os.environ, "PATH": f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(["bash", "-c", script], env=path, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == offered
    assert "_edcurve_completion" in result.stdout


# --- versions -----------------------------------------------------------------------------------------------------


def test_versions():
    result = CliRunner().invoke(main, ["--version"])
    assert result.exit_code == 0
    first, *others = result.output.splitlines()
    assert first == f"edcurve, version {metadata.version('edcurve')}"
    found = dict(line.split(" ", 1) for line in others)
    assert found["python"] == sys.version.split()[0]
    assert found["numpy"] == np.__version__
    assert {"scipy", "numba", "pandas"} <= found.keys()


def test_versions_of_what_is_not_installed_are_left_out():
    assert list(versions.versions(("numpy", "no-such-package"))) == ["edcurve", "python", "numpy"]


def test_versions_import_nothing():
    code = "import sys; from edcurve.cli import main; main(['--version'], standalone_mode=False);"
    code += "print(sorted({'numpy', 'scipy', 'numba', 'pandas', 'torch'} & {*sys.modules}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


# --- warnings -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def naive():
    """A source whose d cancels for small p."""
    return ed.Source(lambda p: p * (1 - np.sinc(p) ** 2), max_distortion=1.0, closed=True, name="naive")


CALLS = {
    "entropy_distortion": lambda source: ed.entropy_distortion(source, 1e-12),
    "an array": lambda source: ed.entropy_distortion(source, np.array([0.1, 1e-12])),
    "upper_bound": lambda source: ed.upper_bound(source, 1e-12),
    "excess": lambda source: ed.excess(source, 1e-12, 30.0),
    "curve": lambda source: ed.curve(source, [1e-12, 0.1]),
    "plot_gap": lambda source: ed.plot_gap(source, (1e-12, 30.0)),
    "report": lambda source: ed.report(source, (1e-12, 30.0), shannon=False),
    "measure": lambda _: ed.measure([1, 2, 3], [0.1, 0.2, 0.3]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_warnings_point_at_the_line_of_the_caller(naive, call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(naive)
    assert caught
    for warning in caught:
        assert warning.filename == __file__
        assert warning.lineno == inspect.getsourcelines(call)[1]


@pytest.mark.parametrize("package", ["edcurve", "edcurve_neural"])
def test_every_warning_goes_through_the_function_that_finds_the_caller(package):
    """No other place of the package warns by itself."""
    (folder,) = importlib.util.find_spec(package).submodule_search_locations
    files = sorted(Path(folder).rglob("*.py"))
    assert files
    found = [
        (path.name, node.lineno)
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("warnings.warn", "warnings.warn_explicit")
    ]
    assert [name for name, _ in found] == (["validation.py"] if package == "edcurve" else [])

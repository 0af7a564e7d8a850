"""The command line: numbers as the API gives them, and for whatever is wrong one message and exit code 2."""

import csv
import importlib.metadata
import json
import math
import os
import stat
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ET
from pathlib import Path

import click
import edcurve as ed
import numpy as np
import pytest
from edcurve import drawing
from edcurve.cli import main
from edcurve.cli.lazy import LazyCommand
from edcurve.sources import resolve

NEED_TORCH = ("baseline", "decode", "encode", "runs", "sweep", "train")
COMMANDS = (
    *("certify", "curve", "distortion", "entropy", "excess", "figures", "lagrangian", "partition", "report", "segment"),
    "sources",
    *NEED_TORCH,
)
SCRIPT = Path(sysconfig.get_path("scripts"), "edcurve")
BASES = {"2": 2.0, "bits": 2.0, "e": math.e, "nats": math.e, "10": 10.0, "1.5": 1.5}


@pytest.fixture
def cli(capsys, tmp_path, monkeypatch):
    """Run a command in this process, in an empty folder; return exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments], prog_name="edcurve")
        return end.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def output(cli):
    """Run a command that must succeed, in silence but for its standard output, which is returned."""

    def run(*arguments):
        code, out, err = cli(*arguments)
        assert (code, err) == (0, "")
        return out

    return run


@pytest.fixture
def refused(cli, tmp_path):
    """Run a command that must be refused: exit code 2, one message with the given words, no output and no file."""

    def run(arguments, *words):
        before = listing(tmp_path)
        code, out, err = cli(*arguments)
        assert (code, out) == (2, ""), err
        assert err.startswith("Usage: edcurve")
        messages = [line for line in err.splitlines() if line.startswith("Error: ")]
        assert len(messages) == 1
        assert err.endswith(messages[0] + "\n")  # one line, and the last
        assert "Traceback" not in err
        for word in words:
            assert word in messages[0]
        assert listing(tmp_path) == before
        return messages[0]

    return run


def listing(folder):
    return sorted((str(path), path.is_dir() or path.read_bytes()) for path in folder.rglob("*"))


def names_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def strict(text):
    """Parse JSON, in which NaN and Infinity are not numbers and no key is given twice."""

    def once(pairs):
        assert len({key for key, _ in pairs}) == len(pairs)
        return dict(pairs)

    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"), object_pairs_hook=once)


def floats(values):
    return [float(value) for value in values]


def table(text):
    """Parse a printed table: names, and columns of numbers."""
    head, *rows = (line.split() for line in text.splitlines())
    return dict(zip(head, zip(*[floats(row) for row in rows], strict=True), strict=True))


# --- every command ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["ramp", "circle", "sinusoid", "sawbridge", "uniform", "power:0.3", "power:2"])
def test_entropy_in_json_is_that_of_the_api(output, source):
    D = [0.05, 1e-3, 1e-12, 1e-300, 0.0, 1.0, math.inf]
    got = strict(output("entropy", source, *D, "--json"))
    assert got.keys() == {"source", "base", "status", "distortion", "entropy"}
    assert (got["source"], got["base"], got["status"]) == (source, 2.0, "exact (proved)")
    assert floats(got["distortion"]) == D
    assert floats(got["entropy"]) == ed.entropy_distortion(source, D).tolist()


@pytest.mark.parametrize("base", BASES)
def test_distortion_in_json_is_that_of_the_api(output, base):
    H = [0.0, 0.5, 1.0, 7.25, 60.0, 1000.0, math.inf]
    got = strict(output("distortion", "circle", *H, "--json", "--base", base))
    assert got["base"] == BASES[base]
    assert floats(got["entropy"]) == H
    assert floats(got["distortion"]) == ed.distortion_entropy("circle", H, base=BASES[base]).tolist()


@pytest.mark.parametrize("base", BASES)
def test_a_base_may_be_given_in_words(output, base):
    got = strict(output("entropy", "ramp", "0.01", "--base", base, "--json"))
    assert got["entropy"] == [ed.entropy_distortion("ramp", 0.01, base=BASES[base])]


def test_a_table_has_the_same_numbers_in_eleven_digits(output):
    D = [0.05, 1e-3, 1e-300, 0.0]
    got = table(output("entropy", "ramp", *D))
    np.testing.assert_allclose(got["entropy"], ed.entropy_distortion("ramp", D), rtol=5e-11)
    H = [0.0, 3.5, 1000.0, math.inf]
    np.testing.assert_allclose(
        table(output("distortion", "ramp", *H))["distortion"], ed.distortion_entropy("ramp", H), rtol=5e-11
    )


@pytest.mark.parametrize("D", [0.01, 1 / 12, 1.0, 1e-30, 1e-300, math.inf])
def test_partition(output, D):
    wanted = ed.partition("ramp", D)
    got = strict(output("partition", "ramp", D, "--json"))
    assert float(got.pop("distortion")) == D
    assert got == {"source": "ramp", "count": wanted.count, "size": wanted.size, "odd": wanted.odd}
    lines = dict(line.split() for line in output("partition", "ramp", D).splitlines())
    assert lines == {"count": repr(wanted.count), "size": repr(wanted.size), "odd": repr(wanted.odd)}


def test_excess_of_one_compressor(output):
    got = strict(output("excess", "ramp", "-D", "0.01", "-H", "4.5", "--json"))
    assert got == {
        "source": "ramp",
        "base": 2.0,
        "status": "exact (proved)",
        "distortion": [0.01],
        "entropy": [4.5],
        "excess": [ed.excess("ramp", 0.01, 4.5)],
    }
    got = strict(output("excess", "circle", "--distortion", "0.2", "--entropy", "3", "--lmbda", "4", "--json"))
    assert got["lmbda"] == [4.0]
    assert got["excess"] == [ed.excess("circle", 0.2, 3.0, lmbda=4.0)]
    assert got["excess_entropy"] == [ed.excess("circle", 0.2, 3.0)]
    got = table(output("excess", "circle", "-D", "0.2", "-H", "3", "--lmbda", "4", "--base", "e"))
    assert got["excess"] == (pytest.approx(ed.excess("circle", 0.2, 3.0, lmbda=4.0, base=math.e), rel=1e-8),)
    assert got["excess_entropy"] == (pytest.approx(ed.excess("circle", 0.2, 3.0, base=math.e), rel=1e-8),)


def test_excess_at_no_distortion_is_strict_json(cli):
    code, out, err = cli("excess", "ramp", "-D", "0", "-H", "4", "--json")
    assert (code, floats(strict(out)["excess"])) == (0, [-math.inf])
    assert "no code does this" in err


def test_excess_where_only_a_bound_is_known(cli):
    """The least H + λD is the best known, E(D) is not known: the column that needs it is not there."""
    code, out, err = cli("excess", "pulse:0.2", "-D", "0.01", "-H", "6", "--lmbda", "4")
    assert (code, [*table(out)]) == (0, ["distortion", "entropy", "lmbda", "excess"])
    assert err.startswith("pulse:0.2: upper bound: the best partition found, not proved to be the best of all (cond")
    code, out, err = cli("excess", "pulse:0.2", "-D", "0.01", "-H", "6", "--lmbda", "4", "--json")
    assert (code, err) == (0, "")
    got = strict(out)
    assert (got["status"], "excess_entropy" in got) == ("upper bound", False)
    assert got["excess"] == [ed.excess("pulse:0.2", 0.01, 6.0, lmbda=4.0)]
    code, out, err = cli("excess", "ramp:64", "-D", "0.01", "-H", "6", "--lmbda", "4", "--json")
    assert (code, [*strict(out)][-1]) == (0, "excess")


def test_lagrangian_says_its_status(cli):
    for source in ("pulse:0.2", "circle"):
        assert strict(cli("lagrangian", source, "4", "--json")[1])["status"] == ed.lagrangian(source, 4.0).status
    code, out, err = cli("lagrangian", "pulse:0.2", "4")
    assert (code, out.splitlines()[0]) == (0, "pulse:0.2: upper bound")
    assert "not proved to be the best of all" in err


# --- points that cannot be, or need not be -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("circle", "-D", "0.2", "-H", "1.37"),
            "bits: no code does this, it takes at least 1.982 bits. Is the entropy",
        ),
        (("circle", "-D", "0.2", "-H", "1.37", "--lmbda", "4"), "Is the entropy in bits (--base)"),
        (
            ("circle", "-D", "0.1", "-H", "2.4"),
            "is the distortion a sum over coordinates, or for a function the mean over t",
        ),
        (("circle", "-D", "0.2", "-H", "1", "--base", "e"), "at least 1.374 nats. Is the entropy in nats (--base)"),
        (("pulse:0.2", "-D", "0.01", "-H", "4", "--lmbda", "4"), "it takes at least 5.059 bits"),
        (
            ("circle", "-D", "2.4", "-H", "0.2"),
            "D = 2.4 and H = 0.2 bits: sending nothing does as well, with D_max = 1.",
        ),
        (("ramp:64", "-D", "0.2", "-H", "1", "--lmbda", "4"), "sending nothing does as well, with D_max = 0.0833"),
        (("circle", "-D", "1", "-H", "0.2"), "Are distortion and entropy swapped"),
    ],
)
def test_what_cannot_be_is_doubted(cli, arguments, words):
    for form in ([], ["--json"]):
        code, out, err = cli("excess", *arguments, *form)
        assert code == 0
        assert out
        assert words in err


def test_what_is_just_possible_is_not_doubted(output):
    """E(D) itself, D and H in three digits, a compressor that sends next to nothing, and one that sends nothing."""
    for source in ("circle", "ramp", "sawbridge", "pulse:0.5"):
        for D in (np.geomspace(1e-5, 1.0, 40) * resolve(source).max_distortion).tolist():
            H = ed.entropy_distortion(source, D)
            output("excess", source, "-D", repr(D), "-H", repr(H))
            output("excess", source, "-D", f"{D * 0.995:.3g}", "-H", f"{H * 0.999:.3g}")
    output("excess", "circle", "-D", "1.01", "-H", "0.005")
    output("excess", "circle", "-D", "3", "-H", "0")


def test_several_points_are_doubted_at_once(cli):
    rows = "0.2,3\n0.2,1\n0.1,1\n2,0.5\n0.3,3\n3,0.5\n"
    code, _, err = cli("excess", "circle", *write(f"distortion,entropy\n{rows}")[2:])
    assert code == 0
    assert [line.partition(":")[0] for line in err.splitlines()] == [
        "2 of 6 points, the first with D = 0.2 and H = 1 bits",
        "2 of 6 points, the first with D = 2 and H = 0.5 bits",
    ]


def test_curve_in_json_is_the_file_that_save_writes(output, tmp_path):
    out = output("curve", "ramp", "--json", "--num", "33", "--dmin", "1e-5", "--dmax", "0.05", "--base", "e")
    strict(out)
    (tmp_path / "printed.json").write_text(out)
    drawn = ed.Curve.load(tmp_path / "printed.json")
    assert (drawn.distortion[0], drawn.distortion[-1], len(drawn.distortion)) == (1e-5, 0.05, 33)
    assert drawn == ed.curve("ramp", drawn.distortion, base=math.e)


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
    drawn = ed.curve("circle", num=50)
    assert Path("out.csv").read_bytes().decode() == drawn.to_csv()
    with Path("out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name in ("distortion", "entropy", "upper", "lower", "hull"):
        assert [float(row[name]) for row in rows] == getattr(drawn, name).tolist()
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


def test_sources(output):
    listed = {entry.pop("name"): entry for entry in strict(output("sources", "--json"))}
    assert {"ramp", "circle", "sinusoid", "sawbridge", "uniform"} < listed.keys()
    for name, entry in listed.items():
        source = ed.curve(name, [1.0]).source
        assert source == name
        assert entry["status"] == resolve(name).status
        assert ed.upper_bound(name, entry["max_distortion"]) == 0.0
    assert [listed[name]["closed"] for name in ("ramp", "circle", "sawbridge", "uniform")] == [True, True, False, False]
    text = output("sources")
    assert all(name in text for name in listed)
    assert max(map(len, text.splitlines())) <= 80


def test_figures(cli, tmp_path):
    names = [f"{name}.{kind}" for name in ("ramp", "circle") for kind in ("png", "pdf", "csv")] + ["provenance.json"]
    names += [f"figure_{number}.png" for number in range(1, 8)] + ["runs.csv", "codewords.csv", "figures.json"]
    code, out, err = cli("figures", "--out", "deep/my figures", "--base", "e")
    assert (code, err) == (0, "")
    assert out.splitlines() == [f"wrote {Path('deep/my figures') / name}" for name in names]
    assert names_in("deep/my figures") == sorted(names)
    said = strict(Path("deep/my figures/provenance.json").read_text(encoding="utf-8"))
    assert said["command"] == "edcurve figures --out 'deep/my figures' --base e"
    assert said["base"] == math.e


def test_version(output):
    assert output("--version").splitlines()[0] == f"edcurve, version {importlib.metadata.version('edcurve')}"


@pytest.mark.parametrize(
    "command",
    [[], *[pytest.param([name], marks=[pytest.mark.torch] * (name in NEED_TORCH)) for name in COMMANDS]],
    ids=lambda names: "".join(names) or "all",
)
def test_help(output, command):
    for flag in ("--help", "-h"):
        text = output(*command, flag)
        assert text.startswith(" ".join(["Usage: edcurve", *command]))
    assert max(map(len, text.splitlines())) <= 100
    for parameter in command_named(*command).params if command else []:
        options = [option for option in parameter.opts if option.startswith("--")]
        assert all(name in text for name in options or [parameter.metavar or parameter.name.upper()])


def command_named(name):
    command = main.get_command(click.Context(main), name)
    return command.load() if isinstance(command, LazyCommand) else command


def test_every_command_is_tested():
    assert main.list_commands(click.Context(main)) == sorted(COMMANDS)


# --- files of points, and what a curve can show -----------------------------------------------------------------------


@pytest.fixture
def loop(tmp_path):
    t = 2 * np.pi * np.arange(240) / 240
    points = np.stack([np.cos(t), np.sin(t)], axis=1)
    np.save(tmp_path / "loop.npy", points)
    return points


def test_segment(cli, loop):
    found = ed.segment(loop, [4.0, 32.0], closed=True, base=math.e)
    code, out, err = cli("segment", "loop.npy", "--lmbda", "4,32", "--closed", "--base", "e", "--json")
    content = strict(out)
    assert (code, err) == (0, "")
    assert content["cells"] == found.cells.tolist()
    assert content["value"] == found.value.tolist()
    assert content["boundaries"] == [part.tolist() for part in found.boundaries]
    assert content["probabilities"] == [part.tolist() for part in found.probabilities]


def test_segment_prints_a_table_that_fits(cli, loop):
    code, out, err = cli("segment", "loop.npy", "--lmbda", "4,32")
    assert (code, err.count("\n")) == (0, 1)
    assert "--closed is for loops" in err
    lines = out.splitlines()
    assert lines[0].split() == ["lmbda", "cells", "entropy", "distortion", "value", "gap"]
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert float(lines[1].split()[4]) == pytest.approx(ed.segment(loop, 4.0).value, rel=1e-6)


def test_segment_writes_its_table_and_its_cells(cli, loop):
    np.savetxt("weights.csv", np.linspace(1.0, 2.0, 240))
    arguments = ("segment", "loop.npy", "--lmbda", "16", "--weights", "weights.csv")
    assert cli(*arguments, "--csv", "table.csv", "--cells", "cells.csv")[:2] == (0, "")
    found = ed.segment(loop, 16.0, weights=np.linspace(1.0, 2.0, 240))
    (row,) = csv.DictReader(Path("table.csv").read_text(encoding="utf-8").splitlines())
    assert float(row["value"]) == found.value
    rows = list(csv.DictReader(Path("cells.csv").read_text(encoding="utf-8").splitlines()))
    assert [int(row["first"]) for row in rows] == found.boundaries.tolist()
    assert [float(row["probability"]) for row in rows] == found.probabilities.tolist()
    assert [[float(row["centroid_0"]), float(row["centroid_1"])] for row in rows] == found.centroids.tolist()


def test_what_segment_refuses(refused, loop):
    refused(["segment", "loop.npy"], "--lmbda")
    refused(["segment", "loop.npy", "--lmbda", "1;2"], "--lmbda must be numbers separated by commas", "'1;2'")
    refused(["segment", "loop.npy", "--lmbda", "-1"], "loop.npy: lmbda must be at least 0")
    refused(["segment", "loop.npy", "--lmbda", "1,2", "--cells", "c.csv"], "--cells lists the cells of a single λ")
    refused(["segment", "none.npy", "--lmbda", "1"], "none.npy: No such file")
    refused(["segment", "ramp", "--lmbda", "1"], "ramp: expected a file that ends in .npy, .npz, .csv")


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
    refused(["curve", "ramp", "--open"], "--open, --waveform and --key are for files", "'ramp'")
    refused(["curve", "ramp:64"], "source must be stationary")
    refused(["curve", "loop.npy", "--open", "--waveform"], "--open and --waveform exclude each other")
    refused(["curve", "loop.npy", "--waveform"], "loop.npy: g must be a function, or one-dimensional")
    refused(["curve", "loop.npy", "--key", "x"], "key names an array of a .npz file")
    refused(["curve", "circle", "--width", "-1"], "width must be at least 0")


# --- what is refused ----------------------------------------------------------------------------------------------

NOT_NUMBERS = ("abc", "1+2j", "", "0x10", "1;5", "None", "[0.1]")


@pytest.mark.parametrize("word", NOT_NUMBERS)
def test_what_is_not_a_number(refused, word):
    refused(["entropy", "ramp", word], "DISTORTION", repr(word))
    refused(["entropy", "ramp", "0.1", word], "DISTORTION", repr(word))
    refused(["distortion", "ramp", word], "ENTROPY", repr(word))
    refused(["partition", "ramp", word], "DISTORTION", repr(word))
    refused(["curve", "ramp", f"--dmin={word}"], "--dmin", repr(word))
    refused(["excess", "ramp", f"--distortion={word}", "-H", "1"], "--distortion", repr(word))
    refused(["excess", "ramp", "-D", "0.1", "-H", "1", f"--lmbda={word}"], "--lmbda", repr(word))


@pytest.mark.parametrize(
    ("word", "shown"), [("nan", "nan"), ("-nan", "nan"), ("-0.1", "-0.1"), ("-1e-9", "-1e-09"), ("-inf", "-inf")]
)
def test_numbers_out_of_range(refused, word, shown):
    refused(["entropy", "ramp", word], "distortion must", f"got {shown}")
    refused(["entropy", "ramp", "0.1", word, "--json"], "distortion must", f"got {shown} at index 1")
    refused(["distortion", "circle", word], "entropy must", f"got {shown}")
    refused(["partition", "circle", word], "distortion must", f"got {shown}")
    refused(["excess", "ramp", "-D", word, "-H", "1"], "distortion must", f"got {shown}")
    refused(["excess", "ramp", "-D", "0.1", "-H", word], "entropy must", f"got {shown}")
    refused(["excess", "ramp", "-D", "0.1", "-H", "1", "--lmbda", word], "lmbda must", f"got {shown}")
    refused(["curve", "ramp", "--dmin", word], "--dmin", f"got {shown}")
    refused(["curve", "ramp", "--dmax", word], "--dmax", f"and {shown}")


def test_numbers_that_must_be_finite_or_above_0(refused):
    refused(["excess", "ramp", "-D", "inf", "-H", "1"], "distortion must", "got inf")
    refused(["excess", "ramp", "-D", "0.1", "-H", "inf"], "entropy must", "got inf")
    refused(["partition", "ramp", "0"], "distortion must be above 0", "got 0.0")


@pytest.mark.parametrize("source", ["foo", "", "Ramp", "ramp ", "power", "power:", "power:x", "power:1,5", "-1"])
def test_unknown_sources(refused, source):
    commands = (["entropy", source, "0.1"], ["distortion", source, "1"], ["partition", source, "0.1"])
    for arguments in (*commands, ["curve", source], ["excess", source, "-D", "1", "-H", "1"]):
        refused(arguments, "source must be", f"{source!r}", "power:")


@pytest.mark.parametrize("a", ["0", "-1", "2.5", "inf", "nan"])
def test_exponents_out_of_range(refused, a):
    refused(["entropy", f"power:{a}", "0.1"], "source must be power:a with 0 < a ≤ 2", f"'power:{a}'")


@pytest.mark.parametrize("command", [["entropy", "ramp", "0.1"], ["curve", "ramp"], ["figures"]], ids=lambda c: c[0])
@pytest.mark.parametrize(
    ("base", "shown"),
    [("0", "0.0"), ("1", "1.0"), ("0.5", "0.5"), ("-2", "-2.0"), ("nan", "nan"), ("inf", "inf"), ("-inf", "-inf")],
)
def test_bases_out_of_range(refused, command, base, shown):
    refused([*command, "--base", base], "base must be", f"got {shown}")


@pytest.mark.parametrize("base", ["abc", "E", "", "1+2j"])
def test_bases_that_are_not_numbers(refused, base):
    refused(["entropy", "ramp", "0.1", "--base", base], "--base", repr(base))


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


def test_missing_and_superfluous_arguments(refused):
    refused(["entropy", "ramp"], "DISTORTION")
    refused(["partition", "ramp", "0.1", "0.2"], "0.2")
    refused(["curve"], "SOURCE")
    refused(["lagrangian", "ramp"], "give λ either as LMBDA or by --lmbda")
    refused(["lagrangian", "ramp", "4", "--lmbda", "4"], "give λ either as LMBDA or by --lmbda")
    refused(["lagrangian", "ramp", "--lmbda", "4;5"], "--lmbda must be numbers separated by commas, got '4;5'")
    refused(["frobnicate"], "frobnicate")
    refused(["figures", "--num", "3"], "--num")


@pytest.mark.parametrize(
    ("arguments", "option", "near"),
    [
        (("curve", "ramp", "--nmu", "3"), "--nmu", "--num"),
        (("curve", "ramp", "--nmu=3"), "--nmu", "--num"),
        (("curve", "circle", "--points", "20"), "--points", "--num"),
        (("curve", "--ramp"), "--ramp", None),
        (("curve", "ramp", "-D", "1"), "-D", None),
        (("entropy", "ramp", "0.1", "--bse", "3"), "--bse", "--base"),
        (("entropy", "ramp", "--jsno", "0.1"), "--jsno", "--json"),
        (("entropy", "ramp", "-x"), "-x", None),
        (("entropy", "--ramp", "0.1"), "--ramp", None),
        (("lagrangian", "circle", "--lambda", "4,32"), "--lambda", "--lmbda"),
        (("excess", "circle", "-D", "0.2", "-H", "3", "--lambda", "4"), "--lambda", "--lmbda"),
        (("segment", "x.npy", "--lambda", "4"), "--lambda", "--lmbda"),
        (("partition", "circle", "0.1", "--bass"), "--bass", None),
        (("report", "circle", "--outt", "x.html"), "--outt", "--out"),
    ],
)
def test_options_that_there_are_not(refused, arguments, option, near):
    message = refused(arguments)
    assert message == f"Error: No such option: {option}{f', did you mean {near}?' if near else ''}"


def test_multipliers_may_be_separated_by_commas(output, refused):
    refused(["entropy", "circle", "0,01"], "'0,01' is not a number")
    for given in (("4,32",), ("4", "32"), ("--lmbda", "4,32")):
        got = strict(output("lagrangian", "circle", *given, "--json"))
        assert (got["lmbda"], got["cells"]) == ([4.0, 32.0], ed.lagrangian("circle", [4.0, 32.0]).cells.tolist())


def test_negative_numbers_are_arguments(refused):
    for word in ("-1", "-.5", "-1e-3", "-inf"):
        refused(["entropy", "circle", word], "distortion must be at least 0, got -")
    for word in ("-0.5,3", "3,-0.5"):
        refused(["lagrangian", "circle", word], "lmbda must be at least 0 and finite, got -0.5")
    refused(["lagrangian", "circle", "--lmbda", "-1,2"], "lmbda must be at least 0 and finite, got -1")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("cirle", "circle"),
        ("Circle", "circle"),
        (" RAMP ", "ramp"),
        ("sinusiod", "sinusoid"),
        ("powr:1.5", "power:1.5"),
        ("Power:1.5", "power:1.5"),
        ("circle:3", "circle"),
        ("power", "power:a"),
        ("edge", "edge:n"),
        ("zzz", None),
        ("", None),
    ],
)
def test_names_that_are_nearly_right(refused, name, near):
    message = refused(["entropy", name, "0.1"], "one of ramp, circle, sinusoid, sawbridge, ", f"got {name!r}")
    assert message.endswith(f"got {name!r}{f'; did you mean {near!r}?' if near else ''}")


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
    # simulated, since permissions do not bind every user
    def forbidden(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "touch", forbidden)
    message = refused(["curve", "ramp", "--num", "3", option, "out.png"])
    assert message == "Error: out.png: Permission denied"


@pytest.mark.parametrize("path", ["a.txt", "a", "a.pgf", ".png", "a.png.gz"])
def test_formats_that_plots_do_not_have(refused, path):
    # the table, which could be written, is not either: a command that fails should leave nothing
    refused(["curve", "ramp", "--num", "3", "--csv", "a.csv", "--plot", path], "path must end in", "png", repr(path))


def test_a_plot_that_breaks_off_leaves_what_was_there(cli, monkeypatch):
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


def test_figures_where_a_file_is(refused):
    Path("file").write_text("kept")
    refused(["figures", "--out", "file"], "file: File exists")
    refused(["figures", "--out", "file/below"], "file")


# --- points from a file -------------------------------------------------------------------------------------------


def write(text, name="points.csv"):
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return ["excess", "ramp", "--points", name]


GOOD = {
    "plain": "distortion,entropy\n0.01,4.5\n0.02,3.5\n",
    "other columns": "name,entropy,distortion,seed\na,4.5,0.01,1\nb,3.5,0.02,\n",
    "byte order mark": b"\xef\xbb\xbfdistortion,entropy\n0.01,4.5\n0.02,3.5\n",
    "Windows": b"distortion,entropy\r\n0.01,4.5\r\n0.02,3.5\r\n",
    "quoted": 'distortion,entropy,note\n"0.01","4.5","a, b"\n0.02,3.5,"two\nlines"\n',
    "blank lines": "distortion,entropy\n\n0.01,4.5\n\n\n0.02,3.5\n\n",
    "no end of line": "distortion,entropy\n0.01,4.5\n0.02,3.5",
    "more cells than names": "distortion,entropy\n0.01,4.5,x,y\n0.02,3.5\n",
}
LABELS = {"other columns": ["a, seed 1", "b"]}


@pytest.mark.parametrize("kind", GOOD)
def test_points(output, kind):
    got = strict(output(*write(GOOD[kind]), "--json"))
    assert got.pop("label", None) == LABELS.get(kind)
    assert got.keys() == {"source", "base", "status", "distortion", "entropy", "excess"}
    assert (got["distortion"], got["entropy"]) == ([0.01, 0.02], [4.5, 3.5])
    assert got["excess"] == ed.excess("ramp", [0.01, 0.02], [4.5, 3.5]).tolist()


def test_points_with_weights(output):
    arguments = write("lmbda,distortion,entropy\n48,0.01,4.5\n4096,0.0004,10\n")
    got = strict(output(*arguments, "--json", "--base", "2"))
    assert got["lmbda"] == [48.0, 4096.0]
    assert got["excess"] == ed.excess("ramp", [0.01, 0.0004], [4.5, 10.0], lmbda=[48.0, 4096.0]).tolist()
    assert [*table(output(*arguments))] == ["distortion", "entropy", "lmbda", "excess", "excess_entropy"]
    assert got["excess_entropy"] == ed.excess("ramp", [0.01, 0.0004], [4.5, 10.0]).tolist()
    got = strict(output(*arguments, "--json", "--lmbda", "100"))
    assert got["lmbda"] == [100.0, 100.0]
    assert got["excess"] == ed.excess("ramp", [0.01, 0.0004], [4.5, 10.0], lmbda=100.0).tolist()


@pytest.mark.parametrize("name", ["lambda", "λ", " lmbda "])
def test_names_of_lambda(output, name):
    got = strict(output(*write(f"{name},distortion,entropy\n48,0.01,4.5\n"), "--json"))
    assert (got["lmbda"], got["excess"]) == ([48.0], [ed.excess("ramp", 0.01, 4.5, lmbda=48.0)])


def test_labels_are_kept(output):
    arguments = write("label,distortion,entropy,lmbda\nmine,0.01,4.5,48\nthe old one,0.02,3.5,48\n,0.03,3,48\n")
    assert strict(output(*arguments, "--json"))["label"] == ["mine", "the old one", ""]
    head, *rows = output(*arguments).splitlines()
    assert head.split() == ["distortion", "entropy", "lmbda", "excess", "excess_entropy", "label"]
    assert [row[80:] for row in rows] == ["  mine", "  the old one", ""]
    assert [len(row[:80].split()) for row in rows] == [5, 5, 5]


def test_one_row_is_one(cli):
    text = "source,distortion,entropy\nramp,0.01,4.5\ncircle,0.2,2.4\n"
    assert cli(*write(text))[2] == "1 row of other sources or of runs without a result is left out\n"


def test_points_of_the_sampled_ramp(output):
    write("source,distortion,entropy,lmbda\nramp:64,0.01,4.5,48\n")
    got = strict(output("excess", "ramp:64", "--points", "points.csv", "--json"))
    assert got["excess"] == [ed.excess(ed.Ramp(samples=64), 0.01, 4.5, lmbda=48.0)]


def test_points_of_other_sources_and_runs_without_a_result_are_left_out(output, cli):
    arguments = write(
        "source,lmbda,distortion,entropy,status\nramp,48,0.01,4.5,finished\ncircle,4,0.2,2.4,finished\n"
        "ramp,48,,,diverged\nramp,,0.02,3.5,finished\n,96,0.01,4.25,finished\n"
    )
    code, out, err = cli(*arguments, "--json")
    assert (code, err) == (0, "2 rows of other sources or of runs without a result are left out\n")
    got = strict(out)
    assert got["distortion"] == [0.01, 0.02, 0.01]
    assert got["lmbda"] == [48.0, "nan", 96.0]
    want = ed.excess("ramp", [0.01, 0.01], [4.5, 4.25], lmbda=[48.0, 96.0]).tolist()
    assert got["excess"] == [want[0], "nan", want[1]]
    assert got["excess_entropy"] == ed.excess("ramp", [0.01, 0.02, 0.01], [4.5, 3.5, 4.25]).tolist()
    without = strict(output(*write("distortion,entropy,lmbda\n0.01,4.5,\n"), "--json"))
    assert without.keys() == {"source", "base", "status", "distortion", "entropy", "excess"}


def test_the_table_of_a_curve_can_be_its_points(output, cli):
    assert cli("curve", "ramp", "--csv", "points.csv", "--num", "20")[0] == 0
    got = strict(output("excess", "ramp", "--points", "points.csv", "--json"))
    assert got["excess"] == [0.0] * 20


BAD = {
    "empty": ("", "points.csv: expected columns distortion and entropy, got no distortion among none"),
    "blank": ("\n\n\n", "points.csv: expected columns distortion and entropy"),
    "no rows": ("distortion,entropy\n", "points.csv: expected at least one row below the header line, got none of 0"),
    "no header": ("0.01,4.5\n0.02,3.5\n", "got no distortion among '0.01', '4.5'"),
    "wrong header": ("D,H\n0.01,4.5\n", "among 'D', 'H': rename 'D' to distortion and 'H' to entropy"),
    "capitals": ("Distortion,Entropy\n0.01,4.5\n", "': rename 'Distortion' to distortion and 'Entropy' to entropy"),
    "one of two": ("distortion,H,D\n0.01,4.5,1\n", "among 'distortion', 'H', 'D': rename 'H' to entropy"),
    "one column": ("distortion\n0.01\n", "got no entropy among 'distortion'"),
    "semicolons": ("distortion;entropy\n0.01;4.5\n", "'distortion;entropy': separated by semicolons, expected commas"),
    "tabs": ("distortion\tentropy\n0.01\t4.5\n", "entropy': separated by tabs, expected commas"),
    "two of λ": ("distortion,entropy,λ,lmbda\n0.01,4.5,1,1\n", "expected one column of λ, got λ and lmbda"),
    "twice λ": ("distortion,entropy,λ,λ\n0.01,4.5,1,1\n", "more than one column is called λ"),
    "word": ("distortion,entropy\n0.01,4.5\n0.02,abc\n", "points.csv, line 3: entropy must be a finite number, at"),
    "word after blanks": ("distortion,entropy\n\n0.01,1\n\nx,1\n", "line 5: distortion must be a finite number, at"),
    "complex": ("distortion,entropy\n0.01,1+2j\n", "line 2: entropy must be a finite number, at least 0, got '1+2j'"),
    "short row": ("distortion,entropy\n0.01,4.5\n0.02\n", "line 3: entropy must be a finite number"),
    "empty cell": ("distortion,entropy\n,4.5\n", "line 2: distortion must be a finite number, at least 0, got ''"),
    "long cell": (f"distortion,entropy\n{'x' * 99},1\n", f"at least 0, got '{'x' * 59}…"),
    "negative": (
        "distortion,entropy\n0.01,4.5\n-0.02,3\n",
        "line 3: distortion must be a finite number, at least 0, got",
    ),
    "NaN": ("distortion,entropy\n0.01,nan\n", "line 2: entropy must be a finite number, at least 0, got 'nan'"),
    "infinite": ("distortion,entropy\n0.01,inf\n", "line 2: entropy must be a finite number, at least 0, got 'inf'"),
    "weight": ("distortion,entropy,lmbda\n0.1,4.5,-1\n", "line 2: lmbda must be a finite number, at least 0, got '-1'"),
    "other source": ("distortion,entropy,source\n0.1,4.5,circle\n", "one row of the source 'ramp' below the header"),
    "Latin 1": ("distortion,entropy,é\n0.01,4.5,1\n".encode("latin-1"), "points.csv: not a CSV file in UTF-8"),
    "UTF-16": ("distortion,entropy\n0.01,4.5\n".encode("utf-16"), "points.csv: not a CSV file in UTF-8"),
    "an image": (b"\x89PNG\r\n\x1a\n\0\0", "points.csv: not a CSV file in UTF-8"),
    "endless cell": ("distortion,entropy\n" + "1" * 200_000 + ",1\n", "points.csv: not a CSV file"),
    "open quote": ('distortion,entropy\n"0.01,4.5\n0.02,3.5\n', "distortion must be a finite number"),
    "null": (b"distortion,entropy\n0.01,\0\n", "line 2: entropy must be a finite number"),
}


@pytest.mark.parametrize(("text", "why"), BAD.values(), ids=BAD)
def test_points_that_are_refused(refused, text, why):
    refused(write(text), why)


def test_points_that_are_not_there(refused):
    Path("folder").mkdir()
    refused(["excess", "ramp", "--points", "missing.csv"], "missing.csv: No such file or directory")
    refused(["excess", "ramp", "--points", "folder"], "folder: Is a directory")
    refused(["excess", "ramp", "--points", ""], "directory")


def test_points_or_a_point_but_not_both_nor_half(refused):
    write(GOOD["plain"])
    either = "either --distortion and --entropy, or --points"
    for extra in ([], ["-D", "0.1"], ["-H", "0.1"], ["--lmbda", "3"]):
        refused(["excess", "ramp", *extra], either)
    for extra in (["-D", "0.1"], ["-H", "0.1"], ["-D", "0.1", "-H", "1"]):
        refused(["excess", "ramp", "--points", "points.csv", *extra], either)


# --- as a program -------------------------------------------------------------------------------------------------


def program(*arguments, **environment):
    return subprocess.run(
        [SCRIPT, *arguments],
        capture_output=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def test_the_program_prints_what_the_api_computes():
    done = program("entropy", "circle", "0.25", "1e-9", "--json", PYTHONWARNINGS="error")
    assert (done.returncode, done.stderr) == (0, b"")
    assert strict(done.stdout)["entropy"] == ed.entropy_distortion("circle", [0.25, 1e-9]).tolist()


def test_the_package_is_a_program_too():
    command = [sys.executable, "-m", "edcurve", "entropy", "circle", "-1"]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr.split()[:2]) == (2, [b"Usage:", b"edcurve"])


def test_the_program_refuses_with_code_2():
    done = program("entropy", "ramp", "-1")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.endswith(b"Error: distortion must be at least 0, got -1.0 at index 0\n")


@pytest.mark.parametrize("arguments", [["--help"], ["sources"]], ids=" ".join)
def test_an_encoding_without_our_letters_is_no_reason_to_fail(arguments):
    done = program(*arguments, PYTHONIOENCODING="cp1252")
    assert (done.returncode, done.stderr) == (0, b"")
    assert "0 < a ? 2" in done.stdout.decode("cp1252")


def test_a_reader_that_leaves_is_no_error_worth_a_traceback():
    # more than a pipe holds, so that the program is still writing when the reader is gone
    with subprocess.Popen(
        [SCRIPT, "curve", "ramp", "--json", "--num", "20000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    ) as process:
        assert process.stdout.readline() == b"{\n"
        process.stdout.close()
        said = process.stderr.read()
        process.wait(timeout=120)
    assert said == b""
    assert process.returncode == 1


def test_a_failing_write_to_standard_output_is_reported():
    code = (
        "import sys\n"
        "from edcurve.cli import main\n"
        "class Full:\n"
        "    def write(self, text): raise OSError(28, 'No space left on device')\n"
        "    def flush(self): pass\n"
        "sys.stdout = Full()\n"
        "main(['sources'], prog_name='edcurve')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith(b"Error: [Errno 28] No space left on device\n")


def test_plotting_formats_are_those_the_help_names():
    (help_text,) = [option.help for option in main.commands["curve"].params if "--plot" in option.opts]
    drawn = ed.curve("ramp", num=2)
    named = [word.strip(",") for word in help_text.split() if word.startswith(".")]
    assert len(named) >= 3
    for suffix in named:
        with pytest.raises(FileNotFoundError):  # not ValueError: the format is fine, only the folder is missing
            drawing.save(drawn, f"missing/a{suffix}")


class TestCertify:
    def test_encloses_within_1e_12(self, output):
        for source, D in (("ramp", "0.01"), ("circle", "0.05")):
            shown = output("certify", source, D, "--json")
            (found,) = json.loads(shown)
            # the enclosure is narrower than the rounding errors of the double
            assert found["lower"] == pytest.approx(ed.entropy_distortion(source, float(D)), rel=1e-15)
            assert found["upper"] - found["lower"] <= 1e-12
            assert "(★)" in found["method"]

    def test_says_what_was_proved(self, output):
        shown = output("certify", "circle", "0.05", "2")
        assert "E(0.05) of circle is in [3.01722363980285" in shown
        assert "E(2.0) of circle is in [0.0, 0.0]" in shown
        assert max(map(len, shown.splitlines())) <= 80

    def test_infinite(self, output):
        (found,) = json.loads(output("certify", "ramp", "0", "--json"))
        assert found["lower"] == found["upper"] == "inf"


def test_files_are_written_all_or_none(cli, tmp_path):
    code, out, err = cli("curve", "ramp", "--plot", "fine.png", "--csv", "missing/x.csv")
    assert (code, out) == (2, "")
    assert "missing/x.csv: No such file or directory" in err
    assert list(tmp_path.iterdir()) == []

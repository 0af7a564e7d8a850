"""The commands for measured compressors and curves: `excess` and `segment`."""

import contextlib
import csv
import json
import math
import tracemalloc
from pathlib import Path

import edcurve as ed
import numpy as np
import pytest
from command_output import floats, strict, table
from edcurve.cli.measured import excess
from edcurve.sources import resolve
from report_content import RUNS


def test_excess_of_one_compressor(output):
    got = strict(output("excess", "ramp", "-D", "0.01", "-H", "4.5", "--json"))
    assert got == {
        "source": "ramp",
        "base": 2.0,
        "status": "exact (proved)",
        "meaning": {"excess": "H − E(D)"},
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


def test_excess_with_only_a_bound(cli):
    """The least H + λD is the best known and E(D) is unknown: the column that needs it is missing."""
    code, out, err = cli("excess", "pulse:0.2", "-D", "0.01", "-H", "6", "--lmbda", "4")
    assert (code, [*table(out)]) == (0, ["distortion", "entropy", "lmbda", "excess", "excess_over_bound"])
    assert err.startswith("pulse:0.2: upper bound: the best partition found, not proved to be the best of all (cond")
    code, out, err = cli("excess", "pulse:0.2", "-D", "0.01", "-H", "6", "--lmbda", "4", "--json")
    assert (code, err) == (0, "")
    got = strict(out)
    assert (got["status"], "excess_entropy" in got) == ("upper bound", False)
    assert got["excess"] == [ed.excess("pulse:0.2", 0.01, 6.0, lmbda=4.0)]
    assert got["excess_over_bound"] == [6.0 - ed.upper_bound("pulse:0.2", 0.01)]
    code, out, err = cli("excess", "pulse:0.2", "-D", "0.01", "-H", "6", "--json")
    assert (code, "excess" in strict(out)) == (0, False)
    assert strict(out)["excess_over_bound"] == got["excess_over_bound"]
    code, out, err = cli("excess", "ramp:64", "-D", "0.01", "-H", "6", "--lmbda", "4", "--json")
    assert (code, [*strict(out)][-1]) == (0, "excess")


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
            "Is the distortion a sum over coordinates, or for a function the mean over t",
        ),
        (("circle", "-D", "0.2", "-H", "1", "--base", "e"), "at least 1.374 nats. Is the entropy in nats (--base)"),
        (("pulse:0.2", "-D", "0.01", "-H", "4", "--lmbda", "4"), "it takes at least 5.059 bits"),
        (
            ("circle", "-D", "2.4", "-H", "0.2"),
            "D = 2.4 and H = 0.2 bits: sending nothing does as well, with D_max = 1.",
        ),
        (("ramp:64", "-D", "0.2", "-H", "1", "--lmbda", "4"), "sending nothing does as well, with D_max = 0.0833"),
        (("circle", "-D", "1", "-H", "0.2"), "Are distortion and entropy swapped"),
        (("circle", "-D", "0", "-H", "9"), "no code does this, it takes infinite entropy"),
        (("ramp:1024", "-D", "0.01", "-H", "1", "--lmbda", "4"), "no code does this, it takes at least 3.957 bits"),
    ],
)
def test_impossible_points_are_doubted(cli, arguments, words):
    for form in ([], ["--json"]):
        code, out, err = cli("excess", *arguments, *form)
        assert code == 0
        assert out
        assert err.count(words) == 1


def test_barely_possible_points_are_not_doubted(output):
    """E(D) itself, D and H in three digits, and compressors that send almost nothing or nothing."""
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


def test_segment(cli, loop):
    best = ed.segment(loop, [4.0, 32.0], closed=True, base=math.e)
    code, out, err = cli("segment", "loop.npy", "--lmbda", "4,32", "--closed", "--base", "e", "--json")
    content = strict(out)
    assert (code, err) == (0, "")
    assert content["cells"] == best.cells.tolist()
    assert content["value"] == best.value.tolist()
    assert content["boundaries"] == [part.tolist() for part in best.boundaries]
    assert content["probabilities"] == [part.tolist() for part in best.probabilities]


def test_segment_prints_a_table_that_fits(cli, loop):
    code, out, err = cli("segment", "loop.npy", "--lmbda", "4,32")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["lmbda", "cells", "entropy", "distortion", "value", "gap"]
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert float(lines[1].split()[4]) == pytest.approx(ed.segment(loop, 4.0).value, rel=1e-6)


def test_segment_of_points_in_random_order_names_sorting(cli, loop):
    """The text of the warning in Python, once, and only the result on standard output."""
    x = np.random.default_rng(0).normal(size=300)
    np.save("samples.npy", x)
    np.save("sorted.npy", np.sort(x))
    with pytest.warns(UserWarning, match="sort the points") as caught:
        best = ed.segment(x, 30.0)
    code, out, err = cli("segment", "samples.npy", "--lmbda", "30", "--json")
    assert (code, err.splitlines()[0], err.count("sort the points")) == (0, str(caught[0].message), 1)
    assert strict(out)["value"] == [best.value]
    assert "sort" not in cli("segment", "sorted.npy", "--lmbda", "30")[2]


def test_segment_writes_its_table_and_its_cells(cli, loop):
    np.savetxt("weights.csv", np.linspace(1.0, 2.0, 240))
    arguments = ("segment", "loop.npy", "--lmbda", "16", "--weights", "weights.csv")
    assert cli(*arguments, "--csv", "table.csv", "--cells-csv", "cells.csv")[:2] == (0, "")
    best = ed.segment(loop, 16.0, weights=np.linspace(1.0, 2.0, 240))
    (row,) = csv.DictReader(Path("table.csv").read_text(encoding="utf-8").splitlines())
    assert float(row["value"]) == best.value
    rows = list(csv.DictReader(Path("cells.csv").read_text(encoding="utf-8").splitlines()))
    assert [int(row["first"]) for row in rows] == best.boundaries.tolist()
    assert [float(row["probability"]) for row in rows] == best.probabilities.tolist()
    assert [[float(row["centroid_0"]), float(row["centroid_1"])] for row in rows] == best.centroids.tolist()


def test_what_segment_refuses(refused, loop):
    refused(["segment", "loop.npy"], "give exactly one of --lmbda, --cells, --entropy and --distortion, got none")
    refused(["segment", "loop.npy", "--cells", "2", "--lmbda", "4"], "got --lmbda and --cells")
    refused(["segment", "loop.npy", "--cells", "0"], "Error: cells must be integers, at least 1, got 0")
    refused(["segment", "loop.npy", "--cells", "999"], "loop.npy: cells must be at most 240")
    refused(["segment", "loop.npy", "--entropy", "-1"], "Error: entropy must be at least 0")
    refused(["segment", "loop.npy", "--lmbda", "1;2"], "--lmbda must be numbers separated by commas", "'1;2'")
    refused(["segment", "loop.npy", "--lmbda", "-1"], "Error: lmbda must be at least 0")
    refused(
        ["segment", "loop.npy", "--lmbda", "1,2", "--cells-csv", "c.csv"],
        "--cells-csv lists the cells of a single partition",
    )
    refused(["segment", "none.npy", "--lmbda", "1"], "none.npy: No such file")
    refused(["segment", "ramp", "--lmbda", "1"], "ramp: expected a file that ends in .npy, .npz, .csv")


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
    "commas at the ends": "distortion,entropy,\n0.01,4.5,,\n0.02,3.5,\n",
}

LABELS = {"other columns": ["a, seed 1", "b"]}


@pytest.mark.parametrize("kind", GOOD)
def test_points(output, kind):
    got = strict(output(*write(GOOD[kind]), "--json"))
    assert got.pop("label", None) == LABELS.get(kind)
    assert got.keys() == {"source", "base", "status", "meaning", "distortion", "entropy", "excess"}
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
    title, head, *rows = output(*arguments).splitlines()
    assert title == "excess is H + λD less the least H + λD; excess_entropy is H − E(D); in bits"
    assert head.split() == ["distortion", "entropy", "lmbda", "excess", "excess_entropy", "label"]
    assert [row[64:] for row in rows] == ["  mine", "  the old one", ""]
    assert [len(row[:64].split()) for row in rows] == [5, 5, 5]


def test_one_row_is_one(cli):
    text = "source,distortion,entropy\nramp,0.01,4.5\ncircle,0.2,2.4\n"
    assert cli(*write(text))[2] == "1 row of other sources or without a result is left out\n"


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
    assert (code, err) == (0, "2 rows of other sources or without a result are left out\n")
    got = strict(out)
    assert got["distortion"] == [0.01, 0.02, 0.01]
    assert got["lmbda"] == [48.0, "nan", 96.0]
    want = ed.excess("ramp", [0.01, 0.01], [4.5, 4.25], lmbda=[48.0, 96.0]).tolist()
    assert got["excess"] == [want[0], "nan", want[1]]
    assert got["excess_entropy"] == ed.excess("ramp", [0.01, 0.02, 0.01], [4.5, 3.5, 4.25]).tolist()
    without = strict(output(*write("distortion,entropy,lmbda\n0.01,4.5,\n"), "--json"))
    assert without.keys() == {"source", "base", "status", "meaning", "distortion", "entropy", "excess"}


def test_the_table_of_a_curve_can_be_its_points(output, cli):
    assert cli("curve", "ramp", "--csv", "points.csv", "--num", "20")[0] == 0
    got = strict(output("excess", "ramp", "--points", "points.csv", "--json"))
    assert got["excess"] == [0.0] * 20


SAME = {
    "semicolons": "Codec;Setting;Distortion;Entropy\nb;1;0,01;4,5\nb;2;0,02;3,75\n",
    "tabs": "method\tQP\tdistortion\tentropy\nb\t1\t0,01\t4.5\nb\t2\t0.02\t3,75\n",
    "a row without a result": "codec,setting,distortion,entropy\nb,1,0.01,4.5\nb,3,,\nb,2,0.02,3.75\nb,4,0.1,\n",
}


@pytest.mark.parametrize("name", SAME)
def test_tables_in_other_formats(cli, name):
    """Another separator, decimal commas, capitals, other words for a codec, and rows without a result."""
    code, out, err = cli(*write(SAME[name]), "--json")
    got = strict(out)
    assert code == 0
    assert (got["distortion"], got["entropy"]) == ([0.01, 0.02], [4.5, 3.75])
    assert [label.partition(",")[0] for label in got["label"]] == ["b", "b"]
    assert len(set(got["label"])) == 2  # the setting is part of it
    assert ("2 rows without D or H are left out" in err) == name.startswith("a row")
    assert strict(cli("mean-excess", "ramp", "--points", "points.csv", "--json")[1])["label"] == ["b"]


@pytest.mark.parametrize("head", ["", "Mine,Theirs,how far,how much\n"])
def test_columns_name_those_of_any_csv(output, head):
    arguments = write(head + "a,1,20,1.5\na,2,23,2\n")
    options = ("--columns", "codec,setting,psnr,bpp", "--dim", "4", "--mean", "--json")
    got = strict(output(*arguments, *options))
    assert got["label"] == ["a, 1", "a, 2"]
    assert got["distortion"] == pytest.approx([10**-2.0, 10**-2.3])
    assert (got["psnr"], got["bpp"]) == (pytest.approx([20, 23]), [1.5, 2])


def test_several_files_are_one_table(output):
    for name, D in (("one", 0.01), ("two", 0.02)):
        content = {"name": name, "results": {"distortion": [D, 4 * D], "entropy": [4.5, 3.5]}}
        Path(f"{name}.json").write_text(json.dumps(content))
    Path("plain.csv").write_text("distortion,entropy\n0.01,5\n0.05,4.5\n")
    files = [word for path in ("one.json", "two.json", "plain.csv") for word in ("--points", path)]
    got = strict(output("excess", "ramp", *files, "--json"))
    assert got["label"] == ["one", "one", "two", "two", "plain", "plain"]
    assert strict(output("mean-excess", "ramp", *files, "--json"))["label"] == ["one", "two", "plain"]
    assert got["excess"] == ed.excess("ramp", got["distortion"], got["entropy"]).tolist()


BAD = {
    "empty": ("", "points.csv: expected columns distortion and entropy, got no distortion among none"),
    "blank": ("\n\n\n", "points.csv: expected columns distortion and entropy"),
    "no rows": ("distortion,entropy\n", "points.csv: expected at least one row below the header line, got none of 0"),
    "no header": ("0.01,4.5\n0.02,3.5\n", "got no distortion among '0.01', '4.5'"),
    "wrong header": ("D,H\n0.01,4.5\n", "among 'D', 'H': rename 'D' to distortion and 'H' to entropy"),
    "other words": ("error,rate\n0.01,4.5\n", "among 'error', 'rate': rename columns, or name all of them (--columns)"),
    "the user's names": ("Method,Quality,SSIM\na,1,0.9\n", "among 'Method', 'Quality', 'SSIM': rename columns"),
    "the user's name": ("Distortion,ENTROPY\n0.1,x\n", "line 2: ENTROPY must be a finite number, at least 0, got 'x'"),
    "blanks": ("name D H\na 0.1 2\n", "'name D H': separate cells by commas, semicolons or tabs, not by blanks"),
    "one of two": ("distortion,H,D\n0.01,4.5,1\n", "among 'distortion', 'H', 'D': rename 'H' to entropy"),
    "one column": ("distortion\n0.01\n", "got no entropy among 'distortion'"),
    "points and commas": ("distortion;entropy\n0.01;1,004.5\n", "line 2: entropy must be a finite number, at least 0"),
    "two of λ": ("distortion,entropy,λ,lmbda\n0.01,4.5,1,1\n", "expected one column of λ, got λ and lmbda"),
    "twice λ": ("distortion,entropy,λ,λ\n0.01,4.5,1,1\n", "more than one column is called λ"),
    "word": ("distortion,entropy\n0.01,4.5\n0.02,abc\n", "points.csv, line 3: entropy must be a finite number, at"),
    "word after blanks": ("distortion,entropy\n\n0.01,1\n\nx,1\n", "line 5: distortion must be a finite number, at"),
    "complex": ("distortion,entropy\n0.01,1+2j\n", "line 2: entropy must be a finite number, at least 0, got '1+2j'"),
    "short row": ("distortion,entropy\n0.01,4.5\n0.02\n", "line 3: entropy must be a finite number"),
    "comma in a number": (
        "distortion,entropy\n0,01,8\n",
        "line 2: expected 2 cells, as many as names, got 3: '0,01,8'",
    ),
    "underscore": ("distortion,entropy\n0.01,1_0\n", "line 2: entropy must be a finite number, at least 0, got '1_0'"),
    "empty cell": ("distortion,entropy\n,4.5\n", "one row with distortion and entropy below the header line"),
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
    "open quote": ('distortion,entropy\n"0.01,4.5\n0.02,3.5\n', "line 3: entropy must be a finite number"),
    "null": (b"distortion,entropy\n0.01,\0\n", "line 2: entropy must be a finite number"),
}


@pytest.mark.parametrize(("text", "why"), BAD.values(), ids=BAD)
def test_invalid_points(refused, text, why):
    refused(write(text), why)


def test_missing_points(refused):
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


@pytest.mark.parametrize(("columns", "extra"), [("", ""), ("lmbda,", "4,")])
@pytest.mark.parametrize("width", [80, 120])
def test_tables_with_labels_fit_the_terminal(output, tmp_path, monkeypatch, columns, extra, width):
    monkeypatch.setenv("COLUMNS", str(width))
    labels = ["short", "latent dimension 10, batch size 1024, seed 3", "x" * 60]
    rows = "".join(f"0.2,3,{extra}{label!r}\n".replace("'", '"') for label in labels)
    (tmp_path / "points.csv").write_text(f"distortion,entropy,{columns}label\n{rows}")
    _, head, *lines = output("excess", "circle", "--points", "points.csv").splitlines()
    assert max(map(len, (head, *lines))) <= width
    start = head.index("label")
    shown = [line[start:] for line in lines]
    assert shown[0] == "short"
    for cut, label in zip(shown, labels, strict=True):
        assert cut == label or (cut.endswith("…") and label.startswith(cut[:-1]) and len(cut) == width - start)
    got = strict(output("excess", "circle", "--points", "points.csv", "--json"))
    assert got["label"] == labels


def test_labels_beside_more_columns_than_fit_are_whole(cli, monkeypatch):
    """Lines of a bound with its interval are wrapped in any case."""
    monkeypatch.setenv("COLUMNS", "80")
    Path("points.csv").write_text("distortion,entropy,entropy_low,codec,setting\n0.1,3,2.9,hyperprior,coarse\n")
    assert cli("excess", "pulse:0.2", "--points", "points.csv")[1].endswith("  hyperprior, coarse\n")


def test_what_is_expected_with_units_is_said(refused):
    Path("points.csv").write_text("Method,Q\na,1\n")
    wanted = "expected columns distortion (or mse, sse, psnr) and entropy (or bits, nats, bpp, bpd), got no distortion"
    refused(["excess", "ramp", "--points", "points.csv", "--dim", "4"], wanted, "'Method', 'Q'")


def test_points_in_units_of_a_codec(output, refused):
    """The table, the same without a header line, results of CompressAI, and a single compressor."""
    Path("a.csv").write_text("psnr,bpp,lmbda\n20,0.5,0.002\n30,0.75,0.008\n", encoding="utf-8")
    Path("b.csv").write_text("20,0.5,0.002\n30,0.75,0.008\n", encoding="utf-8")
    results = {"name": "n", "results": {"psnr-rgb": [20, 30], "bpp": [0.5, 0.75], "ms-ssim": [0.1, 0.2]}}
    Path("c.json").write_text(json.dumps(results), encoding="utf-8")
    units = ed.Units(12, 4, peak=0.5, loss="bpp + lmbda*255**2*mse")
    D, H, lmbda = units.distortion(psnr=[20, 30]), units.entropy(bpp=[0.5, 0.75]), units.lmbda([0.002, 0.008])
    named = ("--dim", "12", "--pixels", "4", "--peak", "0.5", "--json")
    loss = ("--loss", "bpp + lmbda*255**2*mse")
    for arguments in (("a.csv", *loss), ("b.csv", "--columns", "psnr,bpp,lmbda", "--psnr", "--bpp", *loss)):
        got = strict(output("excess", "uniform", "--sum", "--points", *arguments, *named))
        assert (got["distortion"], got["entropy"], got["lmbda"]) == (D.tolist(), H.tolist(), lmbda.tolist())
        assert got["excess"] == ed.excess("uniform", D, H, lmbda=lmbda).tolist()
    got = strict(output("excess", "uniform", "--sum", "--points", "c.json", *named))
    assert (got["excess"], got["label"]) == (ed.excess("uniform", D, H).tolist(), ["n", "n"])
    words = ("-D", "30", "-H", "0.75", "--psnr", "--bpp", "--lmbda", "0.008", *loss)
    got = strict(output("excess", "uniform", "--sum", *words, *named))
    assert (got["distortion"], got["lmbda"]) == ([D[1]], [lmbda[1]])
    refused(
        ["excess", "circle", "--points", "a.csv"], "a.csv: to turn column psnr into distortion, say how many", "--dim"
    )
    refused(["excess", "circle", "-D", "1", "-H", "1", "--psnr"], "--psnr needs --dim")
    refused(["excess", "circle", "-D", "1", "-H", "1", "--psnr", "--mse", "--dim", "2"], "exclude each other")


def test_distortion_is_a_mean_or_a_sum_as_for_the_source(output, loop):
    """Circles, surfaces and files of points have sums over coordinates, functions and waveforms means."""
    arguments = ("-D", "0.0005", "-H", "9", "--mse", "--dim", "64", "--json")
    for source, times in (("circle", 64), ("loop.npy", 64), ("sphere", 64), ("sinusoid", 1)):
        assert strict(output("excess", source, *arguments))["distortion"] == [times * 0.0005]
    np.save("wave.npy", np.sin(2 * np.pi * np.arange(64) / 64))
    assert strict(output("excess", "wave.npy", "--waveform", *arguments))["distortion"] == [0.0005]


def test_entropies_in_nats_and_units(output):
    """The base is that of H and λ; bits per pixel are bits whatever it is."""
    arguments = ("circle", "-D", "0.05", "-H", "2.5", "--bpp", "--dim", "2", "--base", "nats", "--json")
    assert strict(output("excess", *arguments))["entropy"] == [pytest.approx(5 * math.log(2))]


@pytest.mark.parametrize(
    ("option", "values"), [("cells", [3, 8]), ("entropy", [1.5, 2.2]), ("distortion", [0.2, 0.05])]
)
def test_segment_by_cells_entropy_or_distortion(output, loop, option, values):
    best = ed.segment(loop, **{option: values}, closed=True)
    command = ("segment", "loop.npy", "--closed", f"--{option}", ",".join(map(str, values)))
    got = strict(output(*command, "--json"))
    assert [got[name] for name in ("cells", "entropy", "distortion")] == [
        best.cells.tolist(),
        best.entropy.tolist(),
        best.distortion.tolist(),
    ]
    columns = ["cells", "entropy", "distortion"]
    assert [*table(output(*command))] == (columns if option == "cells" else ["lmbda", *columns, "value", "gap"])
    assert ("gap" in got) == (option != "cells")


def test_a_run_has_one_excess(output, tmp_path):
    """`edcurve runs` and `edcurve excess` mean the same by excess: that of R + λD."""
    lines = RUNS.splitlines()[:3]
    (tmp_path / "runs.csv").write_text("\n".join(lines), encoding="utf-8")
    got = strict(output("excess", "circle", "--points", str(tmp_path / "runs.csv"), "--json"))
    rows = list(csv.DictReader(lines))
    for name in ("rate", "excess"):
        assert got[name] == pytest.approx([float(row[name]) for row in rows], rel=1e-9)
    assert got["excess_entropy"] == pytest.approx(ed.excess("circle", got["distortion"], got["entropy"]).tolist())
    (tmp_path / "some.csv").write_text("distortion,entropy,rate,lmbda\n0.2,2.4,2.5,4\n0.2,2.4,,4\n", encoding="utf-8")
    first, second = strict(output("excess", "circle", "--points", str(tmp_path / "some.csv"), "--json"))["excess"]
    assert second == pytest.approx(float(ed.excess("circle", 0.2, 2.4, lmbda=4.0)))
    assert first == pytest.approx(second + 0.1)


def test_intervals_of_points(output):
    """The excess rises in D and in H; the most PSNR is the least D; an end that is missing beside others is exact."""
    text = "psnr,psnr_low,psnr_high,bpp,bpp_low,bpp_high\n25,24.5,25.25,0.5,0.45,0.53\n30,,,0.75,,\n30,,,0.75,,0.8\n"
    Path("a.csv").write_text(text, encoding="utf-8")
    units = ed.Units(12)
    D, H = units.distortion(psnr=np.array([25.25, 24.5])), units.entropy(bpp=np.array([0.45, 0.53]))
    for options, weights in (([], {}), (["--lmbda", "30"], {"lmbda": 30.0})):
        got = strict(output("excess", "uniform", "--sum", "--points", "a.csv", "--dim", "12", "--json", *options))
        expected = ed.excess("uniform", D, H, **weights).tolist()
        assert [got["excess_low"][0], got["excess_high"][0]] == pytest.approx(expected, rel=1e-12)
        assert got["excess_low"][1] == got["excess_high"][1] == "nan"
        assert got["excess_low"][2] == got["excess"][1] < got["excess_high"][2]
        assert got["excess_low"][0] < got["excess"][0] < got["excess_high"][0]
    named = output("excess", "uniform", "--sum", "--points", "a.csv", "--dim", "12").splitlines()[0]
    assert named == "excess is H − E(D); in bits"


def test_points_that_intervals_excuse_are_not_doubted(cli, tmp_path):
    (tmp_path / "points.csv").write_text("distortion,entropy,distortion_high\n0.2,1.9,0.24\n", encoding="utf-8")
    assert cli("excess", "circle", "--points", "points.csv")[2] == ""
    assert "no code does this" in cli("excess", "circle", "-D", "0.2", "-H", "1.9")[2]


def test_a_bound_of_a_surface_has_an_interval_too(output):
    Path("a.csv").write_text("distortion,entropy,entropy_high\n0.2,3.4,3.5\n", encoding="utf-8")
    got = strict(output("excess", "sphere", "--points", "a.csv", "--json"))
    assert got["excess_over_bound_high"][0] - got["excess_over_bound"][0] == pytest.approx(0.1)
    assert got["meaning"] == {"excess_over_bound": "H less the entropy of the best partition known"}


def test_tables_of_too_many_rows_are_refused(cli, monkeypatch):
    monkeypatch.setattr("edcurve.io.delimited.MOST_ROWS", 3)
    Path("points.csv").write_text("distortion,entropy\n" + "0.1,9\n" * 4)
    assert "points.csv: expected at most 3 rows" in cli("excess", "circle", "--points", "points.csv")[2]
    Path("points.csv").write_text("distortion,entropy\n" + "0.1,9\n" * 3)
    assert cli("excess", "circle", "--points", "points.csv")[0] == 0


def test_tables_of_text_are_refused(cli, monkeypatch):
    monkeypatch.setattr("edcurve.io.delimited.MOST_OTHERS", 3)
    monkeypatch.setattr("edcurve.io.delimited.BLOCK", 2)
    Path("points.csv").write_text("distortion,entropy\n" + "x,x\n" * 4)
    assert "points.csv: expected numbers, got more than 3 cells" in cli("excess", "circle", "--points", "points.csv")[2]


def test_excess_takes_at_most_ten_times_the_memory_of_its_table(tmp_path):
    rows = 10_000
    text = "".join(f"0.{i % 10_000:06d},{i % 7}.{i:06d}\n" for i in range(rows))
    path = tmp_path / "points.csv"
    path.write_text("distortion,entropy\n" + text, encoding="utf-8")
    printed = tmp_path / "printed"
    with printed.open("w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        excess.main(["circle", "--points", str(path)], standalone_mode=False)  # warm-up: loads what is loaded once
        tracemalloc.start()
        try:
            excess.main(["circle", "--points", str(path)], standalone_mode=False)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert most < 10 * path.stat().st_size
    assert printed.read_text(encoding="utf-8").count("\n") == 2 * rows + 4


def test_columns_are_printed_in_parts(cli, monkeypatch):
    Path("points.csv").write_text("distortion,entropy\n" + "".join(f"0.{i},9\n" for i in range(1, 8)))
    records = cli("excess", "circle", "--points", "points.csv", "--json")[1]
    monkeypatch.setattr("edcurve.cli.common.PART", 3)
    assert cli("excess", "circle", "--points", "points.csv", "--json")[1] == records
    assert strict(records)["distortion"] == [i / 10 for i in range(1, 8)]


def test_psnr_of_pixels_up_to_255_without_peak_is_doubted(cli, tmp_path):
    """The row is possible: the entropy is far above the optimum at either distortion."""
    turn = 2 * np.pi * np.arange(64) / 64
    np.save(tmp_path / "loop.npy", 127.5 + 100.0 * np.stack([np.cos(turn), np.sin(turn)], axis=1))
    (tmp_path / "codecs.csv").write_text("codec,quality,psnr,bpp\na,10,20,50\n")
    command = ("excess", str(tmp_path / "loop.npy"), "--points", str(tmp_path / "codecs.csv"), "--dim", "2")
    code, out, err = cli(*command)
    assert code == 0
    assert "a, 10" in out
    message = "PSNR is taken to be of values from 0 to 1, but those of loop are 200 apart: give --peak, 255 for pixels"
    assert message in err
    assert "PSNR" not in cli(*command, "--peak", "255")[2]

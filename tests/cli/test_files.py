"""Commands that take files of points: their options, and hints if points are refused."""

import json
import math
import struct
from pathlib import Path

import edcurve as ed
import numpy as np
import pytest
from command_output import refused, run

V = np.arange(64) / 64
CIRCLE = np.stack([np.cos(2 * np.pi * V), np.sin(2 * np.pi * V)], axis=1)


def npy(shape, descr="<f8", data=b"", version=(1, 0), header=None):
    """A .npy file as bytes, whatever its header says."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}" if header is None else header
    length = len(text) + 1
    size = struct.pack("<H", length) if version == (1, 0) else struct.pack("<I", length)
    return b"\x93NUMPY" + bytes(version) + size + text.encode() + b"\n" + data


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv"])
def test_curve_of_a_file(tmp_path, suffix):
    path = tmp_path / f"orbit{suffix}"
    if suffix == ".csv":
        path.write_text("x,y\n" + "\n".join(",".join(map(repr, row)) for row in CIRCLE.tolist()))
    else:
        (np.save if suffix == ".npy" else np.savez)(path, CIRCLE)
    curve = json.loads(run("curve", path, "--num", 9, "--json").stdout)
    want = ed.curve("circle", num=9)
    assert curve["source"] == "orbit"
    assert curve["status"] == "exact (checked numerically)"
    assert curve["distortion"] == pytest.approx(want.distortion, rel=1e-14, abs=0)
    # near D_max, E(D) depends on the rounding of D_max
    assert curve["entropy"][:-1] == pytest.approx(want.entropy[:-1], rel=1e-12, abs=0)
    assert curve["entropy"][-1] == pytest.approx(0, abs=1e-14)
    assert curve["truncation"] < 1e-14
    assert curve["defect"] < 1e-14


def test_curve_of_a_waveform_and_of_an_open_curve(tmp_path):
    ramp, line = tmp_path / "ramp.csv", tmp_path / "line.npy"
    ramp.write_text("\n".join(map(repr, (np.arange(4096) / 4096).tolist())))
    np.save(line, np.linspace(0, 1, 257))
    result = run("curve", ramp, "--waveform", "--num", 5)
    assert "distortions may be" in result.stdout
    curve = json.loads(run("curve", ramp, "--waveform", "--num", 5, "--json").stdout)
    lower, upper = (
        ed.entropy_distortion("ramp", np.array(curve["distortion"]) + x * curve["truncation"]) for x in (1, -1)
    )
    entropy = np.array(curve["entropy"])
    assert (lower <= entropy).all()
    assert (entropy <= upper).all()
    curve = json.loads(run("curve", line, "--open", "--num", 5, "--json").stdout)
    assert curve["entropy"] == pytest.approx(ed.entropy_distortion("uniform", curve["distortion"]), rel=1e-4, abs=1e-4)


def test_commands_of_a_source_take_files(tmp_path):
    path, archive = tmp_path / "orbit.npy", tmp_path / "both.npz"
    np.save(path, CIRCLE)
    np.savez(archive, a=CIRCLE, b=CIRCLE[:9])
    for arguments in (
        ("entropy", 0.1, 0.02),
        ("distortion", 2, 3.5),
        ("lagrangian", 4, 32),
        ("partition", 0.1),
        ("excess", "-D", 0.2, "-H", 2.4, "--lmbda", 4),
    ):
        command, *options = arguments
        want = json.loads(run(command, "circle", *options, "--json").stdout)
        for source, more in ((path, ()), (archive, ("--key", "a"))):
            got = json.loads(run(command, source, *options, *more, "--json").stdout)
            assert got.pop("source") == source.stem
            assert got.pop("status", None) == ("exact (checked numerically)" if "status" in want else None)
            assert got.pop("meaning", None) == want.get("meaning")
            assert (got.pop("truncation"), got.pop("defect")) == (0, pytest.approx(0, abs=1e-15))
            for name, value in got.items():
                assert value == pytest.approx(want[name], rel=1e-11), (command, name)


def test_commands_read_files_as_their_options_say(tmp_path):
    waveform, line = tmp_path / "ramp.csv", tmp_path / "line.npy"
    waveform.write_text("\n".join(map(repr, (np.arange(4096) / 4096).tolist())))
    np.save(line, np.linspace(0, 1, 257))
    result = run("entropy", waveform, 0.01, "--waveform")
    assert result.output.startswith("distortions may be off by ")
    got = json.loads(run("entropy", waveform, 0.01, "--waveform", "--json").stdout)
    assert got["entropy"][0] == pytest.approx(ed.entropy_distortion("ramp", 0.01), abs=0.05)
    got = json.loads(run("excess", line, "--open", "-D", 0.01, "-H", 3, "--json").stdout)
    assert got["excess"][0] == pytest.approx(ed.excess("uniform", 0.01, 3.0), abs=1e-2)
    write = tmp_path / "points.csv"
    write.write_text("source,distortion,entropy\nline,0.01,3\n")
    assert len(json.loads(run("excess", line, "--open", "--points", write, "--json").stdout)["excess"]) == 1
    for command in ("entropy", "distortion", "lagrangian", "partition", "excess"):
        message = refused(command, "ramp", *([0.1] if command != "excess" else ["-D", 0.1, "-H", 1]), "--open")
        assert "--open, --closed, --waveform, --key and --ends are for files, got the source 'ramp'" in message
    assert "or a loop of points to be certified, got " in refused("certify", line, 0.1, "--open")
    loop = tmp_path / "loop.npy"
    np.save(loop, CIRCLE)
    (proved,) = json.loads(run("certify", loop, 0.1, "--json").stdout)
    assert proved["lower"] <= ed.entropy_distortion("circle", 0.1) + 1e-12
    assert proved["upper"] >= ed.entropy_distortion("circle", 0.1) - 1e-12
    assert proved["method"].endswith("the energies as computed in double precision")


def test_a_source_name_wins_over_a_file_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("circle", "other"):
        Path(name).touch()
    np.save("circle.npy", 2 * CIRCLE)
    assert json.loads(run("entropy", "circle", 0.1, "--json").stdout)["status"] == "exact (proved)"
    assert run("curve", "circle", "--num", 4).stdout.startswith("circle: exact (proved)")
    assert "exact (checked numerically)" in run("curve", "circle.npy", "--num", 4).stdout
    assert "other: a file of points must end in .npy, .npz or .csv" in refused("curve", "other")
    Path("x.txt").write_text("0 1\n1 0\n")
    message = (
        "must end in .npy, .npz or .csv: call it .csv, with commas, semicolons or tabs between numbers, not blanks"
    )
    assert message in refused("curve", "x.txt")


@pytest.mark.parametrize(
    ("points", "options", "hint"),
    [
        (
            np.cos(2 * np.pi * np.outer([1, 1, 1, 2, 3], V)),
            [],
            "; are these 64 points, one a column? Expected is one a row",
        ),
        (CIRCLE.T, [], "got shape (2, 64); are these 64 points, one a column? Expected is one a row"),
        (np.exp(-20 * (V - 0.5) ** 2), [], "; if these are samples of one waveform, --waveform takes its shifts"),
        (
            np.exp(-20 * (V[:, None] - 0.5) ** 2),
            [],
            "; if these are samples of one waveform, --waveform takes its shifts",
        ),
        (CIRCLE[:32], ["--closed"], "; the last point is far from the first: --open is for curves that are no loop"),
        (CIRCLE * [1, 0.5], [], "the optimal partition of any curve"),
        (CIRCLE * [1, 0.5], ["--open"], "; the last point is near the first: --closed is for loops"),
        (CIRCLE[:32] * [1, 0.5], [], "the optimal partition of any curve"),
        (np.ones((9, 2)), [], "x must not be the same point throughout"),
    ],
)
def test_hints_about_points_that_are_refused(tmp_path, points, options, hint):
    np.save(tmp_path / "x.npy", points)
    assert refused("curve", tmp_path / "x.npy", *options).endswith(hint)


ARC = CIRCLE[:60]
NEARLY = np.stack([np.cos(np.linspace(0, 6.25, 1024)), np.sin(np.linspace(0, 6.25, 1024))], axis=1)


@pytest.mark.parametrize(
    ("points", "closed", "doubt"),
    [(CIRCLE, True, None), (ARC, False, None), (NEARLY, False, "so it was taken for an end: --closed is for loops")],
    ids=["loop", "arc", "nearly"],
)
def test_all_commands_interpret_a_file_the_same_way(tmp_path, points, closed, doubt):
    """A loop or a curve with ends, as --open and --closed say, or the points do, with a word where that is doubtful."""
    path = tmp_path / "x.npy"
    np.save(path, points)
    for option, meant in (([], closed), (["--open"], False), (["--closed"], True)):
        result = run("segment", path, "--lmbda", 4, "--json", *option)
        best = ed.segment(points, 4.0, closed=meant)
        content = json.loads(result.stdout)
        assert (content["closed"], content["value"]) == (meant, [best.value])
        assert (doubt in result.stderr) if doubt and not option else (result.stderr == "")
        source = ed.Source.from_samples(points, closed=meant, tolerance=1.0)
        options = [*option, "--tolerance", 1]
        result = run("curve", path, "--num", 3, "--json", *options)
        assert json.loads(result.stdout)["distortion"][-1] == source.max_distortion
        assert (doubt in result.stderr) if doubt and not option else (result.stderr == "")
        result = run("lagrangian", path, 4, "--json", *options)
        assert json.loads(result.stdout)["value"] == [ed.lagrangian(source, 4).value]


def test_sorted_numbers_are_open_without_a_message(tmp_path):
    x = np.sort(np.random.default_rng(1).normal(size=(500, 1)), axis=0)
    for points in (x, x[:, 0], np.sin(2 * np.pi * V)):
        np.save(tmp_path / "x.npy", points)
        result = run("segment", tmp_path / "x.npy", "--lmbda", 4, "--json")
        assert (result.stderr, json.loads(result.stdout)["closed"]) == ("", False)


def test_commands_name_the_wrong_argument(tmp_path):
    ellipse, line = tmp_path / "ellipse.npy", tmp_path / "line.npz"
    np.save(ellipse, CIRCLE * [1, 0.5])
    np.savez(line, a=np.linspace(0, 1, 64), b=CIRCLE)
    assert "--lmbda λ` prints the optimal partition" in refused("curve", ellipse)
    assert str(ellipse) in refused("curve", ellipse)
    run("curve", ellipse, "--tolerance", 0.6, "--num", 4)
    assert "tolerance must be at least 0" in refused("curve", ellipse, "--tolerance", -1)
    assert "key must be one of a, b" in refused("curve", line)
    run("curve", line, "--key", "b", "--num", 4)
    assert "exclude each other" in refused("curve", line, "--key", "a", "--open", "--waveform")
    for option in (["--open"], ["--closed"], ["--waveform"], ["--key", "a"]):
        assert "are for files, got the source 'ramp'" in refused("curve", "ramp", *option)
    for bad in (math.nan, math.inf):
        spoilt = tmp_path / "spoilt.csv"
        spoilt.write_text(f"1,2\n{bad},3\n4,5\n6,7\n")
        assert f"x must be finite, got {bad} at 1" in refused("curve", spoilt)
    for name, points in (("few", CIRCLE[:3]), ("cube", np.zeros((4, 4, 4, 2))), ("none", np.zeros((0, 2)))):
        np.save(tmp_path / f"{name}.npy", points)
        assert "x must be of shape (N, dim) or (N,)" in refused("curve", tmp_path / f"{name}.npy")
    np.save(tmp_path / "still.npy", np.ones((9, 2)))
    assert "x must not be the same point throughout" in refused("curve", tmp_path / "still.npy")


def test_lagrangian_on_the_command_line():
    content = json.loads(run("lagrangian", "ramp:1024", 48, 4096, "--json").stdout)
    minimum = ed.lagrangian(ed.Ramp(samples=1024), [48, 4096])
    assert content["cells"] == minimum.cells.tolist() == [4, 512]
    for name in ("lmbda", "entropy", "distortion", "value"):
        assert content[name] == getattr(minimum, name).tolist()
    assert content["value"][1] == pytest.approx(9.9993, abs=5e-5)
    assert "512" in run("lagrangian", "ramp:1024", 4096).stdout
    nats = json.loads(run("lagrangian", "circle", 4, "--base", "e", "--json").stdout)
    assert nats["value"] == [ed.lagrangian("circle", 4, base=math.e).value]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lagrangian", "ramp", -1), "lmbda must be at least 0 and finite, got -1"),
        (("lagrangian", "ramp", "nan"), "lmbda must be at least 0 and finite, got nan"),
        (("lagrangian", "ramp", "x"), "'x' is not a number"),
        (("lagrangian", "ramp:1", 4), "source must be ramp:T with 2 to 16384 samples, such as ramp:1024"),
        (("lagrangian", "ramp:1.5", 4), "source must be ramp:T with"),
        (("lagrangian", "missing.npy", 4), "missing.npy: No such file or directory"),
        (("lagrangian", "missing", 4), "source must be one of ramp, "),
        (("curve", "ramp:64"), "source must be stationary for this, got 'ramp:64'"),
        (("entropy", "ramp:64", 0.01), "source must be stationary for this, got 'ramp:64'"),
        (("distortion", "ramp:64", 2), "source must be stationary for this, got 'ramp:64'"),
        (("partition", "ramp:64", 0.01), "source must be stationary for this, got 'ramp:64'"),
        (("certify", "ramp:64", 0.01), "source must be stationary"),
    ],
)
def test_what_the_commands_refuse(arguments, message):
    assert message in refused(*arguments)


def test_a_file_with_only_a_bound(tmp_path):
    """δ of a loop that is nearly traversed twice falls again: the table says so, and has no lower bound."""
    v = 2 * np.pi * V[:, None]
    np.save(tmp_path / "twice.npy", np.concatenate([0.3 * np.cos(v), 0.3 * np.sin(v), np.cos(2 * v), np.sin(2 * v)], 1))
    result = run("curve", tmp_path / "twice.npy", "--num", 2, "--csv", tmp_path / "twice.csv")
    assert result.output == f"wrote {tmp_path / 'twice.csv'}\n"
    rows = [line.split(",") for line in (tmp_path / "twice.csv").read_text().splitlines()]
    assert rows[0] == ["distortion", "entropy", "upper", "lower", "hull", "status"]
    assert [row[3] for row in rows[1:]] == ["nan", "nan"]
    assert {row[-1] for row in rows[1:]} == {"upper bound"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("entropy", 0.3),
        ("distortion", 1.5),
        ("lagrangian", 4),
        ("partition", 0.3),
        ("excess", "-D", 0.5, "-H", 3),
        ("excess", "-D", 0.5, "-H", 3, "--lmbda", 4),
    ],
    ids=lambda arguments: arguments[0],
)
def test_json_has_the_truncation_of_a_file(tmp_path, arguments):
    command, *values = arguments
    points = CIRCLE + np.random.default_rng(0).normal(size=CIRCLE.shape) * 1e-3
    np.save(tmp_path / "x.npy", points)
    source = ed.Source.from_samples(points)
    content = json.loads(run(command, tmp_path / "x.npy", *values, "--json").stdout)
    assert (content["truncation"], content["defect"]) == (source.truncation, source.defect)
    assert min(content["truncation"], content["defect"]) > 0
    assert not {"truncation", "defect"} & json.loads(run(command, "circle", *values, "--json").stdout).keys()

"""Files of points: what is read, what is refused and how, and the commands that take them."""

import contextlib
import io
import json
import math
import os
import pickle
import struct
import zipfile
from pathlib import Path

import edcurve as ed
import numpy as np
import pytest
from click.testing import CliRunner
from edcurve.cli import main
from edcurve.io import arrays
from edcurve.io.arrays import is_data, read_points

V = np.arange(64) / 64
CIRCLE = np.stack([np.cos(2 * np.pi * V), np.sin(2 * np.pi * V)], axis=1)


class Executes:
    """Leaves a file behind if it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.fixture
def mark(tmp_path):
    made = tmp_path / "executed"
    yield made
    assert not made.exists()


def npy(shape, descr="<f8", data=b"", version=(1, 0), header=None):
    """A .npy file as bytes, whatever its header says."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}" if header is None else header
    length = len(text) + 1
    size = struct.pack("<H", length) if version == (1, 0) else struct.pack("<I", length)
    return b"\x93NUMPY" + bytes(version) + size + text.encode() + b"\n" + data


def npz(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def run(*arguments):
    """Output of a command that succeeds."""
    result = CliRunner().invoke(main, [str(x) for x in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def refused(*arguments):
    """Message of a command that is refused: one error, no traceback."""
    result = CliRunner().invoke(main, [str(x) for x in arguments])
    assert result.exit_code == 2, (result.exit_code, result.output, result.exception)
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert "Error: " in result.output
    return " ".join(result.output.split("Error: ", 1)[1].split())


# --- what is read ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<f2", "<i4", "<u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_back_as_they_were(tmp_path, dtype, order):
    points = np.array(np.round(100 * CIRCLE[:9] + 100), dtype=dtype, order=order)
    np.save(tmp_path / "x.npy", points)
    np.savez(tmp_path / "x.npz", points)
    np.savez_compressed(tmp_path / "y.NPZ.npz", named=points)
    for name in ("x.npy", "x.npz", "y.NPZ.npz"):
        read = read_points(tmp_path / name)
        assert read.dtype == points.dtype
        assert type(read) is np.ndarray
        assert read.flags.writeable
        assert np.array_equal(read, points)


def test_keys_of_archives(tmp_path):
    np.savez(tmp_path / "x.npz", a=CIRCLE, b=CIRCLE[:8])
    assert np.array_equal(read_points(tmp_path / "x.npz", key="b"), CIRCLE[:8])
    for key, got in ((None, "None"), ("c", "'c'"), ("a.npy", r"'a\.npy'"), ("", "''")):
        with pytest.raises(ValueError, match=rf"x\.npz: key must be one of a, b, got {got}"):
            read_points(tmp_path / "x.npz", key=key)
    with pytest.raises(ValueError, match="the archive is empty"):
        read_points(npz(tmp_path / "empty.npz", {}))
    np.save(tmp_path / "x.npy", CIRCLE)
    with pytest.raises(ValueError, match=r"key names an array of a \.npz file, got 'a'"):
        read_points(tmp_path / "x.npy", key="a")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("x,y\n1,2\n3,4", [[1, 2], [3, 4]]),
        ("\ufeff1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("\ufeffx,y\r\n1,2\r\n3,4\r\n", [[1, 2], [3, 4]]),
        ("1,2\r3,4\r", [[1, 2], [3, 4]]),
        ("\n\n1,2\n\n3,4\n\n", [[1, 2], [3, 4]]),
        ('"x","y"\n"1","2"\n', [[1, 2]]),
        (" 1 ,\t2\n", [[1, 2]]),
        ("1\n2\n3\n", [[1], [2], [3]]),
        ("-1e-3,1E3,+.5\n", [[-1e-3, 1e3, 0.5]]),
        ("nan,inf\n-inf,0\n", [[math.nan, math.inf], [-math.inf, 0]]),
    ],
)
def test_csv_in_its_dialects(tmp_path, text, want):
    (tmp_path / "x.csv").write_bytes(text.encode())
    assert np.array_equal(read_points(tmp_path / "x.csv"), want, equal_nan=True)


def test_csv_gives_back_every_double(tmp_path):
    points = np.random.default_rng(1).standard_normal((50, 3)) * 10.0 ** np.arange(-150, 150, 6)[:, None]
    (tmp_path / "x.csv").write_text("\n".join(",".join(map(repr, row)) for row in points.tolist()))
    assert np.array_equal(read_points(tmp_path / "x.csv"), points)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3\n", "line 2: expected 2 numbers as above, got 1"),
        ("x,y\n1,2\n\n3,4,5\n", "line 4: expected 2 numbers as above, got 3"),
        ("1,2\nx,3\n", "line 2: expected numbers, got 'x,3'"),
        ("1,2\n1+2j,3\n", "line 2: expected numbers, got '1+2j,3'"),
        ("1,2,\n3,4,\n", "line 1: expected numbers, got '1,2,'"),
        ("1.0,O.5\n1,2\n", "line 1: expected numbers, got '1.0,O.5'"),
        ("x,y\nu,v\n1,2\n", "line 2: expected numbers, got 'u,v'"),
        ("1;2\n3;4\n", "line 2: expected numbers, got '3;4', separated by semicolons: expected commas"),
        ("1\t2\n3\t4\n", "line 2: expected numbers, got '3\\t4', separated by tabs: expected commas"),
        ("1,2\n\0,3\n", "line 2: expected numbers, got"),
        ('1,2\n"3,4\n5,6\n', "expected numbers, got '3,4"),
        ("1,2\n" + "9" * 200_000 + ",3\n", "not a CSV file in UTF-8: field larger than field limit"),
        ("", "expected rows of numbers, got none"),
        ("x,y\n", "expected rows of numbers, got none"),
        ("\n\n", "expected rows of numbers, got none"),
    ],
)
def test_what_is_no_csv_of_numbers(tmp_path, text, message):
    """A first line that has a number is no header: a misprint there would be dropped without a word."""
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(ValueError, match=r"x\.csv: |line") as caught:
        read_points(tmp_path / "x.csv")
    assert message in str(caught.value)
    assert message[:40] in refused("curve", tmp_path / "x.csv")


@pytest.mark.parametrize("content", [b"\xff\xfe1\x00,\x002\x00", b"1,2\n\xe9,3\n", bytes(range(256))])
def test_csv_in_other_encodings(tmp_path, content):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(ValueError, match="not a CSV file in UTF-8"):
        read_points(tmp_path / "x.csv")


# --- what is refused ------------------------------------------------------------------------------------------------


def test_pickled_objects_are_not_executed(tmp_path, mark):
    objects = np.array([Executes(mark)], dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "b.npz", a=objects)
    (tmp_path / "c.npy").write_bytes(pickle.dumps(Executes(mark)))
    npz(tmp_path / "d.npz", {"a.npy": npy((1,), "|O", pickle.dumps([Executes(mark)]))})
    npz(tmp_path / "e.npz", {"a.npy": pickle.dumps(Executes(mark))})
    (tmp_path / "f.npy").write_bytes(npy((10**12,), "|O", pickle.dumps([Executes(mark)])))
    (tmp_path / "g.npy").write_bytes(npy(None, header=f"__import__('pathlib').Path({str(mark)!r}).touch()"))
    for name in ("a.npy", "b.npz", "c.npy", "d.npz", "e.npz", "f.npy", "g.npy"):
        with pytest.raises(ValueError, match=rf"{name}: "):
            read_points(tmp_path / name)
        assert name in refused("curve", tmp_path / name)


HEADERS = {
    "more than there is": npy((2**27,), data=bytes(80)),
    "far more": npy((10**12,), data=bytes(80)),
    "a product above 64 bits": npy((2**33, 2**33), data=bytes(80)),
    "negative": npy((-1,), data=bytes(80)),
    "negative twice": npy((-4, -4), data=bytes(128)),
    "no integer": npy((1.5,), data=bytes(80)),
    "unclosed": npy(None, header="{'descr': '<f8', 'fortran_order': False, 'shape': (4", data=bytes(80)),
    "keys of two kinds": npy(None, header="{1: 2, 'a': 3}", data=bytes(80)),
    "a list": npy(None, header="[1, 2]", data=bytes(80)),
    "nested": npy(None, header="(" * 3000 + ")" * 3000, data=bytes(80)),
    "long": npy(None, header=" " * 30000, data=bytes(80)),
    "version 9": npy((4,), data=bytes(32), version=(9, 0)),
    "text": npy((4,), "<U10", bytes(160)),
    "raw": npy((4,), "|V8", bytes(32)),
    "structured": npy((4,), [("x", "<f8")], bytes(32)),
    "complex": npy((4,), "<c16", bytes(64)),
    "truth values": npy((4,), "|b1", bytes(4)),
    "dates": npy((4,), "<M8[s]", bytes(32)),
    "truncated data": npy((8, 2), data=bytes(127)),
    "truncated header": npy((8, 2))[:40],
    "truncated magic": b"\x93NUM",
    "nothing": b"",
    "another file": b"PK\x03\x04" + bytes(100),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_headers_that_are_wrong(tmp_path, kind):
    content = HEADERS[kind]
    (tmp_path / "x.npy").write_bytes(content)
    npz(tmp_path / "x.npz", {"a.npy": content})
    for name in ("x.npy", "x.npz"):
        with pytest.raises(ValueError, match=rf"{name}: "):
            read_points(tmp_path / name)
        assert name in refused("curve", tmp_path / name)


def test_promises_are_checked_before_memory_is_taken(tmp_path, monkeypatch):
    """Of both formats the header is read first: nothing is allocated for what is not there or not allowed."""
    monkeypatch.setattr(np.lib.format, "read_array", lambda *_, **__: pytest.fail("read"))
    for content, message in (
        (npy((2**27,), data=bytes(80)), r"expected 134217728 numbers of 8 bytes, got a file of \d+ bytes"),
        (npy((2**14, 2**14 + 1)), "expected at most 268435456 numbers, got 268451840"),
    ):
        (tmp_path / "x.npy").write_bytes(content)
        npz(tmp_path / "x.npz", {"a.npy": content})
        for name in ("x.npy", "x.npz"):
            with pytest.raises(ValueError, match=message):
                read_points(tmp_path / name)


def test_what_expands_beyond_the_limit(tmp_path, monkeypatch):
    """A small archive of zeros: its header, which is true, says how large it becomes."""
    bomb = npz(tmp_path / "x.npz", {"a.npy": npy((2**20,), data=bytes(2**23))})
    assert bomb.stat().st_size < 2**14
    assert read_points(bomb).shape == (2**20,)
    monkeypatch.setattr(arrays, "LARGEST", 2**20 - 1)
    with pytest.raises(ValueError, match=r"x\.npz: expected at most 1048575 numbers, got 1048576"):
        read_points(bomb)
    monkeypatch.setattr(arrays, "LARGEST_TEXT", 7)
    (tmp_path / "x.csv").write_text("1,2\n3,4\n")
    with pytest.raises(ValueError, match=r"expected at most 7 bytes of text, got 8"):
        read_points(tmp_path / "x.csv")


def test_archives_that_are_damaged(tmp_path):
    """Cut off, overwritten in stored and in compressed data, encrypted, or of other contents."""
    stored, packed = io.BytesIO(), io.BytesIO()
    np.savez(stored, a=CIRCLE)
    np.savez_compressed(packed, a=CIRCLE)
    for i, (whole, fill) in enumerate(((stored, 0), (packed, 0), (packed, 255))):
        content = whole.getvalue()
        (tmp_path / "cut.npz").write_bytes(content[:-40])
        (tmp_path / "over.npz").write_bytes(content[:200] + bytes([fill]) * 40 + content[240:])
        for name in ("cut.npz", "over.npz"):
            with pytest.raises(ValueError, match=rf"{name}: "):
                read_points(tmp_path / name)
            assert name in refused("curve", tmp_path / name), i
    encrypted = bytearray(packed.getvalue())
    encrypted[6] |= 1  # flag bits of the local and of the central header
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "secret.npz").write_bytes(encrypted)
    with pytest.raises(ValueError, match=r"secret\.npz: .*encrypted"):
        read_points(tmp_path / "secret.npz")
    npz(tmp_path / "text.npz", {"a.txt": "hello"})
    with pytest.raises(ValueError, match=r"text\.npz: "):
        read_points(tmp_path / "text.npz")


def test_every_prefix_and_every_flipped_byte_of_a_file_is_read_or_refused(tmp_path):
    """No other exception, no warning: 200 damaged copies of each kind."""
    points = CIRCLE[:6]
    np.save(tmp_path / "x.npy", points)
    np.savez_compressed(tmp_path / "x.npz", a=points)
    (tmp_path / "x.csv").write_text("\n".join(",".join(map(repr, row)) for row in points.tolist()))
    rng = np.random.default_rng(8)
    for name in ("x.npy", "x.npz", "x.csv"):
        content = (tmp_path / name).read_bytes()
        for _ in range(200):
            damaged = bytearray(content[: rng.integers(len(content) + 1)] if rng.random() < 0.3 else content)
            for at in rng.integers(0, max(1, len(damaged)), rng.integers(0, 4)):
                if len(damaged):
                    damaged[at] = rng.integers(256)
            (tmp_path / name).write_bytes(damaged)
            with contextlib.suppress(ValueError):
                assert read_points(tmp_path / name).dtype.kind in "iuf"


def test_files_that_cannot_be_opened(tmp_path):
    for suffix in (".npy", ".npz", ".csv"):
        missing, folder = tmp_path / f"missing{suffix}", tmp_path / f"folder{suffix}"
        folder.mkdir()
        with pytest.raises(FileNotFoundError):
            read_points(missing)
        with pytest.raises(IsADirectoryError):
            read_points(folder)
        assert refused("curve", missing) == f"{missing}: No such file or directory"
        assert refused("curve", folder) == f"{folder}: Is a directory"


def test_what_is_a_file_of_points():
    assert all(map(is_data, ("x.npy", "a/b.NPZ", "c.Csv", ".x.csv")))
    assert not any(map(is_data, ("ramp", "power:1.5", "x.txt", "npy", "x.npy.gz", ".npy", "")))
    with pytest.raises(ValueError, match=r"x\.txt: expected a file that ends in \.npy, \.npz, \.csv"):
        read_points("x.txt")


# --- commands that take them ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv"])
def test_curve_of_a_file(tmp_path, suffix):
    path = tmp_path / f"orbit{suffix}"
    if suffix == ".csv":
        path.write_text("x,y\n" + "\n".join(",".join(map(repr, row)) for row in CIRCLE.tolist()))
    else:
        (np.save if suffix == ".npy" else np.savez)(path, CIRCLE)
    drawn = json.loads(run("curve", path, "--num", 9, "--json").stdout)
    want = ed.curve("circle", num=9)
    assert drawn["source"] == "orbit"
    assert drawn["status"] == "exact (checked numerically)"
    assert drawn["distortion"] == pytest.approx(want.distortion, rel=1e-14, abs=0)
    # near D_max, E(D) feels the rounding of D_max
    assert drawn["entropy"][:-1] == pytest.approx(want.entropy[:-1], rel=1e-12, abs=0)
    assert drawn["entropy"][-1] == pytest.approx(0, abs=1e-14)
    assert drawn["truncation"] < 1e-14
    assert drawn["defect"] < 1e-14


def test_curve_of_a_waveform_and_of_an_open_curve(tmp_path):
    ramp, line = tmp_path / "ramp.csv", tmp_path / "line.npy"
    ramp.write_text("\n".join(map(repr, (np.arange(4096) / 4096).tolist())))
    np.save(line, np.linspace(0, 1, 257))
    result = run("curve", ramp, "--waveform", "--num", 5)
    assert "distortions may be" in result.stdout
    drawn = json.loads(run("curve", ramp, "--waveform", "--num", 5, "--json").stdout)
    lower, upper = (
        ed.entropy_distortion("ramp", np.array(drawn["distortion"]) + x * drawn["truncation"]) for x in (1, -1)
    )
    entropy = np.array(drawn["entropy"])
    assert (lower <= entropy).all()
    assert (entropy <= upper).all()
    drawn = json.loads(run("curve", line, "--open", "--num", 5, "--json").stdout)
    assert drawn["entropy"] == pytest.approx(ed.entropy_distortion("uniform", drawn["distortion"]), rel=1e-4, abs=1e-4)


def test_commands_of_a_source_take_files(tmp_path):
    path, whole = tmp_path / "orbit.npy", tmp_path / "both.npz"
    np.save(path, CIRCLE)
    np.savez(whole, a=CIRCLE, b=CIRCLE[:9])
    for arguments in (
        ("entropy", 0.1, 0.02),
        ("distortion", 2, 3.5),
        ("lagrangian", 4, 32),
        ("partition", 0.1),
        ("excess", "-D", 0.2, "-H", 2.4, "--lmbda", 4),
    ):
        command, *rest = arguments
        want = json.loads(run(command, "circle", *rest, "--json").stdout)
        for source, more in ((path, ()), (whole, ("--key", "a"))):
            got = json.loads(run(command, source, *rest, *more, "--json").stdout)
            assert got.pop("source") == source.stem
            assert got.pop("status", None) == ("exact (checked numerically)" if "status" in want else None)
            for name, value in got.items():
                assert value == pytest.approx(want[name], rel=1e-11), (command, name)


def test_commands_of_a_source_read_files_as_they_are_told(tmp_path):
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
        assert "--open, --waveform and --key are for files, got the source 'ramp'" in message
    message = refused("certify", line, 0.1)
    assert message.startswith(f"{line}: nothing is proved about measured points; curve, distortion, entropy, excess,")


def test_a_name_is_a_name_though_a_file_is_called_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("circle", "other"):
        Path(name).touch()
    np.save("circle.npy", 2 * CIRCLE)
    assert json.loads(run("entropy", "circle", 0.1, "--json").stdout)["status"] == "exact (proved)"
    assert run("curve", "circle", "--num", 4).stdout.startswith("circle: exact (proved)")
    assert "exact (checked numerically)" in run("curve", "circle.npy", "--num", 4).stdout
    assert "other: a file of points must end in .npy, .npz or .csv" in refused("curve", "other")


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
        (CIRCLE[:32], [], "; the last point is far from the first: --open is for curves that are no loop"),
        (CIRCLE * [1, 0.5], [], "the optimal partition of any curve"),
        (CIRCLE * [1, 0.5], ["--open"], "the optimal partition of any curve"),
        (np.ones((9, 2)), [], "x must not be the same point throughout"),
    ],
)
def test_hints_about_points_that_are_refused(tmp_path, points, options, hint):
    np.save(tmp_path / "x.npy", points)
    assert refused("curve", tmp_path / "x.npy", *options).endswith(hint)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (CIRCLE, True),
        (np.concatenate([CIRCLE, CIRCLE[:1]]), True),
        (CIRCLE[:60], False),
        (np.linspace(0, 1, 64), False),
        (np.random.default_rng(3).normal(size=(50, 2)), False),
        (CIRCLE[::16], False),  # four corners of a square, or a curve along three of its sides
        (np.ones((5, 2)), False),
    ],
)
def test_segment_says_that_a_loop_was_taken_for_an_open_curve(tmp_path, points, said):
    np.save(tmp_path / "x.npy", points)
    assert ("--closed is for loops" in run("segment", tmp_path / "x.npy", "--lmbda", 4).output) == said
    assert "--closed" not in run("segment", tmp_path / "x.npy", "--lmbda", 4, "--closed").output


def test_commands_that_name_what_is_wrong(tmp_path):
    ellipse, line = tmp_path / "ellipse.npy", tmp_path / "line.npz"
    np.save(ellipse, CIRCLE * [1, 0.5])
    np.savez(line, a=np.linspace(0, 1, 64), b=CIRCLE)
    assert "edcurve.segment gives the optimal partition" in refused("curve", ellipse)
    assert str(ellipse) in refused("curve", ellipse)
    run("curve", ellipse, "--tolerance", 0.6, "--num", 4)
    assert "tolerance must be at least 0" in refused("curve", ellipse, "--tolerance", -1)
    assert "key must be one of a, b" in refused("curve", line)
    run("curve", line, "--key", "b", "--num", 4)
    assert "exclude each other" in refused("curve", line, "--key", "a", "--open", "--waveform")
    for option in (["--open"], ["--waveform"], ["--key", "a"]):
        assert "are for files, got the source 'ramp'" in refused("curve", "ramp", *option)
    for bad in (math.nan, math.inf):
        spoilt = tmp_path / "spoilt.csv"
        spoilt.write_text(f"1,2\n{bad},3\n4,5\n6,7\n")
        assert f"x must be finite, got {bad} at 1" in refused("curve", spoilt)
    for name, points in (("few", CIRCLE[:3]), ("cube", np.zeros((4, 4, 4))), ("none", np.zeros((0, 2)))):
        np.save(tmp_path / f"{name}.npy", points)
        assert "x must be of shape (N, dim) or (N,)" in refused("curve", tmp_path / f"{name}.npy")
    np.save(tmp_path / "still.npy", np.ones((9, 2)))
    assert "x must not be the same point throughout" in refused("curve", tmp_path / "still.npy")


def test_lagrangian_on_the_command_line():
    content = json.loads(run("lagrangian", "ramp:1024", 48, 4096, "--json").stdout)
    found = ed.lagrangian(ed.Ramp(samples=1024), [48, 4096])
    assert content["cells"] == found.cells.tolist() == [4, 512]
    for name in ("lmbda", "entropy", "distortion", "value"):
        assert content[name] == getattr(found, name).tolist()
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
        (("lagrangian", "missing", 4), "source must be a Source or one of"),
        (("curve", "ramp:64"), "source must be stationary for this, got 'ramp:64'"),
        (("entropy", "ramp:64", 0.01), "source must be stationary for this, got 'ramp:64'"),
        (("distortion", "ramp:64", 2), "source must be stationary for this, got 'ramp:64'"),
        (("partition", "ramp:64", 0.01), "source must be stationary for this, got 'ramp:64'"),
        (("certify", "ramp:64", 0.01), "source must be stationary"),
    ],
)
def test_what_the_commands_refuse(arguments, message):
    assert message in refused(*arguments)


def test_reading_leaves_no_file_open(tmp_path):
    """On some systems a mapped or open file cannot be removed."""
    for suffix, save in ((".npy", np.save), (".npz", np.savez)):
        path = tmp_path / f"x{suffix}"
        save(path, CIRCLE)
        read = read_points(path)
        path.unlink()
        assert np.array_equal(read, CIRCLE)
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_a_file_of_which_only_a_bound_is_known(tmp_path):
    """δ of a loop that is nearly run through twice falls again: the table says so, and has no lower bound."""
    v = 2 * np.pi * V[:, None]
    np.save(tmp_path / "twice.npy", np.concatenate([0.3 * np.cos(v), 0.3 * np.sin(v), np.cos(2 * v), np.sin(2 * v)], 1))
    result = run("curve", tmp_path / "twice.npy", "--num", 2, "--csv", tmp_path / "twice.csv")
    assert result.output == f"wrote {tmp_path / 'twice.csv'}\n"
    rows = [line.split(",") for line in (tmp_path / "twice.csv").read_text().splitlines()]
    assert rows[0] == ["distortion", "entropy", "upper", "lower", "hull", "status"]
    assert [row[3] for row in rows[1:]] == ["nan", "nan"]
    assert {row[-1] for row in rows[1:]} == {"upper bound"}

"""Files of points: which are read, and which are refused, with what message."""

import contextlib
import io
import math
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from command_output import refused
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
    marker = tmp_path / "executed"
    yield marker
    assert not marker.exists()


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


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<f2", "<i4", "<u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_read_unchanged(tmp_path, dtype, order):
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
        ("1;2\n3;4\n", [[1, 2], [3, 4]]),
        ("x;y\r\n1,5;-2\r\n3;4,25e1\r\n", [[1.5, -2], [3, 42.5]]),
        ("x\ty\n1,5\t2.5\n3\t4\n", [[1.5, 2.5], [3, 4]]),
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
        ("0 1\n1 0\n", "line 2: expected numbers separated by commas, semicolons or tabs, not by blanks, got '1 0'"),
        ("1;2\n3;4;5\n", "line 2: expected 2 numbers as above, got 3"),
        ("1,2,\n3,4,\n", "line 1: expected numbers, got '1,2,'"),
        ("1.0,O.5\n1,2\n", "line 1: expected numbers, got '1.0,O.5'"),
        ("x,y\nu,v\n1,2\n", "line 2: expected numbers, got 'u,v'"),
        ("1,2\n\0,3\n", "line 2: expected numbers, got"),
        ('1,2\n"3,4\n5,6\n', "expected numbers, got '3,4"),
        ("1,2\n" + "9" * 200_000 + ",3\n", "not a CSV file in UTF-8: field larger than field limit"),
        ("", "expected rows of numbers, got none"),
        ("x,y\n", "expected rows of numbers, got none"),
        ("\n\n", "expected rows of numbers, got none"),
    ],
)
def test_csv_files_that_are_not_tables_of_numbers(tmp_path, text, message):
    """A first line with a number is not a header: a misprint there would be dropped silently."""
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


def test_pickled_objects_are_not_executed(tmp_path, mark):
    objects = np.array([Executes(mark)], dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "b.npz", a=objects)
    (tmp_path / "c.npy").write_bytes(pickle.dumps(Executes(mark)))
    with pytest.raises(ValueError, match=r"a.npy: expected numbers, got Python objects, .* save x\.astype\(float\)"):
        read_points(tmp_path / "a.npy")
    npz(tmp_path / "d.npz", {"a.npy": npy((1,), "|O", pickle.dumps([Executes(mark)]))})
    npz(tmp_path / "e.npz", {"a.npy": pickle.dumps(Executes(mark))})
    (tmp_path / "f.npy").write_bytes(npy((10**12,), "|O", pickle.dumps([Executes(mark)])))
    (tmp_path / "g.npy").write_bytes(npy(None, header=f"__import__('pathlib').Path({str(mark)!r}).touch()"))
    for name in ("a.npy", "b.npz", "c.npy", "d.npz", "e.npz", "f.npy", "g.npy"):
        with pytest.raises(ValueError, match=rf"{name}: "):
            read_points(tmp_path / name)
        assert name in refused("curve", tmp_path / name)


HEADERS = {
    "more than there is": npy((2**25,), data=bytes(80)),
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
def test_wrong_headers(tmp_path, kind):
    content = HEADERS[kind]
    (tmp_path / "x.npy").write_bytes(content)
    npz(tmp_path / "x.npz", {"a.npy": content})
    for name in ("x.npy", "x.npz"):
        with pytest.raises(ValueError, match=rf"{name}: "):
            read_points(tmp_path / name)
        assert name in refused("curve", tmp_path / name)


def test_headers_are_checked_before_memory_is_allocated(tmp_path, monkeypatch):
    """In both formats the header is read first, and nothing is allocated for missing or forbidden content."""
    monkeypatch.setattr(np.lib.format, "read_array", lambda *_, **__: pytest.fail("read"))
    for content, message in (
        (npy((2**25,), data=bytes(80)), r"expected 33554432 numbers of 8 bytes, got a file of \d+ bytes"),
        (npy((2**14, 2**14 + 1)), "expected at most (268435456|33554432) numbers, got 268451840"),
    ):
        (tmp_path / "x.npy").write_bytes(content)
        npz(tmp_path / "x.npz", {"a.npy": content})
        for name in ("x.npy", "x.npz"):
            with pytest.raises(ValueError, match=message):
                read_points(tmp_path / name)


def test_archives_that_expand_beyond_the_limit(tmp_path, monkeypatch):
    """A small archive of zeros, whose header states its true size."""
    bomb = npz(tmp_path / "x.npz", {"a.npy": npy((2**20,), data=bytes(2**23))})
    assert bomb.stat().st_size < 2**14
    assert read_points(bomb).shape == (2**20,)
    monkeypatch.setattr(arrays, "LARGEST_DEFLATED", 2**20 - 1)
    with pytest.raises(ValueError, match=r"x\.npz: expected at most 1048575 numbers, got 1048576"):
        read_points(bomb)
    monkeypatch.setattr(arrays, "LARGEST_TEXT", 7)
    (tmp_path / "x.csv").write_text("1,2\n3,4\n")
    with pytest.raises(ValueError, match=r"expected at most 7 bytes, got 8"):
        read_points(tmp_path / "x.csv")


def test_damaged_archives(tmp_path):
    """Truncated, overwritten in stored and in compressed data, encrypted, or with other content."""
    stored, packed = io.BytesIO(), io.BytesIO()
    np.savez(stored, a=CIRCLE)
    np.savez_compressed(packed, a=CIRCLE)
    for i, (archive, fill) in enumerate(((stored, 0), (packed, 0), (packed, 255))):
        content = archive.getvalue()
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


def test_names_of_point_files():
    assert all(map(is_data, ("x.npy", "a/b.NPZ", "c.Csv", ".x.csv")))
    assert not any(map(is_data, ("ramp", "power:1.5", "x.txt", "npy", "x.npy.gz", ".npy", "")))
    with pytest.raises(ValueError, match=r"x\.txt: expected a file that ends in \.npy, \.npz, \.csv"):
        read_points("x.txt")


def test_reading_leaves_no_file_open(tmp_path):
    """On some systems a mapped or open file cannot be removed."""
    for suffix, save in ((".npy", np.save), (".npz", np.savez)):
        path = tmp_path / f"x{suffix}"
        save(path, CIRCLE)
        read = read_points(path)
        path.unlink()
        assert np.array_equal(read, CIRCLE)
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # hidden files too

"""Contents of files, made from a seed: valid ones, odd ones, and both damaged."""

import copy
import io
import json
import math
import pickle
import struct
import warnings
import zipfile

import numpy as np

TOKENS = (
    *("0", "-0", "1", "0.5", "-1", "1e-320", "1e308", "1e309", "-1e999", "nan", "NaN", "inf", "-inf", "", " ", "abc"),
    *("0x10", "1_0", "1+2j", "٣", "None", "True", "null", "'", '"', '"a', "\0", "\ufeff", "é", "\ud7ff", "1;2", "1 2"),
    *("=1+1", "9" * 400, "1e-400", "0." + "0" * 300 + "1", "__import__('os')", "../../x", "2**63", str(2**63)),
)
HOSTILE = (
    *(None, True, False, 0, -1, 0.5, 1e308, 10**30, 10**400, -(10**19), 2**63, 5e-324, math.nan, math.inf, -math.inf),
    *("", "nan", "inf", "abc", "\ud800", "a\0b", "../../x", "<script>alert(1)</script>", "x" * 5000, [], {}, [[]]),
    *([1.0], [None], ["a"], [10**400], {"a": 1}, [math.nan], [[1.0, 2.0]], "circle", "ramp", "loop:0123456789abcdef"),
)


class Executes:
    """Leaves a file behind if it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


def damaged(rng, content):
    """The content with a few bytes changed, cut off, repeated, inserted or joined."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(content) + 1)
        to = min(len(content), at + rng.choice((1, 1, 2, 4, 16, 64)))
        kind = rng.randrange(7)
        if kind == 0:
            content = content[:at]
        elif kind == 1:
            content[at:to] = rng.randbytes(to - at)
        elif kind == 2 and at < len(content):
            content[at] ^= 1 << rng.randrange(8)
        elif kind == 3:
            content[at:at] = rng.choice(
                (b"\0", b"\xff", b"\n", b"\xff\xfe\xfd", b"(" * 300, b"[" * 300, b"9" * 30, b",")
            )
        elif kind == 4:
            content[at:at] = content[at:to] * rng.choice((1, 2, 50))
        elif kind == 5:
            del content[at:to]
        elif at < len(content):
            content[at] = rng.choice((0, 255, 127, 128, 10, 34, 44, 45, 48))
    return bytes(content)


def points(rng):
    """An array: a loop or a curve more often than not, sometimes not even numbers."""
    if rng.random() < 0.6:
        v = np.arange(rng.choice((16, 32, 33, 64))) / rng.choice((16, 32, 64))
        turn = 2.0 * np.pi * v[:, None] + np.arange(2) * np.pi / 2.0
        loop = np.cos(turn) + rng.choice((0.0, 0.0, 0.02)) * np.cos(3.0 * turn)
        x = rng.choice((loop, loop, np.cumsum(np.ones((len(v), 1)), axis=0), v))
        return x * rng.choice((1.0, 1.0, 1.0, 1e-160, 1e-8, 1e9, 1e150))
    draws = np.random.default_rng(rng.randrange(2**32))
    count, dim = rng.choice((0, 1, 2, 3, 4, 5, 7, 8, 12, 16, 31, 32, 64, 200)), rng.choice((1, 1, 2, 2, 2, 3, 5))
    v = np.arange(count) / max(1, count - rng.randrange(2))
    angles = 2.0 * np.pi * v[:, None] + np.arange(dim) * np.pi / 2.0
    shapes = (
        lambda: np.cos(angles),
        lambda: np.cos(angles) + 0.1 * np.cos(3.0 * angles),
        lambda: v[:, None] * np.ones(dim),
        lambda: np.sign(np.cos(angles)),
        lambda: draws.standard_normal((count, dim)),
        lambda: np.full((count, dim), rng.choice((0.0, 1.0, 1e200, 5e-324))),
        lambda: np.repeat(np.cos(angles), 2, axis=0),
        lambda: draws.integers(-3, 4, (count, dim)),
        lambda: np.array(rng.choice((0.0, 1.0, math.nan))),
        lambda: np.zeros(rng.choice(((0,), (0, 3), (3, 0), (2, 0, 2), (1, 1, 1, 1)))),
        lambda: draws.standard_normal((4, 3, 2)),
    )
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = np.asarray(rng.choice(shapes)())
        if rng.random() < 0.3:
            x = x * rng.choice((1e-320, 1e-200, 1e-8, 1e8, 1e150, 1e154, 1e200, 1e308, -1.0))
        if rng.random() < 0.15 and x.size:
            x = x.astype(float)
            x.flat[rng.randrange(x.size)] = rng.choice((math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324))
        if rng.random() < 0.2:
            kinds = ("<f2", "<f4", ">f8", "<i1", "<i8", "<u8", ">u4", "<c16", "?", "<U8", "S4", "<M8[s]", "<f16")
            x = x.astype(rng.choice(kinds))
    return x.ravel() if rng.random() < 0.2 else x


def npy(rng, mark):
    """A .npy file."""
    if rng.random() < 0.06:
        return pickle.dumps(Executes(mark), protocol=rng.randrange(6))
    if rng.random() < 0.8:
        file = io.BytesIO()
        np.lib.format.write_array(file, points(rng), version=rng.choice(((1, 0), (2, 0), (3, 0))))
        return file.getvalue()
    shape = (
        rng.choice(
            ("()", "(0,)", "(4,)", "(8, 2)", "(2, 0)", "(-1,)", "(2**40,)", f"({10**12},)", f"({2**33}, {2**33})")
        ),
        rng.choice(
            ("(True,)", "(1.5,)", "4", "None", f"({2**63},)", f"({10**400},)", "(" * 900, "(1,)*9", "(1,) * 100")
        ),
        repr((1,) * rng.choice((10, 33, 65, 1000))),
    )[rng.choice((0, 0, 0, 1, 2))]
    descr = rng.choice(
        ("<f8", "<f8", "<f8", "|O", "<U4", "|V8", "<c16", "<f0", "|S0", "<U0", "f8,f8", "<M8[D]", "", "<x9")
    )
    header = f"{{'descr': {descr!r}, 'fortran_order': {rng.choice(('False', 'True', '1'))}, 'shape': {shape}, }}"
    if rng.random() < 0.15:
        header = rng.choice(
            (f"open({str(mark)!r}, 'w')", "[" * 500, "{}", "'a' * 10**9", "9**9**9", "{1: 2}", " " * 9000)
        )
    version = rng.choice(((1, 0), (1, 0), (2, 0), (3, 0), (4, 2)))
    text = header.encode() + b"\n"
    size = struct.pack("<H", len(text)) if version == (1, 0) else struct.pack("<I", rng.choice((len(text), 2**32 - 1)))
    data = rng.choice((b"", bytes(32), bytes(128), np.linspace(0, 1, 16).tobytes(), pickle.dumps([Executes(mark)])))
    return b"\x93NUMPY" + bytes(version) + size + text + data


def npz(rng, mark):
    """A .npz file."""
    file = io.BytesIO()
    with warnings.catch_warnings():  # of duplicate names
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(file, "w", rng.choice((0, 8, 8, 12, 14))) as archive:
            for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 3))):
                name = rng.choice(("a.npy", "a.npy", "arr_0.npy", "b", "../a.npy", "/tmp/a.npy", "a/", "é.npy"))
                content = npy(rng, mark)
                if rng.random() < 0.05:  # expands a thousandfold
                    shape = rng.choice((2**20, 2**24, 2**29))
                    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({shape},), }}\n".encode()
                    content = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(8 * 2**20)
                archive.writestr(name, content)
    return file.getvalue()


def csv_of_points(rng):
    """A .csv of points."""
    x = points(rng)
    x = x if x.ndim == 2 else x.reshape(len(x), -1) if x.ndim and len(x) else np.zeros((0, 1))
    rows = [[str(cell) if x.dtype.kind in "USM" else repr(cell) for cell in row] for row in x.tolist()]
    head = [f"x{i}" for i in range(x.shape[1])] if rng.random() < 0.4 else None
    return csv(rng, head, rows)


def csv(rng, head, rows):
    """A .csv of cells, a few of them replaced, in a random dialect."""
    rows = [list(row) for row in rows]
    if rng.random() < 0.25:
        for _ in range(rng.choice((1, 1, 2, 5))):
            if rows and (row := rng.choice(rows)):
                row[rng.randrange(len(row))] = rng.choice(TOKENS)
    if rng.random() < 0.06 and rows:
        row = rng.choice(rows)
        row[len(row) // 2 :] = rng.choice(([], ["1"] * 40, ["7" * 140_000], ["1"] * 3000))
    table = rows if head is None else [list(head), *rows]
    comma, end = rng.choice("," * 20 + ";\t"), rng.choice(("\n", "\n", "\n", "\r\n", "\r", "\n\n"))
    text = end.join(comma.join(row) for row in table) + rng.choice(("", end))
    if rng.random() < 0.05:
        return text.encode(rng.choice(("utf-16", "utf-8-sig", "utf-32")), "replace")
    content = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.03:
        content += rng.choice((b"\0" * 70_000, b"1," * 70_000, b'"' + b"1\n" * 70_000, b"\n" * 70_000, b"1\n" * 30_000))
    return content


def table(rng, columns, count):
    """A .csv with these columns, {name: what makes a cell}: some left out, repeated, swapped or added."""
    names = list(columns)
    if rng.random() < 0.2:
        change = rng.randrange(4)
        at = rng.randrange(len(names))
        if change == 0:
            del names[at]
        elif change == 1:
            names.append(names[at])
        elif change == 2:
            names.insert(at, rng.choice(("", " ", "x", "Source", "distortion ", "\ufeffdistortion", "__class__")))
        else:
            rng.shuffle(names)
    rows = [
        [str(columns[name](rng)) if name in columns else rng.choice(TOKENS) for name in names] for _ in range(count)
    ]
    return csv(rng, names, rows)


def places(value, path=()):
    """Paths of all parts of a JSON value."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value[:50]) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*path, key))


def changed(rng, value):
    """A JSON value with parts replaced, left out or added."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        path = rng.choice(list(places(value)))
        if not path:
            if rng.random() < 0.1:
                return rng.choice(HOSTILE)
            continue
        inside = value
        for key in path[:-1]:
            inside = inside[key]
        action = rng.randrange(6)
        if action == 0:
            del inside[path[-1]]
        elif action == 1 and isinstance(inside, dict):
            inside[rng.choice(("x", "", "self", "digest", "__init__"))] = copy.deepcopy(rng.choice(HOSTILE))
        else:
            inside[path[-1]] = copy.deepcopy(rng.choice(HOSTILE))  # the next iteration may change it
    return value


def dumped(rng, value):
    """Text of a JSON value, with NaN and all, or nested beyond reason."""
    if rng.random() < 0.03:
        return rng.choice(
            (b"[" * 100_000, b'{"a":' * 50_000, b"9" * 6000, b"", b"null", b"1e400", b"\xff\xfe{", b"[[],")
        )
    return json.dumps(value, indent=rng.choice((None, 1))).encode()

"""Files of indices: the format stays, and whatever was altered is refused."""

import contextlib
import hashlib
import json
import os
import struct
import tracemalloc
import zlib

import constriction
import edcurve_neural as edn
import numpy as np
import pytest
from coded import ENTRIES, EXAMPLE, PAYLOAD
from edcurve_neural import coding
from edcurve_neural.coding import bitstream
from edcurve_neural.coding.code_lengths import code_lengths, differences, frequencies
from hypothesis import given, settings
from hypothesis import strategies as st


def test_the_format_stays(tmp_path):
    path = tmp_path / "a.edc"
    edn.write_indices(path, EXAMPLE, np.array(ENTRIES))
    content = path.read_bytes()
    magic, head, words = struct.unpack("<4sII", content[:12])
    assert (magic, len(content)) == (b"edc\x01", 12 + head + 4 * words + 8)
    assert content[-8:] == hashlib.blake2b(content[:-8], digest_size=8).digest()
    usual = b'{"config":"","weights":"","shape":[100000,1],"tables":[[-5,10],[-5,10]]}\n'
    text, planes = zlib.decompressobj(-15, zdict=usual).decompress(content[12 : 12 + head]).split(b"\n", 1)
    known = {"config": None, "weights": coding.fingerprint(EXAMPLE), "shape": [7, 2], "tables": [[-2, 4], [5, 1]]}
    assert json.loads(text) == known
    low, high = np.frombuffer(planes, dtype=np.uint8).reshape(2, -1).astype(int)
    turned = low + 256 * high
    steps = np.where(turned % 2, -(turned + 1) // 2, turned // 2)
    lengths = np.cumsum(np.cumsum(steps)) % 2**16
    assert lengths.tolist() == [3 * 512, 2 * 512, 512, 4 * 512, 4 * 512, 0, 2**14 - 1]
    assert content[12 + head : -8].hex() == PAYLOAD


def test_the_payload_by_another_decoder(tmp_path):
    """A range decoder of 64-bit states in Python's integers, and frequencies from the table above."""
    words = iter(np.frombuffer(bytes.fromhex(PAYLOAD), dtype="<u4").tolist())
    lower, span, point = 0, 2**64 - 1, next(words) << 32 | next(words)

    def symbol(shares):
        nonlocal lower, span, point
        scale = span >> 24
        quantile = (point - lower) % 2**64 // scale
        stops = np.cumsum(shares).tolist()
        result = next(i for i, stop in enumerate(stops) if quantile < stop)
        lower, span = (lower + scale * (stops[result] - shares[result])) % 2**64, scale * shares[result]
        if span < 2**32:
            lower, span, point = lower << 32 & 2**64 - 1, span << 32, (point << 32 | next(words, 0)) & 2**64 - 1
        return result

    def entry(low, shares):
        result = symbol(shares)
        if result < len(shares) - 1:
            return low + result
        return None

    for column, (low, probabilities) in zip(np.array(ENTRIES).T.tolist(), EXAMPLE.tables(), strict=True):
        shares = frequencies(code_lengths(probabilities)).tolist()
        result = [entry(low, shares) for _ in column]
        for i in [i for i, x in enumerate(result) if x is None]:
            value = sum(symbol([2**8] * 2**16) << 16 * k for k in range(4))
            result[i] = value - 2**64 * (value >= 2**63)
        assert result == column
    assert next(words, None) is None


def refused(path, content, model=EXAMPLE):
    path.write_bytes(content)
    with pytest.raises(edn.DamagedFileError) as error:
        edn.read_indices(path, model)
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).endswith("; the file is damaged: its content has to be encoded again")
    return str(error.value)


def test_every_altered_byte_is_noticed(small, tmp_path):
    for i in range(len(small)):
        for change in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            refused(tmp_path / "a.edc", small[:i] + bytes([small[i] ^ change]) + small[i + 1 :])


def test_every_truncation_and_extension_is_noticed(small, tmp_path):
    for i in range(len(small)):
        refused(tmp_path / "a.edc", small[:i])
        refused(tmp_path / "a.edc", small[i + 1 :])
        refused(tmp_path / "a.edc", small + small[: i + 1])


@given(st.data())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_altered_blocks_are_noticed(small, tmp_path_factory, data):
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(small))] * 2)))
    altered = small[:start] + data.draw(st.binary(max_size=40)) + small[stop:]
    if altered != small:
        refused(tmp_path_factory.mktemp("altered") / "a.edc", altered)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it does not begin as a file of coded indices does"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "it does not begin as a file of coded indices does"),
        (b"edc\x01", "it ends after 4 bytes"),
        (b"edc\x02" + bytes(16), "it is of version 2 of the format, not 1"),
        (b"edc\x01" + b"\xff" * 8 + bytes(8), "it has 20 bytes, and should have 21474836495"),
        (b"edc\x01" + bytes(16), "its content does not match its digest"),
    ],
    ids=["empty", "picture", "start", "version", "lengths", "zeros"],
)
def test_foreign_files(content, why, tmp_path):
    assert why in refused(tmp_path / "a.edc", content)


def test_no_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        edn.read_indices(tmp_path / "a.edc", EXAMPLE)
    with pytest.raises(IsADirectoryError):
        edn.read_indices(tmp_path, EXAMPLE)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe: expected a regular file"):
        edn.read_indices(tmp_path / "pipe", EXAMPLE)


def forged(header, lengths, words):
    """A file with any content and its correct digest."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    deflate = zlib.compressobj(wbits=-15, zdict=bitstream.USUAL)
    head = deflate.compress(text + b"\n" + differences(np.array(lengths, dtype=np.uint16))) + deflate.flush()
    content = struct.pack("<4sII", b"edc\x01", len(head), len(words)) + head + np.array(words, dtype="<u4").tobytes()
    return content + hashlib.blake2b(content, digest_size=8).digest()


WEIGHTS = coding.fingerprint(EXAMPLE)
HEADER = {"config": None, "weights": WEIGHTS, "shape": [3, 1], "tables": [[0, 2]]}
HALVES = [512, 512, 2**14 - 1]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"shape": [10**15, 1]}, "1000000000000000 samples in 1 columns"),
        ({"shape": [2**28, 1]}, "268435456 samples do not fit 1 words"),
        ({"shape": [2**63, 0], "tables": []}, "samples in 0 columns"),
        ({"shape": [-1, 1]}, "-1 samples in 1 columns"),
        ({"shape": [3, 2]}, "3 samples in 2 columns with 1 tables"),
        ({"shape": [3.0, 1]}, "a field is not of its type"),
        ({"shape": [True, 1]}, "a field is not of its type"),
        ({"shape": [3]}, "unpack"),
        ({"shape": None}, "unpack"),
        ({"tables": [[0, 3]]}, "6 bytes for 4 code lengths"),
        ({"tables": [[0, 2**50]]}, "a table of 1125899906842624 from 0"),
        ({"tables": [[0, 0]]}, "a table of 0 from 0"),
        ({"tables": [[2**63 - 1, 2]]}, "a table of 2 from 9223372036854775807"),
        ({"tables": 5}, "not iterable"),
        ({"weights": 5}, "a field is not of its type"),
        ({"config": [1]}, "a field is not of its type"),
    ],
    ids=str,
)
def test_forged_headers(change, why, tmp_path):
    tracemalloc.start()
    try:
        message = refused(tmp_path / "a.edc", forged({**HEADER, **change}, HALVES, [5]))
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
    assert why in message


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 10**5, b"1" * 10**4, b'{"shape"'])
def test_forged_text(text, tmp_path):
    assert "its head cannot be read" in refused(tmp_path / "a.edc", forged(text, HALVES, [5]))


def test_forged_tables_and_payloads(tmp_path):
    path = tmp_path / "a.edc"
    assert "a code length of 32 bits" in refused(path, forged(HEADER, [512, 512, 2**14], [5]))
    assert "longer than what it should hold" in refused(path, forged(HEADER, HALVES, [5] * 9))
    assert "invalid for the employed entropy model" in refused(path, forged(HEADER, HALVES, [2**32 - 1] * 2))
    bomb = zlib.compressobj(9, wbits=-15).compress(bytes(2**24 + 1))
    content = struct.pack("<4sII", b"edc\x01", len(bomb), 0) + bomb
    content += hashlib.blake2b(content, digest_size=8).digest()
    assert "it is not one deflated stream of allowed length" in refused(path, content)
    encoder = constriction.stream.queue.RangeEncoder()
    model = constriction.stream.model.Categorical(frequencies(np.array(HALVES)) - 1.0, perfect=False, lazy=False)
    encoder.encode(np.array([1, 0, 1], dtype=np.int32), model)
    path.write_bytes(forged(HEADER, HALVES, encoder.get_compressed()))
    np.testing.assert_array_equal(edn.read_indices(path, EXAMPLE), [[1], [0], [1]])


@given(
    st.lists(st.integers(0, 2**32 - 1), max_size=8), st.integers(0, 60), st.lists(st.integers(0, 2**14 - 1), min_size=3)
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_payload_is_decoded_or_refused(tmp_path_factory, words, rows, lengths):
    path = tmp_path_factory.mktemp("forged") / "a.edc"
    path.write_bytes(forged({**HEADER, "shape": [rows, 1], "tables": [[0, len(lengths) - 1]]}, lengths, words))
    with contextlib.suppress(edn.DamagedFileError):
        assert edn.read_indices(path, EXAMPLE).shape == (rows, 1)


def test_another_compressor(circle, ramp, tmp_path):
    path = tmp_path / "a.edc"
    edn.compress(path, circle, [0.5])
    key, weights = circle.config.key, coding.fingerprint(circle.model)
    for compressor in (ramp, ramp.model, edn.NTC("circle", 2), EXAMPLE):
        with pytest.raises(ValueError, match=f"of configuration {key}.*; got one with weights") as error:
            edn.read_indices(path, compressor)
        assert weights in str(error.value)
        assert not isinstance(error.value, edn.DamagedFileError)
    with pytest.raises(ValueError, match=f"got one with weights .*, of configuration {ramp.config.key}"):
        edn.decompress(path, ramp)
    assert edn.read_indices(path, circle.model).shape == (1, 2)  # the same weights
    edn.write_indices(path, circle.model, [[0, 0]])
    assert edn.read_indices(path, circle).tolist() == [[0, 0]]


def test_a_run_that_was_stored_is_the_same_compressor(circle, tmp_path):
    edn.compress(tmp_path / "a.edc", circle, [0.1, 0.7])
    store = edn.Store(tmp_path / "store")
    store.save(circle, points=64)
    loaded = store.load(circle.config)
    np.testing.assert_array_equal(
        edn.decompress(tmp_path / "a.edc", loaded), edn.decompress(tmp_path / "a.edc", circle)
    )


def test_written_whole_or_not_at_all(circle, tmp_path, monkeypatch):
    path = tmp_path / "a.edc"
    edn.compress(path, circle, [0.1, 0.7])
    before = path.read_bytes()
    monkeypatch.setattr(bitstream, "_digest", lambda content: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        edn.compress(path, circle, [0.2])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def packed(shape, sizes, table=(1.0,), columns=1):
    """A file with this head, and with correct lengths and digest."""
    steps = differences(np.tile(code_lengths(np.array(table)), columns))
    head = {"config": None, "weights": "00000000", "shape": shape, "tables": sizes}
    first = bitstream._packed(json.dumps(head).encode() + b"\n" + steps)
    content = bitstream.PREFIX.pack(bitstream.MAGIC, bitstream.VERSION, len(first), 1) + first + bytes(4)
    return content + bitstream._digest(content)


@pytest.mark.parametrize("kind", ["integers", "columns", "names"])
def test_a_small_file_takes_little_memory_and_time(tmp_path, kind):
    """Sizes in a head are checked before memory is allocated."""
    content = {
        "integers": lambda: packed([2**28, 1], [[0, 1]]),
        "columns": lambda: packed([1, 10**5], [[0, 1]] * 10**5, columns=10**5),
        "names": lambda: packed([1, 1], [[0, 1], [0, 1, " " * 2**20]]),
    }[kind]()
    why = "are too many for" if kind == "integers" else "its head cannot be read"
    assert why in refused(tmp_path / "a.edc", content)


def test_unreadable_files_are_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(bitstream, "EACH", 10)
    with pytest.raises(ValueError, match="indices must be fewer or vary: 100000 of them would be"):
        bitstream.write(
            tmp_path / "a.edc", np.zeros((10**5, 1), np.int64), [(0, np.array([1.0]))], config=None, weights=""
        )
    monkeypatch.undo()
    many = [(0, np.array([1.0]))] * (bitstream.COLUMNS + 1)
    with pytest.raises(ValueError, match="indices must have at most 16384 columns, got 16385"):
        bitstream.write(tmp_path / "a.edc", np.zeros((1, len(many)), np.int64), many, config=None, weights="")
    assert not list(tmp_path.iterdir())


def test_indices_of_another_number_of_latents(tmp_path):
    tables = [*EXAMPLE.tables(), (0, np.array([1.0]))]
    values = np.zeros((3, len(tables)), np.int64)
    bitstream.write(tmp_path / "a.edc", values, tables, config=None, weights=coding.fingerprint(EXAMPLE))
    with pytest.raises(ValueError, match=f"expected indices of {len(tables) - 1} latents, got {len(tables)} columns"):
        edn.decompress(tmp_path / "a.edc", EXAMPLE)

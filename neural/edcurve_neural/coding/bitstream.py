"""Integers in a file, range-coded with a table of probabilities for each column.

    magic and version, lengths    12 bytes
    head, deflated                a line of JSON: the compressor, the shape, least entry and size of each table;
                                  then the code lengths of the tables, as second differences
    payload                       32-bit words of a range coder, the least significant byte first
    digest                        BLAKE2b of all bytes before, 8 bytes

Decoding fails if encoder and decoder differ in the last bit of a probability, as densities evaluated in floating point
do between machines. So the file holds the tables, as code lengths in 512ths of a bit, from which both sides compute
frequencies in integer arithmetic. Down to a probability of 1e-4, an entry is coded within 1e-3 bits of its ideal
length, and smooth densities take less than a byte for each entry.

An integer outside its table is coded as an escape symbol and 64 bits.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from edcurve import progress
from edcurve.io.files import reading, replacing
from numpy.typing import NDArray

from edcurve_neural.files import DamagedFileError

from .code_lengths import PRECISION, Lengths, code_lengths, differences, frequencies, undone

Integers = NDArray[np.int64]

MAGIC, VERSION = b"edc", 1
PREFIX = struct.Struct("<3sBII")  # magic, version; bytes of the head, words of the payload
USUAL = b'{"config":"","weights":"","shape":[100000,1],"tables":[[-5,10],[-5,10]]}\n'  # a typical head
HEAD = 2**24  # most bytes of an inflated head
DIGEST = 8  # bytes of the digest
BLOCK = 2**20  # entries of a column coded at a time; escaped entries follow their block
LARGEST = 2**20  # most entries of a table
LONGEST = 64  # most characters of the names of a configuration and of weights
MOST = 2**28  # most integers in a file
EACH = 2**16  # most integers for each byte of a file: a table of one entry costs no bits
COLUMNS = 2**14  # most columns
TEXT = 2**20  # most bytes of the line of JSON
SIZE = 2**32  # most bytes of a file


class Contents(NamedTuple):
    """The parts of a file, with the payload still coded."""

    path: Path
    config: str | None
    weights: str
    shape: tuple[int, int]
    lows: list[int]
    lengths: list[Lengths]
    words: NDArray[np.uint32]


def write(
    path: str | os.PathLike[str],
    values: Integers,
    tables: Sequence[tuple[int, NDArray[np.float64]]],
    *,
    config: str | None,
    weights: str,
) -> tuple[int, int]:
    """Write an array of shape (n, columns); returns the bits of the payload and of the file."""
    if len(tables) > COLUMNS:
        raise ValueError(f"indices must have at most {COLUMNS} columns, got {len(tables)}")
    lows, lengths = [low for low, _ in tables], [code_lengths(probabilities) for _, probabilities in tables]
    words = _encoded(values, lows, lengths)
    sizes = [[low, len(probabilities)] for low, probabilities in tables]
    header = {"config": config, "weights": weights, "shape": list(values.shape), "tables": sizes}
    head = _packed(json.dumps(header, separators=(",", ":")).encode() + b"\n" + differences(np.concatenate(lengths)))
    content = PREFIX.pack(MAGIC, VERSION, len(head), len(words)) + head + words.astype("<u4").tobytes()
    if values.size > EACH * (len(content) + DIGEST):
        raise ValueError(f"indices must be fewer or vary: {values.size} of them would be {len(content)} bytes")
    with replacing(path) as temporary:
        temporary.write_bytes(content + _digest(content))
    return 32 * len(words), 8 * (len(content) + DIGEST)


def read(path: str | os.PathLike[str]) -> Contents:
    """The parts of a file, verified; `DamagedFileError` if it was altered."""
    path = Path(path)
    with reading(path, SIZE) as file:
        prefix, size = file.read(PREFIX.size), os.fstat(file.fileno()).st_size
        _require(path, prefix.startswith(MAGIC), "it does not begin as a file of coded indices does")
        _require(path, len(prefix) == PREFIX.size, f"it ends after {size} bytes")
        _, version, *parts = PREFIX.unpack(prefix)
        _require(path, version == VERSION, f"it is of version {version} of the format, not {VERSION}")
        stops = np.cumsum([PREFIX.size, parts[0], 4 * parts[1], DIGEST]).tolist()
        _require(path, size == stops[-1], f"it has {size} bytes, and should have {stops[-1]}")
        content = prefix + file.read(size - len(prefix))
    head, payload, digest = (content[start:stop] for start, stop in pairwise(stops))
    _require(path, digest == _digest(content[: stops[-2]]), "its content does not match its digest")
    try:
        text, _, steps = _unpacked(head).partition(b"\n")
        config, weights, shape, sizes = _header(text)
        lengths = undone(steps, [count + 1 for _, count in sizes])
    except (ValueError, TypeError, KeyError, RecursionError, zlib.error) as error:
        raise _damaged(path, f"its head cannot be read ({error})") from None
    words = np.frombuffer(payload, dtype="<u4").astype(np.uint32)
    # an integer needs at least the bits of the most probable entry of its column; the coder's state saves up to two
    # words
    least = shape[0] * sum(PRECISION - math.log2(int(frequencies(part).max())) for part in lengths)
    _require(path, least <= 32 * len(words) + 64, f"{shape[0]} samples do not fit {len(words)} words")
    _require(path, shape[0] * shape[1] <= EACH * size, f"{shape[0]} samples are too many for {size} bytes")
    return Contents(path, config, weights, shape, [low for low, _ in sizes], lengths, words)


def decoded(contents: Contents) -> Integers:
    """The array that was written; `DamagedFileError` for an invalid payload."""
    stream = _constriction()
    decoder = stream.queue.RangeDecoder(contents.words)
    values = np.empty(contents.shape, dtype=np.int64)
    try:
        for block, low, model, escape in _blocks(values, contents.lows, contents.lengths, "decoding"):
            symbols = decoder.decode(model, len(block))
            block[:] = symbols
            block += low
            outside = symbols == escape
            if outside.any():
                raw = decoder.decode(stream.model.Uniform(2**16), 4 * int(outside.sum()))
                block[outside] = raw.astype("<u2").view("<i8")
    except (AssertionError, ValueError) as error:
        raise _damaged(contents.path, str(error)) from None
    _require(contents.path, decoder.maybe_exhausted(), "its payload is longer than what it should hold")
    return values


def _encoded(values: Integers, lows: list[int], lengths: list[Lengths]) -> NDArray[np.uint32]:
    stream = _constriction()
    encoder = stream.queue.RangeEncoder()
    for block, low, model, escape in _blocks(values, lows, lengths, "encoding"):
        inside = (block >= low) & (block <= low + escape - 1)
        encoder.encode(np.where(inside, block - low, escape).astype(np.int32), model)
        outside = block[~inside]
        if outside.size:
            encoder.encode(outside.astype("<i8").view("<u2").astype(np.int32), stream.model.Uniform(2**16))
    return np.asarray(encoder.get_compressed(), dtype=np.uint32)


def _blocks(
    values: Integers, lows: list[int], lengths: list[Lengths], title: str
) -> Iterator[tuple[Integers, int, Any, int]]:
    """Views of parts of columns in the order of coding, with the least entry, the model and the escape symbol."""
    categorical, done = _constriction().model.Categorical, 0
    with progress.bar(title, values.size) as update:
        for column, low, part in zip(values.T, lows, lengths, strict=True):
            # the coder adds one to each weight: frequencies less one become the frequencies without rounding
            model = categorical((frequencies(part) - 1).astype(np.float64), perfect=False, lazy=False)
            for start in range(0, len(column), BLOCK):
                block = column[start : start + BLOCK]
                yield block, low, model, len(part) - 1
                done += len(block)
                update(done, values.size)


def _header(text: bytes) -> tuple[str | None, str, tuple[int, int], list[tuple[int, int]]]:
    if len(text) > TEXT:
        raise ValueError(f"a line of {len(text)} bytes")
    header = json.loads(text)
    config, weights, (rows, columns), tables = (header[name] for name in ("config", "weights", "shape", "tables"))
    sizes = [(low, count) for low, count in tables]
    whole = all(type(number) is int for number in (rows, columns, *(number for pair in sizes for number in pair)))
    short = all(isinstance(name, str) and len(name) <= LONGEST for name in (weights, config or ""))
    if not (whole and short and (config is None or config)):
        raise TypeError("a field is not of its type")
    if columns != len(sizes) or not 1 <= columns <= COLUMNS or rows < 0 or rows * columns > MOST:
        raise ValueError(f"{rows} samples in {columns} columns with {len(sizes)} tables")
    for low, count in sizes:
        if not (1 <= count <= LARGEST and -(2**63) <= low <= 2**63 - count):
            raise ValueError(f"a table of {count} from {low}")
    return config, weights, (rows, columns), sizes


def _packed(head: bytes) -> bytes:
    if len(head) > HEAD:
        raise ValueError(f"tables must fit {HEAD} bytes, got {len(head)}")
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS, memLevel=9, zdict=USUAL)
    return deflate.compress(head) + deflate.flush()


def _unpacked(packed: bytes) -> bytes:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS, zdict=USUAL)
    head = inflate.decompress(packed, HEAD + 1)
    if len(head) > HEAD or not inflate.eof or inflate.unused_data:
        raise ValueError("it is not one deflated stream of allowed length")
    return head


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST).digest()


def _require(path: Path, condition: bool, why: str) -> None:
    if not condition:
        raise _damaged(path, why)


def _damaged(path: Path, why: str) -> DamagedFileError:
    return DamagedFileError(path, why, "its content has to be encoded again")


def _constriction() -> Any:
    try:
        return import_module("constriction").stream
    except ImportError as error:
        raise ImportError(f"coding needs constriction: pip install 'edcurve[coding]' ({error})") from error

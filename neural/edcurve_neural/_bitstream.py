"""Integers in a file, range-coded with a table of probabilities for each column.

    magic and version, lengths of what follows    16 bytes
    header                                        JSON: whose integers, their shape, least entry and size of each table
    tables                                        code lengths, their second differences deflated
    payload                                       32-bit words of a range coder, the least significant byte first
    digest                                        BLAKE2b of all of that, 8 bytes

A range coder loses its way if encoder and decoder differ in the last bit of a probability, and those of a density
evaluated in floating point do, from one machine to the next. So the file holds the tables, as code lengths in 512ths of
a bit, from which both sides make frequencies in integers alone. What is coded is within 1e-3 bits of its own length
down to a probability of 1e-4, and smooth densities take less than a byte an entry.

What a table has not is coded as an escape symbol and 64 bits.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from edcurve import progress
from edcurve._files import replacing
from numpy.typing import NDArray

from .files import DamagedFileError

Integers = NDArray[np.int64]
Lengths = NDArray[np.uint16]

MAGIC, VERSION = b"edc", 1
PREFIX = struct.Struct("<3sB3I")  # magic, version; bytes of header and of tables, words of payload
DIGEST = 8  # bytes
PRECISION = 24  # bits of a frequency, the coder's own
STEPS = 512  # in a bit of code length
LONGEST = 2**14 - 1  # code length: 32 bits
SCALE = 38  # bits of the weight of a probability of one: its product with a frequency has 62
BLOCK = 2**20  # entries of a column coded at a time; those that escape follow their block
LARGEST = 2**20  # table
MOST = 2**28  # integers in a file


class Contents(NamedTuple):
    """A file in parts, the payload still coded."""

    path: Path
    config: str | None
    weights: str
    shape: tuple[int, int]
    lows: list[int]
    lengths: list[Lengths]
    words: NDArray[np.uint32]


def code_lengths(probabilities: NDArray[np.float64]) -> Lengths:
    """−log₂ p in 512ths of a bit, at most 32 bits; the last one is the escape's, for what is left of one."""
    left = max(0.0, 1.0 - float(probabilities.sum()))
    with np.errstate(divide="ignore"):
        bits = -np.log2(np.append(probabilities, left))
    return np.clip(np.rint(STEPS * bits), 0, LONGEST).astype(np.uint16)


def frequencies(lengths: Lengths) -> Integers:
    """Positive integers proportional to the probabilities, with sum 2²⁴; nothing is rounded in floating point."""
    weights = _octave()[lengths % STEPS] >> (lengths // STEPS)
    found = 1 + weights * (2**PRECISION - len(lengths)) // weights.sum()
    found[np.argmax(weights)] += 2**PRECISION - found.sum()
    return np.asarray(found, dtype=np.int64)


@cache
def _octave() -> Integers:
    """⌊2^(38 − k/512)⌋ for k below 512, by square roots of integers, which may be rounded down one after the other."""
    found = []
    for k in range(STEPS):
        power = 1 << (SCALE * STEPS - k)
        for _ in range(STEPS.bit_length() - 1):
            power = math.isqrt(power)
        found.append(power)
    return np.array(found, dtype=np.int64)


def write(
    path: str | os.PathLike[str],
    values: Integers,
    tables: Sequence[tuple[int, NDArray[np.float64]]],
    *,
    config: str | None,
    weights: str,
) -> tuple[int, int]:
    """Write an array of shape (n, columns); returns the bits of the payload and of the file."""
    lows, lengths = [low for low, _ in tables], [code_lengths(probabilities) for _, probabilities in tables]
    words = _encoded(values, lows, lengths)
    sizes = [[low, len(probabilities)] for low, probabilities in tables]
    header = {"config": config, "weights": weights, "shape": list(values.shape), "tables": sizes}
    text = json.dumps(header, separators=(",", ":")).encode()
    packed = _packed(np.concatenate(lengths))
    prefix = PREFIX.pack(MAGIC, VERSION, len(text), len(packed), len(words))
    content = prefix + text + packed + words.astype("<u4").tobytes()
    with replacing(path) as temporary:
        temporary.write_bytes(content + _digest(content))
    return 32 * len(words), 8 * (len(content) + DIGEST)


def read(path: str | os.PathLike[str]) -> Contents:
    """The parts of a file, verified; `DamagedFileError` if it is not what was written."""
    path = Path(path)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError(f"{path}: expected a regular file, not a device or a pipe")
    with path.open("rb") as file:
        prefix, size = file.read(PREFIX.size), os.fstat(file.fileno()).st_size
        _require(path, prefix.startswith(MAGIC), "it does not begin as a file of coded indices does")
        _require(path, len(prefix) == PREFIX.size, f"it ends after {size} bytes")
        _, version, *parts = PREFIX.unpack(prefix)
        _require(path, version == VERSION, f"it is of version {version} of the format, not {VERSION}")
        stops = np.cumsum([PREFIX.size, parts[0], parts[1], 4 * parts[2], DIGEST]).tolist()
        _require(path, size == stops[-1], f"it has {size} bytes, and should have {stops[-1]}")
        content = prefix + file.read(size - len(prefix))
    text, packed, payload, digest = (content[start:stop] for start, stop in itertools.pairwise(stops))
    _require(path, digest == _digest(content[: stops[-2]]), "its content does not match its digest")
    try:
        config, weights, shape, sizes = _header(text)
        lengths = _unpacked(packed, [count + 1 for _, count in sizes])
    except (ValueError, TypeError, KeyError, RecursionError, zlib.error) as error:
        raise _damaged(path, f"its header or its tables cannot be read ({error})") from None
    words = np.frombuffer(payload, dtype="<u4").astype(np.uint32)
    # each integer is at least the bits of the most probable one of its column, and the coder keeps two words to itself
    least = shape[0] * sum(PRECISION - math.log2(int(frequencies(part).max())) for part in lengths)
    _require(path, least <= 32 * len(words) + 64, f"{shape[0]} samples do not fit {len(words)} words")
    return Contents(path, config, weights, shape, [low for low, _ in sizes], lengths, words)


def decoded(contents: Contents) -> Integers:
    """The array that was written; `DamagedFileError` if the payload is not that of one."""
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
            # to weights of integers the coder adds one each, and then has nothing to round
            model = categorical((frequencies(part) - 1).astype(np.float64), perfect=False, lazy=False)
            for start in range(0, len(column), BLOCK):
                block = column[start : start + BLOCK]
                yield block, low, model, len(part) - 1
                done += len(block)
                update(done, values.size)


def _header(text: bytes) -> tuple[str | None, str, tuple[int, int], list[tuple[int, int]]]:
    header = json.loads(text)
    config, weights, (rows, columns), tables = (header[name] for name in ("config", "weights", "shape", "tables"))
    sizes = [(low, count) for low, count in tables]
    whole = all(type(number) is int for number in (rows, columns, *(number for pair in sizes for number in pair)))
    if not whole or not isinstance(weights, str) or not (config is None or isinstance(config, str)):
        raise TypeError("a field is not of its type")
    if columns != len(sizes) or not columns or rows < 0 or rows * columns > MOST:
        raise ValueError(f"{rows} samples in {columns} columns with {len(sizes)} tables")
    for low, count in sizes:
        if not (1 <= count <= LARGEST and -(2**63) <= low <= 2**63 - count):
            raise ValueError(f"a table of {count} from {low}")
    return config, weights, (rows, columns), sizes


def _packed(lengths: Lengths) -> bytes:
    """Second differences modulo 2¹⁶, small ones of either sign to small numbers; the low bytes, then the high ones."""
    change = np.diff(lengths, n=2, prepend=np.zeros(2, dtype=np.uint16)).view(np.int16)
    small = (change << 1) ^ (change >> 15)
    return zlib.compress(small.astype("<i2").view(np.uint8).reshape(-1, 2).T.tobytes(), 9)


def _unpacked(packed: bytes, sizes: list[int]) -> list[Lengths]:
    total, inflate = sum(sizes), zlib.decompressobj()
    planes = inflate.decompress(packed, 2 * total + 1)
    if len(planes) != 2 * total or not inflate.eof or inflate.unused_data:
        raise ValueError(f"not {total} code lengths")
    small = np.frombuffer(planes, dtype=np.uint8).reshape(2, -1).T.copy().view("<u2")[:, 0].astype(np.uint16)
    change = (small >> 1) ^ (0 - (small & 1))
    lengths = np.cumsum(np.cumsum(change, dtype=np.uint16), dtype=np.uint16)
    if lengths.max() > LONGEST:
        raise ValueError("a code length above 32 bits")
    return np.split(lengths, np.cumsum(sizes)[:-1])


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST).digest()


def _require(path: Path, condition: bool, why: str) -> None:
    if not condition:
        raise _damaged(path, why)


def _damaged(path: Path, why: str) -> DamagedFileError:
    return DamagedFileError(path, why, "what it held has to be encoded again")


def _constriction() -> Any:
    try:
        return import_module("constriction").stream
    except ImportError as error:
        raise ImportError(f"coding needs constriction: pip install 'edcurve[coding]' ({error})") from error

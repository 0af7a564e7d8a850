"""`Codec`: a module whose forward pass encodes and decodes, as indices, reconstructions and bits."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from edcurve.validation import shown

from edcurve_neural import callers
from edcurve_neural.callers import Coordinates, Indices
from edcurve_neural.moments import distinct_rows

DIRECTIONS = 3  # projections by which reconstructions are distinguished
SAME = 2e-5  # relative distance of projections below which reconstructions are the same
AROUND = [step for step in itertools.product((-1, 0, 1), repeat=DIRECTIONS) if any(step)]


class Coded(NamedTuple):
    """A batch of n samples, coded: cell (n,), reconstruction (n, dim), and bits (n,) or None."""

    cell: Indices
    reconstruction: Coordinates
    bits: Coordinates | None


class Codec:
    """A function that returns reconstructions and likelihoods of a batch.

    Its indices are hidden, so samples with the same reconstruction form a cell. Reconstructions of one index may differ
    between batches by rounding. They are therefore compared by `DIRECTIONS` random projections, to within `SAME`.

    Parameters
    ----------
    forward : callable
        It returns ``{"x_hat": …, "likelihoods": {"y": …, "z": …}}``, as the models of CompressAI do, or the pair
        (x_hat, likelihoods). Bits are Σ −log₂ of all likelihoods of a sample.
    """

    def __init__(self, forward: Callable[[Any], Any]) -> None:
        self.forward = forward
        self._cells: dict[tuple[int, ...], int] = {}
        self._count = 0
        self._directions: Coordinates | None = None
        self._books: list[Coordinates] = []
        self._lengths: list[Coordinates] = []

    def code(self, result: Any, shape: tuple[int, ...]) -> Coded:
        """A coded batch of this shape, from the result of `forward`."""
        x_hat, likelihoods = parts(result)
        decoded = callers.finite("x_hat", x_hat, shape).reshape(shape[0], -1)
        bits = None if likelihoods is None else callers.bits(likelihoods, shape[0])
        return Coded(self._numbers(decoded), decoded, bits)

    def encode(self, x: Any) -> Indices:
        """Cells of realizations, shape (batch, dim); reconstructions of new cells are kept for `decode`."""
        first = self._count
        coded = self.code(self.forward(x), tuple(x.shape))
        distinct, index = np.unique(coded.cell, return_index=True)
        index = index[distinct >= first]
        self._books.append(coded.reconstruction[index])
        if coded.bits is not None:
            self._lengths.append(coded.bits[index])
        return coded.cell

    def decode(self, cell: Any) -> Coordinates:
        """Reconstructions of cells."""
        return np.asarray(np.concatenate(self._books)[callers.array(cell, "cell must be integers")])

    @property
    def rate(self) -> Callable[[Any], Coordinates] | None:
        """Bits of cells, as a function; None without likelihoods."""
        return self._bits if self._lengths else None

    def _bits(self, cell: Any) -> Coordinates:
        return np.asarray(np.concatenate(self._lengths)[callers.array(cell, "cell must be integers")])

    def _numbers(self, decoded: Coordinates) -> Indices:
        if self._directions is None:
            directions = np.random.default_rng(0).normal(size=(decoded.shape[1], DIRECTIONS))
            size = float(np.sqrt(np.mean(decoded**2))) or 1.0
            self._directions = directions / (np.linalg.norm(directions, axis=0) * SAME * size)
        keys = np.rint(decoded @ self._directions).astype(np.int64)
        distinct, cell = distinct_rows(keys)
        first = np.zeros(len(distinct), dtype=np.int64)
        first[cell[::-1]] = np.arange(len(keys))[::-1]
        number = np.zeros(len(distinct), dtype=np.int64)
        for i in np.argsort(first).tolist():  # in the order of appearance, so that numbers do not depend on batches
            number[i] = self._number(tuple(distinct[i].tolist()))
        return np.asarray(number[cell])

    def _number(self, key: tuple[int, ...]) -> int:
        number = self._cells.get(key)
        if number is None:
            around = (self._cells.get(tuple(map(sum, zip(key, step, strict=True)))) for step in AROUND)
            number = next((cell for cell in around if cell is not None), self._count)
            self._count += number == self._count
            self._cells[key] = number
        return number


def is_strings(result: Any) -> bool:
    """Whether a result is like that of ``compress`` of a model of CompressAI."""
    return isinstance(result, dict) and "strings" in result


def strings_of(result: Any, batch: int) -> list[tuple[bytes, ...]]:
    """The byte strings of each sample, one of each stream."""
    problem = f"encode must return strings as lists of {batch} byte strings, one list for each stream"
    streams = result["strings"]
    if not (_is_list(streams) and streams and all(map(_is_list, streams))) or not all(
        isinstance(string, bytes) for stream in streams for string in stream
    ):
        raise TypeError(f"{problem}, got {shown(streams)}")
    if any(len(stream) != batch for stream in streams):
        raise ValueError(f"{problem}, got lists of {', '.join(str(len(stream)) for stream in streams)}")
    return list(zip(*streams, strict=True))


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def parts(result: Any) -> tuple[Any, Any]:
    """Reconstructions and likelihoods in the result of a forward pass."""
    if isinstance(result, dict):
        if "x_hat" not in result:
            raise TypeError(f"forward must return a dict with x_hat and likelihoods, got {sorted(map(str, result))}")
        return result["x_hat"], result.get("likelihoods")
    if isinstance(result, tuple | list) and len(result) == 2:
        return result[0], result[1]
    raise TypeError(
        f"forward must return a dict with x_hat and likelihoods, or the pair, got {type(result).__name__}: pass both "
        "encode and decode where they are two functions"
    )

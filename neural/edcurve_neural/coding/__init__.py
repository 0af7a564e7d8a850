"""Entropy coding: from realizations to a compressed file, and back.

Indices are coded with the compressor's own entropy model, as one table of probabilities for each latent dimension;
indices outside a table have codes too. This needs constriction (``pip install 'edcurve[coding]'``).
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from edcurve import progress, validation
from numpy.typing import ArrayLike, NDArray

from edcurve_neural.compressors.base import ProbabilityTable
from edcurve_neural.moments import distinct_rows
from edcurve_neural.runs import BATCH, Run

from . import bitstream
from .probability_tables import compressor_of, tables

Indices = NDArray[np.int64]

LARGEST = 2**27  # most numbers of all reconstructions, unless `EACH` allows more
EACH = 2**14  # numbers for each byte of a file: half a bit for a realization of 1024 numbers


@dataclass(frozen=True)
class Coded:
    """Sizes of a coded file, in bits for all samples together.

    Attributes
    ----------
    samples : int
        Number of realizations.
    model_bits : float
        −Σ log₂ p of the indices under the entropy model itself, whose mean is ``Evaluation.rate``; inf if an index has
        no probability.
    bits : int
        Length of the coded indices, in words of 32 bits.
    file_bits : int
        Length of the file with its header, tables and digest.
    """

    samples: int
    model_bits: float
    bits: int
    file_bits: int


def write_indices(path: str | os.PathLike[str], model: Any, indices: ArrayLike | torch.Tensor) -> Coded:
    """Write indices to a file, coded with the entropy model of the compressor that made them.

    Parameters
    ----------
    path : path
        The file; written whole or not at all.
    model : Run, NTC, or another compressor with a method ``tables``
        One model; it also needs ``flat``, ``rate`` and ``state``, like those of `NTC`. The file names the configuration
        of a `Run`. A true attribute ``unbounded`` says that a compressor has a probability for every integer, inside
        its tables or not.
    indices : array or tensor of integers, shape (n, latent_dim)
        At most 2²⁸; each may be any integer of 64 bits, or a float that is one.

    Returns
    -------
    Coded

    Raises
    ------
    TypeError, ValueError
        For other indices; for a model as in `tables`.
    ImportError
        Without the extra ``coding``.
    """
    compressor, model_tables = compressor_of(model), tables(model)
    values = _integers(indices, len(model_tables))
    key = model.config.key if isinstance(model, Run) else None
    model_bits = _model_bits(compressor, model_tables, values)
    bits, file_bits = bitstream.write(path, values, model_tables, config=key, weights=fingerprint(compressor))
    return Coded(len(values), model_bits, bits, file_bits)


def read_indices(path: str | os.PathLike[str], model: Any) -> Indices:
    """Read the indices that `write_indices` wrote.

    Parameters
    ----------
    path : path
        The file.
    model : as for `write_indices`
        The compressor that made them; its weights are checked. Its entropy model is not evaluated: the tables are in
        the file, so that other hardware decodes it too.

    Returns
    -------
    ndarray of int64, shape (n, latent_dim)

    Raises
    ------
    DamagedFileError
        If the file was altered.
    ValueError
        If it is of another compressor.
    ImportError
        Without the extra ``coding``.
    """
    contents, weights = bitstream.read(path), fingerprint(compressor_of(model))
    if contents.weights != weights:
        writer = "" if contents.config is None else f", of configuration {contents.config}"
        reader = f", of configuration {model.config.key}" if isinstance(model, Run) else ""
        raise ValueError(
            f"model must be the one that {os.fspath(path)} was coded with, weights {contents.weights}{writer}; "
            f"got one with weights {weights}{reader}"
        )
    return bitstream.decoded(contents)


def compress(path: str | os.PathLike[str], model: Any, x: ArrayLike | torch.Tensor) -> Coded:
    """Compress realizations into a file.

    Parameters
    ----------
    path : path
        The file; written whole or not at all.
    model : as for `write_indices`
        With methods ``encode`` and ``encode_phase`` like those of `NTC`.
    x : array or tensor
        Realizations, shape (n, dim), or phases from 0 to 1, shape (n,).

    Returns
    -------
    Coded

    Raises
    ------
    TypeError, ValueError
        For another shape, phases out of range, or numbers that are not finite; for a model as in `tables`.
    ImportError
        Without the extra ``coding``.
    """
    return write_indices(path, model, encode(compressor_of(model), x))


def decompress(path: str | os.PathLike[str], model: Any) -> NDArray[Any]:
    """Reconstructions of the realizations that were compressed into a file.

    Parameters
    ----------
    path : path
        The file.
    model : as for `read_indices`
        With a method ``decode`` like that of `NTC`, which is called once for each distinct index.

    Returns
    -------
    ndarray, shape (n, dim)

    Raises
    ------
    DamagedFileError, ValueError, ImportError
        As for `read_indices`.
    """
    compressor, indices = compressor_of(model), read_indices(path, model)
    latents, columns = len(compressor.tables()), indices.shape[1]
    if columns != latents:
        raise ValueError(f"{os.fspath(path)}: expected indices of {latents} latents, got {columns} columns")
    numbers = len(indices) * getattr(getattr(compressor, "signal", None), "dim", 1)
    if numbers > max(LARGEST, EACH * Path(path).stat().st_size):
        raise ValueError(f"{os.fspath(path)}: expected at most {LARGEST} numbers to reconstruct, got {numbers}")
    return _for_each(compressor.decode, compressor, indices)


@torch.no_grad()
def encode(compressor: Any, x: ArrayLike | torch.Tensor) -> Indices:
    """Indices of realizations or phases, as in `compress`."""
    values = validation.as_array("x", x, "x must be real numbers, got {what}")
    if values.dtype.kind not in "iuf":
        raise TypeError(f"x must be real numbers, got an array of dtype {values.dtype}")
    if values.ndim not in (1, 2) or values.shape[1:] not in ((), (compressor.signal.dim,)):
        raise ValueError(
            f"x must be phases (n,) or realizations (n, {compressor.signal.dim}), got shape {values.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError(f"x must be finite, got {values[~np.isfinite(values)][0]}")
    if values.ndim == 1 and values.size and not (values.min() >= 0 and values.max() <= 1):
        wrong = values[(values < 0) | (values > 1)][0]
        raise ValueError(f"x of shape (n,) must be phases from 0 to 1, got {wrong}")
    like = compressor.flat
    encoder = compressor.encode_phase if values.ndim == 1 else compressor.encode
    indices = []
    with progress.bar("compressing", len(values)) as update:
        for start in range(0, max(1, len(values)), BATCH):
            block = torch.from_numpy(values[start : start + BATCH].astype(np.float64)).to(like)
            encoded = encoder(block.unsqueeze(0))[0]
            indices.append(validation.as_array("indices", encoded, "encode must return integers, got {what}"))
            update(min(start + BATCH, len(values)), len(values))
    return np.concatenate(indices)


def fingerprint(compressor: Any) -> str:
    """Digest of the weights, 8 hexadecimal digits, against mistakes, not against attacks."""
    digest = hashlib.sha256()
    for name, tensor in sorted(compressor.state().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:8]


def _integers(indices: ArrayLike | torch.Tensor, latent_dim: int) -> Indices:
    problem = "indices must be integers"
    values = validation.as_array("indices", indices, f"{problem}, got {{what}}")
    if values.ndim != 2 or values.shape[1] != latent_dim:
        raise ValueError(f"indices must have shape (n, {latent_dim}), got {values.shape}")
    if values.size > bitstream.MOST:
        raise ValueError(f"indices must be at most 2**28, got {values.size}: write several files")
    return validation.integers("indices", values, problem, "; round the latents as the encoder does")


def _model_bits(compressor: Any, model_tables: list[ProbabilityTable], values: Indices) -> float:
    """Bits of all indices under the entropy model; inf if one has no probability."""
    lows = np.array([low for low, _ in model_tables], dtype=np.int64)
    highs = np.array([low + len(probabilities) - 1 for low, probabilities in model_tables], dtype=np.int64)
    if not getattr(compressor, "unbounded", False) and bool(((values < lows) | (values > highs)).any()):
        return math.inf
    return float(_for_each(compressor.rate, compressor, values).sum(dtype=np.float64))


@torch.no_grad()
def _for_each(function: Callable[[torch.Tensor], torch.Tensor], compressor: Any, indices: Indices) -> NDArray[Any]:
    """Values of a compressor's method for each row of indices; it is called once for each distinct row."""
    empty = np.zeros(0, dtype=np.int64)
    distinct, cells = distinct_rows(indices) if len(indices) else (indices, empty)
    rows = torch.from_numpy(distinct).to(compressor.flat.device).unsqueeze(0)
    starts = range(0, max(1, len(distinct)), BATCH)
    values = [function(rows[:, start : start + BATCH])[0].cpu().numpy() for start in starts]
    return np.asarray(np.concatenate(values)[cells])

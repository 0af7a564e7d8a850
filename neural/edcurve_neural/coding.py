"""Entropy coding for real: what a compressor makes of realizations in a file, and back.

Indices are coded with the compressor's own entropy model, taken as one table of probabilities for each latent
dimension; any index has a code, in the table or not. Needs constriction (``pip install 'edcurve[coding]'``).
"""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from edcurve import progress
from numpy.typing import ArrayLike, NDArray

from . import _bitstream, functional
from .evaluation import relabel
from .models import NTC, parts
from .runs import BATCH, Run

Indices = NDArray[np.int64]
Table = tuple[int, NDArray[np.float64]]

TAIL = 2.0**-22  # probability beyond either end of the table of a density
WIDEST = 2**16  # table of a density
FARTHEST = 2**40  # from zero that a density is looked for


@dataclass(frozen=True)
class Coded:
    """What coding came to, in bits for all samples together.

    Attributes
    ----------
    samples : int
        Number of realizations.
    model_bits : float
        −Σ log₂ p of the indices under the entropy model as it is, which ``Evaluation.rate`` is the mean of.
    bits : int
        What the coder made of them, in words of 32 bits.
    file_bits : int
        The file with its header, tables and digest.
    """

    samples: int
    model_bits: float
    bits: int
    file_bits: int


def tables(model: Any) -> list[Table]:
    """The entropy model of a compressor: a categorical distribution for each latent dimension.

    Parameters
    ----------
    model : NTC, Run, or anything with a method ``tables`` that returns this
        Of one model.

    Returns
    -------
    list of (int, ndarray)
        The least index, and the probabilities of it and those that follow. What they leave of one is for all other
        indices; less than 5e-7 for an `NTC`, unless that takes more than 2¹⁶ indices.

    Raises
    ------
    TypeError
        For what has no tables and is no `NTC`.
    ValueError
        For more than one model, weights that are not finite, or what are no probabilities.
    """
    coder = _coder(model)
    if hasattr(coder, "tables"):
        found = [(int(low), np.asarray(probabilities, dtype=np.float64)) for low, probabilities in coder.tables()]
    elif isinstance(coder, NTC):
        found = _density_tables(coder)
    else:
        raise TypeError(f"model must be an NTC, a Run, or have a method tables, got {type(coder).__name__}")
    for low, probabilities in found:
        _check_table(low, probabilities)
    return found


def write_indices(path: str | os.PathLike[str], model: Any, indices: ArrayLike | torch.Tensor) -> Coded:
    """Write indices to a file, coded with the entropy model of the compressor that made them.

    Parameters
    ----------
    path : path
        The file; written whole or not at all.
    model : Run, NTC, or a torch module with methods ``tables`` and ``rate`` like those
        The compressor, one model. The file names the configuration of a `Run`.
    indices : array or tensor of integers, shape (n, latent_dim)
        At most 2²⁸; each may be any integer of 64 bits.

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
    coder, known = _coder(model), tables(model)
    values = _integers(indices, len(known))
    key = model.config.key if isinstance(model, Run) else None
    bits, file_bits = _bitstream.write(path, values, known, config=key, weights=fingerprint(coder))
    return Coded(len(values), _model_bits(coder, values), bits, file_bits)


def read_indices(path: str | os.PathLike[str], model: Any) -> Indices:
    """Read the indices that `write_indices` wrote.

    Parameters
    ----------
    path : path
        The file.
    model : as for `write_indices`
        The compressor that made them, by whose weights it is recognised. Its entropy model is not evaluated: the tables
        are in the file, so that other hardware decodes it too.

    Returns
    -------
    ndarray of int64, shape (n, latent_dim)

    Raises
    ------
    DamagedFileError
        If the file is not what was written.
    ValueError
        If it is of another compressor.
    ImportError
        Without the extra ``coding``.
    """
    found, weights = _bitstream.read(path), fingerprint(_coder(model))
    if found.weights != weights:
        wanted = "" if found.config is None else f", of configuration {found.config}"
        given = f", of configuration {model.config.key}" if isinstance(model, Run) else ""
        raise ValueError(
            f"model must be the one that {os.fspath(path)} was coded with, weights {found.weights}{wanted}; "
            f"got one with weights {weights}{given}"
        )
    return _bitstream.decoded(found)


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
    return write_indices(path, model, encode(_coder(model), x))


@torch.no_grad()
def decompress(path: str | os.PathLike[str], model: Any) -> NDArray[Any]:
    """Reconstructions of what was compressed into a file.

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
    coder, indices = _coder(model), read_indices(path, model)
    distinct, cells = _distinct(indices)
    device = next(coder.parameters()).device
    blocks = torch.from_numpy(distinct).to(device).split(BATCH)
    return np.concatenate([coder.decode(block.unsqueeze(0))[0].cpu().numpy() for block in blocks])[cells]


@torch.no_grad()
def encode(coder: Any, x: ArrayLike | torch.Tensor) -> Indices:
    """Indices of realizations or phases, as in `compress`."""
    values = _array(x)
    if values.dtype.kind not in "iuf":
        raise TypeError(f"x must be real numbers, got an array of dtype {values.dtype}")
    if values.ndim not in (1, 2) or values.shape[1:] not in ((), (coder.signal.dim,)):
        raise ValueError(f"x must be phases (n,) or realizations (n, {coder.signal.dim}), got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"x must be finite, got {values[~np.isfinite(values)][0]}")
    if values.ndim == 1 and values.size and not (values.min() >= 0 and values.max() <= 1):
        wrong = values[(values < 0) | (values > 1)][0]
        raise ValueError(f"x of shape (n,) must be phases from 0 to 1, got {wrong}")
    like = next(coder.parameters())
    make = coder.encode_phase if values.ndim == 1 else coder.encode
    found = []
    with progress.bar("compressing", len(values)) as update:
        for start in range(0, max(1, len(values)), BATCH):
            block = torch.from_numpy(values[start : start + BATCH].astype(np.float64)).to(like)
            found.append(make(block.unsqueeze(0))[0].cpu().numpy())
            update(min(start + BATCH, len(values)), len(values))
    return np.concatenate(found)


def fingerprint(coder: torch.nn.Module) -> str:
    """Digest of the weights: 16 hexadecimal digits."""
    state = hashlib.sha256()
    for name, tensor in sorted(coder.state_dict().items()):
        state.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        state.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()[:16]


def _coder(model: Any) -> Any:
    return model.model if isinstance(model, Run) else model


@torch.no_grad()
def _density_tables(model: NTC) -> list[Table]:
    if model.models != 1:
        raise ValueError(f"model must be one model, got {model.models}: take one with select")
    if not bool(torch.isfinite(model.flat).all()):
        raise ValueError("model has weights that are not finite")
    kinds = parts(model.views()).density
    density = functional.Density(*(tuple(part.double().cpu() for part in kind) for kind in kinds))
    edge = math.log(TAIL) - math.log1p(-TAIL)
    lows, middles, highs = _crossings(density, [edge, 0.0, -edge]).T.tolist()
    found = []
    for j, (low, middle, high) in enumerate(zip(lows, middles, highs, strict=True)):
        low, high = max(low, middle - WIDEST // 2), min(high, middle + WIDEST // 2 - 1)
        one = functional.Density(*(tuple(part[:, j : j + 1] for part in kind) for kind in density))
        y = torch.arange(low, high + 1, dtype=torch.float64).reshape(1, 1, -1)
        found.append((low, functional.noisy_log_prob(y, one).exp().flatten().numpy()))
    return found


def _crossings(density: functional.Density, logits: list[float]) -> torch.Tensor:
    """The least integers y at which the cumulative logit of y + ½ is at least those, (latents, len(logits))."""
    wanted = torch.tensor(logits, dtype=torch.float64)
    low = torch.full((1, density.matrices[0].shape[1], len(logits)), -FARTHEST)
    high = -low
    while bool((low < high).any()):
        middle = torch.div(low + high, 2, rounding_mode="floor")
        reached = functional.cumulative_logits(middle.double() + 0.5, density) >= wanted
        low, high = torch.where(reached, low, middle + 1), torch.where(reached, middle, high)
    return low[0]


def _check_table(low: int, probabilities: NDArray[np.float64]) -> None:
    if probabilities.ndim != 1 or not 1 <= len(probabilities) <= _bitstream.LARGEST:
        raise ValueError(f"a table must have from 1 to 2**20 probabilities, got shape {probabilities.shape}")
    if not -(2**63) <= low <= 2**63 - len(probabilities):
        raise ValueError(f"the indices of a table must fit 64 bits, got {len(probabilities)} from {low}")
    if not (probabilities.min() >= 0.0 and probabilities.sum() <= 1.0 + 1e-6):
        raise ValueError(f"a table must be of probabilities with a sum of at most one, got a sum {probabilities.sum()}")


def _integers(indices: ArrayLike | torch.Tensor, latent_dim: int) -> Indices:
    values = _array(indices)
    if values.dtype.kind not in "iu":
        raise TypeError(f"indices must be integers, got an array of dtype {values.dtype}")
    if values.ndim != 2 or values.shape[1] != latent_dim:
        raise ValueError(f"indices must have shape (n, {latent_dim}), got {values.shape}")
    if values.size > _bitstream.MOST:
        raise ValueError(f"indices must be at most 2**28, got {values.size}: write several files")
    if values.dtype == np.uint64 and values.size and values.max() >= 2**63:
        raise ValueError(f"indices must fit signed integers of 64 bits, got {values.max()}")
    return values.astype(np.int64)


def _model_bits(coder: Any, values: Indices) -> float:
    distinct, cells = _distinct(values)
    device = next(coder.parameters()).device
    blocks = torch.from_numpy(distinct).to(device).split(BATCH)
    bits = torch.cat([coder.rate(block.unsqueeze(0))[0].double().cpu() for block in blocks]).numpy()
    return float(np.bincount(cells, minlength=len(distinct)) @ bits)


def _distinct(values: Indices) -> tuple[Indices, Indices]:
    return relabel(values) if len(values) else (values, np.zeros(0, dtype=np.int64))


def _array(value: ArrayLike | torch.Tensor) -> NDArray[Any]:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)

"""`Codebook`: a trained compressor whose decoder and entropy model are tables with an entry for each index."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edcurve_neural import learning_phases
from edcurve_neural.config import Config
from edcurve_neural.evaluation import relabel

from .base import Coder

LEARNED_FROM = 2**17  # realizations
AT_ONCE = 2**22  # numbers of realizations held at a time


class Codebook:
    """An encoder with a reconstruction and a code length for each of the indices that it was seen to use.

    Parameters
    ----------
    base : Coder
        Its encoder is used. An index that has no entry is taken for the nearest that has one.
    keys : Tensor of int64, shape (K, latents)
        Indices of the encoder, in lexicographic order. What is coded is their number.
    codewords : Tensor, shape (K, dim)
        Reconstructions.
    probabilities : Tensor of float64, shape (K,)
        Of the entropy model.
    """

    def __init__(self, base: Coder, keys: Tensor, codewords: Tensor, probabilities: Tensor) -> None:
        self.base, self.keys, self.codewords, self.probabilities = base, keys, codewords, probabilities
        self.signal, self.flat = base.signal, base.flat

    @property
    def rank(self) -> int | None:
        """A table has a codeword of its own for each index: None."""
        return None

    @cached_property
    def _bits(self) -> Tensor:
        return -torch.log2(self.probabilities)

    def encode(self, x: Tensor) -> Tensor:
        """Numbers of indices, (1, batch, dim) to (1, batch, 1)."""
        return self._numbers(self.base.encode(x))

    def encode_phase(self, v: Tensor) -> Tensor:
        """Numbers of the indices of phases, (1, batch) to (1, batch, 1)."""
        return self._numbers(self.base.encode_phase(v))

    def decode(self, indices: Tensor) -> Tensor:
        """Codewords, (1, batch, 1) to (1, batch, dim)."""
        return self.codewords[indices[..., 0]]

    def rate(self, indices: Tensor) -> Tensor:
        """Bits, (1, batch, 1) to (1, batch)."""
        return self._bits[indices[..., 0]]

    def tables(self) -> list[tuple[int, NDArray[np.float64]]]:
        """The entropy model, as `entropy_models.tables` takes it."""
        return [(0, self.probabilities.cpu().numpy())]

    def state(self) -> dict[str, Tensor]:
        """Parameters by name."""
        tables = {"keys": self.keys, "codewords": self.codewords, "probabilities": self.probabilities}
        return {**{f"base.{name}": value for name, value in self.base.state().items()}, **tables}

    def _numbers(self, indices: Tensor) -> Tensor:
        if self.keys.shape[1] == 1:
            found, keys = indices[0, :, 0], self.keys[:, 0]
            above = torch.searchsorted(keys, found).clamp(max=len(keys) - 1)
            below = (above - 1).clamp(min=0)
            nearest = torch.where(found - keys[below] < keys[above] - found, below, above)
            return nearest.view(1, -1, 1)
        distinct, place = torch.unique(indices[0], dim=0, return_inverse=True)
        gaps = torch.cdist(distinct.double(), self.keys.double())
        return gaps.argmin(1)[place].view(1, -1, 1)

    def __repr__(self) -> str:
        return f"Codebook({self.base!r}, codewords={len(self.keys)})"


def from_state(base: Coder, tensors: dict[str, Tensor]) -> Codebook:
    """The inverse of `Codebook.state`, given the encoder."""
    keys, codewords, probabilities = (tensors[name] for name in ("keys", "codewords", "probabilities"))
    shapes = [(len(keys), keys.shape[1]), (len(keys), base.signal.dim), (len(keys),)]
    found = [tuple(tensor.shape) for tensor in (keys, codewords, probabilities)]
    if found != shapes or not len(keys) or keys.dtype != torch.int64 or not probabilities.is_floating_point():
        raise ValueError(f"tables of shapes {found}")
    if not (float(probabilities.min()) > 0.0 and abs(float(probabilities.sum()) - 1.0) < 1e-6):
        raise ValueError("probabilities that are none")
    return Codebook(base, keys, codewords, probabilities)


@torch.no_grad()
def with_codebook(base: Coder, config: Config) -> Codebook:
    """Means of the cells of an encoder as codewords, and their shares of the realizations as probabilities.

    Learned from 2¹⁷ realizations, or from the training set. Each cell has half a realization added to its count.
    """
    like = base.flat
    v = learning_phases.phases(config, "codebook", LEARNED_FROM)
    blocks = torch.split(v, max(1, AT_ONCE // base.signal.dim), dim=1)
    if bool(torch.isfinite(like).all()):
        indices = torch.cat([base.encode_phase(block.to(like.device))[0] for block in blocks]).cpu().numpy()
    else:
        indices = np.zeros((v.shape[1], 1), dtype=np.int64)
    keys, cells = relabel(indices)
    means, counts = cell_means(base.signal, v[0], torch.from_numpy(cells), len(keys))
    weights = counts + 0.5
    device: Any = like.device
    return Codebook(
        base,
        torch.from_numpy(np.ascontiguousarray(keys)).to(device),
        means.to(like.dtype).to(device),
        (weights / weights.sum()).to(device),
    )


def cell_means(signal: Any, v: Tensor, cells: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Mean realization of each cell, NaN where there is none, and numbers of realizations, both in float64."""
    sums = torch.zeros(count, signal.dim)
    size = max(1, AT_ONCE // signal.dim)
    for start in range(0, len(v), size):
        sums.index_add_(0, cells[start : start + size], signal.sample(v[None, start : start + size])[0])
    counts = torch.bincount(cells, minlength=count).double()
    return sums.double() / counts[:, None], counts

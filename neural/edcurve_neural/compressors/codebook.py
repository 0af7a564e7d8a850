"""`Codebook`: a trained compressor whose decoder and entropy model are tables with an entry for each index."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edcurve_neural import learning_phases
from edcurve_neural.moments import PhaseCells, distinct_rows
from edcurve_neural.optimisation.program import Program
from edcurve_neural.optimisation.settings import Settings
from edcurve_neural.signals.base import AT_ONCE, Signal

from .base import Begin, Compressor, Kind, Layout, ProbabilityTable

LEARNED_FROM = 2**17  # realizations


class Codebook:
    """An encoder with a reconstruction and a code length for each index observed on a sample of realizations.

    Parameters
    ----------
    base : Compressor
        The compressor whose encoder is used. An index without an entry is replaced by the nearest index with one.
    keys : Tensor of int64, shape (K, latents)
        Indices of the encoder, in lexicographic order. Their numbers from 0 to K − 1 are the indices of the codebook.
    codewords : Tensor, shape (K, dim)
        Reconstructions.
    probabilities : Tensor of float64, shape (K,)
        The entropy model.
    """

    unbounded = False  # there are K numbers

    def __init__(self, base: Compressor, keys: Tensor, codewords: Tensor, probabilities: Tensor) -> None:
        self.base, self.keys, self.codewords, self.probabilities = base, keys, codewords, probabilities
        self.signal, self.flat, self.layout = base.signal, base.flat, base.layout

    @property
    def rank(self) -> int | None:
        """None: each index has a codeword of its own, so the rank of reconstructions is not bounded."""
        return None

    @property
    def finite(self) -> bool:
        """Whether all parameters of the encoder's compressor are finite."""
        return self.base.finite

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

    def features(self, indices: Tensor) -> None:
        """None: each index has a codeword of its own."""
        return

    def rate(self, indices: Tensor) -> Tensor:
        """Bits, (1, batch, 1) to (1, batch)."""
        return self._bits[indices[..., 0]]

    def tables(self) -> list[ProbabilityTable]:
        """The entropy model."""
        return [ProbabilityTable(0, self.probabilities.cpu().numpy())]

    def state(self) -> dict[str, Tensor]:
        """The tables, and the parameters of the encoder's compressor under names that begin with "base."."""
        tables = {"keys": self.keys, "codewords": self.codewords, "probabilities": self.probabilities}
        return {**{f"base.{name}": value for name, value in self.base.state().items()}, **tables}

    def _numbers(self, indices: Tensor) -> Tensor:
        """Numbers of the nearest keys."""
        if self.keys.shape[1] == 1:
            index, keys = indices[0, :, 0], self.keys[:, 0]
            above = torch.searchsorted(keys, index).clamp(max=len(keys) - 1)
            below = (above - 1).clamp(min=0)
            nearest = torch.where(index - keys[below] < keys[above] - index, below, above)
            return nearest.view(1, -1, 1)
        distinct, inverse = torch.unique(indices[0], dim=0, return_inverse=True)
        distances = torch.cdist(distinct.double(), self.keys.double())
        return distances.argmin(1)[inverse].view(1, -1, 1)

    def __repr__(self) -> str:
        return f"Codebook({self.base!r}, codewords={len(self.keys)})"


class WithTables(Program[Compressor]):
    """A mixin for programs: at the end of training, tables replace the decoder and the entropy model."""

    def compressor(self, i: int) -> Codebook:
        """The compressor with a codebook."""
        return with_codebook(super().compressor(i), self.configs[i])


def tabled(base: Kind, program: Begin) -> Kind:
    """The kind of compressor that combines the encoder of another kind with tables.

    Parameters
    ----------
    base : Kind
        The kind of the encoder.
    program : callable
        Its program with `WithTables`.
    """

    def layout(config: Settings) -> Layout:
        return Layout({f"base.{name}": shape for name, shape in base.layout(config).shapes.items()})

    def restore(config: Settings, tensors: dict[str, Tensor]) -> Codebook:
        inner = {name.removeprefix("base."): value for name, value in tensors.items() if name.startswith("base.")}
        return _restored(base.restore(config, inner), config.latent_dim, tensors)

    unused = (*base.unused, "last_layer")  # tables have no last layer
    return replace(base, program=program, layout=layout, restore=restore, tabled=True, unused=unused)


def _restored(base: Compressor, latents: int, tensors: dict[str, Tensor]) -> Codebook:
    """The inverse of `Codebook.state`, given the encoder's compressor."""
    keys, codewords, probabilities = (tensors[name] for name in ("keys", "codewords", "probabilities"))
    wanted = [(len(keys), latents), (len(keys), base.signal.dim), (len(keys),)]
    shapes = [tuple(tensor.shape) for tensor in (keys, codewords, probabilities)]
    if shapes != wanted or not len(keys) or keys.dtype != torch.int64 or not probabilities.is_floating_point():
        raise ValueError(f"invalid tables: shapes {shapes}")
    if not (float(probabilities.min()) > 0.0 and abs(float(probabilities.sum()) - 1.0) < 1e-6):
        raise ValueError("invalid probabilities: they must be positive, with sum 1")
    return Codebook(base, keys, codewords, probabilities)


@torch.no_grad()
def with_codebook(base: Compressor, config: Settings) -> Codebook:
    """A codebook of the means of an encoder's cells, and of their frequencies.

    It is learned from 2¹⁷ realizations, or from the training set. Half a realization is added to the count of each
    cell.
    """
    like = base.flat
    v, keys, cells = cells_of_realizations(base, config)
    means, counts = sample_means(base.signal, v, cells, len(keys))
    weights = counts + 0.5
    device: Any = like.device
    return Codebook(base, keys.to(device), means.to(like.dtype).to(device), (weights / weights.sum()).to(device))


def cells_of_realizations(base: Compressor, config: Settings) -> tuple[Tensor, Tensor, Tensor]:
    """Phases (n,) of 2¹⁷ realizations or of the training set, their distinct indices (K, latents), and cells (n,)."""
    v = learning_phases.phases(config, "codebook", LEARNED_FROM)
    blocks = torch.split(v, max(1, AT_ONCE // base.signal.dim), dim=1)
    if base.finite:
        indices = torch.cat([base.encode_phase(block.to(base.flat.device))[0] for block in blocks]).cpu().numpy()
    else:
        indices = np.zeros((v.shape[1], 1), dtype=np.int64)
    keys, cells = distinct_rows(indices)
    return v[0], torch.from_numpy(np.ascontiguousarray(keys)), torch.from_numpy(cells)


def sample_means(signal: Signal, v: Tensor, cells: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Mean realization of each cell and number of realizations in it, in float64; the mean of an empty cell is NaN.

    Parameters
    ----------
    signal : Signal
        The source.
    v : Tensor, shape (n,)
        Phases of the realizations.
    cells : Tensor of int64, shape (n,)
        The cell of each realization, from 0 to `count` − 1.
    count : int
        Number of cells.
    """
    labelled = PhaseCells(cells.numpy(), count, v.numpy())
    means = np.concatenate([block for _, block in signal.cell_means(labelled)])
    return torch.from_numpy(means), torch.from_numpy(labelled.sizes).double()

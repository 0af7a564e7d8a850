"""`PhaseCells`: phases grouped by cells, and means over the cells."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
BLOCK = 2**21  # numbers in the means of a block of cells


class PhaseCells:
    """Phases grouped by cells.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        The cell of each phase, from 0 to `count` − 1.
    count : int
        Number of cells. The mean of an empty one is NaN.
    phases : ndarray, shape (n,), optional
        The phases; by default the grid (j + ½)/n, j = 0, …, n − 1.

    Attributes
    ----------
    sizes : ndarray of int64, shape (count,)
        Number of phases in each cell.
    phases : ndarray, shape (n,)
        The phases.
    """

    def __init__(self, labels: Indices, count: int, phases: NDArray[Any] | None = None) -> None:
        self.labels, self.count = labels, count
        self.sizes = np.bincount(labels, minlength=count)
        self.phases: NDArray[Any] = (np.arange(len(labels)) + 0.5) / len(labels) if phases is None else phases

    def mean(self, values: Array) -> Array:
        """Mean over each cell, shape (count,), of values at the phases."""
        sums = np.bincount(self.labels, values, self.count).astype(np.float64)
        return self.shared(sums, slice(None))

    def shared(self, sums: Array, block: slice) -> Array:
        """Means from sums over the cells of a block, cells along the first axis; NaN for empty cells."""
        sizes = np.where(self.sizes[block] > 0, self.sizes[block], np.nan)
        return np.asarray(sums / sizes.reshape(-1, *(1,) * (sums.ndim - 1)))

    def blocks(self, width: int) -> list[slice]:
        """All cells in blocks, so that `width` numbers for each cell of a block are at most 2²¹ numbers."""
        size = max(1, BLOCK // width)
        return [slice(start, min(start + size, self.count)) for start in range(0, self.count, size)]

    def members(self, block: slice) -> tuple[Indices, Indices]:
        """Indices j of the phases in the cells of a block, and the cell of each, counted from the block's first.

        Phases are sorted by cell, then by j.
        """
        inside = self._order[self._ends[block.start] : self._ends[block.stop]]
        return inside, self.labels[inside] - block.start

    @cached_property
    def _order(self) -> Indices:
        return np.argsort(self.labels, kind="stable")

    @cached_property
    def _ends(self) -> Indices:
        return np.concatenate([[0], np.cumsum(self.sizes)])


def entropy_of(probability: Array) -> float:
    """Entropy in bits of positive probabilities."""
    return float(np.sum(-probability * np.log2(probability))) + 0.0  # 0 for one cell, not −0


def marginal_entropies(indices: Indices, probability: Array) -> list[float]:
    """Marginal entropy in bits of each latent, from indices (cells, latents) and probabilities of the cells."""
    labels = (np.unique(column, return_inverse=True)[1] for column in indices.T)
    return [entropy_of(np.bincount(label, weights=probability).astype(np.float64)) for label in labels]


def distinct_rows(codes: Indices) -> tuple[Indices, Indices]:
    """Distinct rows of an array of integers, and the index among them of each row."""
    label = np.zeros(len(codes), dtype=np.int64)
    for column in codes.T:
        low, span = int(column.min()), int(column.max()) - int(column.min()) + 1
        if span * (int(label.max()) + 1) >= 2**62:  # too wide to combine: replace the values by their ranks
            column, low = np.unique(column, return_inverse=True)[1], 0
            span = int(column.max()) + 1
        label = label * span + (column - low)
        if int(label.max()) >= 2 * len(codes):
            label = np.unique(label, return_inverse=True)[1]
    _, first, cells = np.unique(label, return_index=True, return_inverse=True)
    return codes[first], cells


def distinct_runs(codes: Tensor) -> tuple[Indices, Indices]:
    """`distinct_rows` of a tensor on any device, fast if most rows equal the one before."""
    changed = torch.nonzero((codes[1:] != codes[:-1]).any(dim=1))[:, 0] + 1
    starts = torch.cat([changed.new_zeros(1), changed])
    distinct, cells = distinct_rows(codes[starts].cpu().numpy())
    return distinct, np.repeat(cells, np.diff(starts.cpu().numpy(), append=len(codes)))

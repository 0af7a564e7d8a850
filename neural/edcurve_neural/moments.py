"""Sizes and means of cells of a dense grid of phases, in double precision, without forming the realizations."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from .signals import Harmonic, Measured, Signal, Stepped

Array = NDArray[np.float64]
BLOCK = 2**21  # numbers in the means of a block of cells


class Moments:
    """Cells of the phases (j + ½)/n, j = 0, …, n − 1.

    Parameters
    ----------
    source : Signal
        The source.
    cells : ndarray of int64
        The cell of each phase, from 0 to `count` − 1.
    count : int
        Number of cells, none of them empty.

    Attributes
    ----------
    sizes : ndarray of int64
        Phases in each cell.
    energy : float
        Mean of ‖x(v)‖².
    """

    def __init__(self, source: Signal, cells: NDArray[np.int64], count: int) -> None:
        self.source, self.cells, self.count = source, cells, count
        self.sizes = np.bincount(cells, minlength=count)
        self.phases = (np.arange(len(cells)) + 0.5) / len(cells)
        self.energy = math.fsum(source.energy(torch.from_numpy(self.phases)[None])[0].numpy()) / len(cells)

    def means(self) -> Iterator[tuple[slice, Array]]:
        """Blocks of cells with their means, shape (cells, dim)."""
        width = self.source.chords + 1 if isinstance(self.source, Measured) else 1
        size = max(1, BLOCK // max(self.source.dim, width))
        kinds = {Harmonic: self._harmonic, Measured: self._measured, Stepped: self._stepped}
        find = next(find for kind, find in kinds.items() if isinstance(self.source, kind))
        yield from find([slice(start, min(start + size, self.count)) for start in range(0, self.count, size)])

    def _mean(self, values: Array) -> Array:
        return np.asarray(np.bincount(self.cells, weights=values, minlength=self.count) / self.sizes)

    def _harmonic(self, blocks: list[slice]) -> Iterator[tuple[slice, Array]]:
        assert isinstance(self.source, Harmonic)
        angle = 2.0 * math.pi * self.phases
        coordinates = np.stack([self._mean(np.cos(angle)), self._mean(np.sin(angle))], axis=1)
        basis = self.source.basis(torch.empty(0, dtype=torch.float64)).numpy()
        for block in blocks:
            yield block, coordinates[block] @ basis

    def _measured(self, blocks: list[slice]) -> Iterator[tuple[slice, Array]]:
        """From what cells have of each point."""
        assert isinstance(self.source, Measured)
        nodes = self.source.nodes(torch.empty(0, dtype=torch.float64)).numpy()
        chord, share = (part.numpy() for part in self.source.place(torch.from_numpy(self.phases)))
        order = np.argsort(self.cells, kind="stable")
        ends = np.concatenate([[0], np.cumsum(self.sizes)])
        for block in blocks:
            inside = order[ends[block.start] : ends[block.stop]]
            at = (self.cells[inside] - block.start) * len(nodes) + chord[inside]
            cells = block.stop - block.start
            later = np.bincount(at + 1, share[inside], cells * len(nodes))
            had = later + np.bincount(at, 1.0 - share[inside], cells * len(nodes))
            yield block, had.reshape(cells, len(nodes)) @ nodes / self.sizes[block, None]

    def _stepped(self, blocks: list[slice]) -> Iterator[tuple[slice, Array]]:
        assert isinstance(self.source, Stepped)
        dim, start = self.source.dim, torch.from_numpy(self.phases)
        drop, line = self.source.drop(start).numpy(), self.source.line(start).numpy()
        shift = self.source.slope * self._mean(self.phases)
        order = np.argsort(self.cells, kind="stable")
        ends = np.concatenate([[0], np.cumsum(self.sizes)])
        for block in blocks:
            inside = order[ends[block.start] : ends[block.stop]]
            here = self.cells[inside] - block.start
            cells = block.stop - block.start
            fallen = np.bincount(here * (dim + 1) + drop[inside], minlength=cells * (dim + 1))
            share = fallen.reshape(cells, dim + 1)[:, :dim].cumsum(axis=1) / self.sizes[block, None]
            yield block, line + shift[block, None] - share

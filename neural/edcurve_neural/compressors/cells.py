"""The number of cells that a circular latent is quantised into: the best one for realizations, not for a theory."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
OFFSETS = 8  # places of the first boundary that are tried
FEW = 64  # cells, up to which several places are tried
RATIO = 1.08  # between numbers of cells that are tried first
NEAR = 12  # numbers on either side of the best of them that are tried then
WIDE = 128  # coordinates from which prefix sums are added row by row
LEAST = 4  # realizations in a cell on average, or more


class EqualCells(NamedTuple):
    """K equal cells of the circle, that begin at multiples of 1/K minus offset/K turns."""

    number: int
    offset: float


class SortedRealizations:
    """Realizations in the order of their latents, with prefix sums: those of any cells cost a search for their ends.

    Parameters
    ----------
    latent : ndarray, shape (n,)
        Latents in turns.
    x : ndarray, shape (n, dim)
        Realizations.
    weight : float
        The distortion is the sum of squared errors times this.
    """

    def __init__(self, latent: Array, x: Array, weight: float) -> None:
        order = np.argsort(latent, kind="stable")
        self.latent, self.weight = latent[order], weight
        self.prefix = np.zeros((len(x) + 1, x.shape[1]))
        if x.shape[1] < WIDE:
            np.cumsum(x[order], axis=0, dtype=np.float64, out=self.prefix[1:])
        else:  # numpy sums column by column, which takes five times as long: to the same bits
            for i, place in enumerate(order):
                np.add(self.prefix[i], x[place], out=self.prefix[i + 1])
        self.energy = float(np.mean(np.sum(np.square(x, dtype=np.float64), axis=1)))

    def sums(self, cells: EqualCells) -> tuple[Array, Array]:
        """Number of realizations and sum of them for each cell, shapes (K,) and (K, dim)."""
        starts = np.sort(np.remainder((np.arange(cells.number) - cells.offset) / cells.number, 1.0))
        first = np.searchsorted(self.latent, starts)
        counts = np.diff(first, append=first[0] + len(self.latent)).astype(float)
        at = self.prefix[first]
        sums = np.diff(at, axis=0, append=(at[0] + self.prefix[-1])[None])
        turn = math.ceil(cells.offset)  # with an offset, cell 0 begins before 0 turns, and so comes last
        return np.roll(counts, turn), np.roll(sums, turn, axis=0)

    def with_means(self, cells: EqualCells) -> tuple[float, float]:
        """Entropy and distortion when means are the reconstructions; both without the bias of a finite sample."""
        counts, sums = self.sums(cells)
        kept = counts > 0
        counts, total = counts[kept], float(len(self.latent))
        squares = np.sum(np.square(sums[kept]), axis=1)
        p = counts / total
        entropy = float(-p @ np.log2(p)) + (len(p) - 1) / (2.0 * total * math.log(2.0))
        within = self.energy - float(np.sum(squares / counts)) / total
        return entropy, self.weight * max(within, 0.0) * total / max(total - len(p), 1.0)

    def with_decoder(self, cells: EqualCells, decode: Callable[[EqualCells], Array]) -> tuple[float, float]:
        """Rate log₂ K, and the distortion with these reconstructions."""
        counts, sums = self.sums(cells)
        reconstructions = decode(cells)
        cross = 2.0 * np.sum(sums * reconstructions) - counts @ np.sum(np.square(reconstructions), axis=1)
        return math.log2(cells.number), self.weight * (self.energy - float(cross) / len(self.latent))


def choose(
    data: SortedRealizations,
    lmbda: float,
    near: float,
    decode: Callable[[EqualCells], Array] | None = None,
    *,
    counted: bool = True,
) -> EqualCells:
    """The cells of least rate + λ · distortion of the realizations.

    Parameters
    ----------
    data : SortedRealizations
        Realizations with their latents.
    lmbda : float
        λ in bits per unit distortion.
    near : float
        Number of cells that training ended with. From a quarter to sixteen times as many are tried.
    decode : callable, optional
        Reconstructions of cells, (K, dim); by default their means.
    counted : bool
        Whether the rate of cells that are decoded to their means is their entropy, as that of a table of counts is;
        else it is log₂ K.

    Returns
    -------
    EqualCells
    """

    def cost(cells: EqualCells) -> float:
        rate, distortion = data.with_means(cells) if decode is None else data.with_decoder(cells, decode)
        return (rate if counted else math.log2(cells.number)) + lmbda * distortion

    most = max(1, len(data.latent) // LEAST)
    ends = np.log(np.clip([0.25 * near, 16.0 * near], 1.0, most))
    counts = {round(math.exp(value)) for value in np.arange(ends[0], ends[1] + math.log(RATIO), math.log(RATIO))}
    counts = {min(max(count, 1), most) for count in counts}
    best = min((EqualCells(count, 0.0) for count in sorted(counts)), key=cost)
    nearby = range(max(1, best.number - NEAR), min(most, best.number + NEAR) + 1)
    tried = [EqualCells(count, i / OFFSETS) for count in nearby for i in range(OFFSETS if count <= FEW else 1)]
    return min([best, *tried], key=cost)

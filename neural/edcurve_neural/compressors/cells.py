"""The number of cells that a circular latent is quantised into: the best one for realizations, not for a theory."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

OFFSETS = 8  # places of the first boundary that are tried, at least
FINE = 256  # places of boundaries in a turn that are tried, at least
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

    All is computed on the device that the realizations are on, and nothing waits for the host.

    Parameters
    ----------
    latent : Tensor of float64, shape (n,)
        Latents in turns.
    x : Tensor, shape (n, dim)
        Realizations.
    weight : float
        The distortion is the sum of squared errors times this.
    """

    def __init__(self, latent: Tensor, x: Tensor, weight: float) -> None:
        order = torch.argsort(latent, stable=True)
        self.latent, self.weight = latent[order], weight
        self.prefix = torch.zeros(len(x) + 1, x.shape[1], dtype=torch.float64, device=x.device)
        if x.shape[1] < WIDE or not x.is_cpu:
            torch.cumsum(x[order], 0, dtype=torch.float64, out=self.prefix[1:])
        else:  # cumsum goes column by column, which takes five times as long: to the same bits
            rows, sums = x.numpy(), self.prefix.numpy()
            for i, place in enumerate(order.numpy()):
                np.add(sums[i], rows[place], out=sums[i + 1])
        self.energy = x.double().square().sum(1).mean()

    def sums(self, cells: EqualCells) -> tuple[Tensor, Tensor]:
        """Number of realizations and sum of them for each cell, shapes (K,) and (K, dim)."""
        k = torch.arange(cells.number, dtype=torch.float64, device=self.latent.device)
        starts = torch.remainder((k - cells.offset) / cells.number, 1.0).sort().values
        first = torch.searchsorted(self.latent, starts)
        counts = torch.diff(first, append=first[:1] + len(self.latent)).double()
        at = self.prefix[first]
        sums = torch.diff(at, dim=0, append=at[:1] + self.prefix[-1:])
        turn = math.ceil(cells.offset)  # with an offset, cell 0 begins before 0 turns, and so comes last
        return counts.roll(turn), sums.roll(turn, 0)

    def with_means(self, cells: EqualCells) -> tuple[Tensor, Tensor]:
        """Entropy and distortion when means are the reconstructions; both without the bias of a finite sample."""
        counts, sums = self.sums(cells)
        total, used = float(len(self.latent)), (counts > 0).sum()
        p = counts / total
        entropy = ((used - 1) / (2.0 * total) - torch.xlogy(p, p).sum()) / math.log(2.0)
        within = self.energy - (sums.square().sum(1) / counts.clamp(min=1.0)).sum() / total
        return entropy, self.weight * within.clamp(min=0.0) * total / (total - used).clamp(min=1.0)

    def with_decoder(self, cells: EqualCells, decode: Callable[[EqualCells], Tensor]) -> tuple[float, Tensor]:
        """Rate log₂ K, and the distortion with these reconstructions."""
        counts, sums = self.sums(cells)
        reconstructions = decode(cells)
        cross = 2.0 * (sums * reconstructions).sum() - counts @ reconstructions.square().sum(1)
        return math.log2(cells.number), self.weight * (self.energy - cross / len(self.latent))


def choose(
    data: SortedRealizations,
    lmbda: float,
    near: float,
    decode: Callable[[EqualCells], Tensor] | None = None,
    *,
    counted: bool = True,
    share: Callable[[EqualCells], Tensor] | None = None,
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
        Reconstructions of cells in float64, (K, dim); by default their means.
    counted : bool
        Whether the rate of cells that are decoded to their means is their entropy, as code lengths that fit them have
        it; else it is log₂ K.
    share : callable, optional
        Probabilities of cells, (K,), of which code lengths are made. The rate of these lengths counts then.

    Returns
    -------
    EqualCells
    """

    def best_of(tried: list[EqualCells]) -> EqualCells:
        costs = []
        for cells in tried:
            rate, distortion = data.with_means(cells) if decode is None else data.with_decoder(cells, decode)
            if share is not None:
                rate = -data.sums(cells)[0] @ torch.log2(share(cells).clamp(min=1e-300)) / len(data.latent)
            costs.append((rate if counted or share is not None else math.log2(cells.number)) + lmbda * distortion)
        return tried[int(torch.stack(costs).argmin())]

    most = max(1, len(data.latent) // LEAST)
    ends = np.log(np.clip([0.25 * near, 16.0 * near], 1.0, most))
    counts = {round(math.exp(value)) for value in np.arange(ends[0], ends[1] + math.log(RATIO), math.log(RATIO))}
    counts = {min(max(count, 1), most) for count in counts}
    best = best_of([EqualCells(count, 0.0) for count in sorted(counts)])
    nearby = range(max(1, best.number - NEAR), min(most, best.number + NEAR) + 1)
    offsets = {count: max(OFFSETS, FINE // count) if count <= FEW else 1 for count in nearby}
    tried = [EqualCells(count, i / places) for count, places in offsets.items() for i in range(places)]
    return best_of([best, *tried])

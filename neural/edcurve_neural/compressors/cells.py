"""The cells that a circular latent is quantised into: their number and offset with the least loss on realizations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

OFFSETS = 8  # least number of offsets that are tried
FINE = 256  # least number of boundary positions in a turn that are tried
FEW = 64  # largest number of cells for which several offsets are tried
RATIO = 1.08  # of successive numbers of cells in the first, coarse search
NEAR = 12  # numbers on either side of the best of these, tried in the second search
WIDE = 128  # coordinates from which prefix sums are computed row by row
LEAST = 4  # smallest mean number of realizations in a cell


class EqualCells(NamedTuple):
    """K equal cells of the circle; cell k begins at (k − offset)/K turns."""

    number: int
    offset: float


class SortedRealizations:
    """Realizations sorted by latent, with prefix sums: the sums over any cells only need a search for their boundaries.

    Everything is computed on the device of the realizations, without waiting for the host.

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
        else:  # cumsum goes column by column, which gives the same bits and takes five times as long
            rows, sums = x.numpy(), self.prefix.numpy()
            for i, place in enumerate(order.numpy()):
                np.add(sums[i], rows[place], out=sums[i + 1])
        self.energy = x.double().square().sum(1).mean()

    def sums(self, cells: EqualCells) -> tuple[Tensor, Tensor]:
        """Number and sum of the realizations in each cell, shapes (K,) and (K, dim)."""
        k = torch.arange(cells.number, dtype=torch.float64, device=self.latent.device)
        starts = torch.remainder((k - cells.offset) / cells.number, 1.0).sort().values
        first = torch.searchsorted(self.latent, starts)
        counts = torch.diff(first, append=first[:1] + len(self.latent)).double()
        prefix = self.prefix[first]
        sums = torch.diff(prefix, dim=0, append=prefix[:1] + self.prefix[-1:])
        shift = math.ceil(cells.offset)  # with an offset, cell 0 begins just below one turn, and is sorted last
        return counts.roll(shift), sums.roll(shift, 0)

    def with_means(self, cells: EqualCells) -> tuple[Tensor, Tensor]:
        """Entropy and distortion with cell means as reconstructions, both corrected for the bias of a finite sample."""
        counts, sums = self.sums(cells)
        total, occupied = float(len(self.latent)), (counts > 0).sum()
        p = counts / total
        entropy = ((occupied - 1) / (2.0 * total) - torch.xlogy(p, p).sum()) / math.log(2.0)
        within = self.energy - (sums.square().sum(1) / counts.clamp(min=1.0)).sum() / total
        return entropy, self.weight * within.clamp(min=0.0) * total / (total - occupied).clamp(min=1.0)

    def with_decoder(self, cells: EqualCells, decode: Callable[[EqualCells], Tensor]) -> tuple[float, Tensor]:
        """Rate log₂ K, and the distortion with the reconstructions of a decoder."""
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
    """The cells with the least rate + λ · distortion on realizations.

    Parameters
    ----------
    data : SortedRealizations
        Realizations with their latents.
    lmbda : float
        λ in bits per unit distortion.
    near : float
        Number of cells at the end of training. Numbers from a quarter of it to sixteen times it are tried.
    decode : callable, optional
        Reconstructions of cells in float64, (K, dim); by default their means.
    counted : bool
        Whether the rate of cells decoded to their means is their entropy, that of ideal code lengths; else it is
        log₂ K.
    share : callable, optional
        The entropy model's probabilities of cells, (K,). If given, the rate is the mean code length under them.

    Returns
    -------
    EqualCells
    """

    def best_of(candidates: list[EqualCells]) -> EqualCells:
        costs = []
        for cells in candidates:
            rate, distortion = data.with_means(cells) if decode is None else data.with_decoder(cells, decode)
            if share is not None:
                rate = -data.sums(cells)[0] @ torch.log2(share(cells).clamp(min=1e-300)) / len(data.latent)
            costs.append((rate if counted or share is not None else math.log2(cells.number)) + lmbda * distortion)
        return candidates[int(torch.stack(costs).argmin())]

    most = max(1, len(data.latent) // LEAST)
    ends = np.log(np.clip([0.25 * near, 16.0 * near], 1.0, most))
    counts = {round(math.exp(value)) for value in np.arange(ends[0], ends[1] + math.log(RATIO), math.log(RATIO))}
    counts = {min(max(count, 1), most) for count in counts}
    best = best_of([EqualCells(count, 0.0) for count in sorted(counts)])
    nearby = range(max(1, best.number - NEAR), min(most, best.number + NEAR) + 1)
    offsets = {count: max(OFFSETS, FINE // count) if count <= FEW else 1 for count in nearby}
    candidates = [EqualCells(count, i / steps) for count, steps in offsets.items() for i in range(steps)]
    return best_of([best, *candidates])

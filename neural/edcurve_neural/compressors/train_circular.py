"""Training of compressors with a circular latent.

Noise that is uniform on a cell of 1/K turns replaces quantisation, and the loss is log₂ K + λ · distortion: on a
homogeneous loop, K equal cells attain this. The number K is trained like any other parameter. The final cells are
chosen by the loss on realizations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from edcurve_neural import learning_phases, random_streams
from edcurve_neural.optimisation.program import Cost, Program
from edcurve_neural.optimisation.settings import Settings
from edcurve_neural.signals import signal

from .base import EMBEDDINGS, Compressor, Kind
from .cells import LEAST, EqualCells, SortedRealizations, choose
from .circular import (
    FAST,
    Circular,
    histogram,
    initial,
    latents,
    layout,
    layout_of,
    probabilities,
    restored,
    series,
    series_error,
    waves,
)
from .codebook import LEARNED_FROM, WithTables, tabled
from .last_layer import solved

STARTED_FROM = 4096  # realizations
COMPONENTS = 6  # principal components whose pairs are tried
DENSE = 1024  # coordinates up to which the covariance matrix is formed
RIDGE = 1e-4  # of the first series, relative to the number of realizations
CHOSEN_FROM = 2**14  # realizations
CHOSEN_NUMBERS = 2**25  # most numbers in these realizations


class SeriesProgram(Program[Compressor]):
    """`Circular` compressors side by side, whose analysis, series and number of cells are trained together."""

    centred: ClassVar[bool] = True  # whether measured points may be moved for training
    for_means: ClassVar[bool] = False  # whether cells are chosen with their means as codewords, not the series
    coded: ClassVar[bool] = False  # whether cells are chosen by their code lengths under the entropy model
    counted: ClassVar[bool] = False  # whether cells are chosen by their entropy, not by log₂ K

    def __init__(self, configs: Sequence[Settings], device: torch.device | str = "cpu") -> None:
        first = configs[0]
        self._drawn: tuple[tuple[int, int | None], Tensor, Tensor] | None = None
        self.signal = signal(first.source, first.samples or 2).for_training(centred=self.centred)
        self.layout = layout(self.signal.dim, first.hidden)
        keys = torch.tensor([random_streams.key(config.seed, "weights") for config in configs])
        flat = initial(self.layout, keys)
        starts: dict[tuple[int, int | None], Start] = {}  # models that see the same phases differ only by λ
        for i, config in enumerate(configs):
            if config.start == "data":
                phases = config.seed, config.train_size
                if phases not in starts:
                    v = learning_phases.phases(config, "start", STARTED_FROM)
                    x = self.signal.sample(v)[0].double()
                    starts[phases] = Start(v, x, loops_of_components(x.numpy()))
                self._start(config, starts[phases], self.layout.views(flat[i : i + 1]))
        super().__init__(configs, flat.to(device))

    def _start(self, config: Settings, start: Start, views: dict[str, Tensor]) -> None:
        """The skip as two principal components, the series as its fit; the hidden layers add nothing at first."""
        views["skip"].copy_(torch.from_numpy(start.loops.best(config.lmbda * self.signal.weight)))
        views[f"analysis.{len(config.hidden)}"].zero_()
        factors, x = waves(latents(self.signal, start.phases, views))[0].double(), start.x
        gram = factors @ factors.T / len(x) + RIDGE * torch.eye(len(factors), dtype=torch.float64)
        views["series"].copy_(torch.linalg.solve(gram, factors @ x / len(x)) / FAST)

    def preview(self, i: int) -> Circular:
        """The compressor with the series and the current number of cells."""
        number = float(torch.exp(FAST * self.layout.views(self.flat)["cells"][i].double()))
        cells = EqualCells(round(number) if 1.0 <= number < 2**20 else 1, 0.0)
        return self._with_cells(i, cells, learned_from=STARTED_FROM)

    def compressor(self, i: int) -> Compressor:
        """The compressor with the best cells for realizations, with a series that is solved for if so configured."""
        model = self._with_cells(i, self._best_cells(i))
        return solved(model, self.configs[i]) if self.configs[i].last_layer == "solved" else model

    @property
    def stage(self) -> str:
        """All steps are the same computation."""
        return "transforms"

    def update(self) -> Cost:
        """One step of the transforms."""
        batch = self.configs[0].batch_size
        numbers = self.uniform(2 * batch)
        v, noise = self.phases(numbers[:, :batch]), numbers[:, batch:] - 0.5
        with torch.enable_grad():
            leaf = self.flat.detach().requires_grad_()
            views = self.layout.views(leaf)
            log_cells = (FAST * views["cells"]).clamp(min=0.0)
            noisy = latents(self.signal, v, views) + noise * torch.exp(-log_cells).unsqueeze(1)
            error = series_error(self.signal, v, views["series"], noisy).mean(1)
            cost = Cost(log_cells / math.log(2.0), self.signal.weight * error)
            torch.autograd.backward((cost.rate + self.lmbda * cost.distortion).sum())
        self._apply(leaf)
        return Cost(cost.rate.detach(), cost.distortion.detach())

    @torch.no_grad()
    def _apply(self, leaf: Tensor) -> None:
        assert leaf.grad is not None
        self.gradient.copy_(leaf.grad)
        self.adam.update()

    @torch.no_grad()
    def _best_cells(self, i: int) -> EqualCells:
        """The best cells of one model, with its own series or with cell means as codewords."""
        config, flat = self.configs[i], self.flat[i : i + 1]
        views = self.layout.views(flat)
        near = float(torch.exp(FAST * views["cells"].double()))
        if not bool(torch.isfinite(flat).all()):
            return EqualCells(1, 0.0)
        v, x = self._realizations(config)
        latent = latents(self.signal, v, views)[0].double()
        realizations = SortedRealizations(latent, x, self.signal.weight)

        def decode(cells: EqualCells) -> Tensor:
            return series(views["series"], _middles(cells, flat.device)[None])[0].double()

        for_means = self.for_means or config.last_layer == "solved"
        density = histogram(latent.view(1, -1))

        def share(cells: EqualCells) -> Tensor:
            return probabilities(density, cells.number, cells.offset)

        return choose(
            realizations,
            config.lmbda,
            near,
            None if for_means else decode,
            counted=self.counted,
            share=share if self.coded else None,
        )

    def _realizations(self, config: Settings) -> tuple[Tensor, Tensor]:
        """Phases (1, n) and realizations from which cells are chosen, drawn once for models that differ only by λ."""
        phases = config.seed, config.train_size
        if self._drawn is None or self._drawn[0] != phases:
            v = learning_phases.phases(config, "cells", min(CHOSEN_FROM, CHOSEN_NUMBERS // self.signal.dim))
            v = v.to(self.flat.device)
            self._drawn = phases, v, self.signal.sample(v)[0]
        return self._drawn[1:]

    @torch.no_grad()
    def _with_cells(self, i: int, cells: EqualCells, *, learned_from: int = LEARNED_FROM) -> Circular:
        """The compressor of one model with these cells, for realizations before the scaling for training."""
        config, flat = self.configs[i], self.flat[i : i + 1].detach().clone()
        v = learning_phases.phases(config, "codebook", learned_from).to(flat.device)
        views = self.layout.views(flat)
        density = histogram(latents(self.signal, v, views))
        self.signal.restore_inputs(views["analysis.0"])
        self.signal.restore_inputs(views["skip"])
        self.signal.restore_outputs(views["series"], views["series"][:, 0], FAST)
        return Circular(
            config.source,
            config.hidden,
            flat,
            density=density,
            cells=cells.number,
            offset=cells.offset,
            samples=config.samples or 2,
        )


class SeriesTableProgram(WithTables, SeriesProgram):
    """`Circular` compressors side by side that get tables at the end: codewords are cell means."""

    for_means = counted = True


_UNUSED = ("latent_dim", "likelihood", *EMBEDDINGS)
SERIES = Kind(SeriesProgram, layout_of, restored, unused=_UNUSED, circular=True)
TABLE = tabled(SERIES, SeriesTableProgram)


def _middles(cells: EqualCells, device: torch.device | str = "cpu") -> Tensor:
    """Latents in the middle of each cell, in turns."""
    return torch.remainder((torch.arange(cells.number, device=device) + (0.5 - cells.offset)) / cells.number, 1.0)


class Loops(NamedTuple):
    """Pairs of principal components, with rate and distortion of equal cells of their angles.

    Attributes
    ----------
    maps : ndarray, shape (pairs, 2, dim + 1)
        Affine maps to components of unit variance and mean 0, biases in the last column.
    rate, distortion : ndarray, shape (pairs, numbers of cells)
        Entropy in bits, and the sum of squared errors.
    """

    maps: NDArray[np.float64]
    rate: NDArray[np.float64]
    distortion: NDArray[np.float64]

    def best(self, lmbda: float) -> NDArray[np.float64]:
        """The pair for λ in bits per unit of the sum of squared errors.

        A pair that winds twice where another winds once is good for low λ, and useless for high λ.
        """
        best: NDArray[np.float64] = self.maps[np.argmin((self.rate + lmbda * self.distortion).min(axis=1))]
        return best


class Start(NamedTuple):
    """The start of the models of one seed: phases, shape (1, n), their realizations, and loops of these."""

    phases: Tensor
    x: Tensor
    loops: Loops


def loops_of_components(x: NDArray[np.float64]) -> Loops:
    """The pairs of the largest principal components of realizations of shape (n, dim)."""
    mean, dim = x.mean(axis=0), x.shape[1]
    centred = x - mean
    variance, vectors = _principal(centred)
    kept = variance > 1e-9 * variance[-1]
    rows = (vectors[:, kept] / np.sqrt(variance[kept])).T[::-1]
    if len(rows) < 2:  # realizations on a line: a row of zeros completes the plane
        rows = np.concatenate([rows, np.zeros((2 - len(rows), dim))])
    scores = rows @ centred.T
    counts = 2 ** np.arange(int(math.log2(max(len(x) // LEAST, 1))) + 1)
    maps, codes = list[NDArray[np.float64]](), list[list[list[float]]]()
    for first, second in combinations(range(len(rows)), 2):
        turns = np.remainder(np.arctan2(scores[second], scores[first]) / (2.0 * np.pi), 1.0)
        realizations = SortedRealizations(torch.from_numpy(turns), torch.from_numpy(centred), 1.0)
        codes.append([torch.stack(realizations.with_means(EqualCells(int(count), 0.0))).tolist() for count in counts])
        pair = rows[[first, second]]
        maps.append(np.concatenate([pair, -(pair @ mean)[:, None]], axis=1))
    rate, distortion = np.moveaxis(np.array(codes), 2, 0)
    return Loops(np.array(maps), rate, distortion)


def _principal(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Largest variances of realizations of mean 0, ascending, and their directions as columns."""
    count, dim = x.shape
    if dim <= DENSE:
        return eigh(x.T @ x / count, subset_by_index=[max(0, dim - COMPONENTS), dim - 1])
    start = x[np.argmax(np.square(x).sum(axis=1))]
    if not start.any():
        return np.zeros(1), np.zeros((dim, 1))
    covariance = LinearOperator((dim, dim), matvec=lambda a: x.T @ (x @ a) / count, dtype=x.dtype)
    return eigsh(covariance, COMPONENTS, v0=start)

"""Training of compressors with a circular latent.

While noise that is uniform on a cell of 1/K turns stands for quantisation, the loss is log₂ K + λ · distortion: on a
homogeneous loop, what K equal cells attain. The number K is trained like any other parameter; the cells that
are used in the end are chosen for realizations.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from edcurve_neural import learning_phases, random_streams
from edcurve_neural.config import Config
from edcurve_neural.optimisation import schedules
from edcurve_neural.optimisation.program import Program
from edcurve_neural.signals import Measured, signal, trained_on

from .cells import LEAST, Cells, Sorted, choose
from .circular import FAST, Circular, cell, field, histogram, initial, latents, layout, series, series_error, waves
from .codebook import LEARNED_FROM, Codebook, cell_means, with_codebook
from .objective import Cost

STARTED_FROM = 4096  # realizations
COMPONENTS = 6  # of which pairs are tried
DENSE = 1024  # coordinates, up to which all components are found
RIDGE = 1e-4  # of the first series, relative to the number of realizations
CHOSEN_FROM = 2**14  # realizations
PAIRS = 2**13  # of a cell and a place in each step of the network


class CircularProgram(Program):
    """`Circular` side by side: analysis, series and number of cells together; then, if asked for, the network."""

    def __init__(self, configs: Sequence[Config], device: torch.device | str = "cpu") -> None:
        first = configs[0]
        self.signal = trained_on(signal(first.source, first.samples or 2), centred=not first.field)
        self.layout = layout(self.signal.dim, first.hidden)
        keys = torch.tensor([random_streams.key(config.seed, "weights") for config in configs])
        flat = initial(self.layout, keys)
        for i, config in enumerate(configs):
            if config.start == "data":
                self._start(config, self.layout.views(flat[i : i + 1]))
        super().__init__(configs, flat.to(device))
        self._table: _Table | None = None

    def _start(self, config: Config, views: dict[str, Tensor]) -> None:
        """The skip as two principal components, the series as its fit; the hidden layers add nothing at first."""
        v = learning_phases.phases(config, "start", STARTED_FROM)
        rows = loop_of_components(self.signal.sample(v)[0].double().numpy(), config.lmbda * self.signal.weight)
        views["skip"].copy_(torch.from_numpy(rows))
        views[f"analysis.{len(config.hidden)}"].zero_()
        factors = waves(latents(self.signal, v, views))[0].double()
        x = self.signal.sample(v)[0].double()
        gram = factors @ factors.T / len(x) + RIDGE * torch.eye(len(factors), dtype=torch.float64)
        views["series"].copy_(torch.linalg.solve(gram, factors @ x / len(x)) / FAST)

    def preview(self, i: int) -> Circular:
        """The compressor with the number of cells that training is at."""
        number = float(torch.exp(FAST * self.layout.views(self.flat)["cells"][i].double()))
        cells = Cells(round(number) if 1.0 <= number < 2**20 else 1, 0.0)
        return self._select(i, cells, field=False, learned_from=STARTED_FROM)

    @property
    def switch(self) -> int:
        """Step from which on the network is trained, and nothing else."""
        return (self.steps + 1) // 2 if self.configs[0].field else self.steps

    def update(self) -> Cost:
        """One step of the transforms or, from `switch` on, of the network."""
        if self.done < self.switch:
            return self._transforms()
        if self.done == self.switch:
            self.adam.mean.zero_()  # so that what is not trained any more stays as it is
            self.adam.square.zero_()
        if self._table is None:
            self._table = self._targets()
        return self._network(self._table)

    def coder(self, i: int) -> Circular | Codebook:
        """The compressor with the best cells for realizations."""
        cells = self._partition(i) if self._table is None else self._table.parts[i]
        model = self._select(i, cells, field=self.configs[i].field)
        return with_codebook(model, self.configs[i]) if self.configs[i].tabled else model

    def _transforms(self) -> Cost:
        batch = self.configs[0].batch_size
        numbers = random_streams.uniform(self._keys, self.done, 2 * batch)
        v, noise = self.phases(numbers[:, :batch]), numbers[:, batch:] - 0.5
        with torch.enable_grad():
            leaf = self.flat.detach().requires_grad_()
            views = self.layout.views(leaf)
            log_cells = (FAST * views["cells"]).clamp(min=0.0)
            noisy = latents(self.signal, v, views) + noise * torch.exp(-log_cells).unsqueeze(1)
            error = series_error(self.signal, v, views["series"], noisy).mean(1)
            found = Cost(log_cells / math.log(2.0), self.signal.weight * error)
            torch.autograd.backward((found.rate + self.lmbda * found.distortion).sum())
        self._apply(leaf, schedules.learning_rate(self.done, self.switch))
        return Cost(found.rate.detach(), found.distortion.detach())

    def _network(self, table: _Table) -> Cost:
        """One step towards the means of the cells, from some cells and places."""
        numbers = random_streams.uniform(self._keys, self.done, 2 * PAIRS)
        which = (numbers[:, :PAIRS] * table.cells).long()
        place = (numbers[:, PAIRS:] * self.signal.dim).long()
        rows = torch.arange(len(self.configs), device=which.device).unsqueeze(1)
        target, latent = table.means[rows, which, place], table.middles.gather(1, which)
        with torch.enable_grad():
            leaf = self.flat.detach().requires_grad_()
            found = field(self.layout.views(leaf), latent, place.to(latent.dtype) / self.signal.dim)
            error = (found - target).square().mean(1)
            unit = self.signal.weight if isinstance(self.signal, Measured) else 1.0
            torch.autograd.backward((unit * self.lmbda * error).sum())
        after = (self.done - self.switch) / (self.steps - self.switch)
        self._apply(leaf, FAST * 0.5 * (1.0 + math.cos(math.pi * after)))
        rate = torch.log2(table.cells[:, 0].to(error.dtype))
        return Cost(rate, table.distortion + self.signal.weight * self.signal.dim * error.detach())

    @torch.no_grad()
    def _apply(self, leaf: Tensor, factor: float) -> None:
        assert leaf.grad is not None
        self.gradient.copy_(leaf.grad)
        self.adam.update(factor)

    @torch.no_grad()
    def _partition(self, i: int) -> Cells:
        """The best cells of one model, for its own series or, where others decode, for means."""
        config, flat = self.configs[i], self.flat[i : i + 1]
        views = self.layout.views(flat)
        near = float(torch.exp(FAST * views["cells"].double()))
        if not bool(torch.isfinite(flat).all()):
            return Cells(1, 0.0)
        v = learning_phases.phases(config, "cells", CHOSEN_FROM)
        latent = latents(self.signal, v.to(flat.device), views)[0].double().cpu().numpy()
        data = Sorted(latent, self.signal.sample(v)[0].numpy(), self.signal.weight)

        def decode(cells: Cells) -> NDArray[np.float64]:
            found = series(views["series"], _middles(cells).to(flat)[None])[0]
            return np.asarray(found.double().cpu())

        return choose(data, config.lmbda, near, None if config.tabled or config.field else decode)

    @torch.no_grad()
    def _select(self, i: int, cells: Cells, *, field: bool, learned_from: int = LEARNED_FROM) -> Circular:
        config, flat = self.configs[i], self.flat[i : i + 1].detach().clone()
        v = learning_phases.phases(config, "codebook", learned_from).to(flat.device)
        views = self.layout.views(flat)
        density = histogram(latents(self.signal, v, views))
        if isinstance(self.signal, Measured):
            self.signal.restore_inputs(views["analysis.0"])
            self.signal.restore_inputs(views["skip"])
            self.signal.restore_outputs(views["field.last"])
            self.signal.restore_outputs(views["series"], views["series"][:, 0], FAST)
        return Circular(
            config.source,
            config.hidden,
            flat,
            density=density,
            cells=cells.number,
            offset=cells.offset,
            field=field,
            samples=config.samples or 2,
        )

    @torch.no_grad()
    def _targets(self) -> _Table:
        """Cells of all models, and means of realizations in them."""
        parts = [self._partition(i) for i in range(len(self.configs))]
        found = [self._means(i, cells) for i, cells in enumerate(parts)]
        most = max(cells.number for cells in parts)
        means = torch.zeros(len(parts), most, self.signal.dim)
        middles = torch.zeros(len(parts), most)
        for i, cells in enumerate(parts):
            means[i, : cells.number] = found[i][0]
            middles[i, : cells.number] = _middles(cells)
        device = self.flat.device
        return _Table(
            parts,
            torch.tensor([[cells.number] for cells in parts], device=device),
            means.to(device),
            middles.to(device),
            torch.tensor([distortion for _, distortion in found], device=device),
        )

    def _means(self, i: int, cells: Cells) -> tuple[Tensor, float]:
        """Means of the cells, of the series where there are no realizations, and the distortion with them."""
        views, v = (
            self.layout.views(self.flat[i : i + 1]),
            learning_phases.phases(self.configs[i], "codebook", LEARNED_FROM),
        )
        latent = latents(self.signal, v.to(self.flat.device), views)[0].cpu()
        means, counts = cell_means(self.signal, v[0], cell(latent, *cells), cells.number)
        replaced = series(views["series"], _middles(cells).to(self.flat)[None])[0].double().cpu()
        means = torch.where(counts[:, None] > 0, means, replaced)
        within = self.signal.energy(v).double().mean() - (counts / len(v[0])) @ means.square().sum(1)
        return means, self.signal.weight * float(within)


class _Table(NamedTuple):
    """What the network is to learn: means of cells, padded to one number of cells."""

    parts: list[Cells]
    cells: Tensor
    means: Tensor
    middles: Tensor
    distortion: Tensor


def _middles(cells: Cells) -> Tensor:
    return torch.remainder((torch.arange(cells.number) + (0.5 - cells.offset)) / cells.number, 1.0)


def loop_of_components(x: NDArray[np.float64], lmbda: float) -> NDArray[np.float64]:
    """The pair of principal components whose angle, cut into equal cells, makes the best code of realizations.

    A pair that winds twice where another winds once is good for low λ, and useless for high λ.

    Parameters
    ----------
    x : ndarray, shape (n, dim)
        Realizations.
    lmbda : float
        λ in bits per unit of the sum of squared errors.

    Returns
    -------
    ndarray, shape (2, dim + 1)
        Rows that give components of unit variance, and in the last column minus what they give of the mean.
    """
    mean, dim = x.mean(axis=0), x.shape[1]
    centred = x - mean
    variance, vectors = _principal(centred)
    kept = variance > 1e-9 * variance[-1]
    rows = (vectors[:, kept] / np.sqrt(variance[kept])).T[::-1]
    if len(rows) < 2:  # a line: its angle is that of points beside it
        rows = np.concatenate([rows, np.zeros((2 - len(rows), dim))])
    scores = rows @ centred.T
    counts = 2 ** np.arange(int(math.log2(max(len(x) // LEAST, 1))) + 1)

    def cost(pair: Iterable[int]) -> float:
        first, second = pair
        turns = np.remainder(np.arctan2(scores[second], scores[first]) / (2.0 * np.pi), 1.0)
        data = Sorted(turns, centred, 1.0)
        found = [data.with_means(Cells(int(count), 0.0)) for count in counts]
        return float(min(rate + lmbda * distortion for rate, distortion in found))

    best = rows[list(min(combinations(range(len(rows)), 2), key=cost))]
    return np.concatenate([best, -(best @ mean)[:, None]], axis=1)


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

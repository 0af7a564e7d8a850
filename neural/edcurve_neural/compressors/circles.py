"""`Circles`: a compressor whose latents are angles, one circle each, so that a torus need not be cut open.

The analysis ends in a plane for each latent. The angle there, in turns, is quantised modulo one into Kᵢ equal cells.
In training, noise that is uniform on a cell replaces quantisation, and the loss is Σ log₂ Kᵢ + λ · distortion. The
synthesis is a network of the cosines and sines of the angles, with a linear path past its hidden layers. Latents are
quantised and coded separately: cells on a torus are squares, where hexagons would be better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise, product

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from edcurve_neural import learning_phases, random_streams
from edcurve_neural.optimisation.program import Cost, Program
from edcurve_neural.optimisation.settings import Settings
from edcurve_neural.signals import signal

from .base import EMBEDDINGS, Compressor, Kind, Layout, ProbabilityTable
from .circular import BINS, FAST, FIRST_CELLS, MOST_CELLS, cell, histogram, probabilities
from .codebook import LEARNED_FROM
from .ntc import SLOPE, mlp

WAVES = 2  # harmonics of an angle that the synthesis sees
FRAMES = 32  # random candidates for the first planes, and perturbations of the best in each round
ROUNDS = 8
STARTED_FROM = 4096  # realizations
FIRST = 6  # most cells of each circle with which planes are compared
CHOSEN_FROM = 2**14  # realizations
MOST_TRIED = 6  # circles up to which one cell more and one less of each is tried


class Circles:
    """A trained compressor with circular latents, one model.

    Parameters
    ----------
    config : Settings
        Source, latents and widths.
    flat : Tensor, shape (1, parameters)
        Parameters, as `layout_of` arranges them.
    densities : Tensor of float64, shape (latents, bins)
        Density of each latent in equal bins, relative to a uniform one: the entropy models.
    cells : Tensor of int64, shape (latents,)
        Numbers of cells.
    """

    unbounded = False  # only Kᵢ cells

    def __init__(self, config: Settings, flat: Tensor, densities: Tensor, cells: Tensor) -> None:
        self.signal, self.layout = signal(config.source, config.samples or 2), layout_of(config)
        self.flat, self.densities, self.cells = flat, densities, cells

    @property
    def rank(self) -> int:
        """Inputs of the last layer: they bound the dimension of the affine hull of reconstructions."""
        last: int = list(self.layout.shapes.values())[-2][1] - 1
        return last

    @property
    def finite(self) -> bool:
        """Whether all parameters are finite."""
        return bool(torch.isfinite(self.flat).all())

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """Indices of realizations, (1, batch, dim) to (1, batch, latents)."""
        latent = latents(x.transpose(1, 2), self.layout.views(self.flat))
        return torch.stack([cell(latent[:, i], int(K), 0.0) for i, K in enumerate(self.cells)], dim=2)

    def encode_phase(self, v: Tensor) -> Tensor:
        """Indices of phases of shape (1, batch)."""
        return self.encode(self.signal.sample(v))

    @torch.no_grad()
    def decode(self, indices: Tensor) -> Tensor:
        """Reconstructions of indices, (1, batch, latents) to (1, batch, dim)."""
        return synthesis(self._middles(indices), self.layout.views(self.flat)).transpose(1, 2)

    @torch.no_grad()
    def features(self, indices: Tensor) -> Tensor:
        """Inputs of the last layer: hidden units, cosines and sines, and a one."""
        return before_last(self._middles(indices), self.layout.views(self.flat)).transpose(1, 2)

    def rate(self, indices: Tensor) -> Tensor:
        """Bits, (1, batch, latents) to (1, batch)."""
        return sum((-torch.log2(p)[indices[..., i]] for i, p in enumerate(self._probabilities)), torch.zeros(()))

    def tables(self) -> list[ProbabilityTable]:
        """The entropy models: the probabilities of the cells of each circle."""
        return [ProbabilityTable(0, p.cpu().numpy()) for p in self._probabilities]

    def state(self) -> dict[str, Tensor]:
        """Parameters by name, with densities and numbers of cells."""
        return {**self.layout.named(self.flat), "densities": self.densities, "partition": self.cells}

    @cached_property
    def _probabilities(self) -> list[Tensor]:
        return [probabilities(part, int(K), 0.0) for part, K in zip(self.densities, self.cells, strict=True)]

    def _middles(self, indices: Tensor) -> Tensor:
        """Latents in the middle of cells, in turns, (1, latents, batch)."""
        return ((indices.to(self.flat.dtype) + 0.5) / self.cells.to(self.flat)).transpose(1, 2)

    def __repr__(self) -> str:
        return f"Circles({self.signal.name!r}, cells={self.cells.tolist()})"


def layout_of(config: Settings) -> Layout:
    """Layout of the parameters; biases are in the last column of affine maps of shape (fan out, fan in + 1).

    "skip" is a linear path past the hidden layers of the analysis; "cells" is log Kᵢ, divided by `FAST`.
    """
    dim, planes = signal(config.source, config.samples or 2).dim, 2 * config.latent_dim
    inputs = WAVES * planes
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (fan_in, fan_out) in enumerate(pairwise((dim, *config.hidden, planes))):
        shapes[f"analysis.{i}"] = (fan_out, fan_in + 1)
    shapes["skip"] = (planes, dim + 1)
    widths = (inputs, *config.hidden[::-1])
    for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
        shapes[f"synthesis.{i}"] = (fan_out, fan_in + 1)
    shapes["last"] = (dim, widths[-1] + inputs + 1)
    shapes["cells"] = (config.latent_dim,)
    return Layout(shapes)


def latents(x: Tensor, views: dict[str, Tensor]) -> Tensor:
    """Angles in turns of realizations: (models, dim, batch) to (models, latents, batch)."""
    skip = views["skip"]
    y = mlp(x, _layers(views, "analysis")) + torch.baddbmm(skip[:, :, -1:], skip[:, :, :-1], x)
    return torch.remainder(torch.atan2(y[:, 1::2], y[:, ::2]) / (2.0 * math.pi), 1.0)


def before_last(latent: Tensor, views: dict[str, Tensor]) -> Tensor:
    """Inputs of the last layer of the synthesis: hidden units, cosines and sines, and a one."""
    angles = [(2.0 * math.pi * k) * latent for k in range(1, WAVES + 1)]
    waves = torch.cat([part for angle in angles for part in (torch.cos(angle), torch.sin(angle))], dim=1)
    hidden = leaky_relu(mlp(waves, _layers(views, "synthesis")), SLOPE)
    return torch.cat([hidden, waves, torch.ones_like(waves[:, :1])], dim=1)


def synthesis(latent: Tensor, views: dict[str, Tensor]) -> Tensor:
    """Reconstructions from latents in turns: (models, latents, batch) to (models, dim, batch)."""
    return torch.bmm(views["last"], before_last(latent, views))


def _layers(views: dict[str, Tensor], name: str) -> list[Tensor]:
    return [view for key, view in views.items() if key.startswith(name)]


class CirclesProgram(Program[Compressor]):
    """`Circles` compressors side by side, whose transforms and numbers of cells are trained together."""

    def __init__(self, configs: Sequence[Settings], device: torch.device | str = "cpu") -> None:
        self.signal = signal(configs[0].source, configs[0].samples or 2)
        self.layout = layout_of(configs[0])
        keys = torch.tensor([random_streams.key(config.seed, "weights") for config in configs])
        flat = _initial(self.layout, keys)
        for i, config in enumerate(configs):
            if config.start == "data":
                self._start(config, self.layout.views(flat[i : i + 1]))
        super().__init__(configs, flat.to(device))

    @property
    def stage(self) -> str:
        """All steps are the same computation."""
        return "transforms"

    def update(self) -> Cost:
        """One step."""
        batch, circles = self.configs[0].batch_size, self.configs[0].latent_dim
        numbers = self.uniform(batch * (1 + circles))
        x = self.signal.sample(self.phases(numbers[:, :batch])).transpose(1, 2)
        noise = numbers[:, batch:].view(-1, circles, batch) - 0.5
        with torch.enable_grad():
            leaf = self.flat.detach().requires_grad_()
            views = self.layout.views(leaf)
            log_cells = (FAST * views["cells"]).clamp(min=0.0)
            noisy = latents(x, views) + noise * torch.exp(-log_cells).unsqueeze(2)
            error = (synthesis(noisy, views) - x).square().sum(1).mean(1)
            cost = Cost(log_cells.sum(1) / math.log(2.0), self.signal.weight * error)
            torch.autograd.backward((cost.rate + self.lmbda * cost.distortion).sum())
        assert leaf.grad is not None
        with torch.no_grad():
            self.gradient.copy_(leaf.grad)
            self.adam.update()
        return Cost(cost.rate.detach(), cost.distortion.detach())

    def preview(self, i: int) -> Circles:
        """The compressor with the current numbers of cells."""
        return self._with_cells(i, self._trained_cells(i), STARTED_FROM)

    @torch.no_grad()
    def compressor(self, i: int) -> Circles:
        """The compressor with the numbers of cells near the trained ones that have the least loss on realizations."""
        config, near = self.configs[i], self._trained_cells(i)
        v = learning_phases.phases(config, "cells", CHOSEN_FROM).to(self.flat.device)
        x = self.signal.sample(v)
        best, least = self._with_cells(i, near, LEARNED_FROM), math.inf
        moves = (-1, 0, 1) if len(near) <= MOST_TRIED else (0,)
        changes = torch.tensor(list(product(moves, repeat=len(near))), device=near.device)
        densities = best.densities
        for cells in torch.unique((near + changes).clamp(min=1), dim=0):
            candidate = Circles(config, best.flat, densities, cells)
            index = candidate.encode(x)
            error = self.signal.weight * (candidate.decode(index) - x).square().sum(2).mean()
            cost = float(candidate.rate(index).mean() + config.lmbda * error)
            if cost < least:
                best, least = candidate, cost
        return best

    def _trained_cells(self, i: int) -> Tensor:
        trained = torch.exp(FAST * self.layout.views(self.flat)["cells"][i].double())
        return torch.nan_to_num(trained, nan=1.0, posinf=1.0).round().clamp(1, 2**16).long()

    @torch.no_grad()
    def _with_cells(self, i: int, cells: Tensor, learned_from: int) -> Circles:
        config, flat = self.configs[i], self.flat[i : i + 1].detach().clone()
        v = learning_phases.phases(config, "codebook", learned_from).to(flat.device)
        latent = latents(self.signal.sample(v).transpose(1, 2), self.layout.views(flat)).nan_to_num(0.0)
        densities = torch.stack([histogram(latent[:, j]) for j in range(latent.shape[1])])
        return Circles(config, flat, densities, cells)

    @torch.no_grad()
    def _start(self, config: Settings, views: dict[str, Tensor]) -> None:
        """Set the skip to the best planes of a random search; the hidden layers add nothing at first.

        Planes are orthogonal in whitened coordinates, and `_spread` compares them. The synthesis begins as the linear
        fit to the cosines and sines.
        """
        x = self.signal.sample(learning_phases.phases(config, "start", STARTED_FROM))[0].double()
        mean = x.mean(0)
        _, values, directions = torch.linalg.svd(x - mean, full_matrices=False)
        kept = values > 1e-6 * values[0].clamp(min=1e-300)
        white = directions[kept] * (len(x) ** 0.5 / values[kept])[:, None]
        planes, width = 2 * config.latent_dim, int(kept.sum())
        best, least = torch.zeros(planes, width, dtype=torch.float64), math.inf
        for trial in range(1 + ROUNDS):
            draws = _normal(random_streams.key(config.seed, "planes"), trial, (FRAMES, planes, width))
            for frame in _orthonormal(draws if trial == 0 else best + 0.6**trial * draws):
                error = _spread(x - mean, white.T @ frame.T)
                if error < least:
                    best, least = frame, error
        best = best @ white
        views["skip"].copy_(torch.cat([best, -(best @ mean)[:, None]], dim=1)[None])
        views[f"analysis.{len(config.hidden)}"].zero_()
        inputs = before_last(latents(x.T[None].float(), views), views)[0].double()
        hidden = views["last"].shape[2] - WAVES * planes - 1
        waves = inputs[hidden:]
        gram = waves @ waves.T / len(x) + 1e-4 * torch.eye(len(waves), dtype=torch.float64)
        views["last"].zero_()
        views["last"][0, :, hidden:] = torch.linalg.solve(gram, waves @ x / len(x)).T.float()


def _orthonormal(frames: Tensor) -> Tensor:
    """The nearest frames with orthonormal rows, or orthonormal columns if there are more rows than columns."""
    left, _, right = torch.linalg.svd(frames, full_matrices=False)
    return torch.bmm(left, right)


def _normal(key: int, count: int, shape: tuple[int, ...]) -> Tensor:
    """Normal numbers in float64, by the Box–Muller transform."""
    numbers = random_streams.uniform(torch.tensor([key]), count, 2 * math.prod(shape)).double().view(2, *shape)
    return torch.sqrt(-2.0 * torch.log1p(-numbers[0])) * torch.cos((2.0 * math.pi) * numbers[1])


def _spread(x: Tensor, maps: Tensor) -> float:
    """How badly cells that are products of equal arcs of angles represent realizations (n, dim): log D + 2H/latents.

    D is the squared error from cell means, H the entropy in nats: cells of one shape score the same at any size.
    """
    y = x @ maps
    circles = y.shape[1] // 2
    cells = max(2, min(FIRST, math.floor((len(x) / 8.0) ** (1.0 / circles))))
    turns = torch.remainder(torch.atan2(y[:, 1::2], y[:, ::2]) / (2.0 * math.pi), 1.0)
    index = (turns * cells).long().clamp(max=cells - 1)
    label = torch.unique(index @ cells ** torch.arange(circles), return_inverse=True)[1]
    counts = torch.bincount(label).double()
    sums = torch.zeros(len(counts), x.shape[1], dtype=torch.float64).index_add_(0, label, x)
    entropy = -(counts / len(x) * torch.log(counts / len(x))).sum()
    within = x.square().sum() / len(x) - (sums.square().sum(1) / counts).sum() / len(x)
    return float(torch.log(within.clamp(min=1e-300)) + (2.0 / circles) * entropy)


def _initial(arranged: Layout, keys: Tensor) -> Tensor:
    """Glorot-uniform weights and zero biases."""
    flat = random_streams.uniform(keys, 0, arranged.size).mul_(2.0).sub_(1.0)
    flat[:, arranged.used :] = 0.0
    for name, view in arranged.views(flat).items():
        if name == "cells":
            view.fill_(math.log(FIRST_CELLS) / FAST)
        else:
            view[:, :, :-1].mul_(math.sqrt(6.0 / (view.shape[1] + view.shape[2] - 1)))
            view[:, :, -1] = 0.0
    return flat


def _restored(config: Settings, tensors: dict[str, Tensor]) -> Circles:
    """The inverse of `Circles.state`."""
    cells, densities, circles = tensors["partition"], tensors["densities"], config.latent_dim
    if cells.shape != (circles,) or cells.dtype != torch.int64 or not bool(((cells > 0) & (cells <= MOST_CELLS)).all()):
        raise ValueError(f"invalid cells: {cells.tolist()}")
    if densities.shape != (circles, BINS) or densities.dtype != torch.float64:
        raise ValueError(f"invalid densities: shape {tuple(densities.shape)}, {densities.dtype}")
    if not (float(densities.min()) > 0.0 and bool(((densities.mean(1) - 1.0).abs() < 1e-6).all())):
        raise ValueError("invalid densities: they must be positive, with mean 1")
    return Circles(config, layout_of(config).filled(tensors), densities, cells)


KIND = Kind(CirclesProgram, layout_of, _restored, unused=("likelihood", "last_layer", *EMBEDDINGS))

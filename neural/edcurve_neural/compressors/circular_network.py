"""`CircularNetwork`: a circular latent, and a small network of latent and place as synthesis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property, partial
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from edcurve_neural import learning_phases, random_streams
from edcurve_neural.optimisation.settings import Settings
from edcurve_neural.signals import signal
from edcurve_neural.signals.base import Copies, Signal

from .base import EMBEDDINGS, Compressor, Kind, Layout
from .cells import EqualCells
from .circular import Circular, cell, histogram, latents, restored
from .circular import layout as with_series
from .codebook import LEARNED_FROM, sample_means
from .network import FINE_CELLS, FIRST_CELLS, HARMONICS, Means, Parameters, fit, iterations, plane_iterations, size
from .train_circular import SeriesProgram

FEWER = 2**14  # realizations for the means of fewer cells than the final number
AT_ONCE = 2**14  # pairs of a latent and a place in a block


class CircularNetwork(Circular):
    """A trained compressor; parameters as for `Circular`."""

    @staticmethod
    def arranged(source: Signal, hidden: Sequence[int]) -> Layout:
        """Layout of the parameters: the analysis, and the network."""
        shapes, (units, inputs) = with_series(source.dim, hidden).shapes, size(source.places.shape[1])
        kept = {name: shape for name, shape in shapes.items() if name.startswith("analysis") or name == "skip"}
        network = {"first": (units, inputs), "warp": (1, 2 * HARMONICS), "last": (1, units + inputs)}
        return Layout({**kept, **{f"network.{name}": shape for name, shape in network.items()}})

    @property
    def rank(self) -> int | None:
        """None: the dimension of the affine hull of reconstructions is not bounded."""
        return None

    @torch.no_grad()
    def decode(self, indices: Tensor) -> Tensor:
        """Reconstructions, (1, batch, 1) to (1, batch, dim)."""
        pairs = (torch.split(part, AT_ONCE, dim=1) for part in self._pairs(self._middles(indices)))
        last = self.views()["network.last"][0, 0]
        parts = [self._units(latent, places) @ last for latent, places in zip(*pairs, strict=True)]
        return torch.cat(parts, dim=1).view(1, -1, self.signal.dim)

    @torch.no_grad()
    def features(self, indices: Tensor) -> Tensor:
        """Inputs of the last layer at all places: the units, and the inputs of the network."""
        inputs = self._units(*self._pairs(self._middles(indices)))
        return inputs.view(1, -1, self.signal.dim, inputs.shape[2])

    def _pairs(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Latents (1, batch), each with all places, shape (1, batch · dim), and those places with d coordinates."""
        places = self._places.like(latent).repeat(1, latent.shape[1], 1)
        return latent.repeat_interleave(self.signal.dim, dim=1), places

    @cached_property
    def _places(self) -> Copies:
        return Copies(self.signal.places[None])

    def _units(self, latent: Tensor, places: Tensor) -> Tensor:
        """Inputs of the last layer, (1, n, units + inputs), for latents (1, n) and places (1, n, d)."""
        views = self.views()
        angle = 2.0 * math.pi * latent.unsqueeze(2) * torch.arange(1, HARMONICS + 1).to(latent)
        warped = latent + torch.cat([torch.cos(angle), torch.sin(angle)], dim=2) @ views["network.warp"][0, 0]
        one = torch.ones_like(warped)
        if places.shape[2] == 1:
            inputs = torch.stack([2.0 * warped - 1.0, places[..., 0], one], dim=2)
        else:
            angles = 2.0 * math.pi * warped
            waves = torch.stack([one, torch.cos(angles), torch.sin(angles)], dim=2)
            affine = torch.cat([one.unsqueeze(2), places], dim=2)
            inputs = (waves.unsqueeze(3) * affine.unsqueeze(2)).flatten(2)
        return torch.cat([torch.tanh(inputs @ views["network.first"][0].T), inputs], dim=2)


class NetworkProgram(SeriesProgram):
    """`CircularNetwork` compressors side by side: trained with a series, which the network finally replaces."""

    centred: ClassVar[bool] = False
    for_means = coded = True

    @torch.no_grad()
    def compressor(self, i: int) -> Compressor:
        """The compressor with the best cells for realizations, and a network fitted to their means."""
        cells, config = self._best_cells(i), self.configs[i]
        views = self.layout.views(self.flat[i : i + 1])
        arranged = CircularNetwork.arranged(self.signal, config.hidden)
        flat = torch.zeros(1, arranged.size, device=self.flat.device)
        target = arranged.views(flat)
        for name in target:
            if name in views:
                target[name].copy_(views[name])
        v = learning_phases.phases(config, "codebook", LEARNED_FROM)
        latent = latents(self.signal, v.to(flat.device), views).cpu()
        if bool(torch.isfinite(flat).all()):
            self._fit(config, cells, v[0], latent[0], target)
        self.signal.restore_inputs(target["analysis.0"])
        self.signal.restore_inputs(target["skip"])
        self.signal.restore_outputs(target["network.last"])
        return CircularNetwork(
            config.source,
            config.hidden,
            flat,
            density=histogram(latent).to(flat.device),
            cells=cells.number,
            offset=cells.offset,
            samples=config.samples or 2,
        )

    def _fit(self, config: Settings, cells: EqualCells, v: Tensor, latent: Tensor, target: dict[str, Tensor]) -> None:
        counts, places = [cells.number], self.signal.places.shape[1]
        if places > 1:
            counts = [max(FINE_CELLS, cells.number), cells.number]
        while places == 1 and counts[0] > 1.5 * FIRST_CELLS:
            counts = [-(-counts[0] // 2), *counts]
        seed = random_streams.key(config.seed, "network") % 2**63
        fewer = [self._means(v[:FEWER], latent[:FEWER], EqualCells(count, cells.offset)) for count in counts[:-1]]
        tables = [*fewer, self._means(v, latent, cells)]
        self.fitting = None
        count = iterations(len(counts)) if places == 1 else plane_iterations(tables[-1].means.size)
        advance = partial(self.iterated, count)
        net = fit(tables, counts, np.random.default_rng(seed), advance)
        for name, value in _named(net).items():
            target[name].copy_(torch.from_numpy(value))

    def _means(self, v: Tensor, latent: Tensor, cells: EqualCells) -> Means:
        """Means of the occupied cells."""
        means, counts = sample_means(self.signal, v, cell(latent, *cells), cells.number)
        middles = torch.remainder((torch.arange(cells.number).double() + (0.5 - cells.offset)) / cells.number, 1.0)
        kept = counts > 0
        share, places = counts[kept] / counts.sum(), self.signal.places.numpy()
        return Means(means[kept].numpy(), middles[kept].numpy(), share.numpy(), places)


def _named(net: Parameters) -> dict[str, np.ndarray]:
    return {
        "network.first": net.first[None],
        "network.warp": net.warp[None, None],
        "network.last": np.concatenate([net.last, net.direct])[None, None],
    }


def _layout_of(config: Settings) -> Layout:
    return CircularNetwork.arranged(signal(config.source, config.samples or 2), config.hidden)


KIND = Kind(
    NetworkProgram,
    _layout_of,
    partial(restored, kind=CircularNetwork),
    unused=("latent_dim", "likelihood", "last_layer", *EMBEDDINGS),
    circular=True,
)

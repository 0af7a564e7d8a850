"""`NTC`: nonlinear transform coders, M of them side by side in one tensor of parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from edcurve_neural import functional, random_streams
from edcurve_neural.functional import Density
from edcurve_neural.optimisation.settings import Settings
from edcurve_neural.signals import signal
from edcurve_neural.signals.base import AT_ONCE, Signal

from .base import Layout, ProbabilityTable
from .entropy_models import density_tables

SLOPE = 0.2  # of leaky ReLU
LAST_ALPHA = 3.0  # of the schedule; from there α = 4 sigmoid(·) is learned
ALPHA_LIMIT = 4.0


class Octaves(NamedTuple):
    """Numbers of frequencies of the Fourier embeddings of the inputs of the two networks; 0 for no embedding.

    Attributes
    ----------
    realization : int
        The analysis also sees cos πfx and sin πfx of each coordinate x, f = 1, 2, 4, ….
    latent : int
        The synthesis also sees cos πfy and sin πfy of each latent y, f = ½, ¼, ⅛, …: periods of 4, 8, 16, … integers.
    """

    realization: int = 0
    latent: int = 0


NO_OCTAVES = Octaves()


def layout(dim: int, latent_dim: int, hidden: Sequence[int], octaves: Octaves = NO_OCTAVES) -> Layout:
    """Layout of the parameters of a transform coder: affine maps, the density, the logit of α/4.

    The axis of the realizations is the last: analysis layers have shape (fan out, fan in + 1), synthesis layers
    (fan in + 1, fan out), biases in the last column or row.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    analysis_inputs, synthesis_inputs = (
        (1 + 2 * count) * size for count, size in zip(octaves, (dim, latent_dim), strict=True)
    )
    for i, (fan_in, fan_out) in enumerate(pairwise((analysis_inputs, *hidden, latent_dim))):
        shapes[f"analysis.{i}"] = (fan_out, fan_in + 1)
    for i, (fan_in, fan_out) in enumerate(pairwise((synthesis_inputs, *hidden[::-1], dim))):
        shapes[f"synthesis.{i}"] = (fan_in + 1, fan_out)
    for i, (kind, size) in enumerate(functional.density_sizes()):
        shapes[f"density.{i}.{kind}"] = (latent_dim, *size)
    shapes["sharpness"] = ()
    return Layout(shapes)


class Parts(NamedTuple):
    """Views of a `Layout`; the layers of both networks as (models, fan out, fan in + 1)."""

    analysis: list[Tensor]
    synthesis: list[Tensor]
    density: Density


def parts(views: dict[str, Tensor]) -> Parts:
    """Networks and density among the views of a `Layout`."""

    def named(start: str, end: str = "") -> list[Tensor]:
        return [view for name, view in views.items() if name.startswith(start) and name.endswith(end)]

    density = Density(*(tuple(named("density.", kind)) for kind in ("matrix", "bias", "factor")))
    return Parts(named("analysis."), [layer.transpose(1, 2) for layer in named("synthesis.")], density)


class NTC(nn.Module):
    """Nonlinear transform coders: analysis, rounding, synthesis, and a density for each latent dimension.

    Parameters
    ----------
    source : str
        "ramp", "circle", "sinusoid", "sawbridge", "sphere", "torus" or "klein".
    latent_dim : int
        Dimension of the latent space.
    hidden : sequence of int
        Widths of the hidden layers of the analysis, leaky-ReLU units of slope 0.2; the synthesis mirrors them.
    samples : int
        Number of points of sources that are functions.
    seeds : sequence of int
        One seed for each model: M = len(seeds). A model's initial weights depend on its seed alone.
    octaves : Octaves
        Numbers of frequencies of Fourier embeddings.

    Attributes
    ----------
    flat : Parameter
        All parameters, shape (M, number of parameters of a model).
    """

    unbounded = True  # a density gives every integer a probability

    def __init__(
        self,
        source: str,
        latent_dim: int,
        hidden: Sequence[int] = (100, 100),
        *,
        samples: int = 1024,
        seeds: Sequence[int] = (0,),
        octaves: Octaves = NO_OCTAVES,
    ) -> None:
        super().__init__()
        self.signal: Signal = signal(source, samples)
        self.latent_dim, self.hidden, self.octaves = latent_dim, tuple(hidden), octaves
        self.layout = layout(self.signal.dim, latent_dim, self.hidden, octaves)
        keys = torch.tensor([random_streams.key(seed, "weights") for seed in seeds], dtype=torch.int64)
        self.flat = nn.Parameter(_initial(self.layout, keys))

    @property
    def models(self) -> int:
        """Number M of models."""
        return self.flat.shape[0]

    @property
    def finite(self) -> bool:
        """Whether all parameters are finite."""
        return bool(torch.isfinite(self.flat).all())

    def views(self) -> dict[str, Tensor]:
        """Parameters by name, with a leading axis for the model."""
        return self.layout.views(self.flat)

    @property
    def rank(self) -> int:
        """Width of the last hidden layer: it bounds the dimension of the affine hull of reconstructions."""
        return self.hidden[0]

    def state(self) -> dict[str, Tensor]:
        """Parameters by name, contiguous, as safetensors stores them."""
        return self.layout.named(self.flat)

    def select(self, index: int) -> NTC:
        """One of the models, with a copy of its parameters."""
        return self.with_parameters(self.flat[index : index + 1])

    def with_parameters(self, flat: Tensor) -> NTC:
        """Models of the same layout with a copy of these parameters."""
        samples = self.signal.dim
        other = NTC(self.signal.name, self.latent_dim, self.hidden, samples=samples, seeds=(), octaves=self.octaves)
        other.flat = nn.Parameter(flat.detach().clone())
        return other

    def with_last_layer(self, rows: Tensor) -> NTC:
        """One model with another last layer of the synthesis, shape (hidden[0] + 1, dim), its biases last."""
        other = self.with_parameters(self.flat)
        with torch.no_grad():
            other.views()[f"synthesis.{len(self.hidden)}"][0].copy_(rows)
        return other

    def analysis(self, x: Tensor) -> Tensor:
        """Latents of realizations: (M, batch, dim) to (M, batch, latent_dim)."""
        layers = parts(self.views()).analysis
        return mlp(realization_seen(x.transpose(1, 2), layers), layers).transpose(1, 2)

    def synthesis(self, y: Tensor) -> Tensor:
        """Reconstructions from latents: (M, batch, latent_dim) to (M, batch, dim)."""
        layers = parts(self.views()).synthesis
        return mlp(latent_seen(y.transpose(1, 2), layers), layers).transpose(1, 2)

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """Indices of realizations: latents rounded (halves up), offset 0; shapes as `analysis`."""
        return torch.floor(self.analysis(x) + 0.5).long()

    @torch.no_grad()
    def encode_phase(self, v: Tensor) -> Tensor:
        """Indices of phases of shape (M, batch), without forming their realizations."""
        if self.octaves.realization:
            size = max(1, AT_ONCE // self.layout.shapes["analysis.0"][1])
            return torch.cat([self.encode(self.signal.sample(block)) for block in torch.split(v, size, dim=1)], dim=1)
        first, *rest = parts(self.views()).analysis
        hidden = leaky_relu(self.signal.project(v, first[:, :, :-1], first[:, :, -1:]), SLOPE)
        return torch.floor(mlp(hidden, rest) + 0.5).long().transpose(1, 2)

    @torch.no_grad()
    def decode(self, indices: Tensor) -> Tensor:
        """Reconstructions from indices: (M, batch, latent_dim) to (M, batch, dim)."""
        return self.synthesis(indices.to(self.flat.dtype))

    @torch.no_grad()
    def features(self, indices: Tensor) -> Tensor:
        """Last hidden layer of the synthesis and a constant: (M, batch, latent_dim) to (M, batch, hidden[0] + 1)."""
        y, layers = indices.to(self.flat.dtype).transpose(1, 2), parts(self.views()).synthesis
        hidden = leaky_relu(mlp(latent_seen(y, layers), layers[:-1]), SLOPE).transpose(1, 2)
        return torch.cat([hidden, torch.ones_like(hidden[:, :, :1])], dim=2)

    @torch.no_grad()
    def rate(self, indices: Tensor) -> Tensor:
        """Bits that the density spends on indices: (M, batch, latent_dim) to (M, batch)."""
        y = indices.to(self.flat.dtype).transpose(1, 2)
        return functional.noisy_log_prob(y, parts(self.views()).density).sum(1) / -math.log(2.0)

    @torch.no_grad()
    def tables(self) -> list[ProbabilityTable]:
        """The density as a table for each latent dimension, as in `entropy_models.density_tables`.

        Raises
        ------
        ValueError
            For more than one model, or weights that are not finite.
        """
        if self.models != 1:
            raise ValueError(f"model must be one model, got {self.models}: take one with select")
        if not self.finite:
            raise ValueError("model has weights that are not finite")
        return density_tables(parts(self.views()).density)

    def extra_repr(self) -> str:
        """Arguments, for the representation."""
        return f"{self.signal.name!r}, latent_dim={self.latent_dim}, hidden={self.hidden}, models={self.models}"

    def forward(self, x: Tensor) -> Tensor:
        """Reconstructions of realizations, quantised: (M, batch, dim) to the same."""
        return self.decode(self.encode(x))


def untrained(config: Settings, seeds: Sequence[int]) -> NTC:
    """The models of a configuration, before training."""
    samples, octaves = config.samples or 2, Octaves(config.input_octaves, config.latent_octaves)
    return NTC(config.source, config.latent_dim, config.hidden, samples=samples, seeds=seeds, octaves=octaves)


@torch.no_grad()
def restored(config: Settings, tensors: dict[str, Tensor]) -> NTC:
    """The inverse of `NTC.state`."""
    model = untrained(config, ())
    model.flat = nn.Parameter(model.layout.filled(tensors))
    return model


def layout_of(config: Settings) -> Layout:
    """Layout of the parameters of a configuration."""
    dim, octaves = signal(config.source, config.samples or 2).dim, Octaves(config.input_octaves, config.latent_octaves)
    return layout(dim, config.latent_dim, config.hidden, octaves)


def realization_seen(x: Tensor, layers: Sequence[Tensor]) -> Tensor:
    """Realizations (models, dim, batch) with as many Fourier functions as the first layer of an analysis takes."""
    return _embedded(x, [2.0**j for j in range(_octaves(x, layers[0]))])


def latent_seen(y: Tensor, layers: Sequence[Tensor]) -> Tensor:
    """Latents (models, latents, batch) with as many Fourier functions as the first layer of a synthesis takes."""
    return _embedded(y, [0.5**j for j in range(1, 1 + _octaves(y, layers[0]))])


def _octaves(x: Tensor, layer: Tensor) -> int:
    return ((layer.shape[2] - 1) // x.shape[1] - 1) // 2


def _embedded(x: Tensor, frequencies: list[float]) -> Tensor:
    waves = [wave(math.pi * f * x) for f in frequencies for wave in (torch.cos, torch.sin)]
    return torch.cat([x, *waves], dim=1) if waves else x


def mlp(x: Tensor, layers: Sequence[Tensor]) -> Tensor:
    """Affine maps of shape (models, fan out, fan in + 1), leaky ReLU between them; x is (models, fan in, batch)."""
    for i, layer in enumerate(layers):
        x = torch.baddbmm(layer[:, :, -1:], layer[:, :, :-1], x)
        if i < len(layers) - 1:
            x = leaky_relu(x, SLOPE)
    return x


def _initial(layout: Layout, keys: Tensor) -> Tensor:
    """Glorot-uniform weights, zero biases; the density as in Ballé et al. (2018), App. 6.1, of scale 10."""
    flat = random_streams.uniform(keys, 0, layout.size).mul_(2.0).sub_(1.0)
    flat[:, layout.used :] = 0.0
    for name, view in layout.views(flat).items():
        kind = name.rpartition(".")[2]
        if kind == "matrix":
            view.fill_(functional.initial_matrix(view.shape[-2]))
        elif kind == "bias":
            view.mul_(0.5)
        elif kind == "factor":
            view.zero_()
        elif kind == "sharpness":
            view.fill_(math.log(LAST_ALPHA / (ALPHA_LIMIT - LAST_ALPHA)))
        else:
            rows = view if name.startswith("analysis") else view.transpose(1, 2)
            rows[:, :, :-1].mul_(math.sqrt(6.0 / (rows.shape[1] + rows.shape[2] - 1)))
            rows[:, :, -1].zero_()
    return flat

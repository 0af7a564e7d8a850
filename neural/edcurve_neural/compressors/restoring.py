"""Trained compressors from what a store keeps of them."""

from __future__ import annotations

import torch
from torch import Tensor

from edcurve_neural.config import Config
from edcurve_neural.signals import signal

from . import circular, codebook
from .base import Coder
from .ntc import NTC, Layout, layout


def restored(config: Config, tensors: dict[str, Tensor]) -> Coder:
    """The compressor of a configuration with these parameters, the inverse of its method ``state``."""
    if config.tabled:
        inner = {name.removeprefix("base."): value for name, value in tensors.items() if name.startswith("base.")}
        if tensors["keys"].shape[1:] != (config.latent_dim,):
            raise ValueError(f"keys of shape {tuple(tensors['keys'].shape)}")
        return codebook.from_state(_base(config, inner), tensors)
    return _base(config, tensors)


def _check(arranged: Layout, tensors: dict[str, Tensor]) -> None:
    """ValueError if the tensors are others than those: before memory is taken for what a configuration says."""
    for name, shape in arranged.shapes.items():
        if name not in tensors or tensors[name].shape != (1, *shape):
            found = tuple(tensors[name].shape) if name in tensors else "none"
            raise ValueError(f"{name} of shape {(1, *shape)} expected, got {found}")


@torch.no_grad()
def _base(config: Config, tensors: dict[str, Tensor]) -> Coder:
    samples = config.samples or 2
    dim = signal(config.source, samples).dim
    arranged = circular.layout(dim, config.hidden) if config.circular else layout(dim, config.latent_dim, config.hidden)
    _check(arranged, tensors)
    if config.circular:
        return circular.from_state(config.source, config.hidden, tensors, field=config.field, samples=samples)
    model = NTC(config.source, config.latent_dim, config.hidden, samples=samples)
    for name, view in model.views().items():
        view.copy_(tensors[name])
    return model

"""Trained compressors from what a store keeps of them."""

from __future__ import annotations

import torch
from torch import Tensor

from . import circular, codebooks
from .coders import Coder
from .config import Config
from .models import NTC


def restored(config: Config, tensors: dict[str, Tensor]) -> Coder:
    """The compressor of a configuration with these parameters, the inverse of its method ``state``."""
    if config.tabled:
        inner = {name.removeprefix("base."): value for name, value in tensors.items() if name.startswith("base.")}
        return codebooks.from_state(_base(config, inner), tensors)
    return _base(config, tensors)


@torch.no_grad()
def _base(config: Config, tensors: dict[str, Tensor]) -> Coder:
    samples = config.samples or 2
    if config.circular:
        return circular.from_state(config.source, config.hidden, tensors, field=config.field, samples=samples)
    model = NTC(config.source, config.latent_dim, config.hidden, samples=samples)
    for name, view in model.views().items():
        view.copy_(tensors[name])
    return model

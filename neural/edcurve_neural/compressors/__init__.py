"""The compressors: `COMPRESSORS` lists them, and everything specific to one of them is in its own files here."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from edcurve_neural.optimisation.program import Program
from edcurve_neural.optimisation.settings import Settings

from . import circles, circular_network, train_circular, train_ntc
from .base import Compressor, Kind

COMPRESSORS: dict[str, Kind] = {
    "ntc": train_ntc.KIND,
    "ntc-table": train_ntc.TABLE,
    "circular": train_circular.SERIES,
    "circular-network": circular_network.KIND,
    "circular-table": train_circular.TABLE,
    "circles": circles.KIND,
}


def begin(configs: Sequence[Settings], device: torch.device | str = "cpu") -> Program[Compressor]:
    """The program that trains configurations of one shape, at step 0."""
    return COMPRESSORS[configs[0].compressor].program(configs, device)


def prepare(configs: Sequence[Settings], device: torch.device) -> None:
    """Compile what the programs of configurations need, before threads run them: here Ctrl-C can interrupt it."""
    if device.type == "cpu":
        for config in {(config.compressor, config.source): config for config in configs}.values():
            COMPRESSORS[config.compressor].prepare(config)


def restored(config: Settings, tensors: dict[str, Tensor]) -> Compressor:
    """The trained compressor of a configuration with these parameters, the inverse of its method ``state``."""
    return COMPRESSORS[config.compressor].restored(config, tensors)

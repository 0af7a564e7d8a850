"""Programs: models of one shape that are trained together, a kind of compressor each."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from edcurve_neural.config import Config
from edcurve_neural.optimisation.program import Program

from .train_circular import CircularProgram
from .train_ntc import TransformProgram

__all__ = ["Program", "begin"]


def begin(configs: Sequence[Config], device: torch.device | str = "cpu") -> Program:
    """A program of configurations of one shape, at step 0."""
    kind = CircularProgram if configs[0].circular else TransformProgram
    return kind(configs, device)

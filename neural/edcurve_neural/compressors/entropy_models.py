"""The entropy model of a compressor as tables of probabilities, which is what a coder takes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edcurve_neural import functional
from edcurve_neural.coding import bitstream
from edcurve_neural.runs import Run

from .ntc import NTC, parts

Table = tuple[int, NDArray[np.float64]]

TAIL = 2.0**-20  # probability beyond either end of the table of a density
WIDEST = 2**16  # table of a density
FARTHEST = 2**40  # from zero that a density is looked for


def tables(model: Any) -> list[Table]:
    """The entropy model of a compressor: a categorical distribution for each latent dimension.

    Parameters
    ----------
    model : NTC, Run, or anything with a method ``tables`` that returns this
        Of one model.

    Returns
    -------
    list of (int, ndarray)
        The least index, and the probabilities of it and those that follow. What they leave of one is for all other
        indices; less than 2e-6 for an `NTC`, unless that takes more than 2¹⁶ indices.

    Raises
    ------
    TypeError
        For what has no tables and is no `NTC`.
    ValueError
        For more than one model, weights that are not finite, or what are no probabilities.
    """
    coder = coder_of(model)
    if hasattr(coder, "tables"):
        found = [(int(low), np.asarray(probabilities, dtype=np.float64)) for low, probabilities in coder.tables()]
    elif isinstance(coder, NTC):
        found = _density_tables(coder)
    else:
        raise TypeError(f"model must be an NTC, a Run, or have a method tables, got {type(coder).__name__}")
    for low, probabilities in found:
        _check_table(low, probabilities)
    return found


def coder_of(model: Any) -> Any:
    """The model of a run, or what is given."""
    return model.model if isinstance(model, Run) else model


@torch.no_grad()
def _density_tables(model: NTC) -> list[Table]:
    if model.models != 1:
        raise ValueError(f"model must be one model, got {model.models}: take one with select")
    if not bool(torch.isfinite(model.flat).all()):
        raise ValueError("model has weights that are not finite")
    kinds = parts(model.views()).density
    density = functional.Density(*(tuple(part.double().cpu() for part in kind) for kind in kinds))
    edge = math.log(TAIL) - math.log1p(-TAIL)
    lows, middles, highs = _crossings(density, [edge, 0.0, -edge]).T.tolist()
    found = []
    for j, (low, middle, high) in enumerate(zip(lows, middles, highs, strict=True)):
        low, high = max(low, middle - WIDEST // 2), min(high, middle + WIDEST // 2 - 1)
        one = functional.Density(*(tuple(part[:, j : j + 1] for part in kind) for kind in density))
        y = torch.arange(low, high + 1, dtype=torch.float64).reshape(1, 1, -1)
        found.append((low, functional.noisy_log_prob(y, one).exp().flatten().numpy()))
    return found


def _crossings(density: functional.Density, logits: list[float]) -> torch.Tensor:
    """The least integers y at which the cumulative logit of y + ½ is at least those, (latents, len(logits))."""
    wanted = torch.tensor(logits, dtype=torch.float64)
    low = torch.full((1, density.matrices[0].shape[1], len(logits)), -FARTHEST)
    high = -low
    while bool((low < high).any()):
        middle = torch.div(low + high, 2, rounding_mode="floor")
        reached = functional.cumulative_logits(middle.double() + 0.5, density) >= wanted
        low, high = torch.where(reached, low, middle + 1), torch.where(reached, middle, high)
    return low[0]


def _check_table(low: int, probabilities: NDArray[np.float64]) -> None:
    if probabilities.ndim != 1 or not 1 <= len(probabilities) <= bitstream.LARGEST:
        raise ValueError(f"a table must have from 1 to 2**20 probabilities, got shape {probabilities.shape}")
    if not -(2**63) <= low <= 2**63 - len(probabilities):
        raise ValueError(f"the indices of a table must fit 64 bits, got {len(probabilities)} from {low}")
    if not (probabilities.min() >= 0.0 and probabilities.sum() <= 1.0 + 1e-6):
        raise ValueError(f"a table must be of probabilities with a sum of at most one, got a sum {probabilities.sum()}")

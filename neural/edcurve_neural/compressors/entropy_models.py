"""Tables of probabilities, as entropy coders need them, from the density of a transform coder."""

from __future__ import annotations

import math

import torch

from edcurve_neural.functional import Density, cumulative_logits, noisy_log_prob

from .base import ProbabilityTable

TAIL = 2.0**-20  # probability beyond either end of a table
WIDEST = 2**16  # most entries of a table
FARTHEST = 2**40  # bound on the distance of a table's ends from zero


def density_tables(density: Density) -> list[ProbabilityTable]:
    """Probabilities of the integers under a density convolved with unit uniform noise.

    Parameters
    ----------
    density : Density
        Parameters of one model.

    Returns
    -------
    list of ProbabilityTable
        One for each latent dimension, computed in float64. The probability outside is below 2e-6, unless the table
        would need more than 2¹⁶ entries.
    """
    density = Density(*(tuple(part.double().cpu() for part in parameters) for parameters in density))
    edge = math.log(TAIL) - math.log1p(-TAIL)
    lows, middles, highs = _crossings(density, [edge, 0.0, -edge]).T.tolist()
    tables = []
    for j, (low, middle, high) in enumerate(zip(lows, middles, highs, strict=True)):
        low, high = max(low, middle - WIDEST // 2), min(high, middle + WIDEST // 2 - 1)
        marginal = Density(*(tuple(part[:, j : j + 1] for part in parameters) for parameters in density))
        y = torch.arange(low, high + 1, dtype=torch.float64).reshape(1, 1, -1)
        tables.append(ProbabilityTable(low, noisy_log_prob(y, marginal).exp().flatten().numpy()))
    return tables


def _crossings(density: Density, logits: list[float]) -> torch.Tensor:
    """The least integers y at which the cumulative logit of y + ½ reaches these logits, (latents, len(logits)).

    Logits increase with y, so bisection finds these integers.
    """
    targets = torch.tensor(logits, dtype=torch.float64)
    low = torch.full((1, density.matrices[0].shape[1], len(logits)), -FARTHEST)
    high = -low
    while bool((low < high).any()):
        middle = torch.div(low + high, 2, rounding_mode="floor")
        reached = cumulative_logits(middle.double() + 0.5, density) >= targets
        low, high = torch.where(reached, low, middle + 1), torch.where(reached, middle, high)
    return low[0]

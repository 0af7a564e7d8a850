"""The loss: rate in bits + λ · distortion of a batch, for all models at once."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from . import functional
from .models import hidden_units, mlp, parts
from .signals import Signal


class Cost(NamedTuple):
    """Means over the batch, shape (models,): rate in bits, and distortion."""

    rate: Tensor
    distortion: Tensor


def cost(
    source: Signal,
    views: dict[str, Tensor],
    v: Tensor,
    noise: Tensor,
    alpha: Tensor,
    *,
    twice: bool = False,
    plain: bool = False,
) -> Cost:
    """Rate and distortion of a batch with soft rounding in place of rounding.

    Parameters
    ----------
    source : Signal
        The source.
    views : dict of Tensor
        Parameters by name, as from `Layout.views`.
    v : Tensor
        Phases, shape (models, batch).
    noise : Tensor
        Uniform on [−½, ½], shape (models, batch, latent_dim).
    alpha : Tensor
        α of soft rounding, shape (models,).
    twice : bool
        Evaluate the density of the noisy latents at r_α(z) instead of z, as the reference does.
    plain : bool
        Form the realizations, instead of the algebra of `signals`.
    """
    analysis, synthesis, density = parts(views)
    y = mlp(source.sample(v), analysis) if plain else mlp(hidden_units(source, v, analysis[0]), analysis[1:])
    sharp = alpha.view(-1, 1, 1)
    z = functional.soft_round(y, sharp) + noise
    smooth = functional.soft_round_conditional_mean(z, sharp)
    at = functional.soft_round_conditional_mean(smooth, sharp) if twice else smooth
    nats = functional.noisy_log_prob(at.transpose(1, 2), density)
    rate = nats.sum(1).mean(1) / -math.log(2.0)
    hidden, last = _hidden(smooth, synthesis)
    if plain or source.dim <= last.shape[1]:
        error = (mlp(hidden, [last]) - source.sample(v)).square().sum(-1)
    else:
        error = squared_error(source, v, hidden, last)
    return Cost(rate, source.weight * error.mean(1))


def _hidden(y: Tensor, layers: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Last hidden layer of an MLP, and the affine map that follows."""
    return torch.nn.functional.leaky_relu(mlp(y, layers[:-1]), 0.2), layers[-1]


def squared_error(source: Signal, v: Tensor, hidden: Tensor, layer: Tensor) -> Tensor:
    """‖x(v) − h̃A‖² for the affine map A and h̃ = (h, 1), from the Gram matrix AAᵀ and the projection x(v)Aᵀ.

    ‖x‖² − 2 x(v)Aᵀ·h̃ + h̃ AAᵀ h̃ᵀ: exact algebra, with the rounding of float32 relative to ‖x‖².
    """
    extended = torch.cat([hidden, torch.ones_like(hidden[..., :1])], dim=-1)
    gram = torch.bmm(layer, layer.transpose(1, 2))
    projected = source.project(v, layer.transpose(1, 2))
    return source.energy(v) + ((torch.bmm(extended, gram) - 2.0 * projected) * extended).sum(-1)

"""The loss: rate in bits + λ · distortion of a batch, for all models at once, as autograd differentiates it.

This is the definition; training runs `gradients`, which is the same function with its derivative by hand.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from edcurve_neural import functional
from edcurve_neural.signals import Signal

from .ntc import mlp, parts


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
        Uniform on [−½, ½], shape (models, latent_dim, batch).
    alpha : Tensor
        α of soft rounding, shape (models,).
    twice : bool
        Evaluate the density of the noisy latents at r_α(z) instead of z, as the reference does.
    """
    analysis, synthesis, density = parts(views)
    x, sharp = source.sample(v).transpose(1, 2), alpha.view(-1, 1, 1)
    z = functional.soft_round(mlp(x, analysis), sharp) + noise
    smooth = functional.soft_round_conditional_mean(z, sharp)
    at = functional.soft_round_conditional_mean(smooth, sharp) if twice else smooth
    nats = functional.noisy_log_prob(at, density).sum(1)
    error = (mlp(smooth, synthesis) - x).square().sum(1)
    return Cost(nats.mean(1) / -math.log(2.0), source.weight * error.mean(1))

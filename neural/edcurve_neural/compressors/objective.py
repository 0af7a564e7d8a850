"""The loss of nonlinear transform coders: rate in bits + λ · distortion of a batch, for all models at once.

This is its only definition. Autograd differentiates it for training (`gradients`), and tests hold the kernels that may
train instead on a CPU (`cpu_kernels`) to it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from edcurve_neural import functional
from edcurve_neural.optimisation.program import Cost
from edcurve_neural.signals.base import Signal

from . import structured
from .ntc import ALPHA_LIMIT, SLOPE, latent_seen, mlp, parts, realization_seen


def cost(
    source: Signal,
    views: dict[str, Tensor],
    v: Tensor,
    noise: Tensor,
    alpha: Tensor | None,
    *,
    twice: bool = False,
    formed: bool | None = None,
) -> Cost:
    """Rate and distortion of a batch, with soft rounding and noise in place of rounding.

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
    alpha : Tensor, optional
        α of soft rounding, shape (models,); by default the learned one, `learned_alpha`.
    twice : bool
        Evaluate the density of the noisy latents at r_α(z) instead of z, as the reference does.
    formed : bool, optional
        Whether to form the realizations x(v). Otherwise `structured` computes the first layer and the squared error
        without them. By default realizations with more samples than the last hidden layer has units are not formed.

    Returns
    -------
    Cost
        Differentiable in the parameters.
    """
    analysis, synthesis, density = parts(views)
    embedded = analysis[0].shape[2] - 1 > source.dim  # Fourier functions of realizations have no closed form
    if formed is None:
        formed = embedded or source.dim <= synthesis[-1].shape[2]
    sharpness = (learned_alpha(views) if alpha is None else alpha).view(-1, 1, 1)
    x = source.sample(v).transpose(1, 2) if formed else None

    if x is None:
        y = mlp(leaky_relu(structured.affine(source, v, analysis[0]), SLOPE), analysis[1:])
    else:
        y = mlp(realization_seen(x, analysis), analysis)
    z = functional.soft_round(y, sharpness) + noise
    mean = functional.soft_round_conditional_mean(z, sharpness)
    # the density of y + u at r_α(z) is the density of s_α(y) + u at z: `functional.soft_rounded_log_prob`
    point = functional.soft_round_conditional_mean(mean, sharpness) if twice else mean
    nats = functional.noisy_log_prob(point, density).sum(1)

    inputs = latent_seen(mean, synthesis)
    if x is None:
        hidden = leaky_relu(mlp(inputs, synthesis[:-1]), SLOPE)
        factors = torch.cat([hidden, torch.ones_like(hidden[:, :1])], dim=1)  # a constant one for the biases
        error = structured.squared_error(source, v, synthesis[-1].transpose(1, 2), factors)
    else:
        error = (mlp(inputs, synthesis) - x).square().sum(1)
    return Cost(nats.mean(1) / -math.log(2.0), source.weight * error.mean(1))


def learned_alpha(views: dict[str, Tensor]) -> Tensor:
    """Learned α of soft rounding: 4 sigmoid of a parameter, shape (models,)."""
    return ALPHA_LIMIT * torch.sigmoid(views["sharpness"])

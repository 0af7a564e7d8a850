"""Pure tensor functions: soft rounding, the deep factorised density and its noisy forms.

Tensors broadcast; models are the leading axis wherever a density appears. Nothing here keeps state.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

FILTERS = (3, 3)
INITIAL_SCALE = 10.0


def soft_round(y: Tensor, alpha: Tensor | float) -> Tensor:
    """Soft rounding s_α(y): the identity at α = 0, rounding (halves up) at α = ∞; Agustsson & Theis (2020), Eq. (12).

    Parameters
    ----------
    y : Tensor
        Finite numbers.
    alpha : Tensor or float
        α ≥ 0, broadcast against `y`; inf is allowed.

    Returns
    -------
    Tensor
        floor(y) + ½ + tanh(αr)/(2 tanh(α/2)), with r = y − floor(y) − ½. Odd about the integers and the halves, and
        s_α(y + 1) = s_α(y) + 1.
    """
    alpha, sharp, flat = _sharpness(y, alpha)
    middle = torch.floor(y) + 0.5
    r = y - middle
    soft = middle + torch.tanh(sharp * r) / (2.0 * torch.tanh(0.5 * sharp))
    return torch.where(torch.isinf(alpha), torch.floor(y + 0.5), torch.where(flat, y, soft))


def soft_round_inverse(y: Tensor, alpha: Tensor | float) -> Tensor:
    """Inverse of soft rounding s_α⁻¹(y), without cancellation at steep α; floor(y) + ½ at α = ∞.

    atanh(z), z = 2r tanh(α/2), is written with ``1 − |z| = (1 − 2|r|) + 4|r|/(e^α + 1)``, which keeps its digits where
    tanh(α/2) rounds to 1.
    """
    alpha, sharp, flat = _sharpness(y, alpha)
    middle = torch.floor(y) + 0.5
    r = y - middle
    size = r.abs()
    z = 2.0 * size * torch.tanh(0.5 * sharp)
    # e^{-80} is negligible beside any 1 − 2|r| > 0 of float32, and keeps the logarithm finite at |r| = ½
    complement = (1.0 - 2.0 * size) + 4.0 * size / (torch.exp(sharp.clamp(max=80.0)) + 1.0)
    steep = torch.where(z < 0.5, torch.atanh(z.clamp(max=0.5)), 0.5 * (torch.log1p(z) - torch.log(complement)))
    soft = middle + torch.copysign((steep / sharp).clamp(max=0.5), r)
    return torch.where(torch.isinf(alpha), middle, torch.where(flat, y, soft))


def soft_round_conditional_mean(z: Tensor, alpha: Tensor | float) -> Tensor:
    """Conditional mean of a number given its noisy soft rounding z, r_α(z) = s_α⁻¹(z − ½) + ½.

    It is E[Y | s_α(Y) + U = z] for U uniform on [−½, ½] and Y uniform on the interval of length one that z allows. The
    identity at α = 0, rounding (halves up) at α = ∞.
    """
    return soft_round_inverse(z - 0.5, alpha) + 0.5


def _sharpness(y: Tensor, alpha: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
    """α as a tensor, α with 1 where the formulas fail, and a mask of α so small that s_α rounds to the identity."""
    alpha = torch.as_tensor(alpha, dtype=y.dtype, device=y.device)
    flat = alpha * alpha < torch.finfo(y.dtype).eps
    usable = torch.where(flat | torch.isinf(alpha), torch.ones_like(alpha), alpha)
    return alpha, usable, flat


class Density(NamedTuple):
    """Parameters of the deep factorised density, one set for each model and latent dimension.

    Attributes
    ----------
    matrices : tuple of Tensor
        Before softplus; shapes (models, latents, width of the layer, width of the layer below).
    biases : tuple of Tensor
        Shapes (models, latents, width of layer, 1).
    factors : tuple of Tensor
        Before tanh; shaped like the biases, without one for the last layer.
    """

    matrices: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    factors: tuple[Tensor, ...]


def density_sizes(filters: tuple[int, ...] = FILTERS) -> list[tuple[str, tuple[int, int]]]:
    """Names ("matrix", "bias", "factor") and shapes of the parameters for one latent dimension, grouped by name."""
    widths = (1, *filters, 1)
    matrices = [("matrix", (widths[i + 1], widths[i])) for i in range(len(widths) - 1)]
    biases = [("bias", (width, 1)) for width in widths[1:]]
    return [*matrices, *biases, *(("factor", (width, 1)) for width in filters)]


def initial_matrix(width: int, filters: tuple[int, ...] = FILTERS, scale: float = INITIAL_SCALE) -> float:
    """Entry, before softplus, of a layer that feeds `width` units, such that the logits start as y/`scale`."""
    return math.log(math.expm1(1.0 / (scale ** (1.0 / (len(filters) + 1)) * width)))


def cumulative_logits(y: Tensor, density: Density) -> Tensor:
    """Logit of the cumulative distribution function; Ballé et al. (2018), Eqs. (26)-(30).

    Parameters
    ----------
    y : Tensor
        Shape (models, latents, n).
    density : Density
        For the same models and latents.

    Returns
    -------
    Tensor
        Shape (models, latents, n), increasing in y.
    """
    x = y.unsqueeze(2)
    for i, (matrix, bias) in enumerate(zip(density.matrices, density.biases, strict=True)):
        x = torch.matmul(softplus(matrix), x) + bias
        if i < len(density.factors):
            x = x + torch.tanh(density.factors[i]) * torch.tanh(x)
    return x.squeeze(2)


def log_difference(upper: Tensor, lower: Tensor) -> Tensor:
    """Logarithm of the probability between two logits a > b, log(σ(a) − σ(b)), accurate in both tails.

    It is log σ(a) + log σ(−b) + log(1 − e^{b−a}): the first term is the left tail, the second the survival function
    of the right one, and neither is a difference. Where a and b are equal after rounding the last term is taken at
    a − b = 1e-30, with no gradient, so that the value and its gradient stay finite.
    """
    return logsigmoid(upper) + logsigmoid(-lower) + torch.log(-torch.expm1(-(upper - lower).clamp(min=1e-30)))


def noisy_log_prob(y: Tensor, density: Density) -> Tensor:
    """Log-density in nats of Y + U at y, with U uniform on [−½, ½]: log(F(y + ½) − F(y − ½)).

    At integers it is also the log-probability of Y rounded (halves up). Shapes as for `cumulative_logits`.
    """
    n = y.shape[-1]
    logits = cumulative_logits(torch.cat([y + 0.5, y - 0.5], dim=-1), density)
    return log_difference(logits[..., :n], logits[..., n:])


def soft_rounded_log_prob(z: Tensor, density: Density, alpha: Tensor | float) -> Tensor:
    """Log-density in nats of s_α(Y) + U at z.

    For S = s_α(Y), P(S ≤ z) = F(s_α⁻¹(z)), so the density is F(s_α⁻¹(z + ½)) − F(s_α⁻¹(z − ½)). Since
    s_α⁻¹(z + ½) = s_α⁻¹(z − ½) + 1, that is the noisy density of Y itself at r_α(z). Training evaluates this at the
    drawn z = s_α(y) + u. The authors' framework evaluates it at r_α(z), which transforms twice;
    ``Config(likelihood="reference")`` does that, for comparison.
    """
    return noisy_log_prob(soft_round_conditional_mean(z, alpha), density)

"""Soft rounding and the density together with their derivatives, by hand; checked against autograd in the tests."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from edcurve_neural.functional import Density

from .ntc import Layout


class Smooth(NamedTuple):
    """A function of y and α with its partial derivatives."""

    value: Tensor
    in_y: Tensor
    in_alpha: Tensor


def soft_round(y: Tensor, alpha: Tensor) -> Smooth:
    """`functional.soft_round` where 0 < α < ∞."""
    half = torch.tanh(0.5 * alpha)
    scale = 0.5 / half
    middle = torch.floor(y) + 0.5
    r = y - middle
    steep = torch.tanh(alpha * r)
    slope = (1.0 - steep * steep) * scale
    return Smooth(
        torch.addcmul(middle, steep, scale),
        alpha * slope,
        r * slope - steep * ((1.0 - half * half) * scale * scale),
    )


def conditional_mean(z: Tensor, alpha: Tensor) -> Smooth:
    """`functional.soft_round_conditional_mean` where 0 < α and tanh(α/2) < 1."""
    half = torch.tanh(0.5 * alpha)
    below = torch.floor(z - 0.5)
    r = z - below - 1.0
    inside = 2.0 * half * r
    steep = torch.atanh(inside) / alpha
    slope = 1.0 / (alpha * (1.0 - inside * inside))
    return Smooth(below + 1.0 + steep, 2.0 * half * slope, torch.addcmul(-steep / alpha, r * slope, 1.0 - half * half))


class NoisyLogProb:
    """`functional.noisy_log_prob`, and the gradient of its weighted sum.

    Parameters
    ----------
    layout : Layout
        Of the parameters.
    flat, gradient : Tensor
        Parameters, and where to write the gradient in those of the density; (models, parameters of a model).
    batch : int
        Values for each model and latent dimension.
    """

    def __init__(self, layout: Layout, flat: Tensor, gradient: Tensor, batch: int) -> None:
        self.values, self.targets = _density(layout, flat), _density(layout, gradient)
        models, latents = self.values.matrices[0].shape[:2]
        self._shape = (models, latents, batch)
        widths = [matrix.shape[3] for matrix in self.values.matrices]
        self._units = [flat.new_ones((models * latents, width + 1, 2 * batch)) for width in widths]

    def __call__(self, y: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        """Log-density at y, shape (models, latents, batch), and `weight` times its derivative; writes gradients."""
        batch = self._shape[2]
        flat = y.reshape(-1, batch)
        torch.add(flat, 0.5, out=self._units[0][:, 0, :batch])
        torch.sub(flat, 0.5, out=self._units[0][:, 0, batch:])
        maps, factors, bends = self._parameters(), [_merged(f).tanh() for f in self.values.factors], []
        for matrix, factor, units, above in zip(maps, factors, self._units, self._units[1:], strict=False):
            straight = torch.bmm(matrix, units)
            bends.append(torch.tanh(straight))
            torch.addcmul(straight, factor, bends[-1], out=above[:, :-1])
        value, grad = _log_difference(torch.bmm(maps[-1], self._units[-1]), batch)
        grad = self._backward(maps, factors, bends, grad.mul_(weight))
        return value.view(self._shape), (grad[:, 0, :batch] + grad[:, 0, batch:]).view(self._shape)

    def _parameters(self) -> list[Tensor]:
        """Affine maps, biases in the last column."""
        pairs = zip(self.values.matrices, self.values.biases, strict=True)
        return [_merged(torch.cat([softplus(matrix), bias], dim=3)) for matrix, bias in pairs]

    def _backward(self, maps: list[Tensor], factors: list[Tensor], bends: list[Tensor], grad: Tensor) -> Tensor:
        """From the gradient in the logits to that in the two points of each value."""
        for i in reversed(range(len(maps))):
            if i < len(factors):
                self._factor(i, torch.linalg.vecdot(grad, bends[i]), factors[i])
                # derivative of x + a tanh x: 1 + a(1 − tanh²)
                grad.mul_(torch.addcmul(1.0 + factors[i], -factors[i], bends[i].square_()))
            self._affine(i, torch.bmm(grad, self._units[i].transpose(1, 2)))
            grad = torch.bmm(maps[i][:, :, :-1].transpose(1, 2), grad)
        return grad

    def _affine(self, i: int, grad: Tensor) -> None:
        matrix = self.values.matrices[i]
        parts = grad.view(*matrix.shape[:3], -1)
        torch.mul(parts[..., :-1], torch.sigmoid(matrix), out=self.targets.matrices[i])
        self.targets.biases[i].copy_(parts[..., -1:])

    def _factor(self, i: int, grad: Tensor, factor: Tensor) -> None:
        target = self.targets.factors[i]
        torch.mul(grad.view(target.shape), (1.0 - factor.square()).view(target.shape), out=target)


def _density(layout: Layout, flat: Tensor) -> Density:
    views = layout.views(flat)
    kinds = ("matrix", "bias", "factor")
    return Density(*(tuple(view for name, view in views.items() if name.endswith(kind)) for kind in kinds))


def _merged(parameter: Tensor) -> Tensor:
    """Models and latents as one axis."""
    return parameter.reshape(-1, *parameter.shape[2:])


def _log_difference(logits: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """`functional.log_difference` of the two halves of (…, 1, 2·batch) logits, and its gradient in them."""
    upper, lower = logits[..., :batch], logits[..., batch:]
    gap = (upper - lower).clamp_(min=1e-30)
    less = torch.expm1(-gap)
    tails = torch.cat([upper, -lower], dim=-1)
    value = logsigmoid(tails)
    value = value[..., :batch] + value[..., batch:] + torch.log(-less)
    # exp(−gap)/(1 − exp(−gap)), nothing where the gap was raised
    steep = torch.where(gap > 1e-30, -(1.0 + less) / less, 0.0)
    grad = torch.sigmoid(tails.neg_())
    grad[..., :batch] += steep
    grad[..., batch:].add_(steep).neg_()
    return value, grad

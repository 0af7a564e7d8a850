"""Adam over one tensor of stacked parameters, each model with its own learning rate."""

from __future__ import annotations

import math

import torch
from torch import Tensor

BETAS = (0.9, 0.999)
EPSILON = 1e-7


class Adam:
    """Kingma & Ba (2015), as torch.optim.Adam does it; ε = 1e-7.

    Attributes
    ----------
    mean, square : Tensor
        Running means of the gradient and of its square, of the shape of the parameters.
    """

    def __init__(self, parameters: Tensor, rates: Tensor) -> None:
        self.parameters, self.rates = parameters, -rates.unsqueeze(1)
        self.mean, self.square = torch.zeros_like(parameters), torch.zeros_like(parameters)
        self._work = torch.empty_like(parameters)

    @torch.no_grad()
    def update(self, gradient: Tensor, count: int, factor: float) -> None:
        """Update number `count`, from 1, with learning rates times `factor`."""
        first, second = BETAS
        self.mean.lerp_(gradient, 1.0 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1.0 - second)
        # m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε) = c · m / (√v + ε√(1 − β₂ᵗ))
        root = math.sqrt(1.0 - second**count)
        torch.sqrt(self.square, out=self._work).add_(EPSILON * root)
        torch.div(self.mean, self._work, out=self._work)
        self.parameters.addcmul_(self._work, self.rates, value=factor * root / (1.0 - first**count))

"""Adam over one tensor of stacked parameters, each model with its own learning rate."""

from __future__ import annotations

from itertools import groupby

import torch
from torch import Tensor, nn

EPSILON = 1e-7


class Adam:
    """`torch.optim.Adam`, fused, with ε = 1e-7, over rows of a tensor that have learning rates of their own.

    Neighbouring rows of one learning rate are one tensor to the optimiser, so that there are few kernels.

    Parameters
    ----------
    parameters, gradient : Tensor
        Shape (models, parameters of a model); the gradient is read from where it is.
    rates : sequence of float
        Learning rate of each model.

    Attributes
    ----------
    mean, square : Tensor
        Running means of the gradient and of its square, of the shape of the parameters.
    """

    def __init__(self, parameters: Tensor, gradient: Tensor, rates: list[float]) -> None:
        self.mean, self.square = torch.zeros_like(parameters), torch.zeros_like(parameters)
        groups, start = [], 0
        for rate, members in groupby(rates):
            rows = slice(start, start + len(list(members)))
            view = nn.Parameter(parameters[rows])
            view.grad = gradient[rows]
            groups.append({"params": [view], "lr": rate, "rate": rate, "rows": rows})
            start = rows.stop
        self._optimiser = torch.optim.Adam(groups, eps=EPSILON, fused=True)
        for group in self._optimiser.param_groups:
            rows = group["rows"]
            state = {
                "step": torch.zeros((), device=parameters.device),
                "exp_avg": self.mean[rows],
                "exp_avg_sq": self.square[rows],
            }
            self._optimiser.state[group["params"][0]] = state

    def update(self, factor: float) -> None:
        """One update with learning rates times `factor`."""
        for group in self._optimiser.param_groups:
            group["lr"] = factor * group["rate"]
        self._optimiser.step()

    def restore(self, mean: Tensor, square: Tensor, count: int) -> None:
        """Go on from after update number `count`."""
        self.mean.copy_(mean)
        self.square.copy_(square)
        for state in self._optimiser.state.values():
            state["step"].fill_(count)

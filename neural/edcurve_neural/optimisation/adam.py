"""Adam over one tensor of stacked parameters, each model with its own learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim.adam import adam

EPSILON = 1e-7


class _RateGroup(NamedTuple):
    """Neighbouring models of one learning rate: views of their rows, as torch's functional Adam takes them.

    `rate` is a tensor of shape () with the learning rate of the next update, `start` the one at the start.
    """

    start: float
    rate: Tensor
    parameters: list[Tensor]
    gradient: list[Tensor]
    mean: list[Tensor]
    square: list[Tensor]
    updates: list[Tensor]


class Adam:
    """The fused Adam of torch with ε = 1e-7, over rows of a tensor with a learning rate each.

    An update reads no value from the device, so that it can be part of a recorded step.

    It calls torch's function, not its class: constructing that imports the compiler, which takes a second.

    Parameters
    ----------
    parameters, gradient : Tensor
        Shape (models, parameters of a model). `update` reads the gradient from this tensor.
    rates : sequence of float
        Learning rate of each model.

    Attributes
    ----------
    mean, square : Tensor
        Running means of the gradient and of its square, of the shape of the parameters.
    """

    def __init__(self, parameters: Tensor, gradient: Tensor, rates: Sequence[float]) -> None:
        self.mean, self.square = torch.zeros_like(parameters), torch.zeros_like(parameters)
        self._groups, self._factor, start = list[_RateGroup](), 1.0, 0
        kind = torch.float64 if parameters.device.type == "cpu" else torch.float32  # as torch's fused Adam needs it
        for rate, members in groupby(rates):
            rows = slice(start, start + len(list(members)))
            self._groups.append(
                _RateGroup(
                    rate,
                    torch.tensor(rate, dtype=kind, device=parameters.device),
                    parameters=[parameters[rows]],
                    gradient=[gradient[rows]],
                    mean=[self.mean[rows]],
                    square=[self.square[rows]],
                    updates=[torch.zeros((), device=parameters.device)],
                )
            )
            start = rows.stop

    def scale(self, factor: float) -> None:
        """Set the learning rates of the next updates to `factor` times the initial ones."""
        if factor != self._factor:
            self._factor = factor
            for group in self._groups:
                group.rate.fill_(factor * group.start)

    @torch.no_grad()
    def update(self) -> None:
        """One update."""
        for group in self._groups:
            adam(
                group.parameters,
                group.gradient,
                group.mean,
                group.square,
                [],
                group.updates,
                fused=True,
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=group.rate,
                weight_decay=0.0,
                eps=EPSILON,
                maximize=False,
            )

    @property
    def state(self) -> list[Tensor]:
        """All tensors that updates change, except the parameters."""
        return [self.mean, self.square, *(group.updates[0] for group in self._groups)]

    def restore(self, mean: Tensor, square: Tensor, count: int) -> None:
        """Set the running means to those after `count` updates."""
        self.mean.copy_(mean)
        self.square.copy_(square)
        for group in self._groups:
            group.updates[0].fill_(count)

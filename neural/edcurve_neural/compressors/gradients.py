"""Loss and gradient of a batch, which take most of the time of a training step."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from edcurve_neural.optimisation.program import Cost
from edcurve_neural.signals.base import Signal

from . import cpu_kernels, inductor
from .base import Layout
from .ntc import parts
from .objective import cost

Evaluate: TypeAlias = Callable[[Tensor, Tensor, Tensor | None, Tensor], Cost]
BLOCK = 2**19  # numbers in the activations of a layer, for all models of a block: 2 MB


def gradient_of(
    source: Signal,
    layout: Layout,
    flat: Tensor,
    gradient: Tensor,
    batch: int,
    *,
    twice: bool = False,
    compiled: bool = False,
) -> Evaluate:
    """The function that a step of training calls: by the CPU's kernels if they apply, else by autograd.

    Parameters
    ----------
    source : Signal
        The source.
    layout : Layout
        Of the parameters.
    flat, gradient : Tensor
        Parameters, and where to write their gradient: shape (models, parameters of a model).
    batch : int
        Phases of each model.
    twice : bool
        As for `objective.cost`.
    compiled : bool
        Whether inductor compiles what autograd differentiates.

    Returns
    -------
    callable
        Takes phases, noise and α as `objective.cost` does, and λ, of shape (models,). It returns the cost, and writes
        the gradient of rate + λ · distortion.
    """
    accelerator = cpu_kernels.accelerator(source, layout, flat, gradient, batch, twice=twice)
    return accelerator or Gradient(source, layout, flat, gradient, batch, twice=twice, compiled=compiled)


class _Block(NamedTuple):
    """Models that are evaluated together: their rows, parameters as leaves of autograd, and views of their gradient."""

    rows: slice
    leaves: dict[str, Tensor]
    targets: dict[str, Tensor]


class Gradient:
    """Loss and gradient by autograd of `objective.cost`; arguments as for `gradient_of`.

    Every parameter is a leaf of its own, a view of `flat`. With `flat` as the leaf, each of its views would give a
    gradient as large as all parameters, nearly all of it zeros. A step neither waits for the device nor branches on
    what it computes.
    """

    def __init__(
        self,
        source: Signal,
        layout: Layout,
        flat: Tensor,
        gradient: Tensor,
        batch: int,
        *,
        twice: bool = False,
        compiled: bool = False,
    ) -> None:
        self.source, self.twice = source, twice
        self._losses = inductor.compiled(self.losses) if compiled else self.losses
        size = models_at_once(layout, flat, batch)
        self._blocks = []
        for start in range(0, len(flat), size):
            rows = slice(start, start + size)
            leaves = {name: view.detach().requires_grad_() for name, view in layout.views(flat[rows]).items()}
            self._blocks.append(_Block(rows, leaves, layout.views(gradient[rows])))

    def __call__(self, v: Tensor, noise: Tensor, alpha: Tensor | None, lmbda: Tensor) -> Cost:
        """Cost of a batch; writes the gradient."""
        costs = []
        for rows, leaves, targets in self._blocks:
            scheduled = None if alpha is None else alpha[rows]
            with torch.enable_grad():
                loss, block = self._losses(leaves, v[rows], noise[rows], scheduled, lmbda[rows])
            # α's parameter is not used while α is scheduled: its gradient is 0
            gradients = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, materialize_grads=True)
            with torch.no_grad():
                for target, value in zip(targets.values(), gradients, strict=True):
                    target.copy_(value)
            costs.append(Cost(block.rate.detach(), block.distortion.detach()))
        return Cost(*(torch.cat(values) for values in zip(*costs, strict=True)))

    def losses(
        self, leaves: dict[str, Tensor], v: Tensor, noise: Tensor, alpha: Tensor | None, lmbda: Tensor
    ) -> tuple[Tensor, Cost]:
        """Sum of the losses of a block, and costs of its models. Models share no parameters: its gradient is theirs."""
        block = cost(self.source, leaves, v, noise, alpha, twice=self.twice)
        return (block.rate + lmbda * block.distortion).sum(), block


def models_at_once(layout: Layout, flat: Tensor, batch: int) -> int:
    """Number of models in a block: on a CPU, few enough that a layer's activations stay in a cache; elsewhere all.

    Blocks also bound the memory that autograd keeps for the backward pass.
    """
    models = len(flat)
    if flat.device.type != "cpu":
        return models
    analysis, synthesis, _ = parts(layout.views(flat))
    widest = max(layer.shape[2] for layer in (*analysis[1:], *synthesis))
    most = max(1, BLOCK // (widest * batch))
    blocks = -(-models // most)
    return -(-models // blocks)

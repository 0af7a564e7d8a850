"""Loss and gradient of `objective.cost` by hand: what a step of training spends its time on.

Activations are (models, units, batch) with a row of ones at the end, so that a product with an affine map includes its
biases, and the gradient of the map is one product too. All large results go to buffers that are kept: fresh ones would
cost page faults. Realizations of many samples are never formed; see `signals`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from edcurve_neural.signals import Circle, Signal, Stepped

from .derivatives import NoisyLogProb, conditional_mean, soft_round
from .ntc import SLOPE, Layout, Parts, parts
from .objective import Cost

BITS = 1.0 / math.log(2.0)
BLOCK = 2**19  # numbers in the activations of a layer, for all models of a block: 2 MB


def gradient_of(
    source: Signal, layout: Layout, flat: Tensor, gradient: Tensor, batch: int, *, twice: bool = False
) -> Callable[..., Cost]:
    """The gradient by compiled kernels, where there are some, else by torch; arguments as for `Gradient`.

    Kernels take float32 on a CPU, and the circle, the ramp and the sawbridge; numba may have been told not to compile.
    """
    compiling = os.environ.get("NUMBA_DISABLE_JIT", "0") == "0"
    if compiling and flat.device.type == "cpu" and flat.dtype == torch.float32 and isinstance(source, Circle | Stepped):
        from .cpu_kernels.gradient import Compiled  # late: it compiles, or loads what was compiled before

        return Compiled(source, layout, flat, gradient, batch, twice=twice)
    return Gradient(source, layout, flat, gradient, batch, twice=twice)


class Gradient:
    """Evaluates rate and distortion of a batch, and writes the gradient of rate + λ · distortion.

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
    """

    def __init__(
        self, source: Signal, layout: Layout, flat: Tensor, gradient: Tensor, batch: int, *, twice: bool = False
    ) -> None:
        self.source, self.batch, self.twice = source, batch, twice
        self.sharpness = layout.views(gradient)["sharpness"]
        self.density = NoisyLogProb(layout, flat, gradient, batch)
        self._blocks = _blocks(source, layout, flat, gradient, batch)

    def __call__(self, v: Tensor, noise: Tensor, alpha: Tensor, lmbda: Tensor, *, learned: bool) -> Cost:
        """Costs of a batch; arguments as for `objective.cost`, and whether α is 4 sigmoid of a parameter."""
        sharp, weight = alpha.view(-1, 1, 1), (lmbda * (self.source.weight / self.batch)).view(-1, 1, 1)
        rounded = soft_round(torch.cat([nets.analyse(v[rows]) for rows, nets in self._blocks]), sharp)
        smooth = conditional_mean(rounded.value + noise, sharp)
        at = conditional_mean(smooth.value, sharp) if self.twice else smooth
        nats, in_at = self.density(at.value, -BITS / self.batch)
        found = [nets.reconstruct(smooth.value[rows], v[rows], weight[rows]) for rows, nets in self._blocks]
        error, grad = (torch.cat(parts) for parts in zip(*found, strict=True))
        in_alpha = (in_at * at.in_alpha).sum((1, 2)) if self.twice else 0.0
        grad = torch.addcmul(grad, in_at, at.in_y) if self.twice else grad + in_at
        in_rounded = grad * smooth.in_y
        in_alpha = in_alpha + (grad * smooth.in_alpha + in_rounded * rounded.in_alpha).sum((1, 2))
        self.sharpness.copy_(in_alpha * alpha * (1.0 - 0.25 * alpha)) if learned else self.sharpness.zero_()
        grad = in_rounded * rounded.in_y
        for rows, nets in self._blocks:
            nets.adapt(v[rows], grad[rows])
        return Cost(nats.sum(1).mean(1) * -BITS, error * (self.source.weight / self.batch))


def _blocks(
    source: Signal, layout: Layout, flat: Tensor, gradient: Tensor, batch: int
) -> list[tuple[slice, _Networks]]:
    """Networks of a few models each, with activations that stay in a cache; on other devices of all models."""
    values, models = parts(layout.views(flat)), len(flat)
    most = models if flat.device.type != "cpu" else max(1, BLOCK // (_width(values) * batch))
    size = -(-models // -(-models // most))
    first = _Networks(source, layout, flat[:size], gradient[:size], batch)
    rest = [slice(start, start + size) for start in range(size, models, size)]
    return [
        (slice(0, size), first),
        *((rows, _Networks(source, layout, flat[rows], gradient[rows], batch, first)) for rows in rest),
    ]


class _Networks:
    """Analysis and synthesis of a block of models; what does not outlive a call is shared with another block."""

    def __init__(
        self,
        source: Signal,
        layout: Layout,
        flat: Tensor,
        gradient: Tensor,
        batch: int,
        shared: _Networks | None = None,
    ) -> None:
        self.source, self.models, self.batch = source, len(flat), batch
        self.values, self.targets = parts(layout.views(flat)), parts(layout.views(gradient))
        analysis, synthesis = self.values.analysis, self.values.synthesis
        # what the layers after the first of the analysis take, and what all of the synthesis take
        self.inner = [flat.new_ones((len(flat), layer.shape[2], batch)) for layer in analysis[1:]]
        if shared is None:
            self.outer = [flat.new_ones((len(flat), layer.shape[2], batch)) for layer in synthesis]
            self._work = [flat.new_empty(len(flat) * _width(self.values) * batch) for _ in range(2)]
        else:
            self.outer, self._work = [units[: len(flat)] for units in shared.outer], shared._work
        self._gram = source.dim > synthesis[-1].shape[2]

    def analyse(self, v: Tensor) -> Tensor:
        """Latents."""
        first = self.values.analysis[0]
        straight = self.source.project(v, first[:, :, :-1], first[:, :, -1:])
        torch.ops.aten.leaky_relu(straight, SLOPE, out=self.inner[0][:, :-1])
        self._forward(self.values.analysis[1:], self.inner)
        return torch.bmm(self.values.analysis[-1], self.inner[-1])

    def reconstruct(self, y: Tensor, v: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Squared error summed over samples and batch, and the gradient of `weight` times it in y.

        Writes the gradients of the synthesis.
        """
        self.outer[0][:, :-1] = y
        self._forward(self.values.synthesis[:-1], self.outer)
        error, grad = (self._gram_error if self._gram else self._plain_error)(v, weight)
        _bent(grad, self.outer[-1])
        grad = self._backward(self.values.synthesis[:-1], self.targets.synthesis, self.outer, grad)
        return error, grad.clone()  # the buffer is shared with the next block

    def adapt(self, v: Tensor, grad: Tensor) -> None:
        """Write the gradients of the analysis from that in the latents."""
        grad = self._backward(self.values.analysis[1:], self.targets.analysis[1:], self.inner, grad)
        grad = _bent(grad, self.inner[0])
        target = self.targets.analysis[0]
        minus, biases = self.source.minus_adjoint(v, grad)
        torch.neg(minus, out=target[:, :, :-1])
        target[:, :, -1] = biases

    def _forward(self, layers: Sequence[Tensor], units: list[Tensor]) -> None:
        """Fill all but the first of the hidden units."""
        for layer, below, above in zip(layers, units, units[1:], strict=False):
            straight = torch.bmm(layer, below, out=self._buffer(0, layer.shape[1]))
            torch.ops.aten.leaky_relu(straight, SLOPE, out=above[:, :-1])

    def _backward(
        self, layers: Sequence[Tensor], targets: Sequence[Tensor], inputs: list[Tensor], grad: Tensor
    ) -> Tensor:
        """Gradients of layers from that in the last one's output; returns that in the first one's input."""
        for i in reversed(range(len(layers))):
            _outer(grad, inputs[i], targets[i])
            rows = layers[i][:, :, :-1].transpose(1, 2)
            grad = torch.bmm(rows, grad, out=self._buffer(i, rows.shape[1]))
            if i > 0:
                _bent(grad, inputs[i])
        return grad

    def _plain_error(self, v: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        layer, hidden = self.values.synthesis[-1], self.outer[-1]
        miss = torch.bmm(layer, hidden).sub_(self.source.sample(v).transpose(1, 2))
        error = miss.square().sum((1, 2))
        grad = miss.mul_(2.0 * weight)
        _outer(grad, hidden, self.targets.synthesis[-1])
        rows = layer[:, :, :-1].transpose(1, 2)
        return error, torch.bmm(rows, grad, out=self._buffer(len(self.outer) - 1, rows.shape[1]))

    def _gram_error(self, v: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """‖x − Aᵀh‖² = ‖x‖² − 2(Ax)·h + hᵀAAᵀh, for the rows A of the last layer and h with its row of ones.

        Exact algebra, with the rounding of float32 relative to ‖x‖². Its gradient is 2(AAᵀh − Ax) in h, and
        2 Σ (hhᵀA − hxᵀ) in A.
        """
        rows, hidden = self.values.synthesis[-1].transpose(1, 2), self.outer[-1]
        target = self.targets.synthesis[-1].transpose(1, 2)
        gram, outer = torch.bmm(rows, rows.transpose(1, 2)), torch.bmm(hidden, hidden.transpose(1, 2))
        projected = self.source.project(v, rows)
        gap = torch.bmm(gram, hidden, out=self._buffer(len(self.outer) - 1, rows.shape[1])).sub_(projected)
        error = self.source.energy(v).sum(1) + (outer * gram).sum((1, 2)) - 2.0 * projected.mul_(hidden).sum((1, 2))
        torch.mul(self.source.minus_adjoint(v, hidden)[0].baddbmm_(outer, rows), 2.0 * weight, out=target)
        return error, gap[:, :-1].mul_(2.0 * weight)

    def _buffer(self, layer: int, width: int) -> Tensor:
        """Contiguous, as batched products need their results to be; another one for the neighbouring layers."""
        size = self.models * width * self.batch
        return self._work[layer % 2][:size].view(self.models, width, self.batch)


def _width(values: Parts) -> int:
    """Units of the widest layer but the realizations, with its row of ones."""
    return max(layer.shape[2] for layer in (*values.analysis[1:], *values.synthesis))


def _bent(grad: Tensor, units: Tensor) -> Tensor:
    """Multiply by the derivative of leaky ReLU, which its result tells as well as its argument."""
    torch.ops.aten.leaky_relu_backward(grad, units[:, :-1], SLOPE, True, grad_input=grad)
    return grad


def _outer(grad: Tensor, units: Tensor, target: Tensor) -> None:
    """Copy grad · unitsᵀ to the target, computed in the order in which that lies in memory."""
    if target.stride(2) == 1:
        target.copy_(torch.bmm(grad, units.transpose(1, 2)))
    else:
        target.transpose(1, 2).copy_(torch.bmm(units, grad.transpose(1, 2)))


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product for each model."""
    return torch.bmm(a.reshape(len(a), 1, -1), b.reshape(len(b), -1, 1)).view(-1)

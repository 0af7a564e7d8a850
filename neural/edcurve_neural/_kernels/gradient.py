"""Loss and gradient of `gradients.Gradient` by compiled kernels, one model after the other.

The activations of a chunk of the batch stay in a cache, and the interpreter is asked once a step. What comes out for a
model does not depend on the models beside it, to the bit.
"""

from __future__ import annotations

import math
from itertools import zip_longest

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models import Layout
from ..objective import Cost
from ..signals import Circle, Signal, Stepped
from .blas import one_core
from .steps import evaluate

BITS = 1.0 / math.log(2.0)
CHUNK = 256  # samples, at most


class Compiled:
    """Evaluates rate and distortion of a batch, and writes the gradient; arguments as for `gradients.Gradient`.

    It takes float32 on a CPU, and the circle, the ramp or the sawbridge.
    """

    def __init__(
        self, source: Signal, layout: Layout, flat: Tensor, gradient: Tensor, batch: int, *, twice: bool = False
    ) -> None:
        self.source, self.batch = source, batch
        self._flat, self._gradient = flat.numpy(), gradient.numpy()
        self._stepped, self._twice = isinstance(source, Stepped), twice
        chunk = -(-batch // -(-batch // CHUNK))
        starts = _starts(layout)
        plan = _Plan(layout, starts, self._stepped)
        units = _zeros(plan.rows, chunk)
        units[plan.ones] = 1.0
        density = _density(layout, starts)
        latents = layout.shapes["density.0.matrix"][0]
        widths = density[:, 4]
        parameters = int((widths * (density[:, 3] + 2)).sum())
        width, rows = (int(plan.layers[0, 2]), int(plan.layers[-1, 1]) + 1) if self._stepped else (0, 0)
        dim = source.dim if self._stepped else 0
        line = source.line(torch.empty(0, dtype=torch.float64)).numpy() if isinstance(source, Stepped) else np.zeros(0)
        self._fixed = (line, plan.layers, density, np.array([*plan.spare, starts["sharpness"]]), chunk)
        self._work = (
            units.ravel(),
            _zeros(9 * latents * chunk),
            _zeros((1 + 2 * int(widths.sum()) + int(widths.max())) * 2 * chunk),
            _zeros(latents, parameters),
            _zeros(latents, parameters),
            _zeros(width * batch),
            _zeros(rows * batch),
            _zeros(rows * rows),
            _zeros(rows * rows),
            _zeros(4, dim + 1),
            _zeros(4 * (dim + 1)),
            np.zeros(len(flat)),
            np.zeros(len(flat)),
        )

    def __call__(self, v: Tensor, noise: Tensor, alpha: Tensor, lmbda: Tensor, *, learned: bool) -> Cost:
        """Costs of a batch; arguments as for `gradients.Gradient`."""
        x, drops, energy = self._realizations(v)
        weight = self.source.weight / self.batch
        with one_core():
            evaluate(
                self._flat,
                self._gradient,
                x.numpy(),
                drops.numpy(),
                energy.numpy(),
                noise.contiguous().numpy(),
                alpha.numpy(),
                (lmbda * weight).numpy(),
                self._stepped,
                self._twice,
                learned,
                *self._fixed,
                *self._work,
            )
        nats, errors = self._work[-2:]
        return Cost(torch.from_numpy(nats * (-BITS / self.batch)).float(), torch.from_numpy(errors * weight).float())

    def _realizations(self, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the kernel takes of the phases."""
        if isinstance(self.source, Stepped):
            return (self.source.slope * v).unsqueeze(1), self.source.drop(v), self.source.energy(v).sum(1)
        assert isinstance(self.source, Circle)
        return self.source.coordinates(v), v.new_zeros((len(v), 0), dtype=torch.int64), v.new_zeros(len(v))


class _Plan:
    """Tables of the kernels: the layers, and which rows of units are whose."""

    def __init__(self, layout: Layout, starts: dict[str, int], stepped: bool) -> None:
        self.rows, self.ones = 0, list[int]()
        shapes = {name: shape for name, shape in layout.shapes.items() if name.startswith(("analysis", "synthesis"))}
        names = list(shapes)
        table, above, widest = [], 0, 1
        for name, (rows, columns) in shapes.items():
            flipped = name.startswith("synthesis")
            fan_in, fan_out = (rows - 1, columns) if flipped else (columns - 1, rows)
            outside = stepped and name in (names[0], names[-1])  # not as units, but by prefix sums
            if name.endswith(".0"):
                above = 0 if stepped and not flipped else self._take(fan_in)
            below, above = above, 0 if stepped and name == names[-1] else self._take(fan_out)
            table.append((starts[name], fan_in, fan_out, int(flipped), below, above))
            widest = max(
                widest, *((fan_in + 1,) if outside and flipped else (fan_out,) if outside else (fan_in + 1, fan_out))
            )
        self.layers = np.array(table)
        self.spare = self._take(widest), self._take(widest)

    def _take(self, units: int) -> int:
        """Rows for so many units, and one of ones."""
        start = self.rows
        self.rows += units + 1
        self.ones.append(start + units)
        return start


def _starts(layout: Layout) -> dict[str, int]:
    """Where each parameter starts in those of a model."""
    ends = np.cumsum([math.prod(shape) for shape in layout.shapes.values()])
    return dict(zip(layout.shapes, [0, *ends.tolist()], strict=False))


def _density(layout: Layout, starts: dict[str, int]) -> NDArray[np.int64]:
    """Table of the density; see `_kernels.density`."""
    kinds = [[name for name in layout.shapes if name.endswith(kind)] for kind in (".matrix", ".bias", ".factor")]
    table = []
    for matrix, bias, factor in zip_longest(*kinds):
        _latents, fan_out, fan_in = layout.shapes[matrix]
        table.append((starts[matrix], starts[bias], starts.get(factor, -1), fan_in, fan_out))
    return np.array(table)


def _zeros(*shape: int) -> NDArray[np.float32]:
    """Aligned, as torch allocates."""
    return torch.zeros(shape).numpy()

"""`Compiled`: loss and gradient of a batch by compiled kernels, one model after the other.

What a chunk of the batch makes stays in a cache, and the interpreter is asked once a step. What comes out for a model
does not depend on the models beside it, to the bit.
"""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edcurve_neural.compressors.ntc import Layout
from edcurve_neural.compressors.objective import Cost, learned_alpha
from edcurve_neural.signals import Harmonic, Signal, Stepped

from .compiling import Table, Vector
from .cores import one_core
from .steps import LATENT_ROWS, evaluate

BITS = 1.0 / math.log(2.0)
CHUNK = 256  # samples, at most


class Compiled:
    """Evaluates rate and distortion of a batch, and writes the gradient; arguments as for `gradients.gradient_of`.

    It takes float32 on a CPU, and the circle or a source that is stepped.
    """

    def __init__(
        self, source: Signal, layout: Layout, flat: Tensor, gradient: Tensor, batch: int, *, twice: bool = False
    ) -> None:
        self.source, self.batch, self.twice = source, batch, twice
        self._parameters, self._views = (flat.numpy(), gradient.numpy()), layout.views(flat)
        starts = _starts(layout)
        plan, density = _Plan(layout, starts, stepped=isinstance(source, Stepped)), _density(layout, starts)
        chunk = -(-batch // -(-batch // CHUNK))
        line = source.line(torch.empty(0, dtype=torch.float64)).numpy() if isinstance(source, Stepped) else np.zeros(0)
        places = np.array([*plan.spare, starts["sharpness"]])
        self._fixed: tuple[Any, ...] = (line, plan.layers, density, places, chunk)
        self._work = _work(plan, density, layout.shapes["density.0.matrix"][0], len(line), batch, chunk)
        self._sums = np.zeros(len(flat)), np.zeros(len(flat))

    @torch.no_grad()
    def __call__(self, v: Tensor, noise: Tensor, alpha: Tensor | None, lmbda: Tensor) -> Cost:
        """Cost of a batch; writes the gradient."""
        weight = self.source.weight / self.batch
        sharpness = learned_alpha(self._views) if alpha is None else alpha
        inputs = (*self._realizations(v), noise.contiguous(), sharpness, lmbda * weight)
        tensors = [tensor.numpy() for tensor in inputs]
        flags = isinstance(self.source, Stepped), self.twice, alpha is None
        arguments: list[Any] = [*self._parameters, *tensors, *flags, *self._fixed, *self._work, *self._sums]
        with one_core():
            evaluate(*arguments)
        nats, errors = (torch.from_numpy(sums) for sums in self._sums)
        return Cost((nats * (-BITS / self.batch)).float(), (errors * weight).float())

    def _realizations(self, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Coordinates, or what the line is raised by and where it drops; sums of ‖x‖², where they are of use."""
        if isinstance(self.source, Stepped):
            return (self.source.slope * v).unsqueeze(1), self.source.drop(v), self.source.energy(v).sum(1)
        assert isinstance(self.source, Harmonic)
        return self.source.coordinates(v), v.new_zeros((len(v), 0), dtype=torch.int64), v.new_zeros(len(v))


class _Plan:
    """The table of layers, as `networks` has it, and which rows of the units are whose.

    The first and the last layer of a source that is stepped are not computed as units: they have the row 0 for them.
    """

    def __init__(self, layout: Layout, starts: dict[str, int], *, stepped: bool) -> None:
        self.rows, self.ones = 0, list[int]()
        names = [name for name in layout.shapes if name.startswith(("analysis", "synthesis"))]
        table, widest, above = list[tuple[int, ...]](), 0, 0
        for name in names:
            rows, columns = layout.shapes[name]
            flipped = name.startswith("synthesis")
            fan_in, fan_out = (rows - 1, columns) if flipped else (columns - 1, rows)
            takes, makes = not (stepped and name == names[0]), not (stepped and name == names[-1])
            if name.endswith(".0"):
                above = self._take(fan_in) if takes else 0
            below, above = above, self._take(fan_out) if makes else 0
            table.append((starts[name], fan_in, fan_out, int(flipped), below, above))
            widest = max(widest, takes * (fan_in + 1), makes * fan_out)
        self.layers = np.array(table)
        self.spare = self._take(widest), self._take(widest)

    def _take(self, units: int) -> int:
        """Rows for so many units, and one of ones."""
        start = self.rows
        self.rows += units + 1
        self.ones.append(start + units)
        return start


def _work(plan: _Plan, density: Table, latents: int, dim: int, batch: int, chunk: int) -> tuple[Vector, ...]:
    """What `steps.evaluate` works in, in the order of its arguments."""
    units = _zeros(plan.rows, chunk)
    units[plan.ones] = 1.0
    fan_in, fan_out = density[:, 3], density[:, 4]
    parameters = latents, int((fan_out * (fan_in + 2)).sum())
    points = (1 + 2 * int(fan_out.sum()) + int(fan_in.max())) * 2 * chunk
    width, rows = (int(plan.layers[0, 2]), int(plan.layers[-1, 1]) + 1) if dim else (0, 0)
    return (
        *(units.ravel(), _zeros(LATENT_ROWS * latents * chunk), _zeros(points)),
        *(_zeros(*parameters), _zeros(*parameters)),
        *(_zeros(width * batch), _zeros(rows * batch), _zeros(rows * rows), _zeros(rows * rows)),
        *(_zeros(4, dim + 1), _zeros(4 * (dim + 1))),
    )


def _starts(layout: Layout) -> dict[str, int]:
    """Where each parameter starts in those of a model."""
    ends = np.cumsum([math.prod(shape) for shape in layout.shapes.values()])
    return dict(zip(layout.shapes, [0, *ends.tolist()], strict=False))


def _density(layout: Layout, starts: dict[str, int]) -> Table:
    """Table of the layers of the density, as `density` has it."""
    kinds = [[name for name in layout.shapes if name.endswith(kind)] for kind in (".matrix", ".bias", ".factor")]
    table = []
    for matrix, bias, factor in zip_longest(*kinds):
        _latents, fan_out, fan_in = layout.shapes[matrix]
        table.append((starts[matrix], starts[bias], starts.get(factor, -1), fan_in, fan_out))
    return np.array(table)


def _zeros(*shape: int) -> Vector:
    """Aligned, as torch allocates."""
    return torch.zeros(shape).numpy()

"""`Compiled`: loss and gradient of a batch by compiled kernels, one model after the other.

Intermediate results of a chunk of the batch stay in a cache, and Python calls the kernels once a step. The results of a
model do not depend on the other models, to the bit.
"""

from __future__ import annotations

import math
from itertools import zip_longest

import numpy as np
import torch
from torch import Tensor

from edcurve_neural.compressors.base import Layout
from edcurve_neural.compressors.objective import learned_alpha
from edcurve_neural.optimisation.program import Cost
from edcurve_neural.signals.base import Signal

from .compiling import Table, Vector
from .cores import one_core
from .networks import Parameters
from .steps import LATENT_ROWS, Batch, Plan, Totals, Workspace, evaluate

BITS = 1.0 / math.log(2.0)
CHUNK = 256  # samples, at most: the units of networks with two hidden layers of 100 then take 0.6 MB


class Compiled:
    """Evaluates rate and distortion of a batch, and writes the gradient; arguments as for `gradients.gradient_of`.

    It takes float32 on a CPU, and accelerated sources.
    """

    def __init__(
        self, source: Signal, layout: Layout, flat: Tensor, gradient: Tensor, batch: int, *, twice: bool = False
    ) -> None:
        self.source, self._per_sample = source, source.weight / batch
        self._parameters, self._views = Parameters(flat.numpy(), gradient.numpy()), layout.views(flat)
        self._plan, units = _plan(source, layout, batch, twice=twice)
        self._work = _workspace(self._plan, units, layout.shapes["density.0.matrix"][0], batch)
        self._sums = torch.zeros((2, len(flat)), dtype=torch.float64)
        self._totals = Totals(*self._sums.numpy())
        # these turn sums into means, the rate in bits
        self._factors = torch.tensor([[-BITS / batch], [self._per_sample]], dtype=torch.float64)

    def __call__(self, v: Tensor, noise: Tensor, alpha: Tensor | None, lmbda: Tensor) -> Cost:
        """Cost of a batch; writes the gradient."""
        x, drops, energy = self.source.terms(v)
        batch = Batch(
            x=x.contiguous().numpy(),
            drops=drops.numpy(),
            energy=energy.numpy(),
            noise=noise.contiguous().numpy(),
            alpha=(learned_alpha(self._views) if alpha is None else alpha).numpy(),
            weight=(lmbda * self._per_sample).numpy(),
            learned=alpha is None,
        )
        with one_core():
            evaluate(self._parameters, batch, self._plan, self._work, self._totals)
        return Cost(*(self._sums * self._factors).float())


class _Units:
    """Allocates rows of units; a row of ones follows those of each layer."""

    def __init__(self) -> None:
        self.rows, self.ones = 0, list[int]()

    def take(self, count: int) -> int:
        """Reserve rows; returns the first of them."""
        start = self.rows
        self.rows += count + 1
        self.ones.append(start + count)
        return start

    def filled(self, chunk: int) -> Vector:
        """The units of a chunk, with the ones."""
        units = _zeros(self.rows, chunk)
        units[self.ones] = 1.0
        return units.ravel()


def _plan(source: Signal, layout: Layout, batch: int, *, twice: bool) -> tuple[Plan, _Units]:
    """The plan of all steps, and the units that it needs.

    The first and the last layer of a stepped source are not computed as units, and have no rows: their row numbers are
    0.
    """
    line = source.line(torch.empty(0, dtype=torch.float64)).numpy()
    stepped, starts, units = bool(len(line)), _starts(layout), _Units()
    names = [name for name in layout.shapes if name.startswith(("analysis", "synthesis"))]
    table, widest, above = list[tuple[int, ...]](), 0, 0
    for name in names:
        rows, columns = layout.shapes[name]
        flipped = name.startswith("synthesis")
        fan_in, fan_out = (rows - 1, columns) if flipped else (columns - 1, rows)
        has_inputs, has_outputs = not (stepped and name == names[0]), not (stepped and name == names[-1])
        if name.endswith(".0"):
            above = units.take(fan_in) if has_inputs else 0
        below, above = above, units.take(fan_out) if has_outputs else 0
        table.append((starts[name], fan_in, fan_out, int(flipped), below, above))
        widest = max(widest, has_inputs * (fan_in + 1), has_outputs * fan_out)
    plan = Plan(
        stepped=stepped,
        twice=twice,
        line=line,
        layers=np.array(table),
        density=_density(layout, starts),
        grad=units.take(widest),
        other=units.take(widest),
        sharpness=starts["sharpness"],
        chunk=-(-batch // -(-batch // CHUNK)),  # the fewest chunks, all of one size but the last
    )
    return plan, units


def _workspace(plan: Plan, units: _Units, latents: int, batch: int) -> Workspace:
    """Memory for `steps.evaluate`."""
    fan_in, fan_out = plan.density[:, 3], plan.density[:, 4]
    parameters = latents, int((fan_out * (fan_in + 2)).sum())
    points = 1 + 2 * int(fan_out.sum()) + int(fan_in.max())  # a latent, all layers with their tanh, and spare rows
    dim = len(plan.line)
    width, rows = (int(plan.layers[0, 2]), int(plan.layers[-1, 1]) + 1) if plan.stepped else (0, 0)
    return Workspace(
        units=units.filled(plan.chunk),
        latents=_zeros(LATENT_ROWS * latents * plan.chunk),
        points=_zeros(points * 2 * plan.chunk),
        maps=_zeros(*parameters),
        sums=_zeros(*parameters),
        first=_zeros(width * batch),
        last=_zeros(rows * batch),
        square=_zeros(rows * rows),
        outer=_zeros(rows * rows),
        prefix=_zeros(4, dim + 1),
        steps=_zeros(4 * (dim + 1)),
    )


def _starts(layout: Layout) -> dict[str, int]:
    """Offset of each parameter among those of a model."""
    ends = np.cumsum([math.prod(shape) for shape in layout.shapes.values()])
    return dict(zip(layout.shapes, [0, *ends.tolist()], strict=False))


def _density(layout: Layout, starts: dict[str, int]) -> Table:
    """Table of the layers of the density: rows of `density.DensityLayer`."""
    kinds = [[name for name in layout.shapes if name.endswith(kind)] for kind in (".matrix", ".bias", ".factor")]
    table = []
    for matrix, bias, factor in zip_longest(*kinds):
        _latents, fan_out, fan_in = layout.shapes[matrix]
        table.append((starts[matrix], starts[bias], starts.get(factor, -1), fan_in, fan_out))
    return np.array(table)


def _zeros(*shape: int) -> Vector:
    """Zeros in memory that torch has aligned."""
    return torch.zeros(shape).numpy()

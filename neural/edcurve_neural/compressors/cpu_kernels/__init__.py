"""An optional accelerator of training on a CPU: steps compiled by numba, model by model, in float32.

`accelerator` is the only entry point. `objective.cost` defines what the kernels compute, and tests hold them to it;
without them, training differentiates it by autograd. Kernels do not check their input. They release the interpreter's
lock, so that models train in threads.

Set the environment variable EDCURVE_CPU_KERNELS to 0 to train without them. NUMBA_DISABLE_JIT=1 turns them off as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from edcurve.apart import once
from torch import Tensor

from edcurve_neural.compressors.base import Layout
from edcurve_neural.optimisation.program import Cost
from edcurve_neural.signals.base import Signal

if TYPE_CHECKING:
    from .gradient import Compiled


def accelerator(
    source: Signal, layout: Layout, flat: Tensor, gradient: Tensor, batch: int, *, twice: bool = False
) -> Callable[[Tensor, Tensor, Tensor | None, Tensor], Cost] | None:
    """Loss and gradient by compiled kernels; arguments and result as for `gradients.gradient_of`.

    Returns
    -------
    callable or None
        None where the kernels do not apply: they need float32 on a CPU, an accelerated source and no Fourier
        embeddings, and may be turned off.
    """
    shapes = layout.shapes
    fans = shapes["analysis.0"][1] - 1, shapes["synthesis.0"][0] - 1
    plain = fans == (source.dim, shapes["density.0.matrix"][0])
    applicable = plain and source.accelerated and flat.device.type == "cpu" and flat.dtype == torch.float32
    if not (applicable and turned_on()):
        return None
    return _compiled()(source, layout, flat, gradient, batch, twice=twice)


def prepare(source: Signal) -> None:
    """Compile the kernels if they apply to a source; in the main thread, Ctrl-C can interrupt this."""
    if source.accelerated and turned_on():
        _compiled()


@once
def _compiled() -> type[Compiled]:
    """The class `Compiled`, whose module compiles on import, or loads compiled kernels from a cache."""
    from .gradient import Compiled

    return Compiled


def turned_on() -> bool:
    """Whether the environment allows the kernels: EDCURVE_CPU_KERNELS is not 0, and numba may compile."""
    return os.environ.get("EDCURVE_CPU_KERNELS", "1") != "0" and os.environ.get("NUMBA_DISABLE_JIT", "0") == "0"

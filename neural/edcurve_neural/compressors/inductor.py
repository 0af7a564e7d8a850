"""The loss compiled by PyTorch's inductor, for trainings on a GPU that are long enough to repay the compile time.

Compiling takes 13 to 26 seconds on an H200 for each of the two forms of the loss, α scheduled and learned. The step is
then shorter by a third for the circle and by a sixth for the ramp (a prototype of the recorded step, torch 2.11).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, TypeVarTuple

import torch
from edcurve.validation import warn

from edcurve_neural.optimisation.settings import Settings

A = TypeVarTuple("A")
T = TypeVar("T")
PHASES = 5e9  # of all models and steps, from which compiling repays: 200 s at the measured 40 ns a phase
BACKEND = "inductor"


def repays(configs: Sequence[Settings], device: torch.device) -> bool:
    """Whether to compile the loss of these models; it depends on nothing else: resumed training decides the same.

    The environment variable EDCURVE_INDUCTOR decides if it is 0 or 1.
    """
    switch = os.environ.get("EDCURVE_INDUCTOR", "")
    if switch in ("0", "1"):
        return switch == "1"
    first = configs[0]
    return device.type == "cuda" and len(configs) * first.batch_size * first.steps >= PHASES


def compiled(function: Callable[[*A], T]) -> Callable[[*A], T]:
    """A function compiled for the shapes of its arguments; if that fails, it warns and runs without compiling.

    Arguments and results are tensors, and tuples and dicts of them.
    """
    options: dict[str, Any] | None = {"deterministic": True} if BACKEND == "inductor" and _deterministic() else None
    fast: Callable[[*A], T] = torch.compile(function, backend=BACKEND, fullgraph=True, dynamic=False, options=options)
    works = True

    def call(*arguments: *A) -> T:
        nonlocal works
        if works:
            try:
                return fast(*arguments)
            except torch.cuda.OutOfMemoryError:
                raise
            except Exception as error:  # a compiler may raise anything
                works = False
                reason = str(error).strip().partition("\n")[0]
                warn(f"the loss cannot be compiled, and is trained without ({type(error).__name__}: {reason})")
        return function(*arguments)

    return call


def _deterministic() -> bool:
    """Whether inductor can be told not to choose by timings among kernels that round differently."""
    import torch._inductor.config

    return hasattr(torch._inductor.config, "deterministic")

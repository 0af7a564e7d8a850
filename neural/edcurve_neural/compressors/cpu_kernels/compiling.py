"""How the kernels here are compiled, on import, and the types of their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
from edcurve.kernels import compiling
from numpy.typing import NDArray

Run = TypeVar("Run", bound=Callable[..., Any])
Real: TypeAlias = Any  # float32
Vector: TypeAlias = NDArray[np.float32]
Table: TypeAlias = NDArray[np.int64]
Doubles: TypeAlias = NDArray[np.float64]
# Products and sums may be fused, but not rearranged: NaN stays NaN, and sums keep their written order.
FUSED = {"contract"}


def inner(run: Run) -> Run:
    """A function for kernels to call, evaluated in its written order, up to fused products."""
    return compiling.inner(run, fastmath=FUSED, no_cfunc_wrapper=True)


def reduction(run: Run) -> Run:
    """As `inner`, but sums may be rearranged for vectorisation, always in the same way."""
    return compiling.inner(run, fastmath=FUSED | {"reassoc", "nsz"}, no_cfunc_wrapper=True)


def kernel(*types: Any) -> Callable[[Run], Run]:
    """Compile a function for these types of arguments when it is defined, or load it from numba's cache."""

    def compiled(run: Run) -> Run:
        return compiling.kernel(run, types, fastmath=FUSED, no_cfunc_wrapper=True)

    return compiled

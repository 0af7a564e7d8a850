"""How kernels are compiled: once, kept on disk, without the interpreter's lock; and the types of what they take."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Run = TypeVar("Run", bound=Callable[..., Any])
Real: TypeAlias = Any  # float32
Vector: TypeAlias = NDArray[np.float32]
Table: TypeAlias = NDArray[np.int64]
Doubles: TypeAlias = NDArray[np.float64]
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_njit: Callable[..., Any] = numba.njit


def inner(run: Run) -> Run:
    """A function for kernels to call.

    Products and sums may be fused, but not rearranged: what is NaN stays NaN, and sums are those that are written.
    """
    return cast(Run, _njit(fastmath={"contract"}, no_cpython_wrapper=True, **OPTIONS)(run))


def reduction(run: Run) -> Run:
    """As `inner`, but sums may be rearranged, so that they are vectorised: always in the same way."""
    return cast(Run, _njit(fastmath={"contract", "reassoc", "nsz"}, no_cpython_wrapper=True, **OPTIONS)(run))


def kernel(signature: str) -> Callable[[Run], Run]:
    """Compile for these types of arguments when it is defined, or load it from the cache of numba."""

    def compiled(run: Run) -> Run:
        # numba names its cache file after this; it looks at the time of one file alone, not of what that calls
        run.__qualname__ = f"{run.__name__}_{_fingerprint()}"
        options = {"fastmath": {"contract"}, **OPTIONS}
        try:
            return cast(Run, _njit(signature, cache=True, **options)(run))
        except (RuntimeError, OSError):  # no folder, or no room, for the cache: compile anew in each process
            return cast(Run, _njit(signature, **options)(run))

    return compiled


@cache
def _fingerprint() -> str:
    """Digest of the kernels' source."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]

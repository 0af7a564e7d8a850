"""Compiling the kernels of this folder once, and keeping them on disk."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeVar, cast

from edcurve.kernels import loops

Item = TypeVar("Item")
Result = TypeVar("Result")
REAL, REALS, TABLE = "float64", "float64[::1]", "float64[:,::1]"
INTEGER, INTEGERS = "int64", "int64[::1]"


@cache
def kernel(run: Any, *types: str) -> Callable[..., Any]:
    """Compile `run` for these types of arguments; the functions of its module that it calls are dissolved in it."""
    import numba

    with loops._compiling:
        _make_known(sys.modules[run.__module__])
        # numba names its cache file after this; it looks at the time of one file alone, not of what that calls
        run.__qualname__ = f"{run.__name__}_{_fingerprint()}"
        signature = f"void({', '.join(types)})"
        try:
            return cast(Callable[..., Any], numba.njit(signature, cache=True, nogil=True, error_model="numpy")(run))
        except (RuntimeError, OSError):  # no folder, or no room, for the cache: compile anew in each process
            return cast(Callable[..., Any], numba.njit(signature, nogil=True, error_model="numpy")(run))


@cache
def _make_known(module: ModuleType) -> None:
    """Let kernels call the functions that the module defines or has from others of this folder."""
    from numba.extending import register_jitable

    for value in vars(module).values():
        if not isinstance(value, FunctionType):
            continue
        if value.__module__ == module.__name__:
            register_jitable(nogil=True, error_model="numpy", forceinline=True)(value)
        else:
            _make_known(sys.modules[value.__module__])


@cache
def _fingerprint() -> str:
    """Digest of the kernels' source."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def in_threads(run: Callable[[Item], Result], items: Iterable[Item]) -> Iterable[Result]:
    """`run` of every item, in order, by as many threads as there are cores; they live for this call alone."""
    listed = list(items)
    threads = min(loops.cores(), len(listed))
    if threads <= 1 or threading.current_thread() is not threading.main_thread():
        yield from map(run, listed)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(run, listed)

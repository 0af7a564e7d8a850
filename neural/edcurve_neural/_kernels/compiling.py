"""How kernels are compiled: once, kept on disk, without the interpreter's lock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
# products and sums may be fused, but not rearranged: what is NaN stays NaN, and sums are those that are written
inner = numba.njit(fastmath={"contract"}, **OPTIONS)
# sums may be rearranged, so that they are vectorised
reduction = numba.njit(fastmath={"contract", "reassoc", "nsz"}, **OPTIONS)


def kernel(signature: str) -> Callable[[Any], Any]:
    """Compile for these types of arguments when it is defined, or load it from the cache of numba."""

    def compiled(run: Any) -> Any:
        # numba names its cache file after this; it looks at the time of one file alone, not of what that calls
        run.__qualname__ = f"{run.__name__}_{_fingerprint()}"
        options = {"fastmath": {"contract"}, **OPTIONS}
        try:
            return numba.njit(signature, cache=True, **options)(run)
        except RuntimeError:  # no folder that can be written for the cache: compile anew in each process
            return numba.njit(signature, **options)(run)

    return compiled


@cache
def _fingerprint() -> str:
    """Digest of the kernels' source."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]

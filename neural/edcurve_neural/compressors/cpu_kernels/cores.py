"""The number of cores that BLAS may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # it has no types


@contextmanager
def one_core() -> Iterator[None]:
    """Let BLAS use one core inside; what was set before comes back.

    Training shares out models among cores, and products this small do not pay for waking others. Depending on how BLAS
    was built, the number belongs to the process or to the thread. Where it belongs to the process, only the thread that
    set it first may change it; so training enters this once for all of its steps, and for each one again.
    """
    controller = _controller()
    if all(library.num_threads == 1 for library in controller.lib_controllers):
        yield
    else:
        with controller.limit(limits=1, user_api="blas"):
            yield


@cache
def _controller() -> ThreadpoolController:
    """The controller of all BLAS libraries loaded by now, SciPy's among them."""
    import scipy.linalg.cython_blas  # noqa: F401  # loads BLAS

    return ThreadpoolController().select(user_api="blas")

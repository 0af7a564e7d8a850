"""How many cores BLAS may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # it has no types


@contextmanager
def one_core() -> Iterator[None]:
    """Let BLAS use one core: models are what is shared out among cores. What was set before comes back in the end.

    The number belongs to the process or to the thread, as BLAS was built. Where it belongs to the process, the thread
    that set it first is who may change it; so training enters this for all of its steps, and for each one again.
    """
    controller = _controller()
    if all(library.num_threads == 1 for library in controller.lib_controllers):
        yield
    else:
        with controller.limit(limits=1, user_api="blas"):
            yield


@cache
def _controller() -> ThreadpoolController:
    """Of what is loaded when it is first asked for: by then SciPy is."""
    import scipy.linalg.cython_blas  # noqa: F401  # loads BLAS

    return ThreadpoolController().select(user_api="blas")

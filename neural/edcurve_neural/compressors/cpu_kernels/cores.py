"""The number of cores that BLAS may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # it has no types


@contextmanager
def one_core() -> Iterator[None]:
    """Let BLAS use one core inside; its previous number of cores is restored.

    Training distributes models over cores, and products this small do not gain from more than one. Depending on how
    BLAS was built, the number belongs to the process or to the thread. If it belongs to the process, only the thread
    that set it first may change it; so training enters this once around all of its steps, and again in each one.
    """
    controller = _controller()
    if all(library.num_threads == 1 for library in controller.lib_controllers):
        yield
    else:
        with controller.limit(limits=1, user_api="blas"):
            yield


@cache
def _controller() -> ThreadpoolController:
    """The controller of all loaded BLAS libraries, including SciPy's."""
    import scipy.linalg.cython_blas  # noqa: F401  # loads BLAS

    return ThreadpoolController().select(user_api="blas")

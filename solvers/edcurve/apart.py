"""Work that Ctrl-C must not interrupt, such as importing numba or compiling: it runs in a thread of its own."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import _lru_cache_wrapper, cache, wraps
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")
POLLED = 0.1  # seconds between checks whether the thread has ended: Windows does not interrupt a wait

_lock = threading.RLock()  # held during such work, and during a fork

if hasattr(os, "register_at_fork"):
    # a child forked while a thread compiles would inherit numba's lock, which nobody releases
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def apart(work: Callable[[], T]) -> T:
    """The result of work that is always completed, one piece at a time, even after Ctrl-C.

    numba and PyTorch cannot be used in a session in which an interrupt left them partly imported, and compiling one
    kernel may take half a minute. So Ctrl-C ends the wait for such work, not the work: the next caller that needs its
    result waits for it again. Threads other than the main one, which receive no interrupts, do the work themselves. So
    does a thread that is importing a module: compiling may import this module too, which another thread could not do
    before the import has ended.
    """
    if threading.current_thread() is not threading.main_thread() or _importing():
        with _lock:
            return work()
    result: Future[T] = Future()

    def run() -> None:
        with _lock:
            try:
                result.set_result(work())
            except BaseException as error:  # raised again by whoever waits
                result.set_exception(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(POLLED)
    return result.result()


def _importing() -> bool:
    """Whether this thread is importing a module."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "importlib._bootstrap":
            return True
        frame = frame.f_back
    return False


def once(function: Callable[..., T]) -> _lru_cache_wrapper[T]:
    """The function, called `apart`, and only once for the same arguments even if an interrupt ended the wait."""
    cached = cache(function)

    @cache
    @wraps(function)
    def result(*arguments: Any) -> T:
        return apart(lambda: cached(*arguments))

    return result

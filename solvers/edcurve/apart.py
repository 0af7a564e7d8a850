"""Work that Ctrl-C must not cut short, such as importing numba or compiling: it is done in a thread of its own."""

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
POLLED = 0.1  # seconds between looks at whether the thread has ended: Windows does not interrupt a wait

_lock = threading.RLock()  # held by whoever does such work, or forks

if hasattr(os, "register_at_fork"):
    # a child forked while a thread compiles would inherit numba's lock for good
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def apart(work: Callable[[], T]) -> T:
    """The result of work that is done to its end, and of which there is one at a time, even after Ctrl-C.

    numba and PyTorch cannot be used in a session in which an interrupt left them half imported, and compiling one
    kernel may take half a minute. So Ctrl-C ends the wait for such work, and not the work: what needs its result next
    waits for it again. Threads other than the main one, to which no interrupts go, do the work themselves. So does a
    thread that is importing a module: compiling may import that module too, which another thread could not before the
    import has ended.
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
    """Whether this thread is in the middle of an import."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "importlib._bootstrap":
            return True
        frame = frame.f_back
    return False


def once(function: Callable[..., T]) -> _lru_cache_wrapper[T]:
    """The function, called `apart`, and once for the same arguments even if nobody waits for the result."""
    made = cache(function)

    @cache
    @wraps(function)
    def result(*arguments: Any) -> T:
        return apart(lambda: made(*arguments))

    return result

"""Threads that live for one call, so that a forked child never inherits a broken pool."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Number of cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(run: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None) -> Iterator[Result]:
    """Results of a function for every item, in order, computed concurrently.

    Parameters
    ----------
    run : callable
        A function that releases the interpreter's lock; otherwise threads gain nothing.
    items : iterable
        Its arguments, one at a time.
    threads : int, optional
        Most threads. By default one per core; no further thread if called outside the main thread, because its
        creator has already distributed the work.

    Yields
    ------
    object
        ``run(item)``.
    """
    listed = list(items)
    if threads is None:
        threads = cores() if threading.current_thread() is threading.main_thread() else 1
    threads = min(threads, len(listed))
    if threads <= 1:
        yield from map(run, listed)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(run, listed)

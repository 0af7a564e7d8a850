"""Progress of work that takes more than two seconds, on standard error: a bar, or a line for work without steps."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

PATIENCE = 2.0  # seconds


@contextmanager
def bar(title: str, total: int | None) -> Iterator[Callable[[int, int], None]]:
    """Yield ``update(done, total)``; a bar appears after `PATIENCE` seconds, and only on a terminal.

    `total` is None if the number of steps is not known in advance.
    """
    start, shown = time.monotonic(), None
    with ExitStack() as stack:

        def update(done: int, _total: int) -> None:
            nonlocal shown
            if shown is None and time.monotonic() - start > PATIENCE and _on_terminal():
                shown = stack.enter_context(_shown(title, total))
            if shown is not None:
                shown.update(done - shown.pos)

        yield update


@contextmanager
def notice(text: str) -> Iterator[None]:
    """Print a line about the current work once it has taken `PATIENCE` seconds; only on a terminal."""
    timer = threading.Timer(PATIENCE, lambda: print(text, file=sys.stderr, flush=True))
    timer.daemon = True
    if _on_terminal():
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _shown(title: str, total: int | None) -> Any:
    from click import progressbar

    steps = itertools.count() if total is None else range(total)
    return progressbar(steps, length=total, label=title, file=sys.stderr, show_pos=True)

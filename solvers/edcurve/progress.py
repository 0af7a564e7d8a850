"""A progress bar on standard error for work that turns out to take more than two seconds."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

PATIENCE = 2.0  # seconds


@contextmanager
def bar(title: str, total: int | None) -> Iterator[Callable[[int, int], None]]:
    """Yield ``update(done, total)``; a bar appears after `PATIENCE` seconds, and only on a terminal.

    `total` is None where the number of steps is not known before.
    """
    start, shown = time.monotonic(), None
    with ExitStack() as stack:

        def update(done: int, _total: int) -> None:
            nonlocal shown
            if shown is None and time.monotonic() - start > PATIENCE and sys.stderr and sys.stderr.isatty():
                shown = stack.enter_context(_shown(title, total))
            if shown is not None:
                shown.update(done - shown.pos)

        yield update


def _shown(title: str, total: int | None) -> Any:
    from click import progressbar

    steps = itertools.count() if total is None else range(total)
    return progressbar(steps, length=total, label=title, file=sys.stderr, show_pos=True)

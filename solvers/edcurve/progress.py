"""A progress bar on standard error for work that turns out to take more than two seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 2.0


@contextmanager
def bar(title: str, total: int | None) -> Iterator[Callable[[int, int], None]]:
    """Yield ``update(done, total)``; nothing is shown before `PATIENCE` seconds have passed, or off a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    start = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    shown = Progress(*columns, console=console, transient=True)
    task = shown.add_task(title, total=total)

    def update(done: int, _total: int) -> None:
        shown.update(task, completed=done)
        if console.is_terminal and not shown.live.is_started and time.monotonic() - start > PATIENCE:
            shown.start()

    try:
        yield update
    finally:
        if shown.live.is_started:
            shown.stop()

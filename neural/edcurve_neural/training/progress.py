"""Display of training while it runs: a progress bar, and TensorBoard logs on request."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edcurve_neural.compressors.base import Compressor
from edcurve_neural.optimisation.program import Program, Record
from edcurve_neural.runs import evaluate_model

if TYPE_CHECKING:
    from rich.progress import Progress


GLANCE = 4096  # phases of a quick evaluation
SHOWN = 0.5  # seconds between updates of the bar
COSTLY = 20.0  # evaluations take at most 1/20 of the time
BAR = 20  # columns of the bar
TAKEN = BAR + 25  # columns before the summary


class Glance(NamedTuple):
    """Quick evaluation of all models, shape (models,): hard rounding, in bits; the most important value comes first."""

    excess: NDArray[np.float64]
    loss: NDArray[np.float64]
    entropy: NDArray[np.float64]
    distortion: NDArray[np.float64]


def glance(program: Program[Compressor]) -> Glance:
    """Rate + λD, entropy, distortion and excess of all models of a program, on a coarse grid."""
    rows = []
    for i, config in enumerate(program.configs):
        result = evaluate_model(program.preview(i), GLANCE)
        excess = result.excess(config.lmbda)
        rows.append((excess, result.rate + config.lmbda * result.distortion, result.entropy, result.distortion))
    return Glance(*np.array(rows).T)


def summary(values: Glance, width: int) -> str:
    """Means over the models with finite loss: as many values as fit beside the bar, on a line of `width` columns."""
    finite = np.isfinite(values.loss)
    if not finite.any():
        return "diverged"
    parts = [f"{name} {column[finite].mean():.4g}" for name, column in values._asdict().items()]
    while len(parts) > 1 and TAKEN + len("  ".join(parts)) > width:
        parts.pop()
    return "  ".join(parts)


Advance = Callable[[Program[Compressor]], None]


@contextmanager
def display(total: int, *, enabled: bool, before: int = 0) -> Iterator[Advance]:
    """A bar on standard error over `total` steps of models: yields a function to call after each step of a program.

    The bar starts at `before`, the number of steps before training was interrupted.
    """
    if not (enabled and total):
        yield lambda program: None
        return
    with _bar() as bar:
        watch = _Watch(bar, total, before)
        yield watch.advance
        bar.update(watch.task, completed=watch.done)


@contextmanager
def elsewhere(total: int, models: int, *, enabled: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error over steps of models trained elsewhere.

    Yields a function of the numbers of steps done and of models finished.
    """
    if not (enabled and total):
        yield lambda steps, finished: None
        return
    with _bar() as bar:
        task = bar.add_task("training", total=total, seen="")
        yield lambda steps, finished: bar.update(task, completed=steps, seen=f"{finished} of {models} models")


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = ("{task.description}", BarColumn(BAR), "{task.percentage:>5.1f}%", TimeRemainingColumn())
    return Progress(*columns, TextColumn("{task.fields[seen]}"), console=console, disable=not console.is_terminal)


class _Watch:
    """Updates a bar twice a second, and its summary of the models as often as costs little."""

    def __init__(self, bar: Progress, total: int, before: int) -> None:
        self.bar, self.task = bar, bar.add_task("training", total=total, completed=before, seen="")
        self.done, self.shown, self.next = before, -math.inf, -math.inf
        self._lock = Lock()

    def advance(self, program: Program[Compressor]) -> None:
        """Count one step of all models of the program, or show the progress of the fit after the last step."""
        with self._lock:
            self._advance(program)

    def _advance(self, program: Program[Compressor]) -> None:
        fitting = program.fitting
        if fitting is None:
            self.done += len(program.configs)
        now = time.monotonic()
        if now < self.shown + SHOWN or not self.bar.console.is_terminal:
            return
        self.bar.update(self.task, completed=self.done)
        self.shown = now
        if fitting is not None:
            self.bar.update(self.task, seen=f"fit {100 * fitting[0] // fitting[1]} %")
        elif now >= self.next:
            self.bar.update(self.task, seen=summary(glance(program), self.bar.console.width))
            self.next = now + COSTLY * (time.monotonic() - now)


Board = Callable[[Program[Compressor], Record], None]


@contextmanager
def board(path: str | os.PathLike[str] | None) -> Iterator[Board]:
    """Log records, each with a quick evaluation, for TensorBoard; does nothing without a path."""
    if path is None:
        yield lambda program, record: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"logging for TensorBoard needs it installed: pip install 'edcurve[tensorboard]' ({error})"
        ) from None

    with ExitStack() as stack:
        writers: dict[str, SummaryWriter] = {}
        lock = Lock()

        def write(program: Program[Compressor], record: Record) -> None:
            with lock:
                log(program, record)

        def log(program: Program[Compressor], record: Record) -> None:
            quick = glance(program)
            for i, config in enumerate(program.configs):
                if config.key not in writers:
                    writers[config.key] = stack.enter_context(SummaryWriter(str(Path(path) / config.key)))
                values = {"noisy/rate": record.rate[i], "noisy/distortion": record.distortion[i]}
                values |= {name: column[i] for name, column in quick._asdict().items()}
                for name, value in values.items():
                    writers[config.key].add_scalar(name, value, record.step)

        yield write

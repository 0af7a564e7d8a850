"""What training shows while it runs: a progress bar, and TensorBoard logs on request."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .runs import evaluate_model

if TYPE_CHECKING:
    from .training import Program

GLANCE = 4096  # phases of a quick evaluation
SHOWN = 0.5  # seconds between updates of the bar
COSTLY = 20.0  # an evaluation may take one part in so many of the time


class Record(NamedTuple):
    """Means over the steps since the last record, shape (models,)."""

    step: int
    rate: NDArray[np.float64]
    distortion: NDArray[np.float64]


class Glance(NamedTuple):
    """Quick evaluation of all models, shape (models,): hard rounding, in bits."""

    loss: NDArray[np.float64]
    entropy: NDArray[np.float64]
    distortion: NDArray[np.float64]
    excess: NDArray[np.float64]


def glance(program: Program) -> Glance:
    """Rate + λD, entropy, distortion and excess on a coarse grid."""
    rows = []
    for i, config in enumerate(program.configs):
        found = evaluate_model(program.model.select(i), config.source, GLANCE)
        excess = found.excess(config.lmbda)
        rows.append((found.rate + config.lmbda * found.distortion, found.entropy, found.distortion, excess))
    return Glance(*np.array(rows).T)


class Display:
    """A bar on standard error with the means over the models that have not diverged."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, TextColumn("{task.fields[seen]}"), console=Console(stderr=True))
        self._task = self.bar.add_task("training", total=total, seen="")
        self._done, self._shown, self._next = 0, 0.0, 0.0

    def advance(self, program: Program) -> None:
        """One step of all models of the program."""
        self._done += len(program.configs)
        now = time.monotonic()
        if now < self._shown + SHOWN or not self.bar.console.is_terminal:
            return
        self.bar.update(self._task, completed=self._done)
        self._shown = now
        if now >= self._next:
            self.bar.update(self._task, seen=summary(glance(program)))
            spent = time.monotonic() - now
            self._next = now + COSTLY * spent

    def close(self) -> None:
        """Fill the bar."""
        self.bar.update(self._task, completed=self._done)


class Silent(Display):
    """Shows nothing."""

    def __init__(self) -> None:
        pass

    def advance(self, program: Program) -> None:
        """Nothing."""


def summary(seen: Glance) -> str:
    """Means over the models whose loss is finite."""
    finite = np.isfinite(seen.loss)
    if not finite.any():
        return "diverged"
    return "  ".join(f"{name} {values[finite].mean():.4g}" for name, values in seen._asdict().items())


@contextmanager
def display(total: int, *, enabled: bool) -> Iterator[Display]:
    """A bar over `total` steps of models, if enabled."""
    if not enabled:
        yield Silent()
        return
    shown = Display(total)
    with shown.bar:
        yield shown
        shown.close()


Board = Callable[["Program", Record], None]


@contextmanager
def board(path: str | os.PathLike[str] | None) -> Iterator[Board]:
    """Log records, and a quick evaluation with each, for TensorBoard, if there is a path."""
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

        def write(program: Program, record: Record) -> None:
            seen = glance(program)
            for i, config in enumerate(program.configs):
                if config.key not in writers:
                    writers[config.key] = stack.enter_context(SummaryWriter(str(Path(path) / config.key)))
                values = {"noisy/rate": record.rate[i], "noisy/distortion": record.distortion[i]}
                values |= {name: column[i] for name, column in seen._asdict().items()}
                for name, value in values.items():
                    writers[config.key].add_scalar(name, value, record.step)

        yield write

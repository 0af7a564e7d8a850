"""`sweep`: train the configurations that a store lacks, in threads or by an executor, and resume if killed."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import edcurve
import numpy as np
import torch
from edcurve.sources import BOUND

from edcurve_neural import manifolds
from edcurve_neural.compressors import begin, prepare
from edcurve_neural.config import Config
from edcurve_neural.evaluation import POINTS, check_points
from edcurve_neural.optimisation.capture import own_stream
from edcurve_neural.runs import Run
from edcurve_neural.signals import source_of
from edcurve_neural.store import Store

from . import executors, finish, run_all, runs_of, shares, side_by_side, threads_of
from . import progress as reports

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LOST = 5  # most times that a program is resumed after its worker died
NAMED = 8  # most values in a message
LOOKED = 2.0  # seconds between checks of the workers' progress
Show = Callable[[int, int], None]


@dataclass(frozen=True)
class Sweep:
    """Finished runs of a store.

    Attributes
    ----------
    store : str
        The folder.
    configs : tuple of Config
        The requested configurations.
    """

    store: str
    configs: tuple[Config, ...]

    def to_pandas(self) -> pd.DataFrame:
        """One row for each configuration, in their order."""
        import pandas as pd

        store = Store(self.store)
        return pd.DataFrame([store.row(config) for config in self.configs])

    def load(self, config: Config) -> Run:
        """The run of a configuration, its weights included."""
        return Store(self.store).load(config)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Rate against distortion, with E(D) of the sources."""
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1] if ax is None else ax
        for name, group in self.to_pandas().groupby("source"):
            source = source_of(str(name))
            most = source.max_distortion
            distortion = np.geomspace(min(group["distortion"].min(), 0.5 * most), most, 400)
            label = f"{name}: E(D)" if source.status != BOUND else f"{name}: upper bound on E(D)"
            ax.plot(distortion, edcurve.upper_bound(source, distortion), label=label)
            for (latent_dim, batch_size), points in group.groupby(["latent_dim", "batch_size"]):
                label = f"{name}: latent {latent_dim}, batch {batch_size}"
                ax.plot(points["distortion"], points["rate"], "o", markersize=4, label=label)
        ax.set(xlabel="distortion", ylabel="rate (bits)", xscale="log")
        ax.legend()
        return ax


def sweep(
    configs: Sequence[Config],
    *,
    store: str | os.PathLike[str],
    executor: Executor | None = None,
    device: torch.device | str = "cpu",
    checkpoint_every: int = 500,
    points: int = POINTS,
    progress: bool = True,
    tensorboard: str | os.PathLike[str] | None = None,
) -> Sweep:
    """Train the configurations that a store lacks, and store them.

    Interrupted training resumes from its last checkpoint, and ends with the same weights as without interruption.

    Parameters
    ----------
    configs : sequence of Config
        The configurations for the store.
    store : path
        A folder, made if it does not exist.
    executor : concurrent.futures.Executor, optional
        Trains programs in its workers, which need access to the folder; by default threads train them. `processes` and
        `cluster` make executors that replace dead workers: training resumes from the last checkpoint, up to five
        times.
    device : torch.device or str
        The device to train on.
    checkpoint_every : int
        Steps between checkpoints. On a GPU they are further apart where writing them would take more than a twentieth
        of the time.
    points : int
        Phases of the evaluation.
    progress : bool
        Whether to show a progress bar, and to say on standard error from which step training resumes.
    tensorboard : path, optional
        Folder for TensorBoard logs, as for `train_many`.

    Returns
    -------
    Sweep

    Raises
    ------
    DamagedFileError
        If the record of one of the configurations, or a checkpoint, was altered; nothing is trained then. Other records
        that cannot be read are named in a warning.
    ValueError, TypeError
        For arguments that are not allowed.
    ModuleNotFoundError
        If logs are asked for and TensorBoard is not installed.
    concurrent.futures.BrokenExecutor
        If workers died too often, or if the executor does not replace them.
    concurrent.futures.CancelledError
        If the connection to the scheduler of a cluster is lost.
    """
    for config in configs:
        if not isinstance(config, Config):
            raise TypeError(f"configs must be of edcurve_neural.Config, got {config!r}")
    if isinstance(checkpoint_every, bool) or not isinstance(checkpoint_every, int) or checkpoint_every < 1:
        raise ValueError(f"checkpoint_every must be an integer, at least 1, got {checkpoint_every!r}")
    check_points(points)
    kept = Store(store)
    where = torch.device(device)
    programs = _programs(kept, configs, threads_of(where) if executor is None else executors.capacity(executor))
    kept.rows()  # warns of unreadable records before anything is trained
    if programs:
        kept.make()
        kept.keep_points(configs)
        for program in programs:
            kept.plan(program)
    task = partial(
        _train,
        store=str(kept.path.absolute()),
        device=str(device),
        every=checkpoint_every,
        points=points,
        labels={str(c.source): manifolds.find(c.source).label for c in configs if c.measured},
        say=progress,
        tensorboard=None if tensorboard is None else str(Path(tensorboard).absolute()),
    )
    total = sum(config.steps for program in programs for config in program)
    if executor is None:
        before = sum(len(program) * kept.reached(program) for program in programs)
        prepare([program[0] for program in programs], where)
        with reports.display(total, enabled=progress, before=before) as advance:
            run_all(
                lambda program, stop: task(program, stop=stop, advance=advance), programs, side_by_side(programs, where)
            )
    else:
        with reports.elsewhere(total, sum(map(len, programs)), enabled=progress) as show:
            _spread(task, programs, executor, kept, show)
        kept.clear()  # unfinished files of dead workers
    try:
        kept.write_index()
    except OSError:
        if programs:
            raise  # without programs nothing has changed, and the store may be read-only
    return Sweep(str(kept.path), tuple(configs))


def _spread(
    task: Callable[[list[Config]], None], programs: list[list[Config]], executor: Executor, store: Store, show: Show
) -> None:
    """Train programs by an executor; those whose worker died resume from their checkpoints in another one."""
    pending: dict[Future[None], int] = {}
    lost, steps, models = [0] * len(programs), 0, 0
    patience = executors.Patience(executor)
    before = torch.get_num_threads()  # worker threads of this process change it
    try:
        pending.update((executor.submit(task, program), i) for i, program in enumerate(programs))
        while pending:
            done, _ = wait(pending, LOOKED, FIRST_COMPLETED)
            executors.check_connection(executor)
            patience.look()
            for future in done:
                i = pending.pop(future)
                error = future.exception()
                if error is None:
                    steps += sum(config.steps for config in programs[i])
                    models += len(programs[i])
                elif executors.is_loss(error) and lost[i] < LOST:
                    lost[i] += 1
                    if not isinstance(error, BrokenExecutor):  # the executor itself reports this
                        executors.say(f"workers of {described(programs[i])} died, perhaps at their limit of memory")
                    pending[executor.submit(task, programs[i])] = i
                else:
                    raise error
            show(steps + sum(len(programs[i]) * store.reached(programs[i]) for i in pending.values()), models)
    finally:
        for future in pending:
            future.cancel()
        torch.set_num_threads(before)


def _programs(store: Store, configs: Sequence[Config], threads: int) -> list[list[Config]]:
    """Programs to train: checkpoints with a missing configuration, planned programs, and new ones for the others."""
    missing = {config.key: config for config in configs if not store.has(config)}
    programs, begun_keys = [], set[str]()
    for begun in store.begun():
        begun_keys |= {config.key for config in begun}
        if any(config.key in missing for config in begun):
            programs.append(begun)  # whole, because rounding may depend on the other models of a program
            for config in begun:
                missing.pop(config.key, None)
        elif all(store.has(config) for config in begun):
            store.forget(begun)
    wanted = {config.key for config in configs}
    for planned in store.planned():
        keys = {config.key for config in planned}
        # a planned program without a checkpoint is kept if all of it is requested and it is not too large
        if keys & missing.keys() and keys <= wanted and keys.isdisjoint(begun_keys) and len(shares(planned, 1)) == 1:
            programs.append(planned)
            for key in keys:
                missing.pop(key, None)
        elif all(store.has(config) for config in planned):
            store.forget(planned)
    unplanned = list(missing.values())
    return programs + [[unplanned[i] for i in members] for members in shares(unplanned, threads)]


def _train(
    configs: list[Config],
    *,
    store: str,
    device: str,
    every: int,
    points: int,
    labels: dict[str, str],
    say: bool,
    tensorboard: str | None,
    stop: Event | None = None,
    advance: reports.Advance | None = None,
) -> None:
    """Train one program to the end, from its checkpoint if it has one; worker processes call this."""
    if stop is None:
        _check_worker(store, device)
        torch.set_num_threads(1)
        stop = executors.cancellation()
    kept = Store(store)
    if configs[0].source in labels:  # its points are in the store; `name` keeps them in memory
        name = manifolds.labelled(configs[0].source, labels[configs[0].source])
        configs = [replace(config, source=name) for config in configs]
    with own_stream(torch.device(device)):
        program, start = begin(configs, device), time.perf_counter()
        step = kept.restore(program)
        if step and say:
            executors.say(f"going on with {described(configs)} from step {step} of {program.steps}")
        with reports.board(tensorboard) as board:
            finish(program, stop, advance or _ignore_step, board, kept.save_checkpoint, every)
        if program.done == program.steps:
            for run in runs_of(configs, program, time.perf_counter() - start, stop, advance or _ignore_step):
                if not kept.has(run.config):
                    kept.save(run, points)
            kept.forget(configs)


def described(configs: Sequence[Config]) -> str:
    """Number and names of models of one shape, such as "2 models (circle, ntc, latent 1, batch 64, λ 4, 8, seed 0)"."""
    first, count = configs[0], len(configs)
    source = manifolds.find(first.source).label if first.measured else first.source
    latent = [] if first.circular else [f"latent {first.latent_dim}"]
    values = [_several("λ", [f"{config.lmbda:g}" for config in configs])]
    if any(config.train_size for config in configs):
        values.append(_several("training set", [str(config.train_size or "none") for config in configs]))
    values.append(_several("seed", [str(config.seed) for config in configs]))
    names = ", ".join([source, first.compressor, *latent, f"batch {first.batch_size}", *values])
    return f"{count} model{'s'[: count > 1]} ({names})"


def _several(name: str, values: Sequence[str]) -> str:
    """A name with its distinct values; of many, the first ones and the last."""
    distinct = list(dict.fromkeys(values))
    if len(distinct) > NAMED:
        distinct = [*distinct[: NAMED - 2], "…", distinct[-1]]
    return f"{name} {', '.join(distinct)}"


def _check_worker(store: str, device: str) -> None:
    """Refuse to train on a worker that lacks the store's folder or the device."""
    host = platform.node()
    if not (Path(store) / "runs").is_dir():
        raise ValueError(f"the worker on {host} does not see the store's folder {store}")
    seen = torch.cuda.device_count()
    if torch.device(device).type == "cuda" and (torch.device(device).index or 0) >= seen:
        raise ValueError(
            f"the worker on {host} has no device {device}: PyTorch {torch.__version__} sees {seen} CUDA devices"
        )


def _ignore_step(_program: Any) -> None:
    pass

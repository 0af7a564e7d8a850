"""`train`, `train_many`: many compressors in one batched program."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from . import _streams, reports, schedules
from .adam import Adam
from .config import Config
from .gradients import Gradient
from .models import ALPHA_LIMIT, NTC
from .objective import Cost
from .reports import Record
from .runs import Run

T = TypeVar("T")
LOGGED = 100  # points of the history
LIMIT = 2**18  # models × batch size of one program: with hidden layers of 100, about 1 GB


class Program:
    """Models of one shape, their optimiser, random streams and history: the state of training and one step of it."""

    def __init__(self, configs: Sequence[Config], device: torch.device | str = "cpu") -> None:
        first = configs[0]
        self.configs, self.done, self.records = list(configs), 0, list[Record]()
        seeds = [config.seed for config in configs]
        samples = first.samples or 2
        self.model = NTC(first.source, first.latent_dim, first.hidden, samples=samples, seeds=seeds).to(device)
        self.flat = self.model.flat.detach()
        self.gradient = torch.zeros_like(self.flat)
        self.adam = Adam(self.flat, self.gradient, [config.learning_rate for config in configs])
        self.lmbda = torch.tensor([config.lmbda for config in configs], device=device)
        self.failed = torch.full((len(configs),), -1, device=device)
        self._total = torch.zeros(2, len(configs), device=device)
        self._keys = torch.tensor([_streams.key(seed, "batches") for seed in seeds], device=device)
        self._phases, self._sizes = _training_sets(configs, device)
        self._sharpness = self.model.layout.views(self.flat)["sharpness"]
        twice = first.likelihood == "reference"
        self._evaluate = Gradient(
            self.model.signal, self.model.layout, self.flat, self.gradient, first.batch_size, twice=twice
        )

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.configs[0].steps

    def state(self) -> dict[str, Tensor]:
        """All that changes: with it and `done`, a program of the same configurations goes on to the same bits."""
        records = [np.concatenate([[r.step], r.rate, r.distortion]) for r in self.records]
        table = torch.tensor(np.array(records).reshape(len(records), 1 + 2 * len(self.configs)))
        parts = {"flat": self.flat, "mean": self.adam.mean, "square": self.adam.square}
        return {**parts, "failed": self.failed, "total": self._total, "records": table}

    def restore(self, state: dict[str, Tensor], done: int) -> None:
        """Take over the state after so many steps."""
        self.flat.copy_(state["flat"])
        self.adam.restore(state["mean"], state["square"], done)
        self.failed.copy_(state["failed"])
        self._total.copy_(state["total"])
        rows, models = state["records"].numpy(), len(self.configs)
        self.records = [Record(int(row[0]), row[1 : 1 + models], row[1 + models :]) for row in rows]
        self.done = done

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """Phases and noise of a step: functions of the seeds and the step."""
        batch, latents = self.configs[0].batch_size, self.model.latent_dim
        numbers = _streams.uniform(self._keys, step, batch * (1 + latents))
        v, noise = numbers[:, :batch], numbers[:, batch:].view(-1, latents, batch) - 0.5
        if self._phases is not None:
            chosen = (v * self._sizes).long().clamp_(max=self._phases.shape[1] - 1)
            v = torch.where(self._sizes > 0, self._phases.gather(1, chosen), v)
        return v, noise

    def alpha(self, step: int) -> Tensor:
        """α of each model: scheduled, then learned."""
        scheduled = schedules.alpha(step, self.configs[0].steps)
        if scheduled is None:
            return ALPHA_LIMIT * torch.sigmoid(self._sharpness)
        return torch.full_like(self.lmbda, scheduled)

    @torch.no_grad()
    def step(self) -> Cost:
        """One update of all models; returns their rates and distortions before it."""
        v, noise = self.draw(self.done)
        learned = schedules.alpha(self.done, self.steps) is None
        found = self._evaluate(v, noise, self.alpha(self.done), self.lmbda, learned=learned)
        self.adam.update(schedules.learning_rate(self.done, self.steps))
        failed = ~torch.isfinite(found.rate + self.lmbda * found.distortion)
        self.failed = torch.where((self.failed < 0) & failed, self.done, self.failed)
        self.done += 1
        self._record(found)
        return found

    def _record(self, found: Cost) -> None:
        """Add to the means, and note them a hundred times in a training."""
        self._total += torch.stack(found)
        every = -(-self.steps // LOGGED)
        if self.done % every == 0 or self.done == self.steps:
            count = self.done - (self.records[-1].step if self.records else 0)
            self.records.append(Record(self.done, *(self._total / count).double().cpu().numpy()))
            self._total.zero_()

    def runs(self, seconds: float) -> list[Run]:
        """What came of each configuration."""
        return [self._run(i, seconds / len(self.configs)) for i in range(len(self.configs))]

    def _run(self, i: int, seconds: float) -> Run:
        config, failed = self.configs[i], int(self.failed[i])
        rate = np.array([record.rate[i] for record in self.records])
        distortion = np.array([record.distortion[i] for record in self.records])
        history = {
            "step": np.array([float(record.step) for record in self.records]),
            "loss": rate + config.lmbda * distortion,
            "rate": rate,
            "distortion": distortion,
        }
        status = "finished" if failed < 0 else "diverged"
        return Run(config, self.model.select(i), status, None if failed < 0 else failed, history, seconds)


def _training_sets(configs: Sequence[Config], device: torch.device | str) -> tuple[Tensor | None, Tensor]:
    """Phases of the fixed training sets, padded, and their sizes, 0 where there is none; (None, …) if all are 0."""
    sizes = [config.train_size or 0 for config in configs]
    keys = torch.tensor([_streams.key(config.seed, "training set") for config in configs])
    phases = _streams.uniform(keys, 0, max(sizes)).to(device) if any(sizes) else None
    return phases, torch.tensor(sizes, device=device).unsqueeze(1)


def train(
    config: Config,
    *,
    device: torch.device | str = "cpu",
    progress: bool = True,
    tensorboard: str | os.PathLike[str] | None = None,
) -> Run:
    """Train one compressor; arguments and result as for `train_many`."""
    return train_many([config], device=device, progress=progress, tensorboard=tensorboard)[0]


def train_many(
    configs: Sequence[Config],
    *,
    device: torch.device | str = "cpu",
    progress: bool = True,
    tensorboard: str | os.PathLike[str] | None = None,
) -> list[Run]:
    """Train many compressors; those of one shape (`Config.shape`) in batched programs.

    On a CPU the models are shared out among as many threads as torch is set to use (`torch.set_num_threads`), each
    with its own program. Results are reproducible to the bit and do not depend on the number of threads. Each model
    has random streams of its own, so that beside others it sees the same phases and noise as alone, and each step
    agrees to the rounding of float32 (to the bit on the machines tried, for batch sizes that are multiples of 16).

    Parameters
    ----------
    configs : sequence of Config
        What to train.
    device : torch.device or str
        Where.
    progress : bool
        Whether to show a progress bar, on a terminal.
    tensorboard : path, optional
        Folder for TensorBoard logs, one run for each configuration (extra ``tensorboard``).

    Returns
    -------
    list of Run
        In the order of `configs`. A model whose loss stops being finite is marked "diverged"; the others go on.

    Raises
    ------
    TypeError
        If something in `configs` is not a Config.
    ModuleNotFoundError
        If logs are asked for and TensorBoard is not installed.
    """
    for config in configs:
        if not isinstance(config, Config):
            raise TypeError(f"configs must be of edcurve_neural.Config, got {config!r}")
    where = torch.device(device)
    threads = torch.get_num_threads() if where.type == "cpu" else 1
    runs: dict[int, Run] = {}
    total = sum(config.steps for config in configs)
    with reports.board(tensorboard) as board, reports.display(total, enabled=progress) as advance:

        def job(members: list[int], stop: Event) -> None:
            program, start = Program([configs[i] for i in members], where), time.perf_counter()
            finish(program, stop, advance, board)
            runs.update(zip(members, program.runs(time.perf_counter() - start), strict=True))

        run_all(job, shares(configs, threads), threads)
    return [runs[i] for i in range(len(configs))]


def shares(configs: Sequence[Config], threads: int) -> list[list[int]]:
    """Which configurations to train together: of one shape, of bounded memory, and enough shares for the threads."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, config in enumerate(configs):
        groups.setdefault(config.shape, []).append(i)
    parts = []
    for members in groups.values():
        needed = -(-len(members) * configs[members[0]].batch_size // LIMIT)
        count = min(len(members), -(-needed // threads) * threads)
        parts += [[members[i] for i in chosen] for chosen in np.array_split(np.arange(len(members)), count)]
    return parts


def run_all(job: Callable[[T, Event], None], parts: Sequence[T], threads: int) -> None:
    """Run jobs in threads of one core each; an exception or an interrupt stops the others at their next step."""
    stop, before = Event(), torch.get_num_threads()
    torch.set_num_threads(1)  # what threads that start from here on use
    pool = ThreadPoolExecutor(max(1, min(threads, len(parts))))
    try:
        for done in as_completed([pool.submit(job, part, stop) for part in parts]):
            done.result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)


def finish(
    program: Program,
    stop: Event,
    advance: reports.Advance,
    board: reports.Board | None = None,
    save: Callable[[Program], None] | None = None,
    every: int = 1,
) -> None:
    """Train to the end, or until told to stop; save after every so many steps."""
    while program.done < program.steps and not stop.is_set():
        known = len(program.records)
        program.step()
        advance(program)
        if board is not None and len(program.records) > known:
            board(program, program.records[-1])
        if save is not None and program.done % every == 0 and program.done < program.steps:
            save(program)

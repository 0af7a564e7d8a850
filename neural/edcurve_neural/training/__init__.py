"""`train` and `train_many`: many compressors in batched programs."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from threading import Event
from typing import TypeVar

import numpy as np
import torch

from edcurve_neural.compressors import begin, prepare
from edcurve_neural.compressors.base import Compressor
from edcurve_neural.compressors.cpu_kernels.cores import one_core
from edcurve_neural.config import Config
from edcurve_neural.optimisation.capture import MOST_STREAMS, own_stream
from edcurve_neural.optimisation.program import Program
from edcurve_neural.runs import Run

from . import progress as reports

T = TypeVar("T")
WRITING = 20.0  # writing checkpoints takes at most 1/20 of the time on a GPU
LIMIT = 2**18  # models × batch size of one program: with hidden layers of 100, about 1 GB


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

    On a CPU the models are distributed over the threads that torch is set to use (`torch.set_num_threads`), each with
    its own program. Results are reproducible to the bit and do not depend on the number of threads. Each model has its
    own random streams. For built-in sources except the sinusoid, kernels compiled by numba train models of "ntc" and
    "ntc-table" one by one on a CPU: the bits of a model do not depend on the others. Compiling takes some seconds,
    once, as its result is kept on disk. Set the environment variable EDCURVE_CPU_KERNELS to 0 to train without these
    kernels. For other sources, and on a GPU, autograd differentiates many models at once. There a model sees the same
    phases and noise whether or not it is trained with others, and each step agrees to the rounding of float32.

    On a GPU a step is recorded as a CUDA graph and replayed, and programs of different shapes are trained concurrently,
    as many as fit its memory. Sums are computed in a fixed order, so that results are reproducible to the bit
    there too, on the same card by the same release of PyTorch; they are not those of a CPU.

    Parameters
    ----------
    configs : sequence of Config
        The configurations to train.
    device : torch.device or str
        The device to train on.
    progress : bool
        Whether to show a progress bar, on a terminal.
    tensorboard : path, optional
        Folder for TensorBoard logs, one run for each configuration (extra ``tensorboard``).

    Returns
    -------
    list of Run
        In the order of `configs`. A model whose loss becomes infinite or NaN is marked "diverged"; the others continue.

    Raises
    ------
    TypeError
        If an element of `configs` is not a Config.
    ModuleNotFoundError
        If logs are asked for and TensorBoard is not installed.
    """
    for config in configs:
        if not isinstance(config, Config):
            raise TypeError(f"configs must be of edcurve_neural.Config, got {config!r}")
    where = torch.device(device)
    runs: dict[int, Run] = {}
    total = sum(config.steps for config in configs)
    with reports.board(tensorboard) as board, reports.display(total, enabled=progress) as advance:

        def job(members: list[int], stop: Event) -> None:
            batch, start = [configs[i] for i in members], time.perf_counter()
            with own_stream(where):
                program = begin(batch, where)
                finish(program, stop, advance, board)
                if not stop.is_set():
                    finished = runs_of(batch, program, time.perf_counter() - start, stop, advance)
                    runs.update(zip(members, finished, strict=True))

        parts = shares(configs, threads_of(where))
        prepare(configs, where)
        run_all(job, parts, side_by_side([[configs[i] for i in part] for part in parts], where))
    return [runs[i] for i in range(len(configs))]


def shares(configs: Sequence[Config], threads: int) -> list[list[int]]:
    """Indices of the configurations to train together, in shares.

    Configurations of a share have one shape and need bounded memory; there are enough shares for the threads.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, config in enumerate(configs):
        groups.setdefault(config.shape, []).append(i)
    parts = []
    for members in groups.values():
        needed = -(-len(members) * configs[members[0]].batch_size // LIMIT)
        count = min(len(members), -(-needed // threads) * threads)
        parts += [[members[i] for i in chosen] for chosen in np.array_split(np.arange(len(members)), count)]
    return parts


def threads_of(device: torch.device) -> int:
    """Number of threads over which models of one shape are distributed: on a GPU they are one program."""
    return torch.get_num_threads() if device.type == "cpu" else 1


def side_by_side(programs: Sequence[Sequence[Config]], device: torch.device) -> int:
    """Number of programs trained concurrently: on a CPU one in each thread, on a GPU as many as fit the memory."""
    if device.type != "cuda":
        return threads_of(device)
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(MOST_STREAMS, free // max(map(memory, programs), default=1)))


def memory(configs: Sequence[Config]) -> int:
    """Bytes that a program of these configurations takes on a GPU: twice the count below, for fragmentation.

    The count is, for each model, 12 copies of its parameters, which cover Adam's means and the gradient, and for each
    phase of its batch 20 numbers for each unit of the widest layer.
    """
    first = configs[0]
    numbers = 12 * first.kind.layout(first).used + 20 * max(first.hidden) * first.batch_size
    return 2 * 4 * len(configs) * numbers


def run_all(job: Callable[[T, Event], None], parts: Sequence[T], threads: int) -> None:
    """Run jobs in threads of one core each; an exception or an interrupt stops the others at their next step."""
    stop, before = Event(), torch.get_num_threads()
    torch.set_num_threads(1)  # for threads that start from now on
    pool = ThreadPoolExecutor(max(1, min(threads, len(parts))))
    try:
        for done in as_completed([pool.submit(job, part, stop) for part in parts]):
            done.result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)


def runs_of(
    configs: Sequence[Config], program: Program[Compressor], seconds: float, stop: Event, advance: reports.Advance
) -> list[Run]:
    """The runs of a program of these configurations, which took `seconds` to train.

    It raises CancelledError if `stop` is set during a fit at the end of training.
    """

    def watch() -> None:
        if stop.is_set():
            raise CancelledError
        advance(program)

    program.watch = watch
    runs = []
    for i, config in enumerate(configs):
        failed = program.first_failure(i)
        status = "finished" if failed is None else "diverged"
        runs.append(Run(config, program.compressor(i), status, failed, program.history(i), seconds / len(configs)))
    return runs


def finish(
    program: Program[Compressor],
    stop: Event,
    advance: reports.Advance,
    board: reports.Board | None = None,
    save: Callable[[Program[Compressor]], None] | None = None,
    every: int = 1,
) -> None:
    """Train to the end, or until `stop` is set; save after every `every` steps.

    On a GPU steps may be shorter than writing a checkpoint: there enough checkpoints are left out that writing takes
    at most a twentieth of the time.
    """
    pause, next_save = (0.0 if program.flat.device.type == "cpu" else WRITING), -math.inf
    with one_core():
        while program.done < program.steps and not stop.is_set():
            before = len(program.records)
            program.step()
            advance(program)
            if board is not None and len(program.records) > before:
                board(program, program.records[-1])
            due = program.done % every == 0 and program.done < program.steps
            if save is not None and due and time.monotonic() >= next_save:
                int(program.clock)  # waits for the GPU to finish its steps
                start = time.monotonic()
                save(program)
                next_save = time.monotonic() + pause * (time.monotonic() - start)

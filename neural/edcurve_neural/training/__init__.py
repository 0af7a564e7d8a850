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
WRITING = 20.0  # checkpoints on a GPU take one part in so many of the time
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

    On a CPU the models are shared out among as many threads as torch is set to use (`torch.set_num_threads`), each
    with its own program. Results are reproducible to the bit and do not depend on the number of threads. Each model
    has random streams of its own. On a CPU, kernels that numba compiles train models of the circle, the ramp and the
    sawbridge one by one: a model ends with the same bits alone as beside others. Compiling takes some seconds, once,
    as its result is kept on disk. Set the environment variable EDCURVE_CPU_KERNELS to 0 to train without these kernels.
    For other sources, and on a GPU, autograd differentiates many models at once. There a model beside others sees the
    same phases and noise as alone, and each step agrees to the rounding of float32.

    On a GPU a step is recorded as a CUDA graph and replayed, and programs of different shapes are trained side by side,
    as many as its memory has room for. Sums are taken in a fixed order, so that results are reproducible to the bit
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
    runs: dict[int, Run] = {}
    total = sum(config.steps for config in configs)
    with reports.board(tensorboard) as board, reports.display(total, enabled=progress) as advance:

        def job(members: list[int], stop: Event) -> None:
            begun, start = [configs[i] for i in members], time.perf_counter()
            with own_stream(where):
                program = begin(begun, where)
                finish(program, stop, advance, board)
                if not stop.is_set():
                    made = runs_of(begun, program, time.perf_counter() - start, stop, advance)
                    runs.update(zip(members, made, strict=True))

        parts = shares(configs, threads_of(where))
        prepare(configs, where)
        run_all(job, parts, side_by_side([[configs[i] for i in part] for part in parts], where))
    return [runs[i] for i in range(len(configs))]


def shares(configs: Sequence[Config], threads: int) -> list[list[int]]:
    """Places of the configurations to train together.

    Those of a share have one shape and need bounded memory; there are enough shares for the threads.
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
    """Number of threads that models of one shape are shared out among: on a GPU they are one program."""
    return torch.get_num_threads() if device.type == "cpu" else 1


def side_by_side(programs: Sequence[Sequence[Config]], device: torch.device) -> int:
    """Number of programs that are trained at once: on a CPU one in each thread, on a GPU as many as have room."""
    if device.type != "cuda":
        return threads_of(device)
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(MOST_STREAMS, free // max(map(memory, programs), default=1)))


def memory(configs: Sequence[Config]) -> int:
    """Bytes that a program of these configurations takes on a GPU: more than was counted, for fragments.

    Counted were, for each model, less than 12 copies of its parameters, Adam's means and gradients among them, and for
    each phase of its batch less than 20 numbers for each unit of the widest layer.
    """
    first = configs[0]
    numbers = 12 * first.kind.layout(first).used + 20 * max(first.hidden) * first.batch_size
    return 2 * 4 * len(configs) * numbers


def run_all(job: Callable[[T, Event], None], parts: Sequence[T], threads: int) -> None:
    """Run jobs in threads of one core each; an exception or an interrupt stops the others at their next step."""
    stop, before = Event(), torch.get_num_threads()
    torch.set_num_threads(1)  # for the threads that start from here on
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

    CancelledError if told to stop during a fit at the end of training.
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
    """Train to the end, or until told to stop; save after every `every` steps.

    On a GPU, whose steps may be shorter than writing a checkpoint, some of these are left out: so many that writing
    takes one part in twenty of the time.
    """
    pause, rested = (0.0 if program.flat.device.type == "cpu" else WRITING), -math.inf
    with one_core():
        while program.done < program.steps and not stop.is_set():
            before = len(program.records)
            program.step()
            advance(program)
            if board is not None and len(program.records) > before:
                board(program, program.records[-1])
            due = program.done % every == 0 and program.done < program.steps
            if save is not None and due and time.monotonic() >= rested:
                int(program.clock)  # waits for the steps that a GPU has still to make
                begun = time.monotonic()
                save(program)
                rested = time.monotonic() + pause * (time.monotonic() - begun)

"""Trained model-steps per second: many models at once against the loop over models, in one process.

    python benchmarks/neural/run.py [--quick] [--out FILE.csv]
    python benchmarks/neural/run.py --device cuda [--out FILE.csv]

The second line measures programs on a GPU, as `recorded.py` describes. The rest is about the first, on a CPU.

The loop may use one thread or all, whichever is faster. The sweep is trained by `train_many` as users call it,
schedules, history and set-up included: in threads, and by a pool of as many processes that have been started before,
as `sweep(…, executor=…)` would. Kernels are compiled, or loaded, before the clock starts. `autograd` is the sweep in
threads without kernels: what batching alone gains. Rates are of the best of some repeats, all in turn, and the ratio
is of those.

On a machine that is busy with other things, wall-clock ratios say little. So the time that the processor spent is
reported too, for a model-step of the loop on one thread and of the sweep: their ratio times the number of threads is
what the sweep would gain over a loop on one core, on a machine that is idle.

The bound is what the matrix products alone would allow at the rate of a large sgemm, on all threads that are idle
otherwise; `products` is the share of the sweep's processor time that they would take at that rate. A step of a model
with hidden layers of 100 takes six products of 100 × 100 matrices with the batch; for the ramp also four of 101 × 101
matrices with the batch or the 1024 samples, two of which are symmetric and cost half.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import loop
import recorded
import torch
from edcurve_neural import Config, train_many
from edcurve_neural.training import shares
from work import products


@dataclass(frozen=True)
class Case:
    """A sweep, and the ratio to the loop that the project promises."""

    source: str
    models: int
    batch_size: int
    promised: float
    steps: int

    @property
    def name(self) -> str:
        return f"{self.models} {self.source} models, batch {self.batch_size}"

    def configs(self, steps: int) -> list[Config]:
        return [
            Config(self.source, 4.0 * 2.0 ** (seed % 8), batch_size=self.batch_size, steps=steps, seed=seed)
            for seed in range(self.models)
        ]


CASES = [Case("circle", 32, 128, 6.0, 400), Case("circle", 32, 1024, 2.0, 50), Case("ramp", 8, 1024, 4.0, 80)]


def sgemm_rate() -> float:
    """Floating-point operations per second of processor time in a large product on one thread, best of some."""
    a, threads, best = torch.randn(1536, 1536), torch.get_num_threads(), float("inf")
    torch.set_num_threads(1)
    for _ in range(8):
        start = time.process_time()
        torch.mm(a, a)
        best = min(best, time.process_time() - start)
    torch.set_num_threads(threads)
    return 2.0 * 1536**3 / best


class Best:
    """The shortest of some times, of the clock and of the processor, in seconds for a model-step."""

    def __init__(self) -> None:
        self.clock = self.processor = float("inf")

    def time(self, work: Callable[[], object], steps: int) -> None:
        clock, processor = time.perf_counter(), time.process_time()
        work()
        self.clock = min(self.clock, (time.perf_counter() - clock) / steps)
        self.processor = min(self.processor, (time.process_time() - processor) / steps)


def loop_step(config: Config, steps: int, threads: int) -> Callable[[], object]:
    """Train one model by the loop."""

    def work() -> None:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        loop.train(config, steps, warmup=0)
        torch.set_num_threads(before)

    return work


def in_processes(pool: ProcessPoolExecutor, configs: list[Config]) -> None:
    """Train as `train_many` does, by the processes of a pool."""
    parts = shares(configs, torch.get_num_threads())
    list(pool.map(train_alone, [[configs[i] for i in part] for part in parts]))


def without_kernels(configs: list[Config]) -> None:
    """Train as `train_many` does where the kernels do not serve: by autograd of the definition of the loss."""
    before = os.environ.get("EDCURVE_CPU_KERNELS", "1")
    os.environ["EDCURVE_CPU_KERNELS"] = "0"
    try:
        train_many(configs, progress=False)
    finally:
        os.environ["EDCURVE_CPU_KERNELS"] = before


def measure(case: Case, pool: ProcessPoolExecutor, rate: float, repeats: int, shorter: int) -> dict[str, float]:
    """Model-steps per second; by processor time, their ratio and the share that the matrix products would take."""
    threads, configs = torch.get_num_threads(), case.configs(case.steps // shorter)
    total, small = len(configs) * configs[0].steps, case.configs(2)
    single, steps = replace(configs[0], steps=100_000), max(20, total // 10)  # about as long as the sweep takes
    train_many(small, progress=False)
    without_kernels(small)
    for _ in range(2):
        in_processes(pool, small)
    loop.train(single, 20)
    alone, all_threads, autograd, sweep, processes = Best(), Best(), Best(), Best(), Best()
    for _ in range(repeats):
        alone.time(loop_step(single, steps, 1), steps)
        all_threads.time(loop_step(single, steps, threads), steps)
        autograd.time(partial(without_kernels, configs), total)
        sweep.time(partial(train_many, configs, progress=False), total)
        processes.time(partial(in_processes, pool, configs), total)
    return {
        "loop": 1.0 / min(alone.clock, all_threads.clock),
        "autograd": 1.0 / autograd.clock,
        "threads": 1.0 / sweep.clock,
        "processes": 1.0 / processes.clock,
        "by_processor": threads * alone.processor / sweep.processor,
        "products": products(configs[0]) / rate / sweep.processor,
    }


def train_alone(configs: list[Config]) -> None:
    """Train in a process of a pool, on one thread."""
    torch.set_num_threads(1)
    train_many(configs, progress=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer steps, noisier")
    parser.add_argument("--device", type=torch.device, help="measure programs on this device instead")
    parser.add_argument("--small", action="store_true", help="with --device: small programs, to try it on a CPU")
    parser.add_argument("--out", type=Path, help="CSV to write")
    options = parser.parse_args()
    if options.device is not None:
        there = torch.cuda.device_count()
        if options.device.type == "cuda" and (options.device.index or 0) >= there:
            parser.error(
                f"--device {options.device} is not there: PyTorch {torch.__version__} sees {there} CUDA devices"
            )
        recorded.table(options.device, small=options.small, out=options.out)
        return
    repeats, shorter = (2, 2) if options.quick else (3, 1)
    rate = sgemm_rate()
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"sgemm {rate / 1e9:.0f} GFLOP/s a thread, load {os.getloadavg()[0]:.1f} before")
    rows = []
    pool = ProcessPoolExecutor(torch.get_num_threads(), get_context("spawn"))
    for case in CASES:
        measured = measure(case, pool, rate, repeats, shorter)
        bound = torch.get_num_threads() * rate / products(case.configs(1)[0])
        rows.append({"sweep": case.name, **measured, "bound": bound, "promised": case.promised})
        print(
            f"{case.name:30} loop {measured['loop']:5.0f}/s  autograd {measured['autograd']:5.0f}/s  "
            f"threads {measured['threads']:5.0f}/s  processes {measured['processes']:5.0f}/s  "
            f"ratios {measured['threads'] / measured['loop']:.2f}, {measured['processes'] / measured['loop']:.2f} "
            f"(promised {case.promised:g})  by processor time {measured['by_processor']:.2f}  "
            f"bound {bound:.0f}/s  products {measured['products']:.0%}",
            flush=True,
        )
    pool.shutdown()
    if options.out:
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()

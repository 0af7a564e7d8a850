"""Trained model-steps per second: many models at once against the loop over models, in one process.

    python benchmarks/neural/run.py [--quick] [--out FILE.csv]

The loop may use one thread or all, whichever is faster. The sweep is trained by `train_many` as users call it,
schedules, history and set-up included: in threads, and by a pool of as many processes that have been started before,
as `sweep(…, executor=…)` would. The bound is what the matrix products alone would allow at the rate of a large sgemm.
"""

from __future__ import annotations

import argparse
import csv
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import loop
import torch
from edcurve_neural import Config, train_many
from edcurve_neural.training import shares


@dataclass(frozen=True)
class Case:
    """A sweep, and the ratio to the loop that the project promises."""

    source: str
    models: int
    batch_size: int
    promised: float
    steps: int

    def configs(self, steps: int) -> list[Config]:
        return [
            Config(self.source, 4.0 * 2.0 ** (seed % 8), batch_size=self.batch_size, steps=steps, seed=seed)
            for seed in range(self.models)
        ]


CASES = [Case("circle", 32, 128, 6.0, 400), Case("circle", 32, 1024, 2.0, 50), Case("ramp", 8, 1024, 4.0, 80)]


def products(config: Config) -> float:
    """Floating-point operations of the matrix products of a model's step, by the algebra that the package uses."""
    dim, batch, latents = config.samples or 2, config.batch_size, config.latent_dim
    first, second = config.hidden
    inner = 6.0 * batch * (first * second * 2 + latents * (second + second))  # forward, and two backward
    if config.source == "circle":
        return inner + 2.0 * batch * dim * (2 * first + 3 * first)
    rows = first + 1
    # Gram matrices of the last layer and of the hidden units, and the product of each with the other's factor
    return inner + 4.0 * rows * rows * (dim + batch)


def sgemm_rate() -> float:
    """Floating-point operations per second of a large product, best of some."""
    a, best = torch.randn(1536, 1536), float("inf")
    for _ in range(8):
        start = time.perf_counter()
        torch.mm(a, a)
        best = min(best, time.perf_counter() - start)
    return 2.0 * 1536**3 / best


def loop_rate(config: Config, steps: int, repeats: int) -> float:
    """Model-steps per second of the loop, the better of one thread and all."""
    threads, best = torch.get_num_threads(), 0.0
    for count in {1, threads}:
        torch.set_num_threads(count)
        for _ in range(repeats):
            best = max(best, steps / loop.train(config, steps))
    torch.set_num_threads(threads)
    return best


def sweep_rate(configs: list[Config], repeats: int, pool: ProcessPoolExecutor | None = None) -> float:
    """Model-steps per second of `train_many`, here or in the processes of a pool."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        if pool is None:
            train_many(configs, progress=False)
        else:
            parts = shares(configs, torch.get_num_threads())
            list(pool.map(train_alone, [[configs[i] for i in part] for part in parts]))
        best = min(best, time.perf_counter() - start)
    return len(configs) * configs[0].steps / best


def train_alone(configs: list[Config]) -> None:
    """In a process of a pool."""
    torch.set_num_threads(1)
    train_many(configs, progress=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer steps, noisier")
    parser.add_argument("--out", type=Path, help="CSV to write")
    options = parser.parse_args()
    repeats, shorter = (2, 2) if options.quick else (5, 1)
    rate = sgemm_rate()
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"sgemm {rate / 1e9:.0f} GFLOP/s")
    rows = []
    pool = ProcessPoolExecutor(torch.get_num_threads(), get_context("spawn"))
    for case in CASES:
        configs = case.configs(case.steps // shorter)
        single = replace(configs[0], steps=100_000)
        slow = loop_rate(single, max(20, case.steps // shorter), repeats)
        sweep_rate(case.configs(2), 2, pool)  # imports
        threads, processes = sweep_rate(configs, repeats), sweep_rate(configs, repeats, pool)
        fast = max(threads, processes)
        bound = rate / products(configs[0])
        name = f"{case.models} {case.source} models, batch {case.batch_size}"
        print(
            f"{name:30} loop {slow:5.0f}/s  threads {threads:5.0f}/s  processes {processes:5.0f}/s  "
            f"ratios {threads / slow:.2f}, {processes / slow:.2f} (promised {case.promised:g})  "
            f"{fast / bound:.0%} of the bound {bound:.0f}/s",
            flush=True,
        )
        measured = {"loop": slow, "threads": threads, "processes": processes, "ratio": fast / slow, "bound": bound}
        rows.append({"sweep": name, **measured})
    pool.shutdown()
    if options.out:
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()

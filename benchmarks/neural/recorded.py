"""Programs of training on one device, as `run.py --device` measures them.

    python benchmarks/neural/run.py --device cuda [--out FILE.csv]      under eight minutes on an H200
    python benchmarks/neural/run.py --device cpu --small                the same on a CPU, small

Each row is a sweep in its steady state: model-steps per second while α is scheduled, while it is learned, and of a
whole training, of which those are one quarter and three. Recording is not in them: its seconds have a column. Compiling
is part of recording where the package decides so for 200 000 steps; EDCURVE_INDUCTOR=0 or 1 decides otherwise.
Programs of a sweep run side by side and make the same number of steps; the clock stops when the last one has made them.

`loop` is the program that one would write by hand, one model at a time, on the same device. `share` is what the matrix
products of the steps are of the device's rate in a large product of float32, without TF32.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Barrier, Event

import loop
import torch
from edcurve_neural import Config
from edcurve_neural.compressors import begin, inductor
from edcurve_neural.optimisation.capture import own_stream
from edcurve_neural.training import memory, run_all
from work import products

PROBED = 20  # steps by which the number of steps to measure is chosen


@dataclass(frozen=True)
class Case:
    """A sweep of some programs, and the model-steps per second that are promised and aimed at on an H200."""

    programs: tuple[tuple[Config, ...], ...]
    promised: float
    aim: float

    @property
    def name(self) -> str:
        first = self.programs[0][0]
        if len(self.programs) > 1:
            return f"Fig. 3: {len(self.programs)} programs, {self.models} {first.source} models"
        return f"{self.models} {first.source} models, batch {first.batch_size}"

    @property
    def models(self) -> int:
        return sum(map(len, self.programs))


@dataclass(frozen=True)
class Speed:
    """Steps of each program per second, while α is scheduled and while it is learned, and the seconds of recording."""

    scheduled: float
    learned: float
    recording: float

    @property
    def whole(self) -> float:
        return 1.0 / (0.25 / self.scheduled + 0.75 / self.learned)


def program(source: str, models: int, **fields: int) -> tuple[Config, ...]:
    """Configurations of one shape: λ = 4, 8, …, 512 and as many seeds as that takes."""
    first = Config(source, 4.0, **fields)
    return tuple(replace(first, lmbda=4.0 * 2.0 ** (i % 8), seed=i // 8) for i in range(models))


def cases(*, small: bool) -> list[Case]:
    """The sweeps that the project promises a speed for; small ones have few models, and batches of at most 64."""

    def of(source: str, models: int, batch_size: int, latent_dim: int = 1) -> tuple[Config, ...]:
        if small:
            models, batch_size = max(1, models // 32), max(8, batch_size // 16)
        return program(source, models, batch_size=batch_size, latent_dim=latent_dim, steps=200_000)

    figure = tuple(of("circle", 16, batch, latents) for latents in (1, 2) for batch in (64, 256, 1024))
    return [
        Case((of("circle", 256, 128),), 250_000, 400_000),
        Case((of("circle", 96, 1024),), 60_000, 90_000),
        Case((of("ramp", 64, 1024),), 20_000, 35_000),
        Case(figure, 60_000, 90_000),
    ]


def speed(programs: Sequence[Sequence[Config]], device: torch.device, seconds: float) -> Speed:
    """Measure programs side by side, for about so many seconds in each of the two stages."""
    together, clocks, steps = Barrier(len(programs)), list[float](), [0]

    def stage(running: object, at: int) -> None:
        """Set all programs to a step, record, and note the times before and after recording and after the steps."""
        running.adam.restore(running.adam.mean, running.adam.square, at)
        running.clock.fill_(at)
        running.done = at
        for count in (1, PROBED, steps):  # the first step records
            if together.wait() == 0:
                clocks.append(time.perf_counter())
                if len(clocks) % 4 == 3:
                    steps[0] = max(PROBED, int(seconds * PROBED / (clocks[-1] - clocks[-2])))
            together.wait()
            for _ in range(count if isinstance(count, int) else count[0]):
                running.step()
            int(running.clock)  # waits for them
        if together.wait() == 0:
            clocks.append(time.perf_counter())
        together.wait()

    rates = list[float]()

    def job(configs: Sequence[Config], _stop: Event) -> None:
        try:
            with own_stream(device):
                running = begin(configs, device)
                for at in (0, configs[0].steps // 2):
                    stage(running, at)
                    if together.wait() == 0:
                        rates.append(steps[0] / (clocks[-1] - clocks[-2]))
                    together.wait()
        except BaseException:
            together.abort()
            raise

    run_all(job, programs, len(programs))
    recording = sum(clocks[4 * i + 1] - clocks[4 * i] for i in range(2))
    return Speed(*rates, recording)


def loop_rate(config: Config, device: torch.device, steps: int) -> float:
    """Steps per second of the loop over models."""
    with torch.device(device):
        return steps / loop.train(config, steps)


def product_rate(device: torch.device) -> float:
    """Floating-point operations per second in a large product of float32."""
    size = 8192 if device.type == "cuda" else 1024
    a, best = torch.randn(size, size, device=device), float("inf")
    for _ in range(6):
        start = time.perf_counter()
        float(torch.mm(a, a)[0, 0])
        best = min(best, time.perf_counter() - start)
    return 2.0 * size**3 / best


def measure(case: Case, device: torch.device, rate: float, *, small: bool) -> dict[str, object]:
    """One row of the table."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    found = speed(case.programs, device, 0.2 if small else 4.0)
    configs = [config for one in case.programs for config in one]
    work = found.whole * sum(map(products, configs))
    return {
        "sweep": case.name,
        "models": case.models,
        "scheduled": case.models * found.scheduled,
        "learned": case.models * found.learned,
        "model-steps": case.models * found.whole,
        "promised": None if small else case.promised,
        "aim": None if small else case.aim,
        "loop": loop_rate(case.programs[-1][0], device, 20 if small else 300),
        "share": work / rate,
        "recording": found.recording,
        "compiled": sum(inductor.repays(one, device) for one in case.programs),
        "memory": torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None,
        "memory expected": sum(map(memory, case.programs)),
    }


def table(device: torch.device, *, small: bool, out: Path | None) -> None:
    """Measure all sweeps, print the table, and write it."""
    rate = product_rate(device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, float32 without TF32: {rate / 1e12:.3g} TFLOP/s in a large product")
    head = (
        "model-steps/s",
        "promised",
        "aim",
        "scheduled",
        "learned",
        "loop/s",
        "ratio",
        "share",
        "recording",
        "compiled",
    )
    print(f"{'':40}" + "".join(f"{title:>14}" for title in head))
    rows = []
    for case in cases(small=small):
        row = measure(case, device, rate, small=small)
        rows.append(row)
        shown = [row[title] for title in ("model-steps", "promised", "aim", "scheduled", "learned", "loop")]
        values = ["-" if value is None else f"{value:.0f}" for value in shown]
        values += [f"{row['model-steps'] / row['loop']:.1f}", f"{row['share']:.2%}", f"{row['recording']:.1f} s"]
        values += [f"{row['compiled']} of {len(case.programs)}"]
        print(f"{case.name:40}" + "".join(f"{value:>14}" for value in values), flush=True)
    if out:
        with out.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)

"""Compressors that reach the optimum beside those that do not: excess of rate + λD, for the ramp and the circle.

    python benchmarks/neural/optimal.py --store DIR [--out benchmarks/results] [--seeds 3] [--scale 1.0]

Trains what the store does not have yet (a command that was killed goes on), evaluates it on 2²⁰ phases and writes
optimal_compressors.csv, its provenance as .json and a figure as .png. `--scale` shortens all schedules.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import edcurve
import edcurve_neural as edn
import numpy as np
import pandas as pd
from edcurve_neural.compressors.codebook import with_codebook
from edcurve_neural.runs import evaluate_model
from edcurve_neural.signals import source_of
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.progress import track
from shared import SCHEDULE, parser, scaled, write_provenance

LMBDA = {"ramp": (48.0, 256.0, 1024.0, 4096.0), "circle": (4.0, 32.0, 128.0, 512.0)}
LATENTS = {"ramp": (1, 10), "circle": (1, 2)}
PAPER = (10_000, 1024)  # steps and batch size
LEARNED = {"circular": (2000, 256), "circular-table": (2000, 256)}
CLOSE = 1e-3  # relative: how far the optimum of the sampled ramp may be from that of the continuous one
CODEWORDS = 1024  # that ECVQ starts with
ECVQ_POINTS = 2**18  # phases of its evaluation


def samples_for(source: str, lmbda: float) -> int | None:
    """Samples of a function, 1024 or more: the optimum of the ramp as sampled is within 0.1 % of the continuous one."""
    if source == "circle":
        return None
    samples = 1024
    if source == "sinusoid":  # samples have the same optimum
        return samples
    exact = float(edcurve.lagrangian("ramp", lmbda).value)
    while float(edcurve.lagrangian(edcurve.Ramp(samples=samples), lmbda).value) < (1.0 - CLOSE) * exact:
        samples *= 2
    return samples


def configs(seeds: int, scale: float) -> list[edn.Config]:
    """Configurations to train."""
    wanted = []
    for source, lmbda in LMBDA.items():
        for name, (steps, batch) in {"ntc": PAPER, **LEARNED}.items():
            fields = {"batch_size": batch, "steps": scaled(steps, scale), "compressor": name}
            latents = list(LATENTS[source]) if name == "ntc" else [1]
            for one in lmbda:
                samples = samples_for(source, one)
                wanted += edn.grid(source, latent_dim=latents, lmbda=one, samples=samples, seed=range(seeds), **fields)
    return wanted


def row(config: edn.Config, name: str, kind: str, measured: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A row of the table, from what was measured."""
    source, lmbda = source_of(config.source), config.lmbda
    sampled = edcurve.Ramp(samples=config.samples) if config.source == "ramp" else source
    rate, entropy, D, centroid = (measured[name] for name in ("rate", "entropy", "distortion", "distortion_centroid"))
    best, best_sampled = (float(edcurve.lagrangian(one, lmbda).value) for one in (source, sampled))
    return {
        "source": config.source,
        "lmbda": lmbda,
        "seed": config.seed,
        "compressor": name,
        "kind": kind,
        "rate": rate,
        "entropy": entropy,
        "distortion": D,
        "excess_percent": 100.0 * ((rate + lmbda * D) / best - 1.0),
        "excess_sampled_percent": 100.0 * ((rate + lmbda * D) / best_sampled - 1.0),
        "cells": measured["cells"],
        "entropy_model": rate - entropy,
        "decoder": lmbda * (D - centroid),
        "partition": entropy + lmbda * centroid - best,
        "samples": config.samples,
        **more,
    }


def trained(store: Path, seeds: int, scale: float) -> Iterator[dict[str, Any]]:
    """Rows of what was trained, and once more of the paper's compressor, with tables as decoder and entropy model."""
    wanted = configs(seeds, scale)
    edn.sweep(wanted, store=store)
    kept = edn.Store(store)
    rows = {values["key"]: values for values in kept.rows()}
    for config in track(wanted, "evaluating"):
        about = {"latent_dim": config.latent_dim, "batch_size": config.batch_size, "steps": config.steps}
        if config.circular:
            yield row(config, config.compressor, "learned", rows[config.key], **about)
            continue
        yield row(config, f"ntc (latent {config.latent_dim})", "baseline", rows[config.key], **about)
        table = evaluate_model(with_codebook(kept.load(config).model, config))
        yield row(config, f"ntc-table (latent {config.latent_dim})", "baseline", vars(table), **about)


def codebooks(seeds: int) -> Iterator[dict[str, Any]]:
    """Rows of ECVQ, which merges spare codewords."""
    wanted = [
        edn.Config(source, lmbda, seed=seed, samples=samples_for(source, lmbda))
        for source in LMBDA
        for lmbda in LMBDA[source]
        for seed in range(seeds)
    ]
    for config in track(wanted, "ECVQ"):
        code = edn.ecvq(config.source, config.lmbda, codewords=CODEWORDS, seed=config.seed, samples=config.samples or 2)
        evaluation = edn.evaluate(
            code.encode, code.decode, config.source, code.rate, samples=code.samples, points=ECVQ_POINTS
        )
        yield row(config, "ecvq", "baseline", vars(evaluation))


def draw(table: pd.DataFrame, about: str) -> Figure:
    """Excess in percent against λ, the worst of the seeds."""
    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    names = list(dict.fromkeys(table["compressor"].str.replace(r"latent \d+", "best latent", regex=True)))
    for ax, (source, part) in zip(figure.subplots(1, 2), table.groupby("source", sort=False), strict=True):
        for i, name in enumerate(names):
            kind = part["compressor"].str.replace(r"latent \d+", "best latent", regex=True)
            those = part[kind == name]
            worst = those.groupby(["lmbda", "compressor"])["excess_sampled_percent"].max()
            worst = worst.groupby("lmbda").min()
            style = {"marker": "osD^vP*"[i % 7], "ms": 5, "lw": 1.0, "color": f"C{i}"}
            ax.plot(worst.index, np.maximum(worst.to_numpy(), 1e-3), label=name, **style)
        ax.axhline(1.0, color="0.6", lw=0.8, ls="--")
        ax.set(xscale="log", yscale="log", xlabel="λ (bits per unit distortion)", title=source)
        ax.set_xticks(sorted(set(part["lmbda"])), [f"{value:g}" for value in sorted(set(part["lmbda"]))])
        ax.minorticks_off()
    figure.axes[0].set_ylabel("excess of rate + λD (%), the ramp's\nover its optimum as sampled; worst of the seeds")
    entries = figure.axes[0].get_legend_handles_labels()
    figure.legend(*entries, frameon=False, fontsize=8, loc="outside lower center", ncols=len(names))
    figure.suptitle(about, fontsize=9)
    return figure


def main() -> None:
    options = parser(__doc__, seeds=3, store=True).parse_args()
    start = time.perf_counter()
    rows = [*trained(options.store, options.seeds, options.scale), *codebooks(options.seeds)]
    table = pd.DataFrame(rows)
    options.out.mkdir(parents=True, exist_ok=True)
    where = options.out / "optimal_compressors.csv"
    table.to_csv(where, index=False)
    worst = table.groupby(["source", "compressor"], sort=False)["excess_percent"].max()
    kinds = {"ntc": PAPER, **LEARNED}
    steps = {name: scaled(count, options.scale) for name, (count, _) in kinds.items()}
    provenance = {
        "seeds": list(range(options.seeds)),
        "steps": steps,
        "batch_size": {name: batch for name, (_, batch) in kinds.items()},
        "schedule": SCHEDULE,
        "evaluation": "2^20 phases; the ramp as sampled, with as few samples as leave its optimum within 0.1 %",
        "ntc-table": "the same networks as ntc; codewords and probabilities from 2^17 realizations",
        "ecvq": f"{CODEWORDS} codewords at first, 8192 realizations, merged; evaluated on {ECVQ_POINTS} phases",
        "seconds": round(time.perf_counter() - start),
        "worst_excess_percent": {f"{source}, {name}": round(value, 4) for (source, name), value in worst.items()},
    }
    command = f"optimal.py --store DIR --seeds {options.seeds} --scale {options.scale:g}"
    write_provenance(where, command, **provenance)
    words = f"{options.seeds} seeds; steps: " + ", ".join(f"{name} {count:,}" for name, count in steps.items())
    draw(table, words).savefig(where.with_suffix(".png"), dpi=150)
    print(worst.to_string())


if __name__ == "__main__":
    main()

"""The size of a batch at equal steps, equal samples and equal time, and the size of a fixed training set.

    python benchmarks/neural/batch_size.py [--out benchmarks/results] [--seeds 5] [--scale 1.0]

The paper's compressor of the circle with one latent at λ = 512. The seeds of a schedule are trained together, and added
to batch_size.csv when they are evaluated: a command that was killed goes on from there. batch_size.json has the
provenance, batch_size.png is the figure. `--scale` shortens all schedules.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import edcurve_neural as edn
import numpy as np
import pandas as pd
from edcurve_neural.runs import evaluate_model
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from scipy.stats import t as student
from shared import SCHEDULE, add_rows, parser, scaled, trained

SOURCE, LMBDA = "circle", 512.0
FRESH = 0  # size of the training set that stands for fresh phases
BATCHES = {  # steps by batch size
    "equal steps": {64: 10_000, 256: 10_000, 1024: 10_000},
    "equal samples": {64: 160_000, 256: 40_000, 1024: 10_000},
    "equal time": {64: 105_000, 256: 35_000, 1024: 10_000},
}
LONGER = (64, 200_000)
FIXED = (256, 40_000)
SETS = (128, 1024, 8192, FRESH)


class Schedule(NamedTuple):
    """What the seeds have in common."""

    batch_size: int
    steps: int
    train_size: int


def schedules() -> list[Schedule]:
    """All schedules, the shortest first."""
    wanted = {Schedule(batch, steps, FRESH) for panel in BATCHES.values() for batch, steps in panel.items()}
    wanted |= {Schedule(*LONGER, FRESH), *(Schedule(*FIXED, size) for size in SETS)}
    return sorted(wanted, key=lambda one: (one.train_size, one.steps * (one.batch_size + 30)))


def interval(values: pd.Series[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval by Student's t."""
    half = student.ppf(0.975, len(values) - 1) * values.std() / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return float(values.mean()), float(half)


def panels(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each panel, in its order."""
    keyed = table.set_index(list(Schedule._fields)).sort_index()

    def rows(wanted: list[Schedule]) -> pd.DataFrame:
        return pd.concat([keyed.loc[[tuple(one)]] for one in wanted if tuple(one) in keyed.index]).reset_index()

    chosen = {name: [Schedule(b, n, FRESH) for b, n in panel.items()] for name, panel in BATCHES.items()}
    return {name: rows(one) for name, one in (chosen | {"training set": [Schedule(*FIXED, n) for n in SETS]}).items()}


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel for each comparison of two or more schedules: dots are seeds, bars are means with 95 % intervals."""
    shown = {
        name: rows for name, rows in panels(table).items() if len(rows[list(Schedule._fields)].drop_duplicates()) > 1
    }
    figure = Figure(figsize=(2.75 * len(shown), 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    for ax, (name, rows) in zip(figure.subplots(1, len(shown), sharey=True), shown.items(), strict=True):
        by = "train_size" if name == "training set" else "batch_size"
        ticks = []
        for i, (size, part) in enumerate(rows.groupby(by, sort=False)):
            mean, half = interval(part["percent"])
            ax.plot(np.full(len(part), i), part["percent"], "o", ms=3.5, color="C0", alpha=0.6)
            ax.errorbar([i + 0.15], [mean], [half], fmt="_", ms=9, capsize=3, color="k")
            if name == "training set":
                seen = part["trained_percent"].clip(lower=1.0)
                ax.plot(np.full(len(part), i - 0.15), seen, "x", ms=4, color="#d1495b", label="as training saw it")
                ticks.append("fresh" if size == FRESH else f"{size}")
            else:
                ticks.append(f"{size}\n{part['steps'].iloc[0]:,} steps\n{part['seconds'].mean():.0f} s")
        ax.set_xticks(range(len(ticks)), ticks, fontsize=8)
        ax.set(yscale="log", title=name, xlim=(-0.5, len(ticks) - 0.5))
        ax.set_xlabel(f"phases; batch {FIXED[0]}, {FIXED[1]:,} steps" if name == "training set" else "batch size")
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.yaxis.set_minor_locator(NullLocator())
        ax.grid(axis="y", color="0.92", lw=0.6)
    handles, labels = figure.axes[-1].get_legend_handles_labels()
    if handles:
        figure.axes[-1].legend(handles[:1], labels[:1], frameon=False, fontsize=8)
    figure.axes[0].set_ylabel("excess (% of the optimum)")
    figure.suptitle(about, fontsize=9)
    return figure


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Means with 95 % intervals, for the page."""
    rows = []
    for key, part in table.groupby(list(Schedule._fields), sort=False):
        (mean, half), (seen, _) = interval(part["percent"]), interval(part["trained_percent"])
        one = Schedule(*key)
        about = {"batch": one.batch_size, "steps": one.steps, "training set": one.train_size or "fresh"}
        samples = {"samples (10⁶)": one.batch_size * one.steps / 1e6, "s of a core": part["seconds"].mean()}
        rows.append({**about, **samples, "percent": f"{mean:.1f} ± {half:.1f}", "as training saw it": f"{seen:.1f}"})
    return pd.DataFrame(rows)


def main() -> None:
    options = parser(__doc__, seeds=5).parse_args()

    def measured(*values: int) -> Iterator[dict[str, Any]]:
        """A row for each seed."""
        schedule, seeds = Schedule(*values), range(options.seeds)
        steps, train_size = scaled(schedule.steps, options.scale), schedule.train_size or None
        fields = {"batch_size": schedule.batch_size, "steps": steps, "train_size": train_size}
        configs = [edn.Config(SOURCE, LMBDA, seed=seed, **fields) for seed in seeds]
        program, seconds = trained(configs)
        for i, config in enumerate(configs):
            found = evaluate_model(program.compressor(i))
            parts = found.decomposition(LMBDA, fine=True)._asdict()
            percent = 100.0 * found.excess(LMBDA) / found.optimum(LMBDA)
            seen = 100.0 * (program.history(i)["loss"][-1] / found.optimum(LMBDA) - 1.0)
            about = {**schedule._asdict(), "seed": config.seed, "seconds": round(seconds / len(seeds), 2)}
            yield {**about, "percent": percent, "trained_percent": seen, "cells": found.cells, **parts}

    where = options.out / "batch_size.csv"
    add_rows(
        where,
        Schedule._fields,
        [tuple(one) for one in schedules()],
        measured,
        f"batch_size.py --seeds {options.seeds} --scale {options.scale:g}",
        seeds=list(range(options.seeds)),
        compressor=f"ntc, {SOURCE}, one latent, λ = {LMBDA:g}",
        schedule=f"as in the columns; {SCHEDULE}",
        evaluation="2^20 phases; seconds are processor time of a model, the seeds trained together in one thread",
    )
    table = pd.read_csv(where)
    about = (
        f"{SOURCE}, one latent, λ = {LMBDA:g}: excess of rate + λD, {options.seeds} seeds, means with 95 % intervals"
    )
    draw(table, about).savefig(where.with_suffix(".png"), dpi=150)
    print(summary(table).to_string())


if __name__ == "__main__":
    main()

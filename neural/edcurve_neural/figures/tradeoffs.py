"""Rate against distortion beside E(D), the excess over the optimum, and its parts: Figures 1, 3, 5 and 6."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import edcurve
import numpy as np
import pandas as pd
from edcurve.sources import resolve

from .style import FLOOR, INSIDE, OTHERS, PARTS, against_lmbda, empty, latents, legend, of_batch, percent, schedule
from .tables import usual

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SERIES = ("batch_size", "steps", "learning_rate", "hidden", "likelihood", "start", "last_layer")
KIND = ("compressor", "latent_dim")


def trade_off(runs: pd.DataFrame, source: str) -> Figure:
    """Rate against distortion of runs of one source with fresh phases, over E(D), its hull and its lower bound.

    There is a column for each latent dimension. Below is the excess of rate + λD over the least H + λD, against λ.
    Markers are runs; lines go through means over the seeds.
    """
    runs = runs[(runs["source"] == source) & runs["train_size"].isna()]
    panels = list(runs.groupby(list(KIND)))
    usual_steps = int(runs["steps"].mode().iloc[-1])
    distortions = runs[["distortion", "rank_floor"]].to_numpy()
    low = 0.8 * float(distortions[distortions > 0.0].min(initial=resolve(source).max_distortion))
    figure = empty(max(5.4, 4.1 * len(panels) + 0.4), 7.6)
    axes = figure.subplots(2, len(panels), sharex="row", sharey="row", squeeze=False, height_ratios=(4, 3))
    for (top, below), ((compressor, latent), panel) in zip(axes.T, panels, strict=True):
        _optimum(top, source, low)
        for label, group, style in _series(panel, usual_steps):
            _draw(top, group, "distortion", "rate", {**style, "label": label})
            _draw(below, group, "lmbda", "excess", style)
        _entropies(top, usual(panel))
        _floor(top, panel)
        _one_percent(below, panel)
        top.set_title(latents(latent) + ("" if compressor == "ntc" else f", {compressor}"), fontsize=10)
        top.set(xscale="log", xlabel="distortion D (mean squared error)")
        against_lmbda(below, runs["lmbda"])
    axes[0, 0].set_ylim(bottom=0.0)
    axes[0, 0].set_ylabel("rate under the trained prior (bits)")
    axes[1, 0].set_ylabel("excess of rate + λD (bits)")
    legend(figure)
    figure.suptitle(f"{source}: trained compressors against the optimum\n{schedule(runs)}", fontsize=10)
    return figure


def _optimum(ax: Axes, source: str, low: float) -> None:
    most = resolve(source).max_distortion
    D = np.geomspace(min(low, 0.01 * most), most, 600)
    ax.plot(D, edcurve.entropy_distortion(source, D), color="k", lw=1.4, label="E(D), exact (proved)")
    ax.plot(D, edcurve.convex_hull(source, D), color="0.45", lw=1.0, ls="--", label="its convex hull")
    ax.plot(D, edcurve.lower_bound(source, D), color="0.45", lw=1.0, ls=":", label="dual lower bound")


def _series(panel: pd.DataFrame, usual_steps: int) -> Iterator[tuple[str, pd.DataFrame, dict[str, Any]]]:
    """Groups of runs that differ only in λ and the seed, each with a label and a style."""
    others = 0
    for _, group in panel.groupby(list(SERIES)):
        run = group.iloc[0]
        words = [f"{run['steps']:,} steps"] if run["steps"] != usual_steps else []
        words += [f"{name} {run[name]}" for name in SERIES[2:] if panel[name].nunique() > 1]
        style = of_batch(int(run["batch_size"])) | {"ms": 4.5, "lw": 1.0, "ls": "-"}
        if words:  # hollow markers on a broken line
            style |= {"mfc": "none", "ls": OTHERS[others % len(OTHERS)]}
            others += 1
        yield ", ".join([f"batch {run['batch_size']}", *words]), group, style


def _draw(ax: Axes, group: pd.DataFrame, x: str, y: str, style: dict[str, Any]) -> None:
    """A marker for each run, and a line through the means over the seeds."""
    means = group.groupby("lmbda", as_index=False)[[name for name in (x, y) if name != "lmbda"]].mean()
    ax.plot(means[x], np.maximum(means[y], FLOOR), **style, markevery=[])  # the legend has the marker
    ax.plot(group[x], np.maximum(group[y], FLOOR), **style | {"ls": "none", "label": None})


def _entropies(ax: Axes, runs: pd.DataFrame) -> None:
    """Entropy of the indices, the rate of an ideal entropy coder, at the largest batch size."""
    largest = runs[runs["batch_size"] == runs["batch_size"].max()]
    if len(largest):
        means = largest.groupby("lmbda")[["distortion", "entropy"]].mean()
        label = "entropy of the indices, largest batch"
        ax.plot(means["distortion"], means["entropy"], "_", color="k", ms=9, label=label)


def _floor(ax: Axes, panel: pd.DataFrame) -> None:
    """The least distortion of any decoder of this width."""
    floor = panel["rank_floor"].max()
    if panel["rank_floor"].nunique() == 1 and floor > 0.0:
        ax.axvline(floor, color="0.6", lw=1.0, ls="-.", label="rank floor of the decoder's width")


def _one_percent(ax: Axes, panel: pd.DataFrame) -> None:
    optima = panel.groupby("lmbda")["optimum"].mean()
    ax.plot(optima.index, 0.01 * optima, color="0.45", lw=1.0, ls=(0, (4, 1, 1, 1, 1, 1)), label="1 % of the optimum")


def decompositions(runs: pd.DataFrame) -> Figure:
    """Parts of the excess against λ: a panel for each source and latent dimension, at its largest batch size.

    Lines go through means over the seeds, markers are runs. Numbers are the excess in percent of the optimum. Crosses
    show the dependence of the latents, and the loss that no last layer of the decoder recovers, for runs that have
    these parts.
    """
    runs = usual(runs)
    panels = list(runs.groupby(["source", "latent_dim"], sort=True))
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = empty(4.6 * columns, 2.8 * rows + 0.9)
    first = None
    for place, ((source, latent), group) in enumerate(panels, start=1):
        first = ax = figure.add_subplot(rows, columns, place, sharey=first)
        largest = group[group["batch_size"] == group["batch_size"].max()]
        _parts(ax, largest)
        batch, steps = largest[["batch_size", "steps"]].iloc[0]
        other = "" if steps == runs["steps"].mode().iloc[-1] else f", {steps:,} steps"
        ax.set_title(f"{source}, {latents(latent)}, batch {batch}{other}", fontsize=9)
    legend(figure, 2)
    head = "Where the excess of rate + λD over the optimum comes from; numbers: together, in % of the optimum"
    figure.suptitle(f"{head}\n{schedule(runs)}", fontsize=10)
    return figure


def _parts(ax: Axes, runs: pd.DataFrame) -> None:
    means = runs.groupby("lmbda")[[*PARTS, "excess", "percent"]].mean()
    total = np.maximum(means["excess"], FLOOR)
    ax.plot(total, color="k", alpha=0.2, lw=5.0, label="together")
    for name, (label, colour) in PARTS.items():
        ax.plot(np.maximum(means[name], FLOOR), color=colour, lw=1.1, label=label)
        ax.plot(runs["lmbda"], np.maximum(runs[name], FLOOR), ".", color=colour, ms=5)
    for name, (label, whole) in INSIDE.items():
        if len(above_floor := runs[runs[name] > FLOOR]):
            style: dict[str, Any] = {"color": PARTS[whole][1], "ls": "none", "marker": "x", "ms": 6}
            ax.plot(above_floor["lmbda"], above_floor[name], **style, label=label)
    ax.plot(runs["lmbda"], np.maximum(runs["excess"], FLOOR), "o", color="k", mfc="none", mew=0.7, ms=5)
    for lmbda, top, value in zip(means.index, total, means["percent"], strict=True):
        ax.annotate(percent(value), (lmbda, top), (0, 7), textcoords="offset points", ha="center", fontsize=7)
    against_lmbda(ax, means.index)
    ax.margins(x=0.1, y=0.12)
    ax.set_ylabel("bits")

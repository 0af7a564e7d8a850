"""Rate against distortion beside E(D), and the parts of the excess over it: Figures 1, 3, 5 and 6."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import edcurve
import numpy as np
import pandas as pd
from edcurve.sources import resolve

from .style import MARKERS, PARTS, SMALL, empty, percent, schedule, shades
from .tables import usual

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SERIES = ("batch_size", "steps", "learning_rate", "hidden", "likelihood", "start")
KIND = ("compressor", "latent_dim")


def trade_off(runs: pd.DataFrame, source: str) -> Figure:
    """Rate against distortion of runs of one source with fresh phases, over E(D), its hull and its lower bound.

    There is a panel for each latent dimension. Lines go through means over the seeds; each run is a dot.
    """
    runs = runs[(runs["source"] == source) & runs["train_size"].isna()]
    panels = list(runs.groupby(list(KIND)))
    figure = empty(max(5.4, 4.1 * len(panels) + 0.4), 4.5)
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    colours = shades(sorted(set(runs["batch_size"])))
    usual_steps = int(runs["steps"].mode()[0])
    seen = runs[["distortion", "rank_floor"]].to_numpy()
    low = 0.6 * float(seen[seen > 0.0].min())
    for ax, ((compressor, latent), panel) in zip(axes, panels, strict=True):
        _optimum(ax, source, low)
        for i, (_, group) in enumerate(panel.groupby(list(SERIES))):
            style = {"color": colours[int(group["batch_size"].iloc[0])], "marker": MARKERS[i % len(MARKERS)], "ms": 5}
            other = {"color": f"C{1 + 2 * i}", "marker": "*", "ms": 9, "zorder": 3}
            style = style if group["steps"].iloc[0] == usual_steps else other
            _series(ax, group, _label(group, panel, usual_steps), style)
        _entropies(ax, usual(panel))
        _floor(ax, panel)
        ax.set_title(f"latent dimension {latent}" + ("" if compressor == "ntc" else f", {compressor}"), fontsize=10)
        ax.set_xscale("log")
        ax.set_xlabel("Distortion D (mean squared error)")
        ax.legend(frameon=False, fontsize=SMALL)
    axes[0].set_ylim(bottom=0.0)
    axes[0].set_ylabel("Rate under the trained prior (bits)")
    figure.suptitle(f"{source}: trained compressors against the optimum\n{schedule(runs)}", fontsize=10)
    return figure


def _optimum(ax: Axes, source: str, low: float) -> None:
    most = resolve(source).max_distortion
    D = np.geomspace(min(low, 0.01 * most), most, 600)
    ax.plot(D, edcurve.entropy_distortion(source, D), color="k", lw=1.6, label="E(D), exact (proved)")
    ax.plot(D, edcurve.convex_hull(source, D), color="0.45", lw=1.0, ls="--", label="its convex hull")
    ax.plot(D, edcurve.lower_bound(source, D), color="C3", lw=1.0, ls=":", label="dual lower bound")


def _label(group: pd.DataFrame, panel: pd.DataFrame, usual_steps: int) -> str:
    """Label of a series: what sets it apart from the others in its panel."""
    one = group.iloc[0]
    words = [f"batch {one['batch_size']}"]
    words += [f"{one['steps']:,} steps"] if one["steps"] != usual_steps else []
    words += [f"{name} {one[name]}" for name in SERIES[2:] if panel[name].nunique() > 1]
    return ", ".join(words)


def _series(ax: Axes, group: pd.DataFrame, label: str, style: dict[str, Any]) -> None:
    means = group.groupby("lmbda")[["distortion", "rate"]].mean()
    ax.plot(means["distortion"], means["rate"], **style, lw=0.9, label=label)
    if group["seed"].nunique() > 1:
        ax.plot(group["distortion"], group["rate"], color=style["color"], marker=".", ms=3, ls="none", alpha=0.7)


def _entropies(ax: Axes, runs: pd.DataFrame) -> None:
    """Entropy of the indices, the rate of an ideal entropy coder, at the largest batch size."""
    largest = runs[runs["batch_size"] == runs["batch_size"].max()]
    means = largest.groupby("lmbda")[["distortion", "entropy"]].mean()
    style: dict[str, Any] = {"color": "0.25", "marker": "o", "mfc": "none", "ms": 5, "lw": 0.6, "ls": "-."}
    if len(largest):
        label = f"batch {largest['batch_size'].iloc[0]}: entropy of the indices"
        ax.plot(means["distortion"], means["entropy"], **style, label=label)


def _floor(ax: Axes, panel: pd.DataFrame) -> None:
    """The least distortion of any decoder of that width."""
    floor = panel["rank_floor"].max()
    if panel["rank_floor"].nunique() == 1 and floor > 0.0:
        ax.axvline(floor, color="0.5", lw=1.0, ls=(0, (1, 1)), label="rank floor of the decoder's width")


def decompositions(runs: pd.DataFrame) -> Figure:
    """Stacked parts of the excess against λ: one panel a source and latent dimension, at its largest batch size."""
    runs = usual(runs)
    panels = list(_panels(runs))
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = empty(4.6 * columns, 2.8 * rows + 0.9)
    for place, (source, latent, batch, group) in enumerate(panels, start=1):
        ax = figure.add_subplot(rows, columns, place)
        _bars(ax, group)
        ax.set_title(f"{source}, latent {latent}, batch {batch}", fontsize=9)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=SMALL)
    head = "Where the excess of rate + λD over the optimum comes from; in % of the optimum above each bar"
    figure.suptitle(f"{head}\n{schedule(runs)}", fontsize=10)
    return figure


def _panels(runs: pd.DataFrame) -> Iterator[tuple[object, object, int, pd.DataFrame]]:
    for (source, latent), group in runs.groupby(["source", "latent_dim"], sort=True):
        largest = group[group["batch_size"] == group["batch_size"].max()]
        means = largest.groupby("lmbda")[[*PARTS, "percent"]].mean()
        yield source, latent, int(largest["batch_size"].iloc[0]), means


def _bars(ax: Axes, group: pd.DataFrame) -> None:
    at, bottom = np.arange(len(group)), np.zeros(len(group))
    for name, label in PARTS.items():
        values = np.maximum(group[name].to_numpy(), 0.0)  # a partition of the sampled source may be a hair below 0
        ax.bar(at, values, bottom=bottom, width=0.7, label=label)
        bottom = bottom + values
    for x, top, value in zip(at, bottom, group["percent"], strict=True):
        ax.annotate(
            percent(value),
            (x, top),
            (0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )
    ax.margins(y=0.12)
    ax.set_xticks(at, [f"{value:g}" for value in group.index])
    ax.set_xlabel("λ (bits per unit distortion)", fontsize=SMALL)
    ax.set_ylabel("excess (bits)", fontsize=SMALL)
    ax.tick_params(labelsize=SMALL)

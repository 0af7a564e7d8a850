"""The excess against the batch size and the size of a fixed training set: Figure 7."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from .style import empty, latents, legend, of_batch, schedule
from .summary import over_batches, over_training_sets

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = ("-", "--", ":")  # by the latent dimension
SEEN = "#d1495b"
LEAST = 0.1  # percent; smaller excesses are drawn there: a training set is a source with its own optimum


def stochasticity(runs: pd.DataFrame) -> Figure:
    """Excess in percent of the optimum against the batch size, and against the size of a fixed training set.

    There is a row for each source, at its greatest λ with several sizes. Markers are runs, coloured by batch size;
    lines go through means over the seeds.
    """
    from matplotlib.ticker import LogLocator, NullLocator

    panels = ((over_batches(runs), "batch_size"), (over_training_sets(runs), "train_size"))
    drawn = [(_at_greatest_lmbda(group), name) for group, name in panels if len(group)]
    sources = sorted({source for group, _ in drawn for source in group["source"]})
    figure = empty(4.8 * len(drawn) + 0.4, 3.3 * len(sources) + 1.0)
    axes = figure.subplots(len(sources), len(drawn), sharey="row", squeeze=False)
    for row, source in zip(axes, sources, strict=True):
        for ax, (group, name) in zip(row, drawn, strict=True):
            panel = group[group["source"] == source]
            if panel.empty:
                ax.set_visible(False)
                continue
            _lines(ax, panel, name)
            ax.set_title(f"{source}, λ = {panel['lmbda'].iloc[0]:g}", fontsize=10)
            ax.set(ylabel="excess (% of the optimum)", yscale="log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}" if value > LEAST else f"≤ {LEAST:g}")
            ax.yaxis.set_minor_locator(NullLocator())
    legend(figure)
    shown = pd.concat([group for group, _ in drawn])
    head = "Excess of rate + λD over the whole source"
    figure.suptitle(f"{head}\n{schedule(shown)}", fontsize=10)
    return figure


def _at_greatest_lmbda(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[runs["lmbda"] == runs.groupby("source")["lmbda"].transform("max")]


def _lines(ax: Axes, runs: pd.DataFrame, name: str) -> None:
    sizes = sorted({math.inf if math.isnan(size) else size for size in runs[name]})
    for i, (latent, group) in enumerate(runs.groupby("latent_dim")):
        place = group[name].fillna(math.inf).map(sizes.index)
        line: dict[str, Any] = {"color": "0.35", "lw": 1.1, "ls": LINES[i % len(LINES)]}
        means = group["percent"].groupby(place).mean().clip(lower=LEAST)
        ax.plot(means.index, means, **line, label=latents(latent))
        for batch, members in group.groupby("batch_size"):
            style = of_batch(batch) | {"mfc": "w"} if i else of_batch(batch)
            ax.plot(
                place[members.index],
                members["percent"].clip(lower=LEAST),
                **style,
                ms=5,
                ls="none",
                label=f"batch {batch}",
            )
        if name == "train_size":
            trained = group["trained_percent"].groupby(place).mean().clip(lower=LEAST)
            ax.plot(trained.index, trained, **line | {"color": SEEN}, label=f"{latents(latent)}, as training saw it")
    ax.set_xticks(range(len(sizes)), ["fresh" if math.isinf(size) else f"{size:g}" for size in sizes])
    ax.margins(x=0.08)
    ax.grid(axis="y", color="0.92", lw=0.6)
    batches = " and ".join(f"{size:g}" for size in sorted(set(runs["batch_size"])))
    fixed = f"phases in the training set, batch {batches}"
    ax.set_xlabel("batch size, fresh phases each step" if name == "batch_size" else fixed)

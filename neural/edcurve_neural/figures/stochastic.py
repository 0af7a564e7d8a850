"""The excess against the batch size and the size of a fixed training set: Figure 7."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from .style import MARKERS, SMALL, empty, schedule
from .summary import over_batches, over_training_sets

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def stochasticity(runs: pd.DataFrame) -> Figure:
    """Excess in percent of the optimum against the batch size, and against the size of a fixed training set.

    Each source is drawn at the greatest λ at which it has several sizes. Lines go through means over the seeds, and
    dots are runs.
    """
    from matplotlib.ticker import LogLocator, NullLocator

    batches, sets = (_steepest(those) for those in (over_batches(runs), over_training_sets(runs)))
    drawn = [(those, name) for those, name in ((batches, "batch_size"), (sets, "train_size")) if len(those)]
    figure = empty(4.8 * len(drawn) + 0.4, 4.4)
    axes = figure.subplots(1, len(drawn), sharey=True, squeeze=False)[0]
    for ax, (those, name) in zip(axes, drawn, strict=True):
        _lines(ax, those, name)
        ax.legend(frameon=False, fontsize=SMALL)
    axes[0].set(ylabel="excess of rate + λD (% of the optimum)", yscale="log")
    axes[0].yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes[0].yaxis.set_major_formatter("{x:g}")
    axes[0].yaxis.set_minor_locator(NullLocator())
    seen = pd.concat([those for those, _ in drawn])
    head = "Smaller batches, and fixed training sets, measured over the whole source"
    figure.suptitle(f"{head}\n{schedule(seen)}", fontsize=10)
    return figure


def _steepest(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[runs["lmbda"] == runs.groupby("source")["lmbda"].transform("max")]


def _lines(ax: Axes, runs: pd.DataFrame, name: str) -> None:
    sizes = sorted({math.inf if math.isnan(size) else size for size in runs[name]})
    for i, ((source, latent, lmbda), group) in enumerate(runs.groupby(["source", "latent_dim", "lmbda"])):
        at = group[name].fillna(math.inf).map(sizes.index)
        style: dict[str, Any] = {"color": f"C{i % 10}", "marker": MARKERS[i % len(MARKERS)]}
        means = group["percent"].groupby(at).mean()
        ax.plot(means.index, means, **style, ms=5, lw=1.0, label=f"{source}, latent {latent}, λ = {lmbda:g}")
        ax.plot(at, group["percent"], color=style["color"], marker=".", ms=4, ls="none", alpha=0.7)
        if name == "train_size":
            seen = group["trained_percent"].groupby(at).mean()
            ax.plot(seen.index, seen, color=style["color"], lw=0.9, ls=":", label="  the same, as training saw it")
    ax.set_xticks(range(len(sizes)), ["fresh phases" if math.isinf(size) else f"{size:g}" for size in sizes])
    batches = " and ".join(f"{size:g}" for size in sorted(set(runs["batch_size"])))
    fixed = f"phases in the training set, batch {batches}"
    ax.set_xlabel("batch size, fresh phases each step" if name == "batch_size" else fixed)

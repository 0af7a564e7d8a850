"""Colours, markers, sizes and words of all figures: they have one meaning in every panel and figure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from .tables import usual

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AUTHORS_STEPS = 200_000  # of the authors' public code
PARTS = {
    "entropy_model": ("entropy model: rate − H", "#e08214"),
    "decoder": ("decoder: λ(D − D of centroids)", "#2a7fd4"),
    "partition": ("partition: H + λ·(D of centroids) − optimum", "#2e9e5b"),
}
# known shares of a part, drawn in its colour
INSIDE = {
    "dependence": ("of it the dependence of the latents", "entropy_model"),
    "features": ("of it the features: what no last layer recovers", "decoder"),
}
SMALL = 8
MARKERS = "^svDX<o"  # by log₂ of the batch size, modulo 7: 64 is a disc, 256 a square, 1024 a diamond
OTHERS = ("--", ":", "-.")  # series that differ from the usual ones in other settings
FLOOR = 1e-5  # bits; smaller excesses are drawn there on logarithmic axes
WORDS = {1: "one latent", 2: "two latents", 10: "ten latents"}


def schedule(runs: pd.DataFrame) -> str:
    """Steps and seeds in words, with the steps of the authors' public code if these are more."""
    most = usual(runs) if len(usual(runs)) else runs
    steps, others = int(most["steps"].mode().iloc[-1]), sorted({int(value) for value in runs["steps"]})
    labelled = ", ".join(f"{value:,}" for value in others if value != steps)
    notes = [f"{labelled} where labelled"] if labelled else []
    notes += [f"{AUTHORS_STEPS:,} in the authors' code"] if min(others) < AUTHORS_STEPS else []
    counts = runs.groupby(["source", "lmbda", "latent_dim", "batch_size", "steps"])["seed"].nunique()
    fewest, seeds = counts.min(), counts.max()
    words = f"{steps:,} steps" + (f" ({'; '.join(notes)})" if notes else "")
    return f"{words}; {f'{fewest} to ' if fewest < seeds else ''}{seeds} seed{'s' if seeds > 1 else ''}"


def bits(value: float) -> str:
    """A number of bits to two digits, or to five decimals."""
    return f"{value:#.2g} bits" if abs(value) >= 1e-3 else f"{value:.5f} bits"


def percent(value: float) -> str:
    """A percentage to two digits, or to whole percents."""
    return f"{value:#.2g}".rstrip(".") + " %" if value < 99.5 else f"{value:.0f} %"


def latents(count: Any) -> str:
    """Number of latent dimensions, in words."""
    return WORDS.get(count, f"{count} latents")


def of_batch(size: Any) -> dict[str, Any]:
    """Colour and marker of a batch size, the same in all figures: darker for larger ones."""
    from matplotlib import colormaps

    power = math.log2(size)
    shade = min(max(0.45 + 0.13 * (power - 6.0), 0.3), 1.0)
    return {"color": colormaps["RdPu"](shade), "marker": MARKERS[round(power) % len(MARKERS)]}


def empty(width: float, height: float) -> Figure:
    """An empty figure that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def against_lmbda(ax: Axes, lmbda: Iterable[float]) -> None:
    """Axes of an excess in bits against λ: both logarithmic, ticks at the given λ, and numbers in full."""
    ticks = sorted(set(lmbda))
    ax.set(xscale="log" if ticks[0] > 0.0 else "linear", yscale="log")
    ax.set_xticks(ticks, [f"{value:g}" for value in ticks])
    ax.set_xticks([], minor=True)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}" if value > FLOOR else f"≤ {FLOOR:g}")
    ax.grid(axis="y", color="0.92", lw=0.6)
    ax.set_xlabel("λ (bits per unit distortion)")


def legend(figure: Figure, columns: int = 4) -> None:
    """One legend for all panels, below them, where it hides no data."""
    entries: dict[str, Any] = {}
    for ax in figure.axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure.legend(
        entries.values(),
        entries.keys(),
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=SMALL,
    )

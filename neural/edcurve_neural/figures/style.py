"""Colours, sizes and words that the figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .tables import usual

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER_STEPS = 200_000
PARTS = {
    "entropy_model": "entropy model: rate − H",
    "decoder": "decoder: λ(D − D of centroids)",
    "partition": "partition: H + λ·(D of centroids) − optimum",
}
SMALL = 8
MARKERS = "osD^vP"


def schedule(runs: pd.DataFrame) -> str:
    """The schedule in words, which says if it is shorter than the paper's."""
    most = usual(runs)["steps"] if len(usual(runs)) else runs["steps"]
    steps, others = int(most.mode()[0]), sorted({int(value) for value in runs["steps"]})
    longer = ", ".join(f"{value:,}" for value in others if value != steps)
    words = f"{steps:,} steps" + (f" ({longer} where labelled)" if longer else "")
    shortened = f", shortened from {PAPER_STEPS:,}" if min(others) < PAPER_STEPS else ""
    seeds = runs["seed"].nunique()
    return f"{words}{shortened}; {seeds} seed{'s' if seeds > 1 else ''}"


def percent(value: float) -> str:
    """A percentage to two digits, or to whole percents."""
    return f"{value:.2g} %" if value < 99.5 else f"{value:.0f} %"


def empty(width: float, height: float) -> Figure:
    """An empty figure that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def shades(values: list[int]) -> dict[int, Any]:
    """A colour for each of some sizes, darker for larger ones."""
    from matplotlib import colormaps

    few = max(1, len(values) - 1)
    return {value: colormaps["viridis_r"](0.15 + 0.8 * i / few) for i, value in enumerate(sorted(values))}

"""The paper's Figures 1 and 3 with trained compressors beside the optimum, and where their gap comes from.

Drawn from the index of a store, as `edcurve runs` writes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import edcurve
import numpy as np
import pandas as pd
from edcurve._files import replacing
from edcurve.sources import resolve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEEDED = (
    "source", "lmbda", "latent_dim", "batch_size", "seed", "steps", "status", "rate", "entropy", "distortion", "excess",
    "entropy_model", "decoder", "partition",
)  # fmt: skip
NUMBERS = {
    "ramp": 1,
    "circle": 3,
    "sawbridge": 6,
}  # the last is the control, which the paper takes from its reference 5
PARTS = {
    "entropy_model": "entropy model: rate − H",
    "decoder": "decoder: λ(D − D of centroids)",
    "partition": "partition",
}
MARKERS = "osD^vP*X"
PAPER_STEPS = 200_000


def read_runs(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Finished runs of a store, or of the CSV that ``edcurve runs DIR --csv`` writes.

    Raises
    ------
    ValueError
        If a column is missing, or no run has finished.
    """
    where = Path(path)
    if where.is_dir():
        from .store import Store

        frame = pd.DataFrame(Store(where).rows())
    else:
        frame = pd.read_csv(where)
    missing = [name for name in NEEDED if name not in frame]
    if missing:
        raise ValueError(f"{where}: expected the columns of `edcurve runs --csv`, got none called {', '.join(missing)}")
    finished = frame[frame["status"] == "finished"]
    if finished.empty:
        raise ValueError(f"{where}: no run has finished")
    return finished.reset_index(drop=True)


def draw(runs: pd.DataFrame, out: str | os.PathLike[str]) -> list[Path]:
    """Draw every figure for whose source there are runs; return the files written.

    Parameters
    ----------
    runs : pandas.DataFrame
        As `read_runs` returns them.
    out : path
        Folder, made if need be.

    Returns
    -------
    list of Path
        ``figure_1.png`` (ramp), ``figure_3.png`` (circle), ``figure_6.png`` (sawbridge, the control) and
        ``figure_5.png``, the decomposition of the gap.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    written = [
        _saved(trade_off(runs[runs["source"] == source], source), folder / f"figure_{number}.png")
        for source, number in NUMBERS.items()
        if (runs["source"] == source).any()
    ]
    return [*written, _saved(decompositions(runs), folder / "figure_5.png")]


def trade_off(runs: pd.DataFrame, source: str) -> Figure:
    """Rate against distortion of the runs of one source, over E(D), its hull and its lower bound."""
    figure, ax = _figure(7.2, 5.0)
    low = 0.5 * float(runs["distortion"].min())
    known = resolve(source)
    D = np.geomspace(min(low, 0.01 * known.max_distortion), known.max_distortion, 600)
    ax.plot(D, edcurve.entropy_distortion(source, D), color="k", lw=1.6, label="E(D), exact (proved)")
    ax.plot(D, edcurve.convex_hull(source, D), color="0.5", lw=1.0, ls="--", label="convex hull: what H + λD can reach")
    for i, ((latent, batch), group) in enumerate(runs.groupby(["latent_dim", "batch_size"])):
        group = group.sort_values("lmbda")
        style: dict[str, Any] = {"color": f"C{i % 10}", "marker": MARKERS[i % len(MARKERS)], "ms": 5, "lw": 0.8}
        ax.plot(group["distortion"], group["rate"], **style, label=f"latent {latent}, batch {batch}")
    ax.set_xscale("log")
    ax.set_ylim(bottom=0.0)
    ax.set_xlabel("Distortion D (mean squared error)")
    ax.set_ylabel("Rate under the trained prior (bits)")
    ax.set_title(f"{source}: trained compressors against the optimum\n{schedule(runs)}", fontsize=10)
    ax.legend(frameon=False, fontsize=8)
    return figure


def decompositions(runs: pd.DataFrame) -> Figure:
    """Stacked parts of the excess against λ: one panel a source and latent dimension, at its largest batch size."""
    panels = list(_panels(runs))
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure, _ = _figure(4.6 * columns, 3.1 * rows + 0.5, axes=False)
    for place, (source, latent, batch, group) in enumerate(panels, start=1):
        _bars(figure.add_subplot(rows, columns, place), group)
        figure.axes[-1].set_title(f"{source}, latent {latent}, batch {batch}", fontsize=9)
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle(f"Where the excess of rate + λD over the optimum comes from\n{schedule(runs)}", fontsize=10)
    return figure


def _panels(runs: pd.DataFrame) -> Iterator[tuple[str, int, int, pd.DataFrame]]:
    for key, group in runs.groupby(["source", "latent_dim"], sort=True):
        source, latent = (str(part) for part in key)
        batch = int(group["batch_size"].max())
        yield source, int(latent), batch, group[group["batch_size"] == batch].groupby("lmbda")[list(PARTS)].mean()


def _bars(ax: Axes, group: pd.DataFrame) -> None:
    at, bottom = np.arange(len(group)), np.zeros(len(group))
    for name, label in PARTS.items():
        values = np.maximum(group[name].to_numpy(), 0.0)
        ax.bar(at, values, bottom=bottom, width=0.7, label=label)
        bottom = bottom + values
    ax.set_xticks(at, [f"{value:g}" for value in group.index])
    ax.set_xlabel("λ (bits per unit distortion)", fontsize=8)
    ax.set_ylabel("excess (bits)", fontsize=8)


def schedule(runs: pd.DataFrame) -> str:
    """The schedule in words, for the figure: shortened ones say so."""
    steps = sorted({int(value) for value in runs["steps"]})
    words = " and ".join(f"{value:,}" for value in steps)
    seeds = runs["seed"].nunique()
    shortened = f", shortened from {PAPER_STEPS:,}" if max(steps) < PAPER_STEPS else ""
    return f"{words} steps{shortened}; {seeds} seed{'s' if seeds > 1 else ''}"


def _figure(width: float, height: float, *, axes: bool = True) -> tuple[Figure, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots() if axes else None


def _saved(figure: Figure, path: Path) -> Path:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)
    return path

"""Codewords and reconstructions against the phase: Figures 2 and 4."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from .style import bits, empty, latents, legend, percent, schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LETTERS = "abcdefghij"
COLOURS = ("k", "#b15928")  # of the first and the second latent
ORDINALS = ("first", "second")


def ramp(runs: pd.DataFrame, codewords: pd.DataFrame) -> Figure:
    """Codeword and reconstruction of one sample of the ramp against the phase, a row for each λ."""
    from matplotlib.ticker import MaxNLocator

    shown = _shown(runs, codewords, "ramp")
    figure = empty(9.2, 3.0 * len(shown) + 0.9)
    axes = figure.subplots(len(shown), 2, sharex=True, squeeze=False)
    for i, (run, table) in enumerate(shown):
        left, right = axes[i]
        _steps(left, table["phase"], table["codeword_0"], table["latent_0"])
        right.plot(table["phase"], table["signal"], color="k", lw=1.0, ls=":", label="the ramp at t = 240/1024")
        _steps(right, table["phase"], table["reconstruction"], table["unquantised"])
        for ax, letter, name in ((left, LETTERS[2 * i], "codeword"), (right, LETTERS[2 * i + 1], "reconstruction")):
            ax.set_title(f"({letter}) {name}, {_title(run)}", fontsize=9)
            ax.set_ylabel(name)
        left.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
    for ax in axes[-1]:
        ax.set_xlabel("phase v")
    legend(figure)
    figure.suptitle(f"ramp: codeword and reconstruction against the phase\n{_schedule_of(shown)}", fontsize=10)
    return figure


def circle(runs: pd.DataFrame, codewords: pd.DataFrame) -> Figure:
    """Codewords of the circle against the angle: a row for each latent dimension, a column for each λ."""
    from matplotlib.ticker import MaxNLocator

    shown = _shown(runs, codewords, "circle")
    dims = [run["latent_dim"] for run, _ in shown]
    columns = max(dims.count(dim) for dim in dims)
    rows = -(-len(shown) // columns)
    figure = empty(4.6 * columns, 2.9 * rows + 0.9)
    for place, (run, table) in enumerate(shown):
        ax = figure.add_subplot(rows, columns, place + 1)
        turned = ((table["phase"] + 0.25) % 1.0).sort_values()  # from −π/2: jumps are often near 0
        angle, table = 2.0 * math.pi * (turned - 0.25), table.loc[turned.index]
        for i in range(run["latent_dim"]):
            _steps(ax, angle, table[f"codeword_{i}"], table[f"latent_{i}"], i)
        ax.set_title(f"({LETTERS[place]}) {_title(run)}", fontsize=9)
        ax.set_xticks([0.5 * math.pi * i for i in range(-1, 4)], ["−π/2", "0", "π/2", "π", "3π/2"])
        ax.set(xlabel="angle θ", ylabel="codeword")
        ax.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
    legend(figure)
    figure.suptitle(f"circle: codeword against the angle\n{_schedule_of(shown)}", fontsize=10)
    return figure


def _steps(
    ax: Axes, at: pd.Series[float], rounded: pd.Series[Any], before: pd.Series[float], latent: int | None = None
) -> None:
    """Rounded values, over the values without rounding as a wide line of a lighter colour."""
    colour = COLOURS[latent or 0]
    name = "" if latent is None else f"{ORDINALS[latent]} latent, "
    ax.plot(at, before, color=colour, lw=3.5, alpha=0.25, label=f"{name}without rounding")
    ax.step(at, rounded, where="mid", color=colour, lw=1.1, label=f"{name}rounded")


def _shown(runs: pd.DataFrame, codewords: pd.DataFrame, source: str) -> list[tuple[pd.Series, pd.DataFrame]]:
    """Runs of a source with their codewords, sorted by latent dimension and λ."""
    chosen = runs[(runs["source"] == source) & runs["key"].isin(codewords["key"])]
    chosen = chosen.sort_values(["latent_dim", "lmbda"])
    return [(run, codewords[codewords["key"] == run["key"]].dropna(axis="columns")) for _, run in chosen.iterrows()]


def _title(run: pd.Series) -> str:
    """Title of a panel: λ, latents, and the excess over the optimal trade-off."""
    excess = f"{bits(run['excess'])} ({percent(run['percent'])}) over the optimum"
    return f"λ = {run['lmbda']:g}, {latents(run['latent_dim'])}\n{excess}"


def _schedule_of(shown: list[tuple[pd.Series, pd.DataFrame]]) -> str:
    runs = pd.DataFrame([run for run, _ in shown])
    batches = " and ".join(map(str, sorted(set(runs["batch_size"]))))
    return f"{schedule(runs)}; batch {batches}"

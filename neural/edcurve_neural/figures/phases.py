"""Codewords and reconstructions against the phase: Figures 2 and 4."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from .style import SMALL, empty, percent, schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LETTERS = "abcdefghij"
COLOURS = (("C0", "C3"), ("C1", "k"))  # of a codeword and its latent


def ramp(runs: pd.DataFrame, codewords: pd.DataFrame) -> Figure:
    """Codeword and reconstruction of one sample of the ramp against the phase, a row for each λ."""
    shown = _shown(runs, codewords, "ramp")
    figure = empty(9.2, 3.0 * len(shown) + 0.7)
    axes = figure.subplots(len(shown), 2, sharex=True, squeeze=False)
    for i, (run, table) in enumerate(shown):
        left, right = axes[i]
        _codeword(left, table["phase"], table)
        left.set_title(f"({LETTERS[2 * i]}) codeword, {_what(run, _steps(shown))}", fontsize=9)
        right.plot(table["phase"], table["signal"], color="0.7", lw=3.0, label="the ramp at t = 240/1024")
        right.step(table["phase"], table["reconstruction"], where="mid", color="C0", lw=1.6, label="decoded")
        right.plot(table["phase"], table["unquantised"], color="C3", lw=0.9, ls="--", label="decoded without rounding")
        right.set_title(f"({LETTERS[2 * i + 1]}) reconstruction, {_what(run, _steps(shown))}", fontsize=9)
        for ax in axes[i]:
            ax.legend(frameon=False, fontsize=SMALL)
    for ax in axes[-1]:
        ax.set_xlabel("phase v")
    figure.suptitle(f"ramp: codeword and reconstruction against the phase\n{_made(runs, shown)}", fontsize=10)
    return figure


def circle(runs: pd.DataFrame, codewords: pd.DataFrame) -> Figure:
    """Codewords of the circle against the angle: a row for each latent dimension and schedule, a column for each λ."""
    shown = _shown(runs, codewords, "circle")
    kinds = [(run["latent_dim"], run["steps"]) for run, _ in shown]
    columns = max(kinds.count(kind) for kind in kinds)
    rows = -(-len(shown) // columns)
    figure = empty(4.6 * columns, 2.9 * rows + 1.0)
    for place, (run, table) in enumerate(shown):
        ax = figure.add_subplot(rows, columns, place + 1)
        turned = ((table["phase"] + 0.25) % 1.0).sort_values()  # from −π/2: jumps are often near 0
        _codeword(ax, 2.0 * math.pi * (turned - 0.25), table.loc[turned.index])
        ax.set_title(f"({LETTERS[place]}) {_what(run, _steps(shown))}", fontsize=9)
        ax.set_xticks([0.5 * math.pi * i for i in range(-1, 4)], ["−π/2", "0", "π/2", "π", "3π/2"])
        ax.set_xlabel("angle θ")
    handles, labels = figure.axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=SMALL)
    figure.suptitle(f"circle: codeword against the angle\n{_made(runs, shown)}", fontsize=10)
    return figure


def _codeword(ax: Axes, at: pd.Series[float], table: pd.DataFrame) -> None:
    dims = [name.removeprefix("codeword_") for name in map(str, table) if name.startswith("codeword_")]
    for dim, (colour, dark) in zip(dims, COLOURS, strict=False):
        which = f" {int(dim) + 1}" if len(dims) > 1 else ""
        ax.step(at, table[f"codeword_{dim}"], where="mid", color=colour, lw=1.8, label=f"codeword{which}")
        ax.plot(at, table[f"latent_{dim}"], color=dark, lw=0.9, ls="--", label=f"latent{which}, before rounding")
    ax.set_ylabel("value")


def _shown(runs: pd.DataFrame, codewords: pd.DataFrame, source: str) -> list[tuple[pd.Series, pd.DataFrame]]:
    """Runs of a source with their codewords, sorted by latent dimension, schedule and λ."""
    those = runs[(runs["source"] == source) & runs["key"].isin(codewords["key"])]
    those = those.sort_values(["latent_dim", "steps", "lmbda"])
    return [(run, codewords[codewords["key"] == run["key"]].dropna(axis="columns")) for _, run in those.iterrows()]


def _what(run: pd.Series, usual_steps: int) -> str:
    other = "" if run["steps"] == usual_steps else f", batch {run['batch_size']}, {run['steps']:,} steps"
    return f"λ = {run['lmbda']:g}, latent {run['latent_dim']}{other}: excess {percent(run['percent'])}"


def _steps(shown: list[tuple[pd.Series, pd.DataFrame]]) -> int:
    """The commonest number of steps."""
    return int(pd.Series([run["steps"] for run, _ in shown]).mode()[0])


def _made(runs: pd.DataFrame, shown: list[tuple[pd.Series, pd.DataFrame]]) -> str:
    those = runs[runs["key"].isin([run["key"] for run, _ in shown])]
    batches = " and ".join(map(str, sorted(set(those.loc[those["steps"] == _steps(shown), "batch_size"]))))
    return f"{schedule(those)}; batch {batches}"

"""Three panels: time against accuracy, against the number of points, and per point against 1/D."""

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ROUNDING = 1e-16  # smaller errors are drawn at this one
WRONG = 1e-9  # points of the bisection with larger errors are drawn hollow
STYLES = {  # colour and marker; the colours are Okabe and Ito's
    "core, one point": ("#D55E00", "o"),
    "core, array": ("#D55E00", "*"),
    "bisection, one point": ("#0072B2", "o"),
    "bisection, array": ("#0072B2", "*"),
    "edcurve.search": ("#E69F00", "D"),
    "SLSQP": ("#009E73", "s"),
    "trust-constr": ("#009E73", "^"),
    "convex–concave": ("#CC79A7", "v"),
    "HiGHS on a grid": ("#56B4E9", "P"),
    "SCIP": ("#000000", "X"),
}
LINES = {"core": "core, array", "bisection": "bisection, array"}
RC = {"font.size": 11, "axes.grid": True, "grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False}


def draw(peers: pd.DataFrame, costs: pd.DataFrame, path: Path) -> None:
    """Draw both tables into one picture."""
    with mpl.rc_context(RC):
        figure = Figure(figsize=(16.0, 6.2), layout="constrained")
        accuracy, points, distortions = figure.subplots(1, 3)
        _accuracy(accuracy, peers)
        _points(points, costs[costs["sweep"] == "points"])
        _distortions(distortions, costs[costs["sweep"] == "distortion"], peers)
        for axes in (accuracy, points, distortions):
            axes.set(xscale="log", yscale="log")
        handles, labels = accuracy.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
        figure.savefig(path, dpi=110)


def _accuracy(axes: Axes, peers: pd.DataFrame) -> None:
    for name, rows in peers.groupby("peer", sort=False):
        colour, marker = STYLES[str(name)]
        size = 130 if marker == "*" else 45
        errors = rows.relative_error.clip(lower=ROUNDING)
        axes.scatter(rows.seconds, errors, c=colour, marker=marker, s=size, label=name, alpha=0.75, linewidths=0)
    axes.set(title="Time against accuracy: one mark an instance", xlabel="seconds per point")
    axes.set_ylabel(f"relative error of the entropy (at least {ROUNDING:g})")


def _points(axes: Axes, costs: pd.DataFrame) -> None:
    for method, rows in costs.groupby("method", sort=False):
        _band(axes, rows, "points", "seconds", str(method))
    axes.set(title="Time against number of points", xlabel="points", ylabel="seconds")


def _distortions(axes: Axes, costs: pd.DataFrame, peers: pd.DataFrame) -> None:
    for method, rows in costs.assign(inverse=1.0 / costs.share).groupby("method", sort=False):
        _band(axes, rows, "inverse", "seconds_per_point", str(method))
    bisection = costs[costs.method == "bisection"].groupby("share")
    wrong = bisection.seconds_per_point.median()[bisection.relative_error.max() > WRONG]
    axes.plot(1.0 / wrong.index, wrong, "*", mfc="white", mec=STYLES["bisection, array"][0], ms=10)
    optimisers = peers[~peers.peer.isin(("core, array", "bisection, array"))]
    for name, rows in optimisers.groupby("peer", sort=False):
        colour, marker = STYLES[str(name)]
        middle = rows.groupby("equal_cells")[["share", "seconds"]].median()
        axes.plot(1.0 / middle.share, middle.seconds, color=colour, marker=marker, lw=1.2)
    axes.set(title="Time per point against 1/D", ylabel="seconds per point")
    axes.set_xlabel("$D_{max}/D$")
    note = f"hollow: relative error above {WRONG:.0e}\non some source"
    axes.text(0.97, 0.48, note, transform=axes.transAxes, ha="right", color=STYLES["bisection, array"][0])
    span = f"one point each, K = {peers.equal_cells.min()} to {peers.equal_cells.max()}"
    axes.text(0.16, 0.86, span, transform=axes.transAxes)


def _band(axes: Axes, rows: pd.DataFrame, x: str, y: str, method: str) -> None:
    """Median over the sources, and their range."""
    colour, marker = STYLES[LINES[method]]
    by = rows.groupby(x)[y].agg(["min", "median", "max"])
    axes.fill_between(by.index, by["min"], by["max"], color=colour, alpha=0.2, linewidth=0)
    axes.plot(by.index, by["median"], color=colour, marker=marker, lw=1.5, label=method)
    axes.annotate(method, (by.index[-1], by["median"].iloc[-1]), (-4, 9), textcoords="offset points", ha="right")

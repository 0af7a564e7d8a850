"""Drawing curves in the manner of the paper's Figures 1 and 3."""

from __future__ import annotations

import io
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .io import files
from .sources import BOUND, Source

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .curves import Curve

Array = NDArray[np.float64]
MARKED, LABELLED = 32, 8
ANNOTATED = 16
# what formats call the date, which is left out so that the same curve gives the same bytes
DATES = {".pdf": "CreationDate", ".svg": "Date"}


def draw(curve: Curve, ax: Axes | None = None) -> Axes:
    """Draw the optimum, its bounds, the hull and the points of K equal cells; see `Curve.plot`."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
    exact = curve.status != BOUND
    cells, at = curve.cells[: MARKED + 1], curve.cells_distortion[: MARKED + 1]
    log_cells = np.log(cells) / math.log(curve.base)
    # equal cells need not be the best where biuniform ones are not
    x, upper = _through(curve.distortion, curve.upper, at, log_cells) if exact else (curve.distortion, curve.upper)
    upper_label = "biuniform upper bound" if exact else "upper bound (best partition found)"
    ax.plot(x, upper, color="C0", lw=5.0, alpha=0.25, solid_capstyle="butt", label=upper_label)
    if exact:
        ax.plot(x, upper, color="C0", lw=1.6, label=f"E(D), {curve.status}")
    ax.plot(curve.distortion, curve.hull, color="C2", lw=1.2, ls="--", label="convex hull")
    if np.isfinite(curve.lower).any():
        ax.plot(curve.distortion, curve.lower, color="C3", lw=1.2, ls=":", label="dual lower bound")
    if curve.shannon is not None:
        ax.plot(curve.distortion, curve.shannon, color="C4", lw=1.2, ls="-.", label="Shannon's R(D)")
    if curve.gaussian is not None:
        ax.plot(curve.distortion, curve.gaussian, color="C5", lw=1.2, label="KLT (Gaussian R(D))")
    if curve.floor is not None:
        label = f"rank floor, width {curve.width}: D ≥ {curve.floor:.3g}"
        ax.axvline(curve.floor, color="0.5", lw=1.0, ls=(0, (1, 1)), label=label)
    ax.plot(at, log_cells, "o", color="k", ms=3.0, ls="none", label="K equal cells")
    for count, d, h in zip(cells.tolist(), at.tolist(), log_cells.tolist(), strict=True):
        if 1 < count <= LABELLED:
            ax.annotate(str(count), (d, h), textcoords="offset points", xytext=(4, 3), fontsize=8)
    error = f"; known to {curve.truncation:.1g}" if curve.truncation > 0.0 else ""
    ax.set_xlabel(f"Distortion D (mean squared error{error})")
    ax.set_ylabel(f"Entropy ({curve.unit})")
    name = curve.source.replace("$", r"\$")  # a name is no formula
    ax.set_title(f"{name}: entropy-distortion trade-off")
    ax.set_xlim(left=0.0)
    ax.set_ylim(bottom=0.0)
    finite = curve.upper[np.isfinite(curve.upper)]
    if curve.gaussian is not None and finite.size and finite.max() > 0.0:
        # which rises many times as high as what the plot is about
        ax.set_ylim(top=1.25 * finite.max())
    ax.legend(frameon=False)
    return ax


def plot_gap(source: Source | str, points: Any, *, base: float = 2, ax: Axes | None = None) -> Axes:
    """Draw measured compressors against E(D), the gap of each marked, and written beside it in bits.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    points : path, pandas.DataFrame, mapping of columns, or array_like of shape (n, 2) or (2,)
        A CSV or table with columns distortion and entropy, or pairs (D, H); H in units of `base`. See `report`, which
        takes the same.
    base : float
        Base of the logarithm, above 1.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure if omitted.

    Returns
    -------
    matplotlib.axes.Axes
        The gap is H − E(D), as `excess` gives it; where E(D) is known only from above, H less that bound. It is
        written for the first 16 points.

    Raises
    ------
    ValueError, TypeError
        For arguments that are not allowed, and points that are not numbers, named in the message.
    """
    from . import curves
    from .io import tables
    from .optimum import bounds
    from .sources import resolve

    known = resolve(source)
    measured = tables.read(points, known.name)
    D, H = measured.distortion, measured.entropy
    low = min(curves.least(known), 0.9 * float(D.min(where=D > 0.0, initial=math.inf)))
    drawn = curves.curve(known, curves.spread(low, known.max_distortion, 256), base=base)
    best = np.asarray(bounds.upper_bound(known, D, base=base))
    ax = draw(drawn, ax)
    finite = np.isfinite(best)
    ax.vlines(D[finite], best[finite], H[finite], colors="C1", lw=1.2, label="gap")
    ax.plot(D, H, "D", color="C1", ms=5.0, label="measured")
    for d, h, e in list(zip(D.tolist(), H.tolist(), best.tolist(), strict=True))[:ANNOTATED]:
        text = f"{h - e:+.3g} {drawn.unit}".replace("-", "−")
        ax.annotate(text, (d, h), textcoords="offset points", xytext=(6, 4), fontsize=8, color="C1")
    ax.set_ylim(bottom=0.0, top=max(ax.get_ylim()[1], 1.05 * float(H.max())))
    ax.legend(frameon=False)
    return ax


def require_format(path: str | os.PathLike[str]) -> str:
    """The suffix of the path, if it is that of a format that plots can have; otherwise ValueError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    known = set(FigureCanvasAgg.filetypes) - {"pgf"}  # which needs LaTeX
    suffix = Path(path).suffix.lower()
    if suffix.removeprefix(".") not in known:
        raise ValueError(f"path must end in one of {', '.join(sorted(known))}, got {os.fspath(path)!r}")
    return suffix


def save(curve: Curve, path: str | os.PathLike[str]) -> None:
    """Draw the curve into a file of the format its suffix says, without a display; whole or not at all."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    suffix = require_format(path)
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    draw(curve, figure.subplots())
    metadata = {DATES[suffix]: None} if suffix in DATES else None
    drawn = io.BytesIO()  # on a full disk matplotlib's PDF ends in an error of its own
    with rc_context({"svg.hashsalt": "edcurve"}):
        figure.savefig(drawn, format=suffix.removeprefix("."), dpi=160, metadata=metadata)
    with files.replacing(path) as temporary:
        temporary.write_bytes(drawn.getvalue())


def _through(x: Array, y: Array, at: Array, level: Array) -> tuple[Array, Array]:
    """The line (x, y) with the points (at, level) threaded in, so that no corner is cut off."""
    joined_x, joined_y = np.concatenate([x, at]), np.concatenate([y, level])
    order = np.argsort(joined_x, kind="stable")
    return joined_x[order], joined_y[order]

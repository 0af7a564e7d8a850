"""Drawing a curve in the manner of the paper's Figures 1 and 3, on axes or into a file."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .io import files
from .sources import BETWEEN, BOUND

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
MARKED, LABELLED = 32, 8  # numbers K of equal cells
# distinct for codecs and from all lines of the curve, and readable on white and on black
COLOURS = ("#e08214", "#d01c8b", "#17a2b8", "#a6a11a", "#8c510a")
MARKERS = ("D", "o", "s", "^", "v", "P", "X")
# names of the date in file formats, left out so that the same curve gives the same bytes
DATES = {".pdf": "CreationDate", ".svg": "Date"}


class Drawable(Protocol):
    """The fields of a curve that a picture shows; `Curve` describes them."""

    @property
    def source(self) -> str:
        """Name of the source, for the title."""

    @property
    def status(self) -> str:
        """Whether the entropies are exact or upper bounds."""

    @property
    def base(self) -> float:
        """Base of the entropies."""

    @property
    def unit(self) -> str:
        """Name of their unit, for the axis."""

    @property
    def distortion(self) -> Array:
        """Distortions, increasing, shape (n,)."""

    @property
    def upper(self) -> Array:
        """Entropies of the best partitions, shape (n,)."""

    @property
    def lower(self) -> Array:
        """Dual lower bounds, shape (n,); NaN where there are none."""

    @property
    def hull(self) -> Array:
        """Lower convex hull, shape (n,)."""

    @property
    def cells(self) -> NDArray[np.int64]:
        """Numbers K of equal cells, shape (m,)."""

    @property
    def cells_distortion(self) -> Array:
        """Their distortions, shape (m,)."""

    @property
    def shannon(self) -> Array | None:
        """Shannon's R(D), shape (n,), to be drawn if not None."""

    @property
    def gaussian(self) -> Array | None:
        """R(D) of the Gaussian source of the same covariance, shape (n,), to be drawn if not None."""

    @property
    def low(self) -> Array | None:
        """Lower bound on the entropy of partitions of data that are not stationary, shape (n,)."""

    @property
    def high(self) -> Array | None:
        """Upper bound on the least entropy of such partitions, shape (n,)."""

    @property
    def width(self) -> int | None:
        """Width of a decoder's last layer, whose rank floor is drawn if not None."""

    @property
    def floor(self) -> float | None:
        """The rank floor of that width."""

    @property
    def truncation(self) -> float:
        """Bound on the error of distortions."""


def draw(curve: Drawable, ax: Axes | None = None) -> Axes:
    """Draw the optimum, its bounds, the hull and the points of K equal cells; see `Curve.plot`."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
    exact = curve.status not in (BOUND, *BETWEEN)
    enclosed = curve.status in BETWEEN
    cells, at = curve.cells[: MARKED + 1], curve.cells_distortion[: MARKED + 1]
    log_cells = np.log(cells) / math.log(curve.base)
    # K equal cells are on the curve only where biuniform partitions are optimal
    x, upper = _through(curve.distortion, curve.upper, at, log_cells) if exact else (curve.distortion, curve.upper)
    upper_label = (
        "biuniform upper bound" if exact else f"upper bound (best {'code' if enclosed else 'partition'} found)"
    )
    if enclosed:
        ax.fill_between(curve.distortion, curve.lower, upper, color="C0", alpha=0.25, lw=0.0, label="E(D) is in here")
    width, faint = (1.2, 1.0) if enclosed else (5.0, 0.25)
    ax.plot(x, upper, color="C0", lw=width, alpha=faint, solid_capstyle="butt", label=upper_label)
    if exact:
        ax.plot(x, upper, color="C0", lw=1.6, label=f"E(D), {curve.status}")
    ax.plot(
        curve.distortion, curve.hull, color="C2", lw=1.2, ls="--", label="convex hull" if exact else "its convex hull"
    )
    if np.isfinite(curve.lower).any():
        lower_label = "lower bound" if enclosed else "dual lower bound"
        ax.plot(curve.distortion, curve.lower, color="C3", lw=1.2, ls=":", label=lower_label)
    if curve.shannon is not None:
        ax.plot(curve.distortion, curve.shannon, color="C4", lw=1.2, ls="-.", label="Shannon's R(D)")
    if curve.gaussian is not None:
        ax.plot(curve.distortion, curve.gaussian, color="C5", lw=1.2, label="KLT (Gaussian R(D))")
    if curve.low is not None and curve.high is not None:
        enclosed_by_runs = np.isfinite(curve.low) & np.isfinite(curve.high)
        band: dict[str, Any] = {
            "color": "0.6",
            "alpha": 0.35,
            "lw": 0.0,
            "label": "best intervals of the points: in here",
        }
        ax.fill_between(curve.distortion, curve.low, curve.high, where=enclosed_by_runs, **band)
    if curve.floor is not None:
        label = f"rank floor, width {curve.width}: D ≥ {curve.floor:.3g}"
        ax.axvline(curve.floor, color="0.5", lw=1.0, ls=(0, (1, 1)), label=label)
    if not enclosed:
        ax.plot(at, log_cells, "o", color="k", ms=3.0, ls="none", label="K equal cells")
    for count, d, h in zip(cells.tolist(), at.tolist(), log_cells.tolist(), strict=True):
        if 1 < count <= LABELLED:
            ax.annotate(str(count), (d, h), textcoords="offset points", xytext=(4, 3), fontsize=8)
    error = f"; known to {curve.truncation:.1g}" if curve.truncation > 0.0 else ""
    ax.set_xlabel(f"Distortion D (mean squared error{error})")
    ax.set_ylabel(f"Entropy ({curve.unit})")
    name = curve.source.replace("$", r"\$")  # matplotlib would read a formula between two dollars
    ax.set_title(f"{name}: entropy-distortion trade-off")
    ax.set_xlim(left=0.0)
    ax.set_ylim(bottom=0.0)
    finite = curve.upper[np.isfinite(curve.upper)]
    if curve.gaussian is not None and finite.size and finite.max() > 0.0:
        # the Gaussian bound rises far above E(D), which would be compressed to the bottom
        ax.set_ylim(top=1.25 * finite.max())
    ax.legend(frameon=False)
    return ax


def require_format(path: str | os.PathLike[str], argument: str = "path") -> str:
    """Suffix of the path; ValueError that names the argument unless matplotlib can write this format."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    formats = set(FigureCanvasAgg.filetypes) - {"pgf"}  # which needs LaTeX
    suffix = Path(path).suffix.lower()
    if suffix.removeprefix(".") not in formats:
        raise ValueError(f"{argument} must end in one of {', '.join(sorted(formats))}, got {os.fspath(path)!r}")
    return suffix


def save(curve: Drawable, path: str | os.PathLike[str]) -> None:
    """Draw the curve into a file of the format of its suffix, atomically and without a display."""
    write(path, lambda ax: draw(curve, ax))


def write(path: str | os.PathLike[str], drawing: Callable[[Axes], object]) -> None:
    """Write the drawing of a function on axes into a file of the format of its suffix, like `save`."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    suffix = require_format(path)
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    drawing(figure.subplots())
    metadata = {DATES[suffix]: None} if suffix in DATES else None
    drawn = io.BytesIO()  # not the file itself: on a full disk matplotlib's PDF writer ends in an error of its own
    with rc_context({"svg.hashsalt": "edcurve"}):
        figure.savefig(drawn, format=suffix.removeprefix("."), dpi=160, metadata=metadata)
    with files.replacing(path) as temporary:
        temporary.write_bytes(drawn.getvalue())


def _through(x: Array, y: Array, at: Array, level: Array) -> tuple[Array, Array]:
    """The line (x, y) with the points (at, level) threaded in, so that no corner is cut off."""
    joined_x, joined_y = np.concatenate([x, at]), np.concatenate([y, level])
    order = np.argsort(joined_x, kind="stable")
    return joined_x[order], joined_y[order]

"""`plot_gap`: a plot of measured compressors against E(D)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import curves
from .drawing import COLOURS, MARKERS, draw
from .io import tables
from .optimum import gaps
from .sources import BETWEEN, Source, resolve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .units import Units

Array = NDArray[np.float64]
ANNOTATED = 16  # most points whose gap is written beside them
RAISED = 12  # most times that the top of the axes is raised
# positions of such a text, as offsets of its nearest corner from the point
PLACES = tuple((x, y) for y in (4, -4, 12, -12, 20, -20) for x in (6, -6))


def plot_gap(
    source: Source | str,
    points: Any,
    *,
    base: float = 2,
    ax: Axes | None = None,
    units: Units | None = None,
    log: bool | None = None,
) -> Axes:
    """Draw measured compressors against E(D), the gap of each marked, and written beside it in bits.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    points : path, pandas.DataFrame, mapping of columns, or array_like of shape (n, 2) or (2,)
        A CSV or table with columns distortion and entropy, or pairs (D, H); H in units of `base`; as for `report`.
        Each codec has a colour, a marker and an entry in the legend: each value of a column codec or, without it, each
        label without its seed. More than 20 codecs are drawn in one style.
    base : float
        Base of the logarithm, above 1.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; a new figure if omitted.
    units : Units, optional
        Conversion of columns such as psnr and bpp into D and H, in units of its own base.
    log : bool, optional
        Whether the axis of distortions is logarithmic; by default it is unless a distortion is 0.

    Returns
    -------
    matplotlib.axes.Axes
        The gap is H − E(D), as from `excess`. If only an upper bound on E(D) is known, it is H minus that bound; for a
        surface, H minus the lower bound, "gap at most". It is written for at most 16 points, the largest first, where
        there is space.

    Raises
    ------
    ValueError, TypeError
        For invalid arguments, and points that are not numbers, named in the message.
    """
    source = resolve(source, surfaces=True)
    measured = tables.read_said(points, source.name, units)
    D, H = measured.distortion, measured.entropy
    left = 0.9 * float(D.min(where=D > 0.0, initial=math.inf))
    low = curves.down_to(source, left)
    drawn = curves.curve(source, curves.spread(low, source.max_distortion, 256), base=base)
    best = np.asarray(gaps.reference(source, D, base=base))
    ax = draw(drawn, ax)
    if D.min() > 0.0 if log is None else log:
        ax.set_xscale("log")
        ax.set_xlim(0.9 * min(low, left), 1.2 * max(source.max_distortion, float(D.max())))
    colours = np.empty(len(D), dtype=object)
    for i, (name, rows) in enumerate(measured.by_codec().items()):
        colours[rows] = COLOURS[i % len(COLOURS)]
        style: dict[str, Any] = {"color": colours[rows[0]], "marker": MARKERS[i % len(MARKERS)], "ms": 5.0}
        ax.plot(D[rows], H[rows], ls="none", **style, label=name.replace("$", r"\$") or "measured", zorder=3)
    finite = np.isfinite(best)
    gap = "gap at most" if source.status in BETWEEN else "gap"
    alone = len(set(colours)) == 1
    label = gap if alone else "_"
    ax.vlines(D[finite], best[finite], H[finite], colors=colours[finite].tolist(), lw=1.2, label=label)
    if not alone:  # in the legend, of no codec's colour
        ax.plot([], [], color="0.5", lw=1.2, label=gap)
    ax.set_ylim(bottom=0.0, top=max(ax.get_ylim()[1], 1.05 * float(H.max())))
    ax.legend(frameon=False)
    _clear_legend(ax, np.stack([D, H], axis=1))
    unit = f" {drawn.unit}" if alone else ""  # with several codecs there is less room
    texts = [f"{value:+.3g}{unit}".replace("-", "−") for value in (H - best).tolist()]
    line = np.stack([drawn.distortion, drawn.upper], axis=1)
    _write_gaps(ax, np.stack([D, H, best], axis=1), line[np.isfinite(line[:, 1])], texts, colours)
    return ax


def _clear_legend(ax: Axes, points: Array) -> None:
    """Raise the top of the axes until the legend covers no point, and keep the legend there."""
    legend = ax.get_legend()
    if legend is None:
        return
    for _ in range(RAISED):
        ax.figure.canvas.figure.draw_without_rendering()  # which places the legend
        box = legend.get_window_extent()
        if not box.count_contains(ax.transData.transform(points)):
            break
        ax.set_ylim(top=1.15 * ax.get_ylim()[1])
    x, y = ax.transAxes.inverted().transform(box.p0)
    legend.set_loc((float(x), float(y)))  # otherwise it would move when texts are added


def _write_gaps(ax: Axes, rows: Array, line: Array, texts: list[str], colours: Any) -> None:
    """Write gaps of (D, H, E) beside (D, H) where they overlap no other text, point, gap, curve or legend."""
    from matplotlib.transforms import Bbox

    ax.figure.canvas.figure.draw_without_rendering()  # which places the axes and the legend
    tops, feet, curve = map(ax.transData.transform, (rows[:, [0, 1]], rows[:, [0, 2]], line))
    feet = np.where(np.isfinite(feet), feet, tops)
    occupied = [Bbox([p - size, p + size]) for positions, size in ((tops, 4.0), (curve, 1.0)) for p in positions]
    occupied += [Bbox([foot - 1.0, top + 1.0]) for foot, top in zip(feet, tops, strict=True)]
    occupied += [legend.get_window_extent()] if (legend := ax.get_legend()) else []
    gaps = rows[:, 1] - rows[:, 2]
    largest = np.argsort(-np.where(np.isfinite(gaps), gaps, -math.inf), kind="stable")
    for i in largest[:ANNOTATED].tolist():
        for x, y in PLACES:
            style: dict[str, Any] = {"ha": "left" if x > 0 else "right", "va": "bottom" if y > 0 else "top"}
            style |= {"xytext": (x, y), "textcoords": "offset points", "fontsize": 8, "color": colours[i]}
            note = ax.annotate(texts[i], (rows[i, 0], rows[i, 1]), **style)
            box = note.get_window_extent()
            if box.x1 <= ax.bbox.x1 and box.y1 <= ax.bbox.y1 and not any(box.overlaps(other) for other in occupied):
                occupied.append(box)
                break
            note.remove()

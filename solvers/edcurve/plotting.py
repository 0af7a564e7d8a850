"""`plot_gap`: measured compressors drawn against E(D)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from . import curves
from .drawing import draw
from .io import tables
from .optimum.bounds import upper_bound
from .sources import Source, resolve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .units import Units

ANNOTATED = 16  # points whose gap is written beside them


def plot_gap(
    source: Source | str, points: Any, *, base: float = 2, ax: Axes | None = None, units: Units | None = None
) -> Axes:
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
    units : Units, optional
        What turns columns such as psnr and bpp into D and H, in units of its own base.

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
    source = resolve(source)
    measured = tables.read(points, source.name, units=units)
    D, H = measured.distortion, measured.entropy
    low = min(curves.least(source), 0.9 * float(D.min(where=D > 0.0, initial=math.inf)))
    drawn = curves.curve(source, curves.spread(low, source.max_distortion, 256), base=base)
    best = np.asarray(upper_bound(source, D, base=base))
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

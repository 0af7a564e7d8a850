"""HTML from plain values: escaped text, numbers, tables, and a small picture of lines.

Notebooks and reports are made of these; nothing here depends on curves or certificates.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
WIDTH, HEIGHT, MARGIN = 360, 200, 34  # of a picture, in pixels


class Line(NamedTuple):
    """One line of a picture: heights as fractions of the axis, a colour, and a dash pattern of SVG."""

    heights: Array
    colour: str
    dashes: str


def text(value: object, *, quote: bool = True) -> str:
    """Any value as escaped text between tags or, with ``quote``, in an attribute."""
    clean = str(value).encode("utf-8", "replace").decode("utf-8").replace("\0", "�")
    return html.escape(clean, quote=quote)


def number(value: float) -> str:
    """A number with six significant digits; a dash for NaN."""
    return "–" if math.isnan(value) else f"{value:.6g}".replace("inf", "∞").replace("-", "−")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with escaped cells, and floats in six digits."""
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    titles = "".join(f"<th>{text(name)}</th>" for name in head)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """A table of names and values."""
    rows = "".join(f"<tr><th>{text(name)}</th>{_cell(value)}</tr>" for name, value in pairs)
    return f"<table><tbody>{rows}</tbody></table>"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f'<td class="n">{text(number(value))}</td>'
    return f"<td>{text(value)}</td>"


def picture(across: Array, lines: Iterable[Line], *, right: str, top: str, title: str) -> str:
    """Draw lines as an SVG of a few kB, with axes in the text colour of the page.

    Parameters
    ----------
    across : ndarray, shape (n,)
        Horizontal positions of the points of every line, as fractions of the axis.
    lines : iterable of Line
        Lines with heights of shape (n,). Points that are not finite are not drawn.
    right, top : str
        Labels at the ends of the axes.
    title : str
        Text for screen readers.

    Returns
    -------
    str
    """
    drawn = "".join(
        f'<polyline points="{_points(across, line.heights)}" fill="none" '
        f'stroke="{line.colour}" stroke-width="1.6" stroke-dasharray="{line.dashes}"/>'
        for line in lines
    )
    labels = (
        f'<text x="{MARGIN}" y="{MARGIN - 8}">{text(top)}</text>'
        f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 12}" text-anchor="end">{text(right)}</text>'
    )
    axes = f"M{MARGIN} {MARGIN}V{HEIGHT - MARGIN}H{WIDTH - MARGIN}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{text(title)}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-size="11" fill="currentColor" '
        f'style="max-width:100%"><path d="{axes}" fill="none" stroke="currentColor" stroke-opacity="0.5"/>'
        f"{drawn}{labels}</svg>"
    )


def _points(x: Array, y: Array) -> str:
    with np.errstate(all="ignore"):  # what is not finite is left out
        across, down = MARGIN + (WIDTH - 2 * MARGIN) * x, HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * y
    finite = np.isfinite(across) & np.isfinite(down)
    across, down = across[finite], down[finite]
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across.tolist(), down.tolist(), strict=True))

"""The interactive plots, as plain data for plotly.js.

plotly is used rather than a script of our own or bokeh. It can zoom, pan, hide lines and save a picture, also by touch,
and others maintain it. Its script is one file without dependencies, which adds 4.8 MB to a report. Only the script is
used: the figures are plain data, which the tests check against plotly's schema, so that plotly, whose import takes a
second, is not imported.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edcurve.curves import Curve
from edcurve.drawing import COLOURS
from edcurve.io.markup import text
from edcurve.io.tables import Points
from edcurve.optimum.gaps import REFERENCES
from edcurve.sources import BETWEEN, BOUND, ENCLOSED

from .content import Gaps

Array = NDArray[np.float64]
# readable on white and on black; dashes differ too, for readers who see few colours
OPTIMUM, HULL, DUAL, SHANNON, POINT, FAINT = "#2a7fd4", "#2e9e5b", "#d1495b", "#9467bd", COLOURS[0], "#888888"
PARTS = (("entropy_model", "entropy model", POINT), ("decoder", "decoder", OPTIMUM), ("partition", "partition", HULL))
# parts of a part, and their titles; the second is drawn in a lighter colour
SPLIT: dict[str, tuple[tuple[str, str], ...]] = {
    "entropy_model": (("dependence", "entropy model: dependence"), ("marginals", "entropy model: marginals")),
    "decoder": (("readout", "decoder: readout"), ("features", "decoder: features")),
}
SYMBOLS = ("diamond", "circle", "square", "triangle-up", "triangle-down", "cross", "x")
SHOWN = "%{customdata}<extra></extra>"


def trade_off(curve: Curve, shannon: tuple[Array, Array] | None, points: Points | None, gaps: Gaps | None) -> Any:
    """Entropy against distortion: E(D), its bounds and its hull, and the points with their gaps."""
    exact, enclosed = curve.status not in (BOUND, *BETWEEN), curve.status in BETWEEN
    upper = f"upper bound: best {'code known' if enclosed else 'partition found'}"
    hover = _hover(curve, "E(D)" if exact else "upper bound")
    traces = [_band(curve)] if enclosed else []
    optimum = f"E(D), {curve.status}" if exact else upper
    traces.append(_line(optimum, curve.distortion, curve.upper, hover, OPTIMUM, "solid", 2.5))
    hull = "convex hull" if exact else "convex hull of the upper bound"
    traces.append(_line(hull, curve.distortion, curve.hull, hover, HULL, "dash"))
    if np.isfinite(curve.lower).any():
        below = "lower bound" if enclosed else "dual lower bound"
        traces.append(_line(below, curve.distortion, curve.lower, hover, DUAL, "dot"))
    if shannon is not None:
        rates = [f"D = {_exactly(D)}<br>R(D) = {R:.6g} bits" for D, R in zip(*_lists(*shannon), strict=True)]
        traces.append(_line("Shannon's R(D)", *shannon, rates, SHANNON, "dashdot"))
    if not enclosed:
        traces.append(_equal_cells(curve))
    if points is not None and gaps is not None:
        traces += _measured(points, gaps, REFERENCES[curve.status])
    layout = {
        "xaxis": {"title": {"text": "distortion D (mean squared error)"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "entropy (bits)"}, "rangemode": "tozero"},
        "hovermode": "closest",
        "hoverdistance": 12,
    }
    return {"data": traces, "layout": layout}


def decomposition(points: Points, gaps: Gaps) -> Any:
    """The parts of the excess of R + λD over the least H + λD, a bar for each point; None if no point has them."""
    order = parted(points, gaps)
    if not order:
        return None
    names = [f"{i + 1}" for i in order]
    codecs = {i: name for name, rows in points.by_codec().items() for i in rows}
    several = len(set(codecs.values())) > 1
    places: Any = [[text(codecs[i], quote=False) for i in order], names] if several else names
    traces = [
        {
            "type": "bar",
            "name": title,
            "x": places,
            "y": getattr(gaps, name)[order].tolist(),
            "customdata": [
                f"point {i + 1}, λ = {points.lmbda[i]:g}<br>{title}: {getattr(gaps, name)[i]:.6g} bits" for i in order
            ],
            "hovertemplate": SHOWN,
            "marker": colour,
        }
        for name, title, colour in shown_parts(gaps, order)
    ]
    layout = {
        "barmode": "relative",
        "xaxis": {"type": "multicategory" if several else "category", "title": {"text": "point, by λ"}},
        "yaxis": {"title": {"text": "excess of R + λD (bits)"}},
        "hovermode": "closest",
    }
    return {"data": traces, "layout": layout}


def parted(points: Points, gaps: Gaps) -> list[int]:
    """Rows whose parts are known, by codec and λ."""
    by_codec = [sorted(rows, key=lambda i: float(points.lmbda[i])) for rows in points.by_codec().values()]
    return [i for rows in by_codec for i in rows if math.isfinite(gaps.total[i])]


def shown_parts(gaps: Gaps, rows: list[int]) -> list[tuple[str, str, dict[str, Any]]]:
    """Names, titles and markers of the parts; a part is split if its parts are known at all of these rows."""
    shown: list[tuple[str, str, dict[str, Any]]] = []
    for name, title, colour in PARTS:
        split = SPLIT.get(name, ())
        if not split or not all(np.isfinite(getattr(gaps, part)[rows]).all() for part, _ in split):
            split = ((name, title),)
        shown += [(*one, {"color": colour, "opacity": 0.55 if i else 1.0}) for i, one in enumerate(split)]
    return shown


def _line(name: str, x: Array, y: Array, hover: list[str], colour: str, dash: str, width: float = 1.6) -> Any:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x.tolist(),
        "y": _finite(y),
        "customdata": hover,
        "hovertemplate": SHOWN,
        "line": {"color": colour, "dash": dash, "width": width},
    }


def _band(curve: Curve) -> Any:
    """The band between the two bounds."""
    finite = np.isfinite(curve.upper) & np.isfinite(curve.lower)
    D, upper, lower = curve.distortion[finite], curve.upper[finite], curve.lower[finite]
    outline = {"x": [*D.tolist(), *D[::-1].tolist()], "y": [*upper.tolist(), *lower[::-1].tolist()]}
    style = {"fill": "toself", "fillcolor": OPTIMUM + "40", "line": {"width": 0}, "hoverinfo": "skip"}
    return {"type": "scatter", "mode": "lines", "name": "E(D) is in here", **style, **outline}


def _hover(curve: Curve, name: str) -> list[str]:
    rows = zip(*_lists(curve.distortion, curve.upper, curve.hull, curve.lower), strict=True)
    return [
        f"D = {_exactly(D)}<br>{name} = {upper:.6g} bits<br>hull = {hull:.6g}"
        + ("" if math.isnan(lower) else f"<br>{'lower' if curve.status in BETWEEN else 'dual'} bound = {lower:.6g}")
        for D, upper, hull, lower in rows
    ]


def _equal_cells(curve: Curve) -> Any:
    entropy = np.log2(curve.cells)
    rows = zip(curve.cells.tolist(), *_lists(curve.cells_distortion, entropy), strict=True)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "K equal cells",
        "x": curve.cells_distortion.tolist(),
        "y": entropy.tolist(),
        "customdata": [f"K = {K} equal cells<br>D = {_exactly(D)}<br>log K = {H:.6g} bits" for K, D, H in rows],
        "hovertemplate": SHOWN,
        "marker": {"size": 5, "color": FAINT},
    }


def _measured(points: Points, gaps: Gaps, name: str) -> list[Any]:
    D, H, best = _lists(points.distortion, points.entropy, gaps.best)
    stems: dict[str, list[float | None]] = {"x": [], "y": []}
    for d, h, e in zip(D, H, best, strict=True):
        if math.isfinite(e):
            stems["x"] += [d, d, None]
            stems["y"] += [h, e, None]
    called = "gap at most" if name == REFERENCES[ENCLOSED] else "gap"
    hover = []
    for i, (d, h, e, gap) in enumerate(zip(D, H, best, gaps.gap.tolist(), strict=True)):
        hover.append(
            f"{_who(points, i)}<br>D = {_exactly(d)}<br>H = {h:.6g} bits<br>{name} = {e:.6g}<br>{called} = {gap:.6g}"
        )
    codecs = points.by_codec()
    line = {"color": POINT if len(codecs) == 1 else FAINT, "width": 1, "dash": "dot"}
    traces: list[Any] = [
        {"type": "scatter", "mode": "lines", "name": called, "hoverinfo": "skip", "line": line, **stems}
    ]
    for k, (codec, rows) in enumerate(codecs.items()):
        marker = {"color": COLOURS[k % len(COLOURS)], "size": 9, "symbol": SYMBOLS[k % len(SYMBOLS)]}
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": text(codec, quote=False) or "your points",
                "x": [D[i] for i in rows],
                "y": [H[i] for i in rows],
                "customdata": [hover[i] for i in rows],
                "hovertemplate": SHOWN,
                "marker": marker,
            }
        )
    return traces


def _who(points: Points, i: int) -> str:
    """Number and name of a point, escaped: plotly interprets some HTML in texts, but not &quot;."""
    parts = [f"point {i + 1}", points.labels[i]]
    if math.isfinite(lmbda := float(points.lmbda[i])):
        parts.append(f"λ = {lmbda:g}")
    return text(": ".join(part for part in parts[:2] if part) + "".join(f", {part}" for part in parts[2:]), quote=False)


def _exactly(value: float) -> str:
    """The number in six digits if these are exact, otherwise in all digits, so that readers can compute with it."""
    short = f"{value:.6g}"
    return short if float(short) == value else repr(value)


def _finite(values: Array) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _lists(*arrays: Array) -> list[list[float]]:
    return [array.tolist() for array in arrays]

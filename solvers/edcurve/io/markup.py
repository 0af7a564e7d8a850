"""HTML: escaped text, tables, small pictures; and what notebooks show of results."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edcurve.sources import BOUND

if TYPE_CHECKING:
    from edcurve.certificate import Certificate
    from edcurve.curves import Curve

Array = NDArray[np.float64]
SHOWN = 8  # rows in a notebook
WIDTH, HEIGHT, MARGIN = 360, 200, 34
STROKES = (("entropy", "#2a7fd4", ""), ("hull", "#2e9e5b", "5 3"), ("lower", "#d1495b", "1 3"))


def text(value: object, *, quote: bool = True) -> str:
    """The value as text between tags, or in an attribute if quotes are escaped too, whatever it contains."""
    clean = str(value).encode("utf-8", "replace").decode("utf-8").replace("\0", "�")
    return html.escape(clean, quote=quote)


def number(value: float) -> str:
    """Six significant digits; a dash for what is not known."""
    return "–" if math.isnan(value) else f"{value:.6g}".replace("inf", "∞").replace("-", "−")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; floats are shown in six digits and everything is escaped."""
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


def picture(curve: Curve) -> str:
    """E(D), hull and dual bound as an SVG of a few kB, in the colours of the page around it."""
    top = max(float(np.max(curve.upper, initial=0.0, where=np.isfinite(curve.upper))), 1e-300)
    right = float(curve.distortion[-1] if curve.distortion.size else 1.0) or 1.0
    with np.errstate(all="ignore"):  # what is not finite then is not drawn
        lines = "".join(
            f'<polyline points="{_points(curve.distortion / right, getattr(curve, name) / top)}" fill="none" '
            f'stroke="{colour}" stroke-width="1.6" stroke-dasharray="{dashes}"/>'
            for name, colour, dashes in STROKES
        )
    labels = (
        f'<text x="{MARGIN}" y="{MARGIN - 8}">{text(number(top))} {text(curve.unit)}</text>'
        f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 12}" text-anchor="end">D = {text(number(right))}</text>'
    )
    axes = f"M{MARGIN} {MARGIN}V{HEIGHT - MARGIN}H{WIDTH - MARGIN}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="Entropy against distortion" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-size="11" fill="currentColor" '
        f'style="max-width:100%"><path d="{axes}" fill="none" stroke="currentColor" stroke-opacity="0.5"/>'
        f"{lines}{labels}</svg>"
    )


def _points(x: Array, y: Array) -> str:
    known = np.isfinite(x) & np.isfinite(y)
    across = MARGIN + (WIDTH - 2 * MARGIN) * x[known]
    down = HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * y[known]
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across.tolist(), down.tolist(), strict=True))


def spaced(count: int, shown: int) -> list[int]:
    """Indices of at most so many rows, equally spaced, the first and the last among them."""
    if count <= shown:
        return list(range(count))
    return sorted({round(i * (count - 1) / (shown - 1)) for i in range(shown)})


def of_curve(curve: Curve) -> str:
    """What a notebook shows of a `Curve`."""
    count = curve.distortion.size
    rows = spaced(count, SHOWN)
    names = [name for name in curve.columns if name != "upper"]
    columns: list[Any] = [getattr(curve, name)[rows].tolist() for name in names]
    best = "E(D)" if curve.status != BOUND else "best partition known"
    legend = f"solid {best}, dashed convex hull, dotted dual lower bound"
    return (
        f"<div><strong>{text(curve.source)}</strong>: {text(curve.status)}; entropies in {text(curve.unit)}"
        f"<br>{picture(curve)}<br><small>{legend}; {len(rows)} of {count} distortions:</small>"
        f"{table(names, zip(*columns, strict=True))}</div>"
    )


def of_certificate(certificate: Certificate) -> str:
    """What a notebook shows of a `Certificate`."""
    pairs: list[tuple[str, object]] = [
        ("distortion", repr(certificate.distortion)),
        ("lower", repr(certificate.lower)),
        ("upper", repr(certificate.upper)),
        ("base", repr(certificate.base)),
        ("proved", certificate.method),
    ]
    known = [(name, getattr(certificate, name)) for name in ("count", "odd", "lmbda")]
    pairs += [(name, repr(value)) for name, value in known if value is not None]
    pairs.append(("precision", f"{certificate.precision} bits"))
    return f"<div><strong>E(D) of {text(certificate.source)}</strong>, enclosed{facts(pairs)}</div>"

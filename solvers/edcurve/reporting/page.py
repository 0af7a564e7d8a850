"""The page: one HTML file that loads nothing from the network, which its security policy also forbids."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable
from importlib import resources
from typing import Any

import numpy as np

from edcurve.curves import Curve, evenly_spaced, picture
from edcurve.io.columns import counted
from edcurve.io.markup import facts, number, table, text
from edcurve.io.tables import Points, omitted
from edcurve.optimum.gaps import REFERENCES
from edcurve.sources import BETWEEN, BOUND, PROVED, Source, Surface

from . import plots
from .content import Certificates, Gaps

ROWS = 24
ROUNDING = 1e-9  # bits by which an optimal code may be below E(D)
NEGATIVE = {  # meaning of a negative gap, by the status of the source
    PROVED: "A negative gap means that a measurement flatters (few samples), or that the source is another, such as "
    "the same one sampled. ",
    BOUND: "A point with a negative gap is below the best partition known, or of another source. ",
    **dict.fromkeys(
        BETWEEN, "No code has a negative gap: a measurement flatters (few samples), or the source is another. "
    ),
}
Figures = dict[str, Any]


def page(
    source: Source,
    curve: Curve,
    shannon: Any,
    points: Points | None,
    gaps: Gaps | None,
    certificates: Certificates,
    provenance: dict[str, str],
) -> str:
    """The whole page. `provenance` has the command, versions and system."""
    figures: Figures = {"curve": plots.trade_off(curve, shannon, points, gaps)}
    sections = [_about(source, curve), _plot(curve, points)]
    if points is not None and gaps is not None:
        sections.append(_excess(points, gaps, source.status))
        if (bars := plots.decomposition(points, gaps)) is not None:
            figures["parts"] = bars
            sections.append(_parts(points, gaps))
    made = f"<h2>How this was made</h2>{facts(provenance.items())}"
    sections += [_certified(certificates, curve), _values(curve), made]
    return _document(f"{source.name}: entropy-distortion report", "".join(sections), figures)


def plotly() -> str:
    """plotly.js; ImportError with a remedy if it is missing."""
    try:
        return (resources.files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    except (ImportError, FileNotFoundError) as error:
        raise ImportError(f"reports need plotly: pip install 'edcurve[report]' ({error})") from None


def _document(title: str, body: str, figures: Figures) -> str:
    # JSON without "<", so that no text in it can end the enclosing script
    data = json.dumps(figures, allow_nan=False, ensure_ascii=True).replace("<", "\\u003c")
    style, script, library = _own("page.css"), _own("page.js"), plotly()
    hashes = " ".join(f"'sha256-{_digest(code)}'" for code in (library, script))
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src {hashes}"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{text(title)}</title>\n<style>\n{style}</style>\n</head>\n'
        f"<body>\n<h1>{text(title)}</h1>\n{body}\n"
        f'<script type="application/json" id="figures">{data}</script>\n'
        f"<script>{library}</script>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _own(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _digest(code: str) -> str:
    return base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()


def _scrolled(content: str) -> str:
    return f'<div class="scroll" tabindex="0">{content}</div>'


def _about(source: Source, curve: Curve) -> str:
    kind = "a loop" if source.closed else "a curve with two ends"
    kind = "of several parameters" if isinstance(source, Surface) else kind
    pairs: list[tuple[str, object]] = [
        ("D_max, the distortion at zero entropy", repr(source.max_distortion)),
        ("the manifold is", kind),
        ("E(D) is", source.status if source.status == PROVED else f"{source.status}: {source.reason}"),
    ]
    if curve.truncation > 0.0:
        pairs.append(("distortions may be off by", curve.truncation))
    if curve.defect > 0.0:
        pairs.append(("deviation from stationary", curve.defect))
    below = "No compressor is below it."
    if curve.status == BOUND:
        lower = ", but none is below the dual lower bound" if np.isfinite(curve.lower).any() else ""
        below = f"Here it is not known: the curve is the best partition found, and others may be below it{lower}."
    if curve.status in BETWEEN:
        below = "Here it is between two bounds: no compressor is below the lower one, and a code attains the upper one."
    return (
        "<p>E(D) is the least entropy, in bits, of any code whose mean squared error is at most D, for one realization "
        f"of the source at a time. {below}</p>{facts(pairs)}"
    )


def _plot(curve: Curve, points: Points | None) -> str:
    checked = "" if points is not None and (points.distortion == 0.0).any() else " checked"
    return (
        f'<h2>Entropy against distortion</h2><p><label><input type="checkbox" id="logarithmic"{checked}> logarithmic '
        'distortion</label></p><div class="plot" id="curve"></div>'
        f"<noscript><p>The plot needs JavaScript; this is a still of it.</p>{picture(curve)}</noscript>"
        '<p class="remark">Drag to zoom, double-click for the whole, click on a name to hide it. Distortions under the '
        "pointer are shown exactly, entropies in six digits.</p>"
    )


def _excess(points: Points, gaps: Gaps, status: str) -> str:
    enclosed = status in BETWEEN
    best = "best known at D" if status == BOUND else REFERENCES[status]
    weighted = bool(np.isfinite(points.lmbda).any())
    D, H = points.distortion, points.entropy
    columns: dict[str, list[Any]] = {
        "point": list(range(1, len(points) + 1)),
        "D": D.tolist(),
        "H": H.tolist(),
        best: gaps.best.tolist(),
        "H − best" if status == BOUND else f"H − {best}": gaps.gap.tolist(),
    }
    if not enclosed:
        columns["least D at H"] = gaps.least_distortion.tolist()
    if weighted:
        columns |= {"λ": points.lmbda.tolist(), "excess of H + λD": gaps.excess.tolist()}
    if np.isfinite(gaps.sampled).any():
        columns["for the ramp as sampled"] = gaps.sampled.tolist()
    if any(points.labels):
        columns["compressor"] = list(points.labels)
    note = f"{counted(len(points), 'point')}{_worst(gaps, status)}. "
    if points.left_out:
        note += f"{omitted(points)}. "
    if (gaps.gap < -ROUNDING).any():
        note += NEGATIVE.get(status, NEGATIVE[PROVED])
    if enclosed:
        note += (
            "Gaps and excesses are over lower bounds: of them, up to the width of the band may be the optimum's own. "
        )
    if weighted:
        note += "The excess of H + λD over its minimum is what training at that λ left. "
    doubted = "".join(f"<p><strong>{text(doubt)}</strong></p>" for doubt in gaps.doubts)
    shown = table(list(columns), zip(*columns.values(), strict=True))
    summary = _by_codec(points, gaps, columns)
    return f"<h2>Your points</h2><p>{text(note.strip())}</p>{doubted}{summary}{_scrolled(shown)}"


def _by_codec(points: Points, gaps: Gaps, columns: dict[str, list[Any]]) -> str:
    """A row for each codec with the mean and the extremes of its gaps; empty for a single codec."""
    codecs = points.by_codec()
    if len(codecs) == 1:
        return ""
    (gap,) = [name for name in columns if name.startswith("H − ")]
    head = ["codec", "points", f"{gap}: mean", "least", "largest"]
    values = {codec: gaps.gap[rows][np.isfinite(gaps.gap[rows])] for codec, rows in codecs.items()}
    rows = [
        (codec, len(codecs[codec]), *((one.mean(), one.min(), one.max()) if one.size else (math.nan,) * 3))
        for codec, one in values.items()
    ]
    return _scrolled(table(head, rows))


def _worst(gaps: Gaps, status: str) -> str:
    """The largest gap in words, or a remark that no point is above the optimum."""
    worst = int(np.argmax(np.where(np.isfinite(gaps.gap), gaps.gap, -np.inf)))
    if gaps.gap[worst] < -ROUNDING:
        one, best = (
            gaps.gap.size == 1,
            {BOUND: "the best partition known", **dict.fromkeys(BETWEEN, "the lower bound")}.get(status, "E(D)"),
        )
        return f", {'' if one else 'all of them '}below {best}"
    return f"; the largest gap is {number(float(gaps.gap[worst]))} bits, of point {worst + 1}"


def _parts(points: Points, gaps: Gaps) -> str:
    order = plots.parted(points, gaps)
    columns: dict[str, list[Any]] = {"point": [i + 1 for i in order], "λ": points.lmbda[order].tolist()}
    names = {name: title for name, title, _ in plots.shown_parts(gaps, order)} | {"total": "together"}
    columns |= {title: getattr(gaps, name)[order].tolist() for name, title in names.items()}
    if len(points.by_codec()) > 1:
        columns["codec"] = [points.codecs[i] for i in order]
    shown = table(list(columns), zip(*columns.values(), strict=True))
    return (
        "<h2>Where the gap comes from</h2><p>R + λD is above the least H + λD by what the entropy model wastes, R − H, "
        "by what the decoder loses against centroids, λ(D − D<sub>c</sub>), and by what the cells themselves lose, "
        f'H + λD<sub>c</sub> − min. {_split(names)}In bits.</p><div class="bars" id="parts"></div>{_scrolled(shown)}'
    )


def _split(names: Iterable[str]) -> str:
    """Explanations of the parts of parts, in sentences."""
    said = {
        "dependence": "The dependence of the latents is lost by an entropy model that codes them one by one; the "
        "marginals are the rest of its loss. ",
        "readout": "The readout is what the best last layer of the decoder would gain; the features are the rest of "
        "its loss. ",
    }
    return "".join(words for name, words in said.items() if name in names)


def _certified(certificates: Certificates, curve: Curve) -> str:
    name = "E(D) as computed" if curve.status not in (BOUND, *BETWEEN) else "upper bound as computed"
    remark = f'<p class="remark">{text(certificates.remark)}</p>' if certificates.remark else ""
    if not certificates.certified:
        return f"<h2>Certificates</h2>{remark}"
    rows: list[tuple[Any, ...]] = []
    for one, value in zip(certificates.certified, certificates.computed, strict=True):
        off = max(value - one.lower, one.upper - value) if math.isfinite(one.upper) else 0.0
        rows.append((repr(one.distortion), repr(one.lower), repr(one.upper), value, f"{off:.0e}"))
    head = ["D", "E(D) is at least", "and at most", name, "which is off by at most"]
    if curve.status in BETWEEN:  # the computed bound need not belong to the proved code
        head, rows = head[:-1], [row[:-1] for row in rows]
    methods = dict.fromkeys(one.method for one in certificates.certified)
    proved = "".join(f"<li>{text(method)}</li>" for method in methods)
    return (
        f"<h2>Certificates</h2><p>Proved in ball arithmetic, every rounding error accounted for:</p>{remark}"
        f"{_scrolled(table(head, rows))}<ul>{proved}</ul>"
    )


def _values(curve: Curve) -> str:
    rows = evenly_spaced(curve.distortion.size, ROWS)
    names = ("distortion", "upper", "hull", "lower")
    exact = curve.status not in (BOUND, *BETWEEN)
    best = ["E(D)", "convex hull"] if exact else ["upper bound", "convex hull of the upper bound"]
    head = ["D", *best, "lower bound" if curve.status in BETWEEN else "dual lower bound"]
    columns = [getattr(curve, name)[rows].tolist() for name in names]
    return (
        f"<h2>Values</h2><details><summary>{len(rows)} of the {curve.distortion.size} points of the curve</summary>"
        f"{_scrolled(table(head, zip(*columns, strict=True)))}</details>"
    )

"""Mean distance of the curves of measured compressors from the optimum, in the manner of Bjøntegaard's deltas.

G. Bjøntegaard, "Calculation of average PSNR differences between RD-curves", ITU-T VCEG-M33, 2001.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edcurve import validation
from edcurve.equality import ComparedByValue
from edcurve.io import columns, tables
from edcurve.sources import BETWEEN, BOUND, PROVED, Source, Surface, resolve
from edcurve.units import Units

from . import gaps
from .exact import distortion_entropy
from .sweeps import convex_hull

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Function = Callable[[Array], Array]
OVER = ("distortion", "entropy")
OPTIMUM, HULL = "optimum", "hull"
STEPS, STEPS_SEARCHED = 2**14, 64  # number of points at which the optimum is averaged; the same if each needs a search
STEPS_GENERAL = 512  # the same for surfaces, whose bound takes a millisecond per point
DECIBEL = 10.0 / math.log(10.0)


@dataclass(frozen=True, eq=False)
class MeanExcess(ComparedByValue):
    """Mean excess of each codec over a range.

    Attributes
    ----------
    labels : tuple of str, length n
        The codecs, in the order of the table.
    value : ndarray, shape (n,)
        Mean of H − reference over ln D, in units of `base`; over H, mean of 10 log₁₀(D / reference) in dB.
    low, high : ndarray, shape (n,)
        The same for the lower ends of the intervals of the codec's points, and for the upper ends; NaN without them.
    over : str
        "distortion" or "entropy": the variable of the mean.
    start, end : float
        Its range.
    reference : str
        The reference of the excess: "E(D)", "upper bound", "lower bound", "convex hull", "convex hull of an upper
        bound", "convex hull of codes", or a codec.
    base : float
        Base of the logarithm of entropies.
    """

    labels: tuple[str, ...]
    value: Array
    low: Array
    high: Array
    over: str
    start: float
    end: float
    reference: str
    base: float

    def to_pandas(self) -> pd.DataFrame:
        """Tabulate: codec, excess, low, high. Everything else is in ``.attrs``."""
        import pandas as pd

        frame = pd.DataFrame({"codec": self.labels, "excess": self.value, "low": self.low, "high": self.high})
        frame.attrs.update({name: getattr(self, name) for name in ("over", "start", "end", "reference", "base")})
        return frame


class _Line(NamedTuple):
    """A piecewise linear curve through points (ln D, H), with D increasing and H decreasing."""

    log_distortion: Array
    entropy: Array

    def range(self, over: str) -> tuple[float, float]:
        along = self.log_distortion if over == "distortion" else self.entropy[::-1]
        return float(along[0]), float(along[-1])

    def mean(self, over: str, start: float, end: float) -> float:
        """Mean of H over ln D, or of ln D over H: exact, as the curve is straight between its points."""
        x, y = self.log_distortion, self.entropy
        if over == "entropy":
            x, y = y[::-1], x[::-1]
        knots = np.unique(np.clip(np.concatenate([x, [start, end]]), start, end))
        heights = np.interp(knots, x, y)
        return float((0.5 * (heights[1:] + heights[:-1]) * np.diff(knots)).sum()) / (end - start)


def mean_excess(
    source: Source | str,
    points: Any,
    *,
    over: str = "distortion",
    reference: str = OPTIMUM,
    start: float | None = None,
    end: float | None = None,
    units: Units | None = None,
    base: float = 2,
) -> MeanExcess:
    """Mean excess of one or several codecs over the optimum, its convex hull or another codec, over a range.

    Each codec is a curve through its points, linear between them in H and ln D (that is, in H and PSNR). Dominated
    points of a codec, with at least the D and the H of another one, are left out. The mean over D is that of the excess
    entropy, at equal steps of ln D, as in Bjøntegaard's deltas; that over H is of the excess distortion in dB.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    points : path, pandas.DataFrame, mapping of columns, or array_like of shape (n, 2)
        As for `report`. Rows with the same codec, or without that column the same label, are one curve of at least two
        points. Columns distortion_low, distortion_high, entropy_low and entropy_high are the ends of intervals, as
        `measure` returns them; with `units`, psnr_low, psnr_high, bpp_low and so on.
    over : str
        "distortion" or "entropy".
    reference : str
        "optimum" is E(D), or the entropy of the best known partition; "hull" its convex hull; otherwise the name of one
        of the codecs. For a surface "optimum" is `lower_bound`, so that the excess over E(D) is at most the result, and
        "hull" is that of the known codes.
    start, end : float, optional
        The range of D or H, within that of every codec; by default the intersection of the ranges of all codecs.
    units : Units, optional
        Conversion of columns such as psnr and bpp into D and H.
    base : float
        Base of the logarithm of entropies, above 1.

    Returns
    -------
    MeanExcess
        Where points have intervals, `low` and `high` are the mean excess of the curves through their lower and upper
        ends. That of the codec lies between them if all intervals hold.

    Raises
    ------
    ValueError, TypeError
        For invalid arguments, named in the message, and for codecs whose ranges do not intersect.
    """
    resolved = resolve(source, surfaces=True)
    validation.log_base(base)
    if over not in OVER:
        raise ValueError(f"over must be one of {' and '.join(OVER)}, got {over!r}")
    table = tables.read_said(points, resolved.name, units)
    rows = table.by_curve()
    labels = tuple(rows)
    if not isinstance(reference, str) or reference not in (OPTIMUM, HULL, *labels):
        named = ", ".join(map(repr, (OPTIMUM, HULL, *labels)))
        raise ValueError(f"reference must be one of {named}, got {reference!r}")
    codecs = {label: _lines(table, label, own) for label, own in rows.items()}
    lines = [(label, line) for label, three in codecs.items() for line in three if line is not None]
    low, high = _range(lines, over, start, end)
    if reference in codecs:
        base_line = codecs[reference][0]
        assert base_line is not None  # every codec has the line of its points
        least, named = base_line.mean(over, low, high), reference
    else:
        least, named = _least(resolved, reference, over, low, high, base)
    scale = 1.0 if over == "distortion" else DECIBEL
    values = [
        [math.nan if line is None else scale * (line.mean(over, low, high) - least) for line in three]
        for three in codecs.values()
    ]
    value, lower, upper = np.array(values).T
    ends = (math.exp(low), math.exp(high)) if over == "distortion" else (low, high)
    return MeanExcess(labels, value, lower, upper, over, *ends, named, float(base))


def _lines(table: tables.Points, label: str, own: list[int]) -> tuple[_Line, _Line | None, _Line | None]:
    """The curve through the points of a codec, and those through the lower and the upper ends of their intervals."""
    named = f"codec {label!r}" if label else "the codec"
    line = _line(table.distortion[own], table.entropy[own], named)
    if np.isnan([getattr(table, name)[own] for name in columns.INTERVALS]).all():
        return line, None, None
    ends = {"low": f"{named}, lower ends,", "high": f"{named}, upper ends,"}
    columns_at = {end: table.ends(end) for end in ends}
    lower, upper = (_line(columns_at[end][0][own], columns_at[end][1][own], named) for end, named in ends.items())
    return line, lower, upper


def _line(distortion: Array, entropy: Array, named: str) -> _Line:
    order = np.lexsort((entropy, distortion))
    D, H = distortion[order], entropy[order]
    kept = np.append(True, H[1:] < np.minimum.accumulate(H)[:-1]) & (D > 0.0)
    if kept.sum() < 2:
        raise ValueError(
            f"points must have at least two for each codec, of which one has more D above 0 and less H, got "
            f"{int(kept.sum())} of {named}: leave it out"
        )
    return _Line(np.log(D[kept]), H[kept])


def _range(lines: list[tuple[str, _Line]], over: str, start: float | None, end: float | None) -> tuple[float, float]:
    """The range of the mean, in ln D or in H."""
    ranges = np.array([line.range(over) for _, line in lines])
    shared, to = float(ranges[:, 0].max()), float(ranges[:, 1].min())
    low, high = (_given(name, value, over) for name, value in (("start", start), ("end", end)))
    low, high = shared if low is None else low, to if high is None else high
    if not (shared - 1e-12 <= low < high <= to + 1e-12):
        shown = (math.exp(shared), math.exp(to)) if over == "distortion" else (shared, to)
        if shared >= to:
            first, last = lines[int(ranges[:, 1].argmin())][0], lines[int(ranges[:, 0].argmax())][0]
            raise ValueError(
                f"points must have a range of {over} that all codecs share, got codec {first!r}, which ends at "
                f"{shown[1]:.6g}, and codec {last!r}, which begins at {shown[0]:.6g}: leave one out"
            )
        what = f"{over} from {shown[0]:.6g} to {shown[1]:.6g}"
        raise ValueError(f"start and end must be in the range that all codecs share, {what}, got {start} and {end}")
    return low, high


def _given(name: str, value: float | None, over: str) -> float | None:
    if value is None:
        return None
    number = validation.real(name, value)
    if over == "entropy":
        return number
    if not number > 0.0:
        raise ValueError(f"{name} must be above 0, got {value!r}")
    return math.log(number)


def _least(source: Source, against: str, over: str, low: float, high: float, base: float) -> tuple[float, str]:
    """Mean of the reference over the range, by the midpoint rule, and its name."""
    exact, enclosed = source.status not in (BOUND, *BETWEEN), source.status in BETWEEN
    searched = source.status == BOUND or (enclosed and against == HULL)
    steps = (
        STEPS_SEARCHED
        if searched
        else STEPS_GENERAL
        if isinstance(source, Surface) and source.relaxed.status != PROVED
        else STEPS
    )
    middles = low + (high - low) * (np.arange(steps) + 0.5) / steps
    if against == HULL:
        named = "convex hull" if exact else f"convex hull of {'codes' if enclosed else 'an upper bound'}"
        of_distortion: Function = partial(convex_hull, source, base=base)
    else:
        named = gaps.REFERENCES[source.status]
        of_distortion = partial(gaps.reference, source, base=base)
    if over == "distortion":
        mean = float(of_distortion(np.exp(middles)).mean())
        if not math.isfinite(mean):
            raise ValueError(
                f"start must be a distortion down to which codes of {source.name!r} are known, got {math.exp(low):.6g}"
            )
        return mean, named
    if against == OPTIMUM and exact:
        return float(np.log(distortion_entropy(source, middles, base=base)).mean()), named
    return float(_inverse(of_distortion, source.max_distortion, middles).mean()), named


def _inverse(entropy: Function, most: float, wanted: Array) -> Array:
    """Logarithms of the distortions at which a decreasing function has these values, by fine interpolation."""
    steps = math.log(most) - np.arange(256) / 128
    log_D, H = steps, entropy(np.exp(steps))
    while H[-1] < wanted.max():
        steps = steps - 2.0
        log_D, H = np.append(log_D, steps), np.append(H, entropy(np.exp(steps)))
    return np.interp(wanted, H, log_D)

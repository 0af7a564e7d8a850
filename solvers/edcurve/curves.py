"""`Curve`: an entropy-distortion trade-off as data, with its table, its plot and its file."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve.equality import ComparedByValue

from . import codes, units, validation
from .drawing import draw
from .io import files, markup
from .optimum.bounds import lower_bound, position_interval, upper_bound
from .optimum.sweeps import convex_hull
from .sources import BETWEEN, BOUND, Source, Surface, resolve
from .sources.measured import TOLERANCE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
FORMAT = "edcurve curve 1"
COLUMNS = ("distortion", "entropy", "upper", "lower", "hull")
# columns that a curve has on request, or for data that are far from stationary
OPTIONAL = ("shannon", "gaussian", "low", "high")
# fields that are the same for all rows, stored beside a table
ATTRIBUTES = ("source", "base", "truncation", "defect", "cells", "cells_distortion", "width", "floor")
MOST_EQUAL_CELLS = 64
COARSE = 0.02  # share of D_max
ROWS_IN_NOTEBOOK = 8
# columns of the small picture, with their colours and dash patterns
STROKES = (("entropy", "#2a7fd4", ""), ("hull", "#2e9e5b", "5 3"), ("lower", "#d1495b", "1 3"))


@dataclass(frozen=True, eq=False)
class Curve(ComparedByValue):
    """Entropy-distortion trade-off of one source at some distortions.

    Attributes
    ----------
    source : str
        Name of the source.
    base : float
        Base of the entropies.
    distortion : ndarray, shape (n,)
        Distortions, increasing.
    entropy : ndarray, shape (n,)
        E(D) in units of `base`; an upper bound on it unless `status` begins with "exact".
    upper, lower, hull : ndarray, shape (n,)
        Entropy of the best known partition (E(D) itself if exact), dual lower bound (NaN if there is none) and lower
        convex hull.
    status : str
        "exact (proved)", "exact (checked numerically)", "upper bound", "enclosed" or "enclosed by a search". In the
        last two cases E(D) lies between `lower` and `upper`.
    cells, cells_distortion : ndarray, shape (m,)
        Numbers K of equal cells, at most 64, whose distortion K d(1/K) is in the range, and these distortions; their
        entropy is log K.
    shannon : ndarray, shape (n,), or None
        Upper bound on Shannon's R(D), on request: less than E(D), and attained by coding many realizations jointly. NaN
        at distortions too small for its computation.
    gaussian : ndarray, shape (n,), or None
        R(D) of the Gaussian source of the same covariance (KLT and reverse water-filling), on request.
    low, high : ndarray, shape (n,), or None
        For measured data with a defect above 0.05, for which cells count with the mean over all their positions: every
        partition of the points into runs of consecutive points has at least the entropy `low` at this distortion, and
        one into intervals has at most `high`. `low` is a lower convex hull up to 0.02 nats, and tighter where E(D) is.
        It is computed by dynamic programming for up to 2048 points. For more it follows from the deviations of cells
        from their mean, and may be far lower for noisy data: 1.9 bits at D_max/200 of a circle with noise of 5 %.
    width, floor : int and float, or None
        A width of a decoder's last layer, and the rank floor: the least distortion it can have (`rank_floor`).
    truncation : float
        Bound on the error of distortions: `Source.truncation`.
    defect : float
        `Source.defect` of measured data, otherwise 0.
    """

    source: str
    base: float
    distortion: Array
    entropy: Array
    upper: Array
    lower: Array
    hull: Array
    status: str
    cells: NDArray[np.int64]
    cells_distortion: Array
    shannon: Array | None = None
    gaussian: Array | None = None
    low: Array | None = None
    high: Array | None = None
    width: int | None = None
    floor: float | None = None
    truncation: float = 0.0
    defect: float = 0.0

    def __post_init__(self) -> None:
        for name in (*self.columns, "cells_distortion"):
            object.__setattr__(self, name, _frozen(getattr(self, name), np.float64))
        object.__setattr__(self, "cells", _frozen(self.cells, np.int64))

    def __reduce__(self) -> tuple[Any, ...]:
        # via __init__, which makes the arrays read-only
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of its table, without the status."""
        return (*COLUMNS, *(name for name in OPTIONAL if getattr(self, name) is not None))

    @property
    def unit(self) -> str:
        """Name of the unit of entropy: "bits", "nats", "hartleys" or, for other bases b, "units of log base b"."""
        return units.of_base(self.base)

    def __repr__(self) -> str:
        ends = f"{self.distortion[0]:.6g} to {self.distortion[-1]:.6g}" if self.distortion.size else "none"
        return f"<Curve of {self.source!r}, {self.status}: {self.distortion.size} distortions, {ends}; {self.unit}>"

    def to_pandas(self) -> pd.DataFrame:
        """Table with columns distortion, entropy, upper, lower, hull, optional columns, and status.

        Its ``.attrs`` have the other fields: source, base, truncation, defect, and, as lists, the equal cells.
        """
        import pandas as pd

        frame = pd.DataFrame({name: getattr(self, name) for name in self.columns})
        frame["status"] = self.status
        for name in ATTRIBUTES:
            value = getattr(self, name)
            if value is not None:
                frame.attrs[name] = value.tolist() if isinstance(value, np.ndarray) else value
        return frame

    @classmethod
    def from_pandas(cls, frame: pd.DataFrame, *, source: str | None = None, base: float | None = None) -> Curve:
        """The curve of a table from `to_pandas`, or of some of its rows.

        Parameters
        ----------
        frame : pandas.DataFrame
            With columns distortion, entropy, upper, lower, hull and status, and optionally shannon and gaussian.
        source, base : str and float, optional
            Name of the source and base of the entropies, for tables without ``.attrs``, such as those read from a CSV.
            They override the table's.

        Returns
        -------
        Curve

        Raises
        ------
        ValueError
            If a column is missing or not numeric, distortions do not increase, or the source or base is unknown.
        """
        if missing := [name for name in (*COLUMNS, "status") if name not in frame]:
            raise ValueError(f"frame must have a column {missing[0]}, got {', '.join(map(str, frame)) or 'none'}")
        given = {"source": source, "base": base}
        attributes = {name: frame.attrs[name] for name in ATTRIBUTES if name in frame.attrs}
        attributes |= {name: value for name, value in given.items() if value is not None}
        if missing := [name for name in given if name not in attributes]:
            raise ValueError(f"{missing[0]} must be given for a table whose .attrs do not have it")
        states = set(frame["status"].tolist())
        if len(states) != 1:
            raise ValueError(f"frame must have one status, and at least one row, got {sorted(map(str, states))}")
        columns: dict[str, Any] = {name: _column(frame, name) for name in (*COLUMNS, *OPTIONAL) if name in frame}
        if not (np.diff(columns["distortion"]) >= 0.0).all():
            raise ValueError("frame must be sorted by distortion: frame.sort_values('distortion')")
        attributes = {"cells": (), "cells_distortion": ()} | attributes
        return _checked(cls(**columns, status=states.pop(), **attributes))

    def _repr_html_(self) -> str:
        count = self.distortion.size
        rows = evenly_spaced(count, ROWS_IN_NOTEBOOK)
        names = [name for name in self.columns if name != "upper"]
        columns: list[Any] = [getattr(self, name)[rows].tolist() for name in names]
        best = {BOUND: "best partition known", **dict.fromkeys(BETWEEN, "best code known")}.get(self.status, "E(D)")
        hull = "its convex hull" if self.status in (BOUND, *BETWEEN) else "convex hull"
        legend = f"solid {best}, dashed {hull}, dotted {'' if self.status in BETWEEN else 'dual '}lower bound"
        return (
            f"<div><strong>{markup.text(self.source)}</strong>: {markup.text(self.status)}; "
            f"entropies in {markup.text(self.unit)}"
            f"<br>{picture(self)}<br><small>{legend}; {len(rows)} of {count} distortions:</small>"
            f"{markup.table(names, zip(*columns, strict=True))}</div>"
        )

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """The table of `to_pandas` as CSV with a header line, every number exact; returned as text if `path` is None.

        pandas before 3 reads it exactly only with ``float_precision="round_trip"``; otherwise last places may differ.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*self.columns, "status"])
        columns = [getattr(self, name).tolist() for name in self.columns]
        writer.writerows([*map(repr, row), self.status] for row in zip(*columns, strict=True))
        if path is None:
            return text.getvalue()
        files.write_text(path, text.getvalue())
        return None

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw entropy against distortion as in the paper: optimum, bounds, hull and the points of K equal cells.

        R(D), the Gaussian bound and the rank floor are drawn if the curve has them.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; a new figure if omitted.

        Returns
        -------
        matplotlib.axes.Axes
        """
        return draw(self, ax)

    def to_json(self) -> str:
        """The curve as JSON, every number exact, infinity and NaN as strings."""
        content: dict[str, Any] = {"format": FORMAT}
        for field in fields(self):
            value = getattr(self, field.name)
            content[field.name] = writable(value)
        return json.dumps(content, allow_nan=False, indent=1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the curve as JSON; `Curve.load` restores it exactly."""
        files.write_text(path, self.to_json() + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Curve:
        """Read a file of `save`; ValueError for any other file."""
        try:
            content = json.loads(files.read_text(path))
            if content.pop("format", None) != FORMAT:
                raise ValueError("format")
            return _checked(cls(**{name: _readable(name, value) for name, value in content.items()}))
        except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
            raise ValueError(f"path must be a file that Curve.save wrote, got {os.fspath(path)!r}") from None


def curve(
    source: Source | str,
    distortion: ArrayLike | None = None,
    *,
    num: int = 256,
    base: float = 2,
    shannon: bool = False,
    gaussian: bool = False,
    width: int | None = None,
) -> Curve:
    """Entropy-distortion trade-off of a source: E(D), its bounds and its convex hull.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    distortion : array_like, shape (n,), optional
        Distortions ≥ 0, in any order; the curve has them sorted. By default `num` of them between D_max/1000 (or the
        source's truncation if larger, up to D_max/20) and D_max, half of them equally spaced and half geometrically.
    num : int
        Number of distortions, at least 2, if `distortion` is omitted.
    base : float
        Base of the logarithm, above 1: 2 for bits, ``math.e`` for nats.
    shannon : bool
        Whether to add Shannon's R(D).
    gaussian : bool
        Whether to add the KLT/Gaussian bound on R(D).
    width : int, optional
        Width of a decoder's last layer, to add its rank floor.

    Returns
    -------
    Curve

    Raises
    ------
    ValueError, TypeError
        For invalid arguments, named in the message.
    """
    source = resolve(source, surfaces=True)
    validation.log_base(base)
    if distortion is None:
        D = spread(least(source), source.max_distortion, num)
    else:
        D = np.sort(np.atleast_1d(validation.nonnegative("distortion", distortion)))
        if D.ndim != 1 or D.size == 0:
            raise ValueError(f"distortion must be one-dimensional and not empty, got shape {np.shape(distortion)}")
    upper = upper_bound(source, D, base=base)
    # rounding may raise a lower bound by a unit in the last place above the upper one
    hull = np.minimum(convex_hull(source, D, base=base), upper)
    bounded = source.monotone or isinstance(source, Surface)
    lower = np.minimum(lower_bound(source, D, base=base), upper) if bounded else np.full(D.shape, np.nan)
    if not isinstance(source, Surface):
        lower = np.minimum(lower, hull)
    cells, cells_distortion = _equal_cells(source, float(D[0]), float(D[-1]))
    rate = linear_rate = floor = None
    if shannon:
        from . import shannon as limits

        rate = _where_computable(limits.rate_distortion, limits.least_distortion(source), source, D, base)
    if gaussian or width is not None:
        from . import linear

        if gaussian:
            computable_from = linear.least_distortion(source)
            linear_rate = _where_computable(linear.gaussian_bound, computable_from, source, D, base)
        floor = None if width is None else float(linear.rank_floor(source, width))
    low, high = (None, None) if source.defect <= TOLERANCE else _of_runs(source, D, base)
    return Curve(
        source.name,
        float(base),
        D,
        upper,
        upper,
        lower,
        hull,
        source.status,
        cells,
        cells_distortion,
        shannon=rate,
        gaussian=linear_rate,
        low=low,
        high=high,
        width=width,
        floor=floor,
        truncation=source.truncation,
        defect=source.defect,
    )


def least(source: Source) -> float:
    """Smallest distortion of a curve by default: D_max/1000, or the truncation up to D_max/20.

    For a surface, whose codes have many cells, D_max/50, or that of the known code with the most cells.
    """
    if isinstance(source, Surface):
        return max(COARSE * source.max_distortion, codes.least_distortion(source))
    return min(max(1e-3 * source.max_distortion, source.truncation), 0.05 * source.max_distortion)


def down_to(source: Source, low: float) -> float:
    """Smallest distortion of a curve that reaches `low` or `least`; for a surface, limited by the known codes."""
    lowest = min(least(source), low)
    return max(lowest, codes.least_distortion(source)) if isinstance(source, Surface) else lowest


def spread(low: float, high: float, num: int) -> Array:
    """`num` distortions from low to high, half of them equally spaced and half geometrically."""
    count = validation.positive_int("num", num, 2)
    if not 0.0 < low < high < math.inf:
        raise ValueError(f"distortions must go from above 0 up to something larger, got {low!r} to {high!r}")
    linear = (count - 1) // 2
    steps = np.linspace(low, high, linear + 2)[1:-1]
    return np.sort(np.concatenate([np.geomspace(low, high, count - linear), steps]))


def picture(curve: Curve) -> str:
    """Draw E(D), hull and dual bound as a small SVG, for pages without matplotlib or JavaScript."""
    top = max(float(np.max(curve.upper, initial=0.0, where=np.isfinite(curve.upper))), 1e-300)
    right = float(curve.distortion[-1] if curve.distortion.size else 1.0) or 1.0
    with np.errstate(all="ignore"):  # the picture leaves out what is not finite
        across = curve.distortion / right
        lines = [markup.Line(getattr(curve, name) / top, colour, dashes) for name, colour, dashes in STROKES]
    ends = {"right": f"D = {markup.number(right)}", "top": f"{markup.number(top)} {curve.unit}"}
    return markup.picture(across, lines, **ends, title="Entropy against distortion")


def evenly_spaced(count: int, most: int) -> list[int]:
    """Indices of at most `most` of `count` rows, evenly spaced, including the first and the last row."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def _where_computable(bound: Callable[..., Any], least: float, source: Source, D: Array, base: float) -> Array:
    """A bound at the distortions where it can be computed, NaN at smaller ones."""
    result = np.full(D.shape, np.nan)
    computable = (least <= D) | (D == 0.0)
    if computable.any():
        result[computable] = bound(source, D[computable], base=base)
    return result


def _of_runs(source: Source, D: Array, base: float) -> tuple[Array, Array]:
    """Bounds on the entropy of the best partition of measured points into runs."""
    from .segmentation.entropy_interval import entropy_interval

    low, high = position_interval(source, D, base=base)
    if source.few_points is None:
        return low, high
    least, attained = entropy_interval(source.few_points.points, D, closed=source.closed, base=base)
    high = np.where(source.max_distortion <= D, 0.0, np.minimum(high, attained))  # one cell, on the interpolated curve
    return np.minimum(np.maximum(low, least), high), high  # low may exceed high by rounding


def _equal_cells(source: Source, low: float, high: float) -> tuple[NDArray[np.int64], Array]:
    if isinstance(source, Surface):  # equal best cells do not tile it
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    counts = np.arange(1, MOST_EQUAL_CELLS + 1)
    distortion = counts * source.cell_distortion(1.0 / counts)
    distortion[0] = source.max_distortion
    kept = (distortion >= low) & (distortion <= high)
    return counts[kept].astype(np.int64), distortion[kept]


def _frozen(values: Any, dtype: Any) -> NDArray[Any]:
    array = np.array(values, dtype=dtype)
    array.setflags(write=False)
    return array


def writable(value: Any) -> Any:
    """The value in types that JSON has: arrays as lists, infinity and NaN as strings."""
    if isinstance(value, np.ndarray):
        return [writable(x) for x in value.tolist()]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _checked(loaded: Curve) -> Curve:
    """The curve itself; ValueError if a field has a wrong type or length."""
    validation.log_base(loaded.base)
    columns = {getattr(loaded, name).shape for name in loaded.columns}
    cells = {loaded.cells.shape, loaded.cells_distortion.shape}
    same = all(len(shapes) == 1 and len(*shapes) == 1 for shapes in (columns, cells))
    texts = isinstance(loaded.source, str) and isinstance(loaded.status, str)
    numbers = all(isinstance(getattr(loaded, name), float | int) for name in ("truncation", "defect"))
    floor = loaded.width is None or (isinstance(loaded.width, int) and isinstance(loaded.floor, float))
    if not (same and texts and numbers and floor):
        raise ValueError("fields")
    loaded.status.encode()  # JSON may contain half of a surrogate pair, which a table in UTF-8 cannot
    return loaded


def _column(frame: pd.DataFrame, name: str) -> Array:
    try:
        return np.asarray(frame[name], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"column {name} must be of numbers: {error}") from None


def _readable(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return np.array(value, dtype=np.int64) if name == "cells" else np.array([float(x) for x in value])
    return float(value) if name in ("truncation", "defect", "floor") and isinstance(value, str) else value

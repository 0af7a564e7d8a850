"""The best contiguous partitions of any curve with any density, by dynamic programming."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import progress, validation
from edcurve.equality import ComparedByValue
from edcurve.sources import ends

from . import arguments, cell_count, closed_exact, closed_with_gap, light_cells, limits, open_curve, point_order
from .prepared_curve import PartitionWithBound, PreparedCurve, measure, prepared, rotated

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_CLOSED = 3


@dataclass(frozen=True, eq=False)
class Segmentation(ComparedByValue):
    """The best partition of a curve into contiguous cells for the argument of `segment`, or m of them.

    It is a quantizer: `encode` also accepts points that are not on the curve.

    Attributes
    ----------
    lmbda : float or ndarray, shape (m,)
        λ, in units of `base` per unit distortion: the argument, or the slope of the convex hull at the limit. NaN for
        a prescribed number of cells.
    base : float
        Base of the logarithm.
    entropy, distortion : float or ndarray, shape (m,)
        Entropy −Σ p log p of the partition, and mean squared error to its centroids, not divided by the dimension.
    value : float or ndarray, shape (m,)
        entropy + lmbda · distortion.
    gap : float or ndarray, shape (m,)
        0.0 where the partition is the best of all contiguous ones, up to rounding. For a λ, none has a value below
        value − gap. Under a limit on the entropy, none has a distortion below distortion − gap/lmbda; under a limit
        on the distortion, none has an entropy below entropy − gap.
    boundaries : ndarray of int, shape (cells,), or tuple of m of them
        Index of the first point of every cell, increasing. On an open curve the first is 0. On a closed curve the last
        cell continues past the last point to the point before ``boundaries[0]``; a single cell starts at 0.
    centroids : ndarray, shape (cells, dim) or, for scalar points, (cells,); or tuple of m of them
        Weighted mean of each cell.
    probabilities : ndarray, shape (cells,), or tuple of m of them
        Weight of each cell, above 0.
    closed : bool
        Whether the first point follows the last.
    size : int
        Number of points.
    points : ndarray, shape (points,) or (points, dim)
        The points.
    """

    lmbda: Any
    base: float
    entropy: Any
    distortion: Any
    value: Any
    gap: Any
    boundaries: Any
    centroids: Any
    probabilities: Any
    closed: bool
    size: int
    points: Any

    @property
    def cells(self) -> Any:
        """Number of cells: int or ndarray of int, shape (m,)."""
        if isinstance(self.boundaries, tuple):
            return np.array([part.size for part in self.boundaries], dtype=np.int64)
        return int(self.boundaries.size)

    @property
    def labels(self) -> Any:
        """Index of the cell of every point: ndarray of int, shape (points,), or tuple of m of them."""
        if isinstance(self.boundaries, tuple):
            return tuple(self._labels(part) for part in self.boundaries)
        return self._labels(self.boundaries)

    def _labels(self, boundaries: Ints) -> Ints:
        label = np.searchsorted(boundaries, np.arange(self.size), side="right") - 1
        return np.where(label < 0, boundaries.size - 1, label)

    @property
    def thresholds(self) -> Array:
        """Numbers between the cells of sorted scalar points, midway between neighbours, shape (cells − 1,)."""
        self._require_one("thresholds")
        if self.closed or self.points.ndim != 1 or not (np.diff(self.points) >= 0.0).all():
            raise ValueError("thresholds are those of scalar points that are sorted upwards, on an open curve")
        first = self.boundaries[1:]
        return np.asarray(0.5 * self.points[first - 1] + 0.5 * self.points[first])

    def encode(self, x: ArrayLike) -> Any:
        """Index of the cell of the nearest point of the curve, the first one at ties.

        Parameters
        ----------
        x : float or array_like
            Scalars of any shape, or points with their coordinates along the last axis, like those of the curve.

        Returns
        -------
        int or ndarray of int64
            Indices from 0 to ``cells − 1``; points of the curve get their `labels`, except at crossings.
        """
        self._require_one("encode")
        table = arguments.finite("x", x)
        scalar = self.points.ndim == 1
        if not scalar and (table.ndim == 0 or table.shape[-1] != self.points.shape[1]):
            raise ValueError(f"x must have {self.points.shape[1]} coordinates along its last axis, got {table.shape}")
        shape = table.shape if scalar else table.shape[:-1]
        if scalar and not self.closed and (np.diff(self.points) > 0.0).all():
            index = np.searchsorted(self.thresholds, table, side="left")
        else:
            from scipy.spatial import cKDTree

            curve = self.points.reshape(self.size, -1)
            _, nearest = cKDTree(curve).query(table.reshape(-1, curve.shape[1]))
            index = self.labels[nearest].reshape(shape)
        return index if shape else int(index)

    def decode(self, index: ArrayLike) -> Any:
        """Centroids of cells, in the shape of `index`, followed by an axis of coordinates unless points are scalars.

        ValueError for an index that is not from 0 to ``cells − 1``.
        """
        self._require_one("decode")
        cells = validation.integers("index", index, "index must be of integers")
        if cells.size and not (cells.min() >= 0 and cells.max() < self.cells):
            raise ValueError(f"index must be between 0 and {self.cells - 1}, got {cells.min()} to {cells.max()}")
        decoded = self.centroids[cells]
        return decoded if decoded.ndim else float(decoded)

    def _require_one(self, name: str) -> None:
        if isinstance(self.boundaries, tuple):
            raise ValueError(f"{name} is of one partition, this has {len(self.boundaries)}: ask segment for one")

    def to_pandas(self) -> pd.DataFrame:
        """Tabulate, in a row for each λ: lmbda, cells, entropy, distortion, value, gap. Base is in ``.attrs``."""
        import pandas as pd

        names = ("lmbda", "cells", "entropy", "distortion", "value", "gap")
        frame = pd.DataFrame({name: np.atleast_1d(getattr(self, name)) for name in names})
        frame.attrs.update(base=self.base)
        return frame

    def __repr__(self) -> str:
        kind = "closed" if self.closed else "open"
        if isinstance(self.boundaries, tuple):
            return f"<Segmentation of {self.size} points, {kind}: {len(self.boundaries)} λ>"
        if np.isnan(self.lmbda):
            result = f"{self.cells} cells, entropy {self.entropy:.6g}, distortion {self.distortion:.6g}"
            return f"<Segmentation of {self.size} points, {kind}: {result}>"
        result = f"{self.cells} cells, value {self.value:.6g}, gap {self.gap:.2g}"
        return f"<Segmentation of {self.size} points, {kind}: λ = {self.lmbda:g}, {result}>"


def segment(
    points: ArrayLike,
    lmbda: ArrayLike | None = None,
    *,
    cells: ArrayLike | None = None,
    entropy: ArrayLike | None = None,
    distortion: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    closed: bool | None = None,
    base: float = 2,
) -> Segmentation:
    """Cut a curve, given as points in order with weights, into the best contiguous cells.

    The best cells minimise H + λD for `lmbda`, the distortion for a number of `cells` or a limit on the `entropy`, and
    the entropy for a limit on the `distortion`. Exactly one of these four is required.

    *By λ.* The sum over cells of −p log p + λ Σ w ‖x − centroid‖² is minimised by dynamic programming [1]_. The result
    is the global optimum over all partitions into runs of consecutive points, for any dimension and any density. This
    covers entropy-constrained scalar quantisation: points on a grid, weighted by a density.

    Time is O(N²) at worst and usually far less: lower bounds on the cost of whole blocks of starts exclude most blocks.
    The bounds hold for every input, so the optimum is not affected. Memory is O(N · dim); a closed curve of at most
    2048 points takes up to N² numbers (32 MiB) more.

    On a closed curve the position of a first boundary is unknown. A stretch of points that no optimal cell can cover
    contains one, so positions in this stretch are tried. Those between two tried positions are skipped if they cannot
    win: the optima at both exceed the best by more than a boundary between them could gain. Up to 2048 points the
    squared errors of all cells are first tabulated, at O(N² · dim) for all λ together, and the optimum is always found.
    With more points, at most max(16, 4·10⁶ / N) positions are tried. Untried positions may leave a `gap`. For a smooth
    curve the gap falls with the square of the distance between tried positions.

    *By the number of cells.* The least distortion is found by dynamic programming [2]_: the k-means clustering of
    sorted scalars, also known as natural breaks. N sorted scalars and K cells take O(K N log N), other points O(K N²)
    at worst; cells of more squared error than another partition are left out. A closed curve has at most 2048 points.

    *By entropy or distortion.* Partitions of least H + λD are the vertices of a convex hull. The vertex within the
    limit is compared with partitions between it and the next vertex, found by moving boundaries one at a time from
    both, up to 256 cells. `gap` is the distance to the hull: 0.0 at a vertex.

    Parameters
    ----------
    points : array_like, shape (N,) or (N, dim)
        Points of the curve in order: finite, at most 1e150 in size, and either all the same or varying by 1e-140 or
        more; at most 10⁷ points and 10⁸ numbers. A closed curve has at least 3, and its last point does not repeat the
        first.
    lmbda : float or array_like, shape (m,)
        λ ≥ 0, finite, in units of `base` per unit distortion, in any order.
    cells : int or array_like of int, shape (m,)
        Numbers of cells, at least 1; at most the number of points of positive weight that differ from the one before.
    entropy, distortion : float or array_like, shape (m,)
        Upper limit, at least 0 and finite; entropy in units of `base`. It may be exceeded by rounding, 1e-12.
    weights : array_like, shape (N,), optional
        Weights ≥ 0, not all zero; they are scaled to sum to 1. Equal if omitted. Values negative by rounding, down to
        −N·eps·max, are taken as 0: max is the largest weight, and eps that of its floating-point type.
    closed : bool, optional
        Whether the first point follows the last, so that a cell may contain both. If omitted, points of two or more
        coordinates are closed if the last is as near to the first as neighbours are; other points and scalars are
        open. `Source.from_samples` has the same rule; ``closed`` of the result tells the choice.
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    Segmentation
        The union of any two adjacent cells costs more than the two cells, however small their weights: at equal values
        there are fewer cells. A cell starts at its first point of positive weight, except at index 0 of an open curve.
        Points of weight 0 before it belong to the cell before.

    Raises
    ------
    ValueError
        For invalid arguments, named in the message, and for λ times the squared size of the points
        above 1e300.
    TypeError
        If an argument is not a number or an array of numbers, or `closed` is not a bool or None.

    Warns
    -----
    UserWarning
        If points of one coordinate, 64 or more on an open curve, are in an order that looks random, and sorting lowers
        the value by a tenth or more. Nothing is sorted, because a curve is defined by its order. Samples of a scalar
        have no order, and their best cells are those of the sorted points.
    UserWarning
        If `closed` is omitted and the ends are near each other, but not as near as neighbours.

    References
    ----------
    .. [1] D. Muresan and M. Effros, "Quantization as histogram segmentation: optimal scalar quantizer design in
       network systems", IEEE Trans. Inf. Theory 54 (2008), 344–366.
    .. [2] W. D. Fisher, "On grouping for maximum homogeneity", J. Amer. Statist. Assoc. 53 (1958), 789–798.

    Examples
    --------
    >>> import numpy as np
    >>> from edcurve.segmentation import segment
    >>> best = segment(np.array([1.0, 1.2, 4.0, 4.1, 9.0]), cells=3)
    >>> best.centroids, best.thresholds, best.encode([0.0, 5.0, 7.0])
    (array([1.1 , 4.05, 9.  ]), array([2.6 , 6.55]), array([0, 1, 2]))
    """
    asked = arguments.asked(lmbda=lmbda, cells=cells, entropy=entropy, distortion=distortion)
    result, doubt = segment_unwarned(points, asked, weights=weights, closed=closed, base=base)
    if doubt is not None:
        validation.warn(doubt)
    return result


def segment_unwarned(
    points: ArrayLike, asked: tuple[str, Array], *, weights: ArrayLike | None, closed: bool | None, base: float
) -> tuple[Segmentation, str | None]:
    """Return the result of `segment` for `arguments.asked`, and its warning, if any."""
    table, scalar = arguments.points(points)
    unit = validation.log_base(base)
    name, values = asked
    weight = arguments.weights(weights, table.shape[0])
    loop, doubt = ends.settled(table, closed)
    if loop and table.shape[0] < FEWEST_CLOSED:
        raise ValueError(f"points must be at least {FEWEST_CLOSED} if closed is True, got {table.shape[0]}")
    curve, wanted = prepared(table, weight), values.ravel().tolist()
    if name == "lmbda":
        rows = _by_lmbda(curve, wanted, loop, unit)
    elif name == "cells":
        rows = [_by_cells(curve, int(one), loop, unit) for one in wanted]
    else:
        rows = [_by_limit(curve, one, name == "entropy", loop, unit) for one in wanted]
    if scalar:
        rows = [row._replace(centroids=row.centroids[:, 0]) for row in rows]
    if not loop:
        for row in rows:
            row.boundaries[0] = 0
    fields = dict(zip(_Row._fields, rows[0] if values.ndim == 0 else _columns(rows), strict=True))
    if table.shape[1] == 1 and not loop:
        doubt = _doubt(table[:, 0], weight, asked, rows, unit)
    own_points = table[:, 0] if scalar else table
    return Segmentation(base=base, **fields, closed=loop, size=table.shape[0], points=own_points), doubt


def _by_lmbda(curve: PreparedCurve, lmbda: list[float], closed: bool, unit: float) -> list[_Row]:
    scaled = [arguments.scaled(one, unit, curve.exponent) for one in lmbda]
    partitions = (_closed if closed else _open)(curve, scaled)
    return [_row(curve, part, one, unit) for part, one in zip(partitions, lmbda, strict=True)]


def _by_cells(curve: PreparedCurve, cells: int, closed: bool, unit: float) -> _Row:
    with progress.bar("segmenting", None) as update:
        part = cell_count.best(curve, rotated(curve.x), cells, closed, update)
    return _row(curve, PartitionWithBound(part, None), math.nan, unit)


def _by_limit(curve: PreparedCurve, most: float, of_entropy: bool, closed: bool, unit: float) -> _Row:
    def solve(lmbda: float) -> PartitionWithBound:
        return (_closed if closed else _open)(curve, [lmbda])[0]

    with np.errstate(over="ignore"):  # an infinite limit excludes nothing
        limit = most * unit if of_entropy else float(np.ldexp(most, -2 * curve.exponent))
    best = limits.best(curve, rotated(curve.x), solve, limit, of_entropy=of_entropy)
    lmbda = float(np.ldexp(best.lmbda / unit, -2 * curve.exponent))
    return _row(curve, PartitionWithBound(best.boundaries, None), lmbda, unit)._replace(gap=best.gap / unit)


def _doubt(points: Array, weight: Array, asked: tuple[str, Array], rows: list[_Row], unit: float) -> str | None:
    if asked[0] == "cells":
        return point_order.doubt_cells(points, weight, asked[1].ravel(), np.array([row.distortion for row in rows]))
    lmbda, reached = (np.array([getattr(row, name) for row in rows]) for name in ("lmbda", "value"))
    return point_order.doubt(points, weight, lmbda, reached, unit)


class _Row(NamedTuple):
    """The fields of a `Segmentation` of one partition: numbers first, then arrays."""

    lmbda: float
    entropy: float
    distortion: float
    value: float
    gap: float
    boundaries: Ints
    centroids: Array
    probabilities: Array


NUMBERS = 5  # fields of a row that are numbers


def _columns(rows: list[_Row]) -> tuple[Any, ...]:
    columns = [tuple(row[i] for row in rows) for i in range(len(_Row._fields))]
    return *(np.array(column, dtype=np.float64) for column in columns[:NUMBERS]), *columns[NUMBERS:]


def _open(curve: PreparedCurve, lmbda: list[float]) -> list[PartitionWithBound]:
    x, total = rotated(curve.x), curve.weight.size * len(lmbda)
    with progress.bar("segmenting", total) as update:
        parts = open_curve.sweep(x, curve.weight, lmbda, lambda done: update(done, total))
    pairs = zip(parts, lmbda, strict=True)
    return [PartitionWithBound(light_cells.repaired(curve, x, one, part, closed=False), None) for part, one in pairs]


def _closed(curve: PreparedCurve, lmbda: list[float]) -> list[PartitionWithBound]:
    x, w = rotated(curve.x), curve.weight
    most = closed_with_gap.most_cuts(w.size)
    total, partitions = most * len(lmbda), []
    table = closed_exact.arc_errors(x, w) if w.size <= closed_exact.MOST_POINTS else None
    with progress.bar("segmenting", total) as update:
        for i, one in enumerate(lmbda):
            tell = partial(_tell, update, i * most, total)
            if table is None:
                part, lower = closed_with_gap.minimise(x, w, one, tell)
            else:
                part, lower = closed_exact.minimise(table, w, one, tell), None
            partitions.append(PartitionWithBound(light_cells.repaired(curve, x, one, part, closed=True), lower))
    return partitions


def _tell(update: Callable[[int, int], None], before: int, total: int, cuts: int) -> None:
    update(before + cuts, total)


def _row(curve: PreparedCurve, partition: PartitionWithBound, lmbda: float, unit: float) -> _Row:
    """The fields of a partition, with entropies in units of `unit` nats."""
    part, lower = partition
    cells = measure(curve, part)
    entropy = cells.entropy / unit
    value = entropy + lmbda * cells.distortion
    gap = 0.0 if lower is None else max(value - lower / unit, 0.0)
    boundaries = curve.first[part] if part.size > 1 else np.zeros(1, np.int64)
    return _Row(lmbda, entropy, cells.distortion, value, gap, boundaries, cells.centroids, cells.probabilities)

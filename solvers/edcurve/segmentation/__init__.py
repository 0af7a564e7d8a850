"""The best contiguous partition of any curve, of any density, by dynamic programming."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import progress, validation
from edcurve.equality import ComparedByValue
from edcurve.sources import ends

from . import arguments, closed_exact, closed_with_gap, light_cells, open_curve, point_order
from .prepared_curve import PartitionWithBound, PreparedCurve, measure, prepared, rotated

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_CLOSED = 3


@dataclass(frozen=True, eq=False)
class Segmentation(ComparedByValue):
    """Partition of a curve into contiguous cells that minimises H + λD, for one λ or, along the first axis, several.

    Attributes
    ----------
    lmbda : float or ndarray, shape (m,)
        λ, in units of `base` per unit distortion, as given.
    base : float
        Base of the logarithm.
    entropy, distortion : float or ndarray, shape (m,)
        Entropy −Σ p log p of the partition, and mean squared error to its centroids, not divided by the dimension.
    value : float or ndarray, shape (m,)
        entropy + lmbda · distortion.
    gap : float or ndarray, shape (m,)
        No contiguous partition has a value below value − gap. 0.0 where the partition is optimal, up to rounding.
    boundaries : ndarray of int, shape (cells,), or tuple of m of them
        Index of the first point of every cell, increasing. On an open curve the first is 0. On a closed one the last
        cell goes on through the end of the points to the one before ``boundaries[0]``; a single cell starts at 0.
    centroids : ndarray, shape (cells, dim) or, for scalar points, (cells,); or tuple of m of them
        Weighted mean of each cell.
    probabilities : ndarray, shape (cells,), or tuple of m of them
        Weight of each cell, above 0.
    closed : bool
        Whether the first point follows the last.
    size : int
        Number of points.
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
        result = f"{self.cells} cells, value {self.value:.6g}, gap {self.gap:.2g}"
        return f"<Segmentation of {self.size} points, {kind}: λ = {self.lmbda:g}, {result}>"


def segment(
    points: ArrayLike,
    lmbda: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    closed: bool | None = None,
    base: float = 2,
) -> Segmentation:
    """Cut a curve, given as points in order with weights, into the contiguous cells of least H + λD.

    The sum over cells of −p log p + λ Σ w ‖x − centroid‖² is minimised by dynamic programming [1]_. The result is the
    global optimum over all partitions into runs of consecutive points, for any dimension and any density. This covers
    entropy-constrained scalar quantisation: points on a grid, weighted by a density.

    Time is O(N²) at worst and usually far less: lower bounds on the cost of whole blocks of starts exclude most blocks.
    The bounds hold for every input, so the optimum is not affected. Memory is O(N · dim); a closed curve of at most
    2048 points takes up to N² numbers (32 MiB) more.

    On a closed curve it is not known where a first boundary is. A stretch of points that no optimal cell can cover
    holds one, so places in this stretch are tried. Those between two tried places are left out if they cannot win: the
    optima at both exceed the best by more than a boundary between them could gain. Up to 2048 points the squared errors
    of all cells are first put into a table, at O(N² · dim) for all λ together, and the optimum is always found. Beyond
    that at most max(16, 4·10⁶ / N) places are tried. The places that remain may leave a `gap`. For a smooth curve the
    gap falls with the square of the distance between tried places.

    Parameters
    ----------
    points : array_like, shape (N,) or (N, dim)
        Points of the curve in order: finite, at most 1e150 in size, and either all the same or varying by 1e-140 or
        more; at most 10⁷ points and 10⁸ numbers. A closed curve has at least 3, and its last point does not repeat the
        first.
    lmbda : float or array_like, shape (m,)
        λ ≥ 0, finite, in units of `base` per unit distortion, in any order.
    weights : array_like, shape (N,), optional
        Weights ≥ 0, not all zero; they are scaled to sum to 1. Equal if omitted. What is negative by rounding, down to
        −N·eps·max, is taken as 0: max is the largest, and eps that of the floats given.
    closed : bool, optional
        Whether the first point follows the last, so that a cell may hold both. If omitted, points of two or more
        coordinates are a loop if the last is as near to the first as neighbours are, and others have ends, as single
        numbers do. `Source.from_samples` has the same rule; the result says what the points were taken for.
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    Segmentation
        The union of any two neighbouring cells costs more than they do, however small their weights: at equal values
        there are fewer cells. A cell starts at its first point of positive weight, except at index 0 of an open curve.
        Points of weight 0 before it belong to the cell before.

    Raises
    ------
    ValueError
        For arguments that are not allowed, named in the message, and for λ times the squared size of the points
        above 1e300.
    TypeError
        If an argument is not a number or an array of numbers, or `closed` is not a bool or None.

    Warns
    -----
    UserWarning
        If points of one coordinate, 64 or more on an open curve, are in an order that looks random, and sorting lowers
        the value by a tenth or more. Nothing is sorted: order means something on a curve. Samples of a scalar have
        none, and their best cells are those of the sorted points.
    UserWarning
        If `closed` is omitted and the ends are near each other, but not as near as neighbours.

    References
    ----------
    .. [1] D. Muresan and M. Effros, "Quantization as histogram segmentation: optimal scalar quantizer design in
       network systems", IEEE Trans. Inf. Theory 54 (2008), 344–366.
    """
    result, doubt = segment_unwarned(points, lmbda, weights=weights, closed=closed, base=base)
    if doubt is not None:
        validation.warn(doubt)
    return result


def segment_unwarned(
    points: ArrayLike, lmbda: ArrayLike, *, weights: ArrayLike | None, closed: bool | None, base: float
) -> tuple[Segmentation, str | None]:
    """Return what `segment` does, and what it warns of, if anything."""
    table, scalar = arguments.points(points)
    unit = validation.log_base(base)
    values = validation.nonnegative("lmbda", lmbda, finite=True)
    if values.ndim > 1:
        raise ValueError(f"lmbda must be a number or one-dimensional, got shape {values.shape}")
    weight = arguments.weights(weights, table.shape[0])
    loop, doubt = ends.settled(table, closed)
    if loop and table.shape[0] < FEWEST_CLOSED:
        raise ValueError(f"points must be at least {FEWEST_CLOSED} if closed is True, got {table.shape[0]}")
    curve = prepared(table, weight)
    scaled = [arguments.scaled(one, unit, curve.exponent) for one in values.ravel().tolist()]
    partitions = _closed(curve, scaled) if loop else _open(curve, scaled)
    rows = [_row(curve, part, one, unit) for part, one in zip(partitions, values.ravel().tolist(), strict=True)]
    if scalar:
        rows = [row._replace(centroids=row.centroids[:, 0]) for row in rows]
    if not loop:
        for row in rows:
            row.boundaries[0] = 0
    fields = dict(zip(_Row._fields, rows[0] if values.ndim == 0 else _columns(rows), strict=True))
    shown = float(values) if values.ndim == 0 else values.copy()
    if table.shape[1] == 1 and not loop:
        reached = np.array([row.value for row in rows])
        doubt = point_order.doubt(table[:, 0], weight, values.ravel(), reached, unit)
    return Segmentation(shown, base, **fields, closed=loop, size=table.shape[0]), doubt


class _Row(NamedTuple):
    """The fields of a `Segmentation` for one λ: numbers first, then arrays."""

    entropy: float
    distortion: float
    value: float
    gap: float
    boundaries: Ints
    centroids: Array
    probabilities: Array


NUMBERS = 4  # fields of a row that are numbers


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
    """Describe a partition in units of `unit` nats."""
    part, lower = partition
    cells = measure(curve, part)
    entropy = cells.entropy / unit
    value = entropy + lmbda * cells.distortion
    gap = 0.0 if lower is None else max(value - lower / unit, 0.0)
    boundaries = curve.first[part] if part.size > 1 else np.zeros(1, np.int64)
    return _Row(entropy, cells.distortion, value, gap, boundaries, cells.centroids, cells.probabilities)

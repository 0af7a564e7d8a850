"""The partition of least distortion into a given number of cells; `layers` has the recursion."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edcurve.kernels import compiling, threads

from . import closed_exact, closed_with_gap, layers, open_curve
from .prepared_curve import PreparedCurve

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_SORTED = 2**20  # number of scalars whose table takes 500 MB
MOST = 10**8  # points × cells
ROWS = 256  # number of points between two checks for an interrupt
BATCH = 8  # number of cuts of a loop tried at once; fixed, so that results do not depend on the number of threads
SMALLER = "int32[::1]"
SMALLER_TABLE = "int32[:,::1]"


def best(curve: PreparedCurve, x: Array, cells: int, closed: bool, update: Callable[[int, int], None]) -> Ints:
    """Find the partition of least distortion into ``cells`` cells; `update` gets the work done and its total.

    `x` has the points in the coordinates used for segmenting.
    """
    n = curve.weight.size
    if cells > n:
        raise ValueError(
            f"cells must be at most {n}, the number of points of positive weight that differ from the one before, "
            f"got {cells}"
        )
    if n * cells > MOST:
        raise ValueError(f"cells times points must be at most {MOST:g}, got {cells} × {n}")
    if closed and n > closed_exact.MOST_POINTS:
        raise ValueError(
            f"points must be at most {closed_exact.MOST_POINTS} for a number of cells of a closed curve, got {n}: "
            "take every so many of them, or lmbda"
        )
    if cells == 1:
        return np.zeros(1, np.int64)
    if closed:
        return _closed(x, curve.weight, cells, update)
    if x.shape[1] == 1 and n <= MOST_SORTED and _is_sorted(x[:, 0]):
        return _sorted(np.ascontiguousarray(x[:, 0]), curve.weight, cells, update)
    return _grown(x, curve.weight, cells, update)


def _is_sorted(x: Array) -> bool:
    step = np.diff(x)
    return bool((step > 0.0).all() or (step < 0.0).all())


def _sorted(x: Array, w: Array, cells: int, update: Callable[[int, int], None]) -> Ints:
    n = w.size
    levels = max(1, (n - 1).bit_length())
    tables = tuple(np.empty((levels, n)) for _ in range(3))
    reals, types, most = compiling.REALS, (compiling.TABLE,) * 3, limit(x[:, None], w, cells)
    compiling.kernel_of(layers.statistics, reals, reals, *types)(x, w, *tables)
    run = compiling.kernel_of(layers.layer, *types, compiling.INTEGER, compiling.REAL, reals, reals, SMALLER)
    before, value = np.full(n + 1, np.inf), np.empty(n + 1)
    before[0] = 0.0
    start = np.zeros((cells + 1, n + 1), np.int32)
    for k in range(1, cells + 1):
        run(*tables, k, most, before, value, start[k])
        before, value = value, before
        update(k, cells)
    return _traced(lambda k, j: int(start[k, j]), cells, n)


def _traced(start: Callable[[int, int], int], cells: int, n: int) -> Ints:
    first, j = np.empty(cells, np.int64), n
    for k in range(cells, 0, -1):
        j = start(k, j)
        first[k - 1] = j
    return first


def limit(x: Array, w: Array, cells: int) -> float:
    """Upper bound on the least squared error: that of a partition that is nearly optimal for a smooth curve.

    There a cell of length L at v has the squared error f s² L³/12, with f the weight per unit of v and s the speed.
    The sum is least where L is inversely proportional to the cube root of f s².
    """
    n = w.size
    step = np.sqrt((np.diff(x, axis=0) ** 2).sum(axis=1))
    share = np.cumsum(np.cbrt(0.5 * (w[1:] + w[:-1]) * step * step))
    starts = np.searchsorted(share, share[-1] * np.arange(1, cells) / cells) + 1
    # strictly increasing, with at least one point for each later cell
    starts = np.maximum.accumulate(starts - np.arange(cells - 1)) + np.arange(cells - 1)
    starts = np.append(0, np.minimum(starts, n - cells + 1 + np.arange(cells - 1)))
    return squared_error(x, w, starts) * (1.0 + 2.0 * open_curve.slack(x))


def squared_error(x: Array, w: Array, starts: Ints) -> float:
    """Squared error of a partition whose first cell starts at point 0."""
    counts = np.diff(np.append(starts, w.size))
    x = x - np.repeat(x[starts], counts, axis=0)
    mean = np.add.reduceat(w[:, None] * x, starts, axis=0) / np.add.reduceat(w, starts)[:, None]
    x -= np.repeat(mean, counts, axis=0)
    return float((w * (x * x).sum(axis=1)).sum())


def _grown(x: Array, w: Array, cells: int, update: Callable[[int, int], None]) -> Ints:
    n, most = w.size, limit(x, w, cells)
    types = compiling.TABLE, compiling.REALS, compiling.REAL, compiling.INTEGER, compiling.INTEGER
    run = compiling.kernel_of(layers.grow, *types, compiling.TABLE, SMALLER_TABLE, compiling.INTEGERS)
    value, start = np.full((n + 1, cells + 1), np.inf), np.full((n + 1, cells + 1), -1, np.int32)
    fewest = np.full(n + 1, cells + 1)
    value[0, 0], fewest[0] = 0.0, 0
    for begin in range(1, n + 1, ROWS):
        run(x, w, most, begin, min(begin + ROWS, n + 1), value, start, fewest)
        update(begin, n)
    return _traced(lambda k, j: int(start[j, k]), cells, n)


def _closed(x: Array, w: Array, cells: int, update: Callable[[int, int], None]) -> Ints:
    """Try all cuts in a stretch that no cell of the best partition covers: one of them is a boundary."""
    n = w.size
    table = closed_exact.arc_errors(x, w)
    rounding = 1.0 + 2.0 * open_curve.slack(x)
    most = min(limit(np.roll(x, -cut, axis=0), np.roll(w, -cut), cells) for cut in range(0, n, max(1, n // 8)))
    # a cell of all points is excluded, as there are several cells
    longest = np.array([min(int((row <= most).sum()), n - 1) for row in table])
    low, high = closed_with_gap.window(np.arange(n) + longest)
    types = compiling.TABLE, compiling.INTEGERS, compiling.REAL, compiling.INTEGER, compiling.TABLE
    run = compiling.kernel_of(layers.closed, *types)

    def errors(cut: int) -> Array:
        value = np.empty((cells + 1, n + 1))
        run(table, longest, most, cut, value)
        return value

    best, value = 0, np.full((1, 1), np.inf)
    for first in range(low, high + 1, BATCH):
        cuts = [cut % n for cut in range(first, min(first + BATCH, high + 1))]
        for cut, candidate in zip(cuts, threads.in_threads(errors, cuts), strict=True):
            if candidate[-1, -1] < value[-1, -1]:
                best, value = cut, candidate
        most = min(most, float(value[-1, -1]) * rounding)
        update(min(first + BATCH, high + 1) - low, high + 1 - low)
    # the best of the arcs that end at each j
    order = (np.arange(n) + best) % n
    turned = table[np.ix_(order, order)]
    starts = _traced(lambda k, j: int(np.argmin(value[k - 1, :j] + turned[:j, j - 1])), cells, n)
    return np.sort((starts + best) % n)

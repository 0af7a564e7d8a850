"""Partitions into a few equal large cells, any number of equal small ones and perhaps one cell between.

Where δ has a plateau, a cell costs little more than a smaller one. The best partition may then have one large cell, or
26, and a billion small ones: too many for a search over single cells. In this family the entropy is a function of three
numbers: the count K of the large cells, their share m of the phase, and the size c of the odd cell. The n small cells
divide the remainder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from .cell_counts import ROUNDING
from .cell_distortion import CellDistortion, Floats

LEAST = 1e-300  # smallest cell size in the table
SPACING = 0.06  # of ln p in the table
COUNTED = 1e9  # number of small cells up to which rounding it to an integer matters
FEW = 40  # number of large cells up to which every integer is tried
MOST = 1e15  # number of large cells; above it, rounding to an integer does not matter, and the dual bound is met
SHARES = np.unique(np.concatenate([np.linspace(0.02, 0.98, 49), 1.0 / (1.0 + np.exp(np.linspace(-20.0, 20.0, 80)))]))
GRID_ERROR = 0.02  # nats by which the grid's minimum may be too high
ODD = np.concatenate([[0.0], np.geomspace(1e-3, 0.97, 40)])  # size of the odd cell as a share of a large one
PARTS = np.linspace(0.0, 1.0, 33)  # grid for minimising a function on an interval
CUTS = np.linspace(0.0, 1.0, 513)  # grid for locating where a condition ceases to hold

Range = tuple[Floats | float, Floats | float]


class Mixture(NamedTuple):
    """A partition of this family: sizes and numbers of the large cells, the odd one and the small ones, in nats."""

    sizes: Floats
    counts: Floats
    entropy: float
    distortion: float

    @property
    def cells(self) -> int:
        """Number of cells."""
        return int(sum(map(int, self.counts.tolist())))


class LargeAndSmall:
    """The best partitions of this family for one cell distortion.

    Parameters
    ----------
    d : callable
        d(p) for arrays of cell sizes in (0, 1].
    """

    def __init__(self, d: CellDistortion) -> None:
        self._d = d
        p = np.unique(np.concatenate([np.exp(np.arange(0.0, math.log(LEAST), -SPACING)), np.linspace(1e-3, 1.0, 3000)]))
        with np.errstate(all="ignore"):
            mean = np.asarray(d(p), dtype=np.float64) / p
        resolved = mean > 1e-290 * mean[-1]
        self._log_size, self._mean = np.log(p[resolved]), mean[resolved]
        # a nondecreasing minorant of d(p)/p, whose inverse is the largest size with at most a given mean
        self._log_least = np.log(np.minimum.accumulate(self._mean[::-1])[::-1])
        self._log_mean = PchipInterpolator(self._log_size, np.log(self._mean))
        counts = np.concatenate([np.arange(1.0, FEW + 1.0), np.round(np.geomspace(FEW + 1.0, MOST, 80))])
        self._counts = counts[:, None]

    def at_distortion(self, D: float, searched: float = 0.0) -> Mixture | None:
        """The least entropy of these partitions at distortion D, 0 < D < d(1); None if none of them reaches D.

        Also None if the best of them seem to have at most ``searched`` cells, which another search covers.
        """

        def log_small(used: Floats, remainder: Floats, large_size: Floats, fine: bool) -> Floats:
            return np.minimum(self._inverse((D - used) / remainder, fine), np.log(np.minimum(remainder, large_size)))

        def cost(large: Floats, count: Floats, odd: Floats, fine: bool) -> Floats:
            remainder, large_size = 1.0 - large - odd, large / count
            used = large * self._tabled(large_size, fine) + odd * self._tabled(odd, fine)
            return _entropy(large, count, odd) - remainder * log_small(used, remainder, large_size, fine)

        def log_number(table: Floats) -> Floats:
            # n small cells of total share 1 − m account for the entropy that the large cells do not
            return np.asarray((table - _entropy(SHARES, self._counts, np.zeros(1))) / (1.0 - SHARES))

        solution = self._least(cost, log_number, searched)
        if solution is None:
            return None
        count, large, odd = solution
        large_size, remainder = large / count, 1.0 - large - odd
        used = large * self._exact(np.array([large_size])) + odd * self._exact(np.array([odd]))
        size = math.exp(log_small(used, np.array([remainder]), np.array([large_size]), True).item())
        return self._with_whole_number(D, count, large, odd, remainder / size)

    def at_slope(self, lmbda: float, below: float = math.inf, searched: float = 0.0) -> Mixture | None:
        """The least entropy + lmbda · distortion, lmbda in nats; None if no such partition is below that value.

        Also None if those that may be below it seem to have at most ``searched`` cells, which another search covers.
        """
        price = lmbda * self._mean - self._log_size
        if not price.min() < below:  # the dual bound
            return None
        least = np.minimum.accumulate(price)

        def cost(large: Floats, count: Floats, odd: Floats, fine: bool) -> Floats:
            remainder = 1.0 - large - odd
            used = large * self._tabled(large / count, fine) + odd * self._tabled(odd, fine)
            small = np.interp(np.log(np.minimum(remainder, large / count)), self._log_size, least)
            return _entropy(large, count, odd) + lmbda * used + remainder * small

        def log_number(table: Floats) -> Floats:
            best = self._log_size[np.maximum.accumulate(np.where(price == least, np.arange(price.size), 0))]
            largest = np.log(np.minimum(1.0 - SHARES, SHARES / self._counts))
            index = np.searchsorted(self._log_size, largest, side="right") - 1
            return np.asarray(np.log(1.0 - SHARES) - best[np.maximum(index, 0)])

        solution = self._least(cost, log_number, searched, below)
        if solution is None:
            return None
        count, large, odd = solution
        remainder = 1.0 - large - odd
        largest = math.log(min(remainder, large / count))
        i = int(np.argmin(price[: max(1, int(np.searchsorted(self._log_size, largest, side="right")))]))
        low, high = self._log_size[max(i - 2, 0)], min(self._log_size[min(i + 2, price.size - 1)], largest)
        size = math.exp(_zoomed(lambda x, _: lmbda * self._exact(np.exp(x)) - x, (low, max(low, high)))[0].item())
        options = []
        for number in {max(1.0, float(np.floor(remainder / size))), float(np.ceil(remainder / size))}:

            def total(share: Floats, _: Floats, number: float = number) -> Floats:
                small_share = 1.0 - share - odd
                used = share * self._exact(share / count) + odd * self._exact(np.full(share.shape, odd))
                small = small_share * (lmbda * self._exact(small_share / number) - np.log(small_share / number))
                return _entropy(share, np.array(count), np.full(share.shape, odd)) + lmbda * used + small

            margin = min(0.5, 4.0 / number) if number < COUNTED else 1e-9
            ends = large * (1.0 - margin), min(large * (1.0 + margin), 1.0 - odd - 1e-15)
            best, _, value = _zoomed(total, ends)
            options.append((value.item(), number, best.item()))
        lowest, number, large = min(options)
        return self._mixture(count, large, odd, number) if lowest < below else None

    def best_size(self, lmbda: float) -> float:
        """The cell size p that minimises −ln p + lmbda · d(p)/p: about 1/K for the best K equal cells."""
        return float(np.exp(self._log_size[np.argmin(lmbda * self._mean - self._log_size)]))

    def _inverse(self, mean: Floats, fine: bool) -> Floats:
        """ln p of the largest cell with this d(p)/p, or −inf, which makes the cost infinite, if there is none."""
        with np.errstate(all="ignore"):
            y = np.log(mean)
            x = np.interp(y, self._log_least, self._log_size)
            if fine:  # a Newton step from the linear interpolation
                step = (y - self._log_mean(x)) / self._log_mean(x, 1)
                x = np.minimum(x + np.clip(np.nan_to_num(step), -SPACING, SPACING), 0.0)
        return np.where(y >= self._log_least[0], x, -np.inf)

    def _tabled(self, p: Floats, fine: bool) -> Floats:
        """d(p)/p interpolated in the table: linearly for a scan of many p, by cubics (``fine``) near the minimum."""
        with np.errstate(all="ignore"):
            x = np.maximum(np.log(p), self._log_size[0])
            return np.asarray(np.exp(self._log_mean(x)) if fine else np.interp(x, self._log_size, self._mean))

    def _exact(self, p: Floats) -> Floats:
        inside = np.where(p > 0.0, p, 1.0)
        return np.where(p > 0.0, np.asarray(self._d(inside.ravel())).reshape(p.shape) / inside, 0.0)

    def _least(
        self,
        cost: Callable[..., Floats],
        log_number: Callable[[Floats], Floats],
        searched: float,
        below: float = math.inf,
    ) -> tuple[float, float, float] | None:
        """K, m and c of the least cost: first without an odd cell on a grid, then near its best points with one.

        ``log_number`` bounds the logarithm of the number of small cells from above, given the costs on the grid.
        """
        with np.errstate(all="ignore"):
            table = cost(SHARES[None, :], self._counts, np.zeros((1, 1)), False)
        table = np.where(np.isfinite(table), table, np.inf)
        ranked = np.argsort(table.min(axis=1), kind="stable")[:3]
        least = table.min()
        if not least < np.inf:
            return None
        if searched:
            many = log_number(table) > math.log(searched)
            if np.min(table[many], initial=np.inf) > min(least, below) + GRID_ERROR:
                return None
        counts = np.unique(np.maximum(1.0, self._counts[ranked] + np.array([-1.0, 0.0, 1.0])))
        best = self._near(cost, counts)

        def of_any_number(log_share: Floats, log_count: Floats) -> Floats:
            return cost(np.exp(log_share), np.exp(log_count), np.zeros(1), True)

        # where there are many large cells, the grid's best count may be off by a few
        share, count = math.log(best[1]), math.log(best[3])
        ranges = (share - 1.5, min(share + 1.5, -1e-12)), (max(0.0, count - 1.5), count + 1.5)
        count = math.exp(_zoomed(of_any_number, *ranges)[1].item())
        new_counts = np.setdiff1d(np.maximum(1.0, [np.floor(count), np.ceil(count)]), counts)
        if new_counts.size:
            best = min(best, self._near(cost, new_counts))
        value, large, odd, count = best
        return (count, large, odd) if value < np.inf else None

    def _near(self, cost: Callable[..., Floats], counts: Floats) -> tuple[float, float, float, float]:
        """Least cost over the given numbers K of large cells, with the share m, the odd cell's size c and K.

        Each K is scanned on a grid, and refined near the grid's best points.
        """

        def total(count: Floats, share: Floats, ratio: Floats, fine: bool = True) -> Floats:
            odd = ratio * share / count
            return cost(share, count, np.where(share + odd < 1.0, odd, np.nan), fine)

        count = counts[:, None, None]
        with np.errstate(all="ignore"):
            table = total(count, SHARES[:, None], ODD, False)
        table = np.where(np.isfinite(table), table, np.inf)
        k, j = np.divmod(table.reshape(counts.size, -1).argmin(axis=1), ODD.size)
        share, odd, value = _zoomed(partial(total, count), _beside(SHARES, table[:, :, 0].argmin(axis=1)))
        with_odd = np.flatnonzero(j)
        if with_odd.size:
            ranges = _beside(SHARES, k[with_odd]), _beside(ODD, j[with_odd])
            new_share, ratio, new_value = _zoomed(partial(total, count[with_odd]), *ranges)
            better = new_value < value[with_odd]
            share[with_odd] = np.where(better, new_share, share[with_odd])
            odd[with_odd] = np.where(better, ratio * new_share / counts[with_odd], 0.0)
            value[with_odd] = np.where(better, new_value, value[with_odd])
        i = int(np.argmin(value))
        return float(value[i]), float(share[i]), float(odd[i]), float(counts[i])

    def _with_whole_number(self, D: float, count: float, large: float, odd: float, number: float) -> Mixture | None:
        """The better of the two adjacent integers of small cells, with the large cells resized to meet D."""

        def feasible(share: Any, n: Any) -> NDArray[np.bool_]:
            return self._distortion(count, *np.broadcast_arrays(share, odd, n)) <= D * (1.0 + ROUNDING)

        # the number comes from the table, which is inaccurate where it is steep
        factors = np.array([1.01, 1.3, 4.0, 100.0])
        enough = factors[feasible(large, number * factors)]
        if enough.size == 0:
            return None
        number = -_last(lambda x: feasible(large, -x), -number * enough[0], -0.5 * number)
        options = []
        for whole in {max(1.0, float(np.floor(number))), float(np.ceil(number))}:
            low, high = large * 0.9, min(large * 1.1, 1.0 - odd - 1e-15)
            if feasible(np.array([low]), whole)[0]:
                share = _last(partial(feasible, n=whole), low, high)
                options.append(self._mixture(count, share, odd, whole))
        return min(options, key=lambda option: option.entropy, default=None)

    def _distortion(self, count: float, large: Floats, odd: Floats, number: Floats) -> Floats:
        """Σ d of ``count`` cells of total share ``large``, the odd one, and ``number`` small ones."""
        remainder = 1.0 - large - odd
        mean = self._exact(np.stack([large / count, odd, remainder / number]))
        return np.asarray(large * mean[0] + odd * mean[1] + remainder * mean[2])

    def _mixture(self, count: float, large: float, odd: float, number: float) -> Mixture:
        remainder = 1.0 - large - odd
        sizes, counts = np.array([large / count, odd, remainder / number]), np.array([count, float(odd > 0.0), number])
        mean = self._exact(sizes)
        logs = np.where(
            sizes > 0.5, np.log1p(-np.where(sizes > 0.5, odd + remainder, 0.0)), np.log(np.maximum(sizes, LEAST))
        )
        shares = np.array([large, odd, remainder])
        return Mixture(sizes, counts, float(-np.sum(shares * logs)), float(np.sum(shares * mean)))


def _entropy(large: Floats, count: Floats, odd: Floats) -> Floats:
    """The share of the entropy due to the large cells and the odd one."""
    return -large * np.log(large / count) - odd * np.log(np.where(odd > 0.0, odd, 1.0))


def _last(holds: Callable[[Floats], NDArray[np.bool_]], low: float, high: float) -> float:
    """The largest number in [low, high] up to which a condition holds, by repeatedly cutting the interval into 512."""
    for _ in range(6):
        x = low + (high - low) * CUTS
        fails = np.flatnonzero(~holds(x[1:-1]))
        i = int(fails[0]) if fails.size else CUTS.size - 2
        low, high = float(x[i]), float(x[i + 1])
    return low


def _beside(grid: Floats, i: NDArray[np.intp]) -> Range:
    """The interval between the two neighbours of each grid point."""
    return grid[np.maximum(i - 1, 0)], grid[np.minimum(i + 1, grid.size - 1)]


def _zoomed(
    function: Callable[[Floats, Floats], Floats], x_range: Range, y_range: Range = (0.0, 0.0)
) -> tuple[Floats, Floats, Floats]:
    """Minimisers of a function in rectangles, and its minima: the best point of a grid, refined repeatedly.

    The function evaluates all rectangles at once, along the first axis of its arguments.
    """
    x_low, x_high, y_low, y_high = np.broadcast_arrays(np.atleast_1d(x_range[0]), x_range[1], *y_range)
    parts = PARTS[::2] if np.any(y_low < y_high) else PARTS[:1]
    rows = np.arange(x_low.size)
    best_x, best_y, least = np.zeros(rows.size), np.zeros(rows.size), np.full(rows.size, np.inf)
    for _ in range(6):
        x, y = x_low[:, None] + (x_high - x_low)[:, None] * PARTS, y_low[:, None] + (y_high - y_low)[:, None] * parts
        with np.errstate(all="ignore"):
            values = function(x[:, :, None], y[:, None, :])
        values = np.where(np.isfinite(values), values, np.inf).reshape(rows.size, -1)
        i, j = np.divmod(values.argmin(axis=1), parts.size)
        lowest = values.min(axis=1)
        better = lowest < least
        best_x, best_y = np.where(better, x[rows, i], best_x), np.where(better, y[rows, j], best_y)
        least = np.where(better, lowest, least)
        x_low, x_high = x[rows, np.maximum(i - 2, 0)], x[rows, np.minimum(i + 2, PARTS.size - 1)]
        y_low, y_high = y[rows, np.maximum(j - 2, 0)], y[rows, np.minimum(j + 2, parts.size - 1)]
    return best_x, best_y, least

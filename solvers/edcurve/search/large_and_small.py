"""Partitions into a few equal large cells, any number of equal small ones and perhaps one cell between.

Where δ has a plateau, a cell costs little more than a smaller one. So one large cell, or 26, and a billion small ones
may be best, more than a search over cells can hold. In this family the entropy is a function of three numbers: the
count K of the large cells, the share m of the phase that they have, and the size c of the odd cell. The small cells,
n of them, share what is left.
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

LEAST = 1e-300  # size of cells that can be counted
SPACING = 0.06  # of ln p in the table
COUNTED = 1e9  # small cells up to which it matters that their number is whole
FEW = 40  # large cells up to which every number is tried
MOST = 1e15  # large cells: beyond, that their number is whole does not matter, and the dual bound is met
SHARES = np.unique(np.concatenate([np.linspace(0.02, 0.98, 49), 1.0 / (1.0 + np.exp(np.linspace(-20.0, 20.0, 80)))]))
WORSE = 0.02  # nats by which the grid may be off
ODD = np.concatenate([[0.0], np.geomspace(1e-3, 0.97, 40)])  # size of the odd cell as a share of a large one
PARTS = np.linspace(0.0, 1.0, 33)  # a grid of a stretch, where a function is least
CUTS = np.linspace(0.0, 1.0, 513)  # the same, where a condition stops to hold

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
        known = mean > 1e-290 * mean[-1]
        self._log_size, self._mean = np.log(p[known]), mean[known]
        # that of the largest cell with at most some mean, where that does not rise all the way
        self._log_least = np.log(np.minimum.accumulate(self._mean[::-1])[::-1])
        self._log_mean = PchipInterpolator(self._log_size, np.log(self._mean))
        counts = np.concatenate([np.arange(1.0, FEW + 1.0), np.round(np.geomspace(FEW + 1.0, MOST, 80))])
        self._counts = counts[:, None]

    def at_distortion(self, D: float, searched: float = 0.0) -> Mixture | None:
        """The least entropy of these partitions at distortion D, 0 < D < d(1); None if none has it.

        None too if the best of them seem to have no more than that many cells which were searched.
        """

        def log_small(given: Floats, rest: Floats, each: Floats, fine: bool) -> Floats:
            return np.minimum(self._inverse((D - given) / rest, fine), np.log(np.minimum(rest, each)))

        def cost(large: Floats, count: Floats, odd: Floats, fine: bool) -> Floats:
            rest, each = 1.0 - large - odd, large / count
            given = large * self._tabled(each, fine) + odd * self._tabled(odd, fine)
            return _entropy(large, count, odd) - rest * log_small(given, rest, each, fine)

        def nats(table: Floats) -> Floats:
            # n small cells, that share 1 − m, have the entropy left of them
            return np.asarray((table - _entropy(SHARES, self._counts, np.zeros(1))) / (1.0 - SHARES))

        found = self._least(cost, nats, searched)
        if found is None:
            return None
        count, large, odd = found
        each, rest = large / count, 1.0 - large - odd
        given = large * self._exact(np.array([each])) + odd * self._exact(np.array([odd]))
        size = math.exp(log_small(given, np.array([rest]), np.array([each]), True).item())
        return self._with_whole_number(D, count, large, odd, rest / size)

    def at_slope(self, lmbda: float, below: float = math.inf, searched: float = 0.0) -> Mixture | None:
        """The least entropy + lmbda · distortion, lmbda in nats; None if no such partition is below that value.

        None too if those that may be seem to have no more than that many cells which were searched.
        """
        price = lmbda * self._mean - self._log_size
        if not price.min() < below:  # the dual bound
            return None
        least = np.minimum.accumulate(price)

        def cost(large: Floats, count: Floats, odd: Floats, fine: bool) -> Floats:
            rest = 1.0 - large - odd
            given = large * self._tabled(large / count, fine) + odd * self._tabled(odd, fine)
            small = np.interp(np.log(np.minimum(rest, large / count)), self._log_size, least)
            return _entropy(large, count, odd) + lmbda * given + rest * small

        def nats(table: Floats) -> Floats:
            best = self._log_size[np.maximum.accumulate(np.where(price == least, np.arange(price.size), 0))]
            most = np.log(np.minimum(1.0 - SHARES, SHARES / self._counts))
            places = np.searchsorted(self._log_size, most, side="right") - 1
            return np.asarray(np.log(1.0 - SHARES) - best[np.maximum(places, 0)])

        found = self._least(cost, nats, searched, below)
        if found is None:
            return None
        count, large, odd = found
        rest = 1.0 - large - odd
        most = math.log(min(rest, large / count))
        i = int(np.argmin(price[: max(1, int(np.searchsorted(self._log_size, most, side="right")))]))
        low, high = self._log_size[max(i - 2, 0)], min(self._log_size[min(i + 2, price.size - 1)], most)
        size = math.exp(_zoomed(lambda x, _: lmbda * self._exact(np.exp(x)) - x, (low, max(low, high)))[0].item())
        options = []
        for number in {max(1.0, float(np.floor(rest / size))), float(np.ceil(rest / size))}:

            def total(share: Floats, _: Floats, number: float = number) -> Floats:
                left = 1.0 - share - odd
                given = share * self._exact(share / count) + odd * self._exact(np.full(share.shape, odd))
                small = left * (lmbda * self._exact(left / number) - np.log(left / number))
                return _entropy(share, np.array(count), np.full(share.shape, odd)) + lmbda * given + small

            nearby = min(0.5, 4.0 / number) if number < COUNTED else 1e-9
            ends = large * (1.0 - nearby), min(large * (1.0 + nearby), 1.0 - odd - 1e-15)
            best, _, value = _zoomed(total, ends)
            options.append((value.item(), number, best.item()))
        lowest, number, large = min(options)
        return self._mixture(count, large, odd, number) if lowest < below else None

    def best_size(self, lmbda: float) -> float:
        """The size p of cells of least −ln p + lmbda · d(p)/p: about 1/K for the best K equal ones."""
        return float(np.exp(self._log_size[np.argmin(lmbda * self._mean - self._log_size)]))

    def _inverse(self, mean: Floats, fine: bool) -> Floats:
        """ln p of the largest cell with that d(p)/p; −inf, at a cost that is infinite, if there is none."""
        with np.errstate(all="ignore"):
            y = np.log(mean)
            x = np.interp(y, self._log_least, self._log_size)
            if fine:  # Newton's step from between two points of the table
                step = (y - self._log_mean(x)) / self._log_mean(x, 1)
                x = np.minimum(x + np.clip(np.nan_to_num(step), -SPACING, SPACING), 0.0)
        return np.where(y >= self._log_least[0], x, -np.inf)

    def _tabled(self, p: Floats, fine: bool) -> Floats:
        """d(p)/p between the points of the table: straight lines to choose from many p, cubics for the best."""
        with np.errstate(all="ignore"):
            x = np.maximum(np.log(p), self._log_size[0])
            return np.asarray(np.exp(self._log_mean(x)) if fine else np.interp(x, self._log_size, self._mean))

    def _exact(self, p: Floats) -> Floats:
        inside = np.where(p > 0.0, p, 1.0)
        return np.where(p > 0.0, np.asarray(self._d(inside.ravel())).reshape(p.shape) / inside, 0.0)

    def _least(
        self, cost: Callable[..., Floats], nats: Callable[[Floats], Floats], searched: float, below: float = math.inf
    ) -> tuple[float, float, float] | None:
        """K, m and c of the least cost: first without an odd cell on a grid, then near the best with one.

        ``nats`` says what logarithm the number of small cells has at most, from the costs on the grid.
        """
        with np.errstate(all="ignore"):
            table = cost(SHARES[None, :], self._counts, np.zeros((1, 1)), False)
        table = np.where(np.isfinite(table), table, np.inf)
        ranked = np.argsort(table.min(axis=1), kind="stable")[:3]
        least = table.min()
        if not least < np.inf:
            return None
        if searched:
            many = nats(table) > math.log(searched)
            if np.min(table[many], initial=np.inf) > min(least, below) + WORSE:
                return None
        counts = np.unique(np.maximum(1.0, self._counts[ranked] + np.array([-1.0, 0.0, 1.0])))
        best = self._near(cost, counts)

        def of_any_number(log_share: Floats, log_number: Floats) -> Floats:
            return cost(np.exp(log_share), np.exp(log_number), np.zeros(1), True)

        # the grid may be off by a few large cells of many
        share, number = math.log(best[1]), math.log(best[3])
        around = (share - 1.5, min(share + 1.5, -1e-12)), (max(0.0, number - 1.5), number + 1.5)
        number = math.exp(_zoomed(of_any_number, *around)[1].item())
        others = np.setdiff1d(np.maximum(1.0, [np.floor(number), np.ceil(number)]), counts)
        if others.size:
            best = min(best, self._near(cost, others))
        value, large, odd, count = best
        return (count, large, odd) if value < np.inf else None

    def _near(self, cost: Callable[..., Floats], counts: Floats) -> tuple[float, float, float, float]:
        """Least cost of some numbers K of large cells, with their share, the odd cell's size and K.

        Each K is looked at on a grid, and then nearby.
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
        some = np.flatnonzero(j)
        if some.size:
            around = _beside(SHARES, k[some]), _beside(ODD, j[some])
            at, ratio, other = _zoomed(partial(total, count[some]), *around)
            better = other < value[some]
            share[some] = np.where(better, at, share[some])
            odd[some] = np.where(better, ratio * at / counts[some], 0.0)
            value[some] = np.where(better, other, value[some])
        i = int(np.argmin(value))
        return float(value[i]), float(share[i]), float(odd[i]), float(counts[i])

    def _with_whole_number(self, D: float, count: float, large: float, odd: float, number: float) -> Mixture | None:
        """The better of the two whole numbers of small cells nearby, the large ones grown or shrunk to meet D."""

        def feasible(share: Any, n: Any) -> NDArray[np.bool_]:
            return self._distortion(count, *np.broadcast_arrays(share, odd, n)) <= D * (1.0 + ROUNDING)

        # the table gave the number, where it is steep not well
        more = np.array([1.01, 1.3, 4.0, 100.0])
        enough = more[feasible(large, number * more)]
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
        """Σ d of count large cells with that share, an odd one, and that number of small ones."""
        rest = 1.0 - large - odd
        mean = self._exact(np.stack([large / count, odd, rest / number]))
        return np.asarray(large * mean[0] + odd * mean[1] + rest * mean[2])

    def _mixture(self, count: float, large: float, odd: float, number: float) -> Mixture:
        rest = 1.0 - large - odd
        sizes, counts = np.array([large / count, odd, rest / number]), np.array([count, float(odd > 0.0), number])
        mean = self._exact(sizes)
        each = np.where(
            sizes > 0.5, np.log1p(-np.where(sizes > 0.5, odd + rest, 0.0)), np.log(np.maximum(sizes, LEAST))
        )
        shares = np.array([large, odd, rest])
        return Mixture(sizes, counts, float(-np.sum(shares * each)), float(np.sum(shares * mean)))


def _entropy(large: Floats, count: Floats, odd: Floats) -> Floats:
    """What the large cells and the odd one have of the entropy."""
    return -large * np.log(large / count) - odd * np.log(np.where(odd > 0.0, odd, 1.0))


def _last(holds: Callable[[Floats], NDArray[np.bool_]], low: float, high: float) -> float:
    """The last number from low up to high, where a condition stops to hold, by cuts into 512 parts."""
    for _ in range(6):
        x = low + (high - low) * CUTS
        stops = np.flatnonzero(~holds(x[1:-1]))
        i = int(stops[0]) if stops.size else CUTS.size - 2
        low, high = float(x[i]), float(x[i + 1])
    return low


def _beside(grid: Floats, i: NDArray[np.intp]) -> Range:
    """The two neighbours of points of a grid."""
    return grid[np.maximum(i - 1, 0)], grid[np.minimum(i + 1, grid.size - 1)]


def _zoomed(
    function: Callable[[Floats, Floats], Floats], first: Range, second: Range = (0.0, 0.0)
) -> tuple[Floats, Floats, Floats]:
    """Where a function is least in rectangles, and its values: the best point of a grid, again and again nearby.

    The function takes all rectangles at once, along the first axis of its arguments.
    """
    low, high, left, right = np.broadcast_arrays(np.atleast_1d(first[0]), first[1], *second)
    parts = PARTS[::2] if np.any(left < right) else PARTS[:1]
    rows = np.arange(low.size)
    at, ratio, least = np.zeros(rows.size), np.zeros(rows.size), np.full(rows.size, np.inf)
    for _ in range(6):
        x, y = low[:, None] + (high - low)[:, None] * PARTS, left[:, None] + (right - left)[:, None] * parts
        with np.errstate(all="ignore"):
            values = function(x[:, :, None], y[:, None, :])
        values = np.where(np.isfinite(values), values, np.inf).reshape(rows.size, -1)
        i, j = np.divmod(values.argmin(axis=1), parts.size)
        lowest = values.min(axis=1)
        better = lowest < least
        at, ratio = np.where(better, x[rows, i], at), np.where(better, y[rows, j], ratio)
        least = np.where(better, lowest, least)
        low, high = x[rows, np.maximum(i - 2, 0)], x[rows, np.minimum(i + 2, PARTS.size - 1)]
        left, right = y[rows, np.maximum(j - 2, 0)], y[rows, np.minimum(j + 2, parts.size - 1)]
    return at, ratio, least

"""Cells whose costs are below the rounding of the dynamic programme's running total: solved separately, and merged.

A running total of size 1 loses costs below 1e-16. There a split that raises the value is a tie, or even a gain. Both
remedies below compute with a few cells alone.

*Merging.* Let two neighbours have masses p ≤ q, r = p/q, and means Δ apart. Their union does not cost more where

    λ ‖Δ‖² ≤ G(r) = (1 + r) [ln(1 + r) − ln r + ln(1 + r)/r],

for h(p) + h(q) − h(p + q) and pq/(p + q) ‖Δ‖² have the quotient G(r). Every term is positive, so the answer is as
accurate however small the masses are. Bounds on all roundings favour the union: cells that stay apart cost less apart
in exact arithmetic, and a union costs more by no more than the rounding of its own cost.

*Solving again.* A run of cells of mass M has the cost M (H + λD) + h(M), with H and D of its points alone, weighted to
sum to 1. So the best cells of a run do not depend on M, and a problem of that run alone has a total of their own size.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from . import open_curve
from .prepared_curve import PreparedCurve

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

LIGHT = 2.0**-8  # share of the mass before it below which a run of cells is solved again
ROUNDINGS = 16.0 * open_curve.EPSILON  # of sums that `math.fsum` rounds once, and the few operations on them


def repaired(curve: PreparedCurve, x: Array, lmbda: float, boundaries: Ints, closed: bool) -> Ints:
    """Return a partition of no larger value that no merge of adjacent cells improves; `boundaries` if it is one.

    `x` has the points in the coordinates used for segmenting.
    """
    if not mergeable(curve.x, curve.weight, lmbda, boundaries, closed).size:
        return boundaries
    n, turn = curve.weight.size, 0
    if closed:  # begin with the heaviest cell: a cell light relative to it is light relative to all before it
        first = int(boundaries[0])
        mass = np.add.reduceat(np.roll(curve.weight, -first), boundaries - first)
        turn = int(boundaries[np.argmax(mass)])
    starts = np.sort((boundaries - turn) % n)
    starts = solved_again(np.roll(x, -turn, axis=0), np.roll(curve.weight, -turn), lmbda, starts)
    return merged(curve.x, curve.weight, lmbda, np.sort((starts + turn) % n), closed)


def solved_again(x: Array, w: Array, lmbda: float, starts: Ints) -> Ints:
    """Solve separately each run of cells that is light relative to all before it, and recursively its light runs."""
    before = np.append(0.0, np.cumsum(np.add.reduceat(w, starts)))
    ends = np.append(starts, w.size)
    pieces, done = [], 0
    for first in np.flatnonzero(np.diff(before) < LIGHT * before[:-1]).tolist():
        if first < done:
            continue
        # as many cells as are light together; the first is
        last = max(int(np.searchsorted(before, before[first] * (1.0 + LIGHT))) - 1, first + 1)
        begin, end = int(ends[first]), int(ends[last])
        pieces += [starts[done:first], begin + alone(x[begin:end], w[begin:end], lmbda)]
        done = last
    return np.concatenate([*pieces, starts[done:]])


def alone(x: Array, w: Array, lmbda: float) -> Ints:
    """Solve the problem of these points alone, from their lighter end, where totals are as small as costs."""
    w = w / w.max()
    w /= w.sum()
    half = w.size // 2
    if float(w[:half].sum()) <= float(w[half:].sum()):
        return _forward(x, w, lmbda)
    starts = _forward(x[::-1], w[::-1], lmbda)
    return w.size - np.append(starts[1:], w.size)[::-1]


def _forward(x: Array, w: Array, lmbda: float) -> Ints:
    x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
    return solved_again(x, w, lmbda, open_curve.sweep(x, w, [lmbda], lambda _: None)[0])


def merged(x: Array, w: Array, lmbda: float, boundaries: Ints, closed: bool) -> Ints:
    """Merge disjoint pairs of adjacent cells, repeatedly, until every union costs more than its two cells."""
    while True:
        merges = mergeable(x, w, lmbda, boundaries, closed).tolist()
        if not merges:
            return boundaries
        dropped: set[int] = set()
        for k in [*(k for k in merges if k > 0), *(k for k in merges if k == 0)]:
            # each cell is merged once per sweep: the union is a new cell, to be compared again
            if not {(k - 1) % boundaries.size, (k + 1) % boundaries.size} & dropped:
                dropped.add(k)
        boundaries = np.delete(boundaries, sorted(dropped))


def mergeable(x: Array, w: Array, lmbda: float, boundaries: Ints, closed: bool) -> Ints:
    """Find the cells whose union with the previous cell costs no more; on an open curve the first has none."""
    cells, turn = boundaries.size, int(boundaries[0])
    if cells == 1:
        return np.zeros(0, np.int64)
    x, w, starts = np.roll(x, -turn, axis=0), np.roll(w, -turn), boundaries - turn
    chosen = _doubtful(x, w, lmbda, starts, closed)
    ends = np.append(starts, w.size).tolist()

    def cell(k: int) -> slice:
        return slice(ends[k % cells], ends[k % cells + 1])

    certain = [k for k in chosen.tolist() if _union_is_best(x, w, lmbda, cell(k - 1), cell(k))]
    return np.array(certain, dtype=np.int64)


def _doubtful(x: Array, w: Array, lmbda: float, starts: Ints, closed: bool) -> Ints:
    """Find the cells that may cost no more in a union with the previous one, given the rounding of these sums."""
    rounding, counts = open_curve.slack(x), np.diff(np.append(starts, w.size))
    mass = np.add.reduceat(w, starts)
    origin = x[starts]
    x = x - np.repeat(origin, counts, axis=0)
    w = w / np.repeat(np.maximum.reduceat(w, starts), counts)  # products with tiny weights would vanish
    own = np.add.reduceat(w, starts)
    mean = np.add.reduceat(w[:, None] * x, starts, axis=0) / own[:, None]
    radius = np.add.reduceat(w * np.sqrt((x * x).sum(axis=1)), starts) / own
    step = origin - np.roll(origin, 1, axis=0)
    apart = np.sqrt(((step + (mean - np.roll(mean, 1, axis=0))) ** 2).sum(axis=1))
    error = rounding * (radius + np.roll(radius, 1) + np.sqrt((step * step).sum(axis=1)))
    other = np.roll(mass, 1)
    ratio = np.minimum(mass, other) / np.maximum(mass, other)
    least = lmbda * np.maximum(apart - error, 0.0) ** 2
    doubtful = np.flatnonzero(least <= gain(ratio) * (1.0 + 4.0 * rounding))
    return doubtful if closed else doubtful[doubtful > 0]


def gain(ratio: Array) -> Array:
    """G(r): the λ ‖Δ‖² at which a union costs as much as its two cells, as a function of their mass ratio r ≤ 1."""
    grown = np.log1p(ratio)
    return np.asarray((1.0 + ratio) * ((grown - np.log(ratio)) + grown / ratio))


def _union_is_best(x: Array, w: Array, lmbda: float, before: slice, after: slice) -> bool:
    """Decide whether the union of two cells costs no more, by sums that are rounded once."""
    origin = x[after.start]
    masses, means, radii = [], [], []
    for cell in (before, after):
        share = w[cell] / w[cell].max()
        mass = math.fsum(share.tolist())
        moments = (share[:, None] * (x[cell] - origin)).T
        means.append(np.array([math.fsum(row) for row in moments.tolist()]) / mass)
        radii.append(np.array([math.fsum(row) for row in np.abs(moments).tolist()]) / mass)
        masses.append(math.fsum(w[cell].tolist()))
    error = ROUNDINGS * float(np.linalg.norm(radii[0] + radii[1]))
    apart = max(float(np.linalg.norm(means[1] - means[0])) - error, 0.0)
    ratio = np.array([min(masses) / max(masses)])
    return bool(lmbda * apart * apart <= float(gain(ratio)[0]) * (1.0 + ROUNDINGS * (1.0 + x.shape[1])))

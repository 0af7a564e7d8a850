"""Whether points are a loop or a curve with two ends, if the caller does not tell.

Scalars are open: no loop on a line is stationary, and samples to be quantised have a least and a greatest.
Points of two or more coordinates are a loop if the last is as near to the first as neighbours are, by a quantile of
their distances, or as at least three pairs of them: a jump in a waveform passes few samples. This test fails where
neighbours are as far apart as any two points. For points in random order the mean squared step is twice the variance
[von Neumann 1941]; where it exceeds the variance, a loop must have equal steps, as a stationary one has.

J. von Neumann, "Distribution of the ratio of the mean square successive difference to the variance", Ann. Math.
Statist. 12 (1941), 367–395.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST = 2**23  # numbers that are examined
LONG = 0.9  # quantile that defines a long step: noise and unequal speed lengthen some
NEAR = 1.5  # longest step from the last point to the first on a loop, in long steps, …
JUMPS = 3  # … or it is at most the third longest step: a jump of a waveform passes few samples
EQUAL = 0.25  # largest deviation of equal steps from their median, as a share of it
DOUBTFUL = 0.2  # share of the standard deviation: the ends may be meant to meet if they are nearer

REPEATED = 1e-6  # share of a typical step: a last point this near to the first repeats it

CLOSED = "closed=True"  # in a warning, where commands insert their option
NEARLY = (
    f"the last point is near the first, but neighbours are nearer, so it was taken for an end: {CLOSED} is for loops"
)
TWICE = "the last point repeats the first, which counts twice so: leave it out of a loop"


class Ends(NamedTuple):
    """Whether points are taken as a loop, and a warning about that, if any."""

    closed: bool
    doubt: str | None


def settled(points: Array, closed: Any) -> Ends:
    """Decide for finite points of shape (N, dim): by `closed`, or from the points if it is None."""
    if closed is not None:
        if not isinstance(closed, bool | np.bool_):
            raise TypeError(f"closed must be True or False, got {closed!r}")
        return Ends(bool(closed), None)
    if points.shape[1] < 2 or len(points) <= JUMPS:
        return Ends(False, None)
    steps, gap, variance = _measured(points)
    middle, long = float(np.median(steps)), NEAR * float(np.quantile(steps, LONG))
    if not steps @ steps <= variance * steps.size:
        return Ends(bool((np.abs(np.append(steps, gap) - middle) <= EQUAL * middle).all()), None)
    long = max(long, float(np.partition(steps, -JUMPS)[-JUMPS]))
    if long == 0.0:
        return Ends(False, None)
    if gap <= long:
        return Ends(True, TWICE if gap <= REPEATED * middle else None)
    return Ends(False, NEARLY if gap * gap <= DOUBTFUL**2 * variance else None)


def _measured(points: Array) -> tuple[Array, float, float]:
    """Steps between neighbours, the step from the last point to the first, and the variance, in a common unit."""
    last = len(points) - 1
    chosen = np.unique(np.linspace(0, last - 1, min(last, max(MOST // points.shape[1], 256))).astype(np.int64))
    moved = points[np.append(chosen, last)] - points[0]
    unit = float(np.abs(moved).max()) or 1.0  # squares may leave the range
    steps = np.linalg.norm((points[chosen + 1] - points[chosen]) / unit, axis=1)
    return steps, float(np.linalg.norm(moved[-1] / unit)), float((moved / unit).var(axis=0).sum())

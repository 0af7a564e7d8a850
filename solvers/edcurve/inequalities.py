"""Both sides of the inequalities behind E(D), Eqs. (11) and (42), for a finite union of intervals.

For the ramp and for the circle an interval of the phases is the cheapest cell of its measure. The paper
(Bhadane, Wagner, Ballé, *Do Neural Networks Compress Manifolds Optimally?*, ITW 2022, arXiv 2205.08518)
proves it as an upper bound on the energy of a cell's reproduction, which an interval meets with equality. The
functions here evaluate the two sides for any finite union S of intervals of phases, in turns, modulo 1:

    (11)  ∫₀¹ E[J_t | V ∈ S]² dt   ≤  (1/3) ((1 − μ(S))/2)²
    (42)  |E[exp(2πiV) | V ∈ S]|²  ≤  sinc²(π μ(S)),           sinc x = sin(x)/x

Endpoints are kept in double-double arithmetic, so that no accuracy of the input is lost in a sum such as
start + length or in 1 − μ(S): positions are resolved to 1e-32 of a turn.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .validation import _as_float64, _where

Floats = NDArray[np.float64]
SHORTEST = 1e-20  # turns; at a resolution of 1e-32 a shorter interval would lose relative accuracy


class Sides(NamedTuple):
    """Both sides of an inequality; ``right`` depends on the measure of S alone, and an interval attains it."""

    left: float
    right: float


class _Pieces(NamedTuple):
    """The circle cut at 0 and at every endpoint: lengths, midpoints, and a mask of the pieces in S."""

    length: Floats
    middle: Floats
    covered: NDArray[np.bool_]

    def measures(self) -> tuple[float, float]:
        """Return μ(S) and μ of its complement, each a sum of its own pieces and never 1 minus the other."""
        return float(self.length[self.covered].sum()), float(self.length[~self.covered].sum())


def ramp(intervals: ArrayLike, *, ends: bool = False) -> Sides:
    """Evaluate both sides of Eq. (11), the ramp's inequality, for a union of intervals.

    By Eq. (13), y_t = E[J_t | V ∈ S] is piecewise linear in t: as 1 − t grows it falls with slope 1 outside S
    and rises with slope (1 − μ)/μ inside, and its mean over t is 0. The integral of its square is the sum of
    (a² + ab + b²)/3 times the length over the pieces, without sampling.

    Parameters
    ----------
    intervals : array_like, shape (n, 2)
        Pairs (start, length), or (start, end) with ``ends``, in turns. Starts are reduced modulo 1;
        intervals may wrap, touch, overlap, be nested or repeated. A length of 0 adds nothing, and a length of
        1 or more is the whole circle. Other lengths are at least 1e-20.
    ends : bool, optional
        The second column is the interval's end. An end before the start wraps around: (0.9, 0.2) is
        (0.9, 1.2). Where the two differ by a negative integer the interval is a point.

    Returns
    -------
    Sides
        ``left``, ∫₀¹ E[J_t | V ∈ S]² dt, and ``right``, (1 − μ(S))²/12.

    Raises
    ------
    TypeError
        If ``intervals`` does not hold real numbers.
    ValueError
        If ``intervals`` has another shape, a value that is not finite, a length that is negative or between
        0 and 1e-20, or if the union has measure 0, where the conditional expectation is not defined.

    Notes
    -----
    The cost is O(n log n). The relative error is a few units in the last place for one interval of any length,
    and below 1e-12 for several intervals, unless ``left`` is much smaller than ``right`` by cancellation, as for
    very many equally spaced arcs.

    Examples
    --------
    >>> from edcurve import inequalities
    >>> sides = inequalities.ramp([(0.0, 0.25), (0.5, 0.25)])
    >>> f"{sides.left:.6f} <= {sides.right:.6f}"
    '0.005208 <= 0.020833'
    """
    pieces = _cut(intervals, ends)
    measure, gap = pieces.measures()
    rise = np.where(pieces.covered, pieces.length / measure * gap, -pieces.length)
    knots = np.concatenate(([0.0], np.cumsum(rise)))
    knots -= (pieces.length * (knots[:-1] + knots[1:])).sum() / 2
    a, b = knots[:-1], knots[1:]
    left = (pieces.length * (a * a + a * b + b * b)).sum() / 3
    return Sides(float(left), gap * gap / 12)


def circle(intervals: ArrayLike, *, ends: bool = False) -> Sides:
    """Evaluate both sides of Eq. (42), the circle's inequality, for a union of intervals.

    The paper measures arcs in radians; here μ(S) is in turns, so that its sinc²(μ/2) is sinc²(πμ).

    Parameters
    ----------
    intervals : array_like, shape (n, 2)
        Pairs (start, length), or (start, end) with ``ends``, in turns, as for `ramp`.
    ends : bool, optional
        The second column is the interval's end, as for `ramp`.

    Returns
    -------
    Sides
        ``left``, the squared modulus of ∫_S exp(2πiv) dv over μ(S)², and ``right``, sinc²(π μ(S)).

    Raises
    ------
    TypeError, ValueError
        As for `ramp`.

    Notes
    -----
    The integral over S is minus the integral over its complement, and the one over the smaller set is summed, so
    that both sides keep their relative accuracy as μ(S) tends to 1. The arcs' resultants may cancel (two opposite
    arcs of equal length give 0); the error of √left is then of the order of 1e-16 √right.

    Examples
    --------
    >>> from edcurve import inequalities
    >>> sides = inequalities.circle([(0.9, 0.3)], ends=True)
    >>> f"{sides.left:.6f} <= {sides.right:.6f}"
    '0.572787 <= 0.572787'
    """
    pieces = _cut(intervals, ends)
    measure, gap = pieces.measures()
    part = pieces.covered if measure <= gap else ~pieces.covered
    chords = np.sin(np.pi * pieces.length[part]) / np.pi
    resultant = abs((chords * np.exp(2j * np.pi * pieces.middle[part])).sum()) / measure
    sinc = math.sin(math.pi * min(measure, gap)) / (math.pi * measure)
    return Sides(float(resultant) ** 2, sinc**2)


def _cut(intervals: ArrayLike, ends: bool) -> _Pieces:
    """Cut the circle at 0 and at the endpoints; a piece is covered if more starts than stops precede it."""
    start, stop, whole = _endpoints(*_pairs(intervals, ends), ends)
    if whole:
        return _Pieces(np.array([1.0]), np.array([0.5]), np.array([True]))
    hi, lo = np.concatenate((start, stop), axis=1)
    order = np.lexsort((lo, hi))
    hi, lo = np.pad(hi[order], 1, constant_values=(0, 1)), np.pad(lo[order], 1)
    wraps = (stop[0] < start[0]) | ((stop[0] == start[0]) & (stop[1] < start[1]))
    depth = np.cumsum(np.concatenate(([wraps.sum()], np.where(order < start.shape[1], 1, -1))))
    length = np.diff(hi) + np.diff(lo)
    return _Pieces(length, hi[:-1] + length / 2, depth > 0)


def _endpoints(first: Floats, second: Floats, ends: bool) -> tuple[Floats, Floats, bool]:
    """Return starts and stops in [0, 1), (2, n) double-doubles of nonempty intervals, and whether S is the circle."""
    with np.errstate(over="ignore", invalid="ignore"):  # an infinite length is the whole circle, like any above 1
        length, error = _two_sum(second, -first) if ends else (second, np.zeros_like(second))
    if np.any((length > 1) | ((length == 1) & (error >= 0))):
        return np.empty((2, 0)), np.empty((2, 0)), True
    start = _modulo_one(first, np.zeros_like(first))
    stop = _modulo_one(second, np.zeros_like(second)) if ends else _modulo_one(*_two_sum(first, second))
    kept = (start != stop).any(axis=0)
    if not kept.any():
        raise ValueError("intervals must have a union of positive measure, got intervals of length 0 only")
    return start[:, kept], stop[:, kept], False


def _modulo_one(hi: Floats, lo: Floats) -> Floats:
    """Reduce the double-double hi + lo to [0, 1); a number just below 1 may have 1.0 as its leading part."""
    fraction, error = _two_sum(hi, -np.floor(hi))
    lo = lo + error
    carry = np.where(fraction == 0, np.floor(lo), 0.0)
    return np.stack(_two_sum(fraction - carry, lo))


def _two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return the rounded sum and its rounding error, which together are a + b exactly (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _pairs(intervals: ArrayLike, ends: bool) -> tuple[Floats, Floats]:
    """Check the argument and return its two columns."""
    pair = "(start, end)" if ends else "(start, length)"
    array = _as_float64("intervals", intervals)
    if array.size == 0:
        raise ValueError(f"intervals must hold at least one {pair} pair, got none: the union has measure 0")
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"intervals must be {pair} pairs, an array of shape (n, 2), got shape {array.shape}")
    if not (finite := np.isfinite(array)).all():
        raise ValueError(f"intervals must be finite, got {array[~finite][0]}{_where(~finite)}")
    if not ends and (bad := (array[:, 1] != 0) & (array[:, 1] < SHORTEST)).any():
        allowed = f"0 or at least {SHORTEST} turns"
        raise ValueError(f"intervals must have lengths of {allowed}, got {array[bad, 1][0]}{_where(bad)}")
    return array[:, 0], array[:, 1]

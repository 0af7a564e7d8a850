"""The conditions that make E(D) computable: d is a valid cell distortion, intervals are the best cells, (★) holds.

Each is checked once per source, on grids of sizes: a positive outcome is numerical evidence, not a proof.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edcurve.validation import real

from .scales import LEAST
from .triples import evaluate, rounding, worst_triple

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

order_slack = 1e-13  # tolerance of inequalities, relative to D_max: d written as p (1 − sinc²) loses 1e-16
equal_slack = 1e-9  # tolerance of equalities, relative to D_max: admits d from numerical integration
largest_hidden = 1e-3  # cell size up to which rounding errors may hide (★)


@dataclass(frozen=True)
class Condition:
    """Outcome of `check_star`.

    Attributes
    ----------
    holds : bool
        Whether (★) holds at every examined triple, by more than its numerical error.
    margin : float
        The least value minus its numerical error; NaN if errors hide all values.
    witness : tuple of float
        The sizes p₁ ≤ p₂ ≤ p₃ at which it is attained.
    method : str
        The outcome, the method, and the range of sizes.
    """

    holds: bool
    margin: float
    witness: tuple[float, float, float]
    method: str


def validate(cell_distortion: Function, max_distortion: float, *, closed: bool, name: str) -> None:
    """Reject a d that no source on a one-parameter manifold has, from its values on a fixed grid.

    d maps arrays to finite real arrays of the same shape; d(0) = 0 (its limit, where d(0) is undefined);
    d ≥ 0; d increases; d(1) = D_max; merging adjacent cells never lowers the distortion, so that
    d(p) + d(q) ≤ d(p + q); and d(p) < p D_max for small p. A closed source has δ(u) = (u d(u))″ = δ(1 − u),
    which integrates to (1 − p) d(1 − p) − p d(p) = (1 − 2p) D_max. That d(p)/p increases is not required:
    it does if δ is monotone (see `monotone_delta`), but harmonic 2 alone has d(½)/½ = d(1) > d(0.7)/0.7.

    Parameters
    ----------
    cell_distortion : callable
        d(p) for arrays of cell sizes p ∈ [0, 1].
    max_distortion : float
        D_max, the distortion of a single cell.
    closed : bool
        Whether the manifold is a closed curve.
    name : str
        Name of the source in messages.

    Raises
    ------
    TypeError
        If d is not callable, vectorised and real, or D_max is not a number.
    ValueError
        If a condition fails; the message has the p, the value and what is required.
    """
    if not callable(cell_distortion):
        raise TypeError(f"cell_distortion of {name} must be a function of the cell size, got {cell_distortion!r}")
    scale = real("max_distortion", max_distortion)
    if not 0 < scale < math.inf:
        raise ValueError(f"max_distortion of {name} must be finite and above 0, got {max_distortion!r}")
    for p, value, bad, required in _requirements(cell_distortion, scale, closed):
        if np.any(bad):
            first = int(np.argmax(bad))
            raise ValueError(f"cell_distortion of {name} is {value[first]!s} at p = {p[first]!s}; it must {required}")


def _requirements(d: Function, scale: float, closed: bool) -> Iterator[tuple[Array, Array, NDArray[np.bool_], str]]:
    """Sizes, values of d there, a mask of the wrong ones, and the requirement."""
    even = np.arange(257) / 256
    p = np.unique(np.concatenate([2.0 ** -np.arange(50), even[1:], 1 - 2.0 ** -np.arange(9, 30)]))
    value, slack = _checked(d, p), order_slack * scale
    yield p, value, ~np.isfinite(value), "be finite"
    yield p, value, value < -slack, "not be negative"
    yield p, value, (p == 1) & (np.abs(value - scale) > equal_slack * scale), f"be max_distortion = {scale!r}"
    zero, limit = _limit(d)
    yield zero, limit, ~(np.abs(limit) <= slack), "tend to 0 as p does"
    rise = np.diff(value, prepend=0.0)
    yield p, value, (rise < -slack) | ((rise <= 0) & (p > 0.01)), "be greater than at smaller p"
    yield p, value, (p == 2.0**-20) & (value > p * scale * (1 - equal_slack)), "be below p * max_distortion"
    yield from _relations(even, np.concatenate([[0.0], value[np.isin(p, even)]]), scale, closed)


def _relations(
    p: Array, value: Array, scale: float, closed: bool
) -> Iterator[tuple[Array, Array, NDArray[np.bool_], str]]:
    """Check the relations between values at evenly spaced p from 0 to 1."""
    i, j = np.nonzero(np.add.outer(p, p) <= 1)
    less = value[i + j] < value[i] + value[j] - order_slack * scale
    yield p[i + j], value[i + j], less, "not be lowered by merging cells: d(p + q) >= d(p) + d(q)"
    excess = p * value - (p * value)[::-1] - (2 * p - 1) * value[-1]
    wrong = closed & (np.abs(excess) > equal_slack * scale)
    yield p, value, wrong, "have p d(p) - (1 - p) d(1 - p) = (2 p - 1) max_distortion, as closed=True"


def _checked(function: Function, p: Array) -> Array:
    remedy = "map arrays of sizes to real arrays of the same shape: use numpy functions or numpy.vectorize"
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(function(p.copy()))
    except (TypeError, ValueError) as error:
        raise TypeError(f"cell_distortion must {remedy} (it raised: {error})") from error
    if value.shape != p.shape or value.dtype.kind not in "iuf":
        raise TypeError(f"cell_distortion must {remedy}; shape {p.shape} gave {value.shape} of {value.dtype}")
    return value.astype(np.float64)


def _limit(d: Function) -> tuple[Array, Array]:
    """Evaluate d at 0, or as close to 0 as it is defined: p² is 0 below 1e-162."""
    p, value = np.zeros(1), np.full(1, np.nan)
    for nearest in (0.0, 1e-300, 1e-150):
        p = np.array([nearest])
        with contextlib.suppress(ArithmeticError, TypeError):
            value = _checked(d, p)
        if np.isfinite(value[0]):
            break
    return p, value


def rises(values: Array, slack: float = 0.0) -> bool:
    """Whether values of δ at increasing distances never fall by more than rounding and ``slack``."""
    allowed = order_slack * np.max(np.abs(values)) + slack
    return bool(np.all(np.maximum.accumulate(values) - values <= allowed))


def monotone_delta(cell_distortion: Function, *, closed: bool, delta: Function | None = None) -> bool:
    """Whether δ(u) = (u d(u))″ is nondecreasing on [0, 1], or on [0, ½] if closed.

    Then intervals are the best cells, and d(p)/p increases; otherwise E from intervals is an upper bound.
    The check examines the steps of δ or, without it, the third differences of u d(u), at 4096 intervals and at
    all coarser spacings by powers of 2: none may be negative by more than rounding. So d need not be smooth, and
    a δ that falls by less than the rounding error passes.

    Parameters
    ----------
    cell_distortion : callable
        A valid d (see `validate`).
    closed : bool
        Whether the manifold is a closed curve.
    delta : callable, optional
        δ(u) for arrays, where it is known.

    Returns
    -------
    bool
    """
    u = np.linspace(0, 0.5 if closed else 1.0, 4097)
    if delta is not None:
        return rises(evaluate(delta, u))
    d, sizes = evaluate(cell_distortion, u[1:]), u[64::64]
    noise = max(2**-48 * np.max(np.abs(d)), 4 * np.max(rounding(cell_distortion, sizes) / sizes))
    moment = np.concatenate([[0.0], u[1:] * d])
    return all(_third_differences_rise(moment, 8 * noise * u**2, 2**k) for k in range(11))


def _third_differences_rise(values: Array, slack: Array, step: int) -> bool:
    a, b, c, d = (values[i * step : len(values) - (3 - i) * step] for i in range(4))
    return bool(np.all(d - 3 * c + 3 * b - a >= -slack[3 * step :]))


def check_star(cell_distortion: Function, *, derivative: Function | None = None) -> Condition:
    """Whether (★) holds: a dense search over triples of cell sizes for a violation, then local refinement.

    (★) says that for all p₁ ≤ p₂ ≤ p₃, not all equal, with p₁ + p₂ + p₃ ≤ 1, the second divided difference of
    g(x) = d′(eˣ) at xᵢ = ln pᵢ is positive. If δ is monotone too, the optimal partition is then biuniform.
    With mᵢⱼ the first divided differences of g, the sign is that of the scale-free value

        (m₂₃ − m₁₂) / ((|m₁₂| + |m₂₃|) (1 − p₁/p₃)),

    which tends to p w′(p) / (4 w(p)), w = p d″, where all three sizes meet. d need not be smooth.

    Parameters
    ----------
    cell_distortion : callable
        A valid d (see `validate`).
    derivative : callable, optional
        d′ for arrays. Without it, extrapolated differences of d are used, with an estimate of their error.

    Returns
    -------
    Condition
        `.holds` is True if every value exceeds its numerical error, and such errors hide (★) only for sizes
        below 0.001. So a d on the border, with values 0, does not pass, nor does one that is too noisy.

    Notes
    -----
    Sizes go down to 1e-6. Equal sizes are replaced by ones 0.1 % apart, or more where the error of the value would
    exceed (1 − p₁/p₃)²/1000. Violations confined to a narrower range are not detected. For sizes up to a third (★)
    means that g is convex, which is checked on neighbouring sizes down to 1e-300 (see `scales`), so that no partition
    is too fine. There a violation within the numerical error does not count.
    """
    margin, error, sizes, seen = worst_triple(cell_distortion, derivative)
    source = "differences of d" if derivative is None else "the derivative given"
    holds = margin > 0 and seen <= largest_hidden
    searched = f"search over triples of sizes from {seen:.1e} to 1, and of neighbouring ones from {LEAST:.0e}"
    method = f"{_outcome(margin, error, seen)}; {searched}, by {source}"
    p1, p2, p3 = (float(p) for p in sizes)
    return Condition(holds, margin, (p1, p2, p3), method)


def tolerated(outcome: Condition, tolerance: float) -> Condition:
    """The outcome for a source whose d has a relative error of ``tolerance``: (★) may fail by as much.

    Along the triples of the proof the entropy is then below that of equal sizes by at most the order of the
    tolerance, as is the effect of the error of d on E(D).
    """
    if (
        outcome.holds
        or not -tolerance < outcome.margin <= 0.0
        or outcome.method.startswith("not established: rounding")
    ):
        return outcome
    method = f"holds to the truncation error, {tolerance:.1e} of D_max; {outcome.method.partition('; ')[2]}"
    return replace(outcome, holds=True, method=method)


def _outcome(margin: float, error: float, seen: float) -> str:
    if margin + 2 * error < 0:
        return "violated"
    if seen > largest_hidden:
        return f"not established: rounding errors of d hide the condition for sizes up to {seen:.2g}"
    return "holds" if margin > 0 else "not established: within its numerical error of 0"

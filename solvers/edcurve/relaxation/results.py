"""Results of the functions of `edcurve.relaxation`. Entropies are in units of `base`, with h(p) = −p log p."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edcurve.equality import ComparedByValue

from .integers import Counts
from .solving import Array


@dataclass(frozen=True, eq=False)
class MeasureLP(ComparedByValue):
    """Result of `measure_lp`.

    Attributes
    ----------
    value : float
        Entropy of the measure: the optimum, or above it by at most `gap`.
    lmbda, mu : float
        Multipliers λ ≥ 0 and μ. h(p) − μp + λd(p) ≥ 0 at all sizes, so that μ − λD bounds E(D) from below.
    sizes, weights : ndarray, shape (n,)
        Sizes in the support of the measure, and the mass in cells of each size; n is 1 or 2.
    gap : float
        value − (μ − λD), which is 0 up to rounding.
    status : str
        "optimal", or "iteration_limit" if columns of negative reduced cost remain (for a rough d): see `gap`.
    """

    value: float
    lmbda: float
    mu: float
    sizes: Array
    weights: Array
    gap: float
    status: str


@dataclass(frozen=True, eq=False)
class IntegerProgram(ComparedByValue):
    """Result of `integer_program`: lower ≤ E(D) ≤ entropy.

    Attributes
    ----------
    sizes, counts : ndarray, shape (n,)
        The best partition into multiples of 1/grid: sizes, largest first, and numbers of cells.
    entropy, distortion : float
        Entropy and distortion of this partition, from `sizes` and `counts`; the distortion is at most D (1 + 2e-15).
    bound, gap : float
        The solver's lower bound on all partitions into multiples of 1/grid, and entropy − bound.
    lower, error : float
        The solver's lower bound on partitions of any sizes, and entropy − lower: a bound on the loss due to the grid
        and the solver. Both hold to the solver's tolerance, 1e-9 of D and 1e-9 nats.
    status : str
        "optimal", or "user_limit" if the search for the partition was cut off.
    """

    sizes: Array
    counts: Counts
    entropy: float
    distortion: float
    bound: float
    gap: float
    lower: float
    error: float
    status: str


@dataclass(frozen=True, eq=False)
class ConvexConcave(ComparedByValue):
    """Result of `convex_concave`: the best of its local solutions.

    Attributes
    ----------
    entropy, distortion : float
        Entropy and distortion of `cells`; the distortion is at most D (1 + 2e-15).
    cells : ndarray, shape (n,)
        Sizes of the nonempty cells, largest first.
    status : str
        "converged" if the last step lowered the entropy by at most 1e-11 nats; "stopped" if none of 300 steps did, or
        if a step could not be made feasible.
    """

    entropy: float
    distortion: float
    cells: Array
    status: str


@dataclass(frozen=True, eq=False)
class Sweep(ComparedByValue):
    """Result of `sweep`; all fields have the shape of `lmbda`.

    Attributes
    ----------
    lmbda : float or ndarray
        λ, in units of `base` per unit distortion.
    value : float or ndarray
        Least Σ m(−log p) + λ Σ m d(p)/p over measures: at most that of `lagrangian`, and equal where 1/p is an integer.
    entropy, distortion : float or ndarray
        Entropy and distortion of the optimal measure; value = entropy + lmbda · distortion.
    size : float or ndarray
        The size p of the cells with positive mass; the largest, if there are several.
    """

    lmbda: Any
    value: Any
    entropy: Any
    distortion: Any
    size: Any

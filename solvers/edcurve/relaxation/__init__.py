"""The same problems solved with cvxpy: independent results from solvers that share no code with the rest of edcurve.

These programs use only the cell distortion d(p) of a source, and D_max. They concern partitions into intervals, whose
distortion is Σ d(pᵢ); where δ is not monotone, other cells may be better. They need cvxpy: ``edcurve[relaxation]``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from edcurve import validation
from edcurve.sources import Source, normal, resolve

from . import concave, integers, measures
from .results import ConvexConcave, IntegerProgram, MeasureLP, Sweep
from .solving import ROUNDING, attained, self_information

__all__ = [
    "ConvexConcave",
    "IntegerProgram",
    "MeasureLP",
    "Sweep",
    "convex_concave",
    "integer_program",
    "measure_lp",
    "sweep",
]

MOST_CELLS = 200


def measure_lp(source: Source | str, distortion: float, *, base: float = 2) -> MeasureLP:
    """Least entropy over measures on cell sizes: the dual lower bound on E(D), as a linear program.

    The program is min ∫h dn subject to ∫p dn = 1, ∫d dn ≤ D over measures n ≥ 0 on (0, 1], whose counts of cells need
    not be integers. Theorems 4 and 6 are its dual. HiGHS solves it over the masses m = p n, with column generation
    until no size has a reduced cost below −1e-12 nats. Sizes are priced at 2048 points, and between them by refining
    local minima.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    distortion : float
        D > 0, finite.
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    MeasureLP
        `value` agrees with `lower_bound` to a relative 1e-10 for D/D_max from 1e-10 to 0.9999 (built-in sources).

    Raises
    ------
    ValueError, TypeError
        For invalid arguments, named in the message.
    RuntimeError
        If the solver fails; the message has its name and status.
    """
    source, D, unit = resolve(source), _positive("distortion", distortion), validation.log_base(base)
    plain, size = normal(source)
    measure = measures.least_entropy(plain.cell_distortion, D / size, size)
    value, lmbda, mu = measure.value / unit, measure.lmbda / size / unit, measure.floor / unit
    return MeasureLP(value, lmbda, mu, measure.sizes, measure.weights, value - (mu - lmbda * D), measure.status)


def integer_program(
    source: Source | str, distortion: float, *, grid: int = 120, base: float = 2, time_limit: float = 60.0
) -> IntegerProgram:
    """Enclose E(D) by mixed-integer programs over the number of cells of each size; (★) is not assumed.

    For the upper bound, sizes are multiples of 1/grid: Σ j nⱼ = grid, Σ nⱼ d(j/grid) ≤ D, with integer nⱼ. For the
    lower bound, cells are counted by the interval between multiples that contains their size. There h is replaced by
    its chord, and d by its chord minus the chord's error. The distance of this relaxation from E(D) is of second order
    in the grid's spacing. The chord's error is taken at 15 sizes in each interval, and 10 % is added. Under this
    assumption, and up to the solver's arithmetic, `lower` holds for every partition, including countable ones.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    distortion : float
        D > 0, finite. Programs are fast if D needs at most some tens of cells.
    grid : int
        N: cells are multiples of 1/N. N equal cells must reach D.
    base : float
        Base of the logarithm, above 1.
    time_limit : float
        Seconds allowed for each program (two, or three if the first partition is slightly infeasible).

    Returns
    -------
    IntegerProgram
        A partition, and lower bounds on the entropy of partitions on the grid and of all partitions.

    Raises
    ------
    ValueError, TypeError
        For invalid arguments, named in the message.
    RuntimeError
        If the solver fails or finds no partition in time; the message has its name and status.
    """
    source, D, unit = resolve(source), _positive("distortion", distortion), validation.log_base(base)
    number, seconds = _fine_enough(source, D, grid), _positive("time_limit", time_limit)
    plain, size = normal(source)
    d, level = plain.cell_distortion, D / size
    best = integers.on_grid(d, level, number, seconds)
    lower = integers.below_all(d, level, number, seconds) / unit
    entropy = math.fsum(best.counts * self_information(best.sizes)) / unit
    return IntegerProgram(
        sizes=best.sizes,
        counts=best.counts,
        entropy=entropy,
        distortion=integers.distortion_of(d, best.sizes, best.counts) * size,
        bound=best.bound / unit,
        gap=entropy - best.bound / unit,
        lower=lower,
        error=entropy - lower,
        status=best.status,
    )


def _fine_enough(source: Source, D: float, grid: int) -> int:
    """Check that ``grid`` equal cells reach D, and return their number."""
    number = validation.positive_int("grid", grid)
    if source.cell_distortion(1.0 / number) * number > D * (1.0 + ROUNDING):
        needed = math.ceil(1.0 / attained(source.cell_distortion, D))
        raise ValueError(f"grid must be at least {needed} to reach a distortion of {D!r}, got {number}")
    return number


def convex_concave(
    source: Source | str,
    distortion: float,
    *,
    cells: int | None = None,
    starts: int = 16,
    seed: int = 0,
    base: float = 2,
) -> ConvexConcave:
    """Search for the least entropy of n cells by a convex–concave procedure; (★) is not assumed.

    This is problem (2)–(4) of the paper for the ramp, that of Theorem 5 for the circle, and the like for any source:
    min Σ h(pᵢ) subject to pᵢ ≥ 0, Σ pᵢ = 1, Σ d(pᵢ) ≤ D. Each step replaces two concave functions by their tangents: h,
    and the second part of d(p) = σp²/2 + (d(p) − σp²/2), σ ≥ d″. Clarabel solves the resulting convex program, for all
    starts together. Its solution is moved towards equal cells until the evaluated Σ d(pᵢ) is at most D, and is accepted
    if the entropy falls. So every iterate is feasible, for any tolerance of the solver and any estimate of σ.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    distortion : float
        D > 0, finite, which at most 200 equal cells reach. Ten cells take a second, a hundred cells ten seconds.
    cells : int, optional
        n, at most 200. Cells may become empty. By default two more than the fewest equal cells that reach D.
    starts : int
        Number of random starts: Dirichlet sizes of concentration 0.3 to 10.
    seed : int
        Seed of the starts. The same arguments and seed give the same result.
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    ConvexConcave
        A local minimum, hence an upper bound on E(D).

    Raises
    ------
    ValueError, TypeError
        For invalid arguments, named in the message.
    RuntimeError
        If the solver fails; the message has its name and status.
    """
    source, D, unit = resolve(source), _positive("distortion", distortion), validation.log_base(base)
    shape = validation.positive_int("starts", starts), _enough(source, D, cells)
    rng = np.random.default_rng(validation.positive_int("seed", seed, 0))
    plain, size = normal(source)
    best = concave.search(plain.cell_distortion, D / size, shape, rng)
    sizes = np.sort(best.cells[best.cells > 0.0])[::-1]
    return ConvexConcave(
        entropy=math.fsum(self_information(sizes)) / unit,
        distortion=math.fsum(plain.cell_distortion(sizes)) * size,
        cells=sizes,
        status="converged" if best.settled else "stopped",
    )


def _enough(source: Source, D: float, cells: int | None) -> int:
    """Return the number of cells: the checked argument, or two more than needed."""
    count = np.arange(1, MOST_CELLS + 1)
    reached = count * source.cell_distortion(1.0 / count) <= D * (1.0 + ROUNDING)
    if not reached.any():
        raise ValueError(f"distortion must be one that {MOST_CELLS} equal cells reach, got {D!r}")
    fewest = int(np.argmax(reached)) + 1
    if cells is None:
        return min(fewest + 2, MOST_CELLS)
    number = validation.positive_int("cells", cells)
    if number > MOST_CELLS or not reached[number - 1]:
        raise ValueError(f"cells must be from {fewest} to {MOST_CELLS} for a distortion of {D!r}, got {number}")
    return number


def sweep(source: Source | str, lmbda: ArrayLike, *, base: float = 2) -> Sweep:
    """Least H + λD over measures on cell sizes at every λ: a lower bound on the Lagrangian of partitions.

    The program is min Σ m (−log p + λ d(p)/p) subject to Σ m = 1, m ≥ 0. Its costs are parameters, so it is compiled
    once; HiGHS solves it for each λ from the previous solution. Its columns are 2048 sizes, whose range contains all
    that can be optimal at λ, and refined local minima between them.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    lmbda : float or array_like
        λ ≥ 0, finite, in units of `base` per unit distortion.
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    Sweep
        Fields of the shape of `lmbda`.

    Raises
    ------
    ValueError, TypeError
        For invalid arguments, named in the message.
    RuntimeError
        If the solver fails; the message has its name and status.
    """
    source, unit = resolve(source), validation.log_base(base)
    values = validation.nonnegative("lmbda", lmbda, finite=True)
    points = np.empty((values.size, 4))
    order = np.argsort(values, axis=None)
    plain, size = normal(source)
    with np.errstate(over="ignore"):  # an overflow is refused later
        multipliers = values.ravel()[order] * unit * size
    for i, point in zip(order, measures.sweep(plain.cell_distortion, multipliers, size), strict=True):
        points[i] = point
    columns = points.T * np.array([1.0 / unit, 1.0 / unit, size, 1.0])[:, None]
    value, entropy, distortion, size = (column.reshape(values.shape) for column in columns)
    if values.ndim == 0:
        return Sweep(float(values), value.item(), entropy.item(), distortion.item(), size.item())
    return Sweep(values.copy(), value, entropy, distortion, size)


def _positive(name: str, value: Any) -> float:
    number = validation.real(name, value)
    if not 0.0 < number < math.inf:
        raise ValueError(f"{name} must be above 0 and finite, got {value!r}")
    return number

"""General search over partitions: the least entropy at a distortion, for any cell distortion.

Where the minimiser is proved biuniform, a formula gives it; this module does not assume that. It descends from
many partitions into unequal cells. So it serves sources that violate the condition for biuniformity, and is an
independent check for sources that satisfy it. The result is feasible, hence an upper bound, and stationary. It is
probably optimal, but not proved to be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from edcurve.sources.units import unit
from edcurve.validation import nonnegative, positive_int, real

from .cell_counts import MOST_CELLS, fewest_cells, uniform_cells, whole_cell
from .cell_distortion import CellDistortion, Floats, TabulatedDistortion
from .multistart import solve
from .pools import SearchTask
from .search_result import SearchResult, nonincreasing, one_cell, results_of

__all__ = [
    "SearchResult",
    "minimise_entropy",
    "minimise_entropy_many",
    "minimise_lagrangian",
    "minimise_lagrangian_many",
]


def minimise_entropy(
    d: CellDistortion,
    distortion: float,
    *,
    derivative: CellDistortion | None = None,
    max_cells: int | None = None,
    starts: int = 64,
    structured: bool = True,
    seed: int = 0,
) -> SearchResult:
    """Search for the partition of least entropy: min Σ −pᵢ ln pᵢ subject to Σ pᵢ = 1, Σ d(pᵢ) ≤ D, in nats.

    Parameters
    ----------
    d : callable
        Cell distortion d, from an array of sizes in (0, 1] to an array of distortions. It has d(0) = 0 and a
        continuous derivative; at a kink the result is only good to about 1e-6. It may be slow: a search asks
        for some 3000 values, 2000 of them in one call.
    distortion : float
        D, above 0. For D ≥ d(1) the result is one cell.
    derivative : callable, optional
        d′, in the same form. Without it, differences of ``d`` take its place. ``residual`` then shows their
        error, which affects the entropy only in second order.
    max_cells : int, optional
        Most cells to consider; by default as many as help.
    starts : int
        Number of random starts. They have at least as many cells as D requires and up to six more. Their sizes
        are drawn from Dirichlet laws of concentration 0.3 to 10, and raised to the power that meets D.
    structured : bool
        Whether to start also from n equal cells with a large one, a small one or both, from n₁ and n₂ equal
        cells, and, up to 20 cells, from the Pareto front of all partitions into multiples of 1/48.
    seed : int
        Seed of the random starts. The same arguments and seed give the same result.

    Returns
    -------
    SearchResult
        ``distortion`` is at most D (1 + 2e-15).

    Raises
    ------
    ValueError
        If D is not above 0, if ``max_cells`` or 100,000 equal cells do not reach D, or if ``d`` returns another
        shape or a value that is not finite.

    Notes
    -----
    Every start descends by sequential quadratic programming; cells that vanish are dropped. In the best
    partitions cells are then merged, split, added, removed and resized, until that no longer helps. The
    result is polished on ``d`` itself. Up to about 20 cells this has found the minimum in every case tried.
    Up to about 200 cells the random starts have up to 32 sizes, or 8 groups of equal cells. Above that, mostly
    the structured starts and the exchanges find the result. Minimisers have few distinct sizes: at most one cell
    in each stretch where the Lagrangian is concave, equal cells where it is convex.
    """
    level = real("distortion", distortion)
    return minimise_entropy_many(
        d,
        np.array([level]),
        derivative=derivative,
        max_cells=max_cells,
        starts=starts,
        structured=structured,
        seed=seed,
    )[0]


def minimise_entropy_many(
    d: CellDistortion,
    distortions: Any,
    *,
    derivative: CellDistortion | None = None,
    max_cells: int | None = None,
    starts: int = 32,
    structured: bool = True,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[SearchResult]:
    """Search at many distortions together; each also starts from the partitions of its neighbours.

    Parameters
    ----------
    distortions : array_like, shape (n,)
        Values of D, in any order.
    progress : callable, optional
        Called with the number of distortions searched so far and their total number.
    d, derivative, max_cells, starts, structured, seed
        As for `minimise_entropy`.

    Returns
    -------
    list of SearchResult
        One result for each distortion, in order. The entropy does not increase with the distortion, since a
        partition that is feasible at one distortion is feasible at a larger one.

    Raises
    ------
    ValueError
        As `minimise_entropy` does.
    """
    levels = _levels(distortions)
    whole = whole_cell(d)
    order = np.argsort(levels, kind="stable")
    rising = levels[order][levels[order] < whole]
    results = _search(d, derivative, rising, False, _options(max_cells, starts, structured, seed), progress)
    results = nonincreasing([*results, *[one_cell(whole)] * (levels.size - rising.size)])
    place = np.argsort(order, kind="stable")
    return [results[i] for i in place]


def minimise_lagrangian(
    d: CellDistortion,
    lmbda: float,
    *,
    derivative: CellDistortion | None = None,
    starts: int = 64,
    structured: bool = True,
    seed: int = 0,
) -> SearchResult:
    """Search for the partition of least Lagrangian: min Σ −pᵢ ln pᵢ + λ Σ d(pᵢ) subject to Σ pᵢ = 1, in nats.

    Parameters
    ----------
    lmbda : float
        λ in nats per unit distortion, at least 0 and finite; at 0 one cell is the answer.
    d, derivative, starts, structured, seed
        As for `minimise_entropy`. The structured starts include the optimum over multiples of 1/N, N from 256
        to 2048, by dynamic programming.

    Returns
    -------
    SearchResult
        ``value`` is the minimum found of the Lagrangian.

    Raises
    ------
    ValueError
        If λ is negative, infinite or NaN, or so large that cells would be smaller than 1e-5.
    """
    weight = np.array([real("lmbda", lmbda)])
    return minimise_lagrangian_many(d, weight, derivative=derivative, starts=starts, structured=structured, seed=seed)[
        0
    ]


def minimise_lagrangian_many(
    d: CellDistortion,
    lmbdas: Any,
    *,
    derivative: CellDistortion | None = None,
    starts: int = 32,
    structured: bool = True,
    seed: int = 0,
) -> list[SearchResult]:
    """Search at many λ together; each also starts from the partitions of its neighbours.

    Parameters
    ----------
    lmbdas : array_like, shape (n,)
        Values of λ, best sorted.
    d, derivative, starts, structured, seed
        As for `minimise_lagrangian`.

    Returns
    -------
    list of SearchResult
        One result for each λ, in order.

    Raises
    ------
    ValueError
        As `minimise_lagrangian` does.
    """
    weights = nonnegative("lmbda", lmbdas, finite=True)
    if weights.ndim != 1:
        raise ValueError(f"lmbda must be one-dimensional, got shape {weights.shape}")
    options = _options(None, starts, structured, seed)
    searched = iter(_search(d, derivative, weights[weights > 0.0], True, options))
    return [next(searched) if weight > 0.0 else one_cell(whole_cell(d)) for weight in weights.tolist()]


class _Options(NamedTuple):
    """The validated arguments that all functions of a search share."""

    max_cells: int
    starts: int
    structured: bool
    seed: int


def _options(max_cells: int | None, starts: int, structured: bool, seed: int) -> _Options:
    most = MOST_CELLS if max_cells is None else positive_int("max_cells", max_cells)
    least = 0 if structured else 1
    return _Options(most, positive_int("starts", starts, least), bool(structured), positive_int("seed", seed, 0))


def _levels(distortions: Any) -> Floats:
    levels = nonnegative("distortions", distortions)
    if levels.ndim != 1:
        raise ValueError(f"distortions must be one-dimensional, got shape {levels.shape}")
    if not (levels > 0).all():
        raise ValueError("distortions must be above 0: at 0 the entropy is infinite")
    return levels


def _search(
    d: CellDistortion,
    derivative: CellDistortion | None,
    parameter: Floats,
    lagrangian: bool,
    options: _Options,
    progress: Callable[[int, int], None] | None = None,
) -> list[SearchResult]:
    """Search at each distortion or, if ``lagrangian``, at each λ of ``parameter``."""
    if parameter.size == 0:
        return []
    size = unit(whole_cell(d))
    if lagrangian:
        fewest, scaled = np.array([uniform_cells(d, lmbda) for lmbda in parameter.tolist()]), parameter * size
    else:
        fewest, scaled = fewest_cells(d, parameter, options.max_cells), parameter / size
    table = TabulatedDistortion(
        _divided(d, size), _divided(derivative, size) if derivative else None, 1 / float(fewest.max())
    )
    most = np.full(fewest.shape, options.max_cells)
    task = SearchTask(table, scaled, fewest, most, lagrangian, options.starts, options.structured)
    return _multiplied(results_of(table, solve(task, options.seed, progress)), size)


def _divided(function: CellDistortion, size: float) -> CellDistortion:
    return function if size == 1.0 else lambda p: np.asarray(function(p)) / size


def _multiplied(results: list[SearchResult], size: float) -> list[SearchResult]:
    return [replace(one, distortion=one.distortion * size, lmbda=one.lmbda / size) for one in results]

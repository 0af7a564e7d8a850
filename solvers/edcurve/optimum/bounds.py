"""Upper and lower bounds on E(D)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import progress, validation
from edcurve.kernels import biuniform, functions, loops
from edcurve.sources import BOUND, Source, Surface, resolve, units
from edcurve.sources.protocol import once_for_each

from . import enclosed, envelopes
from .evaluation import evaluate
from .partitions import GroupedPartition, ListedPartition, Partition

if TYPE_CHECKING:
    from edcurve.search.large_and_small import LargeAndSmall, Mixture

Array = NDArray[np.float64]
SEARCHED = 2000
LEAST = 1e-300  # smallest cells whose number fits into a double
SMALLEST = 16.0  # −ln p of the smallest size of a grid
FINENESS = 1e-3  # its spacing in ln p
SLOPES = 500  # number of λ at which a bound is computed


def upper_bound(source: Source | str, distortion: ArrayLike, *, base: float = 2) -> Any:
    """Entropy of the best known partition into intervals at each distortion.

    Where biuniform partitions are optimal this is E(D) itself, by the same code as `entropy_distortion`. Elsewhere
    it is the best of the biuniform partition, of partitions into a few equal large cells, any number of equal small
    cells and one more, and, up to 2000 cells, of a seeded search from many unequal starts: achievable, but not proved
    optimal.

    For a torus it is the entropy of the best code with the cells of a lattice, up to 4096, or with products of cells of
    the circles, equal cells on one circle and biuniform cells on the other. For the sphere in R³ the code is the best
    of a table from a search, or two caps for D ≥ ¾. Codes of rotations and of spheres of 3 to 16 dimensions are
    searched at the first call, which takes about ten seconds. They have at most about 128 cells; their entropy and
    distortion are upper ends of intervals of three standard errors.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    distortion : float or array_like
        D ≥ 0.
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    float or ndarray
        The bound, of the shape of `distortion`; 0 from D_max on, inf at 0.

    Raises
    ------
    ValueError, TypeError
        For invalid arguments, named in the message.
    """
    resolved = resolve(source, surfaces=True)
    if isinstance(resolved, Surface):
        return enclosed.upper_bound(resolved, distortion, base)
    unit = validation.log_base(base)
    if resolved.status != BOUND:
        return evaluate(functions.entropy, resolved, distortion, unit)
    return validation.elementwise(
        "distortion",
        distortion,
        lambda D: _searched(resolved, np.array([D])).item() / unit,
        lambda D: _searched(resolved, D) / unit,
    )


def _searched(source: Source, distortion: Array) -> Array:
    """The best of simple and searched partitions; searches at neighbouring distortions exchange starts."""
    source, size = units.normal(source)
    distortion = units.divided(distortion, size)
    result = np.array([_simple(source, D) for D in distortion.tolist()])
    least = source.cell_distortion(1.0 / SEARCHED) * SEARCHED
    inner = (distortion > least) & (distortion < source.max_distortion)
    levels, inverse = np.unique(distortion[inner], return_inverse=True)
    if levels.size:
        from edcurve import search  # with scipy, which only this needs

        with progress.bar("searching partitions", levels.size) as update:
            partitions = search.minimise_entropy_many(source.cell_distortion, levels, progress=update)
        result[inner] = np.minimum(result[inner], np.array([best.entropy for best in partitions])[inverse])
    return np.asarray(np.minimum(result, _of_many_cells(source, distortion, result)))


def _of_many_cells(source: Source, distortion: Array, searched: Array) -> Array:
    """Entropies of the best partitions into few large and many small cells; infinite where they cannot be better."""
    result = np.full(distortion.shape, np.inf)
    tried = np.flatnonzero((distortion > 0.0) & (distortion < source.max_distortion))
    below = loops.evaluate(functions.lower, source.law, envelopes.chords(source), distortion[tried])
    # between K and K + 1 equal cells all partitions exceed the dual bound by about 1/K, because K is an integer
    tried = tried[searched[tried] - below > 2.0 * np.exp(-searched[tried])]
    with progress.bar("composing large and small cells", tried.size) as update:
        for done, i in enumerate(tried.tolist(), start=1):
            best = _large_and_small(source, float(distortion[i]))
            if best is not None:
                result[i] = best.entropy
            update(done, tried.size)
    return result


def _large_and_small(source: Source, D: float) -> Mixture | None:
    """The best partition of this family, or None if a search covers its number of cells."""
    few = source.cell_distortion(1.0 / SEARCHED) * SEARCHED < D
    return family(source).at_distortion(D, float(SEARCHED) if few else 0.0)


@once_for_each(64)
def family(source: Source) -> LargeAndSmall:
    """Partitions of a source into few large cells and many small ones."""
    from edcurve.search.large_and_small import LargeAndSmall  # with scipy, which only this needs

    return LargeAndSmall(source.cell_distortion)


def _simple(source: Source, D: float) -> float:
    """Entropy of the simple partition; 0 from D_max on, inf at 0."""
    if D <= 0.0 or source.max_distortion <= D:
        return 0.0 if D > 0.0 else math.inf
    count, odd = _simple_cells(source, D)
    # the number of cells overflows: E agrees with −ln p to double precision far below that
    return biuniform.entropy(count, odd) if count < math.inf else float(source.law.model.rate(source.law.parameters, D))


def _simple_cells(source: Source, D: float) -> tuple[float, float]:
    """(K, ε) of the biuniform partition if it meets D, which any δ may prevent, else of enough equal cells.

    K is infinite where it exceeds 1e300.
    """
    model, parameters = source.law.model, source.law.parameters
    count, odd = model.split(parameters, D)
    if count > 0.0 and biuniform.total(model.mean, parameters, count, odd) <= D * (1.0 + 1e-12):
        return float(count), float(odd)
    size = model.size(parameters, D)
    if size < LEAST:
        return math.inf, 0.0
    while model.mean(parameters, size) > D * (1.0 + 1e-12):
        size *= 0.5
    return float(math.ceil(1.0 / size)), 0.0


def best_partition(source: Source, D: float) -> Partition | ListedPartition | GroupedPartition:
    """The partition whose entropy `upper_bound` returns at one D, 0 < D < D_max, of a source without an exact E(D)."""
    source, size = units.normal(source)
    D = units.divided(D, size)
    count, odd = _simple_cells(source, D)
    nats = biuniform.entropy(count, odd) if count < math.inf else math.inf
    best: Partition | ListedPartition | GroupedPartition | None = None
    if source.cell_distortion(1.0 / SEARCHED) * SEARCHED < D:
        from edcurve import search

        candidate = search.minimise_entropy_many(source.cell_distortion, np.array([D]))[0]
        if candidate.entropy < nats - 1e-12:
            nats, best = candidate.entropy, ListedPartition.of(candidate.sizes)
    if math.isfinite(nats) and _of_many_cells(source, np.array([D]), np.array([nats]))[0] < nats - 1e-12:
        mixture = _large_and_small(source, D)
        best = None if mixture is None else GroupedPartition.of(mixture.sizes, mixture.counts)
    if best is not None:
        return best
    if count == math.inf:
        raise ValueError(f"distortion must be larger for a countable partition, got {D * size!r}")
    return Partition(int(count), (1.0 - odd) / count, odd)


def lower_bound(source: Source | str, distortion: ArrayLike, *, base: float = 2) -> Any:
    """Dual lower bound on E(D): sup over λ of inf over p of −log p + λ(d(p)/p − D).

    Theorems 4 and 6 (Eq. (37) omits the −λD that (56) has): the lower convex envelope of the curve
    (d(p)/p, −log p). It meets E(D) at every D_K = K d(1/K) left of the tangent point.

    For a sphere, a torus or rotations, d(p) is the least distortion of cells of any shape. Where (★) holds for this
    d(p), the bound is min Σ h(pᵢ) over Σ pᵢ = 1 and Σ d(pᵢ) ≤ D, which is larger than the dual bound: for the sphere
    in R³ by the ramp's theorem, for rotations by a numerical check. The source's `bound` tells which one applies.

    For a surface given by samples, each point has a price, such that the entropy + λ distortion of every cell is at
    least the sum of its points' prices. Their mean is a bound for all codes. It is larger than the dual bound where the
    density of the samples varies. The cheapest cell is searched, without a proof. The first call takes seconds.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    distortion : float or array_like
        D ≥ 0.
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    float or ndarray
        The bound, of the shape of `distortion`; 0 from D_max on, inf at 0.

    Raises
    ------
    ValueError
        For invalid arguments, and for a source whose δ is not monotone: sets that are not intervals may then be
        better, and no bound from intervals applies to them.
    TypeError
        If an argument is not a number, an array of numbers or a source.
    """
    resolved = resolve(source, surfaces=True)
    if isinstance(resolved, Surface):
        return enclosed.lower_bound(resolved, distortion, base)
    if not resolved.monotone:
        raise ValueError(
            f"source must have a δ that is monotone in the distance for a lower bound, got {resolved.name!r}: "
            "cells that are not intervals may be better than those the bound is computed from"
        )
    unit = validation.log_base(base)
    return evaluate(functions.lower, resolved, distortion, unit, envelopes.chords)


def position_interval(source: Source, distortion: Array, *, base: float = 2) -> tuple[Array, Array]:
    """Bounds on the entropy of the best partition into intervals, for data that are not stationary.

    d(p) is the mean of a cell's distortion over its positions. The distortion of a partition differs from Σ d(pᵢ) by at
    most `Source.position`. So a partition with distortion D has Σ d(pᵢ) ≤ D + position, and at least the entropy
    E(D + position). Runs of measured points may save a little more, as single points have no squared error. For few
    points, `Source.few_points` has this amount. For more, it is at most the squared error within a step, because the
    means of steps vary less than the points. There the least distortion of cells of each size gives another bound, and
    low is the larger of the two. On a loop the rotations of a partition have the mean distortion Σ d(pᵢ): some rotation
    of the best one has no more, so high is E(D) there. `Source.truncation` adds the interpolation error.

    Returns
    -------
    low, high : ndarray
        high is infinite where D is below the interpolation error.
    """
    few = source.few_points
    wide = distortion + (source.truncation + source.within_steps if few is None else few.off)
    if source.status != BOUND:
        low = upper_bound(source, wide, base=base)
    elif source.monotone:
        low = lower_bound(source, wide, base=base)
    else:
        low = np.zeros(distortion.shape)  # cells of a loop that comes near itself need not be intervals
    if few is None:
        low = np.maximum(low, _of_best_positions(source, distortion) / math.log(base))
    left_open = source.truncation - source.position if source.closed else source.truncation
    high = np.full(distortion.shape, np.inf)
    above = distortion > left_open
    high[above] = upper_bound(source, distortion[above] - left_open, base=base)
    return np.asarray(low), high


def _of_best_positions(source: Source, distortion: Array) -> Array:
    """A lower bound in nats on the entropy of partitions into intervals, each at the best position for its size.

    With e(p) the least mean squared error of a cell of size p, H + λD = Σ pᵢ (λ e(pᵢ) − ln pᵢ) is at least
    min over p of λ e(p) − ln p, for every λ. Between two sizes of a grid, p e(p) is at least its value at the smaller.
    """
    p = np.exp(-FINENESS * np.arange(math.ceil(SMALLEST / FINENESS) + 1))[::-1]
    mean = source.cell_distortion(p)
    mean[-1] = source.max_distortion
    best = np.maximum(mean - p * source.position_below(p), 0.0)
    best = np.maximum.accumulate(best)  # the squared error of a cell is at least that of its subsets
    least, content = best[:-1] / p[1:], -np.log(p[1:])
    wide = distortion + source.truncation - source.position + source.within_steps
    bound = np.zeros(distortion.shape)
    for weight in np.geomspace(0.1, 1e6, SLOPES) / source.max_distortion:
        at_least = min(float(np.min(weight * least + content)), SMALLEST)
        bound = np.maximum(bound, at_least - weight * wide)
    return bound

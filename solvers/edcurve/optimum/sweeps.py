"""The optimum of compressors trained on H + λD: the Lagrangian over λ and the convex hull of E(D)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation
from edcurve.equality import ComparedByValue
from edcurve.kernels import biuniform, functions, loops
from edcurve.sources import BOUND, CHECKED, PROVED, SampledRamp, SampledSurface, Source, Surface, digits, resolve, units
from edcurve.sources.protocol import once_for_each

from . import bounds, enclosed, envelopes, prices
from .evaluation import evaluate

if TYPE_CHECKING:
    from edcurve.search import SearchResult

Array = NDArray[np.float64]
Chord = tuple[tuple[float, float], tuple[float, float]]  # distortions and entropies of two partitions


@dataclass(frozen=True, eq=False)
class Lagrangian(ComparedByValue):
    """Minimum over partitions of H + λD, and the partition that attains it.

    Attributes
    ----------
    lmbda : float or ndarray
        λ, in units of `base` per unit distortion.
    cells : int or ndarray of int
        Number of cells; where several are optimal, the fewest.
    entropy, distortion : float or ndarray
        Those of the minimising partition; entropy in units of `base`.
    value : float or ndarray
        entropy + lmbda · distortion.
    uniform : bool or ndarray of bool
        Whether all cells have the same size.
    status : str
        Whether this is the minimum over all partitions, "exact (proved)" or "exact (checked numerically)", or over
        the candidates of a search, "upper bound".
    """

    lmbda: Any
    cells: Any
    entropy: Any
    distortion: Any
    value: Any
    uniform: Any
    status: Any


def lagrangian(source: Source | str, lmbda: ArrayLike, *, base: float = 2) -> Lagrangian:
    """Least H + λD over all partitions.

    Under (★) a minimiser is biuniform. It is uniform if E is concave between neighbouring D_K = K d(1/K). This is
    proved for the ramp and the power laws, which include the sawbridge and the uniform scalar. For other sources,
    including the circle and the sinusoid, it is verified once: for every K up to 32 and some larger ones, on a grid of
    the small cell's size. Then `status` is "exact (checked numerically)". Where it fails, or (★) does, unequal
    partitions are searched too, with up to 2000 cells or with few large and any number of small cells, and the lower
    value is returned.

    For `Ramp(samples=T)` cells begin and end at phases at which a sample jumps, multiples of 1/T. Up to λ = T²/2
    nats these cells are the best intervals, as the Lagrangian is concave in a boundary between two such phases.
    Larger λ need smaller cells: steps of 1/T that are cut into equal cells are then tried too.

    For a surface the result is the best of the codes of `upper_bound`, with status "enclosed". The least value lies
    between the minimum over D of ``lower_bound(D) + λD`` and this value.

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
    Lagrangian
        Fields of the shape of `lmbda`.

    Warns
    -----
    UserWarning
        If the optimal distortion is so small that the source's function loses its digits to cancellation: the result
        then has too few cells.

    Raises
    ------
    ValueError
        For invalid arguments, named in the message, and for λ so large that the optimum has more than
        2⁵⁰ cells.
    TypeError
        If an argument is not a number, an array of numbers or a source.
    """
    resolved = resolve(source, stationary=False, surfaces=True)
    unit = validation.log_base(base)
    values = validation.nonnegative("lmbda", lmbda, finite=True)
    if isinstance(resolved, Surface):
        return _of_surface(resolved, values, unit)
    if isinstance(resolved, SampledRamp):
        return _of_sampled(resolved, values, unit)
    if values.ndim == 0 and uniform_suffices(resolved):
        least = _at_one(resolved, float(values), unit)
        digits.check(resolved, least.distortion)
        return least
    plain, size = units.normal(resolved)
    with np.errstate(over="ignore"):  # to infinity, which `_uniform` refuses
        flat = np.ascontiguousarray(values * unit * size).ravel()
    fields = _uniform(plain, flat, size)
    if not uniform_suffices(resolved):
        fields = _searched(plain, flat, fields)
    cells, entropy, distortion, uniform = fields
    digits.check(resolved, distortion * size)
    parts = (
        values.ravel(),
        cells,
        entropy / unit,
        distortion * size,
        entropy / unit + values.ravel() * (distortion * size),
        uniform,
    )
    if values.ndim == 0:
        return Lagrangian(*[*(part.item() for part in parts), status_of(resolved)])
    return Lagrangian(*[*(part.reshape(values.shape) for part in parts), status_of(resolved)])


def lagrangian_bound(source: Source | str, lmbda: ArrayLike, *, base: float = 2) -> Any:
    """Lower bound on H + λD of all codes: the value of `lagrangian` where that is exact, otherwise below it.

    For a sphere, a torus and rotations it is the least over cell sizes, min over K of log K + λ K d(1/K), where (★)
    holds for these sizes. Otherwise, and where the status of a curve is "upper bound", it is the dual bound, the
    minimum over p of −log p + λ d(p)/p. This minimum is located on a grid of p and refined near its local minima.
    For a surface given by samples it is the mean price of the points, as in `lower_bound`.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one. It must be stationary.
    lmbda : float or array_like
        λ ≥ 0, finite, in units of `base` per unit distortion.
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    float or ndarray
        The bound in units of `base`, of the shape of `lmbda`.

    Raises
    ------
    ValueError, TypeError
        As for `lagrangian`.

    Examples
    --------
    >>> import edcurve as ed
    >>> best = ed.lagrangian("sphere", 8.0).value
    >>> round(best - ed.lagrangian_bound("sphere", 8.0), 4)  # bits
    0.0324
    """
    resolved = resolve(source, surfaces=True)
    unit = validation.log_base(base)
    sizes = resolved.relaxed if isinstance(resolved, Surface) else resolved
    if sizes.status != BOUND:
        return lagrangian(sizes, lmbda, base=base).value

    def one(value: float) -> float:
        return _dual_value(sizes, value * unit) / unit

    values = validation.nonnegative("lmbda", lmbda, finite=True)
    if isinstance(resolved, SampledSurface):
        bound = prices.lagrangian(resolved, values * unit) / unit
        return bound if values.ndim else float(bound)
    if values.ndim == 0:
        return float(one(float(values)))
    return np.array([one(value) for value in values.ravel().tolist()]).reshape(values.shape)


def _dual_value(source: Source, lmbda: float) -> float:
    """The minimum over 0 < p ≤ 1 of −ln p + λ d(p)/p, which may have several local minima."""
    from scipy.optimize import minimize_scalar

    def cost(y: Any) -> Any:
        p = np.exp(-np.asarray(y))
        return y + lmbda * source.cell_distortion(p) / p

    trial = math.log1p(lmbda * source.max_distortion)
    # −ln p alone exceeds an attained cost beyond the grid
    grid = np.linspace(0.0, min(lmbda * source.max_distortion, float(cost(trial))), DUAL_POINTS)
    values = cost(grid)
    best = float(values.min())
    for i in np.flatnonzero(values[1:-1] <= np.minimum(values[:-2], values[2:])) + 1:
        minimum = minimize_scalar(cost, bounds=(grid[i - 1], grid[i + 1]), method="bounded", options={"xatol": 1e-9})
        best = min(best, float(minimum.fun))
    return best


DUAL_POINTS = 4096  # size of the grid for the dual bound


def multipliers(source: Source | str, cells: ArrayLike, *, base: float = 2) -> tuple[Any, Any]:
    """Range of λ for which a number of equal cells attains the least H + λD: the inverse of `lagrangian`.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    cells : int or array_like of int
        Numbers of cells, from 1 to 2⁵⁰.
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    low, high : float or ndarray
        Ends of the range, in units of `base` per unit distortion; NaN for numbers that are never optimal, because K
        equal cells lie above the convex hull of E(D), as 2 and 3 do for the ramp.

    Raises
    ------
    ValueError
        For invalid arguments, named in the message, and for sources whose best partitions are not known to consist of
        equal cells.
    TypeError
        If an argument is not an integer, an array of integers or a source.
    """
    resolved = resolve(source, stationary=False)
    unit = validation.log_base(base)
    wanted = "cells must be integers from 1 to 2**50"
    counts = validation.integers("cells", cells, wanted)
    if ((counts < 1) | (counts > 2**50)).any():
        raise ValueError(f"{wanted}, got {counts[(counts < 1) | (counts > 2**50)].flat[0]}")
    if isinstance(resolved, SampledRamp) or not uniform_suffices(resolved):
        raise ValueError(f"source must be one whose best partitions are of equal cells, got {resolved.name!r}")
    plain, size = units.normal(resolved)
    vertices = envelopes.vertices(plain)

    def beyond(count: float) -> float:
        return loops.point(functions.beyond, plain.law, vertices, count) / (unit * size)

    ends = np.full((2, counts.size), np.nan)
    for i, count in enumerate(counts.ravel().tolist()):
        if count >= vertices[-1] or count in vertices:
            fewer = [vertex for vertex in vertices if vertex < count] if count <= vertices[-1] else [count - 1]
            ends[:, i] = beyond(float(fewer[-1])) if fewer else 0.0, beyond(float(count))
    if counts.ndim == 0:
        return float(ends[0, 0]), float(ends[1, 0])
    return ends[0].reshape(counts.shape), ends[1].reshape(counts.shape)


def _of_surface(source: Surface, lmbda: Array, unit: float) -> Lagrangian:
    """The least H + λD among the known codes."""
    cells, entropy, distortion, uniform = enclosed.lagrangian(source, lmbda, unit)
    flat = lmbda.ravel()
    parts = (flat, cells, entropy, distortion, entropy + flat * distortion, uniform)
    if lmbda.ndim == 0:
        return Lagrangian(*[*(part.item() for part in parts), source.status])
    return Lagrangian(*[*(part.reshape(lmbda.shape) for part in parts), source.status])


def _of_sampled(source: SampledRamp, lmbda: Array, unit: float) -> Lagrangian:
    """The least H + λD of the sampled ramp, by dynamic programming over cells of whole steps of the phase."""
    from edcurve import progress

    rows = []
    with progress.bar("composing cells", lmbda.size) as update:
        for done, value in enumerate(lmbda.ravel().tolist(), start=1):
            composition, nats, distortion = source.best(value * unit)
            steps = composition.steps
            cells, uniform = len(steps) * composition.split, bool(steps[0] == steps[-1])
            rows.append((value, cells, nats / unit, distortion, nats / unit + value * distortion, uniform))
            update(done, lmbda.size)
    if lmbda.ndim == 0:
        return Lagrangian(*rows[0], source.status)
    kinds = (np.float64, np.int64, np.float64, np.float64, np.float64, np.bool_)
    table = zip(*rows, strict=True) if rows else ([] for _ in kinds)
    fields: list[NDArray[Any]] = [np.array(list(x), dtype=kind) for x, kind in zip(table, kinds, strict=True)]
    return Lagrangian(*[*(field.reshape(lmbda.shape) for field in fields), source.status])


def _at_one(source: Source, lmbda: float, unit: float) -> Lagrangian:
    """`_uniform` for a scalar, without the cost of arrays."""
    plain, size = units.normal(source)
    cells = loops.point(functions.cells, plain.law, envelopes.vertices(plain), lmbda * unit * size)
    if cells <= 0.0:
        raise ValueError(f"lmbda must be such that the optimum has at most 2**50 cells, got {lmbda!r}")
    entropy, distortion = math.log(cells) / unit, loops.point(functions.uniform, plain.law, (), cells) * size
    return Lagrangian(lmbda, int(cells), entropy, distortion, entropy + lmbda * distortion, True, status_of(source))


def _uniform(source: Source, lmbda: Array, size: float) -> tuple[Any, ...]:
    """Cells, entropy in nats and distortion of the best uniform partition at each λ in nats, in units of `size`."""
    cells = loops.evaluate(functions.cells, source.law, envelopes.vertices(source), lmbda)
    if not np.all(cells > 0.0):
        worst = lmbda[cells == 0.0].min() / size
        raise ValueError(f"lmbda must be such that the optimum has at most 2**50 cells, got {worst:.6g} nats")
    entropy, distortion = loops.logarithms(cells), loops.evaluate(functions.uniform, source.law, (), cells)
    return cells.astype(np.int64), entropy, distortion, np.ones(cells.shape, dtype=bool)


def _searched(source: Source, lmbda: Array, fields: tuple[Any, ...]) -> tuple[Any, ...]:
    """The fields of `_uniform`, or those of a search where its value is lower."""
    cells, entropy, distortion, uniform = (field.copy() for field in fields)
    for i in np.flatnonzero(lmbda > 0.0):
        weight = float(lmbda[i])
        searched = cells[i] <= SEARCHED and _searchable(source, weight)
        if searched:
            best = _minimum(source, weight)
            if best.value < entropy[i] + weight * distortion[i] - 1e-12:
                cells[i], entropy[i], distortion[i] = len(best.sizes), best.entropy, best.distortion
                uniform[i] = np.ptp(best.sizes) <= 1e-9
        below = float(entropy[i] + weight * distortion[i] - 1e-9)
        mixture = bounds.family(source).at_slope(weight, below, FEW if searched else 0)
        if mixture is not None:
            if not mixture.cells <= biuniform.MOST_CELLS:
                raise ValueError(f"lmbda must be such that the optimum has at most 2**50 cells, got {weight:.6g} nats")
            cells[i], entropy[i], distortion[i] = mixture.cells, mixture.entropy, mixture.distortion
            uniform[i] = np.count_nonzero(mixture.counts) == 1
    return cells, entropy, distortion, uniform


SEARCHED = 2000  # above this, only uniform partitions and those of few large and many small cells are tried


def _searchable(source: Source, lmbda: float) -> bool:
    """Whether the best number of cells is small enough for a general search, which refuses more than 50,000."""
    return bounds.family(source).best_size(lmbda) > 4e-5


@once_for_each(4096)
def _minimum(source: Source, lmbda: float) -> SearchResult:
    from edcurve import search  # with scipy, which only this needs

    return search.minimise_lagrangian(source.cell_distortion, lmbda)


@once_for_each(256)
def uniform_suffices(source: Source) -> bool:
    """Whether a uniform partition minimises H + λD at every λ: (★) holds and E is concave between uniform ones."""
    return source.law.concave or (source.status != BOUND and bool(np.all(_concave(units.normal(source)[0]))))


def status_of(source: Source) -> str:
    """Status of the least H + λD: proved only if E is also proved concave between uniform partitions."""
    return CHECKED if source.status == PROVED and not source.law.concave else source.status


def _concave(source: Source) -> NDArray[np.bool_]:
    """Whether E is concave on [D_{K+1}, D_K] for several K, by slopes of chords between values of ε."""
    counts = np.concatenate([np.arange(1.0, 33.0), [48.0, 64.0, 100.0, 1000.0, 10000.0]])[:, None]
    odd = (1.0 - np.cos(np.linspace(0.0, 0.5 * np.pi, 42)[1:-1])) / (counts + 1.0)
    equal = (1.0 - odd) / counts
    distortion = counts * source.cell_distortion(equal) + source.cell_distortion(odd)
    entropy = -(1.0 - odd) * np.log(equal) - odd * np.log(odd)
    drop, rise = -np.diff(distortion, axis=1), np.diff(entropy, axis=1)
    noise = 1e-15 * counts * source.max_distortion + 4e-16 * distortion[:, 1:]
    # chords flatten (E falls less per unit distortion) as ε grows and D falls; cross-multiplied to avoid a division
    slack = noise * np.abs(rise) + 1e-12 * np.abs(drop * rise)
    kept = rise[:, :-1] * drop[:, 1:] - rise[:, 1:] * drop[:, :-1] >= -slack[:, 1:] - slack[:, :-1]
    return np.asarray(kept.all(axis=1))


def convex_hull(source: Source | str, distortion: ArrayLike, *, base: float = 2) -> Any:
    """Lower convex hull of E(D), which time sharing between partitions attains.

    Its vertices are points (K d(1/K), log K), but not for all K (K = 2, 3 lie above the ramp's hull, K = 2 above the
    circle's). Where uniform partitions do not suffice, the vertices are found by a general search, and the hull is that
    of the best known partitions, to 1e-7 nats. For a surface it is the hull of the codes that are the best known at
    some λ, which time sharing between them attains.

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
        The hull, of the shape of `distortion`; 0 from D_max on, inf at 0.

    Raises
    ------
    ValueError, TypeError
        For arguments that are not allowed, named in the message.
    """
    resolved = resolve(source, surfaces=True)
    unit = validation.log_base(base)
    if isinstance(resolved, Surface):
        return enclosed.convex_hull(resolved, distortion, unit)
    uniform = evaluate(functions.hull, resolved, distortion, unit, envelopes.vertices)
    if uniform_suffices(resolved):
        return uniform
    plain, size = units.normal(resolved)
    x, y = searched_vertices(plain)
    values = units.divided(np.asarray(distortion, dtype=float), size)
    result = np.where(_unequal(plain, values), np.interp(values, x, y) / unit, uniform)
    return result if isinstance(uniform, np.ndarray) else float(result)


def _unequal(source: Source, distortion: Array) -> NDArray[np.bool_]:
    """Whether the hull needs a search at a distortion: where few cells are best, or the dual bound is a chord.

    Elsewhere so many equal cells are best that rounding their number to an integer does not matter.
    """
    few = source.cell_distortion(1.0 / FEW) * FEW
    chords = np.reshape(envelopes.chords(source), (-1, 4))[:, :2]
    inside = [(left <= distortion) & (distortion <= right) for left, right in chords.tolist()]
    return np.asarray(np.any([distortion >= few, *inside], axis=0))


FEW = 64  # number of equal cells up to which the hull is always searched


@once_for_each(64)
def searched_vertices(source: Source) -> tuple[Array, Array]:
    """Vertices (D, E in nats) of the hull by a search, D increasing: λ is the slope of each chord in turn."""
    counts = np.array(sorted({1.0, *envelopes.vertices(source), 2.0, 4.0, 8.0, 16.0, 32.0, 64.0}))
    ends = counts * source.cell_distortion(1.0 / counts)
    points = dict(zip(ends.tolist(), np.log(counts).tolist(), strict=True))
    points |= _ends_of_chords(source)
    # two cells of noisy data may have more distortion than one, averaged over their positions
    points = {D: nats for D, nats in points.items() if source.max_distortion > D} | {source.max_distortion: 0.0}
    from edcurve import progress

    tried: set[tuple[float, float]] = set()
    with progress.bar("searching the hull", None) as update:
        while True:
            x, y = _hull_of(points)
            chords = [
                pair
                for pair in zip(pairwise(x.tolist()), pairwise(y.tolist()), strict=True)
                if pair[0] not in tried and _unequal(source, np.array([0.5 * sum(pair[0])]))[0]
            ]
            if not chords:
                return x, y
            tried.update(ends for ends, _ in chords)
            _refine(source, points, chords)
            update(len(tried), 0)


def _ends_of_chords(source: Source) -> dict[float, float]:
    """Points of more than `FEW` equal cells at the ends of the straight parts of the dual bound."""
    points = {}
    for D in envelopes.chords(source)[0::4] + envelopes.chords(source)[1::4]:
        nats = float(source.law.model.rate(source.law.parameters, D)) if source.max_distortion > D else 0.0
        if math.log(FEW) < nats < envelopes.CELLS_OF_NUMBERS:
            count = float(np.ceil(math.exp(nats)))
            points[float(count * source.cell_distortion(1.0 / count))] = math.log(count)
    return points


def _hull_of(points: dict[float, float]) -> tuple[Array, Array]:
    x = np.array(sorted(points))
    y = np.array([points[value] for value in x.tolist()])
    kept = envelopes.lower_hull(x, y)
    return x[kept], y[kept]


def _refine(source: Source, points: dict[float, float], chords: list[Chord]) -> None:
    """Add the partitions that lie furthest below each chord, if any."""
    from edcurve import search  # with scipy, which only this needs

    slopes = [(y[0] - y[1]) / (x[1] - x[0]) for x, y in chords]
    searchable = [slope for slope in slopes if _searchable(source, slope)]
    by_slope = dict(zip(searchable, search.minimise_lagrangian_many(source.cell_distortion, searchable), strict=True))
    for slope, (x, y) in zip(slopes, chords, strict=True):
        chord = y[1] + slope * x[1] - 1e-7
        mixture = bounds.family(source).at_slope(slope, chord, FEW if slope in by_slope else 0)
        for best in (by_slope.get(slope), mixture):
            if best is not None and best.entropy + slope * best.distortion < chord:
                points[best.distortion] = min(best.entropy, points.get(best.distortion, math.inf))

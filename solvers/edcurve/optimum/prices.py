"""Lower bounds on H + λD of all codes of weighted points, by a price for every point.

A cell S of probability P(S) costs F(S) = −P(S) ln P(S) + λ min over c of E[‖X − c‖²; S], and H + λD is the sum over the
cells. Let g be prices of the points with E[g; S] ≤ F(S) for every set S. Then H + λD ≥ E[g], since the cells partition
the points. Constant prices give the dual bound. Where the density varies, prices that are higher at sparse points give
a larger bound: each price is raised repeatedly by the slack F(S) − E[g; S] of the cheapest cell around it.

For a given c, the least −ln P(S) + E[λ‖X − c‖² − g | S] is attained by a set of points of least λ‖x − c‖² − g(x). As a
function of the share of the next point it has no interior minimum: it falls, or rises and falls. So sorting finds the
set, whose mean is a better centre. Any prices become feasible when the least value over all c is added to each of them.
That least value is searched from many starts: if a smaller one exists, the valid bound is smaller.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edcurve import progress
from edcurve.codes import exhaustive, weighted
from edcurve.sources import KleinBottle, SampledSurface
from edcurve.sources.balls import Balls
from edcurve.sources.klein import shipped
from edcurve.sources.protocol import kept

Array = NDArray[np.float64]

RATIO, FINE = 1.15, 1.01  # ratio of successive λ for which prices are computed, and in the table
SLIGHT = 1e-4  # λ D_max at the start of the table; ratio of the last λ with prices to the last of the table
ALIKE = 0.01  # relative difference of the dual bound from λ D_max at which prices begin
MOST = 8192  # number of points from which prices are computed
PER_CELL, LEAST, PLACES = 10, 100, 1000  # numbers of sites with a price, from which those of points are interpolated
NEAREST = 6  # sites for each point
WIDE, FEWEST = 8.0, 64  # probability, in cells, and least number of the candidate points around a site
FIRST, ROUNDS = 12, 6  # rounds of raising prices, at the first λ and at the others
SETTLED = 6  # steps of all cells towards their fixed points
BETWEEN = 4  # starts per site between it and points around it
MANY, PAIRS = 2**11, 2**17  # least number of random starts, and most pairs of these and points
WORST, FOLLOWED = 50, 2**15  # least number of cells refined on all points, and its product with the points
DIGITS = 9  # decimals of costs in nats: cells that agree to these count as one
MERGED = 4  # nearest cells of a code with which each of its cells is merged, as a start
STEPS, ENOUGH = 50, 1e-9  # most refinement steps, and decrease in nats below which they end
SEED = 2022


class Cloud(NamedTuple):
    """Points with their probabilities, and ‖x‖²."""

    x: Array
    weight: Array
    squares: Array


class Prices(NamedTuple):
    """Prices at sites."""

    sites: Array
    price: Array

    def at(self, x: Array) -> Array:
        """Interpolate the prices of points."""
        index, share = _interpolation(x, self.sites)
        return np.asarray((share * self.price[index]).sum(axis=1))


def entropy(source: SampledSurface, distortion: Array) -> Array:
    """Lower bound on E(D) in nats: the maximum over λ of the bound on H + λD, minus λD."""
    lmbda, value = _table_of(source)
    flat = distortion.ravel() / float(source.law.scale)
    least = np.array([float(np.max(value - lmbda * D)) for D in flat.tolist()])
    result = np.where(flat > 0.0, np.maximum(least, 0.0), np.inf)
    result[distortion.ravel() >= source.max_distortion] = 0.0
    return result.reshape(distortion.shape)


def lagrangian(source: SampledSurface, lmbda: Array) -> Array:
    """Lower bound on H + λD in nats, λ in nats."""
    multipliers, value = _table_of(source)
    return np.interp(lmbda * float(source.law.scale), multipliers, value)


def _table_of(source: SampledSurface) -> tuple[Array, Array]:
    """λ, increasing from 0, and lower bounds on the least H + λD of the unscaled samples."""
    if isinstance(source, KleinBottle):
        return shipped()["lmbda"], shipped()["value"]
    return kept(source.samples, "prices", lambda: of_samples(source))


def of_samples(source: SampledSurface) -> tuple[Array, Array]:
    """Compute the table of `_table_of` by a search; for few samples, the least H + λD exactly."""
    samples = source.samples
    if samples.few:
        return _exactly(weighted.best_partitions(samples))
    balls, maximum = samples.balls, samples.variance
    mean, nats = balls.below()
    most = _largest(balls, len(samples.weights), maximum)
    steps = math.ceil(math.log(most * maximum / SLIGHT**2) / math.log(FINE))
    lmbda = np.append(0.0, np.geomspace(SLIGHT / maximum, most / SLIGHT, steps))
    dual = np.array([float(np.min(nats + one * mean)) for one in lmbda.tolist()])
    # below about the first λ one cell is best
    first = max(float(lmbda[np.flatnonzero(dual >= lmbda * maximum * (1.0 - ALIKE))[-1]]), 1.0 / maximum)
    most = max(most, RATIO * first)
    chosen = np.geomspace(first, most, math.ceil(math.log(most / first) / math.log(RATIO)) + 1)
    values = _priced(source, chosen)
    # the least H + λD is concave in λ: between two λ it is above its chord, and so above the chord of bounds
    chords = np.interp(lmbda, chosen, values, left=-np.inf, right=-np.inf)
    return lmbda, np.maximum.accumulate(np.minimum(np.maximum(dual, chords), lmbda * maximum))


def _exactly(vertices: list[exhaustive.Optimal]) -> tuple[Array, Array]:
    """The least H + λD at the λ where two vertices of the hull are equally good: it is linear between these."""
    H, D = (np.array([getattr(vertex, name) for vertex in vertices]) for name in ("entropy", "distortion"))
    lmbda = np.append(0.0, np.diff(H) / -np.diff(D))
    return lmbda, H + lmbda * D


def _largest(balls: Balls, count: int, maximum: float) -> float:
    """The largest λ whose best number of cells still leaves enough points per cell."""
    mean, nats = balls.below()
    lmbda = np.geomspace(1.0, 1e6, 400) / maximum
    best = np.array([float(nats[np.argmin(nats + one * mean)]) for one in lmbda.tolist()])
    within = np.flatnonzero(best <= math.log(max(weighted.most_cells(count), 2.0)))
    return float(lmbda[within[-1]])


def _priced(source: SampledSurface, lmbda: Array) -> Array:
    """Bounds on H + λD at increasing λ; the prices of each start from those of the previous one."""
    samples, rng = source.samples, np.random.default_rng(SEED)
    x, weight = samples.points, samples.weights
    cloud = Cloud(x, weight, np.sum(x**2, axis=1))
    few, prices, values = _thinned(cloud), None, []
    order = rng.permutation(len(few.x))
    mean, nats = samples.balls.below()
    codes = weighted.known(source)
    with progress.bar(f"pricing points of {samples.name}", len(lmbda)) as update:
        for done, one in enumerate(lmbda.tolist(), start=1):
            cells = math.exp(float(nats[np.argmin(nats + one * mean)]))
            count = int(min(len(few.x), max(LEAST, min(PLACES, PER_CELL * cells))))
            code = weighted.at_multiplier(source, codes, one)
            value, prices = _bound(cloud, few, few.x[order[:count]], cells, one, prices, _cells(code, x, weight))
            values.append(value)
            update(done, len(lmbda))
    return np.array(values)


def _cells(code: weighted.Weighted, x: Array, weight: Array) -> Array:
    """Means of the cells of a code, and of the union of each with one of the cells nearest to it."""
    means = code.cells.means()
    share = np.bincount(code.cells.nearest(x), weight, len(means))[:, None]
    apart = np.sum((means[:, None] - means) ** 2, axis=-1)
    near = np.argsort(apart, axis=1)[:, 1 : MERGED + 1]
    return np.concatenate([means, *[(share * means + share[k] * means[k]) / (share + share[k]) for k in near.T]])


def _thinned(cloud: Cloud) -> Cloud:
    """Every k-th point of a grid, k odd so that they spread over rows and columns; all points if few."""
    step = -(-len(cloud.x) // MOST)
    step += 1 - step % 2
    weight = cloud.weight[::step]
    return Cloud(cloud.x[::step], weight / weight.sum(), cloud.squares[::step])


def _bound(
    cloud: Cloud, few: Cloud, sites: Array, cells: float, lmbda: float, before: Prices | None, of_code: Array
) -> tuple[float, Prices]:
    """A lower bound on H + λD, and its prices up to a constant; ``of_code`` has means of cells of a code as starts."""
    from scipy.spatial import cKDTree

    near = int(min(len(few.x), max(FEWEST, math.ceil(WIDE * len(few.x) / cells))))
    candidates = np.asarray(cKDTree(few.x).query(sites, k=near)[1]).reshape(len(sites), near)
    index, share = _interpolation(few.x, sites)
    price = np.zeros(len(sites)) if before is None else before.at(sites)
    centres, best = sites, (-math.inf, price, sites)
    for _ in range(FIRST if before is None else ROUNDS):
        of_points = (share * price[index]).sum(axis=1)
        slack, centres = _slacks(few, candidates, np.arange(len(sites)), centres, of_points, lmbda)
        value = float(few.weight @ of_points) + float(slack.min())
        if value > best[0]:
            best = value, price, centres
        price = price + slack
    prices = Prices(sites, best[1])
    of_points = (share * prices.price[index]).sum(axis=1)
    # the centres of the last round, the sites, and centres between points: on a symmetric grid a cell that starts at a
    # point stays symmetric about it
    between = _between(few, sites, candidates, max(4, int(len(few.x) / cells)))
    centres = np.concatenate([best[2], sites, between])
    slack, centres = _settled(few, candidates, centres, of_points, lmbda)
    most = max(WORST, FOLLOWED // len(cloud.x))
    of_points = prices.at(cloud.x)
    starts = centres[_different(slack, most)].tolist()
    starts += sorted(of_code, key=lambda one: _followed(cloud, one, of_points, lmbda, 1))[:most]
    least = min(_followed(cloud, np.asarray(start), of_points, lmbda) for start in starts)
    return float(cloud.weight @ of_points) + least, prices


def _settled(
    few: Cloud, candidates: NDArray[np.intp], centres: Array, price: Array, lmbda: float
) -> tuple[Array, Array]:
    """Slacks of cells and their means after several steps: the first step for all, the others for the best."""
    site = np.arange(len(centres)) % len(candidates)
    for step in range(SETTLED):
        slack, centres = _slacks(few, candidates, site, centres, price, lmbda)
        if step == 0:
            best = np.argsort(slack, kind="stable")[: max(_many(few), len(slack) // 4)]
            slack, centres, site = slack[best], centres[best], site[best]
    return slack, centres


def _many(few: Cloud) -> int:
    """Number of random centres."""
    return min(MANY, PAIRS // len(few.x))


def _different(slack: Array, most: int) -> NDArray[np.intp]:
    """The cheapest cells, one for each rounded cost: cells of equal cost are the same, or related by a symmetry."""
    first = np.unique(np.round(slack, DIGITS), return_index=True)[1]
    return np.asarray(first[:most])


def _between(few: Cloud, sites: Array, candidates: NDArray[np.intp], near: int) -> Array:
    """Random centres between each site and two of the points around it, alternately all and the nearest ones."""
    rng, count = np.random.default_rng(SEED), len(sites)
    turns = max(BETWEEN, _many(few) // count)
    share = rng.dirichlet(np.ones(3), size=(turns, count))
    within = np.where(np.arange(turns) % 2 == 1, candidates.shape[1], min(near, candidates.shape[1]))
    pairs = rng.integers(within[:, None, None], size=(turns, count, 2))
    x = few.x[candidates[np.arange(count)[None, :, None], pairs]]
    centres = share[..., :1] * sites + np.einsum("tij,tijk->tik", share[..., 1:], x)
    return np.asarray(centres.reshape(-1, few.x.shape[1]))


def _interpolation(x: Array, sites: Array) -> tuple[NDArray[np.intp], Array]:
    """The nearest sites of points, and their weights, which sum to 1."""
    from scipy.spatial import cKDTree

    distance, index = map(np.asarray, cKDTree(sites).query(x, k=min(NEAREST, len(sites))))
    share = np.maximum(1.0 - (distance / np.maximum(distance[:, -1:], 1e-300)) ** 2, 1e-12) ** 2
    return index, share / share.sum(axis=1, keepdims=True)


def _slacks(
    few: Cloud, candidates: NDArray[np.intp], site: NDArray[np.intp], centres: Array, price: Array, lmbda: float
) -> tuple[Array, Array]:
    """Slack of the cheapest cell around each centre, over its probability, and the means of these cells.

    A cell contains only points around the site of its centre.
    """
    slack, means = np.empty(len(centres)), np.empty_like(centres)
    rows = max(1, 2**21 // candidates.shape[1])
    for i in range(0, len(centres), rows):
        c = centres[i : i + rows]
        index = candidates[site[i : i + rows]]
        x = few.x[index]
        errors = few.squares[index] - 2.0 * np.einsum("ijk,ik->ij", x, c) + np.sum(c * c, axis=1)[:, None]
        score = lmbda * errors - price[index]
        order = np.argsort(score, axis=1)
        rising, mass = np.take_along_axis(score, order, axis=1), few.weight[index]
        weight = np.take_along_axis(mass, order, axis=1)
        total = np.cumsum(weight, axis=1)
        cost = np.cumsum(weight * rising, axis=1) / total - np.log(total)
        last = np.argmin(cost, axis=1)[:, None]
        slack[i : i + rows] = np.take_along_axis(cost, last, axis=1)[:, 0]
        inside = np.where(score <= np.take_along_axis(rising, last, axis=1), mass, 0.0)
        means[i : i + rows] = np.einsum("ij,ijk->ik", inside, x) / inside.sum(axis=1, keepdims=True)
    return slack, means


def _followed(cloud: Cloud, centre: Array, price: Array, lmbda: float, steps: int = STEPS) -> float:
    """Least slack over probability of a cell, refined on all points until its mean is about its centre."""
    value = math.inf
    for _ in range(steps):
        score = lmbda * (cloud.squares - 2.0 * (cloud.x @ centre) + centre @ centre) - price
        order = np.argsort(score)
        mass = np.cumsum(cloud.weight[order])
        cost = np.cumsum(cloud.weight[order] * score[order]) / mass - np.log(mass)
        last = int(np.argmin(cost))
        if not cost[last] < value - ENOUGH:
            break
        value = float(cost[last])
        inside = order[: last + 1]
        centre = cloud.weight[inside] @ cloud.x[inside] / mass[last]
    return value

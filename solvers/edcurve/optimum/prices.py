"""Lower bounds on H + λD of all codes of weighted points, by a price for every point.

A cell S of probability P(S) costs F(S) = −P(S) ln P(S) + λ min over c of E[‖X − c‖²; S], and H + λD is the sum over the
cells. Let g be prices of the points with E[g; S] ≤ F(S) for every set S. Then H + λD ≥ E[g], since the cells make up
all points. Constant prices give the dual bound. Where points are unevenly dense, prices that rise where they are sparse
give more: they are found by raising each by what the cheapest cell around it has left.

For a given c, the least −ln P(S) + E[λ‖X − c‖² − g | S] is that of a set of the points of least λ‖x − c‖² − g(x). As a
function of the share of the next point it has no minimum inside: it falls, or rises and falls. So a sort finds the set,
whose mean is a better centre. Any prices become allowed when the least value over all c is added to each of them. That
least value is searched, from many places: were there a less one, the bound would be less.
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

RATIO, FINE = 1.15, 1.01  # of neighbouring λ for which prices are made, and of those in the table
SLIGHT = 1e-4  # λ D_max from which the table goes up, and what its last λ is beyond the last of prices
ALIKE = 0.01  # by which the dual bound is less than λ D_max where prices begin
MOST = 8192  # points by which prices are made
PER_CELL, LEAST, PLACES = 10, 100, 1000  # places that have a price, from which those of points are interpolated
NEAREST = 6  # places for each point
WIDE, FEWEST = 8.0, 64  # probability of the points that are looked at around a place, in cells, and their number
FIRST, ROUNDS = 12, 6  # of raising prices, at the first λ and at the others
SETTLED = 6  # steps of all cells towards their fixed points
BETWEEN = 4  # times that cells are also begun between a place and points around it
MANY, LOOKED_AT = 2**11, 2**17  # number of these at least, if they and all points are no more pairs than that
WORST, FOLLOWED = 50, 2**15  # cells that are followed on all points: for few points, more
DIGITS = 9  # of what cells cost in nats: those that agree are taken for one
MERGED = 4  # nearest cells of a code with which each of its cells is merged, for a start
STEPS, ENOUGH = 50, 1e-9  # how far they are followed
SEED = 2022


class Cloud(NamedTuple):
    """Points with their probabilities, and ‖x‖²."""

    x: Array
    weight: Array
    squares: Array


class Prices(NamedTuple):
    """Prices at some places."""

    places: Array
    price: Array

    def at(self, x: Array) -> Array:
        """Prices of points, by interpolation."""
        index, share = _interpolation(x, self.places)
        return np.asarray((share * self.price[index]).sum(axis=1))


def entropy(source: SampledSurface, distortion: Array) -> Array:
    """Lower bound on E(D) in nats: the greatest of the bounds on H + λD, less λD."""
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
    """The same, searched; of few samples exactly the least H + λD."""
    samples = source.samples
    if samples.few:
        return _exactly(weighted.best_partitions(samples))
    balls, maximum = samples.balls, samples.variance
    mean, nats = balls.below()
    most = _largest(balls, len(samples.weights), maximum)
    steps = math.ceil(math.log(most * maximum / SLIGHT**2) / math.log(FINE))
    lmbda = np.append(0.0, np.geomspace(SLIGHT / maximum, most / SLIGHT, steps))
    dual = np.array([float(np.min(nats + one * mean)) for one in lmbda.tolist()])
    # up to about the first λ one cell is the best
    first = max(float(lmbda[np.flatnonzero(dual >= lmbda * maximum * (1.0 - ALIKE))[-1]]), 1.0 / maximum)
    most = max(most, RATIO * first)
    chosen = np.geomspace(first, most, math.ceil(math.log(most / first) / math.log(RATIO)) + 1)
    values = _priced(source, chosen)
    # the least H + λD is concave in λ: between two λ it is above its chord, and so above that of bounds
    chords = np.interp(lmbda, chosen, values, left=-np.inf, right=-np.inf)
    return lmbda, np.maximum.accumulate(np.minimum(np.maximum(dual, chords), lmbda * maximum))


def _exactly(corners: list[exhaustive.Optimal]) -> tuple[Array, Array]:
    """The least H + λD where two corners of the hull are equally good: between such λ it is a line."""
    H, D = (np.array([getattr(one, name) for one in corners]) for name in ("entropy", "distortion"))
    lmbda = np.append(0.0, np.diff(H) / -np.diff(D))
    return lmbda, H + lmbda * D


def _largest(balls: Balls, count: int, maximum: float) -> float:
    """The λ at which about so many cells are best that the points of one are few."""
    mean, nats = balls.below()
    lmbda = np.geomspace(1.0, 1e6, 400) / maximum
    best = np.array([float(nats[np.argmin(nats + one * mean)]) for one in lmbda.tolist()])
    within = np.flatnonzero(best <= math.log(max(weighted.most_cells(count), 2.0)))
    return float(lmbda[within[-1]])


def _priced(source: SampledSurface, lmbda: Array) -> Array:
    """Bounds on H + λD at increasing λ, the prices of each beginning as those of the one before."""
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
    """Means of the cells of a code, and of each together with one of those nearest to it."""
    means = code.cells.means()
    share = np.bincount(code.cells.nearest(x), weight, len(means))[:, None]
    apart = np.sum((means[:, None] - means) ** 2, axis=-1)
    near = np.argsort(apart, axis=1)[:, 1 : MERGED + 1]
    return np.concatenate([means, *[(share * means + share[k] * means[k]) / (share + share[k]) for k in near.T]])


def _thinned(cloud: Cloud) -> Cloud:
    """Every k-th point of a grid, k odd so that they are spread over rows and columns; all if they are few."""
    step = -(-len(cloud.x) // MOST)
    step += 1 - step % 2
    weight = cloud.weight[::step]
    return Cloud(cloud.x[::step], weight / weight.sum(), cloud.squares[::step])


def _bound(
    cloud: Cloud, few: Cloud, places: Array, cells: float, lmbda: float, before: Prices | None, of_code: Array
) -> tuple[float, Prices]:
    """A lower bound on H + λD, and the prices that give it, but for a constant; of a code there are means of cells."""
    from scipy.spatial import cKDTree

    near = int(min(len(few.x), max(FEWEST, math.ceil(WIDE * len(few.x) / cells))))
    around = np.asarray(cKDTree(few.x).query(places, k=near)[1]).reshape(len(places), near)
    index, share = _interpolation(few.x, places)
    price = np.zeros(len(places)) if before is None else before.at(places)
    centres, best = places, (-math.inf, price, places)
    for _ in range(FIRST if before is None else ROUNDS):
        of_points = (share * price[index]).sum(axis=1)
        left, centres = _left(few, around, np.arange(len(places)), centres, of_points, lmbda)
        value = float(few.weight @ of_points) + float(left.min())
        if value > best[0]:
            best = value, price, centres
        price = price + left
    prices = Prices(places, best[1])
    of_points = (share * prices.price[index]).sum(axis=1)
    # where prices were raised last, from the beginning, and between points: on a symmetric grid a cell that is begun at
    # a point stays symmetric about it
    between = _between(few, places, around, max(4, int(len(few.x) / cells)))
    centres = np.concatenate([best[2], places, between])
    left, centres = _settled(few, around, centres, of_points, lmbda)
    most = max(WORST, FOLLOWED // len(cloud.x))
    of_points = prices.at(cloud.x)
    starts = centres[_different(left, most)].tolist()
    starts += sorted(of_code, key=lambda one: _followed(cloud, one, of_points, lmbda, 1))[:most]
    least = min(_followed(cloud, np.asarray(start), of_points, lmbda) for start in starts)
    return float(cloud.weight @ of_points) + least, prices


def _settled(few: Cloud, around: NDArray[np.intp], centres: Array, price: Array, lmbda: float) -> tuple[Array, Array]:
    """What cells cost above their prices, and their means, after some steps: a first one of all, others of the best."""
    place = np.arange(len(centres)) % len(around)
    for step in range(SETTLED):
        left, centres = _left(few, around, place, centres, price, lmbda)
        if step == 0:
            best = np.argsort(left, kind="stable")[: max(_many(few), len(left) // 4)]
            left, centres, place = left[best], centres[best], place[best]
    return left, centres


def _many(few: Cloud) -> int:
    """Number of random centres."""
    return min(MANY, LOOKED_AT // len(few.x))


def _different(left: Array, most: int) -> NDArray[np.intp]:
    """The cheapest cells, no two of the same cost to the last digits: those are one, or alike by a symmetry."""
    first = np.unique(np.round(left, DIGITS), return_index=True)[1]
    return np.asarray(first[:most])


def _between(few: Cloud, places: Array, around: NDArray[np.intp], near: int) -> Array:
    """Random centres between each place and two of the points around it, all or nearest ones by turns."""
    rng, count = np.random.default_rng(SEED), len(places)
    turns = max(BETWEEN, _many(few) // count)
    share = rng.dirichlet(np.ones(3), size=(turns, count))
    within = np.where(np.arange(turns) % 2 == 1, around.shape[1], min(near, around.shape[1]))
    others = rng.integers(within[:, None, None], size=(turns, count, 2))
    x = few.x[around[np.arange(count)[None, :, None], others]]
    centres = share[..., :1] * places + np.einsum("tij,tijk->tik", share[..., 1:], x)
    return np.asarray(centres.reshape(-1, few.x.shape[1]))


def _interpolation(x: Array, places: Array) -> tuple[NDArray[np.intp], Array]:
    """The nearest places of points, and shares of them that sum to 1."""
    from scipy.spatial import cKDTree

    distance, index = map(np.asarray, cKDTree(places).query(x, k=min(NEAREST, len(places))))
    share = np.maximum(1.0 - (distance / np.maximum(distance[:, -1:], 1e-300)) ** 2, 1e-12) ** 2
    return index, share / share.sum(axis=1, keepdims=True)


def _left(
    few: Cloud, around: NDArray[np.intp], place: NDArray[np.intp], centres: Array, price: Array, lmbda: float
) -> tuple[Array, Array]:
    """What the cheapest cell around each centre costs above its price, by its probability; means of these cells.

    Of a centre only the points around its place are looked at.
    """
    left, means = np.empty(len(centres)), np.empty_like(centres)
    rows = max(1, 2**21 // around.shape[1])
    for i in range(0, len(centres), rows):
        c = centres[i : i + rows]
        index = around[place[i : i + rows]]
        x = few.x[index]
        errors = few.squares[index] - 2.0 * np.einsum("ijk,ik->ij", x, c) + np.sum(c * c, axis=1)[:, None]
        score = lmbda * errors - price[index]
        order = np.argsort(score, axis=1)
        rising, mass = np.take_along_axis(score, order, axis=1), few.weight[index]
        weight = np.take_along_axis(mass, order, axis=1)
        total = np.cumsum(weight, axis=1)
        cost = np.cumsum(weight * rising, axis=1) / total - np.log(total)
        last = np.argmin(cost, axis=1)[:, None]
        left[i : i + rows] = np.take_along_axis(cost, last, axis=1)[:, 0]
        inside = np.where(score <= np.take_along_axis(rising, last, axis=1), mass, 0.0)
        means[i : i + rows] = np.einsum("ij,ijk->ik", inside, x) / inside.sum(axis=1, keepdims=True)
    return left, means


def _followed(cloud: Cloud, centre: Array, price: Array, lmbda: float, steps: int = STEPS) -> float:
    """The same of one cell of all points, whose mean is its centre, nearly."""
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

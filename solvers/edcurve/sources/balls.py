"""The least distortion of cells of weighted points: for each probability the best ball, by a search for its centre.

Of all sets S of probability p, E[‖X − c‖²; S] is least for a ball around c (the bathtub principle), with a part of the
points on its edge. So d(p) = min over c of the integral of the p smallest ‖X − c‖². The minimum is a fixed point: c is
the mean of its own ball. From any start, iterating the means of balls descends to a fixed point.

A search does not prove that there is no better centre: its result is d or larger.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edcurve import progress

Array = NDArray[np.float64]

RATIO, LARGE = 1.05, 0.01  # largest ratio and step of the probabilities at which centres are searched
EACH = 4  # every EACH-th probability gets its own starts; the others start from their neighbours' centres
SOME = 1024  # number of points up to which all probabilities get their own starts
FEW, FINER = 128, 4  # number of points up to which steps of probabilities are divided by FINER
NEIGHBOURS = 64  # cells with at most this many points start at every point
SUBSET = 4096  # number of points among which larger cells are searched first
STARTS = (32, 160)  # least and largest number of points at which larger cells start
DIRECTIONS = 32  # number of half-spaces as further starts, for strips and their complements
KEPT = 6  # number of best starts that are iterated to a fixed point
LEFT = 4  # number of these that neighbours start from, and that the table uses
STEPS, ENOUGH = 40, 1e-10  # most iterations, and the least relative gain of each
TABULATED = 2**14  # probabilities in the table
SEED = 2022


@dataclass(frozen=True, eq=False)
class Balls:
    """d(p)/p at probabilities from that of the heaviest point, where it is 0, to 1, where it is D_max.

    Attributes
    ----------
    p, mean : ndarray, shape (2¹⁴,)
        Probabilities and d(p)/p, both increasing.
    """

    p: Array
    mean: Array

    def __call__(self, p: Array) -> Array:
        """d(p), by linear interpolation of d(p)/p."""
        return np.asarray(p * np.interp(p, self.p, self.mean, left=0.0))

    def below(self) -> tuple[Array, Array]:
        """Points (x, y) below the curve (d(p)/p, −ln p) between tabulated p: x increases with p, as d(p)/p does."""
        return self.mean, np.append(-np.log(self.p[1:]), 0.0)


@dataclass(frozen=True, eq=False)
class Points:
    """Distinct points with their probabilities, shifted to mean 0.

    Attributes
    ----------
    x : ndarray, shape (N, dim)
    weight : ndarray, shape (N,)
    squares : ndarray, shape (N,)
        ‖x‖².
    """

    x: Array
    weight: Array
    squares: Array

    @classmethod
    def of(cls, x: Array, weight: Array) -> Points:
        """Merge equal points, and subtract the mean."""
        x, label = np.unique(x, axis=0, return_inverse=True)
        mass = np.bincount(label.ravel(), weight / weight.sum()).astype(np.float64)
        x, mass = x[mass > 0.0], mass[mass > 0.0]
        x = x - mass @ x
        return cls(x, mass, np.einsum("ij,ij->i", x, x))

    def errors(self, centre: Array) -> Array:
        """‖x − c‖²."""
        return np.maximum(self.squares - 2.0 * (self.x @ centre) + centre @ centre, 0.0)

    def ball(self, centre: Array, p: float) -> tuple[float, Array]:
        """E[‖X − c‖²; S] for the ball S of probability p around c, and its mean."""
        errors = self.errors(centre)
        level = _level(errors, self.weight, p)
        inside = np.where(errors < level, self.weight, 0.0)
        edge = errors == level
        on_edge = self.weight[edge]
        inside[edge] = on_edge * (max(p - float(inside.sum()), 0.0) / float(on_edge.sum()))
        return float(inside @ errors), np.asarray(inside @ self.x) / p

    def descend(self, centre: Array, p: float, steps: int = STEPS) -> tuple[float, Array]:
        """The value and the centre of the approximate fixed point that iterated means of balls reach."""
        value, best = math.inf, centre
        for _ in range(steps):
            new_value, mean = self.ball(centre, p)
            if not new_value < value * (1.0 - ENOUGH):
                break
            value, best, centre = new_value, centre, mean
        return value, best

    def integrals(self, centre: Array, p: Array) -> Array:
        """E[‖X − m‖²; S] for the balls S around c of several probabilities, m the mean of each."""
        errors = self.errors(centre)
        order = np.argsort(errors)
        inside = self.weight[order]
        mass = np.append(0.0, np.cumsum(inside))
        total = np.interp(p, mass, np.append(0.0, np.cumsum(inside * errors[order])))
        for coordinate, origin in zip(self.x[order].T, centre.tolist(), strict=True):
            moment = np.interp(p, mass, np.append(0.0, np.cumsum(inside * (coordinate - origin))))
            total -= moment * moment / p
        return np.asarray(total)


def _level(errors: Array, weight: Array, p: float) -> float:
    """The least t for which errors ≤ t have a probability of at least p."""
    while len(errors) > 1:
        half = len(errors) // 2
        order = np.argpartition(errors, half - 1)
        first = order[:half]
        mass = float(weight[first].sum())
        if mass < p:
            p -= mass
            second = order[half:]
            errors, weight = errors[second], weight[second]
        else:
            errors, weight = errors[first], weight[first]
    return float(errors[0])


def least_distortions(x: Array, weight: Array, name: str) -> Balls:
    """The table of d(p)/p of weighted points, by a seeded search.

    Parameters
    ----------
    x : ndarray, shape (N, dim)
        Points, not all the same.
    weight : ndarray, shape (N,)
        Their weights, at least 0.
    name : str
        Their name in the progress bar.
    """
    points = Points.of(x, weight)
    unit = math.sqrt(float(points.weight @ points.squares))
    points = Points(points.x / unit, points.weight, points.squares / unit**2)
    heaviest = float(points.weight.max())
    finer = FINER if len(points.x) <= FEW else 1
    levels = _levels(heaviest, 1.0 + (RATIO - 1.0) / finer, LARGE / finer)
    count = len(levels)
    with progress.bar(f"searching cells of {name}", 4 * count) as update:
        centres = _searched(points, levels, update)
        p = np.geomspace(heaviest, 1.0, TABULATED)
        least = np.full(p.shape, np.inf)
        flat = np.concatenate(centres)
        for done, centre in enumerate(flat, start=1):
            least = np.minimum(least, points.integrals(centre, p))
            update(3 * count + done * count // len(flat), 0)
    mean = unit**2 * least / p
    mean[0] = 0.0
    # d(p)/p increases, so that values at larger p correct those that the search missed
    return Balls(p, np.minimum.accumulate(mean[::-1])[::-1])


def _levels(least: float, ratio: float, large: float) -> Array:
    """Probabilities up to 1, spaced by a ratio or by a step, whichever is smaller."""
    levels = [1.0]
    while levels[-1] > least * ratio:
        levels.append(max(levels[-1] / ratio, levels[-1] - large))
    return np.array(levels[::-1])


def _searched(points: Points, levels: Array, update: Callable[[int, int], None]) -> list[Array]:
    """Search centres for each probability, the best first."""
    rng, tree = np.random.default_rng(SEED), _tree(points)
    count = len(levels)
    pools: list[list[tuple[float, Array]]] = [[] for _ in levels]
    for i in range(count - 1, -1, -1 if len(points.x) <= SOME else -EACH):
        starts = _starts(points, float(levels[i]), tree, rng)
        pools[i] = sorted((points.descend(start, float(levels[i])) for start in starts), key=lambda pair: pair[0])
        update(count - i, 0)
    for direction, done in ((1, count), (-1, 2 * count)):
        order = range(count) if direction > 0 else range(count - 1, -1, -1)
        for k, i in enumerate(order):
            before = i - direction
            if 0 <= before < count and pools[before]:
                pools[i] += [points.descend(centre, float(levels[i])) for _, centre in pools[before][:LEFT]]
                pools[i].sort(key=lambda pair: pair[0])
            update(done + k, 0)
    return [np.array([centre for _, centre in pool[:LEFT]]) for pool in pools if pool]


def _tree(points: Points) -> tuple[Array, NDArray[np.intp]]:
    """Squared distances and indices of the nearest points of every point."""
    from scipy.spatial import cKDTree

    near = min(NEIGHBOURS, len(points.x))
    distance, index = cKDTree(points.x).query(points.x, k=near)
    return np.asarray(distance).reshape(-1, near) ** 2, np.asarray(index).reshape(-1, near)


def _starts(points: Points, p: float, tree: tuple[Array, NDArray[np.intp]], rng: np.random.Generator) -> list[Array]:
    """Means of the best of many balls of a probability: around all points if balls are small, otherwise around some."""
    near, index = tree
    weight = points.weight[index]
    inside = np.clip(p - (np.cumsum(weight, axis=1) - weight), 0.0, weight)
    full = inside.sum(axis=1) > p * (1.0 - 1e-12)
    if full.any():
        values = np.where(full, np.einsum("ij,ij->i", inside, near), np.inf)
        best = _apart(points.x, values)
        return [inside[i] @ points.x[index[i]] / p for i in best]
    return _among(_subset(points, rng), p, rng)


def _subset(points: Points, rng: np.random.Generator) -> Points:
    """A sample of the points, drawn by weight, for a fast search; all of them if they are few."""
    if len(points.x) <= SUBSET:
        return points
    chosen = rng.choice(len(points.x), SUBSET, replace=False, p=points.weight)
    weight = np.full(SUBSET, 1.0 / SUBSET)
    return Points(points.x[chosen], weight, points.squares[chosen])


def _among(points: Points, p: float, rng: np.random.Generator) -> list[Array]:
    least, most = STARTS
    count = min(len(points.x), max(least, min(most, math.ceil(8.0 / p))))
    centres = list(points.x[rng.choice(len(points.x), count, replace=False)])
    directions = rng.normal(size=(DIRECTIONS, points.x.shape[1]))
    # a half-space is a ball whose centre is far away
    centres += [points.ball(1e3 * one / float(np.linalg.norm(one)), p)[1] for one in directions]
    candidates = [points.descend(centre, p, steps=4) for centre in centres]
    best = _apart(np.array([centre for _, centre in candidates]), np.array([value for value, _ in candidates]))
    return [candidates[i][1] for i in best]


def _apart(places: Array, values: Array) -> list[int]:
    """Indices of the least values, no two at nearly the same place."""
    order, kept = np.argsort(values, kind="stable").tolist(), list[int]()
    for i in order[: 16 * KEPT]:
        if not math.isfinite(values[i]) or len(kept) == KEPT:
            break
        near = [j for j in kept if np.sum((places[i] - places[j]) ** 2) < 1e-8]
        if not near:
            kept.append(i)
    return kept

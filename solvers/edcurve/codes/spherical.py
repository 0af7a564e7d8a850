"""Cells of the sphere in R³ bounded by circles: exact areas and means, from their arcs."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NEIGHBOURS = 14  # initial number of cells that are tried as neighbours
CLOSED = 1e-9  # share of the sphere by which the sum of the areas may differ from it


class Arcs(NamedTuple):
    """Arcs of a cell's edge, with the cell on the left."""

    axis: Array  # of the circle, shape (n, 3); the cell is on its side
    height: Array  # of the circle along the axis
    first: Array  # two directions that complete the axis
    second: Array
    start: Array  # angles
    stop: Array


def measures(centres: Array, offsets: Array) -> tuple[Array, Array]:
    """Probability and mean of each cell {x : ⟨x, cᵢ⟩ − bᵢ is greatest} of the unit sphere.

    Parameters
    ----------
    centres : ndarray, shape (K, 3)
        cᵢ, all distinct.
    offsets : ndarray, shape (K,)
        bᵢ.

    Returns
    -------
    ndarray, shape (K,), and ndarray, shape (K, 3)
        Probabilities, and means (0 where a cell is empty).

    Raises
    ------
    ValueError
        If the areas of the cells do not sum to that of the sphere, for example because a cell is not connected.
    """
    count = len(centres)
    near = min(count - 1, NEIGHBOURS)
    while True:
        cells = [_cell(i, centres, offsets, near) for i in range(count)]
        areas = np.array([area for area, _ in cells])
        if abs(areas.sum() - 4.0 * math.pi) <= CLOSED * 4.0 * math.pi:
            break
        if near == count - 1:
            raise ValueError(
                f"centres must be of connected cells, got areas of {areas.sum() / (4.0 * math.pi):.6g} spheres"
            )
        near = min(count - 1, 2 * near)
    sums = np.array([moment for _, moment in cells])
    p = areas / (4.0 * math.pi)
    return p, np.where(p[:, None] > 0.0, sums / np.maximum(areas, 1e-300)[:, None], 0.0)


def corners(centres: Array, offsets: Array) -> list[Array]:
    """Corners of each cell along its edge, with the cell on the left; none for cells with fewer than 3 arcs."""
    polygons = []
    for i in range(len(centres)):
        arcs = _edge(i, centres, offsets, min(len(centres) - 1, 2 * NEIGHBOURS))
        if not isinstance(arcs, Arcs) or len(arcs.start) < 3:
            polygons.append(np.zeros((0, 3)))
            continue
        cosine, sine = np.cos(arcs.start)[:, None], np.sin(arcs.start)[:, None]
        radius = np.sqrt(1.0 - arcs.height**2)[:, None]
        points = arcs.height[:, None] * arcs.axis + radius * (cosine * arcs.first + sine * arcs.second)
        middle = points.mean(axis=0)
        across = np.cross(middle, points[0] - middle)
        towards = np.cross(across, middle)
        angle = np.arctan2(np.linalg.norm(middle) * (points @ across), points @ towards)
        polygons.append(points[np.argsort(angle)])
    return polygons


def _cell(i: int, centres: Array, offsets: Array, near: int) -> tuple[float, Array]:
    """Area of a cell, and the integral of x over it."""
    arcs = _edge(i, centres, offsets, near)
    return _integrals(arcs) if isinstance(arcs, Arcs) else (arcs, np.zeros(3))


def _edge(i: int, centres: Array, offsets: Array, near: int) -> Arcs | float:
    """Arcs of the edge of a cell, or its area if it has none."""
    others = np.delete(np.arange(len(centres)), i)
    if others.size == 0:
        return 4.0 * math.pi
    gap = centres[i] - centres[others]
    length = np.linalg.norm(gap, axis=1)
    height = (offsets[i] - offsets[others]) / length
    # the circles nearest to the centre of the cell, which cut off most
    kept = np.argsort(np.einsum("ij,j->i", gap, centres[i]) / length - height * np.linalg.norm(centres[i]))[:near]
    axis, height = gap[kept] / length[kept, None], height[kept]
    if (height >= 1.0).any():
        return 0.0
    cutting = height > -1.0
    if not cutting.any():
        return 4.0 * math.pi
    arcs = _arcs(axis[cutting], height[cutting])
    return 0.0 if arcs is None else arcs


def _arcs(axis: Array, height: Array) -> Arcs | None:
    """The parts of each circle on which all other conditions ⟨x, axis⟩ ≥ height hold."""
    least = np.eye(3)[np.abs(axis).argmin(axis=1)]
    first = np.cross(axis, least)
    first /= np.linalg.norm(first, axis=1)[:, None]
    second = np.cross(axis, first)
    radius = np.sqrt(1.0 - height * height)
    # on circle j: A + B cos φ + C sin φ ≥ 0 for every k
    A = height[:, None] * (axis @ axis.T) - height[None, :]
    B, C = radius[:, None] * (first @ axis.T), radius[:, None] * (second @ axis.T)
    size = np.hypot(B, C)
    np.fill_diagonal(A, 1.0)
    np.fill_diagonal(size, 0.0)
    found = []
    cuts = np.abs(A) < size
    for j in np.flatnonzero((A + size >= 0.0).all(axis=1)).tolist():
        cut = cuts[j]
        centre, half = np.arctan2(C[j, cut], B[j, cut]), np.arccos(-A[j, cut] / size[j, cut])
        ends = np.sort(np.concatenate([centre - half, centre + half]) % (2.0 * math.pi))
        if ends.size == 0:
            found.append((j, 0.0, 2.0 * math.pi))
            continue
        stops = np.append(ends[1:], ends[0] + 2.0 * math.pi)
        middle = 0.5 * (ends + stops)
        holds = A[j, cut] + np.outer(np.cos(middle), B[j, cut]) + np.outer(np.sin(middle), C[j, cut]) >= 0.0
        found += [(j, ends[k], stops[k]) for k in np.flatnonzero(holds.all(axis=1) & (stops - ends > 1e-14))]
    if not found:
        return None
    index, start, stop = (np.array(column) for column in zip(*found, strict=True))
    return Arcs(axis[index], height[index], first[index], second[index], start, stop)


def _integrals(arcs: Arcs) -> tuple[float, Array]:
    """Area by the Gauss–Bonnet theorem, and ∫ x = ½ ∮ x × dx."""
    radius = np.sqrt(1.0 - arcs.height**2)
    turn = arcs.stop - arcs.start

    def at(angle: Array) -> tuple[Array, Array]:
        cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
        point = arcs.height[:, None] * arcs.axis + radius[:, None] * (cosine * arcs.first + sine * arcs.second)
        return point, cosine * arcs.second - sine * arcs.first

    (begin, leaving), (end, arriving) = at(arcs.start), at(arcs.stop)
    rise = (np.sin(arcs.stop) - np.sin(arcs.start))[:, None] * arcs.first
    rise = rise + (np.cos(arcs.start) - np.cos(arcs.stop))[:, None] * arcs.second
    moment = 0.5 * (radius[:, None] ** 2 * turn[:, None] * arcs.axis - (radius * arcs.height)[:, None] * rise).sum(
        axis=0
    )
    whole = turn >= 2.0 * math.pi - 1e-12
    loops, corners = int(whole.sum()), 0.0
    remaining = np.flatnonzero(~whole).tolist()
    while remaining:  # loop by loop, where each arc is followed by the one that begins at its end
        loops += 1
        arc = origin = remaining[0]
        while True:
            distances = ((begin[remaining] - end[arc]) ** 2).sum(axis=1)
            follower = remaining[int(distances.argmin())]
            side = float(np.dot(end[arc], np.cross(arriving[arc], leaving[follower])))
            corners += math.atan2(side, float(np.dot(arriving[arc], leaving[follower])))
            remaining.remove(follower)
            arc = follower
            if arc == origin:
                break
    area = 2.0 * math.pi * (2 - loops) - float((arcs.height * turn).sum()) - corners
    return area % (4.0 * math.pi), moment

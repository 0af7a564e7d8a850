"""Codes of spheres and rotations with congruent cells: by the order of the coordinates' magnitudes, and by signs.

A cell tells which coordinates have the g₁ largest magnitudes, which the g₂ next ones, and so on. It also tells their
signs, in the last group only those of its first few coordinates.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

LARGEST = 24  # most coordinates that are ordered by magnitude
GROUPS, FEW = 3, 8  # most groups; no limit up to FEW coordinates

Groups = tuple[int, ...]


def candidates(coordinates: int) -> Iterator[tuple[Groups, int]]:
    """Sizes of the groups, and the number of known signs in the last one."""
    most = coordinates if coordinates <= FEW else GROUPS if coordinates <= LARGEST else 1
    for groups in _compositions(coordinates, most):
        for signs in range(groups[-1] + 1):
            yield groups, signs


def _compositions(total: int, most: int) -> Iterator[Groups]:
    yield (total,)
    if most > 1:
        for first in range(1, total):
            for rest in _compositions(total - first, most - 1):
                yield (first, *rest)


def cells(groups: Groups, signs: int, paired: bool) -> int:
    """Number of cells; if `paired`, opposite points are the same, and the sign of one coordinate tells nothing."""
    orders = math.factorial(sum(groups))
    for size in groups:
        orders //= math.factorial(size)
    known = sum(groups[:-1]) + signs
    return orders << (known - 1 if paired and known else known)


def codewords(groups: Groups, signs: int, paired: bool, magnitudes: Sequence[float]) -> NDArray[np.float64]:
    """Means of the cells, one in each row, from the means of the sorted magnitudes.

    Points are nearest to the mean of their own cell if the last group has all its signs or none, or is the only one.
    """
    ends = np.cumsum((0, *groups))
    values = [float(np.mean(magnitudes[start:end])) for start, end in itertools.pairwise(ends)]
    told = sum(groups[:-1]) + signs
    turns = np.array(list(itertools.product((1.0, -1.0), repeat=told)))
    rows = []
    for arrangement in _arrangements(groups, tuple(range(sum(groups)))):
        places = [place for group in arrangement for place in group][:told]
        row = np.zeros((len(turns), sum(groups)))
        row[:, places] = turns * np.repeat(values, groups)[:told]
        rows.append(row[: len(row) // 2] if paired else row)
    return np.concatenate(rows)


def _arrangements(groups: Groups, places: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], ...]]:
    if len(groups) == 1:
        yield (places,)
        return
    for chosen in itertools.combinations(places, groups[0]):
        remaining = tuple(place for place in places if place not in chosen)
        for others in _arrangements(groups[1:], remaining):
            yield (chosen, *others)

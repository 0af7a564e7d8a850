"""The number of cells that a problem needs, estimated from equal cells alone."""

from __future__ import annotations

import numpy as np

from .cell_distortion import CellDistortion, Floats, checked
from .partition_batch import Ints

MOST_CELLS = 100_000
"""Partitions into more cells than this are refused."""

ROUNDING = 8 * float(np.finfo(float).eps)
"""A partition meets D if Σ d ≤ D (1 + ROUNDING)."""


def whole_cell(d: CellDistortion) -> float:
    """Compute d(1), the distortion of one cell."""
    one = np.ones(1)
    whole = float(checked(d(one), one, "the cell distortion d")[0])
    if whole <= 0:
        raise ValueError(f"the cell distortion d must be above 0 at 1, got {whole!r}")
    return whole


def fewest_cells(d: CellDistortion, levels: Floats, most: int) -> Ints:
    """Find the least K with K d(1/K) ≤ D, for each D of ``levels``.

    K d(1/K) need not fall with K. Its running minimum does, and first reaches D at the same K.
    """
    allowed, number = levels * (1 + ROUNDING), min(64, most)
    least = _least_totals(d, number)
    while least[-1] > allowed.min():
        if number >= most:
            raise ValueError(_too_few(float(levels.min()), float(least[-1]), most))
        number = min(4 * number, most)
        least = _least_totals(d, number)
    return np.searchsorted(-least, -allowed) + 1


def _least_totals(d: CellDistortion, number: int) -> Floats:
    """Compute the least distortion of at most K equal cells, K = 1, …, ``number``."""
    count = np.arange(1.0, number + 1)
    totals: Floats = np.minimum.accumulate(count * checked(d(1 / count), count, "the cell distortion d"))
    return totals


def _too_few(level: float, reached: float, most: int) -> str:
    return (
        f"distortion {level!r} takes more than {most} equal cells, which reach {reached:.6g}; "
        f"allow more (max_cells, at most {MOST_CELLS}) or ask for a larger distortion"
    )


def uniform_cells(d: CellDistortion, lmbda: float) -> int:
    """Find the number n of equal cells that minimises log n + λ n d(1/n): on a grid of sizes, then near its best."""
    sizes = np.geomspace(1 / MOST_CELLS, 1.0, 4001)
    price = -np.log(sizes) + lmbda * checked(d(sizes), sizes, "the cell distortion d") / sizes
    best = float(sizes[np.argmin(price)])
    if best < 2 / MOST_CELLS:
        raise ValueError(f"lmbda = {lmbda!r} asks for more than {MOST_CELLS // 2} cells; ask for a smaller one")
    near = np.arange(max(1.0, np.floor(0.99 / best)), np.ceil(1.01 / best) + 1)
    total = np.log(near) + lmbda * near * checked(d(1 / near), near, "the cell distortion d")
    return int(near[np.argmin(total)])

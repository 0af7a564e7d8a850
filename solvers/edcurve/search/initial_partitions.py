"""Initial partitions of a search: random ones of unequal cells, and the structures that minimisers can have."""

from __future__ import annotations

import numpy as np

from .cell_distortion import Evaluate, Floats
from .partition_batch import Group, Ints, PartitionBatch, build, normalised

WIDEST = 32
"""Most cells that a random start gives a size of its own each; with more it has 8 groups of equal cells."""


def random_starts(
    rng: np.random.Generator, owners: Ints, number: int, fewest: Ints, most: Ints, targets: Floats
) -> PartitionBatch:
    """Draw ``number`` random partitions for each owner, of ``fewest`` to ``most`` cells, from Dirichlet laws.

    The concentrations run from 0.3 (few cells hold nearly everything) to 10 (nearly equal cells).
    """
    owner = np.repeat(owners, number)
    cells = rng.integers(fewest[owner], most[owner] + 1)
    width = int(min(cells.max(), WIDEST)) if cells.size else 1
    alpha = rng.choice(np.array([0.3, 1.0, 3.0, 10.0]), size=(owner.size, 1))
    sizes = rng.standard_gamma(alpha, size=(owner.size, width)) / alpha + 1e-4
    counts = np.where(np.arange(width) < cells[:, None], 1.0, 0.0)
    large = cells > width
    if large.any():
        counts[large] = _compositions(rng, cells[large], width)
    return normalised(PartitionBatch(sizes, counts, owner, targets[owner]))


def _compositions(rng: np.random.Generator, cells: Ints, width: int, groups: int = 8) -> Floats:
    """Draw numbers of cells in ``groups`` groups, at least one in each, adding up to ``cells``."""
    share = rng.dirichlet(np.full(groups, 0.5), size=cells.size)
    counts = np.zeros((cells.size, width))
    counts[:, :groups] = 1 + np.floor(share * (cells - groups)[:, None])
    counts[:, 0] += cells - counts.sum(axis=1)
    return counts


def structured_starts(owners: Ints, fewest: Ints, most: Ints, targets: Floats) -> PartitionBatch:
    """List the structured starts: n equal cells with one larger, one smaller or both; n₁ and n₂ equal ones."""
    rows: list[tuple[int, list[Group]]] = []
    for owner in owners.tolist():
        low, high = int(fewest[owner]), int(most[owner])
        rows += [(owner, groups) for n in _ladder(low, high) for groups in _with_one_odd(n)]
        rows += [(owner, [(2.0, n), (1.0, total - n)]) for total, n in _pairs(low, high)]
    return build(rows, targets)


def _ladder(low: int, high: int) -> list[int]:
    """List numbers of cells to try: each from ``low`` − 1 to ``low`` + 12, then about 20 up to ``high``."""
    near = list(range(max(low - 1, 1), min(low + 12, high) + 1))
    far = np.unique(np.geomspace(max(low, 1), max(high, low, 1), 40).astype(int)).tolist()
    return sorted({*near, *far[::2], high})


def _with_one_odd(n: int) -> list[list[Group]]:
    """List n equal cells with a larger one, with a smaller one, and with both."""
    large = [[(4.0, 1.0), (1.0, n)], [(4.0, 1.0), (1.0, n), (0.25, 1.0)], [(50.0, 1.0), (1.0, n), (0.5, 1.0)]]
    small = [[(1.0, n), (0.5, 1.0)], [(1.0, n), (1e-3, 1.0)]]
    return [*large, *small]


def _pairs(low: int, high: int, limit: int = 40) -> list[tuple[int, int]]:
    """List total numbers of cells with how many of them are larger, thinned to about ``limit``."""
    totals = range(max(low, 4), min(low + 3, high) + 1)
    pairs = [(total, n) for total in totals for n in range(2, total - 1)]
    return pairs[:: 1 + len(pairs) // limit]


def tempered(evaluate: Evaluate, parts: PartitionBatch) -> PartitionBatch:
    """Raise the sizes of each row to the power β at which the row meets its distortion, and leave out rows without one.

    β = 0 makes all cells equal, which has the least distortion with so many; β → ∞ leaves only the largest ones.
    """
    logs = np.log(normalised(parts).sizes)
    low, high = np.zeros(parts.owner.size), np.ones(parts.owner.size)
    for _ in range(9):  # β up to 512
        high = np.where(_excess(evaluate, parts, logs, high) < 0, 2 * high, high)
    feasible = (_excess(evaluate, parts, logs, low) <= 0) & (_excess(evaluate, parts, logs, high) >= 0)
    kept = parts.take(feasible)
    logs, low, high = np.log(normalised(kept).sizes), low[feasible], high[feasible]
    for _ in range(16):
        middle = (low + high) / 2
        below = _excess(evaluate, kept, logs, middle) < 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return _powers(kept, logs, (low + high) / 2)


def _powers(parts: PartitionBatch, logs: Floats, exponent: Floats) -> PartitionBatch:
    scaled = np.where(parts.counts > 0, exponent[:, None] * logs, -np.inf)
    scaled -= scaled.max(axis=1, keepdims=True)
    return normalised(parts._replace(sizes=np.maximum(np.exp(scaled), 1e-12)))


def _excess(evaluate: Evaluate, parts: PartitionBatch, logs: Floats, exponent: Floats) -> Floats:
    moved = _powers(parts, logs, exponent)
    excess: Floats = (moved.counts * evaluate(moved.sizes).value).sum(axis=1) - moved.target
    return excess

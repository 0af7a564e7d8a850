"""Initial partitions of a search: random unequal cells, and the structures that minimisers can have."""

from __future__ import annotations

import numpy as np

from .cell_distortion import Floats, TabulatedDistortion
from .partition_batch import Group, Ints, PartitionBatch, build, normalised

WIDEST = 32
"""Random starts with up to this many cells draw each size; larger ones have 8 groups of equal cells."""


def random_starts(
    rng: np.random.Generator, owners: Ints, number: int, fewest: Ints, most: Ints, parameter: Floats
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
    return normalised(PartitionBatch(sizes, counts, owner, parameter[owner]))


def _compositions(rng: np.random.Generator, cells: Ints, width: int, groups: int = 8) -> Floats:
    """Draw numbers of cells in ``groups`` groups, at least one in each, that sum to ``cells``."""
    share = rng.dirichlet(np.full(groups, 0.5), size=cells.size)
    counts = np.zeros((cells.size, width))
    counts[:, :groups] = 1 + np.floor(share * (cells - groups)[:, None])
    counts[:, 0] += cells - counts.sum(axis=1)
    return counts


def structured_starts(owners: Ints, fewest: Ints, most: Ints, parameter: Floats) -> PartitionBatch:
    """List the structured starts: n equal cells with one larger, one smaller or both; n₁ and n₂ equal ones."""
    rows: list[tuple[int, list[Group]]] = []
    for owner in owners.tolist():
        low, high = int(fewest[owner]), int(most[owner])
        rows += [(owner, groups) for n in _ladder(low, high) for groups in _with_one_odd(n)]
        rows += [(owner, [(2.0, n), (1.0, total - n)]) for total, n in _pairs(low, high)]
    return build(rows, parameter)


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
    """List pairs of a total number of cells and a number of larger cells, thinned to about ``limit``."""
    totals = range(max(low, 4), min(low + 3, high) + 1)
    pairs = [(total, n) for total in totals for n in range(2, total - 1)]
    return pairs[:: 1 + len(pairs) // limit]


def tempered(d: TabulatedDistortion, parts: PartitionBatch) -> PartitionBatch:
    """Raise the sizes of each row to the power that meets its distortion, and drop rows without such a power."""
    exponent = d.exponents(parts.sizes, parts.counts, parts.parameter)
    kept, exponent = parts.take(np.isfinite(exponent)), exponent[np.isfinite(exponent), None]
    present = kept.counts > 0
    largest = np.where(present, kept.sizes, 0.0).max(axis=1, keepdims=True, initial=1e-300)
    powers = np.where(present, kept.sizes / largest, 1.0) ** exponent
    return normalised(kept._replace(sizes=np.maximum(powers, 1e-12)))

"""Partitions whose distortion is proved to be at most D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb

from .models import Model

LARGEST_EXTRA = -30  # exponent of 2


@dataclass(frozen=True)
class FeasiblePartition:
    """Cells of sizes s_i (1 − τ)/Σs and, if τ > 0, one more of size τ: their sum is 1 exactly."""

    sizes: tuple[float, ...]
    extra: arb
    entropy: arb


def inside(model: Model, D: float, sizes: Sequence[float]) -> FeasiblePartition | None:
    """Partition into about these sizes, its distortion proved to be at most D; None if that is not possible.

    Cells that exceed D by a rounding error are shrunk for one more cell, as small as suffices. A cell of size τ lowers
    the distortion by the order of τ and raises the entropy by about τ ln 1/τ.
    """
    for exponent in (None, *range(-60, LARGEST_EXTRA, 2)):
        extra = arb(0) if exponent is None else arb(2) ** exponent
        scale = (1 - extra) / sum(map(arb, sizes), arb(0))
        cells = [arb(size) * scale for size in sizes] + ([] if exponent is None else [extra])
        if sum(map(model.distortion, cells), arb(0)) <= arb(D):
            return FeasiblePartition(tuple(sizes), extra, -sum((p * p.log() for p in cells), arb(0)))
    return None

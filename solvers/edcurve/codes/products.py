"""Codes of the torus that divide each circle by itself: one into equal cells, the other into those and an odd one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edcurve.sources import Circle

Array = NDArray[np.float64]


class Product(NamedTuple):
    """Entropy in nats, distortion, and the sizes of the cells of both circles."""

    entropy: float
    distortion: float
    sizes: tuple[Array, Array]


@dataclass(frozen=True, eq=False)
class ProductCells:
    """Cells of the unscaled torus: pairs of arcs, of these sizes one after the other."""

    sizes: tuple[Array, Array]
    radii: tuple[float, float]

    def nearest(self, x: Array) -> NDArray[np.intp]:
        """Cells of points."""
        turns = np.arctan2(x[:, 1::2], x[:, ::2]) / (2.0 * math.pi) % 1.0
        edges = [np.cumsum(one)[:-1] for one in self.sizes]
        first, second = (np.searchsorted(edge, turn, side="right") for edge, turn in zip(edges, turns.T, strict=True))
        return np.asarray(first * len(self.sizes[1]) + second)

    def means(self) -> Array:
        """Means of the cells: in the middle of their arcs."""
        found = []
        for sizes, radius in zip(self.sizes, self.radii, strict=True):
            angle = 2.0 * math.pi * (np.cumsum(sizes) - 0.5 * sizes)
            length = radius * np.sinc(sizes)
            found.append(np.stack([length * np.cos(angle), length * np.sin(angle)], axis=1))
        first, second = found
        pairs = [np.repeat(first, len(second), axis=0), np.tile(second, (len(first), 1))]
        return np.concatenate(pairs, axis=1)


def best(distortion: float, squares: tuple[float, float], most: int) -> Product | None:
    """The product of at most so many cells with the least entropy for that distortion; None if there is none."""
    least: Product | None = None
    for first in (0, 1):
        for count in range(1, most + 1):
            if least is not None and math.log(count) >= least.entropy:
                break
            rest = distortion - squares[first] * _mean(np.array(1.0 / count))
            if rest <= 0.0:
                continue
            sizes = _sizes(float(rest / squares[1 - first]), most // count)
            if sizes is None:
                continue
            both = (np.full(count, 1.0 / count), sizes) if first == 0 else (sizes, np.full(count, 1.0 / count))
            entropy = math.log(count) - math.fsum(p * math.log(p) for p in sizes.tolist())
            if least is None or entropy < least.entropy:
                reached = math.fsum(
                    square * p * float(_mean(np.array(p)))
                    for square, one in zip(squares, both, strict=True)
                    for p in one.tolist()
                )
                least = Product(entropy, min(reached, distortion), both)
    return least


def _mean(size: Array) -> Array:
    """d(p)/p of the unit circle."""
    return np.asarray((1.0 - np.sinc(size)) * (1.0 + np.sinc(size)))


def _sizes(distortion: float, most: int) -> Array | None:
    """The circle's best cells for a distortion; None if they are more than `most`."""
    if distortion >= 1.0:
        return np.ones(1)
    law = Circle().law
    count, odd = law.model.split(law.parameters, distortion)
    if count <= 0.0 or count + 1.0 > most:
        return None
    equal = np.full(int(count), (1.0 - odd) / count)
    return np.append(equal, odd) if odd > 0.0 else equal

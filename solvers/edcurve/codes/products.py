"""Product codes of the torus: equal cells on one circle, biuniform cells on the other."""

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
    """Cells of the unscaled torus: pairs of arcs, which have these sizes in order."""

    sizes: tuple[Array, Array]
    radii: tuple[float, float]

    def nearest(self, x: Array) -> NDArray[np.intp]:
        """Index of the cell of each point."""
        turns = np.arctan2(x[:, 1::2], x[:, ::2]) / (2.0 * math.pi) % 1.0
        edges = [np.cumsum(sizes)[:-1] for sizes in self.sizes]
        first, second = (np.searchsorted(edge, turn, side="right") for edge, turn in zip(edges, turns.T, strict=True))
        return np.asarray(first * len(self.sizes[1]) + second)

    def means(self) -> Array:
        """Means of the cells, in the directions of the middles of their arcs."""
        of_circles = []
        for sizes, radius in zip(self.sizes, self.radii, strict=True):
            angle = 2.0 * math.pi * (np.cumsum(sizes) - 0.5 * sizes)
            length = radius * np.sinc(sizes)
            of_circles.append(np.stack([length * np.cos(angle), length * np.sin(angle)], axis=1))
        first, second = of_circles
        pairs = [np.repeat(first, len(second), axis=0), np.tile(second, (len(first), 1))]
        return np.concatenate(pairs, axis=1)


def best(distortion: float, squares: tuple[float, float], most: int) -> Product | None:
    """The product of at most ``most`` cells with the least entropy for a distortion; None if there is none."""
    least: Product | None = None
    for first in (0, 1):
        for count in range(1, most + 1):
            if least is not None and math.log(count) >= least.entropy:
                break
            remainder = distortion - squares[first] * _mean(np.array(1.0 / count))
            if remainder <= 0.0:
                continue
            sizes = _sizes(float(remainder / squares[1 - first]), most // count)
            if sizes is None:
                continue
            pair = (np.full(count, 1.0 / count), sizes) if first == 0 else (sizes, np.full(count, 1.0 / count))
            entropy = math.log(count) - math.fsum(p * math.log(p) for p in sizes.tolist())
            if least is None or entropy < least.entropy:
                reached = math.fsum(
                    square * p * float(_mean(np.array(p)))
                    for square, circle in zip(squares, pair, strict=True)
                    for p in circle.tolist()
                )
                least = Product(entropy, min(reached, distortion), pair)
    return least


def _mean(size: Array) -> Array:
    """d(p)/p of the unit circle."""
    return np.asarray((1.0 - np.sinc(size)) * (1.0 + np.sinc(size)))


def _sizes(distortion: float, most: int) -> Array | None:
    """The circle's best cells for a distortion; None if there are more than `most`."""
    if distortion >= 1.0:
        return np.ones(1)
    law = Circle().law
    count, odd = law.model.split(law.parameters, distortion)
    if count <= 0.0 or count + 1.0 > most:
        return None
    equal = np.full(int(count), (1.0 - odd) / count)
    return np.append(equal, odd) if odd > 0.0 else equal

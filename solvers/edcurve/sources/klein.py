"""The Klein bottle of image patches: high-contrast patches of photographs lie near it."""

from __future__ import annotations

import math
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from .balls import Balls
from .base import Array
from .parameter_grids import CLOSED, TWISTED, Side
from .sampled_surface import SampledSurface, Samples
from .surfaces import Surface

ROWS, COLUMNS = 64, 128  # samples of the angle φ over half a turn, and of ψ over a whole one
ACROSS = np.array([-1.0, 0.0, 1.0] * 3)  # x and y of the nine pixels, row by row from the top
UP = np.array([1.0, 0.0, -1.0]).repeat(3)


class KleinBottle(SampledSurface):
    """Patches c(x cos φ + y sin φ)² + s(x cos φ + y sin φ) of 3 × 3 pixels, c = cos ψ, s = sin ψ.

    φ and ψ are independent and uniform. The mean of a patch is subtracted, and its nine pixels are divided by their
    Euclidean length: squared errors are sums over the pixels, and D_max = 1. (φ, ψ) and (φ + π, −ψ) are the same patch,
    so that the surface is a Klein bottle. φ is the direction in which a patch varies; with ψ it changes from a light
    line through an edge to a dark line and back. High-contrast patches of photographs are near this surface [1]_.

    d(p), bounds and codes are those of 64 × 128 samples of φ in [0, π) and ψ in [0, 2π), as in `Source.from_surface`.
    The package includes them, and ``python -m edcurve.optimum.klein_table FILE.npz`` computes them again.
    `realizations` are those of the surface itself.

    References
    ----------
    .. [1] G. Carlsson, T. Ishkhanov, V. de Silva and A. Zomorodian, "On the local behavior of spaces of natural
       images", Int. J. Computer Vision 76 (2008), 1–12.
    """

    def __init__(self) -> None:
        Surface.__init__(self, "klein", 1.0, ())

    @property
    def samples(self) -> Samples:
        """The points with their probabilities."""
        return _samples()

    @property
    def coordinates(self) -> int:
        """Number of coordinates: nine pixels, row by row from the top."""
        return 9

    def _realized(self, numbers: Array) -> Array:
        return patches(math.pi * numbers[..., 0], 2.0 * math.pi * numbers[..., 1])


def patches(direction: Array, kind: Array) -> Array:
    """Patches of φ and ψ, nine pixels along the last axis."""
    along = np.multiply.outer(np.cos(direction), ACROSS) + np.multiply.outer(np.sin(direction), UP)
    x = np.cos(kind)[..., None] * (along * along - 2.0 / 3.0) + np.sin(kind)[..., None] * along
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))


@lru_cache(maxsize=1)
def _samples() -> Samples:
    samples = unsearched()
    table = shipped()
    vars(samples)["balls"] = Balls(table["p"], table["mean"])  # in place of a search
    return samples


@lru_cache(maxsize=1)
def shipped() -> dict[str, Array]:
    """The searched tables of `edcurve.optimum.klein_table`: d(p)/p over p, bounds on H + λD over λ, and codes."""
    with np.load(str(files("edcurve") / "data" / "klein.npz")) as stored:
        return {name: stored[name] for name in stored.files}


def unsearched() -> Samples:
    """The samples alone."""
    shape = ROWS, COLUMNS
    first, second = (np.arange(count) / count for count in shape)
    x = patches(*np.meshgrid(math.pi * first, 2.0 * math.pi * second, indexing="ij"))
    weight: NDArray[np.float64] = np.full(shape, 1.0 / x[..., 0].size)
    return Samples(x, weight, (Side(TWISTED), Side(CLOSED)), "klein")

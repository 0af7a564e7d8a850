"""`SurfaceCode`: a code of a surface, with its cells, their means, its entropy and its distortion."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation
from edcurve.sources import Surface

from . import spherical
from .lattices import Lattice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

CHUNK = 2**22  # points × cells that are compared at once


class Cells(Protocol):
    """Cells of the unscaled source."""

    def nearest(self, x: Array) -> NDArray[np.intp]:
        """Cells of points, shape (n, coordinates)."""

    def means(self) -> Array:
        """Means of the cells, shape (K, coordinates)."""


@dataclass(frozen=True, eq=False)
class SphereCells:
    """Cells {x : ⟨x, cᵢ⟩ − bᵢ is greatest} of the unit sphere in R³, bounded by circles."""

    centres: Array
    offsets: Array

    def nearest(self, x: Array) -> NDArray[np.intp]:
        """Index of the cell of each point."""
        return np.asarray(np.argmax(x @ self.centres.T - self.offsets, axis=1))

    def means(self) -> Array:
        """Means of the cells, exactly."""
        return spherical.measures(self.centres, self.offsets)[1]


@dataclass(frozen=True)
class TorusCells:
    """Cells of the points nearest to each point of a subgroup, in its metric."""

    lattice: Lattice
    radii: tuple[float, float]

    def nearest(self, x: Array) -> NDArray[np.intp]:
        """Index of the cell of each point."""
        angles = np.arctan2(x[:, 1::2], x[:, ::2]) / (2.0 * math.pi)
        apart = angles[:, None, :] - self.lattice.points()[None, :, :]
        apart -= np.rint(apart)
        return np.asarray(np.argmin((apart * apart) @ np.array(self.lattice.weights), axis=1))

    def means(self) -> Array:
        """Means of the cells: the points of the subgroup with shorter radii."""
        angles = 2.0 * math.pi * self.lattice.points()
        length = np.array(self.radii) * np.array(self.lattice.cosines)
        pairs = np.stack([np.cos(angles), np.sin(angles)], axis=-1) * length[:, None]
        return np.asarray(pairs.reshape(len(angles), 4))


@dataclass(frozen=True, eq=False)
class SurfaceCode:
    """A code of a surface: cells, and their means as reproductions.

    For the sphere in R³ and for tori everything is exact. For rotations and spheres in higher dimensions the means are
    those of the search's points, and entropy and distortion are upper ends: means over 131072 other points plus three
    standard errors.

    Attributes
    ----------
    source : Surface
        The coded source.
    cells : int
        Number of cells.
    entropy : float
        Entropy of the index, in units of `base`.
    distortion : float
        Mean squared error with the means as reproductions.
    """

    source: Surface
    cells: int
    entropy: float
    distortion: float
    _plain: Cells = field(repr=False)

    @property
    def status(self) -> str:
        """Status of the source's E(D), on which this is an upper bound."""
        return self.source.status

    def encode(self, x: ArrayLike) -> Any:
        """Index of the cell.

        Parameters
        ----------
        x : array_like, shape (…, coordinates)
            Realizations along the last axis.

        Returns
        -------
        int or ndarray of int64
            Indices from 0 to ``cells − 1``.
        """
        array = validation.as_array("x", x, "x must be real numbers, got {what}")
        points = self.source._checked(array, self.source.coordinates)
        flat = points.reshape(-1, self.source.coordinates)
        step = max(1, CHUNK // self.cells)
        parts = [self._plain.nearest(flat[i : i + step]) for i in range(0, len(flat), step)]
        index = np.concatenate([np.zeros(0, dtype=np.int64), *parts]).astype(np.int64).reshape(points.shape[:-1])
        return index if index.ndim else int(index)

    def decode(self, index: ArrayLike) -> Array:
        """Means E[X | cell] of cells, of the shape of `index` followed by an axis of coordinates."""
        cells = validation.integers("index", index, "index must be of integers")
        if cells.size and not (cells.min() >= 0 and cells.max() < self.cells):
            raise ValueError(f"index must be between 0 and {self.cells - 1}, got {cells.min()} to {cells.max()}")
        return np.asarray(self.centroids[cells])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the cells, coloured by their probability, and their means.

        The sphere in R³ appears as two discs, one per hemisphere, in Lambert's azimuthal equal-area projection. A torus
        appears as the square of its two angles. A surface of samples appears as the square of its two parameters,
        stretched so that equal areas are equal probabilities; a pixel shows the cell of the point interpolated there.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; a new figure if omitted.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            For other sources.
        """
        from .pictures import draw

        return draw(self, ax)

    @property
    def centroids(self) -> Array:
        """Means of all cells, shape (cells, coordinates)."""
        return np.asarray(self.source._amplitude * self._plain.means())

"""Pictures of the cells of a code: both hemispheres of the sphere in R³, other surfaces as a square of parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from edcurve.sources import KleinBottle, SampledSurface, Sphere, Surface, Torus

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

PIXELS = 600  # per side
GRID = 300  # per side of the square of samples, whose pixels cost more
LOW, HIGH = 0.5, 1.5  # limits of the colours, as multiples of the mean probability
APART = 1.1  # distance of the centres of the two discs from the middle, in radii


class Drawable(Protocol):
    """The fields of a code that a picture shows; `SurfaceCode` has them."""

    @property
    def source(self) -> Surface:
        """The coded source."""

    @property
    def cells(self) -> int:
        """Number of cells."""

    @property
    def distortion(self) -> float:
        """Mean squared error."""

    @property
    def centroids(self) -> Array:
        """Means of the cells, shape (cells, coordinates)."""

    def encode(self, x: Array) -> Any:
        """Index of the cell."""


class Shown(NamedTuple):
    """Pixels of equal areas of the source: a mask of those on it, their points, and the positions of the means."""

    inside: NDArray[np.bool_]  # shape (rows, columns)
    points: Array  # shape (inside.sum(), coordinates), of the unscaled source
    extent: tuple[float, float, float, float]
    marks: Array  # shape (K, 2)


def draw(code: Drawable, ax: Axes | None = None) -> Axes:
    """Draw the cells, see `SurfaceCode.plot`."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(6.4, 3.6 if isinstance(code.source, Sphere) else 5.6), layout="constrained")
    shown = _pixels(code.source, code.centroids / code.source._amplitude)
    index = np.full(shown.inside.shape, -1)
    index[shown.inside] = code.encode(code.source._amplitude * shown.points)
    share = np.bincount(index[shown.inside], minlength=code.cells) * code.cells / shown.inside.sum()
    picture = np.ma.masked_array(share[index], ~shown.inside)
    drawn = ax.imshow(
        picture, origin="lower", extent=shown.extent, cmap="RdYlBu_r", vmin=LOW, vmax=HIGH, interpolation="nearest"
    )
    ax.imshow(_edges(index), origin="lower", extent=shown.extent, cmap="gray", vmin=0.0, vmax=1.0)
    ax.plot(*shown.marks.T, "k.", ms=3.0)
    beyond = "both" if picture.min() < LOW or picture.max() > HIGH else "neither"
    ax.figure.colorbar(drawn, ax=ax, label="probability · number of cells", shrink=0.8, extend=beyond)
    ax.set_title(f"{code.source.name}: {code.cells} cells, D = {code.distortion:.4g}".replace("$", r"\$"))
    if isinstance(code.source, Sphere):
        ax.set_axis_off()
    else:
        across, up = _labels(code.source)
        ax.set_xlabel(across)
        ax.set_ylabel(up)
    return ax


def _labels(source: Surface) -> tuple[str, str]:
    if isinstance(source, Torus):
        return "θ₁ / 2π", "θ₂ / 2π"
    if isinstance(source, KleinBottle):
        return "φ / π", "ψ / 2π"
    return "first parameter, as a share of probability", "second parameter, as a share of probability"


def _edges(index: NDArray[np.int64]) -> Array:
    """0 at pixels adjacent to another cell, masked elsewhere."""
    edge = np.zeros(index.shape, dtype=bool)
    for axis in (0, 1):
        differs = np.diff(index, axis=axis) != 0
        edge |= np.concatenate([differs, np.zeros_like(edge.take([0], axis))], axis=axis)
    return np.ma.masked_array(np.zeros(index.shape), ~edge)


def _square(source: Torus | SampledSurface, means: Array, count: int) -> Shown:
    """The square of both parameters, in which areas are probabilities."""
    middle = (np.arange(count) + 0.5) / count
    second, first = np.meshgrid(middle, middle, indexing="ij")
    numbers = np.stack([first, second], axis=-1).reshape(-1, 2)
    points = source._realized(numbers)
    if isinstance(source, Torus):
        marks = np.arctan2(means[:, 1::2], means[:, ::2]) / (2.0 * np.pi) % 1.0
    else:  # the nearest points of the surface
        square = (points * points).sum(axis=1)
        marks = np.array([numbers[np.argmin(square - 2.0 * points @ mean)] for mean in means])
    return Shown(np.ones(first.shape, dtype=bool), points, (0.0, 1.0, 0.0, 1.0), marks)


def _pixels(source: Surface, means: Array) -> Shown:
    if isinstance(source, Torus | SampledSurface):
        return _square(source, means, PIXELS if isinstance(source, Torus) else GRID)
    if not (isinstance(source, Sphere) and source.dim == 2):
        raise ValueError(
            f"source must be sphere, a torus or a surface of samples for a picture of its cells, got {source.name!r}"
        )
    right, top = 1.0 + APART, 1.0
    across, up = np.meshgrid(
        right * (2.0 * (np.arange(2 * PIXELS) + 0.5) / (2 * PIXELS) - 1.0),
        top * (2.0 * (np.arange(PIXELS) + 0.5) / PIXELS - 1.0),
    )
    side = np.sign(across)  # the disc of z ≥ 0 is on the right, that of z ≤ 0, seen from below, on the left
    u = across - APART * side
    square = u * u + up * up
    inside = square <= 1.0
    # Lambert's azimuthal equal-area projection: z = 1 − r²
    stretch = np.sqrt(np.maximum(2.0 - square, 0.0))
    points = np.stack([side * u * stretch, up * stretch, side * (1.0 - square)], axis=-1)[inside]
    ends = means / np.linalg.norm(means, axis=1, keepdims=True)
    half = np.where(ends[:, 2] >= 0.0, 1.0, -1.0)
    stretch = np.sqrt(1.0 + np.abs(ends[:, 2]))
    marks = np.stack([half * ends[:, 0] / stretch + APART * half, ends[:, 1] / stretch], axis=1)
    return Shown(inside, points, (-right, right, -top, top), marks)

"""Pictures of the cells of a code: of the sphere in R³ from both sides, of a torus as a square of its angles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from edcurve.sources import Sphere, Surface, Torus

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

PIXELS = 600  # of a side
APART = 1.1  # of the centres of the two discs from the middle, in their radii


class Drawable(Protocol):
    """What of a code is drawn: a `SurfaceCode` has it."""

    @property
    def source(self) -> Surface:
        """What is coded."""

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
    """Pixels of equal areas of the source: which are on it, the points there, and places of the means."""

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
        picture, origin="lower", extent=shown.extent, cmap="RdYlBu_r", vmin=0.5, vmax=1.5, interpolation="nearest"
    )
    ax.imshow(_edges(index), origin="lower", extent=shown.extent, cmap="gray", vmin=0.0, vmax=1.0)
    ax.plot(*shown.marks.T, "k.", ms=3.0)
    ax.figure.colorbar(drawn, ax=ax, label="probability · number of cells", shrink=0.8)
    ax.set_title(f"{code.source.name}: {code.cells} cells, D = {code.distortion:.4g}".replace("$", r"\$"))
    if isinstance(code.source, Sphere):
        ax.set_axis_off()
    else:
        ax.set_xlabel("θ₁ / 2π")
        ax.set_ylabel("θ₂ / 2π")
    return ax


def _edges(index: NDArray[np.int64]) -> Array:
    """0 at pixels beside one of another cell, masked elsewhere."""
    edge = np.zeros(index.shape, dtype=bool)
    for axis in (0, 1):
        other = np.diff(index, axis=axis) != 0
        edge |= np.concatenate([other, np.zeros_like(edge.take([0], axis))], axis=axis)
    return np.ma.masked_array(np.zeros(index.shape), ~edge)


def _pixels(source: Surface, means: Array) -> Shown:
    if isinstance(source, Torus):
        middle = (np.arange(PIXELS) + 0.5) / PIXELS
        second, first = np.meshgrid(middle, middle, indexing="ij")
        points = source._realized(np.stack([first, second], axis=-1).reshape(-1, 2))
        marks = np.arctan2(means[:, 1::2], means[:, ::2]) / (2.0 * np.pi) % 1.0
        return Shown(np.ones(first.shape, dtype=bool), points, (0.0, 1.0, 0.0, 1.0), marks)
    if not (isinstance(source, Sphere) and source.dim == 2):
        raise ValueError(f"source must be sphere or a torus for a picture of its cells, got {source.name!r}")
    right, top = 1.0 + APART, 1.0
    across, up = np.meshgrid(
        right * (2.0 * (np.arange(2 * PIXELS) + 0.5) / (2 * PIXELS) - 1.0),
        top * (2.0 * (np.arange(PIXELS) + 0.5) / PIXELS - 1.0),
    )
    side = np.sign(across)  # the disc of z ≥ 0 is on the right, that of z ≤ 0, seen from below, on the left
    u = across - APART * side
    square = u * u + up * up
    inside = square <= 1.0
    # Lambert's azimuthal projection, which keeps areas: z = 1 − r²
    stretch = np.sqrt(np.maximum(2.0 - square, 0.0))
    points = np.stack([side * u * stretch, up * stretch, side * (1.0 - square)], axis=-1)[inside]
    ends = means / np.linalg.norm(means, axis=1, keepdims=True)
    half = np.where(ends[:, 2] >= 0.0, 1.0, -1.0)
    stretch = np.sqrt(1.0 + np.abs(ends[:, 2]))
    marks = np.stack([half * ends[:, 0] / stretch + APART * half, ends[:, 1] / stretch], axis=1)
    return Shown(inside, points, (-right, right, -top, top), marks)

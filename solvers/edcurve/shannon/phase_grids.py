"""Grids of the phase of a closed source: densities constant on equal cells, and exact means of δ over pairs of cells.

The mean of δ over two cells at distance u is a second difference of u d(u), since δ(u) = (u d(u))″. So the distortion
½ Σ qᵢ qⱼ δᵢⱼ of such a density is exact for any d, without truncation of a Fourier series.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from edcurve.sources import Source

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PhaseGrid:
    """Equal cells around phase 0: the whole circle, or a window outside which the density is 0 or constant.

    Attributes
    ----------
    step : float
        Size of a cell.
    cells : int
        Number of cells; the middle one (index ``cells // 2``) is centred at 0.
    whole : bool
        Whether densities cover the whole circle.
    maximum : float
        D_max.
    length : int
        Length of the Fourier transforms: a window is padded so that its two ends do not interact.
    symbol : ndarray
        Fourier transform of the means of δ.
    far : float, optional
        δ between phases further apart than the window's half-width, if it is constant there and densities are constant
        outside the window: the rest of the circle is then a further cell, the last.
    """

    step: float
    cells: int
    whole: bool
    maximum: float
    length: int
    symbol: Array
    far: float | None = None

    @cached_property
    def rest(self) -> float:
        """Size of the rest of the circle, in cells."""
        return (1.0 - self.cells * self.step) / self.step

    @cached_property
    def sizes(self) -> Array:
        """Sizes of all cells, in units of `step`."""
        return np.append(np.ones(self.cells), [] if self.far is None else [self.rest])

    def convolve(self, density: Array) -> Array:
        """Convolve a density with δ: Σ_j δᵢⱼ qⱼ; on the whole circle minus its mean, 2 D_max Σ qⱼ."""
        if self.far is not None:
            above = density[:-1] - density[-1] / self.rest  # a constant density has the convolution 2 D_max
            total = float(above.sum())
            near = fft.irfft(fft.rfft(above, self.length) * self.symbol, self.length)[: self.cells]
            return np.append(near, self.far * total) - 2.0 * self.maximum * total
        product = fft.rfft(density, self.length) * self.symbol
        return np.asarray(fft.irfft(product, self.length)[: self.cells])

    @property
    def phases(self) -> Array:
        """Centres of the cells; ½ for the rest of the circle."""
        centres = (np.arange(self.cells) - self.cells // 2) * self.step
        return np.append(centres, [] if self.far is None else [0.5])


def whole_circle(source: Source, cells: int) -> PhaseGrid:
    """Make the grid of an even number of cells on the whole circle."""
    half = cells // 2
    means = cell_means(source, 1.0 / cells, half + 1)
    kernel = np.concatenate([means, means[half - 1 : 0 : -1]])
    symbol = fft.rfft(kernel).real
    symbol[0] = 0.0  # removes the mean over the circle from convolutions
    return PhaseGrid(1.0 / cells, cells, True, source.max_distortion, cells, symbol)


def window(source: Source, step: float, half: int, far: float | None = None) -> PhaseGrid:
    """Make the grid of 2·half + 1 cells around 0, with the rest of the circle as a cell if `far` is given."""
    means = cell_means(source, step, 2 * half + 1)
    length = int(fft.next_fast_len(4 * half + 2, real=True))
    kernel = np.zeros(length)
    kernel[: 2 * half + 1] = means
    kernel[-2 * half :] = means[:0:-1]
    whole = far is not None
    return PhaseGrid(step, 2 * half + 1, whole, source.max_distortion, length, fft.rfft(kernel).real, far)


def cell_means(source: Source, step: float, count: int) -> Array:
    """Compute the means of δ over two cells of size `step` with centres at distances 0, step, 2 step, …."""
    u = np.minimum(np.arange(count + 1) * step, 1.0)
    moment = u * source.cell_distortion(u)
    means = np.empty(count)
    means[0] = 2.0 * moment[1]  # u d(u) extends to negative u as an even function, which is 0 at 0
    means[1:] = moment[2:] - 2.0 * moment[1:-1] + moment[:-2]
    return means / step**2


@dataclass(frozen=True, eq=False)
class DistanceProfile:
    """Profile of δ on [0, ½]: its mean near each `distance`, and `beyond`, its minimum from there to ½."""

    distance: Array
    delta: Array
    beyond: Array

    @staticmethod
    def of(source: Source) -> DistanceProfile:
        """Evaluate δ of a source on a geometric grid of distances followed by a uniform one."""
        even = np.linspace(0.0, 0.5, 2049)[1:]
        u = np.concatenate([np.geomspace(1e-16, even[0], 1200, endpoint=False), even])
        width = np.minimum(u, even[0]) / 16.0
        ends = np.stack([u - width, u, u + width])
        moment = ends * source.cell_distortion(ends)
        delta = np.maximum((moment[0] - 2.0 * moment[1] + moment[2]) / width**2, 0.0)
        return DistanceProfile(u, delta, np.minimum.accumulate(delta[::-1])[::-1])

    def core(self, level: float) -> float:
        """Least distance at which δ is at least `level`."""
        return float(self.distance[int(np.argmax(self.delta >= level))])

    def reach(self, level: float) -> float:
        """Distance beyond which δ is at least `level`; 1 if there is none."""
        enough = self.beyond >= level
        return float(self.distance[int(np.argmax(enough))]) if enough.any() else 1.0

    def least_beyond(self, distance: float) -> float:
        """Least δ at distances beyond this one."""
        i = int(np.searchsorted(self.distance, distance)) - 1
        return float(self.beyond[max(i, 0)])

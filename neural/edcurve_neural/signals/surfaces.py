"""Sources of two parameters: the sphere, the torus, the Klein bottle of image patches, and surfaces of samples."""

from __future__ import annotations

import math
from abc import abstractmethod

import edcurve
import numpy as np
import torch
from edcurve.sources import SampledSurface, Surface, klein
from numpy.typing import NDArray
from torch import Tensor

from .base import Signal

Array = NDArray[np.float64]

SPREAD = 11147299  # makes (j/n, SPREAD j/n) well spread for n = 2⁶ to 2²⁴: a search for the largest shortest distance


class SurfaceSignal(Signal):
    """A source of two parameters (a, b), uniform on the unit square; the squared error is the sum.

    A phase v represents a point of a lattice, a = v and b the fractional part of `SPREAD` v: a line so tightly wound
    that it fills the square. The phases (j + ½)/n make a lattice of n points, all of equal weight; random phases,
    multiples of 2⁻²⁴, are points of one of 2²⁴. A phase that is rounded to float32 is another point, not a near one.
    """

    accelerated = True

    def __init__(self, samples: int = 2) -> None:
        super().__init__(samples)
        self.dim, self.weight = self.source.coordinates, 1.0

    @property
    @abstractmethod
    def source(self) -> Surface:
        """The source of the core package."""

    @abstractmethod
    def point(self, a: Tensor, b: Tensor) -> Tensor:
        """Realizations of parameters, of their shape with a last axis of `dim` coordinates."""

    def sample(self, v: Tensor) -> Tensor:
        return self.point(v.double(), torch.frac(SPREAD * v.double())).to(v.dtype)

    @property
    def variances(self) -> Array:
        """D_max in equal parts: no direction is preferred."""
        return np.full(self.dim, self.source.max_distortion / self.dim)


class SphereSignal(SurfaceSignal):
    """The unit sphere of R³: the height is uniform, and so is the angle around the axis."""

    name, space = "sphere", "R³"

    @property
    def source(self) -> Surface:
        return edcurve.Sphere()

    def point(self, a: Tensor, b: Tensor) -> Tensor:
        height, angle = 2.0 * a - 1.0, (2.0 * math.pi) * b
        radius = 2.0 * torch.sqrt(a * (1.0 - a))
        return torch.stack([radius * torch.cos(angle), radius * torch.sin(angle), height], dim=-1)


class TorusSignal(SurfaceSignal):
    """Two angles on circles of radius 1, or of other radii, in R⁴."""

    name, space = "torus", "R⁴"

    def __init__(self, samples: int = 2, radii: tuple[float, float] = (1.0, 1.0)) -> None:
        self._torus = edcurve.Torus(radii)
        super().__init__(samples)
        self.name = self._torus.name

    @property
    def source(self) -> Surface:
        return self._torus

    def point(self, a: Tensor, b: Tensor) -> Tensor:
        angles = (2.0 * math.pi) * torch.stack([a, b], dim=-1)
        radii = torch.tensor(self._torus.radii, dtype=angles.dtype, device=angles.device)
        return (radii[:, None] * torch.stack([torch.cos(angles), torch.sin(angles)], dim=-1)).flatten(-2)

    @property
    def variances(self) -> Array:
        """Half the square of its radius for each coordinate of a circle."""
        return np.repeat(0.5 * np.square(self._torus.radii), 2)


class KleinSignal(SurfaceSignal):
    """A model of 3 × 3 patches of photographs: a Klein bottle in R⁹, see `edcurve.KleinBottle`."""

    name, space = "klein", "R⁹"

    @property
    def source(self) -> Surface:
        return edcurve.KleinBottle()

    def point(self, a: Tensor, b: Tensor) -> Tensor:
        direction, kind = math.pi * a, (2.0 * math.pi) * b
        across, up = (torch.from_numpy(pixels).to(a) for pixels in (klein.ACROSS, klein.UP))
        along = torch.cos(direction)[..., None] * across + torch.sin(direction)[..., None] * up
        x = torch.cos(kind)[..., None] * (along.square() - 2.0 / 3.0) + torch.sin(kind)[..., None] * along
        length: Tensor = x.square().sum(-1, keepdim=True).sqrt()
        return x / length

    @property
    def variances(self) -> Array:
        """Computed from points of the lattice, because directions differ."""
        return super(SurfaceSignal, self).variances


class SampledSurfaceSignal(SurfaceSignal):
    """Samples on a grid of two parameters, interpolated bilinearly, for evaluation only.

    The optimum is that of the samples, which differs from it by about `SampledSurface.truncation` in distortion.
    """

    space = "the space of its samples"

    def __init__(self, source: SampledSurface) -> None:
        self._surface = source
        super().__init__()
        self.name = source.name

    @property
    def source(self) -> Surface:
        return self._surface

    def point(self, a: Tensor, b: Tensor) -> Tensor:
        numbers = torch.stack([a, b], dim=-1).cpu().numpy()
        return torch.from_numpy(self._surface.realizations(numbers)).to(a)

    @property
    def variances(self) -> Array:
        """Computed from points of the lattice, because directions differ."""
        return super(SurfaceSignal, self).variances

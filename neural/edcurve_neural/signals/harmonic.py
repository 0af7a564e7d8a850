"""Sources of a single harmonic: the circle and the sinusoid."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator

import edcurve
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edcurve_neural.moments import PhaseCells

from .base import Copies, Signal

Array = NDArray[np.float64]


class Harmonic(Signal):
    """A source of a single harmonic: x(v) = basisᵀ (cos 2πv, sin 2πv)."""

    def coordinates(self, v: Tensor) -> Tensor:
        """The point (cos 2πv, sin 2πv) of each phase, shape (models, 2, batch)."""
        angle = v * (2.0 * math.pi)
        return torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)

    @abstractmethod
    def basis(self, like: Tensor) -> Tensor:
        """The two rows, shape (2, dim), in the precision and on the device of `like`."""

    def spread(self, x: Tensor) -> Tensor:
        """Realizations from their coordinates along the last axis."""
        return x @ self.basis(x)

    def fold(self, rows: Tensor) -> Tensor:
        """Linear functions of realizations as linear functions of the coordinates."""
        return rows @ self.basis(rows).T

    def sample(self, v: Tensor) -> Tensor:
        return self.spread(self.coordinates(v).transpose(1, 2))

    def energy(self, v: Tensor) -> Tensor:
        coordinates, basis = self.coordinates(v), self.basis(v)
        return ((basis @ basis.T @ coordinates) * coordinates).sum(1)

    def project(self, v: Tensor, rows: Tensor, bias: Tensor | None = None) -> Tensor:
        coordinates, rows = self.coordinates(v), self.fold(rows)
        if bias is not None:
            coordinates = torch.cat([coordinates, torch.ones_like(coordinates[:, :1])], dim=1)
            rows = torch.cat([rows, bias], dim=2)
        return torch.bmm(rows, coordinates)

    def minus_adjoint(self, v: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        coordinates = self.coordinates(v)
        with_ones = torch.cat([-coordinates, torch.ones_like(coordinates[:, :1])], dim=1)
        sums = torch.bmm(grad, with_ones.transpose(1, 2))
        return self.spread(sums[:, :, :2]), sums[:, :, 2]

    def cell_means(self, cells: PhaseCells) -> Iterator[tuple[slice, Array]]:
        angle = 2.0 * math.pi * cells.phases.astype(np.float64)
        coordinates = np.stack([cells.mean(np.cos(angle)), cells.mean(np.sin(angle))], axis=1)
        basis = self.basis(torch.empty(0, dtype=torch.float64)).numpy()
        for block in cells.blocks(self.dim):
            yield block, coordinates[block] @ basis

    @property
    def variances(self) -> Array:
        """Half the energy each: for at least three samples, the two rows are orthogonal and equally long."""
        return np.full(2, 0.5 * self.weight * self.energy(torch.zeros(1, 1)).item())


class CircleSignal(Harmonic):
    """The circle (cos 2πv, sin 2πv) in R²; the squared error is the sum."""

    name, space = "circle", "R²"
    accelerated = True

    def __init__(self, samples: int = 2) -> None:
        super().__init__(samples)
        self.dim, self.weight = 2, 1.0

    @property
    def source(self) -> edcurve.Source:
        return edcurve.Circle()

    def basis(self, like: Tensor) -> Tensor:
        return torch.eye(2, dtype=like.dtype, device=like.device)

    def spread(self, x: Tensor) -> Tensor:
        return x

    def fold(self, rows: Tensor) -> Tensor:
        return rows


class SinusoidSignal(Harmonic):
    """The sinusoid sin 2π(t + v) at t = i/T."""

    name = "sinusoid"

    @property
    def source(self) -> edcurve.Source:
        return edcurve.Sinusoid()

    def __init__(self, samples: int) -> None:
        super().__init__(samples)
        angle = 2.0 * math.pi * torch.arange(samples, dtype=torch.float64) / samples
        self._basis = Copies(torch.stack([torch.sin(angle), torch.cos(angle)]))

    def basis(self, like: Tensor) -> Tensor:
        return self._basis.like(like)

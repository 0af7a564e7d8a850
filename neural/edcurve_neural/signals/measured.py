"""`MeasuredCurve`: points along a curve and the chords between them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

import edcurve
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import cholesky_banded
from torch import Tensor
from torch.nn.functional import embedding

from edcurve_neural.manifolds import Manifold
from edcurve_neural.moments import PhaseCells

from .base import Copies, Signal

Array = NDArray[np.float64]


class MeasuredCurve(Signal):
    """Points at equal steps of the phase and the chords between them; the squared error is the sum.

    If a batch has more phases than there are points, each point is projected once, and projections of realizations are
    interpolated between those of the points.

    Parameters
    ----------
    manifold : Manifold
        The points.
    scale : float
        Factor of the points.
    centre : Tensor, optional
        Point that is subtracted before scaling.
    """

    space = "the space of its points"

    def __init__(self, manifold: Manifold, scale: float = 1.0, centre: Tensor | None = None) -> None:
        points = torch.from_numpy(manifold.points.copy())
        self.name, self.dim, self.weight = manifold.name, points.shape[1], scale**-2
        self.manifold, self.scale = manifold, scale
        self.centre = torch.zeros(self.dim, dtype=torch.float64) if centre is None else centre
        points = scale * (points - self.centre)
        self._nodes = torch.cat([points, points[:1]]) if manifold.closed else points
        self._copies = Copies(self._nodes)
        self._lengths = Copies(self._nodes.square().sum(1))  # squared, of the points
        self._steps = Copies(self._nodes.diff(dim=0).square().sum(1))  # and of the chords

    @property
    def source(self) -> edcurve.Source:
        return self.manifold.source

    @property
    def places(self) -> Tensor:
        if self.manifold.places is None:
            return super().places
        places = torch.from_numpy(self.manifold.places.copy())
        places = places - 0.5 * (places.amin(0) + places.amax(0))
        return places / places.abs().max()

    @property
    def chords(self) -> int:
        """Number of chords of the whole curve."""
        return len(self._nodes) - 1

    def nodes(self, like: Tensor) -> Tensor:
        """The points, shape (chords + 1, dim); a loop repeats the first one at the end."""
        return self._copies.like(like)

    def place(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """The chord of a phase, and the position on it, from 0 to 1."""
        position = v.double() * self.chords
        chord = position.floor().clamp(0, self.chords - 1)
        return chord.long(), (position - chord).to(v.dtype)

    def sample(self, v: Tensor) -> Tensor:
        nodes, (chord, share) = self.nodes(v), self.place(v)
        return torch.lerp(embedding(chord, nodes), embedding(chord + 1, nodes), share.unsqueeze(-1))

    def energy(self, v: Tensor) -> Tensor:
        """Energy (1 − s)‖a‖² + s‖b‖² − s(1 − s)‖b − a‖² at the share s of the chord from a to b."""
        chord, share = self.place(v)
        lengths, steps = self._lengths.like(v), self._steps.like(v)
        return torch.lerp(lengths[chord], lengths[chord + 1], share) - share * (1.0 - share) * steps[chord]

    def project(self, v: Tensor, rows: Tensor, bias: Tensor | None = None) -> Tensor:
        if v.shape[1] <= self.chords:
            return super().project(v, rows, bias)
        at_nodes, (chord, share) = rows @ self.nodes(rows).T, self.place(v)
        chord = chord.unsqueeze(1).expand(-1, rows.shape[1], -1)
        product = torch.lerp(at_nodes.gather(2, chord), at_nodes.gather(2, chord + 1), share.unsqueeze(1))
        return product if bias is None else product + bias

    def minus_adjoint(self, v: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        # a GPU's scatter_add_ adds in any order, and there forming realizations costs little more
        if v.shape[1] <= self.chords or v.device.type != "cpu":
            return super().minus_adjoint(v, grad)
        (chord, share), width = self.place(v), grad.shape[1]
        chord, later = chord.unsqueeze(1).expand(-1, width, -1), grad * share.unsqueeze(1)
        sums = grad.new_zeros((len(grad), width, self.chords + 1))
        adjoint = sums.scatter_add_(2, chord, grad - later).scatter_add_(2, chord + 1, later) @ self.nodes(grad)
        return adjoint.neg_(), grad.sum(2)

    def cell_means(self, cells: PhaseCells) -> Iterator[tuple[slice, Array]]:
        """Means of cells as weighted means of the points."""
        nodes = self.nodes(torch.empty(0, dtype=torch.float64)).numpy()
        chord, share = (part.numpy() for part in self.place(torch.from_numpy(cells.phases).double()))
        for block in cells.blocks(max(self.dim, len(nodes))):
            inside, label = cells.members(block)
            index = label * len(nodes) + chord[inside]
            count = block.stop - block.start
            later = np.bincount(index + 1, share[inside], count * len(nodes))
            weights = later + np.bincount(index, 1.0 - share[inside], count * len(nodes))
            yield block, cells.shared(weights.reshape(count, len(nodes)) @ nodes, block)

    def for_training(self, *, centred: bool = True) -> MeasuredCurve:
        """The points centred at 0 and scaled by a power of two.

        The mean variance of a coordinate becomes 1/2, as for the circle, up to a factor of at most 2. `restore_outputs`
        and `weight` give reconstructions and squared errors in the original scale.
        """
        points = torch.from_numpy(self.manifold.points.copy())
        size = float((2.0 * points.var(dim=0, correction=0).mean()).sqrt())
        return MeasuredCurve(self.manifold, 2.0 ** -round(math.log2(size)), points.mean(dim=0) if centred else None)

    def restore_inputs(self, rows: Tensor) -> None:
        rows[:, :, :-1] *= self.scale
        rows[:, :, -1] -= rows[:, :, :-1] @ self.centre.to(rows)

    def restore_outputs(self, columns: Tensor, constant: Tensor | None = None, factor: float = 1.0) -> None:
        columns /= self.scale
        if constant is not None:
            constant += self.centre.to(constant) / factor

    @cached_property
    def variances(self) -> Array:
        """Principal variances of the curve with its chords, in descending order; those left out are 0."""
        ends = np.full(self.chords + 1, 2.0 / 3.0)
        ends[[0, -1]] = 1.0 / 3.0
        # integrals over the curve of products of two interpolating (hat) functions, and their Cholesky factor
        mass = np.stack([np.full(len(ends), 1.0 / 6.0), ends]) / self.chords
        above, diagonal = cholesky_banded(mass)
        weights, nodes = ends / ends.sum(), self._nodes.numpy()
        centred = nodes - weights @ nodes
        factor = diagonal[:, None] * centred  # the covariance is its transpose times itself
        factor[:-1] += above[1:, None] * centred[1:]
        small = factor @ factor.T if len(factor) < self.dim else factor.T @ factor
        return np.maximum(np.linalg.eigvalsh(small)[::-1], 0.0)

"""The sources as a network sees them: realizations x(v) of a phase v, and what they cost to project and compare.

Every source here is of the form x(v) = (something fixed) + (few numbers that depend on v), so that a linear layer and
a squared error need no product over all its points. With prefix sums of the weights that is exact algebra.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import cholesky_banded
from torch import Tensor
from torch.nn.functional import embedding

from . import manifolds
from .manifolds import Manifold


@dataclass(frozen=True)
class Signal:
    """A source of dimension `dim`, whose squared error is summed and multiplied by `weight`.

    Phases have shape (models, batch); `rows`, of shape (models, width, dim), are linear functions of a realization.
    """

    name: str
    dim: int
    weight: float

    def sample(self, v: Tensor) -> Tensor:
        """x(v): a last axis of `dim` coordinates is appended."""
        raise NotImplementedError

    def energy(self, v: Tensor) -> Tensor:
        """‖x(v)‖², of the shape of `v`."""
        raise NotImplementedError

    def project(self, v: Tensor, rows: Tensor, bias: Tensor | None = None) -> Tensor:
        """The product rows · x(v), shape (models, width, batch), without forming x(v); plus a column of biases."""
        raise NotImplementedError

    def minus_adjoint(self, v: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Minus the gradient of `project` in its rows, −Σ grad · x(v)ᵀ, and its gradient in the biases, Σ grad.

        Sums over the batch, shapes (models, width, dim) and (models, width).
        """
        raise NotImplementedError


class Harmonic(Signal):
    """x(v) = basisᵀ (cos 2πv, sin 2πv)."""

    def coordinates(self, v: Tensor) -> Tensor:
        """(cos 2πv, sin 2πv), shape (models, 2, batch)."""
        angle = v * (2.0 * math.pi)
        return torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)

    def basis(self, like: Tensor) -> Tensor:
        """Shape (2, dim)."""
        raise NotImplementedError

    def spread(self, x: Tensor) -> Tensor:
        """Coordinates along the last axis to realizations."""
        return x @ self.basis(x)

    def fold(self, rows: Tensor) -> Tensor:
        """Linear functions of realizations as linear functions of the coordinates."""
        return rows @ self.basis(rows).T

    def sample(self, v: Tensor) -> Tensor:  # noqa: D102
        return self.spread(self.coordinates(v).transpose(1, 2))

    def energy(self, v: Tensor) -> Tensor:  # noqa: D102
        coordinates, basis = self.coordinates(v), self.basis(v)
        return ((basis @ basis.T @ coordinates) * coordinates).sum(1)

    def project(self, v: Tensor, rows: Tensor, bias: Tensor | None = None) -> Tensor:  # noqa: D102
        coordinates, rows = self.coordinates(v), self.fold(rows)
        if bias is not None:
            coordinates = torch.cat([coordinates, torch.ones_like(coordinates[:, :1])], dim=1)
            rows = torch.cat([rows, bias], dim=2)
        return torch.bmm(rows, coordinates)

    def minus_adjoint(self, v: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        coordinates = self.coordinates(v)
        with_ones = torch.cat([-coordinates, torch.ones_like(coordinates[:, :1])], dim=1)
        sums = torch.bmm(grad, with_ones.transpose(1, 2))
        return self.spread(sums[:, :, :2]), sums[:, :, 2]


class Circle(Harmonic):
    """(cos 2πv, sin 2πv); the squared error is the sum."""

    def __init__(self) -> None:
        super().__init__("circle", 2, 1.0)

    def basis(self, like: Tensor) -> Tensor:  # noqa: D102
        return torch.eye(2, dtype=like.dtype, device=like.device)

    def spread(self, x: Tensor) -> Tensor:  # noqa: D102
        return x

    def fold(self, rows: Tensor) -> Tensor:  # noqa: D102
        return rows


class Sinusoid(Harmonic):
    """sin 2π(t + v) at t = i/T."""

    def __init__(self, samples: int) -> None:
        super().__init__("sinusoid", samples, 1.0 / samples)

    def basis(self, like: Tensor) -> Tensor:  # noqa: D102
        return self._basis.to(like)

    @cached_property
    def _basis(self) -> Tensor:
        angle = 2.0 * math.pi * torch.arange(self.dim, dtype=torch.float64) / self.dim
        return torch.stack([torch.sin(angle), torch.cos(angle)])


class Stepped(Signal):
    """x(v)_i = offset + i/T + slope·v − 1(i ≥ k(v)): a line that drops by one at its k-th sample."""

    offset: float
    slope: float

    def drop(self, v: Tensor) -> Tensor:
        """k(v), integers from 0 to T."""
        raise NotImplementedError

    def line(self, like: Tensor) -> Tensor:
        """The part that does not depend on v: offset + i/T."""
        i = torch.arange(self.dim, dtype=like.dtype, device=like.device)
        return i / self.dim + self.offset

    def sample(self, v: Tensor) -> Tensor:  # noqa: D102
        i = torch.arange(self.dim, device=v.device)
        fallen = i >= self.drop(v).unsqueeze(-1)
        return self.line(v) + (self.slope * v).unsqueeze(-1) - fallen.to(v.dtype)

    def energy(self, v: Tensor) -> Tensor:
        """Σ (line_i + slope·v)² − Σ_{i ≥ k} (2(line_i + slope·v) − 1), in closed form."""
        T = float(self.dim)
        start = self.offset + self.slope * v.double()
        k = self.drop(v).double()
        whole = T * start.square() + start * (T - 1.0) + (T - 1.0) * (2.0 * T - 1.0) / (6.0 * T)
        fallen = T - k
        tail = fallen * (2.0 * start - 1.0) + (T * (T - 1.0) - k * (k - 1.0)) / T
        return (whole - tail).to(v.dtype)

    def project(self, v: Tensor, rows: Tensor, bias: Tensor | None = None) -> Tensor:
        """rows·line − total + slope·v·total + (sum of the first k(v)), from prefix sums of the rows."""
        models, width, _ = rows.shape
        prefix = rows.new_empty((models, width, self.dim + 1))
        prefix[:, :, 0] = 0.0
        torch.cumsum(rows, 2, out=prefix[:, :, 1:])
        line = self.line(rows)
        # one product of two columns: of one, it would round differently for a single model
        sums = torch.bmm(rows, torch.stack([line - 1.0, torch.ones_like(line)], dim=1).expand(models, -1, -1))
        out = torch.gather(prefix, 2, self.drop(v).unsqueeze(1).expand(-1, width, -1))
        if self.slope:
            out.addcmul_(sums[:, :, 1:], (self.slope * v).unsqueeze(1))
        return out.add_(sums[:, :, :1] if bias is None else sums[:, :, :1] + bias)

    def minus_adjoint(self, v: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        """(Sums of grad where k(v) ≤ i) − line_i·Σ grad − slope·(Σ grad·v), as prefix sums over i of their steps."""
        width = grad.shape[1]
        sums = torch.bmm(grad, torch.stack([torch.ones_like(v), self.slope * v], dim=2))
        steps = sums[:, :, :1].mul(-1.0 / self.dim).repeat(1, 1, self.dim + 1)
        steps[:, :, 0] = sums[:, :, 0].mul(-self.offset) - sums[:, :, 1]
        steps.scatter_add_(2, self.drop(v).unsqueeze(1).expand(-1, width, -1), grad)
        return steps.cumsum_(2)[:, :, : self.dim], sums[:, :, 0]


class Ramp(Stepped):
    """((t + v) mod 1) − ½ at t = i/T."""

    offset, slope = -0.5, 1.0

    def __init__(self, samples: int) -> None:
        super().__init__("ramp", samples, 1.0 / samples)

    def drop(self, v: Tensor) -> Tensor:  # noqa: D102
        return torch.ceil((1.0 - v) * self.dim).long()


class Sawbridge(Stepped):
    """t − 1(t ≥ v) at t = i/T."""

    offset, slope = 0.0, 0.0

    def __init__(self, samples: int) -> None:
        super().__init__("sawbridge", samples, 1.0 / samples)

    def drop(self, v: Tensor) -> Tensor:  # noqa: D102
        return torch.ceil(v * self.dim).long()


class Measured(Signal):
    """Points at equal steps of the phase and the chords between them; the squared error is the sum.

    Where a batch has more phases than there are points, all points are projected, once, and what is between two of
    them is between their projections.

    Parameters
    ----------
    manifold : Manifold
        The points.
    scale : float
        What they are multiplied by.
    centre : Tensor, optional
        What is subtracted from them before.
    """

    def __init__(self, manifold: Manifold, scale: float = 1.0, centre: Tensor | None = None) -> None:
        points = torch.from_numpy(manifold.points.copy())
        super().__init__(manifold.name, points.shape[1], scale**-2)
        self.manifold, self.scale = manifold, scale
        self.centre = torch.zeros(self.dim, dtype=torch.float64) if centre is None else centre
        points = scale * (points - self.centre)
        self._nodes = torch.cat([points, points[:1]]) if manifold.closed else points
        self._kept: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    @property
    def chords(self) -> int:
        """Number of steps that make up the whole curve."""
        return len(self._nodes) - 1

    def nodes(self, like: Tensor) -> Tensor:
        """The points, of a loop with the first once more at the end: shape (chords + 1, dim)."""
        kind = (like.dtype, like.device)
        if kind not in self._kept:
            self._kept[kind] = self._nodes.to(like)
        return self._kept[kind]

    def place(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """The chord on which a phase is, and how far along it, from 0 to 1."""
        at = v.double() * self.chords
        chord = at.floor().clamp(0, self.chords - 1)
        return chord.long(), (at - chord).to(v.dtype)

    def sample(self, v: Tensor) -> Tensor:  # noqa: D102
        nodes, (chord, share) = self.nodes(v), self.place(v)
        return torch.lerp(embedding(chord, nodes), embedding(chord + 1, nodes), share.unsqueeze(-1))

    def energy(self, v: Tensor) -> Tensor:
        """(1 − s)‖a‖² + s‖b‖² − s(1 − s)‖b − a‖² at s of the chord from a to b."""
        chord, share = self.place(v)
        lengths, steps = self._squares
        first, last = lengths.to(v)[chord], lengths.to(v)[chord + 1]
        return torch.lerp(first, last, share) - share * (1.0 - share) * steps.to(v)[chord]

    def project(self, v: Tensor, rows: Tensor, bias: Tensor | None = None) -> Tensor:  # noqa: D102
        if v.shape[1] <= self.chords:
            found = torch.bmm(rows, self.sample(v).transpose(1, 2))
        else:
            at, (chord, share) = rows @ self.nodes(rows).T, self.place(v)
            chord = chord.unsqueeze(1).expand(-1, rows.shape[1], -1)
            found = torch.lerp(at.gather(2, chord), at.gather(2, chord + 1), share.unsqueeze(1))
        return found if bias is None else found + bias

    def minus_adjoint(self, v: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        if v.shape[1] <= self.chords:
            found = torch.bmm(grad, self.sample(v))
        else:
            (chord, share), width = self.place(v), grad.shape[1]
            chord, later = chord.unsqueeze(1).expand(-1, width, -1), grad * share.unsqueeze(1)
            sums = grad.new_zeros((len(grad), width, self.chords + 1))
            found = sums.scatter_add_(2, chord, grad - later).scatter_add_(2, chord + 1, later) @ self.nodes(grad)
        return found.neg_(), grad.sum(2)

    def restore_inputs(self, rows: Tensor) -> None:
        """Make affine maps of these points, (models, fan out, dim + 1), take the points as they were given."""
        rows[:, :, :-1] *= self.scale
        rows[:, :, -1] -= rows[:, :, :-1] @ self.centre.to(rows)

    def restore_outputs(self, columns: Tensor, constant: Tensor | None = None, factor: float = 1.0) -> None:
        """Make linear maps to these points, with the coordinates along the last axis, give points as they were given.

        `constant` is what of them, times `factor`, is added to all that they give.
        """
        columns /= self.scale
        if constant is not None:
            constant += self.centre.to(constant) / factor

    @cached_property
    def _squares(self) -> tuple[Tensor, Tensor]:
        """Of the lengths of points, and of chords."""
        return self._nodes.square().sum(1), self._nodes.diff(dim=0).square().sum(1)

    @cached_property
    def variances(self) -> NDArray[np.float64]:
        """Principal variances of the curve with its chords, those that are not 0 at least, in descending order."""
        ends = np.full(self.chords + 1, 2.0 / 3.0)
        ends[[0, -1]] = 1.0 / 3.0
        # integrals over the curve of products of two of the functions that interpolate, and their Cholesky factor
        mass = np.stack([np.full(len(ends), 1.0 / 6.0), ends]) / self.chords
        above, diagonal = cholesky_banded(mass)
        weights, nodes = ends / ends.sum(), self._nodes.numpy()
        centred = nodes - weights @ nodes
        factor = diagonal[:, None] * centred  # whose square is the covariance
        factor[:-1] += above[1:, None] * centred[1:]
        small = factor @ factor.T if len(factor) < self.dim else factor.T @ factor
        return np.maximum(np.linalg.eigvalsh(small)[::-1], 0.0)


SIGNALS = {"ramp": Ramp, "sinusoid": Sinusoid, "sawbridge": Sawbridge}


def signal(name: str, samples: int) -> Signal:
    """The source of that name; functions on [0, 1] are sampled at `samples` points t = i/T."""
    if manifolds.is_name(name):
        return Measured(manifolds.find(name))
    return Circle() if name == "circle" else SIGNALS[name](samples)


def trained_on(source: Signal, *, centred: bool = True) -> Signal:
    """What networks are trained on: measured points about 0 and of the size of the circle's, others as they are.

    The mean variance of a coordinate becomes 1/2 or up to a factor of √2 away from its root: the factor is a power of
    two. Reconstructions and squared errors are then of points as they were given, by `Measured.restore_outputs` and
    `Signal.weight`.
    """
    if not isinstance(source, Measured):
        return source
    points = torch.from_numpy(source.manifold.points.copy())
    size = float((2.0 * points.var(dim=0, correction=0).mean()).sqrt())
    return Measured(source.manifold, 2.0 ** -round(math.log2(size)), points.mean(dim=0) if centred else None)

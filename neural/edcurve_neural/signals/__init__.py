"""The sources as a network sees them: realizations x(v) of a phase v, their projections and squared errors.

Every source here is a fixed curve plus few numbers that depend on v, so that a linear layer and a squared error need no
product over all its points. With prefix sums of the weights that is exact algebra.

`SIGNALS` lists the sources that have a name of their own. To add one, write a class and enter it there.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import edcurve
import numpy as np
import torch
from edcurve.sources import Surface
from numpy.typing import NDArray
from scipy.linalg import cholesky_banded
from torch import Tensor
from torch.nn.functional import embedding, pad

from edcurve_neural import manifolds
from edcurve_neural.manifolds import Manifold
from edcurve_neural.moments import GridCells

Array = NDArray[np.float64]

SAMPLES = 1024  # at which functions on [0, 1] are sampled unless told otherwise
AT_ONCE = 2**22  # numbers of realizations held at a time
SPREAD = 11147299  # makes (j/n, SPREAD j/n) well spread for n = 2⁶ to 2²⁴: a search for the largest shortest distance
VARIANCES_FROM = 2**11  # phases of the grid from which variances are computed by default


class Terms(NamedTuple):
    """The few numbers on which the realizations of a batch depend, as the CPU's kernels of training take them.

    Attributes
    ----------
    coordinates : Tensor, shape (models, numbers, batch)
        A realization's coordinates, or the height of its line.
    drops : Tensor of int64, shape (models, batch), or (models, 0) without a line
        Sample at which the line drops.
    energy : Tensor, shape (models,)
        Sum of ‖x(v)‖² over the batch; 0 without a line, where the kernels do not need it.
    """

    coordinates: Tensor
    drops: Tensor
    energy: Tensor


class _Copies:
    """Copies of a tensor in other precisions and on other devices, where each is made once: copying waits."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor, self._kept = tensor, dict[tuple[torch.dtype, torch.device], Tensor]()

    def like(self, other: Tensor) -> Tensor:
        """The copy of the kind of another tensor."""
        kind = (other.dtype, other.device)
        if kind not in self._kept:
            self._kept[kind] = self._tensor.to(other)
        return self._kept[kind]


class Signal(ABC):
    """A source of dimension `dim`, whose squared error is summed and multiplied by `weight`.

    A subclass gives its `name`, its `source` and `sample`; the other methods have defaults that form realizations.
    Those here override them with closed forms.

    Phases have shape (models, batch); `rows`, of shape (models, width, dim), are linear functions of a realization.

    Parameters
    ----------
    samples : int
        Number T of points t = i/T at which a function on [0, 1] is sampled. A source that is no function ignores it.

    Attributes
    ----------
    name : str
        Name of the source in configurations, tables and messages.
    space : str or None
        Where realizations lie, such as "R²", if they are not functions on [0, 1] that are sampled.
    dim : int
        Coordinates of a realization.
    weight : float
        The distortion is the sum of squared errors over the coordinates times `weight`.
    scale : float
        Factor by which realizations were multiplied for training; see `for_training`.
    accelerated : bool
        Whether the CPU's kernels of training know this source, by its `line` and its `terms`.
    """

    name: str
    space: ClassVar[str | None] = None
    dim: int
    weight: float
    scale: float = 1.0
    accelerated: ClassVar[bool] = False

    def __init__(self, samples: int) -> None:
        self.dim, self.weight = samples, 1.0 / samples

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, dim={self.dim})"

    @property
    @abstractmethod
    def source(self) -> edcurve.Source:
        """The source of the core package, from which the optimum is taken."""

    @property
    def samples(self) -> int | None:
        """Number T of samples of a function on [0, 1]; None for other sources."""
        return self.dim if self.space is None else None

    @abstractmethod
    def sample(self, v: Tensor) -> Tensor:
        """Realizations x(v), of the shape of `v` with a last axis of `dim` coordinates."""

    def energy(self, v: Tensor) -> Tensor:
        """Energy ‖x(v)‖² of realizations, of the shape of `v`."""
        size = max(1, AT_ONCE // self.dim)
        return torch.cat([self.sample(part).square().sum(-1) for part in torch.split(v, size, dim=-1)], dim=-1)

    def project(self, v: Tensor, rows: Tensor, bias: Tensor | None = None) -> Tensor:
        """Products rows · x(v), shape (models, width, batch), plus a column of biases."""
        product = torch.bmm(rows, self.sample(v).transpose(1, 2))
        return product if bias is None else product + bias

    def minus_adjoint(self, v: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Minus the gradient of `project` in its rows, −Σ grad · x(v)ᵀ, and its gradient in the biases, Σ grad.

        Sums over the batch, shapes (models, width, dim) and (models, width).
        """
        return -torch.bmm(grad, self.sample(v)), grad.sum(2)

    def line(self, like: Tensor) -> Tensor:
        """The part of realizations that does not depend on v, shape (dim,); empty for a source that is no line."""
        return like.new_empty(0)

    def terms(self, v: Tensor) -> Terms:
        """The numbers on which the realizations of phases depend."""
        none = v.new_zeros((len(v), 0), dtype=torch.int64)
        return Terms(self.sample(v).transpose(1, 2), none, v.new_zeros(len(v)))

    def mean_energy(self, phases: Array) -> float:
        """Mean of ‖x(v)‖² over phases of shape (n,), its sum without rounding errors."""
        return math.fsum(self.energy(torch.from_numpy(phases)[None])[0].numpy()) / len(phases)

    def cell_means(self, cells: GridCells) -> Iterator[tuple[slice, Array]]:
        """Blocks of cells of a grid of phases, with their mean realizations, shape (cells, dim), in float64."""
        for block in cells.blocks(self.dim):
            inside, label = cells.members(block)
            sums = torch.zeros(block.stop - block.start, self.dim, dtype=torch.float64)
            for part in np.array_split(np.arange(len(inside)), -(-len(inside) * self.dim // AT_ONCE)):
                x = self.sample(torch.from_numpy(cells.phases[inside[part]])[None])[0]
                sums.index_add_(0, torch.from_numpy(label[part]), x)
            yield block, sums.numpy() / cells.sizes[block, None]

    @property
    def variances(self) -> Array:
        """Principal variances of realizations, times `weight`; those left out are 0.

        By default they are computed from a grid of 2¹¹ phases.
        """
        v = (torch.arange(VARIANCES_FROM, dtype=torch.float64) + 0.5) / VARIANCES_FROM
        x = self.sample(v[None])[0]
        values = torch.linalg.svdvals(x - x.mean(0)).square() * (self.weight / VARIANCES_FROM)
        return np.asarray(values.numpy())

    def rank_floor(self, width: int) -> float:
        """Energy beyond the first `width` principal components: a decoder with so narrow a last layer loses it."""
        return float(np.sort(self.variances)[::-1][width:].sum())

    def for_training(self, *, centred: bool = True) -> Signal:
        """The source that networks are trained on: this one, or its points moved and scaled; see `MeasuredCurve`.

        `centred` says whether points may be moved. `restore_inputs` and `restore_outputs` of that source make trained
        layers take and give realizations of this one.
        """
        return self

    def restore_inputs(self, rows: Tensor) -> None:  # noqa: B027  # nothing to do by default
        """Make affine maps of the training's realizations, (models, fan out, dim + 1), take them as they were given."""

    def restore_outputs(  # noqa: B027  # nothing to do by default
        self, columns: Tensor, constant: Tensor | None = None, factor: float = 1.0
    ) -> None:
        """Make linear maps to the training's realizations give them as they were given.

        Coordinates are along the last axis of `columns`. `factor` times `constant`, a view of one of the columns, is
        added to everything that the maps give.
        """


class Harmonic(Signal):
    """A source of a single harmonic: x(v) = basisᵀ (cos 2πv, sin 2πv)."""

    def coordinates(self, v: Tensor) -> Tensor:
        """The point (cos 2πv, sin 2πv) of each phase, shape (models, 2, batch)."""
        angle = v * (2.0 * math.pi)
        return torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)

    @abstractmethod
    def basis(self, like: Tensor) -> Tensor:
        """The two rows, shape (2, dim), of the kind of the tensor `like`."""

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

    def cell_means(self, cells: GridCells) -> Iterator[tuple[slice, Array]]:
        angle = 2.0 * math.pi * cells.phases
        coordinates = np.stack([cells.mean(np.cos(angle)), cells.mean(np.sin(angle))], axis=1)
        basis = self.basis(torch.empty(0, dtype=torch.float64)).numpy()
        for block in cells.blocks(self.dim):
            yield block, coordinates[block] @ basis

    @property
    def variances(self) -> Array:
        """Half the energy each: the two rows are orthogonal and equally long, for at least three samples."""
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
        self._basis = _Copies(torch.stack([torch.sin(angle), torch.cos(angle)]))

    def basis(self, like: Tensor) -> Tensor:
        return self._basis.like(like)


class Stepped(Signal):
    """A line that drops by one at its k-th sample: x(v)_i = offset + i/T + slope·v − 1(i ≥ k(v))."""

    offset: float
    slope: float
    accelerated = True

    @abstractmethod
    def drop(self, v: Tensor) -> Tensor:
        """The sample k(v) at which the line drops, integers from 0 to T."""

    def line(self, like: Tensor) -> Tensor:
        """The part that does not depend on v: offset + i/T."""
        i = torch.arange(self.dim, dtype=like.dtype, device=like.device)
        return i / self.dim + self.offset

    def terms(self, v: Tensor) -> Terms:
        """How far the line is raised, where it drops, and the energy."""
        return Terms((self.slope * v).unsqueeze(1), self.drop(v), self.energy(v).sum(1))

    def sample(self, v: Tensor) -> Tensor:
        i = torch.arange(self.dim, device=v.device)
        fallen = i >= self.drop(v).unsqueeze(-1)
        return self.line(v) + (self.slope * v).unsqueeze(-1) - fallen.to(v.dtype)

    def energy(self, v: Tensor) -> Tensor:
        """Energy in closed form: Σ (line_i + slope·v)² − Σ_{i ≥ k} (2(line_i + slope·v) − 1)."""
        T = float(self.dim)
        start = self.offset + self.slope * v.double()
        k = self.drop(v).double()
        whole = T * start.square() + start * (T - 1.0) + (T - 1.0) * (2.0 * T - 1.0) / (6.0 * T)
        fallen = T - k
        tail = fallen * (2.0 * start - 1.0) + (T * (T - 1.0) - k * (k - 1.0)) / T
        return (whole - tail).to(v.dtype)

    def project(self, v: Tensor, rows: Tensor, bias: Tensor | None = None) -> Tensor:
        """Projections from prefix sums of the rows: rows·line − total + slope·v·total + (sum of the first k(v))."""
        models, width, _ = rows.shape
        prefix = _prefix_sums(rows)
        line = self.line(rows)
        # one product with two columns: with one column, a single model would be rounded differently
        sums = torch.bmm(rows, torch.stack([line - 1.0, torch.ones_like(line)], dim=1).expand(models, -1, -1))
        out = torch.gather(prefix, 2, self.drop(v).unsqueeze(1).expand(-1, width, -1))
        if self.slope:
            out.addcmul_(sums[:, :, 1:], (self.slope * v).unsqueeze(1))
        return out.add_(sums[:, :, :1] if bias is None else sums[:, :, :1] + bias)

    def minus_adjoint(self, v: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Minus the adjoint (sums of grad where k(v) ≤ i) − line_i·Σ grad − slope·(Σ grad·v), by prefix sums over i."""
        if v.device.type != "cpu":
            return self._sorted_adjoint(v, grad)
        width = grad.shape[1]
        sums = torch.bmm(grad, torch.stack([torch.ones_like(v), self.slope * v], dim=2))
        steps = sums[:, :, :1].mul(-1.0 / self.dim).repeat(1, 1, self.dim + 1)
        steps[:, :, 0] = sums[:, :, 0].mul(-self.offset) - sums[:, :, 1]
        steps.scatter_add_(2, self.drop(v).unsqueeze(1).expand(-1, width, -1), grad)
        return steps.cumsum_(2)[:, :, : self.dim], sums[:, :, 0]

    def _sorted_adjoint(self, v: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        """`minus_adjoint` with prefix sums over the batch in the order of k(v): the same bits each time on a GPU too.

        There `scatter_add_` adds in any order. Prefix sums of many rows are computed one block of threads a row, in a
        fixed order.
        """
        width, line = grad.shape[1], self.line(grad)
        drop, order = torch.sort(self.drop(v), dim=1, stable=True)
        prefix = pad(grad.gather(2, order.unsqueeze(1).expand(-1, width, -1)).cumsum(2), (1, 0))
        samples = torch.arange(self.dim, device=v.device).expand(len(v), -1).contiguous()
        before = torch.searchsorted(drop, samples, right=True)  # how many have dropped by each sample
        fallen = prefix.gather(2, before.unsqueeze(1).expand(-1, width, -1))
        sums = torch.bmm(grad, torch.stack([torch.ones_like(v), self.slope * v], dim=2))
        return fallen.sub_(sums[:, :, :1] * line).sub_(sums[:, :, 1:]), sums[:, :, 0]

    def cell_means(self, cells: GridCells) -> Iterator[tuple[slice, Array]]:
        """The line at the mean phase of a cell, less the share of the cell that has dropped by each sample."""
        dim, phases = self.dim, torch.from_numpy(cells.phases)
        drop, line = self.drop(phases).numpy(), self.line(phases).numpy()
        shift = self.slope * cells.mean(cells.phases)
        for block in cells.blocks(dim):
            inside, label = cells.members(block)
            count = block.stop - block.start
            drops = np.bincount(label * (dim + 1) + drop[inside], minlength=count * (dim + 1))
            share = drops.reshape(count, dim + 1)[:, :dim].cumsum(axis=1) / cells.sizes[block, None]
            yield block, line + shift[block, None] - share


def _prefix_sums(rows: Tensor) -> Tensor:
    """Sums of the first 0, 1, …, n numbers along the last axis, of n."""
    if rows.device.type != "cpu":  # a form that can be compiled, and which on a CPU would take longer
        return pad(rows.cumsum(2), (1, 0))
    prefix = rows.new_empty((*rows.shape[:2], rows.shape[2] + 1))
    prefix[:, :, 0] = 0.0
    torch.cumsum(rows, 2, out=prefix[:, :, 1:])
    return prefix


class RampSignal(Stepped):
    """The ramp ((t + v) mod 1) − ½ at t = i/T."""

    name = "ramp"
    offset, slope = -0.5, 1.0

    @property
    def source(self) -> edcurve.Source:
        return edcurve.Ramp()

    @property
    def variances(self) -> Array:
        """Eigenvalues of the covariance 1/12 − u(1 − u)/2 of samples at distance u, a circulant matrix."""
        gap = np.arange(self.dim) / self.dim
        return np.asarray(np.fft.fft(1.0 / 12.0 - 0.5 * gap * (1.0 - gap)).real / self.dim)

    def drop(self, v: Tensor) -> Tensor:
        return torch.ceil((1.0 - v) * self.dim).long()


class SawbridgeSignal(Stepped):
    """The sawbridge t − 1(t ≥ v) at t = i/T."""

    name = "sawbridge"
    offset, slope = 0.0, 0.0

    @property
    def source(self) -> edcurve.Source:
        return edcurve.Sawbridge()

    @property
    def variances(self) -> Array:
        """Eigenvalues of the covariance min(s, t) − st at multiples of 1/T, that of a Brownian bridge."""
        return np.asarray(0.25 / np.square(self.dim * np.sin(0.5 * np.pi * np.arange(1, self.dim) / self.dim)))

    def drop(self, v: Tensor) -> Tensor:
        return torch.ceil(v * self.dim).long()


class MeasuredCurve(Signal):
    """Points at equal steps of the phase and the chords between them; the squared error is the sum.

    Where a batch has more phases than there are points, all points are projected, once, and a realization between two
    of them is projected to the place between their projections.

    Parameters
    ----------
    manifold : Manifold
        The points.
    scale : float
        Factor by which they are multiplied.
    centre : Tensor, optional
        Point that is subtracted from them before.
    """

    space = "the space of its points"

    def __init__(self, manifold: Manifold, scale: float = 1.0, centre: Tensor | None = None) -> None:
        points = torch.from_numpy(manifold.points.copy())
        self.name, self.dim, self.weight = manifold.name, points.shape[1], scale**-2
        self.manifold, self.scale = manifold, scale
        self.centre = torch.zeros(self.dim, dtype=torch.float64) if centre is None else centre
        points = scale * (points - self.centre)
        self._nodes = torch.cat([points, points[:1]]) if manifold.closed else points
        self._copies = _Copies(self._nodes)
        self._lengths = _Copies(self._nodes.square().sum(1))  # squared, of the points
        self._steps = _Copies(self._nodes.diff(dim=0).square().sum(1))  # and of the chords

    @property
    def source(self) -> edcurve.Source:
        return self.manifold.source

    @property
    def chords(self) -> int:
        """Number of steps that make up the whole curve."""
        return len(self._nodes) - 1

    def nodes(self, like: Tensor) -> Tensor:
        """The points, shape (chords + 1, dim); a loop has the first once more at the end."""
        return self._copies.like(like)

    def place(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """The chord on which a phase is, and how far along it, from 0 to 1."""
        at = v.double() * self.chords
        chord = at.floor().clamp(0, self.chords - 1)
        return chord.long(), (at - chord).to(v.dtype)

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
        # a GPU's scatter_add_ adds in any order, and forming realizations costs it little more
        if v.shape[1] <= self.chords or v.device.type != "cpu":
            return super().minus_adjoint(v, grad)
        (chord, share), width = self.place(v), grad.shape[1]
        chord, later = chord.unsqueeze(1).expand(-1, width, -1), grad * share.unsqueeze(1)
        sums = grad.new_zeros((len(grad), width, self.chords + 1))
        adjoint = sums.scatter_add_(2, chord, grad - later).scatter_add_(2, chord + 1, later) @ self.nodes(grad)
        return adjoint.neg_(), grad.sum(2)

    def cell_means(self, cells: GridCells) -> Iterator[tuple[slice, Array]]:
        """The mean of a cell from the weight that each point has in it."""
        nodes = self.nodes(torch.empty(0, dtype=torch.float64)).numpy()
        chord, share = (part.numpy() for part in self.place(torch.from_numpy(cells.phases)))
        for block in cells.blocks(max(self.dim, len(nodes))):
            inside, label = cells.members(block)
            at = label * len(nodes) + chord[inside]
            count = block.stop - block.start
            later = np.bincount(at + 1, share[inside], count * len(nodes))
            weights = later + np.bincount(at, 1.0 - share[inside], count * len(nodes))
            yield block, weights.reshape(count, len(nodes)) @ nodes / cells.sizes[block, None]

    def for_training(self, *, centred: bool = True) -> MeasuredCurve:
        """The points about 0 and of the size of the circle's.

        The mean variance of a coordinate becomes 1/2, up to a factor of at most 2: points are multiplied by a power of
        two. `restore_outputs` and `weight` give reconstructions and squared errors of the points as they were given.
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
        """Principal variances of the curve with its chords in descending order; those left out are 0."""
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


class SurfaceSignal(Signal):
    """A source of two parameters (a, b), uniform on the unit square; the squared error is the sum.

    A phase v stands for a point of a lattice, a = v and b the fractional part of `SPREAD` v: a line so tightly wound
    that it fills the square. The phases (j + ½)/n make a lattice of n points, all of equal weight; random phases,
    multiples of 2⁻²⁴, are points of one of 2²⁴. A phase that is rounded to float32 is another point, not a near one.
    """

    accelerated = True
    core: ClassVar[type[edcurve.Sphere] | type[edcurve.Torus]]

    def __init__(self, samples: int = 2) -> None:
        super().__init__(samples)
        self.dim, self.weight = self.source.coordinates, 1.0

    @property
    def source(self) -> Surface:
        return self.core()

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
    core = edcurve.Sphere

    def point(self, a: Tensor, b: Tensor) -> Tensor:
        height, angle = 2.0 * a - 1.0, (2.0 * math.pi) * b
        radius = 2.0 * torch.sqrt(a * (1.0 - a))
        return torch.stack([radius * torch.cos(angle), radius * torch.sin(angle), height], dim=-1)


class TorusSignal(SurfaceSignal):
    """Two angles on circles of radius 1, in R⁴."""

    name, space = "torus", "R⁴"
    core = edcurve.Torus

    def point(self, a: Tensor, b: Tensor) -> Tensor:
        angles = (2.0 * math.pi) * torch.stack([a, b], dim=-1)
        return torch.stack([torch.cos(angles), torch.sin(angles)], dim=-1).flatten(-2)


SIGNALS: dict[str, type[Signal]] = {
    kind.name: kind for kind in (RampSignal, CircleSignal, SinusoidSignal, SawbridgeSignal, SphereSignal, TorusSignal)
}


def signal(name: str, samples: int) -> Signal:
    """The source of a name; functions on [0, 1] are sampled at `samples` points t = i/T."""
    if manifolds.is_name(name):
        return MeasuredCurve(manifolds.find(name))
    return SIGNALS[name](samples)


def source_of(name: str) -> edcurve.Source:
    """The source of the core package of that name, from which the optimum is taken."""
    return manifolds.find(name).source if manifolds.is_name(name) else SIGNALS[name](2).source


def is_built_in(source: Any) -> bool:
    """Whether a value is the name of a source that is built in; any value may be asked about."""
    return isinstance(source, str) and source in SIGNALS


def shown(source: Any) -> str:
    """A value that is no source, for messages; of points also what makes a source of them."""
    shape = getattr(source, "shape", None)
    if shape is None:
        return repr(source)
    return f"an array of shape {tuple(shape)}; edcurve_neural.from_samples makes a source of points"


def names() -> str:
    """Names of the sources, for messages."""
    return ", ".join(sorted(SIGNALS))


def samples_or_default(name: str, samples: Any) -> Any:
    """`samples` as given, or its default: 1024, or None for a source that is no function on [0, 1].

    Raises
    ------
    ValueError
        If a number of samples is given for a source that is no function.
    """
    space = SIGNALS[name].space
    if space is None:
        return SAMPLES if samples is None else samples
    if samples is not None:
        raise ValueError(f"samples must be None for the {name}, which is in {space}, got {samples!r}")
    return None

"""Lines that drop by one: the ramp and the sawbridge, with prefix sums of the weights."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import edcurve
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from edcurve_neural.moments import PhaseCells

from .base import Signal, Terms

Array = NDArray[np.float64]


class Stepped(Signal):
    """A line that drops by one at its k-th sample: x(v)_i = offset + i/T + slope·v − 1(i ≥ k(v))."""

    offset: float
    slope: float
    accelerated = True

    @abstractmethod
    def drop(self, v: Tensor) -> Tensor:
        """The sample k(v) at which the line drops, integers from 0 to T."""

    def line(self, like: Tensor) -> Tensor:
        """The part of realizations that does not depend on v: offset + i/T."""
        i = torch.arange(self.dim, dtype=like.dtype, device=like.device)
        return i / self.dim + self.offset

    def terms(self, v: Tensor) -> Terms:
        """The shift of the line, the sample at which it drops, and the energy."""
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
        without_drop = T * start.square() + start * (T - 1.0) + (T - 1.0) * (2.0 * T - 1.0) / (6.0 * T)
        fallen = T - k
        tail = fallen * (2.0 * start - 1.0) + (T * (T - 1.0) - k * (k - 1.0)) / T
        return (without_drop - tail).to(v.dtype)

    def project(self, v: Tensor, rows: Tensor, bias: Tensor | None = None) -> Tensor:
        """Projections from prefix sums of the rows: rows·line − total + slope·v·total + (sum of the first k(v))."""
        models, width, _ = rows.shape
        prefix = _prefix_sums(rows)
        line = self.line(rows)
        # one product with two columns: one column would make rounding depend on the number of models
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
        """`minus_adjoint` with prefix sums over the batch in the order of k(v), reproducible to the bit on a GPU too.

        There `scatter_add_` adds in any order. Prefix sums of many rows are computed by one block of threads for each
        row, in a fixed order.
        """
        width, line = grad.shape[1], self.line(grad)
        drop, order = torch.sort(self.drop(v), dim=1, stable=True)
        prefix = pad(grad.gather(2, order.unsqueeze(1).expand(-1, width, -1)).cumsum(2), (1, 0))
        samples = torch.arange(self.dim, device=v.device).expand(len(v), -1).contiguous()
        before = torch.searchsorted(drop, samples, right=True)  # number of lines that have dropped by each sample
        fallen = prefix.gather(2, before.unsqueeze(1).expand(-1, width, -1))
        sums = torch.bmm(grad, torch.stack([torch.ones_like(v), self.slope * v], dim=2))
        return fallen.sub_(sums[:, :, :1] * line).sub_(sums[:, :, 1:]), sums[:, :, 0]

    def cell_means(self, cells: PhaseCells) -> Iterator[tuple[slice, Array]]:
        """The line at the mean phase of a cell, less the share of the cell that has dropped by each sample.

        Phases keep their precision, so that those beside a multiple of 1/T drop at the same sample as in `sample`.
        """
        dim, phases = self.dim, torch.from_numpy(cells.phases)
        drop, line = self.drop(phases).numpy(), self.line(phases.double()).numpy()
        shift = self.slope * cells.mean(cells.phases)
        for block in cells.blocks(dim):
            inside, label = cells.members(block)
            count = block.stop - block.start
            drops = np.bincount(label * (dim + 1) + drop[inside], minlength=count * (dim + 1))
            fallen = cells.shared(drops.reshape(count, dim + 1)[:, :dim].cumsum(axis=1), block)
            yield block, line + shift[block, None] - fallen


def _prefix_sums(rows: Tensor) -> Tensor:
    """Sums of the first 0, 1, …, n numbers along the last axis, of length n."""
    if rows.device.type != "cpu":  # this form can be compiled, but is slower on a CPU
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
        """Eigenvalues of the covariance 1/12 − u(1 − u)/2 of samples at distance u: the matrix is circulant."""
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

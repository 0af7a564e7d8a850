"""The sources as a network sees them: realizations x(v) of a phase v, and what they cost to project and compare.

Every source here is of the form x(v) = (something fixed) + (few numbers that depend on v), so that a linear layer and
a squared error need no product over all its points. With prefix sums of the weights that is exact algebra.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Signal:
    """A source of dimension `dim`, whose squared error is summed and multiplied by `weight`.

    Subclasses give `sample`, `project` and `energy`. Phases have shape (models, batch).
    """

    name: str
    dim: int
    weight: float

    def sample(self, v: Tensor) -> Tensor:
        """x(v): a last axis of `dim` coordinates is appended."""
        raise NotImplementedError

    def project(self, v: Tensor, matrix: Tensor) -> Tensor:
        """x(v) @ matrix, for matrices of shape (models, dim, width)."""
        return torch.bmm(self.sample(v), matrix)

    def energy(self, v: Tensor) -> Tensor:
        """‖x(v)‖², of the shape of `v`."""
        return self.sample(v).square().sum(-1)


class Harmonic(Signal):
    """x(v) = (cos 2πv, sin 2πv) @ basis."""

    def coordinates(self, v: Tensor) -> Tensor:
        """(cos 2πv, sin 2πv)."""
        angle = v * (2.0 * math.pi)
        return torch.stack([torch.cos(angle), torch.sin(angle)], dim=-1)

    def basis(self, like: Tensor) -> Tensor:
        """Shape (2, dim)."""
        raise NotImplementedError

    def sample(self, v: Tensor) -> Tensor:  # noqa: D102
        return self.coordinates(v) @ self.basis(v)

    def project(self, v: Tensor, matrix: Tensor) -> Tensor:  # noqa: D102
        return torch.bmm(self.coordinates(v), self.basis(v) @ matrix)


class Circle(Harmonic):
    """(cos 2πv, sin 2πv); the squared error is the sum."""

    def __init__(self) -> None:
        super().__init__("circle", 2, 1.0)

    def basis(self, like: Tensor) -> Tensor:  # noqa: D102
        return torch.eye(2, dtype=like.dtype, device=like.device)

    def sample(self, v: Tensor) -> Tensor:  # noqa: D102
        return self.coordinates(v)

    def project(self, v: Tensor, matrix: Tensor) -> Tensor:  # noqa: D102
        return torch.bmm(self.coordinates(v), matrix)

    def energy(self, v: Tensor) -> Tensor:  # noqa: D102
        return torch.ones_like(v)


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

    def energy(self, v: Tensor) -> Tensor:  # noqa: D102
        coordinates = self.coordinates(v)
        return ((coordinates @ self._gram.to(v)) * coordinates).sum(-1)

    @cached_property
    def _gram(self) -> Tensor:
        return self._basis @ self._basis.T


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

    def project(self, v: Tensor, matrix: Tensor) -> Tensor:
        """x(v) @ matrix = line @ matrix + slope·v·(sum of rows) − (sum of the rows from k(v) on)."""
        return _SteppedProject.apply(matrix, v, self.drop(v), self.line(v), self.slope)  # type: ignore[no-any-return, no-untyped-call]

    def energy(self, v: Tensor) -> Tensor:
        """Σ (line_i + slope·v)² − Σ_{i ≥ k} (2(line_i + slope·v) − 1), in closed form."""
        T = float(self.dim)
        start = self.offset + self.slope * v.double()
        k = self.drop(v).double()
        whole = T * start.square() + start * (T - 1.0) + (T - 1.0) * (2.0 * T - 1.0) / (6.0 * T)
        fallen = T - k
        tail = fallen * (2.0 * start - 1.0) + (T * (T - 1.0) - k * (k - 1.0)) / T
        return (whole - tail).to(v.dtype)


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


class _SteppedProject(torch.autograd.Function):
    """`Stepped.project`: gathers from suffix sums of the matrix; backward scatters and takes prefix sums."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, v: Tensor, drop: Tensor, line: Tensor, slope: float) -> Tensor:
        models, dim, width = matrix.shape
        table = matrix.new_zeros((models, dim + 1, width))
        table[:, :dim] = suffix_sums(matrix)
        rows = drop + (dim + 1) * torch.arange(models, device=v.device).unsqueeze(1)
        ctx.save_for_backward(v, rows, line)
        ctx.slope, ctx.dim = slope, dim
        fixed = line @ matrix
        out = torch.index_select(table.view(-1, width), 0, rows.view(-1)).view(models, -1, width)
        if slope:
            return torch.addcmul(fixed.unsqueeze(1), (slope * v).unsqueeze(-1), table[:, :1]).sub_(out)
        return fixed.unsqueeze(1) - out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        v, rows, line = ctx.saved_tensors
        models, _, width = grad.shape
        flat = grad.reshape(-1, width)
        table = torch.ops.aten.embedding_dense_backward(flat, rows.view(-1), models * (ctx.dim + 1), -1, False)
        fallen = torch.cumsum(table.view(models, ctx.dim + 1, width)[:, : ctx.dim], dim=1)
        both = torch.stack([torch.ones_like(v), ctx.slope * v], dim=1) @ grad
        outer = torch.stack([line, torch.ones_like(line)], dim=1).expand(models, -1, -1)
        return torch.baddbmm(fallen, outer, both, beta=-1.0), None, None, None, None


def suffix_sums(matrix: Tensor) -> Tensor:
    """Sums of the rows from each on, of matrices of shape (models, rows, width)."""
    return matrix.flip(1).cumsum(1).flip(1)


SIGNALS = {"ramp": Ramp, "sinusoid": Sinusoid, "sawbridge": Sawbridge}


def signal(name: str, samples: int) -> Signal:
    """The source of that name; functions on [0, 1] are sampled at `samples` points t = i/T."""
    return Circle() if name == "circle" else SIGNALS[name](samples)

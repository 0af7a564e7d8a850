"""`Signal`: the interface of sources to networks, with defaults that form realizations."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import edcurve
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edcurve_neural.moments import PhaseCells

Array = NDArray[np.float64]

AT_ONCE = 2**22  # most numbers of realizations in memory at a time
VARIANCES_FROM = 2**11  # phases of the grid for the default of `variances`


class Terms(NamedTuple):
    """The few numbers on which the realizations of a batch depend, as the training kernels for CPUs need them.

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


class Copies:
    """Copies of a tensor in other precisions and on other devices; each is made once, because copying waits."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor, self._copies = tensor, dict[tuple[torch.dtype, torch.device], Tensor]()

    def like(self, other: Tensor) -> Tensor:
        """The copy with the precision and on the device of another tensor."""
        kind = (other.dtype, other.device)
        if kind not in self._copies:
            self._copies[kind] = self._tensor.to(other)
        return self._copies[kind]


class Signal(ABC):
    """A source of dimension `dim`, whose squared error is summed and multiplied by `weight`.

    A subclass has its `name`, its `source` and `sample`; the other methods have defaults that form realizations. The
    subclasses in this package override them with closed forms.

    Phases have shape (models, batch); `rows`, of shape (models, width, dim), are linear functions of a realization.

    Parameters
    ----------
    samples : int
        Number T of points t = i/T at which a function on [0, 1] is sampled. A source that is not a function ignores it.

    Attributes
    ----------
    name : str
        Name of the source in configurations, tables and messages.
    space : str or None
        Space of the realizations, such as "R²"; None for sampled functions on [0, 1].
    dim : int
        Coordinates of a realization.
    weight : float
        The distortion is the sum of squared errors over the coordinates times `weight`.
    scale : float
        Factor by which realizations were multiplied for training; see `for_training`.
    accelerated : bool
        Whether the training kernels for CPUs handle this source, by its `line` and `terms`.
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
        """The core package's source, from which the optimum is computed."""

    @property
    def samples(self) -> int | None:
        """Number T of samples of a function on [0, 1]; None for other sources."""
        return self.dim if self.space is None else None

    @property
    def places(self) -> Tensor:
        """Places of the coordinates of a realization from −1 to 1, shape (dim, d); by default equal steps of a line."""
        return (2.0 * (torch.arange(self.dim, dtype=torch.float64) / self.dim) - 1.0).unsqueeze(1)

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
        """The part of realizations that does not depend on v, shape (dim,); empty if the source is not a line."""
        return like.new_empty(0)

    def terms(self, v: Tensor) -> Terms:
        """The numbers on which the realizations of phases depend."""
        none = v.new_zeros((len(v), 0), dtype=torch.int64)
        return Terms(self.sample(v).transpose(1, 2), none, v.new_zeros(len(v)))

    def mean_energy(self, phases: Array) -> float:
        """Mean of ‖x(v)‖² over phases of shape (n,), with a correctly rounded sum."""
        return math.fsum(self.energy(torch.from_numpy(phases)[None])[0].numpy()) / len(phases)

    def cell_means(self, cells: PhaseCells) -> Iterator[tuple[slice, Array]]:
        """Blocks of cells and their mean realizations, shape (cells, dim), in float64."""
        for block in cells.blocks(self.dim):
            inside, label = cells.members(block)
            sums = torch.zeros(block.stop - block.start, self.dim, dtype=torch.float64)
            for part in np.array_split(np.arange(len(inside)), max(1, -(-len(inside) * self.dim // AT_ONCE))):
                x = self.sample(torch.from_numpy(cells.phases[inside[part]])[None])[0]
                sums.index_add_(0, torch.from_numpy(label[part]), x.double())
            yield block, cells.shared(sums.numpy(), block)

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
        """Energy beyond the first `width` principal components, which a decoder with so narrow a last layer loses."""
        return float(np.sort(self.variances)[::-1][width:].sum())

    def for_training(self, *, centred: bool = True) -> Signal:
        """The source that networks are trained on: this one, or its points moved and scaled; see `MeasuredCurve`.

        `centred` says whether points may be moved. `restore_inputs` and `restore_outputs` of the returned source adapt
        trained layers to realizations of this one.
        """
        return self

    def restore_inputs(self, rows: Tensor) -> None:  # noqa: B027  # nothing to do by default
        """Adapt affine maps (models, fan out, dim + 1) of scaled realizations to original ones, in place."""

    def restore_outputs(  # noqa: B027  # nothing to do by default
        self, columns: Tensor, constant: Tensor | None = None, factor: float = 1.0
    ) -> None:
        """Adapt linear maps to scaled realizations so that they give original ones, in place.

        Coordinates are along the last axis of `columns`. `factor` times `constant`, a view of one of the columns, is
        added to all results of the maps.
        """

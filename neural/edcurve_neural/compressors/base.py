"""The contract of a compressor with the rest of the package: `Compressor`, `Kind` and `Layout`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edcurve_neural.optimisation.program import Program
from edcurve_neural.optimisation.settings import Settings
from edcurve_neural.signals.base import Signal

VECTOR = 16  # numbers in a vector: rows are padded to whole vectors
EMBEDDINGS = ("input_octaves", "latent_octaves")  # fields of `Config` for transform coders


class ProbabilityTable(NamedTuple):
    """Probabilities of the integers from `low` on; an entropy coder takes one such table for each latent dimension."""

    low: int
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """Where each parameter lies in a row of the tensor: names, shapes and offsets."""

    shapes: dict[str, tuple[int, ...]]

    @property
    def size(self) -> int:
        """Length of a row: padded to whole vectors, so that rounding does not depend on the batch of models."""
        return -(-self.used // VECTOR) * VECTOR

    @property
    def used(self) -> int:
        """Number of parameters of one model."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Parameters by name, as views of a tensor of shape (models, size)."""
        views, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            views[name] = flat[:, start:stop].view(len(flat), *shape)
            start = stop
        return views

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """Parameters by name, each contiguous, as safetensors stores them."""
        return {name: view.detach().contiguous() for name, view in self.views(flat).items()}

    def filled(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """The parameters of one model in a row, the inverse of `named`: shape (1, size), float32."""
        flat = torch.zeros(1, self.size)
        for name, view in self.views(flat).items():
            view.copy_(tensors[name])
        return flat

    def check(self, tensors: Mapping[str, Tensor]) -> None:
        """ValueError if the parameters of one model are missing among the tensors, or have other shapes."""
        for name, shape in self.shapes.items():
            if name not in tensors or tensors[name].shape != (1, *shape):
                actual = tuple(tensors[name].shape) if name in tensors else "none"
                raise ValueError(f"{name} of shape {(1, *shape)} expected, got {actual}")


class Compressor(Protocol):
    """The interface of trained compressors; evaluation, storage and coding use nothing else.

    It is one model: tensors of realizations, indices and bits have a leading axis of length one.

    Attributes
    ----------
    signal : Signal
        The source as it is sampled.
    flat : Tensor
        All trained parameters. The compressor computes on their device and in their precision.
    layout : Layout
        Where each parameter lies in `flat`.
    unbounded : bool
        Whether integers outside the tables have a probability too.
    """

    signal: Signal
    flat: Any
    layout: Layout
    unbounded: bool

    @property
    def rank(self) -> int | None:
        """Largest dimension that the affine hull of all reconstructions can have; None if it is not bounded."""

    @property
    def finite(self) -> bool:
        """Whether all parameters are finite; training may have diverged."""

    def encode(self, x: Tensor) -> Tensor:
        """Indices (1, batch, latents) of realizations (1, batch, dim)."""

    def encode_phase(self, v: Tensor) -> Tensor:
        """Indices (1, batch, latents) of the realizations of phases (1, batch)."""

    def decode(self, indices: Tensor) -> Tensor:
        """Reconstructions (1, batch, dim) of indices."""

    def features(self, indices: Tensor) -> Tensor | None:
        """Inputs of the decoder's last layer for indices, with the constant one for its biases.

        The shape is (1, batch, m), or (1, batch, dim, m) if all coordinates share one layer whose inputs depend on
        the coordinate's place. None if each index has a reconstruction of its own.
        """

    def rate(self, indices: Tensor) -> Tensor:
        """Bits (1, batch) that the entropy model spends on indices."""

    def tables(self) -> Sequence[tuple[int, NDArray[np.float64]]]:
        """The entropy model for a coder: for each latent dimension the least index, and probabilities from it on."""

    def state(self) -> dict[str, Tensor]:
        """Parameters by name, contiguous, as safetensors stores them."""


Begin = Callable[[Sequence[Settings], "torch.device | str"], Program[Compressor]]


def _no_preparation(_settings: Settings) -> None:
    pass


@dataclass(frozen=True)
class Kind:
    """A kind of compressor: how it is trained, how it is restored, and which fields of a configuration it ignores.

    Attributes
    ----------
    program : callable
        The class of its training program. It takes configurations of one shape and a device.
    layout : callable
        Takes a configuration and returns the `Layout` of the stored parameters. The shapes of stored tensors are
        checked by it before memory is allocated, because a damaged configuration may ask for any amount.
    restore : callable
        Takes a configuration and the tensors of `Compressor.state`, of checked shapes, and returns the compressor.
        It raises ValueError, or KeyError for a missing tensor.
    unused : tuple of str
        Fields of `Config` that it ignores; they must be left at their defaults.
    circular : bool
        Whether the latent is on a circle.
    tabled : bool
        Whether its decoder and entropy model are tables.
    prepare : callable
        Takes a configuration, and compiles what its program calls on a CPU.
    """

    program: Begin
    layout: Callable[[Settings], Layout]
    restore: Callable[[Settings, dict[str, Tensor]], Compressor]
    unused: tuple[str, ...] = ()
    circular: bool = False
    tabled: bool = False
    prepare: Callable[[Settings], None] = _no_preparation

    def restored(self, config: Settings, tensors: dict[str, Tensor]) -> Compressor:
        """The trained compressor with these parameters, the inverse of its method ``state``."""
        self.layout(config).check(tensors)
        return self.restore(config, tensors)

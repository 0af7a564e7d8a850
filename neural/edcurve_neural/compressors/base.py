"""What evaluation, storage and coding ask of a trained compressor, whichever kind it is."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from edcurve_neural.signals import Signal


class Coder(Protocol):
    """One trained compressor. Tensors of realizations, indices and bits have a leading axis of one model.

    Attributes
    ----------
    signal : Signal
        The source as it is sampled.
    flat : Tensor
        All trained parameters.
    """

    signal: Signal
    flat: Any

    @property
    def rank(self) -> int | None:
        """Dimension of the space that reconstructions span, but for an offset; None if nothing bounds it."""

    def encode(self, x: Tensor) -> Tensor:
        """Indices (1, batch, latents) of realizations (1, batch, dim)."""

    def encode_phase(self, v: Tensor) -> Tensor:
        """Indices (1, batch, latents) of the realizations of phases (1, batch)."""

    def decode(self, indices: Tensor) -> Tensor:
        """Reconstructions (1, batch, dim) of indices."""

    def rate(self, indices: Tensor) -> Tensor:
        """Bits (1, batch) that the entropy model spends on indices."""

    def state(self) -> dict[str, Tensor]:
        """Parameters by name, contiguous, as safetensors stores them."""

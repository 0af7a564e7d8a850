"""`Settings`: the fields of a configuration that training reads."""

from __future__ import annotations

from typing import Any, Protocol


class Settings(Protocol):
    """The fields of a configuration, described in `edcurve_neural.Config`, which has them all.

    Compressors and their training programs depend on this instead of `Config`, which depends on the list of
    compressors.
    """

    @property
    def source(self) -> str:
        """Name of the source."""

    @property
    def lmbda(self) -> float:
        """λ of the loss rate + λ · distortion, in bits per unit distortion."""

    @property
    def latent_dim(self) -> int:
        """Dimension of the latent space."""

    @property
    def hidden(self) -> tuple[int, ...]:
        """Widths of the hidden layers of the analysis."""

    @property
    def samples(self) -> int | None:
        """Number of samples of a function on [0, 1]; None for other sources."""

    @property
    def batch_size(self) -> int:
        """Phases drawn in each step."""

    @property
    def steps(self) -> int:
        """Number of steps."""

    @property
    def learning_rate(self) -> float:
        """Learning rate of Adam at the start."""

    @property
    def train_size(self) -> int | None:
        """Size of a fixed training set of phases; None draws fresh ones in each step."""

    @property
    def seed(self) -> int:
        """Seed of the weights, the training set, the batches and the noise."""

    @property
    def likelihood(self) -> str:
        """Where the density of the noisy latents is evaluated: "derived" or "reference"."""

    @property
    def compressor(self) -> str:
        """Name of the kind of compressor."""

    @property
    def start(self) -> str:
        """How the analysis of a circular latent starts: "data" or "random"."""

    @property
    def last_layer(self) -> str:
        """Whether the last layer of the synthesis is the "trained" one or "solved" for."""

    @property
    def input_octaves(self) -> int:
        """Number of frequencies of the Fourier embedding of realizations."""

    @property
    def latent_octaves(self) -> int:
        """Number of frequencies of the Fourier embedding of latents."""

    @property
    def key(self) -> str:
        """Hash of the configuration."""

    def to_dict(self) -> dict[str, Any]:
        """Fields as JSON values."""

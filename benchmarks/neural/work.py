"""What a step of training costs in matrix products."""

from __future__ import annotations

from edcurve_neural import Config


def products(config: Config) -> float:
    """Floating-point operations of the matrix products of a model's step, by the algebra that the package uses."""
    dim, batch, latents = config.samples or 2, config.batch_size, config.latent_dim
    first, second = config.hidden
    inner = 6.0 * batch * (first * second * 2 + latents * (second + second))  # forward, and two backward
    if config.source == "circle":
        return inner + 2.0 * batch * dim * (2 * first + 3 * first)
    rows = first + 1
    # Gram matrices of the last layer and of the hidden units, and the product of each with the other's factor
    return inner + 3.0 * rows * rows * (dim + batch)

"""Learning rate and sharpness of soft rounding over the steps of training."""

from __future__ import annotations

EPOCHS = 200
DROPS = ((7 / 8, 1e-3), (3 / 4, 1e-2), (1 / 2, 1e-1))


def learning_rate(step: int, steps: int) -> float:
    """Multiplier of the learning rate: ×0.1 from 1/2 of training on, ×0.01 from 3/4, ×0.001 from 7/8."""
    return next((factor for start, factor in DROPS if step >= start * steps), 1.0)


def alpha(step: int, steps: int) -> float | None:
    """Sharpness α = 3(e + 1)/(E/4 + 1) in epoch e of E = 200 over the first quarter; then None, as α is learned."""
    epoch = step * EPOCHS // steps
    return None if 4 * epoch >= EPOCHS else 3.0 * (epoch + 1) / (EPOCHS / 4 + 1)

"""Phases that a model may learn from: fresh ones from a stream of its own, or its training set."""

from __future__ import annotations

from torch import Tensor, tensor

from . import random_streams
from .config import Config


def phases(config: Config, purpose: str, count: int) -> Tensor:
    """Phases of shape (1, count) for a purpose; of a fixed training set all there are, shape (1, train_size)."""
    if config.train_size is None:
        return random_streams.uniform(tensor([random_streams.key(config.seed, purpose)]), 0, count)
    return random_streams.uniform(tensor([random_streams.key(config.seed, "training set")]), 0, config.train_size)

"""Phases that a model learns from outside its batches: fresh ones from a random stream, or its training set."""

from __future__ import annotations

from torch import Tensor, tensor

from . import random_streams
from .optimisation.settings import Settings


def phases(config: Settings, purpose: str, count: int) -> Tensor:
    """Phases for a purpose, such as choosing cells.

    Parameters
    ----------
    config : Settings
        The configuration.
    purpose : str
        Name of the random stream: each purpose has its own.
    count : int
        Number of fresh phases.

    Returns
    -------
    Tensor
        Shape (1, count); or the whole of a fixed training set, shape (1, train_size).
    """
    if config.train_size is None:
        return random_streams.uniform(tensor([random_streams.key(config.seed, purpose)]), 0, count)
    return random_streams.uniform(tensor([random_streams.key(config.seed, "training set")]), 0, config.train_size)

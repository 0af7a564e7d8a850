"""`Decomposition`: the parts of an excess."""

from typing import NamedTuple


class Decomposition(NamedTuple):
    """The three parts of an excess, in bits, which add up to it."""

    entropy_model: float
    decoder: float
    partition: float

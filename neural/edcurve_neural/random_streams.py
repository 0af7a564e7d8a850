"""Random numbers as functions of only a seed, a purpose and a counter: SplitMix64 over tensors of integers.

Each model has its own stream, so that its draws do not depend on the other models, on the device, or on the step from
which training resumes.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15
FIRST, SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
STRIDE = 2**24  # most numbers of one draw


def key(seed: int, purpose: str) -> int:
    """Start of the stream of a seed for a purpose, as a signed integer of 64 bits."""
    state = _mix(seed & MASK)
    for character in purpose.encode():
        state = _mix(state + GOLDEN * (character + 1))
    return _signed(state)


def uniform(keys: Tensor, count: int | Tensor, size: int) -> Tensor:
    """Random numbers uniform on [0, 1), multiples of 2⁻²⁴.

    Parameters
    ----------
    keys : Tensor of int64
        Start of each stream, shape (models,).
    count : int, or Tensor of int64 and shape ()
        Number of the draw from the streams, such as the training step.
    size : int
        Numbers from each stream, at most 2²⁴.

    Returns
    -------
    Tensor of float32
        Shape (models, size).
    """
    half = (size + 1) // 2
    offset = count * _signed(STRIDE * GOLDEN)
    start = keys + (offset if isinstance(offset, Tensor) else _signed(offset))  # integers of 64 bits wrap in a tensor
    ramp = (
        _cached_ramp(half) if keys.device.type == "cpu" else _ramp(half, keys.device)
    )  # GPU streams must not share a tensor
    z = start.unsqueeze(1) + ramp
    z = (z ^ ((z >> 30) & 0x3FFFFFFFF)) * _signed(FIRST)
    z = (z ^ ((z >> 27) & 0x1FFFFFFFFF)) * _signed(SECOND)
    z ^= (z >> 31) & 0x1FFFFFFFF
    bits = z.view(torch.int32).bitwise_and_(0xFFFFFF)
    return bits[:, :size].to(torch.float32).mul_(2.0**-24)


@lru_cache(maxsize=16)
def _cached_ramp(size: int) -> Tensor:
    return _ramp(size, torch.device("cpu"))


def _ramp(size: int, device: torch.device) -> Tensor:
    return torch.arange(1, size + 1, dtype=torch.int64, device=device) * _signed(GOLDEN)


def _mix(state: int) -> int:
    state = (state + GOLDEN) & MASK
    state = ((state ^ (state >> 30)) * FIRST) & MASK
    state = ((state ^ (state >> 27)) * SECOND) & MASK
    return state ^ (state >> 31)


def _signed(value: int) -> int:
    value &= MASK
    return value - 2**64 if value >= 2**63 else value

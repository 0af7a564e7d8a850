"""Code lengths in 512ths of a bit from probabilities, and a range coder's frequencies from these, in integers."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Lengths = NDArray[np.uint16]

PRECISION = 24  # bits of the coder's frequencies
STEPS = 512  # of code length in a bit
LONGEST = 2**14 - 1  # code length in such steps: just under 32 bits
SCALE = 38  # bits of the weight of a probability of one: its product with a frequency has 62


def code_lengths(probabilities: NDArray[np.float64]) -> Lengths:
    """Code lengths −log₂ p in 512ths of a bit, at most 32 bits.

    The last one is that of the escape symbol, whose probability completes the sum to one.
    """
    remainder = max(0.0, 1.0 - float(probabilities.sum()))
    with np.errstate(divide="ignore"):
        steps = np.rint(-STEPS * np.log2(np.append(probabilities, remainder)))
    return np.asarray(np.clip(steps, 0, LONGEST), dtype=np.uint16)


def frequencies(lengths: Lengths) -> Integers:
    """Positive integers proportional to the probabilities, with sum 2²⁴, without floating-point arithmetic."""
    weights = _octave()[lengths % STEPS] >> (lengths // STEPS)
    counts = 1 + weights * (2**PRECISION - len(lengths)) // weights.sum()
    counts[np.argmax(weights)] += 2**PRECISION - counts.sum()
    return np.asarray(counts, dtype=np.int64)


@cache
def _octave() -> Integers:
    """Weights of the code lengths below one bit: ⌊2^(38 − k/512)⌋ for k below 512.

    They are nested integer square roots: rounding down each gives the same as rounding down only the last.
    """
    weights = []
    for k in range(STEPS):
        power = 1 << (SCALE * STEPS - k)
        for _ in range(STEPS.bit_length() - 1):
            power = math.isqrt(power)
        weights.append(power)
    return np.array(weights, dtype=np.int64)


def differences(lengths: Lengths) -> bytes:
    """Second differences modulo 2¹⁶, small ones of either sign as small numbers; the low bytes, then the high ones."""
    change = np.diff(lengths, n=2, prepend=np.zeros(2, dtype=np.uint16)).view(np.int16)
    small = (change << 1) ^ (change >> 15)
    return small.astype("<i2").view(np.uint8).reshape(-1, 2).T.tobytes()


def undone(steps: bytes, sizes: list[int]) -> list[Lengths]:
    """The code lengths of tables of these sizes, the inverse of `differences`; ValueError for invalid bytes."""
    if len(steps) != 2 * sum(sizes):
        raise ValueError(f"{len(steps)} bytes for {sum(sizes)} code lengths")
    small = np.frombuffer(steps, dtype=np.uint8).reshape(2, -1).T.copy().view("<u2")[:, 0].astype(np.uint16)
    change = (small >> 1) ^ (0 - (small & 1))
    lengths = np.cumsum(np.cumsum(change, dtype=np.uint16), dtype=np.uint16)
    if lengths.max() > LONGEST:
        raise ValueError("a code length of 32 bits or more")
    return np.split(lengths, np.cumsum(sizes)[:-1])

"""Realizations of the built-in sources: the phase of a realization, and the centroid of an interval of phases.

Functions on [0, 1] are sampled at t = i/T, i = 0, …, T − 1, along the last axis.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def times(samples: int) -> Array:
    """Sample points i/T."""
    return np.arange(samples) / samples


def ramp_phase(x: Array) -> Array:
    """V = J_0 + ½."""
    _sampled(x, 1)
    return np.asarray(np.clip(x[..., 0] + 0.5, 0.0, 1.0))


def ramp_centroid(start: Array, size: Array, samples: int) -> Array:
    """Eq. (13) for one interval: t + E[V] − P(t + V ≥ 1) − ½."""
    t, a, p = times(samples), start[..., None], size[..., None]
    return np.asarray(t + (a + 0.5 * p) - np.clip((a + p - (1.0 - t)) / p, 0.0, 1.0) - 0.5)


def circle_phase(x: Array) -> Array:
    """Angle of a point of R², in turns."""
    if x.ndim == 0 or x.shape[-1] != 2:
        raise ValueError(f"x must have 2 coordinates along the last axis, got shape {x.shape}")
    return turns(np.arctan2(x[..., 1], x[..., 0]))


def circle_centroid(start: Array, size: Array, samples: int) -> Array:
    """sinc(πp) times the point in the middle of the arc."""
    angle = 2.0 * math.pi * (start + 0.5 * size)
    return np.asarray(np.sinc(size)[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1))


def sinusoid_phase(x: Array) -> Array:
    """Phase of the first harmonic of the samples."""
    _sampled(x, 3)
    harmonic = x @ np.exp(-2j * math.pi * times(x.shape[-1]))
    return turns(np.angle(1j * harmonic))


def sinusoid_centroid(start: Array, size: Array, samples: int) -> Array:
    """sinc(πp) sin 2π(t + middle)."""
    middle = (start + 0.5 * size)[..., None]
    return np.asarray(np.sinc(size)[..., None] * np.sin(2.0 * math.pi * (times(samples) + middle)))


def sawbridge_phase(x: Array) -> Array:
    """Middle of the interval between samples in which t − 1(t ≥ V) drops."""
    _sampled(x, 1)
    samples = x.shape[-1]
    after = (x < times(samples) - 0.5).sum(axis=-1)
    return np.asarray(np.clip((samples - after - 0.5) / samples, 0.0, 1.0))


def sawbridge_centroid(start: Array, size: Array, samples: int) -> Array:
    """Mean t − P(V ≤ t) of the cell."""
    t, a, p = times(samples), start[..., None], size[..., None]
    return np.asarray(t - np.clip((t - a) / p, 0.0, 1.0))


def uniform_phase(x: Array) -> Array:
    """The scalar is its own phase."""
    return x


def uniform_centroid(start: Array, size: Array, samples: int) -> Array:
    """Middle of the cell."""
    return np.asarray(start + 0.5 * size)


def _sampled(x: Array, least: int) -> None:
    if x.ndim == 0 or x.shape[-1] < least:
        raise ValueError(f"x must have at least {least} samples along the last axis, got shape {x.shape}")


def turns(angle: Any) -> Array:
    """Convert an angle from radians to turns in [0, 1)."""
    phase = np.mod(angle / (2.0 * math.pi), 1.0)
    return np.asarray(np.where(phase == 1.0, 0.0, phase))

"""Curves γ(v) = Re Σ_k m_k e^{2πikv}: the phase nearest to a point, and the mean over an interval of phases."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Modes = NDArray[np.complex128]

OVERSAMPLED = 8  # points of the first scan per period of the highest harmonic
AT_ONCE = 2**22  # numbers in memory at a time


def nearest(scores: Modes, norm: Modes | None = None) -> Array:
    """Phase v in [0, 1) that maximises Re Σ_k s_k e^{−2πikv}, k = 1, 2, … along the last axis.

    It comes from a scan of equally spaced phases, and Newton steps near the maximum. For points x with
    s_k = ⟨x, m_k⟩ (the second argument conjugated) it is the nearest point of an orbit, on which ‖γ(v)‖ is constant;
    for other curves pass the harmonics of −‖γ(v)‖²/2 as `norm`.
    """
    flat = scores.reshape(-1, scores.shape[-1])
    if norm is not None:
        longer = np.zeros((flat.shape[0], max(flat.shape[1], norm.size)), dtype=np.complex128)
        longer[:, : flat.shape[1]] = flat
        longer[:, : norm.size] += norm
        flat = longer
    points = max(64, OVERSAMPLED * flat.shape[1])
    rows = max(1, AT_ONCE // points)
    phases = [_maximum(flat[i : i + rows], points) for i in range(0, len(flat), rows)]
    return np.concatenate([np.empty(0), *phases]).reshape(scores.shape[:-1])


def _maximum(scores: Modes, points: int) -> Array:
    padded = np.zeros((len(scores), points // 2 + 1), dtype=np.complex128)
    # the inverse transform has e^{+2πikv}
    padded[:, 1 : scores.shape[1] + 1] = scores.conj()
    v = np.argmax(np.fft.irfft(padded, points, axis=1), axis=1) / points
    k = 2.0 * math.pi * np.arange(1, scores.shape[1] + 1)
    for _ in range(4):
        turned = scores * np.exp(-1j * v[:, None] * k)
        slope, curvature = (turned.imag @ k), -(turned.real @ (k * k))
        step = np.where(curvature < 0.0, -slope / np.where(curvature < 0.0, curvature, 1.0), 0.0)
        v = v + np.clip(step, -0.5 / points, 0.5 / points)
    phase = np.mod(v, 1.0)
    return np.asarray(np.where(phase == 1.0, 0.0, phase))


def means(start: Array, size: Array, count: int) -> Modes:
    """Mean of e^{2πikv} over [start, start + size), k = 1, …, count along a new last axis."""
    k = np.arange(1, count + 1)
    turns = 2.0 * math.pi * np.mod((start + 0.5 * size)[..., None] * k, 1.0)
    return np.asarray(np.sinc(size[..., None] * k) * np.exp(1j * turns))


def mean_points(modes: Modes, centre: Array, start: NDArray[Any], size: NDArray[Any]) -> Array:
    """Mean of γ over [start, start + size), from its modes, shape (n, dim), and its mean; a few cells at a time."""
    flat_start, flat_size = np.ravel(start), np.ravel(size)
    rows = max(1, AT_ONCE // len(modes))
    parts = [
        (means(flat_start[i : i + rows], flat_size[i : i + rows], len(modes)) @ modes).real
        for i in range(0, flat_start.size, rows)
    ]
    points = np.concatenate([np.empty((0, modes.shape[1])), *parts]) + centre
    return points.reshape(*np.shape(start), modes.shape[1])

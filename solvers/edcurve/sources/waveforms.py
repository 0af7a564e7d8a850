"""Cyclic shifts of a waveform given as a function or by its samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation

from . import orbits
from .base import Array
from .realizations import times
from .spectra import MOST, Spectrum

OVERSAMPLED = 16  # samples of a function for each harmonic that is kept
MOST_SAMPLES, LEAST_SAMPLES = 2 * MOST, 4
MOST_AMPLITUDE = 1e140
LEAST_SPREAD = 1e-140
FAINT = 1e-6  # share of the energy below which harmonics do not count for the period of a waveform
FEW = 12  # samples per period up to which one harmonic may hide another
NOISE = 1e-30  # share of the energy below which harmonics are rounding errors


class Waveform(Spectrum):
    """t ↦ g(t + V) on [0, 1]; see `Source.from_waveform`."""

    def __init__(
        self,
        g: Callable[[Array], ArrayLike] | ArrayLike,
        *,
        harmonics: int = 65536,
        name: str = "waveform",
    ) -> None:
        kept = validation.positive_int("harmonics", harmonics)
        if kept > MOST:
            raise ValueError(f"harmonics must be at most {MOST}, got {kept}")
        samples = _sampled(g, OVERSAMPLED * kept) if callable(g) else _samples_of(g)
        modes = waveform_modes(samples)
        modes = modes[: kept if callable(g) else None]
        if not modes.any() or samples.min() == samples.max():  # or rounding errors are its harmonics
            raise ValueError("g must not be constant")
        self._set_modes(modes, name=name, mean=float(samples.mean()), truncation=left_out(samples, kept=modes.size))

    def _set_modes(self, modes: orbits.Modes, *, name: str, mean: float = 0.0, truncation: float = 0.0) -> None:
        self._mean, self._truncation = mean, truncation
        Spectrum.__init__(self, 0.5 * np.abs(modes) ** 2, name=name)
        self._modes = modes[: self._energies.size]

    def _realized(self) -> tuple[NDArray[Any], ...]:
        return self._energies, self._modes, np.array([self._mean, self._amplitude, self._truncation])

    @property
    def truncation(self) -> float:
        """Bound on the error of the distortion of any partition; see `Source.from_waveform`."""
        return self._truncation * self._amplitude**2

    def phase(self, x: NDArray[Any]) -> Array:
        """Phase of realizations sampled at t = i/T along the last axis, by correlation with g."""
        values = self._checked(x, None)
        count = min(self._modes.size, (values.shape[-1] - 1) // 2)
        if count < 1:
            raise ValueError(f"x must have at least 3 samples along the last axis, got shape {values.shape}")
        return orbits.nearest(np.fft.rfft(values, axis=-1)[..., 1 : count + 1] * self._modes[:count].conj())

    def centroid(self, start: NDArray[Any], size: NDArray[Any], samples: int = 1024) -> Array:
        """Mean realization E[X | cell] of cells of phases [start, start + size), at t = i/T."""
        flat = np.ravel(start), np.ravel(size)
        rows = max(1, orbits.AT_ONCE // self._modes.size)
        parts = [
            self._at_samples(orbits.means(flat[0][i : i + rows], flat[1][i : i + rows], self._modes.size), samples)
            for i in range(0, flat[0].size, rows)
        ]
        values = np.concatenate([np.empty((0, samples)), *parts])
        return np.asarray(self._amplitude * (self._mean + values).reshape(*np.shape(start), samples))

    def _at_samples(self, means: orbits.Modes, samples: int) -> Array:
        """Re Σ m_k μ_k e^{2πikt} at t = i/T; harmonics above T/2 are aliased."""
        terms = means * self._modes
        padded = np.zeros((len(terms), -(-(terms.shape[1] + 1) // samples) * samples), dtype=np.complex128)
        padded[:, 1 : terms.shape[1] + 1] = terms
        folded = padded.reshape(len(terms), -1, samples).sum(axis=1)
        return np.asarray(samples * np.fft.ifft(folded, axis=-1).real)


def waveform_modes(samples: NDArray[Any]) -> NDArray[np.complex128]:
    """m_k of g(t) = mean + Re Σ m_k e^{2πikt} through samples along the first axis; rounding errors set to 0."""
    count = samples.shape[0]
    modes = np.fft.rfft(samples, axis=0)[1:] * (2.0 / count)
    if count % 2 == 0:
        modes[-1] *= 0.5
    energy = np.abs(modes) ** 2
    energy = energy.reshape(len(energy), -1).sum(axis=1)
    modes[energy <= NOISE * energy.sum()] = 0.0
    return np.asarray(modes)


def left_out(samples: NDArray[Any], *, kept: int) -> float:
    """Bound on the error in energy of the kept harmonics, summed over all; see `Source.from_waveform`.

    Harmonics that the samples do not resolve have the energy of the last octave once more if energies fall like 1/k².
    Their contribution to the amplitude of each lower harmonic has a square of at most twice the last octave's mean.
    """
    modes = waveform_modes(samples)
    amplitudes = np.linalg.norm(modes.reshape(len(modes), -1), axis=1)
    octave = amplitudes[amplitudes.size // 2 :]
    period = _fundamental(amplitudes)
    if len(samples) % period == 0 and len(samples) <= FEW * period:
        octave = _unaliased(amplitudes[period - 1 :: period], len(samples) // period)
    beyond = 0.5 * float(np.sum(amplitudes[kept:] ** 2) + np.sum(octave**2))
    return beyond + float(np.sqrt(2.0 * np.mean(octave**2)) * np.sum(amplitudes[:kept]))


def _unaliased(amplitudes: Array, count: int) -> Array:
    """Amplitudes in the last octave of a period of few samples, where one harmonic may hide another.

    Harmonic N − k is an alias of k. If amplitudes fall like 1/k, it cancels up to k/(N − k) of that of k. The remainder
    is large enough only in the octave's first harmonics or, for 4 samples, in the fundamental.
    """
    k = np.arange(1, amplitudes.size + 1)
    start = amplitudes.size // 2
    octave = amplitudes[start:]
    if count in (4, 6):
        # the third harmonic is an alias of the first, or is sampled at its zeros
        octave = np.maximum(octave, 0.5 * amplitudes[0])
    seen = k[start : start + 2] if count > 4 else k[:1]
    seen = seen[5 * seen <= 2 * count]
    envelope = np.max(seen * amplitudes[seen - 1] / (1.0 - seen / (count - seen)), initial=0.0)
    return np.maximum(octave, envelope / k[start:])


def _fundamental(amplitudes: Array) -> int:
    """The number of periods of the waveform: the greatest common divisor of the harmonics with energy."""
    energies = amplitudes**2
    return int(np.gcd.reduce(np.flatnonzero(energies > FAINT * energies.sum()) + 1))


def _sampled(g: Callable[[Array], ArrayLike], count: int) -> Array:
    t = times(count)
    remedy = "g must map arrays of t to finite real arrays of the same shape"
    try:
        values = np.asarray(g(t.copy()))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{remedy} (it raised: {error}); use numpy functions or numpy.vectorize") from error
    if values.shape != t.shape or values.dtype.kind not in "iuf":
        raise TypeError(f"{remedy}; shape {t.shape} gave {values.shape} of {values.dtype}")
    return finite_samples("g", values, t)


def _samples_of(g: ArrayLike) -> Array:
    values = validation._as_float64("g", g)
    if values.ndim != 1 or not LEAST_SAMPLES <= values.size <= MOST_SAMPLES:
        raise ValueError(
            f"g must be a function, or one-dimensional with {LEAST_SAMPLES} to {MOST_SAMPLES} samples, "
            f"got an array of shape {values.shape}"
        )
    return finite_samples("g", values, np.arange(values.size))


def finite_samples(name: str, values: NDArray[Any], at: NDArray[Any]) -> Array:
    """The values as float64, checked to be finite and in a range whose squares neither overflow nor underflow."""
    limits = {"finite": np.isfinite(values), f"at most {MOST_AMPLITUDE:g} in size": np.abs(values) <= MOST_AMPLITUDE}
    for allowed, good in limits.items():
        if not good.all():
            raise ValueError(f"{name} must be {allowed}, got {values[~good][0]} at {at[~good][0]}")
    numbers = values.astype(np.float64)
    spread = float(np.ptp(numbers, axis=0).max())
    if 0.0 < spread < LEAST_SPREAD:
        raise ValueError(f"{name} must vary by at least {LEAST_SPREAD:g}, got {spread:.6g}")
    return numbers

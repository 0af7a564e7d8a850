"""Limits of linear transforms: reverse water-filling over the KLT, and the least distortion of a narrow decoder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from . import validation
from .sources import PowerLaw, Ramp, SampledLoop, Sawbridge, Source, Spectrum, UniformScalar, resolve
from .sources.closed_form import ClosedForm

Array = NDArray[np.float64]

LEAST = 1e-300  # water level below which its logarithm is computed from numerator and denominator
CELLS = 2048  # number of cells over which the covariance of an open source is averaged
TRUSTED = 128  # number of eigenvalues of this matrix that are used; each has a relative error of about 1e-3
STATIONARY = 1e-9  # defect above which a loop's covariance comes from its points instead of its mean distances
HARMONICS = 4096  # number of harmonics computed for a closed source given by d alone
EXACT_HARMONICS = 2**18  # the same for a source with harmonics in closed form
ROUNDING = 1e-12  # share of D_max below which its difference from a sum of energies is rounding error


def gaussian_bound(source: Source | str, distortion: ArrayLike, *, base: float = 2) -> Any:
    """Rate-distortion function of a Gaussian source with the same covariance: reverse water-filling over the KLT.

    It is an upper bound on Shannon's R(D), since the Gaussian source has the largest R(D) for its covariance. It is
    also the benchmark of linear transform coding at high rate, which has a space-filling loss in addition. It does not
    bound E(D) in either direction: for these manifolds its ratio to E(D) grows without limit as D falls.

    It is Σ ½ ln⁺(σᵢ²/θ) for the eigenvalues σᵢ² of the covariance, with θ such that D = Σ min(θ, σᵢ²).

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    distortion : float or array_like
        D ≥ 0.
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    float or ndarray
        The bound, of the shape of `distortion`; 0 from D_max on, inf at 0.

    Raises
    ------
    ValueError
        For invalid arguments. Also for a distortion that needs more eigenvalues than are computed numerically (for a
        source given by d alone); the message has the least distortion.
    TypeError
        If an argument is not a number, an array of numbers or a source.
    """
    source = resolve(source)
    unit = validation.log_base(base)
    return _rate(eigenvalues(source), source.max_distortion, distortion, unit, repr(source.name))


def water_filling(eigenvalues: ArrayLike, distortion: ArrayLike, *, base: float = 2) -> Any:
    """Rate-distortion function of a Gaussian vector whose covariance has these eigenvalues: reverse water-filling.

    It applies to data that are not a source of this package, such as the points of `segment`, by their covariance.

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Variances ≥ 0, in any order, not all 0. Values negative by rounding, down to −n·eps·max, are taken as 0: max is
        the largest, and eps that of their floating-point type.
    distortion : float or array_like
        D ≥ 0: the sum of squared errors over the dimensions.
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    float or ndarray
        The rate, of the shape of `distortion`; 0 from Σ σ² on, inf at 0.

    Raises
    ------
    ValueError, TypeError
        For invalid arguments, named in the message.
    """
    values = validation.nonnegative("eigenvalues", eigenvalues, finite=True, rounded=True)
    if values.ndim != 1 or not values.any():
        raise ValueError(f"eigenvalues must be a sequence of variances, not all 0, got shape {values.shape}")
    spectrum = Eigenvalues(np.sort(values[values > 0.0])[::-1], 0.0)
    return _rate(spectrum, math.fsum(values), distortion, validation.log_base(base), "eigenvalues")


def rank_floor(source: Source | str, width: int | ArrayLike) -> Any:
    """Least distortion of any decoder whose last layer has a given width, at any entropy.

    Its reproductions lie in an affine space of dimension `width` (the bias is free). So the distortion is at least the
    sum of the covariance's eigenvalues without the `width` largest.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    width : int or array_like of int
        Width ≥ 0 of the decoder's last hidden layer.

    Returns
    -------
    float or ndarray
        The least distortion, of the shape of `width`. If eigenvalues are computed numerically, it is D_max minus the
        largest of them, an upper estimate with a relative error of about 1e-3. For a closed source given by d alone
        these are the largest if peaks of energies beyond the 4096th harmonic fall like 1/k² or faster.

    Raises
    ------
    ValueError, TypeError
        For invalid arguments, named in the message, including a width above the number of computed eigenvalues.
    """
    source = resolve(source)
    counts = _widths(width)
    spectrum = eigenvalues(source)
    if counts.size and counts.max() > spectrum.number:
        raise ValueError(f"width must be at most {spectrum.number:.0f} for {source.name!r}, got {counts.max()}")
    result = spectrum.tail(counts.astype(np.float64))
    return result if isinstance(width, np.ndarray) or counts.ndim else float(result)


def _widths(width: int | ArrayLike) -> NDArray[np.int64]:
    values = validation.as_array("width", width, "width must be an integer or an array of them, got {what}")
    if values.ndim == 0 and not isinstance(width, np.ndarray):
        return np.array(validation.positive_int("width", width, least=0))
    if values.size and values.dtype.kind not in "iu":
        raise TypeError(f"width must be an integer or an array of them, got an array of dtype {values.dtype}")
    if values.size and values.min() < 0:
        raise ValueError(f"width must be at least 0, got {values.min()}")
    return values.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Eigenvalues:
    """The largest eigenvalues, in descending order, and the sum of the others, each of which is at most the last."""

    values: Array
    rest: float

    @property
    def number(self) -> float:
        """Number of known eigenvalues; infinite if there are no others."""
        return math.inf if self.rest == 0.0 else float(self.values.size)

    def tail(self, count: Array) -> Array:
        """Sum of all but the `count` largest."""
        sums = np.concatenate([np.cumsum(self.values[::-1])[::-1], [0.0]]) + self.rest
        return np.asarray(sums[np.minimum(count, self.values.size).astype(np.int64)])

    def above(self, distortion: Array) -> Array:
        """Count the eigenvalues that exceed the water level at a distortion."""
        counts = np.arange(1.0, self.values.size + 1.0)
        knots = counts * self.values + self.tail(counts)  # D at which the water level is each eigenvalue: descending
        return self.values.size - np.searchsorted(knots[::-1], distortion, side="left").astype(np.float64)

    def logs(self, count: Array) -> Array:
        """Sum of the logarithms of the `count` largest."""
        sums = np.concatenate([[0.0], np.cumsum(np.log(self.values))])
        return np.asarray(sums[count.astype(np.int64)])

    @property
    def least(self) -> float:
        """Least distortion at which the water level is above all unknown eigenvalues."""
        return float(self.values.size * self.values[-1] + self.rest) if self.rest > 0.0 else 0.0


@dataclass(frozen=True)
class InverseSquares:
    """Eigenvalues scale/k², k = 1, 2, …, each with multiplicity `times`."""

    scale: float
    times: int
    number: float = math.inf
    least: float = 0.0

    def tail(self, count: Array) -> Array:
        """Sum of all but the `count` largest, by trigamma functions."""
        whole, part = np.divmod(count, self.times)
        return np.asarray(self.scale * (self.times * special.polygamma(1, whole + 1.0) - part / (whole + 1.0) ** 2))

    def above(self, distortion: Array) -> Array:
        """Count the eigenvalues that exceed the water level: `times` · k, with D between knots k and k + 1."""

        def knot(k: Array) -> Array:
            return self.times * self.scale * (1.0 / k + special.polygamma(1, k + 1.0))

        k = np.floor(np.maximum(2.0 * self.times * self.scale / distortion, 1.0)) + 1.0
        for _ in range(4):  # the start is slightly too large, as 1/k + ψ′(k + 1) is 2/k up to 1/(2k²)
            k = np.where((k > 0.0) & (knot(np.maximum(k, 1.0)) <= distortion), k - 1.0, k)
        return self.times * k

    def logs(self, count: Array) -> Array:
        """Sum of the logarithms of the `count` largest, a multiple of `times`."""
        k = count / self.times
        return np.asarray(self.times * (k * math.log(self.scale) - 2.0 * special.gammaln(k + 1.0)))


def least_distortion(source: Source) -> float:
    """Least distortion at which the computed eigenvalues suffice for `gaussian_bound`."""
    return eigenvalues(source).least


def _rate(spectrum: Eigenvalues | InverseSquares, most: float, distortion: ArrayLike, unit: float, name: str) -> Any:
    """Compute the rate by reverse water-filling at any distortion; 0 from `most` on."""

    def many(D: Array) -> Array:
        result = np.where(D > 0.0, 0.0, math.inf)
        inner = (D > 0.0) & (most > D)
        if inner.any():
            result[inner] = _water_filling(spectrum, D[inner], name) / unit
        return result

    return validation.elementwise("distortion", distortion, lambda D: many(np.array([D])).item(), many)


def _water_filling(spectrum: Eigenvalues | InverseSquares, distortion: Array, name: str) -> Array:
    if distortion.min() < spectrum.least:
        raise ValueError(
            f"distortion must be 0 or at least {spectrum.least:.6g} for {name}, of whose eigenvalues "
            f"{spectrum.number:.0f} are known, got {distortion.min()!s}"
        )
    count = spectrum.above(distortion)
    inside = distortion - spectrum.tail(count)
    level = inside / count  # may underflow
    log = np.where(level < LEAST, np.log(inside) - np.log(count), np.log(np.maximum(level, LEAST)))
    return np.asarray(np.maximum(0.5 * (spectrum.logs(count) - count * log), 0.0))


def power_exponent(source: Source) -> float | None:
    """The exponent a of a source with δ(u) proportional to uᵃ, otherwise None."""
    if isinstance(source, PowerLaw):
        return float(source.law.parameters.exponent)
    if isinstance(source, Sawbridge):
        return 1.0
    return 2.0 if isinstance(source, UniformScalar) else None


def is_scalar(source: Source) -> bool:
    """Whether the source is the uniform scalar, scaled or not."""
    return power_exponent(source) == 2.0


@lru_cache(maxsize=64)
def eigenvalues(source: Source) -> Eigenvalues | InverseSquares:
    """Return the eigenvalues of a source's covariance."""
    if isinstance(source, Ramp):
        return InverseSquares(float(source.law.scale) * 0.25 / math.pi**2, 2)
    if power_exponent(source) == 1.0:
        return InverseSquares(float(source.law.scale) / math.pi**2, 1)
    if is_scalar(source):
        return Eigenvalues(np.array([source.max_distortion]), 0.0)
    return _closed(source) if source.closed else _open(source)


def _closed(source: Source) -> Eigenvalues:
    if isinstance(source, SampledLoop) and source.defect > STATIONARY:
        return Eigenvalues(source.variances(), 0.0)
    if isinstance(source, Spectrum):
        energies = np.sort(source.energies)[::-1]
        return _in_pairs(energies[energies > 0.0], 0.0)
    exact = isinstance(source, ClosedForm)
    energies = source.harmonics(EXACT_HARMONICS if exact else HARMONICS)
    beyond = max(0.0, source.max_distortion - math.fsum(energies))
    largest_beyond = _largest_beyond(energies)
    energies = np.sort(energies)[::-1]
    if largest_beyond == 0.0 or not (exact or beyond > ROUNDING * source.max_distortion):
        return _in_pairs(energies[energies > 0.0], 0.0)
    # keep the energies that none beyond exceeds, as long as the sum of the others exceeds rounding errors
    remainders = beyond + np.append(np.cumsum(energies[::-1])[-2::-1], 0.0)
    kept = np.count_nonzero((energies >= largest_beyond) & (remainders > ROUNDING * source.max_distortion))
    return _in_pairs(energies[:kept], float(remainders[kept - 1]))


def _in_pairs(energies: Array, rest: float) -> Eigenvalues:
    """Return the eigenvalues of harmonics: half the energy of each, twice."""
    return Eigenvalues(np.repeat(0.5 * energies, 2), rest)


def _largest_beyond(energies: Array) -> float:
    """Bound the energies of further harmonics, assuming that they fall at least like 1/k² from the last octave.

    This holds for the peaks of the spectrum of any waveform with jumps, which may vanish between them. The octave is
    assumed to contain a peak.
    """
    count = energies.size
    k = np.arange(count // 2 + 1, count + 1)
    return float(np.max(energies[count // 2 :] * (k / (count + 1.0)) ** 2))


def _open(source: Source) -> Eigenvalues:
    """Compute the eigenvalues from means of −½δ over pairs of cells, centred.

    They are at most the true ones; D_max minus their sum is the remainder.
    """
    values = np.concatenate([np.linalg.eigvalsh(half) for half in _halves(source)])
    values = np.sort(values)[::-1][:TRUSTED]
    values = values[values > 1e-13 * values[0]]
    return Eigenvalues(values, source.max_distortion - math.fsum(values))


def largest_eigenvalue(source: Source) -> float:
    """Return only the largest eigenvalue of an open source's covariance, in a fraction of the time for all."""
    if is_scalar(source) or power_exponent(source) == 1.0:
        return math.exp(float(eigenvalues(source).logs(np.array([1.0]))[0]))
    from scipy.sparse.linalg import eigsh

    start = np.arange(1.0, CELLS // 2 + 1.0)  # deterministic, and not constant, which the even half maps to 0
    return max(float(eigsh(half, k=1, v0=start, return_eigenvectors=False)[0]) for half in _halves(source))


def _halves(source: Source) -> tuple[Array, Array]:
    """Covariance between cells, restricted to odd and to even functions of v − ½."""
    step = 1.0 / CELLS
    ends = np.arange(CELLS + 1) * step
    moment = ends * source.cell_distortion(ends)
    means = np.concatenate([[2.0 * moment[1]], moment[2:] - 2.0 * moment[1:-1] + moment[:-2]]) / step**2
    # symmetric under v → 1 − v: two problems of half the size
    half = CELLS // 2
    offset = np.arange(half)
    near, far = means[np.abs(offset[:, None] - offset)], means[CELLS - 1 - offset[:, None] - offset]
    odd = -0.5 * (near - far) * step
    even = -0.5 * (near + far) * step
    return odd, even - even.mean(axis=0) - even.mean(axis=1)[:, None] + even.mean()

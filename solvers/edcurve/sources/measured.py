"""Curves given by measured vectors, equally spaced in the phase."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation

from . import condition, ends, orbits
from .base import TOLERATED, Array, FewPoints, Source
from .spectra import MOST, Spectrum
from .waveforms import finite_samples, left_out, waveform_modes

if TYPE_CHECKING:
    from scipy.interpolate import PPoly

LEAST = 4  # points
TOLERANCE = 0.05  # default limit of the defect
LARGEST = 2**28  # numbers
ALL_PAIRS = 2048  # most points for which all pairs are examined; of more, every second, third, …, in at most two laps
ROUNDING = 1e-12
DIRECT = 64  # lags at which distances are summed term by term, because transforms cancel there
SMALL_PHASE = 1e-300
DENSE = 2**12  # number of realizations whose chords approximate the loop


def from_samples(x: ArrayLike, *, closed: bool | None, tolerance: float, name: str) -> SampledLoop | SampledCurve:
    """Source given by measured vectors; see `Source.from_samples`."""
    source, doubt = from_samples_unwarned(x, closed=closed, tolerance=tolerance, name=name)
    if doubt is not None:
        validation.warn(doubt)
    return source


def from_samples_unwarned(
    x: ArrayLike, *, closed: bool | None, tolerance: float, name: str
) -> tuple[SampledLoop | SampledCurve, str | None]:
    """The result of `from_samples`, and its warning, if any."""
    points = checked_points(x)
    loop, doubt = ends.settled(points, closed)
    limit = validation.real("tolerance", tolerance)
    if limit < 0.0:
        raise ValueError(f"tolerance must be at least 0, got {tolerance!r}")
    if loop:
        _refuse_repeated(points)
    source = SampledLoop(points, name=str(name)) if loop else SampledCurve(points, name=str(name))
    if source.defect > limit:
        kind, needed = "loop" if loop else "curve with ends", math.ceil(1000.0 * source.defect) / 1000.0
        share = source.truncation / source.max_distortion
        raise ValueError(
            f"x must be stationary: ‖γ(v) − γ(v+u)‖² must depend on u alone, but as a {kind} it deviates from that by "
            f"{source.defect:.3g} of its mean, and tolerance is {limit:g}; tolerance={needed:g} takes its mean over "
            f"all positions instead, by which distortions may be off by {source.truncation:.2g} "
            f"({share:.2g} of D_max); edcurve.segment gives the optimal partition of any curve"
        )
    return source, doubt


def _refuse_repeated(points: Array) -> None:
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    if np.linalg.norm(points[-1] - points[0]) <= ends.REPEATED * np.median(steps):
        raise ValueError(
            "x must not repeat its first point at the end of a loop: leave the last point out, v = i/N, i = 0, …, N − 1"
        )


def checked_points(x: ArrayLike) -> Array:
    """The points as an array of shape (N, dim), checked to form a curve."""
    values = validation._as_float64("x", x)
    points = values[:, None] if values.ndim == 1 else values
    if points.ndim != 2 or points.shape[0] < LEAST or points.shape[1] < 1:
        raise ValueError(
            f"x must be of shape (N, dim) or (N,) with at least {LEAST} points, got shape {values.shape}"
            f"{validation.flattened('x', values.shape)}"
        )
    if points.size > LARGEST or points.shape[0] > 2 * MOST:
        raise ValueError(f"x must have at most {2 * MOST} points and {LARGEST} numbers, got shape {values.shape}")
    finite_samples("x", points, np.broadcast_to(np.arange(len(points))[:, None], points.shape))
    if not np.ptp(points, axis=0).any():
        raise ValueError("x must not be the same point throughout")
    return points


class Stationarity(NamedTuple):
    """Deviation of points from distances that depend on the lag alone.

    Attributes
    ----------
    defect : float
        Root mean square deviation of ‖x_i − x_{i+j}‖² from its mean over i, as a share of its mean over i and j.
    position : float
        Largest deviation of the mean squared error of a run of points from the mean over runs of its length. It bounds
        the deviation of the distortion of any partition into runs from the one given by its cell sizes.
    below : ndarray, shape (m,)
        Mean minus minimum over runs of 1, 2, …, m points, with m points per lap.
    mean : ndarray, shape (m,)
        Mean squared error of runs of 1, 2, …, m points.
    """

    defect: float
    position: float
    below: Array
    mean: Array


def _few(source: Source, points: Array, mean: Array) -> FewPoints | None:
    """The points of a source, and how much runs of them may save; None if there are more than 2048."""
    if len(points) > ALL_PAIRS:
        return None
    p = np.arange(1, len(points) + 1) / len(points)
    return FewPoints(points, source.position + max(0.0, float(np.max(source.cell_distortion(p) / p - mean))))


def stationarity(points: Array, *, closed: bool) -> Stationarity:
    """Examine all pairs of points, or of at most 2048 of them."""
    stride = -(-len(points) // ALL_PAIRS)
    if closed and len(points) % stride:
        points, lap = _two_laps(points)
        closed = False
    else:
        points = points[::stride]
        lap = len(points)
    unit = float(np.ptp(points, axis=0).max())  # fourth powers of distances may not overflow
    square = total = pairs = near = moment = worst = 0.0
    # sums of the squared distances from the last point of a run to the others, and over all pairs of it
    ends, sums, below, means = np.zeros(len(points)), np.zeros(len(points)), np.zeros(lap), np.zeros(lap)
    for lag, distances in enumerate(_by_lag((points - points[0]) / unit, lap, closed=closed), start=1):
        once = distances[:lap]  # the second lap repeats the pairs
        mean = float(once.mean())
        square, total = square + float(np.sum((once - mean) ** 2)), total + float(once.sum())
        pairs += once.size
        near += mean
        moment += near
        ends = (ends if closed else ends[1:]) + distances
        sums = (np.roll(sums, 1) if closed else sums[:-1]) + ends
        off = (sums - moment) / (lag + 1) ** 2
        means[lag] = moment / (lag + 1) ** 2
        below[lag] = max(0.0, -float(off.min()))
        worst = max(worst, float(np.max(np.abs(off))))
    spread = 0.5 * total / pairs
    position = worst if worst > ROUNDING * spread else 0.0
    defect = float(np.sqrt(square / pairs)) / (total / pairs)
    return Stationarity(defect, position * unit**2, below * unit**2, means * unit**2)


def _of_sizes(below: Array, p: Array) -> Array:
    """The largest of `below` within a step of each p: a cell between points may be as good as the nearest runs."""
    steps = p * len(below)
    near = [np.clip(np.floor(steps).astype(np.int64) + j, 1, len(below)) for j in (-1, 0, 1, 2)]
    return np.asarray(np.max([below[runs - 1] for runs in near], axis=0))


def _two_laps(points: Array) -> tuple[Array, int]:
    """Every second, third, … point of a loop, for two laps, and the number of those on the first lap.

    All steps are equal, including the one across the seam: the second lap continues there, between points of the
    first. So the lag between two points of this list is their distance in the phase, at any position.
    """
    count = len(points)
    stride = -(-2 * count // ALL_PAIRS)
    lap = -(-count // stride)
    return points[stride * np.arange(2 * lap) % count], lap


def _by_lag(points: Array, lap: int, *, closed: bool) -> Iterator[Array]:
    """Squared distances of points at lags 1, 2, … below a lap, indexed by the second point."""
    lengths = np.sum(points**2, axis=1)
    table = np.maximum(lengths[:, None] + lengths - 2.0 * points @ points.T, 0.0)
    for lag in range(1, lap):
        along = np.diagonal(table, lag)
        yield np.concatenate([np.diagonal(table, lag - len(points)), along]) if closed else along


class SampledLoop(Spectrum):
    """The trigonometric polynomial through N vectors along a loop; see `Source.from_samples`."""

    def __init__(self, points: Array, *, name: str) -> None:
        self._stationarity = stationarity(points, closed=True)
        self._centre = points.mean(axis=0)
        self._kept, self._count = points.copy() if len(points) <= ALL_PAIRS else None, len(points)
        modes = waveform_modes(points)
        self._between = left_out(points, kept=len(modes))
        super().__init__(0.5 * np.sum(np.abs(modes) ** 2, axis=1), name=name)
        self._modes = modes[: self._energies.size]
        lengths = np.sum((points - self._centre) ** 2, axis=1)
        # lengths that differ by rounding alone are constant
        longest = float(lengths.max())
        varied = np.ptp(lengths) > 1e-12 * longest
        self._norm = longest * waveform_modes(-0.5 * lengths / longest) if varied else np.zeros(1, dtype=np.complex128)

    def _realized(self) -> tuple[NDArray[Any], ...]:
        measured = np.array([self._amplitude, self._between, *self._stationarity[:2]])
        return self._energies, self._modes, self._centre, measured

    @property
    def truncation(self) -> float:
        """Bound on the error of the distortion of any partition; see `Source.from_samples`."""
        return self._interpolation + self.position

    @property
    def position(self) -> float:
        """Largest deviation of a cell's mean squared error from the mean over its positions."""
        return self._stationarity.position * self._amplitude**2

    def position_below(self, p: Array) -> Array:
        """Largest amount by which a cell of size p is below the mean over its positions."""
        return _of_sizes(self._stationarity.below, p) * self._amplitude**2

    @property
    def _interpolation(self) -> float:
        return self._between * self._amplitude**2

    @property
    def defect(self) -> float:
        """Deviation of the points from stationarity; see `Source.from_samples`."""
        return self._stationarity.defect

    @property
    def few_points(self) -> FewPoints | None:
        """The measured points, if there are at most 2048."""
        mean = self._stationarity.mean * self._amplitude**2
        return None if self._kept is None else _few(self, self._amplitude * self._kept, mean)

    @property
    def within_steps(self) -> float:
        """Mean squared error within a step between the measured points."""
        return self._count * float(self.cell_distortion(1.0 / self._count))

    def variances(self) -> Array:
        """Eigenvalues of the covariance of the points, in descending order: c_k/2 twice each without a defect."""
        rows = np.concatenate([self._modes.real, self._modes.imag])
        product = rows @ rows.T if rows.shape[0] < rows.shape[1] else rows.T @ rows
        values = np.linalg.eigvalsh(product)[::-1] * (0.5 * self._amplitude**2)
        return np.asarray(values[values > 1e-14 * values[0]])

    def phase(self, x: NDArray[Any]) -> Array:
        """Phase in turns of the nearest point of the loop, for points along the last axis."""
        points = self._checked(x, self._centre.size)
        return orbits.nearest((points - self._centre) @ self._modes.conj().T, self._norm)

    def centroid(self, start: NDArray[Any], size: NDArray[Any], samples: int = 1024) -> Array:
        """Mean point E[X | cell] of cells of phases [start, start + size)."""
        return self._amplitude * orbits.mean_points(self._modes, self._centre, start, size)

    def realizations(self) -> Array:
        """Points of the polynomial through the samples at equal steps of the phase, shape (n, dim)."""
        count = len(self._modes)
        steps = max(2 * count + 1, min(max(DENSE, orbits.OVERSAMPLED * count), orbits.AT_ONCE // self._centre.size))
        modes = np.concatenate([np.zeros((1, self._centre.size)), 0.5 * steps * self._modes])
        return np.asarray(self._amplitude * (np.fft.irfft(modes, steps, axis=0) + self._centre))


class SampledCurve(Source):
    """A monotone cubic through the mean distances of N vectors along an open curve; see `Source.from_samples`.

    Between the samples the curve is assumed to follow the chords.
    """

    def __init__(self, points: Array, *, name: str) -> None:
        from scipy.interpolate import PchipInterpolator, make_interp_spline

        self._points = points.copy()
        self._stationarity = stationarity(points, closed=False)
        values = _mean_distances(points)
        u = np.linspace(0.0, 1.0, len(points))
        with np.errstate(over="ignore"):  # the harmonic mean of two tiny slopes is 0, as 1/∞
            self._delta: PPoly = PchipInterpolator(u, values)
        self._moment = self._delta.antiderivative(2)
        self._moment_slope = self._delta.antiderivative(1)
        middles = 0.5 * (u[1:] + u[:-1])
        straight = make_interp_spline(u, values, k=1)
        self._between = float(np.max(np.abs(self._delta(middles) - straight(middles))))
        # at these lags the mean distance of points on the chords is smaller by this
        chords = float(np.max(_mean_distances(np.diff(points, axis=0)))) / 6.0
        # the error of a distortion is half that of the mean distances
        self._interpolation = max(self._between, 0.5 * (self._between + chords))
        # measured distances always give a valid d, so it is not validated
        self._name, self._closed, self._function = name, False, self._mean_moment
        self._max_distortion = float(self._moment(1.0))
        self._set_law()

    @cached_property
    def _fingerprint(self) -> bytes:
        return hashlib.sha256(self._points.tobytes() + np.array([self._amplitude]).tobytes()).digest()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._fingerprint == other._fingerprint

    def __hash__(self) -> int:
        return hash((type(self), self._fingerprint))

    def _mean_moment(self, p: Array) -> Array:
        """d(p) = (1/p) ∫₀ᵖ (p − u) δ(u) du."""
        return np.asarray(self._moment(p) / np.maximum(p, SMALL_PHASE))

    def _derivative(self, p: Array) -> Array:
        """d′(p) = (1/p²) ∫₀ᵖ u δ(u) du."""
        return np.asarray((p * self._moment_slope(p) - self._moment(p)) / np.maximum(p, SMALL_PHASE) ** 2)

    @property
    def truncation(self) -> float:
        """Estimated bound on the error of the distortion of any partition; see `Source.from_samples`."""
        return self._interpolation * float(self.law.scale) + self.position

    @property
    def position(self) -> float:
        """Largest deviation of a cell's mean squared error from the mean over its positions."""
        return self._stationarity.position * float(self.law.scale)

    def position_below(self, p: Array) -> Array:
        """Largest amount by which a cell of size p is below the mean over its positions."""
        return _of_sizes(self._stationarity.below, p) * float(self.law.scale)

    @property
    def defect(self) -> float:
        """Deviation of the points from stationarity; see `Source.from_samples`."""
        return self._stationarity.defect

    @property
    def few_points(self) -> FewPoints | None:
        """The measured points, if there are at most 2048."""
        return _few(self, self.realizations(), self._stationarity.mean * float(self.law.scale))

    @property
    def within_steps(self) -> float:
        """Mean squared error within a step between the measured points."""
        count = len(self.realizations())
        return count * float(self.cell_distortion(1.0 / count))

    @cached_property
    def condition(self) -> condition.Condition:
        """Outcome of the numerical check of (★), with the derivative of the interpolated d."""
        outcome = condition.check_star(self._mean_moment, derivative=self._derivative)
        return condition.tolerated(outcome, min(self._between / float(self._moment(1.0)), TOLERATED))

    @cached_property
    def monotone(self) -> bool:
        """Whether the mean distances are nondecreasing, up to the interpolation error."""
        return condition.rises(
            self._delta(self._delta.x), slack=min(self._between, TOLERATED * float(self._moment(1.0)))
        )

    def phase(self, x: NDArray[Any]) -> Array:
        """Phase of the nearest point of the curve, for points along the last axis."""
        array = self._checked(x, self._points.shape[1])
        flat = array.reshape(-1, array.shape[-1])
        rows = max(1, orbits.AT_ONCE // len(self._points))
        parts = [self._nearest(flat[i : i + rows]) for i in range(0, len(flat), rows)]
        return np.concatenate([np.empty(0), *parts]).reshape(array.shape[:-1])

    def _nearest(self, points: Array) -> Array:
        last = len(self._points) - 1
        lengths = np.sum(self._points**2, axis=1)
        near = np.argmin(lengths - 2.0 * points @ self._points.T, axis=1)
        options = []
        for left in (np.clip(near - 1, 0, last - 1), np.clip(near, 0, last - 1)):
            chord = self._points[left + 1] - self._points[left]
            square = np.maximum(np.sum(chord**2, axis=1), SMALL_PHASE)
            share = np.clip(np.sum((points - self._points[left]) * chord, axis=1) / square, 0.0, 1.0)
            foot = self._points[left] + share[:, None] * chord
            options.append((np.sum((points - foot) ** 2, axis=1), (left + share) / last))
        (first, first_phase), (second, second_phase) = options
        return np.asarray(np.where(first < second, first_phase, second_phase))

    def centroid(self, start: NDArray[Any], size: NDArray[Any], samples: int = 1024) -> Array:
        """Mean point E[X | cell] of cells of phases [start, start + size)."""
        difference = self._integral(start + size) - self._integral(start)
        return np.asarray(self._amplitude * difference / np.asarray(size)[..., None])

    def realizations(self) -> Array:
        """The samples, shape (n, dim), at equal steps of the phase."""
        return np.asarray(self._amplitude * self._points)

    @cached_property
    def _sums(self) -> Array:
        """Integrals of the curve from 0 to each sample."""
        last = len(self._points) - 1
        steps = 0.5 * (self._points[1:] + self._points[:-1]) / last
        return np.concatenate([np.zeros((1, self._points.shape[1])), np.cumsum(steps, axis=0)])

    def _integral(self, v: Array) -> Array:
        last = len(self._points) - 1
        left = np.clip(np.floor(v * last).astype(np.int64), 0, last - 1)
        share = (v * last - left)[..., None]
        chord = self._points[left + 1] - self._points[left]
        return np.asarray(self._sums[left] + (share * self._points[left] + 0.5 * share**2 * chord) / last)


def _mean_distances(points: Array) -> Array:
    """Mean over i of ‖x_i − x_{i+j}‖² for j = 0, …, N − 1."""
    from scipy.fft import irfft, next_fast_len, rfft

    count = len(points)
    centred = points - points.mean(axis=0)
    lengths = np.concatenate([[0.0], np.cumsum(np.sum(centred**2, axis=1))])
    padded = next_fast_len(2 * count, real=True)
    products = np.zeros(count)
    for column in centred.T:
        products += irfft(np.abs(rfft(column, padded)) ** 2, padded)[:count]
    lags = np.arange(count)
    sums = lengths[count - lags] + (lengths[-1] - lengths[lags]) - 2.0 * products
    for lag in range(min(count, DIRECT)):
        sums[lag] = np.sum((centred[lag:] - centred[: count - lag]) ** 2)
    return np.asarray(np.maximum(sums, 0.0) / (count - lags))

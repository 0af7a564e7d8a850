"""Entropy and distortion of a compressor, estimated from a sample of its indices and squared errors.

The plug-in entropy of n samples is too low by about (cells − 1)/2n nats, so a compressor may seem better than
the optimum. `measure` corrects this bias and adds confidence intervals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve.sources.units import unit
from edcurve.validation import as_array, flattened, log_base, nonnegative, real, warn, whole

from . import unit_vectors as unit_vectors_

Counts = NDArray[np.int64]
LEAST = 2.0**-1000  # least mean squared error that the unit follows
UNSEEN_WARNING = 0.1  # share of samples with a unique index above which to warn


@dataclass(frozen=True)
class Measurement:
    """Entropy and distortion of a sample; entropies are in units of the `base` of `measure`.

    Attributes
    ----------
    entropy : float
        Bias-corrected entropy of the indices, at least 0.
    entropy_interval : tuple of float
        Confidence interval (low, high) of the entropy.
    distortion : float
        Mean squared error per sample, summed over the dimensions of the source.
    distortion_interval : tuple of float
        Confidence interval (low, high) of the mean squared error.
    count : int
        Number of samples.
    cells : int
        Number of distinct indices seen.
    entropy_plugin : float
        Entropy of the observed frequencies, uncorrected.
    """

    entropy: float
    entropy_interval: tuple[float, float]
    distortion: float
    distortion_interval: tuple[float, float]
    count: int
    cells: int
    entropy_plugin: float


def measure(
    indices: ArrayLike,
    squared_error: ArrayLike | None = None,
    *,
    unit_vectors: ArrayLike | None = None,
    decoded: ArrayLike | None = None,
    opposite: bool = False,
    base: float = 2,
    confidence: float = 0.95,
) -> Measurement:
    """Estimate the entropy of a compressor's indices and its distortion from a sample.

    Parameters
    ----------
    indices : array_like of int, shape (n,) or (n, m)
        The index of each encoded sample; a row of m latents is one symbol, and the entropy is their joint
        entropy. Floats are accepted if all are integers.
    squared_error : array_like, shape (n,), optional
        ‖x − x̂‖² of each sample, summed over the dimensions and never divided by their number (for a
        function on [0, 1], the integral over t). Values negative by rounding, down to −n·eps·max, as
        ‖x‖² − 2x·x̂ + ‖x̂‖² may be, are taken as 0: max is the largest, and eps that of their floating-point type.
    unit_vectors : array_like, shape (n, dim), optional
        In place of squared errors, the samples themselves if they are unit vectors: rows of norm 1 to within 1e-5.
    decoded : array_like, shape (n, dim), optional
        Their reconstructions. By default these are the means of the cells, which have the least error; the error of a
        cell with m samples is multiplied by m/(m − 1), because the mean is fitted to them.
    opposite : bool, optional
        Whether x and −x are equivalent, as for quaternions of rotations: the error is then that of the nearer one.
        Without `decoded` the signs are fitted to the same samples, and the distortion of few samples in a wide cell is
        too small: for 200 rotations in one cell 0.802 on average, where 0.820 is correct.
    base : float, optional
        Base of the logarithm of the entropies: 2 for bits, ``math.e`` for nats.
    confidence : float, optional
        Nominal coverage of each interval, between 0 and 1.

    Returns
    -------
    Measurement
        Estimates, intervals, and the underlying counts.

    Raises
    ------
    TypeError
        If not exactly one of squared errors and unit vectors is given, ``indices`` are not integers, or another
        argument is not a real number.
    ValueError
        If the arguments are empty or of wrong shapes or lengths, an index is not an integer, a squared error is
        negative or not finite, a row of unit vectors is not of norm 1, a cell has a single sample without ``decoded``,
        or ``base`` or ``confidence`` is out of range.

    Warns
    -----
    UserWarning
        If more than 10 % of the samples have a unique index. This share estimates the probability of unseen
        indices (Good 1953). The entropy is then an extrapolation, and its interval is rough.

    Notes
    -----
    *Entropy.* The estimator is Chao, Wang and Jost's (2013). It was chosen by simulations, over Miller–Madow,
    Grassberger (2003), Chao–Shen and the jackknife. The indices were uniform, biuniform (the optimal quantisers) and
    geometric, with 0.5 to 100 samples per cell. For 100 equally likely cells its bias in millinats is 10, 1, 0.2
    and 0.2 at 1, 2, 5 and 10 samples per cell (Miller–Madow −258, −69, −6, −1; jackknife −47, 23, 7, 1). From
    5 on its standard deviation is Miller–Madow's, √((cells − 1)/2)/n, and Grassberger's a quarter more.

    *Its interval* comes from a variance that is the sum of three terms. The first is that of the delta method,
    Var(−log p)/n minus the bias of this estimate. The second is of second order, (cells − 1)/2n² (Harris 1975);
    without it the interval of equally likely cells would be empty. The third is the square of the extrapolation of
    Chao, Wang and Jost to unseen indices. The variance V/n varies across the interval. Along the exponential
    family p^θ through the estimate it changes as dV/dH = −2 − E(log p + H)³/V, and the ends solve (H − Ĥ)² = z²V(H)/n.
    Simulated coverage at 95 % for uniform indices is 94 to 99 % with 10 samples per cell or more. In the regime of the
    warning it is 96 to 98 % for 100 equal cells and 0.5 to 2 samples each, and 40 to 78 % for 8 cells. Intervals of
    99 % cover 97 to 98 % of the time for fewer than 10 equal cells. Of geometric, Laplacian, Gaussian and Zipf indices
    with entropies of 2 to 5 bits, intervals of 95 % cover 62 to 81 % of the time at 30 samples, 77 to 94 % at 100,
    84 to 95 % at 300 and 91 to 95 % at 1000. Most of those that miss end below the entropy. If all samples share one
    index, a second one may be unseen. The interval then ends at the entropy for its largest probability that is
    consistent with the sample.

    *A rare cell* that is expected c times in the sample is missing in e^−c of all samples, which then contain no trace
    of it. The interval of such a sample ends below the entropy, because it assumes that all indices are seen, unless
    some are seen once. Simulated coverage at 95 %, of 2 to 64 equal cells with 10 to 1000 samples each and one rare
    cell, is 60 to 95 % for c = 1, 82 to 95 % for c = 2, 91 to 96 % for c = 3 and 94 to 99 % for c = 5: within 4 % of
    1 − e^−c for 2 to 8 equal cells, and more where these have a wider interval. No interval is better without being
    wide for every sample: a missing cell may have any probability up to 3.7/n, with 3.7 (1 + ln(n/3.7))/n nats. This
    would make the interval two to four times as wide for 2 to 64 cells.

    *Distortion.* The estimate is the mean, with Student's t interval, truncated at 0. A single sample does not
    determine the spread, so both intervals are then (0, inf).

    References
    ----------
    Chao, Wang, Jost, *Methods in Ecology and Evolution* 4 (2013) 1091–1100, doi:10.1111/2041-210X.12108.

    Harris, *The statistical estimation of entropy in the non-parametric case*, 1975.

    Good, *Biometrika* 40 (1953) 237–264, doi:10.1093/biomet/40.3-4.237.

    Examples
    --------
    >>> import numpy as np
    >>> from edcurve.measurement import measure
    >>> phase = np.random.default_rng(0).random(10_000)
    >>> index = np.floor(4 * phase)  # an optimal quantiser: 2 bits
    >>> result = measure(index, (phase - (index + 0.5) / 4) ** 2)
    >>> low, high = result.entropy_interval
    >>> low < 2 < high
    True

    Unit vectors, quantised by the signs of their coordinates:

    >>> x = np.random.default_rng(0).standard_normal((10_000, 3))
    >>> x /= np.linalg.norm(x, axis=1, keepdims=True)
    >>> result = measure((x > 0) + 0, unit_vectors=x)
    >>> result.cells, round(result.distortion, 2)  # ¼ exactly
    (8, 0.25)
    """
    unit = log_base(base)
    tail = _tail(confidence)
    symbols = _symbols(indices)
    counts = np.sort(_counts(symbols))  # sorted, so that labels do not change the rounding
    n = int(counts.sum())
    if (squared_error is None) == (unit_vectors is None):
        raise TypeError(f"give either squared_error or unit_vectors, got {'none' if unit_vectors is None else 'both'}")
    if unit_vectors is not None:
        errors = unit_vectors_.squared_errors(unit_vectors, decoded, symbols, bool(opposite))
    elif decoded is not None or opposite:
        raise TypeError(f"{'decoded' if decoded is not None else 'opposite'} is of unit_vectors, got squared_error")
    else:
        assert squared_error is not None
        errors = _errors(squared_error, n)
    distortion, distortion_interval = _mean(errors, tail)
    if (alone := int((counts == 1).sum())) > UNSEEN_WARNING * n:
        warn(
            f"{alone} of {n} samples have an index that no other has, so about {alone / n:.0%} of the "
            "probability lies on indices not seen yet; the entropy is an extrapolation and its interval "
            "rough; take more samples"
        )
    unseen = _unseen_entropy(counts, n)
    entropy = _seen_entropy(counts, n) + unseen
    low, high = _entropy_interval(entropy, unseen, counts, n, tail)
    plugin = -float(np.sum(counts / n * np.log(counts / n)))
    interval = (max(low, 0.0) / unit, high / unit)
    return Measurement(entropy / unit, interval, distortion, distortion_interval, n, counts.size, abs(plugin) / unit)


def _seen_entropy(counts: Counts, n: int) -> float:
    """Return Zhang's estimate (Neural Computation 24, 2012), with a bias exponentially small in samples per cell."""
    from scipy.special import digamma

    return float(np.sum(counts / n * (digamma(n) - digamma(counts))))


def _unseen_entropy(counts: Counts, n: int) -> float:
    """Return Chao, Wang and Jost's correction of Zhang's estimate: its bias, from the indices seen once or twice."""
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    if once == 0:
        return 0.0
    ratio = 2 * twice / ((n - 1) * once + 2 * twice) if twice else 2 / ((n - 1) * (once - 1) + 2)
    return once / n * _series_tail(ratio, n)


def _series_tail(ratio: float, n: int) -> float:
    """Return Σ_{j≥0} q^{j+1}/(n + j), q = 1 − ratio, as an integral; the closed form of Chao, Wang and Jost cancels."""
    from scipy.integrate import quad

    if ratio >= 1:
        return 0.0
    log_q = math.log1p(-ratio)
    integral = quad(lambda s: math.exp(-s) / -math.expm1(log_q - s / n), 0, math.inf, epsrel=1e-9, limit=200)
    return (1 - ratio) / n * float(integral[0])


def _entropy_interval(entropy: float, unseen: float, counts: Counts, n: int, tail: float) -> tuple[float, float]:
    """Solve (H − Ĥ)² = z²(variance − 2r(H − Ĥ)/n) for H, where dV/dH = −2r."""
    from scipy.special import ndtri

    if counts.size == 1:
        return 0.0, _one_other(1 - tail ** (1 / n)) if n > 1 else math.inf
    share = counts / n
    excess = np.log(share) - share @ np.log(share)
    square, cube = float(share @ excess**2), float(share @ excess**3)
    free = counts.size - 1
    bias = (free + float(excess.sum()) - square) / n
    variance = max(square - bias, 0.0) / n + free / (2 * n * n) + unseen**2
    slope = 1 + cube / (2 * square) if square > 1e-30 else 1.0
    z = -float(ndtri(tail))
    middle = -z * z * slope / n
    reach = math.sqrt(middle**2 + z * z * variance)
    return entropy + middle - reach, entropy + middle + reach


def _one_other(share: float) -> float:
    """Return the largest entropy of two indices, one of which has at most this probability."""
    p = min(share, 0.5)
    return -p * math.log(p) - (1 - p) * math.log1p(-p)


def _mean(errors: NDArray[np.float64], tail: float) -> tuple[float, tuple[float, float]]:
    """Return the mean and its Student's t interval, truncated at 0."""
    from scipy.special import stdtrit

    mean, n = float(errors.mean()), errors.size
    if n == 1:
        return mean, (0.0, math.inf)
    size = unit(max(mean, LEAST))  # squares of squared errors may overflow or underflow
    reach = -float(stdtrit(n - 1, tail)) * float((errors / size).std(ddof=1)) * size / math.sqrt(n)
    return mean, (max(mean - reach, 0.0), mean + reach)


def _counts(symbols: NDArray[Any]) -> Counts:
    """Count the occurrences of each distinct row; sorting columns is several times faster than unique rows."""
    if symbols.ndim == 1 or symbols.shape[1] == 1:
        return np.unique(symbols, return_counts=True)[1]
    rows = symbols[np.lexsort(symbols.T)]
    new = (rows[1:] != rows[:-1]).any(axis=1)
    return np.diff(np.flatnonzero(np.concatenate(([True], new, [True]))))


def _symbols(indices: Any) -> NDArray[Any]:
    """Check the indices and return them as an array."""
    wanted = "indices must be integers, shape (n,) or (n, m)"
    array = as_array("indices", indices, f"{wanted}, got {{what}}")
    if array.ndim > 2 and array.size:
        raise ValueError(f"{wanted}, got shape {array.shape}{flattened('indices', array.shape)}")
    if array.dtype.kind in "iuf" and (array.ndim not in (1, 2) or array.size == 0):
        raise ValueError(f"{wanted}, with at least one sample, got shape {array.shape}")
    symbols = whole("indices", array, wanted, "; round the latents as the encoder does")
    if isinstance(indices, list | tuple) and symbols.dtype.kind == "f" and (large := np.abs(symbols) >= 2.0**53).any():
        # numpy makes floats of integers that are too many for a type of 64 bits
        raise ValueError(f"{wanted}, got {symbols[large].flat[0]}, a float that several integers are rounded to")
    return symbols


def _errors(squared_error: ArrayLike, n: int) -> NDArray[np.float64]:
    errors = nonnegative("squared_error", squared_error, finite=True, rounded=True)
    if errors.shape != (n,):
        raise ValueError(f"squared_error must have one entry per index, shape ({n},), got shape {errors.shape}")
    return errors


def _tail(confidence: float) -> float:
    value = real("confidence", confidence)
    if not 0 < value < 1:
        raise ValueError(f"confidence must be between 0 and 1, both excluded, got {confidence!r}")
    return (1 - value) / 2

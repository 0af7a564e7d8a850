"""E(D), its inverse and the optimal partition, where biuniform cells are optimal (condition (★))."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _validation
from ._kernels import cubic, functions, loops
from .sources import BOUND, Source, resolve

Array = NDArray[np.float64]
LISTED = 10**7


def entropy_distortion(source: Source | str, distortion: ArrayLike, *, base: float = 2) -> Any:
    """Entropy-distortion function E(D): the least entropy of any encoder with mean squared error at most D.

    Exact: the minimiser is K cells of one size and one smaller cell, K and the small size being determined by D.
    Relative error at most 1e-12 for D/D_max from 1e-21 to 1 − 1e-5 (built-in sources).

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one: "ramp", "circle", "sinusoid", "sawbridge", "uniform", "power:a".
    distortion : float or array_like
        D ≥ 0: squared error, not divided by the dimension (for functions on [0, 1] the integral over t).
    base : float
        Base of the logarithm, above 1: 2 for bits, ``math.e`` for nats.

    Returns
    -------
    float or ndarray
        E(D), of the shape of `distortion`. D at or above ``source.max_distortion`` (D_max rounded to double) gives
        0; D = 0 gives inf.

    Raises
    ------
    ValueError
        If a distortion is negative or NaN, or if it is not established that biuniform partitions are optimal for
        this source; `upper_bound` then has an answer.
    TypeError
        If an argument is not a number, an array of numbers or a source.

    References
    ----------
    Theorems 3 and 5 of Bhadane, Wagner and Ballé, arXiv 2205.08518.
    """
    known = _exact(source)
    return _evaluate(functions.entropy, known, (), "distortion", distortion, out=_validation.log_base(base))


def distortion_entropy(source: Source | str, entropy: ArrayLike, *, base: float = 2) -> Any:
    """Inverse of E(D): the least mean squared error of any encoder with that entropy.

    Parameters
    ----------
    source : Source or str
        As for `entropy_distortion`.
    entropy : float or array_like
        H ≥ 0, in units of `base`.
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    float or ndarray
        D, of the shape of `entropy`; 0 for infinite entropy, D_max for 0.

    Raises
    ------
    ValueError, TypeError
        As for `entropy_distortion`.
    """
    known = _exact(source)
    unit = _validation.log_base(base)
    return _evaluate(functions.distortion, known, (), "entropy", entropy, into=unit)


@dataclass(frozen=True)
class Partition:
    """The optimal partition: `count` cells of size `size` and, if `odd` > 0, one more of size `odd`.

    Attributes
    ----------
    count : int or ndarray of int
        K.
    size : float or ndarray
        (1 − ε)/K, in turns or as a probability.
    odd : float or ndarray
        ε, between 0 and 1/(K + 1).
    """

    count: Any
    size: Any
    odd: Any

    def cells(self) -> Array:
        """All cell sizes, the odd one last; ValueError above 10⁷ cells, which nobody wants listed."""
        if np.ndim(self.count) != 0:
            raise ValueError("cells() lists one partition; ask for the partition of a single distortion")
        if self.count > LISTED:
            raise ValueError(f"cells() lists at most {LISTED:.0e} cells, this partition has {self.count}")
        equal = np.full(int(self.count), self.size)
        return np.append(equal, self.odd) if self.odd > 0.0 else equal


def partition(source: Source | str, distortion: ArrayLike) -> Partition:
    """The partition that attains E(D).

    The sizes add up to 1 and their distortion to D, to a few units in the last place. For the ramp, the sawbridge
    and the uniform scalar K and ε are decided in exact arithmetic; for other sources in double precision, so that
    within a few units in the last place of D_K = K d(1/K) either neighbouring K may be returned, and beyond 2⁵⁰
    cells ε, which then does not matter, is given as 0.

    Parameters
    ----------
    source : Source or str
        As for `entropy_distortion`.
    distortion : float or array_like
        D > 0. At D_max and above one cell is left.

    Returns
    -------
    Partition
        Fields of the shape of `distortion`; `count` is of Python integers where it exceeds 64 bits.

    Raises
    ------
    ValueError, TypeError
        As for `entropy_distortion`, and for D = 0, where the number of cells is infinite.
    """
    known = _exact(source)
    values = _validation.nonnegative("distortion", distortion)
    if not np.all(values > 0.0):
        raise ValueError("distortion must be above 0 for a finite partition, got 0.0")
    pairs = [_split(known, D) for D in values.ravel().tolist()]
    if values.ndim == 0:
        count, odd = pairs[0]
        return Partition(count, (1.0 - odd) / count, odd)
    dtype = object if any(count >= 2**63 for count, _ in pairs) else np.int64
    counts = np.array([count for count, _ in pairs], dtype=dtype).reshape(values.shape)
    odds = np.array([odd for _, odd in pairs], dtype=np.float64).reshape(values.shape)
    return Partition(counts, (1.0 - odds) / counts.astype(np.float64), odds)


def _split(source: Source, D: float) -> tuple[int, float]:
    if source.max_distortion <= D:
        return 1, 0.0
    if source._model is cubic:
        return _split_exactly(int(source._c[2]), int(source._c[3]), D)
    count, odd = source._model.split(source._c, D)
    if count > 0.0:
        return int(count), odd
    nats = source._model.rate(source._c, D)
    if nats > 709.0:
        raise ValueError(f"distortion must be larger for a countable partition, got {D!r} ({nats:.4g} nats)")
    return int(math.exp(nats)), 0.0


def _split_exactly(a: int, b: int, D: float) -> tuple[int, float]:
    """K and ε for 12 d(p) = a p² + b p³: K from integers, ε from exact D_K − D and D − D_{K+1}."""
    top, bottom = D.as_integer_ratio()
    top *= 12
    count = (a * bottom + math.isqrt(bottom * (a * a * bottom + 4 * b * top))) // (2 * top)
    if count == 1:
        product = ((a + b) * bottom - top) / ((2 * a + 3 * b) * bottom)
        return 1, product / (0.5 + math.sqrt(0.25 - product))
    more = count + 1
    high = (bottom * (a * count + b) - top * count**2) / (bottom * count**2)
    low = (top * more**2 - bottom * (a * more + b)) / (bottom * more**2)
    return count, _odd(float(a), float(b), float(count), high, low) if high > 0.0 else 0.0


def _odd(a: float, b: float, count: float, high: float, low: float) -> float:
    """ε from 12(D − D_{K+1}) = y²(α − βy), or, nearer 0, from 12(D_K − D) = Aε − Bε² + Cε³."""
    each, even = 1.0 / count, 1.0 / (count + 1.0)
    first, second, third = a * (1.0 + each) + 3.0 * b * each, b * (1.0 - each * each), 0.0
    y = math.sqrt(low / first)
    for _ in range(6):
        y -= (y * y * (first - second * y) - low) / (y * (2.0 * first - 3.0 * second * y))
    if y < 0.5 * even:
        return even - y
    first, second, third = (
        each * (2.0 * a + 3.0 * b * each),
        a * (1.0 + each) + 3.0 * b * each * each,
        -second,
    )
    odd = max(0.0, even - y)
    for _ in range(3):
        value = odd * (first - odd * (second - odd * third))
        odd -= (value - high) / (first - odd * (2.0 * second - 3.0 * odd * third))
    return odd


def _exact(source: Source | str) -> Source:
    known = resolve(source)
    if known.status == BOUND:
        raise ValueError(
            f"source must be one for which biuniform partitions are known to be optimal, got {known.name!r} "
            f"({_reason(known)}); upper_bound returns the best partition that a search finds"
        )
    return known


def _reason(source: Source) -> str:
    if not source.monotone:
        return "its δ is not monotone, so that intervals need not be the best cells"
    return f"condition (★) was not established: {source.condition.method}"


def _evaluate(
    function: Any,
    source: Source,
    extra: tuple[float, ...],
    name: str,
    value: ArrayLike,
    *,
    into: float = 1.0,
    out: float = 1.0,
) -> Any:
    """A kernel function on a scalar or an array, its argument multiplied by `into`, its result divided by `out`."""
    model, c = source._model, source._c
    return _validation.elementwise(
        name,
        value,
        lambda x: loops.point(function, model, c, extra, x * into) / out,
        lambda x: loops.evaluate(function, model, c, extra, x * into if into != 1.0 else x) / out,
    )

"""The optimal partition: how many equal cells, and how large the odd one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation
from edcurve.kernels import circle, cubic
from edcurve.sources import Source, units

from .exact import exactly

Array = NDArray[np.float64]
LISTED = 10**7
# counts above which the circle's K and ε need more than double precision
MANY = 1000
PI_SQUARED = Fraction(986960440108935861883449099987615113531369940724, 10**47)


@dataclass(frozen=True, eq=False)
class Cells:
    """Any partition of the phase into intervals, listed.

    Attributes
    ----------
    sizes : ndarray, shape (count,)
        Sizes of the cells in the order of the phase, of sum 1.
    starts : ndarray, shape (count,)
        Phases at which they begin.
    """

    sizes: Array
    starts: Array

    @staticmethod
    def of(sizes: Array) -> Cells:
        """Cells of these sizes, one after the other."""
        return Cells(sizes, np.concatenate([[0.0], np.cumsum(sizes)[:-1]]))

    @property
    def count(self) -> int:
        """Number of cells."""
        return int(self.sizes.size)

    def cells(self) -> Array:
        """All cell sizes."""
        return self.sizes

    def locate(self, phase: Array) -> NDArray[np.int64]:
        """Index of the cell of each phase in [0, 1]."""
        return np.searchsorted(self.starts, phase, side="right") - 1

    def intervals(self, index: NDArray[Any]) -> tuple[Array, Array]:
        """Where cells begin, and their sizes."""
        return self.starts[index], self.sizes[index]


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

    def locate(self, phase: Array) -> NDArray[np.int64]:
        """Index of the cell of each phase in [0, 1], the odd cell last."""
        last = int(self.count) - 1
        index = np.minimum(phase / self.size, last).astype(np.int64)
        return np.where(phase < 1.0 - self.odd, index, last + 1) if self.odd > 0.0 else index

    def intervals(self, index: NDArray[Any]) -> tuple[Array, Array]:
        """Where cells begin, and their sizes."""
        odd = (index == self.count) & (self.odd > 0.0)
        return index * self.size, np.where(odd, self.odd, self.size)


def partition(source: Source | str, distortion: ArrayLike) -> Partition:
    """The partition that attains E(D).

    The sizes add up to 1 and their distortion to D, to a few units in the last place. For the ramp, the sawbridge,
    the uniform scalar and, above 1000 cells, the circle and the sinusoid K and ε are those of the double D exactly;
    otherwise within a few units in the last place of D_K = K d(1/K) either neighbouring K may be returned, and
    beyond 2⁵⁰ cells ε, which then does not matter, is given as 0.

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
    known = exactly(source)
    values = validation.nonnegative("distortion", distortion)
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
    plain, size = units.normal(source)
    level = units.divided(D, size)
    if source._model is cubic:
        unit = Fraction(D) / source._scale
        a, b = (round(Fraction(x) / source._scale) for x in source._c[2:])
        return _split_cubic(a, b, *unit.as_integer_ratio())
    count, odd = plain._model.split(plain._c, level)
    if source._model is circle and (count == 0.0 or count > MANY):
        return _split_circle(D / source._c[2])
    if count > 0.0:
        return int(count), odd
    nats = plain._model.rate(plain._c, level)
    if nats > 709.0:
        raise ValueError(f"distortion must be larger for a countable partition, got {D!r} ({nats:.4g} nats)")
    return int(math.exp(nats)), 0.0


def _split_cubic(a: int, b: int, top: int, bottom: int) -> tuple[int, float]:
    """K and ε for 12 d(p) = a p² + b p³, D = top/bottom: K from integers, ε from exact D_K − D and D − D_{K+1}."""
    top *= 12
    count = (a * bottom + math.isqrt(bottom * (a * a * bottom + 4 * b * top))) // (2 * top)
    if count == 1:
        product = ((a + b) * bottom - top) / ((2 * a + 3 * b) * bottom)
        return 1, product / (0.5 + math.sqrt(0.25 - product))
    more = count + 1
    high = (bottom * (a * count + b) - top * count**2) / (bottom * count**2)
    low = (top * more**2 - bottom * (a * more + b)) / (bottom * more**2)
    return count, _odd(float(a), float(b), float(count), high, low) if high > 0.0 else 0.0


def _split_circle(D: float) -> tuple[int, float]:
    """K and ε for many cells of the circle: x = 1/p, d(p) = pD, in rationals; d(p) ∝ p³ but for a small rest."""
    e = 3.0 * D
    series = e * (circle.R2 + e * (circle.R3 + e * circle.R4))
    square = PI_SQUARED / (3 * Fraction(D) * (1 + Fraction(series)))
    count = math.isqrt(square.numerator // square.denominator)
    more = count + 1
    high, low = float((square - count**2) / (square * count**2)), float((more**2 - square) / (square * more**2))
    p, odd = 1.0 / math.sqrt(square), 0.0
    for _ in range(3):
        shift = (1.0 - odd) * _rest((1.0 - odd) / count) + odd * _rest(odd) - _rest(p)
        odd = _odd(0.0, 1.0, float(count), max(0.0, high + shift), max(0.0, low - shift))
    return count, odd


def _rest(p: float) -> float:
    """What 1 − sinc²(πp) has beside its first term, in units of that term at p = 1."""
    square = circle.TURN * p * p
    return -p * p * square * (circle.A2 - square * circle.A3) / circle.A1


def _odd(a: float, b: float, count: float, high: float, low: float) -> float:
    """ε from 12(D − D_{K+1}) = y²(α − βy), or, nearer 0, from 12(D_K − D) = Aε − Bε² + Cε³."""
    each, even = 1.0 / count, 1.0 / (count + 1.0)
    first, second = a * (1.0 + each) + 3.0 * b * each, b * (1.0 - each * each)
    y = math.sqrt(low / first)
    for _ in range(6):
        y -= (y * y * (first - second * y) - low) / (y * (2.0 * first - 3.0 * second * y) + circle.TINY)
    if y < 0.5 * even:
        return even - y
    first, third = each * (2.0 * a + 3.0 * b * each), -second
    second = a * (1.0 + each) + 3.0 * b * each * each
    odd = max(0.0, even - y)
    for _ in range(3):
        value = odd * (first - odd * (second - odd * third))
        odd -= (value - high) / (first - odd * (2.0 * second - 3.0 * odd * third))
    return odd

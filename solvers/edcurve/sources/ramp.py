"""The ramp, in continuous time and observed at finitely many points."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation
from edcurve.kernels import cubic

from . import exact_splits, realizations
from .base import BOUND, Array
from .closed_form import ProvedSource


class Ramp(ProvedSource):
    """The ramp (1): J_t = (t + V mod 1) − ½ on [0, 1); d(p) = p²(2 − p)/12, D_max = 1/12.

    Parameters
    ----------
    samples : int, optional
        T: the ramp observed at t = i/T, i = 0, …, T − 1, with the mean over the samples as distortion. This is another
        source, which is not stationary and has no d(p) (see `SampledRamp`).
    """

    _realizations = (realizations.ramp_phase, realizations.ramp_centroid)

    def __new__(cls, samples: int | None = None) -> Self:
        """Make a `SampledRamp` if `samples` is given."""
        kind = SampledRamp if cls is Ramp and samples is not None else cls
        return object.__new__(kind)  # type: ignore[return-value]  # a subclass

    def __init__(self, samples: int | None = None) -> None:
        # chord of the dual bound from (d(p)/p, −ln p) at p = 0.284668137040838… to (D_max, 0); Theorem 4
        chords = (0.04069169381961461, 1.0 / 12.0, 0.0, 29.464889787409536)
        in_advance = {"chords": chords, "vertices": (1.0, 4.0), "split": exact_splits.cubic, "concave": True}
        parameters = {"square": 2.0, "cube": -1.0}
        super().__init__("ramp", cubic, Fraction(1, 12), closed=True, parameters=parameters, **in_advance)

    def _harmonics(self, count: int) -> Array:
        return np.asarray(float(self.law.scale) / (2.0 * math.pi**2 * np.arange(1.0, count + 1.0) ** 2))


class Composition(NamedTuple):
    """Sizes of cells in steps of 1/T, in order; with `split` > 1 every step is cut into that many equal cells."""

    steps: NDArray[np.int64]
    split: int


class SampledRamp(Ramp):
    """The ramp observed at t = i/T; made by ``Ramp(samples=T)``.

    Where the phase passes a multiple of 1/T one sample jumps, so ‖γ(v) − γ(v+u)‖² depends on the number of jumps
    between. A cell of length s = k/T between such phases has the conditional distortion
    s²/12 + (1 − s)(s/6)(1 − 1/k²), less than the ramp's s/6 − s²/12. It has a `lagrangian` and a `quantizer`.
    """

    MOST: ClassVar[int] = 2**14

    def __init__(self, samples: int | None = None) -> None:
        super().__init__()
        self.law = replace(self.law, stationary=False)
        self._samples = validation.positive_int("samples", samples, 2)
        if self._samples > self.MOST:
            raise ValueError(f"samples must be at most {self.MOST}, got {samples!r}")
        self._name = f"ramp:{self._samples}"

    def __getnewargs__(self) -> tuple[int]:
        return (self._samples,)

    @property
    def samples(self) -> int:
        """T."""
        return self._samples

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and isinstance(other, SampledRamp) and self._samples == other._samples

    def __hash__(self) -> int:
        return hash((type(self), self.law.parameters, self._samples))

    def __repr__(self) -> str:
        return f"<edcurve source {self._name!r}, D_max = {self._max_distortion:.6g}>"

    @property
    def monotone(self) -> bool:
        """False: there is no δ that depends on the distance alone."""
        return False

    @property
    def status(self) -> str:
        """Status of partitions of this source: "upper bound"."""
        return BOUND

    def cell_distortion(self, p: ArrayLike) -> Any:
        """ValueError: a cell's distortion depends on its position."""
        raise ValueError(f"source must be stationary for a cell distortion, got {self.name!r}; use lagrangian")

    def _harmonics(self, count: int) -> Array:
        raise ValueError(f"source must be stationary to have harmonics, got {self.name!r}")

    def centroid(self, start: NDArray[Any], size: NDArray[Any], samples: int = 1024) -> Array:
        """Mean of the T samples over cells of phases [start, start + size)."""
        return super().centroid(start, size, self._samples)

    def steps_distortion(self) -> Array:
        """Contribution of a cell of k steps to the distortion, k = 1, …, T."""
        k = np.arange(1.0, self._samples + 1.0)
        s = k / self._samples
        return np.asarray(float(self.law.scale) * s * (s * s / 12.0 + (1.0 - s) * (s / 6.0) * (1.0 - 1.0 / (k * k))))

    def best(self, lmbda: float) -> tuple[Composition, float, float]:
        """Cells that minimise entropy + λ distortion, λ in nats; their entropy and their distortion."""
        return _best(self, lmbda)


@lru_cache(maxsize=4096)
def _best(source: SampledRamp, lmbda: float) -> tuple[Composition, float, float]:
    count, each = source.samples, source.steps_distortion()
    s = np.arange(1.0, count + 1.0) / count
    split = _splits(lmbda * float(source.law.scale) / count**2)
    if split > 1:
        finer = float(source.law.scale) / (12.0 * (count * split) ** 2)
        return Composition(np.ones(count, dtype=np.int64), split), math.log(count * split), finer
    steps = _composed(-s * np.log(s) + lmbda * each)
    shares = steps / count
    return Composition(steps, 1), -math.fsum(shares * np.log(shares)) + 0.0, math.fsum(each[steps - 1])


def _splits(weight: float) -> int:
    """The number m of cells per step that minimises ln m + weight/(12 m²)."""
    near = max(1, math.floor(math.sqrt(weight / 6.0)))
    return min(range(max(1, near - 1), near + 3), key=lambda m: math.log(m) + weight / (12.0 * m * m))


def _composed(cost: Array) -> NDArray[np.int64]:
    """Sizes k ≥ 1 of sum T that minimise Σ cost_k, the largest first, by dynamic programming over sums."""
    total = cost.size
    best, last = np.zeros(total + 1), np.zeros(total + 1, dtype=np.int64)
    for n in range(1, total + 1):
        values = cost[:n] + best[n - 1 :: -1]
        # at ties the largest size, so that cells are few
        least = values.min()
        last[n] = n - int(np.argmax(values[::-1] <= least + 1e-14 * abs(least)))
        best[n] = least
    steps = []
    while total > 0:
        steps.append(int(last[total]))
        total -= steps[-1]
    return np.sort(np.array(steps, dtype=np.int64))[::-1]

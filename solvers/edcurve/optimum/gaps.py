"""The distance of a measured compressor from the optimum."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation
from edcurve.sources import BETWEEN, BOUND, CHECKED, PROVED, Source, Surface, resolve

from . import enclosed, sanity
from .bounds import lower_bound, upper_bound
from .exact import entropy_distortion
from .sweeps import lagrangian

Array = NDArray[np.float64]
REFERENCES = {PROVED: "E(D)", CHECKED: "E(D)", BOUND: "upper bound", **dict.fromkeys(BETWEEN, "lower bound")}


@runtime_checkable
class Measured(Protocol):
    """An object with a distortion and an entropy and their intervals, such as a `Measurement`."""

    @property
    def distortion(self) -> float:
        """D."""

    @property
    def distortion_interval(self) -> tuple[float, float]:
        """Its interval."""

    @property
    def entropy(self) -> float:
        """H."""

    @property
    def entropy_interval(self) -> tuple[float, float]:
        """Its interval."""


class Excess(NamedTuple):
    """Excess of a measured compressor, and the ends of its interval."""

    value: float
    low: float
    high: float


def excess(
    source: Source | str,
    distortion: ArrayLike | Measured,
    entropy: ArrayLike | None = None,
    *,
    lmbda: ArrayLike | None = None,
    base: float = 2,
) -> Any:
    """Excess of a compressor of a measured distortion and entropy over the optimum.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    distortion, entropy : float or array_like
        Measured D ≥ 0, and H ≥ 0 in units of `base`; broadcast against each other and `lmbda`. Or, in place of both, a
        `Measurement` from `measure` with the same base, or another object with both and their intervals.
    lmbda : float or array_like, optional
        With λ, the excess of H + λD over its minimum, in units of `base`: the suboptimality of a compressor trained at
        this λ. Without it, the vertical gap H − E(D), which is large just left of a D_K, where E is steep. For spheres,
        tori and rotations, whose E(D) is enclosed, it is H minus the lower bound: at least H − E(D).
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    float, ndarray or Excess
        The excess. Negative values mean that the measurement is too optimistic (few samples), that D or H is in another
        unit (a mean over dimensions, nats), or that the source is another one; D = 0, which no finite entropy attains,
        gives -inf without λ. For a `Measurement` it is the `value`, with the interval from `low` to `high`. The excess
        increases with D and H, so these are its values at the lower ends of both intervals and at the upper ends. Two
        95 % intervals hold together, and so this one does, with a probability of at least 90 %.

    Raises
    ------
    ValueError, TypeError
        For arguments that are not allowed, named in the message.

    Warns
    -----
    UserWarning
        For points below E(D) by more than 1 % of D and of H (at least 0.01 bits), which no code attains, and for points
        with positive entropy at D_max or more, where sending nothing does as well.
    """
    if isinstance(distortion, Measured):
        return _of_measurement(source, distortion, entropy, lmbda, base)
    D, H, result = excess_unchecked(source, distortion, entropy, lmbda=lmbda, base=base)
    resolved = resolve(source, stationary=False, surfaces=True)
    if _may_be_doubted(resolved, D, H, result if lmbda is None else None, base):
        D, H = np.broadcast_arrays(D, H)
        _warn(resolved, D.ravel(), H.ravel(), None, base)
    return result


def reference(source: Source, distortion: ArrayLike, *, base: float = 2) -> Any:
    """The reference of gaps: E(D), or the entropy of the best known partition; for a surface the lower bound.

    `REFERENCES` has its name by the status of the source.
    """
    if isinstance(source, Surface):
        return enclosed.lower_bound(source, distortion, base)
    return upper_bound(source, distortion, base=base)


def _warn(source: Source, distortion: Array, entropy: Array, most: tuple[Array, Array] | None, base: float) -> None:
    for doubt in sanity.doubts(source, distortion, entropy, most=most, base=base, option="base"):
        validation.warn(doubt)


def _of_measurement(
    source: Source | str, measured: Measured, entropy: ArrayLike | None, lmbda: ArrayLike | None, base: float
) -> Excess:
    if entropy is not None:
        raise TypeError("entropy must be left out if distortion is a Measurement, which has it")
    if lmbda is not None:
        lmbda = validation.real("lmbda", lmbda)
    D, H, value = excess_unchecked(source, measured.distortion, measured.entropy, lmbda=lmbda, base=base)
    (low_D, high_D), (low_H, high_H) = measured.distortion_interval, measured.entropy_interval
    if not (math.isfinite(high_D) and math.isfinite(high_H)):  # of a single sample
        return Excess(value, -math.inf, math.inf)
    resolved = resolve(source, stationary=False, surfaces=True)
    _warn(resolved, D.reshape(1), H.reshape(1), (np.array([high_D]), np.array([high_H])), base)
    low, high = excess_unchecked(source, [low_D, high_D], [low_H, high_H], lmbda=lmbda, base=base)[-1].tolist()
    return Excess(value, low, high)


def _may_be_doubted(source: Source, distortion: Array, entropy: Array, gap: Any, base: float) -> bool:
    """Whether a point is below E(D), or has entropy at D_max or more: a fast necessary condition for a warning.

    `gap` is H − E(D), or None where it has not been computed.
    """
    if np.ndim(gap) or distortion.ndim or entropy.ndim:
        return gap is None or bool((gap < 0.0).any() or ((distortion >= source.max_distortion) & (entropy > 0.0)).any())
    D, H = float(distortion), float(entropy)
    if source.max_distortion <= D and H > 0.0:
        return True
    if gap is None:
        return source.status in (BOUND, *BETWEEN) or entropy_distortion(source, D, base=base) > H
    return bool(gap < 0.0)


def over_bound(source: Source, distortion: ArrayLike, entropy: ArrayLike, *, base: float = 2) -> Array:
    """H minus the entropy of the best known partition, which is at most H − E(D)."""
    D = validation.nonnegative("distortion", distortion, finite=True)
    H = validation.nonnegative("entropy", entropy, finite=True)
    _together(distortion=D, entropy=H)
    return np.asarray(H - upper_bound(source, D, base=base))


def excess_unchecked(
    source: Source | str,
    distortion: ArrayLike,
    entropy: ArrayLike | None,
    *,
    lmbda: ArrayLike | None = None,
    base: float = 2,
) -> tuple[Array, Array, Any]:
    """Distortion and entropy as arrays, and the excess as in `excess`, without its warnings."""
    D = validation.nonnegative("distortion", distortion, finite=True)
    H = validation.nonnegative("entropy", entropy, finite=True)
    weight = None if lmbda is None else validation.nonnegative("lmbda", lmbda, finite=True)
    _together(distortion=D, entropy=H, **({} if weight is None else {"lmbda": weight}))
    if weight is None:
        resolved = resolve(source, stationary=False, surfaces=True)
        least = lower_bound if isinstance(resolved, Surface) else entropy_distortion
        floor = least(resolved, D, base=base)
        fits = isinstance(floor, np.ndarray) and np.broadcast_shapes(floor.shape, H.shape) == floor.shape
        result = np.subtract(H, floor, out=floor if fits else None)  # saves an array for many points
    else:
        with np.errstate(over="ignore"):  # to infinity
            result = H + weight * D - lagrangian(source, weight, base=base).value
    return D, H, result if isinstance(result, np.ndarray) and result.ndim else float(result)


def _together(**arrays: NDArray[Any]) -> None:
    try:
        np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} of shape {array.shape}" for name, array in arrays.items())
        raise ValueError(f"the arguments must be of shapes that broadcast together, got {shapes}") from None

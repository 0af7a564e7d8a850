"""E(D) and its inverse, where biuniform cells are optimal (condition (★))."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from edcurve import validation
from edcurve.kernels import functions, loops
from edcurve.sources import BOUND, Source, Surface, resolve, units

from . import enclosed
from .evaluation import evaluate


def entropy_distortion(source: Source | str, distortion: ArrayLike, *, base: float = 2) -> Any:
    """Entropy-distortion function E(D): the least entropy of any encoder with mean squared error at most D.

    The minimiser is K cells of one size and one smaller cell; D determines K and both sizes. The value is exact:
    relative error at most 1e-12 for D/D_max from 1e-21 to 1 − 1e-5 (built-in sources).

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one, such as "ramp", "circle" or "power:1.5".
    distortion : float or array_like
        D ≥ 0, the mean squared error: a sum over coordinates, or for functions on [0, 1] the integral over t.
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
        If a distortion is negative or NaN, or if biuniform partitions are not known to be optimal for this source;
        `upper_bound` accepts such sources. For a sphere, a torus or rotations E(D) is known only at some distortions;
        at others the message has the bounds.
    TypeError
        If an argument is not a number, an array of numbers or a source.

    References
    ----------
    Theorems 3 and 5 of Bhadane, Wagner and Ballé, arXiv 2205.08518.
    """
    resolved = resolve(source, surfaces=True)
    if isinstance(resolved, Surface):
        return enclosed.entropy_distortion(resolved, distortion, base)
    return evaluate(functions.entropy, exactly(resolved), distortion, validation.log_base(base))


def distortion_entropy(source: Source | str, entropy: ArrayLike, *, base: float = 2) -> Any:
    """Inverse of E(D): the least mean squared error of any encoder of at most this entropy.

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
    plain, size = units.normal(exactly(source))
    unit, law = validation.log_base(base), plain.law
    return validation.elementwise(
        "entropy",
        entropy,
        lambda x: loops.point(functions.distortion, law, (), x * unit) * size,
        lambda x: loops.evaluate(functions.distortion, law, (), x * unit) * size,
    )


def exactly(source: Source | str) -> Source:
    """The source, if biuniform partitions are known to be optimal for it; otherwise ValueError with the reason."""
    resolved = resolve(source)
    if resolved.status == BOUND:
        raise ValueError(
            f"source must be one for which biuniform partitions are known to be optimal, got {resolved.name!r} "
            f"({resolved.reason}); upper_bound returns the best partition that a search finds"
        )
    return resolved

"""Shannon's rate-distortion function R(D): codes for blocks of realizations can approach it, and E(D) lies above it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation
from edcurve.equality import ComparedByValue
from edcurve.linear import is_scalar
from edcurve.sources import SampledSurface, Source, Spectrum, Surface, digits, resolve, units

Array = NDArray[np.float64]

CLOSED_FORM = "one harmonic: closed form"
CONCENTRATED = "densities ∝ exp(κ⟨x, y⟩) about a direction y, optimal by symmetry: one integral"
ORBIT = (
    "upper: KL of a density of the phase, constant on cells, whose distortion is exact (rigorous up to rounding); "
    "lower: dual value at the best reproduction that a search from several starts found, less an estimate of what "
    "the cells and the rest of the circle change (a bound if no better reproduction exists)"
)
ACHIEVED = "upper: explicit test channels, constant on cells, of exact rate and distortion (rigorous up to rounding); "
CHANNEL = ACHIEVED + (
    "lower: dual values of their output distributions, scaled by the greatest excess that a search over reproductions "
    "from several starts found, less an estimate of what the cells change (a bound if no greater excess exists)"
)
SCALAR = ACHIEVED + (
    "lower: dual values of their output distributions, scaled by a bound on the greatest excess over all "
    "reproductions, from a scan of [0, 1] and its curvature (rigorous up to rounding)"
)


@dataclass(frozen=True, eq=False)
class RateDistortion(ComparedByValue):
    """Bounds that enclose R(D).

    Attributes
    ----------
    source : str
        Name of the source.
    base : float
        Base of the logarithm.
    distortion : float or ndarray
        D.
    lower, upper : float or ndarray
        R(D) lies between them; in units of `base`, of the shape of `distortion`.
    method : str
        How each of them was obtained.
    """

    source: str
    base: float
    distortion: Any
    lower: Any
    upper: Any
    method: str


def rate_distortion(source: Source | str, distortion: ArrayLike, *, base: float = 2) -> Any:
    """Shannon's rate-distortion function R(D) under squared error.

    R(D) is the least mutual information I(X; Y) with E‖X − Y‖² ≤ D, so R(D) ≤ E(D). It has a closed form for sources
    with one harmonic (circle, sinusoid), and is one integral for spheres, tori and rotations. For other sources it is
    the upper end of `rate_distortion_bounds`, which is achievable.

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
        R(D), of the shape of `distortion`; 0 from D_max on, inf at 0.

    Raises
    ------
    ValueError
        For invalid arguments, and for a distortion too small for the grids. The least one is 1e-9 D_max for closed
        sources with several harmonics. There is no limit for power laws with a ≥ 0.4, which include the sawbridge and
        the uniform scalar; for other open sources the message names it.
    TypeError
        If an argument is not a number, an array of numbers or a source.

    See Also
    --------
    rate_distortion_bounds : The same with a lower bound, and how both bounds were obtained.
    """
    return rate_distortion_bounds(source, distortion, base=base).upper


def rate_distortion_bounds(source: Source | str, distortion: ArrayLike, *, base: float = 2) -> RateDistortion:
    """Bounds that enclose R(D).

    *Closed sources.* Averaged over shifts of the phase, a test channel is a mixture of orbits. So R is the lower
    convex envelope of (D(q), KL(q‖unif)) over densities q on the circle, D(q) = Σ c_k (1 − ‖q̂_k‖²) = ½∬ q q δ. For
    each λ the least KL + λD is attained by q ∝ exp(−λ‖γ(v) − y‖²) about its own centroid y. It is −ln Z(y), Z the
    integral of that exponential, minimised over y: the dual value (Csiszár). Up to a shift such a q is
    exp(Σ a_k cos 2πkv) with a_k ≥ 0, and where δ is monotone it decreases from 0 to ½ (Baernstein–Taylor). There may
    be other stationary densities, so several starts are compared at each of a table of distortions. Where D jumps as
    λ grows, R is straight. The bounds are within 1e-6 nats of each other for D/D_max ≥ 1e-9. This takes a second per
    distortion where R is nearly straight over a range of D (c_k near 1/k).

    *Open sources.* The Blahut–Arimoto algorithm is run with moving reproductions: each is the centroid of its phases.
    For each of a number of λ this gives a channel and a function α > 0. The channels' rates and
    distortions, and chords between them, bound R from above. As ∫ α(v) exp(−λ‖γ(v) − y‖²) dv ≤ 1 for every y,
    R(D) ≥ E ln α − λD. The bounds are within 1e-3 nats of each other.

    For δ(u) = uᵃ with a ≥ 0.4 this holds at every D. The first distortion takes up to a second, others less. As D → 0
    the channel is that of a closed source except near the two ends, whose effect only depends on λ^{1/a}. So the
    channel of one λ gives those of all larger ones, and R(D) tends to that of infinitely many phases plus a multiple of
    D^{1/a}. For the sawbridge R(D) = ln(1/D) − 2 + 1.122 D + o(D) nats. For other open sources the time grows with
    exp(R), from milliseconds to a minute, but is spent once; the least distortion is that at which 4096 cells become
    too coarse.

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
    RateDistortion
        `.lower` and `.upper`, of the shape of `distortion`; 0 from D_max on, inf at 0. `.method` tells what is proved.

    Raises
    ------
    ValueError, TypeError
        As for `rate_distortion`.

    References
    ----------
    I. Csiszár, *On an extremum problem of information theory*, Studia Sci. Math. Hungar. 9 (1974).
    """
    source = resolve(source, surfaces=True)
    unit = validation.log_base(base)
    values = validation.nonnegative("distortion", distortion)
    flat = values.ravel()
    bounds = np.zeros((2, flat.size))
    bounds[:, flat == 0.0] = np.inf
    inner = (flat > 0.0) & (flat < source.max_distortion)
    method, solve = _solver(source)
    if inner.any():
        levels, inverse = np.unique(flat[inner], return_inverse=True)
        bounds[:, inner] = solve(levels)[:, inverse] / unit
    lower, upper = np.maximum(bounds, 0.0).reshape(2, *values.shape)
    if values.ndim == 0 and not isinstance(distortion, np.ndarray):
        return RateDistortion(source.name, float(base), float(values), float(lower), float(upper), method)
    return RateDistortion(source.name, float(base), values.copy(), lower, upper, method)


def _solver(source: Source) -> tuple[str, Any]:
    """Return the method, and the function from increasing distortions in (0, D_max) to bounds in nats."""
    _refuse_samples(source)
    if isinstance(source, Surface):
        return CONCENTRATED, lambda D: _of_surface(source, D)
    energy = single_harmonic(source)
    if energy is not None:
        return CLOSED_FORM, lambda D: _closed_form(D, energy, source.law.parameters.rest)
    if source.closed:
        return ORBIT, lambda D: _by_orbits(source, D)
    scalar = is_scalar(source)
    return SCALAR if scalar else CHANNEL, lambda D: _by_channels(source, D)


def single_harmonic(source: Source) -> float | None:
    """Energy of the source's only harmonic; None if there are several or the energy is not exact."""
    if not source.closed or (isinstance(source, Spectrum) and np.count_nonzero(source.energies) > 1):
        return None
    if isinstance(source, Spectrum):
        return source.max_distortion
    first = float(source.harmonics(1)[0])
    return first if first == source.max_distortion else None


def _closed_form(distortion: Array, energy: float, rest: float) -> Array:
    from . import harmonic

    value = harmonic.rate(distortion, energy, rest)
    return np.stack([value, value])


def _of_surface(source: Surface, distortion: Array) -> Array:
    from . import concentrated

    _check_least(source, distortion, least_distortion(source))
    value = concentrated.rate(source, distortion)
    return np.stack([value, value])


def _by_orbits(source: Source, distortion: Array) -> Array:
    from edcurve import progress

    _check_least(source, distortion, least_distortion(source))
    plain, size = units.normal(source)
    with progress.bar(f"rate-distortion of {source.name}", distortion.size) as update:
        return np.asarray(_density_table(plain).answer(distortion / size, update))


def _by_channels(source: Source, distortion: Array) -> Array:
    from edcurve import progress

    _check_least(source, distortion, least_distortion(source))
    plain, factor = units.unscaled(source)
    with progress.bar(f"rate-distortion of {source.name}", distortion.size) as update:
        return np.asarray(_sandwich(plain).answer(distortion / factor, update))


LEAST = 1e-9  # D/D_max for closed sources
LEAST_ON_SURFACE = 1e-40  # the same for surfaces


def least_distortion(source: Source) -> float:
    """Least distortion at which R(D) can be computed."""
    _refuse_samples(source)
    if isinstance(source, Surface):
        return LEAST_ON_SURFACE * source.max_distortion
    if single_harmonic(source) is not None:
        return 0.0
    if source.closed:
        plain, size = units.normal(source)
        least = max(LEAST * plain.max_distortion, digits.accurate_above(source) / size)
        return float(_density_table(plain).grids.least(least)) * size
    plain, factor = units.unscaled(source)
    return max(factor * float(_sandwich(plain).least), digits.accurate_above(source))


@lru_cache(maxsize=64)
def _density_table(source: Source) -> Any:
    from .density_table import DensityTable

    return DensityTable.of(_reduced(source))


@lru_cache(maxsize=64)
def _sandwich(source: Source) -> Any:
    from .sandwich import Sandwich

    return Sandwich(source)


def _reduced(source: Source) -> Source:
    """Reduce a loop traversed m times to one traversed once: mV mod 1 is uniform like V."""
    if isinstance(source, Spectrum):
        energies = source.energies
        times = int(np.gcd.reduce(np.flatnonzero(energies) + 1))
        if times > 1:
            return Spectrum(energies[times - 1 :: times], name=source.name)
    return source


def _refuse_samples(source: Source) -> None:
    if isinstance(source, SampledSurface):
        raise ValueError(
            f"source must be one whose R(D) this computes, got {source.name!r}, a surface of samples: "
            "edcurve.empirical_rate_distortion(source.points, D, weights=source.weights) bounds theirs"
        )


def _check_least(source: Source, distortion: Array, least: float) -> None:
    if distortion[0] < least:
        if least >= source.max_distortion:
            raise ValueError(
                f"distortion must be 0 or at least D_max = {source.max_distortion:.6g}, where R(D) is 0, for "
                f"{source.name!r}, whose R(D) needs finer grids than this has, got {distortion[0]!s}"
            )
        raise ValueError(
            f"distortion must be 0 or at least {least:.6g} for R(D) of {source.name!r} "
            f"({least / source.max_distortion:.2g} of D_max; below, the grids are too coarse), got {distortion[0]!s}"
        )

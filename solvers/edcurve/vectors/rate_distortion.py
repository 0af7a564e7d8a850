"""`empirical_rate_distortion`: bounds on R(D) of weighted vectors, of any dimension and with an error of choice."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from edcurve import progress, validation
from edcurve.shannon import RateDistortion

from . import errors
from .channels import Vectors
from .errors import Array
from .sandwich import Sandwich

MOST = 2**14  # distinct vectors
MOST_ERRORS = 2**25  # distinct vectors times reproductions, where these are finitely many

ACHIEVED = "upper: explicit test channels and chords between them (rigorous up to rounding); "
SEARCHED = ACHIEVED + (
    "lower: dual values, scaled by the greatest excess that climbs from the vectors found (a bound if no greater "
    "excess exists)"
)
BOXES = ACHIEVED + (
    "lower: dual values, scaled by a bound on the greatest excess over all reproductions, by branch and bound over "
    "boxes (rigorous up to rounding)"
)
FINITE = ACHIEVED + (
    "lower: dual values, scaled by the greatest excess over {reproductions}, each of which was tried (rigorous up to "
    "rounding)"
)
ALL = "all reproductions, for which the combinations of values that occur suffice"


def empirical_rate_distortion(
    points: ArrayLike,
    distortion: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    error: str | Callable[[Array, Array], Any] = "squared",
    reproductions: ArrayLike | None = None,
    base: float = 2,
) -> RateDistortion:
    """Bounds that enclose Shannon's R(D) of a finite set of weighted vectors.

    R(D) is the least mutual information I(X; Y) with E ρ(X, Y) ≤ D, where X is one of the vectors, drawn by weight.
    No code of these vectors has less entropy at this distortion. At D = 0 it is their entropy, log n for n equally
    likely vectors. If they are a sample, the least I + λD of the sample is on average at most that of the sampled
    distribution, and in high dimension far below it.

    *Upper bound.* The Blahut–Arimoto algorithm with moving reproductions, like the particles of [1]_. Newton's method
    improves probabilities, reproductions move to centroids, and new ones are added where the dual constraint is
    violated. So the result does not depend on a grid. Every channel is one point, and chords connect the points.

    *Lower bound.* Let 1/α(x) = E exp(−λρ(x, Y)) and g(y) = E α(X) exp(−λρ(X, y)). Then R(D) ≥ E ln α − ln max g − λD
    for every λ [2]_. The maximum is over `reproductions`, if given. Otherwise it is exact for absolute and Hamming
    errors, for which values that occur suffice. For squared errors it is bounded by branch and bound over all of R^dim
    in one or two dimensions, in more at low rates, and for vectors in a subspace of few dimensions. In other cases it
    is the greatest value that climbs from the vectors find, as ``method`` tells.

    Parameters
    ----------
    points : array_like, shape (n,) or (n, dim)
        Finite vectors, at most 16 384 distinct ones, and at most 2²⁵ times reproductions if these are finitely many.
        The time grows with n exp(R): 1000 vectors in two dimensions take some 6 s on one core at R = 1.7 bits.
    distortion : float or array_like
        D ≥ 0, the mean error, where errors are sums over the coordinates.
    weights : array_like, shape (n,), optional
        Weights ≥ 0, not all zero; they are scaled to sum to 1. Equal if omitted.
    error : str or callable
        "squared": Σ (x − y)². "absolute": Σ abs(x − y). "hamming": number of coordinates that differ. Or a function of
        arrays (n, dim) and (m, dim) that returns the errors (n, m), each ≥ 0.
    reproductions : array_like, shape (m, dim) or (m,), optional
        The allowed y. All vectors if omitted.
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    RateDistortion
        `.lower` and `.upper`, of the shape of `distortion`; inf below the least distortion of `reproductions`. They
        differ by about 1e-3 nats, or 1e-6 for finitely many reproductions, unless fitting ends early. `.method` tells
        how they were obtained.

    Raises
    ------
    ValueError
        For invalid arguments, named in the message; for a function as `error` without `reproductions`; and for absolute
        or Hamming errors without `reproductions` if the values of all coordinates have more than 16 384 combinations.
    TypeError
        If an argument is not a number or an array of numbers.

    References
    ----------
    .. [1] Y. Yang, S. Eckstein, M. Nutz and S. Mandt, "Estimating the rate-distortion function by Wasserstein gradient
       descent", NeurIPS 2023.
    .. [2] I. Csiszár, "On an extremum problem of information theory", Studia Sci. Math. Hungar. 9 (1974).

    Examples
    --------
    >>> from edcurve.vectors.rate_distortion import empirical_rate_distortion
    >>> fair = empirical_rate_distortion([0, 1], 0.25, error="hamming")  # a fair coin: 1 − h(D)
    >>> round(fair.lower, 4), round(fair.upper, 4)
    (0.1887, 0.1887)
    """
    unit = validation.log_base(base)
    values = validation.nonnegative("distortion", distortion)
    sandwich, scale, count = prepared(points, weights, error, reproductions)
    flat = values.ravel() / scale
    bounds = np.zeros((2, flat.size))
    bounds[:, flat < sandwich.least] = np.inf
    bounds[:, flat == sandwich.least] = sandwich.top  # the rate of a code; no channel at D = 0 has less
    inner = (flat > sandwich.least) & (flat < sandwich.most)
    bounds[:, flat >= sandwich.most] = 0.0
    if inner.any():
        levels, inverse = np.unique(flat[inner], return_inverse=True)
        with progress.bar("rate-distortion of points", levels.size) as update:
            bounds[:, inner] = sandwich.answer(levels[::-1], update)[:, ::-1][:, inverse]
    lower, upper = (bounds / unit).reshape(2, *values.shape)
    name = f"{count} points"
    method = _method(sandwich, given=reproductions is not None)
    if values.ndim == 0 and not isinstance(distortion, np.ndarray):
        return RateDistortion(name, float(base), float(values), float(lower), float(upper), method)
    return RateDistortion(name, float(base), values.copy(), lower, upper, method)


def least_lagrangian(points: ArrayLike, lmbda: float, *, base: float = 2) -> tuple[float, str]:
    """A lower bound on the least I(X; Y) + λ E‖X − Y‖² of equally likely points, and how it was obtained.

    No code of these points has a lower H + λD.
    """
    unit = validation.log_base(base)
    sandwich, scale, _ = prepared(points, None, "squared", None)
    weight = float(validation.nonnegative("lmbda", lmbda, finite=True)) * unit * scale
    if weight == 0.0 or sandwich.most == 0.0:
        return 0.0, _method(sandwich, given=False)
    with progress.bar("rate-distortion of points", None) as update:
        rounds = itertools.count(1)
        value = sandwich.dual(weight, lambda: update(next(rounds), 0))
    return max(value, 0.0) / unit, _method(sandwich, given=False)


def prepared(
    points: ArrayLike, weights: ArrayLike | None, error: Any, reproductions: ArrayLike | None
) -> tuple[Sandwich, float, int]:
    """The problem in normalised units, the unit of its distortions, and the number of vectors."""
    table, weight, _ = errors.points(points, weights)
    rule = errors.restricted(errors.resolve(error, reproductions, table.shape[1]), table)
    x, label = np.unique(table, axis=0, return_inverse=True)
    if len(x) > MOST:
        raise ValueError(f"points must be at most {MOST} distinct ones, got {len(x)}: take some of them")
    if rule.candidates is not None and len(x) * len(rule.candidates) > MOST_ERRORS:
        raise ValueError(
            f"points times reproductions must be at most {MOST_ERRORS}, got {len(x)} times {len(rule.candidates)}: "
            "take some of them"
        )
    mass = np.bincount(label.ravel(), weight / weight.sum()).astype(np.float64)
    if rule.name != "squared":
        return Sandwich(Vectors(x, mass, rule)), 1.0, len(table)
    x, candidates, scale = _normal(x, mass, rule.candidates)
    return Sandwich(Vectors(x, mass, errors.Error("squared", rule.distances, candidates))), scale, len(table)


def _normal(x: Array, mass: Array, candidates: Array | None) -> tuple[Array, Array | None, float]:
    """Centred vectors, in coordinates of the subspace that they span, in a unit near their size."""
    size = math.frexp(float(np.abs(x).max()) or 1.0)[1]
    x = np.ldexp(x, -size)
    mean = mass @ x
    x = x - mean
    spread = math.frexp(float(np.abs(x).max()) or 1.0)[1]
    x, unit = np.ldexp(x, -spread), size + spread
    if candidates is not None:
        return x, np.ldexp(np.ldexp(candidates, -size) - mean, -spread), math.ldexp(1.0, 2 * unit)
    if x.shape[1] > 1:
        left, values, _ = np.linalg.svd(x, full_matrices=False)
        rank = max(int(np.sum(values > values[0] * 1e-13 * max(x.shape))), 1)
        x = left[:, :rank] * values[:rank] if rank < x.shape[1] else x
    return x, None, math.ldexp(1.0, 2 * unit)


def _method(sandwich: Sandwich, *, given: bool) -> str:
    if sandwich.vectors.error.candidates is None:
        return SEARCHED if sandwich.searched else BOXES
    return FINITE.format(reproductions="the reproductions given" if given else ALL)

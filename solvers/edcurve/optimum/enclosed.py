"""Bounds on E(D) of surfaces, and E(D) itself where they meet."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import codes, validation
from edcurve.codes import SurfaceCode
from edcurve.kernels import functions
from edcurve.sources import BOUND, SampledSurface, Surface

from . import envelopes, prices
from .evaluation import evaluate

Array = NDArray[np.float64]


def lower_bound(source: Surface, distortion: ArrayLike, base: float) -> Any:
    """Least entropy over cell sizes with the same d(p): its E(D) where (★) holds, otherwise its dual bound."""
    unit = validation.log_base(base)
    if isinstance(source, SampledSurface):
        return validation.elementwise(
            "distortion",
            distortion,
            lambda D: float(prices.entropy(source, np.array(D))) / unit,
            lambda D: prices.entropy(source, D) / unit,
        )
    relaxed = source.relaxed
    if relaxed.status != BOUND:
        return evaluate(functions.entropy, relaxed, distortion, unit)
    return evaluate(functions.lower, relaxed, distortion, unit, envelopes.chords)


def entropy_distortion(source: Surface, distortion: ArrayLike, base: float) -> Any:
    """E(D) where it equals the lower bound; ValueError, with the bounds, at the first other distortion."""
    values = validation.nonnegative("distortion", distortion)
    unresolved = values[(values > 0.0) & (values < source.exact_from)]
    if unresolved.size:
        D = float(unresolved.flat[0])
        where = "from D_max on" if source.exact_from == source.max_distortion else f"from {source.exact_from:g} on"
        try:
            known_code = None if codes.searched(source) else upper_bound(source, D, base)
            above = "most what upper_bound finds" if known_code is None else f"most {known_code:.6g} (upper_bound)"
        except ValueError:
            above = "most what some code attains, of which none is known here"
        raise ValueError(
            f"distortion must be one at which E(D) of {source.name!r} is known, {where}, got {D!r}: there E(D) is at "
            f"least {lower_bound(source, D, base):.6g} (lower_bound) and at {above}"
        )
    return np.zeros(values.shape) if values.size == 0 else lower_bound(source, distortion, base)


def upper_bound(source: Surface, distortion: ArrayLike, base: float) -> Any:
    """Entropy of the best known code at each distortion: 0 from D_max on, inf at 0."""
    validation.log_base(base)

    def one(D: float) -> float:
        if D <= 0.0 or source.max_distortion <= D:
            return 0.0 if D > 0.0 else math.inf
        return code(source, D, base).entropy

    return validation.elementwise("distortion", distortion, one, lambda D: np.array([one(x) for x in D.tolist()]))


def code(source: Surface, distortion: float, base: float) -> SurfaceCode:
    """The known code of least entropy at one distortion above 0."""
    if not distortion > 0.0:
        raise ValueError(f"distortion must be above 0 for a finite code, got {distortion!r}")
    unit = validation.log_base(base)
    if source.max_distortion <= distortion:
        return codes.at_multiplier(source, 0.0)
    code = codes.at_distortion(source, distortion, float(lower_bound(source, distortion, math.e)))
    return replace(code, entropy=code.entropy / unit)


def lagrangian(source: Surface, lmbda: Array, unit: float) -> tuple[Array, ...]:
    """Cells, entropy, distortion, and whether the cells are equally likely, of the code of least H + λD at each λ."""
    best = [codes.at_multiplier(source, one * unit) for one in lmbda.ravel().tolist()]
    columns = ([one.cells for one in best], [one.entropy / unit for one in best], [one.distortion for one in best])
    alike = [abs(math.log(one.cells) - one.entropy) < 1e-12 for one in best]
    return (
        np.array(columns[0], dtype=np.int64),
        *(np.array(column) for column in columns[1:]),
        np.array(alike, dtype=bool),
    )


def convex_hull(source: Surface, distortion: ArrayLike, unit: float) -> Any:
    """Lower convex hull of the codes that are the best known at some λ; inf below the least of their distortions."""
    values = validation.nonnegative("distortion", distortion)
    least = float(values[values > 0.0].min(initial=source.max_distortion))
    hull_codes = codes.hull(source, least)
    points = dict(zip([one.distortion for one in hull_codes], [one.entropy for one in hull_codes], strict=True))
    x = np.array(sorted(points))
    y = np.array([points[one] for one in x.tolist()])
    hull_vertices = envelopes.lower_hull(x, y)
    x, y = x[hull_vertices], y[hull_vertices]
    result = np.where(values >= x[0], np.interp(values, x, y) / unit, math.inf)
    return result if isinstance(distortion, np.ndarray) or values.ndim else float(result)

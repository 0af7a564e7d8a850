"""Bounds on E(D) of spheres, tori and rotations, and E(D) itself where they meet."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from edcurve import validation
from edcurve.kernels import functions
from edcurve.sources import BOUND, Surface

from . import envelopes
from .evaluation import evaluate


def lower_bound(source: Surface, distortion: ArrayLike, base: float) -> Any:
    """Least entropy over cell sizes with the same d(p): their E(D) where (★) holds, else their dual bound."""
    unit, relaxed = validation.log_base(base), source.relaxed
    if relaxed.status != BOUND:
        return evaluate(functions.entropy, relaxed, distortion, unit)
    return evaluate(functions.lower, relaxed, distortion, unit, envelopes.chords)


def entropy_distortion(source: Surface, distortion: ArrayLike, base: float) -> Any:
    """E(D) where it is the lower bound; ValueError, with the bound, at the first other distortion."""
    values = validation.nonnegative("distortion", distortion)
    open_ones = values[(values > 0.0) & (values < source.exact_from)]
    if open_ones.size:
        D = float(open_ones.flat[0])
        known = "from D_max on" if source.exact_from == source.max_distortion else f"from {source.exact_from:g} on"
        raise ValueError(
            f"distortion must be one at which E(D) of {source.name!r} is known, {known}, got {D!r}: there E(D) is at "
            f"least {lower_bound(source, D, base):.6g} (lower_bound)"
        )
    return np.zeros(values.shape) if values.size == 0 else lower_bound(source, distortion, base)

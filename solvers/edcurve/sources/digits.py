"""Digits that a cell distortion loses to cancellation: at which distortions, and the warning about it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from edcurve import validation
from edcurve.kernels import general
from edcurve.validation import warn

from . import units
from .protocol import kept
from .units import Scalable

CANCELLED = (
    1e-8  # d(p)/p as a share of D_max up to which a difference of numbers of that order has lost half its digits
)
STEADY = 1e-14  # largest relative decrease of d(p)/p that rounding explains


def check(source: Scalable, distortion: ArrayLike) -> None:
    """Warn of distortions at which a user's function has less than half its digits."""
    least = accurate_above(source)
    if not least:
        return
    values = validation.nonnegative("distortion", distortion)
    lost = values[(values > 0.0) & (values < least)]
    if lost.size:
        warn(
            f"cell_distortion of {source.name!r} loses more than half its digits to cancellation below distortion "
            f"{least:.2g}, got distortion {lost.min():.6g}; write it without differences of nearly equal numbers"
        )


def accurate_above(source: Scalable) -> float:
    """Least d(p)/p at which d has about 8 digits: where it cancels, rounding makes it rough; 0 for the kernels' d."""
    if source.law.model is not general:
        return 0.0
    # in the unit of D_max, as d of a source with a tiny D_max underflows
    plain, size = units.normal(source)
    return size * kept(plain, "_accurate_above", lambda: _accurate_above(plain))


def _accurate_above(source: Scalable) -> float:
    sizes = np.geomspace(1e-12, 0.5, 121)
    near = sizes[:, None] * (1.0 + 1e-3 * np.arange(-4, 5))
    means = np.asarray(source.cell_distortion(near.ravel())).reshape(near.shape) / near
    # fourth differences of a smooth d are relatively 1e-12; a kink is rough too, but sizes below it are smooth
    rough = np.abs(np.diff(means, n=4, axis=1)).max(axis=1) > 1e-8 * np.abs(means[:, 4])
    # d(p)/p rises except for rounding; with a jump of δ it is nearly constant, without loss of digits
    flat = CANCELLED * source.max_distortion > means[:, 4]
    rough |= (np.diff(means, axis=1) <= np.where(flat, 0.0, -STEADY * np.abs(means[:, 4]))[:, None]).any(axis=1)
    smooth = np.flatnonzero(~(rough[:-2] | rough[1:-1] | rough[2:]))
    first = smooth[0] if smooth.size else sizes.size - 1
    return float(means[first, 4]) if first > 0 else 0.0

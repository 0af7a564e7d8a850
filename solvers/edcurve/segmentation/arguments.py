"""Validation of the arguments of `segment`, and λ in the units of the kernels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation

Array = NDArray[np.float64]

MOST_POINTS = 10**7
MOST_NUMBERS = 10**8
LARGEST, LEAST_SPREAD = 1e150, 1e-140


def asked(**given: ArrayLike | None) -> tuple[str, Array]:
    """Check that exactly one of these arguments is passed, and return its name and its values."""
    named = {name: value for name, value in given.items() if value is not None}
    if len(named) != 1:
        got = " and ".join(named) or "none"
        raise ValueError(f"segment takes exactly one of {', '.join(given)}, got {got}")
    ((name, value),) = named.items()
    if name == "cells":
        wanted = "cells must be integers, at least 1"
        values = validation.integers(name, value, wanted).astype(np.float64)
        if (values < 1.0).any():
            raise ValueError(f"{wanted}, got {values[values < 1.0].flat[0]:g}")
    else:
        values = validation.nonnegative(name, value, finite=True)
    if values.ndim > 1:
        raise ValueError(f"{name} must be a number or one-dimensional, got shape {values.shape}")
    return name, values


def points(given: ArrayLike) -> tuple[Array, bool]:
    """Check the points and return them as the rows of a table, and whether they were scalars."""
    array = validation._as_float64("points", given)
    if array.ndim not in (1, 2) or array.size == 0:
        remedy = validation.flattened("points", array.shape)
        raise ValueError(
            f"points must be of shape (N,) or (N, dim), with N and dim at least 1, got {array.shape}{remedy}"
        )
    if array.shape[0] > MOST_POINTS or array.size > MOST_NUMBERS:
        raise ValueError(f"points must be at most {MOST_POINTS} and {MOST_NUMBERS} numbers, got shape {array.shape}")
    bad = ~(np.abs(array) <= LARGEST)
    if bad.any():
        first = array[bad].flat[0]
        raise ValueError(
            f"points must be finite and at most {LARGEST:g} in size, got {first!s}{validation._where(bad)}"
        )
    table = array.reshape(array.shape[0], -1)
    spread = float(np.ptp(table, axis=0).max())
    if 0.0 < spread < LEAST_SPREAD:
        raise ValueError(f"points must be all the same or vary by at least {LEAST_SPREAD:g}, got {spread:.6g}")
    return table, array.ndim == 1


def finite(name: str, given: ArrayLike) -> Array:
    """Check that the values are finite numbers and return them as an array."""
    array = validation._as_float64(name, given)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)].flat[0]!s}")
    return array


def weights(given: ArrayLike | None, size: int) -> Array:
    """Check the weights and return them, or equal weights for None."""
    if given is None:
        return np.ones(size)
    array = validation.nonnegative("weights", given, finite=True, rounded=True)
    if array.shape != (size,):
        raise ValueError(f"weights must be of shape ({size},), one for each point, got {array.shape}")
    if not array.any():
        raise ValueError("weights must not all be 0")
    return array


def scaled(lmbda: float, unit: float, exponent: int) -> float:
    """Return λ in nats, for points divided by 2^exponent."""
    try:
        value = math.ldexp(lmbda * unit, 2 * exponent)
    except OverflowError:
        value = math.inf
    if value > 1e300:
        raise ValueError(f"lmbda must be at most 1e300 over the squared size of the points, got {lmbda!r}")
    return value

"""Loops over vectors."""

from __future__ import annotations

import numpy as np

from .compiling import Real, Vector, inner, reduction

ZERO = np.float32(0.0)


@inner
def part(a: Vector, start: int, size: int) -> Vector:
    """So many numbers from a start."""
    return a[start : start + size]


@inner
def copy(a: Vector, b: Vector, size: int) -> None:
    """The first numbers of `a` to `b`."""
    for i in range(size):
        b[i] = a[i]


@inner
def fill(a: Vector, value: Real) -> None:
    """The same number everywhere."""
    for i in range(a.size):
        a[i] = value


@reduction
def dot(a: Vector, b: Vector) -> Real:
    """Inner product."""
    found = ZERO
    for i in range(a.size):
        found += a[i] * b[i]
    return found


@reduction
def total(a: Vector) -> Real:
    """Sum."""
    found = ZERO
    for i in range(a.size):
        found += a[i]
    return found

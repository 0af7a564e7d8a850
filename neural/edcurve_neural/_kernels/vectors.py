"""Loops over vectors."""

from __future__ import annotations

import numpy as np

from .compiling import inner, reduction

ZERO = np.float32(0.0)


@inner
def copy(a, b, size):
    """The first numbers of `a` to `b`."""
    for i in range(size):
        b[i] = a[i]


@inner
def fill(a, value):
    """The same number everywhere."""
    for i in range(a.size):
        a[i] = value


@reduction
def dot(a, b):
    """Inner product."""
    found = ZERO
    for i in range(a.size):
        found += a[i] * b[i]
    return found


@reduction
def total(a):
    """Sum."""
    found = ZERO
    for i in range(a.size):
        found += a[i]
    return found

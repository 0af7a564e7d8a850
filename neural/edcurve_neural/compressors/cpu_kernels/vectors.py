"""Loops over vectors, and matrices as rows of numbers in one vector."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .compiling import Real, Vector, inner, reduction

ZERO, ONE = np.float32(0.0), np.float32(1.0)


class Matrix(NamedTuple):
    """Rows that lie one after the other in a vector, and start `stride` numbers apart."""

    values: Vector
    stride: int


@inner
def row(matrix: Matrix, i: int, size: int) -> Vector:
    """The first `size` numbers of a row."""
    return part(matrix.values, i * matrix.stride, size)


@inner
def rows_from(matrix: Matrix, i: int) -> Matrix:
    """The matrix that begins with row `i`."""
    return Matrix(matrix.values[i * matrix.stride :], matrix.stride)


@inner
def part(a: Vector, start: int, size: int) -> Vector:
    """`size` numbers from `start` on."""
    return a[start : start + size]


@inner
def copy(a: Vector, b: Vector, size: int) -> None:
    """Copy the first `size` numbers of `a` to `b`."""
    for i in range(size):
        b[i] = a[i]


@inner
def fill(a: Vector, value: Real) -> None:
    """Set all numbers to `value`."""
    for i in range(a.size):
        a[i] = value


@reduction
def dot(a: Vector, b: Vector) -> Real:
    """Inner product."""
    product = ZERO
    for i in range(a.size):
        product += a[i] * b[i]
    return product


@reduction
def total(a: Vector) -> Real:
    """Sum."""
    summed = ZERO
    for i in range(a.size):
        summed += a[i]
    return summed

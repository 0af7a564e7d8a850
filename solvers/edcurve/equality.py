"""Results that hold arrays, compared by value."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np


class ComparedByValue:
    """A frozen dataclass (``eq=False``) that equals another if all fields do, including NaN, with a matching hash.

    A plain dataclass compares arrays element by element, and has no hash if a field has none. Changes of arrays change
    the hash, like changes of a tuple's elements.
    """

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(same(getattr(self, name), getattr(other, name)) for name in _names(self))

    def __hash__(self) -> int:
        return hash((type(self), *(_key(getattr(self, name)) for name in _names(self))))


def _names(result: Any) -> list[str]:
    return [field.name for field in fields(result)]


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal: arrays in shape and elements, tuples in each part; NaN equals NaN."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        arrays = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
        return arrays and np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f")
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if a is None or b is None:
        return a is b
    return bool(a == b or (a != a and b != b))


def _key(value: Any) -> Any:
    """A hashable key that equal values share."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return value.shape, (value.astype(np.float64) + 0.0).tobytes()  # −0 becomes 0
    if isinstance(value, np.ndarray):
        return value.shape, tuple(value.ravel().tolist())
    if isinstance(value, tuple):
        return tuple(map(_key, value))
    return "NaN" if value != value else value

"""Checks of what a caller passes in: done once, at the public function, with the argument's name."""

from __future__ import annotations

import math
import numbers
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

PART = "__part_of_edcurve__"  # what a package sets whose frames are none of the caller's
type_error = "{name} must be a real number or an array of them, got {what}"


def log_base(base: Any) -> float:
    """Natural logarithm of the base of the entropies; ``base`` must be a finite number above 1."""
    if isinstance(base, bool) or not isinstance(base, numbers.Real):
        raise TypeError(f"base must be a number above 1 (2 for bits, math.e for nats), got {base!r}")
    value = _double("base", base)
    if not 1 < value < math.inf:
        raise ValueError(f"base must be a finite number above 1 (2 for bits, math.e for nats), got {base!r}")
    return math.log(value)


def positive_int(name: str, value: Any, least: int = 1) -> int:
    """``value`` as an int of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, at least {least}, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
    return int(value)


def real(name: str, value: Any) -> float:
    """``value`` as a float; anything but one real number is refused, NaN included."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # an array or a tensor of one
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    result = _double(name, value)
    if math.isnan(result):
        raise ValueError(f"{name} must not be NaN")
    return result


def _double(name: str, value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        kind = type(value).__name__
        raise ValueError(f"{name} must be at most 1.8e308, the largest double, got a larger {kind}") from None


def nonnegative(name: str, value: Any, *, finite: bool = False) -> NDArray[np.float64]:
    """``value`` as a float64 array whose entries are ≥ 0, not NaN and, if asked, finite."""
    array = _as_float64(name, value)
    allowed = "at least 0 and finite" if finite else "at least 0"
    bad = ~((array >= 0) & (array < math.inf)) if finite else ~(array >= 0)
    if bad.any():
        first = array[bad].flat[0]
        raise ValueError(f"{name} must be {allowed}, got {first!s}{_where(bad)}")
    return array


def _as_float64(name: str, value: Any) -> NDArray[np.float64]:
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(type_error.format(name=name, what="a masked array; fill or drop what is masked"))
    if isinstance(value, bool | np.bool_):
        raise TypeError(type_error.format(name=name, what=repr(value)))
    if isinstance(value, numbers.Real):
        return np.asarray(_double(name, value))
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array: {error}") from None
    if array.size == 0 and array.dtype == np.float64:
        return array
    if array.dtype.kind not in "iuf":
        what = repr(value) if array.ndim == 0 else f"an array of dtype {array.dtype}"
        raise TypeError(type_error.format(name=name, what=what))
    return array.astype(np.float64, copy=False)


def _where(bad: NDArray[np.bool_]) -> str:
    if bad.ndim == 0:
        return ""
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    return f" at index {index[0] if len(index) == 1 else index}"


def elementwise(
    name: str,
    value: Any,
    scalar: Callable[[float], float],
    loop: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> Any:
    """Apply ``scalar`` to a float (a float comes back) or ``loop`` to an array (its shape comes back)."""
    if type(value) is float and value >= 0:
        return scalar(value)
    array = nonnegative(name, value)
    if array.ndim == 0:
        result = scalar(float(array))
        return np.asarray(result) if isinstance(value, np.ndarray) else result
    return loop(np.ascontiguousarray(array).ravel()).reshape(array.shape)


def warn(message: str) -> None:
    """Warn, at the innermost line outside the package, however deep in it the warning arises."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_part(frame.f_globals.get("__name__", "").partition(".")[0]):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


def _is_part(package: str) -> bool:
    # in its dictionary: getattr would run the __getattr__ that a package may have
    return PART in getattr(sys.modules.get(package), "__dict__", {})

"""Checks of a caller's arguments: done once, in the public function, with the argument's name."""

from __future__ import annotations

import math
import numbers
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

PART = "__part_of_edcurve__"  # name set by packages whose frames do not count as the caller's
EPS = 2.0**-52
LONGEST = 200  # characters of a value in a message
type_error = "{name} must be a real number or an array of them, got {what}"


def shown(value: Any) -> str:
    """A value in a message: its representation, truncated if long."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


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
        raise TypeError(f"{name} must be an integer, at least {least}, got {shown(value)}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
    return int(value)


def real(name: str, value: Any) -> float:
    """``value`` as a float; anything but one real number is refused, including NaN."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # a 0-d array or tensor
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {shown(value)}")
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


def nonnegative(name: str, value: Any, *, finite: bool = False, rounded: bool = False) -> NDArray[np.float64]:
    """``value`` as a float64 array whose entries are ≥ 0, not NaN and, with ``finite``, finite.

    If `rounded`, entries may come from a sum that cancels, such as an eigenvalue of a covariance, or
    ‖x‖² − 2x·c + ‖c‖². Of n entries, those from −n·eps·max to 0 are taken as 0: max is the largest, and eps that of
    their floating-point type (double for other numbers).
    """
    array = _as_float64(name, value)
    if rounded and (array < 0.0).any():
        array = clipped(array, as_array(name, value, _refusal(name)).dtype)
    allowed = "at least 0 and finite" if finite else "at least 0"
    bad = ~((array >= 0) & (array < math.inf)) if finite else ~(array >= 0)
    if bad.any():
        first = array[bad].flat[0]
        raise ValueError(f"{name} must be {allowed}, got {first!s}{_where(bad)}")
    return array


def clipped(array: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[np.float64]:
    """The array with 0 for entries negative by rounding; unchanged if the largest is NaN or infinite."""
    eps = max(float(np.finfo(dtype).eps), EPS) if dtype.kind == "f" else EPS
    largest = float(array.max())
    if not 0.0 < largest < math.inf:
        return array
    return np.where((array < 0.0) & (array >= -array.size * eps * largest), 0.0, array)


def _refusal(name: str) -> str:
    return type_error.format(name=name, what="{what}")


def _as_float64(name: str, value: Any) -> NDArray[np.float64]:
    if isinstance(value, bool | np.bool_):
        raise TypeError(type_error.format(name=name, what=shown(value)))
    if isinstance(value, numbers.Real):
        return np.asarray(_double(name, value))
    array = as_array(name, value, _refusal(name))
    if array.size == 0 and array.dtype == np.float64:
        return array
    if array.dtype.kind not in "iuf":
        what = shown(value) if array.ndim == 0 else f"an array of dtype {array.dtype}"
        raise TypeError(type_error.format(name=name, what=what))
    with np.errstate(invalid="ignore", over="ignore"):  # the caller checks for NaN and infinity
        return array.astype(np.float64, copy=False)


def as_array(name: str, value: Any, refusal: str) -> NDArray[Any]:
    """Convert anything array-like to a numpy array without loss; the caller checks its dtype.

    Besides what numpy converts itself, this accepts tensors that require grad, are on another device, or are of
    bfloat16; arrays of other libraries (``__array__``, ``__dlpack__``) with such types; lists of these; nullable
    columns and tables of pandas, and masked arrays, without missing values; columns of objects that are numbers or
    rows of numbers.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object
        The argument.
    refusal : str
        Message of a TypeError, with ``{what}`` for the type of the value and a remedy.

    Raises
    ------
    ValueError
        For rows of different lengths.
    TypeError
        For missing values, and for values that cannot be converted.
    """
    if type(value) is np.ndarray and value.dtype.kind in "iuf":
        return value
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.getmaskarray(value).any():
            raise TypeError(refusal.format(what="a masked array; fill or drop what is masked"))
        return np.asarray(value.data)
    if hasattr(value, "isna") and not all(isinstance(one, np.dtype) for one in _types(value)):
        return _from_table(value, refusal)
    try:
        array = _from_tensor(value) if hasattr(value, "detach") and hasattr(value, "cpu") else _from_other(value)
    except ValueError as error:
        if _is_sequence(value) and "inhomogeneous" in str(error):
            raise ValueError(f"{name} must be a rectangular array: {error}") from None
        raise TypeError(refusal.format(what=f"{_kind(value)}: {error}")) from None
    except (TypeError, RuntimeError, NotImplementedError, AttributeError, BufferError) as error:
        if _is_sequence(value) and any(hasattr(part, "detach") for part in value):
            return as_array(name, [as_array(name, part, refusal) for part in value], refusal)
        raise TypeError(refusal.format(what=f"{_kind(value)}: {str(error).partition(chr(10))[0]}")) from None
    for kind, plain in (("bfloat", np.float64), ("float", np.float64), ("int", np.int64), ("uint", np.int64)):
        if array.dtype.kind == "V" and array.dtype.names is None and array.dtype.name.startswith(kind):
            return array.astype(plain)  # small types that other libraries add to numpy
    return _unboxed(name, array, refusal) if array.dtype.kind == "O" else array


def _unboxed(name: str, array: NDArray[Any], refusal: str) -> NDArray[Any]:
    """Numbers, or rows of numbers of equal length, from an array of objects; arrays of other objects are unchanged."""
    entries = array.ravel().tolist()
    if array.ndim == 0 and isinstance(entries[0], Iterable):
        raise TypeError(refusal.format(what=f"{_kind(entries[0])}; make it a list or an array"))
    if all(isinstance(one, numbers.Integral) and not isinstance(one, bool) for one in entries):
        # numpy would round integers of more than 64 bits
        ends = (min(entries, default=0), max(entries, default=0))
        fitting = [dtype for dtype in (np.int64, np.uint64) if all(_fits(end, dtype) for end in ends)]
        return np.array(entries, dtype=fitting[0]).reshape(array.shape) if fitting else array
    if all(isinstance(one, numbers.Real) and not isinstance(one, bool) for one in entries):
        return np.array([_double(name, one) for one in entries]).reshape(array.shape)
    if array.ndim == 1 and all(isinstance(one, list | tuple | np.ndarray) for one in entries):
        rows = [as_array(name, one, refusal) for one in entries]
        if len({row.shape for row in rows}) > 1:
            raise ValueError(f"{name} must be a rectangular array: its rows have different lengths")
        return np.stack(rows) if rows else array
    return array


def _fits(value: Any, dtype: type[np.integer[Any]]) -> bool:
    return bool(np.iinfo(dtype).min <= value <= np.iinfo(dtype).max)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _kind(value: Any) -> str:
    return f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}".removeprefix("builtins.")


def _from_tensor(tensor: Any) -> NDArray[Any]:
    plain = tensor.detach().cpu()
    for change in ("resolve_conj", "resolve_neg"):
        plain = getattr(plain, change, lambda same=plain: same)()
    try:
        return np.asarray(plain.numpy())
    except TypeError:  # numpy lacks the type: bfloat16, and 8-bit floats
        return np.asarray(plain.double().numpy())


def _from_other(value: Any) -> NDArray[Any]:
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        return np.from_dlpack(value)
    return np.asarray(value)


def _from_table(value: Any, refusal: str) -> NDArray[Any]:
    """A column or a table of pandas whose types have a missing value."""
    if np.asarray(value.isna()).any():
        raise TypeError(refusal.format(what=f"{_kind(value)} with missing values; fill or drop them"))
    kinds = {getattr(one, "kind", "O") for one in _types(value)}
    if kinds == {"i"}:
        return np.asarray(value.to_numpy(dtype=np.int64))
    return np.asarray(value.to_numpy(dtype=np.float64) if kinds <= {"i", "f", "u"} else value)


def _types(value: Any) -> list[Any]:
    return list(value.dtypes) if getattr(value, "ndim", 1) == 2 else [value.dtype]


def whole(name: str, value: Any, wanted: str, remedy: str = "") -> NDArray[Any]:
    """``value`` as an array of integers, or of floats that are all integers; `wanted` begins the message.

    Raises
    ------
    TypeError
        If it is not an array of numbers.
    ValueError
        If a number is not an integer; the message ends with `remedy`.
    """
    array = as_array(name, value, f"{wanted}, got {{what}}")
    if array.dtype.kind not in "iuf":
        what = f"an array of dtype {array.dtype}" if array.ndim else shown(array.item())
        raise TypeError(f"{wanted}, got {what}")
    if array.dtype.kind == "f" and (bad := ~(np.isfinite(array) & (array == np.rint(array)))).any():
        raise ValueError(f"{wanted}, got {array[bad].flat[0]}{remedy}")
    return array


def integers(name: str, value: Any, wanted: str, remedy: str = "") -> NDArray[np.int64]:
    """The numbers of `whole` as int64; ValueError if one is out of range."""
    array = whole(name, value, wanted, remedy)
    if array.dtype.kind == "f":
        wide = array.astype(np.float64)  # half precision cannot represent 2⁶³
        bad = (wide >= 2.0**63) | (wide < -(2.0**63))
    else:
        bad = array > np.iinfo(np.int64).max
    if bad.any():
        raise ValueError(f"{name} must fit signed integers of 64 bits, got {array[bad].flat[0]}")
    return array.astype(np.int64)


def flattened(name: str, shape: tuple[int, ...]) -> str:
    """A remedy for an array of more than two dimensions, where each [i] should be one row; otherwise ""."""
    if len(shape) <= 2 or 0 in shape:
        return ""
    return (
        f": {name}.reshape({shape[0]}, -1) makes shape ({shape[0]}, {math.prod(shape[1:])}) of it, each {name}[i] a row"
    )


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
    """Apply ``scalar`` to a float, which gives a float, or ``loop`` to an array, which keeps its shape."""
    if type(value) is float and value >= 0:
        return scalar(value)
    array = nonnegative(name, value)
    if array.ndim == 0:
        result = scalar(float(array))
        return np.asarray(result) if isinstance(value, np.ndarray) else result
    return loop(np.ascontiguousarray(array).ravel()).reshape(array.shape)


def warn(message: str) -> None:
    """Warn at the innermost line outside the package, from any depth inside it."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_part(frame.f_globals.get("__name__", "").partition(".")[0]):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


def _is_part(package: str) -> bool:
    # looked up in its dictionary, because getattr would run a package's __getattr__
    return PART in getattr(sys.modules.get(package), "__dict__", {})

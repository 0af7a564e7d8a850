"""Two parameters of a surface, each closed, twisted or open, and interpolation between the samples on their grid."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CLOSED, TWISTED, OPEN = "closed", "twisted", "open"
KINDS = (CLOSED, TWISTED, OPEN)
NEAR = 1.5  # largest distance of the last row to the first where they are neighbours, over that of other neighbours
REPEATED = 1e-6  # share of a typical distance: a last row this near to the first repeats it


class Side(NamedTuple):
    """One parameter, by the row that follows its last one.

    Attributes
    ----------
    kind : str
        "closed": the first row; "twisted": the first row reversed; "open": none.
    shift : int
        For a twisted parameter, sample j of the last row is followed by sample (shift − j) mod J of the first.
    """

    kind: str
    shift: int = 0


def settled(x: Array, ends: Any) -> tuple[Side, Side]:
    """The two sides of samples of shape (I, J, dim), from `ends` or, if it is None, from the distances of rows."""
    if ends is None:
        return _looks(x), _looks(x.swapaxes(0, 1))
    if isinstance(ends, str) or not hasattr(ends, "__len__") or len(ends) != 2 or any(one not in KINDS for one in ends):
        raise ValueError(f"ends must be two of {', '.join(map(repr, KINDS))}, got {ends!r}")
    first, second = ends
    return _fits(x, first, "first"), _fits(x.swapaxes(0, 1), second, "second")


class Gaps(NamedTuple):
    """Root mean square distances of neighbouring rows, and of the last row from the candidates to follow it."""

    rows: Array
    closed: float
    twisted: float
    shift: int

    @property
    def least(self) -> float:
        """Largest distance at which rows are neighbours."""
        return NEAR * float(self.rows.max())


def _gaps(x: Array) -> Gaps:
    def distance(a: Array, b: Array) -> float:
        return float(np.sqrt(np.mean(np.sum((a - b) ** 2, axis=-1))))

    rows = np.array([distance(a, b) for a, b in zip(x[1:], x[:-1], strict=True)])
    count = x.shape[1]
    # samples at j/J or at j/(J − 1), and at (j + ½)/J
    turned = {shift: distance(x[-1], x[0, (shift - np.arange(count)) % count]) for shift in (0, count - 1)}
    shift = min(turned, key=lambda one: turned[one])
    return Gaps(rows, distance(x[-1], x[0]), turned[shift], shift)


def _looks(x: Array) -> Side:
    gaps = _gaps(x)
    if gaps.closed <= min(gaps.least, gaps.twisted):
        _refuse_repeated(gaps.closed, gaps)
        return Side(CLOSED)
    if gaps.twisted <= gaps.least:
        _refuse_repeated(gaps.twisted, gaps)
        return Side(TWISTED, gaps.shift)
    return Side(OPEN)


def _fits(x: Array, kind: str, which: str) -> Side:
    if kind == OPEN:
        return Side(OPEN)
    gaps = _gaps(x)
    gap = gaps.closed if kind == CLOSED else gaps.twisted
    if gap > gaps.least:
        other = _looks(x).kind
        raise ValueError(
            f"ends must fit the samples: of the {which} parameter, {kind!r}, the last row is {gap:.3g} from the first"
            f"{' reversed' if kind == TWISTED else ''}, and neighbours are {gaps.rows.max():.3g} apart at most; "
            f"{other!r} fits"
        )
    _refuse_repeated(gap, gaps)
    return Side(kind, gaps.shift if kind == TWISTED else 0)


def _refuse_repeated(gap: float, gaps: Gaps) -> None:
    if gap <= REPEATED * float(np.median(gaps.rows)):
        raise ValueError(
            "x must not repeat its first row at the end of a closed or twisted parameter: leave the last row out"
        )


def shares(shape: tuple[int, int], sides: tuple[Side, Side]) -> Array:
    """Weights of the samples for uniform parameters: the end rows of an open parameter count half."""
    parts = [np.ones(count) for count in shape]
    for part, side in zip(parts, sides, strict=True):
        if side.kind == OPEN:
            part[[0, -1]] = 0.5
    product = np.outer(*parts)
    return np.asarray(product / product.sum())


def boxes(x: Array, weight: Array, sides: tuple[Side, Side]) -> float:
    """Mean variance of the parallelograms between samples, (‖step‖² + ‖other step‖²)/12."""
    total = 0.0
    for axis, side in enumerate(sides):
        y, mass = (x, weight) if axis == 0 else (x.swapaxes(0, 1), weight.T)
        steps = np.sum((_after(y, side)[1:] - y[: len(y) - (side.kind == OPEN)]) ** 2, axis=-1)
        mass = mass[: len(steps)]
        total += float(np.sum(mass * steps)) / float(mass.sum()) / 12.0
    return total


def _after(x: Array, side: Side) -> Array:
    """The rows followed by the successor of the last, if there is one."""
    if side.kind == OPEN:
        return x
    first = x[0] if side.kind == CLOSED else x[0, (side.shift - np.arange(x.shape[1])) % x.shape[1]]
    return np.concatenate([x, first[None]])


def places(numbers: Array, weight: Array, sides: tuple[Side, Side]) -> tuple[Array, Array]:
    """Fractional rows and columns, distributed by the weights if the numbers are uniform."""
    rows = _places(numbers[..., 0], weight.sum(axis=1)[None], np.zeros(numbers.shape[:-1], dtype=np.int64), sides[0])
    nearest = np.rint(rows).astype(np.int64)
    second, shift = numbers[..., 1], sides[0].shift
    beyond = (nearest == len(weight)) & (sides[0].kind == TWISTED)  # where the first row follows, reversed
    start = 1.0 if sides[1].kind == OPEN else shift / weight.shape[1]
    columns = _places(np.where(beyond, (start - second) % 1.0, second), weight, nearest % len(weight), sides[1])
    return rows, np.where(beyond, shift - columns, columns)


def _places(number: Array, weight: Array, row: NDArray[np.int64], side: Side) -> Array:
    """Position at which a cumulative weight is reached, where each sample covers ½ on either side of it."""
    ends = np.cumsum(weight, axis=1)
    ends /= ends[:, -1:]
    starts = np.concatenate([np.zeros((len(ends), 1)), ends], axis=1)
    if side.kind != OPEN:  # a loop begins in the middle of the interval of its first sample
        number = (number + 0.5 * ends[row, 0]) % 1.0
    # one search for all rows: the values of row k are raised by 2k
    flat = (starts + 2.0 * np.arange(len(starts))[:, None]).ravel()
    at = np.searchsorted(flat, number + 2.0 * row, side="right") - 1 - row * starts.shape[1]
    at = np.clip(at, 0, weight.shape[1] - 1)
    width = ends[row, at] - starts[row, at]
    share = np.where(width > 0.0, (number - starts[row, at]) / np.where(width > 0.0, width, 1.0), 0.5)
    if side.kind == OPEN:  # the first and the last sample cover one side only
        last = weight.shape[1] - 1
        return np.asarray(
            np.where(at == 0, 0.5 * share, np.where(at == last, last - 0.5 + 0.5 * share, at - 0.5 + share))
        )
    place = at - 0.5 + share
    return np.asarray(np.where(place < 0.0, place + weight.shape[1], place))


def between(x: Array, rows: Array, columns: Array, sides: tuple[Side, Side]) -> Array:
    """Bilinear interpolation of the samples at fractional rows and columns."""
    i, j = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    a, b = (rows - i)[..., None], (columns - j)[..., None]
    corners = [[_sample(x, i + di, j + dj, sides) for dj in (0, 1)] for di in (0, 1)]
    (first, second), (third, fourth) = corners
    return np.asarray((1.0 - a) * ((1.0 - b) * first + b * second) + a * ((1.0 - b) * third + b * fourth))


def _sample(x: Array, i: NDArray[np.int64], j: NDArray[np.int64], sides: tuple[Side, Side]) -> Array:
    """Samples at integer positions, continued beyond the ends by the kinds of the sides."""
    rows, columns = x.shape[:2]
    around, across = np.floor_divide(i, rows), np.floor_divide(j, columns)
    first, second = sides
    if first.kind == OPEN:
        i = np.clip(i, 0, rows - 1)
    else:
        i = i % rows
        if first.kind == TWISTED:
            j = np.where(around % 2 == 1, first.shift - j, j)
            across = np.floor_divide(j, columns)
    if second.kind == OPEN:
        j = np.clip(j, 0, columns - 1)
    else:
        j = j % columns
        if second.kind == TWISTED:
            i = np.where(across % 2 == 1, (second.shift - i) % rows, i)
    return x[i, j]

"""Measured manifolds: points along a curve. Configurations and stores name them by a hash.

A name is "loop:HASH" or "curve:HASH". It refers to points that were given to this process, or that are in a store that
it opened. Points stay in memory as long as the name that `from_samples` returned exists, or a configuration with it. Of
the others only the most recent ones are kept, up to `RECENT` bytes.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import edcurve
import numpy as np
from edcurve.io.arrays import is_data, read_points
from edcurve.io.files import replacing
from edcurve.sources import BUILT_IN, ends
from edcurve.sources.measured import checked_points
from edcurve.validation import warn
from numpy.typing import ArrayLike, NDArray

from .files import DamagedFileError

NAME = re.compile(r"(loop|curve):([0-9a-f]{16})")
LARGEST = 2**26  # most coordinates of all points together
RECENT = 2**24  # bytes of points that are kept after their names were deleted


@dataclass(frozen=True, eq=False)
class Manifold:
    """Measured points along a curve, with a name.

    Attributes
    ----------
    name : str
        "loop:HASH" or "curve:HASH".
    points : ndarray, shape (N, dim)
        Points at phases i/N of a loop, at i/(N − 1) of an open curve.
    label : str
        Name for people, in tables, plots and messages.
    places : ndarray, shape (dim, d), optional
        Place in a plane or in space at which each coordinate of the points was sampled.
    """

    name: str
    points: NDArray[np.float64]
    label: str
    places: NDArray[np.float64] | None = None

    @property
    def closed(self) -> bool:
        """Whether the curve is a loop."""
        return self.name.startswith("loop")

    @cached_property
    def source(self) -> edcurve.Source:
        """The source from which the optimum is computed; ValueError if the curve is not stationary."""
        return edcurve.Source.from_samples(self.points, closed=self.closed, name=self.label)


REMEDY = "delete it, and give the points again"


class Name(str):
    """The name of points, which it keeps in memory; other processes receive it as plain text."""

    manifold: Manifold

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


class Registry:
    """Manifolds by name: those in use elsewhere, and the most recent ones."""

    def __init__(self) -> None:
        self._used, self._recent = WeakValueDictionary[str, Manifold](), OrderedDict[str, Manifold]()
        self._lock = threading.Lock()

    def add(self, manifold: Manifold) -> Name:
        """Add a manifold as the most recent one."""
        with self._lock:
            self._used[manifold.name] = self._recent[manifold.name] = manifold
            self._recent.move_to_end(manifold.name)
            while len(self._recent) > 1 and sum(recent.points.nbytes for recent in self._recent.values()) > RECENT:
                self._recent.popitem(last=False)
        return _named(manifold)

    def get(self, name: str) -> Manifold | None:
        """The manifold with this name, if it is still in memory."""
        return self._used.get(name) or getattr(name, "manifold", None)

    def clear(self) -> None:
        """Forget all manifolds except those that a `Name` holds."""
        self._recent.clear()
        self._used.clear()


def _named(manifold: Manifold) -> Name:
    name = Name(manifold.name)
    name.manifold = manifold
    return name


_manifolds = Registry()
_folders: dict[Path, None] = {}  # in the order of opening


def is_name(source: Any) -> bool:
    """Whether a value is the name of measured points."""
    return isinstance(source, str) and NAME.fullmatch(source) is not None


def named(source: Any) -> Any:
    """The name of the points in a file; other values unchanged, but names of points as `Name`, which keeps these."""
    if isinstance(source, str | os.PathLike) and is_data(os.fspath(source)):
        return from_file(source)
    manifold = _manifolds.get(source) if is_name(source) else None
    return source if manifold is None else _named(manifold)


def from_file(path: str | os.PathLike[str], *, closed: bool | None = None, key: str | None = None) -> str:
    """Make the points in a file a source for `Config` and `evaluate`.

    Parameters
    ----------
    path : path
        A .npy, .npz or .csv of numbers, one point in each row.
    closed : bool, optional
        Whether the curve is a loop; if omitted, as `edcurve.Source.from_samples` decides.
    key : str, optional
        Name of the array in a .npz.

    Returns
    -------
    str
        Its name, as from `from_samples`. Different points have different names.

    Raises
    ------
    ValueError
        If the file does not hold points, or as from `from_samples`.
    OSError
        If the file cannot be read.
    """
    values = read_points(path, key=key)
    try:
        return from_samples(values, closed=closed, label=Path(path).name)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None


def from_samples(
    x: ArrayLike, *, closed: bool | None = None, label: str | None = None, places: ArrayLike | None = None
) -> str:
    """Make measured points a source for `Config` and `evaluate`, as `edcurve.Source.from_samples` does for E(D).

    Parameters
    ----------
    x : array_like, shape (N, dim) or (N,)
        Points at equal steps of the phase: at i/N of a loop, at i/(N − 1) of an open curve. Squared errors are sums
        over the coordinates. Networks see the points as they are, and the chords between them.
    closed : bool, optional
        Whether the last point is followed by the first; if omitted, as `edcurve.Source.from_samples` decides.
    label : str, optional
        Name for people, in tables and plots; by default the name that is returned.
    places : array_like, shape (dim, 2) or (dim, 3), optional
        Place in a plane or in space at which each coordinate was sampled, in any unit: (row, column) of pixels, say.
        The compressor "circular-network" decodes by place. By default it takes coordinates as samples at equal steps of
        a line. The same points with other places are another source, with another name.

    Returns
    -------
    str
        "loop:HASH" or "curve:HASH", with a hash of the points: the `source` to give to `Config`, `grid` and `evaluate`.
        A store keeps a copy of the points under this name. They stay in memory as long as this object exists, or a
        configuration with it; a copy of its text, such as one read from a file, does not keep them.

    Raises
    ------
    ValueError
        As from `edcurve.Source.from_samples`: the curve must be stationary. Also for places of another shape, not
        finite or not distinct, and for any places if points have one coordinate.

    Examples
    --------
    >>> import edcurve_neural as edn
    >>> import numpy as np
    >>> turn = 2 * np.pi * np.arange(64) / 64
    >>> ring = edn.from_samples(np.stack([np.cos(turn), np.sin(turn)], axis=1), label="ring")
    >>> edn.Config(ring, 8.0, compressor="circular").measured
    True
    """
    points = np.array(checked_points(x), order="C")
    if points.size > LARGEST:
        raise ValueError(f"x must have at most {LARGEST} numbers, got shape {points.shape}")
    points.flags.writeable = False
    loop, doubt = ends.settled(points, closed)
    if doubt is not None:
        warn(doubt)
    where = None if places is None else _checked_places(places, points.shape[1])
    name = f"{'loop' if loop else 'curve'}:{_hash(points, where)}"
    manifold = _manifolds.get(name)
    if manifold is None or label is not None:
        manifold = Manifold(name, points, name if label is None else _checked(label), where)
        manifold.source  # noqa: B018  # raises for points without an E(D)
    return _manifolds.add(manifold)


def find(name: str) -> Manifold:
    """The manifold with this name.

    Raises
    ------
    ValueError
        If its points are neither in memory nor in a store that was opened.
    DamagedFileError
        If the store's copy of the points was altered.
    """
    if manifold := _manifolds.get(name):
        return manifold
    for folder in _folders:
        path = _points_path(name, folder)
        if path.exists():
            points, where = _read(path, name)
            return _manifolds.add(Manifold(str(name), points, str(name), where)).manifold
    raise ValueError(
        f"the points of source {name!r} are not known here: read them by edcurve_neural.from_file, or open a store "
        "that has them"
    )


def labelled(name: str, label: str) -> Name:
    """The name of points in memory or in a store, with a label for people."""
    manifold = find(name)
    return _manifolds.add(manifold if manifold.label == label else replace(manifold, label=label))


def look_in(folder: Path) -> None:
    """Add a folder in which `find` looks for points."""
    _folders.setdefault(folder.absolute())


def keep(name: str, folder: Path) -> None:
    """Write a copy of measured points to a folder that lacks one; does nothing for other sources."""
    if not is_name(name) or _points_path(name, folder).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    manifold, path = find(name), _points_path(name, folder)
    if manifold.places is not None:  # first, because points without their places have another name
        _write(manifold.places, _places_path(path))
    _write(manifold.points, path)


def _write(values: NDArray[np.float64], path: Path) -> None:
    with replacing(path, follow=False) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array(file, values, allow_pickle=False)


def _points_path(name: str, folder: Path) -> Path:
    return folder / f"{name.partition(':')[2]}.npy"


def _places_path(path: Path) -> Path:
    return path.with_suffix(".places.npy")


def _read(path: Path, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Points and places of a stored copy, checked against their hash."""
    points = _array(path)
    places = _array(_places_path(path)) if _places_path(path).exists() else None
    if _hash(points, places) != name.partition(":")[2]:
        raise DamagedFileError(path, "its content does not match its name", REMEDY)
    return points, places


def _array(path: Path) -> NDArray[np.float64]:
    try:
        values = np.ascontiguousarray(read_points(path), dtype=np.float64)
    except ValueError as error:
        raise DamagedFileError(path, str(error).removeprefix(f"{path}: "), REMEDY) from None
    values.flags.writeable = False
    return values


def _hash(points: NDArray[np.float64], places: NDArray[np.float64] | None = None) -> str:
    """Hash of the shape and the numbers, and of the places if there are any: 16 hexadecimal digits."""
    shape = "×".join(map(str, points.shape))
    more = b"" if places is None else places.astype("<f8").tobytes()
    return hashlib.sha256(shape.encode() + points.astype("<f8").tobytes() + more).hexdigest()[:16]


def _checked_places(places: ArrayLike, dim: int) -> NDArray[np.float64]:
    if dim < 2:
        raise ValueError("places must be None for points of one coordinate")
    where = np.array(places, dtype=np.float64, order="C")
    if where.ndim != 2 or where.shape[0] != dim or where.shape[1] not in (2, 3):
        raise ValueError(f"places must have shape ({dim}, 2) or ({dim}, 3), got {where.shape}")
    if not np.isfinite(where).all():
        raise ValueError(f"places must be finite, got {where[~np.isfinite(where)][0]}")
    if len(np.unique(where, axis=0)) < dim:
        raise ValueError("places must be different for different coordinates, got one twice")
    where.flags.writeable = False
    return where


def _checked(label: Any) -> str:
    if not isinstance(label, str) or not label or label.partition(":")[0] in BUILT_IN:
        raise ValueError(f"label must be a text, and not the name of another source, got {label!r}")
    return label

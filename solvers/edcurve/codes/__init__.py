"""Codes of surfaces: the best that are known, which bound E(D) from above."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from edcurve.sources import Sphere, Surface, Torus

from . import lattices
from .code import SphereCells, SurfaceCode, TorusCells

__all__ = ["SurfaceCode", "at_distortion", "at_multiplier", "hull"]

Array = NDArray[np.float64]

MOST = 4096  # cells of a lattice
MARGIN = 1.1  # of the λ at which the code of most cells is about the best
STEP = 1.1  # factor between λ of a sweep
WINDOW = 1.5  # factor of the likely number of cells within which lattices are tried


def at_multiplier(source: Surface, lmbda: float) -> SurfaceCode:
    """The code with the least H + λD that is known, λ in nats per unit distortion; its entropy in nats."""
    if isinstance(source, Torus):
        return _lattice_at_multiplier(source, lmbda)
    entropy, distortion = _tabulated(source)
    scale = source.max_distortion
    index = int((entropy + lmbda * scale * distortion).argmin())
    # the code of most cells is the best of the table for every larger λ, though not near the optimum
    most = MARGIN * 0.5 * float(_table()["counts"][0]) / scale
    if lmbda > most:
        raise ValueError(f"lmbda must be at most {most:.6g} nats for codes of {source.name!r}, got {lmbda:.6g}")
    return _from_table(source, index)


def at_distortion(source: Surface, distortion: float, least: float) -> SurfaceCode:
    """The code with the least entropy that is known for a distortion below D_max; `least` is a lower bound in nats."""
    if isinstance(source, Torus):
        return _lattice_at_distortion(source, distortion, least)
    entropy, known = _tabulated(source)
    enough = np.flatnonzero(known * source.max_distortion <= distortion)
    if enough.size == 0:
        raise ValueError(
            f"distortion must be at least {known[0] * source.max_distortion:.6g} for codes of {source.name!r}, which "
            f"have at most {_table()['counts'].max()} cells, got {distortion!r}"
        )
    if source.exact_from <= distortion:
        return _two_caps(source, distortion)
    return _from_table(source, int(enough[entropy[enough].argmin()]))


def hull(source: Surface, distortion: float) -> list[SurfaceCode]:
    """Codes for a sweep of λ, from one cell on until a distortion is reached or no more are known."""
    found = [at_multiplier(source, 0.0)]
    lmbda = 1.0 / source.max_distortion
    while found[-1].distortion > distortion:
        try:
            found.append(at_multiplier(source, lmbda))
        except ValueError:
            break
        lmbda *= STEP
    return found


def _two_caps(source: Surface, distortion: float) -> SurfaceCode:
    """Complementary caps p and 1 − p of the sphere in R³, D = 1 − p(1 − p)."""
    rest = max(0.0, 1.0 - distortion / source.max_distortion)
    small = rest / (0.5 + math.sqrt(max(0.0, 0.25 - rest)))
    height = 1.0 - 2.0 * small  # of the plane between them
    centres = np.array([[0.0, 0.0, -small], [0.0, 0.0, 1.0 - small]])
    offsets = np.array([0.0, height])
    nats = -math.fsum(p * math.log(p) for p in (small, 1.0 - small))
    reached = source.max_distortion * (1.0 - small * (1.0 - small))
    return SurfaceCode(source, 2, nats, reached, SphereCells(centres, offsets))


def _tabulated(source: Surface) -> tuple[Array, Array]:
    """Entropies in nats and distortions of the codes in the table, by increasing distortion."""
    if not (isinstance(source, Sphere) and source.dim == 2):
        raise ValueError(f"source must be sphere or a torus for codes, got {source.name!r}: none are known to edcurve")
    return _table()["entropy"], _table()["distortion"]


@lru_cache(maxsize=1)
def _table() -> dict[str, Array]:
    with np.load(str(files(__package__) / "sphere.npz")) as stored:
        return {name: stored[name] for name in stored.files}


def _from_table(source: Surface, index: int) -> SurfaceCode:
    table = _table()
    counts = table["counts"]
    first = int(counts[:index].sum())
    cells = table["cells"][first : first + int(counts[index])]
    nats, reached = float(table["entropy"][index]), float(table["distortion"][index])
    plain = SphereCells(cells[:, :3], cells[:, 3])
    return SurfaceCode(source, int(counts[index]), nats, source.max_distortion * reached, plain)


def _lattice_at_multiplier(source: Torus, lmbda: float) -> SurfaceCode:
    best, least = lattices.best(1, _squares(source)), math.inf
    bound = source.relaxed.cell_distortion
    counts = np.arange(1.0, MOST + 1.0)
    lower = np.log(counts) + lmbda * counts * bound(1.0 / counts)
    likely = int(counts[lower.argmin()])
    if likely > MOST / WINDOW:
        raise ValueError(f"lmbda must leave at most {MOST / WINDOW:.0f} cells of {source.name!r}, got {lmbda:.6g} nats")
    for count in _outwards(likely):
        if lower[count - 1] >= least:
            continue
        lattice = lattices.best(count, _squares(source))
        value = math.log(count) + lmbda * lattice.distortion * _scale(source)
        if value < least - 1e-13:
            best, least = lattice, value
    return _of_lattice(source, best)


def _outwards(likely: int) -> Iterator[int]:
    """Counts from the likely one on, nearer ones first."""
    yield likely
    for away in range(1, max(4, math.ceil((WINDOW - 1.0) * likely))):
        yield likely + away
        if likely > away:
            yield likely - away


def _lattice_at_distortion(source: Torus, distortion: float, least: float) -> SurfaceCode:
    first = max(1, math.ceil(math.exp(min(least, 50.0)) - 1e-9))
    for count in range(first, MOST + 1):
        lattice = lattices.best(count, _squares(source))
        if lattice.distortion * _scale(source) <= distortion:
            return _of_lattice(source, lattice)
    raise ValueError(
        f"distortion must be one that {MOST} cells of {source.name!r} attain, got {distortion!r}, which needs at least "
        f"{first} cells"
    )


def _of_lattice(source: Torus, lattice: lattices.Lattice) -> SurfaceCode:
    plain = TorusCells(lattice, source.radii)
    return SurfaceCode(source, lattice.count, math.log(lattice.count), lattice.distortion * _scale(source), plain)


def _squares(source: Torus) -> tuple[float, float]:
    first, second = source.radii
    return first * first, second * second


def _scale(source: Torus) -> float:
    return float(source.law.scale)

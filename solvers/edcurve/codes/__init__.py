"""The best known codes of surfaces, which bound E(D) from above."""

from __future__ import annotations

import math
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edcurve.sources import KleinBottle, Rotations, SampledSurface, Sphere, Surface, Torus
from edcurve.sources.klein import shipped
from edcurve.sources.protocol import kept

from . import lattices, products, sampled, weighted
from .code import Cells, SphereCells, SurfaceCode, TorusCells

__all__ = ["SurfaceCode", "at_distortion", "at_multiplier", "candidates", "hull", "least_distortion", "searched"]

Array = NDArray[np.float64]

MOST = 4096  # most cells of a lattice
MARGIN = 1.1  # factor on the λ for which the code of most cells is about the best
STEP = 1.1  # factor between successive λ of a sweep
WINDOW = 1.5  # ratio of `MOST` to the likely number of cells, at least


def at_multiplier(source: Surface, lmbda: float) -> SurfaceCode:
    """The known code of least H + λD, λ in nats per unit distortion; its entropy in nats."""
    if isinstance(source, Torus):
        return _lattice_at_multiplier(source, lmbda)
    table = _table_of(source)
    scale = _scale(source)
    index = int((table.entropy + lmbda * scale * table.distortion).argmin())
    # for every larger λ the code of most cells is the best of the table, but not near the optimum
    if lmbda * scale > MARGIN * table.most:
        most = MARGIN * table.most / scale
        raise ValueError(f"lmbda must be at most {most:.6g} nats for codes of {source.name!r}, got {lmbda:.6g}")
    if isinstance(source, SampledSurface):
        return _of_samples(source, lmbda)
    return table.code(source, index)


def at_distortion(source: Surface, distortion: float, least: float) -> SurfaceCode:
    """The known code of least entropy for a distortion below D_max; `least` is a lower bound in nats."""
    if isinstance(source, Torus):
        return _torus_at_distortion(source, distortion, least)
    table = _table_of(source)
    known = table.distortion * _scale(source)
    enough = np.flatnonzero(known <= distortion)
    if enough.size == 0:
        finer = "; samples on a finer grid have codes of more" if isinstance(source, SampledSurface) else ""
        raise ValueError(
            f"distortion must be at least {known.min():.6g} for codes of {source.name!r}, which have at most "
            f"{max(table.counts)} cells, got {distortion!r}{finer}"
        )
    if source.exact_from <= distortion:
        return _two_caps(source, distortion)
    return table.code(source, int(enough[table.entropy[enough].argmin()]))


def candidates(source: Surface, distortion: float, most: int) -> list[tuple[int, Any]]:
    """Numbers of cells, and cells, of codes in the table of an unscaled source with at most this distortion."""
    table = _table_of(source)
    enough = np.flatnonzero(table.distortion <= distortion)
    order = enough[np.argsort(table.entropy[enough], kind="stable")][:most]
    return [(table.counts[i], table.cells[i]) for i in order.tolist()]


def least_distortion(source: Surface) -> float:
    """Distortion of the code of most cells; for a torus twice the bound for `MOST` cells, well above its lattices."""
    if isinstance(source, Torus):
        return 2.0 * MOST * float(source.cell_distortion(1.0 / MOST))
    return _scale(source) * float(_table_of(source).distortion.min())


def searched(source: Surface) -> bool:
    """Whether codes are searched when they are first needed, which takes seconds."""
    if isinstance(source, SampledSurface):
        return not isinstance(source, KleinBottle)
    return isinstance(source, Rotations) or (isinstance(source, Sphere) and 2 < source.dim <= sampled.HIGHEST)


def hull(source: Surface, distortion: float) -> list[SurfaceCode]:
    """Codes for a sweep of λ, from one cell on, until a distortion is reached or no more codes are known."""
    codes = [at_multiplier(source, 0.0)]
    lmbda = 1.0 / source.max_distortion
    while codes[-1].distortion > distortion:
        try:
            codes.append(at_multiplier(source, lmbda))
        except ValueError:
            break
        lmbda *= STEP
    return codes


def _two_caps(source: Surface, distortion: float) -> SurfaceCode:
    """Complementary caps p and 1 − p of the sphere in R³, D = 1 − p(1 − p)."""
    reduction = max(0.0, 1.0 - distortion / source.max_distortion)
    small = reduction / (0.5 + math.sqrt(max(0.0, 0.25 - reduction)))
    height = 1.0 - 2.0 * small  # of the plane between the caps
    centres = np.array([[0.0, 0.0, -small], [0.0, 0.0, 1.0 - small]])
    offsets = np.array([0.0, height])
    nats = -math.fsum(p * math.log(p) for p in (small, 1.0 - small))
    reached = source.max_distortion * (1.0 - small * (1.0 - small))
    return SurfaceCode(source, 2, nats, reached, SphereCells(centres, offsets))


class Table(NamedTuple):
    """Codes of an unscaled source: entropies in nats, distortions, numbers of cells, cells; λ of the most cells."""

    entropy: Array
    distortion: Array
    counts: list[int]
    cells: list[Cells]
    most: float

    def code(self, source: Surface, index: int) -> SurfaceCode:
        """One of the codes, for the source or a multiple of it."""
        reached = _scale(source) * float(self.distortion[index])
        return SurfaceCode(source, self.counts[index], float(self.entropy[index]), reached, self.cells[index])


def _table_of(source: Surface) -> Table:
    if isinstance(source, SampledSurface):
        return kept(source.samples, "table", lambda: _weighted_table(_codes_of(source)))
    if isinstance(source, Rotations):
        return _sampled_table(None)
    if isinstance(source, Sphere):
        if source.dim == 2:
            return _sphere_table()
        if source.dim <= sampled.HIGHEST:
            return _sampled_table(source.dim)
    raise ValueError(
        f"source must be a torus, rotations or a sphere of at most {sampled.HIGHEST} dimensions for codes, got "
        f"{source.name!r}: none are known to edcurve"
    )


@lru_cache(maxsize=1)
def _sphere_table() -> Table:
    """The table written by `python -m edcurve.codes`."""
    with np.load(str(files(__package__) / "sphere.npz")) as stored:
        counts, rows = stored["counts"].tolist(), stored["cells"]
        entropy, distortion = stored["entropy"], stored["distortion"]
    ends = np.cumsum(counts)
    cells: list[Cells] = [
        SphereCells(rows[e - k : e, :3], rows[e - k : e, 3]) for e, k in zip(ends, counts, strict=True)
    ]
    return Table(entropy, distortion, counts, cells, 0.5 * max(counts))


@lru_cache(maxsize=32)
def _sampled_table(dim: int | None) -> Table:
    """Search codes of a sphere or, without a dimension, of rotations."""
    codes = sampled.codes(Rotations() if dim is None else Sphere(dim), paired=dim is None)
    entropy, distortion = np.array([code.entropy for code in codes]), np.array([code.distortion for code in codes])
    counts, cells = [len(code.cells.offsets) for code in codes], [code.cells for code in codes]
    return Table(entropy, distortion, counts, [*cells], codes[-1].lmbda)


def _weighted_table(codes: list[weighted.Weighted]) -> Table:
    entropy, distortion = np.array([code.entropy for code in codes]), np.array([code.distortion for code in codes])
    cells: list[Cells] = [code.cells for code in codes]
    return Table(entropy, distortion, [len(code.cells.words) for code in codes], cells, codes[-1].lmbda)


def _codes_of(source: SampledSurface) -> list[weighted.Weighted]:
    """Codes of the samples, searched once for all multiples of the source, or from the package."""
    if isinstance(source, KleinBottle):
        return kept(source.samples, "codes", lambda: weighted.restored(shipped()))
    return weighted.known(source)


def _of_samples(source: SampledSurface, lmbda: float) -> SurfaceCode:
    """The best code of the table, iterated to a local optimum at this λ."""
    scale = _scale(source)
    moved = kept(source.samples, "moved", dict[float, weighted.Weighted])
    if lmbda * scale not in moved:
        moved[lmbda * scale] = weighted.at_multiplier(source, _codes_of(source), lmbda * scale)
    best = moved[lmbda * scale]
    return SurfaceCode(source, len(best.cells.words), best.entropy, best.distortion * scale, best.cells)


def _lattice_at_multiplier(source: Torus, lmbda: float) -> SurfaceCode:
    best, least = lattices.best(1, _squares(source)), math.inf
    bound = source.relaxed.cell_distortion
    counts = np.arange(1.0, MOST + 1.0)
    lower = np.log(counts) + lmbda * counts * bound(1.0 / counts)
    likely = int(counts[lower.argmin()])
    if likely > MOST / WINDOW:
        raise ValueError(f"lmbda must leave at most {MOST / WINDOW:.0f} cells of {source.name!r}, got {lmbda:.6g} nats")
    for index in np.argsort(lower, kind="stable").tolist():
        if lower[index] >= least:
            break
        lattice = lattices.best(index + 1, _squares(source))
        value = math.log(lattice.count) + lmbda * lattice.distortion * _scale(source)
        if value < least - 1e-13:
            best, least = lattice, value
    return _of_lattice(source, best)


def _torus_at_distortion(source: Torus, distortion: float, least: float) -> SurfaceCode:
    """The lattice of fewest cells, or the product of cells of the circles if it has less entropy."""
    first = max(1, math.ceil(math.exp(min(least, 50.0)) - 1e-9))
    product = products.best(distortion / _scale(source), _squares(source), MOST)
    limit = math.inf if product is None else product.entropy
    for count in range(first, MOST + 1):
        if math.log(count) > limit:
            break
        lattice = lattices.best(count, _squares(source))
        if lattice.distortion * _scale(source) <= distortion:
            return _of_lattice(source, lattice)
    if product is None:
        raise ValueError(
            f"distortion must be one that {MOST} cells of {source.name!r} attain, got {distortion!r}, which needs at "
            f"least {first} cells"
        )
    cells = products.ProductCells(product.sizes, source.radii)
    count = product.sizes[0].size * product.sizes[1].size
    return SurfaceCode(source, count, product.entropy, min(distortion, product.distortion * _scale(source)), cells)


def _of_lattice(source: Torus, lattice: lattices.Lattice) -> SurfaceCode:
    plain = TorusCells(lattice, source.radii)
    return SurfaceCode(source, lattice.count, math.log(lattice.count), lattice.distortion * _scale(source), plain)


def _squares(source: Torus) -> tuple[float, float]:
    first, second = source.radii
    return first * first, second * second


def _scale(source: Surface) -> float:
    """The factor from distortions of the unscaled source."""
    return float(source.law.scale)

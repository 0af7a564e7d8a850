"""Search codes of the sphere in R³ and write the table that the package ships: `python -m edcurve.codes OUT.npz`.

`python -m edcurve.codes OUT.npz 15 26` searches codes of so many cells only, and adds them to a table.

For each number of cells Lloyd's iterations on points start from charges that repel each other, at rest; few cells start
from random ones of random sizes too, and some from lattices on an icosahedron. This is done at a few λ at which
codes of so many cells may be best. The iterations go on with the exact areas and means of the cells, until H + λD is
stationary.

Each number of cells has draws of its own, with a seed. The same releases of NumPy and SciPy on the same kind of machine
give the same codes. Elsewhere a last bit may send a search to another local optimum: H + λD of the best codes is then
the same to about 1e-3 nats.
"""

from __future__ import annotations

import math
import sys

import numpy as np
from numpy.typing import NDArray

from edcurve import progress

from . import lloyd, spherical

Array = NDArray[np.float64]
Code = tuple[Array, Array, float, float]  # centres, offsets, entropy in nats, distortion

POINTS = 100  # for each cell, in the search
LARGEST = 400  # cells of a lattice on an icosahedron
LATTICES = [(10 * (h * h + h * k + k * k) + 2, (h, k)) for h in range(1, 7) for k in range(h + 1)]
ICOSAHEDRAL = {count: steps for count, steps in LATTICES if count <= LARGEST}
DENSE, MOST = 100, 200  # up to DENSE every number of cells is tried, up to MOST every fourth, then those of lattices
SEED = 2022
CHARGED, CHOSEN = 10, 3  # systems of charges, fewer of many; those at rest with the least energy
FEW, RANDOM = 24, 150  # cells up to which random ones are tried too, and how many times at each λ
KEPT = 2  # codes of few cells that are refined at each λ
EXACT, ENOUGH = 25, 1e-8  # iterations with exact cells at most; nats by which one has to improve H + λD for another
LESS = 2e-3  # nats by which a code has less entropy than those of less distortion


def search(count: int) -> list[Code]:
    """Codes of about so many cells, each the best of some at one λ."""
    rng = np.random.default_rng([SEED, count])
    points = lloyd.spiral(max(2000, POINTS * count))
    systems = [lloyd.repelled(count, rng) for _ in range(max(3, CHARGED - count // 10))]
    starts = [centres for _, centres in sorted(systems, key=lambda one: one[0])[:CHOSEN]]
    starts += [lloyd.geodesic(*ICOSAHEDRAL[count])] if count in ICOSAHEDRAL else []
    found = []
    # K²/(2K − 2) is the λ at which d/dK of ln K + λ(2 − 1/K)/K vanishes
    for lmbda in (count * count / (2.0 * count - 2.0) * np.geomspace(0.85, 1.15, 7 if count <= FEW else 3)).tolist():
        tried = [lloyd.iterate(points, centres, lmbda) for centres in starts]
        for _ in range(RANDOM if count <= FEW else 0):
            sizes = rng.dirichlet(np.full(count, 3.0)) + 1e-3
            tried.append(lloyd.iterate(points, points[rng.choice(len(points), count, replace=False)], lmbda, sizes))
        tried.sort(key=lambda one: one[0])
        refined = [refine(centres, p, lmbda) for _, centres, p in tried[: KEPT if count <= FEW else 1]]
        found += [one for one in refined if one is not None]
    return found


def refine(centres: Array, p: Array, lmbda: float) -> Code | None:
    """Lloyd's iterations with exact cells; None if a cell vanishes or is in several parts."""
    best, value = None, math.inf
    for _ in range(EXACT):
        offsets = 0.5 * (np.einsum("ij,ij->i", centres, centres) - np.log(p) / lmbda)
        try:
            p, means = spherical.measures(centres, offsets)
        except ValueError:
            break
        if (p <= 0.0).any():
            break
        entropy = float(-p @ np.log(p))
        distortion = 1.0 - float(p @ np.einsum("ij,ij->i", means, means))
        if not entropy + lmbda * distortion < value - ENOUGH:
            break
        best, value, centres = (centres, offsets, entropy, distortion), entropy + lmbda * distortion, means
    return best


def main(path: str, first: int = 2, last: int = LARGEST) -> None:
    """Write the table, or add codes of `first` to `last` cells to it."""
    counts = [one for one in sorted({*range(2, DENSE), *range(DENSE, MOST, 4), *ICOSAHEDRAL}) if first <= one <= last]
    codes: list[Code] = [(np.zeros((1, 3)), np.zeros(1), 0.0, 1.0)]
    codes += read(path) if first > 2 else []
    with progress.bar("searching codes", len(counts)) as update:
        for done, count in enumerate(counts, start=1):
            codes += search(count)
            update(done, len(counts))
            write(path, codes)


def read(path: str) -> list[Code]:
    """Codes of a table but the one of one cell."""
    with np.load(path) as stored:
        counts, cells = stored["counts"], stored["cells"]
        entropy, distortion = stored["entropy"].tolist(), stored["distortion"].tolist()
    own = np.split(cells, np.cumsum(counts)[:-1])
    return [(one[:, :3], one[:, 3], H, D) for one, H, D in zip(own, entropy, distortion, strict=True) if len(one) > 1]


def write(path: str, codes: list[Code]) -> None:
    """Those codes that are the best at some λ, and those of the least entropy up to a distortion, by steps of it."""
    order = sorted(codes, key=lambda one: one[3])
    corners = on_hull(order)
    best, kept = math.inf, []
    for i, code in enumerate(order):
        if code[2] < best - LESS or (i in corners and code[2] < best):
            kept.append(code)
            best = code[2]
    counts = np.array([len(code[1]) for code in kept])
    cells = np.concatenate([np.column_stack([code[0], code[1]]) for code in kept])
    np.savez_compressed(path, counts=counts, cells=cells, entropy=[c[2] for c in kept], distortion=[c[3] for c in kept])


def on_hull(order: list[Code]) -> set[int]:
    """Codes on the lower convex hull, of some that are sorted by distortion."""
    corners: list[int] = []
    for i, (_, _, H, D) in enumerate(order):
        while len(corners) > 1:
            (_, _, H0, D0), (_, _, H1, D1) = order[corners[-2]], order[corners[-1]]
            if (H1 - H0) * (D - D0) < (H - H0) * (D1 - D0):
                break
            corners.pop()
        corners.append(i)
    return set(corners)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))

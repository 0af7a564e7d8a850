"""Search codes of the sphere in R³ and write the table that the package ships: `python -m edcurve.codes OUT.npz`.

`python -m edcurve.codes OUT.npz 15 26` searches only codes of 15 to 26 cells, and adds them to a table.

For each number of cells, Lloyd iterations on points start from repelling charges in equilibrium. Few cells also start
from random points with random sizes, and some numbers from lattices on an icosahedron. This is done at a few λ for
which codes of this number of cells may be best. The iterations continue with exact areas and means of the cells, until
H + λD is stationary.

Each number of cells has its own seed. The same releases of NumPy and SciPy on the same kind of machine give the same
codes. Elsewhere a last bit may lead a search to another local optimum: H + λD of the best codes then agrees to about
1e-3 nats.
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

POINTS = 100  # per cell, in the search
LARGEST = 400  # most cells of a lattice on an icosahedron
LATTICES = [(10 * (h * h + h * k + k * k) + 2, (h, k)) for h in range(1, 7) for k in range(h + 1)]
ICOSAHEDRAL = {count: steps for count, steps in LATTICES if count <= LARGEST}
DENSE, MOST = 100, 200  # every number of cells up to DENSE, every fourth up to MOST, and above only those of lattices
SEED = 2022
CHARGED, CHOSEN = 10, 3  # systems of charges, fewer for many cells; number of those of least energy that are used
FEW, RANDOM = 24, 150  # number of cells up to which there are random starts too, and their number at each λ
KEPT = 2  # codes of few cells that are refined at each λ
EXACT, ENOUGH = 25, 1e-8  # most iterations with exact cells; least improvement of H + λD, in nats, for another
LESS = 2e-3  # least decrease in entropy, in nats, from codes of less distortion


def search(count: int) -> list[Code]:
    """Codes of about ``count`` cells, each the best of several at one λ."""
    rng = np.random.default_rng([SEED, count])
    points = lloyd.spiral(max(2000, POINTS * count))
    systems = [lloyd.repelled(count, rng) for _ in range(max(3, CHARGED - count // 10))]
    starts = [centres for _, centres in sorted(systems, key=lambda system: system[0])[:CHOSEN]]
    starts += [lloyd.geodesic(*ICOSAHEDRAL[count])] if count in ICOSAHEDRAL else []
    found = []
    # K²/(2K − 2) is the λ at which d/dK of ln K + λ(2 − 1/K)/K vanishes
    for lmbda in (count * count / (2.0 * count - 2.0) * np.geomspace(0.85, 1.15, 7 if count <= FEW else 3)).tolist():
        ends = [lloyd.iterate(points, centres, lmbda) for centres in starts]
        for _ in range(RANDOM if count <= FEW else 0):
            sizes = rng.dirichlet(np.full(count, 3.0)) + 1e-3
            ends.append(lloyd.iterate(points, points[rng.choice(len(points), count, replace=False)], lmbda, sizes))
        ends.sort(key=lambda end: end[0])
        refined = [refine(centres, p, lmbda) for _, centres, p in ends[: KEPT if count <= FEW else 1]]
        found += [code for code in refined if code is not None]
    return found


def refine(centres: Array, p: Array, lmbda: float) -> Code | None:
    """Lloyd iterations with exact cells; None if a cell vanishes or is not connected."""
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
    """Codes of a table except that of one cell."""
    with np.load(path) as stored:
        counts, cells = stored["counts"], stored["cells"]
        entropy, distortion = stored["entropy"].tolist(), stored["distortion"].tolist()
    own = np.split(cells, np.cumsum(counts)[:-1])
    return [(one[:, :3], one[:, 3], H, D) for one, H, D in zip(own, entropy, distortion, strict=True) if len(one) > 1]


def write(path: str, codes: list[Code]) -> None:
    """Write the codes that are best at some λ, and further codes whose entropy is less by a step than before."""
    order = sorted(codes, key=lambda one: one[3])
    vertices = on_hull(order)
    best, kept = math.inf, []
    for i, code in enumerate(order):
        if code[2] < best - LESS or (i in vertices and code[2] < best):
            kept.append(code)
            best = code[2]
    counts = np.array([len(code[1]) for code in kept])
    cells = np.concatenate([np.column_stack([code[0], code[1]]) for code in kept])
    np.savez_compressed(path, counts=counts, cells=cells, entropy=[c[2] for c in kept], distortion=[c[3] for c in kept])


def on_hull(order: list[Code]) -> set[int]:
    """Indices of the codes on the lower convex hull, from codes sorted by distortion."""
    vertices: list[int] = []
    for i, (_, _, H, D) in enumerate(order):
        while len(vertices) > 1:
            (_, _, H0, D0), (_, _, H1, D1) = order[vertices[-2]], order[vertices[-1]]
            if (H1 - H0) * (D - D0) < (H - H0) * (D1 - D0):
                break
            vertices.pop()
        vertices.append(i)
    return set(vertices)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))

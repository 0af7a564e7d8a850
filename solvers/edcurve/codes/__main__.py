"""Search codes of the sphere in R³ and write the table that the package ships: `python -m edcurve.codes OUT.npz`.

For each λ of a sweep Lloyd's iterations start from random points, from lattices on an icosahedron, from the best code
of the λ before and from that with one or two cells more. The best few go on with more points, and their cells are then
measured exactly.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from edcurve import progress

from . import lloyd, spherical

Array = NDArray[np.float64]

FEW, MANY = 100, 600  # points for each cell, of the search and of the iterations that follow
LMBDA = np.concatenate([np.geomspace(1.5, 9.0, 60), np.geomspace(9.2, 34.0, 32), np.geomspace(36.0, 250.0, 14)])  # nats
ICOSAHEDRAL = [(h, k) for h in range(1, 8) for k in range(h + 1)]
SEED = 2022
LESS = 2e-3  # nats by which a code has less entropy than those of less distortion


def search(lmbda: float, rng: np.random.Generator, before: Array) -> list[tuple[Array, Array]]:
    """The best few codes found at one λ: means and probabilities."""
    likely = max(2, round(lmbda + np.sqrt(max(lmbda * lmbda - 2.0 * lmbda, 0.0))))  # K²/(2K − 2) = λ
    points, many = lloyd.spiral(max(2000, FEW * likely)), lloyd.spiral(max(20_000, min(MANY * likely, 60_000)))
    tries, kept = (40, 5) if likely < 16 else (8, 2) if likely < 100 else (2, 1)
    spread = max(1, round(0.06 * likely))
    starts = [before] if len(before) else []
    starts += [np.concatenate([before, points[rng.choice(len(points), more)]]) for more in (1, 2) if len(before)]
    starts += [lloyd.geodesic(h, k) for h, k in ICOSAHEDRAL if abs(10 * (h * h + h * k + k * k) + 2 - likely) <= spread]
    counts = likely + rng.integers(-spread, spread + 2, tries)
    starts += [points[rng.choice(len(points), max(1, count), replace=False)] for count in counts]
    found = sorted((lloyd.iterate(points, start, lmbda) for start in starts), key=lambda one: one[0])
    better = sorted((lloyd.iterate(many, one[1], lmbda) for one in found[:kept]), key=lambda one: one[0])
    return [(centres, p) for _, centres, p in better]


def main(path: str) -> None:
    """Write the table."""
    rng, before = np.random.default_rng(SEED), np.zeros((0, 3))
    codes: list[tuple[Array, Array, float, float]] = []
    with progress.bar("searching codes", len(LMBDA)) as update:
        for done, lmbda in enumerate(LMBDA.tolist(), start=1):
            for rank, (centres, p) in enumerate(search(lmbda, rng, before)):
                offsets = 0.5 * (np.einsum("ij,ij->i", centres, centres) - np.log(p) / lmbda)
                try:
                    exact, means = spherical.measures(centres, offsets)
                except ValueError:
                    continue
                if (exact <= 0.0).any():
                    continue
                entropy = float(-exact @ np.log(exact))
                codes.append((centres, offsets, entropy, 1.0 - float(exact @ np.einsum("ij,ij->i", means, means))))
                if rank == 0:
                    before = centres
            update(done, len(LMBDA))
            write(path, codes)


def write(path: str, codes: list[tuple[Array, Array, float, float]]) -> None:
    """Those codes that are the best at some λ, and those of the least entropy up to a distortion, by steps of it."""
    order = sorted(codes, key=lambda one: one[3])
    corners = on_hull(order)
    best, kept = np.inf, []
    for i, code in enumerate(order):
        if code[2] < best - LESS or (i in corners and code[2] < best):
            kept.append(code)
            best = code[2]
    counts = np.array([len(code[1]) for code in kept])
    cells = np.concatenate([np.column_stack([code[0], code[1]]) for code in kept])
    np.savez_compressed(path, counts=counts, cells=cells, entropy=[c[2] for c in kept], distortion=[c[3] for c in kept])


def on_hull(order: list[tuple[Array, Array, float, float]]) -> set[int]:
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
    main(sys.argv[1])

"""The part of the sphere's enclosure that polygons cannot attain, and a search with the remaining numbers of cells.

    python benchmarks/surfaces/polygons.py [--out benchmarks/results] [--images docs/images/surfaces] [--starts 2000]

Writes polygons.csv, its provenance as .json, the figure polygons.png, and prints the table of the page, in about five
minutes on a core.

The bound is of caps, which do not tile the sphere. Polygons do. For K ≥ 3 polygonal cells with n₁ … n_K edges, Σ nᵢ ≤
6K − 12 by Euler's formula, since three cells or more meet at each corner. Of n-gons with probability p, the regular one
has the least distortion d(p, n): Fejes Tóth's lemma on moments (Lagerungen in der Ebene, auf der Kugel und im Raum,
1953), which is not proved again here. So for any μ ≥ 0 and ν

    H + λD ≥ K min over (p, n) of [h(p) + λ d(p, n) + μ(n − 6) − νp] + 12μ + ν,

and the best μ and ν are those of a linear program. Three assumptions are made: cells are connected, without holes, with
at least two edges; edges are geodesic; and no cell has less than a quarter of the mean probability, since tiny cells
would give their neighbours edges at no cost. Edges of the best codes are arcs of other circles, if only just.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import platform
from pathlib import Path
from typing import Any, NamedTuple

import edcurve as ed
import numpy as np
import pandas as pd
from edcurve import codes
from edcurve.codes import lloyd, spherical
from edcurve.codes.__main__ import refine
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.progress import track
from scipy import optimize, special
from scipy.spatial import ConvexHull

Array = NDArray[np.float64]
ASKED = 0.033  # target excess, bits
SHOWN = (2.5, 2.98, 3.6, 4.28, 5.0, 5.5, 6.5, 9.8, 16.0, 32.0)  # λ of the table, nats
SWEEP = tuple(np.geomspace(2.0, 32.0, 33).tolist())  # λ of the figure, nats
LEAST = 0.25  # probability of a cell, times K
EDGES = 10  # from this number on, n-gons are replaced by caps, which are better
POINTS, REFINED, SEED = 2500, 6, 2022


def polygon(p: Array, edges: int) -> Array:
    """d(p, n) of a regular n-gon: p − ‖v‖²/p with v = ∫ x, half the sum of its edges times their normals."""
    corner = (4.0 * math.pi * p + (edges - 2) * math.pi) / edges
    half = np.arccos(math.cos(math.pi / edges) / np.sin(0.5 * corner))
    height = np.arccos(np.clip(np.cos(0.5 * corner) / math.sin(math.pi / edges), -1.0, 1.0))
    return np.asarray(p - (edges * half * np.sin(height) / (4.0 * math.pi)) ** 2 / p)


def cap(p: Array) -> Array:
    """d(p) of a cap."""
    return np.asarray(p * p * (2.0 - p))


class Shapes(NamedTuple):
    """Regular polygons of many sizes."""

    edges: Array
    p: Array
    distortion: Array

    def cost(self, lmbda: float) -> Array:
        """h(p) + λd(p, n)."""
        return np.asarray(special.entr(self.p) + lmbda * self.distortion)


def shapes(cells: int, count: int) -> Shapes:
    """The same sizes for each number of edges, from LEAST of the mean size on, most of them near the mean."""
    p = np.unique(np.concatenate([np.geomspace(LEAST, 3.0, count) / cells, np.geomspace(LEAST / cells, 0.99, count)]))
    p = p[p <= 0.99]
    d = [polygon(p, edges) for edges in range(2, EDGES)] + [cap(p)]
    return Shapes(np.repeat(np.arange(2.0, EDGES + 1), p.size), np.tile(p, len(d)), np.concatenate(d))


def polygons(lmbda: float, count: int) -> float:
    """Lower bound on H + λD of `count` polygons, in nats."""
    coarse, fine = shapes(count, 150), shapes(count, 1500)
    sums = np.stack([coarse.p, np.ones_like(coarse.p)])
    solved = optimize.linprog(
        coarse.cost(lmbda), A_ub=[coarse.edges - 6.0], b_ub=[-12.0], A_eq=sums, b_eq=[1.0, count], method="highs"
    )
    mu, nu = max(0.0, -float(solved.ineqlin.marginals[0])), float(solved.eqlin.marginals[0])
    # any μ ≥ 0 and ν give a bound: those of the program, with the least over sizes that are dense
    least = (fine.cost(lmbda) + mu * (fine.edges - 6.0) - nu * fine.p).min()
    return float(count * least + 12.0 * mu + nu)


def caps(lmbda: float) -> tuple[float, int]:
    """Lower bound on H + λD by caps, in nats, and its number of cells."""
    counts = np.arange(1, 400)
    value = np.log(counts) + lmbda * counts * cap(1.0 / counts)
    return float(value.min()), int(counts[value.argmin()])


def coded(lmbda: float, count: int) -> float:
    """H + λD of the best shipped code with `count` cells, in nats."""
    table = codes._sphere_table()
    own = np.array(table.counts) == count
    return float((table.entropy + lmbda * table.distortion)[own].min()) if own.any() else math.inf


def row(lmbda: float) -> dict[str, Any]:
    """Excess over the bound of caps, in bits, of polygons and the best code; numbers of cells that may have less."""
    base, middle = caps(lmbda)
    best = ed.lagrangian("sphere", lmbda, base=math.e)
    two = math.log(2.0) + 0.75 * lmbda  # two caps tile the sphere
    bounds = {1: lmbda, 2: two}
    for step in (-1, 1):  # away from the best number, until the bound of caps is far above
        count = middle if step > 0 else middle - 1
        while count >= 3 and math.log(count) + lmbda * count * cap(
            np.array(1.0 / count)
        ) - base < 1.05 * ASKED * math.log(2.0):
            bounds[count] = polygons(lmbda, count)
            count += step
    if best.cells not in bounds:
        bounds[best.cells] = polygons(lmbda, int(best.cells))
    excess = {count: (value - base) / math.log(2.0) for count, value in bounds.items()}
    left = sorted(count for count, value in excess.items() if value < ASKED)
    return {
        "lmbda": lmbda,
        "polygons": min(excess.values()),
        "codes": (float(best.value) - base) / math.log(2.0),
        "cells": int(best.cells),
        "polygons_of_as_many": (bounds[best.cells] - base) / math.log(2.0),
        "left_from": left[0],
        "left_to": left[-1],
    }


def kind(centres: Array) -> tuple[Any, ...]:
    """Invariants of the neighbourhood graph that nearly identify it: degrees and spectrum."""
    near = np.zeros((len(centres), len(centres)))
    for a, b, c in ConvexHull(centres / np.linalg.norm(centres, axis=1, keepdims=True)).simplices:
        near[[a, b, c], [b, c, a]] = near[[b, c, a], [a, b, c]] = 1.0
    degrees = near.sum(axis=1)
    weighted = near * np.sqrt(np.outer(degrees, degrees))
    return (*sorted(degrees), *np.round(np.linalg.eigvalsh(weighted), 6))


def search(lmbda: float, count: int, starts: int) -> tuple[float, int, int]:
    """Least H + λD from random starts, in nats; its number of cells, and the number of different initial graphs."""
    rng = np.random.default_rng([SEED, count, round(100 * lmbda)])
    points, candidates, kinds = lloyd.spiral(POINTS), [], set()
    for _ in range(starts):
        sizes = rng.dirichlet(np.full(count, rng.choice([1.0, 3.0, 30.0]))) + 1e-3
        centres = points[rng.choice(POINTS, count, replace=False)]
        kinds.add(kind(centres))
        candidates.append(lloyd.iterate(points, centres, lmbda, sizes))
    candidates.sort(key=lambda code: code[0])
    refined = [refine(centres, p, lmbda) for _, centres, p in candidates[:REFINED]]
    value, cells = min((code[2] + lmbda * code[3], len(code[1])) for code in refined if code is not None)
    return value, cells, len(kinds)


def bulge(count: int) -> float:
    """Largest area between edges of the shipped codes and geodesics, relative to the cell's area."""
    worst, table = 0.0, codes._sphere_table()
    for index in np.flatnonzero(np.array(table.counts) == count).tolist():
        centres, offsets = table.cells[index].centres, table.cells[index].offsets
        p = spherical.measures(centres, offsets)[0]
        for own, corners in zip(p, spherical.corners(centres, offsets), strict=True):
            if len(corners) < 3:
                continue
            after, middle = np.roll(corners, -1, axis=0), corners.mean(axis=0) / np.linalg.norm(corners.mean(axis=0))
            over = np.einsum("ij,j->i", np.cross(corners, after), middle)
            under = 1.0 + (corners + after) @ middle + np.einsum("ij,ij->i", corners, after)
            worst = max(worst, abs(2.0 * float(np.arctan2(over, under).sum()) / (4.0 * math.pi * own) - 1.0))
    return worst


def searched(lmbda: float, first: int, last: int, starts: int) -> dict[str, Any]:
    """Excess in bits of the best code from random starts, over the remaining numbers of cells."""
    results = [search(lmbda, count, starts) for count in range(max(first, 4), last + 1)]
    value, cells, _ = min(results)
    kinds = " ".join(str(result[2]) for result in results)
    return {"searched": (value - caps(lmbda)[0]) / math.log(2.0), "searched_cells": cells, "kinds": kinds}


def markdown(table: pd.DataFrame) -> str:
    """The table of the page."""
    lines = ["| λ | polygons, at least | codes, at most | cells | polygons of as many | left for 0.033 | found there |"]
    lines.append("|---" * 7 + "|")
    for r in table[table["lmbda"].isin(SHOWN)].itertuples():
        left = f"{r.left_from} to {r.left_to}" if r.left_from < r.left_to else f"{r.left_from}"
        values = f"{r.polygons:.4f} | {r.codes:.4f} | {r.cells} | {r.polygons_of_as_many:.4f}"
        excess = "" if math.isnan(r.searched) else f"{r.searched:.4f}"
        lines.append(f"| {r.lmbda:g} | {values} | {left} | {excess} |")
    return "\n".join(lines)


def figure(table: pd.DataFrame) -> Figure:
    """Bounds and codes over λ."""
    picture = Figure(figsize=(6.4, 3.4), layout="constrained")
    FigureCanvasAgg(picture)
    axes = picture.add_subplot()
    swept = table[table["lmbda"] > 1.99].sort_values("lmbda")
    axes.fill_between(swept["lmbda"], swept["polygons"], swept["codes"], color="0.85", lw=0)
    axes.plot(swept["lmbda"], swept["codes"], color="C0", label="best codes known")
    axes.plot(swept["lmbda"], swept["polygons"], color="C3", label="polygons: no less under the assumptions")
    axes.axhline(ASKED, color="0.4", lw=0.8, ls=":")
    axes.set(xscale="log", xlabel="λ in nats per unit of D", ylabel="H + λD over the bound of caps, bits")
    axes.set_ylim(0.0)
    axes.set_xticks([2, 3, 4, 6, 10, 20, 40], ["2", "3", "4", "6", "10", "20", "40"])
    axes.minorticks_off()
    axes.legend(frameon=False)
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="where to write the results")
    parser.add_argument("--images", type=Path, default=Path("docs/images/surfaces"), help="where to write the figure")
    parser.add_argument("--starts", type=int, default=2000, help="random starts for each number of cells")
    options = parser.parse_args()
    rows = []
    for lmbda in track(sorted({*SHOWN, *SWEEP}), description="polygons"):
        fields = row(lmbda)
        if lmbda in SHOWN and fields["codes"] > ASKED:
            fields |= searched(lmbda, fields["left_from"], fields["left_to"], options.starts)
        rows.append(fields)
    table = pd.DataFrame(rows)
    for folder in (options.out, options.images):
        folder.mkdir(parents=True, exist_ok=True)
    table.round(9).to_csv(options.out / "polygons.csv", index=False)
    provenance = {
        "command": f"python benchmarks/surfaces/polygons.py --starts {options.starts}",
        "date": datetime.date.today().isoformat(),
        "seed": SEED,
        "bulge": {str(count): round(bulge(count), 4) for count in (4, 5, 6, 7, 8, 9, 10, 11, 12, 16, 18, 24, 32)},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "edcurve": ed.__version__},
    }
    (options.out / "polygons.json").write_text(json.dumps(provenance, indent=1, ensure_ascii=False) + "\n")
    figure(table).savefig(options.images / "polygons.png", dpi=150)
    print(markdown(table))


if __name__ == "__main__":
    main()

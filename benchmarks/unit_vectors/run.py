"""Common quantisers of unit vectors, normals and rotations, against the optimum.

    python benchmarks/unit_vectors/run.py [--out benchmarks/results]

Writes unit_vectors.csv, its provenance as .json, and prints the table of the page. Each scheme follows its published
description:

- rotated: scalar quantisation of each number after a random rotation, with Lloyd–Max levels of the number's density
  (1 − x²)^((n−3)/2) (as in TurboQuant, arXiv 2504.19874, and its precursors). Without sampling: D = n E(x₁ − q(x₁))².
- octahedral: a unit vector of R³ divided by its 1-norm, the lower half folded over, each number rounded to 8 bits
  (Meyer et al. 2010, On floating-point normal vectors; Cigolini et al. 2014, A survey of efficient representations).
- smallest three: the largest number of a quaternion is left out and its index kept (2 bits); the other three, between
  −1/√2 and 1/√2, are rounded to 8 + 7 + 7 bits, to 7 each with one unused (24 bits in all), or to 10 each (32). q and
  −q are the same rotation.
- spiral: K points at heights 1 − (2k + 1)/K, turned by the golden angle (González 2010, Measurement of areas on a
  sphere using Fibonacci and latitude–longitude lattices), the nearest one sent.
- angles: colatitude in [0, π] and longitude, cut into 2^b equal parts each, their middles sent.

Bits above the bound are the scheme's bits less those at which `edcurve.unit_vector_bound` has the same distortion: with
a fixed length, and with an entropy-coded index. For rotations cells are pairs of caps, with d(p) of
`edcurve.Rotations`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import edcurve as ed
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
POINTS = 2**22  # of the lattice for normals and rotations
GOLDEN = math.pi * (3.0 - math.sqrt(5.0))


def needed(distortion: float, n: int, *, coded: bool) -> float:
    """Bits at which the bound for unit vectors of Rⁿ has this distortion."""

    def log_ratio(bits: float) -> float:
        return math.log(ed.unit_vector_bound(n, bits, coded=coded) / distortion)

    least = 0.0 if coded else 1.0
    return float(optimize.brentq(log_ratio, least, 64.0 * n, xtol=1e-9))


def needed_for_rotations(distortion: float) -> float:
    """The same for rotations, for cells so small that both bounds agree."""
    d = ed.Rotations().relaxed.cell_distortion

    def log_ratio(bits: float) -> float:
        p = 2.0**-bits
        return math.log(float(d(p)) / p / distortion)

    return float(optimize.brentq(log_ratio, 2.0, 60.0, xtol=1e-9))


def lloyd_max(n: int, bits: int) -> tuple[float, float]:
    """Distortion of a vector and entropy of a number, for the Lloyd–Max quantiser of its density."""
    a = 0.5 * (n - 1)
    count = 2**bits

    def below(x: Array) -> Array:
        return np.asarray(special.betainc(a, a, 0.5 * (1.0 + x)))

    def first(x: Array) -> Array:  # ∫ −x f, up to a constant
        inside = np.maximum(1.0 - np.square(x), 1e-300)
        return np.exp(a * np.log(inside) - special.betaln(a, 0.5)) / (2.0 * a)

    levels = np.linspace(-1.0, 1.0, 2 * count + 1)[1::2] * min(1.0, 3.0 / math.sqrt(n))
    for _ in range(100_000):
        edges = np.concatenate([[-1.0], 0.5 * (levels[1:] + levels[:-1]), [1.0]])
        shares = np.diff(below(edges))
        centroids = -np.diff(first(np.clip(edges, -1.0, 1.0))) / shares
        if np.abs(centroids - levels).max() < 1e-13:
            break
        levels = centroids
    return 1.0 - n * float(shares @ np.square(centroids)), float(special.entr(shares).sum() / math.log(2.0))


def octahedral(x: Array, bits: int = 8) -> tuple[Array, NDArray[np.int64]]:
    """Reconstructions and indices."""
    top = 2 ** (bits - 1) - 1
    flat = x[:, :2] / np.abs(x).sum(axis=1, keepdims=True)
    folded = np.where(x[:, 2:] < 0.0, _folded(flat), flat)
    k = np.rint(folded * top).astype(np.int64)
    y = k / top
    height = 1.0 - np.abs(y).sum(axis=1, keepdims=True)
    decoded = np.concatenate([np.where(height < 0.0, _folded(y), y), height], axis=1)
    return decoded / np.linalg.norm(decoded, axis=1, keepdims=True), (k[:, 0] + top) * 2**bits + k[:, 1] + top


def _folded(y: Array) -> Array:
    return (1.0 - np.abs(y[:, ::-1])) * np.where(y < 0.0, -1.0, 1.0)


def smallest_three(q: Array, bits: tuple[int, int, int]) -> Array:
    """Reconstructions."""
    largest = np.abs(q).argmax(axis=1)
    q = q * np.where(np.take_along_axis(q, largest[:, None], 1) < 0.0, -1.0, 1.0)
    others = np.array([[j for j in range(4) if j != i] for i in range(4)])[largest]
    components = np.take_along_axis(q, others, 1)
    steps = math.sqrt(2.0) / (2.0 ** np.array(bits) - 1.0)
    rounded = np.rint((components + math.sqrt(0.5)) / steps) * steps - math.sqrt(0.5)
    decoded = np.empty_like(q)
    np.put_along_axis(decoded, others, rounded, 1)
    last = np.sqrt(np.maximum(1.0 - np.square(rounded).sum(axis=1, keepdims=True), 0.0))
    np.put_along_axis(decoded, largest[:, None], last, 1)
    return decoded / np.linalg.norm(decoded, axis=1, keepdims=True)


def entropy_of_smallest_three(bits: tuple[int, int, int]) -> float:
    """Entropy of the index for small cells: 2 + E log₂(1/density) − log₂ of the cell volume.

    Given the index, the density of the other three numbers is 4/(π² w), where w is the number left out.
    """
    w = np.abs(on_sphere(POINTS, 4)).max(axis=1)
    cell = 3.0 * math.log2(math.sqrt(2.0)) - np.log2(2.0 ** np.array(bits) - 1.0).sum()
    return 2.0 + float(np.log2(math.pi**2 * w / 4.0).mean()) - cell


def spiral(count: int) -> Array:
    """Points, shape (count, 3)."""
    height = 1.0 - (2.0 * np.arange(count) + 1.0) / count
    angle, radius = GOLDEN * np.arange(count), np.sqrt(1.0 - height * height)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)


def angles(bits: int) -> tuple[float, float]:
    """Distortion and entropy of equal parts of both angles, decoded to their middles."""
    count = 2**bits
    edge = np.linspace(0.0, math.pi, count + 1)
    shares = -np.diff(np.cos(edge)) / 2.0
    middle = 0.5 * (edge[1:] + edge[:-1])
    half = math.pi / count
    along = math.sin(half) / half  # mean of cos over a part of the longitude
    # E⟨x, x̂⟩ of a row: mean of sin θ sin θ̂ · along + cos θ cos θ̂
    sines = 0.25 * np.diff(edge - 0.5 * np.sin(2.0 * edge))
    cosines = 0.25 * np.diff(np.square(np.sin(edge)))
    inner = float((sines * np.sin(middle) * along + cosines * np.cos(middle)).sum())
    return 2.0 - 2.0 * inner, float(special.entr(shares).sum() / math.log(2.0) + bits)


def on_sphere(count: int, n: int) -> Array:
    """Points of the unit sphere of Rⁿ: a lattice of additive recurrence, made equal-area."""
    root = optimize.brentq(lambda g: g**n - g - 1.0, 1.0, 2.0)  # the generalised golden ratio of n − 1 dimensions
    step = root ** -np.arange(1.0, n)
    numbers = np.mod(0.5 + np.arange(count)[:, None] * step, 1.0)
    return ed.Sphere(n - 1).realizations(numbers)


def rows() -> Iterator[dict[str, Any]]:
    """The table."""
    for n in (64, 128, 1024, 4096):
        for bits in (1, 2, 3, 4):
            distortion, entropy = lloyd_max(n, bits)
            yield _row("rotated, Lloyd–Max", n, n * bits, n * entropy, distortion)
    x = on_sphere(POINTS, 3)
    back, index = octahedral(x)
    yield _row("octahedral, 8 + 8", 3, 16.0, _entropy(index), _error(x, back))
    for count in (256, 4096, 65536):
        points = spiral(count)
        nearest = cKDTree(points).query(x)[1]
        yield _row(f"spiral, {count} points", 3, math.log2(count), _entropy(nearest), _error(x, points[nearest]))
    for bits in (4, 6, 8):
        distortion, entropy = angles(bits)
        yield _row(f"angles, {bits} + {bits}", 3, 2.0 * bits, entropy, distortion)
    for count in (64, 362):
        code = ed.quantizer("sphere", float(ed.lagrangian("sphere", 0.5 * count / math.log(2.0)).distortion))
        yield _row(f"best code known, {code.cells} cells", 3, math.log2(code.cells), code.entropy, code.distortion)
    q = on_sphere(POINTS, 4)
    for shape, total in (((7, 7, 7), 24.0), ((8, 7, 7), 24.0), ((10, 10, 10), 32.0)):
        back = smallest_three(q, shape)
        distortion = float(2.0 - 2.0 * np.abs((q * back).sum(axis=1)).mean())
        least = needed_for_rotations(distortion)
        about = {"scheme": f"smallest three, 2 + {' + '.join(map(str, shape))}", "n": 4, "bits": total}
        entropy = entropy_of_smallest_three(shape)
        columns = {"entropy": entropy, "distortion": distortion}
        yield {**about, **columns, "fixed_above": total - least, "coded_above": entropy - least}


def _row(scheme: str, n: int, bits: float, entropy: float, distortion: float) -> dict[str, Any]:
    fixed, coded = (needed(distortion, n, coded=value) for value in (False, True))
    about = {"scheme": scheme, "n": n, "bits": bits, "entropy": entropy, "distortion": distortion}
    return {**about, "fixed_above": bits - fixed, "coded_above": entropy - coded}


def _entropy(index: NDArray[Any]) -> float:
    """Entropy of an index over the points of the lattice, which is more even than random points."""
    share = np.unique(index, return_counts=True)[1] / len(index)
    return float(special.entr(share).sum() / math.log(2.0))


def _error(x: Array, back: Array) -> float:
    return float(np.square(x - back).sum(axis=1).mean())


def markdown(table: pd.DataFrame) -> str:
    """The table of the page; vectors of many numbers in bits a number."""
    lines = ["| scheme | n | bits | entropy | distortion | above, fixed length | above, entropy coded |"]
    lines.append("|---" * 7 + "|")
    for r in table.itertuples():
        per = r.n if r.n > 4 else 1
        unit = " a number" if per > 1 else ""
        values = f"{r.bits / per:g}{unit} | {r.entropy / per:.3f} | {r.distortion:.4g}"
        lines.append(f"| {r.scheme} | {r.n} | {values} | {r.fixed_above / per:.3f} | {r.coded_above / per:.3f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="where to write the results")
    options = parser.parse_args()
    table = pd.DataFrame(rows())
    options.out.mkdir(parents=True, exist_ok=True)
    table.round(9).to_csv(options.out / "unit_vectors.csv", index=False)
    provenance = {
        "command": "python benchmarks/unit_vectors/run.py",
        "date": datetime.date.today().isoformat(),
        "evaluation": f"normals and rotations: {POINTS} equal-area points of a lattice; the others in closed form",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "edcurve": ed.__version__},
    }
    (options.out / "unit_vectors.json").write_text(json.dumps(provenance, indent=1, ensure_ascii=False) + "\n")
    print(markdown(table))


if __name__ == "__main__":
    main()

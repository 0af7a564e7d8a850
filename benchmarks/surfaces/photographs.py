"""High-contrast patches of photographs: their distance from the Klein bottle, and the value of its codes for them.

    python benchmarks/surfaces/photographs.py [--out benchmarks/results]

Writes photographs.csv and its provenance as .json, and prints the table of the page, in about a minute on a core.

The photographs are those inside scikit-image's package, in grey. Of all patches of 3 × 3 logarithms
of pixels, the fifth with the highest contrast is kept: contrast is the Euclidean length of the nine numbers less their
mean. Divided by it, patches are points of the unit sphere of R⁸, like those of `edcurve.KleinBottle`. The nearest of
64 × 128 samples of that surface is the projection of a patch. The histogram of projections gives the weights of a
sampled surface with every second row and column: its lower bound is nearly that of projected patches.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
from pathlib import Path

import edcurve as ed
import numpy as np
import pandas as pd
from edcurve.sources.klein import unsearched
from numpy.typing import NDArray

Array = NDArray[np.float64]
PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "rocket")  # they come with the package
KEPT = 0.2  # share of the patches with the highest contrast
EACH = 10_000  # patches drawn from these for each photograph
NEAR = (0.3, 0.45, 0.6)  # distances; two unit vectors at 45° are 0.77 apart
DISTORTIONS = (0.3, 0.1, 0.05)
SEED = 2022


def patches(name: str, rng: np.random.Generator) -> Array:
    """Patches of high contrast, with mean 0 and length 1, shape (EACH, 9)."""
    from skimage import color, data

    photograph = getattr(data, name)()
    grey = photograph / 255.0 if photograph.ndim == 2 else color.rgb2gray(photograph)
    windows = np.lib.stride_tricks.sliding_window_view(np.log(1.0 + 255.0 * grey), (3, 3)).reshape(-1, 9)
    centred = windows - windows.mean(axis=1, keepdims=True)
    contrast = np.linalg.norm(centred, axis=1)
    high = np.flatnonzero(contrast >= np.quantile(contrast, 1.0 - KEPT))
    chosen = rng.choice(high, EACH, replace=False)
    return np.asarray(centred[chosen] / contrast[chosen, None])


def anywhere(rng: np.random.Generator) -> Array:
    """Uniform points of the same sphere, for comparison."""
    x = rng.normal(size=(EACH, 9))
    x -= x.mean(axis=1, keepdims=True)
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def projected(x: Array, surface: Array) -> tuple[NDArray[np.intp], Array]:
    """Indices of the nearest samples of the surface, shape (N,), and distances from them."""
    from scipy.spatial import cKDTree

    distance, index = cKDTree(surface).query(x)
    return np.asarray(index), np.asarray(distance)


def nearness(name: str, distance: Array) -> dict[str, object]:
    """Statistics of the distances of patches from the surface."""
    shares = {f"within_{limit:g}": float(np.mean(distance <= limit)) for limit in NEAR}
    return {"patches": name, "median": float(np.median(distance)), **shares}


def coded(x: Array, index: NDArray[np.intp], surface: Array) -> list[dict[str, object]]:
    """Entropy and distortion of Klein bottle codes for patches and for their projections, and bounds for the latter."""
    source, rows = own(index), []
    for target in DISTORTIONS:
        code = ed.quantizer("klein", target)
        row: dict[str, object] = {"cells": code.cells, "entropy": code.entropy, "distortion": code.distortion}
        for which, points in (("patches", x), ("projected", surface[index])):
            cell = code.encode(points)
            measured = ed.measure(cell, np.sum((points - code.decode(cell)) ** 2, axis=1))
            row |= {f"{which}_entropy": measured.entropy, f"{which}_distortion": measured.distortion}
        rows.append(row | {"lower": ed.lower_bound(source, measured.distortion), "truncation": source.truncation})
    return rows


def own(index: NDArray[np.intp]) -> ed.SampledSurface:
    """The source of projections, on every second row and column of the samples."""
    shape = unsearched().x.shape[:2]
    weights = np.bincount(index, minlength=shape[0] * shape[1]).reshape(shape)
    coarse = weights.reshape(shape[0] // 2, 2, shape[1] // 2, 2).sum(axis=(1, 3)).astype(np.float64)
    return ed.Source.from_surface(
        unsearched().x[::2, ::2], ends=("twisted", "closed"), weights=coarse, name="patches of photographs"
    )


def markdown(near: pd.DataFrame, codes: pd.DataFrame) -> str:
    """The tables of the page."""
    limits = [f"within {limit:g}" for limit in NEAR]
    lines = [f"| patches | median distance | {' | '.join(limits)} |", "|---" * (2 + len(limits)) + "|"]
    for r in near.to_dict("records"):
        shares = " | ".join(f"{100.0 * r[f'within_{limit:g}']:.0f} %" for limit in NEAR)
        lines.append(f"| {r['patches']} | {r['median']:.2f} | {shares} |")
    names = ("cells", "H and D of klein", "of patches", "of their projections", "lower bound at that D")
    lines += ["", f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for r in codes.to_dict("records"):
        pairs = [
            f"{r[f'{which}entropy']:.2f}, {r[f'{which}distortion']:.3f}" for which in ("", "patches_", "projected_")
        ]
        lines.append(f"| {r['cells']} | {' | '.join(pairs)} | {r['lower']:.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="where to write the results")
    options = parser.parse_args()
    rng, surface = np.random.default_rng(SEED), unsearched().x.reshape(-1, 9)
    x = {name: patches(name, rng) for name in PHOTOGRAPHS}
    projections = {name: projected(points, surface) for name, points in x.items()}
    rows = [nearness(name, distance) for name, (_, distance) in projections.items()]
    rows.append(nearness("anywhere on the sphere", projected(anywhere(rng), surface)[1]))
    near = pd.DataFrame(rows)
    index = np.concatenate([nearest for nearest, _ in projections.values()])
    codes = pd.DataFrame(coded(np.concatenate(list(x.values())), index, surface))
    options.out.mkdir(parents=True, exist_ok=True)
    near.round(6).to_csv(options.out / "photographs.csv", index=False)
    codes.round(6).to_csv(options.out / "photographs_codes.csv", index=False)
    provenance = {
        "command": "python benchmarks/surfaces/photographs.py",
        "date": datetime.date.today().isoformat(),
        "seed": SEED,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-image": importlib.metadata.version("scikit-image"),
            "edcurve": ed.__version__,
        },
    }
    (options.out / "photographs.json").write_text(json.dumps(provenance, indent=1, ensure_ascii=False) + "\n")
    print(markdown(near, codes))


if __name__ == "__main__":
    main()

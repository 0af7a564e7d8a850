"""Score published points against the optimum: benchmarks/results/scoreboard.csv and its picture.

python benchmarks/scoreboard/run.py

Each row of points.csv is one printed point: a source, the dimension of its vectors, a codec, a PSNR with peak 1 or a
mean squared error a coordinate, and a rate in bits a coordinate. A new row needs one of the two sources below.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from decimal import Decimal
from pathlib import Path

import edcurve as ed
import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

Array = NDArray[np.float64]
HERE = Path(__file__).parent
INNER = 0.99  # radius of the hole of the annulus, whose outer radius is 1
SCALAR = 0.5 * np.log2(np.pi * np.e / 6.0)  # excess of uniform scalar quantization at high rate, bits a coordinate
SOURCES = {
    "annulus": "the best codes of the phase, bits a vector",
    "gaussian": "Shannon's R(D), bits a coordinate",
}


def score(points: pd.DataFrame) -> pd.DataFrame:
    """The excess of each point, and its interval from the rounding of printed digits.

    The excess increases with distortion and rate, so its interval ends at the ends of both.
    """
    if unknown := set(points["source"]) - set(SOURCES):
        raise ValueError(f"source must be one of {', '.join(SOURCES)}, got {', '.join(sorted(unknown))}")
    for i, row in enumerate(points.itertuples(index=False), start=2):
        if bool(row.psnr) == bool(row.mse):
            raise ValueError(f"line {i}: give psnr or mse, not both or neither, got psnr={row.psnr!r}, mse={row.mse!r}")
    ends = {name: _excess(points, shift) for name, shift in {"low": -0.5, "excess": 0.0, "high": 0.5}.items()}
    scored = points.assign(reference=points["source"].map(SOURCES), **ends)
    any_code = pd.Series(np.nan, index=points.index)
    annulus = points["source"] == "annulus"
    distortion, rate = _printed(points[annulus], 0.0)
    any_code[annulus] = 2.0 * rate - any_code_of_annulus(2.0 * distortion)
    return scored.assign(excess_over_bound_for_any_code=any_code).round(6)


def _excess(points: pd.DataFrame, shift: float) -> Array:
    distortion, rate = _printed(points, shift)
    annulus = (points["source"] == "annulus").to_numpy()
    optimum = np.maximum(-0.5 * np.log2(distortion), 0.0)
    optimum[annulus] = phase_code_of_annulus(2.0 * distortion[annulus])
    return np.where(annulus, 2.0 * rate, rate) - optimum


def _printed(points: pd.DataFrame, shift: float) -> tuple[Array, Array]:
    """Distortion and rate a coordinate, each moved by `shift` units in its last printed digit."""
    psnr, mse, rate = ([_moved(text, sign * shift) for text in points[name]] for name, sign in MOVES.items())
    distortion = np.where(points["psnr"] != "", 10.0 ** (-np.asarray(psnr) / 10.0), mse)
    return distortion, np.asarray(rate)


MOVES = {"psnr": -1.0, "mse": 1.0, "rate": 1.0}  # a higher PSNR is less distortion


def _moved(text: str, units: float) -> float:
    if not text:
        return np.nan
    exponent = Decimal(text).as_tuple().exponent
    assert isinstance(exponent, int), text
    return max(float(text) + units * 10.0**exponent, 0.0)


def phase_code_of_annulus(distortion: Array) -> Array:
    """Least entropy of a code of only the phase θ of X = R (cos θ, sin θ), in bits a vector.

    With R independent of θ a cell of the phase has the centroid E[R] u, and its distortion is
    E[R²] − E[R]² |u|² = Var R + E[R]² (1 − |u|²), where 1 − |u|² is the distortion of the unit circle.
    """
    mean = 2.0 / 3.0 * (1.0 - INNER**3) / (1.0 - INNER**2)
    variance = (1.0 + INNER**2) / 2.0 - mean**2
    return np.asarray(ed.entropy_distortion("circle", np.maximum(distortion - variance, 0.0) / mean**2))


def any_code_of_annulus(distortion: Array) -> Array:
    """Lower bound on the entropy of codes of the annulus, of phase and radius, in bits a vector.

    H(I) ≥ H(I | R), and at R = r the code is one of the circle of radius r: H(I) + λD ≥ E[L(λR²)] for each λ, where L
    is the least H + λD of the unit circle.
    """
    node, weight = np.polynomial.legendre.leggauss(8)
    square = INNER**2 + (1.0 - INNER**2) * (node + 1.0) / 2.0  # R² is uniform
    slope = np.geomspace(0.5, 1e6, 2000)
    least = ed.lagrangian("circle", slope[:, None] * square).value @ (weight / 2.0)
    return np.maximum((least[:, None] - slope[:, None] * distortion).max(axis=0), 0.0)


def draw(scored: pd.DataFrame) -> Figure:
    """Excess against rate, one panel a source; the colour is the dimension, the marker the kind of codec."""
    kinds = list(dict.fromkeys(scored["codec"].str.partition(",")[0]))
    with mpl.rc_context({"axes.grid": True, "grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(14.0, 5.6), layout="constrained")
        annulus, gaussian = figure.subplots(1, 2)
        for (source, work, codec, n), rows in scored.groupby(["source", "work", "codec", "dimension"], sort=False):
            alone = source == "annulus"
            axes, label = (annulus, codec) if alone else (gaussian, f"{work}: {codec}, n = {n}")
            kind = kinds.index(codec.partition(",")[0])
            colour = f"C{kind}" if alone else mpl.colormaps["viridis"](np.log2(int(n)) / 5.0)
            marker = "osD^vP*X<>hd"[kind % 12]
            style = "-" if work == "NVTC" else "--"
            rate = rows["rate"].astype(float) * (2.0 if alone else 1.0)
            axes.plot(rate, rows["excess"], style, marker=marker, color=colour, ms=5, lw=0.8, label=label)
        gaussian.axhline(SCALAR, color="0.5", lw=0.8, ls=":")
        gaussian.text(5.6, SCALAR + 0.02, "½ log₂(πe/6)", ha="right", va="bottom", fontsize=9, color="0.3")
        annulus.set_yscale("symlog", linthresh=0.01)
        annulus.legend(loc="center left")
        figure.legend(*gaussian.get_legend_handles_labels(), loc="outside right", fontsize=8)
        for axes, source in ((annulus, "annulus"), (gaussian, "gaussian")):
            what, unit = SOURCES[source].split(", ")
            axes.axhline(0.0, color="black", lw=0.8)
            axes.set(title=f"{source}: over {what}", xlabel=f"rate, {unit}", ylabel=f"excess, {unit}")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=Path, default=HERE / "points.csv", help="the printed points")
    parser.add_argument("--out", type=Path, default=HERE.parent / "results", help="where to write the results")
    options = parser.parse_args()
    scored = score(pd.read_csv(options.points, dtype=str, keep_default_na=False))
    path = options.out / "scoreboard.csv"
    scored.to_csv(path, index=False)
    draw(scored).savefig(path.with_suffix(".png"), dpi=110)
    about = {
        "command": "python benchmarks/scoreboard/run.py",
        "seed": "none: nothing is random",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, no GPU",
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "edcurve": ed.__version__},
    }
    path.with_suffix(".json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    groups = scored.groupby(["source", "dimension", "work", "codec"], sort=False)["excess"]
    print(groups.agg(["size", "min", "max"]).to_string())


if __name__ == "__main__":
    main()

"""What networks lose on the sphere, the torus and the Klein bottle: which latent dimension, and which part loses it.

    python benchmarks/neural/surfaces.py --store DIR [--out benchmarks/results] [--steps 10000] [--sources klein]

Writes surfaces.csv (one row for each compressor: the five parts of its excess over the lower bound, in bits, and what
the enclosure leaves open), its provenance as .json, and the parts as a figure (surfaces.png). With the store, what has
been trained is not trained again. With --sources the rows of the other ones stay as they are in surfaces.csv.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import edcurve
import edcurve_neural as edn
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.progress import track
from shared import write_provenance

LMBDA = (8.0, 32.0, 128.0)  # bits per unit distortion
LATENTS = {"ntc": (1, 2, 3, 4), "circles": (2,)}
SEEDS = {"ntc": 2, "circles": 1}
SOURCES = ("sphere", "torus", "klein")
FEWER = {"klein": (LMBDA[:2], {"ntc": (2, 4)}, {"ntc": 1})}  # λ, latents and seeds where not all are trained
CODEWORDS, REALIZATIONS, ECVQ_POINTS = 1024, 2**14, 2**17
PARTS = {
    "dependence": "dependence of the latents",
    "marginals": "their code lengths",
    "readout": "decoder: last layer",
    "features": "decoder: its features",
    "partition": "partition, above the best code known",
    "left_open": "what the enclosure leaves open",
}


def configs(source: str, steps: int) -> Iterator[edn.Config]:
    """The compressors of a source."""
    lmbda, all_latents, seeds = FEWER.get(source, (LMBDA, LATENTS, SEEDS))
    for compressor, latents in all_latents.items():
        for latent_dim in latents:
            fields = {"lmbda": list(lmbda), "seed": range(seeds[compressor]), "steps": steps}
            yield from edn.grid(source, compressor=compressor, latent_dim=latent_dim, **fields)


def row(evaluation: edn.Evaluation, lmbda: float, **about: Any) -> dict[str, Any]:
    """An evaluation as a row."""
    return {
        "source": evaluation.source.name,
        "lmbda": lmbda,
        **about,
        "cells": evaluation.cells,
        "rate": evaluation.rate,
        "entropy": evaluation.entropy,
        "distortion": evaluation.distortion,
        "excess": evaluation.excess(lmbda),
        **evaluation.decomposition(lmbda, fine=True)._asdict(),
        "left_open": evaluation.left_open(lmbda),
        "points": evaluation.points,
    }


def codes(source: str) -> Iterator[dict[str, Any]]:
    """Rows of ECVQ and, of the torus, of the best product of equal arcs of both circles."""
    for lmbda in FEWER.get(source, (LMBDA,))[0]:
        code = edn.ecvq(source, lmbda, codewords=CODEWORDS, realizations=REALIZATIONS)
        found = edn.evaluate(code.encode, code.decode, source, code.rate, points=ECVQ_POINTS)
        yield row(found, lmbda, compressor="ecvq", seed=0)
        if source == "torus":
            yield product(lmbda)


def product(lmbda: float) -> dict[str, Any]:
    """The best code of equal arcs of each circle, in closed form."""
    counts = np.arange(1, 200)
    arcs = counts * edcurve.Circle().cell_distortion(1.0 / counts)
    best = int((np.log2(counts) + lmbda * arcs).argmin())
    H, D = 2.0 * np.log2(counts[best]), 2.0 * arcs[best]
    bound = edcurve.lagrangian_bound("torus", lmbda)
    above, open_ = H + lmbda * D - bound, edcurve.lagrangian("torus", lmbda).value - bound
    values = {"cells": int(counts[best] ** 2), "rate": H, "entropy": H, "distortion": D, "excess": above}
    parts = {**dict.fromkeys(PARTS, 0.0), "partition": above, "left_open": open_}
    return {"source": "torus", "lmbda": lmbda, "compressor": "product of arcs", **values, **parts}


def draw(table: pd.DataFrame, about: str) -> Figure:
    """The parts of the excess as stacked bars, the better seed of each, above what the enclosure leaves open."""
    figure = Figure(figsize=(12.0, 9.4), layout="constrained")
    FigureCanvasAgg(figure)
    best = better(table)
    for axes, source in zip(figure.subplots(len(SOURCES), len(LMBDA)), SOURCES, strict=True):
        for ax, lmbda in zip(axes, LMBDA, strict=True):
            rows = best[(best["source"] == source) & (best["lmbda"] == lmbda)].set_index("name")
            names = [name for name in table["name"].unique() if name in rows.index]
            if not names:
                ax.set_axis_off()
                continue
            rows, foot = rows.loc[names], np.zeros(len(names))
            for i, (part, label) in enumerate(reversed(PARTS.items())):
                height = rows[part].fillna(0.0).to_numpy().copy()
                if part == "partition":
                    height = height - rows["left_open"].to_numpy()
                height = np.maximum(height, 0.0)
                colour = "0.75" if part == "left_open" else f"C{i - 1}"
                ax.bar(names, height, bottom=foot, color=colour, label=label, width=0.7)
                foot = foot + height
            ax.set(title=f"{source}, λ = {lmbda:g}", ylim=(0.0, min(1.1 * foot.max(), 2.6)))
            for place, total in enumerate(foot):
                if total > ax.get_ylim()[1]:
                    ax.text(place, 0.97 * ax.get_ylim()[1], f"{total:.1f}", ha="center", va="top", fontsize=8)
            ax.tick_params(axis="x", rotation=30, labelsize=8)
        axes[0].set_ylabel("bits above the lower bound")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(about, fontsize=9)
    return figure


def better(table: pd.DataFrame) -> pd.DataFrame:
    """The seed of the smaller excess."""
    kept: pd.DataFrame = table.loc[table.groupby(["source", "lmbda", "name"], sort=False)["excess"].idxmin()]
    return kept


def markdown(table: pd.DataFrame) -> str:
    """The table of the page: the better seed."""
    heads = ["source", "λ", "compressor", "cells", "excess", "dependence", "lengths", "decoder", "partition", "open"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for _, r in better(table).sort_values(["source", "lmbda"], kind="stable").iterrows():
        decoder = r["readout"] + r["features"] if np.isfinite(r["readout"]) else r["rest"]
        parts = (r["excess"], r["dependence"], r["marginals"], decoder, r["partition"], r["left_open"])
        cells = " | ".join(f"{max(part, 0.0):.3f}" if part > -5e-4 else f"{part:.3f}" for part in parts)
        lines.append(f"| {r['source']} | {r['lmbda']:g} | {r['name']} | {r['cells']} | {cells} |")
    return "\n".join(lines)


def read(path: Path) -> pd.DataFrame:
    """The results, with names for people, and the decoder's part also where it is not divided."""
    table = pd.read_csv(path)
    table["rest"] = table["excess"] - table[["dependence", "marginals", "partition"]].sum(axis=1)
    table["name"] = table["compressor"] + table["latent_dim"].map(", {:.0f}".format, na_action="ignore").fillna("")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True, help="folder of the trained compressors")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="where to write the results")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--sources", nargs="+", choices=SOURCES, default=SOURCES, help="which to train and evaluate")
    options = parser.parse_args()
    wanted = [one for source in options.sources for one in configs(source, options.steps)]
    edn.sweep(wanted, store=options.store)
    kept, rows = edn.Store(options.store), []
    for config in track(wanted, "evaluating"):
        about = {"compressor": config.compressor, "latent_dim": config.latent_dim, "seed": config.seed}
        rows.append(row(kept.load(config).evaluate(), config.lmbda, **about))
    for source in options.sources:
        rows += codes(source)
    options.out.mkdir(parents=True, exist_ok=True)
    results = pd.DataFrame(rows).round(7)
    path = options.out / "surfaces.csv"
    if path.exists():
        before = pd.read_csv(path)
        results = pd.concat([before[~before["source"].isin(options.sources)], results])
    results.to_csv(path, index=False)
    table = read(path)
    seeds = "the better of seeds 0 and 1, of circles and klein seed 0"
    about = f"{options.steps:,} steps × 1024, hidden layers (100, 100); {seeds}"
    draw(table, about).savefig(options.out / "surfaces.png", dpi=130)
    write_provenance(
        path,
        f"surfaces.py --store DIR --steps {options.steps}",
        figures=["surfaces.png"],
        schedule=f"{about}; ecvq: {CODEWORDS} codewords before merging, {REALIZATIONS} realizations, seed 0",
        evaluation=f"a lattice of 2^20 points of equal weight, {ECVQ_POINTS} for ecvq",
    )
    print(markdown(table))


if __name__ == "__main__":
    main()

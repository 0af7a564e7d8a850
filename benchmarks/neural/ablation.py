"""Which change removes which part of the gap: the paper's compressor with one latent, and its variants.

    python benchmarks/neural/ablation.py --store DIR [--out benchmarks/results] [--seed 0] [--scale 1.0]

The schedules are those of optimal.py; with its store, what it has trained is not trained again.

Writes ablation.csv (one row for each source and compressor, parts of the excess in bits), its provenance as .json, the
parts as a figure (ablation.png), and the latent against the phase (fold.png).
"""

from __future__ import annotations

from typing import Any

import edcurve_neural as edn
import numpy as np
import pandas as pd
import torch
from edcurve_neural.compressors import circular
from edcurve_neural.compressors.codebook import sample_means, with_codebook
from edcurve_neural.evaluation import grid
from edcurve_neural.moments import distinct_rows
from edcurve_neural.runs import evaluate_model
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from optimal import LEARNED, PAPER, row
from page import over_sampled
from rich.progress import track
from shared import parser, write_provenance

LMBDA = {"ramp": 4096.0, "circle": 512.0, "sinusoid": 1024.0, "sawbridge": 500.0}
RANDOM, ONE = ", random start", ", one step"
KINDS = ("ntc", "circular" + RANDOM, "circular" + ONE, "circular", "circular-network", "circular-table" + RANDOM)
KINDS += ("circular-table" + ONE, "circular-table")
SCHEDULES = {"ntc": PAPER, **LEARNED, "circular-network": LEARNED["circular"]}
PHASES = 2**14  # for the rank of the means
PARTS = {
    "entropy_model": "entropy model: rate − H",
    "readout": "decoder: readout",
    "rank": "decoder: rank of its features",
    "shape": "decoder: shape of its features",
    "partition": "partition (fold)",
}


def config(source: str, kind: str, seed: int, scale: float) -> edn.Config:
    """One compressor with the schedule of its kind."""
    name = kind.partition(",")[0]
    steps, batch = SCHEDULES[name]
    steps = 1 if kind.endswith(ONE) else max(8, round(scale * steps))
    start = "random" if kind.endswith(RANDOM) else "data"
    return edn.Config(source, LMBDA[source], batch_size=batch, steps=steps, seed=seed, compressor=name, start=start)


def rank_cost(model: Any, lmbda: float) -> float:
    """λ times the energy of the means of the cells that no decoder of the model's rank can have, in bits."""
    if model.rank is None:
        return 0.0
    v = grid(PHASES).to(torch.float32)
    distinct, cells = distinct_rows(model.encode_phase(v[None])[0].numpy())
    means, counts = sample_means(model.signal, v, torch.from_numpy(cells), len(distinct))
    share = counts / counts.sum()
    centred = (means - share @ means) * share.sqrt()[:, None]
    values = torch.linalg.svdvals(centred).square()
    return lmbda * model.signal.weight * float(values[model.rank :].sum())


def parts(setting: edn.Config, name: str, model: Any) -> dict[str, Any]:
    """A row of the table."""
    found = evaluate_model(model)
    fine = found.decomposition(setting.lmbda, fine=True)
    excess = row(setting, name, "learned" if setting.circular else "baseline", vars(found))
    rank = min(rank_cost(model, setting.lmbda), fine.features)
    decoder = {"readout": fine.readout, "features": fine.features, "rank": rank, "shape": fine.features - rank}
    return {**excess, **decoder, "batch_size": setting.batch_size, "steps": setting.steps}


def draw(table: pd.DataFrame, about: str) -> Figure:
    """Stacked parts of the excess for each compressor, one panel a source; a series after one step would dwarf them."""
    table = over_sampled(table[table["compressor"] != "circular" + ONE])
    figure = Figure(figsize=(10.0, 8.0), layout="constrained")
    FigureCanvasAgg(figure)
    for ax, (source, rows) in zip(figure.subplots(2, 2).flat, table.groupby("source", sort=False), strict=True):
        names, left = rows["compressor"].tolist()[::-1], np.zeros(len(rows))
        for part, label in PARTS.items():
            values = np.maximum(rows[part].to_numpy()[::-1], 0.0)
            ax.barh(names, values, left=left, label=label, height=0.7)
            left += values
        for i, (total, percent) in enumerate(zip(left, rows["excess_percent"].tolist()[::-1], strict=True)):
            ax.text(total, i, f" {percent:.0f} %" if percent >= 99.5 else f" {percent:.2g} %", va="center", fontsize=8)
        ax.set_xlim(0.0, 1.25 * max(left.max(), 1e-3))
        ax.set_title(f"{source}, λ = {LMBDA[str(source)]:g}", fontsize=10)
        ax.set_xlabel("excess (bits; percent of the optimum beside the bar)", fontsize=8)
    entries = figure.axes[0].get_legend_handles_labels()
    figure.legend(*entries, frameon=False, fontsize=8, loc="outside lower center", ncols=len(PARTS))
    figure.suptitle(about, fontsize=9)
    return figure


def folds(models: dict[str, Any], about: str) -> Figure:
    """The latent against the phase: a line has to come back, a circle goes round."""
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    v = grid(2**12).to(torch.float32)
    line, ring = figure.subplots(1, 2)
    for name, model in models.items():
        if isinstance(model, circular.Circular):
            turned = circular.latents(model.signal, v[None], model.views())[0]
            ring.plot(v, turned, ".", ms=1.5, label=f"{name}: {model.cells} cells")
        else:
            latent = model.analysis(model.signal.sample(v[None]))[0, :, 0].detach()
            line.plot(v, latent, lw=1.0, label=f"{name}: {len(torch.unique(torch.floor(latent + 0.5)))} indices")
    line.set(xlabel="phase", ylabel="latent, rounded to integers", title="line: it folds, or it jumps")
    ring.set(xlabel="phase", ylabel="latent (turns)", title="circle: once around")
    for ax in (line, ring):
        ax.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.18))
    figure.suptitle(about, fontsize=9)
    return figure


def main() -> None:
    arguments = parser(__doc__, store=True)
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    wanted = {(source, kind): config(source, kind, options.seed, options.scale) for source in LMBDA for kind in KINDS}
    edn.sweep(list(wanted.values()), store=options.store)
    kept, rows, shown = edn.Store(options.store), [], {}
    for (source, kind), setting in track(wanted.items(), "evaluating"):
        model = kept.load(setting).model
        rows.append(parts(setting, kind, model))
        if source == "circle" and kind in ("ntc", "circular"):
            shown[kind] = model
        if kind == "ntc":
            rows.append(parts(setting, "ntc-table", with_codebook(model, setting)))
    table = pd.DataFrame(rows)
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "ablation.csv", index=False)
    words = (f"{name} {round(options.scale * steps):,} × {batch}" for name, (steps, batch) in SCHEDULES.items())
    about = f"steps × batch: {', '.join(words)}; latent 1, seed {options.seed}"
    draw(table, about).savefig(options.out / "ablation.png", dpi=150)
    folds(shown, f"circle, λ = {LMBDA['circle']:g}, seed {options.seed}").savefig(options.out / "fold.png", dpi=150)
    write_provenance(
        options.out / "ablation.csv",
        f"ablation.py --store DIR --seed {options.seed} --scale {options.scale:g}",
        figures=["ablation.png", "fold.png"],
        schedule=about + "; ntc-table: the networks of ntc, codewords and probabilities from 2^17 realizations",
        evaluation="2^20 phases; functions sampled at 1024 points, excess over the optimum of the continuous source",
    )
    print(table[["source", "compressor", "excess_percent", *PARTS]].to_string(index=False))


if __name__ == "__main__":
    main()

"""Compressors of a measured manifold: rotated patches of a photograph, against E(D) of those very patches.

    python benchmarks/neural/measured.py --store DIR [--out benchmarks/results] [--seeds 1] [--scale 1.0]

Needs scikit-image, whose cameraman is the photograph, as in docs/examples/plot_rotated_patch.py. Trains what the store
does not have yet (a command that was killed goes on), evaluates it on 2¹⁸ phases and writes measured_manifold.csv, its
provenance as .json and a figure as .png. `--scale` shortens all schedules.
"""

from __future__ import annotations

from typing import Any

import edcurve
import edcurve_neural as edn
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter
from shared import SCHEDULE, parser, scaled, write_provenance
from skimage import data

PATCHES = {"hair": (80, 240), "finder": (160, 295)}
SIZE, ANGLES, STEP, BLUR = 32, 720, 2, 1.0  # pixels across, angles, and how the photograph is made smaller
LMBDA = {"hair": (32.0, 120.0, 450.0, 1600.0), "finder": (400.0, 1600.0)}
LATENTS = {"hair": (1, 2, 4), "finder": (2,)}
PAPER = (3000, 256)  # steps and batch size
TABLES = {"circular": (1000, 256), "circular-table": (1000, 256)}
PLACED, NUMBERED = (
    "circular-network",
    "circular-network by number",
)  # given the places of pixels, or their numbers alone
LEARNED = {"hair": {**TABLES, PLACED: (1000, 256), NUMBERED: (1000, 256)}, "finder": TABLES}
POINTS = 2**18
STYLES = {
    "ntc (latent 1)": ("C3", "v"),
    "ntc (latent 2)": ("C1", "^"),
    "ntc (latent 4)": ("C6", "<"),
    PLACED: ("C4", "D"),
    NUMBERED: ("C5", "x"),
    "circular": ("C0", "o"),
    "circular-table": ("C2", "s"),
}


def turned(row: int, column: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Patches about a pixel at equal steps of the angle, (angles, pixels), and rows and columns of the pixels.

    Squared errors are means over the mask.
    """
    photo = gaussian_filter(data.camera() / 255.0, BLUR)
    offset = STEP * (np.arange(SIZE) - (SIZE - 1) / 2)
    dy, dx = np.meshgrid(offset, offset, indexing="ij")
    radius = np.hypot(dy, dx) / (STEP * SIZE / 2)
    mask = np.where(radius < 0.75, 1.0, np.cos(2 * np.pi * np.clip(radius - 0.75, 0, 0.25)) ** 2)
    disc = mask > 1e-6
    angle = 2 * np.pi * np.arange(ANGLES)[:, None] / ANGLES
    rows = row + np.cos(angle) * dy[disc] - np.sin(angle) * dx[disc]
    columns = column + np.sin(angle) * dy[disc] + np.cos(angle) * dx[disc]
    patches = map_coordinates(spline_filter(photo, order=3), [rows, columns], order=3, prefilter=False)
    places = np.stack([dy[disc], dx[disc]], axis=1) / STEP
    return np.asarray(patches * mask[disc] / np.sqrt(np.sum(mask[disc] ** 2))), places


def configs(patch: str, placed: str, numbered: str, seeds: int, scale: float) -> list[tuple[str, edn.Config]]:
    """Names and configurations to train on one patch."""
    wanted = []
    for name, (steps, batch) in {**LEARNED[patch], "ntc": PAPER}.items():
        fields = {"batch_size": batch, "steps": scaled(steps, scale), "compressor": name.partition(" ")[0]}
        latents, source = list(LATENTS[patch]) if name == "ntc" else [1], placed if name == PLACED else numbered
        those = edn.grid(source, latent_dim=latents, lmbda=list(LMBDA[patch]), seed=range(seeds), **fields)
        wanted += [(f"ntc (latent {one.latent_dim})" if name == "ntc" else name, one) for one in those]
    return wanted


def row(patch: str, name: str, config: edn.Config, measured: dict[str, Any]) -> dict[str, Any]:
    """A row of the table."""
    baseline = config.compressor == "ntc"
    best = measured["rate"] + config.lmbda * measured["distortion"] - measured["excess"]
    return {
        "source": patch,
        "lmbda": config.lmbda,
        "seed": config.seed,
        "compressor": name,
        "kind": "baseline" if baseline else "learned",
        **{name: measured[name] for name in ("rate", "entropy", "distortion")},
        "excess_percent": 100.0 * measured["excess"] / best,
        **{name: measured[name] for name in ("cells", "entropy_model", "decoder", "partition")},
        "least": best,
        **{name: measured[name] for name in ("optimum", "truncation")},
        "latent_dim": config.latent_dim,
        "batch_size": config.batch_size,
        "steps": config.steps,
    }


def draw(table: pd.DataFrame, sources: dict[str, edcurve.Source], about: str) -> Figure:
    """For each patch what was trained beside E(D), and its excess against λ."""
    figure = Figure(figsize=(10.0, 4.3 * len(sources) + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(sources), 2, squeeze=False)
    for (patch, source), (left, right) in zip(sources.items(), axes, strict=True):
        part = table[table["source"] == patch]
        _plane(left, part, source)
        for name, those in part.groupby("compressor"):
            color, marker = STYLES[str(name)]
            worst = those.groupby("lmbda")["excess_percent"].max()
            right.plot(worst.index, np.maximum(worst, 0.01), marker + "-", color=color, ms=5, lw=1.0, label=name)
        right.axhline(1.0, color="0.6", lw=0.8, ls="--")
        right.set(xscale="log", yscale="log", xlabel="λ (bits per unit distortion)")
        right.set_ylabel("excess of rate + λD (%)\nbelow 0.01 % drawn there")
        ticks = sorted(set(part["lmbda"]))
        right.set_xticks(ticks, [f"{value:g}" for value in ticks])
        right.minorticks_off()
        left.set_title(f"{patch}, turned; E(D): {source.status}", fontsize=10)
        right.set_title("over the optimum" if source.status != "upper bound" else "over an upper bound", fontsize=10)
    axes[0, 0].legend(frameon=False, fontsize=8)
    figure.suptitle(about, fontsize=9)
    return figure


def _plane(ax: Axes, part: pd.DataFrame, source: edcurve.Source) -> None:
    """Rate against distortion, with what is optimal."""
    D = np.geomspace(0.6 * part["distortion"].min(), source.max_distortion, 300)
    ax.plot(D, edcurve.upper_bound(source, D), "k", lw=1.6, label=f"E(D), {source.status}")
    ax.plot(D, edcurve.rate_distortion(source, D), color="0.6", lw=1.0, ls="-.", label="Shannon's R(D)")
    for name, those in part.groupby("compressor"):
        color, marker = STYLES[str(name)]
        hollow = {"mfc": "none", "ms": 9} if name == "circular-table" else {"ms": 5}
        ax.plot(those["distortion"], those["rate"], marker, color=color, label=name, **hollow)
    ax.set(xscale="log", xlabel="distortion (mean squared error of a pixel)", ylabel="rate (bits)")
    ax.set_ylim(-0.3, 1.05 * float(part["rate"].max()))


def main() -> None:
    options = parser(__doc__, seeds=1, store=True).parse_args()
    names, wanted = dict[str, str](), list[tuple[str, str, edn.Config]]()
    for patch, at in PATCHES.items():
        x, places = turned(*at)
        placed, names[patch] = (edn.from_samples(x, label=f"{patch}, turned", places=one) for one in (places, None))
        wanted += [(patch, *one) for one in configs(patch, placed, names[patch], options.seeds, options.scale)]
    runs = edn.sweep([config for *_, config in wanted], store=options.store, points=POINTS).to_pandas()
    by_key = dict(zip(runs["key"], runs.to_dict("records"), strict=True))
    table = pd.DataFrame([row(*about, config, by_key[config.key]) for *about, config in wanted])
    options.out.mkdir(parents=True, exist_ok=True)
    where = options.out / "measured_manifold.csv"
    table.to_csv(where, index=False)
    sources = {patch: edn.manifolds.find(name).source for patch, name in names.items()}
    steps = table.groupby("compressor")["steps"].max().to_dict()
    worst = table.groupby(["source", "compressor"], sort=False)["excess_percent"].max()
    provenance = {
        "points": f"{ANGLES} angles of a round patch of scikit-image's cameraman, blurred by {BLUR:g} pixels and taken "
        f"one in {STEP} each way, {SIZE} pixels across; squared errors are means over the mask",
        "sources": {
            patch: {
                "name": names[patch],
                "centre": PATCHES[patch],
                "status": source.status,
                "reason": source.reason,
                "max_distortion": source.max_distortion,
                "defect": source.defect,
                "truncation": source.truncation,
            }
            for patch, source in sources.items()
        },
        "seeds": list(range(options.seeds)),
        "steps": steps,
        "batch_size": table.groupby("compressor")["batch_size"].max().to_dict(),
        "schedule": SCHEDULE + "; circular-network: then the fit",
        "evaluation": "2^18 phases on the chords between the points; the optimum is of the trigonometric polynomial "
        "through them, whose distortions differ by at most `truncation`: an excess may be below 0 by λ times that",
        PLACED: "given row and column of each pixel",
        NUMBERED: "given the number of a pixel as a place on a line, where patches jump from row to row",
        "seconds of training": round(float(runs["seconds"].sum())),
        "worst_excess_percent": {f"{source}, {name}": round(value, 4) for (source, name), value in worst.items()},
    }
    command = f"measured.py --store DIR --seeds {options.seeds} --scale {options.scale:g}"
    write_provenance(where, command, **provenance)
    words = f"shortened schedule; {options.seeds} seed{'s'[: options.seeds > 1]}; steps: "
    words += ", ".join(
        f"{name} {scaled(count, options.scale):,}" for name, (count, _) in {**LEARNED["hair"], "ntc": PAPER}.items()
    )
    draw(table, sources, words).savefig(where.with_suffix(".png"), dpi=150)
    print(worst.to_string())


if __name__ == "__main__":
    main()

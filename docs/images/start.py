"""Draw the pictures of docs/start.md: ``python docs/images/start.py`` writes start.png, ruler.png and start.json."""

import json
import platform
from pathlib import Path

import edcurve as ed
import matplotlib as mpl
import numpy as np
from edcurve_neural import figures
from matplotlib.figure import Figure

HERE = Path(__file__).parent
CELLS = 4
LMBDA = 4.0  # of the ruler, in bits
LATENT, BATCH = 1, 1024  # of the plotted trained compressors


def circle(ax):
    """The source, cut into equal cells, with the reconstruction of each."""
    colours = mpl.colormaps["tab10"].colors
    for i in range(CELLS):
        angle = 2 * np.pi * np.linspace(i, i + 1, 100) / CELLS
        ax.plot(np.cos(angle), np.sin(angle), color=colours[i], lw=5, solid_capstyle="butt")
    middle = 2 * np.pi * (np.arange(CELLS) + 0.5) / CELLS
    codewords = np.sinc(1 / CELLS) * np.stack([np.cos(middle), np.sin(middle)], axis=1)
    for i, (x, y) in enumerate(codewords):
        ax.plot(x, y, "o", color=colours[i], ms=8)
        ax.annotate(f"index {i}", (0.62 * x, 0.62 * y), ha="center", va="center", fontsize=11, color=colours[i])
    turn = 2 * np.pi * 0.1 / CELLS
    sample = np.array([np.cos(turn), np.sin(turn)])
    ax.plot(*sample, "k*", ms=12)
    ax.annotate("a sample", sample, sample + np.array([0.1, -0.06]), fontsize=10)
    ax.annotate("", codewords[0], sample, arrowprops={"arrowstyle": "->", "color": "k", "lw": 1.3})
    ax.set(xlim=(-1.2, 1.55), ylim=(-1.25, 1.25), aspect="equal")
    ax.axis("off")
    ax.set_title(f"A code with {CELLS} cells\n(dots: what the decoder answers)", fontsize=11)


def trade_off(ax):
    """E(D) with a few compressors."""
    D = np.geomspace(0.005, 1, 800)
    hull, exact = ed.convex_hull("circle", D), ed.entropy_distortion("circle", D)
    ax.fill_between(D, 0, exact, color="0.92")
    ax.annotate("no code of single\nrealizations is here", (0.008, 1.5), fontsize=10, color="0.35")
    ax.plot(D, exact, color="C0", lw=2, label="E(D)")
    ax.plot(D, hull, color="C2", lw=1.2, ls="--", label="its convex hull")
    count = np.arange(1, 26)
    ax.plot(count * ed.Circle().cell_distortion(1 / count), np.log2(count), "ko", ms=4, label="equal cells")
    at = CELLS * ed.Circle().cell_distortion(1 / CELLS)
    ax.annotate(f"{CELLS} cells", (at, np.log2(CELLS)), (at * 0.42, np.log2(CELLS) - 0.8), fontsize=10,
                arrowprops={"arrowstyle": "->"})  # fmt: skip
    runs = figures.load().runs
    chosen = runs[(runs.source == "circle") & (runs.latent_dim == LATENT) & runs.train_size.isna()]
    chosen = chosen[chosen.batch_size == BATCH]
    mean = chosen[chosen.steps == chosen.steps.max()].groupby("lmbda")[["distortion", "rate"]].mean()
    ax.plot(mean.distortion, mean.rate, "D-", color="C1", ms=5, lw=1, label="trained networks (means over seeds)")
    ax.set(xscale="log", xlim=(0.005, 1), ylim=(0, 5.6), xlabel="Distortion D (mean squared error)", ylabel="bits")
    ax.legend(frameon=False)
    ax.set_title("What codes of the circle can do", fontsize=11)


def ruler(ax):
    """E(D) over a linear axis, and the line of least H + λD that touches it."""
    D = np.linspace(0.003, 1, 2000)
    hull, exact = ed.convex_hull("circle", D), ed.entropy_distortion("circle", D)
    ax.fill_between(D, 0, exact, color="0.92")
    ax.plot(D, exact, color="C0", lw=2, label="E(D)")
    ax.plot(D, hull, color="C2", lw=1.2, ls="--", label="its convex hull")
    count = np.arange(1, 10)
    at = count * ed.Circle().cell_distortion(1 / count)
    ax.plot(at, np.log2(count), "ko", ms=4, label="equal cells")
    for cells in (1, 2, 3, 4, 5):
        ax.annotate(str(cells), (at[cells - 1], np.log2(cells)), (4, 4), textcoords="offset points", fontsize=9)
    best = ed.lagrangian("circle", LMBDA)
    ends = np.array([0.02, 0.55])
    label = f"H + {LMBDA:g} D = {best.value:.4f}"
    ax.plot(ends, best.value - LMBDA * ends, color="C3", lw=1.5, label=label)
    ax.annotate("", (0.40, best.value - LMBDA * 0.40), (0.34, best.value - LMBDA * 0.34 - 0.55),
                arrowprops={"arrowstyle": "->", "color": "C3", "lw": 1.3})  # fmt: skip
    ax.set(xlim=(0, 1.05), ylim=(0, 3.3), xlabel="Distortion D, not its logarithm", ylabel="bits")
    ax.legend(frameon=False)


def main():
    """Write the pictures and their provenance."""
    figure = Figure(figsize=(9.6, 4.1), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    circle(left)
    trade_off(right)
    figure.savefig(HERE / "start.png", dpi=130, metadata={"Software": None})
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    ruler(figure.subplots())
    figure.savefig(HERE / "ruler.png", dpi=130, metadata={"Software": None})
    about = {
        "what": "docs/images/start.png: four cells of the circle; E(D) of it, and trained compressors; "
        "docs/images/ruler.png: E(D) of the circle, and what is least at one λ",
        "command": "python docs/images/start.py",
        "data": "trained compressors: neural/edcurve_neural/data/runs.csv, means over seeds of those with "
        f"latent dimension {LATENT}, batch {BATCH}, 100 000 steps; provenance.json there says how they were trained",
        "seed": "none: nothing is random",
        "machine": f"{platform.system()} {platform.machine()}, CPU only",
        "edcurve": ed.__version__,
        "python": platform.python_version(),
    }
    (HERE / "start.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

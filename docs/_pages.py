"""Parts of pages that are made when the site is built: the table of sources, and tables of measured results."""

import inspect
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from edcurve.units import Units

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PEERS = {
    "core, one point": "core, one call",
    "core, array": "core, a point of an array",
    "bisection, one point": "bisection in NumPy, one call",
    "bisection, array": "bisection in NumPy, a point of an array",
    "edcurve.search": "`edcurve.search`",
    "SLSQP": "SLSQP, 8 starts",
    "convex–concave": "convex–concave procedure, 8 starts",
    "HiGHS on a grid": "HiGHS on a grid",
    "trust-constr": "trust-constr, 8 starts",
    "SCIP": "SCIP, 15 s at most",
}
# A measured quantity, the fields of Units that describe it, the method for it, and its conversion: for sources whose
# squared error is a sum over the coordinates, and for those where it is a mean.
UNITS = [
    ("mean squared error per number, MSE", "", "distortion(mse=MSE)", "D = N · MSE", "D = MSE"),
    (
        "MSE of values 0 … 255, data in [0, 1]",
        ", mse_peak=255",
        "distortion(mse=MSE)",
        "D = N · MSE / 255²",
        "D = MSE / 255²",
    ),
    ("squared error summed over the numbers, SSE", "", "distortion(sse=SSE)", "D = SSE", "D = SSE / N"),
    (
        "PSNR in dB, data in [0, 1]",
        "",
        "distortion(psnr=PSNR)",
        "D = N · 10^(−PSNR/10)",
        "D = 10^(−PSNR/10)",
    ),
    (
        "PSNR in dB, data in 0 … 255",
        ", peak=255",
        "distortion(psnr=PSNR)",
        "D = N · 255² · 10^(−PSNR/10)",
        "D = 255² · 10^(−PSNR/10)",
    ),
    ("bits per pixel, bpp", "", "entropy(bpp=bpp)", "H = P · bpp", "H = P · bpp"),
    ("bits per number, bpd", "", "entropy(bpd=bpd)", "H = N · bpd", "H = N · bpd"),
    ("nats of a realization", "", "entropy(nats=nats)", "H = nats / ln2", "H = nats / ln2"),
    ("λ of bpp + λ · MSE", ', loss="bpp + λ * mse"', "lmbda(λ)", "λ · P / N", "λ · P"),
    (
        "λ of bpp + λ · 255² · MSE, data in [0, 1]",
        ', loss="bpp + λ * 255**2 * mse"',
        "lmbda(λ)",
        "255² · λ · P / N",
        "255² · λ · P",
    ),
    ("β of MSE + β · bpp", ', loss="mse + β * bpp"', "lmbda(β)", "P / (β · N)", "P / β"),
    ("β of SSE + β · nats", ', loss="sse + β * nats"', "lmbda(β)", "1 / (β · ln2)", "N / (β · ln2)"),
    ("λ of bits of a realization + λ · D", "", "lmbda(λ)", "λ", "λ"),
]
PARTS = ["entropy_model", "decoder", "partition"]
SPEED = ["loop", "threads", "processes", "by_processor"]


def write(folder: Path) -> None:
    """Write every part into a folder; parts without results are empty."""
    folder.mkdir(exist_ok=True)
    parts = {
        "contributing": contributing(),
        "sources": sources(),
        "units": units(),
        "peers": peers(),
        "scaling": scaling(),
        "compressors": "".join(compressors()),
        "scoreboard": scoreboard(),
    }
    for name, text in parts.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def sources() -> str:
    """The table of sources, from the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition("<!-- table: sources -->\n\n")[2].partition("\n<!-- end -->")[0]


def units() -> str:
    """The table of units; the build stops if a formula disagrees with `Units`."""
    lines = ["| you have | call | here, if ‖·‖² is a sum | here, if ‖·‖² is a mean |", "|---|---|---|---|"]
    values = {"N": 192, "P": 64, "MSE": 0.3, "SSE": 0.7, "PSNR": 24.5, "bpp": 0.25, "bpd": 0.125, "nats": 1.5}
    values |= {"λ": 0.0625, "β": 0.375, "ln2": math.log(2.0), "Units": Units}
    for have, fields, call, *formulas in UNITS:
        lines.append(f"| {have} | `ed.Units(N, P{fields}).{call}` | {' | '.join(formulas)} |".replace("ln2", "ln 2"))
        for mean, formula in zip((False, True), formulas, strict=True):
            plain = formula.rpartition("=")[2].translate(str.maketrans({"·": "*", "²": "**2", "−": "-", "^": "**"}))
            computed = eval(f"Units(N, P{fields}, mean={mean}).{call}", values)
            if not math.isclose(eval(plain.strip(), values), computed, rel_tol=1e-13):
                raise ValueError(f"the table of units says {formula} for {call}, which is {computed}")
    return "\n".join(lines) + "\n"


def contributing() -> str:
    """The map of the code, with links to pages of the site."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return linked(re.sub(r"\]\(docs/(\S+?)\)", r"](\1)", text))


def linked(text: str) -> str:
    """Replace links to scripts by links to the pages made from them."""
    text = re.sub(r"\]\((tutorials|examples)/(plot_\w+)\.py\)", r"](auto_\1/\2.rst)", text)
    return re.sub(r"\]\((tutorials|examples)/?\)", r"](auto_\1/index.rst)", text)


def summary(value: object) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(value) or "").strip().partition("\n\n")[0].split())


def peers() -> str:
    """Time and error of all solvers of the problems in peers.csv."""
    table = pd.read_csv(RESULTS / "peers.csv")
    groups = table.groupby("peer", sort=False)
    summary = groups.agg(
        median=("ratio_to_core", "median"),
        most=("ratio_to_core", "max"),
        error=("relative_error", "max"),
        below=("below_optimum", "any"),
    ).sort_values("median")
    seconds = table.loc[table["peer"] == "core, one point", "seconds"]
    sources, cells = ", ".join(table["source"].unique()), sorted(table["equal_cells"].unique())
    about = json.loads((RESULTS / "provenance.json").read_text(encoding="utf-8"))
    lines = [
        f"E(D) at one distortion: {len(seconds)} problems ({sources}; {cells[0]} to {cells[-1]} cells), "
        f"{about['machine']}. Time as a multiple of one call of the core, which takes "
        f"{1e6 * seconds.min():.2g} to {1e6 * seconds.max():.2g} µs.\n",
        "| | time, median | time, at most | relative error, at most | found less than E(D) |",
        "|---|---|---|---|---|",
        *(
            f"| {PEERS[name]} | {number(row['median'])} | {number(row['most'])} | {row['error']:.1e} "
            f"| {'yes' if row['below'] else 'no'} |"
            for name, row in summary.iterrows()
        ),
    ]
    proved = table[(table["peer"] == "SCIP") & table["status"].str.contains("optimal|gaplimit")]
    lines.append(
        f"\nIn its time SCIP proves on {len(proved)} of the {len(seconds)} problems that no partition is better. "
        f"The reference is {about['reference']}."
    )
    return "\n".join(lines) + "\n"


def scaling() -> str:
    """Time per point of arrays, and how it depends on the distortion."""
    table = pd.read_csv(RESULTS / "scaling.csv")
    core = table[table["method"] == "core"]
    points, shares = core[core["sweep"] == "points"], core[core["sweep"] == "distortion"]
    lines = [
        "| source | "
        + " | ".join(
            "one point" if n == 1 else f"{n:,} points".replace(",", " ") for n in sorted(points["points"].unique())
        )
        + " |"
    ]
    lines.append("|---" * (1 + points["points"].nunique()) + "|")
    for source, rows in points.groupby("source"):
        times = rows.sort_values("points")["seconds_per_point"]
        lines.append(f"| {source} | " + " | ".join(f"{number(1e9 * value)}" for value in times) + " |")
    low, high = shares["share"].min(), shares["share"].max()
    spread = shares.groupby("source")["seconds_per_point"].agg(lambda values: values.max() / values.min()).max()
    return (
        "Time of the core in nanoseconds per point, for arrays of different lengths:\n\n" + "\n".join(lines) + "\n\n"
        f"From D/D_max = {high:.0e} down to {low:.0e} the time per point changes by a factor of at most {spread:.2g}.\n"
    )


def compressors() -> Iterator[str]:
    """Sections on trained compressors for which there are results."""
    for path in sorted((RESULTS / "neural").glob("*.csv")) + sorted(RESULTS.glob("*.csv")):
        columns = list(pd.read_csv(path, nrows=0).columns)
        if {"sweep", *SPEED} <= set(columns):
            yield section("Training many at once", path, speed(pd.read_csv(path)))
    if (path := RESULTS / "optimal_compressors.csv").exists():
        yield section("Compressors that reach the optimum", path, worst(pd.read_csv(path)))
    if (path := RESULTS / "ablation.csv").exists():
        table = pd.read_csv(path)
        shares = table[["source", "lmbda", "compressor", "excess_percent", *PARTS]]
        yield section(
            "What which change removes", path, "Excess in percent, and its parts in bits:\n\n" + markdown(shares)
        )
    if (path := RESULTS / "measured_manifold.csv").exists():
        yield section("Measured patches", path, worst(pd.read_csv(path)))


def scoreboard() -> str:
    """Published points: the annulus point by point, and the range of each codec of Gaussian vectors."""
    table = pd.read_csv(RESULTS / "scoreboard.csv", dtype={"psnr": str, "mse": str, "rate": str})
    points = table[table["source"] == "annulus"]
    lines = [
        f"| {row.codec} | {row.psnr} | {row.rate} | {row.excess:.4f} | {row.low:.4f} to {row.high:.4f} "
        f"| {row.excess_over_bound_for_any_code:.4f} |\n"
        for row in points.itertuples(index=False)
    ]
    head = ["codec", "PSNR (dB)", "bits a coordinate", "excess (bits a vector)", "by rounding", "over any code"]
    text = "**Annulus**\n\n" + "".join(_line(cells) for cells in (head, ["---"] * len(head))) + "".join(lines)
    groups = table[table["source"] == "gaussian"].groupby(["work", "codec", "dimension"], sort=False)
    head = ["work", "codec", "n", "points", "excess (bits a coordinate)", "points below R(D)"]
    text += "\n**Gaussian vectors**\n\n" + "".join(_line(cells) for cells in (head, ["---"] * len(head)))
    for (work, codec, dimension), rows in groups:
        spread = f"{rows['excess'].min():.4f} to {rows['excess'].max():.4f}"
        below = str(int((rows["high"] < 0.0).sum()) or "")
        text += _line([work, codec, str(dimension), str(len(rows)), spread, below])
    return text


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def speed(table: pd.DataFrame) -> str:
    """Model-steps per second against a loop over models."""
    ratios = table.assign(ratio=table[["threads", "processes"]].max(axis=1) / table["loop"])
    text = "Model-steps per second of a whole sweep, and of a plain loop that trains one model after another:\n\n"
    batched = [name for name in ("autograd",) if name in table]  # older tables lack it
    return text + markdown(ratios[["sweep", "loop", *batched, *SPEED[1:], "ratio"]])


def worst(table: pd.DataFrame) -> str:
    """The worst excess of the seeds for each source, compressor and λ."""
    seeds = table["seed"].nunique()
    seeds_text = f"the worst of {seeds} seeds" if seeds > 1 else "one seed"
    text = f"Excess of rate + λD over the optimum in percent, {seeds_text}, for each λ in bits:\n\n"
    parts = []
    for source, rows in table.groupby("source", sort=False):
        wide = rows.pivot_table(index="compressor", columns="lmbda", values="excess_percent", aggfunc="max")
        wide = wide.loc[rows["compressor"].drop_duplicates()]
        wide = wide[sorted(wide.columns)].rename(columns=lambda value: f"λ = {value:g}").reset_index()
        parts.append(markdown(wide.rename(columns={"compressor": str(source)})))
    return text + "\n".join(parts)


def section(title: str, path: Path, text: str) -> str:
    """A heading, a table, the picture beside the CSV if there is one, and the provenance."""
    picture = path.with_suffix(".png")
    image = f"\n![{title}](../{picture.relative_to(ROOT)})\n" if picture.exists() else ""
    about = path.with_suffix(".json")
    command = json.loads(about.read_text(encoding="utf-8")).get("command") if about.exists() else None
    provenance = f", made by `{command}`" if command else ""
    return f"## {title}\n\n{text}{image}\nFrom `{path.relative_to(ROOT)}`{provenance}.\n\n"


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown."""
    names = [str(name).replace("_", " ") for name in table.columns]
    rows = [
        [value if isinstance(value, str) else number(float(value)) for value in row]
        for row in table.itertuples(index=False)
    ]
    return "".join(_line(line) for line in (names, ["---"] * len(names), *rows))


def number(value: float) -> str:
    """A number with two significant digits, or three from 1 to 100, without exponent if possible."""
    if value != value:
        return ""
    if abs(value) >= 100:
        digits = len(str(int(abs(value)))) - 2
        return f"{round(value, -digits):,.0f}".replace(",", " ")
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.2g}"

"""Time edcurve beside its peers: ``python benchmarks/peers/run.py --out benchmarks/results [--quick]``.

Writes peers.csv, scaling.csv, peers.png and provenance.json. The exit status is 1 if any peer found a partition better
than E(D), or proved a bound above E(D).
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # the peers' matrices are small: threads slow them down, up to tenfold
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import math
import platform
import sys
import time
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))
from peers import figures, scaling
from peers.contenders import QUICK, Contender, Effort, contenders
from peers.problem import CELL_DISTORTIONS, Answer, Problem, judge
from peers.timing import fastest

PACKAGES = ("edcurve", "numpy", "scipy", "numba", "mpmath", "cvxpy", "clarabel", "highspy", "pyscipopt")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="directory for the results")
    parser.add_argument("--quick", action="store_true", help="small instances and short limits: under a minute")
    options = parser.parse_args()
    effort, start = QUICK if options.quick else Effort(), time.perf_counter()
    console = Console()
    columns = (TextColumn("{task.description:44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        peers = _with_ratios(pd.DataFrame(_instances(effort, progress)))
        costs = pd.DataFrame(_scaling(effort, progress))
    options.out.mkdir(parents=True, exist_ok=True)
    peers.to_csv(options.out / "peers.csv", index=False, float_format="%.12g")
    costs.to_csv(options.out / "scaling.csv", index=False, float_format="%.12g")
    figures.draw(peers, costs, options.out / "peers.png")
    provenance = _provenance(options.quick, effort, time.perf_counter() - start)
    (options.out / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n")
    return _report(console, peers, costs)


def _instances(effort: Effort, progress: Progress) -> list[dict[str, Any]]:
    everyone = contenders(effort)
    problems = [Problem(source, equal) for equal in effort.equal for source in CELL_DISTORTIONS]
    task = progress.add_task("peers", total=len(problems) * len(everyone))
    for contender in everyone:
        _solve(contender, Problem("ramp", 1), 0.0)  # imports and compilation
    rows = []
    for problem in problems:
        for contender in everyone:
            progress.update(task, description=f"{problem.source}, K = {problem.equal}: {contender.name}")
            rows.append(_row(problem, contender, effort.repeat))
            progress.advance(task)
    return rows


def _solve(contender: Contender, problem: Problem, patience: float) -> tuple[Answer, float]:
    """Solve a problem; missing packages and failures become a status, so that other peers continue."""
    try:
        return fastest(lambda: contender.solve(problem), patience)
    except (ImportError, RuntimeError, ValueError) as error:
        return Answer(math.nan, status=f"{type(error).__name__}: {error}"), math.nan


def _row(problem: Problem, contender: Contender, patience: float) -> dict[str, Any]:
    answer, seconds = _solve(contender, problem, patience)
    seconds = seconds if answer.seconds is None else answer.seconds
    return {
        "source": problem.source,
        "equal_cells": problem.equal,
        "share": problem.distortion / problem.max_distortion,
        "distortion": problem.distortion,
        "optimum_nats": problem.entropy,
        "peer": contender.name,
        "points": contender.points,
        "seconds": seconds / contender.points,
        "status": answer.status,
        **judge(problem, answer, contender.tolerance),
    }


def _with_ratios(peers: pd.DataFrame) -> pd.DataFrame:
    """Seconds per point relative to the core's, for one point and for an array."""
    keys = ["source", "equal_cells"]
    for column, name in (("ratio_to_core", "core, one point"), ("ratio_to_core_array", "core, array")):
        core = peers[peers.peer == name].set_index(keys).seconds
        peers[column] = peers.seconds / core.reindex(pd.MultiIndex.from_frame(peers[keys])).to_numpy()
    return peers


def _scaling(effort: Effort, progress: Progress) -> list[dict[str, Any]]:
    task = progress.add_task("points and distortions", total=scaling.steps(effort))
    rows = []
    for sweep in (scaling.against_points, scaling.against_distortion):
        for row in sweep(effort):
            rows.append(row)
            progress.update(task, description=f"{row['method']} against {row['sweep']}, {row['source']}", advance=1)
    return rows


def _provenance(quick: bool, effort: Effort, seconds: float) -> dict[str, Any]:
    return {
        "command": "python benchmarks/peers/run.py" + " --quick" * quick,
        "machine": f"{os.cpu_count()} cores {platform.machine()}, {platform.system()}, CPU only",
        "load_at_the_end": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "effort": asdict(effort),
        "linear_algebra_threads": 1,
        "seconds": round(seconds, 1),
        "reference": "tests/oracle.py, 50-digit arithmetic",
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _report(console: Console, peers: pd.DataFrame, costs: pd.DataFrame) -> int:
    table = Table("peer", "time / core", "at most", "relative error", "at most", "solved", title="median and largest")
    for name, rows in peers.groupby("peer", sort=False):
        numbers = rows.ratio_to_core.median(), rows.ratio_to_core.max(), rows.relative_error.median()
        solved = f"{rows.relative_error.notna().sum()}/{len(rows)}"
        table.add_row(name, *(f"{x:.2g}" for x in (*numbers, rows.relative_error.max())), solved)
    console.print(table)
    console.print("D/D_max from 1e-1 to 1e-18: seconds a point, their ratio, growth a decade, largest relative error")
    for (method, source), rows in costs[costs["sweep"] == "distortion"].groupby(["method", "source"]):
        low, high = rows.seconds_per_point.min(), rows.seconds_per_point.max()
        growth = 10.0 ** -np.polyfit(np.log10(rows.share), np.log10(rows.seconds_per_point), 1)[0] - 1.0
        costliest = f"{low:.2g} to {high:.2g}  {high / low:5.2f}  {growth:+6.1%}  {rows.relative_error.max():.1e}"
        console.print(f"  {method:10} {source:10} {costliest}")
    wrong = peers[peers.below_optimum | peers.bound_above_optimum]
    for _, row in wrong.iterrows():
        console.print(f"[red]contradicts E(D): {row.peer} on {row.source}, K = {row.equal_cells}[/red]")
    return int(len(wrong) > 0)


if __name__ == "__main__":
    sys.exit(main())

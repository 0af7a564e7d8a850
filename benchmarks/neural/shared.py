"""What the scripts of this folder share: options, training of programs, tables of which rows are kept, provenance."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import edcurve
import edcurve_neural as edn
import pandas as pd
import torch
from edcurve_neural.compressors import begin

SCHEDULE = "learning rate 1e-3, ×0.1 at 1/2, ×0.01 at 3/4, ×0.001 at 7/8"
SECONDS = "seconds are processor time of training, in one thread"
SAMPLES = "as few as leave the optimum of the ramp as sampled within 0.1 % of the continuous one"


def parser(about: str | None, *, seeds: int | None = None, store: bool = False) -> argparse.ArgumentParser:
    """The options that most scripts have: where results go, how many seeds, and how much training is shortened."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    if store:
        made.add_argument("--store", type=Path, required=True, help="folder of the trained compressors")
    made.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="where to write the results")
    if seeds is not None:
        made.add_argument("--seeds", type=int, default=seeds)
    made.add_argument("--scale", type=float, default=1.0, help="of the numbers of steps")
    return made


def scaled(steps: int, scale: float) -> int:
    """A shortened schedule."""
    return max(8, round(scale * steps))


def trained(configs: Sequence[edn.Config]) -> tuple[Any, float]:
    """A program after all its steps, and their processor time in seconds."""
    start = time.process_time()
    program = begin(list(configs))
    while program.done < program.steps:
        program.step()
    return program, time.process_time() - start


def write_provenance(where: Path, command: str, **about: Any) -> None:
    """The command, the day and the machine of a table, and what else is to be said about it, as .json beside it."""
    provenance = {
        "command": f"python benchmarks/neural/{command}",
        "date": datetime.date.today().isoformat(),
        **about,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, no GPU",
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "edcurve": edcurve.__version__},
    }
    text = json.dumps(provenance, indent=1, ensure_ascii=False)
    where.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


def add_rows(
    where: Path,
    names: Sequence[str],
    wanted: Iterable[tuple[Any, ...]],
    measured: Callable[..., Iterable[dict[str, Any]]],
    command: str,
    **about: Any,
) -> None:
    """Add to a table what it lacks, each row as soon as it is measured; a command that was killed goes on from there.

    `measured` gets the values of the columns `names`, and returns their rows. The provenance lists what it lacks.
    """
    torch.set_num_threads(1)
    where.parent.mkdir(parents=True, exist_ok=True)
    made = pd.read_csv(where) if where.exists() else pd.DataFrame(columns=list(names))
    done = set(made[list(names)].itertuples(index=False, name=None))
    missing = [one for one in wanted if one not in done]
    while True:
        left = {"left out": [dict(zip(names, one, strict=True)) for one in missing]} if missing else {}
        write_provenance(where, command, **about, **left)
        if not missing:
            return
        rows = pd.DataFrame(measured(*missing.pop(0)))
        rows.to_csv(where, mode="a", header=not where.exists(), index=False)
        print(rows.to_string(header=False, index=False, float_format="{:.5g}".format), flush=True)

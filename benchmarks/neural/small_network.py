"""The small network without a table: excess of rate + λD over the optimum, for four sources and all their λ.

    python benchmarks/neural/small_network.py [--out benchmarks/results] [--seeds 5] [--scale 1.0]

A row is added to small_network.csv as soon as a compressor is trained and evaluated, and a command that was killed goes
on from there. small_network.json has the provenance. `--scale` shortens training, but not the fit at its end.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
from itertools import product
from pathlib import Path
from typing import Any

import edcurve
import edcurve_neural as edn
import pandas as pd
import torch
from edcurve_neural.compressors import begin
from edcurve_neural.compressors.network import PARAMETERS
from edcurve_neural.runs import evaluate_model
from optimal import row, samples_for

LMBDA = {
    "ramp": (4096.0, 1024.0, 256.0, 48.0),
    "sawbridge": (500.0, 100.0, 20.0),
    "sinusoid": (1024.0, 256.0, 64.0, 8.0),
    "circle": (512.0, 128.0, 32.0, 4.0),
}
STEPS, BATCH = 2000, 256
POINTS = 2**18


def measured(config: edn.Config) -> dict[str, Any]:
    """A row of the table: a compressor trained and evaluated."""
    start = time.process_time()
    program = begin([config])
    while program.done < program.steps:
        program.step()
    model = program.compressor(0)
    seconds = time.process_time() - start
    found = row(config, config.compressor, "learned", vars(evaluate_model(model, POINTS)))
    numbers = {"numbers": PARAMETERS, "table": found["cells"] * (model.signal.dim + 1)}
    return {**found, **numbers, "seconds": round(seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="where to write the results")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of steps")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    where, steps = options.out / "small_network.csv", max(8, round(options.scale * STEPS))
    provenance = {
        "command": f"python benchmarks/neural/small_network.py --seeds {options.seeds} --scale {options.scale:g}",
        "date": datetime.date.today().isoformat(),
        "seeds": list(range(options.seeds)),
        "schedule": f"{steps} steps of batch {BATCH}, learning rate 1e-3, ×0.1 at 1/2, ×0.01 at 3/4, ×0.001 at 7/8; "
        "then the fit, with its defaults",
        "evaluation": f"{POINTS} phases; seconds are processor time of training and fit, in one thread",
        "samples": "as few as leave the optimum of the ramp as sampled within 0.1 % of the continuous one",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, no GPU",
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "edcurve": edcurve.__version__},
    }
    where.with_suffix(".json").write_text(json.dumps(provenance, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    made = pd.read_csv(where) if where.exists() else pd.DataFrame(columns=["source", "lmbda", "seed"])
    done = set(made[["source", "lmbda", "seed"]].itertuples(index=False, name=None))
    cells = [(source, lmbda) for source, values in LMBDA.items() for lmbda in values]
    for seed, (source, lmbda) in product(range(options.seeds), cells):
        if (source, lmbda, seed) in done:
            continue
        fields = {"compressor": "circular-network", "batch_size": BATCH, "steps": steps, "seed": seed}
        found = measured(edn.Config(source, lmbda, samples=samples_for(source, lmbda), **fields))
        pd.DataFrame([found]).to_csv(where, mode="a", header=not where.exists(), index=False)
        print(f"{source} λ = {lmbda:g} seed {seed}: {found['excess_sampled_percent']:.2f} %", flush=True)


if __name__ == "__main__":
    main()

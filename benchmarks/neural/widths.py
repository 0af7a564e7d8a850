"""Rank against shape: the decoder's loss on the ramp for last hidden layers of 100, 200 and 400 units.

    python benchmarks/neural/widths.py [--out benchmarks/results] [--seeds 1] [--scale 1.0]

The paper's compressor with one latent at λ = 4096, in five parts, and of the features' part what the rank alone costs.
A row is added to widths.csv as soon as a compressor is trained and evaluated, and a command that was killed goes on
from there. widths.json has the provenance. `--scale` shortens training.
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
from ablation import rank_cost
from edcurve_neural.compressors import begin
from edcurve_neural.runs import evaluate_model
from optimal import row

LMBDA, WIDTHS = 4096.0, (100, 200, 400)
STEPS, BATCH = 10_000, 256


def measured(config: edn.Config) -> dict[str, Any]:
    """A row of the table: a compressor trained and evaluated."""
    start = time.process_time()
    program = begin([config])
    while program.done < program.steps:
        program.step()
    seconds, model = time.process_time() - start, program.compressor(0)
    found = evaluate_model(model)
    parts = found.decomposition(config.lmbda, fine=True)._asdict()
    rank = min(rank_cost(model, config.lmbda), parts["features"])
    about = {"width": config.hidden[-1], "rank": rank, "shape": parts["features"] - rank}
    fields = {**row(config, config.compressor, "baseline", vars(found)), **parts, **about}
    return {**fields, "steps": config.steps, "batch_size": config.batch_size, "seconds": round(seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="where to write the results")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of steps")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    where, steps = options.out / "widths.csv", max(8, round(options.scale * STEPS))
    provenance = {
        "command": f"python benchmarks/neural/widths.py --seeds {options.seeds} --scale {options.scale:g}",
        "date": datetime.date.today().isoformat(),
        "seeds": list(range(options.seeds)),
        "schedule": f"{steps} steps of batch {BATCH}, learning rate 1e-3, ×0.1 at 1/2, ×0.01 at 3/4, ×0.001 at 7/8",
        "evaluation": "2^20 phases, 1024 samples; seconds are processor time of training, in one thread",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, no GPU",
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "edcurve": edcurve.__version__},
    }
    where.with_suffix(".json").write_text(json.dumps(provenance, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    made = pd.read_csv(where) if where.exists() else pd.DataFrame(columns=["width", "seed"])
    done = set(made[["width", "seed"]].itertuples(index=False, name=None))
    for seed, width in product(range(options.seeds), WIDTHS):
        if (width, seed) in done:
            continue
        found = measured(edn.Config("ramp", LMBDA, hidden=(width, width), batch_size=BATCH, steps=steps, seed=seed))
        pd.DataFrame([found]).to_csv(where, mode="a", header=not where.exists(), index=False)
        print(width, seed, found["cells"], found["readout"], found["features"], flush=True)


if __name__ == "__main__":
    main()

"""Fourier embeddings of what the two networks see, after "Breaking Smoothness" (2024): do they reach the optimum?

    python benchmarks/neural/fourier.py [--out benchmarks/results] [--seeds 3] [--scale 1.0]

The paper's compressor with one latent, with and without embeddings, on the circle and the ramp. A row is added to
fourier.csv as soon as a compressor is trained and evaluated, and a command that was killed goes on from there.
fourier.json has the provenance. `--scale` shortens training.
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
from edcurve_neural.runs import evaluate_model
from optimal import PAPER, row, samples_for

INPUT, LATENT = 4, 6  # octaves
CASES = [  # source, λ, octaves of the input and of the latent
    *(("circle", 512.0, *octaves) for octaves in ((0, 0), (0, LATENT), (INPUT, 0))),
    *(("ramp", 4096.0, *octaves) for octaves in ((0, 0), (0, LATENT))),
    *(("circle", 32.0, *octaves) for octaves in ((0, 0), (0, LATENT), (INPUT, 0))),
    *(("ramp", 256.0, *octaves) for octaves in ((0, 0), (0, LATENT))),
]
NAMES = ["source", "lmbda", "input_octaves", "latent_octaves", "seed"]


def measured(config: edn.Config) -> dict[str, Any]:
    """A row of the table: a compressor trained and evaluated."""
    start = time.process_time()
    program = begin([config])
    while program.done < program.steps:
        program.step()
    seconds = time.process_time() - start
    found = evaluate_model(program.compressor(0))
    about = {name: getattr(config, name) for name in NAMES}
    parts = found.decomposition(config.lmbda, fine=True)._asdict()
    fields = {**row(config, config.compressor, "baseline", vars(found)), **parts}
    return {**about, **fields, "seconds": round(seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="where to write the results")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of steps")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    where, (steps, batch) = options.out / "fourier.csv", PAPER
    steps = max(8, round(options.scale * steps))
    provenance = {
        "command": f"python benchmarks/neural/fourier.py --seeds {options.seeds} --scale {options.scale:g}",
        "date": datetime.date.today().isoformat(),
        "seeds": list(range(options.seeds)),
        "schedule": f"{steps} steps of batch {batch}, learning rate 1e-3, ×0.1 at 1/2, ×0.01 at 3/4, ×0.001 at 7/8",
        "embeddings": f"input: cos and sin of πfx, f = 1, 2, … ({INPUT} octaves); latent: of πfy, f = 1/2, 1/4, … "
        f"({LATENT} octaves)",
        "evaluation": "2^20 phases; seconds are processor time of training, in one thread",
        "samples": "as few as leave the optimum of the ramp as sampled within 0.1 % of the continuous one",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, no GPU",
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "edcurve": edcurve.__version__},
    }
    where.with_suffix(".json").write_text(json.dumps(provenance, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    made = pd.read_csv(where) if where.exists() else pd.DataFrame(columns=NAMES)
    done = set(made[NAMES].itertuples(index=False, name=None))
    for seed, case in product(range(options.seeds), CASES):
        if (*case, seed) in done:
            continue
        fields = dict(zip(NAMES, (*case, seed), strict=True))
        about = {"samples": samples_for(case[0], case[1]), "batch_size": batch, "steps": steps}
        found = measured(edn.Config(**fields, **about))
        pd.DataFrame([found]).to_csv(where, mode="a", header=not where.exists(), index=False)
        print(*case, seed, f"{found['excess_sampled_percent']:.2f} %", flush=True)


if __name__ == "__main__":
    main()

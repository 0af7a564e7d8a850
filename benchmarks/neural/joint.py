"""Joint training after the staged one: does the small network gain if its analysis is trained on with it?

    python benchmarks/neural/joint.py [--out benchmarks/results] [--seeds 3] [--scale 1.0]

`circular-network` trains its analysis with a Fourier series, and fits its network afterwards: in stages. Here Adam
then trains both together, on rate + λ · distortion with uniform noise of one cell's width, for the same K. joint.csv
has a row for each compressor, before and after; joint.json has the provenance. `--scale` shortens the second training.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import platform
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import edcurve
import edcurve_neural as edn
import pandas as pd
import torch
from edcurve_neural.compressors import begin
from edcurve_neural.compressors.circular import histogram, latents
from edcurve_neural.compressors.circular_network import CircularNetwork
from edcurve_neural.runs import evaluate_model
from optimal import row, samples_for

CASES = (("circle", 512.0), ("ramp", 256.0))
STAGED, JOINT, BATCH = 2000, 4000, 256  # steps of the two trainings, and their batch
PLACES = 64  # of each realization in a step of the second
RATES = (1e-3, 1e-4, 1e-5)  # learning rates of the second, of which each is tried
POINTS = 2**18


def staged(config: edn.Config) -> CircularNetwork:
    """The compressor as it is trained otherwise."""
    program = begin([config])
    while program.done < program.steps:
        program.step()
    model = program.compressor(0)
    assert isinstance(model, CircularNetwork)
    return model


def joint(model: CircularNetwork, config: edn.Config, steps: int, learning_rate: float) -> CircularNetwork:
    """The same after more training of all its parameters."""
    flat = model.flat.clone().requires_grad_()
    trained = CircularNetwork(
        config.source,
        config.hidden,
        flat,
        density=model.density,
        cells=model.cells,
        offset=model.offset,
        samples=config.samples or 2,
    )
    signal, generator = model.signal, torch.Generator().manual_seed(config.seed)
    adam = torch.optim.Adam([flat], learning_rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    count = min(PLACES, signal.dim)
    for _ in range(steps):
        v = torch.rand(1, BATCH, generator=generator)
        noise = (torch.rand(1, BATCH, generator=generator) - 0.5) / model.cells
        chosen = torch.randint(signal.dim, (BATCH, count), generator=generator)
        latent = (latents(signal, v, trained.views()) + noise).T.expand(-1, count).reshape(1, -1)
        where = signal.places.to(flat.dtype)[chosen].reshape(1, BATCH * count, -1)
        found = trained._units(latent, where) @ trained.views()["network.last"][0, 0]
        error = (found.view(BATCH, count) - signal.sample(v)[0].gather(1, chosen)).square().mean()
        adam.zero_grad()
        (config.lmbda * signal.weight * signal.dim * error).backward()  # the rate, log₂ K, is constant
        adam.step()
        falling.step()
    flat.requires_grad_(requires_grad=False)
    trained.density = histogram(latents(signal, torch.rand(1, 2**17, generator=generator), trained.views()))
    return trained


def measured(config: edn.Config, steps: int) -> Iterator[dict[str, Any]]:
    """Rows of one compressor: in stages, and trained jointly after that."""
    start = time.process_time()
    model = staged(config)
    found = row(config, "staged", "learned", vars(evaluate_model(model, POINTS)))
    yield {**found, "learning_rate": math.nan, "seconds": round(time.process_time() - start, 1)}
    for rate in RATES:
        start = time.process_time()
        found = row(config, "joint", "learned", vars(evaluate_model(joint(model, config, steps, rate), POINTS)))
        yield {**found, "learning_rate": rate, "seconds": round(time.process_time() - start, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="where to write the results")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of steps of the second training")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    where, steps, rows = options.out / "joint.csv", max(8, round(options.scale * JOINT)), list[dict[str, Any]]()
    for seed, (source, lmbda) in product(range(options.seeds), CASES):
        fields = {"compressor": "circular-network", "batch_size": BATCH, "steps": STAGED, "seed": seed}
        for found in measured(edn.Config(source, lmbda, samples=samples_for(source, lmbda), **fields), steps):
            rows.append(found)
            print(source, lmbda, seed, found["compressor"], f"{found['excess_sampled_percent']:.3f} %", flush=True)
        pd.DataFrame(rows).to_csv(where, index=False)
    provenance = {
        "command": f"python benchmarks/neural/joint.py --seeds {options.seeds} --scale {options.scale:g}",
        "date": datetime.date.today().isoformat(),
        "seeds": list(range(options.seeds)),
        "schedule": f"{STAGED} steps of batch {BATCH} and the fit; then Adam on all parameters for {steps} steps of "
        f"batch {BATCH} and {PLACES} places, the learning rate along a cosine to 0",
        "evaluation": f"{POINTS} phases; seconds are processor time, in one thread",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, no GPU",
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "edcurve": edcurve.__version__},
    }
    where.with_suffix(".json").write_text(json.dumps(provenance, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

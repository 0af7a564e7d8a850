"""Joint training after the staged one: does the small network gain if its analysis is trained on with it?

    python benchmarks/neural/joint.py [--out benchmarks/results] [--seeds 3] [--scale 1.0]

`circular-network` trains its analysis with a Fourier series, and fits its network afterwards: in stages. Here Adam
then trains both together, on rate + λ · distortion with uniform noise of one cell's width, for the same K. joint.csv
has a row for each compressor, before and after; joint.json has the provenance. `--scale` shortens the second training.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import edcurve_neural as edn
import torch
from edcurve_neural.compressors.circular import histogram, latents
from edcurve_neural.compressors.circular_network import CircularNetwork
from edcurve_neural.runs import evaluate_model
from optimal import row, samples_for
from shared import add_rows, parser, scaled, trained

CASES = (("circle", 512.0), ("ramp", 256.0))
STAGED, JOINT, BATCH = 2000, 4000, 256  # steps of the two trainings, and their batch
PLACES = 64  # of each realization in a step of the second
RATES = (1e-3, 1e-4, 1e-5)  # learning rates of the second, of which each is tried
POINTS = 2**18


def joint(model: CircularNetwork, config: edn.Config, steps: int, learning_rate: float) -> CircularNetwork:
    """The same after more training of all its parameters."""
    flat = model.flat.clone().requires_grad_()
    moved = CircularNetwork(
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
        latent = (latents(signal, v, moved.views()) + noise).T.expand(-1, count).reshape(1, -1)
        where = signal.places.to(flat.dtype)[chosen].reshape(1, BATCH * count, -1)
        found = moved._units(latent, where) @ moved.views()["network.last"][0, 0]
        error = (found.view(BATCH, count) - signal.sample(v)[0].gather(1, chosen)).square().mean()
        adam.zero_grad()
        (config.lmbda * signal.weight * signal.dim * error).backward()  # the rate, log₂ K, is constant
        adam.step()
        falling.step()
    flat.requires_grad_(requires_grad=False)
    moved.density = histogram(latents(signal, torch.rand(1, 2**17, generator=generator), moved.views()))
    return moved


def main() -> None:
    options = parser(__doc__, seeds=3).parse_args()
    steps = scaled(JOINT, options.scale)

    def measured(seed: int, source: str, lmbda: float) -> Iterator[dict[str, Any]]:
        """In stages, and trained jointly after that."""
        fields = {"compressor": "circular-network", "batch_size": BATCH, "steps": STAGED, "seed": seed}
        config = edn.Config(source, lmbda, samples=samples_for(source, lmbda), **fields)
        start, model = time.process_time(), trained([config])[0].compressor(0)
        for rate in (math.nan, *RATES):
            moved = joint(model, config, steps, rate) if rate > 0.0 else model
            found = row(config, "joint" if rate > 0.0 else "staged", "learned", vars(evaluate_model(moved, POINTS)))
            yield {**found, "learning_rate": rate, "seconds": round(time.process_time() - start, 1)}
            start = time.process_time()

    add_rows(
        options.out / "joint.csv",
        ("seed", "source", "lmbda"),
        [(seed, *case) for seed, case in product(range(options.seeds), CASES)],
        measured,
        f"joint.py --seeds {options.seeds} --scale {options.scale:g}",
        seeds=list(range(options.seeds)),
        schedule=f"{STAGED} steps of batch {BATCH} and the fit; then Adam on all parameters for {steps} steps of "
        f"batch {BATCH} and {PLACES} places, the learning rate along a cosine to 0",
        evaluation=f"{POINTS} phases; seconds are processor time, in one thread",
    )


if __name__ == "__main__":
    main()

"""The small network without a table: excess of rate + λD over the optimum, for four sources and all their λ.

    python benchmarks/neural/small_network.py [--out benchmarks/results] [--seeds 5] [--scale 1.0]

A row is added to small_network.csv as soon as a compressor is trained and evaluated, and a command that was killed goes
on from there. small_network.json has the provenance. `--scale` shortens training, but not the fit at its end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import edcurve_neural as edn
from edcurve_neural.compressors.network import parameters
from edcurve_neural.runs import evaluate_model
from optimal import row, samples_for
from shared import SAMPLES, SCHEDULE, add_rows, parser, scaled, trained

LMBDA = {
    "ramp": (4096.0, 1024.0, 256.0, 48.0),
    "sawbridge": (500.0, 100.0, 20.0),
    "sinusoid": (1024.0, 256.0, 64.0, 8.0),
    "circle": (512.0, 128.0, 32.0, 4.0),
}
STEPS, BATCH = 2000, 256
POINTS = 2**18


def main() -> None:
    options = parser(__doc__, seeds=5).parse_args()
    steps = scaled(STEPS, options.scale)

    def measured(seed: int, source: str, lmbda: float) -> Iterator[dict[str, Any]]:
        fields = {"compressor": "circular-network", "batch_size": BATCH, "steps": steps, "seed": seed}
        config = edn.Config(source, lmbda, samples=samples_for(source, lmbda), **fields)
        start = time.process_time()
        model = trained([config])[0].compressor(0)
        seconds = time.process_time() - start
        found = row(config, config.compressor, "learned", vars(evaluate_model(model, POINTS)))
        numbers = {
            "numbers": parameters(model.signal.places.shape[1]),
            "table": found["cells"] * (model.signal.dim + 1),
        }
        yield {**found, **numbers, "seconds": round(seconds, 1)}

    cells = [(source, lmbda) for source, values in LMBDA.items() for lmbda in values]
    add_rows(
        options.out / "small_network.csv",
        ("seed", "source", "lmbda"),
        [(seed, *cell) for seed, cell in product(range(options.seeds), cells)],
        measured,
        f"small_network.py --seeds {options.seeds} --scale {options.scale:g}",
        seeds=list(range(options.seeds)),
        schedule=f"{steps} steps of batch {BATCH}, {SCHEDULE}; then the fit, with its defaults",
        evaluation=f"{POINTS} phases; seconds are processor time of training and fit, in one thread",
        samples=SAMPLES,
    )


if __name__ == "__main__":
    main()

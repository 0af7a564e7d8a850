"""Fourier embeddings of what the two networks see, after "Breaking Smoothness" (2024): do they reach the optimum?

    python benchmarks/neural/fourier.py [--out benchmarks/results] [--seeds 3] [--scale 1.0]

The paper's compressor with one latent, with and without embeddings, on the circle and the ramp. A row is added to
fourier.csv as soon as a compressor is trained and evaluated, and a command that was killed goes on from there.
fourier.json has the provenance. `--scale` shortens training.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import edcurve_neural as edn
from edcurve_neural.runs import evaluate_model
from optimal import PAPER, row, samples_for
from shared import SAMPLES, SCHEDULE, SECONDS, add_rows, parser, scaled, trained

INPUT, LATENT = 4, 6  # octaves
EMBEDDED = {"circle": ((0, 0), (0, LATENT), (INPUT, 0)), "ramp": ((0, 0), (0, LATENT))}  # octaves of input and latent
LMBDA = {"circle": 512.0, "ramp": 4096.0}
NAMES = ["source", "lmbda", "input_octaves", "latent_octaves", "seed"]


def main() -> None:
    options = parser(__doc__, seeds=3).parse_args()
    steps, batch = scaled(PAPER[0], options.scale), PAPER[1]

    def measured(*values: Any) -> Iterator[dict[str, Any]]:
        about = dict(zip(NAMES, values, strict=True))
        samples = samples_for(about["source"], about["lmbda"])
        config = edn.Config(**about, samples=samples, batch_size=batch, steps=steps)
        program, seconds = trained([config])
        found = evaluate_model(program.compressor(0))
        parts = found.decomposition(config.lmbda, fine=True)._asdict()
        fields = {**row(config, config.compressor, "baseline", vars(found)), **parts}
        yield {**about, **fields, "seconds": round(seconds, 1)}

    wanted = [
        (source, lmbda, *octaves, seed)
        for seed in range(options.seeds)
        for source, lmbda in LMBDA.items()
        for octaves in EMBEDDED[source]
    ]
    add_rows(
        options.out / "fourier.csv",
        NAMES,
        wanted,
        measured,
        f"fourier.py --seeds {options.seeds} --scale {options.scale:g}",
        seeds=list(range(options.seeds)),
        schedule=f"{steps} steps of batch {batch}, {SCHEDULE}",
        embeddings=f"input: cos and sin of πfx, f = 1, 2, … ({INPUT} octaves); latent: of πfy, f = 1/2, 1/4, … "
        f"({LATENT} octaves)",
        evaluation=f"2^20 phases; {SECONDS}",
        samples=SAMPLES,
    )


if __name__ == "__main__":
    main()

"""Rank against shape: the decoder's loss on the ramp for last hidden layers of 100, 200 and 400 units.

    python benchmarks/neural/widths.py [--out benchmarks/results] [--seeds 3] [--scale 1.0]

The paper's compressor with one latent at λ = 4096, in five parts, and of the features' part what the rank alone costs.
A row is added to widths.csv as soon as a compressor is trained and evaluated, and a command that was killed goes on
from there. widths.json has the provenance. `--scale` shortens training.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import edcurve_neural as edn
from ablation import rank_cost
from edcurve_neural.runs import evaluate_model
from optimal import row
from shared import SCHEDULE, SECONDS, add_rows, parser, scaled, trained

LMBDA, WIDTHS = 4096.0, (100, 200, 400)
STEPS, BATCH = 10_000, 256


def main() -> None:
    options = parser(__doc__, seeds=3).parse_args()
    steps = scaled(STEPS, options.scale)

    def measured(seed: int, width: int) -> Iterator[dict[str, Any]]:
        config = edn.Config("ramp", LMBDA, hidden=(width, width), batch_size=BATCH, steps=steps, seed=seed)
        program, seconds = trained([config])
        model = program.compressor(0)
        found = evaluate_model(model)
        parts = found.decomposition(config.lmbda, fine=True)._asdict()
        rank = min(rank_cost(model, config.lmbda), parts["features"])
        about = {"width": width, "rank": rank, "shape": parts["features"] - rank}
        fields = {**row(config, config.compressor, "baseline", vars(found)), **parts, **about}
        yield {**fields, "steps": steps, "batch_size": BATCH, "seconds": round(seconds, 1)}

    add_rows(
        options.out / "widths.csv",
        ("seed", "width"),
        product(range(options.seeds), WIDTHS),
        measured,
        f"widths.py --seeds {options.seeds} --scale {options.scale:g}",
        seeds=list(range(options.seeds)),
        schedule=f"{steps} steps of batch {BATCH}, {SCHEDULE}",
        evaluation=f"2^20 phases, 1024 samples; {SECONDS}",
    )


if __name__ == "__main__":
    main()

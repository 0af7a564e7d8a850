"""Symbols per second that are written to a file and read from it, tables, checks and files included; one thread.

python benchmarks/neural/coding.py [--samples N]
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import edcurve_neural as edn
import numpy as np
import torch

REPEATS = 5


def best(function: Callable[[], object]) -> float:
    """Least time of some calls, in seconds."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10**6)
    samples = parser.parse_args().samples
    torch.set_num_threads(1)
    model, generator = edn.NTC("circle", 2), np.random.default_rng(0)
    drawn = []
    for low, probabilities in edn.coding.tables(model):
        drawn.append(low + generator.choice(len(probabilities), samples, p=probabilities / probabilities.sum()))
    indices = np.stack(drawn, axis=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "indices.edc"
        bits = edn.write_indices(path, model, indices).bits
        written, read = (
            best(lambda: edn.write_indices(path, model, indices)),
            best(lambda: edn.read_indices(path, model)),
        )
        np.testing.assert_array_equal(edn.read_indices(path, model), indices)
    line = {
        "symbols": indices.size,
        "bits_per_symbol": round(bits / indices.size, 4),
        "written_per_second": round(indices.size / written),
        "read_per_second": round(indices.size / read),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()

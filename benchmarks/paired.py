"""Speed of one checkout against another: both are run in turn, and the least times of all turns are compared.

Times are processor times of all threads, which depend less on other programs; for imports they are wall-clock times.

python benchmarks/paired.py OTHER [--turns 5]

OTHER is the root of the other checkout. Each has its own cache of compiled kernels, so that compiling is not timed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

MINE = Path(__file__).parents[1]
# program of one process: seconds of each call
MEASURED = """
import json, sys, time
start = time.perf_counter()
import edcurve as ed
times = {"import edcurve": time.perf_counter() - start}
start = time.perf_counter()
ed.entropy_distortion("ramp", 0.01)
times["first call"] = time.perf_counter() - start
import numpy as np

def least(call, repeats, number=1):  # of processor time: other programs matter less
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(number):
            call()
        best = min(best, (time.process_time() - start) / number)
    return best

energies = 1.0 / np.arange(1, 9) ** 2
sources = {
    "ramp": "ramp", "circle": "circle", "power:1.5": "power:1.5", "pulse:0.2": "pulse:0.2",
    "spectrum": ed.Source.from_spectrum(energies), "table": ed.Source.from_spectrum(1.0 / np.arange(1, 1001) ** 2),
}
scalars = ["entropy_distortion", "lower_bound", "distortion_entropy", "partition", "lagrangian"]
for name, source in sources.items():
    calls = {call: getattr(ed, call) for call in scalars}
    top = {"ramp": 1 / 12, "circle": 1.0, "power:1.5": 1 / 8.75, "pulse:0.2": 0.16}.get(name) or source.max_distortion
    D = top * np.random.default_rng(1).uniform(1e-4, 0.9, int(sys.argv[1]))
    proved = name in ("ramp", "circle", "power:1.5")
    for call, function in calls.items():
        at = {"distortion_entropy": 3.3, "lagrangian": 30.0 / top}.get(call, 0.013 * top)
        if proved or call == "lower_bound":
            times[f"{call} {name}, one point"] = least(lambda: function(source, at), 7, 10 if name == "table" else 300)
    arrays = {"lower_bound": D}
    if proved:
        arrays |= {"entropy_distortion": D, "convex_hull": D, "distortion_entropy": 6.0 * D / top}
        arrays["lagrangian"] = 30.0 / D[:: D.size // 1000]
    for call, x in arrays.items():
        getattr(ed, call)(source, x)  # compiled, or loaded
        times[f"{call} {name}, {x.size} points"] = least(lambda: getattr(ed, call)(source, x), 3)
print(json.dumps(times))
"""


def measure(root: Path, cache: str, size: int) -> dict[str, float]:
    """Seconds of each call in a new process."""
    path = os.pathsep.join(str(root / name) for name in ("solvers", "neural"))
    environment = {**os.environ, "PYTHONPATH": path, "NUMBA_CACHE_DIR": cache}
    program = [sys.executable, "-W", "ignore", "-c", MEASURED, str(size)]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    times: dict[str, float] = json.loads(done.stdout)
    return times


def main() -> None:
    """Print the least times of both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="root of the other checkout")
    parser.add_argument("--turns", type=int, default=5, help="how often each is measured")
    parser.add_argument("--size", type=int, default=1_000_000, help="points of an array")
    options = parser.parse_args()
    roots = {"other": options.other.resolve(), "mine": MINE}
    best: dict[str, dict[str, float]] = {name: {} for name in roots}
    with tempfile.TemporaryDirectory() as folder:
        for name, root in roots.items():
            measure(root, f"{folder}/{name}", 1000)  # fills the cache
        for _ in range(options.turns):
            for name, root in roots.items():
                for call, seconds in measure(root, f"{folder}/{name}", options.size).items():
                    best[name][call] = min(seconds, best[name].get(call, seconds))
    print(f"{'seconds':48s} {'other':>11s} {'mine':>11s} {'ratio':>6s}")
    for call, seconds in best["mine"].items():
        other = best["other"][call]
        print(f"{call:48s} {other:11.4g} {seconds:11.4g} {seconds / other:6.3f}")


if __name__ == "__main__":
    main()

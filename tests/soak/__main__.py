"""The long run: `make soak`, or

    python -m soak --kills 200 [--first SEED] [--by processes,cluster]

Commands `edcurve sweep` are killed at random moments: the command itself, a worker, or the whole Dask cluster, by
SIGKILL, SIGTERM or SIGINT. The same command is given again until it ends, and what it made is compared with what an
undisturbed one made.
"""

import argparse
import collections
import signal
import sys
import tempfile
import time
from pathlib import Path

from .killing import Fault, Undisturbed, soaked


def main():
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first sweep; each has the next one")
    parser.add_argument("--by", default="processes,cluster")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it for background processes
    counts, sweeps, start = collections.Counter(), collections.Counter(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="edcurve-soak-") as folder:
        undisturbed = Undisturbed(Path(folder))
        kinds, seed = options.by.split(","), options.first
        for i, by in enumerate(kinds):
            most = options.kills * (i + 1) // len(kinds)
            while counts.total() < most:
                try:
                    problem = soaked(undisturbed, by, seed, most - counts.total())
                except Fault as fault:
                    print(f"FOUND by {by}, seed {seed}: {fault}")
                    return 1
                counts.update(problem)
                sweeps[by] += 1
                done = f"{counts.total()} kills, {sweeps.total()} sweeps the same to the bit"
                print(f"{done}, {time.monotonic() - start:.0f} s", flush=True)
                seed += 1
    for (by, victim, name), count in sorted(counts.items()):
        print(f"  {by:10} {victim:8} {name:8} {count:5}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

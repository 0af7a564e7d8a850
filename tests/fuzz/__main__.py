"""The long run: `make fuzz`, or

    python -m fuzz --inputs 100000 [--first SEED] [--megabytes 1024] [--keep FOLDER]

One process at a time reads the cases and is replaced if it dies or hangs. What is found is listed by kind at the end,
with the seed of one case of each; `--keep` has their files, and `python -m fuzz --again TARGET SEED` runs one again.
"""

import argparse
import collections
import contextlib
import json
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import targets, watching

HERE = Path(__file__).parents[1]
WALL = 300.0  # seconds without a word from the process
EACH = 5000  # cases of a process


def batch(store, first, count, megabytes):
    """Results of the cases of one process, one of which may have ended it."""
    command = [sys.executable, "-m", "fuzz.worker", str(store), *map(str, (first, count, megabytes))]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as worker:
        begun, rest = {}, b""
        while True:
            ready, _, _ = select.select([worker.stdout], [], [], WALL)
            block = worker.stdout.read1() if ready else b""
            if not block:
                break
            *lines, rest = (rest + block).split(b"\n")
            for said in map(json.loads, lines):
                begun = {} if "seconds" in said else said
                if "seconds" in said:
                    yield said
        worker.kill()
        code = worker.wait()
    if begun or code not in (0, -9):
        yield {**begun, "seconds": WALL, "peak": 0, "found": f"the process ended with code {code}", "folder": None}


def kind_of(found):
    """The place in the code, or what is left of the message without what differs from case to case."""
    return found.rpartition(" at ")[2] + " | " + found[:70] if " at " in found else found[:70]


def main():
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--again", nargs=2, metavar=("TARGET", "SEED"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        targets.make_store(store)
        if given.again:
            print(watching.case(*given.again, store) or "nothing is wrong")
            return 0
        return report(*run(store, given), given)


def run(store, given):
    """Counts, seconds, findings by kind, and the peak of memory."""
    counts, spent, kinds, peak = collections.Counter(), collections.Counter(), {}, 0
    start, seed, last = time.monotonic(), given.first, given.first + given.inputs
    while seed < last:
        for said in batch(store, seed, min(EACH, last - seed), given.megabytes):
            seed = said.get("seed", seed) + 1
            name = said.get("target", "start")
            counts[name] += 1
            spent[name] += said["seconds"]
            peak = max(peak, said["peak"])
            if "found" in said:
                cases = kinds.setdefault((name, kind_of(said["found"])), [])
                if not cases:
                    print(f"found in {name}, seed {seed - 1}: {said['found'][:300]}", flush=True)
                cases.append(said)
            if seed % 500 == 0:
                rate = (seed - given.first) / (time.monotonic() - start)
                print(
                    f"{seed - given.first} of {given.inputs}, {rate:.1f} a second, {len(kinds)} kinds found", flush=True
                )
    return counts, spent, kinds, peak, time.monotonic() - start


def report(counts, spent, kinds, peak, seconds, given):
    """Print what was measured; 1 if something was found."""
    print(
        f"{counts.total()} inputs in {seconds:.0f} s, seeds from {given.first}; peak of memory {peak / 2**10:.0f} MiB"
    )
    for name, count in counts.most_common():
        print(f"  {name:10}{count:8}  {1e3 * spent[name] / count:8.1f} ms each")
    for (name, kind), cases in sorted(kinds.items(), key=lambda item: -len(item[1])):
        print(f"FOUND {len(cases)} of {name}, such as seed {cases[0]['seed']}: {kind}\n    {cases[0]['found'][:600]}")
        for said in cases[:1]:
            if said["folder"]:
                given.keep.mkdir(parents=True, exist_ok=True)
                kept = given.keep / f"{name}-{said['seed']}"
                with contextlib.suppress(FileExistsError):
                    shutil.copytree(said["folder"], kept, symlinks=True)
        for said in cases:
            if said["folder"]:
                shutil.rmtree(said["folder"], ignore_errors=True)
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())

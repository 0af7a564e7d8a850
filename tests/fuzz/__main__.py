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
WALL = 300.0  # seconds without output of the process
EACH = 5000  # cases of a process


def batch(store, first, count, megabytes):
    """Reports of the cases of one process, which one of them may have ended."""
    command = [sys.executable, "-m", "fuzz.worker", str(store), *map(str, (first, count, megabytes))]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as worker:
        running, unfinished = {}, b""
        while True:
            ready, _, _ = select.select([worker.stdout], [], [], WALL)
            block = worker.stdout.read1() if ready else b""
            if not block:
                break
            *lines, unfinished = (unfinished + block).split(b"\n")
            for report in map(json.loads, lines):
                running = {} if "seconds" in report else report
                if "seconds" in report:
                    yield report
        worker.kill()
        code = worker.wait()
    if running or code not in (0, -9):
        yield {**running, "seconds": WALL, "peak": 0, "found": f"the process ended with code {code}", "folder": None}


def kind_of(found):
    """The place in the code, or the message without its case-dependent parts."""
    return found.rpartition(" at ")[2] + " | " + found[:70] if " at " in found else found[:70]


def main():
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--again", nargs=2, metavar=("TARGET", "SEED"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        targets.make_store(store)
        if options.again:
            print(watching.case(*options.again, store) or "nothing is wrong")
            return 0
        return report(*run(store, options), options)


def run(store, options):
    """Counts, seconds, findings by kind, and the peak of memory."""
    counts, spent, kinds, peak = collections.Counter(), collections.Counter(), {}, 0
    start, seed, last = time.monotonic(), options.first, options.first + options.inputs
    while seed < last:
        for report in batch(store, seed, min(EACH, last - seed), options.megabytes):
            seed = report.get("seed", seed) + 1
            name = report.get("target", "start")
            counts[name] += 1
            spent[name] += report["seconds"]
            peak = max(peak, report["peak"])
            if "found" in report:
                cases = kinds.setdefault((name, kind_of(report["found"])), [])
                if not cases:
                    print(f"found in {name}, seed {seed - 1}: {report['found'][:300]}", flush=True)
                cases.append(report)
            if seed % 500 == 0:
                rate = (seed - options.first) / (time.monotonic() - start)
                print(
                    f"{seed - options.first} of {options.inputs}, {rate:.1f} a second, {len(kinds)} kinds found",
                    flush=True,
                )
    return counts, spent, kinds, peak, time.monotonic() - start


def report(counts, spent, kinds, peak, seconds, options):
    """Print what was measured; 1 if something was found."""
    print(
        f"{counts.total()} inputs in {seconds:.0f} s, seeds from {options.first}; peak of memory {peak / 2**10:.0f} MiB"
    )
    for name, count in counts.most_common():
        print(f"  {name:10}{count:8}  {1e3 * spent[name] / count:8.1f} ms each")
    for (name, kind), cases in sorted(kinds.items(), key=lambda item: -len(item[1])):
        print(f"FOUND {len(cases)} of {name}, such as seed {cases[0]['seed']}: {kind}\n    {cases[0]['found'][:600]}")
        for said in cases[:1]:
            if said["folder"]:
                options.keep.mkdir(parents=True, exist_ok=True)
                folder = options.keep / f"{name}-{said['seed']}"
                with contextlib.suppress(FileExistsError):
                    shutil.copytree(said["folder"], folder, symlinks=True)
        for said in cases:
            if said["folder"]:
                shutil.rmtree(said["folder"], ignore_errors=True)
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())

"""One process of the long run: cases of consecutive seeds, under a limit of memory.

    python -m fuzz.worker STORE FIRST COUNT MEGABYTES

writes a line of JSON for what it begins and for what it finds.
"""

import json
import random
import resource
import sys
import time
from pathlib import Path

from . import watching
from .targets import SHARES, TARGETS
from .watching import case

MOST = 2**30  # limit on the peak memory of the process, bytes
SECONDS = 5.0  # limit on the processor time of a case


def limit(megabytes):
    """Limit on the growth of the address space."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20,) * 2)


def target_of(seed):
    """The target of a seed."""
    return random.Random(seed).choices(list(TARGETS), list(SHARES.values()))[0]


def main():
    store, first, count, megabytes = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    import torch

    torch.set_num_threads(1)
    for name in TARGETS:  # what is loaded once
        case(name, "warm", store)
    limit(megabytes)
    watching.SECONDS = SECONDS
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(first, first + count):
        name = target_of(seed)
        print(json.dumps({"seed": seed, "target": name}), flush=True)
        start = time.monotonic()
        found = case(name, seed, store)
        if found and "more than" in found[0]:  # unless it was a kernel that was compiled
            found = case(name, seed, store)
        spent, now = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if found is None and now > peak and 1024 * now > MOST:
            found = f"{now // 1024} MiB of memory", None
        peak = max(peak, now)
        report = {"seed": seed, "target": name, "seconds": spent, "peak": peak}
        if found:
            report |= {"found": found[0], "folder": found[1] and str(found[1])}
        print(json.dumps(report), flush=True)


main()

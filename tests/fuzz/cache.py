"""Processes that compile concurrently into a fresh numba cache, or cannot write to the cache.

python -m fuzz.cache [PROCESSES]
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

CORE = """
import hashlib, sys, warnings
warnings.simplefilter("error")
import numpy as np
import edcurve as ed
from edcurve.kernels import loops
loops.INTERPRETED = 0  # compile at once
found = [ed.entropy_distortion("ramp", np.linspace(1e-3, 0.08, 100)).tobytes()]
"""
TRAINING = """
import torch
torch.set_num_threads(1)
import edcurve_neural as edn
run = edn.train(edn.Config("circle", 4.0, hidden=(4,), batch_size=16, steps=2), progress=False)
found.append(run.model.flat.detach().numpy().tobytes())
"""
PRINTED = """
assert "numba" in sys.modules
print(hashlib.sha256(b"".join(found)).hexdigest())
"""


def start(code, *, preexec=None, **environment):
    """A process that runs the code; variables of value None are unset."""
    known = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=preexec,
        env={name: value for name, value in known.items() if value is not None},
    )


def results(processes):
    """What each printed, once all have ended."""
    outputs = [process.communicate(timeout=600)[0].strip() for process in processes]
    return [f"{process.returncode} {text}" for process, text in zip(processes, outputs, strict=True)]


def main(count):
    """All processes give the same numbers, as does one with a filled cache."""
    code = CORE + TRAINING + PRINTED
    with tempfile.TemporaryDirectory() as folder:
        found = results([start(code, NUMBA_CACHE_DIR=folder) for _ in range(count)])
        before = sorted(path.stat().st_mtime_ns for path in Path(folder).rglob("*.nbc"))
        found += results([start(code, NUMBA_CACHE_DIR=folder)])
        after = sorted(path.stat().st_mtime_ns for path in Path(folder).rglob("*.nbc"))
    print(*sorted(set(found)), f"{count} processes, {len(before)} functions compiled", sep="\n")
    return int(len(set(found)) != 1 or not found[0].startswith("0 ") or before != after)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8))

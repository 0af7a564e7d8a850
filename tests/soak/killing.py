"""One sweep that is killed at random and resumed until it ends, and its expected results."""

import collections
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import psutil

OPTIONS = ("--hidden", "8,8", "--batch-size", "16", "--points", "256", "--json")
SWEEPS = {
    "ntc": ("circle", "--lmbda", "4,16", "--seeds", "2", "--steps", "6000", "--checkpoint-every", "50"),
    "circular": (
        "circle",
        "--lmbda",
        "4,16",
        "--compressor",
        "circular",
        "--steps",
        "8000",
        "--checkpoint-every",
        "50",
    ),
    "short": ("circle", "--lmbda", "4,16", "--steps", "3000", "--checkpoint-every", "50"),
    "points": ("ring.npy", "--lmbda", "4,16", "--seeds", "2", "--steps", "700", "--checkpoint-every", "10"),
}
CLUSTER = """
import sys, time
from distributed import LocalCluster
if __name__ == "__main__":
    made = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50)
    print(made.scheduler_address, flush=True)
    time.sleep(1e6)
"""
SIGNALS = (*[signal.SIGKILL] * 4, signal.SIGTERM, signal.SIGINT)
ENDED = 60.0  # seconds in which processes must have ended, on a busy machine
STUCK = 600.0  # seconds after which a command counts as hanging
SOON = 6.0  # seconds within which a kill follows its trigger


class Fault(Exception):  # noqa: N818  # what is looked for
    """A run was lost or differs, or a file was left behind."""


def start(*arguments, folder, output=subprocess.DEVNULL):
    """A process of this Python."""
    with (folder / "log").open("a") as log:
        return subprocess.Popen([sys.executable, *map(str, arguments)], cwd=folder, stdout=output, stderr=log)


def kept(store):
    """Content of a store: records without training times, and the bytes of the other files."""
    content = {}
    for path in sorted(path for path in store.rglob("*") if path.is_file()):
        name = str(path.relative_to(store))
        if path.suffix == ".json":
            content[name] = json.loads(path.read_text())
            content[name].pop("digest")
            content[name]["metrics"].pop("seconds")
        elif name != "index.csv":
            content[name] = path.read_bytes()
    return content


def finished(store):
    """The current records and weights of finished runs."""
    records = [path for path in (store / "runs").glob("*.json") if not path.name.startswith(".")]
    return {path: path.read_bytes() for record in records for path in (record, record.with_suffix(".safetensors"))}


class Undisturbed:
    """Results of undisturbed sweeps, each trained once."""

    def __init__(self, folder):
        self.folder, self._made = folder, {}
        turn = 2 * np.pi * np.arange(64) / 64
        np.save(folder / "ring.npy", np.stack([np.cos(turn), np.sin(turn)], axis=1))

    def content(self, name):
        if name not in self._made:
            store = self.folder / f"{name}-undisturbed"
            # two workers, as in disturbed sweeps: rounding may depend on the other models of a program
            workers = () if name == "short" else ("--workers", "2")
            options = (*SWEEPS[name], *OPTIONS, "--store", store, *workers)
            command = start("-m", "edcurve", "sweep", *options, folder=self.folder)
            if command.wait() != 0:
                raise Fault(f"the undisturbed sweep ended with {command.returncode}: {self.log()}")
            self._made[name] = kept(store)
        return self._made[name]

    def log(self):
        return (self.folder / "log").read_text()[-1500:]


class Cluster:
    """A local scheduler with two workers, in a process that is restarted if killed."""

    def __init__(self, folder):
        self.folder, self._process, self.address = folder, None, None

    def alive(self):
        if self._process is None or self._process.poll() is not None:
            self._process = start("-c", CLUSTER, folder=self.folder, output=subprocess.PIPE)
            self.address = self._process.stdout.readline().decode().strip()
        return self.address

    def victims(self):
        return {"cluster": [psutil.Process(self._process.pid)], "worker": workers_of(self._process)}

    def end(self):
        if self._process is not None:
            ended(self._process, workers_of(self._process))
            self._process.stdout.close()


def ended(process, others):
    """Kill a process, and wait until its children have ended by themselves."""
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(others, ENDED)
    if alive:
        raise Fault(f"processes outlive the one that started them: {alive}")


def workers_of(process):
    """Child processes, without the resource tracker."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child for child in psutil.Process(process.pid).children(recursive=True) if is_worker(child)]
    return []


def is_worker(process):
    with contextlib.suppress(psutil.Error):
        return "spawn_main" in " ".join(process.cmdline())
    return False


def soaked(undisturbed, by, seed, most, name=None):
    """Kill and resume a sweep until it ends, with at most `most` kills; returns counts by target and signal.

    Raises `Fault` if a run was lost, or is not that of the undisturbed sweep, or something was left behind.
    """
    rng = random.Random(f"{by} {seed}")
    name = rng.choice(("circular", "ntc", "points")) if name is None else name
    expected, store = undisturbed.content(name), undisturbed.folder / f"{name}-{seed}"
    cluster = Cluster(undisturbed.folder) if by == "cluster" else None
    counts, done = collections.Counter(), {}
    try:
        code = None
        while code != 0:
            where = {"processes": ("--workers", "2"), "threads": ()}.get(by)
            where = ("--cluster", cluster.alive()) if where is None else where
            sweep = start(
                *("-m", "edcurve", "sweep", *SWEEPS[name], *OPTIONS, "--store", store, *where),
                folder=undisturbed.folder,
            )
            code = disturbed(sweep, cluster, by, rng, counts, store, most)
            now = finished(store)
            if any(now.get(path) != content for path, content in done.items()):
                raise Fault("a finished run was lost or changed")
            done = now
    finally:
        if cluster is not None:
            cluster.end()
    if kept(store) != expected:
        both = kept(store)
        other = sorted(set(both) ^ set(expected)) or [file for file in both if both[file] != expected[file]]
        raise Fault(f"the resumed sweep differs from the undisturbed one in {', '.join(other)}")
    return counts


def disturbed(sweep, cluster, by, rng, counts, store, most):
    """Kill something until the command has ended; returns its exit code."""
    start, workers = time.monotonic(), []
    while sweep.poll() is None:
        if counts.total() < most:
            wait(sweep, store, rng)
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                sweep.wait(STUCK)
        if sweep.poll() is None and counts.total() < most:
            workers = workers_of(sweep)
            victim, name = strike(sweep, cluster, rng)
            counts[by, victim, name] += 1
        elif sweep.poll() is None or time.monotonic() - start > STUCK:
            sweep.kill()
            raise Fault(f"a command still ran after {STUCK:g} s")
    _, alive = psutil.wait_procs(workers, ENDED)
    if alive:
        raise Fault(f"workers outlive their sweep: {alive}")
    return sweep.returncode


def wait(sweep, store, rng):
    """Wait for a random time, mostly until a moment of training."""
    if rng.random() < 0.75:
        before, deadline = latest(store), time.monotonic() + 60
        while latest(store) == before and sweep.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
    with contextlib.suppress(subprocess.TimeoutExpired):
        sweep.wait(rng.uniform(0.0, SOON) ** 2 / SOON)


def latest(store):
    """Name and time of the last write in a store."""
    seen = []
    for path in (store / "checkpoints").glob("*"):
        with contextlib.suppress(OSError):  # it is gone
            seen.append((path.stat().st_mtime_ns, path.name))
    return max(seen, default=None)


def strike(sweep, cluster, rng):
    """Kill the command, one of its workers, or a whole cluster; returns the target and the signal."""
    victims = {"sweep": [psutil.Process(sweep.pid)], "worker": workers_of(sweep)}
    if cluster is not None:
        victims |= cluster.victims()
    kinds = [kind for kind, processes in victims.items() if processes]
    kind = rng.choices(kinds, [1 if kind == "cluster" else 4 for kind in kinds])[0]
    number = rng.choice(SIGNALS) if kind == "sweep" else signal.SIGKILL
    with contextlib.suppress(psutil.NoSuchProcess):
        os.kill(rng.choice(victims[kind]).pid, number)
    if kind == "sweep":
        with contextlib.suppress(subprocess.TimeoutExpired):
            sweep.wait(ENDED)
    if sweep.poll() is None and kind == "sweep":
        raise Fault(f"a command still ran {ENDED:g} s after {signal.Signals(number).name}")
    return kind, signal.Signals(number).name

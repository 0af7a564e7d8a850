"""Sweeps by a Dask cluster: a real scheduler, and two worker processes, of which one is killed."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import edcurve_neural as edn
import pytest
import torch
from edcurve.cli import main
from edcurve_neural.store import Store
from edcurve_neural.training import executors

SLOW = """
import os, time
from pathlib import Path
from distributed.cli.dask_worker import main
from edcurve_neural.store import Store
from edcurve_neural.training import Program
step, save = Program.step, Store.save_checkpoint
Program.step = lambda self: (time.sleep(0.004), step(self))[1]
Store.save_checkpoint = lambda self, program: (save(self, program), Path(f"saved-by-{os.getpid()}").touch())[0]
main()
"""
SMALL = ("--batch-size", "16", "--hidden", "8,8", "--points", "256", "--checkpoint-every", "20")
BASE = edn.Config("circle", 4.0, hidden=(8, 8), batch_size=16, steps=240)
FILE = ("--scheduler-file", "scheduler.json", "--no-dashboard")
SCHEDULER = (*FILE, "--host", "127.0.0.1", "--port", "0")
WORKER = (*FILE, "--nthreads", "1", "--no-nanny")
CONFIGS = [BASE, replace(BASE, lmbda=32.0)]
FOREVER = ("sweep", "circle", "--lmbda", "4", "--steps", "1000000", *SMALL)


class Cluster:
    """A scheduler and two workers of one thread, in separate processes."""

    def __init__(self, folder):
        self.folder = folder
        self.scheduler = self.start("scheduler", "-m", "distributed.cli.dask_scheduler", *SCHEDULER)
        self.workers = [self.start("worker", "-c", SLOW, *WORKER) for _ in range(2)]
        wait_for(lambda: all("Registered to" in self.log(worker) for worker in self.workers), *self.processes)
        self.address = json.loads((folder / "scheduler.json").read_text())["address"]

    @property
    def processes(self):
        return [self.scheduler, *self.workers]

    def start(self, name, *arguments):
        command = [sys.executable, *arguments]
        path = self.folder / f"{name}-{len(list(self.folder.iterdir()))}.log"
        environment = {**os.environ, "DASK_TEMPORARY_DIRECTORY": str(self.folder)}
        with path.open("w") as file:
            process = subprocess.Popen(command, cwd=self.folder, env=environment, stderr=file)
        process.path = path
        return process

    def log(self, process):
        return process.path.read_text()

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()


def wait_for(condition, *processes):
    deadline = time.monotonic() + 120
    while not condition():
        assert all(process.poll() is None for process in processes)
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    own_cluster = Cluster(tmp_path_factory.mktemp("dask"))
    yield own_cluster
    own_cluster.end()


@pytest.fixture
def cli(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments], prog_name="edcurve")
        return end.value.code, *capsys.readouterr()

    return run


def checkpoints(folder):
    return list(folder.glob("store/checkpoints/[!.]*.safetensors"))


def content(store):
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in Store(store).rows()]
    return rows, [Store(store).load(config).model.flat.detach() for config in CONFIGS]


@contextmanager
def once(condition, act, *processes):
    """Act in another thread when a condition holds; if it never does, interrupt."""

    def watch():
        try:
            wait_for(condition, *processes)
            act()
        except BaseException:
            os.kill(os.getpid(), signal.SIGINT)
            raise

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(watch)
        yield
        done.result()


def test_a_worker_is_killed(dask, cli, tmp_path):
    many = ("sweep", "circle", "--lmbda", "4,32", "--steps", "240", *SMALL, "--json")

    def kill():
        (dead,) = [worker for worker in dask.workers if saved(worker)][:1]
        dask.workers.remove(dead)
        dead.kill()
        dead.wait()

    def saved(worker):
        return (dask.folder / f"saved-by-{worker.pid}").exists()

    with once(lambda: any(map(saved, dask.workers)), kill, *dask.processes):
        code, out, err = cli(*many, "--store", "store", "--cluster", dask.address)  # workers are in another folder
    assert code == 0, err
    assert [row["lmbda"] for row in json.loads(out)] == [4.0, 32.0]
    went_on = re.compile(r"going on with 1 model \(circle, .*\) from step (\d+) of 240")
    (step,) = went_on.findall(dask.log(dask.workers[0]))
    assert went_on.findall(err) == [step]
    assert int(step) % 20 == 0
    assert 20 <= int(step) < 240
    # the results of two threads without interruption
    with ThreadPoolExecutor(2) as pool:
        edn.sweep(CONFIGS, store=tmp_path / "whole", points=256, progress=False, executor=pool)
    (rows, weights), (expected, others) = content(tmp_path / "store"), content(tmp_path / "whole")
    assert rows == expected
    assert all(torch.equal(a, b) for a, b in zip(weights, others, strict=True))


def test_an_interrupt_frees_the_workers(dask, cli, tmp_path):
    with once(lambda: checkpoints(tmp_path), lambda: os.kill(os.getpid(), signal.SIGINT), *dask.processes):
        code, out, err = cli(*FOREVER, "--store", "store", "--cluster", dask.address)
    assert (code, out) == (1, "")
    assert "Traceback" not in err
    with edn.cluster(dask.address) as executor:  # one worker with one thread
        edn.sweep([replace(BASE, steps=20)], store="other", points=256, progress=False, executor=executor)
    assert len(Store("other").rows()) == 1


def test_workers_need_the_folder_and_the_device(dask, cli, tmp_path, monkeypatch):
    small = ("sweep", "circle", "--lmbda", "4", "--steps", "20", *SMALL, "--cluster", dask.address)
    code, _, err = cli(*small, "--store", "store", "--device", "cuda:99")
    assert code == 2
    assert "has no device cuda:99: PyTorch" in err
    monkeypatch.setattr(Path, "absolute", lambda path: Path("/nowhere") / path)
    code, _, err = cli(*small, "--store", "store")
    assert code == 2
    assert "does not see the store's folder /nowhere/store" in err


def test_other_releases(dask, cli, monkeypatch):
    here = os.getpid()

    def version(name):
        return "9.9" if os.getpid() == here else real(name)

    real = executors.version
    monkeypatch.setattr(executors, "version", version)
    code, _, err = cli(*FOREVER, "--store", "store", "--cluster", dask.address)
    assert code == 2
    assert f"cluster at {dask.address!r} need edcurve[neural] 9.9: found {real('edcurve')}\n" in err


def test_the_scheduler_is_killed(dask, cli, tmp_path):
    with once(lambda: checkpoints(tmp_path), dask.scheduler.kill, *dask.processes):
        code, out, err = cli(*FOREVER, "--store", "store", "--cluster", dask.address)
    assert (code, out) == (1, "")
    assert f"Error: the connection to the Dask scheduler at {dask.address!r} was lost; the same command again" in err


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "", "foo://x:1", "tls://127.0.0.1:1"])
def test_unreachable(cli, tmp_path, address, monkeypatch):
    monkeypatch.setattr(executors, "REACHED", 0.5)
    code, out, err = cli(*FOREVER, "--store", "store", "--cluster", address)
    assert (code, out) == (2, "")
    assert f"Error: no Dask scheduler answers at {address!r}: " in err
    assert not list(tmp_path.iterdir())


def test_another_server_answers(cli):
    """The server sends messages that are not Dask's."""

    def answer():
        with server.accept()[0] as connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server, once(lambda: True, answer):
        code, _, err = cli(*FOREVER, "--store", "store", "--cluster", f"127.0.0.1:{server.getsockname()[1]}")
    assert code == 2
    assert "Error: no Dask scheduler answers at '127.0.0.1:" in err


def test_without_the_extra(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, out, err = cli(*FOREVER, "--store", "store", "--cluster", "127.0.0.1:1")
    assert (code, out) == (2, "")
    assert "Error: a Dask cluster needs the extra cluster: pip install 'edcurve[cluster]' (" in err


def test_workers_and_cluster(cli):
    code, _, err = cli(*FOREVER, "--store", "store", "--cluster", "127.0.0.1:1", "--workers", "2")
    assert code == 2
    assert "Error: --workers and --cluster exclude each other" in err


def test_a_port_that_accepts_without_answer(monkeypatch):
    monkeypatch.setattr(executors, "REACHED", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        start = time.monotonic()
        with (
            pytest.raises(ConnectionError, match=f"no Dask scheduler answers at '{address}': nothing within 0.3 s"),
            executors.cluster(address),
        ):
            pytest.fail("it answered")
        assert time.monotonic() - start < 5.0


class Scheduler:
    """A scheduler's answer: none, or its workers."""

    def __init__(self, workers):
        self.workers = workers

    async def identity(self):
        if self.workers is None:
            await asyncio.sleep(60)
        return {"workers": self.workers}


@pytest.mark.parametrize(
    ("workers", "said"),
    [(None, "the Dask scheduler: it has not answered for"), ({}, "a worker: none is left"), ({1: 2}, "")],
)
def test_waiting_is_reported(capsys, monkeypatch, workers, said):
    monkeypatch.setattr(executors, "SAID", 0.1)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    client = SimpleNamespace(scheduler=Scheduler(workers), loop=SimpleNamespace(asyncio_loop=loop))
    patience = executors.Patience(SimpleNamespace(_client=client))
    for _ in range(6):
        patience.look()
        time.sleep(0.05)
    if patience._answer is not None:
        patience._answer.cancel()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    lines = capsys.readouterr().err.splitlines()
    assert bool(lines) == bool(said)
    assert all(line.startswith(f"waiting for {said}") and "Ctrl-C stops" in line for line in lines)
    executors.Patience(object()).look()  # other executors are not reported on

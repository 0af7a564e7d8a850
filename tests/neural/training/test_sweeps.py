"""Sweeps: what is stored, interruption at any moment, damage, several processes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import active_children, get_context

import edcurve_neural as edn
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from edcurve_neural.compressors import begin
from edcurve_neural.files import write_json
from edcurve_neural.optimisation.program import Program
from edcurve_neural.store import Store
from edcurve_neural.training import sweeps
from edcurve_neural.training.sweeps import described

BASE = edn.Config("circle", 16.0, latent_dim=2, hidden=(8, 8), batch_size=16, steps=50)
RAMP = edn.Config(
    "ramp", 48.0, samples=20, hidden=(8, 8), batch_size=13, steps=50
)  # a batch that is not a multiple of a vector
NAMED = "ramp, ntc, latent 1, batch 13, λ 48, training set none, 40, seed 0, 3, 4"
CONFIGS = [BASE, replace(BASE, lmbda=4.0, seed=1), RAMP, replace(RAMP, seed=3, train_size=40), replace(RAMP, seed=4)]


def swept(store, configs=CONFIGS, **options):
    return edn.sweep(configs, store=store, points=2**8, progress=False, **{"checkpoint_every": 7, **options})


def content(store, configs=CONFIGS):
    """Weights and metrics of all runs, without the time they took."""
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in Store(store).rows()]
    return rows, [Store(store).load(config).model.flat.detach() for config in configs]


def assert_same(store, other, configs=CONFIGS):
    (rows, weights), (others, expected) = content(store, configs), content(other, configs)
    assert rows == others
    assert all(torch.equal(a, b) for a, b in zip(weights, expected, strict=True))


def test_rows_index_and_runs(tmp_path):
    done = swept(tmp_path)
    table = done.to_pandas()
    assert table["key"].tolist() == [config.key for config in CONFIGS]
    assert table["lmbda"].tolist() == [config.lmbda for config in CONFIGS]
    total = table["entropy_model"] + table["decoder"] + table["partition"]
    assert np.allclose(total, table["excess"], rtol=0, atol=1e-6)
    assert (table["excess_sampled"].dropna() > table["excess"][table["source"] == "ramp"] - 1e-9).all()
    assert pd.read_csv(tmp_path / "index.csv").shape == table.shape
    for config, trained in zip(CONFIGS, edn.train_many(CONFIGS, progress=False), strict=True):
        run = done.load(config)
        assert torch.equal(run.model.flat, trained.model.flat)
        assert run.config == config
        assert run.evaluate(2**8) == trained.evaluate(2**8)
        assert all(np.array_equal(run.history[name], trained.history[name]) for name in trained.history)


def test_finished_runs_are_not_trained_again(tmp_path, monkeypatch):
    swept(tmp_path, CONFIGS[:3])
    trained = []
    step = Program.step
    monkeypatch.setattr(Program, "step", lambda self: trained.extend(self.configs) or step(self))
    swept(tmp_path, CONFIGS)
    assert {config.key for config in trained} == {config.key for config in CONFIGS[3:]}


@pytest.mark.parametrize("at", [3, 7, 20, 21, 49])
def test_interrupted_and_resumed(tmp_path, monkeypatch, at, capsys):
    swept(tmp_path / "whole")
    step, failing = Program.step, [True]

    def interrupted(self):
        if failing[0] and self.done == at and self.configs[0].source == "ramp":
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(Program, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        swept(tmp_path / "halves")
    failing[0] = False
    steps = []
    monkeypatch.setattr(Program, "step", lambda self: steps.append((len(self.configs), self.done)) or step(self))
    capsys.readouterr()
    edn.sweep(CONFIGS, store=tmp_path / "halves", points=2**8, checkpoint_every=7)
    assert min(done for models, done in steps if models == 3) == at // 7 * 7
    messages = capsys.readouterr().err
    assert (f"going on with 3 models ({NAMED}) from step {at // 7 * 7} of 50\n" in messages) == (at >= 7)
    assert_same(tmp_path / "whole", tmp_path / "halves")
    assert not list((tmp_path / "halves" / "checkpoints").iterdir())


PROGRAM = """
import sys, time
import edcurve_neural as edn, torch
from edcurve_neural.training import Program
torch.set_num_threads(1)
step = Program.step
if len(sys.argv) > 2:
    Program.step = lambda self: (time.sleep(float(sys.argv[2])), step(self))[1]
base = edn.Config("circle", 16.0, latent_dim=2, hidden=(8, 8), batch_size=16, steps=50)
configs = [base, edn.Config("circle", 4.0, latent_dim=2, hidden=(8, 8), batch_size=16, steps=50, seed=1)]
edn.sweep(configs, store=sys.argv[1], points=2**8, progress=False, checkpoint_every=7)
"""


def test_models_have_names():
    turn = 2 * np.pi * np.arange(32) / 32
    ring = edn.from_samples(np.stack([np.cos(turn), np.sin(turn)], axis=1), label="a ring")
    circular = [edn.Config(ring, 2.0**i, compressor="circular", seed=1) for i in range(12)]
    assert described(circular) == "12 models (a ring, circular, batch 1024, λ 1, 2, 4, 8, 16, 32, …, 2048, seed 1)"
    assert described(CONFIGS[:1]) == "1 model (circle, ntc, latent 2, batch 16, λ 16, seed 0)"


def test_killed_and_resumed(tmp_path):
    """SIGKILL as soon as there is a checkpoint."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path / "killed"), "0.05"])
    checkpoints = tmp_path / "killed" / "checkpoints"
    deadline = time.monotonic() + 120
    while not list(checkpoints.glob("[!.]*.safetensors")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert Store(tmp_path / "killed").begun() == [CONFIGS[:2]]
    swept(tmp_path / "killed", CONFIGS[:2])
    swept(tmp_path / "whole", CONFIGS[:2])
    assert_same(tmp_path / "killed", tmp_path / "whole", CONFIGS[:2])


def test_two_processes_on_one_store(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "shared")]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(120) for process in processes] == [0, 0]
    swept(tmp_path / "alone", CONFIGS[:2])
    assert_same(tmp_path / "shared", tmp_path / "alone", CONFIGS[:2])
    assert len(pd.read_csv(tmp_path / "shared" / "index.csv")) == 2


@pytest.mark.parametrize("kind", ["processes", "threads"])
def test_executors(tmp_path, kind):
    pool = ProcessPoolExecutor(2, get_context("spawn")) if kind == "processes" else ThreadPoolExecutor(2)
    with pool:
        swept(tmp_path / "pool", executor=pool)
    swept(tmp_path / "here")
    rows = pd.DataFrame(content(tmp_path / "pool")[0])
    expected = pd.DataFrame(content(tmp_path / "here")[0])
    # the ramps are grouped differently, and their batch is not a multiple of a vector
    pd.testing.assert_frame_equal(rows, expected, rtol=0.05)
    circles = rows["source"] == "circle"
    pd.testing.assert_frame_equal(rows[circles], expected[circles])


def test_executor_that_fails(tmp_path):
    class Failing(ThreadPoolExecutor):
        def submit(self, function, *arguments):
            return super().submit(lambda: 1 // 0)

    with Failing(2) as pool, pytest.raises(ZeroDivisionError):
        swept(tmp_path, executor=pool)
    swept(tmp_path)


def test_a_worker_that_is_killed_is_replaced(tmp_path, capfd):
    config = replace(BASE, steps=1000)
    checkpoints, before = tmp_path / "killed" / "checkpoints", set(active_children())

    def kill():
        deadline = time.monotonic() + 120
        while not list(checkpoints.glob("[!.]*.safetensors")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for process in set(active_children()) - before:
            process.kill()

    with ThreadPoolExecutor(1) as pool, edn.processes(1) as executor:
        killed = pool.submit(kill)
        edn.sweep([config], store=tmp_path / "killed", points=2**8, checkpoint_every=50, executor=executor)
        killed.result()
    messages = capfd.readouterr().err
    assert messages.count("a worker process died, perhaps for lack of memory: the workers are started again") == 1
    assert len(re.findall(r"going on with 1 model \(.*\) from step \d+ of 1000", messages)) == 1
    swept(tmp_path / "whole", [config])
    assert_same(tmp_path / "killed", tmp_path / "whole", [config])
    assert not set(active_children()) - before


def test_workers_that_die_repeatedly(tmp_path):
    submitted = []

    class Dying(ThreadPoolExecutor):
        def submit(self, function, *arguments):
            submitted.append(arguments)
            future = Future()
            future.set_exception(BrokenExecutor("dead"))
            return future

    with Dying(1) as pool, pytest.raises(BrokenExecutor, match="dead"):
        swept(tmp_path, [BASE], executor=pool)
    assert submitted == [([BASE],)] * 6


def test_no_processes():
    for count in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match=f"count must be an integer, at least 1, got {count}"):
            edn.processes(count)


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("at", [3, 20, 100, -1, -500])
def test_damaged_weights(tmp_path, at):
    done = swept(tmp_path, [BASE])
    path = tmp_path / "runs" / f"{BASE.key}.safetensors"
    flip(path, at)
    with pytest.raises(edn.DamagedFileError, match=f"{BASE.key}.safetensors: .*the file is damaged: delete it"):
        done.load(BASE)


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_truncated(tmp_path, keep):
    done = swept(tmp_path, [BASE])
    for suffix, read in (("safetensors", lambda: done.load(BASE)), ("json", lambda: swept(tmp_path, [BASE]))):
        path = tmp_path / "runs" / f"{BASE.key}.{suffix}"
        whole = path.read_bytes()
        path.write_bytes(whole[:keep])
        if suffix == "json" and keep == -1:  # the newline at the end
            continue
        with pytest.raises(edn.DamagedFileError, match=str(path)):
            read()
        path.write_bytes(whole)


def test_edited_record(tmp_path):
    done = swept(tmp_path, [BASE])
    path = tmp_path / "runs" / f"{BASE.key}.json"
    record = json.loads(path.read_text())
    record["metrics"]["excess"] = 0.0
    path.write_text(json.dumps(record))
    for read in (done.to_pandas, lambda: done.load(BASE), lambda: swept(tmp_path, CONFIGS)):
        with pytest.raises(edn.DamagedFileError, match="its content does not match its digest"):
            read()


def test_missing_weights(tmp_path):
    swept(tmp_path, [BASE])
    (tmp_path / "runs" / f"{BASE.key}.safetensors").unlink()
    with pytest.raises(edn.DamagedFileError, match="its weights are missing"):
        swept(tmp_path, [BASE])


def test_damaged_checkpoint(tmp_path):
    store, program = Store(tmp_path), begin([BASE])
    for _ in range(9):
        program.step()
    store.save_checkpoint(program)
    path = store.checkpoint([BASE])
    assert (store.reached([BASE]), store.reached([RAMP])) == (9, 0)
    flip(path, -100)
    with pytest.raises(edn.DamagedFileError, match=path.name):
        swept(tmp_path, [BASE])
    path.unlink()
    swept(tmp_path, [BASE])


def test_remnants_of_a_killed_writer_are_ignored(tmp_path):
    swept(tmp_path, [BASE])
    for part, suffix in (("runs", "json"), ("runs", "safetensors"), ("checkpoints", "safetensors")):
        (tmp_path / part / f".edcurve-0123456789abcdef.{suffix}").write_bytes(b"half")
    assert len(swept(tmp_path, [BASE, CONFIGS[1]]).to_pandas()) == 2


def test_checkpoints_of_finished_programs_are_removed(tmp_path):
    swept(tmp_path, [BASE])
    Store(tmp_path).save_checkpoint(begin([BASE]))
    swept(tmp_path, [BASE])
    assert not list((tmp_path / "checkpoints").iterdir())


def test_diverged_runs_are_stored(tmp_path):
    bad = replace(BASE, lmbda=1e6, learning_rate=1e30)
    table = swept(tmp_path, [bad, BASE]).to_pandas()
    assert table["status"].tolist() == ["diverged", "finished"]
    assert table["excess"].isna().tolist() == [True, False]
    run = Store(tmp_path).load(bad)
    assert run.status == "diverged"
    assert 0 <= run.failed < 50


def test_plot(tmp_path):
    mpl.use("Agg")
    ax = swept(tmp_path, [BASE, RAMP]).plot()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["circle: E(D)", "circle: latent 2, batch 16", "ramp: E(D)", "ramp: latent 1, batch 13"]
    mpl.pyplot.close(ax.figure)


def test_tensorboard(tmp_path):
    swept(tmp_path / "store", [BASE, RAMP], tensorboard=tmp_path / "logs")
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {BASE.key, RAMP.key}


def test_errors(tmp_path):
    with pytest.raises(TypeError, match=r"configs must be of edcurve_neural\.Config, got 3"):
        swept(tmp_path, [3])
    with pytest.raises(ValueError, match="checkpoint_every must be an integer, at least 1, got 0"):
        swept(tmp_path, checkpoint_every=0)
    with pytest.raises(ValueError, match="points must be an integer, at least 2, got 1"):
        edn.sweep([BASE], store=tmp_path, points=1)
    with pytest.raises(KeyError, match="has no finished run"):
        Store(tmp_path).load(BASE)


def test_planned_programs_are_not_regrouped(tmp_path, monkeypatch):
    """Rounding may depend on the other models of a program, so the remaining ones are not regrouped after a kill."""
    source = edn.from_samples(np.exp(2j * np.pi * np.arange(16) / 16)[:, None].view(float), label="ring")
    fields = {"hidden": (4,), "batch_size": 8, "steps": 4}
    configs = [edn.Config(source, lmbda, **fields) for lmbda in (1.0, 2.0, 3.0, 4.0)]
    trained = []
    monkeypatch.setattr(sweeps, "begin", lambda program, device: (trained.append(program), begin(program, device))[1])
    store = edn.Store(tmp_path)
    store.make()
    store.plan(configs[1:3])  # and the others were finished before the kill
    edn.sweep([configs[0], configs[3]], store=tmp_path, points=16, progress=False)
    trained.clear()
    edn.sweep(configs, store=tmp_path, points=16, progress=False)
    assert trained == [configs[1:3]]
    assert list((tmp_path / "checkpoints").iterdir()) == []
    assert {row["points_of"] for row in store.rows()} == {"ring"}


@pytest.mark.parametrize("content", [{}, {"configs": 1}, {"configs": [1]}, {"configs": [{"source": "circle"}]}])
def test_invalid_plans_are_named(tmp_path, content):
    store = edn.Store(tmp_path)
    store.make()
    path = tmp_path / "checkpoints" / "0123456789abcdef.json"
    write_json(path, content)
    with pytest.raises(edn.DamagedFileError, match=f"^{path}: not a checkpoint"):
        edn.sweep([edn.Config("circle", 1.0, hidden=(4,), steps=4)], store=tmp_path, progress=False)


def test_remnants_of_dead_workers_are_removed(tmp_path):
    config = edn.Config("circle", 1.0, hidden=(4,), batch_size=8, steps=4)
    left = tmp_path / "checkpoints" / ".edcurve-0123.safetensors"
    with Dying(left) as executor:
        edn.sweep([config], store=tmp_path, points=16, progress=False, executor=executor)
    assert not left.exists()


class Dying(ThreadPoolExecutor):
    """Leaves an unfinished file, like a worker killed while writing."""

    def __init__(self, left):
        super().__init__(1)
        self._left = left

    def submit(self, *args, **kwargs):
        self._left.touch()
        return super().submit(*args, **kwargs)

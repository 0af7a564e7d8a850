"""Training on a GPU: as on a CPU to rounding, and reproducible to the bit; sharing of a GPU, simulated."""

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from threading import Barrier, get_ident
from types import SimpleNamespace

import edcurve_neural as edn
import pytest
import torch
from edcurve_neural import training
from edcurve_neural.compressors import begin
from edcurve_neural.optimisation import capture
from edcurve_neural.optimisation.program import Program
from edcurve_neural.store import Store

cuda = pytest.mark.cuda
BASE = edn.Config("circle", 16.0, latent_dim=2, hidden=(32, 24), batch_size=64, steps=200)
MIXED = [replace(BASE, lmbda=4.0 + seed, seed=seed, batch_size=64 if seed < 3 else 33) for seed in range(6)]
MIXED += [
    edn.Config("ramp", 48.0, samples=100, hidden=(32, 24), batch_size=64, steps=200, seed=seed) for seed in (0, 1)
]
CASES = [
    ("circle", "ntc"),
    ("ramp", "ntc"),
    ("sinusoid", "ntc"),
    ("sawbridge", "ntc"),
    ("circle", "circular"),
    ("ramp", "circular-network"),
]


def configs(source, compressor):
    first = edn.Config(source, 16.0, samples=None if source == "circle" else 60, compressor=compressor)
    first = replace(first, hidden=(32, 24), batch_size=64, steps=80)
    return [first, replace(first, lmbda=100.0, seed=1, learning_rate=3e-3), replace(first, seed=2, train_size=30)]


def weights(runs):
    return torch.stack([run.model.flat[0].detach().cpu() for run in runs])


@cuda
@pytest.mark.parametrize(("source", "compressor"), CASES)
def test_as_on_a_cpu(source, compressor, monkeypatch):
    """A few steps, up to amplified rounding of float32."""
    monkeypatch.setenv("EDCURVE_CPU_KERNELS", "0")
    losses = []
    for device in ("cpu", "cuda"):
        with capture.own_stream(torch.device(device)):
            program = begin(configs(source, compressor), device)
            costs = [[value.cpu() for value in program.step()] for _ in range(40)]
        losses.append(torch.stack([rate for rate, _ in costs]))
    torch.testing.assert_close(*losses, rtol=1e-2, atol=1e-3)


@cuda
@pytest.mark.parametrize(("source", "compressor"), CASES)
def test_recorded_steps_match_plain_steps(source, compressor, monkeypatch):
    """To the bit, and reproducible."""
    wanted = configs(source, compressor)
    recorded = [weights(edn.train_many(wanted, device="cuda", progress=False)) for _ in range(2)]
    monkeypatch.setattr(capture, "recorded", lambda work, state: work)
    eager = weights(edn.train_many(wanted, device="cuda", progress=False))
    assert torch.equal(*recorded)
    assert torch.equal(recorded[0], eager)


@cuda
def test_a_sweep_that_is_interrupted(tmp_path, monkeypatch):
    """Concurrent programs end with the same bits after an interruption in one."""
    options = {"device": "cuda", "points": 2**10, "progress": False, "checkpoint_every": 20}
    edn.sweep(MIXED, store=tmp_path / "whole", **options)
    monkeypatch.setattr(training, "WRITING", 0.0)
    step = Program.step

    def interrupted(self):
        if self.configs[0].source == "ramp" and self.done == 110:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(Program, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        edn.sweep(MIXED, store=tmp_path / "halves", **options)
    monkeypatch.setattr(Program, "step", step)
    edn.sweep(MIXED, store=tmp_path / "halves", **options)
    for config in MIXED:
        pair = [Store(tmp_path / name).load(config) for name in ("whole", "halves")]
        assert torch.equal(*(run.model.flat for run in pair))


# --- without a GPU ----------------------------------------------------------------------------------------------------


@pytest.fixture
def streams(monkeypatch):
    """Simulated streams of a GPU: a list of all, and the current one of each thread."""
    made, on = [], {}

    class Stream:
        def __init__(self, device):
            made.append(self)
            self.waited = 0

        def synchronize(self):
            self.waited += 1

    @contextmanager
    def stream(one):
        assert get_ident() not in on
        on[get_ident()] = one
        try:
            yield
        finally:
            del on[get_ident()]

    monkeypatch.setattr(capture, "_streams", {})
    monkeypatch.setattr(capture, "serves", lambda device: device.type == "cuda")
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", stream)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    return SimpleNamespace(made=made, on=on)


def test_streams_are_used_again_and_never_by_two(streams):
    device, together = torch.device("cuda:0"), Barrier(3)

    def job(part, stop):
        with capture.own_stream(device):
            together.wait(10)
            used.append(streams.on[get_ident()])
            together.wait(10)

    for _ in range(2):
        used = []
        training.run_all(job, range(3), 3)
        assert len(set(map(id, used))) == 3
    assert len(streams.made) == 3
    assert [stream.waited for stream in streams.made] == [2, 2, 2]


def test_a_stream_is_waited_for_after_an_error(streams):
    with pytest.raises(KeyboardInterrupt), capture.own_stream(torch.device("cuda:0")):
        raise KeyboardInterrupt
    assert (streams.made[0].waited, streams.on) == (1, {})


def test_a_cpu_has_no_streams(streams):
    with capture.own_stream(torch.device("cpu")):
        assert not streams.made


def test_as_many_as_memory_has_room_for(monkeypatch):
    device = torch.device("cuda")
    many = [[replace(BASE, hidden=(100, 100), batch_size=1024, seed=seed) for seed in range(256)]] * 100
    each = training.memory(many[0])
    assert 2**30 < each < 2**33
    for free, count in [(139 * 2**30, 16), (5 * each, 5), (5 * each - 1, 4), (1000, 1)]:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 139 * 2**30))
        assert training.side_by_side(many, device) == count
        assert training.side_by_side([[BASE], many[0]], device) == count
    assert training.side_by_side([], device) == 16
    assert training.threads_of(device) == 1
    torch.set_num_threads(2)
    assert training.side_by_side(many, torch.device("cpu")) == training.threads_of(torch.device("cpu")) == 2


def test_checkpoints_on_a_gpu_take_one_part_in_twenty(monkeypatch):
    """Steps of 10 ms, and checkpoints of 20 ms due every other step: each is followed by 400 ms without one."""
    now, saved = [0.0], []

    class Steps:
        def __init__(self, device):
            self.flat, self.clock = SimpleNamespace(device=torch.device(device)), 0
            self.done, self.steps, self.records = 0, 200, []

        def step(self):
            now[0] += 0.01
            self.done += 1

    def save(program):
        now[0] += 0.02
        saved.append(program.done)

    monkeypatch.setattr(training.time, "monotonic", lambda: now[0])
    for device in ("cpu", "cuda"):
        saved.clear()
        training.finish(Steps(device), SimpleNamespace(is_set=lambda: False), lambda program: None, None, save, 2)
        assert saved[:3] == ([2, 4, 6] if device == "cpu" else [2, 42, 82])

"""Steps that a GPU records and replays: on a CPU, on the device "meta", and by a tape in place of a CUDA graph."""

from dataclasses import replace

import edcurve_neural as edn
import numpy as np
import pytest
import torch
from edcurve_neural.compressors import begin
from edcurve_neural.compressors.train_ntc import TransformProgram
from edcurve_neural.optimisation.program import Cost
from recording import Refusing, stand_in

SMALL = {"hidden": (9, 8), "batch_size": 48, "steps": 40}
TURN = 2 * np.pi * np.arange(24) / 24
RING = np.stack([np.cos(TURN), np.sin(TURN), 0.5 + 0 * TURN], axis=1)
SOURCES = ["circle", "ramp", "sinusoid", "sawbridge", "ring"]


def configs(source, compressor="ntc", **fields):
    samples = None if source in ("circle", "ring") else 20
    name = edn.from_samples(RING) if source == "ring" else source
    first = edn.Config(name, 16.0, samples=samples, compressor=compressor, **{**SMALL, **fields})
    return [first, replace(first, lmbda=100.0, seed=1, learning_rate=3e-3), replace(first, seed=2, train_size=30)]


@pytest.fixture(autouse=True)
def _autograd(monkeypatch):
    """Use autograd, as on a GPU, instead of numba's kernels."""
    monkeypatch.setenv("EDCURVE_CPU_KERNELS", "0")


def prepared(program, done):
    program.done = done
    program.prepare()
    return program


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("compressor", "fields"),
    [
        ("ntc", {"latent_dim": 2}),
        ("ntc", {"likelihood": "reference"}),
        ("circular", {"start": "random"}),
    ],
)
def test_a_step_reads_no_value(source, compressor, fields):
    """The device "meta" has no values. Steps 0 and 39 are of the first and the last stage."""
    program = begin(configs(source, compressor, **fields), "meta")
    stages = set()
    for done in (0, 39):
        prepared(program, done)
        stages.add(program.stage)
        for first in (True, False):
            with Refusing(first):
                program.compute()
    assert len(stages) == (1 if compressor == "circular" else 2)


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda x: x.sum().item(), RuntimeError),
        (lambda x: x[x > 0], (RuntimeError, NotImplementedError)),
        (lambda x: torch.ones(2).to(x), AssertionError),
    ],
)
def test_reading_a_value_is_refused(ask, error):
    """The test above can fail."""
    with pytest.raises(error), Refusing():
        ask(torch.zeros(2, device="meta"))


def trained(configs, steps=40):
    program = begin(configs)
    for _ in range(steps):
        program.step()
    return program


def assert_same(program, other):
    state, expected = program.state(), other.state()
    assert state.keys() == expected.keys()
    for name in state:
        torch.testing.assert_close(state[name], expected[name], rtol=0.0, atol=0.0, equal_nan=True)


@pytest.mark.parametrize(
    ("compressor", "source"),
    [("ntc", "circle"), ("ntc", "ramp"), ("ntc", "ring"), ("circular", "sinusoid")],
)
def test_replayed_steps_are_steps(compressor, source, monkeypatch):
    """To the bit, with history and failures: a recording uses no stale values of the host."""
    wanted = configs(source, compressor)
    wanted[1] = replace(wanted[1], learning_rate=1e30)  # it diverges, and the step must be right
    plain = trained(wanted)
    tapes = stand_in(monkeypatch)
    replayed = trained(wanted)
    assert [tape.replays for tape in tapes] == {"ntc": [10, 30], "circular": [40]}[compressor]
    assert_same(replayed, plain)
    assert plain.failed[1] > 0


@pytest.mark.parametrize("at", [3, 25])
def test_resuming_with_replayed_steps(at, monkeypatch):
    wanted = configs("ramp")
    stand_in(monkeypatch)
    whole, first, second = trained(wanted), trained(wanted, at), begin(wanted)
    second.restore(first.state(), at)
    for _ in range(at, 40):
        second.step()
    assert_same(second, whole)


def test_without_recording_a_warning_and_the_same_result(monkeypatch):
    wanted = configs("circle")
    plain = trained(wanted)
    stand_in(monkeypatch, fail=True)
    with pytest.warns(UserWarning, match=r"cannot record steps .*slower.* \(CUDA error: [^\n]* capturing\)$") as warned:
        unrecorded = trained(wanted)
    assert len(warned) == 2
    assert_same(unrecorded, plain)


def test_a_program_without_stages_is_not_recorded(monkeypatch):
    """Its update may be any computation."""
    tapes = stand_in(monkeypatch)
    monkeypatch.setattr(TransformProgram, "stage", None)
    monkeypatch.setattr(TransformProgram, "update", lambda self: Cost(*torch.full((2, 3), float(self.done))))
    assert trained(configs("circle"), 3).history(1)["rate"].tolist() == [0.0, 1.0, 2.0]
    assert not tapes

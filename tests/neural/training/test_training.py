"""Training: reproducibility, independence of models, schedules, optimiser, failures, results."""

import math
import threading
from dataclasses import replace

import edcurve_neural as edn
import numpy as np
import pytest
import torch
from edcurve_neural.compressors import begin, cpu_kernels
from edcurve_neural.compressors.ntc import NTC
from edcurve_neural.compressors.objective import learned_alpha
from edcurve_neural.optimisation import schedules
from edcurve_neural.optimisation.adam import Adam
from edcurve_neural.training import shares

SMALL = {"hidden": (16, 16), "batch_size": 32, "steps": 60}
BASE = edn.Config("circle", 16.0, latent_dim=2, **SMALL)
VARIED = [
    replace(BASE, lmbda=4.0),
    replace(BASE, seed=1, learning_rate=3e-3),
    replace(BASE, train_size=50, lmbda=100.0),
    replace(BASE, train_size=8, seed=7),
]


def quiet(configs, **options):
    return edn.train_many(configs, progress=False, **options)


@pytest.mark.parametrize("source", ["circle", "ramp", "sinusoid", "sawbridge"])
def test_same_seeds_same_bits(source):
    config = edn.Config(source, 20.0, samples=None if source == "circle" else 40, **SMALL)
    first, second = edn.train(config, progress=False), edn.train(config, progress=False)
    assert torch.equal(first.model.flat, second.model.flat)
    assert all(np.array_equal(first.history[name], second.history[name]) for name in first.history)
    assert first.evaluate(2**10) == second.evaluate(2**10)


def test_kernels_are_compiled_before_threads_train(monkeypatch, tmp_path):
    """In the main thread, where Ctrl-C can interrupt it."""
    asked, compiled = [], cpu_kernels._compiled
    monkeypatch.setattr(cpu_kernels, "_compiled", lambda: asked.append(threading.current_thread()) or compiled())
    for start in (quiet, lambda configs: edn.sweep(configs, store=tmp_path, points=64, progress=False)):
        asked.clear()
        start([replace(BASE, steps=1)])
        assert asked[0] is threading.main_thread()
        assert asked[-1] is not threading.main_thread()


def test_another_seed_is_another_model():
    first, second = quiet([BASE, replace(BASE, seed=1)])
    assert not torch.allclose(first.model.flat, second.model.flat)


@pytest.mark.parametrize("source", ["circle", "ramp", "sawbridge"])
def test_models_in_a_batch_match_single_ones(source):
    """One step agrees to the rounding of sums in float32; sixty amplify it a little."""
    configs = [replace(c, source=source, samples=None if source == "circle" else 32) for c in VARIED]
    together, alone = begin(configs), [begin([config]) for config in configs]
    for count, tolerance in ((1, 1e-6), (59, 2e-3)):
        for _ in range(count):
            together.step()
            for program in alone:
                program.step()
        for i, program in enumerate(alone):
            assert (together.flat[i] - program.flat[0]).abs().max() <= tolerance


@pytest.mark.parametrize("source", ["circle", "ramp", "sawbridge"])
def test_compiled_models_in_a_batch_match_single_ones(source):
    """To the bit, through the whole training."""
    configs = [replace(c, source=source, samples=None if source == "circle" else 32) for c in VARIED]
    for config, run in zip(configs, quiet(configs), strict=True):
        assert torch.equal(edn.train(config, progress=False).model.flat, run.model.flat)


def test_draws_in_a_batch_match_single_models():
    together = begin(VARIED)
    for step in (0, 5, 59):
        v, noise = together.draw(step)
        for i, config in enumerate(VARIED):
            phases, alone = begin([config]).draw(step)
            assert torch.equal(v[i], phases[0])
            assert torch.equal(noise[i], alone[0])


def test_training_set_is_fixed():
    program = begin(VARIED)
    drawn = torch.cat([program.draw(step)[0] for step in range(200)], dim=1)
    counts = [len(row.unique()) for row in drawn]
    assert counts[2] == 50
    assert counts[3] == 8
    assert min(counts[:2]) > 6000


def test_number_of_threads_does_not_matter():
    configs = [replace(BASE, seed=seed, lmbda=4.0 + seed) for seed in range(5)]
    single = quiet(configs)
    torch.set_num_threads(3)
    three = quiet(configs)
    assert torch.get_num_threads() == 3
    for a, b in zip(single, three, strict=True):
        assert torch.equal(a.model.flat, b.model.flat)


def test_shares():
    configs = [replace(BASE, seed=seed) for seed in range(5)] + [replace(BASE, latent_dim=1)]
    assert shares(configs, 1) == [[0, 1, 2, 3, 4], [5]]
    assert shares(configs, 2) == [[0, 1, 2], [3, 4], [5]]
    large = [replace(BASE, batch_size=8192, seed=seed) for seed in range(40)]
    assert [len(part) for part in shares(large, 1)] == [20, 20]


def test_an_interrupt_stops_all_threads(monkeypatch):
    """The first failure is reported, and other threads stop at their next step."""
    monkeypatch.setattr(
        "edcurve_neural.compressors.train_ntc.schedules.alpha", lambda step, steps: 1.0 if step < 3 else 1 // 0
    )
    torch.set_num_threads(2)
    with pytest.raises(ZeroDivisionError):
        quiet([replace(BASE, seed=seed, steps=10**9) for seed in range(4)])
    assert torch.get_num_threads() == 2


def test_groups_keep_the_order():
    configs = [BASE, replace(BASE, latent_dim=1), replace(BASE, seed=3), replace(BASE, batch_size=16)]
    runs = quiet(configs)
    assert [run.config for run in runs] == configs
    # alone as in its group, up to rounding of float32 that the steps amplify
    alone = edn.train(configs[2], progress=False)
    assert torch.allclose(alone.model.flat, runs[2].model.flat, rtol=0, atol=2e-3)


def test_failure_of_one_model_does_not_affect_others():
    configs = [BASE, replace(BASE, lmbda=1e6, learning_rate=1e30), replace(BASE, seed=5)]
    runs, without = quiet(configs), quiet([configs[0], replace(BASE, seed=4), configs[2]])
    assert [run.status for run in runs] == ["finished", "diverged", "finished"]
    assert runs[1].failed is not None
    assert 0 <= runs[1].failed < 60
    assert runs[0].failed is None
    for i in (0, 2):
        assert torch.equal(runs[i].model.flat, without[i].model.flat)
    assert math.isnan(runs[1].evaluate(2**8).rate)
    assert math.isnan(runs[1].evaluate(2**8).excess(4.0))


def test_training_comes_near_the_optimum():
    """λ = 4: H + λD starts near 9 bits, the optimum is 2.76 (three cells); 1500 small steps come within 1 bit."""
    run = edn.train(replace(BASE, lmbda=4.0, hidden=(32, 32), steps=1500, learning_rate=5e-3), progress=False)
    assert run.history["loss"][0] > run.history["loss"][-1] + 3.0
    assert 0.0 <= run.evaluate(2**12).excess(4.0) < 1.0
    assert run.history["step"][-1] == 1500


def test_ramp_learns():
    config = edn.Config("ramp", 48.0, samples=64, latent_dim=1, hidden=(32, 32), batch_size=64, steps=1200)
    run = edn.train(replace(config, learning_rate=5e-3), progress=False)
    evaluation = run.evaluate(2**12)
    assert evaluation.excess(48.0) < 1.5
    assert evaluation.distortion >= evaluation.distortion_centroid
    assert evaluation.distortion >= evaluation.rank_floor


def test_reference_likelihood_differs():
    derived, reference = quiet([BASE, replace(BASE, likelihood="reference")])
    assert not torch.allclose(derived.model.flat, reference.model.flat)


def test_adam_is_that_of_torch():
    generator = torch.Generator().manual_seed(0)
    start = torch.randn((3, 10), generator=generator)
    rates = [1e-3, 1e-3, 1e-2]
    stacked = start.clone()
    gradient = torch.empty_like(stacked)
    ours = Adam(stacked, gradient, rates)
    rows = [row.clone().requires_grad_() for row in start]
    theirs = [torch.optim.Adam([row], lr=rate, eps=1e-7) for row, rate in zip(rows, rates, strict=True)]
    for count in range(30):
        gradient.copy_(torch.randn((3, 10), generator=generator))
        for optimiser, rate in zip(theirs, rates, strict=True):
            optimiser.param_groups[0]["lr"] = rate * 0.1 ** (count // 10)
        ours.scale(0.1 ** (count // 10))
        ours.update()
        for row, optimiser, value in zip(rows, theirs, gradient, strict=True):
            row.grad = value.clone()
            optimiser.step()
    for i in range(3):
        assert torch.allclose(stacked[i], rows[i].detach(), rtol=1e-5, atol=1e-6)


def test_schedules():
    steps = 200_000
    assert [schedules.learning_rate(step, steps) for step in (0, 99_999, 100_000, 150_000, 174_999, 175_000)] == [
        1.0, 1.0, 0.1, 0.01, 0.01, 0.001,
    ]  # fmt: skip
    assert schedules.alpha(0, steps) == pytest.approx(3 / 51)
    assert schedules.alpha(999, steps) == schedules.alpha(0, steps)
    assert schedules.alpha(49_999, steps) == pytest.approx(3 * 50 / 51)
    assert schedules.alpha(50_000, steps) is None
    assert schedules.alpha(24, 100) is not None
    assert schedules.alpha(25, 100) is None


def test_learned_alpha_starts_where_the_schedule_ends():
    program = begin([BASE])
    assert learned_alpha(program.model.views()).item() == pytest.approx(3.0, rel=1e-5)


def test_initial_weights():
    """Glorot: uniform on ±√(6/(fan in + fan out)); biases 0; a model's weights depend on its seed alone."""
    model = NTC("ramp", 2, samples=1024, seeds=(3, 4))
    first = model.views()["analysis.0"]
    limit = math.sqrt(6 / 1124)
    assert first[:, :, :-1].abs().max() <= limit
    assert first[:, :, :-1].abs().max() > 0.999 * limit
    assert first[:, :, -1].abs().max() == 0.0
    assert torch.equal(NTC("ramp", 2, samples=1024, seeds=(4,)).flat[0], model.flat[1])
    assert torch.equal(model.select(1).flat[0], model.flat[1])


def test_coder_from_phases_as_from_realizations():
    for source in ("circle", "ramp", "sawbridge"):
        model = NTC(source, 3, (8, 8), samples=50, seeds=(0, 1)).double()
        with torch.no_grad():
            model.flat.mul_(5.0)
        v = (torch.arange(100).double().expand(2, -1) + 0.4) / 100
        x = model.signal.sample(v)
        assert torch.equal(model.encode(x), model.encode_phase(v))
        assert torch.equal(model(x), model.decode(model.encode(x)))
        assert model.rate(model.encode(x)).shape == (2, 100)


def test_only_configurations():
    with pytest.raises(TypeError, match=r"configs must be of edcurve_neural\.Config, got 'circle'"):
        edn.train_many(["circle"])


def test_nothing_to_train():
    assert edn.train_many([]) == []


def test_progress_bar(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("edcurve_neural.training.progress.SHOWN", 0.0)
    edn.train(BASE)
    output = capsys.readouterr()
    assert output.out == ""
    assert "training" in output.err
    for name in ("loss", "entropy", "distortion", "excess"):
        assert name in output.err
    edn.train(BASE, progress=False)
    assert capsys.readouterr() == ("", "")


def test_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    configs = [BASE, replace(BASE, seed=1)]
    quiet(configs, tensorboard=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(config.key for config in configs)
    log = EventAccumulator(str(tmp_path / BASE.key)).Reload()
    assert set(log.Tags()["scalars"]) == {
        "noisy/rate", "noisy/distortion", "loss", "entropy", "distortion", "excess",
    }  # fmt: skip
    assert [event.step for event in log.Scalars("excess")] == list(range(1, 61))


def test_tensorboard_missing(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'edcurve\[tensorboard\]'"):
        quiet([BASE], tensorboard=tmp_path)

"""Loss and gradient: the definition against finite differences, and implementations against the definition."""

from dataclasses import replace

import edcurve_neural as edn
import pytest
import torch
from edcurve_neural.compressors import cpu_kernels, inductor, structured
from edcurve_neural.compressors.cpu_kernels.gradient import Compiled
from edcurve_neural.compressors.gradients import Gradient, gradient_of, models_at_once
from edcurve_neural.compressors.ntc import NTC
from edcurve_neural.compressors.objective import cost, learned_alpha
from edcurve_neural.compressors.train_ntc import TransformProgram
from edcurve_neural.signals import signal

CASES = [
    ("circle", 2, (10, 10)),
    ("circle", 2, (7,)),
    ("ramp", 200, (20, 30, 10)),  # more samples than hidden units: realizations are not formed
    ("ramp", 7, (20, 20)),  # fewer
    ("ramp", 1024, (8, 8)),
    ("sawbridge", 64, (10, 12)),
    ("sinusoid", 64, (10, 12)),
    ("torus", 4, (9, 10)),
]
SERVED = [case for case in CASES if case[0] != "sinusoid"]
SCHEDULED = (0.06, 1.0, 3.0)
# in float32 costs agree to a dozen units in the last place, gradients to 30 times that, because large λ cancel digits
CLOSE = {torch.float32: 1e-5, torch.float64: 1e-12}


def setting(source, samples, hidden, dtype, latents=3, models=3, batch=40):
    model = NTC(source, latents, hidden, samples=samples, seeds=range(models)).to(dtype)
    generator = torch.Generator().manual_seed(1)
    flat = model.flat.detach()
    flat += 0.1 * torch.randn(flat.shape, generator=generator, dtype=torch.float64).to(dtype)
    v = torch.rand((models, batch), generator=generator).to(dtype)
    noise = torch.rand((models, latents, batch), generator=generator).to(dtype) - 0.5
    return model, flat, v, noise, torch.tensor([4.0, 30.0, 1000.0]).to(dtype)[:models]


def scheduled(learned, like):
    return None if learned else torch.tensor(SCHEDULED).to(like)[: len(like)]


def defined(model, flat, v, noise, alpha, lmbda, **options):
    """Cost by the definition, and its gradient by autograd in one tensor of parameters."""
    leaf = flat.clone().requires_grad_()
    plain = cost(model.signal, model.layout.views(leaf), v, noise, alpha, **options)
    (gradient,) = torch.autograd.grad((plain.rate + lmbda * plain.distortion).sum(), leaf)
    return plain, gradient


def check_gradients(model, gradient, expected, tolerance):
    """Compare parameters, relative to the largest gradient of their kind and a thousandth of the largest of all."""
    assert not gradient[:, : model.layout.used].isnan().any()
    for name, view in model.layout.views(gradient).items():
        reference = model.layout.views(expected)[name]
        scale = reference.flatten(1).abs().max(1).values if reference.dim() > 1 else reference.abs()
        scale = scale + 1e-3 * expected.abs().max(1).values
        error = (view - reference).flatten(1).abs().max(1).values if view.dim() > 1 else (view - reference).abs()
        assert (error / scale).max() <= tolerance, name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("source", "samples", "hidden"), CASES)
@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("learned", [False, True])
def test_realizations_need_not_be_formed(dtype, source, samples, hidden, twice, learned):
    """Structured and dense layers are the same function, and training writes its gradient."""
    model, flat, v, noise, lmbda = setting(source, samples, hidden, dtype)
    alpha, close = scheduled(learned, lmbda), CLOSE[dtype]
    dense, expected = defined(model, flat, v, noise, alpha, lmbda, twice=twice, formed=True)
    lean, loss = defined(model, flat, v, noise, alpha, lmbda, twice=twice, formed=False)
    gradient = torch.full_like(flat, float("nan"))
    run = Gradient(model.signal, model.layout, flat, gradient, v.shape[1], twice=twice)
    chosen = run(v, noise, alpha, lmbda)
    for other_cost in (lean, chosen):
        assert torch.allclose(other_cost.rate, dense.rate, rtol=close)
        assert torch.allclose(other_cost.distortion, dense.distortion, rtol=close)
    assert not any(value.requires_grad for value in chosen)
    check_gradients(model, loss, expected, 30.0 * close)
    check_gradients(model, gradient, expected, 30.0 * close)


@pytest.mark.parametrize(("source", "samples", "hidden"), SERVED)
@pytest.mark.parametrize(("latents", "batch"), [(1, 1), (2, 41), (3, 40)])
@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("learned", [False, True])
def test_kernels_compute_the_definition(source, samples, hidden, latents, batch, twice, learned):
    """They are as accurate as autograd in float32: the same tolerances hold against float64."""
    model, flat, v, noise, lmbda = setting(source, samples, hidden, torch.float32, latents, batch=batch)
    alpha, close = scheduled(learned, lmbda), CLOSE[torch.float32]
    gradient = torch.full_like(flat, float("nan"))
    run = cpu_kernels.accelerator(model.signal, model.layout, flat, gradient, batch, twice=twice)
    fast = run(v, noise, alpha, lmbda)
    for dtype in (torch.float32, torch.float64):
        inputs = [None if tensor is None else tensor.to(dtype) for tensor in (flat, v, noise, alpha, lmbda)]
        plain, expected = defined(model, *inputs, twice=twice, formed=True)
        assert torch.allclose(fast.rate.to(dtype), plain.rate, rtol=close)
        assert torch.allclose(fast.distortion.to(dtype), plain.distortion, rtol=close)
        check_gradients(model, gradient.to(dtype), expected, 30.0 * close)


@pytest.mark.parametrize("way", [Gradient, Compiled])
def test_scheduled_alpha_is_not_learned(way):
    """Its parameter has a gradient of exactly 0, whatever the tensor held."""
    model, flat, v, noise, lmbda = setting("circle", 2, (5,), torch.float32)
    gradient = torch.full_like(flat, float("nan"))
    run = way(model.signal, model.layout, flat, gradient, v.shape[1])
    run(v, noise, scheduled(False, lmbda), lmbda)
    assert model.layout.views(gradient)["sharpness"].tolist() == [0.0, 0.0, 0.0]
    run(v, noise, None, lmbda)
    assert (model.layout.views(gradient)["sharpness"] != 0.0).all()


@pytest.mark.parametrize("way", [Gradient, Compiled])
@pytest.mark.parametrize(("source", "samples"), [("circle", 2), ("ramp", 64)])
def test_models_are_independent(way, source, samples):
    """Not even a model with infinite parameters or NaN affects another."""
    model, flat, v, noise, lmbda = setting(source, samples, (8, 8), torch.float32)
    gradient = torch.zeros_like(flat)
    run = way(model.signal, model.layout, flat, gradient, v.shape[1])
    run(v, noise, None, lmbda)
    before = gradient.clone()
    flat[1] = float("nan")
    after = run(v, noise, None, lmbda)
    assert torch.equal(gradient[[0, 2]], before[[0, 2]])
    assert after.rate.isnan().tolist() == [False, True, False]


@pytest.mark.parametrize("way", [Gradient, Compiled])
def test_latents_in_the_far_tails(way):
    """Where the density rounds to 0 and logits are equal, costs and gradients stay finite."""
    model, flat, v, noise, lmbda = setting("circle", 2, (6,), torch.float32)
    model.layout.views(flat)["analysis.1"][:, :, -1] = torch.tensor([3e4, -3e5, 1e6]).view(3, 1)
    gradient = torch.full_like(flat, float("nan"))
    run = way(model.signal, model.layout, flat, gradient, v.shape[1])
    for alpha in (scheduled(False, lmbda), None):
        costs = run(v, noise, alpha, lmbda)
        assert all(value.isfinite().all() for value in costs)
        assert gradient[:, : model.layout.used].isfinite().all()
    assert (costs.rate > 1e3).all()


@pytest.mark.parametrize(("source", "samples"), [("circle", 2), ("ramp", 64)])
def test_blocks_of_models_do_not_matter(source, samples, monkeypatch):
    """Five models at once, in blocks of two (the last of one), and one by one."""
    model, flat, v, noise, _ = setting(source, samples, (8, 8), torch.float64, models=5)
    alpha = lmbda = torch.tensor([1.0, 2.0, 3.0, 2.5, 0.5]).double()
    results = []
    for block in (10**6, 2 * 9 * 40, 1):
        monkeypatch.setattr("edcurve_neural.compressors.gradients.BLOCK", block)
        gradient = torch.zeros_like(flat)
        run = Gradient(model.signal, model.layout, flat, gradient, v.shape[1])
        results.append((gradient, *run(v, noise, alpha, lmbda)))
    for result in results[1:]:
        for a, b in zip(results[0], result, strict=True):
            assert torch.allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("source", "samples"), [("circle", 2), ("ramp", 64)])
def test_compiled_models_match_single_ones(source, samples):
    """To the bit, whatever the workspace held before."""
    model, flat, v, noise, lmbda = setting(source, samples, (12, 9), torch.float32)
    alpha, together = torch.tensor([1.0, 2.0, 3.0]), torch.zeros_like(flat)
    run = Compiled(model.signal, model.layout, flat, together, v.shape[1])
    run(v.roll(1, 0), noise, alpha, lmbda)
    costs = run(v, noise, alpha, lmbda)
    for i in range(len(flat)):
        row, gradient = slice(i, i + 1), torch.zeros_like(flat[:1])
        alone = Compiled(model.signal, model.layout, flat[row], gradient, v.shape[1])
        single = alone(v[row], noise[row], alpha[row], lmbda[row])
        assert torch.equal(gradient[0], together[i])
        assert torch.equal(torch.stack(single)[:, 0], torch.stack(costs)[:, i])


@pytest.mark.parametrize(("source", "samples"), [("circle", 2), ("ramp", 50)])
@pytest.mark.parametrize(("batch", "chunk"), [(1, 256), (40, 7), (41, 8), (600, 256)])
def test_chunks_of_the_batch_do_not_matter(source, samples, batch, chunk, monkeypatch):
    """Against the definition in float64; chunks need not divide the batch."""
    monkeypatch.setattr("edcurve_neural.compressors.cpu_kernels.gradient.CHUNK", chunk)
    model, flat, v, noise, lmbda = setting(source, samples, (12, 9), torch.float32, latents=2, batch=batch)
    gradient = torch.zeros_like(flat)
    fast = Compiled(model.signal, model.layout, flat, gradient, batch)(v, noise, None, lmbda)
    plain, exact = defined(model, flat.double(), v.double(), noise.double(), None, lmbda.double())
    for ours, reference in zip(fast, plain, strict=True):
        assert torch.allclose(ours.double(), reference, rtol=1e-5)
    assert ((gradient - exact).abs().max(1).values / exact.abs().max(1).values).max() <= 1e-5


def test_who_is_compiled(monkeypatch):
    def kind(source, samples, dtype):
        model = NTC(source, 1, (4,), samples=samples).to(dtype)
        flat = model.flat.detach()
        return type(gradient_of(model.signal, model.layout, flat, torch.zeros_like(flat), 8))

    served = [("circle", 2), ("ramp", 9), ("sawbridge", 9)]
    assert [kind(*case, torch.float32) for case in served] == [Compiled] * 3
    assert kind("circle", 2, torch.float64) is Gradient
    assert kind("sinusoid", 9, torch.float32) is Gradient
    for switch, value in [("EDCURVE_CPU_KERNELS", "0"), ("NUMBA_DISABLE_JIT", "1")]:
        with monkeypatch.context() as patch:
            patch.setenv(switch, value)
            assert [kind(*case, torch.float32) for case in served] == [Gradient] * 3
    monkeypatch.setenv("EDCURVE_CPU_KERNELS", "1")
    assert kind("circle", 2, torch.float32) is Compiled


@pytest.mark.parametrize(
    "config",
    [
        edn.Config("circle", 16.0, batch_size=64, steps=32, hidden=(16, 16), latent_dim=2),
        edn.Config("ramp", 64.0, batch_size=50, steps=32, hidden=(16, 12), samples=100, likelihood="reference"),
        edn.Config("sawbridge", 64.0, batch_size=50, steps=32, hidden=(16, 12), samples=30),
    ],
)
def test_training_with_kernels_and_without(config, monkeypatch):
    """The same history and weights, up to rounding that the steps amplify: a thousandth of the total change."""
    flats, losses = [], []
    for switch in ("1", "0"):
        monkeypatch.setenv("EDCURVE_CPU_KERNELS", switch)
        program = TransformProgram([replace(config, seed=seed) for seed in range(3)])
        start = program.flat.clone()
        costs = [program.step() for _ in range(config.steps)]
        losses.append(torch.stack([cost.rate + program.lmbda * cost.distortion for cost in costs]))
        flats.append(program.flat)
    change = (flats[0] - start).abs().amax(1)
    assert (change > 1e-3).all()
    assert ((flats[1] - flats[0]).abs().amax(1) <= 1e-3 * change).all()
    assert torch.allclose(losses[0], losses[1], rtol=1e-4)


@pytest.mark.parametrize("switch", ["1", "0"])
def test_divergence_is_reported_at_its_step(switch, monkeypatch):
    """The first step has finite parameters, the second does not; other models continue."""
    monkeypatch.setenv("EDCURVE_CPU_KERNELS", switch)
    config = edn.Config("circle", 16.0, batch_size=32, steps=8, hidden=(8,))
    program = TransformProgram([config, replace(config, learning_rate=1e30), replace(config, seed=1)])
    for _ in range(config.steps):
        program.step()
    assert program.failed.tolist() == [-1, 1, -1]
    assert program.flat[[0, 2]].isfinite().all()


@pytest.mark.parametrize(("source", "samples"), [("circle", 2), ("ramp", 40), ("sawbridge", 5)])
@pytest.mark.parametrize("formed", [True, False])
def test_definition_against_finite_differences(source, samples, formed):
    model, flat, v, noise, _ = setting(source, samples, (6, 6), torch.float64, latents=2, models=2, batch=9)

    def loss(flat):
        alpha = torch.tensor([1.5, 3.0]).double()
        costs = cost(model.signal, model.layout.views(flat), v, noise, alpha, formed=formed)
        return costs.rate + 30.0 * costs.distortion

    assert torch.autograd.gradcheck(loss, (flat.clone().requires_grad_(),), fast_mode=True)


def test_learned_alpha_is_part_of_the_definition():
    """With its gradient, against finite differences in its parameter alone."""
    model, flat, v, noise, _ = setting("circle", 2, (6, 6), torch.float64, latents=2, models=2, batch=9)
    views = model.layout.views(flat)

    def loss(sharpness):
        costs = cost(model.signal, {**views, "sharpness": sharpness}, v, noise, None)
        return costs.rate + 30.0 * costs.distortion

    assert torch.autograd.gradcheck(loss, (views["sharpness"].clone().requires_grad_(),))
    assert torch.equal(learned_alpha({"sharpness": torch.zeros(2)}), torch.tensor([2.0, 2.0]))


@pytest.mark.parametrize("source", ["circle", "ramp", "sawbridge", "sinusoid"])
def test_structured_against_finite_differences(source):
    """In float64, an affine map and a squared error without realizations."""
    waves, generator = signal(source, 12), torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()

    v = torch.rand((2, 5), generator=generator, dtype=torch.float64)
    maps, rows, factors = random(2, 3, waves.dim + 1), random(2, 3, waves.dim), random(2, 3, 5)
    x = waves.sample(v)
    plain = (x - factors.transpose(1, 2) @ rows).square().sum(2)
    torch.testing.assert_close(structured.squared_error(waves, v, rows, factors), plain)
    assert torch.autograd.gradcheck(lambda maps: structured.affine(waves, v, maps), (maps,))
    assert torch.autograd.gradcheck(lambda a, f: structured.squared_error(waves, v, a, f), (rows, factors))


def test_models_are_in_blocks_on_a_cpu_only():
    model = NTC("circle", 1, (100, 100), seeds=range(32))
    assert 1 <= models_at_once(model.layout, model.flat, 1024) < 32
    assert models_at_once(model.layout, model.flat.to("meta"), 1024) == 32


def test_when_inductor_compiles(monkeypatch):
    """For trainings on a GPU that are long enough to repay it, unless the environment decides."""
    cuda, long = torch.device("cuda"), edn.Config("circle", 4.0, batch_size=128, steps=200_000)
    models = [replace(long, seed=seed) for seed in range(256)]
    assert inductor.repays(models, cuda)
    assert not inductor.repays(models, torch.device("cpu"))
    assert not inductor.repays(models[:128], cuda)
    for switch, expected in [("0", False), ("1", True)]:
        monkeypatch.setenv("EDCURVE_INDUCTOR", switch)
        assert inductor.repays(models, cuda) is expected
        assert inductor.repays(models[:1], torch.device("cpu")) is expected


def trained_compiled(monkeypatch, backend, **fields):
    """Parameters after four steps, one of scheduled α and three of learned α: without compiling, and with."""
    monkeypatch.setenv("EDCURVE_CPU_KERNELS", "0")
    monkeypatch.setattr(inductor, "BACKEND", backend)
    config = edn.Config(**{"lmbda": 16.0, "batch_size": 16, "steps": 4, "hidden": (6,), **fields})
    flats = []
    for switch in ("0", "1"):
        monkeypatch.setenv("EDCURVE_INDUCTOR", switch)
        program = TransformProgram([config, replace(config, seed=1)])
        for _ in range(4):
            program.step()
        flats.append(program.flat)
    return flats


@pytest.mark.filterwarnings(
    "ignore:.*should not be instantiated:DeprecationWarning"
)  # these two are made by the compiler
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_the_whole_loss_is_compiled(monkeypatch):
    """The compiler receives all of it, custom derivatives included; "eager" runs the result uncompiled."""
    torch.testing.assert_close(*trained_compiled(monkeypatch, "eager", source="sinusoid", samples=20))


def test_without_a_compiler_a_warning_and_the_same_result(monkeypatch):
    def failing(module, inputs):
        raise OSError("no compiler\nfound here")

    with pytest.warns(UserWarning, match=r"cannot be compiled, and is trained without \(.*\)$") as warned:
        plain, uncompiled = trained_compiled(monkeypatch, failing, source="circle")
    assert len(warned) == 1
    assert torch.equal(plain, uncompiled)

"""The gradients by hand: against autograd of the plain definition, and that against finite differences."""

import pytest
import torch
from edcurve_neural import functional
from edcurve_neural.compressors import derivatives
from edcurve_neural.compressors.cpu_kernels.gradient import Compiled
from edcurve_neural.compressors.gradients import Gradient, gradient_of
from edcurve_neural.compressors.ntc import NTC
from edcurve_neural.compressors.objective import cost

CASES = [
    ("circle", 2, (10, 10)),
    ("circle", 2, (7,)),
    ("ramp", 200, (20, 30, 10)),  # more samples than hidden units: Gram matrix
    ("ramp", 7, (20, 20)),  # fewer
    ("ramp", 1024, (8, 8)),
    ("sawbridge", 64, (10, 12)),
    ("sinusoid", 64, (10, 12)),
]
WAYS = [(Gradient, torch.float32), (Gradient, torch.float64), (Compiled, torch.float32)]


def setting(source, samples, hidden, dtype, latents=3, models=3, batch=40):
    model = NTC(source, latents, hidden, samples=samples, seeds=range(models)).to(dtype)
    generator = torch.Generator().manual_seed(1)
    flat = model.flat.detach()
    flat += 0.1 * torch.randn(flat.shape, generator=generator, dtype=torch.float64).to(dtype)
    v = torch.rand((models, batch), generator=generator).to(dtype)
    noise = torch.rand((models, latents, batch), generator=generator).to(dtype) - 0.5
    return model, flat, v, noise, torch.tensor([4.0, 30.0, 1000.0]).to(dtype)[:models]


@pytest.mark.parametrize(
    ("way", "dtype", "source", "samples", "hidden"),
    [(*way, *case) for way in WAYS for case in CASES if (way[0], case[0]) != (Compiled, "sinusoid")],
)
@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("learned", [False, True])
def test_by_hand_as_by_autograd(way, dtype, source, samples, hidden, twice, learned):
    model, flat, v, noise, lmbda = setting(source, samples, hidden, dtype)
    gradient = torch.full_like(flat, float("nan"))
    leaf = flat.clone().requires_grad_()
    views = model.layout.views(leaf)
    alpha = 4.0 * torch.sigmoid(views["sharpness"]) if learned else torch.tensor([0.06, 1.0, 3.0]).to(dtype)
    plain = cost(model.signal, views, v, noise, alpha, twice=twice)
    (expected,) = torch.autograd.grad((plain.rate + lmbda * plain.distortion).sum(), leaf)
    run = way(model.signal, model.layout, flat, gradient, v.shape[1], twice=twice)
    with torch.no_grad():
        found = run(v, noise, alpha.detach(), lmbda, learned=learned)
    close = 1e-12 if dtype == torch.float64 else 1e-5
    used = slice(0, model.layout.used)
    assert not gradient[:, used].isnan().any()
    assert torch.allclose(found.rate, plain.rate, rtol=close)
    assert torch.allclose(found.distortion, plain.distortion, rtol=close)
    # parameter by parameter, relative to the largest of its kind in the model; λ up to 1000 cancels digits
    for name, view in model.layout.views(gradient).items():
        reference = model.layout.views(expected)[name]
        scale = reference.flatten(1).abs().max(1).values if reference.dim() > 1 else reference.abs()
        scale = scale + 1e-3 * expected.abs().max(1).values
        error = (view - reference).flatten(1).abs().max(1).values if view.dim() > 1 else (view - reference).abs()
        assert (error / scale).max() <= 30 * close, name


@pytest.mark.parametrize("way", [Gradient, Compiled])
def test_no_model_feels_another(way):
    """Not even one whose parameters are not finite."""
    model, flat, v, noise, lmbda = setting("ramp", 64, (8, 8), torch.float32)
    gradient, alpha = torch.zeros_like(flat), torch.tensor([1.0, 2.0, 3.0])
    run = way(model.signal, model.layout, flat, gradient, v.shape[1])
    run(v, noise, alpha, lmbda, learned=True)
    before = gradient.clone()
    flat[1] = float("nan")
    found = run(v, noise, alpha, lmbda, learned=True)
    assert torch.equal(gradient[[0, 2]], before[[0, 2]])
    assert found.rate.isnan().tolist() == [False, True, False]


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
        found = run(v, noise, alpha, lmbda, learned=True)
        results.append((gradient, *found))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert torch.allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("source", "samples"), [("circle", 2), ("ramp", 64)])
def test_compiled_models_are_as_alone(source, samples):
    """To the bit, whatever was computed before in the same memory."""
    model, flat, v, noise, lmbda = setting(source, samples, (12, 9), torch.float32)
    alpha, together = torch.tensor([1.0, 2.0, 3.0]), torch.zeros_like(flat)
    run = Compiled(model.signal, model.layout, flat, together, v.shape[1])
    run(v.roll(1, 0), noise, alpha, lmbda, learned=True)
    found = run(v, noise, alpha, lmbda, learned=True)
    for i in range(len(flat)):
        row, gradient = slice(i, i + 1), torch.zeros_like(flat[:1])
        alone = Compiled(model.signal, model.layout, flat[row], gradient, v.shape[1])
        one = alone(v[row], noise[row], alpha[row], lmbda[row], learned=True)
        assert torch.equal(gradient[0], together[i])
        assert torch.equal(torch.stack(one)[:, 0], torch.stack(found)[:, i])


@pytest.mark.parametrize(("source", "samples"), [("circle", 2), ("ramp", 50)])
@pytest.mark.parametrize(("batch", "chunk"), [(1, 256), (40, 7), (41, 8), (600, 256)])
def test_chunks_of_the_batch_do_not_matter(source, samples, batch, chunk, monkeypatch):
    """Against the plain path in float64; chunks need not divide the batch."""
    monkeypatch.setattr("edcurve_neural.compressors.cpu_kernels.gradient.CHUNK", chunk)
    model, flat, v, noise, lmbda = setting(source, samples, (12, 9), torch.float32, latents=2, batch=batch)
    gradient, exact = torch.zeros_like(flat), torch.zeros_like(flat).double()
    alpha = torch.tensor([1.0, 2.0, 3.0])
    found = Compiled(model.signal, model.layout, flat, gradient, batch)(v, noise, alpha, lmbda, learned=True)
    plain = Gradient(model.signal, model.layout, flat.double(), exact, batch)
    expected = plain(v.double(), noise.double(), alpha.double(), lmbda.double(), learned=True)
    for ours, reference in zip(found, expected, strict=True):
        assert torch.allclose(ours.double(), reference, rtol=1e-5)
    assert ((gradient - exact).abs().max(1).values / exact.abs().max(1).values).max() <= 1e-5


def test_who_is_compiled():
    def kind(source, samples, dtype):
        model = NTC(source, 1, (4,), samples=samples).to(dtype)
        flat = model.flat.detach()
        return type(gradient_of(model.signal, model.layout, flat, torch.zeros_like(flat), 8))

    for source, samples in [("circle", 2), ("ramp", 9), ("sawbridge", 9)]:
        assert kind(source, samples, torch.float32) is Compiled
    assert kind("circle", 2, torch.float64) is Gradient
    assert kind("sinusoid", 9, torch.float32) is Gradient


@pytest.mark.parametrize(("source", "samples"), [("circle", 2), ("ramp", 40), ("sawbridge", 5)])
def test_definition_against_finite_differences(source, samples):
    model, flat, v, noise, _ = setting(source, samples, (6, 6), torch.float64, latents=2, models=2, batch=9)

    def loss(flat):
        found = cost(model.signal, model.layout.views(flat), v, noise, torch.tensor([1.5, 3.0]).double())
        return found.rate + 30.0 * found.distortion

    assert torch.autograd.gradcheck(loss, (flat.clone().requires_grad_(),), fast_mode=True)


@pytest.mark.parametrize(
    ("ours", "plain"),
    [
        (derivatives.soft_round, functional.soft_round),
        (derivatives.conditional_mean, functional.soft_round_conditional_mean),
    ],
)
def test_rounding_with_derivatives(ours, plain):
    generator = torch.Generator().manual_seed(0)
    y = torch.empty(500, dtype=torch.float64).uniform_(-4, 4, generator=generator).requires_grad_()
    alpha = torch.empty(500, dtype=torch.float64).uniform_(0.05, 4, generator=generator).requires_grad_()
    value = plain(y, alpha)
    in_y, in_alpha = torch.autograd.grad(value.sum(), (y, alpha))
    found = ours(y.detach(), alpha.detach())
    for a, b in zip(found, (value, in_y, in_alpha), strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-11)

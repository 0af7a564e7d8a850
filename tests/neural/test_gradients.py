"""The gradients by hand: against autograd of the plain definition, and that against finite differences."""

import pytest
import torch
from edcurve_neural import derivatives, functional
from edcurve_neural.gradients import Gradient
from edcurve_neural.models import NTC
from edcurve_neural.objective import cost

CASES = [
    ("circle", 2, (10, 10)),
    ("circle", 2, (7,)),
    ("ramp", 200, (20, 30, 10)),  # more samples than hidden units: Gram matrix
    ("ramp", 7, (20, 20)),  # fewer
    ("ramp", 1024, (8, 8)),
    ("sawbridge", 64, (10, 12)),
    ("sinusoid", 64, (10, 12)),
]


def setting(source, samples, hidden, dtype, latents=3, models=3, batch=40):
    model = NTC(source, latents, hidden, samples=samples, seeds=range(models)).to(dtype)
    generator = torch.Generator().manual_seed(1)
    flat = model.flat.detach()
    flat += 0.1 * torch.randn(flat.shape, generator=generator, dtype=torch.float64).to(dtype)
    v = torch.rand((models, batch), generator=generator).to(dtype)
    noise = torch.rand((models, latents, batch), generator=generator).to(dtype) - 0.5
    return model, flat, v, noise, torch.tensor([4.0, 30.0, 1000.0]).to(dtype)[:models]


@pytest.mark.parametrize(("source", "samples", "hidden"), CASES)
@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_by_hand_as_by_autograd(source, samples, hidden, twice, learned, dtype):
    model, flat, v, noise, lmbda = setting(source, samples, hidden, dtype)
    gradient = torch.full_like(flat, float("nan"))
    leaf = flat.clone().requires_grad_()
    views = model.layout.views(leaf)
    alpha = 4.0 * torch.sigmoid(views["sharpness"]) if learned else torch.tensor([0.06, 1.0, 3.0]).to(dtype)
    plain = cost(model.signal, views, v, noise, alpha, twice=twice)
    (expected,) = torch.autograd.grad((plain.rate + lmbda * plain.distortion).sum(), leaf)
    run = Gradient(model.signal, model.layout, flat, gradient, v.shape[1], twice=twice)
    with torch.no_grad():
        found = run(v, noise, alpha.detach(), lmbda, learned=learned)
    close = 1e-12 if dtype == torch.float64 else 1e-5
    assert torch.allclose(found.rate, plain.rate, rtol=close)
    assert torch.allclose(found.distortion, plain.distortion, rtol=close)
    # parameter by parameter, relative to the largest of its kind in the model; λ up to 1000 cancels digits
    for name, view in model.layout.views(gradient).items():
        reference = model.layout.views(expected)[name]
        scale = reference.flatten(1).abs().max(1).values if reference.dim() > 1 else reference.abs()
        scale = scale + 1e-3 * expected.abs().max(1).values
        error = (view - reference).flatten(1).abs().max(1).values if view.dim() > 1 else (view - reference).abs()
        assert (error / scale).max() <= 30 * close, name


def test_no_model_feels_another():
    """Not even one whose parameters are not finite."""
    model, flat, v, noise, lmbda = setting("ramp", 64, (8, 8), torch.float32)
    gradient, alpha = torch.zeros_like(flat), torch.tensor([1.0, 2.0, 3.0])
    run = Gradient(model.signal, model.layout, flat, gradient, v.shape[1])
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
        monkeypatch.setattr("edcurve_neural.gradients.BLOCK", block)
        gradient = torch.zeros_like(flat)
        run = Gradient(model.signal, model.layout, flat, gradient, v.shape[1])
        found = run(v, noise, alpha, lmbda, learned=True)
        results.append((gradient, *found))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert torch.allclose(a, b, rtol=1e-9, atol=1e-11)


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

"""Samplers, their closed forms, and the algebra that spares the product over all samples."""

import edcurve
import numpy as np
import pytest
import torch
from edcurve_neural.models import hidden_units, leaky_relu, mlp
from edcurve_neural.objective import squared_error
from edcurve_neural.signals import signal

CASES = [("circle", 2), ("ramp", 1024), ("ramp", 100), ("ramp", 7), ("sinusoid", 64), ("sawbridge", 1024)]
CASES += [("sawbridge", 33), ("sinusoid", 3)]


def phases(models=3, batch=200, dtype=torch.float64):
    generator = torch.Generator().manual_seed(3)
    v = (torch.rand((models, batch), generator=generator) * 2**24).floor() / 2**24
    v[:, :4] = torch.tensor([0.0, 0.5, 0.25, 1 - 2**-24])
    return v.to(dtype)


@pytest.mark.parametrize("samples", [5, 64, 1024])
def test_realizations(samples):
    v = phases()
    t = torch.arange(samples, dtype=torch.float64) / samples
    at = v.unsqueeze(-1)
    # not at the jump itself, where i/T + v rounds
    assert torch.allclose(
        signal("ramp", samples).sample(v + 1e-9), torch.remainder(t + at + 1e-9, 1.0) - 0.5, rtol=0, atol=1e-12
    )
    assert torch.allclose(signal("sinusoid", samples).sample(v), torch.sin(2 * torch.pi * (t + at)), rtol=0, atol=1e-12)
    assert torch.equal(signal("sawbridge", samples).sample(v), t - (t >= at).double())


def test_circle():
    v = phases()
    assert torch.allclose(
        signal("circle", 1).sample(v), torch.stack([torch.cos(2 * torch.pi * v), torch.sin(2 * torch.pi * v)], -1)
    )


@pytest.mark.parametrize(("name", "samples"), CASES)
def test_core_package_recognises_the_phase(name, samples):
    v = phases()[0]
    found = edcurve.quantizer(name, 0.05).source.phase(signal(name, samples).sample(v[None])[0].numpy())
    apart = np.abs(np.mod(found - v.numpy() + 0.5, 1.0) - 0.5)
    assert apart.max() <= (0.5 / samples if name == "sawbridge" else 1e-9) + 1e-12


@pytest.mark.parametrize(("name", "samples"), CASES)
def test_energy(name, samples):
    waves, v = signal(name, samples), phases()
    assert torch.allclose(waves.energy(v), waves.sample(v).square().sum(-1), rtol=1e-12)


@pytest.mark.parametrize(("name", "samples"), CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_projection_is_the_product(name, samples, dtype):
    """Forward and backward: rounding relative to the sum of the sizes of the terms."""
    waves, v = signal(name, samples), phases(dtype=dtype)
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn((3, waves.dim, 6), generator=generator).to(dtype).requires_grad_()
    plain = torch.bmm(waves.sample(v), matrix)
    fast = waves.project(v, matrix)
    scale = torch.bmm(waves.sample(v).abs(), matrix.abs()).max().item() + samples**0.5
    assert (fast - plain).abs().max() <= 4 * torch.finfo(dtype).eps * scale
    weight = torch.randn(plain.shape, generator=generator).to(dtype)
    (expected,) = torch.autograd.grad((plain * weight).sum(), matrix)
    (found,) = torch.autograd.grad((fast * weight).sum(), matrix)
    assert (found - expected).abs().max() <= 16 * torch.finfo(dtype).eps * v.shape[1]


@pytest.mark.parametrize(("name", "samples"), CASES)
def test_squared_error_from_the_gram_matrix(name, samples):
    waves, v = signal(name, samples), phases()
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn((3, v.shape[1], 5), generator=generator, dtype=torch.float64, requires_grad=True)
    layer = torch.randn((3, 6, waves.dim), generator=generator, dtype=torch.float64, requires_grad=True)
    plain = (mlp(hidden, [layer]) - waves.sample(v)).square().sum(-1)
    fast = squared_error(waves, v, hidden, layer)
    assert torch.allclose(fast, plain, rtol=1e-10)
    for found, expected in zip(
        torch.autograd.grad(fast.sum(), (hidden, layer)), torch.autograd.grad(plain.sum(), (hidden, layer)), strict=True
    ):
        assert torch.allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_hidden_units_are_the_first_layer():
    waves, v = signal("ramp", 64), phases()
    layer = torch.randn((3, 65, 5), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plain = leaky_relu(mlp(waves.sample(v), [layer]), 0.2)
    assert torch.allclose(hidden_units(waves, v, layer), plain, rtol=1e-10)

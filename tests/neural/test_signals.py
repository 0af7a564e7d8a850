"""Samplers, their closed forms, and projections without products over all samples."""

import edcurve
import edcurve_neural as edn
import numpy as np
import pytest
import torch
from edcurve_neural import moments
from edcurve_neural.compressors.codebook import sample_means
from edcurve_neural.signals import signal
from edcurve_neural.signals.stepped import Stepped
from edcurve_neural.signals.surfaces import SPREAD

CASES = [("circle", 2), ("ramp", 1024), ("ramp", 100), ("ramp", 7), ("sinusoid", 64), ("sawbridge", 1024)]
CASES += [("sawbridge", 33), ("sinusoid", 3)]
SURFACES = [("sphere", 3), ("torus", 4), ("torus:1,2", 4)]


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


@pytest.mark.parametrize("name", ["sphere", "torus"])
def test_phases_of_surfaces_are_uniform(name):
    """Means of polynomials of realizations, in closed form: those of degree 2 by D_max, of degree 4 by symmetry."""
    waves = signal(name, 2)
    for count in (2**10, 2**14):
        x = waves.sample(torch.arange(0.5, count, dtype=torch.float64)[None] / count)[0]
        assert x.mean(0).abs().max() < 1e-3
        assert torch.allclose(x.T @ x / count, torch.diag(torch.from_numpy(waves.variances)), rtol=0, atol=4e-3)
        fourth = 0.2 if name == "sphere" else 0.375  # E[z⁴], E[cos⁴]
        assert torch.allclose(x.pow(4).mean(0), torch.tensor(fourth, dtype=torch.float64), rtol=0, atol=2e-3)
        length = x.square().sum(1)
        assert torch.allclose(length, torch.full_like(length, waves.source.max_distortion), rtol=1e-12)


def test_the_klein_bottle_is_that_of_the_core_package():
    v = phases()[0]
    second = torch.frac(SPREAD * v)
    waves = signal("klein", 2)
    expected = edcurve.KleinBottle().realizations(torch.stack([v, second], dim=-1).numpy())
    assert waves.sample(v[None])[0].numpy() == pytest.approx(expected, abs=1e-12)
    assert waves.variances.sum() == pytest.approx(waves.source.max_distortion, rel=1e-3)
    assert waves.variances[8] < 1e-12  # the mean of a patch is 0


@pytest.mark.parametrize("bits", range(6, 25))
def test_lattices_of_phases_are_well_spread(bits):
    """Any two of n points are at least 0.77/√n apart, 0.72 of the largest distance that a lattice can have."""
    count = 2**bits
    step = torch.arange(1, 2048, dtype=torch.float64) / count
    across = torch.frac(SPREAD * step)
    apart = torch.hypot(step, torch.minimum(across, 1.0 - across))
    assert float(apart.min()) > 0.77 / count**0.5


def test_circle():
    v = phases()
    assert torch.allclose(
        signal("circle", 1).sample(v), torch.stack([torch.cos(2 * torch.pi * v), torch.sin(2 * torch.pi * v)], -1)
    )


@pytest.mark.parametrize(("name", "samples"), CASES)
def test_core_package_recognises_the_phase(name, samples):
    v = phases()[0]
    result = edcurve.quantizer(name, 0.05).source.phase(signal(name, samples).sample(v[None])[0].numpy())
    apart = np.abs(np.mod(result - v.numpy() + 0.5, 1.0) - 0.5)
    assert apart.max() <= (0.5 / samples if name == "sawbridge" else 1e-9) + 1e-12


@pytest.mark.parametrize(("name", "samples"), CASES + SURFACES)
def test_energy(name, samples):
    waves, v = signal(name, samples), phases()
    assert torch.allclose(waves.energy(v), waves.sample(v).square().sum(-1), rtol=1e-12)


@pytest.mark.parametrize(("name", "samples"), CASES + SURFACES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_projection_is_the_product(name, samples, dtype):
    """Forward, and backward against autograd: rounding relative to the sum of absolute terms."""
    waves, v = signal(name, samples), phases(dtype=dtype)
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn((3, 6, waves.dim), generator=generator).to(dtype).requires_grad_()
    x = waves.sample(v).transpose(1, 2)
    plain = torch.bmm(rows, x)
    scale = torch.bmm(rows.abs(), x.abs()).max().item() + samples**0.5
    assert (waves.project(v, rows.detach()) - plain).abs().max() <= 4 * torch.finfo(dtype).eps * scale
    bias = torch.randn((3, 6, 1), generator=generator).to(dtype)
    assert (waves.project(v, rows.detach(), bias) - plain - bias).abs().max() <= 4 * torch.finfo(dtype).eps * scale
    grad = torch.randn(plain.shape, generator=generator).to(dtype)
    (expected,) = torch.autograd.grad((plain * grad).sum(), rows)
    actual, biases = waves.minus_adjoint(v, grad)
    assert torch.allclose(biases, grad.sum(2), rtol=0, atol=16 * torch.finfo(dtype).eps * v.shape[1])
    assert actual.shape == expected.shape
    assert (actual + expected).abs().max() <= 16 * torch.finfo(dtype).eps * v.shape[1]
    if isinstance(waves, Stepped):  # as on a GPU
        ordered, biases = waves._sorted_adjoint(v, grad)
        assert torch.allclose(biases, grad.sum(2), rtol=0, atol=16 * torch.finfo(dtype).eps * v.shape[1])
        assert (ordered + expected).abs().max() <= 16 * torch.finfo(dtype).eps * v.shape[1]


@pytest.mark.parametrize("name", ["ramp", "sawbridge"])
def test_sorted_adjoints_depend_on_no_order(name):
    """Phases sorted by drop, ties in the order of the batch, also beyond the ends."""
    waves = signal(name, 4)
    v = torch.tensor([[0.0, 0.999, 0.3, 0.3, 0.0, 0.6], [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]]).double()
    grad = torch.arange(24.0).double().reshape(2, 2, 6)
    exact = -torch.bmm(grad, waves.sample(v))
    torch.testing.assert_close(waves._sorted_adjoint(v, grad)[0], exact, rtol=0, atol=1e-13)


def test_means_where_whole_blocks_of_cells_are_empty(monkeypatch):
    monkeypatch.setattr(moments, "BLOCK", 8)  # two cells of a torus
    source, v = signal("torus", 2), (torch.arange(20) + 0.5) / 20
    means, counts = sample_means(source, v, torch.arange(20) // 10 * 6, 7)
    assert counts.tolist() == [10, 0, 0, 0, 0, 0, 10]
    x = source.sample(v[None])[0].double()
    np.testing.assert_allclose(means[counts > 0], x.view(2, 10, 4).mean(1), atol=1e-12)
    assert means[counts == 0].isnan().all()


def test_a_torus_of_other_radii():
    waves = signal("torus:1,2", 2)
    x = waves.sample(((torch.arange(4096).double() + 0.5) / 4096)[None])[0].numpy()
    assert np.square(x).mean(axis=0) == pytest.approx(waves.variances, rel=1e-9)
    assert np.square(x[:, :2]).sum(axis=1) == pytest.approx(1.0, rel=1e-12)
    assert waves.source == edcurve.Torus((1, 2))
    config = edn.Config("torus:1,2", lmbda=4.0, compressor="circles", latent_dim=2, steps=30, batch_size=64)
    run = edn.train(config, progress=False)
    evaluation = run.evaluate()
    assert 0.0 < evaluation.excess(4.0) < 20.0
    assert 0.0 < evaluation.left_open(4.0) < 0.1
    for name in ("torus:1", "torus:0,1", "torus:1.0,2"):
        with pytest.raises(ValueError, match=r"source must be one of .*torus:r,s"):
            edn.Config(name, lmbda=4.0)

"""The deep factorised density: normalisation, tails, gradients, initial scale."""

import math

import pytest
import torch
from edcurve_neural import functional
from edcurve_neural.functional import Density
from scipy.integrate import quad


def density(models=2, latents=3, spread=1.0, dtype=torch.float64, seed=0, narrow=0.0):
    """Random parameters around the initial ones; steeper if `narrow`."""
    generator = torch.Generator().manual_seed(seed)
    kinds = {"matrix": [], "bias": [], "factor": []}
    for kind, (rows, columns) in functional.density_sizes():
        value = spread * torch.randn((models, latents, rows, columns), generator=generator, dtype=torch.float64)
        kinds[kind].append((value + (functional.initial_matrix(rows) + narrow) * (kind == "matrix")).to(dtype))
    return Density(*(tuple(values) for values in kinds.values()))


@pytest.mark.parametrize("offset", [0.0, 0.25, -0.4999, 7.1])
def test_noisy_density_sums_to_one_over_the_integers(offset):
    y = (torch.arange(-3000, 3001, dtype=torch.float64) + offset).expand(2, 3, -1)
    total = functional.noisy_log_prob(y, density()).exp().sum(-1)
    assert torch.allclose(total, torch.ones_like(total), rtol=0, atol=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 1.0, 5.0])
def test_soft_rounded_density_integrates_to_one(alpha):
    single = density(1, 1, spread=0.3, narrow=2.0)

    def probability(z):
        at = torch.full((1, 1, 1), z, dtype=torch.float64)
        return functional.soft_rounded_log_prob(at, single, alpha).exp().item()

    # s_α is smooth between integers + ½
    total = sum(quad(probability, k - 0.5, k + 0.5, limit=100)[0] for k in range(-15, 16))
    assert total == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("alpha", [1.5, 4.0])
def test_soft_rounded_density_is_that_of_the_noisy_variable(alpha):
    """At z = 0.3: ∫ p(y) 1(|z − s(y)| ≤ ½) dy, by a sum over many y."""
    single = density(1, 1, spread=0.3)
    edges = torch.linspace(-8, 8, 1_600_001, dtype=torch.float64)
    mass = torch.sigmoid(functional.cumulative_logits(edges.expand(1, 1, -1), single)).flatten().diff()
    middle = 0.5 * (edges[1:] + edges[:-1])
    expected = mass[(0.3 - functional.soft_round(middle, alpha)).abs() <= 0.5].sum().log().item()
    z = torch.full((1, 1, 1), 0.3, dtype=torch.float64)
    assert functional.soft_rounded_log_prob(z, single, alpha).item() == pytest.approx(expected, abs=1e-4)


def test_noisy_density_at_integers_with_hard_rounding():
    densities, k = density(), torch.arange(-5.0, 6.0).double().expand(2, 3, -1)
    assert torch.equal(
        functional.soft_rounded_log_prob(k, densities, math.inf), functional.noisy_log_prob(k, densities)
    )


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_float32_far_in_the_tails(side):
    """Where 1 − F rounds to 0 in float32: log p of the logistic of scale 10 is −|y|/10 + log(2 sinh(1/20))."""
    initial = density(1, 1, spread=0.0, dtype=torch.float32)
    y = (side * torch.tensor([200.0, 800.0, 3000.0])).expand(1, 1, -1).clone().requires_grad_()
    value = functional.noisy_log_prob(y, initial)
    exact = functional.noisy_log_prob(y.detach().double(), density(1, 1, spread=0.0))
    assert value.tolist()[0][0] == pytest.approx(exact.tolist()[0][0], rel=1e-4)
    value.sum().backward()
    assert y.grad.flatten().tolist() == pytest.approx([-0.1 * side] * 3, rel=1e-3)


@pytest.mark.parametrize("size", [1e5, 1e8, 1e20])
def test_finite_beyond_the_resolution_of_float32(size):
    for side in (-1.0, 1.0):
        y = torch.full((1, 1, 1), side * size, requires_grad=True)
        value = functional.noisy_log_prob(y, density(1, 1, spread=0.0, dtype=torch.float32))
        value.sum().backward()
        assert torch.isfinite(value).all()
        assert torch.isfinite(y.grad).all()
        assert y.grad.item() * side < 0  # towards the middle


def test_log_difference_without_cancellation():
    upper = torch.tensor([-80.0, -1.0, 0.3, 60.0, 90.0])
    lower = upper - 1e-3
    exact = torch.log(torch.sigmoid(-lower.double()) - torch.sigmoid(-upper.double()))
    exact = torch.where(upper < 0, torch.log(torch.sigmoid(upper.double()) - torch.sigmoid(lower.double())), exact)
    # upper − lower is rounded to 2⁻¹⁸ at 90
    assert torch.allclose(functional.log_difference(upper, lower).double(), exact, rtol=0, atol=5e-3)
    assert torch.allclose(functional.log_difference(upper.double(), upper.double() - 1e-3), exact, rtol=0, atol=5e-3)


def test_gradients_against_finite_differences():
    densities = density(2, 2, spread=0.4)
    y = (3.0 * torch.randn((2, 2, 3), generator=torch.Generator().manual_seed(1), dtype=torch.float64)).requires_grad_()
    leaves = [value.requires_grad_() for group in densities for value in group]
    sizes = [len(group) for group in densities]

    def value(y, *parameters):
        split = [tuple(parameters[sum(sizes[:i]) : sum(sizes[: i + 1])]) for i in range(3)]
        return functional.soft_rounded_log_prob(y, Density(*split), 2.0)

    assert torch.autograd.gradcheck(value, (y, *leaves))


def test_initial_scale_is_ten():
    initial = density(1, 1, spread=0.0)
    y = torch.tensor([-30.0, 0.0, 5.0], dtype=torch.float64).expand(1, 1, -1)
    assert torch.allclose(functional.cumulative_logits(y, initial), y / 10.0, rtol=1e-12)

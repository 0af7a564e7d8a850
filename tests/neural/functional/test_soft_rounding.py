"""Soft rounding, its inverse and its conditional mean, against limits, each other and quadrature."""

import math

import numpy as np
import pytest
import torch
from edcurve_neural.functional import soft_round, soft_round_conditional_mean, soft_round_inverse
from hypothesis import given
from hypothesis import strategies as st

ALPHAS = [1e-9, 1e-3, 0.1, 1.0, 4.0, 12.0, 40.0]
Y = torch.linspace(-3.3, 3.3, 1001, dtype=torch.float64)


def test_small_alpha_is_the_identity():
    for function in (soft_round, soft_round_inverse, soft_round_conditional_mean):
        assert torch.equal(function(Y, 0.0), Y) or torch.allclose(function(Y, 0.0), Y, rtol=0, atol=1e-15)
        # s_α(y) − y = O(α²)
        assert torch.allclose(function(Y, 1e-4), Y, rtol=0, atol=1e-8)


def test_infinite_alpha_is_rounding():
    assert torch.equal(soft_round(Y, math.inf), torch.floor(Y + 0.5))
    assert torch.equal(soft_round_inverse(Y, math.inf), torch.floor(Y) + 0.5)
    assert torch.equal(soft_round_conditional_mean(Y, math.inf), torch.floor(Y - 0.5) + 1.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_limit_of_large_alpha(dtype):
    y = Y.to(dtype)
    inside = (y - torch.floor(y) - 0.5).abs() > 1e-2  # away from the jumps, and from ±½ for the inverse
    assert torch.allclose(soft_round(y, 1e4)[inside], torch.floor(y + 0.5)[inside], rtol=0, atol=1e-6)
    # s_α⁻¹ = m + O(1/α) away from the integers
    off_integers = (y - torch.round(y)).abs() > 1e-2
    assert torch.allclose(
        soft_round_inverse(y, 1e4)[off_integers], (torch.floor(y) + 0.5)[off_integers], rtol=0, atol=1e-3
    )


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_closed_form_and_its_inverse(alpha, dtype):
    y = Y.to(dtype)
    r = np.longdouble(y.numpy()) - np.floor(np.longdouble(y.numpy())) - 0.5
    expected = np.floor(y.double().numpy()) + 0.5 + np.tanh(alpha * r) / (2 * np.tanh(np.longdouble(alpha) / 2))
    rounding = 8 * torch.finfo(dtype).eps
    assert np.abs(soft_round(y, alpha).double().numpy() - expected).max() <= max(rounding, alpha**2 * rounding)
    there = soft_round_inverse(soft_round(y, alpha), alpha)
    # between integers the slope of s_α is as small as α/(2 sinh α), which limits the accuracy of y
    assert (there - y).abs().max() <= 8 * rounding * max(1.0, math.sinh(alpha) / alpha) or alpha > 12


@pytest.mark.parametrize("alpha", [0.0, *ALPHAS, 100.0, 1e6, math.inf])
def test_finite_values_and_gradients(alpha):
    points = torch.cat([Y.float(), torch.arange(-3, 4) * 0.5, torch.nextafter(torch.ones(1), torch.zeros(1))])
    for function in (soft_round, soft_round_inverse, soft_round_conditional_mean):
        y = points.clone().requires_grad_()
        sharp = torch.tensor(alpha, requires_grad=True)
        value = function(y, sharp)
        assert torch.isfinite(value).all()
        value.sum().backward()
        assert torch.isfinite(y.grad).all()
        assert (value - y).abs().max() <= 0.5 + 1e-6


def test_inverse_reaches_the_ends_of_its_interval():
    for alpha in (1.0, 20.0, 60.0):
        just_below = torch.nextafter(torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64))
        assert soft_round_inverse(torch.tensor(0.0, dtype=torch.float64), alpha).item() == pytest.approx(0.0, abs=1e-12)
        assert 0.5 < soft_round_inverse(just_below, alpha).item() <= 1.0


@given(st.floats(-50, 50), st.floats(1e-2, 20), st.integers(-9, 9))
def test_shifts_by_integers(y, alpha, shift):
    point = torch.tensor(y, dtype=torch.float64)
    for function in (soft_round, soft_round_inverse, soft_round_conditional_mean):
        difference = function(point + shift, alpha) - function(point, alpha) - shift
        near = abs(y * 2 - round(y * 2)) < 1e-9  # the shift itself rounds
        assert near or abs(difference.item()) < 1e-6


@pytest.mark.parametrize("alpha", [0.5, 3.0, 8.0])
@pytest.mark.parametrize("z", [-0.31, 0.0, 0.2, 0.49, 1.7])
def test_conditional_mean_is_that_of_a_uniform_variable(alpha, z):
    """E[Y | s(Y) + U = z] by quadrature: Y uniform, weight 1 where |z − s(y)| ≤ ½."""
    y = np.linspace(z - 2, z + 2, 4_000_001)
    inside = np.abs(z - soft_round(torch.from_numpy(y), alpha).numpy()) <= 0.5
    mean = y[inside].mean()
    assert soft_round_conditional_mean(torch.tensor(z, dtype=torch.float64), alpha).item() == pytest.approx(
        mean, abs=4e-6
    )


def test_gradients_in_y_and_alpha():
    generator = torch.Generator().manual_seed(0)
    y = torch.empty(20, dtype=torch.float64).uniform_(-3, 3, generator=generator).requires_grad_()
    alpha = torch.empty(20, dtype=torch.float64).uniform_(0.3, 6, generator=generator).requires_grad_()
    for function in (soft_round, soft_round_inverse, soft_round_conditional_mean):
        assert torch.autograd.gradcheck(function, (y, alpha))

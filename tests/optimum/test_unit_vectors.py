"""Bounds for unit vectors of up to 4096 numbers."""

import math

import edcurve as ed
import numpy as np
import pytest
from edcurve.sources import caps
from edcurve.sources.surfaces import _ReflectedCaps
from mpmath import mp


def spread(nats, dim):
    """1 − m² by bisection in 40 digits."""
    with mp.workdps(40):
        a = mp.mpf(dim) / 2
        aim = mp.log(2 * a * mp.beta(a, mp.mpf(1) / 2)) - mp.mpf(nats)
        low, high = aim / a - 2, min(mp.mpf(0), aim / a)
        for _ in range(70):
            t = (low + high) / 2
            F = mp.hyp2f1(a, mp.mpf(1) / 2, a + 1, mp.exp(t))
            low, high = (low, t) if a * t + mp.log(F) > aim else (t, high)
        return float(1 - 1 / F**2)


@pytest.mark.parametrize(("n", "rate"), [(128, 0.1), (128, 8.0), (1024, 1.0), (4096, 0.02), (4096, 4.0)])
def test_caps_of_tiny_probability(n, rate):
    assert ed.unit_vector_bound(n, n * rate) == pytest.approx(spread(n * rate * math.log(2.0), n - 1), rel=1e-11)


def test_the_switch_to_logarithms():
    nats = np.array([caps.FEW_NATS * (1 - 1e-12), caps.FEW_NATS])
    for dim in (2, 30, 700, 4095):
        below, above = caps.log_spread(nats, dim)
        assert above == pytest.approx(below, rel=1e-11)


@pytest.mark.parametrize(("n", "source"), [(2, "circle"), (4, "sphere:3"), (20, "sphere:19")])
@pytest.mark.parametrize("D", [0.02, 0.3, 0.7, 0.95])
def test_coded_bound_is_the_dual_bound(n, source, D):
    assert ed.unit_vector_bound(n, ed.lower_bound(source, D), coded=True) == pytest.approx(D, rel=1e-9)


@pytest.mark.parametrize("n", [2, 3, 8, 64, 700])
def test_tangents_of_d_are_below_it(n):
    """So K equal cells have the least distortion of all sizes, which is the bound at a fixed rate."""
    d = _ReflectedCaps(n - 1)
    p = np.concatenate([np.geomspace(1e-9, 0.4, 400), np.linspace(0.4, 1.0, 400)])
    for K in (2, 3, 4, 16):
        step = 1e-5 / K
        slope = (d(np.array([1 / K + step])) - d(np.array([1 / K - step]))) / (2 * step)
        assert (d(p) - d(np.array([1 / K])) - slope * (p - 1 / K)).min() > -1e-9
        assert ed.unit_vector_bound(n, math.log2(K)) == pytest.approx(K * float(d(np.array([1 / K]))[0]), rel=1e-11)


def test_codes_are_above_both_bounds():
    code = ed.quantizer("sphere", 0.1)
    assert ed.unit_vector_bound(3, math.log2(code.cells)) < code.distortion
    assert ed.unit_vector_bound(3, code.entropy, coded=True) < code.distortion
    assert ed.unit_vector_bound(3, 1.0) == pytest.approx(0.75)  # hemispheres


def test_figures_for_128_numbers():
    assert ed.unit_vector_bound(128, 512.0) == pytest.approx(0.00388, abs=5e-6)
    assert ed.unit_vector_bound(2, 16.0) < 5.1e-5 * 4.0**-4  # 8 bits a number: far below 4^-8


@pytest.mark.parametrize(("n", "bits", "message"), [
    (1, 4.0, "n must be from 2 to 4096, got 1"),
    (4097, 4.0, "n must be from 2 to 4096, got 4097"),
    (8, 0.5, "bits must be at least 1 for a fixed rate, got 0.5"),
    (8, -1.0, "bits"),
])  # fmt: skip
def test_wrong_arguments(n, bits, message):
    with pytest.raises(ValueError, match=message):
        ed.unit_vector_bound(n, bits)

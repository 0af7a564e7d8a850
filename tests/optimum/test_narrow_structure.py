"""The dual bound is below every partition, however short the structured part of the curve is."""

import math

import edcurve as ed
import numpy as np
import pytest


def one_large_and_many_small(d, large, count):
    """Distortion and entropy in bits of one cell of size `large`, and `count` equal ones that share the rest."""
    small = (1.0 - large) / count
    distortion = float(d(np.array([large]))[0]) + count * float(d(np.array([small]))[0])
    return distortion, -large * math.log2(large) - (1.0 - large) * math.log2(small)


@pytest.mark.parametrize("width", [1e-100, 1e-20, 1e-12, 1e-8, 1e-6, 1e-5, 1e-4, 0.3])
def test_narrow_pulses(width):
    source = ed.Pulse(width)
    large, count = np.linspace(0.02, 0.98, 9), np.geomspace(1.0, 1e3 / width, 40)
    points = [one_large_and_many_small(source.cell_distortion, p, n) for p in large for n in count]
    distortion, entropy = np.array(points).T
    assert (ed.lower_bound(source, distortion) <= entropy * (1 + 1e-12)).all()
    # and not far below the best of them, where one cell covers most of the phase
    near = distortion > 0.5 * source.max_distortion
    assert np.min(entropy[near] - ed.lower_bound(source, distortion[near])) < 0.6


@pytest.mark.parametrize(("height", "width"), [(0.1, 1e-5), (0.01, 1e-10), (0.01, 1e-9)])
def test_a_step_near_zero_in_a_function_of_the_user(height, width):
    """δ(u) = A min(u/s, 1) + u², whose d has closed forms below s and above."""

    def d(p):
        inner = height * p**2 / (6.0 * width)
        outer = height * (0.5 * p - 0.5 * width + width**2 / (6.0 * p))
        return np.where(p <= width, inner, outer) + p**3 / 12.0

    source = ed.Source(d, max_distortion=float(d(np.ones(1))[0]), closed=False)
    large, count = np.linspace(0.02, 0.98, 9), np.geomspace(1.0, 100.0 / width, 40)
    distortion, entropy = np.array([one_large_and_many_small(d, p, n) for p in large for n in count]).T
    assert (ed.lower_bound(source, distortion) <= entropy * (1 + 1e-12)).all()


def test_a_wide_spectrum_of_little_energy():
    """At D = 0.0369994 a partition has 6.2878 nats, less than the bound from sizes above 1e-5."""
    k = np.arange(1, 2**18 + 1)
    wide = np.exp(-((k / 4e4) ** 2))
    energies = 0.05 * wide / wide.sum()
    energies[0] += 1.0
    assert ed.lower_bound(ed.Source.from_spectrum(energies), 0.0369994, base=math.e) < 6.2878

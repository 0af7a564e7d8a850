"""Contiguous partitions of a few points: costs, exhaustive lists, and curves."""

import itertools
import math

import numpy as np
import pytest
from edcurve.segmentation import closed_exact, segment
from hypothesis import settings
from hypothesis import strategies as st

NATS = {"base": math.e}
SETTINGS = settings(deadline=None, max_examples=60, derandomize=True)


def cost_table(x, w, lmbda):
    """Cost in nats of the cyclic cell of `length` points from `first`: one row for each first point."""
    n = len(x)
    table = np.full((n, n + 1), np.inf)
    for length in range(1, n + 1):
        index = (np.arange(n)[:, None] + np.arange(length)) % n
        p = w[index].sum(axis=1)
        safe = np.where(p > 0, p, 1.0)
        mean = (w[index][..., None] * x[index]).sum(axis=1) / safe[:, None]
        error = (w[index] * ((x[index] - mean[:, None]) ** 2).sum(axis=2)).sum(axis=1)
        table[:, length] = -p * np.log(safe) + lmbda * error
    return table


def value_of(table, boundaries):
    n, ends = len(table), [*boundaries[1:], boundaries[0]]
    return math.fsum(table[a, (b - a - 1) % n + 1] for a, b in zip(boundaries, ends, strict=True))


def brute_force(table, closed):
    """The least value over all partitions, by enumeration."""
    n = len(table)
    choices = itertools.product([False, True], repeat=n if closed else n - 1)
    cuts = (np.flatnonzero(chosen if closed else (True, *chosen)).tolist() for chosen in choices)
    return min(value_of(table, part) for part in cuts if part)


def all_cuts(table):
    """The same for a loop, by a plain dynamic programme from every cut."""
    n, best = len(table), math.inf
    for cut in range(n):
        least = np.zeros(n + 1)
        for j in range(1, n + 1):
            i = np.arange(j)
            least[j] = (least[:j] + table[(cut + i) % n, j - i]).min()
        best = min(best, least[n])
    return best


def circle(n):
    angle = 2 * math.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def lopsided(n):
    angle = 2 * math.pi * np.arange(n) / n
    return np.stack([np.cos(angle) + 0.3 * np.sin(2 * angle), 0.6 * np.sin(angle) + 0.2 * np.cos(3 * angle)], axis=1)


def arc(n):
    angle = np.linspace(0, 4, n)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def brownian(n, dim=2, seed=3):
    return np.cumsum(np.random.default_rng(seed).normal(size=(n, dim)), axis=0) / math.sqrt(n)


def noisy(n, seed=4):
    return circle(n) + 0.15 * np.random.default_rng(seed).normal(size=(n, 2))


CURVES = {"arc": arc, "circle": circle, "lopsided": lopsided, "brownian": brownian, "noisy": noisy}


def directly(*arguments, **named):
    """`segment` of a loop of any length without a table of its arcs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(closed_exact, "MOST_POINTS", 0)
        return segment(*arguments, closed=True, **named)


def from_table(*arguments, **named):
    return segment(*arguments, closed=True, **named)


@st.composite
def problems(draw, least=1, most=12):
    n, dim = draw(st.integers(least, most)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.normal(size=(n, dim)) if draw(st.booleans()) else rng.integers(-1, 2, size=(n, dim)).astype(float)
    if draw(st.booleans()):
        x = np.cumsum(x, axis=0)
    w = rng.dirichlet(np.full(n, draw(st.sampled_from([0.2, 1.0, 50.0]))))
    w[rng.random(n) < draw(st.sampled_from([0.0, 0.4]))] = 0.0
    if not w.any():
        w[rng.integers(n)] = 1.0
    return x, w, draw(st.sampled_from([0.0, 1e-3, 0.1, 0.7, 2.0, 5.0, 30.0, 1e3, 1e7]))


def check(found, table, w, lmbda, scale):
    """Check that the fields describe the partition, and the value against the table."""
    assert np.diff(found.boundaries).min(initial=1) >= 1
    label = found.labels
    assert label.shape == w.shape
    probabilities = np.bincount(label, weights=w, minlength=found.cells)
    assert (found.probabilities > 0).all()
    assert found.probabilities == pytest.approx(probabilities / w.sum(), rel=1e-13, abs=0)
    assert found.probabilities.sum() == pytest.approx(1, rel=1e-14, abs=0)
    assert found.value == found.entropy + lmbda * found.distortion
    assert value_of(table, found.boundaries.tolist()) == pytest.approx(found.value, rel=1e-12, abs=scale)

"""The Klein bottle of image patches: the surface, and the shipped bounds and codes."""

import math

import edcurve as ed
import numpy as np
import pytest
from edcurve.optimum import klein_table, prices
from edcurve.sources import SEARCHED, SampledSurface
from edcurve.sources.klein import unsearched


@pytest.fixture(scope="module")
def source():
    return ed.KleinBottle()


def patch(phi, psi):
    """A patch pixel by pixel."""
    rows = [[(x * math.cos(phi) + y * math.sin(phi)) for x in (-1, 0, 1)] for y in (1, 0, -1)]
    values = [math.cos(psi) * along**2 + math.sin(psi) * along for row in rows for along in row]
    mean = sum(values) / 9
    length = math.sqrt(sum((value - mean) ** 2 for value in values))
    return [(value - mean) / length for value in values]


def test_realizations_are_the_patches(source):
    numbers = np.random.default_rng(1).random((40, 2))
    patches = source.realizations(numbers)
    for (a, b), x in zip(numbers.tolist(), patches, strict=True):
        assert x == pytest.approx(patch(math.pi * a, 2.0 * math.pi * b), abs=1e-14)
        assert x == pytest.approx(patch(math.pi * a + math.pi, -2.0 * math.pi * b), abs=1e-14)
    assert np.linalg.norm(patches, axis=1) == pytest.approx(np.ones(40), rel=1e-14)
    assert patches.sum(axis=1) == pytest.approx(np.zeros(40), abs=1e-14)


def test_it_is_a_klein_bottle(source):
    samples = unsearched()
    observed = SampledSurface(samples.x, name="seen")
    assert observed.ends == source.ends == ("twisted", "closed")
    assert observed.samples.sides == samples.sides
    assert observed.max_distortion == pytest.approx(source.max_distortion, rel=1e-12)
    assert source.status == SEARCHED
    assert ed.lower_bound("klein", 0.3) == ed.lower_bound(source, 0.3)
    assert ed.lower_bound(source.scaled(2.0), 1.2) == pytest.approx(ed.lower_bound(source, 0.3), rel=1e-12)


def test_shipped_codes_attain_their_stated_values(source):
    x, p = source.points, source.weights
    for D in (0.5, 0.2, 0.05):
        code = ed.quantizer(source, D)
        index = code.encode(x)
        share = np.bincount(index, p, code.cells)
        assert -(share @ np.log2(share)) == pytest.approx(code.entropy, rel=1e-12)
        assert p @ np.sum((x - code.decode(index)) ** 2, axis=1) == pytest.approx(code.distortion, rel=1e-9)
        assert code.distortion <= D
        off = source.realizations(np.random.default_rng(2).random((20_000, 2)))
        error = np.mean(np.sum((off - code.decode(code.encode(off))) ** 2, axis=1))
        assert error == pytest.approx(code.distortion, rel=0.03)


def test_band(source):
    for lmbda in (4.0, 8.0, 16.0, 32.0, 64.0):
        gap = ed.lagrangian(source, lmbda).value - ed.lagrangian_bound(source, lmbda)
        assert 0.0 <= gap < WIDEST
    D = np.array([0.05, 0.1, 0.3, 0.7])
    assert (ed.lower_bound(source, D) <= ed.upper_bound(source, D)).all()


WIDEST = 0.32  # bits


def test_no_partition_is_below_the_bounds(source):
    x, p = source.points, source.weights
    rng = np.random.default_rng(2022)
    for _ in range(150):
        count = int(rng.integers(2, 60))
        centres = x[rng.choice(len(x), count)] * rng.uniform(0.5, 1.0)
        label = (np.sum(centres**2, axis=1) + rng.exponential(0.1, count) - 2.0 * x @ centres.T).argmin(axis=1)
        share = np.bincount(label, p, count)
        used = share > 0.0
        means = np.stack([np.bincount(label, p * axis, count) for axis in x.T], axis=1)[used] / share[used, None]
        H = -float(share[used] @ np.log2(share[used]))
        D = 1.0 - float(share[used] @ np.sum(means**2, axis=1))
        assert ed.lower_bound(source, D) <= H
        for lmbda in (6.0, 24.0):
            assert ed.lagrangian_bound(source, lmbda) <= H + lmbda * D


def test_the_table_is_reproduced_by_its_command(tmp_path, monkeypatch):
    """With few samples, the table read back is the result of a search of them."""
    few = SampledSurface(unsearched().x[::8, ::8], ends=("twisted", "closed"), name="few")
    monkeypatch.setattr(klein_table, "unsearched", lambda: few.samples)
    klein_table.main(str(tmp_path / "few.npz"))
    with np.load(tmp_path / "few.npz") as stored:
        lmbda, value = prices.of_samples(few)
        assert stored["value"].tolist() == value.tolist()
        assert stored["lmbda"].tolist() == lmbda.tolist()
        assert stored["mean"][-1] == pytest.approx(few.max_distortion)
        assert len(stored["cells"]) == stored["counts"].sum()

"""Bounds where biuniform partitions are not optimal, or δ is not monotone."""

import math

import edcurve as ed
import numpy as np
import oracle
import pytest
from edcurve.search import minimise_entropy
from scipy.optimize import brentq
from source_examples import exact_cell_distortion, near_one, ratios

NATS = {"base": math.e}
PAIR = [0.2, 1.0]  # δ falls again beyond u = ¼
HALVES = 2.0 ** -np.arange(1, 51)  # δ rises, and (★) fails


def biuniform(source, D):
    """Entropy in nats of K equal cells and a smaller one at distortion D."""
    K = next(K for K in range(1, 1000) if (K + 1) * source.cell_distortion(1 / (K + 1)) < D)

    def excess(odd):
        return K * source.cell_distortion((1 - odd) / K) + source.cell_distortion(odd) - D

    odd = brentq(excess, 0, 1 / (K + 1), xtol=1e-15)
    return -(1 - odd) * math.log((1 - odd) / K) - odd * math.log(odd)


@pytest.fixture(scope="module")
def halves():
    return ed.Source.from_spectrum(HALVES, name="halves")


@pytest.mark.parametrize(
    "refused", [ed.entropy_distortion, ed.distortion_entropy, ed.partition], ids=lambda f: f.__name__
)
def test_exact_answers_are_refused_where_the_condition_fails(refused, halves):
    assert halves.monotone
    assert not halves.condition.holds
    assert halves.status == "upper bound"
    with pytest.raises(ValueError, match=r"'halves' \(condition .* violated; .*\); upper_bound returns the best"):
        refused(halves, 0.5)
    with pytest.raises(ValueError, match=r"its δ is not monotone.*upper_bound"):
        refused(ed.Source.from_spectrum(PAIR), 0.5)


def test_one_large_cell_beats_the_biuniform_partition(halves):
    """The values of the theorem's page, to their last digit."""
    got = ed.upper_bound(halves, 0.7552236, **NATS)
    assert got == pytest.approx(0.746277, abs=1e-6)
    assert biuniform(halves, 0.7552236) == pytest.approx(0.807795, abs=1e-6)
    large = np.array([0.744, 0.128, 0.128])
    own = math.fsum(halves.cell_distortion(large))
    assert own == pytest.approx(0.7552236, abs=1e-7)
    # the search may still improve on three digits
    assert ed.upper_bound(halves, own, **NATS) <= -math.fsum(large * np.log(large)) + 1e-12


def test_dual_bound_where_the_condition_fails(halves, monkeypatch):
    """δ rises, which is all that the dual bound needs; it ends in a chord from p = 0.17."""
    monkeypatch.setattr(oracle, "cell_distortion", {"halves": exact_cell_distortion(HALVES)}.__getitem__)
    D = np.concatenate([ratios(1e-21, 0.9, 12), near_one(12)])
    want = [float(oracle.dual("halves", x)) for x in D]
    assert ed.lower_bound(halves, D, **NATS) == pytest.approx(want, rel=1e-12, abs=0)
    assert float(oracle.tangent_size("halves")) == pytest.approx(0.17046664951321916, rel=1e-15, abs=0)


def test_upper_bound_by_search(halves):
    D = np.linspace(0.1, 0.98, 23)
    upper, lower = ed.upper_bound(halves, D, **NATS), ed.lower_bound(halves, D, **NATS)
    best = np.array([biuniform(halves, x) for x in D.tolist()])
    assert (lower <= upper).all()
    assert (upper <= best * (1 + 1e-12)).all()
    assert (upper < best - 0.01).sum() >= 5
    assert (np.diff(upper) < 0).all()
    assert np.array_equal(ed.upper_bound(halves, D), upper / math.log(2))
    assert np.array_equal(ed.upper_bound(halves, D[::-1].reshape(1, -1))[0], upper[::-1] / math.log(2))


def test_ends_of_the_upper_bound_by_search(halves):
    largest = halves.max_distortion
    assert ed.upper_bound(halves, [0, largest, 2.0, math.inf]).tolist() == [math.inf, 0, 0, 0]
    assert 0 < ed.upper_bound(halves, largest * (1 - 1e-9)) < 1e-6
    # beyond 2000 cells only the biuniform partition is tried: it is feasible, so not below the dual bound, and near it
    D = np.array([1e-6, 1e-9, 1e-15])
    upper, lower = ed.upper_bound(halves, D), ed.lower_bound(halves, D)
    assert (lower <= upper).all()
    assert (upper <= lower * (1 + 1e-4)).all()


@pytest.fixture(scope="module")
def pair():
    return ed.Source.from_spectrum(PAIR, name="pair")


def test_no_lower_bound_without_a_monotone_delta(pair):
    assert not pair.monotone
    assert pair.status == "upper bound"
    with pytest.raises(ValueError, match=r"δ that is monotone .*got 'pair'"):
        ed.lower_bound(pair, 0.5)


def test_upper_bound_without_a_monotone_delta(pair):
    """Attained by a partition; never worse than equal cells; at most 1e-9 above a search with other starts."""
    D = np.linspace(0.05, 1.19, 9)
    upper = ed.upper_bound(pair, D, **NATS)
    K = np.arange(1.0, 200)
    equal = K * pair.cell_distortion(1 / K)
    assert (np.diff(upper) < 0).all()
    for x, nats in zip(D.tolist(), upper.tolist(), strict=True):
        assert nats <= np.log(K[equal <= x].min()) + 1e-12
        minimum = minimise_entropy(pair.cell_distortion, x, seed=1)
        sizes = minimum.sizes
        assert math.fsum(sizes) == pytest.approx(1, abs=1e-12)
        assert math.fsum(pair.cell_distortion(sizes)) <= x * (1 + 1e-12)
        assert nats <= -math.fsum(sizes * np.log(sizes)) + 1e-9
        assert nats >= minimum.entropy - 1e-3


def test_upper_bound_at_equal_cells_without_a_monotone_delta(pair):
    K = np.arange(2.0, 30)
    assert (ed.upper_bound(pair, K * pair.cell_distortion(1 / K), **NATS) <= np.log(K) + 1e-12).all()


@pytest.mark.parametrize("harmonic", [8191, 8192, 8193])
def test_a_high_harmonic_is_not_mistaken_for_a_low_one(harmonic):
    energies = np.zeros(harmonic)
    energies[0], energies[-1] = 1.0, 0.01
    source = ed.Source.from_spectrum(energies)
    assert not source.monotone
    with pytest.raises(ValueError, match="monotone"):
        ed.lower_bound(source, 0.0061479)


@pytest.mark.parametrize("width", [0.2, 1e-3])
def test_upper_bounds_of_pulses_at_tiny_distortions(width):
    """Cells of p = 3D, whose number exceeds all doubles."""
    for D in (1e-100, 1e-200, 1e-300, 5e-324):
        want = -math.log(3.0) - math.log(D)
        assert ed.upper_bound(ed.Pulse(width), D, **NATS) == pytest.approx(want, rel=1e-14, abs=0)
        assert ed.upper_bound(ed.Pulse(width), [D, 0.0], **NATS) == pytest.approx([want, math.inf], rel=1e-14, abs=0)


def test_upper_bounds_of_measured_curves_at_tiny_distortions():
    """Five points on a line are its uniform distribution: p²/12 = D/16."""
    line = ed.Source.from_samples([0.0, 1.0, 2.0, 3.0, 4.0], closed=False)
    for D in (1e-100, 1e-150, 1e-200, 1e-300):
        # δ between its knots is a cubic, not u²: its first term is found from d itself
        p = 1e-40
        first = line.cell_distortion(p) / p / p ** line_power(line, p)
        want = (math.log(first) - math.log(D)) / line_power(line, p)
        assert ed.upper_bound(line, D, **NATS) == pytest.approx(want, rel=1e-12, abs=0)


def line_power(source, p):
    return round(math.log(source.cell_distortion(2 * p) / source.cell_distortion(p), 2) - 1, 6)


def test_partitions_of_more_cells_than_numbers_are_refused():
    with pytest.raises(ValueError, match="distortion must be larger for a countable partition"):
        ed.quantizer(ed.Pulse(0.2), 1e-310)

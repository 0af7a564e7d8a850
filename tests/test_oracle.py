"""The oracle against the reference values, against brute force, and against itself at its extremes."""

import json
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import oracle
import pytest
from mpmath import mp, mpf

REFERENCE = json.loads((Path(__file__).parent / "reference" / "values.json").read_text())
CURVES = ("ramp", "circle", "sawbridge", "uniform")
SOURCES = (*CURVES, "sinusoid", "power:0.05", "power:0.3", "power:1.5", "power:2.0")
EXTREMES = (1e-21, 1e-12, 1e-4, 0.3, 0.75, 1 - 1e-5, 1 - 1e-7)


def relative_error(got, want):
    with mp.workdps(60):
        return abs(got - mpf(want)) / abs(mpf(want))


def fractions(source, ratios):
    return [float(oracle.max_distortion(source)) * ratio for ratio in ratios]


@pytest.mark.parametrize("source", CURVES)
def test_reference_values(source):
    assert len(REFERENCE[source]) == 17
    for row in REFERENCE[source]:
        K, odd = oracle.partition(source, row["distortion"])
        assert int(row["cells"]) == K
        # 22 significant digits are printed, 18 of ε
        assert relative_error(oracle.entropy(source, row["distortion"]), row["entropy"]) < 1e-21
        assert relative_error(oracle.dual(source, row["distortion"]), row["dual"]) < 1e-21
        assert relative_error(odd, row["odd"]) < 1e-17


@pytest.mark.parametrize("source", CURVES)
def test_reference_hull_vertices(source):
    rows = REFERENCE[f"{source}_hull"]
    assert tuple(row["cells"] for row in rows) == oracle.vertices(source)[: len(rows)]
    for row in rows[1:]:  # 22 significant digits are printed
        assert relative_error(oracle.level(source, row["cells"]), row["distortion"]) < 1e-21
        assert relative_error(mp.log(row["cells"]), row["entropy"]) < 1e-14  # at mpmath's default precision


@pytest.mark.parametrize("source", SOURCES)
def test_sources_are_consistent(source):
    """Dual ≤ hull ≤ E, E falls, and the inverse of E inverts it, from D/D_max = 1e-21 to 1 − 1e-7."""
    entropies = []
    for D in fractions(source, EXTREMES):
        H = oracle.entropy(source, D)
        ordered = [mpf(0), oracle.dual(source, D), oracle.hull(source, D), H]
        assert all(relative_error(low, high) < 1e-50 or low < high for low, high in pairwise(ordered))
        # H as a double is off by H 2^-53, and |d log D / dH| is at most a(a + 1) ≤ 6
        assert relative_error(oracle.distortion(source, float(H)), D) < 6 * float(H) * 2**-53
        entropies.append(H)
    assert entropies == sorted(entropies, reverse=True)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("K", [1, 2, 3, 12, 12345, 10**9])
def test_partition_changes_at_a_level(source, K):
    """At a double above D_K there are K − 1 equal cells (K = 1: E = 0), at one below there are K."""
    D = float(oracle.level(source, K))
    for near in (np.nextafter(D, 0), D, np.nextafter(D, 1)):
        count, odd = oracle.partition(source, near)
        above = mpf(near) > oracle.level(source, K)
        assert count == (max(K - 1, 1) if above else K)
        assert 0 <= odd * (count + 1) <= 1
        # one ulp of D is worth ε ≈ 2^-52 / a; −ε log ε then stays below 1e-12 even for a = 0.05
        assert abs(oracle.entropy(source, near) - mp.log(K)) < 1e-12


@pytest.mark.parametrize("source", SOURCES)
def test_dual_is_the_supremum_of_lagrangians(source):
    """The dual is sup over λ of inf over p of −log p + λ(d(p)/p − D): brute force on a grid of both."""
    d = oracle.cell_distortion(source)
    log_p = np.linspace(-40, 0, 2001)
    x = np.array([float(d(mp.exp(t)) / mp.exp(t)) for t in log_p])
    for D in fractions(source, (0.3, 0.5, 0.8, 0.97)):
        lmbda = np.geomspace(0.2, 100, 1001) / x[-1]
        grid = max(np.min(-log_p + slope * (x - D)) for slope in lmbda)
        # the steps are 0.02 in log p, at whose optimum the objective is stationary, and 0.6 % in λ
        assert abs(grid - oracle.dual(source, D)) < 5e-3


@pytest.mark.parametrize("source", SOURCES)
def test_hull_is_below_every_chord(source):
    """The hull is the least of all chords between two levels that straddle D."""
    levels = [(oracle.level(source, K), mp.log(K)) for K in range(1, 28)]
    for ratio in (0.2, 0.5, 0.7, 0.93):
        low, high = oracle.level(source, 26), oracle.max_distortion(source)
        D = float(low + ratio * (high - low))
        chords = [
            h0 + (h1 - h0) * (x0 - D) / (x0 - x1) for (x0, h0), (x1, h1) in combinations(levels, 2) if x0 >= D > x1
        ]
        assert relative_error(oracle.hull(source, D), min(chords)) < 1e-13  # chords at 15 digits


def test_power_laws_contain_the_sawbridge_and_the_uniform_scalar():
    for D in (1e-15, 1e-3, 0.07):
        assert relative_error(oracle.entropy("power:1", D), oracle.entropy("sawbridge", D)) < 1e-50
        assert relative_error(oracle.entropy("power:2", D), oracle.entropy("uniform", D)) < 1e-50


def test_tangent_points():
    assert relative_error(oracle.tangent_size("ramp"), "0.284668137040838") < 2e-15  # design digits
    assert relative_error(oracle.tangent_size("circle"), "0.373634892372606") < 2e-15
    assert oracle.tangent_size("sawbridge") == 1


def test_context_is_left_alone():
    before = mp.prec
    oracle.hull("circle", 1.2345e-9)
    oracle.distortion("ramp", 1.2345)
    assert mp.prec == before

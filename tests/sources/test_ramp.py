"""The ramp observed at T points: cells, Lagrangian against exhaustive searches, and errors."""

import copy
import itertools
import math
import pickle
from functools import cache

import edcurve as ed
import numpy as np
import pytest
from edcurve.sources import resolve
from hypothesis import given, settings
from hypothesis import strategies as st

universal = settings(deadline=None, derandomize=True, max_examples=60)

NATS = {"base": math.e}


@cache
def cell(samples, start, size):
    """p times the variance, averaged over the T samples, of the ramp with its phase in [start, start + p).

    The sample at t is V plus a constant less 1 for each integer that t + V has passed: moments piece by piece.
    """
    total = 0.0
    for i in range(samples):
        t = i / samples
        jumps = [n - t for n in range(4) if start < n - t < start + size]
        ends = [start, *jumps, start + size]
        first = second = 0.0
        for drop, (low, high) in enumerate(itertools.pairwise(ends)):
            first += ((high - drop) ** 2 - (low - drop) ** 2) / 2
            second += ((high - drop) ** 3 - (low - drop) ** 3) / 3
        total += second - first**2 / size
    return total / samples


def compositions(total):
    if total == 0:
        yield ()
    for first in range(1, total + 1):
        for rest in compositions(total - first):
            yield (first, *rest)


def finest(samples, parts, lmbda):
    """Least H + λD in nats over all cyclic partitions with boundaries at multiples of 1/(T parts)."""
    count = samples * parts
    sizes = np.arange(1, count + 1) / count
    each = np.array([[cell(samples, a / count, s) for s in sizes.tolist()] for a in range(parts)])
    cost = -sizes * np.log(sizes) + lmbda * each
    least = math.inf
    # some cell begins within the first step, because all steps are equivalent
    for first in range(parts):
        best = np.full(count + 1, math.inf)
        best[0] = 0.0
        for n in range(1, count + 1):
            k = np.arange(1, n + 1)
            best[n] = np.min(best[n - k] + cost[(first + n - k) % parts, k - 1])
        least = min(least, best[count])
    return least


# --- cells ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [2, 3, 7, 16, 31])
def test_distortion_of_aligned_cells(samples):
    """s²/12 + (1 − s)(s/6)(1 − 1/k²), wherever the cell begins."""
    result = ed.Ramp(samples=samples).steps_distortion()
    for k in range(1, samples + 1):
        for first in (0, 1, samples - 1):
            assert result[k - 1] == pytest.approx(cell(samples, first / samples, k / samples), rel=1e-12, abs=1e-16)
    assert result[-1] == pytest.approx(1 / 12, rel=1e-15)
    assert result[0] == pytest.approx(1 / samples**3 / 12, rel=1e-14)
    assert (result < ed.Ramp().cell_distortion(np.arange(1, samples + 1) / samples) + 1e-17).all()


def test_distortion_of_cells_by_simulation():
    """Variances of the samples themselves, at equally spaced phases of a cell that begins at a multiple of 1/T."""
    samples, steps = 16, 5
    t = np.arange(samples) / samples
    v = (3 + steps * (np.arange(40_000) + 0.5) / 40_000) / samples
    x = (t + v[:, None]) % 1 - 0.5
    want = steps / samples * x.var(axis=0).mean()
    assert ed.Ramp(samples=samples).steps_distortion()[steps - 1] == pytest.approx(want, rel=1e-6)


# --- Lagrangian -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", range(2, 9))
def test_lagrangian_against_all_compositions(samples):
    """Every way to divide T steps, at λ from 0 to T²/2 nats and at half the λ of each switch."""
    each = ed.Ramp(samples=samples).steps_distortion()
    all_steps = [np.array(c) for c in compositions(samples)]
    entropy = np.array([-np.sum(c / samples * np.log(c / samples)) for c in all_steps])
    distortion = np.array([each[c - 1].sum() for c in all_steps])
    for lmbda in np.linspace(0, samples**2 / 2, 41).tolist():
        optimum = ed.lagrangian(ed.Ramp(samples=samples), lmbda, **NATS)
        assert optimum.value == pytest.approx((entropy + lmbda * distortion).min(), rel=1e-13, abs=1e-15)
        assert optimum.value == pytest.approx(optimum.entropy + lmbda * optimum.distortion, rel=1e-14, abs=1e-15)
        same = np.flatnonzero(np.isclose(distortion, optimum.distortion, rtol=1e-12, atol=1e-16))
        assert any(
            len(all_steps[i]) == optimum.cells
            and (np.ptp(all_steps[i]) == 0) == optimum.uniform
            and math.isclose(entropy[i], optimum.entropy, rel_tol=1e-12, abs_tol=1e-15)
            for i in same
        )


@pytest.mark.parametrize(("samples", "parts"), [(2, 8), (3, 2), (3, 5), (4, 3), (5, 4), (6, 3), (8, 2)])
def test_boundaries_between_the_jumps_are_no_better(samples, parts):
    """The claim of the docstring for λ up to T²/2 nats."""
    for lmbda in (samples**2 / 2 * np.linspace(0.02, 1, 25)).tolist():
        optimum = ed.lagrangian(ed.Ramp(samples=samples), lmbda, **NATS)
        assert finest(samples, parts, lmbda) >= optimum.value - 1e-12
        assert finest(samples, 1, lmbda) == pytest.approx(optimum.value, rel=1e-12)


@pytest.mark.parametrize(("samples", "parts"), [(2, 6), (3, 6), (4, 4), (5, 2)])
def test_steps_cut_into_cells(samples, parts):
    """Beyond T²/2 nats: the candidates are also the best boundaries of a finer grid."""
    for lmbda in (samples**2 * np.array([0.6, 1, 2, 4, 8, 11, 11.2, 20, 30, 45])).tolist():
        optimum = ed.lagrangian(ed.Ramp(samples=samples), lmbda, **NATS)
        assert finest(samples, parts, lmbda) >= optimum.value - 1e-12
    cut = ed.lagrangian(ed.Ramp(samples=samples), 24.0 * samples**2, **NATS)
    assert cut.cells == 2 * samples
    assert cut.entropy == pytest.approx(math.log(2 * samples))
    assert cut.distortion == pytest.approx(1 / (12 * (2 * samples) ** 2))
    assert cut.value == pytest.approx(finest(samples, 2, 24.0 * samples**2), rel=1e-12)


def test_numbers_of_the_literature():
    """T = 1024: at λ = 4096 bits 512 aligned cells give 9.9993, the continuous ramp 10.3274; D = 8e-8 at 10 bits."""
    source = ed.Ramp(samples=1024)
    best = ed.lagrangian(source, 4096)
    assert (best.cells, best.entropy, best.uniform) == (512, 9.0, True)
    assert best.value == pytest.approx(9.9993, abs=5e-5)
    assert ed.lagrangian("ramp", 4096).value == pytest.approx(10.3274, abs=5e-5)
    all_steps = ed.lagrangian(source, 1e5)
    assert (all_steps.cells, all_steps.entropy) == (1024, 10.0)
    assert all_steps.distortion == pytest.approx(1 / (12 * 1024**2), rel=1e-12)
    assert all_steps.distortion == pytest.approx(8e-8, rel=0.01)
    # 16 cells: 1 − 1/k² of k = 64 samples is 0.02 % less
    aligned = 16 * source.steps_distortion()[63]
    assert 1 - aligned / ed.distortion_entropy("ramp", 4.0) == pytest.approx(2.4e-4, rel=0.05)


@pytest.mark.parametrize("samples", [2, 3, 8, 12, 100, 1024])
def test_a_sweep_over_lambda(samples):
    """Entropy rises and distortion falls with λ; the value is concave, and at most the continuous ramp's."""
    source = ed.Ramp(samples=samples)
    lmbda = np.concatenate([[0.0], np.geomspace(1, 100 * samples**2, 60)])
    optimum = ed.lagrangian(source, lmbda)
    assert (np.diff(optimum.entropy) >= -1e-12).all()
    assert (np.diff(optimum.distortion) <= 1e-16).all()
    assert (np.diff(optimum.cells) >= 0).all()
    assert (np.diff(np.diff(optimum.value) / np.diff(lmbda)) <= 1e-12).all()
    assert (optimum.cells[0], optimum.entropy[0], optimum.value[0]) == (1, 0.0, 0.0)
    continuous = ed.lagrangian("ramp", lmbda)
    coarse = continuous.cells <= samples / 64
    assert (optimum.value[coarse] <= continuous.value[coarse] + 1e-12).all()


def test_many_samples_are_the_ramp():
    """At few cells that divide T, by 1 − 1/k²."""
    for lmbda in (10.0, 45.0, 48.0, 100.0):
        value = ed.lagrangian(ed.Ramp(samples=4800), lmbda).value
        assert value == pytest.approx(ed.lagrangian("ramp", lmbda).value, rel=1e-5)


def test_ties_go_to_fewer_cells():
    """At the λ where one cell and T cells of T = 2 tie, and where a step and two halves of it do."""
    source = ed.Ramp(samples=2)
    distortions = source.steps_distortion()
    tie = math.log(2) / (distortions[1] - 2 * distortions[0])
    cells = [ed.lagrangian(source, tie * (1 + x), **NATS).cells for x in (-1e-9, 0.0, 1e-9)]
    assert cells == [1, 1, 2]
    finer = math.log(2) / (1 / 12 / 4 * 0.75)
    assert [ed.lagrangian(source, finer * (1 + x), **NATS).cells for x in (-1e-9, 1e-9)] == [2, 4]


def test_shapes_and_units():
    source = ed.Ramp(samples=64)
    optimum = ed.lagrangian(source, [[48.0, 100.0, 0.0]])
    assert all(getattr(optimum, x).shape == (1, 3) for x in ("lmbda", "cells", "entropy", "distortion", "value"))
    scalar = ed.lagrangian(source, 48)
    assert (type(scalar.cells), type(scalar.value), type(scalar.uniform)) == (int, float, bool)
    assert scalar.value == optimum.value[0, 0]
    assert ed.lagrangian(source, []).value.shape == (0,)
    nats = ed.lagrangian(source, 48 * math.log(2), **NATS)
    assert nats.cells == scalar.cells
    assert nats.value == pytest.approx(scalar.value * math.log(2), rel=1e-14)
    for bad in (-1, math.nan, math.inf):
        with pytest.raises(ValueError, match="lmbda must be at least 0 and finite"):
            ed.lagrangian(source, bad)


# --- quantizer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [4, 16, 60, 256])
@pytest.mark.parametrize("ratio", [0.9, 0.3, 0.05, 0.004])
def test_quantizers_on_data(samples, ratio):
    """Entropy and distortion as stated, of realizations at equally spaced phases."""
    source = ed.Ramp(samples=samples)
    D = ratio * source.max_distortion
    quantizer = ed.quantizer(source, D)
    assert quantizer.distortion <= D * (1 + 1e-12)
    v = (np.arange(60_000) + 0.5) / 60_000
    x = (np.arange(samples) / samples + v[:, None]) % 1 - 0.5
    index = quantizer.encode(x)
    assert np.array_equal(index, quantizer.encode(v))
    share = np.bincount(index, minlength=quantizer.cells) / v.size
    assert share == pytest.approx(quantizer.partition.cells(), abs=2 / v.size)
    assert -np.sum(share * np.log2(share)) == pytest.approx(quantizer.entropy, abs=2e-3)
    assert np.mean((x - quantizer.decode(index)) ** 2) == pytest.approx(quantizer.distortion, rel=2e-3)
    means = np.array([x[index == i].mean(axis=0) for i in range(quantizer.cells)])
    assert quantizer.centroids == pytest.approx(means, abs=1e-3)
    assert quantizer.encode(quantizer.centroids).tolist() == list(range(quantizer.cells))


@universal
@given(st.integers(2, 40), st.floats(1e-4, 1.2))
def test_a_quantizer_is_a_point_of_the_hull(samples, ratio):
    """It attains the Lagrangian at its λ: no point of the hull has less entropy and less distortion."""
    source = ed.Ramp(samples=samples)
    D = ratio * source.max_distortion
    quantizer = ed.quantizer(source, D, **NATS)
    assert quantizer.distortion <= D * (1 + 1e-12)
    sizes = quantizer.partition.cells()
    assert math.fsum(sizes) == pytest.approx(1, abs=1e-12)
    for lmbda in np.geomspace(0.1, 60 * samples**2, 25).tolist():
        best = ed.lagrangian(source, lmbda, **NATS)
        assert quantizer.entropy + lmbda * quantizer.distortion >= best.value - 1e-11
        if best.distortion <= D:
            assert quantizer.entropy <= best.entropy + 1e-9


def test_quantizers_of_any_distortion():
    source = ed.Ramp(samples=16)
    assert ed.quantizer(source, 1.0).cells == 1
    assert ed.quantizer(source, source.max_distortion).cells == 1
    fine = ed.quantizer(source, 1e-9)
    assert fine.cells % 16 == 0
    assert fine.distortion <= 1e-9
    assert fine.encode(np.array([0.0, 0.5 + 1e-9, 1.0])).tolist() == [0, fine.cells // 2, 0]
    for bad, message in ((0.0, "above 0"), (-1.0, "above 0"), (math.nan, "NaN"), (1e-40, r"at most 2\*\*52 cells")):
        with pytest.raises(ValueError, match=message):
            ed.quantizer(source, bad)


# --- as a source ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ask",
    [
        lambda s: ed.entropy_distortion(s, 0.01),
        lambda s: ed.distortion_entropy(s, 2.0),
        lambda s: ed.upper_bound(s, 0.01),
        lambda s: ed.lower_bound(s, 0.01),
        lambda s: ed.convex_hull(s, 0.01),
        lambda s: ed.rate_distortion(s, 0.01),
        lambda s: ed.partition(s, 0.01),
        lambda s: ed.curve(s, num=3),
        lambda s: ed.excess(s, 0.01, 3.0),
        lambda s: ed.certify(s, 0.01),
    ],
)
@pytest.mark.parametrize("source", [ed.Ramp(samples=64), "ramp:64", ed.Ramp(samples=64).scaled(2)])
def test_functions_that_need_stationarity_refuse_it(ask, source):
    with pytest.raises(ValueError, match=r"source must be stationary for this, got '.*ramp:64'.*lagrangian"):
        ask(source)


def test_it_has_no_cell_distortion_and_no_harmonics():
    source = ed.Ramp(samples=64)
    with pytest.raises(ValueError, match="source must be stationary for a cell distortion, got 'ramp:64'"):
        source.cell_distortion(0.5)
    with pytest.raises(ValueError, match="source must be stationary to have harmonics, got 'ramp:64'"):
        source.harmonics(3)
    assert source.status == "upper bound"
    assert source.monotone is False


def test_excess_of_a_compressor_of_the_sampled_ramp():
    source = ed.Ramp(samples=1024)
    best = ed.lagrangian(source, 4096)
    assert ed.excess(source, best.distortion, best.entropy, lmbda=4096) == pytest.approx(0, abs=1e-12)
    assert ed.excess(source, best.distortion, best.entropy + 0.5, lmbda=4096) == pytest.approx(0.5, abs=1e-12)


def test_names_copies_and_equality():
    source = ed.Ramp(samples=1024)
    assert isinstance(source, ed.Ramp)
    assert (source.name, source.samples, source.closed) == ("ramp:1024", 1024, True)
    named = resolve("ramp:1024", stationary=False)
    assert source == named == ed.Ramp(samples=np.int64(1024))
    assert hash(source) == hash(named)
    assert source != ed.Ramp(samples=1023)
    assert source != ed.Ramp()
    assert ed.Ramp() != source
    assert source.max_distortion == ed.Ramp().max_distortion == 1 / 12
    for copied in (pickle.loads(pickle.dumps(source)), copy.deepcopy(source), copy.copy(source)):
        assert type(copied) is type(source)
        assert copied == source
        assert copied.samples == 1024
        assert ed.lagrangian(copied, 100.0) == ed.lagrangian(source, 100.0)
    scaled = pickle.loads(pickle.dumps(source.scaled(-2)))
    assert scaled == source.scaled(-2)
    assert ed.lagrangian("ramp:1024", 4096) == ed.lagrangian(source, 4096)


@pytest.mark.parametrize("a", [2.0, -0.5, 1e3])
def test_scaled(a):
    """H + λD of aX is that of X at a²λ; centroids are a times as large and encode to their cells."""
    source = ed.Ramp(samples=48)
    scaled = source.scaled(a)
    assert scaled.samples == 48
    assert ed.lagrangian(scaled, 100 / a**2).value == pytest.approx(ed.lagrangian(source, 100).value, rel=1e-13)
    actual, expected = ed.quantizer(scaled, 0.01 * a * a), ed.quantizer(source, 0.01)
    assert actual.partition.cells().tolist() == expected.partition.cells().tolist()
    assert actual.distortion == pytest.approx(a * a * expected.distortion, rel=1e-13)
    assert actual.centroids == pytest.approx(a * expected.centroids, rel=1e-13)
    assert actual.encode(actual.centroids).tolist() == list(range(actual.cells))
    assert scaled.name == f"{a:g} × ramp:48"


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        (1, ValueError, "samples must be at least 2, got 1"),
        (0, ValueError, "samples must be at least 2, got 0"),
        (-5, ValueError, "samples must be at least 2, got -5"),
        (2**14 + 1, ValueError, "samples must be at most 16384, got 16385"),
        (8.0, TypeError, r"samples must be an integer, at least 2, got 8\.0"),
        ("8", TypeError, "samples must be an integer"),
        (True, TypeError, "samples must be an integer"),
        (math.nan, TypeError, "samples must be an integer"),
    ],
)
def test_numbers_of_samples(samples, error, message):
    with pytest.raises(error, match=message):
        ed.Ramp(samples=samples)


@pytest.mark.parametrize("name", ["ramp:", "ramp:1", "ramp:x", "ramp:8.0", "ramp:99999", "ramp:-8"])
def test_names_with_an_invalid_number_of_samples(name):
    with pytest.raises(ValueError, match=f"source must be ramp:T with 2 to 16384 samples, .*, got '{name}'"):
        ed.lagrangian(name, 48)


def test_starts_of_cells_that_cut_steps():
    quantizer = ed.quantizer(ed.Ramp(samples=16), 1e-9)
    cells = np.arange(quantizer.cells)
    assert quantizer.encode(0.5) == quantizer.cells // 2
    np.testing.assert_array_equal(quantizer.encode((cells + 0.5) / quantizer.cells), cells)

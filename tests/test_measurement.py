"""Entropy and distortion of a sample: published formulas in 50 digits, limits, and simulated coverage."""

import dataclasses
import doctest
import math
import warnings

import edcurve as ed
import mpmath
import numpy as np
import pytest
from edcurve import measurement
from edcurve.measurement import Measurement, measure
from edcurve.sources import resolve
from scipy import special, stats


def sample(counts):
    """Indices with the given counts, and a squared error for each."""
    indices = np.repeat(np.arange(len(counts)), counts)
    return indices, np.linspace(0.0, 1.0, indices.size)


def quiet(indices, *args, **kwargs):
    """Measure a sample that is too small, without the warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return measure(indices, *args, **kwargs)


def chao_wang_jost(counts):
    """The estimator as published: the sums of Eqs. (7a)–(7b) with their cancellation, in 400 digits."""
    n, f1, f2 = sum(counts), list(counts).count(1), list(counts).count(2)
    with mpmath.workdps(400):
        harmonic = [mpmath.mpf(0)]
        for k in range(1, n):
            harmonic.append(harmonic[-1] + mpmath.mpf(1) / k)
        total = mpmath.fsum(mpmath.mpf(x) / n * (harmonic[n - 1] - harmonic[x - 1]) for x in counts)
        if f2:
            a = mpmath.mpf(2 * f2) / ((n - 1) * f1 + 2 * f2)
        elif f1:
            a = mpmath.mpf(2) / ((n - 1) * (f1 - 1) + 2)
        if f1 and a != 1:
            partial = mpmath.fsum((1 - a) ** r / r for r in range(1, n))
            total += mpmath.mpf(f1) / n * (1 - a) ** (1 - n) * (-mpmath.log(a) - partial)
        return float(total)


def biuniform(cells, odd):
    """`cells` equal probabilities and one that is `odd` times as large."""
    weights = np.append(np.ones(cells), odd)
    return weights / weights.sum()


def geometric(ratio):
    p = ratio ** np.arange(400.0)
    return p[p > 1e-15] / p[p > 1e-15].sum()


def nats(p):
    return float(special.entr(p).sum())


class TestEntropy:
    @pytest.mark.parametrize(
        "counts",
        [[1], [7], [1, 1], [2, 1], [1, 1, 1, 1], [5, 3, 2, 1, 1], [9, 4, 1], [100, 50, 2], [40] * 8, [1] * 60],
        ids=str,
    )
    def test_the_published_formula(self, counts):
        result = quiet(*sample(counts), base=math.e)
        assert result.entropy == pytest.approx(chao_wang_jost(counts), rel=1e-12, abs=1e-14)
        assert result.entropy_plugin == pytest.approx(stats.entropy(counts), rel=1e-14, abs=0)
        assert (result.count, result.cells) == (sum(counts), len(counts))

    def test_a_large_sample_where_the_published_formula_cancels(self):
        # (1 − A)^(1−n) is e^20 here: in double precision the published form keeps no digit but eight.
        counts = [100] * 10 + [2] * 10 + [1]
        result = measure(*sample(counts), base=math.e)
        assert result.entropy == pytest.approx(chao_wang_jost(counts), rel=1e-13)

    def test_one_index_has_no_entropy(self):
        result = measure(np.full(1000, 7), np.ones(1000))
        assert result.entropy == 0
        assert result.entropy_plugin == 0
        assert math.copysign(1, result.entropy_plugin) == 1

    @pytest.mark.parametrize(
        ("cells", "per_cell", "bias"), [(100, 1, 0.020), (100, 2, 0.004), (100, 5, 0.002), (8, 10, 0.003)]
    )
    def test_bias_on_equal_cells_is_below_the_alternatives(self, cells, per_cell, bias):
        # 3000 draws leave a standard error of 0.0022, 0.0009, 0.0003 and 0.0004 nats on the mean.
        n = cells * per_cell
        rng = np.random.default_rng(20)
        error, miller_madow = [], []
        for counts in rng.multinomial(n, np.full(cells, 1 / cells), size=3000):
            result = quiet(*sample(counts[counts > 0]), base=math.e)
            error.append(result.entropy - math.log(cells))
            miller_madow.append(result.entropy_plugin + (result.cells - 1) / (2 * n) - math.log(cells))
        assert abs(np.mean(error)) < bias
        assert bias < abs(np.mean(miller_madow)) or per_cell == 10

    def test_the_correction_matters_by_more_than_the_interval(self):
        rng = np.random.default_rng(21)
        result = measure(rng.integers(0, 100, 2000), np.ones(2000))
        low, high = result.entropy_interval
        assert result.entropy_plugin < low < math.log2(100) < high

    @pytest.mark.parametrize("base", [2, math.e, 10, 1.5])
    def test_base(self, base):
        indices, errors = sample([50, 30, 20])
        result, reference = measure(indices, errors, base=base), measure(indices, errors, base=math.e)
        scale = math.log(base)
        assert result.entropy * scale == pytest.approx(reference.entropy, rel=1e-15)
        assert result.entropy_plugin * scale == pytest.approx(reference.entropy_plugin, rel=1e-15)
        assert np.multiply(result.entropy_interval, scale) == pytest.approx(reference.entropy_interval)
        assert result.distortion_interval == reference.distortion_interval


class TestSymbols:
    def test_labels_do_not_matter(self):
        indices, errors = sample([5, 7, 9, 20])
        rng = np.random.default_rng(22)
        order = rng.permutation(indices.size)
        expected = measure(indices, errors)
        for same in (indices[order], -3 * indices, indices + 2**62, indices.astype(np.uint8), indices * 0.5e300):
            assert measure(same, errors) == expected
        assert measure(indices.tolist(), errors.tolist()) == expected

    def test_signed_zeros_are_one_index(self):
        assert measure([0.0, -0.0, 1.0, 1.0], np.ones(4)).cells == 2
        assert measure([[0.0, 0], [-0.0, 0], [1.0, 0], [1.0, 0]], np.ones(4)).cells == 2

    @pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float32, np.float64])
    def test_rows_are_joint_symbols(self, dtype):
        rng = np.random.default_rng(23)
        rows = rng.integers(-3, 4, size=(4000, 3))
        joint = (rows[:, 0] + 3) + 7 * (rows[:, 1] + 3) + 49 * (rows[:, 2] + 3)
        errors = rng.random(4000)
        expected = measure(joint, errors)
        for same in (rows.astype(dtype), np.asfortranarray(rows.astype(dtype)), np.repeat(rows, 2, axis=1)):
            assert measure(same, errors) == expected

    def test_a_column_is_a_vector(self):
        indices, errors = sample([5, 7, 9])
        assert measure(indices[:, None], errors) == measure(indices, errors)

    def test_the_callers_arrays_are_not_changed(self):
        indices, errors = sample([5, 7, 9])
        indices.flags.writeable = errors.flags.writeable = False
        assert isinstance(measure(np.stack((indices, indices), axis=1), errors), Measurement)


class TestEntropyInterval:
    @pytest.mark.parametrize(
        ("p", "n"),
        [
            (np.full(2, 1 / 2), 20),
            (np.full(2, 1 / 2), 1000),
            (np.full(8, 1 / 8), 80),
            (np.full(8, 1 / 8), 2000),
            (np.full(100, 1 / 100), 1000),
            (biuniform(3, 0.5), 40),
            (biuniform(3, 0.2), 400),
            (biuniform(3, 0.7), 120),
            (biuniform(2, 0.7), 300),
            (biuniform(8, 0.8), 90),
            (biuniform(8, 0.2), 300),
            (biuniform(60, 0.5), 610),
            (geometric(0.5), 1000),
            (geometric(0.9), 2000),
        ],
        ids=lambda value: f"{value.size} cells" if isinstance(value, np.ndarray) else f"n={value}",
    )
    def test_coverage(self, p, n):
        # 1500 draws: a true coverage of 0.945 is measured to ± 0.006, one standard error.
        rng = np.random.default_rng(24)
        truth = nats(p)
        intervals = [
            quiet(*sample(counts), base=math.e).entropy_interval for counts in rng.multinomial(n, p, size=1500)
        ]
        low, high = np.transpose(intervals)
        assert np.mean((low <= truth) & (truth <= high)) >= 0.93

    @pytest.mark.parametrize(("n", "least", "most"), [(30, 0.70, 0.79), (100, 0.85, 0.91), (300, 0.90, 0.95)])
    def test_coverage_of_geometric_indices(self, n, least, most):
        p = 0.2 * 0.8 ** np.arange(200)
        p /= p.sum()
        counts = np.random.default_rng(31).multinomial(n, p, size=1000)
        low, high = np.transpose([quiet(*sample(one), base=math.e).entropy_interval for one in counts])
        assert least < np.mean((low <= nats(p)) & (nats(p) <= high)) < most

    @pytest.mark.parametrize(
        ("cells", "per_cell", "rare", "least", "most"),
        [
            (2, 1000, 1, 0.57, 0.64),
            (8, 50, 1, 0.58, 0.65),
            (64, 10, 1, 0.93, 0.98),
            (2, 50, 2, 0.83, 0.88),
            (32, 1000, 2, 0.80, 0.85),
            (8, 1000, 3, 0.90, 0.95),
            (8, 20, 5, 0.93, 0.99),
        ],
    )
    def test_coverage_with_a_rare_cell(self, cells, per_cell, rare, least, most):
        # A cell with expected count c is missing in e^−c of the samples, which then look like those of fewer cells.
        # 1500 draws: a standard error of 0.013 at 0.6, and of 0.006 at 0.95.
        n = cells * per_cell
        p = np.append(np.full(cells, (1 - rare / n) / cells), rare / n)
        above = hits = 0
        for counts in np.random.default_rng(30).multinomial(n, p, size=1500):
            low, high = quiet(*sample(counts), base=math.e).entropy_interval
            above += nats(p) > high
            hits += low <= nats(p) <= high
        assert least <= hits / 1500 <= most
        if cells <= 8:
            assert above / 1500 == pytest.approx(math.exp(-rare), abs=0.04)

    @pytest.mark.parametrize("cells", [50, 400])
    def test_it_is_as_narrow_as_for_equal_cells(self, cells):
        # There the estimate's standard deviation is √((cells − 1)/2)/n: no other statement knows n to be enough.
        rng = np.random.default_rng(25)
        n = 50 * cells
        widths = []
        for counts in rng.multinomial(n, np.full(cells, 1 / cells), size=200):
            low, high = measure(*sample(counts), base=math.e).entropy_interval
            widths.append(high - low)
        needed = 2 * 1.96 * math.sqrt((cells - 1) / 2) / n
        assert needed < np.mean(widths) < 1.25 * needed

    def test_the_delta_method_where_it_holds(self):
        p = np.array([0.6, 0.3, 0.1])
        n = 10**6
        result = measure(*sample((p * n).astype(int)), base=math.e, confidence=0.9)
        deviation = math.sqrt(p @ (np.log(p) + nats(p)) ** 2 / n)
        expected = stats.norm.interval(0.9, nats(p), deviation)
        assert result.entropy_interval == pytest.approx(expected, abs=1e-2 * deviation)

    def test_it_contains_the_estimate_and_grows_with_confidence(self):
        rng = np.random.default_rng(26)
        for counts in rng.multinomial(200, biuniform(5, 0.1), size=50):
            indices, errors = sample(counts)
            results = [measure(indices, errors, confidence=c) for c in (1e-9, 0.5, 0.95, 0.999999)]
            ends = np.array([result.entropy_interval for result in results])
            assert np.all(np.diff(ends[:, 0]) <= 0)
            assert np.all(np.diff(ends[:, 1]) > 0)
            assert ends[0, 0] <= results[0].entropy <= ends[0, 1]
            assert np.all(ends >= 0)

    def test_one_index_leaves_room_for_a_rare_second(self):
        # A second index of probability q is missed by n samples with probability (1 − q)^n = 0.025.
        result = measure(np.zeros(1000, dtype=int), np.ones(1000))
        q = 1 - 0.025 ** (1 / 1000)
        assert result.entropy_interval == (0, pytest.approx(stats.entropy([q, 1 - q], base=2), rel=1e-12))

    def test_equal_counts(self):
        # The plug-in variance is exactly 0, yet a smaller H has one, V = 2(Ĥ − H): both ends x = H − Ĥ solve
        # x² = z²(3/2n² − 2x/n).
        result = measure(*sample([500] * 4), base=math.e)
        z2 = stats.norm.ppf(0.975) ** 2
        roots = np.roots([1, 2 * z2 / 2000, -z2 * 1.5 / 2000**2])
        assert np.subtract(result.entropy_interval, result.entropy) == pytest.approx(np.sort(roots), rel=1e-9)
        assert result.entropy == pytest.approx(math.log(4) + 3 / 4000, abs=1e-6)

    def test_two_samples(self):
        # After two equal indices another may have probability 1/2; after two different ones, one may have nearly all.
        assert measure([3, 3], [0.5, 0.5]).entropy_interval == (0, 1)
        low, high = quiet([3, 4], [0.5, 0.5]).entropy_interval
        assert low == 0
        assert high > 1


class TestUndersampling:
    def test_it_warns_at_the_callers_line(self):
        with pytest.warns(
            UserWarning, match=r"^2 of 12 samples have an index that no other has, so about 17%"
        ) as record:
            measure(*sample([5, 5, 1, 1]))
        assert record[0].filename == __file__
        assert len(record) == 1

    def test_a_tenth_is_still_quiet(self):
        assert measure(*sample([9, 1])).cells == 2

    @pytest.mark.parametrize("per_cell", [0.5, 1, 2])
    def test_the_interval_is_wide_with_too_few_samples(self, per_cell):
        rng = np.random.default_rng(27)
        n = int(100 * per_cell)
        hits = []
        for indices in rng.integers(0, 100, size=(400, n)):
            low, high = quiet(indices, np.ones(n)).entropy_interval
            hits.append(low <= math.log2(100) <= high)
        assert np.mean(hits) >= 0.93

    def test_continuous_latents_mistaken_for_indices(self):
        # Every index is new: the sample cannot tell an entropy of log n from a much larger one.
        result = quiet(np.arange(100_000), np.ones(100_000))
        assert result.entropy_plugin == pytest.approx(math.log2(100_000))
        assert result.entropy > result.entropy_plugin + 10
        assert result.entropy_interval[1] - result.entropy_interval[0] > 20


class TestDistortion:
    def test_students_interval(self):
        errors = np.random.default_rng(28).exponential(size=12)
        result = measure(np.zeros(12, dtype=int), errors, confidence=0.9)
        expected = stats.ttest_1samp(errors, 0).confidence_interval(0.9)
        assert result.distortion == pytest.approx(errors.mean(), rel=1e-15)
        assert result.distortion_interval == pytest.approx((expected.low, expected.high), rel=1e-12)

    def test_it_is_cut_off_at_zero(self):
        low, high = measure([0, 0, 0], [0.0, 0.0, 1.0]).distortion_interval
        assert low == 0
        assert high > 1

    def test_equal_errors(self):
        result = measure([0, 0, 1, 1], [0.25] * 4)
        assert (result.distortion, result.distortion_interval) == (0.25, (0.25, 0.25))

    def test_single_precision_is_summed_in_double(self):
        errors = np.full(10**6, 0.1, dtype=np.float32)
        assert measure(np.zeros(10**6, dtype=np.int8), errors).distortion == pytest.approx(np.float32(0.1), rel=1e-12)

    def test_coverage(self):
        # A uniform quantiser of a uniform phase: the squared error is that of U², mean 1/12 of the step's square.
        rng = np.random.default_rng(29)
        errors = (rng.random((2000, 40)) - 0.5) ** 2
        low, high = np.transpose([measure(np.zeros(40, dtype=int), e).distortion_interval for e in errors])
        assert 0.93 <= np.mean((low <= 1 / 12) & (high >= 1 / 12)) <= 0.97


def test_one_sample_does_not_determine_the_spread():
    with pytest.warns(UserWarning, match="1 of 1 samples"):
        result = measure([3], [0.5])
    assert result == Measurement(0.0, (0.0, math.inf), 0.5, (0.0, math.inf), 1, 1, 0.0)


def test_the_result_is_frozen_and_plain():
    result = measure(*sample([5, 7, 9]))
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.entropy = 0.0
    flat = [result.entropy, *result.entropy_interval, result.distortion, *result.distortion_interval]
    assert {type(value) for value in [*flat, result.entropy_plugin]} == {float}
    assert {type(result.count), type(result.cells)} == {int}


def test_the_examples():
    assert doctest.testmod(measurement) == (0, 11)


class TestRefusals:
    @pytest.mark.parametrize(
        ("indices", "errors", "message"),
        [
            ([], [], r"^indices must be integers.* at least one sample, got shape \(0,\)"),
            (np.empty((4, 0), dtype=int), np.ones(4), r"^indices must .* got shape \(4, 0\)"),
            (3, [0.1], r"^indices must .* got shape \(\)"),
            (
                np.zeros((2, 3, 4, 5), dtype=int),
                [0.1, 0.1],
                r"^indices must .* got shape \(2, 3, 4, 5\): indices.reshape\(2, -1\) makes shape \(2, 60\)",
            ),
            (np.zeros((2, 0, 3), dtype=int), [0.1, 0.1], r"^indices must .* got shape \(2, 0, 3\)"),
            ([1.0, 2.5], [0.1, 0.1], r"^indices must .* got 2\.5; round"),
            ([1.0, math.nan], [0.1, 0.1], r"^indices must .* got nan; round"),
            ([1.0, math.inf], [0.1, 0.1], r"^indices must .* got inf; round"),
            ([[1, 2], [3]], [0.1, 0.1], r"^indices must "),
            ([1, 2], [0.1, 0.1, 0.1], r"^squared_error must .* shape \(2,\), got shape \(3,\)"),
            ([1, 2], [[0.1], [0.1]], r"^squared_error must .* shape \(2,\), got shape \(2, 1\)"),
            ([1, 2], 0.1, r"^squared_error must .* shape \(2,\), got shape \(\)"),
            ([1, 2], [0.1, -0.1], r"^squared_error must be at least 0 and finite, got -0\.1 at index 1"),
            ([1, 2], [math.nan, 0.1], r"^squared_error must be at least 0 and finite, got nan at index 0"),
            ([1, 2], [math.inf, 0.1], r"^squared_error must be at least 0 and finite, got inf at index 0"),
        ],
    )
    def test_values(self, indices, errors, message):
        with pytest.raises(ValueError, match=message):
            measure(indices, errors)

    @pytest.mark.parametrize(
        "indices",
        [None, ["a", "b"], [True, False], [1j, 2], [1, None], np.ma.masked_array([1, 2], [True, False])],
        ids=repr,
    )
    def test_types(self, indices):
        with pytest.raises((TypeError, ValueError), match=r"^indices must be integers"):
            measure(indices, [0.1, 0.1])

    @pytest.mark.parametrize("errors", [["a", "b"], [True, False], [0.1j, 0.1]])
    def test_types_of_errors(self, errors):
        with pytest.raises(TypeError, match=r"^squared_error must be a real number or an array"):
            measure([1, 2], errors)

    @pytest.mark.parametrize("confidence", [0, 1, -0.5, 95, math.inf, math.nan])
    def test_confidence(self, confidence):
        with pytest.raises(ValueError, match=r"^confidence must "):
            measure([1, 2], [0.1, 0.1], confidence=confidence)

    @pytest.mark.parametrize("argument", [{"confidence": "0.95"}, {"confidence": None}, {"base": "2"}])
    def test_types_of_options(self, argument):
        with pytest.raises(TypeError, match=f"^{next(iter(argument))} must be "):
            measure([1, 2], [0.1, 0.1], **argument)

    @pytest.mark.parametrize("base", [1, 0, -2, math.inf])
    def test_base(self, base):
        with pytest.raises(ValueError, match=r"^base must be "):
            measure([1, 2], [0.1, 0.1], base=base)


def unit(n, dim, seed=0):
    x = np.random.default_rng(seed).standard_normal((n, dim))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_unit_vectors_in_closed_form():
    """Octants: the mean of x is (½, ½, ½), so D = ¼; hemispheres of rotations: D = 1 − (4/3π)²; both with intervals."""
    x = unit(40_000, 3)
    octant = (x > 0.0) @ np.array([1, 2, 4])
    for keywords in ({}, {"decoded": np.where(x > 0.0, 0.5, -0.5)}):
        result = ed.measure(octant, unit_vectors=x, **keywords)
        assert result.cells == 8
        low, high = result.distortion_interval
        assert low < 0.25 < high
        assert high - low < 0.005
        above = ed.excess("sphere", result)
        assert above.low < 3.0 - ed.lower_bound("sphere", 0.25) < above.high
    q = unit(20_000, 4)
    result = ed.measure(np.zeros(len(q), int), unit_vectors=q, opposite=True)
    assert result.distortion == pytest.approx(resolve("rotations", surfaces=True).max_distortion, rel=0.02)
    assert ed.measure(np.zeros(len(q), int), unit_vectors=q).distortion == pytest.approx(1.0, abs=1e-3)
    flipped = q * np.random.default_rng(1).choice([-1.0, 1.0], len(q))[:, None]
    for keywords in ({}, {"decoded": np.full(q.shape, 0.3)}):
        measurements = [
            ed.measure(q.round()[:, 0] ** 2, unit_vectors=vectors, opposite=True, **keywords)
            for vectors in (q, flipped)
        ]
        assert measurements[0].distortion == pytest.approx(measurements[1].distortion, rel=1e-12)


def test_errors_about_own_means_are_not_too_small():
    """Ten samples for each of many cells: the mean error is that about the true means, given as `decoded`."""
    x = unit(200_000, 3)
    cell = np.repeat(np.arange(20_000), 10)  # random: the true mean of each is 0
    assert ed.measure(cell, unit_vectors=x).distortion == pytest.approx(1.0, abs=3e-3)
    assert ed.measure(cell, unit_vectors=x, decoded=np.zeros_like(x)).distortion == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"unit_vectors": 1.1 * unit(4, 3)}, ValueError, "of norm 1, to within 1e-05, got norm 1.1 in row 0; divide"),
        ({"unit_vectors": np.full((4, 3), np.nan)}, ValueError, "got norm nan in row 0"),
        ({"unit_vectors": unit(5, 3)}, ValueError, "one row per index, 4, got shape \\(5, 3\\)"),
        ({"unit_vectors": np.ones(4)}, ValueError, "with dim at least 2, got shape \\(4,\\)"),
        ({"unit_vectors": unit(4, 3).astype(str)}, TypeError, "unit_vectors must be real numbers"),
        ({"unit_vectors": unit(4, 3), "decoded": unit(4, 2)}, ValueError, "decoded must be of the shape of"),
        ({"unit_vectors": unit(4, 3), "decoded": np.full((4, 3), np.inf)}, ValueError, "decoded must be finite"),
        (
            {"unit_vectors": unit(4, 3), "decoded": np.full((4, 3), -1e200)},
            ValueError,
            "decoded must be at most 1e.70 in",
        ),
        ({"unit_vectors": unit(4, 3)}, ValueError, "decoded must be given where .* as 2 of 3 have"),
        ({}, TypeError, "either squared_error or unit_vectors, got none"),
        ({"squared_error": np.ones(4), "unit_vectors": unit(4, 3)}, TypeError, "unit_vectors, got both"),
        ({"squared_error": np.ones(4), "opposite": True}, TypeError, "opposite is of unit_vectors"),
    ],
)
def test_invalid_unit_vectors(arguments, error, message):
    with pytest.raises(error, match=message):
        ed.measure([0, 1, 2, 2], **arguments)


def test_floats_that_stand_for_several_integers():
    """Of these four integers numpy makes three floats."""
    with pytest.raises(ValueError, match=r"got 9\.22\S+, a float that several integers are rounded to"):
        measure([2**63, -1, 2**63 + 1, 5], [0.1] * 4)
    assert measure(np.repeat(np.array([2**63, 2**63 + 1], dtype=np.uint64), 40), [0.1] * 80).cells == 2
    assert measure(np.repeat([2.0**53 - 1, 2.0**53 - 2], 40), [0.1] * 80).cells == 2

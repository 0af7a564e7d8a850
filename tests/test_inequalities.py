"""Eqs. (11) and (42) for unions of intervals, against exact rational and 100-digit arithmetic."""

import doctest
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from edcurve import inequalities
from edcurve.inequalities import circle, ramp
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

universal = settings(deadline=None, derandomize=True, max_examples=150)

# Starts and lengths in 24ths touch, overlap, nest and repeat; floats and tiny lengths do not.
grid = st.integers(-48, 48).map(lambda k: k / 24)
starts = st.one_of(
    grid,
    st.floats(-3, 3).map(lambda x: x if abs(x) > 1e-30 else 0.0),
    st.sampled_from([-1e-20, -0.0, 1e9 + 0.25]),
)
lengths = st.one_of(
    st.integers(0, 24).map(lambda k: k / 24),
    st.floats(1e-15, 1),
    st.sampled_from([1e-20, 1e-12, 1e-6, 1 - 1e-9]),
)
unions = st.lists(st.tuples(starts, lengths), min_size=1, max_size=8).filter(lambda s: any(i[1] for i in s))


def cells(intervals, ends=False):
    """The union as disjoint intervals inside [0, 1], in exact rational arithmetic."""
    spans = []
    for first, second in intervals:
        start = Fraction(first)
        length = Fraction(second) - start if ends else Fraction(second)
        if length >= 1:
            return [(Fraction(0), Fraction(1))]
        start, stop = start % 1, start % 1 + length % 1
        spans += [(start, min(stop, Fraction(1))), (Fraction(0), max(stop - 1, Fraction(0)))]
    merged = []
    for start, stop in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def exact_ramp(intervals, ends=False):
    """(11) from the other end: 1/12 minus the cell's mean squared error, (1/2μ²)∬ |u−v|(1−|u−v|)."""

    def primitive(u):
        return abs(u) ** 3 / 6 - u**4 / 12

    spans = cells(intervals, ends)
    measure = sum(b - a for a, b in spans)
    double = sum(
        primitive(b - c) + primitive(a - d) - primitive(a - c) - primitive(b - d) for a, b in spans for c, d in spans
    )
    return Fraction(1, 12) - double / (2 * measure**2), (1 - measure) ** 2 / 12


def exact_circle(intervals, ends=False):
    """(42) from the primitive exp(2πiv)/2πi at exact endpoints, in 100 digits (tiny cells cancel 30)."""
    spans = cells(intervals, ends)
    measure = sum(b - a for a, b in spans)
    with mpmath.workdps(100):
        mu = mpmath.mpf(measure.numerator) / measure.denominator

        def turn(v):
            return mpmath.expjpi(2 * mpmath.mpf(v.numerator) / v.denominator)

        resultant = mpmath.fsum(turn(b) - turn(a) for a, b in spans) / (2 * mpmath.pi * mu)
        return abs(resultant) ** 2, mpmath.sincpi(mu) ** 2


def close(value, exact, scale=0.0):
    return abs(value - float(exact)) <= 1e-12 * float(exact) + scale


@pytest.mark.parametrize("sides", [ramp, circle])
class TestTheStatement:
    @universal
    @given(intervals=unions)
    def test_left_is_at_most_right(self, sides, intervals):
        # Both sides are positive sums of at most 33 rounded terms; 1e-14 is 45 units in the last place.
        left, right = sides(intervals)
        assert 0 <= left <= right * (1 + 1e-14)

    @universal
    @given(start=starts, length=lengths.filter(lambda length: 0 < length < 1))
    @example(start=0.3, length=1e-20)
    @example(start=0.95, length=1e-12)
    @example(start=-0.3, length=1 - 1e-9)
    @example(start=0.5, length=1 - 2.0**-53)
    @example(start=-1e300, length=0.25)
    def test_one_interval_attains_the_bound(self, sides, start, length):
        left, right = sides([(start, length)])
        assert right > 0
        assert left == pytest.approx(right, rel=1e-14, abs=0)

    @pytest.mark.parametrize("offset", [0.25, 0.4, 0.5])
    def test_two_separate_arcs_are_strictly_worse(self, sides, offset):
        left, right = sides([(0.1, 0.15), (0.1 + offset, 0.15)])
        assert left < 0.95 * right

    def test_moving_two_arcs_apart_makes_it_worse_until_they_are_opposite(self, sides):
        lefts = [sides([(0, 0.1), (offset, 0.1)]).left for offset in np.linspace(0.1, 0.5, 9)]
        assert np.all(np.diff(lefts) < 0)

    def test_the_circle_has_no_mean(self, sides):
        for whole in ([(0, 1)], [(0.3, 7.5)], [(0.25, 0.5), (0.75, 0.5)], [(-0.5, 0.75), (0, 0.75)]):
            assert sides(whole) == (0, 0)
        assert sides([(0.25, 1.25)], ends=True) == (0, 0)
        assert sides([(-1e308, 1.7e308)], ends=True) == (0, 0)


@pytest.mark.parametrize("sides", [ramp, circle])
class TestInvariance:
    @universal
    @given(intervals=unions, shift=st.integers(-64, 64).map(lambda k: k / 64))
    def test_rotation(self, sides, intervals, shift):
        # Positions in 64ths of a turn and lengths in 512ths: the shift rounds nothing.
        intervals = [(round(a * 64) / 64, math.ceil(b * 64) / 64 / 8) for a, b in intervals]
        left, right = sides(intervals)
        rotated = sides([(a + shift, b) for a, b in intervals])
        assert rotated.right == pytest.approx(right, rel=1e-14)
        assert rotated.left == pytest.approx(left, rel=1e-13, abs=1e-15 * right)

    @universal
    @given(intervals=unions, data=st.data())
    def test_order_repetition_and_subsets(self, sides, intervals, data):
        twice = data.draw(st.permutations([*intervals, *intervals]))
        nested = [(a, b / 2) for a, b in intervals if b == 0 or b > 1e-19]
        expected = sides(intervals)
        for same in (twice, [*intervals, *nested], [*intervals, (0.123, 0)]):
            assert sides(same).right == pytest.approx(expected.right, rel=1e-14)
            assert sides(same).left == pytest.approx(expected.left, rel=1e-13, abs=1e-15 * expected.right)

    @universal
    @given(intervals=unions, index=st.integers(0, 7), part=st.integers(1, 63))
    def test_splitting_an_interval(self, sides, intervals, index, part):
        # On a grid of 2^-12 the two halves touch exactly.
        intervals = [(round(a * 64) / 64, math.ceil(b * 64) / 64) for a, b in intervals]
        start, length = intervals[index % len(intervals)]
        assume(length > 0)
        cut = length * part / 64
        split = [*intervals, (start, cut), (start + cut, length - cut)]
        del split[index % len(intervals)]
        expected = sides(intervals)
        assert sides(split).right == pytest.approx(expected.right, rel=1e-14)
        assert sides(split).left == pytest.approx(expected.left, rel=1e-13, abs=1e-15 * expected.right)

    @universal
    @given(intervals=unions)
    def test_ends_are_equivalent_to_lengths(self, sides, intervals):
        # On a grid of 2^-12, start + length and its reduction modulo 1 are exact.
        intervals = [(round(a * 4096) / 4096 % 1, math.ceil(b * 4096) / 4096) for a, b in intervals]
        expected = sides(intervals)
        assert sides([(a, a + b) for a, b in intervals], ends=True) == expected
        wrapped = [(a, a + b if b == 1 else (a + b) % 1) for a, b in intervals]
        assert sides(wrapped, ends=True) == expected

    def test_containers_and_strides(self, sides):
        pairs = [(0.1, 0.2), (0.5, 0.25)]
        array = np.array(pairs)
        expected = sides(pairs)
        for same in (array, np.asfortranarray(array), np.repeat(array, 2, axis=0)[::2], array[::-1]):
            assert sides(same) == expected
        assert array.tolist() == [list(pair) for pair in pairs]
        assert isinstance(expected, inequalities.Sides)
        assert all(type(side) is float for side in expected)


class TestAgainstExactArithmetic:
    @universal
    @given(intervals=unions)
    @example(intervals=[(0.3, 1e-12), (0.3 + 1e-12, 1e-12), (0.3 + 1e-11, 3e-12)])
    @example(intervals=[(-1e-12, 2e-12), (-0.4, 1e-12)])
    @example(intervals=[(0.2, 0.5), (0.7, 0.5 - 1e-9)])
    @example(intervals=[(-1e-20, 1e-12), (0.3, 1e-20)])
    def test_lengths(self, intervals):
        self.check(intervals)

    @universal
    @given(intervals=st.lists(st.tuples(starts, starts), min_size=1, max_size=8))
    @example(intervals=[(0.1, 0.9), (0.9, 0.1 - 1e-12)])
    @example(intervals=[(1e-20, 1.0)])
    @example(intervals=[(-0.01, 0.99)])
    @example(intervals=[(0.0, 1e-30), (-1e-30, 0.0)])
    @example(intervals=[(-0.3, -0.3 + 2**-54), (0.2, 0.2)])
    def test_ends(self, intervals):
        assume(cells(intervals, ends=True))
        self.check(intervals, ends=True)

    def check(self, intervals, ends=False):
        left, right = ramp(intervals, ends=ends)
        exact = exact_ramp(intervals, ends)
        assert close(left, exact[0])
        assert close(right, exact[1])
        left, right = circle(intervals, ends=ends)
        exact = exact_circle(intervals, ends)
        # Opposite arcs cancel: the remainder has the rounding error of the terms, 1e-15 of √right.
        assert close(math.sqrt(left), mpmath.sqrt(exact[0]), scale=1e-15 * math.sqrt(right))
        assert close(right, exact[1])

    @pytest.mark.parametrize("count", [20, 150])
    def test_many_random_intervals(self, count):
        rng = np.random.default_rng(count)
        intervals = np.column_stack((rng.uniform(-2, 2, count), rng.exponential(0.3 / count, count)))
        self.check(intervals.tolist())

    def test_equal_arcs_spread_evenly(self):
        # n arcs of measure μ/n scale the ramp's left side by 1/n², and the circle's sums to 0.
        for count in (2, 8, 64):
            arcs = [(k / count, 0.5 / count) for k in range(count)]
            assert ramp(arcs).left == pytest.approx(ramp([(0, 0.5)]).left / count**2, rel=1e-13)
            assert circle(arcs).left < 1e-31

    def test_equal_arcs_at_scale(self):
        # The largest n: 1e5 knots of a walk whose steps are each rounded to 1e-16 of 1 − μ.
        count = 2**17
        arcs = np.column_stack((np.arange(count) / count, np.full(count, 0.5 / count)))
        assert ramp(arcs).left == pytest.approx(1 / 48 / count**2, rel=1e-12)


def test_the_examples():
    assert doctest.testmod(inequalities) == (0, 6)


@pytest.mark.parametrize("sides", [ramp, circle])
class TestRefusals:
    @pytest.mark.parametrize(
        ("intervals", "message"),
        [
            ([], "at least one .* got none"),
            (np.empty((0, 2)), "at least one .* got none"),
            ([(0.2, 0.0), (0.4, 0)], "positive measure, got intervals of length 0 only"),
            ([(0.2, 0.1), (0.4, -0.5)], r"lengths of 0 or at least 1e-20 turns, got -0\.5 at index 1"),
            ([(-0.2, 1e-25)], r"lengths of 0 or at least 1e-20 turns, got 1e-25 at index 0"),
            ([(0.2, math.nan)], r"finite, got nan at index \(0, 1\)"),
            ([(math.inf, 0.2)], r"finite, got inf at index \(0, 0\)"),
            ((0.2, 0.1), r"shape \(n, 2\), got shape \(2,\)"),
            ([(0.2, 0.1, 0.3)], r"shape \(n, 2\), got shape \(1, 3\)"),
            (0.5, r"shape \(n, 2\), got shape \(\)"),
            ([(0.2, 0.1), (0.3,)], "rectangular"),
        ],
    )
    def test_values(self, sides, intervals, message):
        with pytest.raises(ValueError, match=f"^intervals must .*{message}"):
            sides(intervals)

    @pytest.mark.parametrize("intervals", [None, "ramp", [("0", "1")], [(True, False)], [(0.5, 1j)], [(0.5, None)]])
    def test_types(self, sides, intervals):
        with pytest.raises(TypeError, match=r"^intervals must be a real number or an array of them"):
            sides(intervals)

    def test_points_given_by_their_ends(self, sides):
        with pytest.raises(ValueError, match="positive measure"):
            sides([(0.3, 0.3), (2.0, 1.0)], ends=True)
        with pytest.raises(ValueError, match=r"\(start, end\) pairs"):
            sides([0.1, 0.2], ends=True)

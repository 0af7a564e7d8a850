"""Partitions by number of cells, by entropy and by distortion, against all partitions; and as quantizers."""

import math

import edcurve as ed
import numpy as np
import pytest
from contiguous import CURVES, NATS, cost_table
from edcurve.segmentation import cell_count, layers, limits, segment
from hypothesis import given, settings
from hypothesis import strategies as st

SETTINGS = settings(deadline=None, max_examples=25, derandomize=True)


@st.composite
def curves(draw, most):
    """Points, some of them sorted scalars, with weights above 0."""
    n, dim = draw(st.integers(3, most)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.normal(size=(n, dim))
    x = {"as drawn": x, "path": np.cumsum(x, axis=0), "sorted": np.sort(x[:, :1], axis=0)}[
        draw(st.sampled_from(["as drawn", "path", "sorted"]))
    ]
    return x, rng.dirichlet(np.full(n, draw(st.sampled_from([0.5, 1.0, 50.0]))))


def all_partitions(x, w, closed):
    """Cells, entropy in nats and distortion of every partition."""
    n = len(w)
    table, entropy = (cost_table(x, w, lmbda)[:, 1:] for lmbda in (1.0, 0.0))
    both = np.stack([np.ones_like(table), entropy, table - entropy], axis=-1)
    rows = [from_cut(both, cut)[n] for cut in (range(n) if closed else (0,))]
    return np.concatenate(rows)


def from_cut(both, cut):
    """For each j, the sums over cells of every partition of the first j points from a cut."""
    n, sums = len(both), [np.zeros((1, 3))]
    for j in range(1, n + 1):
        sums.append(np.concatenate([sums[i] + both[(cut + i) % n, j - i - 1] for i in range(j)]))
    return sums


@given(curves(7), st.booleans())
@SETTINGS
def test_cells_against_all_partitions(curve, closed):
    x, w = curve
    rows = all_partitions(x, w, closed)
    counts = np.arange(1, len(w) + 1)
    result = segment(x, cells=counts, weights=w, closed=closed, **NATS)
    assert result.cells.tolist() == counts.tolist()
    least = [rows[rows[:, 0] == count, 2].min() for count in counts]
    assert result.distortion == pytest.approx(least, rel=1e-11, abs=1e-13)
    assert np.isnan(result.lmbda).all()
    assert np.isnan(result.value).all()
    assert (result.gap == 0.0).all()


@given(curves(7), st.booleans(), st.floats(0.0, 1.1))
@SETTINGS
def test_limits_against_all_partitions(curve, closed, share):
    """Within the limit, and never below the least of all partitions, which is never below `gap` less."""
    x, w = curve
    rows = all_partitions(x, w, closed)
    most = share * rows[:, 1].max()
    result = segment(x, entropy=most, weights=w, closed=closed, **NATS)
    least = rows[rows[:, 1] <= most + 1e-12, 2].min()
    assert result.entropy <= most + 1e-11
    assert result.distortion >= least - 1e-13
    assert result.lmbda * (result.distortion - least) <= result.gap + 1e-10 * (1.0 + result.value)
    most = share * rows[:, 2].max()
    result = segment(x, distortion=most, weights=w, closed=closed, **NATS)
    least = rows[rows[:, 2] <= most * (1 + 1e-12), 1].min()
    assert result.distortion <= most * (1.0 + 1e-11)
    assert least - 1e-12 <= result.entropy <= least + result.gap + 1e-10 * (1.0 + result.value)


def test_limits_are_usually_met_by_the_best():
    """More than three in four of 40 problems with 512 partitions each are solved exactly."""
    rng, exact = np.random.default_rng(0), 0
    for i in range(4):
        x = np.cumsum(rng.normal(size=(10, 1 + i % 2)), axis=0)
        w = rng.dirichlet(np.full(10, 5.0))
        rows = all_partitions(x, w, False)
        for share in (0.1, 0.3, 0.5, 0.7, 0.9):
            most = share * rows[:, 1].max()
            least = rows[rows[:, 1] <= most, 2].min()
            exact += segment(x, entropy=most, weights=w, closed=False, **NATS).distortion <= least * (1 + 1e-9) + 1e-12
            most = 0.3 * share * rows[:, 2].max()
            least = rows[rows[:, 2] <= most, 1].min()
            exact += segment(x, distortion=most, weights=w, closed=False, **NATS).entropy <= least * (1 + 1e-9) + 1e-12
    assert exact > 30


@pytest.mark.parametrize("share", [0.5, 1.2, 2.2, 3.3])
def test_between_corners_the_uniform_scalar_has_its_biuniform_cells(share):
    """E(D) of the continuous source, far above the hull, within 1 %, mostly from the grid."""
    x = (np.arange(1000) + 0.5) / 1000
    result = segment(x, entropy=share)
    assert result.gap > 0.01
    assert result.distortion == pytest.approx(ed.distortion_entropy("uniform", share), rel=0.012)
    again = segment(x, distortion=result.distortion)
    assert again.entropy == pytest.approx(share, rel=0.01)
    assert again.gap > 0.0


def test_corners_have_no_gap():
    """At the entropy or the distortion of a unique optimum of H + λD, the partition is that optimum."""
    x = CURVES["arc"](300)
    for lmbda in (3.0, 40.0):
        corner = segment(x, lmbda)
        for asked in ({"entropy": corner.entropy}, {"distortion": corner.distortion}):
            result = segment(x, **asked)
            assert result.gap == 0.0
            assert result.entropy == pytest.approx(corner.entropy, rel=1e-12)
            assert result.distortion == pytest.approx(corner.distortion, rel=1e-11)


def test_ends_of_the_range():
    x = np.array([0.0, 1.0, 3.0])
    for asked in ({"entropy": 0.0}, {"distortion": 1e9}, {"cells": 1}):
        assert segment(x, **asked).boundaries.tolist() == [0]
    for asked in ({"entropy": 1e9}, {"distortion": 0.0}, {"cells": 3}):
        every = segment(x, **asked)
        assert (every.cells, every.distortion, every.gap) == (3, 0.0, 0.0)
    single = segment([2.0, 2.0], entropy=1.0)
    assert (single.cells, single.lmbda, single.gap) == (1, 0.0, 0.0)
    assert segment(x, cells=[]).boundaries == ()


@pytest.mark.parametrize("n", [2, 3, 63, 64, 65, 200])
@pytest.mark.parametrize("scale", [1.0, 1e-9])
def test_sorted_numbers_against_a_plain_programme(n, scale):
    """Clusters far from the origin and from each other, of widths down to 1e-9, without cancellation."""
    rng = np.random.default_rng(n)
    x = np.sort(rng.integers(0, 5, n) + scale * rng.random(n)) + 1000.0
    x, w = np.unique(x), rng.random(np.unique(x).size) + 0.1
    exact = [[_squared_error(x[i:j], w[i:j]) for j in range(len(x) + 1)] for i in range(len(x))]
    least = [math.inf] * (len(x) + 1)
    least[0] = 0.0
    for cells in range(1, min(len(x), 7) + 1):
        least = [
            min((least[i] + exact[i][j] for i in range(cells - 1, j)), default=math.inf) for j in range(len(x) + 1)
        ]
        for points, weights in ((x, w), (x[::-1], w[::-1])):
            result = segment(points, cells=cells, weights=weights)
            assert result.distortion == pytest.approx(least[-1] / w.sum(), rel=1e-9, abs=1e-30)


def _squared_error(x, w):
    if len(x) < 2:
        return 0.0
    origin = x[0]
    mean = math.fsum(w * (x - origin)) / math.fsum(w)
    return math.fsum(w * ((x - origin) - mean) ** 2)


@pytest.mark.parametrize("curve", CURVES)
def test_limits_of_squared_error_exclude_no_optimal_cell(curve, monkeypatch):
    """The same as with a limit that is never reached; several blocks, open and closed."""
    x = CURVES[curve](150)
    result = [segment(x, cells=[2, 5, 20], closed=closed) for closed in (False, True)]
    monkeypatch.setattr(cell_count, "limit", lambda *_: math.inf)
    for closed, before in zip((False, True), result, strict=True):
        assert segment(x, cells=[2, 5, 20], closed=closed).distortion == pytest.approx(before.distortion, rel=1e-13)


def test_kernels_are_the_same_interpreted():
    rng = np.random.default_rng(1)
    x, w = np.sort(rng.normal(size=40)), rng.dirichlet(np.ones(40))
    tables = tuple(np.empty((6, 40)) for _ in range(3))
    layers.statistics(x, w, *tables)
    before, value, start = np.full(41, np.inf), np.empty(41), np.zeros(41, np.int32)
    before[0] = 0.0
    for k in range(1, 6):
        layers.layer(*tables, k, math.inf, before, value, start)
        before, value = value, before
    assert before[40] == pytest.approx(segment(x, cells=5, weights=w).distortion, rel=1e-13)


def test_random_looking_order_is_doubted():
    x = np.random.default_rng(0).normal(size=80)
    for asked in ({"cells": 5}, {"entropy": 2.0}, {"distortion": 0.1}):
        with pytest.warns(UserWarning, match="sort the points"):
            segment(x, **asked)
        segment(np.sort(x), **asked)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({}, "segment takes exactly one of lmbda, cells, entropy, distortion, got none"),
        ({"lmbda": 1.0, "cells": 2}, "exactly one of lmbda, cells, entropy, distortion, got lmbda and cells"),
        ({"cells": 0}, "cells must be integers, at least 1, got 0"),
        ({"cells": 1.5}, "cells must be integers, at least 1, got 1.5"),
        (
            {"cells": 4},
            "cells must be at most 3, the number of points of positive weight that differ from the one before",
        ),
        ({"cells": [[1]]}, "cells must be a number or one-dimensional"),
        ({"entropy": -1.0}, "entropy must be at least 0 and finite, got -1.0"),
        ({"distortion": math.inf}, "distortion must be at least 0 and finite, got inf"),
    ],
)
def test_what_is_refused(named, words):
    with pytest.raises(ValueError, match=words):
        segment([0.0, 1.0, 1.0, 3.0], **named)


def test_invalid_sizes(monkeypatch):
    monkeypatch.setattr(cell_count, "MOST", 10)
    with pytest.raises(ValueError, match="cells times points must be at most 10, got 3 × 4"):
        segment(np.arange(4.0), cells=3)
    monkeypatch.setattr(cell_count, "MOST", 10**8)
    with pytest.raises(
        ValueError, match="points must be at most 2048 for a number of cells of a closed curve, got 2049"
    ):
        segment(CURVES["circle"](2049), cells=3, closed=True)


@pytest.mark.parametrize("named", [{"lmbda": 30.0}, {"cells": 7}, {"entropy": 2.0}])
@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("curve", ["sorted", "falling", *CURVES])
def test_points_of_the_curve_are_encoded_to_their_cells(named, closed, curve):
    line = np.sort(np.random.default_rng(0).normal(size=120))
    x = {"sorted": line, "falling": line[::-1]}[curve] if curve in ("sorted", "falling") else CURVES[curve](120)
    result = segment(x, **named, closed=closed)
    assert result.encode(x).tolist() == result.labels.tolist()
    assert (result.decode(result.labels) == result.centroids[result.labels]).all()
    shaped = x.reshape(2, 60, *x.shape[1:])
    assert result.encode(shaped).tolist() == result.labels.reshape(2, 60).tolist()
    assert np.mean(((x - result.decode(result.encode(x))) ** 2).reshape(120, -1).sum(axis=1)) == pytest.approx(
        result.distortion, rel=1e-10
    )
    index = result.encode(x[5])
    assert isinstance(index, int)
    assert np.shape(result.decode(index)) == x.shape[1:]


def test_thresholds_are_midway():
    result = segment([1.0, 1.0, 1.2, 4.0, 4.1, 9.0], cells=3)
    assert result.thresholds.tolist() == pytest.approx([2.6, 6.55])
    assert result.encode([-5.0, 2.59, 2.61, 6.5, 6.6, 99.0]).tolist() == [0, 0, 1, 1, 2, 2]
    for invalid in (segment([3.0, 1.0, 2.0], cells=2), segment([[1.0], [2.0]], cells=2)):
        with pytest.raises(ValueError, match="sorted upwards"):
            invalid.thresholds  # noqa: B018  # the access is what is tested


def test_new_points_of_a_loop_are_encoded_as_their_neighbours():
    x = CURVES["lopsided"](200)
    result = segment(x, cells=9, closed=True)
    assert result.encode(1.01 * x).tolist() == result.labels.tolist()


def test_invalid_arguments_of_quantizers():
    result, several = segment([[0.0, 1.0], [2.0, 3.0]], cells=2), segment([0.0, 1.0], [1.0, 2.0])
    for call, words in (
        (lambda: result.encode([1.0, 2.0, 3.0]), "x must have 2 coordinates along its last axis"),
        (lambda: result.encode([math.nan, 1.0]), "x must be finite, got nan"),
        (lambda: result.decode(2), "index must be between 0 and 1, got 2 to 2"),
        (lambda: result.decode(0.5), "index must be of integers"),
        (lambda: several.encode(0.5), "encode is of one partition, this has 2: ask segment for one"),
        (lambda: several.decode(0), "decode is of one partition"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_the_walk_along_the_hull_ends(monkeypatch):
    """Each λ is tried once, and each corner of the hull is found at most twice."""
    multipliers = []
    original = limits.best

    def watched(curve, x, solve, most, *, of_entropy):
        return original(
            curve, x, lambda lmbda: (multipliers.append(lmbda), solve(lmbda))[1], most, of_entropy=of_entropy
        )

    monkeypatch.setattr(limits, "best", watched)
    segment(CURVES["brownian"](400), entropy=3.0)
    assert len(multipliers) == len(set(multipliers)) <= 30


@pytest.mark.parametrize("scale", [1e-120, 1e140])
@pytest.mark.parametrize("closed", [False, True])
def test_any_unit_of_length(scale, closed):
    x = CURVES["lopsided"](60)
    for asked, factor in (({"cells": 4}, {}), ({"entropy": 2.2}, {}), ({"distortion": 0.05}, {"distortion": scale**2})):
        plain = segment(x, **asked, closed=closed)
        scaled = segment(
            scale * x, **{name: value * factor.get(name, 1) for name, value in asked.items()}, closed=closed
        )
        assert scaled.boundaries.tolist() == plain.boundaries.tolist()
        assert scaled.entropy == pytest.approx(plain.entropy, rel=1e-12)
        assert scaled.distortion / scale**2 == pytest.approx(plain.distortion, rel=1e-12)
    assert segment(scale * x, distortion=1e300, closed=closed).cells == 1


@pytest.mark.parametrize("least", [1e-20, 1e-150, 1e-300])
@pytest.mark.parametrize("closed", [False, True])
def test_weights_below_the_rounding_of_sums(least, closed):
    """Every other point has almost no weight; the gap is that of the others alone."""
    x = np.arange(24.0) ** 1.5
    w = np.where(np.arange(24) % 2 == 0, 1.0, least)
    result, alone = segment(x, entropy=1.7, weights=w, closed=closed), segment(x[::2], entropy=1.7, closed=closed)
    assert result.entropy <= 1.7 + 1e-9
    assert result.distortion - result.gap / result.lmbda <= alone.distortion * (1 + 1e-9)
    result, alone = (
        segment(x, distortion=60.0, weights=w, closed=closed),
        segment(x[::2], distortion=60.0, closed=closed),
    )
    assert result.distortion <= 60.0 * (1 + 1e-9)
    assert result.entropy - result.gap <= alone.entropy * (1 + 1e-9)
    five = segment(x, cells=5, weights=w, closed=closed)
    assert five.distortion == pytest.approx(segment(x[::2], cells=5, closed=closed).distortion, rel=1e-9)
    assert segment([0.0, 1.0], entropy=0.5, weights=[1.0, 1e-323]).gap == 0.0

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
    """The sums over the cells of every partition of the first j points from a cut, for each j."""
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
    found = segment(x, cells=counts, weights=w, closed=closed, **NATS)
    assert found.cells.tolist() == counts.tolist()
    least = [rows[rows[:, 0] == count, 2].min() for count in counts]
    assert found.distortion == pytest.approx(least, rel=1e-11, abs=1e-13)
    assert np.isnan(found.lmbda).all()
    assert np.isnan(found.value).all()
    assert (found.gap == 0.0).all()


@given(curves(7), st.booleans(), st.floats(0.0, 1.1))
@SETTINGS
def test_limits_against_all_partitions(curve, closed, share):
    """Within the limit, never below the least of all partitions, which is never below what `gap` leaves."""
    x, w = curve
    rows = all_partitions(x, w, closed)
    most = share * rows[:, 1].max()
    found = segment(x, entropy=most, weights=w, closed=closed, **NATS)
    least = rows[rows[:, 1] <= most + 1e-12, 2].min()
    assert found.entropy <= most + 1e-11
    assert found.distortion >= least - 1e-13
    assert found.lmbda * (found.distortion - least) <= found.gap + 1e-10 * (1.0 + found.value)
    most = share * rows[:, 2].max()
    found = segment(x, distortion=most, weights=w, closed=closed, **NATS)
    least = rows[rows[:, 2] <= most * (1 + 1e-12), 1].min()
    assert found.distortion <= most * (1.0 + 1e-11)
    assert least - 1e-12 <= found.entropy <= least + found.gap + 1e-10 * (1.0 + found.value)


def test_limits_are_usually_met_by_the_best():
    """Of 40 problems with 512 partitions each, more than three in four are solved exactly."""
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
    """E(D) of the continuous source, which the hull is far below: within 1 %, most of which is the grid's."""
    x = (np.arange(1000) + 0.5) / 1000
    found = segment(x, entropy=share)
    assert found.gap > 0.01
    assert found.distortion == pytest.approx(ed.distortion_entropy("uniform", share), rel=0.012)
    again = segment(x, distortion=found.distortion)
    assert again.entropy == pytest.approx(share, rel=0.01)
    assert again.gap > 0.0


def test_corners_have_no_gap():
    """At the entropy or the distortion of an optimum of H + λD that is the partition, as far as it is the only one."""
    x = CURVES["arc"](300)
    for lmbda in (3.0, 40.0):
        corner = segment(x, lmbda)
        for asked in ({"entropy": corner.entropy}, {"distortion": corner.distortion}):
            found = segment(x, **asked)
            assert found.gap == 0.0
            assert found.entropy == pytest.approx(corner.entropy, rel=1e-12)
            assert found.distortion == pytest.approx(corner.distortion, rel=1e-11)


def test_ends_of_the_range():
    x = np.array([0.0, 1.0, 3.0])
    for asked in ({"entropy": 0.0}, {"distortion": 1e9}, {"cells": 1}):
        assert segment(x, **asked).boundaries.tolist() == [0]
    for asked in ({"entropy": 1e9}, {"distortion": 0.0}, {"cells": 3}):
        every = segment(x, **asked)
        assert (every.cells, every.distortion, every.gap) == (3, 0.0, 0.0)
    one = segment([2.0, 2.0], entropy=1.0)
    assert (one.cells, one.lmbda, one.gap) == (1, 0.0, 0.0)
    assert segment(x, cells=[]).boundaries == ()


@pytest.mark.parametrize("n", [2, 3, 63, 64, 65, 200])
@pytest.mark.parametrize("scale", [1.0, 1e-9])
def test_sorted_numbers_against_a_plain_programme(n, scale):
    """Clusters far from the origin and from each other, of widths down to 1e-9: nothing is lost to differences."""
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
            found = segment(points, cells=cells, weights=weights)
            assert found.distortion == pytest.approx(least[-1] / w.sum(), rel=1e-9, abs=1e-30)


def _squared_error(x, w):
    if len(x) < 2:
        return 0.0
    origin = x[0]
    mean = math.fsum(w * (x - origin)) / math.fsum(w)
    return math.fsum(w * ((x - origin) - mean) ** 2)


@pytest.mark.parametrize("curve", CURVES)
def test_limits_of_squared_error_leave_out_nothing_that_matters(curve, monkeypatch):
    """The same with a limit that is never reached; several blocks, open and closed."""
    x = CURVES[curve](150)
    found = [segment(x, cells=[2, 5, 20], closed=closed) for closed in (False, True)]
    monkeypatch.setattr(cell_count, "limit", lambda *_: math.inf)
    for closed, before in zip((False, True), found, strict=True):
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


def test_an_order_that_looks_random_is_doubted():
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


def test_sizes_that_are_refused(monkeypatch):
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
    found = segment(x, **named, closed=closed)
    assert found.encode(x).tolist() == found.labels.tolist()
    assert (found.decode(found.labels) == found.centroids[found.labels]).all()
    shaped = x.reshape(2, 60, *x.shape[1:])
    assert found.encode(shaped).tolist() == found.labels.reshape(2, 60).tolist()
    assert np.mean(((x - found.decode(found.encode(x))) ** 2).reshape(120, -1).sum(axis=1)) == pytest.approx(
        found.distortion, rel=1e-10
    )
    one = found.encode(x[5])
    assert isinstance(one, int)
    assert np.shape(found.decode(one)) == x.shape[1:]


def test_thresholds_are_midway():
    found = segment([1.0, 1.0, 1.2, 4.0, 4.1, 9.0], cells=3)
    assert found.thresholds.tolist() == pytest.approx([2.6, 6.55])
    assert found.encode([-5.0, 2.59, 2.61, 6.5, 6.6, 99.0]).tolist() == [0, 0, 1, 1, 2, 2]
    for other in (segment([3.0, 1.0, 2.0], cells=2), segment([[1.0], [2.0]], cells=2)):
        with pytest.raises(ValueError, match="sorted upwards"):
            other.thresholds  # noqa: B018  # the access is what is tested


def test_new_points_of_a_loop_are_encoded_as_their_neighbours():
    x = CURVES["lopsided"](200)
    found = segment(x, cells=9, closed=True)
    assert found.encode(1.01 * x).tolist() == found.labels.tolist()


def test_what_quantizers_refuse():
    found, several = segment([[0.0, 1.0], [2.0, 3.0]], cells=2), segment([0.0, 1.0], [1.0, 2.0])
    for call, words in (
        (lambda: found.encode([1.0, 2.0, 3.0]), "x must have 2 coordinates along its last axis"),
        (lambda: found.encode([math.nan, 1.0]), "x must be finite, got nan"),
        (lambda: found.decode(2), "index must be between 0 and 1, got 2 to 2"),
        (lambda: found.decode(0.5), "index must be of integers"),
        (lambda: several.encode(0.5), "encode is of one partition, this has 2: ask segment for one"),
        (lambda: several.decode(0), "decode is of one partition"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_the_walk_along_the_hull_ends(monkeypatch):
    """Each λ is tried once: a corner is found at most twice for each corner of the hull."""
    tried = []
    original = limits.best

    def watched(curve, x, solve, most, *, of_entropy):
        return original(curve, x, lambda lmbda: (tried.append(lmbda), solve(lmbda))[1], most, of_entropy=of_entropy)

    monkeypatch.setattr(limits, "best", watched)
    segment(CURVES["brownian"](400), entropy=3.0)
    assert len(tried) == len(set(tried)) <= 30


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
def test_weights_that_sums_lose(least, closed):
    """Every other point has next to no weight; what the hull leaves is that of the others alone."""
    x = np.arange(24.0) ** 1.5
    w = np.where(np.arange(24) % 2 == 0, 1.0, least)
    found, alone = segment(x, entropy=1.7, weights=w, closed=closed), segment(x[::2], entropy=1.7, closed=closed)
    assert found.entropy <= 1.7 + 1e-9
    assert found.distortion - found.gap / found.lmbda <= alone.distortion * (1 + 1e-9)
    found, alone = (
        segment(x, distortion=60.0, weights=w, closed=closed),
        segment(x[::2], distortion=60.0, closed=closed),
    )
    assert found.distortion <= 60.0 * (1 + 1e-9)
    assert found.entropy - found.gap <= alone.entropy * (1 + 1e-9)
    five = segment(x, cells=5, weights=w, closed=closed)
    assert five.distortion == pytest.approx(segment(x[::2], cells=5, closed=closed).distortion, rel=1e-9)
    assert segment([0.0, 1.0], entropy=0.5, weights=[1.0, 1e-323]).gap == 0.0

"""The public function `segment`: invariances, arguments and results."""

import math
import threading

import numpy as np
import pytest
from contiguous import NATS, brownian, lopsided, noisy
from edcurve.segmentation import Segmentation, open_curve, segment


def same(a, b):
    return all(np.array_equal(np.asarray(getattr(a, name)), np.asarray(getattr(b, name))) for name in FIELDS)


FIELDS = ("lmbda", "entropy", "distortion", "value", "gap", "boundaries", "centroids", "probabilities")


@pytest.mark.parametrize("closed", [False, True])
def test_translation_rotation_and_reversal(closed):
    rng = np.random.default_rng(11)
    x, w = lopsided(300) + 0.02 * rng.normal(size=(300, 2)), rng.dirichlet(np.full(300, 4.0))
    turn, _ = np.linalg.qr(rng.normal(size=(5, 2)))
    for lmbda in (2.0, 40.0):
        result = segment(x, lmbda, weights=w, closed=closed)
        # coordinates near 1e6 have errors of 1e-10
        far = segment(x + 1e6, lmbda, weights=w, closed=closed)
        assert far.value == pytest.approx(result.value, rel=1e-8, abs=0)
        assert far.boundaries.tolist() == result.boundaries.tolist()
        rotated = segment(x @ turn.T, lmbda, weights=w, closed=closed)
        assert rotated.value == pytest.approx(result.value, rel=1e-13, abs=0)
        assert rotated.boundaries.tolist() == result.boundaries.tolist()
        back = segment(x[::-1], lmbda, weights=w[::-1], closed=closed)
        assert back.value == pytest.approx(result.value, rel=1e-13, abs=0)
        ends = (300 - result.boundaries) % 300
        assert back.boundaries.tolist() == sorted(ends.tolist())
        scaled = segment(x * 2.0**-300, lmbda * 2.0**600, weights=w * 1e-200, closed=closed)
        assert scaled.value == pytest.approx(result.value, rel=1e-13, abs=0)


@pytest.mark.parametrize("closed", [False, True])
def test_a_point_given_twice_with_half_the_weight(closed):
    """A boundary between both copies is never better than one beside them: the value is the same."""
    rng = np.random.default_rng(12)
    x, w = brownian(80), rng.dirichlet(np.ones(80))
    twice, halves = np.repeat(x, 2, axis=0), np.repeat(w / 2, 2)
    for lmbda in (1.0, 10.0, 300.0):
        result, split = (segment(a, lmbda, weights=b, closed=closed) for a, b in ((x, w), (twice, halves)))
        assert split.value == pytest.approx(result.value, rel=1e-14, abs=0)
        assert split.boundaries.tolist() == (2 * result.boundaries).tolist()


def test_what_comes_back():
    result = segment([0.0, 0.1, 5.0, 5.1], 10.0)
    assert (result.lmbda, result.base, result.cells, result.closed, result.size) == (10.0, 2, 2, False, 4)
    assert result.boundaries.tolist() == [0, 2]
    assert result.labels.tolist() == [0, 0, 1, 1]
    assert result.centroids == pytest.approx([0.05, 5.05], rel=1e-15, abs=0)
    assert result.probabilities.tolist() == [0.5, 0.5]
    assert result.entropy == 1.0
    assert result.distortion == pytest.approx(0.0025, rel=1e-13, abs=0)
    assert result.value == result.entropy + 10 * result.distortion
    assert all(type(getattr(result, name)) is float for name in ("lmbda", "entropy", "distortion", "value", "gap"))
    assert repr(result) == "<Segmentation of 4 points, open: λ = 10, 2 cells, value 1.025, gap 0>"
    wrapped = segment([0.0, 5.0, 5.1, 0.1], 10.0, closed=True)
    assert wrapped.boundaries.tolist() == [1, 3]
    assert wrapped.labels.tolist() == [1, 0, 0, 1]
    assert segment([0.0, 1.0, 2.0], 0.0, closed=True).boundaries.tolist() == [0]
    single = segment([[1.0, 2.0]], 3.0)
    assert (single.cells, single.value, single.entropy, single.centroids.tolist()) == (1, 0.0, 0.0, [[1.0, 2.0]])
    with pytest.raises(AttributeError):
        result.gap = 1.0


def test_points_of_no_weight():
    x, w = [9.0, 0.0, 7.0, 1.0, -3.0, 8.0], [0, 1, 0, 1, 0, 0]
    result = segment(x, 100.0, weights=w)
    assert result.boundaries.tolist() == [0, 3]
    assert result.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert result.centroids.tolist() == [0.0, 1.0]
    loop_ = segment(x, 100.0, weights=w, closed=True)
    assert loop_.boundaries.tolist() == [1, 3]
    assert loop_.labels.tolist() == [1, 0, 0, 1, 1, 1]
    tiny = segment(x, 100.0, weights=[0, 1e-320, 0, 1.0, 0, 1e308])
    assert tiny.boundaries.tolist() == [0, 5]
    assert tiny.value == pytest.approx(1e-308 * math.log2(1e308), rel=1e-10, abs=0)


@pytest.mark.parametrize("closed", [False, True])
def test_array_of_multipliers_equals_scalars(closed):
    lmbda = np.array([30.0, 0.5, 2.0, 30.0, 0.0, 400.0])
    x = noisy(200)
    result = segment(x, lmbda, closed=closed)
    assert isinstance(result.boundaries, tuple)
    for i, multiplier in enumerate(lmbda):
        single = segment(x, float(multiplier), closed=closed)
        for name in ("lmbda", "entropy", "distortion", "value", "gap", "cells"):
            assert getattr(result, name)[i] == getattr(single, name)
        for name in ("boundaries", "centroids", "probabilities", "labels"):
            assert np.array_equal(getattr(result, name)[i], getattr(single, name))
    frame = result.to_pandas()
    assert list(frame) == ["lmbda", "cells", "entropy", "distortion", "value", "gap"]
    assert frame["lmbda"].tolist() == lmbda.tolist()
    assert frame.attrs == {"base": 2}
    assert len(segment(x, 1.0).to_pandas()) == 1
    assert repr(result).endswith(": 6 λ>")
    none = segment(x, [], closed=closed)
    assert (none.value.shape, none.boundaries, len(none.to_pandas())) == ((0,), (), 0)


def test_base_and_multiplier_go_together():
    x = brownian(150)
    bits, nats = segment(x, 10.0), segment(x, 10.0 * math.log(2), **NATS)
    assert bits.boundaries.tolist() == nats.boundaries.tolist()
    assert bits.value == pytest.approx(nats.value / math.log(2), rel=1e-14, abs=0)


def test_strides_types_and_the_callers_arrays():
    x, w = brownian(300, dim=3), np.random.default_rng(14).random(300)
    want = segment(x, 50.0, weights=w)
    wide = np.zeros((600, 6))
    wide[::2, ::2] = x
    weights = np.zeros(900)
    weights[::3] = w
    strided = segment(wide[::2, ::2], 50.0, weights=weights[::3])
    assert same(strided, want)
    assert same(segment(np.asfortranarray(x), np.float64(50), weights=w.tolist()), want)
    assert same(segment(x[::-1][::-1], np.array(50.0), weights=w), want)
    frozen, fixed = x.copy(), w.copy()
    frozen.flags.writeable = fixed.flags.writeable = False
    assert same(segment(frozen, 50, weights=fixed), want)
    assert np.array_equal(frozen, x)
    assert np.array_equal(fixed, w)
    whole = np.array([3, 1, 4, 1, 5, 9, 2, 6])
    assert same(segment(whole, 1.0), segment(whole.astype(float), 1.0))


@pytest.mark.parametrize("closed", [False, True])
def test_any_number_of_threads(closed, monkeypatch):
    x, lmbda = noisy(400), np.geomspace(0.5, 100, 5)
    monkeypatch.setattr(open_curve, "ALONE", 0)
    result = []
    for cores in (1, 2, 5):
        monkeypatch.setattr("edcurve.kernels.threads.cores", lambda cores=cores: cores)
        result.append(segment(x, lmbda, closed=closed))
    results = [None] * 3
    threads = [
        threading.Thread(target=lambda i=i: results.__setitem__(i, segment(x, lmbda, closed=closed))) for i in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for repeated in (*result[1:], *results):
        assert isinstance(repeated, Segmentation)
        assert repeated.to_pandas().equals(result[0].to_pandas())
        assert all(map(np.array_equal, repeated.boundaries, result[0].boundaries))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([], 1.0), ValueError, r"points must be of shape \(N,\) or \(N, dim\), with N and dim at least 1, got \(0,\)"),
        ((np.zeros((3, 0)), 1.0), ValueError, r"points must be of shape"),
        ((5.0, 1.0), ValueError, r"points must be of shape .* got \(\)"),
        ((np.zeros((2, 2, 2)), 1.0), ValueError, r"points must be of shape .* got \(2, 2, 2\)"),
        (([[1, 2], [3]], 1.0), ValueError, "points must be a rectangular array"),
        (([1, math.nan], 1.0), ValueError, "points must be finite and at most 1e.150 in size, got nan at index 1"),
        (([[1, 2], [3, -math.inf]], 1.0), ValueError, r"points must be finite .* got -inf at index \(1, 1\)"),
        (([1e151], 1.0), ValueError, "points must be finite and at most 1e.150 in size, got 1e.151 at index 0"),
        (([1j, 2], 1.0), TypeError, "points must be a real number or an array of them, got an array of dtype complex"),
        ((["a"], 1.0), TypeError, "points must be a real number or an array of them"),
        ((np.broadcast_to(0.0, 10**7 + 1), 1.0), ValueError, "points must be at most 10000000 and 100000000 numbers"),
        (
            (np.broadcast_to(0.0, (10**4, 10**5)), 1.0),
            ValueError,
            r"points must be at most .* got shape \(10000, 100000",
        ),
        (([1, 2], -1.0), ValueError, "lmbda must be at least 0 and finite, got -1.0"),
        (([1, 2], math.nan), ValueError, "lmbda must be at least 0 and finite, got nan"),
        (([1, 2], [1, math.inf]), ValueError, "lmbda must be at least 0 and finite, got inf at index 1"),
        (([1, 2], [[1.0]]), ValueError, r"lmbda must be a number or one-dimensional, got shape \(1, 1\)"),
        (
            ([1e100, 2], 1e200),
            ValueError,
            "lmbda must be at most 1e300 over the squared size of the points, got 1e.200",
        ),
        (([1, 2], "48"), TypeError, "lmbda must be a real number"),
    ],
)
def test_what_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        segment(*arguments)


@pytest.mark.parametrize(
    ("named", "error", "message"),
    [
        ({"weights": [1, 2]}, ValueError, r"weights must be of shape \(3,\), one for each point, got \(2,\)"),
        ({"weights": 1.0}, ValueError, r"weights must be of shape \(3,\), one for each point, got \(\)"),
        ({"weights": [1, -2, 3]}, ValueError, "weights must be at least 0 and finite, got -2.0 at index 1"),
        ({"weights": [1, math.nan, 3]}, ValueError, "weights must be at least 0 and finite, got nan at index 1"),
        ({"weights": [0, 0, 0]}, ValueError, "weights must not all be 0"),
        ({"weights": [1j, 0, 0]}, TypeError, "weights must be a real number"),
        ({"closed": 1}, TypeError, "closed must be True or False, got 1"),
        ({"base": 1}, ValueError, "base must be a finite number above 1"),
        ({"base": "2"}, TypeError, "base must be a number above 1"),
    ],
)
def test_invalid_arguments_are_named(named, error, message):
    with pytest.raises(error, match=message):
        segment([1.0, 2.0, 3.0], 1.0, **named)


def test_a_loop_has_three_points():
    with pytest.raises(ValueError, match="points must be at least 3 if closed is True, got 2"):
        segment([1.0, 2.0], 1.0, closed=True)

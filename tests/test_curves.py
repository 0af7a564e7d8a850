"""Curves as data: content and immutability."""

import dataclasses
import math
import pickle
from fractions import Fraction

import edcurve as ed
import numpy as np
import pandas as pd
import pytest
from bits import same_bits
from edcurve.curves import spread
from example_curves import ARRAYS, COLUMNS, ONE_HARMONIC

BUILT_IN = ("ramp", "circle", "sinusoid", "sawbridge", "uniform", "power:0.3", "power:1.5")


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_curve_agrees_with_the_functions(name):
    curve = ed.curve(name, num=64)
    D = curve.distortion
    assert (curve.source, curve.base, curve.status, curve.unit) == (name, 2.0, "exact (proved)", "bits")
    assert same_bits(curve.entropy, ed.entropy_distortion(name, D))
    assert same_bits(curve.upper, curve.entropy)
    # to a few units in the last place, by which a bound is moved if rounding put it above the bounded value
    for column, function in (("hull", ed.convex_hull), ("lower", ed.lower_bound)):
        np.testing.assert_allclose(getattr(curve, column), function(name, D), rtol=1e-14, atol=0)


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_default_range(name):
    most = ed.distortion_entropy(name, 0.0)
    curve = ed.curve(name)
    assert [len(getattr(curve, column)) for column in COLUMNS] == [256] * 5
    assert (curve.distortion[0], curve.distortion[-1]) == (1e-3 * most, most)
    assert curve.entropy[-1] == 0.0
    assert np.all(np.diff(curve.distortion) > 0)
    # half equally and half geometrically spaced, so that no step is longer than in either; 1e-9 for rounding
    assert np.diff(curve.distortion).max() <= 0.999 * most / 128 * (1 + 1e-9)
    assert np.diff(np.log(curve.distortion)).max() <= math.log(1000) / 128 * (1 + 1e-9)


@pytest.mark.parametrize("num", [2, 3, 4, 5, 17, 256])
@pytest.mark.parametrize(("low", "high"), [(1e-3, 1.0), (1e-300, 2.0), (1.0, np.nextafter(1, 2)), (5e-324, 1e-323)])
def test_spread(num, low, high):
    D = spread(low, high, num)
    assert len(D) == num
    assert (D[0], D[-1]) == (low, high)
    assert np.all(np.diff(D) >= 0)


@pytest.mark.parametrize("num", [2, 3, np.int64(5), np.uint8(7)])
def test_the_number_of_distortions(num):
    curve = ed.curve("ramp", num=num)
    assert len(curve.distortion) == num
    assert same_bits(curve.distortion, spread(1e-3 / 12, 1 / 12, int(num)))


@pytest.mark.parametrize("name", [*BUILT_IN, ONE_HARMONIC], ids=str)
@pytest.mark.parametrize("base", [2, math.e, 1.01])
def test_the_bounds_are_in_order(name, base):
    spectrum = ONE_HARMONIC if name is ONE_HARMONIC else None
    most = ONE_HARMONIC.max_distortion if spectrum else ed.distortion_entropy(name, 0.0)
    rng = np.random.default_rng(7)
    # D_K of many K with both neighbours, where the bounds touch, and all scales
    at = [ed.distortion_entropy(name, math.log(k), base=math.e) for k in [*range(1, 70), 1000]]
    D = np.concatenate([at, np.nextafter(at, 0), np.nextafter(at, 9), most * 10 ** rng.uniform(-15, 0, 400), [0, 9]])
    curve = ed.curve(name, D, base=base)
    assert np.all(curve.lower <= curve.hull)
    assert np.all(curve.hull <= curve.entropy)
    assert np.all(curve.entropy <= curve.upper)
    assert np.all(curve.lower >= 0)
    # E falls, except for the rounding of D_K where the slope is infinite: a few units in the last place
    assert np.all(np.diff(curve.entropy[1:]) <= 4e-15 * curve.entropy[1:-1])


def test_distortions_are_sorted_and_kept():
    distortions = [0.05, 0.0, 0.01, math.inf, 0.01, 1e-30]
    curve = ed.curve("circle", distortions)
    assert curve.distortion.tolist() == sorted(distortions)
    assert same_bits(curve.entropy, ed.entropy_distortion("circle", sorted(distortions)))
    assert (curve.entropy[0], curve.lower[0], curve.hull[0], curve.upper[0]) == (math.inf,) * 4
    assert curve.entropy[-1] == 0.0


@pytest.mark.parametrize(
    "given", [0.01, np.float32(0.25), np.array(0.01), Fraction(1, 100), (0.01,), pd.Series([0.01])]
)
def test_allowed_distortions(given):
    D = np.atleast_1d(np.asarray(given, dtype=float))
    assert same_bits(ed.curve("ramp", given).distortion, D)


def test_the_entropy_of_equal_cells_is_marked():
    curve = ed.curve("ramp", base=2)
    K = curve.cells
    assert K.dtype == np.int64
    assert K.tolist() == list(range(1, 65))
    np.testing.assert_allclose(curve.cells_distortion, (2 / K - 1 / K**2) / 12, rtol=1e-15)
    assert curve.cells_distortion[0] == 1 / 12
    # every D_K in the range, and no other
    part = ed.curve("ramp", [0.01, 0.05])
    assert np.all((part.cells_distortion >= 0.01) & (part.cells_distortion <= 0.05))
    assert part.cells.tolist() == [k for k in range(1, 65) if 0.01 <= (2 / k - 1 / k**2) / 12 <= 0.05]
    assert ed.curve("ramp", [0.05]).cells.tolist() == []


def test_status_of_what_is_checked_numerically():
    curve = ed.curve(ONE_HARMONIC, num=9)
    assert curve.status == ONE_HARMONIC.status == "exact (checked numerically)"
    # the same source as the circle, by other formulas
    np.testing.assert_allclose(curve.entropy, ed.entropy_distortion("circle", curve.distortion), rtol=1e-10, atol=1e-15)
    assert curve.source == "spectrum"


def test_status_where_biuniform_is_not_optimal(violating):
    assert violating.status == "upper bound"
    assert violating.source == "2^-k"
    assert violating.unit == "nats"
    # the biuniform partition costs 0.807795
    assert violating.entropy[0] == pytest.approx(0.746277, abs=2e-6)
    assert np.all(violating.lower <= violating.hull)
    assert np.all(violating.hull <= violating.entropy)
    assert same_bits(violating.upper, violating.entropy)
    assert violating.entropy[-1] == 0.0


@pytest.mark.parametrize(
    ("base", "unit"), [(2, "bits"), (math.e, "nats"), (10, "hartleys"), (3, "units of log base 3")]
)
def test_units(base, unit):
    curve = ed.curve("ramp", [0.01], base=base)
    assert (curve.base, curve.unit, type(curve.base)) == (float(base), unit, float)
    assert curve.entropy[0] == ed.entropy_distortion("ramp", 0.01, base=base)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"distortion": []}, ValueError, "distortion must be one-dimensional and not empty"),
        ({"distortion": [[0.1, 0.2]]}, ValueError, r"distortion must be one-dimensional .* \(1, 2\)"),
        ({"distortion": [0.1, -0.1]}, ValueError, "distortion must be at least 0, got -0.1 at index 1"),
        ({"distortion": [math.nan]}, ValueError, "distortion must be at least 0, got nan"),
        ({"distortion": "0.1"}, TypeError, "distortion must be a real number"),
        ({"distortion": [0.1 + 0j]}, TypeError, "distortion must be a real number"),
        ({"distortion": [[0.1], [0.1, 0.2]]}, ValueError, "distortion must be a rectangular array"),
        ({"distortion": 10**400}, ValueError, "distortion must be at most 1.8e308"),
        ({"num": 1}, ValueError, "num must be at least 2, got 1"),
        ({"num": 0}, ValueError, "num must be at least 2, got 0"),
        ({"num": 3.0}, TypeError, "num must be an integer"),
        ({"num": True}, TypeError, "num must be an integer"),
        ({"base": 1}, ValueError, "base must be a finite number above 1"),
        ({"base": math.nan}, ValueError, "base must be a finite number above 1"),
        ({"base": 10**400}, ValueError, "base must be at most 1.8e308"),
        ({"base": "2"}, TypeError, "base must be a number"),
        ({"source": "cube"}, ValueError, "source must be .*'cube'"),
        ({"source": None}, TypeError, "source must be .*None"),
    ],
)
def test_wrong_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        ed.curve(**{"source": "ramp", **arguments})


def test_a_curve_cannot_be_changed(drawn):
    for field in dataclasses.fields(drawn):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(drawn, field.name, getattr(drawn, field.name))
    for name in ARRAYS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(drawn, name)[0] = 1
    assert hash(drawn) == hash(pickle.loads(pickle.dumps(drawn)))


def test_a_curve_shares_nothing_with_what_it_was_made_of():
    D = np.array([0.01, 0.02, 0.05])
    curve = ed.curve("ramp", D)
    D[:] = 7.0
    assert curve.distortion.tolist() == [0.01, 0.02, 0.05]
    columns = {name: np.array([1.0, 2.0]) for name in COLUMNS}
    original = ed.Curve(
        "mine", 2.0, **columns, status="upper bound", cells=np.array([1]), cells_distortion=np.array([2.0])
    )
    for values in columns.values():
        values += 1
    assert all(getattr(original, name).tolist() == [1.0, 2.0] for name in COLUMNS)
    assert not np.shares_memory(curve.upper, curve.entropy)


def test_equality_is_of_all_fields_with_nan_equal_to_itself(drawn):
    with_nan = dataclasses.replace(drawn, lower=np.full(5, np.nan))
    assert with_nan == dataclasses.replace(with_nan)
    assert with_nan != drawn
    assert drawn == dataclasses.replace(drawn)
    changes = {"source": "x", "base": 2.0, "status": "upper bound", "cells": drawn.cells + 1}
    changes |= {name: getattr(drawn, name) * 1.0000001 + 1e-9 for name in (*COLUMNS, "cells_distortion")}
    for name, value in changes.items():
        assert dataclasses.replace(drawn, **{name: value}) != drawn, name
    assert drawn != "drawn"


def test_repr_is_short():
    assert repr(ed.curve("circle", num=5)) == ("<Curve of 'circle', exact (proved): 5 distortions, 0.001 to 1; bits>")


@pytest.fixture(scope="module")
def full():
    return ed.curve("ramp", num=12, shannon=True, gaussian=True, width=100)


def test_columns_on_request(full):
    np.testing.assert_array_equal(full.shannon, ed.rate_distortion("ramp", full.distortion))
    np.testing.assert_array_equal(full.gaussian, ed.gaussian_bound("ramp", full.distortion))
    assert full.floor == ed.rank_floor("ramp", 100) == pytest.approx(0.0010031, rel=1e-4)
    assert [*full.to_pandas().columns] == [*COLUMNS, "shannon", "gaussian", "status"]
    assert full.to_csv().splitlines()[0] == ",".join([*COLUMNS, "shannon", "gaussian", "status"])
    assert (full.shannon <= full.lower + 1e-9).all()
    plain = ed.curve("ramp", num=12)
    assert (plain.shannon, plain.gaussian, plain.width, plain.floor) == (None, None, None, None)
    assert plain != full


def test_columns_on_request_are_saved(full, tmp_path):
    full.save(tmp_path / "full.json")
    loaded = ed.Curve.load(tmp_path / "full.json")
    assert loaded == full
    assert not loaded.shannon.flags.writeable
    text = (tmp_path / "full.json").read_text(encoding="utf-8")
    for old, new in (('"width": 100', '"width": "wide"'), ('"truncation": 0.0', '"truncation": "none"')):
        assert old in text
        (tmp_path / "bad.json").write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(ValueError, match=r"path must be a file that Curve\.save wrote"):
            ed.Curve.load(tmp_path / "bad.json")


def test_columns_on_request_are_drawn(full, plt):
    labels = [line.get_label() for line in full.plot().lines]
    assert {"Shannon's R(D)", "KLT (Gaussian R(D))", "rank floor, width 100: D ≥ 0.001"} < set(labels)
    plt.close("all")


def test_truncation_and_defect_go_with_a_curve(plt):
    phases = np.arange(512)[:, None] / 512
    source = ed.Source.from_samples(np.mod(np.arange(64) / 64 + phases, 1.0) / 8.0)
    curve = ed.curve(source, [0.5 * source.max_distortion, source.max_distortion])
    assert (curve.truncation, curve.defect) == (source.truncation, source.defect)
    assert curve.to_pandas().attrs["truncation"] == source.truncation > 0.0
    assert f"known to {source.truncation:.1g}" in curve.plot().get_xlabel()
    plt.close("all")

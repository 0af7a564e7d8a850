"""The built-in sources: against quadrature of δ, and by their names."""

import math
from fractions import Fraction

import edcurve as ed
import numpy as np
import pytest
from edcurve.sources import resolve
from hypothesis import given, settings
from hypothesis import strategies as st
from source_examples import CLASSES, FUNCTIONS, SIZES, TABLE, mean_quadrature

universal = settings(deadline=None, derandomize=True, max_examples=100)


@pytest.mark.parametrize("name", TABLE)
def test_cell_distortion_against_quadrature_of_delta(name):
    """Closed forms, or for the circle a series: a few roundings."""
    delta, _, _ = TABLE[name]
    want = [mean_quadrature(delta, p) for p in SIZES]
    assert CLASSES[name].cell_distortion(SIZES) == pytest.approx(want, rel=1e-14, abs=0)
    assert resolve(name).cell_distortion(0.2) == pytest.approx(want[3], rel=1e-14, abs=0)


@pytest.mark.parametrize("name", TABLE)
def test_name_closed_and_max_distortion(name):
    _, closed, largest = TABLE[name]
    for source in (CLASSES[name], resolve(name)):
        assert (source.name, source.closed) == (name, closed)
        assert source.max_distortion == float(largest)
        assert source.cell_distortion(1.0) == pytest.approx(float(largest), rel=2e-16, abs=0)


@pytest.mark.parametrize("name", TABLE)
def test_built_in_sources_are_proved(name):
    source = resolve(name)
    assert source.status == "exact (proved)"
    assert source.monotone is True
    assert source.condition.holds
    assert source.condition.method.startswith("proved")


@pytest.mark.parametrize("name", TABLE)
def test_a_name_is_its_source(name):
    for function in FUNCTIONS:
        assert function(name, 0.03) == function(CLASSES[name], 0.03)
    assert resolve(CLASSES[name]) is CLASSES[name]
    assert resolve(np.str_(name)) == CLASSES[name]


@pytest.mark.parametrize("name", ["power:", "power:x", "power:1.5.0", "power:0x1", "power"])
def test_power_laws_need_a_number(name):
    with pytest.raises(ValueError, match=r"source must be .*power:"):
        ed.entropy_distortion(name, 0.01)


@pytest.mark.parametrize(
    "name", ["power:3", "power:0", "power:-0.0", "power:-1", "power:inf", "power:2.0000000000000004", "power:nan"]
)
def test_power_laws_need_an_exponent_up_to_two(name):
    with pytest.raises(ValueError, match=f"source must be power:a with 0 < a ≤ 2, such as power:1.5, got '{name}'"):
        ed.entropy_distortion(name, 0.01)


def test_exponents_up_to_two():
    for a, message in ((3.0, "a must be above 0 and at most 2, got 3.0"), (math.nan, "a must not be NaN")):
        with pytest.raises(ValueError, match=message):
            ed.PowerLaw(a)


@pytest.mark.parametrize("name", ["Ramp", "ramp ", "", "cube", "POWER:1"])
def test_unknown_names_list_the_known_ones(name):
    with pytest.raises(ValueError, match=r"ramp, circle, .*, power:a, pulse:w, .*, got '"):
        ed.lower_bound(name, 0.01)


@pytest.mark.parametrize("thing", [3, None, b"ramp", ["ramp"], ed.Ramp, 1.5])
def test_neither_a_source_nor_a_name(thing):
    with pytest.raises(TypeError, match="source must be a Source or a name, got "):
        ed.convex_hull(thing, 0.01)


@pytest.mark.parametrize("a", ["1", None, True, 1j, [1.0]])
def test_exponents_are_numbers(a):
    with pytest.raises(TypeError, match="a must be a real number"):
        ed.PowerLaw(a)


@universal
@given(st.floats(0, 2, exclude_min=True))
def test_the_name_of_a_power_law_gives_it_back(a):
    source = ed.PowerLaw(a)
    assert resolve(source.name) == source
    assert source.max_distortion == float(1 / ((Fraction(a) + 1) * (Fraction(a) + 2)))

"""Results with arrays are compared and hashed by value."""

import copy
import dataclasses
import math
import pickle

import edcurve as ed
import numpy as np
import pytest
from edcurve.equality import ComparedByValue, same

T = np.linspace(0, 1, 40) ** 2

RESULTS = {
    "lagrangian": lambda: ed.lagrangian("circle", [4.0, 8.0]),
    "lagrangian of a number": lambda: ed.lagrangian("circle", 4.0),
    "segment": lambda: ed.segment(T, [4.0, 800.0]),
    "segment of a number": lambda: ed.segment(T, 800.0),
    "rate_distortion_bounds": lambda: ed.rate_distortion_bounds("circle", [0.1, 0.2]),
    "quantizer": lambda: ed.quantizer("pulse:0.2", 0.05),
    "partition": lambda: ed.partition("circle", 0.1),
    "measure": lambda: ed.measure([0, 0, 1, 1], [0.1] * 4),
}


@pytest.mark.parametrize("make", RESULTS.values(), ids=RESULTS)
def test_the_same_call_has_the_same_result(make):
    first, second = make(), make()
    assert first is not second
    assert first == second
    assert hash(first) == hash(second)
    assert {first: 1}[second] == 1
    assert first == pickle.loads(pickle.dumps(first)) == copy.deepcopy(first)
    assert first != 1
    assert first is not None


@pytest.mark.parametrize("make", RESULTS.values(), ids=RESULTS)
def test_every_field_counts(make):
    result = make()
    for field in dataclasses.fields(result):
        value = getattr(result, field.name)
        if isinstance(value, float):
            changed = dataclasses.replace(result, **{field.name: value + 1.0})
        elif isinstance(value, np.ndarray) and value.dtype.kind in "if":
            changed = dataclasses.replace(result, **{field.name: np.concatenate([value[:-1], value[-1:] + 1])})
        else:
            continue
        assert changed != result
        assert hash(changed) != hash(result)


def test_other_arguments_have_other_results():
    assert ed.lagrangian("circle", [4.0, 8.0]) != ed.lagrangian("circle", [4.0, 16.0])
    assert ed.lagrangian("circle", [4.0, 8.0]) != ed.lagrangian("circle", [4.0])
    assert ed.lagrangian("circle", [4.0]) != ed.lagrangian("circle", 4.0)
    assert ed.segment(T, [4.0, 800.0]) != ed.segment(T, [4.0, 900.0])
    assert ed.segment(T, [4.0, 800.0]) != ed.segment(T, [4.0])
    assert ed.lagrangian("circle", 4.0) != ed.segment(T, 4.0)


@dataclasses.dataclass(frozen=True, eq=False)
class Example(ComparedByValue):
    """A result with all kinds of fields."""

    a: object
    b: object = None


def test_not_a_number_and_zero():
    nan = Example(np.array([math.nan, 1.0]), math.nan)
    assert nan == Example(np.array([math.nan, 1.0]), math.nan)
    assert hash(nan) == hash(Example(np.array([math.nan, 1.0]), math.nan))
    assert nan != Example(np.array([math.nan, 2.0]), math.nan)
    zero, negative = (Example(np.array([z]), (np.array([1, 2]), z)) for z in (0.0, -0.0))
    assert zero == negative
    assert hash(zero) == hash(negative)
    assert zero != Example(np.array([0.0]), (np.array([1, 2]),))
    assert zero != Example(np.array([0.0]))
    assert Example(np.array(["a"])) == Example(np.array(["a"]))
    assert hash(Example(np.array(["a"]))) == hash(Example(np.array(["a"])))


def test_same():
    assert same(np.array([1, 2]), np.array([1.0, 2.0]))
    assert not same(np.array([1.0]), 1.0)
    assert not same(np.array([1.0]), np.array([[1.0]]))
    assert not same(None, 0.0)

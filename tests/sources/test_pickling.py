"""Sources and results survive pickling and copying."""

import copy
import pickle

import edcurve as ed
import numpy as np
import pytest
from bits import same_bits
from edcurve.kernels import functions, loops
from kernel_inputs import SOURCES


def quadratic(p):
    return p * p / 6


PICKLED = {**SOURCES, "of a function": ed.Source(quadratic, max_distortion=1 / 6, closed=False, name="mine")}
COPIES = {
    **{f"pickle {n}": lambda thing, n=n: pickle.loads(pickle.dumps(thing, n)) for n in range(2, 6)},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("name", PICKLED)
def test_a_source_survives_pickling(name, way):
    source = PICKLED[name]
    restored = COPIES[way](source)
    D = np.linspace(0.01, 0.9, 50) * source.max_distortion
    assert type(restored) is type(source)
    assert (restored.name, restored.closed, restored.max_distortion) == (
        source.name,
        source.closed,
        source.max_distortion,
    )
    values = [loops.evaluate(functions.entropy, law, (), D) for law in (restored.law, source.law)]
    assert same_bits(*values)
    assert restored.law.model is source.law.model
    if type(source) is not ed.Source:
        assert restored == source
        assert hash(restored) == hash(source)


@pytest.mark.parametrize("way", COPIES)
def test_results_survive_pickling(way):
    curve = ed.curve("circle", [0.0, 0.1, 0.5, 1.0])
    restored_curve = COPIES[way](curve)
    assert restored_curve == curve
    assert not restored_curve.entropy.flags.writeable
    assert not restored_curve.cells.flags.writeable
    cells = ed.partition("ramp", 0.01)
    assert COPIES[way](cells) == cells
    quantizer = ed.quantizer("ramp", 0.01)
    restored = COPIES[way](quantizer)
    phases = np.linspace(0, 1, 77)
    assert restored == quantizer
    assert np.array_equal(restored.encode(phases), quantizer.encode(phases))
    assert np.array_equal(restored.centroids, quantizer.centroids)

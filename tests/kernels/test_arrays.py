"""Arrays of any layout, type and shape give the same bits, and are not changed."""

import edcurve as ed
import numpy as np
import pytest
from bits import same_bits
from edcurve.kernels import cubic, functions, loops
from kernel_inputs import MANY, plain

LAYOUTS = {
    "every third": lambda x: np.repeat(x, 3)[::3],
    "reversed": lambda x: x[::-1].copy()[::-1],
    "rows": lambda x: x.reshape(3, -1),
    "Fortran order": lambda x: np.asfortranarray(x.reshape(3, -1)),
    "transposed": lambda x: x.reshape(-1, 3).T.copy().T,
    "three axes": lambda x: x.reshape(3, 1, -1),
    "every other column": lambda x: np.repeat(x.reshape(3, -1), 2, axis=1)[:, ::2],
    "other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "unaligned": lambda x: np.frombuffer(b"\0" + x.tobytes(), dtype=np.uint8)[1:].view(np.float64),
    "a field of a record": lambda x: np.rec.fromarrays([x, x], names="a,b").a,
    "a list": lambda x: x.tolist(),
    "nested lists": lambda x: x.reshape(-1, 3).tolist(),
    "a matrix": lambda x: x.reshape(3, -1).view(Labelled),
}


class Labelled(np.ndarray):
    """An array of a subclass, as in other packages."""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_results_do_not_depend_on_the_layout(layout):
    x = plain()
    array = LAYOUTS[layout](x)
    values = ed.entropy_distortion("ramp", array)
    assert values.shape == np.shape(array)
    assert values.dtype == np.float64
    assert same_bits(values.ravel(), ed.entropy_distortion("ramp", x))


@pytest.mark.parametrize("name", ["lower_bound", "convex_hull", "distortion_entropy", "upper_bound"])
def test_other_functions_do_not_depend_on_the_layout_either(name):
    call, x = getattr(ed, name), plain()
    wanted = call("circle", x)
    for layout in ("every third", "Fortran order", "reversed"):
        assert same_bits(call("circle", LAYOUTS[layout](x)).ravel(), wanted), layout


def test_a_broadcast_array_is_read_by_its_values():
    array = np.broadcast_to(plain(5)[:, None], (5, 9000))
    values = ed.entropy_distortion("circle", array)
    assert values.flags.writeable
    assert same_bits(values, np.repeat(ed.entropy_distortion("circle", plain(5))[:, None], 9000, axis=1))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
@pytest.mark.parametrize("size", [10, MANY])
def test_other_floats_are_converted_to_double(dtype, size):
    array = plain(size).astype(dtype)
    values = ed.entropy_distortion("ramp", array)
    assert values.dtype == np.float64
    assert same_bits(values, ed.entropy_distortion("ramp", array.astype(np.float64)))
    assert ed.entropy_distortion("ramp", array[0]) == values[0]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_integers_are_numbers(dtype):
    array = np.tile(np.arange(5), 2000).astype(dtype)
    assert same_bits(ed.distortion_entropy("circle", array), ed.distortion_entropy("circle", array.astype(float)))
    assert ed.distortion_entropy("circle", array[3]) == ed.distortion_entropy("circle", 3.0)
    assert ed.distortion_entropy("circle", 3) == ed.distortion_entropy("circle", 3.0)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0, 4)])
@pytest.mark.parametrize("name", ["ramp", "circle", "power:1.5"])
def test_an_empty_array_keeps_its_shape(name, shape):
    for call in (ed.entropy_distortion, ed.lower_bound, ed.upper_bound, ed.convex_hull, ed.distortion_entropy):
        values = call(name, np.zeros(shape))
        assert (values.shape, values.dtype) == (shape, np.float64)
    assert ed.entropy_distortion(name, []).shape == (0,)
    assert ed.lagrangian(name, np.zeros(shape)).cells.shape == shape


def test_a_number_gives_a_number_and_an_array_without_axes_gives_one():
    wanted = ed.entropy_distortion("ramp", 0.01)
    for number in (0.01, np.float64(0.01)):
        value = ed.entropy_distortion("ramp", number)
        assert type(value) is float
        assert value == wanted
    value = ed.entropy_distortion("ramp", np.array(0.01))
    assert isinstance(value, np.ndarray)
    assert (value.shape, value.dtype, float(value)) == ((), np.float64, wanted)


@pytest.mark.parametrize("size", [100, MANY])
def test_the_callers_array_is_not_changed_and_may_be_read_only(size):
    x = plain(size)
    original = x.copy()
    x.setflags(write=False)
    for call in (ed.entropy_distortion, ed.lower_bound, ed.upper_bound, ed.convex_hull, ed.distortion_entropy):
        values = call("ramp", x)
        assert not np.shares_memory(values, x)
        assert values.flags.writeable
    ed.lagrangian("ramp", x)
    assert same_bits(x, original)


def test_a_loop_is_compiled_once_whatever_the_array():
    for layout in ("a list", "unaligned"):
        ed.entropy_distortion("ramp", LAYOUTS[layout](plain()))
    ed.entropy_distortion("ramp", np.broadcast_to(0.01, MANY))
    x = plain()
    x.setflags(write=False)
    ed.entropy_distortion("ramp", x)
    assert len(loops.compiled(functions.entropy, cubic).signatures) == 1

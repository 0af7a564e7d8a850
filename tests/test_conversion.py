"""Arrays of other libraries: converted without loss, or refused with the argument's name and a remedy."""

from fractions import Fraction

import edcurve as ed
import numpy as np
import pandas as pd
import pytest
from edcurve.io import tables
from edcurve.validation import as_array, integers, nonnegative

MISSING = r"^x must be a real number or an array of them, got pandas\.\w+ with missing values; fill or drop them$"


class HasArray:
    """An array with `__array__`, as in jax."""

    def __array__(self, dtype=None, copy=None):
        return np.array([1.0, 2.0], dtype=dtype)


class OnDevice:
    """An array on a device, as in cupy."""

    def __repr__(self):
        return "OnDevice()"

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")


class HasDlpack:
    """An array with only the newest protocol."""

    def __dlpack__(self, **keywords):
        return np.array([1.0, 2.0]).__dlpack__(**keywords)

    def __dlpack_device__(self):
        return np.array([1.0, 2.0]).__dlpack_device__()


@pytest.mark.parametrize(
    "value",
    [
        HasArray(),
        HasDlpack(),
        [np.float32(1.0), np.array(2.0)],
        np.ma.masked_array([1.0, 2.0]),
        np.ma.masked_array([1.0, 2.0], [False, False]),
        pd.Series([1, 2]),
        pd.Series([1, 2], dtype="Int64"),
        pd.Series([1, 2], dtype="UInt8"),
        pd.Series([1.0, 2.0], dtype="Float64"),
        pd.array([1.0, 2.0], dtype="Float64"),
        pd.Index([1.0, 2.0]),
        np.array([1.0, 2.0], dtype=np.float16),
        np.array([1.0, 2.0], dtype=np.longdouble),
        (1, 2.0),
    ],
    ids=lambda value: f"{type(value).__name__}-{getattr(value, 'dtype', '')}",
)
def test_accepted_arrays(value):
    got = nonnegative("x", value)
    assert got.dtype == np.float64
    assert type(got) is np.ndarray
    assert got.tolist() == [1.0, 2.0]
    assert integers("x", value, "x must be integers").tolist() == [1, 2]


def test_tables():
    table = pd.DataFrame({"a": pd.Series([1, 2], dtype="Int64"), "b": [0.5, 1.5]})
    assert nonnegative("x", table).tolist() == [[1.0, 0.5], [2.0, 1.5]]
    large = pd.DataFrame({"a": pd.Series([2**53 + 1, 2], dtype="Int64"), "b": pd.Series([1, 2], dtype="Int64")})
    assert integers("x", large, "x must be integers").tolist() == [[2**53 + 1, 1], [2, 2]]


@pytest.mark.parametrize(
    "rows",
    [
        pd.Series([[1, 2], [3, 4]]),
        pd.Series([(1, 2), (3, 4)]),
        pd.Series([np.array([1, 2]), np.array([3.0, 4.0])]),
        pd.DataFrame([[1, 2], [3, 4]], dtype=object),
        np.array([[Fraction(1), 2], [np.float32(3), np.int8(4)]], dtype=object),
    ],
    ids=["lists", "tuples", "arrays", "table", "numbers"],
)
def test_objects_that_are_numbers(rows):
    assert nonnegative("x", rows).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert integers("x", rows, "x must be integers").tolist() == [[1, 2], [3, 4]]


def test_objects_lose_no_digit():
    assert integers("x", np.array([2**53 + 1, -5], dtype=object), "").tolist() == [2**53 + 1, -5]
    assert nonnegative("x", np.array([Fraction(1, 3), 10**20], dtype=object)).tolist() == [1 / 3, 1e20]
    with pytest.raises(TypeError, match="got an array of dtype object"):
        integers("x", np.array([2**64, 1], dtype=object), "x must be integers")
    with pytest.raises(ValueError, match="x must be a rectangular array"):
        nonnegative("x", pd.Series([[1, 2], [3]]))


def test_missing_values():
    for table in (
        pd.Series([1, None], dtype="Int64"),
        pd.Series([0.5, None], dtype="Float64"),
        pd.DataFrame({"a": pd.Series([1, None], dtype="Int64"), "b": [0.5, 1.5]}),
    ):
        with pytest.raises(TypeError, match=MISSING):
            nonnegative("x", table)
    with pytest.raises(TypeError, match="got a masked array; fill or drop what is masked"):
        nonnegative("x", np.ma.masked_array([1.0, 2.0], [False, True]))
    with pytest.raises(ValueError, match="x must be at least 0, got nan at index 1"):
        nonnegative("x", pd.Series([1.0, np.nan]))


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (OnDevice(), TypeError, r"got \w+\.OnDevice: Implicit conversion .* use `\.get\(\)`"),
        ([[1, 2], [3]], ValueError, "x must be a rectangular array: "),
        (pd.Series(["a", "b"]), TypeError, "got an array of dtype "),
        (pd.Series([True, False], dtype="boolean"), TypeError, "got an array of dtype "),
        (pd.Series(pd.to_datetime(["2020-01-01"])), TypeError, "got an array of dtype datetime64"),
        ([None, 1], TypeError, "got an array of dtype object"),
        (dict.fromkeys([1, 2]), TypeError, "got dict; make it a list or an array"),
        ({1, 2}, TypeError, "got set; make it a list or an array"),
        ("x", TypeError, "got 'x'"),
    ],
    ids=str,
)
def test_what_is_refused(value, error, message):
    with pytest.raises(error, match=message):
        nonnegative("x", value)


def test_whole_numbers():
    for value in ([1.5], [np.nan], [np.inf], [0.0, 1e-300]):
        with pytest.raises(ValueError, match=rf"^x must be integers, got {value[-1]}; round$"):
            integers("x", value, "x must be integers", "; round")
    for value in (np.array([2**63], dtype=np.uint64), [2.0**63], [-(2.0**63) * (1 + 2**-52)], [1e300]):
        with pytest.raises(ValueError, match=r"^x must fit signed integers of 64 bits, got "):
            integers("x", value, "x must be integers")
    assert integers("x", np.array([2**63 - 1], dtype=np.uint64), "").tolist() == [2**63 - 1]
    assert integers("x", [-(2.0**63), -0.0], "").tolist() == [-(2**63), 0]
    with pytest.raises(TypeError, match="x must be integers, got an array of dtype bool"):
        integers("x", [True], "x must be integers")


def test_arrays_are_not_copied():
    value = np.arange(3.0)
    assert as_array("x", value, "") is value


@pytest.mark.torch
class TestTensors:
    @pytest.fixture
    def torch(self):
        return pytest.importorskip("torch")

    def test_converted(self, torch):
        plain = torch.tensor([1.0, 2.0])
        for value in (
            plain,
            plain.clone().requires_grad_(),
            plain.clone().requires_grad_() * 1.0,
            plain.bfloat16(),
            plain.bfloat16().requires_grad_(),
            plain.half(),
            plain.long(),
            plain.to(torch.uint8),
            plain.to(torch.float8_e4m3fn),
            (plain * 1j).imag,
            [plain[0].clone().requires_grad_(), plain[1]],
            [plain.bfloat16()[0], plain.bfloat16()[1]],
            (torch.tensor([1.0], requires_grad=True), torch.tensor([2.0])),
        ):
            assert nonnegative("x", value).ravel().tolist() == [1.0, 2.0]

    def test_refused(self, torch):
        plain = torch.tensor([1.0, 2.0])
        with pytest.raises(TypeError, match=r"^x must .* got torch\.Tensor: .*meta tensor; no data"):
            nonnegative("x", plain.to("meta"))
        with pytest.raises(TypeError, match=r"^x must .* got torch\.Tensor: .*to_dense\(\)"):
            nonnegative("x", plain.to_sparse())
        with pytest.raises(TypeError, match="got an array of dtype complex64"):
            nonnegative("x", plain * 1j)

    def test_public_functions(self, torch):
        D = torch.tensor([0.1, 0.25], dtype=torch.float64, requires_grad=True)
        plain = [0.1, 0.25]
        assert ed.entropy_distortion("circle", D).tolist() == ed.entropy_distortion("circle", plain).tolist()
        assert ed.excess("circle", D, 9.0, lmbda=D).tolist() == ed.excess("circle", plain, 9.0, lmbda=plain).tolist()
        assert ed.excess("circle", D[0], 9.0) == ed.excess("circle", 0.1, 9.0)
        assert ed.lagrangian("circle", D + 4).value.tolist() == ed.lagrangian("circle", [4.1, 4.25]).value.tolist()
        assert ed.water_filling(D, 0.1) == ed.water_filling(plain, 0.1)
        t = torch.arange(64) / 64 * 2 * torch.pi
        loop = torch.stack([torch.cos(t), torch.sin(t)], dim=1).double().requires_grad_()
        array = loop.detach().numpy()
        assert ed.Source.from_samples(loop) == ed.Source.from_samples(array)
        assert ed.segment(loop, 4.0, closed=True).value == ed.segment(array, 4.0, closed=True).value
        assert ed.Source.from_waveform(loop[:, 0]) == ed.Source.from_waveform(array[:, 0])
        assert ed.Source.from_spectrum(D) == ed.Source.from_spectrum(plain)
        assert ed.rank_floor("circle", torch.tensor([0, 1])).tolist() == ed.rank_floor("circle", [0, 1]).tolist()
        index = torch.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
        error = torch.full((4,), 0.5, dtype=torch.bfloat16)
        assert ed.measure(index, error) == ed.measure([0, 1, 0, 1], [0.5] * 4)
        quantizer = ed.quantizer("circle", 0.25)
        assert quantizer.encode(loop).tolist() == quantizer.encode(array).tolist()
        assert quantizer.encode(D).tolist() == quantizer.encode(plain).tolist()
        assert quantizer.decode(index).tolist() == quantizer.decode([0, 1, 0, 1]).tolist()

    def test_measured_points(self, torch):
        pairs = torch.tensor([[0.25, 3.0], [0.125, 4.0]], requires_grad=True)
        want = tables.read([(0.25, 3.0), (0.125, 4.0)])
        for value in (pairs, pairs.bfloat16(), {"distortion": pairs[:, 0], "entropy": pairs[:, 1]}):
            got = tables.read(value)
            assert (got.distortion.tolist(), got.entropy.tolist()) == (want.distortion.tolist(), want.entropy.tolist())
        with pytest.raises(TypeError, match=r"^points must be a path, a table .* got torch\.Tensor: .*no data"):
            tables.read(pairs.to("meta"))

"""Compiled loops give the same bits as interpreted functions, to the ends of the range."""

import inspect
import math

import edcurve as ed
import numpy as np
import pytest
from bits import same_bits
from edcurve.kernels import circle, cubic, functions, general, loops, power, spectrum
from edcurve.optimum.envelopes import chords
from kernel_inputs import (
    ARGUMENTS,
    LONG,
    MODELS,
    SOURCES,
    compiled,
    distortions,
    entropies,
    interpreted,
    sizes,
    weights,
)
from new_process import python


def test_every_model_is_among_the_sources():
    used = {source.law.model for source in SOURCES.values()}
    assert used == {cubic, circle, power, spectrum}
    assert {SOURCES[name].law.model for name in MODELS} == used


def test_every_function_is_tested():
    parts = {"inside", "entropy_of"}  # of entropy
    public = {name for name, value in vars(functions).items() if inspect.isfunction(value) and name[0] != "_"}
    assert {function.__name__ for function in ARGUMENTS} == public - parts


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("function", ARGUMENTS, ids=lambda function: function.__name__)
def test_compiled_equals_interpreted_to_the_last_bit(function, source):
    # no tolerance: which of the two answers depends on the size of an array and on what was called before
    x = ARGUMENTS[function](source, 120)
    fast, slow = compiled(function, source, x), interpreted(function, source, x)
    assert not np.isnan(slow).any()
    different = fast.view(np.uint64) != slow.view(np.uint64)
    assert not different.any(), (x[different][:4].tolist(), fast[different][:4].tolist(), slow[different][:4].tolist())


@pytest.mark.parametrize("function", ARGUMENTS, ids=lambda function: function.__name__)
def test_a_long_sum_has_the_same_bits_too(function):
    x = ARGUMENTS[function](LONG, 4)[::16].copy()
    assert same_bits(compiled(function, LONG, x), interpreted(function, LONG, x))


def few_cells(source, size):
    """Return weights at which the optimum has fewer than 2⁵⁰ cells, for every source here."""
    x = weights(source, size)
    return x[x < 1e5]


PUBLIC = {
    "entropy_distortion": (ed.entropy_distortion, distortions),
    "upper_bound": (ed.upper_bound, distortions),
    "lower_bound": (ed.lower_bound, distortions),
    "convex_hull": (ed.convex_hull, distortions),
    "distortion_entropy": (ed.distortion_entropy, entropies),
    "cell_distortion": (lambda source, p: source.cell_distortion(p), sizes),
    "lagrangian": (lambda source, lmbda: ed.lagrangian(source, lmbda).value, few_cells),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("public", PUBLIC)
def test_an_array_is_its_stacked_scalars(public, name):
    call, arguments = PUBLIC[public]
    source = SOURCES["spectrum of 1" if name.startswith("spectrum") else name]
    x = arguments(source, 700)
    loops.compiled(functions.entropy, cubic)  # from then on compiled loops handle every array
    values = call(source, x)
    assert values.shape == x.shape
    chosen = np.random.default_rng(3).permutation(x.size)[:200]
    scalars = [call(source, value) for value in x[chosen].tolist()]
    assert all(type(value) is float for value in scalars)
    assert same_bits(values[chosen], scalars)


def test_few_points_have_the_bits_of_many(tmp_path):
    x = distortions(SOURCES["ramp"], 200)
    code = (
        "import sys, numpy as np, edcurve as ed\n"
        "x = np.load(sys.argv[1])\n"
        "np.save(sys.argv[2], np.concatenate([ed.entropy_distortion('ramp', part) for part in np.array_split(x, 9)]))\n"
        "assert 'numba' not in sys.modules\n"
    )
    np.save(tmp_path / "x.npy", x)
    python(code, tmp_path / "x.npy", tmp_path / "y.npy")
    loops.compiled(functions.entropy, cubic)
    assert same_bits(np.load(tmp_path / "y.npy"), ed.entropy_distortion("ramp", x))


def test_a_general_source_is_interpreted_point_by_point():
    source = ed.Source(lambda p: p * p / 6, max_distortion=1 / 6, closed=False, name="sawbridge by hand")
    assert source.law.model is general
    x = np.linspace(1e-4, 0.2, 5000)
    values = loops.evaluate(functions.entropy, source.law, (), x)
    assert same_bits(values, [loops.point(functions.entropy, source.law, (), D) for D in x.tolist()])
    # both round D_max to double, which matters if D_max − D is small: here 1e-4 of D_max
    np.testing.assert_allclose(values, ed.entropy_distortion("sawbridge", x) * math.log(2), rtol=1e-11)


@pytest.mark.parametrize("entropy", [5e-324, 1e-323, 1e-310])
def test_the_least_entropies_have_a_distortion(entropy):
    assert same_bits(ed.distortion_entropy("ramp", np.full(60_000, entropy)), np.full(60_000, 1 / 12))
    assert ed.distortion_entropy("ramp", entropy) == ed.Ramp().max_distortion


@pytest.mark.parametrize(
    ("name", "lmbda"),
    [
        ("ramp", 1e60),
        ("circle", 1e300),
        ("ramp", 1e300),
        ("power:2.0", 1e300),
        ("power:0.05", 1e35),
        ("power:0.05", 1.7e308),
    ],
)
def test_a_multiplier_of_too_many_cells_is_refused(name, lmbda):
    for multipliers in (np.full(60_000, lmbda), lmbda):
        with pytest.raises(ValueError, match=r"lmbda must be such that the optimum has at most 2\*\*50 cells"):
            ed.lagrangian(name, multipliers)


def test_the_circle_next_to_a_level():
    # D_468 rounded to double: E is ln 468 up to about 1e-15, and above the dual bound
    D = 1.5020492582846421e-05
    assert ed.entropy_distortion("circle", D, base=math.e) == pytest.approx(math.log(468), rel=1e-12)


def test_compiled_equals_interpreted_at_many_distortions_of_the_circle():
    x = np.random.default_rng(1).uniform(circle.HALF, 1.0, 20_000)
    assert same_bits(*(way(functions.entropy, SOURCES["circle"], x) for way in (compiled, interpreted)))


def test_one_value_of_a_long_sum_in_a_new_process():
    code = (
        "import numpy as np, edcurve as ed\n"
        "source = ed.Source.from_spectrum(1 / np.arange(1, 101) ** 2)\n"
        "print(source.cell_distortion(0.3), source.cell_distortion([0.3])[0])\n"
    )
    assert python(code).split() == [repr(LONG.cell_distortion(0.3))] * 2


def test_the_least_distortion_has_a_bound():
    D, source = 5e-324, ed.Source.from_spectrum([1.0, 0.2, 0.0, 0.05])
    arguments = functions.lower, source.law, chords(source)
    many = loops.evaluate(*arguments, np.full(20_000, D))
    # −ln p where Σ c_k π²k²p²/3 = D; D is the least double, and its neighbourhood rounds to it
    bend = sum(c * k * k for k, c in enumerate(source.energies.tolist(), 1))
    assert many[0] == pytest.approx(-0.5 * (math.log(3) + math.log(D) - math.log(bend * math.pi**2)), rel=1e-3)
    assert same_bits(many, np.full(20_000, loops.point(*arguments, D)))


def test_logarithms_have_the_bits_of_scalars(monkeypatch):
    x = np.concatenate([np.arange(1.0, 3000.0), 2.0 ** np.arange(51), np.random.default_rng(4).uniform(1, 2**50, 3000)])
    wanted = [math.log(value) for value in x.tolist()]
    for most in (10**9, 0):  # interpreted, unless something was compiled before; then compiled
        monkeypatch.setattr(loops, "INTERPRETED", most)
        assert same_bits(loops.logarithms(x), wanted)


WAVES = {
    "square": ed.Square(),
    "triangle": ed.Triangle(),
    "pulse": ed.Pulse(0.3),
    "sinusoid": ed.Sinusoid().scaled(0.3),
}


@pytest.mark.parametrize("source", WAVES.values(), ids=WAVES)
@pytest.mark.parametrize(
    "function", [functions.entropy, functions.lower, functions.distortion], ids=lambda f: f.__name__
)
def test_waves_and_a_scaled_sinusoid_have_the_same_bits(function, source):
    x = ARGUMENTS[function](source, 40)
    assert same_bits(compiled(function, source, x), interpreted(function, source, x))


def test_chunks_are_short_enough_for_an_interrupt(monkeypatch):
    """For any number of threads, and with the same bits."""
    x = np.geomspace(1e-6, 0.08, 1000)
    durations = []

    def run(given, out):
        durations.append(given.size)
        np.negative(given, out=out)

    monkeypatch.setattr(loops, "INTERRUPTIBLE", 900)
    assert np.array_equal(loops._in_chunks(run, (), x, 3), -x)
    assert (len(durations), max(durations), sum(durations)) == (4, 250, 1000)

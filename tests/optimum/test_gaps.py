"""How far a measured compressor is from the optimum, vertically and in H + λD."""

import math
import tracemalloc

import edcurve as ed
import numpy as np
import pytest
from edcurve.optimum import gaps, sanity
from edcurve.sources import resolve


@pytest.fixture(scope="module")
def halves():
    """(★) fails: E(D) is not known."""
    return ed.Source.from_spectrum(2.0 ** -np.arange(1, 51), name="halves")


# --- by hand --------------------------------------------------------------------------------------------------------


def test_vertical_gap_by_hand():
    """Four equal cells of the ramp are optimal at D = 7/192, with 2 bits; one cell at 1/12, with none."""
    assert ed.excess("ramp", np.nextafter(7 / 192, 1), 2.5) == pytest.approx(0.5, abs=1e-12)
    with pytest.warns(UserWarning, match="sending nothing does as well"):
        assert ed.excess("ramp", 1 / 12, 0.25) == 0.25
    assert ed.excess("ramp", 0.2, 0) == 0.0
    with pytest.warns(UserWarning, match=r"no code does this, it takes at least 1\.\d+ bits"):
        assert ed.excess("circle", 0.5, 1.0) == 1.0 - ed.entropy_distortion("circle", 0.5)


def test_gap_at_a_multiplier_by_hand():
    """At λ = 48 the least H + λD of the ramp is 3.75; at D = 1/12 it is all distortion."""
    assert ed.excess("ramp", 7 / 192, 2.0, lmbda=48) == pytest.approx(0, abs=1e-15)
    assert ed.excess("ramp", 0.05, 2.0, lmbda=48) == pytest.approx(2 + 48 * 0.05 - 3.75, rel=1e-14, abs=0)
    assert ed.excess("ramp", 0.05, 2.0, lmbda=12) == pytest.approx(2 + 12 * 0.05 - 1, rel=1e-14, abs=0)
    assert ed.excess("ramp", 0.05, 2.0, lmbda=0) == 2.0
    # two equal cells of the sawbridge: D = 1/12, a bit; from λ = 12 on they are better than one
    assert ed.excess("sawbridge", 1 / 12, 1.0, lmbda=12) == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("source", ["ramp", "circle", "sinusoid", "sawbridge", "uniform", "power:0.5"])
def test_optimal_compressors_have_no_gap(source):
    lmbda = np.array([0.1, 3.0, 50.0, 1e3, 1e5])
    best = ed.lagrangian(source, lmbda)
    assert ed.excess(source, best.distortion, best.entropy, lmbda=lmbda) == pytest.approx(np.zeros(5), abs=1e-13)
    largest = ed.lagrangian(source, 0).distortion
    D = largest * np.array([0.9, 0.3, 1e-3])
    quantizers = [ed.quantizer(source, x) for x in D]
    got = ed.excess(source, D, [quantizer.entropy for quantizer in quantizers])
    assert got == pytest.approx(np.zeros(3), abs=1e-13)
    # but off the hull, a point without a vertical gap has one in H + λD, for every λ
    assert (ed.excess(source, D[0], quantizers[0].entropy, lmbda=np.geomspace(1e-3, 1e5, 400) / largest) > 1e-3).all()


def test_negative_gaps_are_reported():
    """No compressor has one, but a measurement on few samples may."""
    with pytest.warns(UserWarning, match="no code does this"):
        assert ed.excess("ramp", np.nextafter(7 / 192, 1), 1.75) == pytest.approx(-0.25, abs=1e-12)
    with pytest.warns(UserWarning, match="no code does this"):
        assert ed.excess("ramp", 7 / 192, 1.75, lmbda=48) == pytest.approx(-0.25, abs=1e-12)
    with pytest.warns(UserWarning, match="D = 0 and H = 30 bits: no code does this, it takes infinite entropy"):
        assert ed.excess("ramp", 0.0, 30.0) == -math.inf
    with pytest.warns(UserWarning, match="D = 0 and H = 3 bits: no code does this, it takes infinite entropy"):
        assert ed.excess("ramp", 0.0, 3.0, lmbda=48) == -0.75


# --- doubts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keywords", [{}, {"lmbda": 4.0}, {"lmbda": 400.0}, {"lmbda": [4.0]}], ids=repr)
def test_a_point_that_no_code_reaches_is_doubted_once(keywords):
    """E(0.1) of the circle is 2.54 bits; at λ = 400 the excess of H + λD is positive all the same."""
    with pytest.warns(UserWarning, match="no code does this") as warned:
        ed.excess("circle", 0.1, 0.003, **keywords)
    assert [str(warning.message) for warning in warned] == [
        f"D = 0.1 and H = 0.003 bits: no code does this, it takes at least {ed.entropy_distortion('circle', 0.1):.4g} "
        "bits. Is the entropy in bits (base)? Is the distortion a sum over coordinates, or for a function the mean "
        "over t? Is circle the right source? Are there enough samples?"
    ]
    assert warned[0].filename == __file__


def test_swapped_arguments_are_doubted():
    with pytest.warns(UserWarning, match=r"D = 2\.4 and H = 0\.2 bits: sending nothing does as well, with D_max = 1\."):
        assert ed.excess("circle", 2.4, 0.2) == 0.2
    with pytest.warns(UserWarning, match="in nats"):
        ed.excess("circle", 0.1, 1.0, base=math.e)


def test_a_forgotten_peak_is_named():
    """A circle in pixel units up to 255, with D from PSNR with peak 1; and a unit circle with errors in pixels."""
    pixels = ed.Circle().scaled(255.0)
    D = ed.units.Units(2).distortion(psnr=[10.0, 20.0])
    H = ed.entropy_distortion("circle", D) + 0.1
    remedy = r"D times 255² would be possible: .* from 0 to 255, give --peak 255 \(edcurve\.units\.Units has peak=255\)"
    with pytest.warns(UserWarning, match=remedy):
        ed.excess(pixels, D, H)
    assert ed.excess(pixels, ed.units.Units(2, peak=255).distortion(psnr=[10.0, 20.0]), H) == pytest.approx(0.1)
    remedy = r"D divided by 255² would be possible: .* give --mse-peak 255 \(edcurve\.units\.Units has mse_peak=255\)"
    with pytest.warns(UserWarning, match=remedy):
        ed.excess("circle", 255**2 * D, H)
    for D, H in ((0.1, 0.003), (2.4, 0.2)):  # if the peak does not explain the point, it is not named
        with pytest.warns(UserWarning, match="D = ") as warned:
            ed.excess("circle", D, H)
        assert "255" not in str(warned[0].message)


def test_arrays_are_doubted_together():
    with pytest.warns(UserWarning, match=r"4 of 6 points, the first with D = 0\.1 and H = 1 bits") as warned:
        ed.excess("circle", np.array([0.1, 0.5]), np.array([[1.0], [0.1], [9.0]]))
    assert len(warned) == 1
    with pytest.warns(UserWarning, match=r"^D = 0\.1 and H = 1 bits"):  # one point at two λ
        ed.excess("circle", 0.1, 1.0, lmbda=[4.0, 8.0])


def test_possible_points_are_not_doubted():
    """Warnings are errors here: D and H in three digits, and noise of few samples."""
    for source in ("circle", "ramp", "sawbridge", "pulse:0.5"):
        for D in (np.geomspace(1e-5, 1.0, 20) * resolve(source).max_distortion).tolist():
            H = ed.entropy_distortion(source, D)
            for keywords in ({}, {"lmbda": 4.0}):
                ed.excess(source, D, H, **keywords)
                ed.excess(source, float(f"{D * 0.995:.3g}"), float(f"{H * 0.999:.3g}"), **keywords)
    ed.excess("circle", 1.01, 0.005)
    ed.excess("circle", 3.0, 0.0)


@pytest.mark.parametrize("samples", [2, 3, 8, 100])
def test_samples_of_the_ramp_are_nearer_by_one_step_at_most(samples):
    """‖x − y‖² ≥ δ(u) − 1/T, which implies the points that are doubted for ramp:T."""
    phases = np.random.default_rng(samples).random((2, 20_000))
    x, y = ((np.arange(samples) / samples + v[:, None]) % 1 for v in phases)
    u = (phases[0] - phases[1]) % 1
    nearer = samples * (u * (1 - u) - ((x - y) ** 2).mean(axis=1))
    assert 0.5 * (1 - 2 / samples) <= nearer.max() <= 1


@pytest.mark.parametrize("size", [1.0, 3.0])
def test_points_impossible_for_the_ramp_are_doubted_for_the_sampled_ramp(size):
    source = ed.Ramp(samples=1024).scaled(size)
    D, lmbda = 0.01 * size**2, 48.0 / size**2
    least = ed.entropy_distortion("ramp", 0.01 + 1 / 2048)
    with pytest.warns(UserWarning, match=f"no code does this, it takes at least {least:.4g} bits"):
        ed.excess(source, D, least - 0.3, lmbda=lmbda)
    ed.excess(source, D, least + 0.01, lmbda=lmbda)


@pytest.mark.parametrize("samples", [4, 64, 1024])
def test_points_of_the_sampled_ramp_are_not_doubted(samples):
    lmbda = np.geomspace(1.0, 1e5, 12)
    best = ed.lagrangian(f"ramp:{samples}", lmbda)
    assert ed.excess(f"ramp:{samples}", best.distortion, best.entropy, lmbda=lmbda) == pytest.approx(
        np.zeros(12), abs=1e-9
    )


def test_base():
    D, H, lmbda = 0.01, 5.0, 30.0
    for base in (2, 10, math.e):
        unit = math.log(base)
        assert ed.excess("ramp", D, H, base=base) == pytest.approx(
            (H * unit - ed.entropy_distortion("ramp", D, base=math.e)) / unit, rel=1e-14, abs=0
        )
        nats = ed.excess("ramp", D, H * unit, lmbda=lmbda * unit, base=math.e)
        assert ed.excess("ramp", D, H, lmbda=lmbda, base=base) == pytest.approx(nats / unit, rel=1e-13, abs=0)


# --- shapes ---------------------------------------------------------------------------------------------------------


def test_broadcasting():
    D, H, lmbda = np.array([0.01, 0.02]), np.array([[4.0], [5.0], [6.0]]), np.array([10.0, 1e3]).reshape(2, 1, 1)
    got = ed.excess("ramp", D, H)
    assert got.tolist() == [[ed.excess("ramp", d, h) for d in D] for h in H.ravel()]
    got = ed.excess("ramp", D, H, lmbda=lmbda)
    assert got.shape == (2, 3, 2)
    assert got[1, 2, 0] == ed.excess("ramp", 0.01, 6.0, lmbda=1e3)
    assert ed.excess("ramp", 0.01, 5.0, lmbda=[1.0, 2.0]).shape == (2,)
    assert ed.excess("ramp", [], 5.0).shape == (0,)
    assert ed.excess("ramp", np.zeros((0, 3)), 5.0, lmbda=[1.0, 2.0, 3.0]).shape == (0, 3)
    with pytest.raises(ValueError, match="broadcast"):
        ed.excess("ramp", [0.1, 0.2], [1.0, 2.0, 3.0])


@pytest.mark.parametrize("number", [float, int, np.float32, np.int64, np.array], ids=lambda f: f.__name__)
def test_numbers_give_a_number(number):
    for extra in ({}, {"lmbda": number(4)}):
        with pytest.warns(UserWarning, match="D = 0 and H = 5 bits"):
            got = ed.excess("circle", number(0), number(5), **extra)
        assert type(got) is float
    with pytest.warns(UserWarning, match="D = 1 and H = 5 bits"):
        assert ed.excess("circle", number(1), number(5)) == 5.0


# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lmbda", [None, 4.0])
@pytest.mark.parametrize(
    ("D", "H", "error", "message"),
    [
        (-1e-9, 1.0, ValueError, "distortion must be at least 0 and finite, got -1e-09"),
        (math.nan, 1.0, ValueError, "distortion must be at least 0 and finite, got nan"),
        ([0.1, math.inf], 1.0, ValueError, "distortion must be at least 0 and finite, got inf at index 1"),
        (0.1, -1.0, ValueError, r"entropy must be at least 0 and finite, got -1\.0"),
        (0.1, math.inf, ValueError, "entropy must be at least 0 and finite, got inf"),
        (0.1, math.nan, ValueError, "entropy must be at least 0 and finite, got nan"),
        ("0.1", 1.0, TypeError, "distortion must be a real number"),
        (0.1, None, TypeError, "entropy must be a real number"),
    ],
)
def test_invalid_measurements(D, H, lmbda, error, message):
    with pytest.raises(error, match=message):
        ed.excess("ramp", D, H, lmbda=lmbda)


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"lmbda": -1}, ValueError, "lmbda must be at least 0 and finite, got -1"),
        ({"lmbda": math.nan}, ValueError, "lmbda must be at least 0 and finite, got nan"),
        ({"lmbda": "4"}, TypeError, "lmbda must be a real number"),
        ({"base": 1}, ValueError, "base must be a finite number above 1"),
        ({"base": "2"}, TypeError, "base must be a number above 1"),
        ({"base": 1, "lmbda": 4}, ValueError, "base must be a finite number above 1"),
    ],
)
def test_bad_keywords(keywords, error, message):
    with pytest.raises(error, match=message):
        ed.excess("ramp", 0.1, 1.0, **keywords)


def test_unknown_sources():
    with pytest.raises(ValueError, match="source must be a Source or one of ramp"):
        ed.excess("cube", 0.1, 1.0)
    with pytest.raises(TypeError, match="source must be a Source or a name"):
        ed.excess(None, 0.1, 1.0, lmbda=3.0)


# --- where E(D) is not known ----------------------------------------------------------------------------------------


def test_only_the_gap_at_a_multiplier_is_known_without_the_condition(halves):
    with pytest.raises(ValueError, match=r"'halves' .*; upper_bound returns the best"):
        ed.excess(halves, 0.5, 3.0)
    # equal cells are best at every λ
    K = np.arange(1.0, 100)
    best = (np.log2(K) + 5.0 * K * halves.cell_distortion(1 / K)).min()
    assert ed.excess(halves, 0.5, 3.0, lmbda=5.0) == pytest.approx(3 + 2.5 - best, rel=1e-12, abs=0)
    large = np.array([0.744, 0.128, 0.128])
    own, entropy = halves.cell_distortion(large).sum(), -(large * np.log2(large)).sum()
    assert (ed.excess(halves, own, entropy, lmbda=[1.0, 3.0, 9.0]) > 0.1).all()


def test_incompatible_shapes_are_named():
    with pytest.raises(ValueError, match=r"distortion of shape \(2,\), entropy of shape \(3,\)"):
        ed.excess("ramp", [0.01, 0.02], [5.0, 6.0, 7.0])


def measured(n=400):
    phase = np.random.default_rng(5).random(n)
    index = np.floor(4 * phase)
    return ed.measure(index, (phase - (index + 0.5) / 4) ** 2)


def test_excess_of_a_measurement_is_an_interval():
    """It spans the excess at both lower and both upper ends, and contains the quantizer's own, 0."""
    measurement = measured()
    for lmbda in (None, 50.0):
        excess = ed.excess("uniform", measurement, lmbda=lmbda)
        assert excess.value == ed.excess("uniform", measurement.distortion, measurement.entropy, lmbda=lmbda)
        ends = zip(measurement.distortion_interval, measurement.entropy_interval, strict=True)
        assert (excess.low, excess.high) == tuple(
            gaps.excess_unchecked("uniform", D, H, lmbda=lmbda)[-1] for D, H in ends
        )
        assert excess.low <= excess.value <= excess.high
    assert excess.low < ed.excess("uniform", 1 / 192, 2.0, lmbda=50.0) < excess.high


def test_excess_of_a_single_sample_is_unbounded():
    with pytest.warns(UserWarning, match="take more samples"):
        alone = ed.measure([0], [0.1])
    assert ed.excess("uniform", alone) == (0.0, -math.inf, math.inf)


def test_excess_of_measurements_takes_no_other_entropy():
    for call in (lambda: ed.excess("uniform", measured(), 2.0), lambda: ed.excess("uniform", 0.01)):
        with pytest.raises(TypeError, match="entropy must be"):
            call()


def test_doubts_about_many_points(monkeypatch):
    """They are checked in blocks: messages are the same, and little memory is used for each point."""
    rng = np.random.default_rng(0)
    D, H = rng.uniform(0.2, 1.2, 50), rng.uniform(1.0, 2.0, 50)
    circle = ed.Circle()
    for distortion, entropy in ((D, H), (D * 1e-6, H + 2.0), (D + 2.0, H)):
        whole = sanity.doubts(circle, distortion, entropy)
        with monkeypatch.context() as patched:
            patched.setattr(sanity, "PART", 3)
            assert sanity.doubts(circle, distortion, entropy) == whole != ()
    D = np.full(2**20, 0.5)
    sanity.doubts(circle, D, D)  # warm-up: loads what is loaded once
    tracemalloc.start()
    try:
        assert sanity.doubts(circle, D, D)[0].startswith(f"{D.size} of {D.size} points")
        assert tracemalloc.get_traced_memory()[1] < 16 * D.size
    finally:
        tracemalloc.stop()

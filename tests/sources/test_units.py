"""E(D) of aX is E(D/a²), and likewise all results, for any source, function and a, within the range of squares."""

import math
import re
from functools import cache

import edcurve as ed
import numpy as np
import pytest
from edcurve import relaxation, search
from edcurve.segmentation import closed_with_gap
from hypothesis import example, given, settings
from hypothesis import strategies as st

universal = settings(deadline=None, derandomize=True, max_examples=20)
exponents = st.floats(-139.0, 139.0)
EXTREMES = [1e-139, -3e-20, 7e40, 1e139]
T = np.arange(64) / 64
LOOP = np.stack([wave(2 * np.pi * k * T) / k**2 for k in (1, 2, 3) for wave in (np.cos, np.sin)], axis=1)
BUMP = np.exp(-20 * (T - 0.5) ** 2)

MAKERS = {
    "loop": lambda a: ed.Source.from_samples(a * LOOP),
    "not quite a loop": lambda a: ed.Source.from_samples(a * LOOP * [1, 0.99, 1, 1, 1, 1]),
    "curve": lambda a: ed.Source.from_samples(a * LOOP[:20, :2], closed=False),
    "waveform": lambda a: ed.Source.from_waveform(a * BUMP),
    "function": lambda a: ed.Source.from_waveform(lambda t: a * np.exp(-20 * (t - 0.5) ** 2), harmonics=64),
    "sum": lambda a: ed.Source.from_spectrum(np.multiply([1, 0.05], a * a)),
    "table": lambda a: ed.Source.from_spectrum(a * a / np.arange(1, 41) ** 2.5),
    "given": lambda a: ed.Source(lambda p: a * a * p**2 * (2 - p) / 12, max_distortion=a * a / 12, closed=True),
    "rescaled": lambda a: ed.Source.from_spectrum([1, 0.05]).scaled(a),
    "power": lambda a: ed.PowerLaw(1.5).scaled(a),
    "edge": lambda a: ed.Edge(15).scaled(a),
    **{
        made.__name__: lambda a, made=made: made().scaled(a)
        for made in (ed.Ramp, ed.Circle, ed.Sinusoid, ed.Sawbridge, ed.UniformScalar, ed.Square, ed.Triangle)
    },
}
OF_DISTORTION = (ed.entropy_distortion, ed.upper_bound, ed.lower_bound, ed.convex_hull)
# the hull of these is computed by a search
UNEVEN = {"violates (★)": 2.0 ** -np.arange(8), "δ falls": [0.05, 1.0]}


@cache
def plain(name):
    return MAKERS[name](1.0)


def close(rel=1e-9):
    return lambda expected: pytest.approx(expected, rel=rel, abs=rel)


# ---- sources


@universal
@given(st.sampled_from([*MAKERS]), exponents, st.floats(1e-12, 1.0), st.floats(-2.0, 9.0))
@example("Ramp", -139.0, 0.3, 3.0)
@example("Ramp", 139.0, 0.3, 3.0)
@example("rescaled", -145.0, 0.7, 1.0)
@example("UniformScalar", 145.0, 1e-12, 9.0)
def test_distortions_scale_with_the_square(name, exponent, share, log_lmbda):
    original, a = plain(name), 10.0**exponent
    scaled = MAKERS[name](a)
    most = scaled.max_distortion / a**2 if abs(exponent) < 150 else original.max_distortion
    assert most == pytest.approx(original.max_distortion, rel=1e-12)
    assert (scaled.status, scaled.closed) == (original.status, original.closed)
    assert scaled.defect == pytest.approx(original.defect, rel=1e-9, abs=1e-12)
    assert scaled.truncation / a**2 == pytest.approx(original.truncation, rel=1e-9, abs=1e-14)
    D = np.array([share, math.sqrt(share)])
    for function in OF_DISTORTION:
        expected = function(original, D * original.max_distortion)
        assert function(scaled, D * scaled.max_distortion) == close()(expected)
        assert function(scaled, share * scaled.max_distortion) == close()(expected[0])
    inverse = ed.distortion_entropy(original, [0.5, 5.0]) / original.max_distortion
    assert ed.distortion_entropy(scaled, [0.5, 5.0]) / scaled.max_distortion == pytest.approx(inverse, rel=1e-9)
    lmbda = 10.0**log_lmbda
    for values in (lmbda, [0.0, lmbda]):
        expected = ed.lagrangian(original, np.divide(values, original.max_distortion))
        optimum = ed.lagrangian(scaled, np.divide(values, scaled.max_distortion))
        assert optimum.value == close()(expected.value)
        assert optimum.entropy + optimum.lmbda * optimum.distortion == close()(expected.value)


@universal
@given(st.sampled_from([*MAKERS]), exponents, st.floats(0.02, 0.99))
def test_codes_are_the_same(name, exponent, share):
    """Their cells, as far as D depends on them, and the cells' centroids, which encode to themselves."""
    original, scaled, a = plain(name), MAKERS[name](10.0**exponent), 10.0**exponent
    q = ed.quantizer(scaled, share * scaled.max_distortion)
    assert q.entropy == close()(ed.quantizer(original, share * original.max_distortion).entropy)
    assert q.distortion == pytest.approx(share * scaled.max_distortion, rel=1e-9)
    p = ed.partition(scaled, share * scaled.max_distortion)
    assert (p.count, p.size) == (q.partition.count, q.partition.size)
    if name not in ("given", "power"):
        cells = np.arange(q.partition.count)
        assert (q.encode(q.decode(cells[:, None])[:, 0]) == cells).all() or name == "UniformScalar"
        start, size = p.intervals(cells)
        assert scaled.centroid(start, size) / a == pytest.approx(original.centroid(start, size), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("a", [1e-139, 1.7, 1e139])
def test_the_odd_cell_to_where_the_distortion_feels_it(a):
    """At equal cells D is stationary in ε: at D_{K+1}(1 + r) a rounding error u of D moves ε by about u/(K√r)."""
    original, scaled = plain("curve"), MAKERS["curve"](a)
    for count in (2, 5, 20):
        for r in (1e-15, 1e-12, 1e-9, 1e-6):
            share = count * original.cell_distortion(1 / count) * (1 + r) / original.max_distortion
            odd = [ed.partition(source, share * source.max_distortion).odd for source in (original, scaled)]
            assert odd[1] == pytest.approx(odd[0], rel=0, abs=5e-15 / (count * math.sqrt(r)))


@pytest.mark.parametrize(
    ("name", "a"),
    [
        *((name, a) for name in ("loop", "table", "given", "Ramp", "Circle", "Sawbridge") for a in (1e-139, 1e139)),
    ],
)
def test_linear_bounds(name, a):
    original, scaled = plain(name), MAKERS[name](a)
    D = np.array([0.2, 0.5, 0.9])
    expected = ed.gaussian_bound(original, D * original.max_distortion)
    assert ed.gaussian_bound(scaled, D * scaled.max_distortion) == close()(expected)
    floor = ed.rank_floor(original, [0, 1, 2]) / original.max_distortion
    assert ed.rank_floor(scaled, [0, 1, 2]) / scaled.max_distortion == close()(floor)


@pytest.mark.parametrize(
    ("name", "a"),
    [
        *(("rescaled", a) for a in EXTREMES),
        *((name, a) for name in ("loop", "Circle") for a in (1e-139, 1e139)),
        ("given", 1e-139),
        ("Square", -3e-20),
        ("UniformScalar", 1e-139),
    ],
)
def test_shannon(name, a):
    original, scaled, D = plain(name), MAKERS[name](a), np.array([0.2, 0.7, 0.97])
    expected = ed.rate_distortion_bounds(original, D * original.max_distortion)
    bounds = ed.rate_distortion_bounds(scaled, D * scaled.max_distortion)
    assert bounds.lower == close()(expected.lower)
    assert bounds.upper == close()(expected.upper)
    if name not in {"Circle", "UniformScalar"}:  # sources with R(D) at any D
        with pytest.raises(ValueError, match=r"distortion must be 0 or at least .* of D_max"):
            ed.rate_distortion(scaled, 1e-15 * scaled.max_distortion)


@pytest.mark.parametrize(("name", "a"), [("violates (★)", 1e-139), ("δ falls", 1e139)])
def test_sources_whose_partitions_are_searched_for(name, a):
    original, scaled = (ed.Source.from_spectrum(np.multiply(UNEVEN[name], unit**2)) for unit in (1.0, a))
    assert original.status == scaled.status == "upper bound"
    D, size = 0.8 * original.max_distortion, scaled.max_distortion / original.max_distortion
    assert ed.upper_bound(scaled, D * size) == close(1e-8)(ed.upper_bound(original, D))
    assert ed.lagrangian(scaled, 3.0 / size).value == close(1e-8)(ed.lagrangian(original, 3.0).value)
    result, same = ed.quantizer(scaled, D * size), ed.quantizer(original, D)
    assert result.entropy == close(1e-8)(same.entropy)
    assert result.distortion / size == close(1e-8)(same.distortion)


def test_hull_of_sources_whose_partitions_are_searched_for():
    """Exactly, for a power of 2, because the search is done once."""
    original, scaled = (ed.Source.from_spectrum(np.multiply(UNEVEN["δ falls"], unit**2)) for unit in (1.0, 2.0**464))
    D = np.array([0.2, 0.8]) * original.max_distortion
    assert ed.convex_hull(scaled, D * 2.0**928).tolist() == ed.convex_hull(original, D).tolist()


@pytest.mark.parametrize("a", EXTREMES)
def test_sampled_ramp(a):
    original = ed.Ramp(samples=64)
    scaled, lmbda = original.scaled(a), np.array([0.0, 3.0, 100.0, 1e5])
    expected, optimum = ed.lagrangian(original, lmbda), ed.lagrangian(scaled, lmbda / a / a)
    assert optimum.value == close()(expected.value)
    assert optimum.cells.tolist() == expected.cells.tolist()
    q, same = ed.quantizer(scaled, 0.003 * a * a), ed.quantizer(original, 0.003)
    assert q.entropy == close()(same.entropy)
    assert q.centroids / a == close()(same.centroids)
    assert q.encode(q.centroids).tolist() == list(range(q.cells))


@pytest.mark.parametrize("name", ["Circle", "Ramp", "table", "given", "δ falls"])
def test_distortions_too_far_below_the_variance(name):
    """D/D_max would underflow, or have few digits."""
    spectra = {"δ falls": lambda a: ed.Source.from_spectrum(np.multiply(UNEVEN["δ falls"], a * a))}
    source = (MAKERS | spectra)[name](1e145)
    message = r"^distortion must be 0 or at least \d.*e-\d+, 2.2e-308 of about D_max, got"
    for function in [ed.upper_bound, ed.convex_hull] if name in UNEVEN else [*OF_DISTORTION, ed.partition]:
        for D in (1e-30, 5e-324, [1e280, 1e-30]):
            with pytest.raises(ValueError, match=message):
                function(source, D)
    assert ed.convex_hull(source, [0.0, 1e299]).tolist() == [math.inf, 0.0]


@pytest.mark.parametrize("name", ["Ramp", "given", "table"])
def test_multipliers_out_of_range(name):
    """The message has the given λ."""
    scaled = MAKERS[name](1e100)
    with pytest.raises(ValueError, match=r"at most 2\*\*50 cells, got 1e-50"):
        ed.lagrangian(scaled, 1e-50)
    with pytest.raises(ValueError, match=r"at most 2\*\*50 cells, got 6.93147e-51 nats"):
        ed.lagrangian(scaled, [0.0, 1e-50])
    assert ed.lagrangian(MAKERS[name](1e-100), 1e100).cells == 1


# ---- data


@universal
@given(st.integers(0, 2**32 - 1), st.floats(-130.0, 130.0), st.booleans(), st.floats(-1.0, 3.0))
def test_segment(seed, exponent, closed, log_lmbda):
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(rng.integers(3, 40), 2)).cumsum(axis=0), None
    x /= np.ptp(x)
    a, lmbda = 10.0**exponent, np.array([1.0, 4.0]) * 10.0**log_lmbda
    result, expected = ed.segment(a * x, lmbda / a / a, weights=w, closed=closed), ed.segment(x, lmbda, closed=closed)
    assert result.value == close()(expected.value)
    assert result.entropy + result.lmbda * result.distortion == close()(expected.value)
    assert result.gap == close()(expected.gap)


@pytest.mark.parametrize("a", [1e-139, 1e139])
def test_certified_gap_of_segment(a, monkeypatch):
    monkeypatch.setattr(closed_with_gap, "WORK", 0)
    monkeypatch.setattr(closed_with_gap, "FEWEST", 4)
    t = np.arange(2100) / 2100
    x = np.stack([np.cos(2 * np.pi * t), np.sin(2 * np.pi * t) + 0.2 * np.sin(34 * np.pi * t)], axis=1)
    result, expected = ed.segment(a * x, 6.0 / a / a, closed=True), ed.segment(x, 6.0, closed=True)
    assert expected.gap > 1e-6
    assert result.value == close()(expected.value)
    assert result.gap == close()(expected.gap)


@universal
@given(st.lists(st.floats(1e-9, 1.0), min_size=2, max_size=30), st.floats(-300.0, 298.0))
def test_measure(errors, exponent):
    unit = 10.0**exponent
    index, expected = np.arange(len(errors)) % 1, ed.measure(np.zeros(len(errors), int), errors)
    measurement = ed.measure(index, np.multiply(errors, unit))
    assert measurement.distortion / unit == pytest.approx(expected.distortion, rel=1e-9)
    assert np.divide(measurement.distortion_interval, unit) == close()(expected.distortion_interval)


# ---- other ways to the same


@pytest.mark.parametrize("a", EXTREMES)
def test_search(a):
    def d(p):
        return p**2 * (2 - p) / 12

    def scaled(p):
        return a * a * d(p)

    minimum, expected = (search.minimise_entropy(f, s * 0.031, starts=4) for f, s in ((scaled, a * a), (d, 1.0)))
    assert minimum.entropy == close()(expected.entropy)
    assert minimum.lmbda * a * a == close(1e-6)(expected.lmbda)
    assert minimum.distortion <= 0.031 * a * a * (1 + 3e-15)
    least, same = (search.minimise_lagrangian(f, 60.0 / s, starts=4) for f, s in ((scaled, a * a), (d, 1.0)))
    assert least.value == close()(same.value)
    assert least.lmbda == 60.0 / (a * a)


@pytest.mark.parametrize("a", [1e-139, 1e139])
def test_relaxation(a):
    original, scaled = plain("sum"), MAKERS["sum"](a)
    D = 0.3 * original.max_distortion
    for function in (relaxation.measure_lp, relaxation.convex_concave):
        actual, expected = function(scaled, D * a * a), function(original, D)
        name = "value" if function is relaxation.measure_lp else "entropy"
        assert getattr(actual, name) == close(1e-8)(getattr(expected, name))
    actual, expected = (relaxation.integer_program(s, D * u, grid=12) for s, u in ((scaled, a * a), (original, 1.0)))
    assert (actual.entropy, actual.lower) == close(1e-8)((expected.entropy, expected.lower))
    assert actual.distortion / a / a == close()(expected.distortion)
    values = relaxation.sweep(scaled, [3.0 / a / a, 30.0 / a / a]).value
    assert values == close()(relaxation.sweep(original, [3.0, 30.0]).value)
    with pytest.raises(ValueError, match=r"grid must be at least \d+ to reach"):
        relaxation.integer_program(scaled, 1e-6 * D * a * a, grid=4)


@pytest.mark.parametrize("a", EXTREMES)
@pytest.mark.parametrize("name", ["sum", "Ramp", "UniformScalar", "Circle"])
def test_certificates(name, a):
    original, scaled = plain(name), MAKERS[name](a)
    D = 0.1 * scaled.max_distortion
    certificate, expected = ed.certify(scaled, D), ed.certify(original, 0.1 * original.max_distortion)
    assert (certificate.lower, certificate.upper) == close()((expected.lower, expected.upper))
    assert certificate.lower <= ed.entropy_distortion(scaled, D) * (1 + 1e-12)
    assert ed.entropy_distortion(scaled, D) <= certificate.upper * (1 + 1e-12)


@pytest.mark.parametrize("a", [1e-139, 1e139])
def test_curves_and_plots(a):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    limits = []
    for source in (plain("sum"), MAKERS["sum"](a)):
        figure, most = Figure(), source.max_distortion
        curve = ed.curve(source, num=9, shannon=True, gaussian=True, width=2)
        left, right = figure.subplots(1, 2)
        curve.plot(left)
        ed.plot_gap(source, [(0.1 * most, 4.0), (0.01 * most, 7.0)], ax=right)
        FigureCanvasAgg(figure).draw()
        assert np.isfinite(curve.shannon).all()
        across = np.divide([left.get_xlim(), right.get_xlim()], most)
        limits.append(np.concatenate([across, [left.get_ylim(), right.get_ylim()]]))
        assert ed.excess(source, 0.1 * most, 4.0, lmbda=20 / most) == close()(
            ed.excess(plain("sum"), 0.105, 4.0, lmbda=20 / 1.05)
        )
    assert limits[1] == close()(limits[0])


# ---- what is refused


@pytest.mark.parametrize("spread", [5e-324, 1e-200, 1e-162, 9.9e-141])
def test_points_too_close(spread):
    message = rf"must vary by at least 1e-140, got {spread:.6g}"
    for closed in (True, False):
        with pytest.raises(ValueError, match=f"^x {message}$"):
            ed.Source.from_samples(spread * np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]), closed=closed)
        with pytest.raises(ValueError, match=f"^points must be all the same or {message.removeprefix('must ')}$"):
            ed.segment(spread * np.array([0.0, 1.0, 0.0]), 1.0, closed=closed)
    for g in (spread * np.array([0.0, 1.0, 1.0, 0.0]), lambda t: np.where(t < 0.5, spread, 0.0)):
        with pytest.raises(ValueError, match=f"^g {message}$"):
            ed.Source.from_waveform(g)


def test_points_near_the_least_spread():
    x = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    assert ed.Source.from_samples(0.5e-140 * x).max_distortion == pytest.approx(0.25e-280)
    assert ed.Source.from_waveform(1e-140 * np.eye(4)[0]).max_distortion > 0
    assert ed.segment(np.full(5, 1e-300), 1.0).cells == 1
    assert ed.segment([0.0, 1e-140], 1e281).cells == 2


@pytest.mark.parametrize("most", [1e-303, 5e-324, 1e303, 1.7e308])
def test_variances_out_of_range(most):
    with pytest.raises(ValueError, match=r"^c must have a sum from 1e-302 to 1e\+302, got "):
        ed.Source.from_spectrum([most])
    with pytest.raises(ValueError, match=r"^max_distortion must be from 1e-302 to 1e\+302, got "):
        ed.Source(lambda p: most * p**2, max_distortion=most, closed=False)


@pytest.mark.parametrize("name", ["loop", "curve", "given", "Ramp", "table"])
def test_factors_that_leave_the_range(name):
    for first, second in ((1e-100, 1e-52), (1e100, 1e52)):
        source = MAKERS[name](first)
        with pytest.raises(
            ValueError,
            match=rf"^a must leave D_max from 1e-302 to 1e\+302, got {re.escape(repr(second))}, which makes",
        ):
            source.scaled(second)
        back = source.scaled(1 / first)
        assert ed.entropy_distortion(back, 0.1 * back.max_distortion) == close()(
            ed.entropy_distortion(plain(name), 0.1 * plain(name).max_distortion)
        )


class Tagged(ed.Source):
    """A user's source: equal by its tag, without a hash if asked, and scaled in decibels."""

    def __init__(self, gain, tag="a"):
        self.gain, self.tag = gain, tag
        super().__init__(max_distortion=gain / 12, closed=True, name="tagged")

    def cell_distortion(self, p):
        return self.gain * np.square(p) * (2 - np.asarray(p)) / 12

    def scaled(self, decibels):
        return Tagged(self.gain * 10 ** (decibels / 10))

    def __eq__(self, other):
        return isinstance(other, Tagged) and self.tag == other.tag

    __hash__ = None


@pytest.mark.parametrize("gain", [1.0, 5e4, 6e4, 1e-9])
def test_sources_with_user_defined_equality_and_scaling(gain):
    source = Tagged(gain)
    for _ in range(2):
        assert ed.entropy_distortion(source, 0.01 * gain) == pytest.approx(
            ed.entropy_distortion("ramp", 0.01), rel=1e-9
        )
        assert ed.lower_bound(source, 0.01 * gain) == pytest.approx(ed.lower_bound("ramp", 0.01), rel=1e-9)


def test_a_multiple_of_a_source_already_in_use():
    large = ed.Circle().scaled(255.0)
    for source, by in ((large, 255.0), (large.scaled(1 / 255), 1.0), (large.scaled(3.0), 765.0)):
        assert ed.entropy_distortion(source, 0.01 * by**2) == pytest.approx(ed.entropy_distortion("circle", 0.01))

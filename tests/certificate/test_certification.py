"""Certificates: they contain the 50-digit values, are narrow, and refuse what is wrong."""

import json
import math
import subprocess
import sys
from fractions import Fraction

import edcurve as ed
import numpy as np
import oracle
import pytest
from edcurve import codes
from edcurve.certificate import certify, means_of_cells, orders, surfaces, tiles, verify_condition
from edcurve.certificate.models import BallSpectrum
from edcurve.certificate.monotone import is_monotone
from edcurve.codes import lattices, lloyd
from edcurve.codes.code import SphereCells, TorusCells
from edcurve.sources import resolve
from flint import arb, ctx
from mpmath import mp, mpf

SOURCES = ("ramp", "circle", "sinusoid", "sawbridge", "uniform", "power:0.3", "power:1.5")
HALVES = [2.0**-k for k in range(1, 31)]  # violates (★)
TENTHS = [0.1**k for k in range(5)]  # meets it
NATS = math.e


def oracle_value(source, D, base=NATS):
    with mp.workdps(60):
        return oracle.entropy(source, D) / mp.log(mpf(base))


def distortions(source, count, seed):
    rng = np.random.default_rng(seed)
    ratios = np.concatenate(
        [
            10 ** rng.uniform(-21, -3, count // 2),
            rng.uniform(1e-3, 1, count // 2 - count // 8),
            1 - 10 ** rng.uniform(-7, -1, count // 8),
        ]
    )
    return (float(oracle.max_distortion(source)) * ratios).tolist()


def seed_of(text):
    return sum(map(ord, text))


def assert_tight(certificate, value):
    """The value is inside; the width is a few units in the last place, even where E is tiny."""
    assert certificate.contains(value)
    assert certificate.upper - certificate.lower <= 1e-15 * certificate.upper
    assert not certificate.contains(value - mpf("1e-9"))
    assert not certificate.contains(value + mpf("1e-9"))


@pytest.mark.parametrize("source", SOURCES)
def test_contains_the_oracle_at_random_distortions(source):
    for D in distortions(source, 200, seed=seed_of(source)):
        assert_tight(certify(source, D, base=NATS), oracle_value(source, D))


@pytest.mark.parametrize("base", [2, 10, 1.0000001, 1e300])
def test_base_is_the_given_double(base):
    certificate = certify("circle", 0.2, base=base)
    value = oracle_value("circle", 0.2, base)
    assert certificate.contains(value)
    assert certificate.upper - certificate.lower <= 1e-15 * certificate.upper


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("K", [2, 3, 8, 32, 1000, 12345])
def test_at_and_around_equal_cells(source, K):
    """At D_K, which is a double for the ramp with K = 2, 8, 32, the certificate is as narrow as elsewhere."""
    D = float(oracle.level(source, K))
    for near in (math.nextafter(D, 0), D, math.nextafter(D, 1)):
        assert_tight(certify(source, near, base=NATS), oracle_value(source, near))


def test_exact_ties_are_ties():
    for K in (2, 8, 32):
        assert mpf(float(oracle.level("ramp", K))) == mpf(2 * K - 1) / (12 * K * K)
        certificate = certify("ramp", float(oracle.level("ramp", K)))
        assert certificate.contains(mp.log(K, 2))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("ratio", [1e-300, 1e-100, 1e-21, 1 - 1e-7])
def test_extremes(source, ratio):
    D = float(oracle.max_distortion(source)) * ratio
    certificate = certify(source, D, base=NATS)
    if ratio >= 1e-21:
        assert_tight(certificate, oracle_value(source, D))
    else:
        assert 0 < certificate.upper - certificate.lower <= 4e-16 * certificate.upper
        with mp.workdps(60):  # so many cells that the dual bound is E(D) for all purposes
            assert certificate.contains(oracle.dual(source, D) / mp.log(mpf(NATS)))


@pytest.mark.parametrize("source", SOURCES)
def test_ends(source):
    top = oracle.max_distortion(source)
    assert certify(source, 0.0).lower == certify(source, 0.0).upper == math.inf
    assert (certify(source, 1.0).lower, certify(source, 1.0).upper) == (0.0, 0.0)
    nearest = float(top)
    certificate = certify(source, nearest)
    if nearest >= top:
        assert certificate.upper == 0.0
    else:  # D_max was rounded down: not 0, and proved not to be
        assert 0.0 < certificate.lower <= certificate.upper < 1e-13


def test_just_below_the_largest_distortion():
    D = math.nextafter(1.0, 0.0)
    assert_tight(certify("circle", D, base=NATS), oracle_value("circle", D))


def test_shallow_power_law_overflows_outward():
    certificate = certify(ed.PowerLaw(1e-300), 1e-300)
    assert 1e302 < certificate.lower < certificate.upper < 1e304
    certificate = certify(ed.PowerLaw(5e-324), 1e-300)
    assert certificate.upper == math.inf
    assert certificate.lower > 1e300


def test_partition_of_the_certificate():
    certificate = certify("circle", 0.2)
    K, odd = oracle.partition("circle", 0.2)
    assert certificate.count == K
    assert certificate.odd[0] <= odd <= certificate.odd[1]
    assert certificate.odd[1] - certificate.odd[0] <= 1e-16
    assert "proved" in certificate.method
    assert certificate.precision >= 300


def test_agrees_with_the_package():
    for source in SOURCES:
        certificate = certify(source, 0.01)
        assert ed.entropy_distortion(source, 0.01) == pytest.approx(certificate.lower, rel=1e-12)


def test_spectrum_that_meets_the_condition():
    source = ed.Source.from_spectrum(TENTHS)
    for D in (0.9, 0.3, 1e-3, 1e-9):
        certificate = certify(source, D, base=NATS)
        assert certificate.upper - certificate.lower <= 1e-15 * max(1, certificate.upper)
        assert certificate.upper == pytest.approx(ed.entropy_distortion(source, D, base=NATS), rel=1e-10)


@pytest.mark.parametrize("D", [0.999, 0.7552236, 0.4, 0.05, 1e-9])
def test_spectrum_that_violates_the_condition(D):
    source = ed.Source.from_spectrum(HALVES)
    certificate = certify(source, D, base=NATS)
    assert certificate.lower == pytest.approx(ed.lower_bound(source, D, base=NATS), rel=1e-10, abs=1e-12)
    assert certificate.lower <= certificate.upper
    assert certificate.upper <= ed.upper_bound(source, D, base=NATS) * (1 + 1e-9) + 1e-11
    assert certificate.lmbda > 0


def test_better_than_biuniform():
    certificate = certify(ed.Source.from_spectrum(HALVES), 0.7552236, base=NATS)
    assert certificate.cells == pytest.approx((0.744, 0.128, 0.128), abs=1e-6)
    assert certificate.upper == pytest.approx(0.746277, abs=1e-6)
    assert certificate.upper < 0.8077


def test_dual_bound_is_a_minimum_over_sizes():
    """The proved minimum is not above the objective anywhere, nor below its least value on a fine grid."""
    energies = np.array(HALVES)
    source = ed.Source.from_spectrum(energies)
    for D in (0.9, 0.5, 0.05):
        certificate = certify(source, D, base=NATS)
        p = np.geomspace(1e-3, 1, 20001)
        objective = -np.log(p) + certificate.lmbda * (source.cell_distortion(p) / p - D)
        assert 0 <= objective.min() - certificate.lower + 1e-13 < 1e-6


def test_refuses_python_functions():
    source = ed.Source(lambda p: p**2 / 6, max_distortion=1 / 6, closed=False)
    with pytest.raises(ValueError, match=r"from_spectrum.*custom"):
        certify(source, 0.01)


def test_refuses_delta_that_falls():
    with pytest.raises(ValueError, match="monotone"):
        certify(ed.Source.from_spectrum([1.0, 0.2500001]), 0.01)
    certify(ed.Source.from_spectrum([1.0, 0.25]), 0.01)  # δ′ = 0 at ½ to third order, and not negative


def test_monotone_delta_against_values_of_its_derivative():
    """δ′/sin 2πu of 300 random spectra on a grid of [0, ½]; none is closer to 0 than the grid resolves."""
    rng = np.random.default_rng(5)
    k, angle = np.arange(1, 9), np.linspace(1e-5, np.pi - 1e-5, 20001)
    waves = np.sin(np.outer(k, angle)) / np.sin(angle)
    answers = set()
    for _ in range(300):
        energies = rng.exponential(size=8) * rng.integers(0, 2, size=8) * k ** -rng.uniform(0.0, 3.0)
        energies[0] += 1e-3
        least = float(((k * energies) @ waves).min())
        assert abs(least) > 1e-6
        assert is_monotone(BallSpectrum(energies.tolist())) == (least > 0)
        answers.add(least > 0)
    assert answers == {True, False}


def test_monotone_delta_of_five_hundred_harmonics():
    """Σ 0.9^k cos 2πku falls from 0 to ½; with 1e-3 more of the last harmonic, which rises there, it does not."""
    energies = (0.9 ** np.arange(1, 501)).tolist()
    assert is_monotone(BallSpectrum(energies))
    energies[-1] += 1e-3
    assert not is_monotone(BallSpectrum(energies))


@pytest.mark.parametrize("D", [-1.0, math.nan])
def test_refuses_distortions(D):
    with pytest.raises(ValueError, match="distortion"):
        certify("ramp", D)


def test_refuses_other_types_and_bases():
    with pytest.raises(TypeError, match="distortion"):
        certify("ramp", [0.1])
    with pytest.raises(ValueError, match="base"):
        certify("ramp", 0.1, base=1)
    with pytest.raises(ValueError, match="source"):
        certify("rampe", 0.1)


def test_condition_holds_for_the_circle():
    star = verify_condition("circle")
    assert star.holds is True
    assert star.witness is None
    assert star.boxes > 100


def test_condition_holds_for_five_harmonics():
    assert verify_condition(ed.Source.from_spectrum(TENTHS)).holds is True


def test_condition_fails_with_a_witness():
    star = verify_condition(ed.Source.from_spectrum(HALVES))
    assert star.holds is False
    p = [mpf(x) for x in star.witness]
    assert p[0] < p[1] < p[2]
    assert sum(p) <= 1

    def slope(x):
        return sum(c * (1 - 2 * mp.sincpi(2 * k * x) + mp.sincpi(k * x) ** 2) for k, c in enumerate(HALVES, 1))

    with mp.workdps(50):
        low, middle, high = map(slope, p)
        assert (high - middle) / mp.log(p[2] / p[1]) < (middle - low) / mp.log(p[1] / p[0])


def test_certify_uses_what_was_proved():
    """(★) takes 18,759 boxes here, more than the default limit."""
    source = ed.Source.from_spectrum([0.14**k for k in range(12)])
    before = certify(source, 1.0)
    assert verify_condition(source).holds is True
    after = certify(source, 1.0)
    assert before.upper - before.lower > 1e-2
    assert after.upper - after.lower < 1e-15
    assert before.lower < after.lower
    assert after.upper <= before.upper


def test_condition_gives_up_within_its_boxes():
    star = verify_condition(ed.Source.from_spectrum([1.0, 0.09, 0.01]), boxes=50)
    assert star.holds is None
    assert star.boxes == 50
    with pytest.raises(ValueError, match="boxes"):
        verify_condition("circle", boxes=0)
    with pytest.raises(ValueError, match="finite spectrum"):
        verify_condition("ramp")


class BallPower:
    """d(p) = p³/12 in balls: w = p²/2."""

    small = (0.5, 0.5, 2.0)

    def slope(self, p):
        return p * p / 4

    def bend(self, p):
        return p * p / 2

    def turn(self, p):
        return p * p


class BallHump(BallPower):
    """w = p² (1 − 4p) / 2 turns at 1/6, before 1/3: (★) fails where the sizes are nearly equal."""

    small = (0.125, 0.5, 2.0)

    def slope(self, p):
        return p * p / 4 - 2 * p**3 / 3

    def bend(self, p):
        return p * p / 2 - 2 * p**3

    def turn(self, p):
        return p * p - 6 * p**3


def test_condition_for_ball_functions():
    assert verify_condition(BallPower()).holds is True
    star = verify_condition(BallHump())
    assert star.holds is False
    low, middle, high = (BallHump().slope(arb(p)) for p in star.witness)
    logs = [math.log(p) for p in star.witness]
    assert float((high - middle) / (logs[2] - logs[1]) - (middle - low) / (logs[1] - logs[0])) < 0


def test_without_flint_the_message_says_what_to_install():
    code = "import sys; sys.modules['flint'] = None; import edcurve.certificate; edcurve.certificate.certify"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "edcurve[certificate]" in done.stderr


def test_is_plain_data():
    certificate = certify("ramp", 0.01)
    assert json.loads(json.dumps(certificate.__dict__))["lower"] == certificate.lower


def test_points_along_a_loop_are_certified_as_the_polynomial_through_them():
    turns = 2.0 * np.pi * np.arange(64) / 64
    points = np.stack([np.cos(turns), np.sin(turns), 0.25 * np.cos(3 * turns), 0.25 * np.sin(3 * turns)], axis=1)
    measured, spectrum = ed.Source.from_samples(points), ed.Source.from_spectrum([1.0, 0.0, 0.0625])
    proved, expected = ed.certify(measured, 0.125), ed.certify(spectrum, 0.125)
    assert proved.method == expected.method + (
        "; of the trigonometric polynomial through the points, with the energies as computed in double precision"
    )
    assert proved.lower == pytest.approx(expected.lower, rel=1e-14)
    assert proved.upper == pytest.approx(expected.upper, rel=1e-14)
    with pytest.raises(ValueError, match="or a loop of points to be certified, got 'samples'"):
        ed.certify(ed.Source.from_samples(np.linspace(0.0, 1.0, 65)), 0.01)


@pytest.mark.parametrize("D", [0.5, 0.2, 0.05])
def test_the_sphere_is_enclosed_by_the_ramp_and_by_polygons(D):
    certificate = certify("sphere", D)
    assert certificate.lower == pytest.approx(float(oracle_value("ramp", D / 12, 2)), rel=1e-14)
    # polygons of great circles instead of the code's small circles
    assert certificate.upper == pytest.approx(ed.upper_bound("sphere", D), abs=0.01)
    assert "spherical polygons" in certificate.method
    larger = certify(ed.Sphere().scaled(2.0), 4.0 * D)
    assert (larger.lower, larger.upper) == pytest.approx((certificate.lower, certificate.upper), rel=1e-13)


def test_the_sphere_is_certified_to_a_unit_where_two_caps_are_best():
    for D in (0.75, 0.8, 0.99):
        certificate = certify("sphere", D)
        with mp.workdps(60):  # D = 1 − p(1 − p)
            p = (1 - mp.sqrt(1 - 4 * (1 - mpf(D)))) / 2
            expected = -(p * mp.log(p, 2) + (1 - p) * mp.log(1 - p, 2))
        assert certificate.contains(expected)
        assert certificate.upper - certificate.lower <= 1e-15
    assert certify("sphere", 1.0).upper == 0.0
    assert certify("sphere", 0.0).lower == math.inf


def test_polygons_against_closed_forms_and_points():
    """An octahedron's faces are eighths; cells of the cube have the known mean of a square."""
    octants = SphereCells(np.array([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]) * 0.5, np.zeros(8))
    code = surfaces.polygons(octants)
    assert float(code.entropy) == pytest.approx(math.log(8.0), rel=1e-14)
    assert float(code.distortion) == pytest.approx(1.0 - 3.0 / 4.0, rel=1e-14)  # means (½, ½, ½)
    cells = codes.candidates(ed.Sphere(), 0.2, 1)[0][1]
    code = surfaces.polygons(cells)
    x = lloyd.spiral(40_000)
    index = cells.nearest(x)
    p = np.bincount(index) / len(x)
    assert float(code.entropy) == pytest.approx(-(p * np.log(p)).sum(), abs=5e-3)
    assert float(code.distortion) == pytest.approx(1.0 - (cells.means()[index] * x).sum(axis=1).mean(), abs=5e-3)


def test_polygons_that_do_not_tile_prove_nothing():
    octants = SphereCells(np.array([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]) * 0.5, np.zeros(8))
    corners, loops = surfaces._corners(octants)
    with pytest.MonkeyPatch.context() as patch:
        for wrong in (loops[1:], [loops[0][::-1], *loops[1:]], [*loops, *loops]):
            patch.setattr(surfaces, "_corners", lambda _, wrong=wrong: (corners, wrong))
            assert surfaces.polygons(octants) is None
    caps = SphereCells(np.array([(0.0, 0.0, 1.0), (0.0, 0.0, -1.0)]), np.zeros(2))
    assert surfaces.polygons(caps) is None


@pytest.mark.parametrize(("name", "D"), [("sphere:3", 0.9), ("sphere:9", 0.95), ("rotations", 0.6)])
def test_the_dual_bound_over_caps(name, D):
    source = resolve(name, surfaces=True)
    certificate = certify(name, D)
    p = np.geomspace(1e-4, 1.0, 20_001)
    mean = source.cell_distortion(p) / p
    best = max((-np.log2(p) + w * (mean - D)).min() for w in np.geomspace(0.5, 50.0, 400))
    assert best - 1e-3 < certificate.lower < best + 1e-2  # steps of λ are of 1 %
    assert certificate.lower <= ed.lower_bound(name, D)
    if name != "rotations":
        assert certificate.lower > ed.lower_bound(name, D) - 1e-3  # the same bound computed in other ways
        # signs of coordinates, from points
        x = np.abs(np.random.default_rng(1).normal(size=(100_000, source.coordinates)))
        mean = (x / np.linalg.norm(x, axis=1, keepdims=True)).mean()
        k = round(certificate.upper)
        assert 1.0 - k * mean**2 < D + 1e-3
        assert k == 1 or 1.0 - (k - 1) * mean**2 > D - 1e-3


@pytest.mark.parametrize(("groups", "signs", "pairs"), [((1, 2, 1), 0, False), ((2, 2), 1, True), ((1, 3), 0, True)])
def test_codes_by_order_and_signs_against_points(groups, signs, pairs):
    """Cells that are counted and whose means are taken on random points, from what their description says."""
    x = np.random.default_rng(4).normal(size=(60_000, 4))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    magnitude = np.abs(x)
    rank = np.argsort(np.argsort(-magnitude, axis=1), axis=1)
    group = np.searchsorted(np.cumsum(groups), rank, side="right")
    last = group == len(groups) - 1
    known = ~last | (last & (np.cumsum(last, axis=1) <= signs))
    sign = np.where(known, np.sign(x), 0.0)
    if pairs:  # the first known sign is made positive
        turn = np.take_along_axis(sign, np.argmax(known, axis=1)[:, None], axis=1)
        x, sign = x * turn, sign * turn
    label = np.unique(np.concatenate([group, sign], axis=1), axis=0, return_inverse=True)[1].ravel()
    count = np.bincount(label)
    mean = np.stack([np.bincount(label, one) for one in x.T], axis=1) / count[:, None]
    assert len(count) == orders.cells(groups, signs, pairs)
    assert count / len(x) == pytest.approx(1.0 / len(count), rel=0.25)
    with ctx.workprec(100):
        exact = float(orders._distortion(orders._tops(4, 100), groups, signs))
    assert exact == pytest.approx(((x - mean[label]) ** 2).sum(axis=1).mean(), abs=3e-3)
    name = "rotations" if pairs else "sphere:3"
    found = certify(name, exact * 1.000001)
    assert ed.lower_bound(name, exact) < found.upper <= math.log2(len(count)) + 1e-9


def test_a_code_of_rotations_by_order_alone_tells_no_sign():
    assert "a code of 4 cells, by groups of 1, 3 by magnitude, above" in certify("rotations", 0.5).method


@pytest.mark.parametrize("radii", [(1.0, 1.0), (1.0, 7.0), (3.0, 0.05)])
@pytest.mark.parametrize("share", [0.93, 0.15, 0.02, 1e-12])
def test_tori_are_enclosed(radii, share):
    source = ed.Torus(radii)
    D = share * source.max_distortion
    found = certify(source, D)
    assert 1e-8 < ed.lower_bound(source, D) - found.lower < 1e-6
    if share >= 0.02:
        assert found.upper == pytest.approx(ed.upper_bound(source, D), rel=1e-14)
    assert 0.0 < found.upper - found.lower < (0.11 if share < 0.1 else 0.4)
    larger = certify(source.scaled(3.0), 9.0 * D)
    assert (larger.lower, larger.upper) == pytest.approx((found.lower, found.upper), abs=1e-6)


def test_a_torus_at_the_distortion_of_its_code():
    for D in (0.3, 0.05):
        code = ed.quantizer("torus", D)
        found = certify("torus", code.distortion)
        # a rounding error of D is made up for by one more cell, a tiny one
        assert code.entropy <= found.upper < code.entropy + 1e-10
        assert found.lower < code.entropy
    assert certify("torus", 2.0).upper == 0.0
    assert certify("torus", 0.0).lower == math.inf


def test_a_bound_above_the_least_is_not_proved(monkeypatch):
    """The dual bound is attained by a cell, so that nothing larger can be proved."""
    monkeypatch.setattr(means_of_cells, "BOXES", 400)
    for name in ("torus:1,2", "sphere:5", "rotations"):
        source = resolve(name, surfaces=True)
        cells = means_of_cells.cells_of(source)
        p = np.geomspace(1e-5, 1.0, 40_001)
        for weight in (1.0, 4.0, 30.0):
            least = float((weight * source.cell_distortion(p) / p - np.log(p)).min())
            with ctx.workprec(160):
                assert not means_of_cells.exceeds(cells, arb(weight), least + 1e-6)
                assert means_of_cells.exceeds(cells, arb(weight), least - 1e-6)


@pytest.mark.parametrize(
    ("a", "b", "depth"),
    [(1.0, 1.0, 0.1), (1.0, 1.0, 2.0), (1.0, 1.0, 3.0), (0.3, 1.0, 1.0), (0.3, 1.0, 2.3), (0.0, 1.0, 0.4)],
)
def test_the_excess_over_a_threshold(a, b, depth):
    """E(a cos θ₁ + b cos θ₂ − t)⁺ by an integral over θ₁ in the larger circle's angle, and the closed form inside."""
    t = a + b - depth

    def inner(turn):
        x = (t - a * mp.cospi(turn)) / b if a else mpf(t) / b
        x = min(max(x, -1), 1) if abs(x) < 1 + 1e-15 else x
        if x >= 1:
            return mpf(0)
        return -x * b if x <= -1 else b * (mp.sqrt(1 - x * x) - x * mp.acos(x)) / mp.pi

    with mp.workdps(20):
        kinks = [mp.acos((t - s * b) / a) / mp.pi for s in (-1, 1) if a and abs(t - s * b) < a]
        expected = mp.quad(inner, sorted([0, *kinks, 1]))
    with ctx.workprec(160):
        found = means_of_cells.excess(
            Fraction(a), Fraction(b), arb(Fraction(depth).numerator) / Fraction(depth).denominator
        )
    assert float(found) == pytest.approx(float(expected), rel=1e-9)


def test_hexagons_against_points():
    """Cells of skew lattices, with midpoints of a grid as points."""
    turns = (np.arange(400) + 0.5) / 400
    grid = np.stack(np.meshgrid(turns, turns, indexing="ij"), axis=-1).reshape(-1, 2)
    for radii, count in (((1.0, 1.0), 15), ((1.0, 2.5), 24), ((1.0, 1.0), 4), ((1.0, 9.0), 7)):
        source = ed.Torus(radii)
        lattice = lattices.best(count, (radii[0] ** 2, radii[1] ** 2))
        squares = Fraction(radii[0]) ** 2, Fraction(radii[1]) ** 2
        with ctx.workprec(100):
            corners = tiles.hexagon(lattice)
            assert tiles._area(corners) * count == 1
            moment = tiles.moments(corners)
            exact = sum(float(s) * (1 - float(moment[2 * k]) ** 2 * count**2) for k, s in enumerate(squares))
            assert float(tiles.of_lattice(lattice, squares, arb(exact * 1.001))) == pytest.approx(math.log(count))
            assert tiles.of_lattice(lattice, squares, arb(exact * 0.999)) is None
        assert exact == pytest.approx(lattice.distortion, rel=1e-12)
        x = source.realizations(grid)
        index = TorusCells(lattice, radii).nearest(x)
        mean = np.stack([np.bincount(index, one) for one in x.T], axis=1) / np.bincount(index)[:, None]
        assert exact == pytest.approx(((x - mean[index]) ** 2).sum(axis=1).mean(), rel=1e-3)


def test_surfaces_of_samples_are_refused():
    with pytest.raises(ValueError, match="'klein', whose lower bound rests on a search"):
        certify("klein", 0.3)

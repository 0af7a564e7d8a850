"""Spheres, tori and rotations: cell distortions against integrals in other coordinates, and object behaviour."""

import copy
import math
import pickle

import edcurve as ed
import mpmath
import numpy as np
import pytest
from edcurve.sources import ENCLOSED, torus_cells

SURFACES = (ed.Sphere(), ed.Sphere(3), ed.Sphere(20), ed.Torus(), ed.Torus((1, 2)), ed.Rotations())


def cap(dim, angle):
    """Probability of a cap and its share of the distortion, by integrals over the angle."""
    with mpmath.workdps(45):
        ring = lambda t: mpmath.sin(t) ** (dim - 1)  # noqa: E731  # an integrand
        area = mpmath.quad(ring, [0, mpmath.pi / 2, mpmath.pi])
        within = [0, angle] if angle < 1.6 else [0, mpmath.pi / 2, angle]
        measure = mpmath.quad(ring, within) / area
        length = mpmath.sin(angle) ** dim / dim / area / measure
        return float(measure), float(measure * (1 - length**2))


@pytest.mark.parametrize("dim", [2, 3, 7, 17, 200])
def test_caps_against_integrals_over_the_angle(dim):
    source = ed.Sphere(dim)
    angles = [mpmath.mpf(10) ** mpmath.mpf(-15 / dim), 0.1, 0.7, 1.3, 1.55, mpmath.pi / 2, 2.0, 2.9]
    for angle in map(mpmath.mpf, angles):
        measure, d = cap(dim, angle)
        if not 1e-16 < measure < 1.0 - 1e-12:
            continue
        assert source.cell_distortion(measure) == pytest.approx(d, rel=1e-12)


@pytest.mark.parametrize(
    ("ambient", "known"),
    [
        (3, [0.0975, 0.4375, 0.75, 0.99]),
        (4, [0.218688362596476, 0.577805959889744, 0.819873451302511, 0.991818264633358]),
        (8, [0.532864509718247, 0.792096014012784, 0.915303761592038, 0.995506041585013]),
    ],
)
def test_caps_have_the_known_distortions(ambient, known):
    """Values of 1 − m² computed by other code."""
    p = np.array([0.05, 0.25, 0.5, 0.9])
    assert ed.Sphere(ambient - 1).cell_distortion(p) / p == pytest.approx(known, rel=5e-15)


def test_rotations_are_pairs_of_caps():
    p = np.array([1e-15, 1e-6, 0.1, 0.5, 1.0])
    caps = ed.Sphere(3).cell_distortion(0.5 * p)
    assert ed.Rotations().cell_distortion(p) == pytest.approx(2.0 * caps, rel=1e-15)
    assert ed.Rotations().max_distortion == pytest.approx(1.0 - (4.0 / (3.0 * math.pi)) ** 2, rel=1e-15)


@pytest.mark.parametrize("level", ["1.99999999999", "1.9", "1.3", "0.7"])
def test_discs_of_the_torus_against_diagonal_coordinates(level):
    """cos θ₁ + cos θ₂ = 2 cos u cos v with θ₁ = u + v, θ₂ = u − v, and the cell is one of them ≥ t."""
    with mpmath.workdps(40):
        t = mpmath.mpf(level)
        end = mpmath.acos(t / 2)
        # u = end · sin s, so that the integrands are smooth at the ends
        far = lambda u: mpmath.acos(mpmath.mpf(t) / (2 * mpmath.cos(u)))  # noqa: E731  # the largest v
        over = lambda f: mpmath.quad(lambda s: f(end * mpmath.sin(s)) * end * mpmath.cos(s), [0, mpmath.pi / 2])  # noqa: E731
        measure = 2 * over(far) / mpmath.pi**2
        mean = 2 * over(lambda u: mpmath.cos(u) * mpmath.sin(far(u))) / mpmath.pi**2 / measure
        expected = measure * (2 - 2 * mean**2)
    assert ed.Torus().cell_distortion(float(measure)) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("radii", [(1.0, 1.0), (1.0, 0.999), (1.0, 1.3), (3.0, 1.0)])
def test_cells_of_the_torus_against_sorted_points(radii):
    """The largest mean of Σ wₖ rₖ cos θₖ over its p largest values, over all weights, on a grid of points."""
    count = 400
    cosine = np.cos(math.pi * (np.arange(count) + 0.5) / count)
    source, p = ed.Torus(radii), np.array([0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 0.9])
    best = np.zeros(p.size)
    for angle in np.linspace(0.0, 0.5 * math.pi, 60):
        values = np.add.outer(radii[0] * math.cos(angle) * cosine, radii[1] * math.sin(angle) * cosine)
        sums = np.cumsum(np.sort(values.ravel())[::-1])
        index = np.round(p * count**2).astype(int)
        best = np.maximum(best, sums[index - 1] / index)
    assert source.cell_distortion(p) == pytest.approx(p * (source.max_distortion - best**2), rel=2e-3)


@pytest.mark.parametrize("ratio", [1.0, 0.9999, 0.1])
def test_the_quadrature_of_the_torus_has_converged(ratio):
    until, table = torus_cells.discs(ratio)
    finer = torus_cells.discs.__wrapped__(ratio, 2 * torus_cells.NODES)
    assert finer[0] == pytest.approx(until, rel=1e-12)
    p = np.linspace(0.0, min(until, finer[0]), 200)
    assert finer[1](p) == pytest.approx(table(p), rel=1e-13)
    assert table(0.0) == pytest.approx(2.0 * math.pi * ratio, rel=1e-13)  # a small disc in the plane


@pytest.mark.parametrize("source", SURFACES, ids=str)
def test_large_cells_and_the_whole(source):
    assert source.cell_distortion(1.0) == pytest.approx(source.max_distortion, rel=1e-15)
    assert source.cell_distortion(0.0) == 0.0
    p = np.geomspace(1e-15, 1.0, 2001)
    mean = source.cell_distortion(p) / p
    assert (np.diff(mean) > 0.0).all()
    assert source.status == ENCLOSED


def test_one_dimension_is_the_circle():
    assert ed.Sphere(1) == ed.Circle() == ed.Sphere(dim=1)
    D = np.geomspace(1e-6, 1.0, 9)
    assert ed.entropy_distortion("sphere:1", D).tolist() == ed.entropy_distortion("circle", D).tolist()
    p = np.array([0.01, 0.3, 0.5])
    assert ed.Circle().cell_distortion(p) == pytest.approx(p * (1.0 - np.sinc(p) ** 2), rel=1e-12)


@pytest.mark.parametrize("source", SURFACES, ids=str)
def test_realizations(source):
    numbers = np.random.default_rng(1).random((5000, source._numbers))
    x = source.scaled(3.0).realizations(numbers)
    assert x.shape == (5000, source.coordinates)
    assert np.abs(x.mean(axis=0)).max() < 0.2
    if not isinstance(source, ed.Torus):
        assert np.linalg.norm(x, axis=1) == pytest.approx(3.0, rel=1e-12)
        assert x.T @ x / 5000 == pytest.approx(9.0 / source.coordinates * np.eye(source.coordinates), abs=0.15)
    # the largest p of a coordinate has the mean of a cap
    if isinstance(source, ed.Sphere):
        top = np.sort(x[:, 0])[-1250:].mean() / 3.0
        assert 1.0 - top**2 == pytest.approx(source.cell_distortion(0.25) / 0.25, abs=0.02)
    with pytest.raises(ValueError, match="numbers must have"):
        source.realizations(np.zeros((2, source._numbers + 1)))
    with pytest.raises(ValueError, match="below 1"):
        source.realizations(np.ones((2, source._numbers)))


@pytest.mark.parametrize("source", SURFACES, ids=str)
def test_surfaces_as_objects(source):
    scaled = source.scaled(0.5)
    assert scaled.max_distortion == 0.25 * source.max_distortion
    assert scaled.cell_distortion(0.3) == pytest.approx(0.25 * source.cell_distortion(0.3), rel=1e-15)
    for surface in (source, scaled):
        for copied in (pickle.loads(pickle.dumps(surface)), copy.copy(surface)):
            assert copied == surface
            assert hash(copied) == hash(surface)
            assert copied.cell_distortion(0.3) == surface.cell_distortion(0.3)
    assert source != scaled
    assert source.name in repr(source)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ed.Sphere(0), "dim must be at least 1"),
        (lambda: ed.Sphere(1001), "dim must be at most 1000, got 1001"),
        (lambda: ed.Torus((1, 0)), "radii must be above 0"),
        (lambda: ed.Torus((1, 101)), "none more than 100 times the other"),
        (lambda: ed.Torus((1, 2, 3)), "radii must be two numbers above 0"),
        (lambda: ed.lower_bound("torus:1", 0.1), "source must be torus:r,s with radii"),
        (lambda: ed.lower_bound("torus:1,1e-3", 0.1), "in a ratio of at most 100, .* got 'torus:1,1e-3'"),
        (lambda: ed.lower_bound("sphere:x", 0.1), "source must be sphere:n with a dimension"),
        (lambda: ed.partition("sphere", 0.1), "source must be a curve for this, got 'sphere'"),
    ],
)
def test_what_is_not_allowed(make, message):
    with pytest.raises(ValueError, match=message):
        make()

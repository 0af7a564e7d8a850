"""Bounds on E(D) of spheres, tori and rotations."""

import math

import edcurve as ed
import numpy as np
import pytest
from edcurve.kernels import functions
from edcurve.sources import resolve
from scipy.optimize import minimize_scalar
from scipy.special import beta, betainc

SURFACES = ("sphere", "sphere:3", "sphere:20", "torus", "torus:1,2", "rotations")
D = np.geomspace(1e-6, 1.0, 25)


def test_the_sphere_has_the_ramps_bound():
    ramp = ed.entropy_distortion("ramp", D / 12.0)
    assert ed.lower_bound("sphere", D) == pytest.approx(ramp, rel=1e-11, abs=1e-14)
    assert ed.lower_bound("sphere", 1e-21) == pytest.approx(ed.entropy_distortion("ramp", 1e-21 / 12.0), rel=1e-12)
    for base in (math.e, 10.0):
        assert ed.lower_bound("sphere", D, base=base) == pytest.approx(ramp * math.log(2.0) / math.log(base), rel=1e-11)


def test_hemispheres_are_optimal():
    assert ed.entropy_distortion("sphere", 0.75) == pytest.approx(1.0, rel=1e-15)
    for p in (0.5, 0.6, 0.9, 0.999):
        caps = p * p * (2.0 - p) + (1.0 - p) ** 2 * (1.0 + p)
        expected = -p * math.log2(p) - (1.0 - p) * math.log2(1.0 - p)
        assert ed.entropy_distortion("sphere", caps) == pytest.approx(expected, rel=1e-12)
    assert ed.entropy_distortion("sphere", [1.0, 2.0, 0.0]).tolist() == [0.0, 0.0, math.inf]


@pytest.mark.parametrize("name", SURFACES)
def test_unknown_values_name_the_bound(name):
    bound = ed.lower_bound(name, 0.3)
    with pytest.raises(ValueError, match=f"got 0.3: there E\\(D\\) is at least {bound:.6g}"):
        ed.entropy_distortion(name, [9.0, 0.3])


@pytest.mark.parametrize("name", SURFACES)
def test_the_dual_bound_is_what_the_best_multiplier_gives(name):
    """Infimum over cell sizes on a grid, and supremum over λ by another search."""
    source = resolve(name, surfaces=True)
    p = np.geomspace(1e-6, 1.0, 4001)
    mean, nats = source.cell_distortion(p) / p, -np.log(p)
    distortions = np.append(mean[[500, 1500, 2500, 3500]], 0.9 * source.max_distortion)
    dual = [
        -minimize_scalar(
            lambda x, D=one: -(nats + math.exp(x) * (mean - D)).min(), bounds=(-3.0, 20.0), method="bounded"
        ).fun
        for one in distortions
    ]
    bound = ed.lower_bound(name, distortions, base=math.e)
    if source.bound == "dual bound":
        assert bound == pytest.approx(dual, rel=1e-4)
    assert (bound >= np.multiply(dual, 1.0 - 1e-4)).all()


@pytest.mark.parametrize("name", SURFACES)
def test_order_and_scale(name):
    source = resolve(name, surfaces=True)
    distortions = source.max_distortion * D
    bound, rate = ed.lower_bound(name, distortions), ed.rate_distortion(name, distortions)
    assert (np.diff(bound) < 0.0).all()
    assert (rate <= bound + 1e-12).all()
    assert ed.lower_bound(source.scaled(3.0), 9.0 * distortions) == pytest.approx(bound, rel=1e-9, abs=1e-12)
    assert ed.rate_distortion(source.scaled(3.0), 9.0 * distortions) == pytest.approx(rate, rel=1e-7, abs=1e-12)
    assert ed.lower_bound(name, [0.0, source.max_distortion, 9.0]).tolist() == [math.inf, 0.0, 0.0]


@pytest.mark.parametrize("name", ["sphere:5", "torus:1,2", "rotations"])
@pytest.mark.parametrize("factor", [2.0**-500, 3e-150, 1e150])
def test_multiples_near_the_ends_of_the_range(name, factor):
    """Numbers in between, such as d of small cells times the factor's square, would be too small for doubles."""
    source = resolve(name, surfaces=True)
    multiple = source.scaled(factor)
    for share in (0.01, 1e-5, 1e-10):
        own, other = share * source.max_distortion, share * multiple.max_distortion
        assert ed.lower_bound(multiple, other) == pytest.approx(ed.lower_bound(source, own), abs=1e-10)
        assert ed.rate_distortion(multiple, other) == pytest.approx(ed.rate_distortion(source, own), abs=1e-10)


def test_multiples_of_multiples_of_a_function():
    source = ed.Source(lambda p: p * (p + 0.3 * p**1.5), closed=False, max_distortion=1.3)
    bound = ed.entropy_distortion(source, 1e-9)
    multiple = source.scaled(2.0**-500)
    assert ed.entropy_distortion(multiple, 2.0**-1000 * 1e-9) == pytest.approx(bound, abs=1e-10)
    assert ed.entropy_distortion(multiple.scaled(2.0**500), 1e-9) == bound


def test_random_partitions_of_the_sphere_are_above_the_bound():
    """Zones between parallels, cut along meridians, whose means have a closed form: 20 000 partitions."""
    rng = np.random.default_rng(17)
    values, bounds = [], []
    for zones in range(1, 6):
        cuts = np.sort(rng.uniform(-1.0, 1.0, (4000, zones - 1)), axis=1)
        ends = np.concatenate([-np.ones((4000, 1)), cuts, np.ones((4000, 1))], axis=1)
        sectors = rng.integers(1, 5, (4000, zones))
        low, high = ends[:, :-1], ends[:, 1:]
        p = 0.5 * (high - low) / sectors
        disc = lambda z: 0.5 * (z * np.sqrt(1.0 - z * z) + np.arcsin(z))  # noqa: E731  # ∫ √(1 − z²)
        across = np.sinc(1.0 / sectors) * (disc(high) - disc(low)) / np.maximum(high - low, 1e-300)
        length = 0.25 * (low + high) ** 2 + across**2
        values.append((-sectors * p * np.log2(p)).sum(axis=1))
        bounds.append(ed.lower_bound("sphere", 1.0 - (sectors * p * length).sum(axis=1)))
    values, bounds = np.concatenate(values), np.concatenate(bounds)
    assert (values >= bounds - 1e-9).all()
    assert (values - bounds).min() < 1e-6  # caps are among them


@pytest.mark.parametrize("name", ["torus", "torus:1,2"])
def test_random_products_on_the_torus_are_above_the_bound(name):
    """Products of partitions of the circles: of random sizes."""
    radii = (1.0, 1.0) if name == "torus" else (1.0, 2.0)
    rng = np.random.default_rng(18)
    entropy, distortion = np.zeros(2000), np.zeros(2000)
    for radius in radii:
        sizes = rng.dirichlet(np.full(4, 0.4), 2000) + 1e-12
        sizes /= sizes.sum(axis=1, keepdims=True)
        entropy -= (sizes * np.log2(sizes)).sum(axis=1)
        distortion += radius**2 * (sizes * (1.0 - np.sinc(sizes) ** 2)).sum(axis=1)
    assert (entropy >= ed.lower_bound(name, distortion) - 1e-9).all()


def test_caps_of_three_sizes_may_have_less_entropy_than_two_in_more_dimensions():
    """This is why E(D) is not derived from two caps there: no tiling is known to attain these sizes."""
    relaxed = ed.Sphere(7).relaxed
    sizes = np.array([0.83358951, 0.05547016, 0.05547016, 0.05547017])
    distortion = relaxed.cell_distortion(sizes).sum()
    assert distortion > 2.0 * relaxed.cell_distortion(0.5)
    two = functions.entropy(relaxed.law.model, relaxed.law.parameters, (), float(distortion))
    assert -(sizes * np.log(sizes)).sum() < two - 0.05
    assert relaxed.status == "upper bound"
    assert ed.Sphere(7).bound == "dual bound"


def test_small_distortions_follow_small_caps():
    """A cell of the 2-sphere has d(p)/p → 2p, of the torus 2πp: both ends of the curve in closed form."""
    for name, factor in (("sphere", 2.0), ("torus", 2.0 * math.pi), ("torus:1,2", 4.0 * math.pi)):
        assert ed.lower_bound(name, 1e-12) == pytest.approx(math.log2(factor / 1e-12), rel=1e-9)
    near = 1e-6
    # one cap of size ε: D_max − D = ε(…), here 4ε² … from p²(2 − p): 1 − D = p(1 − p)
    assert ed.lower_bound("sphere", 1.0 - near) == pytest.approx(
        -near * math.log2(near) + near / math.log(2.0), rel=1e-4
    )


@pytest.mark.parametrize("source", ["sphere", "torus:1,2", "rotations"])
def test_bound_on_the_lagrangian(source):
    """No more than the least of lower_bound(D) + λD, and no less than the dual bound on a grid of p."""
    resolved = ed.sources.resolve(source, surfaces=True)
    D = np.geomspace(0.003, 1.0, 800) * resolved.max_distortion
    below = ed.lower_bound(source, D, base=math.e)
    p = np.geomspace(1e-4, 1.0, 5001)
    means = resolved.relaxed.cell_distortion(p) / p
    for lmbda in (0.0, 1.0, 2.0, 3.0, 7.0, 40.0):
        result = ed.lagrangian_bound(source, lmbda, base=math.e)
        assert (-np.log(p) + lmbda * means).min() - 1e-5 <= result <= (below + lmbda * D).min() + 1e-9
        assert result >= (below + lmbda * D).min() - 4e-3  # the grid of D misses it, because E is steep
    lmbda = np.array([[1.0, 5.0]])
    bits = ed.lagrangian_bound(source, lmbda)
    assert bits.shape == (1, 2)
    assert bits[0, 1] == pytest.approx(ed.lagrangian_bound(source, 5.0 * math.log(2), base=math.e) / math.log(2))


def test_bound_on_the_lagrangian_of_curves():
    """The optimum if it is known, else the dual bound, which is the least of lower_bound(D) + λD."""
    assert ed.lagrangian_bound("circle", 9.0) == ed.lagrangian("circle", 9.0).value
    source = ed.Spectrum(0.5 ** np.arange(1, 12))
    assert source.status == "upper bound"
    D = np.geomspace(0.01, 1.0, 2001) * source.max_distortion
    assert ed.lagrangian_bound(source, 4.0) == pytest.approx((ed.lower_bound(source, D) + 4.0 * D).min(), abs=1e-5)


@pytest.mark.parametrize("dim", [3, 8])
def test_random_zones_of_spheres_are_above_the_dual_bound(dim):
    """Zones between parallels, whose measures and means have a closed form: 10 000 partitions of each sphere."""
    rng = np.random.default_rng(dim)
    angles = np.sort(rng.uniform(0.0, math.pi, (10_000, 5)), axis=1)
    angles[:5000, 2:] = math.pi  # fewer zones
    ends = np.concatenate([np.zeros((10_000, 1)), angles, np.full((10_000, 1), math.pi)], axis=1)
    a = 0.5 * dim
    below = np.where(ends < 0.5 * math.pi, 0.5 * betainc(a, 0.5, np.sin(ends) ** 2), 0.0)
    below = np.where(ends >= 0.5 * math.pi, 1.0 - 0.5 * betainc(a, 0.5, np.sin(ends) ** 2), below)
    p = np.maximum(np.diff(below, axis=1), 0.0)
    moment = np.diff(np.sin(ends) ** dim, axis=1) / (dim * beta(a, 0.5))
    entropy = -np.where(p > 0.0, p * np.log2(np.maximum(p, 1e-300)), 0.0).sum(axis=1)
    distortion = 1.0 - np.where(p > 0.0, moment**2 / np.maximum(p, 1e-300), 0.0).sum(axis=1)
    for lmbda in np.geomspace(0.5, 50.0, 12):
        assert (entropy + lmbda * distortion).min() >= ed.lagrangian_bound(ed.Sphere(dim), lmbda) - 1e-9
    bound = ed.lower_bound(ed.Sphere(dim), distortion[::200])
    assert (entropy[::200] >= bound - 1e-9).all()


@pytest.mark.parametrize("name", ["torus", "torus:1,2"])
def test_ten_thousand_products_on_the_torus_are_above_the_dual_bound(name):
    radii = (1.0, 1.0) if name == "torus" else (1.0, 2.0)
    rng = np.random.default_rng(19)
    entropy, distortion = np.zeros(10_000), np.zeros(10_000)
    for radius in radii:
        sizes = rng.dirichlet(np.full(5, 0.3), 10_000) + 1e-12
        sizes /= sizes.sum(axis=1, keepdims=True)
        entropy -= (sizes * np.log2(sizes)).sum(axis=1)
        distortion += radius**2 * (sizes * (1.0 - np.sinc(sizes) ** 2)).sum(axis=1)
    for lmbda in np.geomspace(0.5, 50.0, 12):
        assert (entropy + lmbda * distortion).min() >= ed.lagrangian_bound(name, lmbda) - 1e-9


def patches(name):
    """Patches of equal measure and their exact means: bands of height and longitude, or products of arcs."""
    if name == "sphere":
        edges = np.linspace(-1.0, 1.0, 33)
        area = 0.5 * (edges * np.sqrt(1.0 - edges**2) + np.arcsin(edges))  # ∫ √(1 − z²) dz
        ring, height = np.diff(area) / np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
        count = 64
        angle = 2.0 * np.pi * np.arange(count) / count
        around = np.sinc(1.0 / count) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        flat = (ring[:, None, None] * around).reshape(-1, 2)
        return np.column_stack([flat, np.repeat(height, count)])
    source, count = resolve(name, surfaces=True), 40
    first, second = ((np.arange(count) + 0.5) / count for _ in range(2))
    middles = source.realizations(np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2))
    return middles * np.sinc(1.0 / count)


@pytest.mark.parametrize("name", ["sphere", "torus", "torus:1,2"])
def test_thousands_of_partitions_are_above_the_bound(name):
    """Cells {⟨x, cᵢ⟩ − bᵢ greatest}, made of whole patches, so that entropy and distortion are exact for each of them.

    They begin at random and go some steps of Lloyd's iterations, until some are near the bound.
    """
    source, rng = resolve(name, surfaces=True), np.random.default_rng(20)
    means, whole, least = patches(name), source.max_distortion, math.inf
    for count in range(2, 12):
        trials = 50
        centres = source.realizations(rng.random((trials * count, 2))) * rng.uniform(0.3, 1.0, (trials * count, 1))
        p = rng.dirichlet(np.full(count, 2.0), trials).ravel() + 1e-9
        lmbda = np.repeat(count / whole * rng.uniform(0.4, 1.5, trials), count)
        for _ in range(7):
            offsets = 0.5 * ((centres**2).sum(axis=1) - np.log(p) / lmbda)
            gain = (means @ centres.T - offsets).reshape(len(means), trials, count)
            cell = gain.argmax(axis=2) + count * np.arange(trials)
            number = np.bincount(cell.ravel(), minlength=trials * count)
            sums = [np.bincount(cell.ravel(), np.repeat(axis, trials), trials * count) for axis in means.T]
            centres = np.stack(sums, axis=1) / np.maximum(number, 1)[:, None]
            p = np.maximum(number, 1e-9) / len(means)
            share = (number / len(means)).reshape(trials, count)
            nats = -np.where(share > 0.0, share * np.log(np.where(share > 0.0, share, 1.0)), 0.0).sum(axis=1)
            reached = whole - (share * (centres**2).sum(axis=1).reshape(trials, count)).sum(axis=1)
            above = nats - ed.lower_bound(source, reached, base=math.e)
            assert above.min() > -1e-12
            least = min(least, float(above[nats > 0.5].min()))
    assert least < 0.1

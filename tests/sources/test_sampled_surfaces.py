"""Surfaces of samples: grids, least distortions of cells, bounds and codes, against tori and other computations."""

import copy
import math
import pickle

import edcurve as ed
import numpy as np
import pytest
from edcurve.cli import main
from edcurve.codes import exhaustive
from edcurve.optimum import prices
from edcurve.sources import SEARCHED, balls, parameter_grids, sampled_surface
from scipy import optimize


def torus(rows, columns, radii=(1.0, 1.0)):
    first, second = (2.0 * np.pi * np.arange(count) / count for count in (rows, columns))
    a, b = np.meshgrid(first, second, indexing="ij")
    return np.stack([radii[0] * np.cos(a), radii[0] * np.sin(a), radii[1] * np.cos(b), radii[1] * np.sin(b)], axis=-1)


def klein(rows, columns, shift=0.0):
    """A Klein bottle in R⁴: the second angle runs backwards after a turn of the first."""
    a, b = np.meshgrid(
        2.0 * np.pi * np.arange(rows) / rows, 2.0 * np.pi * (np.arange(columns) + shift) / columns, indexing="ij"
    )
    ring = 2.0 + np.cos(b)
    return np.stack([ring * np.cos(a), ring * np.sin(a), np.sin(b) * np.cos(a / 2), np.sin(b) * np.sin(a / 2)], axis=-1)


def moebius(rows, columns):
    a, b = np.meshgrid(2.0 * np.pi * np.arange(rows) / rows, np.linspace(-1.0, 1.0, columns), indexing="ij")
    radius = 2.0 + b * np.cos(a / 2)
    return np.stack([radius * np.cos(a), radius * np.sin(a), b * np.sin(a / 2)], axis=-1)


@pytest.fixture(scope="module")
def flat():
    return ed.Source.from_surface(torus(24, 24), name="flat")


@pytest.mark.parametrize(
    ("x", "ends"),
    [
        (torus(12, 9), ("closed", "closed")),
        (torus(12, 9)[:7, :5], ("open", "open")),
        (torus(12, 9)[:, :5], ("closed", "open")),
        (klein(16, 12), ("twisted", "closed")),
        (klein(16, 12, shift=0.5), ("twisted", "closed")),
        (klein(16, 12).swapaxes(0, 1), ("closed", "twisted")),
        (moebius(20, 5), ("twisted", "open")),
    ],
)
def test_ends_are_seen(x, ends):
    source = ed.Source.from_surface(x)
    assert source.ends == ends
    assert source == ed.Source.from_surface(x, ends=ends)
    assert source.status == SEARCHED == "enclosed by a search"


def test_mismatched_ends_are_refused():
    with pytest.raises(ValueError, match=r"of the first parameter, 'closed', .* 'twisted' fits"):
        ed.Source.from_surface(klein(16, 12), ends=("closed", "closed"))
    with pytest.raises(ValueError, match=r"of the second parameter, 'twisted', .* 'open' fits"):
        ed.Source.from_surface(torus(12, 16)[:, :6], ends=("closed", "twisted"))
    with pytest.raises(ValueError, match="ends must be two of 'closed', 'twisted', 'open', got 'closed'"):
        ed.Source.from_surface(torus(8, 8), ends="closed")
    with pytest.raises(ValueError, match="got \\('closed', 'loop'\\)"):
        ed.Source.from_surface(torus(8, 8), ends=("closed", "loop"))


@pytest.mark.parametrize(
    ("x", "weights", "message"),
    [
        (np.zeros((5, 3)), None, r"x must be of shape \(I, J, dim\).*got shape \(5, 3\): Source.from_samples takes"),
        (torus(3, 8), None, "with I and J at least 4"),
        (np.ones((5, 5, 2)), None, "x must not be the same point throughout"),
        (np.where(np.arange(512).reshape(8, 16, 4) == 77, np.nan, torus(8, 16)), None, r"finite, got nan at \[1, 3\]"),
        (torus(8, 8)[[0, 1, 2, 3, 4, 5, 6, 7, 0]], None, "must not repeat its first row"),
        (torus(8, 8), np.ones((8, 7)), r"weights must be of shape \(8, 8\)"),
        (torus(8, 8), -np.ones((8, 8)), "weights must be at least 0 and finite"),
        (torus(8, 8), np.zeros((8, 8)), "weights must not all be 0"),
        (torus(8, 8), np.eye(8) * np.eye(8)[0], "weights must be above 0 at more than one point"),
        (np.zeros((400, 400, 1)), None, "at most 131072 samples"),
    ],
)
def test_bad_samples_are_refused(x, weights, message):
    with pytest.raises(ValueError, match=message):
        ed.Source.from_surface(x, weights=weights)


def test_cell_distortions_against_another_search():
    """c by Nelder and Mead, and the integral by sorting all points."""
    x = moebius(24, 7)
    source = ed.Source.from_surface(x)
    points, weights = source.points, source.weights

    def integral(c, p):
        errors = np.sum((points - c) ** 2, axis=1)
        order = np.argsort(errors)
        inside = np.clip(p - (np.cumsum(weights[order]) - weights[order]), 0.0, weights[order])
        return float(inside @ errors[order])

    rng = np.random.default_rng(2022)
    for p in (0.03, 0.1, 0.3, 0.6, 0.9):
        starts = points[rng.choice(len(points), 12)] * rng.uniform(0.3, 1.0, (12, 1))
        least = min(optimize.minimize(integral, c, args=(p,), method="Nelder-Mead").fun for c in starts)
        result = source.cell_distortion(p)
        assert result <= least * (1.0 + 3e-4)
        assert result > 0.98 * least
    assert source.cell_distortion(1.0) == pytest.approx(source.max_distortion, rel=1e-12)
    assert source.cell_distortion(0.9 * weights.max()) == 0.0


def test_cell_distortions_are_those_of_the_torus(flat):
    p = np.array([0.1, 0.2, 0.3, 0.5, 0.8])
    assert flat.cell_distortion(p) == pytest.approx(ed.Torus().cell_distortion(p), rel=1e-2)


def test_weighted_level_is_a_quantile():
    rng = np.random.default_rng(3)
    errors, weight = rng.choice(40, 300).astype(float), rng.random(300)
    weight /= weight.sum()
    for p in (1e-6, 0.1, 0.5, 0.97, 1.0 - 1e-9):
        level = balls._level(errors, weight, p)
        assert weight[errors < level].sum() <= p <= weight[errors <= level].sum() + 1e-12


def test_bounds_are_those_of_the_torus_to_the_truncation(flat):
    whole, off = ed.Torus(), flat.truncation
    D = np.array([0.5, 0.8, 1.2, 1.7])
    low = ed.lower_bound(flat, D)
    assert (low <= ed.lower_bound(whole, D - off)).all()
    assert (low >= ed.lower_bound(whole, D + off) - 1e-3).all()
    for lmbda in (2.5, 4.0):
        gap = ed.lagrangian(flat, lmbda).value - ed.lagrangian_bound(flat, lmbda)
        assert 0.0 <= gap < 0.05


def uneven(rows, columns):
    """A torus whose density varies by a factor of nine, by weights."""
    a = 2.0 * np.pi * np.arange(rows) / rows
    return torus(rows, columns), np.repeat((1.0 + 0.8 * np.cos(a))[:, None], columns, axis=1)


def test_no_partition_is_below_the_bounds():
    """Random partitions, cells of nearest points with random offsets, and codes of the search."""
    x, weights = uneven(24, 16)
    source = ed.Source.from_surface(x, weights=weights)
    points, p = source.points, source.weights
    rng, H, D = np.random.default_rng(2022), [], []
    for trial in range(2000):
        count = rng.integers(2, 24)
        centres = points[rng.choice(len(points), count)]
        errors = np.sum((points[:, None] - centres) ** 2, axis=-1) + rng.exponential(0.3, count) * (trial % 2)
        label = errors.argmin(axis=1) if trial % 10 else rng.integers(count, size=len(points))
        share = np.bincount(label, p, count)
        means = (
            np.stack([np.bincount(label, p * axis, count) for axis in points.T], axis=1)
            / np.where(share > 0, share, 1.0)[:, None]
        )
        H.append(-np.sum(share[share > 0] * np.log2(share[share > 0])))
        D.append(np.sum(p * np.sum((points - means[label]) ** 2, axis=1)))
    H, D = np.array(H), np.array(D)
    assert (ed.lower_bound(source, D) - 1e-9 <= H).all()
    for lmbda in (1.0, 2.0, 4.0):
        assert (H + lmbda * D).min() >= ed.lagrangian_bound(source, lmbda) - 1e-9
        assert ed.lagrangian(source, lmbda).value >= ed.lagrangian_bound(source, lmbda) - 1e-9


def test_prices_beat_one_price_on_uneven_points():
    x, weights = uneven(24, 20)
    source = ed.Source.from_surface(x, weights=weights)
    lmbda = 4.0
    code = ed.lagrangian(source, lmbda)
    p, dual = np.geomspace(1e-3, 1.0, 4000), math.inf
    dual = float(np.min(-np.log2(p) + lmbda * source.cell_distortion(p) / p))
    assert dual + 0.1 < ed.lagrangian_bound(source, lmbda) <= code.value < ed.lagrangian_bound(source, lmbda) + 0.15


@pytest.mark.parametrize(("rows", "columns", "height"), [(24, 6, 0.5), (16, 8, 0.3)])
def test_sectors_of_a_cylinder_are_no_better_than_the_bounds(rows, columns, height):
    """Equal sectors of whole columns, symmetric about a midpoint of two columns if their number is even."""
    a, b = np.meshgrid(2.0 * np.pi * np.arange(rows) / rows, np.linspace(0.0, height, columns), indexing="ij")
    source = ed.Source.from_surface(np.stack([np.cos(a), np.sin(a), b], axis=-1), ends=("closed", "open"))
    x, p = source.points, source.weights
    lmbda = np.geomspace(1.0, 30.0, 60)
    for count in (2, 3, 4, 6):
        sector = np.repeat(np.arange(rows) * count // rows, columns)
        share = np.bincount(sector, p)
        means = np.stack([np.bincount(sector, p * axis) for axis in x.T], axis=1) / share[:, None]
        H, D = -float(share @ np.log2(share)), float(p @ np.sum((x - means[sector]) ** 2, axis=1))
        assert (ed.lagrangian_bound(source, lmbda) <= H + lmbda * D + 1e-3).all()
        assert ed.lower_bound(source, D) <= H + 1e-3


def test_prices_are_feasible():
    """No set of points around any centre costs less than its prices, by independent code."""
    x, weights = uneven(20, 12)
    source = ed.Source.from_surface(x, weights=weights)
    points, p, lmbda = source.points, source.weights, 3.0
    cloud = prices.Cloud(points, p, np.sum(points**2, axis=1))
    value, result = prices._bound(cloud, cloud, points, 10.0, lmbda, None, np.empty((0, 4)))
    price = result.at(points)
    price = price + (value - p @ price)  # the search result is the constant
    rng = np.random.default_rng(1)
    for c in rng.normal(size=(300, 4)) * rng.uniform(0.3, 1.1, (300, 1)):
        order = np.argsort(lmbda * np.sum((points - c) ** 2, axis=1) - price)
        for count in range(1, len(points) + 1, 7):
            inside = order[:count]
            share, mean = p[inside].sum(), p[inside] @ points[inside] / p[inside].sum()
            cost = -share * math.log(share) + lmbda * float(p[inside] @ np.sum((points[inside] - mean) ** 2, axis=1))
            assert cost >= p[inside] @ price[inside] - 1e-9


def tiny(seed, shape=(4, 4), left=8):
    """A grid with `count` weighted samples: unequal distances, integers with repetitions, or a torus."""
    rng = np.random.default_rng([2022, seed])
    x = rng.normal(size=(*shape, 1 + seed % 3)) * np.exp(rng.normal(size=(*shape, 1)))
    if seed % 4 == 2:
        x = rng.integers(3, size=(*shape, 2)).astype(float)
    if seed % 4 == 3:
        x = torus(*shape)
    weights = rng.gamma(1.0, size=shape) + 1e-3 if seed % 2 else np.ones(shape)
    weights.flat[rng.permutation(weights.size)[left:]] = 0.0
    return ed.Source.from_surface(x, weights=weights, ends=("open", "open"))


def partitions(count):
    """All partitions of `count` points, as lists of labels."""
    result = [[]]
    for _ in range(count):
        result = [[*labels, label] for labels in result for label in range(max(labels, default=-1) + 2)]
    return result


@pytest.mark.parametrize("seed", range(8))
def test_few_samples_are_solved_by_all_their_partitions(seed):
    """Against an enumeration of the 4140 partitions of eight points."""
    source = tiny(seed)
    x, p = source.points, source.weights
    H, D = [], []
    for label in map(np.array, partitions(8)):
        share = np.bincount(label, p)
        means = np.stack([np.bincount(label, p * axis) for axis in x.T], axis=1) / share[:, None]
        H.append(-float(share @ np.log2(share)))
        D.append(float(p @ np.sum((x - means[label]) ** 2, axis=1)))
    H, D = np.array(H), np.array(D)
    assert source.status == "enclosed"
    lmbda = np.geomspace(0.2, 500.0, 40) / source.max_distortion
    least = (H[:, None] + lmbda * D[:, None]).min(axis=0)
    assert ed.lagrangian_bound(source, lmbda) == pytest.approx(least, rel=1e-12)
    assert ed.lagrangian(source, lmbda).value == pytest.approx(least, rel=1e-12)
    targets = source.max_distortion * np.linspace(0.01, 0.99, 30)
    low, high = ed.lower_bound(source, targets), ed.upper_bound(source, targets)
    best = np.array([H[distortion >= D].min() for distortion in targets])
    assert (low <= best + 1e-12).all()
    assert (best <= high + 1e-12).all()
    assert ed.upper_bound(source, 1e-9 * source.max_distortion) == pytest.approx(H[D < 1e-12].min(), rel=1e-12)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_prices_of_few_samples_are_no_higher_than_the_best_partition(seed, monkeypatch):
    """The search for more samples, with 13, against all partitions."""
    exact = tiny(seed, left=13)
    lmbda = np.array([2.5, 6.0]) / exact.max_distortion
    least = ed.lagrangian_bound(exact, lmbda, base=math.e)
    monkeypatch.setattr(sampled_surface, "FEW", 0)
    searched = tiny(seed, left=13)
    assert searched.status == SEARCHED
    assert (prices._priced(searched, lmbda) <= least + 1e-9).all()


def test_table_of_cell_distortions_is_no_higher_between_its_centres():
    """d(p) between the table's sizes is at most that of a search for this p."""
    for x in (moebius(24, 7), moebius(9, 5)):
        samples = ed.Source.from_surface(x).samples
        points, rng = balls.Points.of(samples.points, samples.weights), np.random.default_rng(1)
        tree, index = balls._tree(points), rng.choice(np.arange(100, balls.TABULATED), 8)
        for p, mean in zip(samples.balls.p[index].tolist(), samples.balls.mean[index].tolist(), strict=True):
            least = min(points.descend(start, p)[0] for start in balls._starts(points, p, tree, rng))
            assert p * mean <= least * (1.0 + 1e-6)


def test_grids_of_few_samples_have_codes():
    source = ed.Source.from_surface(torus(6, 6))
    assert ed.upper_bound(source, 1.0) < 4.0
    with pytest.raises(ValueError, match=r"which have at most .* cells, got 1e-06; samples on a finer grid"):
        ed.upper_bound(source, 1e-6)


def test_codes_attain_their_stated_values(flat):
    for source, factor in ((flat, 1.0), (flat.scaled(0.5), 0.25)):
        code = ed.quantizer(source, 0.5 * factor)
        index = code.encode(source.points)
        share = np.bincount(index, source.weights, code.cells)
        assert -(share * np.log2(share)).sum() == pytest.approx(code.entropy, rel=1e-12)
        errors = np.sum((source.points - code.decode(index)) ** 2, axis=1)
        assert source.weights @ errors == pytest.approx(code.distortion, rel=1e-9)
        assert code.distortion <= 0.5 * factor
        assert code.entropy == ed.upper_bound(source, 0.5 * factor)
    between = flat.realizations(np.random.default_rng(0).random((20_000, 2)))
    off = np.sum((between - flat.points[[0]]) ** 2, axis=1)  # for points that are not samples
    assert off.min() > 0.0
    code = ed.quantizer(flat, 0.5)
    result = np.mean(np.sum((between - code.decode(code.encode(between))) ** 2, axis=1))
    assert result == pytest.approx(code.distortion, abs=flat.truncation + 0.01)


def test_realizations_are_distributed_as_the_samples():
    n = 200
    numbers = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) / n] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    for x, weights in (uneven(24, 16), (moebius(40, 9), None), (klein(32, 24), None)):
        source = ed.Source.from_surface(x, weights=weights)
        realizations = source.realizations(numbers)
        assert realizations.mean(axis=0) == pytest.approx(source.weights @ source.points, abs=0.02)
        spread = float(np.mean(np.sum((realizations - realizations.mean(axis=0)) ** 2, axis=1)))
        assert spread == pytest.approx(source.max_distortion, rel=0.03)


def test_realizations_go_on_across_a_twist():
    """The samples, and midpoints of neighbours everywhere, also at the seam."""
    for x in (klein(32, 24), klein(32, 24, shift=0.5), moebius(40, 9), klein(32, 24).swapaxes(0, 1)):
        source = ed.Source.from_surface(x)
        rows = np.arange(64) / 64
        columns = np.linspace(0.0, 0.99, 40)
        realizations = source.realizations(np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1))
        assert np.linalg.norm(np.diff(realizations, axis=0), axis=-1).max() < 0.35
    x = klein(32, 24)
    sides = parameter_grids.settled(x, None)
    i, j = np.meshgrid(np.arange(-1, 34), np.arange(24), indexing="ij")
    onward = parameter_grids.between(x, i.astype(float), j.astype(float), sides)
    assert np.linalg.norm(np.diff(onward, axis=0), axis=-1).max() < 1.05 * 3.0 * 2.0 * np.pi / 32
    assert onward[1:33] == pytest.approx(x, abs=1e-15)


def test_as_an_object(flat):
    assert pickle.loads(pickle.dumps(flat)) == flat
    assert copy.deepcopy(flat).scaled(2.0).max_distortion == pytest.approx(8.0)
    assert flat.scaled(2.0) != flat
    assert hash(flat) == hash(ed.Source.from_surface(torus(24, 24), name="other"))
    assert ed.lower_bound(flat.scaled(3.0), 9.0) == pytest.approx(ed.lower_bound(flat, 1.0), rel=1e-9)
    assert ed.lower_bound(flat, [0.0, 2.0]).tolist() == [math.inf, 0.0]
    with pytest.raises(ValueError, match=r"at least .* \(lower_bound\) and at most what upper_bound finds"):
        ed.entropy_distortion(flat, 0.5)
    with pytest.raises(ValueError, match="empirical_rate_distortion"):
        ed.rate_distortion(flat, 0.5)
    with pytest.raises(ValueError, match="whose lower bound rests on a search"):
        ed.certify(flat, 0.5)
    with pytest.raises(ValueError, match="lmbda must be at most"):
        ed.lagrangian(flat, 1e6)
    curve = ed.curve(flat, [0.5, 1.0, 1.9])
    assert curve.status == SEARCHED
    assert curve.truncation == flat.truncation
    assert (curve.lower <= curve.upper).all()


def test_a_file_is_a_surface(tmp_path, capsys):
    path = tmp_path / "surface.npy"
    np.save(path, moebius(20, 8))
    with pytest.raises(SystemExit) as ended:
        main(["bound", str(path), "2.0", "--ends", "twisted,open"])
    assert ended.value.code == 0
    output = capsys.readouterr()
    assert "distortions may be off by" in output.err
    row = np.array(output.out.splitlines()[-1].split(), dtype=float)  # distortion, upper, lower
    assert row[0] == 2.0
    assert row[1] > row[2] > 0.5
    for arguments, message in (
        (["--ends", "closed,open"], "'twisted' fits"),
        (["--ends", "open"], "ends must be two of"),
        (["--closed"], "a surface: --ends says"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["bound", str(path), "2.0", *arguments])
        assert ended.value.code == 2
        assert message in capsys.readouterr().err.replace("\n", " ")
    with pytest.raises(SystemExit):
        main(["bound", "sphere", "0.5", "--ends", "closed,closed"])
    assert "are for files" in capsys.readouterr().err


def test_no_partition_of_seventeen_samples_is_below_the_bound():
    """One more sample than is solved, so that the bound is by prices; all partitions are compared here."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=(4, 3))[rng.integers(4, size=(4, 5))] + 0.15 * rng.normal(size=(4, 5, 3))
    weights = rng.uniform(0.05, 1.0, size=(4, 5))
    weights[0, :3] = 0.0
    source = ed.Source.from_surface(x, ends=("open", "open"), weights=weights)
    assert len(source.points) == 17
    assert source.status == "enclosed by a search"
    partitions = exhaustive.Partitions(source.points, source.weights)
    for lmbda in np.array([2.0, 6.0, 18.0]) / source.max_distortion:
        least, bound = partitions.best(lmbda)[0], ed.lagrangian_bound(source, lmbda, base=math.e)
        assert least - 0.5 < bound < least + 1e-10

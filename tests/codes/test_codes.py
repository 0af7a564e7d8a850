"""Codes of spheres and tori: exact entropy and distortion against points and the lower bound."""

import math
import re
from pathlib import Path

import edcurve as ed
import numpy as np
import pytest
from click.testing import CliRunner
from edcurve import codes
from edcurve.cli import main
from edcurve.codes import __main__ as search
from edcurve.codes import lattices, lloyd, orders, pictures, products, sampled, spherical
from edcurve.codes.code import SphereCells
from edcurve.kernels import functions
from edcurve.sources import resolve


def equal_shares(source, count):
    """Points of the source with equal probabilities."""
    if source.coordinates == 3:
        return lloyd.spiral(count) * math.sqrt(source.max_distortion)
    side = math.isqrt(count)
    middles = (np.arange(side) + 0.5) / side
    return source.realizations(np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2))


@pytest.mark.parametrize(
    ("source", "distortion"),
    [
        ("sphere", 0.5),
        ("sphere", 0.08),
        ("sphere", 0.85),
        ("torus", 0.3),
        ("torus:5,2", 4.0),
        ("torus", 1.3),
        ("torus:5,2", 20.0),
    ],
)
def test_codes_attain_their_stated_values(source, distortion):
    for scaled, factor in ((resolve(source, surfaces=True), 1.0), (resolve(source, surfaces=True).scaled(0.5), 0.25)):
        code = ed.quantizer(scaled, factor * distortion)
        x = equal_shares(scaled, 40_000)
        index = code.encode(x)
        p = np.bincount(index, minlength=code.cells) / len(x)
        assert -(p * np.log2(p)).sum() == pytest.approx(code.entropy, abs=5e-3)
        assert ((x - code.decode(index)) ** 2).sum(axis=1).mean() == pytest.approx(code.distortion, rel=5e-3)
        assert code.distortion <= factor * distortion * (1.0 + 1e-12)
        assert code.entropy == ed.upper_bound(scaled, factor * distortion)
        means = np.stack([np.bincount(index, axis, minlength=code.cells) for axis in x.T], axis=1) / len(x) / p[:, None]
        assert means == pytest.approx(code.centroids, abs=0.02 * math.sqrt(scaled.max_distortion))
    assert code.encode(x[0]) == index[0]
    with pytest.raises(ValueError, match="index must be between 0 and"):
        code.decode(code.cells)
    with pytest.raises(ValueError, match="x must have"):
        code.encode(np.zeros((3, 5)))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 17])
def test_cells_bounded_by_circles_against_points(count):
    rng = np.random.default_rng(count)
    for _ in range(3):
        centres = rng.normal(size=(count, 3))
        centres *= rng.uniform(0.5, 1.0, (count, 1)) / np.linalg.norm(centres, axis=1, keepdims=True)
        offsets = 0.5 * (centres**2).sum(axis=1) + rng.uniform(-0.02, 0.02, count)
        x = lloyd.spiral(100_000)
        index = SphereCells(centres, offsets).nearest(x)
        p, means = spherical.measures(centres, offsets)
        assert p.sum() == pytest.approx(1.0, abs=1e-12)
        assert (p[:, None] * means).sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-12)
        assert np.bincount(index, minlength=count) / len(x) == pytest.approx(p, abs=3e-4)
        sums = np.stack([np.bincount(index, axis, minlength=count) for axis in x.T], axis=1) / len(x)
        assert sums == pytest.approx(p[:, None] * means, abs=3e-4)


def test_cells_bounded_by_circles_in_closed_form():
    octahedron = np.concatenate([np.eye(3), -np.eye(3)])
    p, means = spherical.measures(octahedron, np.zeros(6))
    assert p == pytest.approx(np.full(6, 1.0 / 6.0), rel=1e-12)
    # faces of a cube: the mean is ½ ∮ x × dx over four arcs of half the angle arccos(1/3)
    assert np.linalg.norm(means, axis=1) == pytest.approx(np.full(6, 3.0 / math.pi * math.acos(1 / 3) / math.sqrt(2.0)))
    cap = spherical.measures(np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.5]]), np.array([0.4, 0.0]))  # z ≥ 0.8
    assert cap[0] == pytest.approx([0.1, 0.9], rel=1e-12)
    assert cap[1][:, 2] == pytest.approx([0.9, -0.1], rel=1e-12)
    hidden = spherical.measures(np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.5]]), np.array([2.0, 0.0]))
    assert hidden[0].tolist() == [0.0, 1.0]


def test_the_table_describes_its_codes():
    table = codes._sphere_table()
    rows = np.unique(np.linspace(0, len(table.counts) - 1, 8).astype(int))
    for row in rows[np.array(table.counts)[rows] <= 64].tolist():
        cells = table.cells[row]
        p, means = spherical.measures(cells.centres, cells.offsets)
        assert -(p @ np.log(p)) == pytest.approx(table.entropy[row], abs=1e-12)
        assert 1.0 - p @ (means**2).sum(axis=1) == pytest.approx(table.distortion[row], abs=1e-12)
    assert (np.diff(table.distortion) > 0.0).all()
    assert (np.diff(table.entropy) < 0.0).all()


def excess_of_best_codes(name, lmbda):
    """Excess of the best codes' H + λD over its lower bound, in bits; λ in nats."""
    source = resolve(name, surfaces=True)
    best = ed.lagrangian(source, lmbda, base=math.e)
    law = source.relaxed.law
    if source.relaxed.status == "upper bound":
        p = np.geomspace(1e-4, 1.0, 100_001)
        bound = np.array([(-np.log(p) + multiplier * source.cell_distortion(p) / p).min() for multiplier in lmbda])
    else:
        counts = np.array(
            [functions.cells(law.model, law.parameters, law.vertices, multiplier) for multiplier in lmbda]
        )
        bound = np.log(counts) + lmbda * counts * source.relaxed.cell_distortion(1.0 / counts)
    return (best.value - bound) / math.log(2.0), best.cells


def test_the_sphere_is_enclosed():
    lmbda = np.geomspace(0.5, 170.0, 300)
    excess, cells = excess_of_best_codes("sphere", lmbda)
    assert (excess >= -1e-12).all()
    assert excess.max() < 0.0449
    assert excess[lmbda > 5.51].max() < 0.0341
    expected = (lmbda < 2.88) | ((lmbda > 3.14) & (lmbda < 4.03)) | (lmbda > 5.54)
    assert excess[expected].max() < 0.033
    assert excess[lmbda > 16.0].max() < 0.0261
    assert cells[0] == 1


def test_the_torus_is_enclosed():
    lmbda = np.geomspace(0.5, 12.0, 40)
    excess, _ = excess_of_best_codes("torus", lmbda)
    assert (excess >= -1e-12).all()
    assert excess.max() < 0.038
    assert excess[lmbda > 2.2].max() < 0.028
    assert ed.lagrangian("torus", 1.55, base=math.e).cells == 1  # the 3.1 nats are less than those of eight cells
    excesses = excess_of_best_codes("torus", np.array([3.0, 4.0, 6.0, 8.0]))
    assert excesses[1].tolist() == [15, 23, 34, 45]
    assert excesses[0] == pytest.approx([0.0149, 0.0140, 0.0137, 0.0141], abs=2e-4)  # as other code found


@pytest.mark.parametrize("squares", [(1.0, 1.0), (1.0, 4.0)])
def test_lattices_against_all_points(squares):
    """The best subgroup of each order, by its own points: cells of the same share, distortion as stated."""
    for count in (1, 2, 5, 8, 12, 23):
        lattice = lattices.best(count, squares)
        points = lattice.points()
        assert len(np.unique(np.round(points * count) % count, axis=0)) == count
        grid = (np.arange(400) + 0.5) / 400
        turns = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
        apart = turns[:, None, :] - points
        apart -= np.rint(apart)
        index = ((apart**2) @ np.array(lattice.weights)).argmin(axis=1)
        assert np.bincount(index) / len(turns) == pytest.approx(np.full(count, 1.0 / count), abs=3e-3)
        nearest = apart[np.arange(len(turns)), index]
        cosines = np.cos(2.0 * math.pi * nearest).mean(axis=0)
        assert (squares * (1.0 - cosines**2)).sum() == pytest.approx(lattice.distortion, rel=2e-3)
    # 16 cells of 4 × 4 squares are not better than the result
    assert lattices.best(16, (1.0, 1.0)).distortion <= 2.0 * (1.0 - np.sinc(0.25) ** 2) + 1e-12


def test_bounds_and_hull_are_in_order():
    for name, distortions in (("sphere", np.linspace(0.1, 1.0, 30)), ("torus", np.linspace(0.1, 2.0, 30))):
        lower, upper = ed.lower_bound(name, distortions), ed.upper_bound(name, distortions)
        hull = ed.convex_hull(name, distortions)
        assert (lower <= upper + 1e-12).all()
        assert (hull <= upper + 1e-9).all()
        assert (ed.rate_distortion(name, distortions) <= hull + 1e-9).all()
    assert ed.upper_bound("sphere", [0.75, 1.0, 0.0]).tolist() == [1.0, 0.0, math.inf]


def test_sources_without_known_codes():
    name = "sphere:17"
    for call in (lambda: ed.upper_bound(name, 0.1), lambda: ed.lagrangian(name, 1.0), lambda: ed.quantizer(name, 0.1)):
        with pytest.raises(ValueError, match="source must be a torus, rotations or a sphere of at most 16 dimensions"):
            call()
    for call in (lambda: ed.upper_bound("sphere", 1e-5), lambda: ed.lagrangian("sphere", 1e6)):
        with pytest.raises(ValueError, match=r"at least|at most"):
            call()
    with pytest.raises(ValueError, match="4096 cells of 'torus' attain"):
        ed.upper_bound("torus", 1e-5)


@pytest.fixture
def few_codes(monkeypatch):
    """Only codes of few cells, because others take seconds."""
    monkeypatch.setattr(sampled, "COUNTS", (4, 8))
    codes._sampled_table.cache_clear()
    yield
    codes._sampled_table.cache_clear()


@pytest.mark.parametrize("name", ["rotations", "sphere:3", "sphere:7"])
@pytest.mark.usefixtures("few_codes")
def test_codes_from_points(name):
    plain = resolve(name, surfaces=True)
    # 10⁵ points that the search did not use
    x = np.random.default_rng(77).normal(size=(100_000, plain.coordinates))
    x *= 2.0 / np.linalg.norm(x, axis=1, keepdims=True)
    source = plain.scaled(2.0)
    table = codes._sampled_table(None if name == "rotations" else plain.dim)
    for index in range(1, len(table.counts)):
        code = table.code(source, index)
        cell = code.encode(x)
        p = np.bincount(cell, minlength=code.cells) / len(x)
        assert -(p[p > 0.0] * np.log(p[p > 0.0])).sum() == pytest.approx(code.entropy, abs=0.01)
        assert -(p[p > 0.0] * np.log(p[p > 0.0])).sum() < code.entropy + 1e-3
        y = code.decode(cell)
        errors = ((x - y) ** 2).sum(axis=1)
        if name == "rotations":
            errors = np.minimum(errors, ((x + y) ** 2).sum(axis=1))
        assert errors.mean() == pytest.approx(code.distortion, rel=0.01)
        assert errors.mean() < code.distortion * 1.003
        assert code.entropy >= ed.lower_bound(source, code.distortion, base=math.e) - 1e-12
    assert ed.upper_bound(source, source.max_distortion) == 0.0
    assert ed.upper_bound(name, table.distortion[-1]) == pytest.approx(table.entropy[-1] / math.log(2.0), rel=1e-12)
    optimum = ed.lagrangian(name, 0.1)
    assert (optimum.cells, optimum.entropy) == (1, 0.0)
    with pytest.raises(ValueError, match="lmbda must be at most"):
        ed.lagrangian(name, 1e4)
    with pytest.raises(ValueError, match="distortion must be at least"):
        ed.upper_bound(name, 0.01)


@pytest.mark.usefixtures("few_codes")
def test_four_rotations_and_two_caps_in_closed_form():
    """1, i, j, k: each cell of a pair is a cube of S³, so that D = 1 − (8 ∫ x₁ over it)², checked by another grid."""
    table = codes._sampled_table(None)
    four = [index for index, count in enumerate(table.counts) if count == 4]
    assert len(four) == 2  # by order, and by the search
    assert table.entropy[four] == pytest.approx(math.log(4.0), abs=2e-3)
    x = np.random.default_rng(5).normal(size=(400_000, 4))
    largest = np.abs(x / np.linalg.norm(x, axis=1, keepdims=True)).max(axis=1).mean()
    assert table.distortion[four] == pytest.approx(1.0 - largest**2, abs=3e-3)
    caps = ed.quantizer("sphere:3", 0.9)
    assert caps.cells == 2
    assert caps.distortion == pytest.approx(1.0 - (4.0 / (3.0 * math.pi)) ** 2, rel=1e-12)  # mean of |x₁| on S³


@pytest.mark.usefixtures("few_codes")
def test_codes_by_order_and_signs_are_among_those_tried():
    """Signs of two of six coordinates, in closed form D = 1 − 2 (E|x₁|)²; what was measured is slightly above."""
    mean = math.gamma(3.0) / math.gamma(3.5) / math.sqrt(math.pi)
    quadrants = 1.0 - 2.0 * mean**2
    code = ed.quantizer("sphere:5", 1.005 * quadrants)
    assert (code.cells, ed.upper_bound("sphere:5", 1.005 * quadrants)) == (4, pytest.approx(2.0, abs=1e-12))
    assert quadrants < code.distortion < 1.005 * quadrants


@pytest.mark.parametrize(
    ("groups", "signs", "paired"),
    [
        ((4,), 2, False),
        ((4,), 3, True),
        ((1, 3), 0, True),
        ((1, 2), 2, False),
        ((2, 1, 1), 1, True),
        ((1, 1, 2), 0, False),
    ],
)
def test_cells_by_order_and_signs_are_those_of_the_nearest_codeword(groups, signs, paired):
    n, rng = sum(groups), np.random.default_rng(6)
    x = rng.normal(size=(500, n))
    words = orders.codewords(groups, signs, paired, np.linspace(1.0, 0.1, n).tolist())
    assert len(np.unique(words, axis=0)) == len(words) == orders.cells(groups, signs, paired)
    along = x @ words.T
    nearest = words[(np.abs(along) if paired else along).argmax(axis=1)]
    told = sum(groups[:-1]) + signs
    rank = np.argsort(np.argsort(-np.abs(x), axis=1), axis=1)
    group = np.searchsorted(np.cumsum(groups), rank, side="right")
    if len(groups) > 1:
        values = np.unique(np.abs(nearest))[::-1]
        np.testing.assert_array_equal(np.abs(nearest), values[np.minimum(group, len(values) - 1)])
    else:
        np.testing.assert_array_equal(nearest[:, told:], 0.0)
    agree = np.where(nearest == 0.0, 0.0, np.sign(x) * np.sign(nearest)).sum(axis=1)
    np.testing.assert_array_equal(np.abs(agree) if paired else agree, told)


@pytest.mark.parametrize(("h", "k", "count"), [(1, 0, 12), (2, 1, 72), (3, 0, 92)])
def test_lattices_on_an_icosahedron(h, k, count):
    points = lloyd.geodesic(h, k)
    assert points.shape == (count, 3)
    nearest = np.sort(points @ points.T, axis=1)[:, -2]
    assert np.arccos(nearest).min() > 0.7 * math.sqrt(4.0 * math.pi / count)


def test_lloyd_finds_the_octahedron():
    rng = np.random.default_rng(3)
    points = lloyd.spiral(3000)
    values = [lloyd.iterate(points, points[rng.choice(3000, 6)], 3.6) for _ in range(20)]
    value, centres, p = min(values, key=lambda code: code[0])
    assert p == pytest.approx(np.full(6, 1.0 / 6.0), abs=0.01)
    assert np.sort(np.abs(centres @ centres.T).ravel())[:24] == pytest.approx(0.0, abs=0.05)
    assert value == pytest.approx(ed.lagrangian("sphere", 3.6, base=math.e).value, abs=3e-3)


@pytest.mark.parametrize("name", ["sphere", "torus"])
@pytest.mark.usefixtures("plt")
def test_curves_are_a_band(name, tmp_path):
    curve = ed.curve(name, num=12)
    assert curve.status == "enclosed"
    assert (curve.lower <= curve.upper).all()
    assert (curve.hull <= curve.upper + 1e-9).all()
    assert curve.cells.size == 0
    axes = curve.plot()
    assert "E(D) is in here" in [text.get_text() for text in axes.get_legend().get_texts()]
    curve.save(tmp_path / "curve.json")
    assert ed.Curve.load(tmp_path / "curve.json") == curve
    assert "best code known" in curve._repr_html_()


def test_command_prints_both_bounds():
    done = CliRunner().invoke(main, ["curve", "torus", "--num", "5"], prog_name="edcurve")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[:2] == ["torus: enclosed; entropies in bits", "E(D) is between lower and upper, the entropy of a code"]
    assert lines[2].split() == ["distortion", "upper", "lower", "hull"]
    done = CliRunner().invoke(main, ["lagrangian", "torus", "--base", "e", "4"], prog_name="edcurve")
    assert done.stdout.splitlines()[0] == "torus: enclosed"
    assert done.stdout.split()[-4:-3] == ["23"]


def test_excess_over_codes_and_doubts_about_impossible_points():
    best = ed.lagrangian("sphere", 8.0, base=math.e)
    assert ed.excess("sphere", best.distortion, best.entropy, lmbda=8.0, base=math.e) == pytest.approx(0.0, abs=1e-12)
    with pytest.warns(UserWarning, match="no code does this"):
        ed.excess("sphere", 0.1, 1.0, lmbda=8.0)
    assert ed.excess("sphere", 0.1, 5.0) == 5.0 - ed.lower_bound("sphere", 0.1)


def test_the_table_of_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "surfaces.md").read_text(encoding="utf-8")
    table = page.partition("<!-- table: enclosure -->")[2].partition("<!-- end -->")[0]
    rows = re.findall(r"^\| ([\d.]+) \| (\d+) \| ([\d.]+) \| (\d+) \| ([\d.]+) \|", table, re.MULTILINE)
    assert len(rows) == 14
    lmbda = np.array([float(row[0]) for row in rows])
    for name, first in (("sphere", 1), ("torus", 3)):
        excess, cells = excess_of_best_codes(name, lmbda)
        assert cells.tolist() == [int(row[first]) for row in rows]
        assert excess == pytest.approx([float(row[first + 1]) for row in rows], abs=6e-5)


@pytest.mark.usefixtures("plt")
def test_pictures_of_cells(monkeypatch):
    monkeypatch.setattr(pictures, "PIXELS", 150)
    caps = ed.quantizer("sphere", 0.9)  # shares p and 1 − p with p(1 − p) = 0.1
    ax = caps.plot()
    shares = np.unique(np.round(ax.images[0].get_array().compressed(), 3))
    p = 0.5 - math.sqrt(0.15)
    assert shares == pytest.approx([2.0 * p, 2.0 * (1.0 - p)], abs=0.02)
    torus = ed.quantizer(ed.Torus((1, 2)).scaled(3.0), 9.0)
    ax = torus.plot(ax=ax)
    (marks,) = [line for line in ax.lines if len(line.get_xdata()) == torus.cells]
    angles = np.arctan2(torus.centroids[:, 1::2], torus.centroids[:, ::2]) / (2.0 * math.pi) % 1.0
    assert marks.get_xydata() == pytest.approx(angles)
    assert ax.images[2].get_array().compressed() == pytest.approx(1.0, abs=0.1)
    # every mean of the sphere is marked in its own cell
    pixels = pictures._pixels(ed.Sphere(), ed.quantizer("sphere", 0.1).centroids)
    assert (pixels.points**2).sum(axis=1) == pytest.approx(1.0)
    assert pixels.points.mean(axis=0) == pytest.approx(np.zeros(3), abs=2e-3)
    assert (pixels.points**2).mean(axis=0) == pytest.approx(np.full(3, 1 / 3), abs=2e-3)  # equal areas


@pytest.mark.usefixtures("plt")
def test_pictures_of_cells_of_samples(monkeypatch):
    """Areas are probabilities, whatever the weights, and each mark is in its own cell."""
    monkeypatch.setattr(pictures, "GRID", 120)
    a, b = np.meshgrid(2.0 * math.pi * np.arange(4) / 4, np.linspace(-1.2, 1.2, 4), indexing="ij")
    x = np.stack([np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), np.sin(b)], axis=-1)
    globe = ed.Source.from_surface(x, weights=np.cos(b)).scaled(2.0)
    for code, label in ((ed.quantizer("klein", 0.2), "φ / π"), (ed.quantizer(globe, 2.0), "first parameter")):
        ax = code.plot()
        assert ax.get_xlabel().startswith(label)
        counts = np.asarray(ax.images[0].get_array()) / code.cells  # of each pixel, the share of its cell
        assert -np.log2(counts).mean() == pytest.approx(code.entropy, abs=0.12)
        marks = ax.lines[0].get_xydata()
        assert code.encode(code.source.realizations(marks)).tolist() == list(range(code.cells))


@pytest.mark.usefixtures("few_codes")
def test_no_pictures_of_cells_of_three_dimensions():
    with pytest.raises(
        ValueError, match="source must be sphere, a torus or a surface of samples for a picture of its cells, got 'rot"
    ):
        ed.quantizer("rotations", 0.6).plot()


def test_the_search_finds_the_tetrahedron(monkeypatch):
    """The command's search for four cells, with fewer starts: equal shares, mean of a face by Gauss's formula."""
    monkeypatch.setattr(search, "RANDOM", 2)
    monkeypatch.setattr(search, "CHARGED", 3)
    best = min(search.search(4), key=lambda code: code[2] + 8.0 / 3.0 * code[3])
    assert best[2] == pytest.approx(math.log(4.0), abs=1e-6)
    # three arcs of arccos(−1/3), whose normals make the same angle with the axis
    length = 3.0 / (2.0 * math.pi) * math.acos(-1.0 / 3.0) * math.sqrt(2.0 / 3.0)
    assert best[3] == pytest.approx(1.0 - length**2, abs=1e-6)


def test_tables_are_read_and_written(tmp_path):
    path = str(tmp_path / "table.npz")
    codes = [search.refine(lloyd.geodesic(1, 0), np.full(12, 1 / 12), 6.0)]
    search.write(path, [(np.zeros((1, 3)), np.zeros(1), 0.0, 1.0), *codes])
    ((centres, offsets, entropy, distortion),) = search.read(path)
    assert (entropy, distortion) == codes[0][2:]
    assert entropy == pytest.approx(math.log(12.0), rel=1e-12)
    assert (centres == codes[0][0]).all()
    assert (offsets == codes[0][1]).all()


def test_products_with_an_odd_cell():
    """E(D) of a single circle is attained; products against a search over all ways to divide D."""
    for radii, D in (((1.0, 1.0), 1.9), ((1.0, 2.0), 4.5), ((1.0, 1.0), 1.3)):
        first, second = radii[0] ** 2, radii[1] ** 2
        share = np.linspace(0.001, 0.999, 1000) * D
        split = ed.entropy_distortion("circle", share / first) + ed.entropy_distortion("circle", (D - share) / second)
        result = products.best(D, (first, second), 4096)
        assert result.entropy / math.log(2.0) <= split.min() + 1e-9
        assert result.entropy / math.log(2.0) == pytest.approx(split.min(), abs=1e-2)  # shares are steps of D/1000
        assert result.distortion == pytest.approx(D, rel=1e-12)
        assert ed.upper_bound(ed.Torus(radii), D) <= result.entropy / math.log(2.0)
    assert ed.upper_bound("torus", 1.9) == pytest.approx(ed.entropy_distortion("circle", 0.9), rel=1e-9)
    assert products.best(0.001, (1.0, 1.0), 4) is None

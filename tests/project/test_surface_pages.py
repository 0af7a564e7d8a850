"""The pages of unit vectors and surfaces show the shipped results, and describe the schemes correctly."""

import importlib.util
import math
from pathlib import Path

import edcurve as ed
import numpy as np
import pandas as pd
import pytest
from scipy import integrate

ROOT = Path(__file__).parents[2]


def script(path):
    where = ROOT / "benchmarks" / path
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), where)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(where.parent)  # for its neighbours
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run():
    return script("unit_vectors/run.py")


def table_of(page, name):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return text.partition(f"<!-- table: {name} -->\n")[2].partition("<!-- end -->")[0].strip()


def test_table_of_unit_vectors(run):
    table = pd.read_csv(ROOT / "benchmarks/results/unit_vectors.csv")
    assert table_of("unit_vectors.md", "unit vectors") == run.markdown(table)
    assert (table[["fixed_above", "coded_above"]] > 0.0).to_numpy().all()
    assert (table["entropy"] <= table["bits"] + 1e-9).all()
    for row in table[table["n"] != 4].itertuples():
        assert ed.unit_vector_bound(row.n, row.bits - row.fixed_above) == pytest.approx(row.distortion, rel=1e-5)


def test_table_of_networks():
    surfaces, path = script("neural/surfaces.py"), ROOT / "benchmarks/results/surfaces.csv"
    table = surfaces.read(path)
    assert table_of("surfaces.md", "networks") == surfaces.markdown(table)
    assert (table["excess"] > table["left_open"]).all()  # no network is better than the best codes known
    for row in table[table["compressor"] == "product of arcs"].itertuples():
        assert surfaces.product(row.lmbda)["excess"] == pytest.approx(row.excess, abs=1e-5)
        assert row.excess - row.left_open == pytest.approx(math.log2(1.0392), abs=6e-3)  # squares for hexagons


@pytest.mark.parametrize(("bits", "error"), [(1, 0.3634), (2, 0.1175), (3, 0.03454), (4, 0.009497)])
def test_levels_of_lloyd_and_max(run, bits, error):
    """Max's (1960) values for a Gaussian are the limit; with few numbers against quadrature of the density."""
    assert run.lloyd_max(4096, bits)[0] == pytest.approx(error, rel=1.5e-3)
    if bits == 1:
        n = 6
        density = [(lambda x, k=k: abs(x) ** k * (1 - x * x) ** ((n - 3) / 2)) for k in (0, 1)]
        mean = integrate.quad(density[1], 0, 1)[0] / integrate.quad(density[0], 0, 1)[0]
        assert run.lloyd_max(n, 1) == pytest.approx((1.0 - n * mean**2, 1.0), rel=1e-8)


def test_schemes_of_normals_and_rotations(run):
    generator = np.random.default_rng(0)
    x, q = (generator.standard_normal((2000, n)) for n in (3, 4))
    x, q = x / np.linalg.norm(x, axis=1, keepdims=True), q / np.linalg.norm(q, axis=1, keepdims=True)
    back, index = run.octahedral(x)
    assert np.abs(back - x).max() < 0.02
    assert 0 <= index.min() <= index.max() < 2**16
    np.testing.assert_allclose(run.octahedral(back)[0], back, atol=1e-12)
    for bits, most in (((8, 7, 7), 0.02), ((10, 10, 10), 0.003)):
        rotated = run.smallest_three(q, bits)
        assert np.abs(np.abs((rotated * q).sum(axis=1)) - 1.0).max() < most**2
        np.testing.assert_allclose(run.smallest_three(-q, bits), rotated)
    assert run.angles(1)[1] == pytest.approx(2.0)
    points = run.on_sphere(2**14, 3)
    bits = 3
    colatitude, longitude = np.arccos(points[:, 2]), np.mod(np.arctan2(points[:, 1], points[:, 0]), 2.0 * math.pi)
    step = math.pi / 2**bits
    theta, phi = (np.floor(colatitude / step) + 0.5) * step, (np.floor(longitude / (2 * step)) + 0.5) * 2 * step
    middle = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)
    assert run.angles(bits)[0] == pytest.approx(np.square(points - middle).sum(axis=1).mean(), rel=2e-3)


def test_table_of_polygons():
    polygons = script("surfaces/polygons.py")
    table = pd.read_csv(ROOT / "benchmarks/results/polygons.csv")
    assert table_of("surfaces.md", "polygons") == polygons.markdown(table)
    assert (table["polygons"] <= table["codes"] + 1e-6).all()
    for lmbda, cells in (
        (2.5, 4),
        (3.6, 6),
        (6.5, 12),
    ):  # for regular polyhedra both are the same, up to the grid
        row = table[table["lmbda"] == lmbda].iloc[0]
        assert row["codes"] == pytest.approx(row["polygons"], abs=4e-5)
        code = ed.lagrangian("sphere", lmbda, base=math.e)
        assert code.cells == cells
        assert polygons.polygons(lmbda, cells) == pytest.approx(code.value, abs=4e-5)


def test_tables_of_photographs():
    photographs = script("surfaces/photographs.py")
    near, coded = (pd.read_csv(ROOT / f"benchmarks/results/{name}.csv") for name in PHOTOGRAPHS)
    first, second = photographs.markdown(near, coded).split("\n\n")
    assert table_of("surfaces.md", "photographs") == first
    assert table_of("surfaces.md", "codes of photographs") == second
    for row in coded.to_dict("records"):
        code = ed.quantizer("klein", row["distortion"] * (1.0 + 1e-5))
        assert code.cells == row["cells"]
        assert code.entropy == pytest.approx(row["entropy"], abs=1e-5)
    assert (coded["lower"] <= coded["projected_entropy"]).all()
    difference = coded["patches_distortion"] - coded["projected_distortion"]
    assert 0.15 <= difference.round(2).min() <= difference.round(2).max() <= 0.21
    gap = coded["projected_entropy"] - coded["lower"]
    assert 0.2 <= gap.round(1).min() <= gap.round(1).max() <= 0.4


PHOTOGRAPHS = ("photographs", "photographs_codes")


def test_regular_polygons():
    """Octants are triangles of mean (½, ½, ½); digons against their own integral; many edges against a cap."""
    polygons, p = script("surfaces/polygons.py"), np.array([0.02, 0.125, 0.3, 0.5, 0.8])
    assert polygons.polygon(np.array(0.125), 3) == pytest.approx(0.125 * 0.25, rel=1e-13)
    assert polygons.polygon(p, 2) == pytest.approx(p - (0.25 * np.sin(math.pi * p)) ** 2 / p, rel=1e-12)
    several = np.array([polygons.polygon(p, edges) for edges in range(2, 40)])
    assert (np.diff(several[:, p != 0.5], axis=0) < 0.0).all()
    assert several[:, p == 0.5] == pytest.approx(0.375, rel=1e-12)  # a hemisphere, for any number
    assert several[-1] == pytest.approx(polygons.cap(p), rel=1e-3)

"""Compressors of measured points: algebra of chords, names by content, stores and training."""

import gc
import pickle
import weakref

import edcurve
import edcurve_neural as edn
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from edcurve.cli import main
from edcurve_neural import manifolds
from edcurve_neural.compressors.train_circular import loops_of_components
from edcurve_neural.moments import PhaseCells
from edcurve_neural.signals import signal
from edcurve_neural.store import row
from edcurve_neural.training import sweeps

QUICK = {"steps": 300, "batch_size": 256, "compressor": "circular"}


def loop(count, harmonics=((1, 1.0),)):
    """Points of a loop with given amplitudes of harmonics."""
    angle = 2 * np.pi * np.arange(count) / count
    return np.stack([a * wave(k * angle) for k, a in harmonics for wave in (np.cos, np.sin)], axis=1)


def helix(count):
    v = np.linspace(0, 1, count)
    return np.stack([np.cos(4 * v), np.sin(4 * v), v], axis=1)


def waves(kind, count=24):
    points = loop(count, ((1, 1.0), (3, 0.3))) if kind == "loop" else helix(count)
    return points, signal(edn.from_samples(points, closed=kind == "loop"), 1)


@pytest.fixture
def elsewhere():
    """Forget all points, as in another process."""
    used, folders = dict(manifolds._manifolds._used), dict(manifolds._folders)

    def forget():
        manifolds._manifolds.clear()
        manifolds._folders.clear()

    yield forget
    for manifold in used.values():
        manifolds._manifolds.add(manifold)
    manifolds._folders.update(folders)


@pytest.mark.parametrize("kind", ["loop", "curve"])
def test_points_and_chords(kind):
    points, source = waves(kind)
    chords = len(points) - (kind == "curve")
    at = torch.arange(len(points), dtype=torch.float64)[None] / chords
    assert torch.allclose(source.sample(at)[0], torch.from_numpy(points), rtol=0, atol=1e-12)
    last = torch.from_numpy(points[0] if kind == "loop" else points[-1])
    assert torch.allclose(source.sample(torch.ones(1, 1, dtype=torch.float64))[0, 0], last, rtol=0, atol=1e-12)
    half = source.sample((at[:, 1:2] + at[:, 2:3]) / 2)[0, 0].numpy()
    np.testing.assert_allclose(half, (points[1] + points[2]) / 2, atol=1e-12)
    v = torch.rand((2, 300), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(source.energy(v), source.sample(v).square().sum(-1), rtol=1e-12)


@pytest.mark.parametrize("kind", ["loop", "curve"])
@pytest.mark.parametrize("batch", [10, 300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_projection_is_the_product(kind, batch, dtype):
    """By forming realizations, and by projecting all points once: against autograd of the plain product."""
    _, source = waves(kind)
    generator = torch.Generator().manual_seed(0)
    v = torch.rand((3, batch), generator=generator, dtype=dtype)
    v[:, 0] = 0.0
    rows = torch.randn((3, 5, source.dim), generator=generator, dtype=dtype).requires_grad_()
    bias = torch.randn((3, 5, 1), generator=generator, dtype=dtype)
    plain = torch.bmm(rows, source.sample(v).transpose(1, 2))
    close = 64 * torch.finfo(dtype).eps
    assert (source.project(v, rows.detach()) - plain).abs().max() <= close
    assert (source.project(v, rows.detach(), bias) - plain - bias).abs().max() <= close
    grad = torch.randn(plain.shape, generator=generator, dtype=dtype)
    (expected,) = torch.autograd.grad((plain * grad).sum(), rows)
    actual, biases = source.minus_adjoint(v, grad)
    assert (actual + expected).abs().max() <= close * batch
    assert torch.allclose(biases, grad.sum(2), rtol=0, atol=close * batch)


@pytest.mark.parametrize("kind", ["loop", "curve"])
def test_means_of_cells(kind):
    _, source = waves(kind)
    cells = PhaseCells(np.random.default_rng(0).integers(0, 7, 500), 7)
    x = source.sample(torch.from_numpy(cells.phases)[None])[0].numpy()
    means = np.concatenate([means for _, means in source.cell_means(cells)])
    np.testing.assert_allclose(means, [x[cells.labels == cell].mean(axis=0) for cell in range(7)], atol=1e-13)
    assert source.mean_energy(cells.phases) == pytest.approx(np.mean(np.sum(x**2, axis=1)), rel=1e-13)


@pytest.mark.parametrize("kind", ["loop", "curve"])
@pytest.mark.parametrize("count", [5, 24])
def test_rank_floor_is_that_of_the_covariance(kind, count):
    points, source = waves(kind, count)
    x = source.sample((torch.arange(100_000, dtype=torch.float64)[None] + 0.5) / 100_000)[0].numpy()
    values = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    for width in range(points.shape[1]):
        assert source.rank_floor(width) == pytest.approx(values[width:].sum(), rel=1e-6)


def test_training_sees_points_of_one_size_about_zero():
    points = 300.0 * loop(64, ((1, 1.0), (2, 0.1))) + 1e4
    source = signal(edn.from_samples(points), 1)
    scaled = source.for_training()
    assert scaled.nodes(torch.zeros(1)).mean(0).abs().max() < 0.1
    assert scaled.weight == 2.0 ** (2 * round(np.log2(300.0 * np.sqrt(1.01 / 2))))
    v = torch.tensor([[0.3]], dtype=torch.float64)
    back = scaled.sample(v)[0, 0] / scaled.scale + scaled.centre
    assert torch.allclose(back, source.sample(v)[0, 0], rtol=1e-12)
    circle = signal("circle", 1)
    assert circle.for_training() is circle


@pytest.mark.parametrize("compressor", ["ntc", "circular", "circular-table", "circular-network"])
def test_unit_and_origin_do_not_matter(compressor, brief_fits):
    """A model of moved and scaled points gives moved and scaled reconstructions."""
    points, changed = loop(48, ((1, 1.0), (2, 0.2))), 0.0 if compressor == "circular-network" else 5.0
    fields = {"steps": 60, "batch_size": 64, "compressor": compressor}
    first = edn.train(edn.Config(edn.from_samples(points), 8.0, **fields), progress=False)
    moved = 1024.0 * (points + changed)
    second = edn.train(edn.Config(edn.from_samples(moved), 8.0 / 2.0**20, **fields), progress=False)
    one, other = first.evaluate(4096), second.evaluate(4096)
    assert other.rate == pytest.approx(one.rate, abs=0.02)
    assert other.distortion == pytest.approx(2.0**20 * one.distortion, rel=0.01)
    x = torch.from_numpy(moved).float()[None]
    decoded = second.model.decode(second.model.encode(x))
    assert float((decoded - x).square().sum(2).mean()) == pytest.approx(other.distortion, rel=0.2)


def test_names_depend_on_the_content(tmp_path):
    points = loop(32)
    np.save(tmp_path / "a.npy", points)
    np.savetxt(tmp_path / "b.csv", points, delimiter=",")
    config = edn.Config(str(tmp_path / "a.npy"), 4.0)
    assert config.source == edn.from_samples(points)
    assert config == edn.Config(tmp_path / "b.csv", 4.0)
    assert config.samples is None
    assert edn.Config.from_dict(config.to_dict()).key == config.key
    np.save(tmp_path / "a.npy", 2.0 * points)
    assert edn.Config(str(tmp_path / "a.npy"), 4.0).key != config.key
    assert edn.from_samples(helix(9), closed=False).startswith("curve:")
    assert edn.grid(tmp_path / "b.csv", lmbda=[4.0])[0].key == config.key


def test_keys_of_other_sources_are_unchanged():
    assert edn.Config("circle", 32.0, steps=500, batch_size=256, compressor="circular").key == "b8dc5b2195e37723"
    assert edn.Config("circle", 32.0, steps=500, batch_size=256, latent_dim=2).key == "02f5631205a3b3ae"


def test_bad_points_are_named(tmp_path, elsewhere):
    np.save(tmp_path / "bad.npy", np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"bad\.npy"):
        edn.Config(str(tmp_path / "bad.npy"), 4.0)
    np.save(tmp_path / "few.npy", np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"few\.npy: x must be of shape"):
        edn.Config(str(tmp_path / "few.npy"), 4.0)
    with pytest.raises(FileNotFoundError, match=r"none\.npy"):
        edn.Config(str(tmp_path / "none.npy"), 4.0)
    with pytest.raises(ValueError, match="x must be stationary"):
        edn.from_samples(loop(32, ((1, 1.0),)) * [3.0, 1.0])
    with pytest.raises(ValueError, match=r"label must be .* got 'ramp'"):
        edn.from_samples(loop(32), label="ramp")
    with pytest.raises(ValueError, match="samples must be None for measured points"):
        edn.Config(edn.from_samples(loop(32)), 4.0, samples=32)
    with pytest.raises(ValueError, match=r"a file of points .* got 'loop:12'"):
        edn.Config("loop:12", 4.0)
    with pytest.raises(ValueError, match="a file of points"):
        edn.evaluate(lambda x: x, lambda i: i, "hair")
    elsewhere()
    with pytest.raises(ValueError, match="'loop:0123456789abcdef' are not known here"):
        edn.train(edn.Config("loop:0123456789abcdef", 4.0, steps=8), progress=False)


def test_store_keeps_the_points(tmp_path, elsewhere):
    """Workers and later processes find them; an altered copy is named."""
    config = edn.Config(edn.from_samples(loop(64), label="ring"), 8.0, **{**QUICK, "steps": 16})
    result = edn.sweep([config], store=tmp_path, points=2**10, progress=False).to_pandas().iloc[0]
    assert result["points_of"] == "ring"
    assert result["optimum"] == "exact (checked numerically)"
    elsewhere()
    config = edn.Config(str(config.source), 8.0, **{**QUICK, "steps": 16})
    run = edn.Store(tmp_path).load(config)
    assert run.evaluate(2**10).excess(8.0) == pytest.approx(result["excess"], abs=1e-9)
    second = edn.Config(config.source, 16.0, **{**QUICK, "steps": 16})
    elsewhere()
    program = {"store": str(tmp_path), "device": "cpu", "every": 500, "points": 2**10, "tensorboard": None}
    sweeps._train([second], **program, labels={str(config.source): "hair"}, say=False)
    assert edn.Store(tmp_path).row(second)["points_of"] == "hair"
    elsewhere()
    copy = tmp_path / "sources" / f"{config.source.partition(':')[2]}.npy"
    np.save(copy, loop(65))
    with pytest.raises(edn.DamagedFileError, match=rf"^{copy}: its content does not match its name"):
        edn.Store(tmp_path).load(config)
    copy.write_bytes(copy.read_bytes()[:-8])
    with pytest.raises(edn.DamagedFileError, match=rf"^{copy}: .* is damaged"):
        edn.Store(tmp_path).load(config)
    copy.unlink()
    with pytest.raises(ValueError, match=rf"^the points of source '{config.source}' are not known here"):
        edn.Store(tmp_path).load(config)


@pytest.mark.parametrize("count", [64, 512])
@pytest.mark.parametrize("compressor", ["circular", "ntc"])
def test_circle_by_points_is_the_circle(count, compressor):
    """The same phases and weights: only chords differ, by 1/N², and rounding in a short training."""
    fields = {**QUICK, "compressor": compressor, "latent_dim": 1 + (compressor == "ntc")}
    exact, evaluation = (
        edn.train(edn.Config(source, 32.0, **fields), progress=False).evaluate(2**14)
        for source in ("circle", edn.from_samples(loop(count)))
    )
    assert abs(evaluation.cells - exact.cells) <= 1
    assert evaluation.rate == pytest.approx(exact.rate, abs=2e-2 * 64 / count)
    assert evaluation.excess(32.0) == pytest.approx(exact.excess(32.0), abs=5e-2 * 64 / count)
    assert sum(evaluation.decomposition(32.0)) == pytest.approx(evaluation.excess(32.0), abs=1e-9)


def test_evaluate_takes_points(tmp_path):
    """Equal cells of the circle, whose distortion is known."""
    np.save(tmp_path / "ring.npy", loop(512))
    middle = 2 * np.pi * (np.arange(8) + 0.5) / 8
    evaluation = edn.evaluate(
        lambda x: np.floor(np.mod(np.arctan2(x[:, 1], x[:, 0]) / (2 * np.pi), 1.0) * 8).astype(int),
        lambda index: np.stack([np.cos(middle[index]), np.sin(middle[index])], axis=1) * np.sinc(1 / 8),
        tmp_path / "ring.npy",
        points=2**12,
    )
    assert evaluation.samples is None
    assert evaluation.entropy == pytest.approx(3.0)
    assert evaluation.distortion == pytest.approx(1 - np.sinc(1 / 8) ** 2, rel=1e-4)
    assert evaluation.optimum(8.0) == pytest.approx(edcurve.lagrangian("circle", 8.0).value, rel=1e-9)


def test_upper_bounds_are_called_upper_bounds():
    """δ of this loop is not monotone, so intervals need not be optimal."""
    config = edn.Config(edn.from_samples(loop(64, ((1, 0.5), (2, 1.0)))), 8.0, **{**QUICK, "steps": 8})
    run = edn.train(config, progress=False)
    evaluation = row(run, run.evaluate(2**10))
    assert evaluation["optimum"] == "upper bound"
    assert evaluation["truncation"] == run.evaluate(2**10).source.truncation
    assert "not monotone" in run.evaluate(2**10).source.reason


def test_start_finds_the_pair_that_winds_once():
    """If most of the variance winds three times, the angle of the first pair confuses three phases."""
    rows = loops_of_components(loop(500, ((3, 1.2), (1, 1.0)))).best(8.0)
    assert np.abs(rows[:, :2]).max() < 1e-6
    assert np.abs(rows[:, 2:4]).max() > 0.5


@pytest.mark.parametrize(("lmbda", "winds"), [(8.0, 2), (4096.0, 1)])
def test_start_depends_on_lmbda(lmbda, winds):
    """Points 0.1 apart at phases half a turn apart are worth a bit only at high λ."""
    rows = loops_of_components(loop(4096, ((1, 0.05), (2, 1.0)))).best(lmbda)
    used = np.abs(rows[:, :4]).max(axis=0) > 0.5
    assert used.tolist() == [winds == 1, winds == 1, winds == 2, winds == 2]


def test_open_curves():
    """An arc, compressed like the circle's."""
    config = edn.Config(edn.from_samples(helix(200), closed=False), 16.0, **QUICK)
    evaluation = edn.train(config, progress=False).evaluate(2**12)
    assert not evaluation.source.closed
    assert evaluation.excess(16.0) < 0.2 * evaluation.optimum(16.0)


def test_command_line(tmp_path):
    np.save(tmp_path / "arc.npy", helix(64))
    options = ["--lmbda", "8", "--steps", "8", "--batch-size", "32", "--points", "1024"]
    result = CliRunner().invoke(main, ["train", str(tmp_path / "arc.npy"), "--open", *options])
    assert result.exit_code == 0, result.output
    assert "arc.npy" in result.output
    assert "curve:" in result.output
    result = CliRunner().invoke(main, ["train", "circle", "--open", *options])
    assert result.exit_code != 0
    assert "--open is for files, got the source 'circle'" in result.output


def test_unused_points_are_released(elsewhere):
    """Points whose name is in use are kept, and the most recent others."""
    elsewhere()
    name = edn.from_samples(loop(64), label="ring")
    config = edn.Config(name, 8.0)
    reference = weakref.ref(manifolds.find(name))
    others = [np.repeat(loop(64), 2**10, axis=1) * size for size in np.linspace(1.0, 2.0, 40)]  # 1 MiB each
    names = [str(edn.from_samples(x)) for x in others]
    gc.collect()
    assert 10 < len([one for one in names if manifolds._manifolds.get(one)]) < 20
    assert manifolds.find(str(name)) is reference() is manifolds.find(pickle.loads(pickle.dumps(config)).source)
    with pytest.raises(ValueError, match="are not known here"):
        manifolds.find(names[0])
    del name
    manifolds._manifolds._recent.clear()
    assert manifolds.find(str(config.source)) is reference()
    del config
    gc.collect()
    assert reference() is None


def test_places_are_part_of_the_source(tmp_path, elsewhere):
    points, places = loop(16), [[0, 1], [5, 2]]
    plain, placed, elsewhere_placed = (
        edn.from_samples(points, places=argument) for argument in (None, places, [[0, 1], [5, 3]])
    )
    assert len({plain, placed, elsewhere_placed}) == 3
    assert signal(plain, 1).places[:, 0].tolist() == [-1.0, 0.0]
    np.testing.assert_allclose(signal(placed, 1).places, [[-1.0, -0.2], [1.0, 0.2]])
    config = edn.Config(placed, 4.0, steps=2, batch_size=4, hidden=(3,))
    edn.sweep([config], store=tmp_path, points=2**6, progress=False)
    name = str(placed)
    elsewhere()
    edn.Store(tmp_path)
    assert manifolds.find(name).places.tolist() == places
    (file,) = (tmp_path / "sources").glob("*.places.npy")
    np.save(file, np.array([[0.0, 1.0], [5.0, 9.0]]))
    elsewhere()
    edn.Store(tmp_path)
    with pytest.raises(manifolds.DamagedFileError, match="its content does not match its name"):
        manifolds.find(name)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ([[0, 1]], r"places must have shape \(2, 2\) or \(2, 3\), got \(1, 2\)"),
        ([0, 1], r"places must have shape \(2, 2\) or \(2, 3\), got \(2,\)"),
        ([[0, 1], [2, np.inf]], "places must be finite, got inf"),
        ([[0, 1], [0, 1]], "places must be different for different coordinates, got one twice"),
    ],
)
def test_invalid_places(places, message):
    with pytest.raises(ValueError, match=message):
        edn.from_samples(loop(16), places=places)


def test_points_of_one_coordinate_have_no_places():
    with pytest.raises(ValueError, match="places must be None for points of one coordinate"):
        edn.from_samples(np.linspace(0.0, 1.0, 16), places=[[0.0, 1.0]])

"""Compressors with a circular latent, their cells and tables."""

from dataclasses import replace

import edcurve
import edcurve_neural as edn
import numpy as np
import pytest
import torch
from edcurve_neural.compressors import begin, circular
from edcurve_neural.compressors.cells import EqualCells, SortedRealizations, choose
from edcurve_neural.compressors.codebook import Codebook, with_codebook
from edcurve_neural.compressors.ntc import NTC
from edcurve_neural.compressors.train_circular import DENSE, loops_of_components
from edcurve_neural.signals import signal

BASE = edn.Config("circle", 32.0, batch_size=64, steps=40, hidden=(16, 16), compressor="circular")
KINDS = ("circular", "circular-table")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def finished(config):
    program = begin([config])
    while program.done < program.steps:
        program.step()
    return program


@pytest.mark.parametrize("source", ["circle", "ramp", "sawbridge", "sinusoid"])
def test_gradients_are_those_of_formed_realizations(source):
    """Projections and Gram matrices against autograd through x(v) itself, in float64."""
    waves = signal(source, 40)
    arranged = circular.layout(waves.dim, (7, 5))
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(2, arranged.size, dtype=torch.float64, generator=generator) * 0.3
    v = torch.rand(2, 9, dtype=torch.float64, generator=generator)
    actual, plain = flat.clone().requires_grad_(), flat.clone().requires_grad_()

    views = arranged.views(actual)
    latent = circular.latents(waves, v, views)
    circular.series_error(waves, v, views["series"], latent).sum().backward()

    views = arranged.views(plain)
    x = waves.sample(v)
    both = torch.cat([views["analysis.0"], views["skip"]], dim=1)
    first = both[:, :, :-1] @ x.transpose(1, 2) + both[:, :, -1:]
    formed = circular.turns(circular.plane(first, views))
    (circular.series(views["series"], formed) - x).square().sum().backward()

    torch.testing.assert_close(latent, formed)
    torch.testing.assert_close(actual.grad, plain.grad, rtol=1e-8, atol=1e-8)
    assert float(plain.grad.abs().max()) > 0.1


def test_series_is_a_fourier_series():
    rng = np.random.default_rng(0)
    coefficients = rng.standard_normal((1 + 2 * circular.HARMONICS, 3))
    theta, j = 0.37, np.arange(1, circular.HARMONICS + 1)
    factors = np.concatenate([[1.0], np.cos(2 * np.pi * j * theta), np.sin(2 * np.pi * j * theta)])
    result = circular.series(
        torch.from_numpy(coefficients)[None] / circular.FAST, torch.tensor([[theta]], dtype=torch.float64)
    )
    np.testing.assert_allclose(result[0, 0].numpy(), factors @ coefficients, rtol=1e-12)


@pytest.mark.parametrize("offset", [0.0, 0.125, 0.5, 0.875])
@pytest.mark.parametrize(("number", "dim"), [(1, 3), (2, 3), (7, 3), (7, 200)])
def test_sums_over_cells(number, dim, offset):
    """Prefix sums against the index of each realization, and middles that lie in their own cells."""
    rng = np.random.default_rng(1)
    latent, x = rng.random(300), rng.standard_normal((300, dim))
    cells = EqualCells(number, offset)
    index = circular.cell(torch.from_numpy(latent), *cells).numpy()
    counts, sums = SortedRealizations(torch.from_numpy(latent), torch.from_numpy(x), 1.0).sums(cells)
    np.testing.assert_array_equal(counts, np.bincount(index, minlength=number))
    np.testing.assert_allclose(sums, [x[index == k].sum(axis=0) for k in range(number)], atol=1e-12)
    middles = torch.remainder((torch.arange(number) + (0.5 - offset)) / number, 1.0)
    assert circular.cell(middles, *cells).tolist() == list(range(number))


def test_a_finite_sample_does_not_flatter():
    """Entropy and distortion of 32 cells from 256 realizations, on the average, are those of the source."""
    rng = np.random.default_rng(2)
    result = []
    for _ in range(200):
        u = torch.from_numpy(rng.random(256))
        x = torch.stack([torch.cos(2 * np.pi * u), torch.sin(2 * np.pi * u)], dim=1)
        result.append(torch.stack(SortedRealizations(u, x, 1.0).with_means(EqualCells(32, 0.0))).numpy())
    entropy, distortion = np.mean(result, axis=0)
    assert entropy == pytest.approx(5.0, abs=0.01)
    assert distortion == pytest.approx(1.0 - np.sinc(1 / 32) ** 2, rel=0.02)


@pytest.mark.parametrize(("source", "lmbda"), [("circle", 4.0), ("circle", 128.0), ("ramp", 48.0), ("ramp", 256.0)])
def test_the_best_number_of_cells_is_chosen(source, lmbda):
    """The choice from realizations agrees with the exact solver, up to ties in cost."""
    u = torch.from_numpy(np.random.default_rng(3).random(2**14))
    waves = signal(source, 256)
    data = SortedRealizations(u, waves.sample(u[None])[0], waves.weight)
    source_of_optimum = edcurve.Circle() if source == "circle" else edcurve.Ramp()
    cells = choose(data, lmbda, 8.0)
    d = float(source_of_optimum.cell_distortion(1.0 / cells.number))
    assert np.log2(cells.number) + lmbda * d <= 1.0002 * edcurve.lagrangian(source_of_optimum, lmbda).value


def test_cells_for_a_decoder():
    """With given reconstructions, cost is computed with these."""
    rng = np.random.default_rng(4)
    u, x = rng.random(500), rng.standard_normal((500, 2))
    book = {k: torch.from_numpy(rng.standard_normal((k, 2))) for k in range(1, 200)}
    data = SortedRealizations(torch.from_numpy(u), torch.from_numpy(x), 0.5)
    index = np.floor(u * 5).astype(int)
    rate, distortion = data.with_decoder(EqualCells(5, 0.0), lambda cells: book[cells.number])
    assert rate == pytest.approx(np.log2(5))
    assert float(distortion) == pytest.approx(0.5 * np.mean(np.sum((x - book[5].numpy()[index]) ** 2, axis=1)))
    assert choose(data, 0.0, 3.0, lambda cells: book[cells.number]).number == 1


def test_components_that_go_round_once():
    """The second harmonic is stronger than the first, but its pair winds twice and is ambiguous."""
    u = (np.arange(500) + 0.5) / 500
    x = np.stack([np.cos(4 * np.pi * u), np.sin(4 * np.pi * u)], axis=1) * 2.0
    x = np.concatenate([x, np.cos(2 * np.pi * u)[:, None], 0.9 * np.sin(2 * np.pi * u)[:, None]], axis=1) + 5.0
    rows = loops_of_components(x).best(64.0)
    plane = x @ rows[:, :-1].T + rows[:, -1]
    angles = np.unwrap(np.arctan2(plane[:, 1], plane[:, 0]))
    assert abs(angles[-1] - angles[0]) == pytest.approx(2 * np.pi * 499 / 500, rel=1e-6)
    np.testing.assert_allclose(plane.var(axis=0), 1.0)
    np.testing.assert_allclose(plane.mean(axis=0), 0.0, atol=1e-9)


def test_components_of_a_line():
    x = np.linspace(-1.0, 1.0, 50)[:, None] * np.array([[3.0, 4.0]])
    assert loops_of_components(x).best(64.0).shape == (2, 3)
    assert np.isfinite(loops_of_components(x).best(64.0)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", ["circle", "ramp"])
def test_close_to_the_optimum(source, kind):
    """A few hundred steps are enough for small λ: within 1 % of the least H + λD."""
    lmbda = 4.0 if source == "circle" else 48.0
    steps = {"circular": 200, "circular-table": 50}[kind]
    samples = None if source == "circle" else 128
    config = edn.Config(source, lmbda, steps=steps, batch_size=128, compressor=kind, samples=samples)
    run = edn.train(config, progress=False)
    evaluation = run.evaluate(2**16)
    sampled = source == "ramp"
    assert evaluation.excess(lmbda, sampled=sampled) <= 0.01 * evaluation.optimum(lmbda)
    assert abs(evaluation.cells - edcurve.lagrangian(source, lmbda).cells) <= sampled
    parts = evaluation.decomposition(lmbda)
    assert sum(parts) == pytest.approx(evaluation.excess(lmbda), abs=1e-9)
    assert evaluation.excess(lmbda, sampled=sampled) >= -1e-4


def test_a_random_start_learns_to_go_round():
    """Topology is not built into the weights: from random weights the angle also winds once."""
    config = edn.Config(
        "circle", 4.0, steps=1000, batch_size=64, hidden=(30, 30), compressor="circular", start="random"
    )
    model = finished(config).compressor(0)
    v = torch.arange(2000)[None] / 2000
    angles = np.unwrap(2 * np.pi * circular.latents(model.signal, v, model.views())[0].double().numpy())
    assert abs(angles[-1] - angles[0]) == pytest.approx(2 * np.pi, rel=0.02)
    assert (
        edn.evaluate(
            lambda x: model.encode(x[None])[0], lambda k: model.decode(k[None])[0], "circle", points=2**14
        ).excess(4.0)
        < 0.1
    )


@pytest.mark.parametrize("kind", [*KINDS, "ntc-table"])
def test_stored_and_loaded(tmp_path, kind):
    config = replace(BASE, compressor=kind)
    edn.sweep([config], store=tmp_path, points=2**12, progress=False)
    store, run = edn.Store(tmp_path), edn.train(config, progress=False)
    loaded = store.load(config)
    assert set(loaded.model.state()) == set(run.model.state())
    for name, tensor in run.model.state().items():
        assert torch.equal(loaded.model.state()[name], tensor), name
    assert loaded.evaluate(2**12) == run.evaluate(2**12)
    assert store.rows()[0]["compressor"] == kind


@pytest.mark.parametrize("at", [5, 20, 33])
def test_resumed_training_gives_the_same_bits(at):
    whole, half = finished(BASE), begin([BASE])
    for _ in range(at):
        half.step()
    state = {name: tensor.clone() for name, tensor in half.state().items()}
    resumed = begin([BASE])
    resumed.restore(state, at)
    while resumed.done < resumed.steps:
        resumed.step()
    assert torch.equal(resumed.flat, whole.flat)
    assert resumed.compressor(0).cells == whole.compressor(0).cells


def test_models_in_a_batch_match_single_ones():
    configs = [replace(BASE, lmbda=lmbda, seed=seed) for lmbda, seed in ((4.0, 0), (64.0, 1))]
    together = begin(configs)
    while together.done < together.steps:
        together.step()
    for i, config in enumerate(configs):
        alone = finished(config)
        torch.testing.assert_close(together.flat[i], alone.flat[0], rtol=1e-3, atol=1e-4)


def test_divergence_does_not_spread():
    configs = [BASE, replace(BASE, learning_rate=1e30)]
    good, bad = edn.train_many(configs, progress=False)
    assert (good.status, bad.status) == ("finished", "diverged")
    assert good.evaluate(2**10).cells > 1
    assert np.isnan(bad.evaluate(2**10).rate)


def test_only_the_training_set_is_seen():
    """Eight phases justify at most eight cells, and nothing is known between the phases."""
    run = edn.train(replace(BASE, compressor="circular-table", train_size=8, lmbda=500.0), progress=False)
    assert len(run.model.keys) <= 8
    assert run.evaluate(2**12).excess(500.0) > 1.0


@pytest.mark.parametrize("offset", [0.0, 0.25])
@pytest.mark.parametrize("cells", [1, 5, 64, 200])
def test_probabilities_of_cells(cells, offset):
    """Integrals of the latents' density against counts."""
    latent = torch.rand(1, 200_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    latent = 0.5 * (latent + latent.flip(1))
    model = circular.Circular(
        "circle", (4,), torch.zeros(1, circular.layout(2, (4,)).size), density=circular.histogram(latent),
        cells=cells, offset=offset,
    )  # fmt: skip
    ((low, probabilities),) = model.tables()
    counts = torch.bincount(circular.cell(latent[0], cells, offset), minlength=cells).numpy() / 200_000
    assert low == 0
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(probabilities, counts, atol=0.03 / cells + 0.001)
    bits = model.rate(torch.arange(cells).view(1, -1, 1))[0]
    np.testing.assert_allclose(bits.numpy(), -np.log2(probabilities))


@pytest.mark.parametrize("latents", [1, 2])
def test_codebook(latents):
    """Entries against a loop over cells; unseen indices map to the nearest entry."""
    config = edn.Config("circle", 8.0, latent_dim=latents, hidden=(8, 8), train_size=400, compressor="ntc-table")
    model = NTC("circle", latents, (8, 8), seeds=(3,))
    with torch.no_grad():
        model.views()[f"analysis.{2}"].mul_(6.0)
    book = with_codebook(model, config)
    v = edn.train(replace(config, steps=1), progress=False) and torch.rand(1, 300)
    numbers = book.encode_phase(v)
    assert torch.equal(numbers, book.encode(model.signal.sample(v)))
    assert numbers.shape == (1, 300, 1)
    keys = book.keys.tolist()
    assert keys == sorted(keys)
    for index, number in zip(model.encode_phase(v)[0].tolist(), numbers[0, :, 0].tolist(), strict=True):
        gaps = [sum((a - b) ** 2 for a, b in zip(index, key, strict=True)) for key in keys]
        assert gaps[number] == min(gaps)
    assert float(book.probabilities.sum()) == pytest.approx(1.0)
    np.testing.assert_allclose(book.rate(numbers)[0].numpy(), -np.log2(book.probabilities[numbers[0, :, 0]].numpy()))
    assert torch.equal(book.decode(numbers)[0], book.codewords[numbers[0, :, 0]])


def test_codewords_are_means():
    config = edn.Config("circle", 8.0, hidden=(8, 8), train_size=50, compressor="ntc-table")
    model = NTC("circle", 1, (8, 8), seeds=(3,))
    with torch.no_grad():
        model.views()["analysis.2"].mul_(6.0)
    book = with_codebook(model, config)
    from edcurve_neural import learning_phases

    v = learning_phases.phases(config, "codebook", 1)
    assert v.shape == (1, 50)
    x, index = model.signal.sample(v)[0], model.encode_phase(v)[0, :, 0]
    for key, codeword, share in zip(book.keys[:, 0], book.codewords, book.probabilities, strict=True):
        torch.testing.assert_close(codeword, x[index == key].mean(0), rtol=1e-5, atol=1e-6)
        assert float(share) == pytest.approx((int((index == key).sum()) + 0.5) / (50 + 0.5 * len(book.keys)))
    assert isinstance(book, Codebook)


@pytest.mark.parametrize("dim", [3, DENSE + 1])
def test_components_of_a_single_realization(dim):
    """Nothing varies, so there is no first direction; also with many coordinates."""
    rows = loops_of_components(np.full((5, dim), 0.25)).best(8.0)
    np.testing.assert_array_equal(rows, np.zeros((2, dim + 1)))
    x = np.zeros((3, dim))
    x[2] = 1.0
    assert np.linalg.matrix_rank(loops_of_components(x - x[2:]).best(8.0)[:, :-1]) == 1

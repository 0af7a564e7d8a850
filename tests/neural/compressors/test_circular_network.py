"""The network of latent and place: derivatives, the fit of an edge, and its compressor."""

import io
import signal
import threading
import time

import edcurve_neural as edn
import numpy as np
import pytest
import torch
from edcurve_neural.compressors import begin, circular_network, network, train_circular
from edcurve_neural.compressors.cells import SortedRealizations, choose
from edcurve_neural.optimisation.program import Program
from edcurve_neural.runs import evaluate_model
from edcurve_neural.training import progress

SMALL = {"hidden": (20, 20), "batch_size": 16, "compressor": "circular-network"}


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(circular_network, "LEARNED_FROM", 2**13)
    monkeypatch.setattr(network, "PAIRS", 2000)
    monkeypatch.setattr(network, "ITERATIONS", (8, 6, 12))
    monkeypatch.setattr(network, "STARTS", 3)


def random_network(generator, places):
    units, inputs = network.size(places)
    shapes = (units, inputs), 2 * network.HARMONICS, units, inputs
    return network.Parameters(*(0.3 * generator.normal(size=shape) for shape in shapes))


@pytest.mark.parametrize("places", [1, 2, 3])
def test_derivatives_against_differences(places):
    generator = np.random.default_rng(1)
    net, latent, where = (
        random_network(generator, places),
        generator.random(7),
        generator.uniform(-1.0, 1.0, (7, places)),
    )
    pairs, count = (network._waves(latent), latent, where), network.parameters(places)
    output, jacobian = network._with_jacobian(net, *pairs)
    assert jacobian.shape == (7, count)
    np.testing.assert_allclose(output, network.values(net, *pairs), rtol=1e-13)
    for i in generator.choice(count, 40, replace=False):
        step = np.zeros(count)
        step[i] = 1e-6
        difference = network.values(net.moved(step), *pairs) - network.values(net.moved(-step), *pairs)
        np.testing.assert_allclose(jacobian[:, i], difference / 2e-6, rtol=1e-6, atol=1e-8)


def test_steps_a_thousand_times_too_long(monkeypatch):
    # after failures, steps with other pairs would be even shorter: one fit of 58 stopped after the cells had doubled
    rng = np.random.default_rng(0)
    latent = (np.arange(8) + 0.5) / 8
    means = np.sin(2 * np.pi * (latent[:, None] + np.arange(8) / 8))
    table = network.Means(means, latent, np.full(8, 1 / 8))
    net = network._improved(network._random_start(table, 8, rng), table, 10, rng, lambda: None)
    moved = net.moved(0.01 * rng.standard_normal(network.parameters(1)))
    exact = network._with_jacobian

    def steep(*arguments):
        output, jacobian = exact(*arguments)
        return output, 1e-3 * jacobian

    monkeypatch.setattr(network, "_with_jacobian", steep)
    after = network._improved(moved, table, 40, rng, lambda: None)
    assert network._mean_squared_error(after, table) < 0.5 * network._mean_squared_error(moved, table)


def test_weights_of_pairs_make_means_right(monkeypatch):
    """Pairs are drawn near edges, with importance weights: Σ w f is the mean of f."""
    monkeypatch.setattr(network, "PAIRS", 4000)
    cells, dim = 64, 128
    latent = (np.arange(cells) + 0.5) / cells
    means = (latent[:, None] > np.arange(dim) / dim).astype(float)
    table = network.Means(means, latent, np.full(cells, 1.0 / cells))
    chosen, weight = network._pairs(table, np.random.default_rng(0))
    assert weight.sum() == pytest.approx(1.0, rel=0.01)
    assert weight @ means.ravel()[chosen] == pytest.approx(means.mean(), rel=0.01)
    assert np.mean(np.abs(latent[chosen // dim] - chosen % dim / dim) < 2.0 / cells) > 0.4


def test_a_curved_edge(short):
    """Cells of a jump at the place v + 0.02 sin 2πv, which only the warp can follow."""
    v, dim = (np.arange(2**13) + 0.5) / 2**13, 128
    x = ((v + 0.02 * np.sin(2 * np.pi * v))[:, None] > np.arange(dim) / dim).astype(float)
    counts = [16, 32, 64]
    tables = [
        network.Means(
            x.reshape(count, -1, dim).mean(axis=1), (np.arange(count) + 0.5) / count, np.full(count, 1 / count)
        )
        for count in counts
    ]
    net = network.fit(tables, counts, np.random.default_rng(0))
    within = np.square(x).mean() - np.square(tables[-1].means).mean()
    assert network._mean_squared_error(net, tables[-1]) < 0.2 * within
    straight = network.Parameters(net.first, np.zeros_like(net.warp), net.last, net.direct)
    assert network._mean_squared_error(straight, tables[-1]) > 5.0 * network._mean_squared_error(net, tables[-1])


@pytest.mark.parametrize(("source", "samples", "lmbda"), [("circle", None, 16.0), ("ramp", 128, 200.0)])
def test_close_to_the_optimum_without_a_table(source, samples, lmbda, tmp_path, short):
    fields = {"samples": samples, "hidden": (20, 20), "steps": 300, "batch_size": 128, "compressor": "circular-network"}
    config = edn.Config(source, lmbda, **fields)
    edn.sweep([config], store=tmp_path, progress=False)
    model = edn.Store(tmp_path).load(config).model
    stored = sum(tensor.numel() for name, tensor in model.state().items() if name.startswith("network"))
    assert stored == network.parameters(1) == 323
    evaluation = evaluate_model(model, 2**14)
    assert -0.002 < evaluation.excess(lmbda, sampled=source == "ramp") / evaluation.optimum(lmbda) < 0.02
    fine = evaluation.decomposition(lmbda, fine=True)
    assert sum(fine) == pytest.approx(evaluation.excess(lmbda), abs=1e-9)
    assert fine.readout < 2e-3
    v = torch.linspace(0.0, 1.0, 50)[None]
    assert torch.equal(model.encode_phase(v), model.encode(model.signal.sample(v)))


def test_the_bar_shows_the_progress_of_the_fit(short, monkeypatch):
    """Every iteration is counted; steps are not counted twice."""
    monkeypatch.setattr(progress, "SHOWN", 0.0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("sys.stderr", io.StringIO())
    said, bars, made = [], [], progress._bar

    def bar():
        bars.append(made())
        update = bars[-1].update
        monkeypatch.setattr(bars[-1], "update", lambda task, **to: said.append(to.get("seen")) or update(task, **to))
        return bars[-1]

    monkeypatch.setattr(progress, "_bar", bar)
    edn.train(edn.Config("circle", 300.0, **(SMALL | {"steps": 40})))
    (task,) = bars[0].tasks
    assert task.completed == task.total == 40
    shares = [int(text.split()[1]) for text in said if text and text.startswith("fit")]
    assert len(shares) == network.iterations(2)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (100 // len(shares), 100)


def test_ctrl_c_ends_a_fit(short, monkeypatch):
    """A fit that would not end by itself; and no fit if training stops before its last step."""
    monkeypatch.setattr(network, "ITERATIONS", (10**7, 1, 1))
    started, counted, main = threading.Event(), Program.iterated, threading.main_thread().ident
    stopped = []

    def iterated(self, total):
        started.set()
        counted(self, total)

    def interrupt():
        started.wait(60.0)
        stopped.append(time.monotonic())
        signal.pthread_kill(main, signal.SIGINT)

    monkeypatch.setattr(Program, "iterated", iterated)
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        edn.train(edn.Config("circle", 300.0, **(SMALL | {"steps": 2})), progress=False)
    thread.join()
    assert time.monotonic() - stopped[0] < 2.0


def test_fewer_realizations_choose_the_cells_of_a_long_function(short, monkeypatch):
    """This limits memory to 2²⁵ numbers."""
    sizes = []
    chosen = train_circular.SortedRealizations

    def noted(latent, x, weight):
        sizes.append(x.shape)
        return chosen(latent, x, weight)

    monkeypatch.setattr(train_circular, "SortedRealizations", noted)
    monkeypatch.setattr(train_circular, "CHOSEN_NUMBERS", 2**16)
    begin([edn.Config("ramp", 50.0, samples=512, start="random", **(SMALL | {"compressor": "circular"}))]).compressor(0)
    assert sizes == [(2**16 // 512, 512)]


def test_cells_are_chosen_by_their_code_lengths():
    """Not by their entropy, which may be far from the code lengths of few bins."""
    latent = torch.rand(4096, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    data = SortedRealizations(latent, torch.stack([(latent > 0.5).double()] * 2, dim=1), 1.0)

    def share(cells):
        return torch.full((cells.number,), 1.0 / cells.number, dtype=torch.float64) * (1.0 if cells.offset else 0.1)

    assert choose(data, 8.0, 2.0).offset == 0.0
    assert choose(data, 8.0, 2.0, share=share).offset > 0.0


# --- places in a plane ------------------------------------------------------------------------------------------------


def picture(p):
    return np.exp(-8.0 * np.square(p - np.array([0.5, 0.1])).sum(-1)) - np.exp(-12.0 * np.square(p + 0.3).sum(-1))


def turned(count=96, side=9):
    """A picture on a disc of pixels, rotated about its centre, and the places of the pixels."""
    p = np.stack(np.meshgrid(*2 * [np.linspace(-1.0, 1.0, side)], indexing="ij"), axis=-1).reshape(-1, 2)
    p = p[np.hypot(*p.T) <= 1.0]
    angle = 2.0 * np.pi * np.arange(count) / count
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=1).reshape(-1, 2, 2)
    return picture(np.einsum("aij,pj->api", turn, p)), p


def test_the_flow_of_a_rotation():
    """Means of a picture that rotates once: the flow is b = 0 and 2π times a quarter turn."""
    x, p = turned(side=33)
    table = network.Means(x, np.arange(len(x)) / len(x), np.full(len(x), 1 / len(x)), p)
    quarter = 2.0 * np.pi * np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    np.testing.assert_allclose(network._flow(table), quarter, atol=0.15)


@pytest.mark.parametrize(("pairs", "iterations"), [(1000, 4), (260, 4), (65, 8), (29, 12)])
def test_the_fewer_of_the_pixels_are_drawn_at_a_time_the_more_often(pairs, iterations, monkeypatch):
    """As the square root of how many draws all of the 260 are; every iteration is counted."""
    monkeypatch.setattr(network, "PLANE_UNITS", 6)
    monkeypatch.setattr(network, "PAIRS", pairs)
    monkeypatch.setattr(network, "ITERATIONS", (1, 1, 4))
    x, p = turned(count=20, side=5)
    tables = [network.Means(x, np.arange(20) / 20, np.full(20, 1 / 20), p)] * 2
    made = []
    network.fit(tables, [20, 20], np.random.default_rng(0), lambda: made.append(None))
    assert x.size == 260
    assert len(made) == network.plane_iterations(x.size) == iterations


def test_pixels_are_decoded_by_place(short, monkeypatch, tmp_path):
    """A network of pixel numbers cannot follow the rotation; a store keeps places and gives the same compressor."""
    monkeypatch.setattr(network, "PLANE_UNITS", 48)
    x, p = turned()
    fields = {"hidden": (12, 12), "steps": 100, "batch_size": 128, "compressor": "circular-network"}
    percent = {}
    for places in (None, 7.0 * p + 3.0):
        config = edn.Config(edn.from_samples(x, places=places), 8.0, **fields)
        edn.sweep([config], store=tmp_path, points=2**10, progress=False)
        model = edn.Store(tmp_path).load(config).model
        evaluation = evaluate_model(model, 2**12)
        percent[places is not None] = 100.0 * evaluation.excess(8.0) / evaluation.optimum(8.0)
    assert percent[True] < 1.0
    assert percent[False] > 10.0
    assert sum(tensor.numel() for name, tensor in model.state().items() if "network" in name) == network.parameters(2)
    decoded = model.decode(torch.arange(model.cells).view(1, -1, 1))[0].double().numpy()
    layers = {name: tensor[0].double().numpy() for name, tensor in model.state().items() if "network" in name}
    latent = (np.arange(model.cells) + 0.5 - model.offset) / model.cells
    angle = 2.0 * np.pi * (latent + network._waves(latent) @ layers["network.warp"][0])
    for k in range(model.cells):
        wave = np.array([1.0, np.cos(angle[k]), np.sin(angle[k])])
        inputs = np.array([np.outer(wave, [1.0, *place]).ravel() for place in p])
        units = np.concatenate([np.tanh(inputs @ layers["network.first"].T), inputs], axis=1)
        np.testing.assert_allclose(decoded[k], units @ layers["network.last"][0], atol=1e-4)

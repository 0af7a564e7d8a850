"""Latents on a product of circles."""

import edcurve as ed
import edcurve_neural as edn
import numpy as np
import pytest
import torch
from edcurve_neural.compressors import begin, restored

FIELDS = {"compressor": "circles", "hidden": (12, 12), "batch_size": 256, "steps": 400, "learning_rate": 1e-2}
SMALL = edn.Config("torus", 8.0, latent_dim=2, **{**FIELDS, "steps": 6})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with a compressor of the torus."""
    folder = tmp_path_factory.mktemp("store")
    config = edn.Config("torus", 8.0, latent_dim=2, **FIELDS)
    edn.sweep([config], store=folder, points=2**12, progress=False)
    return edn.Store(folder), config


def test_each_latent_goes_round_one_circle(trained):
    """The best product of equal arcs, in closed form, is attained to a tenth of a bit."""
    store, config = trained
    run = store.load(config)
    evaluation = run.evaluate(2**16)
    counts = np.arange(1, 40)
    circle = counts * ed.Circle().cell_distortion(1.0 / counts)
    best = 2.0 * (np.log2(counts) + 8.0 * circle).min()  # of both angles
    above = evaluation.rate + 8.0 * evaluation.distortion - best
    assert -0.02 < above < 0.1
    assert evaluation.cells == run.model.cells.prod()
    assert evaluation.decomposition(8.0, fine=True).dependence == pytest.approx(0.0, abs=0.01)
    assert evaluation.decomposition(8.0).partition > 0.05  # squares cost more than hexagons


def test_realizations_are_coded(trained, tmp_path):
    store, config = trained
    run = store.load(config)
    phases = np.random.default_rng(0).integers(0, 2**24, 2000) / 2**24
    coded = edn.compress(tmp_path / "a.edc", run, phases)
    assert coded.model_bits <= coded.bits <= coded.model_bits + 0.001 * len(phases) + 64
    x = run.model.signal.sample(torch.from_numpy(phases)[None]).float()
    np.testing.assert_array_equal(edn.decompress(tmp_path / "a.edc", run), run.model.decode(run.model.encode(x))[0])


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_numbers_of_circles(latent_dim):
    run = edn.train(edn.Config("circle", 8.0, latent_dim=latent_dim, **FIELDS), progress=False)
    evaluation = run.evaluate(2**12)
    assert run.model.densities.shape[0] == latent_dim
    assert 0.0 <= evaluation.excess(8.0) < (0.05 if latent_dim == 1 else 1.0)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("partition", lambda t: t - 100),
        ("partition", lambda t: t[:1]),
        ("densities", lambda t: -t),
        ("densities", lambda t: t[:, :3]),
        ("densities", lambda t: 2.0 * t),
    ],
)
def test_invalid_densities_and_cells(name, change):
    state = begin([SMALL]).compressor(0).state()
    restored(SMALL, state)
    with pytest.raises(ValueError, match=r"invalid (cells|densities): "):
        restored(SMALL, {**state, name: change(state[name])})


def test_diverged_training_is_reported():
    fields = {**FIELDS, "steps": 40, "learning_rate": 1e20}
    run = edn.train(edn.Config("torus", 1e12, latent_dim=2, **fields), progress=False)
    assert run.status == "diverged"

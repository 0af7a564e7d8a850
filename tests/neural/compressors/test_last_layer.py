"""Last layers that are solved for: least squares, storage, and never a larger loss."""

import dataclasses

import edcurve_neural as edn
import numpy as np
import pytest
import torch
from edcurve_neural import learning_phases
from edcurve_neural.compressors import codebook
from edcurve_neural.runs import evaluate_model

FIELDS = {"samples": 48, "hidden": (6, 6), "batch_size": 32, "steps": 60, "learning_rate": 0.01, "last_layer": "solved"}


@pytest.fixture(autouse=True)
def few_realizations(monkeypatch):
    monkeypatch.setattr(codebook, "LEARNED_FROM", 2**13)


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_of_a_transform_coder(latent_dim):
    config = edn.Config("ramp", 4000.0, latent_dim=latent_dim, **FIELDS)
    plain = dataclasses.replace(config, last_layer="trained")
    solved, trained = (edn.train(choice, progress=False).model for choice in (config, plain))
    for name, tensor in trained.state().items():
        assert (name == "synthesis.2") != torch.equal(tensor, solved.state()[name])
    assert evaluate_model(solved, 2**12).distortion < 0.9 * evaluate_model(trained, 2**12).distortion

    v = learning_phases.phases(config, "codebook", 2**13)
    x, rows = (
        trained.signal.sample(v)[0].double().numpy(),
        trained.features(trained.encode_phase(v))[0].double().numpy(),
    )
    best = rows @ np.linalg.lstsq(rows, x, rcond=1e-7)[0]
    decoded = solved.decode(solved.encode_phase(v))[0].double().numpy()
    assert np.square(decoded - x).mean() == pytest.approx(np.square(best - x).mean(), rel=1e-4)


def test_of_a_circular_latent(tmp_path):
    """The series gets as many harmonics as pairs of cells, if these exceed the trained number."""
    config = edn.Config("ramp", 40_000.0, compressor="circular", **FIELDS | {"samples": 256, "steps": 200})
    edn.sweep([config], store=tmp_path, progress=False)
    model = edn.Store(tmp_path).load(config).model
    assert model.cells > 80
    assert 32 < model.harmonics <= model.cells // 2
    assert model.rank == 2 * model.harmonics
    evaluation, plain = (
        evaluate_model(compressor, 2**14) for compressor in (model, edn.train(_trained(config), progress=False).model)
    )
    assert evaluation.rate + 40_000.0 * evaluation.distortion < 0.7 * (plain.rate + 40_000.0 * plain.distortion)
    assert evaluation.distortion < 1.6 * evaluation.distortion_centroid  # of few realizations
    retrained = edn.train(config, progress=False).model  # the stored one has its trained layer
    assert torch.equal(retrained.solved, model.solved)


def _trained(config):
    return dataclasses.replace(config, last_layer="trained")


def test_a_last_layer_that_is_as_good_stays():
    """On the circle, training already decodes few cells to nearly their means."""
    config = edn.Config("circle", 8.0, compressor="circular", **FIELDS | {"samples": None, "steps": 300})
    solved, trained = (edn.train(choice, progress=False).model for choice in (config, _trained(config)))
    assert (
        evaluate_model(solved).decomposition(8.0).decoder <= evaluate_model(trained).decomposition(8.0).decoder + 1e-4
    )


@pytest.mark.parametrize("kind", ["ntc-table", "circular-table", "circular-network"])
def test_those_that_have_none(kind):
    with pytest.raises(ValueError, match=f"last_layer must be 'trained' for {kind}, got 'solved'"):
        edn.Config("circle", 8.0, compressor=kind, last_layer="solved")


def test_a_damaged_series(tmp_path):
    config = edn.Config("circle", 8.0, compressor="circular", **FIELDS | {"samples": None, "steps": 8})
    state = edn.train(config, progress=False).model.state() | {"solved": torch.zeros(4, 2)}
    with pytest.raises(ValueError, match=r"invalid series: shape \(4, 2\)"):
        config.kind.restored(config, state)

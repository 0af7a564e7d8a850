"""Fourier embeddings of a transform coder's inputs: against numpy, stored, trained, refused."""

import edcurve_neural as edn
import numpy as np
import pytest
import torch
from edcurve_neural.compressors import begin
from edcurve_neural.compressors.ntc import NTC, SLOPE, Octaves
from edcurve_neural.compressors.objective import cost

SMALL = {"hidden": (6, 5), "batch_size": 16, "steps": 12}


def network(x, layers):
    for i, layer in enumerate(layers):
        x = x @ layer[:, :-1].T + layer[:, -1]
        if i < len(layers) - 1:
            x = np.where(x > 0.0, x, SLOPE * x)
    return x


def waves(x, frequencies):
    return np.concatenate([x, *(f(np.pi * k * x) for k in frequencies for f in (np.cos, np.sin))], axis=1)


@pytest.mark.parametrize(("octaves", "source"), [((3, 0), "circle"), ((0, 2), "ramp"), ((2, 4), "ramp")])
def test_networks_see_waves(octaves, source):
    model = NTC(source, 2, (6, 5), samples=9, octaves=Octaves(*octaves)).double()
    with torch.no_grad():
        model.flat.mul_(3.0)
    v = torch.rand(1, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x, views = model.signal.sample(v), {name: view[0].detach().numpy() for name, view in model.views().items()}
    analysis_inputs = waves(x[0].numpy(), [1, 2, 4, 8][: octaves[0]])
    latent = network(analysis_inputs, [views[f"analysis.{i}"] for i in range(3)])
    np.testing.assert_allclose(model.analysis(x)[0].detach().numpy(), latent, rtol=1e-11, atol=1e-13)
    assert torch.equal(model.encode_phase(v), model.encode(x))
    index = np.floor(latent + 0.5)
    assert len(np.unique(index, axis=0)) > 2
    synthesis_inputs = waves(index, [1 / 2, 1 / 4, 1 / 8, 1 / 16][: octaves[1]])
    decoded = network(synthesis_inputs, [views[f"synthesis.{i}"].T for i in range(3)])
    indices = model.encode(x)
    np.testing.assert_allclose(model.decode(indices)[0].numpy(), decoded, rtol=1e-11, atol=1e-13)
    recomputed = model.features(indices) @ torch.from_numpy(views["synthesis.2"])
    np.testing.assert_allclose(recomputed[0].numpy(), decoded, rtol=1e-11, atol=1e-13)


def test_loss_with_and_without_forming_realizations():
    model = NTC("ramp", 1, (6, 5), samples=30, octaves=Octaves(latent=3)).double()
    numbers = torch.rand(2, 1, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    about = model.signal, model.views(), numbers[0], numbers[1:] - 0.5, torch.tensor([3.0], dtype=torch.float64)
    formed, not_formed = (cost(*about, formed=choice) for choice in (True, False))
    torch.testing.assert_close(torch.stack(formed), torch.stack(not_formed))


@pytest.mark.parametrize("compressor", ["ntc", "ntc-table"])
def test_stored_and_loaded(compressor, tmp_path):
    config = edn.Config("circle", 16.0, compressor=compressor, input_octaves=2, latent_octaves=3, **SMALL)
    edn.sweep([config], store=tmp_path, points=2**8, progress=False)
    loaded = edn.Store(tmp_path).load(config)
    assert loaded.evaluate(2**8) == edn.train(config, progress=False).evaluate(2**8)
    assert edn.Store(tmp_path).rows()[0]["latent_octaves"] == 3


def test_training_uses_them():
    """A step changes the weights of the waves; a program without them is unchanged."""
    config = edn.Config("circle", 16.0, input_octaves=1, latent_octaves=1, **SMALL)
    program = begin([config])
    before = {name: view.clone() for name, view in program.model.layout.views(program.flat).items()}
    program.step()
    after = program.model.layout.views(program.flat)
    assert (after["analysis.0"] != before["analysis.0"])[..., 2:6].all()
    assert (after["synthesis.0"] != before["synthesis.0"])[:, 1:3].any()
    assert NTC("circle", 1, (6, 5)).layout.shapes["analysis.0"] == (6, 3)


def test_what_is_refused():
    ring = edn.from_samples(np.stack([wave(2 * np.pi * np.arange(16) / 16) for wave in (np.cos, np.sin)], axis=1))
    for source, fields, message in [
        ("circle", {"latent_octaves": 17}, "latent_octaves must be from 0 to 16, got 17"),
        ("circle", {"input_octaves": -1}, "input_octaves must be from 0 to 16, got -1"),
        ("circle", {"input_octaves": 2, "compressor": "circular"}, "input_octaves must be 0 for circular, got 2"),
        (ring, {"input_octaves": 2}, "input_octaves must be 0 for measured points, got 2"),
    ]:
        with pytest.raises(ValueError, match=message):
            edn.Config(source, 4.0, **fields)
    assert edn.Config(ring, 4.0, latent_octaves=2).key != edn.Config(ring, 4.0).key

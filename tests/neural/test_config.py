"""Configurations: what is refused, keys, JSON."""

import dataclasses
import json

import edcurve as ed
import edcurve_neural as edn
import numpy as np
import pytest

GRID = ed.Source.from_surface(np.random.default_rng(1).normal(size=(4, 4, 3)), ends=("open", "open"))
REFUSED = [
    ({"source": "square"}, ValueError, "source must be one of circle, klein, ramp"),
    ({"source": ed.Sphere()}, ValueError, "source must be one of .* its name is 'sphere'"),
    ({"source": GRID}, ValueError, "a surface of samples is for edcurve_neural.evaluate, and edcurve.ecvq takes"),
    ({"lmbda": -1.0}, ValueError, "lmbda must be from 0 to 1e.12, got -1.0"),
    ({"lmbda": float("nan")}, ValueError, "lmbda must be from 0 to"),
    ({"lmbda": "4"}, TypeError, "lmbda must be a real number, got '4'"),
    ({"latent_dim": 0}, ValueError, "latent_dim must be at least 1, got 0"),
    ({"latent_dim": 1.0}, TypeError, "latent_dim must be an integer"),
    ({"hidden": ()}, TypeError, "hidden must be a tuple of at least one width"),
    ({"hidden": (10, 0)}, ValueError, "hidden must be at least 1, got 0"),
    ({"samples": 10}, ValueError, "samples must be None for the circle"),
    ({"source": "ramp", "samples": 1}, ValueError, "samples must be from 2 to 1048576, got 1"),
    ({"batch_size": True}, TypeError, "batch_size must be an integer"),
    ({"batch_size": 2**24}, ValueError, "batch_size"),
    ({"steps": 0}, ValueError, "steps must be at least 1"),
    ({"learning_rate": float("inf")}, ValueError, "learning_rate must be from 0"),
    ({"train_size": 0}, ValueError, "train_size must be from 1"),
    ({"seed": -1}, ValueError, "seed must be from 0"),
    ({"likelihood": "exact"}, ValueError, "likelihood must be one of derived, reference"),
    ({"compressor": "round"}, ValueError, "compressor must be one of ntc, ntc-table, circular, .*, got 'round'"),
    ({"compressor": "circular", "start": "zero"}, ValueError, "start must be one of data, random, got 'zero'"),
    ({"compressor": "circular", "latent_dim": 2}, ValueError, "latent_dim must be 1 for circular, got 2"),
    ({"compressor": "circular", "likelihood": "reference"}, ValueError, "likelihood must be 'derived' for circular"),
    ({"start": "random"}, ValueError, "start must be 'data' for ntc, got 'random'"),
]


@pytest.mark.parametrize(("fields", "error", "message"), REFUSED)
def test_refused(fields, error, message):
    with pytest.raises(error, match=message.replace("**", r"\*\*")):
        edn.Config(**{"source": "circle", "lmbda": 4.0, **fields})


def test_round_trip():
    config = edn.Config("ramp", 48, latent_dim=10, hidden=[20, 30], train_size=500, seed=2**64 - 1)
    restored = edn.Config.from_dict(json.loads(json.dumps(config.to_dict())))
    assert restored == config
    assert restored.key == config.key
    assert config.samples == 1024
    assert config.hidden == (20, 30)


def test_key_depends_on_every_field():
    config = edn.Config("ramp", 48.0, samples=64)
    changed = {
        "source": "sawbridge", "lmbda": 49.0, "latent_dim": 2, "hidden": (100, 101), "samples": 65, "batch_size": 512,
        "steps": 10, "learning_rate": 2e-3, "train_size": 9, "seed": 1, "likelihood": "reference",
        "compressor": "ntc-table", "last_layer": "solved", "input_octaves": 2, "latent_octaves": 3,
    }  # fmt: skip
    assert {*changed, "start"} == {field.name for field in dataclasses.fields(config)}
    keys = {dataclasses.replace(config, **{name: value}).key for name, value in changed.items()}
    assert len(keys | {config.key}) == len(changed) + 1
    assert edn.Config("ramp", 48, samples=64).key == config.key  # int or float
    circular = dataclasses.replace(config, compressor="circular")
    assert dataclasses.replace(circular, start="random").key != circular.key


def test_keys_are_those_of_releases_before_a_field():
    """With shipped results: stores of that time are read, and nothing is retrained."""
    config = edn.Config("circle", 4.0, batch_size=64, steps=100_000)
    assert config.key == "121092053c062f16"


def test_unknown_field():
    with pytest.raises(ValueError, match="unknown field of a configuration: batchsize"):
        edn.Config.from_dict({"source": "circle", "lmbda": 4.0, "batchsize": 3})


def test_grid():
    configs = edn.grid("circle", lmbda=np.array([4.0, 32.0]), batch_size=64, hidden=(8, 8), seed=range(3))
    assert [(config.lmbda, config.seed) for config in configs] == [(x, seed) for x in (4.0, 32.0) for seed in range(3)]
    assert {(config.batch_size, config.hidden, config.source) for config in configs} == {(64, (8, 8), "circle")}
    assert [config.hidden for config in edn.grid("ramp", lmbda=1, hidden=[(8,), (9, 9)])] == [(8,), (9, 9)]
    with pytest.raises(ValueError, match="lmbda must be from 0"):
        edn.grid("circle", lmbda=[4, -1])

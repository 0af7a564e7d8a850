"""Compressors whose indices are coded."""

import edcurve_neural as edn
import numpy as np
import pytest
from coded import ENTRIES, EXAMPLE, trained


@pytest.fixture(scope="module")
def circle():
    return trained("circle", 4.0, latent_dim=2, steps=1500, learning_rate=3e-3)


@pytest.fixture(scope="module")
def ramp():
    return trained("ramp", 256.0, latent_dim=1, steps=400, samples=64)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("coded") / "a.edc"
    edn.write_indices(path, EXAMPLE, np.array(ENTRIES))
    return path.read_bytes()

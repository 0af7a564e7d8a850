"""The smallest and oddest configurations train and evaluate."""

import edcurve_neural as edn
import numpy as np
import pytest

ODD = [
    {"source": "circle", "lmbda": 0.0, "hidden": (1,), "batch_size": 1, "steps": 1},
    {"source": "circle", "lmbda": 1e12, "hidden": (3, 2, 1, 4), "latent_dim": 10, "batch_size": 2, "steps": 3},
    {"source": "ramp", "lmbda": 48.0, "samples": 2, "hidden": (1,), "batch_size": 1, "steps": 5},
    {"source": "ramp", "lmbda": 48.0, "samples": 3, "hidden": (2, 2), "latent_dim": 3, "batch_size": 3, "steps": 5},
    {"source": "sinusoid", "lmbda": 48.0, "samples": 2, "hidden": (1,), "batch_size": 5, "steps": 5},
    {"source": "sawbridge", "lmbda": 48.0, "samples": 2, "hidden": (9,), "batch_size": 5, "steps": 5},
    {"source": "sawbridge", "lmbda": 48.0, "train_size": 1, "batch_size": 5, "steps": 5, "seed": 2**64 - 1},
    {"source": "circle", "lmbda": 4.0, "learning_rate": 0.0, "steps": 3, "batch_size": 8192},
    {"source": "circle", "lmbda": 4.0, "likelihood": "reference", "steps": 101, "hidden": (4,), "batch_size": 16},
]


@pytest.mark.parametrize("fields", ODD)
def test_trains_and_evaluates(fields):
    runs = edn.train_many([edn.Config(**fields)] * 2, progress=False)
    for run in runs:
        evaluation = run.evaluate(100)
        assert run.status == "finished"
        assert all(np.isfinite(values).all() for values in run.history.values())
        assert run.history["step"][-1] == fields["steps"]
        assert evaluation.rate >= evaluation.entropy - 1e-6  # Gibbs: the density sums to one
        assert evaluation.distortion >= evaluation.distortion_centroid
        assert evaluation.cells >= 1
        assert sum(evaluation.decomposition(4.0)) == pytest.approx(evaluation.excess(4.0), abs=1e-6)


def test_learning_rate_of_zero_changes_nothing():
    run = edn.train(edn.Config("circle", 4.0, learning_rate=0.0, steps=5, batch_size=16, seed=3), progress=False)
    assert run.model.flat.equal(edn.NTC("circle", 1, seeds=(3,)).flat)

"""Compressors restored from checked state."""

from dataclasses import replace

import edcurve_neural as edn
import pytest
import torch
from edcurve_neural.compressors import begin, restored

SMALL = edn.Config("circle", 8.0, hidden=(4,), batch_size=4, steps=6, compressor="circular")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("partition", lambda t: t + 0.5),
        ("partition", lambda t: t + torch.tensor([0.0, 3.0], dtype=torch.float64)),
        ("density", lambda t: -t),
        ("density", lambda t: 2.0 * t),
        ("density", lambda t: t * torch.nan),
    ],
)
def test_invalid_densities_and_cells(name, change):
    state = begin([SMALL]).compressor(0).state()
    restored(SMALL, state)
    with pytest.raises(ValueError, match=r"invalid (cells|density): "):
        restored(SMALL, {**state, name: change(state[name])})


@pytest.mark.parametrize("change", [lambda p: -p, lambda p: 0.5 * p, lambda p: p * torch.nan])
def test_invalid_probabilities(change):
    config = replace(SMALL, compressor="circular-table", train_size=50)
    state = begin([config]).compressor(0).state()
    restored(config, state)
    with pytest.raises(ValueError, match="invalid probabilities: "):
        restored(config, {**state, "probabilities": change(state["probabilities"])})

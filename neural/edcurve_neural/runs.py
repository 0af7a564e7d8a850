"""`Run`: a trained compressor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import torch
from numpy.typing import NDArray

from . import readout, signals
from .compressors.base import Compressor
from .config import Config
from .evaluation import POINTS, Evaluation, check_points, evaluate_cells, grid
from .moments import PhaseCells, distinct_runs
from .signals.base import Signal

STATUSES = ("finished", "diverged")
BATCH = 2**15  # phases, or distinct indices, in a block


@dataclass(frozen=True)
class Run:
    """A trained compressor: its configuration, the model, and how training went.

    Attributes
    ----------
    config : Config
        The configuration.
    model : NTC, Circular or Codebook
        The compressor.
    status : str
        "finished", or "diverged" if the loss was infinite or NaN at some step.
    failed : int or None
        The first step at which the loss was infinite or NaN.
    history : dict of ndarray
        "step", and means of "loss", "rate" (bits) and "distortion" since the previous one, with soft rounding and
        noise, as in training; `evaluate` computes them with hard rounding.
    seconds : float
        Wall-clock time of the program that trained it, divided by the models in it.
    """

    config: Config
    model: Compressor
    status: str
    failed: int | None
    history: dict[str, NDArray[np.float64]]
    seconds: float

    def evaluate(self, points: int = POINTS) -> Evaluation:
        """Rate, entropy and distortions on a grid of phases, with hard rounding and offset 0.

        Parameters
        ----------
        points : int
            The phases are (j + ½)/points.

        Returns
        -------
        Evaluation
            All NaN, with no cells, if the weights are not finite.
        """
        check_points(points)
        return evaluate_model(self.model, points)


@torch.no_grad()
def evaluate_model(model: Compressor, points: int = POINTS) -> Evaluation:
    """Evaluate a compressor as `Run.evaluate` does."""
    signal, like = model.signal, model.flat
    floor = None if model.rank is None else signal.rank_floor(model.rank)
    if not model.finite:
        return Evaluation(signal.source, signal.samples, *(float("nan"),) * 6, 0, floor, points)
    blocks = [
        model.encode_phase(grid(points, start, min(start + BATCH, points)).to(like).unsqueeze(0))[0]
        for start in range(0, points, BATCH)
    ]
    distinct, cells = distinct_runs(torch.cat(blocks))
    indices = torch.from_numpy(distinct).to(like.device).unsqueeze(0)

    def reconstruct(block: slice) -> NDArray[np.float64]:
        return model.decode(indices[:, block])[0].double().cpu().numpy()

    rate = model.rate(indices)[0].double().cpu().numpy()
    energy = _mean_energy(type(signal), signal.name, signal.samples or 2, points)
    return evaluate_cells(
        signal,
        PhaseCells(cells, len(distinct)),
        distinct,
        reconstruct,
        rate,
        readout=partial(_readout, model, indices),
        rank_floor=floor,
        energy=energy,
    )


def _readout(model: Compressor, indices: torch.Tensor, probability: NDArray[np.float64]) -> readout.Readout:
    """The fit of the best last layer of a decoder."""

    def features(block: slice) -> NDArray[np.float64]:
        features = model.features(indices[:, block])
        assert features is not None
        return features[0].double().cpu().numpy()

    first = model.features(indices[:, :1])
    if first is None:
        return readout.Table()
    if first.ndim == 4:
        return readout.Placed(features, first.shape[3], probability)
    return readout.Linear(features(slice(None)), probability)


@lru_cache(maxsize=16)  # the runs of a sweep are of the same few sources
def _mean_energy(_kind: type[Signal], name: str, samples: int, points: int) -> float:
    """Mean of ‖x(v)‖² over the grid of phases."""
    return signals.signal(name, samples).mean_energy((np.arange(points) + 0.5) / points)

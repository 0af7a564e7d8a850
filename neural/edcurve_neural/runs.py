"""`Run`: a trained compressor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .compressors.base import Coder
from .config import Config
from .evaluation import POINTS, Evaluation, check_points, grid, known_source, measured, relabel, samples_of
from .signals import Measured, Ramp, Sawbridge, Signal

BATCH = 2**15  # phases encoded at once


@dataclass(frozen=True)
class Run:
    """A configuration, what training made of it, and how that went.

    Attributes
    ----------
    config : Config
        What was asked for.
    model : NTC, Circular or Codebook
        The compressor.
    status : str
        "finished", or "diverged": the loss was not finite at some step, and the weights are what came of it.
    failed : int or None
        The first step with a loss that was not finite.
    history : dict of ndarray
        "step", and means since the step before of "loss", "rate" (bits) and "distortion", all with soft rounding and
        noise, as in training; `evaluate` has them with hard rounding.
    seconds : float
        Wall-clock time of the program that trained it, divided by the models in it.
    """

    config: Config
    model: Coder
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
        return evaluate_model(self.model, self.config.source, points)


@torch.no_grad()
def evaluate_model(model: Coder, source: str, points: int = POINTS) -> Evaluation:
    """`Run.evaluate` of a coder of one model."""
    known, waves = known_source(source), model.signal
    floor = None if model.rank is None else rank_floor(waves, model.rank)
    if not bool(torch.isfinite(model.flat).all()):
        return Evaluation(known, samples_of(waves), *(float("nan"),) * 4, 0, floor, points)
    like = model.flat
    blocks = [
        model.encode_phase(grid(points, start, min(start + BATCH, points)).to(like).unsqueeze(0))[0]
        for start in range(0, points, BATCH)
    ]
    distinct, cells = relabel(torch.cat(blocks).cpu().numpy())
    indices = torch.from_numpy(distinct).to(like.device).unsqueeze(0)

    def reconstruct(block: slice) -> NDArray[np.float64]:
        return model.decode(indices[:, block])[0].double().cpu().numpy()

    rate = model.rate(indices)[0].double().cpu().numpy()
    return measured(known, waves, cells, len(distinct), reconstruct, rate, floor)


def rank_floor(waves: Signal, width: int) -> float:
    """Energy beyond the first `width` principal components: what a decoder with a last layer so wide must lose."""
    if isinstance(waves, Ramp):
        gap = np.arange(waves.dim) / waves.dim
        values = np.fft.fft(1.0 / 12.0 - 0.5 * gap * (1.0 - gap)).real / waves.dim  # a circulant covariance
    elif isinstance(waves, Sawbridge):
        # min(s, t) − st at multiples of 1/T: a Brownian bridge
        values = 0.25 / np.square(waves.dim * np.sin(0.5 * np.pi * np.arange(1, waves.dim) / waves.dim))
    elif isinstance(waves, Measured):
        values = waves.variances
    else:
        values = np.full(2, 0.5 * waves.weight * waves.energy(torch.zeros(1, 1)).item())
    return float(np.sort(values)[::-1][width:].sum())

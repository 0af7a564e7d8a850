"""The entropy model of a compressor as checked tables of probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from edcurve.validation import clipped
from numpy.typing import NDArray

from edcurve_neural.compressors.base import ProbabilityTable
from edcurve_neural.runs import Run

from . import bitstream


def tables(model: Any) -> list[ProbabilityTable]:
    """The entropy model of a compressor: a categorical distribution for each latent dimension.

    Parameters
    ----------
    model : Run, or a compressor with a method ``tables``
        One model.

    Returns
    -------
    list of ProbabilityTable
        The least index, and the probabilities from it on. Other indices share the remaining probability, below 2e-6
        for an `NTC`, unless its table would need more than 2¹⁶ indices.

    Raises
    ------
    TypeError
        For a model without tables.
    ValueError
        For more than one model, weights that are not finite, or invalid probabilities.
    """
    compressor = compressor_of(model)
    if not hasattr(compressor, "tables"):
        raise TypeError(f"model must be an NTC, a Run, or have a method tables, got {type(compressor).__name__}")
    pairs = ((int(low), np.asarray(probabilities)) for low, probabilities in compressor.tables())
    checked = [ProbabilityTable(low, _without_rounding(probabilities)) for low, probabilities in pairs]
    for table in checked:
        _check(table)
    return checked


def compressor_of(model: Any) -> Any:
    """The compressor of a run; a compressor itself."""
    return model.model if isinstance(model, Run) else model


def _without_rounding(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities in float64, with 0 for negative ones, which differences of probabilities may round to."""
    values = probabilities.astype(np.float64)
    return clipped(values, probabilities.dtype) if values.size else values


def _check(table: ProbabilityTable) -> None:
    low, probabilities = table
    if probabilities.ndim != 1 or not 1 <= len(probabilities) <= bitstream.LARGEST:
        raise ValueError(f"a table must have from 1 to 2**20 probabilities, got shape {probabilities.shape}")
    if not -(2**63) <= low <= 2**63 - len(probabilities):
        raise ValueError(f"the indices of a table must fit 64 bits, got {len(probabilities)} from {low}")
    if not (probabilities.min() >= 0.0 and probabilities.sum() <= 1.0 + 1e-6):
        raise ValueError(f"a table must be of probabilities with a sum of at most one, got a sum {probabilities.sum()}")

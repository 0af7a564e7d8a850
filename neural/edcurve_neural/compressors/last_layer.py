"""The last layer of a decoder, solved for when training has ended: least squares on the means of the cells."""

from __future__ import annotations

import torch
from torch import Tensor

from edcurve_neural.optimisation.settings import Settings
from edcurve_neural.readout import Array, Linear

from .base import Compressor
from .circular import Circular, waves
from .codebook import cells_of_realizations, sample_means
from .ntc import NTC

CUTS = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3)  # of singular values: small ones give coefficients too large for float32
SHORTEST, LONGEST = 32, 512  # least and largest number of harmonics of a series that is solved for


@torch.no_grad()
def solved(model: Compressor, config: Settings) -> Compressor:
    """The compressor with the best last layer for 2¹⁷ realizations, or for the training set; its own may be the best.

    A Fourier series may get more harmonics than were trained, up to 512: see `_longest`.
    """
    if not model.finite:
        return model
    v, keys, cells = cells_of_realizations(model, config)
    means, counts = sample_means(model.signal, v, cells, len(keys))
    indices = keys.unsqueeze(0).to(model.flat.device)
    candidates: list[Compressor]
    if isinstance(model, Circular):
        longest = _longest(model, v, keys, cells)
        candidates = [model, *(model.with_series(rows) for rows in _fits(_waves(model, keys, longest), means, counts))]
    elif isinstance(model, NTC):
        features = model.features(indices)[0].double().cpu().numpy()
        candidates = [model, *(model.with_last_layer(rows) for rows in _fits(features, means, counts))]
    else:
        return model

    def weighted_error(candidate: Compressor) -> float:
        """Squared error from the means, with reconstructions in the precision of the model."""
        error = candidate.decode(indices)[0].double().cpu() - means
        return float(counts @ error.square().sum(1))

    return min(candidates, key=weighted_error)


def _fits(features: Array, means: Tensor, counts: Tensor) -> list[Tensor]:
    """Least-squares last layers (m, dim), one for each cut-off of small singular values."""
    probability = (counts / counts.sum()).numpy()
    fits = []
    for cut in CUTS:
        linear = Linear(features, probability, resolved=cut)
        linear.add(slice(0, len(means)), means.numpy())
        fits.append(torch.from_numpy(linear.coefficients()))
    return fits


def _waves(model: Circular, keys: Tensor, harmonics: int) -> Array:
    """Fourier functions of the middles of cells, in float64."""
    latent = torch.remainder((keys[:, 0].double() + (0.5 - model.offset)) / model.cells, 1.0)
    return waves(latent.unsqueeze(0), harmonics)[0].T.numpy()


def _longest(model: Circular, v: Tensor, keys: Tensor, cells: Tensor) -> int:
    """The number of harmonics with which a series fitted to half of the realizations has the least error on the others.

    It is at most half the number of cells: such a series passes through all means, and stores as much as a table.
    """
    half = len(v) // 2
    first, second = (
        sample_means(model.signal, v[part], cells[part], len(keys)) for part in (slice(half), slice(half, None))
    )
    kept = (first[1] > 0) & (second[1] > 0)
    best, least = SHORTEST, float("inf")
    count = SHORTEST
    while True:
        count = min(count, LONGEST, max(SHORTEST, len(keys) // 2))
        features = _waves(model, keys[kept], count)
        linear = Linear(features, (first[1][kept] / first[1].sum()).numpy())
        linear.add(slice(0, len(features)), first[0][kept].numpy())
        error = torch.from_numpy(features @ linear.coefficients()) - second[0][kept]
        weighted_error = float(second[1][kept] @ error.square().sum(1))
        if weighted_error < least:
            best, least = count, weighted_error
        if count in (LONGEST, max(SHORTEST, len(keys) // 2)):
            return best
        count *= 2

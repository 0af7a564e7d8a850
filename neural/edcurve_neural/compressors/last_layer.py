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

CUTS = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3)  # of singular values: small ones make coefficients that float32 rounds too much
SHORTEST, LONGEST = 32, 512  # harmonics of a series that is solved for


@torch.no_grad()
def solved(model: Compressor, config: Settings) -> Compressor:
    """A compressor with the best last layer for 2¹⁷ realizations, or for the training set; itself if none is better.

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

    def missed(candidate: Compressor) -> float:
        """As it is computed, in the precision of the model."""
        error = candidate.decode(indices)[0].double().cpu() - means
        return float(counts @ error.square().sum(1))

    return min(candidates, key=missed)


def _fits(features: Array, means: Tensor, counts: Tensor) -> list[Tensor]:
    """Last layers (m, dim) that are the best ones, up to small singular values that are left out."""
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
    """As many harmonics as realizations support: fitted to half of them, the series has the least error on the others.

    No more are tried than half the cells, with which it passes through all means: then it stores as much as a table.
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
        missed = float(second[1][kept] @ error.square().sum(1))
        if missed < least:
            best, least = count, missed
        if count in (LONGEST, max(SHORTEST, len(keys) // 2)):
            return best
        count *= 2

"""Mixture fit: the channel of least rate + λD of an open source, as a maximum likelihood problem.

For fixed reproductions y_m of probabilities w_m the minimum is −∫ ln Σ_m w_m exp(−λ‖γ(v) − y_m‖²) dv; so w and y
maximise the likelihood of a mixture. Three steps alternate. Newton's method under w ≥ 0 improves w (Wang 2007).
Expectation–maximisation (Blahut–Arimoto with centroids) improves y. New reproductions are added where the dual
constraint ∫ α exp(−λ‖γ(v) − y‖²) dv ≤ 1 is violated, with 1/α(v) = Σ_m w_m exp(−λ‖γ(v) − y_m‖²).

An open source is symmetric under reversal, and the problem is convex, so each reproduction is paired with its mirror
image of the same probability; `weights` are those of the pairs.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls

from .channels import PhaseCells, PhaseChannel, highest, scanned
from .phase_grids import Array

ROUNDS = 60
NEGLIGIBLE = 1e-9  # probability below which a reproduction is dropped
SAME = 1e-4  # λ‖y − y′‖² at which neighbours are merged
LEAST_STARTS, MOST_STARTS = 128, 240  # phases at which the search for violations starts
MOST_OWN = 64  # about the number of reproductions at which it starts too
MOST_NEW = 40  # reproductions added at a time


def fit(cells: PhaseCells, lmbda: float, densities: Array, weights: Array, *, tolerance: float) -> PhaseChannel:
    """Fit the channel for a λ, from initial densities, to a gap of at most `tolerance` if the rounds suffice."""
    best: PhaseChannel | None = None
    for turn in range(ROUNDS):
        distances = cells.distances(densities)
        likelihood = np.exp(-lmbda * (distances - distances.min()))
        weights = reweighted(0.5 * (likelihood + likelihood[:, ::-1]), weights)
        kept = weights > NEGLIGIBLE
        distances, likelihood, weights = distances[kept], likelihood[kept], weights[kept] / weights[kept].sum()
        unmirrored = weights @ likelihood
        total = 0.5 * (unmirrored + unmirrored[::-1])
        share = 0.5 * weights[:, None] * likelihood / total
        after = share.mean(axis=1)
        # the mirror images contribute the other half of the rate and distortion
        rate = 2.0 * float(np.sum(share * np.log(np.maximum(share, 1e-300) / after[:, None]))) / cells.count
        distortion = 2.0 * float(np.sum(share * distances)) / cells.count
        densities = share / share.sum(axis=1, keepdims=True)
        if turn % 3 != 2 and turn != ROUNDS - 1:  # violations are searched every third round
            continue
        log_weight = lmbda * distances.min() - np.log(total)
        starts = _starts(cells, densities, log_weight, lmbda, rate)
        peaks, values, top = highest(cells, log_weight, lmbda, starts)
        inside = 1.25 * float(cells.variation(peaks, lmbda).max())
        if cells.scalar:  # reproductions are numbers, so all can be scanned, and the bound is rigorous
            top, inside = scanned(log_weight, 1.0 / cells.count, lmbda), 0.0
        dual = float(log_weight.mean()) - max(top, 0.0)
        channel = PhaseChannel(lmbda, max(rate, 0.0), distortion, dual - inside, cells, densities, 2.0 * after)
        if best is None or channel.gap < best.gap:
            best = channel
        if channel.gap <= inside + min(tolerance, max(1e-7, 1e-3 * rate)):
            break
        densities, weights = _with_new(*merged(cells, lmbda, densities, weights), peaks, values)
    assert best is not None
    return best


def reweighted(likelihood: Array, weights: Array) -> Array:
    """Raise the mean of ln Σ_m w_m L_m over probabilities w by three Newton steps, each a nonnegative least squares."""
    for _ in range(3):
        total = weights @ likelihood
        ratio = likelihood / total
        gradient = ratio.mean(axis=1)
        if max(float(gradient.max()), float(gradient[weights > 0.0].max())) < 1.0 + 1e-7:
            break
        target = on_simplex(ratio @ ratio.T / ratio.shape[1], gradient)
        if target is None:
            return np.asarray(weights * gradient)
        step, value, length = target - weights, float(np.log(total).mean()), 1.0
        slope = float(gradient @ step)
        while length > 1e-6 and np.log((weights + length * step) @ likelihood).mean() < value + 0.3 * length * slope:
            length *= 0.5
        weights = np.maximum(weights + length * step, 0.0)
        weights = weights / weights.sum()
    return weights


def on_simplex(hessian: Array, gradient: Array) -> Array | None:
    """Minimise wᵀ hessian w − 4 wᵀ gradient over probabilities w, by a penalty on Σ w − 1; None if that fails."""
    hessian = hessian + PENALTY
    hessian[np.diag_indices_from(hessian)] *= 1.0 + 1e-11
    try:
        factor = cholesky(hessian)
        result, _ = nnls(factor, solve_triangular(factor, 2.0 * gradient + PENALTY, trans="T"))
    except (np.linalg.LinAlgError, RuntimeError):
        return None
    total = float(result.sum())
    return np.asarray(result / total) if total > 0.0 else None


PENALTY = 100.0  # of (Σ w − 1)²


def merged(cells: PhaseCells, lmbda: float, densities: Array, weights: Array) -> tuple[Array, Array]:
    """Merge neighbouring reproductions that are nearly equal; return all in the order of their phases."""
    order = np.argsort(densities @ np.arange(cells.count))
    densities, weights = densities[order], weights[order]
    distances = cells.distances(densities)
    own = np.einsum("ij,ij->i", densities, distances)
    gap = lmbda * (np.einsum("ij,ij->i", densities[1:], distances[:-1]) - own[1:])
    # pairs do not overlap: in a run of close ones every second is merged with the next
    close = gap < SAME
    for i in range(1, close.size):
        close[i] = close[i] and not close[i - 1]
    first = np.append(close, False)
    second = np.insert(close, 0, False)
    total = np.where(first, weights + np.roll(weights, -1), weights)
    mean = weights[:, None] * densities
    mean[first] += mean[np.flatnonzero(first) + 1]
    return (mean / total[:, None])[~second], total[~second]


def _starts(cells: PhaseCells, densities: Array, log_weight: Array, lmbda: float, rate: float) -> Array:
    """List posteriors at uniformly spaced phases in [0, ½], and those of up to about `MOST_OWN` reproductions.

    With an eighth of the phases, missed violations made lower bounds up to 1e-3 nats too high.
    """
    fewest = 16 if cells.scalar else LEAST_STARTS  # all numbers are scanned
    count = int(min(MOST_STARTS, max(fewest, 4.0 * math.exp(rate))))
    spread, _ = cells.posterior(cells.spread(count)[: (count + 1) // 2], log_weight, lmbda)
    phases = densities @ np.arange(cells.count) / cells.count
    return np.concatenate([spread, densities[np.argsort(phases)[:: 1 + len(densities) // MOST_OWN]]])


def _with_new(densities: Array, weights: Array, peaks: Array, values: Array) -> tuple[Array, Array]:
    """Add the local maxima whose violation is at least a tenth of the largest; one of those close to each other."""
    phases = peaks @ np.arange(peaks.shape[1]) / peaks.shape[1]
    phases = np.minimum(phases, 1.0 - phases)
    apart = 0.3 / max(16, len(densities))
    chosen: list[int] = []
    for i in np.argsort(-values).tolist():
        if values[i] < max(1e-7, 0.1 * float(values.max())) or len(chosen) == MOST_NEW:
            break
        if all(abs(phases[i] - phases[j]) > apart for j in chosen):
            chosen.append(i)
    share = np.full(len(chosen), 1e-3 / max(1, len(chosen)))
    return np.concatenate([densities, peaks[chosen]]), np.concatenate([weights * (1.0 - share.sum()), share])

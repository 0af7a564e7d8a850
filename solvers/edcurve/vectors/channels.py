"""The channel of least rate + λD of weighted vectors, as a maximum likelihood problem, and its dual value.

For reproductions y_m of probabilities q_m the minimum is F(q) = −Σ_i w_i ln Σ_m q_m exp(−λρ(x_i, y_m)), and q maximises
the likelihood of a mixture. Three steps alternate: Newton's method under q ≥ 0 (Wang 2007), Blahut–Arimoto with
reproductions that move to the centroids of their channel, and new reproductions where the dual constraint
g(y) = Σ_i w_i α_i exp(−λρ(x_i, y)) ≤ 1 is violated, with 1/α_i = Σ_m q_m exp(−λρ(x_i, y_m)). For any q, the minimum
over all reproductions is at least F(q) − ln max_y g(y) (Csiszár 1974; Lindsay 1983).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edcurve.shannon.mixture import on_simplex

from .errors import Array, Error

ROUNDS = 60
TOLERANCE = 1e-4  # nats between a channel and its dual value at which fitting ends
FINITE_TOLERANCE = 1e-7  # the same for finitely many reproductions
NEGLIGIBLE = 1e-10  # probability below which a reproduction is dropped
SAME = 1e-5  # λ‖y − y′‖² at which reproductions are merged
MOST_NEW = 64  # reproductions added at a time
MOST_STARTS = 512  # vectors at which violations are searched
CLIMBS = 64  # number of these from which climbs start
STEPS, MOST_STEPS = 10, 200  # of a climb, and of a climb that confirms the absence of violations
MOST_NEWTON = 400  # reproductions above which Blahut–Arimoto improves probabilities
BLOCK = 2**17  # numbers per block, which fit into the cache
MOST_PAIRS = 2**22  # most pairs × coordinates of reproductions that are compared


@dataclass(frozen=True, eq=False)
class Vectors:
    """Distinct vectors x, shape (n, dim), their probabilities, and an error."""

    x: Array
    weight: Array
    error: Error

    @property
    def tolerance(self) -> float:
        """Nats between a channel and its dual value at which fitting ends."""
        return TOLERANCE if self.error.candidates is None else FINITE_TOLERANCE

    def log_excess(self, log_mass: Array, lmbda: float, y: Array) -> Array:
        """Compute ln g(y) at reproductions, of shape (m,), where w α = exp(log_mass)."""
        rows = max(1, BLOCK // len(self.x))
        return np.concatenate([self._log_excess(log_mass, lmbda, y[i : i + rows]) for i in range(0, len(y), rows)])

    def _log_excess(self, log_mass: Array, lmbda: float, y: Array) -> Array:
        exponent = log_mass[:, None] - lmbda * self.error.distances(self.x, y)
        top = exponent.max(axis=0)
        return np.asarray(top + np.log(np.exp(exponent - top).sum(axis=0)))


@dataclass(frozen=True, eq=False)
class Channel:
    """A test channel for one λ.

    Attributes
    ----------
    lmbda : float
        λ in nats.
    rate, distortion : float
        Rate in nats and distortion of the channel.
    value : float
        F(q), at most rate + λ · distortion.
    y : ndarray, shape (m, dim)
        Reproductions.
    q : ndarray, shape (m,)
        Their probabilities.
    log_mass : ndarray, shape (n,)
        ln(w α).
    excess : float
        Greatest ln g(y) of the search, at least 0.
    """

    lmbda: float
    rate: float
    distortion: float
    value: float
    y: Array
    q: Array
    log_mass: Array
    excess: float


def fit(vectors: Vectors, lmbda: float, y: Array, q: Array, tell: Callable[[], None]) -> Channel:
    """Fit the channel for a λ, from reproductions y of probabilities q, to the `tolerance` if the rounds suffice.

    `tell` is called after every round.
    """
    best: Channel | None = None
    moving = vectors.error.candidates is None
    for _ in range(ROUNDS):
        distances = vectors.error.distances(vectors.x, y)
        least = distances.min(axis=1)
        likelihood = np.exp(-lmbda * (distances - least[:, None]))
        q = reweighted(likelihood, vectors.weight, q)
        kept = q > NEGLIGIBLE
        y, q, distances, likelihood = y[kept], q[kept] / q[kept].sum(), distances[:, kept], likelihood[:, kept]
        total = likelihood @ q
        share = q * likelihood / total[:, None]
        joint = vectors.weight[:, None] * share
        after = joint.sum(axis=0)
        log_alpha = lmbda * least - np.log(total)
        log_mass = np.log(vectors.weight) + log_alpha
        peaks, values = _violations(vectors, log_mass, lmbda, y[:0], STEPS)
        if moving and values.max() <= TOLERANCE:
            peaks, values = _violations(vectors, log_mass, lmbda, np.concatenate([y, peaks]), MOST_STEPS)
        channel = Channel(
            lmbda,
            max(float(np.sum(joint * np.log(np.maximum(share, 1e-300) / after))), 0.0),
            float(np.sum(joint * distances)),
            float(vectors.weight @ log_alpha),
            y,
            after,
            log_mass,
            max(float(values.max()), 0.0),
        )
        if best is None or channel.excess < best.excess:
            best = channel
        tell()
        if channel.excess <= vectors.tolerance:
            break
        if moving:
            y, q = _merged(joint.T @ vectors.x / after[:, None], after, lmbda)
        y, q = _with_new(y, q, peaks, values, lmbda if moving else None)
    assert best is not None
    return best


def reweighted(likelihood: Array, weight: Array, q: Array) -> Array:
    """Raise Σ_i w_i ln Σ_m q_m L_im over probabilities q, by Newton steps that are nonnegative least squares."""
    if len(q) > MOST_NEWTON:
        for _ in range(20):
            q = q * (weight @ (likelihood / (likelihood @ q)[:, None]))
        return q
    for _ in range(5):
        total = likelihood @ q
        ratio = likelihood / total[:, None]
        gradient = weight @ ratio
        if float(gradient.max()) < 1.0 + 1e-9:
            break
        target = on_simplex((ratio * weight[:, None]).T @ ratio, gradient)
        if target is None:
            return np.asarray(q * gradient)
        step, value, length = target - q, float(weight @ np.log(total)), 1.0
        slope = float(gradient @ step)
        while length > 1e-6 and not _raised(weight, likelihood @ (q + length * step), value + 0.3 * length * slope):
            length *= 0.5
        q = np.maximum(q + length * step, 0.0)
        q = q / q.sum()
    return q


def _raised(weight: Array, total: Array, least: float) -> bool:
    return float(total.min()) > 0.0 and float(weight @ np.log(total)) >= least


def _violations(vectors: Vectors, log_mass: Array, lmbda: float, y: Array, steps: int) -> tuple[Array, Array]:
    """Reproductions where ln g is large, and ln g there: among the candidates, or at the ends of climbs."""
    candidates = vectors.error.candidates
    if candidates is not None:
        values = vectors.log_excess(log_mass, lmbda, candidates)
        order = np.argsort(-values)[:MOST_NEW]
        return candidates[order], values[order]
    starts = vectors.x[:: 1 + (len(vectors.x) - 1) // MOST_STARTS]
    values = vectors.log_excess(log_mass, lmbda, starts)
    highest = starts[np.argsort(-values)[:CLIMBS]]
    peaks = climbed(vectors, log_mass, lmbda, np.concatenate([y, highest]), steps)
    return peaks, vectors.log_excess(log_mass, lmbda, peaks)


def climbed(vectors: Vectors, log_mass: Array, lmbda: float, y: Array, steps: int) -> Array:
    """Climb to local maxima of g by fixed-point steps, y to the mean of x under w α exp(−λ‖x − y‖²); none lowers g."""
    y = y.copy()
    active = np.arange(len(y))
    for _ in range(steps):
        exponent = log_mass - lmbda * vectors.error.distances(vectors.x, y[active]).T
        share = np.exp(exponent - exponent.max(axis=1, keepdims=True))
        after = share @ vectors.x / share.sum(axis=1, keepdims=True)
        move = lmbda * np.square(after - y[active]).sum(axis=1)
        y[active] = after
        active = active[move > 1e-7]
        if not active.size:
            break
    return y


def _merged(y: Array, q: Array, lmbda: float) -> tuple[Array, Array]:
    """Merge reproductions that are nearly equal."""
    close = (
        lmbda * ((y[:, None] - y) ** 2).sum(axis=2) < SAME
        if len(y) * y.size < MOST_PAIRS
        else np.eye(len(y), dtype=bool)
    )
    first = close.argmax(axis=1)  # the first reproduction close to each
    first = first[first]
    total = np.bincount(first, q, len(q))
    sums = np.zeros_like(y)
    np.add.at(sums, first, q[:, None] * y)
    kept = total > 0.0
    return sums[kept] / total[kept, None], np.asarray(total[kept], dtype=np.float64)


def _with_new(y: Array, q: Array, peaks: Array, values: Array, lmbda: float | None) -> tuple[Array, Array]:
    """Add reproductions whose violation is at least a tenth of the largest; only one of those close to each other."""
    chosen: list[int] = []
    for i in np.argsort(-values).tolist():
        if values[i] < 0.1 * float(values.max()) or len(chosen) == MOST_NEW:
            break
        existing = np.concatenate([y, peaks[chosen]])
        square = np.square(existing - peaks[i]).sum(axis=1).min()
        if square * lmbda > 10.0 * SAME if lmbda is not None else square > 0.0:
            chosen.append(i)
    share = np.full(len(chosen), 1e-3 / max(1, len(chosen)))
    return np.concatenate([y, peaks[chosen]]), np.concatenate([q * (1.0 - share.sum()), share])

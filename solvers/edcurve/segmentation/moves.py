"""Partitions between two vertices of the hull: boundaries are moved one at a time, under a limit.

Each move lowers an augmented Lagrangian: the objective plus μ g + 2 g² for the excess g over the limit. All terms are
in nats, distortions multiplied by the λ of the hull at the limit, so that μ is about 1; each round adds 4 g to it. The
best partition within the limit among all candidates is kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDS, SWEEPS = 24, 4
STIFFNESS = 4.0  # of the penalty
TRIED = 64  # number of positions for a boundary, nearby and again over its whole range
SETTLED = 1e-9  # change of the Lagrangian, in nats, below which a round ends


class Moves:
    """A search for partitions within a limit, from several starts; the first boundary of each start is fixed."""

    def __init__(self, x: Array, w: Array, lmbda: float, most: float, of_entropy: bool) -> None:
        self.x, self.w, self.lmbda, self.most, self.of_entropy = x, w, lmbda, most, of_entropy
        self.multiplier = 1.0
        self.least = np.inf
        self.best_partition: Ints | None = None

    def best(self, few: Ints, many: Ints) -> Ints | None:
        """Search from both vertices, from the first with a cell split, and from the second with two cells merged."""
        for vertex in (few, many):
            turn = int(vertex[0])
            self._turn_to(turn)
            starts = (vertex - turn) % self.w.size
            self.multiplier = 1.0
            changed = self._with_a_split(starts) if vertex is few else self._with_a_merge(starts)
            for begin in (starts, changed):
                self.multiplier = 1.0
                self._descend(begin.copy(), turn)
        return self.best_partition

    def _turn_to(self, turn: int) -> None:
        """Compute the cumulative sums of mass and of first and second moments from point `turn` on."""
        w, x = np.roll(self.w, -turn), np.roll(self.x, -turn, axis=0)
        x = x - (w[:, None] * x).sum(axis=0)
        self.mass = np.append(0.0, np.cumsum(w))
        self.moment = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(w[:, None] * x, axis=0)])
        self.square = np.append(0.0, np.cumsum(w * (x * x).sum(axis=1)))

    def _costs(self, first: Ints, end: Ints) -> tuple[Array, Array]:
        """Entropy and λ times squared error of cells; 0 for cells whose mass is lost to rounding."""
        p = self.mass[end] - self.mass[first]
        moment, safe = self.moment[end] - self.moment[first], np.where(p > 0.0, p, 1.0)
        error = self.square[end] - self.square[first] - (moment * moment).sum(axis=-1) / safe
        return -p * np.log(safe), self.lmbda * np.where(p > 0.0, np.maximum(error, 0.0), 0.0)

    def _chosen(self, entropy: Array, error: Array) -> tuple[int, Array]:
        """Index of the candidate of least augmented Lagrangian, which may exceed the limit, and all their values."""
        small, limited = (error, entropy) if self.of_entropy else (entropy, error)
        over = limited - self.most
        value = small + self.multiplier * over + 0.5 * STIFFNESS * over * over
        return int(np.argmin(value)), value

    def _descend(self, starts: Ints, turn: int) -> None:
        n = self.w.size
        for _ in range(ROUNDS):
            before = np.inf
            for _ in range(SWEEPS):
                ends = np.append(starts[1:], n)
                entropy, error = self._costs(starts, ends)
                value, total_entropy, total_error = np.inf, entropy.sum(), error.sum()
                for k in range(1, starts.size):
                    low, high = int(starts[k - 1]), int(ends[k]) if k == starts.size - 1 else int(starts[k + 1])
                    positions = _positions(low + 1, int(starts[k]), high)
                    left, right = (
                        self._costs(np.full_like(positions, low), positions),
                        self._costs(positions, np.full_like(positions, high)),
                    )
                    own = self._costs(starts[k - 1 : k + 1], np.array([starts[k], high]))
                    other_entropy, other_error = total_entropy - own[0].sum(), total_error - own[1].sum()
                    entropies, errors = other_entropy + left[0] + right[0], other_error + left[1] + right[1]
                    self._keep(starts, k, positions, entropies, errors, turn)
                    chosen, values = self._chosen(entropies, errors)
                    total_entropy, total_error = entropies[chosen], errors[chosen]
                    starts[k], value = positions[chosen], values[chosen]
                if not value < before - SETTLED:
                    break
                before = value
            over = (total_entropy if self.of_entropy else total_error) - self.most
            self.multiplier = max(self.multiplier + STIFFNESS * over, 0.0)
            if abs(over) < SETTLED:
                break

    def _keep(self, starts: Ints, k: int, positions: Ints, entropy: Array, error: Array, turn: int) -> None:
        """Update the best candidate within the limit."""
        small, limited = (error, entropy) if self.of_entropy else (entropy, error)
        small = np.where(limited <= self.most, small, np.inf)
        best = int(np.argmin(small))
        if small[best] < self.least:
            self.least, moved = float(small[best]), starts.copy()
            moved[k] = positions[best]
            self.best_partition = np.sort((moved + turn) % self.w.size)

    def _with_a_split(self, starts: Ints) -> Ints:
        n = self.w.size
        positions = np.setdiff1d(np.arange(1, n), starts)
        if not positions.size:
            return starts
        cell = np.searchsorted(starts, positions, side="right") - 1
        ends = np.append(starts[1:], n)
        entropy, error = self._costs(starts, ends)
        left, right = self._costs(starts[cell], positions), self._costs(positions, ends[cell])
        entropies = entropy.sum() - entropy[cell] + left[0] + right[0]
        errors = error.sum() - error[cell] + left[1] + right[1]
        chosen, _ = self._chosen(entropies, errors)
        return np.sort(np.append(starts, positions[chosen]))

    def _with_a_merge(self, starts: Ints) -> Ints:
        if starts.size < 3:
            return starts
        ends = np.append(starts[1:], self.w.size)
        entropy, error = self._costs(starts, ends)
        union = self._costs(starts[:-1], ends[1:])
        entropies = entropy.sum() - entropy[:-1] - entropy[1:] + union[0]
        errors = error.sum() - error[:-1] - error[1:] + union[1]
        chosen, _ = self._chosen(entropies, errors)
        return np.delete(starts, chosen + 1)


def _positions(low: int, at: int, high: int) -> Ints:
    """Candidate positions of a boundary in [low, high): all of them, or those next to `at` and a coarse grid."""
    if high - low <= 3 * TRIED:
        return np.arange(low, high)
    near = np.arange(max(low, at - TRIED // 2), min(high, at + TRIED // 2))
    return np.union1d(near, np.linspace(low, high - 1, TRIED).astype(np.int64))

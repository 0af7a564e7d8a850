"""Partitions between two corners of the hull: boundaries are moved one at a time, under a limit.

Each move lowers an augmented Lagrangian: what is to be small, plus μ g + 2 g² for the excess g over the limit. All are
in nats, distortions times the λ of the hull there, so that μ is about 1; after a round it is raised by 4 g. The best
partition within the limit that was passed is kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDS, SWEEPS = 24, 4
STIFFNESS = 4.0  # of the penalty
TRIED = 64  # places for a boundary, near it and further away
SETTLED = 1e-9  # change of the Lagrangian, in nats, below which a round ends


class Moves:
    """A search for partitions within a limit, from several starts; the first boundary of each stays where it is."""

    def __init__(self, x: Array, w: Array, lmbda: float, most: float, of_entropy: bool) -> None:
        self.x, self.w, self.lmbda, self.most, self.of_entropy = x, w, lmbda, most, of_entropy
        self.multiplier = 1.0
        self.least = np.inf
        self.found: Ints | None = None

    def best(self, few: Ints, many: Ints) -> Ints | None:
        """Search from both corners, from the first with a cell split and from the second with two merged."""
        for corner in (few, many):
            turn = int(corner[0])
            self._turn_to(turn)
            starts = (corner - turn) % self.w.size
            self.multiplier = 1.0
            other = self._with_a_split(starts) if corner is few else self._with_a_merge(starts)
            for begin in (starts, other):
                self.multiplier = 1.0
                self._descend(begin.copy(), turn)
        return self.found

    def _turn_to(self, turn: int) -> None:
        """Sums of mass, of first and of second moments from point `turn` on."""
        w, x = np.roll(self.w, -turn), np.roll(self.x, -turn, axis=0)
        x = x - (w[:, None] * x).sum(axis=0)
        self.mass = np.append(0.0, np.cumsum(w))
        self.moment = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(w[:, None] * x, axis=0)])
        self.square = np.append(0.0, np.cumsum(w * (x * x).sum(axis=1)))

    def _costs(self, first: Ints, end: Ints) -> tuple[Array, Array]:
        """Entropy and λ times squared error of cells; none of those whose mass the sums have lost."""
        p = self.mass[end] - self.mass[first]
        moment, safe = self.moment[end] - self.moment[first], np.where(p > 0.0, p, 1.0)
        error = self.square[end] - self.square[first] - (moment * moment).sum(axis=-1) / safe
        return -p * np.log(safe), self.lmbda * np.where(p > 0.0, np.maximum(error, 0.0), 0.0)

    def _chosen(self, entropy: Array, error: Array) -> tuple[int, Array]:
        """The candidate of least Lagrangian, and its value; the best within the limit is another."""
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
                value, total, wrong = np.inf, entropy.sum(), error.sum()
                for k in range(1, starts.size):
                    low, high = int(starts[k - 1]), int(ends[k]) if k == starts.size - 1 else int(starts[k + 1])
                    places = _places(low + 1, int(starts[k]), high)
                    left, right = (
                        self._costs(np.full_like(places, low), places),
                        self._costs(places, np.full_like(places, high)),
                    )
                    own = self._costs(starts[k - 1 : k + 1], np.array([starts[k], high]))
                    rest, others = total - own[0].sum(), wrong - own[1].sum()
                    entropies, errors = rest + left[0] + right[0], others + left[1] + right[1]
                    self._keep(starts, k, places, entropies, errors, turn)
                    chosen, values = self._chosen(entropies, errors)
                    starts[k], total, wrong, value = places[chosen], entropies[chosen], errors[chosen], values[chosen]
                if not value < before - SETTLED:
                    break
                before = value
            over = (total if self.of_entropy else wrong) - self.most
            self.multiplier = max(self.multiplier + STIFFNESS * over, 0.0)
            if abs(over) < SETTLED:
                break

    def _keep(self, starts: Ints, k: int, places: Ints, entropy: Array, error: Array, turn: int) -> None:
        """Keep the best candidate within the limit."""
        small, limited = (error, entropy) if self.of_entropy else (entropy, error)
        small = np.where(limited <= self.most, small, np.inf)
        best = int(np.argmin(small))
        if small[best] < self.least:
            self.least, moved = float(small[best]), starts.copy()
            moved[k] = places[best]
            self.found = np.sort((moved + turn) % self.w.size)

    def _with_a_split(self, starts: Ints) -> Ints:
        n = self.w.size
        places = np.setdiff1d(np.arange(1, n), starts)
        if not places.size:
            return starts
        cell = np.searchsorted(starts, places, side="right") - 1
        ends = np.append(starts[1:], n)
        entropy, error = self._costs(starts, ends)
        left, right = self._costs(starts[cell], places), self._costs(places, ends[cell])
        entropies = entropy.sum() - entropy[cell] + left[0] + right[0]
        errors = error.sum() - error[cell] + left[1] + right[1]
        chosen, _ = self._chosen(entropies, errors)
        return np.sort(np.append(starts, places[chosen]))

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


def _places(low: int, at: int, high: int) -> Ints:
    """Places from `low` to `high` − 1 for a boundary: all of them, or those next to where it is and some others."""
    if high - low <= 3 * TRIED:
        return np.arange(low, high)
    near = np.arange(max(low, at - TRIED // 2), min(high, at + TRIED // 2))
    return np.union1d(near, np.linspace(low, high - 1, TRIED).astype(np.int64))

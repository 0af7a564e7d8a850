"""Descent to a density q on the circle with the least KL(q‖unif) + λD(q), or the least KL at a given D(q).

Both alternate between the reproduction y = E_q γ and the density q ∝ exp(−λ‖γ(v) − y‖²), with λ given or solved for.
At a given distortion every step leaves D(q) ≤ D and lowers KL, so that R(D) ≤ KL at any of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .phase_grids import Array, Grid

MEMORY = 5  # densities that are combined to the next reproduction (Anderson)


@dataclass(frozen=True, eq=False)
class State:
    """A density, and the multiplier, rate in nats and distortion (at least its own) that go with it.

    `field` is ‖γ(v) − y‖² over the cells, up to a constant, of the reproduction y that `density` was made from;
    `centre` is ‖γ(0) − y‖². `residual` is λ‖E_q γ − y‖², which bounds how far the rate is from stationary to first
    order.
    """

    density: Array
    lmbda: float
    rate: float
    distortion: float
    field: Array
    centre: float
    residual: float

    @property
    def value(self) -> float:
        """Rate + λ · distortion: the dual function −ln Z(y)."""
        return self.rate + self.lmbda * self.distortion


def descend(
    grid: Grid, density: Array, lmbda: float, *, distortion: float | None, tolerance: float = 1e-12, most: int = 400
) -> State | None:
    """Density of least KL near the one given: at a distortion, or (None) of least KL + λD at `lmbda`.

    None if no density near its centroid has that distortion.
    """
    mixed, convolved = density, grid.convolve(density)
    history: list[tuple[Array, Array, Array, Array]] = []
    best: State | None = None
    for _ in range(most):
        state = _step(grid, mixed, convolved, best.lmbda if best else lmbda, distortion)
        if state is None or (best is not None and not _falls(state, best, distortion)):
            if best is None or not history:
                break
            history = []
            mixed, convolved = best.density, grid.convolve(best.density)
            continue
        image = grid.convolve(state.density)
        change, convolved_change = state.density - mixed, image - convolved
        residual = max(0.0, -0.5 * state.lmbda * float(change @ convolved_change))
        best = State(state.density, state.lmbda, state.rate, state.distortion, state.field, state.centre, residual)
        if residual <= tolerance * max(best.rate, 1e-12):
            break
        history = [*history[-MEMORY + 1 :], (state.density, image, change, convolved_change)]
        mixed, convolved = _combined(history)
    return best


def _falls(state: State, best: State, distortion: float | None) -> bool:
    slack = 1e-13 * (1.0 + abs(best.rate))
    if distortion is None:
        return state.value <= best.value + slack
    return state.rate <= best.rate + slack


def _combined(history: list[tuple[Array, Array, Array, Array]]) -> tuple[Array, Array]:
    """Combination, of weights with sum 1, of densities and convolutions: that of the least change of reproduction."""
    gram = np.array([[-0.5 * float(a[2] @ b[3]) for b in history] for a in history])
    gram += 1e-14 * np.trace(gram) * np.eye(len(history)) + 1e-300 * np.eye(len(history))
    weights = np.linalg.solve(gram / gram.max(), np.ones(len(history)))
    weights /= weights.sum()
    density, image = np.zeros_like(history[0][0]), np.zeros_like(history[0][1])
    for weight, (one, convolved, _, _) in zip(weights, history, strict=True):
        density += weight * one
        image += weight * convolved
    return density, image


def _step(grid: Grid, mixed: Array, convolved: Array, lmbda: float, distortion: float | None) -> State | None:
    """Density ∝ exp(−λ‖γ(v) − y‖²), y = E γ under `mixed` (which may have negative parts), λ given or solved for."""
    energy = 0.5 * float(mixed @ convolved)
    # ‖γ(v) − y‖² = field + base; on the whole circle the field has mean 0 and −energy is ‖y‖²
    field = convolved if grid.whole else convolved - energy
    base = grid.maximum - energy if grid.whole else 0.0
    if distortion is None:
        weights, log_sum = gibbs(grid, field, lmbda)
        target = float(weights @ field)
    else:
        target = (distortion - grid.maximum) + energy if grid.whole else distortion
        solved = tilt(field, target, lmbda)
        if solved is None:
            return None
        lmbda = solved
        weights, log_sum = gibbs(grid, field, lmbda)
    rate = -lmbda * target - log_sum
    reached = base + target if distortion is None else distortion
    return State(weights, lmbda, rate, reached, field, float(field[grid.cells // 2]) + base, math.inf)


def gibbs(grid: Grid, field: Array, lmbda: float) -> tuple[Array, float]:
    """Weights ∝ exp(−λ field), and ln of the integral of exp(−λ field) over the circle."""
    exponent = -lmbda * field
    top = float(exponent.max())
    weights = np.exp(exponent - top)
    total = float(weights.sum())
    if grid.whole and top < 1.0 and float(exponent.min()) > -1.0:
        return weights / total, math.log1p(float(np.expm1(exponent).mean()))
    return weights / total, top + math.log(total * grid.step)


def tilt(field: Array, target: float, lmbda: float) -> float | None:
    """λ at which the mean of the field under weights ∝ exp(−λ field) is `target`; None if there is none above 0."""
    least = float(field.min())
    if not least < target:
        return None
    lifted, wanted = field - least, target - least
    low, high = 0.0, math.inf
    for _ in range(60):
        weights = np.exp(-lmbda * lifted)
        weights /= weights.sum()
        mean = float(weights @ lifted)
        spread = float(weights @ (lifted - mean) ** 2)
        after = lmbda + (mean - wanted) / spread if spread > 0.0 else 0.0
        if abs(after - lmbda) <= 1e-9 * lmbda or abs(mean - wanted) <= 1e-15 * wanted:
            return after if after > 0.0 else lmbda
        low, high = (lmbda, high) if mean > wanted else (low, lmbda)
        if not low < after < high:
            after = 0.5 * (low + high) if high < math.inf else 2.0 * lmbda
        after = min(after, 4.0 * lmbda)
        lmbda = after
        if not 0.0 < lmbda < 1e300:
            return None
    return lmbda

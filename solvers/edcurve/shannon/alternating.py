"""Alternating descent to a density q on the circle: of least KL(q‖unif) + λD(q), or of least KL at a given D(q).

Steps alternate between the reproduction y = E_q γ and the density q ∝ exp(−λ‖γ(v) − y‖²), with λ fixed or solved for.
At a fixed distortion every step keeps D(q) ≤ D and lowers KL, so that R(D) ≤ KL after each of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .phase_grids import Array, PhaseGrid

MEMORY = 5  # number of densities that Anderson acceleration combines to the next reproduction


@dataclass(frozen=True, eq=False)
class GibbsDensity:
    """A density q ∝ exp(−λ‖γ(v) − y‖²), with its multiplier λ, rate in nats, and distortion, at least its own.

    `distances` are ‖γ(v) − y‖² over the cells, up to a constant, for the reproduction y of `density`; `centre` is
    ‖γ(0) − y‖². `residual` is λ‖E_q γ − y‖², which bounds to first order the distance of the rate from its stationary
    value.
    """

    density: Array
    lmbda: float
    rate: float
    distortion: float
    distances: Array
    centre: float
    residual: float

    @property
    def value(self) -> float:
        """Rate + λ · distortion: the dual function −ln Z(y)."""
        return self.rate + self.lmbda * self.distortion


def descend(
    grid: PhaseGrid,
    density: Array,
    lmbda: float,
    *,
    distortion: float | None,
    tolerance: float = 1e-12,
    most: int = 400,
) -> GibbsDensity | None:
    """Descend from a density to one of least KL at a distortion or, if that is None, of least KL + λD at `lmbda`.

    Returns None if no density around the start's centroid has this distortion.
    """
    mixed, convolved = density, grid.convolve(density)
    history: list[tuple[Array, Array, Array, Array]] = []
    best: GibbsDensity | None = None
    for _ in range(most):
        state = _step(grid, mixed, convolved, best.lmbda if best else lmbda, distortion)
        if state is None or (best is not None and not _falls(state, best, distortion)):
            # the combination failed: continue from the best density by a plain step, which never increases KL
            if best is None or not history:
                break
            history = []
            mixed, convolved = best.density, grid.convolve(best.density)
            continue
        image = grid.convolve(state.density)
        # ½ Σ δᵢⱼ cᵢ cⱼ is −‖Σ cᵢ γ(vᵢ)‖² for a change c of sum 0, so this is λ times the square of the centroid's move
        change, convolved_change = state.density - mixed, image - convolved
        residual = max(0.0, -0.5 * state.lmbda * float(change @ convolved_change))
        best = GibbsDensity(
            state.density, state.lmbda, state.rate, state.distortion, state.distances, state.centre, residual
        )
        if residual <= tolerance * max(best.rate, 1e-12):
            break
        history = [*history[-MEMORY + 1 :], (state.density, image, change, convolved_change)]
        mixed, convolved = _combined(history)
    return best


def _falls(state: GibbsDensity, best: GibbsDensity, distortion: float | None) -> bool:
    """Whether a density is no worse than the best so far, up to rounding."""
    slack = 1e-13 * (1.0 + abs(best.rate))
    if distortion is None:
        return state.value <= best.value + slack
    return state.rate <= best.rate + slack


def _combined(history: list[tuple[Array, Array, Array, Array]]) -> tuple[Array, Array]:
    """Combine densities and their convolutions, with weights of sum 1, to minimise the change of the reproduction.

    This is Anderson acceleration. The two small terms keep the system solvable for nearly dependent changes.
    """
    gram = np.array([[-0.5 * float(a[2] @ b[3]) for b in history] for a in history])
    gram += 1e-14 * np.trace(gram) * np.eye(len(history)) + 1e-300 * np.eye(len(history))
    weights = np.linalg.solve(gram / gram.max(), np.ones(len(history)))
    weights /= weights.sum()
    density, image = np.zeros_like(history[0][0]), np.zeros_like(history[0][1])
    for weight, (earlier, convolved, _, _) in zip(weights, history, strict=True):
        density += weight * earlier
        image += weight * convolved
    return density, image


def _step(
    grid: PhaseGrid, mixed: Array, convolved: Array, lmbda: float, distortion: float | None
) -> GibbsDensity | None:
    """Make the density ∝ exp(−λ‖γ(v) − y‖²) with y = E γ under `mixed`, and λ fixed or solved for.

    As a combination, `mixed` may have negative entries.
    """
    energy = 0.5 * float(mixed @ convolved)
    # ‖γ(v) − y‖² = distances + base; on the whole circle distances have mean 0 and −energy is ‖y‖²
    distances = convolved if grid.whole else convolved - energy
    base = grid.maximum - energy if grid.whole else 0.0
    if distortion is None:
        weights, log_sum = gibbs(grid, distances, lmbda)
        target = float(weights @ distances)
    else:
        target = (distortion - grid.maximum) + energy if grid.whole else distortion
        solved = multiplier_at(distances, target, lmbda, grid.sizes)
        if solved is None:
            return None
        lmbda = solved
        weights, log_sum = gibbs(grid, distances, lmbda)
    rate = -lmbda * target - log_sum
    reached = base + target if distortion is None else distortion
    return GibbsDensity(weights, lmbda, rate, reached, distances, float(distances[grid.cells // 2]) + base, math.inf)


def gibbs(grid: PhaseGrid, distances: Array, lmbda: float) -> tuple[Array, float]:
    """Compute the Gibbs weights ∝ exp(−λ distances), and ln of the integral of exp(−λ distances) over the circle."""
    exponent = -lmbda * distances
    top = float(exponent.max())
    weights = grid.sizes * np.exp(exponent - top)
    total = float(weights.sum())
    # for small exponents ln(1 + mean of expm1) keeps the digits of a rate near 0
    if grid.whole and top < 1.0 and float(exponent.min()) > -1.0:
        return weights / total, math.log1p(float((grid.sizes * np.expm1(exponent)).sum()) * grid.step)
    return weights / total, top + math.log(total * grid.step)


def multiplier_at(distances: Array, target: float, lmbda: float, sizes: Array) -> float | None:
    """Find the λ > 0 at which the mean distance under exp(−λ distances) on cells is `target`; None if there is none.

    It uses Newton's method, as the derivative of the mean is minus the variance, safeguarded by bisection.
    """
    least = float(distances.min())
    if not least < target:
        return None
    lifted, lifted_target = distances - least, target - least
    low, high = 0.0, math.inf
    for _ in range(60):
        weights = sizes * np.exp(-lmbda * lifted)
        weights /= weights.sum()
        mean = float(weights @ lifted)
        spread = float(weights @ (lifted - mean) ** 2)
        after = lmbda + (mean - lifted_target) / spread if spread > 0.0 else 0.0
        if abs(after - lmbda) <= 1e-9 * lmbda or abs(mean - lifted_target) <= 1e-15 * lifted_target:
            return after if after > 0.0 else lmbda
        low, high = (lmbda, high) if mean > lifted_target else (low, lmbda)
        if not low < after < high:
            after = 0.5 * (low + high) if high < math.inf else 2.0 * lmbda
        after = min(after, 4.0 * lmbda)
        lmbda = after
        if not 0.0 < lmbda < 1e300:
            return None
    return lmbda

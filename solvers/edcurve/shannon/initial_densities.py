"""Initial densities of the descent: it has several stationary points, so several starts are compared."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .phase_grids import Array, PhaseGrid

COMBS = 4  # number of harmonics of most energy for which a comb is tried
RANDOM = 2  # random positive-definite shapes
FREQUENCIES = 8  # harmonics of each random shape


def shapes(grid: PhaseGrid, seed: int, *, monotone: bool = False) -> Iterator[Array]:
    """Yield exponents g with their maximum at 0, for densities ∝ exp(κ g).

    For each λ a best density is exp(Σ a_k cos 2πkv) with all a_k ≥ 0, up to a shift: expanded in powers, the integral
    of exp(Σ a_k cos(2πkv + φ_k)) is a sum of nonnegative multiples of cosines of sums of the φ_k, hence greatest where
    they are 0. So no other kind of shape is needed. If δ is `monotone`, a best density decreases from 0 to ½
    (Baernstein and Taylor), so combs and random shapes are left out.
    """
    point = np.zeros(grid.sizes.size)
    point[grid.cells // 2] = 1.0
    yield -grid.convolve(point)
    if not grid.whole:
        yield -np.abs(grid.phases)
        return
    yield np.cos(2.0 * np.pi * grid.phases)
    if monotone:
        return
    energy = -grid.symbol[1:65]
    for k in np.argsort(-energy)[:COMBS].tolist():
        if k > 0 and energy[k] > 0.0:
            yield np.cos(2.0 * np.pi * (k + 1) * grid.phases)
            yield np.cos(2.0 * np.pi * (k + 1) * grid.phases) + 0.2 * np.cos(2.0 * np.pi * grid.phases)
    rng = np.random.default_rng(seed)
    waves = np.cos(2.0 * np.pi * np.outer(np.arange(1, FREQUENCIES + 1), grid.phases))
    for _ in range(RANDOM):
        yield rng.exponential(size=FREQUENCIES) @ waves


def at_distortion(grid: PhaseGrid, shape: Array, distortion: float) -> tuple[Array, float] | None:
    """Find the density ∝ exp(κ g) of at most this distortion, and barely less, and its κ; None if there is none."""
    lifted = shape - shape.max()
    scale = 1.0 / max(float(-lifted.min()), 1e-300)
    low, high, best = 1e-6, 1e12, None
    for _ in range(36):
        kappa = float(np.sqrt(low * high))
        density = grid.sizes * np.exp(np.maximum(kappa * scale * lifted, -700.0))
        density /= density.sum()
        if distortion_of(grid, density) <= distortion:
            high, best = kappa, (density, kappa * scale)
            if high < 1.05 * low:
                break
        else:
            low = kappa
    return best


def distortion_of(grid: PhaseGrid, density: Array) -> float:
    """Distortion D(q) = ½ Σ qᵢ qⱼ δᵢⱼ of a density."""
    half = 0.5 * float(density @ grid.convolve(density))
    return grid.maximum + half if grid.whole else half

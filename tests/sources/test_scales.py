"""(★) is checked at all sizes of cells, so that no partition beats an E(D) called exact."""

import math

import edcurve as ed
import numpy as np
import pytest
from edcurve.sources import BOUND, CHECKED
from edcurve.sources.condition import check_star


def ramp_to(s):
    """d(p)/p for δ(u) = min(u/s, 1)."""
    return lambda p: np.where(p <= s, p / (6 * s), 0.5 - 0.5 * np.minimum(s / p, 1) + np.minimum(s / p, 1) ** 2 / 6)


def step_at(s):
    """d(p)/p for δ(u) = 1 if u > s, else 0."""
    return lambda p: 0.5 * (1 - np.minimum(s / p, 1)) ** 2


def bend_at(s):
    """d(p)/p for δ(u) = max(u − s, 0), which preserves (★): δ is convex."""
    return lambda p: p * (1 - np.minimum(s / p, 1)) ** 3 / 6


def square_to(s):
    """d(p)/p for δ(u) = min(u/s, 1)²."""

    def mean(p):
        u = np.minimum(s / p, 1)
        return np.where(p <= s, np.minimum(p / s, 1) ** 2 / 12, u / 3 - u**2 / 4 + (1 - u) ** 2 / 2)

    return mean


def source_of(*parts):
    """The source with δ the sum of u² and these parts, each a factor and d(p)/p."""

    def d(p):
        return p * (p**2 / 12 + sum(factor * mean(p) for factor, mean in parts))

    return ed.Source(d, max_distortion=float(d(np.ones(1))[0]), closed=False)


def two_sizes(d, D):
    """Least entropy in nats of K equal cells and n others of one size, by a fine grid over the share of the K."""
    small = np.geomspace(1e-300, 1, 20_001)[::-1]
    means, best = d(small) / small, math.inf
    share = np.concatenate([np.linspace(0.004, 0.996, 249), 1 - np.geomspace(1e-8, 4e-3, 30)])
    for K in (1, 2, 3, 8, 26, 100, 1000):
        rest = (D - K * d(share / K)) / (1 - share)
        m = share[rest > 0]
        first = np.minimum(np.searchsorted(-means, -rest[rest > 0]), small.size - 1)
        n = np.ceil((1 - m) / small[first])
        H = -m * np.log(m / K) - (1 - m) * np.log((1 - m) / n)
        feasible = K * d(m / K) + n * d((1 - m) / n) <= D * (1 + 1e-12)
        best = min(best, np.min(H[feasible], initial=math.inf))
    return best


@pytest.mark.parametrize("scale", [1e-200, 1e-40, 1e-10, 1e-6])
@pytest.mark.parametrize("part", [ramp_to, step_at, square_to])
def test_a_plateau_of_any_width_is_seen(part, scale):
    """Alone, and beside harmless ones."""
    alone = source_of((0.01, part(scale)))
    assert alone.status == BOUND
    assert alone.condition.method.startswith("violated")
    assert source_of((1.0, bend_at(0.3)), (3.0, bend_at(1e-30)), (1e-4, part(scale))).status == BOUND


@pytest.mark.parametrize("scale", [1e-150, 1e-7, 0.4])
def test_bends_upwards_pass_at_any_scale(scale):
    assert source_of((1e-3, bend_at(scale)), (30.0, bend_at(0.1 * scale))).status == CHECKED


@pytest.mark.parametrize(
    "cancels", [lambda p: p - np.sin(np.pi * p) ** 2 / (np.pi**2 * p), lambda p: p * (1 - np.cos(p))]
)
def test_a_plateau_is_seen_in_a_function_that_cancels(cancels):
    """Below 1e-8 such a d is 0 or rounding, which is not a violation; values above rounding are."""
    assert check_star(cancels).holds
    for scale in (1e-100, 1e-10, 1e-6):
        assert not check_star(lambda p, s=scale: cancels(p) + 0.01 * p * step_at(s)(p)).holds


def test_the_case_of_26_large_cells():
    """A former error of 16 bits: δ = 0.01 min(u/1e-10, 1) + u²."""
    source = source_of((0.01, ramp_to(1e-10)))
    small = 1_145_399_418
    D = 26 * source.cell_distortion(0.975 / 26) + small * source.cell_distortion(0.025 / small)
    assert ed.lower_bound(source, D) < 5.504
    with pytest.raises(ValueError, match=r"biuniform partitions are known to be optimal"):
        ed.entropy_distortion(source, D)


def test_the_lower_bound_if_small_cells_are_alike():
    """d(p)/p is constant to the last digit from 1e-40 to 1e-8, which is not a sign of cancellation."""
    source = source_of((12.3, square_to(7e-42)), (0.004, step_at(0.23)))
    for share in (0.01, 0.2, 0.56, 0.9):
        D = share * source.max_distortion
        assert ed.lower_bound(source, D, base=math.e) <= two_sizes(source.cell_distortion, D)


def test_random_sources_that_pass_are_not_beaten():
    """Structure at random scales; violations of (★) favour two sizes of cells."""
    rng, parts, passed = np.random.default_rng(11), (ramp_to, step_at, bend_at, square_to), 0
    for _ in range(20):
        chosen = rng.choice(4, size=rng.integers(1, 3), p=[0.1, 0.05, 0.8, 0.05])
        scales = 10.0 ** -rng.uniform(0, rng.choice([2, 8, 40, 150]), size=chosen.size)
        heights = 10.0 ** rng.uniform(-6, 1, size=chosen.size)
        source = source_of(*[(h, parts[i](s)) for i, s, h in zip(chosen, scales, heights, strict=True)])
        if source.status == BOUND:
            continue
        passed += 1
        for D in source.max_distortion * np.array([0.3, 10.0 ** rng.uniform(-9, -1)]):
            assert ed.entropy_distortion(source, D, base=math.e) <= two_sizes(source.cell_distortion, D) + 1e-9
    assert passed > 6

"""The problem of all peers, and the assessment of their answers.

Minimise Σ −p ln p subject to Σ p = 1 and Σ d(p) ≤ D. The cell distortions are written as by a user,
without edcurve; the reference values are those of ``tests/oracle.py``, in 50-digit arithmetic.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import oracle
from mpmath import fsum, mp, mpf

Floats = NDArray[np.float64]
Function = Callable[[Floats], Floats]


class CellDistortion(NamedTuple):
    """d(p), d′(p) and d″(p)."""

    value: Function
    slope: Function
    curvature: Function


def _circle(p: Floats) -> Floats:
    return p * (1.0 - np.sinc(p) ** 2)


def _circle_slope(p: Floats) -> Floats:
    s = np.sinc(p)
    return 1.0 + s * (s - 2.0 * np.cos(np.pi * p))


def _circle_curvature(p: Floats) -> Floats:
    s = np.sinc(p)
    return 2.0 * np.pi**2 * p * s**2 - 2.0 * (np.cos(np.pi * p) - s) ** 2 / p


CELL_DISTORTIONS = {
    "ramp": CellDistortion(
        lambda p: p**2 * (2.0 - p) / 12.0, lambda p: p * (4.0 - 3.0 * p) / 12.0, lambda p: (2 - 3 * p) / 6
    ),
    "circle": CellDistortion(_circle, _circle_slope, _circle_curvature),
    "sawbridge": CellDistortion(lambda p: p**2 / 6.0, lambda p: p / 3.0, lambda p: np.full_like(p, 1.0 / 3.0)),
    "uniform": CellDistortion(lambda p: p**3 / 12.0, lambda p: p**2 / 4.0, lambda p: p / 2.0),
}


@dataclass(frozen=True)
class Problem:
    """An instance: D is the geometric mean of D_K and D_{K+1}, so that the optimum has K equal cells and an odd one."""

    source: str
    equal: int
    distortion: float = field(init=False)
    entropy: float = field(init=False)

    def __post_init__(self):
        levels = oracle.level(self.source, self.equal), oracle.level(self.source, self.equal + 1)
        object.__setattr__(self, "distortion", math.sqrt(levels[0] * levels[1]))
        object.__setattr__(self, "entropy", float(oracle.entropy(self.source, self.distortion)))

    @property
    def max_distortion(self) -> float:
        return float(oracle.max_distortion(self.source))

    @property
    def cells(self) -> int:
        """The number of cells for the optimisers: one more than in the optimum."""
        return self.equal + 2

    @property
    def d(self) -> CellDistortion:
        return CELL_DISTORTIONS[self.source]

    def total(self, p: Floats) -> float:
        return float(self.d.value(p).sum())

    def start(self, rng: np.random.Generator) -> Floats:
        """A feasible random partition into `cells` cells."""
        return self.feasible(rng.dirichlet(np.ones(self.cells)))

    def feasible(self, p: Floats) -> Floats:
        """Sizes with Σ p = 1 and Σ d(p) ≤ D, by their largest power that satisfies this; NaN if none does."""
        if self.total(p / p.sum()) <= self.distortion:
            return p / p.sum()
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            q = p**middle
            low, high = (middle, high) if self.total(q / q.sum()) <= self.distortion else (low, middle)
        q = p**low
        return q / q.sum() if self.total(q / q.sum()) <= self.distortion else np.full_like(p, np.nan)


class Answer(NamedTuple):
    """The answer of a peer: nats, sizes if it has them, and a lower bound if it proves one."""

    entropy: float
    sizes: Floats | None = None
    status: str = "done"
    bound: float = math.nan
    seconds: float | None = None


def entropy_of(p: Floats) -> float:
    p = p[p > 0.0]
    return float(-(p * np.log(p)).sum())


def best_feasible(problem: Problem, sizes: Floats) -> float:
    """Least entropy of the partition, made exactly feasible, with or without its nearly empty cells."""
    sizes = np.clip(np.asarray(sizes, dtype=float), 0.0, None)
    candidates = (sizes[sizes > threshold] for threshold in (0.0, 1e-8, 1e-6, 1e-4))
    entropies = [entropy_of(problem.feasible(p)) for p in candidates if p.size]
    return min((h for h in entropies if h > 0.0), default=math.nan)


def judge(problem: Problem, answer: Answer, tolerance: float) -> dict[str, Any]:
    """Errors against the oracle, and whether anything contradicts the optimum.

    Sizes contradict it if their entropy is below E at their own distortion. A value without sizes does so if it is
    below E by more than `tolerance`, and a lower bound if it is above E by more than that.
    """
    E, sizes = problem.entropy, answer.sizes
    error, violation, below = (answer.entropy - E) / E, 0.0, answer.entropy < E * (1.0 - tolerance)
    if sizes is not None:
        error = (best_feasible(problem, sizes) - E) / E
        violation = max(abs(sizes.sum() - 1.0), problem.total(sizes) / problem.distortion - 1.0, 0.0)
        below = _beats_the_optimum(problem.source, sizes) or error < -1e-12
    return {
        "relative_error": abs(error),
        "violation": violation,
        "bound": answer.bound,
        "gap": (answer.entropy - answer.bound) / E,
        "below_optimum": bool(below),
        "bound_above_optimum": bool(answer.bound > E * (1.0 + tolerance)),
    }


def _beats_the_optimum(source: str, sizes: Floats) -> bool:
    """Compare with E at the partition's own distortion, in 50-digit arithmetic; 1e-12 covers its rounding to double."""
    with mp.workdps(50):
        p = [mpf(size) for size in sizes.tolist() if size > 0.0]
        p = [size / fsum(p) for size in p]
        level = float(fsum(map(oracle.cell_distortion(source), p)))
        return bool(-fsum(size * mp.log(size) for size in p) < oracle.entropy(source, level) * (1 - mpf("1e-12")))

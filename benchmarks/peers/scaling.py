"""Time of the core and of the bisection against the number of points, and against 1/D."""

import math
from collections.abc import Iterator
from typing import Any

import edcurve as ed
import numpy as np

from . import bisection
from .contenders import Effort
from .problem import CELL_DISTORTIONS, oracle
from .timing import fastest

DECADES = range(1, 19)
METHODS = {
    "core": lambda source, D: ed.entropy_distortion(source, D, base=math.e),
    "bisection": bisection.entropy_distortion,
}


def against_points(effort: Effort) -> Iterator[dict[str, Any]]:
    """From one point to many, log-uniform in D/D_max from 1e-6 to 1."""
    counts = [10**k for k in range(int(math.log10(effort.largest)) + 1)]
    for source in CELL_DISTORTIONS:
        for points in counts:
            share = 10.0 ** np.random.default_rng(effort.seed).uniform(-6.0, 0.0, points)
            for method in METHODS:
                if method == "core" or points <= effort.points:
                    yield _row("points", source, method, share, effort)


def against_distortion(effort: Effort) -> Iterator[dict[str, Any]]:
    """Many points within 5 % of each D/D_max from 1e-1 to 1e-18."""
    for source in CELL_DISTORTIONS:
        for decade in DECADES:
            for method in METHODS:
                points = effort.points if method == "core" else effort.points // 10
                share = 10.0**-decade * np.random.default_rng(effort.seed).uniform(0.95, 1.0, points)
                yield _row("distortion", source, method, share, effort)


def steps(effort: Effort) -> int:
    """Number of rows."""
    points = int(math.log10(effort.largest)) + int(math.log10(effort.points)) + 2
    return len(CELL_DISTORTIONS) * (points + 2 * len(DECADES))


def _row(sweep: str, source: str, method: str, share: np.ndarray, effort: Effort) -> dict[str, Any]:
    D = share * float(oracle.max_distortion(source))
    D = D if D.size > 1 else D.item()
    values, seconds = fastest(lambda: METHODS[method](source, D), effort.repeat / 2.0)
    return {
        "sweep": sweep,
        "source": source,
        "method": method,
        "points": share.size,
        "share": float(np.exp(np.log(share).mean())),
        "seconds": seconds,
        "seconds_per_point": seconds / share.size,
        "relative_error": _error(source, np.atleast_1d(D), np.atleast_1d(values)),
    }


def _error(source: str, D: np.ndarray, values: np.ndarray) -> float:
    """Largest relative error at four of the points, against 50-digit arithmetic."""
    chosen = np.unique(np.linspace(0, D.size - 1, 4).astype(int))
    exact_values = [oracle.entropy(source, D[i].item()) for i in chosen]
    return max(abs(float(values[i].item() / exact - 1)) for i, exact in zip(chosen, exact_values, strict=True))

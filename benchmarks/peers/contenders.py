"""The solvers, by name: a function of the problem, and the claimed tolerance."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import edcurve as ed
import numpy as np

from . import bisection, scip_peer, scipy_peers
from .problem import Answer, Problem

GRID = 24  # multiples of 1/(24 cells)


@dataclass(frozen=True)
class Effort:
    """Size of a benchmark run: instances, starts, seconds, points."""

    equal: tuple[int, ...] = (2, 4, 8, 16, 32)
    starts: int = 8
    seed: int = 20220517
    limit: float = 15.0
    points: int = 100_000
    largest: int = 1_000_000
    repeat: float = 0.5


QUICK = Effort(equal=(2, 5), starts=4, limit=3.0, points=20_000, largest=100_000, repeat=0.1)


class Contender(NamedTuple):
    """`points` is the number of distortions in a call; `tolerance` is relative, on values and proved bounds."""

    name: str
    solve: Callable[[Problem], Answer]
    tolerance: float
    points: int = 1


def contenders(effort: Effort) -> list[Contender]:
    many, starts, seed = effort.points, effort.starts, effort.seed
    return [
        Contender("core, one point", lambda p: Answer(_core(p, p.distortion)), 1e-12),
        Contender("core, array", lambda p: Answer(_core(p, spread(p, many))[-1]), 1e-12, many),
        Contender("bisection, one point", lambda p: Answer(_bisection(p, p.distortion).item()), 1e-9),
        Contender("bisection, array", lambda p: Answer(_bisection(p, spread(p, many))[-1].item()), 1e-9, many),
        Contender("edcurve.search", _search, 1e-12),
        Contender("SLSQP", lambda p: scipy_peers.slsqp(p, starts, seed), 1e-9),
        Contender("trust-constr", lambda p: scipy_peers.trust_constr(p, starts, seed), 1e-9),
        Contender("convex–concave", lambda p: _convex_concave(p, starts, seed), 1e-9),
        Contender("HiGHS on a grid", lambda p: _integer_program(p, effort.limit), 1e-8),
        Contender("SCIP", lambda p: scip_peer.scip(p, effort.limit), 3e-6),  # 1e-6, and the smallest cell
    ]


def spread(problem: Problem, points: int) -> np.ndarray:
    """Distortions up to 0.1 % below that of the problem, which is the last."""
    return problem.distortion * np.linspace(0.999, 1.0, points)


def _core(problem: Problem, distortion):
    return ed.entropy_distortion(problem.source, distortion, base=math.e)


def _bisection(problem: Problem, distortion):
    return bisection.entropy_distortion(problem.source, distortion)


def _search(problem: Problem) -> Answer:
    result = ed.search.minimise_entropy(problem.d.value, problem.distortion, derivative=problem.d.slope)
    return Answer(result.entropy, result.sizes, f"{result.agreeing} of {result.starts} starts agree")


def _convex_concave(problem: Problem, starts: int, seed: int) -> Answer:
    from edcurve import relaxation

    result = relaxation.convex_concave(
        problem.source, problem.distortion, cells=problem.cells, starts=starts, seed=seed, base=math.e
    )
    return Answer(result.entropy, np.asarray(result.cells, dtype=float), result.status)


def _integer_program(problem: Problem, limit: float) -> Answer:
    from edcurve import relaxation

    result = relaxation.integer_program(
        problem.source, problem.distortion, grid=GRID * problem.cells, base=math.e, time_limit=limit / 4.0
    )
    sizes = np.repeat(result.sizes, result.counts)
    return Answer(result.entropy, sizes, f"{result.status}, grid {GRID * problem.cells}", result.lower)

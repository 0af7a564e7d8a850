"""Enclosures of the codes of `edcurve.codes.orders`, whose cells tell orders of magnitudes, and signs.

All cells are congruent, so the entropy is the logarithm of their number. The mean of a coordinate whose sign is known
is that of the magnitudes of its group.

The length and the direction of a Gaussian vector are independent. So these means are those of the ordered magnitudes
of n normal numbers, divided by the mean length.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeVar

from flint import acb, arb, ctx

from edcurve.codes.orders import LARGEST, Groups, candidates, cells

FAR = 12.0  # upper limit of integration, in standard deviations
TRIED = 8  # most codes whose distortion is computed rigorously

Number = TypeVar("Number", float, arb)


def best(coordinates: int, D: arb, *, pairs: bool) -> tuple[arb, str]:
    """Entropy in nats of the code of fewest cells whose distortion is proved to be at most D, and its description.

    With `pairs`, opposite points are the same point, so the sign of a single coordinate tells nothing.
    """
    tops = _tops(coordinates, ctx.prec)
    rough = [float(top) for top in tops]
    target = float(D.mid())
    codes = sorted((cells(groups, signs, pairs), groups, signs) for groups, signs in candidates(coordinates))
    enough = [code for code in codes if _distortion(rough, *code[1:]) <= target * (1.0 + 1e-12)]
    for count, groups, signs in enough[:TRIED]:
        if (signs or groups[:-1] or not pairs) and _distortion(tops, groups, signs) <= D:
            return arb(count).log(), f"a code of {count} cells, by {_words(groups, signs, pairs)},"
    return arb.pos_inf(), "no code is enclosed"


def _words(groups: Groups, signs: int, pairs: bool) -> str:
    total = sum(groups[:-1]) + signs
    parts = [] if len(groups) == 1 else [f"groups of {', '.join(map(str, groups))} by magnitude"]
    if total > 1:
        parts.insert(0, f"the {'relative ' if pairs else ''}signs of {total} coordinates")
    elif not pairs:
        parts.insert(0, "the sign of one coordinate")
    return " and ".join(parts)


def _distortion(tops: list[Number], groups: Groups, signs: int) -> Number:
    """1 − ‖mean‖², from the mean sums of the k largest magnitudes, k = 0, …, n."""
    distortion, start = tops[0] * 0 + 1, 0
    for i, size in enumerate(groups):
        mean = (tops[start + size] - tops[start]) / size
        distortion -= mean * mean * (signs if i == len(groups) - 1 else size)
        start += size
    return distortion


@lru_cache(maxsize=16)
def _tops(coordinates: int, precision: int) -> list[arb]:
    """Mean sums of the k largest magnitudes of a random unit vector; above `LARGEST` only for k = 0, n, else NaN."""
    half = arb(coordinates) / 2
    length = arb(2).sqrt() * (half + arb(0.5)).gamma() / half.gamma()
    whole = coordinates * (2 / arb.pi()).sqrt()
    inner = range(1, coordinates)
    sums = [_largest(coordinates, k) for k in inner] if coordinates <= LARGEST else [arb("nan") for _ in inner]
    return [one / length for one in (arb(0), *sums, whole)]


def _largest(n: int, k: int) -> arb:
    """The mean sum of the k largest of n normal magnitudes: ∫ E[min(N, k)] dt, where N of them exceed t."""
    # above FAR, E[min(N, k)] is at most n times the probability that one magnitude exceeds t
    tail = n * (2 / arb.pi()).sqrt() * (-(arb(FAR) ** 2) / 2).exp()

    def integrand(t: acb, analytic: bool) -> acb:
        p = (t / acb(2).sqrt()).erfc()
        return sum((min(j, k) * math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(1, n + 1)), acb(0))

    return acb.integral(integrand, 0, FAR, rel_tol=arb(2.0**-44)).real + arb(0).union(tail)

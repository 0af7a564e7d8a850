"""Write the certificate of the circle's theorem: ``python -m edcurve.certificate.circle --out FILE``."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections.abc import Iterator
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flint import arb, ctx

import edcurve

from .balls import ball, below, fraction, span
from .models import BallSpectrum
from .shape import Shape

BITS = 20
FINE_BITS = 80
CIRCLE = BallSpectrum([1])
SMALL = 1 / 8
POINTS = {"93/500": Fraction(93, 500), "1/2": Fraction(1, 2), "3/4": Fraction(3, 4), "1": Fraction(1)}

Box = tuple[float, float, float, float]


def certificate() -> dict[str, Any]:
    """Content of the certificate; `edcurve.certificate.check` defines its conditions."""
    with ctx.workprec(160):
        shape = Shape(CIRCLE)
        pieces = _pieces(shape)
        peak, dip = (_turn(piece) for piece in pieces if piece[2] == 0)
        content = {
            "theorem": "biuniform partitions of the circle are optimal: condition (★), docs/theorem.md",
            "bits": BITS,
            "fine_bits": FINE_BITS,
            "shape": [[_integer(low), _integer(high), sign] for low, high, sign in pieces],
            "peak": _outward(peak),
            "dip": _outward(dip),
            "constants": _constants(peak, dip),
            "boxes": list(_boxes(below(peak), below(dip))),
            "versions": {"edcurve": edcurve.__version__, "python-flint": version("python-flint")},
        }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return {**content, "sha256": hashlib.sha256(canonical.encode()).hexdigest()}


def _pieces(shape: Shape) -> list[tuple[float, float, int]]:
    """Pieces of [¼, 1] on which w rises or falls, and one around each of its extrema."""
    merged: list[tuple[float, float, int]] = []
    for piece in shape.pieces[1:]:
        if piece.sign == 0 and merged[-1][2] == 0:
            merged[-1] = (merged[-1][0], piece.high, 0)
        else:
            merged.append((piece.low, piece.high, piece.sign))
    return merged


def _turn(piece: tuple[float, float, int]) -> arb:
    """The zero of w′ in a piece."""
    low, high = arb(piece[0]), arb(piece[1])
    side = CIRCLE.turn(low) > 0
    for _ in range(2 * FINE_BITS):
        middle = ((low + high) / 2).mid()
        value = CIRCLE.turn(middle)
        if not (value > 0 or value < 0):
            break
        low, high = (middle, high) if (value > 0) == side else (low, middle)
    return low.union(high)


def _constants(peak: arb, dip: arb) -> dict[str, list[int]]:
    sizes = {"peak": peak, "dip": dip, **{name: ball(value) for name, value in POINTS.items()}}
    bends = {f"w({name})": CIRCLE.bend(size) for name, size in sizes.items()}
    slopes = {"slope(1/8)": CIRCLE.slope(arb(SMALL)), "slope(1)": CIRCLE.slope(arb(1))}
    return {name: _outward(value + arb(0, 2.0**-65)) for name, value in {**bends, **slopes}.items()}


def _boxes(peak: float, dip: float) -> Iterator[list[int | str]]:
    """Divide the square of (p₁, p₂), the longer side first, until every part has a proof."""
    stack: list[Box] = [(0.0, 0.5, 0.0, 0.5)]
    while stack:
        a, b, c, d = box = stack.pop()
        kind, bound = _kind(box, peak, dip)
        if kind:
            yield [*map(_integer, box), math.floor(0.9 * bound * 2**BITS), kind]
        elif b - a >= d - c:
            stack += [(a, (a + b) / 2, c, d), ((a + b) / 2, b, c, d)]
        else:
            stack += [(a, b, c, (c + d) / 2), (a, b, (c + d) / 2, d)]


def _kind(box: Box, peak: float, dip: float) -> tuple[str, float]:
    """The kind of proof of a box, or "" if it must be divided; and its bound on m(p₂, p₃) − m(p₁, p₂)."""
    a, _, c, d = box
    if a > d or a + 2 * c > 1:
        return "outside", 0.0
    if d <= SMALL:
        return "small", 0.0
    if 1 - a - c <= peak:
        return "rising", 0.0
    bound = below(_third(box, dip) - _first(box, peak))
    return ("bound", bound) if bound >= 2.0**-10 else ("", 0.0)


def _first(box: Box, peak: float) -> arb:
    """Upper bound of the mean of w from the largest possible p₁ to p₂."""
    _, b, c, d = box
    low, high = min(b, c, 1 - 2 * d), min(b, d, 1 - 2 * c)
    if d <= peak:
        return _mean(arb(high), arb(d)) if high < d else CIRCLE.bend(arb(d))
    top = CIRCLE.bend(arb(peak)) + arb(2) ** -30
    if not high < c:
        return top
    start = CIRCLE.slope(span(low, high)) if low else arb(0)
    return top.min(
        (CIRCLE.slope(span(c, d)) - start) / (span(c, d).log() - (span(low, high) if low else arb(high)).log())
    )


def _third(box: Box, dip: float) -> arb:
    """Lower bound of the mean of w from p₂ to p₃."""
    a, b, c, d = box
    low, high = max(1 - b - d, c, (1 - b) / 2), 1 - a - c
    ends = CIRCLE.bend(arb(c)).min(CIRCLE.bend(arb(high))) if high <= dip else arb.neg_inf()
    return ends.max(_mean(span(c, d), span(low, high))) if d < low else ends


def _mean(p: arb, q: arb) -> arb:
    return (CIRCLE.slope(q) - CIRCLE.slope(p)) / (q.log() - p.log())


def _integer(x: float) -> int:
    scaled = Fraction(x) * 2**BITS
    if scaled.denominator != 1:
        raise ArithmeticError(f"{x!r} is no multiple of 2^-{BITS}")
    return int(scaled)


def _outward(x: arb) -> list[int]:
    """Integers around `x` times a power of 2, with a margin for the checker, which computes `x` in another way."""
    scale, room = 2**FINE_BITS, 2**10
    return [math.floor(fraction(x.lower()) * scale) - room, math.ceil(fraction(x.upper()) * scale) + room]


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Write the certificate of the circle's theorem.")
    parser.add_argument("--out", required=True, type=Path, help="file to write")
    path: Path = parser.parse_args().out
    path.write_text(json.dumps(certificate(), ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""The shape of w: signs of w′ on (0, 1], and from them the range of w on any interval."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, Protocol

from flint import arb

from .balls import above, below, span

GRID = 2.0**-8  # initial width of the pieces
FINEST = 2.0**-13  # width of pieces that are not divided further


class Range(NamedTuple):
    """All numbers from `low` to `high`, both doubles."""

    low: float
    high: float


class Slopes(Protocol):
    """Derivatives of a cell distortion in ball arithmetic, and their behaviour near 0.

    ``small = (η, C, α)`` asserts that 0 < w(p) ≤ C p^α and w′(p) > 0 for 0 < p ≤ η; η is at most ½ and a
    multiple of 2⁻⁴⁰.
    """

    @property
    def small(self) -> tuple[float, float, float]:
        """η, C and α."""

    def slope(self, p: arb) -> arb:
        """d′(p)."""

    def bend(self, p: arb) -> arb:
        """w(p) = p d″(p)."""

    def turn(self, p: arb) -> arb:
        """Return p w′(p)."""


class Piece(NamedTuple):
    """An interval on which w rises (1), falls (−1) or may do both (0), and the range of w on it."""

    low: float
    high: float
    sign: int
    values: Range


class Shape:
    """The rise and fall of w on pieces of (0, 1] in increasing order, the first one from 0 to η."""

    def __init__(self, model: Slopes) -> None:
        self.model = model
        self.at = cache(self._at)
        edge = model.small[0]
        self.pieces = [Piece(0.0, edge, 1, Range(0.0, 0.0))]
        while edge < 1.0:
            step = min(GRID, 1.0 - edge)
            self._divide(edge, edge + step)
            edge += step
        self.level = tuple(piece for piece in self.pieces if not piece.sign)

    @property
    def rises_to(self) -> float:
        """End of the first stretch, on which w rises."""
        return next((piece.low for piece in self.pieces if piece.sign != 1), 1.0)

    def _divide(self, low: float, high: float) -> None:
        turn = self.model.turn(span(low, high))
        sign = int(turn > 0) - int(turn < 0)
        if sign or high - low <= FINEST:
            values = self.model.bend(span(low, high))
            self.pieces.append(Piece(low, high, sign, Range(below(values), above(values))))
        else:
            middle = (low + high) / 2
            self._divide(low, middle)
            self._divide(middle, high)

    def _at(self, p: float) -> Range:
        value = self.model.bend(arb(p)) if p else arb(0)
        return Range(below(value), above(value))

    def inside(self, low: float, high: float) -> list[Piece]:
        """Pieces of unknown sign that meet [low, high]."""
        return [piece for piece in self.level if piece.low < high and piece.high > low]

    def sign(self, low: float, high: float) -> int:
        """1 if w is proved to rise on [low, high], −1 if it is proved to fall, 0 otherwise."""
        signs = {piece.sign for piece in self.pieces if piece.low < high and piece.high > low}
        return signs.pop() if len(signs) == 1 else 0

    def values(self, low: float, high: float) -> Range:
        """Range of w on [low, high]: from its ends, and from the pieces where it may turn."""
        ranges = [self.at(low), self.at(high), *(piece.values for piece in self.inside(low, high))]
        return Range(min(x.low for x in ranges), max(x.high for x in ranges))

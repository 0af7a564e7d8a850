"""Check the certificate of the circle's theorem: ``python -m edcurve.certificate.check [FILE]``.

The theorem: for d(p) = p(1 − sinc²(πp)), w(p) = p d″(p) and m(p, q) the mean of w over [ln p, ln q],

    m(p₂, p₃) > m(p₁, p₂)  whenever 0 < p₁ < p₂ < p₃ and p₁ + p₂ + p₃ ≤ 1.                                    (★)

docs/theorem.md reduces it to the statements checked here, each by the function that it names. The checker shares no
code with the program that wrote the file. Numbers in the file are integers, to be divided by powers of 2 in the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

from flint import arb, ctx, fmpq

SHIPPED = Path(__file__).parent.parent / "data" / "circle_theorem.json"
PI = arb.pi
Interval = tuple[fmpq, fmpq]

# A file may have any origin. Larger files or parts are rejected; those of the shipped file are far smaller.
LARGEST = 2**20  # bytes
BITS, FINE_BITS = 64, 1024  # of the power of 2 that numbers are divided by
PIECES, BOXES = 10_000, 3000
LONGEST = 20  # letters of what proves a box
SIGNS = (-1, 0, 1)


class RejectedError(ValueError):
    """The certificate does not prove the theorem."""


def require(statement: bool, what: str) -> None:
    """Reject the certificate unless a statement is proved."""
    if not statement:
        raise RejectedError(what)


def slope(p: arb) -> arb:
    """d′(p)."""
    return 1 - 2 * (2 * p).sinc_pi() + p.sinc_pi() ** 2


def bend(p: arb) -> arb:
    """w(p) = δ(p) − 2d′(p)."""
    return 4 * p.sin_pi() ** 2 - 2 * slope(p)


def turn(p: arb) -> arb:
    """Return p w′(p) = p δ′(p) − 2w(p)."""
    return 4 * PI() * p * (2 * p).sin_pi() - 2 * bend(p)


def turn_rate(p: arb) -> arb:
    """(p w′)′ = δ′ + p δ″ − 2w′."""
    sine, cosine = (2 * p).sin_cos_pi()
    return 4 * PI() * sine + 8 * PI() ** 2 * p * cosine - 2 * turn(p) / p


def on(interval: Interval) -> arb:
    """Ball around an interval."""
    return arb(interval[0]).union(arb(interval[1]))


def check(content: dict[str, Any]) -> dict[str, Any]:
    """Verify every statement of a certificate; `RejectedError` names the first that fails."""
    check_types(content)
    body = {key: value for key, value in content.items() if key != "sha256"}
    try:
        require(digest(body) == content["sha256"], "the digest is not that of the content")
    except (TypeError, RecursionError):
        raise RejectedError("it is not JSON that can be written") from None
    with ctx.workprec(128):
        peak, dip = check_shape(content)
        check_constants(content, peak, dip)
        check_boxes(content, peak[0], dip[0])
    bounds = [box[4] for box in content["boxes"] if box[5] == "bound"]
    return {"boxes": len(content["boxes"]), "bounds": len(bounds), "least": min(bounds) / 2 ** content["bits"]}


def check_types(content: Any) -> None:
    """Check that every part exists with its type and a bounded size; other parts are ignored."""
    require(isinstance(content, dict), "expected an object")
    for name, most in (("bits", BITS), ("fine_bits", FINE_BITS)):
        require(type(content.get(name)) is int and 1 <= content[name] <= most, f"{name} is not from 1 to {most}")
    one, fine = 2 ** content["bits"], 2 ** content["fine_bits"]
    shape, constants, boxes = (content.get(name) for name in ("shape", "constants", "boxes"))
    fits = isinstance(shape, list) and len(shape) <= PIECES
    pieces = fits and all(are_integers(part, 3, one) and part[2] in SIGNS for part in shape)
    require(pieces, f"shape is not a list of at most {PIECES} times two numbers and a sign")
    for name in ("peak", "dip"):
        require(are_integers(content.get(name), 2, fine), f"{name} is not two numbers from 0 to 1")
    named = isinstance(constants, dict) and all(are_integers(pair, 2, 64 * fine) for pair in constants.values())
    require(named, "constants are not pairs of numbers by name")
    tiled = isinstance(boxes, list) and 1 <= len(boxes) <= BOXES and all(map(is_box, boxes))
    require(tiled, f"boxes are not a list of at most {BOXES} times five numbers and a kind")
    require(any(box[5] == "bound" for box in boxes), "there is no bound")


def is_box(part: Any) -> bool:
    """Whether this may be a box: corners, a bound, and the kind of its proof."""
    sized = isinstance(part, list) and len(part) == 6 and isinstance(part[5], str) and len(part[5]) <= LONGEST
    return sized and are_integers(part[:5], 5, 64 * 2**BITS)


def are_integers(part: Any, count: int, most: int) -> bool:
    """Whether this is a list of ``count`` integers of absolute value at most ``most``."""
    return (
        isinstance(part, list)
        and len(part) == count
        and all(type(number) is int and abs(number) <= most for number in part)
    )


def digest(body: dict[str, Any]) -> str:
    """SHA-256 of the content in canonical form."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def check_shape(content: dict[str, Any]) -> tuple[Interval, Interval]:
    """Check that w rises on (0, p*], falls on [p*, q*], rises on [q*, 1]: signs of p w′ on pieces that cover [¼, 1].

    On (0, ¼] it rises since sin x + x cos x > 0 for x ≤ π/2. On the two pieces of sign 0, p w′ is monotone and has
    opposite signs at the ends; they contain the narrow intervals given for p* and q*.
    """
    one = 2 ** content["bits"]
    pieces = [(fmpq(low, one), fmpq(high, one), sign) for low, high, sign in content["shape"]]
    ends = [fmpq(1, 4), *(piece[1] for piece in pieces)]
    require([piece[0] for piece in pieces] == ends[:-1] and ends[-1] == 1, "the pieces do not cover [1/4, 1]")
    signs = [sign for _, _, sign in pieces]
    runs = [sign for i, sign in enumerate(signs) if i == 0 or sign != signs[i - 1]]
    require(runs == [1, 0, -1, 0, 1] and signs.count(0) == 2, "w does not rise, fall and rise")
    for low, high, sign in pieces:
        require(sign == 0 or sign * turn(on((low, high))) > 0, f"the sign of w′ on [{low}, {high}]")
    turns = [piece[:2] for piece in pieces if piece[2] == 0]
    require(turn_rate(on(turns[0])) < 0 and turn_rate(on(turns[1])) > 0, "p w′ is not monotone where it vanishes")
    fine = 2 ** content["fine_bits"]
    peak, dip = ((fmpq(low, fine), fmpq(high, fine)) for low, high in (content["peak"], content["dip"]))
    for (low, high), (left, right), sign in ((peak, turns[0], 1), (dip, turns[1], -1)):
        require(left <= low < high <= right, "p* or q* is given outside its piece")
        require(sign * turn(arb(low)) > 0 and sign * turn(arb(high)) < 0, "w′ does not vanish where it is said to")
    return peak, dip


def check_constants(content: dict[str, Any], peak: Interval, dip: Interval) -> None:
    """The numbers of steps (a), (b) and (c), and the inequalities between them."""
    fine = 2 ** content["fine_bits"]
    bound = arb(fmpq(93, 500))
    values: dict[str, Callable[[], arb]] = {
        "w(peak)": lambda: bend(on(peak)),
        "w(dip)": lambda: bend(on(dip)),
        "w(93/500)": lambda: bend(bound),
        "w(1/2)": lambda: bend(arb(0.5)),
        "w(3/4)": lambda: bend(arb(0.75)),
        "w(1)": lambda: bend(arb(1)),
        "slope(1/8)": lambda: slope(arb(0.125)),
        "slope(1)": lambda: slope(arb(1)),
    }
    require(set(values) == set(content["constants"]), "the constants are not those of the proof")
    for name, (low, high) in content["constants"].items():
        require(arb(fmpq(low, fine)) <= values[name]() <= arb(fmpq(high, fine)), f"{name} is not in its interval")
    require(1 - 2 * arb(peak[0]) < bound and bend(bound) < bend(arb(0.5)), "(a): w(0.186) < w(1/2), 1 − 2p* < 0.186")
    require(bend(arb(1)) < 0, "(b): w(1) < 0")
    require(bend(arb(0.75)) < 0, "(c): d′ falls on [3/4, 1]")
    small = arb(0.125)
    left = 2 * PI() ** 2 * small**2 * -small.log()
    require(left < slope(arb(1)) - slope(small), "(c): the inequality for p₂ ≤ 1/8")


def check_boxes(content: dict[str, Any], peak: fmpq, dip: fmpq) -> None:
    """Step (c): boxes of (p₁, p₂) tile [0, ½]², and on each one (★) is proved for p₃ = 1 − p₁ − p₂."""
    one = 2 ** content["bits"]
    check_tiling([box[:4] for box in content["boxes"]], one // 2)
    for *corners, bound, kind in content["boxes"]:
        a, b, c, d = (fmpq(corner, one) for corner in corners)
        proved = {
            "outside": a > d or a + 2 * c > 1,
            "small": d <= fmpq(1, 8),
            "rising": 1 - a - c <= peak,
            "bound": bound > 0 and kind == "bound" and margin(a, b, c, d, peak, dip) >= arb(fmpq(bound, one)),
        }
        require(proved.get(kind, False), f"box {corners}: {kind} is not proved")


def check_tiling(boxes: Iterable[list[int]], side: int) -> None:
    """Boxes with disjoint interiors and the area of the square [0, side]² that they lie in cover it."""
    cover = list(boxes)
    require(all(0 <= a < b <= side and 0 <= c < d <= side for a, b, c, d in cover), "a box is not in the square")
    require(sum((b - a) * (d - c) for a, b, c, d in cover) == side**2, "the boxes do not have the area of the square")
    for (a, b, c, d), (e, f, g, h) in combinations(cover, 2):
        require(b <= e or f <= a or d <= g or h <= c, "two boxes overlap")


def margin(a: fmpq, b: fmpq, c: fmpq, d: fmpq, peak: fmpq, dip: fmpq) -> arb:
    """A ball whose lower end bounds m(p₂, p₃) − m(p₁, p₂) from below on the box [a, b] × [c, d].

    m(p₁, p₂) rises with p₁ (step (a)), so p₁ goes to the end of its range: b, p₂ or 1 − 2p₂.
    """
    first = max(min(b, c, 1 - 2 * d), fmpq(0)), min(b, d, 1 - 2 * c)
    third = max(1 - b - d, c, (1 - b) / 2), 1 - a - c
    return least(c, d, third, dip) - most(first, c, d, peak)


def most(first: Interval, c: fmpq, d: fmpq, peak: fmpq) -> arb:
    """Upper bound of the mean of w from p₁ to p₂: by monotonicity while w rises, else by its maximum or definition.

    Where p₁ may be 0 the definition is used with d′(p₁) ≥ 0.
    """
    low, high = first
    if d <= peak:
        return mean(arb(high), arb(d)) if high < d else bend(arb(d))
    top = bend(arb(peak).union(arb(peak) + arb(2) ** -40))
    if not high < c:
        return top
    second = on((c, d))
    run = second.log() - (arb(high) if low == 0 else on(first)).log()
    return top.min((slope(second) - (0 if low == 0 else slope(on(first)))) / run)


def least(c: fmpq, d: fmpq, third: Interval, dip: fmpq) -> arb:
    """Lower bound of the mean of w from p₂ to p₃: from its ends while it rises and falls, or its definition."""
    low, high = third
    ends = bend(arb(c)).min(bend(arb(high))) if high <= dip else arb.neg_inf()
    return ends.max(mean(on((c, d)), on(third))) if d < low else ends


def mean(p: arb, q: arb) -> arb:
    """m(p, q) = (d′(q) − d′(p)) / ln(q/p)."""
    return (slope(q) - slope(p)) / (q.log() - p.log())


def read(path: Path) -> Any:
    """The content of a file; `RejectedError` if it is not a regular file, not JSON, or too large."""
    try:
        require(stat.S_ISREG(path.stat().st_mode), "expected a regular file")
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            require(about.st_size <= LARGEST, f"expected at most {LARGEST} bytes, got {about.st_size}")
            return json.loads(file.read(LARGEST + 1).decode("utf-8"))
    except RejectedError:
        raise
    except OSError as error:
        raise RejectedError(error.strerror or "it cannot be read") from None
    except RecursionError:
        raise RejectedError("not JSON in UTF-8: it is nested too deeply") from None
    except ValueError as error:
        raise RejectedError(f"not JSON in UTF-8: {str(error)[:200]}") from None


def shown(text: object) -> str:
    """The text without characters that a terminal would interpret."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(text))


def main(arguments: list[str]) -> int:
    """Check a file, the shipped one by default, and report."""
    path = Path(arguments[0]) if arguments else SHIPPED
    try:
        found = check(read(path))
    except RejectedError as error:
        print(shown(f"{path}: rejected: {error}"))
        return 1
    bounds = f"{found['boxes']} boxes; least bound on {found['bounds']} of them {found['least']:.6f}"
    print(f"{shown(path)}: proved, {bounds}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Text of any origin: shown without control characters, and read as a number only where it is one."""

from __future__ import annotations

import unicodedata

LONGEST = 300  # characters of a message


def printable(text: object) -> str:
    r"""The text with unprintable characters escaped, like ``\x1b``, which a terminal would interpret.

    These are control characters, line breaks, marks that change the direction of writing, and unpaired surrogates.
    """
    shown = str(text)
    return shown if shown.isprintable() else "".join(map(_escaped, shown))


def message(error: object) -> str:
    """A message of several lines, each `printable`."""
    return "\n".join(map(printable, str(error).split("\n")))


def shortened(error: Exception) -> str:
    """Message of an exception, printable and truncated: some messages of numpy contain a whole header."""
    text = printable(error)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def number(text: str) -> float:
    """The number in a cell of a table; ValueError for other text, and for 1_0, which Python reads as ten."""
    if "_" in text:
        raise ValueError(f"could not convert string to float: {text!r}")
    return float(text)


def _escaped(letter: str) -> str:
    if letter.isprintable() or unicodedata.category(letter) == "Zs":  # spaces of other widths are harmless
        return letter
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")

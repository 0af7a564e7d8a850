"""Text of any origin: shown without control characters, and read as a number only where it is one."""

from __future__ import annotations

import unicodedata

LONGEST = 300  # characters of a message


def printable(text: object) -> str:
    r"""The text with each character that is not printable escaped, as ``\x1b``: a terminal would obey it.

    Such are control characters, line breaks, marks that change the direction of writing, and halves of characters.
    """
    shown = str(text)
    return shown if shown.isprintable() else "".join(map(_escaped, shown))


def message(error: object) -> str:
    """A message of several lines, each as `printable` gives it."""
    return "\n".join(map(printable, str(error).split("\n")))


def shortened(error: Exception) -> str:
    """Message of an exception, printable and cut: some messages of numpy have a whole header in them."""
    text = printable(error)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def number(text: str) -> float:
    """The number that a cell of a table is; ValueError for other text, and for 1_0, which Python takes for ten."""
    if "_" in text:
        raise ValueError(f"could not convert string to float: {text!r}")
    return float(text)


def _escaped(letter: str) -> str:
    if letter.isprintable() or unicodedata.category(letter) == "Zs":  # spaces of other widths are harmless
        return letter
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")

"""Text of any origin."""

import pytest
from edcurve.io.text import message, number, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é ≤ 漢 a\u00a0b", "plain é ≤ 漢 a\u00a0b"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x9b\x7f\0", r"\x9b\x7f\x00"),
        ("abc\u202edcb", r"abc\u202edcb"),
        ("\ud800", r"\ud800"),
        (None, "None"),
    ],
)
def test_control_characters_are_escaped(text, shown):
    assert printable(text) == shown


def test_a_message_keeps_its_lines():
    assert message("a\nb\x1b") == "a\nb\\x1b"


def test_numbers():
    assert (number("1e3"), number(" 2 ")) == (1000.0, 2.0)
    for text in ("1_0", "", "x", "0x10"):
        with pytest.raises(ValueError, match="could not convert"):
            number(text)

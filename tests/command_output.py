"""What a command printed, parsed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from edcurve.cli import main


def names_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def strict(text):
    """Parse JSON, in which NaN and Infinity are not numbers and no key is given twice."""

    def once(pairs):
        assert len({key for key, _ in pairs}) == len(pairs)
        return dict(pairs)

    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"), object_pairs_hook=once)


def floats(values):
    return [float(value) for value in values]


def table(text):
    """Parse a printed table: names, and columns of numbers; a line before it says what they are."""
    lines = text.splitlines()
    head, *rows = (line.split() for line in lines[lines[0].startswith("excess") :])
    return dict(zip(head, zip(*[floats(row) for row in rows], strict=True), strict=True))


def run(*arguments):
    """Output of a command that succeeds."""
    result = CliRunner().invoke(main, [str(x) for x in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def refused(*arguments):
    """Message of a command that is refused: one error, no traceback."""
    result = CliRunner().invoke(main, [str(x) for x in arguments])
    assert result.exit_code == 2, (result.exit_code, result.output, result.exception)
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert "Error: " in result.output
    return " ".join(result.output.split("Error: ", 1)[1].split())

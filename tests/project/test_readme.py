"""The README's Python session gives the output it shows; its shell session likewise."""

import doctest
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from edcurve.cli import main

README = Path(__file__).parents[2] / "README.md"


def test_python_session():
    results = doctest.testfile(str(README), module_relative=False)
    assert results.attempted >= 8
    assert results.failed == 0


CONSOLE = re.search(r"```console\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", re.split(r"^\$ ", CONSOLE.group(1), flags=re.MULTILINE)[1:])
def test_shell_session(block):
    command, _, shown = block.partition("\n")
    result = CliRunner().invoke(main, command.split()[1:])
    assert result.exit_code == 0
    assert result.output == shown

"""The README is short, its Python session gives the output shown, and its claims about commands are true."""

import doctest
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from edcurve.cli import main

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def test_python_session():
    results = doctest.testfile(str(README), module_relative=False)
    assert results.attempted >= 8
    assert results.failed == 0


def test_it_is_short():
    assert len(README.read_bytes()) <= 7500


def test_its_commands_are_targets_of_make():
    (block,) = re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line.partition("#")[0].split() for line in block.splitlines()]
    assert lines == [["make"], ["make", "test"]]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert ".DEFAULT_GOAL := run" in makefile
    assert re.search(r"^test:", makefile, re.MULTILINE)


def test_its_commands_of_edcurve_exist():
    text = README.read_text(encoding="utf-8")
    named = re.findall(r"`edcurve ([a-z]+)([^`]*)`", text)
    assert len(named) >= 3
    assert {name for name, _ in named} <= set(main.list_commands(click.Context(main)))


def test_it_prints_the_first_number_on_the_command_line_as_well():
    result = CliRunner().invoke(main, ["entropy", "ramp", "0.01"])
    assert float(result.output.split()[-1]) == pytest.approx(4.0246574147994405)

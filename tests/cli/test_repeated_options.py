"""Repeated options are refused, with all values and a remedy; click alone would take the last."""

from importlib.util import find_spec

import click
import pytest
from edcurve.cli import main
from edcurve.cli.lazy import LazyCommand
from edcurve.cli.parsing import Command


@pytest.mark.parametrize(
    ("words", "option", "values"),
    [
        (("entropy", "circle", "0.1", "--base", "2", "--base", "nats"), "--base", ("2", "nats")),
        (("entropy", "circle", "0.1", "--base", "2", "--base", "2"), "--base", ("2", "2")),
        (("excess", "circle", "-D", ".1", "--distortion", ".2", "-H", "3"), "--distortion", (".1", ".2")),
        (("curve", "circle", "--num", "3", "--num", "4", "--num", "5"), "--num", ("3", "4", "5")),
        (("report", "circle", "--out", "a.html", "--out", "b.html"), "--out", ("a.html", "b.html")),
        (("figures", "--out", "a", "--out", "b"), "--out", ("a", "b")),
        (("lagrangian", "x.npz", "4", "--key", "a", "--key", "b"), "--key", ("a", "b")),
        (("curve", "circle", "--dmin", "-1", "--dmin", "-2"), "--dmin", ("-1", "-2")),
        pytest.param(
            ("train", "circle", "--lmbda", "4", "--lmbda", "8"), "--lmbda", ("4", "8"), marks=pytest.mark.torch
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_one_value_given_twice(refused, words, option, values):
    message = refused(words)
    assert message == (
        f"Error: {option} was given {len(values)} times, with {' and '.join(values)}: it takes one value"
    )


def test_names_given_in_two_options(refused):
    pytest.importorskip("torch")
    refused(
        ["baseline", "circle", "--lmbda", "4", "--kind", "klt", "--kind", "phase"],
        "--kind was given 2 times, with klt and phase: several values are separated by commas: --kind klt,phase",
    )


def test_flags(refused, output):
    refused(
        ["report", "circle", "--shannon", "--no-shannon", "--out", "a.html"],
        "--shannon and --no-shannon exclude each other",
    )
    assert output("entropy", "circle", "1", "--json", "--json") == output("entropy", "circle", "1", "--json")


def test_all_commands_have_the_rule():
    for name in main.list_commands(click.Context(main)):
        command = main.get_command(click.Context(main), name)
        if isinstance(command, LazyCommand):
            if find_spec("torch") is None and name != "figures":
                continue
            command = command.load()
        assert isinstance(command, Command), name

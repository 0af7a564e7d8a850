"""Commands that other packages add to `edcurve`.

A package names an iterable of click commands as an entry point of the group ``edcurve.commands``::

    [project.entry-points."edcurve.commands"]
    mine = "my_package.commands:COMMANDS"

`edcurve.cli.lazy.LazyCommand` makes a command whose module is imported only when the command is run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "edcurve.commands"


def added_commands(taken: frozenset[str]) -> tuple[dict[str, click.Command], list[str]]:
    """Commands of all installed packages by their names, and a sentence for each entry point that was left out.

    Parameters
    ----------
    taken : frozenset of str
        Names of the commands of `edcurve`; among packages, the first one installed keeps a name.
    """
    from importlib.metadata import entry_points  # takes as long as the whole list of commands

    commands: dict[str, click.Command] = {}
    problems = []
    for entry_point in entry_points(group=GROUP):
        try:
            new = {str(command.name): command for command in _loaded(entry_point)}
            if clash := sorted(new.keys() & (taken | commands.keys())):
                raise ValueError(f"there is a command {clash[0]} already")
        except (Exception, SystemExit) as error:  # code of other packages may raise anything
            where = f"{entry_point.value} of {entry_point.dist.name}" if entry_point.dist else entry_point.value
            problems.append(f"commands {where} are left out: {type(error).__name__}: {error}")
        else:
            commands |= new
    return commands, problems


def _loaded(entry_point: EntryPoint) -> Iterator[click.Command]:
    for command in entry_point.load():
        if not isinstance(command, click.Command):
            raise TypeError(f"expected click commands, got {command!r}")
        yield command

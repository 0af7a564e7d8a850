"""A command that is listed without its dependencies, and loaded when it is run or its help is requested."""

from __future__ import annotations

import importlib
from typing import Any

import click


class LazyCommand(click.Command):
    """A name and a line of help for a command, which is the object of that name in a module.

    Parameters
    ----------
    name : str
        Name of the command, and of the object in the module.
    help : str
        First line of its help, which the list of commands shows.
    module : str
        The module, imported when the command is run.
    needs : str
        What to install if the module cannot be imported; the end of the sentence "NAME needs …".
    """

    def __init__(self, name: str, help: str, *, module: str, needs: str) -> None:
        super().__init__(name, help=help)
        self.module, self.needs = module, needs

    def load(self) -> click.Command:
        """Import the command; ImportError without its dependencies."""
        command: click.Command = getattr(importlib.import_module(self.module), str(self.name))
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Delegate to the command itself."""
        try:
            command = self.load()
        except ImportError as error:
            if extra.get("resilient_parsing"):  # a shell requests completions
                return super().make_context(info_name, args, parent, **extra)
            raise click.UsageError(f"{self.name} needs {self.needs} ({error})", parent) from None
        return command.make_context(info_name, args, parent, **extra)

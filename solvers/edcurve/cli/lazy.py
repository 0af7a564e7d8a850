"""Commands that need an optional extra: listed without it, loaded when one is run or asked for its own help."""

from __future__ import annotations

import importlib
from typing import Any

import click


class LazyCommand(click.Command):
    """A name and a line of help; the command itself is the object of that name in a module."""

    def __init__(self, name: str, help: str, *, module: str, extra: str) -> None:
        super().__init__(name, help=help)
        self.module, self.extra = module, extra

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Hand over to the command itself."""
        try:
            module = importlib.import_module(self.module)
        except ImportError as error:
            if extra.get("resilient_parsing"):  # a shell asks for completions
                return super().make_context(info_name, args, parent, **extra)
            raise click.UsageError(
                f"{self.name} needs the extra {self.extra}: pip install 'edcurve[{self.extra}]' ({error})", parent
            ) from None
        command: click.Command = getattr(module, str(self.name))
        return command.make_context(info_name, args, parent, **extra)


NEURAL = tuple(
    LazyCommand(name, line, module=f"edcurve_neural.{module}", extra=extra)
    for name, line, module, extra in (
        ("train", "Train one neural compressor, and measure it.", "cli.training", "neural"),
        ("sweep", "Train many neural compressors into a store.", "cli.training", "neural"),
        ("runs", "List the trained compressors of a store.", "cli.training", "neural"),
        ("baseline", "Measure compressors that are not neural, for comparison.", "cli.baseline", "neural"),
        ("encode", "Compress realizations into a file, with a trained compressor.", "cli.coding", "coding"),
        ("decode", "Reconstruct what was compressed into a file.", "cli.coding", "coding"),
    )
)

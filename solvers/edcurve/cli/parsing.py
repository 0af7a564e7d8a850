"""Command lines with negative numbers: -1 is a number, which the API refuses by name, and --nmu a mistyped option."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import click

MEANT = {"--points": "--num", "--lambda": "--lmbda"}


class CommandWithNumbers(click.Command):
    """A command whose arguments may be negative numbers, which click would take for options."""

    ignore_unknown_options = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse unknown options: words that begin with a dash, are no numbers, and are no values of known options."""
        if not ctx.resilient_parsing and "--" not in args:
            given, left, _ = self.make_parser(ctx).parse_args(list(args))
            named = (
                given.get(str(parameter.name)) for parameter in self.params if parameter.param_type_name == "argument"
            )
            for word in _words([*named, left]):
                if word.startswith("-") and word != "-" and not _is_numeric(word):
                    raise self._unknown(ctx, word.partition("=")[0])
        return super().parse_args(ctx, args)

    def _unknown(self, ctx: click.Context, name: str) -> click.NoSuchOption:
        options = [option for parameter in self.get_params(ctx) for option in parameter.opts if option.startswith("--")]
        near = [MEANT[name]] if MEANT.get(name) in options else get_close_matches(name, options, n=1)
        hint = f", did you mean {near[0]}?" if near else ""
        return click.NoSuchOption(name, message=f"No such option: {name}{hint}", ctx=ctx)


def _words(given: Any) -> Iterator[str]:
    if isinstance(given, str):
        yield given
    elif isinstance(given, list | tuple):
        for part in given:
            yield from _words(part)


def _is_numeric(word: str) -> bool:
    """Whether a word is a number, or several separated by commas."""
    try:
        [float(part) for part in word.split(",")]
    except ValueError:
        return False
    return True

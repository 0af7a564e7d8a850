"""Parsing of command lines: options are given at most once, -1 is a number, and --nmu a mistyped option."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import click

MEANT = {"--points": "--num", "--lambda": "--lmbda"}


class OutputPath(click.Path):
    """The path of a file to write, which must differ from files that are read and from other files to write."""


class Command(click.Command):
    """A command whose options are given at most once: click would silently take the last of two values."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse an option with two values, and a flag together with its opposite; a flag may be repeated."""
        if not ctx.resilient_parsing:
            given = self._all_values(ctx, args)
            for parameter in self.get_params(ctx):
                values = given.get(str(parameter.name), ())
                if isinstance(parameter, click.Option) and not parameter.multiple and len(values) > 1:
                    _refuse(parameter, values, ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Refuse to write a file that is read, or two outputs into one file."""
        from edcurve.io.files import check_outputs

        written = {parameter.name for parameter in self.params if isinstance(parameter.type, OutputPath)}
        given = [value for name, value in ctx.params.items() if name not in written]
        read = [
            one for value in given for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, str)
        ]
        try:
            check_outputs([ctx.params[name] for name in written if ctx.params[name] is not None], read)
        except ValueError as error:
            raise click.UsageError(str(error), ctx) from None
        return super().invoke(ctx)

    def _all_values(self, ctx: click.Context, args: list[str]) -> dict[str, Any]:
        """List every value of every option; for flags, the names under which they are given."""
        parser = click.Command(None, add_help_option=False).make_parser(ctx)
        for parameter in self.get_params(ctx):
            if not isinstance(parameter, click.Option):
                parameter.add_to_parser(parser, ctx)
            elif parameter.is_flag or parameter.count:
                for names in filter(None, (parameter.opts, parameter.secondary_opts)):
                    parser.add_option(
                        obj=parameter, opts=names, dest=parameter.name, action="append_const", const=names[0]
                    )
            else:
                parser.add_option(
                    obj=parameter, opts=parameter.opts, dest=parameter.name, action="append", nargs=parameter.nargs
                )
        return parser.parse_args(list(args))[0]


def _refuse(option: click.Option, values: list[Any], ctx: click.Context) -> None:
    if option.is_flag:
        if len(names := list(dict.fromkeys(values))) > 1:
            raise click.UsageError(f"{' and '.join(names)} exclude each other", ctx)
    elif not option.count:
        name = max(option.opts, key=len)
        words = [" ".join(value) if isinstance(value, tuple) else str(value) for value in values]
        several = getattr(option.type, "takes_several", False)
        remedy = (
            f"several values are separated by commas: {name} {','.join(words)}" if several else "it takes one value"
        )
        raise click.UsageError(f"{name} was given {len(words)} times, with {' and '.join(words)}: {remedy}", ctx)


class CommandWithNumbers(Command):
    """A command whose arguments may be negative numbers, which click would parse as options."""

    ignore_unknown_options = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse unknown options: words that begin with a dash and are neither numbers nor values of known options."""
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

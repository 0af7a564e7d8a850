"""Shared parts of the commands: types of arguments, options, errors, tables and files."""

from __future__ import annotations

import csv
import json
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from itertools import islice
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


PART = 2**14  # values of a column written at once
LINES = 2**8  # lines of a table written at once
LONGEST = 60  # characters of a label
SHORTEST = 8  # least characters of a label shown on narrow terminals


class RealNumber(click.ParamType):  # type: ignore[type-arg]  # generic only in new releases of click
    """A real number; the API checks its range."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a number as Python does."""
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number", param, ctx)


class NumberList(click.ParamType):  # type: ignore[type-arg]  # generic only in new releases of click
    """One number or several, separated by commas."""

    takes_several = True  # used in the message about an option that is given twice

    def __init__(self, kind: type[int] | type[float] = float) -> None:
        self.kind, self.name = kind, f"{'integer' if kind is int else 'number'},..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        """Read each number as Python does."""
        what = "an integer" if self.kind is int else "a number"
        numbers = []
        for part in str(value).split(","):
            try:
                numbers.append(self.kind(part))
            except ValueError:
                self.fail(f"{part!r} is not {what}", param, ctx)
        return numbers


class MultiplierList(NumberList):
    """Multipliers λ of an option, separated by commas."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        """Read each number as Python does; a message shows the whole text, which may use another separator."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            message = f"--lmbda must be numbers separated by commas, got {value!r}"
            raise click.UsageError(message, ctx) from None


class LogBase(RealNumber):
    """The base of logarithms: a number, or a name."""

    name = "base"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a number, "e", "nats" or "bits", or one of these in the singular."""
        names = {"e": math.e, "nats": math.e, "nat": math.e, "bits": 2.0, "bit": 2.0}
        if value in names:
            return names[value]
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number, bits, nats or e", param, ctx)


def reported(command: Callable[..., None]) -> Callable[..., None]:
    """Turn errors of the API and of the file system into a message on standard error and exit code 2.

    Warnings of the API become a line on standard error, without a line of source code.
    """

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        from edcurve.io.text import message

        try:
            with warnings.catch_warnings():
                warnings.showwarning = partial(_note, warnings.showwarning)
                command(*args, **kwargs)
        except BrokenPipeError:
            raise
        except (ValueError, TypeError, ImportError) as error:
            text = str(error).replace("source must be a Source or one of", "source must be one of")
            text = text.replace("upper_bound returns", "`edcurve bound` prints the entropy of")
            raise click.UsageError(message(text)) from None
        except OSError as error:
            what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise click.UsageError(message(what)) from None
        except (MemoryError, RuntimeError) as error:
            if not _lacks_memory(error):
                raise
            raise click.UsageError(message(f"not enough memory {error}".strip())) from None

    return run


def _note(show: Callable[..., None], text: Warning | str, category: type[Warning], *place: Any) -> None:
    """Show a warning of the API as plain text, and others unchanged."""
    if category is UserWarning:
        click.echo(str(text), err=True)
    else:
        show(text, category, *place)


def _lacks_memory(error: MemoryError | RuntimeError) -> bool:
    """Whether memory was exhausted, which PyTorch tells only in the message."""
    return isinstance(error, MemoryError) or any(
        words in str(error).lower() for words in ("can't allocate memory", "out of memory", "bad_alloc")
    )


@contextmanager
def of_one(count: int) -> Iterator[None]:
    """Remove the index from a message about an argument with a single value."""
    try:
        yield
    except ValueError as error:
        raise ValueError(str(error).removesuffix(" at index 0") if count == 1 else str(error)) from None


base_option = click.option(
    "--base", type=LogBase(), default="2", show_default=True, help="2 or bits, e or nats, or a number."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable: JSON on standard output.")
# Completions of SOURCE: the built-in sources and one of each family. They are written out because edcurve.sources
# imports numpy, which is too slow for a shell.
OFFERED = (
    *("ramp", "circle", "sinusoid", "sawbridge", "uniform", "square", "triangle"),
    *("power:1.5", "pulse:0.2", "edge:15", "sphere", "torus", "rotations", "klein", "sphere:3", "torus:1,2"),
)


Completion = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def offer(names: Sequence[str], *, files: bool = False) -> Completion:
    """Completion of an argument: the names that begin with it, or files if there are none."""

    def completed(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        items = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        # bash completes only files if it is offered files and names
        return [CompletionItem(incomplete, type="file")] if files and not items else items

    return completed


source_argument = click.argument("source", shell_complete=offer(OFFERED))
source_or_file_argument = click.argument("source", shell_complete=offer(OFFERED, files=True))
ends_option = click.option(
    "--open/--closed",
    "is_open",
    default=None,
    help="Of a file: the points are a curve with ends, or a loop.  [default: a loop if the last point is as near to "
    "the first as neighbours are; single numbers have ends]",
)
key_option = click.option("--key", help="Of a .npz file: name of the array.")


def _joined(_context: click.Context, _parameter: click.Parameter, values: Sequence[Sequence[float]]) -> list[float]:
    return [number for part in values for number in part]


def multipliers_argument(name: str, *, required: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """An argument of multipliers λ, separated by spaces or commas.

    Other arguments do not accept commas, because 0,01 may be one number.
    """
    return click.argument(name, type=NumberList(), nargs=-1, required=required, callback=_joined)


def write_all(writers: dict[str | None, Callable[[Path], Any]]) -> None:
    """Write all files or none; a writer takes the path, and a path of None is skipped."""
    from edcurve.io.files import replacing

    named = {path: write for path, write in writers.items() if path is not None}
    with ExitStack() as files:
        for path, write in named.items():
            write(files.enter_context(replacing(path)))
    for path in named:
        click.echo(f"wrote {path}", err=True)


def write_csv(table: dict[str, list[Any]], path: Path) -> None:
    """Write columns as CSV with a header line, every number exact."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table)
        writer.writerows([*map(repr, row)] for row in zip(*table.values(), strict=True))


def print_columns(source: str, base: float, as_json: bool, *, facts: dict[str, Any], **columns: Any) -> None:
    """Print columns of equal length, as JSON, which begins with the facts about the source, or as a table."""
    if as_json:
        content = {"source": source, "base": base, **facts, **columns}
        for i, (key, value) in enumerate(content.items()):
            click.echo(f"{', ' if i else '{'}{json.dumps(key)}: ", nl=False)
            _print_json(value)
        click.echo("}")
    else:
        print_table(tuple(columns), _rows(list(columns.values())))


def _rows(columns: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Rows of columns of equal length, lists or arrays: an array of numbers takes a quarter of a list's memory."""
    for start in range(0, max(map(len, columns)), PART):
        yield from zip(*(_listed(column[start : start + PART]) for column in columns), strict=True)


def _listed(column: Any) -> list[Any]:
    return column.tolist() if hasattr(column, "tolist") else list(column)


def _print_json(value: Any) -> None:
    """Print a value as JSON, and a column in parts, because its text may not fit into memory."""
    from edcurve.curves import writable

    if isinstance(value, str | dict) or not hasattr(value, "__len__"):
        click.echo(json.dumps(value, allow_nan=False), nl=False)
        return
    for start in range(0, len(value), PART):
        text = json.dumps([writable(x) for x in _listed(value[start : start + PART])], allow_nan=False)
        click.echo(f"{', ' if start else '['}{text[1:-1]}", nl=False)
    click.echo("]" if len(value) else "[]", nl=False)


def print_table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under their names; labels are in the last column, truncated so that a line fits the terminal."""
    labelled = names[-1] == "label"
    columns = names[:-1] if labelled else names
    # six columns fit a terminal of 80 characters, or five with longer names
    wide = max(18 if len(names) <= 4 else 13, *(len(name) + 2 for name in columns))
    widths, digits = [wide] * len(columns), wide - 6 if wide == 13 else wide - 7
    if labelled:  # five columns leave room for a label
        widths, digits = [max(12, len(name) + 2) for name in columns], 5
    room = get_terminal_size().columns - sum(widths) - 2
    room = max(SHORTEST, room if room > 0 else LONGEST)  # no limit if the line is too long without its label
    head = [f"{name:>{width}}" for name, width in zip(columns, widths, strict=True)]
    click.echo("".join([*head, "  label"] if labelled else head).rstrip())
    numbers = "".join(f"{{:{width}.{digits}g}}" for width in widths)

    def line(row: Sequence[Any]) -> str:
        label = row[-1] if labelled else ""
        shown = f"{numbers.format(*row)}  {label if len(label) <= room else label[: room - 1] + '…'}"
        return shown.rstrip()

    lines = map(line, rows)
    while part := list(islice(lines, LINES)):  # a call for each line would dominate the time
        click.echo("\n".join(part))

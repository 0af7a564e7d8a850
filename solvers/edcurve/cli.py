"""The command line: every subcommand is one call of the API, which is imported only when one runs."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
import textwrap
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click

SHOWN = 16


class Number(click.ParamType):  # type: ignore[type-arg]  # generic only in new releases of click
    """A real number; what it may be is for the API to say."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read what Python reads as a float."""
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number", param, ctx)


class Base(Number):
    """The base of logarithms: a number, or e."""

    name = "base"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a number, or "e"."""
        return math.e if value == "e" else super().convert(value, param, ctx)


def _reported(command: Callable[..., None]) -> Callable[..., None]:
    """Make what the API or the file system objects to a message on standard error and exit code 2."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except BrokenPipeError:
            raise
        except (ValueError, TypeError, MemoryError, ImportError) as error:
            raise click.UsageError(str(error)) from None
        except OSError as error:
            what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise click.UsageError(what) from None

    return run


base_option = click.option("--base", type=Base(), default="2", show_default=True, help="2 for bits, e for nats.")
json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable: JSON on standard output.")
source_argument = click.argument("source")
# so that a negative number is an argument, to be refused by name, and not an unknown option
NUMBERS = {"ignore_unknown_options": True}


class _Group(click.Group):
    """Commands whose output holds a ? for what the encoding of standard output does not have, such as ≤."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        return super().main(*args, **kwargs)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="edcurve")
def main() -> None:
    """Optimal entropy-distortion trade-offs of sources on one-parameter manifolds.

    SOURCE is ramp, circle, sinusoid, sawbridge, uniform or power:a (0 < a ≤ 2). Distortions are squared errors, not
    divided by the dimension.
    """


@main.command(context_settings=NUMBERS)
@source_argument
@click.option("--num", type=int, default=256, show_default=True, help="Number of distortions.")
@click.option("--dmin", type=Number(), help="Smallest distortion. [default: D_max/1000]")
@click.option("--dmax", type=Number(), help="Largest distortion. [default: D_max]")
@base_option
@click.option("--csv", "csv_path", type=click.Path(), help="Write the table to a file.")
@click.option("--plot", "plot_path", type=click.Path(), help="Draw into a file: .png, .pdf, .svg, …")
@json_option
@_reported
def curve(
    source: str,
    num: int,
    dmin: float | None,
    dmax: float | None,
    base: float,
    csv_path: str | None,
    plot_path: str | None,
    as_json: bool,
) -> None:
    """E(D) with its bounds and its convex hull."""
    from . import curves, plotting
    from .sources import resolve

    most = resolve(source).max_distortion
    low, high = 1e-3 * most if dmin is None else dmin, most if dmax is None else dmax
    if not 0.0 < low < high < math.inf:
        raise ValueError(f"--dmin and --dmax must satisfy 0 < dmin < dmax, got {low:g} and {high:g}")
    drawn = curves.curve(source, curves.spread(low, high, num), base=base)
    if plot_path is not None:
        plotting.require_format(plot_path)
    _write_all({plot_path: partial(plotting.save, drawn), csv_path: drawn.to_csv})
    if as_json:
        click.echo(drawn.to_json())
    elif csv_path is None and plot_path is None:
        _summary(drawn)


def _write_all(writers: dict[str | None, Callable[[Path], Any]]) -> None:
    """Write files, all of them or none."""
    from ._files import replacing

    named = {path: write for path, write in writers.items() if path is not None}
    with ExitStack() as files:
        for path, write in named.items():
            write(files.enter_context(replacing(path)))
    for path in named:
        click.echo(f"wrote {path}", err=True)


def _summary(drawn: Any) -> None:
    count = len(drawn.distortion)
    rows = sorted({round(i * (count - 1) / (SHOWN - 1)) for i in range(SHOWN)}) if count > SHOWN else range(count)
    names = ("distortion", "entropy", "lower", "hull")
    click.echo(f"{drawn.source}: {drawn.status}; entropies in {drawn.unit}")
    _table(names, [[getattr(drawn, name)[i] for name in names] for i in rows])
    if count > SHOWN:
        click.echo(f"{len(rows)} of {count} distortions; --csv FILE or --json for all")


@main.command(context_settings=NUMBERS)
@source_argument
@click.argument("distortion", type=Number(), nargs=-1, required=True)
@base_option
@json_option
@_reported
def entropy(source: str, distortion: tuple[float, ...], base: float, as_json: bool) -> None:
    """E(D): the least entropy at each DISTORTION."""
    from . import exact

    values = exact.entropy_distortion(source, list(distortion), base=base)
    _columns(source, base, as_json, distortion=list(distortion), entropy=values.tolist())


@main.command(context_settings=NUMBERS)
@source_argument
@click.argument("entropy", type=Number(), nargs=-1, required=True)
@base_option
@json_option
@_reported
def distortion(source: str, entropy: tuple[float, ...], base: float, as_json: bool) -> None:
    """The least distortion at each ENTROPY: the inverse of E(D)."""
    from . import exact

    values = exact.distortion_entropy(source, list(entropy), base=base)
    _columns(source, base, as_json, entropy=list(entropy), distortion=values.tolist())


@main.command(context_settings=NUMBERS)
@source_argument
@click.argument("distortion", type=Number())
@json_option
@_reported
def partition(source: str, distortion: float, as_json: bool) -> None:
    """The optimal cells at a DISTORTION: count of one size, and a smaller odd one."""
    from . import partitions
    from .curves import writable

    best = partitions.partition(source, distortion)
    content = {"source": source, "distortion": distortion, "count": best.count, "size": best.size, "odd": best.odd}
    if as_json:
        click.echo(json.dumps({name: writable(value) for name, value in content.items()}, allow_nan=False))
    else:
        for name in ("count", "size", "odd"):
            click.echo(f"{name:5}  {content[name]!r}")


@main.command(context_settings=NUMBERS)
@source_argument
@click.argument("distortion", type=Number(), nargs=-1, required=True)
@base_option
@json_option
@_reported
def certify(source: str, distortion: tuple[float, ...], base: float, as_json: bool) -> None:
    """Enclose E(D) at each DISTORTION rigorously, and say what was proved."""
    from dataclasses import asdict

    from .certificate import certify
    from .curves import writable

    found = [certify(source, D, base=base) for D in distortion]
    if as_json:
        content = [{name: writable(value) for name, value in asdict(one).items()} for one in found]
        click.echo(json.dumps(content, allow_nan=False))
        return
    for one in found:
        click.echo(f"E({one.distortion!r}) of {one.source} is in [{one.lower!r}, {one.upper!r}]")
        click.echo(f"  width {one.upper - one.lower:.1e}" if math.isfinite(one.upper) else "  infinite")
        click.echo(textwrap.fill(one.method, 78, initial_indent="  ", subsequent_indent="  "))


@main.command(context_settings=NUMBERS)
@source_argument
@click.option("--distortion", "-D", type=Number(), help="Measured distortion.")
@click.option("--entropy", "-H", type=Number(), help="Measured entropy.")
@click.option("--points", type=click.Path(), help="CSV with columns distortion, entropy and perhaps lmbda.")
@click.option("--lmbda", type=Number(), help="Report the excess of H + λD over its minimum instead.")
@base_option
@json_option
@_reported
def excess(
    source: str,
    distortion: float | None,
    entropy: float | None,
    points: str | None,
    lmbda: float | None,
    base: float,
    as_json: bool,
) -> None:
    """How far measured compressors are above the optimum."""
    from . import gaps

    if (points is None) == (distortion is None and entropy is None) or (distortion is None) != (entropy is None):
        raise ValueError("give either --distortion and --entropy, or --points")
    table: dict[str, list[Any]]
    table = {"distortion": [distortion], "entropy": [entropy]} if points is None else _read_points(points)
    if lmbda is not None:
        table["lmbda"] = [lmbda] * len(table["distortion"])
    above = gaps.excess(source, table["distortion"], table["entropy"], lmbda=table.get("lmbda"), base=base)
    _columns(source, base, as_json, **table, excess=above.tolist())


def _read_points(path: str) -> dict[str, list[Any]]:
    try:
        reader = csv.DictReader(io.StringIO(Path(path).read_text(encoding="utf-8-sig")))
        rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a CSV file in UTF-8: {error}") from None
    names = [name for name in ("distortion", "entropy", "lmbda") if rows and name in rows[0][1]]
    if names[:2] != ["distortion", "entropy"]:
        raise ValueError(f"{path}: expected a header line with distortion and entropy, and rows below it")
    return {name: [_number(path, line, name, row[name]) for line, row in rows] for name in names}


def _number(path: str, line: int, name: str, text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise ValueError(f"{path}, line {line}: {name} must be a number, got {text!r}") from None


@main.command()
@click.option("--out", default="figures", show_default=True, type=click.Path(), help="Folder to write to.")
@base_option
@_reported
def figures(out: str, base: float) -> None:
    """Draw the optimal trade-offs of the ramp and the circle (theory curves of the paper's Fig. 1 and 3)."""
    from .figures import write_figures

    command = ["edcurve", "figures", "--out", out]
    if base != 2:
        command += ["--base", "e" if base == math.e else repr(base)]
    for path in write_figures(out, base=base, command=command):
        click.echo(f"wrote {path}")


@main.command()
@json_option
@_reported
def sources(as_json: bool) -> None:
    """List the built-in sources."""
    from .sources import BUILT_IN, PowerLaw

    known = [*(make() for make in BUILT_IN.values()), PowerLaw(1.5)]
    if as_json:
        keys = ("name", "max_distortion", "closed", "status")
        click.echo(json.dumps([{key: getattr(source, key) for key in keys} for source in known], indent=1))
        return
    for source in known:
        shape = "closed" if source.closed else "open"
        click.echo(f"{source.name:10} {shape:6}  D_max = {source.max_distortion:<10.6g} {source.status}")
        click.echo(f"{'':10} {(type(source).__doc__ or '').splitlines()[0]}")
    click.echo("power:a takes any 0 < a ≤ 2")


def _columns(source: str, base: float, as_json: bool, **columns: Sequence[float]) -> None:
    """Print equally long columns, as JSON or as a table."""
    from .curves import writable

    if as_json:
        content = {"source": source, "base": base, **columns}
        plain = {key: [writable(x) for x in v] if isinstance(v, list) else v for key, v in content.items()}
        click.echo(json.dumps(plain, allow_nan=False))
    else:
        _table(tuple(columns), [list(row) for row in zip(*columns.values(), strict=True)])


def _table(names: Sequence[str], rows: list[list[float]]) -> None:
    click.echo("".join(f"{name:>18}" for name in names))
    for row in rows:
        click.echo("".join(f"{value:18.11g}" for value in row))

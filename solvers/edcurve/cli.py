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
key_option = click.option("--key", help="Of a .npz file: name of the array.")
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

    SOURCE is ramp, circle, sinusoid, sawbridge, uniform, square, triangle, power:a (0 < a ≤ 2), pulse:w (0 < w < 1) or
    edge:n (n harmonics); `edcurve sources` lists them. Distortions are squared errors, not divided by the dimension.
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
@click.option("--shannon", is_flag=True, help="Add Shannon's R(D).")
@click.option("--gaussian", is_flag=True, help="Add the KLT bound: R(D) of the Gaussian source of that covariance.")
@click.option("--width", type=int, help="Add the rank floor of a decoder whose last layer is so wide.")
@click.option("--open", "is_open", is_flag=True, help="Of a file: the points are an open curve, not a loop.")
@click.option(
    "--waveform", is_flag=True, help="Of a file: samples of one waveform, of which all cyclic shifts are meant."
)
@click.option(
    "--tolerance", type=Number(), default="0.05", show_default=True, help="Of a file: largest defect allowed."
)
@key_option
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
    shannon: bool,
    gaussian: bool,
    width: int | None,
    is_open: bool,
    waveform: bool,
    tolerance: float,
    key: str | None,
) -> None:
    """E(D) with its bounds and its convex hull.

    SOURCE may also be a file (.npy, .npz, .csv): points along a loop, one a row, equally spaced in the phase.
    """
    from . import curves, plotting
    from .sources import resolve

    if plot_path is not None:
        plotting.require_format(plot_path)
    known = resolve(_from_file(source, is_open, waveform, tolerance, key))
    most = known.max_distortion
    low, high = 1e-3 * most if dmin is None else dmin, most if dmax is None else dmax
    if not 0.0 < low < high < math.inf:
        raise ValueError(f"--dmin and --dmax must satisfy 0 < dmin < dmax, got {low:g} and {high:g}")
    wanted = curves.spread(low, high, num)
    drawn = curves.curve(known, wanted, base=base, shannon=shannon, gaussian=gaussian, width=width)
    _write_all({plot_path: partial(plotting.save, drawn), csv_path: drawn.to_csv})
    if as_json:
        click.echo(drawn.to_json())
    elif csv_path is None and plot_path is None:
        _summary(drawn)


def _from_file(source: str, is_open: bool, waveform: bool, tolerance: float, key: str | None) -> Any:
    """The source that a file of points stands for; a name is left as it is."""
    from ._data import is_data, read_points

    if not is_data(source):
        if is_open or waveform or key is not None:
            raise ValueError(f"--open, --waveform and --key are for files, got the source {source!r}")
        return source
    from .sources import Source

    if is_open and waveform:
        raise ValueError("--open and --waveform exclude each other")
    points, name = read_points(source, key=key), Path(source).stem
    try:
        if waveform:
            return Source.from_waveform(points.ravel() if 1 in points.shape else points, name=name)
        return Source.from_samples(points, closed=not is_open, tolerance=tolerance, name=name)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{source}: {error}") from None


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
    names = [name for name in drawn.columns if name != "upper"]
    click.echo(f"{drawn.source}: {drawn.status}; entropies in {drawn.unit}")
    if drawn.truncation > 0.0:
        click.echo(f"distortions may be up to {drawn.truncation:.2g} larger than given: what the samples leave open")
    if drawn.defect > 0.0:
        click.echo(f"the points deviate from stationary by {drawn.defect:.2g}")
    if drawn.floor is not None:
        click.echo(f"rank floor of width {drawn.width}: distortion at least {drawn.floor:.6g}")
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
@click.argument("lmbda", type=Number(), nargs=-1, required=True)
@base_option
@json_option
@_reported
def lagrangian(source: str, lmbda: tuple[float, ...], base: float, as_json: bool) -> None:
    """The least H + λD at each LMBDA, and the cells that attain it; SOURCE may be ramp:T, sampled at T points."""
    from . import sweeps

    found = sweeps.lagrangian(source, list(lmbda), base=base)
    names = ("cells", "entropy", "distortion", "value")
    columns = {name: getattr(found, name).tolist() for name in names}
    _columns(source, base, as_json, lmbda=list(lmbda), **columns)


@main.command(context_settings=NUMBERS)
@click.argument("file", type=click.Path())
@click.option("--lmbda", required=True, help="λ, or several separated by commas.")
@click.option("--closed", is_flag=True, help="The points are a loop: cells may wrap around.")
@click.option("--weights", type=click.Path(), help="File of the points' weights.")
@click.option("--csv", "csv_path", type=click.Path(), help="Write the table to a file.")
@click.option("--cells", "cells_path", type=click.Path(), help="Write the cells of a single λ to a CSV file.")
@base_option
@json_option
@key_option
@_reported
def segment(
    file: str,
    lmbda: str,
    closed: bool,
    weights: str | None,
    csv_path: str | None,
    cells_path: str | None,
    base: float,
    as_json: bool,
    key: str | None,
) -> None:
    """The best partition of the points in a FILE (.npy, .npz, .csv; one a row) into runs, at each λ."""
    from . import segmentation
    from ._data import read_points

    values = _numbers("--lmbda", lmbda)
    if cells_path is not None and len(values) != 1:
        raise ValueError(f"--cells lists the cells of a single λ, got {len(values)}")
    points, given = read_points(file, key=key), None if weights is None else read_points(weights).ravel()
    try:
        found = segmentation.segment(points, values, weights=given, closed=closed, base=base)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{file}: {error}") from None
    names = ("lmbda", "cells", "entropy", "distortion", "value", "gap")
    frame = found.to_pandas()
    table: dict[str, list[Any]] = {name: frame[name].tolist() for name in names}
    _write_all({csv_path: partial(_write_csv, table), cells_path: partial(_write_cells, found)})
    if as_json:
        cells = {name: [part.tolist() for part in getattr(found, name)] for name in ("boundaries", "probabilities")}
        click.echo(json.dumps({"file": file, "base": base, **table, **cells}, allow_nan=False))
    elif csv_path is None and cells_path is None:
        _table(names, [list(row) for row in zip(*table.values(), strict=True)])


def _numbers(option: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} must be numbers separated by commas, got {text!r}") from None


def _write_csv(table: dict[str, list[Any]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table)
        writer.writerows([*map(repr, row)] for row in zip(*table.values(), strict=True))


def _write_cells(found: Any, path: Path) -> None:
    (first,), (share,), (centroids,) = found.boundaries, found.probabilities, found.centroids
    points = centroids.reshape(len(first), -1)
    table: dict[str, list[Any]] = {"first": first.tolist(), "probability": share.tolist()}
    table |= {f"centroid_{i}": column.tolist() for i, column in enumerate(points.T)}
    _write_csv(table, path)


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
    from .sources import BUILT_IN, FAMILIES, resolve

    known = [*(make() for make in BUILT_IN.values()), *map(resolve, ("power:1.5", "pulse:0.2", "edge:15"))]
    if as_json:
        keys = ("name", "max_distortion", "closed", "status")
        click.echo(json.dumps([{key: getattr(source, key) for key in keys} for source in known], indent=1))
        return
    for source in known:
        shape = "closed" if source.closed else "open"
        click.echo(f"{source.name:10} {shape:6}  D_max = {source.max_distortion:<10.6g} {source.status}")
        click.echo(f"{'':10} {(type(source).__doc__ or '').splitlines()[0]}")
    for family in FAMILIES.values():
        click.echo(f"{family.form} takes {family.allowed}")


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

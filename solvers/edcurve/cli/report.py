"""The commands that show measured compressors: a report, and its picture alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .common import base_option, reported, source_or_file_argument
from .files import FileOptions, file_options, from_files, source_from
from .parsing import CommandWithNumbers, OutputPath
from .units import UnitOptions, unit_options

if TYPE_CHECKING:
    from edcurve.sources import Source


@click.command(cls=CommandWithNumbers)
@source_or_file_argument
@click.option(
    "--points",
    type=click.Path(),
    multiple=True,
    help="CSV of measured points: distortion, entropy (bits), optionally lmbda; repeat for several files.",
)
@click.option("--out", required=True, type=OutputPath(), help="The .html file to write.")
@click.option("--shannon/--no-shannon", default=None, help="Shannon's R(D).  [default: for closed sources]")
@unit_options
@reported
@file_options
def report(
    source: str, points: tuple[str, ...], out: str, shannon: bool | None, units: UnitOptions, file: FileOptions
) -> None:
    """Write one HTML file about a source: interactive curve, gaps of your compressors, certificates.

    The file works without a network. SOURCE may also be a file of points, as for `edcurve curve`. With the CSV of
    `edcurve runs --csv` as --points, the report also splits the gaps into their causes. Points may be in other units,
    as for `edcurve excess`.
    """
    from edcurve.reporting import report
    from edcurve.sources import resolve

    command = ["edcurve", "report", source]
    tolerance = None if file.tolerance == 0.05 else f"{file.tolerance:g}"
    command += [word for path in points for word in ("--points", path)]
    given = {"--key": file.key, "--tolerance": tolerance}
    flags = {"--shannon": shannon, "--no-shannon": shannon is False}
    flags |= {"--open": file.closed is False, "--closed": file.closed is True, "--waveform": file.waveform}
    command += [word for option, value in given.items() if value is not None for word in (option, value)]
    command += [flag for flag, wanted in flags.items() if wanted]
    resolved = resolve(source_from(source, file), surfaces=True)
    measured = units.read(points, resolved, units.of(resolved)) if points else None
    report(resolved, measured, out, shannon=shannon, command=[*command, *units.words(), "--out", out])
    click.echo(f"wrote {out}")


@click.command(cls=CommandWithNumbers)
@source_or_file_argument
@click.option(
    "--points",
    required=True,
    type=click.Path(),
    multiple=True,
    help="CSV of measured points: distortion and entropy; repeat for several files.",
)
@click.option("--out", required=True, type=OutputPath(), help="The picture to write: .png, .pdf, .svg, …")
@click.option("--log/--linear", default=None, help="Axis of distortions.  [default: log, unless one is 0]")
@base_option
@unit_options
@reported
@from_files
def gap(
    source: Source | str, points: tuple[str, ...], out: str, log: bool | None, base: float, units: UnitOptions
) -> None:
    """Draw measured compressors against E(D), with their gaps.

    Each codec has a colour, a marker and an entry in the legend: each value of a column codec or, without it, each
    label without its seed. SOURCE may also be a file of points, as for `edcurve curve`. Points may be in other units,
    as for `edcurve excess`.
    """
    from edcurve import drawing
    from edcurve.plotting import plot_gap
    from edcurve.sources import resolve

    drawing.require_format(out, "--out")
    resolved = resolve(source, surfaces=True)
    measured = units.read(points, resolved, units.of(resolved, base))
    drawing.write(out, lambda ax: plot_gap(resolved, measured, base=base, ax=ax, log=log))
    click.echo(f"wrote {out}")

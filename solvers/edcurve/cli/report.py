"""The command that writes a report."""

from __future__ import annotations

import click

from .common import reported, source_or_file_argument
from .files import FileOptions, file_options, source_from
from .parsing import CommandWithNumbers
from .units import UnitOptions, unit_options


@click.command(cls=CommandWithNumbers)
@source_or_file_argument
@click.option(
    "--points", type=click.Path(), help="CSV of what was measured: distortion, entropy (bits), perhaps lmbda."
)
@click.option("--out", required=True, type=click.Path(), help="The .html file to write.")
@click.option("--shannon/--no-shannon", default=None, help="Shannon's R(D).  [default: for closed sources]")
@unit_options
@reported
@file_options
def report(
    source: str, points: str | None, out: str, shannon: bool | None, units: UnitOptions, file: FileOptions
) -> None:
    """Write one HTML file about a source: interactive curve, gaps of your compressors, certificates.

    It works without a network. SOURCE may also be a file of points, as for `edcurve curve`. With the CSV of
    `edcurve runs --csv` as --points, it also says where the gaps come from. Points may be in other units, as for
    `edcurve excess`.
    """
    from edcurve.reporting import report
    from edcurve.sources import resolve

    command = ["edcurve", "report", source]
    tolerance = None if file.tolerance == 0.05 else f"{file.tolerance:g}"
    given = {"--points": points, "--key": file.key, "--tolerance": tolerance}
    flags = {"--shannon": shannon, "--no-shannon": shannon is False}
    flags |= {"--open": file.closed is False, "--closed": file.closed is True, "--waveform": file.waveform}
    command += [word for option, value in given.items() if value is not None for word in (option, value)]
    command += [flag for flag, wanted in flags.items() if wanted]
    resolved = resolve(source_from(source, file))
    measured = None if points is None else units.read(points, resolved, units.of(resolved))
    report(resolved, measured, out, shannon=shannon, command=[*command, *units.words(), "--out", out])
    click.echo(f"wrote {out}")

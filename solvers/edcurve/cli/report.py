"""The command that writes a report."""

from __future__ import annotations

import click

from .common import NUMBERS, reported, source_argument


@click.command(context_settings=NUMBERS)
@source_argument
@click.option(
    "--points", type=click.Path(), help="CSV of what was measured: distortion, entropy in bits, perhaps lmbda."
)
@click.option("--out", required=True, type=click.Path(), help="The .html file to write.")
@click.option("--shannon/--no-shannon", default=None, help="Shannon's R(D).  [default: for closed sources]")
@reported
def report(source: str, points: str | None, out: str, shannon: bool | None) -> None:
    """Write one HTML file about a source: interactive curve, gaps of your compressors, certificates.

    It works without a network. With the CSV of `edcurve runs --csv` as --points, it also says where the gaps come from.
    """
    from edcurve.reports import report

    command = ["edcurve", "report", source]
    if points is not None:
        command += ["--points", points]
    if shannon is not None:
        command.append("--shannon" if shannon else "--no-shannon")
    report(source, points, out, shannon=shannon, command=[*command, "--out", out])
    click.echo(f"wrote {out}")

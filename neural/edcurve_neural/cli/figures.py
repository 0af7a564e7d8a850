"""The command `edcurve figures`, which needs no PyTorch: results come with the package."""

from __future__ import annotations

import math
from pathlib import Path

import click
from edcurve.cli.common import base_option, reported
from edcurve.cli.parsing import Command
from edcurve.io.files import check_outputs

WRITTEN = ("runs.csv", "codewords.csv", "ramp.csv", "circle.csv")  # tables in the folder


@click.command(cls=Command)
@click.option("--out", default="figures", show_default=True, type=click.Path(), help="Folder to write to.")
@click.option(
    "--runs",
    type=click.Path(),
    help="Store of trained compressors, or the CSV of `edcurve runs`. [default: results that come with the package]",
)
@base_option
@reported
def figures(out: str, runs: str | None, base: float) -> None:
    """Draw the optimal trade-offs of the ramp and the circle, and the paper's figures with trained compressors.

    ramp.* and circle.* are the theory curves alone, with tables; figure_1 to figure_4 are the paper's figures, in bits,
    figure_5 what the excess is made of, figure_6 the sawbridge as control, figure_7 the effect of small batches and
    fixed training sets. A table of runs has no figure_2 and figure_4, which need the weights of a store.
    """
    from edcurve.reporting.figures import write_figures

    from edcurve_neural.figures import draw, load

    command = ["edcurve", "figures", "--out", out]
    if base != 2:
        command += ["--base", "e" if base == math.e else repr(base)]
    if runs is not None:
        command += ["--runs", runs]
    try:
        if runs is not None:
            check_outputs([Path(out, name) for name in WRITTEN], [runs])
        trained = load(runs)  # before anything is written
    except ModuleNotFoundError as error:
        message = f"--runs with a store needs the extra neural: pip install 'edcurve[neural]' ({error})"
        raise ImportError(message) from None
    if trained.codewords is None:
        what = "figure_2 and figure_4 are left out: they need a store that has runs of the ramp or the circle"
        click.echo(what, err=True)
    for path in write_figures(out, base=base, command=command):
        click.echo(f"wrote {path}")
    for path in draw(trained, out, command=command):
        click.echo(f"wrote {path}")

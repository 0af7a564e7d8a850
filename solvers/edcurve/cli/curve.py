"""The command that draws and tabulates the curve of a source or of measured points."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import click

from .common import RealNumber, base_option, json_option, print_table, reported, source_or_file_argument, write_all
from .files import FileOptions, file_options, source_from
from .parsing import CommandWithNumbers, OutputPath

if TYPE_CHECKING:
    from edcurve.curves import Curve

SHOWN = 16  # rows of the summary


@click.command(cls=CommandWithNumbers)
@source_or_file_argument
@click.option("--num", type=int, default=256, show_default=True, help="Number of distortions.")
@click.option("--dmin", type=RealNumber(), help="Smallest distortion. [default: D_max/1000, or the truncation error]")
@click.option("--dmax", type=RealNumber(), help="Largest distortion. [default: D_max]")
@base_option
@click.option("--csv", "csv_path", type=OutputPath(), help="Write the table to a file.")
@click.option("--plot", "plot_path", type=OutputPath(), help="Draw into a file: .png, .pdf, .svg, …")
@json_option
@click.option("--shannon", is_flag=True, help="Add Shannon's R(D).")
@click.option("--gaussian", is_flag=True, help="Add the KLT bound: R(D) of a Gaussian source of equal covariance.")
@click.option("--width", type=int, help="Add the rank floor of a decoder whose last hidden layer has this width.")
@reported
@file_options
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
    file: FileOptions,
) -> None:
    """E(D) with its bounds and its convex hull.

    SOURCE may also be a file (.npy, .npz, .csv): points along a loop or a curve with ends, one per row, equally spaced
    in the phase; a loop does not repeat its first point at the end.
    """
    from edcurve import curves, drawing
    from edcurve.io.arrays import is_data
    from edcurve.sources import resolve

    if plot_path is not None:
        drawing.require_format(plot_path, "--plot")
    resolved = resolve(source_from(source, file), surfaces=True)
    low = curves.least(resolved) if dmin is None else dmin
    high = resolved.max_distortion if dmax is None else dmax
    if not 0.0 < low < high < math.inf:
        raise ValueError(f"--dmin and --dmax must satisfy 0 < dmin < dmax, got {low:g} and {high:g}")
    distortions = curves.spread(low, high, num)
    try:
        result = curves.curve(resolved, distortions, base=base, shannon=shannon, gaussian=gaussian, width=width)
    except ValueError as error:
        raise ValueError(f"{source}: {error}" if is_data(source) else str(error)) from None
    write_all({plot_path: partial(drawing.save, result), csv_path: result.to_csv})
    if as_json:
        click.echo(result.to_json())
    elif csv_path is None and plot_path is None:
        _print_summary(result)


def _print_summary(curve: Curve) -> None:
    from edcurve.curves import evenly_spaced
    from edcurve.sources import BETWEEN

    count = len(curve.distortion)
    rows = evenly_spaced(count, SHOWN)
    enclosed = curve.status in BETWEEN
    names = [name for name in curve.columns if name != ("entropy" if enclosed else "upper")]
    click.echo(f"{curve.source}: {curve.status}; entropies in {curve.unit}")
    if enclosed:
        click.echo("E(D) is between lower and upper, the entropy of a code")
    if curve.truncation > 0.0:
        click.echo(f"distortions may be off by {curve.truncation:.2g}: what the samples leave open")
    if curve.defect > 0.0:
        click.echo(f"the points deviate from stationary by {curve.defect:.2g}")
    if curve.low is not None:
        click.echo(
            "cells count with the mean over their positions; the best intervals of the points are between low and high"
        )
    if curve.floor is not None:
        click.echo(f"rank floor of width {curve.width}: distortion at least {curve.floor:.6g}")
    print_table(names, [[getattr(curve, name)[i] for name in names] for i in rows])
    if count > SHOWN:
        click.echo(f"{len(rows)} of {count} distortions; --csv FILE or --json for all")

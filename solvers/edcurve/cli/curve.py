"""The command that draws and tabulates a whole curve, of a source or of measured points."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import click

from .common import Number, base_option, json_option, print_table, reported, source_or_file_argument, write_all
from .files import file_options, from_file
from .parsing import Numeric

SHOWN = 16


@click.command(cls=Numeric)
@source_or_file_argument
@click.option("--num", type=int, default=256, show_default=True, help="Number of distortions.")
@click.option("--dmin", type=Number(), help="Smallest distortion. [default: D_max/1000, or the truncation error]")
@click.option("--dmax", type=Number(), help="Largest distortion. [default: D_max]")
@base_option
@click.option("--csv", "csv_path", type=click.Path(), help="Write the table to a file.")
@click.option("--plot", "plot_path", type=click.Path(), help="Draw into a file: .png, .pdf, .svg, …")
@json_option
@click.option("--shannon", is_flag=True, help="Add Shannon's R(D).")
@click.option("--gaussian", is_flag=True, help="Add the KLT bound: R(D) of the Gaussian source of that covariance.")
@click.option("--width", type=int, help="Add the rank floor of a decoder whose last layer is so wide.")
@file_options
@reported
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

    SOURCE may also be a file (.npy, .npz, .csv): points along a loop, one a row, equally spaced in the phase, the first
    not repeated at the end.
    """
    from edcurve import curves, drawing
    from edcurve.io.arrays import is_data
    from edcurve.sources import resolve

    if plot_path is not None:
        drawing.require_format(plot_path)
    known = resolve(from_file(source, is_open, waveform, tolerance, key))
    most = known.max_distortion
    low, high = curves.least(known) if dmin is None else dmin, most if dmax is None else dmax
    if not 0.0 < low < high < math.inf:
        raise ValueError(f"--dmin and --dmax must satisfy 0 < dmin < dmax, got {low:g} and {high:g}")
    wanted = curves.spread(low, high, num)
    try:
        drawn = curves.curve(known, wanted, base=base, shannon=shannon, gaussian=gaussian, width=width)
    except ValueError as error:
        raise ValueError(f"{source}: {error}" if is_data(source) else str(error)) from None
    write_all({plot_path: partial(drawing.save, drawn), csv_path: drawn.to_csv})
    if as_json:
        click.echo(drawn.to_json())
    elif csv_path is None and plot_path is None:
        _summary(drawn)


def _summary(drawn: Any) -> None:
    count = len(drawn.distortion)
    rows = sorted({round(i * (count - 1) / (SHOWN - 1)) for i in range(SHOWN)}) if count > SHOWN else range(count)
    names = [name for name in drawn.columns if name != "upper"]
    click.echo(f"{drawn.source}: {drawn.status}; entropies in {drawn.unit}")
    if drawn.truncation > 0.0:
        click.echo(f"distortions may be off by {drawn.truncation:.2g}: what the samples leave open")
    if drawn.defect > 0.0:
        click.echo(f"the points deviate from stationary by {drawn.defect:.2g}")
    if drawn.floor is not None:
        click.echo(f"rank floor of width {drawn.width}: distortion at least {drawn.floor:.6g}")
    print_table(names, [[getattr(drawn, name)[i] for name in names] for i in rows])
    if count > SHOWN:
        click.echo(f"{len(rows)} of {count} distortions; --csv FILE or --json for all")

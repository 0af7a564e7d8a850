"""The command that compares codecs, each given by a curve of measured points."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import click

from .common import RealNumber, base_option, json_option, print_table, reported, source_or_file_argument
from .files import facts, from_files, name_of, print_caveats
from .parsing import CommandWithNumbers
from .units import UnitOptions, unit_options

if TYPE_CHECKING:
    from edcurve.sources import Source


@click.command("mean-excess", cls=CommandWithNumbers)
@source_or_file_argument
@click.option(
    "--points",
    type=click.Path(),
    required=True,
    multiple=True,
    help="CSV of points: distortion, entropy, optionally codec or label; repeat for several files.",
)
@click.option(
    "--over",
    type=click.Choice(["distortion", "entropy"]),
    default="distortion",
    show_default=True,
    help="Variable of the mean.",
)
@click.option("--reference", default="optimum", show_default=True, help="optimum, hull, or the name of a codec.")
@click.option("--start", type=RealNumber(), help="Start of the range.  [default: that shared by all codecs]")
@click.option("--end", type=RealNumber(), help="End of the range.")
@base_option
@json_option
@unit_options
@reported
@from_files
def mean_excess(
    source: Source | str,
    points: tuple[str, ...],
    over: str,
    reference: str,
    start: float | None,
    end: float | None,
    base: float,
    as_json: bool,
    units: UnitOptions,
) -> None:
    """Mean excess of codecs, each with several points, over the optimum, its hull or one of them.

    Over distortion it is the mean of H − E(D) at equal steps of ln D (of PSNR); over entropy, that of the distortion in
    dB above the least. Rows with the same codec or, without that column, the same label are one curve: its points,
    joined by straight lines. These may pass below E(D) between points of a codec near the optimum, but hardly below its
    hull. Points may be in other units, as for `edcurve excess`; columns distortion_low, distortion_high, entropy_low
    and entropy_high, or psnr_low and so on, give low and high.
    """
    from edcurve.curves import writable
    from edcurve.io.tables import omitted
    from edcurve.optimum import curve_gaps
    from edcurve.sources import resolve
    from edcurve.units import of_base

    resolved = resolve(source, surfaces=True)
    table = units.read(points, resolved, units.of(resolved, base))
    if table.left_out:
        click.echo(omitted(table), err=True)
    result = curve_gaps.mean_excess(resolved, table, over=over, reference=reference, start=start, end=end, base=base)
    columns = {"excess": result.value.tolist()}
    if not all(map(math.isnan, result.low.tolist())):
        columns |= {"low": result.low.tolist(), "high": result.high.tolist()}
    if as_json:
        about = {name: getattr(result, name) for name in ("over", "reference", "start", "end")}
        listed = {name: [writable(one) for one in values] for name, values in columns.items()}
        content = {"source": name_of(source), "base": base, **facts(source), **about, **listed}
        click.echo(json.dumps({**content, "label": list(result.labels)}, allow_nan=False))
        return
    print_caveats(source)
    what, unit = ("H", of_base(base)) if over == "distortion" else ("10 log10 D", "dB")
    click.echo(f"mean excess of {what} over {result.reference}, {over} {result.start:.6g} to {result.end:.6g}; {unit}")
    labels = [label or "-" for label in result.labels]
    print_table((*columns, "label"), [list(row) for row in zip(*columns.values(), labels, strict=True)])

"""Commands about measurements: compressors, and curves without a source."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .common import (
    MultiplierList,
    NumberList,
    RealNumber,
    base_option,
    ends_option,
    json_option,
    key_option,
    of_one,
    print_columns,
    print_table,
    reported,
    source_or_file_argument,
    write_all,
    write_csv,
)
from .files import facts, from_files, name_of, of_ends, print_caveats, read_array, read_weights
from .parsing import CommandWithNumbers, OutputPath
from .units import UnitOptions, unit_options

if TYPE_CHECKING:
    from edcurve.io.tables import Points
    from edcurve.segmentation import Segmentation
    from edcurve.sources import Source

SHOWN = ("cells", "entropy", "distortion")  # columns of partitions into a number of cells


@click.command(cls=CommandWithNumbers)
@source_or_file_argument
@click.option("--distortion", "-D", type=RealNumber(), help="Measured distortion.")
@click.option("--entropy", "-H", type=RealNumber(), help="Measured entropy.")
@click.option(
    "--points",
    type=click.Path(),
    multiple=True,
    help="CSV with columns distortion, entropy and optionally lmbda or λ; repeat for several files.",
)
@click.option("--lmbda", type=RealNumber(), help="λ of training: the excess is that of H + λD.")
@base_option
@json_option
@unit_options
@reported
@from_files
def excess(
    source: Source | str,
    distortion: float | None,
    entropy: float | None,
    points: tuple[str, ...],
    lmbda: float | None,
    base: float,
    as_json: bool,
    units: UnitOptions,
) -> None:
    """How far measured compressors are above the optimum.

    The column excess is H − E(D). With λ it is H + λD minus its least value, and excess_entropy is H − E(D). If points
    have a rate R, it replaces H beside λD, as in `edcurve runs`. If E(D) is not known, excess_over_bound is H minus the
    entropy of the best known partition: at most H − E(D). SOURCE may be a file, as for `edcurve curve`.

    Rows of --points whose column source names another source, and rows without D or H, are left out. In a table with a
    column λ, rows without λ have no excess. Columns distortion_low, distortion_high, entropy_low and entropy_high give
    excess_low and excess_high, as the excess increases with D and H; rows without any of these have none.

    With --dim, columns mse, sse or psnr may replace distortion, and bits, nats, bpp or bpd may replace entropy;
    psnr_low, psnr_high and so on are the ends of intervals. --psnr, --mse, --bpp and --bpd choose among several such
    columns, and are the units of -D and -H. A .json with results of CompressAI is read too, and a CSV with semicolons
    and decimal commas.
    """
    import numpy as np

    from edcurve.optimum import gaps, sanity
    from edcurve.sources import BETWEEN, BOUND, resolve
    from edcurve.units import of_base

    if (not points) == (distortion is None and entropy is None) or (distortion is None) != (entropy is None):
        raise ValueError("give either --distortion and --entropy, or --points")
    resolved = resolve(source, stationary=False, surfaces=True)
    conversion = units.of(resolved, base)
    table: dict[str, Any] = {"distortion": np.array([distortion]), "entropy": np.array([entropy])}
    measured = None
    if points or conversion is not None:
        named = {units.measure("distortion"): [distortion], units.measure("entropy"): [entropy]}
        measured = units.read(points or named, resolved, conversion)
        table = _columns(measured)
        if conversion is not None and (as_json or not measured.has_intervals):  # intervals leave no space for these
            inverses = {name: getattr(conversion, name) if name not in table else None for name in measured.columns}
            values = zip(inverses.items(), (measured.distortion, measured.entropy), strict=True)
            table = {name: inverse(own) for (name, inverse), own in values if inverse is not None} | table
    labels = table.pop("label", None)
    if lmbda is not None:
        table["lmbda"] = np.full(len(table["distortion"]), lmbda if conversion is None else conversion.lmbda(lmbda))
    D, H = table["distortion"], table["entropy"]
    bounded = resolved.status in (BOUND, *BETWEEN)
    with of_one(2 if points else 1):
        if "lmbda" in table:
            *_, above = gaps.excess_unchecked(resolved, D, H, lmbda=_weights(table, lmbda), base=base)
            table["excess"] = np.where(np.isnan(table["lmbda"]), np.nan, above)
            if "rate" in table:  # the excess of R + λD, as in `edcurve runs`
                table["excess"] += np.where(np.isnan(table["rate"]), 0.0, table["rate"] - H)
        if resolved.status in BETWEEN or (bounded and resolved.law.stationary):
            table["excess_over_bound"] = gaps.over_bound(resolved, D, H, base=base)
        elif not bounded or "lmbda" not in table:
            name = "excess_entropy" if "lmbda" in table else "excess"
            table[name] = gaps.excess_unchecked(resolved, D, H, base=base)[-1]
        if measured is not None and measured.has_intervals and "rate" not in table:
            table |= _interval(resolved, table, measured, _weights(table, lmbda), base)
    if "excess_entropy" in table:  # moved after the intervals, which belong to the excess
        table["excess_entropy"] = table.pop("excess_entropy")
    meaning = _meaning(table, resolved)
    if labels is not None:
        table["label"] = labels
    if not as_json:
        print_caveats(source)
        listed = "; ".join(f"{name} is {what}" for name, what in meaning.items())
        click.echo(f"{listed}; in {of_base(base)}")
    most = None if measured is None else measured.ends("high")
    for doubt in sanity.doubts(resolved, D, H, most=most, base=base, option="--base"):
        click.echo(doubt, err=True)
    print_columns(name_of(source), base, as_json, facts={**facts(source), "meaning": meaning}, **table)


def _meaning(table: dict[str, Any], source: Source) -> dict[str, str]:
    """The meaning of each column of an excess."""
    from edcurve.sources import BETWEEN, BOUND

    spent = "R" if "rate" in table else "H"
    least = "least known" if source.status in (BOUND, *BETWEEN) else "least"
    texts = {
        "excess": f"{spent} + λD less the {least} H + λD" if "lmbda" in table else "H − E(D)",
        "excess_over_bound": "H less the entropy of the best partition known",
        "excess_entropy": "H − E(D)",
    }
    return {name: text for name, text in texts.items() if name in table}


def _weights(table: dict[str, Any], lmbda: float | None) -> Any:
    """λ of each row, 0 if missing."""
    import numpy as np

    weights = table.get("lmbda")
    return weights if weights is None or lmbda is not None else np.where(np.isnan(weights), 0.0, weights)


def _interval(source: Source, table: dict[str, Any], measured: Points, weights: Any, base: float) -> dict[str, Any]:
    """Columns of the excess at the lower ends of the intervals of D and H, and at the upper ends."""
    import numpy as np

    from edcurve.optimum import gaps

    name = "excess" if "excess" in table else "excess_over_bound"
    columns, has_end = {}, measured.known_ends()
    for end in ("low", "high"):
        D, H = measured.ends(end)
        if name == "excess":
            values = gaps.excess_unchecked(source, D, H, lmbda=weights, base=base)[-1]
        else:
            values = gaps.over_bound(source, D, H, base=base)
        columns[f"{name}_{end}"] = np.where(np.isnan(table[name]) | ~has_end, np.nan, values)
    return columns


def _columns(points: Points) -> dict[str, Any]:
    """Columns of measured points; λ only if a row has one, and NaN in rows without."""
    import numpy as np

    from edcurve.io.tables import omitted

    if points.left_out:
        click.echo(omitted(points), err=True)
    table: dict[str, Any] = {"distortion": points.distortion, "entropy": points.entropy}
    table |= {name: values for name in ("rate", "lmbda") if not np.isnan(values := getattr(points, name)).all()}
    return {**table, "label": points.labels} if any(points.labels) else table


@click.command(cls=CommandWithNumbers)
@click.argument("file", type=click.Path())
@click.option("--lmbda", type=MultiplierList(), help="λ, or several separated by commas: the least H + λD.")
@click.option("--cells", type=NumberList(int), help="Number of cells, or several: the least distortion.")
@click.option("--entropy", type=NumberList(), help="Limit on the entropy, or several: the least distortion.")
@click.option("--distortion", type=NumberList(), help="Limit on the distortion, or several: the least entropy.")
@ends_option
@click.option("--weights", type=click.Path(), help="File of the points' weights.")
@click.option("--csv", "csv_path", type=OutputPath(), help="Write the table to a file.")
@click.option("--cells-csv", "cells_path", type=OutputPath(), help="Write the cells of a single partition to a file.")
@base_option
@json_option
@key_option
@reported
def segment(
    file: str,
    lmbda: list[float] | None,
    cells: list[float] | None,
    entropy: list[float] | None,
    distortion: list[float] | None,
    is_open: bool | None,
    weights: str | None,
    csv_path: str | None,
    cells_path: str | None,
    base: float,
    as_json: bool,
    key: str | None,
) -> None:
    """The best partition of the points in a FILE (.npy, .npz, .csv; one a row) into runs.

    It is the best for each λ, for each number of cells, or under each limit on the entropy or on the distortion; gap is
    0 if no other is better. On a loop cells may continue from the last point to the first.
    """
    from edcurve import segmentation
    from edcurve.segmentation import arguments

    options = {"lmbda": lmbda, "cells": cells, "entropy": entropy, "distortion": distortion}
    named = [name for name, values in options.items() if values is not None]
    if len(named) != 1:
        got = " and ".join(f"--{name}" for name in named) or "none"
        raise ValueError(f"give exactly one of --lmbda, --cells, --entropy and --distortion, got {got}")
    count = len(options[named[0]] or ())
    if cells_path is not None and count != 1:
        raise ValueError(f"--cells-csv lists the cells of a single partition, got {count}")
    closed = None if is_open is None else not is_open
    points, shares = read_array(file, key), None if weights is None else read_weights(weights)
    try:
        asked = arguments.asked(**options)
        result, doubt = segmentation.segment_unwarned(points, asked, weights=shares, closed=closed, base=base)
    except (ValueError, TypeError) as error:
        raise type(error)(_of_file(str(error), file, weights, count)) from None
    if doubt is not None:
        click.echo(of_ends(doubt), err=True)
    names = ["lmbda", "cells", "entropy", "distortion", "value", "gap"] if cells is None else [*SHOWN]
    frame = result.to_pandas()
    table: dict[str, list[Any]] = {name: frame[name].tolist() for name in names}
    write_all({csv_path: partial(write_csv, table), cells_path: partial(_write_cells, result)})
    if as_json:
        parts = {name: [part.tolist() for part in getattr(result, name)] for name in ("boundaries", "probabilities")}
        click.echo(json.dumps({"file": file, "base": base, "closed": result.closed, **table, **parts}, allow_nan=False))
    elif csv_path is None and cells_path is None:
        print_table(names, [list(row) for row in zip(*table.values(), strict=True)])


def _of_file(message: str, points: str, weights: str | None, count: int) -> str:
    """The message, with the name of the file that it concerns; `count` is the number of requested values."""
    if message.startswith("base must"):
        return message
    if message.startswith(
        ("lmbda must be at least", "entropy must be", "distortion must be", "cells must be integers")
    ):
        return message.removesuffix(" at index 0") if count == 1 else message
    return f"{weights if message.startswith('weights') else points}: {message}"


def _write_cells(segmentation: Segmentation, path: Path) -> None:
    (first,), (share,), (centroids,) = segmentation.boundaries, segmentation.probabilities, segmentation.centroids
    points = centroids.reshape(len(first), -1)
    table: dict[str, list[Any]] = {"first": first.tolist(), "probability": share.tolist()}
    table |= {f"centroid_{i}": column.tolist() for i, column in enumerate(points.T)}
    write_csv(table, path)

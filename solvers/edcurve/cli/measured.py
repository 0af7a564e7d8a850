"""Commands about what was measured: compressors, and curves without a source."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import click

from .common import (
    NUMBERS,
    Number,
    base_option,
    json_option,
    key_option,
    numbers,
    print_columns,
    print_table,
    reported,
    source_argument,
    write_all,
    write_csv,
)


@click.command(context_settings=NUMBERS)
@source_argument
@click.option("--distortion", "-D", type=Number(), help="Measured distortion.")
@click.option("--entropy", "-H", type=Number(), help="Measured entropy.")
@click.option("--points", type=click.Path(), help="CSV with columns distortion, entropy and perhaps lmbda.")
@click.option("--lmbda", type=Number(), help="Report the excess of H + λD over its minimum instead.")
@base_option
@json_option
@reported
def excess(
    source: str,
    distortion: float | None,
    entropy: float | None,
    points: str | None,
    lmbda: float | None,
    base: float,
    as_json: bool,
) -> None:
    """How far measured compressors are above the optimum.

    Of --points, rows whose column source names another one, and those of runs without a result, are left out. Rows
    without λ in a table that has it have no excess.
    """
    from edcurve import gaps

    if (points is None) == (distortion is None and entropy is None) or (distortion is None) != (entropy is None):
        raise ValueError("give either --distortion and --entropy, or --points")
    table: dict[str, list[Any]]
    table = {"distortion": [distortion], "entropy": [entropy]} if points is None else _read_points(points, source)
    if lmbda is not None:
        table["lmbda"] = [lmbda] * len(table["distortion"])
    above = gaps.excess(source, table["distortion"], table["entropy"], lmbda=_weights(table, lmbda), base=base)
    rows = zip(above.tolist(), table.get("lmbda", table["distortion"]), strict=True)
    print_columns(
        source, base, as_json, **table, excess=[math.nan if math.isnan(given) else gap for gap, given in rows]
    )


def _weights(table: dict[str, list[Any]], lmbda: float | None) -> list[float] | None:
    """λ of each row, 0 where the table has none."""
    weights = table.get("lmbda")
    return weights if weights is None or lmbda is not None else [0.0 if math.isnan(w) else w for w in weights]


def _read_points(path: str, source: str) -> dict[str, list[Any]]:
    """Columns of a CSV, without the rows that are not of the source; λ, if there is one, NaN where there is none."""
    from edcurve._points import read
    from edcurve.sources import resolve

    found = read(path, resolve(source).name)
    if found.left_out:
        click.echo(f"{found.left_out} rows of other sources or of runs without a result are left out", err=True)
    table = {"distortion": found.distortion.tolist(), "entropy": found.entropy.tolist()}
    weights = found.lmbda.tolist()
    return table if all(map(math.isnan, weights)) else {**table, "lmbda": weights}


@click.command(context_settings=NUMBERS)
@click.argument("file", type=click.Path())
@click.option("--lmbda", required=True, help="λ, or several separated by commas.")
@click.option("--closed", is_flag=True, help="The points are a loop: cells may wrap around.")
@click.option("--weights", type=click.Path(), help="File of the points' weights.")
@click.option("--csv", "csv_path", type=click.Path(), help="Write the table to a file.")
@click.option("--cells", "cells_path", type=click.Path(), help="Write the cells of a single λ to a CSV file.")
@base_option
@json_option
@key_option
@reported
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
    from edcurve import segmentation
    from edcurve._data import read_points

    values = numbers("--lmbda", lmbda)
    if cells_path is not None and len(values) != 1:
        raise ValueError(f"--cells lists the cells of a single λ, got {len(values)}")
    points, given = read_points(file, key=key), None if weights is None else _read_weights(weights)
    try:
        found = segmentation.segment(points, values, weights=given, closed=closed, base=base)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{file}: {error}") from None
    names = ("lmbda", "cells", "entropy", "distortion", "value", "gap")
    frame = found.to_pandas()
    table: dict[str, list[Any]] = {name: frame[name].tolist() for name in names}
    write_all({csv_path: partial(write_csv, table), cells_path: partial(_write_cells, found)})
    if as_json:
        cells = {name: [part.tolist() for part in getattr(found, name)] for name in ("boundaries", "probabilities")}
        click.echo(json.dumps({"file": file, "base": base, **table, **cells}, allow_nan=False))
    elif csv_path is None and cells_path is None:
        print_table(names, [list(row) for row in zip(*table.values(), strict=True)])


def _read_weights(path: str) -> Any:
    from edcurve._data import read_points

    values = read_points(path)
    if values.ndim > 1 and values.size != max(values.shape):
        raise ValueError(f"{path}: weights must be one column or one row, got an array of shape {values.shape}")
    return values.ravel()


def _write_cells(found: Any, path: Path) -> None:
    (first,), (share,), (centroids,) = found.boundaries, found.probabilities, found.centroids
    points = centroids.reshape(len(first), -1)
    table: dict[str, list[Any]] = {"first": first.tolist(), "probability": share.tolist()}
    table |= {f"centroid_{i}": column.tolist() for i, column in enumerate(points.T)}
    write_csv(table, path)

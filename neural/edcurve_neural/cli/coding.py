"""The commands `edcurve encode` and `edcurve decode`."""

from __future__ import annotations

import json
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import numpy as np
from click.shell_completion import CompletionItem
from edcurve.cli.common import json_option, key_option, reported, write_all
from edcurve.cli.files import read_array
from edcurve.cli.parsing import Command, OutputPath
from edcurve.io.arrays import is_data
from numpy.typing import NDArray

from edcurve_neural.coding import bitstream, compress, decompress
from edcurve_neural.runs import Run
from edcurve_neural.store import Store, records

import_module("constriction")  # if it is missing, both commands and their help say so at once
folder = click.Path(exists=True, file_okay=False)


def _keys(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the runs of the store whose keys begin with what was typed."""
    paths = sorted((Path(context.params.get("store") or ".") / "runs").glob("*.json"))
    return [CompletionItem(path.stem) for path in paths if path.name[0] != "." and path.name.startswith(incomplete)]


@click.command(cls=Command)
@click.argument("store", metavar="DIR", type=folder)
@click.argument("run", metavar="KEY", shell_complete=_keys)
@click.option(
    "--phases", metavar="N|FILE", required=True, help="How many to draw at random; or a .npy, .npz or .csv of them."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of phases that are drawn.")
@click.option("--out", metavar="F.edc", type=OutputPath(dir_okay=False), required=True, help="The file to write.")
@key_option
@json_option
@reported
def encode(store: str, run: str, phases: str, seed: int, out: str, key: str | None, as_json: bool) -> None:
    """Compress realizations to a file by a trained compressor.

    DIR is the store of the compressor and KEY its key there, or the start of it; `edcurve runs DIR --json` lists them.
    FILE has phases in a column, or a realization in each row. Bits and rates are means over the realizations: bits of
    the coder, of the whole file, and under the entropy model of the compressor; reported_rate is that over all phases.
    """
    Store(store).check_output(out)
    compressor, reported_rate = _run_of(store, run)
    x = _phases(phases, key, seed)
    coded = compress(out, compressor, x)
    count = max(1, coded.samples)
    row = {
        "samples": coded.samples,
        "bits": coded.bits / count,
        "file_bits": coded.file_bits / count,
        "rate": coded.model_bits / count,
        "reported_rate": reported_rate,
        "bytes": coded.file_bits // 8,
    }
    click.echo(f"wrote {out}", err=True)
    if as_json:
        click.echo(json.dumps({"key": compressor.config.key, **row}, allow_nan=False))
        return
    for name, value in row.items():
        click.echo(f"{name:20}{value:.6g}" if isinstance(value, float) else f"{name:20}{value}")


@click.command(cls=Command)
@click.argument("file", metavar="F.edc", type=click.Path())
@click.option("--store", metavar="DIR", type=folder, required=True, help="Where the compressor is.")
@click.option("--out", metavar="X.npy", type=OutputPath(dir_okay=False), required=True, help="Reconstructions.")
@reported
def decode(file: str, store: str, out: str) -> None:
    """Reconstruct what was compressed into a file.

    F.edc is a file of `edcurve encode`, which names the compressor. X.npy is to hold a reconstruction in each row.
    """
    Store(store).check_output(out)
    key = bitstream.read(file).config
    if key is None:
        raise ValueError(f"{file} does not name its compressor: decode it in Python, with edcurve_neural.decompress")
    values = decompress(file, _run_of(store, key)[0])
    write_all({out: partial(_write_npy, values)})


def _run_of(store: str, key: str) -> tuple[Run, float | None]:
    """The run whose key begins with `key`, and the rate in its record."""
    path = Path(store) / "runs"
    matches = sorted(record for record in path.glob("*.json") if record.stem.startswith(key)) if key else []
    if len(matches) != 1:
        shown = f"{key[:60]}…" if len(key) > 60 else key  # a file may hold any text as a key
        raise ValueError(
            f"KEY must be that of one run in {store}, got {shown!r}, which is that of {len(matches) or 'none'}; "
            f"`edcurve runs {store} --json` lists them"
        )
    record = records.read(matches[0])
    return Store(store).load(records.configuration(matches[0], record["config"])), record["metrics"]["rate"]


def _phases(text: str, key: str | None, seed: int) -> NDArray[Any]:
    if is_data(text):
        values = read_array(text, key)
        return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if not text.isdecimal() or not 1 <= int(text) <= bitstream.MOST:
        raise ValueError(f"--phases must be a number from 1 to 2**28, or a file .npy, .npz or .csv, got {text!r}")
    if key is not None:
        raise ValueError(f"--key is of a .npz file, got {key!r}")
    return np.random.default_rng(seed).random(int(text))


def _write_npy(values: NDArray[Any], path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, values, allow_pickle=False)

"""Commands about unordered vectors: their R(D), a codebook, and measured quantisers of unit vectors."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .common import (
    MultiplierList,
    RealNumber,
    base_option,
    json_option,
    key_option,
    of_one,
    print_columns,
    print_table,
    reported,
    write_all,
    write_csv,
)
from .files import read_array, read_weights
from .parsing import Command, CommandWithNumbers, OutputPath

if TYPE_CHECKING:
    from edcurve.vectors.quantization import VectorQuantizer

weights_option = click.option("--weights", type=click.Path(), help="File of the vectors' weights.")
error_option = click.option(
    "--error",
    type=click.Choice(["squared", "absolute", "hamming"]),
    default="squared",
    show_default=True,
    help="Distortion of a vector: a sum over its coordinates.",
)
reproductions_option = click.option("--reproductions", type=click.Path(), help="File of the allowed reconstructions.")


def _read(
    file: str, key: str | None, weights: str | None, reproductions: str | None
) -> tuple[Any, dict[str, Any], Callable[[Exception], Exception]]:
    """The vectors, further arguments from files, and a function that adds the file's name to an error."""
    options = {
        "weights": None if weights is None else read_weights(weights),
        "reproductions": None if reproductions is None else read_array(reproductions, None, option=""),
    }
    paths = {"points": file, "weights": weights, "reproductions": reproductions}

    def named(error: Exception) -> Exception:
        path = next((path for name, path in paths.items() if path and str(error).startswith(f"{name} ")), None)
        return error if path is None else type(error)(f"{path}: {error}")

    return read_array(file, key), options, named


@click.command("rate-distortion", cls=CommandWithNumbers)
@click.argument("file", type=click.Path())
@click.argument("distortion", type=RealNumber(), nargs=-1, required=True)
@weights_option
@error_option
@reproductions_option
@base_option
@json_option
@key_option
@reported
def rate_distortion(
    file: str,
    distortion: tuple[float, ...],
    weights: str | None,
    error: str,
    reproductions: str | None,
    base: float,
    as_json: bool,
    key: str | None,
) -> None:
    """Bounds on Shannon's R(D) of the vectors in a FILE (.npy, .npz, .csv; one a row) at each DISTORTION.

    The vectors are unordered, of any dimension, and equally likely without --weights. lower is a lower bound on the
    entropy of any code of them. If they are a sample, R(D) of their source is larger, in high dimension by far.
    """
    from edcurve.curves import writable
    from edcurve.vectors import rate_distortion as limits

    points, from_paths, named = _read(file, key, weights, reproductions)
    try:
        with of_one(len(distortion)):
            enclosure = limits.empirical_rate_distortion(points, distortion, error=error, base=base, **from_paths)
    except (ValueError, TypeError) as refusal:
        raise named(refusal) from None
    lower, upper = enclosure.lower.tolist(), enclosure.upper.tolist()
    if as_json:
        listed = {"distortion": distortion, "lower": lower, "upper": upper}
        columns = {name: [writable(one) for one in values] for name, values in listed.items()}
        click.echo(json.dumps({"file": file, "base": base, "error": error, "method": enclosure.method, **columns}))
        return
    click.echo(f"{enclosure.source}: {enclosure.method}", err=True)
    print_table(("distortion", "lower", "upper"), [list(row) for row in zip(distortion, lower, upper, strict=True)])


@click.command(cls=Command)
@click.argument("file", type=click.Path())
@click.option("--lmbda", type=MultiplierList(), required=True, help="λ, or several separated by commas.")
@click.option("--codewords", type=int, default=256, show_default=True, help="Initial number of codewords.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the first codewords.")
@click.option("--test", type=click.Path(), help="File of other vectors to test the code on, one per row.")
@weights_option
@error_option
@reproductions_option
@click.option("--out", type=OutputPath(), help="Write the codebook of a single λ to a CSV: length, and coordinates.")
@base_option
@json_option
@key_option
@reported
def ecvq(
    file: str,
    lmbda: list[float],
    codewords: int,
    seed: int,
    test: str | None,
    weights: str | None,
    error: str,
    reproductions: str | None,
    out: str | None,
    base: float,
    as_json: bool,
    key: str | None,
) -> None:
    """A code of low H + λD of the vectors in a FILE (.npy, .npz, .csv; one a row), for each λ.

    It is found by entropy-constrained vector quantization: a local optimum, and so an upper bound on the least H + λD.
    On other vectors a code is worse, which --test measures.
    """
    from edcurve.vectors import quantization

    if out is not None and len(lmbda) != 1:
        raise ValueError(f"--out writes the codebook of a single λ, got {len(lmbda)}")
    points, from_paths, named = _read(file, key, weights, reproductions)
    options: dict[str, Any] = {"codewords": codewords, "seed": seed, "error": error, "base": base}
    try:
        codes = [quantization.ecvq(points, multiplier, **options, **from_paths) for multiplier in lmbda]
    except (ValueError, TypeError) as refusal:
        raise named(refusal) from None
    table: dict[str, list[Any]] = {"lmbda": lmbda, "cells": [len(code.codebook) for code in codes]}
    table |= {name: [getattr(code, name) for code in codes] for name in ("entropy", "distortion", "value")}
    if test is not None:
        test_vectors = read_array(test, None, option="")
        try:
            rows = [_tested(code, test_vectors) for code in codes]
        except (ValueError, TypeError) as refusal:
            raise type(refusal)(f"{test}: {refusal}") from None
        table |= {"rate_test": [bits for bits, _ in rows], "distortion_test": [mean for _, mean in rows]}
    write_all({out: partial(_write_codebook, codes[0])})
    if as_json:
        content = {"file": file, "base": base, "error": error, **{name: [*values] for name, values in table.items()}}
        click.echo(json.dumps(content, allow_nan=False))
    elif out is None:
        print_table(tuple(table), [list(row) for row in zip(*table.values(), strict=True)])


def _tested(code: VectorQuantizer, x: Any) -> tuple[float, float]:
    """Mean length and mean error of other vectors."""
    import numpy as np

    index = code.encode(x)
    flat, words = np.asarray(x, dtype=np.float64).reshape(len(index), -1), code.codebook[index]
    rows = [float(code.error.distances(a[None], b[None])[0, 0]) for a, b in zip(flat, words, strict=True)]
    return float(code.rate(index).mean()), float(np.mean(rows))


def _write_codebook(code: VectorQuantizer, path: Path) -> None:
    table: dict[str, list[Any]] = {"length": code.lengths.tolist()}
    write_csv(table | {f"x_{i}": column.tolist() for i, column in enumerate(code.codebook.T)}, path)


@click.command(cls=Command)
@click.argument("vectors", type=click.Path())
@click.argument("indices", type=click.Path())
@click.option("--decoded", type=click.Path(), help="File of reconstructions.  [default: means of the cells]")
@click.option("--opposite", is_flag=True, help="x and −x are equivalent; with 4 coordinates the source is rotations.")
@base_option
@json_option
@reported
def measure(vectors: str, indices: str, decoded: str | None, opposite: bool, base: float, as_json: bool) -> None:
    """Entropy and distortion of a quantiser of unit vectors, and its excess over the bound.

    VECTORS is a file of unit vectors, one per row, and INDICES a file of their indices. The excess is H minus the lower
    bound for uniform vectors, which is at least H − E(D). Each number has its 95 % interval.
    """
    from edcurve.measurement import measure as measured
    from edcurve.optimum.gaps import excess

    paths = {"unit_vectors": vectors, "indices": indices, "decoded": decoded}
    x, index = read_array(vectors, None, option=""), read_array(indices, None, option="")
    y = None if decoded is None else read_array(decoded, None, option="")
    if index.ndim == 2 and index.shape[1] == 1:
        index = index[:, 0]
    if opposite and x.ndim == 2 and x.shape[1] != 4:
        raise ValueError(f"--opposite is of quaternions, with 4 coordinates, got {x.shape[1]} in {vectors}")
    try:
        with warnings.catch_warnings(record=True) as doubts:
            warnings.simplefilter("always", UserWarning)  # printed after the numbers, whatever Python's settings
            result = measured(index, unit_vectors=x, decoded=y, opposite=opposite, base=base)
            source = "rotations" if opposite else f"sphere:{x.shape[1] - 1}"
            above = excess(source, result, base=base)
    except (ValueError, TypeError) as error:
        path = next((path for name, path in paths.items() if path and str(error).startswith(f"{name} ")), None)
        raise error if path is None else type(error)(f"{path}: {error}") from None
    for doubt in doubts:
        click.echo(str(doubt.message), err=True)
    if not as_json:
        click.echo(f"{source}: {result.count} vectors in {result.cells} cells; excess is H less the lower bound")
    columns = {
        "entropy": [result.entropy, *result.entropy_interval],
        "distortion": [result.distortion, *result.distortion_interval],
        "excess": [*above],
        "label": ["value", "low", "high"],
    }
    print_columns(source, base, as_json, facts={"count": result.count, "cells": result.cells}, **columns)

"""The command `edcurve baseline`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from shutil import get_terminal_size
from typing import Any

import click
from edcurve import progress
from edcurve.cli.common import NumberList, json_option, offer, reported, write_all
from edcurve.cli.parsing import Command, OutputPath
from edcurve.sources import Surface

from edcurve_neural.baselines import ecvq, phase_quantizer, transform_coding
from edcurve_neural.evaluation import evaluate
from edcurve_neural.signals import SAMPLES, SIGNALS, is_built_in, samples_or_default, source_of
from edcurve_neural.store import metrics

from . import listing
from .training import Names

KINDS = ("ecvq", "klt", "phase")
POINTS = 2**16  # fewer than for trained compressors, because whole realizations are encoded


@click.command(cls=Command)
@click.argument("source", shell_complete=offer(tuple(SIGNALS)))
@click.option("--lmbda", type=NumberList(), required=True, help="λ of the loss rate + λ · distortion, in bits.")
@click.option(
    "--kind", type=Names(KINDS), help=f"Some of {', '.join(KINDS)}. [default: all, of a surface ecvq and klt]"
)
@click.option("--samples", type=click.IntRange(2, 2**20), help="Points at which functions are sampled. [default: 1024]")
@click.option("--codewords", type=click.IntRange(min=1), default=256, show_default=True, help="ecvq: before merging.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="ecvq: of its training set.")
@click.option("--points", type=click.IntRange(min=2), default=POINTS, show_default=True, help="Phases evaluated.")
@click.option("--csv", "csv_path", type=OutputPath(), help="Write the table to a file, with all columns.")
@json_option
@reported
def baseline(source: str, csv_path: str | None, as_json: bool, **options: Any) -> None:
    """Measure compressors that are not neural, for comparison.

    SOURCE is ramp, circle, sinusoid, sawbridge, sphere, torus or klein. The kinds are vector quantization with an
    entropy constraint (ecvq), linear transform coding (klt), and uniform quantization of the phase, which presumes that
    the manifold is known, and is a curve. Rows have the columns of `edcurve runs`, with the kind as compressor; columns
    that a kind lacks are empty.
    """
    rows = list(_rows(source, **options))
    write_all({csv_path: partial(listing.write_csv, rows)})
    if as_json:
        click.echo(json.dumps(rows, indent=1, allow_nan=False))
    elif csv_path is None:
        for line in listing.table(rows, get_terminal_size().columns):
            click.echo(line)


def _rows(
    source: str, lmbda: list[float], kind: list[str] | None, samples: int | None, points: int, **options: int
) -> Iterator[listing.Row]:
    """A row for each kind and λ, with progress on standard error."""
    if is_built_in(source):
        samples = samples_or_default(source, samples)
    possible = KINDS[:2] if is_built_in(source) and isinstance(source_of(source), Surface) else KINDS
    pairs = [(name, value) for name in kind or possible for value in lmbda]
    with progress.bar("baselines", len(pairs)) as update:
        for done, (name, value) in enumerate(pairs, start=1):
            yield row(name, source, value, samples or SAMPLES, points, **options)
            update(done, len(pairs))


def row(
    kind: str, source: str, lmbda: float, samples: int, points: int, *, codewords: int = 256, seed: int = 0
) -> listing.Row:
    """Make a baseline and measure it; the row has the columns of a trained compressor."""
    start = time.perf_counter()
    code: Any
    if kind == "ecvq":
        code = ecvq(source, lmbda, samples=samples, codewords=codewords, seed=seed)
    elif kind == "klt":
        code = transform_coding(source, lmbda, samples=samples)
    else:
        code = phase_quantizer(source, lmbda, samples=samples)
    evaluation = evaluate(code.encode, code.decode, source, code.rate, samples=code.samples, points=points)
    fields = {"source": source, "compressor": kind, "lmbda": lmbda, "samples": evaluation.samples}
    fields |= {"seed": seed} if kind == "ecvq" else {}
    return {
        "key": None,
        **{name: fields.get(name) for name in listing.CONFIGURED},
        "status": "finished",
        "failed": None,
        **metrics(evaluation, lmbda),
        "noisy_rate": None,
        "noisy_distortion": None,
        "points": evaluation.points,
        "seconds": time.perf_counter() - start,
    }

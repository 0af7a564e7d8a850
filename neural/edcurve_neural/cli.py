"""The commands `edcurve train`, `edcurve sweep` and `edcurve runs`."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager, nullcontext
from functools import partial
from logging import CRITICAL, getLogger
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import torch
from edcurve.cli.common import Number, json_option, reported, write_all

from . import executors
from .config import LIKELIHOODS, Config, grid
from .evaluation import POINTS
from .store import Store
from .sweeps import LOST
from .sweeps import sweep as train_missing

FIRST = ("source", "lmbda", "latent_dim", "batch_size", "seed")
VARIED = ("steps", "samples", "train_size", "learning_rate", "hidden", "likelihood")  # shown where they differ
MEASURED = ("status", "rate", "entropy", "distortion", "distortion_centroid", "excess")
RAMP = ("excess_sampled",)
PARTS = ("entropy_model", "decoder", "partition")

Row = dict[str, Any]
Command = Callable[..., None]


class Several(click.ParamType):  # type: ignore[type-arg]  # generic only in new releases of click
    """Numbers separated by commas."""

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.kind, self.name = kind, f"{'integer' if kind is int else 'number'},..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        """Read what Python reads as an int, or as a float."""
        what = "an integer" if self.kind is int else "a number"
        found = []
        for part in str(value).split(","):
            try:
                found.append(self.kind(part))
            except ValueError:
                self.fail(f"{part!r} is not {what}", param, ctx)
        return found


class Device(click.ParamType):  # type: ignore[type-arg]  # generic only in new releases of click
    """A device that is there; on a cluster its workers say whether it is."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the name, and that PyTorch sees such a device if it is to be used here."""
        name = str(value)
        if not re.fullmatch(r"cpu|cuda(:[0-9]{1,4})?", name):
            self.fail(f"{value!r} is not cpu, cuda or cuda:N", param, ctx)
        seen = torch.cuda.device_count()
        here = ctx is None or ctx.params.get("cluster") is None
        if here and name != "cpu" and int(name[5:] or 0) >= seen:
            self.fail(f"{value!r} is not there: PyTorch {torch.__version__} sees {seen} CUDA devices", param, ctx)
        return name


def _default(text: str, value: Any) -> str:
    return f"{text} [default: {value}]"


def _options(*, several: bool) -> Callable[[Command], Command]:
    """Options of training; those of the configuration take several values, or one."""
    real, whole = (Several(float), Several(int)) if several else (Number(), int)
    positive = click.IntRange(min=1)
    folder = click.Path(file_okay=False)
    if several:
        seeds = click.option("--seeds", type=positive, default=1, show_default=True, help="Number of seeds, from 0.")
        store = click.option("--store", type=folder, required=True, help="Folder of the trained compressors.")
        others = [
            click.option("--workers", type=positive, help="Processes. [default: threads of one]"),
            click.option(
                "--cluster",
                metavar="ADDRESS",
                help="Dask scheduler whose workers train, such as tcp://host:8786; they must see the store's folder.",
            ),
        ]
    else:
        seeds = click.option("--seed", type=int, help="Of weights, phases and noise. [default: 0]")
        store = click.option("--store", type=folder, help="Folder to keep it in. [default: only the numbers are shown]")
        others = []
    these = [
        click.argument("source"),
        click.option("--lmbda", type=real, required=True, help="λ of the loss rate + λ · distortion, in bits."),
        click.option("--latent-dim", type=whole, help=_default("Dimension of the latent space.", Config.latent_dim)),
        click.option("--batch-size", type=whole, help=_default("Phases in each step.", Config.batch_size)),
        seeds,
        click.option("--steps", type=int, help=_default("Number of steps.", Config.steps)),
        click.option("--learning-rate", type=real, help=_default("Of Adam, at the start.", Config.learning_rate)),
        click.option("--train-size", type=whole, help=_default("Phases of a training set.", "fresh ones each step")),
        click.option("--samples", type=whole, help=_default("Points at which functions are sampled.", 1024)),
        click.option("--hidden", type=Several(int), help=_default("Widths of the hidden layers.", "100,100")),
        click.option(
            "--likelihood",
            type=click.Choice(LIKELIHOODS),
            help=_default("Where the density of the latents is taken.", Config.likelihood),
        ),
        store,
        click.option("--device", type=Device(), default="cpu", show_default=True, help="cpu, cuda or cuda:N."),
        *others,
        click.option(
            "--checkpoint-every",
            metavar="STEPS",
            type=positive,
            default=500,
            show_default=True,
            help="Steps between checkpoints.",
        ),
        click.option(
            "--points", type=click.IntRange(min=2), default=POINTS, show_default=True, help="Phases evaluated."
        ),
        click.option("--tensorboard", type=folder, help="Folder for TensorBoard logs."),
        json_option,
    ]

    def decorate(command: Command) -> Command:
        for option in reversed(these):
            command = option(command)
        return command

    return decorate


@click.command()
@_options(several=False)
@reported
def train(source: str, hidden: list[int] | None, store: str | None, as_json: bool, **options: Any) -> None:
    """Train one neural compressor, and measure it.

    SOURCE is ramp, circle, sinusoid or sawbridge. With --store, a compressor that is there already is not trained
    again, and a command that was killed, and is given again, goes on from its last checkpoint.
    """
    training = {name: options.pop(name) for name in ("device", "checkpoint_every", "points", "tensorboard")}
    config = Config(source, **_given(options, hidden))
    with TemporaryDirectory() if store is None else nullcontext(store) as folder:
        (row,) = _trained([config], folder, **training)
    if as_json:
        click.echo(json.dumps(row, allow_nan=False))
        return
    for name, value in row.items():
        click.echo(f"{name:20}{_text(value)}")


@click.command()
@_options(several=True)
@reported
def sweep(
    source: str,
    hidden: list[int] | None,
    seeds: int,
    store: str,
    as_json: bool,
    workers: int | None,
    cluster: str | None,
    **options: Any,
) -> None:
    """Train many neural compressors into a store.

    SOURCE is ramp, circle, sinusoid or sawbridge; all combinations of the values given, separated by commas, are
    trained, many at once. What the store has already is not trained again, and a command that was killed, and is given
    again, goes on from its last checkpoint and ends with the same weights.
    """
    if workers is not None and cluster is not None:
        raise click.UsageError("--workers and --cluster exclude each other")
    training = {name: options.pop(name) for name in ("device", "checkpoint_every", "points", "tensorboard")}
    lmbda = options.pop("lmbda")  # varies faster than what makes other programs
    configs = grid(source, **_given(options, hidden), lmbda=lmbda, seed=range(seeds))
    with _executor(workers, cluster) as executor:
        rows = _trained(configs, store, executor=executor, **training)
    if as_json:
        click.echo(json.dumps(rows, indent=1, allow_nan=False))
    else:
        _print_table(rows)


@click.command()
@click.argument("store", metavar="DIR", type=click.Path(exists=True, file_okay=False))
@click.option("--csv", "csv_path", type=click.Path(), help="Write the table to a file, with all there is in each row.")
@json_option
@reported
def runs(store: str, csv_path: str | None, as_json: bool) -> None:
    """List the trained compressors of a store.

    The excess is rate + λ · distortion above the optimum, in bits; entropy_model, decoder and partition are its parts.
    """
    if not (Path(store) / "runs").is_dir():
        raise ValueError(f"{store} is not a store of trained compressors: it has no folder named runs")
    kept = Store(store)
    rows = sorted(
        kept.rows(), key=lambda row: [row[name] for name in ("source", "latent_dim", "batch_size", "lmbda", "seed")]
    )
    begun = len([path for path in (kept.path / "checkpoints").glob("*.safetensors") if not path.name.startswith(".")])
    if begun:
        click.echo(f"not finished, and with a checkpoint to go on from: {begun} program{'s'[: begun > 1]}", err=True)
    write_all({csv_path: partial(_write_csv, rows)})
    if as_json:
        click.echo(json.dumps(rows, indent=1, allow_nan=False))
    elif csv_path is None:
        _print_table(rows)


def _given(options: dict[str, Any], hidden: list[int] | None) -> dict[str, Any]:
    """Fields of a configuration that were given a value."""
    fields = {**options, "hidden": None if hidden is None else tuple(hidden)}
    return {name: value for name, value in fields.items() if value is not None}


def _trained(configs: Sequence[Config], store: str, **training: Any) -> list[Row]:
    """Rows of configurations, trained if the store does not have them."""
    distinct = list(dict.fromkeys(configs))
    before = sum(map(Store(store).has, distinct))
    if before:
        click.echo(f"{before} of {len(distinct)} finished already", err=True)
    train_missing(distinct, store=store, **training)
    known = {row["key"]: row for row in Store(store).rows()}
    return [known[config.key] for config in distinct]


@contextmanager
def _executor(workers: int | None, address: str | None) -> Iterator[Executor | None]:
    """Worker processes or a cluster, if asked for."""
    if workers is None and address is None:
        yield None
        return
    with executors.cluster(address) if address is not None else executors.processes(workers or 1) as executor:
        getLogger("distributed.client").setLevel(CRITICAL)  # that a connection was lost is said below
        try:
            yield executor
        except CancelledError:
            raise _Lost(f"the connection to the Dask scheduler at {address!r} was lost") from None
        except Exception as error:
            if not executors.is_loss(error):
                raise
            raise _Lost(f"workers of a program died {LOST + 1} times") from None


class _Lost(click.ClickException):
    """Nobody to train is left."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{message}; the same command again goes on from the last checkpoints")


def _write_csv(rows: list[Row], path: Path) -> None:
    """Write rows with a header line, numbers exact and what there is not empty."""
    names = list(dict.fromkeys(name for row in rows for name in row)) or [*FIRST, *MEASURED, *PARTS]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _print_table(rows: list[Row]) -> None:
    varied = [name for name in VARIED if len({_text(row[name]) for row in rows}) > 1]
    ramp = [name for name in RAMP if any(name in row for row in rows)]
    names = [*FIRST, *varied, *MEASURED, *ramp, *PARTS]
    table = [names, *([_text(row.get(name)) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        click.echo("  ".join(f"{text:>{width}}" for text, width in zip(line, widths, strict=True)))


def _text(value: Any) -> str:
    """A value in a table; those that are not finite are stored as None."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, float):
        return f"{value + 0.0:.6g}" if math.isfinite(value) else "-"
    return str(value)

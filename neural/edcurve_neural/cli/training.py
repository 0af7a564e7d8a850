"""The commands `edcurve train`, `edcurve sweep` and `edcurve runs`."""

from __future__ import annotations

import json
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from functools import partial
from logging import CRITICAL, getLogger
from shutil import get_terminal_size
from typing import Any

import click
import torch
from click.shell_completion import CompletionItem
from edcurve import lagrangian
from edcurve.cli.common import NumberList, RealNumber, ends_option, json_option, offer, reported, write_all
from edcurve.cli.parsing import Command, OutputPath
from edcurve.io.arrays import is_data

from edcurve_neural import manifolds
from edcurve_neural.compressors import COMPRESSORS
from edcurve_neural.config import LAST_LAYERS, LIKELIHOODS, STARTS, Config, grid
from edcurve_neural.evaluation import POINTS
from edcurve_neural.signals import SAMPLES, SIGNALS
from edcurve_neural.store import Store, plain
from edcurve_neural.store import row as row_of
from edcurve_neural.training import executors
from edcurve_neural.training import train as train_alone
from edcurve_neural.training.sweeps import LOST
from edcurve_neural.training.sweeps import sweep as train_missing

from . import listing

NAMED = 10  # most unreadable records in a message
GOES_ON = "the same command again goes on from the last checkpoints"
Row = dict[str, Any]
Function = Callable[..., None]


class Names(click.ParamType):  # type: ignore[type-arg]  # generic only in new releases of click
    """Some of a few names, separated by commas."""

    takes_several = True

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed, self.name = allowed, "name,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """Check that each is allowed."""
        names = str(value).split(",")
        for name in names:
            if name not in self.allowed:
                self.fail(f"{name!r} is not one of {', '.join(self.allowed)}", param, ctx)
        return names

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the names that go on from the last comma."""
        before, comma, last = incomplete.rpartition(",")
        return [CompletionItem(before + comma + name) for name in self.allowed if name.startswith(last)]


class Device(click.ParamType):  # type: ignore[type-arg]  # generic only in new releases of click
    """A device that exists; on a cluster the workers check this."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the name, and that PyTorch sees such a device unless it is one of a cluster."""
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


def _options(*, several: bool) -> Callable[[Function], Function]:
    """Options of training; those of the configuration take several values, or one."""
    real, whole = (NumberList(float), NumberList(int)) if several else (RealNumber(), int)
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
    options = [
        click.argument("source", shell_complete=offer(tuple(SIGNALS), files=True)),
        ends_option,
        click.option("--lmbda", type=real, required=True, help="λ of the loss rate + λ · distortion, in bits."),
        click.option("--latent-dim", type=whole, help=_default("Dimension of the latent space.", Config.latent_dim)),
        click.option("--batch-size", type=whole, help=_default("Phases in each step.", Config.batch_size)),
        seeds,
        click.option("--steps", type=int, help=_default("Number of steps.", Config.steps)),
        click.option("--learning-rate", type=real, help=_default("Of Adam, at the start.", Config.learning_rate)),
        click.option("--train-size", type=whole, help=_default("Phases of a training set.", "fresh ones each step")),
        click.option("--samples", type=whole, help=_default("Points at which functions are sampled.", SAMPLES)),
        click.option("--hidden", type=NumberList(int), help=_default("Widths of the hidden layers.", "100,100")),
        click.option(
            "--compressor",
            type=Names(tuple(COMPRESSORS)) if several else click.Choice(tuple(COMPRESSORS)),
            help=_default(f"Kind: {', '.join(COMPRESSORS)}." if several else "Kind.", Config.compressor),
        ),
        click.option(
            "--start",
            type=click.Choice(STARTS),
            help=_default("Of the analysis of a circular latent.", Config.start),
        ),
        click.option(
            "--last-layer",
            type=click.Choice(LAST_LAYERS),
            help=_default("Of the synthesis: as trained, or solved for at the end.", Config.last_layer),
        ),
        click.option(
            "--input-octaves",
            type=whole,
            help=_default("Frequencies of a Fourier embedding of what the analysis of ntc sees.", Config.input_octaves),
        ),
        click.option(
            "--latent-octaves",
            type=whole,
            help=_default("The same of the latents that its synthesis sees.", Config.latent_octaves),
        ),
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

    def decorate(command: Function) -> Function:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@click.command(cls=Command)
@_options(several=False)
@reported
def train(
    source: str, is_open: bool | None, hidden: list[int] | None, store: str | None, as_json: bool, **options: Any
) -> None:
    """Train one neural compressor, and measure it.

    SOURCE is ramp, circle, sinusoid, sawbridge, sphere, torus or klein, or a file of points along a curve (.npy, .npz
    or .csv). With --store, a compressor that the store has is not trained again. A command that was killed goes on from
    its last checkpoint when it is given again.
    """
    training = {name: options.pop(name) for name in ("device", "checkpoint_every", "points", "tensorboard")}
    config = Config(_source(source, is_open), **_fields(options, hidden))
    _check_optimum([config], source)
    with _reporting_interrupts("no --store was given to keep what was trained" if store is None else GOES_ON):
        row = _measured(config, **training) if store is None else _trained([config], store, **training)[0]
    if as_json:
        click.echo(json.dumps(row, allow_nan=False))
        return
    for name, value in row.items():
        click.echo(f"{name:20}{listing.text(value, 6)}")


@click.command(cls=Command)
@_options(several=True)
@reported
def sweep(
    source: str,
    is_open: bool | None,
    hidden: list[int] | None,
    seeds: int,
    store: str,
    as_json: bool,
    workers: int | None,
    cluster: str | None,
    **options: Any,
) -> None:
    """Train many neural compressors into a store.

    SOURCE is ramp, circle, sinusoid, sawbridge, sphere, torus or klein, or a file of points along a curve (.npy, .npz
    or .csv). Options take several values, separated by commas, and all combinations are trained, many at once. A
    compressor that the store has is not trained again. A command that was killed goes on from its last checkpoint when
    it is given again, and ends with the same weights.
    """
    if workers is not None and cluster is not None:
        raise click.UsageError("--workers and --cluster exclude each other")
    training = {name: options.pop(name) for name in ("device", "checkpoint_every", "points", "tensorboard")}
    lmbda = options.pop("lmbda")  # last, so that it varies faster than fields that need another program
    configs = grid(_source(source, is_open), **_fields(options, hidden), lmbda=lmbda, seed=range(seeds))
    _check_optimum(configs, source)
    with _reporting_interrupts(GOES_ON), _executor(workers, cluster) as executor:
        rows = _trained(configs, store, executor=executor, **training)
    if as_json:
        click.echo(json.dumps(rows, indent=1, allow_nan=False))
    else:
        _print_table(rows)


@click.command(cls=Command)
@click.argument("store", metavar="DIR", type=click.Path(exists=True, file_okay=False))
@click.option("--csv", "csv_path", type=OutputPath(), help="Write the table to a file, with all columns.")
@json_option
@reported
def runs(store: str, csv_path: str | None, as_json: bool) -> None:
    """List the trained compressors of a store.

    The excess is rate + λ · distortion above the optimum, in bits; entropy_model, decoder and partition are its parts.
    The first of these is dependence and marginals together, the second readout and features.
    The table has four digits and fits the terminal; --csv and --json write all columns, with exact numbers.
    """
    kept = Store(store)
    if csv_path is not None:
        kept.check_output(csv_path)
    if not any((kept.path / part).exists() for part in ("runs", "checkpoints", "index.csv")):
        raise ValueError(f"{store} is not a store of trained compressors: it has no folder named runs")
    readable, problems = kept.readable_rows()
    order = ("source", "compressor", "latent_dim", "batch_size", "lmbda", "seed")
    rows = sorted(readable, key=lambda row: [row.get(name, getattr(Config, name, None)) for name in order])
    begun = len([path for path in (kept.path / "checkpoints").glob("*.safetensors") if not path.name.startswith(".")])
    if begun:
        click.echo(f"not finished, and with a checkpoint to go on from: {begun} program{'s'[: begun > 1]}", err=True)
    write_all({csv_path: partial(listing.write_csv, rows)})
    if as_json:
        click.echo(json.dumps(rows, indent=1, allow_nan=False))
    elif csv_path is None and rows:
        _print_table(rows)
    elif csv_path is None:
        click.echo("no run is finished", err=True)
    if problems:
        others = f"\nand {len(problems) - NAMED} more" if len(problems) > NAMED else ""
        raise ValueError("\n".join(map(str, problems[:NAMED])) + others)


def _source(source: str, is_open: bool | None) -> str:
    """The source, or the name of the points in a file."""
    if is_open is not None and not is_data(source):
        raise ValueError(f"--{'open' if is_open else 'closed'} is for files, got the source {source!r}")
    return source if is_open is None else manifolds.from_file(source, closed=not is_open)


def _check_optimum(configs: Sequence[Config], file: str) -> None:
    """Refuse points so far apart that the optimum at λ has too many cells, before hours of training."""
    for name, lmbda in {(config.source, config.lmbda) for config in configs if config.measured}:
        try:
            lagrangian(manifolds.find(str(name)).source, lmbda)
        except ValueError as error:
            option = "--" if str(error).startswith("lmbda") else ""
            raise ValueError(f"{file}: {option}{error}") from None


def _fields(options: dict[str, Any], hidden: list[int] | None) -> dict[str, Any]:
    """Fields of a configuration that have a value."""
    fields = {**options, "hidden": None if hidden is None else tuple(hidden)}
    return {name: value for name, value in fields.items() if value is not None}


def _trained(configs: Sequence[Config], store: str, **training: Any) -> list[Row]:
    """Rows of configurations, which are trained if the store lacks them."""
    distinct = list(dict.fromkeys(configs))
    before = sum(map(Store(store).has, distinct))
    if before:
        click.echo(f"{before} of {len(distinct)} finished already", err=True)
    train_missing(distinct, store=store, **training)
    return [Store(store).row(config) for config in distinct]


def _measured(config: Config, *, device: str, checkpoint_every: int, points: int, tensorboard: str | None) -> Row:
    """The row of a configuration trained without a store, and so without checkpoints."""
    run = train_alone(config, device=device, tensorboard=tensorboard)
    return {"key": config.key, **config.to_dict(), **plain(row_of(run, run.evaluate(points)))}


@contextmanager
def _reporting_interrupts(consequence: str) -> Iterator[None]:
    """After Ctrl-C or SIGTERM, say what happens to the training so far; unfinished files are removed."""
    ended = list[int]()

    def end(number: int, _frame: Any) -> None:
        ended.append(number)
        raise KeyboardInterrupt

    is_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, end) if is_main else None
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"interrupted: {consequence}", err=True)
        if ended:
            raise SystemExit(128 + ended[0]) from None
        raise
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _executor(workers: int | None, address: str | None) -> Iterator[Executor | None]:
    """Worker processes or a cluster, if requested."""
    if workers is None and address is None:
        yield None
        return
    with executors.cluster(address) if address is not None else executors.processes(workers or 1) as executor:
        getLogger("distributed.client").setLevel(CRITICAL)  # a lost connection is reported below
        try:
            yield executor
        except CancelledError:
            raise _Lost(f"the connection to the Dask scheduler at {address!r} was lost") from None
        except Exception as error:  # re-raised unless a worker died
            if not executors.is_loss(error):
                raise
            raise _Lost(f"workers of a program died {LOST + 1} times, perhaps for lack of memory") from None


class _Lost(click.ClickException):
    """No worker is left to train."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{message}; {GOES_ON}")


def _print_table(rows: list[Row]) -> None:
    for line in listing.table(rows, get_terminal_size().columns):
        click.echo(line)

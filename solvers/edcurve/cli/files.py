"""Sources in files of points: the options that say how to read them, and what is refused with a hint."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .common import Number, key_option

if TYPE_CHECKING:
    from edcurve.sources import Source

NEAR = 2.0  # steps between neighbours: ends so far from each other are next to each other
ROUNDING = 1e-12  # is no deviation
SMALL = 0.25  # of the extent: steps that are longer say nothing about ends


def file_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options that say how a file of points is a source; `from_file` takes them."""
    options = (
        click.option("--open", "is_open", is_flag=True, help="Of a file: the points are an open curve, not a loop."),
        click.option(
            "--waveform", is_flag=True, help="Of a file: samples of one waveform, of which all cyclic shifts are meant."
        ),
        click.option(
            "--tolerance", type=Number(), default="0.05", show_default=True, help="Of a file: largest defect allowed."
        ),
        key_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def from_files(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command of a source the options of files, and hand it the source that a file stands for."""

    @wraps(command)
    def run(
        source: str, is_open: bool, waveform: bool, tolerance: float, key: str | None, *args: Any, **kwargs: Any
    ) -> None:
        command(from_file(source, is_open, waveform, tolerance, key), *args, **kwargs)

    return file_options(run)


def name_of(source: Source | str) -> str:
    """What a source is called in the output."""
    return source if isinstance(source, str) else source.name


def from_file(source: str, is_open: bool, waveform: bool, tolerance: float, key: str | None) -> Source | str:
    """The source that a file of points stands for; a name is left as it is."""
    from edcurve.io.arrays import is_data, read_points

    if not is_data(source):
        if Path(source).is_file() and not _is_name(source):
            raise ValueError(f"{source}: a file of points must end in .npy, .npz or .csv")
        if is_open or waveform or key is not None:
            raise ValueError(f"--open, --waveform and --key are for files, got the source {source!r}")
        return source
    from edcurve.sources import Source

    if is_open and waveform:
        raise ValueError("--open and --waveform exclude each other")
    points, name = read_points(source, key=key), Path(source).stem
    try:
        if waveform:
            return Source.from_waveform(points.ravel() if 1 in points.shape else points, name=name)
        return Source.from_samples(points, closed=not is_open, tolerance=tolerance, name=name)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{source}: {error}{'' if waveform else _hint(str(error), points, is_open)}") from None


def _is_name(source: str) -> bool:
    from edcurve.sources import resolve

    try:
        resolve(source, stationary=False)
    except ValueError:
        return False
    return True


def _hint(message: str, points: Any, is_open: bool) -> str:
    """What may be meant by points that are refused."""
    if (
        points.ndim == 2
        and 1 < len(points) < points.shape[1]
        and message.startswith(("x must be stat", "x must be of"))
    ):
        return f"; are these {points.shape[1]} points, one a column? Expected is one a row"
    if points.ndim > 2 or not message.startswith("x must be stationary"):
        return ""
    if points.size == max(points.shape):
        return "; if these are samples of one waveform, --waveform takes its shifts"
    if not is_open and ends_meet(points) is False:
        return "; the last point is far from the first: --open is for curves that are no loop"
    return ""


def ends_meet(points: Any) -> bool | None:
    """Whether the last point is about as near to the first as neighbours are; None where steps are too long to say."""
    import numpy as np

    rows = np.asarray(points, dtype=np.float64)
    rows = rows[:, None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or len(rows) < 3 or not np.isfinite(rows).all():
        return None
    with np.errstate(over="ignore", invalid="ignore"):  # of what is too large to square nothing is said
        step = float(np.median(np.linalg.norm(np.diff(rows, axis=0), axis=1)))
        from_first = np.linalg.norm(rows - rows[0], axis=1)
    extent, gap = float(from_first.max()), float(from_first[-1])
    if not (step <= SMALL * extent < np.inf and extent > 0.0):
        return None
    return gap <= NEAR * step


def remarks(source: Source | str) -> None:
    """Say on standard error what is not exact about a source: only a bound is known, or it was measured."""
    from edcurve.sources import BOUND, resolve

    known = resolve(source, stationary=False)
    if known.status == BOUND:
        what = "the best partition found, not proved to be the best of all"
        click.echo(f"{name_of(source)}: {known.status}: {what} ({known.reason})", err=True)
    if known.truncation > ROUNDING * known.max_distortion:
        click.echo(f"distortions may be off by {known.truncation:.2g}: what the samples leave open", err=True)
    if known.defect > ROUNDING:
        click.echo(f"the points deviate from stationary by {known.defect:.2g}", err=True)

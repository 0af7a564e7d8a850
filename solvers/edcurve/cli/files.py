"""Sources from files of points: the options for reading them, and hints if a file is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .common import RealNumber, ends_option, key_option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edcurve.sources import Source

FAR = "; the last point is far from the first: --open is for curves that are no loop"
NEAR = "; the last point is near the first: --closed is for loops"
ROUNDING = 1e-12  # smaller deviations are rounding errors


class FileOptions(NamedTuple):
    """Options for reading a file of points as a source: --open or --closed, --waveform, --tolerance, --key, --ends."""

    closed: bool | None
    waveform: bool
    tolerance: float
    key: str | None
    ends: str | None = None


def file_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of files to a command, which receives them as one argument `file`."""

    @wraps(command)
    def run(
        *args: Any,
        is_open: bool | None,
        waveform: bool,
        tolerance: float,
        key: str | None,
        ends: str | None,
        **kwargs: Any,
    ) -> None:
        closed = None if is_open is None else not is_open
        command(*args, file=FileOptions(closed, waveform, tolerance, key, ends), **kwargs)

    options = (
        ends_option,
        click.option(
            "--waveform", is_flag=True, help="Of a file: samples of a waveform, whose cyclic shifts are the source."
        ),
        click.option(
            "--tolerance",
            type=RealNumber(),
            default="0.05",
            show_default=True,
            help="Of a file: largest allowed defect.",
        ),
        key_option,
        click.option(
            "--ends",
            metavar="KIND,KIND",
            help="Of a file with an array of three dimensions, a surface: closed, twisted or open, both parameters.  "
            "[default: as the samples look]",
        ),
    )
    decorated: Callable[..., None] = run
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def from_files(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of files to a command, which receives the source of the file, or a name unchanged."""

    @wraps(command)
    def run(source: str, *args: Any, file: FileOptions, **kwargs: Any) -> None:
        command(source_from(source, file), *args, **kwargs)

    return file_options(run)


def name_of(source: Source | str) -> str:
    """Name of a source in the output."""
    return source if isinstance(source, str) else source.name


def _remedy(path: str) -> str:
    """A remedy for a text file as written by numpy.savetxt."""
    written = Path(path).suffix.lower() in (".txt", ".dat", ".tsv")
    return ": call it .csv, with commas, semicolons or tabs between numbers, not blanks" if written else ""


def source_from(source: str, file: FileOptions) -> Source | str:
    """The source of a file of points; a name is returned unchanged."""
    from edcurve.io.arrays import is_data

    if not is_data(source):
        if Path(source).is_file() and not _is_name(source):
            raise ValueError(f"{source}: a file of points must end in .npy, .npz or .csv{_remedy(source)}")
        if file.closed is not None or file.waveform or file.key is not None or file.ends is not None:
            raise ValueError(f"--open, --closed, --waveform, --key and --ends are for files, got the source {source!r}")
        _check_name(source)
        return source
    from edcurve.sources import Source
    from edcurve.sources.measured import from_samples_unwarned

    if file.closed is not None and file.waveform:
        raise ValueError(f"{'--closed' if file.closed else '--open'} and --waveform exclude each other")
    points, name = read_array(source, file.key), Path(source).stem
    if points.ndim == 3:
        return _surface(source, points, file)
    if file.ends is not None:
        raise ValueError(f"{source}: --ends is for an array of three dimensions, got shape {points.shape}")
    try:
        if file.waveform:
            return Source.from_waveform(points.ravel() if 1 in points.shape else points, name=name)
        sampled, doubt = from_samples_unwarned(points, closed=file.closed, tolerance=file.tolerance, name=name)
    except (ValueError, TypeError) as error:
        flags = "" if file.closed is None else " --closed" if file.closed else " --open"
        error = type(error)(
            str(error)
            .replace("; tolerance=", "; --tolerance ")
            .replace("edcurve.segment gives", f"`edcurve segment {source}{flags} --lmbda λ` prints")
        )
        hint = "" if file.waveform else _hint(str(error), points, file.closed)
        raise type(error)(f"{source}: {error}{hint}") from None
    if doubt is not None:
        click.echo(of_ends(doubt), err=True)
    return sampled


def _surface(path: str, points: NDArray[Any], file: FileOptions) -> Source:
    """The surface of samples with two parameters."""
    from edcurve.sources import Source

    if file.closed is not None or file.waveform:
        raise ValueError(
            f"{path}: --open, --closed and --waveform are for points along a curve, got an array of shape "
            f"{points.shape}, a surface: --ends says what its parameters are"
        )
    first, _, second = (file.ends or "").partition(",")
    try:
        ends = None if file.ends is None else (first.strip(), second.strip())
        return Source.from_surface(points, ends=ends, name=Path(path).stem)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_array(path: str, key: str | None, *, option: str = "--key") -> NDArray[Any]:
    """The array in a file; if there are several, the message has their names, and the option to select one, if any."""
    from edcurve.io.arrays import read_points

    try:
        return read_points(path, key=key)
    except ValueError as error:
        wanted, names, rest = str(error).partition("key must be one of ")
        if not names or "none: the archive" in rest:
            raise
        listed = rest.removesuffix(", got None")
        said = f"{option} must be one of {listed}" if option else f"expected a single array, got {listed}"
        raise ValueError(f"{wanted}{said}") from None


def read_weights(path: str) -> NDArray[Any]:
    """Weights in a file, of one column or row."""
    values = read_array(path, None, option="")
    if values.ndim > 1 and values.size != max(values.shape):
        raise ValueError(f"{path}: weights must be one column or one row, got an array of shape {values.shape}")
    return values.ravel()


def _check_name(source: str) -> None:
    from edcurve.sources import resolve

    try:
        resolve(source, stationary=False, surfaces=True)
    except ValueError as error:
        names, given, rest = str(error).partition(", got ")
        if not names.startswith("source must be a Source or one of"):
            raise
        raise ValueError(f"{names}, or a file of points (.npy, .npz, .csv){given}{rest}") from None


def _is_name(source: str) -> bool:
    from edcurve.sources import resolve

    try:
        resolve(source, stationary=False, surfaces=True)
    except ValueError:
        return False
    return True


def _hint(message: str, points: Any, closed: bool | None) -> str:
    """A suggestion for points that are refused, or an empty string."""
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
    from edcurve.sources import ends, measured

    if closed is None or closed == ends.settled(measured.checked_points(points), None).closed:
        return ""
    return FAR if closed else NEAR


def of_ends(doubt: str) -> str:
    """A warning about points that may be a loop, with the option of the command line."""
    from edcurve.sources import ends

    return doubt.replace(ends.CLOSED, "--closed")


def facts(source: Source | str) -> dict[str, Any]:
    """Facts about a source in the JSON of a command: the status and, for a file, its errors."""
    from edcurve.sources import resolve

    resolved = resolve(source, stationary=False, surfaces=True)
    status: dict[str, Any] = {"status": resolved.status}
    if not isinstance(source, str):
        status |= {"truncation": resolved.truncation, "defect": resolved.defect}
    return status


def print_caveats(source: Source | str) -> None:
    """Print on standard error why a source is not exact: only a bound is known, or it was measured."""
    from edcurve.sources import BOUND, resolve

    name, source = name_of(source), resolve(source, stationary=False, surfaces=True)
    if source.status == BOUND:
        what = "the best partition found, not proved to be the best of all"
        click.echo(f"{name}: {source.status}: {what} ({source.reason})", err=True)
    if source.truncation > ROUNDING * source.max_distortion:
        click.echo(f"distortions may be off by {source.truncation:.2g}: what the samples leave open", err=True)
    if source.defect > ROUNDING:
        click.echo(f"the points deviate from stationary by {source.defect:.2g}", err=True)

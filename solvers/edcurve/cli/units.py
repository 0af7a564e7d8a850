"""Options for the units of measured points: PSNR, bits per pixel, the weight of a loss."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .common import RealNumber

if TYPE_CHECKING:
    from edcurve.io.tables import Points
    from edcurve.sources import Source
    from edcurve.units import Units


class UnitOptions(NamedTuple):
    """The values of the options of `unit_options`."""

    measures: tuple[str, ...]
    columns: tuple[str, ...] | None
    dim: int | None
    pixels: int | None
    peak: float
    mse_peak: float | None
    is_mean: bool | None
    loss: str | None

    def of(self, source: Source, base: float = 2) -> Units | None:
        """The units of points measured for a source; None without options."""
        from edcurve.sources import Circle, SampledCurve, SampledLoop, Surface
        from edcurve.units import Units

        if self.dim is None:
            named = [name for name in ("pixels", "mse_peak", "is_mean", "loss") if getattr(self, name) is not None]
            if named or self.measures:
                options = [f"--{name.removeprefix('is_').replace('_', '-')}" for name in (*self.measures, *named)]
                raise ValueError(f"{options[0]} needs --dim, how many numbers a realization has")
            return None
        mean = self.is_mean
        if mean is None:
            mean = not isinstance(source, Circle | SampledLoop | SampledCurve | Surface)
        loss = {} if self.loss is None else {"loss": self.loss}
        return Units(self.dim, self.pixels, self.peak, self.mse_peak, mean, base=base, **loss)

    def words(self) -> list[str]:
        """The options as words of a command line."""
        options = {"--dim": self.dim, "--pixels": self.pixels, "--mse-peak": self.mse_peak, "--loss": self.loss}
        options |= {"--peak": None if self.peak == 1.0 else self.peak}
        options |= {"--columns": None if self.columns is None else ",".join(self.columns)}
        named = [f"--{name}" for name in self.measures]
        if self.is_mean is not None:
            named.append("--mean" if self.is_mean else "--sum")
        return named + [str(word) for name, value in options.items() if value is not None for word in (name, value)]

    def measure(self, name: str) -> str:
        """The measure of numbers given for distortion or entropy: that of an option, or itself."""
        from edcurve.io.columns import MEASURES

        return next((measure for measure in self.measures if measure in MEASURES[name]), name)

    def read(self, points: Any, source: Source, units: Units | None) -> Points:
        """Read measured points of a file, of several, or of columns by name, in these units."""
        from edcurve.io.tables import read
        from edcurve.optimum.sanity import doubt_of_psnr

        if isinstance(points, tuple) and len(points) == 1:
            points = points[0]
        measured = read(points, source.name, units=units, columns=self.columns, measures=self.measures)
        if measured.columns[0] == "psnr" and (doubt := doubt_of_psnr(source, self.peak)):
            click.echo(doubt, err=True)
        return measured


def unit_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of units to a command, which receives them as one argument `units`."""

    @wraps(command)
    def run(
        *args: Any,
        of_distortion: str | None,
        of_entropy: str | None,
        columns: str | None,
        dim: int | None,
        pixels: int | None,
        peak: float,
        mse_peak: float | None,
        is_mean: bool | None,
        loss: str | None,
        **kwargs: Any,
    ) -> None:
        measures = tuple(name for name in (of_distortion, of_entropy) if name is not None)
        names = None if columns is None else tuple(name.strip() for name in columns.split(","))
        command(*args, units=UnitOptions(measures, names, dim, pixels, peak, mse_peak, is_mean, loss), **kwargs)

    options = (
        click.option("--psnr", "of_distortion", flag_value="psnr", help="Distortions are PSNR in dB."),
        click.option("--mse", "of_distortion", flag_value="mse", help="Distortions are means over coordinates."),
        click.option("--bpp", "of_entropy", flag_value="bpp", help="Entropies are bits per pixel."),
        click.option("--bpd", "of_entropy", flag_value="bpd", help="Entropies are bits per coordinate."),
        click.option("--dim", type=int, help="Coordinates of a realization, to convert such units into D and H."),
        click.option("--pixels", type=int, help="Pixels of a realization.  [default: --dim]"),
        click.option(
            "--peak", type=RealNumber(), default="1", show_default=True, help="Largest value of the source's data."
        ),
        click.option("--mse-peak", type=RealNumber(), help="The same for the data of --mse.  [default: --peak]"),
        click.option(
            "--mean/--sum",
            "is_mean",
            default=None,
            help="D of the source, a mean or a sum over coordinates.  [default: sum for circle, surfaces and points]",
        ),
        click.option("--loss", help='The loss that defines λ, such as "bpp + lmbda*255**2*mse".'),
        click.option("--columns", help="Names of the columns of a CSV, such as codec,psnr,bpp."),
    )
    decorated: Callable[..., None] = run
    for option in reversed(options):
        decorated = option(decorated)
    return decorated

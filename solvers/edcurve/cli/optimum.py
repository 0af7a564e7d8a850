"""Commands about the optimum of a source at some points."""

from __future__ import annotations

import json
import math
import textwrap
from typing import TYPE_CHECKING, Any

import click

from .common import (
    MultiplierList,
    NumberList,
    RealNumber,
    base_option,
    json_option,
    multipliers_argument,
    of_one,
    print_columns,
    reported,
    source_or_file_argument,
)
from .files import facts, from_files, name_of, print_caveats
from .parsing import Command, CommandWithNumbers

if TYPE_CHECKING:
    from edcurve.sources import Source, Surface


@click.command(cls=CommandWithNumbers)
@source_or_file_argument
@click.argument("distortion", type=RealNumber(), nargs=-1, required=True)
@base_option
@json_option
@reported
@from_files
def entropy(source: Source | str, distortion: tuple[float, ...], base: float, as_json: bool) -> None:
    """E(D): the least entropy at each DISTORTION; SOURCE may be a file, as for `edcurve curve`."""
    from edcurve.optimum import exact

    with of_one(len(distortion)):
        values = exact.entropy_distortion(source, distortion, base=base)
    _print(source, base, as_json, distortion=list(distortion), entropy=values.tolist())


@click.command(cls=CommandWithNumbers)
@source_or_file_argument
@click.argument("entropy", type=RealNumber(), nargs=-1, required=True)
@base_option
@json_option
@reported
@from_files
def distortion(source: Source | str, entropy: tuple[float, ...], base: float, as_json: bool) -> None:
    """The least distortion at each ENTROPY: the inverse of E(D); SOURCE may be a file, as for `edcurve curve`."""
    from edcurve.optimum import exact

    with of_one(len(entropy)):
        values = exact.distortion_entropy(source, entropy, base=base)
    _print(source, base, as_json, entropy=list(entropy), distortion=values.tolist())


@click.command(cls=CommandWithNumbers)
@source_or_file_argument
@click.argument("distortion", type=RealNumber(), nargs=-1, required=True)
@base_option
@json_option
@reported
@from_files
def bound(source: Source | str, distortion: tuple[float, ...], base: float, as_json: bool) -> None:
    """What is known of E(D) at each DISTORTION, of any source: upper and lower.

    upper is the entropy of the best known partition, which is E(D) itself if that is exact. It is nan if no code of a
    surface is known, with the reason on standard error. lower is a lower bound for all partitions; it is missing if
    distances are not monotone. SOURCE may be a file, as for `edcurve curve`.
    """
    from edcurve.optimum import bounds
    from edcurve.sources import Surface, resolve

    resolved, columns = resolve(source, stationary=False, surfaces=True), {}
    with of_one(len(distortion)):
        if isinstance(resolved, Surface) or resolved.monotone:
            columns["lower"] = bounds.lower_bound(source, distortion, base=base).tolist()
        if isinstance(resolved, Surface):  # arguments are valid here, so an error means that no code is known
            upper = [_of_a_code(resolved, D, base, said=not as_json) for D in distortion]
        else:
            upper = bounds.upper_bound(source, distortion, base=base).tolist()
    columns = {"upper": upper, **columns}
    _print(source, base, as_json, distortion=list(distortion), **columns)


def _of_a_code(surface: Surface, distortion: float, base: float, *, said: bool) -> float:
    from edcurve.optimum import bounds

    try:
        return float(bounds.upper_bound(surface, distortion, base=base))
    except ValueError as error:
        if said:
            click.echo(f"no code is known at {distortion:g}, so upper is nan: {error}", err=True)
        return math.nan


def _print(source: Source | str, base: float, as_json: bool, **columns: list[Any]) -> None:
    if not as_json:
        print_caveats(source)
    print_columns(name_of(source), base, as_json, facts=facts(source), **columns)


@click.command(cls=CommandWithNumbers)
@source_or_file_argument
@multipliers_argument("lmbda", required=False)
@click.option("--lmbda", "listed", type=MultiplierList(), help="λ, or several separated by commas, instead of LMBDA.")
@click.option("--cells", type=NumberList(int), help="Instead of λ: numbers of cells, to print their range of λ.")
@base_option
@json_option
@reported
@from_files
def lagrangian(
    source: Source | str,
    lmbda: list[float],
    listed: list[float] | None,
    cells: list[int] | None,
    base: float,
    as_json: bool,
) -> None:
    """The least H + λD at each LMBDA, and the cells that attain it.

    With --cells, the range of λ for which this number of cells attains it; NaN if there is none. SOURCE may be ramp:T,
    sampled at T points, or a file, as for `edcurve curve`.
    """
    from edcurve.optimum import sweeps

    if cells is not None:
        if lmbda or listed is not None:
            raise ValueError("give either λ or --cells")
        with of_one(len(cells)):
            low, high = sweeps.multipliers(source, cells, base=base)
        _print(source, base, as_json, cells=cells, lmbda_from=low.tolist(), lmbda_to=high.tolist())
        return
    if bool(lmbda) == (listed is not None):
        raise ValueError("give λ either as LMBDA or by --lmbda")
    wanted = lmbda if listed is None else listed
    with of_one(len(wanted)):
        minimum = sweeps.lagrangian(source, wanted, base=base)
    names = ("cells", "entropy", "distortion", "value")
    columns = {name: getattr(minimum, name).tolist() for name in names}
    if not as_json:
        click.echo(f"{name_of(source)}: {minimum.status}")
        print_caveats(source)
    about = {**facts(source), "status": minimum.status}
    print_columns(name_of(source), base, as_json, facts=about, lmbda=wanted, **columns)


@click.command(cls=CommandWithNumbers)
@source_or_file_argument
@click.argument("distortion", type=RealNumber())
@json_option
@reported
@from_files
def partition(source: Source | str, distortion: float, as_json: bool) -> None:
    """The optimal cells at a DISTORTION: count of one size, and a smaller odd one.

    SOURCE may be a file, as for `edcurve curve`.
    """
    from edcurve.curves import writable
    from edcurve.optimum import partitions

    best = partitions.partition(source, distortion)
    cells = {"count": best.count, "size": best.size, "odd": best.odd}
    if as_json:
        content = {"source": name_of(source), "distortion": distortion, **cells}
        content |= {name: value for name, value in facts(source).items() if name != "status"}
        click.echo(json.dumps({name: writable(value) for name, value in content.items()}, allow_nan=False))
    else:
        print_caveats(source)
        for name, value in cells.items():
            click.echo(f"{name:5}  {value!r}")


@click.command(cls=CommandWithNumbers)
@source_or_file_argument
@click.argument("distortion", type=RealNumber(), nargs=-1, required=True)
@base_option
@json_option
@reported
@from_files
def certify(source: Source | str, distortion: tuple[float, ...], base: float, as_json: bool) -> None:
    """Enclose E(D) at each DISTORTION rigorously, and say what was proved.

    SOURCE may be a file of points along a loop, as for `edcurve curve`.
    """
    from dataclasses import asdict

    from edcurve.certificate import certify
    from edcurve.curves import writable

    certificates = [certify(source, D, base=base) for D in distortion]
    if as_json:
        content = [{name: writable(value) for name, value in asdict(one).items()} for one in certificates]
        click.echo(json.dumps(content, allow_nan=False))
        return
    print_caveats(source)
    for one in certificates:
        click.echo(f"E({one.distortion!r}) of {one.source} is in [{one.lower!r}, {one.upper!r}]")
        click.echo(f"  width {one.upper - one.lower:.1e}" if math.isfinite(one.upper) else "  infinite")
        click.echo(textwrap.fill(one.method, 78, initial_indent="  ", subsequent_indent="  "))


@click.command(cls=Command)
@json_option
@reported
def sources(as_json: bool) -> None:
    """List the built-in sources."""
    from edcurve.sources import BUILT_IN, FAMILIES, Surface, resolve

    listed = [*(make() for make in BUILT_IN.values()), *map(resolve, ("power:1.5", "pulse:0.2", "edge:15"))]
    if as_json:
        keys = ("name", "max_distortion", "closed", "status")
        click.echo(json.dumps([{key: getattr(source, key) for key in keys} for source in listed], indent=1))
        return
    for source in listed:
        shape = "surface" if isinstance(source, Surface) else "closed" if source.closed else "open"
        click.echo(f"{source.name:10} {shape:7}  D_max = {source.max_distortion:<10.6g} {source.status}")
        summary = (type(source).__doc__ or "").splitlines()[0]
        click.echo(textwrap.fill(summary, 80, initial_indent=" " * 11, subsequent_indent=" " * 11))
    for family in FAMILIES.values():
        click.echo(f"{family.form} takes {family.allowed}")

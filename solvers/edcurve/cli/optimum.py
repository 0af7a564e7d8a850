"""Commands about the optimum of a source at some points."""

from __future__ import annotations

import importlib
import json
import math
import textwrap

import click

from .common import NUMBERS, Number, base_option, json_option, print_columns, reported, source_argument


@click.command(context_settings=NUMBERS)
@source_argument
@click.argument("distortion", type=Number(), nargs=-1, required=True)
@base_option
@json_option
@reported
def entropy(source: str, distortion: tuple[float, ...], base: float, as_json: bool) -> None:
    """E(D): the least entropy at each DISTORTION."""
    from edcurve import exact

    values = exact.entropy_distortion(source, list(distortion), base=base)
    print_columns(source, base, as_json, distortion=list(distortion), entropy=values.tolist())


@click.command(context_settings=NUMBERS)
@source_argument
@click.argument("entropy", type=Number(), nargs=-1, required=True)
@base_option
@json_option
@reported
def distortion(source: str, entropy: tuple[float, ...], base: float, as_json: bool) -> None:
    """The least distortion at each ENTROPY: the inverse of E(D)."""
    from edcurve import exact

    values = exact.distortion_entropy(source, list(entropy), base=base)
    print_columns(source, base, as_json, entropy=list(entropy), distortion=values.tolist())


@click.command(context_settings=NUMBERS)
@source_argument
@click.argument("lmbda", type=Number(), nargs=-1, required=True)
@base_option
@json_option
@reported
def lagrangian(source: str, lmbda: tuple[float, ...], base: float, as_json: bool) -> None:
    """The least H + λD at each LMBDA, and the cells that attain it; SOURCE may be ramp:T, sampled at T points."""
    from edcurve import sweeps

    found = sweeps.lagrangian(source, list(lmbda), base=base)
    names = ("cells", "entropy", "distortion", "value")
    columns = {name: getattr(found, name).tolist() for name in names}
    if not as_json:
        click.echo(f"{source}: {found.status}")
    print_columns(source, base, as_json, lmbda=list(lmbda), **columns)


@click.command(context_settings=NUMBERS)
@source_argument
@click.argument("distortion", type=Number())
@json_option
@reported
def partition(source: str, distortion: float, as_json: bool) -> None:
    """The optimal cells at a DISTORTION: count of one size, and a smaller odd one."""
    from edcurve import partitions
    from edcurve.curves import writable

    best = partitions.partition(source, distortion)
    content = {"source": source, "distortion": distortion, "count": best.count, "size": best.size, "odd": best.odd}
    if as_json:
        click.echo(json.dumps({name: writable(value) for name, value in content.items()}, allow_nan=False))
    else:
        for name in ("count", "size", "odd"):
            click.echo(f"{name:5}  {content[name]!r}")


@click.command(context_settings=NUMBERS)
@source_argument
@click.argument("distortion", type=Number(), nargs=-1, required=True)
@base_option
@json_option
@reported
def certify(source: str, distortion: tuple[float, ...], base: float, as_json: bool) -> None:
    """Enclose E(D) at each DISTORTION rigorously, and say what was proved."""
    from dataclasses import asdict

    from edcurve.certificate import certify
    from edcurve.curves import writable

    found = [certify(source, D, base=base) for D in distortion]
    if as_json:
        content = [{name: writable(value) for name, value in asdict(one).items()} for one in found]
        click.echo(json.dumps(content, allow_nan=False))
        return
    for one in found:
        click.echo(f"E({one.distortion!r}) of {one.source} is in [{one.lower!r}, {one.upper!r}]")
        click.echo(f"  width {one.upper - one.lower:.1e}" if math.isfinite(one.upper) else "  infinite")
        click.echo(textwrap.fill(one.method, 78, initial_indent="  ", subsequent_indent="  "))


@click.command()
@click.option("--out", default="figures", show_default=True, type=click.Path(), help="Folder to write to.")
@click.option(
    "--runs",
    type=click.Path(),
    help="Store of trained compressors, or the CSV of `edcurve runs`. [default: results that come with the package]",
)
@base_option
@reported
def figures(out: str, runs: str | None, base: float) -> None:
    """Draw the optimal trade-offs of the ramp and the circle, and the paper's figures with trained compressors.

    ramp.* and circle.* are the theory curves alone, with tables; figure_1 to figure_4 are the paper's figures, in bits,
    figure_5 what the excess is made of, figure_6 the sawbridge as control, figure_7 the effect of small batches and
    fixed training sets. A table of runs has no figure_2 and figure_4, which need the weights of a store.
    """
    from edcurve.figures import write_figures

    command = ["edcurve", "figures", "--out", out]
    if base != 2:
        command += ["--base", "e" if base == math.e else repr(base)]
    if runs is not None:
        command += ["--runs", runs]
    drawing = importlib.import_module("edcurve_neural.figures")
    try:
        trained = drawing.load(runs)  # before anything is written
    except ModuleNotFoundError as error:
        message = f"--runs with a store needs the extra neural: pip install 'edcurve[neural]' ({error})"
        raise ImportError(message) from None
    if trained.codewords is None:
        what = "figure_2 and figure_4 are left out: they need a store that has runs of the ramp or the circle"
        click.echo(what, err=True)
    for path in write_figures(out, base=base, command=command):
        click.echo(f"wrote {path}")
    for path in drawing.draw(trained, out, command=command):
        click.echo(f"wrote {path}")


@click.command()
@json_option
@reported
def sources(as_json: bool) -> None:
    """List the built-in sources."""
    from edcurve.sources import BUILT_IN, FAMILIES, resolve

    known = [*(make() for make in BUILT_IN.values()), *map(resolve, ("power:1.5", "pulse:0.2", "edge:15"))]
    if as_json:
        keys = ("name", "max_distortion", "closed", "status")
        click.echo(json.dumps([{key: getattr(source, key) for key in keys} for source in known], indent=1))
        return
    for source in known:
        shape = "closed" if source.closed else "open"
        click.echo(f"{source.name:10} {shape:6}  D_max = {source.max_distortion:<10.6g} {source.status}")
        click.echo(f"{'':10} {(type(source).__doc__ or '').splitlines()[0]}")
    for family in FAMILIES.values():
        click.echo(f"{family.form} takes {family.allowed}")

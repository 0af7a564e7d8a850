"""The command line: every subcommand is one call of the API, which is imported only when one runs."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import click

from .curve import curve
from .lazy import NEURAL
from .measured import excess, segment
from .optimum import certify, distortion, entropy, figures, lagrangian, partition, sources
from .report import report


class _Group(click.Group):
    """Commands whose output holds a ? for what the encoding of standard output does not have, such as ≤."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command."""
        if "_EDCURVE_COMPLETE" in os.environ:
            from .completion import install

            install()
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        return super().main(*args, **kwargs)


def _version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from edcurve.versions import versions

    found = versions()
    click.echo(f"edcurve, version {found.pop('edcurve')}")
    for name, version in found.items():
        click.echo(f"{name} {version}")
    context.exit()


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version, and those of what results depend on.",
)
def main() -> None:
    """Optimal entropy-distortion trade-offs of sources on one-parameter manifolds.

    SOURCE is ramp, circle, sinusoid, sawbridge, uniform, square, triangle, power:a (0 < a ≤ 2), pulse:w (0 < w < 1) or
    edge:n (n harmonics); `edcurve sources` lists them. Distortions are squared errors: sums
    over coordinates, or means over t for functions.
    """


for command in (
    certify,
    curve,
    distortion,
    entropy,
    excess,
    figures,
    lagrangian,
    partition,
    report,
    segment,
    sources,
    *NEURAL,
):
    main.add_command(command)

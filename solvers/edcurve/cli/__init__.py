"""The command line: every subcommand is one call of the API, which is imported only when one runs.

The commands of the core are listed here; installed packages add others, see `edcurve.cli.added`.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from functools import cached_property
from typing import Any

import click

from .added import added_commands
from .codecs import mean_excess
from .curve import curve
from .measured import excess, segment
from .optimum import bound, certify, distortion, entropy, lagrangian, partition, sources
from .output import whole_and_printable
from .report import gap, report
from .vectors import ecvq, measure, rate_distortion


class _Group(click.Group):
    """Commands of the core and of installed packages.

    Characters that the encoding of standard output lacks, such as ≤, are printed as ?, and control characters, which
    names and labels in files may contain, are escaped.
    """

    @cached_property
    def added(self) -> dict[str, click.Command]:
        """Commands of installed packages, loaded when commands are listed or a command is not one of the core's."""
        commands, problems = added_commands(frozenset(self.commands))
        if "_EDCURVE_COMPLETE" not in os.environ:  # a shell expects completions and nothing else
            for problem in problems:
                click.echo(problem, err=True)
        return commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, sorted."""
        return sorted([*self.commands, *self.added])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Command of a name, or None."""
        return self.commands.get(cmd_name) or self.added.get(cmd_name)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command."""
        if "_EDCURVE_COMPLETE" in os.environ:
            from .completion import install

            install()
        with whole_and_printable(sys.stdout):
            return super().main(*args, **kwargs)


# Before exit Python searches all imported modules for reference cycles: a second with PyTorch, ten on a busy machine.
atexit.register(gc.freeze)


def _version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from edcurve.versions import versions

    installed = versions()
    click.echo(f"edcurve, version {installed.pop('edcurve')}")
    for name, version in installed.items():
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
    bound,
    certify,
    curve,
    distortion,
    ecvq,
    entropy,
    excess,
    gap,
    lagrangian,
    mean_excess,
    measure,
    partition,
    rate_distortion,
    report,
    segment,
    sources,
):
    main.add_command(command)

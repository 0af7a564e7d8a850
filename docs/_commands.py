"""The section of each command, made when the site is built: usage, help, options, and the output of an example."""

import json
import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from click.testing import CliRunner
from edcurve.cli import main

GROUPS = {
    "The optimum of a source": [
        "sources",
        "entropy",
        "distortion",
        "bound",
        "partition",
        "lagrangian",
        "curve",
        "certify",
    ],
    "Your measurements": ["excess", "mean-excess", "gap", "report", "segment", "measure", "rate-distortion", "ecvq"],
    "Neural compressors": ["figures", "train", "sweep", "runs", "baseline", "encode", "decode"],
}
OTHERS = "Other commands"
# One example of each command, run in this order in one folder; KEY is the key of the run that `train` leaves there.
EXAMPLES = {
    "sources": "edcurve sources",
    "entropy": "edcurve entropy ramp 0.01 0.001",
    "distortion": "edcurve distortion circle 2 3.5 --base nats",
    "bound": "edcurve bound pulse:0.2 0.05 0.01",
    "partition": "edcurve partition ramp 0.01",
    "lagrangian": "edcurve lagrangian circle 1 4 16",
    "curve": "edcurve curve loop.npy --num 5 --gaussian",
    "certify": "edcurve certify ramp 0.01",
    "excess": "edcurve excess circle --points measured.csv",
    "mean-excess": "edcurve mean-excess circle --points codecs.csv",
    "gap": "edcurve gap circle --points measured.csv --out gap.png",
    "report": "edcurve report circle --points measured.csv --out report.html",
    "segment": "edcurve segment loop.npy --cells 3,8",
    "measure": "edcurve measure normals.npy indices.npy",
    "rate-distortion": "edcurve rate-distortion pairs.csv 0.1 0.5",
    "ecvq": "edcurve ecvq pairs.csv --lmbda 1,4",
    "figures": "edcurve figures --out figures",
    "train": "edcurve train circle --lmbda 4 --compressor circular-table --batch-size 64 --steps 20 --store one",
    "sweep": "edcurve sweep circle --lmbda 4,32 --compressor circular,circular-table --steps 200 --store many",
    "runs": "edcurve runs many",
    "baseline": "edcurve baseline circle --lmbda 4,32 --kind klt,phase",
    "encode": "edcurve encode one KEY --phases 1000 --out circle.edc",
    "decode": "edcurve decode circle.edc --store one --out reconstructions.npy",
}
BAR = "━"  # of progress bars
CODECS = "label,distortion,entropy\nshort,0.3,1.9\nshort,0.08,2.9\nlong,0.25,1.8\nlong,0.05,3.1\n"
MEASURED = "label,distortion,entropy,lmbda\nsmall,0.2,2.4,4\nlarge,0.05,3.9,32\n"


@dataclass(frozen=True)
class Ran:
    """An example that was run: command line, exit code and output."""

    line: str
    exit_code: int
    output: str


def loop() -> np.ndarray:
    """Points along a closed curve in three dimensions, the input file of examples."""
    turn = 2 * np.pi * np.arange(512) / 512
    return np.stack([np.cos(turn), np.sin(turn), 0.02 * np.cos(2 * turn)], axis=1)


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder, on a terminal of 100 columns."""
    before, columns = Path.cwd(), os.environ.get("COLUMNS")
    os.chdir(folder)
    os.environ["COLUMNS"] = "100"
    try:
        yield
    finally:
        os.chdir(before)
        if columns is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = columns


def run_all() -> dict[str, Ran]:
    """Run every example in a temporary folder."""
    ran = {}
    with tempfile.TemporaryDirectory() as name, inside(Path(name)):
        np.save("loop.npy", loop())
        Path("measured.csv").write_text(MEASURED, encoding="utf-8")
        np.savetxt("pairs.csv", np.random.default_rng(0).normal(size=(200, 2)).round(3), delimiter=",", fmt="%g")
        normals = np.random.default_rng(0).normal(size=(20_000, 3))
        np.save("normals.npy", normals / np.linalg.norm(normals, axis=1, keepdims=True))
        np.save("indices.npy", (normals > 0.0) @ np.array([1, 2, 4]))  # an index for each octant, from the signs
        Path("codecs.csv").write_text(CODECS, encoding="utf-8")
        for command, text in EXAMPLES.items():
            line = text.replace("KEY", key_of("one")) if " KEY " in text else text
            result = CliRunner().invoke(main, shlex.split(line)[1:])
            ran[command] = Ran(line, result.exit_code, result.output)
    return ran


def key_of(store: str) -> str:
    """The start of the key of the only run in a store."""
    result = CliRunner().invoke(main, ["runs", store, "--json"])
    (row,) = json.loads(result.stdout)
    return row["key"][:8]


def commands() -> dict[str, tuple[click.Command, click.Context]]:
    """Every command by its name, with its context; lazy commands are loaded."""
    parent = click.Context(main, info_name="edcurve")
    by_name = {}
    for name in main.list_commands(parent):
        command = main.get_command(parent, name)
        assert command is not None
        context = command.make_context(name, [], parent=parent, resilient_parsing=True)
        by_name[name] = context.command, context
    return by_name


def write(folder: Path) -> None:
    """Write the generated part of the page into a folder."""
    folder.mkdir(exist_ok=True)
    path, text = folder / "commands.md", page(run_all())
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def page(ran: dict[str, Ran]) -> str:
    """Sections of all commands, in groups."""
    by_name = commands()
    listed = {name for names in GROUPS.values() for name in names}
    groups = GROUPS | {OTHERS: sorted(set(by_name) - listed)}
    parts = []
    for title, names in groups.items():
        sections = [section(name, *by_name[name], ran.get(name)) for name in names if name in by_name]
        if sections:
            parts += [f"## {title}\n", *sections]
    return "\n".join(parts)


def section(name: str, command: click.Command, context: click.Context, ran: Ran | None) -> str:
    """A command: its usage, its help, its example, its options."""
    lines = [f"### edcurve {name}\n", *(f"{plain(text)}\n" for text in paragraphs(command.help or ""))]
    lines += ["```text", command.get_usage(context).removeprefix("Usage: "), "```\n"]
    if ran is not None:
        if ran.exit_code != 0:
            raise RuntimeError(f"the example of edcurve {name} failed: {ran.line}\n{ran.output}")
        printed = [line.rstrip() for line in ran.output.splitlines() if BAR not in line]
        lines += ["```console", f"$ {ran.line}", *printed, "```\n"]
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    rows = [record for option in options if (record := option.get_help_record(context))]
    if rows:
        lines += [
            "| option | meaning |",
            "|---|---|",
            *(f"| `{cell(name)}` | {cell(plain(text))} |" for name, text in rows),
            "",
        ]
    return "\n".join(lines)


def paragraphs(text: str) -> list[str]:
    """Paragraphs of a help text, each on one line."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]


def plain(text: str) -> str:
    """A help text as Markdown, in which only backticks have a meaning."""
    text = re.sub(
        r"(?<!\S)(--[a-z][a-z-]*)", r"`\1`", " ".join(text.split())
    )  # without backticks the site would turn -- into a dash
    return "".join(
        part if part.startswith("`") else re.sub(r"([*_<>\[\]])", r"\\\1", part)
        for part in re.split(r"(`[^`]*`)", text)
    )


def cell(text: str) -> str:
    """A text in a cell of a table."""
    return text.replace("|", r"\|")

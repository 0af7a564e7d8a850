"""Shells complete commands, options and sources."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from edcurve.cli import common, main
from edcurve.sources import BUILT_IN, FAMILIES, resolve

SCRIPT = Path(sysconfig.get_path("scripts"), "edcurve")


def completed(*words):
    """Completions in bash after these words, the last of which is incomplete."""
    request = {
        "COMP_WORDS": " ".join(["edcurve", *words]),
        "COMP_CWORD": str(len(words)),
        "_EDCURVE_COMPLETE": "bash_complete",
    }
    result = CliRunner().invoke(main, prog_name="edcurve", env=request)
    assert result.exit_code == 0, result.output
    return [tuple(row.split(",", 1)) for row in result.output.split()]


def test_commands_and_sources_are_completed():
    assert [name for _, name in completed("")] == main.list_commands(click.Context(main))
    assert completed("en") == [("plain", "encode"), ("plain", "entropy")]
    names = ("sinusoid", "sawbridge", "square", "sphere", "sphere:3")
    assert completed("entropy", "s") == [("plain", name) for name in names]
    assert ("plain", "--points") in completed("report", "ramp", "--")
    assert completed("curve", "ram") == [("plain", "ramp")]  # with a matching file, bash would offer only this
    for text in ("loop", "./ramp", "ramp."):
        assert completed("curve", text) == [("file", text)]


def test_names_with_a_colon_are_completed():
    """Bash splits words at colons, and inserts completions after the last."""
    assert completed("entropy", "pow") == [("plain", "power:1.5")]
    assert completed("entropy", "power", ":") == [("plain", "1.5")]
    assert completed("entropy", "edge", ":", "1") == [("plain", "15")]
    assert completed("certify", "ramp", ":") == [("file", "")]  # a file may have any name
    assert completed("curve", "edge", ":", "15", "--nu") == [("plain", "--num")]


@pytest.mark.parametrize("command", ["certify", "distortion", "entropy", "excess", "lagrangian", "partition", "report"])
def test_every_command_that_takes_a_source_completes_it(command):
    assert ("plain", "circle") in completed(command, "")


@pytest.mark.torch
def test_commands_of_the_neural_part_are_completed(tmp_path):
    assert completed("train", "ci") == [("plain", "circle")]
    assert completed("train", "loop") == [("file", "loop")]
    assert completed("sweep", "s") == [("plain", "sinusoid"), ("plain", "sawbridge"), ("plain", "sphere")]
    assert completed("baseline", "ra") == [("plain", "ramp")]
    assert completed("baseline", "ramp", "--kind", "ecvq,k") == [("plain", "ecvq,klt")]
    assert ("plain", "circular-table") in completed("train", "circle", "--compressor", "circ")
    (tmp_path / "runs").mkdir()
    for name in ("abc", "abd", "b"):
        (tmp_path / "runs" / f"{name}.json").touch()
    assert completed("encode", str(tmp_path), "ab") == [("plain", "abc"), ("plain", "abd")]
    assert completed("encode", "nowhere", "ab") == []


def test_completions_are_the_available_names():
    assert set(BUILT_IN) <= set(common.OFFERED)
    assert {name.partition(":")[0] for name in common.OFFERED} == {*BUILT_IN, *FAMILIES}
    for name in common.OFFERED:
        assert resolve(name, surfaces=True).name == name


def test_completion_without_the_neural_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "edcurve_neural.cli.training", None)
    assert completed("train", "") == []


def test_completion_imports_nothing_numerical():
    request = {"COMP_WORDS": "edcurve entropy ", "COMP_CWORD": "2", "_EDCURVE_COMPLETE": "bash_complete"}
    code = "import sys, atexit; atexit.register(lambda: print(sorted({'numpy', 'numba', 'pandas'} & {*sys.modules})))"
    code += "; from edcurve.cli import main; main(prog_name='edcurve')"
    result = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **request}, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[0] == "plain,ramp"
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_for_shells(shell):
    result = CliRunner().invoke(main, prog_name="edcurve", env={"_EDCURVE_COMPLETE": f"{shell}_source"})
    assert result.exit_code == 0
    assert f"_EDCURVE_COMPLETE={shell}_complete" in result.output


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [("entropy ci", "circle"), ("curve ci", "circle"), ("report c", "circle"), ("curve power :", "1.5")],
)
def test_bash_completes(typed, offered):
    script = (
        'eval "$(_EDCURVE_COMPLETE=bash_source edcurve)"; complete -p edcurve;'
        f"COMP_WORDS=(edcurve {typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _edcurve_completion edcurve;"
        'echo "${COMPREPLY[@]}"'
    )
    path = {**os.environ, "PATH": f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(["bash", "-c", script], env=path, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == offered
    assert "_edcurve_completion" in result.stdout

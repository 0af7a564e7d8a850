"""Commands of other packages: an installed package adds its own to `edcurve`, and a broken one breaks nothing."""

import copy
import os
import subprocess
import sys

import pytest
from edcurve.cli import main
from edcurve.cli.added import added_commands

COMMANDS = """
import click
from edcurve.cli.lazy import LazyCommand

@click.command()
@click.argument("name")
def greet(name):
    \"\"\"Say hello to a name.\"\"\"
    click.echo(f"hello {name}")

COMMANDS = [
    greet,
    LazyCommand("later", "Loaded when it is run.", module="third_later", needs="the package later"),
    LazyCommand("never", "Cannot be loaded.", module="third_never", needs="the package never: pip install never"),
]
"""
LATER = """
import click

@click.command()
@click.option("--times", type=int, default=1, help="How often.")
def later(times):
    \"\"\"Loaded when it is run.\"\"\"
    click.echo("later " * times)
"""


def install(folder, name, entry_point, **modules):
    """A distribution as an installer leaves it: modules and metadata."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[edcurve.commands]\n{name} = {entry_point}\n", encoding="utf-8")
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text, encoding="utf-8")


def edcurve(folder, *arguments, **variables):
    paths = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "edcurve", *arguments],
        env={**os.environ, "PYTHONPATH": paths, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def third(tmp_path):
    install(tmp_path, "third", "third:COMMANDS", third=COMMANDS, third_later=LATER)
    return tmp_path


def test_commands_of_a_third_package_are_listed_and_run(third):
    listed = edcurve(third, "--help")
    assert (listed.returncode, listed.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in listed.stdout.splitlines()]
    assert {"greet Say hello to a name.", "later Loaded when it is run.", "never Cannot be loaded."} < {*lines}
    names = [line.split()[0] for line in lines[lines.index("Commands:") + 1 :]]
    assert names == sorted(names)
    assert {"entropy", "train"} < {*names}
    assert edcurve(third, "greet", "you").stdout == "hello you\n"
    assert edcurve(third, "later", "--times", "2").stdout == "later later \n"


def test_a_command_loaded_later_shows_its_own_help(third):
    output = edcurve(third, "later", "--help").stdout
    assert output.startswith("Usage: edcurve later [OPTIONS]")
    assert "--times INTEGER  How often." in output


def test_a_command_with_a_missing_dependency_says_what_to_install(third):
    done = edcurve(third, "never")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error: never needs the package never: pip install never (No module named 'third_never')" in done.stderr


def test_commands_of_a_third_package_are_completed(third):
    request = {"COMP_WORDS": "edcurve gr", "COMP_CWORD": "1", "_EDCURVE_COMPLETE": "bash_complete"}
    assert edcurve(third, **request).stdout == "plain,greet\n"


BROKEN = {
    "missing": ("third:COMMANDS", "", "AttributeError: module 'third' has no attribute 'COMMANDS'"),
    "raising": ("third:COMMANDS", "raise RuntimeError('out of order')", "RuntimeError: out of order"),
    "leaving": ("third:COMMANDS", "import sys; sys.exit('gone')", "SystemExit: gone"),
    "not there": ("fourth:COMMANDS", "", "ModuleNotFoundError: No module named 'fourth'"),
    "not a list": ("third:COMMANDS", "COMMANDS = 3", "TypeError: 'int' object is not iterable"),
    "not commands": ("third:COMMANDS", "COMMANDS = [print]", "TypeError: expected click commands, got <built-in"),
    "of a name in use": (
        "third:COMMANDS",
        "import click; COMMANDS = [click.Command('mine'), click.Command('entropy')]",
        "ValueError: there is a command entropy already",
    ),
}


@pytest.mark.parametrize(("entry_point", "text", "why"), BROKEN.values(), ids=BROKEN)
def test_a_broken_package_breaks_nothing_and_is_named(tmp_path, entry_point, text, why):
    sound = edcurve(tmp_path, "--help")
    install(tmp_path, "third", entry_point, third=text)
    listed = edcurve(tmp_path, "--help")
    assert (listed.returncode, listed.stdout) == (0, sound.stdout)
    (line,) = listed.stderr.splitlines()
    assert line.startswith(f"commands {entry_point} of third are left out: {why}")
    # commands of the core do not search for others
    assert edcurve(tmp_path, "entropy", "--help").stderr == ""
    # completion prints only words
    request = {"COMP_WORDS": "edcurve entr", "COMP_CWORD": "1", "_EDCURVE_COMPLETE": "bash_complete"}
    completed = edcurve(tmp_path, **request)
    assert (completed.stdout, completed.stderr) == ("plain,entropy\n", "")


def test_the_first_of_two_packages_keeps_a_shared_command_name(tmp_path):
    for name in ("first", "second"):
        text = f"import click\n@click.command('mine')\ndef mine():\n    print('{name}')\nCOMMANDS = [mine]\n"
        install(tmp_path / name, name, f"{name}:COMMANDS", **{name: text})
    path = os.pathsep.join([str(tmp_path / "first"), str(tmp_path / "second")])
    done = edcurve(path, "mine")
    assert (done.returncode, done.stdout) == (0, "first\n")
    assert "commands second:COMMANDS of second are left out: ValueError: there is a command mine already" in done.stderr


def test_commands_and_problems_are_found_in_this_process(tmp_path, monkeypatch, capsys):
    install(tmp_path, "sound", "sound_commands:COMMANDS", sound_commands=COMMANDS)
    install(tmp_path, "clashing", "clashing_commands:COMMANDS", clashing_commands=COMMANDS)
    install(tmp_path, "wrong", "wrong_commands:COMMANDS", wrong_commands="COMMANDS = [print]")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("sound", "clashing", "wrong"):
        monkeypatch.setitem(sys.modules, f"{name}_commands", None)  # so that it is removed at the end
        del sys.modules[f"{name}_commands"]
    commands, problems = added_commands(frozenset({"entropy"}))
    assert {"greet", "later", "never"} <= commands.keys()
    assert (
        len([problem for problem in problems if problem.endswith("ValueError: there is a command greet already")]) == 1
    )
    assert len([problem for problem in problems if "TypeError: expected click commands, got <built-in" in problem]) == 1
    fresh = copy.copy(main)
    vars(fresh).pop("added", None)
    with pytest.raises(SystemExit):
        fresh(["--help"], prog_name="edcurve")
    output = capsys.readouterr()
    assert "greet" in output.out
    assert output.err.splitlines() == problems
    vars(fresh).pop("added")
    for name, value in (("WORDS", "edcurve gr"), ("CWORD", "1")):
        monkeypatch.setenv(f"COMP_{name}", value)
    monkeypatch.setenv("_EDCURVE_COMPLETE", "bash_complete")
    with pytest.raises(SystemExit):
        fresh([], prog_name="edcurve")
    assert capsys.readouterr() == ("plain,greet\n", "")

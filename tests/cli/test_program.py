"""The installed program: commands, help, exit codes and pipes."""

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import click
import edcurve as ed
import pytest
from command_output import strict
from edcurve.cli import main
from edcurve.cli.lazy import LazyCommand

NEED_TORCH = ("baseline", "decode", "encode", "runs", "sweep", "train")
COMMANDS = (
    *("bound", "certify", "curve", "distortion", "ecvq", "entropy", "excess", "figures", "gap", "lagrangian"),
    *("mean-excess", "measure", "partition", "rate-distortion", "report", "segment", "sources"),
    *NEED_TORCH,
)

SCRIPT = Path(sysconfig.get_path("scripts"), "edcurve")


def test_version(output):
    assert output("--version").splitlines()[0] == f"edcurve, version {importlib.metadata.version('edcurve')}"


@pytest.mark.parametrize(
    "command",
    [[], *[pytest.param([name], marks=[pytest.mark.torch] * (name in NEED_TORCH)) for name in COMMANDS]],
    ids=lambda names: "".join(names) or "all",
)
def test_help(output, command):
    for flag in ("--help", "-h"):
        text = output(*command, flag)
        assert text.startswith(" ".join(["Usage: edcurve", *command]))
    assert max(map(len, text.splitlines())) <= 100
    for parameter in command_named(*command).params if command else []:
        options = [option for option in parameter.opts if option.startswith("--")]
        assert all(name in text for name in options or [parameter.metavar or parameter.name.upper()])


def command_named(name):
    command = main.get_command(click.Context(main), name)
    return command.load() if isinstance(command, LazyCommand) else command


def test_every_command_is_tested():
    assert main.list_commands(click.Context(main)) == sorted(COMMANDS)


def program(*arguments, **environment):
    return subprocess.run(
        [SCRIPT, *arguments],
        capture_output=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def test_the_program_prints_what_the_api_computes():
    done = program("entropy", "circle", "0.25", "1e-9", "--json", PYTHONWARNINGS="error")
    assert (done.returncode, done.stderr) == (0, b"")
    assert strict(done.stdout)["entropy"] == ed.entropy_distortion("circle", [0.25, 1e-9]).tolist()


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "edcurve", "entropy", "circle", "-1"]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr.split()[:2]) == (2, [b"Usage:", b"edcurve"])


def test_the_program_refuses_with_code_2():
    done = program("entropy", "ramp", "-1")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.endswith(b"Error: distortion must be at least 0, got -1.0\n")


@pytest.mark.parametrize("arguments", [["--help"], ["sources"]], ids=" ".join)
def test_encodings_without_greek_letters_do_not_fail(arguments):
    done = program(*arguments, PYTHONIOENCODING="cp1252")
    assert (done.returncode, done.stderr) == (0, b"")
    assert "0 < a ? 2" in done.stdout.decode("cp1252")


def test_a_closed_pipe_causes_no_traceback():
    # more than a pipe holds, so that the program is still writing when the reader is gone
    with subprocess.Popen(
        [SCRIPT, "curve", "ramp", "--json", "--num", "20000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    ) as process:
        assert process.stdout.readline() == b"{\n"
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(timeout=120)
    assert errors == b""
    assert process.returncode == 1


def test_a_failing_write_to_standard_output_is_reported():
    code = (
        "import sys\n"
        "from edcurve.cli import main\n"
        "class Full:\n"
        "    def write(self, text): raise OSError(28, 'No space left on device')\n"
        "    def flush(self): pass\n"
        "sys.stdout = Full()\n"
        "main(['sources'], prog_name='edcurve')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith(b"Error: [Errno 28] No space left on device\n")


def test_exit_skips_garbage_collection():
    """Python does not search all imported objects for cycles when a command ends."""
    code = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 1000)); import edcurve.cli"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"True"

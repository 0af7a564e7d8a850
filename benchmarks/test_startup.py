"""From the start of a process to the first answer, side by side with the start of numba alone."""

import subprocess
import sys
from pathlib import Path

import pytest

CURVES = "import edcurve as ed; ed.curve('ramp'); ed.curve('circle')"


def _time(benchmark, *command):
    benchmark.pedantic(subprocess.run, (command,), {"check": True, "capture_output": True}, rounds=15, warmup_rounds=2)


@pytest.mark.benchmark(group="process start")
def test_import_numba(benchmark):
    _time(benchmark, sys.executable, "-c", "import numba")


@pytest.mark.benchmark(group="process start")
def test_first_curves(benchmark):
    _time(benchmark, sys.executable, "-c", CURVES)


@pytest.mark.benchmark(group="process start")
def test_command_line_help(benchmark):
    _time(benchmark, str(Path(sys.executable).parent / "edcurve"), "--help")

"""Versions of the package and of packages that determine its results."""

import subprocess
import sys
from importlib import metadata

import numpy as np
from click.testing import CliRunner
from edcurve import versions
from edcurve.cli import main


def test_versions():
    result = CliRunner().invoke(main, ["--version"])
    assert result.exit_code == 0
    first, *others = result.output.splitlines()
    assert first == f"edcurve, version {metadata.version('edcurve')}"
    actual = dict(line.split(" ", 1) for line in others)
    assert actual["python"] == sys.version.split()[0]
    assert actual["numpy"] == np.__version__
    assert {"scipy", "numba", "pandas"} <= actual.keys()


def test_versions_of_missing_packages_are_left_out():
    assert list(versions.versions(("numpy", "no-such-package"))) == ["edcurve", "python", "numpy"]


def test_versions_import_nothing():
    code = "import sys; from edcurve.cli import main; main(['--version'], standalone_mode=False);"
    code += "print(sorted({'numpy', 'scipy', 'numba', 'pandas', 'torch'} & {*sys.modules}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"

"""Metadata of a release: its dependencies, and the oldest tested releases of these."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SETS = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
REQUIREMENTS = [Requirement(text) for texts in SETS.values() for text in texts]


def pinned(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert len({key for key, _ in pins}) == len(pins)
    return {re.sub(r"[-_.]+", "-", key).lower(): Version(value) for key, value in pins}


def test_the_oldest_releases_tested_are_those_allowed():
    bounds = {}
    for requirement in REQUIREMENTS:
        if requirement.name != PROJECT["name"]:
            (bound,) = requirement.specifier  # only a lower bound: newer releases are not refused
            assert bound.operator == ">="
            assert bounds.setdefault(requirement.name, bound.version) == bound.version
    oldest = pinned("constraints-oldest.txt")
    assert {name: oldest.get(name) for name in bounds if name != "torch"} == {
        name: Version(version) for name, version in bounds.items() if name != "torch"
    }


def test_the_pinned_releases_are_allowed():
    pins = pinned("constraints.txt")
    for requirement in REQUIREMENTS:
        if requirement.name != PROJECT["name"]:
            assert pins[requirement.name] in requirement.specifier


def test_installed_metadata_agree():
    """The metadata of the wheel, or of the checkout if that is what is installed."""
    result = metadata.metadata("edcurve")
    assert result["Requires-Python"] == PROJECT["requires-python"]
    core = [line for line in metadata.requires("edcurve") if "extra" not in line]
    assert sorted(core) == sorted(PROJECT["dependencies"])
    assert set(result.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])


def test_the_core_is_small():
    """Without extras: dependencies used only by optional functions are not required."""
    assert {Requirement(text).name for text in SETS[""]} == {
        *("numpy", "scipy", "numba"),
        *("matplotlib", "pandas"),
        *("click", "lazy-loader"),
    }


def test_both_packages_come_together():
    for name in ("edcurve", "edcurve_neural"):
        (folder,) = importlib.util.find_spec(name).submodule_search_locations
        assert (Path(folder) / "py.typed").is_file()


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import edcurve_neural as edn
print(len(edn.figures.load().runs))
try:
    edn.evaluate
except ImportError as error:
    print(error)
"""


def test_names_that_need_an_extra_name_it():
    result = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=True)
    runs, messages = result.stdout.splitlines()
    assert int(runs) > 100
    assert messages.startswith("edcurve_neural.evaluate needs the extra neural: pip install 'edcurve[neural]' (")

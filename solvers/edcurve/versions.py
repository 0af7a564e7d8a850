"""Versions of what results depend on, read from the metadata of the installed packages: nothing is imported."""

from __future__ import annotations

import platform
from importlib import metadata

from . import __version__

PACKAGES = ("numpy", "scipy", "numba", "pandas", "matplotlib", "python-flint", "cvxpy", "plotly", "torch")


def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Name and version of this package, of Python and of those of the packages that are installed."""
    found = {"edcurve": __version__, "python": platform.python_version()}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def system() -> str:
    """Operating system and processor architecture."""
    return f"{platform.system()} {platform.machine()}"

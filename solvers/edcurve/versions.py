"""Versions of the packages that results depend on, read from their metadata without importing them."""

from __future__ import annotations

import platform
from importlib import metadata

from . import __version__

PACKAGES = ("numpy", "scipy", "numba", "pandas", "matplotlib", "python-flint", "cvxpy", "plotly", "torch")


def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Names and versions of this package, of Python and of the installed ones among the packages."""
    installed = {"edcurve": __version__, "python": platform.python_version()}
    for name in packages:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


def system() -> str:
    """Operating system and processor architecture."""
    return f"{platform.system()} {platform.machine()}"

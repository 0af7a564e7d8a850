"""Warnings that point at the line that called the package, however deep in it they arise."""

from __future__ import annotations

import sys
import warnings

OWN = {"edcurve", "edcurve_neural"}


def warn(message: str) -> None:
    """Warn, at the innermost line outside the package."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in OWN:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)

"""Rigorous enclosures of E(D), in ball arithmetic; needs python-flint (the extra ``certificate``).

The public names are imported when they are first used, so that ``python -m edcurve.certificate.check`` loads the
checker and nothing of the program that wrote what it checks.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .certification import Certificate, certify, verify_condition

__all__ = ["Certificate", "certify", "verify_condition"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import certification

    return getattr(certification, name)

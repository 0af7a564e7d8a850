"""Where tests run: without PyTorch, all that does not need it; in the background of a shell, interrupts as well."""

import importlib.util
import signal

import pytest

TORCH = importlib.util.find_spec("torch") is not None
collect_ignore = [] if TORCH else ["neural", "io/test_damaged_files.py"]


def pytest_configure():
    """Programs in the background of a shell ignore interrupts, which some tests send."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header():
    return [] if TORCH else "PyTorch is not installed: neural compressors and the fuzzing of their files are not tested"


def pytest_collection_modifyitems(items):
    for item in items:
        if not TORCH and item.get_closest_marker("torch"):
            item.add_marker(pytest.mark.skip(reason="needs PyTorch"))

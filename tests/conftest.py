"""What is tested of an installation without PyTorch: all that does not need it."""

import importlib.util

import pytest

TORCH = importlib.util.find_spec("torch") is not None
collect_ignore = [] if TORCH else ["neural", "test_fuzz.py"]


def pytest_report_header():
    return [] if TORCH else "PyTorch is not installed: neural compressors and the fuzzing of their files are not tested"


def pytest_collection_modifyitems(items):
    for item in items:
        if not TORCH and item.get_closest_marker("torch"):
            item.add_marker(pytest.mark.skip(reason="needs PyTorch"))

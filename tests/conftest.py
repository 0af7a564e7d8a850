"""Where tests run: without PyTorch, those that do not need it; in a shell's background, with interrupts."""

import atexit
import contextlib
import gc
import getpass
import importlib.util
import os
import signal
import tempfile
from pathlib import Path

import pytest

# Matrices are small here: threads of BLAS double the processor time and cause waiting, in subprocesses too.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
pytest.register_assert_rewrite("command_output", "contiguous", "example_curves", "new_process")


def remove_empty_folder():
    """Remove the parent of temporary folders, unless a failed test or another run still uses it."""
    with contextlib.suppress(OSError):
        (Path(tempfile.gettempdir()) / f"pytest-of-{getpass.getuser()}").rmdir()


atexit.register(remove_empty_folder)  # registered before pytest's own cleanup, and so run after it

TORCH = importlib.util.find_spec("torch") is not None
collect_ignore = [] if TORCH else ["neural", "io/test_damaged_files.py"]


def pytest_configure():
    """Programs in the background of a shell ignore interrupts, which some tests send."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish():
    """Collected tests are not garbage: exclude thousands of them from garbage collection."""
    gc.collect()
    gc.freeze()


def pytest_report_header():
    return [] if TORCH else "PyTorch is not installed: neural compressors and the fuzzing of their files are not tested"


def pytest_collection_modifyitems(items):
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"{item.nodeid}: an address makes the name differ between workers; give ids")
        if not TORCH and item.get_closest_marker("torch"):
            item.add_marker(pytest.mark.skip(reason="needs PyTorch"))


@pytest.fixture(scope="session")
def violating():
    """A curve of a source whose best partitions are not biuniform."""
    from example_curves import curve_with_violations

    return curve_with_violations()


@pytest.fixture
def drawn():
    """A curve with infinity, whose name would break careless programs."""
    from example_curves import curve_with_infinity

    return curve_with_infinity()


@pytest.fixture
def plt():
    """Pyplot without a display, with all figures closed before and after."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    plt.close("all")  # those left by another test in the same process
    yield plt
    plt.close("all")

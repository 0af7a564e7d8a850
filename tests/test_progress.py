"""The bar of long work: on a terminal, after two seconds, and nowhere else."""

import io
import os
import sys
import time

import numpy as np
import pytest
from edcurve import progress
from edcurve.kernels import compiling

pty = pytest.importorskip("pty", reason="terminals of Unix", exc_type=ImportError)


def said(monkeypatch, work):
    """Output of the work on a terminal as standard error."""
    ours, theirs = pty.openpty()
    with open(theirs, "w") as terminal, monkeypatch.context() as patch:  # noqa: PTH123  # a descriptor
        patch.setattr(sys, "stderr", terminal)
        work()
        terminal.write("END")
    read = b""
    while b"END" not in read:
        read += os.read(ours, 4096)
    os.close(ours)
    return read.decode()


@pytest.mark.parametrize(("total", "last"), [(7, "7/7"), (None, "7")])
def test_it_counts(monkeypatch, total, last):
    def work():
        with progress.bar("searching", total) as update:
            for done in range(1, 8):
                update(done, 7)

    assert said(monkeypatch, work) == "END"  # within two seconds
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    output = said(monkeypatch, work)
    assert "searching" in output
    assert last in output.split("]")[-1]
    assert output.count("\n") == 1  # in place, and the next output begins a line


@pytest.mark.parametrize("stream", [io.StringIO(), None])
def test_it_is_for_terminals(monkeypatch, stream):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.bar("searching", 2) as update:
        update(1, 2)
    assert stream is None or not stream.getvalue()


def test_it_ends_with_failed_work(monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)

    def failing():
        with progress.bar("searching", 2) as update:
            update(1, 2)
            raise ZeroDivisionError

    def work():
        with pytest.raises(ZeroDivisionError):
            failing()

    assert "\x1b[?25h" in said(monkeypatch, work)  # the cursor is back


def test_work_without_steps_is_named(monkeypatch):
    def work():
        with progress.notice("compiling"):
            time.sleep(0.2)

    assert said(monkeypatch, work) == "END"
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    assert said(monkeypatch, work) == "compiling\r\nEND"
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    work()
    monkeypatch.setattr(sys, "stderr", None)
    work()
    assert stream.getvalue() == ""


def test_compiling_is_reported_once_per_kernel(monkeypatch, tmp_path):
    """If it takes longer than loading from the cache: here any time at all."""
    messages = []

    def half(x, out):
        out[0] = 0.5 * x

    def work():
        messages.append(compiling.kernel(half, (compiling.REAL, compiling.REALS), name="half"))

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(progress, "PATIENCE", 1e-4)
    assert said(monkeypatch, work) == "edcurve: compiling half (once)\r\nEND"
    out = np.zeros(1)
    messages[0](3.0, out)
    assert out[0] == 1.5

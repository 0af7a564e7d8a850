"""Ctrl-C ends the wait for work such as compiling, and never the work itself."""

import os
import signal
import sys
import threading

import pytest
from edcurve.apart import apart, once
from new_process import posix, python

PATIENCE = 60.0


def interrupted(wait):
    """Press Ctrl-C after the start of work that runs until released; True if it then ends."""
    started, may_end, has_ended = threading.Event(), threading.Event(), threading.Event()

    def work():
        started.set()
        may_end.wait(PATIENCE)
        has_ended.set()
        return 1.0

    def press():
        started.wait(PATIENCE)
        os.kill(os.getpid(), signal.SIGINT)

    presses = threading.Thread(target=press)
    presses.start()
    with pytest.raises(KeyboardInterrupt):
        wait(work)
    presses.join()
    assert not has_ended.is_set()
    may_end.set()
    return has_ended


@posix
def test_an_interrupt_ends_only_the_wait():
    has_ended = interrupted(apart)
    assert apart(has_ended.is_set)  # one at a time: the next waits for it


@posix
def test_abandoned_work_is_not_repeated():
    received = []

    @once
    def computed(work):
        received.append(work)
        return work()

    interrupted(computed)
    assert computed(received[0]) == 1.0
    assert len(received) == 1


def test_errors_are_raised_in_the_waiting_thread():
    with pytest.raises(ZeroDivisionError):
        apart(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        apart(lambda: apart(lambda: 1 / 0))


def test_threads_wait_for_each_other():
    counted, at_once = [], []

    def work():
        counted.append(1)
        at_once.append(len(counted))
        threading.Event().wait(0.01)
        counted.pop()

    threads = [threading.Thread(target=apart, args=(work,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    apart(work)
    for thread in threads:
        thread.join()
    assert at_once == [1] * 5


def test_a_module_may_wait_for_work_that_imports_it(tmp_path):
    """numba does so when it compiles for a module whose import is not finished."""
    module = "import importlib\nfrom edcurve.apart import apart\napart(lambda: importlib.import_module(__name__))\n"
    (tmp_path / "compiles.py").write_text(module)
    path = os.pathsep.join([str(tmp_path), *sys.path])
    assert python("import compiles; print(compiles.__name__)", PYTHONPATH=path).strip() == "compiles"

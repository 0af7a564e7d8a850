"""Run code in a new interpreter, with fewer rights if need be."""

import ctypes
import os
import subprocess
import sys

import pytest

posix = pytest.mark.skipif(os.name != "posix", reason="limits and permissions of POSIX")
# Generous, in seconds: the limit is for deadlocks, which last forever.
PATIENCE = 240
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


def as_a_user():
    """Root may write everywhere, unless it gives that up."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


def no_files():
    """Files hold no more than 16 bytes."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))


def python(code, *arguments, cwd=None, **environment):
    """Run code in a new interpreter, with warnings as errors; an environment variable that is None is removed."""
    changed = {**os.environ, **{name: str(value) for name, value in environment.items() if value is not None}}
    for name in (name for name, value in environment.items() if value is None):
        changed.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=changed,
        cwd=cwd,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout

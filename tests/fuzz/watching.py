"""Watch one case for hangs, memory use, executed code, and files written elsewhere."""

import shutil
import signal
import sys
import tempfile
import threading
import warnings
from pathlib import Path

from .targets import Finding, attempt

EXECUTION = (
    "pickle.find_class",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "subprocess.Popen",
    "socket.connect",
)
SECONDS = 60.0  # of processor time
_state = {"folder": None, "seen": None, "installed": False}


class Hang(BaseException):
    """Raised by the alarm; handlers of `Exception` do not catch it."""


def _audit(event, arguments):
    if _state["folder"] is None or threading.current_thread() is not threading.main_thread():
        return
    if event in EXECUTION and not _numba():
        _state["seen"] = f"{event} {arguments!r:.200}"
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wxa+"):
        path = str(arguments[0])
        if not path.startswith((_state["folder"], tempfile.gettempdir(), "/dev/")) and not _numba():
            _state["seen"] = f"writes {path}"


def _numba():
    """Whether the caller is numba, whose cache uses pickles, or one-time initialisation."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(("numba", "matplotlib.font_manager")):
            return True
        frame = frame.f_back
    return False


def _stop(_number, _frame):
    raise Hang


def case(name, seed, store, within=None):
    """Run a case in a new folder, within the one given; return what is wrong and the folder, which stays, or None."""
    if not _state["installed"]:
        sys.addaudithook(_audit)
        _state["installed"] = True
    folder = Path(tempfile.mkdtemp(prefix="edcurve-fuzz-", dir=within))
    mark = folder.with_name(folder.name + "-executed")
    _state.update(folder=str(folder), seen=None)
    before = signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    found = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("always", category=UserWarning, module=r"click\.|fuzz\.")  # commands show them
            attempt(name, seed, folder, mark, store)
    except Hang:
        found = f"more than {SECONDS:g} s"
    except Finding as error:
        found = f"{error}: {_traced(error)}"
    except Exception as error:  # any other exception is a finding
        found = f"{type(error).__name__} {error}: {_traced(error)}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)
        _state["folder"] = None
    if _state["seen"] or mark.exists():
        found = f"executed: {_state['seen']}"
        mark.unlink(missing_ok=True)
    if found is None:
        shutil.rmtree(folder)
        return None
    return found, folder


def _traced(error):
    """The places in edcurve that an exception came through."""
    error, places = error.__cause__ or error, []
    trace = error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if "edcurve" in str(path):
            places.append(f"{path.name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__} {str(error)[:300]} at {' '.join(places[-4:])}"

"""Opening files of any origin, and writing files atomically."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

locks: ModuleType | None
try:
    import fcntl as locks
except ImportError:  # not on Windows
    locks = None

LARGEST = 2**28  # bytes of text
TEMPORARY = ".edcurve-"  # begins the names of files that are being written
FORGOTTEN = 86400.0  # seconds after which such a file counts as a remnant if files cannot be locked


@contextlib.contextmanager
def reading(path: str | os.PathLike[str], most: int, *, streams: bool = False) -> Iterator[BinaryIO]:
    """Open a file that may be anything.

    Parameters
    ----------
    path : path
        The file.
    most : int
        Largest allowed size in bytes; that of pipes is unknown.
    streams : bool
        Whether it may be a pipe.

    Raises
    ------
    ValueError
        If it is not a file, such as a device, or too large. Nothing is read from it.
    OSError
        If it cannot be opened.
    """
    # do not block on opening a pipe that will be refused
    waiting = 0 if streams else getattr(os, "O_NONBLOCK", 0)
    kind = Path(path).stat().st_mode
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    _require_file(path, kind, streams)
    with _named(path), open(path, "rb", opener=lambda name, flags: os.open(name, flags | waiting)) as file:
        about = os.fstat(file.fileno())
        _require_file(path, about.st_mode, streams)  # again, as it may have been replaced meanwhile
        if about.st_size > most:
            raise ValueError(f"{os.fspath(path)}: expected at most {most} bytes, got {about.st_size}")
        yield file


def _require_file(path: str | os.PathLike[str], kind: int, streams: bool) -> None:
    if not (stat.S_ISREG(kind) or (streams and stat.S_ISFIFO(kind))):
        raise ValueError(f"{os.fspath(path)}: expected a {'' if streams else 'regular '}file, not a device or a pipe")


def read_bytes(path: str | os.PathLike[str], most: int, *, streams: bool = False) -> bytes:
    """The content of a file; errors as in `reading`, also for a pipe with more than `most` bytes."""
    with reading(path, most, streams=streams) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{os.fspath(path)}: expected at most {most} bytes")
    return content


def read_text(path: str | os.PathLike[str], encoding: str = "utf-8") -> str:
    """The text in a file or a pipe; ValueError with its name for devices and for more than `LARGEST` bytes."""
    return read_bytes(path, LARGEST, streams=True).decode(encoding)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], *, follow: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, with the same suffix, that replaces it on success.

    The new file has the permissions of the old one, and is synchronised to disk before it is renamed.

    Parameters
    ----------
    path : path
        The file to write. A device or a pipe is written directly.
    follow : bool
        If ``path`` is a link, whether its target is replaced, or the link.
    """
    target = Path(os.path.realpath(path)) if follow else Path(os.path.realpath(Path(path).parent), Path(path).name)
    old = _kind(path, follow)
    if stat.S_ISDIR(old):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if old and not (stat.S_ISREG(old) or stat.S_ISLNK(old)):
        if not follow:
            raise ValueError(f"{os.fspath(path)}: expected a regular file, not a device or a pipe")
        with _named(path):
            yield Path(path)
        return
    try:
        temporary, descriptor = _made(target)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None
    try:
        with _named(path, temporary):
            yield temporary
            os.fsync(descriptor)
            if stat.S_ISREG(old):
                temporary.chmod(stat.S_IMODE(old))
            if locks is None:
                os.close(descriptor)  # Windows does not rename open files
            temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _kind(path: str | os.PathLike[str], follow: bool) -> int:
    """Kind and permissions of a file, or of a link to it; 0 if there is none."""
    try:
        return Path(path).stat(follow_symlinks=follow).st_mode
    except OSError:
        return 0


def _made(target: Path) -> tuple[Path, int]:
    """A new file beside the target, locked while the descriptor is open, so that `clear` does not remove it."""
    while True:
        temporary = target.with_name(f"{TEMPORARY}{secrets.token_hex(8)}{target.suffix}")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        if not _locked(descriptor) or os.fstat(descriptor).st_nlink:
            return temporary, descriptor
        os.close(descriptor)  # `clear` removed it before it was locked


def _locked(descriptor: int, *, wait: bool = True) -> bool:
    """Lock a file; False if another process has locked it, or locks are not supported."""
    if locks is None:
        return False
    try:
        locks.flock(descriptor, locks.LOCK_EX | (0 if wait else locks.LOCK_NB))
    except OSError:
        return False
    return True


def clear(folder: str | os.PathLike[str]) -> None:
    """Remove the temporary files of killed processes from a folder: those that no process has locked."""
    with contextlib.suppress(OSError):  # the folder does not exist, or is read-only
        for path in Path(folder).glob(f"{TEMPORARY}*"):
            _clear(path)


def _clear(path: Path) -> None:
    with contextlib.suppress(OSError):
        if not stat.S_ISREG(path.lstat().st_mode):
            return
        if locks is None:
            if time.time() - path.stat().st_mtime > FORGOTTEN:
                path.unlink()
            return
        descriptor = os.open(path, os.O_RDWR)
        try:
            if _locked(descriptor, wait=False):
                path.unlink()
        finally:
            os.close(descriptor)


def check_outputs(outputs: Iterable[str | os.PathLike[str]], inputs: Iterable[str | os.PathLike[str]] = ()) -> None:
    """ValueError if an output is one of the inputs, or two outputs are the same file, under any names."""
    outputs = list(outputs)
    for output in outputs:
        for path in inputs:
            if _same(output, path):
                raise ValueError(f"{os.fspath(output)}: expected another file than what is read, {os.fspath(path)}")
    for first, second in combinations(outputs, 2):
        if _same(first, second) or _place(first) == _place(second):
            raise ValueError(f"{os.fspath(second)}: expected different files to write, got {os.fspath(first)} too")


def _same(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> bool:
    """Whether two paths lead to the same regular file; a device or a pipe may be read and written."""
    try:
        return Path(first).samefile(second) and Path(first).is_file()
    except (OSError, ValueError):  # one of them does not exist, or is not a path
        return False


def _place(path: str | os.PathLike[str]) -> str:
    """Real path of a file, case-folded because some file systems ignore case."""
    return os.path.realpath(path).casefold()


@contextlib.contextmanager
def _named(path: str | os.PathLike[str], temporary: Path | None = None) -> Iterator[None]:
    """Add the path to errors of reading and writing.

    When a disk is full, the system does not name the file, and NumPy does not even say that the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.filename in (None, temporary, str(temporary)):
            error.errno, error.strerror = error.errno or errno.EIO, error.strerror or str(error)
            error.filename, error.filename2 = str(path), None
        raise


def write_text(path: str | os.PathLike[str], text: str, *, follow: bool = True) -> None:
    """Write a text file in UTF-8 atomically."""
    with replacing(path, follow=follow) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")

"""Writing files whole or not at all, and reading text of limited length."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

LARGEST = 2**28  # bytes of text


def read_text(path: str | os.PathLike[str], encoding: str = "utf-8") -> str:
    """The text in a file or a pipe; ValueError that names it for devices and for more than `LARGEST` bytes."""
    if Path(path).is_char_device() or Path(path).is_block_device():
        raise ValueError(f"{os.fspath(path)}: expected a file, not a device")
    with Path(path).open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"{os.fspath(path)}: expected at most {LARGEST} bytes of text")
    return content.decode(encoding)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, of the same suffix, that takes its place on success.

    Where ``path`` is a link, the file that it leads to is replaced. A device or a pipe is written to directly.
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if target.exists() and not target.is_file():
        with _named(path):
            yield target
        return
    target = Path(os.path.realpath(target))
    temporary = target.with_name(f".edcurve-{secrets.token_hex(8)}{target.suffix}")
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None
    try:
        with _named(path, temporary):
            yield temporary
            temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _named(path: str | os.PathLike[str], temporary: Path | None = None) -> Iterator[None]:
    """Make errors of writing name the path.

    When a disk is full, the system does not say which file it was, and NumPy not even that the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.filename in (None, temporary, str(temporary)):
            error.errno, error.strerror = error.errno or errno.EIO, error.strerror or str(error)
            error.filename, error.filename2 = str(path), None
        raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")

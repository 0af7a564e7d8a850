"""Standard output: complete texts or an error, and no control characters from files on a terminal."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def whole_and_printable(stream: Any) -> Iterator[None]:
    """Make a text stream escape control characters, replace characters it lacks by ?, and write texts completely.

    Python's unbuffered stream (``PYTHONUNBUFFERED``) silently writes only the beginning of a text when a disk becomes
    full.
    """
    from edcurve.io.text import message

    if not isinstance(stream, io.TextIOWrapper):  # missing, or that of a notebook or a test
        yield
        return
    stream.reconfigure(errors="replace")
    before, raw = stream.write, stream.buffer

    def write(text: str) -> int:
        if not isinstance(text, str):  # click tests in this way whether the stream accepts bytes
            raise TypeError(f"write() takes a str, got {type(text).__name__}")
        if not isinstance(raw, io.RawIOBase):
            return before(message(text))
        content = memoryview(message(text).encode(stream.encoding, "replace"))
        while content:
            content = content[raw.write(content) or 0 :]
        return len(text)

    stream.write = write  # type: ignore[method-assign]  # patched in place, because others hold this stream
    try:
        yield
    finally:
        del stream.write

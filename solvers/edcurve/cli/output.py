"""Standard output: all of a text or an error, and no control characters from files on a terminal."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def whole_and_printable(stream: Any) -> Iterator[None]:
    """Have a stream of text write control characters escaped, letters it lacks as ?, and all of what it is given.

    Python's own stream without a buffer (``PYTHONUNBUFFERED``) writes the beginning of a text to a disk that becomes
    full, and says nothing.
    """
    from edcurve.io.text import message

    if not isinstance(stream, io.TextIOWrapper):  # there is none, or it is of a notebook or a test
        yield
        return
    stream.reconfigure(errors="replace")
    before, raw = stream.write, stream.buffer

    def write(text: str) -> int:
        if not isinstance(text, str):  # click asks in this way whether the stream takes bytes
            raise TypeError(f"write() takes a str, got {type(text).__name__}")
        if not isinstance(raw, io.RawIOBase):
            return before(message(text))
        content = memoryview(message(text).encode(stream.encoding, "replace"))
        while content:
            content = content[raw.write(content) or 0 :]
        return len(text)

    stream.write = write  # type: ignore[method-assign]  # others hold this very stream: another would be missed
    try:
        yield
    finally:
        del stream.write

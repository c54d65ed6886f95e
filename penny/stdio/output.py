"""What is printed here goes on line by line; what has no end of line, when it is flushed.

Python's own streams, where they are no terminals, pass on half of a line together with the whole
one before it, so that the lines of two workers would be mixed. And each knows nothing of the other:
what was written to stderr would overtake what was written to stdout before.
"""

from __future__ import annotations

import io
import os
import sys
from functools import cached_property
from typing import Any

__all__ = ["Stream", "flush", "install", "show", "stderr", "stdout"]

HELD_BYTES = 1 << 13
"""A line that is longer goes on in pieces."""


class Stream(io.BufferedIOBase):
    """The bytes written to stdout or stderr. It holds the beginning of a line, until it is flushed.

    An urgent task may print, and `Cancelled` may be raised, wherever one of its methods calls
    another function, so there is no call between taking what is held and leaving the rest.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        self.name = name
        self.mode = "wb"
        self.held = b""
        self.other: Stream | None = None
        """Whatever it holds was written before what is written here."""

    def write(self, data: Any) -> int:
        """Take bytes; whole lines go on at once."""
        if type(data) is not bytes:
            data = memoryview(data).tobytes()
        if self.other is not None and self.other.held:
            self.other.flush()
        size = len(data)
        end = size if size >= HELD_BYTES else data.rfind(b"\n") + 1
        if end:
            line, self.held = self.held + data[:end], data[end:]
            self._send(line)
        else:
            self.held += data
            if len(self.held) >= HELD_BYTES:
                self.flush()
        return size

    def flush(self) -> None:
        """Send on what is held."""
        line, self.held = self.held, b""
        if line:
            self._send(line)

    def close(self) -> None:
        """Only flush it: one task's end of it, or of a wrapper around it, is not everybody's."""
        self.flush()

    def _send(self, data: bytes) -> None:
        sent = os.write(self._descriptor, data)
        while sent < len(data):
            sent += os.write(self._descriptor, data[sent:])

    @cached_property
    def raw(self) -> io.FileIO:
        """What is written there goes on at once."""
        return io.FileIO(self._descriptor, "wb", closefd=False)

    def detach(self) -> io.FileIO:
        """Give `raw` away."""
        self.flush()
        return self.raw

    def fileno(self) -> int:
        """1 or 2."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """A stream is, always."""
        return True


stdout = Stream(1, "<stdout>")
stderr = Stream(2, "<stderr>")
stdout.other, stderr.other = stderr, stdout


def install() -> None:
    """Let `sys.stdout` and `sys.stderr` write to these from now on."""
    for name, stream in ("stdout", stdout), ("stderr", stderr):
        before = getattr(sys, name)
        if before is None or getattr(before, "buffer", None) is stream:
            continue
        before.flush()
        text = io.TextIOWrapper(
            stream,
            encoding="utf-8",
            errors="strict" if stream is stdout else "backslashreplace",
            newline="\n",
            write_through=True,
        )
        setattr(sys, name, text)
        setattr(sys, f"__{name}__", text)


def show(stream: str, text: str) -> None:
    """Print, for a worker, where this Python prints now: in a notebook, in the cell that runs.

    Args:
        stream: "stdout" or "stderr".
        text: Some lines, or part of one.
    """
    to = sys.stdout if stream == "stdout" else sys.stderr
    if to is not None:
        to.write(text)
        to.flush()


def flush() -> None:
    """Send on what was printed and has no end of line yet."""
    stdout.flush()
    stderr.flush()

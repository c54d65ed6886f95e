"""What `input()`, `sys.stdin` and debuggers read, where stdin is not the shell's.

Where there is none, whoever reads `sys.stdin` is told why. Who reads the descriptor (`open(0)`,
`/dev/stdin`, `os.read`) gets what the operating system says, and that says it in a note.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from penny import _bridge
from penny.errors import BlockingError
from penny.exception_parts import notes_of

__all__ = ["NO_STDIN", "hint", "read_by", "refuse"]

IN_A_TASK = (
    "a task can't read from stdin: read in the script, and pass what came to the task as an "
    "argument. To debug it, call its function in the script itself"
)
NO_STDIN = (
    "there is no stdin here: ask on the page, in JavaScript, and pass the answer on; or give "
    "Penny.run an `input`; or use `penny run`, whose script reads the shell's"
)


class _Refused(io.RawIOBase):
    """No stdin: whoever reads gets an error, at once."""

    name = "<stdin>"
    mode = "rb"

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> NoReturn:
        raise RuntimeError(self._reason)


class _Open(io.BufferedReader):
    """Stays open: one task's end of it is not everybody's, and who reads after it is told, too."""

    def close(self) -> None:
        pass


class _Awaited(io.RawIOBase):
    """A stdin whose bytes are promised, on a page: it is suspended until they come."""

    name = "<stdin>"
    mode = "rb"

    def __init__(self, read: Callable[[int], Any]) -> None:
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not _bridge.can_run_sync():
            raise BlockingError(
                "this page can't wait for stdin: run the script in a worker of its own, as "
                "`penny run` does without --page"
            )
        view = memoryview(buffer).cast("B")
        data = _bridge.run_sync(self._read(len(view))).to_bytes()
        view[: len(data)] = data
        return len(data)


_first: Any = None
_reason = ""
"""Why nothing is to be read; empty: something is."""


def refuse(reason: str = IN_A_TASK) -> None:
    """Let whatever reads from stdin raise a RuntimeError that gives the reason, from now on."""
    global _reason
    _reason = reason
    _replace(_Open(_Refused(reason)))

    def hook(*args: Any, **kwargs: Any) -> Any:
        """Raise it, unless PYTHONBREAKPOINT names something that needs no stdin."""
        if os.environ.get("PYTHONBREAKPOINT"):
            return sys.__breakpointhook__(*args, **kwargs)
        raise RuntimeError(reason)

    sys.breakpointhook = hook


def read_by(read: Callable[[int], Any] | None) -> None:
    """Let stdin be what `read` promises: at most so many bytes, none at its end.

    None: let it be what it was at first. A page's Pyodide runs one script after the other.
    """
    global _first, _reason
    _reason = ""
    if _first is None:
        _first = sys.stdin
    if read is not None:
        _replace(io.BufferedReader(_Awaited(read)))
    else:
        sys.stdin = sys.__stdin__ = _first  # type: ignore[misc]


def _replace(buffer: io.BufferedReader) -> None:
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(buffer, encoding="utf-8")  # type: ignore[misc]


# Whatever a class of the program's makes of it.
_number: Any = OSError.__dict__["errno"]


def hint(error: BaseException) -> str:
    """What to do instead, if the error is that of a read from a stdin which is refused.

    Of an error without a file name nobody knows which file it is about. But there is no other whose
    device is missing (web/penny/input.js), nor is a descriptor bad so often while 0 is.
    """
    if not _reason or not isinstance(error, OSError):
        return ""
    notes = notes_of(error)
    if _note(IN_A_TASK) in notes or _note(NO_STDIN) in notes:
        return ""  # a task's, which has been told
    number = _number.__get__(error)
    if number == errno.ENXIO or (number == errno.EBADF and not _is_open(0)):
        return _note(_reason)
    return ""


def _note(reason: str) -> str:
    return f"({reason[0].upper()}{reason[1:]}.)"


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True

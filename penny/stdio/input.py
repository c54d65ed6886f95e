"""What `input()`, `sys.stdin` and debuggers read, where stdin is not the shell's.

Where there is none, whoever reads `sys.stdin` is told why. Who reads the descriptor (`open(0)`,
`/dev/stdin`, `os.read`) gets what the operating system says, and that says it in a note.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from penny.bridge import javascript
from penny.errors import BlockingError
from penny.hints import stdin
from penny.hints.stdin import IN_A_TASK, NO_STDIN

__all__ = ["NO_STDIN", "read_by", "refuse"]


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

    def __init__(self, read: Callable[[int], Any], interrupt: Callable[[], object]) -> None:
        self._read = read
        self._interrupt = interrupt

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not javascript.can_run_sync():
            raise BlockingError(
                "this page can't wait for stdin: run the script in a worker of its own, as "
                "`penny run` does without --page"
            )
        view = memoryview(buffer).cast("B")
        data = javascript.run_sync(self._read(len(view)), self._interrupt).to_bytes()
        view[: len(data)] = data
        return len(data)


_first: Any = None


def refuse(reason: str = IN_A_TASK) -> None:
    """Let whatever reads from stdin raise a RuntimeError that gives the reason, from now on."""
    stdin.refused(reason)
    _replace(_Open(_Refused(reason)))

    def hook(*args: Any, **kwargs: Any) -> Any:
        """Raise it, unless PYTHONBREAKPOINT names something that needs no stdin."""
        if os.environ.get("PYTHONBREAKPOINT"):
            return sys.__breakpointhook__(*args, **kwargs)
        raise RuntimeError(reason)

    sys.breakpointhook = hook


def read_by(
    read: Callable[[int], Any] | None, interrupt: Callable[[], object] = lambda: None
) -> None:
    """Let stdin be what `read` promises: at most so many bytes, none at its end.

    A page's Pyodide runs one script after the other.

    Args:
        read: None: let it be what it was at first.
        interrupt: Lets what `read` has promised come at once, whatever it is; the next who reads
            gets what was asked for.
    """
    global _first
    stdin.refused("")
    if _first is None:
        _first = sys.stdin
    if read is not None:
        _replace(io.BufferedReader(_Awaited(read, interrupt)))
    else:
        sys.stdin = sys.__stdin__ = _first  # type: ignore[misc]


def _replace(buffer: io.BufferedReader) -> None:
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(buffer, encoding="utf-8")  # type: ignore[misc]
